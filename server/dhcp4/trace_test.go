package dhcp4

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A decision that nobody asks about is made as if there were no Trace, and one that somebody does ask about is
// the same.
func TestTrace_DecidesNothing(t *testing.T) {
	for _, kind := range []MessageType{Discover, Request, Inform, 0} {
		w := newWorld(t, testConfig())
		q, in := query(kind, 7), heard("", "")
		if kind == Inform {
			q.CIAddr = ip("10.67.0.9")
		}
		plain := Decide(w.view(), q, in, &w.self)
		var trace Trace
		w.self.Trace = &trace
		traced := Decide(w.view(), q, in, &w.self)
		if traced.Why != trace.Decision.Why {
			t.Errorf("type %d: why %d, traced as %d", kind, traced.Why, trace.Decision.Why)
		}
		traced.trace = nil
		if plain.Why != traced.Why || plain.Local.Lease.Addr != traced.Local.Lease.Addr || plain.Key != traced.Key ||
			plain.Hold != traced.Hold || !cmp.Equal(plain.Classes, traced.Classes) {
			t.Errorf("type %d: %+v, traced %+v", kind, plain, traced)
		}
	}
}

// Without a Trace nothing is allocated for it: what Decide and Reply cost is pinned.
func TestTrace_NilCostsNothing(t *testing.T) {
	var none *Trace
	w := newWorld(t, testConfig())
	view := w.view()
	m := Message{}
	c := chooser{}
	if n := testing.AllocsPerRun(100, func() {
		_ = none.begin(view, false)
		none.located(&place{}, zero)
		none.decided(&c)
		none.granted(&grant{}, nil)
		none.replied(c.d.Local, &m, Answer)
	}); n != 0 {
		t.Errorf("%v allocations for a trace that nobody wants", n)
	}
}
