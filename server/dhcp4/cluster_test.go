package dhcp4

import (
	"testing"

	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// as lets another node decide in w.
func (w *world) as(id storage.NodeID, what func()) {
	before := w.self.Node
	w.self.Node = id
	what()
	w.self.Node = before
}

func selecting(i byte, a string) *Query {
	return query(Request, i, with(optServerID, addrN1), with(optRequestedAddress, a))
}

func TestCluster_HA_010_HA_011_AnotherNodeAnswersTheRetransmission(t *testing.T) {
	w := newWorld(t, testConfig())
	q := selecting(1, "10.67.0.120")
	d := w.decide(q, heard("", ""))
	first := w.apply(d.Command) // Committed; n1 dies before it can answer.
	w.advance(4)
	w.as(n2, func() {
		a := w.exchange(q, heard("", ""))
		if a.verdict() != ack || a.msg.YIAddr != first.Lease.Addr {
			t.Errorf("got %v, want an ACK of %v", a, first.Lease.Addr)
		}
	})
}

func TestCluster_HA_017_TwoNodesAskedTheSame(t *testing.T) {
	w := newWorld(t, testConfig())
	q := selecting(1, "10.67.0.120")
	one := w.exchange(q, heard("", ""))
	w.as(n2, func() {
		two := w.exchange(q, heard("", ""))
		if two.msg.YIAddr != one.msg.YIAddr || two.result.Told != one.result.Told {
			t.Errorf("n1: %v for %d s, n2: %v for %d s", one, one.result.Told, two, two.result.Told)
		}
	})
}

func TestCluster_HA_016_OthersGetTheAddressAtR(t *testing.T) {
	cfg := testConfig()
	cfg.Subnets[0].Pools = []config.Pool{pool("10.67.0.100", "10.67.0.100")}
	w := newWorld(t, cfg)
	bound(1, "10.67.0.100")(w)
	l := w.lease("10.67.0.100")
	if l.Reusable <= l.Booked {
		t.Fatalf("booked until %d, reusable from %d: no grace", l.Booked, l.Reusable)
	}
	w.now = l.Reusable - 1
	w.apply(storage.Tick{})
	if a := w.exchange(query(Discover, 2), heard("", "")); a.why != Exhausted {
		t.Errorf("a second before R: got %v, want silence", a)
	}
	if a := w.exchange(selecting(2, "10.67.0.100"), heard("", "")); a.verdict() == ack {
		t.Errorf("a second before R: got %v", a)
	}
	w.advance(1)
	wantOffer(t, w.exchange(query(Discover, 2), heard("", "")), "10.67.0.100")
	if a := w.exchange(selecting(2, "10.67.0.100"), heard("", "")); a.verdict() != ack {
		t.Errorf("at R: got %v, want an ACK", a)
	}
}

func TestCluster_HA_018_V4_175_V4_177_DeclinedForAllNodes(t *testing.T) {
	cfg := testConfig()
	cfg.Subnets[0].Pools = []config.Pool{pool("10.67.0.100", "10.67.0.100")}
	w := newWorld(t, cfg)
	bound(1, "10.67.0.100")(w)
	decline := query(Decline, 1, with(optRequestedAddress, "10.67.0.100"))
	if a := w.exchange(decline, heard("", "")); a.result.Refusal != storage.Granted {
		t.Fatalf("got %v", a)
	}
	w.as(n2, func() {
		if a := w.exchange(query(Discover, 2), heard("", "")); a.why != Exhausted {
			t.Errorf("declined a moment ago: got %v, want silence", a)
		}
	})
	w.now = max(w.lease("10.67.0.100").Reusable, lease.Genesis.Add(86400))
	w.apply(storage.Tick{})
	if a := w.exchange(query(Discover, 2), heard("", "")); a.msg.YIAddr != ip("10.67.0.100") {
		t.Errorf("after the quarantine: got %v, want an OFFER", a)
	}
}

func TestDecline_V4_175_NoMoreThanAFew(t *testing.T) {
	cfg := testConfig()
	w := newWorld(t, cfg)
	refused := 0
	for i, a := range []string{"10.67.0.101", "10.67.0.102", "10.67.0.103", "10.67.0.104", "10.67.0.105"} {
		bound(1, a)(w)
		r := w.exchange(query(Decline, 1, with(optRequestedAddress, a)), heard("", ""))
		if r.result.Refusal == storage.RateLimited {
			refused++
			if r.verdict() != silent {
				t.Errorf("decline %d: got %v, want silence", i, r)
			}
			break // What it could not decline it still holds.
		}
	}
	if refused == 0 {
		t.Error("a client that declines everything empties the pool")
	}
}

func TestRelease_V4_184_EndOfTheOrder(t *testing.T) {
	cfg := testConfig()
	cfg.Subnets[0].Pools = []config.Pool{pool("10.67.0.100", "10.67.0.101")}
	w := newWorld(t, cfg)
	bound(1, "10.67.0.100")(w)
	w.exchange(query(Release, 1).from("", "10.67.0.100"), heard("10.67.0.100", "10.67.0.2"))
	for i := byte(2); i < 12; i++ {
		wantOffer(t, w.exchange(query(Discover, i), heard("", "")), "10.67.0.101")
		clear(w.held)
	}
	w.now = w.lease("10.67.0.100").Reusable
	w.apply(storage.Tick{})
	for i := byte(2); i < 12; i++ {
		wantOffer(t, w.exchange(query(Discover, i), heard("", "")), "10.67.0.101")
		clear(w.held)
	}
}

func TestRenewal_V4_155_AgentInformationIsKept(t *testing.T) {
	w := newWorld(t, testConfig())
	rai := with(optRelayInfo, []byte{1, 1, 7})
	m, _ := dora(t, w, query(Discover, 1, rai).from("10.68.0.1", ""), relayed("10.68.0.1"))
	a := m.YIAddr.String()
	w.self.Anchored = false // so that the renewal is committed
	r := w.exchange(query(Request, 1).from("", a), heard(a, "10.67.0.2"))
	if r.verdict() != ack || w.lease(a).RelayInfo != string(rai.Data) {
		t.Errorf("got %v with agent information %x, want %x", r, w.lease(a).RelayInfo, rai.Data)
	}
}

func TestReply_V4_064_InnermostSettingWins(t *testing.T) {
	name := func(s string) []config.Option { return []config.Option{option(optDomainName, []byte(s)...)} }
	levels := []struct {
		name string
		set  func(*config.Config)
	}{
		{"global", func(c *config.Config) { c.Options = name("global") }},
		{"network", func(c *config.Config) { c.SharedNetworks[0].Options = name("network") }},
		{"subnet", func(c *config.Config) { c.Subnets[2].Options = name("subnet") }},
		{"pool", func(c *config.Config) { c.Subnets[2].Pools[0].Options = name("pool") }},
		{"reservation", func(c *config.Config) {
			c.Subnets[2].Reservations = []config.Reservation{{Hardware: [][]byte{mac(1)},
				Settings: config.Settings{Options: name("reservation")}}}
		}},
	}
	for i, l := range levels {
		w := newWorld(t, testConfig())
		w.reconfigure(func(c *config.Config) {
			c.Subnets[3].Pools = nil
			for _, outer := range levels[:i+1] {
				outer.set(c)
			}
		})
		m, _ := dora(t, w, query(Discover, 1).from("10.69.0.1", ""), relayed("10.69.0.1"))
		wantOption(t, &m, optDomainName, []byte(l.name))
	}
}

// regroup moves 10.69.0.0/24 between shared networks.
func regroup(w *world) {
	w.reconfigure(func(c *config.Config) {
		c.SharedNetworks[0].Name, c.SharedNetworks[0].Subnets = "hall", c.SharedNetworks[0].Subnets[:1]
	})
}

// stale decides about q on what n1 knows, lets change happen in the cluster, and replies by its word.
func (w *world) stale(q *Query, in *Ingress, change func(*world)) answer {
	a := answer{d: w.decide(q, in)}
	change(w)
	if a.why = a.d.Why; a.why != Answer {
		return a
	}
	a.result = w.apply(a.d.Command)
	a.msg, a.why = Reply(&a.d, a.result)
	return a
}

func TestCluster_P13_V4_149_HA_015_NoDenialByAnotherConfiguration(t *testing.T) {
	const addr = "10.69.0.100"
	at := with(optRequestedAddress, addr)
	by := func(q *Query) *Query { return q.from("10.69.0.1", "") }
	for _, c := range []struct {
		name string
		q    *Query
		in   *Ingress
		want verdict
	}{
		{"renewing", query(Request, 1).from("", addr), heard(addr, "10.67.0.2"), ack},
		{"renewing by a relay", query(Request, 1, with(optRelayInfo, []byte{raiFlags, 1, relayUnicast})).
			from("10.69.0.1", addr), relayed("10.69.0.1"), silent},
		{"rebinding", query(Request, 1).from("10.69.0.1", addr), relayed("10.69.0.1"), silent},
		{"rebooting", by(query(Request, 1, at)), relayed("10.69.0.1"), silent},
		{"selecting", by(query(Request, 1, at, with(optServerID, addrN1))), relayed("10.69.0.1"), silent},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, testConfig())
			w.bind(query(Request, 1), "floor", addr)
			w.self.Anchored, w.self.Waited = false, true // so that the log is asked, and at once
			if a := w.stale(c.q, c.in, regroup); a.verdict() != c.want {
				t.Errorf("got %v, want %s", a, c.want)
			}
		})
	}
}
