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

// queueMax is how many datagrams wait when ExchangesMax exchanges are going on.
const queueMax = 1024

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

// gate bounds how many exchanges go on at once, and holds a few that wait for their turn.
type gate struct {
	mu         sync.Mutex
	running    int
	runningMax int
	queued     int
	queue      [urgencies]lanes
}

// enter says whether p may be served at once. Otherwise p waits, and shed is what had to go for it: of the
// least urgent, the oldest of the path that has most waiting, whose client has waited longest and will soon
// send again. That may be p itself.
func (g *gate) enter(p *packet) (now bool, shed *packet) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.running < g.runningMax {
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

// next returns what should be served by a worker that has done its work, the most urgent first, of equals one
// of each path in turn, and of a path the oldest; or nil: then the worker's place is free again.
func (g *gate) next() *packet {
	g.mu.Lock()
	defer g.mu.Unlock()
	for u := urgencies - 1; u >= 0; u-- {
		if g.queue[u].waiting() > 0 {
			g.queued--
			return g.queue[u].next()
		}
	}
	g.running--
	return nil
}

// admit has p served by a goroutine of its own if there may be one more, else lets it wait or sheds.
func (l *Listener) admit(ctx context.Context, p *packet) {
	now, shed := l.gate.enter(p)
	if now {
		l.workers.Go(func() { l.work(ctx, p) })
	}
	if shed != nil {
		kind, _ := wire4.Peek(shed.in.Payload)
		l.opt.Observer.Ended(kind, server.Overloaded, 0)
		l.buffers.Put(shed)
	}
}

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
