package dhcp4

import "port67/storage/config"

// effective returns the settings that hold for a client: of its reservation, its classes, the pool, the
// subnet, from the inside out (V4-064).
func effective(c *config.Compiled, s *config.CompiledSubnet, p *config.CompiledPool,
	r *config.CompiledReservation, classes []string,
) *config.Effective {
	return c.EffectiveFor(s, p, r, classes)
}
