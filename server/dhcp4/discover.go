package dhcp4

import (
	"net/netip"

	"port67/storage"
	"port67/storage/lease"
)

// discover looks for an address to offer (RFC 2131 §4.3.1, V4-100 … V4-107).
//
// An offer from this node's own part of the free addresses costs nothing: it is held here. Where that part is
// empty the log is asked for any free address. A client that asks again is offered the same (V4-107). A
// server identifier in the message is ignored (V4-114).
func (c *chooser) discover() {
	if _, ok := c.q.Options.Get(optServerID); ok {
		c.d.Irregular = ServerInDiscover
	}
	if !c.locate(netip.Addr{}) || !c.admit() || !c.identify() || !c.patient() {
		return
	}
	if !c.self.InTouch {
		c.d.Why = OutOfTouch
		return
	}
	if c.waits() {
		return
	}
	asked, _ := c.q.addr(optRequestedAddress)
	wish, taken := asked, c.self.Offers.Held()
	if held, ok := c.self.Offers.Of(c.d.Key, c.d.Path.Link); ok {
		wish, taken = held.Addr, taken.Without(held.Addr)
	}
	client, own := c.client(), c.view.BucketsOf(c.self.Node)
	a, refusal := c.suitable(client, wish, &own, taken)
	c.d.Reply = OfferMsg
	ours := refusal == storage.Granted
	if !ours {
		a, refusal = c.suitable(client, wish, nil, taken)
	}
	switch {
	case c.without(a): // V4-105
	case ours:
		c.d.Local.Lease.Addr, c.d.Hold = a, true
		c.d.Firm, c.d.Local.Told = c.firm(a)
		c.noteUse(a)
	case refusal == storage.Granted:
		c.noteUse(a)
		c.d.Command = storage.Offer{Client: client, Link: c.d.Path.Link, Wish: a, Asked: asked}
		c.d.Stranger = !c.holds(a)
	case refusal == storage.OverLimit:
		c.d.Why = OverLimit
	default:
		// What is free in nobody's part is not asked for: a flood would fill the log with refusals.
		c.d.Why = Exhausted // V4-105
	}
	if c.d.Why == Answer && c.d.Instead == 0 {
		c.rapid(client, a)
	}
}

// patient says whether the client has been trying for as long as it has to (V4-115). Nobody is expected to
// have answered it before that.
func (c *chooser) patient() bool {
	if !c.d.Config.Patient {
		return true
	}
	c.minSecs = c.settingsFor(netip.Addr{}).MinSecs
	if lease.Seconds(c.q.secs()) < c.minSecs {
		c.d.Why = TooEarly
	}
	return c.d.Why == Answer
}

// rapid has the address a, which the client would be offered, bound to it at once if it asks for that and it
// is so configured (RFC 4039, V4-111). Only the node whose turn it is comes here. What it found is no more
// than a wish: to the log, the client has the address that another node may have bound to it meanwhile.
func (c *chooser) rapid(client storage.Client, a netip.Addr) {
	if _, asks := c.q.Options.Get(optRapidCommit); !asks || !c.settingsFor(a).RapidCommit {
		return
	}
	c.d.slow = c.d.Command
	c.d.Command = storage.Bind{
		Client: client, Link: c.d.Path.Link, Addr: a, Mode: storage.Rapid, AskedLease: c.q.asked(),
	}
	c.d.Rapid, c.d.Reply, c.d.Drop = true, ACK, true
	c.d.Stranger = !c.holds(a)
}

// Slowly makes the answer to a DISCOVER that was to be bound at once the OFFER that it would be otherwise.
func (d *Decision) Slowly() {
	d.Command, d.slow = d.slow, nil
	d.Rapid, d.Reply, d.Drop, d.Stranger = false, OfferMsg, false, false
}

func (c *chooser) suitable(client storage.Client, wish netip.Addr, own *lease.BucketSet,
	taken *lease.Space,
) (netip.Addr, storage.Refusal) {
	return c.view.Suitable(client, c.d.Path.Link, wish, own, taken)
}

// firm says whether a, which is suitable for the client, is so because it is reserved or booked for it, and
// what is left of the client's lease of it.
func (c *chooser) firm(a netip.Addr) (bool, lease.Seconds) {
	s, ok := c.d.Config.SubnetOf(a)
	if !ok {
		return false, 0
	}
	_, reserved := s.ReservationAt(a)
	l, ok := c.view.Lease(a)
	booked := ok && l.FreeFrom() > c.view.Clock() && !(s.EarlyReuse && l.GivenBack())
	if booked && l.Status == lease.Bound {
		return true, l.Remaining(c.view.Clock())
	}
	return booked || reserved, 0
}

// noteUse notes how much of the pool of a is in use, if that makes lease times shorter.
func (c *chooser) noteUse(a netip.Addr) {
	if !c.d.Config.Pressure {
		return
	}
	if s, ok := c.d.Config.SubnetOf(a); ok {
		if pool, ok := s.PoolOf(a); ok {
			c.d.use = c.view.Use(pool)
		}
	}
}
