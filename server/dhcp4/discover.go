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
	if !c.locate(netip.Addr{}) || !c.admit() || !c.identify() {
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
	if held, ok := c.self.Offers.Of(c.d.Holder, c.d.Path.Link); ok {
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
	case refusal == storage.Granted:
		c.d.Command = storage.Offer{Client: client, Link: c.d.Path.Link, Wish: a, Asked: asked}
	default:
		// What is free in nobody's part is not asked for: a flood would fill the log with refusals.
		c.d.Why = Exhausted // V4-105
	}
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
		_, known := reservation(c.d.place.link.Subnets, c.d.keys)
		if !known && !l.BOOTP && !c.owns(&l) {
			return true, 0 // It is taken over: the lease begins anew.
		}
		return true, l.Remaining(c.view.Clock())
	}
	return booked || reserved, 0
}
