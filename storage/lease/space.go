package lease

import "net/netip"

// Space is a set of IPv4 addresses that a search is to pass over. It never changes: With and Without return
// another that shares most of its memory, so that whoever has a Space may read it beside all others. A nil
// Space is empty. IPv6 addresses are passed over in silence.
type Space struct{ root *block }

// With returns s and a.
func (s *Space) With(a netip.Addr) *Space { return s.put(a, true) }

// Without returns s without a.
func (s *Space) Without(a netip.Addr) *Space { return s.put(a, false) }

func (s *Space) put(a netip.Addr, taken bool) *Space {
	n, ok := number(a)
	if !ok || s.Has(a) == taken {
		return s
	}
	return &Space{s.block().set(addressBits, n, taken, true)}
}

// Has says whether a is in s.
func (s *Space) Has(a netip.Addr) bool {
	n, ok := number(a)
	return ok && s.block().within(addressBits, 0, uint64(n), uint64(n)) > 0
}

func (s *Space) block() *block {
	if s == nil {
		return nil
	}
	return s.root
}

// Range is all addresses from First to Last, both included and of one family.
type Range struct{ First, Last netip.Addr }

// Contains says whether a lies in r.
func (r Range) Contains(a netip.Addr) bool {
	return a.BitLen() == r.First.BitLen() && r.First.Compare(a) <= 0 && a.Compare(r.Last) <= 0
}
