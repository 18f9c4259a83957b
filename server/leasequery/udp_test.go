package leasequery

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"port67/server/dhcp4"
	"port67/storage"
	"port67/storage/lease"
)

const sid = " 54=0a430002"

var whys = map[Why]string{
	NotRelayed: "not relayed", Stranger: "stranger", Unclear: "unclear", OutOfTouch: "out of touch",
	NotIndexed: "not indexed", NoIdentifier: "no identifier",
}

// answer is what a requester hears, or why it hears nothing.
func (w *world) answer(q *dhcp4.Query) string {
	w.t.Helper()
	m, to, why := Answer(w.view(), q, ingress(), w.moment())
	if why != Answered {
		return "silent: " + whys[why]
	}
	want := dhcp4.Dest{Kind: dhcp4.DestRouted, Addr: q.GIAddr, Port: 67, Source: ip("10.67.0.2")}
	if diff := cmp.Diff(want, to, cmpopts.EquateComparable(netip.Addr{})); diff != "" { // LQ-006
		w.t.Errorf("destination (-want +got):\n%s", diff)
	}
	if m.XID != q.XID || m.GIAddr != q.GIAddr || m.YIAddr != netip.IPv4Unspecified() {
		w.t.Errorf("header: xid %x, giaddr %v, yiaddr %v", m.XID, m.GIAddr, m.YIAddr)
	}
	return describe(&m)
}

// TestAnswer is one scene of 1000 s: client 1 has 10.67.0.100 by its hardware address; client 2 has an
// identifier and holds three addresses behind the relay 10.68.0.1, the last of them bound last; client 3 gave
// its address back; the lease of client 4 has run out; 10.67.0.105 was declined; 10.67.0.106 is on offer.
func TestAnswer(t *testing.T) {
	w := newWorld(t)
	remote := sub(1, "port 7") + sub(2, "modem") + sub(12, "relay")
	w.bind(client(4, "", ""), "10.67.0.104") // 2 h booked
	w.pass(9000)
	w.bind(client(1, "", ""), "10.67.0.100")
	w.bind(client(2, "two", remote), "10.68.0.10")
	w.bind(client(2, "two", remote), "10.67.0.102")
	w.pass(100)
	w.bind(client(2, "two", remote), "10.68.0.11")
	w.bind(client(3, "three", ""), "10.67.0.103")
	w.must(storage.Release{Addr: ip("10.67.0.103"), Key: client(3, "three", "").Key})
	w.bind(client(5, "", ""), "10.67.0.105")
	w.must(storage.Decline{Addr: ip("10.67.0.105"), Key: client(5, "", "").Key})
	w.must(storage.Offer{Client: client(6, "", ""), Link: "10.67.0.0/24", Wish: ip("10.67.0.106")})
	w.pass(50)

	echo := with(optRelayInfo, sub(1, "mine"))
	two := "ACTIVE 10.68.0.11 hw=1:2" + sid + ` 61="two"`
	for _, tt := range []struct {
		name string
		q    *dhcp4.Query
		want string
	}{
		{"LQ-001 giaddr zero", ask(dhcp4.LeaseQuery, byAddr("10.67.0.100"), from("0.0.0.0")), "silent: not relayed"},
		{"LQ-002 not in the list", ask(dhcp4.LeaseQuery, byAddr("10.67.0.100"), from("10.67.0.9")), "silent: stranger"},
		{"LQ-002 in a prefix of the list", ask(dhcp4.LeaseQuery, byAddr("10.9.9.9"), from("10.68.0.2")),
			"UNKNOWN 10.9.9.9" + sid},
		{"LQ-003 by address, not ours", ask(dhcp4.LeaseQuery, byAddr("10.9.9.9")), "UNKNOWN 10.9.9.9" + sid},
		{"LQ-003 by address, nobody ever had it", ask(dhcp4.LeaseQuery, byAddr("10.67.0.150")),
			"UNASSIGNED 10.67.0.150" + sid},
		{"LQ-003 by address, ran out", ask(dhcp4.LeaseQuery, byAddr("10.67.0.104"), listing(51, 61, 82, 91, 156)),
			"UNASSIGNED 10.67.0.104" + sid + " 91=9150s 156=01"},
		{"LQ-003 by address, given back", ask(dhcp4.LeaseQuery, byAddr("10.67.0.103"), listing(51, 61, 156, 153)),
			"UNASSIGNED 10.67.0.103" + sid + " 156=04 153=50s"},
		{"LQ-003 by address, declined", ask(dhcp4.LeaseQuery, byAddr("10.67.0.105"), listing(156)),
			"UNASSIGNED 10.67.0.105" + sid + " 156=05"},
		{"LQ-003 by address, on offer", ask(dhcp4.LeaseQuery, byAddr("10.67.0.106"), listing(156)),
			"UNASSIGNED 10.67.0.106" + sid + " 156=01"},
		{"LQ-003 LQ-005 by address, active", ask(dhcp4.LeaseQuery, byAddr("10.67.0.100")),
			"ACTIVE 10.67.0.100 hw=1:1" + sid + " 51=7050s 58=1650s 59=3000s 91=150s"},
		{"LQ-004 by MAC, unknown", ask(dhcp4.LeaseQuery, byMAC(99)), "UNKNOWN hw=1:99" + sid},
		{"LQ-004 by MAC, past", ask(dhcp4.LeaseQuery, byMAC(4)), "UNKNOWN hw=1:4" + sid},
		{"LQ-004 by MAC of a client without identifier", ask(dhcp4.LeaseQuery, byMAC(1), listing(51)),
			"ACTIVE 10.67.0.100 hw=1:1" + sid + " 51=7050s"},
		{"LQ-004 by MAC of a client with identifier, several", ask(dhcp4.LeaseQuery, byMAC(2), listing(92)),
			two + " 92=0a4300660a44000a"},
		{"LQ-004 by identifier, several", ask(dhcp4.LeaseQuery, with(61, "two"), listing(92, 91)),
			two + " 92=0a4300660a44000a 91=50s"},
		{"LQ-004 by identifier, given back", ask(dhcp4.LeaseQuery, with(61, "three")), "UNKNOWN" + sid},
		{"RFC 6148 by remote-id", ask(dhcp4.LeaseQuery, with(82, sub(2, "modem")), listing(92, 51)),
			two + " 92=0a4300660a44000a 51=7150s" + ` 82="\x02\x05modem"`},
		{"RFC 6148 by remote-id, unknown", ask(dhcp4.LeaseQuery, with(82, sub(2, "modem2"))),
			"UNKNOWN" + sid + ` 82="\x02\x06modem2"`},
		{"LQ-005 the list is honoured", ask(dhcp4.LeaseQuery, byAddr("10.67.0.100"), listing(1, 3, 6, 28, 26, 42, 15, 54)),
			"ACTIVE 10.67.0.100 hw=1:1" + sid + " 1=ffffff00 3=0a430001 6=0a430035 28=0a4300ff"},
		{"LQ-005 what is in store of option 82", ask(dhcp4.LeaseQuery, byAddr("10.68.0.11"), listing(82), echo),
			two + ` 82="\x01\x06port 7\x02\x05modem\f\x05relay"`},
		{"LQ-005 base-time and more of RFC 6926", ask(dhcp4.LeaseQuery, byAddr("10.67.0.100"), listing(152, 153, 156, 157)),
			"ACTIVE 10.67.0.100 hw=1:1" + sid + fmt.Sprintf(" 152=%08x 153=150s 156=02 157=00", wall+9150)},
		{"LQ-006 option 82 of the question comes back", ask(dhcp4.LeaseQuery, byAddr("10.67.0.100"), listing(51), echo),
			"ACTIVE 10.67.0.100 hw=1:1" + sid + ` 51=7050s 82="\x01\x04mine"`},
		{"LQ-007 no key", ask(dhcp4.LeaseQuery), "silent: unclear"},
		{"LQ-007 by relay-id only over a connection", ask(dhcp4.LeaseQuery, with(82, sub(12, "relay"))), "silent: unclear"},
		{"LQ-007 address and MAC", ask(dhcp4.LeaseQuery, byAddr("10.67.0.100"), byMAC(1)), "silent: unclear"},
		{"LQ-007 MAC and identifier", ask(dhcp4.LeaseQuery, byMAC(1), with(61, "two")), "silent: unclear"},
		{"LQ-007 a hardware address of zeros is none", ask(dhcp4.LeaseQuery, byAddr("10.9.9.9"),
			func(q *dhcp4.Query) { q.HType, q.HLen = 1, 6 }), "UNKNOWN 10.9.9.9 hw=1:0" + sid},
	} {
		if got := w.answer(tt.q); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

// What is left is reckoned to the end of the booking, by a moment that cluster time has not passed: never
// more than the log has promised, and no less than the client may have been told.
func TestAnswer_LQ_005_RemainingIsWhatIsBooked(t *testing.T) {
	w := newWorld(t)
	w.bind(client(1, "", ""), "10.67.0.100")
	l, _ := w.view().Lease(ip("10.67.0.100"))
	q := ask(dhcp4.LeaseQuery, byAddr("10.67.0.100"), listing(51, 58, 59))
	for _, tt := range []struct {
		at   lease.Instant
		want string
	}{
		{w.now, "ACTIVE 10.67.0.100 hw=1:1" + sid + " 51=7200s 58=1800s 59=3150s"},
		{w.now + 1800, "ACTIVE 10.67.0.100 hw=1:1" + sid + " 51=5400s 59=1350s"},
		{w.now + 3600, "ACTIVE 10.67.0.100 hw=1:1" + sid + " 51=3600s"}, // A renewal inside the booking may be out.
		{l.Booked - 1, "ACTIVE 10.67.0.100 hw=1:1" + sid + " 51=1s"},
		{l.Booked, "UNASSIGNED 10.67.0.100" + sid},
	} {
		w.now = tt.at // Nothing has passed the log since.
		if got := w.answer(q); got != tt.want {
			t.Errorf("%d s after the ACK:\n got %s\nwant %s", tt.at-lease.Genesis, got, tt.want)
		}
	}
}

func TestAnswer_LQ_011_SilentWhenOutOfTouch(t *testing.T) {
	w := newWorld(t)
	w.bind(client(1, "", ""), "10.67.0.100")
	w.fresh = false
	if got := w.answer(ask(dhcp4.LeaseQuery, byAddr("10.67.0.100"))); got != "silent: out of touch" {
		t.Errorf("got %s, want silence: the copy of the state may be old", got)
	}
	if got := w.answer(ask(dhcp4.LeaseQuery, byAddr("10.67.0.100"), from("10.67.0.9"))); got != "silent: stranger" {
		t.Errorf("got %s, want the reason that does not end by itself", got)
	}
}

func TestAnswer_NotIndexedYetAndNoIdentifier(t *testing.T) {
	w := newWorld(t)
	c := *w.view().Config().Config
	w.must(storage.SetConfig{Expected: 1, Config: nobody(c)})
	w.must(storage.SetConfig{Expected: 2, Config: &c}) // The index is begun anew with the next entry.
	if got := w.answer(ask(dhcp4.LeaseQuery, byMAC(1))); got != "silent: not indexed" {
		t.Errorf("by MAC: got %s, want silence rather than a wrong DHCPLEASEUNKNOWN", got)
	}
	if got := w.answer(ask(dhcp4.LeaseQuery, byAddr("10.67.0.100"))); !strings.HasPrefix(got, "UNASSIGNED") {
		t.Errorf("by address: got %s, want an answer, which needs no index", got)
	}
	in := ingress()
	in.Dst, in.Local = netip.AddrFrom4([4]byte{255, 255, 255, 255}), netip.Addr{}
	if _, _, why := Answer(w.view(), ask(dhcp4.LeaseQuery, byAddr("10.67.0.100")), in, w.moment()); why != NoIdentifier {
		t.Errorf("without an address of its own: why %d, want %d", why, NoIdentifier)
	}
}
