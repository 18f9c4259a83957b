package load

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"port67/server/dhcp4"
)

// tally counts what the clients of one fleet said, heard and got.
type tally struct {
	sentKind  map[dhcp4.MessageType]int
	heardKind map[dhcp4.MessageType]int
	servers   map[netip.Addr]int // ACKs by option 54
	sources   map[netip.Addr]int // ACKs by the sender's address
	boundBy   map[netip.Addr]int // clients by the sender of their first ACK
	tries     []int              // tries[n-1]: exchanges that were answered to message n
	lost      map[loss]int
	bindings  []time.Duration // when clients were first bound, in order
	dora      []time.Duration // from the first DISCOVER to the first ACK
	renewals  []time.Duration // when renewals were answered
	late      int
}

func newTally() tally {
	return tally{
		sentKind: map[dhcp4.MessageType]int{}, heardKind: map[dhcp4.MessageType]int{},
		servers: map[netip.Addr]int{}, sources: map[netip.Addr]int{}, boundBy: map[netip.Addr]int{},
		lost: map[loss]int{},
	}
}

func (t *tally) sent(r request) { t.sentKind[r.kind]++ }

func (t *tally) heard(r reply, from netip.Addr) {
	t.heardKind[r.kind]++
	if r.kind == dhcp4.ACK {
		t.servers[r.server]++
		t.sources[from]++
	}
}

func (t *tally) answered(c *client, now time.Duration) {
	for len(t.tries) < c.tries {
		t.tries = append(t.tries, 0)
	}
	t.tries[c.tries-1]++
}

func (t *tally) held(c *client, now time.Duration, from netip.Addr) {
	if c.bound == now && !c.counted {
		c.counted = true
		t.boundBy[from]++
		t.bindings = append(t.bindings, now)
		t.dora = append(t.dora, now-c.first)
		return
	}
	t.renewals = append(t.renewals, now)
}

// Report is what a load has seen so far. Times are spans since Checker.Start.
type Report struct {
	Clients int // that have spoken, or will
	Holding int // that hold a lease now
	Bound   int // that have ever held one

	Discovers, Offers, Requests, ACKs, NAKs int // messages; Discovers and Requests with retransmissions
	// Servers are the ACKs by option 54, Sources by the address they came from; BoundBy are the clients by the
	// address that their first ACK came from.
	Servers, Sources, BoundBy map[netip.Addr]int
	// Answered[n] is how many exchanges were answered to their message number n+1; an exchange is a DISCOVER
	// or a REQUEST with its retransmissions.
	Answered []int
	GaveUp   int // REQUESTs that nobody answered, four times
	Expired  int // leases that ran out although the client tried to renew
	Released int
	Refused  int // leases and requests ended by NAK
	Renewals int // ACKs after a client's first
	Late     int // replies to exchanges that were over
	Strange  int // datagrams that were no reply to a client of this load
	Unsent   int // messages that the kernel refused to send, the last one for UnsentWhy

	UnsentWhy string

	Bindings   []time.Duration // when clients were first bound
	RenewalsAt []time.Duration
	// DORA are times from a client's first DISCOVER to its first ACK, ascending.
	DORA []time.Duration

	Violations []Violation
}

// report sums up some groups of the fleet.
func (f *fleet) report(now time.Duration, groups []*group) Report {
	r := Report{
		Servers: map[netip.Addr]int{}, Sources: map[netip.Addr]int{}, BoundBy: map[netip.Addr]int{},
		Strange: f.strange,
		Unsent:  f.unsent, UnsentWhy: f.unsentWhy,
		Violations: f.checker.Violations(),
	}
	for _, g := range groups {
		r.add(g, now)
	}
	slices.Sort(r.Bindings)
	slices.Sort(r.RenewalsAt)
	slices.Sort(r.DORA)
	return r
}

func (r *Report) add(g *group, now time.Duration) {
	t := &g.tally
	r.Clients += len(g.clients)
	r.Holding += g.holding(now)
	r.Bound += len(t.bindings)
	r.Discovers += t.sentKind[dhcp4.Discover]
	r.Offers += t.heardKind[dhcp4.OfferMsg]
	r.Requests += t.sentKind[dhcp4.Request]
	r.ACKs += t.heardKind[dhcp4.ACK]
	r.NAKs += t.heardKind[dhcp4.NAK]
	r.GaveUp += t.lost[lossGaveUp]
	r.Expired += t.lost[lossExpiry]
	r.Released += t.lost[lossRelease]
	r.Refused += t.lost[lossNAK]
	r.Renewals += len(t.renewals)
	r.Late += t.late
	for n, count := range t.tries {
		if n == len(r.Answered) {
			r.Answered = append(r.Answered, 0)
		}
		r.Answered[n] += count
	}
	for a, n := range t.servers {
		r.Servers[a] += n
	}
	for a, n := range t.sources {
		r.Sources[a] += n
	}
	for a, n := range t.boundBy {
		r.BoundBy[a] += n
	}
	r.Bindings = append(r.Bindings, t.bindings...)
	r.RenewalsAt = append(r.RenewalsAt, t.renewals...)
	r.DORA = append(r.DORA, t.dora...)
}

// LongestPause returns the longest time between two new bindings next to each other, and when it began.
func (r Report) LongestPause() (pause, at time.Duration) { return longest(r.Bindings) }

// LongestRenewalPause is LongestPause for renewals.
func (r Report) LongestRenewalPause() (pause, at time.Duration) { return longest(r.RenewalsAt) }

func longest(times []time.Duration) (pause, at time.Duration) {
	for i := 1; i < len(times); i++ {
		if d := times[i] - times[i-1]; d > pause {
			pause, at = d, times[i-1]
		}
	}
	return pause, at
}

// Quantile returns the time within which permille of 1000 clients had their first lease.
func (r Report) Quantile(permille int) time.Duration {
	if len(r.DORA) == 0 {
		return 0
	}
	return r.DORA[min(len(r.DORA)-1, len(r.DORA)*permille/1000)]
}

// String is the report in a few lines for people.
func (r Report) String() string {
	var b strings.Builder
	pause, at := r.LongestPause()
	fmt.Fprintf(&b, "clients %d: bound %d, holding a lease %d, renewals %d, released %d\n",
		r.Clients, r.Bound, r.Holding, r.Renewals, r.Released)
	fmt.Fprintf(&b, "messages: DISCOVER %d, OFFER %d, REQUEST %d, ACK %d, NAK %d; late %d, strange %d\n",
		r.Discovers, r.Offers, r.Requests, r.ACKs, r.NAKs, r.Late, r.Strange)
	fmt.Fprintf(&b, "answered to message 1, 2, 3, …: %v; gave up %d, expired %d, refused %d\n",
		r.Answered, r.GaveUp, r.Expired, r.Refused)
	fmt.Fprintf(&b, "first lease after: median %v, 99 %% %v, all %v\n", r.Quantile(500).Round(time.Microsecond),
		r.Quantile(990).Round(time.Microsecond), r.Quantile(1000).Round(time.Microsecond))
	fmt.Fprintf(&b, "longest pause between new bindings: %v, at %v\n",
		pause.Round(time.Millisecond), at.Round(time.Millisecond))
	if r.Unsent > 0 {
		fmt.Fprintf(&b, "not sent: %d, %s\n", r.Unsent, r.UnsentWhy)
	}
	for _, a := range slices.SortedFunc(maps.Keys(r.Sources), netip.Addr.Compare) {
		fmt.Fprintf(&b, "from %s: ACKs %d, first ones %d\n", a, r.Sources[a], r.BoundBy[a])
	}
	fmt.Fprintf(&b, "addresses held by two clients: %d\n", len(r.Violations))
	for _, v := range r.Violations[:min(5, len(r.Violations))] {
		fmt.Fprintf(&b, "  %v\n", v)
	}
	return b.String()
}
