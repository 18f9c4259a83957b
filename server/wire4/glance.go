package wire4

import (
	"net/netip"

	"port67/server/dhcp4"
	"port67/storage/lease"
)

// Glance is what a datagram shows to those who must choose what to drop before they can afford to Parse it.
// Its slices are parts of the datagram, and empty where there is nothing.
type Glance struct {
	Type    dhcp4.MessageType // 0 if there is none in the options field
	GIAddr  netip.Addr        // 0.0.0.0 if not relayed
	Client  []byte            // option 61, or the hardware address if there is none
	Circuit []byte            // the circuit-id of the relay agent (RFC 3046 §3.1)
}

const (
	optClientID = 61
	subCircuit  = 1 // of option 82
)

// Look returns what b shows. It goes through the options field once, and through no other; what is malformed
// is not there. A datagram that is no BOOTP message shows nothing but 0.0.0.0.
func Look(b []byte) Glance {
	g := Glance{GIAddr: GIAddr(b)}
	if len(b) < headerLen {
		return g
	}
	g.Client = b[chAddrAt : chAddrAt+min(int(b[hLenAt]), 16)]
	rest := b[headerLen:]
	if len(rest) < cookieLen || string(rest[:cookieLen]) != magicCookie {
		return g
	}
	for rest = rest[cookieLen:]; len(rest) >= 2; {
		if rest[0] == optPad {
			rest = rest[1:]
			continue
		}
		n := 2 + int(rest[1])
		if rest[0] == optEnd || n > len(rest) {
			break
		}
		switch data := rest[2:n]; rest[0] {
		case optMessageType:
			if len(data) == 1 {
				g.Type = dhcp4.MessageType(data[0])
			}
		case optClientID:
			if len(data) > 0 {
				g.Client = data
			}
		case optRelayAgentInfo:
			g.Circuit, _ = lease.RelayOption(data, subCircuit)
		}
		rest = rest[n:]
	}
	return g
}

// GIAddr returns the address of the relay agent in b, 0.0.0.0 if there is none.
func GIAddr(b []byte) netip.Addr {
	if len(b) < headerLen {
		return netip.IPv4Unspecified()
	}
	return netip.AddrFrom4([4]byte(b[giAddrAt:]))
}
