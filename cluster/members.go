package cluster

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/raft"
	"google.golang.org/protobuf/encoding/protojson"

	"port67/cluster/trust"
	peerv1 "port67/proto/peer/v1"
	"port67/storage"
)

// directory is who belongs to the cluster, as far as this node knows: the replicated state first; for those
// it does not hold yet, what members have told since; last, Raft's own list. A node that was away while the
// cluster grew could else never let the new leader in, and one that has just started, whose state is empty
// until it hears from a leader, nobody at all.
type directory struct {
	self    storage.NodeID
	replica *replica
	servers func() []raft.Server
	// onStranger hears of a node that has a genuine certificate of this cluster and is no member as far as this
	// node knows. It must not block.
	onStranger func(id storage.NodeID)

	mu      sync.Mutex
	learned map[storage.NodeID]storage.Node
}

// get returns one member, removed ones included.
func (d *directory) get(id storage.NodeID) (node storage.Node, ok bool) {
	d.replica.read(func(v storage.View) { node, ok = v.Node(id) })
	if ok {
		return node, true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if node, ok = d.learned[id]; ok {
		return node, true
	}
	for _, s := range d.servers() {
		if storage.NodeID(s.ID) == id {
			return nodeOfServer(s), true
		}
	}
	return storage.Node{}, false
}

func nodeOfServer(s raft.Server) storage.Node {
	_, addr, _ := strings.Cut(string(s.Address), "@")
	return storage.Node{ID: storage.NodeID(s.ID), PeerAddr: addr}
}

// all returns the members that are not removed, this node included if it is known.
func (d *directory) all() []storage.Node {
	var known []storage.Node
	d.replica.read(func(v storage.View) { known = v.Nodes() })
	seen := make(map[storage.NodeID]bool, len(known))
	var out []storage.Node
	for _, n := range known {
		seen[n.ID] = true
		if !n.Removed {
			out = append(out, n)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, n := range d.learned {
		if !seen[id] && !n.Removed {
			out = append(out, n)
		}
		seen[id] = true
	}
	for _, s := range d.servers() {
		if !seen[storage.NodeID(s.ID)] {
			out = append(out, nodeOfServer(s))
		}
	}
	return out
}

// others returns all but this node.
func (d *directory) others() []storage.Node {
	var out []storage.Node
	for _, n := range d.all() {
		if n.ID != d.self {
			out = append(out, n)
		}
	}
	return out
}

// learn takes the members that a member knows of.
func (d *directory) learn(members []*peerv1.Member) (changed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range members {
		n := nodeOf(m)
		old, ok := d.learned[n.ID]
		changed = changed || !ok || old.PeerAddr != n.PeerAddr || old.Removed != n.Removed
		d.learned[n.ID] = n
	}
	return changed
}

// admit says whether a node with a genuine certificate may use the peer port. A removed node may still
// call, so that it can be told; service.go tells it nothing else. Raft it may not speak.
func (d *directory) admit(id trust.Identity, proto string) error {
	node, ok := d.get(storage.NodeID(id.Name))
	switch {
	case ok && !node.Removed:
		return nil
	case ok && proto == trust.ProtoPeer:
		return nil
	case ok:
		return fmt.Errorf("%s: removed from the cluster", id)
	}
	d.onStranger(storage.NodeID(id.Name))
	return fmt.Errorf("%s: not a member", id)
}

// ServerAddr is part of raft.ServerAddressProvider: where a node is now, not where it was when it joined.
func (d *directory) ServerAddr(id raft.ServerID) (raft.ServerAddress, error) {
	node, ok := d.get(storage.NodeID(id))
	if !ok || node.PeerAddr == "" {
		return "", fmt.Errorf("node %s: address unknown", id)
	}
	return raftAddr(string(id), node.PeerAddr), nil
}

func (d *directory) addr(id storage.NodeID) (string, bool) {
	node, ok := d.get(id)
	return node.PeerAddr, ok && node.PeerAddr != ""
}

func memberOf(n storage.Node) *peerv1.Member {
	m := &peerv1.Member{
		Id: string(n.ID), Name: n.Name, PeerAddr: n.PeerAddr, AdminAddr: n.AdminAddr,
		Level: n.Level, Version: n.Version, Drained: n.Drained, Removed: n.Removed,
	}
	for _, a := range n.Addresses {
		m.Addresses = append(m.Addresses, a.AsSlice())
	}
	return m
}

func membersOf(nodes []storage.Node) []*peerv1.Member {
	out := make([]*peerv1.Member, len(nodes))
	for i, n := range nodes {
		out[i] = memberOf(n)
	}
	return out
}

func nodeOf(m *peerv1.Member) storage.Node {
	n := storage.Node{
		ID: storage.NodeID(m.GetId()), Name: m.GetName(), PeerAddr: m.GetPeerAddr(), AdminAddr: m.GetAdminAddr(),
		Level: m.GetLevel(), Version: m.GetVersion(), Drained: m.GetDrained(), Removed: m.GetRemoved(),
	}
	for _, b := range m.GetAddresses() {
		if a, ok := netip.AddrFromSlice(b); ok {
			n.Addresses = append(n.Addresses, a)
		}
	}
	return n
}

// sayings is what the other nodes say of themselves, from their pulses.
type sayings struct {
	mu   sync.Mutex
	said map[storage.NodeID]storage.Node
}

func newSayings() *sayings { return &sayings{said: map[storage.NodeID]storage.Node{}} }

func (s *sayings) note(n storage.Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said[n.ID] = n
}

func (s *sayings) all() map[storage.NodeID]storage.Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.said)
}

// describe is what this node says of itself.
func (n *Node) describe() storage.Node {
	n.mu.Lock()
	info := n.info
	n.mu.Unlock()
	return storage.Node{
		ID: n.id, Name: info.Name, PeerAddr: info.advertise(), AdminAddr: info.AdminAddr,
		Addresses: slices.Clone(info.Addresses), Level: info.level(), Version: info.Version,
	}
}

// SetAddresses tells the cluster that this node's own addresses on served links have changed.
func (n *Node) SetAddresses(a []netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.info.Addresses = slices.Clone(a)
}

// servers returns Raft's list of members, empty before Raft has started.
func (n *Node) servers() []raft.Server {
	r := n.started.Load()
	if r == nil {
		return nil
	}
	future := r.GetConfiguration()
	if future.Error() != nil {
		return nil
	}
	return future.Configuration().Servers
}

// voters returns the members that vote.
func (n *Node) voters() map[storage.NodeID]bool {
	out := map[storage.NodeID]bool{}
	for _, s := range n.servers() {
		if s.Suffrage == raft.Voter {
			out[storage.NodeID(s.ID)] = true
		}
	}
	return out
}

// membersChanged has keepMembers look again. It does not block.
func (n *Node) membersChanged() {
	select {
	case n.changed <- struct{}{}:
	default:
	}
}

// keepMembers is the goroutine that keeps connections to those who belong to the cluster and to nobody else.
func (n *Node) keepMembers(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		ids := map[storage.NodeID]bool{}
		var addrs []string
		for _, m := range n.members.others() {
			ids[m.ID] = true
			addrs = append(addrs, m.PeerAddr)
		}
		n.Read(func(v storage.View) {
			for _, m := range v.Nodes() {
				if m.Removed {
					n.memory.forget(m.ID)
				}
			}
		})
		n.port.Expect(addrs)
		n.peers.keep(ctx, &wg, ids, n.upperMillis)
		n.port.Recheck()
		if node, ok := n.members.get(n.id); ok && node.Removed {
			n.removed()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-n.changed:
		}
	}
}

// loadMembers reads the members that were told when this node joined: until it has the state, it knows no
// others.
func (n *Node) loadMembers() error {
	if !n.folder.Has(fileMembers) {
		return nil
	}
	b, err := n.folder.ReadFile(fileMembers)
	if err != nil {
		return err
	}
	var told peerv1.JoinReply
	if err := protojson.Unmarshal(b, &told); err != nil {
		return fmt.Errorf("data folder: %s: %w", fileMembers, err)
	}
	n.members.learn(told.GetMembers())
	return nil
}
