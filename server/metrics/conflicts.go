package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"port67/server"
)

// conflicts collects what a node has noticed of those who use addresses, or give them away, beside the
// cluster.
type conflicts struct {
	probed  func() server.ProbeStats
	servers func() []server.ForeignServer

	probes, found, foreign gauge
}

func newConflicts(probed func() server.ProbeStats, servers func() []server.ForeignServer) *conflicts {
	c := &conflicts{
		probed: probed, servers: servers,
		probes: newGauge("probes_total", "Addresses that this node would offer, by what came of probing them: "+
			"silent, in_use, not_asked (nobody could be), disbelieved (a device that answers for too many), or "+
			"skipped (too many at once; they were offered unprobed).", "result"),
		found: newCounter("probe_conflicts_total",
			"Addresses that were taken out of service because somebody answered for them."),
		foreign: newGauge("foreign_servers", "DHCP servers of others that were noticed within an hour and are not "+
			"known to the configuration, by whether one was heard or only named by clients.", "interface", "evidence"),
	}
	c.probes.kind = prometheus.CounterValue
	return c
}

// Describe implements prometheus.Collector.
func (c *conflicts) Describe(to chan<- *prometheus.Desc) {
	for _, g := range []gauge{c.probes, c.found, c.foreign} {
		to <- g.desc
	}
}

// Collect implements prometheus.Collector.
func (c *conflicts) Collect(to chan<- prometheus.Metric) {
	if c.probed != nil {
		s := c.probed()
		c.probes.send(to, float64(s.Silent), "silent")
		c.probes.send(to, float64(s.InUse), "in_use")
		c.probes.send(to, float64(s.Unasked), "not_asked")
		c.probes.send(to, float64(s.Disbelieved), "disbelieved")
		c.probes.send(to, float64(s.Skipped), "skipped")
		c.found.send(to, float64(s.Conflicts))
	}
	if c.servers == nil {
		return
	}
	type label struct{ iface, evidence string }
	count := map[label]int{}
	now := time.Now()
	list := c.servers()
	for i := range list {
		f := &list[i]
		if f.Known || !f.Present(now) {
			continue
		}
		evidence := "named"
		if f.Heard > 0 {
			evidence = "heard"
		}
		count[label{f.Interface, evidence}]++
	}
	for l, n := range count {
		c.foreign.send(to, float64(n), l.iface, l.evidence)
	}
}
