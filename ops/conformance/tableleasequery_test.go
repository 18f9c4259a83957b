package conformance

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
)

// The options of leasequery (RFC 4388 §6.1, RFC 6926 §6.2).
const (
	optLastTransaction, optAssociated, optBaseTime = 91, 92, 152
	optLeaseState                                  = 156
)

// leaseQuery is the question of the agent at 10.67.0.1, which may ask. It names nobody but what the edits name.
func leaseQuery(e ...Edit) Step {
	nobody := set(func(d *Draft) { d.HType, d.HLen, d.CHAddr = 0, 0, [16]byte{} })
	asker := set(func(d *Draft) {
		d.GIAddr, d.Hops = router, 0
		d.Src, d.Dst = netip.AddrPortFrom(router, serverPort), netip.AddrPortFrom(serverAddr, serverPort)
	})
	return Step{Kind: typeLeaseQuery, Edits: append([]Edit{nobody, asker}, e...)}
}

// byMAC makes a client's hardware address the key, byID its client identifier.
func byMAC(i int) Edit {
	return func(d *Draft, m *Memory) {
		d.HType, d.HLen = 1, 6
		copy(d.CHAddr[:], m.All[i].Hardware[:])
	}
}

func byID(i int) Edit { return func(d *Draft, m *Memory) { clientID(9)(d, m.All[i]) } }

func unassigned() Check { return kindOf(typeUnassigned) }
func unknown() Check    { return kindOf(typeUnknown) }
func active() Check     { return kindOf(typeActive) }

// holders expects the hardware address of a client, none that of nobody.
func holders(i int) Check {
	return see(func(r *Reply, m *Memory) string {
		return octets("op and hardware", 0, 2, 1, 6).See(r, m) + octets("chaddr", 28, m.All[i].Hardware[:]...).See(r, m)
	})
}

// left expects options with seconds, each of them at least 1 and at most so many.
func left(most map[byte]uint32) Check {
	return see(func(r *Reply, _ *Memory) string {
		for _, code := range []byte{optLease, optT1, optT2} {
			v := r.Get(code)
			if len(v) != 4 {
				return fmt.Sprintf("without option %d", code)
			}
			if n := binary.BigEndian.Uint32(v); n == 0 || n > most[code] {
				return fmt.Sprintf("option %d is %d", code, n)
			}
		}
		return ""
	})
}

// either expects one of two addresses in ciaddr and the other in option 92.
func either(a, b func(*Memory) netip.Addr) Check {
	return see(func(r *Reply, m *Memory) string {
		other := b(m)
		if r.CIAddr == b(m) {
			other = a(m)
		} else if r.CIAddr != a(m) {
			return fmt.Sprintf("ciaddr %v", r.CIAddr)
		}
		return r.differs(optAssociated, other.AsSlice())
	})
}

func first(i int) func(*Memory) netip.Addr {
	return func(m *Memory) netip.Addr { return m.All[i].First }
}

const (
	unserved = "Kea 2.2 of Debian and dnsmasq do not answer leasequeries: Kea has them in a library that is not part of it."
	notTold  = unserved + " RFC 4388: what was asked for SHOULD be told, as far as the client of the lease may know it."
)

// leaseQueries is leasequery by datagrams (rows LQ-001 to LQ-011).
func leaseQueries() []Vector {
	far := by("10.68.0.1")
	toAsker := at(is("10.67.0.1"), serverPort)
	modem := func(m *Memory) []byte { return append([]byte{2, 8, 'm', 'o'}, m.Hardware[:]...) }
	hasModem := func(d *Draft, m *Memory) { d.add(optRelay, modem(m.All[0])...) }
	askModem := leaseQuery(hasModem).client(1)
	list := append([]Vector{
		{Rows: "LQ-001", Asks: "DHCPLEASEQUERY without giaddr: silence", Steps: then(bound(),
			leaseQuery(has(other(0)), gateway("0.0.0.0")).client(1).silent())},
		{Rows: "LQ-002", Asks: "giaddr of one who may not ask: silence", Steps: then(bound(),
			leaseQuery(has(other(0)), far).client(1).silent())},
		{Rows: "LQ-002", Asks: "by address, giaddr of one who may not ask and the source of one who may: silence", Steps: then(
			bound(), leaseQuery(has(other(0)), gateway("10.68.0.1")).client(1).silent())},
		{Rows: "LQ-003 LQ-006", Asks: "by an address that is not ours: LEASEUNKNOWN to giaddr", Steps: then(
			leaseQuery(has(is("10.9.9.9"))).want(unknown(), toAsker, ciaddr(is("10.9.9.9"))))},
		{Rows: "LQ-003 LQ-006", Asks: "by an address that nobody has: LEASEUNASSIGNED to giaddr", Steps: then(
			leaseQuery(has(own(0))).want(unassigned(), toAsker, ciaddr(own(0)), none(optLease, optClientID)))},
		{Rows: "LQ-003", Asks: "by an address that was given back: LEASEUNASSIGNED", Steps: then(bound(),
			release(leased, to(heard)).silent(), leaseQuery(has(other(0))).client(1).
				want(unassigned(), ciaddr(other(0)), none(optLease)))},
		{Rows: "LQ-003", Asks: "by an address whose lease has run out: LEASEUNASSIGNED", Only: InProcess, Steps: then(
			bound(), Step{Pass: 30 * time.Hour}, leaseQuery(has(other(0))).client(1).
				want(unassigned(), ciaddr(other(0)), none(optLease)))},
		{Rows: "LQ-003", Asks: "by an address that was declined: LEASEUNASSIGNED", Steps: then(bound(),
			decline(asks(leased), to(heard)).silent(), leaseQuery(has(other(0))).client(1).
				want(unassigned(), ciaddr(other(0)), none(optLease)))},
		{Rows: "LQ-003", Asks: "by an address that is on offer: LEASEUNASSIGNED", Steps: then(
			discover().want(offer()).before(), leaseQuery(has(other(0))).client(1).
				want(unassigned(), ciaddr(other(0)), none(optLease)))},
		{Rows: "LQ-003 LQ-005 LQ-006", Asks: "by an address that is held: LEASEACTIVE, whose it is, to giaddr", Steps: then(
			bound(), leaseQuery(has(other(0))).client(1).want(active(), toAsker, ciaddr(other(0)), holders(0),
				giaddr(is("10.67.0.1")), yiaddr(zero)))},
		{Rows: "LQ-004", Asks: "by hardware address, unknown: LEASEUNKNOWN with that hardware address", Steps: then(
			leaseQuery(byMAC(0)).want(unknown(), toAsker, ciaddr(zero), holders(0)))},
		{Rows: "LQ-004", Asks: "by hardware address, its lease given back: LEASEUNKNOWN", Steps: then(bound(),
			release(leased, to(heard)).silent(), leaseQuery(byMAC(0)).client(1).want(unknown())),
			Note: unserved + " RFC 4388: LEASEUNASSIGNED is about addresses; by client the answer is LEASEACTIVE or LEASEUNKNOWN."},
		{Rows: "LQ-004", Asks: "by hardware address: LEASEACTIVE with its address", Steps: then(bound(),
			leaseQuery(byMAC(0)).client(1).want(active(), ciaddr(other(0)), holders(0)))},
		{Rows: "LQ-004", Asks: "by hardware address of a client with an identifier: LEASEACTIVE, option 61", Steps: then(
			bound(clientID(9)), leaseQuery(byMAC(0)).client(1).want(active(), ciaddr(other(0)), holders(0),
				every(optClientID)))},
		{Rows: "LQ-004", Asks: "by client identifier, unknown: LEASEUNKNOWN", Steps: then(
			leaseQuery(byID(0)).want(unknown(), ciaddr(zero)))},
		{Rows: "LQ-004", Asks: "by client identifier: LEASEACTIVE, option 61", Steps: then(bound(clientID(9)),
			leaseQuery(byID(0)).client(1).want(active(), ciaddr(other(0)), holders(0), echoed(optClientID)))},
		{Rows: "LQ-004", Asks: "by client identifier, two leases: LEASEACTIVE, the other in option 92", Steps: then(
			bound(clientID(9)), bound(clientID(9), far), leaseQuery(byID(0), list(optAssociated)).client(1).
				want(active(), either(first(0), other(0)))), Note: notTold},
		{Rows: "LQ-004", Asks: "by remote-id (RFC 6148), unknown: LEASEUNKNOWN", Steps: then(
			leaseQuery(relayInfo(2, 4, 'n', 'o', 'n', 'e')).want(unknown(), ciaddr(zero)))},
		{Rows: "LQ-004", Asks: "by remote-id (RFC 6148): LEASEACTIVE with its address", Steps: then(
			bound(far, hasModem), askModem.want(active(), ciaddr(other(0)), holders(0))),
			Note: unserved + " ISC dhcpd does not know RFC 6148."},
	}, leaseQueryFields(hasModem)...)
	for i := range list {
		if list[i].Note == "" && list[i].Rows != "LQ-001" && list[i].Rows != "LQ-002" && list[i].Rows != "LQ-007" {
			list[i].Note = unserved
		}
	}
	return list
}

// leaseQueryFields is what a LEASEACTIVE holds, and what a question may not (rows LQ-005 to LQ-011).
func leaseQueryFields(hasModem Edit) []Vector {
	far := by("10.68.0.1")
	return []Vector{
		{Rows: "LQ-005", Asks: "options 51, 58, 59 and 91 asked for: what is left, and since when", Steps: then(bound(),
			leaseQuery(has(other(0)), list(optLease, optT1, optT2, optLastTransaction)).client(1).want(active(),
				left(map[byte]uint32{optLease: 7200, optT1: 1800, optT2: 3150}), every(optLastTransaction))), Note: notTold},
		{Rows: "LQ-005", Asks: "without a list: at least the lease time", Steps: then(bound(),
			leaseQuery(has(other(0))).client(1).want(active(), every(optLease)))},
		{Rows: "LQ-005", Asks: "options 1, 3 and 6 asked for: those of the client's subnet", Steps: then(bound(far),
			leaseQuery(has(other(0)), list(optMask, optRouter, optDNS)).client(1).want(active(),
				valueAddr(optMask, "255.255.255.0"), valueAddr(optRouter, "10.68.0.1"), valueAddr(optDNS, "10.67.0.53"),
				none(optLease))), Note: notTold + " ISC dhcpd tells the router, but not the mask."},
		{Rows: "LQ-005", Asks: "option 82 asked for: the one that came with the lease", Steps: then(bound(far, hasModem),
			leaseQuery(has(other(0)), list(optRelay)).client(1).want(active(), that(func(r *Reply, m *Memory) string {
				return r.differs(optRelay, append([]byte{2, 8, 'm', 'o'}, m.All[0].Hardware[:]...))
			}))), Note: notTold},
		{Rows: "LQ-006", Asks: "option 82 of the question: comes back", Steps: then(bound(),
			leaseQuery(has(other(0)), list(optLease), relayInfo(1, 2, 'm', 'e')).client(1).want(active(), echoed(optRelay))),
			Note: unserved + " RFC 3046 §2.2: a server that knows option 82 returns it."},
		{Rows: "LQ-007", Asks: "by address and hardware address: silence", Steps: then(bound(),
			leaseQuery(has(other(0)), byMAC(0)).client(1).silent()),
			Note: "RFC 4388 wants the other fields to be zero. ISC dhcpd takes the address."},
		{Rows: "LQ-007", Asks: "by hardware address and client identifier: silence", Steps: then(bound(clientID(9)),
			leaseQuery(byMAC(0), byID(0)).client(1).silent()),
			Note: "RFC 4388 wants the other fields to be zero. ISC dhcpd takes one of them."},
		{Rows: "LQ-007", Asks: "about nothing: silence", Steps: then(leaseQuery().silent()),
			Note: "RFC 4388 has no such question. ISC dhcpd knows nobody by it, and says so."},
		{Rows: "LQ-011", Asks: "base-time (152) and state (156) asked for in a datagram: told", Steps: then(bound(),
			leaseQuery(has(other(0)), list(optBaseTime, optLeaseState)).client(1).want(active(), every(optBaseTime),
				value(optLeaseState, 2))),
			Note: unserved + " RFC 6926 §6.2 has these options for connections; we tell them whoever asks for them (ADR 0015)."},
	}
}
