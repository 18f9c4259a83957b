// Package admin is the gRPC services through which operators and programs see and change the cluster.
//
// This package is a shell.
package admin

import (
	"context"
	"net/netip"
	"time"

	"port67/storage"
	"port67/storage/history"
	"port67/storage/lease"
)

// Cluster is what the services need of the nodes' agreement. Errors are those of package storage; one that
// wraps storage.ErrRefused, ErrNoLeader, ErrOverloaded or ErrUnknown is shown to the caller, the text of any
// other stays in the log.
type Cluster interface {
	Propose(ctx context.Context, c storage.Command) (storage.Result, error)
	Read(f func(storage.View))
	// Barrier returns when everything committed before the call is applied here.
	Barrier(ctx context.Context) error
	Self() storage.NodeID
	// Status is this node's knowledge of all members; it does not fail without a quorum.
	Status() ClusterStatus
	// CreateToken returns a single-use token with which one new node can join for that long.
	CreateToken(ctx context.Context, validFor time.Duration) (string, error)
	// RemoveNode ends a membership: Raft configuration first, then the replicated record.
	RemoveNode(ctx context.Context, id storage.NodeID) error
	// Transfer hands leadership to id, or to the most up-to-date follower if id is empty.
	Transfer(ctx context.Context, id storage.NodeID) error
	// Drain moves a node's buckets, and leadership if it has it, to the others; or gives them back.
	Drain(ctx context.Context, id storage.NodeID, drained bool) error
	// History answers from this node's journal what happened to leases; it needs no quorum.
	History(ctx context.Context, q history.Query) (history.Page, error)
	// Wall translates an instant of cluster time into wall time, for people.
	Wall(i lease.Instant) time.Time
}

// ForeignServer is a DHCP server of others that this node has noticed.
type ForeignServer struct {
	Addr, Source, Offered netip.Addr // Source and Offered may be invalid
	Hardware              string     // raw octets
	Interface             string
	LastReply             string // its type in words; empty if none was heard
	Heard, Named          uint64
	First, Last           time.Time
	Known                 bool // the configuration names it
}

// ClusterStatus is the cluster as one node sees it.
type ClusterStatus struct {
	ClusterID    string
	Self         storage.NodeID
	Leader       storage.NodeID // empty: none known
	Term         uint64
	CommitIndex  uint64
	AppliedIndex uint64
	Digest       [32]byte // of the state at AppliedIndex
	Clock        lease.Instant
	Level        uint32
	BucketEpoch  uint64
	Revision     uint64
	// LossesBearable is how many more voters can die before the quorum is gone; -1: it is gone now.
	LossesBearable int
	Members        []MemberStatus
}

// MemberStatus is one member as a node sees it.
type MemberStatus struct {
	Node     storage.Node
	Voter    bool
	Leader   bool
	Alive    bool          // heard from within the last 3 s
	LastSeen time.Duration // since; 0 for oneself
	Lag      uint64        // entries behind the leader; 0 if unknown
	Buckets  int
	// Trouble is why a node does not serve, in words; empty if all is well.
	Trouble string
}
