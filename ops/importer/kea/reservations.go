package kea

import (
	"fmt"
	"net/netip"
	"strings"

	"port67/storage/config"
)

// reservationIdentifiers says by what clients can be reserved for. What has no entry in with is not possible
// here; to extend the importer, add it.
var reservationIdentifiers = []struct {
	key  string
	with func(r *reservation, octets []byte)
	todo string
}{
	{"hw-address", func(r *reservation, octets []byte) { r.hardware = octets }, ""},
	{"client-id", func(r *reservation, octets []byte) { r.clientID = octets }, ""},
	{"duid", nil, "reserve by client-id: ff, four octets of IAID, and the DUID (RFC 4361 §6.1)"},
	{"circuit-id", nil, "reserve by hardware or client-id"},
	{"remote-id", nil, "reserve by hardware or client-id"},
	{"flex-id", nil, "reserve by hardware or client-id"},
}

// reservation translates a reservation, nil if its client cannot be known here. prefix is that of its
// subnet, none for a global one.
func (t *translator) reservation(n *node, prefix netip.Prefix) *reservation {
	r := &reservation{at: n}
	var wrong, todo string
	for _, id := range reservationIdentifiers {
		text, at := t.text(n, id.key)
		if at == nil {
			continue
		}
		octets, err := parseOctets(text)
		switch {
		case err != nil:
			wrong, todo = id.key+": "+err.Error(), "correct it"
		case id.with == nil:
			wrong, todo = "clients are not known by "+id.key+" here", id.todo
		case id.key == "hw-address" && len(octets) != 6:
			wrong, todo = "hw-address is no Ethernet address", "reserve by client-id"
		default:
			id.with(r, octets)
			t.taken(at)
		}
	}
	if r.hardware == nil && r.clientID == nil {
		if wrong == "" {
			wrong = "no identifier of a client"
		}
		t.left(n, wrong, todo)
		return nil
	}
	if wrong != "" {
		t.left(firstOf(n, "duid", "circuit-id", "remote-id", "flex-id", "hw-address", "client-id"), wrong, todo)
	}
	if a, at := t.address(n, "ip-address"); at != nil {
		r.address = a
		t.taken(at)
	}
	t.hostname(n, r)
	t.settingsOf(n, &r.settings, firstLevel())
	t.rolled = append(t.rolled, itemsOf(n, "client-classes")...)
	return r
}

// firstOf returns the first member of those keys that nothing was said of.
func firstOf(n *node, keys ...string) *node {
	for _, k := range keys {
		if m := n.get(k); m != nil && !m.told {
			return m
		}
	}
	return nil
}

func (t *translator) hostname(n *node, r *reservation) {
	name, at := t.text(n, "hostname")
	switch {
	case at == nil:
	case name == "":
		t.taken(at)
	case strings.HasSuffix(name, "."):
		r.hostname = strings.TrimSuffix(name, ".")
		t.changed(at, "became "+r.hostname+", without the dot at its end", "")
	default:
		r.hostname = name
		t.taken(at)
	}
}

// globalReservations puts global reservations where they count: one with an address into the subnet of that
// address, one without into a subnet of every link.
func (t *translator) globalReservations() {
	for _, n := range t.globals {
		if len(t.global) == 0 {
			t.left(n, "Kea passes over global reservations unless reservations-global is true", "")
			continue
		}
		r := t.reservation(n, netip.Prefix{})
		if r == nil {
			if a, _ := t.address(n, "ip-address"); a.IsValid() {
				for _, s := range t.draft.subnets {
					t.keepPromised(s, &reservation{address: a})
				}
			}
			continue
		}
		if r.address.IsValid() {
			t.placeByAddress(n, r)
			continue
		}
		t.placeOnLinks(n, r)
	}
}

func (t *translator) placeByAddress(n *node, r *reservation) {
	for _, s := range t.global {
		if s.prefix.Contains(r.address) {
			s.reservations = append(s.reservations, r)
			t.remarkOn(n, n.element, "was global, and went into "+s.prefix.String())
			return
		}
	}
	t.left(n, r.address.String()+" lies in no subnet that global reservations count for", "")
}

// copiesMax bounds what global reservations on many links may come to.
const copiesMax = 65536

func (t *translator) placeOnLinks(n *node, r *reservation) {
	done := make(map[*network]bool)
	copies := 0
	for _, s := range t.global {
		if s.network != nil && done[s.network] || t.hasClient(s, r) {
			continue
		}
		if t.copies++; t.copies > copiesMax {
			t.left(n, "global reservations times links are more than fit", "write it into the subnets that need it")
			return
		}
		done[s.network] = true
		clone := *r
		s.reservations = append(s.reservations, &clone)
		copies++
	}
	t.remarkOn(n, n.element, fmt.Sprintf("was global, and went into a subnet of every link that has none for "+
		"the client: %d", copies))
}

// hasClient says whether the link of s has a reservation for the client of r.
func (t *translator) hasClient(s *subnet, r *reservation) bool {
	for _, other := range t.draft.subnets {
		if other != s && (s.network == nil || other.network != s.network) {
			continue
		}
		for _, k := range other.reservations {
			if len(r.hardware) > 0 && string(k.hardware) == string(r.hardware) ||
				len(r.clientID) > 0 && string(k.clientID) == string(r.clientID) {
				return true
			}
		}
	}
	return false
}

// roll is the clients that reservations put into a class.
type roll struct{ hardware, clientIDs []string }

func (r roll) empty() bool { return len(r.hardware)+len(r.clientIDs) == 0 }

// test returns the test that these clients pass.
func (r roll) test() string {
	var parts []string
	if len(r.hardware) > 0 {
		parts = append(parts, "pkt.hardware in ["+strings.Join(r.hardware, ", ")+"]")
	}
	if len(r.clientIDs) > 0 {
		parts = append(parts, `pkt.raw("dhcp-client-identifier") in [`+strings.Join(r.clientIDs, ", ")+"]")
	}
	return strings.Join(parts, " || ")
}

// callRoll collects who is put into which class. A client that cannot be known here is in none, and its
// reservation is left behind.
func (t *translator) callRoll(obj *node) {
	global := obj.get("reservations-global")
	t.rollOf(obj, global != nil && global.yes || textOf(obj, "reservation-mode") == "global")
	above := countsInSubnet(obj, true)
	for _, s := range itemsOf(obj, "subnet4") {
		t.rollOf(s, countsInSubnet(s, above))
	}
	for _, n := range itemsOf(obj, "shared-networks") {
		shared := countsInSubnet(n, above)
		for _, s := range itemsOf(n, "subnet4") {
			t.rollOf(s, countsInSubnet(s, shared))
		}
	}
}

// countsInSubnet says whether reservations in subnets count at a level.
func countsInSubnet(n *node, above bool) bool {
	if mode := textOf(n, "reservation-mode"); mode != "" {
		above = mode == "all" || mode == "out-of-pool"
	}
	if in := n.get("reservations-in-subnet"); in != nil {
		return in.yes
	}
	return above
}

// rollOf collects from the reservations of one level, if they count.
func (t *translator) rollOf(obj *node, counts bool) {
	if !counts {
		return
	}
	for _, r := range itemsOf(obj, "reservations") {
		for _, name := range itemsOf(r, "client-classes") {
			list := t.classes.assigned[name.text]
			if octets, err := parseOctets(textOf(r, "hw-address")); err == nil && len(octets) == 6 {
				list.hardware = append(list.hardware, textLiteral(config.FormatHardware(octets)))
			}
			if octets, err := parseOctets(textOf(r, "client-id")); err == nil && len(octets) > 1 {
				list.clientIDs = append(list.clientIDs, bytesLiteral(string(octets)))
			}
			t.classes.assigned[name.text] = list
		}
	}
}

// itemsOf returns the items of a list, if it is one.
func itemsOf(obj *node, key string) []*node {
	if n := obj.get(key); n != nil && n.form == isList {
		return n.items
	}
	return nil
}

func textOf(obj *node, key string) string {
	if n := obj.get(key); n != nil && n.form == isText {
		return n.text
	}
	return ""
}

// tellRoll tells what became of the classes that reservations put their clients into, once it is known which
// classes are kept.
func (t *translator) tellRoll() {
	kept := make(map[string]bool)
	for _, k := range t.draft.classes {
		kept[k.name] = true
	}
	for _, name := range t.rolled {
		if ours := t.classes.ours[name.text]; kept[ours] {
			t.changed(name, "its client stands in the test of "+ours+", on whatever link it is", "")
		} else {
			t.left(name, "there is no such class here", "")
		}
	}
}
