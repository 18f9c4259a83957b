package kea

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"port67/storage/config"
	"port67/storage/lease"
)

// What Kea does where its file says nothing.
const (
	keaLifetime   = 7200
	keaT1Permille = 500
	keaT2Permille = 875
)

// level is what holds at one level of the file, inherited from above.
type level struct {
	lifetime config.LeaseTimes
	renew    *uint32 // seconds, nil where Kea has none
	rebind   *uint32
	share    bool // calculate-tee-times
	t1, t2   config.Permille
	sent1    config.Permille // what our configuration says so far
	sent2    config.Permille
	ha       bool // a scope of a pair was among the guards
	inSubnet bool // reservations-in-subnet
	global   bool // reservations-global
	// threshold is the use of a pool from which the shortest lease time is told; nil if there is none.
	threshold  *config.Permille
	allocation config.Allocation
	byMAC      bool // match-client-id is off
}

// firstLevel returns what holds before anything is said.
func firstLevel() level {
	return level{
		lifetime: config.LeaseTimes{Default: seconds(keaLifetime)}, t1: keaT1Permille, t2: keaT2Permille,
		sent1: keaT1Permille, sent2: keaT2Permille, inSubnet: true,
	}
}

// settingsOf translates what may stand at most levels, and returns what holds there.
func (t *translator) settingsOf(obj *node, s *settings, above level) level {
	l := t.pressure(obj, s, t.lifetimes(obj, s, above))
	l = t.timers(obj, s, l)
	if a, n := t.address(obj, "next-server"); n != nil {
		s.NextServer = a
		s.note("next-server", n)
		t.taken(n)
	}
	if text, n := t.text(obj, "server-hostname"); n != nil {
		s.ServerName = text
		s.note("server-name", n)
		t.taken(n)
	}
	if text, n := t.text(obj, "boot-file-name"); n != nil {
		s.BootFile = text
		s.note("boot-file-name", n)
		t.taken(n)
	}
	if b, n := t.bool(obj, "authoritative"); n != nil {
		s.Authoritative = b
		t.taken(n)
	}
	if b, n := t.bool(obj, "echo-client-id"); n != nil {
		s.EchoClientID = b
		t.taken(n)
	}
	if obj != t.draft.root { // Global options name classes, which are not read yet.
		t.options(obj, s)
	}
	t.reservationModes(obj, &l)
	return l
}

// address returns an IPv4 address.
func (t *translator) address(obj *node, key string) (netip.Addr, *node) {
	text, n := t.text(obj, key)
	if n == nil {
		return netip.Addr{}, nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil || !a.Is4() {
		t.left(n, fmt.Sprintf("%q is no IPv4 address", text), "correct it")
		return netip.Addr{}, nil
	}
	return a, n
}

// lifetimes translates valid-lifetime with its bounds. Kea takes the three together: where one is said,
// those that are not are the same as the others.
func (t *translator) lifetimes(obj *node, s *settings, above level) level {
	l := above
	value, nv := t.uint(obj, "valid-lifetime")
	least, nl := t.uint(obj, "min-valid-lifetime")
	most, nm := t.uint(obj, "max-valid-lifetime")
	if value == nil && least == nil && most == nil {
		return l
	}
	switch {
	case value != nil:
	case least != nil && most != nil:
		for _, n := range []*node{nl, nm} {
			t.left(n, "bounds without a valid-lifetime, which Kea refuses", "say lease.default")
		}
		return l
	case least != nil:
		value = least
	default:
		value = most
	}
	if least == nil {
		least = value
	}
	if most == nil {
		most = value
	}
	if *value == 0 || *least > *value || *value > *most {
		for _, n := range []*node{nv, nl, nm} {
			t.left(n, fmt.Sprintf("min %d, default %d and max %d are not in ascending order, or zero", *least,
				*value, *most), "say lease by hand")
		}
		return l
	}
	l.lifetime = config.LeaseTimes{Default: seconds(*value), Min: seconds(*least), Max: seconds(*most)}
	s.Lease = l.lifetime
	for _, n := range []*node{nv, nl, nm} {
		if n != nil {
			s.note("lease", n)
		}
	}
	if nv != nil && nl == nil && nm == nil {
		t.changed(nv, "became default, min and max: with Kea, clients cannot ask for another lease time", "")
		return l
	}
	t.taken(nv, nl, nm)
	return l
}

func seconds(v uint32) *lease.Seconds {
	s := lease.Seconds(v)
	return &s
}

// pressure translates the use of a pool from which Kea tells no more than min-valid-lifetime.
func (t *translator) pressure(obj *node, s *settings, l level) level {
	n := obj.get("adaptive-lease-time-threshold")
	if n != nil && !n.told {
		share := config.Permille(1000)
		if n.form == isNumber && strings.TrimRight(n.text, ".0") == "1" {
			t.taken(n)
		} else {
			share = t.percent(obj, "adaptive-lease-time-threshold", 0)
		}
		if share != 0 {
			l.threshold = &share
		}
	}
	least := l.lifetime.Min
	shorter := least != nil && *least < *l.lifetime.Default
	switch {
	case l.threshold == nil:
		return l
	case n == nil && s.Lease == (config.LeaseTimes{}):
		return l // As above.
	case n != nil && !shorter:
		t.left(n, "min-valid-lifetime, which Kea tells then, is not shorter than valid-lifetime here",
			"set lease.pressure if lease times are to be shorter when a pool fills up")
		l.threshold = nil
		return l
	case n != nil:
		t.instead(n, fmt.Sprintf("became lease.pressure: at most %s from %s of a pool on",
			config.FormatSeconds(*least), *l.threshold))
		s.note("lease", n)
	}
	s.Lease.Pressure = config.Pressure{Above: l.threshold, Max: least}
	return l
}

// timers translates T1 and T2, which Kea has in seconds and we in parts of the lease time.
func (t *translator) timers(obj *node, s *settings, l level) level {
	renew, n1 := t.uint(obj, "renew-timer")
	rebind, n2 := t.uint(obj, "rebind-timer")
	share, ns := t.bool(obj, "calculate-tee-times")
	if renew != nil {
		l.renew = renew
	}
	if rebind != nil {
		l.rebind = rebind
	}
	if share != nil {
		l.share = *share
		t.taken(ns)
	}
	l.t1 = t.percent(obj, "t1-percent", l.t1)
	l.t2 = t.percent(obj, "t2-percent", l.t2)
	t1, t2 := l.permille()
	bad2 := t2 == 0 || t2 >= 1000
	if bad2 {
		t2 = keaT2Permille
	}
	bad1 := t1 == 0 || t1 >= t2
	if bad1 {
		t1 = min(keaT1Permille, t2/2)
	}
	t.timer(n1, t1, bad1, l)
	t.timer(n2, t2, bad2, l)
	if t1 != l.sent1 || t2 != l.sent2 {
		s.T1, s.T2, l.sent1, l.sent2 = &t1, &t2, t1, t2
		for _, n := range []*node{obj, ns, n2, n1} {
			if n != nil {
				s.note("t1", n)
			}
		}
		s.note("t2", s.at["t1"])
	}
	return l
}

// timer tells of one timer, if it stands at this level.
func (t *translator) timer(n *node, share config.Permille, bad bool, l level) {
	switch {
	case n == nil:
	case bad:
		t.left(n, fmt.Sprintf("not in 0 < T1 < T2 < %d s, the lease time, and so not sent by Kea: %s of it holds",
			*l.lifetime.Default, share), "")
	default:
		t.changed(n, "became "+share.String()+" of the lease time, whatever that is for a client", "")
	}
}

// permille returns the shares that are Kea's timers at this level.
func (l *level) permille() (t1, t2 config.Permille) {
	t1, t2 = keaT1Permille, keaT2Permille
	if l.share {
		t1, t2 = l.t1, l.t2
	}
	of := func(v *uint32, otherwise config.Permille) config.Permille {
		if v == nil || l.lifetime.Default == nil {
			return otherwise
		}
		return config.Permille(min(uint64(*v)*1000/uint64(*l.lifetime.Default), 1000))
	}
	return of(l.renew, t1), of(l.rebind, t2)
}

// percent reads a share that Kea writes as in 0.875.
func (t *translator) percent(obj *node, key string, above config.Permille) config.Permille {
	n := obj.get(key)
	if n == nil || n.told {
		return above
	}
	whole, fraction, _ := strings.Cut(n.text, ".")
	digits := (fraction + "000")[:3]
	v, err := strconv.ParseUint(digits, 10, 32)
	if n.form != isNumber || strings.Trim(whole, "0") != "" || err != nil || v == 0 {
		t.left(n, "no share between 0 and 1, as in 0.5", "set what stands for it by hand")
		return above
	}
	if len(fraction) > 3 && strings.Trim(fraction[3:], "0") != "" {
		t.changed(n, "rounded down to a thousandth", "")
	} else {
		t.taken(n)
	}
	return config.Permille(v)
}

// keaMatch is how Kea's match-client-id differs from what it became.
const keaMatch = "who shows an identifier and who shows none, from one hardware address, is one client in " +
	"Kea and two here"

// keaMatchTodo is what to do about it.
const keaMatchTodo = "identity: {match: cid-then-mac} is Kea's rule, where no hosts share a hardware address"

// matchClientID translates whether Kea looks at identifiers. within says that the level is inside of a link,
// where clients cannot be matched in another way than around it.
func (t *translator) matchClientID(obj *node, s *settings, l *level, within bool) {
	b, n := t.bool(obj, "match-client-id")
	switch {
	case n == nil:
	case within && *b == l.byMAC:
		t.left(n, "how clients are matched is a matter of the whole shared network", "set identity.match there")
	case *b:
		if l.byMAC {
			s.Identity.Match = config.MatchStrict
		}
		l.byMAC = false
		t.changed(n, keaMatch, keaMatchTodo)
	default:
		if !l.byMAC {
			s.Identity.Match = config.MatchHardware
		}
		l.byMAC = true
		t.taken(n)
	}
}

// compatibility translates the flags for clients and relay agents that break the rules.
func (t *translator) compatibility(n *node) {
	if n == nil {
		return
	}
	for _, m := range n.members {
		on, at := t.bool(n, m.key)
		switch {
		case at == nil:
		case m.key == "lenient-option-parsing", !*on:
			t.taken(at) // Options that cannot be read are passed over, always.
		case m.key == "ignore-rai-link-selection":
			t.draft.relays = append(t.draft.relays, config.Relay{
				Address: netip.PrefixFrom(netip.IPv4Unspecified(), 0), LinkSelection: new(bool),
			})
			t.changed(at, "became link-selection: off for the relay agents of 0.0.0.0/0, which are all", "")
		case m.key == "exclude-first-last-24":
			t.left(at, "no address of a pool is left out for its last octet", "exclude those that end in .0 and .255")
		case m.key == "ignore-dhcp-server-identifier":
			t.left(at, "clients that chose another server are left to it",
				"set service-address to the identifier that they name")
		}
	}
}

// reservationModes translates where Kea looks for reservations; the old reservation-mode, too.
func (t *translator) reservationModes(obj *node, l *level) {
	if mode, n := t.text(obj, "reservation-mode"); n != nil {
		l.inSubnet = mode == "all" || mode == "out-of-pool"
		l.global = mode == "global"
		t.taken(n)
	}
	if b, n := t.bool(obj, "reservations-global"); n != nil {
		l.global = *b
		t.taken(n)
	}
	if b, n := t.bool(obj, "reservations-in-subnet"); n != nil {
		l.inSubnet = *b
		t.taken(n)
	}
	if _, n := t.bool(obj, "reservations-out-of-pool"); n != nil {
		t.taken(n) // An address may be reserved in a pool or outside of it.
	}
}

// parseUint reads a number in decimal digits.
func parseUint(s string, bits int) (uint64, bool) {
	v, err := strconv.ParseUint(s, 10, bits)
	return v, err == nil
}
