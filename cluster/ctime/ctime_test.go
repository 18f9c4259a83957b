package ctime

import (
	"testing"
	"time"

	"port67/storage/lease"
)

// hands is a Clock that a test moves.
type hands struct{ Reading }

func (h *hands) Now() Reading { return h.Reading }

// pass lets all clocks go on alike.
func (h *hands) pass(d time.Duration) {
	h.Raw += d
	h.Boot += d
	h.Wall += d
}

func newHands() *hands {
	return &hands{Reading{Raw: time.Hour, Boot: 2 * time.Hour, Wall: 490_000 * time.Hour}}
}

func (t *Keeper) leads(tt *testing.T, applied lease.Instant) Millis {
	tt.Helper()
	now, _, ok := t.Lead(applied)
	if !ok {
		tt.Fatal("does not lead")
	}
	return now
}

func TestLeaderClock_NeverFast(t *testing.T) {
	const start = lease.Genesis
	for _, c := range []struct {
		name string
		move func(*hands)
		want Millis // after start
	}{
		{"all clocks alike", func(h *hands) { h.pass(10 * time.Second) }, 10_000},
		{"wall time steps forward", func(h *hands) { h.pass(time.Second); h.Wall += time.Hour }, 1000},
		{"wall time steps back", func(h *hands) { h.pass(time.Second); h.Wall -= time.Hour }, 1000},
		{"the machine slept: raw stood still", func(h *hands) { h.Boot += time.Hour; h.Wall += time.Hour }, 0},
		{"boot is slewed to run slow", func(h *hands) { h.pass(10 * time.Second); h.Boot -= time.Second }, 9000},
		{"boot is slewed to run fast", func(h *hands) { h.pass(10 * time.Second); h.Boot += time.Second }, 10_000},
		{"a clock goes back", func(h *hands) { h.Raw -= time.Second }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHands()
			k := New(h)
			k.Begin(3, start, 2)
			c.move(h)
			if got := k.leads(t, start) - Of(start); got != c.want {
				t.Errorf("went on by %d ms, want %d", got, c.want)
			}
		})
	}
}

func TestLeaderClock_GoesOnFromWhatAnOperatorAdvanced(t *testing.T) {
	h := newHands()
	k := New(h)
	k.Begin(1, lease.Genesis, 1)
	h.pass(5 * time.Second)
	if got := k.leads(t, lease.Genesis+3600); got != Of(lease.Genesis+3600) {
		t.Errorf("lead = %d, want the clock of the state", got)
	}
	h.pass(2 * time.Second)
	if got := k.leads(t, lease.Genesis+3600); got != Of(lease.Genesis+3602) {
		t.Errorf("lead = %d, want two seconds more", got)
	}
}

func TestNewLeader_Start(t *testing.T) {
	const last = lease.Genesis + 100
	heard := Of(lease.Genesis + 1000)
	for _, c := range []struct {
		name     string
		term     uint64 // of the leader that was heard
		lastTerm uint64 // of the entry that set the clock of the state
		passed   time.Duration
		want     Millis
	}{
		{"nothing passed", 5, 5, 0, heard},
		{"what passed counts, less ρ", 5, 5, 1000 * time.Second, heard + 995_000},
		{"a later leader has stamped: its clock may have been slower", 5, 6, time.Second, Of(last)},
		{"the state came with a snapshot: term unknown", 5, 0, time.Second, Of(last)},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHands()
			k := New(h)
			k.Hear(c.term, heard, h.Now())
			h.pass(c.passed)
			k.Begin(c.term+2, last, c.lastTerm)
			if got := k.leads(t, last); got != c.want {
				t.Errorf("starts at %d, want %d", got, c.want)
			}
		})
	}
	t.Run("never before the log", func(t *testing.T) {
		h := newHands()
		k := New(h)
		k.Hear(5, Of(last-50), h.Now())
		k.Begin(6, last, 5)
		if got := k.leads(t, last); got != Of(last) {
			t.Errorf("starts at %d, want the log's %d", got, Of(last))
		}
	})
}

func TestUpper_FromTheSendByTheFastestClock(t *testing.T) {
	const at = lease.Genesis + 500
	for _, c := range []struct {
		name string
		move func(*hands)
		min  Millis // after at
		ok   bool
	}{
		{"at once", func(*hands) {}, 0, true},
		{"10 s", func(h *hands) { h.pass(10 * time.Second) }, 10_150, true},
		{"raw runs ahead", func(h *hands) { h.pass(10 * time.Second); h.Raw += time.Second }, 11_165, true},
		{"the machine slept", func(h *hands) { h.Boot += time.Hour; h.Wall += time.Hour }, 3_654_000, true},
		{"wall time slews", func(h *hands) { h.pass(9 * time.Second); h.Wall += time.Second }, 10_150, true},
		{"wall time steps forward", func(h *hands) { h.Wall += 1001 * time.Millisecond }, 0, false},
		{"wall time steps back", func(h *hands) { h.Wall -= 1001 * time.Millisecond }, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHands()
			k := New(h)
			sent := h.Now()
			k.Hear(1, Of(at), sent)
			c.move(h)
			got, ok := k.Upper()
			if ok != c.ok || (ok && (got < Of(at)+c.min || got > Of(at)+c.min+2)) {
				t.Errorf("upper = %d ms after, %v; want %d, %v", got-Of(at), ok, c.min, c.ok)
			}
		})
	}
}

func TestUpper_CountsFromTheSendNotTheAnswer(t *testing.T) {
	h := newHands()
	k := New(h)
	sent := h.Now()
	h.pass(time.Second)
	k.Hear(1, Of(lease.Genesis), sent)
	if got, _ := k.Upper(); got < Of(lease.Genesis+1) {
		t.Errorf("upper = %d, want at least the second that the exchange took", got-Of(lease.Genesis))
	}
}

func TestUpper_NoAnchorAtStartAndAfterAStep(t *testing.T) {
	h := newHands()
	k := New(h)
	if _, ok := k.Upper(); ok {
		t.Error("an anchor from nowhere")
	}
	k.Hear(1, Of(lease.Genesis), h.Now())
	h.Wall += time.Minute
	if _, ok := k.Upper(); ok {
		t.Error("the anchor outlived a step of wall time")
	}
	h.Wall -= time.Minute
	if _, ok := k.Upper(); ok {
		t.Error("the anchor came back by itself")
	}
	k.Hear(1, Of(lease.Genesis+60), h.Now())
	if _, ok := k.Upper(); !ok {
		t.Error("no anchor after a new exchange")
	}
}

func TestHear_TermsNeverGoBack(t *testing.T) {
	h := newHands()
	k := New(h)
	k.Hear(7, Of(lease.Genesis+100), h.Now())
	k.Hear(6, Of(lease.Genesis+10), h.Now())
	if got, _ := k.Upper(); got < Of(lease.Genesis+100) {
		t.Errorf("upper = %d: a deposed leader was believed", got-Of(lease.Genesis))
	}
	k.Begin(8, lease.Genesis, 7)
	if got := k.leads(t, lease.Genesis); got != Of(lease.Genesis+100) {
		t.Errorf("starts at %d, want what the leader of term 7 said", got-Of(lease.Genesis))
	}
}

func TestTell_TheLargestBoundUntilTheNextExchange(t *testing.T) {
	h := newHands()
	k := New(h)
	k.Hear(1, Of(lease.Genesis), h.Now())
	k.Tell(Of(lease.Genesis + 30))
	k.Tell(Of(lease.Genesis + 20))
	if got, _ := k.Upper(); got < Of(lease.Genesis+30) {
		t.Errorf("upper = %d: the larger bound was lost", got-Of(lease.Genesis))
	}
	if got, _ := k.Own(); got >= Of(lease.Genesis+20) {
		t.Errorf("own = %d: what others told is passed on as one's own", got-Of(lease.Genesis))
	}
	h.pass(time.Second)
	k.Hear(1, Of(lease.Genesis+1), h.Now())
	if got, _ := k.Upper(); got >= Of(lease.Genesis+20) {
		t.Errorf("upper = %d: a bound outlived an exchange that began after it", got-Of(lease.Genesis))
	}
}

func TestInTouch_ThreeSeconds(t *testing.T) {
	h := newHands()
	k := New(h)
	if k.InTouch() {
		t.Error("in touch before the first exchange")
	}
	k.Hear(1, Of(lease.Genesis), h.Now())
	h.pass(2900 * time.Millisecond)
	if !k.InTouch() {
		t.Error("not in touch after 2.9 s")
	}
	h.pass(100 * time.Millisecond)
	if k.InTouch() {
		t.Error("in touch after 3 s")
	}
}
