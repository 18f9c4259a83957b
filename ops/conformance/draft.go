package conformance

import (
	"encoding/binary"
	"net/netip"
)

// The addresses of the network that the configurations in network describe.
var (
	serverAddr = netip.MustParseAddr("10.67.0.2")
	router     = netip.MustParseAddr("10.67.0.1") // where the wire's end plays all relays
	nowhere    = netip.IPv4Unspecified()
	everybody  = netip.AddrFrom4([4]byte{255, 255, 255, 255})
)

const (
	serverPort = 67
	clientPort = 68
	headerLen  = 236
	payloadMin = 300 // RFC 1542 §2.1
)

// The options that this package reads or writes by itself.
const (
	optMask, optRouter, optDNS, optHostname, optDomain, optNTP = 1, 3, 6, 12, 15, 42
	optRequested, optLease, optOverload, optType, optServer    = 50, 51, 52, 53, 54
	optList, optMessage, optMaxSize, optT1, optT2              = 55, 56, 57, 58, 59
	optVendor, optClientID, optRelay, optSubnet                = 60, 61, 82, 118
	optEnd                                                     = 255
)

// The message types (RFC 2132 §9.6).
const (
	typeDiscover, typeOffer, typeRequest, typeDecline = 1, 2, 3, 4
	typeACK, typeNAK, typeRelease, typeInform         = 5, 6, 7, 8
)

// The message types of leasequery (RFC 4388 §6.1).
const (
	typeLeaseQuery                          = 10
	typeUnassigned, typeUnknown, typeActive = 11, 12, 13
)

// Draft is a datagram that is going to be sent, down to its single octets: nothing keeps it from being
// malformed.
type Draft struct {
	Op, HType, HLen, Hops byte
	XID                   uint32
	Secs, Flags           uint16
	CIAddr, GIAddr        netip.Addr
	CHAddr                [16]byte
	SName                 [64]byte
	File                  [128]byte
	Cookie                []byte
	// Options are raw. The message type goes before them unless Kind is 0, the End option behind them unless
	// NoEnd is set, and then what Behind holds.
	Options, Behind []byte
	Kind            byte
	NoEnd           bool
	// Least is the length that the payload is padded to with zeros, Cut the one it is cut off at, if not 0.
	Least, Cut int

	Src, Dst netip.AddrPort
	// Sum says what becomes of the UDP checksum.
	Sum Sum
}

// Sum is a way to treat the UDP checksum.
type Sum int

// The ways.
const (
	SumRight Sum = iota
	SumNone      // 0: the sender made none
	SumWrong
	SumUnfinished // left to an interface that does not make it, either
)

// newDraft returns what a client with this hardware address broadcasts.
func newDraft(kind byte, hardware [6]byte) *Draft {
	d := &Draft{
		Op: 1, HType: 1, HLen: 6, CIAddr: nowhere, GIAddr: nowhere, Cookie: []byte{99, 130, 83, 99}, Kind: kind,
		Least: payloadMin, Src: netip.AddrPortFrom(nowhere, clientPort),
		Dst: netip.AddrPortFrom(everybody, serverPort),
	}
	copy(d.CHAddr[:], hardware[:])
	return d
}

// add appends an option.
func (d *Draft) add(code byte, data ...byte) {
	d.Options = append(append(d.Options, code, byte(len(data))), data...)
}

// payload returns the UDP payload.
func (d *Draft) payload() []byte {
	b := make([]byte, headerLen, 1500)
	b[0], b[1], b[2], b[3] = d.Op, d.HType, d.HLen, d.Hops
	binary.BigEndian.PutUint32(b[4:], d.XID)
	binary.BigEndian.PutUint16(b[8:], d.Secs)
	binary.BigEndian.PutUint16(b[10:], d.Flags)
	copy(b[12:], d.CIAddr.AsSlice())
	copy(b[24:], d.GIAddr.AsSlice())
	copy(b[28:], d.CHAddr[:])
	copy(b[44:], d.SName[:])
	copy(b[108:], d.File[:])
	b = append(b, d.Cookie...)
	if d.Kind != 0 {
		b = append(b, optType, 1, d.Kind)
	}
	b = append(b, d.Options...)
	if !d.NoEnd {
		b = append(b, optEnd)
	}
	b = append(b, d.Behind...)
	if n := d.Least - len(b); n > 0 {
		b = append(b, make([]byte, n)...)
	}
	if d.Cut > 0 {
		b = b[:d.Cut]
	}
	return b
}
