package load

import (
	"encoding/binary"
	"net/netip"

	"port67/server/dhcp4"
)

const (
	bootRequest  = 1
	bootReply    = 2
	ethernet     = 1
	headerLen    = 236
	magicCookie  = 0x63825363
	payloadMin   = 300 // RFC 1542 §2.1
	optRequested = 50
	optLease     = 51
	optType      = 53
	optServer    = 54
	optParams    = 55
	optT1        = 58
	optT2        = 59
	optRelayInfo = 82
	optEnd       = 255
)

// request is what a client says. A zero address is left out.
type request struct {
	kind      dhcp4.MessageType
	xid       uint32
	secs      uint16
	hw        [6]byte
	ciaddr    netip.Addr
	requested netip.Addr // option 50
	server    netip.Addr // option 54
}

// encode returns r as a UDP payload. With a relay agent it carries the agent's address and option 82.
func (r *request) encode(giaddr netip.Addr, circuit string) []byte {
	b := make([]byte, headerLen, payloadMin)
	b[0], b[1], b[2] = bootRequest, ethernet, byte(len(r.hw))
	binary.BigEndian.PutUint32(b[4:], r.xid)
	binary.BigEndian.PutUint16(b[8:], r.secs)
	put4(b[12:], r.ciaddr)
	if giaddr.IsValid() {
		b[3] = 1
		put4(b[24:], giaddr)
	}
	copy(b[28:], r.hw[:])
	b = binary.BigEndian.AppendUint32(b, magicCookie)
	b = append(b, optType, 1, byte(r.kind))
	b = appendAddr(b, optRequested, r.requested)
	b = appendAddr(b, optServer, r.server)
	if r.kind != dhcp4.Release && r.kind != dhcp4.Decline {
		b = append(b, optParams, 4, 1, 3, 6, 15)
	}
	if giaddr.IsValid() && circuit != "" {
		b = append(b, optRelayInfo, byte(2+len(circuit)), 1, byte(len(circuit)))
		b = append(b, circuit...)
	}
	b = append(b, optEnd)
	for len(b) < payloadMin {
		b = append(b, 0)
	}
	return b
}

func put4(b []byte, a netip.Addr) {
	if a.Is4() {
		x := a.As4()
		copy(b, x[:])
	}
}

func appendAddr(b []byte, code byte, a netip.Addr) []byte {
	if !a.Is4() {
		return b
	}
	x := a.As4()
	return append(append(b, code, 4), x[:]...)
}

// reply is what a client hears, as far as it looks at it.
type reply struct {
	kind          dhcp4.MessageType
	xid           uint32
	yiaddr        netip.Addr
	hw            [6]byte
	server        netip.Addr // option 54
	lease, t1, t2 uint32     // seconds; t1 and t2 are 0 if absent
	hasLease      bool
}

// decode reads a UDP payload. ok is false for what is no DHCP reply to an Ethernet client. It keeps no
// reference to b.
func decode(b []byte) (r reply, ok bool) {
	if len(b) < headerLen+4 || b[0] != bootReply || b[1] != ethernet || b[2] != byte(len(r.hw)) ||
		binary.BigEndian.Uint32(b[headerLen:]) != magicCookie {
		return r, false
	}
	r.xid = binary.BigEndian.Uint32(b[4:])
	r.yiaddr = netip.AddrFrom4([4]byte(b[16:20]))
	copy(r.hw[:], b[28:])
	b = b[headerLen+4:]
	for len(b) > 0 && b[0] != optEnd {
		if b[0] == 0 {
			b = b[1:]
			continue
		}
		if len(b) < 2 || len(b) < 2+int(b[1]) {
			return r, false
		}
		r.option(b[0], b[2:2+int(b[1])])
		b = b[2+int(b[1]):]
	}
	return r, r.kind != 0
}

func (r *reply) option(code byte, v []byte) {
	switch {
	case code == optType && len(v) == 1:
		r.kind = dhcp4.MessageType(v[0])
	case code == optServer && len(v) == 4:
		r.server = netip.AddrFrom4([4]byte(v))
	case code == optLease && len(v) == 4:
		r.lease, r.hasLease = binary.BigEndian.Uint32(v), true
	case code == optT1 && len(v) == 4:
		r.t1 = binary.BigEndian.Uint32(v)
	case code == optT2 && len(v) == 4:
		r.t2 = binary.BigEndian.Uint32(v)
	}
}
