package listen

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"port67/server/dhcp4"
)

func reply(n int) []byte {
	b := bytes.Repeat([]byte{0xa5}, n)
	b[0] = 2
	return b
}

func TestSend4_V4_024_V4_029_RawUnicast(t *testing.T) {
	w := newWorld(t)
	l, _ := w.listener(Options{})
	for _, n := range []int{300, 301} { // An odd length, too: its checksum pads.
		payload := reply(n)
		w.must(l.Send4(t.Context(), payload, dhcp4.Dest{
			Kind: dhcp4.DestRaw, Addr: netip.MustParseAddr("10.67.0.100"), Port: 68, HW: w.cliMAC,
			Source: netip.MustParseAddr("10.67.0.3"), IfIndex: w.srv0,
		}))
		f := w.nextFrame()
		checkFrame(t, f, w.srvMAC, w.cliMAC, "10.67.0.3", "10.67.0.100")
		got, from := w.nextDatagram() // The client's kernel has checked both checksums.
		if !bytes.Equal(got, payload) || from != netip.MustParseAddrPort("10.67.0.3:67") {
			t.Errorf("datagram of %d octets from %v, want %d from 10.67.0.3:67", len(got), from, n)
		}
	}
}

func TestSend4_V4_023_Broadcast(t *testing.T) {
	w := newWorld(t)
	l, _ := w.listener(Options{})
	w.must(l.Send4(t.Context(), reply(300), dhcp4.Dest{
		Kind: dhcp4.DestBroadcast, Port: 68, Source: netip.MustParseAddr("10.67.0.2"), IfIndex: w.srv0,
	}))
	all := [6]byte{255, 255, 255, 255, 255, 255}
	checkFrame(t, w.nextFrame(), w.srvMAC, all, "10.67.0.2", "255.255.255.255")
	if got, _ := w.nextDatagram(); len(got) != 300 {
		t.Errorf("datagram of %d octets, want 300", len(got))
	}
}

// checkFrame checks the headers of a frame by the RFCs and not with the code under test.
func checkFrame(t *testing.T, f []byte, src, dst [6]byte, ipSrc, ipDst string) {
	t.Helper()
	if !bytes.Equal(f[0:6], dst[:]) || !bytes.Equal(f[6:12], src[:]) || f[12] != 8 || f[13] != 0 {
		t.Errorf("Ethernet header % x, want to % x from % x, IPv4", f[:14], dst, src)
	}
	ip, udp := f[14:34], f[34:]
	if ip[0] != 0x45 || int(binary.BigEndian.Uint16(ip[2:])) != len(f)-14 || ip[8] != 64 || ip[9] != 17 {
		t.Errorf("IP header % x, want version 4, length %d, TTL 64, UDP", ip, len(f)-14)
	}
	if got := netip.AddrFrom4([4]byte(ip[12:])).String(); got != ipSrc {
		t.Errorf("source = %s, want %s", got, ipSrc)
	}
	if got := netip.AddrFrom4([4]byte(ip[16:])).String(); got != ipDst {
		t.Errorf("destination = %s, want %s", got, ipDst)
	}
	if got := onesComplement(ip); got != 0xffff {
		t.Errorf("sum over the IP header = %#x, want 0xffff", got)
	}
	if binary.BigEndian.Uint16(udp) != 67 || int(binary.BigEndian.Uint16(udp[4:])) != len(udp) {
		t.Errorf("UDP header % x, want from port 67, length %d", udp[:8], len(udp))
	}
	pseudo := append(bytes.Clone(ip[12:20]), 0, 17, udp[4], udp[5])
	if got := onesComplement(append(pseudo, udp...)); got != 0xffff || binary.BigEndian.Uint16(udp[6:]) == 0 {
		t.Errorf("sum over the datagram = %#x, checksum % x; want 0xffff, not 0", got, udp[6:8])
	}
}

// onesComplement adds b up bit by bit of the definition: with end-around carry after each word.
func onesComplement(b []byte) uint16 {
	total := uint32(0)
	for i, octet := range b {
		word := uint32(octet)
		if i%2 == 0 {
			word <<= 8
		}
		if total += word; total > 0xffff {
			total -= 0xffff
		}
	}
	return uint16(total)
}

func TestFrame_ChecksumNeverZero(t *testing.T) {
	f := frame{src: netip.MustParseAddrPort("10.67.0.2:67"), dst: netip.MustParseAddrPort("10.67.0.9:68")}
	f.payload = []byte{0, 0}
	first := binary.BigEndian.Uint16(f.appendTo(nil)[40:])
	binary.BigEndian.PutUint16(f.payload, first) // Now the words add up to 0xffff, and the checksum to 0.
	if got := binary.BigEndian.Uint16(f.appendTo(nil)[40:]); got != 0xffff {
		t.Errorf("checksum = %#x, want 0xffff in place of 0 (RFC 768)", got)
	}
}

func TestSend4_V4_022_Routed(t *testing.T) {
	w := newWorld(t)
	l, _ := w.listener(Options{})
	for _, tt := range []struct{ source, want string }{
		{"10.67.0.3", "10.67.0.3:67"},
		{"10.67.0.2", "10.67.0.2:67"},
		{"192.0.2.1", "10.67.0.2:67"}, // Not ours: the kernel chooses.
	} {
		w.must(l.Send4(t.Context(), reply(300), dhcp4.Dest{
			Kind: dhcp4.DestRouted, Addr: netip.MustParseAddr("10.67.0.100"), Port: 68,
			Source: netip.MustParseAddr(tt.source),
		}))
		if _, from := w.nextDatagram(); from.String() != tt.want {
			t.Errorf("source wished %s: datagram from %v, want %s", tt.source, from, tt.want)
		}
	}
}

func TestSend4_V4_025_NoRawSocketBroadcasts(t *testing.T) {
	w := newWorld(t)
	l, err := Open(Options{})
	w.must(err)
	l.raw.Close()
	l.raw = nil // As without CAP_NET_RAW.
	w.run(l)
	w.must(l.Send4(t.Context(), reply(300), dhcp4.Dest{
		Kind: dhcp4.DestRaw, Addr: netip.MustParseAddr("10.67.0.100"), Port: 68, HW: w.cliMAC,
		Source: netip.MustParseAddr("10.67.0.3"), IfIndex: w.srv0,
	}))
	f := w.nextFrame()
	if got := netip.AddrFrom4([4]byte(f[30:34])).String(); got != "255.255.255.255" || f[0] != 255 {
		t.Errorf("sent to %s at % x, want a broadcast", got, f[:6])
	}
	if _, from := w.nextDatagram(); from != netip.MustParseAddrPort("10.67.0.3:67") {
		t.Errorf("datagram from %v, want 10.67.0.3:67", from)
	}
}

func TestSend4_LargerThanTheInterface(t *testing.T) {
	w := newWorld(t)
	srv0, err := netlink.LinkByName("srv0")
	w.must(err)
	w.must(netlink.LinkSetMTU(srv0, 700))
	l, _ := w.listener(Options{})
	payload := reply(1400)
	w.must(l.Send4(t.Context(), payload, dhcp4.Dest{
		Kind: dhcp4.DestRaw, Addr: netip.MustParseAddr("10.67.0.100"), Port: 68, HW: w.cliMAC,
		Source: netip.MustParseAddr("10.67.0.2"), IfIndex: w.srv0,
	}))
	if got, _ := w.nextDatagram(); !bytes.Equal(got, payload) {
		t.Errorf("datagram of %d octets, want 1400 put together again", len(got))
	}
}

func TestSend4_InterfaceGone(t *testing.T) {
	w := newWorld(t)
	l, _ := w.listener(Options{})
	err := l.Send4(t.Context(), reply(300), dhcp4.Dest{Kind: dhcp4.DestBroadcast, Port: 68, IfIndex: 9999})
	if err == nil || err.Error() != "reply by interface 9999: interface is gone" {
		t.Errorf("error = %v, want that the interface is gone", err)
	}
}

// Replies that find a stuck socket are given up, all of them and not one after the other; when there is room
// again, they are sent.
func TestOutlet_StuckSocket(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	defer ours.Close()
	defer theirs.Close()
	out, err := newOutlet(ours)
	if err != nil {
		t.Fatal(err)
	}
	try := func(fd int) error { return unix.Send(fd, reply(300), 0) }
	filled := 0
	for ; err == nil; filled++ {
		err = out.send(t.Context(), try)
	}
	if !errors.Is(err, errNoRoom) {
		t.Fatalf("error after %d replies = %v, want %v", filled, err, errNoRoom)
	}
	const waiters = 500 // One after the other they would take 50 s.
	ended := make(chan error, waiters)
	for range waiters {
		go func() { ended <- out.send(t.Context(), try) }()
	}
	for range waiters {
		if err := next(t, ended, "a reply that waits for room"); !errors.Is(err, errNoRoom) {
			t.Errorf("error = %v, want %v", err, errNoRoom)
		}
	}
	b := make([]byte, 512)
	for range filled - 1 {
		if _, err := theirs.Read(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.send(t.Context(), try); err != nil {
		t.Errorf("error = %v, though there is room", err)
	}
}
