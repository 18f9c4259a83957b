package option

// standardOptions is the registry of DHCPv4 options by ascending code: all that IANA has assigned, and those
// that makers took. The names are those that the other servers use, the titles IANA's. A code that is missing
// here is octets without a name, unless the administrator defines it.
var standardOptions = [...]Def{
	{1, "subnet-mask", "Subnet Mask", one(Address), "RFC 2132 §3.3", "255.255.0.0"},
	{2, "time-offset", "Time Offset", one(Int32), "RFC 2132 §3.4", "-3600"},
	{3, "routers", "Router", list(Address), "RFC 2132 §3.5", "[10.67.0.1, 10.67.0.2]"},
	{4, "time-servers", "Time Server", list(Address), "RFC 2132 §3.6", "10.67.0.9"},
	{5, "name-servers", "Name Server", list(Address), "RFC 2132 §3.7", "10.67.0.9"},
	{6, "domain-name-servers", "Domain Server", list(Address), "RFC 2132 §3.8", "[10.67.0.53, 10.67.0.54]"},
	{7, "log-servers", "Log Server", list(Address), "RFC 2132 §3.9", "10.67.0.9"},
	{8, "cookie-servers", "Quotes Server", list(Address), "RFC 2132 §3.10", "10.67.0.9"},
	{9, "lpr-servers", "LPR Server", list(Address), "RFC 2132 §3.11", "10.67.0.9"},
	{10, "impress-servers", "Impress Server", list(Address), "RFC 2132 §3.12", "10.67.0.9"},
	{11, "resource-location-servers", "RLP Server", list(Address), "RFC 2132 §3.13", "10.67.0.9"},
	{12, "host-name", "Hostname", one(Text), "RFC 2132 §3.14", "printer"},
	{13, "boot-size", "Boot File Size", one(Uint16), "RFC 2132 §3.15", "17"},
	{14, "merit-dump", "Merit Dump File", one(Text), "RFC 2132 §3.16", "/var/crash/core"},
	{15, "domain-name", "Domain Name", one(Text), "RFC 2132 §3.17", "example.org"},
	{16, "swap-server", "Swap Server", one(Address), "RFC 2132 §3.18", "10.67.0.9"},
	{17, "root-path", "Root Path", one(Text), "RFC 2132 §3.19", "10.67.0.9:/srv/root"},
	{18, "extensions-path", "Extension File", one(Text), "RFC 2132 §3.20", "/tftp/extensions"},
	{19, "ip-forwarding", "Forward On/Off", one(Bool), "RFC 2132 §4.1", "off"},
	{20, "non-local-source-routing", "SrcRte On/Off", one(Bool), "RFC 2132 §4.2", "off"},
	{21, "policy-filter", "Policy Filter", list(AddressPair), "RFC 2132 §4.3", "[10.9.0.0 255.255.0.0]"},
	{22, "max-dgram-reassembly", "Max DG Assembly", one(Uint16), "RFC 2132 §4.4", "1500"},
	{23, "default-ip-ttl", "Default IP TTL", one(Uint8), "RFC 2132 §4.5", "64"},
	{24, "path-mtu-aging-timeout", "MTU Timeout", one(Uint32), "RFC 2132 §4.6", "600"},
	{25, "path-mtu-plateau-table", "MTU Plateau", list(Uint16), "RFC 2132 §4.7", "[68, 296, 1500]"},
	{26, "interface-mtu", "MTU Interface", one(Uint16), "RFC 2132 §5.1", "1500"},
	{27, "all-subnets-local", "MTU Subnet", one(Bool), "RFC 2132 §5.2", "on"},
	{28, "broadcast-address", "Broadcast Address", one(Address), "RFC 2132 §5.3", "10.67.255.255"},
	{29, "perform-mask-discovery", "Mask Discovery", one(Bool), "RFC 2132 §5.4", "off"},
	{30, "mask-supplier", "Mask Supplier", one(Bool), "RFC 2132 §5.5", "off"},
	{31, "router-discovery", "Router Discovery", one(Bool), "RFC 2132 §5.6", "off"},
	{32, "router-solicitation-address", "Router Request", one(Address), "RFC 2132 §5.7", "10.67.0.1"},
	{33, "static-routes", "Static Route", list(AddressPair), "RFC 2132 §5.8", "[10.9.0.1 10.67.0.1]"},
	{34, "trailer-encapsulation", "Trailers", one(Bool), "RFC 2132 §6.1", "off"},
	{35, "arp-cache-timeout", "ARP Timeout", one(Uint32), "RFC 2132 §6.2", "300"},
	{36, "ieee802-3-encapsulation", "Ethernet", one(Bool), "RFC 2132 §6.3", "off"},
	{37, "default-tcp-ttl", "Default TCP TTL", one(Uint8), "RFC 2132 §7.1", "64"},
	{38, "tcp-keepalive-interval", "Keepalive Time", one(Uint32), "RFC 2132 §7.2", "7200"},
	{39, "tcp-keepalive-garbage", "Keepalive Data", one(Bool), "RFC 2132 §7.3", "off"},
	{40, "nis-domain", "NIS Domain", one(Text), "RFC 2132 §8.1", "example.org"},
	{41, "nis-servers", "NIS Servers", list(Address), "RFC 2132 §8.2", "10.67.0.9"},
	{42, "ntp-servers", "NTP Servers", list(Address), "RFC 2132 §8.3", "10.67.0.9"},
	{
		43, "vendor-encapsulated-options", "Vendor Specific",
		one(VendorOptions), "RFC 2132 §8.4",
		"{pxe: {discovery-control: 8, boot-menu: hex:00000141, menu-prompt: hex:0050}}",
	},
	{44, "netbios-name-servers", "NETBIOS Name Srv", list(Address), "RFC 2132 §8.5", "10.67.0.9"},
	{45, "netbios-dd-server", "NETBIOS Dist Srv", list(Address), "RFC 2132 §8.6", "10.67.0.9"},
	{46, "netbios-node-type", "NETBIOS Node Type", one(Uint8), "RFC 2132 §8.7", "8"},
	{47, "netbios-scope", "NETBIOS Scope", one(Text), "RFC 2132 §8.8", "office"},
	{48, "font-servers", "X Window Font", list(Address), "RFC 2132 §8.9", "10.67.0.9"},
	{49, "x-display-manager", "X Window Manager", list(Address), "RFC 2132 §8.10", "10.67.0.9"},
	{50, "dhcp-requested-address", "Address Request", one(Address), "RFC 2132 §9.1", "10.67.1.9"},
	{51, "dhcp-lease-time", "Address Time", one(Uint32), "RFC 2132 §9.2", "3600"},
	{52, "dhcp-option-overload", "Overload", one(Uint8), "RFC 2132 §9.3", "3"},
	{53, "dhcp-message-type", "DHCP Msg Type", one(Uint8), "RFC 2132 §9.6", "1"},
	{54, "dhcp-server-identifier", "DHCP Server Id", one(Address), "RFC 2132 §9.7", "10.67.0.2"},
	{55, "dhcp-parameter-request-list", "Parameter List", list(Uint8), "RFC 2132 §9.8", "[1, 3, 6]"},
	{56, "dhcp-message", "DHCP Message", one(Text), "RFC 2132 §9.9", "address in use"},
	{57, "dhcp-max-message-size", "DHCP Max Msg Size", one(Uint16), "RFC 2132 §9.10", "1500"},
	{58, "dhcp-renewal-time", "Renewal Time", one(Uint32), "RFC 2132 §9.11", "1800"},
	{59, "dhcp-rebinding-time", "Rebinding Time", one(Uint32), "RFC 2132 §9.12", "3150"},
	{60, "vendor-class-identifier", "Class Id", one(Text), "RFC 2132 §9.13", "HTTPClient"},
	{61, "dhcp-client-identifier", "Client Id", one(Hex), "RFC 2132 §9.14", "hex:01026700000001"},
	{62, "nwip-domain-name", "NetWare/IP Domain", one(Text), "RFC 2242 §2", "tree"},
	{
		63, "nwip-suboptions", "NetWare/IP Option",
		subs("nwip"), "RFC 2242 §3",
		"{preferred-dss: [10.67.0.9], autoretries: 2}",
	},
	{64, "nisplus-domain-name", "NIS-Domain-Name", one(Text), "RFC 2132 §8.11", "example.org"},
	{65, "nisplus-servers", "NIS-Server-Addr", list(Address), "RFC 2132 §8.12", "10.67.0.9"},
	{66, "tftp-server-name", "Server-Name", one(Text), "RFC 2132 §9.4", "boot.example.org"},
	{67, "boot-file-name", "Bootfile-Name", one(Text), "RFC 2132 §9.5", "menu.ipxe"},
	{68, "mobile-ip-home-agent", "Home-Agent-Addrs", list(Address), "RFC 2132 §8.13", "10.67.0.9"},
	{69, "smtp-server", "SMTP-Server", list(Address), "RFC 2132 §8.14", "10.67.0.9"},
	{70, "pop-server", "POP3-Server", list(Address), "RFC 2132 §8.15", "10.67.0.9"},
	{71, "nntp-server", "NNTP-Server", list(Address), "RFC 2132 §8.16", "10.67.0.9"},
	{72, "www-server", "WWW-Server", list(Address), "RFC 2132 §8.17", "10.67.0.9"},
	{73, "finger-server", "Finger-Server", list(Address), "RFC 2132 §8.18", "10.67.0.9"},
	{74, "irc-server", "IRC-Server", list(Address), "RFC 2132 §8.19", "10.67.0.9"},
	{75, "streettalk-server", "StreetTalk-Server", list(Address), "RFC 2132 §8.20", "10.67.0.9"},
	{
		76, "streettalk-directory-assistance-server", "STDA-Server",
		list(Address), "RFC 2132 §8.21",
		"10.67.0.9",
	},
	{77, "user-class", "User-Class", one(UserClasses), "RFC 3004 §4", "[iPXE, lab]"},
	{
		78, "slp-directory-agent", "Directory Agent",
		record(lastRepeats, is("mandatory", Bool), is("agents", Address)), "RFC 2610 §3",
		"{mandatory: on, agents: [10.67.0.9]}",
	},
	{
		79, "slp-service-scope", "Service Scope",
		record(single, is("mandatory", Bool), is("scopes", Text)), "RFC 2610 §4",
		`{mandatory: off, scopes: "lab,office"}`,
	},
	{80, "rapid-commit", "Rapid Commit", one(Empty), "RFC 4039 §4", "true"},
	{
		81, "fqdn", "Client FQDN",
		record(
			single, is("flags", Uint8), is("rcode1", Uint8),
			is("rcode2", Uint8), is("name", Domain),
		), "RFC 4702 §2",
		"{flags: 4, rcode1: 0, rcode2: 0, name: printer.example.org}",
	},
	{
		82, "dhcp-agent-options", "Relay Agent Information",
		subs("relay-agent"), "RFC 3046 §2",
		"{circuit-id: hex:0102, link-selection: 10.68.0.0}",
	},
	{
		83, "isns", "iSNS",
		record(
			lastRepeats, is("functions", Uint16), is("access", Uint16), is("flags", Uint16),
			is("security", Uint32), is("servers", Address),
		), "RFC 4174 §2",
		"{functions: 3, access: 7, flags: 1, security: 0, servers: [10.67.0.9]}",
	},
	{85, "nds-servers", "NDS Servers", list(Address), "RFC 2241 §2", "10.67.0.9"},
	{86, "nds-tree-name", "NDS Tree Name", one(Text), "RFC 2241 §3", "TREE"},
	{87, "nds-context", "NDS Context", one(Text), "RFC 2241 §4", "OU=lab.O=example"},
	{
		88, "bcms-controller-names", "BCMCS Controller Domain Name list",
		list(Domain), "RFC 4280 §4.1",
		"[bcmcs.example.org]",
	},
	{
		89, "bcms-controller-address", "BCMCS Controller IPv4 address",
		list(Address), "RFC 4280 §4.3",
		"10.67.0.9",
	},
	{
		90, "authenticate", "Authentication",
		record(
			single, is("protocol", Uint8), is("algorithm", Uint8), is("rdm", Uint8),
			is("replay-detection", Uint64), is("information", Hex),
		), "RFC 3118 §2",
		"{protocol: 1, algorithm: 1, rdm: 0, replay-detection: 67, information: hex:00000001}",
	},
	{91, "client-last-transaction-time", "client-last-transaction-time", one(Uint32), "RFC 4388 §6.1", "60"},
	{92, "associated-ip", "associated-ip", list(Address), "RFC 4388 §6.1", "[10.67.1.9]"},
	{93, "client-system", "Client System", list(Uint16), "RFC 4578 §2.1", "[7, 9]"},
	{
		94, "client-ndi", "Client NDI",
		record(single, is("type", Uint8), is("major", Uint8), is("minor", Uint8)), "RFC 4578 §2.2",
		"{type: 1, major: 3, minor: 16}",
	},
	{95, "ldap", "LDAP", one(Text), "RFC 3679 §3", "ldap://ldap.example.org/dc=example"},
	{
		97, "uuid-guid", "UUID/GUID",
		record(single, is("type", Uint8), is("uuid", Hex)), "RFC 4578 §2.3",
		"{type: 0, uuid: hex:000102030405060708090a0b0c0d0e0f}",
	},
	{98, "uap-servers", "User-Auth", one(Text), "RFC 2485 §2", "http://login.example.org/"},
	{99, "geoconf-civic", "GEOCONF_CIVIC", one(Hex), "RFC 4776 §3.1", "hex:0144450103424552"},
	{100, "pcode", "PCode", one(Text), "RFC 4833 §2", `"CET-1CEST,M3.5.0,M10.5.0/3"`},
	{101, "tcode", "TCode", one(Text), "RFC 4833 §2", "Europe/Berlin"},
	{108, "v6-only-preferred", "IPv6-Only Preferred", one(Uint32), "RFC 8925 §3.1", "1800"},
	{109, "dhcp4o6-source-address", "OPTION_DHCP4O6_S46_SADDR", one(Address6), "RFC 8539 §6", "2001:db8::67"},
	{112, "netinfo-server-address", "Netinfo Address", list(Address), "RFC 3679 §3", "10.67.0.9"},
	{113, "netinfo-server-tag", "Netinfo Tag", one(Text), "RFC 3679 §3", "network"},
	{
		114, "v4-captive-portal", "DHCP Captive-Portal",
		one(Text), "RFC 8910 §2.1",
		"https://portal.example.org/api",
	},
	{116, "auto-config", "Auto-Config", one(Bool), "RFC 2563 §2", "off"},
	{117, "name-service-search", "Name Service Search", list(Uint16), "RFC 2937 §2", "[6, 44]"},
	{118, "subnet-selection", "Subnet Selection Option", one(Address), "RFC 3011 §2", "10.68.0.0"},
	{
		119, "domain-search", "Domain Search",
		list(SearchList), "RFC 3397 §2",
		"[example.org, lab.example.org]",
	},
	{120, "sip-servers", "SIP Servers DHCP Option", list(SIPServers), "RFC 3361 §3", "[sip.example.org]"},
	{
		121, "classless-static-route", "Classless Static Route Option",
		list(Route), "RFC 3442 §2",
		"[10.9.0.0/16 via 10.67.0.1]",
	},
	{
		122, "cablelabs-client-configuration", "CCC",
		subs("ccc"), "RFC 3495 §4",
		"{primary-dhcp-server: 10.67.0.9, kerberos-realm: EXAMPLE.ORG}",
	},
	{123, "geoconf", "GeoConf Option", one(Hex), "RFC 6225 §2.2.1", "hex:4869000000481acccccc144000220001"},
	{
		124, "vivco-suboptions", "V-I Vendor Class",
		record(repeats, is("enterprise", Uint32), is("class", CountedText)), "RFC 3925 §3",
		"[{enterprise: 32473, class: phone}]",
	},
	{
		125, "vivso-suboptions", "V-I Vendor-Specific Information",
		one(EnterpriseOptions), "RFC 3925 §4",
		"{cablelabs: {tftp-servers: [10.67.0.9]}, 32473: {1: hex:0a}}",
	},
	{
		128, "pxe-128", "PXE - undefined (vendor specific); TFTP server of phones",
		one(Hex), "RFC 4578 §2.4",
		"text:vlan=67",
	},
	{
		129, "pxe-129", "PXE - undefined (vendor specific); kernel options, call server",
		one(Hex), "RFC 4578 §2.4",
		"text:10.67.0.9",
	},
	{
		130, "pxe-130", "PXE - undefined (vendor specific); Ethernet interface, discrimination string",
		one(Hex), "RFC 4578 §2.4",
		"text:MITEL IP PHONE",
	},
	{
		131, "pxe-131", "PXE - undefined (vendor specific); remote statistics server",
		one(Hex), "RFC 4578 §2.4",
		"hex:0a430009",
	},
	{
		132, "pxe-132", "PXE - undefined (vendor specific); IEEE 802.1Q VLAN ID",
		one(Hex), "RFC 4578 §2.4",
		"text:1067",
	},
	{
		133, "pxe-133", "PXE - undefined (vendor specific); IEEE 802.1D/p layer 2 priority",
		one(Hex), "RFC 4578 §2.4",
		"hex:00000006",
	},
	{
		134, "pxe-134", "PXE - undefined (vendor specific); Diffserv Code Point",
		one(Hex), "RFC 4578 §2.4",
		"hex:0000002e",
	},
	{
		135, "pxe-135", "PXE - undefined (vendor specific); HTTP proxy of phones",
		one(Hex), "RFC 4578 §2.4",
		"text:http://proxy.example.org",
	},
	{136, "pana-agent", "OPTION_PANA_AGENT", list(Address), "RFC 5192 §3", "10.67.0.9"},
	{137, "v4-lost", "OPTION_V4_LOST", one(Domain), "RFC 5223 §3", "lost.example.org"},
	{138, "capwap-ac-v4", "OPTION_CAPWAP_AC_V4", list(Address), "RFC 5417 §2", "10.67.0.9"},
	{
		139, "ipv4-address-mos", "OPTION-IPv4_Address-MoS",
		subs("mos-addresses"), "RFC 5678 §2",
		"{information: [10.67.0.9]}",
	},
	{
		140, "ipv4-fqdn-mos", "OPTION-IPv4_FQDN-MoS",
		subs("mos-names"), "RFC 5678 §3",
		"{command: [mos.example.org]}",
	},
	{
		141, "sip-ua-cs-domains", "SIP UA Configuration Service Domains",
		list(Domain), "RFC 6011 §4.1",
		"[example.org]",
	},
	{142, "ipv4-address-andsf", "OPTION-IPv4_Address-ANDSF", list(Address), "RFC 6153 §2", "10.67.0.9"},
	{
		143, "v4-sztp-redirect", "OPTION_V4_SZTP_REDIRECT",
		list(URI), "RFC 8572 §8.1",
		`["https://ztp.example.org"]`,
	},
	{144, "geoloc", "GeoLoc", one(Hex), "RFC 6225 §2.2.2", "hex:4869000000481acccccc144000220041"},
	{145, "forcerenew-nonce-capable", "FORCERENEW_NONCE_CAPABLE", list(Uint8), "RFC 6704 §3.1", "[1]"},
	{
		146, "rdnss-selection", "RDNSS Selection",
		record(
			lastRepeats, is("preference", Uint8), is("primary", Address),
			is("secondary", Address), is("domains", Domain),
		), "RFC 6731 §4.3",
		"{preference: 1, primary: 10.67.0.53, secondary: 10.67.0.54, domains: [example.org]}",
	},
	{147, "v4-dots-ri", "OPTION_V4_DOTS_RI", one(Domain), "RFC 8973 §5.2", "dots.example.org"},
	{148, "v4-dots-address", "OPTION_V4_DOTS_ADDRESS", list(Address), "RFC 8973 §5.2", "10.67.0.9"},
	{
		150, "tftp-server-address", "TFTP server address",
		list(Address), "RFC 5859 §3",
		"[10.67.0.9, 10.67.0.10]",
	},
	{
		151, "status-code", "status-code",
		record(single, is("code", Uint8), is("message", Text)), "RFC 6926 §6.2.2",
		"{code: 3, message: not allowed}",
	},
	{152, "base-time", "base-time", one(Uint32), "RFC 6926 §6.2.3", "1767225600"},
	{153, "start-time-of-state", "start-time-of-state", one(Uint32), "RFC 6926 §6.2.4", "60"},
	{154, "query-start-time", "query-start-time", one(Uint32), "RFC 6926 §6.2.5", "1767225600"},
	{155, "query-end-time", "query-end-time", one(Uint32), "RFC 6926 §6.2.6", "1767229200"},
	{156, "dhcp-state", "dhcp-state", one(Uint8), "RFC 6926 §6.2.7", "2"},
	{157, "data-source", "data-source", one(Uint8), "RFC 6926 §6.2.8", "1"},
	{
		158, "v4-pcp-server", "OPTION_V4_PCP_SERVER",
		list(AddressGroup), "RFC 7291 §4",
		"[[10.67.0.9, 10.67.0.10], [10.68.0.9]]",
	},
	{
		159, "v4-portparams", "OPTION_V4_PORTPARAMS",
		record(single, is("offset", Uint8), is("psid-length", Uint8), is("psid", Uint16)), "RFC 7618 §9",
		"{offset: 6, psid-length: 8, psid: 13312}",
	},
	{
		160, "captive-portal-7710", "DHCP Captive-Portal, before RFC 8910 moved it to 114",
		one(Text), "RFC 7710 §2.1",
		"https://portal.example.org/",
	},
	{161, "mud-url", "OPTION_MUD_URL_V4", one(Text), "RFC 8520 §10", "https://mud.example.org/lamp"},
	{
		162, "v4-dnr", "OPTION_V4_DNR",
		list(Resolver), "RFC 9463 §5.1",
		"[{priority: 1, name: dot.example.org, addresses: [10.67.0.53], params: {alpn: [dot], port: 853}}]",
	},
	{175, "etherboot", "Etherboot", subs("ipxe"), "RFC 3679 §3", "{no-pxedhcp: 1, priority: -10}"},
	{176, "ip-telephone", "IP Telephone", one(Text), "RFC 3679 §3", `"MCIPADD=10.67.0.9,L2QVLAN=67"`},
	{
		177, "etherboot-177", "Etherboot; PacketCable and CableHome, replaced by 122",
		one(Hex), "RFC 3679 §3",
		"hex:01040a430009",
	},
	{208, "pxelinux-magic", "PXELINUX Magic", one(Hex), "RFC 5071 §3", "hex:f100747e"},
	{209, "pxelinux-configfile", "Configuration File", one(Text), "RFC 5071 §4", "pxelinux.cfg/lab"},
	{210, "pxelinux-pathprefix", "Path Prefix", one(Text), "RFC 5071 §5", "/tftp/lab/"},
	{211, "pxelinux-reboottime", "Reboot Time", one(Uint32), "RFC 5071 §6", "30"},
	{
		212, "option-6rd", "OPTION_6RD",
		record(
			lastRepeats, is("mask-length", Uint8), is("prefix-length", Uint8),
			is("prefix", Address6), is("relays", Address),
		), "RFC 5969 §7.1.1",
		`{mask-length: 8, prefix-length: 32, prefix: "2001:db8::", relays: [10.67.0.9]}`,
	},
	{213, "v4-access-domain", "OPTION_V4_ACCESS_DOMAIN", one(Domain), "RFC 5986 §3.1", "access.example.org"},
	{220, "subnet-allocation", "Subnet Allocation Option", one(Hex), "RFC 6656 §3", "hex:00010100"},
	{
		221, "virtual-subnet-selection", "Virtual Subnet Selection (VSS) Option",
		record(single, is("type", Uint8), is("vpn", Hex)), "RFC 6607 §3.1",
		"{type: 0, vpn: text:blue-vpn}",
	},
	{
		245, "azure-wireserver", "Private Use; where virtual machines of Azure find their host",
		one(Address), "RFC 3942 §4",
		"10.67.0.9",
	},
	{
		249, "ms-classless-static-route", "Private Use; option 121 for old Windows",
		list(Route), "RFC 3442 §2",
		"[10.9.0.0/16 via 10.67.0.1]",
	},
	{
		252, "wpad", "Private Use; where a proxy is configured from",
		one(Text), "RFC 3942 §4",
		"http://wpad.example.org/wpad.dat",
	},
}

// one is the type of a single value, list of several of a kind, subs of the sub-options of a space.
func one(k Kind) Type { return Type{Fields: []Field{{Kind: k}}} }

func list(k Kind) Type { return Type{Fields: []Field{{Kind: k}}, List: !k.endless()} }

func subs(space string) Type { return Type{Space: space} }

// repetition says what of a record may stand several times.
type repetition uint8

const (
	single      repetition = iota // nothing
	lastRepeats                   // its last field
	repeats                       // all of it
)

// record is the type of several fields with names.
func record(r repetition, fields ...Field) Type {
	return Type{Fields: fields, List: r == lastRepeats, Repeat: r == repeats}
}

func is(name string, k Kind) Field { return Field{name, k} }

// nameAndCode is a name beside that of the registry.
type nameAndCode struct {
	name string
	code uint8
}

// returned are options that never came into use; IANA has their codes back (RFC 3679 §2). Those that got
// another meaning since are not here.
var returned = [...]nameAndCode{
	{"agent-subnet-mask", 84}, {"ipv6-transition", 96}, {"ipv6-transitions", 96}, {"ipx-compatibility", 110},
	{"dhcp-failover", 115}, {"failover", 115}, {"extension-126", 126}, {"extension-127", 127},
}

// aliases are other names by which options are known: singular and plural, and the words of other servers.
var aliases = [...]nameAndCode{
	{"router", 3}, {"time-server", 4}, {"name-server", 5}, {"ien116-name-servers", 5},
	{"domain-name-server", 6}, {"dns-servers", 6}, {"log-server", 7}, {"cookie-server", 8},
	{"lpr-server", 9}, {"impress-server", 10}, {"resource-location-server", 11}, {"hostname", 12},
	{"static-route", 33}, {"nis-server", 41}, {"ntp-server", 42}, {"vendor-specific-information", 43},
	{"netbios-name-server", 44}, {"netbios-dd-servers", 45}, {"font-server", 48},
	{"x-display-managers", 49}, {"nisplus-server", 65}, {"bootfile-name", 67},
	{"mobile-ip-home-agents", 68}, {"smtp-servers", 69}, {"pop-servers", 70}, {"nntp-servers", 71},
	{"www-servers", 72}, {"finger-servers", 73}, {"irc-servers", 74}, {"streettalk-servers", 75},
	{"slp-directory-agents", 78}, {"relay-agent-information", 82}, {"tz-posix", 100}, {"tz-name", 101},
	{"captive-portal", 114}, {"url", 114}, {"subnet-select", 118}, {"search-domains", 119},
	{"domain-search-list", 119},
	{"classless-static-routes", 121}, {"rfc3442-classless-static-routes", 121}, {"vivco", 124},
	{"vivso", 125}, {"ccc", 122}, {"capwap-ac", 138}, {"tftp-server-addresses", 150}, {"config-file", 209},
	{"path-prefix", 210}, {"reboot-time", 211}, {"6rd", 212}, {"dnr", 162},
	{"ms-classless-static-routes", 249}, {"web-proxy-auto-discovery", 252},
}

// standardSpaces are the sub-options that the registry knows.
var standardSpaces = [...]Space{
	{"pxe", 0, true, []Def{
		in(1, "mtftp-address", one(Address)), in(2, "mtftp-client-port", one(Hex)),
		in(3, "mtftp-server-port", one(Hex)), in(4, "mtftp-timeout", one(Uint8)), in(5, "mtftp-delay", one(Uint8)),
		in(6, "discovery-control", one(Uint8)), in(7, "discovery-multicast", one(Address)),
		in(8, "boot-servers", one(Hex)), in(9, "boot-menu", one(Hex)), in(10, "menu-prompt", one(Hex)),
		in(71, "boot-item", record(single, is("type", Uint16), is("layer", Uint16))),
	}, "RFC 4578 §2"},
	{"cablelabs", 4491, false, []Def{in(2, "tftp-servers", list(Address))}, "RFC 3925 §4"},
	{"ccc", 0, false, []Def{
		in(1, "primary-dhcp-server", one(Address)), in(2, "secondary-dhcp-server", one(Address)),
		in(3, "provisioning-server", one(NameOrAddress)),
		in(4, "as-backoff", record(single, is("nominal", Uint32), is("maximum", Uint32), is("retries", Uint32))),
		in(5, "ap-backoff", record(single, is("nominal", Uint32), is("maximum", Uint32), is("retries", Uint32))),
		in(6, "kerberos-realm", one(Domain)), in(7, "ticket-granting-server", one(Bool)),
		in(8, "provisioning-timer", one(Uint8)), in(9, "ticket-control", one(Uint16)),
		in(10, "kdc-servers", list(Address)),
	}, "RFC 3495 §5, RFC 3594, RFC 3634"},
	{"ipxe", 0, false, []Def{
		in(1, "priority", one(Int8)), in(8, "keep-san", one(Uint8)), in(9, "skip-san-boot", one(Uint8)),
		in(85, "syslogs", one(Text)), in(91, "cert", one(Hex)), in(92, "privkey", one(Hex)),
		in(93, "crosscert", one(Text)), in(176, "no-pxedhcp", one(Uint8)), in(177, "bus-id", one(Hex)),
		in(188, "san-filename", one(Text)), in(189, "bios-drive", one(Uint8)), in(190, "username", one(Text)),
		in(191, "password", one(Text)), in(192, "reverse-username", one(Text)),
		in(193, "reverse-password", one(Text)), in(235, "version", one(Hex)),
	}, "RFC 3679 §3"},
	{"mos-addresses", 0, false, []Def{
		in(1, "information", list(Address)), in(2, "command", list(Address)), in(3, "event", list(Address)),
	}, "RFC 5678 §2"},
	{"mos-names", 0, false, []Def{
		in(1, "information", list(Domain)), in(2, "command", list(Domain)), in(3, "event", list(Domain)),
	}, "RFC 5678 §3"},
	{"nwip", 0, false, []Def{
		in(1, "does-not-exist", one(Empty)), in(2, "in-options-area", one(Empty)),
		in(3, "in-sname-and-file", one(Empty)), in(4, "too-big", one(Empty)),
		in(5, "nsq-broadcast", one(Bool)), in(6, "preferred-dss", list(Address)),
		in(7, "nearest-nwip-server", list(Address)), in(8, "autoretries", one(Uint8)),
		in(9, "autoretry-secs", one(Uint8)), in(10, "nwip-1-1", one(Bool)), in(11, "primary-dss", one(Address)),
	}, "RFC 2242 §3.1"},
	{"relay-agent", 0, false, []Def{
		in(1, "circuit-id", one(Hex)), in(2, "remote-id", one(Hex)), in(4, "docsis-device-class", one(Uint32)),
		in(5, "link-selection", one(Address)), in(6, "subscriber-id", one(Text)), in(7, "radius", one(Hex)),
		in(8, "authentication", one(Hex)), in(9, "vendor-specific", one(Hex)), in(10, "flags", one(Uint8)),
		in(11, "server-identifier-override", one(Address)), in(12, "relay-id", one(Hex)),
		in(13, "access-technology", one(Hex)), in(14, "access-network-name", one(Text)),
		in(15, "access-point-name", one(Text)), in(16, "access-point-bssid", one(Hex)),
		in(17, "operator-id", one(Uint32)), in(18, "operator-realm", one(Text)),
		in(19, "source-port", one(Empty)), in(151, "virtual-subnet-selection", one(Hex)),
		in(152, "virtual-subnet-selection-control", one(Empty)),
	}, "RFC 3046 §2 and later"},
}

// in is a sub-option in a space.
func in(code uint8, name string, t Type) Def { return Def{Code: code, Name: name, Type: t} }
