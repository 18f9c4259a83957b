package config

import (
	"testing"

	"port67/storage/lease"
)

func TestLeaseTime_RFC2131_4_3_1(t *testing.T) {
	bounded := Effective{LeaseDefault: 3600, LeaseMin: 300, LeaseMax: 86400}
	endless := Effective{LeaseDefault: 3600, LeaseMin: 300, LeaseMax: lease.Infinite}
	for _, c := range []struct {
		name  string
		e     Effective
		asked lease.Seconds
		want  lease.Seconds
	}{
		{"V4-070 no option 51", bounded, 0, 3600},
		{"V4-072 within the bounds", bounded, 7200, 7200},
		{"V4-072 below the least", bounded, 10, 300},
		{"V4-072 above the most", bounded, 7776000, 86400},
		{"V4-073 zero is absent", bounded, 0, 3600},
		{"V4-074 infinity where policy has an end", bounded, lease.Infinite, 86400},
		{"V4-074 infinity where policy has none", endless, lease.Infinite, lease.Infinite},
	} {
		if got := c.e.LeaseTime(c.asked); got != c.want {
			t.Errorf("%s: LeaseTime(%d) = %d, want %d", c.name, c.asked, got, c.want)
		}
	}
}

// TestLeaseTimeAt: shorter from the use of the pool on that is named, but not below the least.
func TestLeaseTimeAt_Pressure(t *testing.T) {
	e := Effective{LeaseDefault: 3600, LeaseMin: 300, LeaseMax: 86400, PressureAbove: 800, PressureMax: 600}
	low, endless := e, e
	low.LeaseMin = 900
	endless.LeaseMax = lease.Infinite
	for _, c := range []struct {
		e     Effective
		asked lease.Seconds
		use   Permille
		want  lease.Seconds
	}{
		{e, 0, 799, 3600}, {e, 0, 800, 600}, {e, 86400, 1000, 600}, {e, 301, 1000, 301}, {low, 0, 1000, 900},
		{endless, lease.Infinite, 799, lease.Infinite}, {endless, lease.Infinite, 800, 600},
		{Effective{LeaseDefault: 3600, PressureAbove: 800}, 0, 1000, 3600},
	} {
		if got := c.e.LeaseTimeAt(c.asked, c.use); got != c.want {
			t.Errorf("%d asked for at %s: %d, want %d", c.asked, c.use, got, c.want)
		}
	}
}

func TestPressure_InheritedAndChecked(t *testing.T) {
	above, most, least := Permille(700), lease.Seconds(600), lease.Seconds(300)
	c := &Config{Subnets: []Subnet{{Prefix: prefix("10.67.0.0/24")}}}
	c.Lease.Pressure.Max = &most
	c.Subnets[0].Lease.Pressure.Above = &above
	compiled, problems := Compile(c)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	e := compiled.Subnets()[0].Effective
	if e.PressureAbove != 700 || e.PressureMax != 600 || !compiled.Pressure || compiled.Global.PressureAbove != 800 {
		t.Errorf("%s and %d s, want 70%% and 600 s", e.PressureAbove, e.PressureMax)
	}
	c.Lease.Pressure.Max = nil
	wantProblems(t, c, "subnets[0].lease.pressure.max")
	most, above = 299, 1001
	c.Lease.Min, c.Lease.Pressure.Max = &least, &most
	wantProblems(t, c, "lease.pressure.max", "subnets[0].lease.pressure.above")
}
