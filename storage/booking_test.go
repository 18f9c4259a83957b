package storage

import (
	"fmt"
	"net/netip"
	"testing"

	"port67/storage/config"
	"port67/storage/lease"
)

// TestFactor: 2 while less than 60 % of the pool is in use, 1 from 85 % on, a line between.
func TestFactor(t *testing.T) {
	big := func(c *config.Config) { c.Subnets[0].Pools[0].Range = span("10.67.0.10", "10.67.0.209") }
	w := newWorld(t, office(big))
	pool := w.s.config.Links[0].Subnets[0].Pools[0]
	for n := range 200 {
		if got, want := w.view().BookingFactor(pool), wantFactor(n*1000/200); got != want {
			t.Fatalf("%d of 200 in use: factor %d %%, want %d %%", n, got, want)
		}
		w.s.leases.Put(lease.Lease{
			Addr: netip.AddrFrom4([4]byte{10, 67, 0, byte(10 + n)}), Client: "c", Status: lease.Bound,
			Booked: lease.Never, Reusable: lease.Never,
		})
	}
	if got := w.s.factor(nil); got != 200 {
		t.Errorf("a reserved address has factor %d %%, want 200 %%", got)
	}
}

func wantFactor(permille int) uint64 {
	switch {
	case permille < 600:
		return 200
	case permille >= 850:
		return 100
	}
	return uint64(200 - 100*(permille-600)/250)
}

// TestFactor_OneIsCommitBeforeACK: with k = 1 the booking is what is told.
func TestFactor_OneIsCommitBeforeACK(t *testing.T) {
	w := newWorld(t, office(func(c *config.Config) { c.Booking.FactorPercent = 100 }))
	r := w.must(selecting(1, "10.67.0.12"))
	if got := w.s.clock.Until(r.Lease.Booked); got != r.Told {
		t.Errorf("booked for %d s, told %d s", got, r.Told)
	}
}

// TestRest: grace is rounded up and saturates.
func TestRest(t *testing.T) {
	b := &config.Booking{Grace: 120, GracePermille: 10, Pause: 60}
	for _, c := range []struct {
		span lease.Instant
		want lease.Instant
	}{{0, 180}, {1, 181}, {99, 181}, {100, 182}, {7200, 253}, {172800, 1917}} {
		if got := rest(1000+c.span, 1000, b) - 1000 - c.span; got != c.want {
			t.Errorf("grace of %d s is %d s, want %d s", c.span, got, c.want)
		}
	}
	if rest(lease.Never, 1000, b) != lease.Never || rest(lease.Never-10, lease.Never-20, b) != lease.Never {
		t.Error("a sum beyond the end of time did not saturate")
	}
}

// TestRest_CoversClockError_P1: with clocks that err by 0.5 % each way, the next client comes after the
// last has stopped, for every span and without the help of what is fixed in the grace.
func TestRest_CoversClockError_P1(t *testing.T) {
	b := &config.Booking{GracePermille: 10}
	for _, span := range []lease.Instant{1, 60, 199, 200, 300, 3600, 86400, 604800, 31536000, 4294967294} {
		stops := span * 1005             // the client's clock is slow
		reused := rest(span, 0, b) * 995 // cluster time is fast
		if reused < stops {
			t.Errorf("span %d s: reused at %d ms, the last client stops at %d ms", span, reused, stops)
		}
	}
}

func TestExtend(t *testing.T) {
	const a = "10.67.0.12"
	extend := func(n byte) Extend { return Extend{Addr: addr(a), Key: client(n).Key} }
	w := newWorld(t, office())
	first := w.must(selecting(1, a)).Lease
	w.after(3000, Tick{})
	r := w.must(extend(1))
	if r.Lease.Booked <= first.Booked || r.Lease.Last != w.s.clock || r.Lease.Start != first.Start {
		t.Errorf("extended to %+v from %+v", r.Lease, first)
	}
	for _, c := range []struct {
		name string
		do   func(*world)
		by   byte
		want Refusal
	}{
		{"not the holder", nil, 2, NotHolder},
		{"reserved to another (P5)", then(func(c *config.Config) {
			c.Subnets[0].Reservations = []config.Reservation{{Hardware: [][]byte{{2, 0x67, 0, 0, 0, 9}}, Address: addr(a)}}
		}), 1, Reserved},
		{"pool removed", then(otherPool), 1, NotInPool},
		{"V4-158 its reservation is another", then(printer("10.67.0.100")), 1, Moved},
		{"released (P8)", func(w *world) { then()(w); released(1, a)(w) }, 1, NotHolder},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			if c.do != nil {
				c.do(w)
			}
			before := w.lease(a)
			w.want(c.want, extend(c.by))
			if w.lease(a) != before {
				t.Error("a refusal changed the lease")
			}
		})
	}
}

// TestRenewal_HA_012: what a node may say without asking.
func TestRenewal_HA_012(t *testing.T) {
	const a = "10.67.0.12"
	w := newWorld(t, office())
	l := w.must(selecting(1, a)).Lease // told 3600, booked 7200
	type answer struct {
		told       lease.Seconds
		extend, ok bool
		remaining  lease.Seconds
	}
	ask := func(n byte, left lease.Instant) (got answer) {
		got.told, got.extend, got.ok, got.remaining =
			w.view().Renewal(addr(a), ptrTo(client(n)), 0, l.Booked-left)
		return got
	}
	for _, c := range []struct {
		left lease.Instant
		want answer
	}{
		{7200, answer{3600, false, true, 3600}},
		{5400, answer{3600, false, true, 3600}},
		{5399, answer{3600, true, true, 3600}},
		{3599, answer{3599, true, true, 3599}},
		{1800, answer{1800, true, true, 1800}},
		{1799, answer{0, false, false, 1799}},
		{60, answer{0, false, false, 60}},
		{0, answer{}},
		{-1, answer{}},
	} {
		if got := ask(1, c.left); got != c.want {
			t.Errorf("%d s before B: %+v, want %+v", c.left, got, c.want)
		}
	}
	if got := ask(2, 7200); got != (answer{}) {
		t.Errorf("another client: %+v", got)
	}
	then(otherPool)(w)
	if got := ask(1, 7000); got != (answer{0, false, false, 3600}) {
		t.Errorf("pool removed: %+v", got)
	}
	then(printer("10.67.0.100"))(w)
	if got := ask(1, 7000); got != (answer{0, false, false, 3600}) {
		t.Errorf("V4-158 its reservation is another address: %+v", got)
	}
	then()(w)
	released(1, a)(w)
	if got := ask(1, 7000); got != (answer{}) {
		t.Errorf("released: %+v", got)
	}
}

// TestSuitable_Rungs: RFC 2131 §4.3.1 with the administrator's promise in front.
func TestSuitable_Rungs(t *testing.T) {
	const a, b, r = "10.67.0.12", "10.67.0.13", "10.67.0.100"
	for _, c := range []struct {
		name   string
		before []func(*world)
		asked  string
		want   string
		not    string
	}{
		{"reserved before held", []func(*world){bound(1, a), then(printer(r))}, b, r, ""},
		{"V4-176 reserved, but declined", []func(*world){then(printer(r)), bound(1, r), declinedBy(1, r)}, b, b, ""},
		{"V4-100 held before asked for", []func(*world){bound(1, a)}, b, a, ""},
		{"V4-101 held in the past", []func(*world){bound(1, a), passed(20000)}, b, a, ""},
		{"V4-101 released", []func(*world){bound(1, a), released(1, a)}, b, a, ""},
		{"V4-107 on offer", []func(*world){func(w *world) {
			w.must(Offer{Client: client(1), Link: link, Wish: addr(a)})
		}}, b, a, ""},
		{"V4-102 asked for", nil, b, b, ""},
		{"V4-104 asked for, taken", []func(*world){bound(2, b)}, b, "", b},
		{"V4-104 asked for, reserved to another", []func(*world){then(printer(r), func(c *config.Config) {
			c.Subnets[0].Reservations[0].Hardware[0][5] = 9
		})}, r, "", r},
		{"V4-104 asked for, outside of the pools", nil, "10.67.0.200", "", "10.67.0.200"},
		{"held, but the pool is gone", []func(*world){bound(1, a), then(otherPool)}, "", "", a},
		{"V4-103 lowest", []func(*world){then(func(c *config.Config) {
			c.Subnets[0].Allocation = config.AllocationLowest
		}), bound(2, "10.67.0.10")}, "", "10.67.0.11", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, office())
			for _, f := range c.before {
				f(w)
			}
			var asked netip.Addr
			if c.asked != "" {
				asked = addr(c.asked)
			}
			got, refusal := w.view().Suitable(client(1), link, asked, nil, nil)
			if refusal != Granted || c.want != "" && got != addr(c.want) || c.not != "" && got == addr(c.not) {
				t.Errorf("Suitable = %v, %d; want %q, not %q", got, refusal, c.want, c.not)
			}
		})
	}
}

// TestSuitable_OwnBucketsAndHolds_HA_013: free addresses come from the node's own buckets, and not those it
// holds.
func TestSuitable_OwnBucketsAndHolds_HA_013(t *testing.T) {
	w := newWorld(t, office())
	var own lease.BucketSet
	own.Add(14)
	own.Add(15)
	var taken *lease.Space
	offered := func(n byte) string {
		a, refusal := w.view().Suitable(client(n), link, netip.Addr{}, &own, taken)
		taken = taken.With(a)
		return fmt.Sprint(a, " ", refusal)
	}
	got := map[string]bool{offered(1): true, offered(2): true}
	if !got["10.67.0.14 0"] || !got["10.67.0.15 0"] {
		t.Errorf("offered %v, want the two of the buckets", got)
	}
	if a, refusal := w.view().Suitable(client(3), link, netip.Addr{}, &own, taken); refusal != Exhausted {
		t.Errorf("third offer: %v, %d; want Exhausted (V4-105)", a, refusal)
	}
	if _, refusal := w.view().Suitable(client(3), "elsewhere", netip.Addr{}, &own, nil); refusal != NoSuchLink {
		t.Errorf("unknown link: %d (V4-110)", refusal)
	}
}

// TestSuitable_V4_101_V4_103_OwnAddressOnHoldForAnother: what the client had and others may have is passed
// over while another has it on offer; what is booked for it is not.
func TestSuitable_V4_101_V4_103_OwnAddressOnHoldForAnother(t *testing.T) {
	w := newWorld(t, office())
	const a = "10.67.0.14"
	w.must(selecting(1, a))
	taken := new(lease.Space).With(addr(a))
	got := func() (netip.Addr, Refusal) {
		return w.view().Suitable(client(1), link, netip.Addr{}, nil, taken)
	}
	if own, refusal := got(); refusal != Granted || own != addr(a) {
		t.Errorf("booked: %v, %d; want %s", own, refusal, a)
	}
	past := w.lease(a)
	w.after(w.s.clock.Until(past.FreeFrom()), Tick{})
	if other, refusal := got(); refusal != Granted || other == addr(a) {
		t.Errorf("no longer booked: %v, %d; want another address", other, refusal)
	}
}

// TestPressure_P3: from that use of the pool on new leases and renewals are told no more than that, by the log
// and by nodes alike; no booking sinks, and reserved addresses are left alone.
func TestPressure_P3_ToldWithinWhatIsBooked(t *testing.T) {
	most := lease.Seconds(600)
	w := newWorld(t, office(printer("10.67.0.100"), func(c *config.Config) { c.Lease.Pressure.Max = &most }))
	for n := range byte(8) {
		if r := w.must(selecting(20+n, fmt.Sprint("10.67.0.", 10+n))); r.Told != 3600 {
			t.Fatalf("told %d s with %d of 10 in use, want an hour", r.Told, n)
		}
	}
	b := w.lease("10.67.0.10").Booked
	if r := w.must(selecting(30, "10.67.0.18")); r.Told != 600 || w.s.clock.Until(r.Lease.Booked) < 600 {
		t.Errorf("told %d s, booked for %d s; want 600 s told", r.Told, w.s.clock.Until(r.Lease.Booked))
	}
	told, extend, ok, left := w.view().Renewal(addr("10.67.0.10"), ptrTo(client(20)), 0, w.s.clock)
	if told != 600 || extend || !ok || left != 600 {
		t.Errorf("a node says %d s, extend %t, ok %t, left %d; want 600 s within the booking", told, extend, ok, left)
	}
	for _, r := range []Result{
		w.must(bindIn(Renewing, 20, "10.67.0.10")), w.must(Extend{Addr: addr("10.67.0.10"), Key: client(20).Key}),
	} {
		if r.Told != 600 || r.Lease.Booked < b {
			t.Errorf("P3 renewed: told %d s, booked until %d, was %d", r.Told, r.Lease.Booked, b)
		}
	}
	if r := w.must(Offer{Client: client(31), Link: link}); r.Told != 600 {
		t.Errorf("offered %d s, want 600", r.Told)
	}
	keep := true
	w.must(SetConfig{Expected: 1, Config: office(printer("10.67.0.100"), func(c *config.Config) {
		c.KeepExpiry, c.Lease.Pressure.Max = &keep, &most
	})})
	if r := w.must(selecting(21, "10.67.0.11")); r.Told != 600 {
		t.Errorf("V4-071 what is left of the lease, told %d s, want 600", r.Told)
	}
	if r := w.must(selecting(1, "10.67.0.100")); r.Told != 3600 {
		t.Errorf("reserved: told %d s, want an hour", r.Told)
	}
}
