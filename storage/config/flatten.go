package config

import (
	"net/netip"
	"strconv"
	"strings"

	"port67/storage/option"
)

// flatten returns everything that is said in c as a list of paths and values in words, in the order of the
// file.
func flatten(c *Config) []item {
	f := &flattener{definitions: c.Definitions()}
	f.settings("", &c.Settings)
	f.leaf("", "booking factor", c.Booking.FactorPercent != 0, FormatFactor(c.Booking.FactorPercent))
	f.leaf("", "booking grace", c.Booking.Grace != 0, FormatSeconds(c.Booking.Grace))
	f.leaf("", "booking grace share", c.Booking.GracePermille != 0, c.Booking.GracePermille.String())
	f.leaf("", "booking pause", c.Booking.Pause != 0, FormatSeconds(c.Booking.Pause))
	f.leaf("", "renewals", c.Renewals != "", string(c.Renewals))
	f.leaf("", "NAK to unknown links", c.NAKUnknownLinks, "on")
	f.leaf("", "decline quarantine", c.Decline.Quarantine != 0, FormatSeconds(c.Decline.Quarantine))
	known := c.KnownServers
	f.leaf("", "known servers", len(known) > 0, joined(known, netip.Addr.String))
	requesters := c.LeaseQuery.Requesters
	f.leaf("", "leasequery requesters", len(requesters) > 0, joined(requesters, FormatRequester))
	f.leaf("", "leasequery TLS", c.LeaseQuery.TLS != "", string(c.LeaseQuery.TLS))
	limits := c.Limits
	for _, n := range limits.named() {
		if r := *n.rate; r != nil {
			f.leaf("", "limit on "+n.words, true, r.String())
		}
	}
	count := func(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
	f.leaf("", "limit on addresses of a circuit", limits.BindingsPerCircuit > 0,
		count(limits.BindingsPerCircuit))
	f.leaf("", "limit on addresses of a remote-id", limits.BindingsPerRemoteID > 0,
		count(limits.BindingsPerRemoteID))
	f.relays(c)
	for i := range c.OptionDefinitions {
		o := &c.OptionDefinitions[i]
		f.leaf("", "option definition "+o.Name, true, o.words())
	}
	for i := range c.OptionSpaces {
		f.space(&c.OptionSpaces[i])
	}
	for i := range c.Classes {
		path := "class " + c.Classes[i].Name
		f.leaf("", path, true, "")
		f.leaf(path, "test", c.Classes[i].Test != "", c.Classes[i].Test)
		f.leaf(path, "template", c.Classes[i].Template != "", c.Classes[i].Template)
		f.leaf(path, "ignored", c.Classes[i].Ignore, "on")
		f.leaf(path, "limit", c.Classes[i].Limit > 0, count(c.Classes[i].Limit))
		f.settings(path, &c.Classes[i].Settings)
	}
	f.leaf("", "denied classes", len(c.Deny) > 0, strings.Join(c.Deny, ", "))
	f.leaf("", "denied clients are told", c.NakDenied, "on")
	for i := range c.SharedNetworks {
		n := &c.SharedNetworks[i]
		path := "shared network " + n.Name
		f.leaf("", path, true, joined(n.Subnets, netip.Prefix.String))
		f.leaf(path, "classes", len(n.Classes) > 0, strings.Join(n.Classes, ", "))
		f.period(path, n.Period)
		f.scope(path, &n.ReservationScope)
		f.settings(path, &n.Settings)
	}
	for i := range c.Subnets {
		f.subnet(&c.Subnets[i])
	}
	order := c.ReservationIdentifiers
	f.leaf("", "reservation identifiers", len(order) > 0, joined(order, Identifier.String))
	f.scope("", &c.ReservationScope)
	for i := range c.Reservations {
		f.reservation("", "global reservation of ", &c.Reservations[i])
	}
	return f.items
}

type flattener struct {
	definitions *option.Definitions
	items       []item
}

// leaf adds a thing that is part of parent, if it is said at all.
func (f *flattener) leaf(parent, name string, said bool, value string) {
	if !said {
		return
	}
	path := name
	if parent != "" {
		path = parent + ", " + name
	}
	f.items = append(f.items, item{parent: parent, path: path, value: value})
}

func (f *flattener) space(s *OptionSpace) {
	path := "option space " + s.Name
	f.leaf("", path, true, "")
	f.leaf(path, "enterprise", s.Enterprise != 0, strconv.FormatUint(uint64(s.Enterprise), 10))
	f.leaf(path, "End sub-option", s.End, "on")
	for i := range s.Options {
		f.leaf(path, "sub-option "+s.Options[i].Name, true, s.Options[i].words())
	}
}

func (f *flattener) subnet(s *Subnet) {
	path := "subnet " + s.Prefix.String()
	f.leaf("", path, true, "")
	f.leaf(path, "classes", len(s.Classes) > 0, strings.Join(s.Classes, ", "))
	f.period(path, s.Period)
	f.leaf(path, "relays", len(s.Relays) > 0, joined(s.Relays, netip.Addr.String))
	f.leaf(path, "service address", s.ServiceAddress.IsValid(), s.ServiceAddress.String())
	f.leaf(path, "early reuse", s.EarlyReuse, "on")
	f.leaf(path, "allocation", s.Allocation != "", string(s.Allocation))
	f.scope(path, &s.ReservationScope)
	f.settings(path, &s.Settings)
	for i := range s.Pools {
		p := &s.Pools[i]
		name := "pool " + p.Range.String()
		f.leaf(path, name, true, "")
		f.leaf(path+", "+name, "classes", len(p.Classes) > 0, strings.Join(p.Classes, ", "))
		f.period(path+", "+name, p.Period)
		f.settings(path+", "+name, &p.Settings)
	}
	for _, r := range s.Exclude {
		f.leaf(path, "exclude "+r.String(), true, "")
	}
	for i := range s.Reservations {
		f.reservation(path, "reservation of ", &s.Reservations[i])
	}
}

// scope adds which reservations count.
func (f *flattener) scope(parent string, s *ReservationScope) {
	if b := s.ReservationsGlobal; b != nil {
		f.leaf(parent, "global reservations count", true, strconv.FormatBool(*b))
	}
	if b := s.ReservationsInSubnet; b != nil {
		f.leaf(parent, "reservations in subnets count", true, strconv.FormatBool(*b))
	}
}

func (f *flattener) reservation(parent, word string, r *Reservation) {
	names := r.Names()
	if len(names) == 0 {
		return
	}
	f.leaf(parent, word+names[0], true, "")
	path := word + names[0]
	if parent != "" {
		path = parent + ", " + path
	}
	for _, name := range names[1:] {
		f.leaf(path, "identifier "+name, true, "")
	}
	f.leaf(path, "address", r.Address.IsValid(), r.Address.String())
	f.leaf(path, "host name", r.Hostname != "", r.Hostname)
	f.leaf(path, "RARP", r.RARP, "on")
	f.leaf(path, "one device", r.OneDevice, "on")
	f.settings(path, &r.Settings)
}

func (f *flattener) settings(parent string, s *Settings) {
	f.lifetimes(parent, s)
	for _, b := range []struct {
		name string
		is   *bool
	}{
		{"keep expiry", s.KeepExpiry},
		{"authoritative", s.Authoritative},
		{"echo of the client identifier", s.EchoClientID},
		{"always broadcast", s.AlwaysBroadcast},
		{"adopt unknown", s.AdoptUnknown},
		{"NAK to renewals from off the link", s.NAKOffLinkRenew},
		{"IPv6 only", s.IPv6Only},
		{"rapid commit", s.RapidCommit},
		{"probe by ICMP", s.Probe.ICMP},
		{"probe by ARP", s.Probe.ARP},
		{"firmware handover", s.Identity.FirmwareHandover},
		{"one lease per client", s.Identity.OneLease},
		{"option overload", s.OptionOverload},
		{"NUL behind texts", s.NULTerminate},
		{"default route in option 121", s.AddDefaultTo121},
	} {
		if b.is != nil {
			f.leaf(parent, b.name, true, strconv.FormatBool(*b.is))
		}
	}
	if d := s.MinSecs; d != nil {
		f.leaf(parent, "min secs", true, FormatSeconds(*d))
	}
	millis := s.Probe.TimeoutMillis
	f.leaf(parent, "probe timeout", millis != 0, strconv.Itoa(int(millis))+"ms")
	f.leaf(parent, "next server", s.NextServer.IsValid(), s.NextServer.String())
	f.leaf(parent, "server name", s.ServerName != "", s.ServerName)
	f.leaf(parent, "boot file name", s.BootFile != "", s.BootFile)
	if n := s.MinReplySize; n != nil {
		f.leaf(parent, "least reply size", true, strconv.Itoa(int(*n)))
	}
	if n := s.MaxReplySize; n != nil {
		f.leaf(parent, "greatest reply size", true, strconv.Itoa(int(*n)))
	}
	f.bootp(parent, &s.BOOTP)
	f.leaf(parent, "clients matched by", s.Identity.Match != "", string(s.Identity.Match))
	for _, o := range s.Options {
		f.leaf(parent, "option "+f.definitions.Name(o.Code), true, ValueWords(f.definitions, o))
	}
	for _, o := range s.Guarded {
		name := "option " + f.definitions.Name(o.Code) + " for " + strings.Join(o.Classes, ", ")
		f.leaf(parent, name, true, ValueWords(f.definitions, o.Option))
	}
	f.leaf(parent, "always send", len(s.AlwaysSend) > 0, joined(s.AlwaysSend, f.definitions.Name))
	f.leaf(parent, "never send", len(s.NeverSend) > 0, joined(s.NeverSend, f.definitions.Name))
}

func (f *flattener) lifetimes(parent string, s *Settings) {
	if d := s.Lease.Default; d != nil {
		f.leaf(parent, "lease default", true, FormatSeconds(*d))
	}
	if d := s.Lease.Min; d != nil {
		f.leaf(parent, "lease min", true, FormatSeconds(*d))
	}
	if d := s.Lease.Max; d != nil {
		f.leaf(parent, "lease max", true, FormatSeconds(*d))
	}
	if p := s.Lease.Pressure.Above; p != nil {
		f.leaf(parent, "pressure above", true, p.String())
	}
	if d := s.Lease.Pressure.Max; d != nil {
		f.leaf(parent, "lease max under pressure", true, FormatSeconds(*d))
	}
	if s.T1 != nil {
		f.leaf(parent, "t1", true, s.T1.String())
	}
	if s.T2 != nil {
		f.leaf(parent, "t2", true, s.T2.String())
	}
	if s.TimerSpread != nil {
		f.leaf(parent, "timer spread", true, s.TimerSpread.String())
	}
}

func joined[T any](items []T, format func(T) string) string {
	words := make([]string, 0, len(items))
	for _, v := range items {
		words = append(words, format(v))
	}
	return strings.Join(words, ", ")
}
