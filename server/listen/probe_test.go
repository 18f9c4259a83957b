package listen

import (
	"bytes"
	"context"
	"net/netip"
	"testing"
	"time"

	"port67/server"
	"port67/server/dhcp4"
)

// TestProbe_V4_108: who uses an address answers by ARP or ICMP, with its hardware address; others are silent, and
// what cannot be asked is not taken for silence.
func TestProbe_V4_108(t *testing.T) {
	w := newWorld(t)
	l, _ := w.listener(Options{Interfaces: []string{"srv0"}})
	used, silent := netip.MustParseAddr("10.67.0.100"), netip.MustParseAddr("10.67.0.101")
	elsewhere := netip.MustParseAddr("192.0.2.1")
	client := string(w.cliMAC[:])
	for _, c := range []struct {
		name    string
		targets []dhcp4.Probe
		want    []server.ProbeAnswer
		fails   bool
	}{
		{"ARP", []dhcp4.Probe{
			{Addr: used, ARP: true, Millis: 200}, {Addr: silent, ARP: true, Millis: 200},
		}, []server.ProbeAnswer{{Asked: true, InUse: true, Hardware: client, By: "arp"}, {Asked: true}}, false},
		{"ICMP", []dhcp4.Probe{
			{Addr: silent, ICMP: true, Millis: 200}, {Addr: used, ICMP: true, Millis: 200},
		}, []server.ProbeAnswer{{Asked: true}, {Asked: true, InUse: true, Hardware: client, By: "icmp"}}, false},
		{"ARP reaches the link only", []dhcp4.Probe{{Addr: elsewhere, ARP: true, Millis: 200}},
			[]server.ProbeAnswer{{}}, false},
		{"no route", []dhcp4.Probe{{Addr: elsewhere, ICMP: true, Millis: 200}}, []server.ProbeAnswer{{}}, true},
		{"our own", []dhcp4.Probe{{Addr: netip.MustParseAddr("10.67.0.2"), ARP: true, Millis: 50}},
			[]server.ProbeAnswer{{Asked: true}}, false},
	} {
		got, err := l.Probe(context.Background(), c.targets)
		if (err != nil) != c.fails {
			t.Errorf("%s: error %v", c.name, err)
		}
		for i := range c.want {
			if got[i] != c.want[i] {
				t.Errorf("%s: %v: %+v, want %+v", c.name, c.targets[i].Addr, got[i], c.want[i])
			}
		}
	}
}

// TestOverhear: replies of other servers are heard, and nothing else that comes to the interface, nor our own.
func TestOverhear(t *testing.T) {
	w := newWorld(t)
	told := make(chan server.OverheardReply, 16)
	w.listener(Options{Interfaces: []string{"srv0"}, Overhear: func(r server.OverheardReply) {
		r.Payload = bytes.Clone(r.Payload)
		told <- r
	}})
	other, broadcast := netip.MustParseAddr("10.67.0.100"), netip.MustParseAddr("255.255.255.255")
	frameFrom := func(port uint16, payload []byte) []byte {
		f := frame{
			srcMAC: w.cliMAC, dstMAC: [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, payload: payload,
			src: netip.AddrPortFrom(other, port), dst: netip.AddrPortFrom(broadcast, 68),
		}
		return f.appendTo(nil)
	}
	reply := append([]byte{2, 1, 6, 0}, make([]byte, 296)...)
	request := append([]byte{1, 1, 6, 0}, make([]byte, 296)...)
	// The socket opens while the listener starts: what is sent before is not heard.
	for heard := false; !heard; {
		w.inClient(func() { w.send(w.raw, frameFrom(67, reply)) })
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		select {
		case <-told:
			heard = true
		case <-ctx.Done():
		}
		cancel()
	}
	w.inClient(func() {
		w.send(w.raw, frameFrom(67, request))
		w.send(w.raw, frameFrom(68, reply))
		reply[1] = 99
		w.send(w.raw, frameFrom(67, reply))
	})
	for {
		r := next(t, told, "the reply")
		if r.Payload[0] != 2 || r.Source != other || r.Hardware != string(w.cliMAC[:]) || r.Interface != "srv0" ||
			len(r.Payload) != 300 {
			t.Fatalf("heard %+v", r)
		}
		if r.Payload[1] == 99 {
			return
		}
	}
}
