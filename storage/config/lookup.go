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

// Level is one place of a configuration where something is set for a client.
type Level struct {
	// Name is what the place is called: "global", "shared network NAME", "subnet PREFIX", "pool RANGE",
	// "class NAME" or "reservation of KEY".
	Name     string
	Settings *Settings
}

// Levels returns what EffectiveFor lays over each other for the same arguments, the outermost level first, so
// that the last one that sets a thing is where it comes from. It is for people, and looks at the
// configuration as it was written.
func (c *Compiled) Levels(sub *CompiledSubnet, pool *CompiledPool, res *CompiledReservation, classes []string,
) []Level {
	out := []Level{{"global", &c.Config.Settings}}
	if sub != nil {
		for i := range c.Config.SharedNetworks {
			if n := &c.Config.SharedNetworks[i]; slices.Contains(n.Subnets, sub.Prefix) {
				out = append(out, Level{"shared network " + n.Name, &n.Settings})
			}
		}
		out = append(out, Level{"subnet " + sub.Prefix.String(), &sub.Settings})
	}
	if pool != nil {
		out = append(out, Level{"pool " + pool.Range.String(), &pool.Settings})
	}
	for _, class := range slices.Backward(c.withSettings) {
		if slices.Contains(classes, class.Name) {
			out = append(out, Level{"class " + class.Name, &class.Settings})
		}
	}
	if res != nil {
		name := "reservation of " + res.Address.String()
		if len(res.Keys) > 0 {
			name = "reservation of " + keyWords(res.Keys[0])
		}
		out = append(out, Level{name, &res.Settings})
	}
	return out
}

// Origin returns the name of the innermost of levels that sets what set looks at, and "default" if none does.
func Origin(levels []Level, set func(*Settings) bool) string {
	for _, l := range slices.Backward(levels) {
		if set(l.Settings) {
			return l.Name
		}
	}
	return "default"
}

// OptionOrigins returns the names of the levels from which the value of an option for a client of these
// classes comes, the innermost first; none if it is set nowhere. There are several only where sub-options are
// put together (adr/0012).
func OptionOrigins(levels []Level, code uint8, classes []string) []string {
	guarded, unguarded := optionLayers(levels, code, classes)
	var out []string
	space := ""
	for i, l := range append(guarded, unguarded...) {
		if i > 0 && (space == "" || l.space != space) {
			break
		}
		if space = l.space; len(out) == 0 || out[len(out)-1] != l.name {
			out = append(out, l.name)
		}
	}
	return out
}

// optionLayer is one place where an option is set.
type optionLayer struct{ name, space string }

// optionLayers returns where an option is set with a guard that is open to classes, and where without one,
// the innermost first. What is set for everybody overrules what is guarded farther out.
func optionLayers(levels []Level, code uint8, classes []string) (guarded, unguarded []optionLayer) {
	overruled := false
	for _, l := range slices.Backward(levels) {
		for _, o := range l.Settings.Guarded {
			g := compileGuard(o.Classes)
			if o.Code == code && !overruled && g.open(classes) {
				guarded = append(guarded, optionLayer{l.Name, o.Space})
			}
		}
		if i, ok := slices.BinarySearchFunc(l.Settings.Options, code, byCode); ok {
			overruled = true
			unguarded = append(unguarded, optionLayer{l.Name, l.Settings.Options[i].Space})
		}
	}
	return guarded, unguarded
}

// AnswersLeaseQueries says whether anybody may ask what is known of leases.
func (c *Compiled) AnswersLeaseQueries() bool { return len(c.Config.LeaseQuery.Requesters) > 0 }

// MayQueryLeases says whether the agent at a may ask what is known of leases. Who lives where, and since
// when, is nobody else's business.
func (c *Compiled) MayQueryLeases(a netip.Addr) bool {
	list := c.Config.LeaseQuery.Requesters
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
}
