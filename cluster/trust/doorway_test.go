package trust

import (
	"crypto/tls"
	"net"
	"net/netip"
	"testing"
)

func TestDoorway_StrangersCannotKeepMembersOut(t *testing.T) {
	member, met := netip.MustParseAddr("10.67.0.2"), netip.MustParseAddr("10.67.0.3")
	d := newDoorway()
	d.expect([]netip.Addr{member})
	d.met(met)
	in := 0
	for i := range 200 { // Two hundred strangers, each of whom holds as many as it gets.
		stranger := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
		own := 0
		for d.enter(stranger) {
			own++
		}
		if own > perSourceMax {
			t.Fatalf("%d connections of one source, at most %d", own, perSourceMax)
		}
		in += own
	}
	if in != strangersMax {
		t.Errorf("%d strangers, want %d", in, strangersMax)
	}
	for _, m := range []netip.Addr{member, met} {
		for i := range perMemberMax {
			if !d.enter(m) {
				t.Fatalf("%v is kept out after %d connections", m, i)
			}
		}
		if d.enter(m) {
			t.Errorf("%v has more than %d connections", m, perMemberMax)
		}
	}
	first := netip.AddrFrom4([4]byte{192, 0, 2, 0})
	d.leave(first)
	if !d.enter(first) {
		t.Error("a place that is free is not given away")
	}
}

func TestDoorway_CountsAreRightWhenASourceBecomesAMembers(t *testing.T) {
	d := newDoorway()
	a := netip.MustParseAddr("10.67.0.2")
	d.enter(a)
	d.met(a)
	d.enter(a)
	d.leave(a)
	d.leave(a)
	if d.all != 0 || d.strange != 0 || len(d.inside) != 0 || len(d.guests) != 0 {
		t.Errorf("left: all %d, strange %d, inside %v, guests %v", d.all, d.strange, d.inside, d.guests)
	}
}

func TestSource(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8::1:2:3:4": "2001:db8::",
		"fe80::1%eth0": "fe80::1",
	} {
		if got := source(netip.MustParseAddr(in)); got.String() != want {
			t.Errorf("source(%s) = %v, want %s", in, got, want)
		}
	}
}

func TestPort_IdleConnectionsOfAStrangerKeepNobodyOut(t *testing.T) {
	ours := newAuthority(t, cluster)
	p := serve(t, newKeeper(t, ours, node("n1"), ours), func(Identity, string) error { return nil })
	addr := p.listener.Addr().String()
	for range handshakesMax {
		idle, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer idle.Close()
	}
	here := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	raw, err := here.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	conn := tls.Client(raw, newKeeper(t, ours, node("n2"), ours).client("n1", ProtoRaft))
	defer conn.Close()
	if got, err := read(conn); err != nil || got != "raft n2" {
		t.Errorf("got %q (%v)", got, err)
	}
}
