package lease

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"

	"github.com/tidwall/btree"
)

// Facet is what leases can be looked up by, beside their address and their client's Key.
type Facet uint8

// The facets. They exist in memory only.
const (
	ByHardware Facet = 1 // one octet of hardware type, then the hardware address
	ByRemoteID Facet = 2 // sub-option 2 of option 82 (RFC 3046 §3.2)
	ByRelayID  Facet = 3 // sub-option 12 of option 82 (RFC 6925 §4)
)

// The sub-options of option 82 that are facets.
const (
	subRemoteID = 2
	subRelayID  = 12
)

// RelayOption returns a sub-option of the relay agent information info (RFC 3046 §2.0) and whether it is
// there. A sub-option that is cut off ends the list.
func RelayOption[T ~string | ~[]byte](info T, code uint8) (value T, ok bool) {
	for b := info; len(b) >= 2 && len(b) >= 2+int(b[1]); b = b[2+int(b[1]):] {
		if b[0] == code {
			return b[2 : 2+int(b[1])], true
		}
	}
	return value, false
}

// Facet returns the value of f that l has, and whether it has one. An empty value is none.
func (l *Lease) Facet(f Facet) (value string, ok bool) {
	switch f {
	case ByHardware:
		if l.CHAddr != "" {
			value = string([]byte{l.HType}) + l.CHAddr
		}
	case ByRemoteID:
		value, _ = RelayOption(l.RelayInfo, subRemoteID)
	case ByRelayID:
		value, _ = RelayOption(l.RelayInfo, subRelayID)
	}
	return value, value != ""
}

// facets is the index of the leases by their facets. It is there only while somebody wants to look: it costs
// memory, and it is derived, so that neither snapshot nor digest knows of it.
//
// An entry is 16 octets: a hash instead of the value, for the lease has that. The hash is cut from SHA-256,
// so that nobody finds many values that share one. IPv6 addresses are passed over in silence.
type facets struct {
	tree *btree.BTreeG[facetEntry]
	// from is how far collect has come; whole says that it has come to the end.
	from  netip.Addr
	whole bool
}

type facetEntry struct {
	hash uint64
	addr uint32
}

func newFacets() *facets {
	return &facets{tree: btree.NewBTreeGOptions(func(a, b facetEntry) bool {
		return a.hash < b.hash || a.hash == b.hash && a.addr < b.addr
	}, btree.Options{NoLocks: true})}
}

func hashOf(f Facet, value string) uint64 {
	var scratch [64]byte
	sum := sha256.Sum256(append(append(scratch[:0], byte(f)), value...))
	return binary.BigEndian.Uint64(sum[:])
}

// each calls do with the entries of l.
func (x *facets) each(l *Lease, do func(facetEntry) (facetEntry, bool)) {
	n, ok := number(l.Addr)
	if !ok {
		return
	}
	for f := ByHardware; f <= ByRelayID; f++ {
		if value, ok := l.Facet(f); ok {
			do(facetEntry{hashOf(f, value), n})
		}
	}
}

// put notes that l stands where old stood, if had. What a renewal leaves as it was costs nothing.
func (x *facets) put(old *Lease, had bool, l *Lease) {
	if had {
		if old.HType == l.HType && old.CHAddr == l.CHAddr && old.RelayInfo == l.RelayInfo {
			return // It is noted, or collect has yet to come to it.
		}
		x.each(old, x.tree.Delete)
	}
	x.each(l, x.tree.Set)
}

// IndexFacets says whether leases are to be found by their facets. Where they were not before, Collect has to
// be called until they are.
func (t *Table) IndexFacets(wanted bool) {
	switch {
	case !wanted:
		t.facets = nil
	case t.facets == nil:
		t.facets = newFacets()
	}
}

// Collect goes on with indexing the leases that were there before IndexFacets, at most limit of them, so that
// nobody waits for all.
func (t *Table) Collect(limit int) {
	x := t.facets
	if x == nil || x.whole {
		return
	}
	for l := range t.All(x.from) {
		if limit == 0 {
			x.from = l.Addr
			return
		}
		limit--
		x.each(&l, x.tree.Set)
	}
	x.whole = true
}

// Collecting says whether Collect has something to do.
func (t *Table) Collecting() bool { return t.facets != nil && !t.facets.whole }

// Having returns the leases with that value of f, from address from on by ascending address, at most limit of
// them. It is false while not all leases can be found by their facets.
func (t *Table) Having(f Facet, value string, from netip.Addr, limit int) (found []Lease, ok bool) {
	x := t.facets
	if x == nil || !x.whole {
		return nil, false
	}
	first, _ := number(from)
	hash := hashOf(f, value)
	x.tree.Ascend(facetEntry{hash, first}, func(e facetEntry) bool {
		if e.hash != hash || len(found) == limit {
			return false
		}
		l, _ := t.Get(address(e.addr))
		if v, _ := l.Facet(f); v == value {
			found = append(found, l)
		}
		return true
	})
	return found, true
}
