package dhcp4

import (
	"net/netip"

	"port67/storage/config"
)

// effective returns the settings that hold for a client: of its reservation, its classes, the pool, the
// subnet, from the inside out (V4-064).
func effective(c *config.Compiled, s *config.CompiledSubnet, p *config.CompiledPool,
	r *config.CompiledReservation, classes []string,
) *config.Effective {
	return c.EffectiveFor(s, p, r, classes)
}

// settings returns what holds for the client where it is, with the address that it names.
func (d *Decision) settings() *config.Effective {
	s := d.place.subnet
	if s == nil {
		return d.Config.Global
	}
	if sub, ok := d.Config.SubnetOf(d.addr); ok && sub.Link == d.place.link {
		s = sub
	}
	pool, _ := s.PoolOf(d.addr)
	res, _ := d.reservation(d.place.link)
	return effective(d.Config, s, pool, res, d.Classes)
}

// settingsFor returns the settings for the client at a; if a is invalid, those of the first pool of the link
// that is open to it, or of its subnet.
func (c *chooser) settingsFor(a netip.Addr) *config.Effective {
	s, pool := c.firstOpen()
	if sub, ok := c.d.Config.SubnetOf(a); ok {
		s = sub
		pool, _ = s.PoolOf(a)
	}
	res, _ := c.d.reservation(c.d.place.link)
	return effective(c.d.Config, s, pool, res, c.d.Classes)
}

// firstOpen returns the first pool of the link that is open to the client, and its subnet; if there is none,
// nil and the client's subnet.
func (c *chooser) firstOpen() (*config.CompiledSubnet, *config.CompiledPool) {
	for _, s := range c.d.place.link.Subnets {
		for _, p := range s.Pools {
			if s.Open(c.d.Classes) && p.Open(c.d.Classes) {
				return s, p
			}
		}
	}
	return c.d.place.subnet, nil
}
