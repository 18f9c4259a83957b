package dhcp4

import (
	"net/netip"

	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// Trace is how a Decision and the reply to it came about, for people: Decide and Reply note it if Self has
// one, and decide nothing by it. A nil Trace notes nothing and costs nothing.
type Trace struct {
	// By is what told on which link the client is, and Where the address that did; it is invalid for an
	// interface. By is 0 if the message ended before.
	By    LinkBy
	Where netip.Addr
	// Decision is what Decide came to, with what it keeps to itself where the answer is silence.
	Decision Decision
	Subnet   *config.CompiledSubnet // of the client's link, the one that was named; nil if there is none
	Mode     storage.Mode           // of a REQUEST or a BOOTREQUEST
	Named    netip.Addr             // the address that the message is about; invalid if none
	ServerID netip.Addr
	// Reservation is the client's on the link, and ReservedBy what it is known by there, in words.
	Reservation *config.CompiledReservation
	ReservedBy  string
	// Denied says that the client is in a class that is not served.
	Denied bool
	// First is the node whose turn it is first, and Chosen that the client named it. Ahead is who was to be
	// waited for when the message came.
	First  storage.NodeID
	Chosen bool
	Ahead  []storage.NodeID
	// Search is how an address was looked for.
	Search storage.Trace

	// Result, Message and Why are what Reply was given and what it gave; Replied says that it was asked at all.
	Replied bool
	Result  storage.Result
	Message Message
	Why     Why
	// Effective is the settings that the reply was made from, for Granted; nil for one without settings.
	Effective *config.Effective
	Granted   Granted
}

// Granted is where the settings of a reply come from.
type Granted struct {
	Subnet      *config.CompiledSubnet
	Pool        *config.CompiledPool        // nil outside of all pools
	Reservation *config.CompiledReservation // nil for a client without one
	Told        lease.Seconds
}

// LinkBy is what told on which link a client is (V4-112).
type LinkBy uint8

// What can tell, in the order in which it is asked.
const (
	ByLinkSelection   LinkBy = iota + 1 // sub-option 5 of the relay agent information (RFC 3527)
	BySubnetSelection                   // option 118 (RFC 3011)
	ByGIAddr
	ByAddress // the address that the client has
	ByInterface
)

// begin forgets what was noted of a decision before, but for whom the node was to wait for, and returns the
// view that notes searches here.
func (t *Trace) begin(view storage.View, waited bool) storage.View {
	if t == nil {
		return view
	}
	ahead := t.Ahead
	*t = Trace{}
	if waited {
		t.Ahead = ahead
	}
	return view.Traced(&t.Search)
}

// located notes what told where the client is; has is the address that it was taken to have.
func (t *Trace) located(p *place, has netip.Addr) {
	if t == nil {
		return
	}
	t.By, t.Subnet = p.by, p.subnet
	if p.by == ByAddress {
		t.Where = has
	}
}

// decided notes what was decided, before it is known whether it is silence.
func (t *Trace) decided(c *chooser) {
	if t == nil {
		return
	}
	d := &c.d
	t.Decision, t.Mode, t.Named, t.ServerID = *d, d.mode, d.addr, d.serverID
	if len(d.Ahead) > 0 {
		t.Ahead = d.Ahead
	}
	switch t.By {
	case ByLinkSelection:
		t.Where, _ = c.q.relayAddr(raiLinkSelection)
	case BySubnetSelection:
		t.Where, _ = c.q.addr(optSubnetSelection)
	case ByGIAddr:
		t.Where = c.q.GIAddr
	case ByAddress, ByInterface:
	}
	t.Denied = d.Classes != nil && d.Config.Denies(d.Classes)
	if t.First, t.Chosen = c.chosen(); !t.Chosen {
		t.First, _ = c.view.BucketOwner(d.Key.Bucket())
	}
	if d.place.link == nil {
		return
	}
	id := d.identity()
	if r, ok := d.place.link.ReservationFor(&id); ok {
		t.Reservation, t.ReservedBy = r, r.KnownBy(&id)
	}
}

// granted notes which settings a reply is made from.
func (t *Trace) granted(g *grant, pool *config.CompiledPool) {
	if t != nil {
		t.Effective = g.Effective
		t.Granted = Granted{Subnet: g.subnet, Pool: pool, Reservation: g.reservation, Told: g.told}
	}
}

// replied notes what was replied to a decision.
func (t *Trace) replied(r storage.Result, m *Message, why Why) {
	if t != nil {
		t.Replied, t.Result, t.Message, t.Why = true, r, *m, why
	}
}

// Server returns the identifier of the server that a message names, if it does (option 54).
func (q *Query) Server() (netip.Addr, bool) { return q.addr(optServerID) }

// Wanted returns the codes of the options that the client asks for, and false with those that one is sent
// which does not ask (V4-061).
func (q *Query) Wanted() ([]byte, bool) { return q.wanted() }
