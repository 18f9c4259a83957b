package conformance

import (
	"encoding/binary"
	"net/netip"
)

const (
	etherLen  = 14
	etherIPv4 = 0x0800
	etherARP  = 0x0806
	ipLen     = 20
	udpLen    = 8
	protoUDP  = 17
	ttl       = 64
)

// frame returns d as an Ethernet frame with its IPv4 and UDP headers.
func (d *Draft) frame(src, dst [6]byte) []byte {
	payload := d.payload()
	b := make([]byte, etherLen+ipLen+udpLen, etherLen+ipLen+udpLen+len(payload))
	copy(b, dst[:])
	copy(b[6:], src[:])
	binary.BigEndian.PutUint16(b[12:], etherIPv4)
	h := b[etherLen:]
	h[0], h[8], h[9] = 0x45, ttl, protoUDP
	binary.BigEndian.PutUint16(h[2:], uint16(ipLen+udpLen+len(payload)))
	copy(h[12:], d.Src.Addr().AsSlice())
	copy(h[16:], d.Dst.Addr().AsSlice())
	binary.BigEndian.PutUint16(h[10:], ^added(0, h[:ipLen]))
	u := h[ipLen:]
	binary.BigEndian.PutUint16(u, d.Src.Port())
	binary.BigEndian.PutUint16(u[2:], d.Dst.Port())
	binary.BigEndian.PutUint16(u[4:], uint16(udpLen+len(payload)))
	b = append(b, payload...)
	if d.Sum != SumNone {
		sum := ^udpAdded(b[etherLen:])
		if sum == 0 {
			sum = 0xffff // 0 would say that there is none (RFC 768).
		}
		if d.Sum == SumWrong {
			sum ^= 0x0101
		}
		binary.BigEndian.PutUint16(b[etherLen+ipLen+6:], sum)
	}
	return b
}

// added is the sum of 16-bit words in one's complement (RFC 1071), begun with what is there already.
func added(sum uint32, b []byte) uint16 {
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return uint16(sum)
}

// udpAdded is the sum over the pseudo header and the datagram of an IPv4 packet without options.
func udpAdded(packet []byte) uint16 {
	length := len(packet) - ipLen
	sum := uint32(added(0, packet[12:ipLen])) + protoUDP + uint32(length)
	return added(sum, packet[ipLen:])
}

// readFrame reads a frame as a reply, and is false for what is none. pending says that its UDP checksum was
// yet to be made.
func readFrame(b []byte, pending bool) (*Reply, bool) {
	if len(b) < etherLen+ipLen+udpLen || binary.BigEndian.Uint16(b[12:]) != etherIPv4 {
		return nil, false
	}
	p := b[etherLen:]
	total := int(binary.BigEndian.Uint16(p[2:]))
	if p[0] != 0x45 || p[9] != protoUDP || total < ipLen+udpLen || total > len(p) ||
		binary.BigEndian.Uint16(p[6:])&0x3fff != 0 { // Fragments are not put together.
		return nil, false
	}
	p = p[:total]
	u := p[ipLen:]
	f := Frame{
		OnWire: true, EthDst: b[:6], TTL: p[8],
		Src:   netip.AddrPortFrom(netip.AddrFrom4([4]byte(p[12:])), binary.BigEndian.Uint16(u)),
		Dst:   netip.AddrPortFrom(netip.AddrFrom4([4]byte(p[16:])), binary.BigEndian.Uint16(u[2:])),
		IPSum: added(0, p[:ipLen]) == 0xffff,
	}
	f.Pending = pending
	f.UDPSum = pending || binary.BigEndian.Uint16(u[6:]) != 0 && udpAdded(p) == 0xffff
	r, err := decodeReply(u[udpLen:], f)
	return r, err == nil && r.Payload[0] == 2
}
