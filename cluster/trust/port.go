package trust

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	handshakeMax = 5 * time.Second
	// silenceMax is how long sent octets may stay unacknowledged before a connection counts as dead. The
	// kernel alone would go on for a quarter of an hour, and a healed partition would stay cut.
	silenceMax = 3 * time.Second
	// perPeerMax bounds the connections of one peer and protocol, perHostMax those of one host without a
	// certificate.
	perPeerMax = 32
	perHostMax = 4
)

// Conn is a connection whose other end is known.
type Conn struct {
	*tls.Conn
	// Peer is who called; of a connection for joining it is the zero Identity.
	Peer  Identity
	proto string
	gone  func()
	once  sync.Once
}

// Close closes the connection.
func (c *Conn) Close() error {
	c.once.Do(c.gone)
	return c.Conn.Close()
}

// Port is the one TLS port of a node. What the caller wants is settled by ALPN, who it is by its certificate.
type Port struct {
	keeper   *Keeper
	listener net.Listener
	admit    func(Identity, string) error
	raft     *lane
	peer     *lane
	join     *lane

	door *doorway

	mu    sync.Mutex
	conns map[*Conn]bool
}

// NewPort serves listener. admit is asked for each caller with a genuine certificate of a node, and again by
// Recheck; it must not block.
func NewPort(k *Keeper, listener net.Listener, admit func(Identity, string) error) *Port {
	return &Port{
		keeper:   k,
		listener: listener,
		admit:    admit,
		raft:     newLane(listener.Addr()),
		peer:     newLane(listener.Addr()),
		join:     newLane(listener.Addr()),
		door:     newDoorway(),
		conns:    map[*Conn]bool{},
	}
}

// Raft returns where connections for Raft arrive, Peer those for calls between nodes, Join those of
// strangers. All connections are *Conn.
func (p *Port) Raft() net.Listener { return p.raft }

// Peer is described at Raft.
func (p *Port) Peer() net.Listener { return p.peer }

// Join is described at Raft.
func (p *Port) Join() net.Listener { return p.join }

// Run accepts connections until ctx ends. It returns when its goroutines are gone and all connections closed.
func (p *Port) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	defer p.closeAll()
	stop := context.AfterFunc(ctx, func() { _ = p.listener.Close() })
	defer stop()
	config := p.keeper.server(p.admit)
	for {
		raw, err := p.listener.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return ctx.Err()
			}
			select { // Out of file descriptors, perhaps: not for ever.
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(50 * time.Millisecond):
				continue
			}
		}
		from := sourceOf(raw)
		if !p.door.enter(from) {
			_ = raw.Close()
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer p.door.leave(from)
			p.greet(ctx, raw, config)
		}()
	}
}

// greet does the handshake and hands the connection to its lane.
func (p *Port) greet(ctx context.Context, raw net.Conn, config *tls.Config) {
	limitSilence(raw)
	hctx, cancel := context.WithTimeout(ctx, handshakeMax)
	defer cancel()
	conn := tls.Server(raw, config)
	if err := conn.HandshakeContext(hctx); err != nil {
		_ = raw.Close()
		return
	}
	state := conn.ConnectionState()
	c := &Conn{Conn: conn, proto: state.NegotiatedProtocol}
	c.gone = func() { p.forget(c) }
	lane := p.join
	if c.proto != ProtoJoin {
		id, err := p.keeper.Verify(state.PeerCertificates, x509.ExtKeyUsageClientAuth)
		if err != nil {
			_ = raw.Close()
			return
		}
		c.Peer = id
		p.door.met(sourceOf(raw))
		lane = p.peer
		if c.proto == ProtoRaft {
			lane = p.raft
		}
	}
	if !p.note(c) || !lane.put(c) {
		_ = c.Close()
	}
}

// note counts a connection, unless its peer has too many already.
func (p *Port) note(c *Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	limit, same := perPeerMax, 0
	host := hostOf(c)
	if c.proto == ProtoJoin {
		limit = perHostMax
	}
	for other := range p.conns {
		if other.proto == c.proto && other.Peer == c.Peer && (c.proto != ProtoJoin || hostOf(other) == host) {
			same++
		}
	}
	if same >= limit {
		return false
	}
	p.conns[c] = true
	return true
}

func hostOf(c *Conn) string {
	host, _, _ := net.SplitHostPort(c.RemoteAddr().String())
	return host
}

func (p *Port) forget(c *Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// Expect says under which addresses the members are reached. Those that are names do not count until a member
// has called from there.
func (p *Port) Expect(members []string) {
	var sources []netip.Addr
	for _, m := range members {
		if a, err := netip.ParseAddrPort(m); err == nil {
			sources = append(sources, source(a.Addr()))
		}
	}
	p.door.expect(sources)
}

// Recheck closes the connections of peers that are admitted no more. It is called when memberships change.
func (p *Port) Recheck() {
	for _, c := range p.open() {
		if c.proto != ProtoJoin && p.admit(c.Peer, c.proto) != nil {
			_ = c.Close()
		}
	}
}

func (p *Port) open() []*Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]*Conn, 0, len(p.conns))
	for c := range p.conns {
		all = append(all, c)
	}
	return all
}

func (p *Port) closeAll() {
	for _, l := range []*lane{p.raft, p.peer, p.join} {
		_ = l.Close()
	}
	for _, c := range p.open() {
		_ = c.Close()
	}
}

// Dial calls node want (a UUID; empty: any node of the cluster) at addr with one of the protocols.
func (p *Port) Dial(ctx context.Context, addr, want, proto string) (net.Conn, error) {
	return p.keeper.Dial(ctx, addr, want, proto)
}

// Dial calls node want (a UUID; empty: any node of the cluster) at addr with one of the protocols.
func (k *Keeper) Dial(ctx context.Context, addr, want, proto string) (net.Conn, error) {
	raw, err := (&net.Dialer{Timeout: handshakeMax}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	limitSilence(raw)
	ctx, cancel := context.WithTimeout(ctx, handshakeMax)
	defer cancel()
	conn := tls.Client(raw, k.client(want, proto))
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("peer %s: %w", addr, err)
	}
	return conn, nil
}

// limitSilence makes the kernel give up a connection whose other end does not acknowledge.
func limitSilence(c net.Conn) {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT,
			int(silenceMax.Milliseconds()))
	})
}

// lane is the part of a Port that serves one protocol, as a listener.
type lane struct {
	addr  net.Addr
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newLane(addr net.Addr) *lane {
	return &lane{addr: addr, conns: make(chan net.Conn, 16), done: make(chan struct{})}
}

func (l *lane) put(c net.Conn) bool {
	select {
	case l.conns <- c:
		return true
	case <-l.done:
		return false
	}
}

// Accept is part of net.Listener.
func (l *lane) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close is part of net.Listener.
func (l *lane) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Addr is part of net.Listener.
func (l *lane) Addr() net.Addr { return l.addr }
