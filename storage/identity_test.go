package storage

import (
	"net/netip"
	"testing"

	"port67/storage/config"
	"port67/storage/lease"
)

// matched has clients matched that way.
func matched(m config.Match) func(*config.Config) {
	return func(c *config.Config) { c.Identity.Match = m }
}

// The faces of machine n on its way from the switch to its operating system (W-024), one hardware address all
// along.
func rom(n byte) Client {
	c := showing(n, 0, 'u', 'u', 'i', 'd', n)
	c.Firmware = true
	return c
}

func ipxe(n byte) Client {
	c := showing(n, usual(n)...)
	c.Firmware = true
	return c
}

func system(n byte) Client { return showing(n, 255, 0, 0, 0, 1, 'd', 'u', 'i', 'd', n) }

// child is a host that shares the hardware address of machine n and shows an identifier of its own, as an ipvlan
// container does.
func child(n, k byte) Client { return showing(n, 255, 'c', n, k) }

func withRelay(c Client, info string) Client { c.RelayInfo = info; return c }

// asks is a REQUEST of c for the address that it is offered.
func (w *world) asks(c Client) Result {
	w.t.Helper()
	a, refusal := w.view().Suitable(c, link, netip.Addr{}, nil, nil)
	if refusal != Granted {
		w.t.Fatalf("%v is offered nothing: %d", c.Key, refusal)
	}
	return w.must(Bind{Client: c, Link: link, Addr: a, Mode: Selecting})
}

// TestBind_W_024_Chain: PXE ROM, iPXE, installer and system are four identities with one hardware address. With the
// defaults they have one address after the other; by the RFC's reading four at once.
func TestBind_W_024_Chain(t *testing.T) {
	installer := showing(1, 255, 'i')
	for _, tt := range []struct {
		name   string
		change func(*config.Config)
		leases int
	}{
		{"default", func(*config.Config) {}, 2}, // The installer is no firmware: what it boots is told apart.
		{"handover off", func(c *config.Config) { c.Identity.FirmwareHandover = ptrTo(false) }, 4},
		{"V4-082 cid-then-mac", matched(config.MatchHardwareToo), 2}, // Two identifiers are two clients.
		{"mac", matched(config.MatchHardware), 1},
		{"distinct-by-mac", matched(config.MatchBoth), 2},
	} {
		w := newWorld(t, office(tt.change))
		var last netip.Addr
		for _, c := range []Client{rom(1), ipxe(1), installer, system(1)} {
			last = w.asks(c).Lease.Addr
		}
		if w.s.leases.Len() != tt.leases {
			t.Errorf("%s: %d leases, want %d", tt.name, w.s.leases.Len(), tt.leases)
		}
		// Next boot: what the system had is the system's, whatever its firmware has.
		w.asks(rom(1))
		if a := w.asks(system(1)).Lease.Addr; a != last {
			t.Errorf("%s: the system has %v after the next boot, had %v", tt.name, a, last)
		}
	}
}

// TestBind_V4_082_IdentifierAndNone: by the RFC a client that shows an identifier is not the one that shows none;
// where the administrator says so it is, in every state, and the booking stays what it was.
func TestBind_V4_082_IdentifierAndNone(t *testing.T) {
	for _, tt := range []struct {
		name        string
		match       config.Match
		before, now Client
		want        Refusal
	}{
		{"strict, none then one", config.MatchStrict, client(1), system(1), InUse},
		{"strict, one then none", config.MatchStrict, system(1), client(1), InUse},
		{"none then one", config.MatchHardwareToo, client(1), system(1), Granted},
		{"one then none", config.MatchHardwareToo, system(1), client(1), Granted},
		{"two identifiers", config.MatchHardwareToo, system(1), child(1, 1), InUse},
		{"other hardware", config.MatchHardwareToo, client(1), system(2), InUse},
		{"mac, two identifiers", config.MatchHardware, system(1), child(1, 1), Granted},
		{"mac, one identifier, other hardware", config.MatchHardware, system(1), showing(2, system(1).Key.Identifier()...), InUse},
		{"V4-085 one identifier, other hardware", config.MatchBoth, system(1), showing(2, system(1).Key.Identifier()...), InUse},
		{"V4-080 strict, one identifier, other hardware", config.MatchStrict, system(1),
			showing(2, system(1).Key.Identifier()...), Granted},
	} {
		for _, mode := range []Mode{Selecting, InitReboot, Renewing, Rebinding} {
			w := newWorld(t, office(matched(tt.match)))
			first := w.asks(tt.before).Lease
			r := w.do(Bind{Client: tt.now, Link: link, Addr: first.Addr, Mode: mode})
			if granted := r.Refusal == Granted; granted != (tt.want == Granted) {
				t.Errorf("%s, mode %d: %d (%s), want %d", tt.name, mode, r.Refusal, r.Detail, tt.want)
			}
			if l := w.lease(first.Addr.String()); l.Booked < first.Booked || l.Reusable < first.Reusable {
				t.Errorf("%s: P3: %+v after %+v", tt.name, l, first)
			}
			_, _, ok, _ := w.view().Renewal(first.Addr, &tt.now, 0, w.s.clock)
			if want := tt.want == Granted; ok != want {
				t.Errorf("%s, mode %d: a node renews it by itself: %t, want %t", tt.name, mode, ok, want)
			}
		}
	}
}

// TestRenewal_V4_082_V4_085_AsTheLog: what a node answers by itself, Extend and RELEASE go by the same rule as Bind,
// but for what a Bind has to take over first.
func TestRenewal_V4_082_V4_085_AsTheLog(t *testing.T) {
	faces := []Client{client(1), system(1), child(1, 1), showing(2, system(1).Key.Identifier()...), client(2)}
	for _, m := range []config.Match{config.MatchStrict, config.MatchHardwareToo, config.MatchHardware, config.MatchBoth} {
		for _, before := range faces {
			for _, now := range faces {
				w := newWorld(t, office(matched(m)))
				a := w.asks(before).Lease.Addr
				_, _, local, _ := w.view().Renewal(a, &now, 0, w.s.clock)
				extended := w.do(Extend{Addr: a, Key: now.Key, HType: now.HType, CHAddr: now.CHAddr}).Refusal == Granted
				released := w.restored().do(Release{Addr: a, Key: now.Key, HType: now.HType, CHAddr: now.CHAddr}).Refusal == Granted
				bound := w.restored().do(Bind{Client: now, Link: link, Addr: a, Mode: Renewing}).Refusal == Granted
				takes := m == config.MatchHardwareToo && before.CHAddr == now.CHAddr && before.Key.IsHardware() != now.Key.IsHardware()
				if local != extended || local != released || bound != (local || takes) {
					t.Errorf("%s, %v then %v: renewed by a node %t, extended %t, released %t, bound %t",
						m, before.Key, now.Key, local, extended, released, bound)
				}
			}
		}
	}
}

// Hosts that were told apart until the hardware address alone came to count go on with what each of them has.
func TestBind_V4_085_ToMacWithSeveral_P1(t *testing.T) {
	w := newWorld(t, office())
	had := map[lease.Key]netip.Addr{}
	for _, c := range []Client{child(1, 1), child(1, 2), system(1)} {
		had[c.Key] = w.asks(c).Lease.Addr
	}
	w.must(SetConfig{Expected: 1, Config: office(matched(config.MatchHardware))})
	for _, c := range []Client{system(1), child(1, 1), child(1, 2)} {
		if r := w.asks(c); r.Lease.Addr != had[c.Key] {
			t.Errorf("%v has %v, had %v", c.Key, r.Lease.Addr, had[c.Key])
		}
	}
}

// What firmware holds is reserved to another, declined or of another machine: it is not taken over.
func TestBind_W_024_NotForAnybody(t *testing.T) {
	w := newWorld(t, office())
	a := w.asks(rom(1)).Lease.Addr
	w.want(InUse, Bind{Client: system(2), Link: link, Addr: a, Mode: Selecting})
	near, far := system(1), system(1)
	near.RelayInfo, far.RelayInfo = "\x01\x02p1\x02\x02ab", "\x01\x02p2"
	w.must(Bind{Client: withRelay(rom(1), near.RelayInfo), Link: link, Addr: a, Mode: Selecting})
	w.want(InUse, Bind{Client: far, Link: link, Addr: a, Mode: Selecting})
	if got, _ := w.view().Suitable(near, link, netip.Addr{}, nil, nil); got != a {
		t.Errorf("on the same circuit: %v, want %v", got, a)
	}
	none := system(1)
	none.HType, none.CHAddr = 0, ""
	w.want(InUse, Bind{Client: none, Link: link, Addr: a, Mode: Selecting})
	w.must(SetConfig{Expected: 1, Config: office(func(c *config.Config) {
		c.Subnets[0].Reservations = []config.Reservation{{Hardware: [][]byte{[]byte(client(5).CHAddr)}, Address: a}}
	})})
	w.want(Reserved, Bind{Client: system(1), Link: link, Addr: a, Mode: Selecting}) // P5
	w.must(SetConfig{Expected: 2, Config: office()})
	w.must(Decline{Addr: a, Key: rom(1).Key})
	w.want(OutOfService, Bind{Client: system(1), Link: link, Addr: a, Mode: Selecting}) // P7
}

// A system that shows what its firmware showed (01 and the hardware address) makes the lease its own: nobody who
// shares the hardware address takes it over then. Until the log has heard of it no node answers it, and no lease
// that was a system's becomes firmware's while a node may still renew it.
func TestBind_W_024_SystemWithFirmwaresIdentifier_P1(t *testing.T) {
	w := newWorld(t, office())
	a := w.asks(ipxe(1)).Lease.Addr
	same := ipxe(1)
	same.Firmware = false
	if told, _, ok, remaining := w.view().Renewal(a, &same, 0, w.s.clock); ok || told > 0 || remaining > 0 {
		t.Errorf("a node answers what the log does not know of: %d s, %d s left", told, remaining)
	}
	w.must(Bind{Client: same, Link: link, Addr: a, Mode: InitReboot})
	if _, _, ok, _ := w.view().Renewal(a, &same, 0, w.s.clock); !ok {
		t.Error("the system's renewal waits for the log")
	}
	w.want(InUse, Bind{Client: child(1, 1), Link: link, Addr: a, Mode: Selecting})
	w.must(Bind{Client: ipxe(1), Link: link, Addr: a, Mode: Selecting}) // It boots again.
	if w.lease(a.String()).Firmware {
		t.Error("a lease that nodes renewed for a system became firmware's")
	}
	w.want(InUse, Bind{Client: child(1, 1), Link: link, Addr: a, Mode: Selecting})
	w.after(100_000, Tick{})
	w.must(Bind{Client: ipxe(1), Link: link, Addr: a, Mode: Selecting})
	if !w.lease(a.String()).Firmware {
		t.Error("a new lease of firmware is not known as such")
	}
}

// W-024: a machine that comes under a new name prefers the address it had last, once anybody could have it, and
// that costs nobody anything: not before R, not what another has on offer, not what is not for it.
func TestSuitable_W_024_Affinity(t *testing.T) {
	w := newWorld(t, office(func(c *config.Config) { c.Identity.FirmwareHandover = ptrTo(false) }))
	a := w.must(Bind{Client: system(1), Link: link, Addr: addr("10.67.0.17"), Mode: Selecting}).Lease.Addr
	again := showing(1, 255, 'n', 'e', 'w')
	suits := func(c Client, taken *lease.Space) netip.Addr {
		found, _ := w.view().Suitable(c, link, netip.Addr{}, nil, taken)
		return found
	}
	if suits(again, nil) == a {
		t.Error("P6: another identity is offered the address before R")
	}
	w.after(100_000, Tick{})
	if got := suits(again, nil); got != a {
		t.Errorf("%v, want what the machine had last: %v", got, a)
	}
	if suits(again, new(lease.Space).With(a)) == a {
		t.Error("an address that is on offer to another is offered")
	}
	if got, _ := w.view().Suitable(again, link, addr("10.67.0.11"), nil, nil); got != addr("10.67.0.11") {
		t.Errorf("%v, want what the client asks for", got)
	}
	declined := w.restored()
	declined.must(Bind{Client: system(1), Link: link, Addr: a, Mode: Selecting})
	declined.must(Decline{Addr: a, Key: system(1).Key})
	declined.after(100_000, Tick{})
	if got, _ := declined.view().Suitable(again, link, netip.Addr{}, nil, nil); got == a {
		t.Error("what the machine found in use is offered to it again")
	}
	w.must(SetConfig{Expected: 1, Config: office(func(c *config.Config) {
		c.Subnets[0].Reservations = []config.Reservation{{Hardware: [][]byte{[]byte(client(5).CHAddr)}, Address: a}}
	})})
	if suits(again, nil) == a {
		t.Error("P5: what is reserved to another is offered")
	}
}

// Early reuse lets a machine have at once what it gave back under another name.
func TestSuitable_W_024_AffinityAfterRelease(t *testing.T) {
	w := newWorld(t, office(earlyReuse))
	a := w.must(Bind{Client: system(1), Link: link, Addr: addr("10.67.0.17"), Mode: Selecting}).Lease.Addr
	w.must(Release{Addr: a, Key: system(1).Key})
	if r := w.asks(child(1, 7)); r.Lease.Addr != a {
		t.Errorf("%v, want what the machine gave back: %v", r.Lease.Addr, a)
	}
}

// TestBind_V4_085_W_040_Clones: machines with one identifier get an address each; whoever had the one that both
// used keeps it when the policy is switched on, and nobody loses anything when it is switched off.
func TestBind_V4_085_W_040_Clones(t *testing.T) {
	clone := func(n byte) Client { return showing(n, 255, 'v', 'm') }
	w := newWorld(t, office())
	a := w.asks(clone(1)).Lease.Addr
	if r := w.asks(clone(2)); r.Lease.Addr != a {
		t.Errorf("by the RFC one client, but %v and %v", a, r.Lease.Addr)
	}
	w.must(SetConfig{Expected: 1, Config: office(matched(config.MatchBoth))})
	if _, _, ok, _ := w.view().Renewal(a, ptrTo(clone(1)), 0, w.s.clock); ok {
		t.Error("a node renews for the clone that was not heard last")
	}
	w.want(InUse, Bind{Client: clone(1), Link: link, Addr: a, Mode: Rebinding})
	w.want(NotHolder, Release{Addr: a, Key: clone(1).Key, HType: 1, CHAddr: clone(1).CHAddr})
	w.want(NotHolder, Extend{Addr: a, Key: clone(1).Key, HType: 1, CHAddr: clone(1).CHAddr})
	w.must(Bind{Client: clone(2), Link: link, Addr: a, Mode: Renewing})
	b := w.asks(clone(1)).Lease.Addr
	if a == b {
		t.Errorf("P1: both clones have %v", a)
	}
	for _, c := range []Client{clone(1), clone(2), clone(1)} {
		if r := w.must(Bind{Client: c, Link: link, Mode: Selecting}); r.Lease.CHAddr != c.CHAddr ||
			r.Lease.Addr != map[string]netip.Addr{clone(1).CHAddr: b, clone(2).CHAddr: a}[c.CHAddr] {
			t.Errorf("%v for %x", r.Lease.Addr, c.CHAddr)
		}
	}
	w.must(SetConfig{Expected: 2, Config: office()})
	w.must(Bind{Client: clone(2), Link: link, Addr: a, Mode: Renewing})
	w.must(Bind{Client: clone(1), Link: link, Addr: b, Mode: Renewing})
}

// A reservation by identifier is for one of the clones at a time.
func TestBind_V4_085_ReservedByIdentifier_P1(t *testing.T) {
	clone := func(n byte) Client { return showing(n, 255, 'v', 'm') }
	for _, m := range []config.Match{config.MatchBoth, config.MatchHardware} {
		w := newWorld(t, office(matched(m), func(c *config.Config) {
			c.Subnets[0].Reservations = []config.Reservation{{
				ClientID: [][]byte{clone(1).Key.Identifier()}, Address: addr("10.67.0.100"),
			}}
		}))
		if r := w.asks(clone(1)); r.Lease.Addr != addr("10.67.0.100") {
			t.Errorf("%s: %v, want the reserved address", m, r.Lease.Addr)
		}
		w.want(InUse, Bind{Client: clone(2), Link: link, Addr: addr("10.67.0.100"), Mode: Selecting})
		if r := w.asks(clone(2)); r.Lease.Addr == addr("10.67.0.100") {
			t.Errorf("%s: P1: both clones have the reserved address", m)
		}
	}
}

// TestBind_MatchSwitched: whoever has an address keeps it, however clients are matched from now on.
func TestBind_V4_085_MatchSwitched_P1(t *testing.T) {
	ways := []config.Match{config.MatchStrict, config.MatchHardwareToo, config.MatchHardware, config.MatchBoth}
	for _, from := range ways {
		for _, to := range ways {
			for _, c := range []Client{client(1), system(1)} {
				w := newWorld(t, office(matched(from)))
				a := w.asks(c).Lease.Addr
				w.must(SetConfig{Expected: 1, Config: office(matched(to))})
				if _, _, ok, _ := w.view().Renewal(a, &c, 0, w.s.clock); !ok {
					t.Errorf("%s to %s: %v cannot renew by a node", from, to, c.Key)
				}
				if r := w.must(Bind{Client: c, Link: link, Mode: Selecting}); r.Lease.Addr != a || w.s.leases.Len() != 1 {
					t.Errorf("%s to %s: %v has %v, had %v", from, to, c.Key, r.Lease.Addr, a)
				}
			}
		}
	}
}

// twoLinks is office and another link.
func twoLinks(change ...func(*config.Config)) *config.Config {
	return office(append(change, func(c *config.Config) {
		c.Subnets = append(c.Subnets, config.Subnet{
			Prefix: netip.MustParsePrefix("10.68.0.0/24"), Pools: []config.Pool{{Range: span("10.68.0.10", "10.68.0.19")}},
		})
	})...)
}

// TestBind_V4_086_OneLease: a client that is bound elsewhere has left where it was, which lowers nothing; without
// the policy, on one side or the other, nothing happens.
func TestBind_V4_086_OneLease_P8(t *testing.T) {
	on := func(c *config.Config) { c.Identity.OneLease = ptrTo(true) }
	for _, tt := range []struct {
		name string
		with func(*config.Config)
		who  Client
		want lease.Status
	}{
		{"off", func(*config.Config) {}, client(1), lease.Bound},
		{"on", on, client(1), lease.Released},
		{"on, another identity of the machine", on, system(1), lease.Bound},
		{"on, matched by mac", func(c *config.Config) { on(c); c.Identity.Match = config.MatchHardware }, system(1), lease.Released},
		{"on where it was only", func(c *config.Config) { c.Subnets[0].Identity.OneLease = ptrTo(true) }, client(1), lease.Bound},
	} {
		w := newWorld(t, twoLinks(tt.with))
		was := w.must(selecting(1, "10.67.0.12")).Lease
		near := w.must(selecting(1, "10.67.0.13")).Lease // It moved its mind: not its link.
		r := w.must(Bind{Client: tt.who, Link: "10.68.0.0/24", Addr: addr("10.68.0.12"), Mode: Selecting})
		got := w.lease("10.67.0.12")
		if got.Status != tt.want || got.Booked != was.Booked || got.Reusable != was.Reusable {
			t.Errorf("%s: %+v after %+v, want status %v and nothing lowered", tt.name, got, was, tt.want)
		}
		if left := len(r.Left); (left == 2) != (tt.want == lease.Released) {
			t.Errorf("%s: %d leases are told as left", tt.name, left)
		}
		w.want(InUse, selecting(2, near.Addr.String())) // P6: before R it is nobody else's.
		if r := w.must(selecting(1, "10.67.0.12")); r.Lease.Status != lease.Bound {
			t.Errorf("%s: back again: %+v", tt.name, r.Lease)
		}
	}
}
