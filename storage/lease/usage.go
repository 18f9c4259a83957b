package lease

import "net/netip"

// Usage is how many addresses of a range are in which use.
type Usage struct {
	// Size is the number of addresses.
	Size uint64
	// Known have a lease, living or past.
	Known uint64
	// Held cannot be given to another client now: booked, in grace, on offer or in quarantine.
	Held uint64
	// Bound are held and bound, or were until their booking passed and are in grace.
	Bound uint64
	// MadeUp are bound, to hardware addresses that their clients made up (W-011).
	MadeUp uint64
	// Declined were declined and have not been given to anybody since.
	Declined uint64
}

// Add returns the sum of u and o.
func (u Usage) Add(o Usage) Usage {
	return Usage{
		u.Size + o.Size, u.Known + o.Known, u.Held + o.Held, u.Bound + o.Bound, u.MadeUp + o.MadeUp,
		u.Declined + o.Declined,
	}
}

// Usage counts the addresses of r, in O(log n) but for the declined ones. After a jump of the clock it
// counts as held what Advance has not come to yet.
func (t *Table) Usage(r Range) Usage {
	lo, ok := number(r.First)
	hi, ok2 := number(r.Last)
	if !ok || !ok2 || lo > hi {
		return Usage{}
	}
	u := Usage{
		Size: uint64(hi-lo) + 1, Known: t.used.within(lo, hi),
		Held: t.held.within(lo, hi), Bound: t.bound.within(lo, hi),
		MadeUp: t.madeUp.within(lo, hi),
	}
	t.declined.Ascend(r.First, func(a netip.Addr) bool {
		if !r.Contains(a) {
			return false
		}
		u.Declined++
		return true
	})
	return u
}

// Held returns how many addresses of r cannot be given to another client now, in O(log n); see Usage.
func (t *Table) Held(r Range) uint64 {
	lo, ok := number(r.First)
	hi, ok2 := number(r.Last)
	if !ok || !ok2 {
		return 0
	}
	return t.held.within(lo, hi)
}
