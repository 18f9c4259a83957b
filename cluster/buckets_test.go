package cluster

import (
	"testing"

	"port67/storage"
	"port67/storage/lease"
)

func TestAssign(t *testing.T) {
	type owners = [lease.Buckets]storage.NodeID
	ids := func(names ...storage.NodeID) []storage.NodeID { return names }
	one := assign(owners{}, ids("a"))
	two := assign(one, ids("a", "b"))
	three := assign(two, ids("c", "b", "a"))
	for _, c := range []struct {
		name     string
		from     owners
		live     []storage.NodeID
		want     map[storage.NodeID]int
		movesMax int
	}{
		{"first node takes all", owners{}, ids("a"), map[storage.NodeID]int{"a": 256}, 256},
		{"second takes half", one, ids("a", "b"), map[storage.NodeID]int{"a": 128, "b": 128}, 128},
		{"third takes a third", two, ids("a", "b", "c"), map[storage.NodeID]int{"a": 86, "b": 85, "c": 85}, 85},
		{"nothing changed", three, ids("a", "b", "c"), map[storage.NodeID]int{"a": 86, "b": 85, "c": 85}, 0},
		{"order does not matter", three, ids("c", "a", "b"), map[storage.NodeID]int{"a": 86, "b": 85, "c": 85}, 0},
		{"named twice", three, ids("c", "a", "b", "c"), map[storage.NodeID]int{"a": 86, "b": 85, "c": 85}, 0},
		{"one is lost", three, ids("a", "c"), map[storage.NodeID]int{"a": 128, "c": 128}, 85},
		{"all others are lost", three, ids("b"), map[storage.NodeID]int{"b": 256}, 171},
		{"all new", three, ids("x", "y"), map[storage.NodeID]int{"x": 128, "y": 128}, 256},
		{"nobody is left: as it was", three, nil, map[storage.NodeID]int{"a": 86, "b": 85, "c": 85}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := assign(c.from, c.live)
			count, moves := map[storage.NodeID]int{}, 0
			for b, id := range got {
				count[id]++
				if id != c.from[b] {
					moves++
				}
			}
			for id, want := range c.want {
				if count[id] != want {
					t.Errorf("%s owns %d buckets, want %d", id, count[id], want)
				}
			}
			if moves > c.movesMax {
				t.Errorf("%d buckets moved, %d would do", moves, c.movesMax)
			}
		})
	}
}

// TestAssign_SmallPoolsHaveAddressesOfEveryNode: however the cluster grew, every node owns some of any 32
// neighbouring buckets.
func TestAssign_SmallPoolsHaveAddressesOfEveryNode(t *testing.T) {
	ids := []storage.NodeID{"a", "b", "c"}
	one := assign([lease.Buckets]storage.NodeID{}, ids[:1])
	for name, owners := range map[string][lease.Buckets]storage.NodeID{
		"at once":    assign([lease.Buckets]storage.NodeID{}, ids),
		"one, three": assign(one, ids),
		"one by one": assign(assign(one, ids[:2]), ids),
		"after loss": assign(assign(assign(one, ids), ids[1:]), ids),
	} {
		for first := range lease.Buckets {
			of := map[storage.NodeID]int{}
			for b := first; b < first+32; b++ {
				of[owners[b%lease.Buckets]]++
			}
			for _, id := range ids {
				if of[id] < 4 {
					t.Fatalf("%s: %s owns %d of the 32 buckets from %d on", name, id, of[id], first)
				}
			}
		}
	}
}

func TestAssign_LostBucketsGoToAllOthers(t *testing.T) {
	from := assign([lease.Buckets]storage.NodeID{}, []storage.NodeID{"a", "b", "c", "d"})
	to := assign(from, []storage.NodeID{"a", "b", "c"})
	heirs := map[storage.NodeID]int{}
	for b, id := range from {
		if id == "d" {
			heirs[to[b]]++
		}
	}
	for _, id := range []storage.NodeID{"a", "b", "c"} {
		if heirs[id] < 21 {
			t.Errorf("%s inherited %d of 64 buckets, want a third", id, heirs[id])
		}
	}
}
