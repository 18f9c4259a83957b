//go:build conformance

package conformance

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"port67/ops/lab"
)

// Every vector is played over a wire to port67d and, on the same host and with the same network, to the servers of
// others. What comes of it is written into docs/conformance.md. It fails where ours does not as the row asks, and
// where a server differs and no note says who is right.
func TestMatrix(t *testing.T) {
	ctx := t.Context()
	l, err := lab.New(ctx, lab.Options{Nodes: 1, Config: string(ourConfig), Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	end, err := l.AddHost(ctx, "", lab.LAN, "")
	if err != nil {
		t.Fatal(err)
	}
	at, all := l.Node(1), table()
	columns := []Column{{Name: "Port67", Version: "this", Verdicts: playTo(ctx, t, end, at.Host, all, true)}}
	inProcess(t, all, columns[0].Verdicts)
	for i, v := range columns[0].Verdicts {
		if v.Err != nil || v.cell() != asTheRow && all[i].Known == "" {
			t.Errorf("%s\nseen: %v, %v", title(all[i]), v.Seen, v.Err)
		}
	}
	if err := at.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, p := range Peers() {
		version, err := p.Version(ctx)
		if err != nil {
			t.Fatalf("%s: %v", p.Package, err)
		}
		running, err := p.Start(at.Host, l.Dir())
		if err != nil {
			t.Fatal(err)
		}
		verdicts := playTo(ctx, t, end, at.Host, all, false)
		running.Kill()
		if t.Failed() {
			t.Logf("%s wrote\n%s", p.Name, running.Output())
		}
		columns = append(columns, Column{Name: p.Name, Version: version, Verdicts: verdicts})
	}
	if t.Failed() {
		return
	}
	page := filepath.Join("..", "..", "docs", "conformance.md")
	before, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(before), Elsewhere)
	if err := os.WriteFile(page, []byte(Matrix(all, columns)+Elsewhere+rest), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, line := range Unexplained(all, columns) {
		t.Errorf("without a note: %s", line)
	}
}

// playTo plays all vectors to the server on a host once it answers.
func playTo(ctx context.Context, t *testing.T, end, at *lab.Host, all []Vector, ours bool) []Verdict {
	t.Helper()
	w, err := NewWire(ctx, end, at, ours)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.WaitAnswers(ctx); err != nil {
		t.Error(err)
		return make([]Verdict, len(all))
	}
	return w.PlayAll(ctx, all)
}

// inProcess plays to the core what cannot be played on the wire.
func inProcess(t *testing.T, all []Vector, verdicts []Verdict) {
	t.Helper()
	for i, v := range all {
		if v.Only != InProcess {
			continue
		}
		s, err := NewCore()
		if err != nil {
			t.Fatal(err)
		}
		verdicts[i].Played = true
		verdicts[i].Seen, verdicts[i].Err = v.Play(i, s)
	}
}
