package kea

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"port67/storage/config"
)

// network translates a shared network with its subnets.
func (t *translator) network(n *node, above level) {
	name, at := t.text(n, "name")
	k := &network{at: n, name: cleanName(name)}
	switch {
	case at == nil:
		k.name = fmt.Sprintf("network-%d", len(t.draft.networks)+1)
		t.remarkOn(n, n.element, "has no name, and got "+k.name)
	case k.name != name:
		t.changed(at, "became "+k.name+": names have letters, digits, hyphen, underscore and dot only", "")
	default:
		t.taken(at)
	}
	l := t.settingsOf(n, &k.settings, above)
	if l.global != above.global {
		k.global = &l.global
	}
	t.matchClientID(n, &k.settings, &l, false)
	var kept bool
	if k.classes, kept = t.guard(n, &l); !kept {
		t.shut(n)
		return
	}
	t.allocator(n, &l, "of each of its subnets")
	t.demand(n, &k.settings)
	t.draft.networks = append(t.draft.networks, k)
	relays := n.get("relay")
	for _, s := range t.objects(n, "subnet4") {
		t.subnet(s, k, l)
	}
	t.relays(relays, t.draft.prefixesOf(k))
}

// cleanName returns s as a name may be.
func cleanName(s string) string {
	out := strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z' {
			return r
		}
		return '-'
	}, s)
	if len(out) > 64 {
		out = out[:64]
	}
	if strings.Trim(out, "0123456789") == "" && out != "" {
		out = "n" + out[:min(len(out), 63)]
	}
	return out
}

// subnet translates a subnet.
func (t *translator) subnet(n *node, in *network, above level) {
	text, at := t.text(n, "subnet")
	p, err := netip.ParsePrefix(text)
	if at == nil || err != nil || !p.Addr().Is4() {
		t.left(n, fmt.Sprintf("subnet %q is no IPv4 prefix", text), "correct it")
		return
	}
	s := &subnet{at: n, network: in, prefix: p.Masked()}
	if p != s.prefix {
		t.changed(at, "has bits set outside its mask: became "+s.prefix.String(), "")
	} else {
		t.taken(at)
	}
	if id, idAt := t.uint(n, "id"); idAt != nil {
		t.out.SubnetIDs[s.prefix] = *id
		t.say(idAt, keywordID.verdict, keywordID.why, "")
	}
	l := t.settingsOf(n, &s.settings, above)
	if t.pings {
		t.pingCheck(n.get("user-context"), &s.settings)
	}
	if l.global != above.global {
		s.global = &l.global
	}
	t.matchClientID(n, &s.settings, &l, in != nil)
	var kept bool
	if s.classes, kept = t.guard(n, &l); !kept {
		t.shut(n)
		return
	}
	var around []*settings
	if in != nil {
		around = []*settings{&in.settings}
	}
	t.demand(n, &s.settings, around...)
	t.allocator(n, &l, "")
	s.allocation = l.allocation
	t.subnetLimits(n)
	t.relays(n.get("relay"), []netip.Prefix{s.prefix})
	for _, k := range t.objects(n, "pools") {
		t.pool(k, s, l, append(around, &s.settings))
	}
	t.mergeHalves(s)
	for _, k := range t.objects(n, "reservations") {
		if !l.inSubnet {
			t.left(k, "Kea passes over the reservations of this subnet (reservations-in-subnet)", "")
			continue
		}
		if r := t.reservation(k); r != nil {
			s.reservations = append(s.reservations, r)
		} else if a, _ := t.address(k, "ip-address"); a.IsValid() {
			t.keepPromised(s, &reservation{address: a})
		}
	}
	s.reservations = t.mergeHosts(s.reservations)
	if l.global {
		t.global = append(t.global, s)
	}
	t.draft.subnets = append(t.draft.subnets, s)
}

var keywordID = needless("subnets are known by their prefix")

// allocator translates the order in which free addresses are taken, for the subnets of this level.
func (t *translator) allocator(n *node, l *level, of string) {
	word, at := t.text(n, "allocator")
	if of != "" {
		of = " " + of
	}
	switch {
	case at == nil:
	case word == "iterative":
		l.allocation = config.AllocationLowest
		t.changed(at, "became allocation: lowest"+of, "")
	case word == "random":
		l.allocation = config.AllocationSpread
		t.changed(at, "became allocation: spread"+of+": over the pools, by client", "")
	case word == "flq":
		l.allocation = config.AllocationSpread
		t.changed(at, "became allocation: spread"+of+", by client: a free address is found at once in any order, "+
			"and of those that were used before the longest unused comes first", "")
	default:
		t.left(at, "no allocator "+word+" here: it was passed over",
			"set allocation: spread or lowest in the subnets")
	}
}

// limits returns the limits that the hook library for them finds in the user context of n; nil if there are
// none, or no such library.
func (t *translator) limits(n *node) *node {
	context := n.get("user-context")
	if context == nil || !t.limited {
		return nil
	}
	limits := context.get("limits")
	if limits == nil || limits.form != isObject {
		return nil
	}
	context.told, limits.told = true, true // Member by member.
	for _, m := range context.members {
		if m.key != "limits" {
			t.say(m.value, keywords["user-context"].verdict, keywords["user-context"].why, inYAML)
		}
	}
	for _, m := range limits.members {
		switch m.key {
		case "rate-limit":
			t.left(m.value, "rates are limited by client, circuit, relay agent and interface, not by class or "+
				"subnet", "see limits in the reference of the configuration")
		case "prefix-limit":
			t.left(m.value, "is for DHCPv6", "")
		case "address-limit":
		default:
			t.untold(m.value)
		}
	}
	return limits
}

// subnetLimits tells of the limits of a subnet.
func (t *translator) subnetLimits(n *node) {
	if v, at := t.uint(t.limits(n), "address-limit"); at != nil {
		t.left(at, "a subnet has no limit but its pools", fmt.Sprintf("give it pools of %d addresses", *v))
	}
}

// classLimits translates the limits of a class.
func (t *translator) classLimits(n *node, k *class) {
	v, at := t.uint(t.limits(n), "address-limit")
	switch {
	case at == nil:
	case k.onDemand:
		t.left(at, "a class that counts only where it is asked for has no limit, as in Kea", "")
	case *v == 0:
		t.left(at, "0 addresses", "set ignore: on for the class, or not-"+k.name+" among the classes of the pools")
	case *v > limitMax:
		t.left(at, fmt.Sprintf("%d addresses: a limit is at most %d", *v, limitMax), "")
	case k.template != "":
		k.limit = *v
		t.changed(at, "became limit, of each value of the template", "")
	default:
		k.limit = *v
		t.changed(at, "became limit; a lease counts until the log promises its address no longer", "")
	}
}

// limitMax is the greatest limit of a class.
const limitMax = 1_000_000

// relays tells of the relay agents of a subnet. In Kea they select the subnet beside the prefix; here only
// the prefix does, and relays would shut others out.
func (t *translator) relays(n *node, prefixes []netip.Prefix) {
	if n == nil {
		return
	}
	list := []*node{n.get("ip-address")}
	if many := n.get("ip-addresses"); many != nil {
		list = many.items
	}
	for _, i := range list {
		if i == nil {
			continue
		}
		a, err := netip.ParseAddr(i.text)
		switch {
		case err != nil || !a.Is4():
			t.left(i, fmt.Sprintf("%q is no IPv4 address", i.text), "correct it")
		case slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) }):
			t.changed(i, "lies in the prefix and so selects the subnet anyway",
				"to shut other relay agents out, write relays: ["+a.String()+"]")
		default:
			t.left(i, "lies outside the prefix: a giaddr selects the subnet that it lies in, or none",
				"let the relay send link selection (RFC 3527), or give it an address of the subnet")
		}
	}
}

// pool translates a pool. One whose guard cannot be kept is left behind, so that it is not open to
// everybody.
func (t *translator) pool(n *node, s *subnet, above level, around []*settings) {
	text, at := t.text(n, "pool")
	span, err := parseRange(text)
	if at == nil || err != nil {
		t.left(n, fmt.Sprintf("pool %q is no range of IPv4 addresses", text), "correct it")
		return
	}
	p := &pool{at: n, span: span}
	if trimmed := usable(span, s.prefix); trimmed != span {
		p.span = trimmed
		t.changed(at, "became "+trimmed.String()+", without the network and broadcast address", "")
	} else {
		t.taken(at)
	}
	l := t.settingsOf(n, &p.settings, above)
	var kept bool
	if p.classes, kept = t.guard(n, &l); !kept {
		t.shut(n)
		return
	}
	t.demand(n, &p.settings, around...)
	p.ha = l.ha
	s.pools = append(s.pools, p)
}

// usable returns r without the network and the broadcast address of p, which belong to nobody.
func usable(r config.AddrRange, p netip.Prefix) config.AddrRange {
	if p.Bits() > 30 {
		return r
	}
	if r.First == p.Addr() && r.First != r.Last {
		r.First = r.First.Next()
	}
	if next := r.Last.Next(); next.IsValid() && !p.Contains(next) && p.Contains(r.Last) && r.First != r.Last {
		r.Last = r.Last.Prev()
	}
	return r
}

// mergeHalves joins the pools that a pair of Kea servers had between them, where nothing else keeps them
// apart.
func (t *translator) mergeHalves(s *subnet) {
	var halves []*pool
	for _, p := range s.pools {
		if p.ha {
			halves = append(halves, p)
		}
	}
	slices.SortStableFunc(halves, func(a, b *pool) int { return a.span.First.Compare(b.span.First) })
	for i, p := range s.pools {
		if p.ha {
			s.pools[i], halves = halves[0], halves[1:]
		}
	}
	var out []*pool
	for _, p := range s.pools {
		if len(out) > 0 {
			last := out[len(out)-1]
			same := slices.Equal(last.classes, p.classes) &&
				reflect.DeepEqual(last.settings.config(), p.settings.config())
			if last.ha && p.ha && same && last.span.Last.Next() == p.span.First {
				last.span.Last = p.span.Last
				t.changed(p.at.get("pool"), "joined with the other half of the pair: "+last.span.String(), "")
				continue
			}
		}
		out = append(out, p)
	}
	s.pools = out
}
