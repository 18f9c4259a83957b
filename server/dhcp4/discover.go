package dhcp4

import (
	"net/netip"

	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// Probe is an address that somebody may use, and how to ask.
type Probe struct {
	Addr      netip.Addr
	ICMP, ARP bool
	Millis    uint32 // for how long an answer is waited for
}

// Probes is what this node has found out by probing, lent to Decide. Its methods may be called while the
// state is lent.
type Probes interface {
	// Of returns what is known of a. silent says that nobody answered; inUse that somebody did, whose hardware
	// address is in raw octets and empty if a router stands between. Neither is set if a was not probed lately.
	Of(a netip.Addr) (silent, inUse bool, hardware string)
	// Spare returns addresses of pool p for which nobody answered, the first to be offered first. The caller
	// does not change them.
	Spare(p *config.CompiledPool) []netip.Addr
}

// passedOverMax is how many addresses in a row that are in use are passed over.
const passedOverMax = 64

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
	probe := c.d.Probe
	c.d.Probe = Probe{}
	switch {
	case c.without(a): // V4-105
	case ours:
		c.d.Local.Lease.Addr, c.d.Hold = a, true
		c.d.Firm, c.d.Local.Told = c.firm(a)
		c.noteUse(a)
		c.d.Probe = probe
	case refusal == storage.Granted:
		c.noteUse(a)
		c.d.Command = storage.Offer{Client: client, Link: c.d.Path.Link, Wish: a, Asked: asked}
		c.d.Probe = probe
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

// suitable returns the address that the client should be offered. Where addresses are probed it is none that
// is known to be in use, and c.d.Probe says whether it has to be probed first.
func (c *chooser) suitable(client storage.Client, wish netip.Addr, own *lease.BucketSet,
	taken *lease.Space,
) (netip.Addr, storage.Refusal) {
	c.d.Probe = Probe{}
	a, refusal := c.view.Suitable(client, c.d.Path.Link, wish, own, taken)
	if c.self.Probes == nil || !c.d.Config.Probes() {
		return a, refusal
	}
	for range passedOverMax {
		if refusal != storage.Granted {
			return a, refusal
		}
		p := c.settingsFor(a).Probe
		if !p.Wanted() || c.current(a) { // V4-109
			return a, refusal
		}
		silent, inUse, hardware := c.self.Probes.Of(a)
		if inUse && !c.itself(a, &client, hardware) && !taken.Has(a) {
			taken = taken.With(a)
			a, refusal = c.view.Suitable(client, c.d.Path.Link, wish, own, taken)
			continue
		}
		if silent || inUse {
			return a, refusal
		}
		if spare, ok := c.spare(client, a, wish, own, taken); ok {
			return spare, refusal
		}
		c.d.Probe = Probe{Addr: a, ICMP: p.ICMP, ARP: p.ARP, Millis: p.TimeoutMillis}
		return a, refusal
	}
	return netip.Addr{}, storage.Exhausted
}

// spare returns an address of the same pool that may be offered instead of a, which is any free one, without
// a wait: it has been probed ahead. What is promised to the client, was its own or is wished for has none.
func (c *chooser) spare(client storage.Client, a, wish netip.Addr, own *lease.BucketSet, taken *lease.Space,
) (netip.Addr, bool) {
	if a == wish {
		return a, false
	}
	sub, _ := c.d.Config.SubnetOf(a)
	pool, ok := sub.PoolOf(a)
	if !ok {
		return a, false
	}
	for _, spare := range c.self.Probes.Spare(pool) {
		if taken.Has(spare) || own != nil && !own.Has(lease.AddrBucket(spare)) {
			continue
		}
		if silent, _, _ := c.self.Probes.Of(spare); !silent {
			continue // That was too long ago.
		}
		// Its own address comes before the wish; then no other spare is given, either.
		switch b, _ := c.view.Suitable(client, c.d.Path.Link, spare, own, taken); b {
		case spare:
			return spare, true
		case a:
			if l, known := c.view.Lease(a); known && l.Client == client.Key {
				return a, false
			}
		}
	}
	return a, false
}

// current says whether a is what the client has now: then it may well answer, and is not probed (V4-109).
func (c *chooser) current(a netip.Addr) bool {
	l, ok := c.view.Lease(a)
	if !ok || l.Status == lease.Offered || l.FreeFrom() <= c.view.Clock() {
		return false
	}
	firm, _ := c.firm(a)
	return firm
}

// itself says whether who answers for a is the client, which uses the address although its lease has ended
// (W-013, W-014). Behind a router nobody shows its hardware address: there it is believed to be the client if
// the address was its own.
func (c *chooser) itself(a netip.Addr, client *storage.Client, hardware string) bool {
	if hardware != "" {
		return hardware == client.CHAddr
	}
	l, ok := c.view.Lease(a)
	return ok && l.Client == client.Key
}

// Conflicts says whether somebody else than the last holder of address a answers for it. The last holder who
// uses it beyond its lease gets it back when it asks (W-014); until then others are not offered it. Behind a
// router nobody shows a hardware address: there it is believed to be the last holder if there was one.
func Conflicts(view storage.View, a netip.Addr, hardware string) bool {
	l, ok := view.Lease(a)
	return !ok || l.Status == lease.Declined || hardware != "" && l.CHAddr != hardware
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
		_, known := c.d.reservation(c.d.place.link)
		if !known && !l.BOOTP && !c.owns(&l) {
			return true, 0 // It is taken over: the lease begins anew.
		}
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
