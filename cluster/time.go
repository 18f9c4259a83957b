package cluster

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

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

type machineClock struct{}

// Now reads the three clocks. The kernel has them all since Linux 2.6.39, and a wrong answer would be worse
// than none, so an error is fatal.
func (machineClock) Now() Reading {
	read := func(id int32) time.Duration {
		var ts unix.Timespec
		if err := unix.ClockGettime(id, &ts); err != nil {
			panic(fmt.Sprintf("clock %d: %v", id, err))
		}
		return time.Duration(ts.Nano())
	}
	return Reading{
		Raw:  read(unix.CLOCK_MONOTONIC_RAW),
		Boot: read(unix.CLOCK_BOOTTIME),
		Wall: read(unix.CLOCK_REALTIME),
	}
}

// millis is a moment of cluster time in thousandths of a second: finer than lease.Instant, so that rounding
// is done once, at the edge, and to the safe side.
type millis int64

func millisOf(i lease.Instant) millis {
	const most = lease.Instant(1<<63-1) / 1000
	return millis(min(i, most)) * 1000
}

// floor returns the last whole second not after m, ceil the first not before it.
func (m millis) floor() lease.Instant { return lease.Instant(m / 1000) }
func (m millis) ceil() lease.Instant  { return lease.Instant((m + 999) / 1000) }

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
func slow(a, b Reading) millis {
	return millis(max(0, min(b.Raw-a.Raw, b.Boot-a.Boot)) / time.Millisecond)
}

// fast is the most time that can have passed from a to b: the largest difference, and 3ρ on top.
func fast(a, b Reading) millis {
	d := max(0, b.Raw-a.Raw, b.Boot-a.Boot, b.Wall-a.Wall)
	d += d / 1000 * (3 * driftPermille)
	return millis((d+time.Millisecond-1)/time.Millisecond) + 1
}

// mark is a moment of cluster time, and the reading at which it was (or at the earliest, or latest, was)
// true.
type mark struct {
	set  bool
	term uint64
	time millis
	at   Reading
}

// timekeeper knows cluster time: exactly while this node leads, and bounds of it otherwise.
//
// The leader's time goes on from where it began by the slowest of the node's clocks. What a node heard from
// a leader gives it two things: a lower bound to begin with when it becomes leader itself, so that nothing
// expires early, and an upper bound from which it may answer renewals by itself, so that nobody is told
// more than the log has promised.
type timekeeper struct {
	clock Clock

	mu      sync.Mutex
	leading bool
	base    mark // of the leader's clock
	heard   mark // measured from the receipt: a lower bound
	anchor  mark // measured from the send: an upper bound
	told    mark // the highest bound of another node since anchor
}

func newTimekeeper(c Clock) *timekeeper { return &timekeeper{clock: c} }

// begin starts the leader's clock: last is the clock of the state, lastTerm the term of the entry that set
// it, 0 if that is not known. What was heard counts only if no leader after the one that was heard has
// stamped an entry: its clock may have been slower, and bookings made by it must not be judged by a faster
// one.
func (t *timekeeper) begin(term uint64, last lease.Instant, lastTerm uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	start := millisOf(last)
	if t.heard.set && lastTerm != 0 && t.heard.term >= lastTerm {
		passed := slow(t.heard.at, now)
		start = max(start, t.heard.time+passed-(passed*driftPermille+999)/1000)
	}
	t.leading = true
	t.base = mark{set: true, term: term, time: start, at: now}
}

// end stops the leader's clock.
func (t *timekeeper) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leading = false
}

// lead returns the leader's time and its term, false if this node does not lead. applied is the clock of the
// state: if an operator has moved it ahead of ours, ours goes on from there.
func (t *timekeeper) lead(applied lease.Instant) (now millis, term uint64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.leading {
		return 0, 0, false
	}
	r := t.clock.Now()
	now = t.base.time + slow(t.base.at, r)
	if m := millisOf(applied); m > now {
		t.base.time, t.base.at, now = m, r, m
	}
	return now, t.base.term, true
}

// hear takes the time that the leader of term had at some moment between sent and now, if its leadership was
// confirmed after it read that time. What an older leader says is ignored.
func (t *timekeeper) hear(term uint64, at millis, sent Reading) {
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

// tell takes the upper bound of another node.
func (t *timekeeper) tell(bound millis) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	if !t.told.set || bound > t.told.time+fast(t.told.at, now) {
		t.told = mark{set: true, time: bound, at: now}
	}
}

// upper returns a moment that cluster time has certainly not passed, false if there is no anchor to reckon
// from. An anchor is lost when wall time and boot time moved apart: then one of the clocks lies, and nobody
// can say which.
func (t *timekeeper) upper() (millis, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	bound, ok := t.reckon(now)
	if ok && t.told.set {
		bound = max(bound, t.told.time+fast(t.told.at, now))
	}
	return bound, ok
}

// own is upper without what other nodes told.
func (t *timekeeper) own() (millis, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reckon(t.clock.Now())
}

func (t *timekeeper) reckon(now Reading) (millis, bool) {
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

// inTouch says whether the leader was heard from within touchMax.
func (t *timekeeper) inTouch() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.anchor.set && fast(t.anchor.at, t.clock.Now()) <= millis(touchMax/time.Millisecond)
}
