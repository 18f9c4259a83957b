package storage

import (
	"net/netip"
	"strings"
	"testing"

	"port67/storage/config"
	"port67/storage/lease"
)

// neighbour is member b, which has an address of the pool as its own.
func neighbour(a string) PutNode {
	return PutNode{Node: Node{ID: nodeB, Name: "b", Level: Level, Addresses: []netip.Addr{addr(a)}}}
}

// TestOwnAddresses_NobodyGetsThem: the address of a member is not suitable, not on offer and not bound, for
// whomever and however it is asked for.
func TestOwnAddresses_NobodyGetsThem(t *testing.T) {
	const own = "10.67.0.10"
	w := newWorld(t, office(printer(own)))
	w.must(neighbour(own))
	w = w.restored()
	got, _ := w.view().Suitable(client(1), link, addr(own), nil, nil)
	if got == addr(own) {
		t.Error("suitable for its reservation")
	}
	w.want(NotInPool, selecting(1, own))
	then()(w)
	r := w.want(NotInPool, selecting(2, own))
	if !strings.Contains(r.Detail, "node b") {
		t.Errorf("detail %q does not name the node", r.Detail)
	}
	w.want(NotHolder, Decline{Addr: addr(own), Key: client(2).Key, Held: true})
	if l := w.must(Offer{Client: client(2), Link: link, Wish: addr(own), Asked: addr(own)}).Lease; l.Addr == addr(own) {
		t.Error("on offer")
	}
	lowest := func(c *config.Config) { c.Subnets[0].Allocation = config.AllocationLowest }
	then(lowest)(w)
	for n := byte(3); n < 11; n++ {
		c := client(n)
		got, refusal := w.view().Suitable(c, link, addr(own), nil, new(lease.Space).With(addr("10.67.0.19")))
		if n < 10 && (refusal != Granted || got == addr(own)) {
			t.Errorf("client %d: suitable %v, %d", n, got, refusal)
		}
		if n < 11 {
			w.must(Bind{Client: c, Link: link, Mode: Selecting})
		}
	}
	if got, refusal := w.view().Suitable(client(20), link, netip.Addr{}, nil, nil); refusal != Exhausted {
		t.Errorf("the pool is full, suitable is %v", got)
	}
	w.must(RemoveNode{ID: nodeB})
	if got, _ := w.view().Suitable(client(20), link, netip.Addr{}, nil, nil); got != addr(own) {
		t.Errorf("the node is gone, suitable is %v", got)
	}
	w.must(selecting(20, own))
}

// TestOwnAddresses_ALeaseDrains: a client that has the address when a node comes up with it is told what is
// left and no more.
func TestOwnAddresses_ALeaseDrains_P5_P13(t *testing.T) {
	const own = "10.67.0.12"
	w := newWorld(t, office())
	before := w.must(selecting(1, own)).Lease
	w.must(neighbour(own))
	if _, _, ok, _ := w.view().Renewal(addr(own), ptrTo(client(1)), 0, w.s.clock); ok {
		t.Error("renewed without the log")
	}
	r := w.want(NotInPool, Extend{Addr: addr(own), Key: client(1).Key})
	if !strings.Contains(r.Detail, "node b") {
		t.Errorf("detail %q does not name the node", r.Detail)
	}
	w.after(4000, Tick{})
	r = w.want(Granted, bindIn(Renewing, 1, own))
	if r.Lease.Booked != before.Booked || r.Told != w.s.clock.Until(before.Booked) {
		t.Errorf("told %d, booked %d; want what is left until %d", r.Told, r.Lease.Booked, before.Booked)
	}
	w.after(w.s.clock.Until(before.Booked)-1, Tick{})
	w.want(HolderWaits, bindIn(Renewing, 1, own))
	w.after(w.s.clock.Until(before.Reusable), Tick{})
	w.want(NotInPool, bindIn(Renewing, 1, own))
	if l := w.must(Bind{Client: client(1), Link: link, Mode: Selecting}).Lease; l.Addr == addr(own) || l.Status != lease.Bound {
		t.Errorf("got %v", l.Addr)
	}
}
