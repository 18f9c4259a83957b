package conformance

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Every vector is played to the core in this process, each to one of its own. What is about frames is not.
func TestVectors_InProcess(t *testing.T) {
	for i, v := range table() {
		if v.Only == OnWire {
			continue
		}
		t.Run(title(v), func(t *testing.T) {
			s, err := NewCore()
			if err != nil {
				t.Fatal(err)
			}
			seen, err := v.Play(i, s)
			if err != nil {
				t.Fatal(err)
			}
			if len(seen) > 0 {
				t.Errorf("%s\nseen: %s", v.Asks, strings.Join(seen, "; "))
			}
		})
	}
}

// title is how a vector is called in the names of tests.
func title(v Vector) string { return fmt.Sprintf("%s %s", v.Rows, v.Asks) }

// The table keeps what the players and the matrix rely on.
func TestVectors_Table(t *testing.T) {
	seen, rows := map[string]bool{}, map[string]bool{}
	for _, v := range table() {
		if seen[title(v)] {
			t.Errorf("%s stands twice", title(v))
		}
		seen[title(v)] = true
		asked := false
		for _, s := range v.Steps {
			asked = asked || len(s.Want) > 0 && !s.Before
			if s.Client >= clientsMax {
				t.Errorf("%s: client %d, at most %d", title(v), s.Client, clientsMax)
			}
		}
		if !asked || v.Asks == "" || len(v.rows()) == 0 {
			t.Errorf("%s: asks nothing, or says not what", title(v))
		}
		for _, row := range v.rows() {
			rows[row] = true
		}
	}
	t.Logf("%d vectors over %d rows", len(seen), len(rows))
}

// mute is a server that never answers, babbler one that answers everything with one OFFER.
type (
	mute    struct{}
	babbler struct{}
)

func (mute) Hear(*Draft, *Memory, bool) (*Reply, error) { return nil, nil }
func (mute) HearRARP(*RARPDraft, bool) (*Reply, error)  { return nil, nil }
func (mute) Pass(time.Duration)                         {}
func (mute) Ours() bool                                 { return false }

func (babbler) Hear(d *Draft, _ *Memory, _ bool) (*Reply, error) {
	answer := newDraft(typeOffer, [6]byte{})
	answer.Op, answer.XID = 2, d.XID
	return decodeReply(answer.payload(), Frame{})
}
func (babbler) HearRARP(*RARPDraft, bool) (*Reply, error) {
	return &Reply{RARP: newRARP([6]byte{}).frame()}, nil
}
func (babbler) Pass(time.Duration) {}
func (babbler) Ours() bool         { return false }

// Every vector can fail: none is content with a server that never answers unless it asks for nothing but silence,
// and then not with one that always does.
func TestVectors_CanFail(t *testing.T) {
	for i, v := range table() {
		answers := false
		for _, s := range v.Steps {
			answers = answers || len(s.Want) > 0 && !s.Want[0].Silence
		}
		var s Subject = babbler{}
		if answers {
			s = mute{}
		}
		if seen, err := v.Play(i, s); err != nil || len(seen) == 0 {
			t.Errorf("%s: passes against a server that is %T: %v", title(v), s, err)
		}
	}
}
