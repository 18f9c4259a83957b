package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"port67/cluster/ctime"
	"port67/server"
	"port67/server/dhcp4"
	"port67/storage"
	"port67/storage/lease"
)

const (
	pulseEvery  = 500 * time.Millisecond
	dutyEvery   = time.Second
	aliveMax    = 3 * time.Second
	forwardMax  = 2 * time.Second
	extendEvery = 100 * time.Millisecond
	extendsMax  = 64
)

// node is one node of the cluster: the product's spine on ports of this world.
type node struct {
	c     *cluster
	id    storage.NodeID
	index int
	addr  netip.Addr // its own, on the link of the LAN: its server identifier

	raftNode
	clocks *clocks
	keeper *ctime.Keeper
	state  *storage.State
	server *server.Server

	up      bool
	life    int           // counts its starts: what was planned for an earlier life does not happen
	stopped time.Duration // true time until which the process stands still
	tasks   []*task
	waits   []*wait
	extends []storage.Extend
	disk    time.Duration // how long it stalls beside the usual
	heardOf []time.Duration
}

// wait is an exchange that gives others their time.
type wait struct {
	done   <-chan struct{}
	ticket *ticket
}

func (n *node) note(format string, args ...any) {
	n.c.w.note("%-4s %s", n.id, fmt.Sprintf(format, args...))
}

// later plans do for this life of the node. It waits while the process stands still.
func (n *node) later(d time.Duration, do func()) {
	life := n.life
	n.c.w.after(d, func() { n.whenAwake(life, do) })
}

func (n *node) whenAwake(life int, do func()) {
	switch {
	case !n.up || n.life != life:
	case n.stopped > n.c.w.now:
		n.c.w.after(n.stopped-n.c.w.now, func() { n.whenAwake(life, do) })
	default:
		do()
	}
}

// send has do happen at another node, if the message gets there and finds it alive.
func (n *node) send(to *node, do func()) {
	life := n.life
	n.c.net.pass(n.index, to.index, func() {
		if n.life == life || n.c.w.in(2) { // What was sent before a death may arrive after it.
			to.whenAwake(to.life, do)
		}
	})
}

// fsync has do happen when what was written is on disk.
func (n *node) fsync(do func()) {
	n.later(n.c.w.between(100*time.Microsecond, time.Millisecond)+n.disk, do)
}

// start begins a life with what is on disk.
func (n *node) start() {
	n.life++
	n.up, n.stopped, n.disk = true, 0, 0
	n.raftNode = raftNode{
		term: n.term, voted: n.voted, log: n.log, firm: n.firm, saved: n.saved, leader: nobody,
		heard: n.c.w.now, patience: n.c.w.between(patienceMin, patienceMax),
	}
	n.restore(n.saved)
	n.commit = n.saved.index
	n.tasks, n.waits, n.extends = nil, nil, nil
	n.heardOf = make([]time.Duration, len(n.c.nodes))
	n.keeper = ctime.New(n.clocks)
	n.server = server.New(server.Options{
		Self: n.id, Cluster: "sim", Reader: n, Proposer: n, Timekeeper: n, Neighbours: n, Sender: n,
		Observer: n.c.judge, Clock: n, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	n.note("starts at index %d", n.applied)
	n.later(n.c.w.between(0, beat), n.beats)
	n.later(n.c.w.between(0, pulseEvery), n.pulses)
	n.later(n.c.w.between(0, dutyEvery), n.duties)
	n.later(n.c.w.between(0, extendEvery), n.flushes)
}

// crash ends a life at once. Of what was written and not yet flushed, anything may be lost.
func (n *node) crash() {
	n.note("dies")
	n.up = false
	if n.leading {
		n.follow(n.term, nobody)
	}
	for _, t := range n.tasks {
		n.c.w.kill(t)
	}
	if len(n.log) > n.firm {
		keep := n.firm + n.c.w.chance.IntN(len(n.log)-n.firm+1)
		n.log = n.log[:keep:keep]
		n.firm = keep
	}
}

// hear takes a datagram of a client.
func (n *node) hear(payload []byte, in dhcp4.Ingress) {
	if !n.up {
		return
	}
	heard := n.clocks.wallTime() // The kernel's time: it counts while the process stands still.
	n.whenAwake(n.life, func() {
		n.tasks = slices.DeleteFunc(n.tasks, func(t *task) bool { return t.ended })
		t := n.c.w.begin(func() {
			o := n.server.Serve4(context.Background(), server.Datagram{Payload: payload, Heard: heard, Ingress: in})
			n.c.judge.ended(n, o)
		})
		if !t.ended {
			n.tasks = append(n.tasks, t)
		}
	})
}

// Read implements server.Reader.
func (n *node) Read(f func(storage.View)) { f(storage.ViewOf(n.state)) }

// Upper implements server.Timekeeper as cluster does.
func (n *node) Upper() (lease.Instant, bool) {
	bound, ok := n.keeper.Upper()
	return max(bound.Ceil(), storage.ViewOf(n.state).Clock()), ok
}

// InTouch implements server.Timekeeper.
func (n *node) InTouch() bool { return n.keeper.InTouch() }

// Now implements server.Clock.
func (n *node) Now() time.Time { return n.clocks.wallTime() }

// WithTimeout implements server.Clock.
func (n *node) WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return bounded{ctx, min(untilOf(ctx), n.c.w.now+d)}, func() {}
}

// Wait implements server.Clock.
func (n *node) Wait(ctx context.Context, d time.Duration, done <-chan struct{}) {
	k := &wait{done: done, ticket: n.c.w.ticket()}
	n.waits = append(n.waits, k)
	k.ticket.wait(min(untilOf(ctx), n.c.w.now+d))
	n.waits = slices.DeleteFunc(n.waits, func(other *wait) bool { return other == k })
}

// Handled implements server.Neighbours.
func (n *node) Handled(x server.Exchange) {
	for _, to := range n.c.nodes {
		if to == n {
			continue
		}
		n.send(to, func() {
			to.server.HandledBy(n.id, x)
			for _, k := range to.waits {
				select {
				case <-k.done:
					k.ticket.call()
				default:
				}
			}
		})
	}
}

// Send4 implements server.Sender4. Now and then it takes its time.
func (n *node) Send4(_ context.Context, payload []byte, to dhcp4.Dest) error {
	if n.c.w.in(50) {
		n.c.w.sleep(n.c.w.between(0, 200*time.Millisecond))
	}
	if n.c.w.in(200) {
		return errors.New("no buffer space available")
	}
	n.c.deliver(n, slices.Clone(payload), to)
	return nil
}

// proposal is a command on its way, and whoever waits for it.
type proposal struct {
	command storage.Command
	settled bool
	result  storage.Result
	err     error
	then    func() // when it is settled
}

func (p *proposal) settle(r storage.Result, err error) {
	if p.settled {
		return
	}
	p.settled, p.result, p.err = true, r, err
	if p.then != nil {
		p.then()
	}
}

// Propose implements server.Proposer with cluster's promises: what it does when the way is unknown, lost or
// doubtful.
func (n *node) Propose(ctx context.Context, c storage.Command) (storage.Result, error) {
	until, doubtful := untilOf(ctx), false
	for n.c.w.now < until {
		p := &proposal{command: c}
		switch {
		case n.ready:
			n.enqueue(p)
		case n.leader != nobody && n.leader != n.index:
			n.forward(n.c.nodes[n.leader], p)
		default:
			n.c.w.sleep(min(20*time.Millisecond, until-n.c.w.now))
			continue
		}
		if !p.settled {
			k := n.c.w.ticket()
			p.then = k.call
			k.wait(min(until, n.c.w.now+forwardMax))
		}
		switch {
		case p.settled && p.err == nil:
			return p.result, nil
		case !p.settled || errors.Is(p.err, storage.ErrUnknown):
			p.then = nil
			doubtful = true
		}
		n.c.w.sleep(min(20*time.Millisecond, max(0, until-n.c.w.now)))
	}
	if doubtful {
		return storage.Result{}, storage.ErrUnknown
	}
	return storage.Result{}, storage.ErrNoLeader
}

func (n *node) enqueue(p *proposal) {
	n.queue = append(n.queue, p)
	n.pump()
}

// forward has another node propose. Its answer may get lost.
func (n *node) forward(leader *node, p *proposal) {
	n.send(leader, func() {
		if !leader.ready {
			leader.send(n, func() { p.settle(storage.Result{}, storage.ErrNoLeader) })
			return
		}
		there := &proposal{command: p.command}
		there.then = func() {
			r, err := there.result, there.err
			leader.send(n, func() { p.settle(r, err) })
		}
		leader.enqueue(there)
	})
}

// Extend implements server.Proposer.
func (n *node) Extend(c storage.Extend) {
	for i := range n.extends {
		if n.extends[i].Addr == c.Addr {
			n.extends[i] = c
			return
		}
	}
	if len(n.extends) < extendsMax {
		n.extends = append(n.extends, c)
	}
}

// flushes proposes what Extend has gathered; what cannot be committed is lost.
func (n *node) flushes() {
	n.later(extendEvery, n.flushes)
	for _, c := range n.extends {
		p := &proposal{command: c}
		switch {
		case n.ready:
			n.enqueue(p)
		case n.leader != nobody && n.leader != n.index:
			n.forward(n.c.nodes[n.leader], p)
		}
	}
	n.extends = nil
}

// pulses keeps the node in touch with the leader, as cluster does.
func (n *node) pulses() {
	n.later(n.c.w.between(pulseEvery/2, pulseEvery), n.pulses)
	if n.leading {
		n.verified(func(at ctime.Millis, term uint64, read ctime.Reading) { n.keeper.Hear(term, at, read) })
		return
	}
	for _, to := range n.c.nodes {
		if to != n && (to.index == n.leader || n.leader == nobody) {
			n.ask(to)
		}
	}
}

// ask has one pulse go to another node and takes in what it answers.
func (n *node) ask(to *node) {
	sent := n.clocks.Now()
	mine, _ := n.keeper.Own()
	n.send(to, func() {
		to.heardOf[n.index] = n.c.w.now
		if mine > 0 {
			to.keeper.Tell(mine)
		}
		if !to.ready {
			bound, ok := to.keeper.Own()
			to.send(n, func() {
				if ok {
					n.keeper.Tell(bound)
				}
			})
			return
		}
		to.verified(func(at ctime.Millis, term uint64, _ ctime.Reading) {
			to.send(n, func() {
				if term >= n.term {
					n.keeper.Hear(term, at, sent)
				}
			})
		})
	})
}

// verified reads the leader's time, has its leadership confirmed by a majority after that, and then tells it.
func (n *node) verified(tell func(at ctime.Millis, term uint64, read ctime.Reading)) {
	if !n.ready {
		return
	}
	read := n.clocks.Now()
	at, term, ok := n.keeper.Lead(storage.ViewOf(n.state).Clock())
	if !ok || term != n.term {
		return
	}
	begun := n.c.w.now
	var confirm func(tries int)
	confirm = func(tries int) {
		switch {
		case !n.ready || n.term != term:
		case n.hasMajority(func(i int) bool { return n.acked[i] > begun }):
			tell(at, term, read)
		case tries > 0:
			n.later(beat/2, func() { confirm(tries - 1) })
		}
	}
	n.later(time.Millisecond, func() { confirm(8) })
}

// duties are what only the leader does, over and over.
func (n *node) duties() {
	n.later(dutyEvery, n.duties)
	if !n.ready {
		return
	}
	now, _, ok := n.keeper.Lead(storage.ViewOf(n.state).Clock())
	v := storage.ViewOf(n.state)
	if due, some := v.NextDue(); ok && some && due <= now.Floor() && now.Floor() > v.Clock() {
		n.enqueue(&proposal{command: storage.Tick{}})
	}
	var live []storage.NodeID
	for i, other := range n.c.nodes {
		if i == n.index || n.c.w.now-n.heardOf[i] <= aliveMax {
			live = append(live, other.id)
		}
	}
	owners, epoch := v.Buckets()
	next := owners
	for b := range next {
		if !slices.Contains(live, next[b]) || n.c.w.in(2000) {
			next[b] = live[(b+n.c.w.chance.IntN(len(live)))%len(live)]
		}
	}
	if next != owners {
		n.enqueue(&proposal{command: storage.SetBuckets{Epoch: epoch + 1, Owners: next}})
	}
}
