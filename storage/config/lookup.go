package config

import (
	"net/netip"
	"slices"
	"sort"

	"port67/storage/lease"
)

// Link returns the link of that name.
func (c *Compiled) Link(name string) (*Link, bool) { l, ok := c.byLink[name]; return l, ok }

// Subnets returns all subnets by ascending prefix. The caller does not change the slice.
func (c *Compiled) Subnets() []*CompiledSubnet { return c.bySubnet }

// Subnet returns the subnet with that prefix.
func (c *Compiled) Subnet(p netip.Prefix) (*CompiledSubnet, bool) {
	s, ok := c.SubnetOf(p.Addr())
	if !ok || s.Prefix != p {
		return nil, false
	}
	return s, true
}

// SubnetOf returns the subnet in whose prefix a lies.
func (c *Compiled) SubnetOf(a netip.Addr) (*CompiledSubnet, bool) {
	i := sort.Search(len(c.bySubnet), func(i int) bool { return c.bySubnet[i].Prefix.Addr().Compare(a) > 0 })
	if i == 0 || !c.bySubnet[i-1].Prefix.Contains(a) {
		return nil, false
	}
	return c.bySubnet[i-1], true
}

// ServiceAddress returns the subnet that has a as its service address.
func (c *Compiled) ServiceAddress(a netip.Addr) (*CompiledSubnet, bool) {
	s, ok := c.byServiceAddr[a]
	return s, ok
}

// RARP returns the reservations that are answered by RARP for the hardware address in k, at most one on each
// link and a global one, which comes last, in the order of the file. Each has an address. The caller does not
// change the slice.
func (c *Compiled) RARP(k lease.Key) []*CompiledReservation { return c.byRARP[k] }

// HasRARP says whether any reservation is answered by RARP.
func (c *Compiled) HasRARP() bool { return len(c.byRARP) > 0 }

// Contains says whether a lies in the prefix of a subnet of l.
func (l *Link) Contains(a netip.Addr) bool {
	return slices.ContainsFunc(l.Subnets, func(s *CompiledSubnet) bool { return s.Prefix.Contains(a) })
}

// ReservationAt returns the reservation of address a in s.
func (s *CompiledSubnet) ReservationAt(a netip.Addr) (*CompiledReservation, bool) {
	r, ok := s.byAddr[a]
	return r, ok
}

// PoolOf returns the pool of s in which a lies, exclusions and reserved addresses cut out.
func (s *CompiledSubnet) PoolOf(a netip.Addr) (*CompiledPool, bool) {
	i := sort.Search(len(s.byRange), func(i int) bool { return s.byRange[i].First.Compare(a) > 0 })
	if i == 0 || !s.byRange[i-1].Contains(a) {
		return nil, false
	}
	return s.byRange[i-1].pool, true
}

// Size returns the number of addresses in p that may be given dynamically.
func (p *CompiledPool) Size() uint64 { return p.size }

// AnswersLeaseQueries says whether anybody may ask what is known of leases.
func (c *Compiled) AnswersLeaseQueries() bool { return len(c.Config.LeaseQuery.Requesters) > 0 }

// MayQueryLeases says whether the agent at a may ask what is known of leases. Who lives where, and since
// when, is nobody else's business.
func (c *Compiled) MayQueryLeases(a netip.Addr) bool {
	list := c.Config.LeaseQuery.Requesters
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
}
