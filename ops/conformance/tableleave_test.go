package conformance

import "time"

// renewals is the REQUEST of a client with an address (rows V4-150 to V4-163).
func renewals() []Vector {
	const unknown = "RFC 2131 §4.3.2 has no word for it. The others grant what is free; a renewal does not tell " +
		"where the client is, and nobody would know whether another server gave the address (ADR 0007)."
	far := by("10.68.0.1")
	return []Vector{
		{Rows: "V4-150", Asks: "RENEWING: extended by the whole lease time", Steps: then(bound(),
			renew(leased).want(ack(), yours(leased), valueOf(optLease, 3600)))},
		{Rows: "V4-151", Asks: "RENEWING, unknown client on the link: NAK by broadcast", Steps: then(
			renew(own(0)).want(nak(), broadcast())), Note: unknown},
		{Rows: "V4-151", Asks: "RENEWING, unknown client behind a router: silence", Steps: then(
			renew(is("10.68.0.99")).silent()),
			Note: "The NAK would have to be broadcast on a link that the server is not on. dnsmasq sends it to ciaddr, " +
				"as our switch `nak-offlink-renew` does."},
		{Rows: "V4-152", Asks: "RENEWING with option 50 = ciaddr: ACK", Steps: then(bound(),
			renew(leased, asks(leased)).want(ack(), yours(leased)))},
		{Rows: "V4-152", Asks: "RENEWING with our server identifier: ACK", Steps: then(bound(),
			renew(leased, to(heard)).want(ack(), yours(leased)))},
		{Rows: "V4-153", Asks: "RENEWING, IP source is not ciaddr: ACK to ciaddr", Steps: then(bound(),
			renew(leased, from(own(3))).want(ack(), yours(leased), at(leased, clientPort))),
			Note: "RFC 2131 §4.3.2: ciaddr is to be trusted."},
		{Rows: "V4-154", Asks: "RENEWING from behind a router: options of the client's subnet", Steps: then(bound(far),
			renew(leased, list(1, 3)).want(ack(), yours(leased), at(leased, clientPort),
				valueAddr(optRouter, "10.68.0.1"), valueAddr(optMask, "255.255.255.0")))},
		{Rows: "V4-157", Asks: "just expired, still free: granted again", Only: InProcess, Steps: then(bound(),
			Step{Pass: 2 * time.Hour}, renew(leased).want(ack(), yours(leased)))},
		{Rows: "V4-157", Asks: "long expired, still free: granted again", Only: InProcess, Steps: then(bound(),
			Step{Pass: 30 * time.Hour}, renew(leased).want(ack(), yours(leased)))},
		{Rows: "V4-160", Asks: "REBINDING: ACK to ciaddr", Steps: then(bound(),
			rebind(leased).want(ack(), yours(leased), at(leased, clientPort)))},
		{Rows: "V4-161 V4-020", Asks: "REBINDING by a relay: ACK to giaddr", Steps: then(bound(far),
			rebind(leased, far).want(ack(), yours(leased), at(is("10.68.0.1"), serverPort)))},
		{Rows: "V4-162 V4-027", Asks: "REBINDING by a relay on another link: NAK to giaddr, broadcast bit", Note: "RFC 2131 §4.3.2: a wrong address SHOULD be denied.", Steps: then(
			bound(), rebind(leased, far).want(nak(), at(is("10.68.0.1"), serverPort), flagsOf(0x8000)))},
		{Rows: "V4-162", Asks: "the same on a link that is not authoritative: silence", Note: "dnsmasq is authoritative for all links or for none.", Steps: then(
			rebind(own(0), by("10.71.0.1")).silent())},
		{Rows: "V4-163", Asks: "REBINDING, unknown client, authoritative: NAK", Steps: then(rebind(own(0)).want(nak())),
			Note: "By ADR 0007: RFC 2131 §4.3.2 has no word for it. The others grant what is free, as our switch `adopt-unknown` does on authoritative links."},
		{Rows: "V4-163", Asks: "REBINDING, unknown client, not authoritative: silence", Note: "By ADR 0007: RFC 2131 §4.3.2 has no word for it. The others grant what is free, as our switch `adopt-unknown` does on authoritative links.", Steps: then(
			rebind(is("10.71.0.201"), by("10.71.0.1")).silent())},
		{Rows: "V4-163", Asks: "REBINDING an address that another has: NAK", Steps: then(bound(),
			rebind(other(0)).client(1).want(nak()))},
	}
}

// leaving is DECLINE and RELEASE (rows V4-170 to V4-183).
func leaving() []Vector {
	second := hardware(2, 0x67, 0xff, 0, 0, 2)
	free := func(i int) Step { return discover(asks(other(0))).client(i).want(offer(), yours(other(0))) }
	return []Vector{
		{Rows: "V4-170", Asks: "DECLINE: silence, and the address goes to nobody", Steps: then(bound(),
			decline(asks(leased), to(heard)).silent(), discover().want(offer(), notYours(leased)))},
		{Rows: "V4-171", Asks: "DECLINE without an address: ignored", Steps: then(bound(), decline(to(heard)).silent(),
			renew(leased).want(ack(), yours(leased)))},
		{Rows: "V4-172", Asks: "DECLINE of another's address: ignored", Note: "RFC 2131 §4.3.3 believes whoever declines what was given to it. To believe anybody makes pools easy to empty.", Steps: then(bound(),
			decline(asks(other(0)), to(heard)).client(1).silent(), renew(leased).want(ack(), yours(leased)))},
		{Rows: "V4-172", Asks: "DECLINE by a stranger of a free address: ignored", Note: "RFC 2131 §4.3.3 believes whoever declines what was given to it. To believe anybody makes pools easy to empty.", Steps: then(
			decline(asks(own(0)), to(heard)).silent(), discover(asks(own(0))).client(1).want(offer(), yours(own(0))))},
		{Rows: "V4-173", Asks: "DECLINE without server identifier: taken", Note: "RFC 2131 Table 5: a client MUST send it. To use an address after a DECLINE is worse than to believe one.", Steps: then(bound(),
			decline(asks(leased)).silent(), discover().want(offer(), notYours(leased)))},
		{Rows: "V4-174", Asks: "DECLINE for another server: ignored", Note: "RFC 2131 §4.3.3 believes whoever declines what was given to it. To believe anybody makes pools easy to empty.", Steps: then(bound(),
			decline(asks(leased), to(stranger)).silent(), discover().want(offer(), yours(leased)))},
		{Rows: "V4-176", Asks: "DECLINE of a reserved address: another one offered", Steps: then(bound(second),
			decline(second, asks(leased), to(heard)).silent(), discover(second).
				want(offer(), inside("10.67.0.0/16"), notYours(is("10.67.9.2")))),
			Note: "Somebody uses the address. A client that is offered it again declines it again."},
		{Rows: "V4-180", Asks: "RELEASE: silence", Steps: then(bound(), release(leased, to(heard)).silent())},
		{Rows: "V4-180 V4-145", Asks: "RELEASE, then INIT-REBOOT of its own client: ACK", Note: "RFC 2131 §4.3.4: the record SHOULD be kept, so that the client gets its address again. Kea 2.2 forgets it.", Steps: then(bound(),
			release(leased, to(heard)).silent(), reboot(leased).want(ack(), yours(leased)))},
		{Rows: "V4-180", Asks: "RELEASE: others do not get the address at once", Steps: then(bound(),
			release(leased, to(heard)).silent(), discover(asks(other(0))).client(1).want(offer(), notYours(other(0)))),
			Note: "RFC 2131 §4.3.4 only SHOULD keep the record. A RELEASE may be forged or late while the client goes " +
				"on: docs/safety.md, P8. `early-reuse` is what the others do."},
		{Rows: "V4-181", Asks: "RELEASE by a stranger: ignored", Steps: then(bound(),
			release(other(0), to(heard)).client(1).silent(), discover(asks(other(0))).client(2).
				want(offer(), notYours(other(0))), renew(leased).want(ack(), yours(leased)))},
		{Rows: "V4-182", Asks: "RELEASE without server identifier: taken, nothing said", Steps: then(bound(),
			release(leased).silent())},
		{Rows: "V4-182", Asks: "RELEASE for another server: ignored", Steps: then(bound(),
			release(leased, to(stranger)).silent(), renew(leased).want(ack(), yours(leased)))},
		{Rows: "V4-182", Asks: "RELEASE with option 50: taken, nothing said", Note: "RFC 2131 §4.3.4: the record SHOULD be kept, so that the client gets its address again. Kea 2.2 forgets it.", Steps: then(bound(),
			release(leased, to(heard), asks(own(4))).silent(), discover().want(offer(), yours(leased)))},
		{Rows: "V4-183", Asks: "RELEASE twice: silence twice", Note: "RFC 2131 §4.3.4: the record SHOULD be kept, so that the client gets its address again. Kea 2.2 forgets it.", Steps: then(bound(), release(leased, to(heard)).silent(),
			release(leased, to(heard)).silent(), discover().want(offer(), yours(leased)))},
		{Rows: "V4-101 V4-184", Asks: "RELEASE, a new client without wishes: another address", Steps: then(bound(),
			release(leased, to(heard)).silent(), discover().client(1).want(offer(), notYours(other(0)), inside("10.67.0.0/16")))},
		{Rows: "V4-102", Asks: "an offer that nobody took, asked for by its client: that one", Steps: then(
			discover().want(offer()).before(), free(0))},
	}
}

// informs is INFORM (rows V4-190 to V4-198).
func informs() []Vector {
	wishes := list(1, 3, 6, 15, 42)
	far := by("10.68.0.1")
	return []Vector{
		{Rows: "V4-190", Asks: "ciaddr: ACK there, yiaddr 0, the options asked for", Note: "RFC 2131 §4.3.5. Kea knows the mask by the lease alone, and looks for none.", Steps: then(
			inform(has(own(0)), unicast(own(0)), wishes).want(ack(), at(own(0), clientPort), yiaddr(zero),
				ciaddr(own(0)), every(1, 3, 6, 15, 42), none(optLease, optT1, optT2)))},
		{Rows: "V4-190", Asks: "ciaddr, by broadcast: ACK to ciaddr", Steps: then(
			inform(has(own(0)), from(own(0))).want(ack(), at(own(0), clientPort), yiaddr(zero)))},
		{Rows: "V4-191", Asks: "ciaddr, by a relay: ACK straight to ciaddr, giaddr 0, no option 82", Steps: then(
			inform(has(is("10.68.0.77")), far, relayInfo(1, 2, 'a', 'b')).want(ack(), at(is("10.68.0.77"), clientPort),
				giaddr(zero), octets("hops", 3, 0), none(optRelay))),
			Note: "RFC 2131 §4.3.5: the server unicasts to the address in ciaddr."},
		{Rows: "V4-192", Asks: "no ciaddr, IP source of the link: ACK to the source", Note: "RFC 2131 has no INFORM without ciaddr; clients send it.", Steps: then(
			inform(unicast(own(0))).want(ack(), at(own(0), clientPort), yiaddr(zero)))},
		{Rows: "V4-193", Asks: "no ciaddr, by a relay: ACK to giaddr, broadcast bit", Note: "RFC 2131 has no INFORM without ciaddr; clients send it.", Steps: then(
			inform(far).want(ack(), at(is("10.68.0.1"), serverPort), flagsOf(0x8000), yiaddr(zero)))},
		{Rows: "V4-194", Asks: "no ciaddr, IP source 0: silence", Steps: then(inform().silent())},
		{Rows: "V4-195", Asks: "no lease is made: the address is free for others", Steps: then(
			inform(has(own(0)), unicast(own(0))).want(ack()).before(),
			discover(asks(own(0))).client(1).want(offer(), yours(own(0))))},
		{Rows: "V4-195", Asks: "ciaddr that another has a lease of: ACK", Steps: then(bound(),
			inform(has(other(0)), unicast(other(0))).client(1).want(ack(), none(optLease))),
			Note: "RFC 2131 §4.3.5: SHOULD NOT look for a lease."},
		{Rows: "V4-195", Asks: "ciaddr of another subnet than the relay's: silence", Note: "RFC 2131 §3.4: the address should be checked for consistency. Options of another link do harm.", Steps: then(
			inform(has(is("10.73.0.9")), far).silent())},
		{Rows: "V4-196", Asks: "a link that is not authoritative: ACK", Steps: then(
			inform(has(is("10.71.0.77")), by("10.71.0.1")).want(ack(), at(is("10.71.0.77"), clientPort))),
			Note: "Options are no claim on addresses. ISC dhcpd answers INFORM on authoritative links only."},
		{Rows: "V4-197", Asks: "with options 50 and 54: ACK", Note: "RFC 2131 Table 5: a client MUST NOT send them. Only silence can harm.", Steps: then(
			inform(has(own(0)), unicast(own(0)), asks(own(1)), to(stranger)).want(ack(), yiaddr(zero)))},
		{Rows: "V4-198", Asks: "ciaddr in no subnet: silence", Note: "RFC 2131 §3.4: the address should be checked for consistency. Options of another link do harm.", Steps: then(
			inform(has(is("10.99.0.9")), unicast(is("10.99.0.9"))).silent())},
	}
}
