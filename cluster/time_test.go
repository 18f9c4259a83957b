package cluster

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

func (t *timekeeper) leads(tt *testing.T, applied lease.Instant) millis {
	tt.Helper()
	now, _, ok := t.lead(applied)
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
		want millis // after start
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
			k := newTimekeeper(h)
			k.begin(3, start, 2)
			c.move(h)
			if got := k.leads(t, start) - millisOf(start); got != c.want {
				t.Errorf("went on by %d ms, want %d", got, c.want)
			}
		})
	}
}

func TestLeaderClock_GoesOnFromWhatAnOperatorAdvanced(t *testing.T) {
	h := newHands()
	k := newTimekeeper(h)
	k.begin(1, lease.Genesis, 1)
	h.pass(5 * time.Second)
	if got := k.leads(t, lease.Genesis+3600); got != millisOf(lease.Genesis+3600) {
		t.Errorf("lead = %d, want the clock of the state", got)
	}
	h.pass(2 * time.Second)
	if got := k.leads(t, lease.Genesis+3600); got != millisOf(lease.Genesis+3602) {
		t.Errorf("lead = %d, want two seconds more", got)
	}
}

func TestNewLeader_Start(t *testing.T) {
	const last = lease.Genesis + 100
	heard := millisOf(lease.Genesis + 1000)
	for _, c := range []struct {
		name     string
		term     uint64 // of the leader that was heard
		lastTerm uint64 // of the entry that set the clock of the state
		passed   time.Duration
		want     millis
	}{
		{"nothing passed", 5, 5, 0, heard},
		{"what passed counts, less ρ", 5, 5, 1000 * time.Second, heard + 995_000},
		{"a later leader has stamped: its clock may have been slower", 5, 6, time.Second, millisOf(last)},
		{"the state came with a snapshot: term unknown", 5, 0, time.Second, millisOf(last)},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHands()
			k := newTimekeeper(h)
			k.hear(c.term, heard, h.Now())
			h.pass(c.passed)
			k.begin(c.term+2, last, c.lastTerm)
			if got := k.leads(t, last); got != c.want {
				t.Errorf("starts at %d, want %d", got, c.want)
			}
		})
	}
	t.Run("never before the log", func(t *testing.T) {
		h := newHands()
		k := newTimekeeper(h)
		k.hear(5, millisOf(last-50), h.Now())
		k.begin(6, last, 5)
		if got := k.leads(t, last); got != millisOf(last) {
			t.Errorf("starts at %d, want the log's %d", got, millisOf(last))
		}
	})
}

func TestUpper_FromTheSendByTheFastestClock(t *testing.T) {
	const at = lease.Genesis + 500
	for _, c := range []struct {
		name string
		move func(*hands)
		min  millis // after at
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
			k := newTimekeeper(h)
			sent := h.Now()
			k.hear(1, millisOf(at), sent)
			c.move(h)
			got, ok := k.upper()
			if ok != c.ok || (ok && (got < millisOf(at)+c.min || got > millisOf(at)+c.min+2)) {
				t.Errorf("upper = %d ms after, %v; want %d, %v", got-millisOf(at), ok, c.min, c.ok)
			}
		})
	}
}

func TestUpper_CountsFromTheSendNotTheAnswer(t *testing.T) {
	h := newHands()
	k := newTimekeeper(h)
	sent := h.Now()
	h.pass(time.Second)
	k.hear(1, millisOf(lease.Genesis), sent)
	if got, _ := k.upper(); got < millisOf(lease.Genesis+1) {
		t.Errorf("upper = %d, want at least the second that the exchange took", got-millisOf(lease.Genesis))
	}
}

func TestUpper_NoAnchorAtStartAndAfterAStep(t *testing.T) {
	h := newHands()
	k := newTimekeeper(h)
	if _, ok := k.upper(); ok {
		t.Error("an anchor from nowhere")
	}
	k.hear(1, millisOf(lease.Genesis), h.Now())
	h.Wall += time.Minute
	if _, ok := k.upper(); ok {
		t.Error("the anchor outlived a step of wall time")
	}
	h.Wall -= time.Minute
	if _, ok := k.upper(); ok {
		t.Error("the anchor came back by itself")
	}
	k.hear(1, millisOf(lease.Genesis+60), h.Now())
	if _, ok := k.upper(); !ok {
		t.Error("no anchor after a new exchange")
	}
}

func TestHear_TermsNeverGoBack(t *testing.T) {
	h := newHands()
	k := newTimekeeper(h)
	k.hear(7, millisOf(lease.Genesis+100), h.Now())
	k.hear(6, millisOf(lease.Genesis+10), h.Now())
	if got, _ := k.upper(); got < millisOf(lease.Genesis+100) {
		t.Errorf("upper = %d: a deposed leader was believed", got-millisOf(lease.Genesis))
	}
	k.begin(8, lease.Genesis, 7)
	if got := k.leads(t, lease.Genesis); got != millisOf(lease.Genesis+100) {
		t.Errorf("starts at %d, want what the leader of term 7 said", got-millisOf(lease.Genesis))
	}
}

func TestTell_TheLargestBoundUntilTheNextExchange(t *testing.T) {
	h := newHands()
	k := newTimekeeper(h)
	k.hear(1, millisOf(lease.Genesis), h.Now())
	k.tell(millisOf(lease.Genesis + 30))
	k.tell(millisOf(lease.Genesis + 20))
	if got, _ := k.upper(); got < millisOf(lease.Genesis+30) {
		t.Errorf("upper = %d: the larger bound was lost", got-millisOf(lease.Genesis))
	}
	if got, _ := k.own(); got >= millisOf(lease.Genesis+20) {
		t.Errorf("own = %d: what others told is passed on as one's own", got-millisOf(lease.Genesis))
	}
	h.pass(time.Second)
	k.hear(1, millisOf(lease.Genesis+1), h.Now())
	if got, _ := k.upper(); got >= millisOf(lease.Genesis+20) {
		t.Errorf("upper = %d: a bound outlived an exchange that began after it", got-millisOf(lease.Genesis))
	}
}

func TestInTouch_ThreeSeconds(t *testing.T) {
	h := newHands()
	k := newTimekeeper(h)
	if k.inTouch() {
		t.Error("in touch before the first exchange")
	}
	k.hear(1, millisOf(lease.Genesis), h.Now())
	h.pass(2900 * time.Millisecond)
	if !k.inTouch() {
		t.Error("not in touch after 2.9 s")
	}
	h.pass(100 * time.Millisecond)
	if k.inTouch() {
		t.Error("in touch after 3 s")
	}
}

func TestMachineClock_Reads(t *testing.T) {
	a := machineClock{}.Now()
	b := machineClock{}.Now()
	if b.Raw < a.Raw || b.Boot < a.Boot || a.Wall <= 0 {
		t.Errorf("readings %+v, %+v", a, b)
	}
}
