package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"time"

	"port67/cluster"
	"port67/server"
	"port67/server/admin"
	"port67/server/clock"
	"port67/server/listen"
	"port67/server/listen/bulk"
	"port67/server/metrics"
	"port67/storage"
)

// node is everything one node of the service is made of.
type node struct {
	settings  nodeSettings
	log       *slog.Logger
	agreement agreement
	spine     *server.Server
	rarp      *server.RARP
	listener  *listen.Listener
	bulk      *bulk.Listener
	admin     *admin.Server
	counts    *metrics.Metrics
	pages     net.Listener // of /metrics, /healthz and /readyz; nil: off
}

// build makes a node from bottom to top: the sockets for clients first, because that they are taken is the most
// common mistake and nothing has happened then; the agreement on the data folder; the server between the two;
// and what operators see. Nothing runs yet: what is built here calls back only once it runs.
func build(s nodeSettings, log *slog.Logger) (*node, error) {
	n := &node{settings: s, log: log}
	if err := n.open(); err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

func (n *node) open() (err error) {
	s, log := n.settings, n.log
	n.counts = metrics.New(metrics.Options{
		Version: version(), Reader: n, Stats: func() metrics.Stats { return n.agreement.stats() },
		Probes:  func() server.ProbeStats { return n.spine.ProbeStats() },
		Foreign: func() []server.ForeignServer { return n.spine.ForeignServers() },
		Alive:   n.alive, Ready: n.ready,
	})
	n.listener, err = listen.Open(listen.Options{
		Interfaces: s.Interfaces, Serve: n.serve4, Log: log,
		Overhear: func(r server.OverheardReply) { n.spine.Overhear(r) },
		Admit:    func(in server.Datagram) bool { return n.spine.Admit(in) },
		Observer: n.counts,
		RARP: listen.RARPOptions{
			Wanted: func() bool { return n.rarp.Wanted() },
			Serve:  func(ctx context.Context, in server.RARPFrame) server.Outcome { return n.rarp.Serve(ctx, in) },
		},
	})
	if err != nil {
		return err
	}
	n.agreement.Node, err = cluster.Open(cluster.Options{
		Dir: s.Data, Node: info(s, n.listener.Addresses()), Logger: log, Observer: n.counts,
		AllowSlowDisk: s.AllowSlowDisk, HistoryMax: s.HistorySize,
		OnHandled: func(from storage.NodeID, h cluster.Handled) { n.handledBy(from, exchange(h)) },
	})
	if err != nil {
		return err
	}
	n.spine = server.New(server.Options{
		Self: n.agreement.Self(), Cluster: n.agreement.ClusterID(),
		Reader: n.agreement, Proposer: n.agreement, Timekeeper: n.agreement,
		Neighbours: n.agreement, Sender: n.listener, Turns: n.listener, Observer: n.counts, Clock: clock.System{},
		Logger:  log,
		Changes: changes{n.agreement.Changes(), n.agreement},
		Prober:  n.listener,
	})
	n.rarp = server.NewRARP(server.RARPOptions{
		Self: n.agreement.Self(), Cluster: n.agreement.ClusterID(), Reader: n.agreement, Timekeeper: n.agreement,
		Neighbours: n.agreement, Sender: n.listener, Observer: n.counts, Clock: clock.System{}, Logger: log,
	})
	n.bulk = bulk.New(bulk.Options{
		Server: asked{n.spine, n.agreement}, Addresses: n.listener.Addresses, Observer: n.counts, Log: log,
		Identity: n.agreement.identity,
	})
	n.admin, err = admin.NewServer(admin.Options{
		Cluster: n.agreement, Socket: s.AdminSocket, SocketGroup: s.AdminGroup, Listen: s.AdminListen,
		Identity: n.agreement.identity, Log: log, Explainer: explainer{n.spine, n.listener, n.agreement},
		Foreign: func() []admin.ForeignServer { return foreignServers(n.spine.ForeignServers()) },
	})
	if err != nil {
		return err
	}
	if s.MetricsListen == "" {
		return nil
	}
	n.pages, err = net.Listen("tcp", s.MetricsListen)
	if err != nil {
		return fmt.Errorf("metrics listen %s: %w: choose another address or stop who uses it (ss -ltnp)",
			s.MetricsListen, err)
	}
	return nil
}

// info is what the node says of itself to the others.
func info(s nodeSettings, own []netip.Addr) cluster.NodeInfo {
	return cluster.NodeInfo{
		Name: s.Name, PeerListen: s.PeerListen.String(), PeerAdvertise: s.PeerAdvertise, AdminAddr: s.AdminListen,
		Addresses: own, Version: version(),
	}
}

// close closes the sockets of a node that was not run. The data folder is let go when the process ends.
func (n *node) close() {
	if n.listener != nil {
		n.listener.Close()
	}
	if n.admin != nil {
		_ = n.admin.Close() // There is an error to tell already.
	}
}

// serve4 carries one datagram from the wire to its reply, if this node may speak at all.
func (n *node) serve4(ctx context.Context, in server.Datagram) server.Outcome {
	if !n.agreement.Serving() {
		n.counts.Ended(0, server.OutOfTouch, 0)
		return server.OutOfTouch
	}
	return n.spine.Serve4(ctx, in)
}

// handledBy passes on the word of another node that it has answered x.
func (n *node) handledBy(from storage.NodeID, x server.Exchange) {
	if !n.rarp.HandledBy(x) {
		n.spine.HandledBy(from, x)
	}
}

// Read lends the replicated state to the metrics.
func (n *node) Read(f func(storage.View)) { n.agreement.Read(f) }

// alive says why this process should be restarted: never, because what is hopeless ends it by itself.
func (n *node) alive() error { return nil }

// ready says why this node serves no clients. Without a quorum it serves those whose bookings last.
func (n *node) ready() error {
	var revision uint64
	n.agreement.Read(func(v storage.View) { revision = v.Revision() })
	if trouble := n.agreement.trouble(); trouble != "" {
		return errors.New(trouble)
	}
	if revision == 0 {
		return errors.New("no configuration: apply one with dhcpctl config apply, or wait for the cluster's")
	}
	if _, anchored := n.agreement.Upper(); !anchored && !n.agreement.InTouch() {
		return errors.New("no leader heard since the start: nothing can be answered until there is a quorum")
	}
	return nil
}

// lifecycle says how the parts of the node run and end.
func (n *node) lifecycle(manager notifier) lifecycle {
	l := lifecycle{
		agreement: part{"agreement", n.agreement.Run},
		front: []part{
			{"DHCP listener", n.listener.Run}, {"bulk leasequery", n.bulk.Run}, {"admin API", n.admin.Run},
		},
		aside: []part{{"addresses", n.followAddresses}, {"probing", n.probeAhead}},
		leave: n.agreement.Leave, tell: manager.tell, log: n.log,
	}
	if n.pages != nil {
		l.front = append(l.front, part{"metrics", func(ctx context.Context) error {
			return n.counts.Run(ctx, n.pages)
		}})
	}
	every, watched := watchdogEvery(os.Getenv("WATCHDOG_USEC"), os.Getenv("WATCHDOG_PID"), os.Getpid())
	if watched {
		l.aside = append(l.aside, part{"watchdog", func(ctx context.Context) error {
			return n.feedWatchdog(ctx, every, manager)
		}})
	}
	return l
}

// followAddresses tells the cluster when this host's addresses change: they are server identifiers.
func (n *node) followAddresses(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.listener.Changed():
			n.agreement.SetAddresses(n.listener.Addresses())
		}
	}
}

// probeAhead probes the addresses that this node would offer next, every second.
func (n *node) probeAhead(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if n.agreement.Serving() {
				n.spine.ProbeAhead(ctx)
			}
		}
	}
}

// feedWatchdog tells the service manager again and again that the node is not stuck: that its state can be
// read.
func (n *node) feedWatchdog(ctx context.Context, every time.Duration, manager notifier) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		n.agreement.Read(func(storage.View) {})
		if err := manager.tell("WATCHDOG=1"); err != nil {
			n.log.Warn("service manager not told", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// identity is what this node shows on the admin port, and whom it believes there.
func (a agreement) identity() (tls.Certificate, *x509.CertPool, error) {
	cert, err := a.Certificate(nil)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	return *cert, a.CAPool(), nil
}

// trouble is why this node must not serve, in words; empty if it may.
func (a agreement) trouble() string {
	s := a.Node.Status()
	for _, m := range s.Members {
		if m.Node.ID == s.Self {
			return m.Trouble
		}
	}
	return ""
}
