package storage

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"port67/storage/config"
	"port67/storage/lease"
)

func node(id NodeID, change ...func(*Node)) Node {
	n := Node{ID: id, Name: string(id), Level: Level, Addresses: []netip.Addr{addr("192.0.2.1")}}
	for _, f := range change {
		f(&n)
	}
	return n
}

func TestFound(t *testing.T) {
	w := &world{t: t, s: New()}
	for _, c := range []Command{Tick{}, selecting(1, "10.67.0.12"), PutNode{node(nodeA)}, Checkpoint{}} {
		w.want(Unfounded, c)
	}
	w.want(Internal, Found{ClusterID: "", Node: node(nodeA)})
	w.want(Internal, Found{ClusterID: "x"})
	w.must(Found{ClusterID: "x", CACert: []byte{1}, CAKey: []byte{2}, Node: node(nodeA)})
	w.want(AlreadyFounded, Found{ClusterID: "y", Node: node(nodeB)})
	newer := &world{t: t, s: New()}
	newer.must(Found{ClusterID: "x", Node: node(nodeA, func(n *Node) { n.Level = Level + 1 })})
	if got := newer.view().Level(); got != Level+1 {
		t.Errorf("a cluster whose first node reads level %d is at %d", Level+1, got)
	}
	v := w.view()
	cert, key := v.CA()
	if v.ClusterID() != "x" || v.Level() != 1 || len(v.Nodes()) != 1 || cert[0] != 1 || key[0] != 2 {
		t.Errorf("founded as %q, level %d, nodes %v", v.ClusterID(), v.Level(), v.Nodes())
	}
	w.want(NoSuchLink, selecting(1, "10.67.0.12")) // no configuration yet
	w.want(NotHolder, Extend{Addr: addr("10.67.0.12"), Key: "c"})
	w.want(NotHolder, Decline{Addr: addr("10.67.0.12"), Key: "c", Held: true})
}

func TestNodes(t *testing.T) {
	w := newWorld(t, nil)
	w.must(PutNode{node(nodeB)})
	w.must(DrainNode{nodeB, true})
	w.must(PutNode{node(nodeB, func(n *Node) { n.Version = "2" })})
	if n, _ := w.view().Node(nodeB); !n.Drained || n.Version != "2" {
		t.Errorf("changed to %+v; want it still drained", n)
	}
	w.want(Internal, PutNode{Node{}})
	w.want(WrongLevel, PutNode{node("node-c", func(n *Node) { n.Level = 0 })})
	w.want(NoSuchNode, RemoveNode{"node-c"})
	w.want(NoSuchNode, DrainNode{"node-c", true})
	w.must(RemoveNode{nodeB})
	w.must(RemoveNode{nodeB})
	w.want(NoSuchNode, PutNode{node(nodeB)})
	w.want(NoSuchNode, DrainNode{nodeB, true})
	w.want(Internal, RemoveNode{nodeA})
	if id, ok := w.view().OwnerOfAddress(addr("192.0.2.1")); !ok || id != nodeB {
		t.Errorf("192.0.2.1 belongs to %q: a removed node's identifier stays ours (HA-001)", id)
	}
	if _, ok := w.view().OwnerOfAddress(addr("192.0.2.9")); ok {
		t.Error("192.0.2.9 belongs to somebody")
	}
}

func TestSetBuckets(t *testing.T) {
	w := newWorld(t, nil)
	w.must(PutNode{node(nodeB)})
	c := SetBuckets{Epoch: 1}
	for i := range c.Owners {
		c.Owners[i] = []NodeID{nodeA, nodeB}[i%2]
	}
	w.must(c)
	w.want(WrongEpoch, c)
	a, b := w.view().BucketsOf(nodeA), w.view().BucketsOf(nodeB)
	if a.Len() != 128 || b.Len() != 128 || !a.Has(0) || !b.Has(1) {
		t.Errorf("buckets %x and %x", a, b)
	}
	c.Epoch, c.Owners[7] = 2, "node-c"
	w.want(NoSuchNode, c)
	if owner, epoch := w.view().BucketOwner(7); owner != nodeB || epoch != 1 {
		t.Errorf("bucket 7 is of %q at epoch %d", owner, epoch)
	}
}

func TestTokens(t *testing.T) {
	w := newWorld(t, nil)
	expires := w.s.clock + 100
	w.must(AddToken{[32]byte{1}, expires})
	w.must(AddToken{[32]byte{1}, expires}) // proposed twice
	w.want(BadToken, AddToken{[32]byte{2}, w.s.clock})
	w.want(BadToken, UseToken{[32]byte{2}, node(nodeB)})
	w.want(WrongLevel, UseToken{[32]byte{1}, node(nodeB, func(n *Node) { n.Level = 0 })})
	w.must(UseToken{[32]byte{1}, node(nodeB)})
	w.must(UseToken{[32]byte{1}, node(nodeB)})
	w.want(BadToken, UseToken{[32]byte{1}, node("node-c")})
	w.want(BadToken, AddToken{[32]byte{1}, expires})
	if due, ok := w.view().NextDue(); !ok || due != expires {
		t.Errorf("next due at %d, %t; want %d, when the token expires", due, ok, expires)
	}
	w.after(100, Tick{})
	if n := len(w.view().Tokens()); n != 0 {
		t.Errorf("%d tokens outlived their time", n)
	}
	w.want(BadToken, UseToken{[32]byte{1}, node(nodeB)})
}

// TestReplaceNode: a host that has lost its state goes on under another ID, and not twice within an hour.
func TestReplaceNode(t *testing.T) {
	const nodeC, nodeD = NodeID("node-c"), NodeID("node-d")
	b := func(id NodeID) Node { return node(id, func(n *Node) { n.Name = "b" }) }
	w := newWorld(t, nil)
	w.want(NoSuchNode, ReplaceNode{nodeB, b(nodeC)})
	w.must(PutNode{b(nodeB)})
	w.must(DrainNode{nodeB, true})
	w.want(Internal, ReplaceNode{nodeB, b(nodeA)})
	w.want(Internal, ReplaceNode{nodeB, b("")})
	w.want(WrongLevel, ReplaceNode{nodeB, Node{ID: nodeC, Name: "b"}})
	w.must(ReplaceNode{nodeB, b(nodeC)})
	w.must(ReplaceNode{nodeB, b(nodeC)}) // The answer was lost.
	w.want(NoSuchNode, ReplaceNode{nodeB, b(nodeD)})
	old, _ := w.view().Node(nodeB)
	now, _ := w.view().Node(nodeC)
	if !old.Removed || now.Removed || now.Drained || now.Was != nodeB || now.Replaced == 0 {
		t.Errorf("replaced %+v by %+v", old, now)
	}
	w.want(NoSuchNode, PutNode{b(nodeB)})
	w.must(PutNode{node(nodeC, func(n *Node) { n.Name, n.Version = "b", "2" })})
	w.want(TooSoon, ReplaceNode{nodeC, b(nodeD)})
	w.after(3500, Tick{})
	w.want(TooSoon, ReplaceNode{nodeC, b(nodeD)})
	w.after(100, Tick{})
	w.must(ReplaceNode{nodeC, b(nodeD)})
	w.must(PutNode{node("node-e")})
	w.must(ReplaceNode{"node-e", node("node-f", func(n *Node) { n.Name = "e" })}) // Another name has its own hour.
}

// TestSetLevel_P16: no entry kind before every member can read it.
func TestSetLevel_P16(t *testing.T) {
	w := newWorld(t, nil)
	w.must(PutNode{node(nodeA, func(n *Node) { n.Level = 3 })})
	w.must(PutNode{node(nodeB, func(n *Node) { n.Level = 2 })})
	w.want(WrongLevel, SetLevel{3})
	w.must(SetLevel{2})
	w.want(WrongLevel, PutNode{node("node-c")})
	w.must(RemoveNode{nodeB})
	w.must(SetLevel{3})
	w.must(SetLevel{3})
	w.want(WrongLevel, SetLevel{2})
	w.want(WrongLevel, SetLevel{0})
	if level := w.view().Level(); level != 3 {
		t.Errorf("feature level %d, want 3: it never goes down", level)
	}
	for _, c := range everyKind() {
		if MinLevel(c) > Level {
			t.Errorf("%T needs feature level %d, this software reads %d", c, MinLevel(c), Level)
		}
	}
}

func everyKind() []Command {
	return []Command{
		Offer{}, Bind{}, Extend{}, Release{}, Decline{}, Tick{}, SetConfig{}, DeleteLease{}, ReleaseLease{},
		TakeLease{}, ClearDeclined{}, AdvanceTime{}, SetBuckets{}, Found{}, PutNode{}, RemoveNode{}, DrainNode{},
		AddToken{}, UseToken{}, SetLevel{}, Checkpoint{}, ReplaceNode{},
	}
}

// TestApply_ImpossibleCommands_D9: nothing that can be written down makes Apply panic, before or after
// founding.
func TestApply_ImpossibleCommands_D9(t *testing.T) {
	for _, w := range []*world{{t: t, s: New()}, newWorld(t, nil), newWorld(t, office())} {
		for _, c := range append(everyKind(), nil) {
			w.do(c)
		}
		w.do(Bind{Client: Client{Key: "k", CHAddr: string(make([]byte, 17))}, Mode: Selecting})
		w.do(Extend{Addr: addr("10.67.0.12"), Key: "k", RelayInfo: string(make([]byte, 5000))})
		w.n++
		w.s.Apply(w.n, Entry{At: lease.Never, Commands: []Command{selecting(1, "10.67.0.12")}})
		w.do(selecting(1, "10.67.0.12"))
		w.do(AdvanceTime{By: lease.Infinite - 1})
		for _, err := range Check(w.s) {
			t.Error(err)
		}
	}
}

// TestApply_Replay_P12: an entry that was applied before changes nothing.
func TestApply_Replay_P12(t *testing.T) {
	w := newWorld(t, office())
	before := w.s.Digest()
	r := w.s.Apply(w.n, Entry{At: w.s.clock + 100, Commands: []Command{selecting(1, "10.67.0.12"), Tick{}}})
	if len(r) != 2 || r[0].Refusal != Internal || r[1].Refusal != Internal || w.s.Digest() != before {
		t.Errorf("replayed as %+v", r)
	}
}

func TestSetConfig_RevisionsAndHistory(t *testing.T) {
	w := newWorld(t, nil)
	w.want(WrongRevision, SetConfig{Expected: 1, Config: office()})
	w.want(InvalidConfig, SetConfig{})
	r := w.want(InvalidConfig, SetConfig{Config: office(otherSubnet, func(c *config.Config) {
		c.Subnets[1].Prefix = netip.MustParsePrefix("10.67.0.0/16")
	})})
	if r.Detail == "" {
		t.Error("an invalid configuration was refused without a reason")
	}
	if w.view().Config() != nil {
		t.Error("a refused configuration is in force")
	}
	for i := range uint64(40) {
		r := w.must(SetConfig{Expected: i, Config: office(), Source: fmt.Sprint("text ", i+1), Author: "root", Wall: 7})
		if r.Revision != i+1 {
			t.Fatalf("revision %d after %d", r.Revision, i)
		}
	}
	w = w.restored()
	h := w.view().History()
	if len(h) != 32 || h[0].Revision != 9 || h[31].Source != "text 40" || h[31].Author != "root" || h[31].Wall != 7 {
		t.Errorf("history has %d revisions, from %+v to %+v", len(h), h[0], h[len(h)-1])
	}
}

// TestCheckpoint_P9: a digest that differs is noticed, one that agrees or is forgotten is not.
func TestCheckpoint_P9(t *testing.T) {
	w := newWorld(t, office())
	at, digest := w.n, w.s.Digest()
	w.must(selecting(1, "10.67.0.12"))
	w.must(Checkpoint{at, digest})
	w.must(Checkpoint{at + 1000, [32]byte{1}})
	if _, _, _, parted := w.view().Divergence(); parted {
		t.Error("parted from itself")
	}
	before := w.s.Digest()
	w.must(Checkpoint{at, [32]byte{1}})
	index, theirs, ours, parted := w.view().Divergence()
	if !parted || index != at || theirs != [32]byte{1} || ours != digest {
		t.Errorf("divergence at %d: %x, %x, %t", index, theirs, ours, parted)
	}
	if after := w.s.Digest(); after == before { // the clock moved
		t.Error("the digest did not follow the clock")
	}
	if d, ok := w.view().DigestAt(at); !ok || d != digest {
		t.Errorf("digest after %d: %x, %t", at, d, ok)
	}
	if d := w.view().Digest(); d != w.s.Digest() {
		t.Error("the view has another digest")
	}
}

// TestNextDue_HA_016: R is worth a tick, and only what is yet to come.
func TestNextDue_HA_016(t *testing.T) {
	w := newWorld(t, office())
	if _, ok := w.view().NextDue(); ok {
		t.Error("something is due in an empty state")
	}
	l := w.must(selecting(1, "10.67.0.12")).Lease
	if due, ok := w.view().NextDue(); !ok || due != l.Reusable {
		t.Errorf("next due at %d, want %d", due, l.Reusable)
	}
	w.after(w.s.clock.Until(l.Reusable), Tick{})
	if due, ok := w.view().NextDue(); ok {
		t.Errorf("still due at %d", due)
	}
	if got := slices.Collect(w.view().Leases(netip.Addr{})); len(got) != 1 {
		t.Errorf("%d leases, want the past one", len(got))
	}
}

// TestApply_ClockNeverGoesBack (safety: cluster time).
func TestApply_ClockNeverGoesBack(t *testing.T) {
	w := newWorld(t, nil)
	now := w.s.clock
	w.n++
	w.s.Apply(w.n, Entry{At: now - 500, Commands: []Command{Tick{}}})
	if w.s.clock != now {
		t.Errorf("clock went from %d to %d", now, w.s.clock)
	}
}

// TestFormerIdentifiers_HA_001: what a member or a subnet had as its identifier stays ours for a month, and no more
// of them are remembered than there is room for.
func TestFormerIdentifiers_HA_001(t *testing.T) {
	const had, service = "192.0.2.1", "10.67.0.67"
	at := func(a string) func(*Node) { return func(n *Node) { n.Addresses = []netip.Addr{addr(a)} } }
	w := newWorld(t, office(func(c *config.Config) { c.Subnets[0].ServiceAddress = addr(service) }))
	w.must(PutNode{node(nodeB, at(had))})
	for _, a := range []string{had, service} {
		if w.view().FormerIdentifier(addr(a)) {
			t.Errorf("%s is former, though it is in use", a)
		}
	}
	w.must(PutNode{node(nodeB, at("192.0.2.2"))})
	then()(w)
	for _, a := range []string{had, service} {
		if !w.view().FormerIdentifier(addr(a)) {
			t.Errorf("%s is not ours any more", a)
		}
	}
	if w.view().FormerIdentifier(addr("192.0.2.2")) || w.view().FormerIdentifier(addr("192.0.2.9")) {
		t.Error("an address in use, or of nobody, counts as former")
	}
	w.after(formerKept, Tick{})
	if w.view().FormerIdentifier(addr(had)) || w.view().FormerIdentifier(addr(service)) {
		t.Error("they are remembered for ever")
	}
	for i := range formerMax + 9 {
		w.must(PutNode{node(nodeB, at(netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}).String()))})
	}
	if n := len(w.s.formers); n != formerMax {
		t.Errorf("%d are remembered, want the newest %d", n, formerMax)
	}
}
