package configfile

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"port67/storage/config"
	"port67/storage/lease"
)

// What is said of keys that belong to parts which this release does not have. They are refused, because a key
// that is taken and not followed is worse than an error.
const notYet = "not available in this release: remove it"

// root reads the whole file. Options can only be read once all definitions are known, so these come first.
func (d *decoder) root(n ast.Node) {
	c := d.config
	d.definitions = c.Definitions()
	if n == nil {
		return
	}
	if _, ok := n.(*ast.NullNode); ok {
		return
	}
	keys := []key{
		{name: "option-spaces", take: d.optionSpaces},
		{name: "option-definitions", take: d.optionDefinitions},
		{name: "booking", take: d.booking},
		{name: "renewals", take: value(d, &c.Renewals, word(config.RenewalsLocal, config.RenewalsCommitted))},
		{name: "nak-unknown-links", take: value(d, &c.NAKUnknownLinks, config.ParseBool)},
		{name: "decline", take: func(path string, n ast.Node) {
			d.mapping(path, n, []key{{name: "quarantine", take: value(d, &c.Decline.Quarantine, positive)}})
		}},
		{name: "known-servers", take: values(d, &c.KnownServers, address)},
		{name: "leasequery", take: func(path string, n ast.Node) {
			q := &c.LeaseQuery
			d.mapping(path, n, []key{
				{name: "requesters", take: values(d, &q.Requesters, config.ParseRequester)},
				{name: "tls", take: value(d, &q.TLS, word(
					config.LeaseQueryTLSOff, config.LeaseQueryTLSAllow, config.LeaseQueryTLSRequire))},
			})
		}},
		{name: "limits", take: d.limits},
		{name: "relay-trust", take: d.relayTrust},
		{name: "relays", take: d.relays},
	}
	keys = append(keys, d.settings(&c.Settings)...)
	keys = append(keys,
		key{name: "classes", take: d.classes},
		key{name: "deny", take: values(d, &c.Deny, asIs)},
		key{name: "nak-denied", take: value(d, &c.NakDenied, config.ParseBool)},
		key{name: "shared-networks", take: d.sharedNetworks},
		key{name: "subnets", take: d.subnets},
		key{name: "reservations", take: d.reservations(&c.Reservations)},
		key{name: "reservation-identifiers", take: values(d, &c.ReservationIdentifiers,
			word(config.Identifiers()...))},
		key{name: "ddns", refused: notYet},
		key{name: "subnets6", refused: notYet},
	)
	d.mapping("", n, append(keys, d.scope(&c.ReservationScope)...))
}

// scope returns the keys that say which reservations count.
func (d *decoder) scope(s *config.ReservationScope) []key {
	return []key{
		{name: "reservations-global", take: optional(d, &s.ReservationsGlobal, config.ParseBool)},
		{name: "reservations-in-subnet", take: optional(d, &s.ReservationsInSubnet, config.ParseBool)},
	}
}

func (d *decoder) booking(path string, n ast.Node) {
	b := &d.config.Booking
	d.mapping(path, n, []key{
		{name: "factor", take: value(d, &b.FactorPercent, func(s string) (uint32, error) {
			return nonZero(config.ParseFactor(s))
		})},
		{name: "grace", take: func(path string, n ast.Node) {
			s, ok := d.text(path, n)
			if !ok {
				return
			}
			if err := parseGrace(s, b); err != nil {
				d.report(positionOf(n.GetToken()), path, "%v", err)
			}
		}},
		{name: "pause", take: value(d, &b.Pause, positive)},
	})
}

// parseGrace reads a span, a percentage of the booking, or both with a plus between them.
func parseGrace(s string, b *config.Booking) error {
	fixed, part, both := strings.Cut(s, "+")
	fixed, part = strings.TrimSpace(fixed), strings.TrimSpace(part)
	if !both && strings.HasSuffix(fixed, "%") {
		fixed, part = "", fixed
	}
	if fixed != "" || both {
		v, err := positive(fixed)
		if err != nil {
			return fmt.Errorf("%w, as in 120s + 1%%", err)
		}
		b.Grace = v
	}
	if part != "" || both {
		v, err := nonZero(config.ParsePermille(part))
		if err != nil {
			return fmt.Errorf("%w, as in 120s + 1%%", err)
		}
		b.GracePermille = v
	}
	return nil
}

// probe returns what reads the probing of one level.
func (d *decoder) probe(p *config.Probe) func(string, ast.Node) {
	return func(path string, n ast.Node) {
		d.mapping(path, n, []key{
			{name: "icmp", take: optional(d, &p.ICMP, config.ParseBool)},
			{name: "arp", take: optional(d, &p.ARP, config.ParseBool)},
			{name: "timeout", take: value(d, &p.TimeoutMillis, millis)},
		})
	}
}

func (d *decoder) sharedNetworks(path string, n ast.Node) {
	d.sequence(path, n, func(_ int, path string, n ast.Node) {
		var s config.SharedNetwork
		d.mapping(path, n, append([]key{
			{name: "name", take: value(d, &s.Name, asIs)},
			{name: "subnets", take: values(d, &s.Subnets, prefix)},
			{name: "classes", take: values(d, &s.Classes, asIs)},
		}, slices.Concat(d.period(&s.Period), d.scope(&s.ReservationScope), d.settings(&s.Settings))...))
		d.config.SharedNetworks = append(d.config.SharedNetworks, s)
	})
}

func (d *decoder) subnets(path string, n ast.Node) {
	d.sequence(path, n, func(_ int, path string, n ast.Node) {
		var s config.Subnet
		d.mapping(path, n, append([]key{
			{name: "prefix", take: value(d, &s.Prefix, prefix)},
			{name: "classes", take: values(d, &s.Classes, asIs)},
			{name: "relays", take: values(d, &s.Relays, address)},
			{name: "service-address", take: value(d, &s.ServiceAddress, address)},
			{name: "early-reuse", take: value(d, &s.EarlyReuse, config.ParseBool)},
			{name: "allocation", take: value(d, &s.Allocation,
				word(config.AllocationSpread, config.AllocationLowest))},
			{name: "pools", take: func(path string, n ast.Node) { d.pools(path, n, &s) }},
			{name: "exclude", take: values(d, &s.Exclude, config.ParseAddrRange)},
			{name: "reservations", take: d.reservations(&s.Reservations)},
		}, slices.Concat(d.period(&s.Period), d.scope(&s.ReservationScope), d.settings(&s.Settings))...))
		d.config.Subnets = append(d.config.Subnets, s)
	})
}

// pools reads pools, each a range by itself or a mapping with a range in it.
func (d *decoder) pools(path string, n ast.Node, s *config.Subnet) {
	d.sequence(path, n, func(_ int, path string, n ast.Node) {
		var p config.Pool
		if _, ok := scalarText(n); ok {
			d.at[path+".range"] = positionOf(n.GetToken())
			value(d, &p.Range, config.ParseAddrRange)(path+".range", n)
		} else {
			d.mapping(path, n, append([]key{
				{name: "range", take: value(d, &p.Range, config.ParseAddrRange)},
				{name: "classes", take: values(d, &p.Classes, asIs)},
			}, slices.Concat(d.period(&p.Period), d.settings(&p.Settings))...))
		}
		s.Pools = append(s.Pools, p)
	})
}

// reservations returns a function that reads a list of reservations.
func (d *decoder) reservations(to *[]config.Reservation) func(string, ast.Node) {
	one := func(_ int, path string, n ast.Node) {
		var r config.Reservation
		d.mapping(path, n, append([]key{
			{name: "hardware", take: values(d, &r.Hardware, ParseHardware)},
			{name: "client-id", take: values(d, &r.ClientID, ParseClientID)},
			{name: "circuit-id", take: values(d, &r.CircuitID, ParseRelayValue)},
			{name: "remote-id", take: values(d, &r.RemoteID, ParseRelayValue)},
			{name: "relay-id", take: values(d, &r.RelayID, ParseRelayValue)},
			{name: "class", take: values(d, &r.Class, asIs)},
			{name: "address", take: value(d, &r.Address, address)},
			{name: "hostname", take: value(d, &r.Hostname, asIs)},
			{name: "rarp", take: value(d, &r.RARP, config.ParseBool)},
			{name: "one-device", take: value(d, &r.OneDevice, config.ParseBool)},
			{name: "duid", refused: notYet + ", and name the client by hardware or client-id"},
		}, d.settings(&r.Settings)...))
		*to = append(*to, r)
	}
	return func(path string, n ast.Node) { d.sequence(path, n, one) }
}

// word returns a parser for one of a few words.
func word[T ~string](words ...T) func(string) (T, error) {
	return func(s string) (T, error) {
		var names []string
		for _, w := range words {
			if string(w) == s {
				return w, nil
			}
			names = append(names, string(w))
		}
		return "", fmt.Errorf("%q: either %s%s", s, strings.Join(names, " or "), config.Suggest(s, names))
	}
}

func asIs(s string) (string, error) { return s, nil }

// positive reads a span that is not zero: zero is how the model says that nothing is configured.
func positive(s string) (lease.Seconds, error) { return nonZero(config.ParseSeconds(s)) }

func nonZero[T ~uint32](v T, err error) (T, error) {
	if err == nil && v == 0 {
		return 0, errors.New("zero: at least the smallest step above it, or leave the key out for the default")
	}
	return v, err
}

// millis reads a span of whole milliseconds: 200ms, 1s.
func millis(s string) (uint32, error) {
	digits, ok := strings.CutSuffix(s, "ms")
	if !ok {
		if _, err := strconv.Atoi(s); err == nil {
			return 0, fmt.Errorf("%s has no unit: write %sms or %ss", s, s, s)
		}
		v, err := positive(s)
		if err != nil || v > 60 {
			return 0, fmt.Errorf("%q is no short span of time: write as in 200ms or 1s", s)
		}
		return uint32(v) * 1000, nil
	}
	v, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || v == 0 {
		return 0, fmt.Errorf("%q is no short span of time: write as in 200ms or 1s", s)
	}
	return uint32(v), nil
}

func code(s string) (uint8, error) {
	v, err := strconv.ParseUint(s, 10, 8)
	if err != nil {
		return 0, fmt.Errorf("%q is no option code: 1 to 254", s)
	}
	return uint8(v), nil
}

func address(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		return netip.Addr{}, fmt.Errorf("%q is no IPv4 address", s)
	}
	return a, nil
}

func prefix(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil || !p.Addr().Is4() {
		return netip.Prefix{}, fmt.Errorf("%q is no IPv4 prefix: write as in 10.67.0.0/16", s)
	}
	return p, nil
}

// ParseHardware reads a hardware address: pairs of hex digits with colons or hyphens between them or nothing,
// or Cisco's three groups.
func ParseHardware(s string) ([]byte, error) {
	b, err := hex.DecodeString(strings.NewReplacer(":", "", "-", "", ".", "").Replace(s))
	if err != nil || len(b) == 0 {
		return nil, fmt.Errorf("%q is no hardware address: write as in 02:67:00:00:00:01", s)
	}
	return b, nil
}

// ParseRelayValue reads a sub-option of option 82: pairs of hex digits, hex: before them or not, or
// text:NAME.
func ParseRelayValue(s string) ([]byte, error) {
	if name, ok := strings.CutPrefix(s, "text:"); ok && name != "" {
		return []byte(name), nil
	}
	digits := strings.NewReplacer(":", "", "-", "").Replace(strings.TrimPrefix(s, "hex:"))
	b, err := hex.DecodeString(digits)
	if err != nil || len(b) == 0 {
		return nil, fmt.Errorf("%q is no value of a relay agent: write pairs of hex digits, as in 00:04:00:0a, or "+
			"text:NAME", s)
	}
	return b, nil
}

// ParseClientID reads option 61: pairs of hex digits, type octet included, hex: before them or not, or
// text:NAME for a name behind a type octet of zero (RFC 2132 §9.14).
func ParseClientID(s string) ([]byte, error) {
	if name, ok := strings.CutPrefix(s, "text:"); ok {
		return append([]byte{0}, name...), nil
	}
	digits := strings.NewReplacer(":", "", "-", "").Replace(strings.TrimPrefix(s, "hex:"))
	b, err := hex.DecodeString(digits)
	if err != nil || len(b) == 0 {
		return nil, fmt.Errorf("%q is no client identifier: write pairs of hex digits, type octet first, "+
			"as in 01:02:67:00:00:00:01, or text:NAME", s)
	}
	return b, nil
}
