package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"port67/cluster/logcodec"
	"port67/storage"
	"port67/storage/disk"
)

// The marks of free space (safety.md G4). Percentages alone would leave too little on a small disk and ask
// too much of a big one, so each has a floor, and more than plenty is always enough.
const (
	warnPercent  = 15
	lowPercent   = 10
	lowFloor     = 8 << 20
	plenty       = 16 << 30
	fullFloor    = 3 << 20
	configFloor  = 1 << 20 // what a configuration must leave free
	reserveSize  = 4 << 20
	spaceEvery   = 500 * time.Millisecond
	trimEvery    = time.Second
	bindsStopped = "the disk of the leader, or of most nodes, is nearly full (%d MiB free here): no new " +
		"bindings until there is room; renewals go on"
	configStopped = "the configuration takes %d KiB of the log, and the disk of the leader, or of most nodes, " +
		"has room for %d KiB: nothing was changed; free some space and apply it again"
	allStopped = "the disk of the leader is full (%d KiB free): nothing is written until there is room"
)

// space watches the free space of the data folder. A log that cannot be written ends the node, so writing
// stops before: first what gives new addresses away, then everything but what an operator does.
type space struct {
	ask    func() (disk.Space, error)
	logger *slog.Logger
	// reserve sets room aside, or gives it back if the size is 0. Raft must still be able to write down its
	// votes when others have filled the disk to the brim.
	reserve func(size int64) error

	mu    sync.Mutex
	last  disk.Space
	known bool
	said  string
	// short says, while this node leads, that too few of the others have room for what it would write.
	short bool
}

// look asks for the free space, and tells operators when it crosses a mark. It may hang as long as the disk
// does; then nobody but its caller waits.
func (s *space) look() {
	got, err := s.ask()
	if err != nil {
		s.logger.Warn("free space unknown", "error", err)
		return
	}
	if size, due := s.take(got); due && s.reserve != nil {
		// What is given back may be used already, and there is nothing better to do.
		if err := s.reserve(size); err != nil && size > 0 {
			s.logger.Warn("no room set aside on the disk", "error", err)
		}
	}
}

// take takes in what is free, and returns how much room is to be set aside, if anything is due.
func (s *space) take(got disk.Space) (size int64, due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last, s.known = got, true
	s.tell(got)
	switch {
	case s.last.Free < fullFloor:
		return 0, true
	case !s.isLow() && s.last.Free > 4*lowFloor:
		return reserveSize, true
	}
	return 0, false
}

// tell tells operators when the free space has crossed a mark.
func (s *space) tell(got disk.Space) {
	say := ""
	switch {
	case s.isLow():
		say = "disk nearly full: no new bindings"
	case s.below(warnPercent):
		say = "disk filling up"
	}
	if say != s.said && say != "" {
		s.logger.Warn(say, "free_mib", got.Free>>20, "total_mib", got.Total>>20)
	}
	if say == "" && s.said != "" {
		s.logger.Info("disk has room again", "free_mib", got.Free>>20)
	}
	s.said = say
}

func (s *space) below(percent uint64) bool {
	return s.known && s.last.Free < plenty && s.last.Free < s.last.Total/100*percent
}

func (s *space) isLow() bool {
	return s.known && (s.below(lowPercent) || s.last.Free < lowFloor)
}

// low says whether there is too little room for new bindings.
func (s *space) low() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.isLow()
}

// room is how much the journal may write. It fills no disk that others have nearly filled.
func (s *space) room() disk.Room {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.isLow():
		return disk.RoomNone
	case s.below(warnPercent):
		return disk.RoomTight
	}
	return disk.RoomEnough
}

// setShort says whether a majority of the disks that are written to is nearly full.
func (s *space) setShort(short bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.short = short
}

// admit returns why c must not be proposed now, nil if it may.
func (s *space) admit(c storage.Command) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := c.(storage.SetConfig); ok {
		return s.admitConfig(c)
	}
	if !s.isLow() && !s.short {
		return nil
	}
	switch c := c.(type) {
	case storage.Offer:
		return fmt.Errorf("%w: "+bindsStopped, storage.ErrOverloaded, s.last.Free>>20)
	case storage.Bind:
		switch c.Mode {
		case storage.Selecting, storage.InitReboot, storage.BOOTP, storage.Rapid:
			return fmt.Errorf("%w: "+bindsStopped, storage.ErrOverloaded, s.last.Free>>20)
		}
	}
	if !s.known || s.last.Free >= fullFloor {
		return nil
	}
	switch c.(type) {
	case storage.Bind, storage.Extend, storage.Tick, storage.Checkpoint, storage.Release, storage.Decline,
		storage.Conflict, storage.PutNode, storage.SetBuckets:
		return fmt.Errorf("%w: "+allStopped, storage.ErrOverloaded, s.last.Free>>10)
	}
	return nil
}

// admitConfig refuses a configuration that the log has no room for: it is the one command of an operator
// that can be megabytes long, and the entry that does not fit ends every node that has to store it. Of disks
// that are short elsewhere, no more is known than that they may be about to be full.
func (s *space) admitConfig(c storage.SetConfig) error {
	if !s.known {
		return nil
	}
	b, err := logcodec.EncodeCommand(c)
	if err != nil {
		return nil //nolint:nilerr // What cannot be encoded is refused where it is to be written.
	}
	free := s.last.Free
	if s.short {
		free = min(free, fullFloor)
	}
	room := free - min(free, configFloor)
	if size := uint64(len(b)); size > room {
		return fmt.Errorf("%w: "+configStopped, storage.ErrOverloaded, (size+1023)>>10, room>>10)
	}
	// The next one may come before the free space is asked for again.
	s.last.Free -= min(s.last.Free, uint64(len(b)))
	return nil
}

// watchDisk is the goroutine that looks after the disk: free space, writes that hang, writes that failed.
func (n *Node) watchDisk(ctx context.Context) error {
	ticker := time.NewTicker(min(spaceEvery, n.timing.DiskHung/4))
	defer ticker.Stop()
	looking := make(chan struct{}, 1) // has one while a look is under way: on a disk that hangs it never ends
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-n.store.Failed(): // G4: after the first error nobody knows what is stored.
			return fmt.Errorf("data folder %s: %w; free some space or replace the disk, then start again",
				n.folder.Dir(), n.store.Err())
		case <-ticker.C:
		}
		if stuck := n.store.Stuck(); stuck > n.timing.DiskHung { // G3
			return fmt.Errorf("data folder %s: %w: a write has been hanging for %v", n.folder.Dir(), errDiskHung,
				stuck.Round(time.Second))
		} else if stuck > n.timing.DiskSlow {
			n.logger.Warn("disk does not answer; this node keeps silent", "for", stuck)
		}
		select {
		case looking <- struct{}{}:
			go func() {
				n.space.look()
				<-looking
			}()
		default:
		}
	}
}

// trim is the goroutine that takes snapshots and has the log cut behind them. The library would count entries
// alone, and a script that applies a configuration of megabytes a thousand times would fill the disk before
// it has counted far.
func (n *Node) trim(ctx context.Context) error {
	for n.idle(ctx, trimEvery) {
		octets := n.replica.unsaved()
		entries := n.raft.AppliedIndex() - min(n.raft.AppliedIndex(), n.snapshots.NewestIndex())
		if octets < n.limits.Octets && entries < n.limits.Entries {
			continue
		}
		if err := n.keepEntries(n.trailing()); err != nil {
			return err
		}
		switch err := n.snapshot(ctx); {
		case err == nil:
			n.replica.saved(octets)
			n.logger.Debug("snapshot taken", "entries", entries, "octets", octets)
		case !errors.Is(err, raft.ErrNothingNewToSnapshot):
			n.logger.Info("no snapshot now; trying again", "error", err)
		}
	}
	return ctx.Err()
}

// snapshot takes one, and does not wait for its end longer than ctx lasts.
func (n *Node) snapshot(ctx context.Context) error {
	ended := make(chan error, 1)
	go func() { ended <- n.raft.Snapshot().Error() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// trailing returns how many entries to keep behind the next snapshot: trailingLogs, or the newest that have
// KeepOctets together, but KeepLeast at least. What a node can hold that was never committed is a few
// entries, since a leader has one in flight at a time; with many more than that behind every snapshot, none
// lands on top of them (G5).
func (n *Node) trailing() uint64 {
	first, err := n.store.FirstIndex()
	if err != nil {
		return trailingLogs
	}
	var entry raft.Log
	var kept, octets uint64
	for index := n.raft.LastIndex(); index >= max(first, 1) && kept < trailingLogs; index-- {
		if n.store.GetLog(index, &entry) != nil {
			return trailingLogs // Cut or replaced meanwhile.
		}
		octets += uint64(len(entry.Data))
		if octets > n.limits.KeepOctets && kept >= n.limits.KeepLeast {
			return kept
		}
		kept++
	}
	return trailingLogs
}

// keepEntries tells the library how many entries to keep behind a snapshot.
func (n *Node) keepEntries(count uint64) error {
	settings := n.raft.ReloadableConfig()
	if settings.TrailingLogs == count {
		return nil
	}
	settings.TrailingLogs = count
	if err := n.raft.ReloadConfig(settings); err != nil {
		return fmt.Errorf("log: keeping %d entries: %w", count, err)
	}
	return nil
}
