package server

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"port67/server/dhcp4"
	"port67/server/wire4"
	"port67/storage"
	"port67/storage/config"
	"port67/storage/storagetest"
)

// knock is a message of the given client by a relay agent, 0 for none, and a circuit.
func knock(kind dhcp4.MessageType, client uint32, relay byte, circuit string, at time.Time) Datagram {
	b := make([]byte, 240, 300)
	b[0], b[1], b[2] = 1, 1, 6
	if relay != 0 {
		copy(b[24:], []byte{10, 67, relay, 1})
	}
	binary.BigEndian.PutUint32(b[30:], client)
	copy(b[236:], []byte{0x63, 0x82, 0x53, 0x63})
	b = append(b, 53, 1, byte(kind))
	if circuit != "" {
		b = append(b, 82, byte(2+len(circuit)), 1, byte(len(circuit)))
		b = append(b, circuit...)
	}
	return Datagram{Payload: append(b, 255), Heard: at, Ingress: dhcp4.Ingress{
		IfIndex: 2, Interface: "eth0", Src: netip.MustParseAddrPort("0.0.0.0:68"),
	}}
}

// limitOf returns the limit that d runs into.
func limitOf(r *rates, d *Datagram) Limit {
	g := wire4.Look(d.Payload)
	l, _ := r.check(d, &g)
	return l
}

// passed sends n messages, counts those that get by, and says what dropped the first that did not.
func passed(r *rates, n int, make func(i int) Datagram) (got int, first Limit) {
	for i := range n {
		d := make(i)
		switch l := limitOf(r, &d); {
		case l == 0:
			got++
		case first == 0:
			first = l
		}
	}
	return got, first
}

func limitedTo(t *testing.T, l config.Limits) *rates {
	t.Helper()
	c, problems := config.Compile(&config.Config{Limits: l})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	r := newRates()
	r.follow(c)
	return r
}

// A client that renews every few milliseconds is served five times at once, then once a second (W-035); the
// same client elsewhere, and another one, are not held back by it.
func TestRates_W_035_OneClient(t *testing.T) {
	r, began := newRates(), time.Unix(1_000_000, 0)
	at := func(i int) time.Time { return began.Add(time.Duration(i) * 10 * time.Millisecond) }
	got, why := passed(r, 1000, func(i int) Datagram { return knock(dhcp4.Request, 1, 1, "p1", at(i)) })
	if got != 14 || why != LimitClient {
		t.Errorf("%d of 1000 in 10 s passed, the first drop by %v; want 5+9 and client", got, why)
	}
	for name, d := range map[string]Datagram{
		"another client":  knock(dhcp4.Request, 2, 1, "p1", at(1000)),
		"another circuit": knock(dhcp4.Request, 1, 1, "p2", at(1000)),
		"another relay":   knock(dhcp4.Request, 1, 2, "p1", at(1000)),
		"no relay":        knock(dhcp4.Request, 1, 0, "", at(1000)),
	} {
		if l := limitOf(r, &d); l != 0 {
			t.Errorf("%s: dropped by %v", name, l)
		}
	}
}

// Random clients at 20,000 packets a second through one relay agent, for two seconds, get what the relay agent
// may have; those of another relay agent, direct ones, and whoever renews behind the same one lose nothing (W-053).
func TestRates_W_053_FloodThroughOneRelay(t *testing.T) {
	r := limitedTo(t, config.Limits{DiscoverPerRelay: &config.Rate{PerSecond: 1000, Burst: 2000}})
	began, flood, dropped, other := time.Unix(1_000_000, 0), 0, 0, 0
	for i := range 40_000 {
		at := began.Add(time.Duration(i) * 50 * time.Microsecond)
		d := knock(dhcp4.Discover, uint32(i)+1, 1, "", at)
		if limitOf(r, &d) == 0 {
			flood++
		}
		if i%200 != 0 {
			continue
		}
		client := uint32(1_000_000 + i)
		for _, d := range []Datagram{
			knock(dhcp4.Discover, client, 2, "", at), knock(dhcp4.Discover, client, 0, "", at),
			knock(dhcp4.Request, client, 1, "", at),
		} {
			other++
			if limitOf(r, &d) != 0 {
				dropped++
			}
		}
	}
	if flood < 3900 || flood > 4000 {
		t.Errorf("%d of the flood passed, want 2000 at once and 1000 a second", flood)
	}
	if dropped > 0 {
		t.Errorf("%d of %d others were dropped, want none", dropped, other)
	}
}

// The narrowest limit takes the blame, and what it drops costs the wider ones nothing (W-053).
func TestRates_W_053_CircuitBeforeRelay(t *testing.T) {
	r := limitedTo(t, config.Limits{
		DiscoverPerCircuit: &config.Rate{PerSecond: 10, Burst: 10}, DiscoverPerRelay: &config.Rate{PerSecond: 20, Burst: 20},
		DiscoverPerInterface: &config.Rate{PerSecond: 1, Burst: 3},
	})
	at := time.Unix(1_000_000, 0)
	for _, step := range []struct {
		name, circuit string
		relay         byte
		want          int
		why           Limit
	}{
		{"a circuit", "p1", 1, 10, LimitCircuit},
		{"its neighbour", "p2", 1, 10, LimitCircuit},
		{"the relay agent has no more", "p3", 1, 0, LimitRelay},
		{"another relay agent", "p1", 2, 10, LimitCircuit},
		{"direct clients", "", 0, 3, LimitInterface},
	} {
		got, why := passed(r, 50, func(i int) Datagram {
			return knock(dhcp4.Discover, uint32(i)+1, step.relay, step.circuit, at)
		})
		if got != step.want || why != step.why {
			t.Errorf("%s: %d of 50 passed, dropped by %v; want %d, %v", step.name, got, why, step.want, step.why)
		}
	}
}

// Of REQUESTs for addresses that nobody offered to their clients, only so many reach the log; who was offered an
// address, or holds it, is not held back by them (W-053).
func TestServe4_W_053_StrangersDoNotFillTheLog(t *testing.T) {
	s, server := newSite(t)
	xid := 0
	hear := func(line string) Outcome {
		xid++
		payload, in := parseScript(t, strings.Fields(fmt.Sprintf("%s xid=%d", line, xid)))
		return server.Serve4(t.Context(), Datagram{Payload: payload, Ingress: in, Heard: s.Now()})
	}
	if o := hear("DISCOVER cid=01"); o != Offered {
		t.Fatalf("DISCOVER ended as %v", o)
	}
	_, offered := s.reply(1)
	before, dropped := s.alone.Index, 0
	burst := int(config.DefaultLimits().Strangers.Burst)
	for i := range burst + 50 {
		if hear(fmt.Sprintf("REQUEST ip=10.67.1.9 cid=%08x", i+100)) == RateLimited {
			dropped++
		}
	}
	if n := int(s.alone.Index - before); n != burst || dropped != 50 {
		t.Errorf("%d REQUESTs of strangers reached the log and %d were dropped, want %d and 50", n, dropped, burst)
	}
	if o := hear("REQUEST sid=10.67.0.2 cid=01 ip=" + offered.String()); o != Acknowledged {
		t.Errorf("what was offered ended as %v", o)
	}
	if o := hear("REQUEST sid=10.67.0.2 cid=01 ip=" + offered.String()); o != Acknowledged {
		t.Errorf("the same once more ended as %v", o)
	}
	if o := hear("REQUEST cid=01 ip=" + offered.String()); o != Renewed && o != Acknowledged {
		t.Errorf("the holder that reboots ended as %v", o)
	}
	if o := hear("REQUEST sid=10.67.0.2 cid=02 ip=10.67.1.77"); o != RateLimited {
		t.Errorf("one that selects what it was not offered ended as %v", o)
	}
}

// DISCOVERs of strangers that only the log could serve, because the part of this node is on offer or used up, and
// dynamic BOOTP pass the same limit as their REQUESTs (W-053).
func TestServe4_W_053_OffersThroughTheLogAreLimited(t *testing.T) {
	s, server := newSite(t)
	others := storage.SetBuckets{Epoch: 2} // All but one bucket are another node's.
	for i := range others.Owners {
		others.Owners[i] = "n2"
	}
	others.Owners[0] = "n1"
	var limited config.Config
	s.Read(func(v storage.View) { limited = *v.Config().Config })
	limited.Limits.Strangers = &config.Rate{PerSecond: 20, Burst: 20}
	limited.BOOTP.Dynamic = new(true)
	for _, cmd := range []storage.Command{
		storage.PutNode{Node: storagetest.Member("n2", "10.67.0.3")}, others,
		storage.SetConfig{Expected: 1, Config: &limited, Author: "test"},
	} {
		if r, _ := s.Propose(t.Context(), cmd); r.Refusal != storage.Granted {
			t.Fatalf("scene: %T refused: %d %s", cmd, r.Refusal, r.Detail)
		}
	}
	before, xid, ended := s.alone.Index, 0, map[Outcome]int{}
	hear := func(line string) Outcome {
		xid++
		payload, in := parseScript(t, strings.Fields(fmt.Sprintf("%s secs=10 xid=%d", line, xid)))
		return server.Serve4(t.Context(), Datagram{Payload: payload, Ingress: in, Heard: s.Now()})
	}
	for i := range 50 {
		ended[hear(fmt.Sprintf("DISCOVER cid=%08x", i+100))]++
	}
	if n := int(s.alone.Index - before); n != 20 || ended[RateLimited] != 28 || ended[Offered] != 22 {
		t.Errorf("%d DISCOVERs reached the log, %v; want 20, 2 offered from this node's part, 28 limited", n, ended)
	}
	if o := hear("BOOTP client=1"); o != RateLimited {
		t.Errorf("a BOOTP client without a reservation ended as %v", o)
	}
}

// Who runs into a limit most is named in the log after a second, and once a minute from then on (W-035).
func TestTalkers_W_035(t *testing.T) {
	var k talkers
	at := time.Unix(1_000_000, 0)
	note := func(client uint32, after time.Duration) []report {
		d := knock(dhcp4.Request, client, 1, "p1", at.Add(after))
		g := wire4.Look(d.Payload)
		return k.note(LimitClient, uint64(client), &d, &g)
	}
	for i := range uint32(300) {
		if got := note(i+10, time.Duration(i)*time.Millisecond); got != nil {
			t.Fatalf("reported at once: %v", got)
		}
		if got := note(7, time.Duration(i)*time.Millisecond); got != nil {
			t.Fatalf("reported at once: %v", got)
		}
	}
	got := note(7, time.Second)
	if len(got) != 1 || got[0].who != "client 000000000007 at relay agent 10.67.1.1" || got[0].all != 601 ||
		got[0].dropped < 301 || got[0].dropped > 301+300/(talkersKept-1)+1 {
		t.Errorf("report %+v, want client 7 with a little over 301 of 601", got)
	}
	if got := note(7, 30*time.Second); got != nil {
		t.Errorf("reported again after 29 s: %v", got)
	}
	if got := note(7, 61*time.Second); len(got) != 1 || got[0].all != 2 {
		t.Errorf("report after a minute %+v, want 2 drops", got)
	}
	if got := note(7, -time.Hour); got != nil {
		t.Errorf("reported when the clock was set back: %v", got)
	}
	if got := note(7, time.Second-time.Hour); len(got) != 1 {
		t.Errorf("not reported a second after the clock was set back: %v", got)
	}
}

// Requesters may ask about one client as often as they want: they are no clients.
func TestRates_LeaseQueriesAreNoClients(t *testing.T) {
	at := time.Unix(1_000_000, 0)
	got, _ := passed(newRates(), 50, func(int) Datagram { return knock(dhcp4.LeaseQuery, 1, 1, "", at) })
	if got != 50 {
		t.Errorf("%d of 50 passed", got)
	}
}

// A clock that is set back locks nobody out.
func TestMeter_ClockSetBack(t *testing.T) {
	r, rate, now := newRates(), config.Rate{PerSecond: 1, Burst: 1}, time.Unix(1_000_000, 0)
	m := &r.meters[LimitClient]
	if !m.take(7, rate, now) || m.take(7, rate, now) {
		t.Fatal("want one token and no more")
	}
	if !m.take(7, rate, now.Add(-time.Hour)) {
		t.Error("nothing is left an hour earlier")
	}
}

func BenchmarkRates(b *testing.B) {
	r, at := newRates(), time.Unix(1_000_000, 0)
	d := knock(dhcp4.Discover, 1, 1, "port-1", at)
	b.ReportAllocs()
	for i := range b.N {
		binary.BigEndian.PutUint32(d.Payload[30:], uint32(i))
		d.Heard = at.Add(time.Duration(i) * 50 * time.Microsecond)
		limitOf(r, &d)
	}
}
