package kea

import (
	"strings"

	"port67/storage/config"
)

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
