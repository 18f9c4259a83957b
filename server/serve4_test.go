package server

import (
	"bytes"
	"context"
	"encoding/binary"
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
)

// site is all ports of a Server at once, for many clients at a time: one state, replies by transaction.
type site struct {
	mu      sync.RWMutex
	state   *storage.State
	index   uint64
	replies map[uint32][]byte

	ignored, omitted, classErrors, cloned atomic.Int64
}

func newSite(tb testing.TB) (*site, *Server) {
	tb.Helper()
	s := &site{state: storage.New(), replies: map[uint32][]byte{}}
	prefix := netip.MustParsePrefix("10.67.0.0/16")
	c := &config.Config{
		Booking: config.Booking{FactorPercent: 200, Grace: 120, GracePermille: 10, Pause: 60},
		Decline: config.Decline{Quarantine: 86400},
		Subnets: []config.Subnet{{Prefix: prefix, Pools: []config.Pool{{Range: config.AddrRange{
			First: netip.MustParseAddr("10.67.1.0"), Last: netip.MustParseAddr("10.67.2.255"),
		}}}}},
	}
	b := storage.SetBuckets{Epoch: 1}
	for i := range b.Owners {
		b.Owners[i] = "n1"
	}
	for _, cmd := range []storage.Command{
		storage.Found{ClusterID: "test", Node: member("n1", "10.67.0.2")}, b,
		storage.SetConfig{Config: c, Author: "test"},
	} {
		if r, _ := s.Propose(tb.Context(), cmd); r.Refusal != storage.Granted {
			tb.Fatalf("scene: %T refused: %d %s", cmd, r.Refusal, r.Detail)
		}
	}
	return s, New(Options{
		Self: "n1", Cluster: "test", Reader: s, Proposer: s, Timekeeper: s, Neighbours: s, Sender: s, Observer: s, Clock: s,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
}

func (s *site) Read(f func(storage.View)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	f(storage.ViewOf(s.state))
}

func (s *site) Propose(_ context.Context, c storage.Command) (storage.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index++
	return s.state.Apply(s.index, storage.Entry{At: lease.Genesis, Commands: []storage.Command{c}})[0], nil
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
