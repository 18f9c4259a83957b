//go:build lab

package lab

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"port67/ops/load"
)

// floodConfig has a network for each of two relay agents.
const floodConfig = rigConfig + `  - prefix: 10.71.0.0/16
    pools:
      - range: 10.71.1.0-10.71.255.250
`

// TestFlood_W_053 has a host behind one relay agent send 20,000 DISCOVERs a second from clients that it makes up.
// The clients of another relay agent are served all the same, new ones and those that renew, and every message of
// the flood is counted with what became of it.
func TestFlood_W_053(t *testing.T) {
	r := newRig(t, Options{Config: floodConfig}, load.Options{Relays: []load.Relay{via("10.70.0.1", 1, 2, 3)}})
	_, err := r.host.Exec(t.Context(), "ip", "route", "add", "local", "10.71.0.0/16", "dev", "lo")
	r.must(err)
	for _, n := range r.Nodes() {
		_, err := n.Exec(t.Context(), "ip", "route", "add", "10.71.0.0/16", "via", "10.67.0.9")
		r.must(err)
	}
	old := r.load.Add(load.Group{Clients: 300, Rate: 300, Plan: load.Plan{RenewAfter: 2 * time.Second}})
	r.holding(old, 300)
	calm := r.load.Add(load.Group{Clients: 500, Rate: 50})
	r.holding(calm, 500)

	flood := load.Flood{Relay: via("10.71.0.1", 1, 2, 3), Rate: 20_000}
	stop := r.flood(flood)
	r.pass(2 * time.Second) // What the relay agent may send at once is used up by now.
	before := old.Report()
	fresh := r.load.Add(load.Group{Clients: 500, Rate: 50})
	r.holding(fresh, 500)
	during := old.Report()
	sent, lasted := stop()

	t.Logf("FIGURE flood: %d messages to each of 3 nodes in %v, %d a second", sent, lasted.Round(time.Millisecond),
		int(float64(sent)/lasted.Seconds()))
	c, f := calm.Report(), fresh.Report()
	t.Logf("FIGURE clients of the other relay agent, answer to a message, before the flood: median %v, 99 %% %v; during: median %v, 99 %% %v",
		c.Quantile(500), c.Quantile(990), f.Quantile(500), f.Quantile(990))
	if during.Renewals == before.Renewals {
		t.Error("nobody could renew during the flood")
	}
	if during.NAKs+during.Expired > 0 || f.NAKs > 0 {
		t.Errorf("NAKs or expiries during the flood: old %d, %d, fresh %d", during.NAKs, during.Expired, f.NAKs)
	}
	for _, n := range r.Nodes() {
		text, err := n.Metrics(t.Context())
		r.must(err)
		limited := sum(text, `port67_rate_limited_total{limit="relay"}`)
		seen := sum(text, `port67_packets_total{`, `type="discover"`)
		lost := sum(text, "port67_socket_overflows_total")
		t.Logf("%s: %.0f DISCOVERs seen, %.0f of them limited by relay agent, %.0f shed, %.0f lost in the socket; "+
			"%.0f changes of leader; %.1f s of processor", n.Name, seen, limited,
			sum(text, "port67_packets_total{", `outcome="overloaded"`), lost,
			sum(text, "port67_raft_leader_changes_total"), sum(text, "process_cpu_seconds_total"))
		if limited == 0 {
			t.Errorf("%s limited nothing", n.Name)
		}
		if !strings.Contains(n.Log(), "relay agent 10.71.0.1") {
			t.Errorf("%s does not name the relay agent of the flood in its log", n.Name)
		}
	}
}

// flood starts a flood, which stop ends: it returns how many messages went to each server, in which time.
func (r *rig) flood(f load.Flood) (stop func() (sent int, lasted time.Duration)) {
	ctx, cancel := context.WithCancel(r.t.Context())
	began, ended, sent := r.load.Now(), make(chan error, 1), 0
	go func() {
		ended <- r.host.In(func() (err error) {
			sent, err = f.Run(ctx)
			return err
		})
	}()
	r.t.Cleanup(cancel)
	return func() (int, time.Duration) {
		r.t.Helper()
		cancel()
		r.must(<-ended)
		return sent, r.load.Now() - began
	}
}

// sum adds up the samples of a metric whose names and labels hold all of parts.
func sum(text string, parts ...string) (total float64) {
lines:
	for line := range strings.Lines(text) {
		for _, p := range parts {
			if !strings.Contains(line, p) {
				continue lines
			}
		}
		if m := regexp.MustCompile(`^[^#].* ([0-9.e+]+)\n$`).FindStringSubmatch(line); m != nil {
			v, _ := strconv.ParseFloat(m[1], 64)
			total += v
		}
	}
	return total
}
