package dhcp4

import "port67/storage/config"

// effective returns the settings that hold for a client: of its reservation, else of the pool, else of the
// subnet (V4-064).
func effective(_ *config.Compiled, s *config.CompiledSubnet, p *config.CompiledPool,
	r *config.CompiledReservation, _ []string,
) *config.Effective {
	switch {
	case r != nil:
		return &r.Effective
	case p != nil:
		return &p.Effective
	}
	return &s.Effective
}
