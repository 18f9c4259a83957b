package server

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"port67/server/dhcp4"
	"port67/server/wire4"
	"port67/storage/config"
)

// Limit is which of the limits dropped a message: the label of a metric.
type Limit uint8

// The limits, in the order in which a message meets them.
const (
	LimitClient Limit = iota + 1
	LimitCircuit
	LimitRelay
	LimitInterface
	LimitStranger
	limitsEnd
)

// String returns the word of l.
func (l Limit) String() string {
	return [...]string{"", "client", "circuit", "relay", "interface", "stranger"}[l]
}

// Limits returns all limits in their order.
func Limits() []Limit {
	return []Limit{LimitClient, LimitCircuit, LimitRelay, LimitInterface, LimitStranger}
}

// rates holds back who sends more than the configuration allows (safety.md §8). It follows the configuration
// that the last exchange was decided on; before the first, the defaults hold.
type rates struct {
	config atomic.Pointer[config.Compiled]
	none   config.Limits // the defaults
	seed   maphash.Seed  // nobody can look for names that share a bucket
	meters [limitsEnd]meter
}

func newRates() *rates {
	r := &rates{none: config.DefaultLimits(), seed: maphash.MakeSeed()}
	for l, sets := range map[Limit]int{
		LimitClient: 1 << 14, LimitCircuit: 1 << 12, LimitRelay: 1 << 10, LimitInterface: 1 << 6,
		LimitStranger: 1 << 10,
	} {
		r.meters[l].sets = make([]set, sets)
	}
	return r
}

// follow takes the limits of c from now on.
func (r *rates) follow(c *config.Compiled) {
	if r.config.Load() != c {
		r.config.Store(c)
	}
}

func (r *rates) limits() *config.Limits {
	if c := r.config.Load(); c != nil {
		return &c.Limits
	}
	return &r.none
}

// check returns the limit that a datagram has run into, or 0, and a name for whoever has used it up. The
// narrowest is asked first, so that what one client or circuit sends in vain costs its neighbours nothing.
// Renewals, and all that follows an OFFER, meet their client's limit alone: strangers behind the same relay
// agent do not stand in their way.
func (r *rates) check(in *Datagram, g *wire4.Glance) (l Limit, name uint64) {
	limits := r.limits()
	if g.Type == dhcp4.LeaseQuery { // No client's: it speaks of one, and the requesters are configured.
		return 0, 0
	}
	var h maphash.Hash
	h.SetSeed(r.seed)
	relay := g.GIAddr.As4()
	relayed := relay != [4]byte{}
	h.Write(relay[:])
	if !relayed {
		at := uint64(in.Ingress.IfIndex)
		h.Write([]byte{byte(at), byte(at >> 8), byte(at >> 16), byte(at >> 24)})
	}
	path := h.Sum64()
	h.Write(g.Circuit)
	circuit := h.Sum64()
	if !relayed && in.Ingress.Src.Addr().Is4() { // Who renews is told from who only says its name.
		src := in.Ingress.Src.Addr().As4()
		h.Write(src[:])
	}
	h.WriteByte(0)
	h.Write(g.Client)
	now, client := in.Heard, h.Sum64()
	if len(g.Client) > 0 && !r.meters[LimitClient].take(client, *limits.PerClient, now) {
		return LimitClient, client
	}
	switch {
	case g.Type == dhcp4.Request || g.Type == dhcp4.Release || g.Type == dhcp4.Decline:
	case len(g.Circuit) > 0 && !r.meters[LimitCircuit].take(circuit, *limits.DiscoverPerCircuit, now):
		return LimitCircuit, circuit
	case relayed && !r.meters[LimitRelay].take(path, *limits.DiscoverPerRelay, now):
		return LimitRelay, path
	case !relayed && !r.meters[LimitInterface].take(path, *limits.DiscoverPerInterface, now):
		return LimitInterface, path
	}
	return 0, 0
}

// stranger says whether what a stranger wants may go to the log, and names the path that it came by.
func (r *rates) stranger(q *dhcp4.Query, in *Datagram) (ok bool, name uint64) {
	var h maphash.Hash
	h.SetSeed(r.seed)
	relay := q.GIAddr.As4()
	h.Write(relay[:])
	if !q.Relayed() {
		h.WriteString(in.Ingress.Interface)
	}
	name = h.Sum64()
	return r.meters[LimitStranger].take(name, *r.limits().Strangers, in.Heard), name
}

// meter is token buckets in a table of fixed size. Where there is no room, the bucket that will be full
// soonest makes room: its owner gets a full one when it comes again.
type meter struct {
	mu   sync.Mutex
	sets []set // a power of two
}

type set [4]bucket

// bucket is a token bucket: it is full at a moment, and every token taken moves that moment on.
type bucket struct {
	name uint64
	full int64 // nanoseconds of Unix time
}

// take takes a token out of the bucket of that name, and returns false if it has none.
func (m *meter) take(name uint64, rate config.Rate, at time.Time) bool {
	if rate.PerSecond == 0 {
		return true
	}
	now, step := at.UnixNano(), int64(time.Second)/int64(rate.PerSecond)
	depth := step * int64(rate.Burst)
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &m.sets[name&uint64(len(m.sets)-1)]
	b := &s[0]
	for i := range s {
		if s[i].name == name {
			b = &s[i]
			break
		}
		if s[i].full < b.full {
			b = &s[i]
		}
	}
	// One that would be full later than any can be is of another time: the clock was set back.
	if b.name != name || b.full < now || b.full > now+depth {
		b.name, b.full = name, now
	}
	if b.full+step > now+depth {
		return false
	}
	b.full += step
	return true
}

// Admit says whether a datagram may become an exchange. If not it has been counted. It reads the datagram's
// first octets, waits for nothing, and keeps nothing of it: the listener asks before it spends anything.
func (s *Server) Admit(in Datagram) bool {
	g := wire4.Look(in.Payload)
	l, name := s.rates.check(&in, &g)
	if l == 0 {
		return true
	}
	s.limited(l, name, &in, &g)
	s.observer.Ended(g.Type, RateLimited, 0)
	return false
}

// admitStranger says whether what a stranger wants may go to the log. If not it has been counted, but for its
// outcome.
func (s *Server) admitStranger(q *dhcp4.Query, in *Datagram) bool {
	ok, name := s.rates.stranger(q, in)
	if !ok {
		s.limited(LimitStranger, name, in, &wire4.Glance{GIAddr: q.GIAddr})
	}
	return ok
}

// limited counts a message that ran into l, and says now and then in the log who does so most.
func (s *Server) limited(l Limit, name uint64, in *Datagram, g *wire4.Glance) {
	s.observer.Limited(l)
	for _, t := range s.talkers.note(l, name, in, g) {
		s.log.Warn("messages dropped because of a limit", "limit", t.limit.String(), "most", t.who,
			"dropped", t.dropped, "dropped_in_all", t.all)
	}
}
