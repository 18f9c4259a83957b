package dhcp4

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// classesOf is the classes of clients by the last octet of their hardware address.
type classesOf map[byte][]string

func (c classesOf) Of(q *Query, _ *Ingress, _ []byte, _ bool) ([]string, []error) {
	if c == nil {
		return nil, []error{errors.New("class phones: failed")}
	}
	return c[q.CHAddr[5]], nil
}

// classyWorld is the network of the tests with classes, in which client 7 is a phone.
func classyWorld(t *testing.T, change func(*config.Config)) *world {
	t.Helper()
	c := testConfig()
	c.Classes = []config.Class{{Name: "phones", Test: "true"}, {Name: "late", Test: "true"}}
	if change != nil {
		change(c)
	}
	w := newWorld(t, c)
	w.self.Classes = classesOf{7: {"phones"}}
	return w
}

// In a shared network any subnet will do that is open to the client; so for the network itself.
func TestDiscover_V4_113_GuardsInASharedNetwork(t *testing.T) {
	floor := func(i byte) (*Query, *Ingress) {
		return query(Discover, i).from("10.69.0.1", ""), relayed("10.69.0.1")
	}
	first, second := netip.MustParsePrefix("10.69.0.0/24"), netip.MustParsePrefix("10.70.0.0/24")
	for _, c := range []struct {
		name         string
		change       func(*config.Config)
		phone, other netip.Prefix // zero: no offer
	}{
		{"one subnet each", func(c *config.Config) {
			c.Subnets[2].Classes, c.Subnets[3].Classes = []string{"phones"}, []string{"not-phones"}
		}, first, second},
		{"a subnet for nobody else", func(c *config.Config) {
			c.Subnets[2].Classes, c.Subnets[3].Classes = []string{"not-phones"}, []string{"late"}
		}, netip.Prefix{}, first},
		{"the network", func(c *config.Config) {
			c.SharedNetworks[0].Classes = []string{"phones"}
			c.Subnets[2].Classes = []string{"late"}
		}, second, netip.Prefix{}},
		{"a subnet, and a pool in it", func(c *config.Config) {
			c.Subnets[2].Classes = []string{"phones", "late"}
			c.Subnets[2].Pools[0].Classes = []string{"late"}
		}, second, second},
	} {
		w := classyWorld(t, c.change)
		for i, want := range map[byte]netip.Prefix{7: c.phone, 8: c.other} {
			a := w.exchange(floor(i))
			if want.IsValid() && (a.verdict() != "OFFER" || !want.Contains(a.msg.YIAddr)) ||
				!want.IsValid() && a.why != Exhausted {
				t.Errorf("V4-113 %s: client %d gets %v, want an address of %v", c.name, i, a, want)
			}
		}
	}
}

// A reservation in a subnet that is not open to its client does not count, and nobody else gets the address.
func TestDiscover_GuardBeforeReservation(t *testing.T) {
	w := classyWorld(t, func(c *config.Config) { c.Subnets[0].Classes = []string{"phones"} })
	w.self.Classes = classesOf{0x51: {"phones"}}
	if a := w.exchange(query(Discover, 0x51), heard("", "")); a.msg.YIAddr != ip("10.67.0.50") {
		t.Errorf("open: %v, want the reserved 10.67.0.50", a)
	}
	w.self.Classes = classesOf{8: {"phones"}}
	if a := w.exchange(query(Discover, 0x51), heard("", "")); a.why != Exhausted {
		t.Errorf("shut: %v, want silence", a)
	}
	q := query(Request, 8, with(optRequestedAddress, "10.67.0.50"), with(optServerID, addrN1))
	if a := w.exchange(q, heard("", "")); a.verdict() != nak || a.result.Refusal != storage.Reserved {
		t.Errorf("another: %v, want a NAK", a)
	}
}

func TestDiscover_V4_089_ReservationOnlyPool(t *testing.T) {
	w := classyWorld(t, func(c *config.Config) {
		c.Subnets[0].Pools[0].Classes = []string{"known"}
		c.Subnets[0].Reservations[0].Address = netip.Addr{}
	})
	if a := w.exchange(query(Discover, 8), heard("", "")); a.why != Exhausted {
		t.Errorf("V4-089 unknown client: %v, want silence", a)
	}
	if a := w.exchange(query(Discover, 0x51), heard("", "")); a.verdict() != "OFFER" {
		t.Errorf("V4-089 known client: %v, want an OFFER", a)
	}
}

// deny has phones not answered.
func deny(c *config.Config) { c.Deny = []string{"phones"} }

func TestDecide_V4_088_DeniedClientsHearNothing(t *testing.T) {
	sid := with(optServerID, addrN1)
	for _, c := range []struct {
		name string
		q    *Query
		in   *Ingress
	}{
		{"DISCOVER", query(Discover, 7), heard("", "")},
		{"REQUEST selecting", query(Request, 7, with(optRequestedAddress, "10.67.0.120"), sid), heard("", "")},
		{"REQUEST init-reboot", query(Request, 7, with(optRequestedAddress, "10.67.0.120")), heard("", "")},
		{"REQUEST renewing", query(Request, 7).from("", "10.67.0.120"), heard("10.67.0.120", "10.67.0.2")},
		{"REQUEST rebinding", query(Request, 7).from("", "10.67.0.120"), heard("10.67.0.120", "")},
		{"INFORM", query(Inform, 7).from("", "10.67.0.120"), heard("10.67.0.120", "")},
	} {
		for _, holder := range []bool{false, true} {
			w := classyWorld(t, deny)
			if holder {
				w.self.Classes = classesOf{}
				bound(7, "10.67.0.120")(w)
				w.self.Classes = classesOf{7: {"phones"}}
			}
			if a := w.exchange(c.q, c.in); a.why != Filtered || a.d.Command != nil {
				t.Errorf("V4-088 %s, holder %v: %v, want silence decided here", c.name, holder, a)
			}
			w.self.Classes = classesOf{}
			if d := w.decide(c.q, c.in); d.Why == Filtered {
				t.Errorf("V4-088 %s: filtered though in no class", c.name)
			}
		}
	}
	w := classyWorld(t, nil)
	bound(7, "10.67.0.120")(w)
	w.reconfigure(func(c *config.Config) {
		c.Classes = []config.Class{{Name: "phones", Test: "true", Ignore: true}}
	})
	if a := w.exchange(query(Release, 7).from("", "10.67.0.120"), heard("10.67.0.120", "")); a.why != Answer ||
		a.result.Refusal != storage.Granted {
		t.Errorf("V4-088 RELEASE: %v, want it taken: the address is given back all the same", a)
	}
}

// A NAK for denied clients is the log's word, and comes only when the client's last address is not booked for
// it any more (P13).
func TestRequest_V4_088_NakDenied(t *testing.T) {
	reboot := query(Request, 7, with(optRequestedAddress, "10.67.0.120"))
	rebind := query(Request, 7).from("", "10.67.0.120")
	here := heard("10.67.0.120", "")
	told := func(c *config.Config) { deny(c); c.NakDenied = true }
	for _, c := range []struct {
		name   string
		q      *Query
		in     *Ingress
		holder bool
		passed lease.Seconds
		want   verdict
		why    Why
	}{
		{"init-reboot of a stranger", reboot, heard("", ""), false, 0, nak, Answer},
		{"rebinding of a stranger", rebind, here, false, 0, nak, Answer},
		{"P13 init-reboot of the holder", reboot, heard("", ""), true, 60, silent, HolderWaits},
		{"P13 rebinding of the holder", rebind, here, true, 60, silent, HolderWaits},
		{"rebinding after its booking and the grace", rebind, here, true, 100_000, nak, Answer},
		{"renewing", rebind, heard("10.67.0.120", "10.67.0.2"), false, 0, silent, Filtered},
		{"selecting", query(Request, 7, with(optRequestedAddress, "10.67.0.120"), with(optServerID, addrN1)),
			heard("", ""), false, 0, silent, Filtered},
	} {
		w := classyWorld(t, nil)
		if c.holder {
			bound(7, "10.67.0.120")(w)
		}
		w.advance(c.passed)
		w.reconfigure(func(conf *config.Config) {
			conf.Classes = []config.Class{{Name: "phones", Test: "true"}}
			told(conf)
		})
		a := w.exchange(c.q, c.in)
		if a.verdict() != c.want || a.why != c.why || c.want == nak && a.result.Refusal != storage.Filtered {
			t.Errorf("V4-088 %s: %v, want %v (%d)", c.name, a, c.want, c.why)
		}
	}
	w := classyWorld(t, func(c *config.Config) { told(c); c.Authoritative = ptr(false) })
	if a := w.exchange(reboot, heard("", "")); a.why != UnknownClient {
		t.Errorf("V4-088 on a link that is not ours to deny on: %v, want silence", a)
	}
}

// The log denies by its own configuration: a node that does not know yet of a class that is denied gives
// nothing away.
func TestBind_V4_088_TheLogDeniesToo(t *testing.T) {
	w := classyWorld(t, nil)
	q := query(Request, 7, with(optRequestedAddress, "10.67.0.120"), with(optServerID, addrN1))
	w.self.Waited = true
	d := w.decide(q, heard("", ""))
	w.reconfigure(func(c *config.Config) {
		c.Classes = []config.Class{{Name: "phones", Test: "true"}}
		deny(c)
	})
	b := d.Command.(storage.Bind)
	b.Client.Classes = []string{"phones"}
	r := w.apply(b)
	if r.Refusal != storage.Filtered || w.lease("10.67.0.120").Booked != 0 {
		t.Errorf("refusal %d, want the client filtered", r.Refusal)
	}
	if _, why := Reply(&d, r); why != RefusedUnheard {
		t.Errorf("told (%d), want silence: the client was judged by another configuration", why)
	}
	if r := w.apply(storage.Offer{Client: b.Client, Link: d.Path.Link}); r.Refusal != storage.Filtered {
		t.Errorf("offer: refusal %d, want the client filtered", r.Refusal)
	}
}

// A client that a guard shuts out keeps what is left of its booking, then hears nothing, then a NAK.
func TestRequest_V4_156_P13_GuardAgainstTheHolder(t *testing.T) {
	renew, in := query(Request, 7).from("", "10.67.0.120"), heard("10.67.0.120", "10.67.0.2")
	for _, change := range []func(*config.Config){
		func(c *config.Config) { c.Subnets[0].Classes = []string{"not-phones"} },
		func(c *config.Config) { c.Subnets[0].Pools[0].Classes = []string{"late"} },
	} {
		w := classyWorld(t, nil)
		bound(7, "10.67.0.120")(w)
		before := w.lease("10.67.0.120")
		w.reconfigure(func(c *config.Config) {
			c.Classes = []config.Class{{Name: "phones", Test: "true"}, {Name: "late", Test: "true"}}
			change(c)
		})
		w.advance(1800)
		a := w.exchange(renew, in)
		if l := w.lease("10.67.0.120"); a.verdict() != ack || a.result.Told > 3600 || l.Booked != before.Booked {
			t.Errorf("P13 inside the booking: %v, booked until %d, was %d; want an ACK that raises nothing", a,
				l.Booked, before.Booked)
		}
		if e := w.apply(storage.Extend{Addr: ip("10.67.0.120"), Key: before.Client,
			Classes: []string{"phones"}}); e.Refusal != storage.NotInPool {
			t.Errorf("extend: refusal %d, want the booking not to be raised", e.Refusal)
		}
		w.advance(5400)
		if a = w.exchange(renew, in); a.why != HolderWaits {
			t.Errorf("P13 in the grace: %v, want silence", a)
		}
		w.advance(100_000)
		if a = w.exchange(renew, in); a.verdict() != nak {
			t.Errorf("V4-156 afterwards: %v, want a NAK", a)
		}
	}
}

// What a class sets is told to its clients, in an OFFER and in every ACK, and overruled by a reservation.
func TestReply_V4_064_SettingsOfClasses(t *testing.T) {
	w := classyWorld(t, func(c *config.Config) {
		c.Classes[0].Settings = config.Settings{
			Lease:      config.LeaseTimes{Default: ptr(lease.Seconds(1200))},
			NextServer: ip("10.67.0.9"), BootFile: "phone.bin",
			Options:    []config.Option{option(7, 10, 67, 0, 7), option(optDomainName, []byte("phones.example.org")...)},
			AlwaysSend: []uint8{7},
		}
		c.Classes[1].Settings = config.Settings{BootFile: "late.bin", Options: []config.Option{option(4, 10, 67, 0, 4)},
			AlwaysSend: []uint8{4}}
		c.Subnets[0].Pools[0].BootFile = "pool.bin"
		c.Subnets[0].Reservations[0].BootFile = "printer.bin"
	})
	w.self.Classes = classesOf{7: {"phones", "late"}, 0x51: {"phones"}}
	check := func(what string, m *Message, file string) {
		t.Helper()
		if m.File != file || m.SIAddr != ip("10.67.0.9") {
			t.Errorf("V4-064 %s: file %q siaddr %v, want %q and 10.67.0.9", what, m.File, m.SIAddr, file)
		}
		wantOption(t, m, optDomainName, []byte("phones.example.org"))
		wantOption(t, m, 7, []byte{10, 67, 0, 7})
		wantOption(t, m, optLeaseTime, seconds(1200))
	}
	a := w.exchange(query(Discover, 7), heard("", ""))
	check("OFFER", &a.msg, "phone.bin")
	wantOption(t, &a.msg, 4, []byte{10, 67, 0, 4}) // The second class adds what the first does not say.
	got := a.msg.YIAddr
	a = w.exchange(query(Request, 7, with(optRequestedAddress, got), with(optServerID, addrN1)), heard("", ""))
	check("ACK", &a.msg, "phone.bin")
	a = w.exchange(query(Discover, 0x51), heard("", ""))
	check("reservation", &a.msg, "printer.bin")
	a = w.exchange(query(Discover, 8), heard("", ""))
	if a.msg.File != "pool.bin" || slices.Contains(a.msg.codes(), 7) {
		t.Errorf("V4-064 another client: file %q, options %v; want the pool's", a.msg.File, a.msg.codes())
	}
	// A renewal that this node answers by itself, and what it asks the log for later, are of the same classes.
	w.advance(400)
	renew := query(Request, 7).from("", got.String())
	a = w.exchange(renew, heard(got.String(), "10.67.0.2"))
	if a.d.Command != nil || a.d.Later != nil {
		t.Fatalf("renewal: %v later %+v, want an ACK from this node alone", a, a.d.Later)
	}
	check("renewal", &a.msg, "phone.bin")
	w.advance(400)
	a = w.exchange(renew, heard(got.String(), "10.67.0.2"))
	if a.d.Command != nil || a.d.Later == nil || !slices.Equal(a.d.Later.Classes, a.d.Classes) {
		t.Fatalf("renewal: %v later %+v, want the booking raised for the same classes", a, a.d.Later)
	}
	if r := w.apply(*a.d.Later); r.Told != 1200 || r.Refusal != storage.Granted {
		t.Errorf("extend: told %d refusal %d, want the 1200 s of the class", r.Told, r.Refusal)
	}
}

// An ACK agrees with the OFFER before it, also when the class has gone meanwhile.
func TestRequest_V4_067_HA_014_ClassesOfTheOffer(t *testing.T) {
	w := classyWorld(t, func(c *config.Config) { c.Classes[0].BootFile = "phone.bin" })
	a := w.exchange(query(Discover, 7), heard("", ""))
	w.reconfigure(func(*config.Config) {})
	w.self.Classes = nil
	a = w.exchange(query(Request, 7, with(optRequestedAddress, a.msg.YIAddr), with(optServerID, addrN1)),
		heard("", ""))
	if a.verdict() != ack || a.msg.File != "phone.bin" {
		t.Errorf("V4-067 %v with file %q, want the ACK to agree with the OFFER", a, a.msg.File)
	}
}

// The errors of tests that failed are handed on, whatever comes of the message.
func TestDecide_ClassErrors(t *testing.T) {
	w := classyWorld(t, func(c *config.Config) { c.Subnets[0].Pools[0].Classes = []string{"phones"} })
	w.self.Classes = classesOf(nil)
	if d := w.decide(query(Discover, 7), heard("", "")); d.Why != Exhausted || len(d.ClassErrors) != 1 {
		t.Errorf("why %d, errors %v; want no address, and to hear why", d.Why, d.ClassErrors)
	}
}

// A configuration that has no classes, or none that decide about anything, costs nothing.
func TestDecide_NoClassesNoCost(t *testing.T) {
	q, in := query(Discover, 8), heard("", "")
	allocations := func(w *world) float64 {
		w.self.Upper = w.now + 1
		return testing.AllocsPerRun(100, func() { Decide(w.view(), q, in, &w.self) })
	}
	without := newWorld(t, testConfig())
	idle := classyWorld(t, nil)
	idle.self.Classes = nil // As the server has it where nothing is named.
	if named := idle.view().Config().Named; len(named) > 0 {
		t.Fatalf("%v decide about something", named)
	}
	if a, b := allocations(without), allocations(idle); a != b {
		t.Errorf("%v allocations without classes, %v with idle ones", a, b)
	}
}

// byCircuit are classes by the circuit that a client is on: option 82 is its only sub-option.
type byCircuit struct{}

func (byCircuit) Of(_ *Query, _ *Ingress, relayInfo []byte, _ bool) ([]string, []error) {
	if string(relayInfo) == "\x01\x01\x07" {
		return []string{"phones"}, nil
	}
	return nil, nil
}

// A renewal does not pass the relay, but its client is where it was.
func TestRequest_V4_155_ClassesByTheRelayOfLastTime(t *testing.T) {
	w := classyWorld(t, func(c *config.Config) {
		c.Subnets[1].Pools[0].Classes = []string{"phones"}
		c.Classes[0].BootFile = "phone.bin"
	})
	w.self.Classes = byCircuit{}
	rai := with(optRelayInfo, []byte{1, 1, 7})
	q := query(Request, 1, with(optRequestedAddress, "10.68.0.120"), with(optServerID, addrN1), rai)
	if a := w.exchange(q.from("10.68.0.1", ""), relayed("10.68.0.1")); a.verdict() != ack {
		t.Fatalf("%v, want an ACK", a)
	}
	renew, in := query(Request, 1).from("", "10.68.0.120"), heard("10.68.0.120", "10.67.0.2")
	for i, passed := range []lease.Seconds{1800, 1800, 1800} {
		w.advance(passed)
		a := w.exchange(renew, in)
		if a.verdict() != ack || a.msg.File != "phone.bin" || a.result.Told != 3600 {
			t.Fatalf("V4-155 renewal %d: %v with file %q, told %d; want a full ACK of the class", i, a, a.msg.File,
				a.result.Told)
		}
		if a.d.Later != nil {
			w.must(*a.d.Later)
		}
	}
	// Whoever does not hold the address is not on its circuit.
	if a := w.exchange(query(Request, 2).from("", "10.68.0.120"), in); slices.Contains(a.d.Classes, "phones") {
		t.Errorf("V4-155 another client: classes %v", a.d.Classes)
	}
}

// Where not even the link is known, who is denied is told no more than elsewhere.
func TestRequest_V4_144_V4_088_DeniedOnAnUnknownLink(t *testing.T) {
	q, in := query(Request, 7, with(optRequestedAddress, "10.99.0.9")).from("10.99.0.1", ""), relayed("10.99.0.1")
	for _, told := range []bool{false, true} {
		w := classyWorld(t, func(c *config.Config) { deny(c); c.NAKUnknownLinks, c.NakDenied = true, told })
		a := w.exchange(q, in)
		if told && a.verdict() != nak || !told && a.why != Filtered {
			t.Errorf("V4-088 told %v: %v", told, a)
		}
	}
}
