package conformance

import (
	"net/netip"
	"slices"
)

// table is every vector. What a row asks for stands in the row's own words as far as they are short.
func table() []Vector {
	return slices.Concat(reception(), destination(), sizes(), header(), options(), leaseTimes(), identities(),
		discovers(), atOnce(), selects(), reboots(), renewals(), leaving(), informs(), matched(),
		bootpRequests(), bootpReplies(), clients(), bootROMs(), firmwares(), rarps(), leaseQueries())
}

// The broadcast address of the ingress, a multicast address and addresses off the link, as ciaddr or giaddr.
var (
	offLink   = is("10.90.0.5")
	multicast = is("224.0.0.1")
)

// reception is what is accepted at all (rows V4-001 to V4-019).
func reception() []Vector {
	return []Vector{
		{Rows: "V4-001", Asks: "DISCOVER by broadcast: OFFER", Steps: then(discover().want(offer()))},
		{Rows: "V4-001 V4-117", Asks: "DISCOVER to the interface's address: OFFER", Steps: then(
			discover(unicast(own(0))).want(offer()))},
		{Rows: "V4-001 V4-117", Asks: "the same from 0.0.0.0: OFFER", Known: "silent", Steps: then(
			discover(unicast(zero)).want(offer())),
			Note: "RFC 2131 §4.4.4 lets a client do so that knows the server. Linux drops a unicast datagram from " +
				"0.0.0.0 before a UDP socket sees it; who listens by a packet socket hears it (ADR 0017)."},
		{Rows: "V4-002", Asks: "op 2: silence", Note: "RFC 951 §7.2: op 2 is a reply. It is not for servers.", Steps: then(
			discover(set(func(d *Draft) { d.Op = 2 })).silent())},
		{Rows: "V4-003", Asks: "235 octets: silence", Steps: then(discover(cut(235)).silent())},
		{Rows: "V4-003", Asks: "100 octets: silence", Steps: then(discover(cut(100)).silent())},
		{Rows: "V4-004", Asks: "244 octets: OFFER", Steps: then(discover(least(0)).want(offer())),
			Note: "RFC 1542 §2.1 lets a server discard less than 300 octets. Clients send it, and all answer it."},
		{Rows: "V4-005", Asks: "no option 53: no DHCP message in reply", Steps: then(
			discover(kind(0)).want(noDHCP()))},
		{Rows: "V4-005", Asks: "a foreign cookie: no DHCP message in reply", Steps: then(
			discover(set(func(d *Draft) { d.Cookie = []byte("CMU\x00") })).want(noDHCP()))},
		{Rows: "V4-006", Asks: "hlen 17: silence", Note: "chaddr has 16 octets; nobody can say who that is.", Steps: then(discover(hardwareLen(17)).silent())},
		{Rows: "V4-007", Asks: "hlen 0 and no client identifier: silence", Note: "Nothing identifies the client (RFC 2131 §4.2), and the next such client has the same address.", Steps: then(
			discover(hardwareLen(0), hardware()).silent())},
		{Rows: "V4-007", Asks: "htype 0 and no client identifier: silence", Steps: then(
			discover(hardwareType(0)).silent()),
			Note: "No hardware has type 0; who is asked for its address by htype and chaddr is nobody (RFC 2131 §4.2)."},
		{Rows: "V4-007 V4-084", Asks: "hlen 0 and a client identifier of no octet: silence", Steps: then(
			discover(hardwareLen(0), hardware(), opt(optClientID)).silent())},
		{Rows: "V4-008 V4-025", Asks: "InfiniBand, hlen 0, client identifier: OFFER by broadcast", Note: "RFC 2131 §4.1: a client that sets the bit cannot take frames for itself, or has no address for them. Kea puts the broadcast datagram into a frame to the client alone.", Steps: then(
			discover(hardwareType(32), hardwareLen(0), hardware(), clientID(255, 1, 2, 3, 4), broadcastBit()).
				want(offer(), broadcast()))},
		{Rows: "V4-025", Asks: "InfiniBand without broadcast bit: OFFER by broadcast", Steps: then(
			discover(hardwareType(32), hardwareLen(0), hardware(), clientID(255, 1, 2, 3, 4)).
				want(offer(), broadcast())),
			Note: "The client should set the bit (RFC 4390 §2.1). Without it there is still no other way to reach it."},
		{Rows: "V4-009", Asks: "hops 3 without giaddr: OFFER", Steps: then(discover(hops(3)).want(offer()))},
		{Rows: "V4-010", Asks: "giaddr 255.255.255.255: never answered there", Steps: then(
			discover(gateway("255.255.255.255")).want(offer(), toYours())),
			Note: "No relay has that address. We take it for none (V4-010); whoever stays silent does no harm either."},
		{Rows: "V4-011", Asks: "an OFFER from a client: silence", Steps: then(discover(kind(2)).silent())},
		{Rows: "V4-011", Asks: "an ACK from a client: silence", Steps: then(discover(kind(5)).silent())},
		{Rows: "V4-011", Asks: "a NAK from a client: silence", Steps: then(discover(kind(6)).silent())},
		{Rows: "V4-011", Asks: "FORCERENEW from a client: silence", Steps: then(discover(kind(9)).silent())},
		{Rows: "V4-011", Asks: "LEASEUNASSIGNED from a client: silence", Steps: then(discover(kind(11)).silent())},
		{Rows: "V4-011", Asks: "BULKLEASEQUERY by UDP: silence", Steps: then(discover(kind(14)).silent())},
		{Rows: "V4-011", Asks: "message type 200: silence", Steps: then(discover(kind(200)).silent())},
		{Rows: "V4-018", Asks: "no UDP checksum: OFFER", Only: OnWire, Steps: then(
			discover(sum(SumNone)).want(offer()))},
		{Rows: "V4-019", Asks: "a wrong UDP checksum: silence", Note: "RFC 768. Who listens by a packet socket has to look by himself.", Only: OnWire, Steps: then(
			discover(sum(SumWrong)).silent())},
	}
}

// parsing is how options are read (rows V4-012 to V4-016).
func parsing() []Vector {
	ten := func(n int, m *Memory) []byte { a := m.own(n).As4(); return a[:] }
	rip := func(n int, before []byte, to func(d *Draft) []byte) Edit {
		return func(d *Draft, m *Memory) {
			copy(to(d), slices.Concat(before, []byte{optRequested, 4}, ten(n, m), []byte{optEnd}))
		}
	}
	file, sname := func(d *Draft) []byte { return d.File[:] }, func(d *Draft) []byte { return d.SName[:] }
	const overloadNote = "RFC 2131 §4.1 wants it read. Where it is not, the options in there are as if never sent."
	const piecesNote = "RFC 3396 §7: options that come more than once are one, their values put together."
	return []Vector{
		{Rows: "V4-012", Asks: "option 52 = 1, requested address in file: that address", Note: overloadNote,
			Steps: then(discover(overloaded(1), rip(0, nil, file)).want(offer(), yours(own(0))))},
		{Rows: "V4-012", Asks: "option 52 = 2, requested address in sname: that address", Note: overloadNote,
			Steps: then(discover(overloaded(2), rip(0, nil, sname)).want(offer(), yours(own(0))))},
		{Rows: "V4-012", Asks: "option 52 = 3, request list in file, address in sname: both", Note: overloadNote,
			Steps: then(discover(overloaded(3), inFile(optList, 1, optNTP, optEnd), rip(0, nil, sname)).
				want(offer(), yours(own(0)), every(optNTP), none(optDNS)))},
		{Rows: "V4-013", Asks: "client identifier in two pieces, then in one: the same client", Steps: then(
			bound(opt(optClientID, 0, 'a', 'b', 'c'), opt(optClientID, 'd', 'e', 'f')),
			discover(opt(optClientID, 0, 'a', 'b', 'c', 'd', 'e', 'f')).client(1).want(offer(), yours(other(0)))),
			Note: piecesNote},
		{Rows: "V4-013", Asks: "request list in two pieces: both followed", Steps: then(
			discover(list(optNTP), list(optDomain)).want(offer(), order(optNTP, optDomain))), Note: piecesNote},
		{Rows: "V4-013", Asks: "pieces in options, file and sname: in that order", Note: overloadNote, Steps: then(
			discover(overloaded(3), list(optNTP), inFile(optList, 1, optDomain, optEnd),
				inSName(optList, 1, optDNS, optEnd)).want(offer(), order(optNTP, optDomain, optDNS)))},
		{Rows: "V4-014", Asks: "no End option: OFFER", Steps: then(discover(noEnd(), least(0)).want(offer()))},
		{Rows: "V4-014", Asks: "padding between options: all read", Steps: then(
			discover(raw(0, 0, 0), list(optNTP), raw(0, 0), asks(own(0))).
				want(offer(), yours(own(0)), every(optNTP)))},
		{Rows: "V4-014", Asks: "octets behind the End option: ignored", Steps: then(
			discover(set(func(d *Draft) { d.Behind = []byte{optType, 1, typeRelease, 9, 9} })).want(offer()))},
		{Rows: "V4-015", Asks: "the last option cut off: OFFER", Steps: then(
			discover(raw(optClientID, 40, 1, 2), noEnd(), least(0)).want(offer(), none(optClientID))),
			Note: "What could be read is enough to answer; a client with an odd option should not be without network."},
		{Rows: "V4-016", Asks: "a requested address of three octets: ignored", Note: "Nothing says what to do with it. A client with an odd option should not be without network.", Steps: then(
			discover(opt(optRequested, 10, 67, 128)).want(offer()))},
		{Rows: "V4-016", Asks: "a lease time of two octets: ignored", Note: "Nothing says what to do with it. A client with an odd option should not be without network.", Steps: then(
			discover(opt(optLease, 0, 9)).want(offer(), valueOf(optLease, 3600)))},
		{Rows: "V4-016", Asks: "an option that nobody knows: ignored", Steps: then(
			discover(opt(250, 1, 2, 3)).want(offer(), none(250)))},
		{Rows: "V4-016", Asks: "option 53 of two octets: silence", Note: "RFC 2132 §9.6: its length is 1. The row is our choice; all others take the first octet, and no client is known to send it.", Steps: then(
			discover(kind(0), opt(optType, typeDiscover, 0)).silent())},
		{Rows: "V4-016", Asks: "option 53 of no octet: silence", Steps: then(
			discover(kind(0), opt(optType)).silent()),
			Note: "RFC 2132 §9.6: its length is 1. Who takes it for a BOOTREQUEST gives an address without end."},
	}
}

// destination is where a reply goes (rows V4-020 to V4-029).
func destination() []Vector {
	unusual := func(a func(*Memory) netip.Addr) []Step {
		return then(discover(has(a)).want(offer(), toYours(), ciaddr(zero)))
	}
	return slices.Concat(parsing(), []Vector{
		{Rows: "V4-020 V4-112", Asks: "relayed DISCOVER: OFFER to giaddr, port 67", Steps: then(
			discover(by("10.68.0.1")).want(offer(), at(is("10.68.0.1"), serverPort), inside("10.68.0.0/24")))},
		{Rows: "V4-020", Asks: "relayed, with broadcast bit: still to giaddr", Steps: then(
			discover(by("10.68.0.1"), broadcastBit()).want(offer(), at(is("10.68.0.1"), serverPort)),
			selecting(by("10.68.0.1"), broadcastBit()).want(ack(), at(is("10.68.0.1"), serverPort)))},
		{Rows: "V4-021", Asks: "relay with source port (RFC 8357): to that port, option 82 returned", Steps: then(
			discover(by("10.68.0.1"), portOf(6767), relayInfo(1, 2, 'a', 'b', 19, 0)).
				want(offer(), at(is("10.68.0.1"), 6767), echoed(optRelay))),
			Note: "RFC 8357 §5.1: the server MUST answer to the port that the message came from."},
		{Rows: "V4-020 V4-021", Asks: "relay's odd source port without sub-option 19: to port 67", Steps: then(
			discover(by("10.68.0.1"), portOf(6767)).want(offer(), at(is("10.68.0.1"), serverPort))),
			Note: "RFC 2131 §4.1: to the DHCP server port of the relay, wherever its message came from."},
		{Rows: "V4-022 V4-150", Asks: "RENEWING: ACK to ciaddr, port 68", Steps: then(bound(),
			renew(leased).want(ack(), at(leased, clientPort), yours(leased), framed()))},
		{Rows: "V4-023", Asks: "broadcast bit: OFFER and ACK to 255.255.255.255", Note: "RFC 2131 §4.1: a client that sets the bit cannot take frames for itself, or has no address for them. Kea puts the broadcast datagram into a frame to the client alone.", Steps: then(
			discover(broadcastBit()).want(offer(), broadcast()), selecting(broadcastBit()).want(ack(), broadcast()))},
		{Rows: "V4-024", Asks: "no broadcast bit: OFFER and ACK to yiaddr in a frame to chaddr", Steps: then(
			discover().want(offer(), toYours()),
			selecting().want(ack(), toYours()))},
		{Rows: "V4-026", Asks: "NAK without broadcast bit: broadcast", Note: "RFC 2131 §4.1: a client that sets the bit cannot take frames for itself, or has no address for them. Kea puts the broadcast datagram into a frame to the client alone.", Steps: then(bound(),
			reboot(is("10.90.0.7")).want(nak(), broadcast()))},
		{Rows: "V4-026 V4-151", Asks: "RENEWING another's address on the link: NAK by broadcast", Steps: then(bound(),
			renew(other(0)).client(1).want(nak(), broadcast())),
			Note: "RFC 2131 §4.1: without giaddr, any DHCPNAK is broadcast to 0xffffffff. The address in ciaddr " +
				"is another's: sent there, the wrong client reads it."},
		{Rows: "V4-027", Asks: "relayed NAK: to giaddr, with broadcast bit", Note: "RFC 2131 §4.3.2: the server MUST set the bit. Without it the relay sends to a client that cannot hear it.", Steps: then(bound(by("10.68.0.1")),
			reboot(is("10.90.0.7"), by("10.68.0.1")).
				want(nak(), at(is("10.68.0.1"), serverPort), flagsOf(0x8000)))},
		{Rows: "V4-028", Asks: "DISCOVER with ciaddr 255.255.255.255: as without", Note: "RFC 2131 Table 5 wants ciaddr 0, Table 3 wants 0 in the OFFER. There are clients that send another, and hear nothing that goes there.", Steps: unusual(is("255.255.255.255"))},
		{Rows: "V4-028", Asks: "DISCOVER with a multicast ciaddr: as without", Note: "RFC 2131 Table 5 wants ciaddr 0, Table 3 wants 0 in the OFFER. There are clients that send another, and hear nothing that goes there.", Steps: unusual(multicast)},
		{Rows: "V4-028", Asks: "DISCOVER with a loopback ciaddr: as without", Note: "RFC 2131 Table 5 wants ciaddr 0, Table 3 wants 0 in the OFFER. There are clients that send another, and hear nothing that goes there.", Steps: unusual(is("127.0.0.1"))},
		{Rows: "V4-028", Asks: "DISCOVER with ciaddr off the link: as without", Note: "RFC 2131 Table 5 wants ciaddr 0, Table 3 wants 0 in the OFFER. There are clients that send another, and hear nothing that goes there.", Steps: unusual(offLink)},
		{Rows: "V4-028 V4-045", Asks: "DISCOVER with ciaddr on the link: OFFER there", Steps: then(
			discover(has(own(0))).want(offer(), at(own(0), clientPort), ciaddr(zero))),
			Note: "RFC 2131 Table 5 wants ciaddr 0 in a DISCOVER, and §4.1 a reply to ciaddr where there is one."},
		{Rows: "V4-029", Asks: "checksums, TTL 64, source the server's address and port 67", Note: "No RFC wants a TTL; 64 is the usual one. The rest of it all keep.", Only: OnWire, Steps: then(
			discover().want(offer(), sumsRight()), selecting().want(ack(), sumsRight()))},
		{Rows: "V4-029", Asks: "the same of a broadcast reply", Note: "No RFC wants a TTL; 64 is the usual one. The rest of it all keep.", Only: OnWire, Steps: then(
			discover(broadcastBit()).want(offer(), sumsRight()))},
		{Rows: "V4-029", Asks: "the same of a relayed reply", Note: "No RFC wants a TTL; 64 is the usual one. The rest of it all keep.", Only: OnWire, Steps: then(
			discover(by("10.68.0.1")).want(offer(), sumsRight()))},
		{Rows: "V4-029", Asks: "the same of a reply to ciaddr", Note: "No RFC wants a TTL; 64 is the usual one. The rest of it all keep.", Only: OnWire, Steps: then(bound(),
			renew(leased).want(ack(), sumsRight()))},
	})
}
