package config

import (
	"net/netip"
	"slices"
	"testing"

	"port67/storage/lease"
)

func ptr[T any](v T) *T { return &v }

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func span(t *testing.T, s string) AddrRange {
	t.Helper()
	r, err := ParseAddrRange(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// office returns a small valid configuration: two subnets on one link, one by itself.
func office(t *testing.T) *Config {
	return &Config{
		Settings: Settings{Options: []Option{{Code: 6, Data: []byte{10, 67, 0, 53}}, {Code: 15, Data: []byte("example.org")}}},
		SharedNetworks: []SharedNetwork{{
			Name:     "floor-3",
			Settings: Settings{Lease: LeaseTimes{Max: ptr(lease.Seconds(7200))}},
			Subnets:  []netip.Prefix{prefix("10.67.0.0/16"), prefix("10.68.0.0/22")},
		}},
		Subnets: []Subnet{
			{
				Prefix:         prefix("10.67.0.0/16"),
				ServiceAddress: addr("10.67.0.67"),
				Pools: []Pool{
					{Range: span(t, "10.67.1.0-10.67.1.255"), Classes: []string{"known"}},
					{
						Range:    span(t, "10.67.2.0-10.67.2.9"),
						Settings: Settings{Options: []Option{{Code: 15, Data: []byte("pool.example.org")}}},
					},
				},
				Exclude: []AddrRange{span(t, "10.67.1.5-10.67.1.9")},
				Reservations: []Reservation{
					{
						Hardware: [][]byte{{2, 0x67, 0, 0, 0, 1}}, ClientID: [][]byte{{1, 2, 0x67, 0, 0, 0, 1}},
						Address: addr("10.67.1.100"), Hostname: "printer",
						Settings: Settings{Options: []Option{{Code: 7, Data: []byte{10, 67, 0, 9}}}},
					},
					{ClientID: [][]byte{[]byte("\x00scanner")}, Address: addr("10.67.0.101")},
				},
			},
			{Prefix: prefix("10.68.0.0/22")},
			{Prefix: prefix("10.69.0.0/24"), Settings: Settings{Authoritative: ptr(false)}},
		},
	}
}

func compiled(t *testing.T, c *Config) *Compiled {
	t.Helper()
	out, problems := Compile(c)
	for _, p := range problems {
		t.Error(p)
	}
	if len(problems) > 0 {
		t.FailNow()
	}
	return out
}

func TestCompile_Links(t *testing.T) {
	c := compiled(t, office(t))
	var names []string
	for _, l := range c.Links {
		names = append(names, l.Name)
	}
	if len(names) != 2 || names[0] != "10.69.0.0/24" || names[1] != "floor-3" {
		t.Errorf("links %v, want 10.69.0.0/24 and floor-3", names)
	}
	l, ok := c.Link("floor-3")
	if !ok || len(l.Subnets) != 2 || l.Subnets[0].Link != l {
		t.Errorf("link floor-3 = %v, %v; want two subnets that know their link", l, ok)
	}
	if s, ok := c.ServiceAddress(addr("10.67.0.67")); !ok || s.Prefix != prefix("10.67.0.0/16") {
		t.Errorf("service address belongs to %v, %v", s, ok)
	}
	if !l.Contains(addr("10.68.3.255")) || l.Contains(addr("10.69.0.1")) {
		t.Error("link floor-3 does not contain exactly the addresses of its subnets")
	}
}

func TestCompile_SubnetOf(t *testing.T) {
	c := compiled(t, office(t))
	for _, tt := range []struct{ addr, want string }{
		{"10.66.255.255", ""},
		{"10.67.0.0", "10.67.0.0/16"},
		{"10.67.255.255", "10.67.0.0/16"},
		{"10.68.0.0", "10.68.0.0/22"},
		{"10.68.4.0", ""},
		{"10.69.0.9", "10.69.0.0/24"},
		{"255.255.255.255", ""},
		{"2001:db8::1", ""},
	} {
		got := ""
		if s, ok := c.SubnetOf(addr(tt.addr)); ok {
			got = s.Prefix.String()
		}
		if got != tt.want {
			t.Errorf("subnet of %s is %q, want %q", tt.addr, got, tt.want)
		}
	}
	if _, ok := c.SubnetOf(netip.Addr{}); ok {
		t.Error("the zero address lies in a subnet")
	}
	if s, ok := c.Subnet(prefix("10.68.0.0/22")); !ok || s.Prefix != prefix("10.68.0.0/22") {
		t.Error("subnet 10.68.0.0/22 is not found by its prefix")
	}
	if _, ok := c.Subnet(prefix("10.68.0.0/23")); ok {
		t.Error("10.68.0.0/23 is found though it is no subnet")
	}
}

func TestCompile_PoolWithoutExclusionsAndReservations(t *testing.T) {
	c := compiled(t, office(t))
	s, _ := c.SubnetOf(addr("10.67.0.1"))
	p := s.Pools[0]
	want := []lease.Range{
		{First: addr("10.67.1.0"), Last: addr("10.67.1.4")},
		{First: addr("10.67.1.10"), Last: addr("10.67.1.99")},
		{First: addr("10.67.1.101"), Last: addr("10.67.1.255")},
	}
	if len(p.Ranges) != len(want) {
		t.Fatalf("ranges %v, want %v", p.Ranges, want)
	}
	for i := range want {
		if p.Ranges[i] != want[i] {
			t.Errorf("range %d is %v, want %v", i, p.Ranges[i], want[i])
		}
	}
	if p.Size() != 250 {
		t.Errorf("size %d, want 250", p.Size())
	}
	for _, tt := range []struct {
		addr string
		want *CompiledPool
	}{
		{"10.67.0.255", nil},
		{"10.67.1.0", p},
		{"10.67.1.5", nil},
		{"10.67.1.100", nil},
		{"10.67.1.255", p},
		{"10.67.2.0", s.Pools[1]},
		{"10.67.2.10", nil},
	} {
		got, ok := s.PoolOf(addr(tt.addr))
		if got != tt.want || ok != (tt.want != nil) {
			t.Errorf("pool of %s is %v, want %v", tt.addr, got, tt.want)
		}
	}
}

func TestAddrRange_Cut(t *testing.T) {
	for _, tt := range []struct {
		name, r string
		holes   []string
		want    []string
	}{
		{"nothing", "10.0.0.1-10.0.0.9", nil, []string{"10.0.0.1-10.0.0.9"}},
		{"outside", "10.0.0.1-10.0.0.9", []string{"10.0.0.0", "10.0.0.10"}, []string{"10.0.0.1-10.0.0.9"}},
		{"ends", "10.0.0.1-10.0.0.9", []string{"10.0.0.9", "10.0.0.1"}, []string{"10.0.0.2-10.0.0.8"}},
		{"all", "10.0.0.1-10.0.0.9", []string{"10.0.0.0/24"}, nil},
		{"nested holes", "10.0.0.1-10.0.0.9", []string{"10.0.0.2-10.0.0.7", "10.0.0.3"}, []string{"10.0.0.1", "10.0.0.8-10.0.0.9"}},
		{"end of space", "255.255.255.254-255.255.255.255", []string{"255.255.255.255"}, []string{"255.255.255.254"}},
	} {
		var holes []AddrRange
		for _, h := range tt.holes {
			holes = append(holes, span(t, h))
		}
		got := span(t, tt.r).cut(holes)
		if len(got) != len(tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
			continue
		}
		for i := range got {
			if AddrRange(got[i]) != span(t, tt.want[i]) {
				t.Errorf("%s: part %d is %v, want %s", tt.name, i, got[i], tt.want[i])
			}
		}
	}
}

func TestReservationFor_AllIdentifiersAreOneClient(t *testing.T) {
	c := compiled(t, office(t))
	s, _ := c.SubnetOf(addr("10.67.0.1"))
	hardware := lease.HardwareKey(1, []byte{2, 0x67, 0, 0, 0, 1})
	clientID := lease.ClientIDKey([]byte{1, 2, 0x67, 0, 0, 0, 1})
	for _, keys := range [][2]lease.Key{{hardware}, {clientID}, {lease.ClientIDKey([]byte("other")), hardware}} {
		id := c.Shown(keys[0], keys[1], "", nil)
		r, ok := s.DeviceFor(&id)
		if !ok || r.Address != addr("10.67.1.100") {
			t.Errorf("reservation for %v is %v, %v; want the printer's", keys, r, ok)
		}
		if l, ok := s.Link.ReservationFor(&id); !ok || l != r {
			t.Errorf("reservation on the link for %v is %v, %v; want the subnet's", keys, l, ok)
		}
	}
	other := c.Shown(lease.HardwareKey(6, []byte{2, 0x67, 0, 0, 0, 1}), "", "", nil)
	if _, ok := s.Link.ReservationFor(&other); ok {
		t.Error("another hardware type with the same octets has the reservation")
	}
	if r, ok := s.ReservationAt(addr("10.67.0.101")); !ok || string(r.ClientID[0]) != "\x00scanner" {
		t.Errorf("reservation at 10.67.0.101 is %v, %v; want the scanner's", r, ok)
	}
}

func TestOpen(t *testing.T) {
	for _, tt := range []struct {
		pool, client []string
		want         bool
	}{
		{nil, nil, true},
		{nil, []string{"unknown"}, true},
		{[]string{"known"}, []string{"known"}, true},
		{[]string{"known"}, []string{"unknown"}, false},
		{[]string{"known"}, nil, false},
		{[]string{"not-known"}, []string{"known"}, false},
		{[]string{"not-known"}, []string{"unknown"}, true},
		{[]string{"a", "b"}, []string{"b"}, true},
		{[]string{"a", "not-b"}, []string{"a", "b"}, false},
	} {
		c := office(t)
		c.Subnets[0].Pools[0].Classes = tt.pool
		s := compile(c)
		sub, _ := s.SubnetOf(addr("10.67.0.1"))
		if got := sub.Pools[0].Open(tt.client); got != tt.want {
			t.Errorf("pool for %v open to %v: %v, want %v", tt.pool, tt.client, got, tt.want)
		}
	}
}

func TestCompile_RP_007_OnlyReservationsThatSayRARP(t *testing.T) {
	conf := office(t)
	if c := compiled(t, conf); c.HasRARP() {
		t.Error("a configuration without rarp: on wants RARP")
	}
	conf.Subnets[0].Reservations[0].RARP = true
	conf.Subnets[2].Reservations = []Reservation{
		{Hardware: [][]byte{{2, 0x67, 0, 0, 0, 1}}, Address: addr("10.69.0.9"), RARP: true},
		{Hardware: [][]byte{{2, 0x67, 0, 0, 0, 2}}, Address: addr("10.69.0.10")},
	}
	c := compiled(t, conf)
	if !c.HasRARP() {
		t.Error("a configuration with rarp: on does not want RARP")
	}
	for _, tt := range []struct {
		name string
		key  lease.Key
		want []string
	}{
		{"on two links", lease.HardwareKey(1, []byte{2, 0x67, 0, 0, 0, 1}), []string{"10.67.1.100", "10.69.0.9"}},
		{"rarp: off", lease.HardwareKey(1, []byte{2, 0x67, 0, 0, 0, 2}), nil},
		{"without a reservation", lease.HardwareKey(1, []byte{2, 0x67, 0, 0, 0, 3}), nil},
		{"another hardware type", lease.HardwareKey(6, []byte{2, 0x67, 0, 0, 0, 1}), nil},
		{"the client identifier of one", lease.ClientIDKey([]byte{1, 2, 0x67, 0, 0, 0, 1}), nil},
	} {
		var got []string
		for _, r := range c.RARP(tt.key) {
			got = append(got, r.Address.String())
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
