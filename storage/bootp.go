package storage

import (
	"net/netip"

	"port67/storage/config"
	"port67/storage/lease"
)

// bindBOOTP books an address for a client that sent a BOOTREQUEST (RFC 951 §7.3): the one that is reserved
// for it, the one it has, the one that the answering node wishes for, or any that is free in a pool for
// BOOTP. There is one exchange only, so that this is DISCOVER and REQUEST in one; and as often as it is
// proposed, the client has one address (P12).
//
// The client is told of no end and never asks again while it runs. The booking is therefore without end, like
// the promise, unless the administrator vouches for another one.
func (s *State) bindBOOTP(c *Bind) Result {
	link, ok := s.link(c.Link)
	if !ok {
		return s.judged(nil, NoSuchLink, "no subnet is configured for the link")
	}
	b := bid{claim: s.claimBOOTP(&c.Client, link), mode: c.Mode, there: true}
	if b.key != b.hardware {
		return refuse(Internal, "bind: a BOOTP client that is not known by its hardware address")
	}
	b.held = b.claim.held()
	if b.denied() {
		return s.judged(&b, Filtered, "the client is in a class that is not served")
	}
	if b.addr, ok = b.choose([]netip.Addr{c.Addr}, nil, nil); !ok {
		return s.judged(&b, Exhausted, "no address of the link is reserved or free for the client")
	}
	b.sub, _ = b.subnet(b.addr)
	b.rec, b.has = s.leases.Get(b.addr)
	b.title, b.good, b.other = b.entitled(b.sub, b.addr)
	mine := b.has && b.holds(b.sub, &b.rec) && b.rec.FreeFrom() > s.clock
	if !mine && b.crowded() {
		return s.judged(&b, TooMany, tooMany)
	}
	if v, why := b.limited(); v != grant {
		return s.judged(&b, OverLimit, why)
	}
	r := s.judged(&b, Granted, "")
	r.Lease, r.Told = s.book(&b, &c.Client, false)
	s.dropOffers(&b)
	r.Left = s.leave(&b, &c.Client)
	return r
}

// claimBOOTP is claim for a client that speaks BOOTP.
func (s *State) claimBOOTP(c *Client, link *config.Link) claim {
	out := s.claim(c, link)
	out.bootp = true
	out.twin = lease.ClientIDKey(append([]byte{c.HType}, c.CHAddr...)) // RFC 2132 §9.14
	return out
}

// suitableBOOTP is View.SuitableBOOTP.
func (s *State) suitableBOOTP(c Client, link string, wish netip.Addr, owned *lease.BucketSet,
	taken *lease.Space,
) (a netip.Addr, booked bool, r Refusal) {
	l, ok := s.link(link)
	if !ok {
		return netip.Addr{}, false, NoSuchLink
	}
	q := s.claimBOOTP(&c, l)
	if a, ok = q.choose([]netip.Addr{wish}, owned, taken); !ok {
		return netip.Addr{}, false, Exhausted
	}
	if _, ok := q.within(a); !ok {
		return netip.Addr{}, false, OverLimit
	}
	return a, q.standing(a), Granted
}

// standing says whether a is booked for the BOOTP client, and recorded as its own, for ever, so that telling
// it once more promises nothing new.
func (c *claim) standing(a netip.Addr) bool {
	l, ok := c.s.leases.Get(a)
	if !ok || l.Status != lease.Bound || l.Booked != lease.Never || !l.BOOTP || l.Client != c.key {
		return false
	}
	sub, ok := c.subnet(a)
	if !ok {
		return false
	}
	t, good, _ := c.entitled(sub, a)
	return good && c.effective(t).BOOTP.Lease == lease.Infinite
}
