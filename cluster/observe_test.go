package cluster

import (
	"sync/atomic"
	"testing"
	"time"

	"port67/storage"
)

// tally is an Observer that counts.
type tally struct{ entries, commands, writes, leaders atomic.Int64 }

func (c *tally) Committed(commands int, _ time.Duration) {
	c.entries.Add(1)
	c.commands.Add(int64(commands))
}
func (c *tally) Synced(time.Duration) { c.writes.Add(1) }
func (c *tally) LeaderChanged()       { c.leaders.Add(1) }

func TestObserver_HearsOfEntriesWritesAndLeaders(t *testing.T) {
	var count tally
	m := newMember(t, "n1")
	if _, err := Found(m.dir, m.info, nil); err != nil {
		t.Fatal(err)
	}
	m.options.Observer = &count
	m.start()
	eventually(t, "leadership", func() bool { return m.route.now().ready })
	if got := count.leaders.Load(); got < 1 {
		t.Errorf("changes of leader = %d, want at least one: none before, this node now", got)
	}
	entries, writes := count.entries.Load(), count.writes.Load()
	if _, err := m.Propose(patient(t), storage.Tick{}); err != nil {
		t.Fatal(err)
	}
	if count.entries.Load() <= entries || count.writes.Load() <= writes {
		t.Errorf("after a proposal: entries %d, writes %d; want more than %d, %d",
			count.entries.Load(), count.writes.Load(), entries, writes)
	}
	if count.commands.Load() < count.entries.Load() {
		t.Errorf("commands = %d in %d entries", count.commands.Load(), count.entries.Load())
	}
}
