package conformance

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Vector is one thing that is asked of a server: steps that are played one after the other, each with what it
// shall bring.
type Vector struct {
	Rows  string // the ids of the rows that it shows, parted by spaces
	Asks  string // what is sent and what shall come, in a few words
	Steps []Step
	// Note says who is right where others deviate, or by which ADR we do; it is printed below the matrix.
	Note string
	// Known is what port67d is seen to do instead, on the wire only, as long as it does; the note says why.
	Known string
	// Only narrows down where the vector can be played.
	Only Where
}

// Where says to whom a vector can be played.
type Where int

// The places.
const (
	Everywhere Where = iota
	InProcess        // needs time to pass
	OnWire           // is about frames
	Ours             // asks for what no other server of the matrix has
)

// Step is one message and what shall come of it. In a step that lets time pass, nothing is sent.
type Step struct {
	Client int // which of the vector's clients, from 0
	Kind   byte
	Edits  []Edit
	Want   []Check
	Pass   time.Duration
	// RARP makes a frame that is sent instead of a message; nil in all other steps.
	RARP func(m *Memory) *RARPDraft
	// Before means that the step only prepares what is asked.
	Before bool
}

// Edit changes a message on its way. It sees what its client has heard before.
type Edit func(d *Draft, m *Memory)

// Check is an expectation. See returns "", or in a few words what was seen instead. The reply is nil if
// there was silence.
type Check struct {
	// Silence says that no reply is expected; the subject is then given less time for one.
	Silence bool
	See     func(r *Reply, m *Memory) string
}

// Memory is what a client of a vector knows.
type Memory struct {
	Hardware [6]byte
	Leased   netip.Addr // yiaddr of the last OFFER or ACK
	First    netip.Addr // yiaddr of the first ACK
	ServerID netip.Addr // option 54 of the last reply
	Sent     *Draft     // the last message
	SentRARP *RARPDraft // the last frame by RARP
	Last     *Reply     // the last reply
	Offered  *Reply     // the last OFFER
	Selects  bool       // whether the last reply was an OFFER
	All      []*Memory  // of all clients of the vector, this one included
	vector   int
	xid      uint32
}

// clientsMax is how many clients a vector can have.
const clientsMax = 8

// own returns an address of the lan's pool that no other vector uses.
func (m *Memory) own(n int) netip.Addr {
	a := [4]byte{10, 67, 128}
	binary.BigEndian.PutUint16(a[2:], 0x8000+uint16(m.vector*8+n))
	return netip.AddrFrom4(a)
}

// Subject is a server that vectors are played to. Hear may be called by several vectors at once.
type Subject interface {
	// Hear sends d and returns the reply to it, nil if there was none. silence says that none is expected.
	Hear(d *Draft, m *Memory, silence bool) (*Reply, error)
	// HearRARP sends a frame and returns the reply by RARP to the device that it is about.
	HearRARP(d *RARPDraft, silence bool) (*Reply, error)
	// Pass lets time pass.
	Pass(d time.Duration)
	// Ours says that the server is ours, whose every reply must be sound.
	Ours() bool
}

// Play plays a vector, the n-th of the table, and returns what was seen that is not as it should be; nil if
// all was.
func (v *Vector) Play(n int, s Subject) (seen []string, err error) {
	memories := make([]*Memory, clientsMax)
	for i := range memories {
		memories[i] = &Memory{
			All: memories, vector: n, xid: 0x67<<24 | uint32(n)<<12 | uint32(i)<<8,
			Hardware: [6]byte{2, 0x67, byte(n >> 8), byte(n), 0, byte(i)},
		}
	}
	for _, step := range v.Steps {
		if step.Pass > 0 {
			s.Pass(step.Pass)
			continue
		}
		m := memories[step.Client]
		r, err := m.play(step, s)
		if err != nil {
			return nil, err
		}
		for _, c := range step.Want {
			got := c.See(r, m)
			if got != "" && step.Before {
				return []string{"to begin with: " + got}, nil
			}
			if got != "" {
				seen = append(seen, got)
				break
			}
		}
		if step.RARP != nil {
			continue
		}
		if s.Ours() && r != nil {
			seen = append(seen, unsound(r, m)...)
		}
		m.hear(r)
	}
	return slices.Compact(seen), nil
}

// play sends the message of a step and returns what came.
func (m *Memory) play(step Step, s Subject) (*Reply, error) {
	silence := len(step.Want) > 0 && step.Want[0].Silence
	if step.RARP != nil {
		m.SentRARP = step.RARP(m)
		return s.HearRARP(m.SentRARP, silence)
	}
	d := newDraft(step.Kind, m.Hardware)
	if step.Kind != typeRequest || !m.Selects {
		m.xid++ // A REQUEST that selects repeats that of the DISCOVER (RFC 2131 §4.4.1).
	}
	d.XID = m.xid
	for _, edit := range step.Edits {
		edit(d, m)
	}
	m.Sent = d
	r, err := s.Hear(d, m, silence)
	if err != nil {
		return nil, fmt.Errorf("message %d of client %d: %w", step.Kind, step.Client, err)
	}
	return r, nil
}

// hear remembers what came of a step, once it was looked at.
func (m *Memory) hear(r *Reply) {
	m.Last = r
	if r == nil {
		return
	}
	if a := r.addr(optServer); a.IsValid() {
		m.ServerID = a
	}
	if !r.YIAddr.IsUnspecified() {
		m.Leased = r.YIAddr
	}
	if r.Kind() == typeACK && !m.First.IsValid() {
		m.First = r.YIAddr
	}
	if m.Selects = r.Kind() == typeOffer; m.Selects {
		m.Offered = r
	}
}

// rows returns the ids of the vector's rows.
func (v *Vector) rows() []string { return strings.Fields(v.Rows) }

// declines says whether an address is declined on the way.
func (v *Vector) declines() bool {
	return slices.ContainsFunc(v.Steps, func(s Step) bool { return s.Kind == typeDecline })
}
