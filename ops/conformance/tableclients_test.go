package conformance

import (
	"net/netip"
	"time"
)

const (
	cable     = "10.80.0.1"
	noteFirst = "RFC 2131 says nothing of the address that such a client had. Whoever has its identity may be two devices, and the " +
		"log has promised both addresses (docs/safety.md, P3)."
)

// firstOf returns the address that another client of the vector had first.
func firstOf(i int) func(*Memory) netip.Addr {
	return func(m *Memory) netip.Addr { return m.All[i].First }
}

// matched is what depends on what a client says it is or on what happened before (rows V4-017, V4-065
// to V4-068, V4-077, V4-088, V4-089, V4-126, V4-131, V4-155, V4-175, V4-177).
func matched() []Vector {
	far, room := by("10.68.0.1"), relayInfo(1, 5, 'r', 'o', 'o', 'm', '7')
	domain := func(s string) Check { return valueText(optDomain, s) }
	stray := text(optVendor, "stray")
	const exact = "RFC 2131 §4.3.1: parameters of a vendor class on an exact match only."
	const kept = "A renewal passes no relay that could add option 82. No RFC wants it remembered; what was given by it should not " +
		"be taken away at half-time. Kea 2.2 and dnsmasq have no setting for it."
	return []Vector{
		{Rows: "V4-017", Asks: "vendor class with a NUL behind it: the class without", Steps: then(
			discover(far, text(optVendor, "acme-phone\x00"), list(optDomain)).want(offer(), domain("phones.example.org"))),
			Note: "RFC 2132 §2: of text, the NUL must be deleted. Option 60 is octets by §9.13 and text in practice."},
		{Rows: "V4-065", Asks: "vendor class as it is written: its options", Steps: then(
			discover(far, text(optVendor, "acme-phone"), list(optDomain)).want(offer(), domain("phones.example.org")))},
		{Rows: "V4-065", Asks: "vendor class that only begins so: not its options", Note: exact, Steps: then(
			discover(far, text(optVendor, "acme-phone-2"), list(optDomain)).want(offer(), domain("example.org")))},
		{Rows: "V4-068", Asks: "option 43 as the vendor class has it: sub-options", Steps: then(
			discover(far, text(optVendor, "acme-phone"), list(43)).want(offer(), value(43, 1, 2, 0, 10)))},
		{Rows: "V4-068", Asks: "option 43 of another vendor class: text without sub-options", Steps: then(
			discover(far, text(optVendor, "acme-pager"), list(43)).want(offer(), valueText(43, "5A1D;B2")))},
		{Rows: "V4-068", Asks: "option 43 of no vendor class: none", Steps: then(discover(far, list(43)).want(offer(), none(43)))},
		{Rows: "V4-088", Asks: "class that is not served: DISCOVER, silence", Steps: then(discover(far, stray).silent())},
		{Rows: "V4-088", Asks: "class that is not served: REQUEST, silence", Steps: then(
			reboot(is("10.68.0.201"), far, stray).silent())},
		{Rows: "V4-088", Asks: "class that is not served: INFORM, silence", Steps: then(
			inform(far, stray, has(is("10.68.0.9"))).silent()), Note: "The row is our choice: INFORM takes no address."},
		{Rows: "V4-089", Asks: "reservations alone: the reserved address", Steps: then(
			discover(by("10.72.0.1"), hardware(2, 0x67, 0xff, 0, 0x72, 1)).want(offer(), yours(is("10.72.0.50"))))},
		{Rows: "V4-089", Asks: "reservations alone: silence for others, and no NAK for their wishes", Steps: then(
			discover(by("10.72.0.1"), optAddr(optRequested, "10.72.0.50")).silent())},
		{Rows: "V4-155", Asks: "by option 82 of the relay: an option of the room", Steps: then(
			discover(far, room, list(optDomain)).want(offer(), domain("room7.example.org")))},
		{Rows: "V4-155", Asks: "and in the renewal, which passes no relay", Note: kept, Steps: then(bound(far, room),
			renew(leased, list(optDomain)).want(ack(), domain("room7.example.org")))},
		{Rows: "V4-077", Asks: "an hour told: in that hour nobody else's", Only: InProcess, Steps: then(bound(),
			Step{Pass: 59 * time.Minute}, discover(asks(other(0))).client(1).want(offer(), notYours(other(0))))},
		{Rows: "V4-077", Asks: "an hour told: after days anybody's", Only: InProcess, Steps: then(bound(),
			Step{Pass: 72 * time.Hour}, discover(asks(other(0))).client(1).want(offer(), yours(other(0))))},
		{Rows: "V4-126", Asks: "server identifier of another node of ours: ACK", Only: InProcess, Steps: then(
			discover().want(offer()).before(), request(asks(leased), optAddr(optServer, "10.67.0.3")).
				want(ack(), yours(leased)))},
		{Rows: "V4-131", Asks: "takes another address: the first is not free for others yet", Note: noteFirst, Steps: then(bound(),
			request(asks(own(1)), to(heard)).want(ack(), yours(own(1))),
			discover(asks(firstOf(0))).client(1).want(offer(), notYours(firstOf(0))))},
		{Rows: "V4-175", Asks: "the fourth DECLINE within the hour: not believed", Only: InProcess, Steps: then(
			declined(), declined(), declined(), bound(), decline(asks(leased), to(heard)).silent(),
			Step{Pass: time.Minute}, discover().want(offer(), yours(leased)))},
		{Rows: "V4-177", Asks: "a day after a DECLINE: the address is free", Only: InProcess, Steps: then(bound(),
			decline(asks(leased), to(heard)).silent(), Step{Pass: 23 * time.Hour},
			discover(asks(other(0))).client(1).want(offer(), notYours(other(0))), Step{Pass: 4 * time.Hour},
			discover(asks(other(0))).client(2).want(offer(), yours(other(0))))},
	}
}

// declined are the steps by which a client gets an address that it declines.
func declined() []Step {
	return then(bound(), decline(asks(leased), to(heard)).silent(), Step{Pass: time.Minute})
}

// clients is what clients send in peculiar ways (rows W-001 to W-055).
func clients() []Vector {
	vista, ten := windows(listVista, opt(116, 1), broadcastBit()), windows(listVista)
	return []Vector{
		{Rows: "W-001 V4-023", Asks: "Windows Vista, broadcast bit in every message: broadcast", Steps: then(
			discover(vista).want(offer(), broadcast()), selecting(vista).want(ack(), broadcast())),
			Note: "RFC 2131 §4.1. Kea puts the broadcast datagram into a frame to the client alone."},
		{Rows: "W-002 V4-023 V4-024", Asks: "Windows 7, without the bit, then with it: the same offer as each asks",
			Note: "RFC 2131 §4.1 is about each message, and has ciaddr before the bit. Who remembers no offers takes another " +
				"address for each DISCOVER.", Steps: then(
				discover(ten).want(offer(), toYours()), discover(ten, secs(4)).want(offer(), yours(leased), toYours()),
				discover(ten, broadcastBit()).want(offer(), yours(leased), broadcast()),
				selecting(ten, broadcastBit()).want(ack(), yours(leased), broadcast()),
				renew(leased, ten, broadcastBit()).want(ack(), at(leased, clientPort)))},
		{Rows: "W-003 W-004", Asks: "a device that hears broadcasts alone and does not say so, set to be answered so: broadcast",
			Note: "Kea 2.2 has no setting for it.", Steps: then(discover(reserved(4)).want(offer(), broadcast()),
				selecting(reserved(4)).want(ack(), broadcast()))},
		{Rows: "W-006 V4-190", Asks: "Windows, INFORM for the proxy after the lease: 252, no lease time, no address",
			Steps: then(bound(by(cable), ten), inform(windows(listInform), has(leased), unicast(leased)).want(
				ack(), at(leased, clientPort), yiaddr(zero), valueText(252, "http://10.80.0.9/wpad.dat"), every(6, 121),
				none(optLease, optT1, optT2)))},
		{Rows: "W-006 V4-066", Asks: "and for 249: what 121 says",
			Steps: then(inform(windows(listInform), has(own(0)), unicast(own(0))).want(
				ack(), value(249, 16, 10, 9, 10, 67, 0, 1))),
			Note: "Old Windows asks for 249 instead of 121. The others have to be told the value once more."},
		{Rows: "W-009", Asks: "Windows, user class as plain text: the class", Steps: then(
			discover(by("10.68.0.1"), ten, text(77, "staff"), list(optDomain)).
				want(offer(), valueText(optDomain, "staff.example.org"))), Note: noteUserClass},
		{Rows: "W-009", Asks: "user classes of RFC 3004, one of them it: the class", Steps: then(
			discover(by("10.68.0.1"), opt(77, 3, 'l', 'a', 'b', 5, 's', 't', 'a', 'f', 'f'), list(optDomain)).
				want(offer(), valueText(optDomain, "staff.example.org"))), Note: noteUserClass},
		{Rows: "W-012 V4-072", Asks: "Apple, 90 days asked for: a day", Steps: then(
			discover(apple()).want(offer(), valueOf(optLease, 86400))), Note: "dnsmasq has no settings for it."},
		{Rows: "W-012 V4-142", Asks: "Apple, joins with the address of another network: NAK", Steps: then(
			reboot(is("192.168.1.20"), apple()).want(nak(), broadcast())),
			Note: "RFC 2131 §4.3.2: a wrong address SHOULD be denied. Silence costs seconds. Kea puts the broadcast datagram into " +
				"a frame to the client alone."},
		{Rows: "W-013 V4-129", Asks: "Android 4, takes its old address instead of the offered: ACK", Steps: then(
			discover(android()).want(offer()).before(),
			request(android(), asks(own(1)), to(heard)).want(ack(), yours(own(1))))},
		{Rows: "W-013 V4-122", Asks: "Android 4, a server identifier of its own invention: silence", Steps: then(
			discover(android()).want(offer()).before(), request(android(), asks(leased), to(stranger)).silent()),
			Note: "RFC 2131 §3.1 (4): it names another server."},
		{Rows: "W-013 W-014", Asks: "goes on after the end of its lease: for a while nobody else gets the address",
			Only: InProcess, Steps: then(bound(android()), Step{Pass: 65 * time.Minute},
				discover(asks(other(0))).client(1).want(offer(), notYours(other(0))),
				reboot(leased, android()).want(ack(), yours(leased)))},
		{Rows: "W-014 V4-157", Asks: "iOS, wakes after the end of its lease and renews: ACK", Only: InProcess, Steps: then(
			bound(apple()), Step{Pass: 25 * time.Hour}, renew(leased, apple()).want(ack(), yours(leased)))},
		tiny("udhcpc without identifier", list(listUdhcpc...), maxSize(576), text(optVendor, "udhcp 1.35.0")),
		tiny("lwIP", maxSize(1500), list(listLwIP...), least(308)),
		tiny("U-Boot", maxSize(576), text(optVendor, "U-Boot.armv7"), list(listUBoot...)),
		{Rows: "W-027 V4-061", Asks: "Raspberry Pi 3, PXE without a request list: mask, router, next server", Steps: then(
			discover(by("10.74.0.1"), raspberry()).want(offer(), every(optMask, optRouter, optLease, optServer),
				siaddr(is("10.74.0.9")), overloadedBy(0)))},
		tiny("a loader of 244 octets that asks for nothing", least(0)),
		adapter(),
		{Rows: "W-031 V4-065", Asks: "media terminal adapter with one line: not of the class for two", Steps: then(
			discover(by("10.68.0.1"), text(optVendor, "pktc1.0:0506010100020101"), list(optDomain)).
				want(offer(), valueText(optDomain, "example.org")))},
		{Rows: "W-031", Asks: "media terminal adapter with two lines, by what stands in option 60: the class", Steps: then(
			discover(by("10.68.0.1"), text(optVendor, "pktc1.0:0506010100020102"), list(optDomain)).
				want(offer(), valueText(optDomain, "two-lines.example.org")))},
		{Rows: "W-043 V4-019 V4-029", Asks: "UDP checksum left to an interface that is none: served, by finished ones", Only: OnWire,
			Note: "RFC 768. Who sends by a UDP socket leaves it to the interface; where that is none, the machine has to be told so " +
				"(ethtool, iptables CHECKSUM) for the sake of clients that read frames.", Steps: then(
				discover(sum(SumUnfinished)).want(offer(), complete()),
				selecting(sum(SumUnfinished)).want(ack(), complete()),
				discover(sum(SumUnfinished), broadcastBit()).want(offer(), complete()))},
		{Rows: "W-044 V4-008 V4-025", Asks: "InfiniBand, two ports of one host: both served by broadcast", Note: noteInfiniBand,
			Steps: then(discover(infiniBand(broadcastBit())).want(offer(), broadcast()),
				selecting(infiniBand(broadcastBit())).want(ack(), broadcast(), octets("chaddr", 28, make([]byte, 16)...)),
				discover(infiniBand(broadcastBit())).client(1).want(offer(), notYours(other(0)), broadcast()))},
		{Rows: "W-045 V4-055", Asks: "switch with snooping, option 82 and no giaddr: returned in OFFER and ACK", Steps: then(
			discover(snooped()).want(offer(), echoed(optRelay), toYours()),
			selecting(snooped()).want(ack(), echoed(optRelay), toYours())), Note: noteSnooped},
		{Rows: "W-045 V4-055", Asks: "switch with snooping: returned in NAK", Steps: then(
			reboot(is("10.90.0.7"), snooped()).want(nak(), echoed(optRelay))), Note: noteSnooped},
		{Rows: "W-047", Asks: "OFFER by one relay of the subnet, REQUEST by another: ACK to that", Steps: then(
			discover(by("10.68.0.1")).want(offer()).before(),
			selecting(by("10.68.0.2")).want(ack(), yours(leased), at(is("10.68.0.2"), serverPort)))},
		{Rows: "W-047", Asks: "REQUEST of an OFFER that another server of ours made: ACK", Steps: then(
			request(asks(is("10.68.0.240")), to(heard), by("10.68.0.1")).want(ack(), yours(is("10.68.0.240"))))},
		{Rows: "W-047 V4-161", Asks: "REBINDING by another relay of the subnet: ACK", Steps: then(bound(by("10.68.0.1")),
			rebind(leased, by("10.68.0.2")).want(ack(), yours(leased), at(is("10.68.0.2"), serverPort)))},
		{Rows: "W-048", Asks: "two relays pass on one DISCOVER: one address, to each of them", Steps: then(
			discover(by("10.68.0.2")).want(offer(), at(is("10.68.0.2"), serverPort)),
			discover(by("10.68.0.3")).want(offer(), yours(leased), at(is("10.68.0.3"), serverPort))),
			Note: "Who remembers no offers and no hash of the client takes the next address."},
		{Rows: "W-054 V4-170", Asks: "DECLINE of an offer, without a REQUEST: the address goes to nobody", Note: "RFC 2131 " +
			"§4.3.3: the address MUST be marked as not available. Not all servers remember what they have offered.", Steps: then(discover().want(offer()).before(), decline(asks(leased), to(heard)).silent(),
			discover(asks(other(0))).client(1).want(offer(), notYours(other(0))))},
		{Rows: "W-055 V4-105", Asks: "dhcpcd on a link that can do without IPv4: OFFER of no address with 108", Steps: then(
			discover(by("10.81.0.1"), dhcpcd(108)).want(offer(), yiaddr(zero), valueOf(108, 1800))),
			Note: "RFC 8925 §3.3 lets a server do so. Who offers an address as well has it unused."},
		{Rows: "W-055", Asks: "dhcpcd, NAK: with server identifier, without which it may not be believed", Steps: then(
			reboot(is("10.90.0.7"), dhcpcd()).want(nak(), every(optServer)))},
		{Rows: "W-055", Asks: "dhcpcd, takes FORCERENEW: no option 145 from a server that sends none", Steps: then(
			discover(dhcpcd(145)).want(offer(), none(145)), selecting(dhcpcd(145)).want(ack(), none(145)))},
	}
}

const (
	noteUserClass = "RFC 3004 §4 has a list, each with its length. Windows sends the text alone. Expressions of Kea 2.2 cannot look " +
		"through a list."
	noteInfiniBand = "RFC 4390 §2.1: the bit is set, and the client identifier names the port. Kea puts the broadcast datagram into a " +
		"frame to the client alone."
	noteSnooped = "RFC 3046 §2.2: it goes back to who sent it. A switch drops a reply without."
)

// tiny is a stack with no client identifier and few wishes, or none (row W-028).
func tiny(who string, e ...Edit) Vector {
	checks := []Check{every(optMask, optRouter, optDNS, optLease, optServer), none(optClientID), size(payloadMin, 548)}
	return Vector{
		Rows: "W-028 V4-004 V4-061 V4-081", Asks: who + ": served with what it needs",
		Note: "RFC 1542 §2.1 has no shorter message than 300 octets, and there are clients that drop it.",
		Steps: then(discover(e...).want(append([]Check{offer()}, checks...)...),
			selecting(e...).want(append([]Check{ack(), yours(leased)}, checks...)...)),
	}
}

// adapter is a media terminal adapter, which takes option 122 by the octet (RFC 3495).
func adapter() Vector {
	want := []byte{1, 4, 10, 80, 0, 2, 3, 19, 0, 4, 'p', 'r', 'o', 'v', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'o', 'r', 'g', 0,
		6, 13, 7, 'E', 'X', 'A', 'M', 'P', 'L', 'E', 3, 'O', 'R', 'G', 0}
	who := client(text(optVendor, "pktc1.0:0506010100020102"), list(1, 3, 6, 12, 15, 122), by(cable))
	return Vector{
		Rows: "W-031", Asks: "media terminal adapter: 122 with sub-options 1, 3 and 6 to the octet",
		Steps: then(discover(who).want(offer(), value(122, want...)), selecting(who).want(ack(), value(122, want...))),
	}
}
