package conformance

import (
	"bytes"
	"slices"
	"time"
)

// Hardware with a reservation on the lan, on the rich link and on the boot link.
func reserved(i byte) Edit { return hardware(2, 0x67, 0xff, 0, 0, i) }

const (
	noteDynamic = "Kea sends a BOOTREPLY without an address, which tells the client nothing. RFC 1534 §2 leaves it to the server. A BOOTP client cannot be told that its address has an end; " +
		"pools are for it where the configuration says so."
	noteVend = "RFC 951 §7.3 has nothing for vend; RFC 1497 wants the cookie from whoever wants options. " +
		"A client that sent another vendor area can take that for its own only. ISC dhcpd returns it to hosts with a fixed " +
		"address; dnsmasq writes options behind the first four octets; Kea 2.2 does not answer without the cookie."
	noteSize = "RFC 951 §3: a message has 300 octets, of which the vendor area is 64, and there are boot ROMs with no " +
		"room for more. RFC 1542 §2.1 allows more to who sent more; nobody has to send it. ISC dhcpd keeps to it for hosts with a " +
		"fixed address alone, not for those that it gives one from a pool, and overloads sname and file as well."
	noteOrder = "RFC 1542 §5.4 names ciaddr before giaddr for BOOTREPLYs; DHCP has it the other way round (RFC 2131 §4.1). " +
		"Kea 2.2 sends nothing."
	noteCopied = "RFC 1542 §5.4 wants no more than xid, chaddr, flags and giaddr copied. The row is our choice."
	noteFile   = "RFC 951 §7.3: the server replaces the name by the full path. It does not say what to do with an unknown one. " +
		"Kea 2.2 has no setting for it."
	noteSName = "RFC 951 §7.3: a client that names a server wants that one alone. The others do not look."
	noteKnows = "RFC 951 §3: yiaddr is for a client that does not know its address. Where ciaddr is set, 0 is as good as the " +
		"same; another address is of no use to the client, unless it was reserved for it."
	noteWho = "RFC 951 knows no identifier, and two devices that send the same one would have one address without end. Kea and " +
		"ISC dhcpd can be told to ignore identifiers altogether."
	noteFrame = "RFC 2131 §4.1. Kea puts the broadcast datagram into a frame to the client alone."
	noteNone  = "A BOOTREPLY without an address tells the client nothing."
)

// bootpRequests is who is answered in BOOTP, and with which address (rows BP-001 to BP-004, BP-010 to BP-014, BP-019 to
// BP-022).
func bootpRequests() []Vector {
	far, boots, strict, parted := by("10.68.0.1"), by("10.74.0.1"), by("10.78.0.1"), by("10.79.0.1")
	name := func(s string) Edit { return inSName(append([]byte(s), 0)...) }
	file := func(s string) Edit { return inFile(append([]byte(s), 0)...) }
	return []Vector{
		{Rows: "BP-001", Asks: "BOOTREQUEST of a device with a reservation: its address, siaddr our own", Steps: then(
			boot(reserved(5)).want(bootreply(), yiaddr(is("10.67.9.5")), siaddr(is("10.67.0.2")),
				valueText(optHostname, "terminal"), valueAddr(optMask, "255.255.0.0"))),
			Note: "RFC 951 §7.3: the server puts its own address into siaddr."},
		{Rows: "BP-001", Asks: "next server, sname and file of the configuration", Steps: then(
			boot(boots).want(bootreply(), siaddr(is("10.74.0.9")), snameIs("boot.example.org"), fileIs("menu.ipxe")))},
		{Rows: "BP-002", Asks: "an unknown device where pools are not for BOOTP: silence", Steps: then(boot(far).silent()),
			Note: noteDynamic},
		{Rows: "BP-002", Asks: "an unknown device where they are: an address that others do not get", Steps: then(
			booted(), discover(asks(other(0))).client(1).want(offer(), notYours(other(0))), boot().want(
				bootreply(), yours(leased), inside("10.67.0.0/16")))},
		{Rows: "BP-003", Asks: "one client identifier, two devices: two addresses", Note: noteWho, Steps: then(
			booted(opt(optClientID, 0, 'b', 'p', '3')), boot(opt(optClientID, 0, 'b', 'p', '3')).client(1).
				want(bootreply(), notYours(other(0)), none(optClientID)))},
		{Rows: "BP-003", Asks: "one device, two client identifiers: the same address", Steps: then(
			booted(opt(optClientID, 0, 'b', 'p', '4')), boot(opt(optClientID, 0, 'b', 'p', '5')).
				want(bootreply(), yours(leased))), Note: noteWho},
		{Rows: "BP-003", Asks: "hardware address of zeros: silence", Steps: then(boot(hardware()).silent()),
			Note: "All devices that have not found their address would be one client."},
		{Rows: "BP-004", Asks: "BOOTP, then DHCP: the same address, with the lease time of DHCP", Steps: then(booted(),
			discover().want(offer(), yours(leased), valueOf(optLease, 3600)),
			selecting().want(ack(), yours(leased), valueOf(optLease, 3600)), boot().want(bootreply(), yours(leased))),
			Note: "ISC dhcpd counts to 2038, and tells in DHCP what is left till then."},
		{Rows: "BP-004", Asks: "DHCP, then BOOTP: the same address", Steps: then(bound(),
			boot().want(bootreply(), yours(leased)))},
		{Rows: "BP-010", Asks: "sname of another server: silence", Note: noteSName, Steps: then(
			boot(name("other.example.org")).silent())},
		{Rows: "BP-010", Asks: "sname is ours: BOOTREPLY", Note: noteSName, Steps: then(
			boot(boots, name("boot.example.org")).want(bootreply()))},
		{Rows: "BP-011", Asks: "file is a known name: the path", Steps: then(
			boot(file("unix")).want(bootreply(), fileIs("/boot/vmunix"))), Note: noteFile},
		{Rows: "BP-012", Asks: "file is unknown, none configured: the name returned", Steps: then(
			boot(file("hpux")).want(bootreply(), fileIs("hpux"))), Note: noteFile},
		{Rows: "BP-012", Asks: "file is unknown, one configured: that one", Steps: then(
			boot(boots, file("hpux")).want(bootreply(), fileIs("menu.ipxe"))), Note: noteFile},
		{Rows: "BP-012", Asks: "file is unknown, strict files: silence", Steps: then(
			boot(strict, file("hpux")).silent()), Note: noteFile},
		{Rows: "BP-014", Asks: "260 octets: BOOTREPLY", Steps: then(boot(least(260)).want(bootreply())),
			Note: "RFC 1542 §2.1 wants it discarded. There are devices that send it."},
		{Rows: "BP-014", Asks: "260 octets where short requests are not taken: silence", Steps: then(
			boot(strict, least(260)).silent()), Note: "RFC 1542 §2.1 wants it discarded; the others have no switch."},
		{Rows: "BP-019", Asks: "relay of an unknown link: silence", Steps: then(boot(by("10.99.0.1")).silent()), Note: noteNone},
		{Rows: "BP-020", Asks: "ciaddr, free: yiaddr the same", Note: noteKnows, Steps: then(
			boot(has(own(0)), from(own(0))).want(bootreply(), yiaddr(own(0)), ciaddr(own(0))))},
		{Rows: "BP-020", Asks: "ciaddr that a DHCP client has: told its own again", Note: noteKnows, Steps: then(bound(),
			boot(has(other(0)), from(other(0))).client(1).want(bootreply(), yiaddr(other(0))))},
		{Rows: "BP-020", Asks: "ciaddr, and another address reserved: that one", Note: noteKnows, Steps: then(
			boot(reserved(6), has(own(0)), from(own(0))).want(bootreply(), yiaddr(is("10.67.9.6"))))},
		{Rows: "BP-021", Asks: "a pool for BOOTP: from that", Steps: then(
			boot(parted).want(bootreply(), forBOOTP(true)))},
		{Rows: "BP-021", Asks: "a pool for DHCP beside it: from that", Steps: then(
			discover(parted).want(offer(), forBOOTP(false)))},
		{Rows: "BP-022", Asks: "ten years later: still nobody else's", Only: InProcess, Steps: then(booted(),
			Step{Pass: 10 * 365 * 24 * time.Hour}, discover(asks(other(0))).client(1).want(offer(), notYours(other(0))),
			boot().want(bootreply(), yours(leased)))},
	}
}

// forBOOTP expects an address of that pool of the parted link, or of the other.
func forBOOTP(yes bool) Check {
	return that(func(r *Reply, _ *Memory) string {
		if (r.YIAddr.Compare(ip("10.79.0.150")) < 0) != yes {
			return "yiaddr of the other pool"
		}
		return ""
	})
}

// bootpReplies is what a BOOTREPLY is and where it goes (rows BP-005 to BP-009, BP-013, BP-015 to BP-018).
func bootpReplies() []Vector {
	far, rich, boots, strict := by("10.74.0.1"), by("10.73.0.1"), by("10.74.0.1"), by("10.78.0.1")
	cmu := append([]byte("CMU\x00"), 1, 2, 3, 4)
	foreign := append([]byte{1, 2, 3, 4}, bytes.Repeat([]byte{7}, 20)...)
	padded := hardware(2, 0x67, 0xfe, 0, 0, 2, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)
	relayed := at(is("10.74.0.1"), serverPort)
	return []Vector{
		{Rows: "BP-005", Asks: "nothing of DHCP in the reply: no 51, 53, 54, 58, 59, 82", Steps: then(
			boot().want(bootreply(), none(onlyDHCP...), none(optRelay)))},
		{Rows: "BP-005", Asks: "option 82 of a relay: returned", Steps: then(
			boot(far, relayInfo(1, 2, 'a', 'b')).want(bootreply(), echoed(optRelay))),
			Note: "RFC 3046 speaks of DHCP. Relays put it into BOOTREQUESTs as well, and look for it in the reply."},
		{Rows: "BP-005", Asks: "a request list, a lease time and option 57 in the request: no DHCP in the reply", Steps: then(
			boot(list(1, 51, 53, 54), leaseOf(1200), maxSize(590)).want(bootreply(), none(onlyDHCP...)))},
		{Rows: "BP-006 BP-015", Asks: "300 octets: 300 octets back, the options in 64 with cookie and End", Note: noteSize,
			Steps: then(boot(rich).want(bootreply(), size(300, 300), inVendorArea(), laidOut(), every(1, 3, 6, 15)))},
		{Rows: "BP-006", Asks: "mask before router, DNS, domain name", Steps: then(
			boot().want(bootreply(), order(1, 3, 6, 15))),
			Note: "RFC 2132 §3.3 wants the mask before the router. The rest is our choice, for when there is no room for all."},
		{Rows: "BP-006", Asks: "548 octets: more options, at most 548 octets", Note: noteSize, Steps: then(
			boot(rich, least(548)).want(bootreply(), size(301, 548), every(1, 3, 6, 15, 17), laidOut()))},
		{Rows: "BP-006", Asks: "option 57 = 1000: all six texts, at most 972 octets", Steps: then(
			boot(rich, maxSize(1000)).want(bootreply(), size(549, 972), every(texts...), laidOut())), Note: noteSize},
		{Rows: "BP-007", Asks: "vendor area of zeros: returned, no options", Note: noteVend, Steps: then(
			boot(vend()).want(bootreply(), vendIs()))},
		{Rows: "BP-007", Asks: "a foreign vendor area: returned", Note: noteVend, Steps: then(
			boot(vend(foreign...)).want(bootreply(), vendIs(foreign...)))},
		{Rows: "BP-007", Asks: "vendor area of zeros where options are always sent: options", Note: noteVend, Steps: then(
			boot(strict, vend()).want(bootreply(), every(optMask, optDNS, optDomain)))},
		{Rows: "BP-007", Asks: "vendor area of zeros, from a device with a reservation: returned, no options", Note: noteVend,
			Steps: then(boot(reserved(5), vend()).want(bootreply(), vendIs()))},
		{Rows: "BP-006 BP-009", Asks: "300 octets from a device with a reservation: options in 64, no overload", Note: noteSize,
			Steps: then(boot(rich, hardware(2, 0x67, 0xff, 0, 0x73, 1)).want(bootreply(), yiaddr(is("10.73.0.50")),
				overloadedBy(0), size(300, 300), inVendorArea(), laidOut()))},
		{Rows: "BP-008", Asks: "vendor area of CMU: returned, unread", Note: noteVend, Steps: then(
			boot(vend(cmu...)).want(bootreply(), vendIs(cmu...)))},
		{Rows: "BP-009", Asks: "more options than fit: no overload", Note: noteSize, Steps: then(
			boot(rich).want(bootreply(), overloadedBy(0), snameIs(""), fileIs("")))},
		{Rows: "BP-013", Asks: "ciaddr: there", Note: noteOrder, Steps: then(
			boot(has(own(0)), from(own(0))).want(bootreply(), at(own(0), clientPort)))},
		{Rows: "BP-013", Asks: "ciaddr and giaddr: to ciaddr", Note: noteOrder, Steps: then(
			boot(boots, has(is("10.74.0.60"))).want(bootreply(), at(is("10.74.0.60"), clientPort)))},
		{Rows: "BP-013", Asks: "giaddr: to the relay, port 67", Steps: then(
			boot(boots).want(bootreply(), relayed, giaddr(is("10.74.0.1"))))},
		{Rows: "BP-013", Asks: "giaddr and broadcast bit: to the relay", Steps: then(
			boot(boots, broadcastBit()).want(bootreply(), relayed))},
		{Rows: "BP-013", Asks: "neither: to yiaddr in a frame to chaddr", Steps: then(
			boot().want(bootreply(), toYours()))},
		{Rows: "BP-013", Asks: "broadcast bit: broadcast", Note: noteFrame, Steps: then(
			boot(broadcastBit()).want(bootreply(), broadcast()))},
		{Rows: "BP-015", Asks: "without cookie and without options: 300 octets", Note: noteVend, Steps: then(
			boot(vend()).want(bootreply(), size(300, 300)))},
		{Rows: "BP-016", Asks: "flags copied, reserved bits too", Steps: then(
			boot(flags(0x4001)).want(bootreply(), flagsOf(0x4001)))},
		{Rows: "BP-017", Asks: "hops and secs copied", Note: noteCopied, Steps: then(
			boot(boots, hops(3), secs(9)).want(bootreply(), octets("hops", 3, 3), octets("secs", 8, 0, 9)))},
		{Rows: "BP-018", Asks: "xid, htype, hlen and all 16 octets of chaddr copied", Note: "RFC 951 §3: chaddr has 16 octets.",
			Steps: then(boot(padded).want(bootreply(), octets("op and hardware", 0, 2, 1, 6),
				octets("chaddr", 28, 2, 0x67, 0xfe, 0, 0, 2, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1),
				that(func(r *Reply, m *Memory) string {
					if r.XID != m.Sent.XID {
						return "another xid"
					}
					return ""
				})))},
		{Rows: "BP-013 V4-029", Asks: "checksums, TTL 64, source the server's address and port 67", Only: OnWire,
			Note: "No RFC wants a TTL; 64 is the usual one. The rest of it all keep.", Steps: then(
				boot().want(bootreply(), sumsRight()), boot(broadcastBit()).want(bootreply(), sumsRight()))},
	}
}

// bootROMs are devices that speak BOOTP and nothing else, as they are met (row W-034).
func bootROMs() []Vector {
	// What stands in vend of the request of each, at 300 octets.
	rom := func(who string, cookie bool, e ...Edit) Vector {
		want := []Check{bootreply(), inside("10.67.0.0/16"), size(300, 300), toYours()}
		if cookie {
			want = append(want, every(optMask, optRouter))
		}
		return Vector{
			Rows: "W-034", Asks: who + ": served, and the same again", Note: noteVend,
			Steps: slices.Concat(then(boot(e...).want(want...)), then(boot(e...).want(bootreply(), yours(leased)))),
		}
	}
	return []Vector{
		rom("printer, vendor area of zeros, secs that count up", false, vend(), secs(12)),
		rom("PLC, cookie and End alone", true),
		rom("terminal server with CMU's vendor area", false, vend(append([]byte("CMU\x00"), make([]byte, 8)...)...)),
		rom("KVM switch, cookie and padding without End", true, noEnd()),
	}
}
