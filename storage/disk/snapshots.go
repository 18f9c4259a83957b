package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// snapshotsKept is more than one, so that one unreadable snapshot is not the end (safety.md G6).
const snapshotsKept = 3

// snapshotsDir is where the library puts them.
const snapshotsDir = "snapshots"

// Snapshots opens the store of snapshots. A snapshot is synced, then read back and checked before it counts:
// the log behind it is only cut when it can be read (safety.md G6).
func (f *Folder) Snapshots(logger hclog.Logger) (raft.SnapshotStore, error) {
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
	return &snapshots{SnapshotStore: store, folder: f}, nil
}

type snapshots struct {
	raft.SnapshotStore
	folder *Folder
}

// Create is part of raft.SnapshotStore.
func (s *snapshots) Create(version raft.SnapshotVersion, index, term uint64, members raft.Configuration,
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
	store *snapshots
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
	return content.Close()
}
