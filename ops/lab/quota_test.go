//go:build lab

package lab

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// quotaConfig lets two clients of every relay agent have an address.
const quotaConfig = `lease: {default: 1h, min: 10s, max: 24h}
classes:
  - name: behind
    template: "pkt.relayed ? pkt.giaddr : ''"
    limit: 2
subnets:
  - prefix: 10.67.0.0/16
    pools: [10.67.1.0-10.67.255.250]
  - prefix: 10.68.0.0/24
    pools: [10.68.0.10-10.68.0.250]
`

// Five clients behind one relay agent, which asks all three nodes, want an address at the same time: two get
// one, whoever answers, and another one when there is room again (W-030).
func TestQuota(t *testing.T) {
	ctx := t.Context()
	l, err := New(ctx, Options{Config: quotaConfig, Relay: true, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer closeLab(t, l)
	var clients []*Client
	for range 5 {
		host, err := l.AddHost(ctx, "", Far, "")
		if err != nil {
			t.Fatal(err)
		}
		c, err := l.StartClient(host, Udhcpc, 600)
		if err != nil {
			t.Fatal(err)
		}
		defer c.End()
		clients = append(clients, c)
	}
	bound := func(n int) func(context.Context) error {
		return func(context.Context) error {
			if got := addressesOf(clients); len(got) != n {
				return errors.New("bound are " + strings.Join(got, ", "))
			}
			return nil
		}
	}
	if err := Poll(ctx, "two clients are bound", 40*time.Second, bound(2)); err != nil {
		t.Fatal(err)
	}
	if err := Poll(ctx, "a node keeps silent to the third", 40*time.Second, func(ctx context.Context) error {
		for _, n := range l.Nodes() {
			if text, err := n.Metrics(ctx); err == nil && saysOverLimit(text) {
				return nil
			}
		}
		return errors.New("no node has counted an over_limit")
	}); err != nil {
		t.Error(err)
	}
	if err := bound(2)(ctx); err != nil {
		t.Errorf("more than the limit: %v", err)
	}
	if out, err := l.Ctl(ctx, 1, "lease", "delete", addressesOf(clients)[0], "--force", "--yes"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := Poll(ctx, "another client is bound", 60*time.Second, bound(3)); err != nil {
		t.Error(err)
	}
}

// addressesOf returns what clients are bound to.
func addressesOf(clients []*Client) []string {
	var out []string
	for _, c := range clients {
		for _, e := range c.Events() {
			if e.Name == "bound" {
				out = append(out, e.Address)
				break
			}
		}
	}
	return out
}

// saysOverLimit says whether metrics count a message that ended so.
func saysOverLimit(metrics string) bool {
	for line := range strings.SplitSeq(metrics, "\n") {
		if strings.Contains(line, `outcome="over_limit"`) && !strings.HasSuffix(line, " 0") {
			return true
		}
	}
	return false
}
