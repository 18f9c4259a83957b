package config

import (
	"slices"
	"testing"

	"port67/storage/lease"
)

func texts(values ...string) (out [][]byte) {
	for _, v := range values {
		out = append(out, []byte(v))
	}
	return out
}

// rack is office with reservations for places and classes, and global ones.
func rack(t *testing.T) *Config {
	t.Helper()
	c := office(t)
	c.Classes = append(c.Classes, Class{Name: "port", Template: "hex(relay.circuit_id)"}, Class{Name: "bots", Test: "true"})
	c.Subnets[0].Reservations = append(c.Subnets[0].Reservations,
		Reservation{CircuitID: texts("7"), Address: addr("10.67.0.107")},
		Reservation{CircuitID: texts("7", "8"), RemoteID: texts("sw"), Address: addr("10.67.0.108")},
		Reservation{RelayID: texts("hall"), Hostname: "hall"},
		Reservation{Class: []string{"port:39", "bots"}, Address: addr("10.67.0.109")},
	)
	c.Reservations = []Reservation{
		{Hardware: [][]byte{{2, 0x67, 0, 0, 1, 1}, {2, 0x67, 0, 0, 1, 2}}, Address: addr("10.67.1.7")},
		{RemoteID: texts("sw"), Hostname: "sw"},
	}
	return c
}

// What the relay agent says has to fit all kinds that a reservation gives; what fits more of them counts first.
func TestReservationFor_Places_V4_087(t *testing.T) {
	c := compiled(t, rack(t))
	s, _ := c.SubnetOf(addr("10.67.0.1"))
	someone := lease.ClientIDKey([]byte("someone"))
	for _, tt := range []struct {
		relayInfo string
		classes   []string
		want      string
	}{
		{"\x01\x017", nil, "circuit-id 37"},
		{"\x01\x017\x02\x02sw", nil, "circuit-id 37 remote-id 7377"},
		{"\x01\x018\x02\x02sw", nil, "circuit-id 37 remote-id 7377"},
		{"\x01\x018\x02\x02xx", nil, ""},
		{"\x01\x018", nil, ""},
		{"\x0c\x04hall", nil, "relay-id 68616c6c"},
		{"\x01\x019\x02\x02sw", nil, "remote-id 7377"}, // the global one
		{"\x01\x017\x02\x02sw", []string{"x", "port:39"}, "class port:39"},
		{"\x01\x017\x02", []string{"port:38"}, "circuit-id 37"},
		{"", []string{"bots"}, "class port:39"},
		{"\x01\x00", nil, ""},
	} {
		id := c.Shown(someone, "", tt.relayInfo, tt.classes)
		got := ""
		if r, ok := s.Link.ReservationFor(&id); ok {
			got = r.Names()[0]
			if !r.Shows(&id) {
				t.Errorf("%q %v: %v does not show in what led to it", tt.relayInfo, tt.classes, r.Names())
			}
		}
		if got != tt.want {
			t.Errorf("%q %v: reservation of %q, want %q", tt.relayInfo, tt.classes, got, tt.want)
		}
	}
}

// Only the kinds that are used are looked up, and a configuration without reservations looks up nothing.
func TestReservationFor_OnlyWhatIsUsed(t *testing.T) {
	if c := compiled(t, new(Config)); len(c.steps) != 0 || c.ReservesPlaces() || c.ReservesClasses() {
		t.Errorf("nothing reserved: steps %v", c.steps)
	}
	c := compiled(t, office(t))
	if want := []step{{by: ByClientID}, {by: ByHardware}}; !slices.Equal(c.steps, want) {
		t.Errorf("devices only: steps %v, want %v", c.steps, want)
	}
	c = compiled(t, rack(t))
	want := []step{
		{by: ByClass}, {place: withCircuit | withRemote}, {place: withCircuit}, {place: withRemote}, {place: withRelay},
		{by: ByClientID}, {by: ByHardware},
	}
	if !slices.Equal(c.steps, want) {
		t.Errorf("all kinds: steps %v, want %v", c.steps, want)
	}
	if !slices.Equal(c.ReservingTemplates, []string{"port"}) || slices.Contains(c.Named, "port:39") ||
		!slices.Contains(c.Named, "bots") {
		t.Errorf("templates %v, named %v", c.ReservingTemplates, c.Named)
	}
	if !c.ReservesClass("port:39") || c.ReservesClass("port:40") {
		t.Error("the values that are reserved are not told from others")
	}
}

// The address of a global reservation is in no pool, and is known in its subnet.
func TestCompile_GlobalReservation(t *testing.T) {
	c := compiled(t, rack(t))
	s, _ := c.SubnetOf(addr("10.67.0.1"))
	r, ok := s.ReservationAt(addr("10.67.1.7"))
	if _, pooled := s.PoolOf(addr("10.67.1.7")); !ok || pooled || r.Subnet != s {
		t.Errorf("reserved %v, in a pool %v, in subnet %v", ok, pooled, r.Subnet)
	}
	for _, k := range r.Keys {
		id := c.Shown(k, "", "", nil)
		if d, ok := s.DeviceFor(&id); !ok || d != r {
			t.Errorf("%v is not the device of its global reservation", k)
		}
	}
}

// Who has an address by a place or a class may keep it, as far as the lease knows where its client is.
func TestDiff_Reservations(t *testing.T) {
	updated := rack(t)
	updated.Subnets[0].Reservations[3].OneDevice = true
	updated.Subnets[0].Reservations[2].CircuitID = texts("6")
	updated.Reservations = updated.Reservations[1:]
	updated.ReservationIdentifiers = Identifiers()
	off := false
	updated.Subnets[0].ReservationsGlobal = &off
	leases := []lease.Lease{
		{Addr: addr("10.67.0.107"), Client: lease.ClientIDKey([]byte("a")), RelayInfo: "\x01\x017"},
		{Addr: addr("10.67.0.109"), Client: lease.ClientIDKey([]byte("b")), Class: "bots"},
		{Addr: addr("10.67.1.7"), Client: lease.HardwareKey(1, []byte{2, 0x67, 0, 0, 1, 2})},
	}
	d := Diff(rack(t), updated, slices.Values(leases))
	var got []string
	for _, c := range d.Changes {
		got = append(got, c.String())
	}
	for _, s := range d.Stranded {
		got = append(got, s.Lease.Addr.String()+": "+s.Reason)
	}
	want := []string{
		"subnet 10.67.0.0/16, global reservations count: added, false",
		"subnet 10.67.0.0/16, reservation of circuit-id 36: added",
		"subnet 10.67.0.0/16, reservation of circuit-id 37 remote-id 7377, one device: added, on",
		"reservation identifiers: added, class, circuit-id, remote-id, relay-id, client-id, hardware",
		"subnet 10.67.0.0/16, reservation of circuit-id 37: removed",
		"global reservation of hardware 02:67:00:00:01:01: removed",
		"10.67.0.107: it is reserved to another client", // Its place is another one by now.
		"10.67.1.7: it is in no pool",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
