package storage

import (
	"net/netip"
	"slices"

	"port67/storage/config"
	"port67/storage/lease"
)

// What is remembered of former server identifiers: for longer than all but the longest leases, after which no
// client names them any more, and so many of them.
const (
	formerKept lease.Seconds = 30 * 86400
	formerMax                = 1024
)

// former is an address that was a server identifier of the cluster: a living node has moved, or a service
// address was taken out of the configuration. Clients that were served under it still name it (HA-001).
type former struct {
	addr  netip.Addr
	until lease.Instant // when it is forgotten: it may be another server's by then
}

// retire notes that these addresses are no server identifiers any more.
func (s *State) retire(gone []netip.Addr) {
	if len(gone) == 0 {
		return
	}
	gone = gone[max(0, len(gone)-formerMax):]
	kept := make([]former, 0, len(s.formers)+len(gone))
	for _, f := range s.formers {
		if !slices.Contains(gone, f.addr) {
			kept = append(kept, f)
		}
	}
	for _, a := range gone {
		kept = append(kept, former{a, s.clock.Add(formerKept)})
	}
	s.formers = kept[max(0, len(kept)-formerMax):]
	s.settled.changed()
}

// retireNode notes the addresses that a node had and has no more.
func (s *State) retireNode(before, now *Node) {
	var gone []netip.Addr
	for _, a := range before.Addresses {
		if !slices.Contains(now.Addresses, a) {
			gone = append(gone, a)
		}
	}
	s.retire(gone)
}

// retireService notes the service addresses of the configuration in force that updated does not have.
func (s *State) retireService(updated *config.Compiled) {
	if s.config == nil {
		return
	}
	var gone []netip.Addr
	for i := range s.config.Config.Subnets {
		a := s.config.Config.Subnets[i].ServiceAddress
		if _, stays := updated.ServiceAddress(a); a.IsValid() && !stays {
			gone = append(gone, a)
		}
	}
	s.retire(gone)
}

// pruneFormers forgets what was kept for long enough.
func (s *State) pruneFormers() {
	n := 0
	for n < len(s.formers) && s.formers[n].until <= s.clock {
		n++
	}
	if n > 0 {
		s.formers = slices.Clone(s.formers[n:])
		s.settled.changed()
	}
}

func (s *State) isFormer(a netip.Addr) bool {
	return slices.ContainsFunc(s.formers, func(f former) bool { return f.addr == a })
}
