// Package journal keeps what happened to leases on the disk of each node, derived from the entries that the
// node applies, and finds it again. Nothing depends on it: a disk that is full or slow leaves a gap, which is
// counted and shown, and holds up nobody.
//
// This package is a shell.
package journal

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"port67/storage"
	"port67/storage/disk"
	"port67/storage/history"
	"port67/storage/lease"
)

const (
	// clockEvery is how often wall time is compared with cluster time, flushEvery how old what waits in memory
	// gets.
	clockEvery = 250 * time.Millisecond
	flushEvery = time.Second
	// lateMin is how far the clock of an entry may be behind before its wall time counts as reckoned.
	lateMin = 10
)

// Options is what a Journal needs.
type Options struct {
	Folder *disk.Folder
	// Max is how many octets the journal keeps at most.
	Max int64
	// Old is the index of the last entry that was in the log when this node started: it is unknown when the
	// entries up to there were applied first.
	Old uint64
	// Present returns what cluster time is about now, false if that is not known.
	Present func() (lease.Instant, bool)
	// Room says how much may be written.
	Room   func() disk.Room
	Logger *slog.Logger
	// Now is wall time; nil: the machine's.
	Now func() time.Time
}

// Journal is a node's memory of what happened to leases. A nil Journal remembers nothing.
type Journal struct {
	opt   Options
	store *disk.Journal
	body  []byte     // of the entry being applied
	last  disk.Stamp // of the entry applied last
	// present is cluster time as of the last comparison, 0: not known.
	present atomic.Int64
	lost    uint64 // as last told to operators
}

// Open opens the journal of a data folder.
func Open(o Options) (*Journal, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	store, err := o.Folder.Journal(o.Max)
	if err != nil {
		return nil, err
	}
	return &Journal{opt: o, store: store, last: store.Last()}, nil
}

// Applied takes in what an entry did to leases. results are those of its commands, clock is cluster time
// after it. It must not be called beside itself or Restored, and does not wait for the disk.
func (j *Journal) Applied(index uint64, e storage.Entry, results []storage.Result, clock lease.Instant) {
	if j == nil || index <= j.last.Index { // A replay is known already.
		return
	}
	j.body = history.Append(j.body[:0], clock, e, results)
	if len(j.body) == 0 {
		return
	}
	j.last = j.stamp(index, clock)
	j.store.Append(j.last, j.body)
}

// Restored notes that the node's state was replaced by a snapshot: what happened before and is not in the
// journal is not known here.
func (j *Journal) Restored(index uint64, clock lease.Instant) {
	if j == nil || index <= j.last.Index {
		return
	}
	j.last = j.stamp(index, clock)
	j.store.Skip(j.last)
}

// Persisting makes durable what the journal has up to a snapshot that is about to be written: the log behind
// it can be cut then.
func (j *Journal) Persisting(index uint64, clock lease.Instant) {
	if j == nil {
		return
	}
	wall, reckoned := j.wall(index, clock, disk.Stamp{})
	j.store.Mark(disk.Stamp{Index: index, Clock: int64(clock), Wall: wall, Reckoned: reckoned})
	if err := j.store.Flush(true); err != nil {
		j.opt.Logger.Warn("history not written", "error", err)
	}
}

func (j *Journal) stamp(index uint64, clock lease.Instant) disk.Stamp {
	wall, reckoned := j.wall(index, clock, j.last)
	return disk.Stamp{Index: index, Clock: int64(clock), Wall: wall, Reckoned: reckoned}
}

// wall returns the wall time of an entry. One that was committed a moment ago is as old as its clock is
// behind the present. One that was in the log when this node started may be from before an outage of the
// whole cluster, for which cluster time stood still: it is as far from the last one known as their clocks
// are apart, or farther.
func (j *Journal) wall(index uint64, clock lease.Instant, last disk.Stamp) (seconds int64, reckoned bool) {
	now := j.opt.Now().Unix()
	if j.present.Load() == 0 { // Not known a moment ago; it is well before the first comparison is due.
		j.compare()
	}
	present := j.present.Load()
	old := index <= j.opt.Old || present == 0
	switch late := present - int64(clock); {
	case old && last.Wall != 0:
		return min(now, last.Wall+max(0, int64(clock)-last.Clock)), true
	case present == 0:
		return now, true
	case late > 0:
		return now - late, old || late > lateMin
	}
	return now, old
}

// Run compares the clocks and writes, until ctx ends.
func (j *Journal) Run(ctx context.Context) error {
	if j == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	ticker := time.NewTicker(clockEvery)
	defer ticker.Stop()
	writing := make(chan struct{}, 1) // has one while a write is under way: on a disk that hangs it never ends
	flushed := j.opt.Now()
	for {
		due := false
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-j.store.Waiting():
			due = true
		case <-ticker.C:
			j.compare()
			due = j.opt.Now().Sub(flushed).Abs() >= flushEvery
		}
		if !due {
			continue
		}
		select {
		case writing <- struct{}{}:
			flushed = j.opt.Now()
			go func() {
				j.flush()
				<-writing
			}()
		default:
		}
	}
}

// compare notes what cluster time is now.
func (j *Journal) compare() {
	present, ok := j.opt.Present()
	if !ok {
		present = 0
	}
	j.present.Store(int64(present))
}

// flush writes what waits, and tells operators when something was lost.
func (j *Journal) flush() {
	j.store.SetRoom(j.opt.Room())
	err := j.store.Flush(false)
	lost := j.store.Lost()
	switch {
	case lost > j.lost:
		j.opt.Logger.Warn("history has a gap: the disk does not take it", "lost", lost, "error", err)
	case err != nil:
		j.opt.Logger.Warn("history not written", "error", err)
	}
	j.lost = lost
}

// Lost returns how many entries could not be written since the start.
func (j *Journal) Lost() uint64 {
	if j == nil {
		return 0
	}
	return j.store.Lost()
}

// Close writes what waits and closes the journal.
func (j *Journal) Close() error {
	if j == nil {
		return nil
	}
	if err := j.store.Close(); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	return nil
}
