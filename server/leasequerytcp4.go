package server

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"port67/server/dhcp4"
	"port67/server/leasequery"
	"port67/server/wire4"
	"port67/storage"
	"port67/storage/history"
	"port67/storage/lease"
)

// LeaseQuery4 is one query over a connection: a *Bulk4 or an *Active4. Next makes what is to be sent when it
// can be sent, so that a requester who reads slowly costs nothing but its connection, and no lock is held
// while anything is sent. It belongs to one goroutine.
type LeaseQuery4 interface {
	// Next appends the next messages to buf as they go over the connection (RFC 6926 §6.1), and says whether
	// there are more to come.
	Next(buf []byte) (frames []byte, more bool)
	// Abort makes Next say that this node cannot go on.
	Abort()
	// Close ends a query whose messages cannot be sent any more. It is harmless after the last Next.
	Close()
}

// StartTLS4 says of the first message of a connection whether the connection shall go on by TLS, and returns
// what is to be sent before.
func (s *Server) StartTLS4(requester, local netip.Addr, message []byte) (frame []byte, ok bool) {
	query, err := wire4.Parse(message)
	if err != nil || query.Type != dhcp4.TLS {
		return nil, false
	}
	var m dhcp4.Message
	s.reader.Read(func(v storage.View) { m, ok = leasequery.TLS(v, &query, requester, local) })
	if !ok {
		return nil, false
	}
	return s.frames(nil, []dhcp4.Message{m}), true
}

// OpenLeaseQuery4 begins with one message of a connection from requester to this node's address local, by TLS
// if secure is set. The error means that the octets are no message, and that the connection should be closed.
func (s *Server) OpenLeaseQuery4(requester, local netip.Addr, secure bool, message []byte,
) (LeaseQuery4, error) {
	began := s.clock.Now()
	query, err := wire4.Parse(message)
	if err != nil {
		s.observer.Ended(dhcp4.BulkLeaseQuery, Malformed, s.clock.Now().Sub(began))
		return nil, err
	}
	plain := false
	if !secure {
		s.reader.Read(func(v storage.View) { plain = leasequery.RequiresTLS(v) })
	}
	if query.Type == dhcp4.ActiveLeaseQuery && s.changes != nil {
		a := leasequery.NewActive(&query, requester, local)
		if plain {
			a.Plain()
		}
		return &Active4{s: s, active: a, began: began}, nil
	}
	b := leasequery.NewBulk(&query, requester, local)
	if plain {
		b.Plain()
	}
	return &Bulk4{s: s, bulk: b, began: began}, nil
}

// frames appends messages to buf as they go over a connection.
func (s *Server) frames(buf []byte, messages []dhcp4.Message) []byte {
	for _, m := range messages {
		payload, dropped := wire4.Encode(m, nil)
		if len(dropped) > 0 {
			s.observer.Omitted(len(dropped))
		}
		buf = wire4.AppendFrame(buf, payload)
	}
	return buf
}

// Bulk4 is one bulk leasequery being answered over a connection (RFC 6926).
type Bulk4 struct {
	s     *Server
	bulk  *leasequery.Bulk
	began time.Time
	done  bool
}

// Next is part of LeaseQuery4.
func (b *Bulk4) Next(buf []byte) (frames []byte, more bool) {
	var messages []dhcp4.Message
	var why leasequery.Why
	at := b.s.moment()
	b.s.reader.Read(func(v storage.View) { messages, more, why = b.bulk.Next(v, at) })
	if !more {
		b.end(outcomeOfLeaseQuery(why))
	}
	return b.s.frames(buf, messages), more
}

// Abort is part of LeaseQuery4.
func (b *Bulk4) Abort() { b.bulk.Abort() }

// Close is part of LeaseQuery4.
func (b *Bulk4) Close() { b.end(LeaseQueryAborted) }

func (b *Bulk4) end(o Outcome) {
	if !b.done {
		b.done = true
		b.s.observer.Ended(dhcp4.BulkLeaseQuery, o, b.s.clock.Now().Sub(b.began))
	}
}

const (
	// changesEach is how many changes one Next tells at most.
	changesEach = 256
	// forgottenMax is how many addresses of which nothing is known any more are looked up for a catch-up, and
	// recallMax how long that may take.
	forgottenMax = 4096
	recallMax    = 10 * time.Second
	// lookEvery is how often an active query without changes is looked at: whether leases lapsed, whether its
	// requester may still ask, whether it should hear that the connection lives.
	lookEvery = time.Second
)

// Active4 is one active leasequery being answered over a connection (RFC 7724).
type Active4 struct {
	s       *Server
	active  *leasequery.Active
	began   time.Time
	done    bool
	follows bool
	next    uint64 // number of the next change
	changed []netip.Addr
	idle    bool // the last Next told nothing
	behind  bool
}

// Next is part of LeaseQuery4. It may have nothing to append; then Wait says when to call it again.
func (a *Active4) Next(buf []byte) (frames []byte, more bool) {
	at := a.s.moment()
	a.follow(at)
	a.changed = a.changed[:0]
	looking := false
	if a.follows && a.active.Live() {
		looking = a.s.lapse(at)
		var ok bool
		if a.changed, a.next, ok = a.s.changes.After(a.changed, a.next, changesEach); !ok {
			a.behind = true
			a.active.Behind()
		}
	}
	var messages []dhcp4.Message
	var why leasequery.Why
	a.s.reader.Read(func(v storage.View) { messages, more, why = a.active.Next(v, at, a.changed) })
	a.idle = len(messages) == 0 && !looking
	switch {
	case !more && a.behind:
		a.end(LeaseQueryBehind)
	case !more:
		a.end(outcomeOfLeaseQuery(why))
	}
	return a.s.frames(buf, messages), more
}

// follow begins to follow the changes, before anything of the past is looked at, so that none falls between.
func (a *Active4) follow(at leasequery.Moment) {
	if a.follows || a.done || !at.Fresh {
		return
	}
	a.follows = true
	a.next = a.s.changes.Follow()
	a.s.lapses.enter(at.Cluster)
	since, asked := a.active.Since()
	if !asked {
		return
	}
	ctx, stop := a.s.clock.WithTimeout(context.Background(), recallMax)
	defer stop()
	page, err := a.s.changes.History(ctx, history.Query{Gone: true, Since: max(since, 1), Limit: forgottenMax})
	var forgotten []netip.Addr
	for i := range page.Events {
		forgotten = append(forgotten, page.Events[i].Addr)
	}
	known := err == nil && page.Begin != 0 && page.Begin <= since && len(page.Gaps) == 0 && !page.More
	a.active.Recall(forgotten, known)
}

// Wait returns what ends the time in which Next has nothing to tell: a change, or the time given. It returns
// nil if there may be something now.
func (a *Active4) Wait() (grown <-chan struct{}, most time.Duration) {
	if !a.idle || !a.follows {
		return nil, 0
	}
	return a.s.changes.Grown(a.next), lookEvery
}

// Second makes the query one too many on its connection.
func (a *Active4) Second() { a.active.Second() }

// Abort is part of LeaseQuery4.
func (a *Active4) Abort() { a.active.Abort() }

// Finish ends a query that its requester has ended, as they do.
func (a *Active4) Finish() { a.end(LeaseQueryAnswered) }

// Close is part of LeaseQuery4.
func (a *Active4) Close() { a.end(LeaseQueryAborted) }

func (a *Active4) end(o Outcome) {
	if a.done {
		return
	}
	a.done = true
	if a.follows {
		a.s.lapses.leave()
		a.s.changes.Unfollow()
	}
	a.s.observer.Ended(dhcp4.ActiveLeaseQuery, o, a.s.clock.Now().Sub(a.began))
}

const (
	// lapsePages is how many pages one call of lapse looks at, lapseRest how long it rests after it has looked
	// at all leases, and lapseShare how many times as long as that took, at least.
	lapsePages = 64
	lapseRest  = time.Second
	lapseShare = 20
)

// lapses is how far the leases were looked through for those that only the clock changes, for all active
// queries of this node together.
type lapses struct {
	mu       sync.Mutex
	queries  int
	after    lease.Instant // what lapsed until then was noted
	upTo     lease.Instant // 0: no look is under way
	from     netip.Addr    // how far the look has come
	began    time.Time
	notUntil time.Time
}

func (l *lapses) enter(now lease.Instant) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.queries++; l.queries == 1 {
		l.after, l.upTo, l.notUntil = now, 0, time.Time{}
	}
}

func (l *lapses) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queries--
}

// lapse looks for leases whose time has passed, and notes them among the changes. Whichever query comes by
// does it for all of them; each call does a part of it, and more says that it is not done.
func (s *Server) lapse(at leasequery.Moment) (more bool) {
	l := &s.lapses
	if !at.Fresh || !l.mu.TryLock() {
		return false
	}
	defer l.mu.Unlock()
	now := s.clock.Now()
	if l.upTo == 0 {
		if now.Before(l.notUntil) || at.Cluster <= l.after {
			return false
		}
		l.upTo, l.from, l.began = at.Cluster, netip.Addr{}, now
	}
	for range lapsePages {
		var addrs []netip.Addr
		s.reader.Read(func(v storage.View) {
			addrs, l.from = leasequery.Lapsed(v, l.from, l.after, l.upTo)
		})
		s.changes.Note(addrs)
		if !l.from.IsValid() {
			now = s.clock.Now()
			l.after, l.upTo, l.notUntil = l.upTo, 0, now.Add(max(lapseRest, lapseShare*now.Sub(l.began)))
			return false
		}
	}
	return true
}
