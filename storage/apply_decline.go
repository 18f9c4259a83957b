package storage

import (
	"net/netip"
	"slices"

	"port67/storage/config"
	"port67/storage/lease"
)

// What is honoured of DHCPDECLINE within declineWindow, so that a rogue host that answers every ARP cannot
// empty a pool (V4-175): so many of one client, one address in so many of a pool but at least one, and so
// many in all.
const (
	declinesPerClient = 3
	poolPerDecline    = 100
	declinesMax       = 4096
)

// decline takes an address out of service because its holder found it in use (RFC 2131 §4.3.3). Its booking
// stays.
func (s *State) decline(c Decline) Result {
	client := Client{Key: c.Key, HType: c.HType, CHAddr: c.CHAddr}
	if _, ok := checkClient(&client); !ok || !c.Addr.Is4() || s.config == nil {
		return refuse(NotHolder, "the address is not the client's")
	}
	l, has := s.leases.Get(c.Addr)
	held := has && l.FreeFrom() > s.clock
	own := has && s.heldBy(&l, &client)
	switch {
	case own && held && l.Status == lease.Declined:
		return Result{Lease: l, Known: true} // Heard twice.
	case own && l.Status == lease.Bound:
	case own && held && l.Status == lease.Offered:
	case c.Held && !held && s.mayHold(c.Addr):
		l = lease.Lease{
			Addr: c.Addr, Client: c.Key, Booked: l.Booked, Reusable: l.Reusable, Start: s.clock,
			HType: c.HType, CHAddr: c.CHAddr,
		}
	default:
		return refuse(NotHolder, "the address is neither bound nor offered to the client")
	}
	if !s.mayDecline(c.Addr, c.Key) {
		return refuse(RateLimited, "more declines within an hour than are believed")
	}
	s.declines = append(s.declines, declined{s.clock, c.Addr, c.Key})
	l.Status, l.Last = lease.Declined, s.clock
	l.Withheld = max(l.Withheld, s.clock.Add(s.config.Decline.Quarantine))
	s.leases.Put(l)
	return Result{Lease: l, Known: own}
}

// mayHold says whether an address can be on offer to anybody.
func (s *State) mayHold(a netip.Addr) bool {
	sub, ok := s.config.SubnetOf(a)
	if !ok {
		return false
	}
	if s.isOwn(a) {
		return false
	}
	if _, ok := sub.ReservationAt(a); ok {
		return true
	}
	_, ok = sub.PoolOf(a)
	return ok
}

// mayDecline says whether one more decline of the client and the pool is believed.
func (s *State) mayDecline(a netip.Addr, k lease.Key) bool {
	if len(s.declines) >= declinesMax {
		return false
	}
	var pool *config.CompiledPool
	if sub, ok := s.config.SubnetOf(a); ok {
		pool, _ = sub.PoolOf(a)
	}
	var ofClient, ofPool uint64
	for i := range s.declines {
		d := &s.declines[i]
		if d.key == k {
			ofClient++
		}
		if pool != nil && pool.Range.Contains(d.addr) {
			ofPool++
		}
	}
	return ofClient < declinesPerClient && (pool == nil || ofPool < max(1, pool.Size()/poolPerDecline))
}

// clearDeclined ends the quarantine of one address, or of all. What the address was booked for stays.
func (s *State) clearDeclined(c ClearDeclined) Result {
	if !c.Addr.IsValid() {
		var r Result
		for _, a := range slices.Collect(s.leases.DeclinedFrom(netip.Addr{})) {
			if l, ok := s.endQuarantine(a); ok {
				r.Cleared = append(r.Cleared, l)
			}
		}
		return r
	}
	l, ok := s.endQuarantine(c.Addr)
	if !ok {
		return refuse(NoSuchLease, "the address is not declined")
	}
	return Result{Lease: l}
}

func (s *State) endQuarantine(a netip.Addr) (lease.Lease, bool) {
	l, ok := s.leases.Get(a)
	if !ok || l.Status != lease.Declined {
		return lease.Lease{}, false
	}
	s.forgetHold(l)
	l.Status, l.Withheld = lease.Released, 0
	return l, true
}
