package dhcp4

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"

	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// The network of the tests: three nodes on 10.67.0.0/24, of which n1 is the one that decides.
const (
	n1 storage.NodeID = "11111111-1111-4111-8111-111111111111"
	n2 storage.NodeID = "22222222-2222-4222-8222-222222222222"
	n3 storage.NodeID = "33333333-3333-4333-8333-333333333333"
)

var (
	zero    = netip.IPv4Unspecified()
	addrN1  = netip.MustParseAddr("10.67.0.2")
	addrN2  = netip.MustParseAddr("10.67.0.3")
	relayG  = netip.MustParseAddr("10.68.0.1")
	routerB = netip.MustParseAddr("10.67.0.1")
)

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func ptr[T any](v T) *T { return &v }

// option returns a configured option that holds addresses.
func option(code uint8, data ...byte) config.Option { return config.Option{Code: code, Data: data} }

func pool(first, last string) config.Pool {
	return config.Pool{Range: config.AddrRange{First: ip(first), Last: ip(last)}}
}

// testConfig is a subnet of direct clients, one behind a relay, a shared network and a link that is not ours
// to deny on.
func testConfig() *config.Config {
	c := &config.Config{
		Booking: config.Booking{FactorPercent: 200, Grace: 120, GracePermille: 10, Pause: 60},
		Decline: config.Decline{Quarantine: 86400},
		SharedNetworks: []config.SharedNetwork{{
			Name: "floor", Subnets: []netip.Prefix{netip.MustParsePrefix("10.69.0.0/24"),
				netip.MustParsePrefix("10.70.0.0/24")},
		}},
		Subnets: []config.Subnet{
			{
				Prefix: netip.MustParsePrefix("10.67.0.0/24"),
				Pools:  []config.Pool{pool("10.67.0.100", "10.67.0.199")},
				Reservations: []config.Reservation{{
					Hardware: [][]byte{mac(0x51)}, Address: ip("10.67.0.50"), Hostname: "printer",
				}},
			},
			{
				Prefix: netip.MustParsePrefix("10.68.0.0/24"), Relays: []netip.Addr{relayG},
				Pools: []config.Pool{pool("10.68.0.100", "10.68.0.199")},
			},
			{Prefix: netip.MustParsePrefix("10.69.0.0/24"),
				Pools: []config.Pool{pool("10.69.0.100", "10.69.0.101")}},
			{Prefix: netip.MustParsePrefix("10.70.0.0/24"),
				Pools: []config.Pool{pool("10.70.0.100", "10.70.0.199")}},
			{
				Prefix:   netip.MustParsePrefix("10.71.0.0/24"),
				Pools:    []config.Pool{pool("10.71.0.100", "10.71.0.199")},
				Settings: config.Settings{Authoritative: ptr(false)},
			},
		},
	}
	c.Options = []config.Option{option(optDNS, 10, 67, 0, 53),
		option(optDomainName, []byte("example.org")...)}
	c.Subnets[0].Options = []config.Option{option(optRouter, 10, 67, 0, 1)}
	c.Subnets[1].Options = []config.Option{option(optRouter, 10, 68, 0, 1)}
	return c
}

// world is a replicated state and what n1 knows beside it.
type world struct {
	t     *testing.T
	state *storage.State
	index uint64
	now   lease.Instant
	self  Self
	held  map[lease.Key]Held
	// unanswered and deaf are what Ears answer.
	unanswered bool
	deaf       map[storage.NodeID]bool
}

// newWorld founds a cluster of n1, n2 and n3, of which n1 owns every bucket, with configuration c.
func newWorld(t *testing.T, c *config.Config) *world {
	t.Helper()
	w := &world{t: t, state: storage.New(), now: lease.Genesis, held: map[lease.Key]Held{},
		deaf: map[storage.NodeID]bool{}}
	w.self = Self{Node: n1, Anchored: true, InTouch: true, Offers: w, Ears: w}
	w.must(storage.Found{ClusterID: "test", Node: storage.Node{ID: n1, Name: "n1",
		Addresses: []netip.Addr{addrN1}, Level: 1}})
	w.must(storage.PutNode{Node: storage.Node{ID: n2, Name: "n2", Addresses: []netip.Addr{addrN2}, Level: 1}})
	w.must(storage.PutNode{Node: storage.Node{ID: n3, Name: "n3", Addresses: []netip.Addr{ip("10.67.0.4")},
		Level: 1}})
	w.own(func(int) storage.NodeID { return n1 })
	w.must(storage.SetConfig{Config: c, Author: "test"})
	return w
}

// Of, To and Held implement Offers, Unanswered and Deaf implement Ears.
func (w *world) Of(k lease.Key, _ string) (Held, bool) { h, ok := w.held[k]; return h, ok }

func (w *world) To(a netip.Addr) (lease.Key, bool) {
	for k, h := range w.held {
		if h.Addr == a {
			return k, true
		}
	}
	return "", false
}

func (w *world) Held() *lease.Space {
	var space *lease.Space
	for _, h := range w.held {
		space = space.With(h.Addr)
	}
	return space
}

func (w *world) Unanswered(lease.Key, *Query) bool   { return w.unanswered }
func (w *world) Deaf(_ Path, id storage.NodeID) bool { return w.deaf[id] }
func (w *world) view() storage.View                  { return storage.ViewOf(w.state) }
func (w *world) lease(a string) lease.Lease          { l, _ := w.view().Lease(ip(a)); return l }
func (w *world) advance(d lease.Seconds)             { w.now = w.now.Add(d); w.apply(storage.Tick{}) }
func (w *world) own(of func(bucket int) storage.NodeID) {
	_, epoch := w.view().BucketOwner(0)
	b := storage.SetBuckets{Epoch: epoch + 1}
	for i := range b.Owners {
		b.Owners[i] = of(i)
	}
	w.must(b)
}

// apply commits one command.
func (w *world) apply(c storage.Command) storage.Result {
	w.index++
	return w.state.Apply(w.index, storage.Entry{At: w.now, Commands: []storage.Command{c}})[0]
}

// must commits a command that is part of the scene.
func (w *world) must(c storage.Command) {
	w.t.Helper()
	if r := w.apply(c); r.Refusal != storage.Granted {
		w.t.Fatalf("scene: %T refused: %d %s", c, r.Refusal, r.Detail)
	}
}

// bind gives an address to a client that selects it.
func (w *world) bind(q *Query, link, a string) {
	w.t.Helper()
	k, _ := q.ClientKey()
	w.must(storage.Bind{Client: q.client(k, nil), Link: link, Addr: ip(a), Mode: storage.Selecting})
}

// reconfigure replaces the configuration by what change makes of it.
func (w *world) reconfigure(change func(*config.Config)) {
	w.t.Helper()
	c := testConfig()
	change(c)
	w.must(storage.SetConfig{Expected: w.view().Revision(), Config: c, Author: "test"})
}

// decide asks for a decision with clocks that agree.
func (w *world) decide(q *Query, in *Ingress) Decision {
	w.self.Upper = w.now + 1
	return Decide(w.view(), q, in, &w.self)
}

// answer is what came of an exchange.
type answer struct {
	d      Decision
	result storage.Result
	msg    Message
	why    Why
	dest   Dest
}

// exchange decides, commits and replies, and holds what is offered.
func (w *world) exchange(q *Query, in *Ingress) answer {
	w.self.Waited = true
	a := answer{d: w.decide(q, in)}
	w.self.Waited = false
	if a.why = a.d.Why; a.why != Answer {
		return a
	}
	a.result = a.d.Local
	if a.d.Command != nil {
		a.result = w.apply(a.d.Command)
	}
	if a.d.Hold {
		w.held[a.d.Holder] = Held{a.d.Local.Lease.Addr, a.d.Config, a.d.Classes}
	}
	if a.msg, a.why = Reply(&a.d, a.result); a.why == Answer && a.msg.Type != 0 {
		a.dest = Destination(q, &a.msg, in)
	}
	return a
}

// String tells an answer in a line: what was asked of the log, what the client hears.
func (a answer) String() string {
	s := fmt.Sprintf("%T ", a.d.Command)
	switch {
	case a.why != Answer:
		return s + fmt.Sprintf("silent(%d) refusal %d %s", a.why, a.result.Refusal, a.result.Detail)
	case a.msg.Type == 0:
		return s + "no reply"
	}
	return s + fmt.Sprintf("%s yiaddr=%v refusal %d", kinds[a.msg.Type], a.msg.YIAddr, a.result.Refusal)
}

var kinds = map[MessageType]string{OfferMsg: "OFFER", ACK: "ACK", NAK: "NAK"}

// mac returns the hardware address of client i.
func mac(i byte) []byte { return []byte{2, 0x67, 0, 0, 0, i} }

// query returns a message of client i with options.
func query(kind MessageType, i byte, options ...Option) *Query {
	q := &Query{
		HType: 1, HLen: 6, XID: 0x6700 + uint32(i), CIAddr: zero, YIAddr: zero, SIAddr: zero, GIAddr: zero,
		Cookie: true, Type: kind,
	}
	copy(q.CHAddr[:], mac(i))
	for _, o := range options {
		q.Options.Append(o.Code, o.Data)
	}
	return q
}

// with returns an option; text and addresses become octets.
func with(code uint8, v any) Option {
	switch v := v.(type) {
	case string:
		if a, err := netip.ParseAddr(v); err == nil {
			return Option{code, a.AsSlice()}
		}
		return Option{code, []byte(v)}
	case netip.Addr:
		return Option{code, v.AsSlice()}
	case []byte:
		return Option{code, v}
	case int:
		return Option{code, seconds(lease.Seconds(v))}
	}
	panic("with: octets, text, an address or a number")
}

// from sets giaddr and ciaddr.
func (q *Query) from(giaddr, ciaddr string) *Query {
	if giaddr != "" {
		q.GIAddr = ip(giaddr)
	}
	if ciaddr != "" {
		q.CIAddr = ip(ciaddr)
	}
	return q
}

// heard is an ingress on n1's eth0: broadcast if dst is empty.
func heard(src, dst string) *Ingress {
	in := &Ingress{
		IfIndex: 3, Interface: "eth0", Src: netip.MustParseAddrPort("0.0.0.0:68"), Dst: broadcastAddr,
		Local: addrN1, Prefixes: []netip.Prefix{netip.MustParsePrefix("10.67.0.2/24")},
	}
	if src != "" {
		in.Src = netip.AddrPortFrom(ip(src), 68)
	}
	if dst != "" {
		in.Dst = ip(dst)
	}
	return in
}

// relayed is an ingress for what a relay sent to n1.
func relayed(src string) *Ingress {
	in := heard(src, addrN1.String())
	in.Src = netip.AddrPortFrom(ip(src), ServerPort)
	return in
}

// codes returns the options of a reply in order.
func (m *Message) codes() []byte {
	var list []byte
	for _, o := range m.Options {
		list = append(list, o.Code)
	}
	return list
}

// option returns the value of an option of a reply, nil if it is not there.
func (m *Message) option(code uint8) []byte {
	for _, o := range m.Options {
		if o.Code == code {
			return o.Data
		}
	}
	return nil
}

// wantOption fails the test unless an option of the reply has that value.
func wantOption(t *testing.T, m *Message, code uint8, want []byte) {
	t.Helper()
	if got := m.option(code); !bytes.Equal(got, want) {
		t.Errorf("option %d is %x, want %x; options %v", code, got, want, m.codes())
	}
}
