package listen

import (
	"encoding/binary"
	"net/netip"
)

const (
	etherLen   = 14
	ipLen      = 20
	udpLen     = 8
	headersLen = etherLen + ipLen + udpLen
	// frameUsual is the size of a frame buffer: an Ethernet frame.
	frameUsual = 1514

	etherTypeIPv4 = 0x0800
	protocolUDP   = 17
	timeToLive    = 64 // V4-029
)

// frame is what an Ethernet frame with a UDP datagram says beside its payload.
type frame struct {
	srcMAC, dstMAC [6]byte
	src, dst       netip.AddrPort // IPv4
	payload        []byte
}

// appendTo appends the frame to b. Both checksums are ours: nobody below will finish them, and a client that
// reads raw frames checks them (V4-029, W-043). The datagram must not be fragmented, so it needs no
// identification (RFC 6864 §4).
func (f *frame) appendTo(b []byte) []byte {
	b = append(append(b, f.dstMAC[:]...), f.srcMAC[:]...)
	b = binary.BigEndian.AppendUint16(b, etherTypeIPv4)

	ip := len(b)
	src, dst := f.src.Addr().As4(), f.dst.Addr().As4()
	b = append(b, 0x45, 0) // version 4, header of five words; ordinary service
	b = binary.BigEndian.AppendUint16(b, uint16(ipLen+udpLen+len(f.payload)))
	b = append(b, 0, 0, 0x40, 0) // identification; don't fragment
	b = append(b, timeToLive, protocolUDP, 0, 0)
	b = append(append(b, src[:]...), dst[:]...)
	binary.BigEndian.PutUint16(b[ip+10:], ^fold(sum(0, b[ip:])))

	udp := len(b)
	b = binary.BigEndian.AppendUint16(b, f.src.Port())
	b = binary.BigEndian.AppendUint16(b, f.dst.Port())
	b = binary.BigEndian.AppendUint16(b, uint16(udpLen+len(f.payload)))
	b = append(b, 0, 0)
	b = append(b, f.payload...)
	pseudo := sum(sum(uint64(protocolUDP)+uint64(len(b)-udp), src[:]), dst[:])
	check := ^fold(sum(pseudo, b[udp:]))
	if check == 0 {
		check = 0xffff // 0 would say that there is none (RFC 768).
	}
	binary.BigEndian.PutUint16(b[udp+6:], check)
	return b
}

// sum adds the 16-bit words of b to s (RFC 1071 §1); an odd last octet counts as a word with a zero behind
// it.
func sum(s uint64, b []byte) uint64 {
	for ; len(b) >= 2; b = b[2:] {
		s += uint64(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		s += uint64(b[0]) << 8
	}
	return s
}

// fold brings a sum of 16-bit words back to 16 bits by adding the carries.
func fold(s uint64) uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}
