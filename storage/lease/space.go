package lease

import "net/netip"

// Range is all addresses from First to Last, both included and of one family.
type Range struct{ First, Last netip.Addr }

// Contains says whether a lies in r.
func (r Range) Contains(a netip.Addr) bool {
	return a.BitLen() == r.First.BitLen() && r.First.Compare(a) <= 0 && a.Compare(r.Last) <= 0
}
