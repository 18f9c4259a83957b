package config

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"port67/storage/lease"
)

func TestValidate_Problems(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   []string // beginnings of the problems, in their order
	}{
		{"none", func(*Config) {}, nil},
		{"empty", func(c *Config) { *c = Config{} }, nil},
		{"V4-072 bounds of the lease", func(c *Config) { c.Lease.Min = ptr(lease.Seconds(7201)) }, []string{
			"lease: min 7201s, default 1h and max 24h are not",
			"shared-networks[0].lease: min 7201s, default 1h and max 2h are not",
		}},
		{"lease of nothing", func(c *Config) { c.Lease.Min = ptr(lease.Seconds(0)) }, []string{"lease.min: 0s is no"}},
		{"V4-076 T1 after T2", func(c *Config) { c.T1 = ptr(Permille(900)) }, []string{"t1: T1 90% and T2 87.5%"}},
		{"V4-076 T2 after the lease", func(c *Config) {
			c.Subnets[2].T2 = ptr(Permille(1000))
		}, []string{"subnets[2].t2: T1 50% and T2 100%"}},
		{"V4-078 spread that takes T2 to the end", func(c *Config) {
			c.T2, c.TimerSpread = ptr(Permille(910)), ptr(Permille(100))
			c.Subnets[2].TimerSpread = ptr(Permille(90))
		}, []string{"timer-spread: T2 91% and a spread of 10% come to the end"}},
		{"V4-078 spread of more than a tenth", func(c *Config) {
			c.Subnets[2].TimerSpread = ptr(Permille(101))
		}, []string{"subnets[2].timer-spread: 10.1%: at most 10%"}},
		{"V4-105 IPv6 only without the option", func(c *Config) {
			c.Subnets[2].IPv6Only = ptr(true)
			c.Subnets[1].IPv6Only, c.Subnets[1].Options = ptr(true), []Option{{Code: 108, Data: []byte{0, 0, 7, 8}}}
		}, []string{"subnets[2].ipv6-only: on, without the option v6-only-preferred"}},
		{"V4-105 option 108 unasked", func(c *Config) {
			c.AlwaysSend = []uint8{6, 108}
		}, []string{"always-send[1]: v6-only-preferred goes only to clients that ask"}},
		{"W-021 PXEClient without a boot server", func(c *Config) {
			c.Subnets[2].Options = []Option{{Code: 60, Data: []byte("PXEClient")}}
		}, []string{"subnets[2].options.vendor-class-identifier: PXEClient without vendor-encapsulated-options"}},
		{"W-021 PXEClient with one", func(c *Config) {
			c.Subnets[2].Options = []Option{{Code: 60, Data: []byte("PXEClient")}}
			c.Subnets[0].Pools[0].Options = []Option{{Code: 43, Data: []byte{6, 1, 8, 255}}}
		}, nil},
		{"W-022 HTTPClient needs none", func(c *Config) {
			c.Options = []Option{{Code: 60, Data: []byte("HTTPClient")}}
		}, nil},
		{"booking", func(c *Config) { c.Booking = Booking{FactorPercent: 99, Grace: 9, GracePermille: 9, Pause: 86401} }, []string{
			"booking.factor: 0.99: between", "booking.grace: 9s: the fixed", "booking.grace: 0.9% of", "booking.pause: 86401s",
		}},
		{"modes", func(c *Config) { c.Renewals = "never"; c.Subnets[2].Allocation = "random" }, []string{
			`renewals: "never": either`, `subnets[2].allocation: "random"`,
		}},
		{"quarantine", func(c *Config) { c.Decline.Quarantine = lease.Infinite }, []string{"decline.quarantine: infinite: at most"}},
		{"probing and servers of others", func(c *Config) {
			c.Probe = Probe{TimeoutMillis: 5}
			c.KnownServers = []netip.Addr{{}, netip.MustParseAddr("10.67.0.5"), netip.MustParseAddr("10.67.0.5")}
		}, []string{
			"probe.timeout: 5ms", "known-servers[0]: ", "known-servers[2]: 10.67.0.5 stands twice",
		}},
		{"RP-007 RARP", func(c *Config) {
			r := c.Subnets[0].Reservations
			r[0].RARP, r[1].RARP = true, true // The second has no Ethernet address.
			r = append(r, Reservation{Hardware: [][]byte{{2, 0x67, 0, 0, 0, 9}}, RARP: true})
			c.Subnets[0].Reservations = r
		}, []string{
			"subnets[0].reservations[1].rarp: on: RARP tells", "subnets[0].reservations[2].rarp: on: RARP tells",
		}},
		{"options", func(c *Config) {
			c.Options = []Option{{Code: 6, Data: nil}, {Code: 51, Data: []byte{0, 0, 0, 1}}, {Code: 242, Data: make([]byte, 1025)}, {Code: 242, Data: []byte{1}}}
		}, []string{
			"options.domain-name-servers: no octets", "options.dhcp-lease-time: option 51 is the lease time: set lease.default",
			"options.242: 1025 octets", "options.242: option 242 stands twice",
		}},
		{"V4-052 V4-055 codes", func(c *Config) {
			c.AlwaysSend, c.NeverSend = []uint8{6, 6, 82}, []uint8{6}
		}, []string{
			"always-send[1]: option domain-name-servers stands twice", "always-send[2]: option 82 belongs",
			"never-send: option domain-name-servers is in always-send",
		}},
		{"fields", func(c *Config) {
			c.ServerName, c.BootFile = strings.Repeat("x", 64), "a\x00b"
			c.NextServer = addr("224.0.0.1")
		}, []string{"next-server: 224.0.0.1", "server-name: 64 octets", "boot-file-name: text has"}},
		{"option definitions", func(c *Config) {
			c.OptionDefinitions = []OptionDefinition{
				{Name: "acme", Code: 224, Type: []string{"uint8"}},
				{Name: "acme", Code: 224, Type: []string{"uin8"}},
				{Name: "routers", Code: 3, Type: []string{"text", "uint8"}},
				{Name: "12", Code: 0, Type: nil},
			}
		}, []string{
			"option-definitions[1].name: acme is defined by", "option-definitions[1].code: 224 is defined by",
			`option-definitions[1].type: type "uin8" unknown (did you mean uint8?)`,
			"option-definitions[2].name: routers is a standard", "option-definitions[2].code: 3 is the standard option routers",
			`option-definitions[2].type: type "text": runs`,
			`option-definitions[3].name: name "12"`, "option-definitions[3].code: 0:", "option-definitions[3].type: type missing",
		}},
		{"shared networks", func(c *Config) {
			c.SharedNetworks = append(c.SharedNetworks,
				SharedNetwork{Name: "floor-3", Subnets: []netip.Prefix{prefix("10.67.0.0/16"), prefix("10.99.0.0/16")}},
				SharedNetwork{Name: "10.0.0.0/8"},
			)
		}, []string{
			"shared-networks[1].name: floor-3 is the name of shared-networks[0]",
			"shared-networks[1].subnets[0]: 10.67.0.0/16 is in shared-networks[0]",
			"shared-networks[1].subnets[1]: 10.99.0.0/16 is not among",
			`shared-networks[2].name: name "10.0.0.0/8"`, "shared-networks[2].subnets: none named",
		}},
		{"prefixes", func(c *Config) {
			c.SharedNetworks = nil
			c.Subnets = []Subnet{
				{Prefix: prefix("10.0.0.0/8")}, {Prefix: prefix("10.1.0.0/16")}, {Prefix: prefix("10.1.2.0/24")},
				{Prefix: prefix("10.2.0.0/16")}, {Prefix: prefix("11.0.0.1/8")}, {}, {Prefix: prefix("2001:db8::/32")},
				{Prefix: prefix("127.0.0.0/8")}, {Prefix: prefix("10.0.0.0/8")},
			}
		}, []string{
			"subnets[1].prefix: 10.1.0.0/16 overlaps 10.0.0.0/8", "subnets[2].prefix: 10.1.2.0/24 overlaps 10.0.0.0/8",
			"subnets[3].prefix: 10.2.0.0/16 overlaps 10.0.0.0/8", "subnets[4].prefix: 11.0.0.1/8 has bits set outside its mask: write 11.0.0.0/8",
			"subnets[5].prefix: prefix missing", "subnets[6].prefix: 2001:db8::/32 is no IPv4", "subnets[7].prefix: 127.0.0.0/8 is not for hosts",
			"subnets[8].prefix: 10.0.0.0/8 overlaps 10.0.0.0/8 of subnets[0]",
		}},
		{"relays and service address", func(c *Config) {
			c.Subnets[0].Relays = []netip.Addr{addr("10.67.0.1"), addr("10.67.0.1"), addr("255.255.255.255")}
			c.Subnets[0].ServiceAddress = addr("10.67.1.7")
			c.Subnets[1].ServiceAddress = addr("10.68.4.0")
			c.Subnets[2].ServiceAddress = addr("10.69.0.255")
		}, []string{
			"subnets[0].relays[1]: 10.67.0.1 stands twice", "subnets[0].relays[2]: 255.255.255.255 is no relay",
			"subnets[1].service-address: 10.68.4.0 lies outside", "subnets[2].service-address: 10.69.0.255 is the network or",
		}},
		{"service address in a pool", func(c *Config) { c.Subnets[0].ServiceAddress = addr("10.67.1.10") }, []string{
			"subnets[0].service-address: 10.67.1.10 lies in pools[0]",
		}},
		{"relays and routers in a pool", func(c *Config) {
			c.Subnets[0].Relays = []netip.Addr{addr("10.67.1.10"), addr("10.67.0.1")}
			c.Subnets[2].Options = []Option{{Code: 3, Data: []byte{10, 69, 0, 1, 10, 69, 0, 20}}}
			c.Subnets[2].Pools = []Pool{
				{Range: AddrRange{addr("10.69.0.10"), addr("10.69.0.99")}},
				{Range: AddrRange{addr("10.69.0.110"), addr("10.69.0.120")}},
			}
			c.Subnets[2].Pools[0].Options = []Option{{Code: 3, Data: []byte{10, 69, 0, 110}}}
		}, []string{
			"subnets[0].relays[0]: 10.67.1.10 lies in pools[0], which would give it to a client: add it to exclude",
			"subnets[2].options.routers: 10.69.0.20 lies in pools[0]",
			"subnets[2].pools[0].options.routers: 10.69.0.110 lies in pools[1]",
		}},
		{"a router of all subnets in a pool", func(c *Config) {
			c.Options = []Option{{Code: 3, Data: []byte{10, 69, 0, 20}}}
			c.Subnets[2].Pools = []Pool{{Range: AddrRange{addr("10.69.0.10"), addr("10.69.0.99")}}}
		}, []string{"subnets[2].pools[0].range: 10.69.0.20, a router of the subnet"}},
		{"relays and routers that no client gets", func(c *Config) {
			c.Subnets[2].Relays = []netip.Addr{addr("10.69.0.20")}
			c.Subnets[2].Options = []Option{{Code: 3, Data: []byte{10, 69, 0, 21}}}
			c.Subnets[2].Pools = []Pool{{Range: AddrRange{addr("10.69.0.10"), addr("10.69.0.99")}}}
			c.Subnets[2].Exclude = []AddrRange{{addr("10.69.0.20"), addr("10.69.0.20")}}
			c.Subnets[2].Reservations = []Reservation{{Hardware: [][]byte{{2, 3, 4, 5, 6, 7}}, Address: addr("10.69.0.21")}}
		}, nil},
		{"pools", func(c *Config) {
			c.Subnets[2].Pools = []Pool{
				{Range: AddrRange{addr("10.69.0.10"), addr("10.69.0.99")}},
				{Range: AddrRange{addr("10.69.0.20"), addr("10.69.0.30")}},
				{Range: AddrRange{addr("10.69.0.90"), addr("10.69.0.110")}, Classes: []string{"knowm", "known", "known"}},
				{Range: AddrRange{addr("10.69.0.150"), addr("10.69.0.140")}},
				{Range: AddrRange{addr("10.69.0.200"), addr("10.69.0.255")}},
				{Range: AddrRange{addr("10.69.0.0"), addr("10.69.0.1")}},
				{Range: AddrRange{addr("10.69.1.0"), addr("10.69.1.1")}}, {},
			}
		}, []string{
			"subnets[2].pools[2].classes[0]: class knowm unknown (did you mean known?)", "subnets[2].pools[2].classes[2]: known stands twice",
			"subnets[2].pools[3].range: 10.69.0.150-10.69.0.140 ends before",
			"subnets[2].pools[4].range: 10.69.0.200-10.69.0.255 ends with the broadcast address of 10.69.0.0/24: end with 10.69.0.254",
			"subnets[2].pools[5].range: 10.69.0.0-10.69.0.1 begins with the network address",
			"subnets[2].pools[6].range: 10.69.1.0-10.69.1.1 lies outside", "subnets[2].pools[7].range: range missing",
			"subnets[2].pools[1].range: 10.69.0.20-10.69.0.30 overlaps 10.69.0.10-10.69.0.99 of pools[0]",
			"subnets[2].pools[2].range: 10.69.0.90-10.69.0.110 overlaps 10.69.0.10-10.69.0.99 of pools[0]",
		}},
		{"exclusions", func(c *Config) {
			c.Subnets[2].Exclude = []AddrRange{{addr("10.69.0.9"), addr("10.69.1.9")}, {}}
		}, []string{"subnets[2].exclude[0]: 10.69.0.9-10.69.1.9 lies outside", "subnets[2].exclude[1]: range missing"}},
		{"reservations", func(c *Config) {
			mac := []byte{2, 0x67, 0, 0, 0, 9}
			c.Subnets[1].Reservations = []Reservation{
				{Address: addr("10.68.0.9")},
				{Hardware: [][]byte{mac}, ClientID: [][]byte{{1}}, Address: addr("10.68.0.9"), Hostname: "a_b"},
				{Hardware: [][]byte{mac[:5]}, Address: addr("10.69.0.9")},
				{Hardware: [][]byte{mac}, Address: addr("10.68.3.255")},
				{ClientID: [][]byte{[]byte("\x00scanner")}},
			}
		}, []string{
			"subnets[1].reservations[0]: no identifier", "subnets[1].reservations[1].client-id: 1 octets",
			`subnets[1].reservations[1].hostname: "a_b" is no host name`,
			"subnets[1].reservations[1].address: 10.68.0.9 is the address of subnets[1].reservations[0]",
			"subnets[1].reservations[2].hardware: 5 octets",
			"subnets[1].reservations[2].address: 10.69.0.9 lies outside 10.68.0.0/22: move the reservation to subnets[2]",
			"subnets[1].reservations[3]: hardware 02:67:00:00:00:09 has a reservation on this link: subnets[1].reservations[1]",
			"subnets[1].reservations[3].address: 10.68.3.255 is the network or",
			"subnets[1].reservations[4]: client-id 007363616e6e6572 has a reservation on this link: subnets[0].reservations[1]",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := office(t)
			tt.change(c)
			var got []string
			for _, p := range c.Validate() {
				got = append(got, p.String())
			}
			ok := slices.EqualFunc(got, tt.want, strings.HasPrefix)
			if !ok {
				t.Errorf("got:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(tt.want, "\n  "))
			}
			if out, problems := Compile(c); (out == nil) != (len(tt.want) > 0) || len(problems) != len(got) {
				t.Errorf("Compile returns %v and %d problems, Validate has %d", out, len(problems), len(got))
			}
		})
	}
}

// A client may have reservations on several links, and one identifier may be that of a client on each.
func TestValidate_SameClientOnTwoLinks(t *testing.T) {
	c := office(t)
	c.Subnets[2].Reservations = []Reservation{{Hardware: [][]byte{{2, 0x67, 0, 0, 0, 1}}, Address: addr("10.69.0.9")}}
	if p := c.Validate(); len(p) > 0 {
		t.Errorf("%v, want no problem", p)
	}
}

// A prefix of 31 bits has neither network nor broadcast address (RFC 3021 §2.1).
func TestValidate_RFC3021_2_1_PointToPoint(t *testing.T) {
	c := &Config{Subnets: []Subnet{{
		Prefix: prefix("10.0.0.0/31"), Pools: []Pool{{Range: AddrRange{addr("10.0.0.0"), addr("10.0.0.1")}}},
	}}}
	if p := c.Validate(); len(p) > 0 {
		t.Errorf("%v, want no problem", p)
	}
}
