package kea

import (
	"net/netip"
	"slices"

	"port67/storage/config"
)

// settings is what is said at one level, and where each of it stands. The keys of at are those of our file,
// an option's is options.CODE.
type settings struct {
	config.Settings
	at map[string]*node
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
	definitions []*definition
	classes     []*class
	networks    []*network
	subnets     []*subnet
}

type definition struct {
	at *node
	config.OptionDefinition
}

// class is a client class. kea is its name there.
type class struct {
	settings
	at   *node
	kea  string
	name string
	test string
}

type network struct {
	settings
	at   *node
	name string
}

type subnet struct {
	settings
	at           *node
	network      *network // nil if it is a link by itself
	prefix       netip.Prefix
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
	at       *node
	hardware []byte
	clientID []byte
	address  netip.Addr
	hostname string
}

// config returns the draft as a Config.
func (d *draft) config() *config.Config {
	c := &config.Config{Settings: sorted(d.Settings), Decline: d.decline}
	for _, o := range d.definitions {
		c.OptionDefinitions = append(c.OptionDefinitions, o.OptionDefinition)
	}
	for _, k := range d.classes {
		c.Classes = append(c.Classes, config.Class{Name: k.name, Test: k.test, Settings: sorted(k.Settings)})
	}
	for _, n := range d.networks {
		c.SharedNetworks = append(c.SharedNetworks, config.SharedNetwork{
			Name: n.name, Settings: sorted(n.Settings), Subnets: d.prefixesOf(n),
		})
	}
	for _, s := range d.subnets {
		c.Subnets = append(c.Subnets, s.config())
	}
	return c
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
		Prefix: s.prefix, Settings: sorted(s.Settings), Exclude: s.exclude, Allocation: s.allocation,
	}
	for _, p := range s.pools {
		out.Pools = append(out.Pools, config.Pool{Range: p.span, Classes: p.classes, Settings: sorted(p.Settings)})
	}
	for _, r := range s.reservations {
		out.Reservations = append(out.Reservations, config.Reservation{
			Hardware: r.hardware, ClientID: r.clientID, Address: r.address, Hostname: r.hostname,
			Settings: sorted(r.Settings),
		})
	}
	return out
}

// sorted returns s with its options in the order that a Config has them.
func sorted(s config.Settings) config.Settings {
	s.Options = slices.Clone(s.Options)
	config.SortOptions(s.Options)
	return s
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
