package sim

import (
	"time"

	"port67/cluster/ctime"
)

// ppmMax is how wrong the rate of a clock may be: half of the hundredth by which clients and nodes may differ
// (safety.md §2).
const ppmMax = 5000

// clocks are those of a node's machine.
type clocks struct {
	w *world
	// ppm is how much they run fast. It is the same for all three: they count one quartz.
	ppm int64
	// raw, boot and wall are what they showed at the moment since.
	raw, boot, wall time.Duration
	since           time.Duration
	// still says that the machine stands still as a whole, and no clock counts.
	still bool
}

// wallStart is the wall time at which worlds begin.
const wallStart = 490_000 * time.Hour

func newClocks(w *world) *clocks {
	c := &clocks{w: w, ppm: w.ppm(), wall: wallStart + w.between(-time.Minute, time.Minute)}
	c.reboot()
	return c
}

// Now implements ctime.Clock.
func (c *clocks) Now() ctime.Reading {
	passed := c.passed()
	return ctime.Reading{Raw: c.raw + passed, Boot: c.boot + passed, Wall: c.wall + passed}
}

// passed is what the clocks have counted since they were set.
func (c *clocks) passed() time.Duration {
	if c.still {
		return 0
	}
	return scaled(c.w.now-c.since, c.ppm)
}

// settle makes what was counted so far the new beginning.
func (c *clocks) settle() {
	passed := c.passed()
	c.raw, c.boot, c.wall, c.since = c.raw+passed, c.boot+passed, c.wall+passed, c.w.now
}

// reboot begins to count anew, from any value.
func (c *clocks) reboot() {
	c.settle()
	c.raw, c.boot = c.w.between(0, time.Hour), c.w.between(time.Hour, 2*time.Hour)
}

// step moves the wall clock.
func (c *clocks) step(d time.Duration) {
	c.settle()
	c.wall += d
}

// stand stops all clocks, or lets them go on.
func (c *clocks) stand(still bool) {
	c.settle()
	c.still = still
}

// asleep moves the clocks that count while the machine sleeps: a suspended one.
func (c *clocks) asleep(d time.Duration) {
	c.settle()
	c.boot += d
	c.wall += d
}

// wallTime is what server.Clock shows.
func (c *clocks) wallTime() time.Time { return time.Unix(0, int64(c.Now().Wall)) }

// scaled returns what a clock counts in the true span d if it runs fast by ppm.
func scaled(d time.Duration, ppm int64) time.Duration {
	return d + d/1_000_000*time.Duration(ppm) + d%1_000_000*time.Duration(ppm)/1_000_000
}
