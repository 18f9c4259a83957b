package dhcp4

import (
	"net/netip"
	"testing"
)

// destinationCase is a reply on its way.
type destinationCase struct {
	name string
	q    *Query
	in   *Ingress
	m    Message
	want Dest
}

func runDestinations(t *testing.T, cases []destinationCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			fill(&c.m)
			c.m.ServerID, c.want.Source = addrN1, addrN1
			if got := Destination(c.q, &c.m, c.in); got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestDestination_RFC2131_4_1_ToTheRelay(t *testing.T) {
	rai := func(sub ...byte) Option { return Option{optRelayInfo, sub} }
	runDestinations(t, []destinationCase{
		{
			"V4-020 relayed OFFER with broadcast bit", query(Discover, 1).from("10.68.0.1", ""),
			relayed("10.68.0.1"),
			Message{Type: OfferMsg, GIAddr: relayG, YIAddr: ip("10.68.0.9"), Flags: BroadcastFlag},
			Dest{Kind: DestRouted, Addr: relayG, Port: 67},
		},
		{
			"V4-020 relayed ACK with ciaddr", query(Request, 1).from("10.68.0.1", "10.68.0.9"),
			relayed("10.68.0.1"),
			Message{Type: ACK, GIAddr: relayG, YIAddr: ip("10.68.0.9"), CIAddr: ip("10.68.0.9")},
			Dest{Kind: DestRouted, Addr: relayG, Port: 67},
		},
		{
			"V4-021 relay with a port of its own", query(Discover, 1, rai(19, 0)).from("10.68.0.1", ""),
			&Ingress{Src: netip.MustParseAddrPort("10.68.0.1:4067"), Dst: addrN1, Local: addrN1},
			Message{Type: OfferMsg, GIAddr: relayG}, Dest{Kind: DestRouted, Addr: relayG, Port: 4067},
		},
		{
			"V4-027 NAK through a relay", query(Request, 1).from("10.68.0.1", ""), relayed("10.68.0.1"),
			Message{Type: NAK, GIAddr: relayG, Flags: BroadcastFlag},
			Dest{Kind: DestRouted, Addr: relayG, Port: 67},
		},
	})
}

func TestDestination_RFC2131_4_1_ToTheLink(t *testing.T) {
	eth := [6]byte(mac(1))
	runDestinations(t, []destinationCase{
		{
			"V4-023 V4-030 broadcast bit", query(Discover, 1), heard("", ""),
			Message{Type: OfferMsg, YIAddr: ip("10.67.0.9"), Flags: BroadcastFlag},
			Dest{Kind: DestBroadcast, Addr: broadcastAddr, Port: 68, IfIndex: 3},
		},
		{
			"V4-024 V4-030 no broadcast bit", query(Discover, 1), heard("", ""),
			Message{Type: OfferMsg, YIAddr: ip("10.67.0.9")},
			Dest{Kind: DestRaw, Addr: ip("10.67.0.9"), Port: 68, IfIndex: 3, HW: eth},
		},
		{
			"W-003 client that cannot hear a unicast", query(Discover, 1), heard("", ""),
			Message{Type: OfferMsg, YIAddr: ip("10.67.0.9"), AlwaysBroadcast: true},
			Dest{Kind: DestBroadcast, Addr: broadcastAddr, Port: 68, IfIndex: 3},
		},
		{
			"V4-025 hardware that is not Ethernet", query(Discover, 1), heard("", ""),
			Message{Type: OfferMsg, YIAddr: ip("10.67.0.9"), HType: 32},
			Dest{Kind: DestBroadcast, Addr: broadcastAddr, Port: 68, IfIndex: 3},
		},
		{
			"V4-010 giaddr of all ones", query(Discover, 1).from("255.255.255.255", ""), heard("", ""),
			Message{Type: OfferMsg, GIAddr: broadcastAddr, YIAddr: ip("10.67.0.9"), Flags: BroadcastFlag},
			Dest{Kind: DestBroadcast, Addr: broadcastAddr, Port: 68, IfIndex: 3},
		},
	})
}

func TestDestination_RFC2131_4_1_ClientsWithAnAddress(t *testing.T) {
	eth, offLink := [6]byte(mac(1)), "10.99.0.9"
	runDestinations(t, []destinationCase{
		{
			"V4-022 renewal on the link, broadcast bit or not", query(Request, 1).from("", "10.67.0.9"),
			heard("10.67.0.9", "10.67.0.2"),
			Message{Type: ACK, CIAddr: ip("10.67.0.9"), YIAddr: ip("10.67.0.9"), Flags: BroadcastFlag},
			Dest{Kind: DestRouted, Addr: ip("10.67.0.9"), Port: 68, IfIndex: 3},
		},
		{
			"V4-022 renewal through a router", query(Request, 1).from("", offLink),
			heard(offLink, "10.67.0.2"),
			Message{Type: ACK, CIAddr: ip(offLink), YIAddr: ip(offLink)},
			Dest{Kind: DestRouted, Addr: ip(offLink), Port: 68},
		},
		{
			"V4-125 SELECTING in the manner of RFC 1541, on the link", query(Request, 1).from("", "10.67.0.9"),
			heard("", ""), Message{Type: ACK, YIAddr: ip("10.67.0.9")},
			Dest{Kind: DestRaw, Addr: ip("10.67.0.9"), Port: 68, IfIndex: 3, HW: eth},
		},
		{
			"V4-125 SELECTING in the manner of RFC 1541, off the link", query(Request, 1).from("", offLink),
			heard(offLink, "10.67.0.2"), Message{Type: ACK, YIAddr: ip(offLink)},
			Dest{Kind: DestRouted, Addr: ip(offLink), Port: 68},
		},
		{
			"V4-151 NAK to a client behind a router, if that is wanted", query(Request, 1).from("", offLink),
			heard(offLink, "10.67.0.2"), Message{Type: NAK, ToCIAddr: true},
			Dest{Kind: DestRouted, Addr: ip(offLink), Port: 68},
		},
		{
			"V4-105 OFFER of no address", query(Discover, 1), heard("", ""), Message{Type: OfferMsg},
			Dest{Kind: DestBroadcast, Addr: broadcastAddr, Port: 68, IfIndex: 3},
		},
		{
			"V4-026 NAK although ciaddr is set", query(Request, 1).from("", "10.67.0.9"),
			heard("10.67.0.9", "10.67.0.2"),
			Message{Type: NAK}, Dest{Kind: DestBroadcast, Addr: broadcastAddr, Port: 68, IfIndex: 3},
		},
		{
			"V4-028 DISCOVER with a ciaddr that is no unicast",
			query(Discover, 1).from("", "255.255.255.255"), heard("", ""),
			Message{Type: OfferMsg, YIAddr: ip("10.67.0.9")},
			Dest{Kind: DestRaw, Addr: ip("10.67.0.9"), Port: 68, IfIndex: 3, HW: eth},
		},
		{
			"V4-028 DISCOVER with a ciaddr off the link", query(Discover, 1).from("", offLink), heard("", ""),
			Message{Type: OfferMsg, YIAddr: ip("10.67.0.9")},
			Dest{Kind: DestRaw, Addr: ip("10.67.0.9"), Port: 68, IfIndex: 3, HW: eth},
		},
		{
			"V4-028 DISCOVER with a ciaddr on the link", query(Discover, 1).from("", "10.67.0.8"),
			heard("10.67.0.8", ""),
			Message{Type: OfferMsg, YIAddr: ip("10.67.0.9")},
			Dest{Kind: DestRouted, Addr: ip("10.67.0.8"), Port: 68, IfIndex: 3},
		},
	})
}

func TestDestination_RFC2131_4_3_5_Inform(t *testing.T) {
	runDestinations(t, []destinationCase{
		{
			"V4-190 answer to INFORM", query(Inform, 1).from("", "10.67.0.9"), heard("10.67.0.9", ""),
			Message{Type: ACK, CIAddr: ip("10.67.0.9")},
			Dest{Kind: DestRouted, Addr: ip("10.67.0.9"), Port: 68, IfIndex: 3},
		},
		{
			"V4-191 answer to a relayed INFORM", query(Inform, 1).from("10.68.0.1", "10.68.0.9"),
			relayed("10.68.0.1"),
			Message{Type: ACK, CIAddr: ip("10.68.0.9")},
			Dest{Kind: DestRouted, Addr: ip("10.68.0.9"), Port: 68},
		},
		{
			"V4-192 answer to INFORM without ciaddr", query(Inform, 1), heard("10.67.0.9", ""),
			Message{Type: ACK},
			Dest{Kind: DestRouted, Addr: ip("10.67.0.9"), Port: 68, IfIndex: 3},
		},
		{
			"V4-193 answer to a relayed INFORM without ciaddr", query(Inform, 1).from("10.68.0.1", ""),
			relayed("10.68.0.1"),
			Message{Type: ACK, GIAddr: relayG, Flags: BroadcastFlag},
			Dest{Kind: DestRouted, Addr: relayG, Port: 67},
		},
	})
}

// fill sets the fields that a case does not speak of.
func fill(m *Message) {
	for _, a := range []*netip.Addr{&m.CIAddr, &m.YIAddr, &m.SIAddr, &m.GIAddr} {
		if !a.IsValid() {
			*a = zero
		}
	}
	if m.HType == 0 {
		m.HType = 1
	}
	m.HLen = 6
	copy(m.CHAddr[:], mac(1))
}

func TestDestination_V4_029_SourceIsTheServerIdentifierWhereItIsOurs(t *testing.T) {
	service := ip("10.67.0.67")
	for _, c := range []struct {
		name     string
		id       netip.Addr
		prefixes []netip.Prefix
		want     netip.Addr
	}{
		{"own address", addrN1, nil, addrN1},
		{
			"service address that is here",
			service, []netip.Prefix{netip.MustParsePrefix("10.67.0.67/32")}, service,
		},
		{"service address that is elsewhere", service, nil, addrN1},
		{"another node's, echoed", addrN2, nil, addrN1},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := heard("", "")
			in.Prefixes = append(in.Prefixes, c.prefixes...)
			m := Message{Type: OfferMsg, ServerID: c.id}
			fill(&m)
			if got := Destination(query(Discover, 1), &m, in).Source; got != c.want {
				t.Errorf("source %v, want %v", got, c.want)
			}
		})
	}
}
