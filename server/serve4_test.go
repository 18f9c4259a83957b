package server

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"port67/server/dhcp4"
	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
	"port67/storage/storagetest"
)

// site is all ports of a Server at once, for many clients at a time: one state, replies by transaction.
type site struct {
	mu      sync.RWMutex
	alone   *storagetest.Alone
	replies map[uint32][]byte

	ignored, omitted, classErrors, cloned atomic.Int64
}

func newSite(tb testing.TB) (*site, *Server) {
	tb.Helper()
	s := &site{alone: storagetest.New(), replies: map[uint32][]byte{}}
	prefix := netip.MustParsePrefix("10.67.0.0/16")
	c := &config.Config{
		Booking: config.Booking{FactorPercent: 200, Grace: 120, GracePermille: 10, Pause: 60},
		Decline: config.Decline{Quarantine: 86400},
		Subnets: []config.Subnet{{Prefix: prefix, Pools: []config.Pool{{Range: config.AddrRange{
			First: netip.MustParseAddr("10.67.1.0"), Last: netip.MustParseAddr("10.67.2.255"),
		}}}}},
	}
	if err := errors.Join(
		s.alone.Found("test", storagetest.Member("n1", "10.67.0.2")),
		s.alone.Own(func(int) storage.NodeID { return "n1" }),
		s.alone.Must(storage.SetConfig{Config: c, Author: "test"}),
	); err != nil {
		tb.Fatal(err)
	}
	return s, New(Options{
		Self: "n1", Cluster: "test", Reader: s, Proposer: s, Timekeeper: s, Neighbours: s, Sender: s, Observer: s, Clock: s,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
}

func (s *site) Read(f func(storage.View)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.alone.Read(f)
}

func (s *site) Propose(_ context.Context, c storage.Command) (storage.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.alone.Apply(c), nil
}

func (s *site) Extend(storage.Extend)                           {}
func (s *site) Upper() (lease.Instant, bool)                    { return lease.Genesis, true }
func (s *site) InTouch() bool                                   { return true }
func (s *site) Handled(Exchange)                                {}
func (s *site) Ended(dhcp4.MessageType, Outcome, time.Duration) {}
func (s *site) Ignored(options int)                             { s.ignored.Add(int64(options)) }

// Irregular counts clones.
func (s *site) Irregular(i dhcp4.Irregularity) {
	if i == dhcp4.ClonedClient {
		s.cloned.Add(1)
	}
}

func (s *site) Limited(Limit)                                        {}
func (s *site) ClassErrors(tests int)                                { s.classErrors.Add(int64(tests)) }
func (s *site) Omitted(options int)                                  { s.omitted.Add(int64(options)) }
func (s *site) Now() time.Time                                       { return time.Unix(1_000_000, 0) }
func (s *site) Wait(context.Context, time.Duration, <-chan struct{}) {}

func (s *site) WithTimeout(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
	return context.WithCancel(ctx)
}

func (s *site) Send4(_ context.Context, payload []byte, _ dhcp4.Dest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replies[binary.BigEndian.Uint32(payload[4:])] = payload
	return nil
}

// reply returns message type and yiaddr of what was sent in answer to xid.
func (s *site) reply(xid uint32) (dhcp4.MessageType, netip.Addr) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, ok := s.replies[xid]
	if !ok {
		return 0, netip.Addr{}
	}
	return dhcp4.MessageType(b[242]), netip.AddrFrom4([4]byte(b[16:20]))
}

func TestServe4_P1_ManyClientsAtOnce(t *testing.T) {
	s, server := newSite(t)
	const clients = 400
	var wg sync.WaitGroup
	acked := make([]netip.Addr, clients)
	for i := range clients {
		wg.Go(func() {
			hear := func(xid uint32, line string) (dhcp4.MessageType, netip.Addr) {
				payload, in := parseScript(t, strings.Fields(fmt.Sprintf("%s xid=%d cid=%08x", line, xid,
					i+1)))
				server.Serve4(t.Context(), Datagram{Payload: payload, Ingress: in, Heard: s.Now()})
				return s.reply(xid)
			}
			kind, a := hear(uint32(2*i+1), "DISCOVER")
			if kind != dhcp4.OfferMsg {
				t.Errorf("client %d: no OFFER", i)
				return
			}
			kind, acked[i] = hear(uint32(2*i+2), "REQUEST sid=10.67.0.2 ip="+a.String())
			if kind != dhcp4.ACK || acked[i] != a {
				t.Errorf("HA-013 client %d: offered %v, then type %d for %v", i, a, kind, acked[i])
			}
		})
	}
	wg.Wait()
	holder := map[netip.Addr]int{}
	for i, a := range acked {
		if other, ok := holder[a]; ok {
			t.Errorf("%v was given to clients %d and %d", a, other, i)
		}
		holder[a] = i
	}
}

func TestServe4_V4_016_MalformedOptionsAreCounted(t *testing.T) {
	s, server := newSite(t)
	payload, in := parseScript(t, strings.Fields("DISCOVER xid=9"))
	end := bytes.LastIndexByte(payload, 255)
	payload = append(payload[:end:end], 57, 1, 9, 12, 40, 'a') // V4-015: the last is cut off.
	server.Serve4(t.Context(), Datagram{Payload: payload, Ingress: in, Heard: s.Now()})
	if kind, _ := s.reply(9); kind != dhcp4.OfferMsg {
		t.Error("no OFFER: what is well-formed should be served")
	}
	if got := s.ignored.Load(); got != 2 {
		t.Errorf("ignored options = %d, want 2", got)
	}
}

func TestServe4_V4_107_SameMessageAtOnceIsAnsweredOnce(t *testing.T) {
	s, server := newSite(t)
	payload, in := parseScript(t, strings.Fields("REQUEST xid=7 sid=10.67.0.2 ip=10.67.1.9"))
	q := dhcp4.Query{XID: 7, Type: dhcp4.Request, GIAddr: netip.IPv4Unspecified()}
	x := exchangeOf("test", &q, lease.HardwareKey(1, []byte{2, 0x67, 0, 0, 0, 1}))
	server.inflight.enter(x)
	if o := server.Serve4(t.Context(), Datagram{Payload: payload, Ingress: in,
		Heard: s.Now()}); o != Duplicate {
		t.Errorf("outcome %v, want duplicate", o)
	}
	server.inflight.leave(x)
	if o := server.Serve4(t.Context(), Datagram{Payload: payload, Ingress: in,
		Heard: s.Now()}); o != Acknowledged {
		t.Errorf("outcome %v, want acknowledged", o)
	}
}

// FuzzServe4 throws any octets at a server: none may make it panic, wait without end or lack an outcome.
func FuzzServe4(f *testing.F) {
	var t testing.T
	for _, line := range []string{
		"DISCOVER xid=1 ask=1,3,6", "REQUEST xid=2 sid=10.67.0.2 ip=10.67.1.9",
		"REQUEST xid=3 ciaddr=10.67.1.9",
		"DISCOVER xid=4 giaddr=10.67.0.1 rai=05040a430000", "INFORM xid=5 ciaddr=10.67.1.9", "BOOTP xid=6",
		"DECLINE xid=7 ip=10.67.1.9", "RELEASE xid=8 ciaddr=10.67.1.9",
	} {
		payload, _ := parseScript(&t, strings.Fields(line))
		f.Add(payload, true)
		f.Add(payload[:241], false)
	}
	f.Fuzz(func(t *testing.T, payload []byte, unicast bool) {
		s, server := newSite(t)
		_, in := parseScript(t, []string{"DISCOVER"})
		if unicast {
			in.Dst = in.Local
		}
		o := server.Serve4(t.Context(), Datagram{Payload: payload, Ingress: in, Heard: s.Now()})
		if o == 0 || int(o) >= len(outcomes) {
			t.Errorf("outcome %d", o)
		}
		for _, b := range s.replies {
			if b[0] != 2 || len(b) < 300 {
				t.Errorf("reply of %d octets with op %d", len(b), b[0])
			}
		}
	})
}

// Where strangers have used up what they may, a DISCOVER that asks for rapid commit is offered an address like any other:
// that costs the log nothing (V4-111, W-053).
func TestServe4_V4_111_W_053_RapidCommitBeyondTheLimit(t *testing.T) {
	s, server := newSite(t)
	var c config.Config
	var revision uint64
	s.Read(func(v storage.View) { c, revision = *v.Config().Config, v.Revision() })
	on := true
	c.RapidCommit, c.Limits.Strangers = &on, &config.Rate{PerSecond: 1, Burst: 3}
	if r, _ := s.Propose(t.Context(), storage.SetConfig{Expected: revision, Config: &c}); r.Refusal != storage.Granted {
		t.Fatalf("scene: %d %s", r.Refusal, r.Detail)
	}
	hear := func(xid int, line string) (Outcome, dhcp4.MessageType, netip.Addr) {
		payload, in := parseScript(t, strings.Fields(fmt.Sprintf("%s xid=%d", line, xid)))
		o := server.Serve4(t.Context(), Datagram{Payload: payload, Ingress: in, Heard: s.Now()})
		kind, a := s.reply(uint32(xid))
		return o, kind, a
	}
	before, seen := s.alone.Index, map[netip.Addr]bool{}
	for i := 1; i <= 10; i++ {
		want, kindWanted := Acknowledged, dhcp4.ACK
		if i > 3 {
			want, kindWanted = Offered, dhcp4.OfferMsg
		}
		o, kind, a := hear(i, fmt.Sprintf("DISCOVER rapid= cid=%04x", i))
		if o != want || kind != kindWanted || seen[a] {
			t.Errorf("DISCOVER %d: %v with %d of %v, want %v of an address of its own", i, o, kind, a, want)
		}
		seen[a] = true
	}
	if n := s.alone.Index - before; n != 3 {
		t.Errorf("%d entries of the log, want 3", n)
	}
	if o, _, _ := hear(11, "DISCOVER rapid= cid=0001"); o != Acknowledged {
		t.Errorf("a client that has its address: %v, want it bound at once whatever strangers do", o)
	}
}

// TestServe4_V4_108_FloodIsNoFloodOfProbes: however many clients ask, so many addresses are probed and no more;
// the others are offered unprobed.
func TestServe4_V4_108_FloodIsNoFloodOfProbes(t *testing.T) {
	s := newScene(t, "flood", []byte("probe: {icmp: on}\nsubnets:\n  - prefix: 10.67.0.0/16\n"+
		"    pools: [10.67.1.0-10.67.9.255]\n"))
	probed, offered := 0, 0
	for i := range 1000 {
		s.hear([]string{"DISCOVER", fmt.Sprintf("mac=0267000%05x", i), "xid=1"})
		for _, line := range s.trace {
			if strings.HasPrefix(line, "probe ") {
				probed++
			}
			if strings.Contains(line, "OFFER") {
				offered++
			}
		}
	}
	if probed != inPathBurst || offered != 1000 {
		t.Errorf("%d probes and %d offers for 1000 clients at one moment, want %d and 1000", probed, offered, inPathBurst)
	}
	if got := s.server.ProbeStats(); got.Skipped != uint64(1000-inPathBurst) || got.Silent != inPathBurst {
		t.Errorf("counted as %+v", got)
	}
	s.trace = nil
	s.server.ProbeAhead(context.Background())
	if len(s.trace) != spareMax {
		t.Errorf("%d probes ahead, want %d", len(s.trace), spareMax)
	}
}

// TestServe4_V4_108_WhoAnswersForAllIsNotBelieved: a device that answers for every address takes some of them
// out of service, not the pool.
func TestServe4_V4_108_WhoAnswersForAllIsNotBelieved(t *testing.T) {
	s := newScene(t, "proxy", []byte("probe: {arp: on}\nsubnets:\n  - prefix: 10.67.0.0/24\n"+
		"    pools: [10.67.0.100-10.67.0.199]\n"))
	for a := netip.MustParseAddr("10.67.0.100"); a.As4()[3] < 200; a = a.Next() {
		s.squatters[a] = "026700000099"
	}
	for range 4 {
		s.server.ProbeAhead(context.Background())
	}
	if got := s.server.ProbeStats(); got.InUse != believedMax || got.Conflicts != 10 || got.Disbelieved == 0 {
		t.Errorf("counted as %+v, want %d in use, 10 conflicts", got, believedMax)
	}
	if came := s.hear([]string{"DISCOVER", "client=1"}); !strings.Contains(came, "OFFER") {
		t.Errorf("no offer although nobody believes that device:\n%s", came)
	}
}

// TestServe4_ProbingOff_ProbesNothing: without the setting nobody is asked.
func TestServe4_ProbingOff_ProbesNothing(t *testing.T) {
	s := newScene(t, "off", []byte("subnets:\n  - prefix: 10.67.0.0/24\n    pools: [10.67.0.100-10.67.0.199]\n"))
	s.server.ProbeAhead(context.Background())
	if came := s.hear([]string{"DISCOVER", "client=1"}); strings.Contains(came, "probe ") || len(s.server.probes.known) > 0 {
		t.Errorf("probed:\n%s", came)
	}
}
