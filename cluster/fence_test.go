package cluster

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"port67/storage"
)

func TestTrail_WhoHasLostNothingHasNoLess_P15(t *testing.T) {
	for _, c := range []struct {
		name             string
		remembered, here trail
		lost             bool
	}{
		{"nothing is remembered", trail{}, trail{}, false},
		{"as remembered", trail{3, 50, 3}, trail{3, 50, 3}, false},
		{"further in the same term", trail{3, 50, 3}, trail{3, 51, 3}, false},
		{"less in the same term", trail{3, 50, 3}, trail{3, 49, 3}, true},
		{"less, cut by the leader of a later term", trail{3, 50, 3}, trail{4, 40, 3}, false},
		{"an earlier term", trail{3, 50, 0}, trail{2, 90, 2}, true},
		{"the same log, but no vote", trail{3, 50, 3}, trail{3, 50, 2}, true},
		{"a term alone", trail{3, 0, 0}, trail{3, 10, 0}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.remembered.exceeds(c.here); got != c.lost {
				t.Errorf("%+v exceeds %+v: %t, want %t", c.remembered, c.here, got, c.lost)
			}
		})
	}
}

func TestMemory_KeepsTheFurthestAndOutlivesARestart_P15(t *testing.T) {
	var disk []byte
	writes := 0
	write := func(b []byte) error { disk, writes = b, writes+1; return nil }
	m, err := newMemory(nil, write)
	if err != nil {
		t.Fatal(err)
	}
	for _, seen := range []trail{{2, 90, 2}, {3, 10, 0}, {3, 9, 0}, {2, 99, 1}} {
		m.note("n2", seen)
	}
	m.note("n3", trail{1, 1, 1})
	m.forget("n3")
	for range 2 {
		if err := m.save(); err != nil {
			t.Fatal(err)
		}
	}
	if writes != 1 {
		t.Errorf("written %d times, want once: nothing changed in between", writes)
	}
	again, err := newMemory(disk, write)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := again.get("n2"), (trail{3, 10, 2}); got != want {
		t.Errorf("remembered %+v, want %+v", got, want)
	}
	if got := again.get("n3"); got != (trail{}) {
		t.Errorf("remembered %+v of a node that was forgotten", got)
	}
	if _, err := newMemory([]byte("\xff\xff"), write); err == nil {
		t.Error("no error for what is no memory")
	}
}

// restart stops a node and starts it again.
func (m *member) restart() {
	m.t.Helper()
	_ = m.kill()
	m.relisten()
	m.start()
}

func TestFence_NobodyVotesBeforeHeHasAsked_P15(t *testing.T) {
	members := three(t)
	leader, others := leaderOf(t, members)
	victim, absent := others[0], others[1]
	_ = absent.kill()
	slow := quick()
	slow.Recall = time.Hour // Nobody counts as dead.
	victim.options.Timing = slow
	victim.restart()
	if victim.fence.isOpen() || victim.InTouch() {
		t.Error("takes part though a member has not answered")
	}
	if _, ok := victim.Upper(); ok {
		t.Error("would answer clients")
	}
	addr := raftAddr(string(victim.id), victim.info.PeerListen)
	asked := &raft.RequestVoteRequest{Term: 1000}
	if err := leader.transport.RequestVote(raft.ServerID(victim.id), addr, asked, &raft.RequestVoteResponse{}); err == nil {
		t.Error("voted without having asked")
	}
	err := victim.transport.RequestPreVote("", "", &raft.RequestPreVoteRequest{}, &raft.RequestPreVoteResponse{})
	if !errors.Is(err, errFenced) {
		t.Errorf("wants votes without having asked: %v", err)
	}
	if term := victim.raft.CurrentTerm(); term >= 1000 {
		t.Errorf("term %d: heard of an election", term)
	}
	absent.relisten()
	absent.start()
	eventually(t, "all have answered", victim.fence.isOpen)
	if r := victim.mustPropose(bind(1)); r.Refusal != storage.Granted {
		t.Errorf("Bind: refused (%d) %s", r.Refusal, r.Detail)
	}
}

func TestFence_WhoLostNothingVotesThoughAMemberIsDead_P15(t *testing.T) {
	members := three(t)
	_, others := leaderOf(t, members)
	_ = others[1].kill()
	others[0].restart()
	if r := others[0].mustPropose(bind(1)); r.Refusal != storage.Granted {
		t.Errorf("Bind with two of three: refused (%d) %s", r.Refusal, r.Detail)
	}
}

// setBack copies m's data folder while it is stopped, lets it run on for a while, and puts the copy back.
func (m *member) setBack(meanwhile func()) {
	m.t.Helper()
	_ = m.kill()
	early := filepath.Join(m.t.TempDir(), "early")
	if err := os.CopyFS(early, os.DirFS(m.dir)); err != nil {
		m.t.Fatal(err)
	}
	m.relisten()
	m.start()
	meanwhile()
	_ = m.kill()
	if err := errors.Join(os.RemoveAll(m.dir), os.Rename(early, m.dir)); err != nil {
		m.t.Fatal(err)
	}
	m.relisten()
}

// becomesAnother waits until a node has ended as what it was, starts it and waits until it votes again, as
// somebody else and with the state of the others.
func (m *member) becomesAnother(right *member) {
	m.t.Helper()
	was := m.id
	if err := <-m.done; !errors.Is(err, ErrReplaced) {
		m.t.Fatalf("Run = %v, want ErrReplaced", err)
	}
	m.stop = nil
	m.relisten()
	m.start()
	if m.id == was {
		m.t.Fatalf("still %s", was)
	}
	eventually(m.t, "votes as another", func() bool {
		voters := right.voters()
		return voters[m.id] && !voters[was] && m.voters()[m.id]
	})
	eventually(m.t, "digests agree", func() bool { return m.Status().Digest == right.Status().Digest })
	right.Read(func(v storage.View) {
		old, _ := v.Node(was)
		if now, ok := v.Node(m.id); !ok || !old.Removed || now.Name != old.Name || now.PeerAddr != old.PeerAddr {
			m.t.Errorf("replaced %+v by %+v", old, now)
		}
	})
	if !m.folder.Has("set-aside-" + string(was)) {
		m.t.Error("what it was is not set aside")
	}
	if r := m.mustPropose(bind(77)); r.Refusal != storage.Granted {
		m.t.Errorf("Bind: refused (%d) %s", r.Refusal, r.Detail)
	}
}

func TestRollback_IsRecognisedAndJoinsAnew_P15(t *testing.T) {
	members := three(t)
	leader, others := leaderOf(t, members)
	victim := others[0]
	victim.setBack(func() {
		for i := range 10 {
			victim.mustPropose(bind(i))
		}
		if err := victim.Barrier(patient(t)); err != nil {
			t.Fatal(err)
		}
	})
	victim.start()
	if victim.fence.isOpen() {
		t.Error("takes part with a disk that went back in time")
	}
	victim.becomesAnother(leader)
}

func TestRollback_IsRecognisedByWhatWasWrittenDown_P15(t *testing.T) {
	members := three(t)
	leader, others := leaderOf(t, members)
	victim := others[0]
	victim.setBack(func() {
		for i := range 10 {
			victim.mustPropose(bind(i))
		}
		if err := victim.Barrier(patient(t)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "written down", func() bool {
			b, err := os.ReadFile(leader.folder.Path(fileTrails))
			if err != nil {
				return false
			}
			kept, err := newMemory(b, nil)
			return err == nil && kept.get(victim.id).index >= victim.raft.LastIndex()
		})
	})
	_ = leader.kill()
	_ = others[1].kill()
	victim.start()
	eventually(t, "asked in vain", func() bool { return victim.raft.State() == raft.Candidate })
	if victim.fence.isOpen() {
		t.Error("votes though nobody has answered")
	}
	for _, m := range []*member{leader, others[1]} {
		m.relisten()
		m.start()
	}
	victim.becomesAnother(leader)
}

func TestRollback_EndsWithAClearTextWhereItIsNotTakenBack_P15(t *testing.T) {
	members := three(t)
	leader, others := leaderOf(t, members)
	victim := others[0]
	victim.setBack(func() {
		victim.mustPropose(bind(1))
		if err := victim.Barrier(patient(t)); err != nil {
			t.Fatal(err)
		}
	})
	// Another node is on its way to its vote, and stays there.
	if err := leader.raft.AddNonvoter("nobody", "nobody@127.0.0.1:1", 0, enqueueMax).Error(); err != nil {
		t.Fatal(err)
	}
	victim.start()
	err := <-victim.done
	victim.stop = nil
	for _, want := range []string{"gone back in time", "one node after the other", "empty the folder"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Run = %v, want %q", err, want)
		}
	}
	if !leader.voters()[victim.id] {
		t.Error("refused, and its vote is gone nevertheless")
	}
}

func TestRollback_ToWhenItWasAloneIsNoticedWhenAnotherCalls_P15(t *testing.T) {
	first := found(t)
	var second *member
	first.setBack(func() {
		eventually(t, "leadership", func() bool { return first.route.now().ready })
		second = first.grow("n2")
	})
	first.start()
	select {
	case <-first.Stopped():
	case <-patient(t).Done():
		t.Fatal("a cluster of its own, and serving")
	}
	if why := first.trouble(); !strings.Contains(why, string(second.id)) || !strings.Contains(why, "gone back in time") {
		t.Errorf("stopped because of %q", why)
	}
	if !second.Serving() {
		t.Error("the one who lost nothing stopped, too")
	}
}

// TestRollback_AnOperatorAcceptsTheLoss: the way out of docs/safety.md §6 when more nodes are recognised than the
// cluster can spare.
func TestRollback_AnOperatorAcceptsTheLoss_P15(t *testing.T) {
	members := three(t)
	_, others := leaderOf(t, members)
	victim := others[0]
	victim.setBack(func() {
		victim.mustPropose(bind(1))
		if err := victim.Barrier(patient(t)); err != nil {
			t.Fatal(err)
		}
	})
	for _, m := range members {
		if m != victim {
			_ = m.kill()
			m.relisten()
		}
		for _, name := range []string{fileTrails, fileSuccessor} {
			if err := os.RemoveAll(filepath.Join(m.dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	was := victim.id
	for _, m := range members {
		m.start()
	}
	if r := victim.mustPropose(bind(2)); r.Refusal != storage.Granted {
		t.Errorf("Bind: refused (%d) %s", r.Refusal, r.Detail)
	}
	if !victim.Serving() || victim.id != was {
		t.Errorf("fenced in spite of the operator: %s", victim.trouble())
	}
}
