package dhcp4

import (
	"net/netip"
	"testing"
)

func prefixOf(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// TestDecide_Irregular: what is wrong is told, and the message is served as if it were not.
func TestDecide_Irregular(t *testing.T) {
	const addr = "10.67.0.120"
	renew := func(src, dst string, g string) (*Query, *Ingress) {
		if g != "" {
			return query(Request, 1).from(g, addr), relayed(g)
		}
		return query(Request, 1).from("", addr), heard(src, dst)
	}
	discover := func(o ...Option) (*Query, *Ingress) { return query(Discover, 1, o...), heard("", "") }
	type message struct {
		q  *Query
		in *Ingress
	}
	of := func(q *Query, in *Ingress) message { return message{q, in} }
	for _, c := range []struct {
		name string
		m    message
		want Irregularity
		to   string // where the answer goes; empty: as usual
	}{
		{"DISCOVER", of(discover()), 0, ""},
		{"V4-114 DISCOVER with a server identifier", of(discover(with(optServerID, "10.99.0.9"))), ServerInDiscover, ""},
		{"V4-114 even with ours", of(discover(with(optServerID, addrN1))), ServerInDiscover, ""},
		{"renewing", of(renew(addr, "10.67.0.2", "")), 0, addr},
		{"V4-153 renewing from another source", of(renew("10.67.0.199", "10.67.0.2", "")), SourceNotCIAddr, addr},
		{"V4-153 rebinding from another source", of(renew("10.67.0.199", "", "")), SourceNotCIAddr, addr},
		{"V4-016 link selection of three octets", of(discover(with(optRelayInfo, []byte{raiLinkSelection, 3, 10, 68, 0}))),
			BrokenRelayInfo, ""},
		{"V4-016 agent information cut off", of(discover(with(optRelayInfo, []byte{1, 9, 7}))), BrokenRelayInfo, ""},
		{"agent information that nobody knows", of(discover(with(optRelayInfo, []byte{200, 1, 7}))), 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, testConfig())
			bound(1, addr)(w)
			a := w.exchange(c.m.q, c.m.in)
			if a.why != Answer || a.msg.YIAddr != ip(addr) || a.d.Irregular != c.want {
				t.Errorf("got %v, irregular %v; want it served, and irregular %v", a, a.d.Irregular, c.want)
			}
			if c.to != "" && a.dest.Addr != ip(c.to) {
				t.Errorf("sent to %+v, want %s", a.dest, c.to)
			}
		})
	}
	if a := newWorld(t, testConfig()).exchange(query(Request, 1).from("10.68.0.1", "10.68.0.120"),
		relayed("10.68.0.1")); a.d.Irregular != 0 {
		t.Errorf("through a relay, whose source is its own: irregular %v", a.d.Irregular)
	}
}

// TestClient_V4_017_TrailingNULs: they are no part of what a client says, and do not hinder it.
func TestClient_V4_017_TrailingNULs(t *testing.T) {
	w := newWorld(t, testConfig())
	q := query(Discover, 1, with(optHostname, "laptop\x00\x00"), with(optVendorClass, "PXEClient\x00"))
	offer, _ := dora(t, w, q, heard("", ""))
	if got := w.lease(offer.YIAddr.String()).Hostname; got != "laptop" {
		t.Errorf("host name %q, want laptop", got)
	}
	if !offer.NoOverload {
		t.Error("PXEClient with a NUL behind it is not taken for firmware")
	}
}

// TestReply_V4_033_InterfaceMTU: a reply is not larger than the interface takes in one piece.
func TestReply_V4_033_InterfaceMTU(t *testing.T) {
	for _, c := range []struct{ mtu, asked, want int }{
		{0, 1500, 1500}, {1500, 1400, 1400}, {1280, 1500, 1280}, {9000, 9000, 1500}, {400, 1500, 576},
	} {
		in := heard("", "")
		in.MTU = c.mtu
		q := query(Discover, 1, with(optMaxSize, []byte{byte(c.asked >> 8), byte(c.asked)}))
		if a := newWorld(t, testConfig()).exchange(q, in); a.msg.MaxSize != c.want {
			t.Errorf("MTU %d, client takes %d: at most %d, want %d", c.mtu, c.asked, a.msg.MaxSize, c.want)
		}
	}
}

// TestReply_V4_059_NoServerIdentifierOfTheRelay: an override by an address of nobody is none (V4-016).
func TestReply_V4_059_NoServerIdentifierOfTheRelay(t *testing.T) {
	rai := with(optRelayInfo, []byte{raiServerID, 4, 0, 0, 0, 0})
	offer, _ := dora(t, newWorld(t, testConfig()), query(Discover, 1, rai).from("10.68.0.1", ""), relayed("10.68.0.1"))
	wantOption(t, &offer, optServerID, addrN1.AsSlice())
}
