package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"port67/server"
	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// pools are the metrics of the pools of the configuration. What is free is the size less what is held.
type pools struct{ size, held, bound, randomMAC, declined, factor gauge }

func newPools() pools {
	of := func(name, help string) gauge { return newGauge("pool_"+name, help, "subnet", "pool") }
	return pools{
		size:  of("addresses", "Addresses of the pool, reserved ones and exclusions not counted."),
		held:  of("held_addresses", "Addresses that cannot be given to another client now."),
		bound: of("bound_addresses", "Addresses held that are bound to a client, grace included."),
		randomMAC: of("random_mac_addresses",
			"Addresses bound to clients with hardware addresses that they made up."),
		declined: of("declined_addresses",
			"Addresses that a client found in use and that nobody was given since."),
		factor: of("booking_factor_ratio",
			"How far beyond the lease time told a new booking goes; 1 when the pool is nearly full."),
	}
}

func (p *pools) all() []gauge {
	return []gauge{p.size, p.held, p.bound, p.randomMAC, p.declined, p.factor}
}

// collect counts pool by pool, and lets go of the state's lock after each: the more there are to count, the
// longer packets would wait otherwise. The figures of two pools may so be from different moments.
func (p *pools) collect(to chan<- prometheus.Metric, reader server.Reader) {
	var c *config.Compiled
	reader.Read(func(v storage.View) { c = v.Config() })
	if c == nil {
		return
	}
	for _, l := range c.Links {
		for _, s := range l.Subnets {
			for _, pool := range s.Pools {
				p.collectPool(to, reader, pool)
			}
		}
	}
}

func (p *pools) collectPool(to chan<- prometheus.Metric, reader server.Reader, pool *config.CompiledPool) {
	var use lease.Usage
	var percent uint64
	reader.Read(func(v storage.View) {
		for _, r := range pool.Ranges {
			use = use.Add(v.Usage(r))
		}
		percent = v.BookingFactor(pool)
	})
	labels := []string{pool.Subnet.Prefix.String(), pool.Range.String()}
	p.size.send(to, float64(use.Size), labels...)
	p.held.send(to, float64(use.Held), labels...)
	p.bound.send(to, float64(use.Bound), labels...)
	p.randomMAC.send(to, float64(use.MadeUp), labels...)
	p.declined.send(to, float64(use.Declined), labels...)
	p.factor.send(to, float64(percent)/100, labels...)
}
