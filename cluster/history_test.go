package cluster

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"port67/storage"
	"port67/storage/history"
)

// past returns what a node knows of an address, oldest first.
func (m *member) past(c storage.Bind) []history.Entry {
	m.t.Helper()
	page, err := m.History(patient(m.t), history.Query{Addr: c.Addr, Limit: 100})
	if err != nil {
		m.t.Fatal(err)
	}
	if len(page.Gaps) > 0 {
		m.t.Errorf("%s has gaps: %+v", m.info.Name, page.Gaps)
	}
	var out []history.Entry
	for i := range page.Events {
		out = append(out, page.Events[len(page.Events)-1-i])
	}
	return out
}

// what lists what happened, with the index of the entry.
func what(events []history.Entry) (out []history.Position) {
	for _, e := range events {
		out = append(out, history.Position{Index: e.Index, Ordinal: uint32(e.What)})
	}
	return out
}

// TestHistory_OfEveryNode: each node tells the same, once, after restarts and snapshots too, and when it joined
// later. What it learned live has the time at which it happened.
func TestHistory_OfEveryNode(t *testing.T) {
	first := foundWith(t, Options{HistoryMax: 1 << 20})
	c := bind(1)
	begun := time.Now().Unix()
	first.mustPropose(c)
	if err := first.raft.Snapshot().Error(); err != nil {
		t.Fatal(err)
	}
	first.mustPropose(storage.Release{Addr: c.Addr, Key: c.Client.Key})
	live := first.past(c)
	for _, e := range live {
		if e.Wall < begun || e.Wall > time.Now().Unix() {
			t.Errorf("event %+v: want the time at which it happened, since %d", e, begun)
		}
	}
	for range 2 {
		_ = first.kill()
		first.relisten()
		first.start()
		if err := first.Barrier(patient(t)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(what(live), what(first.past(c))); diff != "" {
			t.Errorf("after a restart:\n%s", diff)
		}
	}
	second := first.grow("n2")
	second.mustPropose(c)
	if err := first.Barrier(patient(t)); err != nil {
		t.Fatal(err)
	}
	if err := second.Barrier(patient(t)); err != nil {
		t.Fatal(err)
	}
	want := what(first.past(c))
	if len(want) != 3 || history.What(want[0].Ordinal) != history.Bound ||
		history.What(want[1].Ordinal) != history.Released {
		t.Errorf("history %v, want bound, released, and bound again", want)
	}
	if diff := cmp.Diff(want, what(second.past(c))); diff != "" {
		t.Errorf("what the second node knows:\n%s", diff)
	}
}

// TestChanges_OfEveryNode: each node tells of what it applies, from its own copy of the state.
func TestChanges_OfEveryNode(t *testing.T) {
	first := foundWith(t, Options{})
	second := first.grow("n2")
	for _, m := range []*member{first, second} {
		next := m.Changes().Follow()
		c := bind(1)
		first.mustPropose(c)
		<-m.Changes().Grown(next)
		addrs, _, ok := m.Changes().After(nil, next, 10)
		if !ok || len(addrs) != 1 || addrs[0] != c.Addr {
			t.Errorf("%s: %v, %t, want %v", m.info.Name, addrs, ok, c.Addr)
		}
		m.Read(func(v storage.View) {
			if l, ok := v.Lease(c.Addr); !ok || l.Client != c.Client.Key {
				t.Errorf("%s tells of a change before it is in the state", m.info.Name)
			}
		})
	}
}

func TestHistory_Off(t *testing.T) {
	m := found(t)
	if _, err := m.History(patient(t), history.Query{Limit: 1}); !errors.Is(err, storage.ErrRefused) {
		t.Errorf("History = %v, want ErrRefused", err)
	}
}
