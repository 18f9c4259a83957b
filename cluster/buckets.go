package cluster

import (
	"slices"

	"port67/storage"
	"port67/storage/lease"
)

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
