package dhcp4

import (
	"encoding/hex"
	"testing"

	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// portClasses puts every relayed client into the class of its circuit, as a template does.
type portClasses struct{}

func (portClasses) Of(q *Query, _ *Ingress, relayInfo []byte, _ bool) ([]string, []error) {
	if circuit, ok := lease.RelayOption(relayInfo, 1); ok && q.Relayed() {
		return []string{"port:" + hex.EncodeToString(circuit)}, nil
	}
	return nil, nil
}

// placesWorld reserves an address behind the relay for a circuit, and one for a class that only relayed
// messages show.
func placesWorld(t *testing.T) *world {
	t.Helper()
	c := testConfig()
	c.Classes = []config.Class{{Name: "port", Template: "x"}}
	c.Subnets[1].Reservations = []config.Reservation{
		{CircuitID: [][]byte{[]byte("a")}, Address: ip("10.68.0.50"), Hostname: "rack-a"},
		{Class: []string{"port:62"}, Address: ip("10.68.0.51"), Hostname: "rack-b"},
	}
	w := newWorld(t, c)
	w.self.Classes = portClasses{}
	return w
}

// atCircuit is a message that came through the relay from a circuit.
func atCircuit(kind MessageType, i byte, circuit string, options ...Option) *Query {
	q := query(kind, i, options...).from(relayG.String(), "")
	q.Options.Append(optRelayInfo, append([]byte{1, byte(len(circuit))}, circuit...))
	return q
}

// A reservation for a circuit or a class holds through the whole life of a lease: it is offered, bound, and
// renewed by unicast, which passes no relay agent (V4-087, V4-155).
func TestReservation_V4_087_V4_155_AtACircuit(t *testing.T) {
	for circuit, want := range map[string]struct{ addr, name string }{
		"a": {"10.68.0.50", "rack-a"}, "b": {"10.68.0.51", "rack-b"},
	} {
		w := placesWorld(t)
		names := with(optParameterList, []byte{optHostname})
		if a := w.exchange(atCircuit(Discover, 7, circuit, names), relayed(relayG.String())); a.msg.YIAddr != ip(want.addr) {
			t.Fatalf("circuit %s: %v, want an OFFER of %s", circuit, a, want.addr)
		}
		q := atCircuit(Request, 7, circuit, names, with(optRequestedAddress, want.addr), with(optServerID, addrN1))
		a := w.exchange(q, relayed(relayG.String()))
		if a.verdict() != "ACK" || a.msg.YIAddr != ip(want.addr) {
			t.Fatalf("circuit %s: %v, want an ACK", circuit, a)
		}
		wantOption(t, &a.msg, optHostname, []byte(want.name))
		w.advance(1800)
		q = query(Request, 7, names).from("", want.addr)
		a = w.exchange(q, heard(want.addr, addrN1.String()))
		if a.verdict() != "ACK" || a.d.Command != nil || a.d.Classes[0] != config.Known {
			t.Errorf("circuit %s, renewal: %v, classes %v, want an ACK inside the booking", circuit, a, a.d.Classes)
		}
		wantOption(t, &a.msg, optHostname, []byte(want.name))
		if a.d.Later == nil {
			w.advance(1800)
			a = w.exchange(q, heard(want.addr, addrN1.String()))
		}
		if a.d.Later == nil {
			t.Fatalf("circuit %s: %v, want the booking raised later", circuit, a)
		}
		before := w.lease(want.addr).Booked
		if r := w.apply(*a.d.Later); r.Refusal != storage.Granted || w.lease(want.addr).Booked <= before {
			t.Errorf("circuit %s: the booking was not raised: %+v", circuit, r)
		}
	}
}

// At another circuit the holder is no longer told more than was booked (V4-079), and another device at the
// first gets another address meanwhile.
func TestReservation_V4_079_MovedToAnotherCircuit(t *testing.T) {
	w := placesWorld(t)
	q := atCircuit(Request, 7, "a", with(optRequestedAddress, "10.68.0.50"), with(optServerID, addrN1))
	if a := w.exchange(q, relayed(relayG.String())); a.verdict() != "ACK" {
		t.Fatal(a)
	}
	before := w.lease("10.68.0.50").Booked
	q = atCircuit(Request, 7, "c").from("", "10.68.0.50")
	if a := w.exchange(q, relayed(relayG.String())); a.verdict() != "ACK" || a.d.Command == nil {
		t.Errorf("at another circuit: %v, want what is left, by the log", a)
	}
	if got := w.lease("10.68.0.50").Booked; got != before {
		t.Errorf("at another circuit the booking went from %d to %d", before, got)
	}
	a := w.exchange(atCircuit(Discover, 8, "a"), relayed(relayG.String()))
	if a.verdict() != "OFFER" || a.msg.YIAddr == ip("10.68.0.50") {
		t.Errorf("P1: another device: %v, want an OFFER of another address", a)
	}
}

// The classes of clients are looked for where only reservations name them.
func TestReservation_ClassMakesKnown(t *testing.T) {
	w := placesWorld(t)
	w.reconfigure(func(c *config.Config) {
		c.Classes = []config.Class{{Name: "port", Template: "x"}}
		c.Reservations = []config.Reservation{{Class: []string{"port:62"}}}
		c.Subnets[1].Pools[0].Classes = []string{config.Known}
	})
	for circuit, want := range map[string]Why{"a": Exhausted, "b": Answer} {
		if a := w.exchange(atCircuit(Discover, 9, circuit), relayed(relayG.String())); a.why != want {
			t.Errorf("circuit %s: %v, want %v", circuit, a, want)
		}
	}
}
