package lease

import (
	"net/netip"
	"slices"
)

// The index by hardware address finds what a machine has under other names. It is always there, since Apply
// decides by it, and holds only what is not found by the Key of the hardware address anyway.
//
// An entry is 8 octets: half of the hash that facets use, then the address. That is short enough for two
// hardware addresses to share one, so that every look-up compares the leases.

// hardwareEntry returns the entry of l, and false if it needs none.
func (l *Lease) hardwareEntry() (uint64, bool) {
	n, ok := number(l.Addr)
	if !ok || l.CHAddr == "" || l.BOOTP || l.underHardware() {
		return 0, false
	}
	return hardwareHash(string([]byte{l.HType})+l.CHAddr) | uint64(n), true
}

// underHardware says whether the Key of l is that of its hardware address.
func (l *Lease) underHardware() bool {
	k := l.Client
	return k.IsHardware() && k[1] == l.HType && string(k[2:]) == l.CHAddr
}

// hardwareHash returns the part of an entry that stands for a hardware address with its type before it.
func hardwareHash(value string) uint64 { return hashOf(ByHardware, value) &^ (1<<addressBits - 1) }

// putHardware notes that l stands where old stood, if had. What a renewal leaves as it was costs nothing.
func (t *Table) putHardware(old *Lease, had bool, l *Lease) {
	if had && old.HType == l.HType && old.CHAddr == l.CHAddr && old.Client == l.Client && old.BOOTP == l.BOOTP {
		return
	}
	if had {
		if e, ok := old.hardwareEntry(); ok {
			t.hardware.Delete(e)
		}
	}
	if e, ok := l.hardwareEntry(); ok {
		t.hardware.Set(e)
	}
}

// ByHardware returns the leases of the machine with hardware address k, under whatever Keys, by ascending
// address. For a Key of another kind there are none.
func (t *Table) ByHardware(k Key) []Lease {
	if !k.IsHardware() {
		return nil
	}
	htype, chaddr := k[1], string(k[2:])
	out := slices.DeleteFunc(t.ByClient(k), func(l Lease) bool { return !l.Has(htype, chaddr) })
	hash := hardwareHash(string(k[1:]))
	t.hardware.Ascend(hash, func(e uint64) bool {
		if e&^(1<<addressBits-1) != hash {
			return false
		}
		if l, ok := t.Get(address(uint32(e))); ok && l.Has(htype, chaddr) {
			out = append(out, l)
		}
		return true
	})
	slices.SortFunc(out, func(a, b Lease) int { return a.Addr.Compare(b.Addr) })
	return out
}

// checkHardware returns where the index by hardware address disagrees with the leases.
func (t *Table) checkHardware(report func(format string, args ...any)) {
	n := 0
	for l := range t.All(netip.Addr{}) {
		e, ok := l.hardwareEntry()
		if !ok {
			continue
		}
		n++
		if _, ok := t.hardware.Get(e); !ok {
			report("lease of %v: not to be found by its hardware address", l.Addr)
		}
	}
	if t.hardware.Len() != n {
		report("leases by hardware address: %d, want %d", t.hardware.Len(), n)
	}
}
