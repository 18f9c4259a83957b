package storage

import (
	"testing"

	"port67/storage/lease"
)

// TestBind_V4_111_Rapid: the address of a DISCOVER with rapid commit is a wish: what the client has, or is promised,
// goes before it, and what somebody else may use is never given (P1, P5, P6, P12).
func TestBind_V4_111_Rapid(t *testing.T) {
	const a, b = "10.67.0.12", "10.67.0.13"
	rapid := func(n byte, addr string) Bind { return bindIn(Rapid, n, addr) }
	w := newWorld(t, office())
	first := w.must(rapid(1, a))
	if first.Lease.Addr != addr(a) || first.Lease.Status != lease.Bound || first.Told != 3600 {
		t.Fatalf("got %+v, want %s bound for an hour", first, a)
	}
	if again := w.must(rapid(1, b)); again.Lease.Addr != addr(a) {
		t.Errorf("another node's wish: got %v, want the %s it has", again.Lease.Addr, a)
	}
	if other := w.must(rapid(2, a)); other.Lease.Addr == addr(a) {
		t.Errorf("another client got %s, too", a)
	}
	w.must(Release{Addr: addr(a), Key: client(1).Key})
	if other := w.must(rapid(3, a)); other.Lease.Addr == addr(a) {
		t.Errorf("P8 another client got %s, which was only given back", a)
	}
	if back := w.must(Bind{Client: client(1), Link: link, Mode: Rapid}); back.Lease.Addr != addr(a) {
		t.Errorf("no wish: got %v, want the %s it had", back.Lease.Addr, a)
	}
	c := office()
	printer("10.67.0.100")(c)
	w = newWorld(t, c)
	if r := w.must(rapid(1, a)); r.Lease.Addr != addr("10.67.0.100") {
		t.Errorf("P5 got %v, want the reserved 10.67.0.100", r.Lease.Addr)
	}
	if r := w.must(rapid(2, "10.67.0.100")); r.Lease.Addr == addr("10.67.0.100") {
		t.Error("P5 another client got the reserved address")
	}
	if r := w.do(Bind{Client: client(1), Link: link, Mode: Rapid + 1}); r.Refusal != Internal {
		t.Errorf("a mode that is none: refusal %d, want it refused", r.Refusal)
	}
}

// TestBind_V4_155_RelayInformation: what a relay agent said is kept through renewals that do not pass it, and goes with
// the first binding that begins anew without it.
func TestBind_V4_155_RelayInformation(t *testing.T) {
	const a = "10.67.0.12"
	w := newWorld(t, office())
	said := func(mode Mode, info string) string {
		b := bindIn(mode, 1, a)
		b.Client.RelayInfo = info
		return w.must(b).Lease.RelayInfo
	}
	for _, c := range []struct {
		mode       Mode
		says, want string
	}{
		{Selecting, "one", "one"}, {Renewing, "", "one"}, {Rebinding, "", "one"}, {Rebinding, "two", "two"},
		{InitReboot, "", ""}, {Renewing, "", ""}, {Rapid, "three", "three"}, {Selecting, "", ""},
	} {
		if got := said(c.mode, c.says); got != c.want {
			t.Errorf("mode %d with %q: kept %q, want %q", c.mode, c.says, got, c.want)
		}
	}
}
