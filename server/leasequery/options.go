package leasequery

import (
	"encoding/binary"
	"net/netip"

	"port67/server/dhcp4"
	"port67/storage/config"
	"port67/storage/lease"
)

// The states of an address as requesters know them (RFC 6926 §6.2.7).
const (
	stateAvailable = 1
	stateActive    = 2
	stateExpired   = 3
	stateReleased  = 4
	stateAbandoned = 5
)

// fact is what is told of one address.
type fact struct {
	lease.Lease
	at    Moment
	known bool // there is a lease, living or past
	// related is the client's other addresses, the one heard from last first.
	related []netip.Addr
	config  *config.Compiled
}

// active says whether a client may hold the address now: until the end of what the log has promised, for a
// renewal within that need not have passed the log (docs/safety.md §3). A client that gave it back does not.
func (f *fact) active() bool { return f.known && f.StatusAt(f.at.Cluster) == lease.Bound }

// state returns the state of the address, and since when it has it.
func (f *fact) state() (code uint8, since lease.Instant) {
	now := f.at.Cluster
	status := f.StatusAt(now)
	switch {
	case !f.known || status == lease.Offered:
		return stateAvailable, f.Last
	case status == lease.Bound:
		return stateActive, f.Start
	case status == lease.Released:
		return stateReleased, f.Last
	case status == lease.Declined:
		return stateAbandoned, f.Last
	case now < f.FreeFrom():
		return stateExpired, f.Booked
	}
	return stateAvailable, f.FreeFrom()
}

// changed returns when the log, or the clock, last changed something about the address.
func (f *fact) changed() lease.Instant {
	_, since := f.state()
	return max(since, f.Last)
}

// builder puts the options of one message in order.
type builder struct {
	fact *fact
	list []dhcp4.ReplyOption
	have [256]bool
}

func (b *builder) put(code uint8, rank uint16, data []byte) {
	if data != nil && !b.have[code] {
		b.have[code] = true
		b.list = append(b.list, dhcp4.ReplyOption{Code: code, Rank: rank, Data: data})
	}
}

// wanted appends the options of a list, those first that a requester must not miss when there is little room.
func (b *builder) wanted(list []byte) {
	for i, code := range list {
		rank := uint16(i) + 1
		if code == optLeaseTime {
			rank = dhcp4.RankKeep
		}
		b.put(code, rank, b.value(code))
	}
}

// value returns what is told of the address as option code, nil for nothing.
func (b *builder) value(code uint8) []byte {
	f := b.fact
	switch code {
	case optBaseTime:
		return number(uint64(f.at.Unix))
	case optStateStart:
		if _, since := f.state(); f.known {
			return span(since, f.at.Cluster)
		}
	case optState:
		state, _ := f.state()
		return []byte{state}
	case optDataSource:
		return []byte{0} // Every node knows what the cluster knows: nothing is another server's.
	case optLastTransaction:
		if f.known {
			return span(f.Last, f.at.Cluster)
		}
	case optLeaseTime, optT1, optT2:
		return b.remaining(code)
	case optClientID:
		if _, _, hardware := f.Client.Hardware(); f.known && !hardware {
			return f.Client.Identifier()
		}
	case optRelayInfo:
		if f.RelayInfo != "" {
			return []byte(f.RelayInfo)
		}
	case optAssociatedIP:
		return addresses(f.related)
	default:
		return b.configured(code)
	}
	return nil
}

// remaining returns what is left of the lease, or until T1 or T2, which are reckoned from the last word that
// went through the log; nothing of what has passed (RFC 4388 §6.4.2).
func (b *builder) remaining(code uint8) []byte {
	f := b.fact
	if !f.active() {
		return nil
	}
	left := f.at.Cluster.Until(f.Booked)
	if code == optLeaseTime {
		return number(uint64(left))
	}
	e := b.effective()
	if e == nil || left == lease.Infinite {
		return nil
	}
	t1, t2 := dhcp4.Timers(f.Told, e.T1, e.T2, dhcp4.ShareOf(f.Client, e.TimerSpread))
	timer := t1
	if code == optT2 {
		timer = t2
	}
	if until := f.at.Cluster.Until(f.Last.Add(timer)); timer != 0 && until > 0 {
		return number(uint64(until))
	}
	return nil
}

// effective returns the settings that hold for the client at the address, nil if no subnet has it any more.
// Classes that depend on what the client sent are unknown here: its reservation decides alone.
func (b *builder) effective() *config.Effective {
	f := b.fact
	s, ok := f.config.SubnetOf(f.Addr)
	if !ok {
		return nil
	}
	holder := f.config.Holder(&f.Lease)
	r, known := s.Link.ReservationFor(&holder)
	class := config.Unknown
	if known {
		class = config.Known
	}
	pool, _ := s.PoolOf(f.Addr)
	return f.config.EffectiveFor(s, pool, r, []string{class})
}

// configured returns an option that the client of a lease has been sent, from the configuration.
func (b *builder) configured(code uint8) []byte {
	f := b.fact
	switch code {
	case 0, optRequestedAddr, optOverload, optMessageType, optServerID, optParameterList, optMaxSize,
		optRapidCommit, optSubnetSelection, optStatus, optQueryStart, optQueryEnd, 255:
		return nil
	}
	e := b.effective()
	if e == nil || !f.active() || e.NeverSend[code] {
		return nil
	}
	if data, ok := e.Option(code); ok {
		return data
	}
	s, _ := f.config.SubnetOf(f.Addr)
	mask := ^uint32(0) << (32 - s.Prefix.Bits())
	switch code {
	case optSubnetMask:
		return binary.BigEndian.AppendUint32(nil, mask)
	case optBroadcast:
		if first := s.Prefix.Addr().As4(); s.Prefix.Bits() < 31 {
			return binary.BigEndian.AppendUint32(nil, binary.BigEndian.Uint32(first[:])|^mask)
		}
	case optHostname:
		if f.Hostname != "" {
			return []byte(f.Hostname)
		}
	}
	return nil
}

// number returns n as it stands on the wire, the greatest that fits if it does not.
func number(n uint64) []byte { return binary.BigEndian.AppendUint32(nil, uint32(min(n, 1<<32-1))) }

// span returns the seconds from then to now.
func span(then, now lease.Instant) []byte { return number(uint64(max(0, now-then))) }

// addresses returns a list of addresses as it stands on the wire, nil if there is none.
func addresses(list []netip.Addr) []byte {
	var out []byte
	for _, a := range list {
		out = append(out, a.AsSlice()...)
	}
	return out
}

// client puts hardware address and client identifier of the fact into m.
func (b *builder) client(m *dhcp4.Message) {
	m.HType, m.HLen = b.fact.HType, uint8(len(b.fact.CHAddr))
	copy(m.CHAddr[:], b.fact.CHAddr)
	b.put(optClientID, 1, b.value(optClientID))
}
