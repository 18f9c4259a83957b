package lease

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"sort"

	"github.com/tidwall/btree"
)

// CountKey is what leases are counted by: the hash of what they have in common, cut from SHA-256 so that
// nobody finds two that share one.
type CountKey uint64

// NewCountKey returns the CountKey of parts, each of which counts with its length.
func NewCountKey(parts ...string) CountKey {
	var scratch [256]byte
	b := scratch[:0]
	for _, p := range parts {
		b = appendText(b, p)
	}
	sum := sha256.Sum256(b)
	return CountKey(binary.BigEndian.Uint64(sum[:]))
}

// counts is the index by which leases are counted. It is there only while somebody counts. It follows from
// the leases and from how far it has come, so that replicas agree on it if they agree on these.
//
// Entries of one CountKey stand in the order in which their bookings end: those of bookings that have passed
// are left where they are, since counting begins behind them. IPv6 addresses are passed over in silence.
type counts struct {
	of   func(l *Lease, to []CountKey) []CountKey // nil: nobody counts
	tree *btree.BTreeG[countEntry]
	// from is how far count has come: every lease before it is in tree, none from it on. whole says that it has
	// come to the end.
	from  netip.Addr
	whole bool
}

type countEntry struct {
	key    CountKey
	booked Instant
	addr   uint32
}

func (e countEntry) before(o countEntry) bool {
	switch {
	case e.key != o.key:
		return e.key < o.key
	case e.booked != o.booked:
		return e.booked < o.booked
	}
	return e.addr < o.addr
}

// CountBy says what leases are counted by from now on: of appends the CountKeys of a lease, and depends on it
// alone. It may be nil: then nobody counts. same says that of counts as what was in its place before;
// otherwise leases that are there already are counted by CountMore.
func (t *Table) CountBy(of func(l *Lease, to []CountKey) []CountKey, same bool) {
	if same {
		t.counts.of = of
		return
	}
	t.counts = counts{of: of}
	if of != nil {
		t.counts.tree = btree.NewBTreeGOptions(countEntry.before, btree.Options{NoLocks: true})
	}
}

// CountMore goes on with counting the leases that were there before CountBy, at most limit of them, so that
// nobody waits for all. Until it has come to the end, Count returns too little.
func (t *Table) CountMore(limit int) {
	c := &t.counts
	if c.of == nil || c.whole {
		return
	}
	for l := range t.All(c.from) {
		if limit == 0 {
			c.from = l.Addr
			return
		}
		limit--
		c.each(&l, c.tree.Set)
	}
	c.from, c.whole = netip.Addr{}, true
}

// Uncounted says whether CountMore has something to do.
func (t *Table) Uncounted() bool { return t.counts.of != nil && !t.counts.whole }

// Counted returns how far CountMore has come, for snapshots and digests.
func (t *Table) Counted() (from netip.Addr, whole bool) { return t.counts.from, t.counts.whole }

// SetCounted says how far CountMore had come in the table that this one is made from.
func (t *Table) SetCounted(from netip.Addr, whole bool) { t.counts.from, t.counts.whole = from, whole }

// RecountBy is CountBy for a table made from another one: what was counted there is counted at once.
func (t *Table) RecountBy(of func(l *Lease, to []CountKey) []CountKey) {
	from, whole := t.Counted()
	t.CountBy(of, false)
	t.SetCounted(from, whole)
	if of == nil {
		return
	}
	for l := range t.All(netip.Addr{}) {
		if t.counts.has(l.Addr) {
			t.counts.each(&l, t.counts.tree.Set)
		}
	}
}

// Count returns how many leases with that CountKey are booked beyond now, in O(log² n).
func (t *Table) Count(k CountKey, now Instant) uint64 {
	c := &t.counts
	if c.of == nil {
		return 0
	}
	first := c.rank(countEntry{k, now + 1, 0})
	if k == ^CountKey(0) {
		return uint64(c.tree.Len() - first)
	}
	return uint64(c.rank(countEntry{k + 1, 0, 0}) - first)
}

// rank returns how many entries stand before e.
func (c *counts) rank(e countEntry) int {
	return sort.Search(c.tree.Len(), func(i int) bool {
		at, _ := c.tree.GetAt(i)
		return !at.before(e)
	})
}

// has says whether the lease of a, if there is one, is in the index.
func (c *counts) has(a netip.Addr) bool { return c.whole || a.Less(c.from) }

// each calls do with the entries of l.
func (c *counts) each(l *Lease, do func(countEntry) (countEntry, bool)) {
	n, ok := number(l.Addr)
	if !ok {
		return
	}
	var scratch [8]CountKey
	for _, k := range c.of(l, scratch[:0]) {
		do(countEntry{k, l.Booked, n})
	}
}

// put notes that l stands where old stood, if had.
func (c *counts) put(old *Lease, had bool, l *Lease) {
	if c.of == nil || !c.has(l.Addr) {
		return // CountMore has yet to come to it.
	}
	if had {
		c.each(old, c.tree.Delete)
	}
	c.each(l, c.tree.Set)
}

// remove notes that l is gone.
func (c *counts) remove(l *Lease) {
	if c.of != nil && c.has(l.Addr) {
		c.each(l, c.tree.Delete)
	}
}
