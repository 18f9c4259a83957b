package kea

import (
	"cmp"
	"net/netip"
	"slices"

	"port67/storage/config"
)

// settings is what is said at one level, and where each of it stands. The keys of at are those of our file,
// an option's is options.CODE. Guarded options are not in the Settings, but in guarded.
type settings struct {
	config.Settings
	at      map[string]*node
	guarded []guarded
}

// guarded is an option for some classes, with its place.
type guarded struct {
	at     *node
	demand bool // it comes from a class that the level asked for
	config.GuardedOption
}

func (s *settings) note(key string, n *node) {
	if s.at == nil {
		s.at = make(map[string]*node)
	}
	s.at[key] = n
}

// draft is our configuration in the making: everything has its place in Kea's file, and can be taken out
// again.
type draft struct {
	settings
	root        *node
	decline     config.Decline
	relays      []config.Relay
	definitions []*definition
	spaces      []*optionSpace
	classes     []*class
	networks    []*network
	subnets     []*subnet
	// reservations are those that are in no subnet; identifiers is the order in which Kea looks for clients.
	reservations []*reservation
	identifiers  []config.Identifier
	global       *bool // whether the former count, nil as by default
}

type definition struct {
	at *node
	config.OptionDefinition
}

// optionSpace is a space of sub-options. kea is its name there.
type optionSpace struct {
	at         *node // the first definition in it
	kea        string
	name       string
	enterprise uint32
	options    []*definition
}

// class is a client class. kea is its name there.
type class struct {
	settings
	at       *node
	kea      string
	name     string
	test     string
	template string // in the place of a test
	ignore   bool
	limit    uint32
	// onDemand says that the class counts only where it is asked for by name; then options are what it brings
	// there, always those of them that go out unasked, and optionsAt their places.
	onDemand  bool
	options   []config.Option
	always    []uint8
	optionsAt map[string]*node
}

type network struct {
	settings
	at      *node
	name    string
	classes []string
	global  *bool // whether global reservations count, nil as above
}

type subnet struct {
	settings
	global       *bool // as of a network
	at           *node
	network      *network // nil if it is a link by itself
	prefix       netip.Prefix
	classes      []string
	exclude      []config.AddrRange
	allocation   config.Allocation
	pools        []*pool
	reservations []*reservation
}

type pool struct {
	settings
	at      *node
	span    config.AddrRange
	classes []string
	ha      bool // its guard was one of a pair's scopes
}

type reservation struct {
	settings
	at                            *node
	hardware, clientID, circuitID [][]byte
	class                         []string
	address                       netip.Addr
	hostname                      string
}

// config returns the draft as a Config.
func (d *draft) config() *config.Config {
	c := &config.Config{Settings: d.settings.config(), Decline: d.decline, Relays: d.relays}
	for _, o := range d.definitions {
		c.OptionDefinitions = append(c.OptionDefinitions, o.OptionDefinition)
	}
	for _, o := range d.spaces {
		space := config.OptionSpace{Name: o.name, Enterprise: o.enterprise}
		for _, def := range o.options {
			space.Options = append(space.Options, def.OptionDefinition)
		}
		c.OptionSpaces = append(c.OptionSpaces, space)
	}
	for _, k := range d.classes {
		c.Classes = append(c.Classes, config.Class{
			Name: k.name, Test: k.test, Template: k.template, Ignore: k.ignore, Limit: k.limit,
			Settings: k.settings.config(),
		})
	}
	for _, n := range d.networks {
		c.SharedNetworks = append(c.SharedNetworks, config.SharedNetwork{
			Name: n.name, Classes: n.classes, Settings: n.settings.config(), Subnets: d.prefixesOf(n),
		})
	}
	for _, s := range d.subnets {
		c.Subnets = append(c.Subnets, s.config())
	}
	d.reserve(c)
	return c
}

// reserve writes what is said of reservations outside of subnets, as far as there is anything to say.
func (d *draft) reserve(c *config.Config) {
	used := make(map[config.Identifier]bool)
	note := func(list []*reservation) {
		for _, r := range list {
			for _, by := range r.kinds() {
				used[by] = true
			}
		}
	}
	note(d.reservations)
	for _, s := range d.subnets {
		note(s.reservations)
	}
	if len(used) > 1 {
		c.ReservationIdentifiers = d.identifiers
	}
	for _, r := range d.reservations {
		c.Reservations = append(c.Reservations, r.config())
	}
	if len(d.reservations) == 0 {
		return
	}
	c.ReservationsGlobal = d.global
	for i, n := range d.networks {
		c.SharedNetworks[i].ReservationsGlobal = n.global
	}
	for i, s := range d.subnets {
		c.Subnets[i].ReservationsGlobal = s.global
	}
}

// levels returns the settings of all levels, the global ones first.
func (d *draft) levels() []*settings {
	out := []*settings{&d.settings}
	for _, k := range d.classes {
		out = append(out, &k.settings)
	}
	for _, n := range d.networks {
		out = append(out, &n.settings)
	}
	for _, s := range d.subnets {
		out = append(out, &s.settings)
		for _, p := range s.pools {
			out = append(out, &p.settings)
		}
		for _, r := range s.reservations {
			out = append(out, &r.settings)
		}
	}
	for _, r := range d.reservations {
		out = append(out, &r.settings)
	}
	return out
}

// prefixesOf returns the prefixes of a shared network.
func (d *draft) prefixesOf(n *network) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range d.subnets {
		if s.network == n {
			out = append(out, s.prefix)
		}
	}
	return out
}

func (s *subnet) config() config.Subnet {
	out := config.Subnet{
		Prefix: s.prefix, Classes: s.classes, Settings: s.settings.config(), Exclude: s.exclude,
		Allocation: s.allocation,
	}
	for _, p := range s.pools {
		out.Pools = append(out.Pools, config.Pool{
			Range: p.span, Classes: p.classes, Settings: p.settings.config(),
		})
	}
	for _, r := range s.reservations {
		out.Reservations = append(out.Reservations, r.config())
	}
	return out
}

func (r *reservation) config() config.Reservation {
	return config.Reservation{
		Hardware: r.hardware, ClientID: r.clientID, CircuitID: r.circuitID, Class: r.class, Address: r.address,
		Hostname: r.hostname, Settings: r.settings.config(),
	}
}

// config returns s with its options in the order that a Config has them.
func (s *settings) config() config.Settings {
	out := s.Settings
	out.Options = slices.Clone(s.Options)
	config.SortOptions(out.Options)
	for _, g := range s.guarded {
		out.Guarded = append(out.Guarded, g.GuardedOption)
	}
	slices.SortStableFunc(out.Guarded, func(a, b config.GuardedOption) int {
		return cmp.Compare(a.Code, b.Code)
	})
	return out
}

// has says whether the level has a value of an option of its own, for everybody or for some.
func (s *settings) has(code uint8) bool {
	return slices.ContainsFunc(s.Options, func(o config.Option) bool { return o.Code == code }) ||
		slices.ContainsFunc(s.guarded, func(g guarded) bool { return g.Code == code && !g.demand })
}

// reserved says whether a is promised to somebody in s.
func (s *subnet) reserved(a netip.Addr) bool {
	return slices.ContainsFunc(s.reservations, func(r *reservation) bool { return r.address == a })
}

// given says whether a pool of s would give a to any client.
func (s *subnet) given(a netip.Addr) bool {
	return !s.reserved(a) &&
		slices.ContainsFunc(s.pools, func(p *pool) bool { return p.span.Contains(a) }) &&
		!slices.ContainsFunc(s.exclude, func(r config.AddrRange) bool { return r.Contains(a) })
}

// keep makes sure that no pool of s gives a away.
func (s *subnet) keep(a netip.Addr) bool {
	if !a.IsValid() || !s.given(a) {
		return false
	}
	s.exclude = append(s.exclude, config.AddrRange{First: a, Last: a})
	return true
}
