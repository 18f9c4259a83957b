// Package admintest is a cluster without a network, for tests of the admin API and of the tools that speak
// it.
//
// This package is test machinery.
package admintest

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"port67/server/admin"
	"port67/storage"
	"port67/storage/config"
	"port67/storage/history"
	"port67/storage/lease"
)

// epoch is the wall time of lease.Genesis in the fake's world: far ahead, so that what is shown does not
// depend on when the tests run.
const epoch = 4_000_000_000

// Cluster is the agreement of nodes as one of them sees it, over a real State. It commits at once.
type Cluster struct {
	mu       sync.Mutex
	state    *storage.State
	index    uint64
	now      lease.Instant
	leader   storage.NodeID
	lost     error // what Propose and Barrier answer while the quorum is lost
	failures []error
	before   func()
	past     []history.Entry // newest last
	gaps     []history.Gap
	noPast   bool
}

// Self is the node that answers.
const Self = storage.NodeID("11111111-0000-4000-8000-000000000001")

// New returns a founded cluster of three nodes, n1 to n3, without a configuration. n1 leads and answers.
func New() *Cluster {
	c := &Cluster{state: storage.New(), now: lease.Genesis, leader: Self}
	for i := range 3 {
		c.Apply(member(i + 1))
	}
	return c
}

// member is the command that makes node i a member.
func member(i int) storage.Command {
	node := storage.Node{
		ID: storage.NodeID(fmt.Sprintf("%d1111111-0000-4000-8000-%012d", i, i)), Name: fmt.Sprintf("n%d", i),
		PeerAddr: fmt.Sprintf("10.67.0.%d:6701", i+1), AdminAddr: fmt.Sprintf("10.67.0.%d:6702", i+1),
		Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 67, 0, byte(i + 1)})}, Level: 1, Version: "1.0.0",
	}
	if i == 1 {
		node.ID = Self
		return storage.Found{ClusterID: ClusterID, CACert: []byte("cert"), CAKey: []byte("key"), Node: node}
	}
	return storage.PutNode{Node: node}
}

// ClusterID is the name of the fake's cluster.
const ClusterID = "c0ffee00-0000-4000-8000-000000000000"

// Apply commits commands at the present instant and returns their results.
func (c *Cluster) Apply(commands ...storage.Command) []storage.Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.index++
	e := storage.Entry{At: c.now, Commands: commands}
	results := c.state.Apply(c.index, e)
	at := history.Position{Index: c.index}
	for body := history.Append(nil, c.now, e, results); ; at.Ordinal++ {
		raw, rest, ok := history.Next(body)
		if !ok {
			return results
		}
		body = rest
		c.past = append(c.past, history.Entry{
			Position: at, Event: raw.Event(), Clock: c.now, Wall: c.Wall(c.now).Unix(),
		})
	}
}

// Gap makes the journal of n1 end and begin anew: it was brought up by a snapshot that long after its last
// word.
func (c *Cluster) Gap(after time.Duration) {
	c.Advance(after)
	c.mu.Lock()
	defer c.mu.Unlock()
	end := c.Wall(c.now).Unix()
	c.gaps = append(c.gaps, history.Gap{
		From: c.index - 1, To: c.index, Begin: end - int64(after/time.Second), End: end, Reason: history.Snapshot,
	})
}

// Forget makes n1 a node that keeps no journal.
func (c *Cluster) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noPast = true
}

// History answers from what was applied.
func (c *Cluster) History(_ context.Context, q history.Query) (history.Page, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.noPast {
		return history.Page{}, fmt.Errorf("this node keeps no history: %w", storage.ErrRefused)
	}
	var page history.Page
	if len(c.past) > 0 {
		page.Begin = c.past[0].Wall
	}
	for _, g := range c.gaps {
		if g.End >= q.Since && (q.Until == 0 || g.Begin <= q.Until) {
			page.Gaps = append(page.Gaps, g)
		}
	}
	seen := map[netip.Addr]bool{}
	for _, e := range slices.Backward(c.past) {
		switch {
		case q.Addr.IsValid() && e.Addr != q.Addr,
			!q.Addr.IsValid() && e.Client != q.Client && (q.CHAddr == "" || e.CHAddr != q.CHAddr),
			e.Wall < q.Since, q.Until != 0 && e.Wall > q.Until, q.Last && seen[e.Addr],
			q.Before.Index != 0 && !e.Position.Before(q.Before):
			continue
		}
		if page.More = len(page.Events) == q.Limit; page.More {
			break
		}
		seen[e.Addr] = true
		page.Events = append(page.Events, e)
	}
	return page, nil
}

// Upgrade has the node of this name say that it runs the next release, which reads one feature level more. It
// returns false if there is no such node.
func (c *Cluster) Upgrade(name string) bool {
	var found *storage.Node
	c.Read(func(v storage.View) {
		for _, n := range v.Nodes() {
			if n.Name == name && !n.Removed {
				found = &n
			}
		}
	})
	if found == nil {
		return false
	}
	found.Level, found.Version = found.Level+1, "2.0.0"
	return c.Apply(storage.PutNode{Node: *found})[0].Refusal == storage.Granted
}

// Configure puts a configuration into force as its author wrote it.
func (c *Cluster) Configure(conf *config.Config, source string) storage.Result {
	var revision uint64
	c.Read(func(v storage.View) { revision = v.Revision() })
	return c.Apply(storage.SetConfig{
		Expected: revision, Config: conf, Source: source, Author: "test", Comment: "first", Wall: epoch,
	})[0]
}

// Advance lets time pass.
func (c *Cluster) Advance(d time.Duration) {
	c.mu.Lock()
	c.now += lease.Instant(d / time.Second)
	c.mu.Unlock()
	c.Apply(storage.Tick{})
}

// Lose takes the quorum away, or gives it back if err is nil: changes and linearizable reads answer err.
func (c *Cluster) Lose(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost, c.leader = err, Self
	if err != nil {
		c.leader = ""
	}
}

// Fail makes the next proposal answer err.
func (c *Cluster) Fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failures = append(c.failures, err)
}

// Before runs f once, before the next proposal: somebody else was faster.
func (c *Cluster) Before(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.before = f
}

// trouble returns what stands in the way of the next call.
func (c *Cluster) trouble() error {
	c.mu.Lock()
	before := c.before
	c.before = nil
	defer func() {
		if before != nil {
			before()
		}
	}()
	defer c.mu.Unlock()
	if len(c.failures) > 0 {
		err := c.failures[0]
		c.failures = c.failures[1:]
		return err
	}
	return c.lost
}

// Propose commits a command.
func (c *Cluster) Propose(_ context.Context, cmd storage.Command) (storage.Result, error) {
	if err := c.trouble(); err != nil {
		return storage.Result{}, err
	}
	return c.Apply(cmd)[0], nil
}

// Read lends the state.
func (c *Cluster) Read(f func(storage.View)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(storage.ViewOf(c.state))
}

// Barrier returns at once, or that there is no quorum.
func (c *Cluster) Barrier(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// Self returns the node that answers.
func (c *Cluster) Self() storage.NodeID { return Self }

// Status describes the members: all but n1 are silent while the quorum is lost. The digest is a made-up one,
// so that what is shown of it stays when the state grows.
func (c *Cluster) Status() admin.ClusterStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := storage.ViewOf(c.state)
	st := admin.ClusterStatus{
		ClusterID: ClusterID, Self: Self, Leader: c.leader, Term: 7, CommitIndex: c.index, AppliedIndex: v.Index(),
		Digest: [32]byte{0xd1, 0x9e, 0x57}, Clock: v.Clock(), Level: v.Level(), BucketEpoch: 4,
		Revision: v.Revision(),
	}
	for _, n := range v.Nodes() {
		if n.Removed {
			continue
		}
		alive := c.lost == nil || n.ID == Self
		m := admin.MemberStatus{
			Node: n, Voter: true, Leader: n.ID == c.leader, Alive: alive, Buckets: 85,
		}
		if n.ID != Self {
			m.LastSeen = 120 * time.Millisecond
		}
		if !alive {
			m.LastSeen, m.Buckets = 42*time.Second, 0
		}
		st.Members = append(st.Members, m)
	}
	st.LossesBearable = (len(st.Members) - 1) / 2
	if c.lost != nil {
		st.LossesBearable = -1
	}
	return st
}

// CreateToken returns a token that says for how long it is valid.
func (c *Cluster) CreateToken(_ context.Context, validFor time.Duration) (string, error) {
	if err := c.trouble(); err != nil {
		return "", err
	}
	return "token-valid-for-" + validFor.String(), nil
}

// RemoveNode removes a member; the last one cannot be removed.
func (c *Cluster) RemoveNode(ctx context.Context, id storage.NodeID) error {
	if len(c.Status().Members) == 1 {
		return fmt.Errorf("remove %s: it is the last member; stop it and delete its data folder: %w", id,
			storage.ErrRefused)
	}
	_, err := c.Propose(ctx, storage.RemoveNode{ID: id})
	return err
}

// Transfer makes id the leader, or n2.
func (c *Cluster) Transfer(_ context.Context, id storage.NodeID) error {
	if err := c.trouble(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if id == "" {
		id = "21111111-0000-4000-8000-000000000002"
	}
	c.leader = id
	return nil
}

// Drain marks a node as drained or not.
func (c *Cluster) Drain(ctx context.Context, id storage.NodeID, drained bool) error {
	_, err := c.Propose(ctx, storage.DrainNode{ID: id, Drained: drained})
	return err
}

// Wall translates an instant.
func (c *Cluster) Wall(i lease.Instant) time.Time {
	return time.Unix(epoch+int64(i-lease.Genesis), 0)
}
