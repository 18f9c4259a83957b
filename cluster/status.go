package cluster

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"port67/cluster/ctime"
	"port67/cluster/feed"
	"port67/cluster/journal"
	"port67/storage"
	"port67/storage/history"
	"port67/storage/lease"
)

// Status is the cluster as this node sees it.
type Status struct {
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
	// SnapshotAt is when this node's newest snapshot was begun, by its own clock; zero: it has none yet.
	SnapshotAt time.Time
	Members    []MemberStatus
}

// MemberStatus is one member as this node sees it.
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

// installsAlarm is called when one snapshot had to be sent to one node too often (G5). The node hears of it
// at its next pulse.
func (n *Node) installsAlarm(id raft.ServerID, index uint64) {
	n.logger.Error("a node does not get on with its snapshot", "peer", id, "snapshot_index", index)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stranded[storage.NodeID(id)] = index
}

// setLagging notes that a node does not keep up, or with an empty text that it does. A node that has got past
// its snapshot is not stranded.
func (n *Node) setLagging(id storage.NodeID, text string, applied uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lagging[id] = text
	if applied > n.stranded[id] {
		delete(n.stranded, id)
	}
}

// strandedAt returns the index of the snapshot that a node gets over and over, 0 if all is well.
func (n *Node) strandedAt(id storage.NodeID) uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.stranded[id]
}

func (n *Node) alarm(id storage.NodeID) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if index := n.stranded[id]; index > 0 {
		return fmt.Sprintf("does not get on with the snapshot of log index %d; if it does not become a new member "+
			"by itself, remove it, empty its data folder and join again", index)
	}
	return n.lagging[id]
}

// Status returns this node's knowledge of all members. It needs no quorum.
func (n *Node) Status() Status {
	way := n.route.now()
	s := Status{
		ClusterID: n.cluster, Self: n.id, Leader: way.leader,
		Term: n.raft.CurrentTerm(), CommitIndex: n.raft.CommitIndex(), SnapshotAt: n.snapshots.Newest(),
	}
	count := map[storage.NodeID]int{}
	var nodes []storage.Node
	n.Read(func(v storage.View) {
		s.AppliedIndex, s.Digest, s.Clock = v.Index(), v.Digest(), v.Clock()
		s.Level, s.Revision = v.Level(), v.Revision()
		owners, epoch := v.Buckets()
		s.BucketEpoch = epoch
		for _, o := range owners {
			count[o]++
		}
		nodes = v.Nodes()
	})
	voters := n.voters()
	top := max(s.AppliedIndex, n.ward.get(way.leader).applied)
	alive := 0
	for _, node := range nodes {
		m := n.memberStatus(node, way, top)
		m.Voter, m.Buckets = voters[node.ID], count[node.ID]
		if m.Voter && m.Alive {
			alive++
		}
		s.Members = append(s.Members, m)
	}
	s.LossesBearable = max(-1, alive-(len(voters)/2+1))
	return s
}

func (n *Node) memberStatus(node storage.Node, way way, top uint64) MemberStatus {
	m := MemberStatus{Node: node, Leader: node.ID == way.leader}
	if node.ID == n.id {
		m.Alive, m.Trouble = true, n.trouble()
		m.Lag = top - min(top, n.replica.position().index)
		return m
	}
	h := n.ward.get(node.ID)
	if !h.seen.IsZero() {
		m.LastSeen = time.Since(h.seen)
		m.Alive = m.LastSeen < aliveMax
		m.Lag = top - min(top, h.applied)
	}
	m.Trouble = h.trouble
	if m.Trouble == "" {
		m.Trouble = n.alarm(node.ID)
	}
	return m
}

// Drained says whether this node is to be left without clients.
func (n *Node) Drained() bool {
	node, ok := n.members.get(n.id)
	return ok && node.Drained
}

// Wall translates an instant of cluster time into wall time, for people: cluster time and wall time have
// nothing in common but the distance from now.
func (n *Node) Wall(i lease.Instant) time.Time {
	if i == lease.Never || i == 0 {
		return time.Time{}
	}
	now := ctime.Of(n.replica.position().clock)
	if upper, ok := n.time.Upper(); ok {
		now = max(now, upper)
	}
	return time.Now().Add(time.Duration(ctime.Of(i)-now) * time.Millisecond).Round(time.Second)
}

// openJournal opens the journal of what happens to leases. A node that cannot keep one serves without.
func (n *Node) openJournal(most int64) {
	if most == 0 {
		return
	}
	old, err := n.store.LastIndex()
	if err == nil {
		n.journal, err = journal.Open(journal.Options{
			Folder: n.folder, Max: most, Old: old, Room: n.space.room, Logger: n.logger,
			Present: func() (lease.Instant, bool) {
				upper, ok := n.time.Upper()
				return upper.Floor(), ok
			},
		})
	}
	if err != nil {
		n.logger.Warn("no history is kept", "error", err)
	}
	n.replica.journal = n.journal
}

// History answers from this node's journal what happened to leases. It needs no quorum.
func (n *Node) History(ctx context.Context, q history.Query) (history.Page, error) {
	return n.journal.Find(ctx, q)
}

// Changes returns what this node knows of the changes of leases that it applies.
func (n *Node) Changes() *feed.Feed { return n.replica.feed }

// HistoryLost returns how many entries this node's journal has not taken since the start.
func (n *Node) HistoryLost() uint64 { return n.journal.Lost() }
