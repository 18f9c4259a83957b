package dhcp4

import (
	"net/netip"

	"port67/storage"
)

// decline passes on that a client found its new address in use (RFC 2131 §4.3.3, V4-170 … V4-176). There is
// no reply.
func (c *chooser) decline() {
	a, ok := c.q.addr(optRequestedAddress)
	if !ok || a.IsUnspecified() {
		c.d.Why = NothingAsked // V4-171
		return
	}
	if !c.locate(netip.Addr{}) {
		return
	}
	to, offered := c.self.Offers.To(a)
	held := offered && to == c.d.Holder
	switch {
	case c.otherServer():
		c.d.Why = OtherServer // V4-174
	case !held && c.stranger(a):
		c.d.Why = NotHolder // V4-172
	}
	if c.d.Why != Answer || c.waits() {
		return
	}
	c.d.Command = storage.Decline{
		Addr: a, Key: c.d.Key, Held: held, HType: c.q.HType, CHAddr: string(c.q.hardware()),
	}
	c.d.Drop = held
}

// stranger says whether another client evidently holds a: then a forged message need not reach the log. What
// this node does not know yet, or no longer counts, is for the log to judge: this node may be behind. A
// client with a reservation may hold a under another of its keys.
func (c *chooser) stranger(a netip.Addr) bool {
	l, ok := c.view.Lease(a)
	if !ok || c.owns(&l) || l.FreeFrom() <= c.view.Clock() {
		return false
	}
	_, reserved := c.d.reservation(c.d.place.link)
	return !reserved
}

// release passes on that a client gives back its address (RFC 2131 §4.3.4, V4-180 … V4-183). There is no
// reply. A requested address in the message is ignored, a missing server identifier is not held against it.
func (c *chooser) release() {
	a := c.q.CIAddr
	if a.IsUnspecified() {
		c.d.Why = NothingAsked
		return
	}
	if !c.locate(a) {
		return
	}
	src := c.in.Src.Addr()
	switch {
	case c.otherServer():
		c.d.Why = OtherServer
	case !c.q.Relayed() && src.IsValid() && !src.IsUnspecified() && src != a:
		c.d.Why = WrongSource
	case c.stranger(a):
		c.d.Why = NotHolder
	}
	if c.d.Why != Answer || c.waits() {
		return
	}
	c.d.Command = storage.Release{Addr: a, Key: c.d.Key, HType: c.q.HType, CHAddr: string(c.q.hardware())}
}

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
