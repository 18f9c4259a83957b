package sim

import (
	"slices"
	"time"

	"port67/storage"
)

// faults is what goes wrong in a world: each seed has its kinds and its pace.
type faults struct {
	c      *cluster
	kinds  []fault
	pace   time.Duration
	over   bool
	counts map[string]int
}

// fault is one kind of misfortune.
type fault struct {
	name string
	do   func(c *cluster)
}

// kinds are all that can go wrong.
var kinds = []fault{
	{"crash", func(c *cluster) { c.anyNode().fails(c.w.between(0, 20*time.Second)) }},
	{"crash of all", func(c *cluster) {
		for _, n := range c.nodes {
			n.fails(c.w.between(0, 10*time.Second))
		}
	}},
	{"crash of the leader", func(c *cluster) {
		for _, n := range c.nodes {
			if n.up && n.leading {
				n.fails(c.w.between(0, 20*time.Second))
			}
		}
	}},
	{"stopped process", func(c *cluster) {
		n := c.anyNode()
		n.stopped = c.w.now + c.w.between(time.Millisecond, 40*time.Second)
	}},
	{"machine that stands still", func(c *cluster) {
		n, d := c.anyNode(), c.w.between(time.Second, 55*time.Second)
		n.stopped = max(n.stopped, c.w.now+d)
		n.clocks.stand(true)
		c.w.after(d, func() { n.clocks.stand(false) })
	}},
	{"machine that sleeps", func(c *cluster) {
		n, d := c.anyNode(), c.w.between(time.Second, time.Minute)
		n.stopped = max(n.stopped, c.w.now+d)
		n.clocks.settle()
		n.clocks.still = true
		c.w.after(d, func() { n.clocks.stand(false); n.clocks.asleep(d) })
	}},
	{"wall clock steps", func(c *cluster) { c.anyNode().clocks.step(c.w.between(-time.Hour, time.Hour)) }},
	{"partition", func(c *cluster) { c.cut(false) }},
	{"one-way partition", func(c *cluster) { c.cut(true) }},
	{"node cut off from clients", func(c *cluster) {
		n := c.anyNode()
		c.net.sever(n.index, outside, c.w.in(2))
		c.heals()
	}},
	{"slow disk", func(c *cluster) {
		n, d := c.anyNode(), c.w.between(10*time.Millisecond, 3*time.Second)
		n.disk = d
		n.later(c.w.between(time.Second, 20*time.Second), func() { n.disk = 0 })
	}},
	{"snapshot", func(c *cluster) {
		if n := c.anyNode(); n.up {
			n.snapshot()
		}
	}},
	{"late applying", func(c *cluster) {
		c.slowLog = true
		c.w.after(c.w.between(time.Second, 30*time.Second), func() { c.slowLog = false })
	}},
	{"lossy network", func(c *cluster) {
		before := c.net.lost
		c.net.lost = 600
		c.w.after(c.w.between(time.Second, 20*time.Second), func() { c.net.lost = min(before, 200) })
	}},
	{"forged message", func(c *cluster) { c.devices[c.w.chance.IntN(len(c.devices))].forge() }},
	{"new configuration", func(c *cluster) { c.reconfigure() }},
	{"node drained", func(c *cluster) { c.drain() }},
}

// newFaults draws which of the kinds occur, and begins.
func newFaults(c *cluster) *faults {
	f := &faults{c: c, pace: c.w.between(2*time.Second, time.Minute), counts: map[string]int{}}
	for _, k := range kinds {
		if c.w.in(2) {
			f.kinds = append(f.kinds, k)
		}
	}
	c.w.after(c.w.between(20*time.Second, 2*time.Minute), f.strike)
	return f
}

func (f *faults) strike() {
	if f.over || len(f.kinds) == 0 {
		return
	}
	k := f.kinds[f.c.w.chance.IntN(len(f.kinds))]
	f.counts[k.name]++
	f.c.w.note("FAULT %s", k.name)
	k.do(f.c)
	f.c.w.after(f.c.w.between(0, 2*f.pace), f.strike)
}

// stop ends all faults: from now on the world is a good one.
func (f *faults) stop() {
	f.over = true
	c := f.c
	c.w.note("no more faults")
	c.net.heal()
	c.net.lost, c.net.slowIn = 0, 0
	for _, n := range c.nodes {
		n.stopped, n.disk = 0, 0
		if !n.up {
			n.start()
		}
	}
}

func (c *cluster) anyNode() *node { return c.nodes[c.w.chance.IntN(len(c.nodes))] }

// fails ends the node's life and begins another after d.
func (n *node) fails(d time.Duration) {
	if !n.up {
		return
	}
	n.crash()
	n.c.w.after(d, func() {
		if !n.up {
			if n.c.w.in(4) {
				n.clocks.reboot()
			}
			n.start()
		}
	})
}

// cut cuts some of the nodes off from the others.
func (c *cluster) cut(oneWay bool) {
	var side []int
	for i := range c.nodes {
		if c.w.in(2) {
			side = append(side, i)
		}
	}
	for i := range c.nodes {
		for _, j := range side {
			if !slices.Contains(side, i) && i != j {
				c.net.sever(i, j, oneWay)
			}
		}
	}
	c.heals()
}

// heals mends the network after a while.
func (c *cluster) heals() { c.w.after(c.w.between(time.Second, 40*time.Second), c.net.heal) }

// reconfigure has the leader commit another configuration.
func (c *cluster) reconfigure() {
	for _, n := range c.nodes {
		if n.up && n.ready {
			n.enqueue(&proposal{command: storage.SetConfig{
				Expected: storage.ViewOf(n.state).Revision(), Config: c.config(), Author: "sim",
			}})
		}
	}
}

// drain has one node drained, or not any more.
func (c *cluster) drain() {
	which := c.anyNode()
	for _, n := range c.nodes {
		if n.up && n.ready {
			n.enqueue(&proposal{command: storage.DrainNode{ID: which.id, Drained: c.w.in(2)}})
		}
	}
}
