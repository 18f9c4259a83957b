package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"port67/cluster/trust"
	"port67/storage"
)

const (
	// trailingLogs is how many entries are kept behind a snapshot (G5), unless they are too large: a follower
	// that is less far behind is fed entries, and never gets a snapshot on top of a suffix that diverges,
	// which the library cannot do.
	trailingLogs = 65_536
	// rpcTimeout bounds one call of Raft to another node.
	rpcTimeout = 2 * time.Second
	// installsMax is how often one snapshot may be sent to one node before something is wrong (G5).
	installsMax = 3
)

// raftConfig is the library's settings.
//
// CommitTimeout is short because followers learn what is committed only with the next message (G11). The
// leader's lease is shorter than the election timeout, so that a leader that is cut off stops before another
// begins. When a snapshot is due is for trim to say: the library counts entries and not octets.
func raftConfig(id string, t Timing, logger hclog.Logger, led chan<- bool) *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(id)
	c.HeartbeatTimeout = t.Heartbeat
	c.ElectionTimeout = t.Heartbeat
	c.LeaderLeaseTimeout = t.Heartbeat * 5 / 6
	c.CommitTimeout = 10 * time.Millisecond
	c.MaxAppendEntries = 32
	c.TrailingLogs = trailingLogs
	c.SnapshotThreshold = math.MaxUint64
	c.SnapshotInterval = 30 * time.Second
	c.ShutdownOnRemove = false // A removed leader is told so by lead.go, not by silence.
	c.NotifyCh = led
	c.Logger = logger
	c.NoLegacyTelemetry = true
	return c
}

// guarded is the transport that the library gets to see: the network one with the guards of safety.md §5.
type guarded struct {
	*raft.NetworkTransport
	// stuck says for how long a write of the log has been in flight.
	stuck func() time.Duration
	slow  time.Duration
	// fenced says that this node must not ask for votes yet.
	fenced func() bool
	// onInstalls hears of a node that was sent one snapshot too often.
	onInstalls func(id raft.ServerID, index uint64)
	// onAck hears of everything that a node has acknowledged in a term; an index of 0 is the term alone. onVote
	// hears of every vote for this node, before it counts.
	onAck  func(id storage.NodeID, term, index uint64)
	onVote func(id storage.NodeID, term uint64) error

	mu       sync.Mutex
	installs map[raft.ServerID]installs
}

type installs struct {
	index uint64
	count int
}

var (
	// Without pre-vote a node that was cut off deposes the leader when it comes back, and the library only
	// logs that the transport lacks it (G9). The compiler is the assertion.
	_ raft.WithPreVote = (*guarded)(nil)
	_ raft.WithClose   = (*guarded)(nil)
	_ raft.Transport   = (*guarded)(nil)
)

// SetHeartbeatHandler does nothing, on purpose (G1): the fast path would run heartbeats beside the main loop,
// where a deposed leader can be made to write entries under the new term. Without a handler heartbeats go the
// way of all other calls.
func (g *guarded) SetHeartbeatHandler(func(raft.RPC)) {}

// errDiskStuck is what the library is told instead of letting it call others while the disk hangs (G3): it is
// then as silent as a node that is dead, and the others elect.
var errDiskStuck = errors.New("a write of the log is taking too long; keeping silent so that others can lead")

func (g *guarded) check() error {
	if g.stuck() > g.slow {
		return errDiskStuck
	}
	return nil
}

func (g *guarded) mayVote() error {
	if g.fenced() {
		return errFenced
	}
	return g.check()
}

// AppendEntries is part of raft.Transport.
func (g *guarded) AppendEntries(id raft.ServerID, to raft.ServerAddress, args *raft.AppendEntriesRequest,
	reply *raft.AppendEntriesResponse,
) error {
	if err := g.check(); err != nil {
		return err
	}
	err := g.NetworkTransport.AppendEntries(id, to, args, reply)
	if err == nil && reply.Success {
		index := args.PrevLogEntry
		if n := len(args.Entries); n > 0 {
			index = args.Entries[n-1].Index
		}
		g.onAck(storage.NodeID(id), args.Term, index)
	}
	return err
}

// RequestVote is part of raft.Transport.
func (g *guarded) RequestVote(id raft.ServerID, to raft.ServerAddress, args *raft.RequestVoteRequest,
	reply *raft.RequestVoteResponse,
) error {
	if err := g.mayVote(); err != nil {
		return err
	}
	err := g.NetworkTransport.RequestVote(id, to, args, reply)
	if err == nil && reply.Granted {
		err = g.onVote(storage.NodeID(id), args.Term)
	}
	return err
}

// RequestPreVote is part of raft.WithPreVote.
func (g *guarded) RequestPreVote(id raft.ServerID, to raft.ServerAddress, args *raft.RequestPreVoteRequest,
	reply *raft.RequestPreVoteResponse,
) error {
	if err := g.mayVote(); err != nil {
		return err
	}
	return g.NetworkTransport.RequestPreVote(id, to, args, reply)
}

// TimeoutNow is part of raft.Transport.
func (g *guarded) TimeoutNow(id raft.ServerID, to raft.ServerAddress, args *raft.TimeoutNowRequest,
	reply *raft.TimeoutNowResponse,
) error {
	if err := g.check(); err != nil {
		return err
	}
	return g.NetworkTransport.TimeoutNow(id, to, args, reply)
}

// InstallSnapshot is part of raft.Transport. It counts: the same snapshot again and again for the same node
// means that the node cannot take it (G5).
func (g *guarded) InstallSnapshot(id raft.ServerID, to raft.ServerAddress, args *raft.InstallSnapshotRequest,
	reply *raft.InstallSnapshotResponse, data io.Reader,
) error {
	if err := g.check(); err != nil {
		return err
	}
	g.countInstall(id, args.LastLogIndex)
	err := g.NetworkTransport.InstallSnapshot(id, to, args, reply, data)
	if err == nil && reply.Success {
		g.onAck(storage.NodeID(id), args.Term, args.LastLogIndex)
	}
	return err
}

func (g *guarded) countInstall(id raft.ServerID, index uint64) {
	g.mu.Lock()
	n := g.installs[id]
	if n.index != index {
		n = installs{index: index}
	}
	n.count++
	g.installs[id] = n
	g.mu.Unlock()
	if n.count >= installsMax {
		g.onInstalls(id, index)
	}
}

// newTransport puts Raft on n's peer port. MaxRPCsInFlight 1 turns pipelining off, which can stall for good
// after one refusal (G2). Nobody is let in before the fence is open.
func newTransport(lane net.Listener, dial dialer, n *Node, logger hclog.Logger) *guarded {
	return &guarded{
		NetworkTransport: raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
			ServerAddressProvider: n.members,
			Logger:                logger,
			Stream:                &stream{Listener: lane, dial: dial, fence: n.fence, closed: make(chan struct{})},
			MaxPool:               3,
			MaxRPCsInFlight:       1,
			Timeout:               rpcTimeout,
		}),
		stuck:      n.store.Stuck,
		slow:       n.timing.DiskSlow,
		fenced:     func() bool { return !n.fence.isOpen() },
		onInstalls: n.installsAlarm,
		onAck:      n.saw,
		onVote:     n.sawVote,
		installs:   map[raft.ServerID]installs{},
	}
}

type dialer func(ctx context.Context, addr, want, proto string) (net.Conn, error)

// stream is raft.StreamLayer on the peer port. Its addresses are ID@HOST:PORT, so that a call reaches the
// node that is meant and no other that happens to live at the address.
type stream struct {
	net.Listener
	dial   dialer
	fence  *fence
	closed chan struct{}
	once   sync.Once
}

// Accept is part of net.Listener. A node that may have lost something hears nothing of Raft: it must neither
// vote nor acknowledge. Those who call wait, and fare as if the node were dead.
func (s *stream) Accept() (net.Conn, error) {
	select {
	case <-s.fence.opened:
		return s.Listener.Accept()
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

// Close is part of net.Listener.
func (s *stream) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.Listener.Close()
}

// Dial is part of raft.StreamLayer.
func (s *stream) Dial(to raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	id, addr, ok := strings.Cut(string(to), "@")
	if !ok {
		return nil, fmt.Errorf("peer address %q: wants ID@HOST:PORT", to)
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return s.dial(ctx, addr, id, trust.ProtoRaft)
}

// raftAddr is the address of a node as stream wants it.
func raftAddr(id, addr string) raft.ServerAddress { return raft.ServerAddress(id + "@" + addr) }

// raftLogger lets the library speak through slog, one step quieter: what it calls information is about its
// own insides.
func raftLogger(to *slog.Logger) hclog.Logger {
	logger := hclog.NewInterceptLogger(&hclog.LoggerOptions{Output: io.Discard, Level: hclog.Debug})
	logger.RegisterSink(&sink{to: to})
	return logger
}

type sink struct{ to *slog.Logger }

// Accept is part of hclog.SinkAdapter.
func (s *sink) Accept(name string, level hclog.Level, text string, args ...any) {
	quieter := slog.LevelDebug
	switch level {
	case hclog.Error:
		quieter = slog.LevelWarn
	case hclog.Warn:
		quieter = slog.LevelInfo
	}
	s.to.Log(context.Background(), quieter, text, append([]any{"from", "raft"}, args...)...)
}
