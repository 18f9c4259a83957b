package cluster

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"port67/cluster/ctime"
	peerv1 "port67/proto/peer/v1"
	"port67/storage"
)

const (
	pulseMax  = time.Second
	verifyMax = time.Second
	// aliveMax is how long a member counts as alive after it was last heard of.
	aliveMax = 3 * time.Second
)

// health is what is known of another member's state, from its own pulses or from the leader's answers.
type health struct {
	seen    time.Time // zero: never
	since   time.Time // heard without a gap since then
	applied uint64
	trouble string
	diskLow bool
	voter   bool
	boot    string
	level   uint32
}

// ward is what this node knows of the others' health. While it leads this is first hand.
type ward struct {
	mu      sync.Mutex
	members map[storage.NodeID]health
}

func newWard() *ward {
	return &ward{members: map[storage.NodeID]health{}}
}

func (w *ward) get(id storage.NodeID) health {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.members[id]
}

// heard notes a pulse of a member.
func (w *ward) heard(in *peerv1.PulseRequest, lost time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := storage.NodeID(in.GetSelf().GetId())
	h, now := w.members[id], time.Now()
	if now.Sub(h.seen) > lost || h.boot != in.GetBoot() {
		h.since = now
	}
	h.seen, h.boot = now, in.GetBoot()
	h.applied, h.trouble, h.diskLow = in.GetApplied(), in.GetTrouble(), in.GetDiskLow()
	h.level = in.GetSelf().GetLevel()
	w.members[id] = h
}

// answered notes that a member is alive, and how the leader sees the others.
func (w *ward) answered(from storage.NodeID, applied uint64, others []*peerv1.Health) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	for _, o := range others {
		h := w.members[storage.NodeID(o.GetId())]
		if ago := o.GetSeenMillisAgo(); ago >= 0 {
			h.seen = now.Add(-time.Duration(ago) * time.Millisecond)
		}
		h.applied, h.trouble, h.voter = o.GetApplied(), o.GetTrouble(), o.GetVoter()
		w.members[storage.NodeID(o.GetId())] = h
	}
	h := w.members[from]
	h.seen, h.applied = now, max(h.applied, applied)
	w.members[from] = h
}

// pulse is the goroutine that keeps this node in touch: with the leader, or, when nobody knows who leads,
// with everybody.
func (n *Node) pulse(ctx context.Context) error {
	ticker := time.NewTicker(n.timing.Pulse)
	defer ticker.Stop()
	for {
		n.pulseOnce(ctx)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		case <-n.route.now().changed:
			// At once to a new leader; but not faster than it can answer.
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
}

func (n *Node) pulseOnce(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, pulseMax)
	defer cancel()
	switch way := n.route.now(); {
	case way.ready:
		_, _, _, _ = n.verified(ctx)
	case way.leader != "" && way.leader != n.id:
		first, cancel := context.WithTimeout(ctx, pulseMax/2)
		_, err := n.ask(first, way.leader)
		cancel()
		if err != nil {
			n.askAround(ctx, way.leader)
		}
	default:
		n.askAround(ctx, "")
	}
}

// askAround sends a pulse to all others but one.
func (n *Node) askAround(ctx context.Context, but storage.NodeID) {
	var wg sync.WaitGroup
	for _, m := range n.members.others() {
		if m.ID == but {
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			_, _ = n.ask(ctx, m.ID)
		}()
	}
	wg.Wait()
}

// ask sends one pulse to a member and takes in what it answers.
func (n *Node) ask(ctx context.Context, id storage.NodeID) (*peerv1.PulseReply, error) {
	client, err := n.peers.client(id)
	if err != nil {
		return nil, err
	}
	request := n.pulseRequest()
	sent := n.clock.Now()
	reply, err := client.Pulse(ctx, request)
	if err != nil {
		if status.Code(err) == codes.PermissionDenied {
			n.removed()
		}
		return nil, err
	}
	n.ward.answered(id, reply.GetApplied(), reply.GetHealth())
	if at := n.replica.position().index; reply.GetMembersAt() > at && n.members.learn(reply.GetMembers()) {
		n.membersChanged()
	}
	if reply.GetLeading() {
		n.hearOfOthers(id, reply)
	}
	if reply.GetTerm() < n.raft.CurrentTerm() {
		return reply, nil // Its leadership is over: its clock is no anchor any more.
	}
	if reply.GetLeading() {
		n.time.Hear(reply.GetTerm(), ctime.Millis(reply.GetTimeMillis()), sent)
	} else if reply.GetUpperMillis() > 0 {
		n.time.Tell(ctime.Millis(reply.GetUpperMillis()))
	}
	return reply, nil
}

func (n *Node) pulseRequest() *peerv1.PulseRequest {
	request := &peerv1.PulseRequest{
		Self:      memberOf(n.describe()),
		Applied:   n.replica.position().index,
		LastIndex: n.raft.LastIndex(),
		Trouble:   n.trouble(),
		DiskLow:   n.space.low(),
		Boot:      n.boot,
	}
	request.UpperMillis = n.upperMillis()
	return request
}

// hearOfOthers takes in what a leader knows of the others: how far they have come, itself included, which has
// voted for itself; and that this node gets one snapshot over and over, if this node has seen that, too (G5).
func (n *Node) hearOfOthers(leader storage.NodeID, reply *peerv1.PulseReply) {
	n.memory.note(leader, trail{term: reply.GetTerm(), index: reply.GetApplied(), voted: reply.GetTerm()})
	for _, h := range reply.GetHealth() {
		if id := storage.NodeID(h.GetId()); id != n.id {
			n.memory.note(id, trailOf(h.GetTrail()))
		}
	}
	if at := reply.GetStrandedAt(); at > 0 && n.replica.restoredOften(at) {
		n.abandon(fmt.Errorf("data folder %s: its log and the snapshot of index %d do not fit together, which the "+
			"consensus library cannot mend; if this node does not become a new member by itself, remove it, empty "+
			"the folder and join again", n.folder.Dir(), at))
	}
}

// upperMillis is what this node tells the others of its bound: what it has from a leader, never what others
// told it, or bounds would push each other up for ever.
func (n *Node) upperMillis() int64 {
	bound, _ := n.time.Own()
	return int64(bound)
}

// verified returns the leader's time, the term it is of and the index of its state, all read before a
// majority confirmed that this node leads. It anchors this node's own bounds on the way.
func (n *Node) verified(ctx context.Context) (at ctime.Millis, term, index uint64, err error) {
	if !n.route.now().ready {
		return 0, 0, 0, storage.ErrNoLeader
	}
	position := n.replica.position()
	read := n.clock.Now()
	at, term, ok := n.time.Lead(position.clock)
	if !ok || n.raft.CurrentTerm() != term {
		return 0, 0, 0, storage.ErrNoLeader
	}
	if err := n.verifier.verify(ctx); err != nil {
		return 0, 0, 0, err
	}
	// The confirmation must be of the leadership whose time was read.
	if _, now, ok := n.time.Lead(position.clock); !ok || now != term || n.raft.CurrentTerm() != term {
		return 0, 0, 0, storage.ErrNoLeader
	}
	n.time.Hear(term, at, read)
	return at, term, position.index, nil
}

// verifier shares rounds of heartbeats: whoever asks while one is under way waits for the next.
type verifier struct {
	asks chan chan error
	once func() error
}

func newVerifier(once func() error) *verifier {
	return &verifier{asks: make(chan chan error, 64), once: once}
}

// verify returns nil if this node led at some moment after the call.
func (v *verifier) verify(ctx context.Context) error {
	done := make(chan error, 1)
	select {
	case v.asks <- done:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (v *verifier) run(ctx context.Context) error {
	for {
		var round []chan error
		select {
		case a := <-v.asks:
			round = append(round, a)
		case <-ctx.Done():
			return ctx.Err()
		}
		for len(v.asks) > 0 {
			round = append(round, <-v.asks)
		}
		ended := make(chan error, 1)
		go func() {
			// Twice: the first round may be confirmed by answers that were under way before it was asked for.
			err := v.once()
			if err == nil {
				err = v.once()
			}
			ended <- err
		}()
		var err error
		select {
		case err = <-ended:
		case <-time.After(verifyMax):
			err = storage.ErrNoLeader
		}
		for _, a := range round {
			a <- err
		}
	}
}

// Pulse is part of peerv1.PeerServer.
func (s *service) Pulse(ctx context.Context, in *peerv1.PulseRequest) (*peerv1.PulseReply, error) {
	n := s.n
	if in.GetSelf().GetId() != string(callerOf(ctx)) {
		return nil, status.Error(codes.InvalidArgument, "a pulse speaks for its sender only")
	}
	n.ward.heard(in, n.timing.Lost)
	n.says.note(nodeOf(in.GetSelf()))
	if in.GetUpperMillis() > 0 {
		n.time.Tell(ctime.Millis(in.GetUpperMillis()))
	}
	way := n.route.now()
	position := n.replica.position()
	reply := &peerv1.PulseReply{
		Leader:  string(way.leader),
		Term:    n.raft.CurrentTerm(),
		Applied: position.index,
		Commit:  n.raft.CommitIndex(),
	}
	if position.index > in.GetApplied() {
		reply.MembersAt = position.index
		n.replica.read(func(v storage.View) { reply.Members = membersOf(v.Nodes()) })
	}
	if at, term, index, err := n.verified(ctx); err == nil {
		reply.Leading, reply.Term, reply.TimeMillis, reply.Applied = true, term, int64(at), index
		reply.Health = n.healthList()
		reply.StrandedAt = n.strandedAt(callerOf(ctx))
	}
	reply.UpperMillis = n.upperMillis()
	return reply, nil
}

// healthList is how this node, which leads, sees the others.
func (n *Node) healthList() []*peerv1.Health {
	voters := n.voters()
	var out []*peerv1.Health
	for _, m := range n.members.others() {
		h := n.ward.get(m.ID)
		p := &peerv1.Health{
			Id: string(m.ID), Applied: h.applied, Trouble: h.trouble, Voter: voters[m.ID], SeenMillisAgo: -1,
			Trail: n.memory.get(m.ID).proto(m.ID),
		}
		if !h.seen.IsZero() {
			p.SeenMillisAgo = time.Since(h.seen).Milliseconds()
		}
		out = append(out, p)
	}
	return out
}
