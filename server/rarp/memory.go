package rarp

import "port67/server/recent"

// Millis is a moment in milliseconds since any beginning. It may go back when a clock is set.
type Millis int64

const (
	// retryWindow is how long a request that nobody has answered is remembered: the next one within it is the
	// second (RP-010).
	retryWindow Millis = 3000
	// trust is how long a node that has answered a device is not suspected, whatever the device sends: a
	// storm of requests would otherwise call up node after node.
	trust Millis = 1000
	// overtake is how much earlier than the request itself the word that it was answered may come.
	overtake Millis = 100
	// RepliesMax is how often one device is answered within a second (RP-011).
	RepliesMax = 4
)

// Memory is what a node remembers of the devices that ask by RARP: when they were last heard (RP-012), what
// no other node has answered, and how often this one did. Only devices with a reservation come in, and the
// oldest go out when it is full. What is forgotten costs a doubled or a late answer.
type Memory struct {
	devices *recent.Map[uint64, *device]
}

// device is the last that was heard of one device.
type device struct {
	heard    Millis // the last request
	known    bool   // heard is set
	pending  int    // requests since answered, each within retryWindow of the one before
	answered Millis // when another node last said that it has answered
	trusted  bool   // answered is set
	second   Millis // when the second began in which replies are counted
	replies  int
}

// Heard is what a Memory says about one request.
type Heard struct {
	Why Why // Answer, OthersTurn or TooMany
	// Before is how long ago the device was heard before; Known says that it was.
	Before Millis
	Known  bool
}

// NewMemory returns a Memory for so many devices.
func NewMemory(limit int) *Memory { return &Memory{recent.NewMap[uint64, *device](limit)} }

// Hear notes a request of a device at now and says whether it is this node's turn to answer, if ahead nodes
// should do so before it: the first of them answers at once; the second when a device asks for the second
// time and the first is not known to have answered; and so on. Who has begun to answer in another's place
// goes on until that one is heard of.
func (m *Memory) Hear(id uint64, ahead int, now Millis) Heard {
	d := m.device(id)
	h := Heard{Why: Answer, Before: now - d.heard, Known: d.known}
	if !within(d.heard, now, retryWindow) {
		d.pending = 0
	}
	earlier := d.pending
	d.heard, d.known = now, true
	switch {
	case ahead == 0:
		d.pending = 0 // Should another node be the owner by the next time, it has not missed any.
	case !d.trusted || !within(d.answered, now, overtake):
		d.pending++
	}
	trusted := d.trusted && within(d.answered, now, trust)
	if ahead > 0 && (earlier < ahead || trusted) {
		h.Why = OthersTurn
		return h
	}
	if !within(d.second, now, 1000) {
		d.second, d.replies = now, 0
	}
	if d.replies >= RepliesMax {
		h.Why = TooMany
		return h
	}
	d.replies++
	return h
}

// AnsweredElsewhere notes at now that another node says that it has answered a device.
func (m *Memory) AnsweredElsewhere(id uint64, now Millis) {
	d := m.device(id)
	d.pending, d.answered, d.trusted = 0, now, true
}

// Len returns how many devices are remembered.
func (m *Memory) Len() int { return m.devices.Len() }

// device returns what is remembered of a device, made if there is nothing.
func (m *Memory) device(id uint64) *device {
	d, ok := m.devices.Get(id)
	if !ok {
		d = &device{}
		m.devices.Put(id, d)
	}
	return d
}

// within says whether now is less than span after then. A moment from the future is not: the clock was set.
func within(then, now, span Millis) bool { return then <= now && now-then < span }
