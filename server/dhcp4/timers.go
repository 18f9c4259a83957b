package dhcp4

import (
	"port67/storage/config"
	"port67/storage/lease"
)

// Timers returns T1 (option 58) and T2 (option 59) for a lease of valid seconds: its t1 and t2 thousandths,
// rounded down (RFC 2131 §4.4.5). A timer that is 0 is not to be sent: a lease without end has none (V4-075),
// and of T1 < T2 < valid the offending one is left out (V4-076).
func Timers(valid lease.Seconds, t1, t2 config.Permille) (lease.Seconds, lease.Seconds) {
	if valid == lease.Infinite {
		return 0, 0
	}
	part := func(p config.Permille) lease.Seconds {
		return lease.Seconds(uint64(valid) * uint64(min(p, 1000)) / 1000)
	}
	first, second := part(t1), part(t2)
	if second >= valid {
		second = 0
	}
	if first >= valid || second != 0 && first >= second {
		first = 0
	}
	return first, second
}
