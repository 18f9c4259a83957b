package cluster

import (
	"cmp"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"port67/cluster/ctime"
	"port67/storage"
	"port67/storage/disk"
)

// NodeInfo is what a node says of itself to the others.
type NodeInfo struct {
	Name string
	// PeerListen is where the peer port listens, PeerAdvertise where the others reach it; host:port. Empty
	// PeerAdvertise means PeerListen.
	PeerListen    string
	PeerAdvertise string
	// AdminAddr is where the admin port is reached; empty: nowhere but on the node itself.
	AdminAddr string
	// Addresses are the node's own IPv4 addresses on served links.
	Addresses []netip.Addr
	// Version is the software, for people.
	Version string
	// Level is the highest feature level that the node can read; 0: that of this software. Tests set it.
	Level uint32
}

func (i NodeInfo) level() uint32 { return cmp.Or(i.Level, storage.Level) }

func (i NodeInfo) advertise() string {
	if i.PeerAdvertise != "" {
		return i.PeerAdvertise
	}
	return i.PeerListen
}

// Handled names one message of one client that a node has answered.
type Handled struct {
	Client uint64 // hash of the client's key
	XID    uint32
	Type   uint8   // option 53
	GIAddr [4]byte // zero if not relayed
}

// Options is what a Node needs from outside.
type Options struct {
	// Dir is the data folder, made by Found or Join.
	Dir  string
	Node NodeInfo
	// Logger hears what operators should know; nil: nobody.
	Logger *slog.Logger
	// OnHandled is called for every exchange that another node says it has answered. It must not block.
	OnHandled func(from storage.NodeID, h Handled)
	// Observer is told what can be measured; nil: nobody.
	Observer Observer
	// HistoryMax is how many octets of what happened to leases the node keeps; 0: none.
	HistoryMax int64
	// AllowSlowDisk starts even if the disk is too slow for the election timeout.
	AllowSlowDisk bool

	// What follows has good defaults; tests set it.

	// Clock is the machine's clocks.
	Clock ctime.Clock
	// Listener is used instead of listening on Node.PeerListen.
	Listener net.Listener
	// Space asks for the free space of the data folder.
	Space func() (disk.Space, error)
	// DiskFault breaks the disk.
	DiskFault disk.Fault
	Timing    Timing
	LogLimits LogLimits
}

// LogLimits is when a snapshot is taken, and how much of the log is kept behind it. The zero value means what
// is right for a disk of a few GiB.
type LogLimits struct {
	// Entries and Octets applied since the last snapshot make the next one due. Snapshots of the state are
	// O(1) to take (safety.md G12), so they may be frequent.
	Entries, Octets uint64
	// KeepOctets is how much log is kept behind a snapshot, if that is less than trailingLogs entries; but
	// KeepLeast entries always are.
	KeepOctets, KeepLeast uint64
}

func (l LogLimits) withDefaults() LogLimits {
	return LogLimits{
		Entries: cmp.Or(l.Entries, 32_768), Octets: cmp.Or(l.Octets, 64<<20),
		KeepOctets: cmp.Or(l.KeepOctets, 128<<20), KeepLeast: cmp.Or(l.KeepLeast, 1024),
	}
}

// Observer is told what a node measures of itself. Its methods must not block.
type Observer interface {
	// Committed is told of every entry that this node, as leader, proposed and applied.
	Committed(commands int, took time.Duration)
	// Synced is told of every write to the log on the disk.
	Synced(took time.Duration)
	// LeaderChanged is told when this node knows another leader than before, or none.
	LeaderChanged()
}

func (o Options) observer() Observer {
	if o.Observer == nil {
		return unobserved{}
	}
	return o.Observer
}

// unobserved is an Observer that does not care.
type unobserved struct{}

func (unobserved) Committed(int, time.Duration) {}
func (unobserved) Synced(time.Duration)         {}
func (unobserved) LeaderChanged()               {}

// Timing is how patient a node is. The zero value means a LAN with decent disks.
type Timing struct {
	// Heartbeat is both how long a follower waits for its leader and how long an election takes at most
	// before the next. The leader's lease is five sixths of it.
	Heartbeat time.Duration
	// Pulse is how often a node asks the leader for the time; Lost is the silence after which the leader
	// gives a node's buckets to the others, Back how long it must be heard before it gets some again.
	Pulse, Lost, Back time.Duration
	// Promote is how long a new node must have been up to date before it may vote (safety.md G10).
	Promote time.Duration
	// Checkpoint is the longest time between two comparisons of digests, if there was anything to compare.
	Checkpoint time.Duration
	// DiskSlow is how long a write may take before this node stops calling the others, DiskHung how long
	// before it gives up (safety.md G3).
	DiskSlow, DiskHung time.Duration
	// Recall is how long a node that has just started waits for members that may be dead to say what they
	// remember of it, before it votes without them.
	Recall time.Duration
	// Extend is how long raised bookings are collected before they are proposed together.
	Extend time.Duration
}

func (t Timing) withDefaults() Timing {
	or := func(d *time.Duration, normal time.Duration) {
		if *d == 0 {
			*d = normal
		}
	}
	or(&t.Heartbeat, 300*time.Millisecond)
	or(&t.Pulse, 250*time.Millisecond)
	or(&t.Lost, time.Second)
	or(&t.Back, time.Second)
	or(&t.Promote, 10*time.Second)
	or(&t.Checkpoint, 30*time.Second)
	or(&t.DiskSlow, time.Second)
	or(&t.DiskHung, 10*time.Second)
	or(&t.Recall, 500*time.Millisecond)
	or(&t.Extend, 50*time.Millisecond)
	return t
}
