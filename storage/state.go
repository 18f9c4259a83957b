// Package storage is what the cluster remembers, and the only ways in which it may change: a state machine
// that every node feeds with the same log.
//
// Read this file, command.go, apply.go and apply_lease.go in this order; view.go is what deciders see.
//
// This package is pure.
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
	nodes    []Node   // by ID; whoever changes them calls noteNodes
	tokens   []Token  // by Hash
	formers  []former // server identifiers of the past, oldest first

	// own says which living member has an address as its own. It follows from nodes.
	own map[netip.Addr]NodeID

	settled cache
	witness witness

	// trace is told how addresses are looked for; nil but in a copy made by View.Traced.
	trace *Trace
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

// noteNodes notes that the members changed.
func (s *State) noteNodes() {
	s.own = make(map[netip.Addr]NodeID)
	for i := range s.nodes {
		n := &s.nodes[i]
		if n.Removed {
			continue
		}
		for _, a := range n.Addresses {
			if _, taken := s.own[a]; !taken {
				s.own[a] = n.ID
			}
		}
	}
	s.settled.changed()
}

// isOwn says whether a is a living member's own address: no client can have it, whatever pools and
// reservations say.
func (s *State) isOwn(a netip.Addr) bool { _, ok := s.own[a]; return ok }

// noTitle says for people why an address that is reserved to nobody else is not the client's to have.
func (s *State) noTitle(a netip.Addr) string {
	id, ok := s.own[a]
	if !ok {
		return "in no pool that is open to the client"
	}
	name := string(id)
	if n, known := s.node(id); known && n.Name != "" {
		name = n.Name
	}
	return "the own address of node " + name + ": exclude it from the pools"
}

// ownerOfAddress prefers a living member: a removed one's address may have been given to its successor.
func (s *State) ownerOfAddress(a netip.Addr) (NodeID, bool) {
	if id, ok := s.own[a]; ok {
		return id, true
	}
	var past NodeID
	for i := range s.nodes {
		if slices.Contains(s.nodes[i].Addresses, a) {
			past = s.nodes[i].ID
		}
	}
	return past, past != ""
}
