package config

import (
	"slices"
	"testing"

	"port67/storage/lease"
)

func TestDiff_Words(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   []string
	}{
		{"nothing", func(*Config) {}, nil},
		{"global lease", func(c *Config) { c.Lease.Max = ptr(lease.Seconds(7200)) }, []string{"lease max: added, 2h"}},
		{
			"shared network's lease", func(c *Config) { c.SharedNetworks[0].Lease.Max = ptr(lease.Seconds(3600)) },
			[]string{"shared network floor-3, lease max: changed from 2h to 1h"},
		},
		{
			"option", func(c *Config) { c.Options[0].Data = []byte{10, 67, 0, 54, 10, 67, 0, 55} },
			[]string{"option domain-name-servers: changed from 10.67.0.53 to 10.67.0.54, 10.67.0.55"},
		},
		{"limits, pressure and periods", func(c *Config) {
			above, most := Permille(700), lease.Seconds(600)
			c.Lease.Pressure = Pressure{Above: &above, Max: &most}
			c.Limits = Limits{BindingsPerCircuit: 2, BindingsPerRemoteID: 3}
			c.Classes = append(c.Classes, Class{Name: "new", Test: "true"})
			c.SharedNetworks[0].From, c.Subnets[0].Until, c.Subnets[0].Pools[0].From = 60, 120, 180
		}, []string{
			"pressure above: added, 70%", "lease max under pressure: added, 10m",
			"limit on addresses of a circuit: added, 2", "limit on addresses of a remote-id: added, 3",
			"class new: added", "shared network floor-3, from: added, 1970-01-01T00:01:00Z",
			"subnet 10.67.0.0/16, until: added, 1970-01-01T00:02:00Z",
			"subnet 10.67.0.0/16, pool 10.67.1.0-10.67.1.255, from: added, 1970-01-01T00:03:00Z",
		}},
		{"subnet gone", func(c *Config) {
			c.Subnets = c.Subnets[:2]
		}, []string{"subnet 10.69.0.0/24: removed"}},
		{"subnet new, its parts are not told", func(c *Config) {
			c.Subnets = append(c.Subnets, Subnet{
				Prefix: prefix("10.70.0.0/24"), Pools: []Pool{{Range: AddrRange{addr("10.70.0.1"), addr("10.70.0.9")}}},
			})
		}, []string{"subnet 10.70.0.0/24: added"}},
		{"pool moved", func(c *Config) {
			c.Subnets[0].Pools[1].Range = AddrRange{addr("10.67.2.0"), addr("10.67.2.4")}
		}, []string{
			"subnet 10.67.0.0/16, pool 10.67.2.0-10.67.2.4: added",
			"subnet 10.67.0.0/16, pool 10.67.2.0-10.67.2.9: removed",
		}},
		{"reservation's address", func(c *Config) {
			c.Subnets[0].Reservations[0].Address = addr("10.67.1.101")
		}, []string{
			"subnet 10.67.0.0/16, reservation of hardware 02:67:00:00:00:01, address: " +
				"changed from 10.67.1.100 to 10.67.1.101",
		}},
	} {
		updated := office(t)
		tt.change(updated)
		var got []string
		for _, c := range Diff(office(t), updated, nil).Changes {
			got = append(got, c.String())
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.name, got, tt.want)
		}
	}
}

func TestDiff_StrandedLeases(t *testing.T) {
	printer := lease.HardwareKey(1, []byte{2, 0x67, 0, 0, 0, 1})
	someone := lease.ClientIDKey([]byte("someone"))
	leases := []lease.Lease{
		{Addr: addr("10.67.1.100"), Client: printer},
		{Addr: addr("10.67.2.7"), Client: someone},
		{Addr: addr("10.67.2.3"), Client: someone},
		{Addr: addr("10.66.0.1"), Client: someone}, // was never of this configuration
	}
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   []string
	}{
		{"nothing", func(*Config) {}, nil},
		{"subnet gone", func(c *Config) { c.Subnets, c.SharedNetworks = c.Subnets[1:], nil }, []string{
			"10.67.1.100: its subnet is gone", "10.67.2.7: its subnet is gone", "10.67.2.3: its subnet is gone",
		}},
		{"pool shrunk", func(c *Config) { c.Subnets[0].Pools[1].Range.Last = addr("10.67.2.4") }, []string{
			"10.67.2.7: it is in no pool",
		}},
		{"address excluded", func(c *Config) {
			c.Subnets[0].Exclude = append(c.Subnets[0].Exclude, AddrRange{addr("10.67.2.3"), addr("10.67.2.3")})
		}, []string{"10.67.2.3: it is in no pool"}},
		{"reservation moved", func(c *Config) { c.Subnets[0].Reservations[0].Address = addr("10.67.1.101") }, []string{
			"10.67.1.100: its client has 10.67.1.101 reserved",
		}},
		{"reserved to another", func(c *Config) {
			c.Subnets[0].Reservations = append(c.Subnets[0].Reservations,
				Reservation{ClientID: [][]byte{[]byte("other")}, Address: addr("10.67.2.7")})
		}, []string{"10.67.2.7: it is reserved to another client"}},
		{"pool kept for known clients", func(c *Config) { c.Subnets[0].Pools[1].Classes = []string{"known"} }, []string{
			"10.67.2.7: its pool 10.67.2.0-10.67.2.9 is not open to unknown clients",
			"10.67.2.3: its pool 10.67.2.0-10.67.2.9 is not open to unknown clients",
		}},
	} {
		updated := office(t)
		tt.change(updated)
		var got []string
		for _, s := range Diff(office(t), updated, slices.Values(leases)).Stranded {
			got = append(got, s.Lease.Addr.String()+": "+s.Reason)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.name, got, tt.want)
		}
	}
}

func TestDiff_FirstConfigurationIsAllNew(t *testing.T) {
	d := Diff(nil, office(t), nil)
	if len(d.Changes) == 0 {
		t.Fatal("no changes")
	}
	for _, c := range d.Changes {
		if c.Kind != Added {
			t.Errorf("%s: want added only", c)
		}
	}
}
