package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	peerv1 "port67/proto/peer/v1"
	"port67/storage"
)

// rememberEvery is how often a node writes down what it remembers of the others, if that has changed. Votes
// are written down before they count.
const rememberEvery = time.Second

// keyVoted is where the library keeps the term of the last vote of this node.
const keyVoted = "LastVoteTerm"

// trail is how far a member was seen to come. Whoever acknowledges something in a term, or votes in it, has
// written that term down before, and within a term a member's log only grows: so a member that has less than
// its trail has lost something, and one that has lost nothing never has less.
type trail struct {
	term, index uint64 // the highest index acknowledged to the leader of term, and the latest such term
	voted       uint64 // the latest term in which a vote was granted
}

// merge returns the further of two trails of one member.
func (m trail) merge(o trail) trail {
	voted := max(m.voted, o.voted)
	if o.term > m.term || (o.term == m.term && o.index > m.index) {
		m = o
	}
	m.voted = voted
	return m
}

// exceeds says whether a member that has come to here has lost something, if m is its trail.
func (m trail) exceeds(here trail) bool { return here.merge(m) != here }

func (m trail) proto(id storage.NodeID) *peerv1.Trail {
	return &peerv1.Trail{Id: string(id), Term: m.term, Index: m.index, Voted: m.voted}
}

func trailOf(m *peerv1.Trail) trail {
	return trail{term: m.GetTerm(), index: m.GetIndex(), voted: m.GetVoted()}
}

// memory is what this node remembers of the others (safety.md P15). In memory it is exact for what it has
// seen itself; on the disk it may be rememberEvery old, but for votes.
type memory struct {
	write func(content []byte) error

	mu      sync.Mutex
	trails  map[storage.NodeID]trail
	changed bool
	saving  sync.Mutex // one at a time, so that an older one does not overwrite a newer one
}

func newMemory(content []byte, write func([]byte) error) (*memory, error) {
	m := &memory{write: write, trails: map[storage.NodeID]trail{}}
	var kept peerv1.Trails
	if err := proto.Unmarshal(content, &kept); err != nil {
		return nil, err
	}
	for _, k := range kept.GetTrails() {
		m.trails[storage.NodeID(k.GetId())] = trailOf(k)
	}
	return m, nil
}

// loadTrails reads what this node remembered when it was last up.
func (n *Node) loadTrails() error {
	var content []byte
	if n.folder.Has(fileTrails) {
		var err error
		if content, err = n.folder.ReadFile(fileTrails); err != nil {
			return err
		}
	}
	memory, err := newMemory(content, func(b []byte) error { return n.folder.WriteFile(fileTrails, b) })
	if err != nil {
		return fmt.Errorf("data folder: %s: %w", fileTrails, err)
	}
	n.memory = memory
	return nil
}

func (m *memory) get(id storage.NodeID) trail {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.trails[id]
}

// note takes in that a member has come as far as seen.
func (m *memory) note(id storage.NodeID, seen trail) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old := m.trails[id]; seen.exceeds(old) {
		m.trails[id] = old.merge(seen)
		m.changed = true
	}
}

// save writes down what has changed.
func (m *memory) save() error {
	m.saving.Lock()
	defer m.saving.Unlock()
	m.mu.Lock()
	var all peerv1.Trails
	for id, k := range m.trails {
		all.Trails = append(all.Trails, k.proto(id))
	}
	changed := m.changed
	m.changed = false
	m.mu.Unlock()
	if !changed {
		return nil
	}
	b, err := proto.Marshal(&all)
	if err == nil {
		err = m.write(b)
	}
	if err != nil {
		m.mu.Lock()
		m.changed = true
		m.mu.Unlock()
	}
	return err
}

// forget drops what is remembered of a member that is none any more.
func (m *memory) forget(id storage.NodeID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.trails[id]; ok {
		delete(m.trails, id)
		m.changed = true
	}
}

// remember is the goroutine that writes down what this node remembers of the others.
func (n *Node) remember(ctx context.Context) error {
	for n.idle(ctx, rememberEvery) {
		if err := n.memory.save(); err != nil {
			n.logger.Warn("what this node remembers of the others is not written down", "error", err)
		}
	}
	_ = n.memory.save() // Less will be remembered, and nothing is wrong with this node for it.
	return ctx.Err()
}

// saw notes what a member has acknowledged to this node, which leads. It must not block.
func (n *Node) saw(id storage.NodeID, term, index uint64) {
	n.memory.note(id, trail{term: term, index: index})
}

// sawVote notes a vote for this node before it counts. An error makes it count not at all.
func (n *Node) sawVote(id storage.NodeID, term uint64) error {
	n.memory.note(id, trail{term: term, voted: term})
	return n.memory.save()
}

// fence keeps a node that has just started from voting, and from everything else by which the others could
// come to rely on it, until it knows that its disk has not gone back in time (safety.md P15, §6).
type fence struct {
	opened chan struct{}
	once   sync.Once
}

func newFence() *fence { return &fence{opened: make(chan struct{})} }

func (f *fence) open() { f.once.Do(func() { close(f.opened) }) }

func (f *fence) isOpen() bool {
	select {
	case <-f.opened:
		return true
	default:
		return false
	}
}

// errFenced is what the library is told when it wants to vote for itself too early.
var errFenced = errors.New("not proven yet that the disk has lost nothing; not voting")

// prove is the goroutine that asks all members what they remember of this node. Its vote counts when all have
// answered; or when those who have not answered within timing.Recall may well be dead, and the others make a
// majority with it, without which it could not do anything anyway. It goes on asking the rest.
func (n *Node) prove(ctx context.Context) error {
	began := time.Now()
	answered := map[storage.NodeID]bool{}
	for {
		ask := n.openIfProven(answered, time.Since(began) >= n.timing.Recall)
		if len(ask) == 0 {
			return nil
		}
		if err := n.recallAll(ctx, ask, answered); err != nil {
			n.abandon(err)
			return nil
		}
		wait := 20 * time.Millisecond
		if n.fence.isOpen() {
			wait = n.timing.Recall
		}
		if !n.idle(ctx, wait) {
			return ctx.Err()
		}
	}
}

// openIfProven opens the fence if it may, and returns the members that have not answered yet.
func (n *Node) openIfProven(answered map[storage.NodeID]bool, late bool) (ask []storage.NodeID) {
	ask, proven := n.unproven(answered, late)
	if proven && !n.fence.isOpen() {
		n.logger.Info("nothing lost, as far as the others remember", "asked", len(answered), "silent", len(ask))
		n.fence.open()
	}
	return ask
}

// unproven returns the members that have not answered yet, and whether this node may take part: all voters
// have answered, or, once it is late, enough of them to make a majority together with this node. Who does not
// vote is asked, too, but not waited for: it may be known from long ago only. A node that has just joined
// knows no voters, and waits for everybody.
func (n *Node) unproven(answered map[storage.NodeID]bool, late bool) (ask []storage.NodeID, proven bool) {
	voters := n.voters()
	others, have := 0, 0
	for _, m := range n.members.others() {
		counts := len(voters) == 0 || voters[m.ID]
		if counts {
			others++
		}
		switch {
		case !answered[m.ID]:
			ask = append(ask, m.ID)
		case counts:
			have++
		}
	}
	return ask, have == others || (late && have >= (others+1)/2)
}

// recallAll asks members what they remember, notes who has answered, and returns an error if one of them
// remembers more than this node has.
func (n *Node) recallAll(ctx context.Context, ids []storage.NodeID, answered map[storage.NodeID]bool) error {
	ctx, cancel := context.WithTimeout(ctx, n.timing.Recall)
	defer cancel()
	type answer struct {
		id    storage.NodeID
		trail trail
		err   error
	}
	answers := make(chan answer, len(ids))
	for _, id := range ids {
		go func() {
			m, err := n.recall(ctx, id)
			answers <- answer{id, m, err}
		}()
	}
	for range ids {
		a := <-answers
		if a.err != nil {
			continue
		}
		answered[a.id] = true
		// Read after the answer: what this process has acknowledged meanwhile proves nothing.
		if here := n.trail(); a.trail.exceeds(here) {
			return fmt.Errorf("data folder %s: it ends at log index %d of term %d, last vote in term %d, but node %s "+
				"remembers index %d of term %d and a vote in term %d: %w", n.folder.Dir(), here.index, here.term,
				here.voted, n.nameOf(a.id), a.trail.index, a.trail.term, a.trail.voted, errWentBack)
		}
		n.openIfProven(answered, false) // Not only when the slowest has answered, who may not even count.
	}
	return nil
}

// stranger stops a node that was set back to the time when it was alone: it has nobody to ask. Nobody can
// have become a member without the only voter that there is, and no member gets its certificate before the
// entry that makes it one is committed; so a genuine node that this one does not know proves that it lost
// that entry.
func (n *Node) stranger(id storage.NodeID) {
	voters := n.voters()
	if len(voters) == 1 && voters[n.id] && n.route.now().ready {
		n.halt(fmt.Errorf("data folder %s: knows of no other node, but node %s has called, which is a member: %w; "+
			"stop this node, empty the folder and join again", n.folder.Dir(), id, errWentBack))
	}
}

// trail is how far this node has come.
func (n *Node) trail() trail {
	voted, err := n.store.GetUint64([]byte(keyVoted))
	if err != nil {
		voted = 0 // It has not voted yet.
	}
	return trail{term: n.raft.CurrentTerm(), index: n.raft.LastIndex(), voted: voted}
}

// recall asks one member.
func (n *Node) recall(ctx context.Context, id storage.NodeID) (trail, error) {
	client, err := n.peers.ready(ctx, id)
	if err != nil {
		return trail{}, err
	}
	reply, err := client.Recall(ctx, &peerv1.RecallRequest{})
	if status.Code(err) == codes.PermissionDenied {
		n.removed()
	}
	return trailOf(reply.GetTrail()), err
}

// Recall is part of peerv1.PeerServer.
func (s *service) Recall(ctx context.Context, _ *peerv1.RecallRequest) (*peerv1.RecallReply, error) {
	id := callerOf(ctx)
	return &peerv1.RecallReply{Trail: s.n.memory.get(id).proto(id)}, nil
}
