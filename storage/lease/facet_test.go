package lease

import (
	"fmt"
	"math/rand"
	"net/netip"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// facetValues are the values that randomFacets draws from, by facet.
func facetValues(f Facet) []string {
	if f == ByHardware {
		return []string{"\x01aaaaaa", "\x01bbbbbb", "\x06aaaaaa"}
	}
	return []string{"alpha", "beta", ""}
}

// randomFacets is a random lease with what it can be looked up by.
func randomFacets(r *rand.Rand, now Instant) Lease {
	l := randomLease(r, now)
	if hw := facetValues(ByHardware)[r.Intn(3)]; r.Intn(8) > 0 {
		l.HType, l.CHAddr = hw[0], hw[1:]
	}
	sub := func(code byte, value string) string { return string([]byte{code, byte(len(value))}) + value }
	if r.Intn(4) > 0 {
		l.RelayInfo += sub(1, "port")
	}
	if r.Intn(4) > 0 {
		l.RelayInfo += sub(2, facetValues(ByRemoteID)[r.Intn(3)])
	}
	if r.Intn(4) > 0 {
		l.RelayInfo += sub(12, facetValues(ByRelayID)[r.Intn(3)])
	}
	if r.Intn(8) == 0 {
		l.RelayInfo += "\x02\xff" // cut off
	}
	return l
}

// TestHaving_AgreesWithLookingAtAll does random things to a Table whose index is made while they happen, and
// compares what it finds with what a look at every lease finds.
func TestHaving_AgreesWithLookingAtAll(t *testing.T) {
	for seed := range int64(6) {
		r := rand.New(rand.NewSource(seed))
		table, now := NewTable(), Genesis
		for step := range 1500 {
			switch a := netip.AddrFrom4([4]byte{10, 67, byte(r.Intn(3)), byte(r.Intn(256))}); {
			case step == 400:
				table.IndexFacets(true)
			case r.Intn(6) == 0:
				table.Delete(a)
			default:
				table.Put(randomFacets(r, now))
			}
			if step == 1200 && table.Collecting() {
				table.Collect(table.Len())
			} else {
				table.Collect(r.Intn(2))
			}
			_, ok := table.Having(ByHardware, "\x01aaaaaa", netip.Addr{}, 10)
			if want := step >= 400 && !table.Collecting(); ok != want {
				t.Fatalf("seed %d, step %d: Having is sure: %t, want %t", seed, step, ok, want)
			}
		}
		for _, err := range table.Check() {
			t.Errorf("seed %d: %v", seed, err)
		}
		for f := ByHardware; f <= ByRelayID; f++ {
			for _, value := range facetValues(f) {
				compareHaving(t, table, f, value)
			}
		}
		table.IndexFacets(false)
		if _, ok := table.Having(ByRelayID, "alpha", netip.Addr{}, 1); ok {
			t.Errorf("seed %d: leases are found by an index that is gone", seed)
		}
	}
}

func compareHaving(t *testing.T, table *Table, f Facet, value string) {
	t.Helper()
	var want, got []Lease
	for l := range table.All(netip.Addr{}) {
		if v, ok := l.Facet(f); ok && v == value {
			want = append(want, l)
		}
	}
	for from := (netip.Addr{}); ; {
		page, ok := table.Having(f, value, from, 7)
		if !ok {
			t.Fatal("the index is not whole")
		}
		got = append(got, page...)
		if len(page) < 7 {
			break
		}
		from = page[len(page)-1].Addr.Next()
	}
	if diff := cmp.Diff(want, got, sameAddr); diff != "" {
		t.Errorf("facet %d, value %q: want (-), got (+):\n%s", f, value, diff)
	}
}

// big returns a table of n bound leases of clients with identifiers, relayed with all that can be indexed.
func big(n int, indexed bool) *Table {
	t := NewTable()
	t.IndexFacets(indexed)
	t.Collect(1)
	for i := range n {
		t.Put(bigLease(i, 0))
	}
	return t
}

func bigLease(i int, renewed Instant) Lease {
	hw := fmt.Sprintf("\x02\x67%04d", i%10_000)
	return Lease{
		Addr: address(0x0a000000 + uint32(i)), Client: ClientIDKey([]byte(fmt.Sprintf("client %d", i))),
		Status: Bound, Booked: Genesis + 3600 + renewed, Reusable: Genesis + 3800 + renewed, Last: Genesis + renewed,
		HType: 1, CHAddr: hw, RelayInfo: fmt.Sprintf("\x02\x0aremote%04d\x0c\x07relay%02d", i%10_000, i%100),
	}
}

func BenchmarkPut(b *testing.B) {
	const n = 100_000
	for _, indexed := range []bool{false, true} {
		t := big(n, indexed)
		for _, c := range []struct {
			what string
			i    func(i int) int
		}{{"renewal", func(i int) int { return i % n }}, {"new", func(i int) int { return n + i }}} {
			b.Run(fmt.Sprintf("%s/indexed=%t", c.what, indexed), func(b *testing.B) {
				for i := range b.N {
					t.Put(bigLease(c.i(i), Instant(i)))
				}
			})
		}
	}
}

func BenchmarkCollect(b *testing.B) {
	t := big(100_000, false)
	for b.Loop() {
		t.IndexFacets(false)
		t.IndexFacets(true)
		t.Collect(4096)
	}
}

// BenchmarkHeap tells the octets of heap that a lease takes, and with the index.
func BenchmarkHeap(b *testing.B) {
	for _, indexed := range []bool{false, true} {
		b.Run(fmt.Sprintf("indexed=%t", indexed), func(b *testing.B) {
			const n = 200_000
			before := heapOctets()
			t := big(n, indexed)
			b.ReportMetric(float64(heapOctets()-before)/n, "octets/lease")
			b.ReportMetric(float64(t.Len()), "leases")
		})
	}
}

// heapOctets returns how much heap is in use after a collection.
func heapOctets() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
