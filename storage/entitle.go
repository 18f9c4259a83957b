package storage

import (
	"cmp"
	"net/netip"
	"slices"

	"port67/storage/config"
	"port67/storage/lease"
)

// claim is a client on a link and what the configuration in force, not that of whoever proposed, entitles
// it to.
type claim struct {
	s        *State
	link     *config.Link
	key      lease.Key
	hardware lease.Key // of its hardware address; empty if it has none
	htype    uint8     // of which that is made, like chaddr
	chaddr   string
	relayed  string // option 82 as received
	classes  []string
	// relayInfo is option 82 as it says where the client is.
	relayInfo string
	bootp     bool      // it speaks BOOTP
	twin      lease.Key // then: the same hardware, if it has shown the usual identifier in DHCP
	id        config.Shown
	reserved  bool // it has a reservation on the link: promise
	promise   *config.CompiledReservation
}

// claim returns the claim of a client on a link, where it shows up by itself or through its relay agent.
func (s *State) claim(c *Client, link *config.Link) claim {
	return s.claimAt(c, link, c.RelayInfo, c.Classes)
}

// claimOf returns the claim of a client that renews or rebinds address a. Its message may not have passed the
// relay agent, and so does not show where it is: then that is where it was last time, if a is its own still
// (V4-155). It moves nothing to another place: only the holder is remembered there.
func (s *State) claimOf(c *Client, link *config.Link, a netip.Addr) claim {
	l, ok := s.leases.Get(a)
	q := s.claim(c, link)
	if c.RelayInfo != "" || !ok || l.FreeFrom() <= s.clock || l.RelayInfo == "" && l.Class == "" {
		return q // It shows where it is, or there is nothing to remember.
	}
	mine, decided := q.byHardware(&l)
	if !decided {
		mine = l.Client == c.Key
	}
	if !mine {
		return q
	}
	if l.Class == "" {
		return s.claimAt(c, link, l.RelayInfo, c.Classes)
	}
	return s.claimAt(c, link, l.RelayInfo, append(slices.Clip(c.Classes), l.Class))
}

// claimAt returns the claim of a client that relayInfo and shown say where it is.
func (s *State) claimAt(c *Client, link *config.Link, relayInfo string, shown []string) claim {
	out := claim{
		s: s, link: link, key: c.Key, htype: c.HType, chaddr: c.CHAddr, relayed: c.RelayInfo, relayInfo: relayInfo,
	}
	if c.CHAddr != "" {
		out.hardware = lease.HardwareKey(c.HType, []byte(c.CHAddr))
	}
	out.id = s.config.Shown(out.key, out.hardware, relayInfo, shown)
	out.promise, out.reserved = link.ReservationFor(&out.id)
	out.classes = classesOf(c.Classes, out.reserved)
	return out
}

// class returns the class by which the client has its reservation; empty if it has it by something else.
func (c *claim) class() string {
	if !c.reserved {
		return ""
	}
	return c.promise.ClassOf(&c.id)
}

// classesOf returns named with the built-in class that holds by the configuration in force.
func classesOf(named []string, reserved bool) []string {
	builtIn := config.Unknown
	if reserved {
		builtIn = config.Known
	}
	out := make([]string, 0, len(named)+1)
	for _, n := range named {
		if n != config.Known && n != config.Unknown {
			out = append(out, n)
		}
	}
	return append(out, builtIn)
}

// reservation returns the client's reservation, if it is in sub. On a link it is one, that of the client's
// foremost identifier (V4-087).
func (c *claim) reservation(sub *config.CompiledSubnet) (*config.CompiledReservation, bool) {
	if !c.reserved || c.promise.Subnet != sub {
		return nil, false
	}
	return c.promise, true
}

// promised returns the address that the administrator promised to the client on the link, if it is another
// one than except and the client can have it now.
func (c *claim) promised(except netip.Addr) (netip.Addr, bool) {
	if !c.reserved || !c.promise.Address.IsValid() || c.promise.Address == except {
		return netip.Addr{}, false
	}
	a, sub := c.promise.Address, c.promise.Subnet
	return a, sub.Link == c.link && sub.Open(c.classes) && !c.s.isOwn(a) && c.free(sub, a)
}

// denied says whether the client is not to be served at all, by the configuration in force (V4-088).
func (c *claim) denied() bool { return c.s.config.Denies(c.classes) }

// subnet returns the subnet of the link in which a lies.
func (c *claim) subnet(a netip.Addr) (*config.CompiledSubnet, bool) {
	for _, sub := range c.link.Subnets {
		if sub.Prefix.Contains(a) {
			return sub, true
		}
	}
	return nil, false
}

// title is why a client may have an address: its subnet is open to the client, it is reserved for it, or in a
// pool that is open to it, and no member's own.
type title struct {
	sub         *config.CompiledSubnet
	pool        *config.CompiledPool        // nil if reserved
	reservation *config.CompiledReservation // nil if the client has none in sub
}

// entitled returns the client's title to address a of sub. Without one, others says whether a is reserved
// to somebody else.
func (c *claim) entitled(sub *config.CompiledSubnet, a netip.Addr) (t title, ok, others bool) {
	t.sub = sub
	mine, has := c.reservation(sub)
	if has {
		t.reservation = mine
	}
	if r, promised := sub.ReservationAt(a); promised {
		own := has && r == mine
		return t, own && sub.Open(c.classes) && !c.s.isOwn(a), !own
	}
	pool, ok := sub.PoolOf(a)
	if !ok || !c.open(pool) || c.s.isOwn(a) {
		return t, false, false
	}
	t.pool = pool
	return t, true, false
}

// effective returns the settings for a client with that title. Those of its reservation hold on the whole
// link.
func (c *claim) effective(t title) *config.Effective {
	return c.s.config.EffectiveFor(t.sub, t.pool, cmp.Or(t.reservation, c.promise), c.classes)
}

// open says whether the client may have free addresses of pool.
func (c *claim) open(pool *config.CompiledPool) bool {
	return pool.Subnet.Open(c.classes) && pool.Open(c.classes) &&
		(!c.bootp || c.effective(title{sub: pool.Subnet, pool: pool}).BOOTP.Dynamic)
}

// holds says whether l is the client's: it is under the client's key, it was got by BOOTP under the client's
// hardware address (BP-004), both are known by identifiers of one device in sub (nil if there is no subnet
// any more), or the client has taken the place of the holder. Where hardware addresses count, they decide
// alone or have to be the same, too, but for places.
func (c *claim) holds(sub *config.CompiledSubnet, l *lease.Lease) bool {
	if mine, decided := c.byHardware(l); decided {
		return mine || sub != nil && l.Client != "" && c.succeeds(sub, l)
	}
	if l.Client == c.key || c.bootp && l.Client == c.twin ||
		l.BOOTP && c.hardware != "" && l.Hardware() == c.hardware {
		return true
	}
	if sub == nil || l.Client == "" {
		return false
	}
	if c.succeeds(sub, l) {
		return true
	}
	mine, ok := sub.DeviceFor(&c.id)
	if !ok {
		return false
	}
	holder := c.s.config.Shown(l.Client, l.Hardware(), "", nil)
	theirs, ok := sub.DeviceFor(&holder)
	return ok && theirs == mine
}

// succeeds says whether the client is at a place of which the administrator says that there is only one
// device at a time, and l is the lease of the address of that place, granted to a device that was there: then
// that device is gone (adr/0019). A lease that was granted elsewhere is not concerned.
func (c *claim) succeeds(sub *config.CompiledSubnet, l *lease.Lease) bool {
	r := c.promise
	if !c.reserved || !r.OneDevice || r.Subnet != sub || r.Address != l.Addr {
		return false
	}
	holder := c.s.config.Holder(l)
	return r.Shows(&holder)
}

// free says whether the client can have address a of sub: nobody else holds it, and it is not in
// quarantine.
func (c *claim) free(sub *config.CompiledSubnet, a netip.Addr) bool {
	l, ok := c.s.leases.Get(a)
	switch {
	case !ok || l.FreeFrom() <= c.s.clock:
		return true
	case l.Status == lease.Declined:
		return false
	}
	return c.holds(sub, &l) || c.inherits(&l) || givenBack(sub, &l)
}

// givenBack says whether others get the address of l before its booking has passed, because its client gave
// it back and the administrator knows that clients mean it (early-reuse).
func givenBack(sub *config.CompiledSubnet, l *lease.Lease) bool {
	return sub.EarlyReuse && l.GivenBack()
}

// held returns the client's leases on the link, living and past, by ascending address.
func (c *claim) held() []lease.Lease {
	out := c.under(nil, c.key)
	keys := c.otherKeys()
	more := c.aliases()
	if len(keys) == 0 && len(more) == 0 {
		return out
	}
	out = append(out, more...)
	for _, k := range keys {
		out = c.under(out, k)
	}
	slices.SortFunc(out, func(a, b lease.Lease) int { return a.Addr.Compare(b.Addr) })
	return slices.CompactFunc(out, func(a, b lease.Lease) bool { return a.Addr == b.Addr })
}

// under appends the client's leases on the link that are found by Key k.
func (c *claim) under(out []lease.Lease, k lease.Key) []lease.Lease {
	for _, l := range c.s.leases.ByClient(k) {
		sub, ok := c.subnet(l.Addr)
		if ok && c.holds(sub, &l) {
			out = append(out, l)
		}
	}
	return out
}

// otherKeys returns the Keys beside its own by which leases of the client may be found.
func (c *claim) otherKeys() []lease.Key {
	var keys []lease.Key
	add := func(k lease.Key) {
		if k != "" && k != c.key && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	if c.bootp {
		add(c.twin)
	}
	if c.s.leases.BOOTP() > 0 {
		add(c.hardware)
	}
	if !c.reserved {
		return keys
	}
	for _, sub := range c.link.Subnets {
		if r, ok := sub.DeviceFor(&c.id); ok {
			for _, k := range r.Keys {
				add(k)
			}
		}
	}
	return keys
}
