package dhcp4

import (
	"port67/storage"
)

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
	c.d.Command = storage.Release{Addr: a, Key: c.d.Key}
}
