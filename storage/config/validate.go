package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"port67/storage/lease"
	"port67/storage/option"
)

// Problem is one thing that is wrong with a Config, with its path as in subnets[0].pools[1].range.
type Problem struct {
	Path string
	Text string // what was found, what is allowed; reads on after "PATH: "
	// Offset is where in the value at Path the problem begins, in octets; 0 means the value as a whole.
	Offset int
}

// String returns path and text as one line.
func (p Problem) String() string { return p.Path + ": " + p.Text }

// What a Config may hold at most. It travels through the log and lies in memory on every node.
const (
	subnetsMax      = 16384
	poolsMax        = 65536
	reservationsMax = 262144
	optionOctetsMax = 1024 // of one option; a reply of 1500 octets holds little more
	levelOctetsMax  = 4096 // of all options of one level
	nameOctetsMax   = 64
	requestersMax   = 1024

	timerSpreadMax Permille = 100 // beyond a tenth T1 and T2 are no longer what they are called

	minSecsMax lease.Seconds = 255 // beyond four minutes clients give up
)

// Validate returns everything that is wrong with c, in the order of the file, or nothing. It looks at c
// alone: what a change would do to living leases is Diff's question.
func (c *Config) Validate() []Problem {
	v := &validator{config: c, definitions: c.Definitions(), global: defaultSettings()}
	v.classNames = ReadyMade()
	for i := range c.Classes {
		v.classNames = append(v.classNames, c.Classes[i].Name)
	}
	v.global = v.settings("", &c.Settings, v.global)
	v.globals()
	v.leaseQuery()
	v.limits()
	v.relays()
	v.optionDefinitions()
	v.optionSpaces()
	v.classes()
	v.reservationIdentifiers()
	v.sharedNetworks()
	v.subnets()
	v.globalReservations()
	return v.problems
}

// validator collects the problems of one Config.
type validator struct {
	config      *Config
	definitions *option.Definitions
	global      *Effective
	problems    []Problem

	networkOf  map[netip.Prefix]int // index of the shared network that names the prefix
	outerOf    []*Effective         // of the shared networks
	classNames []string             // that guards may name, values of templates aside
	prefixes   []indexed[netip.Prefix]
	promised   map[netip.Addr]string // the path of the reservation that has the address
}

// indexed is a value and its place in the list it came from.
type indexed[T any] struct {
	value T
	index int
}

func (v *validator) problem(path, format string, args ...any) {
	p := Problem{Path: strings.TrimPrefix(path, "."), Text: fmt.Sprintf(format, args...)}
	v.problems = append(v.problems, p)
}

// settings checks s, which stands at path under outer, and returns what holds there.
func (v *validator) settings(path string, s *Settings, outer *Effective) *Effective {
	if s.empty() {
		return outer
	}
	inner := outer.under(s)
	v.lifetimes(path, s, inner)
	if a := s.NextServer; a.IsValid() && (!a.Is4() || a.IsMulticast() || a == broadcast) {
		v.problem(path+".next-server", "%s is no server's IPv4 address: write one, or 0.0.0.0 for none", a)
	}
	v.field(path+".server-name", s.ServerName, 63)
	v.field(path+".boot-file-name", s.BootFile, 255)
	v.layout(path, &s.Layout, inner.Layout)
	v.probe(path+".probe", &s.Probe)
	v.bootp(path+".bootp", &s.BOOTP)
	v.identity(path+".identity", &s.Identity)
	v.options(path, s, outer)
	if _, ok := inner.Option(optionV6OnlyPreferred); s.IPv6Only != nil && *s.IPv6Only && !ok {
		v.problem(path+".ipv6-only", "on, without the option v6-only-preferred here or above: set it, for it is "+
			"what clients are told (RFC 8925 §3.1)")
	}
	v.codes(path+".always-send", s.AlwaysSend)
	if i := slices.Index(s.AlwaysSend, optionV6OnlyPreferred); i >= 0 {
		v.problem(path+".always-send["+strconv.Itoa(i)+"]", "v6-only-preferred goes only to clients that ask "+
			"for it (RFC 8925 §3.3): remove it")
	}
	v.codes(path+".never-send", s.NeverSend)
	for _, code := range s.NeverSend {
		if slices.Contains(s.AlwaysSend, code) {
			v.problem(path+".never-send", "option %s is in always-send, too: keep one", v.definitions.Name(code))
		}
	}
	return inner
}

// lifetimes checks lease times and timers, as they come out at this level (RFC 2131 §4.3.1, §4.4.5).
func (v *validator) lifetimes(path string, s *Settings, e *Effective) {
	for _, f := range []struct {
		key string
		is  *lease.Seconds
	}{{"default", s.Lease.Default}, {"min", s.Lease.Min}, {"max", s.Lease.Max}} {
		if f.is != nil && *f.is == 0 {
			v.problem(path+".lease."+f.key, "0s is no lease time: at least 1s")
		}
	}
	v.pressure(path+".lease.pressure", s, e)
	if s.Lease != (LeaseTimes{}) && (e.LeaseMin > e.LeaseDefault || e.LeaseDefault > e.LeaseMax) {
		v.problem(path+".lease", "min %s, default %s and max %s are not in ascending order: "+
			"set those that do not fit; what is unset here comes from the level above",
			FormatSeconds(e.LeaseMin), FormatSeconds(e.LeaseDefault), FormatSeconds(e.LeaseMax))
	}
	key := ".t1"
	if s.T1 == nil {
		key = ".t2"
	}
	if (s.T1 != nil || s.T2 != nil) && (e.T1 == 0 || e.T1 >= e.T2 || e.T2 >= 1000) {
		v.problem(path+key, "T1 %s and T2 %s: T1 must be above 0%%, T2 above T1 and below 100%%", e.T1, e.T2)
	}
	v.timerSpread(path, s, e)
	if s.MinSecs != nil && *s.MinSecs > minSecsMax {
		v.problem(path+".min-secs", "%s: at most %s", FormatSeconds(*s.MinSecs), FormatSeconds(minSecsMax))
	}
}

// pressure checks what is told while a pool is nearly full.
func (v *validator) pressure(path string, s *Settings, e *Effective) {
	p := s.Lease.Pressure
	if p.Above != nil && (*p.Above == 0 || *p.Above > 1000) {
		v.problem(path+".above", "%s of the pool: above 0%%, at most 100%%", *p.Above)
	}
	switch {
	case p.Max != nil && *p.Max < e.LeaseMin:
		v.problem(path+".max", "%s is less than the least lease time, %s, which is kept: lower lease.min as well",
			FormatSeconds(*p.Max), FormatSeconds(e.LeaseMin))
	case p.Max == nil && p.Above != nil && e.PressureMax == 0:
		v.problem(path+".max", "missing: say how long lease times may be then")
	}
}

// timerSpread checks that T2 stays below the end of the lease for every client (V4-078).
func (v *validator) timerSpread(path string, s *Settings, e *Effective) {
	switch {
	case s.TimerSpread != nil && *s.TimerSpread > timerSpreadMax:
		v.problem(path+".timer-spread", "%s: at most %s", *s.TimerSpread, timerSpreadMax)
	case s.TimerSpread == nil && s.T2 == nil || e.TimerSpread == 0 || e.T2 >= 1000:
	case uint64(e.T2)*uint64(1000+e.TimerSpread) >= 1000*1000:
		v.problem(path+".timer-spread", "T2 %s and a spread of %s come to the end of the lease: lower one of them",
			e.T2, e.TimerSpread)
	}
}

// field checks a text that goes into a fixed field of the message, with a NUL behind it (RFC 2131 §2). A boot
// file may be longer than its field of 128 octets: then it goes into option 67 as well.
func (v *validator) field(path, s string, octetsMax int) {
	if s == "" {
		return
	}
	if err := option.CheckText(s); err != nil {
		v.problem(path, "%v", err)
	}
	if len(s) > octetsMax {
		v.problem(path, "%d octets: at most %d", len(s), octetsMax)
	}
}

// globals checks what can only be said for the whole cluster.
func (v *validator) globals() {
	b := v.config.Booking.withDefaults()
	if b.FactorPercent < 100 || b.FactorPercent > 1000 {
		v.problem("booking.factor", "%s: between 1 and 10", FormatFactor(b.FactorPercent))
	}
	if b.Grace < 10 || b.Grace > 86400 {
		v.problem("booking.grace", "%s: the fixed part must be between 10s and 24h", FormatSeconds(b.Grace))
	}
	if b.GracePermille < 10 || b.GracePermille > 1000 {
		v.problem("booking.grace", "%s of the booking: between 1%% and 100%%; less does not cover the error "+
			"that clocks may have", b.GracePermille)
	}
	if b.Pause > 86400 {
		v.problem("booking.pause", "%s: at most 24h", FormatSeconds(b.Pause))
	}
	if m := v.config.Renewals.withDefault(); m != RenewalsLocal && m != RenewalsCommitted {
		v.problem("renewals", "%q: either local or committed", string(m))
	}
	if q := v.config.Decline.withDefaults().Quarantine; q > 366*86400 {
		v.problem("decline.quarantine", "%s: at most 366d; to give an address to nobody, exclude it",
			FormatSeconds(q))
	}
	v.knownServers()
}

// checkName says what is wrong with a name that people give: it must fit into a log line and a label, and
// not look like a number.
func checkName(s string) string {
	switch {
	case s == "":
		return "name missing"
	case len(s) > nameOctetsMax:
		return fmt.Sprintf("name of %d octets: at most %d", len(s), nameOctetsMax)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
		return r > 0x7e || !isAlphanumeric(byte(r)) && r != '-' && r != '_' && r != '.'
	}):
		return fmt.Sprintf("name %q: letters, digits, hyphen, underscore and dot only", s)
	case strings.Trim(s, "0123456789") == "":
		return fmt.Sprintf("name %q: digits alone are a code", s)
	}
	return ""
}

// leaseQuery checks who may ask. That everybody may is never meant: leases are private.
func (v *validator) leaseQuery() {
	list := v.config.LeaseQuery.Requesters
	if len(list) > requestersMax {
		v.problem("leasequery.requesters", "%d: at most %d", len(list), requestersMax)
	}
	switch mode := v.config.LeaseQuery.TLS; mode {
	case "", LeaseQueryTLSOff, LeaseQueryTLSAllow, LeaseQueryTLSRequire:
	default:
		v.problem("leasequery.tls", "%q: use off, allow or require", mode)
	}
	for i, p := range list {
		path := "leasequery.requesters[" + strconv.Itoa(i) + "]"
		switch {
		case !p.IsValid() || !p.Addr().Is4():
			v.problem(path, "no IPv4 address and no prefix")
		case p != p.Masked():
			v.problem(path, "%s has bits behind its length: write %s", p, p.Masked())
		case p.Bits() < 8:
			v.problem(path, "%s lets nearly everybody ask who has which address: at most a /8", p)
		case slices.Contains(list[:i], p):
			v.problem(path, "%s stands twice: keep one", FormatRequester(p))
		}
	}
}

// identifiersMax is how many values of one kind a reservation may have.
const identifiersMax = 16

// identifiers checks by what the client of r is known.
func (v *validator) identifiers(path string, r *Reservation) {
	device, place, class := len(r.Hardware)+len(r.ClientID) > 0, r.placeKinds() != 0, len(r.Class) > 0
	switch {
	case !device && !place && !class:
		v.problem(path, "no identifier: give hardware or client-id, or circuit-id, remote-id and relay-id, or "+
			"class")
	case device && (place || class):
		v.problem(path, "a device (hardware, client-id) and a place (circuit-id, remote-id, relay-id, class): a "+
			"reservation is for one of them; write two, or a class whose test says both")
	case place && class:
		v.problem(path+".class", "beside circuit-id, remote-id or relay-id: say in the test of the class what "+
			"they say")
	}
	v.values(path, ByHardware, r.Hardware, func(b []byte) string {
		if n := len(b); n != 6 {
			return fmt.Sprintf("%d octets: an Ethernet address has 6; name other clients by client-id", n)
		}
		return ""
	})
	v.values(path, ByClientID, r.ClientID, func(b []byte) string {
		if n := len(b); n < 2 || n > 255 {
			return fmt.Sprintf("%d octets: 2 to 255 (RFC 2132 §9.14)", n)
		}
		return ""
	})
	subOption := func(b []byte) string {
		if n := len(b); n == 0 || n > 255 {
			return fmt.Sprintf("%d octets: 1 to 255 (RFC 3046 §2.0)", n)
		}
		return ""
	}
	v.values(path, ByCircuitID, r.CircuitID, subOption)
	v.values(path, ByRemoteID, r.RemoteID, subOption)
	v.values(path, ByRelayID, r.RelayID, subOption)
	names := make([][]byte, 0, len(r.Class))
	for i, name := range r.Class {
		names = append(names, []byte(name))
		switch at := elementOf(path+".class", i, len(r.Class)); {
		case name == Known || name == Unknown:
			v.problem(at, "%s: who has a reservation is known, and nobody else", name)
		case strings.HasPrefix(name, notPrefix):
			v.problem(at, "%s: a reservation is for the clients of a class, not for all others", name)
		default:
			v.className(at, name, "")
		}
	}
	v.values(path, ByClass, names, func([]byte) string { return "" })
}

// values checks the values of one kind of identifier; wrong says what is wrong with one.
func (v *validator) values(path string, by Identifier, list [][]byte, wrong func([]byte) string) {
	at := path + "." + string(by)
	for i, b := range list {
		if why := wrong(b); why != "" {
			v.problem(elementOf(at, i, len(list)), "%s", why)
		}
	}
	if len(list) > identifiersMax {
		v.problem(at, "%d values: at most %d", len(list), identifiersMax)
	}
	order := v.config.ReservationIdentifiers
	if len(list) > 0 && len(order) > 0 && !slices.Contains(order, by) {
		v.problem(at, "not among reservation-identifiers: add it there, or nobody is known by it")
	}
}

// elementOf returns the path of the i-th of n values at path, of which a single one needs no list.
func elementOf(path string, i, n int) string {
	if n == 1 {
		return path
	}
	return path + "[" + strconv.Itoa(i) + "]"
}

// reservationIdentifiers checks the order in which identifiers count.
func (v *validator) reservationIdentifiers() {
	list := v.config.ReservationIdentifiers
	for i, by := range list {
		at := "reservation-identifiers[" + strconv.Itoa(i) + "]"
		if !slices.Contains(Identifiers(), by) {
			v.problem(at, "%q: one of %s", string(by), joined(Identifiers(), Identifier.String))
		} else if slices.Contains(list[:i], by) {
			v.problem(at, "%s stands twice: keep one", by)
		}
	}
}

// Suggest returns " (did you mean NAME?)" with the name nearest to word, or nothing if none is near.
func Suggest(word string, names []string) string { return option.Suggest(word, names) }

// EditDistance counts the octets to insert, delete or replace to make b of a.
func EditDistance(a, b string) int { return option.EditDistance(a, b) }

// ParseBool reads the words people use for yes and no.
func ParseBool(s string) (bool, error) { return option.ParseBool(s) }
