package config

import (
	"testing"

	"port67/storage/lease"
)

// layered returns a configuration in which every level says something.
func layered(t *testing.T) *Config {
	c := office(t)
	c.Options = []Option{{Code: 6, Data: []byte{1, 1, 1, 1}}, {Code: 15, Data: []byte("global")}, {Code: 42, Data: []byte{9, 9, 9, 9}}}
	c.Classes = []Class{
		{Name: "phones", Settings: Settings{Options: []Option{{Code: 15, Data: []byte("phones")}, {Code: 66, Data: []byte("tftp")}}}},
		{Name: "red", Settings: Settings{Options: []Option{{Code: 15, Data: []byte("red")}, {Code: 4, Data: []byte{4, 4, 4, 4}}}}},
		{Name: "plain"},
	}
	c.SharedNetworks[0].Options = []Option{{Code: 15, Data: []byte("network")}}
	c.Subnets[0].Options = []Option{{Code: 15, Data: []byte("subnet")}}
	c.Subnets[0].NeverSend = []uint8{42}
	c.Subnets[0].Pools[1].AlwaysSend = []uint8{42}
	c.Subnets[0].Reservations[0].Options = []Option{{Code: 7, Data: []byte{7, 7, 7, 7}}, {Code: 15, Data: []byte("reservation")}}
	return c
}

func TestEffectiveFor_V4_064_Precedence(t *testing.T) {
	c := compile(layered(t))
	sub, _ := c.SubnetOf(addr("10.67.0.1"))
	other, _ := c.SubnetOf(addr("10.68.0.1"))
	alone, _ := c.SubnetOf(addr("10.69.0.1"))
	bare, pool := sub.Pools[0], sub.Pools[1]
	printer, scanner := sub.Reserved[0], sub.Reserved[1]
	for _, tt := range []struct {
		name    string
		sub     *CompiledSubnet
		pool    *CompiledPool
		res     *CompiledReservation
		classes []string
		want    string
	}{
		{"nothing but global", nil, nil, nil, nil, "global"},
		{"subnet by itself has the global", alone, nil, nil, nil, "global"},
		{"shared network over global", other, nil, nil, nil, "network"},
		{"subnet over shared network", sub, nil, nil, nil, "subnet"},
		{"pool that says nothing", sub, bare, nil, nil, "subnet"},
		{"pool over subnet", sub, pool, nil, nil, "pool.example.org"},
		{"class over pool", sub, pool, nil, []string{"phones"}, "phones"},
		{"first class in the file", sub, pool, nil, []string{"red", "phones"}, "phones"},
		{"class that says nothing", sub, pool, nil, []string{"plain", "known"}, "pool.example.org"},
		{"reservation over class", sub, pool, printer, []string{"phones"}, "reservation"},
		{"reservation over pool", sub, pool, printer, nil, "reservation"},
		{"reservation that says nothing, in a pool", sub, pool, scanner, nil, "pool.example.org"},
		{"reservation that says nothing, outside pools", sub, nil, scanner, nil, "subnet"},
		{"reservation of another subnet", other, nil, printer, nil, "reservation"},
		{"reservation of another subnet that says nothing", other, nil, scanner, nil, "network"},
	} {
		got, _ := c.EffectiveFor(tt.sub, tt.pool, tt.res, tt.classes).Option(15)
		if string(got) != tt.want {
			t.Errorf("%s: domain name %q, want %q", tt.name, got, tt.want)
		}
	}
	e := c.EffectiveFor(sub, pool, printer, []string{"phones", "red"})
	for i := 1; i < len(e.Options); i++ {
		if e.Options[i-1].Code >= e.Options[i].Code {
			t.Errorf("options %v are not in ascending order", e.Options)
		}
	}
	for _, code := range []uint8{4, 6, 7, 15, 42, 66} {
		if _, ok := e.Option(code); !ok {
			t.Errorf("option %d of another level is missing: %v", code, e.Options)
		}
	}
	if _, ok := e.Option(3); ok {
		t.Error("option 3 is there, though nobody configured it")
	}
}

func TestEffectiveFor_V4_063_InnermostWordOnSending(t *testing.T) {
	c := compile(layered(t))
	sub, _ := c.SubnetOf(addr("10.67.0.1"))
	if e := sub.Effective; !e.NeverSend[42] || e.AlwaysSend[42] {
		t.Error("subnet: option 42 is not suppressed")
	}
	if e := sub.Pools[1].Effective; e.NeverSend[42] || !e.AlwaysSend[42] {
		t.Error("pool: option 42 is suppressed by the subnet, though the pool always sends it")
	}
}

func TestEffectiveFor_SharesWhatIsTheSame(t *testing.T) {
	c := compile(layered(t))
	sub, _ := c.SubnetOf(addr("10.67.0.1"))
	if c.EffectiveFor(sub, sub.Pools[0], nil, []string{"known"}) != sub.Effective {
		t.Error("a pool without settings has its own copy of the subnet's")
	}
	if n := testing.AllocsPerRun(100, func() {
		c.EffectiveFor(sub, sub.Pools[1], sub.Reserved[1], []string{"unknown"})
	}); n != 0 {
		t.Errorf("%v allocations without classes that have settings, want none", n)
	}
}

func TestCompile_Defaults(t *testing.T) {
	c := compiled(t, &Config{Subnets: []Subnet{{Prefix: prefix("10.67.0.0/24")}}})
	e := c.Links[0].Subnets[0].Effective
	if e.LeaseDefault != 3600 || e.LeaseMin != 300 || e.LeaseMax != 86400 {
		t.Errorf("lease %d, %d to %d; want 1h, 5m to 24h", e.LeaseDefault, e.LeaseMin, e.LeaseMax)
	}
	if e.T1 != 500 || e.T2 != 875 {
		t.Errorf("V4-076: T1 %s and T2 %s, want 50%% and 87.5%%", e.T1, e.T2)
	}
	if !e.Authoritative || !e.EchoClientID || e.AlwaysBroadcast {
		t.Errorf("authoritative %v, echo %v, broadcast %v; want true, true (V4-054), false",
			e.Authoritative, e.EchoClientID, e.AlwaysBroadcast)
	}
	if want := (Booking{FactorPercent: 200, Grace: 120, GracePermille: 10, Pause: 60}); c.Booking != want {
		t.Errorf("booking %v, want %v", c.Booking, want)
	}
	if c.Renewals != RenewalsLocal || c.Decline.Quarantine != 86400 || c.Global.Probe.TimeoutMillis != 200 {
		t.Errorf("renewals %s, quarantine %d, probe timeout %d", c.Renewals, c.Decline.Quarantine, c.Global.Probe.TimeoutMillis)
	}
	if a := c.Links[0].Subnets[0].Allocation; a != AllocationSpread {
		t.Errorf("allocation %q, want spread", a)
	}
}

func TestCompile_LeaseTimesInherit(t *testing.T) {
	c := office(t)
	c.Lease.Default = ptr(lease.Seconds(1800))
	c.Subnets[0].Lease.Max = ptr(lease.Infinite)
	out := compiled(t, c)
	sub, _ := out.SubnetOf(addr("10.67.0.1"))
	other, _ := out.SubnetOf(addr("10.68.0.1"))
	if e := sub.Effective; e.LeaseDefault != 1800 || e.LeaseMin != 300 || e.LeaseMax != lease.Infinite {
		t.Errorf("subnet: %d, %d to %d", e.LeaseDefault, e.LeaseMin, e.LeaseMax)
	}
	if e := other.Effective; e.LeaseMax != 7200 {
		t.Errorf("its neighbour: max %d, want the shared network's 7200", e.LeaseMax)
	}
}
