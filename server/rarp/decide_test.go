package rarp

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"port67/server/dhcp4"
	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

const n1, n2, n3, n4 storage.NodeID = "n1", "n2", "n3", "n4"

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func mac(last byte) []byte { return []byte{2, 0x67, 0, 0, 0, last} }

// world is a replicated state: n1, n2 and n3 on 10.67.0.0/24 and 10.68.0.0/24, which share a link; n4 with an
// address on 10.69.0.0/24 only.
type world struct {
	t     *testing.T
	state *storage.State
	index uint64
	now   lease.Instant
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, state: storage.New(), now: lease.Genesis}
	w.must(storage.Found{ClusterID: "test", Node: member(n1, "10.67.0.2")})
	w.must(storage.PutNode{Node: member(n2, "10.67.0.3")})
	w.must(storage.PutNode{Node: member(n3, "10.68.0.4")})
	w.must(storage.PutNode{Node: member(n4, "10.69.0.5")})
	w.own(n1, n2, n3, n4)
	return w
}

// configured returns a world whose reservations are the third octet of the address and the last of both.
func configured(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.configure(testConfig())
	return w
}

func testConfig() *config.Config {
	prefix := netip.MustParsePrefix
	reserved := func(last byte, addr string, rarp bool) config.Reservation {
		return config.Reservation{Hardware: [][]byte{mac(last)}, Address: ip(addr), RARP: rarp}
	}
	return &config.Config{
		SharedNetworks: []config.SharedNetwork{{
			Name: "floor", Subnets: []netip.Prefix{prefix("10.67.0.0/24"), prefix("10.68.0.0/24")},
		}},
		Subnets: []config.Subnet{
			{
				Prefix: prefix("10.67.0.0/24"),
				Pools: []config.Pool{{Range: config.AddrRange{
					First: ip("10.67.0.100"), Last: ip("10.67.0.103"),
				}}},
				Reservations: []config.Reservation{
					reserved(1, "10.67.0.101", true), reserved(2, "10.67.0.9", false),
					reserved(5, "10.67.0.3", true),
				},
			},
			{
				Prefix:       prefix("10.68.0.0/24"),
				Reservations: []config.Reservation{reserved(3, "10.68.0.9", true)},
			},
			{
				Prefix: prefix("10.69.0.0/24"),
				Reservations: []config.Reservation{
					reserved(1, "10.69.0.9", true), reserved(4, "10.69.0.10", true),
				},
			},
		},
	}
}

func member(id storage.NodeID, addr string) storage.Node {
	return storage.Node{ID: id, Name: string(id), Addresses: []netip.Addr{ip(addr)}, Level: 1}
}

func (w *world) view() storage.View { return storage.ViewOf(w.state) }

func (w *world) must(c storage.Command) {
	w.t.Helper()
	w.index++
	r := w.state.Apply(w.index, storage.Entry{At: w.now, Commands: []storage.Command{c}})[0]
	if r.Refusal != storage.Granted {
		w.t.Fatalf("%T refused: %d %s", c, r.Refusal, r.Detail)
	}
}

func (w *world) configure(c *config.Config) {
	w.t.Helper()
	w.must(storage.SetConfig{Config: c, Author: "test", Expected: w.view().Revision()})
}

// own gives the buckets to the nodes in turn.
func (w *world) own(ids ...storage.NodeID) {
	w.t.Helper()
	_, epoch := w.view().BucketOwner(0)
	b := storage.SetBuckets{Epoch: epoch + 1}
	for i := range b.Owners {
		b.Owners[i] = ids[i%len(ids)]
	}
	w.must(b)
}

// on is an interface with these addresses.
func on(prefixes ...string) *dhcp4.Ingress {
	in := &dhcp4.Ingress{}
	for _, p := range prefixes {
		in.Prefixes = append(in.Prefixes, netip.MustParsePrefix(p))
	}
	return in
}

// ask is a request about a device by another one.
func ask(last byte) *Frame {
	return &Frame{
		Dst: broadcast, Src: asker, Op: RequestReverse, SHA: asker, THA: MAC(mac(last)),
		SPA: netip.IPv4Unspecified(), TPA: netip.IPv4Unspecified(),
	}
}

func TestDecide(t *testing.T) {
	w := configured(t)
	w.own(n1)
	floor := on("10.67.0.2/24")
	gratuitous := ask(1)
	gratuitous.Src, gratuitous.SHA = diskless, diskless
	stranger := ask(9)
	stranger.Src, stranger.SHA = stranger.THA, stranger.THA
	byOther := ask(9) // RP-003: a device with a reservation asks about one without.
	byOther.Src, byOther.SHA = diskless, diskless
	reply, arp := ask(1), ask(1)
	reply.Op, arp.Op = ReplyReverse, 1
	for _, tt := range []struct {
		name string
		f    *Frame
		in   *dhcp4.Ingress
		want Decision
	}{
		{"RP-001 a reservation on the link", ask(1), floor,
			Decision{Why: Answer, Addr: ip("10.67.0.101"), SPA: ip("10.67.0.2")}},
		{"RP-001 on another link the other reservation", ask(1), on("10.69.0.2/24"),
			Decision{Why: Answer, Addr: ip("10.69.0.9"), SPA: ip("10.69.0.2")}},
		{"RP-001 in the other subnet of the link", ask(3), floor,
			Decision{Why: Answer, Addr: ip("10.68.0.9"), SPA: ip("10.67.0.2")}},
		{"RP-001 told by the address in the same subnet", ask(3), on("10.67.0.2/24", "10.68.0.2/24"),
			Decision{Why: Answer, Addr: ip("10.68.0.9"), SPA: ip("10.68.0.2")}},
		{"RP-008 gratuitous, with rarp: on", gratuitous, floor,
			Decision{Why: Answer, Addr: ip("10.67.0.101"), SPA: ip("10.67.0.2")}},
		{"RP-008 gratuitous, of a machine that moved", stranger, floor, Decision{Why: Unknown}},
		{"RP-002 unknown", ask(9), floor, Decision{Why: Unknown}},
		{"RP-003 the target counts", byOther, floor, Decision{Why: Unknown}},
		{"RP-007 rarp: off", ask(2), floor, Decision{Why: Unknown}},
		{"RP-006 reserved on another link", ask(4), floor,
			Decision{Why: OtherLink, Reserved: ip("10.69.0.10")}},
		{"RP-006 an interface without an address", ask(1), on(),
			Decision{Why: OtherLink, Reserved: ip("10.67.0.101")}},
		{"RP-004 a reply", reply, floor, Decision{Why: NotRequest}},
		{"RP-004 op 1", arp, floor, Decision{Why: NotRequest}},
		{"a node has the address", ask(5), floor,
			Decision{Why: Withheld, Addr: ip("10.67.0.3"), SPA: ip("10.67.0.2")}},
	} {
		if tt.want.Why != NotRequest {
			tt.want.Key = lease.HardwareKey(1, tt.f.THA[:])
		}
		got := Decide(w.view(), tt.f, tt.in, Self{Node: n1, InTouch: true})
		if diff := cmp.Diff(tt.want, got, byValue); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestDecide_KnowsTooLittle(t *testing.T) {
	if got := Decide(newWorld(t).view(), ask(1), on("10.67.0.2/24"), Self{n1, true}); got.Why != NoConfig {
		t.Errorf("without a configuration: %d, want NoConfig", got.Why)
	}
	if got := Decide(configured(t).view(), ask(1), on("10.67.0.2/24"), Self{n1, false}); got.Why != OutOfTouch {
		t.Errorf("without word of the leader: %d, want OutOfTouch", got.Why)
	}
}

// bind gives a lease of an hour to the device.
func (w *world) bind(last byte, addr string) {
	w.t.Helper()
	w.must(storage.Bind{
		Client: storage.Client{Key: lease.HardwareKey(1, mac(last)), HType: 1, CHAddr: string(mac(last))},
		Mode:   storage.Selecting, Addr: ip(addr), Link: "floor",
	})
}

// RP-007 and RP-009: a lease is no reservation, the address of a reservation is nobody else's, and the same
// for DHCP. What another client has held since before the reservation is not told until its booking has passed.
func TestDecide_RP_009_OneAddressForDHCPAndRARP(t *testing.T) {
	w := newWorld(t)
	c := testConfig()
	reservations := c.Subnets[0].Reservations
	c.Subnets[0].Reservations = nil
	w.configure(c)
	w.bind(7, "10.67.0.101")
	floor := on("10.67.0.2/24")
	decide := func(last byte) Decision { return Decide(w.view(), ask(last), floor, Self{n1, true}) }
	if got := decide(7); got.Why != Unknown {
		t.Errorf("RP-007 a device with a lease: %d, want Unknown", got.Why)
	}
	again := *c
	again.Subnets = append([]config.Subnet(nil), c.Subnets...)
	again.Subnets[0].Reservations = reservations
	w.configure(&again)
	if got := decide(1); got.Why != Withheld {
		t.Errorf("while another client holds the address: %d, want Withheld", got.Why)
	}
	l, _ := w.view().Lease(ip("10.67.0.101"))
	w.now = l.FreeFrom()
	w.must(storage.Tick{})
	if got := decide(1); got.Why != Answer || got.Addr != ip("10.67.0.101") {
		t.Errorf("afterwards: %d %v, want 10.67.0.101", got.Why, got.Addr)
	}
	all := lease.AllBuckets()
	for last, want := range map[byte]string{1: "10.67.0.101", 8: "", 9: ""} {
		client := storage.Client{Key: lease.HardwareKey(1, mac(last)), HType: 1, CHAddr: string(mac(last))}
		a, r := w.view().Suitable(client, "floor", ip("10.67.0.101"), &all, nil)
		if r != storage.Granted || (a == ip("10.67.0.101")) != (want != "") {
			t.Errorf("DHCP offers %v (%d) to device %d, want 10.67.0.101 for device 1 only", a, r, last)
		}
	}
	w.bind(1, "10.67.0.101")
	if got := decide(1); got.Why != Answer || got.Addr != ip("10.67.0.101") {
		t.Errorf("with a lease of its own: %d %v, want 10.67.0.101", got.Why, got.Addr)
	}
}

// The order is that of DHCP, without the nodes that have no address on the link.
func TestDecide_RP_010_WhoIsAhead(t *testing.T) {
	bucket := lease.HardwareKey(1, mac(1)).Bucket()
	for _, tt := range []struct {
		name   string
		owner  storage.NodeID // of the device's bucket
		others []storage.NodeID
		want   map[storage.NodeID]int
	}{
		{"all own buckets", n2, []storage.NodeID{n1, n2, n3, n4}, map[storage.NodeID]int{n2: 0, n3: 1, n1: 2, n4: 2}},
		{"the owner is on another link", n4, []storage.NodeID{n1, n2, n3}, map[storage.NodeID]int{n1: 0, n2: 1, n3: 2}},
		{"one owns nothing", n1, []storage.NodeID{n1, n3}, map[storage.NodeID]int{n1: 0, n3: 1, n2: 2}},
	} {
		w := configured(t)
		_, epoch := w.view().BucketOwner(0)
		b := storage.SetBuckets{Epoch: epoch + 1}
		for i := range b.Owners {
			b.Owners[i] = tt.others[i%len(tt.others)]
		}
		b.Owners[bucket] = tt.owner
		w.must(b)
		for id, want := range tt.want {
			if got := Decide(w.view(), ask(1), on("10.67.0.2/24"), Self{id, true}); got.Ahead != want {
				t.Errorf("%s: %d nodes ahead of %s, want %d", tt.name, got.Ahead, id, want)
			}
		}
	}
}

// RP-014: the answer depends on the request and on nothing before it.
func TestReply_RP_001_RP_014(t *testing.T) {
	w := configured(t)
	f := ask(1)
	f.SHA = MAC{2, 0x67, 0, 0, 9, 9} // RP-001: the answer goes to the Ethernet source, whatever stands inside.
	want := Frame{
		Dst: asker, Src: own, Op: ReplyReverse, SHA: own, THA: diskless,
		SPA: ip("10.67.0.2"), TPA: ip("10.67.0.101"),
	}
	for range 3 {
		d := Decide(w.view(), f, on("10.67.0.2/24"), Self{n1, true})
		if diff := cmp.Diff(want, d.Reply(f, own), byValue); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
