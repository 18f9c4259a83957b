package lease

import (
	"fmt"
	"maps"
	"math/rand"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var sameAddr = cmpopts.EquateComparable(netip.Addr{})

// naive is a Table that looks at everything.
type naive map[netip.Addr]Lease

func (n naive) sorted() []Lease {
	var out []Lease
	for _, l := range n {
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b Lease) int { return a.Addr.Compare(b.Addr) })
	return out
}

// free returns every address of w that is free on the best rung on which there is any.
func (n naive) free(w Wanted) map[netip.Addr]bool {
	vacant, past := map[netip.Addr]bool{}, map[netip.Addr]bool{}
	for _, r := range w.Ranges {
		for a := r.First; r.Contains(a); a = a.Next() {
			if !w.Buckets.Has(AddrBucket(a)) || w.Taken != nil && w.Taken(a) || w.Beside.Has(a) {
				continue
			}
			switch l, ok := n[a]; {
			case !ok:
				vacant[a] = true
			case l.FreeFrom() <= w.Now, w.Early && l.GivenBack():
				past[a] = true
			}
		}
	}
	if len(vacant) > 0 {
		return vacant
	}
	return past
}

func randomLease(r *rand.Rand, now Instant) Lease {
	l := Lease{
		Addr:   netip.AddrFrom4([4]byte{10, 67, byte(r.Intn(3)), byte(r.Intn(256))}),
		Client: Key(fmt.Sprintf("c%02d", r.Intn(40))), Status: []Status{Offered, Bound, Released, Declined}[r.Intn(4)],
		Booked: now + Instant(r.Intn(50)), Last: Instant(r.Intn(100)),
	}
	if r.Intn(3) == 0 { // BP-004
		l.HType, l.CHAddr, l.BOOTP = 1, string([]byte{byte(r.Intn(10))}), r.Intn(3) > 0
		l.Firmware = r.Intn(2) == 0
		if r.Intn(2) == 0 {
			l.CHAddr += "abcde" // W-011: of six octets, some with the bits of made-up ones.
		}
		if r.Intn(2) == 0 {
			l.Client = l.Hardware()
		}
	}
	l.Reusable = l.Booked + Instant(r.Intn(10))
	if l.Status == Offered || l.Status == Declined || r.Intn(5) == 0 {
		l.Withheld = now + Instant(r.Intn(60))
	}
	return l
}

// TestTable_AgreesWithNaiveMap does random things to a Table and to a map, and compares them after each.
func TestTable_AgreesWithNaiveMap(t *testing.T) {
	for seed := range int64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewSource(seed))
			table, model, now := NewTable(), naive{}, Genesis
			for step := range 1000 {
				switch r.Intn(6) {
				case 0:
					a := netip.AddrFrom4([4]byte{10, 67, byte(r.Intn(3)), byte(r.Intn(256))})
					table.Delete(a)
					delete(model, a)
				case 1:
					now += Instant(r.Intn(30))
					table.Advance(now, r.Intn(20))
				default:
					l := randomLease(r, now)
					table.Put(l)
					model[l.Addr] = l
				}
				compareSearch(t, r, table, model, now)
				if step%50 == 0 {
					compareAll(t, table, model)
				}
			}
			table.Advance(now, 1<<30)
			compareAll(t, table, model)
			compareUsage(t, table, model, now)
		})
	}
}

func compareSearch(t *testing.T, r *rand.Rand, table *Table, model naive, now Instant) {
	t.Helper()
	w := Wanted{
		Ranges: []Range{
			{netip.MustParseAddr("10.67.0.20"), netip.MustParseAddr("10.67.0.40")},
			{netip.MustParseAddr("10.67.0.200"), netip.MustParseAddr("10.67.1.7")},
			{netip.MustParseAddr("10.67.2.3"), netip.MustParseAddr("10.67.2.3")},
		},
		Start: netip.AddrFrom4([4]byte{10, 67, byte(r.Intn(4)), byte(r.Intn(256))}),
		Early: r.Intn(2) == 0, Now: now,
	}
	for range 1 + r.Intn(40) {
		w.Buckets.Add(uint8(r.Intn(256)))
	}
	if r.Intn(3) == 0 {
		odd := byte(r.Intn(4))
		w.Taken = func(a netip.Addr) bool { return a.As4()[3]&3 == odd }
	}
	for range r.Intn(4) * 50 {
		w.Beside = w.Beside.With(netip.AddrFrom4([4]byte{10, 67, byte(r.Intn(3)), byte(r.Intn(256))}))
	}
	free := model.free(w)
	a, ok := table.Free(w)
	if ok != (len(free) > 0) || ok && !free[a] {
		t.Fatalf("Free = %v, %t; want one of %v", a, ok, free)
	}
}

func compareAll(t *testing.T, table *Table, model naive) {
	t.Helper()
	want := model.sorted()
	if diff := cmp.Diff(want, slices.Collect(table.All(netip.Addr{})), sameAddr); diff != "" {
		t.Fatalf("leases: want (-), got (+):\n%s", diff)
	}
	for _, err := range table.Check() {
		t.Error(err)
	}
	for k := range 50 {
		key := Key(fmt.Sprintf("c%02d", k))
		if k >= 40 {
			key = HardwareKey(1, []byte{byte(k - 40)})
		}
		var held []Lease
		for _, l := range want {
			if l.Client == key || l.BOOTP && l.Hardware() == key {
				held = append(held, l)
			}
		}
		if diff := cmp.Diff(held, table.ByClient(key), sameAddr); diff != "" {
			t.Fatalf("leases of %q: want (-), got (+):\n%s", key, diff)
		}
	}
	for n := range byte(10) {
		var has []Lease
		for _, l := range want {
			if l.HType == 1 && l.CHAddr == string([]byte{n}) {
				has = append(has, l)
			}
		}
		if diff := cmp.Diff(has, table.ByHardware(HardwareKey(1, []byte{n})), sameAddr); diff != "" {
			t.Fatalf("leases of hardware address %d: want (-), got (+):\n%s", n, diff)
		}
	}
}

func compareUsage(t *testing.T, table *Table, model naive, now Instant) {
	t.Helper()
	r := Range{netip.MustParseAddr("10.67.0.17"), netip.MustParseAddr("10.67.1.200")}
	want := Usage{Size: 256 - 17 + 201}
	for _, l := range model.sorted() {
		if !r.Contains(l.Addr) {
			continue
		}
		want.Known++
		if l.Status == Declined {
			want.Declined++
		}
		if l.FreeFrom() > now {
			want.Held++
			if l.Status == Bound {
				want.Bound++
				if l.MadeUp() {
					want.MadeUp++
				}
			}
		}
	}
	if got := table.Usage(r); got != want {
		t.Errorf("Usage = %+v, want %+v", got, want)
	}
}

func TestTable_FreezeKeepsWhatWas_P14(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	table, model := NewTable(), naive{}
	for range 300 {
		l := randomLease(r, Genesis)
		table.Put(l)
		model[l.Addr] = l
	}
	frozen, want := table.Freeze(), model.sorted()
	for range 300 {
		table.Put(randomLease(r, Genesis+1000))
		table.Delete(randomLease(r, Genesis).Addr)
	}
	if diff := cmp.Diff(want, slices.Collect(frozen.All()), sameAddr); diff != "" {
		t.Errorf("frozen leases: want (-), got (+):\n%s", diff)
	}
}

func TestTable_SumDoesNotDependOnOrder_P9(t *testing.T) {
	r := rand.New(rand.NewSource(2))
	there, back, model := NewTable(), NewTable(), naive{}
	for range 200 {
		l := randomLease(r, Genesis)
		there.Put(l)
		model[l.Addr] = l
	}
	leases := model.sorted()
	for _, l := range slices.Backward(leases) {
		back.Put(l)
	}
	if there.Sum() != back.Sum() {
		t.Error("the same leases have two sums")
	}
	leases[7].Hostname = "other"
	back.Put(leases[7])
	if there.Sum() == back.Sum() {
		t.Error("other leases have the same sum")
	}
	back.Delete(leases[7].Addr)
	there.Delete(leases[7].Addr)
	if there.Sum() != back.Sum() {
		t.Error("a deleted lease left a trace in the sum")
	}
}

// TestFree_OldestOfTheReusable_V4_184: an address that was given back goes to the end of the order.
func TestFree_OldestOfTheReusable_V4_184(t *testing.T) {
	table := NewTable()
	all := Range{netip.MustParseAddr("10.67.0.1"), netip.MustParseAddr("10.67.0.4")}
	for i, last := range []Instant{30, 10, 40, 20} {
		table.Put(Lease{
			Addr: netip.AddrFrom4([4]byte{10, 67, 0, byte(i + 1)}), Client: "c", Status: Released, Last: last,
			Booked: 100, Reusable: 100,
		})
	}
	w := Wanted{Ranges: []Range{all}, Buckets: AllBuckets(), Now: 50}
	table.Advance(50, 100)
	if a, ok := table.Free(w); ok {
		t.Errorf("Free = %v before it is reusable", a)
	}
	table.Advance(100, 100)
	w.Now = 100
	if a, _ := table.Free(w); a != netip.MustParseAddr("10.67.0.2") {
		t.Errorf("Free = %v, want the one that rested longest", a)
	}
	w.Early = true
	table.Delete(netip.MustParseAddr("10.67.0.3"))
	if a, _ := table.Free(w); a != netip.MustParseAddr("10.67.0.3") {
		t.Errorf("Free = %v, want the one nobody ever had", a)
	}
}

// TestFree_FindsTheOnlyOne: the last free address of a full /16 is found, from everywhere, and only there.
func TestFree_FindsTheOnlyOne(t *testing.T) {
	table := NewTable()
	only := netip.MustParseAddr("10.67.201.77")
	all := Range{netip.MustParseAddr("10.67.0.0"), netip.MustParseAddr("10.67.255.255")}
	for a := all.First; all.Contains(a); a = a.Next() {
		if a != only {
			table.Put(Lease{Addr: a, Client: "c", Status: Bound, Booked: Never, Reusable: Never})
		}
	}
	w := Wanted{Ranges: []Range{all}, Buckets: AllBuckets(), Now: Genesis}
	for _, start := range []string{"10.67.0.0", "10.67.201.77", "10.67.201.78", "10.67.255.255", "10.68.0.1"} {
		w.Start = netip.MustParseAddr(start)
		if a, ok := table.Free(w); !ok || a != only {
			t.Errorf("from %s: Free = %v, %t; want %v", start, a, ok, only)
		}
	}
	w.Buckets = BucketSet{}
	w.Buckets.Add(76)
	if a, ok := table.Free(w); ok {
		t.Errorf("Free = %v, which is in no bucket that was asked for", a)
	}
	if u := table.Usage(all); u.Size != 1<<16 || u.Held != 1<<16-1 {
		t.Errorf("Usage = %+v", u)
	}
}

// TestFree_EndsOfTheAddressSpace: nothing overflows at 255.255.255.255 and 0.0.0.0.
func TestFree_EndsOfTheAddressSpace(t *testing.T) {
	table := NewTable()
	last := netip.MustParseAddr("255.255.255.255")
	table.Put(Lease{Addr: last, Client: "c", Status: Bound, Booked: Never, Reusable: Never})
	w := Wanted{Buckets: AllBuckets(), Now: Genesis, Start: last}
	w.Ranges = []Range{{netip.MustParseAddr("255.255.255.254"), last}}
	if a, _ := table.Free(w); a != netip.MustParseAddr("255.255.255.254") {
		t.Errorf("Free = %v, want the last but one", a)
	}
	w.Ranges = []Range{{last, last}}
	if a, ok := table.Free(w); ok {
		t.Errorf("Free = %v, want none", a)
	}
	w.Ranges = []Range{{netip.MustParseAddr("0.0.0.0"), last}}
	if a, _ := table.Free(w); a != netip.MustParseAddr("0.0.0.0") {
		t.Errorf("Free = %v, want to begin again", a)
	}
}

func TestSpreadStart_LiesInTheRanges(t *testing.T) {
	ranges := []Range{{netip.MustParseAddr("10.67.0.10"), netip.MustParseAddr("10.67.0.19")}}
	seen := map[netip.Addr]bool{}
	for i := range 200 {
		a := SpreadStart(Key(fmt.Sprint("client ", i)), ranges)
		if !ranges[0].Contains(a) {
			t.Fatalf("SpreadStart = %v, outside of the ranges", a)
		}
		seen[a] = true
	}
	if len(seen) != 10 {
		t.Errorf("200 clients start at %d of 10 addresses", len(seen))
	}
}

// TestSpace_AgreesWithNaiveMap also looks at earlier spaces: none of them changes.
func TestSpace_AgreesWithNaiveMap(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	var space *Space
	model := map[netip.Addr]bool{}
	type past struct {
		space *Space
		model map[netip.Addr]bool
	}
	var before []past
	same := func(space *Space, model map[netip.Addr]bool) {
		t.Helper()
		for n := range 3 * 256 {
			a := netip.AddrFrom4([4]byte{10, 67, byte(n >> 8), byte(n)})
			if space.Has(a) != model[a] {
				t.Fatalf("%v: %t, want %t", a, space.Has(a), model[a])
			}
		}
	}
	for step := range 2000 {
		a := netip.AddrFrom4([4]byte{10, 67, byte(r.Intn(3)), byte(r.Intn(256))})
		if r.Intn(5) < 3 {
			space, model[a] = space.With(a), true
		} else {
			space = space.Without(a)
			delete(model, a)
		}
		if step%100 == 0 {
			same(space, model)
			before = append(before, past{space, maps.Clone(model)})
		}
	}
	for _, p := range before {
		same(p.space, p.model)
	}
	six := netip.MustParseAddr("2001:db8::1")
	if space.With(six) != space || space.Has(six) || space.Has(netip.Addr{}) {
		t.Error("a space knows what is no IPv4 address")
	}
}

// TestFree_PassesOverWhatIsOnHoldByTheBlock: 65 536 addresses on hold must not cost a step each.
func TestFree_PassesOverWhatIsOnHoldByTheBlock(t *testing.T) {
	table, space := NewTable(), (*Space)(nil)
	all := Range{netip.MustParseAddr("10.67.0.0"), netip.MustParseAddr("10.68.255.255")}
	for n := range uint32(1 << 16) {
		a := address(10<<24 | 67<<16 | n)
		if n%2 == 0 {
			table.Put(Lease{Addr: a, Client: "c", Status: Bound, Booked: Never, Reusable: Never})
		} else {
			space = space.With(a)
		}
	}
	w := Wanted{Ranges: []Range{all}, Buckets: AllBuckets(), Now: Genesis, Beside: space}
	asked := 0
	w.Taken = func(netip.Addr) bool { asked++; return false }
	a, ok := table.Free(w)
	if want := netip.MustParseAddr("10.68.0.0"); !ok || a != want || asked != 1 {
		t.Errorf("Free = %v, %t after looking at %d addresses; want %v after 1", a, ok, asked, want)
	}
}
