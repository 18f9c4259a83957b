package config

import (
	"slices"
	"strconv"
)

// Identity says which messages come from one client (adr/0021). An empty field inherits.
type Identity struct {
	Match Match `json:"match,omitempty"`
	// FirmwareHandover lets what a machine boots have the address of its firmware (W-024).
	FirmwareHandover *bool `json:"firmware_handover,omitempty"`
	// OneLease marks the leases of a client as released when it is bound elsewhere (V4-086).
	OneLease *bool `json:"one_lease_per_client,omitempty"`
}

// Match is what two messages must have in common to be of one client.
type Match string

// The ways to match. The zero Match is MatchStrict.
const (
	// MatchStrict is the client identifier or, without one, the hardware address (RFC 2131 §4.2).
	MatchStrict Match = "strict"
	// MatchHardwareToo is MatchStrict, and who shows an identifier is who shows none but has the same hardware
	// address (V4-082).
	MatchHardwareToo Match = "cid-then-mac"
	// MatchHardware is the hardware address alone.
	MatchHardware Match = "mac"
	// MatchBoth is client identifier and hardware address together (V4-085).
	MatchBoth Match = "distinct-by-mac"
)

// Matches are the words for all ways to match, the default first.
func Matches() []string {
	return []string{string(MatchStrict), string(MatchHardwareToo), string(MatchHardware), string(MatchBoth)}
}

// EffectiveIdentity is Identity with nothing unset.
type EffectiveIdentity struct {
	Match                      Match
	FirmwareHandover, OneLease bool
}

// under returns what holds one level below e, where i is set.
func (e EffectiveIdentity) under(i *Identity) EffectiveIdentity {
	if i.Match != "" {
		e.Match = i.Match
	}
	override(&e.FirmwareHandover, i.FirmwareHandover)
	override(&e.OneLease, i.OneLease)
	return e
}

// identity checks i.
func (v *validator) identity(path string, i *Identity) {
	if i.Match != "" && !slices.Contains(Matches(), string(i.Match)) {
		v.problem(path+".match", "%q: one of strict, cid-then-mac, mac, distinct-by-mac", string(i.Match))
	}
}

// noIdentity refuses i where a client must be known already, or where others on its link would be told apart
// by another rule.
func (v *validator) noIdentity(path string, i *Identity, where string) {
	if *i != (Identity{}) {
		v.problem(path+".identity", "who is one client cannot differ %s: set it for the shared network, for a "+
			"subnet that is in none, or globally", where)
	}
}

// Layout is how replies are laid out on the wire, for clients that not every reply suits. A nil field
// inherits.
type Layout struct {
	// OptionOverload lets options stand in the fields sname and file (RFC 2132 §9.3).
	OptionOverload *bool `json:"option_overload,omitempty"`
	// NULTerminate puts a NUL behind the texts of options 12, 15, 66 and 67 (W-007).
	NULTerminate *bool `json:"nul_terminate,omitempty"`
	// AddDefaultTo121 puts the router of option 3 into options 121 and 249 as the default route: a client that
	// follows these does not look at option 3 (RFC 3442, V4-066).
	AddDefaultTo121 *bool `json:"add_default_to_121,omitempty"`
	// MinReplySize is the smallest datagram that the client takes, headers included, in octets (W-036).
	MinReplySize *uint16 `json:"min_reply_size,omitempty"`
	// MaxReplySize is the largest datagram that is sent even if option 57 allows more, in octets (W-037).
	MaxReplySize *uint16 `json:"max_reply_size,omitempty"`
}

// EffectiveLayout is Layout with nothing unset.
type EffectiveLayout struct {
	OptionOverload, NULTerminate, AddDefaultTo121 bool
	MinReplySize, MaxReplySize                    uint16
}

// The sizes of a reply: the least is a BOOTP message with its headers (RFC 1542 §2.1), the most is what
// Ethernet carries.
const (
	replySizeMin = 328
	replySizeMax = 1500
)

// under returns what holds one level below e, where l is set.
func (e EffectiveLayout) under(l *Layout) EffectiveLayout {
	override(&e.OptionOverload, l.OptionOverload)
	override(&e.NULTerminate, l.NULTerminate)
	override(&e.AddDefaultTo121, l.AddDefaultTo121)
	override(&e.MinReplySize, l.MinReplySize)
	override(&e.MaxReplySize, l.MaxReplySize)
	return e
}

// layout checks l, as it comes out at this level.
func (v *validator) layout(path string, l *Layout, e EffectiveLayout) {
	outside := false
	for _, f := range []struct {
		key string
		is  *uint16
	}{{"min-reply-size", l.MinReplySize}, {"max-reply-size", l.MaxReplySize}} {
		if f.is != nil && (*f.is < replySizeMin || *f.is > replySizeMax) {
			v.problem(path+"."+f.key, "%d: between %d and %d octets", *f.is, replySizeMin, replySizeMax)
			outside = true
		}
	}
	if !outside && (l.MinReplySize != nil || l.MaxReplySize != nil) && e.MinReplySize > e.MaxReplySize {
		key := ".min-reply-size"
		if l.MinReplySize == nil {
			key = ".max-reply-size"
		}
		v.problem(path+key, "no datagram has at least %d and at most %d octets: what is unset here comes from "+
			"the level above", e.MinReplySize, e.MaxReplySize)
	}
}

// EffectiveProbe is Probe with nothing unset.
type EffectiveProbe struct {
	ICMP, ARP     bool
	TimeoutMillis uint32
}

// The bounds of the time that is waited for an answer: a client whose OFFER is late goes to another server,
// or asks again.
const (
	probeMillisMin = 10
	probeMillisMax = 500
)

// Wanted says whether anything is asked at all.
func (e EffectiveProbe) Wanted() bool { return e.ICMP || e.ARP }

// under returns what holds one level below e, where p is set.
func (e EffectiveProbe) under(p *Probe) EffectiveProbe {
	override(&e.ICMP, p.ICMP)
	override(&e.ARP, p.ARP)
	if p.TimeoutMillis != 0 {
		e.TimeoutMillis = p.TimeoutMillis
	}
	return e
}

// wanted says whether p turns anything on.
func (p *Probe) wanted() bool { return p.ICMP != nil && *p.ICMP || p.ARP != nil && *p.ARP }

// probes says whether probing is turned on at any level.
func (c *Config) probes() bool {
	if c.Settings.Probe.wanted() {
		return true
	}
	for i := range c.Classes {
		if c.Classes[i].Probe.wanted() {
			return true
		}
	}
	for i := range c.SharedNetworks {
		if c.SharedNetworks[i].Probe.wanted() {
			return true
		}
	}
	for i := range c.Subnets {
		s := &c.Subnets[i]
		if s.Probe.wanted() ||
			slices.ContainsFunc(s.Pools, func(p Pool) bool { return p.Probe.wanted() }) ||
			slices.ContainsFunc(s.Reservations, func(r Reservation) bool { return r.Probe.wanted() }) {
			return true
		}
	}
	return false
}

// Probes says whether any address is probed before it is offered.
func (c *Compiled) Probes() bool { return c.probes }

// ProbedPools returns the pools whose addresses are probed, in the order of the file.
func (c *Compiled) ProbedPools() []*CompiledPool { return c.probed }

// probe checks p.
func (v *validator) probe(path string, p *Probe) {
	if t := p.TimeoutMillis; t != 0 && (t < probeMillisMin || t > probeMillisMax) {
		v.problem(path+".timeout", "%dms: between %dms and %dms, for the client is kept waiting", t, probeMillisMin,
			probeMillisMax)
	}
}

// knownServersMax is how many servers of others can be known.
const knownServersMax = 256

// knownServers checks the servers of others that are meant to be there.
func (v *validator) knownServers() {
	list := v.config.KnownServers
	if len(list) > knownServersMax {
		v.problem("known-servers", "%d: at most %d", len(list), knownServersMax)
	}
	for i, a := range list {
		path := "known-servers[" + strconv.Itoa(i) + "]"
		switch {
		case !a.Is4() || a.IsUnspecified() || a.IsMulticast() || a == broadcast:
			v.problem(path, "%s is no server's IPv4 address", a)
		case slices.Contains(list[:i], a):
			v.problem(path, "%s stands twice: keep one", a)
		}
	}
}
