package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/raft"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"port67/cluster/ctime"
	"port67/cluster/journal"
	"port67/cluster/trust"
	"port67/storage"
	"port67/storage/disk"
	"port67/storage/lease"
)

// Why a node ends by itself.
var (
	// ErrRemoved means that an operator has ended this node's membership.
	ErrRemoved = errors.New("this node was removed from the cluster; empty its data folder and join again to " +
		"make it a new member")
	errDiskHung = errors.New("the disk does not answer")
)

// The small files of the data folder.
const (
	fileNodeID    = "node-id"
	fileClusterID = "cluster-id"
	filePair      = "node.pem" // certificate and key in one, so that they change in one step
	fileCA        = "ca.crt"
	fileMembers   = "members" // of the cluster when this node joined
	fileDrained   = "drained-by-stop"
	fileRemoved   = "removed"
	fileTrails    = "trails"    // what this node remembers of the others
	fileSuccessor = "successor" // the ID that this node has next, while it is giving up its membership
)

// Node is one member of the cluster. It owns every goroutine of this package.
type Node struct {
	id        storage.NodeID
	cluster   string
	boot      string // made anew at each start
	info      NodeInfo
	timing    Timing
	limits    LogLimits
	logger    *slog.Logger
	clock     ctime.Clock
	onHandled func(from storage.NodeID, h Handled)
	observer  Observer

	folder    *disk.Folder
	store     *disk.Log
	snapshots *disk.Snapshots
	keeper    *trust.Keeper
	port      *trust.Port
	raft      *raft.Raft
	started   atomic.Pointer[raft.Raft] // raft again, for those whom Raft itself calls while it starts
	transport *guarded
	led       chan bool

	replica  *replica
	members  *directory
	peers    *peers
	route    *router
	queue    chan *proposal
	extends  *extends
	time     *ctime.Keeper
	verifier *verifier
	ward     *ward
	says     *sayings
	space    *space
	memory   *memory
	fence    *fence
	// leaving says that this node is about to become another member, so that the end of this membership is no
	// news; replacing is held while another node is.
	leaving   atomic.Bool
	replacing sync.Mutex
	journal   *journal.Journal // nil: none is kept

	lost    chan error    // why this node must become another member; room for one
	changed chan struct{} // members may have changed; room for one
	fatal   chan error    // why Run must end; room for one
	gone    chan struct{} // closed when Run has ended
	stopped chan struct{} // closed when this node must not serve any more

	mu     sync.Mutex
	halted error
	// What is wrong with other nodes in this node's eyes.
	lagging  map[storage.NodeID]string
	stranded map[storage.NodeID]uint64 // index of the snapshot that does not help
}

// newNode makes the parts of a node that need no data folder.
func newNode(o Options) *Node {
	n := &Node{
		boot:      uuid.NewString(),
		info:      o.Node,
		timing:    o.Timing.withDefaults(),
		limits:    o.LogLimits.withDefaults(),
		logger:    o.Logger,
		clock:     o.Clock,
		onHandled: o.OnHandled,
		observer:  o.observer(),
		route:     newRouter(),
		queue:     make(chan *proposal, queueMax),
		extends:   newExtends(),
		ward:      newWard(),
		says:      newSayings(),
		replica:   newReplica(),
		lagging:   map[storage.NodeID]string{},
		stranded:  map[storage.NodeID]uint64{},
		fence:     newFence(),
		lost:      make(chan error, 1),
		led:       make(chan bool, 16),
		changed:   make(chan struct{}, 1),
		fatal:     make(chan error, 1),
		gone:      make(chan struct{}),
		stopped:   make(chan struct{}),
	}
	if n.logger == nil {
		n.logger = slog.New(slog.DiscardHandler)
	}
	if n.clock == nil {
		n.clock = machineClock{}
	}
	n.time = ctime.New(n.clock)
	n.replica.onChange = n.membersChanged
	n.replica.onHalt = n.fail
	return n
}

// Open opens the data folder of a node and makes the node ready to Run. It starts Raft.
func Open(o Options) (n *Node, err error) {
	n = newNode(o)
	n.folder, err = disk.Open(o.Dir)
	if err != nil {
		return nil, err
	}
	undo := []func() error{n.folder.Close}
	defer func() {
		for i := len(undo) - 1; err != nil && i >= 0; i-- {
			_ = undo[i]()
		}
	}()
	if n.folder.Has(fileRemoved) {
		return nil, fmt.Errorf("data folder %s: %w", o.Dir, ErrRemoved)
	}
	if err := n.identify(); err != nil {
		return nil, err
	}
	n.logger = n.logger.With("node", n.info.Name)
	if warning := n.folder.Warning(); warning != "" {
		n.logger.Warn(warning)
	}
	n.space = &space{ask: o.Space, logger: n.logger, reserve: n.folder.Reserve}
	if n.space.ask == nil {
		n.space.ask = n.folder.Space
	}
	n.space.look()
	if err := n.measureDisk(o.AllowSlowDisk); err != nil {
		return nil, err
	}
	n.store, err = n.folder.Log(o.DiskFault)
	if err != nil {
		return nil, err
	}
	n.store.OnWrite(n.observer.Synced)
	undo = append(undo, n.store.Close)
	listener := o.Listener
	if listener == nil {
		listener, err = net.Listen("tcp", o.Node.PeerListen)
		if err != nil {
			return nil, fmt.Errorf("peer port: %w; give another address in peer.listen, or end who uses it", err)
		}
	}
	undo = append(undo, listener.Close)
	return n, n.startRaft(listener, o.HistoryMax)
}

// identify reads who this node is.
func (n *Node) identify() error {
	id, err := n.folder.ReadFile(fileNodeID)
	if err != nil {
		return err
	}
	cluster, err := n.folder.ReadFile(fileClusterID)
	if err != nil {
		return err
	}
	n.id, n.cluster = storage.NodeID(id), string(cluster)
	caPEM, err := n.folder.ReadFile(fileCA)
	if err != nil {
		return err
	}
	ca, err := trust.ParseCertPEM(caPEM)
	if err != nil {
		return fmt.Errorf("data folder: %s: %w", fileCA, err)
	}
	n.keeper, err = trust.NewKeeper(n.cluster, n.folder.Path(filePair), ca)
	if err != nil {
		return err
	}
	n.members = &directory{
		self:       n.id,
		replica:    n.replica,
		servers:    n.servers,
		onStranger: n.stranger,
		learned:    map[storage.NodeID]storage.Node{},
	}
	n.peers = newPeers(n.id, n.keeper.Dial, n.members.addr)
	n.leaving.Store(n.folder.Has(fileSuccessor))
	if err := n.loadTrails(); err != nil {
		return err
	}
	n.verifier = newVerifier(func() error { return n.raft.VerifyLeader().Error() })
	return n.loadMembers()
}

// measureDisk refuses a disk on which syncing takes so long that elections would be lost over it.
func (n *Node) measureDisk(allowed bool) error {
	took, err := n.folder.MeasureSync(200, 2*time.Second)
	if err != nil {
		n.logger.Warn("sync time of the disk unknown", "error", err)
		return nil
	}
	n.logger.Info("disk", "sync_median", took.Median, "sync_p99", took.P99)
	if limit := n.timing.Heartbeat / 3; took.P99 > limit {
		if !allowed {
			return fmt.Errorf("data folder %s: one sync in a hundred takes %v, more than %v: the cluster would lose "+
				"its leader over it; use a faster disk, or allow a slow one", n.folder.Dir(), took.P99, limit)
		}
		n.logger.Warn("disk slow", "sync_p99", took.P99, "limit", limit)
	}
	return nil
}

func (n *Node) startRaft(listener net.Listener, historyMax int64) error {
	logger := raftLogger(n.logger)
	snapshots, err := n.folder.Snapshots(logger)
	if err != nil {
		return err
	}
	n.snapshots = snapshots
	n.port = trust.NewPort(n.keeper, listener, n.members.admit)
	n.openJournal(historyMax)
	n.transport = newTransport(n.port.Raft(), n.port.Dial, n, logger)
	n.raft, err = raft.NewRaft(raftConfig(string(n.id), n.timing, logger, n.led), n.replica, n.store, n.store,
		snapshots, n.transport)
	if err != nil {
		_ = n.transport.Close()
		return fmt.Errorf("data folder %s: %w", n.folder.Dir(), err)
	}
	n.started.Store(n.raft)
	return nil
}

// Run takes part in the cluster until ctx ends or something is so wrong that this node must not go on; then
// it says what. It returns when all goroutines are gone.
func (n *Node) Run(ctx context.Context) error {
	outer := ctx
	group, ctx := errgroup.WithContext(ctx)
	servers := []*grpc.Server{n.peerServer(), n.joinServer()}
	for i, lane := range []net.Listener{n.port.Peer(), n.port.Join()} {
		group.Go(func() error {
			defer context.AfterFunc(ctx, servers[i].Stop)()
			if err := servers[i].Serve(lane); err != nil && ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("peer port: %w", err)
			}
			return nil
		})
	}
	for _, f := range []func(context.Context) error{
		n.port.Run, n.follow, n.propose, n.extend, n.pulse, n.verifier.run, n.watchDisk, n.watchDigest,
		n.keepMembers, n.keepCertificate, n.undrain, n.awaitFatal, n.prove, n.remember, n.replace,
		n.trim, n.journal.Run,
	} {
		group.Go(func() error { return f(ctx) })
	}
	err := group.Wait()
	close(n.gone)
	if errors.Is(err, ErrRemoved) {
		if err := n.folder.WriteFile(fileRemoved, nil); err != nil {
			n.logger.Warn("end of membership not noted", "error", err)
		}
	}
	n.peers.closeAll()
	n.close(errors.Is(err, errDiskHung))
	if outer.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// close ends Raft and lets go of the data folder. A disk that hangs is left alone: it would hang the end too.
func (n *Node) close(hung bool) {
	if hung {
		return
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = n.raft.Shutdown().Error()
		_ = n.memory.save()
		if err := n.journal.Close(); err != nil {
			n.logger.Warn("history not written", "error", err)
		}
		_ = n.store.Close()
		_ = n.folder.Close()
	}()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		n.logger.Warn("data folder not closed in time")
	}
}

func (n *Node) awaitFatal(ctx context.Context) error {
	select {
	case err := <-n.fatal:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fail ends Run with err. It does not block.
func (n *Node) fail(err error) {
	n.halt(err)
	select {
	case n.fatal <- err:
	default:
	}
}

// halt makes this node stop serving without ending it, so that people can still ask it why.
func (n *Node) halt(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.halted == nil {
		n.halted = err
		n.logger.Error("this node serves no more", "error", err)
		close(n.stopped)
	}
}

// Serving says whether this node may answer clients at all.
func (n *Node) Serving() bool { return n.trouble() == "" }

// Stopped is closed when this node must not answer clients any more; Status says why.
func (n *Node) Stopped() <-chan struct{} { return n.stopped }

func (n *Node) trouble() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.halted == nil {
		return ""
	}
	return n.halted.Error()
}

// Self returns this node's ID.
func (n *Node) Self() storage.NodeID { return n.id }

// Read lends a view of this node's copy of the state. f must be short and must not call a port.
func (n *Node) Read(f func(storage.View)) { n.replica.read(f) }

// Barrier returns when everything that was acknowledged to anybody before the call is applied here. It
// needs a leader that a majority confirms; without one it returns storage.ErrNoLeader when ctx ends.
func (n *Node) Barrier(ctx context.Context) error {
	for {
		way := n.route.now()
		if way.ready {
			if _, _, index, err := n.verified(ctx); err == nil {
				return n.reach(ctx, index)
			}
		} else if way.leader != "" && way.leader != n.id {
			if reply, err := n.ask(ctx, way.leader); err == nil && reply.GetLeading() {
				return n.reach(ctx, reply.GetApplied())
			}
		}
		n.pause(ctx, way)
		if ctx.Err() != nil {
			return storage.ErrNoLeader
		}
	}
}

func (n *Node) reach(ctx context.Context, index uint64) error {
	if n.replica.reach(ctx, index) != nil {
		return storage.ErrNoLeader
	}
	return nil
}

// Upper returns a moment that cluster time has certainly not passed, and false if this node has nothing to
// reckon one from.
func (n *Node) Upper() (lease.Instant, bool) {
	bound, ok := n.time.Upper()
	if !ok || !n.Serving() || !n.fence.isOpen() {
		return 0, false
	}
	return max(bound.Ceil(), n.replica.position().clock), true
}

// InTouch says whether this node has heard from the leader within the last 3 s, so that it may offer.
func (n *Node) InTouch() bool { return n.time.InTouch() && n.Serving() && n.fence.isOpen() }

// Tell tells the other nodes that this one has answered an exchange. It does not wait.
func (n *Node) Tell(h Handled) { n.peers.tellAll(h) }

// Certificate returns this node's certificate, for other TLS ports of the same process.
func (n *Node) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return n.keeper.Certificate()
}

// ClusterID returns the ID of the cluster that this node belongs to.
func (n *Node) ClusterID() string { return n.cluster }

// CAPool returns the authority that vouches for nodes and administrators.
func (n *Node) CAPool() *x509.CertPool { return n.keeper.Pool() }
