package dhcp4

import (
	"bytes"
	"net/netip"
	"testing"

	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// circuit is option 82 with a circuit and what else there is.
func circuit(name string, more ...byte) Option {
	return Option{optRelayInfo, append(append([]byte{1, byte(len(name))}, name...), more...)}
}

// circuitClass puts clients into the class of their circuit, as the option or what is stored of it says.
type circuitClass struct{}

func (circuitClass) Of(_ *Query, _ *Ingress, relayInfo []byte, _ bool) ([]string, []error) {
	b, _ := lease.RelayOption(relayInfo, 1)
	return []string{string(b)}, nil
}

// TestDecide_RelayTrust_W_045: whose option 82 is believed, ignored as if it were not there, or not answered.
func TestDecide_RelayTrust_W_045(t *testing.T) {
	trust := func(rt config.RelayTrust) func(*config.Config) {
		return func(c *config.Config) { c.RelayTrust = rt }
	}
	only68 := []netip.Prefix{netip.MustParsePrefix("10.68.0.0/24")}
	far, other := "10.68.0.1", "10.69.0.1"
	for _, c := range []struct {
		name   string
		change func(*config.Config)
		giaddr string
		info   bool
		want   Why
		echo   bool
	}{
		{"all by default", trust(config.RelayTrust{}), far, true, Answer, true},
		{"W-045 V4-055 a switch without giaddr by default", trust(config.RelayTrust{}), "", true, Answer, true},
		{"W-045 the switch is ignored", trust(config.RelayTrust{Direct: config.RelayIgnore}), "", true, Answer, false},
		{"W-045 the switch is dropped", trust(config.RelayTrust{Direct: config.RelayDrop}), "", true, RelayInfoAlone, false},
		{"a plain client is not", trust(config.RelayTrust{Direct: config.RelayDrop}), "", false, Answer, false},
		{"named", trust(config.RelayTrust{Agents: only68}), far, true, Answer, true},
		{"not named", trust(config.RelayTrust{Agents: only68}), other, true, Answer, false},
		{"not named, taken", trust(config.RelayTrust{Agents: only68, Others: config.RelayTake}), other, true, Answer, true},
		{"not named, dropped", trust(config.RelayTrust{Agents: only68, Others: config.RelayDrop}), other, true, UntrustedRelay, false},
		{"not named, dropped without option 82", trust(config.RelayTrust{Agents: only68, Others: config.RelayDrop}), other, false,
			UntrustedRelay, false},
		{"direct is another matter", trust(config.RelayTrust{Agents: only68, Others: config.RelayDrop}), "", true, Answer, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, testConfig())
			w.reconfigure(c.change)
			w.self.Classes = circuitClass{}
			q, in := query(Discover, 1), heard("", "")
			if c.info {
				q = query(Discover, 1, circuit("port-7", raiLinkSelection, 4, 10, 69, 0, 0))
			}
			if c.giaddr != "" {
				q.GIAddr, in = ip(c.giaddr), relayed(c.giaddr)
			}
			sent := bytes.Clone(q.relayOctets())
			a := w.exchange(q, in)
			if a.why != c.want {
				t.Fatalf("got %v, want %d", a, c.want)
			}
			if !bytes.Equal(q.relayOctets(), sent) {
				t.Error("the message itself was changed")
			}
			if a.why != Answer {
				return
			}
			if echo := a.msg.option(optRelayInfo) != nil; echo != c.echo {
				t.Errorf("option 82 returned: %v, want %v", echo, c.echo)
			}
			ignored := c.info && !c.echo
			if (a.d.Irregular == DistrustedRelayInfo) != ignored {
				t.Errorf("irregularity %v, want one if and only if it is ignored", a.d.Irregular)
			}
			if ignored && c.giaddr == "" && !pool67().Contains(a.msg.YIAddr) {
				t.Errorf("offered %v, want the link selection ignored", a.msg.YIAddr)
			}
			if believed := len(a.d.Classes) > 1 && a.d.Classes[1] == "port-7"; believed != c.echo {
				t.Errorf("classes %v, want the circuit believed: %v", a.d.Classes, c.echo)
			}
		})
	}
}

// relayOctets returns option 82 as it stands in the message.
func (q *Query) relayOctets() []byte {
	b, _ := q.Options.Get(optRelayInfo)
	return b
}

// TestReply_W_046_RelayQuirks: relay agents that are configured so are answered elsewhere, without option 82, or
// without their link selection.
func TestReply_W_046_RelayQuirks(t *testing.T) {
	off := ptr(false)
	at := func(s string) netip.Prefix { return netip.MustParsePrefix(s) }
	for _, c := range []struct {
		name  string
		relay config.Relay
		want  string // where the reply goes
		echo  bool
		pool  byte // third octet's neighbour: 68 or 69
	}{
		{"another agent", config.Relay{Address: at("10.99.0.0/24"), ReplyTo: config.RelaySource}, "10.68.0.1:67", true, 69},
		{"as usual, by name", config.Relay{Address: at("10.68.0.1/32"), ReplyTo: config.RelayGIAddr, ReplyPort: config.RelayServer},
			"10.68.0.1:67", true, 69},
		{"to the source", config.Relay{Address: at("10.68.0.0/24"), ReplyTo: config.RelaySource}, "192.0.2.7:67", true, 69},
		{"to the source's port", config.Relay{Address: at("10.68.0.0/24"), ReplyPort: config.RelaySource}, "10.68.0.1:1067", true, 69},
		{"behind address translation, by its source",
			config.Relay{Address: at("192.0.2.7/32"), ReplyTo: config.RelaySource, ReplyPort: config.RelaySource},
			"192.0.2.7:1067", true, 69},
		{"without option 82", config.Relay{Address: at("10.68.0.0/24"), ReturnRelayInfo: off}, "10.68.0.1:67", false, 69},
		{"without link selection", config.Relay{Address: at("0.0.0.0/0"), LinkSelection: off}, "10.68.0.1:67", true, 68},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, testConfig())
			w.reconfigure(func(cfg *config.Config) { cfg.Relays = []config.Relay{c.relay} })
			in := relayed("192.0.2.7")
			in.Src = netip.MustParseAddrPort("192.0.2.7:1067")
			q := query(Discover, 1, circuit("x", raiLinkSelection, 4, 10, 69, 0, 0)).from("10.68.0.1", "")
			offer := w.exchange(q, in)
			request := query(Request, 1, circuit("x", raiLinkSelection, 4, 10, 69, 0, 0), with(optServerID, addrN1),
				with(optRequestedAddress, offer.msg.YIAddr)).from("10.68.0.1", "")
			denied := query(Request, 1, circuit("x"), with(optRequestedAddress, "10.67.0.9")).from("10.68.0.1", "")
			for _, a := range []answer{offer, w.exchange(request, in), w.exchange(denied, in)} {
				to := netip.AddrPortFrom(a.dest.Addr, a.dest.Port)
				if a.why != Answer || a.dest.Kind != DestRouted || to != netip.MustParseAddrPort(c.want) {
					t.Errorf("%v goes to %v, want %s", a, to, c.want)
				}
				if echo := a.msg.option(optRelayInfo) != nil; echo != c.echo {
					t.Errorf("%v: option 82 returned: %v, want %v", a, echo, c.echo)
				}
				if a.msg.Type != NAK && a.msg.YIAddr.As4()[1] != c.pool {
					t.Errorf("%v, want an address of 10.%d.0.0/24", a, c.pool)
				}
			}
		})
	}
}

// TestReply_W_003_AlwaysBroadcastByARelay: a relay agent goes by the broadcast bit.
func TestReply_W_003_AlwaysBroadcastByARelay(t *testing.T) {
	w := newWorld(t, testConfig())
	w.reconfigure(func(c *config.Config) { c.AlwaysBroadcast = ptr(true) })
	a := w.exchange(query(Discover, 1).from("10.68.0.1", ""), relayed("10.68.0.1"))
	if a.msg.Flags&BroadcastFlag == 0 || a.dest.Kind != DestRouted {
		t.Errorf("flags %04x to %+v, want the broadcast bit, to the relay agent", a.msg.Flags, a.dest)
	}
	if a = w.exchange(query(Discover, 2), heard("", "")); a.msg.Flags != 0 || a.dest.Kind != DestBroadcast {
		t.Errorf("flags %04x to %+v, want the client's flags, by broadcast", a.msg.Flags, a.dest)
	}
}

// TestDecide_V4_155_MovedRelay: what the relay agent said is what counts for a renewal that does not pass it, until
// the client comes by another, or by none.
func TestDecide_V4_155_MovedRelay(t *testing.T) {
	w := newWorld(t, testConfig())
	w.self.Classes = circuitClass{}
	const addr = "10.68.0.120"
	far := relayed("10.68.0.1")
	select_ := func(o ...Option) *Query {
		o = append(o, with(optServerID, addrN1), with(optRequestedAddress, addr))
		return query(Request, 1, o...).from("10.68.0.1", "")
	}
	renew, byUnicast := query(Request, 1).from("", addr), heard(addr, addrN1.String())
	wantClass := func(when, want string) {
		t.Helper()
		a := w.exchange(renew, byUnicast)
		if a.why != Answer || a.msg.Type != ACK || len(a.d.Classes) < 2 || a.d.Classes[1] != want {
			t.Errorf("%s: got %v in classes %q, want an ACK in %q", when, a, a.d.Classes, want)
		}
		if a.msg.option(optRelayInfo) != nil {
			t.Errorf("V4-057 %s: the stored information was sent", when)
		}
	}
	if a := w.exchange(select_(circuit("one")), far); a.verdict() != ack {
		t.Fatalf("got %v", a)
	}
	wantClass("bound by circuit one", "one")

	rebind := query(Request, 1, circuit("two")).from("10.68.0.1", addr)
	a := w.exchange(rebind, far)
	if a.verdict() != ack || a.d.Later == nil || a.d.Later.RelayInfo != string(circuit("two").Data) {
		t.Fatalf("rebinding by another circuit: got %v, later %+v, want the log to be told", a, a.d.Later)
	}
	if r := w.apply(*a.d.Later); r.Refusal != storage.Granted {
		t.Fatalf("refused: %+v", r)
	}
	wantClass("moved to circuit two", "two")
	if a := w.exchange(rebind, far); a.d.Later != nil {
		t.Errorf("the same circuit again: later %+v, want nothing to tell", a.d.Later)
	}

	if a := w.exchange(select_(), far); a.verdict() != ack {
		t.Fatalf("got %v", a)
	}
	wantClass("bound anew by an agent without option 82", "")
}

// TestDecide_V4_155_W_045_Switch: so it is with a switch on the servers' link, which adds option 82 to what is broadcast
// (W-045); in a rebinding it may be missing.
func TestDecide_V4_155_W_045_Switch(t *testing.T) {
	w := newWorld(t, testConfig())
	w.self.Classes = circuitClass{}
	const addr = "10.67.0.120"
	bind := query(Request, 1, circuit("one"), with(optServerID, addrN1), with(optRequestedAddress, addr))
	if a := w.exchange(bind, heard("", "")); a.verdict() != ack || a.msg.option(optRelayInfo) == nil {
		t.Fatalf("got %v, want an ACK with option 82", a)
	}
	for _, in := range []*Ingress{heard(addr, addrN1.String()), heard(addr, "")} { // renewing, rebinding
		a := w.exchange(query(Request, 1).from("", addr), in)
		if a.verdict() != ack || len(a.d.Classes) < 2 || a.d.Classes[1] != "one" {
			t.Errorf("sent to %v: got %v in classes %q, want an ACK in \"one\"", in.Dst, a, a.d.Classes)
		}
	}
}
