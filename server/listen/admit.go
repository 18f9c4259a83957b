package listen

import (
	"context"
	"encoding/hex"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"port67/server"
	"port67/server/dhcp4"
	"port67/server/wire4"
)

// queueMax is how many datagrams wait for their turn: what a node serves in about half a second.
const queueMax = 4096

// urgency is how much it matters that a datagram is served: the lowest is shed first.
type urgency int

// A client that renews stands to lose an address that it uses; one that requests has come half of its way;
// one that discovers will discover again.
const (
	discovers urgency = iota
	requests
	renews
	urgencies
)

// urgencyOf returns the urgency of a datagram, without reading more of it than its message type.
func urgencyOf(payload []byte) urgency {
	kind, bound := wire4.Peek(payload)
	switch {
	case kind == dhcp4.Request && bound:
		return renews
	case kind == dhcp4.Request || kind == dhcp4.Release || kind == dhcp4.Decline:
		return requests
	}
	return discovers
}

// gate bounds how many exchanges go on at once, and how many of these compute: the others have been let rest
// and wait for the log or for other nodes. Datagrams for which there is no place wait in order of urgency.
//
// That few compute keeps the time short until whatever else this process does gets the processor; above all
// the agreement with the other nodes, which a flood must not make miss its heartbeats.
type gate struct {
	mu         sync.Mutex
	active     int // exchanges that compute
	activeMax  int
	running    int // exchanges that go on, the resting ones included
	runningMax int
	settled    []chan struct{} // those that want to go on with the word of the log, the oldest first
	back       []chan struct{} // the others that want to go on
	lastBack   bool            // one of these was let go on last
	queued     int
	queue      [urgencies]lanes
}

// enter says whether p may be served at once. Otherwise p waits, and shed is what had to go for it: of the
// least urgent, the oldest of the path that has most waiting, whose client has waited longest and will soon
// send again. That may be p itself.
func (g *gate) enter(p *packet) (now bool, shed *packet) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.active < g.activeMax && g.running < g.runningMax {
		g.active++
		g.running++
		return true, nil
	}
	u := urgencyOf(p.in.Payload)
	if g.queued == queueMax {
		least := urgency(0)
		for g.queue[least].waiting() == 0 {
			least++
		}
		if u < least {
			return false, p
		}
		shed = g.queue[least].shed()
		g.queued--
	}
	g.queue[u].add(laneOf(p), p)
	g.queued++
	return false, shed
}

// next returns what should be served by a worker that has done its work, or nil: then the worker's place is
// free again, or that of one who comes back from resting.
func (g *gate) next() *packet {
	g.mu.Lock()
	defer g.mu.Unlock()
	p, handed := g.successor(true)
	switch {
	case p != nil:
		return p
	case !handed:
		g.active--
	}
	g.running--
	return nil
}

// rest gives the place of an exchange that is going to wait to another, and returns what should be served by
// a new worker, or nil.
func (g *gate) rest() *packet {
	g.mu.Lock()
	defer g.mu.Unlock()
	p, handed := g.successor(g.running < g.runningMax)
	switch {
	case p != nil:
		g.running++
	case !handed:
		g.active--
	}
	return p
}

// successor finds who computes next in the caller's place: one that has rested, which is told, or a datagram,
// if a new exchange may begin. What the log has settled comes first: it is nearly done. Others that come back
// and those that begin take turns: neither crowd is to keep the other waiting.
func (g *gate) successor(begin bool) (p *packet, handed bool) {
	if handOver(&g.settled) {
		return nil, true
	}
	begin = begin && g.queued > 0
	if !(g.lastBack && begin) && handOver(&g.back) {
		g.lastBack = true
		return nil, true
	}
	g.lastBack = false
	if !begin {
		return nil, false
	}
	return g.pop(), false
}

// handOver lets the first of those who wait go on, if there is any.
func handOver(waiting *[]chan struct{}) bool {
	if len(*waiting) == 0 {
		return false
	}
	close((*waiting)[0])
	*waiting = (*waiting)[1:]
	return true
}

// resume waits until an exchange that has rested may go on.
func (g *gate) resume(settled bool) {
	g.mu.Lock()
	if g.active < g.activeMax {
		g.active++
		g.mu.Unlock()
		return
	}
	turn := make(chan struct{})
	if settled {
		g.settled = append(g.settled, turn)
	} else {
		g.back = append(g.back, turn)
	}
	g.mu.Unlock()
	<-turn
}

// pop takes what should be served next, the most urgent first, of equals one of each path in turn, and of a
// path the oldest; nil if nothing waits.
func (g *gate) pop() *packet {
	for u := urgencies - 1; u >= 0; u-- {
		if g.queue[u].waiting() > 0 {
			g.queued--
			return g.queue[u].next()
		}
	}
	return nil
}

// admit has p served by a goroutine of its own if there may be one more, else lets it wait or sheds.
func (l *Listener) admit(ctx context.Context, p *packet) {
	now, shed := l.gate.enter(p)
	if now {
		l.begin(ctx, p)
	}
	if shed != nil {
		kind, _ := wire4.Peek(shed.in.Payload)
		l.opt.Observer.Ended(kind, server.Overloaded, 0)
		l.buffers.Put(shed)
	}
}

// begin has p served by a goroutine of its own.
func (l *Listener) begin(ctx context.Context, p *packet) {
	l.workers.Go(func() { l.work(ctx, p) })
}

// Rest implements server.Turns.
func (l *Listener) Rest() {
	if p := l.gate.rest(); p != nil {
		l.begin(l.serve, p) // Only a worker rests: the listener runs.
	}
}

// Resume implements server.Turns.
func (l *Listener) Resume(settled bool) { l.gate.resume(settled) }

// work serves p and then whatever waits.
func (l *Listener) work(ctx context.Context, p *packet) {
	for ; p != nil; p = l.gate.next() {
		if l.exchange(ctx, p) {
			l.buffers.Put(p)
		}
	}
}

// exchange serves p. A panic costs p and nothing else: it is counted, and logged with the octets that caused
// it, at most once a second (safety.md §8). It returns false if p's buffer might still be in use.
func (l *Listener) exchange(ctx context.Context, p *packet) (done bool) {
	began := time.Now()
	defer func() {
		if cause := recover(); cause != nil {
			done = false
			l.panicked(cause, p, began)
		}
	}()
	l.opt.Serve(ctx, p.in)
	return true
}

// panicked counts a panic while p was served, and logs the first of each second.
func (l *Listener) panicked(cause any, p *packet, began time.Time) {
	now := time.Now()
	kind, _ := wire4.Peek(p.in.Payload)
	// Told last: who sees the count finds the reason in the log.
	defer l.opt.Observer.Ended(kind, server.Panicked, now.Sub(began))
	if !l.mayLogPanic(now) {
		return
	}
	l.opt.Log.Error("panic while serving a datagram, which was dropped: report it with these octets",
		"panic", fmt.Sprint(cause), "interface", p.in.Ingress.Interface, "from", p.in.Ingress.Src,
		"payload", hex.EncodeToString(p.in.Payload), "stack", string(debug.Stack()))
}

// mayLogPanic says whether no panic was logged in this second, and takes it that one is now.
func (l *Listener) mayLogPanic(now time.Time) bool {
	last := l.panicsLogged.Load()
	return last != now.Unix() && l.panicsLogged.CompareAndSwap(last, now.Unix())
}
