package dhcp4

import (
	"net/netip"
	"slices"

	"port67/storage/config"
)

// place is the link a client is on, as far as its message tells. The zero place is a link that has no subnet.
type place struct {
	link   *config.Link
	subnet *config.CompiledSubnet
	// by118 says that option 118 named the subnet; every reply then repeats it (V4-058).
	by118 bool
	// byAddr says that nothing but the client's address tells where it is.
	byAddr bool
	// by is what told where it is, for people.
	by LinkBy
}

// find finds the client's link: by the relay's link selection (RFC 3527), by the client's subnet selection
// (RFC 3011), by giaddr, by the address the client has if it is known to work (has; else invalid), by the
// interface the message came in by (V4-112). The first that is there decides, also if no subnet fits it.
func (c *chooser) find(has netip.Addr) (place, Why) {
	q, in, compiled := c.q, c.in, c.d.Config
	var p place
	var ok bool
	selection, selected := c.linkSelection()
	wanted, wants := q.addr(optSubnetSelection)
	switch {
	case selected:
		p.subnet, ok = compiled.SubnetOf(selection)
		p.by = ByLinkSelection
	case wants:
		p.subnet, ok = compiled.SubnetOf(wanted)
		p.by118, p.by = true, BySubnetSelection
	case q.Relayed():
		p.subnet, ok = compiled.SubnetOf(q.GIAddr)
		p.by = ByGIAddr
	case has.IsValid():
		p.subnet, ok = compiled.SubnetOf(has)
		p.byAddr, p.by = true, ByAddress
	default:
		p.subnet, ok = subnetOfIngress(compiled, in)
		p.by = ByInterface
	}
	if !ok {
		return place{by: p.by}, UnknownLink
	}
	if (selected || wants || q.Relayed()) && !mayRelay(p.subnet, q, has) {
		return place{by: p.by}, UnknownRelay
	}
	p.link = p.subnet.Link
	return p, Answer
}

// mayRelay says whether a message that names subnet s may come the way it came: through one of the relays of
// s, if those are listed. A message that came directly and names it by an option may so only if the address
// that the client has says the same, as in a renewal (RFC 2131 §4.4.5); else the options would be a way
// around the list.
func mayRelay(s *config.CompiledSubnet, q *Query, has netip.Addr) bool {
	if len(s.Relays) == 0 {
		return true
	}
	if !q.Relayed() {
		return has.IsValid() && s.Prefix.Contains(has)
	}
	return slices.Contains(s.Relays, q.GIAddr)
}

// subnetOfIngress returns the subnet of the interface a message came in by: that of the address the node
// prefers there, else of any other.
func subnetOfIngress(c *config.Compiled, in *Ingress) (*config.CompiledSubnet, bool) {
	if in.Local.IsValid() {
		if s, ok := c.SubnetOf(in.Local); ok {
			return s, true
		}
	}
	for _, p := range in.Prefixes {
		if s, ok := c.SubnetOf(p.Addr()); ok {
			return s, true
		}
	}
	return nil, false
}

// serviceAddress returns the service address of the place's subnet, else of its link.
func (p *place) serviceAddress() (netip.Addr, bool) {
	if p.link == nil {
		return netip.Addr{}, false
	}
	if p.subnet.ServiceAddress.IsValid() {
		return p.subnet.ServiceAddress, true
	}
	for _, s := range p.link.Subnets {
		if s.ServiceAddress.IsValid() {
			return s.ServiceAddress, true
		}
	}
	return netip.Addr{}, false
}

// has says whether a is an address of the place's link.
func (p *place) has(a netip.Addr) bool {
	for _, s := range p.link.Subnets {
		if s.Prefix.Contains(a) {
			return true
		}
	}
	return false
}
