package leasequery

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"

	"port67/server/dhcp4"
	"port67/storage"
	"port67/storage/lease"
)

const (
	// relatedMax is how many other addresses of a client one option names.
	relatedMax = 63
	// foundMax is among how many leases of one remote-id the one that was heard from last is looked for.
	foundMax = 4096
	// The size of a reply, as of any other (RFC 2132 §9.10).
	sizeMin = 576
	sizeMax = 1500
)

// usual is what a requester without a list is told beside the client identifier (RFC 4388 §6.4.2).
var usual = []byte{optLeaseTime, optT1, optT2, optLastTransaction, optAssociatedIP, optRelayInfo}

// Answer returns the reply to the DHCPLEASEQUERY q, and where it goes: always to port 67 of the agent at
// giaddr (RFC 4388 §6.4.3), so that whoever forges a question in the name of a requester hears nothing.
//
//	not allowed, or no single key          silence (LQ-001, LQ-002, LQ-007)
//	by address: of no subnet               DHCPLEASEUNKNOWN (LQ-003)
//	by address: nobody may hold it now     DHCPLEASEUNASSIGNED
//	by client or remote-id: none is held   DHCPLEASEUNKNOWN (LQ-004)
//	else                                   DHCPLEASEACTIVE, with what LQ-005 wants
//
// Every node that hears the question answers: the requester chose whom to ask, and all answers are the same.
// A node whose copy of the state may be old keeps silent (LQ-011): a wrong DHCPLEASEUNASSIGNED cuts a client
// off.
func Answer(view storage.View, q *dhcp4.Query, in *dhcp4.Ingress, at Moment,
) (m dhcp4.Message, to dhcp4.Dest, why Why) {
	c := view.Config()
	s, one := selectorOf(q)
	sid, named := identifier(in)
	switch {
	case !q.Relayed():
		return m, to, NotRelayed
	case c == nil || !c.MayQueryLeases(q.GIAddr):
		return m, to, Stranger
	case !one:
		return m, to, Unclear
	case !named:
		return m, to, NoIdentifier
	case !at.Fresh:
		return m, to, OutOfTouch
	}
	found, ok := s.leases(view, netip.Addr{}, foundMax)
	if !ok {
		return m, to, NotIndexed
	}
	f := latest(found, at)
	f.config = c
	m = header(q, sid)
	b := builder{fact: &f}
	list, listed := q.Options.Get(optParameterList)
	if !listed || len(list) == 0 {
		list = usual
	}
	switch _, ours := c.SubnetOf(s.addr); {
	case f.active():
		m.Type, m.CIAddr = dhcp4.LeaseActive, f.Addr
	case s.addr.IsValid() && ours:
		m.Type, m.CIAddr = dhcp4.LeaseUnassigned, s.addr
	default:
		m.Type, m.CIAddr = dhcp4.LeaseUnknown, q.CIAddr
		m.HType, m.HLen, m.CHAddr = q.HType, q.HLen, q.CHAddr
	}
	b.put(optMessageType, dhcp4.RankKeep, []byte{byte(m.Type)})
	b.put(optServerID, dhcp4.RankKeep, sid.AsSlice())
	switch m.Type {
	case dhcp4.LeaseActive:
		b.client(&m)
		b.wanted(list)
	case dhcp4.LeaseUnassigned:
		// What the last client was is nobody's business: only how the address came to be free.
		b.wanted(slices.DeleteFunc(slices.Clone(list), func(code byte) bool {
			return code == optClientID || code == optRelayInfo
		}))
	}
	if info, _ := q.Options.Get(optRelayInfo); len(info) > 0 {
		b.put(optRelayInfo, dhcp4.RankKeep, info) // LQ-006, unless the one in store was asked for.
	}
	m.Options = b.list
	to = dhcp4.Dest{Kind: dhcp4.DestRouted, Addr: q.GIAddr, Port: dhcp4.ServerPort, Source: sid}
	return m, to, Answered
}

// header returns a reply to q without a type.
func header(q *dhcp4.Query, sid netip.Addr) dhcp4.Message {
	none := netip.IPv4Unspecified()
	size := sizeMin
	if b, _ := q.Options.Get(optMaxSize); len(b) == 2 {
		size = min(max(int(binary.BigEndian.Uint16(b)), sizeMin), sizeMax)
	}
	return dhcp4.Message{
		XID: q.XID, Flags: q.Flags, CIAddr: none, YIAddr: none, SIAddr: none, GIAddr: q.GIAddr, ServerID: sid,
		MaxSize: size, NoOverload: true,
	}
}

// latest returns, of the leases that clients may hold now, the one whose client was heard from last, with the
// others as related (RFC 4388 §6.4.1). If there is none, it is the lease that was last in use, or nothing.
func latest(found []lease.Lease, at Moment) fact {
	slices.SortStableFunc(found, func(a, b lease.Lease) int { return cmp.Compare(b.Last, a.Last) })
	var best fact
	for i := range found {
		f := fact{Lease: found[i], at: at, known: true}
		switch {
		case !best.known || f.active() && !best.active():
			best = f
		case f.active() && len(best.related) < relatedMax:
			best.related = append(best.related, f.Addr)
		}
	}
	best.at = at
	return best
}
