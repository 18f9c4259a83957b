package conformance

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
)

// The options of the rich link, 80 octets of text each.
var texts = []byte{14, 17, 18, 40, 47, 64}

// kept are the options that no lack of room may cost (V4-037).
var kept = []byte{optType, optServer, optLease, optT1, optT2, optMask}

// asking returns the request list of some of the rich link's texts.
func asking(n int) Edit { return list(texts[:n]...) }

// prefixKept expects those options of a request list that are there to be the list's head.
func prefixKept(codes ...byte) Check {
	return that(func(r *Reply, _ *Memory) string {
		lost := false
		for _, c := range codes {
			if there := slices.Contains(r.codes(), c); there && lost {
				return fmt.Sprintf("option %d, but none of those before it in the list", c)
			} else if !there {
				lost = true
			}
		}
		return ""
	})
}

// overloadedBy expects option 52 to have a value of these.
func overloadedBy(values ...byte) Check {
	return that(func(r *Reply, _ *Memory) string {
		if !slices.Contains(values, r.Overload) {
			return fmt.Sprintf("option 52 is %d", r.Overload)
		}
		return ""
	})
}

// sizes is how large a reply is and what stands where (rows V4-031 to V4-040).
func sizes() []Vector {
	rich := by("10.73.0.1")
	agent := append([]byte{1, 200}, bytes.Repeat([]byte{'c'}, 200)...)
	return []Vector{
		{Rows: "V4-031 W-029", Asks: "a small OFFER: at least 300 octets", Steps: then(
			discover(list(1)).want(offer(), size(300, 548))),
			Note: "RFC 1542 §2.1 has no shorter message than 300 octets, and there are clients that drop it."},
		{Rows: "V4-031 V4-048", Asks: "a NAK: at least 300 octets", Note: "RFC 1542 §2.1 has no shorter message than 300 octets, and there are clients that drop it.", Steps: then(
			bound(by("10.68.0.1")), reboot(is("10.90.0.7"), by("10.68.0.1")).
				want(nak(), size(300, 548), giaddr(is("10.68.0.1")), yiaddr(zero), ciaddr(zero), siaddr(zero)))},
		{Rows: "V4-032", Asks: "no option 57, six texts of 80 octets asked for: at most 548 octets", Steps: then(
			discover(rich, asking(6)).want(offer(), size(300, 548), laidOut())),
			Note: "RFC 2131 §2: a client must be prepared for 312 octets of options, and for no more."},
		{Rows: "V4-033", Asks: "option 57 = 1000: all six texts, at most 972 octets", Steps: then(
			discover(rich, asking(6), maxSize(1000)).want(offer(), every(texts...), size(549, 972), laidOut()))},
		{Rows: "V4-033", Asks: "option 57 = 700: at most 672 octets, and more than 548", Note: "RFC 2132 §9.10 for the size; RFC 2131 §3: the last option must always be End, in the options field too when it is overloaded.", Steps: then(
			discover(rich, asking(6), maxSize(700)).want(offer(), size(549, 672), laidOut()))},
		{Rows: "V4-033", Asks: "option 57 = 300: taken as 576", Steps: then(
			discover(rich, asking(3), maxSize(300)).want(offer(), every(texts[:3]...), size(300, 548))),
			Note: "RFC 2132 §9.10: the least legal value is 576."},
		{Rows: "V4-033", Asks: "option 57 = 65535: all, at most 1472 octets", Steps: then(
			discover(rich, asking(6), maxSize(65535)).want(offer(), every(texts...), size(549, 1472)))},
		{Rows: "V4-034 V4-055", Asks: "200 octets of option 82 and much else: option 82 returned", Note: "RFC 3046 §2.2: other options give way to it, not it to them.", Steps: then(
			discover(rich, asking(6), relayInfo(agent...)).want(offer(), echoed(optRelay), every(kept...)))},
		{Rows: "V4-035", Asks: "four texts: overloaded by option 52, all there", Steps: then(
			discover(rich, asking(4)).want(offer(), size(300, 548), every(texts[:4]...), laidOut(),
				overloadedBy(1, 2, 3))),
			Note: "RFC 2131 §4.1 lets a server that runs out of room use file and sname. Who does not do it drops " +
				"options, or exceeds what the client has to take."},
		{Rows: "V4-036", Asks: "class PXEClient: no overload", Note: "RFCs allow it. The row is our choice: boot ROMs read sname and file as names.", Steps: then(
			discover(rich, asking(6), text(optVendor, "PXEClient:Arch:00000")).want(offer(), overloadedBy(0)))},
		{Rows: "V4-036 V4-049", Asks: "file and sname have values: no overload", Note: "Without overload the reply is too large for a client that sent no option 57 (RFC 2131 §2), unless options are left out.", Steps: then(
			discover(by("10.74.0.1"), asking(6)).want(offer(), overloadedBy(0), size(300, 548),
				octets("sname", 44, []byte("boot.example.org\x00")...), octets("file", 108, []byte("menu.ipxe\x00")...)))},
		{Rows: "V4-037", Asks: "too much: dropped from the request list's tail", Steps: then(
			discover(rich, list(slices.Concat([]byte{1}, texts, []byte{optDomain})...)).
				want(offer(), size(300, 548), every(kept...), prefixKept(slices.Concat(texts, []byte{optDomain})...))),
			Note: "RFC 2131 §4.3.1 says only that a server should send as many as possible; the client's list is in " +
				"order of preference (RFC 2132 §9.8)."},
		{Rows: "V4-037 V4-054 V4-055", Asks: "too much: 61 and 82 are kept", Note: "RFC 6842 §3, RFC 3046 §2.2. dnsmasq never returns option 61.", Steps: then(
			discover(rich, asking(6), clientID(0), relayInfo(1, 2, 'a', 'b')).
				want(offer(), every(kept...), echoed(optClientID), echoed(optRelay)))},
		{Rows: "V4-038", Asks: "OFFER begins with options 53, 54, 51", Note: "No RFC wants it. Some boot ROMs look no further.", Steps: then(
			discover(list(1, 3, 6)).want(offer(), begins(optType, optServer, optLease)))},
		{Rows: "V4-038 V4-055", Asks: "option 82 is the last", Steps: then(
			discover(by("10.68.0.1"), list(1, 3, 6, 15), relayInfo(1, 2, 'a', 'b'), clientID(0)).
				want(offer(), ends(optRelay))),
			Note: "RFC 3046 §2.2: it SHOULD be the last, so that relays find it."},
		{Rows: "V4-039", Asks: "router asked for before the mask: the mask goes first", Steps: then(
			discover(list(3, 1)).want(offer(), order(optMask, optRouter))),
			Note: "RFC 2132 §3.3: the subnet mask MUST be first."},
		{Rows: "V4-039", Asks: "router alone asked for: the mask goes before it", Steps: then(
			discover(list(3)).want(offer(), order(optMask, optRouter)))},
		{Rows: "V4-040", Asks: "options in the order of the request list", Steps: then(
			discover(list(15, 42, 6, 1, 3)).want(offer(), order(15, 42, 6, 1, 3))),
			Note: "RFC 2132 §9.8: the server MUST try to insert them in the order in which they are asked for."},
		{Rows: "V4-040", Asks: "options in the order of another request list", Note: "RFC 2132 §9.8: the server MUST try to insert them in the order in which they are asked for.", Steps: then(
			discover(list(42, 1, 3, 6, 15)).want(offer(), order(42, 1, 3, 6, 15)))},
	}
}

// header are the fixed fields (rows V4-041 to V4-049).
func header() []Vector {
	padded := hardware(2, 0x67, 0xfe, 0, 0, 1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)
	empty := bytes.Repeat([]byte{0}, 192)
	return []Vector{
		{Rows: "V4-041", Asks: "xid, htype, hlen and all 16 octets of chaddr copied", Note: "RFC 2131 Table 3: chaddr is that of the client's message, which has 16 octets.", Steps: then(
			discover(padded).want(offer(), that(func(r *Reply, m *Memory) string {
				if r.XID != m.Sent.XID {
					return "another xid"
				}
				return ""
			}), octets("op and hardware", 0, 2, 1, 6), octets("chaddr", 28, 2, 0x67, 0xfe, 0, 0, 1, 9, 8, 7, 6, 5,
				4, 3, 2, 1, 1)))},
		{Rows: "V4-042", Asks: "hops of a relayed message: 0 in the reply", Steps: then(
			discover(by("10.68.0.1"), hops(4)).want(offer(), octets("hops", 3, 0))),
			Note: "RFC 2131 Table 3 says 0. A copied value harms nobody."},
		{Rows: "V4-043", Asks: "secs: 0 in the reply", Steps: then(
			discover(secs(9)).want(offer(), octets("secs", 8, 0, 0))),
			Note: "RFC 2131 Table 3 says 0. A copied value harms nobody."},
		{Rows: "V4-044", Asks: "flags copied, reserved bits too", Steps: then(
			discover(flags(0x4001)).want(offer(), flagsOf(0x4001)), selecting(flags(0x8001)).want(ack(), flagsOf(0x8001)))},
		{Rows: "V4-045 V4-046", Asks: "OFFER and ACK: ciaddr 0, the same yiaddr", Steps: then(
			discover().want(offer(), ciaddr(zero)), selecting().want(ack(), ciaddr(zero),
				yours(func(m *Memory) netip.Addr { return m.Offered.YIAddr })))},
		{Rows: "V4-045 V4-046", Asks: "ACK in RENEWING: ciaddr and yiaddr are the client's", Steps: then(bound(),
			renew(leased).want(ack(), yours(leased), ciaddr(leased))),
			Note: "RFC 2131 Table 3: ciaddr of the DHCPREQUEST, or 0."},
		{Rows: "V4-046", Asks: "NAK: yiaddr, ciaddr, siaddr 0", Steps: then(bound(), reboot(is("10.90.0.7")).
			want(nak(), yiaddr(zero), ciaddr(zero), siaddr(zero)))},
		{Rows: "V4-047", Asks: "siaddr is the next server", Steps: then(
			discover(by("10.74.0.1")).want(offer(), siaddr(is("10.74.0.9"))),
			selecting(by("10.74.0.1")).want(ack(), siaddr(is("10.74.0.9"))))},
		{Rows: "V4-047", Asks: "no next server: siaddr 0", Steps: then(discover().want(offer(), siaddr(zero))),
			Note: "RFC 2131 §2: the server to use next in bootstrap. A client that boots from a server which has nothing waits."},
		{Rows: "V4-048", Asks: "giaddr copied", Steps: then(
			discover(by("10.68.0.1")).want(offer(), giaddr(is("10.68.0.1"))),
			selecting(by("10.68.0.1")).want(ack(), giaddr(is("10.68.0.1"))))},
		{Rows: "V4-049", Asks: "sname and file hold the values, ended by NUL", Steps: then(
			discover(by("10.74.0.1")).want(offer(), octets("sname", 44, []byte("boot.example.org\x00")...),
				octets("file", 108, []byte("menu.ipxe\x00")...)))},
		{Rows: "V4-049", Asks: "NAK: sname and file are zero", Steps: then(bound(by("10.74.0.1")),
			reboot(is("10.90.0.7"), by("10.74.0.1")).want(nak(), octets("sname or file", 44, empty...)))},
	}
}

// options is what stands in replies (rows V4-050 to V4-067).
func options() []Vector {
	agent := []byte{1, 2, 'a', 'b', 2, 3, 'x', 'y', 'z', 200, 2, 7, 7}
	wishes := list(1, 3, 6, 12, 15, 28, 42, 51, 58, 59, 121)
	return []Vector{
		{Rows: "V4-050 V4-051", Asks: "54 in OFFER and ACK, 51 in both", Steps: then(
			discover().want(offer(), every(optServer, optLease)), selecting().want(ack(), every(optServer, optLease)))},
		{Rows: "V4-050 V4-051 V4-053", Asks: "NAK: 54, and nothing but 53, 54, 56, 60, 61, 82", Steps: then(bound(wishes),
			reboot(is("10.90.0.7"), wishes).want(nak(), every(optServer),
				only(optType, optServer, optMessage, optVendor, optClientID, optRelay)))},
		{Rows: "V4-050 V4-051 V4-190", Asks: "ACK to INFORM: 54, and no 51, 58, 59", Steps: then(
			inform(has(own(0)), unicast(own(0)), wishes).want(ack(), every(optServer), none(optLease, optT1, optT2)))},
		{Rows: "V4-052", Asks: "50, 55 and 57 asked for: never sent", Steps: then(
			discover(list(1, 50, 55, 57)).want(offer(), none(50, 55, 57)))},
		{Rows: "V4-054", Asks: "client identifier returned in OFFER and ACK", Steps: then(
			discover(clientID(0)).want(offer(), echoed(optClientID)),
			selecting(clientID(0)).want(ack(), echoed(optClientID))),
			Note: "RFC 6842 §3: MUST. Before it, RFC 2131 had it MUST NOT."},
		{Rows: "V4-054", Asks: "client identifier returned in NAK", Note: "RFC 6842 §3: MUST. Before it, RFC 2131 had it MUST NOT.", Steps: then(bound(clientID(0)),
			reboot(is("10.90.0.7"), clientID(0)).want(nak(), echoed(optClientID)))},
		{Rows: "V4-054", Asks: "none sent: none returned", Steps: then(discover().want(offer(), none(optClientID)))},
		{Rows: "V4-055", Asks: "option 82 returned octet for octet, unknown sub-options too", Steps: then(
			discover(by("10.68.0.1"), relayInfo(agent...)).want(offer(), echoed(optRelay)),
			selecting(by("10.68.0.1"), relayInfo(agent...)).want(ack(), echoed(optRelay)))},
		{Rows: "V4-055", Asks: "option 82 returned in NAK", Steps: then(bound(by("10.68.0.1")),
			reboot(is("10.90.0.7"), by("10.68.0.1"), relayInfo(agent...)).want(nak(), echoed(optRelay)))},
		{Rows: "V4-055", Asks: "option 82 without giaddr: returned", Steps: then(
			discover(relayInfo(agent...)).want(offer(), echoed(optRelay))),
			Note: "Switches insert it without being relays. RFC 3046 §2.2 wants it back whoever sent it."},
		{Rows: "V4-056", Asks: "an empty option 82: not returned", Steps: then(
			discover(by("10.68.0.1"), relayInfo()).want(offer(), none(optRelay)))},
		{Rows: "V4-057", Asks: "option 82 of the relayed REQUEST is not in the ACK to a direct renewal", Steps: then(
			bound(by("10.68.0.1"), relayInfo(agent...)), renew(leased).want(ack(), none(optRelay)))},
		{Rows: "V4-058 V4-112", Asks: "option 118: an address there, the option returned", Steps: then(
			discover(by("10.68.0.1"), optAddr(optSubnet, "10.73.0.0")).
				want(offer(), inside("10.73.0.0/24"), echoed(optSubnet), at(is("10.68.0.1"), serverPort))),
			Note: "RFC 3011 §2: the option MUST be returned in every reply."},
		{Rows: "V4-059", Asks: "sub-option 11 (RFC 5107): it is option 54 of the reply", Steps: then(
			discover(by("10.68.0.1"), relayInfo(11, 4, 10, 68, 0, 1)).want(offer(), valueAddr(optServer, "10.68.0.1"))),
			Note: "RFC 5107: it MUST be used. A server that answers with its own address takes the relay out of " +
				"the way of renewals, which is why the relay sent the sub-option."},
		{Rows: "V4-059 V4-120", Asks: "and a REQUEST that names it is taken", Steps: then(
			discover(by("10.68.0.1"), relayInfo(11, 4, 10, 68, 0, 1)).want(offer()).before(),
			request(asks(leased), optAddr(optServer, "10.68.0.1"), by("10.68.0.1"), relayInfo(11, 4, 10, 68, 0, 1)).
				want(ack(), yours(leased)))},
		{Rows: "V4-060", Asks: "options asked for twice or unknown: once, none", Steps: then(
			discover(list(6, 15, 6, 230, 15, 1, 1)).want(offer(), every(1, 6, 15), none(230), once()))},
		{Rows: "V4-061", Asks: "no request list: 1, 3, 6, 15, 51, 54", Steps: then(
			discover().want(offer(), every(1, 3, 6, 15, optLease, optServer))),
			Note: "Boot ROMs that ask for nothing need them; RFC 2131 §4.3.1 leaves it to the server."},
		{Rows: "V4-062", Asks: "mask not asked for: sent", Steps: then(discover(list(6)).want(offer(), every(1)),
			selecting(list(6)).want(ack(), every(1)))},
		{Rows: "V4-063", Asks: "an option that is always sent: there, not asked for", Steps: then(
			discover(by("10.77.0.1"), list(1)).want(offer(), every(optNTP)))},
		{Rows: "V4-063", Asks: "an option that is never sent: not there, asked for", Steps: then(
			discover(by("10.77.0.1"), list(1, optDomain)).want(offer(), none(optDomain))),
			Note: "Debian's versions of the others have no setting for it."},
		{Rows: "V4-064", Asks: "pool before subnet before global", Steps: then(
			discover(by("10.76.0.1"), list(optDomain, optNTP, optDNS)).want(offer(),
				valueText(optDomain, "pool.example.org"), valueAddr(optNTP, "10.76.0.42"), valueAddr(optDNS, "10.67.0.53")))},
		{Rows: "V4-064", Asks: "reservation before all", Steps: then(
			discover(by("10.76.0.1"), hardware(2, 0x67, 0xff, 0, 0x76, 1), list(optDomain, optNTP)).want(offer(),
				yours(is("10.76.0.50")), valueText(optDomain, "host.example.org"), valueAddr(optNTP, "10.76.0.42")))},
		{Rows: "V4-066", Asks: "3 and 121 asked for: both", Steps: then(discover(list(121, 3)).want(offer(), every(3, 121)))},
		{Rows: "V4-066", Asks: "249 asked for: what 121 says", Steps: then(discover(list(249)).want(offer(),
			value(249, 16, 10, 9, 10, 67, 0, 1))),
			Note: "Old Windows asks for 249 instead of 121. The others have to be told the value once more."},
		{Rows: "V4-067", Asks: "ACK: the options of the OFFER", Steps: then(discover(wishes).want(offer()).before(),
			selecting(wishes).want(ack(), asOffered()))},
	}
}

// asOffered expects the options of the OFFER before, but for the message type.
func asOffered() Check {
	return that(func(r *Reply, m *Memory) string {
		for _, c := range m.Offered.codes() {
			if c != optType && !bytes.Equal(m.Offered.Get(c), r.Get(c)) {
				return fmt.Sprintf("another option %d than in the OFFER", c)
			}
		}
		return ""
	})
}
