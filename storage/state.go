package storage

import (
	"net/netip"

	"port67/storage/config"
	"port67/storage/lease"
)

// State is everything the cluster remembers.
type State struct {
	clock    lease.Instant
	index    uint64
	revision uint64
	config   *config.Compiled
	leases   *lease.Table
	buckets  [lease.Buckets]NodeID
	epoch    uint64
}

// New returns the state of a cluster that has not been founded.
func New() *State { return &State{leases: &lease.Table{}} }

// Apply carries out one committed entry and says what came of each of its commands.
func (s *State) Apply(index uint64, e Entry) []Result { return make([]Result, len(e.Commands)) }

// Digest returns a digest of s; equal on all nodes that applied the same prefix of the log.
func (s *State) Digest() [32]byte { return [32]byte{} }

func (s *State) suitable(c Client, link string, asked netip.Addr, owned *lease.BucketSet,
	taken func(netip.Addr) bool,
) (netip.Addr, Refusal) {
	return netip.Addr{}, Exhausted
}

func (s *State) renewal(a netip.Addr, k lease.Key, classes []string, asked lease.Seconds, upper lease.Instant,
) (lease.Seconds, bool, bool, lease.Seconds) {
	return 0, false, false, 0
}

func (s *State) bucketsOf(id NodeID) lease.BucketSet        { return lease.BucketSet{} }
func (s *State) nodeList() []Node                           { return nil }
func (s *State) node(id NodeID) (Node, bool)                { return Node{}, false }
func (s *State) ownerOfAddress(a netip.Addr) (NodeID, bool) { return "", false }
