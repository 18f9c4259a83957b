package lease

import (
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"net/netip"

	"github.com/tidwall/btree"
)

// Table is leases by address, by client and by the moment at which their address becomes reusable, and the
// space between them. Reading is safe beside reading; whoever changes or freezes a Table has it alone.
//
// The tree by address is the truth, and copied on write, so that Freeze costs nothing. All else is derived
// from it and from moved.
type Table struct {
	byAddr   *btree.BTreeG[Lease]
	byClient *btree.BTreeG[clientEntry]
	due      *btree.BTreeG[dueEntry] // the leases in held
	declined *btree.BTreeG[netip.Addr]
	hardware *btree.BTreeG[uint64] // see hardware.go

	used   occupancy // addresses that have a lease, living or past
	held   occupancy // addresses that another client cannot have: those after moved
	kept   occupancy // held, and not given back by their client
	bound  occupancy // held, and Bound
	madeUp occupancy // bound, under a hardware address that its client made up

	facets *facets // nil: nobody looks leases up by them
	counts counts
	bootp  int // leases got by BOOTP

	moved mark
	sum   [4]uint64

	apart bool // what is put or deleted is forgotten at once
}

type clientEntry struct {
	key  Key
	addr netip.Addr
}

type dueEntry struct {
	at   Instant
	addr netip.Addr
}

// mark is how far Advance has come: every lease that becomes reusable before it has left held, every later
// one has not. Without an address the whole second at is behind it. It is part of what replicas agree on.
type mark struct {
	at   Instant
	addr netip.Addr
}

func (m mark) before(at Instant, a netip.Addr) bool {
	if at != m.at || !m.addr.IsValid() {
		return at > m.at
	}
	return a.Compare(m.addr) > 0
}

// NewTable returns an empty table.
func NewTable() *Table {
	alone := btree.Options{NoLocks: true}
	return &Table{
		byAddr: btree.NewBTreeGOptions(func(a, b Lease) bool { return a.Addr.Less(b.Addr) }, alone),
		byClient: btree.NewBTreeGOptions(func(a, b clientEntry) bool {
			return a.key < b.key || a.key == b.key && a.addr.Less(b.addr)
		}, alone),
		due: btree.NewBTreeGOptions(func(a, b dueEntry) bool {
			return a.at < b.at || a.at == b.at && a.addr.Less(b.addr)
		}, alone),
		declined: btree.NewBTreeGOptions(netip.Addr.Less, alone),
		hardware: btree.NewBTreeGOptions(func(a, b uint64) bool { return a < b }, alone),
	}
}

// Len returns the number of leases.
func (t *Table) Len() int { return t.byAddr.Len() }

// BOOTP returns the number of leases that were got by BOOTP.
func (t *Table) BOOTP() int { return t.bootp }

// Get returns what is known of address a.
func (t *Table) Get(a netip.Addr) (Lease, bool) { return t.byAddr.Get(Lease{Addr: a}) }

// ByClient returns the leases of a client by ascending address. The Key of a hardware address finds what was
// got by BOOTP even if the client has shown an identifier since.
func (t *Table) ByClient(k Key) []Lease {
	var out []Lease
	t.byClient.Ascend(clientEntry{key: k}, func(e clientEntry) bool {
		if e.key != k {
			return false
		}
		if l, ok := t.Get(e.addr); ok {
			out = append(out, l)
		}
		return true
	})
	return out
}

// All returns the leases from address a on, by ascending address; all of them if a is the zero Addr.
func (t *Table) All(from netip.Addr) iter.Seq[Lease] { return ascend(t.byAddr, from) }

func ascend(tree *btree.BTreeG[Lease], from netip.Addr) iter.Seq[Lease] {
	return func(yield func(Lease) bool) { tree.Ascend(Lease{Addr: from}, yield) }
}

// DeclinedFrom returns the addresses of declined leases from a on, ascending.
func (t *Table) DeclinedFrom(a netip.Addr) iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) { t.declined.Ascend(a, yield) }
}

// Apart returns a table that has what t has as long as t is not changed, and forgets at once what is put into
// it or deleted from it. It shares everything with t and costs nothing, and unlike Freeze it is safe beside
// reading: copying a tree on write marks the tree itself.
func (t *Table) Apart() *Table {
	out := *t
	out.apart = true
	return &out
}

// Put puts l in the place of whatever is known of its address.
func (t *Table) Put(l Lease) {
	if t.apart {
		return
	}
	old, had := t.byAddr.Set(l)
	if had {
		t.unindex(&old, l.Client == old.Client)
	}
	t.index(&l, had && l.Client == old.Client)
	t.putHardware(&old, had, &l)
	if t.facets != nil {
		t.facets.put(&old, had, &l)
	}
	t.counts.put(&old, had, &l)
}

// Delete forgets address a. Its booking is forgotten too: the caller knows that nobody relies on it.
func (t *Table) Delete(a netip.Addr) {
	if t.apart {
		return
	}
	old, had := t.byAddr.Delete(Lease{Addr: a})
	if !had {
		return
	}
	t.unindex(&old, false)
	if e, ok := old.hardwareEntry(); ok {
		t.hardware.Delete(e)
	}
	if t.facets != nil {
		t.facets.each(&old, t.facets.tree.Delete)
	}
	t.counts.remove(&old)
	t.used.set(a, false)
	t.held.set(a, false)
	t.kept.set(a, false)
	t.bound.set(a, false)
	t.madeUp.set(a, false)
}

// unindex takes l out of the ordered indexes; sameClient leaves its client's entry where it is.
func (t *Table) unindex(l *Lease, sameClient bool) {
	if !sameClient {
		t.byClient.Delete(clientEntry{l.Client, l.Addr})
	}
	if l.BOOTP {
		t.bootp--
	}
	if k, ok := l.second(); ok {
		t.byClient.Delete(clientEntry{k, l.Addr})
	}
	t.due.Delete(dueEntry{l.FreeFrom(), l.Addr})
	if l.Status == Declined {
		t.declined.Delete(l.Addr)
	}
	lanes := digestOf(l)
	for i := range t.sum {
		t.sum[i] -= lanes[i]
	}
}

func (t *Table) index(l *Lease, sameClient bool) {
	if !sameClient {
		t.byClient.Set(clientEntry{l.Client, l.Addr})
	}
	if l.BOOTP {
		t.bootp++
	}
	if k, ok := l.second(); ok {
		t.byClient.Set(clientEntry{k, l.Addr})
	}
	held := t.moved.before(l.FreeFrom(), l.Addr)
	if held {
		t.due.Set(dueEntry{l.FreeFrom(), l.Addr})
	}
	if l.Status == Declined {
		t.declined.Set(l.Addr)
	}
	t.used.set(l.Addr, true)
	t.held.set(l.Addr, held)
	t.kept.set(l.Addr, held && !l.GivenBack())
	t.bound.set(l.Addr, held && l.Status == Bound)
	t.madeUp.set(l.Addr, held && l.Status == Bound && l.MadeUp())
	lanes := digestOf(l)
	for i := range t.sum {
		t.sum[i] += lanes[i]
	}
}

// digestOf returns the SHA-256 of the canonical encoding of l as four numbers.
func digestOf(l *Lease) (lanes [4]uint64) {
	var scratch [256]byte
	sum := sha256.Sum256(l.Append(scratch[:0]))
	for i := range lanes {
		lanes[i] = binary.LittleEndian.Uint64(sum[8*i:])
	}
	return lanes
}

// Sum returns a digest of the leases in t that does not depend on their order and is kept up to date by
// every change: the sum, lane by lane, of the SHA-256 of each lease.
func (t *Table) Sum() [32]byte {
	var out [32]byte
	for i, lane := range t.sum {
		binary.LittleEndian.PutUint64(out[8*i:], lane)
	}
	return out
}

// Advance lets go of addresses that are reusable at now, at most limit of them: a jump of the clock must
// not stall the log. Free finds those that are left behind, if it has to.
func (t *Table) Advance(now Instant, limit int) {
	for ; ; limit-- {
		first, ok := t.due.Min()
		if !ok || first.at > now {
			if now > t.moved.at {
				t.moved = mark{at: now}
			} else if now == t.moved.at {
				t.moved.addr = netip.Addr{}
			}
			return
		}
		if limit <= 0 {
			return
		}
		t.due.PopMin()
		t.held.set(first.addr, false)
		t.kept.set(first.addr, false)
		t.bound.set(first.addr, false)
		t.madeUp.set(first.addr, false)
		t.moved = mark(first)
	}
}

// NextDue returns the next moment at which Advance has something to do.
func (t *Table) NextDue() (Instant, bool) {
	first, ok := t.due.Min()
	if !ok || first.at == Never {
		return 0, false
	}
	return first.at, true
}

// Moved returns how far Advance has come, for snapshots and digests.
func (t *Table) Moved() (at Instant, addr netip.Addr) { return t.moved.at, t.moved.addr }

// SetMoved says how far Advance had come in the table that this one is made from. It is called before the
// first Put.
func (t *Table) SetMoved(at Instant, addr netip.Addr) { t.moved = mark{at, addr} }

// Frozen is the leases of a Table as they were at one moment.
type Frozen struct{ byAddr *btree.BTreeG[Lease] }

// Freeze returns the leases as they are now, in O(1): later changes copy what they touch.
func (t *Table) Freeze() Frozen { return Frozen{t.byAddr.IsoCopy()} }

// Len returns the number of leases.
func (f Frozen) Len() int { return f.byAddr.Len() }

// All returns the leases by ascending address.
func (f Frozen) All() iter.Seq[Lease] { return ascend(f.byAddr, netip.Addr{}) }
