package dhcp4

import (
	"net/netip"

	"port67/storage/config"
	"port67/storage/lease"
)

// The sub-options of option 82 that this package acts on.
const (
	raiLinkSelection = 5  // RFC 3527
	raiFlags         = 10 // RFC 5010
	raiServerID      = 11 // RFC 5107
	raiSourcePort    = 19 // RFC 8357
)

// relayUnicast is the flag of a relay that received the message by unicast (RFC 5010).
const relayUnicast = 0x80

// relayAgent looks who brings the message: whether what it says of the client is believed, and how it is to
// be treated. It returns why the message ends here, else Answer.
func (c *chooser) relayAgent() Why {
	giaddr := netip.IPv4Unspecified()
	if c.q.Relayed() {
		giaddr = c.q.GIAddr
		if len(c.d.Config.Config.Relays) > 0 {
			c.d.relay = c.d.Config.Relay(giaddr, c.in.Src.Addr())
		}
	}
	_, says := c.q.Options.Get(optRelayInfo)
	if !says && giaddr.IsUnspecified() {
		return Answer
	}
	switch c.d.Config.RelayInfoFrom(giaddr) {
	case config.RelayTake:
		return Answer
	case config.RelayDrop:
		if giaddr.IsUnspecified() {
			return RelayInfoAlone // W-045
		}
		return UntrustedRelay
	}
	if says {
		plain := *c.q
		plain.Options = c.q.Options.without(optRelayInfo)
		c.q, c.d.query, c.d.Irregular = &plain, &plain, DistrustedRelayInfo
	}
	return Answer
}

// returnsRelayInfo says whether option 82 goes back to the relay agent (RFC 3046 §2.2).
func (d *Decision) returnsRelayInfo() bool {
	return d.relay == nil || d.relay.ReturnRelayInfo == nil || *d.relay.ReturnRelayInfo
}

// linkSelection returns the subnet that the relay agent selects (RFC 3527), if it has a say in that.
func (c *chooser) linkSelection() (netip.Addr, bool) {
	if r := c.d.relay; r != nil && r.LinkSelection != nil && !*r.LinkSelection {
		return netip.Addr{}, false
	}
	return c.q.relayAddr(raiLinkSelection)
}

// toRelay sends a reply to the relay agent: at giaddr and port 67, or as RFC 8357 and the configuration have
// it (W-046).
func (d *Dest) toRelay(q *Query, m *Message, in *Ingress) {
	d.Kind, d.Addr, d.Port = DestRouted, q.GIAddr, q.relayPort(in)
	if m.ToRelaySource && unicast(in.Src.Addr()) {
		d.Addr = in.Src.Addr()
	}
	if m.ToRelayPort && in.Src.Port() != 0 {
		d.Port = in.Src.Port()
	}
}

// relayOption returns a sub-option of option 82 and whether it was there.
func (q *Query) relayOption(code uint8) ([]byte, bool) {
	b, _ := q.Options.Get(optRelayInfo)
	return lease.RelayOption(b, code)
}

// relayBroken says whether option 82 is cut off, or has a sub-option of a length that it cannot have.
func (q *Query) relayBroken() bool {
	b, _ := q.Options.Get(optRelayInfo)
	for len(b) >= 2 && len(b) >= 2+int(b[1]) {
		if (b[0] == raiLinkSelection || b[0] == raiServerID) && b[1] != 4 || b[0] == raiFlags && b[1] != 1 {
			return true
		}
		b = b[2+int(b[1]):]
	}
	return len(b) > 0
}

// relayAddr returns the address in a sub-option of option 82.
func (q *Query) relayAddr(code uint8) (netip.Addr, bool) {
	b, _ := q.relayOption(code)
	return addrOf(b)
}

// relayPort returns the port that the relay listens on: the one it sent from if sub-option 19 says so
// (V4-021, RFC 8357 §5.1), else 67. Whatever the sub-option carries is the relay's own matter.
func (q *Query) relayPort(in *Ingress) uint16 {
	if _, ok := q.relayOption(raiSourcePort); ok && in.Src.Port() != 0 {
		return in.Src.Port()
	}
	return ServerPort
}

// heardByUnicast says whether the relay vouches that the client sent to one server alone (RFC 5010).
func (q *Query) heardByUnicast() bool {
	b, _ := q.relayOption(raiFlags)
	return len(b) == 1 && b[0]&relayUnicast != 0
}
