package dhcp4

import (
	"testing"

	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// renewalScene is client 1 with 10.67.0.120 booked for two lease times of an hour.
func renewalScene(t *testing.T) (*world, *Query, *Ingress) {
	t.Helper()
	w := newWorld(t, testConfig())
	bound(1, "10.67.0.120")(w)
	return w, query(Request, 1).from("", "10.67.0.120"), heard("10.67.0.120", "10.67.0.2")
}

func TestRenewal_InsideTheBookingWithoutTheLog(t *testing.T) {
	w, q, in := renewalScene(t)
	w.advance(1800)
	a := w.exchange(q, in)
	if a.verdict() != ack || a.d.Command != nil || a.result.Told != 3600 {
		t.Fatalf("got %v told %d, want an ACK of 3600 s from this node alone", a, a.result.Told)
	}
	wantOption(t, &a.msg, optLeaseTime, seconds(3600))
	w.advance(600) // 4800 s are left, less than one and a half lease times.
	a = w.exchange(q, in)
	if a.d.Command != nil || a.d.Later == nil || a.d.Later.Addr != ip("10.67.0.120") ||
		a.d.Later.Key != a.d.Key {
		t.Errorf("got %v later %+v, want the booking raised behind the ACK", a, a.d.Later)
	}
}

func TestRenewal_P1_NeverMoreThanIsBooked(t *testing.T) {
	w, q, in := renewalScene(t)
	w.advance(4500)
	a := w.exchange(q, in)
	left := w.self.Upper.Until(w.lease("10.67.0.120").Booked)
	if a.verdict() != ack || a.d.Command == nil && a.result.Told > left {
		t.Errorf("got %v told %d with %d s left", a, a.result.Told, left)
	}
}

func TestRenewal_HA_012_WithoutAQuorum(t *testing.T) {
	for _, c := range []struct {
		name     string
		passed   lease.Seconds
		fallback bool
	}{
		{"V4-165 more than a minute left", 6000, true},
		{"V4-079 exactly what is left", 7000, true},
		{"less than a minute left", 7150, false},
		{"ran out", 7300, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, q, in := renewalScene(t)
			w.advance(c.passed)
			d := w.decide(q, in)
			if d.Command == nil || d.Fallback != c.fallback {
				t.Fatalf("command %T fallback %v, want a Bind and fallback %v", d.Command, d.Fallback,
					c.fallback)
			}
			if !c.fallback {
				return
			}
			m, why := Reply(&d, d.Local)
			left := w.self.Upper.Until(w.lease("10.67.0.120").Booked)
			if why != Answer || m.Type != ACK || d.Local.Told != left {
				t.Errorf("told %d (%s, %d), want the %d s that are left", d.Local.Told, kinds[m.Type], why,
					left)
			}
		})
	}
}

func TestRenewal_EverythingThroughTheLog(t *testing.T) {
	for _, c := range []struct {
		name  string
		scene func(*world)
	}{
		{"no upper bound of cluster time", func(w *world) { w.self.Anchored = false }},
		{"renewals: committed", func(w *world) {
			w.reconfigure(func(c *config.Config) { c.Renewals = config.RenewalsCommitted })
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, q, in := renewalScene(t)
			c.scene(w)
			if d := w.decide(q, in); d.Command == nil || d.Fallback || d.Later != nil {
				t.Errorf("decision %+v: want a Bind that nothing replaces", d)
			}
		})
	}
}

func TestRenewal_P13_NoDenialFromOwnKnowledge(t *testing.T) {
	w := newWorld(t, testConfig())
	bound(9, "10.67.0.120")(w)
	for _, q := range []*Query{
		query(Request, 1).from("", "10.67.0.120"),
		query(Request, 1, with(optRequestedAddress, "10.67.0.120")),
		query(Request, 1, with(optRequestedAddress, "10.99.0.1")),
		query(Request, 1, with(optRequestedAddress, "10.67.0.120"), with(optServerID, addrN1)),
	} {
		d := w.decide(q, heard("", ""))
		if b, ok := d.Command.(storage.Bind); !ok || b.Link != link67 {
			t.Errorf("HA-015 V4-149 mode %d: decision %+v, want a Bind", d.mode, d)
		}
		if _, why := Reply(&d, storage.Result{Refusal: storage.HolderWaits}); why != HolderWaits {
			t.Errorf("mode %d: the last holder hears %d, want silence", d.mode, why)
		}
		for _, r := range []storage.Refusal{storage.RateLimited, storage.Internal, storage.NoSuchLink,
			storage.Exhausted} {
			if m, why := Reply(&d, storage.Result{Refusal: r, Known: true,
				Authoritative: true, Revision: d.revision}); why == Answer {
				t.Errorf("mode %d refusal %d: client hears %s, want silence", d.mode, r, kinds[m.Type])
			}
		}
	}
}

func TestRequest_HA_014_OptionsOfTheOffer(t *testing.T) {
	w := newWorld(t, testConfig())
	offer := w.exchange(query(Discover, 1), heard("", ""))
	w.reconfigure(func(c *config.Config) { c.Options = []config.Option{option(optDNS, 9, 9, 9, 9)} })
	sid := with(optServerID, addrN1)
	a := w.exchange(query(Request, 1, sid, with(optRequestedAddress, offer.msg.YIAddr)), heard("", ""))
	if a.verdict() != ack {
		t.Fatalf("got %v, want an ACK", a)
	}
	wantOption(t, &a.msg, optDNS, []byte{10, 67, 0, 53}) // V4-067
	other := w.exchange(query(Request, 2, sid, with(optRequestedAddress, "10.67.0.177")), heard("", ""))
	wantOption(t, &other.msg, optDNS, []byte{9, 9, 9, 9})
}
