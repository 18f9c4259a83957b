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

// What is believed of probes within declineWindow: one address in so many of a pool, but some at least. It is
// more than of declines, which any client can send; a device that answers for every address must still not
// empty the pool. Of declinesMax they take half at most.
const (
	poolPerConflict = 10
	conflictsMin    = 4
	conflictsMax    = declinesMax / 2
)

// foundInUse is who an address belongs to that a node has found in use.
const foundInUse = "c\x00found in use"

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
	case c.Held && held && l.Status == lease.Declined && l.Client == foundInUse:
		return Result{Lease: l, Known: true} // A node has noticed it, too.
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

// conflict takes an address out of service because a node found it in use. Whoever has the address booked may
// well answer, and what is on offer is not taken from its client (P6): that is none. Its booking stays.
func (s *State) conflict(c Conflict) Result {
	if !c.Addr.Is4() || len(c.CHAddr) > chaddrLenMax || s.config == nil || !s.mayHold(c.Addr) {
		return refuse(NotInPool, "the address can be offered to nobody")
	}
	l, has := s.leases.Get(c.Addr)
	held := has && l.FreeFrom() > s.clock
	if sub, ok := s.config.SubnetOf(c.Addr); held && ok && givenBack(sub, &l) {
		held = false
	}
	switch {
	case held && l.Status == lease.Declined:
		return Result{Lease: l, Known: true}
	case held:
		return Result{Refusal: InUse, Lease: l, Detail: "the address is booked or on offer"}
	case !s.mayConflict(c.Addr):
		return refuse(RateLimited, "more conflicts within an hour than are believed")
	}
	s.declines = append(s.declines, declined{s.clock, c.Addr, foundInUse})
	l = lease.Lease{
		Addr: c.Addr, Client: foundInUse, Status: lease.Declined, Booked: l.Booked, Reusable: l.Reusable,
		Withheld: max(l.Withheld, s.clock.Add(s.config.Decline.Quarantine)), Start: s.clock, Last: s.clock,
		CHAddr: c.CHAddr,
	}
	if l.CHAddr != "" {
		l.HType = htypeEthernet
	}
	s.leases.Put(l)
	return Result{Lease: l}
}

// htypeEthernet is the hardware type of who answers (RFC 1700, ARP parameters).
const htypeEthernet = 1

// mayConflict says whether one more conflict of the pool is believed.
func (s *State) mayConflict(a netip.Addr) bool {
	pool := s.poolOf(a)
	var all, ofPool uint64
	for i := range s.declines {
		d := &s.declines[i]
		if d.key != foundInUse {
			continue
		}
		all++
		if pool != nil && pool.Range.Contains(d.addr) {
			ofPool++
		}
	}
	return all < conflictsMax && len(s.declines) < declinesMax &&
		(pool == nil || ofPool < max(conflictsMin, pool.Size()/poolPerConflict))
}

// poolOf returns the pool that a is of, or nil.
func (s *State) poolOf(a netip.Addr) *config.CompiledPool {
	sub, ok := s.config.SubnetOf(a)
	if !ok {
		return nil
	}
	pool, _ := sub.PoolOf(a)
	return pool
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
	pool := s.poolOf(a)
	var ofClient, ofPool uint64
	for i := range s.declines {
		d := &s.declines[i]
		if d.key == k {
			ofClient++
		}
		if pool != nil && d.key != foundInUse && pool.Range.Contains(d.addr) {
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
