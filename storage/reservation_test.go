package storage

import (
	"fmt"
	"math/rand"
	"net/netip"
	"slices"
	"testing"

	"port67/storage/config"
	"port67/storage/lease"
)

// at returns client n as the relay agent of a circuit tells of it, in the classes shown.
func at(n byte, circuit string, shown ...string) Client {
	c := client(n)
	c.Classes = shown
	if circuit != "" {
		c.RelayInfo = "\x01" + string([]byte{byte(len(circuit))}) + circuit + "\x02\x02sw"
	}
	return c
}

// reserve adds reservations to the one subnet.
func reserve(r ...config.Reservation) func(*config.Config) {
	return func(c *config.Config) {
		c.Classes = []config.Class{{Name: "port", Template: "hex(relay.circuit_id)"}, {Name: "bots", Test: "true"}}
		c.Subnets[0].Reservations = append(c.Subnets[0].Reservations, r...)
	}
}

func texts(values ...string) (out [][]byte) {
	for _, v := range values {
		out = append(out, []byte(v))
	}
	return out
}

func (w *world) choose(c Client) string {
	w.t.Helper()
	r := w.must(Offer{Client: c, Link: link})
	return r.Lease.Addr.String()
}

// TestReservation_V4_087_OrderOfIdentifiers: of several reservations that fit, that of the foremost identifier
// counts: class before circuit, remote and relay, before client identifier, before hardware address, or as
// configured. A place named by several identifiers comes before the same place named by one.
func TestReservation_V4_087_OrderOfIdentifiers(t *testing.T) {
	c := at(1, "7", "port:37", "bots")
	c.Key = lease.ClientIDKey([]byte("\x00one"))
	all := []config.Reservation{
		{Hardware: [][]byte{{2, 0x67, 0, 0, 0, 1}}, Address: addr("10.67.0.101")},
		{ClientID: texts("\x00one"), Address: addr("10.67.0.102")},
		{RemoteID: texts("sw"), Address: addr("10.67.0.103")},
		{CircuitID: texts("7"), Address: addr("10.67.0.104")},
		{CircuitID: texts("6", "7"), RemoteID: texts("sw"), Address: addr("10.67.0.105")},
		{Class: []string{"bots"}, Address: addr("10.67.0.106")},
	}
	for i := range all {
		w := newWorld(t, office(reserve(all[:i+1]...)))
		if got, want := w.choose(c), all[i].Address.String(); got != want {
			t.Errorf("by %v: %s, want %s", all[i].Names(), got, want)
		}
	}
	for first, want := range map[config.Identifier]string{
		config.ByHardware: "10.67.0.101", config.ByClientID: "10.67.0.102", config.ByCircuitID: "10.67.0.105",
	} {
		w := newWorld(t, office(reserve(all...), func(c *config.Config) {
			c.ReservationIdentifiers = append([]config.Identifier{first},
				slices.DeleteFunc(config.Identifiers(), func(i config.Identifier) bool { return i == first })...)
		}))
		if got := w.choose(c); got != want {
			t.Errorf("%s first: %s, want %s", first, got, want)
		}
	}
}

// TestReservation_V4_087_OnALink: on a link of two subnets a client has one reservation, that of its foremost
// identifier, in whichever of them it is.
func TestReservation_V4_087_OnALink(t *testing.T) {
	w := newWorld(t, office(reserve(config.Reservation{
		Hardware: [][]byte{{2, 0x67, 0, 0, 0, 1}}, Address: addr("10.67.0.101"),
	}), func(c *config.Config) {
		c.Subnets = append(c.Subnets, config.Subnet{
			Prefix:       netip.MustParsePrefix("10.68.0.0/24"),
			Reservations: []config.Reservation{{CircuitID: texts("7"), Address: addr("10.68.0.9")}},
		})
		c.SharedNetworks = []config.SharedNetwork{{
			Name: "both", Subnets: []netip.Prefix{c.Subnets[0].Prefix, c.Subnets[1].Prefix},
		}}
	}))
	for circuit, want := range map[string]string{"7": "10.68.0.9", "8": "10.67.0.101"} {
		if r := w.must(Offer{Client: at(1, circuit), Link: "both"}); r.Lease.Addr != addr(want) {
			t.Errorf("at circuit %s: %v, want %s", circuit, r.Lease.Addr, want)
		}
	}
}

// TestReservation_V4_087_Global: a global reservation counts on every link where it is not switched off, after
// those of the link's subnets; its address only on its own link, and nobody else gets it anywhere.
func TestReservation_V4_087_Global(t *testing.T) {
	no := false
	build := func(change ...func(*config.Config)) *world {
		return newWorld(t, office(append([]func(*config.Config){func(c *config.Config) {
			c.Subnets = append(c.Subnets, config.Subnet{
				Prefix: netip.MustParsePrefix("10.68.0.0/24"), Pools: []config.Pool{{Range: span("10.68.0.10", "10.68.0.11")}},
			})
			c.Reservations = []config.Reservation{
				{Hardware: [][]byte{{2, 0x67, 0, 0, 0, 1}}, Address: addr("10.67.0.12")},
				{CircuitID: texts("7"), Hostname: "x"},
			}
		}}, change...)...))
	}
	w := build()
	if got := w.choose(client(1)); got != "10.67.0.12" {
		t.Errorf("the client of a global reservation is offered %s", got)
	}
	if r := w.must(Offer{Client: client(1), Link: "10.68.0.0/24"}); r.Lease.Addr.Compare(addr("10.68.0.0")) < 0 {
		t.Errorf("on another link it is offered %v", r.Lease.Addr)
	}
	w.want(Reserved, selecting(2, "10.67.0.12"))
	w = build(reserve(config.Reservation{Hardware: [][]byte{{2, 0x67, 0, 0, 0, 1}}, Address: addr("10.67.0.101")}))
	if got := w.choose(client(1)); got != "10.67.0.101" {
		t.Errorf("beside one in the subnet: %s", got)
	}
	w = build(func(c *config.Config) { c.Subnets[0].ReservationsGlobal = &no })
	if got := w.choose(client(1)); got == "10.67.0.12" {
		t.Error("a reservation that does not count on the link is followed")
	}
	w.want(Reserved, selecting(1, "10.67.0.12"))
	w = build(reserve(config.Reservation{Hardware: [][]byte{{2, 0x67, 0, 0, 0, 3}}, Address: addr("10.67.0.13")}),
		func(c *config.Config) { c.ReservationsInSubnet = &no })
	w.want(Reserved, selecting(3, "10.67.0.13"))
}

// TestReservation_TwoInterfacesOfOneHost: all identifiers of a device are one client (V4-087).
func TestReservation_TwoInterfacesOfOneHost(t *testing.T) {
	w := newWorld(t, office(reserve(config.Reservation{
		Hardware: [][]byte{{2, 0x67, 0, 0, 0, 1}, {2, 0x67, 0, 0, 0, 2}}, Address: addr("10.67.0.101"),
	})))
	w.must(selecting(1, "10.67.0.101"))
	w.must(selecting(2, "10.67.0.101"))
	w.want(Reserved, selecting(3, "10.67.0.101"))
}

// place is a reservation of 10.67.0.101 for a circuit, or for a value of a template.
var places = map[string]config.Reservation{
	"circuit": {CircuitID: texts("7"), Address: addr("10.67.0.101")},
	"class":   {Class: []string{"port:37"}, Address: addr("10.67.0.101")},
}

// TestReservation_P1_ASecondDeviceAtAPlace: what is reserved for a place is the first device's until nobody can
// take it for its own any more; meanwhile a second one has a dynamic address. A device that leaves for another
// place does not keep it beyond its booking (P5).
func TestReservation_P1_ASecondDeviceAtAPlace(t *testing.T) {
	for name, r := range places {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, office(reserve(r)))
			first := w.must(Bind{Client: at(1, "7", "port:37"), Link: link, Mode: Selecting})
			if first.Lease.Addr != r.Address {
				t.Fatalf("the first device got %v", first.Lease.Addr)
			}
			second := w.must(Bind{Client: at(2, "7", "port:37"), Link: link, Mode: Selecting})
			if second.Lease.Addr == r.Address {
				t.Fatal("P1: the second device got the address of the first")
			}
			w.want(InUse, Bind{Client: at(2, "7", "port:37"), Link: link, Addr: r.Address, Mode: Selecting})
			booked := w.lease("10.67.0.101").Booked
			w.must(Bind{Client: at(1, "8", "port:38"), Link: link, Addr: r.Address, Mode: Rebinding})
			if l := w.lease("10.67.0.101"); l.Booked != booked {
				t.Errorf("P5: at another place the booking went from %d to %d", booked, l.Booked)
			}
			free := w.lease("10.67.0.101")
			w.after(w.s.clock.Until(free.FreeFrom()), Tick{})
			w.must(Bind{Client: at(2, "7", "port:37"), Link: link, Addr: r.Address, Mode: Selecting})
		})
	}
}

// TestReservation_V4_155_Renewal: a renewal does not pass the relay agent; the holder is where it was.
func TestReservation_V4_155_Renewal(t *testing.T) {
	for name, r := range places {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, office(reserve(r)))
			w.must(Bind{Client: at(1, "7", "port:37"), Link: link, Mode: Selecting})
			booked := w.lease("10.67.0.101").Booked
			if _, _, ok, _ := w.view().Renewal(r.Address, ptrTo(client(1)), 0, w.s.clock); !ok {
				t.Error("the holder is not answered inside its booking")
			}
			if _, _, ok, _ := w.view().Renewal(r.Address, ptrTo(at(1, "8")), 0, w.s.clock); ok {
				t.Error("at another place the holder is answered as if it were at its own")
			}
			w.must(Extend{Addr: r.Address, Key: client(1).Key})
			if l := w.lease("10.67.0.101"); l.Booked <= booked {
				t.Error("the renewal did not raise the booking")
			}
			for _, mode := range []Mode{Renewing, Rebinding} {
				booked = w.lease("10.67.0.101").Booked
				w.must(Bind{Client: client(1), Link: link, Addr: r.Address, Mode: mode})
				if l := w.lease("10.67.0.101"); l.Booked <= booked {
					t.Errorf("mode %d: the booking was not raised", mode)
				}
			}
			w.want(NotHolder, Extend{Addr: r.Address, Key: client(2).Key})
			w.want(Reserved, Extend{Addr: r.Address, Key: client(1).Key, RelayInfo: at(1, "8").RelayInfo})
			w.want(Reserved, bindIn(Renewing, 2, "10.67.0.101"))
			w.restored().must(Extend{Addr: r.Address, Key: client(1).Key}) // P14
		})
	}
}

// TestReservation_OneDevice: where the administrator says that there is only one device, another that shows up
// is its successor, with the booking as it was (P3); a device that got the address elsewhere is not concerned.
func TestReservation_OneDevice(t *testing.T) {
	for name, r := range places {
		t.Run(name, func(t *testing.T) {
			r.OneDevice = true
			w := newWorld(t, office(reserve(r)))
			w.must(Bind{Client: at(1, "7", "port:37"), Link: link, Mode: Selecting})
			before := w.lease("10.67.0.101")
			next := w.must(Bind{Client: at(2, "7", "port:37"), Link: link, Mode: Selecting})
			if next.Lease.Addr != r.Address || next.Lease.Client != client(2).Key {
				t.Fatalf("the successor got %+v", next.Lease)
			}
			if next.Lease.Booked < before.Booked || next.Lease.Start == before.Start {
				t.Errorf("from %+v to %+v: want no lower booking, and a new beginning", before, next.Lease)
			}
			w.want(Reserved, bindIn(Renewing, 1, "10.67.0.101"))
			w.want(NotHolder, Extend{Addr: r.Address, Key: client(1).Key})
			w.want(NotHolder, Release{Addr: r.Address, Key: client(1).Key})

			// Who has shown up elsewhere since is not the device that was there.
			w = newWorld(t, office(reserve(r)))
			w.must(Bind{Client: at(1, "7", "port:37"), Link: link, Mode: Selecting})
			w.must(Bind{Client: client(1), Link: link, Addr: r.Address, Mode: Selecting})
			w.want(InUse, Bind{Client: at(2, "7", "port:37"), Link: link, Addr: r.Address, Mode: Selecting})

			w = newWorld(t, office(func(c *config.Config) { c.Subnets[0].Pools[0].Range = span("10.67.0.101", "10.67.0.102") }))
			w.must(Bind{Client: at(1, "8"), Link: link, Addr: r.Address, Mode: Selecting})
			w.must(SetConfig{Expected: 1, Config: office(reserve(r))})
			w.want(InUse, Bind{Client: at(2, "7", "port:37"), Link: link, Addr: r.Address, Mode: Selecting})
		})
	}
}

// TestReservation_BOOTP_ByCircuit: a client that speaks BOOTP is known by its place, too (BP-001).
func TestReservation_BOOTP_ByCircuit(t *testing.T) {
	w := newWorld(t, office(reserve(places["circuit"])))
	if r := w.must(Bind{Client: at(1, "7"), Link: link, Mode: BOOTP}); r.Lease.Addr != addr("10.67.0.101") {
		t.Errorf("got %v", r.Lease.Addr)
	}
}

// TestPromise_P1_P5_ReservedPlaces: devices move about between places whose addresses are reserved, and renew
// without saying where they are, while reservations come and go. Nobody is told of an address that another
// believes to have, and a booking of a reserved address is raised only for who has shown up at its place.
func TestPromise_P1_P5_ReservedPlaces(t *testing.T) {
	for seed := range int64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			p := newPromise(t, seed)
			shown := map[lease.Lease]int{} // the place that a client showed last with an address
			p.mustSet(placesConfig(p.r))
			reserved := 0
			for range 500 {
				p.now += int64(p.r.Intn(3)) * int64(p.r.Intn(1_200_000))
				n := byte(p.r.Intn(promiseClients))
				if p.r.Intn(25) == 0 {
					p.mustSet(placesConfig(p.r))
				}
				reserved += p.stepAtPlace(n, shown)
			}
			if reserved == 0 {
				t.Error("no reserved address was ever bound: the test is too tame")
			}
		})
	}
}

// placesConfig reserves addresses for four circuits, and two of them by class.
func placesConfig(r *rand.Rand) *config.Config {
	return office(func(c *config.Config) {
		c.Subnets[0].Pools[0].Range = span("10.67.0.10", "10.67.0.17")
		c.Classes = []config.Class{{Name: "port", Template: "hex(relay.circuit_id)"}}
		shift := r.Intn(3)
		for i := range 4 {
			one := config.Reservation{Address: netip.AddrFrom4([4]byte{10, 67, 0, byte(10 + (i+shift)%6)})}
			if i%2 == 0 {
				one.CircuitID = [][]byte{{byte(i + 1)}}
			} else {
				one.Class = []string{fmt.Sprint("port:", i+1)}
			}
			c.Subnets[0].Reservations = append(c.Subnets[0].Reservations, one)
		}
	})
}

func (p *promise) mustSet(c *config.Config) { p.apply(SetConfig{Expected: p.s.revision, Config: c}) }

// apply applies a command and checks P3 and P6.
func (p *promise) apply(c Command) Result {
	p.t.Helper()
	before := map[netip.Addr]lease.Lease{}
	for l := range p.s.leases.All(netip.Addr{}) {
		before[l.Addr] = l
	}
	p.n++
	r := p.s.Apply(p.n, Entry{At: p.clusterTime(), Commands: []Command{c}})[0]
	for l := range p.s.leases.All(netip.Addr{}) {
		old := before[l.Addr]
		if l.Booked < old.Booked || l.Reusable < old.Reusable {
			p.t.Fatalf("P3: %#v took %+v to %+v", c, old, l)
		}
		if old.FreeFrom() > p.s.clock && l.Client != old.Client {
			p.t.Fatalf("P6: %#v took %+v to %+v at %d", c, old, l, p.s.clock)
		}
	}
	return r
}

// stepAtPlace has client n do something, and returns how many bookings of reserved addresses it raised.
func (p *promise) stepAtPlace(n byte, shown map[lease.Lease]int) int {
	where := p.r.Intn(6) // 4 and 5 have no reservation
	relayed := p.r.Intn(3) > 0
	c := client(n)
	if relayed {
		c = at(n, string([]byte{byte(where + 1)}), fmt.Sprint("port:", where+1))
	}
	a := p.anAddress(n)
	before, _ := p.s.leases.Get(a)
	sub, _ := p.s.config.SubnetOf(addr("10.67.0.1"))
	var r Result
	mode := Mode(1 + p.r.Intn(4))
	switch p.r.Intn(4) {
	case 0:
		told, extend, ok, _ := p.view().Renewal(a, &c, 0, p.clusterTime()+1)
		if ok {
			p.told(n, a, told, "renewed locally")
		}
		if !extend {
			return 0
		}
		mode = Renewing
		r = p.apply(Extend{Addr: a, Key: c.Key, Classes: c.Classes, RelayInfo: c.RelayInfo})
	default:
		if r = p.apply(Bind{Client: c, Link: link, Addr: a, Mode: mode}); r.Refusal == Granted {
			p.told(n, r.Lease.Addr, r.Told, "committed")
		}
	}
	// Only what is not from the holder's memory moves it.
	known := !relayed && mode >= Renewing
	res, ok := sub.ReservationAt(a)
	now, _ := p.s.leases.Get(a)
	if relayed {
		defer func() {
			if r.Refusal == Granted && r.Lease.Addr == a {
				shown[lease.Lease{Client: c.Key, Addr: a}] = where
			}
		}()
	}
	if !ok || now.Booked <= before.Booked {
		return 0
	}
	at := where
	switch {
	case known:
		at = shown[lease.Lease{Client: c.Key, Addr: a}]
	case !relayed:
		p.t.Fatalf("P5: client %d, of whom nobody knows where it is, got reserved %v", n, a)
	}
	id := p.s.config.Shown("", "", "\x01\x01"+string([]byte{byte(at + 1)}), []string{fmt.Sprint("port:", at+1)})
	if !res.Shows(&id) {
		p.t.Fatalf("P5: client %d, last at place %d, got %v, reserved for %v", n, at, a, res.Names())
	}
	return 1
}
