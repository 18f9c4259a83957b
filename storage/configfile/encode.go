package configfile

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"

	"port67/storage/config"
	"port67/storage/lease"
	"port67/storage/option"
)

// Encode writes c in the one form in which the same configuration is always written. Decode reads it back as
// an equal Config. It fails if c is not valid.
func Encode(c *config.Config) ([]byte, error) {
	if problems := c.Validate(); len(problems) > 0 {
		return nil, fmt.Errorf("configuration: %s", problems[0])
	}
	w := &writer{definitions: c.Definitions()}
	w.settings(&c.Settings)
	w.booking(c.Booking)
	if c.Renewals != "" {
		w.pair("renewals", string(c.Renewals))
	}
	if c.NAKUnknownLinks {
		w.pair("nak-unknown-links", "on")
	}
	if q := c.Decline.Quarantine; q != 0 {
		w.pair("decline", "{quarantine: "+config.FormatSeconds(q)+"}")
	}
	if list := c.KnownServers; len(list) > 0 {
		w.pair("known-servers", flow(list, netip.Addr.String))
	}
	var query []string
	if list := c.LeaseQuery.Requesters; len(list) > 0 {
		query = append(query, "requesters: "+flow(list, config.FormatRequester))
	}
	if c.LeaseQuery.TLS != "" {
		query = append(query, "tls: "+string(c.LeaseQuery.TLS))
	}
	if len(query) > 0 {
		w.pair("leasequery", "{"+strings.Join(query, ", ")+"}")
	}
	w.limits(&c.Limits)
	w.relays(c)
	w.definitionsOf("option-definitions", c.OptionDefinitions)
	w.spaces(c.OptionSpaces)
	w.list("classes", len(c.Classes), func(i int) { w.class(&c.Classes[i]) })
	if len(c.Deny) > 0 {
		w.pair("deny", flow(c.Deny, quote))
	}
	if c.NakDenied {
		w.pair("nak-denied", "on")
	}
	w.list("shared-networks", len(c.SharedNetworks), func(i int) {
		n := &c.SharedNetworks[i]
		w.pair("name", quote(n.Name))
		w.pair("subnets", flow(n.Subnets, netip.Prefix.String))
		w.guard(n.Classes)
		w.period(n.Period)
		w.scope(&n.ReservationScope)
		w.settings(&n.Settings)
	})
	w.list("subnets", len(c.Subnets), func(i int) { w.subnet(&c.Subnets[i]) })
	if len(c.ReservationIdentifiers) > 0 {
		w.pair("reservation-identifiers", flow(c.ReservationIdentifiers, config.Identifier.String))
	}
	w.scope(&c.ReservationScope)
	w.list("reservations", len(c.Reservations), func(i int) { w.reservation(&c.Reservations[i]) })
	return []byte(w.b.String()), nil
}

// writer writes YAML in block style, the leaves in flow style.
type writer struct {
	b           strings.Builder
	definitions *option.Definitions
	indent      int
	item        bool // the next key begins an element of a list
}

func (w *writer) pair(name, value string) {
	w.key(name)
	w.b.WriteString(" " + value + "\n")
}

func (w *writer) key(name string) {
	indent := w.indent
	if w.item {
		w.item = false
		w.b.WriteString(strings.Repeat(" ", indent-2) + "- ")
	} else {
		w.b.WriteString(strings.Repeat(" ", indent))
	}
	w.b.WriteString(name + ":")
}

// list writes a list of n mappings. element writes at least one key.
func (w *writer) list(name string, n int, element func(i int)) {
	if n == 0 {
		return
	}
	w.key(name)
	w.b.WriteByte('\n')
	w.indent += 4
	for i := range n {
		w.item = true
		element(i)
	}
	w.indent -= 4
}

func (w *writer) subnet(s *config.Subnet) {
	w.pair("prefix", s.Prefix.String())
	w.guard(s.Classes)
	w.period(s.Period)
	if len(s.Relays) > 0 {
		w.pair("relays", flow(s.Relays, netip.Addr.String))
	}
	if s.ServiceAddress.IsValid() {
		w.pair("service-address", s.ServiceAddress.String())
	}
	if s.EarlyReuse {
		w.pair("early-reuse", "on")
	}
	if s.Allocation != "" {
		w.pair("allocation", string(s.Allocation))
	}
	w.scope(&s.ReservationScope)
	w.settings(&s.Settings)
	w.list("pools", len(s.Pools), func(i int) {
		p := &s.Pools[i]
		w.pair("range", p.Range.String())
		w.guard(p.Classes)
		w.period(p.Period)
		w.settings(&p.Settings)
	})
	if len(s.Exclude) > 0 {
		w.pair("exclude", flow(s.Exclude, config.AddrRange.String))
	}
	w.list("reservations", len(s.Reservations), func(i int) { w.reservation(&s.Reservations[i]) })
}

// guard writes the classes that something is for.
func (w *writer) guard(classes []string) {
	if len(classes) > 0 {
		w.pair("classes", flow(classes, quote))
	}
}

func (w *writer) class(c *config.Class) {
	w.pair("name", quote(c.Name))
	if c.Test != "" {
		w.pair("test", quote(c.Test))
	}
	if c.Template != "" {
		w.pair("template", quote(c.Template))
	}
	if c.Ignore {
		w.pair("ignore", "on")
	}
	w.count("limit", c.Limit)
	w.settings(&c.Settings)
}

// scope writes which reservations count.
func (w *writer) scope(s *config.ReservationScope) {
	w.onOff("reservations-global", s.ReservationsGlobal)
	w.onOff("reservations-in-subnet", s.ReservationsInSubnet)
}

// oneOrMore writes a value, or a list of several.
func oneOrMore[T any](w *writer, name string, items []T, format func(T) string) {
	switch len(items) {
	case 0:
	case 1:
		w.pair(name, format(items[0]))
	default:
		w.pair(name, flow(items, format))
	}
}

func (w *writer) reservation(r *config.Reservation) {
	inHex := func(b []byte) string { return `"` + hex.EncodeToString(b) + `"` }
	oneOrMore(w, "hardware", r.Hardware, func(b []byte) string { return quote(config.FormatHardware(b)) })
	oneOrMore(w, "client-id", r.ClientID, inHex)
	oneOrMore(w, "circuit-id", r.CircuitID, inHex)
	oneOrMore(w, "remote-id", r.RemoteID, inHex)
	oneOrMore(w, "relay-id", r.RelayID, inHex)
	oneOrMore(w, "class", r.Class, quote)
	if r.Address.IsValid() {
		w.pair("address", r.Address.String())
	}
	if r.Hostname != "" {
		w.pair("hostname", quote(r.Hostname))
	}
	if r.RARP {
		w.pair("rarp", "on")
	}
	if r.OneDevice {
		w.pair("one-device", "on")
	}
	w.settings(&r.Settings)
}

func (w *writer) settings(s *config.Settings) {
	w.lease(&s.Lease)
	if s.T1 != nil {
		w.pair("t1", s.T1.String())
	}
	if s.T2 != nil {
		w.pair("t2", s.T2.String())
	}
	if s.TimerSpread != nil {
		w.pair("timer-spread", s.TimerSpread.String())
	}
	w.onOff("keep-expiry", s.KeepExpiry)
	w.onOff("authoritative", s.Authoritative)
	w.onOff("echo-client-id", s.EchoClientID)
	w.onOff("always-broadcast", s.AlwaysBroadcast)
	w.onOff("adopt-unknown", s.AdoptUnknown)
	w.onOff("nak-offlink-renew", s.NAKOffLinkRenew)
	w.onOff("ipv6-only", s.IPv6Only)
	w.onOff("rapid-commit", s.RapidCommit)
	if s.MinSecs != nil {
		w.pair("min-secs", config.FormatSeconds(*s.MinSecs))
	}
	w.probe(&s.Probe)
	if s.NextServer.IsValid() {
		w.pair("next-server", s.NextServer.String())
	}
	if s.ServerName != "" {
		w.pair("server-name", quote(s.ServerName))
	}
	if s.BootFile != "" {
		w.pair("boot-file-name", quote(s.BootFile))
	}
	w.layout(&s.Layout)
	w.bootp(&s.BOOTP)
	w.identity(&s.Identity)
	w.options(s)
	if len(s.AlwaysSend) > 0 {
		w.pair("always-send", flow(s.AlwaysSend, w.optionName))
	}
	if len(s.NeverSend) > 0 {
		w.pair("never-send", flow(s.NeverSend, w.optionName))
	}
}

// lease writes the lease times that are set.
func (w *writer) lease(l *config.LeaseTimes) {
	var times, pressure []string
	for _, f := range []struct {
		key string
		is  *lease.Seconds
	}{{"default", l.Default}, {"min", l.Min}, {"max", l.Max}} {
		if f.is != nil {
			times = append(times, f.key+": "+config.FormatSeconds(*f.is))
		}
	}
	if p := l.Pressure.Above; p != nil {
		pressure = append(pressure, "above: "+p.String())
	}
	if d := l.Pressure.Max; d != nil {
		pressure = append(pressure, "max: "+config.FormatSeconds(*d))
	}
	if len(pressure) > 0 {
		times = append(times, "pressure: {"+strings.Join(pressure, ", ")+"}")
	}
	if len(times) > 0 {
		w.pair("lease", "{"+strings.Join(times, ", ")+"}")
	}
}

func (w *writer) optionName(code uint8) string { return quote(w.definitions.Name(code)) }

func (w *writer) onOff(name string, v *bool) {
	if v != nil {
		w.pair(name, strconv.FormatBool(*v))
	}
}

func (w *writer) probe(p *config.Probe) {
	var parts []string
	if p.ICMP != nil {
		parts = append(parts, "icmp: "+strconv.FormatBool(*p.ICMP))
	}
	if p.ARP != nil {
		parts = append(parts, "arp: "+strconv.FormatBool(*p.ARP))
	}
	if t := p.TimeoutMillis; t != 0 {
		parts = append(parts, "timeout: "+strconv.Itoa(int(t))+"ms")
	}
	if len(parts) > 0 {
		w.pair("probe", "{"+strings.Join(parts, ", ")+"}")
	}
}

func (w *writer) booking(b config.Booking) {
	var parts, grace []string
	if b.FactorPercent != 0 {
		parts = append(parts, "factor: "+config.FormatFactor(b.FactorPercent))
	}
	if b.Grace != 0 {
		grace = append(grace, config.FormatSeconds(b.Grace))
	}
	if b.GracePermille != 0 {
		grace = append(grace, b.GracePermille.String())
	}
	if len(grace) > 0 {
		parts = append(parts, "grace: "+strings.Join(grace, " + "))
	}
	if b.Pause != 0 {
		parts = append(parts, "pause: "+config.FormatSeconds(b.Pause))
	}
	if len(parts) > 0 {
		w.pair("booking", "{"+strings.Join(parts, ", ")+"}")
	}
}

func flow[T any](items []T, format func(T) string) string {
	words := make([]string, 0, len(items))
	for _, v := range items {
		words = append(words, format(v))
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// quote returns s as a YAML scalar: as it is where nobody could take it for something else, else in double
// quotes.
func quote(s string) string {
	plain := s != "" && !strings.EqualFold(s, "null") && s[0] != '-' && s[0] != '.' && s[len(s)-1] != '.'
	for _, r := range s {
		letter := r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r))
		if !letter && !strings.ContainsRune("-._/ ", r) {
			plain = false
		}
	}
	if plain && strings.TrimSpace(s) == s && !strings.Contains(s, "  ") {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f || r > unicode.MaxASCII && !unicode.IsPrint(r):
			fmt.Fprintf(&b, "\\U%08x", r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
