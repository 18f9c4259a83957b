package lease

import (
	"math/rand"
	"net/netip"
	"testing"
)

// byColour counts a lease by its host name, and by its status.
func byColour(l *Lease, to []CountKey) []CountKey {
	if l.Hostname == "" {
		return to
	}
	return append(to, NewCountKey("colour", l.Hostname), NewCountKey("status", l.Status.String()))
}

// TestCount_AgreesWithLookingAtAll does random things to a Table that begins to count while they happen, and
// compares what it counts with what a look at every lease that it has come to counts.
func TestCount_AgreesWithLookingAtAll(t *testing.T) {
	for seed := range int64(6) {
		r := rand.New(rand.NewSource(seed))
		table, now := NewTable(), Genesis
		for step := range 1500 {
			switch a := netip.AddrFrom4([4]byte{10, 67, byte(r.Intn(3)), byte(r.Intn(256))}); {
			case step == 400:
				table.CountBy(byColour, false)
			case step == 700:
				table.CountBy(byColour, true)
			case step == 900: // As after a restart.
				table.RecountBy(byColour)
			case r.Intn(6) == 0:
				table.Delete(a)
			default:
				l := randomLease(r, now)
				l.Hostname = []string{"", "red", "green"}[r.Intn(3)]
				table.Put(l)
			}
			now += Instant(r.Intn(2))
			if step == 1200 {
				table.CountMore(table.Len())
			} else {
				table.CountMore(r.Intn(2))
			}
			compareCount(t, table, now)
		}
		if table.Uncounted() {
			t.Errorf("seed %d: not counted to the end", seed)
		}
		for _, err := range table.Check() {
			t.Errorf("seed %d: %v", seed, err)
		}
		table.CountBy(nil, false)
		if n := table.Count(NewCountKey("colour", "red"), 0); n != 0 || table.Uncounted() {
			t.Errorf("seed %d: %d leases counted although nobody counts", seed, n)
		}
	}
}

func compareCount(t *testing.T, table *Table, now Instant) {
	t.Helper()
	from, whole := table.Counted()
	want := map[CountKey]uint64{}
	for l := range table.All(netip.Addr{}) {
		if table.counts.of == nil || !whole && !l.Addr.Less(from) || l.Booked <= now {
			continue
		}
		for _, k := range byColour(&l, nil) {
			want[k]++
		}
	}
	for _, k := range []CountKey{
		NewCountKey("colour", "red"), NewCountKey("colour", "green"), NewCountKey("status", "bound"), 0, ^CountKey(0),
	} {
		if got := table.Count(k, now); got != want[k] {
			t.Fatalf("counted %d, want %d", got, want[k])
		}
	}
}

// The same octets cut at another place are something else.
func TestNewCountKey_PartsCount(t *testing.T) {
	if NewCountKey("ab", "c") == NewCountKey("a", "bc") {
		t.Error("two lists of parts have one key")
	}
}
