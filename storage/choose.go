package storage

import (
	"cmp"
	"net/netip"
	"slices"

	"port67/storage/config"
	"port67/storage/lease"
)

// suitable is View.Suitable.
func (s *State) suitable(c Client, link string, asked netip.Addr, owned *lease.BucketSet, taken *lease.Space,
) (netip.Addr, Refusal) {
	l, ok := s.link(link)
	if !ok {
		return netip.Addr{}, NoSuchLink
	}
	q := s.claim(&c, l)
	a, ok := q.choose([]netip.Addr{asked}, owned, taken)
	if !ok {
		return netip.Addr{}, Exhausted
	}
	if _, ok := q.within(a); !ok {
		return netip.Addr{}, OverLimit
	}
	return a, Granted
}

func (s *State) link(name string) (*config.Link, bool) {
	if s.config == nil {
		return nil, false
	}
	return s.config.Link(name)
}

// choose picks the address that the client should have, by the rungs of RFC 2131 §4.3.1 with the
// administrator's promise in front (V4-100 … V4-104): reserved, held, held before, to be taken over from the
// same machine, one of wishes, had before by the same machine, free in the buckets owned (nil: in any). What
// is in taken is passed over unless it is promised to the client or booked for it.
func (c *claim) choose(wishes []netip.Addr, owned *lease.BucketSet, taken *lease.Space) (netip.Addr, bool) {
	c.s.trace.begins(owned)
	if a, ok := c.promised(netip.Addr{}); ok {
		return c.took(RungReserved, a), true
	}
	c.passedReserved()
	if a, ok := c.own(taken); ok {
		return c.took(RungOwn, a), true
	}
	around := c.around()
	if a, ok := c.inheritance(around); ok {
		return a, true
	}
	for _, a := range wishes {
		sub, ok := c.subnet(a)
		if !ok || taken.Has(a) {
			c.passed(RungAsked, sub, a)
			continue
		}
		if _, ok, _ := c.entitled(sub, a); ok && c.free(sub, a) {
			return c.took(RungAsked, a), true
		}
		c.passed(RungAsked, sub, a)
	}
	if a, ok := c.familiar(around, taken); ok {
		return a, true
	}
	buckets := lease.AllBuckets()
	if owned != nil {
		buckets = *owned
	}
	for _, sub := range c.link.Subnets {
		for _, pool := range sub.Pools {
			if !c.open(pool) {
				c.passedPool(pool, true)
				continue
			}
			w := lease.Wanted{
				Ranges: pool.Ranges, Buckets: buckets, Early: sub.EarlyReuse, Beside: taken, Taken: c.s.isOwn,
				Now: c.s.clock,
			}
			if sub.Allocation != config.AllocationLowest {
				w.Start = lease.SpreadStart(c.key, pool.Ranges)
			}
			if a, ok := c.s.leases.Free(w); ok {
				return c.took(RungFree, a), true
			}
			c.passedPool(pool, false)
		}
	}
	return netip.Addr{}, false
}

// own returns the address of the link that the client has or had and may still have: bound before on offer
// before past, and of these the one it spoke of last. One that anybody could have by now is passed over if it
// is in taken.
func (c *claim) own(taken *lease.Space) (netip.Addr, bool) {
	var candidates []lease.Lease
	for _, l := range c.held() {
		sub, _ := c.subnet(l.Addr)
		if taken.Has(l.Addr) && (l.FreeFrom() <= c.s.clock || givenBack(sub, &l)) {
			c.passed(RungOwn, sub, l.Addr)
			continue
		}
		if _, ok, _ := c.entitled(sub, l.Addr); ok && c.free(sub, l.Addr) {
			candidates = append(candidates, l)
		} else {
			c.passed(RungOwn, sub, l.Addr)
		}
	}
	if len(candidates) == 0 {
		return netip.Addr{}, false
	}
	now := c.s.clock
	return slices.MinFunc(candidates, func(a, b lease.Lease) int {
		return cmp.Or(
			cmp.Compare(preference(a.StatusAt(now)), preference(b.StatusAt(now))),
			cmp.Compare(c.alias(&a), c.alias(&b)),
			cmp.Compare(b.Last, a.Last),
			a.Addr.Compare(b.Addr),
		)
	}).Addr, true
}

// preference orders the leases of one client by how much it counts on them; less is more.
func preference(s lease.Status) int {
	switch s {
	case lease.Bound:
		return 0
	case lease.Offered:
		return 1
	}
	return 2
}
