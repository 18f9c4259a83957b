package storage

import (
	"net/netip"
	"slices"

	"port67/storage/config"
	"port67/storage/lease"
)

// same says whether l was got from the hardware address of the client, or both have none.
func (c *claim) same(l *lease.Lease) bool { return l.CHAddr == c.chaddr && l.HType == c.htype }

// byHardware says whether l is the client's as far as hardware addresses decide that, and whether they do
// (V4-085).
func (c *claim) byHardware(l *lease.Lease) (mine, decided bool) {
	switch c.link.Identity.Match {
	case config.MatchHardware:
		if c.chaddr != "" || l.CHAddr != "" {
			return c.same(l), true
		}
	case config.MatchBoth:
		if !c.same(l) {
			return false, true
		}
	}
	return false, false
}

// inherits says whether the client may take over l, which is not its own, before its booking has passed: who
// has it is the same machine, and speaks no more or speaks as this client now (adr/0021).
//
// What firmware holds goes to whatever the machine boots (W-024). A client that shows an identifier and one
// that shows none are one only where the administrator says so (V4-082). Two circuits are two machines,
// whatever their hardware addresses.
func (c *claim) inherits(l *lease.Lease) bool {
	if !l.Has(c.htype, c.chaddr) || l.Status != lease.Bound && l.Status != lease.Released ||
		apart(l.RelayInfo, c.relayed) {
		return false
	}
	i := &c.link.Identity
	return l.Firmware && i.FirmwareHandover ||
		i.Match == config.MatchHardwareToo && c.key.IsHardware() != l.Client.IsHardware()
}

// apart says whether a and b, two relay agent informations, both name a circuit and not the same, or a remote
// host (RFC 3046 §3.1, §3.2).
func apart(a, b string) bool {
	for _, code := range [...]uint8{subCircuitID, subRemoteID} {
		x, known := lease.RelayOption(a, code)
		y, also := lease.RelayOption(b, code)
		if known && also && x != y {
			return true
		}
	}
	return false
}

// firmware says whether the lease of a bid is firmware's once it is booked: nobody else can have been
// promised the address under the same Key since the booking began, not even by a node that is behind
// (adr/0021).
func (b *bid) firmware(c *Client) bool {
	return c.Firmware && !b.bootp && !b.rec.BOOTP && (b.rec.Firmware || b.rec.Reusable <= b.s.clock)
}

// around returns the leases of the link that were got from the client's hardware address, under whatever Key.
func (c *claim) around() []lease.Lease {
	return slices.DeleteFunc(c.s.leases.ByHardware(c.hardware), func(l lease.Lease) bool {
		_, ok := c.subnet(l.Addr)
		return !ok
	})
}

// aliases returns the client's leases on the link that its own Key does not find.
func (c *claim) aliases() []lease.Lease {
	if c.link.Identity.Match != config.MatchHardware {
		return nil
	}
	return c.around()
}

// alias orders leases of a client that the hardware address alone identifies: those under the Key that it
// shows first, for it may be several that were told apart until lately.
func (c *claim) alias(l *lease.Lease) int {
	if c.link.Identity.Match == config.MatchHardware && l.Client != c.key {
		return 1
	}
	return 0
}

// inheritance returns the address that the client may take over, of several the one heard of last.
func (c *claim) inheritance(around []lease.Lease) (a netip.Addr, ok bool) {
	return c.latest(around, func(l *lease.Lease) bool {
		return l.FreeFrom() > c.s.clock && c.inherits(l)
	})
}

// familiar returns the address of the link that the client's machine had last, if anybody can have it now:
// nothing is risked by giving it to this one. What it found in use before is left to the others.
func (c *claim) familiar(around []lease.Lease, taken *lease.Space) (netip.Addr, bool) {
	return c.latest(around, func(l *lease.Lease) bool {
		return l.Status != lease.Declined && !taken.Has(l.Addr)
	})
}

// latest returns the address of the lease that was heard of last, of those that fit and that the client can
// have.
func (c *claim) latest(leases []lease.Lease, fits func(*lease.Lease) bool) (a netip.Addr, ok bool) {
	var last lease.Instant
	for i := range leases {
		l := &leases[i]
		if ok && l.Last <= last || !fits(l) {
			continue
		}
		sub, _ := c.subnet(l.Addr)
		if _, may, _ := c.entitled(sub, l.Addr); may && c.free(sub, l.Addr) {
			a, last, ok = l.Addr, l.Last, true
		}
	}
	return a, ok
}

// leave marks the other leases of a client that was bound as released, where both subnets want it so
// (V4-086). No booking is lowered (P8).
func (s *State) leave(b *bid, c *Client) []lease.Lease {
	if !b.link.Identity.OneLease {
		return nil
	}
	leases := s.leases.ByClient(c.Key)
	if b.link.Identity.Match == config.MatchHardware && b.hardware != "" {
		leases = s.leases.ByHardware(b.hardware)
	}
	var left []lease.Lease
	for _, l := range leases {
		sub, ok := s.config.SubnetOf(l.Addr)
		if !ok || sub == b.sub || !sub.Link.Identity.OneLease ||
			l.Status != lease.Bound || l.FreeFrom() <= s.clock {
			continue
		}
		there := claim{s: s, link: sub.Link, key: c.Key, htype: c.HType, chaddr: c.CHAddr}
		if mine, decided := there.byHardware(&l); mine || !decided && l.Client == c.Key {
			left = append(left, s.giveBack(l).Lease)
		}
	}
	return left
}
