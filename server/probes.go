package server

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"port67/server/dhcp4"
	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

const (
	// probeMemory is how long what a probe has found out counts.
	probeMemory = time.Minute
	// probesMax is how many addresses are remembered.
	probesMax = 16_384
	// aheadMax is how many addresses a call of ProbeAhead asks for, and so a second: it bounds what this node
	// sends, however many clients ask.
	aheadMax = 64
	// spareMax is how many addresses of a pool are kept probed.
	spareMax = 32
	// probeTries is how many addresses are probed for one DISCOVER.
	probeTries = 3
	// believedMax is for how many addresses one device may answer, or the devices of one pool behind a router:
	// a device that answers for more does not use them.
	believedMax = 32
	// So many addresses a second, and so many at once, are probed while their clients wait; more are offered
	// unprobed (fail open).
	inPathPerSecond = 64
	inPathBurst     = 128
)

// Prober asks on the network whether somebody uses addresses.
type Prober interface {
	// Probe asks for all targets at once and waits for their answers, not longer than the longest of them says.
	// It returns one answer for each. The error is why some could not be asked; those have no Asked.
	Probe(ctx context.Context, targets []dhcp4.Probe) ([]ProbeAnswer, error)
}

// ProbeAnswer is what came of asking for one address.
type ProbeAnswer struct {
	Asked bool // else nobody could be asked
	InUse bool
	// Hardware is who answered, in raw octets; empty if a router stands between.
	Hardware string
	By       string // arp or icmp
}

// ProbeStats counts what was found out by probing since the start.
type ProbeStats struct {
	Silent, InUse, Unasked uint64 // addresses probed, by what came of it
	Disbelieved            uint64 // answers of devices that answer for too many
	Skipped                uint64 // offers unprobed because of too many
	Conflicts              uint64 // addresses that were taken out of service
}

// probes is what this node has found out about addresses. It is a guess that may be lost: then an address is
// probed again. All tables are bounded.
type probes struct {
	clock Clock
	port  Prober // nil: nothing is probed

	mu      sync.Mutex
	known   map[netip.Addr]*probed
	queue   []*probed // in the order in which they are forgotten
	answers map[answerer]int
	spares  map[netip.Addr][]netip.Addr // by the first address of the pool
	full    time.Time                   // when the bucket of those in the path is full again
	next    int                         // the pool that ProbeAhead comes to next
	stats   ProbeStats
	warned  time.Time
}

type probed struct {
	addr   netip.Addr
	inUse  bool
	by     answerer
	until  time.Time
	doubts bool // the answer was not believed
}

// answerer is who answers: a device, or whoever is in a pool behind a router.
type answerer struct {
	hardware string
	pool     netip.Addr
}

func newProbes(clock Clock, port Prober) *probes {
	return &probes{
		clock: clock, port: port, known: make(map[netip.Addr]*probed), answers: make(map[answerer]int),
		spares: make(map[netip.Addr][]netip.Addr),
	}
}

// copied returns what is known now; it asks nobody.
func (p *probes) copied(clock Clock) *probes {
	out := newProbes(clock, nil)
	p.mu.Lock()
	defer p.mu.Unlock()
	for a, k := range p.known {
		same := *k
		out.known[a] = &same
	}
	out.spares = maps.Clone(p.spares)
	return out
}

// Of implements dhcp4.Probes.
func (p *probes) Of(a netip.Addr) (silent, inUse bool, hardware string) {
	now := p.clock.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.known[a]
	if k == nil || !k.until.After(now) {
		return false, false, ""
	}
	return !k.inUse, k.inUse, k.by.hardware
}

// Spare implements dhcp4.Probes.
func (p *probes) Spare(pool *config.CompiledPool) []netip.Addr {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.spares[pool.Range.First]
}

// note remembers what came of probing an address of a pool, named by its first address. It is false if
// somebody answers and is not believed.
func (p *probes) note(a, pool netip.Addr, answer *ProbeAnswer) (believed bool) {
	now := p.clock.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !answer.Asked {
		p.stats.Unasked++
		return true
	}
	for len(p.queue) > 0 && (len(p.queue) >= probesMax || !p.queue[0].until.After(now)) {
		p.forget(p.queue[0])
		p.queue = p.queue[1:]
	}
	if old := p.known[a]; old != nil {
		p.forget(old)
	}
	k := &probed{addr: a, inUse: answer.InUse, until: now.Add(probeMemory)}
	p.known[a] = k
	p.queue = append(p.queue, k)
	if !answer.InUse {
		p.stats.Silent++
		return true
	}
	k.by = answerer{hardware: answer.Hardware}
	if answer.Hardware == "" {
		k.by.pool = pool
	}
	if p.answers[k.by]++; p.answers[k.by] > believedMax {
		k.inUse, k.doubts = false, true
		p.stats.Disbelieved++
		return false
	}
	p.stats.InUse++
	return true
}

// forget takes k out of the tables, but for the queue.
func (p *probes) forget(k *probed) {
	if p.known[k.addr] != k {
		return
	}
	delete(p.known, k.addr)
	if k.inUse || k.doubts {
		if p.answers[k.by]--; p.answers[k.by] <= 0 {
			delete(p.answers, k.by)
		}
	}
}

// mayAsk says whether one more address may be probed while a client waits.
func (p *probes) mayAsk() bool {
	if p.port == nil {
		return false
	}
	now := p.clock.Now()
	const step = time.Second / inPathPerSecond
	const depth = step * inPathBurst
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.full.Before(now) || p.full.After(now.Add(depth)) {
		p.full = now
	}
	if p.full.Add(step).After(now.Add(depth)) {
		p.stats.Skipped++
		return false
	}
	p.full = p.full.Add(step)
	return true
}

// mayWarn says whether it is time again to warn of what keeps this node from probing.
func (p *probes) mayWarn() bool {
	now := p.clock.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if since := now.Sub(p.warned); since >= 0 && since < time.Hour {
		return false
	}
	p.warned = now
	return true
}

func (p *probes) countConflict() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Conflicts++
}

// ProbeStats returns what was found out by probing.
func (s *Server) ProbeStats() ProbeStats {
	s.probes.mu.Lock()
	defer s.probes.mu.Unlock()
	return s.probes.stats
}

// probe4 probes the address of a decision to offer it, and decides anew where somebody uses it. A node that
// cannot ask offers all the same: the client looks for itself (RFC 2131 §4.4.1).
func (s *Server) probe4(ctx context.Context, query *dhcp4.Query, in *dhcp4.Ingress, d dhcp4.Decision,
) (dhcp4.Decision, Outcome) {
	for range probeTries {
		if !d.Probe.Addr.IsValid() || !s.probes.mayAsk() {
			return d, 0
		}
		if own := string(query.CHAddr[:min(int(query.HLen), len(query.CHAddr))]); !s.inUse(ctx, d.Probe, own) {
			return d, 0
		}
		if d = s.decide4(query, in, true); d.Why != dhcp4.Answer {
			return d, outcomeOf(d.Why)
		}
	}
	if d.Probe.Addr.IsValid() {
		return d, AddressesInUse
	}
	return d, 0
}

// inUse probes one address for an exchange; others have their turn meanwhile.
func (s *Server) inUse(ctx context.Context, target dhcp4.Probe, own string) bool {
	s.turns.Rest()
	defer s.turns.Resume(false)
	answer := s.ask(ctx, []dhcp4.Probe{target})[0]
	return s.found(ctx, target.Addr, &answer, own)
}

// ask probes targets. It returns one answer for each.
func (s *Server) ask(ctx context.Context, targets []dhcp4.Probe) []ProbeAnswer {
	answers, err := s.probes.port.Probe(ctx, targets)
	if err != nil && s.probes.mayWarn() {
		s.log.Warn("addresses are offered unprobed: give port67d CAP_NET_RAW, or turn probe off", "error", err)
	}
	for len(answers) < len(targets) {
		answers = append(answers, ProbeAnswer{})
	}
	return answers
}

// found remembers what came of probing a, and says whether somebody else than the device with hardware
// address own uses it; empty: whoever it is. What nobody had by now is taken out of service, unless own
// answers.
func (s *Server) found(ctx context.Context, a netip.Addr, answer *ProbeAnswer, own string) (inUse bool) {
	var pool netip.Addr
	conflicts := false
	s.reader.Read(func(v storage.View) {
		if v.Config() == nil {
			return
		}
		if sub, ok := v.Config().SubnetOf(a); ok {
			if p, ok := sub.PoolOf(a); ok {
				pool = p.Range.First
			}
		}
		conflicts = dhcp4.Conflicts(v, a, answer.Hardware)
	})
	believed := s.probes.note(a, pool, answer)
	who := config.FormatHardware([]byte(answer.Hardware))
	switch {
	case !believed:
		if s.probes.mayWarn() {
			s.log.Warn("a device answers for too many addresses and is not believed", "address", a.String(),
				"hardware", who, "by", answer.By)
		}
		return false
	case !answer.InUse || own != "" && answer.Hardware == own: // W-013, W-014
		return false
	case !conflicts:
		s.log.Debug("address still used by its last holder", "address", a.String(), "hardware", who)
		return true
	}
	result, err := s.proposer.Propose(ctx, storage.Conflict{Addr: a, CHAddr: answer.Hardware})
	switch {
	case err != nil:
		s.log.Warn("address in use", "address", a.String(), "hardware", who, "by", answer.By, "error", err)
	case result.Refusal != storage.Granted:
		s.log.Info("address in use", "address", a.String(), "hardware", who, "by", answer.By, "refused",
			result.Detail)
	case !result.Known:
		s.probes.countConflict()
		s.log.Warn("address in use: out of service", "address", a.String(), "hardware", who, "by", answer.By)
	}
	return true
}

// ProbeAhead probes some of the addresses that this node would offer next, so that the clients who get them
// need not wait, and returns when the answers are in. It is to be called once a second; without probing in
// the configuration it costs nothing.
func (s *Server) ProbeAhead(ctx context.Context) {
	targets := s.targets()
	if len(targets) == 0 {
		return
	}
	answers := s.ask(ctx, targets)
	for i := range targets {
		s.found(ctx, targets[i].Addr, &answers[i], "")
	}
}

// targets returns what is to be probed next, and brings the spare addresses of the pools that it looks at up
// to date. It lends the state for one pool at a time.
func (s *Server) targets() []dhcp4.Probe {
	var pools []*config.CompiledPool
	var own lease.BucketSet
	if s.probes.port == nil || !s.time.InTouch() {
		return nil
	}
	s.reader.Read(func(v storage.View) {
		if c := v.Config(); c != nil && c.Probes() {
			pools, own = c.ProbedPools(), v.BucketsOf(s.self)
		}
	})
	s.probes.keepSpares(pools)
	if len(pools) == 0 || own == (lease.BucketSet{}) {
		return nil
	}
	// As many as can be asked for before they are forgotten.
	want := min(max(aheadMax*48/len(pools), 4), spareMax)
	var targets []dhcp4.Probe
	for range min(len(pools), aheadMax) {
		p := pools[s.probes.turn(len(pools))]
		var free []netip.Addr
		taken := s.offers.at(s.clock.Now()).Held()
		s.reader.Read(func(v storage.View) { free = s.nextOf(v, p, &own, taken, want) })
		targets = append(targets, s.probes.sort(p, free, aheadMax-len(targets))...)
		if len(targets) >= aheadMax {
			break
		}
	}
	return targets
}

// nextOf returns the addresses of pool p that this node would offer next, at most want of them; none that is
// known to be in use, and was not taken out of service.
func (s *Server) nextOf(v storage.View, p *config.CompiledPool, own *lease.BucketSet, taken *lease.Space,
	want int,
) []netip.Addr {
	from := netip.Addr{}
	if p.Subnet.Allocation != config.AllocationLowest {
		from = lease.SpreadStart(lease.Key(s.self), p.Ranges)
	}
	free := make([]netip.Addr, 0, want)
	for range 4 * want {
		a, ok := v.FreeIn(p, from, own, taken)
		if !ok || len(free) >= want {
			break
		}
		taken = taken.With(a)
		if _, inUse, _ := s.probes.Of(a); !inUse {
			free = append(free, a)
		}
	}
	return free
}

// turn returns whose turn it is of n, and passes it on.
func (p *probes) turn(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = (p.next + 1) % n
	return p.next
}

// keepSpares forgets the spare addresses of pools that are not probed any more.
func (p *probes) keepSpares(pools []*config.CompiledPool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.spares) == 0 {
		return
	}
	for first := range p.spares {
		if !slices.ContainsFunc(pools, func(c *config.CompiledPool) bool { return c.Range.First == first }) {
			delete(p.spares, first)
		}
	}
}

// sort keeps those of the free addresses of a pool as spare for which nobody answered, and returns those that
// have to be asked for, at most room. What will be forgotten soon is asked for again.
func (p *probes) sort(pool *config.CompiledPool, free []netip.Addr, room int) []dhcp4.Probe {
	now := p.clock.Now()
	how := pool.Effective.Probe
	var spare []netip.Addr
	var ask []dhcp4.Probe
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range free {
		k := p.known[a]
		if k != nil && !k.inUse && k.until.After(now) {
			spare = append(spare, a)
		}
		if (k == nil || k.until.Before(now.Add(probeMemory/5))) && len(ask) < room {
			ask = append(ask, dhcp4.Probe{Addr: a, ICMP: how.ICMP, ARP: how.ARP, Millis: how.TimeoutMillis})
		}
	}
	p.spares[pool.Range.First] = spare
	return ask
}
