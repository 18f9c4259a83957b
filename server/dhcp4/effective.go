package dhcp4

import (
	"net/netip"

	"port67/storage/config"
	"port67/storage/lease"
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

// million is the unit in which a client's share of the spread is counted.
const million = 1_000_000

// ShareOf returns by how many millionths the timers of client k are moved: a hash of the client within
// spread, to either side (V4-078). It is the same at every renewal and on every node.
func ShareOf(k lease.Key, spread config.Permille) int64 {
	if spread == 0 {
		return 0
	}
	h := uint64(14695981039346656037) // FNV-1a
	for i := range len(k) {
		h = (h ^ uint64(k[i])) * 1099511628211
	}
	most := uint64(spread) * (million / 1000)
	return int64(h%(2*most+1)) - int64(most)
}

// Timers returns T1 (option 58) and T2 (option 59) for a lease of valid seconds: its t1 and t2 thousandths,
// moved by share millionths of themselves and rounded down (RFC 2131 §4.4.5). A share that takes T2 to the
// end of the lease is not followed; the configuration is checked for that, but not for every pool together
// with every reservation. A timer that is 0 is not to be sent: a lease without end has none (V4-075),
// and of T1 < T2 < valid the offending one is left out (V4-076).
func Timers(valid lease.Seconds, t1, t2 config.Permille, share int64) (lease.Seconds, lease.Seconds) {
	if valid == lease.Infinite {
		return 0, 0
	}
	if uint64(t2)*uint64(million+share) >= 1000*million {
		share = 0
	}
	part := func(p config.Permille) lease.Seconds {
		return lease.Seconds(uint64(valid) * uint64(min(p, 1000)) * uint64(million+share) / (1000 * million))
	}
	first, second := part(t1), part(t2)
	if second >= valid {
		second = 0
	}
	if first >= valid || second != 0 && first >= second {
		first = 0
	}
	return first, second
}
