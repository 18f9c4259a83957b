package config

import (
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strconv"
	"strings"
)

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

func (v *validator) sharedNetworks() {
	v.networkOf = make(map[netip.Prefix]int)
	known := make(map[netip.Prefix]bool)
	for i := range v.config.Subnets {
		known[v.config.Subnets[i].Prefix] = true
	}
	byName := make(map[string]int)
	for i := range v.config.SharedNetworks {
		n := &v.config.SharedNetworks[i]
		path := "shared-networks[" + strconv.Itoa(i) + "]"
		if why := checkName(n.Name); why != "" {
			v.problem(path+".name", "%s", why)
		} else if first, taken := byName[n.Name]; taken {
			v.problem(path+".name", "%s is the name of shared-networks[%d], too: names are used once", n.Name, first)
		} else {
			byName[n.Name] = i
		}
		if len(n.Subnets) == 0 {
			v.problem(path+".subnets", "none named: list the prefixes that share the link, or remove the network")
		}
		for j, p := range n.Subnets {
			at := path + ".subnets[" + strconv.Itoa(j) + "]"
			if first, taken := v.networkOf[p]; taken && first == i {
				v.problem(at, "%s stands twice: keep one", p)
			} else if taken {
				v.problem(at, "%s is in shared-networks[%d], too: a subnet is on one link", p, first)
			} else if !known[p] {
				v.problem(at, "%s is not among the subnets: add it there or remove it here", p)
			}
			if _, taken := v.networkOf[p]; !taken {
				v.networkOf[p] = i
			}
		}
		v.guard(path+".classes", n.Classes)
		v.period(path, n.Period)
		v.outerOf = append(v.outerOf, v.settings(path, &n.Settings, v.global))
	}
}

func (v *validator) subnets() {
	c := v.config
	pools, reservations := 0, len(c.Reservations)
	v.promised = make(map[netip.Addr]string)
	for i := range c.Subnets {
		pools, reservations = pools+len(c.Subnets[i].Pools), reservations+len(c.Subnets[i].Reservations)
	}
	for _, limit := range []struct {
		word    string
		is, max int
	}{
		{"subnets", len(c.Subnets), subnetsMax},
		{"pools", pools, poolsMax},
		{"reservations", reservations, reservationsMax},
	} {
		if limit.is > limit.max {
			v.problem("subnets", "%d %s: at most %d", limit.is, limit.word, limit.max)
		}
	}
	overlapping := v.overlappingSubnets()
	onLink := make(map[linkName]string)
	for i := range c.Subnets {
		path := "subnets[" + strconv.Itoa(i) + "]"
		ok := v.prefix(path+".prefix", c.Subnets[i].Prefix)
		if other, found := overlapping[i]; ok && found {
			v.problem(path+".prefix", "%s overlaps %s of subnets[%d]: prefixes must be disjoint",
				c.Subnets[i].Prefix, c.Subnets[other].Prefix, other)
		}
		v.subnet(path, &c.Subnets[i], ok, onLink)
	}
}

// overlappingSubnets returns, for every subnet that overlaps one that stands before it in the file, the
// index of one such.
func (v *validator) overlappingSubnets() map[int]int {
	for i := range v.config.Subnets {
		if p := v.config.Subnets[i].Prefix; p.IsValid() && p.Addr().Is4() {
			v.prefixes = append(v.prefixes, indexed[netip.Prefix]{p, i})
		}
	}
	slices.SortStableFunc(v.prefixes, func(a, b indexed[netip.Prefix]) int {
		return comparePrefixes(a.value, b.value)
	})
	out := make(map[int]int)
	var open []indexed[netip.Prefix] // the prefixes that contain the present one, widest first
	for _, p := range v.prefixes {
		for len(open) > 0 && !open[len(open)-1].value.Overlaps(p.value) {
			open = open[:len(open)-1]
		}
		for _, outer := range open {
			later := max(outer.index, p.index)
			if _, told := out[later]; !told {
				out[later] = min(outer.index, p.index)
			}
		}
		if len(open) == 0 || open[len(open)-1].value != p.value {
			open = append(open, p)
		}
	}
	return out
}

// prefix checks the prefix of a subnet and says whether the rest of the subnet can be checked against it.
func (v *validator) prefix(path string, p netip.Prefix) bool {
	switch a := p.Addr(); {
	case !p.IsValid():
		v.problem(path, "prefix missing: write as in 10.67.0.0/16")
	case !a.Is4():
		v.problem(path, "%s is no IPv4 prefix", p)
	case p != p.Masked():
		v.problem(path, "%s has bits set outside its mask: write %s", p, p.Masked())
	case p.Bits() == 0 || a.IsMulticast() || a.IsLoopback() || a.As4()[0] == 0 || a.As4()[0] >= 240:
		v.problem(path, "%s is not for hosts", p)
	default:
		return true
	}
	return false
}

// linkName is a client on a link, by one of its names.
type linkName struct{ link, name string }

func (v *validator) subnet(path string, s *Subnet, prefixOK bool, onLink map[linkName]string) {
	outer, link := v.global, s.Prefix.String()
	if i, ok := v.networkOf[s.Prefix]; ok {
		outer, link = v.outerOf[i], "shared-networks["+strconv.Itoa(i)+"]"
		v.noIdentity(path, &s.Identity, "within a shared network")
	}
	v.guard(path+".classes", s.Classes)
	v.period(path, s.Period)
	inner := v.settings(path, &s.Settings, outer)
	for i, a := range s.Relays {
		at := path + ".relays[" + strconv.Itoa(i) + "]"
		if !a.Is4() || a.IsMulticast() || a.IsUnspecified() || a == broadcast {
			v.problem(at, "%s is no relay agent's IPv4 address", a)
		} else if slices.Contains(s.Relays[:i], a) {
			v.problem(at, "%s stands twice: keep one", a)
		}
	}
	if a := s.Allocation.withDefault(); a != AllocationSpread && a != AllocationLowest {
		v.problem(path+".allocation", "%q: either spread or lowest", string(a))
	}
	if prefixOK {
		v.serviceAddress(path+".service-address", s)
		v.neighbours(path, s, inner)
	}
	v.pools(path, s, prefixOK, inner)
	for i, r := range s.Exclude {
		at := path + ".exclude[" + strconv.Itoa(i) + "]"
		if v.addrRange(at, r) && prefixOK && (!s.Prefix.Contains(r.First) || !s.Prefix.Contains(r.Last)) {
			v.problem(at, "%s lies outside %s", r, s.Prefix)
		}
	}
	v.reservations(path, s, prefixOK, inner, link, onLink)
}

func (v *validator) serviceAddress(path string, s *Subnet) {
	a := s.ServiceAddress
	if !a.IsValid() {
		return
	}
	if !s.Prefix.Contains(a) {
		v.problem(path, "%s lies outside %s", a, s.Prefix)
		return
	}
	if unusable(s.Prefix, a) {
		v.problem(path, "%s is the network or broadcast address of %s", a, s.Prefix)
	}
	for j := range s.Pools {
		excluded := slices.ContainsFunc(s.Exclude, func(r AddrRange) bool { return r.Contains(a) })
		if s.Pools[j].Range.Contains(a) && !excluded {
			v.problem(path, "%s lies in pools[%d]: exclude it there", a, j)
		}
	}
}

// neighbours checks that no pool gives away the address of a relay agent or of a router of the subnet.
func (v *validator) neighbours(path string, s *Subnet, inner *Effective) {
	const inPool = "%s lies in pools[%d], which would give it to a client: add it to exclude"
	for i, a := range s.Relays {
		if j, ok := s.givenBy(a); ok {
			v.problem(path+".relays["+strconv.Itoa(i)+"]", inPool, a, j)
		}
	}
	set := slices.ContainsFunc(s.Options, func(o Option) bool { return o.Code == optionRouters }) ||
		slices.ContainsFunc(s.Guarded, func(o GuardedOption) bool { return o.Code == optionRouters })
	for _, a := range routersOf(inner) {
		if j, ok := s.givenBy(a); ok && set {
			v.problem(path+".options.routers", inPool, a, j)
		} else if ok {
			v.problem(path+".pools["+strconv.Itoa(j)+"].range",
				"%s, a router of the subnet, would be given to a client: add it to exclude", a)
		}
	}
	for i := range s.Pools {
		for _, a := range routersOf(new(Effective).under(&s.Pools[i].Settings)) {
			if j, ok := s.givenBy(a); ok {
				v.problem(path+".pools["+strconv.Itoa(i)+"].options.routers", inPool, a, j)
			}
		}
	}
}

// givenBy returns the index of the pool of s that would give a to any client.
func (s *Subnet) givenBy(a netip.Addr) (int, bool) {
	i := slices.IndexFunc(s.Pools, func(p Pool) bool { return p.Range.Contains(a) })
	if i < 0 || slices.ContainsFunc(s.Exclude, func(r AddrRange) bool { return r.Contains(a) }) ||
		slices.ContainsFunc(s.Reservations, func(r Reservation) bool { return r.Address == a }) {
		return 0, false
	}
	return i, true
}

// The options that mean something to the configuration: the routers of a subnet (RFC 2132 §3.5), and what
// lets clients do without an address (RFC 8925 §3.1).
const (
	optionRouters         = 3
	optionV6OnlyPreferred = 108
)

// routersOf returns the routers that clients are told of.
func routersOf(e *Effective) []netip.Addr {
	data, _ := e.Option(optionRouters)
	for _, o := range e.guarded {
		if o.Code == optionRouters {
			data = append(slices.Clip(data), o.Data...)
		}
	}
	var out []netip.Addr
	for ; len(data) >= 4; data = data[4:] {
		out = append(out, netip.AddrFrom4([4]byte(data[:4])))
	}
	return out
}

// addrRange checks that r is a range and says whether it is.
func (v *validator) addrRange(path string, r AddrRange) bool {
	switch {
	case !r.First.IsValid() && !r.Last.IsValid():
		v.problem(path, "range missing: write as in 10.67.1.0-10.67.1.99")
	case !r.First.Is4() || !r.Last.Is4():
		v.problem(path, "%s is no range of IPv4 addresses", r)
	case !r.valid():
		v.problem(path, "%s ends before it begins", r)
	default:
		return true
	}
	return false
}

func (v *validator) pools(path string, s *Subnet, prefixOK bool, outer *Effective) {
	var sorted []indexed[AddrRange]
	for i := range s.Pools {
		p := &s.Pools[i]
		at := path + ".pools[" + strconv.Itoa(i) + "]"
		if v.addrRange(at+".range", p.Range) {
			sorted = append(sorted, indexed[AddrRange]{p.Range, i})
			if prefixOK {
				v.poolInPrefix(at+".range", p.Range, s.Prefix)
			}
		}
		v.guard(at+".classes", p.Classes)
		v.period(at, p.Period)
		v.settings(at, &p.Settings, outer)
		v.noIdentity(at, &p.Identity, "by pool")
	}
	slices.SortStableFunc(sorted, func(a, b indexed[AddrRange]) int {
		return a.value.First.Compare(b.value.First)
	})
	for i := 1; i < len(sorted); i++ {
		a, b := sorted[i-1], sorted[i]
		if a.value.overlaps(b.value) {
			if a.index > b.index {
				a, b = b, a
			}
			v.problem(path+".pools["+strconv.Itoa(b.index)+"].range",
				"%s overlaps %s of pools[%d]: ranges must be disjoint", b.value, a.value, a.index)
		}
		if i+1 < len(sorted) && sorted[i-1].value.Last.Compare(sorted[i].value.Last) > 0 {
			sorted[i] = sorted[i-1] // The one that reaches further may overlap the next, too.
		}
	}
}

func (v *validator) poolInPrefix(path string, r AddrRange, p netip.Prefix) {
	switch {
	case !p.Contains(r.First) || !p.Contains(r.Last):
		v.problem(path, "%s lies outside %s", r, p)
	case unusable(p, r.First):
		v.problem(path, "%s begins with the network address of %s: begin with %s", r, p, r.First.Next())
	case unusable(p, r.Last):
		v.problem(path, "%s ends with the broadcast address of %s: end with %s", r, p, r.Last.Prev())
	}
}

// reservations checks those of a subnet under outer. onLink has the clients of links that have a reservation.
func (v *validator) reservations(path string, s *Subnet, prefixOK bool, outer *Effective, link string,
	onLink map[linkName]string,
) {
	for i := range s.Reservations {
		r := &s.Reservations[i]
		at := path + ".reservations[" + strconv.Itoa(i) + "]"
		v.reservation(at, link, r, outer, onLink)
		if r.Address.IsValid() && v.promisedOnce(at, r.Address) && prefixOK {
			v.reservedAddress(at+".address", r.Address, s)
		}
	}
}

// globalReservations checks the reservations that are in no subnet.
func (v *validator) globalReservations() {
	known := make(map[linkName]string)
	for i := range v.config.Reservations {
		r := &v.config.Reservations[i]
		at := "reservations[" + strconv.Itoa(i) + "]"
		j := -1
		if r.Address.IsValid() {
			j = sort.Search(len(v.prefixes), func(j int) bool {
				return v.prefixes[j].value.Addr().Compare(r.Address) > 0
			}) - 1
		}
		v.reservation(at, "", r, v.global, known)
		switch {
		case !r.Address.IsValid() || !v.promisedOnce(at, r.Address):
		case j < 0 || !v.prefixes[j].value.Contains(r.Address):
			v.problem(at+".address", "%s lies in no subnet: add its subnet, or correct it", r.Address)
		default:
			v.reservedAddress(at+".address", r.Address, &v.config.Subnets[v.prefixes[j].index])
		}
	}
}

// reservation checks what a reservation says but for its address. taken has the clients that have one.
func (v *validator) reservation(at, link string, r *Reservation, outer *Effective,
	taken map[linkName]string,
) {
	v.identifiers(at, r)
	var names []string
	if max(len(r.CircuitID), len(r.RemoteID), len(r.RelayID)) <= identifiersMax {
		names = r.Names()
	}
	for _, name := range names {
		key := linkName{link, name}
		switch first, known := taken[key]; {
		case !known:
			taken[key] = at
		case first == at:
			v.problem(at, "%s stands twice: keep one", name)
		case link == "":
			v.problem(at, "%s has a global reservation: %s; one client, one reservation", name, first)
		default:
			v.problem(at, "%s has a reservation on this link: %s; one client, one reservation", name, first)
		}
	}
	if r.Hostname != "" {
		if err := checkHostname(r.Hostname); err != nil {
			v.problem(at+".hostname", "%v", err)
		}
	}
	if r.RARP && (len(r.Hardware) == 0 || !r.Address.IsValid()) {
		v.problem(at+".rarp", "on: RARP tells the owner of an Ethernet address its IPv4 address: give both, "+
			"hardware and address, or remove it")
	}
	if r.OneDevice && (len(r.Keys()) > 0 || !r.Address.IsValid()) {
		v.problem(at+".one-device", "on: it hands the address of a place on from device to device: give an "+
			"address, and circuit-id, remote-id, relay-id or class, or remove it")
	}
	v.settings(at, &r.Settings, outer)
}

// promisedOnce checks that no reservation before has address a, which the one at path has.
func (v *validator) promisedOnce(path string, a netip.Addr) bool {
	if first, taken := v.promised[a]; taken {
		v.problem(path+".address", "%s is the address of %s: an address is promised once", a, first)
		return false
	}
	v.promised[a] = path
	return true
}

func (v *validator) reservedAddress(path string, a netip.Addr, s *Subnet) {
	switch {
	case !s.Prefix.Contains(a):
		where := ""
		for _, p := range v.prefixes {
			if p.value.Contains(a) {
				where = fmt.Sprintf(": move the reservation to subnets[%d], %s", p.index, p.value)
			}
		}
		v.problem(path, "%s lies outside %s%s", a, s.Prefix, where)
	case unusable(s.Prefix, a):
		v.problem(path, "%s is the network or broadcast address of %s", a, s.Prefix)
	case a == s.ServiceAddress:
		v.problem(path, "%s is the service address of the subnet", a)
	}
}

// FormatHardware returns a hardware address as pairs of hex digits with colons between them.
func FormatHardware(addr []byte) string {
	var b strings.Builder
	for i, o := range addr {
		if i > 0 {
			b.WriteByte(':')
		}
		fmt.Fprintf(&b, "%02x", o)
	}
	return b.String()
}
