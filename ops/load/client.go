package load

import (
	"net/netip"
	"time"

	"port67/server/dhcp4"
)

// Plan is what a client does once it is bound. The zero Plan stays and renews at T1.
type Plan struct {
	// RenewAfter renews that long after the ACK although T1 is later; 0: at T1.
	RenewAfter time.Duration
	// ReleaseAfter gives the address back that long after the first ACK and is silent from then on; 0: never.
	ReleaseAfter time.Duration
	// RebootAfter forgets the binding but not the address that long after the first ACK, once, and asks for
	// it again by INIT-REBOOT; 0: never.
	RebootAfter time.Duration
	// Silent never renews: the client is switched off after its ACK, and its lease runs out.
	Silent bool
}

// state is where a client is in figure 5 of RFC 2131.
type state uint8

const (
	idle state = iota
	selecting
	requesting
	bound
	renewing
	rebinding
	rebooting
	gone
)

// never is a time that does not come.
const never = time.Duration(1<<63 - 1)

// requestTries is how often a REQUEST is sent before the client begins anew, with waits of 4, 8, 16 and 32
// seconds (RFC 2131 §4.1 and §4.4.1).
const requestTries = 4

// client is one DHCP client. Times are spans since the start of the load. It changes by wake and hear alone;
// what it wants to say and what befalls it goes to a world.
type client struct {
	id    int
	hw    [6]byte
	relay int // index of its relay agent; -1 for a direct client
	plan  Plan

	state    state
	xid      uint32
	began    time.Duration // of this exchange: option secs counts from here
	sent     time.Duration // of the last message
	tries    int           // messages sent in this exchange
	due      time.Duration // next wake
	server   netip.Addr    // option 54 of the offer or the ACK
	addr     netip.Addr    // offered or bound
	bound    time.Duration // first ACK; 0 before
	acked    time.Duration // last ACK
	t1, t2   time.Duration
	until    time.Duration // end of the lease as the client counts it
	rebooted bool

	group   *group
	place   int           // in the agenda
	first   time.Duration // when it first speaks
	counted bool          // among the bindings of its group
}

// world is what a client can do to its surroundings.
type world interface {
	send(c *client, r request, unicast bool)
	nextXID(c *client) uint32
	jitter() time.Duration // between -1 s and 1 s
	held(c *client, now time.Duration, r reply)
	dropped(c *client, now time.Duration, why loss)
	answered(c *client, now time.Duration)
}

// loss is how a client came to hold its address no longer, or an exchange to nothing.
type loss uint8

const (
	lossRelease loss = iota
	lossNAK
	lossExpiry
	lossReboot
	lossGaveUp // a REQUEST that nobody answered
)

// wake is called when due has come.
func (c *client) wake(now time.Duration, w world) {
	switch c.state {
	case idle:
		c.begin(now, w, selecting)
	case selecting:
		c.transmit(now, w)
	case requesting, rebooting:
		if c.tries >= requestTries {
			w.dropped(c, now, lossGaveUp)
			c.begin(now, w, selecting)
			return
		}
		c.transmit(now, w)
	case bound:
		c.wakeBound(now, w)
	case renewing:
		if now >= c.t2 {
			c.begin(now, w, rebinding)
			return
		}
		c.transmit(now, w)
	case rebinding:
		if now >= c.until {
			c.expire(now, w)
			return
		}
		c.transmit(now, w)
	case gone:
		c.due = never
	}
}

func (c *client) wakeBound(now time.Duration, w world) {
	switch {
	case now >= c.until:
		c.expire(now, w)
	case c.plan.ReleaseAfter > 0 && now >= c.bound+c.plan.ReleaseAfter:
		c.xid = w.nextXID(c)
		w.dropped(c, now, lossRelease)
		w.send(c, request{
			kind: dhcp4.Release, xid: c.xid, hw: c.hw, ciaddr: c.addr, server: c.server,
		}, true)
		c.state, c.due = gone, never
	case c.plan.RebootAfter > 0 && !c.rebooted && now >= c.bound+c.plan.RebootAfter:
		c.rebooted = true
		w.dropped(c, now, lossReboot)
		c.begin(now, w, rebooting)
	default:
		c.begin(now, w, renewing)
	}
}

func (c *client) expire(now time.Duration, w world) {
	w.dropped(c, now, lossExpiry)
	if c.plan.Silent {
		c.state, c.due = gone, never
		return
	}
	c.begin(now, w, selecting)
}

// begin starts a new exchange with its first message.
func (c *client) begin(now time.Duration, w world, s state) {
	c.state, c.xid, c.began, c.tries = s, w.nextXID(c), now, 0
	c.transmit(now, w)
}

// transmit sends the message of the present exchange, again if it was sent before, with the seconds since the
// exchange began (RFC 2131 §4.4.1).
func (c *client) transmit(now time.Duration, w world) {
	r := request{
		kind: dhcp4.Request, xid: c.xid, hw: c.hw, secs: uint16(min((now-c.began)/time.Second, 0xffff)),
	}
	switch c.state {
	case selecting:
		r.kind = dhcp4.Discover
	case requesting:
		r.server, r.requested = c.server, c.addr
	case rebooting:
		r.requested = c.addr
	case renewing, rebinding:
		r.ciaddr = c.addr
	default:
		return
	}
	c.tries++
	c.sent = now
	c.due = now + c.patience(now, w)
	w.send(c, r, c.state == renewing)
}

// patience is how long to wait for an answer to the message just sent: 4 s, then twice as long each time up
// to 64 s, ±1 s (RFC 2131 §4.1). A renewal waits half of what is left, but 4 s at least and never beyond the end
// of its state: RFC 2131 §4.4.5 has 60 s at least, and real clients are quicker.
func (c *client) patience(now time.Duration, w world) time.Duration {
	wait := min(4*time.Second<<min(c.tries-1, 4), 64*time.Second) + w.jitter()
	switch c.state {
	case renewing:
		return max(0, min(max(wait, (c.t2-now)/2), c.t2-now))
	case rebinding:
		return max(0, min(max(wait, (c.until-now)/2), c.until-now))
	}
	return wait
}

// hear takes a reply whose transaction is the client's present one.
func (c *client) hear(now time.Duration, r reply, w world) {
	switch {
	case r.kind == dhcp4.OfferMsg && c.state == selecting && r.server.IsValid() && r.yiaddr.IsValid():
		w.answered(c, now)
		c.server, c.addr = r.server, r.yiaddr
		c.state, c.tries = requesting, 0
		// The transaction goes on: same xid, same beginning (RFC 2131 §4.4.1).
		c.transmit(now, w)
	case r.kind == dhcp4.ACK && c.waits():
		c.take(now, r, w)
	case r.kind == dhcp4.NAK && c.waits():
		w.answered(c, now)
		w.dropped(c, now, lossNAK)
		c.addr, c.server = netip.Addr{}, netip.Addr{}
		c.state, c.due = idle, now+time.Second+w.jitter()
	}
}

// waits says whether an ACK or a NAK is what the client waits for.
func (c *client) waits() bool {
	return c.state == requesting || c.state == rebooting || c.state == renewing || c.state == rebinding
}

// take believes an ACK. The lease counts from the REQUEST that was sent last.
func (c *client) take(now time.Duration, r reply, w world) {
	if !r.hasLease || !r.yiaddr.IsValid() {
		return
	}
	w.answered(c, now)
	span := time.Duration(r.lease) * time.Second
	if r.lease == 0xffffffff {
		c.until = never
	} else {
		c.until = c.sent + span
	}
	c.addr, c.acked = r.yiaddr, now
	if r.server.IsValid() {
		c.server = r.server
	}
	if c.bound == 0 {
		c.bound = now
	}
	c.t1, c.t2 = c.sent+span/2, c.sent+span/8*7
	if r.t1 != 0 {
		c.t1 = c.sent + time.Duration(r.t1)*time.Second
	}
	if r.t2 != 0 {
		c.t2 = c.sent + time.Duration(r.t2)*time.Second
	}
	if c.until == never {
		c.t1, c.t2 = never, never
	}
	c.state = bound
	c.due = c.nextStep()
	w.held(c, now, r)
}

// nextStep is when a bound client does something by itself.
func (c *client) nextStep() time.Duration {
	next := c.t1
	if c.plan.RenewAfter > 0 {
		next = min(next, c.acked+c.plan.RenewAfter)
	}
	if c.plan.Silent {
		next = c.until
	}
	if c.plan.ReleaseAfter > 0 {
		next = min(next, c.bound+c.plan.ReleaseAfter)
	}
	if c.plan.RebootAfter > 0 && !c.rebooted {
		next = min(next, c.bound+c.plan.RebootAfter)
	}
	return next
}
