package storage

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"port67/storage/config"
	"port67/storage/lease"
)

// How many leases that were there before are counted with each command at most once somebody counts: few
// beside other commands, so that nobody waits, and more with a Tick, which nobody waits for.
const (
	countMax     = 256
	countTickMax = 4096
)

// The sub-options of option 82 that tell machines apart, and that are counted by (RFC 3046 §3.1, §3.2).
const (
	subCircuitID = 1
	subRemoteID  = 2
)

// hand is what addresses are counted by, with how many there may be.
type hand struct {
	key   lease.CountKey
	most  uint32
	words string // reads on after "as many addresses as are allowed to "
}

func circuitKey(link, info string) (lease.CountKey, bool) {
	circuit, ok := lease.RelayOption(info, subCircuitID)
	if !ok || circuit == "" {
		return 0, false
	}
	remote, _ := lease.RelayOption(info, subRemoteID)
	return lease.NewCountKey("circuit", link, circuit, remote), true
}

func remoteKey(info string) (lease.CountKey, bool) {
	remote, ok := lease.RelayOption(info, subRemoteID)
	return lease.NewCountKey("remote-id", remote), ok && remote != ""
}

func classKey(name string) lease.CountKey { return lease.NewCountKey("class", name) }

// countedSep stands between the names in lease.Lease.Counted.
const countedSep = "\x00"

// counted returns those of the client's classes that have a limit, as leases keep them: the log knows classes
// by name only, and only while somebody says them.
func (c *claim) counted() string {
	q := c.s.config.Quotas
	if q == nil {
		return ""
	}
	var names []string
	for _, name := range c.classes {
		if q.OfClass(name) > 0 && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, countedSep)
}

// counter returns what leases are counted by under c; nil if nothing is limited.
//
// A lease counts for as long as the log has promised its address, whether it was given back or not: for so
// long it keeps the address from others. What its client was told may end before; but the log does not know,
// since renewals within the booking are answered without it.
func counter(c *config.Compiled) func(*lease.Lease, []lease.CountKey) []lease.CountKey {
	if c == nil || c.Quotas == nil {
		return nil
	}
	return func(l *lease.Lease, to []lease.CountKey) []lease.CountKey {
		if l.Status != lease.Bound && l.Status != lease.Released {
			return to
		}
		sub, ok := c.SubnetOf(l.Addr)
		if ok && givenBack(sub, l) {
			return to
		}
		if c.Quotas.PerCircuit > 0 && ok {
			if k, has := circuitKey(sub.Link.Name, l.RelayInfo); has {
				to = append(to, k)
			}
		}
		if c.Quotas.PerRemoteID > 0 {
			if k, has := remoteKey(l.RelayInfo); has {
				to = append(to, k)
			}
		}
		if l.Counted == "" {
			return to
		}
		for name := range strings.SplitSeq(l.Counted, countedSep) {
			to = append(to, classKey(name))
		}
		return to
	}
}

// countUnder says whether leases are counted under updated as under old.
func countUnder(old, updated *config.Compiled) bool {
	if old == nil || old.Quotas == nil || updated.Quotas == nil {
		return old != nil && old.Quotas == updated.Quotas
	}
	same := func(a, b *config.CompiledSubnet) bool {
		return a.Prefix == b.Prefix && a.Link.Name == b.Link.Name && a.EarlyReuse == b.EarlyReuse
	}
	return (old.Quotas.PerCircuit > 0) == (updated.Quotas.PerCircuit > 0) &&
		(old.Quotas.PerRemoteID > 0) == (updated.Quotas.PerRemoteID > 0) &&
		slices.EqualFunc(old.Subnets(), updated.Subnets(), same)
}

// hands returns everything that one more address of the client would count for, if it came with this relay
// agent information.
func (c *claim) hands(info string) []hand {
	q := c.s.config.Quotas
	var out []hand
	if k, ok := circuitKey(c.link.Name, info); ok && q.PerCircuit > 0 {
		out = append(out, hand{k, q.PerCircuit, "its circuit"})
	}
	if k, ok := remoteKey(info); ok && q.PerRemoteID > 0 {
		out = append(out, hand{k, q.PerRemoteID, "its remote-id"})
	}
	if names := c.counted(); names != "" {
		for name := range strings.SplitSeq(names, countedSep) {
			out = append(out, hand{classKey(name), q.OfClass(name), "class " + name})
		}
	}
	return out
}

// tooMany says which limit keeps the client from an address to which it has title t; empty if none does. l is
// what is known of the address, if has. A client whose address is booked for it keeps it, wherever it shows
// up; and a reserved address is promised.
func (c *claim) tooMany(t title, l *lease.Lease, has bool) string {
	if c.s.config.Quotas == nil || t.pool == nil {
		return ""
	}
	mine := has && c.holds(t.sub, l)
	bound := l.Status == lease.Bound || l.Status == lease.Released && !givenBack(t.sub, l)
	if mine && bound && l.Booked > c.s.clock {
		return ""
	}
	info := c.relayInfo
	if info == "" && mine && l.Client == c.key {
		info = l.RelayInfo // As it will be kept.
	}
	for _, h := range c.hands(info) {
		if n := c.s.leases.Count(h.key, c.s.clock); n >= uint64(h.most) {
			return fmt.Sprintf("%d addresses are held, as many as are allowed to %s", n, h.words)
		}
	}
	return ""
}

// within says whether the client may have one more address, a, which it could have otherwise.
func (c *claim) within(a netip.Addr) (why string, ok bool) {
	if c.s.config.Quotas == nil {
		return "", true
	}
	sub, found := c.subnet(a)
	if !found {
		return "", true
	}
	t, _, _ := c.entitled(sub, a)
	l, has := c.s.leases.Get(a)
	why = c.tooMany(t, &l, has)
	return why, why == ""
}

// limited decides whether a bid that would be granted runs into a limit. The last holder, before others may
// have its address, is not told so (P13).
func (b *bid) limited() (verdict, string) {
	why := b.tooMany(b.title, &b.rec, b.has)
	switch {
	case why == "":
		return grant, ""
	case b.has && b.rec.FreeFrom() > b.s.clock && b.holds(b.sub, &b.rec):
		return verdict(HolderWaits), why
	}
	return verdict(OverLimit), why
}

// use returns how much of a pool cannot be given to another client, which is what shortens lease times.
func (s *State) use(pool *config.CompiledPool) config.Permille {
	if pool == nil || pool.Size() == 0 {
		return 0
	}
	return config.Permille(s.held(pool) * 1000 / pool.Size())
}

// leaseTime returns the lease time for a client with title t that asks for asked, under the settings e: an
// address that is reserved for it is nobody else's to want, so that no pressure shortens its lease.
func (s *State) leaseTime(e *config.Effective, t title, asked lease.Seconds) lease.Seconds {
	if e.PressureMax == 0 || t.pool == nil {
		return e.LeaseTime(asked)
	}
	return e.LeaseTimeAt(asked, s.use(t.pool))
}
