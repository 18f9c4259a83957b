package load

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// inOwnNetwork calls f on a thread with a network of its own in which only lo is up.
func inOwnNetwork(t *testing.T, f func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		lo, err := netlink.LinkByName("lo")
		if err == nil {
			err = netlink.LinkSetUp(lo)
		}
		if err == nil {
			err = f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatalf("network namespace (needs root): %v", err)
	}
}

// TestLoad_OverRealSockets has clients behind a relay agent that get and renew leases from a server on
// another loopback address, and give them back.
func TestLoad_OverRealSockets(t *testing.T) {
	var l *Load
	var server *net.UDPConn
	id := netip.MustParseAddr("127.0.0.2")
	inOwnNetwork(t, func() (err error) {
		if server, err = net.ListenUDP("udp4", &net.UDPAddr{IP: id.AsSlice(), Port: serverPort}); err != nil {
			return err
		}
		l, err = Open(Options{Relays: []Relay{{
			GIAddr: netip.MustParseAddr("127.0.0.1"), Servers: []netip.Addr{id},
		}}})
		return err
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	fake := &fakeServer{
		id: id, lease: 600, leases: map[[6]byte]netip.Addr{}, next: netip.MustParseAddr("127.1.0.0"), echo: 1,
	}
	go serveOn(t, server, fake)
	ran := make(chan error, 1)
	go func() { ran <- l.Run(ctx) }()
	renewing := l.Add(Group{Clients: 50, Plan: Plan{RenewAfter: 100 * time.Millisecond}})
	leaving := l.Add(Group{Clients: 50, Rate: 500, Plan: Plan{ReleaseAfter: 100 * time.Millisecond}})
	if err := renewing.WaitHolding(ctx, 50); err != nil {
		t.Fatal(err)
	}
	err := leaving.wait(ctx, "50 releases and 200 renewals", func() bool {
		return leaving.Report().Released == 50 && renewing.Report().Renewals >= 200
	})
	if err != nil {
		t.Fatal(err)
	}
	r := l.Report()
	if r.Unsent != 0 || r.Strange != 0 || len(r.Violations) != 0 || r.Sources[id] != r.ACKs {
		t.Errorf("%v", r)
	}
	cancel()
	if err := <-ran; err != nil {
		t.Errorf("Run: %v", err)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
}

// TestLoad_DirectClients has clients on a link of their own, who are heard by raw broadcast and hear so.
func TestLoad_DirectClients(t *testing.T) {
	var l *Load
	var server *net.UDPConn
	inOwnNetwork(t, func() error {
		wire := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "clients"}, PeerName: "server"}
		if err := netlink.LinkAdd(wire); err != nil {
			return err
		}
		for _, name := range []string{"clients", "server"} {
			end, err := netlink.LinkByName(name)
			if err != nil {
				return err
			}
			if err := netlink.LinkSetUp(end); err != nil {
				return err
			}
		}
		var err error
		if l, err = Open(Options{Interface: "clients"}); err != nil {
			return err
		}
		lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
			var failed error
			err := c.Control(func(fd uintptr) {
				failed = errors.Join(unix.BindToDevice(int(fd), "server"),
					unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_BROADCAST, 1))
			})
			return errors.Join(err, failed)
		}}
		conn, err := lc.ListenPacket(t.Context(), "udp4", "0.0.0.0:67")
		if err == nil {
			server = conn.(*net.UDPConn)
		}
		return err
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	id := netip.MustParseAddr("10.67.0.2")
	go serveOn(t, server, &fakeServer{
		id: id, lease: 600, leases: map[[6]byte]netip.Addr{}, next: netip.MustParseAddr("10.67.1.0"), echo: 1,
	})
	ran := make(chan error, 1)
	go func() { ran <- l.Run(ctx) }()
	if err := l.Add(Group{Clients: 300, Rate: 1000}).WaitHolding(ctx, 300); err != nil {
		t.Fatal(err)
	}
	if r := l.Report(); r.Unsent != 0 || r.Strange != 0 || r.Offers != 300 {
		t.Errorf("%v", r)
	}
	cancel()
	if err := <-ran; err != nil {
		t.Errorf("Run: %v", err)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
}

// serveOn answers relay agents at port 67, clients with an address at port 68 and others by broadcast, until
// the socket is closed.
func serveOn(t *testing.T, conn *net.UDPConn, fake *fakeServer) {
	b := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		q := parseRequest(t, b[:n])
		if reply := fake.answer(q, 0); reply != nil {
			switch {
			case q.ciaddr.IsValid():
				from = netip.AddrPortFrom(q.ciaddr, clientPort)
			case from.Addr().IsUnspecified():
				from = netip.AddrPortFrom(netip.MustParseAddr("255.255.255.255"), clientPort)
			}
			if _, err := conn.WriteToUDPAddrPort(reply, from); err != nil {
				return
			}
		}
	}
}

func TestBroadcastFrame(t *testing.T) {
	for _, payload := range [][]byte{{1, 2, 3}, make([]byte, 300), {0xff, 0xff, 0xff, 0xff}} {
		hw := [6]byte{2, 0x67, 0, 0, 0, 1}
		frame := broadcastFrame(hw, payload)
		ip := frame[14:]
		if sum := checksum(ip[:20], 0); sum != 0xffff {
			t.Errorf("IP header sums up to %#x", sum)
		}
		udpLen := uint32(8 + len(payload))
		pseudo := uint32(checksum(ip[12:20], 0)) + protoUDP + udpLen
		if sum := checksum(ip[20:], pseudo); sum != 0xffff {
			t.Errorf("UDP datagram sums up to %#x", sum)
		}
		if int(binary.BigEndian.Uint16(ip[2:])) != len(ip) || [6]byte(frame[6:12]) != hw {
			t.Errorf("length or source wrong: %x", frame)
		}
	}
}

func TestParseFrame(t *testing.T) {
	s := &sockets{ifi: &net.Interface{HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 9}}}
	toClient := broadcastFrame([6]byte{2, 0, 0, 0, 0, 1}, []byte("offer"))
	binary.BigEndian.PutUint16(toClient[14+20+2:], clientPort)
	from, payload, ok := s.parseFrame(toClient)
	if !ok || string(payload) != "offer" || !from.IsUnspecified() {
		t.Errorf("to a client: %v %q %v", from, payload, ok)
	}
	for n := range toClient {
		if _, p, ok := s.parseFrame(toClient[:n]); ok && string(p) != "offer" {
			t.Errorf("first %d octets: %q", n, p)
		}
	}
	copy(toClient, s.ifi.HardwareAddr)
	if _, _, ok := s.parseFrame(toClient); ok {
		t.Error("a frame to the interface itself is heard twice")
	}
	if _, _, ok := s.parseFrame(broadcastFrame([6]byte{}, []byte("discover"))); ok {
		t.Error("what clients send is taken for a reply")
	}
}

func TestOpen_Refuses(t *testing.T) {
	for name, o := range map[string]Options{
		"nothing":            {},
		"relay of no server": {Relays: []Relay{{GIAddr: netip.MustParseAddr("127.0.0.1")}}},
		"relay of no address": {Relays: []Relay{{
			Servers: []netip.Addr{netip.MustParseAddr("127.0.0.1")},
		}}},
		"no such interface": {Interface: "nonesuch", NoUnicast: true},
	} {
		if l, err := Open(o); err == nil {
			t.Errorf("%s: opened", name)
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
