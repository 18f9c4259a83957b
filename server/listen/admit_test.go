package listen

import (
	"runtime"
	"slices"
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
	p.in = server.Datagram{Payload: b}
	return p
}

func TestGate_ServesTheMostUrgentFirst(t *testing.T) {
	g := gate{runningMax: 1, activeMax: 1}
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
	g := gate{runningMax: 1, activeMax: 1}
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

// comesBack has an exchange that has rested want to go on, and returns when it waits for its turn. The channel
// is closed when it goes on.
func comesBack(g *gate, settled bool) <-chan struct{} {
	waiting := func() int {
		g.mu.Lock()
		defer g.mu.Unlock()
		return len(g.back) + len(g.settled)
	}
	before, on := waiting(), make(chan struct{})
	go func() {
		g.resume(settled)
		close(on)
	}()
	for waiting() == before {
		runtime.Gosched()
	}
	return on
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Exchanges that rest leave their places to others, up to the bound of all, and when they come back they take
// turns with those that have not begun.
func TestGate_RestsAndResumes(t *testing.T) {
	g := gate{runningMax: 3, activeMax: 1}
	g.enter(message(1, false, 1))
	for xid := byte(2); xid <= 5; xid++ {
		if now, _ := g.enter(message(1, false, xid)); now {
			t.Fatalf("%d was served at once beside one that computes", xid)
		}
	}
	for xid := byte(2); xid <= 3; xid++ { // The first rests, then the second.
		if p := g.rest(); p == nil || p.b[7] != xid {
			t.Fatalf("rest = %v, want %d", p, xid)
		}
	}
	if p := g.rest(); p != nil { // The third rests: three go on already.
		t.Fatalf("rest = %v, want nothing: as many go on as may", p)
	}
	g.resume(false) // The first comes back, nobody computes.
	third, second := comesBack(&g, false), comesBack(&g, true)
	if isClosed(second) || isClosed(third) {
		t.Fatal("two compute at once")
	}
	if p := g.next(); p != nil { // The first ends: the second goes on, for which the log has spoken.
		t.Fatalf("next = %v, want nothing: one comes back", p)
	}
	<-second
	fourth := comesBack(&g, false)
	g.running++                  // One more that rests, to come back as well.
	if p := g.next(); p != nil { // The second ends: the third goes on.
		t.Fatalf("next = %v, want nothing: one comes back", p)
	}
	<-third
	if p := g.next(); p == nil || p.b[7] != 4 || isClosed(fourth) { // The third ends: a new one has its turn.
		t.Fatalf("next = %v, want 4, and the other to wait", p)
	}
	if p := g.next(); p != nil { // It ends: the other goes on.
		t.Fatalf("next = %v, want nothing: one comes back", p)
	}
	<-fourth
	if p := g.next(); p == nil || p.b[7] != 5 {
		t.Fatalf("next = %v, want 5", p)
	}
	if p := g.next(); p != nil || g.active != 0 || g.running != 0 || g.queued != 0 {
		t.Errorf("at the end next = %v, active %d, running %d, queued %d", p, g.active, g.running, g.queued)
	}
}

// through returns a DISCOVER that came through a relay agent, by the last octet of its address; 0 for none.
func through(relay, xid byte) *packet {
	p := message(1, false, xid)
	if relay != 0 {
		copy(p.b[24:], []byte{10, 67, 0, relay})
	}
	return p
}

// apart returns relay agents that are in lanes of their own.
func apart(t *testing.T, n int) []byte {
	t.Helper()
	var relays []byte
	lanes := map[uint8]bool{}
	for r := byte(1); len(relays) < n && r < 200; r++ {
		if l := laneOf(through(r, 0)); !lanes[l] {
			lanes[l] = true
			relays = append(relays, r)
		}
	}
	if len(relays) < n {
		t.Fatalf("%d of %d relay agents in lanes of their own", len(relays), n)
	}
	return relays
}

// What waits behind one relay agent does not stand before what came through another (W-053).
func TestGate_W_053_PathsTakeTurns(t *testing.T) {
	relays := apart(t, 3)
	g := gate{runningMax: 1, activeMax: 1}
	g.enter(message(1, false, 0))
	for i := range byte(6) {
		g.enter(through(relays[0], 10+i))
	}
	g.enter(through(relays[1], 20))
	g.enter(through(relays[1], 21))
	g.enter(through(relays[2], 30))
	var got []byte
	for p := g.next(); p != nil; p = g.next() {
		got = append(got, p.b[7])
	}
	if want := []byte{10, 20, 30, 11, 21, 12, 13, 14, 15}; !slices.Equal(got, want) {
		t.Errorf("served in the order %v, want %v", got, want)
	}
}

// A queue that is full of one relay agent's is emptied of these, however many come, until it has no more than
// another (W-053).
func TestGate_W_053_TheLongestLaneIsShed(t *testing.T) {
	relays := apart(t, 2)
	g := gate{runningMax: 1, activeMax: 1}
	g.enter(message(1, false, 0))
	for range queueMax {
		g.enter(through(relays[0], 1))
	}
	shedOf := map[byte]int{}
	for range queueMax {
		if _, shed := g.enter(through(relays[1], 2)); shed != nil {
			shedOf[shed.b[7]]++
		}
		if _, shed := g.enter(through(relays[0], 1)); shed != nil {
			shedOf[shed.b[7]]++
		}
	}
	// The second takes its half of the places from the first, and loses only what comes beyond it.
	if kept := queueMax - shedOf[2]; kept < queueMax/2-1 || kept > queueMax/2+1 {
		t.Errorf("of the second relay agent's %d were shed, want half of %d: %v", shedOf[2], queueMax, shedOf)
	}
	if g.queued != queueMax {
		t.Errorf("queued = %d, want %d", g.queued, queueMax)
	}
	for range queueMax {
		if g.next() == nil {
			t.Fatal("the gate has lost datagrams")
		}
	}
	if p := g.next(); p != nil || g.queued != 0 {
		t.Errorf("after the last: %v, %d queued", p, g.queued)
	}
}
