package kea_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"port67/ops/importer"
	"port67/storage/config"
)

// elements is every element that is met in the field, with a value that Kea would take: in %s goes the
// element. The list is that of Kea's manual for DHCPv4, and of the old names.
var elements = map[string][]string{
	`{"Dhcp4": {%s}}`: {
		`"valid-lifetime": 4000`, `"min-valid-lifetime": 3000`, `"max-valid-lifetime": 5000`, `"renew-timer": 1000`,
		`"rebind-timer": 2000`, `"calculate-tee-times": true`, `"t1-percent": 0.5`, `"t2-percent": 0.875`,
		`"decline-probation-period": 3600`, `"echo-client-id": true`, `"match-client-id": false`,
		`"next-server": "192.0.2.1"`, `"server-hostname": "boot"`, `"boot-file-name": "a"`, `"authoritative": true`,
		`"interfaces-config": {"interfaces": ["*"], "dhcp-socket-type": "raw", "outbound-interface": "use-routing"}`,
		`"lease-database": {"type": "memfile", "persist": true, "name": "/x.csv", "lfc-interval": 3600}`,
		`"lease-database": {"type": "mysql", "name": "kea", "host": "db"}`,
		`"hosts-database": {"type": "mysql"}`, `"hosts-databases": [{"type": "mysql"}]`,
		`"host-reservation-identifiers": ["hw-address", "duid", "circuit-id", "client-id", "flex-id"]`,
		`"client-classes": [{"name": "a", "test": "option[60].exists"}]`,
		`"client-classes": [{"name": "a", "test": "option[60].exists", "only-if-required": true}]`,
		`"client-classes": [{"name": "a", "template-test": "option[60].hex", "only-in-additional-list": false,
			"option-def": [{"name": "x", "code": 230, "type": "string"}], "option-data": [{"code": 230, "data": "x"}],
			"next-server": "192.0.2.1", "server-hostname": "b", "boot-file-name": "c", "valid-lifetime": 100,
			"min-valid-lifetime": 100, "max-valid-lifetime": 200, "offer-lifetime": 60, "user-context": {}}]`,
		`"option-def": [{"name": "x", "code": 230, "type": "uint32", "array": true, "space": "dhcp4",
			"record-types": "", "encapsulate": ""}]`,
		`"option-data": [{"name": "routers", "code": 3, "space": "dhcp4", "csv-format": true, "data": "192.0.2.1",
			"always-send": true, "never-send": false}]`,
		`"option-data": [{"name": "routers", "data": "192.0.2.1", "client-classes": ["a"]}]`,
		`"hooks-libraries": [{"library": "/x/libdhcp_ha.so", "parameters": {"high-availability": []}}]`,
		`"hooks-libraries": [{"library": "/x/libdhcp_ping_check.so"}, {"library": "/x/libdhcp_lease_cmds.so"},
			{"library": "/x/libdhcp_limits.so"}, {"library": "/x/libdhcp_flex_id.so"}, {"library": "/x/own.so"}]`,
		`"expired-leases-processing": {"reclaim-timer-wait-time": 10, "hold-reclaimed-time": 3600}`,
		`"dhcp4o6-port": 6767`, `"control-socket": {"socket-type": "unix", "socket-name": "/x"}`,
		`"control-sockets": [{"socket-type": "http"}]`, `"dhcp-queue-control": {"enable-queue": false}`,
		`"dhcp-ddns": {"enable-updates": true}`, `"ddns-send-updates": true`, `"ddns-override-no-update": true`,
		`"ddns-override-client-update": true`, `"ddns-replace-client-name": "never"`,
		`"ddns-generated-prefix": "myhost"`, `"ddns-qualifying-suffix": "example.org"`,
		`"ddns-update-on-renew": true`, `"ddns-use-conflict-resolution": true`,
		`"ddns-conflict-resolution-mode": "check-with-dhcid"`, `"ddns-ttl-percent": 0.3`, `"ddns-ttl": 100`,
		`"ddns-ttl-min": 1`, `"ddns-ttl-max": 9`, `"hostname-char-set": "[^A-Z]"`, `"hostname-char-replacement": "x"`,
		`"store-extended-info": true`, `"stash-agent-options": true`, `"statistic-default-sample-count": 10`,
		`"statistic-default-sample-age": 10`, `"multi-threading": {"enable-multi-threading": true}`,
		`"cache-threshold": 0.25`, `"cache-max-age": 100`, `"early-global-reservations-lookup": true`,
		`"ip-reservations-unique": true`, `"reservations-lookup-first": true`, `"parked-packet-limit": 64`,
		`"allocator": "random"`, `"offer-lifetime": 60`, `"sanity-checks": {"lease-checks": "fix"}`,
		`"compatibility": {"lenient-option-parsing": true, "ignore-rai-link-selection": true,
			"exclude-first-last-24": true, "ignore-dhcp-server-identifier": true}`, `"server-tag": "x"`,
		`"config-control": {"config-databases": []}`, `"reservations-global": true`, `"reservations-in-subnet": true`,
		`"reservations-out-of-pool": true`, `"reservation-mode": "all"`, `"user-context": {"a": 1}`, `"comment": "x"`,
		`"loggers": [{"name": "kea-dhcp4", "severity": "DEBUG", "debuglevel": 99, "output-options": []}]`,
		`"reservations": [{"hw-address": "02:67:00:00:00:01", "ip-address": "192.0.2.7"}]`,
		`"shared-networks": [{"name": "floor", "interface": "eth0", "authoritative": true,
			"relay": {"ip-addresses": ["192.0.2.1"]}, "client-class": "KNOWN", "require-client-classes": ["a"],
			"reservation-mode": "all", "subnet4": [{"subnet": "192.0.2.0/24"}], "option-data": [],
			"evaluate-additional-classes": ["b"], "cache-max-age": 1, "match-client-id": true}]`,
		`"adaptive-lease-time-threshold": 0.8`, `"no-such-keyword": 1`,
	},
	`{"Dhcp4": {"subnet4": [{"subnet": "192.0.2.0/24", %s}]}}`: {
		`"id": 7`, `"pools": [{"pool": "192.0.2.0/25"}]`, `"interface": "eth0"`, `"interface-id": "x"`,
		`"rapid-commit": true`, `"client-class": "KNOWN"`, `"client-classes": ["KNOWN", "UNKNOWN"]`,
		`"require-client-classes": ["a"]`, `"evaluate-additional-classes": ["a"]`, `"relay": {"ip-address": "192.0.2.1"}`,
		`"relay": {"ip-addresses": ["192.0.2.1", "10.0.0.1"]}`, `"4o6-interface": "eth1"`, `"4o6-interface-id": "x"`,
		`"4o6-subnet": "2001:db8::/32"`, `"valid-lifetime": 100`, `"renew-timer": 10`, `"rebind-timer": 20`,
		`"t1-percent": 0.25`, `"reservations-global": false`, `"reservations-in-subnet": false`,
		`"reservations-out-of-pool": true`, `"allocator": "flq"`, `"ddns-send-updates": false`, `"offer-lifetime": 1`,
		`"user-context": {}`, `"metadata": {}`, `"store-extended-info": true`, `"cache-threshold": 0.1`,
		`"hostname-char-set": ""`, `"option-data": [{"code": 3, "data": "192.0.2.1"}]`, `"match-client-id": false`,
		`"pools": [{"pool": "192.0.2.9 - 192.0.2.19", "pool-id": 1, "client-class": "UNKNOWN",
			"option-data": [], "require-client-classes": [], "user-context": {}, "ddns-ttl": 5}]`,
		`"reservations": [{"hw-address": "020304050607", "ip-address": "192.0.2.9", "hostname": "a.example.org.",
			"client-classes": ["x"], "next-server": "192.0.2.1", "server-hostname": "b", "boot-file-name": "c",
			"option-data": [{"name": "log-servers", "data": "192.0.2.2"}], "user-context": {}}]`,
		`"reservations": [{"client-id": "'text'", "ip-address": "192.0.2.9"}, {"duid": "01:02"},
			{"circuit-id": "'abc'"}, {"flex-id": "0x01"}]`,
	},
	`{%s, "Dhcp4": {}}`: {`"Logging": {"loggers": []}`, `"Control-agent": {}`, `"Dhcp6": {}`, `"DhcpDdns": {}`},
}

// TestImport_NothingInSilence: whatever element is met, the report says what became of it, and the rest is a
// valid configuration.
func TestImport_NothingInSilence(t *testing.T) {
	for frame, list := range elements {
		for _, e := range list {
			src := fmt.Sprintf(frame, e)
			out := load(t, src)
			key := strings.Split(e, `"`)[1]
			spoken := slices.ContainsFunc(out.Report.Entries, func(r importer.Entry) bool {
				return strings.Contains("."+r.Element, "."+key) || r.Verdict == importer.Left
			})
			if !spoken {
				t.Errorf("%s: nothing is said of it:\n%s", e, out.Report.Text(importer.Taken, importer.Changed, importer.Left))
			}
			for _, r := range out.Report.Entries {
				if known := key != "no-such-keyword"; known == strings.Contains(r.Why, "not known to this importer") &&
					strings.HasSuffix(r.Element, key) {
					t.Errorf("%s: known %t: %s", e, known, r)
				}
				if r.Verdict != importer.Taken && r.Why == "" {
					t.Errorf("%s: without a reason: %s", e, r)
				}
			}
		}
	}
}

// TestImport_TwiceInOneObject: Kea refuses that; the first counts, and the second is told.
func TestImport_TwiceInOneObject(t *testing.T) {
	out := load(t, `{"Dhcp4": {"valid-lifetime": 100, "valid-lifetime": 200}}`)
	if d := out.Config.Lease.Default; d == nil || *d != 100 {
		t.Errorf("lease time %v, want 100", d)
	}
	if e := find(&out.Report, "Dhcp4.valid-lifetime"); len(e) != 2 || e[1].Verdict != importer.Left {
		t.Errorf("report: %v", e)
	}
}

// TestImport_MatchClientID: off is the hardware address alone, for whole links; on is not quite what Kea means.
func TestImport_V4_082_MatchClientID(t *testing.T) {
	const subnets = `"subnet4": [{"subnet": "192.0.2.0/24"%s}], "shared-networks": [{"name": "n"%s,
		"subnet4": [{"subnet": "198.51.100.0/24"%s}]}]`
	const off, on = `, "match-client-id": false`, `, "match-client-id": true`
	for _, tt := range []struct {
		name                   string
		global, alone, net, in string
		want                   [2]config.Match // of the two links
		left                   int
	}{
		{"nowhere", "", "", "", "", [2]config.Match{config.MatchStrict, config.MatchStrict}, 0},
		{"off", off, "", "", "", [2]config.Match{config.MatchHardware, config.MatchHardware}, 0},
		{"off, on in a subnet", off, on, "", "", [2]config.Match{config.MatchStrict, config.MatchHardware}, 0},
		{"off in a network", "", "", off, off, [2]config.Match{config.MatchStrict, config.MatchHardware}, 0},
		{"off within a network", "", "", "", off, [2]config.Match{config.MatchStrict, config.MatchStrict}, 1},
		{"on", on, "", "", on, [2]config.Match{config.MatchStrict, config.MatchStrict}, 0},
	} {
		out := load(t, `{"Dhcp4": {"valid-lifetime": 4000`+tt.global+", "+fmt.Sprintf(subnets, tt.alone, tt.net, tt.in)+"}}")
		c, problems := config.Compile(out.Config)
		if len(problems) > 0 {
			t.Fatalf("%s: %v", tt.name, problems)
		}
		for i, name := range []string{"192.0.2.0/24", "n"} {
			if l, _ := c.Link(name); l.Identity.Match != tt.want[i] {
				t.Errorf("%s: link %s is matched by %s, want %s", tt.name, name, l.Identity.Match, tt.want[i])
			}
		}
		if n := strings.Count(out.Report.Text(importer.Left), "match-client-id"); n != tt.left {
			t.Errorf("%s: %d left behind, want %d", tt.name, n, tt.left)
		}
	}
}
