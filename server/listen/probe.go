package listen

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"port67/server"
	"port67/server/dhcp4"
)

const (
	etherTypeARP = 0x0806
	arpLen       = 28 // of a packet about IPv4 addresses on Ethernet (RFC 826)
	arpRequest   = 1

	echoRequest = 8 // RFC 792
	echoReply   = 0
	echoLen     = 16
	icmpFilter  = 1 // ICMP_FILTER of linux/icmp.h
)

// Probe asks who uses the targets, by ARP and ICMP echo as each of them wants, and waits for their answers
// as long as the longest of them says (server.Prober). It opens sockets of its own and closes them: what
// comes in otherwise costs nothing. ARP reaches only what is on a link of an interface that is served.
func (l *Listener) Probe(ctx context.Context, targets []dhcp4.Probe) ([]server.ProbeAnswer, error) {
	p := prober{
		listener: l, links: l.links.now(), answers: make([]server.ProbeAnswer, len(targets)),
		byAddr: make(map[netip.Addr]int, len(targets)), arp: -1, icmp: -1, id: rand.Uint32(), token: rand.Uint64(),
	}
	defer p.close()
	var millis uint32
	var errs error
	for i, t := range targets {
		p.byAddr[t.Addr] = i
		millis = max(millis, t.Millis)
		if err := p.send(i, t); err != nil && errs == nil {
			errs = err
		}
	}
	p.hear(ctx, time.Now().Add(time.Duration(millis)*time.Millisecond))
	return p.answers, errs
}

// prober is one call of Probe. It belongs to one goroutine.
type prober struct {
	listener  *Listener
	links     *table
	arp, icmp int // sockets; -1 if none is open
	id        uint32
	token     uint64 // comes back with each echo, so that nobody answers who was not asked
	answers   []server.ProbeAnswer
	byAddr    map[netip.Addr]int
	open      int // targets that were asked for and have not answered
}

func (p *prober) close() {
	for _, fd := range []int{p.arp, p.icmp} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}

// send asks for one target.
func (p *prober) send(i int, t dhcp4.Probe) error {
	if !t.Addr.Is4() {
		return nil
	}
	var arpErr, icmpErr error
	if on := p.linkOf(t.Addr); t.ARP && on != nil {
		if arpErr = p.sendARP(on, t.Addr); arpErr == nil {
			p.answers[i].Asked = true
		}
	}
	if t.ICMP {
		if icmpErr = p.sendEcho(t.Addr); icmpErr == nil {
			p.answers[i].Asked = true
		}
	}
	if p.answers[i].Asked {
		p.open++
	}
	return errors.Join(arpErr, icmpErr)
}

// linkOf returns the served interface on whose link a is, or nil.
func (p *prober) linkOf(a netip.Addr) *link {
	for _, l := range p.links.sorted {
		if !l.served || !l.ethernet {
			continue
		}
		for _, prefix := range l.prefixes {
			if prefix.Contains(a) {
				return l
			}
		}
	}
	return nil
}

// sendARP sends an ARP request. It names our own address as its sender, if there is one: a client that probes
// the address at this moment would take a request without a sender for a conflict (RFC 5227 §2.1.1).
func (p *prober) sendARP(on *link, a netip.Addr) (err error) {
	if p.arp < 0 {
		if p.arp, err = openPacket(etherTypeARP); err != nil {
			return trouble("socket for ARP probes", err)
		}
	}
	sender := netip.IPv4Unspecified()
	for _, prefix := range on.prefixes {
		if prefix.Contains(a) {
			sender = prefix.Addr()
			break
		}
	}
	from, to := sender.As4(), a.As4()
	b := make([]byte, 0, etherLen+arpLen)
	b = append(append(b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), on.mac[:]...)
	b = binary.BigEndian.AppendUint16(b, etherTypeARP)
	b = append(b, 0, 1, 8, 0, 6, 4, 0, arpRequest) // Ethernet, IPv4, lengths of addresses
	b = append(append(b, on.mac[:]...), from[:]...)
	b = append(append(b, 0, 0, 0, 0, 0, 0), to[:]...)
	at := unix.SockaddrLinklayer{Protocol: networkOrder(etherTypeARP), Ifindex: on.index, Halen: 6}
	copy(at.Addr[:], b)
	if err := unix.Sendto(p.arp, b, 0, &at); err != nil {
		return trouble("ARP probe by "+on.name, err)
	}
	return nil
}

// openPacket opens a packet socket for frames of that type on all interfaces.
func openPacket(etherType uint16) (int, error) {
	const kind = unix.SOCK_RAW | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK
	fd, err := unix.Socket(unix.AF_PACKET, kind, int(networkOrder(etherType)))
	if err != nil {
		return -1, err
	}
	return fd, nil
}

// sendEcho sends an ICMP echo request the way that the routes of this machine say.
func (p *prober) sendEcho(a netip.Addr) (err error) {
	if p.icmp < 0 {
		if p.icmp, err = openICMP(); err != nil {
			return trouble("socket for ICMP probes", err)
		}
	}
	b := make([]byte, 0, echoLen)
	b = append(b, echoRequest, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, p.id)
	b = binary.BigEndian.AppendUint64(b, p.token)
	binary.BigEndian.PutUint16(b[2:], ^fold(sum(0, b)))
	if err := unix.Sendto(p.icmp, b, 0, &unix.SockaddrInet4{Addr: a.As4()}); err != nil {
		return trouble(fmt.Sprintf("ICMP probe to %v", a), err)
	}
	return nil
}

// openICMP opens a socket that hears nothing but echo replies.
func openICMP() (int, error) {
	const kind = unix.SOCK_RAW | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK
	fd, err := unix.Socket(unix.AF_INET, kind, unix.IPPROTO_ICMP)
	if err != nil {
		return -1, err
	}
	mask := ^uint32(1 << echoReply)
	if err := unix.SetsockoptInt(fd, unix.SOL_RAW, icmpFilter, int(int32(mask))); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// hear takes answers until all are in, the deadline has passed or ctx has ended.
func (p *prober) hear(ctx context.Context, deadline time.Time) {
	var octets [512]byte
	for p.open > 0 && ctx.Err() == nil {
		left := time.Until(deadline)
		if left <= 0 {
			return
		}
		fds := []unix.PollFd{{Fd: int32(p.arp), Events: unix.POLLIN}, {Fd: int32(p.icmp), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, int(left/time.Millisecond)+1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		if n <= 0 {
			continue
		}
		if fds[0].Revents != 0 {
			if n, from, err := unix.Recvfrom(p.arp, octets[:], 0); err == nil {
				p.heardARP(octets[:n], from)
			}
		}
		if fds[1].Revents != 0 {
			if n, from, err := unix.Recvfrom(p.icmp, octets[:], 0); err == nil {
				p.heardEcho(octets[:n], from)
			}
		}
	}
}

// heardARP looks at an ARP packet: whoever says that an address is its own, in a reply or in a request, uses
// it.
func (p *prober) heardARP(b []byte, from unix.Sockaddr) {
	at, ok := from.(*unix.SockaddrLinklayer)
	if !ok || len(b) < etherLen+arpLen {
		return
	}
	b = b[etherLen:]
	if [6]byte(b[:6]) != [6]byte{0, 1, 8, 0, 6, 4} {
		return
	}
	hardware, a := b[8:14], netip.AddrFrom4([4]byte(b[14:18]))
	on := p.linkOf(a)
	if on == nil || on.index != at.Ifindex || [6]byte(hardware) == on.mac {
		return
	}
	p.answered(a, string(hardware), "arp")
}

// heardEcho looks at an echo reply, which comes with its IP header.
func (p *prober) heardEcho(b []byte, from unix.Sockaddr) {
	at, ok := from.(*unix.SockaddrInet4)
	if !ok || len(b) < ipLen {
		return
	}
	header := int(b[0]&0xf) * 4
	if len(b) < header+echoLen {
		return
	}
	b = b[header:]
	if b[0] != echoReply || binary.BigEndian.Uint32(b[4:]) != p.id || binary.BigEndian.Uint64(b[8:]) != p.token {
		return
	}
	a := netip.AddrFrom4(at.Addr)
	p.answered(a, p.neighbour(a), "icmp")
}

// answered notes who uses address a, if that was asked for.
func (p *prober) answered(a netip.Addr, hardware, by string) {
	i, ok := p.byAddr[a]
	if !ok || !p.answers[i].Asked || p.answers[i].InUse {
		return
	}
	p.answers[i].InUse, p.answers[i].Hardware, p.answers[i].By = true, hardware, by
	p.open--
}

// neighbour returns the hardware address behind a, as the kernel has just found it out, or nothing if a
// router stands between.
func (p *prober) neighbour(a netip.Addr) string {
	on := p.linkOf(a)
	if on == nil {
		return ""
	}
	list, err := netlink.NeighList(on.index, unix.AF_INET)
	if err != nil {
		return ""
	}
	for _, n := range list {
		if ip, ok := netip.AddrFromSlice(n.IP); ok && ip.Unmap() == a && len(n.HardwareAddr) == 6 {
			return string(n.HardwareAddr)
		}
	}
	return ""
}

var _ server.Prober = (*Listener)(nil)
