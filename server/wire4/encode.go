package wire4

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"port67/server/dhcp4"
)

const (
	// ipUDPLen is what IP and UDP headers take of a datagram's size (RFC 2132 §9.10).
	ipUDPLen = 28
	// payloadMin is the smallest payload that is sent. A BOOTP message has 300 octets, and some clients drop
	// anything shorter (RFC 1542 §2.1; V4-031).
	payloadMin = 300
	// datagramMax is the largest datagram that Ethernet carries in one piece.
	datagramMax = 1500
	// maxSizeUsual is the size of a datagram that every client takes (RFC 2131 §2; V4-032).
	maxSizeUsual = 576
	// pieceMax is the longest value that one option header can announce.
	pieceMax = 255
	// overloadLen is the size of option 52.
	overloadLen = 3
)

// Encode appends the reply m to buf and returns the whole, and the codes of the options that found no room,
// in the order in which they were dropped.
//
// Options stand in the order of m. When they do not fit into m.MaxSize (0 counts as 576), those that find no
// room in the options field go to file and then to sname, unless these carry a name, m is BOOTP or m forbids
// it (V4-035, V4-036). What still finds no room is dropped, highest rank first and of equals the last
// (V4-037). An option is never split to fill a field; only a value of more than 255 octets is, because it
// must be (RFC 3396 §5). Options of RankKeep are sent even if the datagram becomes too long.
//
// A reply is padded to 300 octets, and to m.MinSize (V4-031, W-036).
//
// Relay agent information stands last in the options field and is not counted against m.MaxSize: the relay
// takes it out again (RFC 3046 §2.2; V4-034, V4-038). Options leave room for it in a datagram of 1500 octets,
// down to the 576 that every client takes; if it does not fit even then, it is dropped (V4-055). A message
// without options has no magic cookie either, but m.Vend: it answers a BOOTP client that sent none. Names
// longer than 63 and 127 octets are cut, so that a NUL ends them (V4-049).
func Encode(m dhcp4.Message, buf []byte) (payload []byte, dropped []uint8) {
	start := len(buf)
	buf = appendHeader(slices.Grow(buf, maxSizeUsual), &m)
	if len(m.Options) > 0 {
		buf = append(buf, magicCookie...)
		agent, fits := agentInfo(&m)
		if room, need := optionRoom(&m, agent), optionsLen(m.Options); need <= room {
			for _, o := range m.Options {
				if o.Code != optRelayAgentInfo {
					buf = appendOption(buf, o.Code, o.Data)
				}
			}
		} else {
			var f fields
			f, dropped = fit(&m, room)
			buf = append(buf, f.options.data...)
			copy(buf[start+fileAt:], f.file.data)
			copy(buf[start+snameAt:], f.sname.data)
		}
		if fits && agent > 0 {
			for _, o := range m.Options {
				if o.Code == optRelayAgentInfo {
					buf = appendOption(buf, o.Code, o.Data)
				}
			}
		} else if agent > 0 {
			dropped = append(dropped, optRelayAgentInfo)
		}
		buf = append(buf, optEnd)
	} else {
		buf = append(buf, m.Vend[:min(len(m.Vend), vendLen)]...)
	}
	for len(buf)-start < max(payloadMin, m.MinSize-ipUDPLen) {
		buf = append(buf, optPad)
	}
	return buf, dropped
}

// appendHeader appends the fixed header of m.
func appendHeader(buf []byte, m *dhcp4.Message) []byte {
	var h [headerLen]byte
	h[opAt], h[hTypeAt], h[hLenAt], h[hopsAt] = bootReply, m.HType, m.HLen, m.Hops
	binary.BigEndian.PutUint32(h[xidAt:], m.XID)
	binary.BigEndian.PutUint16(h[secsAt:], m.Secs)
	binary.BigEndian.PutUint16(h[flagsAt:], m.Flags)
	putAddr(h[ciAddrAt:], m.CIAddr)
	putAddr(h[yiAddrAt:], m.YIAddr)
	putAddr(h[siAddrAt:], m.SIAddr)
	putAddr(h[giAddrAt:], m.GIAddr)
	copy(h[chAddrAt:snameAt], m.CHAddr[:])
	copy(h[snameAt:fileAt-1], m.SName)
	copy(h[fileAt:vendAt-1], m.File)
	return append(buf, h[:]...)
}

// putAddr writes a into the first four octets of b; an address that is not IPv4 is written as 0.0.0.0.
func putAddr(b []byte, a netip.Addr) {
	if a = a.Unmap(); a.Is4() {
		octets := a.As4()
		copy(b, octets[:])
	}
}

// agentInfo returns the size of the relay agent information of m, and whether there is room for it.
func agentInfo(m *dhcp4.Message) (size int, fits bool) {
	for _, o := range m.Options {
		if o.Code == optRelayAgentInfo {
			size += optionLen(len(o.Data))
		}
	}
	return size, size <= datagramMax-maxSizeUsual
}

// optionRoom returns how many octets of options, without relay agent information and the End option, the
// client of m takes in the options field. agent is the size of that information.
func optionRoom(m *dhcp4.Message, agent int) int {
	size := m.MaxSize
	if size == 0 {
		size = maxSizeUsual
	}
	size = min(size, max(datagramMax-agent, maxSizeUsual))
	return max(size-ipUDPLen, payloadMin) - headerLen - cookieLen - 1
}

// optionsLen returns the size of all options but relay agent information.
func optionsLen(options []dhcp4.ReplyOption) int {
	n := 0
	for _, o := range options {
		if o.Code != optRelayAgentInfo {
			n += optionLen(len(o.Data))
		}
	}
	return n
}

// optionLen returns the size of an option with a value of n octets, headers of all its pieces included.
func optionLen(n int) int {
	return n + 2*max(1, (n+pieceMax-1)/pieceMax)
}

// appendOption appends an option, in as many pieces as it needs (RFC 3396 §5).
func appendOption(buf []byte, code uint8, data []byte) []byte {
	for len(data) > pieceMax {
		buf = append(append(buf, code, pieceMax), data[:pieceMax]...)
		data = data[pieceMax:]
	}
	return append(append(buf, code, uint8(len(data))), data...)
}
