// Package leasequery answers relay agents and access concentrators that ask who has which address: one
// question in one datagram (RFC 4388, RFC 6148), a list of leases over a connection (RFC 6926), or changes of
// leases as they happen (RFC 7724).
//
// Read udp.go, then bulk.go and active.go; selector.go says what can be asked for, options.go what is told of
// a lease. Nothing here changes anything, and nothing is asked of the log: answers come from this node's copy
// of the state (adr/0015, adr/0024).
//
// This package is pure.
package leasequery

import (
	"net/netip"

	"port67/server/dhcp4"
	"port67/storage/lease"
)

// Moment is when a question is answered.
type Moment struct {
	// Cluster is a moment that cluster time has certainly not passed: what is left of a lease then is left
	// now. Fresh says that this node heard from the leader lately, so that its copy of the state may be
	// believed; Cluster counts only if it is set.
	Cluster lease.Instant
	Fresh   bool
	// Unix is the second since 1970 by this machine's clock. It is told as base-time (RFC 6926 §6.2.3) and
	// decides about nothing but the window of a query, which is in the same clock.
	Unix int64
}

// Why is why a question gets no answer. The zero Why is Answered: it gets one.
type Why uint8

// The reasons for silence.
const (
	Answered     Why = iota
	NotRelayed       // giaddr is zero: there is nobody to answer to
	Stranger         // the configuration does not allow the requester
	Unclear          // it asks for nothing, or for several things
	OutOfTouch       // this node's copy of the state may be old
	NotIndexed       // the leases are still being indexed
	NoIdentifier     // this node has no address to name as server identifier
)

// The options that this package reads or writes by itself (RFC 2132, and as named).
const (
	optSubnetMask      = 1
	optHostname        = 12
	optBroadcast       = 28
	optRequestedAddr   = 50
	optLeaseTime       = 51
	optOverload        = 52
	optMessageType     = 53
	optServerID        = 54
	optParameterList   = 55
	optMaxSize         = 57
	optT1              = 58
	optT2              = 59
	optClientID        = 61
	optRapidCommit     = 80
	optRelayInfo       = 82
	optLastTransaction = 91  // RFC 4388 §6.1
	optAssociatedIP    = 92  // RFC 4388 §6.1
	optSubnetSelection = 118 // RFC 3011
	optStatus          = 151 // this and the next: RFC 6926 §6.2
	optBaseTime        = 152
	optStateStart      = 153
	optQueryStart      = 154
	optQueryEnd        = 155
	optState           = 156
	optDataSource      = 157
)

// identifier returns the address of this node that a message was sent to, else its address on the link.
func identifier(in *dhcp4.Ingress) (netip.Addr, bool) {
	for _, a := range [...]netip.Addr{in.Dst, in.Local} {
		if a.Is4() && !a.IsUnspecified() && !a.IsMulticast() && a.As4()[0] < 240 {
			return a, true
		}
	}
	return netip.Addr{}, false
}
