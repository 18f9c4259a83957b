package storage

import (
	"fmt"

	"port67/storage/lease"
)

// Check returns what must hold of every State and does not hold of s. It looks at every lease: it is for
// tests and the simulator.
func Check(s *State) []error {
	errs := s.leases.Check()
	report := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for l := range s.leases.All(lease.Lease{}.Addr) {
		switch {
		case l.Client == "":
			report("lease of %v: nobody's", l.Addr)
		case l.Status < lease.Offered || l.Status > lease.Declined || l.Status == lease.Expired:
			report("lease of %v: status %d cannot be stored", l.Addr, l.Status)
		case l.Booked > l.Reusable:
			report("lease of %v: booked until %d, reusable from %d", l.Addr, l.Booked, l.Reusable)
		case l.Status == lease.Bound && l.Booked == 0:
			report("lease of %v: bound without a booking", l.Addr)
		case l.Start > s.clock || l.Last > s.clock:
			report("lease of %v: from the future", l.Addr)
		}
	}
	for i := 1; i < len(s.nodes); i++ {
		if s.nodes[i-1].ID >= s.nodes[i].ID {
			report("nodes %q and %q: out of order", s.nodes[i-1].ID, s.nodes[i].ID)
		}
	}
	for i := range s.nodes {
		for _, a := range s.nodes[i].Addresses {
			if !s.nodes[i].Removed && !s.isOwn(a) {
				report("node %q: its address %v was not noted", s.nodes[i].ID, a)
			}
		}
	}
	for i := 1; i < len(s.declines); i++ {
		if s.declines[i-1].at > s.declines[i].at {
			report("decline %d: out of order", i)
		}
	}
	if (s.config == nil) != (s.revision == 0) {
		report("revision %d: a configuration is in force: %t", s.revision, s.config != nil)
	}
	if s.settled.valid {
		fresh := *s
		fresh.settled.changed()
		if fresh.Digest() != s.Digest() {
			report("digest: a change of nodes, configuration or buckets was not noted")
		}
	}
	return errs
}
