package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"port67/server"
	"port67/storage"
	"port67/storage/lease"
)

// Stats is a node's part in the cluster at one moment.
type Stats struct {
	Term         uint64
	CommitIndex  uint64
	AppliedIndex uint64
	// LagEntries is how far this node is behind what it knows to be committed; of the leader, how far the
	// slowest follower is behind.
	LagEntries uint64
	Leader     bool // this node
	// LeaderKnown says whether this node knows of a leader.
	LeaderKnown bool
	Voters      int
	VotersAlive int
	// LossesBearable is how many more voters can die before the quorum is gone; −1: it is gone.
	LossesBearable int
	// SnapshotAge is the time since the last snapshot of this node; negative if there is none.
	SnapshotAge time.Duration
	// HistoryLost is how many entries this node's journal of leases has not taken.
	HistoryLost uint64
	// LeaseQueries is how many active leasequeries are being answered.
	LeaseQueries int
}

// gauge is a metric that is read at every scrape.
type gauge struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func newGauge(name, help string, labels ...string) gauge {
	return gauge{prometheus.NewDesc(namespace+"_"+name, help, labels, nil), prometheus.GaugeValue}
}

func newCounter(name, help string) gauge {
	g := newGauge(name, help)
	g.kind = prometheus.CounterValue
	return g
}

func (g gauge) send(to chan<- prometheus.Metric, v float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(g.desc, g.kind, v, labels...)
}

// collector reads the state and the node's part in the cluster when Prometheus asks.
type collector struct {
	reader server.Reader
	stats  func() Stats

	clock, index, revision, nodes, buckets, leases, anomalies, diverged gauge

	pools pools

	term, commit, applied, lag, leader, leaderKnown, voters, alive, losses, snapshotAge gauge
	historyLost, queries                                                                gauge
}

func newCollector(reader server.Reader, stats func() Stats) *collector {
	return &collector{
		reader: reader, stats: stats,

		clock:    newGauge("cluster_time_seconds", "Cluster time; it has nothing to do with wall time."),
		index:    newGauge("state_index", "Index of the last entry of the log that is applied here."),
		revision: newGauge("config_revision", "Revision of the configuration in force; 0: none."),
		nodes:    newGauge("nodes", "Members of the cluster, by whether they are drained.", "drained"),
		buckets:  newGauge("buckets", "Parts of all clients, of 256, by the node that owns them.", "node"),

		leases: newGauge("leases", "Addresses that the cluster knows a client of, living or past."),
		anomalies: newCounter("anomalies_total",
			"Commands in the log that were refused as impossible: a defect or a hostile node."),
		diverged: newGauge("state_diverged",
			"1 if this node's state was not the leader's at some entry: one of them is wrong."),

		pools: newPools(),

		term:        newGauge("raft_term", "Term of the cluster."),
		commit:      newGauge("raft_commit_index", "Index of the last entry known to be committed."),
		applied:     newGauge("raft_applied_index", "Index of the last entry that Raft has handed on."),
		lag:         newGauge("raft_lag_entries", "Entries behind; on the leader, of the slowest follower."),
		leader:      newGauge("raft_leader", "1 if this node leads."),
		leaderKnown: newGauge("raft_leader_known", "1 if this node knows of a leader."),
		voters:      newGauge("raft_voters", "Members that vote."),
		alive:       newGauge("raft_voters_alive", "Members that vote and were heard from lately."),
		losses: newGauge("raft_losses_bearable",
			"Voters that can be lost before the quorum is gone; -1: it is gone."),
		snapshotAge: newGauge("raft_snapshot_age_seconds", "Time since this node's last snapshot."),
		historyLost: newCounter("history_lost_entries_total",
			"Entries that are missing in this node's history of leases, because its disk did not take them."),
		queries: newGauge("active_leasequeries", "Requesters that follow the changes of leases at this node."),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	own := []gauge{
		c.clock, c.index, c.revision, c.nodes, c.buckets, c.leases, c.anomalies, c.diverged,
		c.term, c.commit, c.applied, c.lag, c.leader, c.leaderKnown,
		c.voters, c.alive, c.losses, c.snapshotAge, c.historyLost, c.queries,
	}
	for _, g := range append(own, c.pools.all()...) {
		to <- g.desc
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	if c.stats != nil {
		c.collectStats(to, c.stats())
	}
	if c.reader != nil {
		s := c.read()
		c.collectState(to, &s)
		c.pools.collect(to, c.reader)
	}
}

func (c *collector) collectStats(to chan<- prometheus.Metric, s Stats) {
	c.term.send(to, float64(s.Term))
	c.commit.send(to, float64(s.CommitIndex))
	c.applied.send(to, float64(s.AppliedIndex))
	c.lag.send(to, float64(s.LagEntries))
	c.leader.send(to, oneIf(s.Leader))
	c.leaderKnown.send(to, oneIf(s.LeaderKnown))
	c.voters.send(to, float64(s.Voters))
	c.alive.send(to, float64(s.VotersAlive))
	c.losses.send(to, float64(s.LossesBearable))
	c.historyLost.send(to, float64(s.HistoryLost))
	c.queries.send(to, float64(s.LeaseQueries))
	if s.SnapshotAge >= 0 {
		c.snapshotAge.send(to, s.SnapshotAge.Seconds())
	}
}

// state is what is read of the replicated state in one go.
type state struct {
	clock, index, revision float64
	leases, anomalies      float64
	diverged               bool
	nodes, drained         int
	buckets                map[string]int // by the node's name
}

// read takes what is to be shown out of the state. It holds the state's lock, so it sends nothing.
func (c *collector) read() (s state) {
	c.reader.Read(func(v storage.View) {
		s.clock, s.index, s.revision = float64(v.Clock()), float64(v.Index()), float64(v.Revision())
		s.leases, s.anomalies = float64(v.LeaseCount()), float64(v.Anomalies())
		_, _, _, s.diverged = v.Divergence()
		s.buckets = map[string]int{}
		owned := map[storage.NodeID]int{}
		for b := range lease.Buckets {
			owner, _ := v.BucketOwner(uint8(b))
			owned[owner]++
		}
		for _, n := range v.Nodes() {
			switch {
			case n.Removed:
				continue
			case n.Drained:
				s.drained++
			default:
				s.nodes++
			}
			s.buckets[n.Name] += owned[n.ID]
		}
	})
	return s
}

func (c *collector) collectState(to chan<- prometheus.Metric, s *state) {
	c.clock.send(to, s.clock)
	c.index.send(to, s.index)
	c.revision.send(to, s.revision)
	c.leases.send(to, s.leases)
	c.anomalies.send(to, s.anomalies)
	c.diverged.send(to, oneIf(s.diverged))
	c.nodes.send(to, float64(s.nodes), "false")
	c.nodes.send(to, float64(s.drained), "true")
	for name, n := range s.buckets {
		c.buckets.send(to, float64(n), name)
	}
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
