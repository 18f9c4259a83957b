package rarp

import (
	"encoding/binary"
	"net/netip"
)

// EtherType is that of RARP frames (RFC 903).
const EtherType = 0x8035

const (
	etherLen = 14 // destination, source, type
	bodyLen  = 28 // of an Ethernet address and an IPv4 address, two of each
	// frameMin is an Ethernet frame without its checksum: what is shorter is padded (RP-005).
	frameMin = 60

	hrdEthernet = 1
	proIPv4     = 0x0800
)

// Op is what a frame is for (RFC 903).
type Op uint16

// The ops.
const (
	RequestReverse Op = 3
	ReplyReverse   Op = 4
)

// MAC is an Ethernet address.
type MAC [6]byte

// toOne says whether m is the address of one station: not of a group, and not nothing.
func (m MAC) toOne() bool { return m[0]&1 == 0 && m != MAC{} }

// Frame is an Ethernet frame with a RARP packet, fields named as in RFC 903 and RFC 826: S the sender, T the
// target; HA a hardware address, PA an IPv4 address.
type Frame struct {
	Dst, Src MAC
	Op       Op
	SHA, THA MAC
	SPA, TPA netip.Addr
}

// Parse reads a frame that begins with its Ethernet header, and says whether it is RARP about Ethernet and
// IPv4 addresses, from a station that can be answered. What follows the packet is padding (RP-004, RP-005).
// It keeps no reference to b.
func Parse(b []byte) (Frame, bool) {
	if len(b) < etherLen+bodyLen || binary.BigEndian.Uint16(b[12:]) != EtherType {
		return Frame{}, false
	}
	body := b[etherLen:]
	if binary.BigEndian.Uint16(body) != hrdEthernet || binary.BigEndian.Uint16(body[2:]) != proIPv4 ||
		body[4] != 6 || body[5] != 4 {
		return Frame{}, false
	}
	f := Frame{
		Dst: MAC(b), Src: MAC(b[6:]),
		Op:  Op(binary.BigEndian.Uint16(body[6:])),
		SHA: MAC(body[8:]), SPA: netip.AddrFrom4([4]byte(body[14:])),
		THA: MAC(body[18:]), TPA: netip.AddrFrom4([4]byte(body[24:])),
	}
	return f, f.Src.toOne()
}

// Encode returns the octets of f, padded to the shortest frame that Ethernet carries, without its checksum.
// SPA and TPA are IPv4 addresses.
func (f *Frame) Encode() []byte {
	b := make([]byte, 0, frameMin)
	b = append(append(b, f.Dst[:]...), f.Src[:]...)
	b = binary.BigEndian.AppendUint16(b, EtherType)
	b = binary.BigEndian.AppendUint16(b, hrdEthernet)
	b = binary.BigEndian.AppendUint16(b, proIPv4)
	b = append(b, 6, 4)
	b = binary.BigEndian.AppendUint16(b, uint16(f.Op))
	spa, tpa := f.SPA.As4(), f.TPA.As4()
	b = append(append(b, f.SHA[:]...), spa[:]...)
	b = append(append(b, f.THA[:]...), tpa[:]...)
	return b[:frameMin] // Made of zeros.
}
