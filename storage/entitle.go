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
	bootp    bool      // it speaks BOOTP
	twin     lease.Key // then: the same hardware, if it has shown the usual identifier in DHCP
	reserved bool      // it has a reservation on the link: promise
	promise  *config.CompiledReservation
}

// claim returns the claim of a client on a link.
func (s *State) claim(c *Client, link *config.Link) claim {
	out := claim{s: s, link: link, key: c.Key, htype: c.HType, chaddr: c.CHAddr, relayed: c.RelayInfo}
	if c.CHAddr != "" {
		out.hardware = lease.HardwareKey(c.HType, []byte(c.CHAddr))
	}
	for _, sub := range link.Subnets {
		if r, ok := out.reservation(sub); ok {
			out.reserved, out.promise = true, r
			break
		}
	}
	out.classes = classesOf(c.Classes, out.reserved)
	return out
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

// reservation returns the client's reservation in sub; its identifier counts before its hardware address
// (V4-087).
func (c *claim) reservation(sub *config.CompiledSubnet) (*config.CompiledReservation, bool) {
	return sub.ReservationFor(c.key, c.hardware)
}

// promised returns the address that the administrator promised to the client on the link, if it is another
// one than except and the client can have it now.
func (c *claim) promised(except netip.Addr) (netip.Addr, bool) {
	if !c.reserved {
		return netip.Addr{}, false
	}
	for _, sub := range c.link.Subnets {
		r, ok := c.reservation(sub)
		if !ok || !sub.Open(c.classes) || !r.Address.IsValid() || r.Address == except {
			continue
		}
		if !c.s.isOwn(r.Address) && c.free(sub, r.Address) {
			return r.Address, true
		}
	}
	return netip.Addr{}, false
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
// hardware address (BP-004), or both are known by identifiers of one reservation in sub (nil if there is no
// subnet any more). Where hardware addresses count, they decide alone or have to be the same, too.
func (c *claim) holds(sub *config.CompiledSubnet, l *lease.Lease) bool {
	if mine, decided := c.byHardware(l); decided {
		return mine
	}
	if l.Client == c.key || c.bootp && l.Client == c.twin ||
		l.BOOTP && c.hardware != "" && l.Hardware() == c.hardware {
		return true
	}
	if sub == nil || l.Client == "" {
		return false
	}
	mine, ok := c.reservation(sub)
	if !ok {
		return false
	}
	theirs, ok := sub.ReservationFor(l.Client, l.Hardware())
	return ok && theirs == mine
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
		if r, ok := c.reservation(sub); ok {
			for _, k := range r.Keys {
				add(k)
			}
		}
	}
	return keys
}
