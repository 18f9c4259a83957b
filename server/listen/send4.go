package listen

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"port67/server/dhcp4"
)

// limitedBroadcast is every host on the link (RFC 919 §7).
func limitedBroadcast() netip.Addr { return netip.AddrFrom4([4]byte{255, 255, 255, 255}) }

// roomWait is how long a reply waits for room in the socket's buffer, behind those that wait already. An
// interface that does not send for so long is stuck, and the client will have asked again.
const roomWait = 100 * time.Millisecond

var (
	// errNoLink means that the interface by which a reply must leave is gone.
	errNoLink = errors.New("interface is gone")
	// errNoRoom means that replies are not sent as fast as they come, or not at all.
	errNoRoom = fmt.Errorf("no room in the send buffer for %v: an interface does not send", roomWait)
)

// outlet is a socket that many goroutines send by. None of them waits longer than roomWait, and who finds
// room does not wait behind who found none. That is why the first attempt is made by Control: Write would
// queue it behind a waiting one, for which a deadline does not help.
type outlet struct {
	conn     syscall.RawConn
	deadline func(time.Time) error // sets that of Write
	turn     chan struct{}         // holds one: who waits for room at the socket
}

// newOutlet makes an outlet of a socket that does not block.
func newOutlet(s interface {
	syscall.Conn
	SetWriteDeadline(time.Time) error
}) (*outlet, error) {
	conn, err := s.SyscallConn()
	if err != nil {
		return nil, err
	}
	return &outlet{conn: conn, deadline: s.SetWriteDeadline, turn: make(chan struct{}, 1)}, nil
}

// send calls try, which sends by fd, until it returns something else than EAGAIN. It returns errNoRoom after
// roomWait, ctx.Err() if ctx ends before try could be called again, or what try returned.
func (o *outlet) send(ctx context.Context, try func(fd int) error) error {
	var sent error
	if err := o.conn.Control(func(fd uintptr) { sent = try(int(fd)) }); err != nil {
		return err
	}
	if !errors.Is(sent, unix.EAGAIN) {
		return sent
	}
	until := time.Now().Add(roomWait)
	tired := time.NewTimer(roomWait)
	defer tired.Stop()
	select {
	case o.turn <- struct{}{}:
		defer func() { <-o.turn }()
	case <-tired.C:
		return errNoRoom
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := o.deadline(until); err != nil {
		return err
	}
	err := o.conn.Write(func(fd uintptr) bool {
		sent = try(int(fd))
		return !errors.Is(sent, unix.EAGAIN)
	})
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errNoRoom
	case err != nil:
		return err
	}
	return sent
}

// Send4 sends payload to its destination. It waits at most for room in the socket's buffer, and not for long.
//
// A reply to a client that has no address yet leaves as a frame by the interface on which the client was
// heard, never by the routing table (V4-030). Where no frame can be sent (no CAP_NET_RAW, not Ethernet) or
// the reply is larger than the interface takes in one piece, it is broadcast through the UDP socket instead,
// which RFC 2131 §4.1 allows, and the kernel fragments it.
func (l *Listener) Send4(ctx context.Context, payload []byte, to dhcp4.Dest) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := l.links.now()
	if to.Kind == dhcp4.DestRouted {
		return l.sendUDP(ctx, t, payload, to)
	}
	// Every host on the link, and never the broadcast address of a subnet: a client that has no address yet
	// would not take that for its own (V4-023).
	everyone := limitedBroadcast()
	out, ok := t.byIndex[to.IfIndex]
	if !ok {
		return trouble(fmt.Sprintf("reply by interface %d", to.IfIndex), errNoLink)
	}
	if to.Kind == dhcp4.DestBroadcast {
		to.Addr, to.HW = everyone, [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	}
	if l.raw != nil && out.ethernet && to.Addr.Is4() && ipLen+udpLen+len(payload) <= out.mtu {
		return l.sendFrame(ctx, t, out, payload, to)
	}
	to.Addr = everyone
	return l.sendUDP(ctx, t, payload, to)
}

// sendUDP sends through the socket on which requests come in, so that the source port is right.
func (l *Listener) sendUDP(ctx context.Context, t *table, payload []byte, to dhcp4.Dest) error {
	info := unix.Inet4Pktinfo{Ifindex: int32(to.IfIndex)}
	if t.local[to.Source] {
		info.Spec_dst = to.Source.As4()
	}
	at := netip.AddrPortFrom(to.Addr, to.Port)
	if !to.Addr.Is4() {
		return trouble("reply to "+at.String(), unix.EAFNOSUPPORT)
	}
	control, dst := unix.PktInfo4(&info), unix.SockaddrInet4{Port: int(to.Port), Addr: to.Addr.As4()}
	if err := l.connOut.send(ctx, func(fd int) error {
		return unix.Sendmsg(fd, payload, control, &dst, 0)
	}); err != nil {
		return trouble("reply to "+at.String(), err)
	}
	return nil
}

// sendFrame sends payload as a frame by out.
func (l *Listener) sendFrame(ctx context.Context, t *table, out *link, payload []byte, to dhcp4.Dest) error {
	f := frame{
		srcMAC: out.mac, dstMAC: to.HW,
		src:     netip.AddrPortFrom(source(t, out, to.Source), l.opt.Port),
		dst:     netip.AddrPortFrom(to.Addr, to.Port),
		payload: payload,
	}
	buf := l.frames.Get().(*[]byte)
	defer l.frames.Put(buf)
	*buf = f.appendTo((*buf)[:0])
	at := unix.SockaddrLinklayer{Protocol: networkOrder(etherTypeIPv4), Ifindex: out.index, Halen: 6}
	copy(at.Addr[:], to.HW[:])

	if err := l.rawOut.send(ctx, func(fd int) error { return unix.Sendto(fd, *buf, 0, &at) }); err != nil {
		return trouble(fmt.Sprintf("reply to %v by %s", to.Addr, out.name), err)
	}
	return nil
}

// source returns the IP source of a frame: what the reply names as its server identifier, or else an address
// of the interface, or of the machine, or none.
func source(t *table, out *link, wished netip.Addr) netip.Addr {
	if wished.Is4() && !wished.IsUnspecified() {
		return wished
	}
	if out.local.IsValid() {
		return out.local
	}
	if addrs := t.servedAddresses(); len(addrs) > 0 {
		return addrs[0]
	}
	return netip.IPv4Unspecified()
}

// networkOrder returns v with its octets in the order of the network on any machine.
func networkOrder(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}
