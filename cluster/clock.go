package cluster

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"port67/cluster/ctime"
)

type machineClock struct{}

// Now reads the three clocks. The kernel has them all since Linux 2.6.39, and a wrong answer would be worse
// than none, so an error is fatal.
func (machineClock) Now() ctime.Reading {
	read := func(id int32) time.Duration {
		var ts unix.Timespec
		if err := unix.ClockGettime(id, &ts); err != nil {
			panic(fmt.Sprintf("clock %d: %v", id, err))
		}
		return time.Duration(ts.Nano())
	}
	return ctime.Reading{
		Raw:  read(unix.CLOCK_MONOTONIC_RAW),
		Boot: read(unix.CLOCK_BOOTTIME),
		Wall: read(unix.CLOCK_REALTIME),
	}
}
