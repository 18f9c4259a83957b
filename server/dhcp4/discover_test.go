package dhcp4

import (
	"net/netip"
	"testing"

	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

const link67 = "10.67.0.0/24"

// wantOffer fails the test unless a is an OFFER of addr that no command was needed for.
func wantOffer(t *testing.T, a answer, addr string) {
	t.Helper()
	if a.why != Answer || a.msg.Type != OfferMsg || a.msg.YIAddr != ip(addr) || a.d.Command != nil ||
		!a.d.Hold {
		t.Errorf("got %v, want an OFFER of %s that is held here", a, addr)
	}
}

// offerCase is a DISCOVER and the address it is to be offered; empty: any of the pool but 10.67.0.150.
type offerCase struct {
	name  string
	scene func(*world)
	q     *Query
	want  string
}

func runOffers(t *testing.T, cases []offerCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, testConfig())
			if c.scene != nil {
				c.scene(w)
			}
			a := w.exchange(c.q, heard("", ""))
			if c.want != "" {
				wantOffer(t, a, c.want)
				return
			}
			if a.msg.Type != OfferMsg || !pool67().Contains(a.msg.YIAddr) ||
				a.msg.YIAddr == ip("10.67.0.150") {
				t.Errorf("got %v, want an OFFER of another address of the pool", a)
			}
		})
	}
}

func TestDiscover_RFC2131_4_3_1_WhatTheClientHasOrWants(t *testing.T) {
	ask := with(optRequestedAddress, "10.67.0.150")
	runOffers(t, []offerCase{
		{
			"V4-100 the present binding, whatever is asked for",
			func(w *world) { w.bind(query(Request, 1), link67, "10.67.0.120") }, query(Discover, 1, ask),
			"10.67.0.120",
		},
		{
			"V4-101 the binding that ran out",
			func(w *world) { w.bind(query(Request, 1), link67, "10.67.0.121"); w.advance(1_000_000) },
			query(Discover, 1), "10.67.0.121",
		},
		{
			"V4-101 the binding given back",
			func(w *world) {
				w.bind(query(Request, 1), link67, "10.67.0.122")
				k, _ := query(Discover, 1).ClientKey()
				w.must(storage.Release{Addr: ip("10.67.0.122"), Key: k})
			},
			query(Discover, 1), "10.67.0.122",
		},
		{"V4-102 the address asked for", nil, query(Discover, 1, ask), "10.67.0.150"},
		{"reserved address before all", nil, query(Discover, 0x51, ask), "10.67.0.50"},
		{
			"V4-114 server identifier in a DISCOVER",
			nil, query(Discover, 1, ask, with(optServerID, "10.99.0.9")), "10.67.0.150",
		},
	})
}

func TestDiscover_RFC2131_4_3_1_AnotherAddress(t *testing.T) {
	ask := with(optRequestedAddress, "10.67.0.150")
	runOffers(t, []offerCase{
		{"V4-103 some address", nil, query(Discover, 1), ""},
		{"V4-104 asked off the link", nil, query(Discover, 1, with(optRequestedAddress, "10.99.0.1")), ""},
		{
			"V4-104 asked out of the pools",
			nil, query(Discover, 1, with(optRequestedAddress, "10.67.0.20")), "",
		},
		{
			"V4-104 asked what is reserved",
			nil, query(Discover, 1, with(optRequestedAddress, "10.67.0.50")), "",
		},
		{
			"V4-104 asked what another holds",
			func(w *world) { w.bind(query(Request, 9), link67, "10.67.0.150") }, query(Discover, 1, ask), "",
		},
		{
			"V4-106 asked what another was offered",
			func(w *world) { w.exchange(query(Discover, 9, ask), heard("", "")) }, query(Discover, 1, ask),
			"",
		},
		{
			"V4-016 requested address of three octets",
			nil, query(Discover, 1, with(optRequestedAddress, []byte{10, 67, 0})), "",
		},
	})
}

func pool67() lease.Range { return lease.Range{First: ip("10.67.0.100"), Last: ip("10.67.0.199")} }

func TestDiscover_V4_107_TheSameAddressAgain(t *testing.T) {
	w := newWorld(t, testConfig())
	first := w.exchange(query(Discover, 1), heard("", "")).msg.YIAddr
	again := query(Discover, 1)
	again.XID++
	wantOffer(t, w.exchange(again, heard("", "")), first.String())
	stubborn := query(Discover, 1, with(optRequestedAddress, "10.67.0.199"))
	wantOffer(t, w.exchange(stubborn, heard("", "")), first.String())
}

func TestDiscover_HA_013_TwoNodesDoNotOfferOneAddress(t *testing.T) {
	w := newWorld(t, testConfig())
	half := func(b int) storage.NodeID { return []storage.NodeID{n1, n2}[b%2] }
	w.own(half)
	for i := range byte(100) {
		a := w.exchange(query(Discover, i), heard("", "10.67.0.2"))
		if a.msg.Type != OfferMsg {
			t.Fatalf("client %d: got %v, want an OFFER", i, a)
		}
		if a.d.Command == nil && half(int(lease.AddrBucket(a.msg.YIAddr))) != n1 {
			t.Errorf("client %d: offered %v, which is in another node's part", i, a.msg.YIAddr)
		}
	}
}

func TestDiscover_OwnPartEmpty_AsksTheLog(t *testing.T) {
	w := newWorld(t, testConfig())
	w.own(func(int) storage.NodeID { return n2 })
	a := w.exchange(query(Discover, 1), heard("", "10.67.0.2"))
	if _, ok := a.d.Command.(storage.Offer); !ok || a.msg.Type != OfferMsg || a.d.Hold {
		t.Fatalf("got %v, want an OFFER by the log", a)
	}
	if got := w.lease(a.msg.YIAddr.String()); got.Status != lease.Offered {
		t.Errorf("lease is %v, want offered", got.Status)
	}
	again := w.exchange(query(Discover, 1), heard("", "10.67.0.2"))
	if again.msg.YIAddr != a.msg.YIAddr {
		t.Errorf("asked again: %v, want %v", again, a.msg.YIAddr)
	}
}

func TestDiscover_Silence(t *testing.T) {
	onLoopback := heard("", "")
	onLoopback.Local, onLoopback.Prefixes = ip("127.0.0.1"),
		[]netip.Prefix{netip.MustParsePrefix("127.0.0.1/8")}
	nameless := query(Discover, 1)
	nameless.HLen = 0
	typeless := query(Discover, 1, with(optClientID, []byte{}))
	typeless.HType = 0
	looping := query(Discover, 1).from("10.68.0.1", "")
	looping.Hops = 17
	for _, c := range []struct {
		name  string
		scene func(*world)
		q     *Query
		in    *Ingress
		want  Why
	}{
		{
			"out of touch with the leader",
			func(w *world) { w.self.InTouch = false }, query(Discover, 1), heard("", ""), OutOfTouch,
		},
		{
			"V4-110 unknown relay's link",
			nil, query(Discover, 1).from("10.99.0.1", ""), relayed("10.99.0.1"), UnknownLink,
		},
		{"V4-110 unknown interface", nil, query(Discover, 1), onLoopback, UnknownLink},
		{
			"relay that is not in the list",
			nil, query(Discover, 1).from("10.68.0.9", ""), relayed("10.68.0.9"), UnknownRelay,
		},
		{"V4-007 nobody", nil, nameless, heard("", ""), NoIdentity},
		{"V4-007 hardware of no type, empty identifier", nil, typeless, heard("", ""), NoIdentity},
		{"V4-005 BOOTP", nil, query(0, 1), heard("", ""), BOOTP},
		{"V4-011 a server's message", nil, query(OfferMsg, 1), heard("", ""), NotForServers},
		{"V4-011 lease query", nil, query(10, 1), heard("", ""), NotForServers},
		{"more relays than there are", nil, looping, relayed("10.68.0.1"), TooManyHops},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, testConfig())
			if c.scene != nil {
				c.scene(w)
			}
			if a := w.exchange(c.q, c.in); a.why != c.want || a.d.Command != nil {
				t.Errorf("got %v, want silence %d", a, c.want)
			}
		})
	}
}

func TestDiscover_V4_105_ExhaustedWithoutACommand(t *testing.T) {
	cfg := testConfig()
	cfg.Subnets[0].Pools = []config.Pool{pool("10.67.0.100", "10.67.0.101")}
	w := newWorld(t, cfg)
	w.bind(query(Request, 8), link67, "10.67.0.100")
	w.bind(query(Request, 9), link67, "10.67.0.101")
	if a := w.exchange(query(Discover, 1), heard("", "")); a.why != Exhausted || a.d.Command != nil {
		t.Errorf("got %v, want silence that costs the log nothing", a)
	}
}

func TestDiscover_NoConfig(t *testing.T) {
	w := &world{t: t, state: storage.New(), now: lease.Genesis}
	w.self = Self{Node: n1, InTouch: true, Offers: w, Ears: w}
	if a := w.exchange(query(Discover, 1), heard("", "")); a.why != NoConfig {
		t.Errorf("got %v, want silence", a)
	}
}

func TestLink_V4_112_Order(t *testing.T) {
	link := []byte{raiLinkSelection, 4, 10, 69, 0, 0}
	sel := with(optSubnetSelection, "10.71.0.0")
	for _, c := range []struct {
		name string
		q    *Query
		in   *Ingress
		want netip.Prefix
	}{
		{
			"link selection before all", query(Discover, 1, Option{optRelayInfo, link}, sel).from("10.68.0.1",
				""),
			relayed("10.68.0.1"), netip.MustParsePrefix("10.69.0.0/24"),
		},
		{
			"subnet selection before giaddr", query(Discover, 1, sel).from("10.68.0.1", ""),
			relayed("10.68.0.1"),
			netip.MustParsePrefix("10.71.0.0/24"),
		},
		{
			"giaddr before the interface", query(Discover, 1).from("10.68.0.1", ""), relayed("10.68.0.1"),
			netip.MustParsePrefix("10.68.0.0/24"),
		},
		{"the interface", query(Discover, 1), heard("", ""), netip.MustParsePrefix("10.67.0.0/24")},
		{
			"V4-009 hops without giaddr", func() *Query { q := query(Discover, 1); q.Hops = 1; return q }(),
			heard("", ""), netip.MustParsePrefix("10.67.0.0/24"),
		},
		{
			"V4-117 DISCOVER by unicast", query(Discover, 1), heard("10.67.0.9", "10.67.0.2"),
			netip.MustParsePrefix("10.67.0.0/24"),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newWorld(t, testConfig()).exchange(c.q, c.in)
			if a.msg.Type != OfferMsg || !c.want.Contains(a.msg.YIAddr) {
				t.Errorf("got %v, want an OFFER in %v", a, c.want)
			}
		})
	}
}

// TestLink_V4_112_Renewal: the address that a client has comes after what a relay or the client itself says of its
// link, and before the interface.
func TestLink_V4_112_Renewal(t *testing.T) {
	const addr = "10.70.0.120"
	for _, c := range []struct {
		name string
		q    *Query
		in   *Ingress
		want string
	}{
		{"ciaddr before the interface", query(Request, 1).from("", addr), heard(addr, "10.67.0.2"), "floor"},
		{
			"giaddr before ciaddr", query(Request, 1, Option{optRelayInfo, []byte{raiFlags, 1, relayUnicast}}).
				from("10.68.0.1", addr), relayed("10.68.0.1"), "10.68.0.0/24",
		},
		{
			"subnet selection before ciaddr", query(Request, 1, with(optSubnetSelection, "10.71.0.0")).from("", addr),
			heard(addr, "10.67.0.2"), "10.71.0.0/24",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, testConfig())
			w.self.Waited = true
			if d := w.decide(c.q, c.in); d.Why != Answer || d.Path.Link != c.want {
				t.Errorf("link %q why %d, want %s", d.Path.Link, d.Why, c.want)
			}
		})
	}
}

func TestLink_V4_113_AnySubnetOfASharedNetwork(t *testing.T) {
	w := newWorld(t, testConfig())
	seen := map[netip.Prefix]int{}
	for i := range byte(4) {
		a := w.exchange(query(Discover, i).from("10.69.0.1", ""), relayed("10.69.0.1"))
		if a.msg.Type != OfferMsg {
			t.Fatalf("client %d: got %v, want an OFFER", i, a)
		}
		seen[netip.PrefixFrom(a.msg.YIAddr, 24).Masked()]++
		if mask := a.msg.option(optSubnetMask); string(mask) != "\xff\xff\xff\x00" {
			t.Errorf("mask %x", mask)
		}
	}
	if seen[netip.MustParsePrefix("10.69.0.0/24")] != 2 || seen[netip.MustParsePrefix("10.70.0.0/24")] != 2 {
		t.Errorf("offered %v, want the two of the small subnet and two of the other", seen)
	}
}

func TestIdentity_RFC2131_4_2(t *testing.T) {
	key := func(opts ...Option) lease.Key { k, _ := query(Discover, 1, opts...).ClientKey(); return k }
	infiniband := query(Discover, 1, with(optClientID, []byte{255, 1, 2}))
	infiniband.HType, infiniband.HLen = 32, 0
	ib, _ := infiniband.ClientKey()
	elsewhere, _ := query(Discover, 2, with(optClientID, []byte{1, 2, 3})).ClientKey()
	padded := query(Discover, 1)
	padded.CHAddr[6], padded.CHAddr[15] = 0xaa, 0xbb
	beyond, _ := padded.ClientKey()
	padded.HType = 6
	other, _ := padded.ClientKey()
	for _, c := range []struct {
		name string
		got  lease.Key
		want lease.Key
	}{
		{
			"V4-080 client identifier",
			key(with(optClientID, []byte{1, 2, 3})), lease.ClientIDKey([]byte{1, 2, 3}),
		},
		{"V4-080 the same from other hardware", elsewhere, key(with(optClientID, []byte{1, 2, 3}))},
		{"V4-081 hardware address", key(), lease.HardwareKey(1, mac(1))},
		{"V4-081 no octet beyond hlen", beyond, lease.HardwareKey(1, mac(1))},
		{"V4-081 hardware of another type", other, lease.HardwareKey(6, mac(1))},
		{"V4-084 identifier of one octet", key(with(optClientID, []byte{1})), lease.HardwareKey(1, mac(1))},
		{"V4-084 empty identifier", key(with(optClientID, []byte{})), lease.HardwareKey(1, mac(1))},
		{"V4-008 no hardware address", ib, lease.ClientIDKey([]byte{255, 1, 2})},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
}

func TestLink_RelaysOfASubnet_NoWayAround(t *testing.T) {
	link := Option{optRelayInfo, []byte{raiLinkSelection, 4, 10, 68, 0, 0}}
	sel := with(optSubnetSelection, "10.68.0.0")
	const addr = "10.68.0.120"
	for _, c := range []struct {
		name string
		q    *Query
		in   *Ingress
		want Why
	}{
		{"subnet selection without a relay", query(Discover, 1, sel), heard("", ""), UnknownRelay},
		{"link selection without a relay", query(Discover, 1, link), heard("", ""), UnknownRelay},
		{
			"link selection by another relay",
			query(Discover, 1, link).from("10.71.0.1", ""), relayed("10.71.0.1"), UnknownRelay,
		},
		{
			"link selection by a relay of the list",
			query(Discover, 1, link).from("10.68.0.1", ""), relayed("10.68.0.1"), Answer,
		},
		{"V4-154 renewal", query(Request, 1).from("", addr), heard(addr, "10.67.0.2"), Answer},
		{
			"V4-154 renewal with the subnet named",
			query(Request, 1, sel).from("", addr), heard(addr, "10.67.0.2"), Answer,
		},
		{
			"renewal of another subnet's address",
			query(Request, 1, sel).from("", "10.67.0.120"), heard("10.67.0.120", "10.67.0.2"), UnknownRelay,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, testConfig())
			w.bind(query(Request, 1), "10.68.0.0/24", addr)
			if a := w.exchange(c.q, c.in); a.why != c.want {
				t.Errorf("got %v, want why %d", a, c.want)
			}
		})
	}
}

// TestDiscover_V4_101_V4_103_OnHoldForAnother: the client always hears an offer, and its own address if
// nobody else may have that.
func TestDiscover_V4_101_V4_103_OnHoldForAnother(t *testing.T) {
	other, _ := query(Discover, 9).ClientKey()
	lapse := func(w *world, a string) {
		l := w.lease(a)
		w.advance(w.now.Until(l.FreeFrom()))
	}
	for _, c := range []struct {
		name  string
		scene func(*world)
		i     byte
		addr  string
		same  bool
	}{
		{"its present address", bound(1, "10.67.0.120"), 1, "10.67.0.120", true},
		{"the address reserved for it", func(*world) {}, 0x51, "10.67.0.50", true},
		{"an address it had", func(w *world) { bound(1, "10.67.0.120")(w); lapse(w, "10.67.0.120") }, 1,
			"10.67.0.120", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, testConfig())
			c.scene(w)
			w.held[other] = Held{Addr: ip(c.addr)}
			a := w.exchange(query(Discover, c.i), heard("", ""))
			same := a.msg.YIAddr == ip(c.addr)
			if a.msg.Type != OfferMsg || !a.d.Hold || a.d.Firm != c.same || same != c.same {
				t.Errorf("got %v firm %t, want the address: %t", a, a.d.Firm, c.same)
			}
		})
	}
}
