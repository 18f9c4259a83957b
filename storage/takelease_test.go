package storage

import (
	"net/netip"
	"testing"

	"port67/storage/config"
	"port67/storage/lease"
)

// take is a TakeLease of client n with half an hour left of an hour.
func take(n byte, a string) TakeLease {
	return TakeLease{Client: client(n), Addr: addr(a), Left: 1800, Told: 3600, Age: 1800, Author: "anna"}
}

// TestTakeLease_P1_P6: what another server granted stays its client's, and for as long as that client may count.
func TestTakeLease_P1_P6(t *testing.T) {
	const a = "10.67.0.12"
	w := newWorld(t, office())
	l := w.must(take(1, a)).Lease
	now := w.s.clock
	// The share of the grace is that of the hour that the client counts: 36.2 s, rounded up.
	if l.Status != lease.Bound || l.Booked != now+1800 || l.Reusable != now+1800+120+60+37 || l.Last != now-1800 {
		t.Errorf("taken in as %+v at %d", l, now)
	}
	w.want(InUse, selecting(2, a))
	if r := w.must(bindIn(Renewing, 1, a)); r.Lease.Start != l.Start {
		t.Errorf("renewed as %+v", r.Lease)
	}
	w = w.restored()
	w.want(InUse, selecting(2, a))
}

// TestTakeLease_TwiceIsOnce: an import that is run again changes nothing, and what was heard since counts more.
func TestTakeLease_TwiceIsOnce_P12(t *testing.T) {
	const a, b = "10.67.0.12", "10.67.0.13"
	w := newWorld(t, office())
	w.must(take(1, a))
	before := w.must(bindIn(Renewing, 1, a)).Lease
	again := take(1, a)
	again.Left, again.Age = 1700, 1900
	if r := w.must(again); r.Lease != before || !r.Known {
		t.Errorf("taken in again as %+v, was %+v", r.Lease, before)
	}
	long := take(1, a)
	long.Left = 100_000
	if r := w.must(long); r.Lease.Booked != w.s.clock+100_000 || r.Lease.Told != before.Told || r.Lease.Last != before.Last {
		t.Errorf("a longer one: %+v, was %+v", r.Lease, before)
	}
	ended := take(2, b)
	ended.Left = 0
	first := w.must(ended).Lease
	if second := w.must(ended).Lease; second != first || first.StatusAt(w.s.clock) != lease.Expired {
		t.Errorf("an ended one: %+v, then %+v", first, second)
	}
}

// TestTakeLease_NeverTakesAway_P3_P6: whatever stands in a file, nobody loses what this cluster has promised.
func TestTakeLease_NeverTakesAway_P3_P6(t *testing.T) {
	const a, b, c, d = "10.67.0.12", "10.67.0.13", "10.67.0.14", "10.67.0.15"
	w := newWorld(t, office())
	w.must(selecting(1, a))
	w.want(InUse, take(2, a))
	w.must(Offer{Client: client(1), Link: link, Wish: addr(b)}) // It has a already.
	w.must(Offer{Client: client(3), Link: link, Wish: addr(b)})
	w.want(InUse, take(2, b))
	w.must(Decline{Addr: addr(c), Key: client(4).Key, Held: true})
	w.want(OutOfService, take(2, c))
	w.want(NoSuchLink, take(2, "10.99.0.1"))
	w.want(NoSuchLink, TakeLease{Client: client(2), Addr: netip.MustParseAddr("2001:db8::1")})
	w.must(PutNode{Node: Node{ID: nodeB, Level: Level, Addresses: []netip.Addr{addr(d)}}})
	w.want(NotInPool, take(2, d))
	w.want(Internal, TakeLease{Addr: addr(d)})
	w.after(100_000, Tick{})
	ended := take(2, a)
	ended.Left = 0
	w.want(InUse, ended) // Its last client is remembered here.
	if r := w.must(take(2, a)); r.Lease.Client != client(2).Key {
		t.Errorf("a living one displaces what has ended here: %+v", r.Lease)
	}
	bare := newWorld(t, nil)
	bare.want(NoSuchLink, take(1, a))
}

// TestTakeLease_ReservedForAnother_P5: the holder keeps the address until its booking ends, and no longer.
func TestTakeLease_ReservedForAnother_P5(t *testing.T) {
	const a = "10.67.0.100"
	w := newWorld(t, office(func(c *config.Config) {
		c.Subnets[0].Reservations = []config.Reservation{{Hardware: [][]byte{{2, 0x67, 0, 0, 0, 9}}, Address: addr(a)}}
	}))
	w.must(take(1, a))
	w.want(InUse, selecting(9, a))
	w.after(1800+120+60+37, Tick{})
	w.must(selecting(9, a))
}

// TestTakeLease_Declined_P7: a declined address stays out of service for what is left, whoever declined it.
func TestTakeLease_Declined_P7(t *testing.T) {
	const a, b = "10.67.0.12", "10.67.0.13"
	w := newWorld(t, office())
	declined := TakeLease{Addr: addr(a), Left: 600, Told: 86400, Declined: true}
	w.must(declined)
	first := w.lease(a)
	if first.Status != lease.Declined || first.Withheld != w.s.clock+600 || first.Client == "" {
		t.Errorf("taken in as %+v", first)
	}
	w.want(OutOfService, selecting(1, a))
	shorter := declined
	shorter.Left = 500
	if w.must(shorter); w.lease(a) != first {
		t.Error("a quarantine was shortened, or counted twice")
	}
	w.must(selecting(2, b))
	declined.Addr = addr(b)
	w.want(InUse, declined)
	w.after(600, Tick{})
	w.must(selecting(1, a))
	over := TakeLease{Addr: addr("10.67.0.14"), Declined: true}
	w.must(over)
	if w.view().LeaseCount() != 2 {
		t.Errorf("%d leases, want 2", w.view().LeaseCount())
	}
}

func TestTakeLease_WithoutEnd(t *testing.T) {
	const a = "10.67.0.12"
	w := newWorld(t, office())
	for _, told := range []lease.Seconds{lease.Infinite, 3600} {
		l := w.must(TakeLease{Client: client(1), Addr: addr(a), Left: lease.Infinite, Told: told}).Lease
		if l.Booked != lease.Never || l.Reusable != lease.Never {
			t.Errorf("taken in as %+v", l)
		}
	}
}
