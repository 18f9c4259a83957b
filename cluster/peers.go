package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"

	"port67/cluster/trust"
	peerv1 "port67/proto/peer/v1"
	"port67/storage"
)

type tellStream = grpc.ClientStreamingClient[peerv1.TellRequest, peerv1.TellReply]

// tellsMax is how many exchanges can wait to be told to one node; those that find no place are not told, and
// that node answers too, which is harmless.
const tellsMax = 4096

// peers is the connections to the other nodes. They are made when they are needed and again when they break.
type peers struct {
	self storage.NodeID
	dial dialer
	addr func(storage.NodeID) (string, bool)

	mu    sync.Mutex
	links map[storage.NodeID]*link
}

// link is one other node.
type link struct {
	conn  *grpc.ClientConn
	tells chan Handled
	stop  context.CancelFunc // of the goroutine that tells; nil before it was started
}

func newPeers(self storage.NodeID, dial dialer, addr func(storage.NodeID) (string, bool)) *peers {
	return &peers{self: self, dial: dial, addr: addr, links: map[storage.NodeID]*link{}}
}

// link returns the connection to a node, which may not be up.
func (p *peers) link(id storage.NodeID) (*link, error) {
	if id == p.self {
		return nil, errors.New("a node calls itself")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if l, ok := p.links[id]; ok {
		return l, nil
	}
	// The connection is TLS already when gRPC gets it, and checked for the node's identity; the address is
	// looked up at each attempt, since nodes move.
	conn, err := grpc.NewClient("passthrough:///"+string(id),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			addr, ok := p.addr(id)
			if !ok {
				return nil, fmt.Errorf("node %s: address unknown", id)
			}
			return p.dial(ctx, addr, string(id), trust.ProtoPeer)
		}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second,
			},
			MinConnectTimeout: 2 * time.Second,
		}),
		grpc.WithNoProxy(),
	)
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", id, err)
	}
	l := &link{conn: conn, tells: make(chan Handled, tellsMax)}
	p.links[id] = l
	return l, nil
}

// client returns the calls of a node; each of them fails at once if the node cannot be reached.
func (p *peers) client(id storage.NodeID) (peerv1.PeerClient, error) {
	l, err := p.link(id)
	if err != nil {
		return nil, err
	}
	return peerv1.NewPeerClient(l.conn), nil
}

// ready is client, once the connection is up: what fails after that may have been received.
func (p *peers) ready(ctx context.Context, id storage.NodeID) (peerv1.PeerClient, error) {
	l, err := p.link(id)
	if err != nil {
		return nil, err
	}
	for {
		state := l.conn.GetState()
		switch state {
		case connectivity.Ready:
			return peerv1.NewPeerClient(l.conn), nil
		case connectivity.Idle:
			l.conn.Connect()
		case connectivity.TransientFailure, connectivity.Shutdown:
			return nil, fmt.Errorf("node %s: not reachable", id)
		case connectivity.Connecting:
		}
		if !l.conn.WaitForStateChange(ctx, state) {
			return nil, ctx.Err()
		}
	}
}

// keep tells to the nodes of ids and to no others, and forgets the links of those that are gone. The
// goroutines it starts belong to wg and end with ctx.
func (p *peers) keep(ctx context.Context, wg *sync.WaitGroup, ids map[storage.NodeID]bool, bound func() int64,
) {
	for id := range ids {
		l, err := p.link(id)
		if err != nil || l.stop != nil {
			continue
		}
		ctx, cancel := context.WithCancel(ctx)
		l.stop = cancel
		wg.Add(1)
		go func() {
			defer wg.Done()
			l.tell(ctx, bound)
		}()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, l := range p.links {
		if !ids[id] {
			l.close()
			delete(p.links, id)
		}
	}
}

func (l *link) close() {
	if l.stop != nil {
		l.stop()
	}
	_ = l.conn.Close()
}

func (p *peers) closeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.links {
		l.close()
	}
	clear(p.links)
}

// tellAll queues h for all other nodes. It does not wait.
func (p *peers) tellAll(h Handled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.links {
		select {
		case l.tells <- h:
		default:
		}
	}
}

// tell streams what is queued, everything that has gathered in one message, until ctx ends.
func (l *link) tell(ctx context.Context, bound func() int64) {
	for ctx.Err() == nil {
		if stream, err := peerv1.NewPeerClient(l.conn).Tell(ctx); err == nil {
			l.tellOn(ctx, stream, bound)
		}
		timer := time.NewTimer(200 * time.Millisecond)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
		for len(l.tells) > 0 { // Too late to be of use.
			<-l.tells
		}
	}
}

// tellOn tells on one stream until it breaks.
func (l *link) tellOn(ctx context.Context, stream tellStream, bound func() int64) {
	for {
		var message peerv1.TellRequest
		select {
		case h := <-l.tells:
			message.Handled = append(message.Handled, h.proto())
		case <-stream.Context().Done(): // The connection broke: no need to wait for a tell to notice.
			return
		case <-ctx.Done():
			_, _ = stream.CloseAndRecv()
			return
		}
		for len(l.tells) > 0 && len(message.Handled) < batchMax {
			message.Handled = append(message.Handled, (<-l.tells).proto())
		}
		message.UpperMillis = bound()
		if err := stream.Send(&message); err != nil {
			return
		}
	}
}

func (h Handled) proto() *peerv1.Exchange {
	g := h.GIAddr
	return &peerv1.Exchange{
		Client: h.Client,
		Xid:    h.XID,
		Type:   uint32(h.Type),
		Giaddr: uint32(g[0])<<24 | uint32(g[1])<<16 | uint32(g[2])<<8 | uint32(g[3]),
	}
}

func handledOf(x *peerv1.Exchange) Handled {
	g := x.GetGiaddr()
	return Handled{
		Client: x.GetClient(),
		XID:    x.GetXid(),
		Type:   uint8(x.GetType()),
		GIAddr: [4]byte{byte(g >> 24), byte(g >> 16), byte(g >> 8), byte(g)},
	}
}
