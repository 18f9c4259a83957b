package server

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"port67/server/dhcp4"
	"port67/server/recent"
	"port67/storage"
	"port67/storage/lease"
)

const (
	// takeoverStep is how long a node waits for each node that should answer before it (safety.md §3).
	takeoverStep = 250 * time.Millisecond
	// retryWindow is how long a client's message is remembered: the like of it within this time, after no
	// answer, is a retransmission.
	retryWindow = time.Minute
	// sameWindow is how much earlier than the message itself the word of a neighbour about it may be noted.
	sameWindow = 500 * time.Millisecond
	// deafAfter is how often in a row a node keeps silent before it is no longer waited for.
	deafAfter = 2
	// unheardAfter is how often the same message comes, answered each time, before all answer: the answers
	// evidently do not arrive.
	unheardAfter = 2
	pathsMax     = 4096
)

// neighbours is what this node has noticed about the others: who answered what, and which of them do not hear
// what comes by a path. It is a guess that costs a doubled or a late answer at worst. All tables are bounded.
type neighbours struct {
	mu    sync.Mutex
	talks *recent.Map[talk, *memory]
	paths *recent.Map[dhcp4.Path, map[storage.NodeID]int] // misses in a row
	clock Clock

	cluster string // its ID
}

// talk is what a client says on one path: an Exchange whatever its transaction.
type talk struct {
	client uint64
	kind   dhcp4.MessageType
	giaddr netip.Addr
}

// memory is the last that was heard of a talk, by this node and by others.
type memory struct {
	xid      uint32
	heard    time.Time // zero: not by this node
	answered bool
	repeats  int // how often the same was heard again although it had been answered
	path     dhcp4.Path
	ahead    []storage.NodeID

	reportXID uint32
	reported  time.Time // zero: by nobody else
	by        storage.NodeID
	done      chan struct{} // closed when somebody else has answered; nil if nobody waits
}

func newNeighbours(limit int, cluster string, clock Clock) *neighbours {
	return &neighbours{
		talks: recent.NewMap[talk, *memory](limit),
		paths: recent.NewMap[dhcp4.Path, map[storage.NodeID]int](pathsMax),
		clock: clock, cluster: cluster,
	}
}

func (x Exchange) talk() talk { return talk{x.Client, x.Type, x.GIAddr} }

// memory returns what is remembered of x, made if there is nothing.
func (n *neighbours) memory(x Exchange) *memory {
	m, ok := n.talks.Get(x.talk())
	if !ok {
		m = &memory{}
		n.talks.Put(x.talk(), m)
	}
	return m
}

// reportedFor says whether another node has answered what was heard at that moment.
func (m *memory) reportedFor(xid uint32, heard time.Time) bool {
	return !m.reported.IsZero() && m.reportXID == xid && !m.reported.Before(heard.Add(-sameWindow))
}

// Unanswered implements dhcp4.Ears.
func (n *neighbours) Unanswered(k lease.Key, q *dhcp4.Query) bool {
	x := exchangeOf(n.cluster, q, k)
	n.mu.Lock()
	defer n.mu.Unlock()
	m, ok := n.talks.Get(x.talk())
	if !ok || m.heard.IsZero() || n.clock.Now().Sub(m.heard) > retryWindow {
		return false
	}
	return !m.answered || m.xid == x.XID && m.repeats >= unheardAfter-1
}

// Deaf implements dhcp4.Ears.
func (n *neighbours) Deaf(p dhcp4.Path, id storage.NodeID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	misses, _ := n.paths.Get(p)
	return misses[id] >= deafAfter
}

// note remembers that x was heard, and who should answer it before this node.
func (n *neighbours) note(x Exchange, heard time.Time, p dhcp4.Path, ahead []storage.NodeID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	m := n.memory(x)
	if m.answered && m.xid == x.XID {
		m.repeats++
	} else {
		m.repeats = 0
	}
	m.xid, m.heard, m.path, m.ahead, m.answered, m.done = x.XID, heard, p, ahead, false, nil
	if m.reportedFor(x.XID, heard) {
		m.answered = true
		n.hears(p, m.by)
	}
}

// await gives the nodes ahead their time. It says whether one of them has answered x.
func (n *neighbours) await(ctx context.Context, x Exchange, heard time.Time, ahead []storage.NodeID) bool {
	n.mu.Lock()
	m := n.memory(x)
	if m.reportedFor(x.XID, heard) {
		n.mu.Unlock()
		return true
	}
	done := make(chan struct{})
	m.done = done
	n.mu.Unlock()

	n.clock.Wait(ctx, time.Duration(len(ahead))*takeoverStep, done)

	n.mu.Lock()
	defer n.mu.Unlock()
	m = n.memory(x)
	if m.reportedFor(x.XID, heard) {
		return true
	}
	for _, id := range ahead {
		n.misses(m.path, id)
	}
	return false
}

// answered remembers that this node has answered x.
func (n *neighbours) answered(x Exchange) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if m := n.memory(x); m.xid == x.XID {
		m.answered = true
	}
}

// handled remembers that the node from has answered x. If this node heard x as well, from hears what comes by
// that path, and those before it who had their time do not.
func (n *neighbours) handled(from storage.NodeID, x Exchange) {
	now := n.clock.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	m := n.memory(x)
	m.reportXID, m.reported, m.by = x.XID, now, from
	if m.heard.IsZero() || m.xid != x.XID || now.Sub(m.heard) > retryWindow {
		return
	}
	m.answered = true
	n.hears(m.path, from)
	for i, id := range m.ahead {
		if id == from || now.Sub(m.heard) < time.Duration(i+1)*takeoverStep*3/4 {
			break
		}
		if m.done != nil {
			n.misses(m.path, id)
		}
	}
	if m.done != nil {
		close(m.done)
		m.done = nil
	}
}

// hears notes a sign that node id hears what comes by p.
func (n *neighbours) hears(p dhcp4.Path, id storage.NodeID) {
	misses, _ := n.paths.Get(p)
	delete(misses, id)
}

// misses notes that node id kept silent about what came by p.
func (n *neighbours) misses(p dhcp4.Path, id storage.NodeID) {
	misses, ok := n.paths.Get(p)
	if !ok {
		misses = make(map[storage.NodeID]int)
		n.paths.Put(p, misses)
	}
	misses[id]++
}
