package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"port67/server/dhcp4"
	"port67/server/rarp"
	"port67/storage"
	"port67/storage/configfile"
	"port67/storage/lease"
	"port67/storage/storagetest"
)

// rarpConfig promises addresses by RARP to devices 1 and 2, and on another link to device 3.
const rarpConfig = `subnets:
  - prefix: 10.67.0.0/24
    pools: [10.67.0.100-10.67.0.199]
    reservations:
      - {hardware: 02:67:00:00:00:01, address: 10.67.0.101, rarp: on}
      - {hardware: 02:67:00:00:00:02, address: 10.67.0.9, rarp: on}
      - {hardware: 02:67:00:00:00:05, address: 10.67.0.10}
  - prefix: 10.68.0.0/24
    reservations:
      - {hardware: 02:67:00:00:00:03, address: 10.68.0.9, rarp: on}
`

// floor is three nodes on one link that hear the same frames and tell each other what they have answered. It
// is the ports that they share.
type floor struct {
	*storagetest.Alone
	t     *testing.T
	nodes []*stand
	now   time.Time
}

// stand is one node of a floor, with the ports that are its own.
type stand struct {
	*floor
	id      storage.NodeID
	rarp    *RARP
	off     bool // it hears nothing
	deaf    bool // to what the others tell
	touch   bool
	trouble error // of its sender
	sent    [][]byte
	ended   Outcome
	log     bytes.Buffer
}

func newFloor(t *testing.T, yaml string) *floor {
	t.Helper()
	c, problems := configfile.Decode("dhcp.yaml", []byte(yaml))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	f := &floor{t: t, Alone: storagetest.New(), now: time.Unix(1_000_000, 0)}
	if err := found(f.Alone); err != nil {
		t.Fatal(err)
	}
	f.must(storage.SetConfig{Config: c, Author: "test"})
	for _, id := range []storage.NodeID{"n1", "n2", "n3"} {
		s := &stand{floor: f, id: id, touch: true}
		s.rarp = NewRARP(RARPOptions{
			Self: id, Cluster: "test", Reader: f, Timekeeper: s, Neighbours: s, Sender: s, Observer: s, Clock: s,
			Logger: slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
		f.nodes = append(f.nodes, s)
	}
	f.own("n1", "n2", "n3")
	return f
}

func (f *floor) must(c storage.Command) {
	f.t.Helper()
	if err := f.Must(c); err != nil {
		f.t.Fatal(err)
	}
}

// own gives all buckets but one each to the first of ids: all serve, and the first is the owner of each device.
func (f *floor) own(ids ...storage.NodeID) {
	f.t.Helper()
	devices := make(map[int]bool)
	for d := range byte(6) {
		devices[int(lease.HardwareKey(1, []byte{2, 0x67, 0, 0, 0, d}).Bucket())] = true
	}
	if err := f.Own(func(bucket int) storage.NodeID {
		if bucket+1 < len(ids) && !devices[bucket] {
			return ids[bucket+1]
		}
		return ids[0]
	}); err != nil {
		f.t.Fatal(err)
	}
}

func (f *floor) Now() time.Time                                       { return f.now }
func (f *floor) Wait(context.Context, time.Duration, <-chan struct{}) {}

func (f *floor) WithTimeout(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
	return context.WithCancel(ctx)
}

func (s *stand) Upper() (lease.Instant, bool)         { return lease.Genesis, true }
func (s *stand) InTouch() bool                        { return s.touch }
func (s *stand) EndedRARP(o Outcome, _ time.Duration) { s.ended = o }

func (s *stand) SendRARP(_ context.Context, ifIndex int, frame []byte) error {
	if s.trouble != nil {
		return s.trouble
	}
	if ifIndex != 7 {
		s.t.Errorf("%s sends by interface %d, want the one of the request", s.id, ifIndex)
	}
	s.sent = append(s.sent, frame)
	return nil
}

func (s *stand) Handled(x Exchange) {
	for _, other := range s.nodes {
		if other != s && !other.off && !other.deaf && !other.rarp.HandledBy(x) {
			s.t.Errorf("%s does not know the word of %s for one by RARP", other.id, s.id)
		}
	}
}

// mac is the address of a node's interface.
func (s *stand) mac() rarp.MAC { return rarp.MAC{2, 0x67, 0, 0, 1, s.id[1]} }

// request is a request of a device for its own address.
func request(device byte) rarp.Frame {
	m := rarp.MAC{2, 0x67, 0, 0, 0, device}
	return rarp.Frame{
		Dst: rarp.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, Src: m, Op: rarp.RequestReverse, SHA: m, THA: m,
		SPA: netip.IPv4Unspecified(), TPA: netip.IPv4Unspecified(),
	}
}

// hear lets the node hear octets and returns how that ended.
func (s *stand) hear(octets []byte) Outcome {
	s.t.Helper()
	o := s.rarp.Serve(s.t.Context(), RARPFrame{
		Octets: octets, Own: s.mac(), Heard: s.now,
		Ingress: dhcp4.Ingress{
			IfIndex: 7, Interface: "eth0", Local: netip.MustParseAddr("10.67.0.2"),
			Prefixes: []netip.Prefix{netip.MustParsePrefix("10.67.0.2/24")},
		},
	})
	if o != s.ended {
		s.t.Errorf("%s: outcome %v, and the observer was told %v", s.id, o, s.ended)
	}
	return o
}

// ask lets all nodes hear a request of a device, in their order, and returns who answered.
func (f *floor) ask(device byte) (by []string) {
	f.t.Helper()
	r := request(device)
	for _, s := range f.nodes {
		if s.off {
			continue
		}
		before := len(s.sent)
		if o := s.hear(r.Encode()); (o == AnsweredByRARP) != (len(s.sent) > before) {
			f.t.Errorf("%s: outcome %v and %d replies", s.id, o, len(s.sent)-before)
		}
		if len(s.sent) > before {
			by = append(by, string(s.id))
		}
	}
	return by
}

func TestRARP_RP_001_RP_014_ReplyIsUnicastAndAlwaysTheSame(t *testing.T) {
	f := newFloor(t, rarpConfig)
	n := f.nodes[0]
	r := request(1)
	r.Src = rarp.MAC{2, 0x67, 0, 0, 0, 0x77} // RP-003: one asks for another.
	want := rarp.Frame{
		Dst: r.Src, Src: n.mac(), Op: rarp.ReplyReverse, SHA: n.mac(), THA: r.THA,
		SPA: netip.MustParseAddr("10.67.0.2"), TPA: netip.MustParseAddr("10.67.0.101"),
	}
	for range 3 {
		n.hear(r.Encode())
	}
	if len(n.sent) != 3 {
		t.Fatalf("%d replies to three requests", len(n.sent))
	}
	for _, b := range n.sent {
		if len(b) != 60 {
			t.Errorf("RP-005: %d octets, want 60", len(b))
		}
		got, _ := rarp.Parse(b)
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("reply (-want +got):\n%s", diff)
		}
	}
}

// Whatever is not answered is counted, and nothing of it is logged above debug (RP-008).
func TestRARP_SilentAndCounted(t *testing.T) {
	f := newFloor(t, rarpConfig)
	n := f.nodes[0]
	reply, arp := request(1), request(1)
	reply.Op, arp.Op = rarp.ReplyReverse, 1
	short, unknown, off := request(1), request(9), request(5)
	for _, tt := range []struct {
		name   string
		octets []byte
		want   Outcome
	}{
		{"RP-002 RP-008 unknown", unknown.Encode(), NotReserved},
		{"RP-007 rarp: off", off.Encode(), NotReserved},
		{"RP-004 a reply", reply.Encode(), NotForServers},
		{"RP-004 op 1", arp.Encode(), NotForServers},
		{"RP-004 short", short.Encode()[:41], Malformed},
	} {
		if got := n.hear(tt.octets); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	if len(n.sent) > 0 {
		t.Errorf("%d replies, want none", len(n.sent))
	}
	if strings.Contains(n.log.String(), "level=WARN") || !strings.Contains(n.log.String(), "outcome=not_reserved") {
		t.Errorf("log, want only debug:\n%s", n.log.String())
	}
}

func TestRARP_RP_006_WarnsOnceOfEachDeviceOnAnotherLink(t *testing.T) {
	n := newFloor(t, rarpConfig).nodes[0]
	r := request(3)
	for range 3 {
		if got := n.hear(r.Encode()); got != ReservedElsewhere {
			t.Errorf("outcome %v, want reserved_elsewhere", got)
		}
	}
	if got := strings.Count(n.log.String(), "level=WARN"); got != 1 {
		t.Errorf("%d warnings, want one:\n%s", got, n.log.String())
	}
	for _, word := range []string{"reserved=10.68.0.9", "client=hw:1:02:67:00:00:00:03", "interface=eth0"} {
		if !strings.Contains(n.log.String(), word) {
			t.Errorf("the log does not say %s", word)
		}
	}
	for i := range 2 * misplacedMax {
		n.rarp.isNews(misplaced{addr: netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})})
	}
	if got := n.rarp.misplaced.Len(); got != misplacedMax {
		t.Errorf("%d devices remembered, want %d", got, misplacedMax)
	}
}

func TestRARP_RP_010_OneReplyByTheOwner(t *testing.T) {
	f := newFloor(t, rarpConfig)
	for i := range 8 {
		// Often enough within three seconds, had nobody answered.
		if by := f.ask(1); !slices.Equal(by, []string{"n1"}) {
			t.Errorf("request %d answered by %v, want the owner alone", i, by)
		}
		f.now = f.now.Add(700 * time.Millisecond)
	}
	f.own("n3", "n1", "n2")
	if by := f.ask(1); !slices.Equal(by, []string{"n3"}) {
		t.Errorf("answered by %v, want the new owner", by)
	}
}

func TestRARP_RP_010_OwnerIsDead(t *testing.T) {
	f := newFloor(t, rarpConfig)
	f.ask(1)
	f.nodes[0].off = true
	for i, want := range [][]string{nil, {"n2"}, {"n2"}} {
		f.now = f.now.Add(2 * time.Second)
		if by := f.ask(1); !slices.Equal(by, want) {
			t.Errorf("request %d after the owner died: answered by %v, want %v", i+1, by, want)
		}
	}
	f.nodes[1].off = true
	for i, want := range [][]string{nil, nil, {"n3"}} {
		f.now = f.now.Add(2 * time.Second)
		if by := f.ask(1); !slices.Equal(by, want) {
			t.Errorf("request %d after the second died: answered by %v, want %v", i+1, by, want)
		}
	}
	f.own("n3") // The leader has given away what the dead had.
	f.now = f.now.Add(time.Minute)
	if by := f.ask(1); !slices.Equal(by, []string{"n3"}) {
		t.Errorf("answered by %v, want n3 at once", by)
	}
}

func TestRARP_RP_010_ThatItWasNotSentIsNotTold(t *testing.T) {
	f := newFloor(t, rarpConfig)
	f.nodes[0].trouble = errors.New("no room")
	f.ask(1)
	if f.nodes[0].ended != SendFailed {
		t.Errorf("outcome %v, want send_failed", f.nodes[0].ended)
	}
	f.now = f.now.Add(time.Second)
	if by := f.ask(1); !slices.Equal(by, []string{"n2"}) {
		t.Errorf("answered by %v, want n2, as the owner cannot", by)
	}
}

func TestRARP_RP_011_Storm(t *testing.T) {
	f := newFloor(t, rarpConfig)
	for range 500 {
		f.ask(1)
		f.now = f.now.Add(time.Millisecond)
	}
	for i, want := range []int{rarp.RepliesMax, 0, 0} {
		if got := len(f.nodes[i].sent); got != want {
			t.Errorf("%s: %d replies to 500 requests in half a second, want %d", f.nodes[i].id, got, want)
		}
	}
	if f.nodes[0].ended != TooMany {
		t.Errorf("outcome %v, want too_many", f.nodes[0].ended)
	}
	if by := f.ask(2); !slices.Equal(by, []string{"n1"}) {
		t.Errorf("another device: answered by %v, want the owner", by)
	}
}

// RP-012: when a device was heard last is known, and nothing enters the log of the cluster.
func TestRARP_RP_012_NoLeaseButLastSeen(t *testing.T) {
	f := newFloor(t, rarpConfig)
	before, index := storage.ViewOf(f.State).Digest(), f.Index
	f.ask(1)
	f.now = f.now.Add(90 * time.Second)
	f.ask(1)
	if got := f.nodes[0].log.String(); strings.Count(got, "heard_before=1m30s") != 1 {
		t.Errorf("the log does not say once when the device was heard before:\n%s", got)
	}
	v := storage.ViewOf(f.State)
	if v.Digest() != before || f.Index != index || v.LeaseCount() != 0 {
		t.Errorf("the state has changed: %d leases", v.LeaseCount())
	}
}

// What RARP has told is not taken back: who may not know the latest configuration tells nothing.
func TestRARP_SilentOutOfTouchAndTooLate(t *testing.T) {
	f := newFloor(t, rarpConfig)
	n := f.nodes[0]
	r := request(1)
	n.touch = false
	if got := n.hear(r.Encode()); got != OutOfTouch {
		t.Errorf("without word of the leader: %v, want out_of_touch", got)
	}
	n.touch = true
	for _, age := range []time.Duration{-1, ageMax + 1} {
		in := RARPFrame{Octets: r.Encode(), Heard: n.now.Add(-age)}
		if got := n.rarp.Serve(t.Context(), in); got != TooOld {
			t.Errorf("a frame %v old: %v, want too_old", age, got)
		}
	}
	if len(n.sent) > 0 {
		t.Errorf("%d replies, want none", len(n.sent))
	}
}

func TestRARP_Wanted(t *testing.T) {
	for _, tt := range []struct {
		yaml string
		want bool
	}{{rarpConfig, true}, {strings.ReplaceAll(rarpConfig, "rarp: on", "rarp: off"), false}} {
		if got := newFloor(t, tt.yaml).nodes[0].rarp.Wanted(); got != tt.want {
			t.Errorf("wanted: %v, want %v", got, tt.want)
		}
	}
	f := newFloor(t, rarpConfig)
	f.State = storage.New()
	if f.nodes[0].rarp.Wanted() {
		t.Error("wanted without a configuration")
	}
}

func TestOutcomes_OneForEachWhyOfRARP(t *testing.T) {
	seen := map[Outcome]rarp.Why{}
	for w := rarp.Answer + 1; w <= rarp.TooMany; w++ {
		o := outcomeOfRARP(w)
		if other, ok := seen[o]; ok {
			t.Errorf("%v is the outcome of both %d and %d", o, other, w)
		}
		seen[o] = w
	}
}

// RP-009: DHCP gives the address to the same device and to nobody else.
func TestRARP_RP_009_DHCPGivesTheSameAddress(t *testing.T) {
	s := newScene(t, "dhcp.yaml", []byte(rarpConfig))
	if came := s.hear(strings.Fields("DISCOVER xid=1 client=1")); !strings.Contains(came, "10.67.0.101") {
		t.Errorf("the device is offered\n%s\nwant 10.67.0.101", came)
	}
	for i := range 100 {
		line := fmt.Sprintf("DISCOVER xid=%d client=%d ip=10.67.0.101", i+2, i+10)
		if came := s.hear(strings.Fields(line)); strings.Contains(came, "10.67.0.101") {
			t.Fatalf("a stranger is offered\n%s", came)
		}
	}
}
