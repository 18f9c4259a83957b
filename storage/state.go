package storage

import (
	"cmp"
	"net/netip"
	"slices"

	"port67/storage/config"
	"port67/storage/lease"
)

// State is everything the cluster remembers. Apply changes it, and nothing else does; whoever applies or
// freezes has it alone, reading is safe beside reading.
type State struct {
	clock     lease.Instant
	index     uint64
	anomalies uint64 // commands that could not be

	leases   *lease.Table
	declines []declined // of the last hour, oldest first

	// What follows changes seldom; whatever changes it calls settled.changed.
	identity identity
	level    uint32
	revision uint64
	config   *config.Compiled // nil before the first one
	text     []byte           // config as snapshots keep it
	history  []Revision       // oldest first
	buckets  [lease.Buckets]NodeID
	epoch    uint64
	nodes    []Node  // by ID
	tokens   []Token // by Hash

	settled cache
	witness witness
}

// identity is who the cluster is, and the authority that vouches for its nodes.
type identity struct {
	clusterID string
	caCert    []byte
	caKey     []byte
}

// Token admits one new node. A spent one stays until it expires, so that its node may ask twice.
type Token struct {
	Hash    [32]byte
	Expires lease.Instant
	UsedBy  NodeID // empty: not spent
}

// declined is one DHCPDECLINE that was honoured.
type declined struct {
	at   lease.Instant
	addr netip.Addr
	key  lease.Key
}

// New returns the state of a cluster that has not been founded.
func New() *State { return &State{clock: lease.Genesis, leases: lease.NewTable()} }

func (s *State) founded() bool { return s.identity.clusterID != "" }

// node returns one member.
func (s *State) node(id NodeID) (Node, bool) {
	i, ok := s.findNode(id)
	if !ok {
		return Node{}, false
	}
	n := s.nodes[i]
	n.Addresses = slices.Clone(n.Addresses)
	return n, true
}

func (s *State) findNode(id NodeID) (int, bool) {
	return slices.BinarySearchFunc(s.nodes, id, func(n Node, id NodeID) int { return cmp.Compare(n.ID, id) })
}

func (s *State) nodeList() []Node {
	out := slices.Clone(s.nodes)
	for i := range out {
		out[i].Addresses = slices.Clone(out[i].Addresses)
	}
	return out
}

func (s *State) bucketsOf(id NodeID) lease.BucketSet {
	var set lease.BucketSet
	for b, owner := range s.buckets {
		if owner == id && id != "" {
			set.Add(uint8(b))
		}
	}
	return set
}

// ownerOfAddress prefers a living member: a removed one's address may have been given to its successor.
func (s *State) ownerOfAddress(a netip.Addr) (NodeID, bool) {
	var past NodeID
	for i := range s.nodes {
		n := &s.nodes[i]
		if !slices.Contains(n.Addresses, a) {
			continue
		}
		if !n.Removed {
			return n.ID, true
		}
		past = n.ID
	}
	return past, past != ""
}
