package metrics

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/metrics.md anew")

// TestDocument_IsTheTruth holds docs/metrics.md to the metrics that a node has.
func TestDocument_IsTheTruth(t *testing.T) {
	families, err := full(t).registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("# Metrics\n\n" +
		"What a node shows to Prometheus at `/metrics` if `metrics.listen` is set, beside the usual\n" +
		"`go_*` and `process_*`. This page is generated from `server/metrics`; the outcomes are those of\n" +
		"[outcomes.md](outcomes.md).\n\n" +
		"`/healthz` answers 200 while the process need not be restarted, `/readyz` while the node serves\n" +
		"clients; else both answer 503 and why.\n\n" +
		"| metric | kind | labels | what it is |\n| --- | --- | --- | --- |\n")
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), namespace) {
			continue
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.GetName(), strings.ToLower(f.GetType().String()),
			strings.Join(labels, ", "), f.GetHelp())
	}
	const path = "../../docs/metrics.md"
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != b.String() {
		t.Errorf("%s is not up to date (%v): run go test ./server/metrics -update", path, err)
	}
}
