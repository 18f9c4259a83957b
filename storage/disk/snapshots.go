package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// snapshotsKept is more than one, so that one unreadable snapshot is not the end (safety.md G6).
const snapshotsKept = 3

// snapshotsDir is where the library puts them.
const snapshotsDir = "snapshots"

// Snapshots opens the store of snapshots. A snapshot is synced, then read back and checked before it counts:
// the log behind it is only cut when it can be read (safety.md G6).
func (f *Folder) Snapshots(logger hclog.Logger) (*Snapshots, error) {
	f.made(snapshotsDir)
	// The library would make it 0755, with files that everybody may read, and the cluster's keys are in them.
	if err := os.Mkdir(f.Path(snapshotsDir), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("data folder %s: snapshots: %w", f.dir, err)
	}
	if err := os.Chmod(f.Path(snapshotsDir), 0o700); err != nil {
		return nil, fmt.Errorf("data folder %s: snapshots: %w", f.dir, err)
	}
	store, err := raft.NewFileSnapshotStoreWithLogger(f.dir, snapshotsKept, logger)
	if err != nil {
		return nil, fmt.Errorf("data folder %s: snapshots: %w", f.dir, err)
	}
	made := &Snapshots{SnapshotStore: store, folder: f}
	list, err := store.List()
	if err != nil {
		return nil, fmt.Errorf("data folder %s: snapshots: %w", f.dir, err)
	}
	if len(list) > 0 {
		made.note(list[0].ID)
	}
	return made, nil
}

// Snapshots is the store of snapshots of a data folder.
type Snapshots struct {
	raft.SnapshotStore
	folder *Folder
	newest atomic.Int64 // Unix milliseconds; 0: there is none
	index  atomic.Uint64
}

// NewestIndex returns the log index of the newest snapshot, 0 if there is none. It does not touch the disk.
func (s *Snapshots) NewestIndex() uint64 { return s.index.Load() }

// Newest returns when the newest snapshot was begun, by the clock of this machine; the zero time if there is
// none. It does not touch the disk.
func (s *Snapshots) Newest() time.Time {
	if at := s.newest.Load(); at > 0 {
		return time.UnixMilli(at)
	}
	return time.Time{}
}

// note remembers the newest snapshot: the library names it TERM-INDEX-MILLISECONDS.
func (s *Snapshots) note(id string) {
	parts := strings.Split(id, "-")
	if len(parts) != 3 {
		return
	}
	if at, err := strconv.ParseInt(parts[2], 10, 64); err == nil {
		s.newest.Store(at)
	}
	if index, err := strconv.ParseUint(parts[1], 10, 64); err == nil {
		s.index.Store(index)
	}
}

// Create is part of raft.SnapshotStore.
func (s *Snapshots) Create(version raft.SnapshotVersion, index, term uint64, members raft.Configuration,
	membersIndex uint64, transport raft.Transport,
) (raft.SnapshotSink, error) {
	sink, err := s.SnapshotStore.Create(version, index, term, members, membersIndex, transport)
	if err != nil {
		return nil, err
	}
	return &checkedSink{SnapshotSink: sink, store: s}, nil
}

// checkedSink reads back what was written.
type checkedSink struct {
	raft.SnapshotSink
	store *Snapshots
}

// Close finishes the snapshot and checks it. One that cannot be read back is removed, so that it cannot
// displace an older one that can.
func (c *checkedSink) Close() error {
	if err := c.SnapshotSink.Close(); err != nil {
		return err
	}
	_, content, err := c.store.Open(c.ID())
	if err != nil {
		_ = os.RemoveAll(c.store.folder.Path(snapshotsDir + "/" + c.ID()))
		return fmt.Errorf("snapshot %s: unreadable right after writing: %w", c.ID(), err)
	}
	c.store.note(c.ID())
	return content.Close()
}
