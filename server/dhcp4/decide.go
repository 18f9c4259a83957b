package dhcp4

import (
	"net/netip"

	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// HoldSeconds is how long an address on offer is kept for its client (V4-106).
const HoldSeconds lease.Seconds = 120

// promiseMin is the shortest time that a holder is told when the log cannot be asked (HA-012).
const promiseMin lease.Seconds = 60

// hopsMax is how many relays a message may have passed.
const hopsMax = 16

// Self is what the deciding node knows beside the replicated state.
type Self struct {
	Node storage.NodeID
	// Upper is a moment that cluster time has not passed; it counts only if Anchored.
	Upper    lease.Instant
	Anchored bool
	// InTouch says that the leader was heard from lately, so that offers may be made.
	InTouch bool
	// Waited says that the nodes ahead have had their time: it is this node's turn whoever they are.
	Waited bool
	// Trace is told how the decision and the reply to it came about; nil if nobody wants to know.
	Trace  *Trace
	Offers Offers
	Ears   Ears
	// Probes may be nil: then nothing is probed.
	Probes Probes
	// Classes are those of the view's configuration. They may be nil if it has no Named ones.
	Classes Classes
}

// Classes finds the classes of clients, lent to Decide.
type Classes interface {
	// Of returns those of the configuration's Named classes that the sender of q is in, in their order, and
	// the errors of the tests that failed; these count as false. relayInfo stands for option 82 of q; known
	// says whether the client has a reservation on its link.
	Of(q *Query, in *Ingress, relayInfo []byte, known bool) ([]string, []error)
}

// Offers is what this node has on offer, lent to Decide.
type Offers interface {
	// Of returns what is on offer to a client on a link.
	Of(k lease.Key, link string) (Held, bool)
	// To returns the client that a is on offer to.
	To(a netip.Addr) (lease.Key, bool)
	// Held returns what is on offer to anybody.
	Held() *lease.Space
}

// Held is an address on offer, and the configuration and classes that it was offered under (HA-014).
type Held struct {
	Addr    netip.Addr
	Config  *config.Compiled
	Classes []string
}

// Ears is what this node has noticed about its neighbours, lent to Decide.
type Ears interface {
	// Unanswered says that the client has sent the like before and nobody answered.
	Unanswered(k lease.Key, q *Query) bool
	// Deaf says that node has kept silent where it would have answered if it heard what comes by p.
	Deaf(p Path, node storage.NodeID) bool
}

// Path is a way by which messages reach nodes: a link, and the relay agent in front of it.
type Path struct {
	Link   string
	GIAddr netip.Addr // 0.0.0.0 if not relayed
}

// Decision is what should be done about one message.
type Decision struct {
	// Why is why nothing is done at all; Answer if something is.
	Why Why
	// Command is what the cluster has to say first; nil if Local is the answer.
	Command storage.Command
	// Local is what may be told without asking the log. Beside a Command it is told if Fallback is set and
	// the log could not be asked.
	Local    storage.Result
	Fallback bool
	// Later raises the booking of a renewal that is answered from Local.
	Later *storage.Extend
	// Instead is what an OFFER says that is one of no address.
	Instead Instead
	// Irregular is what is wrong with the message although it is treated as if nothing were; told beside any
	// Why.
	Irregular Irregularity
	// Reply is the type of the answer, 0 if none is sent: OfferMsg, or ACK, which the Result may turn into
	// NAK.
	Reply MessageType
	// Hold asks to keep Local.Lease.Addr for the client before the OFFER leaves.
	Hold bool
	// Firm says that this address is the client's already, or reserved for it: if it is on hold for another
	// client, that hold gives way.
	Firm bool
	// Probe is the address that is new to the client and has to be probed before it is offered; its Addr is
	// invalid if there is none.
	Probe Probe
	// Drop asks to forget what is on offer to the client on the link.
	Drop bool
	// Ahead is the nodes that should answer before this one, first the first; this one waits for each a
	// while. If there are any, nothing else of the Decision counts but Path and Key: once they have had their
	// time it has to be made anew, on what is known then.
	Ahead []storage.NodeID
	Path  Path
	// Stranger says that the Command is for somebody who may be made up: it is about an address that the
	// client does not hold, and that neither this node has offered nor the configuration has promised to it.
	Stranger bool
	// Rapid says that the Command binds what the client discovers, without an OFFER: Slowly makes an OFFER of
	// it.
	Rapid bool
	// Private says that no other node can have heard the message.
	Private bool
	// Config is what the reply is made from.
	Config *config.Compiled
	Key    lease.Key
	// Holder is whom this node keeps addresses on offer for: Key, or what tells apart on the link who shows it.
	Holder lease.Key
	// Classes are the client's: known or unknown, and those of Config.Named.
	Classes []string
	// ClassErrors says which tests of classes failed.
	ClassErrors []error

	// revision is that of the configuration by which the link was found.
	revision uint64
	query    *Query
	trace    *Trace
	ingress  *Ingress
	keys     []lease.Key
	// relayInfo is option 82 of the message or, in a renewal, of the lease; class is what the lease has beside
	// it: the class of its reservation.
	relayInfo []byte
	class     string

	place    place
	mode     storage.Mode
	addr     netip.Addr // what the client names; zero if nothing
	serverID netip.Addr
	bare     *config.Effective // what an OFFER of no address is made from
	use      config.Permille   // how much of the pool of what is offered is in use, if that matters
	slow     storage.Command   // that of the OFFER, if Rapid
	relay    *config.Relay     // how the relay agent is treated; nil if as usual
}

// Decide says what should be done about one client message, as far as this node can know.
//
// It finds the client's link and its state (RFC 2131 §4.3.2), and asks view for an address where one is
// wanted. view may be behind the cluster: therefore a Decision that grants or denies an address carries a
// Command, and only the committed Result of that Command is true. A Decision without one is an answer that
// binds nobody (DHCPINFORM), stays within what the log has promised already (an offer, a renewal inside its
// booking), or is silence.
//
// Decide cannot fail: a message that deserves no answer is a Decision to be silent, with its Why. It keeps q
// and in until Reply.
func Decide(view storage.View, q *Query, in *Ingress, self *Self) Decision {
	view = self.Trace.begin(view, self.Waited)
	key, identified := q.ClientKey()
	switch {
	case q.Type != 0 && q.Type != Discover && q.Type != Request && q.Type != Decline && q.Type != Release &&
		q.Type != Inform:
		return Decision{Why: NotForServers} // V4-011
	case !identified:
		return Decision{Why: NoIdentity} // V4-007
	case q.Hops > hopsMax:
		return Decision{Why: TooManyHops}
	case view.Config() == nil:
		return Decision{Why: NoConfig}
	}
	c := chooser{view: view, self: self, q: q, in: in, d: Decision{
		Config: view.Config(), Key: key, Holder: key, revision: view.Revision(), query: q, ingress: in,
		keys: q.keys(key), Private: !q.Relayed() && addressed(in),
	}}
	c.d.trace = self.Trace
	if c.d.Why = c.relayAgent(); c.d.Why != Answer {
		return Decision{Why: c.d.Why, Key: key}
	}
	switch q.Type {
	case 0:
		c.bootp()
	case Discover:
		c.discover()
	case Request:
		c.request()
	case Decline:
		c.decline()
	case Release:
		c.release()
	case Inform:
		c.inform()
	}
	self.Trace.decided(&c)
	if c.d.Why != Answer {
		return Decision{
			Why: c.d.Why, Drop: c.d.Drop, Key: key, Holder: c.d.Holder, Path: c.d.Path,
			Irregular: c.d.Irregular, ClassErrors: c.d.ClassErrors,
		}
	}
	return c.d
}

// chooser is a Decision in the making.
type chooser struct {
	view storage.View
	self *Self
	q    *Query
	in   *Ingress
	d    Decision
	// minSecs is how long the client has to be patient before anybody answers.
	minSecs lease.Seconds
}

// locate puts the client on its link; has is an address that it is known to have there, or invalid. It is
// false if the message ends here.
func (c *chooser) locate(has netip.Addr) bool {
	if c.d.Irregular == 0 && c.q.relayBroken() {
		c.d.Irregular = BrokenRelayInfo
	}
	p, why := c.find(has)
	c.self.Trace.located(&p, has)
	if why != Answer {
		c.d.Why = why
		return false
	}
	c.d.place, c.d.Path = p, c.path(p.link.Name)
	c.d.Holder = c.q.holder(c.d.Key, p.link.Identity.Match)
	return true
}

// path returns the way by which the message came to a link of that name.
func (c *chooser) path(link string) Path {
	if c.q.Relayed() {
		return Path{Link: link, GIAddr: c.q.GIAddr}
	}
	return Path{Link: link, GIAddr: netip.IPv4Unspecified()}
}

// classify finds the classes of the client, which is located, and says whether it is not to be served because
// of them (V4-088). On a link that has no subnet nobody is known. The tests of classes know who has a
// reservation by anything but a class.
func (c *chooser) classify() (denied bool) {
	if c.self.Classes != nil || c.d.Config.ReservesPlaces() || c.d.Config.ReservesClasses() {
		c.recall()
	}
	_, known := c.d.reservation(c.d.place.link)
	c.d.Classes = []string{""} // known or unknown
	if c.self.Classes != nil {
		var names []string
		names, c.d.ClassErrors = c.self.Classes.Of(c.q, c.in, c.d.relayInfo, known)
		c.d.Classes = append(c.d.Classes, names...)
	}
	if !known && c.d.Config.ReservesClasses() {
		_, known = c.d.reservation(c.d.place.link)
	}
	if c.d.Classes[0] = config.Unknown; known {
		c.d.Classes[0] = config.Known
	}
	return c.d.Config.Denies(c.d.Classes)
}

// recall notes option 82 of the message. A renewal does not pass the relay: then it is what came with the
// last message of the client that did, if the client has that lease still (V4-155), and so is the class by
// which it has its reservation.
func (c *chooser) recall() {
	rai, ok := c.q.Options.Get(optRelayInfo)
	c.d.relayInfo = rai
	if ok || c.q.Relayed() || c.q.CIAddr.IsUnspecified() {
		return
	}
	l, ok := c.view.Lease(c.q.CIAddr)
	if !ok || !c.owns(&l) || l.FreeFrom() <= c.view.Clock() {
		return
	}
	c.d.relayInfo, c.d.class = []byte(l.RelayInfo), l.Class
}

// admit classifies the client. It is false if the message ends here.
func (c *chooser) admit() bool {
	if c.classify() {
		c.d.Why = Filtered
	}
	return c.d.Why == Answer
}

// client returns what commands carry of the client. It is located and classified before.
func (c *chooser) client() storage.Client {
	return c.q.client(c.d.Key, c.d.Classes)
}

// identify finds the server identifier of the reply. It is false if the message ends here.
func (c *chooser) identify() bool {
	c.d.serverID = identifier(&c.d.place, c.q, c.in)
	if !unicast(c.d.serverID) {
		c.d.Why = NoIdentifier
	}
	return c.d.Why == Answer
}

// identifier returns the server identifier for a reply: what the relay demands (V4-059), what the client
// chose and is known to be ours, the address a client without a relay has sent to, the service address of the
// link, the address a relay has sent to, this node's address on the link (HA-001).
func identifier(p *place, q *Query, in *Ingress) netip.Addr {
	if a, ok := q.relayAddr(raiServerID); ok && unicast(a) {
		return a
	}
	if sid, ok := q.addr(optServerID); ok && q.Type == Request {
		return sid
	}
	byUnicast := addressed(in)
	if byUnicast && !q.Relayed() {
		return in.Dst
	}
	if a, ok := p.serviceAddress(); ok {
		return a
	}
	if byUnicast {
		return in.Dst
	}
	return in.Local
}

// addressed says whether the datagram was sent to this node alone.
func addressed(in *Ingress) bool {
	if !unicast(in.Dst) {
		return false
	}
	for _, p := range in.Prefixes {
		if p.Bits() < 31 && in.Dst == lastOf(p) {
			return false
		}
	}
	return true
}

// otherServer says whether the client names a server identifier that is not ours: neither an address of this
// node or of any member, nor a service address, past ones of both included (HA-001), nor what the relay has
// told it (V4-126).
func (c *chooser) otherServer() bool {
	sid, ok := c.q.addr(optServerID)
	if !ok || local(c.in, sid) {
		return false
	}
	if a, ok := c.q.relayAddr(raiServerID); ok && a == sid {
		return false
	}
	if _, ok := c.d.Config.ServiceAddress(sid); ok {
		return false
	}
	_, ok = c.view.OwnerOfAddress(sid)
	return !ok && !c.view.FormerIdentifier(sid)
}

// ServerID returns the server identifier that a message names (RFC 2132 §9.7).
func (q *Query) ServerID() (netip.Addr, bool) { return q.addr(optServerID) }

// ForeignServer returns the server that a reply is from which came from source: its server identifier, or
// source if it names none. It is invalid if that is one of the cluster's, or of a relay agent that speaks
// for a server (RFC 5107).
func ForeignServer(view storage.View, q *Query, source netip.Addr) netip.Addr {
	a, ok := q.ServerID()
	if !ok {
		a = source
	}
	_, member := view.OwnerOfAddress(a)
	if member || view.FormerIdentifier(a) || q.Relayed() && a == q.GIAddr {
		return netip.Addr{}
	}
	if c := view.Config(); c != nil {
		if _, service := c.ServiceAddress(a); service {
			return netip.Addr{}
		}
	}
	return a
}

// lastOf returns the last address of an IPv4 prefix.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(b)
}
