package disk

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// Fault is called before every write to the log, inside the time that counts as in flight. Returning an error
// fails the write; not returning is a hung disk. It exists so that tests can break the disk.
type Fault func() error

// Log is the node's log and its votes. It watches over its own writes, because a consensus library that never
// hears back from its disk goes on telling the others that all is well (safety.md G3, G4).
type Log struct {
	store *raftboltdb.BoltStore
	cache *cache
	fault Fault

	mu      sync.Mutex
	writes  map[uint64]time.Time // begun and not ended
	next    uint64
	err     error
	failed  chan struct{} // closed at the first error
	onWrite func(time.Duration)
}

var (
	_ raft.LogStore    = (*Log)(nil)
	_ raft.StableStore = (*Log)(nil)
)

// Log opens the log. fault may be nil. The bbolt options are those of safety.md G13: the list of free pages
// is rebuilt at start and not synced at every commit, and a log that another process holds is an error
// after one second, not a wait for ever.
func (f *Folder) Log(fault Fault) (*Log, error) {
	f.made(logFile)
	store, err := raftboltdb.New(raftboltdb.Options{
		Path: f.Path(logFile),
		BoltOptions: &bbolt.Options{
			Timeout:        time.Second,
			NoFreelistSync: true,
			FreelistType:   bbolt.FreelistMapType,
		},
	})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("data folder %s: log: %w; stop that process first", f.dir, ErrInUse)
	}
	if err != nil {
		return nil, fmt.Errorf("data folder %s: log: %w", f.dir, err)
	}
	return &Log{
		store:  store,
		cache:  newCache(store),
		fault:  fault,
		writes: map[uint64]time.Time{},
		failed: make(chan struct{}),
	}, nil
}

// OnWrite has f told how long each write takes. It must be called before the first, and f must not block.
func (l *Log) OnWrite(f func(took time.Duration)) { l.onWrite = f }

// Close closes the log.
func (l *Log) Close() error { return l.store.Close() }

// Stuck returns for how long the oldest write in flight has been going on, 0 if there is none.
func (l *Log) Stuck() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	var longest time.Duration
	for _, begun := range l.writes {
		longest = max(longest, time.Since(begun))
	}
	return longest
}

// Failed is closed when a write has failed. From then on the log must not be trusted: what the library
// believes to be stored may not be.
func (l *Log) Failed() <-chan struct{} { return l.failed }

// Err returns the error of the first write that failed.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// watch does one write and keeps its time and its error.
func (l *Log) watch(write func() error) error {
	l.mu.Lock()
	id := l.next
	l.next++
	begun := time.Now()
	l.writes[id] = begun
	l.mu.Unlock()

	var err error
	if l.fault != nil {
		err = l.fault()
	}
	if err == nil {
		err = write()
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.writes, id)
	took := time.Since(begun)
	if l.onWrite != nil {
		l.onWrite(took)
	}
	if err != nil && l.err == nil {
		l.err = fmt.Errorf("log: %w", err)
		close(l.failed)
	}
	return err
}

// FirstIndex is part of raft.LogStore.
func (l *Log) FirstIndex() (uint64, error) { return l.cache.FirstIndex() }

// LastIndex is part of raft.LogStore.
func (l *Log) LastIndex() (uint64, error) { return l.cache.LastIndex() }

// GetLog is part of raft.LogStore.
func (l *Log) GetLog(index uint64, into *raft.Log) error { return l.cache.GetLog(index, into) }

// StoreLog is part of raft.LogStore.
func (l *Log) StoreLog(entry *raft.Log) error {
	return l.watch(func() error { return l.cache.StoreLog(entry) })
}

// StoreLogs is part of raft.LogStore.
func (l *Log) StoreLogs(entries []*raft.Log) error {
	return l.watch(func() error { return l.cache.StoreLogs(entries) })
}

// DeleteRange is part of raft.LogStore.
func (l *Log) DeleteRange(first, last uint64) error {
	return l.watch(func() error { return l.cache.DeleteRange(first, last) })
}

// Set is part of raft.StableStore.
func (l *Log) Set(key, value []byte) error {
	return l.watch(func() error { return l.store.Set(key, value) })
}

// Get is part of raft.StableStore.
func (l *Log) Get(key []byte) ([]byte, error) { return l.store.Get(key) }

// SetUint64 is part of raft.StableStore.
func (l *Log) SetUint64(key []byte, value uint64) error {
	return l.watch(func() error { return l.store.SetUint64(key, value) })
}

// GetUint64 is part of raft.StableStore.
func (l *Log) GetUint64(key []byte) (uint64, error) { return l.store.GetUint64(key) }
