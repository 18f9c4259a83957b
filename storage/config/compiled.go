package config

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"port67/storage/lease"
)

// Compiled is a valid Config with everything inherited and indexed. It is immutable and shared by all
// readers. Compile makes it; its look-ups cost O(log n) or less.
type Compiled struct {
	Config *Config
	Links  []*Link // by name

	// Global is what holds outside all subnets.
	Global *Effective
	// Booking, Renewals, Decline, Probe and Limits are those of Config with nothing unset.
	Booking  Booking
	Renewals RenewalMode
	Decline  Decline
	Probe    Probe
	Limits   Limits
	// Named are the classes that decide about anything, beside Known and Unknown: those that have settings or
	// are ignored, and those that a guard names. Ready-made ones come first, then in the order of the file.
	Named []string

	denied       []string // the classes whose clients are not answered
	withSettings []*Class // in the order of the file

	bySubnet      []*CompiledSubnet // by prefix; prefixes do not overlap
	byLink        map[string]*Link
	byServiceAddr map[netip.Addr]*CompiledSubnet
	byRARP        map[lease.Key][]*CompiledReservation // nil without any
}

// Link is one broadcast domain: a shared network, or a subnet by itself. Its name is that of the shared
// network, or the prefix of the subnet.
type Link struct {
	Name    string
	Subnets []*CompiledSubnet
	// Identity is who is one client there.
	Identity EffectiveIdentity

	guard guard // of the shared network
}

// CompiledSubnet is a subnet with its effective settings.
type CompiledSubnet struct {
	*Subnet
	// Allocation is that of Subnet with nothing unset.
	Allocation Allocation
	Link       *Link
	Effective  *Effective
	Pools      []*CompiledPool // in the order of the file, exclusions and reserved addresses cut out
	Reserved   []*CompiledReservation

	guard   guard
	byRange []poolRange // by ascending address
	byKey   map[lease.Key]*CompiledReservation
	byAddr  map[netip.Addr]*CompiledReservation
}

type poolRange struct {
	lease.Range
	pool *CompiledPool
}

// CompiledPool is a pool with its effective settings.
type CompiledPool struct {
	*Pool
	Subnet    *CompiledSubnet
	Effective *Effective
	// Ranges is the pool without exclusions and reserved addresses, ascending.
	Ranges []lease.Range

	size  uint64
	guard guard
}

// CompiledReservation is a reservation with the Keys of its identifiers, hardware address first.
type CompiledReservation struct {
	*Reservation
	Subnet *CompiledSubnet
	Keys   []lease.Key
	// Effective is what holds for the client, if no class and no pool has a say.
	Effective *Effective
}

// Compile returns c with everything inherited and indexed, or what is wrong with it. It keeps c, which the
// caller changes no more.
func Compile(c *Config) (*Compiled, []Problem) {
	if problems := c.Validate(); len(problems) > 0 {
		return nil, problems
	}
	return compile(c), nil
}

// compile is Compile for a Config that is known to be valid.
func compile(c *Config) *Compiled {
	out := &Compiled{
		Config:        c,
		Global:        defaultSettings().under(&c.Settings),
		Booking:       c.Booking.withDefaults(),
		Renewals:      c.Renewals.withDefault(),
		Decline:       c.Decline.withDefaults(),
		Probe:         c.Probe.withDefaults(),
		Limits:        c.Limits.withDefaults(),
		byLink:        make(map[string]*Link),
		byServiceAddr: make(map[netip.Addr]*CompiledSubnet),
	}
	out.compileClasses()
	networkOf := make(map[netip.Prefix]*SharedNetwork)
	for i := range c.SharedNetworks {
		for _, p := range c.SharedNetworks[i].Subnets {
			networkOf[p] = &c.SharedNetworks[i]
		}
	}
	outerOf := make(map[*SharedNetwork]*Effective)
	for i := range c.Subnets {
		sub := &c.Subnets[i]
		name, outer, admits := sub.Prefix.String(), out.Global, guard{}
		if n := networkOf[sub.Prefix]; n != nil {
			if outerOf[n] == nil {
				outerOf[n] = out.Global.under(&n.Settings)
			}
			name, outer, admits = n.Name, outerOf[n], compileGuard(n.Classes)
		}
		link := out.link(name)
		link.guard = admits
		out.add(sub, link, outer)
	}
	slices.SortFunc(out.Links, func(a, b *Link) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(out.bySubnet, func(a, b *CompiledSubnet) int { return comparePrefixes(a.Prefix, b.Prefix) })
	return out
}

// link returns the link of that name and makes it if need be.
func (c *Compiled) link(name string) *Link {
	l := c.byLink[name]
	if l == nil {
		l = &Link{Name: name}
		c.byLink[name] = l
		c.Links = append(c.Links, l)
	}
	return l
}

// add compiles sub, whose settings stand under outer, into c.
func (c *Compiled) add(sub *Subnet, link *Link, outer *Effective) {
	s := &CompiledSubnet{
		Subnet:     sub,
		Allocation: sub.Allocation.withDefault(),
		Link:       link,
		guard:      compileGuard(sub.Classes),
		Effective:  outer.under(&sub.Settings),
		byKey:      make(map[lease.Key]*CompiledReservation),
		byAddr:     make(map[netip.Addr]*CompiledReservation),
	}
	link.Subnets = append(link.Subnets, s)
	link.Identity = s.Effective.Identity
	c.bySubnet = append(c.bySubnet, s)
	if sub.ServiceAddress.IsValid() {
		c.byServiceAddr[sub.ServiceAddress] = s
	}
	holes := slices.Clone(sub.Exclude)
	for i := range sub.Reservations {
		r := &sub.Reservations[i]
		compiled := &CompiledReservation{
			Reservation: r, Subnet: s, Keys: r.Keys(), Effective: s.Effective.under(&r.Settings),
		}
		s.Reserved = append(s.Reserved, compiled)
		for _, k := range compiled.Keys {
			s.byKey[k] = compiled
		}
		if r.Address.IsValid() {
			s.byAddr[r.Address] = compiled
			holes = append(holes, AddrRange{r.Address, r.Address})
		}
		if r.RARP {
			c.addRARP(compiled)
		}
	}
	for i := range sub.Pools {
		s.addPool(&sub.Pools[i], holes)
	}
	slices.SortFunc(s.byRange, func(a, b poolRange) int { return a.First.Compare(b.First) })
}

// addRARP makes r known to those who ask for it by RARP: by its hardware address, which it has.
func (c *Compiled) addRARP(r *CompiledReservation) {
	if c.byRARP == nil {
		c.byRARP = make(map[lease.Key][]*CompiledReservation)
	}
	key := lease.HardwareKey(htypeEthernet, r.Hardware)
	c.byRARP[key] = append(c.byRARP[key], r)
}

func (s *CompiledSubnet) addPool(p *Pool, holes []AddrRange) {
	compiled := &CompiledPool{
		Pool: p, Subnet: s, Effective: s.Effective.under(&p.Settings), Ranges: p.Range.cut(holes),
		guard: compileGuard(p.Classes),
	}
	for _, r := range compiled.Ranges {
		compiled.size += AddrRange(r).size()
		s.byRange = append(s.byRange, poolRange{r, compiled})
	}
	s.Pools = append(s.Pools, compiled)
}

// Keys returns the Keys of the identifiers of r, hardware address first. All of them are one client.
func (r *Reservation) Keys() []lease.Key {
	var keys []lease.Key
	if len(r.Hardware) > 0 {
		keys = append(keys, lease.HardwareKey(htypeEthernet, r.Hardware))
	}
	if len(r.ClientID) > 0 {
		keys = append(keys, lease.ClientIDKey(r.ClientID))
	}
	return keys
}

// htypeEthernet is the hardware type of the addresses in reservations (RFC 1700, ARP parameters).
const htypeEthernet = 1

// comparePrefixes orders prefixes by address, the wider one first.
func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}
