package listen

import (
	"testing"

	"port67/server"
)

// message returns a packet with a message of that type; bound sets ciaddr. Its xid tells it from others.
func message(kind byte, bound bool, xid byte) *packet {
	p := new(packet)
	b := p.b[:300]
	b[0], b[7] = 1, xid
	if bound {
		b[12] = 10
	}
	copy(b[236:], []byte{0x63, 0x82, 0x53, 0x63, 53, 1, kind, 255})
	p.n, p.in = len(b), server.Datagram{Payload: b}
	return p
}

func TestGate_ServesTheMostUrgentFirst(t *testing.T) {
	g := gate{runningMax: 1}
	if now, _ := g.enter(message(1, false, 0)); !now {
		t.Fatal("the first was not served at once")
	}
	for _, p := range []*packet{
		message(1, false, 1), message(3, false, 2), message(3, true, 3), message(7, true, 4),
		message(1, false, 5), message(3, true, 6), {},
	} {
		if now, shed := g.enter(p); now || shed != nil {
			t.Fatalf("enter = %v, %v; want to wait", now, shed)
		}
	}
	for _, want := range []byte{3, 6, 2, 4, 1, 5} {
		if p := g.next(); p == nil || p.b[7] != want {
			t.Errorf("next = %v, want xid %d", p, want)
		}
	}
	if g.next(); g.next() != nil || g.running != 0 || g.queued != 0 {
		t.Errorf("running, queued = %d, %d; want none", g.running, g.queued)
	}
}

func TestGate_ShedsTheOldestOfTheLeastUrgent(t *testing.T) {
	g := gate{runningMax: 1}
	g.enter(message(1, false, 0))
	for i := range queueMax {
		kind := byte(3)
		if i < 2 {
			kind = 1
		}
		if _, shed := g.enter(message(kind, false, byte(i+1))); shed != nil {
			t.Fatalf("shed at %d of %d", i, queueMax)
		}
	}
	steps := []struct {
		name string
		in   *packet
		want byte
	}{
		{"a DISCOVER pushes out the older one", message(1, false, 201), 1},
		{"a REQUEST pushes out a DISCOVER", message(3, false, 202), 2},
		{"and the other", message(3, true, 203), 201},
		{"a DISCOVER finds only REQUESTs", message(1, false, 204), 204},
		{"a renewal pushes out the oldest REQUEST", message(3, true, 205), 3},
	}
	for _, s := range steps {
		now, shed := g.enter(s.in)
		if now || shed == nil || shed.b[7] != s.want {
			t.Errorf("%s: shed %v, want xid %d", s.name, shed, s.want)
		}
	}
	if g.queued != queueMax {
		t.Errorf("queued = %d, want %d", g.queued, queueMax)
	}
}
