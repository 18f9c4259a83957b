package load

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// Options says through what the clients of a load speak.
type Options struct {
	// Relays are the relay agents, each an address of this machine; none: direct clients only.
	Relays []Relay
	// Interface is the one that direct clients are on; empty: no direct clients.
	Interface string
	// NoUnicast makes clients renew as they rebind, by broadcast or through their relay agent. Without it
	// they send from their own addresses, and the machine has to take these for its own.
	NoUnicast bool
	// FirstClient is the number of the first client; it stands in the hardware address.
	FirstClient int
	// Seed makes another load of it: other transaction identifiers, other waits.
	Seed uint64
	// Checker judges; a new one if nil.
	Checker *Checker
}

// Relay is a relay agent without a network of its own: it sends what its clients say from GIAddr, port 67, to
// port 67 of servers, and passes on what they answer.
type Relay struct {
	GIAddr  netip.Addr
	Servers []netip.Addr
	// InTurn sends each message to the next one of Servers instead of to all of them.
	InTurn bool
}

// Group is clients that are started together.
type Group struct {
	Clients int
	// Rate is how many of them speak for the first time in a second; all at once if 0.
	Rate int
	Plan Plan
	// Via are the relay agents they are behind, by index, in turn; all if empty. Direct clients are behind none.
	Via    []int
	Direct bool
}

// Load is a number of clients with sockets and a clock.
type Load struct {
	opts    Options
	sockets *sockets
	kick    chan struct{}

	mu    sync.Mutex
	fleet *fleet
	next  int // number of the next client
}

// Open opens the sockets. Close closes them.
func Open(o Options) (*Load, error) {
	if len(o.Relays) == 0 && o.Interface == "" {
		return nil, errors.New("load: neither a relay agent nor an interface")
	}
	for _, r := range o.Relays {
		if !r.GIAddr.Is4() || len(r.Servers) == 0 {
			return nil, fmt.Errorf("load: relay agent %v to %d servers", r.GIAddr, len(r.Servers))
		}
	}
	if o.Checker == nil {
		o.Checker = NewChecker(time.Now())
	}
	s, err := openSockets(o)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	return &Load{
		opts: o, sockets: s, kick: make(chan struct{}, 1), fleet: newFleet(o), next: o.FirstClient,
	}, nil
}

// Close closes the sockets; Run ends.
func (l *Load) Close() error { return l.sockets.close() }

// Checker returns the judge.
func (l *Load) Checker() *Checker { return l.opts.Checker }

// Now returns the time of the load: the span since Checker.Start.
func (l *Load) Now() time.Duration { return time.Since(l.opts.Checker.Start) }

// Crowd is a group of clients that was added to a load.
type Crowd struct {
	load  *Load
	group *group
}

// Add starts more clients; Run may be running already.
func (l *Load) Add(g Group) *Crowd {
	l.mu.Lock()
	made := l.fleet.add(l.Now(), g, l.next)
	l.next += g.Clients
	l.mu.Unlock()
	select {
	case l.kick <- struct{}{}:
	default:
	}
	return &Crowd{load: l, group: made}
}

// Run lets the clients speak and hear until ctx ends. It returns when its goroutines are gone.
func (l *Load) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	heard := make(chan datagram, 4096)
	read := make(chan error, 1)
	go func() { read <- l.sockets.run(ctx, heard) }()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return <-read
		case err := <-read:
			return err
		case d := <-heard:
			l.mu.Lock()
			out := l.fleet.heard(l.Now(), d.from, d.payload)
			l.mu.Unlock()
			l.send(out)
		case <-timer.C:
		case <-l.kick:
		}
		l.mu.Lock()
		out := l.fleet.step(l.Now())
		wait := l.fleet.next()
		l.mu.Unlock()
		l.send(out)
		if wait != never {
			timer.Reset(max(0, wait-l.Now()))
		}
	}
}

// send passes parcels on. One that the kernel refuses is lost, as on a network; Report counts it.
func (l *Load) send(parcels []parcel) {
	for _, p := range parcels {
		if err := l.sockets.send(p); err != nil {
			l.mu.Lock()
			l.fleet.unsent++
			l.fleet.unsentWhy = err.Error()
			l.mu.Unlock()
		}
	}
}

// Report returns what all clients have seen so far.
func (l *Load) Report() Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fleet.report(l.Now(), l.fleet.groups)
}

// Report returns what the clients of the group have seen so far.
func (c *Crowd) Report() Report {
	c.load.mu.Lock()
	defer c.load.mu.Unlock()
	return c.load.fleet.report(c.load.Now(), []*group{c.group})
}

// Bound returns how many clients of the group have ever been bound.
func (c *Crowd) Bound() int {
	c.load.mu.Lock()
	defer c.load.mu.Unlock()
	return len(c.group.tally.bindings)
}

// Holding returns how many clients of the group hold a lease now.
func (c *Crowd) Holding() int {
	c.load.mu.Lock()
	defer c.load.mu.Unlock()
	return c.group.holding(c.load.Now())
}

// WaitBound waits until n clients of the group have been bound.
func (c *Crowd) WaitBound(ctx context.Context, n int) error {
	return c.wait(ctx, fmt.Sprintf("%d clients bound", n), func() bool { return c.Bound() >= n })
}

// WaitHolding waits until n clients of the group hold a lease.
func (c *Crowd) WaitHolding(ctx context.Context, n int) error {
	return c.wait(ctx, fmt.Sprintf("%d clients holding a lease", n), func() bool { return c.Holding() >= n })
}

func (c *Crowd) wait(ctx context.Context, what string, done func() bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w\n%v", what, ctx.Err(), c.Report())
		case <-tick.C:
		}
	}
	return nil
}
