package kea

import (
	"encoding/hex"
	"net/netip"
	"path"
	"reflect"
	"slices"
	"strings"

	"port67/storage/config"
)

// reservationIdentifiers says by what clients can be reserved for, and what that is here; nothing for what is
// not possible.
var reservationIdentifiers = []struct {
	key string
	by  config.Identifier
}{
	{"hw-address", config.ByHardware},
	{"client-id", config.ByClientID},
	{"circuit-id", config.ByCircuitID},
	{"flex-id", config.ByClass},
	{"duid", ""},
}

// byIdentifier returns what Kea's identifier of that name is here.
func byIdentifier(key string) config.Identifier {
	for _, id := range reservationIdentifiers {
		if id.key == key {
			return id.by
		}
	}
	return ""
}

// keaIdentifiers is what Kea knows clients by where its file does not say.
func keaIdentifiers() []config.Identifier {
	return []config.Identifier{config.ByHardware, config.ByCircuitID, config.ByClientID}
}

// reservation translates a reservation, nil if its client cannot be known here.
func (t *translator) reservation(n *node) *reservation {
	r := &reservation{at: n}
	var wrong, todo string
	for _, id := range reservationIdentifiers {
		text, at := t.text(n, id.key)
		if at == nil {
			continue
		}
		if why, what := t.identify(r, id.key, id.by, text); why != "" {
			wrong, todo = why, what
			continue
		}
		t.taken(at)
	}
	if r.kinds() == nil {
		if wrong == "" {
			wrong = "no identifier of a client"
		}
		t.left(n, wrong, todo)
		return nil
	}
	if wrong != "" {
		t.left(firstOf(n, "duid", "circuit-id", "flex-id", "hw-address", "client-id"), wrong, todo)
	}
	if a, at := t.address(n, "ip-address"); at != nil {
		r.address = a
		t.taken(at)
	}
	t.hostname(n, r)
	t.settingsOf(n, &r.settings, firstLevel())
	if len(r.class) == 0 {
		t.rolled = append(t.rolled, itemsOf(n, "client-classes")...)
	}
	for _, name := range itemsOf(n, "client-classes") {
		if len(r.class) > 0 {
			t.left(name, "classes by flex-id are not possible: the classes stand before it", "")
		}
	}
	return r
}

// identify gives r an identifier, or says why it cannot have it and what to do.
func (t *translator) identify(r *reservation, key string, by config.Identifier, text string,
) (why, todo string) {
	octets, err := parseOctets(text)
	switch {
	case err != nil:
		return key + ": " + err.Error(), "correct it"
	case key == "duid":
		return "clients are not known by duid here",
			"reserve by client-id: ff, four octets of IAID, and the DUID (RFC 4361 §6.1)"
	case !slices.Contains(t.draft.identifiers, by):
		return "Kea does not look for " + key + ": it is not among host-reservation-identifiers", ""
	case r.kinds() != nil && (by == config.ByCircuitID || by == config.ByClass || r.circuitID != nil):
		return "an identifier beside another one, which Kea would refuse", "keep one"
	}
	switch by {
	case config.ByHardware:
		if len(octets) != 6 {
			return "hw-address is no Ethernet address", "reserve by client-id"
		}
		r.hardware = append(r.hardware, octets)
	case config.ByClientID:
		r.clientID = append(r.clientID, octets)
	case config.ByCircuitID:
		r.circuitID = append(r.circuitID, octets)
	default:
		class, ok := t.flexClass(octets)
		if !ok {
			return "no expression makes this flex-id here, or it has more than 64 characters",
				"write a class with a template, and reserve by class"
		}
		r.class = append(r.class, class)
	}
	return "", ""
}

// kinds returns by what the client of r is known.
func (r *reservation) kinds() []config.Identifier {
	var out []config.Identifier
	add := func(n int, by config.Identifier) {
		if n > 0 {
			out = append(out, by)
		}
	}
	add(len(r.hardware), config.ByHardware)
	add(len(r.clientID), config.ByClientID)
	add(len(r.circuitID), config.ByCircuitID)
	add(len(r.class), config.ByClass)
	return out
}

// flexID is the class that stands for Kea's flexible identifier.
type flexID struct {
	name  string
	words bool // its values are text, else octets in hex
}

// flexIDHook is the library that makes flexible identifiers.
const flexIDHook = "libdhcp_flex_id"

// flexIdentifier translates the expression of the hook into a class whose template makes the identifier.
func (t *translator) flexIdentifier(obj *node) {
	for _, n := range itemsOf(obj, "hooks-libraries") {
		if !strings.HasPrefix(path.Base(textOf(n, "library")), flexIDHook) {
			continue
		}
		params := n.get("parameters")
		src, at := t.text(params, "identifier-expression")
		if at == nil {
			t.left(n, "no identifier-expression", "give it one; Kea would refuse it, too")
			continue
		}
		s := t.speaker()
		p, wrong := s.template(src)
		if wrong != nil {
			t.left(n, "its identifier-expression cannot be said here: "+wrong.Error(),
				"write a class with a template by hand, and reserve by class")
			continue
		}
		theirs, has := t.classes.ours["flex-id"]
		flex := &flexID{name: t.nameClass("flex-id"), words: p.sort == words}
		if delete(t.classes.ours, "flex-id"); has {
			t.classes.ours["flex-id"] = theirs
		}
		k := &class{at: n, name: flex.name, template: p.text}
		if !flex.words {
			k.template = "hex(" + p.text + ")"
		}
		t.flex = flex
		t.draft.classes = append(t.draft.classes, k)
		t.changed(n, "became the class "+flex.name+", whose template is "+k.template, "")
		if replaces := params.get("replace-client-id"); replaces != nil && replaces.yes {
			t.left(replaces, "leases stay known by option 61 or the hardware address: a device that takes the place "+
				"of another gets its address when that one can no longer use it",
				"set one-device: on in the reservations of places where there is only ever one device")
		}
	}
}

// flexClass returns the class of the clients that have a flexible identifier.
func (t *translator) flexClass(octets []byte) (string, bool) {
	switch {
	case t.flex == nil:
		return "", false
	case t.flex.words:
		return config.ClassOfValue(t.flex.name, string(octets))
	}
	return config.ClassOfValue(t.flex.name, hex.EncodeToString(octets))
}

// mergeHosts makes one reservation of those that have one address, which Kea takes where
// ip-reservations-unique is false: they are the interfaces of one host, or places of which one is in use.
func (t *translator) mergeHosts(list []*reservation) []*reservation {
	first := make(map[netip.Addr]*reservation)
	return slices.DeleteFunc(list, func(r *reservation) bool {
		k := first[r.address]
		if !r.address.IsValid() || k == nil {
			first[r.address] = r
			return false
		}
		device := func(r *reservation) bool { return len(r.hardware)+len(r.clientID) > 0 }
		like := device(r) == device(k) && (len(r.class) > 0) == (len(k.class) > 0)
		if !like || r.hostname != k.hostname || !reflect.DeepEqual(r.settings.config(), k.settings.config()) {
			return false
		}
		k.hardware, k.clientID = append(k.hardware, r.hardware...), append(k.clientID, r.clientID...)
		k.circuitID, k.class = append(k.circuitID, r.circuitID...), append(k.class, r.class...)
		t.remarkOn(r.at, r.at.element, "has the address of another one: they are one reservation with both "+
			"identifiers, and their clients one client if they are devices")
		return true
	})
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

// globalReservations translates the reservations that are in no subnet, if they count anywhere. The address
// of one counts only in a subnet where they do.
func (t *translator) globalReservations() {
	d := t.draft
	for _, n := range t.globals {
		if len(t.global) == 0 {
			t.left(n, "Kea passes over global reservations unless reservations-global is true", "")
			continue
		}
		r := t.reservation(n)
		if r == nil {
			if a, _ := t.address(n, "ip-address"); a.IsValid() {
				for _, s := range d.subnets {
					t.keepPromised(s, &reservation{address: a})
				}
			}
			continue
		}
		if r.address.IsValid() && !slices.ContainsFunc(t.global, func(s *subnet) bool {
			return s.prefix.Contains(r.address)
		}) {
			t.left(n.get("ip-address"),
				r.address.String()+" lies in no subnet that global reservations count for", "")
			r.address = netip.Addr{}
		}
		d.reservations = append(d.reservations, r)
	}
	d.reservations = t.mergeHosts(d.reservations)
}

// roll is the clients that reservations put into a class.
type roll struct{ hardware, clientIDs, circuits []string }

func (r roll) empty() bool { return len(r.hardware)+len(r.clientIDs)+len(r.circuits) == 0 }

// test returns the test that these clients pass.
func (r roll) test() string {
	var parts []string
	if len(r.hardware) > 0 {
		parts = append(parts, "pkt.hardware in ["+strings.Join(r.hardware, ", ")+"]")
	}
	if len(r.clientIDs) > 0 {
		parts = append(parts, `pkt.raw("dhcp-client-identifier") in [`+strings.Join(r.clientIDs, ", ")+"]")
	}
	if len(r.circuits) > 0 {
		parts = append(parts, "relay.circuit_id in ["+strings.Join(r.circuits, ", ")+"]")
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
			if octets, err := parseOctets(textOf(r, "circuit-id")); err == nil && len(octets) > 0 {
				list.circuits = append(list.circuits, bytesLiteral(string(octets)))
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
