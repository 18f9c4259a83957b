package storage

import (
	"testing"

	"port67/storage/config"
	"port67/storage/lease"
)

func ptrTo[T any](v T) *T { return &v }

func adopting(c *config.Config) { c.AdoptUnknown = ptrTo(true) }

// TestBind_V4_163_AdoptUnknown: a free address that may be given is bound by the log to whoever rebinds it; what
// another has is denied as ever (P1, P5).
func TestBind_V4_163_AdoptUnknown(t *testing.T) {
	const a = "10.67.0.12"
	notOurs := func(c *config.Config) { c.Authoritative = ptrTo(false) }
	somewhere := Bind{Client: client(1), Addr: addr(a), Mode: Rebinding}
	for _, c := range []struct {
		name   string
		config []func(*config.Config)
		before []func(*world)
		bind   Bind
		want   Refusal
	}{
		{"free", []func(*config.Config){adopting}, nil, bindIn(Rebinding, 1, a), Granted},
		{"off by default", nil, nil, bindIn(Rebinding, 1, a), UnknownClient},
		{"on in the pool alone", []func(*config.Config){func(c *config.Config) {
			c.Subnets[0].Pools[0].AdoptUnknown = ptrTo(true)
		}}, nil, bindIn(Rebinding, 1, a), Granted},
		{"a link that is not ours to deny on", []func(*config.Config){adopting, notOurs}, nil,
			bindIn(Rebinding, 1, a), UnknownClient},
		{"a client of which nobody knows where it is", []func(*config.Config){adopting}, nil, somewhere, UnknownClient},
		{"taken (P1)", []func(*config.Config){adopting}, []func(*world){bound(2, a)}, bindIn(Rebinding, 1, a), InUse},
		{"another's, past its booking, before R (P6)", []func(*config.Config){adopting},
			[]func(*world){bound(2, a), passed(7200)}, bindIn(Rebinding, 1, a), InUse},
		{"another's, at R (P6)", []func(*config.Config){adopting},
			[]func(*world){bound(2, a), passed(7200 + 252)}, bindIn(Rebinding, 1, a), Granted},
		{"declined (P7)", []func(*config.Config){adopting}, []func(*world){bound(2, a), declinedBy(2, a)},
			bindIn(Rebinding, 1, a), OutOfService},
		{"reserved to another (P5)", []func(*config.Config){adopting, printer("10.67.0.100")}, nil,
			bindIn(Rebinding, 2, "10.67.0.100"), Reserved},
		{"in no pool", []func(*config.Config){adopting}, nil, bindIn(Rebinding, 1, "10.67.0.99"), NotInPool},
		{"V4-162 off the link", []func(*config.Config){adopting, otherSubnet}, nil,
			bindIn(Rebinding, 1, "10.68.0.12"), NotOnLink},
		{"V4-151 a renewal is never adopted", []func(*config.Config){adopting}, nil, bindIn(Renewing, 1, a),
			UnknownClient},
		{"V4-143 nor a reboot", []func(*config.Config){adopting}, nil, bindIn(InitReboot, 1, a), UnknownClient},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, office(c.config...))
			for _, f := range c.before {
				f(w)
			}
			r := w.want(c.want, c.bind)
			if c.want == Granted && (r.Lease.Client != c.bind.Client.Key || r.Lease.Booked < w.s.clock.Add(r.Told)) {
				t.Errorf("lease %+v told %d, want it booked for the client", r.Lease, r.Told)
			}
		})
	}
}

// TestBind_V4_071_KeepExpiry: a client that begins anew without asking for a time is told what is left of its lease,
// and its booking is not raised; whoever asks, or renews, gets a whole lease time (RFC 2131 §4.3.1).
func TestBind_V4_071_KeepExpiry(t *testing.T) {
	const a = "10.67.0.12"
	asking := selecting(1, a)
	asking.AskedLease = 1800
	for _, c := range []struct {
		name   string
		keep   bool
		passed lease.Seconds
		bind   Bind
		told   lease.Seconds
	}{
		{"off: the default again", false, 2000, selecting(1, a), 3600},
		{"on: what is left", true, 1999, selecting(1, a), 1600},
		{"on: the last minute is over", true, 3599, selecting(1, a), 3600},
		{"on: asked for a time", true, 1999, asking, 1800},
		{"on: renewing", true, 1999, bindIn(Renewing, 1, a), 3600},
		{"on: ran out", true, 20000, selecting(1, a), 3600},
		{"on: another client", true, 20000, selecting(2, a), 3600},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, office(func(cfg *config.Config) { cfg.KeepExpiry = ptrTo(c.keep) }))
			before := w.must(selecting(1, a)).Lease
			w.after(c.passed, Tick{})
			r := w.must(c.bind)
			if r.Told != c.told {
				t.Errorf("told %d s, want %d", r.Told, c.told)
			}
			if c.told == 1600 && (r.Lease.Booked != before.Booked || r.Lease.Reusable != before.Reusable) {
				t.Errorf("booked %d reusable %d, before %d and %d", r.Lease.Booked, r.Lease.Reusable, before.Booked,
					before.Reusable)
			}
			if r.Lease.Booked < w.s.clock.Add(r.Told) {
				t.Errorf("told %d s, booked for %d", r.Told, w.s.clock.Until(r.Lease.Booked))
			}
			if again := w.must(c.bind); again.Told > r.Told {
				t.Errorf("P12 repeated: told %d s, then %d", r.Told, again.Told)
			}
		})
	}
}

// TestBind_V4_144_NoLink: a link without a subnet is ours to deny on only if the administrator says so of all such
// links, and never before R to the holder of an address that is on no link any more (P13).
func TestBind_V4_144_NoLink(t *testing.T) {
	nowhere := func(n byte, a string) Bind {
		return Bind{Client: client(n), Link: NoLink, Addr: addr(a), Mode: InitReboot}
	}
	w := newWorld(t, office(otherSubnet))
	w.must(Bind{Client: client(1), Link: "10.68.0.0/24", Addr: addr("10.68.0.12"), Mode: Selecting})
	if r := w.want(NoSuchLink, nowhere(2, "10.99.0.9")); r.Authoritative {
		t.Error("a link nobody configured is ours to deny on by default")
	}
	on := func(c *config.Config) { c.NAKUnknownLinks = true }
	then(on, otherSubnet)(w)
	for _, b := range []Bind{nowhere(2, "10.99.0.9"), nowhere(2, "10.68.0.12"), nowhere(1, "10.68.0.12")} {
		if r := w.want(NoSuchLink, b); !r.Authoritative {
			t.Errorf("%v asks for %v: not ours to deny, though all unknown links are", b.Client.Key, b.Addr)
		}
	}
	if l := w.lease("10.68.0.12"); l.Status != lease.Bound {
		t.Errorf("the lease of the client that moved is %v, want bound", l.Status)
	}
	then(on)(w)
	w.want(HolderWaits, nowhere(1, "10.68.0.12"))
	w.after(10000, Tick{})
	w.want(NoSuchLink, nowhere(1, "10.68.0.12"))
}

// TestBind_V4_064_ReservationOfTheLink: what is said of a client by its reservation holds in all subnets of the link.
func TestBind_V4_064_ReservationOfTheLink(t *testing.T) {
	w := newWorld(t, office(otherSubnet, printer(""), func(c *config.Config) {
		c.SharedNetworks = []config.SharedNetwork{{Name: "floor"}}
		for i := range c.Subnets {
			c.SharedNetworks[0].Subnets = append(c.SharedNetworks[0].Subnets, c.Subnets[i].Prefix)
		}
		c.Subnets[0].Reservations[0].Lease.Default = ptrTo(lease.Seconds(7200))
	}))
	for _, a := range []string{"10.67.0.12", "10.68.0.12"} {
		r := w.must(Bind{Client: client(1), Link: "floor", Addr: addr(a), Mode: Selecting})
		if r.Told != 7200 {
			t.Errorf("%s: told %d s, want the reservation's 7200", a, r.Told)
		}
	}
}

// TestBind_V4_142_AuthoritativeAtEveryLevel: the innermost word counts for an address that has a place.
func TestBind_V4_142_AuthoritativeAtEveryLevel(t *testing.T) {
	w := newWorld(t, office(func(c *config.Config) {
		c.Authoritative = ptrTo(false)
		c.Subnets[0].Pools[0].Authoritative = ptrTo(true)
	}))
	if r := w.want(UnknownClient, bindIn(InitReboot, 1, "10.67.0.12")); !r.Authoritative {
		t.Error("an address of the pool is not ours to deny, though the pool says so")
	}
	if r := w.want(UnknownClient, bindIn(InitReboot, 1, "10.67.0.99")); r.Authoritative {
		t.Error("an address outside of the pool is ours to deny, though the subnet says no")
	}
}
