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
	// Booking, Renewals, Decline, Limits and RelayTrust are those of Config with nothing unset.
	Booking    Booking
	Renewals   RenewalMode
	Decline    Decline
	Limits     Limits
	RelayTrust RelayTrust
	// Quotas are how many addresses may be held in one hand; nil if there are none.
	Quotas *Quotas
	// Pressure says that lease times anywhere depend on the use of pools.
	Pressure bool
	// Named are the classes that decide about anything, beside Known and Unknown: those that have settings or
	// a limit or are ignored, and those that a guard or, values aside, a reservation names. Of a template
	// with a limit all values decide. Ready-made ones come first, then in the order of the file.
	Named []string
	// Patient says that MinSecs is set at some level.
	Patient bool
	// ReservingTemplates are the classes with a template, in the order of the file, of whose values some have
	// a reservation: a client is in the class of such a value if ReservesClass says so.
	ReservingTemplates []string

	probes       bool            // somebody's addresses are probed
	probed       []*CompiledPool // in the order of the file
	denied       []string        // the classes whose clients are not answered
	withSettings []*Class        // in the order of the file

	bySubnet      []*CompiledSubnet // by prefix; prefixes do not overlap
	byLink        map[string]*Link
	byServiceAddr map[netip.Addr]*CompiledSubnet
	byRARP        map[lease.Key][]*CompiledReservation // nil without any

	steps    []step          // in which clients are looked up among the reservations
	used     []step          // the same, in no order
	byPlace  bool            // a reservation names a place
	reserved map[string]bool // the classes that reservations are for
}

// Link is one broadcast domain: a shared network, or a subnet by itself. Its name is that of the shared
// network, or the prefix of the subnet.
type Link struct {
	Name    string
	Subnets []*CompiledSubnet
	// Identity is who is one client there.
	Identity EffectiveIdentity

	guard        guard // of the shared network
	countsGlobal bool
	global       *reservationIndex // nil if global reservations do not count
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
	byRange []poolRange      // by ascending address
	index   reservationIndex // of those that count
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

// CompiledReservation is a reservation with the Keys of its device, hardware addresses first.
type CompiledReservation struct {
	*Reservation
	// Subnet is where it stands. That of a global one is the subnet of its address, nil if it has none.
	Subnet *CompiledSubnet
	Keys   []lease.Key
	// Effective is what holds for the client, if no class and no pool has a say.
	Effective *Effective

	places []place
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
		Limits:        c.Limits.withDefaults(),
		RelayTrust:    c.RelayTrust.withDefaults(),
		byLink:        make(map[string]*Link),
		byServiceAddr: make(map[netip.Addr]*CompiledSubnet),
	}
	out.Patient = c.anywhere(func(s *Settings) bool { return s.MinSecs != nil && *s.MinSecs > 0 })
	out.compileClasses()
	out.Quotas = compileQuotas(c)
	out.Pressure = c.pressure()
	networkOf := make(map[netip.Prefix]*SharedNetwork)
	for i := range c.SharedNetworks {
		for _, p := range c.SharedNetworks[i].Subnets {
			networkOf[p] = &c.SharedNetworks[i]
		}
	}
	outerOf := make(map[*SharedNetwork]*Effective)
	promised := c.promisedGlobally()
	for i := range c.Subnets {
		sub := &c.Subnets[i]
		name, outer, admits := sub.Prefix.String(), out.Global, guard{}
		counts := bothCount.under(&c.ReservationScope)
		if n := networkOf[sub.Prefix]; n != nil {
			if outerOf[n] == nil {
				outerOf[n] = out.Global.under(&n.Settings)
			}
			name, outer, admits = n.Name, outerOf[n], guardOf(n.Classes, n.Period)
			counts = counts.under(&n.ReservationScope)
		}
		link := out.link(name)
		link.guard = admits
		counts = counts.under(&sub.ReservationScope)
		link.countsGlobal = link.countsGlobal || counts.global
		out.add(sub, link, outer, counts.inSubnet, promised)
	}
	out.probes = c.probes()
	slices.SortFunc(out.Links, func(a, b *Link) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(out.bySubnet, func(a, b *CompiledSubnet) int { return comparePrefixes(a.Prefix, b.Prefix) })
	out.compileReservations()
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

// add compiles sub, whose settings stand under outer, into c. counts says whether its reservations do;
// promised are the addresses of the global ones, ascending.
func (c *Compiled) add(sub *Subnet, link *Link, outer *Effective, counts bool, promised []netip.Addr) {
	s := &CompiledSubnet{
		Subnet:     sub,
		Allocation: sub.Allocation.withDefault(),
		Link:       link,
		guard:      guardOf(sub.Classes, sub.Period),
		Effective:  outer.under(&sub.Settings),
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
		compiled := c.compileReservation(r, s, s.Effective)
		s.Reserved = append(s.Reserved, compiled)
		if counts {
			s.index.add(compiled)
		}
		if r.Address.IsValid() {
			holes = append(holes, AddrRange{r.Address, r.Address})
		}
	}
	from, _ := slices.BinarySearchFunc(promised, sub.Prefix.Addr(), netip.Addr.Compare)
	for _, a := range promised[from:] {
		if !sub.Prefix.Contains(a) {
			break
		}
		holes = append(holes, AddrRange{a, a})
	}
	for i := range sub.Pools {
		if p := s.addPool(&sub.Pools[i], holes); p.Effective.Probe.Wanted() {
			c.probed = append(c.probed, p)
		}
	}
	slices.SortFunc(s.byRange, func(a, b poolRange) int { return a.First.Compare(b.First) })
}

// promisedGlobally returns the addresses of the global reservations, ascending.
func (c *Config) promisedGlobally() []netip.Addr {
	var out []netip.Addr
	for i := range c.Reservations {
		if a := c.Reservations[i].Address; a.IsValid() {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}

func (s *CompiledSubnet) addPool(p *Pool, holes []AddrRange) *CompiledPool {
	compiled := &CompiledPool{
		Pool: p, Subnet: s, Effective: s.Effective.under(&p.Settings), Ranges: p.Range.cut(holes),
		guard: guardOf(p.Classes, p.Period),
	}
	for _, r := range compiled.Ranges {
		compiled.size += AddrRange(r).size()
		s.byRange = append(s.byRange, poolRange{r, compiled})
	}
	s.Pools = append(s.Pools, compiled)
	return compiled
}

// comparePrefixes orders prefixes by address, the wider one first.
func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}
