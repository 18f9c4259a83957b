package cluster

import (
	"context"
	"fmt"
	"sync"
	"time"

	peerv1 "port67/proto/peer/v1"
	"port67/storage"
)

// check commits a checkpoint when one is due: the digest of this leader's state, for all to compare with
// their own (G14). Then it asks the others for theirs, because a leader never differs from itself.
func (d *duty) check(ctx context.Context, now time.Time) {
	n := d.n
	var index uint64
	var digest [32]byte
	n.replica.read(func(v storage.View) { index, digest = v.Index(), v.Digest() })
	if index <= d.checkpoint {
		return
	}
	if index-d.checkpoint < checkpointEntries && now.Sub(d.checked) < n.timing.Checkpoint {
		return
	}
	if !d.propose(ctx, storage.Checkpoint{Index: index, Digest: digest}) {
		return
	}
	// The checkpoint is an entry itself; without it on the account an idle cluster would check its checks.
	d.checked, d.checkpoint = now, n.replica.position().index
	n.compare(ctx, index)
}

// watchDigest is the goroutine that looks whether this node's state has parted from the leader's.
func (n *Node) watchDigest(ctx context.Context) error {
	compared := uint64(0)
	for n.idle(ctx, n.timing.Pulse) {
		var index uint64
		var parted bool
		n.replica.read(func(v storage.View) { index, _, _, parted = v.Divergence() })
		if parted && index != compared {
			compared = index
			n.compare(ctx, index)
		}
	}
	return ctx.Err()
}

// compare asks all members for their digest after index. If a majority of the voters has another one than
// this node, this node is wrong, whether it leads or not, and stops serving. If there is no majority, a
// node that does not lead believes the leader.
func (n *Node) compare(ctx context.Context, index uint64) {
	var own [32]byte
	var known bool
	n.replica.read(func(v storage.View) { own, known = v.DigestAt(index) })
	if !known {
		return
	}
	votes := n.digests(ctx, index)
	votes[n.id] = own
	voters := n.voters()
	count := map[[32]byte]int{}
	for id, digest := range votes {
		if voters[id] {
			count[digest]++
		}
	}
	if len(count) < 2 {
		return
	}
	n.logger.Error("states have parted", "index", index, "digests", len(count), "like_this_node", count[own])
	most, leader := len(voters)/2+1, n.route.now().leader
	for digest, c := range count {
		if c >= most && digest != own {
			n.diverged(index)
			return
		}
	}
	if theirs, ok := votes[leader]; ok && count[own] < most && theirs != own {
		n.diverged(index)
	}
}

// digests asks the others, those that do not know yet a second time.
func (n *Node) digests(ctx context.Context, index uint64) map[storage.NodeID][32]byte {
	ctx, cancel := context.WithTimeout(ctx, dutyMax)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	out := map[storage.NodeID][32]byte{}
	for _, m := range n.members.others() {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				client, err := n.peers.client(m.ID)
				if err != nil {
					return
				}
				reply, err := client.DigestAt(ctx, &peerv1.DigestAtRequest{Index: index})
				if err == nil && reply.GetKnown() && len(reply.GetDigest()) == 32 {
					mu.Lock()
					defer mu.Unlock()
					out[m.ID] = [32]byte(reply.GetDigest())
					return
				}
				if err != nil || !n.idle(ctx, 50*time.Millisecond) {
					return
				}
			}
		}()
	}
	wg.Wait()
	return out
}

// diverged makes this node stop serving for good: its state is not the cluster's.
func (n *Node) diverged(index uint64) {
	n.halt(fmt.Errorf("this node's state differs from the others' at log index %d; it serves no more. Remove "+
		"it, empty its data folder %s and join again; keep the folder, it is evidence", index, n.folder.Dir()))
	if n.route.now().ready {
		_ = n.transfer("")
	}
}
