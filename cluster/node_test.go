package cluster

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"port67/storage"
)

func TestNode_FoundsAloneAndProposes(t *testing.T) {
	m := found(t)
	if r := m.mustPropose(bind(1)); r.Refusal != storage.Granted {
		t.Errorf("Bind: refused (%d) %s", r.Refusal, r.Detail)
	}
	eventually(t, "anchor", func() bool { _, ok := m.Upper(); return ok })
	if !m.InTouch() {
		t.Error("a leader is not in touch with itself")
	}
	if err := m.Barrier(patient(t)); err != nil {
		t.Error(err)
	}
}

func TestNode_ThreeAgreeAndSurviveTheLeader(t *testing.T) {
	members := three(t)
	for i, m := range members {
		if r := m.mustPropose(bind(i)); r.Refusal != storage.Granted {
			t.Errorf("Bind on %s: refused (%d) %s", m.info.Name, r.Refusal, r.Detail)
		}
	}
	leader, others := leaderOf(t, members)
	if err := leader.kill(); err != nil {
		t.Fatal(err)
	}
	for i, m := range others {
		if r := m.mustPropose(bind(10 + i)); r.Refusal != storage.Granted {
			t.Errorf("Bind on %s: refused (%d) %s", m.info.Name, r.Refusal, r.Detail)
		}
	}
	leader.relisten()
	leader.start()
	eventually(t, "caught up", func() bool {
		return leader.replica.position().index >= others[0].replica.position().index
	})
	var digests [][32]byte
	eventually(t, "digests agree", func() bool {
		digests = nil
		for _, m := range members {
			digests = append(digests, m.Status().Digest)
		}
		return digests[0] == digests[1] && digests[1] == digests[2]
	})
}

func TestNode_EveryAckedLeaseSurvivesAllNodesAtOnce_P2(t *testing.T) {
	members := three(t)
	for i := range 30 {
		if r := members[i%3].mustPropose(bind(i)); r.Refusal != storage.Granted {
			t.Fatalf("Bind: refused (%d) %s", r.Refusal, r.Detail)
		}
	}
	for _, m := range members {
		_ = m.kill()
	}
	for _, m := range members {
		m.relisten()
	}
	for _, m := range members {
		m.start()
	}
	for _, m := range members {
		if err := m.Barrier(patient(t)); err != nil {
			t.Fatal(err)
		}
		for i := range 30 {
			c := bind(i)
			m.Read(func(v storage.View) {
				if l, ok := v.Lease(c.Addr); !ok || l.Client != c.Client.Key {
					t.Errorf("%s: lease of %s is gone", m.info.Name, c.Addr)
				}
			})
		}
	}
}

func TestPropose_BatchesWhatQueues(t *testing.T) {
	members := three(t)
	_, followers := leaderOf(t, members)
	for _, m := range []*member{members[0], followers[0]} {
		before := m.raft.LastIndex()
		const count = 400
		var wg sync.WaitGroup
		for i := range count {
			wg.Add(1)
			go func() {
				defer wg.Done()
				if r := m.mustPropose(bind(i)); r.Refusal != storage.Granted {
					t.Errorf("Bind %d: refused (%d) %s", i, r.Refusal, r.Detail)
				}
			}()
		}
		wg.Wait()
		if entries := m.raft.LastIndex() - before; entries > count/2 {
			t.Errorf("%d proposals took %d entries; nothing was batched", count, entries)
		}
	}
}

func TestPropose_OneAddressOneClient_P1(t *testing.T) {
	members := three(t)
	granted := make(chan int, 30)
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			c := bind(i)
			c.Addr = bind(7).Addr
			if r := members[i%3].mustPropose(c); r.Refusal == storage.Granted {
				granted <- i
			}
		}()
	}
	wg.Wait()
	if n := len(granted); n != 1 {
		t.Errorf("%d clients got one address", n)
	}
}

func TestPropose_NoQuorumNoCommit_P10(t *testing.T) {
	members := three(t)
	leader, others := leaderOf(t, members)
	for _, m := range others {
		_ = m.kill()
	}
	eventually(t, "stepping down", func() bool { return !leader.route.now().ready })
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if r, err := leader.Propose(ctx, bind(1)); !errors.Is(err, storage.ErrNoLeader) {
		t.Errorf("Propose = %+v, %v, want ErrNoLeader", r, err)
	}
	if s := leader.Status(); s.LossesBearable != -1 {
		eventually(t, "quorum gone in Status", func() bool { return leader.Status().LossesBearable == -1 })
	}
	others[0].relisten()
	others[0].start()
	if r := leader.mustPropose(bind(1)); r.Refusal != storage.Granted {
		t.Errorf("Bind after one is back: refused (%d) %s", r.Refusal, r.Detail)
	}
}

func TestPropose_OverloadedIsToldAtOnce(t *testing.T) {
	members := three(t)
	leader, others := leaderOf(t, members)
	for _, m := range others {
		_ = m.kill()
	}
	eventually(t, "stepping down", func() bool { return !leader.route.now().ready })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for i := range queueMax + 2*batchMax {
		if _, err := leader.enqueue(ctx, bind(i), false); err != nil {
			if !errors.Is(err, storage.ErrOverloaded) {
				t.Errorf("enqueue: %v", err)
			}
			return
		}
	}
	t.Error("the queue has no end")
}

func TestBarrier_ReadsWhatOthersWrote(t *testing.T) {
	members := three(t)
	for i := range 20 {
		c := bind(i)
		members[i%3].mustPropose(c)
		reader := members[(i+1)%3]
		if err := reader.Barrier(patient(t)); err != nil {
			t.Fatal(err)
		}
		reader.Read(func(v storage.View) {
			if _, ok := v.Lease(c.Addr); !ok {
				t.Errorf("%s read past a lease that %s had committed", reader.info.Name, members[i%3].info.Name)
			}
		})
	}
}

func TestExtend_RaisesABookingWithoutBeingWaitedFor(t *testing.T) {
	members := three(t)
	_, others := leaderOf(t, members)
	c := bind(1)
	first := others[0].mustPropose(c).Lease
	if r := members[0].mustPropose(storage.AdvanceTime{By: 600, Author: "test"}); r.Refusal != storage.Granted {
		t.Fatalf("AdvanceTime: refused (%d) %s", r.Refusal, r.Detail)
	}
	others[0].Extend(storage.Extend{Addr: c.Addr, Key: c.Client.Key})
	eventually(t, "booking raised", func() (raised bool) {
		members[0].Read(func(v storage.View) {
			l, _ := v.Lease(c.Addr)
			raised = l.Booked > first.Booked
		})
		return raised
	})
}

func TestTell_ReachesTheOthers(t *testing.T) {
	members := three(t)
	h := Handled{Client: 1 << 60, XID: 0xdeadbeef, Type: 3, GIAddr: [4]byte{10, 67, 0, 1}}
	eventually(t, "told", func() bool {
		members[1].Tell(h) // The stream may not stand yet; telling is lossy.
		a, b := members[0].heard.all(), members[2].heard.all()
		return len(a) > 0 && len(b) > 0 && a[0] == h && b[0] == h
	})
	if own := members[1].heard.all(); len(own) != 0 {
		t.Errorf("a node told itself: %v", own)
	}
}

func TestTime_UpperBoundsTheClockOfTheLog(t *testing.T) {
	members := three(t)
	for _, m := range members {
		eventually(t, "anchor", func() bool { _, ok := m.Upper(); return ok })
	}
	for i := range 20 {
		for _, m := range members {
			m.mustPropose(bind(i))
			var clock int64
			m.Read(func(v storage.View) { clock = int64(v.Clock()) })
			if upper, ok := m.Upper(); ok && int64(upper) < clock {
				t.Fatalf("%s: upper bound %d, but the log is at %d", m.info.Name, upper, clock)
			}
		}
	}
}

func TestBuckets_AreSharedAndFollowTheLiving(t *testing.T) {
	members := three(t)
	share := func(m *member, id storage.NodeID) int {
		for _, s := range m.Status().Members {
			if s.Node.ID == id {
				return s.Buckets
			}
		}
		return 0
	}
	for _, m := range members {
		eventually(t, m.info.Name+" has its share", func() bool { return share(members[0], m.id) >= 85 })
	}
	leader, others := leaderOf(t, members)
	_ = others[0].kill()
	eventually(t, "buckets of a dead node moved", func() bool { return share(leader, others[0].id) == 0 })
	others[0].relisten()
	others[0].start()
	eventually(t, "buckets of a returned node", func() bool { return share(leader, others[0].id) >= 85 })
}

func TestPropose_WhatCannotBeWrittenHurtsNobodyElse(t *testing.T) {
	good := &proposal{command: bind(1), done: make(chan outcome, 1)}
	bad := &proposal{command: nil, done: make(chan outcome, 1)}
	good.take()
	bad.take()
	again := encodable([]*proposal{bad, good})
	if len(again) != 1 || again[0] != good || !good.take() {
		t.Errorf("to try again: %v, want the good one, waiting", again)
	}
	if len(bad.done) != 1 || (<-bad.done).err == nil {
		t.Error("a command that cannot be written did not end with an error")
	}
}
