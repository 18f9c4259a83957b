package rarp

import (
	"net/netip"
	"slices"

	"port67/server/dhcp4"
	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// Why is why a frame is not answered; Answer says that it is.
type Why uint8

// The reasons.
const (
	Answer Why = iota + 1
	// NotRequest is a frame with another op than a request for an address (RP-004).
	NotRequest
	// NoConfig means that the cluster has no configuration yet.
	NoConfig
	// Unknown is a device without a reservation that says rarp: on, whatever lease it has (RP-002, RP-007).
	// Hypervisors send such for every virtual machine that has moved (RP-008).
	Unknown
	// OtherLink is a device whose reservation is on another link: its address would not work (RP-006).
	OtherLink
	// OutOfTouch means that this node may not know the latest configuration.
	OutOfTouch
	// Withheld is an address that the cluster would give to nobody now: another client holds it, it is in
	// quarantine, or a node has it.
	Withheld
	// OthersTurn is a request that another node should answer (RP-010).
	OthersTurn
	// TooMany is a request of a device that was answered often enough within a second (RP-011).
	TooMany
)

// Decision is what should be done about a frame, if it is this node's turn.
type Decision struct {
	Why Why
	// Key is the device that is asked about; set from Unknown on.
	Key lease.Key
	// Addr is its address, SPA ours beside it; set from OutOfTouch on, like Reserved for OtherLink.
	Addr, SPA netip.Addr
	// Reserved is the address that the device has on another link, for OtherLink.
	Reserved netip.Addr
	// Ahead is how many nodes should answer before this one.
	Ahead int
}

// Self is what a node knows of itself beside the state.
type Self struct {
	Node storage.NodeID
	// InTouch says that the leader was heard of lately.
	InTouch bool
}

// Decide says what should be done about f, which came by in. It is decided from the reservations alone: the
// device that counts is the target, whoever asks (RP-003), and a gratuitous frame for one that has a
// reservation with rarp: on is a request like any, since a device that boots sends the same (RP-008).
//
// A node that may not know the latest configuration keeps silent: another device may have the address by now,
// and what RARP has told is not taken back. So nothing new is told without a quorum, as with leases.
func Decide(v storage.View, f *Frame, in *dhcp4.Ingress, self Self) Decision {
	if f.Op != RequestReverse {
		return Decision{Why: NotRequest}
	}
	c := v.Config()
	if c == nil {
		return Decision{Why: NoConfig}
	}
	d := Decision{Why: Unknown, Key: lease.HardwareKey(hrdEthernet, f.THA[:])}
	promised := c.RARP(d.Key)
	if len(promised) == 0 {
		return d
	}
	i := slices.IndexFunc(promised, func(r *config.CompiledReservation) bool {
		return ownOn(in, r).IsValid()
	})
	if i < 0 {
		d.Why, d.Reserved = OtherLink, promised[0].Address
		return d
	}
	r := promised[i]
	d.Addr, d.SPA = r.Address, ownOn(in, r)
	switch {
	case !self.InTouch:
		d.Why = OutOfTouch
	case !given(v, r, f.THA):
		d.Why = Withheld
	default:
		d.Why, d.Ahead = Answer, ahead(v, r.Subnet.Link, d.Key, self.Node)
	}
	return d
}

// ownOn returns an address of the interface on the link of r: in r's subnet, else in one beside it; the zero
// Addr if the interface is on another link.
func ownOn(in *dhcp4.Ingress, r *config.CompiledReservation) netip.Addr {
	var beside netip.Addr
	for _, p := range in.Prefixes {
		switch a := p.Addr(); {
		case r.Subnet.Prefix.Contains(a):
			return a
		case !beside.IsValid() && r.Subnet.Link.Contains(a):
			beside = a
		}
	}
	return beside
}

// given says whether the device would be given the address of r if it asked for a lease, which it does not.
// The answer is exact as far as the configuration of v is: since that came into force nobody else gets the
// address.
func given(v storage.View, r *config.CompiledReservation, tha MAC) bool {
	client := storage.Client{
		Key: lease.HardwareKey(hrdEthernet, tha[:]), HType: hrdEthernet, CHAddr: string(tha[:]),
	}
	var nothing lease.BucketSet // No free address is looked for.
	a, _ := v.Suitable(client, r.Subnet.Link.Name, netip.Addr{}, &nothing, nil)
	return a == r.Address
}

// ahead returns how many nodes should answer before self: those that come before it in the order in which
// DHCP is answered (RFC 3074), as far as they have an address on the link. The others do not hear it.
func ahead(v storage.View, l *config.Link, k lease.Key, self storage.NodeID) int {
	bucket := k.Bucket()
	owner, _ := v.BucketOwner(bucket)
	n := 0
	for _, id := range dhcp4.Order(v, owner, bucket) {
		if id == self {
			break
		}
		if node, ok := v.Node(id); ok && slices.ContainsFunc(node.Addresses, l.Contains) {
			n++
		}
	}
	return n
}

// Reply returns the answer to f from the station with address own (RP-001). It goes to the station that the
// request came from, which may ask for another (RP-003); the same request has always the same answer
// (RP-014).
func (d *Decision) Reply(f *Frame, own MAC) Frame {
	return Frame{
		Dst: f.Src, Src: own, Op: ReplyReverse,
		SHA: own, SPA: d.SPA, THA: f.THA, TPA: d.Addr,
	}
}
