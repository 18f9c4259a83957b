package sim

import (
	"bytes"
	"slices"
	"time"

	"port67/cluster/logcodec"
	"port67/storage"
)

// What follows is a model of the contract of hashicorp/raft, not of its code: terms, votes, logs that are
// replicated and cut back, a leader that is deposed without knowing, entries whose fate nobody knows,
// followers far behind, snapshots at any index. Each message is handled in one moment; between any two a node
// may die.

const (
	beat        = 100 * time.Millisecond
	patienceMin = 300 * time.Millisecond
	patienceMax = 600 * time.Millisecond
	// leaderLease is how long a leader goes on without word from a majority.
	leaderLease = 250 * time.Millisecond
	nobody      = -1
)

// record is an entry of the log; without data it is what a new leader begins with.
type record struct {
	term uint64
	data []byte
}

// raftNode is one node's part in the agreement.
type raftNode struct {
	// On disk. firm is how many records are certainly there.
	term  uint64
	voted int
	log   []record
	firm  int
	saved saved

	// In memory.
	leading  bool
	ready    bool // leads, and has applied what was committed before
	leader   int
	commit   int
	applied  int
	lastTerm uint64 // of the entry that set the state's clock; 0 if that is not known
	heard    time.Duration
	patience time.Duration
	votes    map[int]bool
	next     []int
	match    []int
	acked    []time.Duration
	opening  int // index of the record that this leader began with
	flight   *flight
	queue    []*proposal
	applying bool
}

// saved is a snapshot.
type saved struct {
	index int
	data  []byte
}

// flight is the one entry that a leader has proposed and not seen settled.
type flight struct {
	index     int
	proposals []*proposal
}

func (n *node) last() (index int, term uint64) {
	index = len(n.log)
	return index, n.termAt(index)
}

func (n *node) termAt(index int) uint64 {
	if index == 0 {
		return 0
	}
	return n.log[index-1].term
}

// beats is a node's heart: it leads, or waits to hear from who does.
func (n *node) beats() {
	n.later(beat, n.beats)
	switch {
	case n.leading && !n.hasMajority(func(i int) bool { return n.c.w.now-n.acked[i] <= leaderLease }):
		n.note("leads no more: no majority answers")
		n.follow(n.term, nobody)
	case n.leading:
		for i := range n.c.nodes {
			n.replicate(i)
		}
	case n.c.w.now-n.heard > n.patience:
		n.campaign()
	}
}

// hasMajority says whether a majority of all nodes, this one included, is such.
func (n *node) hasMajority(such func(i int) bool) bool {
	count := 1
	for i := range n.c.nodes {
		if i != n.index && such(i) {
			count++
		}
	}
	return count > len(n.c.nodes)/2
}

func (n *node) campaign() {
	n.follow(n.term+1, nobody)
	n.voted, n.votes = n.index, map[int]bool{}
	n.heard, n.patience = n.c.w.now, n.c.w.between(patienceMin, patienceMax)
	n.note("stands for election of term %d", n.term)
	term := n.term
	lastIndex, lastTerm := n.last()
	if len(n.c.nodes) == 1 {
		n.win()
		return
	}
	n.fsync(func() {
		for _, to := range n.c.nodes {
			if to != n && n.term == term {
				n.send(to, func() { to.vote(n, term, lastIndex, lastTerm) })
			}
		}
	})
}

// vote handles a request for a vote.
func (n *node) vote(from *node, term uint64, lastIndex int, lastTerm uint64) {
	if n.leader != nobody && n.leader != from.index && n.c.w.now-n.heard < patienceMin {
		return // There is a leader: no reason to depose it.
	}
	if term > n.term {
		n.follow(term, nobody)
	}
	index, mine := n.last()
	fresh := lastTerm > mine || lastTerm == mine && lastIndex >= index
	granted := term == n.term && fresh && (n.voted == nobody || n.voted == from.index)
	if granted {
		n.voted, n.heard = from.index, n.c.w.now
	}
	mineNow := n.term
	n.fsync(func() { n.send(from, func() { from.voted4(n.index, mineNow, term, granted) }) })
}

// voted4 takes an answer to campaign.
func (n *node) voted4(from int, theirs, term uint64, granted bool) {
	switch {
	case theirs > n.term:
		n.follow(theirs, nobody)
	case granted && term == n.term && !n.leading && n.voted == n.index:
		n.votes[from] = true
		if n.hasMajority(func(i int) bool { return n.votes[i] }) {
			n.win()
		}
	}
}

func (n *node) win() {
	n.leading, n.leader = true, n.index
	n.note("leads in term %d", n.term)
	n.next, n.match = make([]int, len(n.c.nodes)), make([]int, len(n.c.nodes))
	n.acked = make([]time.Duration, len(n.c.nodes))
	for i := range n.c.nodes {
		n.next[i], n.acked[i] = len(n.log)+1, n.c.w.now
	}
	n.opening = n.append(nil)
}

// follow makes the node a follower of leader in term.
func (n *node) follow(term uint64, leader int) {
	if term > n.term {
		n.term, n.voted = term, nobody
	}
	n.leader = leader
	if !n.leading {
		return
	}
	n.leading, n.ready = false, false
	n.keeper.End()
	if f := n.flight; f != nil {
		n.flight = nil
		for _, p := range f.proposals {
			p.settle(storage.Result{}, storage.ErrUnknown)
		}
	}
	for _, p := range n.queue {
		p.settle(storage.Result{}, storage.ErrNoLeader)
	}
	n.queue = nil
}

// append adds a record to the leader's log and has it replicated.
func (n *node) append(data []byte) (index int) {
	n.log = append(n.log[:len(n.log):len(n.log)], record{n.term, data})
	index = len(n.log)
	n.harden(index, func() {
		n.match[n.index] = max(n.match[n.index], index)
		n.advance()
	})
	for i := range n.c.nodes {
		n.replicate(i)
	}
	return index
}

// harden has the records up to index on disk after a while, and then does do, unless the log has changed.
func (n *node) harden(index int, do func()) {
	term, at := n.term, n.termAt(index)
	if n.firm >= index {
		do()
		return
	}
	n.fsync(func() {
		if len(n.log) < index || n.termAt(index) != at {
			return
		}
		n.firm = max(n.firm, index)
		if n.term == term {
			do()
		}
	})
}

// replicate sends to the node i what it lacks.
func (n *node) replicate(i int) {
	if !n.leading || i == n.index {
		return
	}
	to, term, sent := n.c.nodes[i], n.term, n.c.w.now
	prev := n.next[i] - 1
	if prev < n.applied-n.c.o.TrailingLogs && n.saved.index > prev {
		data, index := n.saved.data, n.saved.index
		n.send(to, func() { to.install(n, term, index, n.termAt(index), data, sent) })
		return
	}
	prevTerm, records, commit := n.termAt(prev), n.log[prev:len(n.log):len(n.log)], n.commit
	n.send(to, func() { to.receive(n, term, prev, prevTerm, records, commit, sent) })
}

// receive handles records from a leader, or none: a heartbeat.
func (n *node) receive(from *node, term uint64, prev int, prevTerm uint64, records []record, commit int,
	sent time.Duration,
) {
	if !n.hears(from, term) {
		return
	}
	if prev > len(n.log) || n.termAt(prev) != prevTerm {
		hint := min(prev, len(n.log)+1)
		n.send(from, func() { from.refused(n.index, term, hint) })
		return
	}
	end := prev + len(records)
	for i, r := range records {
		at := prev + i + 1
		if at <= len(n.log) && n.log[at-1].term == r.term {
			continue
		}
		if at <= n.commit {
			n.c.judge.broken("%s cuts back committed entry %d", n.id, at)
		}
		n.log = append(n.log[:at-1:at-1], records[i:]...)
		n.firm = min(n.firm, at-1)
		break
	}
	if commit = min(commit, end); commit > n.commit {
		n.commit = commit
		n.apply()
	}
	n.harden(end, func() { n.send(from, func() { from.accepted(n.index, term, end, sent) }) })
}

// hears takes it that a leader has spoken; false if it is none any more.
func (n *node) hears(from *node, term uint64) bool {
	if term < n.term {
		theirs := n.term
		n.send(from, func() {
			if theirs > from.term {
				from.follow(theirs, nobody)
			}
		})
		return false
	}
	if n.leading && term > n.term {
		n.note("is deposed by %s", from.id)
	}
	n.follow(term, from.index)
	n.heard, n.patience = n.c.w.now, n.c.w.between(patienceMin, patienceMax)
	return true
}

// install handles a snapshot from a leader.
func (n *node) install(from *node, term uint64, index int, at uint64, data []byte, sent time.Duration) {
	if !n.hears(from, term) {
		return
	}
	if index > n.applied {
		n.note("installs the snapshot of index %d", index)
		n.restore(saved{index, data})
		n.saved = saved{index, data}
		if len(n.log) < index || n.termAt(index) != at {
			n.log = slices.Clone(from.log[:index]) // The model keeps what a snapshot stands for.
		}
		n.firm, n.commit = max(n.firm, index), max(n.commit, index)
	}
	n.fsync(func() { n.send(from, func() { from.accepted(n.index, term, index, sent) }) })
}

// refused takes it that node i lacks what comes before.
func (n *node) refused(i int, term uint64, hint int) {
	if n.leading && term == n.term {
		n.next[i] = max(1, min(hint, n.next[i]-1))
		n.replicate(i)
	}
}

// accepted takes it that node i has the log up to index.
func (n *node) accepted(i int, term uint64, index int, sent time.Duration) {
	if !n.leading || term != n.term {
		return
	}
	n.match[i], n.next[i] = max(n.match[i], index), max(n.next[i], index+1)
	n.acked[i] = max(n.acked[i], sent)
	n.advance()
}

// advance commits what a majority has of this leader's term.
func (n *node) advance() {
	if !n.leading {
		return
	}
	sorted := slices.Sorted(slices.Values(n.match))
	index := sorted[(len(sorted)-1)/2]
	if index > n.commit && n.termAt(index) == n.term {
		n.commit = index
		n.c.judge.committed(n.log[:index])
		n.apply()
		for i := range n.c.nodes {
			n.replicate(i)
		}
	}
}

// apply has the committed records applied, one after the other, each in a moment of its own.
func (n *node) apply() {
	if n.applying || n.applied >= n.commit {
		return
	}
	n.applying = true
	n.later(n.c.lag(), func() {
		n.applying = false
		if n.applied < n.commit {
			n.applyNext()
		}
		n.apply()
	})
}

func (n *node) applyNext() {
	r := n.log[n.applied]
	n.applied++
	index := n.applied
	if r.data == nil {
		if n.leading && index == n.opening && r.term == n.term {
			n.open()
		}
		return
	}
	entry, err := logcodec.Decode(r.data)
	if err != nil {
		n.c.judge.broken("%s cannot read entry %d: %v", n.id, index, err)
		return
	}
	results := n.state.Apply(uint64(index), entry)
	n.lastTerm = r.term
	n.c.judge.appliedBy(n, index)
	if f := n.flight; f != nil && f.index == index && r.term == n.term && n.leading {
		n.flight = nil
		for i, p := range f.proposals {
			p.settle(results[i], nil)
		}
	}
	n.pump()
}

// open begins a leadership as cluster does: the clock goes on from the state's, and nothing is committed
// before a tick that binds this clock to the term.
func (n *node) open() {
	n.keeper.Begin(n.term, storage.ViewOf(n.state).Clock(), n.lastTerm)
	p := &proposal{command: storage.Tick{}}
	term := n.term
	p.then = func() { n.ready = p.err == nil && n.leading && n.term == term }
	n.propose([]*proposal{p})
}

// pump proposes what has gathered while the last entry was in flight.
func (n *node) pump() {
	if !n.ready || n.flight != nil || len(n.queue) == 0 {
		return
	}
	count := min(len(n.queue), 1+n.c.w.chance.IntN(32))
	batch := n.queue[:count:count]
	n.queue = n.queue[count:]
	n.propose(batch)
}

// propose appends one entry with the commands of batch, stamped with the leader's time.
func (n *node) propose(batch []*proposal) {
	now, _, leading := n.keeper.Lead(storage.ViewOf(n.state).Clock())
	if !leading {
		for _, p := range batch {
			p.settle(storage.Result{}, storage.ErrNoLeader)
		}
		return
	}
	e := storage.Entry{At: now.Floor()}
	for _, p := range batch {
		e.Commands = append(e.Commands, p.command)
	}
	data, err := logcodec.Encode(e)
	if err != nil {
		n.c.judge.broken("entry of %s cannot be written: %v", n.id, err)
		return
	}
	n.flight = &flight{proposals: batch}
	n.flight.index = n.append(data)
}

// snapshot saves the state as it is now.
func (n *node) snapshot() {
	var b bytes.Buffer
	if _, err := n.state.Freeze().WriteTo(&b); err != nil {
		n.c.judge.broken("snapshot of %s: %v", n.id, err)
		return
	}
	n.saved = saved{n.applied, b.Bytes()}
}

// restore makes the state that of a snapshot.
func (n *node) restore(s saved) {
	n.state, n.applied, n.lastTerm = storage.New(), 0, 0
	if s.data == nil {
		return
	}
	state, err := storage.Restore(bytes.NewReader(s.data))
	if err != nil {
		n.c.judge.broken("%s cannot restore the snapshot of index %d: %v", n.id, s.index, err)
		return
	}
	n.state, n.applied = state, s.index
}
