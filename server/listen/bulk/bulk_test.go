package bulk

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"port67/cluster/feed"
	"port67/server"
	"port67/server/dhcp4"
	"port67/server/wire4"
	"port67/storage"
	"port67/storage/config"
	"port67/storage/history"
	"port67/storage/lease"
)

// patience is how long a test waits for what must happen, ringMax how many changes a follower may be behind.
const (
	patience = 30 * time.Second
	ringMax  = 64
)

// site is a state with leases, and all ports of a Server on it.
type site struct {
	mu    sync.RWMutex
	state *storage.State
	index uint64
	ended chan server.Outcome
	feed  *feed.Feed
	past  history.Page // what the journal says
	asked chan history.Query
	later atomic.Int64 // seconds that have passed since the leases were made
}

// changes is what the site tells of its changes.
type changes struct {
	*feed.Feed
	*site
}

func (s *site) History(_ context.Context, q history.Query) (history.Page, error) {
	s.asked <- q
	return s.past, nil
}

func (s *site) apply(c storage.Command) storage.Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index++
	e := storage.Entry{At: lease.Genesis, Commands: []storage.Command{c}}
	results := s.state.Apply(s.index, e)
	s.feed.Note(history.Touched(nil, e, results))
	return results[0]
}

func (s *site) Read(f func(storage.View)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	f(storage.ViewOf(s.state))
}

func (s *site) Propose(_ context.Context, c storage.Command) (storage.Result, error) {
	return s.apply(c), nil
}
func (s *site) Extend(storage.Extend) {}
func (s *site) Upper() (lease.Instant, bool) {
	return lease.Genesis + lease.Instant(s.later.Load()), true
}
func (s *site) InTouch() bool                                        { return true }
func (s *site) Handled(server.Exchange)                              {}
func (s *site) Ignored(int)                                          {}
func (s *site) Irregular(dhcp4.Irregularity)                         {}
func (s *site) Limited(server.Limit)                                 {}
func (s *site) ClassErrors(int)                                      {}
func (s *site) Omitted(int)                                          {}
func (s *site) Send4(context.Context, []byte, dhcp4.Dest) error      { return nil }
func (s *site) Now() time.Time                                       { return time.Unix(1_800_000_000+s.later.Load(), 0) }
func (s *site) Wait(context.Context, time.Duration, <-chan struct{}) {}
func (s *site) WithTimeout(c context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
	return context.WithCancel(c)
}

func (s *site) Ended(kind dhcp4.MessageType, o server.Outcome, _ time.Duration) {
	if kind == dhcp4.BulkLeaseQuery || kind == dhcp4.ActiveLeaseQuery {
		s.ended <- o
	}
}

// allow lets requesters ask.
func (s *site) allow(t *testing.T, requesters ...string) {
	t.Helper()
	c := &config.Config{Subnets: []config.Subnet{{
		Prefix: netip.MustParsePrefix("10.64.0.0/10"),
		Pools: []config.Pool{{Range: config.AddrRange{First: netip.MustParseAddr("10.64.1.0"),
			Last: netip.MustParseAddr("10.65.0.0")}}},
	}}}
	for _, r := range requesters {
		c.LeaseQuery.Requesters = append(c.LeaseQuery.Requesters, netip.MustParsePrefix(r))
	}
	var revision uint64
	s.Read(func(v storage.View) { revision = v.Revision() })
	if r := s.apply(storage.SetConfig{Expected: revision, Config: c}); r.Refusal != storage.Granted {
		t.Fatalf("configuration refused: %s", r.Detail)
	}
	s.apply(storage.Tick{}) // Makes the index whole.
}

// rig is a site with n leases, and a port that asks for it.
type rig struct {
	*site
	t    *testing.T
	at   netip.AddrPort
	stop context.CancelFunc
	done chan error
}

func newRig(t *testing.T, n int, o Options, requesters ...string) *rig {
	t.Helper()
	s := &site{
		state: storage.New(), ended: make(chan server.Outcome, 1000), feed: feed.New(ringMax), past: history.Page{Begin: 1},
		asked: make(chan history.Query, 100),
	}
	s.apply(storage.Found{ClusterID: "test", Node: storage.Node{ID: "n1", Name: "n1", Level: 1}})
	s.allow(t, requesters...)
	for i := range n {
		c := storage.Client{Key: lease.ClientIDKey(fmt.Appendf(nil, "client %d", i)), HType: 1,
			CHAddr: string([]byte{2, 0x67, 0, 0, byte(i >> 8), byte(i)})}
		a := netip.AddrFrom4([4]byte{10, 64, byte(1 + i>>8), byte(i)})
		if r := s.apply(storage.Bind{Client: c, Addr: a, Mode: storage.Selecting}); r.Refusal != storage.Granted {
			t.Fatalf("scene: %s", r.Detail)
		}
	}
	opened := make(chan netip.AddrPort, 10)
	o.Server = server.New(server.Options{Self: "n1", Cluster: "test", Reader: s, Proposer: s, Timekeeper: s,
		Neighbours: s, Sender: s, Observer: s, Clock: s, Logger: slog.New(slog.DiscardHandler), Changes: changes{s.feed, s}})
	o.Observer, o.Address, o.Look = s, "127.0.0.1:0", 10*time.Millisecond
	o.Opened = func(at netip.AddrPort) { opened <- at }
	ctx, stop := context.WithCancel(t.Context())
	r := &rig{site: s, t: t, stop: stop, done: make(chan error, 1)}
	l := New(o)
	go func() { r.done <- l.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if r.done != nil {
			<-r.done
		}
	})
	if len(requesters) > 0 {
		r.at = next(t, opened, "an open port")
	}
	return r
}

func next[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("%s: does not come", what)
		panic("unreachable")
	}
}

// outcomes demands that the next queries end so, in any order.
func (r *rig) outcomes(want ...server.Outcome) {
	r.t.Helper()
	count := map[server.Outcome]int{}
	for _, o := range want {
		count[o]++
	}
	for range want {
		count[next(r.t, r.ended, "an outcome")]--
	}
	for o, n := range count {
		if n != 0 {
			r.t.Errorf("outcome %v: %+d too many or too few", o, -n)
		}
	}
}

func (r *rig) dial() *net.TCPConn {
	r.t.Helper()
	conn, err := net.Dial("tcp4", r.at.String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn.(*net.TCPConn)
}

// query is a DHCPBULKLEASEQUERY as it goes over a connection.
func query(xid uint32, options ...byte) []byte {
	b := make([]byte, 240)
	b[0] = 1
	binary.BigEndian.PutUint32(b[4:], xid)
	copy(b[236:], []byte{99, 130, 83, 99})
	b = append(append(b, 53, 1, byte(dhcp4.BulkLeaseQuery)), options...)
	return wire4.AppendFrame(nil, append(b, 255))
}

func write(t *testing.T, conn net.Conn, b ...[]byte) {
	t.Helper()
	for _, frame := range b {
		if _, err := conn.Write(frame); err != nil {
			t.Fatal(err)
		}
	}
}

// told is what came of one query.
type told struct {
	leases int
	status byte // of DHCPLEASEQUERYDONE
}

// read reads until n queries are done, or the connection ends.
func read(t *testing.T, conn net.Conn, n int) (map[uint32]told, error) {
	t.Helper()
	all := map[uint32]told{}
	for n > 0 {
		var length [2]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return all, err
		}
		b := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(conn, b); err != nil {
			return all, err
		}
		xid := binary.BigEndian.Uint32(b[4:])
		one := all[xid]
		switch dhcp4.MessageType(b[242]) {
		case dhcp4.LeaseActive:
			one.leases++
		case dhcp4.LeaseQueryDone:
			n--
			for o := b[243:]; o[0] != 255; o = o[2+int(o[1]):] {
				if o[0] == 151 {
					one.status = o[2]
				}
			}
		default:
			t.Fatalf("a message of type %d", b[242])
		}
		all[xid] = one
	}
	return all, nil
}

func TestListener_LQ_008_SeveralQueriesOnAConnection(t *testing.T) {
	r := newRig(t, 700, Options{QueriesMax: 2}, "127.0.0.0/8")
	conn := r.dial()
	one := query(2, append([]byte{61, 9}, "client 42"...)...)
	bad := query(3, append(append([]byte{61, 9}, "client 42"...), 82, 3, 2, 1, 'x')...)
	frames := append(append(append(query(1), one...), bad...), query(4)...)
	write(t, conn, frames[:100], frames[100:300], frames[300:])
	got, err := read(t, conn, 4)
	want := map[uint32]told{1: {700, 0}, 2: {1, 0}, 3: {0, 3}, 4: {700, 0}}
	for xid, w := range want {
		if got[xid] != w {
			t.Errorf("query %d: %+v, want %+v (%v)", xid, got[xid], w, err)
		}
	}
	r.outcomes(server.LeaseQueryAnswered, server.LeaseQueryAnswered, server.LeaseQueryUnclear,
		server.LeaseQueryAnswered)
	write(t, conn, one) // The connection stays open for more.
	if got, err := read(t, conn, 1); got[2].leases != 1 {
		t.Errorf("a later query: %+v, %v", got, err)
	}
	write(t, conn, one)
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := read(t, conn, 1); got[2].leases != 1 {
		t.Errorf("a query before the end of what is asked: %+v, %v", got, err)
	}
	if _, err := read(t, conn, 1); !errors.Is(err, io.EOF) {
		t.Errorf("after the last query: %v, want the end", err)
	}
}

// A requester that takes nothing holds up neither the log nor others, and loses its connection.
func TestListener_LQ_008_SlowReader(t *testing.T) {
	r := newRig(t, 3000, Options{Stall: 500 * time.Millisecond}, "127.0.0.0/8")
	slow := r.dial()
	_ = slow.SetReadBuffer(4096)
	for i := range 8 { // More than the kernel keeps for a connection.
		write(t, slow, query(uint32(i)))
	}
	for range 20 {
		r.apply(storage.Tick{}) // Hangs if a lock is held while something is sent.
	}
	quick := r.dial()
	write(t, quick, query(99))
	if got, err := read(t, quick, 1); got[99].leases != 3000 {
		t.Errorf("beside a slow one: %+v, %v", got, err)
	}
	for aborted := false; !aborted; {
		aborted = next(t, r.ended, "the end of a query that nobody reads") == server.LeaseQueryAborted
	}
}

func TestListener_LQ_002_NotAllowedIsClosed(t *testing.T) {
	r := newRig(t, 3, Options{}, "127.0.0.2/32")
	conn := r.dial() // from 127.0.0.1
	_, _ = conn.Write(query(1))
	if got, err := read(t, conn, 1); err == nil || len(got) > 0 {
		t.Errorf("%+v, %v; want nothing but the end", got, err)
	}
	r.outcomes(server.LeaseQueryNotAllowed)
}

func TestListener_OnlyOnAddressesThatAreServed(t *testing.T) {
	r := newRig(t, 3, Options{Addresses: func() []netip.Addr { return []netip.Addr{netip.MustParseAddr("10.67.0.2")} }},
		"127.0.0.0/8")
	if _, err := read(t, r.dial(), 1); err == nil {
		t.Error("a connection to an address that is not served is answered")
	}
	r.outcomes(server.LeaseQueryNotAllowed)
}

func TestListener_LQ_008_Limits(t *testing.T) {
	for name, o := range map[string]Options{"each": {ConnectionsEach: 2}, "all": {ConnectionsMax: 2}} {
		r := newRig(t, 3, o, "127.0.0.0/8")
		first, second := r.dial(), r.dial()
		write(t, first, query(1))
		write(t, second, query(2))
		for _, conn := range []net.Conn{first, second} {
			if _, err := read(t, conn, 1); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if _, err := read(t, r.dial(), 1); err == nil {
			t.Errorf("%s: a third connection is served", name)
		}
		r.outcomes(server.LeaseQueryAnswered, server.LeaseQueryAnswered, server.Overloaded)
	}
}

func TestListener_LQ_008_IdleIsClosed(t *testing.T) {
	r := newRig(t, 3, Options{Idle: 50 * time.Millisecond}, "127.0.0.0/8")
	conn := r.dial()
	write(t, conn, query(1)[:50]) // Half a query is none.
	if _, err := read(t, conn, 1); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the end of an idle connection", err)
	}
}

func TestListener_MalformedIsClosed(t *testing.T) {
	r := newRig(t, 3, Options{}, "127.0.0.0/8")
	for name, b := range map[string][]byte{
		"length": {0, 1, 2, 3}, "long": {0xff, 0xff}, "no message": wire4.AppendFrame(nil, make([]byte, 300)),
	} {
		conn := r.dial()
		write(t, conn, b)
		if _, err := read(t, conn, 1); err == nil {
			t.Errorf("%s: answered", name)
		}
		r.outcomes(server.Malformed)
	}
}

// A node that stops tells what is under way that it cannot go on, and waits for nobody for long.
func TestListener_LQ_008_DrainsWithTheNode(t *testing.T) {
	r := newRig(t, 3000, Options{}, "127.0.0.0/8")
	conn := r.dial()
	_ = conn.SetReadBuffer(4096)
	for i := range 8 {
		write(t, conn, query(uint32(i)))
	}
	if _, err := read(t, conn, 0); err != nil {
		t.Fatal(err)
	}
	idle := r.dial()
	r.stop()
	if err := next(t, r.done, "the end of Run"); err != nil {
		t.Errorf("Run: %v", err)
	}
	r.done = nil
	if _, err := read(t, idle, 1); err == nil {
		t.Error("an idle connection outlives the node")
	}
	_ = conn.SetReadBuffer(1 << 20) // What is on its way comes slowly otherwise.
	if _, err := read(t, conn, 9); err == nil {
		t.Error("a connection outlives the node")
	}
}

// The port is open only while somebody may ask.
func TestListener_LQ_002_OpensAndClosesWithTheConfiguration(t *testing.T) {
	r := newRig(t, 3, Options{}, "127.0.0.0/8")
	conn := r.dial()
	write(t, conn, query(1))
	if _, err := read(t, conn, 1); err != nil {
		t.Fatal(err)
	}
	r.allow(t)
	if _, err := read(t, conn, 1); err == nil {
		t.Error("a connection outlives the permission")
	}
	deadline := time.Now().Add(patience)
	for {
		again, err := net.Dial("tcp4", r.at.String())
		if err != nil {
			break
		}
		_ = again.Close()
		if time.Now().After(deadline) {
			t.Fatal("the port stays open though nobody may ask")
		}
	}
}
