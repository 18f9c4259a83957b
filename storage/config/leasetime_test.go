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
