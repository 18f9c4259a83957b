package leasequery

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"port67/server/dhcp4"
	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// active is an active query of the agent at 10.67.0.1.
func active(change ...func(*dhcp4.Query)) *Active {
	return NewActive(ask(dhcp4.ActiveLeaseQuery, change...), ip("10.67.0.1"), ip("10.67.0.2"))
}

// next is what one call of Next tells, a line a message. It demands that the query goes on.
func (w *world) next(a *Active, changed ...string) (told []string) {
	w.t.Helper()
	told, more, why := w.step(a, changed...)
	if !more || why != Answered {
		w.t.Errorf("the query ends: %v, why %d", told, why)
	}
	return told
}

func (w *world) step(a *Active, changed ...string) (told []string, more bool, why Why) {
	w.t.Helper()
	var addrs []netip.Addr
	for _, c := range changed {
		addrs = append(addrs, ip(c))
	}
	messages, more, why := a.Next(w.view(), w.moment(), addrs)
	for i := range messages {
		m := &messages[i]
		if m.XID != 0x67 || !m.GIAddr.IsUnspecified() || !m.YIAddr.IsUnspecified() {
			w.t.Errorf("header: xid %x, giaddr %v, yiaddr %v", m.XID, m.GIAddr, m.YIAddr)
		}
		told = append(told, describe(m))
	}
	return told, more, why
}

func (w *world) want(what string, got []string, want ...string) {
	w.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func (w *world) base() string { return fmt.Sprintf(" 152=%08x", wall+int64(w.now-lease.Genesis)) }

// RFC 7724: without query-start-time only what changes from now on is told, in full.
func TestActive_TellsChanges(t *testing.T) {
	w := newWorld(t)
	relay := sub(1, "port 7") + sub(2, "modem")
	w.bind(client(9, "", ""), "10.67.0.109") // Before: not told.
	a := active()
	w.want("to begin with", w.next(a), `STATUS`+sid+` 151="\x06"`+w.base())
	w.want("nothing", w.next(a))

	w.bind(client(1, "one", relay), "10.67.0.100")
	w.want("bound", w.next(a, "10.67.0.100"), `ACTIVE 10.67.0.100 hw=1:1`+w.base()+
		` 61="one" 51=7200s 58=1800s 59=3150s 91=0s 153=0s 156=02 157=00 82="\x01\x06port 7\x02\x05modem"`)
	w.pass(600)
	w.must(storage.Extend{Addr: ip("10.67.0.100"), Key: client(1, "one", "").Key})
	w.want("renewed", w.next(a, "10.67.0.100"), `ACTIVE 10.67.0.100 hw=1:1`+w.base()+
		` 61="one" 51=7200s 58=1800s 59=3150s 91=0s 153=600s 156=02 157=00 82="\x01\x06port 7\x02\x05modem"`)
	w.pass(60)
	w.must(storage.Release{Addr: ip("10.67.0.100"), Key: client(1, "one", "").Key})
	w.pass(1)
	w.want("released", w.next(a, "10.67.0.100"), `UNASSIGNED 10.67.0.100 hw=1:1`+w.base()+
		` 61="one" 91=1s 153=1s 156=04 157=00 82="\x01\x06port 7\x02\x05modem"`)

	w.bind(client(2, "", ""), "10.67.0.102")
	w.must(storage.Decline{Addr: ip("10.67.0.102"), Key: client(2, "", "").Key})
	w.must(storage.DeleteLease{Addr: ip("10.67.0.100"), Force: true})
	w.must(storage.Offer{Client: client(6, "", ""), Link: "10.67.0.0/24", Wish: ip("10.67.0.106")})
	w.want("declined, deleted, on offer; each once", w.next(a, "10.67.0.102", "10.67.0.100", "10.67.0.102", "10.67.0.106"),
		`UNASSIGNED 10.67.0.100`+w.base()+` 156=01 157=00`,
		`UNASSIGNED 10.67.0.102 hw=1:2`+w.base()+` 91=0s 153=0s 156=05 157=00`)
}

func TestActive_ListIsHonoured(t *testing.T) {
	w := newWorld(t)
	a := active(listing(156, 3))
	w.next(a)
	w.bind(client(1, "", ""), "10.67.0.100")
	w.want("bound", w.next(a, "10.67.0.100"), "ACTIVE 10.67.0.100 hw=1:1"+w.base()+" 156=02 3=0a430001")
}

// A connection on which nothing changes is shown to live every minute, and no more often.
func TestActive_ConnectionActive(t *testing.T) {
	w := newWorld(t)
	a := active()
	w.next(a)
	w.pass(quietUsual - 1)
	w.want("a second too early", w.next(a))
	w.pass(1)
	w.want("in time", w.next(a), `STATUS 151="\x06"`+w.base())
	w.want("at once again", w.next(a))
	w.pass(quietUsual - 1)
	w.bind(client(1, "", ""), "10.67.0.100")
	w.next(a, "10.67.0.100")
	w.pass(1)
	w.want("after an update", w.next(a))
}

// What changed since query-start-time comes first, as it is now, with what nothing is known of any more.
func TestActive_LQ_012_CatchesUp(t *testing.T) {
	w := newWorld(t)
	w.bind(client(1, "", ""), "10.67.0.100")
	w.bind(client(2, "", ""), "10.67.0.101")
	w.bind(client(3, "", ""), "10.67.0.102") // All these before the moment asked for.
	w.pass(1000)
	since := with(154, second(wall+1000+slack))
	w.must(storage.Release{Addr: ip("10.67.0.101"), Key: client(2, "", "").Key})
	w.must(storage.DeleteLease{Addr: ip("10.67.0.102"), Force: true})
	w.must(storage.Offer{Client: client(6, "", ""), Link: "10.67.0.0/24", Wish: ip("10.67.0.106")})
	w.bind(client(4, "", ""), "10.67.0.103")
	w.pass(100)
	one := "ACTIVE 10.67.0.100 hw=1:1" + w.base() + " 156=02"
	gone := "UNASSIGNED 10.67.0.102" + w.base() + " 156=01"
	four := "ACTIVE 10.67.0.103 hw=1:4" + w.base() + " 156=02"
	two := func(sid string) string { return "UNASSIGNED 10.67.0.101 hw=1:2" + sid + w.base() + " 156=04" }
	complete := `STATUS 151="\a"` + w.base()

	a := active(listing(156), since)
	if unix, ok := a.Since(); !ok || unix != wall+1000 {
		t.Errorf("since %d, %t, want %d: a little before what is asked for", unix, ok, wall+1000)
	}
	forgotten := []netip.Addr{ip("10.67.0.102"), ip("10.67.0.103"), ip("10.67.0.102")}
	a.Recall(forgotten, true)
	w.want("all is known", w.next(a, "10.67.0.100"), two(sid), four, gone, complete)
	if !a.Live() {
		t.Error("not live after CatchUpComplete")
	}
	w.want("then changes", w.next(a, "10.67.0.100"), one)

	a = active(listing(156), since)
	a.Recall(forgotten[:1], false)
	w.want("too old", w.next(a), `STATUS`+sid+` 151="\x05not all changes since query-start-time are known: `+
		`a bulk leasequery tells all leases"`+w.base())
	w.want("what is known all the same", w.next(a), two(""), four, gone, complete)
}

func TestActive_LQ_012_CatchesUpInPages(t *testing.T) {
	w := newWorld(t)
	for i := range 2*pageLeases + 1 {
		w.bind(client(byte(i), fmt.Sprintf("client %d", i), ""), fmt.Sprintf("10.68.%d.%d", i/200, 10+i%200))
	}
	a := active(listing(1), with(154, second(wall)))
	a.Recall(nil, true)
	told := 0
	for pages := 1; !a.Live(); pages++ {
		if pages > 3 {
			t.Fatal("does not end")
		}
		told += len(w.next(a))
	}
	if want := 2*pageLeases + 1 + 1; told != want {
		t.Errorf("%d messages, want %d", told, want)
	}
}

func TestActive_Ends(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*dhcp4.Query)
		do     func(*world, *Active)
		want   string
		why    Why
	}{
		{"LQ-002 not allowed", nil, func(w *world, _ *Active) {
			w.must(storage.SetConfig{Expected: 1, Config: nobody(*w.view().Config().Config)})
		}, `DONE 151="\x04leasequery.requesters does not name this requester"`, Stranger},
		{"LQ-011 out of touch", nil, func(w *world, _ *Active) { w.fresh = false },
			`DONE 151="\x02this node cannot go on: ask another"`, OutOfTouch},
		{"the node stops", nil, func(_ *world, a *Active) { a.Abort() },
			`DONE 151="\x02this node cannot go on: ask another"`, OutOfTouch},
		{"too slow", nil, func(_ *world, a *Active) { a.Behind() },
			`DONE 151="\x02updates were missed: ask again, with query-start-time"`, OutOfTouch},
		{"a key", byMAC(1), nil,
			`DONE` + sid + ` 151="\x03an active query is about all leases: leave the key out"`, Unclear},
		{"an address", byAddr("10.67.0.100"), nil,
			`DONE` + sid + ` 151="\x03ciaddr, yiaddr and siaddr must be zero"`, Unclear},
		{"an end", with(155, second(wall)), nil,
			`DONE` + sid + ` 151="\x03an active query has no end: leave query-end-time out"`, Unclear},
		{"a moment of two octets", with(154, "ab"), nil,
			`DONE` + sid + ` 151="\x03query-start-time and query-end-time have four octets"`, Unclear},
	} {
		w := newWorld(t)
		var change []func(*dhcp4.Query)
		if tt.change != nil {
			change = append(change, tt.change)
		}
		a := active(change...)
		if tt.do != nil {
			w.next(a)
			tt.do(w, a)
		}
		got, more, why := w.step(a, "10.67.0.100")
		w.want(tt.name, got, tt.want)
		if more || why != tt.why {
			t.Errorf("%s: more %t, why %d, want the end and %d", tt.name, more, why, tt.why)
		}
	}
	w, second := newWorld(t), active()
	second.Second()
	got, more, _ := w.step(second)
	if want := `DONE` + sid + ` 151="\x04one active query a connection: this one has its own already"`; more || got[0] != want {
		t.Errorf("a second query: %v, want %s", got, want)
	}
}

// A DHCPTLS is refused, and the connection goes on as it is (RFC 7724).
func TestBulk_TLSIsRefused(t *testing.T) {
	got, why := newWorld(t).bulk(ask(dhcp4.TLS))
	if want := `TLS` + sid + ` 151="\bTLS is off, or came too late, or twice"`; len(got) != 1 || got[0] != want || why != Unclear {
		t.Errorf("%v, why %d, want %s", got, why, want)
	}
}

// What the configuration says of TLS decides about DHCPTLS, and about queries without.
func TestTLS(t *testing.T) {
	for mode, want := range map[config.LeaseQueryTLS]struct{ begins, plain bool }{
		"": {false, true}, "off": {false, true}, "allow": {true, true}, "require": {true, false},
	} {
		w := newWorld(t)
		c := *w.view().Config().Config
		c.LeaseQuery.TLS = mode
		w.must(storage.SetConfig{Expected: 1, Config: &c})
		m, begins := TLS(w.view(), ask(dhcp4.TLS), ip("10.67.0.1"), ip("10.67.0.2"))
		if begins != want.begins {
			t.Errorf("%q: DHCPTLS begins TLS: %t, want %t", mode, begins, want.begins)
		}
		if got := describe(&m); begins && got != "TLS"+sid {
			t.Errorf("%q: answered by %s", mode, got)
		}
		if _, ok := TLS(w.view(), ask(dhcp4.TLS), ip("10.67.0.9"), ip("10.67.0.2")); ok {
			t.Errorf("%q: a stranger gets TLS", mode)
		}
		if _, ok := TLS(w.view(), ask(dhcp4.BulkLeaseQuery), ip("10.67.0.1"), ip("10.67.0.2")); ok {
			t.Errorf("%q: a query gets TLS unasked", mode)
		}
		if got := RequiresTLS(w.view()); got == want.plain {
			t.Errorf("%q: requires TLS: %t", mode, got)
		}
	}
	w := newWorld(t)
	b, a := NewBulk(ask(dhcp4.BulkLeaseQuery), ip("10.67.0.1"), ip("10.67.0.2")), active()
	b.Plain()
	a.Plain()
	want := `DONE` + sid + ` 151="\x04leasequery.tls is require: send DHCPTLS first"`
	page, more, why := b.Next(w.view(), w.moment())
	if len(page) != 1 || describe(&page[0]) != want || more || why != Stranger {
		t.Errorf("bulk: %v, %t, %d, want %s", page, more, why, want)
	}
	if got, more, why := w.step(a); len(got) != 1 || got[0] != want || more || why != Stranger {
		t.Errorf("active: %v, %t, %d, want %s", got, more, why, want)
	}
}

// The clock ends bookings and graces without an entry of the log.
func TestLapsed(t *testing.T) {
	w := newWorld(t)
	w.bind(client(1, "", ""), "10.67.0.100")
	w.bind(client(2, "", ""), "10.67.0.101")
	w.must(storage.Release{Addr: ip("10.67.0.101"), Key: client(2, "", "").Key})
	w.bind(client(3, "", ""), "10.67.0.102")
	w.must(storage.Decline{Addr: ip("10.67.0.102"), Key: client(3, "", "").Key})
	w.must(storage.Offer{Client: client(6, "", ""), Link: "10.67.0.0/24", Wish: ip("10.67.0.106")})
	bound, _ := w.view().Lease(ip("10.67.0.100"))
	declined, _ := w.view().Lease(ip("10.67.0.102"))
	for _, tt := range []struct {
		name        string
		after, upTo lease.Instant
		want        []string
	}{
		{"nothing yet", w.now, bound.Booked - 1, nil},
		{"the bookings end", bound.Booked - 1, bound.Booked, []string{"10.67.0.100", "10.67.0.101"}},
		{"that is no news any more", bound.Booked, bound.Reusable - 1, nil},
		{"the graces end", bound.Booked, bound.Reusable, []string{"10.67.0.100", "10.67.0.101"}},
		{"the quarantine ends", bound.Reusable, declined.FreeFrom(), []string{"10.67.0.102"}},
	} {
		addrs, next := Lapsed(w.view(), netip.Addr{}, tt.after, tt.upTo)
		var got []string
		for _, a := range addrs {
			got = append(got, a.String())
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || next.IsValid() {
			t.Errorf("%s: on from %v (-want +got):\n%s", tt.name, next, diff)
		}
	}
}

func TestLapsed_Pages(t *testing.T) {
	w := newWorld(t)
	for i := range LapsePage + 3 {
		a := fmt.Sprintf("10.67.0.%d", 100+i)
		if i >= 50 {
			a = fmt.Sprintf("10.68.%d.%d", (i-40)/256, (i-40)%256)
		}
		w.bind(client(byte(i), fmt.Sprintf("client %d", i), ""), a)
	}
	first, next := Lapsed(w.view(), netip.Addr{}, w.now, w.now+100_000)
	rest, end := Lapsed(w.view(), next, w.now, w.now+100_000)
	if len(first) != LapsePage || len(rest) != 3 || end.IsValid() {
		t.Errorf("%d, then %d, then on from %v; want %d, 3 and the end", len(first), len(rest), end, LapsePage)
	}
}
