package listen

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"port67/server/dhcp4"
)

// limitedBroadcast is every host on the link (RFC 919 §7).
func limitedBroadcast() netip.Addr { return netip.AddrFrom4([4]byte{255, 255, 255, 255}) }

// errNoLink means that the interface by which a reply must leave is gone.
var errNoLink = errors.New("interface is gone")

// Send4 sends payload to its destination. It waits at most for room in the socket's buffer.
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
		return l.sendUDP(t, payload, to)
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
		return l.sendFrame(t, out, payload, to)
	}
	to.Addr = everyone
	return l.sendUDP(t, payload, to)
}

// sendUDP sends through the socket on which requests come in, so that the source port is right.
func (l *Listener) sendUDP(t *table, payload []byte, to dhcp4.Dest) error {
	info := unix.Inet4Pktinfo{Ifindex: int32(to.IfIndex)}
	if t.local[to.Source] {
		info.Spec_dst = to.Source.As4()
	}
	at := netip.AddrPortFrom(to.Addr, to.Port)
	if _, _, err := l.conn.WriteMsgUDPAddrPort(payload, unix.PktInfo4(&info), at); err != nil {
		return trouble("reply to "+at.String(), err)
	}
	return nil
}

// sendFrame sends payload as a frame by out.
func (l *Listener) sendFrame(t *table, out *link, payload []byte, to dhcp4.Dest) error {
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

	var sent error
	if err := l.rawConn.Write(func(fd uintptr) bool {
		sent = unix.Sendto(int(fd), *buf, 0, &at)
		return !errors.Is(sent, unix.EAGAIN) // Else wait until there is room.
	}); err != nil {
		return trouble("packet socket", err)
	}
	if sent != nil {
		return trouble(fmt.Sprintf("reply to %v by %s", to.Addr, out.name), sent)
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
