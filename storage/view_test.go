package storage

import (
	"fmt"
	"math/rand"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"port67/storage/config"
	"port67/storage/lease"
)

// TestOutlook_IsWhatApplySays: whatever happened before, the outlook of a client's command is the Result that
// the log then has, and to ask for it changes nothing.
func TestOutlook_IsWhatApplySays(t *testing.T) {
	for seed := range int64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewSource(seed))
			w := newWorld(t, office())
			for step := range 300 {
				w.after(lease.Seconds(r.Intn(2000)), Tick{})
				c := randomCommand(r, w)
				before := w.s.Digest()
				got := ViewOf(w.s).Outlook(c)
				w.s.settled.changed()
				if w.s.Digest() != before {
					t.Fatalf("step %d: the outlook of %#v changed the state", step, c)
				}
				want := w.after(0, c)
				switch c.(type) {
				case Offer, Bind, Extend, Release, Decline:
				default:
					if got.Refusal != Internal {
						t.Fatalf("step %d: %T comes of no client's message, and has the outlook %+v", step, c, got)
					}
					continue
				}
				if diff := cmp.Diff(got, want, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
					t.Fatalf("step %d: %#v: outlook (-), result (+):\n%s", step, c, diff)
				}
			}
		})
	}
}

// TestTraced_Rungs: a traced view finds what the view finds, and says what it passed over.
func TestTraced_Rungs(t *testing.T) {
	for _, c := range []struct {
		name   string
		config *config.Config
		before func(*world)
		asked  string
		want   []string
	}{
		{"reserved", office(printer("10.67.0.100")), nil, "", []string{"1 10.67.0.100 taken"}},
		{
			"reserved, but another holds it", office(), func(w *world) {
				bound(2, "10.67.0.15")(w)
				w.must(SetConfig{Expected: w.s.revision, Config: office(printer("10.67.0.15"))})
			}, "10.67.0.11", []string{
				"1 10.67.0.15 booked for, or offered to, hw:1:02:67:00:00:00:02", "3 10.67.0.11 taken",
			},
		},
		{"its own", office(), bound(1, "10.67.0.12"), "", []string{"2 10.67.0.12 taken"}},
		{
			"asked, but taken", office(), bound(2, "10.67.0.12"), "10.67.0.12", []string{
				"3 10.67.0.12 booked for, or offered to, hw:1:02:67:00:00:00:02", "4 free taken",
			},
		},
		{
			"its own was declined", office(), func(w *world) { bound(1, "10.67.0.12")(w); declinedBy(1, "10.67.0.12")(w) }, "", []string{
				"2 10.67.0.12 declined, in quarantine", "4 free taken",
			},
		},
		{
			"asked, of another link", office(), nil, "10.99.0.1", []string{
				"3 10.99.0.1 not an address of link " + link, "4 free taken",
			},
		},
		{
			"no pool is open", office(onlyKnown), nil, "", []string{"4 pool not open to the client's classes"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.config)
			if c.before != nil {
				c.before(w)
			}
			var asked netip.Addr
			if c.asked != "" {
				asked = addr(c.asked)
			}
			var trace Trace
			v := ViewOf(w.s)
			a, r := v.Traced(&trace).Suitable(client(1), link, asked, nil, nil)
			if b, q := v.Suitable(client(1), link, asked, nil, nil); a != b || r != q {
				t.Errorf("traced: %v, %d; else %v, %d", a, r, b, q)
			}
			var got []string
			for _, s := range trace.Steps {
				where := s.Addr.String()
				if s.Pool != nil {
					where = "pool"
				} else if s.Rung == RungFree {
					where = "free"
				}
				why := s.Why
				if s.Taken {
					why = "taken"
				}
				got = append(got, fmt.Sprintf("%d %s %s", s.Rung, where, why))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if trace.Searches != 1 || !trace.Everywhere {
				t.Errorf("searches %d, everywhere %t", trace.Searches, trace.Everywhere)
			}
		})
	}
}
