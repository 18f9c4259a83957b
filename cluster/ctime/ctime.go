// Package ctime is cluster time as one node knows it: exactly while it leads, and within bounds otherwise
// (safety.md §2). It reads the node's clocks through Clock, and says nothing to anybody: what nodes tell each
// other is brought to it.
//
// This package is a spine.
package ctime

import (
	"sync"
	"time"

	"port67/storage/lease"
)

// Reading is all clocks of a machine at one moment. Only differences between readings of one run mean
// anything.
type Reading struct {
	Raw  time.Duration // not stepped and not slewed; stands still while the machine sleeps
	Boot time.Duration // not stepped, but slewed; goes on while the machine sleeps
	Wall time.Duration // may do anything
}

// Clock is the clocks of a machine.
type Clock interface{ Now() Reading }

// Millis is a moment of cluster time in thousandths of a second: finer than lease.Instant, so that rounding
// is done once, at the edge, and to the safe side.
type Millis int64

// Of returns the moment at which second i begins.
func Of(i lease.Instant) Millis {
	const most = lease.Instant(1<<63-1) / 1000
	return Millis(min(i, most)) * 1000
}

// Floor returns the last whole second not after m.
func (m Millis) Floor() lease.Instant { return lease.Instant(m / 1000) }

// Ceil returns the first whole second not before m.
func (m Millis) Ceil() lease.Instant { return lease.Instant((m + 999) / 1000) }

const (
	// driftPermille is ρ: how wrong a clock's rate may be (safety.md, words).
	driftPermille = 5
	// stepMax is how far wall time may move against the boot clock before an anchor is worthless.
	stepMax = time.Second
	// touchMax is how old the last word with the leader may be for a node to make offers (safety.md §3).
	touchMax = 3 * time.Second
)

// slow is the least time that can have passed from a to b: cluster time moves by no more, and it may run slow
// but never fast (safety.md §2).
func slow(a, b Reading) Millis {
	return Millis(max(0, min(b.Raw-a.Raw, b.Boot-a.Boot)) / time.Millisecond)
}

// fast is the most time that can have passed from a to b: the largest difference, and 3ρ on top.
func fast(a, b Reading) Millis {
	d := max(0, b.Raw-a.Raw, b.Boot-a.Boot, b.Wall-a.Wall)
	d += d / 1000 * (3 * driftPermille)
	return Millis((d+time.Millisecond-1)/time.Millisecond) + 1
}

// mark is a moment of cluster time, and the reading at which it was (or at the earliest, or latest, was)
// true.
type mark struct {
	set  bool
	term uint64
	time Millis
	at   Reading
}

// Keeper knows cluster time: exactly while this node leads, and bounds of it otherwise.
//
// The leader's time goes on from where it began by the slowest of the node's clocks. What a node heard from
// a leader gives it two things: a lower bound to begin with when it becomes leader itself, so that nothing
// expires early, and an upper bound from which it may answer renewals by itself, so that nobody is told
// more than the log has promised.
type Keeper struct {
	clock Clock

	mu      sync.Mutex
	leading bool
	base    mark // of the leader's clock
	heard   mark // measured from the receipt: a lower bound
	anchor  mark // measured from the send: an upper bound
	told    mark // the highest bound of another node since anchor
}

// New returns a Keeper that knows nothing yet.
func New(c Clock) *Keeper { return &Keeper{clock: c} }

// Begin starts the leader's clock: last is the clock of the state, lastTerm the term of the entry that set
// it, 0 if that is not known. What was heard counts only if no leader after the one that was heard has
// stamped an entry: its clock may have been slower, and bookings made by it must not be judged by a faster
// one.
func (t *Keeper) Begin(term uint64, last lease.Instant, lastTerm uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	start := Of(last)
	if t.heard.set && lastTerm != 0 && t.heard.term >= lastTerm {
		passed := slow(t.heard.at, now)
		start = max(start, t.heard.time+passed-(passed*driftPermille+999)/1000)
	}
	t.leading = true
	t.base = mark{set: true, term: term, time: start, at: now}
}

// End stops the leader's clock.
func (t *Keeper) End() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leading = false
}

// Lead returns the leader's time and its term, false if this node does not lead. applied is the clock of the
// state: if an operator has moved it ahead of ours, ours goes on from there.
func (t *Keeper) Lead(applied lease.Instant) (now Millis, term uint64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.leading {
		return 0, 0, false
	}
	r := t.clock.Now()
	now = t.base.time + slow(t.base.at, r)
	if m := Of(applied); m > now {
		t.base.time, t.base.at, now = m, r, m
	}
	return now, t.base.term, true
}

// Hear takes the time that the leader of term had at some moment between sent and now, if its leadership was
// confirmed after it read that time. What an older leader says is ignored.
func (t *Keeper) Hear(term uint64, at Millis, sent Reading) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	if term < t.heard.term || term < t.anchor.term {
		return
	}
	if !t.heard.set || term > t.heard.term || at > t.heard.time+slow(t.heard.at, now) {
		t.heard = mark{set: true, term: term, time: at, at: now}
	}
	if t.anchor.set && t.anchor.term == term && sent.Boot < t.anchor.at.Boot {
		return // An exchange that began later has been taken in already.
	}
	t.anchor = mark{set: true, term: term, time: at, at: sent}
	if t.told.set && t.told.at.Boot < sent.Boot {
		t.told = mark{}
	}
}

// Tell takes the upper bound of another node.
func (t *Keeper) Tell(bound Millis) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	if !t.told.set || bound > t.told.time+fast(t.told.at, now) {
		t.told = mark{set: true, time: bound, at: now}
	}
}

// Upper returns a moment that cluster time has certainly not passed, false if there is no anchor to reckon
// from. An anchor is lost when wall time and boot time moved apart: then one of the clocks lies, and nobody
// can say which.
func (t *Keeper) Upper() (Millis, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	bound, ok := t.reckon(now)
	if ok && t.told.set {
		bound = max(bound, t.told.time+fast(t.told.at, now))
	}
	return bound, ok
}

// Own is upper without what other nodes told.
func (t *Keeper) Own() (Millis, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reckon(t.clock.Now())
}

func (t *Keeper) reckon(now Reading) (Millis, bool) {
	if t.anchor.set {
		moved := (now.Wall - now.Boot) - (t.anchor.at.Wall - t.anchor.at.Boot)
		if moved > stepMax || moved < -stepMax {
			t.anchor.set = false
		}
	}
	if !t.anchor.set {
		return 0, false
	}
	return t.anchor.time + fast(t.anchor.at, now), true
}

// InTouch says whether the leader was heard from within touchMax.
func (t *Keeper) InTouch() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.anchor.set && fast(t.anchor.at, t.clock.Now()) <= Millis(touchMax/time.Millisecond)
}
