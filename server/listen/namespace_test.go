package listen

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"port67/server"
	"port67/server/dhcp4"
)

// world is two network namespaces: the server's, in which the test runs, with srv0 at 10.67.0.2/24 and
// 10.67.0.3/24, and the client's with its end of the cable, cli0 at 10.67.0.100/24.
type world struct {
	t              *testing.T
	server, client netns.NsHandle
	srv0, cli0     int // interface indexes, each in its own namespace
	srvMAC, cliMAC [6]byte
	conn           *net.UDPConn // the client's UDP port 68
	raw            *os.File     // frames in and out of cli0
}

// newWorld makes the namespaces. The test's goroutine stays on its thread, which ends with it.
func newWorld(t *testing.T) *world {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test makes network namespaces: run it as root")
	}
	runtime.LockOSThread()
	w := &world{t: t}
	w.client = w.unshare()
	w.server = w.unshare()
	w.pair("srv0", "cli0")
	w.address("srv0", "10.67.0.2/24", "10.67.0.3/24")
	w.srv0, w.srvMAC = w.linkOf("srv0")
	w.inClient(func() {
		w.address("cli0", "10.67.0.100/24")
		w.cli0, w.cliMAC = w.linkOf("cli0")
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{Port: 68})
		w.must(err)
		w.conn = conn
		w.raw = w.openFrames(w.cli0)
	})
	t.Cleanup(func() {
		w.conn.Close()
		w.raw.Close()
		w.client.Close()
		w.server.Close()
	})
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) unshare() netns.NsHandle {
	w.t.Helper()
	w.must(unix.Unshare(unix.CLONE_NEWNET))
	lo, err := netlink.LinkByName("lo")
	w.must(err)
	w.must(netlink.LinkSetUp(lo))
	h, err := netns.Get()
	w.must(err)
	return h
}

// inClient runs f in the client's namespace.
func (w *world) inClient(f func()) {
	w.t.Helper()
	w.must(netns.Set(w.client))
	f()
	w.must(netns.Set(w.server))
}

// pair lays a cable from interface ours to interface theirs of the client.
func (w *world) pair(ours, theirs string) {
	w.t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = ours
	w.must(netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: theirs}))
	peer, err := netlink.LinkByName(theirs)
	w.must(err)
	w.must(netlink.LinkSetNsFd(peer, int(w.client)))
	mine, err := netlink.LinkByName(ours)
	w.must(err)
	w.must(netlink.LinkSetUp(mine))
	w.inClient(func() {
		peer, err := netlink.LinkByName(theirs)
		w.must(err)
		w.must(netlink.LinkSetUp(peer))
	})
}

func (w *world) address(name string, addrs ...string) {
	w.t.Helper()
	l, err := netlink.LinkByName(name)
	w.must(err)
	for _, a := range addrs {
		addr, err := netlink.ParseAddr(a)
		w.must(err)
		w.must(netlink.AddrAdd(l, addr))
	}
}

func (w *world) linkOf(name string) (index int, mac [6]byte) {
	w.t.Helper()
	l, err := netlink.LinkByName(name)
	w.must(err)
	return l.Attrs().Index, [6]byte(l.Attrs().HardwareAddr)
}

// openFrames opens a socket for all frames of an interface of the client.
func (w *world) openFrames(index int) *os.File {
	w.t.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	w.must(err)
	w.must(unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_IP), Ifindex: index}))
	return os.NewFile(uintptr(fd), "frames")
}

// send puts a frame on the client's end of the cable.
func (w *world) send(raw *os.File, frame []byte) {
	w.t.Helper()
	if _, err := raw.Write(frame); err != nil {
		w.t.Fatal(err)
	}
}

// discover is a DHCPDISCOVER as a client without an address sends it, in a frame.
func (w *world) discover(xid byte) []byte {
	b := make([]byte, 300)
	b[0], b[1], b[2], b[7] = 1, 1, 6, xid
	copy(b[28:], w.cliMAC[:])
	copy(b[236:], []byte{0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255})
	f := frame{
		srcMAC: w.cliMAC, dstMAC: [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		src:     netip.MustParseAddrPort("0.0.0.0:68"),
		dst:     netip.MustParseAddrPort("255.255.255.255:67"),
		payload: b,
	}
	return f.appendTo(nil)
}

// nextFrame returns the next frame with UDP to port 68 that comes to the client.
func (w *world) nextFrame() []byte {
	w.t.Helper()
	b := make([]byte, 4096)
	w.must(w.raw.SetReadDeadline(time.Now().Add(10 * time.Second)))
	for {
		n, err := w.raw.Read(b)
		if err != nil {
			w.t.Fatalf("no frame came: %v", err)
		}
		if n > headersLen && b[23] == protocolUDP && binary.BigEndian.Uint16(b[36:]) == 68 {
			return bytes.Clone(b[:n])
		}
	}
}

// nextDatagram returns what the client's kernel took for it: its checksums were right.
func (w *world) nextDatagram() (payload []byte, from netip.AddrPort) {
	w.t.Helper()
	b := make([]byte, 4096)
	w.must(w.conn.SetReadDeadline(time.Now().Add(10 * time.Second)))
	n, from, err := w.conn.ReadFromUDPAddrPort(b)
	if err != nil {
		w.t.Fatalf("no datagram came: %v", err)
	}
	return b[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
}

// heard is what a test's Serve saw.
type heard struct {
	payload []byte
	in      server.Datagram
}

// tally is an Observer that counts and tells.
type tally struct {
	mu         sync.Mutex
	dropped    map[string]int
	overflowed uint32
	lost       chan uint32 // if not nil, is told each Overflowed
	told       chan string
}

func newTally() *tally { return &tally{dropped: map[string]int{}, told: make(chan string, 4096)} }

func (c *tally) Ended(_ dhcp4.MessageType, o server.Outcome, _ time.Duration) { c.told <- o.String() }

func (c *tally) EndedRARP(o server.Outcome, _ time.Duration) { c.told <- "rarp " + o.String() }

func (c *tally) Ignored(int) {}

func (c *tally) ClassErrors(int) {}

// Limited implements Observer.
func (c *tally) Limited(server.Limit) {}

func (c *tally) Omitted(int) {}

func (c *tally) Irregular(dhcp4.Irregularity) {}

func (c *tally) Dropped(reason string) {
	c.mu.Lock()
	c.dropped[reason]++
	c.mu.Unlock()
	c.told <- reason
}

func (c *tally) Overflowed(n uint32) {
	c.overflowed += n
	if c.lost != nil {
		c.lost <- n
	}
}

// listener opens a Listener that sends what it hears to the channel, runs it, and ends it with the test.
func (w *world) listener(opt Options) (*Listener, <-chan heard) {
	w.t.Helper()
	calls := make(chan heard, 16)
	if opt.Serve == nil {
		opt.Serve = func(_ context.Context, d server.Datagram) server.Outcome {
			calls <- heard{bytes.Clone(d.Payload), d}
			return 0
		}
	}
	l, err := Open(opt)
	w.must(err)
	w.run(l)
	return l, calls
}

// run runs l until the test ends.
func (w *world) run(l *Listener) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	})
}

// next returns the next value of c; a test that waits for long has failed.
func next[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, errors.New("nothing came"))
	defer cancel()
	select {
	case v := <-c:
		return v
	case <-ctx.Done():
		t.Fatalf("%s: %v", what, context.Cause(ctx))
		panic("unreachable")
	}
}
