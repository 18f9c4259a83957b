package storage

import (
	"net/netip"
	"testing"

	"port67/storage/config"
	"port67/storage/lease"
)

// world is a State with a cursor, for tests.
type world struct {
	t *testing.T
	s *State
	n uint64
}

const nodeA, nodeB NodeID = "node-a", "node-b"

// newWorld returns a founded state with configuration c, nil for none.
func newWorld(t *testing.T, c *config.Config) *world {
	t.Helper()
	w := &world{t: t, s: New()}
	w.must(Found{ClusterID: "cluster", CACert: []byte{1}, CAKey: []byte{2}, Node: Node{ID: nodeA, Name: "a", Level: Level}})
	if c != nil {
		w.must(SetConfig{Config: c})
	}
	return w
}

// do applies one command a second after the last.
func (w *world) do(c Command) Result { w.t.Helper(); return w.after(1, c) }

// after applies one command so many seconds after the last.
func (w *world) after(d lease.Seconds, c Command) Result {
	w.t.Helper()
	w.n++
	r := w.s.Apply(w.n, Entry{At: w.s.clock.Add(d), Commands: []Command{c}})[0]
	for _, err := range Check(w.s) {
		w.t.Errorf("after %#v: %v", c, err)
	}
	return r
}

func (w *world) must(c Command) Result {
	w.t.Helper()
	r := w.do(c)
	if r.Refusal != Granted {
		w.t.Fatalf("%#v: refused as %d: %s", c, r.Refusal, r.Detail)
	}
	return r
}

// want applies c and demands that refusal.
func (w *world) want(refusal Refusal, c Command) Result {
	w.t.Helper()
	r := w.do(c)
	if r.Refusal != refusal {
		w.t.Errorf("%#v: refusal %d (%s), want %d", c, r.Refusal, r.Detail, refusal)
	}
	return r
}

func (w *world) view() View { return ViewOf(w.s) }

func (w *world) lease(a string) lease.Lease {
	l, _ := w.s.leases.Get(addr(a))
	return l
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// client returns a client with hardware address 02:67:00:00:00:n and no identifier.
func client(n byte) Client {
	hw := []byte{2, 0x67, 0, 0, 0, n}
	return Client{Key: lease.HardwareKey(1, hw), HType: 1, CHAddr: string(hw)}
}

const link = "10.67.0.0/24"

// office is a configuration with one subnet and a pool of ten addresses.
func office(change ...func(*config.Config)) *config.Config {
	c := &config.Config{Subnets: []config.Subnet{{
		Prefix: netip.MustParsePrefix(link),
		Pools:  []config.Pool{{Range: span("10.67.0.10", "10.67.0.19")}},
	}}}
	for _, f := range change {
		f(c)
	}
	return c
}

func span(first, last string) config.AddrRange {
	return config.AddrRange{First: addr(first), Last: addr(last)}
}

// selecting is a Bind of client n for address a in state SELECTING.
func selecting(n byte, a string) Bind {
	return Bind{Client: client(n), Link: link, Addr: addr(a), Mode: Selecting}
}

func bindIn(mode Mode, n byte, a string) Bind {
	b := selecting(n, a)
	b.Mode = mode
	return b
}
