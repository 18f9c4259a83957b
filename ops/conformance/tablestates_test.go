package conformance

import (
	"net/netip"
	"time"
)

// leaseTimes is for how long (rows V4-070 to V4-076).
func leaseTimes() []Vector {
	lasts := func(s uint32) []Check { return []Check{offer(), valueOf(optLease, s)} }
	return []Vector{
		{Rows: "V4-070 V4-076", Asks: "no lease time asked for: the default, T1 half, T2 seven eighths of it", Steps: then(
			discover(list(1, 51, 58, 59)).want(offer(), valueOf(optLease, 3600), valueOf(optT1, 1800),
				valueOf(optT2, 3150)))},
		{Rows: "V4-071", Asks: "with a lease: the default again", Steps: then(bound(leaseOf(1200)),
			discover().want(lasts(3600)...)),
			Note: "RFC 2131 §4.3.1 wants the time that remains; ISC dhcpd goes by the lease, too. Clients never " +
				"minded the default (ADR 0007: `keep-expiry`)."},
		{Rows: "V4-072", Asks: "1200 s asked for: 1200 s", Steps: then(discover(leaseOf(1200)).want(lasts(1200)...),
			selecting(leaseOf(1200)).want(ack(), valueOf(optLease, 1200)))},
		{Rows: "V4-072", Asks: "60 s asked for: the least, 600 s", Note: "dnsmasq has no settings for it: at least 120 s, at most what the range says.", Steps: then(discover(leaseOf(60)).want(lasts(600)...))},
		{Rows: "V4-072", Asks: "a million asked for: the most, 86400 s", Note: "dnsmasq has no settings for it: at least 120 s, at most what the range says.", Steps: then(
			discover(leaseOf(1_000_000)).want(lasts(86400)...))},
		{Rows: "V4-073", Asks: "0 s asked for: the default", Note: "No RFC says what it means. The row is our choice.", Steps: then(discover(leaseOf(0)).want(lasts(3600)...))},
		{Rows: "V4-074", Asks: "an infinite lease asked for: the most, 86400 s", Note: "dnsmasq has no settings for it: at least 120 s, at most what the range says.", Steps: then(
			discover(leaseOf(0xffffffff)).want(lasts(86400)...))},
		{Rows: "V4-075", Asks: "an infinite lease: 51 is 4294967295, no 58 and 59", Note: "RFC 2131 §3.3. ISC dhcpd counts to 2038, and tells what is left till then.", Steps: then(
			discover(by("10.75.0.1")).want(offer(), valueOf(optLease, 0xffffffff), none(optT1, optT2)),
			selecting(by("10.75.0.1")).want(ack(), valueOf(optLease, 0xffffffff), none(optT1, optT2)))},
	}
}

// identities is who a client is (rows V4-080 to V4-084, V4-086).
func identities() []Vector {
	same := opt(optClientID, 0, 's', 'a', 'm', 'e', '8', '0')
	return []Vector{
		{Rows: "V4-080", Asks: "the same client identifier behind another chaddr: the same address", Steps: then(
			bound(same), discover(same).client(1).want(offer(), yours(other(0)))),
			Note: "RFC 2131 §4.2: the client identifier is the client, whatever hardware it has."},
		{Rows: "V4-081", Asks: "no client identifier: another chaddr gets another address", Steps: then(bound(),
			discover(asks(other(0))).client(1).want(offer(), notYours(other(0))))},
		{Rows: "V4-083", Asks: "client identifiers that differ in their type octet only: two clients", Steps: then(
			bound(opt(optClientID, 0, 't', 'y', 'p', 'e')),
			discover(opt(optClientID, 7, 't', 'y', 'p', 'e'), asks(other(0))).client(1).
				want(offer(), notYours(other(0))))},
		{Rows: "V4-084", Asks: "client identifiers of one octet, two chaddrs: two clients", Steps: then(
			bound(opt(optClientID, 1)), discover(opt(optClientID, 1), asks(other(0))).client(1).
				want(offer(), notYours(other(0)))),
			Note: "RFC 2132 §9.14: the least length is 2."},
		{Rows: "V4-084", Asks: "client identifiers of no octet, two chaddrs: two clients", Note: "RFC 2132 §9.14: the least length is 2.", Steps: then(
			bound(opt(optClientID)), discover(opt(optClientID), asks(other(0))).client(1).
				want(offer(), notYours(other(0))))},
		{Rows: "V4-086", Asks: "away on another link and back: the first address again", Steps: then(bound(),
			discover(by("10.68.0.1")).want(offer(), inside("10.68.0.0/24")),
			selecting(by("10.68.0.1")).want(ack()),
			discover().want(offer(), yours(func(m *Memory) netip.Addr { return m.First })))},
	}
}

// discovers is which address is offered (rows V4-100 to V4-117).
func discovers() []Vector {
	printer := hardware(2, 0x67, 0xff, 0, 0, 1)
	elsewhere := func(what string, a func(*Memory) netip.Addr, before ...any) Vector {
		return Vector{Rows: "V4-104", Asks: "asks for an address " + what + ": offered another, no NAK", Note: "RFC 2131 §4.3.3: what was declined MUST be marked as not available.",
			Steps: then(then(before...), discover(asks(a)).client(1).want(offer(), notYours(a), inside("10.67.0.0/16")))}
	}
	return []Vector{
		{Rows: "V4-100", Asks: "with a lease: the same address", Steps: then(bound(), discover().want(offer(), yours(leased)))},
		{Rows: "V4-100", Asks: "with a lease, asks for another: the same address", Steps: then(bound(),
			discover(asks(own(0))).want(offer(), yours(leased))),
			Note: "RFC 2131 §4.3.1: the client's current address comes first."},
		{Rows: "V4-101", Asks: "released: the same address again", Note: "RFC 2131 §4.3.1: the previous address, if it is free. Kea 2.2 forgets who had what is released.", Steps: then(bound(), release(leased, to(heard)).silent(),
			discover().want(offer(), yours(leased)))},
		{Rows: "V4-102", Asks: "asks for a free address: that one", Steps: then(
			discover(asks(own(0))).want(offer(), yours(own(0))), selecting().want(ack(), yours(own(0))))},
		{Rows: "V4-103", Asks: "new client: an address of the pool", Steps: then(discover().want(offer(), inside("10.67.0.0/16")))},
		elsewhere("off the link", is("10.68.0.200")),
		elsewhere("outside of the pools", is("10.67.5.5")),
		elsewhere("that another has", other(0), bound()),
		elsewhere("reserved to another", is("10.67.9.1")),
		elsewhere("that was declined", other(0), bound(), decline(asks(leased), to(heard)).silent()),
		{Rows: "V4-064 V4-103", Asks: "a reservation: its address", Steps: then(
			discover(printer, list(1, optHostname)).want(offer(), yours(is("10.67.9.1")), valueText(optHostname, "printer")))},
		{Rows: "V4-105", Asks: "nothing to give: silence", Steps: then(discover(by("10.72.0.1")).silent())},
		{Rows: "V4-105", Asks: "nothing to give, option 116 sent: OFFER of no address with 116", Steps: then(
			discover(by("10.72.0.1"), opt(116, 1)).want(offer(), yiaddr(zero), value(116, 1))),
			Note: "RFC 2563 §2.3. Needs the option to be set for the link."},
		{Rows: "V4-106", Asks: "an address on offer is not offered to another", Steps: then(
			discover(asks(own(0))).want(offer(), yours(own(0))).before(),
			discover(asks(own(0))).client(1).want(offer(), notYours(own(0)))),
			Note: "RFC 2131 §4.3.1 SHOULD NOT. The others remember no offers; both clients are then offered it, " +
				"and one gets a NAK."},
		{Rows: "V4-107", Asks: "DISCOVER again: the same address", Note: "Who remembers no offers and no hash of the client takes the next address.", Steps: then(discover().want(offer()).before(),
			discover().want(offer(), yours(leased)), discover(secs(4)).want(offer(), yours(leased)))},
		{Rows: "V4-110", Asks: "relay of an unknown link: silence", Steps: then(discover(by("10.99.0.1")).silent())},
		{Rows: "V4-112", Asks: "sub-option 5: an address there, answered to giaddr", Steps: then(
			discover(by("10.68.0.1"), relayInfo(5, 4, 10, 73, 0, 0)).
				want(offer(), inside("10.73.0.0/24"), at(is("10.68.0.1"), serverPort)))},
		{Rows: "V4-112", Asks: "sub-option 5 before option 118", Steps: then(
			discover(by("10.68.0.1"), optAddr(optSubnet, "10.76.0.0"), relayInfo(5, 4, 10, 73, 0, 0)).
				want(offer(), inside("10.73.0.0/24"))),
			Note: "RFC 3527 §3: the relay's word goes before the client's."},
		{Rows: "V4-112", Asks: "sub-option 5 of an unknown subnet: silence", Steps: then(
			discover(by("10.68.0.1"), relayInfo(5, 4, 10, 99, 0, 0)).silent())},
		{Rows: "V4-113", Asks: "giaddr in a shared network, its subnet full: an address of the other", Steps: then(
			bound(by("10.69.0.1")), as(1, bound(by("10.69.0.1"))), discover(by("10.69.0.1")).client(2).
				want(offer(), inside("10.70.0.0/24")))},
		{Rows: "V4-113", Asks: "giaddr of the second subnet of a shared network: OFFER", Steps: then(
			discover(by("10.70.0.1")).want(offer(), inside("10.68.0.0/14")))},
		{Rows: "V4-114", Asks: "DISCOVER with a server identifier: OFFER", Steps: then(
			discover(optAddr(optServer, "10.67.0.77")).want(offer())),
			Note: "RFC 2131 Table 5: a client MUST NOT send it, and says nothing of servers. Only silence can harm."},
	}
}

// selects is the REQUEST that takes an offer (rows V4-120 to V4-129).
func selects() []Vector {
	named := func(a func(*Memory) netip.Addr) Step { return request(asks(a), to(heard)) }
	return []Vector{
		{Rows: "V4-120 V4-121", Asks: "the offer taken: ACK", Steps: then(bound(), rebind(leased).want(ack(), yours(leased)))},
		{Rows: "V4-122", Asks: "another server chosen: silence", Note: "RFC 2131 §3.1 (4): a server that was not chosen takes it as its offer declined. ISC dhcpd looks at the identifier in failover alone, with `server-id-check` too; dnsmasq as an authoritative server denies by design, which RFC 2131 does not provide for.", Steps: then(discover().want(offer()).before(),
			request(asks(leased), to(stranger)).silent())},
		{Rows: "V4-122 V4-106", Asks: "another server chosen: the offer is free for others", Note: "RFC 2131 §3.1 (4): a server that was not chosen takes it as its offer declined. ISC dhcpd looks at the identifier in failover alone, with `server-id-check` too; dnsmasq as an authoritative server denies by design, which RFC 2131 does not provide for.", Steps: then(
			discover(asks(own(0))).want(offer(), yours(own(0))).before(),
			request(asks(own(0)), to(stranger)).silent().before(),
			discover(asks(own(0))).client(1).want(offer(), yours(own(0))))},
		{Rows: "V4-123", Asks: "an address that another has: NAK", Steps: then(bound(),
			discover().client(1).want(offer()).before(), named(other(0)).client(1).want(nak()))},
		{Rows: "V4-123", Asks: "an address off the link: NAK", Note: "RFC 2131 §4.3.2, §3.1 (4): a wrong address SHOULD be denied. Silence costs the client its retransmissions.", Steps: then(discover().want(offer()).before(),
			named(is("10.68.0.200")).want(nak()))},
		{Rows: "V4-123", Asks: "an address reserved to another: NAK", Note: "RFC 2131 §4.3.2, §3.1 (4): a wrong address SHOULD be denied. Silence costs the client its retransmissions.", Steps: then(discover().want(offer()).before(),
			named(is("10.67.9.1")).want(nak()))},
		{Rows: "V4-123", Asks: "a declined address: NAK", Note: "RFC 2131 §4.3.2, §3.1 (4): a wrong address SHOULD be denied. Silence costs the client its retransmissions.", Steps: then(bound(), decline(asks(leased), to(heard)).silent(),
			discover().client(1).want(offer()).before(), named(other(0)).client(1).want(nak()))},
		{Rows: "V4-124", Asks: "our server identifier, no address: ACK", Steps: then(discover().want(offer()).before(),
			request(to(heard)).want(ack(), yours(leased))),
			Note: "RFC 2131 §4.3.2 has no such message; there are clients that send it and rely on Kea's leniency."},
		{Rows: "V4-124", Asks: "neither server identifier nor address: silence", Note: "RFC 2131 §4.3.2 has no such message. What the client wants is anybody's guess.", Steps: then(request().silent())},
		{Rows: "V4-125", Asks: "offered address in ciaddr, server identifier (RFC 1541): ACK", Steps: then(
			discover().want(offer()).before(), request(has(leased), to(heard)).want(ack(), yours(leased))),
			Note: "RFC 1541 clients put it there."},
		{Rows: "V4-127", Asks: "REQUEST again: the same ACK", Steps: then(bound(),
			request(asks(leased), to(heard)).want(ack(), yours(leased), valueOf(optLease, 3600)))},
		{Rows: "V4-128", Asks: "no OFFER before, the address free: ACK", Steps: then(named(own(0)).want(ack(), yours(own(0))))},
		{Rows: "V4-129", Asks: "another free address than the offered: ACK", Steps: then(discover().want(offer()).before(),
			named(own(1)).want(ack(), yours(own(1))))},
	}
}

// reboots is the REQUEST of a client that remembers an address (rows V4-140 to V4-147).
func reboots() []Vector {
	quiet := by("10.71.0.1")
	return []Vector{
		{Rows: "V4-140", Asks: "its address: ACK", Steps: then(bound(), reboot(leased).want(ack(), yours(leased)))},
		{Rows: "V4-140", Asks: "its address, by a relay: ACK", Steps: then(bound(by("10.68.0.1")),
			reboot(leased, by("10.68.0.1")).want(ack(), yours(leased)))},
		{Rows: "V4-141", Asks: "known client, another address: NAK", Note: "RFC 2131 §4.3.2: whoever has a record of the client SHOULD deny a wrong address.", Steps: then(bound(), reboot(own(1)).want(nak()))},
		{Rows: "V4-141", Asks: "the same on a link that is not authoritative: NAK", Steps: then(bound(quiet),
			reboot(is("10.71.0.222"), quiet).want(nak())),
			Note: "RFC 2131 §4.3.2: whoever has a record of the client SHOULD deny a wrong address."},
		{Rows: "V4-142", Asks: "an address off the link: NAK", Note: "RFC 2131 §4.3.2, §3.1 (4): a wrong address SHOULD be denied. Silence costs the client its retransmissions.", Steps: then(reboot(is("10.90.0.7")).want(nak()))},
		{Rows: "V4-142", Asks: "the same on a link that is not authoritative: silence", Steps: then(
			reboot(is("10.90.0.7"), quiet).silent()),
			Note: "dnsmasq is authoritative for all links or for none."},
		{Rows: "V4-143", Asks: "unknown client, authoritative: NAK", Steps: then(reboot(own(0)).want(nak())),
			Note: "RFC 2131 §4.3.2: without a record the server MUST be silent. An authoritative one knows all records " +
				"of its link and says so, which spares the client a wait; ADR 0004."},
		{Rows: "V4-143", Asks: "unknown client, not authoritative: silence", Note: "RFC 2131 §4.3.2: without a record the server MUST be silent.", Steps: then(
			reboot(is("10.71.0.200"), quiet).silent())},
		{Rows: "V4-144", Asks: "relay of an unknown link: silence", Steps: then(reboot(is("10.99.0.9"), by("10.99.0.1")).silent()),
			Note: "By ADR 0007; a global switch denies."},
		{Rows: "V4-145", Asks: "expired, still free: ACK", Only: InProcess, Steps: then(bound(),
			Step{Pass: 30 * time.Hour}, reboot(leased).want(ack(), yours(leased)))},
		{Rows: "V4-146 V4-170", Asks: "an address that it has declined: NAK", Note: "RFC 2131 §4.3.2, §3.1 (4): a wrong address SHOULD be denied. Silence costs the client its retransmissions.", Steps: then(bound(),
			decline(asks(leased), to(heard)).silent(), reboot(leased).want(nak()))},
		{Rows: "V4-147", Asks: "known client, an address in no pool: NAK", Note: "RFC 2131 §4.3.2, §3.1 (4): a wrong address SHOULD be denied. Silence costs the client its retransmissions.", Steps: then(bound(), reboot(is("10.67.5.6")).want(nak()))},
	}
}
