package server

import (
	"context"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"time"

	"port67/server/dhcp4"
	"port67/server/wire4"
	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// Explanation is what would come of a message, and why. Its methods say it in words.
type Explanation struct {
	// Query is the message; zero if it is none.
	Query   dhcp4.Query
	Ingress dhcp4.Ingress
	Outcome Outcome
	// Err is what the outcome comes with, for people; nil if it says all.
	Err error
	// Trace is how the decision came about.
	Trace dhcp4.Trace
	// Payload is the reply, and To where it would go; nil where the answer is silence.
	Payload []byte
	To      dhcp4.Dest
	// Dropped are the codes of the options for which the reply has no room.
	Dropped []uint8
	// Wait is for how long this node would leave the message to others.
	Wait time.Duration
	// Command is what the cluster would be asked, nil if nothing; Result is what it would say.
	Command storage.Command
	Result  storage.Result
	// Extends says that the booking would be raised after the reply.
	Extends bool

	Self storage.NodeID
	// Owner is the node whose part of the clients this one is in.
	Owner storage.NodeID
	// Names are those of the nodes.
	Names map[storage.NodeID]string
	// Clock is the cluster time it is true at, and Revision the configuration's.
	Clock    lease.Instant
	Revision uint64
	Config   *config.Compiled
	// Leases are what the client's keys hold or held on its link.
	Leases []lease.Lease
	// Pools are those of the client's link.
	Pools []PoolUse
}

// PoolUse is a pool, and how it stands for a client.
type PoolUse struct {
	Pool *config.CompiledPool
	Open bool
	Use  lease.Usage
}

// Explain4 says what would come of a datagram if this node heard it now, and why. It carries the message
// along the straight line that Serve4 goes, with ports behind which there is nothing: what the cluster would
// say is foretold by the code of Apply, the reply is kept, waiting takes no time, and what is on offer and
// what was noticed of the neighbours are copies. Nothing is sent, nothing is changed.
//
// The limits of the configuration are not looked at: one message alone runs into none of them. An address
// that would be probed first counts as silent.
func (s *Server) Explain4(ctx context.Context, in Datagram) *Explanation {
	x := &Explanation{Ingress: in.Ingress, Self: s.self}
	in.Heard = s.clock.Now()
	x.Query, x.Err = wire4.Parse(in.Payload)
	if x.Err != nil {
		x.Outcome = Malformed
		return x
	}
	key, _ := x.Query.ClientKey()
	r := &rehearsal{clock: s.clock, reader: s.reader, x: x}
	double := New(Options{
		Self: s.self, Cluster: s.cluster, Reader: s.reader, Proposer: r, Timekeeper: s.time, Neighbours: r,
		Sender: r, Observer: r, Clock: r, Logger: slog.New(slog.DiscardHandler),
	})
	double.trace, double.classes, double.offers = &x.Trace, s.classes, s.offers.copied()
	double.probes = s.probes.copied(r)
	double.neighbours = s.neighbours.copied(exchangeOf(s.cluster, &x.Query, key), r)
	x.Outcome, x.Err = double.exchange4(ctx, &x.Query, in)
	if x.Trace.Replied && x.Payload != nil {
		_, x.Dropped = wire4.Encode(x.Trace.Message, nil)
	}
	s.reader.Read(func(v storage.View) { x.look(v, key) })
	return x
}

// look notes what stands around the decision.
func (x *Explanation) look(v storage.View, key lease.Key) {
	x.Clock, x.Revision, x.Config = v.Clock(), v.Revision(), v.Config()
	x.Owner, _ = v.BucketOwner(key.Bucket())
	x.Names = make(map[storage.NodeID]string)
	for _, n := range v.Nodes() {
		x.Names[n.ID] = n.Name
	}
	if x.Trace.Subnet == nil {
		return
	}
	link := x.Trace.Subnet.Link
	keys := []lease.Key{key}
	if r := x.Trace.Reservation; r != nil {
		keys = append(keys, r.Keys...)
	}
	for _, k := range keys {
		for _, l := range v.Held(k) {
			if link.Contains(l.Addr) && !slices.ContainsFunc(x.Leases, func(o lease.Lease) bool {
				return o.Addr == l.Addr
			}) {
				x.Leases = append(x.Leases, l)
			}
		}
	}
	classes := x.Trace.Decision.Classes
	for _, sub := range link.Subnets {
		for _, p := range sub.Pools {
			use := PoolUse{Pool: p, Open: sub.Open(classes) && p.Open(classes)}
			for _, r := range p.Ranges {
				use.Use = use.Use.Add(v.Usage(r))
			}
			x.Pools = append(x.Pools, use)
		}
	}
}

// rehearsal is all ports of a Server whose messages nobody hears.
type rehearsal struct {
	clock  Clock
	reader Reader
	x      *Explanation
}

// Propose implements Proposer: it foretells what the cluster would say.
func (r *rehearsal) Propose(_ context.Context, c storage.Command) (storage.Result, error) {
	r.x.Command = c
	r.reader.Read(func(v storage.View) { r.x.Result = v.Outlook(c) })
	return r.x.Result, nil
}

// Extend implements Proposer.
func (r *rehearsal) Extend(storage.Extend) { r.x.Extends = true }

// Handled implements Neighbours.
func (r *rehearsal) Handled(Exchange) {}

// Send4 implements Sender4: it keeps the reply.
func (r *rehearsal) Send4(_ context.Context, payload []byte, to dhcp4.Dest) error {
	r.x.Payload, r.x.To = slices.Clone(payload), to
	return nil
}

// Now implements Clock.
func (r *rehearsal) Now() time.Time { return r.clock.Now() }

// WithTimeout implements Clock.
func (r *rehearsal) WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return r.clock.WithTimeout(ctx, d)
}

// Wait implements Clock: it takes no time, but notes how much it would take.
func (r *rehearsal) Wait(_ context.Context, d time.Duration, _ <-chan struct{}) { r.x.Wait += d }

// Ended implements Observer, as do those below: nothing of a rehearsal is counted.
func (r *rehearsal) Ended(dhcp4.MessageType, Outcome, time.Duration) {}

// Ignored implements Observer.
func (r *rehearsal) Ignored(int) {}

// Irregular implements Observer.
func (r *rehearsal) Irregular(dhcp4.Irregularity) {}

// ClassErrors implements Observer.
func (r *rehearsal) ClassErrors(int) {}

// Limited implements Observer.
func (r *rehearsal) Limited(Limit) {}

// Omitted implements Observer.
func (r *rehearsal) Omitted(int) {}

// copied returns what is on offer now, to be changed without effect.
func (t *offers) copied() *offers {
	t.mu.Lock()
	defer t.mu.Unlock()
	return &offers{
		byClient: maps.Clone(t.byClient), byAddr: maps.Clone(t.byAddr), held: t.held,
		queue: slices.Clone(t.queue), serial: t.serial, max: t.max,
	}
}

// copied returns what is known of the neighbours and was heard of x, to be changed without effect.
func (n *neighbours) copied(x Exchange, clock Clock) *neighbours {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := newNeighbours(1, n.cluster, clock)
	if m, ok := n.talks.Get(x.talk()); ok {
		heard := *m
		heard.done = nil
		out.talks.Put(x.talk(), &heard)
	}
	for p, misses := range n.paths.All() {
		out.paths.Put(p, maps.Clone(misses))
	}
	return out
}

// node returns what people call a node.
func (x *Explanation) node(id storage.NodeID) string {
	if name := x.Names[id]; name != "" {
		return name
	}
	return string(id)
}

// Address returns the address that the client would have by the reply; invalid if none.
func (x *Explanation) Address() netip.Addr {
	m := &x.Trace.Message
	switch {
	case x.Payload == nil || !x.Trace.Replied, m.YIAddr.IsUnspecified():
		return netip.Addr{}
	}
	return m.YIAddr
}
