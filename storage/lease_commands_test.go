package storage

import (
	"fmt"
	"net/netip"
	"testing"

	"port67/storage/config"
	"port67/storage/lease"
)

func TestRelease_P8_V4_180(t *testing.T) {
	const a = "10.67.0.12"
	w := newWorld(t, office())
	before := w.must(selecting(1, a)).Lease
	w.want(NotHolder, Release{Addr: addr(a), Key: client(2).Key}) // V4-181
	w.want(NotHolder, Release{Addr: addr("10.67.0.13"), Key: client(1).Key})
	w.must(Release{Addr: addr(a), Key: client(1).Key})
	l := w.lease(a)
	if l.Status != lease.Released || l.Booked != before.Booked || l.Reusable != before.Reusable || l.Client != before.Client {
		t.Errorf("released to %+v from %+v", l, before)
	}
	w.must(Release{Addr: addr(a), Key: client(1).Key}) // V4-183
	if w.lease(a) != l {
		t.Error("a second RELEASE changed the lease")
	}
	w.want(NotHolder, Decline{Addr: addr(a), Key: client(1).Key})
	w.must(selecting(1, a))
	if l := w.lease(a); l.Status != lease.Bound || l.Start != w.s.clock {
		t.Errorf("bound again as %+v", l)
	}
}

func TestDecline_P7_V4_170(t *testing.T) {
	const a = "10.67.0.12"
	w := newWorld(t, office())
	before := w.must(selecting(1, a)).Lease
	w.want(NotHolder, Decline{Addr: addr(a), Key: client(2).Key})                        // V4-172
	w.want(NotHolder, Decline{Addr: addr(a), Key: client(2).Key, Held: true})            // booked
	w.want(NotHolder, Decline{Addr: addr("10.67.0.13"), Key: client(1).Key})             // unknown
	w.want(NotHolder, Decline{Addr: addr("10.99.0.13"), Key: client(1).Key, Held: true}) // not ours
	w.must(Decline{Addr: addr(a), Key: client(1).Key})
	declined := w.lease(a)
	if declined.Status != lease.Declined || declined.Booked != before.Booked || declined.Reusable != before.Reusable ||
		declined.FreeFrom() != w.s.clock+86400 {
		t.Errorf("declined to %+v", declined)
	}
	w.must(Decline{Addr: addr(a), Key: client(1).Key}) // heard by every node
	if w.lease(a) != declined || len(w.s.declines) != 1 {
		t.Error("a second DECLINE counted")
	}
	w = w.restored()
	w.want(OutOfService, selecting(2, a))
	w.after(86400, Tick{})
	w.must(selecting(2, a)) // V4-177
}

// TestDecline_LastsUntilR_P7: the quarantine never ends before the booking's grace.
func TestDecline_LastsUntilR_P7(t *testing.T) {
	const a = "10.67.0.12"
	short := func(c *config.Config) { c.Decline.Quarantine = 60 }
	w := newWorld(t, office(short))
	w.must(selecting(1, a))
	w.must(Decline{Addr: addr(a), Key: client(1).Key})
	w.after(60, Tick{})
	w.want(OutOfService, selecting(2, a))
	w.after(7200+253, Tick{})
	w.must(selecting(2, a))
}

func TestDecline_OfAnOffer_V4_170_W_054(t *testing.T) {
	const a, b = "10.67.0.12", "10.67.0.13"
	w := newWorld(t, office())
	w.must(Offer{Client: client(1), Link: link, Wish: addr(a)})
	w.must(Decline{Addr: addr(a), Key: client(1).Key})
	w.after(3600, Tick{})                                          // one an hour is believed of so small a pool
	w.must(Decline{Addr: addr(b), Key: client(2).Key, Held: true}) // only the node knew of the offer
	w.want(OutOfService, selecting(3, a))
	w.want(OutOfService, selecting(3, b))
	w.must(ClearDeclined{Addr: addr(a)})
	w.want(NoSuchLease, ClearDeclined{Addr: addr(a)})
	w.must(selecting(3, a))
	w.must(ClearDeclined{})
	w.must(selecting(3, b))
}

// TestDecline_Limits_V4_175_HA_018: three of a client and one in a hundred of a pool, but one, within an
// hour; and a restored state remembers.
func TestDecline_Limits_V4_175_HA_018(t *testing.T) {
	big := func(c *config.Config) { c.Subnets[0].Prefix = netip.MustParsePrefix("10.67.0.0/16") }
	wide := func(c *config.Config) { c.Subnets[0].Pools[0].Range = span("10.67.1.0", "10.67.2.143") } // 400 addresses
	w := newWorld(t, office(big, wide))
	decline := func(n byte, last int) Command {
		return Decline{Addr: addr(fmt.Sprint("10.67.1.", last)), Key: client(n).Key, Held: true}
	}
	for i := range 3 {
		w.must(decline(1, i))
	}
	w.want(RateLimited, decline(1, 3))
	w = w.restored()
	w.want(RateLimited, decline(1, 3))
	w.must(decline(2, 3))
	w.want(RateLimited, decline(3, 4)) // the fifth of 400
	w.after(3600, Tick{})
	w.must(decline(3, 4))

	small := newWorld(t, office())
	small.must(Decline{Addr: addr("10.67.0.12"), Key: client(1).Key, Held: true})
	small.want(RateLimited, Decline{Addr: addr("10.67.0.13"), Key: client(2).Key, Held: true})
}

func TestOffer_V4_106_V4_107(t *testing.T) {
	const a, b = "10.67.0.12", "10.67.0.13"
	w := newWorld(t, office())
	r := w.must(Offer{Client: client(1), Link: link, Wish: addr(a)})
	if r.Lease.Addr != addr(a) || r.Lease.Status != lease.Offered || r.Lease.Withheld != w.s.clock+120 || r.Told != 3600 {
		t.Errorf("offered %+v, told %d", r.Lease, r.Told)
	}
	if again := w.must(Offer{Client: client(1), Link: link, Wish: addr(b)}); again.Lease.Addr != addr(a) {
		t.Errorf("offered %v, then %v (V4-107)", addr(a), again.Lease.Addr)
	}
	if other := w.must(Offer{Client: client(2), Link: link, Wish: addr(a), Asked: addr("10.67.0.10")}); other.Lease.Addr == addr(a) {
		t.Error("one address is on offer to two clients")
	}
	w.must(selecting(3, b))
	bound := w.lease(b)
	if r := w.must(Offer{Client: client(3), Link: link, Wish: addr(a)}); r.Lease != bound {
		t.Errorf("a binding was offered as %+v, want it unchanged: %+v", r.Lease, bound)
	}
	if r := w.must(Offer{Client: client(4), Link: link, Wish: addr(b), Asked: addr("10.67.0.17")}); r.Lease.Addr != addr("10.67.0.17") {
		t.Errorf("the wish is gone: offered %v, want the one asked for", r.Lease.Addr)
	}
	w.want(NoSuchLink, Offer{Client: client(1), Link: "elsewhere"})
	w.after(120, Tick{})
	if u := w.view().Usage(lease.Range(span("10.67.0.10", "10.67.0.19"))); u.Held != 1 {
		t.Errorf("%d addresses are held after the offers lapsed, want 1", u.Held)
	}
}

func TestOffer_Exhausted_V4_105(t *testing.T) {
	w := newWorld(t, office())
	for n := byte(1); n <= 10; n++ {
		w.must(Offer{Client: client(n), Link: link})
	}
	w.want(Exhausted, Offer{Client: client(11), Link: link})
	w.must(Offer{Client: client(3), Link: link})
}

// TestOffer_OfWhatWasReleasedEarly: early reuse does not give away what is on offer again.
func TestOffer_OfWhatWasReleasedEarly_P8(t *testing.T) {
	const a = "10.67.0.12"
	w := newWorld(t, office(earlyReuse))
	w.must(selecting(1, a))
	released(1, a)(w)
	w.must(Offer{Client: client(1), Link: link})
	w.want(InUse, selecting(2, a))
}

func TestEarlyReuse_FindsReleasedWhenFull_P8(t *testing.T) {
	for _, early := range []bool{false, true} {
		t.Run(fmt.Sprint(early), func(t *testing.T) {
			w := newWorld(t, office(func(c *config.Config) { c.Subnets[0].EarlyReuse = early }))
			for n := byte(1); n <= 10; n++ {
				w.must(Bind{Client: client(n), Link: link, Mode: Selecting})
			}
			l := w.s.leases.ByClient(client(4).Key)[0]
			w.must(Release{Addr: l.Addr, Key: client(4).Key})
			a, refusal := w.view().Suitable(client(11), link, netip.Addr{}, nil, nil)
			if early && (refusal != Granted || a != l.Addr) || !early && refusal != Exhausted {
				t.Errorf("Suitable = %v, %d", a, refusal)
			}
			if early {
				r := w.must(Bind{Client: client(11), Link: link, Addr: l.Addr, Mode: Selecting})
				if r.Lease.Booked < l.Booked {
					t.Error("the booking was lowered (P3)")
				}
				w.want(InUse, Bind{Client: client(4), Link: link, Addr: l.Addr, Mode: Renewing})
			}
		})
	}
}

func TestOperatorCommands(t *testing.T) {
	const a = "10.67.0.12"
	w := newWorld(t, office())
	w.want(NoSuchLease, DeleteLease{Addr: addr(a)})
	w.want(NoSuchLease, ReleaseLease{Addr: addr(a)})
	w.want(NoSuchLease, ClearDeclined{Addr: addr(a)})
	w.must(selecting(1, a))
	if r := w.must(ReleaseLease{Addr: addr(a)}); r.Lease.Status != lease.Released {
		t.Errorf("released to %+v", r.Lease)
	}
	w.want(StillBooked, DeleteLease{Addr: addr(a)})
	w.must(AdvanceTime{By: 8000})
	w.must(DeleteLease{Addr: addr(a)})
	w.want(Internal, AdvanceTime{By: lease.Infinite})
	if w.view().LeaseCount() != 0 || w.view().Anomalies() != 1 {
		t.Errorf("%d leases, %d anomalies", w.view().LeaseCount(), w.view().Anomalies())
	}
}

// TestClearDeclined_P3: the operator ends a quarantine, not a booking.
func TestClearDeclined_P3(t *testing.T) {
	const a = "10.67.0.12"
	w := newWorld(t, office())
	l := w.must(selecting(1, a)).Lease
	w.must(Decline{Addr: addr(a), Key: client(1).Key})
	w.must(ClearDeclined{})
	if got := w.lease(a); got.Status != lease.Released || got.FreeFrom() != l.Reusable {
		t.Errorf("cleared to %+v", got)
	}
	w.want(InUse, selecting(2, a))
}

// conflictOn is what a node reports that has heard hardware address 02:67:00:00:00:n at a.
func conflictOn(a string, n byte) Conflict {
	return Conflict{Addr: addr(a), CHAddr: client(n).CHAddr}
}

// TestConflict_V4_108: an address that a node has found in use is out of service as after a decline, until the
// quarantine ends or an operator ends it.
func TestConflict_V4_108(t *testing.T) {
	const a = "10.67.0.12"
	short := func(c *config.Config) { c.Decline.Quarantine = 60 }
	w := newWorld(t, office(short))
	w.must(conflictOn(a, 9))
	if l := w.lease(a); l.Status != lease.Declined || l.CHAddr != client(9).CHAddr || l.HType != 1 {
		t.Errorf("the lease is %+v, want a declined one with who answered", l)
	}
	w.want(OutOfService, selecting(1, a))
	w.want(OutOfService, selecting(9, a))
	if r := w.must(conflictOn(a, 8)); !r.Known || r.Lease.CHAddr != client(9).CHAddr {
		t.Errorf("reported twice: %+v, want what is known", r)
	}
	w.after(60, Tick{})
	w.must(selecting(1, a))

	w.must(conflictOn("10.67.0.13", 9))
	w.must(ClearDeclined{Addr: addr("10.67.0.13")})
	w.must(selecting(2, "10.67.0.13"))
	w.want(NotInPool, conflictOn("10.67.0.99", 9))
	w.want(NotInPool, Conflict{})
}

// TestConflict_OfAHolder_P1_V4_109: who has an address booked may answer for it; its binding stays whatever a
// late or forged report says.
func TestConflict_OfAHolder_P1_V4_109(t *testing.T) {
	const a = "10.67.0.12"
	w := newWorld(t, office())
	bound := w.must(selecting(1, a)).Lease
	w.want(InUse, conflictOn(a, 1))
	w.want(InUse, Conflict{Addr: addr(a)})
	w.must(Release{Addr: addr(a), Key: client(1).Key})
	w.want(InUse, conflictOn(a, 9))
	if l := w.lease(a); l.Booked != bound.Booked || l.Client != client(1).Key {
		t.Errorf("the lease is %+v", l)
	}
	w.must(Offer{Client: client(2), Link: link, Wish: addr("10.67.0.13")})
	w.want(InUse, conflictOn("10.67.0.13", 9)) // P6: what is on offer stays on offer
	w.after(120, Tick{})
	w.must(conflictOn("10.67.0.13", 9))
	w.want(OutOfService, selecting(2, "10.67.0.13"))
}

// TestConflict_KeepsBookings_P3: what a booking keeps from others stays kept.
func TestConflict_KeepsBookings_P3(t *testing.T) {
	const a = "10.67.0.12"
	short := func(c *config.Config) { c.Decline.Quarantine, c.Subnets[0].EarlyReuse = 60, true }
	w := newWorld(t, office(short))
	before := w.must(selecting(1, a)).Lease
	w.must(Release{Addr: addr(a), Key: client(1).Key})
	l := w.must(conflictOn(a, 1)).Lease
	if l.Booked != before.Booked || l.Reusable != before.Reusable {
		t.Errorf("the booking is %d, %d; was %d, %d", l.Booked, l.Reusable, before.Booked, before.Reusable)
	}
	w.after(60, Tick{})
	w.want(OutOfService, selecting(2, a))
}

// TestConflict_AndDecline_V4_170: a client declines what a node has found in use, or the other way round: both
// mean the same, and neither spends what is believed of the other.
func TestConflict_AndDecline_V4_170(t *testing.T) {
	w := newWorld(t, office())
	w.must(conflictOn("10.67.0.12", 9))
	if r := w.must(Decline{Addr: addr("10.67.0.12"), Key: client(1).Key, Held: true}); !r.Known {
		t.Errorf("declined anew: %+v", r.Lease)
	}
	w.must(Decline{Addr: addr("10.67.0.13"), Key: client(1).Key, Held: true})
	if r := w.must(conflictOn("10.67.0.13", 9)); !r.Known || r.Lease.Client != client(1).Key {
		t.Errorf("found in use anew: %+v", r.Lease)
	}
	w = w.restored()
	for _, a := range []string{"10.67.0.14", "10.67.0.15", "10.67.0.16"} {
		w.must(conflictOn(a, 9))
	}
	w.want(RateLimited, conflictOn("10.67.0.17", 9)) // four an hour are believed of so small a pool
	w.after(3600, Tick{})
	w.must(conflictOn("10.67.0.17", 9))
}
