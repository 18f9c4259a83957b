// Package metrics counts what a node does and shows it to Prometheus, and says whether the node is alive and
// ready. Labels are bounded: never an address or a client, only what stands in the configuration.
//
// This package is a shell.
package metrics

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"port67/server"
	"port67/server/dhcp4"
)

// namespace begins the name of every metric of ours.
const namespace = "port67"

// Options is what Metrics is made of. Everything may be left out: its metrics are then missing, and the node
// counts as alive and ready.
type Options struct {
	// Version is that of the software.
	Version string
	// Reader lends the replicated state, once a scrape.
	Reader server.Reader
	// Stats returns the node's part in the cluster. It must not wait for anything.
	Stats func() Stats
	// Probes and Foreign return what was found out about addresses and servers beside the cluster.
	Probes  func() server.ProbeStats
	Foreign func() []server.ForeignServer
	// Alive returns why this process should be restarted, or nil.
	Alive func() error
	// Ready returns why this node serves no clients, or nil.
	Ready func() error
}

// Metrics is all metrics of a node. It implements server.Observer, and the observers of the listener and of
// the cluster. Its methods may be called from any number of goroutines; none blocks.
type Metrics struct {
	registry *prometheus.Registry
	alive    func() error
	ready    func() error

	packets     *prometheus.CounterVec
	seconds     *prometheus.HistogramVec
	unallocated *prometheus.CounterVec
	dropped     *prometheus.CounterVec
	overflows   prometheus.Counter
	ignored     prometheus.Counter
	irregular   *prometheus.CounterVec
	omitted     prometheus.Counter
	classErrors prometheus.Counter
	limited     *prometheus.CounterVec

	commitSeconds prometheus.Histogram
	batchCommands prometheus.Histogram
	fsyncSeconds  prometheus.Histogram
	leaderChanges prometheus.Counter
}

// New returns the metrics of a node, with a registry of their own.
func New(o Options) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), alive: orFine(o.Alive), ready: orFine(o.Ready)}
	m.packets = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "packets_total",
		Help: "Messages of clients, by DHCP message type, bootp or rarp, and by how the exchange ended " +
			"(docs/outcomes.md).",
	}, []string{"type", "outcome"})
	m.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: "exchange_seconds",
		Help:    "Time from reading a message to the end of its exchange, by type as in packets_total.",
		Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
	}, []string{"type"})
	m.unallocated = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "allocation_failures_total",
		Help: "Clients that asked for an address and got none, by the outcome of the exchange.",
	}, []string{"reason"})
	m.dropped = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "datagrams_dropped_total",
		Help: "Datagrams that were dropped before anybody looked at them, by reason.",
	}, []string{"reason"})
	m.overflows = prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: namespace, Name: "socket_overflows_total",
		Help: "Datagrams that the kernel threw away because the socket's buffer was full.",
	})
	m.ignored = prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: namespace, Name: "options_ignored_total",
		Help: "Options of messages that were malformed or cut off; the rest of the message was served.",
	})
	m.irregular = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "irregular_packets_total",
		Help: "Irregular messages that were treated as if nothing were wrong with them, by what is wrong.",
	}, []string{"kind"})
	for _, i := range dhcp4.Irregularities() {
		m.irregular.WithLabelValues(i.String())
	}
	m.omitted = prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: namespace, Name: "options_omitted_total",
		Help: "Options of replies that did not fit into what the client takes.",
	})
	m.classErrors = prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: namespace, Name: "class_errors_total",
		Help: "Tests of classes that failed for a message and were taken as false; the debug log has the reasons.",
	})
	m.limited = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "rate_limited_total",
		Help: "Messages that were dropped by a limit of the configuration, by the limit.",
	}, []string{"limit"})
	for _, l := range server.Limits() {
		m.limited.WithLabelValues(l.String())
	}
	m.newRaft()
	m.registry.MustRegister(m.packets, m.seconds, m.unallocated, m.dropped, m.overflows, m.ignored, m.irregular,
		m.omitted, m.classErrors, m.limited,
		m.commitSeconds, m.batchCommands, m.fsyncSeconds, m.leaderChanges,
		newCollector(o.Reader, o.Stats), newConflicts(o.Probes, o.Foreign), buildInfo(o.Version),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// newRaft makes the metrics that the cluster fills.
func (m *Metrics) newRaft() {
	m.commitSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: namespace, Subsystem: "raft", Name: "commit_seconds",
		Help:    "Time from proposing an entry on the leader until it is committed and applied.",
		Buckets: []float64{.0005, .001, .002, .004, .008, .016, .032, .064, .128, .256, .512, 1, 2.5},
	})
	m.batchCommands = prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: namespace, Subsystem: "raft", Name: "batch_commands",
		Help:    "Commands in one entry of the log.",
		Buckets: prometheus.ExponentialBuckets(1, 2, 10), // 1 … 512
	})
	m.fsyncSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: namespace, Subsystem: "raft", Name: "fsync_seconds",
		Help:    "Time that the disk took to store entries of the log.",
		Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 10},
	})
	m.leaderChanges = prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: namespace, Subsystem: "raft", Name: "leader_changes_total",
		Help: "How often this node saw another leader, or none.",
	})
}

// buildInfo is a constant 1 with what is running in its labels.
func buildInfo(version string) prometheus.Collector {
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "What is running; always 1.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()},
	})
	g.Set(1)
	return g
}

// Ended counts an exchange (server.Observer).
func (m *Metrics) Ended(kind dhcp4.MessageType, o server.Outcome, took time.Duration) {
	word := typeWord(kind, o)
	m.packets.WithLabelValues(word, o.String()).Inc()
	if o != server.Overloaded && (o != server.RateLimited || took > 0) { // Else it was never begun.
		m.seconds.WithLabelValues(word).Observe(took.Seconds())
	}
	if wantsAddress(kind) && withoutAddress(o) {
		m.unallocated.WithLabelValues(o.String()).Inc()
	}
}

// EndedRARP counts an exchange by RARP (server.ObserverRARP).
func (m *Metrics) EndedRARP(o server.Outcome, took time.Duration) {
	m.packets.WithLabelValues("rarp", o.String()).Inc()
	m.seconds.WithLabelValues("rarp").Observe(took.Seconds())
}

// typeWord returns the message type as a label. A message without one is BOOTP, unless it could not be read.
func typeWord(kind dhcp4.MessageType, o server.Outcome) string {
	switch kind {
	case dhcp4.Discover:
		return "discover"
	case dhcp4.Request:
		return "request"
	case dhcp4.Decline:
		return "decline"
	case dhcp4.Release:
		return "release"
	case dhcp4.Inform:
		return "inform"
	case dhcp4.LeaseQuery:
		return "leasequery"
	case dhcp4.BulkLeaseQuery:
		return "bulk_leasequery"
	case dhcp4.ActiveLeaseQuery:
		return "active_leasequery"
	}
	unread := o == server.Malformed || o == server.Panicked || o == server.Overloaded
	if kind == 0 && !unread {
		return "bootp"
	}
	return "other"
}

func wantsAddress(kind dhcp4.MessageType) bool {
	return kind == dhcp4.Discover || kind == dhcp4.Request
}

// withoutAddress says whether o leaves a client without an address for a reason that an operator can remove.
func withoutAddress(o server.Outcome) bool {
	switch o {
	case server.Exhausted, server.ExhaustedTold, server.AddressesInUse, server.UnknownLink,
		server.UnknownRelay, server.NoConfig, server.NoIdentifier, server.OutOfTouch, server.NoQuorum,
		server.Uncertain, server.Overloaded, server.TooOld, server.HolderWaits, server.SendFailed, server.Panicked:
		return true
	}
	return false
}

// Ignored counts malformed options of a message (server.Observer).
func (m *Metrics) Ignored(options int) { m.ignored.Add(float64(options)) }

// Irregular counts a message that was treated as if nothing were wrong with it (server.Observer).
func (m *Metrics) Irregular(i dhcp4.Irregularity) { m.irregular.WithLabelValues(i.String()).Inc() }

// ClassErrors counts tests of classes that failed (server.Observer).
func (m *Metrics) ClassErrors(tests int) { m.classErrors.Add(float64(tests)) }

// Limited counts a message that was dropped by a limit (server.Observer).
func (m *Metrics) Limited(l server.Limit) { m.limited.WithLabelValues(l.String()).Inc() }

// Omitted counts options that found no room in a reply (server.Observer).
func (m *Metrics) Omitted(options int) { m.omitted.Add(float64(options)) }

// Dropped counts a datagram that the listener dropped; reason is one of its constants.
func (m *Metrics) Dropped(reason string) { m.dropped.WithLabelValues(reason).Inc() }

// Overflowed counts datagrams that the kernel threw away.
func (m *Metrics) Overflowed(datagrams uint32) { m.overflows.Add(float64(datagrams)) }

// Committed notes that this node, as leader, has had an entry of so many commands committed.
func (m *Metrics) Committed(commands int, took time.Duration) {
	m.batchCommands.Observe(float64(commands))
	m.commitSeconds.Observe(took.Seconds())
}

// Synced notes that the disk has stored entries of the log.
func (m *Metrics) Synced(took time.Duration) { m.fsyncSeconds.Observe(took.Seconds()) }

// LeaderChanged notes that this node has seen another leader, or lost sight of the one it knew.
func (m *Metrics) LeaderChanged() { m.leaderChanges.Inc() }

var (
	_ server.Observer     = (*Metrics)(nil)
	_ server.ObserverRARP = (*Metrics)(nil)
)

func orFine(f func() error) func() error {
	if f == nil {
		return func() error { return nil }
	}
	return f
}
