package dhcp4

import (
	"testing"

	"port67/storage/config"
	"port67/storage/lease"
)

func TestTimers_RFC2131_4_4_5(t *testing.T) {
	for _, c := range []struct {
		name           string
		valid          lease.Seconds
		p1, p2         config.Permille
		wantT1, wantT2 lease.Seconds
	}{
		{"V4-076 the usual", 3600, 500, 875, 1800, 3150},
		{"V4-076 rounded down", 61, 500, 875, 30, 53},
		{"V4-076 T1 not before T2", 3600, 900, 875, 0, 3150},
		{"V4-076 T2 not before the end", 3600, 500, 1000, 1800, 0},
		{"V4-076 neither before the end", 3600, 1000, 1000, 0, 0},
		{"V4-076 too short for any", 1, 500, 875, 0, 0},
		{"V4-075 without end", lease.Infinite, 500, 875, 0, 0},
		{"no overflow", lease.Infinite - 1, 500, 875, 2147483647, 3758096382},
	} {
		if t1, t2 := Timers(c.valid, c.p1, c.p2, 0); t1 != c.wantT1 || t2 != c.wantT2 {
			t.Errorf("%s: Timers(%d) = %d, %d, want %d, %d", c.name, c.valid, t1, t2, c.wantT1, c.wantT2)
		}
	}
}
