//go:build lab

package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"port67/ops/load"
)

// rigConfig serves the servers' link and a network that is there only for the load generator, with room for
// every client of a test.
const rigConfig = `lease: {default: 1h, min: 10s, max: 24h}
subnets:
  - prefix: 10.67.0.0/16
    pools:
      - range: 10.67.1.0-10.67.255.250
  - prefix: 10.70.0.0/16
    pools:
      - range: 10.70.1.0-10.70.255.250
`

// pauseMax is the longest pause between two new bindings that a test lets pass. What is promised, 1.5 s, is
// printed beside what was measured; on a machine that does other things too it would not be a matter of us.
const pauseMax = 5 * time.Second

// rig is a lab with a load generator on the servers' link. The generator is a router with the network
// 10.70.0.0/16 behind it: all of its addresses are its own, those of the relay agents and those of the
// clients.
type rig struct {
	*Lab
	t    *testing.T
	host *Host
	load *load.Load
}

// via is a relay agent of a rig that sends to the given nodes.
func via(giaddr string, nodes ...int) load.Relay {
	r := load.Relay{GIAddr: netip.MustParseAddr(giaddr)}
	for _, i := range nodes {
		r.Servers = append(r.Servers, addrOf(i))
	}
	return r
}

func addrOf(node int) netip.Addr { return netip.AddrFrom4([4]byte{10, 67, 0, byte(node + 1)}) }

// newRig makes a lab and a load that runs until the test ends. At the end it shows the report, and, if
// the test has failed, the logs. That no address was held by two clients is judged in every test.
func newRig(t *testing.T, o Options, lo load.Options) *rig {
	t.Helper()
	if o.Config == "" {
		o.Config = rigConfig
	}
	o.Log = t.Output()
	l, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{Lab: l, t: t}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(l.logTails())
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	r.must(r.plugLoad(t.Context(), lo))
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- r.load.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		report := r.load.Report()
		t.Logf("%s at the end:\n%v", t.Name(), report)
		if len(report.Violations) > 0 {
			t.Errorf("P1: %d addresses held by two clients, %v", len(report.Violations), report.Violations[0])
		}
	})
	return r
}

func (r *rig) plugLoad(ctx context.Context, lo load.Options) error {
	host, err := r.AddHost(ctx, "load", LAN, "10.67.0.9/16")
	if err != nil {
		return err
	}
	r.host = host
	// The pool of the servers' link, for direct clients, in the fewest prefixes.
	local := []string{"10.70.0.0/16", "10.67.1.0/24", "10.67.2.0/23", "10.67.4.0/22", "10.67.8.0/21",
		"10.67.16.0/20", "10.67.32.0/19", "10.67.64.0/18", "10.67.128.0/17"}
	for _, prefix := range local {
		if _, err := host.Exec(ctx, "ip", "route", "add", "local", prefix, "dev", "lo"); err != nil {
			return err
		}
	}
	for _, n := range r.Nodes() {
		if _, err := n.Exec(ctx, "ip", "route", "add", "10.70.0.0/16", "via", "10.67.0.9"); err != nil {
			return err
		}
	}
	return host.In(func() (err error) {
		r.load, err = load.Open(lo)
		return err
	})
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// pass waits until the load is so much older. What a test wants to last a while is measured by it.
func (r *rig) pass(d time.Duration) {
	r.t.Helper()
	end := r.load.Now() + d
	r.must(Poll(r.t.Context(), "time passes", d+time.Minute, func(context.Context) error {
		if now := r.load.Now(); now < end {
			return fmt.Errorf("it is %v", now)
		}
		return nil
	}))
}

// bound waits until n clients of a crowd have been bound, holding until n hold a lease.
func (r *rig) bound(c *load.Crowd, n int) {
	r.t.Helper()
	r.within(2*time.Minute, func(ctx context.Context) error { return c.WaitBound(ctx, n) })
}

func (r *rig) holding(c *load.Crowd, n int) {
	r.t.Helper()
	r.within(2*time.Minute, func(ctx context.Context) error { return c.WaitHolding(ctx, n) })
}

// renewed waits until a crowd has seen so many more renewals.
func (r *rig) renewed(c *load.Crowd, more int) {
	r.t.Helper()
	begin := c.Report().Renewals
	r.must(Poll(r.t.Context(), "renewals", time.Minute, func(context.Context) error {
		if n := c.Report().Renewals - begin; n < more {
			return fmt.Errorf("%d of %d", n, more)
		}
		return nil
	}))
}

// released waits until so many clients of a crowd have given their addresses back.
func (r *rig) released(c *load.Crowd, n int) {
	r.t.Helper()
	r.must(Poll(r.t.Context(), "releases", time.Minute, func(context.Context) error {
		if got := c.Report().Released; got < n {
			return fmt.Errorf("%d of %d", got, n)
		}
		return nil
	}))
}

func (r *rig) within(d time.Duration, f func(ctx context.Context) error) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), d)
	defer cancel()
	r.must(f(ctx))
}

// restart starts a node again and waits until it serves.
func (r *rig) restart(i int) {
	r.t.Helper()
	r.must(r.Node(i).Start())
	r.must(r.WaitServing(r.t.Context(), i))
}

// removed waits until a node that is no member any more ends by itself, and wants it to say why.
func (r *rig) removed(i int) {
	r.t.Helper()
	n := r.Node(i)
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	var exit *exec.ExitError
	if err := n.Wait(ctx); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		r.t.Errorf("%s was removed and ended with %v, want exit status 1", n.Name, err)
	}
	if !strings.Contains(n.Log(), "this node was removed from the cluster") {
		r.t.Errorf("%s does not say that it was removed", n.Name)
	}
}

// leader and follower name running nodes.
func (r *rig) leader() int {
	r.t.Helper()
	i, err := r.Leader(r.t.Context())
	r.must(err)
	return i
}

func (r *rig) follower() int {
	r.t.Helper()
	i, err := r.Follower(r.t.Context())
	r.must(err)
	return i
}

// pauseIn says how long, between two moments, no client was bound for the first time.
func pauseIn(rep load.Report, from, to time.Duration) time.Duration {
	last, longest := from, time.Duration(0)
	for _, b := range rep.Bindings {
		if b >= from && b <= to {
			longest = max(longest, b-last)
			last = b
		}
	}
	return max(longest, to-last)
}

// pause prints what was measured, and fails the test if it is far from what is promised.
func (r *rig) pause(what string, from, to time.Duration, c *load.Crowd) {
	r.t.Helper()
	p := pauseIn(c.Report(), from, to)
	r.t.Logf("FIGURE %s: longest pause between two new bindings %v (promised: 1.5s)", what,
		p.Round(time.Millisecond))
	if p > pauseMax {
		r.t.Errorf("%s: no new binding for %v", what, p)
	}
}

// listed is a lease as dhcpctl prints it.
type listed struct {
	Address  string
	Hardware string
	Status   string
}

// leases asks node i for all leases.
func (r *rig) leases(i int) map[string]listed {
	r.t.Helper()
	out, err := r.Ctl(r.t.Context(), i, "lease", "list", "-o", "json")
	r.must(err)
	var page struct {
		Leases []struct {
			Address         string `json:"address"`
			HardwareAddress string `json:"hardware_address"`
			Status          string `json:"status"`
		} `json:"leases"`
	}
	r.must(json.Unmarshal([]byte(out), &page))
	all := map[string]listed{}
	for _, l := range page.Leases {
		all[l.Address] = listed{l.Address, l.HardwareAddress, l.Status}
	}
	return all
}

// allThere checks that every lease that a client believed to hold is known to node i.
func (r *rig) allThere(i int, held []load.Claim) {
	r.t.Helper()
	known := r.leases(i)
	missing := 0
	for _, c := range held {
		l, ok := known[c.Addr.String()]
		if !ok || !strings.EqualFold(l.Hardware, c.Client) || !strings.HasSuffix(l.Status, "BOUND") {
			missing++
			if missing <= 5 {
				r.t.Errorf("P2: %s holds %s, told by %s at %v; n%d knows %+v", c.Client, c.Addr, c.Server, c.From, i, l)
			}
		}
	}
	if missing > 0 {
		r.t.Errorf("P2: %d of %d ACKed leases are not there", missing, len(held))
	}
	r.t.Logf("n%d knows all but %d of %d ACKed leases", i, missing, len(held))
}

// sameDigest waits until all running nodes have applied the same and come to the same (P9, L2).
func (r *rig) sameDigest() {
	r.t.Helper()
	r.must(Poll(r.t.Context(), "equal digests", 30*time.Second, func(ctx context.Context) error {
		seen := map[string][]string{}
		for _, n := range r.Nodes() {
			if !n.Running() {
				continue
			}
			out, err := r.Ctl(ctx, n.Index, "cluster", "status", "-o", "json")
			if err != nil {
				return err
			}
			var s struct {
				Digest string `json:"digest"`
			}
			if err := json.Unmarshal([]byte(out), &s); err != nil {
				return err
			}
			seen[s.Digest] = append(seen[s.Digest], n.Name)
		}
		if len(seen) != 1 {
			return errors.New(fmt.Sprint("digests differ: ", seen))
		}
		return nil
	}))
}
