package listen

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"port67/server"
	"port67/server/dhcp4"
	"port67/server/rarp"
)

// station is a world with a listener that hears RARP.
type station struct {
	*world
	l      *Listener
	frames chan server.RARPFrame
	logged chan string
	count  *tally
	wanted atomic.Bool
}

// Write implements io.Writer for a log handler: one line a call.
func (s *station) Write(line []byte) (int, error) { s.logged <- string(line); return len(line), nil }

// newStation opens a listener; RARP is wanted from the beginning. serve may be nil.
func newStation(w *world, opt Options, serve func(context.Context, server.RARPFrame) server.Outcome) *station {
	w.t.Helper()
	s := &station{world: w, frames: make(chan server.RARPFrame, 16), logged: make(chan string, 1024), count: newTally()}
	s.wanted.Store(true)
	if serve == nil {
		serve = func(_ context.Context, f server.RARPFrame) server.Outcome {
			f.Octets = bytes.Clone(f.Octets)
			s.frames <- f
			return 0
		}
	}
	inside := false
	opt.Serve = func(context.Context, server.Datagram) server.Outcome { return 0 }
	opt.RARP = RARPOptions{
		Every: 10 * time.Millisecond, Serve: serve,
		// Asked in the goroutine that opens the socket, which has to do so in the server's namespace. Its
		// thread ends with it.
		Wanted: func() bool {
			if !inside {
				runtime.LockOSThread()
				if err := netns.Set(w.server); err != nil {
					w.t.Error(err)
				}
				inside = true
			}
			return s.wanted.Load()
		},
	}
	opt.Observer, opt.Log = s.count, slog.New(slog.NewTextHandler(s, nil))
	l, err := Open(opt)
	w.must(err)
	s.l = l
	return s
}

// listening runs the listener until it says that it hears RARP.
func (s *station) listening() *station {
	s.t.Helper()
	s.run(s.l)
	s.says("msg=\"listening for RARP\"")
	return s
}

// says waits for a line of the log.
func (s *station) says(part string) {
	s.t.Helper()
	for !strings.Contains(next(s.t, s.logged, "a line with "+part), part) {
	}
}

// ask is the RARP request of a device, 42 octets or more.
func (w *world) ask(device byte) []byte {
	m := rarp.MAC{2, 0x67, 0, 0, 0, device}
	f := rarp.Frame{
		Dst: rarp.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, Src: rarp.MAC(w.cliMAC), Op: rarp.RequestReverse, SHA: m,
		THA: m, SPA: netip.IPv4Unspecified(), TPA: netip.IPv4Unspecified(),
	}
	return f.Encode()
}

// rarpFrames opens a socket for the RARP frames of an interface of the client.
func (w *world) rarpFrames(name string) (f *os.File) {
	w.t.Helper()
	w.inClient(func() {
		index, _ := w.linkOf(name)
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		w.must(err)
		w.must(unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_RARP), Ifindex: index}))
		f = os.NewFile(uintptr(fd), name)
	})
	w.t.Cleanup(func() { _ = f.Close() })
	return f
}

// read returns the next frame of a socket.
func (w *world) read(f *os.File) []byte {
	w.t.Helper()
	b := make([]byte, 4096)
	w.must(f.SetReadDeadline(time.Now().Add(10 * time.Second)))
	n, err := f.Read(b)
	w.must(err)
	return b[:n]
}

// tagged puts a VLAN's tag into a frame.
func tagged(frame []byte, vlan byte) []byte {
	return slices.Concat(frame[:12], []byte{0x81, 0, 0, vlan}, frame[12:])
}

// Requests are heard with their interface, and nothing else is: neither other kinds of frames nor what is sent
// on the other links of this machine.
func TestRARP_RP_001_RP_004_HearsRARPOnly(t *testing.T) {
	w := newWorld(t)
	s := newStation(w, Options{}, nil).listening()
	arp, other := w.ask(1), w.ask(2)
	arp[13], other[12] = 0x06, 0x88
	w.send(w.raw, arp)
	w.send(w.raw, other)
	w.send(w.raw, w.discover(1))
	w.send(w.raw, w.ask(3)[:42])
	got := next(t, s.frames, "a RARP request")
	if !bytes.Equal(got.Octets, w.ask(3)[:42]) {
		t.Errorf("octets\n% x, want\n% x", got.Octets, w.ask(3)[:42])
	}
	want := dhcp4.Ingress{
		IfIndex: w.srv0, Interface: "srv0", Local: netip.MustParseAddr("10.67.0.2"),
		Prefixes: []netip.Prefix{
			netip.MustParsePrefix("10.67.0.2/24"), netip.MustParsePrefix("10.67.0.3/24"),
		},
	}
	byValue := cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}, netip.Prefix{})
	if diff := cmp.Diff(want, got.Ingress, byValue); diff != "" {
		t.Errorf("ingress (-want +got):\n%s", diff)
	}
	if got.Own != rarp.MAC(w.srvMAC) || got.Heard.IsZero() {
		t.Errorf("own address %x, heard at %v; want %x and a time", got.Own, got.Heard, w.srvMAC)
	}
	long := append(w.ask(4), make([]byte, 1000)...) // RP-005: padding that is not looked at.
	w.send(w.raw, long)
	if got := next(t, s.frames, "a long request"); !bytes.Equal(got.Octets, long[:rarpOctetsMax]) {
		t.Errorf("%d octets of a padded frame, want the first %d", len(got.Octets), rarpOctetsMax)
	}
}

func TestRARP_RP_001_ReplyIsAFrameToOneStation(t *testing.T) {
	w := newWorld(t)
	s := newStation(w, Options{}, nil)
	client := w.rarpFrames("cli0")
	reply := w.ask(1)
	copy(reply, w.cliMAC[:])
	if err := s.l.SendRARP(t.Context(), w.srv0, reply); err != nil {
		t.Fatal(err)
	}
	if got := w.read(client); !bytes.Equal(got, reply) {
		t.Errorf("on the wire\n% x, want\n% x", got, reply)
	}
	if err := s.l.SendRARP(t.Context(), 9999, reply); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("by an interface that is gone: %v", err)
	}
	s.l.Close()
}

func TestRARP_OtherInterfaceIsNotServed(t *testing.T) {
	w := newWorld(t)
	w.pair("srv1", "cli1")
	w.address("srv1", "10.68.0.2/24")
	s := newStation(w, Options{Interfaces: []string{"srv0"}}, nil).listening()
	w.send(w.rarpFrames("cli1"), w.ask(1))
	if got := next(t, s.count.told, "a drop"); got != DropNotServed {
		t.Errorf("dropped for %q, want %q", got, DropNotServed)
	}
}

func TestRARP_InterfaceThatComesLaterAndGoes(t *testing.T) {
	w := newWorld(t)
	s := newStation(w, Options{}, nil).listening()
	w.pair("srv1", "cli1")
	w.address("srv1", "10.68.0.2/24")
	for !slices.Contains(s.l.Addresses(), netip.MustParseAddr("10.68.0.2")) {
		next(t, s.l.Changed(), "the news of 10.68.0.2")
	}
	w.send(w.rarpFrames("cli1"), w.ask(1))
	if got := next(t, s.frames, "a request by srv1"); got.Ingress.Interface != "srv1" {
		t.Errorf("heard by %s, want srv1", got.Ingress.Interface)
	}
	gone, err := netlink.LinkByName("srv1")
	w.must(err)
	w.must(netlink.LinkDel(gone))
	w.send(w.rarpFrames("cli0"), w.ask(2))
	if got := next(t, s.frames, "a request by srv0"); got.Ingress.Interface != "srv0" {
		t.Errorf("heard by %s, want srv0", got.Ingress.Interface)
	}
}

// What comes with a VLAN's tag is heard by the interface of the VLAN, and the reply leaves with the tag. Without
// that interface nobody hears it.
func TestRARP_RP_013_VLAN(t *testing.T) {
	w := newWorld(t)
	kernelHas := w.vlan(w.srv0, "srv0.10")
	if kernelHas {
		w.address("srv0.10", "10.68.0.2/24")
		w.inClient(func() { w.vlan(w.cli0, "cli0.10") })
	}
	s := newStation(w, Options{}, nil).listening()

	w.send(w.raw, tagged(w.ask(1), 20))
	if got := next(t, s.count.told, "a drop"); got != DropNotForUs {
		t.Errorf("VLAN 20: dropped for %q, want %q", got, DropNotForUs)
	}
	if !kernelHas {
		t.Log("NOT SHOWN: this kernel has no interfaces for VLANs (8021q)")
		return
	}
	w.send(w.raw, tagged(w.ask(1), 10))
	in := next(t, s.frames, "a request with a tag")
	if in.Ingress.Interface != "srv0.10" || in.Ingress.Local != netip.MustParseAddr("10.68.0.2") {
		t.Errorf("VLAN 10: heard by %s at %v, want srv0.10", in.Ingress.Interface, in.Ingress.Local)
	}
	if !bytes.Equal(in.Octets, w.ask(1)) {
		t.Errorf("octets\n% x, want them without the tag", in.Octets)
	}
	client, untagged := w.rarpFrames("cli0.10"), w.rarpFrames("cli0")
	reply, end := w.ask(1), w.ask(2)
	w.must(s.l.SendRARP(t.Context(), in.Ingress.IfIndex, reply))
	if got := w.read(client); !bytes.Equal(got, reply) {
		t.Errorf("in VLAN 10\n% x, want\n% x", got, reply)
	}
	// The socket on cli0 is shown what the interface took apart for cli0.10, too; it came with a tag.
	_, from := w.readFrom(untagged)
	if index, _ := w.clientLink("cli0.10"); from.Ifindex != index {
		t.Errorf("the reply came to the client's interface %d, want that of the VLAN, %d", from.Ifindex, index)
	}
	w.must(s.l.SendRARP(t.Context(), w.srv0, end))
	if _, from = w.readFrom(untagged); from.Ifindex != w.cli0 {
		t.Errorf("a reply without a tag came to the client's interface %d, want %d", from.Ifindex, w.cli0)
	}
	if len(s.frames) > 0 {
		t.Errorf("%d frames heard twice", len(s.frames))
	}
}

// vlan makes an interface for VLAN 10, or returns false if the kernel cannot.
func (w *world) vlan(parent int, name string) bool {
	w.t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.ParentIndex = name, parent
	err := netlink.LinkAdd(&netlink.Vlan{LinkAttrs: attrs, VlanId: 10})
	if errors.Is(err, unix.EOPNOTSUPP) {
		return false
	}
	w.must(err)
	l, err := netlink.LinkByName(name)
	w.must(err)
	w.must(netlink.LinkSetUp(l))
	return true
}

// readFrom returns the next frame of a socket and where it came from.
func (w *world) readFrom(f *os.File) (frame []byte, from *unix.SockaddrLinklayer) {
	w.t.Helper()
	b := make([]byte, 4096)
	conn, err := f.SyscallConn()
	w.must(err)
	w.must(f.SetReadDeadline(time.Now().Add(10 * time.Second)))
	var n int
	var at unix.Sockaddr
	var failed error
	w.must(conn.Read(func(fd uintptr) bool {
		n, at, failed = unix.Recvfrom(int(fd), b, 0)
		return failed != unix.EAGAIN
	}))
	w.must(failed)
	return b[:n], at.(*unix.SockaddrLinklayer)
}

func (w *world) clientLink(name string) (index int, mac [6]byte) {
	w.inClient(func() { index, mac = w.linkOf(name) })
	return index, mac
}

// hasRARPSocket says whether anybody in the server's namespace hears RARP.
func hasRARPSocket(t *testing.T) bool {
	t.Helper()
	b, err := os.ReadFile("/proc/thread-self/net/packet")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(b), " 8035 ")
}

func TestRARP_SocketOnlyWhileWanted(t *testing.T) {
	w := newWorld(t)
	s := newStation(w, Options{}, nil)
	s.wanted.Store(false)
	s.run(s.l)
	s.says("msg=listening ")
	if hasRARPSocket(t) {
		t.Error("a socket for RARP although nobody is to be answered")
	}
	s.wanted.Store(true)
	s.says("msg=\"listening for RARP\"")
	if !hasRARPSocket(t) {
		t.Error("no socket for RARP although somebody is to be answered")
	}
	w.send(w.raw, w.ask(1))
	next(t, s.frames, "a request")
	s.wanted.Store(false)
	s.says("msg=\"not listening for RARP any more\"")
	s.wanted.Store(true)
	s.says("msg=\"listening for RARP\"")
	w.send(w.raw, w.ask(2))
	if got := next(t, s.frames, "a request after the pause"); !bytes.Equal(got.Octets, w.ask(2)) {
		t.Error("heard what came before")
	}
}

func TestRARP_WithoutTheRightItSaysSo(t *testing.T) {
	w := newWorld(t)
	s := newStation(w, Options{}, nil)
	w.must(s.l.raw.Close())
	s.l.raw, s.l.rawOut = nil, nil
	s.run(s.l)
	s.says("give port67d CAP_NET_RAW, or remove rarp: on")
	if err := s.l.SendRARP(t.Context(), w.srv0, w.ask(1)); err == nil || !strings.Contains(err.Error(), "CAP_NET_RAW") {
		t.Errorf("SendRARP: %v, want an error that names CAP_NET_RAW", err)
	}
}

func TestRARP_PanicCostsOneFrame(t *testing.T) {
	w := newWorld(t)
	served := make(chan byte, 4)
	s := newStation(w, Options{}, func(_ context.Context, f server.RARPFrame) server.Outcome {
		if f.Octets[37] == 1 {
			panic("defect")
		}
		served <- f.Octets[37]
		return 0
	}).listening()
	w.send(w.raw, w.ask(1))
	if got := next(t, s.count.told, "an outcome"); got != "rarp panicked" {
		t.Errorf("told %q, want rarp panicked", got)
	}
	s.says("panic=defect")
	w.send(w.raw, w.ask(2))
	if got := next(t, served, "the next request"); got != 2 {
		t.Errorf("served %d, want 2", got)
	}
}

// What the kernel throws away because nobody reads is counted.
func TestRARP_OverflowIsCounted(t *testing.T) {
	w := newWorld(t)
	busy, free := make(chan struct{}, 4096), make(chan struct{})
	s := newStation(w, Options{}, func(ctx context.Context, _ server.RARPFrame) server.Outcome {
		busy <- struct{}{}
		<-free
		return 0
	})
	s.count.lost = make(chan uint32, 4096)
	s.listening()
	w.send(w.raw, w.ask(1))
	next(t, busy, "the first request")
	for range 4000 {
		w.send(w.raw, w.ask(2))
	}
	close(free)
	for range 50 { // Now there is room for one more frame, with which the count comes.
		next(t, busy, "a request that waited")
	}
	w.send(w.raw, w.ask(3))
	if got := next(t, s.count.lost, "the count of lost frames"); got == 0 {
		t.Error("nothing lost of 4000 frames")
	}
}
