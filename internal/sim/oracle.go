package sim

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"port67/cluster/logcodec"
	"port67/server"
	"port67/server/dhcp4"
	"port67/storage"
	"port67/storage/lease"
)

// judge sees everything in true time and says what must not be (safety.md §1). It implements server.Observer.
type judge struct {
	c        *cluster
	failures []string

	// truth is the state after what was committed, and what that was; sums are its digests by index.
	truth   *storage.State
	log     []record
	sums    [][32]byte
	claims  map[netip.Addr][]claim
	acks    int
	reuses  int
	seen    map[server.Outcome]int
	refused map[storage.Refusal]int
}

// claim is what a client believes: that it may use an address until then, in true time.
type claim struct {
	who   string
	d     *device
	until time.Duration
}

func newJudge(c *cluster) *judge {
	return &judge{
		c: c, truth: storage.New(), claims: map[netip.Addr][]claim{}, seen: map[server.Outcome]int{},
		refused: map[storage.Refusal]int{},
	}
}

func (j *judge) broken(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	j.c.w.note("BROKEN %s", text)
	j.failures = append(j.failures, text)
}

// committed takes it that all of log is committed.
func (j *judge) committed(log []record) {
	for i, r := range log {
		switch {
		case i >= len(j.log):
			j.log = append(j.log, r)
			j.happen(i+1, r)
		case r.term != j.log[i].term || !bytes.Equal(r.data, j.log[i].data):
			j.broken("model: entry %d committed twice and not the same", i+1)
			return
		}
	}
}

// happen applies one committed entry to the truth.
func (j *judge) happen(index int, r record) {
	if r.data != nil {
		e, err := logcodec.Decode(r.data)
		if err != nil {
			j.broken("committed entry %d cannot be read: %v", index, err)
			return
		}
		before := j.named(&e)
		for i, res := range j.truth.Apply(uint64(index), e) {
			j.refused[res.Refusal]++
			if res.Refusal == storage.Internal || res.Refusal == storage.InvalidConfig {
				j.broken("entry %d: %T refused as impossible: %s", index, e.Commands[i], res.Detail)
			}
		}
		j.compare(index, before)
	}
	j.sums = append(j.sums, storage.ViewOf(j.truth).Digest())
	if j.c.w.in(64) {
		for _, err := range storage.Check(j.truth) {
			j.broken("after entry %d: %v", index, err)
		}
	}
}

// named returns the leases of the addresses that commands of e name, as they are.
func (j *judge) named(e *storage.Entry) []lease.Lease {
	var out []lease.Lease
	add := func(a netip.Addr) {
		if l, ok := storage.ViewOf(j.truth).Lease(a); ok {
			out = append(out, l)
		}
	}
	for _, c := range e.Commands {
		switch c := c.(type) {
		case storage.Bind:
			add(c.Addr)
		case storage.Offer:
			add(c.Wish)
			add(c.Asked)
		case storage.Extend:
			add(c.Addr)
		case storage.Release:
			add(c.Addr)
		case storage.Decline:
			add(c.Addr)
		}
	}
	return out
}

// compare says where an entry has broken a promise: B and R never fall (P3), and nobody gets an address of
// another before R (P6).
func (j *judge) compare(index int, before []lease.Lease) {
	v := storage.ViewOf(j.truth)
	for _, old := range before {
		l, ok := v.Lease(old.Addr)
		switch {
		case !ok && old.Reusable > v.Clock():
			j.broken("P3: entry %d forgets %v, which rests until %d; it is %d", index, old.Addr, old.Reusable,
				v.Clock())
		case !ok:
		case old.Reusable > v.Clock() && (l.Booked < old.Booked || l.Reusable < old.Reusable):
			j.broken("P3: entry %d lowers %v from %d, %d to %d, %d", index, old.Addr, old.Booked, old.Reusable,
				l.Booked, l.Reusable)
		case l.Client != old.Client && old.Reusable > v.Clock():
			j.broken("P6: entry %d gives %v of %v to %v at %d, before %d", index, old.Addr, old.Client, l.Client,
				v.Clock(), old.Reusable)
		case l.Client != old.Client:
			j.reuses++
		}
	}
}

// appliedBy compares a node that has applied index with the truth (P9).
func (j *judge) appliedBy(n *node, index int) {
	if index > len(j.sums) {
		j.broken("model: %s applies entry %d before it is committed", n.id, index)
		return
	}
	if storage.ViewOf(n.state).Digest() != j.sums[index-1] {
		j.broken("P9: the state of %s after entry %d is another one", n.id, index)
	}
}

// held takes it that d has been told that it may use its address.
func (j *judge) held(d *device) {
	j.acks++
	now, who := j.c.w.now, d.identity()
	kept := slices.DeleteFunc(j.claims[d.addr], func(c claim) bool { return c.until <= now || c.d == d })
	for _, other := range kept {
		if other.who != who {
			j.broken("P1: %v is held by d%d until %v and by d%d until %v", d.addr, other.d.id, other.until, d.id,
				d.until)
		}
	}
	j.claims[d.addr] = append(kept, claim{who, d, d.until})
	l, ok := storage.ViewOf(j.truth).Lease(d.addr)
	switch {
	case !ok:
		j.broken("P2: d%d was told that it has %v, of which nothing is committed", d.id, d.addr)
	case string(l.Client[0])+string(l.Client.Identifier()) != who && who[0] == 'c':
		j.broken("P2: d%d was told that it has %v, which is committed to %v", d.id, d.addr, l.Client)
	}
}

// offered counts nothing yet but must be of the client's link.
func (j *judge) offered(d *device, a netip.Addr) {
	if !d.site.prefix.Contains(a) {
		j.broken("d%d at %v is offered %v", d.id, d.site.prefix, a)
	}
}

// denied takes a NAK: it ends what the client believes.
func (j *judge) denied(d *device) { j.gaveUp(d) }

// gaveUp takes it that d does not use its address any more.
func (j *judge) gaveUp(d *device) {
	j.claims[d.addr] = slices.DeleteFunc(j.claims[d.addr], func(c claim) bool { return c.d == d })
}

// ended counts how an exchange ended.
func (j *judge) ended(n *node, o server.Outcome) {
	j.seen[o]++
	j.c.w.note("%-4s ends an exchange: %v", n.id, o)
}

// Ended implements server.Observer.
func (j *judge) Ended(dhcp4.MessageType, server.Outcome, time.Duration) {}

// Ignored implements server.Observer.
func (j *judge) Ignored(int) {}

// Irregular implements server.Observer.
func (j *judge) Irregular(dhcp4.Irregularity) {}

// ClassErrors implements server.Observer.
func (j *judge) ClassErrors(int) {}

// Limited implements server.Observer.
func (j *judge) Limited(server.Limit) {}

// Omitted implements server.Observer.
func (j *judge) Omitted(int) {}
