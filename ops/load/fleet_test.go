package load

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"port67/server/dhcp4"
)

// bench is a fleet and a server in virtual time. A datagram takes 1 ms each way.
type bench struct {
	t      *testing.T
	fleet  *fleet
	now    time.Duration
	flying []flight
	server *fakeServer
	log    []string
}

type flight struct {
	at      time.Duration
	from    netip.Addr
	payload []byte
}

// fakeServer is as simple as a server can be. The fields break it.
type fakeServer struct {
	id     netip.Addr
	lease  uint32
	leases map[[6]byte]netip.Addr
	next   netip.Addr

	deaf     func(kind dhcp4.MessageType, now time.Duration) bool // loses a message
	nak      func(kind dhcp4.MessageType, now time.Duration) bool // refuses a REQUEST
	careless bool                                                 // gives one address to all
	echo     int                                                  // answers everything that many times
}

func newBench(t *testing.T, o Options) *bench {
	if len(o.Relays) == 0 {
		o.Relays = []Relay{{
			GIAddr: netip.MustParseAddr("10.70.0.1"), Servers: []netip.Addr{netip.MustParseAddr("10.67.0.2")},
		}}
	}
	o.Checker = NewChecker(time.Time{})
	return &bench{t: t, fleet: newFleet(o), server: &fakeServer{
		id: netip.MustParseAddr("10.67.0.2"), lease: 600, leases: map[[6]byte]netip.Addr{},
		next: netip.MustParseAddr("10.70.1.0"), echo: 1,
	}}
}

// run plays until the given time.
func (b *bench) run(until time.Duration) Report {
	b.t.Helper()
	for steps := 0; ; steps++ {
		if steps > 1_000_000 {
			b.t.Fatalf("no end at %v", b.now)
		}
		next := b.fleet.next()
		for _, f := range b.flying {
			next = min(next, f.at)
		}
		if next > until {
			b.now = until
			return b.fleet.report(until, b.fleet.groups)
		}
		b.now = max(b.now, next)
		b.serve(b.fleet.step(b.now))
		due := slices.Clone(b.flying)
		b.flying = slices.DeleteFunc(b.flying, func(f flight) bool { return f.at <= b.now })
		for _, f := range due {
			if f.at <= b.now {
				b.serve(b.fleet.heard(b.now, f.from, f.payload))
			}
		}
	}
}

func (b *bench) serve(parcels []parcel) {
	for _, p := range parcels {
		q := parseRequest(b.t, p.payload)
		b.log = append(b.log, fmt.Sprintf("%v %d secs=%d unicast=%v sid=%v rip=%v ciaddr=%v",
			b.now.Round(time.Second), q.kind, q.secs, p.to.IsValid(), q.server, q.requested, q.ciaddr))
		for range b.server.echo {
			if r := b.server.answer(q, b.now); r != nil {
				b.flying = append(b.flying, flight{b.now + 2*time.Millisecond, b.server.id, r})
			}
		}
	}
}

func (s *fakeServer) answer(q request, now time.Duration) []byte {
	if s.deaf != nil && s.deaf(q.kind, now) {
		return nil
	}
	kind := dhcp4.ACK
	switch q.kind {
	case dhcp4.Discover:
		kind = dhcp4.OfferMsg
	case dhcp4.Request:
		if q.server.IsValid() && q.server != s.id {
			return nil
		}
		if s.nak != nil && s.nak(q.kind, now) {
			return s.encode(q, dhcp4.NAK, netip.Addr{})
		}
	default:
		return nil
	}
	a, ok := s.leases[q.hw]
	if !ok {
		a = s.next
		s.leases[q.hw] = a
		if !s.careless {
			s.next = s.next.Next()
		}
	}
	return s.encode(q, kind, a)
}

func (s *fakeServer) encode(q request, kind dhcp4.MessageType, a netip.Addr) []byte {
	b := make([]byte, headerLen, payloadMin)
	b[0], b[1], b[2] = bootReply, ethernet, 6
	binary.BigEndian.PutUint32(b[4:], q.xid)
	put4(b[16:], a)
	copy(b[28:], q.hw[:])
	b = binary.BigEndian.AppendUint32(b, magicCookie)
	b = append(b, 0, optType, 1, byte(kind))
	b = appendAddr(b, optServer, s.id)
	if kind == dhcp4.ACK {
		b = append(b, optLease, 4)
		b = binary.BigEndian.AppendUint32(b, s.lease)
	}
	return append(b, optEnd)
}

// parseRequest reads what a client sent.
func parseRequest(t *testing.T, b []byte) request {
	t.Helper()
	if len(b) < payloadMin || b[0] != bootRequest || binary.BigEndian.Uint32(b[headerLen:]) != magicCookie {
		t.Fatalf("no DHCP message: %x", b)
	}
	q := request{
		xid: binary.BigEndian.Uint32(b[4:]), secs: binary.BigEndian.Uint16(b[8:]), hw: [6]byte(b[28:34]),
	}
	if a := netip.AddrFrom4([4]byte(b[12:16])); !a.IsUnspecified() {
		q.ciaddr = a
	}
	for o := b[headerLen+4:]; len(o) > 1 && o[0] != optEnd; o = o[2+int(o[1]):] {
		switch o[0] {
		case optType:
			q.kind = dhcp4.MessageType(o[2])
		case optServer:
			q.server = netip.AddrFrom4([4]byte(o[2:6]))
		case optRequested:
			q.requested = netip.AddrFrom4([4]byte(o[2:6]))
		}
	}
	return q
}

func TestFleet_DORAAndRenewal(t *testing.T) {
	b := newBench(t, Options{})
	b.fleet.add(0, Group{Clients: 100, Rate: 50}, 0)
	r := b.run(10 * time.Second)
	if r.Bound != 100 || r.Holding != 100 || r.Discovers != 100 || r.Requests != 100 || r.ACKs != 100 {
		t.Fatalf("after ten seconds:\n%v", r)
	}
	if pause, _ := r.LongestPause(); pause != 20*time.Millisecond {
		t.Errorf("longest pause %v, want 20ms", pause)
	}
	if r.Quantile(500) != 4*time.Millisecond || r.Offers != r.Discovers || r.Offers == 0 {
		t.Errorf("median %v, %d OFFERs to %d DISCOVERs", r.Quantile(500), r.Offers, r.Discovers)
	}
	r = b.run(310 * time.Second)
	if r.Renewals != 100 || r.Holding != 100 || r.Expired != 0 {
		t.Errorf("after T1:\n%v", r)
	}
	last, want := b.log[len(b.log)-1], "unicast=true sid=invalid IP rip=invalid IP ciaddr=10.70.1."
	if !strings.Contains(last, want) {
		t.Errorf("a renewal names its address in ciaddr only (RFC 2131 §4.3.2) and is unicast: %s", last)
	}
}

func TestFleet_Retransmission_RFC2131_4_1(t *testing.T) {
	b := newBench(t, Options{})
	b.server.deaf = func(_ dhcp4.MessageType, now time.Duration) bool { return now < 60*time.Second }
	b.fleet.add(0, Group{Clients: 1}, 0)
	r := b.run(200 * time.Second)
	if r.Bound != 1 || len(b.log) < 5 {
		t.Fatalf("not bound after silence:\n%v%v", r, b.log)
	}
	// 4, 8, 16, 32 seconds, each ±1.
	sum := time.Duration(0)
	for i, line := range b.log[1:5] {
		sum += 4 * time.Second << i
		var at, kind, secs int
		if _, err := fmt.Sscanf(strings.ReplaceAll(line, "m", " "), "%d", &at); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscanf(line[strings.Index(line, " "):], " %d secs=%d", &kind, &secs); err != nil {
			t.Fatal(err)
		}
		slack := i + 2
		if want := int(sum / time.Second); secs < want-slack || secs > want+slack {
			t.Errorf("message %d: secs %d, want %d ± %d", i+2, secs, want, slack)
		}
	}
	if r.Answered[len(r.Answered)-1] != 1 {
		t.Errorf("answered %v", r.Answered)
	}
}

func TestFleet_ExpiryRebindingAndReturn(t *testing.T) {
	b := newBench(t, Options{})
	b.fleet.add(0, Group{Clients: 3}, 0)
	b.run(time.Second)
	b.server.deaf = func(dhcp4.MessageType, time.Duration) bool { return true }
	r := b.run(599 * time.Second)
	if r.Holding != 3 || r.Expired != 0 {
		t.Errorf("just before the end:\n%v", r)
	}
	if !slices.ContainsFunc(b.log, func(l string) bool {
		return strings.Contains(l, "unicast=false sid=invalid IP rip=invalid IP ciaddr=10.70.1.")
	}) {
		t.Error("nobody tried to rebind by broadcast")
	}
	r = b.run(601 * time.Second)
	if r.Holding != 0 || r.Expired != 3 {
		t.Errorf("just after the end:\n%v", r)
	}
	b.server.deaf = nil
	if r = b.run(700 * time.Second); r.Holding != 3 || r.Bound != 3 {
		t.Errorf("after the server came back:\n%v", r)
	}
}

func TestFleet_NAK(t *testing.T) {
	b := newBench(t, Options{})
	b.fleet.add(0, Group{Clients: 1}, 0)
	b.run(time.Second)
	b.server.nak = func(_ dhcp4.MessageType, now time.Duration) bool { return now < 301*time.Second }
	r := b.run(400 * time.Second)
	if r.NAKs != 1 || r.Refused != 1 || r.Holding != 1 || r.Discovers != 2 {
		t.Errorf("a refused renewal begins anew:\n%v", r)
	}
}

func TestFleet_Plans(t *testing.T) {
	b := newBench(t, Options{})
	b.fleet.add(0, Group{Clients: 1, Plan: Plan{ReleaseAfter: 5 * time.Second}}, 0)
	b.fleet.add(0, Group{Clients: 1, Plan: Plan{RebootAfter: 5 * time.Second}}, 1)
	b.fleet.add(0, Group{Clients: 1, Plan: Plan{RenewAfter: 10 * time.Second}}, 2)
	b.fleet.add(0, Group{Clients: 1, Plan: Plan{Silent: true}}, 3)
	b.run(65 * time.Second)
	for i, want := range []struct{ holding, renewals, released int }{
		{0, 0, 1}, {1, 1, 0}, {1, 6, 0}, {1, 0, 0},
	} {
		r := b.fleet.report(b.now, b.fleet.groups[i:i+1])
		if r.Holding != want.holding || r.Renewals != want.renewals || r.Released != want.released {
			t.Errorf("group %d: want %+v:\n%v", i, want, r)
		}
	}
	if !slices.ContainsFunc(b.log, func(l string) bool {
		return strings.Contains(l, "sid=invalid IP rip=10.70.1.1 ciaddr=invalid IP")
	}) {
		t.Errorf("no INIT-REBOOT (option 50 alone, RFC 2131 §4.3.2): %v", b.log)
	}
	if r := b.run(700 * time.Second); r.Holding != 2 {
		t.Errorf("the silent one holds on:\n%v", r)
	}
}

func TestFleet_P1_CarelessServerIsCaught(t *testing.T) {
	b := newBench(t, Options{})
	b.server.careless = true
	b.fleet.add(0, Group{Clients: 2, Rate: 1}, 0)
	r := b.run(10 * time.Second)
	if len(r.Violations) != 1 || !strings.Contains(r.String(), "02:67:00:00:00:01") {
		t.Errorf("want one violation:\n%v", r)
	}
}

func TestFleet_DuplicateAnswersAreCounted(t *testing.T) {
	b := newBench(t, Options{})
	b.server.echo = 3
	b.fleet.add(0, Group{Clients: 10}, 0)
	r := b.run(10 * time.Second)
	if r.Offers != 3*r.Discovers || r.Bound != 10 || r.Late != 20 || len(r.Violations) != 0 {
		t.Errorf("three answers to everything:\n%v", r)
	}
}

func TestFleet_SameSeedSameWorld(t *testing.T) {
	var logs [2]string
	for i := range logs {
		b := newBench(t, Options{Seed: 67})
		b.server.deaf = func(_ dhcp4.MessageType, now time.Duration) bool { return now%7 == 0 }
		b.fleet.add(0, Group{Clients: 50, Rate: 10}, 0)
		b.run(1000 * time.Second)
		logs[i] = strings.Join(b.log, "\n")
	}
	if logs[0] != logs[1] {
		t.Error("two runs with one seed differ")
	}
}

func TestDecode_Malformed(t *testing.T) {
	s := fakeServer{id: netip.MustParseAddr("10.67.0.2"), lease: 600}
	whole := s.encode(request{xid: 1}, dhcp4.ACK, netip.MustParseAddr("10.70.1.1"))
	if r, ok := decode(whole); !ok || r.lease != 600 || r.kind != dhcp4.ACK || r.yiaddr.String() != "10.70.1.1" {
		t.Fatalf("whole: %+v %v", r, ok)
	}
	for n := range len(whole) - 1 {
		// A prefix is refused or read without its last options; it never makes decode panic.
		if r, ok := decode(whole[:n]); ok && r.hasLease && n < len(whole)-1 {
			continue
		} else if ok && n < headerLen+4 {
			t.Errorf("%d octets: %+v", n, r)
		}
	}
}
