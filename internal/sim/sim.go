// Package sim runs the product over virtual time, network, disks and clocks, with a model of what the
// consensus library promises, and judges what clients were told. One seed replays one world exactly.
//
// What runs is the product: server.Serve4 and everything below it, the codec of the log, Apply, snapshots,
// cluster time. An exchange is a coroutine: it is held where it calls a port, and goes on, or dies, when the
// world says so. Read world.go, node.go, raftlog.go and oracle.go in this order; faults.go is what goes
// wrong.
//
// This package is test machinery.
package sim

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// Options say how large a world is. What is 0 is drawn by the seed.
type Options struct {
	Seed    uint64
	Nodes   int
	Devices int
	Pool    int           // addresses of each link
	Lasts   time.Duration // true time
	// TrailingLogs is how many applied entries a leader keeps for those behind.
	TrailingLogs int
	// Verbose is told each line of the trace.
	Verbose func(string)
}

// Verdict is what came of a world.
type Verdict struct {
	Seed     uint64
	Failures []string
	Trace    uint64 // the same for the same seed and code
	Tail     string // the last that happened
	ACKs     int
	Reuses   int // addresses that went from one client to another
	Entries  int
	Faults   map[string]int
	Outcomes map[string]int
	Simmed   time.Duration
}

// cluster is nodes, devices and what lies between.
type cluster struct {
	o       Options
	w       *world
	net     *net4
	judge   *judge
	nodes   []*node
	sites   []*site
	devices []*device
	byHW    map[string]*device
	mood    mood
	faults  *faults
	slowLog bool // nodes apply late
}

// mood is what devices like to do, in upper bounds of a hundred.
type mood struct{ renews, hurries, sleeps, forgets, leaves, declines, moves int }

// Run plays the world of a seed to its end, or to its first failure.
func Run(o Options) Verdict {
	c := build(o)
	failed := func() bool { return len(c.judge.failures) > 0 }
	c.w.run(c.o.Lasts, failed)
	c.faults.stop()
	c.w.run(c.o.Lasts+settleFor, failed)
	if !failed() {
		c.atRest()
	}
	v := Verdict{
		Seed: o.Seed, Failures: c.judge.failures, Trace: c.w.trace.sum, Tail: c.w.trace.tail(), ACKs: c.judge.acks,
		Reuses: c.judge.reuses, Entries: len(c.judge.log), Faults: c.faults.counts, Outcomes: map[string]int{},
		Simmed: c.w.now,
	}
	for outcome, n := range c.judge.seen {
		v.Outcomes[outcome.String()] = n
	}
	for _, n := range c.nodes {
		for _, t := range n.tasks {
			c.w.kill(t)
		}
	}
	return v
}

// settleFor is how long a world without faults gets to come to rest.
const settleFor = 3 * time.Minute

// build makes the world of a seed: a swarm, each with habits of its own.
func build(o Options) *cluster {
	w := newWorld(o.Seed)
	w.trace.verbose = o.Verbose
	draw := func(set *int, low, high int) {
		if *set == 0 {
			*set = low + w.chance.IntN(high-low+1)
		}
	}
	o.Nodes = cmp.Or(o.Nodes, []int{1, 3, 3, 3, 5}[w.chance.IntN(5)])
	draw(&o.Devices, 4, 40)
	draw(&o.Pool, 1, max(2, o.Devices))
	draw(&o.TrailingLogs, 8, 400)
	if o.Lasts == 0 {
		o.Lasts = w.between(10*time.Minute, 40*time.Minute)
	}
	c := &cluster{o: o, w: w, byHW: map[string]*device{}}
	c.net = &net4{
		w: w, lost: []int{0, 5, 50, 200}[w.chance.IntN(4)], doubled: []int{0, 5, 100}[w.chance.IntN(3)],
		slow: w.between(200*time.Microsecond, 5*time.Millisecond), slowest: w.between(time.Second, 30*time.Second),
		slowIn: []int{0, 1000, 100}[w.chance.IntN(3)], cut: map[[2]int]bool{},
	}
	c.mood = mood{}
	at := 0
	m := &c.mood
	for _, m := range []*int{&m.renews, &m.hurries, &m.sleeps, &m.forgets, &m.leaves, &m.declines, &m.moves} {
		if w.in(3) {
			at += w.chance.IntN(max(1, 100-at))
		}
		*m = at
	}
	c.judge = newJudge(c)
	c.makeSites()
	for i := range o.Nodes {
		c.nodes = append(c.nodes, &node{
			c: c, index: i, id: storage.NodeID(fmt.Sprintf("n%d", i+1)),
			addr:   netip.AddrFrom4([4]byte{10, 67, 0, byte(i + 2)}),
			clocks: newClocks(w), raftNode: raftNode{voted: nobody},
		})
	}
	for _, n := range c.nodes {
		n.start()
	}
	c.found()
	c.makeDevices()
	c.faults = newFaults(c)
	return c
}

// makeSites makes the LAN and two links behind relay agents.
func (c *cluster) makeSites() {
	for i := range 3 {
		s := &site{prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(67 + i), 0, 0}), 16)}
		if i > 0 {
			s.giaddr = netip.AddrFrom4([4]byte{10, byte(67 + i), 0, 1})
			for n := range c.o.Nodes {
				if i == 1 || n == 0 || c.w.in(2) {
					s.helpers = append(s.helpers, n)
				}
			}
		}
		c.sites = append(c.sites, s)
	}
}

// config draws a configuration.
func (c *cluster) config() *config.Config {
	told := lease.Seconds(20 + c.w.chance.IntN(100))
	out := &config.Config{
		Booking: config.Booking{
			FactorPercent: uint32(100 * (1 + c.w.chance.IntN(3))), Grace: 120, GracePermille: 10, Pause: 60,
		},
		Decline: config.Decline{Quarantine: lease.Seconds(60 + c.w.chance.IntN(600))},
	}
	out.Limits.Strangers = &config.Rate{}
	out.Lease = config.LeaseTimes{Default: new(told), Min: new(min(told, 20)), Max: new(told)}
	if c.w.in(4) {
		out.Renewals = config.RenewalsCommitted
	}
	c.habits(out)
	for i := range c.sites {
		first := netip.AddrFrom4([4]byte{10, byte(67 + i), 1, 1})
		last := netip.AddrFrom4([4]byte{10, byte(67 + i), 1, byte(c.o.Pool)})
		pool := config.Pool{Range: config.AddrRange{First: first, Last: last}}
		s := config.Subnet{Prefix: c.sites[i].prefix, Pools: []config.Pool{pool}}
		if c.w.in(4) {
			s.Allocation = config.AllocationLowest
		}
		if c.w.in(3) {
			s.Reservations = c.reservations(first, i > 0)
		}
		out.Subnets = append(out.Subnets, s)
	}
	return out
}

// habits draws settings that change who gets what, and must not change that nobody gets what another has.
func (c *cluster) habits(out *config.Config) {
	if c.w.in(2) {
		matches := config.Matches()
		out.Identity.Match = config.Match(matches[c.w.chance.IntN(len(matches))])
	}
	if c.w.in(4) {
		out.Identity.OneLease = new(true)
	}
	if c.w.in(3) {
		out.RapidCommit = new(true)
	}
	if c.w.in(4) {
		out.Limits.BindingsPerCircuit = uint32(1 + c.w.chance.IntN(4))
	}
	if c.w.in(4) {
		out.Lease.Pressure = config.Pressure{Above: new(config.Permille(500)), Max: new(lease.Seconds(20))}
	}
	if c.w.in(4) {
		out.KeepExpiry = new(true)
	}
	if c.w.in(4) {
		out.AdoptUnknown = new(true)
	}
}

// reservations draws promises of addresses from first on: to some devices and, behind a relay agent, to some
// circuits.
func (c *cluster) reservations(first netip.Addr, relayed bool) (out []config.Reservation) {
	a := first
	for i := range c.o.Devices {
		if a = a.Next(); !c.w.in(8) {
			continue
		}
		r := config.Reservation{Address: a}
		switch {
		case relayed && i%2 == 0 && c.w.in(2): // Two devices share a circuit.
			r.CircuitID = [][]byte{circuit(i)}
		default:
			r.Hardware = [][]byte{hardware(i)}
		}
		out = append(out, r)
	}
	return out
}

// found gives the cluster its first entries, as the first node of a real one does.
func (c *cluster) found() {
	var members []storage.Command
	for i, n := range c.nodes {
		m := storage.Node{ID: n.id, Name: string(n.id), PeerAddr: "p", Addresses: []netip.Addr{n.addr}, Level: 1}
		if i == 0 {
			members = append(members, storage.Found{ClusterID: "sim", CACert: []byte{1}, CAKey: []byte{2}, Node: m})
		} else {
			members = append(members, storage.PutNode{Node: m})
		}
	}
	members = append(members, storage.SetConfig{Config: c.config(), Author: "sim"})
	var begin func()
	begin = func() {
		for _, n := range c.nodes {
			if n.up && n.ready {
				for _, m := range members {
					n.enqueue(&proposal{command: m})
				}
				return
			}
		}
		c.w.after(100*time.Millisecond, begin)
	}
	begin()
}

// makeDevices makes the clients; some share an identifier, as cloned machines do.
func (c *cluster) makeDevices() {
	clones := c.w.in(4)
	for i := range c.o.Devices {
		d := &device{
			c: c, id: i, hw: hardware(i),
			site: c.sites[c.w.chance.IntN(len(c.sites))], ppm: c.w.ppm(), hasty: c.w.in(3),
		}
		switch {
		case clones && i%8 == 1:
			d.cid = c.devices[i-1].cid
		case c.w.in(2):
			d.cid = []byte{0, 's', byte(i >> 8), byte(i)}
		}
		c.devices = append(c.devices, d)
		c.byHW[string(d.hw)] = d
		c.w.after(c.w.between(5*time.Second, 60*time.Second), func() { d.restart(selecting) })
	}
}

// lag is how long a node takes until it applies what is committed.
func (c *cluster) lag() time.Duration {
	if c.slowLog && c.w.in(4) {
		return c.w.between(0, 3*time.Second)
	}
	return c.w.between(0, 500*time.Microsecond)
}

// atRest judges the world when nothing has gone wrong for a while: all nodes have come to the same (L2), and
// every client that wants an address has one if there are enough (L1).
func (c *cluster) atRest() {
	for _, n := range c.nodes {
		if n.applied < len(c.judge.log)-64 {
			c.judge.broken("L2: %s has applied %d of %d entries", n.id, n.applied, len(c.judge.log))
		}
	}
	// Each client may keep several addresses from others for a while, and each identifier counts once.
	if c.o.Pool < 4*len(c.devices) {
		return
	}
	for _, d := range c.devices {
		if waits := c.w.now - d.began; (d.phase == selecting || d.phase == requesting) && waits > 2*time.Minute {
			c.judge.broken("L1: d%d has had no address for %v", d.id, waits)
		}
	}
}
