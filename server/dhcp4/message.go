package dhcp4

import "net/netip"

// Message is a reply. Options stand in the order in which they are to be sent; wire4.Encode fits them into
// the client's size, overloads if it may and must, and adds nothing but padding.
type Message struct {
	Type                           MessageType // 0 for BOOTP; also stands in Options as 53
	HType, HLen, Hops              uint8
	XID                            uint32
	Secs, Flags                    uint16
	CIAddr, YIAddr, SIAddr, GIAddr netip.Addr
	CHAddr                         [16]byte
	SName, File                    string
	Options                        []ReplyOption
	// Vend is what stands in the place of the options if there are none: at most 64 octets.
	Vend []byte
	// MaxSize is the largest IP datagram the client takes, headers included (RFC 2132 §9.10): at least 576.
	MaxSize int
	// MinSize is the smallest IP datagram the client takes, headers included (W-036); what is missing is padded.
	MinSize int
	// NoOverload forbids options in sname and file (V4-036).
	NoOverload bool

	// ServerID is the server identifier, also in Options as 54.
	ServerID netip.Addr
	// ToCIAddr says of a NAK that it goes to the client's ciaddr, for a broadcast would not reach it (V4-151).
	ToCIAddr bool
	// ToRelaySource and ToRelayPort say that a reply to a relay agent goes to the address, and to the port, that
	// the message came from (W-046).
	ToRelaySource, ToRelayPort bool
	// AlwaysBroadcast says that a direct client is known not to hear a unicast (W-003).
	AlwaysBroadcast bool
}

// ReplyOption is an option of a reply with the rank at which it is dropped when the datagram is full: the
// highest first, RankKeep never (V4-037). Option 82 is not counted against MaxSize (RFC 3046 §2.2).
type ReplyOption struct {
	Code uint8
	Rank uint16
	Data []byte
}

// RankKeep is the rank of an option that is never dropped.
const RankKeep uint16 = 0

// Dest is where a reply goes (V4-020 … V4-030).
type Dest struct {
	Kind   DestKind
	Addr   netip.Addr // IP destination
	Port   uint16
	HW     [6]byte    // for DestRaw: the client's Ethernet address
	Source netip.Addr // IP source: the server identifier of the reply if it is an address of this node
	// IfIndex is the ingress interface by which a direct reply leaves; 0: by the routing table.
	IfIndex int
}

// DestKind is how a reply is put on the wire.
type DestKind uint8

// The kinds of destination.
const (
	// DestRouted is a UDP datagram by the routing table: to a relay, or to a client that has its address.
	DestRouted DestKind = 1
	// DestRaw is a frame to the client's hardware address, without ARP; where no raw frame can be sent it
	// becomes DestBroadcast (RFC 2131 §4.1).
	DestRaw DestKind = 2
	// DestBroadcast is a frame to 255.255.255.255 and ff:ff:ff:ff:ff:ff.
	DestBroadcast DestKind = 3
)
