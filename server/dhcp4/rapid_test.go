package dhcp4

import (
	"testing"

	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// quick lets clients of 10.67.0.0/24 have their address at once.
func quick(c *config.Config) { c.Subnets[0].RapidCommit = ptr(true) }

// rapidly is a DISCOVER of client i that asks for rapid commit.
func rapidly(i byte, options ...Option) *Query {
	return query(Discover, i, append(options, Option{Code: optRapidCommit})...)
}

func TestDiscover_V4_111_RapidCommit(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*config.Config)
		scene  func(*world)
		q      *Query
		want   MessageType // 0: silence
		addr   string      // empty: any of the pool
	}{
		{"W-015 asked for and on", quick, nil, rapidly(1), ACK, ""},
		{"with an address asked for", quick, nil, rapidly(1, with(optRequestedAddress, "10.67.0.150")), ACK, "10.67.0.150"},
		{"the address it has", quick, bound(1, "10.67.0.120"), rapidly(1), ACK, "10.67.0.120"},
		{"the address reserved for it", quick, nil, rapidly(0x51), ACK, "10.67.0.50"},
		{"an option that is not empty, RFC 4039 §4", quick, nil, query(Discover, 1, with(optRapidCommit, []byte{1})), ACK, ""},
		{"not asked for", quick, nil, query(Discover, 1), OfferMsg, ""},
		{"off by default", nil, nil, rapidly(1), OfferMsg, ""},
		{"off for its pool", func(c *config.Config) {
			quick(c)
			c.Subnets[0].Pools[0].RapidCommit = ptr(false)
		}, nil, rapidly(1), OfferMsg, ""},
		{"nothing in this node's part", quick, func(w *world) {
			bucket := int(lease.HardwareKey(1, mac(1)).Bucket())
			w.own(func(b int) storage.NodeID {
				if b == bucket {
					return n1
				}
				return n2
			})
			for a, last := ip("10.67.0.100"), ip("10.67.0.199"); a.Compare(last) <= 0; a = a.Next() {
				if int(a.As4()[3]-100) == bucket {
					w.bind(query(Request, 9), link67, a.String())
				}
			}
		}, rapidly(1), ACK, ""},
		{"V4-105 nothing free", quick, func(w *world) {
			w.reconfigure(func(c *config.Config) { quick(c); c.Subnets[0].Pools = c.Subnets[0].Pools[:0] })
		}, rapidly(1), 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, testConfig())
			if c.change != nil {
				w.reconfigure(c.change)
			}
			if c.scene != nil {
				c.scene(w)
			}
			a := w.exchange(c.q, heard("", ""))
			if a.msg.Type != c.want || c.addr != "" && a.msg.YIAddr != ip(c.addr) {
				t.Fatalf("got %v, want %v of %q", a, kinds[c.want], c.addr)
			}
			has := false
			for _, code := range a.msg.codes() {
				has = has || code == optRapidCommit
			}
			if has != (c.want == ACK) {
				t.Errorf("options %v: option 80 belongs into the ACK and nowhere else", a.msg.codes())
			}
			if c.want != ACK {
				return
			}
			l := w.lease(a.msg.YIAddr.String())
			if l.Status != lease.Bound || l.Client != a.d.Key || l.Told != a.result.Told {
				t.Errorf("lease %+v, want one of the client that is bound for what it was told", l)
			}
			wantOption(t, &a.msg, optLeaseTime, seconds(a.result.Told))
			if a.d.Drop == false || a.d.Stranger != (c.addr != "10.67.0.120") {
				t.Errorf("drop %v, stranger %v", a.d.Drop, a.d.Stranger)
			}
		})
	}
}

// TestDiscover_V4_111_OneBinding: only the node whose turn it is answers, and two that took it for theirs bind
// one address (P12), also if they wished for different ones.
func TestDiscover_V4_111_OneBinding(t *testing.T) {
	w := newWorld(t, testConfig())
	w.reconfigure(quick)
	w.own(func(int) storage.NodeID { return n2 })
	if d := w.decide(rapidly(1), heard("", "")); len(d.Ahead) == 0 {
		t.Fatal("n2's turn is not waited for")
	}
	w.own(func(int) storage.NodeID { return n1 })
	first := w.decide(rapidly(1, with(optRequestedAddress, "10.67.0.150")), heard("", ""))
	second := w.decide(rapidly(1, with(optRequestedAddress, "10.67.0.160")), heard("", ""))
	for _, d := range []Decision{first, second} {
		r := w.apply(d.Command)
		m, why := Reply(&d, r)
		if why != Answer || m.Type != ACK || m.YIAddr != ip("10.67.0.150") {
			t.Errorf("got %v of %v, silent(%d), want an ACK of 10.67.0.150 from both", m.Type, m.YIAddr, why)
		}
	}
	if l := w.lease("10.67.0.160"); l.Client != "" {
		t.Errorf("10.67.0.160 is %+v, want nothing of it", l)
	}
}

// TestDiscover_V4_111_Refused: what the log refuses is silence; nothing denies a DISCOVER (V4-104).
func TestDiscover_V4_111_Refused(t *testing.T) {
	w := newWorld(t, testConfig())
	w.reconfigure(quick)
	d := w.decide(rapidly(1), heard("", ""))
	for _, r := range []storage.Refusal{storage.Exhausted, storage.TooMany, storage.Filtered, storage.InUse} {
		if m, why := Reply(&d, storage.Result{Refusal: r, Known: true, Authoritative: true}); why == Answer {
			t.Errorf("refusal %d: got %v, want silence", r, m.Type)
		}
	}
	d.Slowly()
	m, why := Reply(&d, d.Local)
	if why != Answer || m.Type != OfferMsg || d.Command != nil || m.option(optRapidCommit) != nil {
		t.Errorf("slowly: got %v with %v, want an OFFER that is held here", m.Type, m.codes())
	}
}

func TestDiscover_V4_115_MinSecs(t *testing.T) {
	w := newWorld(t, testConfig())
	w.reconfigure(func(c *config.Config) { c.Subnets[0].MinSecs = ptr(lease.Seconds(5)) })
	for _, c := range []struct {
		secs uint16
		q    *Query
		want Why
	}{
		{0, query(Discover, 1), TooEarly},
		{4, query(Discover, 1), TooEarly},
		{0x0400, query(Discover, 1), TooEarly},
		{5, query(Discover, 1), Answer},
		{0x0500, query(Discover, 1), Answer}, // W-005, HA-003
		{60, query(Discover, 1), Answer},
		{0, query(Discover, 1).from("10.68.0.1", ""), Answer}, // another subnet
	} {
		c.q.Secs = c.secs
		in := heard("", "")
		if c.q.Relayed() {
			in = relayed("10.68.0.1")
		}
		if a := w.exchange(c.q, in); a.why != c.want {
			t.Errorf("secs %#x: got %v, want %d", c.secs, a, c.want)
		}
	}
	req := query(Request, 1, with(optRequestedAddress, "10.67.0.150"), with(optServerID, addrN1))
	if a := w.exchange(req, heard("", "")); a.verdict() != ack {
		t.Errorf("a REQUEST: got %v, want an ACK whatever secs say", a)
	}
	// HA-002: that the client had to be patient is no reason for all nodes to answer at once.
	w.own(func(int) storage.NodeID { return n2 })
	for secs, waits := range map[uint16]bool{5: true, 7: true, 8: false} {
		q := query(Discover, 1)
		q.Secs = secs
		if d := w.decide(q, heard("", "")); len(d.Ahead) > 0 != waits {
			t.Errorf("secs %d: ahead %v, want waiting %v", secs, d.Ahead, waits)
		}
	}
}
