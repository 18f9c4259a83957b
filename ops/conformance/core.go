package conformance

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
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
	"port67/storage/storagetest"
)

// ourConfig is the network as our configuration says it.
//
//go:embed network/port67.yaml
var ourConfig []byte

// core is the Server of one node, with a replicated state but without a cluster or a socket. It is all of
// its ports.
type core struct {
	*storagetest.Alone
	server *server.Server
	rarp   *server.RARP
	wall   time.Time
	sent   []*Reply
	broken error // what Send4 was given that cannot be read, or what was foretold otherwise
	octets []byte
	to     dhcp4.Dest // of the last reply, as octets
}

// NewCore returns one node of two in this process, which owns all clients. It plays one vector at a time.
func NewCore() (Subject, error) {
	c, problems := configfile.Decode("port67.yaml", ourConfig)
	if len(problems) > 0 {
		return nil, fmt.Errorf("port67.yaml: %v", problems)
	}
	s := &core{Alone: storagetest.New(), wall: time.Unix(1_000_000, 0)}
	s.server = server.New(server.Options{
		Self: "n1", Cluster: "conformance", Reader: s, Proposer: s, Timekeeper: s, Neighbours: s, Sender: s,
		Observer: s, Clock: s, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	s.rarp = server.NewRARP(server.RARPOptions{
		Self: "n1", Cluster: "conformance", Reader: s, Timekeeper: s, Neighbours: s, Sender: s, Observer: s,
		Clock: s, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	return s, errors.Join(
		s.Found("conformance", storagetest.Member("n1", serverAddr.String()),
			storagetest.Member("n2", "10.67.0.3")),
		s.Own(func(int) storage.NodeID { return "n1" }),
		s.Must(storage.SetConfig{Config: c, Author: "conformance"}),
		s.Must(storage.Tick{}), // The index for leasequery is whole then.
	)
}

// Hear implements Subject. Silence is exact: when Serve4 has returned, nothing comes any more.
func (s *core) Hear(d *Draft, _ *Memory, _ bool) (*Reply, error) {
	in := server.Datagram{
		Payload: d.payload(), Heard: s.wall,
		Ingress: dhcp4.Ingress{
			IfIndex: 3, Interface: "eth0", Src: d.Src, Dst: d.Dst.Addr(), Local: serverAddr, MTU: 1500,
			Prefixes: []netip.Prefix{netip.PrefixFrom(serverAddr, 16)},
		},
	}
	foretold := s.server.Explain4(context.Background(), in)
	s.sent, s.broken, s.octets, s.to = nil, nil, nil, dhcp4.Dest{}
	outcome := s.server.Serve4(context.Background(), in)
	if s.broken == nil {
		s.broken = s.compare(foretold, outcome)
	}
	return s.reply()
}

// HearRARP implements Subject.
func (s *core) HearRARP(d *RARPDraft, _ bool) (*Reply, error) {
	s.sent, s.broken = nil, nil
	s.rarp.Serve(context.Background(), server.RARPFrame{
		Octets: d.frame(), Own: [6]byte{2, 0x67, 0xfe, 0, 0, 0xfe}, Heard: s.wall,
		Ingress: dhcp4.Ingress{
			IfIndex: 3, Interface: "eth0", Local: serverAddr, MTU: 1500,
			Prefixes: []netip.Prefix{netip.PrefixFrom(serverAddr, 16)},
		},
	})
	return s.reply()
}

// reply returns what was sent since the last message was heard.
func (s *core) reply() (*Reply, error) {
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

// compare says in what an explanation of a message differs from what then came of it: in nothing, as every
// vector shows beside what it asks.
func (s *core) compare(x *server.Explanation, o server.Outcome) error {
	if x.Outcome == o && bytes.Equal(x.Payload, s.octets) && x.To == s.to {
		return nil
	}
	return fmt.Errorf("explained as %v with %x to %+v, and came as %v with %x to %+v", x.Outcome, x.Payload,
		x.To, o, s.octets, s.to)
}

// Pass implements Subject.
func (s *core) Pass(d time.Duration) {
	s.Alone.Pass(d)
	s.wall = s.wall.Add(d)
	s.Apply(storage.Tick{})
}

// Ours implements Subject.
func (s *core) Ours() bool { return true }

// Propose implements server.Proposer.
func (s *core) Propose(_ context.Context, c storage.Command) (storage.Result, error) {
	return s.Apply(c), nil
}

// Extend implements server.Proposer.
func (s *core) Extend(storage.Extend) {}

// Upper implements server.Timekeeper.
func (s *core) Upper() (lease.Instant, bool) { return s.At, true }

// InTouch implements server.Timekeeper.
func (s *core) InTouch() bool { return true }

// Handled implements server.Neighbours.
func (s *core) Handled(server.Exchange) {}

// Send4 implements server.Sender4.
func (s *core) Send4(_ context.Context, payload []byte, to dhcp4.Dest) error {
	s.octets, s.to = append([]byte(nil), payload...), to
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

// SendRARP implements server.SenderRARP.
func (s *core) SendRARP(_ context.Context, _ int, frame []byte) error {
	r, ok := readRARP(frame)
	if !ok {
		s.broken = fmt.Errorf("no reply by RARP: % x", frame)
	}
	s.sent = append(s.sent, r)
	return nil
}

// EndedRARP implements server.ObserverRARP.
func (s *core) EndedRARP(server.Outcome, time.Duration) {}

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
