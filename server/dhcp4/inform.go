package dhcp4

import "net/netip"

// inform answers a client that has an address by other means with everything but a lease (RFC 2131 §4.3.5,
// V4-190 … V4-198). No lease is looked up and none is made.
func (c *chooser) inform() {
	has := c.q.CIAddr
	if has.IsUnspecified() && !c.q.Relayed() {
		has = c.in.Src.Addr() // V4-192
	}
	if !unicast(has) {
		has = netip.Addr{}
		if !c.q.Relayed() {
			c.d.Why = NothingAsked // V4-194
			return
		}
	}
	if !c.locate(has) || !c.admit() || !c.identify() {
		return
	}
	if has.IsValid() && !c.d.place.has(has) {
		c.d.Why = OffLink // V4-195
		return
	}
	if c.waits() {
		return
	}
	c.d.Reply, c.d.addr = ACK, has
	c.d.Local.Lease.Addr = has
}
