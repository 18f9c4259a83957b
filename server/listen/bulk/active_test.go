package bulk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"port67/server"
	"port67/server/dhcp4"
	"port67/storage"
	"port67/storage/history"
	"port67/storage/lease"
)

// activeQuery is a DHCPACTIVELEASEQUERY as it goes over a connection.
func activeQuery(xid uint32, options ...byte) []byte {
	b := query(xid, options...)
	b[2+242] = byte(dhcp4.ActiveLeaseQuery)
	return b
}

// since is a query-start-time.
func since(unix uint32) []byte { return binary.BigEndian.AppendUint32([]byte{154, 4}, unix) }

// said is one message: its type, its status if it has one, the address it is about.
type said struct {
	kind   dhcp4.MessageType
	status byte
	addr   string
}

const (
	status = dhcp4.LeaseQueryStatus
	done   = dhcp4.LeaseQueryDone
)

func (s said) String() string { return fmt.Sprintf("%d/%d %s", s.kind, s.status, s.addr) }

// hear reads one message to the query.
func hear(t *testing.T, conn net.Conn, xid uint32) (said, error) {
	t.Helper()
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return said{}, err
	}
	b := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, b); err != nil {
		return said{}, err
	}
	if got := binary.BigEndian.Uint32(b[4:]); got != xid {
		t.Errorf("xid %d, want %d", got, xid)
	}
	s := said{kind: dhcp4.MessageType(b[242])}
	if a := netip.AddrFrom4([4]byte(b[12:16])); !a.IsUnspecified() {
		s.addr = a.String()
	}
	for o := b[243:]; o[0] != 255; o = o[2+int(o[1]):] {
		if o[0] == 151 {
			s.status = o[2]
		}
	}
	return s, nil
}

func wantSaid(t *testing.T, conn net.Conn, xid uint32, want ...said) {
	t.Helper()
	for _, w := range want {
		if got, err := hear(t, conn, xid); got != w || err != nil {
			t.Fatalf("got %v, %v, want %v", got, err, w)
		}
	}
}

func (r *rig) bind(n byte) string {
	r.t.Helper()
	c := storage.Client{Key: lease.ClientIDKey([]byte{n}), HType: 1, CHAddr: string([]byte{2, 0x67, 1, 0, 0, n})}
	a := netip.AddrFrom4([4]byte{10, 64, 200, n})
	if got := r.apply(storage.Bind{Client: c, Addr: a, Mode: storage.Selecting}); got.Refusal != storage.Granted {
		r.t.Fatalf("scene: %s", got.Detail)
	}
	return a.String()
}

func TestListener_ActiveTellsChangesAsTheyHappen(t *testing.T) {
	r := newRig(t, 3, Options{Idle: 20 * time.Millisecond}, "127.0.0.0/8")
	conn := r.dial()
	write(t, conn, activeQuery(7))
	wantSaid(t, conn, 7, said{status, 6, ""})
	a := r.bind(1)
	wantSaid(t, conn, 7, said{dhcp4.LeaseActive, 0, a})
	r.apply(storage.Release{Addr: netip.MustParseAddr(a), Key: lease.ClientIDKey([]byte{1})})
	wantSaid(t, conn, 7, said{dhcp4.LeaseUnassigned, 0, a})

	write(t, conn, activeQuery(8))
	wantSaid(t, conn, 8, said{done, 4, ""}) // One is enough, and goes on.
	r.outcomes(server.LeaseQueryNotAllowed)
	write(t, conn, query(9, 61, 9, 'c', 'l', 'i', 'e', 'n', 't', ' ', '1', 255)) // No such client.
	wantSaid(t, conn, 9, said{done, 0, ""})
	r.outcomes(server.LeaseQueryAnswered)
	wantSaid(t, conn, 7, said{dhcp4.LeaseActive, 0, r.bind(2)})
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := hear(t, conn, 7); !errors.Is(err, io.EOF) {
		t.Errorf("after the requester closed: %v, %v, want the end", got, err)
	}
	r.outcomes(server.LeaseQueryAnswered)
	if r.feed.Followed() {
		t.Error("the changes are followed by nobody, and kept")
	}
}

// What the clock alone changes is told, too, once; and a connection on which nothing changes is shown to live.
func TestListener_ActiveTellsWhatTheClockChanges(t *testing.T) {
	r := newRig(t, 0, Options{}, "127.0.0.0/8")
	a := r.bind(1)
	conn, second := r.dial(), r.dial()
	for _, c := range []net.Conn{conn, second} {
		write(t, c, activeQuery(7))
		wantSaid(t, c, 7, said{status, 6, ""})
	}
	l := r.lease(a)
	r.later.Store(int64(l.Booked - lease.Genesis))
	for _, c := range []net.Conn{conn, second} {
		wantAfterQuiet(t, c, said{dhcp4.LeaseUnassigned, 0, a}) // Its booking has ended.
	}
	r.later.Add(60)
	wantSaid(t, conn, 7, said{status, 6, ""})
	r.later.Store(int64(l.FreeFrom() - lease.Genesis))
	wantAfterQuiet(t, conn, said{dhcp4.LeaseUnassigned, 0, a}) // Its grace, too.
}

// wantAfterQuiet is wantSaid after any number of ConnectionActive.
func wantAfterQuiet(t *testing.T, conn net.Conn, want said) {
	t.Helper()
	for {
		got, err := hear(t, conn, 7)
		if err != nil || got != want && got != (said{status, 6, ""}) {
			t.Fatalf("got %v, %v, want %v", got, err, want)
		}
		if got == want {
			return
		}
	}
}

// lease returns what is known of an address.
func (r *rig) lease(a string) (l lease.Lease) {
	r.Read(func(v storage.View) { l, _ = v.Lease(netip.MustParseAddr(a)) })
	return l
}

// What the journal knows decides whether a catch-up is whole.
func TestListener_LQ_012_CatchUp(t *testing.T) {
	const unix = 1_799_999_000
	gone := netip.MustParseAddr("10.64.200.99")
	for name, tt := range map[string]struct {
		past  history.Page
		whole bool
	}{
		"whole":                {history.Page{Begin: unix - 5, Events: []history.Entry{{Event: history.Event{Addr: gone}}}}, true},
		"no journal":           {history.Page{}, false},
		"begins too late":      {history.Page{Begin: unix - 4}, false},
		"with a gap":           {history.Page{Begin: 1, Gaps: []history.Gap{{}}}, false},
		"more than is kept of": {history.Page{Begin: 1, More: true}, false},
	} {
		r := newRig(t, 1, Options{}, "127.0.0.0/8")
		r.past = tt.past
		conn := r.dial()
		write(t, conn, activeQuery(7, since(unix)...))
		var want []said
		if !tt.whole {
			want = append(want, said{status, 5, ""})
		}
		want = append(want, said{dhcp4.LeaseActive, 0, "10.64.1.0"})
		if len(tt.past.Events) > 0 {
			want = append(want, said{dhcp4.LeaseUnassigned, 0, gone.String()})
		}
		want = append(want, said{status, 7, ""})
		for _, w := range want {
			if got, err := hear(t, conn, 7); got != w || err != nil {
				t.Errorf("%s: got %v, %v, want %v", name, got, err, w)
			}
		}
		q := next(t, r.asked, "a question to the journal")
		if !q.Gone || q.Since != unix-5 || q.Limit == 0 {
			t.Errorf("%s: the journal is asked %+v", name, q)
		}
		wantSaid(t, conn, 7, said{dhcp4.LeaseActive, 0, r.bind(1)})
	}
}

// Who missed changes hears so, and has to begin anew.
func TestListener_ActiveBehind(t *testing.T) {
	for name, do := range map[string]func(r *rig){
		"more than the ring holds": func(r *rig) {
			r.feed.Note(slices.Repeat([]netip.Addr{netip.MustParseAddr("10.64.1.0")}, ringMax+1))
		},
		"the state was replaced": func(r *rig) { r.feed.Break() },
	} {
		r := newRig(t, 1, Options{}, "127.0.0.0/8")
		conn := r.dial()
		write(t, conn, activeQuery(7))
		wantSaid(t, conn, 7, said{status, 6, ""})
		do(r)
		wantSaid(t, conn, 7, said{done, 2, ""})
		if got, err := hear(t, conn, 7); !errors.Is(err, io.EOF) {
			t.Errorf("%s: then %v, %v, want the end", name, got, err)
		}
		r.outcomes(server.LeaseQueryBehind)
	}
}

// A requester that takes nothing holds up neither the log nor others.
func TestListener_ActiveSlowReader(t *testing.T) {
	r := newRig(t, 1, Options{Stall: 300 * time.Millisecond}, "127.0.0.0/8")
	slow, quick := r.dial(), r.dial()
	_ = slow.SetReadBuffer(4096)
	for _, conn := range []net.Conn{slow, quick} {
		write(t, conn, activeQuery(7))
		wantSaid(t, conn, 7, said{status, 6, ""})
	}
	for ended := false; !ended; {
		a := r.bind(5) // Hangs if anybody waits for the slow one.
		wantSaid(t, quick, 7, said{dhcp4.LeaseActive, 0, a})
		select {
		case o := <-r.ended:
			ended = true
			if o != server.LeaseQueryAborted && o != server.LeaseQueryBehind {
				t.Errorf("the slow one ends as %v", o)
			}
		default:
		}
	}
}

func TestListener_ActiveEndsWithTheNodeAndThePermission(t *testing.T) {
	for name, do := range map[string]func(r *rig){
		"the node stops": func(r *rig) { r.stop() }, "nobody may ask": func(r *rig) { r.allow(r.t) },
	} {
		r := newRig(t, 1, Options{}, "127.0.0.0/8")
		conn := r.dial()
		write(t, conn, activeQuery(7))
		wantSaid(t, conn, 7, said{status, 6, ""})
		do(r)
		got, err := hear(t, conn, 7)
		if err != nil || got.kind != done || got.status != 2 && got.status != 4 {
			t.Errorf("%s: %v, %v, want DHCPLEASEQUERYDONE with a reason", name, got, err)
		}
		if got, err := hear(t, conn, 7); err == nil {
			t.Errorf("%s: then %v, want the end", name, got)
		}
	}
}
