package dhcp4

import (
	"net/netip"
	"testing"

	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// verdict is what a client hears.
type verdict string

const (
	ack    verdict = "ACK"
	nak    verdict = "NAK"
	silent verdict = "silent"
)

func (a answer) verdict() verdict {
	if a.why != Answer || a.msg.Type == 0 {
		return silent
	}
	return verdict(kinds[a.msg.Type])
}

// requestCase is a REQUEST, what was before it, and what is to come of it.
type requestCase struct {
	name  string
	scene func(*world)
	q     *Query
	in    *Ingress
	want  verdict
	addr  string // of an ACK
}

// bound is a scene in which client i holds an address of the direct link.
func bound(i byte, a string) func(*world) {
	return func(w *world) { w.bind(query(Request, i), link67, a) }
}

func runRequests(t *testing.T, cases []requestCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, testConfig())
			if c.scene != nil {
				c.scene(w)
			}
			a := w.exchange(c.q, c.in)
			if a.verdict() != c.want {
				t.Fatalf("got %v, want %s", a, c.want)
			}
			if c.want == ack && a.msg.YIAddr != ip(c.addr) {
				t.Errorf("got %v, want an ACK of %s", a, c.addr)
			}
			if c.want == nak && a.d.Command == nil {
				t.Errorf("%v: a NAK that the log knows nothing of", a)
			}
		})
	}
}

func TestRequest_RFC2131_4_3_2_Selecting(t *testing.T) {
	sid, own := with(optServerID, addrN1), with(optRequestedAddress, "10.67.0.120")
	req := func(i byte, o ...Option) *Query { return query(Request, i, o...) }
	bc := heard("", "")
	runRequests(t, []requestCase{
		{"V4-120 what was offered", func(w *world) { w.exchange(query(Discover, 1, own), bc) },
			req(1, sid, own), bc, ack, "10.67.0.120"},
		{"V4-126 another member's identifier", nil, req(1, with(optServerID, addrN2), own), bc, ack,
			"10.67.0.120"},
		{"V4-126 what the relay says we are", nil, req(1, with(optServerID, "10.68.0.1"),
			with(optRequestedAddress, "10.68.0.120"), with(optRelayInfo,
				[]byte{raiServerID, 4, 10, 68, 0, 1})).
			from("10.68.0.1", ""), relayed("10.68.0.1"), ack, "10.68.0.120"},
		{"HA-001 a former member's identifier", func(w *world) { w.must(storage.RemoveNode{ID: n2}) },
			req(1, with(optServerID, addrN2), own), bc, ack, "10.67.0.120"},
		{"HA-001 what a member had before it moved", func(w *world) {
			w.must(storage.PutNode{Node: storage.Node{ID: n2, Name: "n2", Addresses: []netip.Addr{ip("10.67.0.9")}, Level: 1}})
		}, req(1, with(optServerID, addrN2), own), bc, ack, "10.67.0.120"},
		{"HA-001 a service address of before", func(w *world) {
			w.reconfigure(func(c *config.Config) { c.Subnets[0].ServiceAddress = ip("10.67.0.67") })
			w.reconfigure(func(*config.Config) {})
		}, req(1, with(optServerID, "10.67.0.67"), own), bc, ack, "10.67.0.120"},
		{"V4-122 another server", nil, req(1, with(optServerID, "10.67.0.9"), own), bc, silent, ""},
		{"V4-123 taken", bound(9, "10.67.0.120"), req(1, sid, own), bc, nak, ""},
		{"V4-123 off the link", nil, req(1, sid, with(optRequestedAddress, "10.99.0.9")), bc, nak, ""},
		{"V4-123 reserved to another", nil, req(1, sid, with(optRequestedAddress, "10.67.0.50")), bc, nak,
			""},
		{"V4-123 in no pool", nil, req(1, sid, with(optRequestedAddress, "10.67.0.20")), bc, nak, ""},
		{"V4-123 declined", func(w *world) {
			bound(9, "10.67.0.120")(w)
			k, _ := query(Decline, 9).ClientKey()
			w.must(storage.Decline{Addr: ip("10.67.0.120"), Key: k})
		}, req(1, sid, own), bc, nak, ""},
		{"V4-124 no address named, and one held", bound(1, "10.67.0.130"), req(1, sid), bc, ack,
			"10.67.0.130"},
		{"V4-124 no address and no server", nil, req(1), bc, silent, ""},
		{"V4-125 in the manner of RFC 1541", nil, req(1, sid).from("", "10.67.0.120"), bc, ack,
			"10.67.0.120"},
		{"V4-128 no offer remembered", nil, req(1, sid, own), bc, ack, "10.67.0.120"},
		{"V4-129 another address than was offered", func(w *world) { w.exchange(query(Discover, 1), bc) },
			req(1, sid, own), bc, ack, "10.67.0.120"},
		{"reserved address", nil, req(0x51, sid, with(optRequestedAddress, "10.67.0.50")), bc, ack,
			"10.67.0.50"},
		{"V4-110 unknown link", nil, req(1, sid, own).from("10.99.0.1", ""), relayed("10.99.0.1"), silent,
			""},
	})
}

func TestRequest_V4_124_NoAddressNamedAndNoneHeld(t *testing.T) {
	a := newWorld(t, testConfig()).exchange(query(Request, 1, with(optServerID, addrN1)), heard("", ""))
	if a.verdict() != ack || !pool67().Contains(a.msg.YIAddr) {
		t.Errorf("got %v, want an ACK of a free address", a)
	}
}

func TestRequest_V4_121_GrantedByTheLogAlone(t *testing.T) {
	w := newWorld(t, testConfig())
	q := query(Request, 1, with(optServerID, addrN1), with(optRequestedAddress, "10.67.0.120"))
	d := w.decide(q, heard("", ""))
	if _, ok := d.Command.(storage.Bind); !ok || d.Fallback {
		t.Errorf("decision %+v: want a Bind that nothing replaces", d)
	}
	if d.Local.Lease.Addr.IsValid() {
		t.Errorf("an address is known before the log has spoken: %v", d.Local.Lease.Addr)
	}
}

func TestRequest_V4_122_DropsTheOffer(t *testing.T) {
	w := newWorld(t, testConfig())
	w.exchange(query(Discover, 1), heard("", ""))
	d := w.decide(query(Request, 1, with(optServerID, "10.67.0.9"), with(optRequestedAddress, "10.67.0.8")),
		heard("", ""))
	if d.Why != OtherServer || !d.Drop || d.Path.Link != link67 || d.Key == "" {
		t.Errorf("decision %+v: want silence that drops the offer", d)
	}
}

func TestRequest_V4_127_TwiceIsOneBinding(t *testing.T) {
	w := newWorld(t, testConfig())
	q := query(Request, 1, with(optServerID, addrN1), with(optRequestedAddress, "10.67.0.120"))
	first, second := w.exchange(q, heard("", "")), w.exchange(q, heard("", ""))
	if first.verdict() != ack || second.verdict() != ack || second.msg.YIAddr != first.msg.YIAddr {
		t.Errorf("first %v, then %v", first, second)
	}
	k, _ := q.ClientKey()
	if held := w.view().Held(k); len(held) != 1 {
		t.Errorf("%d leases, want 1", len(held))
	}
}

func TestRequest_V4_131_OtherOffersAreDropped(t *testing.T) {
	w := newWorld(t, testConfig())
	d := w.decide(query(Request, 1, with(optServerID, addrN1), with(optRequestedAddress, "10.67.0.120")),
		heard("", ""))
	if !d.Drop {
		t.Error("the client's offers on the link outlive its choice")
	}
	for _, a := range []string{"10.67.0.120", "10.67.0.121", "10.67.0.122"} {
		bound(1, a)(w)
	}
	if l := w.lease("10.67.0.120"); l.StatusAt(w.now) != lease.Bound {
		t.Errorf("the first lease is %v, want bound: none is freed early", l.StatusAt(w.now))
	}
	q := query(Request, 1, with(optServerID, addrN1), with(optRequestedAddress, "10.67.0.123"))
	if a := w.exchange(q, heard("", "")); a.verdict() != nak || a.result.Refusal != storage.TooMany {
		t.Errorf("fourth address: got %v, want a NAK", a)
	}
}

func TestRequest_RFC2131_4_3_2_InitReboot(t *testing.T) {
	reboot := func(i byte, a string) *Query { return query(Request, i, with(optRequestedAddress, a)) }
	bc, far := heard("", ""), relayed("10.71.0.1")
	there := func(q *Query) *Query { return q.from("10.71.0.1", "") }
	runRequests(t, []requestCase{
		{"V4-140 its own address", bound(1, "10.67.0.120"), reboot(1, "10.67.0.120"), bc, ack, "10.67.0.120"},
		{"V4-141 another than its own", bound(1, "10.67.0.120"), reboot(1, "10.67.0.130"), bc, nak, ""},
		{"V4-141 another's", func(w *world) { bound(1, "10.67.0.120")(w); bound(9, "10.67.0.130")(w) },
			reboot(1, "10.67.0.130"), bc, nak, ""},
		{"V4-142 not on the link", nil, reboot(1, "10.99.0.9"), bc, nak, ""},
		{"V4-142 not on a link that is not ours to deny on", nil, there(reboot(1, "10.99.0.9")), far, silent,
			""},
		{"V4-143 unknown client", nil, reboot(1, "10.67.0.120"), bc, nak, ""},
		{"V4-143 unknown client where we may not deny", nil, there(reboot(1, "10.71.0.120")), far, silent,
			""},
		{"V4-144 unknown link", nil, reboot(1, "10.99.0.9").from("10.99.0.1", ""), relayed("10.99.0.1"),
			silent, ""},
		{"V4-145 ran out, still free", func(w *world) { bound(1, "10.67.0.120")(w); w.advance(1_000_000) },
			reboot(1, "10.67.0.120"), bc, ack, "10.67.0.120"},
		{"V4-146 declined", func(w *world) {
			bound(1, "10.67.0.120")(w)
			k, _ := query(Decline, 1).ClientKey()
			w.must(storage.Decline{Addr: ip("10.67.0.120"), Key: k})
		}, reboot(1, "10.67.0.120"), bc, nak, ""},
		{"V4-147 in no pool", nil, reboot(1, "10.67.0.20"), bc, nak, ""},
		{"V4-147 in no pool where we may not deny", nil, there(reboot(1, "10.71.0.20")), far, silent, ""},
	})
}

func TestRequest_RFC2131_4_3_2_Renewing(t *testing.T) {
	renew := func(i byte, a string) *Query { return query(Request, i).from("", a) }
	here := func(a string) *Ingress { return heard(a, "10.67.0.2") }
	runRequests(t, []requestCase{
		{"V4-150 its binding", bound(1, "10.67.0.120"), renew(1, "10.67.0.120"), here("10.67.0.120"), ack,
			"10.67.0.120"},
		{"V4-151 no binding, on the link", nil, renew(1, "10.67.0.120"), here("10.67.0.120"), nak, ""},
		{"V4-151 another's, on the link", bound(9, "10.67.0.120"), renew(1, "10.67.0.120"),
			here("10.67.0.120"), nak, ""},
		{"V4-151 no binding, behind a router", nil, renew(1, "10.70.0.120"), here("10.70.0.120"), silent, ""},
		{"V4-152 address and server named, in agreement", bound(1, "10.67.0.120"),
			query(Request, 1, with(optRequestedAddress, "10.67.0.120"), with(optServerID, addrN1)).from("",
				"10.67.0.120"),
			here("10.67.0.120"), ack, "10.67.0.120"},
		{"V4-152 address named, in agreement", bound(1, "10.67.0.120"),
			query(Request, 1, with(optRequestedAddress, "10.67.0.120")).from("", "10.67.0.120"),
			here("10.67.0.120"), ack, "10.67.0.120"},
		{"V4-153 from another source", bound(1, "10.67.0.120"), renew(1, "10.67.0.120"), here("10.67.0.199"),
			ack, "10.67.0.120"},
		{"V4-154 through a router", func(w *world) { w.bind(query(Request, 1), "floor", "10.70.0.120") },
			renew(1, "10.70.0.120"), here("10.70.0.120"), ack, "10.70.0.120"},
		{"V4-157 just ran out", func(w *world) { bound(1, "10.67.0.120")(w); w.advance(7300) },
			renew(1, "10.67.0.120"), here("10.67.0.120"), ack, "10.67.0.120"},
		{"V4-158 has a reservation now, and it is free", func(w *world) {
			bound(1, "10.67.0.120")(w)
			w.reconfigure(func(c *config.Config) { c.Subnets[0].Reservations[0].Hardware = [][]byte{mac(1)} })
			w.advance(3600 + 5000)
		}, renew(1, "10.67.0.120"), here("10.67.0.120"), nak, ""},
	})
}

func TestRequest_V4_156_PoolRemoved(t *testing.T) {
	w := newWorld(t, testConfig())
	bound(1, "10.67.0.120")(w)
	w.reconfigure(func(c *config.Config) {
		c.Subnets[0].Pools = []config.Pool{pool("10.67.0.150",
			"10.67.0.199")}
	})
	before := w.lease("10.67.0.120").Booked
	a := w.exchange(query(Request, 1).from("", "10.67.0.120"), heard("10.67.0.120", "10.67.0.2"))
	if a.verdict() != ack || a.result.Told > w.now.Until(before) {
		t.Errorf("got %v told %d, want an ACK for no longer than was promised", a, a.result.Told)
	}
	if after := w.lease("10.67.0.120").Booked; after != before {
		t.Errorf("booked until %d, want %d: a removed pool promises nothing new", after, before)
	}
	w.advance(100_000)
	if a = w.exchange(query(Request, 1).from("", "10.67.0.120"),
		heard("10.67.0.120", "10.67.0.2")); a.verdict() == ack {
		t.Errorf("after the booking: got %v, want no ACK", a)
	}
}

func TestRequest_RFC2131_4_3_2_Rebinding(t *testing.T) {
	rebind := func(i byte, a string) *Query { return query(Request, i).from("", a) }
	via := func(i byte, g, a string) *Query { return query(Request, i).from(g, a) }
	runRequests(t, []requestCase{
		{"V4-160 direct", bound(1, "10.67.0.120"), rebind(1, "10.67.0.120"), heard("10.67.0.120", ""), ack,
			"10.67.0.120"},
		{"V4-161 relayed", func(w *world) { w.bind(query(Request, 1), "10.68.0.0/24", "10.68.0.120") },
			via(1, "10.68.0.1", "10.68.0.120"), relayed("10.68.0.1"), ack, "10.68.0.120"},
		{"V4-162 not on the relay's link", func(w *world) { bound(1, "10.67.0.120")(w) },
			via(1, "10.68.0.1", "10.67.0.120"), relayed("10.68.0.1"), nak, ""},
		{"V4-162 where we may not deny", bound(1, "10.67.0.120"), via(1, "10.71.0.1", "10.67.0.120"),
			relayed("10.71.0.1"), silent, ""},
		{"V4-163 unknown, address taken", func(w *world) {
			w.bind(query(Request, 9), "10.68.0.0/24",
				"10.68.0.120")
		},
			via(1, "10.68.0.1", "10.68.0.120"), relayed("10.68.0.1"), nak, ""},
		{"V4-163 unknown where we may not deny", nil, via(1, "10.71.0.1", "10.71.0.120"),
			relayed("10.71.0.1"), silent, ""},
		{"V4-164 written by another node",
			func(w *world) { w.own(func(int) storage.NodeID { return n2 }); bound(1, "10.67.0.120")(w) },
			rebind(1, "10.67.0.120"), heard("10.67.0.120", ""), ack, "10.67.0.120"},
	})
}
