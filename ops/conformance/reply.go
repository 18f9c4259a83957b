package conformance

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Reply is a datagram from a server, as far as it can be read. Its octets are in Payload.
type Reply struct {
	RARP    []byte // the frame, if it is one by RARP; nothing else is set then
	Payload []byte
	Frame   Frame

	XID                            uint32
	Secs, Flags                    uint16
	CIAddr, YIAddr, SIAddr, GIAddr netip.Addr
	// Options stand in the order of the options field, then of file, then of sname if option 52 says that they
	// hold some; pieces of one value are not put together.
	Options  []Option
	Overload byte
	// Trouble says what is wrong with the layout of the options; nil if nothing is.
	Trouble error
}

// Frame is what carried a reply. In process there is none: what is not known is zero then.
type Frame struct {
	OnWire   bool
	EthDst   []byte // nil if not known: the kernel finds it by ARP
	Src, Dst netip.AddrPort
	TTL      byte
	// IPSum and UDPSum say whether the checksums are right; a UDP checksum of 0 is not. Pending says that the
	// latter was yet to be made by an interface that does so (TP_STATUS_CSUMNOTREADY): then it counts as right.
	IPSum, UDPSum, Pending bool
}

// Option is one option, or a piece of one.
type Option struct {
	Code byte
	Data []byte
}

// decodeReply reads a UDP payload. It keeps a reference to b.
func decodeReply(b []byte, f Frame) (*Reply, error) {
	if len(b) < headerLen {
		return nil, fmt.Errorf("a payload of %d octets", len(b))
	}
	addr := func(at int) netip.Addr { return netip.AddrFrom4([4]byte(b[at:])) }
	r := &Reply{
		Payload: b, Frame: f, XID: binary.BigEndian.Uint32(b[4:]), Secs: binary.BigEndian.Uint16(b[8:]),
		Flags: binary.BigEndian.Uint16(b[10:]), CIAddr: addr(12), YIAddr: addr(16), SIAddr: addr(20),
		GIAddr: addr(24),
	}
	options, ok := bytes.CutPrefix(b[headerLen:], []byte{99, 130, 83, 99})
	if !ok {
		return r, nil
	}
	r.field("options", options)
	if v := r.Get(optOverload); len(v) == 1 {
		r.Overload = v[0]
	}
	if r.Overload&1 != 0 {
		r.field("file", b[108:236])
	}
	if r.Overload&2 != 0 {
		r.field("sname", b[44:108])
	}
	return r, nil
}

// field reads the options of one field.
func (r *Reply) field(name string, b []byte) {
	for len(b) > 0 && b[0] != optEnd {
		if b[0] == 0 {
			b = b[1:]
			continue
		}
		if len(b) < 2 || len(b) < 2+int(b[1]) {
			r.Trouble = fmt.Errorf("option %d runs past the end of %s", b[0], name)
			return
		}
		r.Options = append(r.Options, Option{b[0], b[2 : 2+int(b[1])]})
		b = b[2+int(b[1]):]
	}
	if len(b) == 0 {
		r.Trouble = fmt.Errorf("%s without an End option", name)
		return
	}
	if len(bytes.Trim(b[1:], "\x00")) > 0 {
		r.Trouble = fmt.Errorf("octets behind the End option of %s", name)
	}
}

// Get returns the value of an option, its pieces put together (RFC 3396), nil if it is not there. An option
// of length 0 is there.
func (r *Reply) Get(code byte) []byte {
	var v []byte
	for _, o := range r.Options {
		if o.Code == code {
			v = append(v, o.Data...)
			if v == nil {
				v = []byte{}
			}
		}
	}
	return v
}

// Kind returns the message type, 0 if it is no DHCP message.
func (r *Reply) Kind() byte {
	if v := r.Get(optType); len(v) == 1 {
		return v[0]
	}
	return 0
}

// codes returns the options in order.
func (r *Reply) codes() []byte {
	var list []byte
	for _, o := range r.Options {
		list = append(list, o.Code)
	}
	return list
}

// addr returns the value of an option as an address, invalid if it is none.
func (r *Reply) addr(code byte) netip.Addr {
	a, _ := netip.AddrFromSlice(r.Get(code))
	return a
}

// name says what kind of message it is.
func (r *Reply) name() string {
	switch {
	case r == nil:
		return "silent"
	case r.RARP != nil:
		return "a reply by RARP"
	}
	switch r.Kind() {
	case typeOffer:
		return "OFFER"
	case typeACK:
		return "ACK"
	case typeNAK:
		return "NAK"
	case typeUnassigned:
		return "LEASEUNASSIGNED"
	case typeUnknown:
		return "LEASEUNKNOWN"
	case typeActive:
		return "LEASEACTIVE"
	case 0:
		if r.YIAddr.IsUnspecified() {
			return "BOOTREPLY without an address"
		}
		return "BOOTREPLY"
	}
	return fmt.Sprintf("message type %d", r.Kind())
}
