package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"port67/cluster/logcodec"
	"port67/storage"
)

const (
	queueMax      = 4096
	batchMax      = 512
	batchBytesMax = 128 << 10
	// enqueueMax bounds the wait for the library's queue; commitMax all of the wait for one entry (G7: the
	// library's timeout is only the former).
	enqueueMax = time.Second
	commitMax  = 3 * time.Second
)

// fate is how far a proposal has come. It decides what its caller may believe when time is up.
type fate = int32

const (
	waiting   fate = iota // in the queue, or in it again
	taken                 // being proposed
	abandoned             // the caller has gone
)

// proposal is a command on its way, and the caller that waits for it.
type proposal struct {
	command storage.Command
	ctx     context.Context
	// here says that it was forwarded to this node already: it is not forwarded again.
	here bool
	fate atomic.Int32
	// doubtful says that an earlier attempt may have succeeded.
	doubtful atomic.Bool
	done     chan outcome // room for one
}

type outcome struct {
	result storage.Result
	err    error
}

func (p *proposal) end(r storage.Result, err error) { p.done <- outcome{r, err} }

// take claims p for an attempt, false if its caller has gone.
func (p *proposal) take() bool { return p.fate.CompareAndSwap(waiting, taken) }

// giveBack makes p wait again after an attempt that certainly did nothing.
func (p *proposal) giveBack() { p.fate.CompareAndSwap(taken, waiting) }

// Propose brings c before the cluster and waits until it is committed and applied, or until ctx ends. Any
// node may call it.
//
// Errors, by what the caller may believe:
//
//	storage.ErrNoLeader     c was not proposed; nothing happened
//	storage.ErrOverloaded   c was not proposed; a queue or the disk is full
//	storage.ErrUnknown      c may be committed, now, later or never
//
// A command that means the same when it is applied twice is proposed again, as long as ctx lasts, when its
// fate has become unknown (G8); others are left unknown at once.
func (n *Node) Propose(ctx context.Context, c storage.Command) (storage.Result, error) {
	p, err := n.enqueue(ctx, c, false)
	if err != nil {
		return storage.Result{}, err
	}
	return n.await(p)
}

func (n *Node) enqueue(ctx context.Context, c storage.Command, here bool) (*proposal, error) {
	if err := ctx.Err(); err != nil {
		return nil, storage.ErrNoLeader
	}
	p := &proposal{command: c, ctx: ctx, here: here, done: make(chan outcome, 1)}
	select {
	case n.queue <- p:
		return p, nil
	default:
		return nil, storage.ErrOverloaded
	}
}

func (n *Node) await(p *proposal) (storage.Result, error) {
	select {
	case o := <-p.done:
		return o.result, o.err
	case <-p.ctx.Done():
	case <-n.gone:
	}
	if p.fate.Swap(abandoned) == waiting && !p.doubtful.Load() {
		return storage.Result{}, storage.ErrNoLeader
	}
	select { // It may have ended at the same moment.
	case o := <-p.done:
		return o.result, o.err
	default:
		return storage.Result{}, storage.ErrUnknown
	}
}

// idempotent says whether applying c twice is the same as applying it once, so that it may be proposed again
// when nobody knows whether it was committed.
func idempotent(c storage.Command) bool {
	switch c.(type) {
	case storage.Offer, storage.Bind, storage.Extend, storage.Release, storage.Decline, storage.Conflict,
		storage.Tick, storage.PutNode, storage.RemoveNode, storage.DrainNode, storage.SetLevel, storage.AddToken,
		storage.UseToken, storage.ReplaceNode:
		return true
	}
	return false
}

// propose is the one goroutine that proposes. Whatever is queued while an entry is in flight becomes the next
// one: nothing waits when the node is idle, and under load entries grow by themselves.
func (n *Node) propose(ctx context.Context) error {
	var again []*proposal
	for {
		batch := n.collect(ctx, again)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		way := n.route.now()
		switch {
		case way.ready && n.Serving():
			again = n.commit(ctx, batch)
		case way.leader != "" && way.leader != n.id:
			again = n.forward(ctx, batch, way)
		default:
			again = giveBack(batch)
		}
		if len(again) > 0 {
			n.pause(ctx, way)
		}
	}
}

// collect returns the proposals of the next attempt, those to try again first. All of them are taken. It
// waits for at least one, unless ctx ends.
func (n *Node) collect(ctx context.Context, again []*proposal) []*proposal {
	var batch []*proposal
	size := 0
	add := func(p *proposal) {
		if p.take() {
			batch = append(batch, p)
			size += sizeOf(p.command)
		}
	}
	for _, p := range again {
		add(p)
	}
	for len(batch) == 0 {
		select {
		case p := <-n.queue:
			add(p)
		case <-ctx.Done():
			return nil
		}
	}
	for len(batch) < batchMax && size < batchBytesMax {
		select {
		case p := <-n.queue:
			add(p)
		default:
			return batch
		}
	}
	return batch
}

// sizeOf is about how many octets c takes in the log; it only limits batches.
func sizeOf(c storage.Command) int {
	const fixed = 64
	switch c := c.(type) {
	case storage.SetConfig:
		return fixed + 2*len(c.Source)
	case storage.Bind:
		return fixed + sizeOfClient(c.Client)
	case storage.Offer:
		return fixed + sizeOfClient(c.Client)
	case storage.Extend:
		return fixed + len(c.Key) + len(c.RelayInfo)
	case storage.SetBuckets:
		return 256 * 40
	}
	return 2 * fixed
}

func sizeOfClient(c storage.Client) int {
	return len(c.Key) + len(c.CHAddr) + len(c.Hostname) + len(c.RelayInfo) + 16*len(c.Classes)
}

// pause waits until another attempt has a chance: the way has changed, or a moment has passed.
func (n *Node) pause(ctx context.Context, way way) {
	timer := time.NewTimer(20 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-way.changed:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// commit proposes batch as one entry of this node, which leads, and ends those whose fate is settled. It
// returns the others, to be tried again.
func (n *Node) commit(ctx context.Context, batch []*proposal) (again []*proposal) {
	batch = n.admitted(batch)
	commands := make([]storage.Command, len(batch))
	for i, p := range batch {
		commands[i] = p.command
	}
	results, err := n.commitEntry(ctx, commands)
	switch {
	case err == nil:
		for i, p := range batch {
			p.end(results[i], nil)
		}
	case errors.Is(err, storage.ErrNoLeader):
		return giveBack(batch)
	case errors.Is(err, storage.ErrUnknown):
		return doubt(batch)
	default:
		return encodable(batch)
	}
	return nil
}

// encodable ends the proposals that cannot be written down and returns the others, which must not suffer for
// them.
func encodable(batch []*proposal) (again []*proposal) {
	for _, p := range batch {
		if _, err := logcodec.EncodeCommand(p.command); err != nil {
			p.end(storage.Result{}, err)
			continue
		}
		again = append(again, p)
	}
	return giveBack(again)
}

// doubt sorts proposals that may or may not have been committed: those that may be proposed again are
// returned.
func doubt(batch []*proposal) (again []*proposal) {
	for _, p := range batch {
		if !idempotent(p.command) {
			p.end(storage.Result{}, storage.ErrUnknown)
			continue
		}
		p.doubtful.Store(true)
		again = append(again, p)
	}
	return giveBack(again)
}

func giveBack(batch []*proposal) []*proposal {
	for _, p := range batch {
		p.giveBack()
	}
	return batch
}

// admitted ends the proposals that this leader may not take and returns the rest: commands that not all
// members can read (P16), commands that cannot be encoded, and new bindings on a disk that is nearly full
// (G4).
func (n *Node) admitted(batch []*proposal) []*proposal {
	level := uint32(0)
	n.replica.read(func(v storage.View) { level = v.Level() })
	kept := batch[:0]
	for _, p := range batch {
		err := n.space.admit(p.command)
		if need := storage.MinLevel(p.command); err == nil && need > level && level > 0 {
			err = fmt.Errorf("%w: %T needs feature level %d, the cluster is at %d; upgrade all nodes first",
				storage.ErrOverloaded, p.command, need, level)
		}
		if err != nil {
			p.end(storage.Result{}, err)
			continue
		}
		kept = append(kept, p)
	}
	return kept
}

// commitEntry stamps commands, proposes them as one entry and waits until it is applied here. It must only be
// called while this node leads.
func (n *Node) commitEntry(ctx context.Context, commands []storage.Command) ([]storage.Result, error) {
	if len(commands) == 0 {
		return nil, nil
	}
	now, _, leading := n.time.Lead(n.replica.position().clock)
	if !leading {
		return nil, storage.ErrNoLeader
	}
	data, err := logcodec.Encode(storage.Entry{At: now.Floor(), Commands: commands})
	if err != nil {
		return nil, err
	}
	began := time.Now()
	future := n.raft.Apply(data, enqueueMax)
	err = settled(ctx, future)
	switch {
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrEnqueueTimeout),
		errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return nil, storage.ErrNoLeader
	case err != nil:
		return nil, storage.ErrUnknown
	}
	results, ok := future.Response().([]storage.Result)
	if !ok || len(results) != len(commands) {
		return nil, storage.ErrUnknown // The replica has halted; the node is about to stop.
	}
	n.observer.Committed(len(commands), time.Since(began))
	return results, nil
}

// errUnsettled means that a future of the library was not settled in time: what it stands for may still
// happen.
var errUnsettled = errors.New("not settled in time")

// settled waits until a future of the library is settled, ctx ends, or commitMax has passed. The timeouts
// that the library takes bound only its queues (G7): behind a disk that hangs a future is never settled.
func settled(ctx context.Context, f raft.Future) error {
	ended := make(chan error, 1)
	go func() { ended <- f.Error() }()
	deadline := time.NewTimer(commitMax)
	defer deadline.Stop()
	select {
	case err := <-ended:
		return err
	case <-deadline.C:
	case <-ctx.Done():
	}
	return errUnsettled
}
