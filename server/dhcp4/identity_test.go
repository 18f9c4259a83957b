package dhcp4

import (
	"bytes"
	"testing"

	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// TestQuery_W_024_Firmware: what a client says of itself when it is firmware.
func TestQuery_W_024_Firmware(t *testing.T) {
	for _, tt := range []struct {
		name string
		q    *Query
		want bool
	}{
		{"system", query(Discover, 1, with(optVendorClass, "MSFT 5.0")), false},
		{"nothing", query(Discover, 1), false},
		{"PXE", query(Discover, 1, with(optVendorClass, "PXEClient:Arch:00000:UNDI:002001")), true},
		{"HTTP boot", query(Request, 1, with(optVendorClass, "HTTPClient:Arch:00016")), true},
		{"iPXE", query(Discover, 1, with(optUserClass, "iPXE")), true},
		{"iPXE as RFC 3004 has it", query(Discover, 1, with(optUserClass, "\x04iPXE")), true},
		{"another user class", query(Discover, 1, with(optUserClass, "iPXE-like")), false},
		{"BOOTP has no firmware's lease", query(0, 1, with(optVendorClass, "PXEClient")), false},
	} {
		if got := tt.q.client("k", nil).Firmware; got != tt.want {
			t.Errorf("%s: %t, want %t", tt.name, got, tt.want)
		}
	}
}

// identified is a client with an identifier of octets id.
func identified(kind MessageType, n byte, id ...byte) *Query {
	return query(kind, n, with(optClientID, id))
}

// TestExchange_W_024_V4_082: a machine that boots has one address, and under its OFFER stands what its REQUEST gets.
func TestExchange_W_024_V4_082(t *testing.T) {
	c := testConfig()
	c.KeepExpiry = ptr(true)
	w := newWorld(t, c)
	rom := func(kind MessageType, o ...Option) *Query {
		return query(kind, 1, append(o, with(optVendorClass, "PXEClient"), with(optClientID, []byte{0, 1, 2, 3}))...)
	}
	offer, ack := dora(t, w, rom(Discover), heard("", ""))
	if offer.YIAddr != ack.YIAddr {
		t.Fatalf("offered %v, then %v", offer.YIAddr, ack.YIAddr)
	}
	w.advance(1000)
	system := identified(Discover, 1, 255, 1, 2, 3)
	offer, again := dora(t, w, system, heard("", ""))
	if again.YIAddr != ack.YIAddr {
		t.Errorf("the system has %v, its firmware had %v", again.YIAddr, ack.YIAddr)
	}
	if told, want := offer.option(optLeaseTime), again.option(optLeaseTime); !bytes.Equal(told, want) {
		t.Errorf("V4-067: lease time %x in the OFFER, %x in the ACK", told, want)
	}
}

// TestExchange_V4_085_W_040_Clones: where identifiers are told apart by hardware address, each clone has an offer of
// its own, may give back what is its own, and is no stranger to it.
func TestExchange_V4_085_W_040_Clones(t *testing.T) {
	c := testConfig()
	c.Identity.Match = config.MatchBoth
	w := newWorld(t, c)
	id := []byte{255, 'v', 'm'}
	_, one := dora(t, w, identified(Discover, 1, id...), heard("", ""))
	_, two := dora(t, w, identified(Discover, 2, id...), heard("", ""))
	if one.YIAddr == two.YIAddr {
		t.Fatalf("P1: both clones have %v", one.YIAddr)
	}
	renews := func(n byte, a string) answer {
		return w.exchange(identified(Request, n, id...).from("", a), heard(a, "10.67.0.2"))
	}
	if a := renews(1, one.YIAddr.String()); a.msg.Type != ACK || a.d.Command != nil {
		t.Errorf("the holder's renewal: %v, want it answered here", a)
	}
	if a := renews(2, one.YIAddr.String()); a.msg.Type == ACK || !a.d.Stranger {
		t.Errorf("the other clone's renewal of it: %v, want a stranger's", a)
	}
	if a := w.exchange(identified(Release, 2, id...).from("", one.YIAddr.String()),
		heard(one.YIAddr.String(), "10.67.0.2")); a.why != NotHolder {
		t.Errorf("the other clone's release of it: %v, want it dropped", a)
	}
	if a := w.exchange(identified(Release, 1, id...).from("", one.YIAddr.String()),
		heard(one.YIAddr.String(), "10.67.0.2")); a.why != Answer {
		t.Errorf("the holder's release: %v", a)
	}
}

// TestQuery_V4_085_Holder: whom a node keeps offers for, by how clients are matched.
func TestQuery_V4_085_Holder(t *testing.T) {
	q, other := identified(Discover, 1, 1, 2, 3), identified(Discover, 2, 1, 2, 3)
	k, _ := q.ClientKey()
	hw := lease.HardwareKey(1, mac(1))
	for m, want := range map[config.Match]lease.Key{
		config.MatchStrict: k, config.MatchHardwareToo: k, config.MatchHardware: hw, config.MatchBoth: k.On(1, mac(1)),
	} {
		if got := q.holder(k, m); got != want {
			t.Errorf("%s: %q, want %q", m, got, want)
		}
	}
	if q.holder(k, config.MatchBoth) == other.holder(k, config.MatchBoth) {
		t.Error("two machines with one identifier are one")
	}
	bare := identified(Discover, 1, 1, 2, 3)
	bare.HLen = 0
	if got := bare.holder(k, config.MatchHardware); got != k {
		t.Errorf("without a hardware address: %q", got)
	}
}

// Under match mac a client may give back what it got under another identifier.
func TestExchange_V4_082_Mac(t *testing.T) {
	c := testConfig()
	c.Identity.Match = config.MatchHardware
	w := newWorld(t, c)
	_, first := dora(t, w, identified(Discover, 1, 1, 2, 3), heard("", ""))
	a := first.YIAddr.String()
	other := identified(Request, 1, 9, 9, 9).from("", a)
	if got := w.exchange(other, heard(a, "10.67.0.2")); got.msg.Type != ACK || got.d.Command != nil {
		t.Errorf("renewal under another identifier: %v, want it answered here", got)
	}
	got := w.exchange(identified(Release, 1, 9, 9, 9).from("", a), heard(a, "10.67.0.2"))
	if _, ok := got.d.Command.(storage.Release); !ok || got.why != Answer {
		t.Errorf("release under another identifier: %v", got)
	}
}
