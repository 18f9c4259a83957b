package dhcp4

import (
	"net/netip"
	"slices"
	"strings"

	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// bootpSizeMin is the size of a BOOTP message (RFC 951 §3), and bootpOverhead what IP and UDP add to it.
const (
	bootpSizeMin  = 300
	bootpOverhead = 28
)

// bootKey returns who a BOOTP client is: its hardware, whatever else it says (BP-003). Hardware of zeros is
// no hardware: many devices that have not found theirs would be one client.
func (q *Query) bootKey() (lease.Key, bool) {
	hw := q.hardware()
	if q.HType == 0 || !slices.ContainsFunc(hw, func(o byte) bool { return o != 0 }) {
		return "", false
	}
	return lease.HardwareKey(q.HType, hw), true
}

// bootp decides about a BOOTREQUEST (RFC 951 §7.3, RFC 1542 §5, RFC 1534 §2).
//
// There is one message and one answer, and the client then uses the address without end: what it is told has
// to be committed first, also where the address is reserved for it. Only what the log has promised it for
// ever already is told again by any node that hears it. Who answers first is decided as for a DISCOVER.
func (c *chooser) bootp() {
	has := c.q.CIAddr
	if c.q.Relayed() || !addressed(c.in) || !unicast(has) {
		has = netip.Addr{}
	}
	if !c.locate(has) || !c.admit() || !c.identify() {
		return
	}
	a, booked, refusal := c.bootAddr()
	knows := c.knows(a)
	switch {
	case knows && !c.bootServed():
		c.d.Why = BOOTP
	case knows && !c.d.place.has(c.q.CIAddr):
		c.d.Why = OffLink
	case knows:
		a = c.q.CIAddr
	case refusal == storage.OverLimit:
		c.d.Why = OverLimit
	case refusal != storage.Granted && c.bootPools():
		c.d.Why = Exhausted
	case refusal != storage.Granted:
		c.d.Why = BOOTP // BP-002
	}
	if c.d.Why != Answer || !c.bootWanted(c.settingsFor(a)) || c.waits() {
		return
	}
	c.d.mode, c.d.addr = storage.BOOTP, a
	c.d.Local.Lease.Addr, c.d.Local.Told = a, lease.Infinite
	through := !c.self.Anchored || c.d.Config.Config.Renewals == config.RenewalsCommitted
	if !knows && (!booked || through) {
		c.d.Command = storage.Bind{Client: c.client(), Link: c.d.Path.Link, Addr: a, Mode: storage.BOOTP}
		c.d.Drop = true
		_, reserved := c.d.reservation(c.d.place.link)
		c.d.Stranger = !reserved && !c.holds(a)
	}
}

// bootAddr returns the address that the client should have: its own, the one it names if that is free, a free
// one of this node's part, a free one of anybody's. booked says that it is the client's for ever.
func (c *chooser) bootAddr() (a netip.Addr, booked bool, r storage.Refusal) {
	client, own, taken := c.client(), c.view.BucketsOf(c.self.Node), c.self.Offers.Held()
	link, wish := c.d.Path.Link, c.q.CIAddr
	if held, ok := c.self.Offers.Of(c.d.Holder, link); ok {
		taken = taken.Without(held.Addr)
		if !unicast(wish) {
			wish = held.Addr
		}
	}
	if a, booked, r = c.view.SuitableBOOTP(client, link, wish, &own, taken); r != storage.Granted {
		a, booked, r = c.view.SuitableBOOTP(client, link, wish, nil, taken)
	}
	return a, booked, r
}

// knows says whether the client has an address by other means and wants no more than its file (BP-020): it
// names one (ciaddr) that the log would not give it, and none is reserved for it. It is told its own address
// again, as in DHCPINFORM, which grants nothing. a is what the log would give it.
func (c *chooser) knows(a netip.Addr) bool {
	if !unicast(c.q.CIAddr) || a == c.q.CIAddr {
		return false
	}
	s, ok := c.d.Config.SubnetOf(a)
	if !ok {
		return true
	}
	_, reserved := s.ReservationAt(a)
	return !reserved
}

// bootServed says whether BOOTP clients like this one are served on the link: it has a reservation, or there
// are pools for it.
func (c *chooser) bootServed() bool {
	_, known := c.d.reservation(c.d.place.link)
	return known || c.bootPools()
}

// bootPools says whether the link has pools for BOOTP that are open to the client.
func (c *chooser) bootPools() bool {
	res, _ := c.d.reservation(c.d.place.link)
	for _, s := range c.d.place.link.Subnets {
		for _, p := range s.Pools {
			if s.Open(c.d.Classes) && p.Open(c.d.Classes) &&
				effective(c.d.Config, s, p, res, c.d.Classes).BOOTP.Dynamic {
				return true
			}
		}
	}
	return false
}

// bootWanted says whether the message is one that e lets us answer: long enough (BP-014), not meant for
// another server (BP-010), and for a boot file that there is (BP-012).
func (c *chooser) bootWanted(e *config.Effective) bool {
	switch {
	case c.q.Size < bootpSizeMin && !e.BOOTP.ShortRequests:
		c.d.Why = ShortRequest
	case len(c.q.SName) > 0 && !c.named(string(c.q.SName), e):
		c.d.Why = OtherServer
	case e.BOOTP.StrictFiles && !bootFileKnown(c.q, e):
		c.d.Why = NoBootFile
	}
	return c.d.Why == Answer
}

// named says whether name is one of ours: the one that clients are told, that of a node, or an address that
// counts as ours (RFC 951 §7.3).
func (c *chooser) named(name string, e *config.Effective) bool {
	if strings.EqualFold(name, e.ServerName) || name == e.NextServer.String() {
		return true
	}
	for _, n := range c.view.Nodes() {
		if !n.Removed && strings.EqualFold(name, n.Name) {
			return true
		}
	}
	a, err := netip.ParseAddr(name)
	if err != nil {
		return false
	}
	_, ours := c.view.OwnerOfAddress(a)
	_, service := c.d.Config.ServiceAddress(a)
	return ours || service || local(c.in, a)
}

// bootFileKnown says whether the file that the client names, if it does, is known by that name or is the one
// that clients are told.
func bootFileKnown(q *Query, e *config.Effective) bool {
	if len(q.File) == 0 || string(q.File) == e.BootFile {
		return true
	}
	_, ok := e.BOOTP.Path(string(q.File))
	return ok
}

// bootReply makes the BOOTREPLY of a decision and the cluster's word on it. There is no denial in BOOTP.
func (d *Decision) bootReply(r storage.Result) (Message, Why) {
	switch r.Refusal {
	case storage.Granted:
	case storage.Exhausted, storage.TooMany:
		return Message{}, Exhausted
	case storage.NoSuchLink:
		return Message{}, UnknownLink
	case storage.Filtered:
		return Message{}, Filtered
	case storage.OverLimit:
		return Message{}, OverLimit
	default:
		return Message{}, RefusedUnheard
	}
	q, a := d.query, r.Lease.Addr
	g, ok := d.grant(a, r.Told)
	if !ok {
		return Message{}, NoSubnetAnyMore
	}
	m := d.header(0)
	m.Hops, m.Secs, m.CIAddr, m.YIAddr = q.Hops, q.Secs, q.CIAddr, a // BP-016, BP-017
	d.boot(&m, g.Effective)
	if m.SIAddr.IsUnspecified() {
		m.SIAddr = source(&m, d.ingress) // RFC 951 §7.3: our own.
	}
	m.File = bootFile(q, g.Effective, m.File)
	m.broadcast(g.AlwaysBroadcast)
	if !q.Cookie && !g.BOOTP.AlwaysOptions {
		m.Vend = q.Vend // BP-007, BP-008
		return m, Answer
	}
	m.MaxSize = q.bootSize(d.ingress)
	m.Options = d.bootOptions(&m, &g)
	return m, Answer
}

// bootFile returns the boot file for a client: where the one is that it names (BP-011), what is configured,
// the name it gives (BP-012).
func bootFile(q *Query, e *config.Effective, configured string) string {
	if path, ok := e.BOOTP.Path(string(q.File)); ok {
		return path
	}
	if configured == "" {
		return string(q.File)
	}
	return configured
}

// bootSize returns the largest datagram that a BOOTP client takes: one with a vendor area of 64 octets, one
// as large as its own, or what it says (BP-006).
func (q *Query) bootSize(in *Ingress) int {
	if b, _ := q.Options.Get(optMaxSize); len(b) == 2 {
		return q.maxSize(in)
	}
	most := sizeMax
	if in.MTU > 0 {
		most = min(in.MTU, sizeMax)
	}
	return max(min(q.Size+bootpOverhead, most), bootpSizeMin+bootpOverhead)
}

// bootOrder is the options that a vendor area of 64 octets is for, the most wanted first (RFC 1497; BP-006).
// It never changes.
var bootOrder = [...]uint8{
	optSubnetMask, optRouter, optDNS, optDomainName, optHostname, optRootPath, optBootSize, optExtensionsPath,
}

// bootOptions returns the options of a BOOTREPLY: those of bootOrder, then all others that are configured, as
// far as they are not for DHCP alone (BP-005). A client cannot ask for any. Its identifier, which does not
// name it here, goes back where options always do (BP-003).
func (d *Decision) bootOptions(m *Message, g *grant) []ReplyOption {
	b := builder{d: d, g: g, list: make([]ReplyOption, 0, 16)}
	b.mask()
	for i, code := range bootOrder {
		b.value(code, rankRequested+uint16(i))
	}
	for _, o := range g.Options {
		if o.Code != optV6OnlyPreferred && o.Code != optAutoConfigure {
			b.value(o.Code, rankUnrequested)
		}
	}
	for code := range len(g.AlwaysSend) {
		if g.AlwaysSend[code] {
			b.value(uint8(code), rankUnrequested)
		}
	}
	if id, _ := d.query.Options.Get(optClientID); len(id) > 0 && g.EchoClientID && g.BOOTP.AlwaysOptions {
		b.put(optClientID, rankUnrequested, id)
	}
	return d.echo(b.list, m, false)
}

// bootDestination says where a BOOTREPLY goes (RFC 1542 §5.4; BP-013). Other than in DHCP a client that has
// its address is reached there, whatever relay its message came through.
//
//	ciaddr set      to ciaddr, port 68
//	giaddr set      to the relay at giaddr, port 67
//	broadcast bit   broadcast on the ingress link, port 68
//	otherwise       to yiaddr at the client's hardware address, port 68, without ARP
func bootDestination(q *Query, m *Message, in *Ingress) Dest {
	d := Dest{Source: source(m, in), Port: ClientPort}
	switch {
	case unicast(q.CIAddr):
		d.Kind, d.Addr = DestRouted, q.CIAddr
		if onLink(in, q.CIAddr) {
			d.IfIndex = in.IfIndex
		}
	case q.Relayed():
		d.toRelay(q, m, in)
	case q.Flags&BroadcastFlag != 0 || m.AlwaysBroadcast || q.HType != hardwareEthernet || q.HLen != 6:
		d.broadcast(in)
	default:
		d.Kind, d.Addr, d.IfIndex = DestRaw, m.YIAddr, in.IfIndex
		d.HW = [6]byte(q.CHAddr[:6])
	}
	return d
}
