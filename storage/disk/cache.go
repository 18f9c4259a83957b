package disk

import (
	"sync"

	"github.com/hashicorp/raft"
)

const (
	// cacheLen is how many of the newest entries are kept in memory at most, so that feeding a follower which
	// is a little behind reads no disk (safety.md G13).
	cacheLen = 4096
	// cacheBytesMax is how many octets they have at most. Entries with a configuration are large, and a script
	// can write many of them.
	cacheBytesMax = 32 << 20
)

// cache is a raft.LogStore that keeps the newest entries of another in memory, bounded by number and by
// octets. What it does not have is read from the store.
type cache struct {
	store raft.LogStore

	mu    sync.Mutex
	ring  [cacheLen]*raft.Log // by index modulo cacheLen
	bytes int
	first uint64 // lowest index that may be in the ring
}

var _ raft.LogStore = (*cache)(nil)

func newCache(store raft.LogStore) *cache { return &cache{store: store} }

// FirstIndex is part of raft.LogStore.
func (c *cache) FirstIndex() (uint64, error) { return c.store.FirstIndex() }

// LastIndex is part of raft.LogStore.
func (c *cache) LastIndex() (uint64, error) { return c.store.LastIndex() }

// GetLog is part of raft.LogStore.
func (c *cache) GetLog(index uint64, into *raft.Log) error {
	c.mu.Lock()
	entry := c.ring[index%cacheLen]
	c.mu.Unlock()
	if entry != nil && entry.Index == index {
		*into = *entry
		return nil
	}
	return c.store.GetLog(index, into)
}

// StoreLog is part of raft.LogStore.
func (c *cache) StoreLog(entry *raft.Log) error { return c.StoreLogs([]*raft.Log{entry}) }

// StoreLogs is part of raft.LogStore. Entries are kept only once they are stored.
func (c *cache) StoreLogs(entries []*raft.Log) error {
	if err := c.store.StoreLogs(entries); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range entries {
		c.drop(e.Index)
		c.ring[e.Index%cacheLen] = e
		c.bytes += len(e.Data)
		if e.Index >= cacheLen {
			c.first = max(c.first, e.Index-cacheLen+1)
		}
		for ; c.bytes > cacheBytesMax && c.first <= e.Index; c.first++ {
			c.drop(c.first)
		}
	}
	return nil
}

// DeleteRange is part of raft.LogStore.
func (c *cache) DeleteRange(first, last uint64) error {
	c.mu.Lock()
	for i := range c.ring {
		if e := c.ring[i]; e != nil && first <= e.Index && e.Index <= last {
			c.drop(e.Index)
		}
	}
	c.first = min(c.first, first)
	c.mu.Unlock()
	return c.store.DeleteRange(first, last)
}

// drop takes whatever is in the place of index out of the ring.
func (c *cache) drop(index uint64) {
	if e := c.ring[index%cacheLen]; e != nil {
		c.bytes -= len(e.Data)
		c.ring[index%cacheLen] = nil
	}
}
