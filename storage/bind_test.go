package storage

import (
	"net/netip"
	"testing"

	"port67/storage/config"
	"port67/storage/lease"
)

func TestBind_RFC2131_3_1_DORA_V4_070_V4_077_V4_102_V4_120(t *testing.T) {
	w := newWorld(t, office())
	a, refusal := w.view().Suitable(client(1), link, addr("10.67.0.12"), nil, nil)
	if refusal != Granted || a != addr("10.67.0.12") {
		t.Fatalf("Suitable = %v, %d; want the address asked for", a, refusal)
	}
	r := w.must(selecting(1, "10.67.0.12"))
	if r.Told != 3600 {
		t.Errorf("told %d s, want the default of 3600", r.Told)
	}
	if got := r.Lease.Booked - w.s.clock; got != 7200 {
		t.Errorf("booked for %d s, want k·L = 7200", got)
	}
	if got := r.Lease.Reusable - r.Lease.Booked; got != 120+60+73 {
		t.Errorf("grace %d s, want 120 + 60 + 73 for clocks", got)
	}
}

// printer has reservation 10.67.0.100 by hardware address 02:67:00:00:00:01 and client identifier.
func printer(address string) func(*config.Config) {
	return func(c *config.Config) {
		r := config.Reservation{Hardware: [][]byte{{2, 0x67, 0, 0, 0, 1}}, ClientID: [][]byte{{0, 'p'}}}
		if address != "" {
			r.Address = addr(address)
		}
		c.Subnets[0].Reservations = append(c.Subnets[0].Reservations, r)
	}
}

func earlyReuse(c *config.Config) { c.Subnets[0].EarlyReuse = true }

// onlyKnown opens the pool to clients with a reservation alone.
func onlyKnown(c *config.Config) { c.Subnets[0].Pools[0].Classes = []string{config.Known} }

// admits opens the whole subnet to some clients alone.
func admits(classes ...string) func(*config.Config) {
	return func(c *config.Config) { c.Subnets[0].Classes = classes }
}

// deny has the clients of a class not served.
func deny(class string) func(*config.Config) {
	return func(c *config.Config) { c.Deny = []string{class} }
}

func otherPool(c *config.Config) { c.Subnets[0].Pools[0].Range = span("10.67.0.30", "10.67.0.39") }

func otherSubnet(c *config.Config) {
	c.Subnets = append(c.Subnets, config.Subnet{
		Prefix: netip.MustParsePrefix("10.68.0.0/24"),
		Pools:  []config.Pool{{Range: span("10.68.0.10", "10.68.0.19")}},
	})
}

// then replaces the configuration.
func then(change ...func(*config.Config)) func(*world) {
	return func(w *world) { w.must(SetConfig{Expected: w.s.revision, Config: office(change...)}) }
}

func bound(n byte, a string) func(*world) { return func(w *world) { w.must(selecting(n, a)) } }
func released(n byte, a string) func(*world) {
	return func(w *world) { w.must(Release{Addr: addr(a), Key: client(n).Key}) }
}
func declinedBy(n byte, a string) func(*world) {
	return func(w *world) { w.must(Decline{Addr: addr(a), Key: client(n).Key}) }
}
func passed(d lease.Seconds) func(*world) { return func(w *world) { w.after(d, Tick{}) } }

func TestBind_ByModeAndWhatWasBefore(t *testing.T) {
	const a, b = "10.67.0.12", "10.67.0.13"
	past := passed(10000) // Longer than booking and grace of one hour's lease.
	cases := []struct {
		name   string
		before []func(*world)
		bind   Bind
		want   Refusal
		known  bool
	}{
		{"V4-128 selecting, no offer remembered", nil, selecting(1, a), Granted, false},
		{"V4-129 selecting another one than offered", []func(*world){func(w *world) {
			w.must(Offer{Client: client(1), Link: link, Wish: addr(b)})
		}}, selecting(1, a), Granted, true},
		{"V4-123 selecting, taken (P1)", []func(*world){bound(2, a)}, selecting(1, a), InUse, false},
		{"V4-123 selecting, off the link", []func(*world){then(otherSubnet)}, selecting(1, "10.68.0.12"), NotOnLink, false},
		{"V4-123 selecting, in no pool", nil, selecting(1, "10.67.0.99"), NotInPool, false},
		{"V4-123 selecting, reserved to another (P5)", []func(*world){then(printer("10.67.0.100"))},
			selecting(2, "10.67.0.100"), Reserved, false},
		{"V4-123 selecting, declined (P7)", []func(*world){bound(1, a), declinedBy(1, a)}, selecting(1, a), OutOfService, true},
		{"V4-127 P12 repeated", []func(*world){bound(1, a)}, selecting(1, a), Granted, true},
		{"selecting, on offer to another", []func(*world){func(w *world) {
			w.must(Offer{Client: client(2), Link: link, Wish: addr(a)})
		}}, selecting(1, a), InUse, false},
		{"V4-106 selecting, an offer that lapsed", []func(*world){func(w *world) {
			w.must(Offer{Client: client(2), Link: link, Wish: addr(a)})
		}, passed(OfferHold)}, selecting(1, a), Granted, false},
		{"P6 before R", []func(*world){bound(2, a), passed(7200 + 251)}, selecting(1, a), InUse, false},
		{"P6 at R", []func(*world){bound(2, a), passed(7200 + 252)}, selecting(1, a), Granted, false},
		{"P8 released, not before R", []func(*world){bound(2, a), released(2, a)}, selecting(1, a), InUse, false},
		{"P8 V4-180 released, early reuse", []func(*world){then(earlyReuse), bound(2, a), released(2, a)},
			selecting(1, a), Granted, false},

		{"V4-140 init-reboot, its own", []func(*world){bound(1, a)}, bindIn(InitReboot, 1, a), Granted, true},
		{"V4-141 init-reboot, another one", []func(*world){bound(1, a)}, bindIn(InitReboot, 1, b), NotYours, true},
		{"V4-142 init-reboot, off the link", []func(*world){then(otherSubnet), bound(1, a)},
			bindIn(InitReboot, 1, "10.68.0.12"), NotOnLink, true},
		{"V4-143 init-reboot, unknown client", nil, bindIn(InitReboot, 1, a), UnknownClient, false},
		{"V4-143 init-reboot, unknown client, taken", []func(*world){bound(2, a)}, bindIn(InitReboot, 1, a), UnknownClient, false},
		{"V4-145 init-reboot, expired, still its own", []func(*world){bound(1, a), past}, bindIn(InitReboot, 1, a), Granted, true},
		{"V4-145 init-reboot, expired, another has it", []func(*world){bound(1, a), past, bound(2, a)},
			bindIn(InitReboot, 1, a), UnknownClient, false},
		{"V4-146 init-reboot, declined", []func(*world){bound(1, a), declinedBy(1, a)},
			bindIn(InitReboot, 1, a), OutOfService, true},
		{"V4-146 init-reboot, pool removed, after R", []func(*world){bound(1, a), past, then(otherPool)},
			bindIn(InitReboot, 1, a), NotInPool, true},
		{"P13 pool removed, before R, after B", []func(*world){bound(1, a), passed(7200), then(otherPool)},
			bindIn(InitReboot, 1, a), HolderWaits, true},
		{"V4-147 init-reboot, outside of the pools, unknown", nil, bindIn(InitReboot, 1, "10.67.0.99"), UnknownClient, false},

		{"V4-150 renewing", []func(*world){bound(1, a)}, bindIn(Renewing, 1, a), Granted, true},
		{"V4-151 renewing, no binding", nil, bindIn(Renewing, 1, a), UnknownClient, false},
		{"V4-151 renewing, another's", []func(*world){bound(2, a)}, bindIn(Renewing, 1, a), InUse, false},
		{"V4-156 P13 renewing, class forbids it now, nothing left", []func(*world){bound(1, a), passed(7150), then(onlyKnown)},
			bindIn(Renewing, 1, a), HolderWaits, true},
		{"V4-157 renewing, expired, still free", []func(*world){bound(1, a), past}, bindIn(Renewing, 1, a), Granted, true},
		{"V4-158 renewing, its reservation is another address and free",
			[]func(*world){bound(1, a), then(printer("10.67.0.100"))}, bindIn(Renewing, 1, a), Moved, true},
		{"V4-158 renewing, its reservation is still another's",
			[]func(*world){bound(1, a), bound(2, b), then(printer(b))}, bindIn(Renewing, 1, a), Granted, true},
		{"V4-160 rebinding", []func(*world){bound(1, a)}, bindIn(Rebinding, 1, a), Granted, true},
		{"V4-162 rebinding, off the link", []func(*world){then(otherSubnet)}, bindIn(Rebinding, 1, "10.68.0.12"), NotOnLink, false},
		{"V4-163 rebinding, unknown binding", nil, bindIn(Rebinding, 1, a), UnknownClient, false},
		{"renewing what it released", []func(*world){bound(1, a), released(1, a)}, bindIn(Renewing, 1, a), Granted, true},
		{"V4-113 selecting, a subnet for others", []func(*world){then(admits(config.Known))}, selecting(1, a), NotInPool, false},
		{"V4-156 P13 renewing, the subnet is for others now, nothing left",
			[]func(*world){bound(1, a), passed(7150), then(admits(config.Known))}, bindIn(Renewing, 1, a), HolderWaits, true},
		{"V4-079 P13 renewing, the subnet is for others now, something left",
			[]func(*world){bound(1, a), passed(3600), then(admits(config.Known))}, bindIn(Renewing, 1, a), Granted, true},
		{"V4-146 init-reboot, the subnet is for others now, after R",
			[]func(*world){bound(1, a), past, then(admits(config.Known))}, bindIn(InitReboot, 1, a), NotInPool, true},
		{"selecting its reserved address in a subnet for others",
			[]func(*world){then(printer("10.67.0.100"), admits("not-known"))}, selecting(1, "10.67.0.100"), NotInPool, false},
		{"P5 selecting another's reserved address in a subnet for others",
			[]func(*world){then(printer("10.67.0.100"), admits("known"))}, selecting(2, "10.67.0.100"), Reserved, false},
		{"a reservation in a subnet for others moves nobody", []func(*world){then(otherSubnet), bound(1, a),
			then(printer("10.67.0.100"), admits("not-known"))}, bindIn(Renewing, 1, a), Granted, true},
		{"V4-088 selecting, denied", []func(*world){then(deny(config.Unknown))}, selecting(1, a), Filtered, false},
		{"V4-088 no address named, denied", []func(*world){then(deny(config.Unknown))},
			Bind{Client: client(1), Link: link, Mode: Selecting}, Filtered, false},
		{"V4-088 P13 rebinding, denied, before R", []func(*world){bound(1, a), passed(7300), then(deny(config.Unknown))},
			bindIn(Rebinding, 1, a), HolderWaits, true},
		{"V4-088 rebinding, denied, after R", []func(*world){bound(1, a), past, then(deny(config.Unknown))},
			bindIn(Rebinding, 1, a), Filtered, true},
		{"no such link", nil, Bind{Client: client(1), Link: "elsewhere", Addr: addr(a), Mode: Selecting}, NoSuchLink, false},
		{"D9 no key", nil, Bind{Link: link, Addr: addr(a), Mode: Selecting}, Internal, false},
		{"D9 no mode", nil, Bind{Client: client(1), Link: link, Addr: addr(a)}, Internal, false},
		{"D9 IPv6", nil, selecting(1, "2001:db8::1"), Internal, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, office())
			for _, f := range c.before {
				f(w)
			}
			before := w.s.leases.Sum()
			r := w.want(c.want, c.bind)
			if c.want != Internal && c.want != NoSuchLink && r.Known != c.known {
				t.Errorf("known = %t, want %t", r.Known, c.known)
			}
			if c.want != Granted && w.s.leases.Sum() != before {
				t.Error("a refusal changed the leases")
			}
			if c.want == Granted && r.Lease.Client != c.bind.Client.Key {
				t.Errorf("granted to %v", r.Lease.Client)
			}
		})
	}
}

// TestBind_P5_ReservationMoves: the old holder is told what is left and its booking is raised no more; the
// new owner has the address at R and a dynamic one until then.
func TestBind_P5_ReservationMoves_V4_079(t *testing.T) {
	const a = "10.67.0.12"
	w := newWorld(t, office())
	old := w.must(selecting(2, a)).Lease
	then(printer(a))(w)
	w.after(4000, Tick{})
	r := w.want(Granted, bindIn(Renewing, 2, a))
	if want := w.s.clock.Until(old.Booked); r.Told != want || r.Lease.Booked != old.Booked || r.Lease.Reusable != old.Reusable {
		t.Errorf("told %d, booked %d, reusable %d; want %d, %d, %d", r.Told, r.Lease.Booked, r.Lease.Reusable,
			want, old.Booked, old.Reusable)
	}
	w.want(Reserved, Extend{Addr: addr(a), Key: client(2).Key})
	w.want(InUse, selecting(1, a))
	if got, _ := w.view().Suitable(client(1), link, netip.Addr{}, nil, nil); got == addr(a) {
		t.Error("the new owner is offered the address before R")
	}
	w.must(Bind{Client: client(1), Link: link, Mode: Selecting}) // a dynamic one
	w.after(w.s.clock.Until(old.Booked), Tick{})
	w.want(HolderWaits, bindIn(Renewing, 2, a))
	w.after(w.s.clock.Until(old.Reusable), Tick{})
	w.want(Reserved, bindIn(Renewing, 2, a))
	if got, _ := w.view().Suitable(client(1), link, netip.Addr{}, nil, nil); got != addr(a) {
		t.Errorf("the new owner is offered %v at R", got)
	}
	w.must(selecting(1, a))
}

// TestBind_P3_NothingLowersABooking: whatever the holder and others say, B and R of the address only grow.
func TestBind_P3_NothingLowersABooking(t *testing.T) {
	const a = "10.67.0.12"
	w := newWorld(t, office(earlyReuse))
	b := selecting(1, a)
	b.AskedLease = 86400
	long := w.must(b).Lease
	for _, c := range []Command{
		Bind{Client: client(1), Link: link, Addr: addr(a), Mode: Renewing, AskedLease: 300},
		Extend{Addr: addr(a), Key: client(1).Key, AskedLease: 300},
		Release{Addr: addr(a), Key: client(1).Key},
		Bind{Client: client(2), Link: link, Addr: addr(a), Mode: Selecting, AskedLease: 300},
		Decline{Addr: addr(a), Key: client(2).Key},
		ClearDeclined{Addr: addr(a)},
		Offer{Client: client(3), Link: link, Wish: addr(a)},
	} {
		w.must(c)
		if l := w.lease(a); l.Booked < long.Booked || l.Reusable < long.Reusable {
			t.Fatalf("after %T: booked %d, reusable %d; were %d, %d", c, l.Booked, l.Reusable, long.Booked, long.Reusable)
		}
	}
	w.want(StillBooked, DeleteLease{Addr: addr(a)})
	w.want(NotHolder, DeleteLease{Addr: addr(a), Force: true, Client: client(9).Key})
	w.want(NotHolder, ReleaseLease{Addr: addr(a), Client: client(9).Key})
	w.must(DeleteLease{Addr: addr(a), Force: true, Client: w.lease(a).Client})
	w.must(selecting(4, a))
}

// TestBind_ToldIsBooked: the lease time told never exceeds what is booked; infinite is told only where B
// is.
func TestBind_ToldIsBooked_V4_072_V4_074_V4_075(t *testing.T) {
	infinite := lease.Infinite
	forever := func(c *config.Config) { c.Lease.Max = &infinite }
	for _, c := range []struct {
		name   string
		config *config.Config
		asked  lease.Seconds
		told   lease.Seconds
	}{
		{"V4-072 below the least", office(), 10, 300},
		{"V4-072 within", office(), 7000, 7000},
		{"V4-072 beyond the most", office(), 7776000, 86400},
		{"V4-073 nothing", office(), 0, 3600},
		{"V4-074 without end, not allowed", office(), lease.Infinite, 86400},
		{"V4-075 without end, allowed", office(forever), lease.Infinite, lease.Infinite},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.config)
			b := selecting(1, "10.67.0.12")
			b.AskedLease = c.asked
			r := w.must(b)
			if r.Told != c.told || r.Told > w.s.clock.Until(r.Lease.Booked) {
				t.Errorf("told %d, booked for %d; want %d", r.Told, w.s.clock.Until(r.Lease.Booked), c.told)
			}
			if (r.Told == lease.Infinite) != (r.Lease.Booked == lease.Never) {
				t.Errorf("told %d, booked until %d", r.Told, r.Lease.Booked)
			}
		})
	}
}

// TestBind_V4_124_NamesNoAddress: P12, the client gets what it has.
func TestBind_V4_124_P12_NamesNoAddress(t *testing.T) {
	w := newWorld(t, office())
	first := w.must(Bind{Client: client(1), Link: link, Mode: Selecting}).Lease.Addr
	if again := w.must(Bind{Client: client(1), Link: link, Mode: Selecting}).Lease.Addr; again != first {
		t.Errorf("got %v, then %v", first, again)
	}
	for n := byte(2); n <= 10; n++ {
		w.must(Bind{Client: client(n), Link: link, Mode: Selecting})
	}
	w.want(Exhausted, Bind{Client: client(11), Link: link, Mode: Selecting})
	w.must(Bind{Client: client(1), Link: link, Mode: Selecting})
}

// TestBind_V4_131_OtherOffersAreDropped: its other offer is free at once, its other lease is not, and three
// are enough.
func TestBind_V4_131_ManyAddressesOfOneClient(t *testing.T) {
	w := newWorld(t, office())
	w.must(Offer{Client: client(1), Link: link, Wish: addr("10.67.0.10")})
	w.must(selecting(1, "10.67.0.11"))
	w.must(selecting(2, "10.67.0.10")) // dropped, free at once
	w.must(selecting(1, "10.67.0.12"))
	w.must(selecting(1, "10.67.0.13"))
	w.want(InUse, selecting(3, "10.67.0.11"))
	w.want(TooMany, selecting(1, "10.67.0.14"))
	w.must(selecting(1, "10.67.0.12"))
}

// TestBind_PastLeasesCountWhenTheyComeBack: an address whose rest is over is one of many again, for its old
// client too.
func TestBind_V4_131_PastLeasesCountWhenTheyComeBack(t *testing.T) {
	w := newWorld(t, office())
	past := w.must(selecting(1, "10.67.0.10")).Lease
	w.after(w.s.clock.Until(past.FreeFrom()), Tick{})
	for _, a := range []string{"10.67.0.11", "10.67.0.12", "10.67.0.13"} {
		w.must(selecting(1, a))
	}
	w.want(TooMany, selecting(1, "10.67.0.10"))
	w.must(selecting(2, "10.67.0.10"))
}

// TestBind_TwoIdentifiersOfOneReservationAreOneClient: PXE by hardware address, then the system by
// identifier.
func TestBind_TwoIdentifiersOfOneReservationAreOneClient_P12(t *testing.T) {
	w := newWorld(t, office(printer("10.67.0.100")))
	byHardware, byID := client(1), client(1)
	byID.Key = lease.ClientIDKey([]byte{0, 'p'})
	w.must(Bind{Client: byHardware, Link: link, Addr: addr("10.67.0.100"), Mode: Selecting})
	r := w.must(Bind{Client: byID, Link: link, Addr: addr("10.67.0.100"), Mode: Renewing})
	if !r.Known || r.Lease.Client != byID.Key {
		t.Errorf("known %t, lease of %v", r.Known, r.Lease.Client)
	}
	byAnother := client(1)
	byAnother.Key = lease.ClientIDKey([]byte("an identifier nobody configured"))
	w.must(Bind{Client: byAnother, Link: link, Addr: addr("10.67.0.100"), Mode: Selecting})
	w.must(Bind{Client: byHardware, Link: link, Addr: addr("10.67.0.100"), Mode: InitReboot})
	w.want(Reserved, selecting(2, "10.67.0.100"))
}

// TestBind_RenewingWithoutLink_V4_154: the link of a renewal is that of the address.
func TestBind_RenewingWithoutLink_V4_154(t *testing.T) {
	w := newWorld(t, office())
	w.must(selecting(1, "10.67.0.12"))
	w.must(Bind{Client: client(1), Addr: addr("10.67.0.12"), Mode: Renewing})
	w.want(NoSuchLink, Bind{Client: client(1), Addr: addr("10.99.0.12"), Mode: Renewing})
}

// TestBind_SubnetRemoved_P13: its leases stay until R; their holders are not denied before.
func TestBind_SubnetRemoved_P13_V4_156(t *testing.T) {
	w := newWorld(t, office(otherSubnet))
	w.must(Bind{Client: client(1), Link: "10.68.0.0/24", Addr: addr("10.68.0.12"), Mode: Selecting})
	then()(w)
	w.want(HolderWaits, Bind{Client: client(1), Addr: addr("10.68.0.12"), Mode: Renewing})
	w.want(HolderWaits, bindIn(Rebinding, 1, "10.68.0.12"))
	w.want(NotOnLink, bindIn(Rebinding, 2, "10.68.0.12"))
	w.want(NotInPool, Extend{Addr: addr("10.68.0.12"), Key: client(1).Key})
	then(otherSubnet)(w) // back again: still booked
	w.want(InUse, Bind{Client: client(2), Link: "10.68.0.0/24", Addr: addr("10.68.0.12"), Mode: Selecting})
	w.after(10000, Tick{})
	then()(w)
	w.want(NoSuchLink, Bind{Client: client(1), Addr: addr("10.68.0.12"), Mode: Renewing})
}

// TestBind_BuiltInClassesAreJudgedHere: not those of a proposer with an older configuration.
func TestBind_BuiltInClassesAreJudgedHere(t *testing.T) {
	w := newWorld(t, office(onlyKnown, printer("")))
	stale := selecting(2, "10.67.0.12")
	stale.Client.Classes = []string{config.Known}
	w.want(NotInPool, stale)
	w.must(selecting(1, "10.67.0.12"))
}

// TestExtend_V4_088_Denied: what was answered elsewhere meanwhile raises no booking (P3: nor lowers it).
func TestExtend_V4_088_Denied(t *testing.T) {
	w := newWorld(t, office())
	bound(1, "10.67.0.12")(w)
	before := w.lease("10.67.0.12")
	then(deny(config.Unknown))(w)
	w.want(Filtered, Extend{Addr: addr("10.67.0.12"), Key: client(1).Key})
	if l := w.lease("10.67.0.12"); l.Booked != before.Booked {
		t.Errorf("booked until %d, was %d", l.Booked, before.Booked)
	}
	w.must(Release{Addr: addr("10.67.0.12"), Key: client(1).Key})
}

// TestBind_D9_MoreClassesThanThereAre: a hostile node fills neither memory nor log.
func TestBind_D9_MoreClassesThanThereAre(t *testing.T) {
	w := newWorld(t, office())
	b := selecting(1, "10.67.0.12")
	b.Client.Classes = make([]string, classesMax+1)
	w.want(Internal, b)
	w.want(Internal, Extend{Addr: addr("10.67.0.12"), Key: client(1).Key, Classes: b.Client.Classes})
}
