package load

import (
	"container/heap"
	"fmt"
	"net/netip"
	"time"

	"port67/server/dhcp4"
)

// parcel is a message on its way out, for whoever has sockets.
type parcel struct {
	payload []byte
	relay   int        // index of the relay agent that forwards it; -1: it is a direct client's
	hw      [6]byte    // of the client
	from    netip.Addr // source address of a unicast; invalid: a broadcast, or a relay agent's
	to      netip.Addr // destination of a unicast; invalid: a broadcast, or all of the relay agent's servers
}

// fleet is many clients without clock and sockets: the same times and replies give the same parcels.
type fleet struct {
	relays  []Relay
	unicast bool
	agenda  agenda
	byXID   map[uint32]*client
	byHW    map[[6]byte]*client
	random  uint64
	out     []parcel
	checker *Checker
	groups  []*group
	strange int
	// unsent counts parcels that the kernel refused, the last one for unsentWhy.
	unsent    int
	unsentWhy string
	from      netip.Addr // sender of the datagram that is being heard
}

// group is clients that were added together.
type group struct {
	clients []*client
	tally   tally
}

func newFleet(o Options) *fleet {
	return &fleet{
		relays: o.Relays, unicast: !o.NoUnicast, random: o.Seed, checker: o.Checker,
		byXID: map[uint32]*client{}, byHW: map[[6]byte]*client{},
	}
}

// add makes more clients, the first of which speaks at now. Hardware addresses count on from first.
func (f *fleet) add(now time.Duration, g Group, first int) *group {
	made := &group{tally: newTally()}
	f.groups = append(f.groups, made)
	for i := range g.Clients {
		n := first + i
		c := &client{
			id: n, relay: -1, plan: g.Plan, group: made, first: now,
			hw: [6]byte{0x02, 0x67, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)},
		}
		if g.Rate > 0 {
			c.first += time.Duration(i) * time.Second / time.Duration(g.Rate)
		}
		c.due = c.first
		switch {
		case len(g.Via) > 0:
			c.relay = g.Via[i%len(g.Via)]
		case len(f.relays) > 0 && !g.Direct:
			c.relay = i % len(f.relays)
		}
		made.clients = append(made.clients, c)
		f.byHW[c.hw] = c
		heap.Push(&f.agenda, c)
	}
	return made
}

// next says when step has something to do.
func (f *fleet) next() time.Duration {
	if len(f.agenda) == 0 {
		return never
	}
	return f.agenda[0].due
}

// step wakes every client whose time has come and returns what they say.
func (f *fleet) step(now time.Duration) []parcel {
	for len(f.agenda) > 0 && f.agenda[0].due <= now {
		c := f.agenda[0]
		c.wake(now, f)
		heap.Fix(&f.agenda, 0)
	}
	return f.drain()
}

// heard takes a datagram that came from a server and returns what is said in answer.
func (f *fleet) heard(now time.Duration, from netip.Addr, payload []byte) []parcel {
	r, ok := decode(payload)
	if !ok {
		f.strange++
		return nil
	}
	c, ok := f.byXID[r.xid]
	if ok && c.hw == r.hw {
		c.group.tally.heard(r, from)
	}
	if !ok || c.hw != r.hw || r.kind == dhcp4.ACK && !c.waits() {
		f.late(now, r)
		return nil
	}
	f.from = from
	c.hear(now, r, f)
	f.agenda.fix(c)
	return f.drain()
}

// late looks at a reply to an exchange that is over. A client might have believed it, so a lease in it
// counts: from now on, since nobody knows which REQUEST it answers.
func (f *fleet) late(now time.Duration, r reply) {
	c, ok := f.byHW[r.hw]
	if !ok {
		f.strange++
		return
	}
	c.group.tally.late++
	if r.kind == dhcp4.ACK && r.hasLease && c.addr == r.yiaddr && c.state != gone {
		f.checker.Hold(Claim{
			Addr: r.yiaddr, Client: name(c.hw), From: now, Until: now + time.Duration(r.lease)*time.Second,
			Server: r.server,
		})
	}
}

func (f *fleet) drain() []parcel {
	out := f.out
	f.out = nil
	return out
}

// send is part of world.
func (f *fleet) send(c *client, r request, unicast bool) {
	c.group.tally.sent(r)
	p := parcel{relay: c.relay, hw: c.hw}
	if unicast && f.unicast && c.server.IsValid() {
		p.from, p.to = c.addr, c.server
		p.payload = r.encode(netip.Addr{}, "")
	} else if c.relay >= 0 {
		p.payload = r.encode(f.relays[c.relay].GIAddr, fmt.Sprintf("port-%d", c.id))
	} else {
		p.payload = r.encode(netip.Addr{}, "")
	}
	f.out = append(f.out, p)
}

// nextXID is part of world. A transaction identifier is used once.
func (f *fleet) nextXID(c *client) uint32 {
	delete(f.byXID, c.xid)
	for {
		xid := uint32(f.draw())
		if _, taken := f.byXID[xid]; !taken && xid != 0 {
			f.byXID[xid] = c
			return xid
		}
	}
}

// jitter is part of world.
func (f *fleet) jitter() time.Duration {
	return time.Duration(f.draw()%uint64(2*time.Second)) - time.Second
}

// held is part of world.
func (f *fleet) held(c *client, now time.Duration, r reply) {
	f.checker.Hold(Claim{Addr: c.addr, Client: name(c.hw), From: now, Until: c.until, Server: r.server})
	c.group.tally.held(c, now, f.from)
}

// dropped is part of world.
func (f *fleet) dropped(c *client, now time.Duration, why loss) {
	c.group.tally.lost[why]++
	if c.addr.IsValid() && why != lossGaveUp {
		f.checker.Give(c.addr, name(c.hw), now)
	}
}

// answered is part of world.
func (f *fleet) answered(c *client, now time.Duration) { c.group.tally.answered(c, now) }

// draw is SplitMix64.
func (f *fleet) draw() uint64 {
	f.random += 0x9e3779b97f4a7c15
	z := f.random
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// holding counts the clients that hold a lease at now.
func (g *group) holding(now time.Duration) int {
	n := 0
	for _, c := range g.clients {
		if c.holds(now) {
			n++
		}
	}
	return n
}

func (c *client) holds(now time.Duration) bool {
	return (c.state == bound || c.state == renewing || c.state == rebinding) && now < c.until
}

func name(hw [6]byte) string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", hw[0], hw[1], hw[2], hw[3], hw[4], hw[5])
}

// agenda is the clients by their next wake.
type agenda []*client

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].due < a[j].due }
func (a agenda) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].place, a[j].place = i, j
}

// Push is part of heap.Interface.
func (a *agenda) Push(x any) {
	c := x.(*client)
	c.place = len(*a)
	*a = append(*a, c)
}

// Pop is part of heap.Interface. No client ever leaves the agenda: one that has nothing to do waits for ever.
func (a *agenda) Pop() any {
	old := *a
	last := old[len(old)-1]
	*a = old[:len(old)-1]
	return last
}

func (a *agenda) fix(c *client) { heap.Fix(a, c.place) }
