package dhcp4

import (
	"testing"

	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// set is a scene with that configuration.
func set(change func(*config.Config)) func(*world) {
	return func(w *world) { w.reconfigure(change) }
}

// then is one scene after the other.
func then(scenes ...func(*world)) func(*world) {
	return func(w *world) {
		for _, s := range scenes {
			s(w)
		}
	}
}

func TestRequest_V4_163_AdoptUnknown(t *testing.T) {
	const addr = "10.68.0.120"
	adopt := func(c *config.Config) { c.AdoptUnknown = ptr(true) }
	direct := query(Request, 1).from("", addr)
	via := func(g, a string) *Query { return query(Request, 1).from(g, a) }
	elsewhere := heard(addr, "") // n1's eth0 is in no subnet any more: nobody knows where the client is.
	runRequests(t, []requestCase{
		{"free", set(adopt), via("10.68.0.1", addr), relayed("10.68.0.1"), ack, addr},
		{"taken", then(set(adopt), func(w *world) { w.bind(query(Request, 9), "10.68.0.0/24", addr) }),
			via("10.68.0.1", addr), relayed("10.68.0.1"), nak, ""},
		{"off by default", nil, via("10.68.0.1", addr), relayed("10.68.0.1"), nak, ""},
		{"where we may not deny", set(adopt), via("10.71.0.1", "10.71.0.120"), relayed("10.71.0.1"), silent, ""},
		{"not on the link", set(adopt), via("10.68.0.1", "10.67.0.120"), relayed("10.68.0.1"), nak, ""},
		{"on an interface of no subnet", set(func(c *config.Config) {
			adopt(c)
			c.Subnets[1].Relays, c.Subnets = nil, c.Subnets[1:]
		}), direct, elsewhere, nak, ""},
	})
}

func TestRequest_V4_151_NAKBehindARouter(t *testing.T) {
	const addr = "10.70.0.120"
	w := newWorld(t, testConfig())
	q, in := query(Request, 1).from("", addr), heard(addr, "10.67.0.2")
	if a := w.exchange(q, in); a.why != DeniedOffLink {
		t.Errorf("by default: got %v, want silence", a)
	}
	w.reconfigure(func(c *config.Config) { c.SharedNetworks[0].NAKOffLinkRenew = ptr(true) })
	a := w.exchange(q, in)
	want := Dest{Kind: DestRouted, Addr: ip(addr), Port: 68, Source: addrN1}
	if a.verdict() != nak || a.d.Command == nil || a.dest != want {
		t.Errorf("got %v to %+v, want a committed NAK to %+v", a, a.dest, want)
	}
	onLink := w.exchange(query(Request, 1).from("", "10.67.0.120"), heard("10.67.0.120", "10.67.0.2"))
	if onLink.verdict() != nak || onLink.dest.Kind != DestBroadcast {
		t.Errorf("V4-026 on the link: got %v to %+v, want a NAK by broadcast", onLink, onLink.dest)
	}
}

func TestRequest_V4_144_UnknownLinks(t *testing.T) {
	deny := set(func(c *config.Config) { c.NAKUnknownLinks = true })
	reboot := query(Request, 1, with(optRequestedAddress, "10.99.0.9")).from("10.99.0.1", "")
	runRequests(t, []requestCase{
		{"silent by default", nil, reboot, relayed("10.99.0.1"), silent, ""},
		{"rebooting", deny, reboot, relayed("10.99.0.1"), nak, ""},
		{"rebooting with an address of another link", then(deny, bound(1, "10.67.0.120")),
			query(Request, 1, with(optRequestedAddress, "10.67.0.120")).from("10.99.0.1", ""), relayed("10.99.0.1"), nak, ""},
		{"P13 rebooting with an address whose subnet was removed", then(bound(1, "10.67.0.120"),
			set(func(c *config.Config) { c.NAKUnknownLinks, c.Subnets = true, c.Subnets[1:] })),
			query(Request, 1, with(optRequestedAddress, "10.67.0.120")), heard("", ""), silent, ""},
		{"rebinding", deny, query(Request, 1).from("10.99.0.1", "10.99.0.9"), relayed("10.99.0.1"), silent, ""},
		{"selecting", deny, query(Request, 1, with(optRequestedAddress, "10.99.0.9"), with(optServerID, addrN1)).
			from("10.99.0.1", ""), relayed("10.99.0.1"), silent, ""},
		{"a relay that is not in the list", deny,
			query(Request, 1, with(optRequestedAddress, "10.68.0.9")).from("10.68.0.9", ""), relayed("10.68.0.9"), silent, ""},
	})
}

// TestRequest_V4_144_HA_015: the denial waits for its turn, says who denies, and is not told if the link has got a
// subnet meanwhile.
func TestRequest_V4_144_HA_015_UnknownLinks(t *testing.T) {
	w := newWorld(t, testConfig())
	w.reconfigure(func(c *config.Config) { c.NAKUnknownLinks = true })
	cid := with(optClientID, []byte{1, 2, 3})
	q := query(Request, 1, with(optRequestedAddress, "10.99.0.9"), cid).from("10.99.0.1", "")
	a := w.exchange(q, relayed("10.99.0.1"))
	wantOption(t, &a.msg, optServerID, addrN1.AsSlice())
	wantOption(t, &a.msg, optClientID, cid.Data)
	if a.dest.Addr != q.GIAddr || a.msg.Flags&BroadcastFlag == 0 {
		t.Errorf("V4-027 sent to %+v with flags %04x, want it broadcast by the relay", a.dest, a.msg.Flags)
	}
	known := func(w *world) {
		w.reconfigure(func(c *config.Config) {
			c.NAKUnknownLinks = true
			c.Subnets[4].Prefix, c.Subnets[4].Pools = prefixOf("10.99.0.0/24"), nil
		})
	}
	if a := w.stale(q, relayed("10.99.0.1"), known); a.verdict() != silent {
		t.Errorf("the link became ours: got %v, want silence", a)
	}
	w = newWorld(t, testConfig())
	w.reconfigure(func(c *config.Config) { c.NAKUnknownLinks = true })
	w.own(func(int) storage.NodeID { return n2 })
	if d := w.decide(q, relayed("10.99.0.1")); len(d.Ahead) == 0 {
		t.Error("n2's turn is not waited for")
	}
}

func TestReply_V4_071_KeepExpiry(t *testing.T) {
	keep := func(c *config.Config) { c.Subnets[0].KeepExpiry = ptr(true) }
	for _, c := range []struct {
		name   string
		passed lease.Seconds
		o      []Option
		want   lease.Seconds
	}{
		{"what is left", 3000, nil, 600},
		{"asked for a time", 3000, []Option{with(optLeaseTime, 1200)}, 1200},
		{"the last minute is over", 3580, nil, 3600},
		{"ran out", 100_000, nil, 3600},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, testConfig())
			w.reconfigure(keep)
			bound(1, "10.67.0.120")(w)
			w.advance(c.passed)
			offer, ackMsg := dora(t, w, query(Discover, 1, c.o...), heard("", ""))
			for _, m := range []Message{offer, ackMsg} { // V4-067: the ACK says what the OFFER said.
				wantOption(t, &m, optLeaseTime, seconds(c.want))
			}
		})
	}
}

// TestTimers_V4_078_Spread: T1 and T2 are moved by a share of the client's own, at most by what is configured, the
// same in OFFER and ACK and at every time, and stay in order.
func TestTimers_V4_078_Spread(t *testing.T) {
	w := newWorld(t, testConfig())
	w.reconfigure(func(c *config.Config) { c.Subnets[0].TimerSpread = ptr(config.Permille(100)) })
	seen := map[string]bool{}
	for i := range byte(40) {
		offer, ackMsg := dora(t, w, query(Discover, i), heard("", ""))
		wantOption(t, &ackMsg, optT1, offer.option(optT1))
		wantOption(t, &ackMsg, optT2, offer.option(optT2))
		seen[string(offer.option(optT1))] = true
	}
	if len(seen) < 30 {
		t.Errorf("40 clients have %d values of T1, want them spread", len(seen))
	}
	var least, most lease.Seconds = 3600, 0
	for i := range 10_000 {
		k := lease.ClientIDKey([]byte{0, byte(i >> 8), byte(i)})
		share := ShareOf(k, 100)
		t1, t2 := Timers(3600, 500, 875, share)
		if t1 < 1619 || t1 > 1980 || t2 < 2834 || t2 > 3465 || t1 >= t2 || ShareOf(k, 100) != share {
			t.Fatalf("client %d: T1 %d T2 %d, want 1800 and 3150 within a tenth", i, t1, t2)
		}
		least, most = min(least, t1), max(most, t1)
	}
	if least > 1630 || most < 1970 {
		t.Errorf("T1 from %d to %d, want most of 1620 to 1980 in use", least, most)
	}
	if t1, t2 := Timers(3600, 500, 875, ShareOf("anybody", 0)); t1 != 1800 || t2 != 3150 {
		t.Errorf("off: T1 %d T2 %d, want 1800 and 3150", t1, t2)
	}
	if t1, t2 := Timers(3600, 500, 950, 100_000); t1 != 1800 || t2 != 3420 {
		t.Errorf("a share beyond the end: T1 %d T2 %d, want it not followed", t1, t2)
	}
	if t1, t2 := Timers(lease.Infinite-1, 500, 909, 100_000); t1 >= t2 || t2 >= lease.Infinite-1 {
		t.Errorf("the longest lease: T1 %d T2 %d, want no overflow", t1, t2)
	}
}
