package lease

import (
	"encoding/binary"
	"net/netip"
)

// occupancy is a set of IPv4 addresses that are taken, built to find one that is not: a radix tree over
// blocks of 256 addresses. Every node knows which last octets are free somewhere below it, so that the
// first free address of given buckets is found by one descent along each end of the range. What has no node
// is wholly free: the tree is as large as the space that is used, and knows nothing of the configuration.
//
// IPv6 addresses are passed over in silence: their pools are never dense, and will have a search of their
// own.
type occupancy struct{ root *block }

// block is 256 addresses (no kids: free is exact), or 16 times as many as a block one level below.
type block struct {
	free  BucketSet // last octets that are free somewhere below
	taken uint32    // addresses that are taken below
	kids  *[fanout]*block
}

const (
	fanout      = 16
	fanoutBits  = 4
	leafBits    = 8
	addressBits = 32
)

// number returns an IPv4 address as a number.
func number(a netip.Addr) (uint32, bool) {
	if !a.Is4() {
		return 0, false
	}
	b := a.As4()
	return binary.BigEndian.Uint32(b[:]), true
}

// address returns the IPv4 address of a number.
func address(n uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}

// set says whether a is taken from now on.
func (o *occupancy) set(a netip.Addr, taken bool) {
	if n, ok := number(a); ok {
		o.root = o.root.set(addressBits, n, taken, false)
	}
}

// set returns b, a block of 2^width addresses, with address n taken or not. It returns nil for a block in
// which nothing is taken. With copied, b stays as it was, and what is returned shares the rest with it.
func (b *block) set(width uint, n uint32, taken, copied bool) *block {
	switch {
	case b == nil && !taken:
		return nil
	case b == nil:
		b = &block{free: AllBuckets()}
		if width > leafBits {
			b.kids = new([fanout]*block)
		}
	case copied:
		b = b.copy()
	}
	if b.kids == nil {
		b.setLeaf(uint8(n), taken)
	} else {
		width -= fanoutBits
		i := n >> width & (fanout - 1)
		before := b.kids[i].count()
		b.kids[i] = b.kids[i].set(width, n, taken, copied)
		b.taken += b.kids[i].count() - before
		b.free = b.gather()
	}
	if b.taken == 0 {
		return nil
	}
	return b
}

// copy returns b with kids of its own, which are the same blocks.
func (b *block) copy() *block {
	c := *b
	if b.kids != nil {
		kids := *b.kids
		c.kids = &kids
	}
	return &c
}

func (b *block) setLeaf(octet uint8, taken bool) {
	switch free := b.free.Has(octet); {
	case taken && free:
		b.free.remove(octet)
		b.taken++
	case !taken && !free:
		b.free.Add(octet)
		b.taken--
	}
}

// count returns how many addresses of b are taken.
func (b *block) count() uint32 {
	if b == nil {
		return 0
	}
	return b.taken
}

// gather returns what is free somewhere below b.
func (b *block) gather() BucketSet {
	var all BucketSet
	for _, k := range b.kids {
		if k == nil {
			return AllBuckets()
		}
		for i := range all {
			all[i] |= k.free[i]
		}
	}
	return all
}

// next returns the first address from lo to hi, both included, that is taken neither in o nor in beside, and
// whose bucket is in set.
func (o *occupancy) next(lo, hi uint32, set *BucketSet, beside *Space) (uint32, bool) {
	if lo > hi {
		return 0, false
	}
	return o.root.next(beside.block(), addressBits, 0, uint64(lo), uint64(hi), set)
}

// next is occupancy.next for blocks b and c of 2^width addresses that begin at base. It goes down both at
// once: where no address of a block is left by the two together, they cost one step and not one for each
// address that b leaves free.
func (b *block) next(c *block, width uint, base, lo, hi uint64, set *BucketSet) (uint32, bool) {
	lo, hi = max(lo, base), min(hi, base+1<<width-1)
	if lo > hi {
		return 0, false
	}
	if b == nil {
		b, c = c, nil
	}
	if b == nil {
		return firstOf(lo, hi, set)
	}
	free := b.free.and(set)
	if c != nil {
		free = free.and(&c.free)
	}
	if free == (BucketSet{}) {
		return 0, false
	}
	if b.kids == nil {
		octet, ok := free.from(int(lo & 0xff))
		if !ok || base+uint64(octet) > hi {
			return 0, false
		}
		return uint32(base) + uint32(octet), true
	}
	width -= fanoutBits
	for i := (lo - base) >> width; i < fanout && base+i<<width <= hi; i++ {
		if n, ok := b.kids[i].next(c.kid(i), width, base+i<<width, lo, hi, set); ok {
			return n, true
		}
	}
	return 0, false
}

// kid returns a block one level below b.
func (b *block) kid(i uint64) *block {
	if b == nil {
		return nil
	}
	return b.kids[i]
}

// firstOf returns the first number from lo to hi whose last octet is in set.
func firstOf(lo, hi uint64, set *BucketSet) (uint32, bool) {
	octet, ok := set.from(int(lo & 0xff))
	base := lo &^ 0xff
	if !ok {
		base += 1 << leafBits
		if octet, ok = set.from(0); !ok {
			return 0, false
		}
	}
	n := base + uint64(octet)
	if n > hi {
		return 0, false
	}
	return uint32(n), true
}

// within returns how many addresses from lo to hi, both included, are taken.
func (o *occupancy) within(lo, hi uint32) uint64 {
	if lo > hi {
		return 0
	}
	return o.root.within(addressBits, 0, uint64(lo), uint64(hi))
}

func (b *block) within(width uint, base, lo, hi uint64) uint64 {
	last := base + 1<<width - 1
	switch {
	case b == nil || hi < base || lo > last:
		return 0
	case lo <= base && last <= hi:
		return uint64(b.taken)
	}
	lo, hi = max(lo, base), min(hi, last)
	if b.kids == nil {
		var n uint64
		for octet := lo - base; octet <= hi-base; octet++ {
			if !b.free.Has(uint8(octet)) {
				n++
			}
		}
		return n
	}
	width -= fanoutBits
	var n uint64
	for i := (lo - base) >> width; i < fanout && base+i<<width <= hi; i++ {
		n += b.kids[i].within(width, base+i<<width, lo, hi)
	}
	return n
}
