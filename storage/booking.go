package storage

import (
	"net/netip"

	"port67/storage/config"
	"port67/storage/lease"
)

// raise books l for span now: B = max(B, T + k·L), R = max(R, B + grace). It never lowers either. pool is
// nil for a reserved address.
func (s *State) raise(l *lease.Lease, span lease.Seconds, pool *config.CompiledPool) {
	if span == lease.Infinite {
		l.Booked, l.Reusable = lease.Never, lease.Never
		return
	}
	l.Booked = max(l.Booked, s.clock+lease.Instant(uint64(span)*uint64(s.factor(pool))/100))
	l.Reusable = max(l.Reusable, rest(l.Booked, s.clock, &s.config.Booking))
}

// rest returns the moment at which an address booked from now until booked may be given to another client:
// after a fixed grace, the allowance for paused machines, and a share of the span for clocks that run
// wrong.
//
// GracePermille is the greatest sum e of the rate errors of a client's clock and ours, shared alike. The
// client stops after L(1+e/2) at the latest, another gets the address after (L+G)(1−e/2) at the earliest;
// so the share must be L·e/(1−e/2), which is a little more than L·e. It is rounded up.
func rest(booked, now lease.Instant, b *config.Booking) lease.Instant {
	if booked == lease.Never || b.Grace == lease.Infinite || b.Pause == lease.Infinite {
		return lease.Never
	}
	if b.GracePermille >= 2000 { // No share would be enough.
		return lease.Never
	}
	span, e := uint64(booked-now), uint64(b.GracePermille)
	share := (2*span*e + 1999 - e) / (2000 - e)
	grace := lease.Instant(share) + lease.Instant(b.Grace) + lease.Instant(b.Pause)
	if booked > lease.Never-grace {
		return lease.Never
	}
	return booked + grace
}

// The use of a pool at which the booking factor begins to fall, and at which it has fallen to 1; in
// thousandths.
const (
	factorFalls  = 600
	factorFallen = 850
	factorOne    = 100 // percent
)

// rangesCounted is up to how many ranges of a pool are counted one by one.
const rangesCounted = 256

// factor returns k in percent: the configured one while less than 60 % of the pool is in use, 1 from 85 %
// on, and a straight line between. A reserved address is nobody else's to want, so that it gets the full
// factor.
func (s *State) factor(pool *config.CompiledPool) uint64 {
	full := max(uint64(s.config.Booking.FactorPercent), factorOne)
	if pool == nil || pool.Size() == 0 || full == factorOne {
		return full
	}
	use := s.held(pool) * 1000 / pool.Size()
	switch {
	case use < factorFalls:
		return full
	case use >= factorFallen:
		return factorOne
	}
	return full - (full-factorOne)*(use-factorFalls)/(factorFallen-factorFalls)
}

// held returns how many addresses of a pool cannot be given to another client. In a pool that is cut into
// very many ranges, reserved addresses count as well: then the factor falls sooner, which is safe.
func (s *State) held(pool *config.CompiledPool) uint64 {
	if len(pool.Ranges) > rangesCounted {
		return s.leases.Held(lease.Range(pool.Range))
	}
	var n uint64
	for _, r := range pool.Ranges {
		n += s.leases.Held(r)
	}
	return n
}

// extend raises the booking of a renewal that was answered within it. Whoever answered has told the client
// no more than was booked; so a refusal harms nobody.
func (s *State) extend(c Extend) Result {
	client := Client{
		Key: c.Key, HType: c.HType, CHAddr: c.CHAddr, Classes: c.Classes, RelayInfo: c.RelayInfo,
	}
	if r, ok := checkClient(&client); !ok {
		return r
	}
	l, ok := s.leases.Get(c.Addr)
	if !ok || s.config == nil {
		return refuse(NotHolder, "the address has no lease")
	}
	sub, ok := s.config.SubnetOf(c.Addr)
	if !ok {
		return refuse(NotInPool, "the subnet of the address was removed")
	}
	q := s.claimOf(&client, sub.Link, l.Addr)
	if l.Status != lease.Bound || !q.holds(sub, &l) {
		return refuse(NotHolder, "the address is not bound to the client")
	}
	t, good, other := q.entitled(sub, c.Addr)
	switch {
	case q.denied():
		return refuse(Filtered, "the client is in a class that is not served")
	case other:
		return refuse(Reserved, "reserved to another client")
	case !good:
		return refuse(NotInPool, s.noTitle(c.Addr))
	}
	if a, ok := q.promised(c.Addr); ok && t.pool != nil {
		return refuse(Moved, "the client's address is now "+a.String())
	}
	span := s.leaseTime(q.effective(t), t, c.AskedLease)
	l.Told, l.Last = min(span, s.clock.Until(l.Booked)), s.clock
	if c.RelayInfo != "" {
		l.RelayInfo = c.RelayInfo
	}
	if l.Counted == "" {
		l.Counted = q.counted()
	}
	l.Class = q.class()
	s.raise(&l, span, t.pool)
	s.leases.Put(l)
	return Result{Lease: l, Told: l.Told, Known: true}
}

// renewal is View.Renewal. What firmware has is for the log to renew, so that it hears as soon as another
// speaks under the same Key: that one is not gone when the next comes (adr/0021).
func (s *State) renewal(v renewalQuery) (told lease.Seconds, extend, ok bool, remaining lease.Seconds) {
	l, has := s.leases.Get(v.addr)
	if !has || s.config == nil || l.Status != lease.Bound || l.Firmware {
		return 0, false, false, 0
	}
	sub, has := s.config.SubnetOf(v.addr)
	if !has {
		return 0, false, false, 0
	}
	q := s.claimOf(v.client, sub.Link, l.Addr)
	if !q.holds(sub, &l) {
		return 0, false, false, 0
	}
	t, good, _ := q.entitled(sub, v.addr)
	span := s.leaseTime(q.effective(t), t, v.asked)
	left := v.upper.Until(l.Booked)
	remaining = min(span, left)
	_, moved := q.promised(v.addr)
	switch {
	case !good || moved && t.pool != nil:
		return 0, false, false, remaining
	case span == lease.Infinite:
		return remaining, false, left == lease.Infinite, remaining
	case uint64(remaining)*2 < uint64(span):
		return 0, false, false, remaining
	}
	return remaining, uint64(left)*2 < uint64(span)*3, true, remaining
}

type renewalQuery struct {
	addr   netip.Addr
	client *Client
	asked  lease.Seconds
	upper  lease.Instant
}
