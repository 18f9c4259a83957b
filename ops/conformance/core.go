package conformance

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"time"

	"port67/server"
	"port67/server/dhcp4"
	"port67/storage"
	"port67/storage/configfile"
	"port67/storage/lease"
)

// ourConfig is the network as our configuration says it.
//
//go:embed network/port67.yaml
var ourConfig []byte

// core is the Server of one node, with a replicated state but without a cluster or a socket. It is all of
// its ports.
type core struct {
	server *server.Server
	state  *storage.State
	index  uint64
	now    lease.Instant
	wall   time.Time
	sent   []*Reply
	broken error // what Send4 was given that cannot be read
}

// NewCore returns a cluster of one node that owns all clients, in this process. It plays one vector at a
// time.
func NewCore() (Subject, error) {
	c, problems := configfile.Decode("port67.yaml", ourConfig)
	if len(problems) > 0 {
		return nil, fmt.Errorf("port67.yaml: %v", problems)
	}
	s := &core{state: storage.New(), now: lease.Genesis, wall: time.Unix(1_000_000, 0)}
	s.server = server.New(server.Options{
		Self: "n1", Cluster: "conformance", Reader: s, Proposer: s, Timekeeper: s, Neighbours: s, Sender: s,
		Observer: s, Clock: s, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	n1 := storage.Node{ID: "n1", Name: "n1", Addresses: []netip.Addr{serverAddr}, Level: 1}
	var all storage.SetBuckets
	all.Epoch = 1
	for i := range all.Owners {
		all.Owners[i] = "n1"
	}
	for _, c := range []storage.Command{
		storage.Found{ClusterID: "conformance", Node: n1}, all, storage.SetConfig{Config: c, Author: "conformance"},
		storage.Tick{}, // The index for leasequery is whole then.
	} {
		if r := s.apply(c); r.Refusal != storage.Granted {
			return nil, fmt.Errorf("%T is refused: %d %s", c, r.Refusal, r.Detail)
		}
	}
	return s, nil
}

func (s *core) apply(c storage.Command) storage.Result {
	s.index++
	return s.state.Apply(s.index, storage.Entry{At: s.now, Commands: []storage.Command{c}})[0]
}

// Hear implements Subject. Silence is exact: when Serve4 has returned, nothing comes any more.
func (s *core) Hear(d *Draft, _ *Memory, _ bool) (*Reply, error) {
	s.sent, s.broken = nil, nil
	s.server.Serve4(context.Background(), server.Datagram{
		Payload: d.payload(), Heard: s.wall,
		Ingress: dhcp4.Ingress{
			IfIndex: 3, Interface: "eth0", Src: d.Src, Dst: d.Dst.Addr(), Local: serverAddr, MTU: 1500,
			Prefixes: []netip.Prefix{netip.PrefixFrom(serverAddr, 16)},
		},
	})
	switch {
	case s.broken != nil:
		return nil, s.broken
	case len(s.sent) == 0:
		return nil, nil
	case len(s.sent) > 1:
		return nil, fmt.Errorf("%d replies to one message", len(s.sent))
	}
	return s.sent[0], nil
}

// Pass implements Subject.
func (s *core) Pass(d time.Duration) {
	s.now = s.now.Add(lease.Seconds(d / time.Second))
	s.wall = s.wall.Add(d)
	s.apply(storage.Tick{})
}

// Ours implements Subject.
func (s *core) Ours() bool { return true }

// Read implements server.Reader.
func (s *core) Read(f func(storage.View)) { f(storage.ViewOf(s.state)) }

// Propose implements server.Proposer.
func (s *core) Propose(_ context.Context, c storage.Command) (storage.Result, error) {
	return s.apply(c), nil
}

// Extend implements server.Proposer.
func (s *core) Extend(storage.Extend) {}

// Upper implements server.Timekeeper.
func (s *core) Upper() (lease.Instant, bool) { return s.now, true }

// InTouch implements server.Timekeeper.
func (s *core) InTouch() bool { return true }

// Handled implements server.Neighbours.
func (s *core) Handled(server.Exchange) {}

// Send4 implements server.Sender4.
func (s *core) Send4(_ context.Context, payload []byte, to dhcp4.Dest) error {
	f := Frame{
		Src: netip.AddrPortFrom(to.Source, serverPort), Dst: netip.AddrPortFrom(to.Addr, to.Port), TTL: 64,
	}
	switch to.Kind {
	case dhcp4.DestRaw:
		f.EthDst = to.HW[:]
	case dhcp4.DestBroadcast:
		f.EthDst = []byte{255, 255, 255, 255, 255, 255}
	case dhcp4.DestRouted:
	}
	r, err := decodeReply(append([]byte(nil), payload...), f)
	if err != nil {
		s.broken = err
	}
	s.sent = append(s.sent, r)
	return nil
}

// Ended, Ignored, Irregular, Omitted, ClassErrors and Limited implement server.Observer.
func (s *core) Ended(dhcp4.MessageType, server.Outcome, time.Duration) {}

func (s *core) Ignored(int) {}

func (s *core) Irregular(dhcp4.Irregularity) {}

func (s *core) Omitted(int) {}

func (s *core) ClassErrors(int)      {}
func (s *core) Limited(server.Limit) {}

// Now implements server.Clock.
func (s *core) Now() time.Time { return s.wall }

// WithTimeout implements server.Clock: nothing here takes time.
func (s *core) WithTimeout(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
	return context.WithCancel(ctx)
}

// Wait implements server.Clock: there are no other nodes to wait for.
func (s *core) Wait(context.Context, time.Duration, <-chan struct{}) {}
