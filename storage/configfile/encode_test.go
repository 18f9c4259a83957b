package configfile

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"port67/storage/config"
	"port67/storage/lease"
)

var comparer = cmp.Options{cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}), cmpopts.EquateEmpty()}

// Decode(Encode(c)) is c, for any valid configuration.
func TestEncode_RoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyConfig(t)
		if problems := c.Validate(); len(problems) > 0 {
			t.Fatalf("the generator makes what is not valid: %v", problems)
		}
		text, err := Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		again, problems := Decode("dhcp.yaml", text)
		if len(problems) > 0 {
			t.Fatalf("%v\n%s", problems, text)
		}
		if d := cmp.Diff(c, again, comparer); d != "" {
			t.Fatalf("-want +got\n%s\n%s", d, text)
		}
		if second, err := Encode(again); err != nil || string(second) != string(text) {
			t.Fatalf("written differently the second time: %v\n%s\n%s", err, text, second)
		}
	})
}

func TestEncode_RefusesWhatIsNotValid(t *testing.T) {
	_, err := Encode(&config.Config{Renewals: "never"})
	if err == nil || !strings.Contains(err.Error(), "renewals") {
		t.Errorf("%v, want the problem with renewals", err)
	}
}

// maybe draws a value or nothing.
func maybe[T any](t *rapid.T, g *rapid.Generator[T], name string) *T {
	return rapid.Ptr(g, true).Draw(t, name)
}

func anyConfig(t *rapid.T) *config.Config {
	c := &config.Config{Settings: anySettings(t)}
	c.Identity = anyIdentity(t)
	if rapid.Bool().Draw(t, "booking") {
		c.Booking = config.Booking{
			FactorPercent: rapid.Uint32Range(100, 1000).Draw(t, "factor"),
			Grace:         lease.Seconds(rapid.Uint32Range(10, 86400).Draw(t, "grace")),
			GracePermille: config.Permille(rapid.Uint32Range(10, 1000).Draw(t, "permille")),
			Pause:         lease.Seconds(rapid.Uint32Range(0, 86400).Draw(t, "pause")),
		}
	}
	c.Renewals = rapid.SampledFrom([]config.RenewalMode{"", "local", "committed"}).Draw(t, "renewals")
	c.NAKUnknownLinks = rapid.Bool().Draw(t, "unknown links")
	c.Decline.Quarantine = lease.Seconds(rapid.Uint32Range(0, 86400).Draw(t, "quarantine"))
	c.KnownServers = rapid.SampledFrom([][]netip.Addr{
		nil, {netip.MustParseAddr("10.67.0.5"), netip.MustParseAddr("10.68.0.5")},
	}).Draw(t, "known servers")
	c.LeaseQuery.Requesters = rapid.SampledFrom([][]netip.Prefix{
		nil, {netip.MustParsePrefix("10.67.0.1/32")},
		{netip.MustParsePrefix("10.67.0.0/24"), netip.MustParsePrefix("10.68.0.1/32")},
	}).Draw(t, "requesters")
	c.LeaseQuery.TLS = rapid.SampledFrom([]config.LeaseQueryTLS{"", "off", "allow", "require"}).Draw(t, "tls")
	c.RelayTrust = rapid.SampledFrom([]config.RelayTrust{
		{}, {Agents: c.LeaseQuery.Requesters, Direct: config.RelayDrop}, {Direct: config.RelayIgnore},
		{Agents: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Others: config.RelayDrop},
	}).Draw(t, "trust")
	off := false
	c.Relays = rapid.SampledFrom([][]config.Relay{
		nil, {{Address: netip.MustParsePrefix("0.0.0.0/0"), LinkSelection: &off}},
		{
			{Address: netip.MustParsePrefix("10.67.0.1/32"), ReplyTo: "source", ReplyPort: "source"},
			{Address: netip.MustParsePrefix("10.68.0.0/24"), ReplyTo: "giaddr", ReplyPort: "server", ReturnRelayInfo: &off},
		},
	}).Draw(t, "relays")
	rate := rapid.SampledFrom([]config.Rate{{}, {PerSecond: 10, Burst: 10}, {PerSecond: 1, Burst: 5}})
	c.Limits = config.Limits{
		DiscoverPerCircuit: maybe(t, rate, "circuit"), DiscoverPerRelay: maybe(t, rate, "relay"),
		DiscoverPerInterface: maybe(t, rate, "interface"), PerClient: maybe(t, rate, "client"),
		Strangers:           maybe(t, rate, "strangers"),
		BindingsPerCircuit:  rapid.Uint32Range(0, 2).Draw(t, "of a circuit"),
		BindingsPerRemoteID: rapid.Uint32Range(0, 2).Draw(t, "of a remote-id"),
	}
	if rapid.Bool().Draw(t, "definitions") {
		c.OptionDefinitions = []config.OptionDefinition{
			{Name: "acme", Code: 224, Type: []string{"uint8", "domain-name list"}},
			{Name: "null", Code: 225, Type: []string{"text"}},
			{Name: "zones", Code: 226, Type: []string{"uint8", "text"}, Fields: []string{"zone", "on"}},
			{Name: "pairs", Code: 227, Type: []string{"uint8", "uint16"}, Repeat: true},
			{Name: "block", Code: 228, Space: "acme"},
		}
		c.OptionSpaces = []config.OptionSpace{{
			Name: "acme", Enterprise: 9, End: rapid.Bool().Draw(t, "end"),
			Options: []config.OptionDefinition{{Name: "no", Code: 1, Type: []string{"int8"}}},
		}}
	}
	if rapid.Bool().Draw(t, "with classes") {
		c.Classes = []config.Class{
			{Name: "odd", Test: "pkt.option(\"x\") == 'a: \\'b\\'' # c\n&& true", Settings: anySettings(t)},
			{Name: "port", Template: rapid.SampledFrom([]string{"hex(pkt.chaddr)", "- x"}).Draw(t, "template"), Ignore: true, Limit: 7},
			{Name: "port:a: b", Settings: anySettings(t)},
		}
		c.Deny = rapid.SampledFrom([][]string{nil, {"odd"}, {"known", "port:7"}}).Draw(t, "deny")
		c.NakDenied = rapid.Bool().Draw(t, "told")
		c.Guarded = []config.GuardedOption{
			{Option: config.Option{Code: 3, Data: []byte{10, 67, 0, 1}}, Classes: []string{"not-odd", "port:a, b"}},
			{Option: config.Option{Code: 15, Data: []byte("a")}, Classes: []string{"known"}},
			{Option: config.Option{Code: 15, Data: []byte("b")}, Classes: []string{"pxe"}},
		}
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "subnets") {
		c.Subnets = append(c.Subnets, anySubnet(t, uint8(i)))
		for j := range c.Subnets[i].Reservations {
			if r := &c.Subnets[i].Reservations[j]; len(c.Classes) == 0 && len(r.Class) > 0 {
				r.RelayID, r.Class = [][]byte{[]byte(r.Class[0])}, nil
			}
		}
	}
	scope := rapid.SampledFrom([]config.ReservationScope{{}, {ReservationsGlobal: new(bool)}, {ReservationsInSubnet: new(bool)}})
	c.ReservationScope = scope.Draw(t, "scope")
	c.Reservations = rapid.SampledFrom([][]config.Reservation{
		nil, {{Hardware: [][]byte{{2, 0x67, 9, 9, 9, 9}}}, {Hostname: "x", RemoteID: [][]byte{{9}}}},
	}).Draw(t, "global")
	if rapid.Bool().Draw(t, "order") {
		c.ReservationIdentifiers = config.Identifiers()
	}
	if n := len(c.Subnets); n > 0 && rapid.Bool().Draw(t, "shared") {
		c.SharedNetworks = []config.SharedNetwork{{Name: "floor-3", Settings: anySettings(t)}}
		c.SharedNetworks[0].Period = anyPeriod(t)
		c.SharedNetworks[0].Identity = anyIdentity(t)
		c.SharedNetworks[0].Classes = rapid.SampledFrom([][]string{nil, {"not-pxe"}}).Draw(t, "on the network")
		for i := range rapid.IntRange(1, n).Draw(t, "members") {
			c.SharedNetworks[0].Subnets = append(c.SharedNetworks[0].Subnets, c.Subnets[i].Prefix)
		}
	}
	return c
}

func anyPeriod(t *rapid.T) config.Period {
	var p config.Period
	if rapid.Bool().Draw(t, "from") {
		p.From = config.Moment(rapid.Int64Range(1, 4e9).Draw(t, "from"))
	}
	if rapid.Bool().Draw(t, "until") {
		p.Until = config.Moment(rapid.Int64Range(4e9+1, int64(config.MomentMax)).Draw(t, "until"))
	}
	return p
}

func anySubnet(t *rapid.T, i uint8) config.Subnet {
	at := func(low uint16) netip.Addr {
		b := [4]byte{10, i}
		binary.BigEndian.PutUint16(b[2:], low)
		return netip.AddrFrom4(b)
	}
	s := config.Subnet{
		Prefix:     netip.PrefixFrom(at(0), 16),
		Period:     anyPeriod(t),
		Settings:   anySettings(t),
		EarlyReuse: rapid.Bool().Draw(t, "early"),
		Allocation: rapid.SampledFrom([]config.Allocation{"", "spread", "lowest"}).Draw(t, "allocation"),
	}
	s.Classes = rapid.SampledFrom([][]string{nil, {"ipxe", "not-known"}}).Draw(t, "admitted")
	s.ReservationsGlobal = rapid.SampledFrom([]*bool{nil, new(bool)}).Draw(t, "counts")
	if rapid.Bool().Draw(t, "relays") {
		s.Relays, s.ServiceAddress = []netip.Addr{at(1), at(2)}, at(67)
	}
	for j := range rapid.Uint16Range(0, 3).Draw(t, "pools") {
		low := 1000 * (j + 1)
		length := rapid.Uint16Range(0, 999).Draw(t, "length")
		s.Pools = append(s.Pools, config.Pool{
			Range:    config.AddrRange{First: at(low), Last: at(low + length)},
			Classes:  rapid.SampledFrom([][]string{nil, {"known"}, {"not-known", "unknown"}}).Draw(t, "classes"),
			Settings: anySettings(t),
			Period:   anyPeriod(t),
		})
		if length > 5 && rapid.Bool().Draw(t, "exclude") {
			s.Exclude = append(s.Exclude, config.AddrRange{First: at(low), Last: at(low + 5)})
		}
	}
	for j := range rapid.Uint16Range(0, 3).Draw(t, "reservations") {
		r := config.Reservation{Settings: anySettings(t)}
		one := [][]byte{append([]byte{0, i, byte(j)}, rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "id")...)}
		switch rapid.IntRange(0, 4).Draw(t, "identifier") {
		case 0:
			r.Hardware = [][]byte{{2, 0x67, 0, i, 0, byte(j)}, {2, 0x67, 1, i, 0, byte(j)}}
		case 1:
			r.ClientID = one
		case 2:
			r.CircuitID, r.RemoteID = one, [][]byte{{1}, {2}}
		case 3:
			r.RelayID = one
		case 4:
			r.Class = []string{"port:" + strconv.Itoa(int(i)) + " " + strconv.Itoa(int(j))}
		}
		if rapid.Bool().Draw(t, "address") {
			r.Address = at(100 + j)
		}
		r.Hostname = rapid.SampledFrom([]string{"", "printer", "a.example.org", "1", "null", "true", "0x1f"}).Draw(t, "host")
		r.OneDevice = len(r.Keys()) == 0 && r.Address.IsValid() && rapid.Bool().Draw(t, "one device")
		r.RARP = len(r.Hardware) > 0 && r.Address.IsValid() && rapid.Bool().Draw(t, "rarp")
		s.Reservations = append(s.Reservations, r)
	}
	return s
}

func anySettings(t *rapid.T) config.Settings {
	var s config.Settings
	if rapid.Bool().Draw(t, "empty") {
		return s
	}
	ascending := []lease.Seconds{300, 3600, 86400}
	if rapid.Bool().Draw(t, "lease") {
		s.Lease = config.LeaseTimes{Min: &ascending[0], Default: &ascending[1], Max: &ascending[2]}
		if above := config.Permille(805); rapid.Bool().Draw(t, "pressure") {
			s.Lease.Pressure = config.Pressure{Above: &above, Max: &ascending[0]}
		}
	}
	if rapid.Bool().Draw(t, "timers") {
		t1, t2 := config.Permille(333), config.Permille(750)
		s.T1, s.T2 = &t1, &t2
	}
	if spread := rapid.Uint32Range(0, 100).Draw(t, "spread"); spread > 0 {
		p := config.Permille(spread)
		s.TimerSpread = &p
	}
	s.KeepExpiry = maybe(t, rapid.Bool(), "keep")
	s.AdoptUnknown = maybe(t, rapid.Bool(), "adopt")
	s.NAKOffLinkRenew = maybe(t, rapid.Bool(), "off the link")
	s.Authoritative = maybe(t, rapid.Bool(), "authoritative")
	s.EchoClientID = maybe(t, rapid.Bool(), "echo")
	s.AlwaysBroadcast = maybe(t, rapid.Bool(), "broadcast")
	s.RapidCommit = maybe(t, rapid.Bool(), "rapid commit")
	s.MinSecs = maybe(t, rapid.Map(rapid.Uint32Range(0, 255), func(n uint32) lease.Seconds {
		return lease.Seconds(n)
	}), "min secs")
	s.BOOTP = anyBOOTP(t)
	s.NextServer = rapid.SampledFrom([]netip.Addr{
		{}, netip.AddrFrom4([4]byte{}), netip.AddrFrom4([4]byte{10, 9, 9, 9}),
	}).Draw(t, "next")
	text := rapid.StringOfN(rapid.RuneFrom([]rune("aZ09 -_./:#{}[]&*!|>'\"%@`,?~\\=ü漢\u2028")), 0, 20, 40)
	s.ServerName = text.Draw(t, "server name")
	s.BootFile = text.Draw(t, "boot file")
	codes := rapid.SliceOfNDistinct(rapid.SampledFrom([]uint8{
		2, 3, 6, 13, 15, 19, 21, 33, 43, 66, 67, 78, 119, 120, 121, 143, 146, 212, 224, 225, 226, 227, 228, 242,
	}), 0, 4, rapid.ID[uint8]).Draw(t, "codes")
	for _, code := range codes {
		data := rapid.SliceOfN(rapid.Byte(), 1, 24).Draw(t, "data")
		if rapid.Bool().Draw(t, "as text") {
			if v := text.Draw(t, "text"); v != "" {
				data = []byte(v)
			}
		}
		s.Options = append(s.Options, config.Option{Code: code, Data: data})
	}
	if s.IPv6Only = maybe(t, rapid.Bool(), "IPv6 only"); s.IPv6Only != nil && *s.IPv6Only {
		s.Options = append(s.Options, config.Option{Code: 108, Data: []byte{0, 0, 7, 8}})
	}
	composed := []config.Option{
		{Code: 43, Data: []byte{1, 4, 10, 0, 0, 1, 6, 1, 8, 255}, Space: "pxe"},
		{Code: 122, Data: []byte{6, 3, 1, 'A', 0, 77, 2, 1, 2}, Space: "ccc"},
		{Code: 125, Data: []byte{0, 0, 0, 9, 3, 1, 1, 7, 0, 0, 0x11, 0x8b, 6, 2, 4, 10, 0, 0, 1}, Space: "enterprises"},
	}
	for _, o := range composed {
		taken := slices.Contains(codes, o.Code)
		if !taken && rapid.Bool().Draw(t, "composed") {
			s.Options = append(s.Options, o)
		}
	}
	config.SortOptions(s.Options)
	s.OptionOverload = maybe(t, rapid.Bool(), "overload")
	s.NULTerminate = maybe(t, rapid.Bool(), "NUL")
	s.AddDefaultTo121 = maybe(t, rapid.Bool(), "default route")
	s.MinReplySize = maybe(t, rapid.Uint16Range(328, 576), "least")
	s.MaxReplySize = maybe(t, rapid.Uint16Range(576, 1500), "most")
	s.AlwaysSend = rapid.SampledFrom([][]uint8{nil, {3}, {4, 225, 243}}).Draw(t, "always")
	s.NeverSend = rapid.SampledFrom([][]uint8{nil, {6}, {7, 244}}).Draw(t, "never")
	return s
}

func anyBOOTP(t *rapid.T) config.BOOTPSettings {
	b := config.BOOTPSettings{
		Dynamic:       maybe(t, rapid.Bool(), "BOOTP dynamic"),
		StrictFiles:   maybe(t, rapid.Bool(), "BOOTP strict"),
		AlwaysOptions: maybe(t, rapid.Bool(), "BOOTP options"),
		ShortRequests: maybe(t, rapid.Bool(), "BOOTP short"),
	}
	if rapid.Bool().Draw(t, "BOOTP lease") {
		l := rapid.SampledFrom([]lease.Seconds{86400, lease.Infinite}).Draw(t, "BOOTP lease is")
		b.Lease = &l
	}
	text := rapid.StringOfN(rapid.RuneFrom([]rune("aZ09 -_./:#{}[]&*!|>'\"%@`,?~\\=ü")), 1, 20, 40)
	names := rapid.SliceOfNDistinct(text, 0, 3, rapid.ID).Draw(t, "BOOTP names")
	slices.Sort(names)
	for _, n := range names {
		b.Files = append(b.Files, config.BootFile{Name: n, Path: text.Draw(t, "BOOTP path")})
	}
	return b
}

func anyIdentity(t *rapid.T) config.Identity {
	return config.Identity{
		Match:            config.Match(rapid.SampledFrom(append(config.Matches(), "")).Draw(t, "match")),
		FirmwareHandover: maybe(t, rapid.Bool(), "handover"),
		OneLease:         maybe(t, rapid.Bool(), "one lease"),
	}
}
