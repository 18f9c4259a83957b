package rarp

import "testing"

func TestMemory_RP_010_WhoseTurn(t *testing.T) {
	const other = -1 // Not a request: another node says that it has answered.
	type step struct {
		at    Millis
		ahead int
		want  Why
	}
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"the owner answers at once, each time", []step{{0, 0, Answer}, {1000, 0, Answer}, {1001, 0, Answer}}},
		{"the next node answers the second request", []step{{0, 1, OthersTurn}, {1000, 1, Answer}}},
		{"and goes on, since the owner is silent", []step{
			{0, 1, OthersTurn}, {1000, 1, Answer}, {2000, 1, Answer}, {2001, other, 0}, {4000, 1, OthersTurn},
		}},
		{"the owner becomes the second", []step{{0, 0, Answer}, {500, 0, Answer}, {1000, 1, OthersTurn}}},
		{"the third node answers the third", []step{
			{0, 2, OthersTurn}, {1000, 2, OthersTurn}, {2000, 2, Answer},
		}},
		{"three seconds later it is a first request", []step{
			{0, 1, OthersTurn}, {3000, 1, OthersTurn}, {5999, 1, Answer},
		}},
		{"the owner is not alive any more: it is no more ahead", []step{{0, 1, OthersTurn}, {5000, 0, Answer}}},
		{"the owner has answered: it is not suspected", []step{
			{0, 1, OthersTurn}, {1, other, 0}, {2000, 1, OthersTurn}, {2001, other, 0}, {4000, 1, OthersTurn},
		}},
		{"the owner has answered and then died", []step{
			{0, 1, OthersTurn}, {1, other, 0}, {1500, 1, OthersTurn}, {2500, 1, Answer},
		}},
		{"the owner's word overtakes the request", []step{
			{0, other, 0}, {50, 1, OthersTurn}, {1500, 1, OthersTurn}, {2500, 1, Answer},
		}},
		{"a storm that the owner answers calls up nobody", []step{
			{0, 1, OthersTurn}, {1, other, 0}, {200, 1, OthersTurn}, {400, 1, OthersTurn}, {900, 1, OthersTurn},
		}},
		{"the clock was set back", []step{{5000, 1, OthersTurn}, {100, 1, OthersTurn}, {200, 1, Answer}}},
	} {
		m := NewMemory(8)
		for i, s := range tt.steps {
			if s.ahead == other {
				m.AnsweredElsewhere(1, s.at)
				continue
			}
			if got := m.Hear(1, s.ahead, s.at); got.Why != s.want {
				t.Errorf("%s: step %d at %d: %d, want %d", tt.name, i, s.at, got.Why, s.want)
			}
		}
	}
}

func TestMemory_RP_011_SoManyRepliesASecondToOneDevice(t *testing.T) {
	m := NewMemory(8)
	count := func(from, to Millis, id uint64) (n int) {
		for at := from; at < to; at += 10 {
			if m.Hear(id, 0, at).Why == Answer {
				n++
			}
		}
		return n
	}
	if got := count(0, 1000, 1); got != RepliesMax {
		t.Errorf("%d replies to a hundred requests in a second, want %d", got, RepliesMax)
	}
	if got := m.Hear(2, 0, 990).Why; got != Answer {
		t.Errorf("another device: %d, want an answer", got)
	}
	if got := count(1000, 3000, 1); got != 2*RepliesMax {
		t.Errorf("%d replies in the next two seconds, want %d", got, 2*RepliesMax)
	}
	if got := count(500, 600, 1); got != RepliesMax {
		t.Errorf("%d replies after the clock was set back, want %d", got, RepliesMax)
	}
}

func TestMemory_RP_012_LastSeen(t *testing.T) {
	m := NewMemory(2)
	m.AnsweredElsewhere(1, 50) // Not seen by this node.
	if h := m.Hear(1, 0, 100); h.Known {
		t.Errorf("heard before, %d ms ago; want never", h.Before)
	}
	if h := m.Hear(1, 0, 4100); !h.Known || h.Before != 4000 {
		t.Errorf("heard before %v, %d ms ago; want 4000", h.Known, h.Before)
	}
}

func TestMemory_IsBounded(t *testing.T) {
	m := NewMemory(100)
	for id := range uint64(1000) {
		m.Hear(id, 0, Millis(id))
		m.AnsweredElsewhere(id+5000, Millis(id))
	}
	if m.Len() != 100 {
		t.Errorf("%d devices remembered, want 100", m.Len())
	}
	if h := m.Hear(999, 0, 2000); !h.Known {
		t.Error("the latest device is forgotten")
	}
	if h := m.Hear(0, 0, 2000); h.Known {
		t.Error("the first device is remembered")
	}
}
