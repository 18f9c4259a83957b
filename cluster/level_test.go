package cluster

import (
	"strings"
	"testing"
	"time"

	"port67/storage"
)

func (m *member) level() (level uint32) {
	m.Read(func(v storage.View) { level = v.Level() })
	return level
}

// saysLevel waits until the replicated record of a node has this level.
func (m *member) saysLevel(id storage.NodeID, level uint32) {
	m.t.Helper()
	eventually(m.t, "the node's level is known", func() (known bool) {
		m.Read(func(v storage.View) {
			node, _ := v.Node(id)
			known = node.Level == level
		})
		return known
	})
}

// again starts a node anew with another release.
func (m *member) again(level uint32) {
	m.t.Helper()
	_ = m.kill()
	m.relisten()
	m.info.Level = level
	m.start()
}

func TestLevel_RisesByHandWhenAllHaveSaidThatTheyReadIt_P16(t *testing.T) {
	first := found(t)
	second := first.grow("n2")
	if first.level() != 1 {
		t.Fatalf("a new cluster is at level %d, want that of its first node, 1", first.level())
	}
	first.again(2)
	second.saysLevel(first.id, 2)
	r := second.mustPropose(storage.SetLevel{Level: 2})
	if r.Refusal != storage.WrongLevel || !strings.Contains(r.Detail, "node n2 reads no more than feature level 1") {
		t.Errorf("raised over a member's head: (%d) %s", r.Refusal, r.Detail)
	}
	second.again(2)
	first.saysLevel(second.id, 2)
	if level := first.level(); level != 1 {
		t.Errorf("level %d before anybody has raised it, want 1", level)
	}
	// Held back, so a node can still go back to the release before.
	second.again(1)
	first.saysLevel(second.id, 1)
	second.again(2)
	first.saysLevel(second.id, 2)
	for _, m := range []*member{second, first} { // From any node, and twice is once.
		if r := m.mustPropose(storage.SetLevel{Level: 2}); r.Refusal != storage.Granted {
			t.Errorf("%s: refused (%d) %s", m.info.Name, r.Refusal, r.Detail)
		}
		eventually(t, "level 2 in force", func() bool { return m.level() == 2 })
	}
	token, err := first.CreateToken(patient(t), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	old := newMember(t, "n3")
	err = Join(patient(t), old.dir, old.info, first.info.PeerListen, token)
	if err == nil || !strings.Contains(err.Error(), "install a newer release") {
		t.Errorf("Join with the release before: %v", err)
	}
}

func TestLevel_ANewClusterIsAtThatOfItsFirstNode(t *testing.T) {
	m := newMember(t, "n1")
	m.info.Level = 2
	if _, err := Found(m.dir, m.info, nil); err != nil {
		t.Fatal(err)
	}
	m.start()
	eventually(t, "leadership", func() bool { return m.route.now().ready })
	if m.level() != 2 {
		t.Errorf("level %d, want 2", m.level())
	}
}
