package lease

import (
	"hash/fnv"
	"net/netip"
	"sort"
)

// Wanted is a search for an address that nobody holds.
type Wanted struct {
	// Ranges are where the address may lie, ascending and apart from each other.
	Ranges []Range
	// Start is where the search begins; behind the last range it goes on with the first. The zero Addr is
	// the beginning.
	Start netip.Addr
	// Buckets are those the address may be in.
	Buckets BucketSet
	// Early takes an address that its client gave back, before its booking has passed.
	Early bool
	// Beside is addresses to be passed over, however many. It may be nil.
	Beside *Space
	// Taken says of an address that it must be passed over, too; of few, for each costs a search. It may be
	// nil.
	Taken func(netip.Addr) bool
	// Now is the moment at which the address must be free.
	Now Instant
}

// sampleSize is how many reusable addresses are compared for the one that has rested longest.
const sampleSize = 8

// Free returns an address that w describes, and false only if there is none: the search is exact.
//
// An address that no client ever had comes first; then, of the next few reusable ones, that whose client
// was heard the longest time ago, so that a client that comes back finds its address (RFC 2131 §4.3.1).
// Among equals the order is that of the addresses from w.Start on. What is held and what is in
// w.Beside is passed over a block at a time; every address that w.Taken refuses costs O(log n) in the leases.
func (t *Table) Free(w Wanted) (netip.Addr, bool) {
	if a, ok := t.first(&t.used, &w, nil); ok {
		return a, true
	}
	held := &t.held
	if w.Early {
		held = &t.kept
	}
	var best Lease
	seen := 0
	t.first(held, &w, func(a netip.Addr) bool {
		if l, ok := t.Get(a); ok {
			if seen == 0 || l.Last < best.Last {
				best = l
			}
			seen++
		}
		return seen == sampleSize
	})
	if seen > 0 {
		return best.Addr, true
	}
	return t.leftBehind(&w)
}

// first returns the first address of w that is not taken in o and for which accept says true, or any if
// accept is nil.
func (t *Table) first(o *occupancy, w *Wanted, accept func(netip.Addr) bool) (netip.Addr, bool) {
	for _, s := range w.segments() {
		for lo := s.lo; ; lo++ {
			n, ok := o.next(lo, s.hi, &w.Buckets, w.Beside)
			if !ok {
				break
			}
			a := address(n)
			if (w.Taken == nil || !w.Taken(a)) && (accept == nil || accept(a)) {
				return a, true
			}
			if lo = n; lo == s.hi {
				break
			}
		}
	}
	return netip.Addr{}, false
}

// leftBehind is Free among the addresses that Advance has not come to yet: there are any only after a jump
// of the clock.
func (t *Table) leftBehind(w *Wanted) (found netip.Addr, ok bool) {
	t.due.Scan(func(e dueEntry) bool {
		if e.at > w.Now {
			return false
		}
		ok = w.has(e.addr) && !w.Beside.Has(e.addr) && (w.Taken == nil || !w.Taken(e.addr))
		found = e.addr
		return !ok
	})
	if !ok {
		return netip.Addr{}, false
	}
	return found, true
}

func (w *Wanted) has(a netip.Addr) bool {
	i := sort.Search(len(w.Ranges), func(i int) bool { return w.Ranges[i].Last.Compare(a) >= 0 })
	return i < len(w.Ranges) && w.Ranges[i].Contains(a) && w.Buckets.Has(AddrBucket(a))
}

type segment struct{ lo, hi uint32 }

// segments returns the ranges of w in the order of the search: from Start to the end, then from the
// beginning to Start.
func (w *Wanted) segments() []segment {
	start, _ := number(w.Start)
	var after, before []segment
	for _, r := range w.Ranges {
		lo, ok := number(r.First)
		hi, ok2 := number(r.Last)
		switch {
		case !ok || !ok2 || lo > hi:
		case hi < start:
			before = append(before, segment{lo, hi})
		case lo < start:
			before = append(before, segment{lo, start - 1})
			after = append(after, segment{start, hi})
		default:
			after = append(after, segment{lo, hi})
		}
	}
	return append(after, before...)
}

// SpreadStart returns where the search in ranges begins for client k: a place that depends on the client
// alone, so that nodes which decide about two clients at the same moment seldom wish for the same address.
func SpreadStart(k Key, ranges []Range) netip.Addr {
	if len(ranges) == 0 {
		return netip.Addr{}
	}
	lo, ok := number(ranges[0].First)
	hi, ok2 := number(ranges[len(ranges)-1].Last)
	if !ok || !ok2 || lo > hi {
		return netip.Addr{}
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(k)) // never an error
	return address(lo + uint32(h.Sum64()%(uint64(hi-lo)+1)))
}
