//go:build lab

package lab

import (
	"testing"
	"time"

	"port67/ops/load"
)

// TestChaos_P1_DeathsUnderLoad is the promise of the whole: 500 new clients a second, and any node may die.
func TestChaos_P1_DeathsUnderLoad(t *testing.T) {
	r := newRig(t, Options{}, load.Options{Relays: []load.Relay{via("10.70.0.1", 1, 2, 3)}})
	const total = 20_000
	crowd := r.load.Add(load.Group{Clients: total, Rate: 500, Plan: load.Plan{RenewAfter: 20 * time.Second}})
	// Beside them clients that give their address back at once, and clients that start anew.
	leaving := r.load.Add(load.Group{Clients: 1500, Rate: 40, Plan: load.Plan{ReleaseAfter: 5 * time.Second}})
	reboot := r.load.Add(load.Group{Clients: 1500, Rate: 40, Plan: load.Plan{RebootAfter: 5 * time.Second}})

	r.bound(crowd, 2000)
	leader := r.leader()
	at := r.load.Now()
	r.must(r.Node(leader).Kill())
	r.bound(crowd, 5000)
	r.pause("kill -9 of the leader", at, r.load.Now(), crowd)
	r.restart(leader)

	r.bound(crowd, 8000)
	follower := r.follower()
	at = r.load.Now()
	r.must(r.Node(follower).Kill())
	r.bound(crowd, 11_000)
	r.pause("kill -9 of a follower", at, r.load.Now(), crowd)
	r.restart(follower)

	r.bound(crowd, 14_000)
	leader = r.leader()
	at = r.load.Now()
	r.must(r.Node(leader).Stop())
	r.pass(5 * time.Second)
	r.must(r.Node(leader).Cont())
	r.bound(crowd, 18_500)
	r.pause("SIGSTOP of the leader for 5 s", at, r.load.Now(), crowd)

	r.holding(crowd, total)
	r.holding(reboot, 1500)
	r.released(leaving, 1500)
	for i := 1; i <= 3; i++ {
		r.must(r.WaitVoters(t.Context(), i, 3))
	}
	r.sameDigest()
	if rep := crowd.Report(); rep.Expired > 0 || rep.Unsent > 0 {
		t.Errorf("%d leases expired, %d messages could not be sent", rep.Expired, rep.Unsent)
	}
	r.allThere(r.leader(), r.load.Checker().Held(r.load.Now()))
}

// TestChaos_P6_ReuseUnderDeaths has fewer addresses than clients: each address is held by several, one after
// the other, while nodes die. Lease and grace are as short as they may be.
func TestChaos_P6_ReuseUnderDeaths(t *testing.T) {
	const config = `lease: {default: 10s, min: 10s, max: 10s}
booking: {factor: 1, grace: 10s + 1%, pause: 1s}
subnets:
  - prefix: 10.70.0.0/16
    pools:
      - range: 10.70.1.1-10.70.1.200
`
	r := newRig(t, Options{Config: config}, load.Options{Relays: []load.Relay{via("10.70.0.1", 1, 2, 3)}})
	// A client holds its address for 10 s and is off then; some give it back before.
	silent := r.load.Add(load.Group{Clients: 400, Rate: 7, Plan: load.Plan{Silent: true}})
	leaving := r.load.Add(load.Group{Clients: 100, Rate: 2, Plan: load.Plan{ReleaseAfter: 3 * time.Second}})
	for range 2 {
		r.bound(silent, silent.Bound()+80)
		leader := r.leader()
		r.must(r.Node(leader).Kill())
		r.bound(silent, silent.Bound()+20)
		r.restart(leader)
	}
	r.bound(silent, 400)
	r.bound(leaving, 100)
	if n := r.load.Report().Bound; n < 500 {
		t.Errorf("%d clients had one of 200 addresses, want 500", n)
	}
}

// TestChaos_P10_CutOff cuts one node off, in each of the ways in which a node can be.
func TestChaos_P10_CutOff(t *testing.T) {
	r := newRig(t, Options{}, load.Options{Relays: []load.Relay{via("10.70.0.1", 1, 2, 3)}})
	old := r.load.Add(load.Group{Clients: 300, Rate: 300, Plan: load.Plan{RenewAfter: time.Second}})
	r.holding(old, 300)

	for _, c := range []struct {
		name string
		node func() int
	}{{"follower from its peers", r.follower}, {"leader from its peers", r.leader}} {
		i := c.node()
		r.must(r.Partition(t.Context(), i, Peers))
		// Clients that are new from now on: the node that is cut off gives none of them an address.
		fresh := r.load.Add(load.Group{Clients: 1000, Rate: 200})
		before := old.Report()
		r.holding(fresh, 1000)
		after := old.Report()
		if n := fresh.Report().BoundBy[addrOf(i)]; n != 0 {
			t.Errorf("%s: it bound %d new clients", c.name, n)
		}
		// HA-012: its own clients go on renewing with it, inside their bookings.
		if n := after.Sources[addrOf(i)] - before.Sources[addrOf(i)]; n < 50 {
			t.Errorf("%s: it answered %d renewals", c.name, n)
		}
		// A new client may lose an address to another whose node offered it too; a renewal is never refused.
		if after.NAKs != 0 {
			t.Errorf("%s: %d NAKs to renewals", c.name, after.NAKs)
		}
		r.must(r.Heal(t.Context(), i))
		r.must(r.WaitVoters(t.Context(), i, 3))
	}

	for _, c := range []struct {
		name string
		node func() int
	}{{"follower from its clients", r.follower}, {"leader from its clients", r.leader}} {
		i := c.node()
		r.must(r.Partition(t.Context(), i, Clients))
		fresh := r.load.Add(load.Group{Clients: 1000, Rate: 200})
		r.holding(fresh, 1000)
		if n := fresh.Report().BoundBy[addrOf(i)]; n != 0 {
			t.Errorf("%s: %d heard of it nevertheless", c.name, n)
		}
		r.must(r.Heal(t.Context(), i))
	}
	r.sameDigest()
}

// TestChaos_HA012_NoQuorum kills two nodes of three.
func TestChaos_HA012_NoQuorum(t *testing.T) {
	r := newRig(t, Options{}, load.Options{
		// Renewals go to all nodes: those of the dead ones are answered by the one that lives.
		NoUnicast: true, Relays: []load.Relay{via("10.70.0.1", 1, 2, 3)},
	})
	old := r.load.Add(load.Group{Clients: 100, Rate: 100, Plan: load.Plan{RenewAfter: 2 * time.Second}})
	r.holding(old, 100)
	leader, follower := r.leader(), r.follower()
	r.must(r.Node(leader).Kill())
	r.must(r.Node(follower).Kill())

	fresh := r.load.Add(load.Group{Clients: 50, Rate: 50})
	r.renewed(old, 400)
	if rep := fresh.Report(); rep.Bound != 0 || rep.NAKs != 0 {
		t.Errorf("without a quorum %d new clients were bound, %d refused", rep.Bound, rep.NAKs)
	}
	if rep := old.Report(); rep.NAKs != 0 || rep.Holding != 100 {
		t.Errorf("without a quorum: %d NAKs to renewals, %d of 100 leases held", rep.NAKs, rep.Holding)
	}

	r.must(r.Node(follower).Start())
	at := r.load.Now()
	later := r.load.Add(load.Group{Clients: 600, Rate: 20})
	r.bound(later, 1)
	first := later.Report().Bindings[0] - at
	t.Logf("FIGURE two of three dead, one started again: first new binding after %v (promised: 3s)",
		first.Round(time.Millisecond))
	if first > 30*time.Second {
		t.Errorf("service came back after %v", first)
	}
	r.holding(fresh, 50)
}

// TestChaos_P2_AllKilled kills every node at once under load and starts them again.
func TestChaos_P2_AllKilled(t *testing.T) {
	r := newRig(t, Options{}, load.Options{Relays: []load.Relay{via("10.70.0.1", 1, 2, 3)}})
	crowd := r.load.Add(load.Group{Clients: 5000, Rate: 500})
	r.bound(crowd, 2500)
	for i := 1; i <= 3; i++ {
		r.must(r.Node(i).Kill())
	}
	held := r.load.Checker().Held(r.load.Now())
	if len(held) < 2500 {
		t.Fatalf("only %d leases held", len(held))
	}
	for i := 1; i <= 3; i++ {
		r.must(r.Node(i).Start())
	}
	for i := 1; i <= 3; i++ {
		r.must(r.WaitServing(t.Context(), i))
		r.allThere(i, held)
	}
	r.holding(crowd, 5000)
	r.allThere(1, r.load.Checker().Held(r.load.Now()))
}

// TestChaos_GrowAndShrink makes three nodes of one and one of three while clients come.
func TestChaos_GrowAndShrink(t *testing.T) {
	r := newRig(t, Options{Nodes: 3, Members: 1}, load.Options{
		Relays: []load.Relay{via("10.70.0.1", 1, 2, 3)},
	})
	crowd := r.load.Add(load.Group{Clients: 40_000, Rate: 100, Plan: load.Plan{RenewAfter: 30 * time.Second}})
	r.bound(crowd, 100)
	for i := 2; i <= 3; i++ {
		r.must(r.Grow(t.Context(), i))
		r.must(r.WaitVoters(t.Context(), i, i))
	}
	r.bound(crowd, crowd.Bound()+300)
	for i := 3; i >= 2; i-- {
		_, err := r.Ctl(t.Context(), 1, "cluster", "remove", r.Node(i).Name, "--yes")
		r.must(err)
		r.must(r.WaitVoters(t.Context(), 1, i-1))
		r.removed(i)
	}
	r.bound(crowd, crowd.Bound()+300)
	rep := crowd.Report()
	if rep.GaveUp > 0 || rep.NAKs > 0 || rep.Expired > 0 || len(rep.Answered) > 2 {
		t.Errorf("exchanges failed beyond a retransmission:\n%v", rep)
	}
	if n := r.load.Report(); n.BoundBy[addrOf(2)] == 0 || n.BoundBy[addrOf(3)] == 0 {
		t.Errorf("n2 and n3 took no part:\n%v", n)
	}
}

// TestChaos_FullDisk fills the data folders of all nodes.
func TestChaos_FullDisk(t *testing.T) {
	r := newRig(t, Options{DataSize: "256m"}, load.Options{
		NoUnicast: true, Relays: []load.Relay{via("10.70.0.1", 1, 2, 3)},
	})
	old := r.load.Add(load.Group{Clients: 100, Rate: 100, Plan: load.Plan{RenewAfter: 2 * time.Second}})
	r.holding(old, 100)
	for _, n := range r.Nodes() {
		// All but 2 MiB of what is free.
		_, err := n.Exec(t.Context(), "sh", "-c",
			`cd "$0" && free=$(df --output=avail -k . | tail -1) && fallocate -l $((free - 2048))k filler`, n.Data())
		r.must(err)
	}
	// The nodes look at their disks from time to time; what is bound until they have seen it is bound.
	r.pass(5 * time.Second)
	fresh := r.load.Add(load.Group{Clients: 100, Rate: 100})
	r.renewed(old, 400)
	if rep := fresh.Report(); rep.Bound != 0 || rep.NAKs != 0 {
		t.Errorf("on a full disk %d new clients were bound, %d refused", rep.Bound, rep.NAKs)
	}
	if rep := old.Report(); rep.NAKs != 0 || rep.Holding != 100 {
		t.Errorf("on a full disk: %d NAKs to renewals, %d of 100 leases held", rep.NAKs, rep.Holding)
	}
	for _, n := range r.Nodes() {
		if !n.Running() {
			t.Errorf("%s has ended", n.Name)
		}
		_, err := n.Exec(t.Context(), "rm", n.Data()+"/filler")
		r.must(err)
	}
	r.holding(fresh, 100)
	r.allThere(r.leader(), r.load.Checker().Held(r.load.Now()))
}

// TestChaos_RelayToOneNode has a relay agent that knows one node only, a follower. What the others would have
// answered is answered by it, and it does not wait for them once it has understood.
func TestChaos_RelayToOneNode(t *testing.T) {
	r := newRig(t, Options{}, load.Options{Relays: []load.Relay{
		via("10.70.0.1", 1), via("10.70.0.2", 2), via("10.70.0.3", 3), via("10.70.0.4", 1, 2, 3),
	}})
	only := r.follower() - 1
	// Other relay agents are heard by all nodes, as usual.
	usual := r.load.Add(load.Group{Clients: 300, Rate: 50, Via: []int{3}})
	first := r.load.Add(load.Group{Clients: 20, Rate: 20, Via: []int{only}})
	r.holding(first, 20)
	later := r.load.Add(load.Group{Clients: 200, Rate: 50, Via: []int{only}})
	r.holding(later, 200)
	r.holding(usual, 300)
	rep := later.Report()
	t.Logf("FIGURE relay agent of one node: bound within %v (median), %v (99 %%); the first 20 %v",
		rep.Quantile(500), rep.Quantile(990), first.Report().Quantile(500))
	// A node that waits for the others waits 250 ms or 500 ms, for two clients of three.
	if rep.Quantile(500) >= 250*time.Millisecond {
		t.Errorf("half of the clients waited %v", rep.Quantile(500))
	}
	if rep.BoundBy[addrOf(only+1)] != 200 {
		t.Errorf("others answered: %v", rep.BoundBy)
	}
}
