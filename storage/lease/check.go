package lease

import (
	"fmt"
	"net/netip"
)

// Check returns where the indexes of t disagree with its leases. It looks at every lease: it is for tests
// and the simulator.
func (t *Table) Check() []error {
	var errs []error
	report := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	var sum [4]uint64
	var held, kept, bound, madeUp, declined, twice, bootp uint64
	for l := range t.All(netip.Addr{}) {
		isHeld := t.moved.before(l.FreeFrom(), l.Addr)
		count := func(yes bool, n *uint64) {
			if yes {
				*n++
			}
		}
		count(isHeld, &held)
		count(isHeld && !l.GivenBack(), &kept)
		count(isHeld && l.Status == Bound, &bound)
		count(isHeld && l.Status == Bound && l.MadeUp(), &madeUp)
		count(l.Status == Declined, &declined)
		count(l.BOOTP, &bootp)
		if _, ok := t.byClient.Get(clientEntry{l.Client, l.Addr}); !ok {
			report("lease of %v: not among those of %v", l.Addr, l.Client)
		}
		if k, ok := l.second(); ok {
			twice++
			if _, ok := t.byClient.Get(clientEntry{k, l.Addr}); !ok {
				report("lease of %v: not among those of %v, which had it by BOOTP", l.Addr, k)
			}
		}
		if _, ok := t.due.Get(dueEntry{l.FreeFrom(), l.Addr}); ok != isHeld {
			report("lease of %v, reusable at %d: due: %t, held: %t", l.Addr, l.FreeFrom(), ok, isHeld)
		}
		if n, ok := number(l.Addr); ok && t.held.within(n, n) != 0 != isHeld {
			report("lease of %v, reusable at %d: marked as held: %t", l.Addr, l.FreeFrom(), !isHeld)
		}
		lanes := digestOf(&l)
		for i := range sum {
			sum[i] += lanes[i]
		}
	}
	equal := func(what string, got, want uint64) {
		if got != want {
			report("%s: %d, want %d", what, got, want)
		}
	}
	n := uint64(t.Len())
	equal("leases by client", uint64(t.byClient.Len()), n+twice)
	equal("leases got by BOOTP", uint64(t.bootp), bootp)
	equal("leases due", uint64(t.due.Len()), held)
	equal("declined leases", uint64(t.declined.Len()), declined)
	if first, ok := t.byAddr.Max(); ok && first.Addr.Is4() { // IPv4 addresses come first: they are all there is.
		equal("addresses used", uint64(t.used.root.count()), n)
		equal("addresses held", uint64(t.held.root.count()), held)
		equal("addresses kept", uint64(t.kept.root.count()), kept)
		equal("addresses bound", uint64(t.bound.root.count()), bound)
		equal("addresses of made-up hardware addresses", uint64(t.madeUp.root.count()), madeUp)
	}
	t.checkHardware(report)
	if sum != t.sum {
		report("sum: not that of the leases")
	}
	return append(append(errs, t.checkFacets()...), t.checkCounts()...)
}

// checkFacets returns where the index by facets disagrees with the leases, if it is there and whole.
func (t *Table) checkFacets() []error {
	if t.facets == nil || !t.facets.whole {
		return nil
	}
	var errs []error
	entries := 0
	for l := range t.All(netip.Addr{}) {
		t.facets.each(&l, func(e facetEntry) (facetEntry, bool) {
			entries++
			if _, ok := t.facets.tree.Get(e); !ok {
				errs = append(errs, fmt.Errorf("lease of %v: not to be found by a facet of it", l.Addr))
			}
			return e, true
		})
	}
	if n := t.facets.tree.Len(); n != entries {
		errs = append(errs, fmt.Errorf("facets of leases: %d, want %d", n, entries))
	}
	return errs
}

// checkCounts returns where the index by which leases are counted disagrees with those it has come to.
func (t *Table) checkCounts() []error {
	c := &t.counts
	if c.of == nil {
		return nil
	}
	var errs []error
	entries := 0
	for l := range t.All(netip.Addr{}) {
		if !c.has(l.Addr) {
			continue
		}
		c.each(&l, func(e countEntry) (countEntry, bool) {
			entries++
			if _, ok := c.tree.Get(e); !ok {
				errs = append(errs, fmt.Errorf("lease of %v: not counted", l.Addr))
			}
			return e, true
		})
	}
	if n := c.tree.Len(); n != entries {
		errs = append(errs, fmt.Errorf("leases counted: %d, want %d", n, entries))
	}
	return errs
}
