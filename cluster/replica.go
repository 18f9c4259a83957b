package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/hashicorp/raft"

	"port67/cluster/journal"
	"port67/cluster/logcodec"
	"port67/storage"
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

	mu      sync.RWMutex
	state   *storage.State
	term    uint64 // of the last entry applied; 0 if it came with a snapshot
	halted  error
	waiters []waiter
}

type waiter struct {
	index uint64
	done  chan struct{}
}

var _ raft.FSM = (*replica)(nil)

func newReplica() *replica { return &replica{state: storage.New()} }

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
	r.term = l.Term
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
	case storage.Found, storage.PutNode, storage.RemoveNode, storage.UseToken, storage.DrainNode,
		storage.SetBuckets:
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
	r.state, r.term = state, 0
	r.journal.Restored(storage.ViewOf(state).Index(), storage.ViewOf(state).Clock())
	r.wake()
	r.onChange()
	return nil
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
