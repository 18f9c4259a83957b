package wire4

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"

	"port67/server/dhcp4"
)

// Why a datagram is no message that anybody could answer. Each means silence and a counter.
var (
	// ErrShort means that the datagram ends inside the fixed header of 236 octets (V4-003).
	ErrShort = errors.New("datagram shorter than the 236 octets of a BOOTP header")
	// ErrNotRequest means that op is not BOOTREQUEST: the message is meant for a client (V4-002).
	ErrNotRequest = errors.New("op is not BOOTREQUEST")
	// ErrHLen means a hardware address longer than the 16 octets that chaddr holds (V4-006).
	ErrHLen = errors.New("hardware address longer than 16 octets")
	// ErrOption means that option 53 is there but malformed or cut off: what the client wants is unknown,
	// and it must not be taken for BOOTP (V4-016).
	ErrOption = errors.New("option 53 malformed: the message type is unknown")
)

// optionsUsual is for how many options Parse makes room at once: more than most clients send.
const optionsUsual = 16

// Parse reads one BOOTP or DHCP message from b, the payload of a UDP datagram. It keeps no reference to b.
//
// It takes what real clients send: fewer than 300 octets, no End option, padding anywhere, octets after the
// End option, options in file and sname (RFC 2132 §9.3), options in several pieces (RFC 3396 §7), no magic
// cookie at all (BOOTP, RFC 951). An option that runs past the end of its field, and a known option of a
// length that it cannot have, are left out and counted in Broken. Option 52 is layout and is left out, too.
//
// Its errors are ErrShort, ErrNotRequest, ErrHLen and ErrOption.
func Parse(b []byte) (dhcp4.Query, error) {
	if len(b) < headerLen {
		return dhcp4.Query{}, ErrShort
	}
	if b[opAt] != bootRequest {
		return dhcp4.Query{}, ErrNotRequest
	}
	return parse(b)
}

// parse reads a message that has a whole header.
func parse(b []byte) (dhcp4.Query, error) {
	if b[hLenAt] > 16 {
		return dhcp4.Query{}, ErrHLen
	}
	q := parseHeader(b)
	q.Size = len(b)
	own := bytes.Clone(b[snameAt:]) // One copy holds the value of every option and both names.
	sname, file, vend := own[:snameLen], own[snameLen:snameLen+fileLen], own[snameLen+fileLen:]

	overload := uint8(0)
	if rest, ok := bytes.CutPrefix(vend, []byte(magicCookie)); ok {
		q.Cookie = true
		q.Options.Grow(optionsUsual)
		var err error
		if overload, err = parseOptions(&q, rest, file, sname); err != nil {
			return dhcp4.Query{}, err
		}
	}
	if !q.Cookie {
		q.Vend = bytes.TrimRight(vend[:min(len(vend), vendLen)], "\x00") // BP-007, BP-008
	}
	if overload&overloadFile == 0 {
		q.File = untilNUL(file)
	}
	if overload&overloadSName == 0 {
		q.SName = untilNUL(sname)
	}
	return q, nil
}

// ParseReply is Parse for a BOOTREPLY, as another server sends it; ErrNotRequest is for everything else.
func ParseReply(b []byte) (dhcp4.Query, error) {
	if len(b) < headerLen {
		return dhcp4.Query{}, ErrShort
	}
	if b[opAt] != bootReply {
		return dhcp4.Query{}, ErrNotRequest
	}
	return parse(b)
}

// parseHeader reads the fixed header of b but for its two names.
func parseHeader(b []byte) dhcp4.Query {
	return dhcp4.Query{
		HType:  b[hTypeAt],
		HLen:   b[hLenAt],
		Hops:   b[hopsAt],
		XID:    binary.BigEndian.Uint32(b[xidAt:]),
		Secs:   binary.BigEndian.Uint16(b[secsAt:]),
		Flags:  binary.BigEndian.Uint16(b[flagsAt:]),
		CIAddr: netip.AddrFrom4([4]byte(b[ciAddrAt:])),
		YIAddr: netip.AddrFrom4([4]byte(b[yiAddrAt:])),
		SIAddr: netip.AddrFrom4([4]byte(b[siAddrAt:])),
		GIAddr: netip.AddrFrom4([4]byte(b[giAddrAt:])),
		CHAddr: [16]byte(b[chAddrAt:]),
	}
}

// parseOptions reads the options of a message: those of the options field, then those of file and sname as
// far as option 52 says that they stand there, in this order (RFC 3396 §5). It returns what option 52 says.
func parseOptions(q *dhcp4.Query, options, file, sname []byte) (overload uint8, err error) {
	s := scan{q: q}
	s.field(options, true)
	overload = s.overload
	if overload&overloadFile != 0 {
		s.field(file, false)
	}
	if overload&overloadSName != 0 {
		s.field(sname, false)
	}
	for _, o := range q.Options.All() {
		if n, known := fixedLen(o.Code); known && len(o.Data) != n {
			s.misshapen = append(s.misshapen, o.Code)
		}
	}
	for _, code := range s.misshapen {
		q.Options.Remove(code)
		q.Broken++
	}
	kind, ok := q.Options.Get(optMessageType)
	switch {
	case ok && len(kind) == 1 && kind[0] != 0:
		q.Type = dhcp4.MessageType(kind[0])
	case ok || s.typeCutOff:
		return overload, ErrOption
	}
	return overload, nil
}

// scan is the reading of a message's option fields.
type scan struct {
	q          *dhcp4.Query
	overload   uint8
	typeCutOff bool
	misshapen  []uint8
}

// field reads the options of one field up to its End option. Only the options field itself, the first, may
// say with option 52 where further options stand.
func (s *scan) field(b []byte, first bool) {
	for len(b) > 0 {
		code := b[0]
		if code == optPad {
			b = b[1:]
			continue
		}
		if code == optEnd {
			return
		}
		if len(b) < 2 || int(b[1]) > len(b)-2 {
			s.q.Broken++
			s.typeCutOff = s.typeCutOff || code == optMessageType
			return
		}
		n := 2 + int(b[1])
		data := b[2:n:n]
		b = b[n:]
		switch {
		case code != optOverload:
			s.q.Options.Append(code, data)
		case first && s.overload == 0 && len(data) == 1 && data[0] >= 1 && data[0] <= 3:
			s.overload = data[0]
		default:
			s.q.Broken++
		}
	}
}

// fixedLen returns the length that the value of an option must have, for the options that a server reads and
// whose length is fixed. Option 53 is not among them: a message without its type cannot be read at all.
func fixedLen(code uint8) (n int, known bool) {
	switch code {
	case optRequestedAddr, optLeaseTime, optServerID, optRenewal, optRebinding, optSubnetSelect:
		return 4, true
	case optMaxSize:
		return 2, true
	case optAutoConfigure:
		return 1, true
	case optRapidCommit:
		return 0, true
	}
	return 0, false
}

// untilNUL returns the part of b before its first NUL, and nil if that is empty.
func untilNUL(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	if len(b) == 0 {
		return nil
	}
	return b[:len(b):len(b)]
}

// Peek returns the message type of the datagram b and whether its client has its address already (ciaddr),
// looking no further than it must. It returns type 0 for whatever has none in its options field. It is for
// those who must choose what to drop before they can afford to Parse.
func Peek(b []byte) (t dhcp4.MessageType, bound bool) {
	if len(b) < headerLen+cookieLen || string(b[vendAt:vendAt+cookieLen]) != magicCookie {
		return 0, false
	}
	bound = [4]byte(b[ciAddrAt:]) != [4]byte{}
	for b = b[vendAt+cookieLen:]; len(b) >= 3; {
		switch {
		case b[0] == optPad:
			b = b[1:]
		case b[0] == optEnd:
			return 0, bound
		case b[0] == optMessageType && b[1] == 1:
			return dhcp4.MessageType(b[2]), bound
		default:
			b = b[min(2+int(b[1]), len(b)):]
		}
	}
	return 0, bound
}
