package storage

import (
	"net/netip"

	"port67/storage/lease"
)

// OfferHold is for how long an address on offer is kept for its client.
const OfferHold lease.Seconds = 120

// The longest fields of a client that a command may carry: a hardware address fills its field
// (RFC 2131 §2), an identifier one option, option 82 a few concatenated ones (RFC 3396).
const (
	keyLenMax       = 1 + 255
	chaddrLenMax    = 16
	hostnameLenMax  = 255
	relayInfoLenMax = 4096
	classesMax      = 4096 // names of a client's classes, of so many octets on the average
	classOctetsMax  = 32
)

// checkClient refuses what no client can be.
func checkClient(c *Client) (Result, bool) {
	switch {
	case c.Key == "" || len(c.Key) > keyLenMax:
		return refuse(Internal, "client: no key, or one that no option can hold"), false
	case len(c.CHAddr) > chaddrLenMax, len(c.Hostname) > hostnameLenMax, len(c.RelayInfo) > relayInfoLenMax:
		return refuse(Internal, "client: hardware address, host name or relay information too long"), false
	case !classesFit(c.Classes):
		return refuse(Internal, "client: more classes than a configuration has"), false
	}
	return Result{}, true
}

// classesFit says whether a configuration could have so many classes with names of that length.
func classesFit(names []string) bool {
	octets := 0
	for _, n := range names {
		octets += len(n)
	}
	return len(names) <= classesMax && octets <= classesMax*classOctetsMax
}

// offer holds an address for a client: its own, its reserved one, the one the answering node wished for,
// the one the client asks for, or any that is free.
func (s *State) offer(c Offer) Result {
	if r, ok := checkClient(&c.Client); !ok {
		return r
	}
	link, ok := s.link(c.Link)
	if !ok {
		return s.judged(nil, NoSuchLink, "no subnet is configured for the link")
	}
	b := bid{claim: s.claim(&c.Client, link)}
	b.held = b.claim.held()
	if b.denied() {
		return s.filtered(&b)
	}
	if b.addr, ok = b.choose([]netip.Addr{c.Wish, c.Asked}, nil, nil); !ok {
		return s.judged(&b, Exhausted, "no address of the link is free for the client")
	}
	b.sub, _ = b.subnet(b.addr)
	b.title, _, _ = b.entitled(b.sub, b.addr)
	if why, ok := b.within(b.addr); !ok {
		return s.judged(&b, OverLimit, why)
	}
	r := s.judged(&b, Granted, "")
	r.Lease = s.hold(&b, &c.Client)
	r.Told = s.leaseTime(b.effective(b.title), b.title, 0)
	return r
}

// hold keeps an address for its client for OfferHold and lowers no booking of it. A lease that the client
// has or had stays as it is.
func (s *State) hold(b *bid, c *Client) lease.Lease {
	until := s.clock.Add(OfferHold)
	l, has := s.leases.Get(b.addr)
	switch own := has && (b.holds(b.sub, &l) || b.inherits(&l)); {
	case own && l.FreeFrom() >= until && !givenBack(b.sub, &l):
		return l
	case own && l.Status != lease.Declined:
		l.Withheld = until
	default:
		l = lease.Lease{
			Addr: b.addr, Client: c.Key, Status: lease.Offered, Booked: l.Booked, Reusable: l.Reusable,
			Withheld: until, Start: s.clock, Last: s.clock,
			HType: c.HType, CHAddr: c.CHAddr, Hostname: c.Hostname, RelayInfo: c.RelayInfo, Class: b.class(),
		}
	}
	s.leases.Put(l)
	return l
}

// release marks a lease as given back by its holder (RFC 2131 §4.3.4). It lowers no booking: it may be
// late, repeated or forged.
func (s *State) release(c Release) Result {
	l, ok := s.leases.Get(c.Addr)
	if !ok || !s.heldBy(&l, &Client{Key: c.Key, HType: c.HType, CHAddr: c.CHAddr}) {
		return refuse(NotHolder, "the address is not the client's")
	}
	return s.giveBack(l)
}

// heldBy says whether l is held by a client, or by another identifier of the same reservation.
func (s *State) heldBy(l *lease.Lease, c *Client) bool {
	if c.Key == "" || s.config == nil {
		return false
	}
	sub, ok := s.config.SubnetOf(l.Addr)
	if !ok {
		return l.Client == c.Key
	}
	q := s.claim(c, sub.Link)
	return q.holds(sub, l)
}

func (s *State) giveBack(l lease.Lease) Result {
	switch l.Status {
	case lease.Released:
	case lease.Bound:
		l.Status, l.Last = lease.Released, s.clock
		s.leases.Put(l)
	default:
		return refuse(NotHolder, "the address is "+l.StatusAt(s.clock).String()+", not bound")
	}
	return Result{Lease: l, Known: true}
}

// releaseLease is release on an operator's word.
func (s *State) releaseLease(c ReleaseLease) Result {
	l, ok := s.leases.Get(c.Addr)
	if !ok {
		return refuse(NoSuchLease, "the address has no lease")
	}
	if c.Client != "" && c.Client != l.Client {
		return refuse(NotHolder, anotherHas(&l))
	}
	return s.giveBack(l)
}

// anotherHas says that a lease is not the one an operator saw.
func anotherHas(l *lease.Lease) string {
	return "meanwhile the lease is that of " + l.Client.String() + ": look at it and try again"
}

// deleteLease forgets a lease. With force the operator vouches that nobody uses the address: the only way
// in which a booking is lowered.
func (s *State) deleteLease(c DeleteLease) Result {
	l, ok := s.leases.Get(c.Addr)
	switch {
	case !ok:
		return refuse(NoSuchLease, "the address has no lease")
	case c.Client != "" && c.Client != l.Client:
		return refuse(NotHolder, anotherHas(&l))
	case l.FreeFrom() > s.clock && !c.Force:
		return Result{Refusal: StillBooked, Lease: l, Detail: "its client may still use the address"}
	}
	s.leases.Delete(c.Addr)
	return Result{Lease: l}
}

// declinedElsewhere is who a declined address belongs to that came without a client.
const declinedElsewhere = "c\x00declined before"

// takeLease takes in a lease that another server granted. Nothing that this cluster has promised is touched
// by it: no booking sinks (P3), and an address that somebody else may still use is refused (P6). That the
// address is reserved to another client, or in no pool, is no reason: its holder uses it all the same, and
// keeps it until its booking ends (P5).
func (s *State) takeLease(c TakeLease) Result {
	if c.Declined && c.Client.Key == "" {
		c.Client.Key = declinedElsewhere
	}
	if r, ok := checkClient(&c.Client); !ok {
		return r
	}
	if !c.Addr.Is4() || s.config == nil {
		return refuse(NoSuchLink, "no subnet is configured for the address")
	}
	sub, ok := s.config.SubnetOf(c.Addr)
	if !ok {
		return refuse(NoSuchLink, "no subnet is configured for the address")
	}
	if s.isOwn(c.Addr) {
		return refuse(NotInPool, s.noTitle(c.Addr))
	}
	l, has := s.leases.Get(c.Addr)
	q := s.claim(&c.Client, sub.Link)
	held, own := has && l.FreeFrom() > s.clock, has && q.holds(sub, &l)
	switch {
	case held && l.Status == lease.Declined && !(c.Declined && own):
		return refuse(OutOfService, "declined, in quarantine")
	case held && !own, c.Declined && held && l.Status != lease.Declined:
		return refuse(InUse, "booked for, or offered to, "+l.Client.String())
	case has && !own && c.Left == 0:
		return refuse(InUse, "it has ended, and "+l.Client.String()+" had the address since")
	}
	return s.take(&c, l, own)
}

// take writes a lease that may be taken in over l, what is known of its address.
func (s *State) take(c *TakeLease, l lease.Lease, own bool) Result {
	booked := s.clock.Add(c.Left)
	quarantine := c.Declined && c.Left > 0
	switch {
	case c.Declined && !quarantine, // Over: there is nothing to remember.
		quarantine && own && l.Withheld >= booked,
		!c.Declined && own && l.Status != lease.Offered && l.Booked >= booked:
		return Result{Lease: l, Known: own}
	case own && !c.Declined && c.Left == 0:
		return Result{Lease: l, Known: true} // It is remembered already.
	}
	last := max(1, s.clock-lease.Instant(c.Age))
	next := lease.Lease{
		Addr: c.Addr, Client: c.Client.Key, Booked: l.Booked, Reusable: l.Reusable, Start: last, Last: last,
		Told: c.Told, HType: c.Client.HType, CHAddr: c.Client.CHAddr, Hostname: c.Client.Hostname,
		RelayInfo: c.Client.RelayInfo,
	}
	switch {
	case own && !quarantine && l.Status != lease.Offered && l.Last >= last:
		next = l // The client was heard here since.
	case own:
		next.Client, next.Start, next.Class = l.Client, min(l.Start, last), l.Class
	}
	if quarantine {
		next.Status, next.Withheld = lease.Declined, max(l.Withheld, booked)
	} else {
		if next.Status == 0 {
			next.Status = lease.Bound
		}
		next.Booked = max(l.Booked, booked)
		next.Reusable = max(l.Reusable, s.restOfTaken(booked, c))
	}
	s.leases.Put(next)
	return Result{Lease: next, Known: own}
}

// restOfTaken returns the moment at which the address of a lease that was taken in may be given to another
// client. Its client counts by its own clock from when it was told, so that the share of the grace is that
// of the whole lease time, not of what is left.
func (s *State) restOfTaken(booked lease.Instant, c *TakeLease) lease.Instant {
	if booked == lease.Never {
		return lease.Never
	}
	span := c.Left
	if c.Told != lease.Infinite {
		span = max(span, c.Told)
	}
	return rest(booked, booked-lease.Instant(span), &s.config.Booking)
}
