package storage

import (
	"bytes"
	"net/netip"
	"testing"

	"port67/storage/config"
	"port67/storage/lease"
)

// The index is made when the configuration first allows somebody to ask, a part with each entry, and counts
// as due until it is whole; a snapshot restores it, and it is no part of the digest.
func TestLeasesHaving_LQ_004_IndexedWhileSomebodyMayAsk(t *testing.T) {
	w := newWorld(t, office())
	w.must(selecting(1, "10.67.0.10"))
	hw := "\x01" + client(1).CHAddr
	found := func(s *State) (n int, ok bool) {
		l, ok := ViewOf(s).LeasesHaving(lease.ByHardware, hw, netip.Addr{}, 10)
		return len(l), ok
	}
	if _, ok := found(w.s); ok {
		t.Error("indexed although nobody may ask")
	}
	allowed := office(func(c *config.Config) {
		c.LeaseQuery.Requesters = []netip.Prefix{netip.MustParsePrefix("10.67.0.1/32")}
	})
	w.must(SetConfig{Expected: 1, Config: allowed})
	before := w.s.Digest()
	if due, ok := w.view().NextDue(); !ok || due > w.s.clock {
		t.Errorf("next due: %d, %t; want a Tick at once", due, ok)
	}
	w.must(Tick{})
	if n, ok := found(w.s); !ok || n != 1 {
		t.Errorf("after an entry: %d leases, sure: %t; want 1", n, ok)
	}
	var b bytes.Buffer
	if _, err := w.s.Freeze().WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	restored, err := Restore(&b)
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := found(restored); !ok || n != 1 {
		t.Errorf("restored: %d leases, sure: %t; want 1", n, ok)
	}
	if restored.Digest() != w.s.Digest() || before == w.s.Digest() {
		t.Error("digest: not that of what replicas agree on")
	}
	w.must(SetConfig{Expected: 2, Config: office()})
	if _, ok := found(w.s); ok {
		t.Error("indexed although nobody may ask any more")
	}
}
