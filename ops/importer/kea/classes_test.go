package kea

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// drafted translates a text as far as the draft, before what a release cannot hold is taken out of it.
func drafted(t *testing.T, src string) *draft {
	t.Helper()
	tr, _, err := translate("kea.conf", []byte(src), func(string, string) (string, []byte, error) {
		return "", nil, errors.New("none")
	})
	if err != nil {
		t.Fatal(err)
	}
	return tr.draft
}

// classesOf returns the classes of a draft with their tests, and networks, subnets and pools with theirs.
func classesOf(d *draft) (classes, pools []string) {
	for _, k := range d.classes {
		classes = append(classes, k.name+": "+k.test+k.template)
	}
	for _, n := range d.networks {
		if len(n.classes) > 0 {
			pools = append(pools, n.name+" "+strings.Join(n.classes, " "))
		}
	}
	for _, s := range d.subnets {
		if len(s.classes) > 0 {
			pools = append(pools, s.prefix.String()+" "+strings.Join(s.classes, " "))
		}
		for _, p := range s.pools {
			text := p.span.String()
			for _, c := range p.classes {
				text += " " + c
			}
			pools = append(pools, text)
		}
	}
	return classes, pools
}

// TestClasses_HalvesOfAPair: pools that a pair of servers split by classes are one again, and keep the rest
// of their guard.
func TestClasses_HalvesOfAPair(t *testing.T) {
	classes, pools := classesOf(drafted(t, `{ "Dhcp4": {
		"hooks-libraries": [ { "library": "/x/libdhcp_ha.so", "parameters": { "high-availability": [ {
			"peers": [ { "name": "server1" }, { "name": "server2" } ] } ] } } ],
		"client-classes": [
		{ "name": "phones", "test": "substring(option[60].hex,0,6) == 'Aastra'" },
		{ "name": "phones_1", "test": "member('phones') and member('HA_server1')" },
		{ "name": "phones_2", "test": "member('phones') and member('HA_server2')" },
		{ "name": "rest_1", "test": "not member('phones') and member('HA_server1')" } ],
		"subnet4": [ { "subnet": "192.0.3.0/24", "pools": [
			{ "pool": "192.0.3.100 - 192.0.3.125", "client-class": "phones_1" },
			{ "pool": "192.0.3.126 - 192.0.3.150", "client-class": "rest_1" },
			{ "pool": "192.0.3.151 - 192.0.3.175", "client-class": "phones_2" },
			{ "pool": "192.0.3.176 - 192.0.3.200", "client-class": "phones_1" } ] } ] } }`))
	if diff := cmp.Diff([]string{
		`phones: substring(pkt.raw("vendor-class-identifier"), 0, 6) == b"Aastra"`,
		`phones_1: member("phones")`,
		`rest_1: !member("phones")`,
	}, classes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{
		"192.0.3.100-192.0.3.125 phones_1", "192.0.3.126-192.0.3.150 rest_1", "192.0.3.151-192.0.3.200 phones_1",
	}, pools); diff != "" {
		t.Error(diff)
	}
}

// TestClasses_Guards: guards stay at their levels; Kea's own classes get a definition; what is for a class
// that is not known is left behind.
func TestClasses_Guards(t *testing.T) {
	classes, pools := classesOf(drafted(t, `{ "Dhcp4": { "client-classes": [
		{ "name": "a", "test": "option[60].exists" }, { "name": "b", "test": "option[61].exists" },
		{ "name": "c d", "test": "option[12].exists" }, { "name": "by-mac", "template-test": "substring(pkt4.mac,0,3)" } ],
		"shared-networks": [ { "name": "x", "client-class": "a", "subnet4": [
			{ "subnet": "192.0.2.0/24", "client-classes": [ "b", "c d" ], "pools": [ { "pool": "192.0.2.7" } ] },
			{ "subnet": "192.0.3.0/24", "client-class": "a", "pools": [ { "pool": "192.0.3.7" } ] },
			{ "subnet": "192.0.4.0/24", "pools": [ { "pool": "192.0.4.7", "client-class": "nobody" } ] } ] } ],
		"subnet4": [ { "subnet": "192.0.5.0/24", "pools": [
			{ "pool": "192.0.5.1", "client-class": "VENDOR_CLASS_docsis3.0" },
			{ "pool": "192.0.5.2", "client-class": "SPAWN_by-mac_abc" },
			{ "pool": "192.0.5.3", "client-classes": [ "ALL", "b" ] },
			{ "pool": "192.0.5.4", "client-classes": [ "KNOWN", "b" ] },
			{ "pool": "192.0.5.5", "client-class": "" },
			{ "pool": "192.0.5.6", "client-class": "HA_server1" } ] } ] } }`))
	if diff := cmp.Diff([]string{
		`a: pkt.has("vendor-class-identifier")`,
		`b: pkt.has("dhcp-client-identifier")`,
		`c-d: pkt.has("host-name")`,
		`by-mac: size(substring(pkt.chaddr, 0, 3)) > 0`,
		`VENDOR_CLASS_docsis3.0: pkt.raw("vendor-class-identifier") == b"docsis3.0"`,
		`SPAWN_by-mac_abc: substring(pkt.chaddr, 0, 3) == b"abc"`,
	}, classes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{
		"x a", "192.0.2.0/24 b c-d", "192.0.2.7", "192.0.3.0/24 a", "192.0.3.7",
		"192.0.5.1 VENDOR_CLASS_docsis3.0", "192.0.5.2 SPAWN_by-mac_abc", "192.0.5.3", "192.0.5.4 known b", "192.0.5.5",
		// What is for nobody (and HA_server1 is no pair's) is left out.
	}, pools); diff != "" {
		t.Error(diff)
	}
}

// TestClasses_OfReservations: a class that reservations put clients into has them in its test.
func TestClasses_OfReservations(t *testing.T) {
	classes, pools := classesOf(drafted(t, `{ "Dhcp4": { "client-classes": [
		{ "name": "printers" }, { "name": "phones", "test": "option[60].hex == 'x'" }, { "name": "empty" } ],
		"reservations-global": true,
		"reservations": [ { "hw-address": "02:67:00:00:00:01", "client-classes": [ "printers", "phones" ] } ],
		"subnet4": [ { "subnet": "192.0.2.0/24",
			"reservations": [
				{ "client-id": "01:02", "client-classes": [ "printers" ] },
				{ "circuit-id": "0x01", "client-classes": [ "phones" ] },
				{ "duid": "01:02", "client-classes": [ "empty" ] } ],
			"pools": [ { "pool": "192.0.2.7", "client-class": "printers" } ] },
			{ "subnet": "192.0.3.0/24", "reservations-in-subnet": false,
			"reservations": [ { "hw-address": "02:67:00:00:00:09", "client-classes": [ "printers" ] } ] } ] } }`))
	if diff := cmp.Diff([]string{
		`printers: pkt.hardware in ["02:67:00:00:00:01"] || pkt.raw("dhcp-client-identifier") in [b"\x01\x02"]`,
		`phones: (pkt.raw("vendor-class-identifier") == b"x") || pkt.hardware in ["02:67:00:00:00:01"] || ` +
			`relay.circuit_id in [b"\x01"]`,
	}, classes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"192.0.2.7 printers"}, pools); diff != "" {
		t.Error(diff)
	}
}
