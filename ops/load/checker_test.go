package load

import (
	"net/netip"
	"testing"
	"time"
)

func TestChecker(t *testing.T) {
	a, b := netip.MustParseAddr("10.67.0.10"), netip.MustParseAddr("10.67.0.11")
	hold := func(addr netip.Addr, who string, from, until time.Duration) func(*Checker) {
		return func(k *Checker) { k.Hold(Claim{Addr: addr, Client: who, From: from, Until: until}) }
	}
	give := func(addr netip.Addr, who string, at time.Duration) func(*Checker) {
		return func(k *Checker) { k.Give(addr, who, at) }
	}
	for _, c := range []struct {
		name string
		told []func(*Checker)
		want int
	}{
		{"one client", []func(*Checker){hold(a, "x", 0, 10)}, 0},
		{"two clients, two addresses", []func(*Checker){hold(a, "x", 0, 10), hold(b, "y", 1, 10)}, 0},
		{"renewal", []func(*Checker){hold(a, "x", 0, 10), hold(a, "x", 5, 15)}, 0},
		{"after the end", []func(*Checker){hold(a, "x", 0, 10), hold(a, "y", 10, 20)}, 0},
		{"after a release", []func(*Checker){hold(a, "x", 0, 10), give(a, "x", 4), hold(a, "y", 4, 20)}, 0},
		{"P1 one moment before the end", []func(*Checker){hold(a, "x", 0, 10), hold(a, "y", 9, 20)}, 1},
		{"P1 release of another's", []func(*Checker){hold(a, "x", 0, 10), give(a, "y", 4), hold(a, "y", 5, 6)}, 1},
		{"P1 after a renewal", []func(*Checker){hold(a, "x", 0, 10), hold(a, "x", 5, 15), hold(a, "y", 12, 20)}, 1},
		{"P1 a shorter lease takes nothing away", []func(*Checker){
			hold(a, "x", 0, 10), hold(a, "x", 5, 6), hold(a, "y", 8, 20),
		}, 1},
		{"P1 infinite", []func(*Checker){hold(a, "x", 0, never), hold(a, "y", 1<<60, never)}, 1},
		{"P1 both go on", []func(*Checker){
			hold(a, "x", 0, 10), hold(a, "y", 1, 10), hold(a, "x", 5, 20),
		}, 2},
	} {
		k := NewChecker(time.Time{})
		for _, tell := range c.told {
			tell(k)
		}
		if got := k.Violations(); len(got) != c.want {
			t.Errorf("%s: %d violations, want %d: %v", c.name, len(got), c.want, got)
		}
	}
}

func TestChecker_Held(t *testing.T) {
	a := netip.MustParseAddr("10.67.0.10")
	k := NewChecker(time.Time{})
	k.Hold(Claim{Addr: a, Client: "x", From: 1, Until: 10})
	k.Hold(Claim{Addr: a, Client: "x", From: 5, Until: 15})
	k.Hold(Claim{Addr: a.Next(), Client: "y", From: 2, Until: 9})
	k.Give(a.Next(), "y", 6)
	for at, want := range map[time.Duration]int{0: 0, 1: 1, 2: 2, 5: 2, 6: 1, 14: 1, 15: 0} {
		if got := k.Held(at); len(got) != want {
			t.Errorf("at %d: %v, want %d", at, got, want)
		}
	}
	if k.ACKs() != 3 {
		t.Errorf("%d ACKs, want 3", k.ACKs())
	}
}
