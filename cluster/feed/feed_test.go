package feed

import (
	"net/netip"
	"slices"
	"testing"
)

func ip(n byte) netip.Addr { return netip.AddrFrom4([4]byte{10, 67, 0, n}) }

func note(f *Feed, from, to byte) {
	for n := from; n <= to; n++ {
		f.Note([]netip.Addr{ip(n)})
	}
}

// after returns the last octets of what changed.
func after(f *Feed, next uint64, most int) (octets []byte, then uint64, ok bool) {
	addrs, then, ok := f.After(nil, next, most)
	for _, a := range addrs {
		octets = append(octets, a.As4()[3])
	}
	return octets, then, ok
}

func TestFeed_TellsInOrderAndInParts(t *testing.T) {
	f := New(4)
	note(f, 1, 9) // Nobody follows: nothing is kept.
	if f.Followed() {
		t.Error("followed by nobody, says it is")
	}
	a := f.Follow()
	note(f, 10, 12)
	b := f.Follow()
	if f.Followers() != 2 {
		t.Errorf("%d followers, want 2", f.Followers())
	}
	note(f, 13, 13)
	got, next, ok := after(f, a, 3)
	if !ok || !slices.Equal(got, []byte{10, 11, 12}) {
		t.Errorf("first part: %v, %t", got, ok)
	}
	if got, _, ok := after(f, next, 3); !ok || !slices.Equal(got, []byte{13}) {
		t.Errorf("the rest: %v, %t", got, ok)
	}
	if got, _, ok := after(f, b, 9); !ok || !slices.Equal(got, []byte{13}) {
		t.Errorf("who came later: %v, %t", got, ok)
	}
}

func TestFeed_SaysWhenChangesWereMissed(t *testing.T) {
	for name, do := range map[string]func(*Feed){
		"more than the ring holds": func(f *Feed) { note(f, 1, 5) },
		"the state was replaced":   func(f *Feed) { f.Break() },
	} {
		f := New(4)
		next := f.Follow()
		do(f)
		if got, _, ok := after(f, next, 9); ok {
			t.Errorf("%s: %v, want to hear that changes were missed", name, got)
		}
		if next = f.Follow(); next == 0 {
			t.Errorf("%s: no number", name)
		}
		note(f, 20, 23)
		if got, _, ok := after(f, next, 9); !ok || !slices.Equal(got, []byte{20, 21, 22, 23}) {
			t.Errorf("%s: following anew: %v, %t", name, got, ok)
		}
	}
}

func TestFeed_ForgetsWithTheLastFollower(t *testing.T) {
	f := New(4)
	next := f.Follow()
	f.Unfollow()
	note(f, 1, 2)
	f.Follow()
	if got, _, ok := after(f, next, 9); !ok || len(got) > 0 {
		t.Errorf("%v, %t: want nothing of the time without followers", got, ok)
	}
	f.Unfollow()
	if f.ring != nil || f.Followed() {
		t.Error("the ring outlives its followers")
	}
}

func TestFeed_GrownWakes(t *testing.T) {
	f := New(4)
	next := f.Follow()
	grown := f.Grown(next)
	select {
	case <-grown:
		t.Fatal("woken by nothing")
	default:
	}
	note(f, 1, 1)
	<-grown
	<-f.Grown(next) // What is there already.
	waiting := f.Grown(next + 1)
	f.Break()
	<-waiting
}
