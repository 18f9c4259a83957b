package dhcp4

import (
	"bytes"
	"testing"

	"port67/storage"
	"port67/storage/lease"
)

func TestDecline_RFC2131_4_3_3(t *testing.T) {
	what, own := with(optRequestedAddress, "10.67.0.120"), with(optServerID, addrN1)
	for _, c := range []struct {
		name  string
		scene func(*world)
		q     *Query
		want  Why
		gone  bool // the address is out of service
	}{
		{"V4-170 its lease", bound(1, "10.67.0.120"), query(Decline, 1, what, own), Answer, true},
		{"V4-170 what it was offered", func(w *world) { w.exchange(query(Discover, 1, what), heard("", "")) },
			query(Decline, 1, what, own), Answer, true},
		{"V4-171 no address", bound(1, "10.67.0.120"), query(Decline, 1, own), NothingAsked, false},
		{"V4-172 another's lease", bound(9, "10.67.0.120"), query(Decline, 1, what, own), NotHolder, false},
		{"V4-173 no server identifier", bound(1, "10.67.0.120"), query(Decline, 1, what), Answer, true},
		{"V4-174 another server's", bound(1, "10.67.0.120"),
			query(Decline, 1, what, with(optServerID, "10.67.0.9")),
			OtherServer, false},
		{"V4-176 its reservation", bound(0x51, "10.67.0.50"),
			query(Decline, 0x51, with(optRequestedAddress, "10.67.0.50"), own), Answer, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, testConfig())
			if c.scene != nil {
				c.scene(w)
			}
			a := w.exchange(c.q, heard("", ""))
			if a.why != c.want || a.msg.Type != 0 || a.result.Refusal != storage.Granted {
				t.Errorf("got %v, want no reply and why %d", a, c.want)
			}
			asked, _ := c.q.addr(optRequestedAddress)
			l, _ := w.view().Lease(asked)
			if gone := l.Status == lease.Declined; asked.IsValid() && gone != c.gone {
				t.Errorf("status %v, out of service wanted %v", l.Status, c.gone)
			}
		})
	}
}

func TestDecline_V4_176_AnotherAddressThen(t *testing.T) {
	w := newWorld(t, testConfig())
	bound(0x51, "10.67.0.50")(w)
	w.exchange(query(Decline, 0x51, with(optRequestedAddress, "10.67.0.50")), heard("", ""))
	a := w.exchange(query(Discover, 0x51), heard("", ""))
	if a.msg.Type != OfferMsg || !pool67().Contains(a.msg.YIAddr) {
		t.Errorf("got %v, want an OFFER from the pool", a)
	}
}

func TestRelease_RFC2131_4_3_4(t *testing.T) {
	own := with(optServerID, addrN1)
	release := func(i byte, a string, o ...Option) *Query { return query(Release, i, o...).from("", a) }
	from := func(a string) *Ingress { return heard(a, "10.67.0.2") }
	for _, c := range []struct {
		name string
		q    *Query
		in   *Ingress
		want Why
	}{
		{"V4-180 its lease", release(1, "10.67.0.120", own), from("10.67.0.120"), Answer},
		{"V4-181 another's", release(9, "10.67.0.120", own), from("10.67.0.120"), NotHolder},
		{"V4-182 no server identifier", release(1, "10.67.0.120"), from("10.67.0.120"), Answer},
		{
			"V4-182 another server's",
			release(1, "10.67.0.120", with(optServerID, "10.67.0.9")), from("10.67.0.120"), OtherServer,
		},
		{"V4-182 requested address is ignored", release(1, "10.67.0.120", own,
			with(optRequestedAddress, "10.67.0.9")),
			from("10.67.0.120"), Answer},
		{"no address", query(Release, 1, own), from("10.67.0.120"), NothingAsked},
		{"from another address", release(1, "10.67.0.120", own), from("10.67.0.9"), WrongSource},
		{
			"broadcast by a client that has dropped its address",
			release(1, "10.67.0.120", own), heard("", ""), Answer,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, testConfig())
			bound(1, "10.67.0.120")(w)
			before := w.lease("10.67.0.120")
			a := w.exchange(c.q, c.in)
			if a.why != c.want || a.msg.Type != 0 || a.result.Refusal != storage.Granted {
				t.Errorf("got %v, want no reply and why %d", a, c.want)
			}
			after := w.lease("10.67.0.120")
			if released := after.Status == lease.Released; released != (c.want == Answer) {
				t.Errorf("status %v with why %d", after.Status, a.why)
			}
			if after.Booked < before.Booked || after.Reusable < before.Reusable {
				t.Errorf("P8: booked %d reusable %d, before the RELEASE %d and %d", after.Booked,
					after.Reusable,
					before.Booked, before.Reusable)
			}
		})
	}
}

// TestLeaving_TheLogJudgesWhatThisNodeDoesNotKnow: this node may be behind; only what another client holds for
// certain is not asked for.
func TestLeaving_TheLogJudgesWhatThisNodeDoesNotKnow(t *testing.T) {
	const a = "10.67.0.120"
	what := with(optRequestedAddress, a)
	decline, release := query(Decline, 1, what), query(Release, 1).from("", a)
	late := func(w *world) {
		bound(9, a)(w)
		l := w.lease(a)
		w.advance(w.now.Until(l.FreeFrom()))
	}
	for _, c := range []struct {
		name   string
		before func(*world)
		q      *Query
		in     *Ingress
		behind func(*world) // what this node does not know yet
		want   storage.Refusal
	}{
		{"V4-170 bound meanwhile", nil, decline, heard("", ""), bound(1, a), storage.Granted},
		{"V4-170 another's before, bound meanwhile", late, decline, heard("", ""), bound(1, a), storage.Granted},
		{"V4-180 bound meanwhile", nil, release, heard(a, "10.67.0.2"), bound(1, a), storage.Granted},
		{"V4-180 another's before, bound meanwhile", late, release, heard(a, "10.67.0.2"), bound(1, a),
			storage.Granted},
		{"V4-172 nobody's", nil, decline, heard("", ""), nil, storage.NotHolder},
		{"V4-172 another's offer", func(w *world) { w.exchange(query(Discover, 9, what), heard("", "")) },
			decline, heard("", ""), nil, storage.NotHolder},
		{"V4-181 nobody's", nil, release, heard(a, "10.67.0.2"), nil, storage.NotHolder},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, testConfig())
			if c.before != nil {
				c.before(w)
			}
			w.self.Waited = true
			d := w.decide(c.q, c.in)
			if d.Why != Answer || d.Command == nil {
				t.Fatalf("why %d, command %v; want the log asked", d.Why, d.Command)
			}
			if c.behind != nil {
				c.behind(w)
			}
			if r := w.apply(d.Command); r.Refusal != c.want {
				t.Errorf("refusal %d %s, want %d", r.Refusal, r.Detail, c.want)
			}
		})
	}
}

func TestRelease_V4_183_Repeated(t *testing.T) {
	w := newWorld(t, testConfig())
	bound(1, "10.67.0.120")(w)
	q, in := query(Release, 1).from("", "10.67.0.120"), heard("10.67.0.120", "10.67.0.2")
	w.exchange(q, in)
	once := w.lease("10.67.0.120")
	if a := w.exchange(q, in); a.result.Refusal != storage.Granted {
		t.Errorf("again: got %v", a)
	}
	if twice := w.lease("10.67.0.120"); twice.Status != lease.Released || twice.Reusable != once.Reusable {
		t.Errorf("after two: %+v, after one: %+v", twice, once)
	}
}

func TestInform_RFC2131_4_3_5(t *testing.T) {
	for _, c := range []struct {
		name string
		q    *Query
		in   *Ingress
		want Why
	}{
		{"V4-190 direct", query(Inform, 1).from("", "10.67.0.20"), heard("10.67.0.20", ""), Answer},
		{"V4-191 relayed", query(Inform, 1).from("10.68.0.1", "10.68.0.20"), relayed("10.68.0.1"), Answer},
		{"V4-192 address in the IP header alone", query(Inform, 1), heard("10.67.0.20", ""), Answer},
		{
			"V4-193 relayed without an address",
			query(Inform, 1).from("10.68.0.1", ""), relayed("10.68.0.1"), Answer,
		},
		{"V4-194 nowhere to answer to", query(Inform, 1), heard("", ""), NothingAsked},
		{
			"V4-195 not an address of the relay's link",
			query(Inform, 1).from("10.68.0.1", "10.67.0.20"), relayed("10.68.0.1"), OffLink,
		},
		{
			"V4-196 where we may not deny",
			query(Inform, 1).from("10.71.0.1", "10.71.0.20"), relayed("10.71.0.1"), Answer,
		},
		{"V4-197 server and address named", query(Inform, 1, with(optServerID, "10.67.0.9"),
			with(optRequestedAddress, "10.67.0.9")).from("", "10.67.0.20"), heard("10.67.0.20", ""), Answer},
		{
			"V4-198 no subnet of ours",
			query(Inform, 1).from("", "10.99.0.20"), heard("10.99.0.20", "10.67.0.2"), UnknownLink,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, testConfig())
			before := w.view().Index()
			c.q.Options.Append(optParameterList, []byte{1, 6, 51, 58, 59})
			c.q.Options.Append(optRelayInfo, []byte{1, 1, 7})
			a := w.exchange(c.q, c.in)
			if a.why != c.want || a.d.Command != nil || w.view().Index() != before {
				t.Fatalf("V4-195 got %v, want why %d and nothing asked of the log", a, c.want)
			}
			if c.want != Answer {
				return
			}
			if a.msg.Type != ACK || a.msg.YIAddr != zero || a.msg.CIAddr != c.q.CIAddr {
				t.Errorf("got %v ciaddr %v", a, a.msg.CIAddr)
			}
			want := []byte{53, 54, 1, 6}
			if c.q.CIAddr == zero || !c.q.Relayed() {
				want = append(want, 82)
			} else if a.msg.GIAddr != zero {
				t.Errorf("V4-191 giaddr %v, want 0.0.0.0", a.msg.GIAddr)
			}
			if got := a.msg.codes(); !bytes.Equal(got, want) {
				t.Errorf("V4-051 options %v, want %v", got, want)
			}
			if c.q.Relayed() && c.q.CIAddr == zero && (a.msg.Flags&BroadcastFlag == 0 ||
				a.msg.GIAddr != c.q.GIAddr) {
				t.Errorf("V4-193 flags %04x giaddr %v", a.msg.Flags, a.msg.GIAddr)
			}
		})
	}
}
