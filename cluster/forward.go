package cluster

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"port67/cluster/logcodec"
	peerv1 "port67/proto/peer/v1"
	"port67/storage"
)

const (
	// forwardMax bounds one attempt to have the leader commit a batch.
	forwardMax = 2 * time.Second
	// extendsMax is how many addresses can wait for their booking to be raised.
	extendsMax = 65_536
)

// way is where proposals go now. changed is closed when that is no longer true.
type way struct {
	leader  storage.NodeID // empty: nobody knows
	ready   bool           // this node leads, and has caught up with what was committed before
	changed chan struct{}
}

// router keeps the present way.
type router struct {
	mu  sync.Mutex
	way way
}

func newRouter() *router { return &router{way: way{changed: make(chan struct{})}} }

func (r *router) now() way {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.way
}

// setLeader takes who leads. If that is not self, this node certainly is not ready.
func (r *router) setLeader(leader, self storage.NodeID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.change(leader, r.way.ready && leader == self)
}

// setReady takes whether self leads and has caught up.
func (r *router) setReady(self storage.NodeID, ready bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ready {
		r.change(self, true)
		return
	}
	r.change(r.way.leader, false)
}

func (r *router) change(leader storage.NodeID, ready bool) {
	if r.way.leader == leader && r.way.ready == ready {
		return
	}
	close(r.way.changed)
	r.way = way{leader: leader, ready: ready, changed: make(chan struct{})}
}

// forward has the leader commit batch. Like commit, it returns what is to be tried again.
func (n *Node) forward(ctx context.Context, batch []*proposal, way way) (again []*proposal) {
	request := &peerv1.ForwardRequest{}
	sent := batch[:0]
	for _, p := range batch {
		if p.here { // Its sender will hear of the leader itself.
			err := storage.ErrNoLeader
			if p.doubtful.Load() {
				err = storage.ErrUnknown
			}
			p.end(storage.Result{}, err)
			continue
		}
		b, err := logcodec.EncodeCommand(p.command)
		if err != nil {
			p.end(storage.Result{}, err)
			continue
		}
		request.Commands = append(request.Commands, b)
		sent = append(sent, p)
	}
	if len(sent) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, forwardMax)
	defer cancel()
	go func() { // An answer from a leader that is none any more is not worth waiting for.
		select {
		case <-way.changed:
			cancel()
		case <-ctx.Done():
		}
	}()
	client, err := n.peers.ready(ctx, way.leader)
	if err != nil {
		return giveBack(sent)
	}
	reply, err := client.Forward(ctx, request)
	if err != nil || len(reply.GetOutcomes()) != len(sent) {
		return doubt(sent)
	}
	for i, p := range sent {
		again = append(again, settle(p, reply.GetOutcomes()[i])...)
	}
	return again
}

// settle ends p as the leader says, or returns it to be tried again.
func settle(p *proposal, f *peerv1.Forwarded) []*proposal {
	switch f.GetFate() {
	case peerv1.Fate_FATE_COMMITTED:
		r, err := logcodec.DecodeResult(f.GetResult())
		if err != nil {
			return doubt([]*proposal{p})
		}
		p.end(r, nil)
		return nil
	case peerv1.Fate_FATE_NO_LEADER:
		return giveBack([]*proposal{p})
	case peerv1.Fate_FATE_OVERLOADED:
		p.end(storage.Result{}, &refused{storage.ErrOverloaded, f.GetDetail()})
		return nil
	}
	return doubt([]*proposal{p})
}

// refused is one of storage's errors as another node put it.
type refused struct {
	kind error
	text string
}

func (r *refused) Error() string { return r.text }
func (r *refused) Unwrap() error { return r.kind }

// Forward is part of peerv1.PeerServer: it proposes for another node, and waits for all of it.
func (s *service) Forward(ctx context.Context, in *peerv1.ForwardRequest) (*peerv1.ForwardReply, error) {
	out := &peerv1.ForwardReply{Outcomes: make([]*peerv1.Forwarded, len(in.GetCommands()))}
	proposals := make([]*proposal, len(in.GetCommands()))
	for i, b := range in.GetCommands() {
		c, err := logcodec.DecodeCommand(b)
		if err == nil {
			proposals[i], err = s.n.enqueue(ctx, c, true)
		}
		if err != nil {
			out.Outcomes[i] = outcomeOf(storage.Result{}, err)
		}
	}
	for i, p := range proposals {
		if p != nil {
			out.Outcomes[i] = outcomeOf(s.n.await(p))
		}
	}
	return out, nil
}

func outcomeOf(r storage.Result, err error) *peerv1.Forwarded {
	switch {
	case err == nil:
		b, err := logcodec.EncodeResult(r)
		if err != nil {
			return &peerv1.Forwarded{Fate: peerv1.Fate_FATE_UNKNOWN, Detail: err.Error()}
		}
		return &peerv1.Forwarded{Fate: peerv1.Fate_FATE_COMMITTED, Result: b}
	case errors.Is(err, storage.ErrNoLeader):
		return &peerv1.Forwarded{Fate: peerv1.Fate_FATE_NO_LEADER, Detail: err.Error()}
	case errors.Is(err, storage.ErrUnknown):
		return &peerv1.Forwarded{Fate: peerv1.Fate_FATE_UNKNOWN, Detail: err.Error()}
	}
	return &peerv1.Forwarded{Fate: peerv1.Fate_FATE_OVERLOADED, Detail: err.Error()}
}

// extends collects bookings to raise, the latest wish for each address.
type extends struct {
	mu      sync.Mutex
	waiting map[netip.Addr]storage.Extend
	some    chan struct{} // room for one
}

func newExtends() *extends {
	return &extends{waiting: map[netip.Addr]storage.Extend{}, some: make(chan struct{}, 1)}
}

// Extend queues the raising of a booking and returns at once. The queue holds one place for an address, and
// loses what it has no place for: the client asks again.
func (n *Node) Extend(c storage.Extend) {
	e := n.extends
	e.mu.Lock()
	if _, known := e.waiting[c.Addr]; known || len(e.waiting) < extendsMax {
		e.waiting[c.Addr] = c
	}
	e.mu.Unlock()
	select {
	case e.some <- struct{}{}:
	default:
	}
}

// take returns up to most of what is waiting.
func (e *extends) take(most int) []storage.Extend {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]storage.Extend, 0, min(most, len(e.waiting)))
	for a, c := range e.waiting {
		if len(out) == most {
			break
		}
		out = append(out, c)
		delete(e.waiting, a)
	}
	return out
}

// extend is the goroutine that proposes what Extend has queued, a batch at a time.
func (n *Node) extend(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-n.extends.some:
		}
		timer := time.NewTimer(n.timing.Extend)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		n.flush(ctx)
	}
}

// flush proposes all bookings that wait to be raised. What cannot be committed is dropped: it is lossy.
func (n *Node) flush(ctx context.Context) {
	for ctx.Err() == nil {
		batch := n.extends.take(batchMax)
		if len(batch) == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(ctx, forwardMax)
		var proposals []*proposal
		for _, c := range batch {
			if p, err := n.enqueue(ctx, c, false); err == nil {
				proposals = append(proposals, p)
			}
		}
		for _, p := range proposals {
			_, _ = n.await(p)
		}
		cancel()
	}
}
