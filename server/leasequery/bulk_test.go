package leasequery

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"port67/server/dhcp4"
	"port67/storage"
	"port67/storage/lease"
)

// bulk is all that comes of a query, a line a message, and how it ended.
func (w *world) bulk(q *dhcp4.Query) ([]string, Why) {
	w.t.Helper()
	b := NewBulk(q, ip("10.67.0.1"), ip("10.67.0.2"))
	var told []string
	for range 100 {
		page, more, why := b.Next(w.view(), w.moment())
		for i := range page {
			m := &page[i]
			if m.XID != q.XID || !m.GIAddr.IsUnspecified() || !m.YIAddr.IsUnspecified() {
				w.t.Errorf("header: xid %x, giaddr %v, yiaddr %v", m.XID, m.GIAddr, m.YIAddr)
			}
			told = append(told, describe(m))
		}
		if !more {
			return told, why
		}
	}
	w.t.Fatal("the query does not end")
	return nil, 0
}

func second(n int64) string { return string(binary.BigEndian.AppendUint32(nil, uint32(n))) }

func TestBulk_LQ_008(t *testing.T) {
	w := newWorld(t)
	relay := sub(2, "modem") + sub(12, "relay")
	w.bind(client(1, "", relay), "10.67.0.100") // at 0 s
	w.pass(100)
	w.bind(client(2, "two", relay), "10.68.0.10") // at 100 s
	w.bind(client(3, "", sub(12, "relay")), "10.67.0.103")
	w.pass(100)
	w.must(storage.Release{Addr: ip("10.67.0.103"), Key: client(3, "", "").Key}) // at 200 s
	w.pass(100)

	base := fmt.Sprintf(" 152=%08x", wall+300)
	one := "ACTIVE 10.67.0.100 hw=1:1" + sid + base
	three := func(sid string) string { return "UNASSIGNED 10.67.0.103 hw=1:3" + sid + base + " 156=04" }
	two := func(sid string) string { return "ACTIVE 10.68.0.10 hw=1:2" + sid + base + ` 61="two" 156=02` }
	list := listing(156)
	for _, tt := range []struct {
		name string
		q    *dhcp4.Query
		want []string
		why  Why
	}{
		{"all leases", ask(dhcp4.BulkLeaseQuery, list), []string{one + " 156=02", three(""), two(""), "DONE"}, 0},
		{"by relay-id", ask(dhcp4.BulkLeaseQuery, list, with(82, sub(12, "relay"))),
			[]string{one + " 156=02", three(""), two(""), "DONE"}, 0},
		{"by remote-id", ask(dhcp4.BulkLeaseQuery, list, with(82, sub(2, "modem"))),
			[]string{one + " 156=02", two(""), "DONE"}, 0},
		{"by MAC", ask(dhcp4.BulkLeaseQuery, list, byMAC(2)), []string{two(sid), "DONE"}, 0},
		{"by identifier", ask(dhcp4.BulkLeaseQuery, list, with(61, "two")), []string{two(sid), "DONE"}, 0},
		{"nothing", ask(dhcp4.BulkLeaseQuery, list, byMAC(9)), []string{"DONE" + sid}, 0},
		{"the usual list", ask(dhcp4.BulkLeaseQuery, byMAC(1)), []string{
			one + ` 51=6900s 58=1500s 59=2850s 91=300s 153=300s 156=02 82="\x02\x05modem\f\x05relay"`, "DONE"}, 0},
		{"since a moment", ask(dhcp4.BulkLeaseQuery, list, with(154, second(wall+105))), []string{three(sid), "DONE"}, 0},
		{"since the very moment", ask(dhcp4.BulkLeaseQuery, list, with(154, second(wall+100))),
			[]string{three(sid), two(""), "DONE"}, 0},
		{"until a moment", ask(dhcp4.BulkLeaseQuery, list, with(155, second(wall+90))), []string{one + " 156=02", "DONE"}, 0},
		{"between two moments", ask(dhcp4.BulkLeaseQuery, list, with(154, second(wall+50)), with(155, second(wall+150))),
			[]string{two(sid), "DONE"}, 0},
		{"a window of the future", ask(dhcp4.BulkLeaseQuery, list, with(154, second(wall+9999))), []string{"DONE" + sid}, 0},

		{"two keys", ask(dhcp4.BulkLeaseQuery, byMAC(1), with(61, "two")),
			[]string{"DONE" + sid + ` 151="\x03more than one key"`}, Unclear},
		{"remote-id and relay-id", ask(dhcp4.BulkLeaseQuery, with(82, relay)),
			[]string{"DONE" + sid + ` 151="\x03more than one key"`}, Unclear},
		{"ciaddr", ask(dhcp4.BulkLeaseQuery, byAddr("10.67.0.100")),
			[]string{"DONE" + sid + ` 151="\x03ciaddr, yiaddr and siaddr must be zero"`}, Unclear},
		{"another type", ask(dhcp4.LeaseQuery, byMAC(1)),
			[]string{"DONE" + sid + ` 151="\x03only leasequeries for connections are answered here"`}, Unclear},
		{"a window that ends before it begins", ask(dhcp4.BulkLeaseQuery, with(154, second(2)), with(155, second(1))),
			[]string{"DONE" + sid + ` 151="\x03query-start-time after query-end-time"`}, Unclear},
		{"a moment of two octets", ask(dhcp4.BulkLeaseQuery, with(154, "ab")),
			[]string{"DONE" + sid + ` 151="\x03query-start-time and query-end-time have four octets"`}, Unclear},
	} {
		got, why := w.bulk(tt.q)
		if diff := cmp.Diff(tt.want, got); diff != "" || why != tt.why {
			t.Errorf("%s: why %d, want %d (-want +got):\n%s", tt.name, why, tt.why, diff)
		}
	}
}

// A lease that is past has a state and since when; the end of a booking is a change that no log entry makes.
func TestBulk_StatesThatTheClockMakes(t *testing.T) {
	w := newWorld(t)
	w.bind(client(1, "", ""), "10.67.0.100")
	l, _ := w.view().Lease(ip("10.67.0.100"))
	for _, tt := range []struct {
		after lease.Instant // from the end of the booking
		want  string
	}{{-1, "ACTIVE 156=02 153=7199s"}, {10, "UNASSIGNED 156=03 153=10s"}, {1000, "UNASSIGNED 156=01"}} {
		w.now = l.Booked + tt.after
		got, _ := w.bulk(ask(dhcp4.BulkLeaseQuery, listing(156, 153)))
		for _, part := range strings.Fields(tt.want) {
			if len(got) != 2 || !slices.Contains(strings.Fields(got[0]), part) {
				t.Errorf("%d s after the booking: %v, want %s in it", tt.after, got, part)
			}
		}
		since := w.bulkSince(wall + int64(l.Booked-l.Start) - 20)
		if want := tt.after >= 0; since != want {
			t.Errorf("%d s after the booking: told as changed since shortly before: %t, want %t", tt.after, since, want)
		}
	}
}

// bulkSince says whether anything is told to have changed since a second of wall time.
func (w *world) bulkSince(unix int64) bool {
	got, _ := w.bulk(ask(dhcp4.BulkLeaseQuery, with(154, second(unix))))
	return len(got) > 1
}

func TestBulk_LQ_008_PagesMissAndRepeatNothing(t *testing.T) {
	w := newWorld(t)
	const n = 3*pageLeases + 7
	for i := range n {
		c := client(byte(i), fmt.Sprintf("client %d", i), sub(12, "relay"))
		w.bind(c, fmt.Sprintf("10.68.%d.%d", i/200, 10+i%200))
	}
	for name, q := range map[string]*dhcp4.Query{
		"all": ask(dhcp4.BulkLeaseQuery, listing(1)), "by relay-id": ask(dhcp4.BulkLeaseQuery, listing(1), with(82, sub(12, "relay"))),
	} {
		got, _ := w.bulk(q)
		seen := map[string]bool{}
		for _, line := range got[:len(got)-1] {
			seen[strings.Fields(line)[1]] = true
		}
		if len(seen) != n || len(got) != n+1 {
			t.Errorf("%s: %d messages about %d addresses, want %d", name, len(got)-1, len(seen), n)
		}
	}
}

// What changes while a query is under way ends it where it must, and else shows in the pages to come.
func TestBulk_LQ_008_LQ_011_Interrupted(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(*world, *Bulk)
		want string
		why  Why
	}{
		{"LQ-011 out of touch", func(w *world, _ *Bulk) { w.fresh = false },
			`DONE 151="\x02this node cannot go on: ask another"`, OutOfTouch},
		{"the node stops", func(_ *world, b *Bulk) { b.Abort() },
			`DONE 151="\x02this node cannot go on: ask another"`, OutOfTouch},
		{"LQ-002 not allowed any more", func(w *world, _ *Bulk) {
			w.must(storage.SetConfig{Expected: 1, Config: nobody(*w.view().Config().Config)})
		}, `DONE 151="\x04leasequery.requesters does not name this requester"`, Stranger},
		{"a lease is deleted", func(w *world, _ *Bulk) {
			w.must(storage.DeleteLease{Addr: ip("10.68.2.9"), Force: true})
		}, "DONE", Answered},
	} {
		w := newWorld(t)
		for i := range pageLeases {
			w.bind(client(byte(i), fmt.Sprintf("client %d", i), ""), fmt.Sprintf("10.68.1.%d", i))
		}
		w.bind(client(1, "last", ""), "10.68.2.9")
		b := NewBulk(ask(dhcp4.BulkLeaseQuery), ip("10.67.0.1"), ip("10.67.0.2"))
		if page, more, _ := b.Next(w.view(), w.moment()); len(page) != pageLeases || !more {
			t.Fatalf("%s: first page of %d, more: %t", tt.name, len(page), more)
		}
		tt.do(w, b)
		page, more, why := b.Next(w.view(), w.moment())
		if more || why != tt.why || len(page) != 1 || describe(&page[0]) != tt.want {
			t.Errorf("%s: %d messages, more: %t, why %d: %v", tt.name, len(page), more, why, page)
		}
	}
}

func TestBulk_NotIndexedYet(t *testing.T) {
	w := newWorld(t)
	c := *w.view().Config().Config
	w.must(storage.SetConfig{Expected: 1, Config: nobody(c)})
	w.must(storage.SetConfig{Expected: 2, Config: &c})
	got, why := w.bulk(ask(dhcp4.BulkLeaseQuery, byMAC(1)))
	want := []string{"DONE" + sid + ` 151="\x02the leases are still being indexed: ask again"`}
	if diff := cmp.Diff(want, got); diff != "" || why != NotIndexed {
		t.Errorf("why %d (-want +got):\n%s", why, diff)
	}
}
