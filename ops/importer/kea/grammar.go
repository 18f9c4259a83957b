package kea

import "port67/ops/importer"

// word is what becomes of a keyword that nothing translates.
type word struct {
	verdict importer.Verdict
	why     string
	todo    string
}

func left(why, todo string) word { return word{importer.Left, why, todo} }
func needless(why string) word   { return word{importer.Taken, why, ""} }

// What stands more than once in the table.
const (
	noDDNS        = "this release makes no DNS updates"
	stayDDNS      = "keep the updates elsewhere, or on the clients"
	noHook        = "hook libraries are Kea's"
	inYAML        = "write it as a comment of the YAML file"
	by4o6         = "DHCPv4 over DHCPv6 is not served"
	pingCheckHook = "libdhcp_ping_check"
	perThread     = "how work is spread over threads is not configured"
)

// keywords says of every keyword that has no translation why, wherever it stands. To extend the importer,
// give a keyword a translation and take it out here.
var keywords = map[string]word{
	// Globals.
	"dhcp-queue-control":             needless("a full queue sheds the oldest datagrams"),
	"packet-queue-size":              needless("a full queue sheds the oldest datagrams"),
	"multi-threading":                needless(perThread),
	"thread-pool-size":               needless(perThread),
	"statistic-default-sample-count": needless("metrics are counters; samples are kept by who scrapes them"),
	"statistic-default-sample-age":   needless("metrics are counters; samples are kept by who scrapes them"),
	"server-tag":                     needless("all nodes share one configuration"),
	"config-control": left(
		"the configuration is replicated, not in a database",
		"dump it into the file",
	),
	"config-databases": left(
		"the configuration is replicated, not in a database",
		"dump it into the file",
	),
	"hosts-database": left(
		"reservations in a database are not read",
		"write them into the file: kea-shell reservation-get-all",
	),
	"hosts-databases": left(
		"reservations in a database are not read",
		"write them into the file: kea-shell reservation-get-all",
	),
	"control-socket": left(
		"the admin API takes its place",
		"set admin.socket in node.yaml; see dhcpctl --help",
	),
	"control-sockets": left(
		"the admin API takes its place",
		"set admin.listen and admin.socket in node.yaml",
	),
	"ip-reservations-unique":           needless("an address is promised once, to one host or place"),
	"early-global-reservations-lookup": left("reservations are looked up when the link is known", ""),
	"reservations-lookup-first":        needless("reservations count before pools"),
	"expired-leases-processing":        needless("leases end by cluster time; nothing has to be reclaimed"),
	"sanity-checks":                    needless("leases are checked when they are taken in"),
	"parked-packet-limit":              needless("exchanges in flight are bounded"),
	"allocator": left(
		"the order of free addresses is a subnet's", "set allocation in the subnet",
	),
	"offer-lifetime":      left("an address on offer is kept for 120 s", ""),
	"cache-threshold":     needless("renewals inside the booking are answered without the log"),
	"cache-max-age":       needless("renewals inside the booking are answered without the log"),
	"stash-agent-options": needless("what a relay agent said is kept for renewals"),
	"store-extended-info": needless("what a relay agent said is kept with the lease"),

	// DNS.
	"dhcp-ddns":                     left(noDDNS, stayDDNS),
	"ddns-send-updates":             left(noDDNS, stayDDNS),
	"ddns-override-no-update":       left(noDDNS, stayDDNS),
	"ddns-override-client-update":   left(noDDNS, stayDDNS),
	"ddns-replace-client-name":      left(noDDNS, stayDDNS),
	"ddns-generated-prefix":         left(noDDNS, stayDDNS),
	"ddns-qualifying-suffix":        left(noDDNS, stayDDNS),
	"ddns-update-on-renew":          left(noDDNS, stayDDNS),
	"ddns-use-conflict-resolution":  left(noDDNS, stayDDNS),
	"ddns-conflict-resolution-mode": left(noDDNS, stayDDNS),
	"ddns-ttl":                      left(noDDNS, stayDDNS),
	"ddns-ttl-percent":              left(noDDNS, stayDDNS),
	"ddns-ttl-min":                  left(noDDNS, stayDDNS),
	"ddns-ttl-max":                  left(noDDNS, stayDDNS),
	"hostname-char-set":             needless("host names from clients are sanitised"),
	"hostname-char-replacement":     needless("host names from clients are sanitised"),

	// Networks, subnets, pools.
	"interface": left(
		"a client's link is found by the addresses of the interface",
		"give the node an address of the subnet there",
	),
	"interface-id":     left("is for DHCPv6", ""),
	"rapid-commit":     left("is for DHCPv6", ""),
	"pool-id":          needless("pools are known by their range"),
	"4o6-interface":    left(by4o6, ""),
	"4o6-interface-id": left(by4o6, ""),
	"4o6-subnet":       left(by4o6, ""),
	"dhcp4o6-port":     needless(by4o6),

	// Anywhere.
	"user-context": left("the configuration has no room for it", inYAML),
	"comment":      left("the configuration has no room for it", inYAML),
	"metadata":     left("the configuration has no room for it", inYAML),

	// Roots of old and of other daemons.
	"Logging":       left("logs are a node's own", "set log.level and log.format in node.yaml"),
	"Dhcp6":         left("this release serves DHCPv4 only", ""),
	"DhcpDdns":      left(noDDNS, stayDDNS),
	"Control-agent": left("the admin API takes its place", ""),
	"Netconf":       left("the admin API takes its place", ""),
}

// hooks says of Kea's own hook libraries what becomes of what they do; the key is part of the file's name.
var hooks = []struct {
	name string
	word word
}{
	{"libdhcp_ha", word{
		importer.Changed, "the cluster takes the place of the pair", "make more nodes with port67d join",
	}},
	{"libdhcp_lease_cmds", needless("dhcpctl lease")},
	{"libdhcp_stat_cmds", needless("metrics, and dhcpctl subnet list")},
	{"libdhcp_subnet_cmds", needless("dhcpctl config")},
	{"libdhcp_class_cmds", needless("dhcpctl config")},
	{"libdhcp_cb_cmds", needless("dhcpctl config")},
	{"libdhcp_host_cmds", left(
		"reservations that the hook keeps in a database are not read",
		"write them into the file first",
	)},
	{"libdhcp_host_cache", needless("reservations are in memory")},
	{"libdhcp_mysql", left("nothing is kept in a database", "dump it: kea-admin lease-dump")},
	{"libdhcp_pgsql", left("nothing is kept in a database", "dump it: kea-admin lease-dump")},
	{pingCheckHook, word{importer.Changed, "became probe; addresses are probed ahead of need, too", ""}},
	{"libdhcp_flex_option", left("options are not computed", "say them per class, pool or reservation")},
	{"libdhcp_limits", word{
		importer.Changed, "address-limit of classes became limit; see where they are",
		"limits drops what comes too often: look at limits in the reference of the configuration",
	}},
	{"libdhcp_legal_log", left("there is no forensic log in this release", "see dhcpctl lease watch")},
	{"libdhcp_lease_query", left(
		"who may ask is said once for all", "name its requesters in leasequery.requesters",
	)},
	{"libdhcp_ddns_tuning", left(noDDNS, stayDDNS)},
	{"libdhcp_gss_tsig", left(noDDNS, stayDDNS)},
	{"libdhcp_radius", left("RADIUS is not asked", "")},
	{"libdhcp_rbac", left("there is one role: who may call may do everything", "")},
	{"libdhcp_perfmon", needless("metrics")},
	{"libdhcp_bootp", word{
		importer.Changed, "of clients that speak BOOTP, only those with a reserved address get one",
		"set bootp: {dynamic: on} where the others are to get one, too, and keep it for ever",
	}},
}
