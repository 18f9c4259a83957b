package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"port67/cluster/feed"
	"port67/cluster/journal"
	"port67/cluster/logcodec"
	peerv1 "port67/proto/peer/v1"
	"port67/storage"
	"port67/storage/history"
	"port67/storage/lease"
)

// replica is this node's copy of the state, and the only place that changes it: raft.FSM for storage.State.
//
// It decodes, applies and publishes, and nothing else. What it cannot read halts it for good (safety.md
// P16): a node that skipped an entry would go on with another state than the rest.
type replica struct {
	onChange func()      // members or buckets may have changed; must not block
	onHalt   func(error) // the node must stop serving; must not block
	journal  *journal.Journal
	feed     *feed.Feed
	touched  []netip.Addr // by the entry being applied

	mu      sync.RWMutex
	state   *storage.State
	term    uint64 // of the last entry applied; 0 if it came with a snapshot
	halted  error
	waiters []waiter
	octets  uint64 // of the entries applied since the last snapshot
	// restored is the index of the last snapshot that was restored, restores how often in a row.
	restored uint64
	restores int
}

type waiter struct {
	index uint64
	done  chan struct{}
}

var _ raft.FSM = (*replica)(nil)

func newReplica() *replica { return &replica{state: storage.New(), feed: feed.New(feedMax)} }

// feedMax is how many changes of leases a follower may be behind: some seconds of the heaviest load.
const feedMax = 65_536

// Apply is part of raft.FSM: it returns []storage.Result, or the error that halted the replica.
func (r *replica) Apply(l *raft.Log) any {
	entry, err := logcodec.Decode(l.Data)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.halted != nil {
		return r.halted
	}
	if err != nil {
		r.halted = fmt.Errorf("log entry %d: %w", l.Index, err)
		r.onHalt(r.halted)
		return r.halted
	}
	results := r.state.Apply(l.Index, entry)
	r.journal.Applied(l.Index, entry, results, storage.ViewOf(r.state).Clock())
	if r.feed.Followed() {
		r.touched = history.Touched(r.touched[:0], entry, results)
		r.feed.Note(r.touched)
	}
	r.term = l.Term
	r.octets += uint64(len(l.Data))
	r.wake()
	for _, c := range entry.Commands {
		if concernsMembers(c) {
			r.onChange()
			break
		}
	}
	return results
}

// concernsMembers says whether c may change who belongs to the cluster, or who does what in it.
func concernsMembers(c storage.Command) bool {
	switch c.(type) {
	case storage.Found, storage.PutNode, storage.RemoveNode, storage.ReplaceNode, storage.UseToken,
		storage.DrainNode, storage.SetBuckets:
		return true
	}
	return false
}

// wake lets go who waits for an index that is reached.
func (r *replica) wake() {
	index := storage.ViewOf(r.state).Index()
	kept := r.waiters[:0]
	for _, w := range r.waiters {
		if w.index <= index {
			close(w.done)
		} else {
			kept = append(kept, w)
		}
	}
	r.waiters = kept
}

// Snapshot is part of raft.FSM. It blocks Apply, so it only freezes (safety.md G12).
func (r *replica) Snapshot() (raft.FSMSnapshot, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.halted != nil {
		return nil, r.halted
	}
	v := storage.ViewOf(r.state)
	return frozen{r.state.Freeze(), v.Index(), v.Clock(), r.journal}, nil
}

// Restore is part of raft.FSM.
func (r *replica) Restore(from io.ReadCloser) error {
	defer from.Close()
	state, err := storage.Restore(bufio.NewReaderSize(from, 1<<16))
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.halted != nil {
		return r.halted
	}
	r.state, r.term, r.octets = state, 0, 0
	if index := storage.ViewOf(state).Index(); index != r.restored {
		r.restored, r.restores = index, 0
	}
	r.restores++
	r.journal.Restored(storage.ViewOf(state).Index(), storage.ViewOf(state).Clock())
	r.feed.Break()
	r.wake()
	r.onChange()
	return nil
}

// restoredOften says whether the snapshot of log index was restored again and again and nothing was applied
// since (G5). The state may be of an earlier index: not every entry of the log is for it.
func (r *replica) restoredOften(index uint64) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.restored <= index && r.restores >= installsMax && storage.ViewOf(r.state).Index() == r.restored
}

// unsaved returns how many octets of log were applied since the last snapshot; saved says that so many of
// them are in a snapshot now.
func (r *replica) unsaved() uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.octets
}

func (r *replica) saved(octets uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.octets -= min(r.octets, octets)
}

// frozen is a state as it was, being written.
type frozen struct {
	state   storage.Frozen
	index   uint64
	clock   lease.Instant
	journal *journal.Journal
}

// Persist is part of raft.FSMSnapshot. The journal comes first, since the log that it could be made of anew
// is cut when the snapshot stands.
func (f frozen) Persist(sink raft.SnapshotSink) error {
	f.journal.Persisting(f.index, f.clock)
	buffer := bufio.NewWriterSize(sink, 1<<16)
	_, err := f.state.WriteTo(buffer)
	if err == nil {
		err = buffer.Flush()
	}
	if err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}

// Release is part of raft.FSMSnapshot.
func (f frozen) Release() {}

// read lends a view of the state. f must be short.
func (r *replica) read(f func(storage.View)) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	f(storage.ViewOf(r.state))
}

// position is where a replica stands.
type position struct {
	index uint64
	clock lease.Instant
	term  uint64
}

// position returns the index and the clock of the state, and the term of the entry that set them (0:
// unknown).
func (r *replica) position() (p position) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	v := storage.ViewOf(r.state)
	return position{index: v.Index(), clock: v.Clock(), term: r.term}
}

// reach waits until the state is at index or beyond.
func (r *replica) reach(ctx context.Context, index uint64) error {
	r.mu.Lock()
	if storage.ViewOf(r.state).Index() >= index {
		r.mu.Unlock()
		return nil
	}
	w := waiter{index: index, done: make(chan struct{})}
	r.waiters = append(r.waiters, w)
	r.mu.Unlock()
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		r.mu.Lock()
		defer r.mu.Unlock()
		for i := range r.waiters {
			if r.waiters[i].done == w.done {
				r.waiters = append(r.waiters[:i], r.waiters[i+1:]...)
				break
			}
		}
		return ctx.Err()
	}
}

// check commits a checkpoint when one is due: the digest of this leader's state, for all to compare with
// their own (G14). Then it asks the others for theirs, because a leader never differs from itself.
func (d *duty) check(ctx context.Context, now time.Time) {
	n := d.n
	var index uint64
	var digest [32]byte
	n.replica.read(func(v storage.View) { index, digest = v.Index(), v.Digest() })
	if index <= d.checkpoint {
		return
	}
	if index-d.checkpoint < checkpointEntries && now.Sub(d.checked) < n.timing.Checkpoint {
		return
	}
	if !d.propose(ctx, storage.Checkpoint{Index: index, Digest: digest}) {
		return
	}
	// The checkpoint is an entry itself; without it on the account an idle cluster would check its checks.
	d.checked, d.checkpoint = now, n.replica.position().index
	n.compare(ctx, index)
}

// watchDigest is the goroutine that looks whether this node's state has parted from the leader's.
func (n *Node) watchDigest(ctx context.Context) error {
	compared := uint64(0)
	for n.idle(ctx, n.timing.Pulse) {
		var index uint64
		var parted bool
		n.replica.read(func(v storage.View) { index, _, _, parted = v.Divergence() })
		if parted && index != compared {
			compared = index
			n.compare(ctx, index)
		}
	}
	return ctx.Err()
}

// compare asks all members for their digest after index. If a majority of the voters has another one than
// this node, this node is wrong, whether it leads or not, and stops serving. If there is no majority, a
// node that does not lead believes the leader.
func (n *Node) compare(ctx context.Context, index uint64) {
	var own [32]byte
	var known bool
	n.replica.read(func(v storage.View) { own, known = v.DigestAt(index) })
	if !known {
		return
	}
	votes := n.digests(ctx, index)
	votes[n.id] = own
	voters := n.voters()
	count := map[[32]byte]int{}
	for id, digest := range votes {
		if voters[id] {
			count[digest]++
		}
	}
	if len(count) < 2 {
		return
	}
	n.logger.Error("states have parted", "index", index, "digests", len(count), "like_this_node", count[own])
	most, leader := len(voters)/2+1, n.route.now().leader
	for digest, c := range count {
		if c >= most && digest != own {
			n.diverged(index)
			return
		}
	}
	if theirs, ok := votes[leader]; ok && count[own] < most && theirs != own {
		n.diverged(index)
	}
}

// digests asks the others, those that do not know yet a second time.
func (n *Node) digests(ctx context.Context, index uint64) map[storage.NodeID][32]byte {
	ctx, cancel := context.WithTimeout(ctx, dutyMax)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	out := map[storage.NodeID][32]byte{}
	for _, m := range n.members.others() {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				client, err := n.peers.client(m.ID)
				if err != nil {
					return
				}
				reply, err := client.DigestAt(ctx, &peerv1.DigestAtRequest{Index: index})
				if err == nil && reply.GetKnown() && len(reply.GetDigest()) == 32 {
					mu.Lock()
					defer mu.Unlock()
					out[m.ID] = [32]byte(reply.GetDigest())
					return
				}
				if err != nil || !n.idle(ctx, 50*time.Millisecond) {
					return
				}
			}
		}()
	}
	wg.Wait()
	return out
}

// diverged makes this node stop serving for good: its state is not the cluster's.
func (n *Node) diverged(index uint64) {
	n.halt(fmt.Errorf("this node's state differs from the others' at log index %d; it serves no more. Remove "+
		"it, empty its data folder %s and join again; keep the folder, it is evidence", index, n.folder.Dir()))
	if n.route.now().ready {
		_ = n.transfer("")
	}
}
