package server

import (
	"encoding/binary"
	"fmt"
	"math/rand"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"port67/server/dhcp4"
	"port67/server/wire4"
	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// foretoldOptions says in what the words of an explanation differ from the reply that then was sent: address,
// lease time, and every option with its value.
func foretoldOptions(x *Explanation, sent []byte) []string {
	var wrong []string
	if sent == nil {
		if x.Address().IsValid() || len(x.Options()) > 0 || x.ReplyWord() != "" {
			wrong = append(wrong, "silence has an address, options or a word")
		}
		return wrong
	}
	if !x.Trace.Replied {
		return nil // A leasequery.
	}
	heard := slices.Clone(sent)
	heard[0] = 1 // Parse reads requests alone.
	m, err := wire4.Parse(heard)
	if err != nil {
		return []string{err.Error()}
	}
	if a := x.Address(); a != m.YIAddr && (a.IsValid() || !m.YIAddr.IsUnspecified()) {
		wrong = append(wrong, fmt.Sprintf("address %v, sent %v", a, m.YIAddr))
	}
	told, _ := x.LeaseTime()
	if b, has := m.Options.Get(codeLease); has && binary.BigEndian.Uint32(b) != uint32(told) {
		wrong = append(wrong, fmt.Sprintf("lease time %d, sent %x", told, b))
	}
	n := 0
	for _, o := range x.Options() {
		data, has := m.Options.Get(o.Code)
		if has != o.Sent {
			wrong = append(wrong, fmt.Sprintf("option %d: said to be sent: %t, was: %t", o.Code, o.Sent, has))
		}
		switch {
		case !o.Sent && o.Why == "", o.Sent && o.From == "":
			wrong = append(wrong, fmt.Sprintf("option %d: from %q, left out since %q", o.Code, o.From, o.Why))
		case o.Sent:
			n++
			d := x.Config.Config.Definitions()
			plain := config.ValueWords(d, config.Option{Code: o.Code, Data: data})
			if o.Value != plain && !strings.Contains(o.Value, ": ") { // Sub-options have words of their own.
				wrong = append(wrong, fmt.Sprintf("option %d: %s, sent %s", o.Code, o.Value, plain))
			}
		}
	}
	overload := 0
	if _, has := m.Options.Get(codeOverload); has {
		overload = 1
	}
	if got := len(m.Options.All()) - overload; got != n {
		wrong = append(wrong, fmt.Sprintf("%d options, sent were %d", n, got))
	}
	return wrong
}

const randomNetwork = `
lease: {default: 1h, min: 5m, max: 24h}
options: {domain-name: example.org, domain-name-servers: [10.67.0.53]}
never-send: [ntp-servers]
nak-denied: on
authoritative: on
classes:
  - {name: phones, test: 'pkt.option("vendor-class-identifier") == "phone"', lease: {default: 2h}}
  - {name: odd, test: 'pkt.option("vendor-class-identifier") == "odd"', ignore: on}
  - {name: wrong, test: 'int(pkt.option("vendor-class-identifier")) > 3', options: {log-servers: [10.67.0.7]}}
shared-networks:
  - {name: floor, subnets: [10.69.0.0/24, 10.70.0.0/24], options: {ntp-servers: [10.67.0.8]}}
subnets:
  - prefix: 10.67.0.0/24
    options: {routers: [10.67.0.1]}
    pools:
      - {range: 10.67.0.100-10.67.0.103, classes: [not-phones]}
      - {range: 10.67.0.110-10.67.0.112, classes: [phones], t1: 40%, options: {domain-name: phones.example.org}}
    reservations:
      - {hardware: "02:67:00:00:00:01", address: 10.67.0.50, hostname: printer, never-send: [routers]}
      - {hardware: "02:67:00:00:00:02", address: 10.67.0.101}
      - {hardware: "02:67:00:00:00:03", options: {domain-name: three.example.org}, boot-file-name: three.img}
  - prefix: 10.68.0.0/24
    relays: [10.68.0.1]
    early-reuse: on
    bootp: {dynamic: on, lease: 1d}
    pools: [10.68.0.100-10.68.0.102]
  - {prefix: 10.69.0.0/24, classes: [known], pools: [10.69.0.100-10.69.0.101]}
  - {prefix: 10.70.0.0/24, pools: [10.70.0.100-10.70.0.102]}
`

// TestExplain4_AgreesWithServe4: of clients of all kinds, on all links, in all states and with whatever went
// before, what is explained is what then comes: outcome, octets and destination (scene.explain), and in words
// address, lease time and options.
func TestExplain4_AgreesWithServe4(t *testing.T) {
	seen := map[Outcome]int{}
	for seed := range int64(6) {
		r := rand.New(rand.NewSource(seed))
		s := newScene(t, "random.yaml", []byte(randomNetwork))
		for range 250 {
			if r.Intn(8) == 0 {
				s.do([]string{"pass", (time.Duration(r.Intn(5000)) * time.Second).String()})
			}
			if r.Intn(20) == 0 {
				s.do([]string{"anchor", []string{"there", "lost"}[r.Intn(2)]})
			}
			if r.Intn(25) == 0 {
				s.do([]string{"buckets", "n1", []string{"n1", "n2"}[r.Intn(2)]})
			}
			words := randomWords(r)
			if r.Intn(3) == 0 {
				words = holderWords(r, s, words)
			}
			s.hear(words)
			seen[s.ended]++
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
	}
	for _, o := range []Outcome{
		Offered, Acknowledged, Renewed, Denied, Informed, Released, Declined, Filtered, Exhausted, UnknownLink,
		UnknownRelay, OtherServer, AnsweredByBOOTP, BOOTPUnserved,
	} {
		if seen[o] == 0 {
			t.Errorf("no message ended as %v: the test says nothing about it", o)
		}
	}
}

// randomWords returns a message of one of a few clients.
func randomWords(r *rand.Rand) []string {
	pick := func(words ...string) string { return words[r.Intn(len(words))] }
	addr := func() string {
		return pick("10.67.0.", "10.67.0.", "10.68.0.", "10.69.0.", "10.70.0.", "10.99.0.") + pick("50", "100", "101", "102",
			"110", "111", "7")
	}
	kind := pick("DISCOVER", "DISCOVER", "REQUEST", "REQUEST", "REQUEST", "INFORM", "RELEASE", "DECLINE", "BOOTP")
	words := []string{kind, fmt.Sprintf("xid=%d", 1+r.Intn(1<<20)), fmt.Sprintf("client=%d", 1+r.Intn(9)),
		"ask=1,3,6,15,42,51,66,67,119"}
	if relay := pick("", "", "10.68.0.1", "10.68.0.9", "10.70.0.1", "10.99.0.1"); relay != "" {
		words = append(words, "giaddr="+relay)
	}
	if vendor := pick("", "phone", "odd", "1"); vendor != "" && r.Intn(2) == 0 {
		words = append(words, "vendor="+vendor)
	}
	if r.Intn(3) == 0 {
		words = append(words, "cid=0070"+pick("01", "02"))
	}
	if r.Intn(3) == 0 {
		words = append(words, fmt.Sprintf("lease=%d", []int{60, 7200, 1 << 20}[r.Intn(3)]))
	}
	a := addr()
	switch kind {
	case "DISCOVER":
		if r.Intn(2) == 0 {
			words = append(words, "ip="+a)
		}
	case "REQUEST":
		switch r.Intn(4) {
		case 0:
			words = append(words, "ip="+a, "sid="+pick("10.67.0.2", "10.67.0.2", "10.67.0.99"))
		case 1:
			words = append(words, "ip="+a)
		case 2:
			words = append(words, "ciaddr="+a)
		case 3:
			words = append(words, "ciaddr="+a, "src="+a, "dst=10.67.0.2")
		}
	case "INFORM", "RELEASE":
		words = append(words, "ciaddr="+a, "src="+a)
	case "DECLINE":
		words = append(words, "ip="+a)
	}
	return words
}

// holderWords returns a renewal or a RELEASE of a client that has a lease, otherwise if there is none.
func holderWords(r *rand.Rand, s *scene, otherwise []string) []string {
	var bound []lease.Lease
	for l := range storage.ViewOf(s.State).Leases(netip.Addr{}) {
		if l.Status == lease.Bound && len(l.CHAddr) == 6 {
			bound = append(bound, l)
		}
	}
	if len(bound) == 0 {
		return otherwise
	}
	l := bound[r.Intn(len(bound))]
	words := []string{
		[]string{"REQUEST", "REQUEST", "RELEASE"}[r.Intn(3)], "ask=1,3,6", fmt.Sprintf("client=%d", l.CHAddr[5]),
		"ciaddr=" + l.Addr.String(), "src=" + l.Addr.String(), "dst=10.67.0.2",
	}
	if _, _, hardware := l.Client.Hardware(); !hardware {
		words = append(words, fmt.Sprintf("cid=%x", l.Client.Identifier()))
	}
	return words
}

// TestExplanation_Words pins what operators read.
func TestExplanation_Words(t *testing.T) {
	s := newScene(t, "random.yaml", []byte(randomNetwork))
	words := func(message string) string {
		payload, in := parseScript(t, strings.Fields(message))
		return inWords(s.server.Explain4(t.Context(), Datagram{Payload: payload, Ingress: in}))
	}
	s.hear(strings.Fields("REQUEST xid=1 client=7 ip=10.67.0.102 sid=10.67.0.2"))
	for _, c := range []struct {
		message string
		want    []string
	}{
		{"DISCOVER client=1 ask=3,42,119", []string{
			"message DISCOVER", "way: directly on eth0",
			"link: 10.67.0.0/24, by the addresses of the interface: 10.67.0.2/24",
			"client: hw:1:02:67:00:00:00:01, by its hardware address",
			"reservation: 10.67.0.50, host name printer in subnet 10.67.0.0/24, known by hardware 02:67:00:00:00:01",
			"rung reserved 10.67.0.50 taken", "cluster: it is not asked: an offer is held by this node",
			"lease time: 1h: the client asks for none; default 1h (global), from 5m (global) to 24h (global)",
			"option 3 false from subnet 10.67.0.0/24: never-send in reservation of hardware 02:67:00:00:00:01",
			"option 42 false from : never-send in global", "option 119 false from : asked for, but not set",
			"option 6 false from global: set, but the client does not ask for it", "outcome offered",
		}},
		{"DISCOVER client=9 vendor=phone", []string{
			"class phones true", "class odd false", "class wrong error", "class unknown true",
			"rung reserved  nothing there", "rung own  nothing there", "rung asked  nothing there",
			"rung free 10.67.0.100-10.67.0.103 passed over: not open to the client's classes (1 of 3 in use)",
			"taken: free, in this node's part of pool 10.67.0.110-10.67.0.112 (0 of 3 in use)",
			"default 2h (class phones)", "T1 at 40% (pool 10.67.0.110-10.67.0.112), T2 at 87.5% (default)",
			"option 15 true from pool 10.67.0.110-10.67.0.112",
		}},
		{"DISCOVER client=9 vendor=odd", []string{
			"denied: the client is in a class that is not served: odd", "outcome filtered",
		}},
		{"DISCOVER client=3 ip=10.67.0.102", []string{
			"reservation: no address, but settings", "rung reserved  passed over: it promises no address",
			"rung asked 10.67.0.102 passed over: booked for, or offered to, hw:1:02:67:00:00:00:07",
			"file: three.img (reservation of hardware 02:67:00:00:00:03)",
		}},
		{"REQUEST client=8 ip=10.67.0.102", []string{
			"message REQUEST (init-reboot)", "it would be asked to bind 10.67.0.102, and refuse: the client has no lease",
			"outcome denied",
		}},
		{"REQUEST client=7 ciaddr=10.67.0.102 src=10.67.0.102 dst=10.67.0.2", []string{
			"message REQUEST (renewing)", "lease: 10.67.0.102, bound, booked for another 2h",
			"turn: the message was sent to this node alone", "cluster: it is not asked: the booking is long enough",
			"outcome renewed",
		}},
		{"DISCOVER client=5 giaddr=10.99.0.1", []string{
			"relayed by 10.99.0.1", "link: none has a subnet for giaddr 10.99.0.1", "outcome unknown_link",
		}},
		{"DISCOVER client=5 giaddr=10.68.0.9", []string{
			"the relay is not one of those that the subnet lists", "outcome unknown_relay",
		}},
		{"INFORM client=5 ciaddr=10.67.0.7 src=10.67.0.7", []string{"to 10.67.0.7 port 68", "outcome informed"}},
	} {
		got := words(c.message)
		for _, w := range c.want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: no %q in\n%s", c.message, w, got)
			}
		}
	}
}

// TestExplanation_NoRoom: what a reply is too small for is told as left out, with the size.
func TestExplanation_NoRoom_V4_037(t *testing.T) {
	long := strings.Repeat("x", 200)
	s := newScene(t, "small.yaml", []byte("option-overload: off\noptions: {root-path: "+long+", merit-dump: "+long+
		"}\nsubnets: [{prefix: 10.67.0.0/24, pools: [10.67.0.100-10.67.0.109]}]\n"))
	payload, in := parseScript(t, strings.Fields("DISCOVER client=1 ask=17,14"))
	x := s.server.Explain4(t.Context(), Datagram{Payload: payload, Ingress: in})
	if got := inWords(x); !strings.Contains(got, "option 17 true from global") ||
		!strings.Contains(got, "option 14 false from global: no room in a datagram of 576 octets") {
		t.Errorf("want option 17 sent, and 14 left out for its size:\n%s", got)
	}
}

// inWords returns all that an explanation says, a line each.
func inWords(x *Explanation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "message %s\n", x.Message())
	for _, l := range x.Lines() {
		fmt.Fprintf(&b, "%s: %s\n", l.Topic, l.Text)
	}
	for _, c := range x.Classes() {
		fmt.Fprintf(&b, "class %s %s: %s\n", c.Name, c.Verdict, c.Why)
	}
	for _, r := range x.Rungs() {
		fmt.Fprintf(&b, "rung %s %s %s: %s\n", r.Rung, r.Where, r.Verdict, r.Why)
	}
	for _, o := range x.Options() {
		fmt.Fprintf(&b, "option %d %t from %s: %s\n", o.Code, o.Sent, o.From, o.Why)
	}
	fmt.Fprintf(&b, "reply %s to %s\noutcome %v\n", x.ReplyWord(), x.Destination(), x.Outcome)
	return b.String()
}

// TestExplain4_Turn: whose turn it is, and what is on offer by this node, are as they are for a message that
// comes; and to explain a message is not to hear it.
func TestExplain4_Turn(t *testing.T) {
	s := newScene(t, "random.yaml", []byte(randomNetwork))
	s.buckets([]string{"n2"})
	payload, in := parseScript(t, strings.Fields("DISCOVER xid=1 client=7"))
	for range 3 {
		x := s.server.Explain4(t.Context(), Datagram{Payload: payload, Ingress: in})
		if x.Outcome != Offered && x.Outcome != Acknowledged || x.Wait == 0 || len(x.Trace.Ahead) == 0 {
			t.Errorf("%v after %v behind %v", x.Outcome, x.Wait, x.Trace.Ahead)
		}
		if held := s.server.offers.at(s.clock.now).Held(); held.Has(x.Address()) {
			t.Errorf("%v is on offer since it was explained", x.Address())
		}
		if k, _ := x.Query.ClientKey(); s.server.neighbours.Unanswered(k, &x.Query) {
			t.Error("a message that was explained counts as one that was heard")
		}
	}
	first := s.server.Explain4(t.Context(), Datagram{Payload: payload, Ingress: in}).Address()
	other := offerClient{lease.HardwareKey(1, []byte{1}), "10.67.0.0/24"}
	s.server.offers.hold(other, dhcp4.Held{Addr: first}, false, s.clock.now)
	if x := s.server.Explain4(t.Context(), Datagram{Payload: payload, Ingress: in}); x.Address() == first {
		t.Errorf("%v is explained as free, and is on offer to another client", first)
	}
}
