package cluster

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/hashicorp/raft"

	"port67/cluster/logcodec"
	"port67/cluster/trust"
	peerv1 "port67/proto/peer/v1"
	"port67/storage"
	"port67/storage/disk"
)

// strand makes a follower one that the library cannot help (G5), and starts it: behind what it has in common
// with the others its log holds entries that were never committed, and it ends beyond the snapshot that the
// others have instead of the entries that it lacks.
func strand(t *testing.T, victim *member, others []*member) {
	t.Helper()
	leader, followers := leaderOf(t, others)
	_ = victim.kill()
	lengthen(t, victim.dir)
	// Another leader, so that what is committed from now on is of another term.
	if err := leader.Transfer(patient(t), followers[0].id); err != nil {
		t.Fatal(err)
	}
	leader, _ = leaderOf(t, others)
	for i := range 20 {
		leader.mustPropose(bind(100 + i))
	}
	settings := leader.raft.ReloadableConfig()
	settings.TrailingLogs = 1
	if err := leader.raft.ReloadConfig(settings); err != nil {
		t.Fatal(err)
	}
	if err := leader.raft.Snapshot().Error(); err != nil {
		t.Fatal(err)
	}
	victim.relisten()
	victim.start()
}

// lengthen appends entries to the log in dir as a leader does that nobody hears.
func lengthen(t *testing.T, dir string) {
	t.Helper()
	f, err := disk.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	log, err := f.Log(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	var last raft.Log
	index, err := log.LastIndex()
	if err == nil {
		err = log.GetLog(index, &last)
	}
	if err != nil {
		t.Fatal(err)
	}
	data, err := logcodec.Encode(storage.Entry{At: 1, Commands: []storage.Command{storage.Tick{}}})
	if err != nil {
		t.Fatal(err)
	}
	for range 300 {
		index++
		if err := log.StoreLog(&raft.Log{Index: index, Term: last.Term, Type: raft.LogCommand, Data: data}); err != nil {
			t.Fatal(err)
		}
	}
}

func troubleOf(m *member, id storage.NodeID) string {
	for _, s := range m.Status().Members {
		if s.Node.ID == id {
			return s.Trouble
		}
	}
	return ""
}

func TestG5_ANodeThatCannotTakeItsSnapshotBecomesAnother(t *testing.T) {
	members := three(t)
	leader, others := leaderOf(t, members)
	victim, healthy := others[0], []*member{leader, others[1]}
	strand(t, victim, healthy)
	victim.becomesAnother(leader)

	// Once more within the hour: it stays what it is, serves nobody, and says why.
	again := victim.id
	strand(t, victim, healthy)
	leader, _ = leaderOf(t, healthy)
	eventually(t, "the alarm", func() bool {
		return strings.Contains(troubleOf(leader, again), "do not fit together")
	})
	eventually(t, "asked", func() bool { return victim.folder.Has(fileSuccessor) })
	if victim.Serving() || !leader.voters()[again] {
		t.Error("it serves, or has lost its vote")
	}
	if err := victim.kill(); err != nil {
		t.Errorf("Run = %v, want it to go on until it is stopped", err)
	}
}

// TestG5_OnlyWhatWasRestoredAgainAndAgainCounts: the leader's word alone makes no node give up its membership; it
// counts what it sent, not what arrived.
func TestG5_OnlyWhatWasRestoredAgainAndAgainCounts(t *testing.T) {
	snapshot := func(index uint64) io.ReadCloser {
		s := storage.New()
		s.Apply(index, storage.Entry{At: 1, Commands: []storage.Command{
			storage.Found{ClusterID: "c", Node: storage.Node{ID: "n", Level: 1}},
		}})
		var b bytes.Buffer
		if _, err := s.Freeze().WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		return io.NopCloser(&b)
	}
	r := newReplica()
	r.onChange, r.onHalt = func() {}, func(error) {}
	for i, step := range []struct {
		restore uint64
		often   bool
	}{
		{10, false}, {10, false}, {20, false}, {20, false}, {20, true}, {20, true},
	} {
		if err := r.Restore(snapshot(step.restore)); err != nil {
			t.Fatal(err)
		}
		// The snapshot's own index may be beyond that of the state.
		if got := r.restoredOften(step.restore + 2); got != step.often {
			t.Errorf("after restore %d: %t, want %t", i+1, got, step.often)
		}
	}
	if r.restoredOften(19) {
		t.Error("taken for another snapshot")
	}
	tick, err := logcodec.Encode(storage.Entry{At: 2, Commands: []storage.Command{storage.Tick{}}})
	if err != nil {
		t.Fatal(err)
	}
	r.Apply(&raft.Log{Index: 21, Data: tick})
	if r.restoredOften(22) {
		t.Error("it got on, and counts as stranded")
	}
}

// TestReplace_WhatTheLeaderRefuses: the mechanism must never hurt more than what it mends.
func TestReplace_WhatTheLeaderRefuses(t *testing.T) {
	members := three(t)
	leader, others := leaderOf(t, members)
	csr, _, err := trust.NewRequest()
	if err != nil {
		t.Fatal(err)
	}
	request := func(id string) *peerv1.ReplaceRequest {
		next := others[0].describe()
		next.ID = storage.NodeID(id)
		return &peerv1.ReplaceRequest{Csr: csr, Node: memberOf(next)}
	}
	refused := func(old storage.NodeID, in *peerv1.ReplaceRequest, why string) {
		t.Helper()
		_, err := leader.replaceHere(patient(t), old, in)
		if !errors.Is(err, storage.ErrRefused) || !strings.Contains(err.Error(), why) {
			t.Errorf("got %v, want a refusal: %s", err, why)
		}
		if len(leader.voters()) != 3 {
			t.Error("refused, and a vote is gone nevertheless")
		}
	}
	refused("nobody", request(uuid.NewString()), "not a member")
	refused(others[0].id, request("n9"), "wants a UUID")
	refused(others[0].id, request(string(others[1].id)), "that of a member")
	refused(others[0].id, &peerv1.ReplaceRequest{Csr: []byte("x"), Node: request(uuid.NewString()).Node}, "certificate request")
	old := request(uuid.NewString())
	old.Node.Level = 0
	refused(others[0].id, old, "feature level 0")
	_ = others[1].kill()
	eventually(t, "silence noticed", func() bool {
		err := leader.canLose(others[0].id)
		return err != nil
	})
	refused(others[0].id, request(uuid.NewString()), "which is no majority")
}

func TestReplace_AnAnswerThatWasLostIsAskedForAgain(t *testing.T) {
	members := three(t)
	leader, others := leaderOf(t, members)
	victim := others[0]
	was := victim.id
	_ = victim.kill()
	id := uuid.NewString()
	if err := os.WriteFile(victim.dir+"/"+fileSuccessor, []byte(id), 0o600); err != nil {
		t.Fatal(err)
	}
	csr, _, err := trust.NewRequest()
	if err != nil {
		t.Fatal(err)
	}
	next := victim.describe()
	next.ID = storage.NodeID(id)
	if _, err := leader.replaceHere(patient(t), was, &peerv1.ReplaceRequest{Csr: csr, Node: memberOf(next)}); err != nil {
		t.Fatal(err)
	}
	// It comes back as what it was and hears that this is over: it must not take that for an operator's word.
	victim.relisten()
	victim.start()
	victim.becomesAnother(leader)
	if victim.id != next.ID {
		t.Errorf("it is %s, want %s", victim.id, next.ID)
	}
}
