package dhcp4

import (
	"bytes"
	"testing"

	"port67/storage"
	"port67/storage/config"
)

// full is a scene in which 10.67.0.0/24 has one address, which client 9 holds.
func full(change ...func(*config.Config)) func(*world) {
	return func(w *world) {
		w.reconfigure(func(c *config.Config) {
			c.Subnets[0].Pools = []config.Pool{pool("10.67.0.120", "10.67.0.120")}
			for _, f := range change {
				f(c)
			}
		})
		bound(9, "10.67.0.120")(w)
	}
}

func mayConfigure(may byte) func(*config.Config) {
	return func(c *config.Config) { c.Options = append(c.Options, option(optAutoConfigure, may)) }
}

// v6Wait is the value of option 108 in these tests.
var v6Wait = []byte{0, 0, 7, 8}

func ipv6Only(c *config.Config) {
	c.Options = append([]config.Option{}, c.Options...)
	c.Options = append(c.Options, option(optV6OnlyPreferred, v6Wait...))
	config.SortOptions(c.Options)
	c.Subnets[0].IPv6Only = ptr(true)
}

// TestDiscover_V4_105_OfferOfNoAddress: such an OFFER names who says so and what to do instead, no address and no
// time; it holds nothing, asks the log nothing, and reaches a client that has no address.
func TestDiscover_V4_105_OfferOfNoAddress(t *testing.T) {
	auto := with(optAutoConfigure, []byte{1})
	asks108 := with(optParameterList, []byte{1, 3, optV6OnlyPreferred})
	for _, c := range []struct {
		name  string
		scene func(*world)
		q     *Query
		want  []byte // the options of the OFFER
		value []byte // of the last of them
	}{
		{"RFC 2563 §2.3 full, it may not", full(mayConfigure(0)), query(Discover, 1, auto),
			[]byte{53, 54, 116}, []byte{0}},
		{"RFC 2563 §2.3 full, it may", full(mayConfigure(1)), query(Discover, 1, auto), []byte{53, 54, 116}, []byte{1}},
		{"RFC 2563 §2.3 full, the pool's word", full(mayConfigure(1), func(c *config.Config) {
			c.Subnets[0].Pools[0].Options = []config.Option{option(optAutoConfigure, 0)}
		}), query(Discover, 1, auto), []byte{53, 54, 116}, []byte{0}},
		{"RFC 2563 §2.3 full, nothing configured", full(), query(Discover, 1, auto), nil, nil},
		{"RFC 2563 §2.3 full, it does not ask", full(mayConfigure(0)), query(Discover, 1), nil, nil},
		{"RFC 8925 §3.3 full", full(ipv6Only), query(Discover, 1, asks108), []byte{53, 54, 108}, v6Wait},
		{"RFC 8925 §3.3 addresses left", func(w *world) { w.reconfigure(ipv6Only) }, query(Discover, 1, asks108),
			[]byte{53, 54, 108}, v6Wait},
		{"RFC 8925 §3.3 in the pool alone", func(w *world) {
			w.reconfigure(func(c *config.Config) {
				ipv6Only(c)
				c.Subnets[0].IPv6Only, c.Subnets[0].Pools[0].IPv6Only = nil, ptr(true)
			})
		}, query(Discover, 1, asks108), []byte{53, 54, 108}, v6Wait},
		{"both, identifier last", full(ipv6Only, mayConfigure(0)),
			query(Discover, 1, asks108, auto, with(optClientID, []byte{1, 2, 3})), []byte{53, 54, 108, 116, 61},
			[]byte{1, 2, 3}},
		{"full, and it asks for 108 where IPv4 is served", full(func(c *config.Config) {
			ipv6Only(c)
			c.Subnets[0].IPv6Only = nil
		}), query(Discover, 1, asks108), nil, nil},
		{"full, and it cannot do without", full(ipv6Only), query(Discover, 1), nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, testConfig())
			c.scene(w)
			index := w.view().Index()
			a := w.exchange(c.q, heard("", ""))
			if w.view().Index() != index || a.d.Command != nil || a.d.Hold || len(w.held) > 0 {
				t.Errorf("got %v, want nothing held and nothing asked of the log", a)
			}
			if c.want == nil {
				if a.why != Exhausted {
					t.Errorf("got %v with options %v, want silence", a, a.msg.codes())
				}
				return
			}
			if a.msg.Type != OfferMsg || a.msg.YIAddr != zero || !bytes.Equal(a.msg.codes(), c.want) {
				t.Fatalf("got %v with options %v, want an OFFER of no address with %v", a, a.msg.codes(), c.want)
			}
			wantOption(t, &a.msg, c.want[len(c.want)-1], c.value)
			if want := (Dest{Kind: DestBroadcast, Addr: broadcastAddr, Port: 68, IfIndex: 3, Source: addrN1}); a.dest != want {
				t.Errorf("sent to %+v, want %+v", a.dest, want)
			}
		})
	}
}

// TestDiscover_V4_105_ServedAllTheSame: who can be offered an address that it needs, or that is promised to it, is.
func TestDiscover_V4_105_ServedAllTheSame(t *testing.T) {
	asks108 := with(optParameterList, []byte{1, optV6OnlyPreferred})
	w := newWorld(t, testConfig())
	w.reconfigure(func(c *config.Config) {
		ipv6Only(c)
		c.Subnets[0].Reservations[0].IPv6Only = ptr(false)
	})
	wantOffer(t, w.exchange(query(Discover, 0x51, asks108), heard("", "")), "10.67.0.50")
	if a := w.exchange(query(Discover, 1), heard("", "")); a.msg.Type != OfferMsg || a.msg.YIAddr == zero {
		t.Errorf("a client that cannot do without IPv4: got %v, want an OFFER", a)
	}
	w.reconfigure(func(c *config.Config) { ipv6Only(c); c.Subnets[0].IPv6Only = nil; mayConfigure(0)(c) })
	a := w.exchange(query(Discover, 2, asks108, with(optAutoConfigure, []byte{1})), heard("", ""))
	if a.msg.YIAddr == zero {
		t.Errorf("got %v, want an address, for there are some", a)
	}
	wantOption(t, &a.msg, optV6OnlyPreferred, v6Wait) // RFC 8925 §3.3: it may stop using it.
}

// TestDiscover_V4_105_HA_002_WhoseTurnItIs: an OFFER of no address waits for the nodes ahead as any other, and is not
// made out of touch with the leader.
func TestDiscover_V4_105_HA_002_WhoseTurnItIs(t *testing.T) {
	w := newWorld(t, testConfig())
	full(mayConfigure(0))(w)
	w.own(func(int) storage.NodeID { return n2 })
	q := query(Discover, 1, with(optAutoConfigure, []byte{1}))
	if d := w.decide(q, heard("", "")); len(d.Ahead) == 0 || d.Ahead[0] != n2 || d.Instead != 0 {
		t.Errorf("ahead %v instead %d, want n2's turn first", d.Ahead, d.Instead)
	}
	w.self.InTouch = false
	if a := w.exchange(q, heard("", "")); a.why != OutOfTouch {
		t.Errorf("got %v, want silence", a)
	}
}

// TestRequest_V4_105_AfterAnOfferOfNoAddress: a client that requests what it was offered, which is nothing, gets no
// address that way; one that names an address gets it if it is free.
func TestRequest_V4_105_AfterAnOfferOfNoAddress(t *testing.T) {
	asks108, sid := with(optParameterList, []byte{1, optV6OnlyPreferred}), with(optServerID, addrN1)
	only := func(w *world) { w.reconfigure(ipv6Only) }
	runRequests(t, []requestCase{
		{"of nothing", only, query(Request, 1, asks108, sid, with(optRequestedAddress, "0.0.0.0")), heard("", ""),
			silent, ""},
		{"without an address", only, query(Request, 1, asks108, sid), heard("", ""), silent, ""},
		{"of nothing, the pool being full", full(mayConfigure(0)),
			query(Request, 1, with(optAutoConfigure, []byte{1}), sid, with(optRequestedAddress, "0.0.0.0")),
			heard("", ""), silent, ""},
		{"of an address", only, query(Request, 1, asks108, sid, with(optRequestedAddress, "10.67.0.130")),
			heard("", ""), ack, "10.67.0.130"},
		{"renewing", func(w *world) { bound(1, "10.67.0.120")(w); only(w) },
			query(Request, 1, asks108).from("", "10.67.0.120"), heard("10.67.0.120", "10.67.0.2"), ack, "10.67.0.120"},
	})
}
