package server

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"log/slog"
	"net/netip"
	"time"

	"port67/server/dhcp4"
	"port67/storage"
	"port67/storage/history"
	"port67/storage/lease"
)

// Datagram is one UDP payload as a listener heard it. Payload is only valid during the call it is passed to.
type Datagram struct {
	Payload []byte
	Ingress dhcp4.Ingress
	// Heard is the kernel's wall-clock time of receipt. It is used for nothing but the packet's age
	// (safety.md P11): the clock may step, and a packet from the future counts as old.
	Heard time.Time
}

// Reader lends a View of the replicated state. f must be short and must not call a port.
type Reader interface {
	Read(f func(storage.View))
}

// Proposer brings commands before the cluster.
type Proposer interface {
	// Propose waits until c is committed and applied. An error means: say nothing to the client.
	Propose(ctx context.Context, c storage.Command) (storage.Result, error)
	// Extend queues the raising of a booking and returns at once. The queue holds one place for an
	// address and may lose what it holds.
	Extend(c storage.Extend)
}

// Timekeeper knows bounds of cluster time without asking anyone.
type Timekeeper interface {
	// Upper returns a moment that cluster time has certainly not passed, and false if this node has no
	// anchor for one: then nothing is answered from its own knowledge.
	Upper() (lease.Instant, bool)
	// InTouch says whether this node has heard from the leader within the last 3 s, so that it may offer.
	InTouch() bool
}

// Neighbours is what the nodes tell each other about exchanges.
type Neighbours interface {
	// Handled tells the other nodes that this one has answered an exchange. It does not wait.
	Handled(x Exchange)
}

// Changes is what this node knows of the changes of leases that it applies: which addresses changed lately,
// by the numbers of the changes, and what its journal says of longer ago. Only History waits for anything.
type Changes interface {
	// Follow begins to follow and returns the number of the next change; Unfollow ends that.
	Follow() (next uint64)
	Unfollow()
	// After appends the addresses of the changes from number next on, at most so many, and returns the number
	// that is next then. It is false if changes were missed.
	After(dst []netip.Addr, next uint64, most int) ([]netip.Addr, uint64, bool)
	// Grown returns a channel that is closed when there is a change of number next.
	Grown(next uint64) <-chan struct{}
	// Note adds changes that the clock alone made.
	Note(addrs []netip.Addr)
	// History answers from the journal what happened to leases.
	History(ctx context.Context, q history.Query) (history.Page, error)
}

// Clock is the time of this machine. It decides about the age of packets and about waiting for neighbours,
// never about leases.
type Clock interface {
	// Now returns wall time, to be compared with Datagram.Heard.
	Now() time.Time
	// WithTimeout bounds ctx by d; the simulator bounds it by its own time.
	WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc)
	// Wait returns after d, or earlier when done is closed or ctx ends.
	Wait(ctx context.Context, d time.Duration, done <-chan struct{})
}

// Turns is how exchanges share the processor: an exchange that is going to wait for the log or for other
// nodes lets others have its turn. Rest does not wait; Resume does, until it is the exchange's turn again,
// and follows each Rest. settled says that the exchange comes with the word of the log.
type Turns interface {
	Rest()
	Resume(settled bool)
}

// Sender4 puts a DHCPv4 reply on the wire.
type Sender4 interface {
	Send4(ctx context.Context, payload []byte, to dhcp4.Dest) error
}

// Observer is told how every exchange ended, and what was left out on the way. It must not block.
type Observer interface {
	Ended(kind dhcp4.MessageType, o Outcome, took time.Duration)
	// Ignored counts options of a message that were malformed or cut off (V4-015, V4-016).
	Ignored(options int)
	// Irregular counts a message that is treated as if nothing were wrong with it (V4-114, V4-153), however
	// it ends.
	Irregular(dhcp4.Irregularity)
	// ClassErrors counts tests of classes that failed and were taken as false.
	ClassErrors(tests int)
	// Limited counts a message that was dropped by a limit; it ends as RateLimited.
	Limited(Limit)
	// Omitted counts options of a reply that found no room in it (V4-037, V4-055).
	Omitted(options int)
}

// Exchange names one message of one client: retransmissions of it have the same name.
type Exchange struct {
	Client uint64 // hash of the cluster's ID and the client's key
	XID    uint32
	Type   dhcp4.MessageType
	GIAddr netip.Addr // 0.0.0.0 if not relayed
}

// exchangeOf names the message q of the client k. All nodes of a cluster use the same name. Nobody is to
// find a client identifier that goes by the name of another client, whose messages would then be taken as
// answered: without the cluster's ID there is nothing to look for, and with it there are 2^64 to try.
func exchangeOf(cluster string, q *dhcp4.Query, k lease.Key) Exchange {
	var scratch [320]byte
	b := append(scratch[:0], byte(len(cluster)))
	b = append(append(b, cluster...), k...)
	sum := sha256.Sum256(b)
	x := Exchange{
		Client: binary.BigEndian.Uint64(sum[:]), XID: q.XID, Type: q.Type, GIAddr: netip.IPv4Unspecified(),
	}
	if q.Relayed() {
		x.GIAddr = q.GIAddr
	}
	return x
}

// Options is what a Server needs. Ports but Turns and Changes, Self, Cluster and Logger are required; a limit
// of 0 takes its default.
type Options struct {
	Self       storage.NodeID
	Cluster    string // ID of the cluster; the nodes name exchanges by it
	Reader     Reader
	Proposer   Proposer
	Timekeeper Timekeeper
	Neighbours Neighbours
	Sender     Sender4
	Turns      Turns // nil: nobody waits for a turn
	Observer   Observer
	Clock      Clock
	Logger     *slog.Logger
	Changes    Changes // nil: active leasequeries are not answered
	// Prober asks whether addresses are in use; nil: nobody is asked.
	Prober Prober

	OffersMax    int // addresses on offer at once; 65 536
	ExchangesMax int // exchanges under way at once; 16 384
	TalksMax     int // clients' messages remembered to tell retransmissions; 65 536
}

// Server answers clients. Its methods may be called from any number of goroutines.
type Server struct {
	self     storage.NodeID
	cluster  string
	trace    *dhcp4.Trace // is told how decisions come about; nil but in a rehearsal
	reader   Reader
	proposer Proposer
	time     Timekeeper
	peers    Neighbours
	sender   Sender4
	turns    Turns
	observer Observer
	clock    Clock
	log      *slog.Logger
	changes  Changes
	lapses   lapses

	inflight   *inflight
	offers     *offers
	classes    *classes
	rates      *rates
	talkers    talkers
	neighbours *neighbours
	warnings   warnings
	probes     *probes
	foreign    foreign
	clones     *clones
}

// New returns a Server on the ports of o.
func New(o Options) *Server {
	limit := func(n, otherwise int) int {
		if n > 0 {
			return n
		}
		return otherwise
	}
	if o.Turns == nil {
		o.Turns = noTurns{}
	}
	return &Server{
		self: o.Self, cluster: o.Cluster,
		reader: o.Reader, proposer: o.Proposer, time: o.Timekeeper, peers: o.Neighbours,
		sender: o.Sender, turns: o.Turns, observer: o.Observer, clock: o.Clock, log: o.Logger, changes: o.Changes,
		inflight:   newInflight(limit(o.ExchangesMax, 16_384)),
		offers:     newOffers(limit(o.OffersMax, 65_536)),
		classes:    &classes{log: o.Logger, clock: o.Clock},
		rates:      newRates(),
		clones:     newClones(),
		neighbours: newNeighbours(limit(o.TalksMax, 65_536), o.Cluster, o.Clock),
		probes:     newProbes(o.Clock, o.Prober),
	}
}

// noTurns is for those who serve one message at a time.
type noTurns struct{}

func (noTurns) Rest()       {}
func (noTurns) Resume(bool) {}

// HandledBy takes the word of another node that it has answered x.
func (s *Server) HandledBy(from storage.NodeID, x Exchange) { s.neighbours.handled(from, x) }
