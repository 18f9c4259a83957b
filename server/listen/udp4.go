package listen

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"port67/server"
	"port67/server/dhcp4"
)

const (
	// receiveBuffer is how many octets of datagrams the kernel keeps for us: a burst of some 10,000 requests.
	receiveBuffer = 8 << 20
	// payloadMax is the longest request that is read: larger than any real one, and a bound on what an
	// attacker can make us chew.
	payloadMax = 4096
	// readErrorsMax is how many errors in a row the reader bears before it gives up.
	readErrorsMax = 100
)

// packet is a datagram in a buffer that is used again.
type packet struct {
	n  int
	in server.Datagram
	b  [payloadMax]byte
}

// openUDP4 opens the socket for requests. It is bound to no address, or it would not hear broadcasts; it
// shares its port with nobody, so that a second server on this machine is an error and not a riddle.
func openUDP4(port uint16) (*net.UDPConn, error) {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if refused := c.Control(func(fd uintptr) { err = setOptions(int(fd)) }); refused != nil {
			return refused
		}
		return err
	}}
	at := netip.AddrPortFrom(netip.IPv4Unspecified(), port).String()
	conn, err := config.ListenPacket(context.Background(), "udp4", at)
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return nil, fmt.Errorf("UDP port %d is in use by %s: stop it; see ss -lunp 'sport = :%d'",
			port, portHolder(port), port)
	case errors.Is(err, unix.EACCES):
		return nil, fmt.Errorf("UDP port %d: not permitted; run as root or with CAP_NET_BIND_SERVICE", port)
	case err != nil:
		return nil, trouble(fmt.Sprintf("UDP port %d", port), err)
	}
	return conn.(*net.UDPConn), nil
}

// setOptions makes the kernel tell with each datagram on which interface, at which address and when it came
// in, and how many it had to throw away.
func setOptions(fd int) error {
	for _, o := range []struct {
		name         string
		level, which int
	}{
		{"SO_BROADCAST", unix.SOL_SOCKET, unix.SO_BROADCAST},
		{"IP_PKTINFO", unix.IPPROTO_IP, unix.IP_PKTINFO},
		{"SO_TIMESTAMPNS", unix.SOL_SOCKET, unix.SO_TIMESTAMPNS},
		{"SO_RXQ_OVFL", unix.SOL_SOCKET, unix.SO_RXQ_OVFL},
	} {
		if err := unix.SetsockoptInt(fd, o.level, o.which, 1); err != nil {
			return trouble("socket option "+o.name, err)
		}
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) == nil {
		return nil
	}
	// Without CAP_NET_ADMIN the kernel gives what net.core.rmem_max allows; checkBuffer looks at it.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer); err != nil {
		return trouble("socket option SO_RCVBUF", err)
	}
	return nil
}

// grantedBuffer returns how many octets of datagrams the kernel keeps for conn. It tells twice that number,
// the other half being for its own records (socket(7)).
func grantedBuffer(conn syscall.Conn) (int, error) {
	c, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	octets := 0
	if refused := c.Control(func(fd uintptr) {
		octets, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
	}); refused != nil {
		return 0, refused
	}
	return octets / 2, err
}

// checkBuffer warns of a receive buffer that is smaller than what was asked for: a burst of clients would
// overflow it.
func (l *Listener) checkBuffer() {
	octets, err := grantedBuffer(l.conn)
	switch {
	case err != nil:
		l.opt.Log.Warn("size of the receive buffer not known", "error", err)
	case octets < receiveBuffer:
		l.opt.Log.Warn("receive buffer is small: requests are lost when many clients come at once; give "+
			"port67d CAP_NET_ADMIN, or raise net.core.rmem_max", "octets", octets, "wanted", receiveBuffer)
	}
}

// read reads datagrams until ctx ends and hands them to workers, whose context is serve.
func (l *Listener) read(ctx, serve context.Context) error {
	control := make([]byte, 256)
	for errorsInRow := 0; ; {
		p := l.buffers.Get().(*packet)
		n, nControl, flags, src, err := l.conn.ReadMsgUDPAddrPort(p.b[:], control)
		if err != nil {
			l.buffers.Put(p)
			if ctx.Err() != nil {
				return nil
			}
			if errorsInRow++; errorsInRow > readErrorsMax || errors.Is(err, net.ErrClosed) {
				return trouble("reading requests", err)
			}
			l.opt.Observer.Dropped(DropReadError)
			continue
		}
		errorsInRow = 0
		p.n = n
		if why := l.describe(p, control[:nControl], flags, src); why != "" {
			l.opt.Observer.Dropped(why)
			l.buffers.Put(p)
			continue
		}
		if l.opt.Admit != nil && !l.opt.Admit(p.in) {
			l.buffers.Put(p)
			continue
		}
		l.admit(serve, p)
	}
}

// describe fills in how p reached us, and returns why it must be dropped, or nothing.
func (l *Listener) describe(p *packet, control []byte, flags int, src netip.AddrPort) (drop string) {
	arrival := l.readControl(control, &l.overflows)
	if flags&unix.MSG_TRUNC != 0 {
		return DropTooLong
	}
	t := l.links.now()
	ingress, ok := t.byIndex[arrival.ifIndex]
	if !ok || !ingress.served {
		return DropNotServed
	}
	if !t.local[arrival.dst] {
		arrival.dst = limitedBroadcast() // Some relays send to the broadcast address of our subnet.
	}
	p.in = server.Datagram{
		Payload: p.b[:p.n],
		Heard:   arrival.at,
		Ingress: dhcp4.Ingress{
			IfIndex:   ingress.index,
			Interface: ingress.name,
			Src:       netip.AddrPortFrom(src.Addr().Unmap(), src.Port()),
			Dst:       arrival.dst,
			Local:     ingress.local,
			MTU:       ingress.mtu,
			Prefixes:  ingress.prefixes,
		},
	}
	return ""
}

// arrival is what the kernel tells about a datagram beside its octets.
type arrival struct {
	ifIndex int
	dst     netip.Addr
	at      time.Time
}

// readControl reads the control messages of one datagram or frame, and counts those that its socket lost
// before it, of which overflows is what the kernel last told. The time of receipt is the kernel's; should it
// be missing, it is now.
func (l *Listener) readControl(b []byte, overflows *uint32) (a arrival) {
	for len(b) > 0 {
		h, data, rest, err := unix.ParseOneSocketControlMessage(b)
		if err != nil {
			break
		}
		b = rest
		switch {
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(data) >= 12:
			// struct in_pktinfo: interface, local address, destination in the header.
			a.ifIndex = int(int32(binary.NativeEndian.Uint32(data)))
			a.dst = netip.AddrFrom4([4]byte(data[8:12]))
		case h.Level == unix.SOL_SOCKET && h.Type == unix.SCM_TIMESTAMPNS:
			a.at = timespec(data)
		case h.Level == unix.SOL_SOCKET && h.Type == unix.SO_RXQ_OVFL && len(data) >= 4:
			l.countOverflow(overflows, binary.NativeEndian.Uint32(data))
		}
	}
	if a.at.IsZero() {
		a.at = time.Now()
	}
	return a
}

// timespec reads a struct timespec of this machine's word size, or returns the zero time.
func timespec(b []byte) time.Time {
	switch len(b) {
	case 16:
		return time.Unix(int64(binary.NativeEndian.Uint64(b)), int64(binary.NativeEndian.Uint64(b[8:])))
	case 8:
		return time.Unix(int64(binary.NativeEndian.Uint32(b)), int64(binary.NativeEndian.Uint32(b[4:])))
	}
	return time.Time{}
}

// countOverflow takes the kernel's count of what was lost since a socket was opened, and keeps it in last; it
// wraps.
func (l *Listener) countOverflow(last *uint32, total uint32) {
	if lost := total - *last; lost != 0 {
		*last = total
		l.opt.Observer.Overflowed(lost)
	}
}

// openRaw opens the socket for frames to clients that cannot be reached by IP yet. It hears nothing
// (protocol 0) and serves all interfaces, one of which each frame names.
func openRaw() (*os.File, *outlet, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, trouble("packet socket", err)
	}
	f := os.NewFile(uintptr(fd), "packet")
	o, err := newOutlet(f)
	if err != nil {
		_ = f.Close()
		return nil, nil, trouble("packet socket", err)
	}
	return f, o, nil
}
