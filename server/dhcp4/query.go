// Package dhcp4 decides about DHCPv4 and BOOTP messages: what a client's message means, what the cluster is
// asked, what the client is answered, and where the answer goes (RFC 2131, RFC 951, RFC 1542).
//
// Start with decide.go; one message type has one file.
//
// This package is pure.
package dhcp4

import (
	"net/netip"
	"slices"
)

// MessageType is the value of option 53 (RFC 2132 §9.6). 0 is a BOOTP message.
type MessageType uint8

// The message types.
const (
	Discover MessageType = 1
	OfferMsg MessageType = 2
	Request  MessageType = 3
	Decline  MessageType = 4
	ACK      MessageType = 5
	NAK      MessageType = 6
	Release  MessageType = 7
	Inform   MessageType = 8

	LeaseQuery      MessageType = 10 // this and the next three: RFC 4388 §6.1
	LeaseUnassigned MessageType = 11
	LeaseUnknown    MessageType = 12
	LeaseActive     MessageType = 13
	BulkLeaseQuery  MessageType = 14 // RFC 6926 §6.2.1
	LeaseQueryDone  MessageType = 15

	ActiveLeaseQuery MessageType = 16 // this and the next two: RFC 7724
	LeaseQueryStatus MessageType = 17
	TLS              MessageType = 18
)

// BroadcastFlag is the B bit of the flags field (RFC 2131 §2).
const BroadcastFlag uint16 = 0x8000

// Query is a message from a client or a relay, as we need it. Options are concatenated (RFC 3396), overloaded
// ones included (RFC 2131 §4.1). wire4.Parse makes it; it keeps no reference to the datagram.
type Query struct {
	HType, HLen, Hops              uint8
	XID                            uint32
	Secs, Flags                    uint16
	CIAddr, YIAddr, SIAddr, GIAddr netip.Addr // never invalid; 0.0.0.0 when unset
	CHAddr                         [16]byte
	SName, File                    []byte // up to the first NUL; empty if the field carried options
	Cookie                         bool   // the magic cookie was there
	Type                           MessageType
	Options                        Options
	// Size is the length of the message in octets.
	Size int
	// Vend is the vendor area of a message without the magic cookie, as far as anything is in it (RFC 951 §3).
	Vend []byte
	// Broken counts options that were cut off or malformed and therefore ignored (V4-015, V4-016).
	Broken int
}

// Options are the options of a message by code.
type Options struct {
	at   [256]uint16 // index into list plus one
	list []Option
}

// Option is one option with its value; Code 0 and 255 do not occur.
type Option struct {
	Code uint8
	Data []byte
}

// Get returns the value of an option and whether it was there; an option of length zero was.
func (o *Options) Get(code uint8) ([]byte, bool) {
	if i := o.at[code]; i != 0 {
		return o.list[i-1].Data, true
	}
	return nil, false
}

// Append adds a fragment to the value of an option, in the order of appearance (RFC 3396 §7). It keeps data.
func (o *Options) Append(code uint8, data []byte) {
	if i := o.at[code]; i != 0 {
		old := o.list[i-1].Data
		o.list[i-1].Data = append(old[:len(old):len(old)], data...)
		return
	}
	o.list = append(o.list, Option{code, data})
	o.at[code] = uint16(len(o.list))
}

// Grow makes room for n options, so that Append seldom has to.
func (o *Options) Grow(n int) { o.list = slices.Grow(o.list, n) }

// Remove takes an option out; the order of the others stays.
func (o *Options) Remove(code uint8) {
	i := o.at[code]
	if i == 0 {
		return
	}
	o.list = slices.Delete(o.list, int(i)-1, int(i))
	o.at[code] = 0
	for j := int(i) - 1; j < len(o.list); j++ {
		o.at[o.list[j].Code] = uint16(j + 1)
	}
}

// without returns the options but one.
func (o *Options) without(code uint8) Options {
	out := *o
	out.list = slices.Clone(o.list)
	out.Remove(code)
	return out
}

// All returns the options in the order in which they first appeared. The caller does not change them.
func (o *Options) All() []Option { return o.list }

// Ingress is how a datagram reached us.
type Ingress struct {
	IfIndex   int
	Interface string
	Src       netip.AddrPort
	Dst       netip.Addr // 255.255.255.255, or an address of ours
	// Local is our address on the interface, the server identifier for direct clients; it may be invalid.
	Local    netip.Addr
	MTU      int            // the largest datagram that the interface takes in one piece; 0: not known
	Prefixes []netip.Prefix // the interface's IPv4 prefixes, our addresses with their lengths
}
