package history

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"port67/storage"
	"port67/storage/lease"
)

var (
	address = netip.MustParseAddr("10.67.1.5")
	octets  = []byte{0x02, 0x67, 0, 0, 0, 5}
	laptop  = lease.Lease{
		Addr: address, Client: lease.HardwareKey(1, octets), Status: lease.Bound, Start: 100, Last: 100,
		Booked: 7300, HType: 1, CHAddr: string(octets), Hostname: "laptop", RelayInfo: "\x01\x02ab",
	}
)

// with returns the laptop's lease with something changed.
func with(change func(*lease.Lease)) lease.Lease {
	l := laptop
	change(&l)
	return l
}

// events reads a body back.
func events(t *testing.T, body []byte) []Event {
	t.Helper()
	var out []Event
	for len(body) > 0 {
		raw, rest, ok := Next(body)
		if !ok {
			t.Fatalf("%d octets make no sense: %x", len(body), body)
		}
		out, body = append(out, raw.Event()), rest
	}
	return out
}

func TestTouched(t *testing.T) {
	other := netip.MustParseAddr("10.67.1.6")
	second := with(func(l *lease.Lease) { l.Addr = other })
	e := storage.Entry{Commands: []storage.Command{
		storage.Offer{}, storage.Bind{}, storage.Bind{}, storage.Tick{}, storage.TakeLease{}, storage.ClearDeclined{},
		storage.DeleteLease{},
	}}
	got := Touched(nil, e, []storage.Result{
		{Lease: laptop}, {Lease: laptop}, {Lease: laptop, Refusal: storage.InUse}, {}, {Lease: second},
		{Cleared: []lease.Lease{second, laptop}}, {Lease: laptop},
	})
	want := []netip.Addr{address, other, other, address, address}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestAppend_EveryCommand: what each command tells of, and what it does not.
func TestAppend_EveryCommand(t *testing.T) {
	event := func(w What, told lease.Seconds, author string) []Event {
		return []Event{{
			What: w, Addr: address, Client: laptop.Client, HType: 1, CHAddr: string(octets), Hostname: "laptop",
			RelayInfo: "\x01\x02ab", Told: told, Start: 100, Booked: 7300, Author: author,
		}}
	}
	offered := with(func(l *lease.Lease) { l.Status = lease.Offered })
	for _, c := range []struct {
		name    string
		clock   lease.Instant
		command storage.Command
		result  storage.Result
		want    []Event
	}{
		{"bind", 100, storage.Bind{}, storage.Result{Lease: laptop, Told: 3600}, event(Bound, 3600, "")},
		{"bind again", 200, storage.Bind{}, storage.Result{Lease: laptop, Told: 1800}, event(Renewed, 1800, "")},
		{"V4-086 bind that leaves another", 200, storage.Bind{},
			storage.Result{Lease: laptop, Told: 1800, Left: []lease.Lease{laptop}},
			append(event(Renewed, 1800, ""), event(Released, 0, "")...)},
		{"bind refused", 100, storage.Bind{}, storage.Result{Refusal: storage.InUse}, nil},
		{"extend", 200, storage.Extend{}, storage.Result{Lease: laptop, Told: 60}, event(Renewed, 60, "")},
		{"offer", 100, storage.Offer{}, storage.Result{Lease: offered, Told: 5}, event(Offered, 5, "")},
		{"offer of the own address", 100, storage.Offer{}, storage.Result{Lease: laptop}, nil},
		{"offer repeated", 110, storage.Offer{}, storage.Result{Lease: offered}, nil},
		{"release", 100, storage.Release{}, storage.Result{Lease: laptop}, event(Released, 0, "")},
		{"release repeated", 110, storage.Release{}, storage.Result{Lease: laptop}, nil},
		{"operator's release", 100, storage.ReleaseLease{Author: "ann"}, storage.Result{Lease: laptop},
			event(Released, 0, "ann")},
		{"decline", 100, storage.Decline{}, storage.Result{Lease: laptop}, event(Declined, 0, "")},
		{"decline repeated", 110, storage.Decline{}, storage.Result{Lease: laptop}, nil},
		{"delete", 900, storage.DeleteLease{Author: "ann"}, storage.Result{Lease: laptop}, event(Deleted, 0, "ann")},
		{"conflict", 100, storage.Conflict{}, storage.Result{Lease: laptop}, event(Declined, 0, "")},
		{"conflict known", 100, storage.Conflict{}, storage.Result{Lease: laptop, Known: true}, nil},
		{"clear", 900, storage.ClearDeclined{Addr: address, Author: "ann"}, storage.Result{Lease: laptop},
			event(Cleared, 0, "ann")},
		{"clear all", 900, storage.ClearDeclined{}, storage.Result{Cleared: []lease.Lease{laptop}},
			event(Cleared, 0, "")},
		{"clear all of none", 900, storage.ClearDeclined{}, storage.Result{}, nil},
		{"tick", 900, storage.Tick{}, storage.Result{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := storage.Entry{Commands: []storage.Command{c.command}}
			body := Append(nil, c.clock, e, []storage.Result{c.result})
			if diff := cmp.Diff(c.want, events(t, body), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestAppend_LongestFields: what Apply lets through, and an author of any length, is read back.
func TestAppend_LongestFields(t *testing.T) {
	l := with(func(l *lease.Lease) {
		l.Client = lease.ClientIDKey(make([]byte, 255))
		l.CHAddr, l.Hostname, l.RelayInfo = strings.Repeat("c", 16), strings.Repeat("h", 255), strings.Repeat("r", 4096)
	})
	e := storage.Entry{Commands: []storage.Command{storage.DeleteLease{Author: strings.Repeat("a", 1000)}, storage.Bind{}}}
	got := events(t, Append(nil, 100, e, []storage.Result{{Lease: l}, {Lease: laptop}}))
	if len(got) != 2 || got[0].RelayInfo != l.RelayInfo || got[0].Client != l.Client || len(got[0].Author) != 255 ||
		got[1].Client != laptop.Client {
		t.Errorf("read back %+v", got)
	}
}

func TestAppend_NoAllocation(t *testing.T) {
	e := storage.Entry{Commands: []storage.Command{storage.Bind{}, storage.Tick{}, storage.Release{}}}
	results := []storage.Result{{Lease: laptop}, {}, {Lease: laptop}}
	body := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { body = Append(body[:0], 100, e, results) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func TestQuery_Match(t *testing.T) {
	e := storage.Entry{Commands: []storage.Command{storage.Bind{}}}
	raw, _, _ := Next(Append(nil, 100, e, []storage.Result{{Lease: laptop}}))
	other := lease.HardwareKey(1, []byte{2, 2, 2, 2, 2, 2})
	for _, c := range []struct {
		name string
		q    Query
		want bool
	}{
		{"its address", Query{Addr: address}, true},
		{"another address", Query{Addr: address.Next(), Client: laptop.Client}, false},
		{"its client", Query{Client: laptop.Client}, true},
		{"another client", Query{Client: other}, false},
		{"its hardware address, whatever the client calls itself", Query{Client: other, CHAddr: string(octets)}, true},
		{"nothing", Query{}, false},
	} {
		if got := c.q.Match(&raw); got != c.want {
			t.Errorf("%s: %t, want %t", c.name, got, c.want)
		}
	}
}

// FuzzNext: nothing in a file can make a reader fail.
func FuzzNext(f *testing.F) {
	e := storage.Entry{Commands: []storage.Command{storage.Bind{}}}
	f.Add(Append(nil, 100, e, []storage.Result{{Lease: laptop}}))
	f.Add([]byte{0, 22, 1})
	f.Fuzz(func(t *testing.T, body []byte) {
		for n := 0; ; n++ {
			raw, rest, ok := Next(body)
			if !ok {
				return
			}
			if len(rest) >= len(body) {
				t.Fatalf("no progress after %d events", n)
			}
			_ = raw.Event()
			body = rest
		}
	})
}
