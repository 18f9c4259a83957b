package cluster

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"port67/storage"
	"port67/storage/lease"
)

const (
	dutyEvery = 100 * time.Millisecond
	dutyMax   = time.Second // for one proposal of the leader's own
	// checkpointEntries is how many entries make a checkpoint due before its time (G14).
	checkpointEntries = 4096
	// caughtUp is how few entries a new node may be behind to count as up to date.
	caughtUp = 128
	// lagMax is how many entries a voter may be behind for lagPatience before it is an alarm (G2).
	lagMax      = 8192
	lagPatience = 10 * time.Second
)

// follow is the goroutine that knows who leads. While it is this node, lead runs.
func (n *Node) follow(ctx context.Context) error {
	seen := make(chan raft.Observation, 16)
	observer := raft.NewObserver(seen, false, func(o *raft.Observation) bool {
		_, ok := o.Data.(raft.LeaderObservation)
		return ok
	})
	n.raft.RegisterObserver(observer)
	defer n.raft.DeregisterObserver(observer)
	ticker := time.NewTicker(n.timing.Heartbeat) // An observation may be lost.
	defer ticker.Stop()
	stop := func() {}
	defer func() { stop() }()
	var known raft.ServerID
	for {
		_, leader := n.raft.LeaderWithID()
		if leader != known {
			known = leader
			n.observer.LeaderChanged()
		}
		n.route.setLeader(storage.NodeID(leader), n.id)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-seen:
		case <-ticker.C:
		case leads := <-n.led:
			stop()
			stop = func() {}
			if leads {
				stop = n.startLead(ctx)
			}
		}
	}
}

// startLead runs lead until the function it returns is called.
func (n *Node) startLead(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.lead(ctx)
	}()
	return func() {
		cancel()
		n.route.setReady(n.id, false)
		<-done
		n.route.setReady(n.id, false)
		n.time.End()
	}
}

// lead is one term of leadership. Nothing is proposed before everything committed earlier is applied here,
// and nothing but a tick before that is committed: the tick binds this leader's clock to its term, so that
// no later leader goes on from an older and faster one (ctime.Keeper.Begin).
func (n *Node) lead(ctx context.Context) {
	for ctx.Err() == nil && !n.open(ctx) {
		n.idle(ctx, dutyEvery)
	}
	if ctx.Err() != nil {
		return
	}
	n.logger.Info("leading", "term", n.raft.CurrentTerm())
	n.route.setReady(n.id, true)
	d := &duty{n: n, since: time.Now(), last: time.Now(), checked: time.Now()}
	for n.idle(ctx, dutyEvery) {
		d.round(ctx)
	}
	n.space.setShort(false)
	n.logger.Info("leading no more")
}

// open begins a leadership: true when its first entry is applied here, in one and the same term.
func (n *Node) open(ctx context.Context) bool {
	term := n.raft.CurrentTerm()
	if settled(ctx, n.raft.Barrier(enqueueMax)) != nil || n.raft.CurrentTerm() != term {
		return false
	}
	position := n.replica.position()
	n.time.Begin(term, position.clock, position.term)
	_, err := n.commitEntry(ctx, []storage.Command{storage.Tick{}})
	return err == nil && n.raft.CurrentTerm() == term
}

// idle waits; false if ctx has ended.
func (n *Node) idle(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// duty is what only the leader does, over and over.
type duty struct {
	n     *Node
	since time.Time // from when on silence of the others means something
	last  time.Time // round

	ticked     time.Time
	checked    time.Time // last checkpoint
	checkpoint uint64    // its index
	promoting  map[storage.NodeID]time.Time
	behind     map[storage.NodeID]time.Time
	moved      time.Time // leadership away, because of the disk
	slow       time.Time // last look at what need not be quick
}

func (d *duty) round(ctx context.Context) {
	now := time.Now()
	if now.Sub(d.last) > d.n.timing.Lost/2 {
		d.since = now // This process stood still: the others had no chance to be heard.
	}
	defer func() { d.last = time.Now() }() // What a round itself waits for is no standstill.
	if d.n.trouble() != "" {               // A leader whose state is wrong must not decide anything.
		_ = d.n.transfer("")
		return
	}
	d.buckets(ctx)
	d.tick(ctx, now)
	d.check(ctx, now)
	if now.Sub(d.slow) < min(time.Second, d.n.timing.Promote/2) {
		return
	}
	d.slow = now
	d.members(ctx)
	d.promote(ctx, now)
	d.disks(now)
	d.lag(now)
}

// propose brings one of the leader's own commands before the cluster. What fails is tried again in a later
// round.
func (d *duty) propose(ctx context.Context, c storage.Command) bool {
	ctx, cancel := context.WithTimeout(ctx, dutyMax)
	defer cancel()
	r, err := d.n.Propose(ctx, c)
	return err == nil && r.Refusal == storage.Granted
}

// serving says whether a member can have buckets: it votes, it is heard, it serves.
func (d *duty) serving(id storage.NodeID, now time.Time) bool {
	if id == d.n.id {
		return d.n.trouble() == ""
	}
	h := d.n.ward.get(id)
	if h.trouble != "" {
		return false
	}
	if h.seen.Before(d.since) { // Not heard since this node leads: the benefit of the doubt, for a while.
		return now.Sub(d.since) < d.n.timing.Lost
	}
	return now.Sub(h.seen) < d.n.timing.Lost
}

// buckets rewrites the table when a node is lost, drains, returns or has joined. A node that owns buckets
// loses them as soon as it is silent; one that owns none gets some once it has been heard for a while.
func (d *duty) buckets(ctx context.Context) {
	n, now := d.n, time.Now()
	voters := n.voters()
	var owners [lease.Buckets]storage.NodeID
	var epoch uint64
	var nodes []storage.Node
	n.replica.read(func(v storage.View) {
		owners, epoch = v.Buckets()
		nodes = v.Nodes()
	})
	var live, drained []storage.NodeID
	for _, m := range nodes {
		if m.Removed || !voters[m.ID] || !d.serving(m.ID, now) {
			continue
		}
		owns := slices.Contains(owners[:], m.ID)
		h := n.ward.get(m.ID)
		fresh := m.ID != n.id && (h.seen.Before(d.since) || now.Sub(h.since) < n.timing.Back)
		switch {
		case m.Drained:
			drained = append(drained, m.ID)
		case owns || !fresh:
			live = append(live, m.ID)
		}
	}
	if len(live) == 0 { // Better one that would rather not than nobody.
		live = drained
	}
	if next := assign(owners, live); next != owners {
		if d.propose(ctx, storage.SetBuckets{Epoch: epoch + 1, Owners: next}) {
			n.logger.Info("buckets shared out", "epoch", epoch+1, "nodes", len(live))
		}
	}
}

// tick moves the clock of an idle cluster when something is due.
func (d *duty) tick(ctx context.Context, now time.Time) {
	position := d.n.replica.position()
	at, _, ok := d.n.time.Lead(position.clock)
	if !ok || now.Sub(d.ticked) < time.Second || at.Floor() <= position.clock {
		return
	}
	var due lease.Instant
	d.n.replica.read(func(v storage.View) { due, ok = v.NextDue() })
	if ok && due <= at.Floor() {
		d.ticked = now
		d.propose(ctx, storage.Tick{})
	}
}

// members brings the replicated records in line with what the nodes say of themselves, and Raft's list in
// line with the records.
func (d *duty) members(ctx context.Context) {
	n := d.n
	self := n.describe()
	if node, ok := n.members.get(n.id); ok && differs(node, self) {
		d.propose(ctx, storage.PutNode{Node: merge(node, self)})
	}
	for id, said := range n.says.all() {
		if node, ok := n.members.get(id); ok && !node.Removed && differs(node, said) {
			d.propose(ctx, storage.PutNode{Node: merge(node, said)})
		}
	}
	for _, s := range n.servers() {
		node, ok := n.members.get(storage.NodeID(s.ID))
		if ok && node.Removed && node.ID != n.id {
			_ = settled(ctx, n.raft.RemoveServer(s.ID, 0, enqueueMax))
		}
	}
}

// differs says whether what a node says of itself is news. Whether it drains is not for it to say.
func differs(old, said storage.Node) bool {
	return old.Name != said.Name || old.PeerAddr != said.PeerAddr || old.AdminAddr != said.AdminAddr ||
		old.Level != said.Level || old.Version != said.Version || !slices.Equal(old.Addresses, said.Addresses)
}

func merge(old, said storage.Node) storage.Node {
	said.ID, said.Drained, said.Removed = old.ID, old.Drained, old.Removed
	return said
}

// promote lets new nodes vote that have kept up long enough (G10).
func (d *duty) promote(ctx context.Context, now time.Time) {
	n := d.n
	index := n.replica.position().index
	ready := map[storage.NodeID]time.Time{}
	for _, s := range n.servers() {
		id := storage.NodeID(s.ID)
		h := n.ward.get(id)
		if s.Suffrage == raft.Voter || now.Sub(h.seen) > n.timing.Lost || h.applied+caughtUp < index ||
			h.trouble != "" {
			continue
		}
		ready[id] = now
		if since, ok := d.promoting[id]; ok {
			ready[id] = since
		}
		if now.Sub(ready[id]) < n.timing.Promote {
			continue
		}
		err := settled(ctx, n.raft.AddVoter(s.ID, s.Address, 0, enqueueMax))
		if err == nil {
			n.logger.Info("new voter", "node", id)
		}
	}
	d.promoting = ready
}

// lag tells operators of a node that is heard but does not keep up: replication to it may have stalled (G2).
func (d *duty) lag(now time.Time) {
	n := d.n
	index := n.replica.position().index
	behind := map[storage.NodeID]time.Time{}
	for id := range n.voters() {
		h := n.ward.get(id)
		if heard := now.Sub(h.seen) <= n.timing.Lost; id == n.id || !heard || h.applied+lagMax > index {
			n.setLagging(id, "", h.applied)
			continue
		}
		behind[id] = now
		if since, ok := d.behind[id]; ok {
			behind[id] = since
		}
		if now.Sub(behind[id]) > lagPatience && n.alarm(id) == "" {
			n.logger.Error("a node does not keep up; restart it", "peer", id, "entries_behind", index-h.applied)
			n.setLagging(id, fmt.Sprintf("%d log entries behind and not catching up; restart it", index-h.applied),
				0)
		}
	}
	d.behind = behind
}

// disks stops new bindings while most disks are nearly full, and gives leadership to a node with room when
// this one has none.
func (d *duty) disks(now time.Time) {
	n := d.n
	room, voters := 0, n.voters()
	other := storage.NodeID("")
	for id := range voters {
		h := n.ward.get(id)
		switch {
		case id == n.id && !n.space.low():
			room++
		case id != n.id && !h.diskLow && d.serving(id, now): // A dead one takes no writes.
			room++
			if !h.seen.Before(d.since) {
				other = id
			}
		}
	}
	n.space.setShort(room < len(voters)/2+1)
	if n.space.low() && other != "" && now.Sub(d.moved) > 30*time.Second {
		d.moved = now
		n.logger.Warn("disk nearly full; handing leadership over", "to", other)
		_ = n.transfer(other)
	}
}

// stride is the order in which buckets are looked at: odd, so that all of them are, and near the golden
// section of their number, so that what a node keeps or gets lies all over them. A pool that is smaller than
// the number of buckets then has addresses of every node.
const stride = 157

// assign shares the buckets out among live, as evenly as possible, and moves as few as it can: a bucket that
// moves takes its clients from a node that has offers out for them. live may be in any order; the result does
// not depend on it. With nobody live it returns owners unchanged.
func assign(owners [lease.Buckets]storage.NodeID, live []storage.NodeID) [lease.Buckets]storage.NodeID {
	if len(live) == 0 {
		return owners
	}
	live = slices.Compact(slices.Sorted(slices.Values(live)))
	count := make(map[storage.NodeID]int, len(live))
	for _, id := range live {
		count[id] = 0
	}
	for _, o := range owners {
		if _, ok := count[o]; ok {
			count[o]++
		}
	}
	// Each gets the even share; the remainder goes to those who have most, so that it need not move.
	share, rest := lease.Buckets/len(live), lease.Buckets%len(live)
	byCount := slices.Clone(live)
	slices.SortStableFunc(byCount, func(a, b storage.NodeID) int { return count[b] - count[a] })
	want := make(map[storage.NodeID]int, len(live))
	for i, id := range byCount {
		want[id] = share
		if i < rest {
			want[id]++
		}
	}
	have := make(map[storage.NodeID]int, len(live))
	var homeless []int
	for i := range owners {
		b := i * stride % lease.Buckets
		if o := owners[b]; have[o] < want[o] {
			have[o]++
			continue
		}
		homeless = append(homeless, b)
	}
	// Dealt out in turn, so that neighbouring buckets of a lost node go to different nodes.
	for i := 0; len(homeless) > 0; i++ {
		id := live[i%len(live)]
		if have[id] < want[id] {
			owners[homeless[0]] = id
			have[id]++
			homeless = homeless[1:]
		}
	}
	return owners
}
