package cluster

import (
	"strings"
	"testing"

	"port67/storage"
)

// reconfigure applies a configuration that takes about size octets of the log, count times.
func (m *member) reconfigure(count, size int) {
	m.t.Helper()
	for range count {
		if err := m.Barrier(patient(m.t)); err != nil {
			m.t.Fatal(err)
		}
		var revision uint64
		m.Read(func(v storage.View) { revision = v.Revision() })
		r := m.mustPropose(storage.SetConfig{
			Expected: revision, Config: sample().Config, Source: strings.Repeat("#", size), Author: "test",
		})
		if r.Refusal != storage.Granted {
			m.t.Fatalf("SetConfig: refused (%d) %s", r.Refusal, r.Detail)
		}
	}
}

func (m *member) logLen() uint64 {
	first, err := m.store.FirstIndex()
	if err != nil {
		m.t.Fatal(err)
	}
	return m.raft.LastIndex() - first + 1
}

// TestTrim_LargeEntriesDoNotMakeTheLogEndless: the log is cut by octets, long before there are many entries, and
// grows long again when entries are small.
func TestTrim_LargeEntriesDoNotMakeTheLogEndless(t *testing.T) {
	limits := LogLimits{Octets: 200 << 10, KeepOctets: 100 << 10, KeepLeast: 5}
	first := foundWith(t, Options{LogLimits: limits})
	second := first.grow("n2")
	for _, m := range []*member{first, second} {
		m.reconfigure(15, 20<<10)
	}
	for _, m := range []*member{first, second} {
		eventually(t, m.info.Name+" has cut its log", func() bool {
			return m.snapshots.NewestIndex() > 0 && m.logLen() < 25
		})
		if n := m.logLen(); n < limits.KeepLeast {
			t.Errorf("%s keeps %d entries, want %d at least", m.info.Name, n, limits.KeepLeast)
		}
		if m.logLen() <= m.raft.LastIndex()-m.snapshots.NewestIndex() {
			t.Errorf("%s keeps nothing behind its snapshot", m.info.Name)
		}
	}
	for _, m := range []*member{first, second} {
		before := m.replica.position().index
		m.restart()
		eventually(t, "the state is back", func() bool { return m.replica.position().index >= before })
	}
	third := first.grow("n3")
	eventually(t, "digests agree", func() bool {
		d := first.Status().Digest
		return d == second.Status().Digest && d == third.Status().Digest
	})
}

func TestTrailing_SmallEntriesAreKeptByNumber(t *testing.T) {
	for _, c := range []struct {
		name   string
		limits LogLimits
		want   uint64
	}{
		{"all of it is less than may be kept", LogLimits{KeepOctets: 1 << 30}, trailingLogs},
		{"more than may be kept, but for the least", LogLimits{KeepOctets: 1, KeepLeast: 7}, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := foundWith(t, Options{LogLimits: c.limits})
			for i := range 20 {
				m.mustPropose(bind(i))
			}
			if keeps := m.trailing(); keeps != c.want {
				t.Errorf("%d entries are kept, want %d", keeps, c.want)
			}
		})
	}
}
