//go:build lab

package conformance

import (
	"strings"
	"testing"

	"port67/ops/lab"
)

// Every vector is played over a wire to port67d, a cluster of one node.
func TestVectors_OnTheWire(t *testing.T) {
	ctx := t.Context()
	l, err := lab.New(ctx, lab.Options{Nodes: 1, Config: string(ourConfig), LogLevel: "debug", Log: t.Output()})
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
	w, err := NewWire(ctx, end, l.Node(1).Host, true)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	all := table()
	played := 0
	for i, v := range w.PlayAll(ctx, all) {
		if v.Err != nil {
			t.Error(v.Err)
		}
		if v.Played {
			played++
		}
		if seen := strings.Join(v.Seen, "; "); seen != all[i].Known {
			t.Errorf("%s\nseen: %q, known is %q", title(all[i]), seen, all[i].Known)
		}
	}
	t.Logf("FIGURE vectors played to port67d on the wire: %d of %d", played, len(all))
	if t.Failed() {
		t.Logf("the node's log:\n%s", l.Node(1).Log())
	}
}
