// Package bulk owns the port on which relay agents ask for many leases at once, or for changes as they
// happen, and its connections (RFC 6926, RFC 7724). It knows limits and deadlines; what is asked and told it
// does not know.
//
// Read bulk.go, then connection.go.
//
// This package is a shell.
package bulk

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"port67/server"
	"port67/server/dhcp4"
)

// What holds if nobody says otherwise.
const (
	addressUsual = "0.0.0.0:67"
	// connectionsUsual is how many connections are open at once, and connectionsEach how many of them belong to
	// one requester (RFC 6926 §8.1). One costs two goroutines and some 200 KiB.
	connectionsUsual = 32
	connectionsEach  = 4
	// queriesUsual is how many queries of a connection are answered in turn; the next one is read when one of
	// them has ended.
	queriesUsual = 8
	// idleUsual is how long a connection without a query stays open (BULK_LQ_DATA_TIMEOUT, RFC 6926 §6.3).
	idleUsual = 300 * time.Second
	// stallUsual is how long a requester may take nothing of what is sent, nor confirm that it came.
	stallUsual = 60 * time.Second
	// lookUsual is how often the configuration is looked at: whether anybody may ask.
	lookUsual = time.Second
	// handshakeUsual is how long the change to TLS may take.
	handshakeUsual = 10 * time.Second
	// partingTime is what a connection has for its last messages when the node stops.
	partingTime = time.Second
)

// Server is what the port needs of package server.
type Server interface {
	// AnswersLeaseQueries says whether anybody may ask this node: only then is the port open.
	AnswersLeaseQueries() bool
	// MayQueryLeases says whether the requester at a may ask.
	MayQueryLeases(a netip.Addr) bool
	// StartTLS4 says of the first message whether the connection shall go on by TLS, and what is sent before.
	StartTLS4(requester, local netip.Addr, message []byte) (frame []byte, ok bool)
	// OpenLeaseQuery4 begins with one message, which came by TLS or not.
	OpenLeaseQuery4(requester, local netip.Addr, secure bool, message []byte) (server.LeaseQuery4, error)
}

// Options say where to listen and how much is served at once. Server is the only one without a default.
type Options struct {
	Server Server
	// Addresses returns the addresses of this node that are served; nil means all.
	Addresses func() []netip.Addr
	// Identity is what this node shows when a connection changes to TLS, and which authority it believes if a
	// requester shows something, too. nil: there is no TLS.
	Identity func() (tls.Certificate, *x509.CertPool, error)
	Address  string // where to listen; empty means port 67 of all addresses
	Observer server.Observer
	Log      *slog.Logger

	ConnectionsMax, ConnectionsEach, QueriesMax int // 0 means the usual
	Idle, Stall, Look                           time.Duration
	// Opened is told where the port opened. It may be nil.
	Opened func(netip.AddrPort)
}

// Listener is the port. Run owns all its goroutines.
type Listener struct {
	opt Options

	mu   sync.Mutex
	open map[netip.Addr]int // connections by requester
	all  int
}

// New returns a Listener, which does nothing before Run.
func New(o Options) *Listener {
	usual := func(n *int, otherwise int) {
		if *n <= 0 {
			*n = otherwise
		}
	}
	usual(&o.ConnectionsMax, connectionsUsual)
	usual(&o.ConnectionsEach, connectionsEach)
	usual(&o.QueriesMax, queriesUsual)
	if o.Address == "" {
		o.Address = addressUsual
	}
	long := func(d *time.Duration, otherwise time.Duration) {
		if *d <= 0 {
			*d = otherwise
		}
	}
	long(&o.Idle, idleUsual)
	long(&o.Stall, stallUsual)
	long(&o.Look, lookUsual)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Listener{opt: o, open: make(map[netip.Addr]int)}
}

// Run keeps the port open while the configuration allows anybody to ask, until ctx ends. Connections end with
// the port: their queries are told that this node cannot go on. That the port cannot be opened is no reason
// to serve no clients: it is logged, and tried again.
func (l *Listener) Run(ctx context.Context) error {
	tick := time.NewTicker(l.opt.Look)
	defer tick.Stop()
	warned := false
	for {
		if l.opt.Server.AnswersLeaseQueries() {
			err := l.serve(ctx)
			if err != nil && !warned {
				l.opt.Log.Warn("bulk leasequery is not served", "error", err)
			}
			warned = err != nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// serve opens the port, and serves connections until ctx ends or nobody may ask any more.
func (l *Listener) serve(ctx context.Context) error {
	port, err := new(net.ListenConfig).Listen(ctx, "tcp4", l.opt.Address)
	if err != nil {
		return fmt.Errorf("TCP %s: %w: stop who uses it; see ss -ltnp", l.opt.Address, err)
	}
	ctx, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	all.Go(func() {
		l.watch(ctx)
		_ = port.Close()
	})
	l.opt.Log.Info("bulk leasequery is served", "address", port.Addr().String())
	if l.opt.Opened != nil {
		l.opt.Opened(netip.MustParseAddrPort(port.Addr().String()))
	}
	for {
		conn, err := port.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return fmt.Errorf("TCP %s: %w", l.opt.Address, err)
		}
		l.accept(ctx, &all, conn.(*net.TCPConn))
	}
}

// watch returns when ctx ends or nobody may ask any more.
func (l *Listener) watch(ctx context.Context) {
	tick := time.NewTicker(l.opt.Look)
	defer tick.Stop()
	for l.opt.Server.AnswersLeaseQueries() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
	l.opt.Log.Info("bulk leasequery is not served any more: nobody may ask, or this node must not serve")
}

// accept serves a connection if its requester may ask and has not too many, and closes it otherwise.
func (l *Listener) accept(ctx context.Context, all *sync.WaitGroup, conn *net.TCPConn) {
	requester, local := addrOf(conn.RemoteAddr()), addrOf(conn.LocalAddr())
	served := l.opt.Addresses == nil || slices.Contains(l.opt.Addresses(), local)
	switch {
	case !served || !l.opt.Server.MayQueryLeases(requester):
		l.opt.Observer.Ended(dhcp4.BulkLeaseQuery, server.LeaseQueryNotAllowed, 0)
	case !l.enter(requester):
		l.opt.Observer.Ended(dhcp4.BulkLeaseQuery, server.Overloaded, 0)
	default:
		c := &connection{
			l: l, raw: conn, conn: conn, requester: requester, local: local, queries: make(chan server.LeaseQuery4),
		}
		all.Go(func() {
			defer l.leave(requester)
			c.run(ctx)
		})
		return
	}
	_ = conn.Close() // There is nothing to lose.
}

// enter takes a place for a connection of the requester, if there is one.
func (l *Listener) enter(requester netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= l.opt.ConnectionsMax || l.open[requester] >= l.opt.ConnectionsEach {
		return false
	}
	l.all++
	l.open[requester]++
	return true
}

func (l *Listener) leave(requester netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.open[requester]--; l.open[requester] == 0 {
		delete(l.open, requester)
	}
}

func addrOf(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
