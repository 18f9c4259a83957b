//go:build lab

package lab

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// rarpConfig promises addresses by RARP to six devices on the servers' link, so that each node owns some.
func rarpConfig() string {
	var b strings.Builder
	b.WriteString(`lease: {default: 1h, min: 10s, max: 24h}
subnets:
  - prefix: 10.67.0.0/16
    pools: [10.67.1.0-10.67.255.250]
    reservations:
`)
	for i := 1; i <= 6; i++ {
		fmt.Fprintf(&b, "      - {hardware: %s, address: 10.67.1.%d, rarp: on}\n", rarpDevice(i), i)
	}
	fmt.Fprintf(&b, "      - {hardware: %s, address: 10.67.1.7}\n", rarpDevice(7))
	return b.String()
}

func rarpDevice(i int) net.HardwareAddr { return net.HardwareAddr{2, 0x67, 0, 0, 0, byte(i)} }

// rarpClient is a diskless device, or any number of them: frames in and out of an interface.
type rarpClient struct {
	t   *testing.T
	mac net.HardwareAddr // of the interface
	raw *os.File
}

func newRARPClient(t *testing.T, h *Host) *rarpClient {
	t.Helper()
	c := &rarpClient{t: t}
	if err := h.In(func() error {
		eth0, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		c.mac = eth0.HardwareAddr
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		c.raw = os.NewFile(uintptr(fd), "rarp")
		var order [2]byte
		binary.BigEndian.PutUint16(order[:], unix.ETH_P_RARP)
		return unix.Bind(fd, &unix.SockaddrLinklayer{
			Protocol: binary.NativeEndian.Uint16(order[:]), Ifindex: eth0.Index,
		})
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.raw.Close() })
	return c
}

// send broadcasts a request for the address of a device.
func (c *rarpClient) send(device int) {
	c.t.Helper()
	b := bytes.Repeat([]byte{0xff}, 6)
	b = append(append(b, c.mac...), 0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3)
	b = append(append(b, c.mac...), 0, 0, 0, 0)
	b = append(append(b, rarpDevice(device)...), 0, 0, 0, 0)
	if _, err := c.raw.Write(append(b, make([]byte, 18)...)); err != nil {
		c.t.Fatal(err)
	}
}

// rarpReply is what a node has answered.
type rarpReply struct {
	server net.HardwareAddr
	spa    netip.Addr
	target net.HardwareAddr
	tpa    netip.Addr
}

// replies collects what comes until the deadline, at most that many.
func (c *rarpClient) replies(within time.Duration, most int) (all []rarpReply) {
	c.t.Helper()
	if err := c.raw.SetReadDeadline(time.Now().Add(within)); err != nil {
		c.t.Fatal(err)
	}
	for len(all) < most {
		b := make([]byte, 2000)
		n, err := c.raw.Read(b)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return all
		}
		if err != nil {
			c.t.Fatal(err)
		}
		if b = b[:n]; n != 60 {
			c.t.Errorf("RP-005: a frame of %d octets: % x", n, b)
			continue
		}
		if !bytes.Equal(b[:6], c.mac) || !bytes.Equal(b[12:22], []byte{0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 4}) ||
			!bytes.Equal(b[6:12], b[22:28]) {
			c.t.Errorf("RP-001: no reply to %v alone: % x", c.mac, b)
		}
		all = append(all, rarpReply{
			b[22:28], netip.AddrFrom4([4]byte(b[28:32])), b[32:38], netip.AddrFrom4([4]byte(b[38:42])),
		})
	}
	return all
}

// ask sends a request until a reply comes, and returns the reply and how often it was asked.
func (c *rarpClient) ask(ctx context.Context, device int, most int) (rarpReply, int) {
	c.t.Helper()
	for n := 1; n <= most && ctx.Err() == nil; n++ {
		c.send(device)
		if got := c.replies(time.Second, 1); len(got) > 0 {
			return got[0], n
		}
	}
	c.t.Fatalf("device %d: no reply to %d requests", device, most)
	panic("unreachable")
}

// Three nodes share the devices: one reply to a request, by the owner (RP-010), with the reserved address
// (RP-001), and none to those without rarp: on (RP-002, RP-007). A device whose owner is killed has its answer
// on the retry. Nothing of it becomes a lease (RP-012).
func TestRARP(t *testing.T) {
	ctx := t.Context()
	l, err := New(ctx, Options{Config: rarpConfig(), LogLevel: "debug", Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer closeLab(t, l)
	for _, n := range l.Nodes() {
		if err := Poll(ctx, n.Name+" hears RARP", 20*time.Second, func(context.Context) error {
			if !strings.Contains(n.Log(), "listening for RARP") {
				return errors.New("it does not say so")
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	host, err := l.AddHost(ctx, "", LAN, "")
	if err != nil {
		t.Fatal(err)
	}
	c := newRARPClient(t, host)
	c.ask(ctx, 1, 10) // The nodes have their buckets by now, but who knows of it when.
	c.replies(time.Second, 100)

	answers := map[int]rarpReply{}
	for device := 1; device <= 7; device++ {
		want := netip.AddrFrom4([4]byte{10, 67, 1, byte(device)})
		c.send(device)
		got := c.replies(time.Second, 100)
		if device == 7 {
			if len(got) > 0 {
				t.Errorf("RP-007: a device without rarp: on is answered: %v", got)
			}
			continue
		}
		if len(got) != 1 {
			t.Fatalf("RP-010: device %d: %d replies to one request, want 1: %v", device, len(got), got)
		}
		if got[0].tpa != want || !bytes.Equal(got[0].target, rarpDevice(device)) {
			t.Errorf("RP-001: device %d: told %v for %v, want %v", device, got[0].tpa, got[0].target, want)
		}
		answers[device] = got[0]
		// The others know that the owner has answered, and leave the second request within 3 s to it, too.
		c.send(device)
		got = c.replies(time.Second, 100)
		if len(got) != 1 || fmt.Sprint(got[0]) != fmt.Sprint(answers[device]) {
			t.Errorf("RP-014: device %d asks again: %v, want the one reply %v", device, got, answers[device])
		}
	}
	owners := map[string]int{}
	for _, r := range answers {
		owners[r.spa.String()]++
	}
	t.Logf("devices by the node that answers: %v", owners)
	if len(owners) < 2 {
		t.Errorf("one node answers all devices: %v", owners)
	}
	if out, err := l.Ctl(ctx, 1, "lease", "list"); err != nil || strings.Contains(out, "10.67.1.") {
		t.Errorf("RP-012: leases %q, %v, want none", out, err)
	}

	owner := answers[1].spa
	i, _ := strconv.Atoi(strings.TrimPrefix(owner.String(), "10.67.0."))
	if err := l.Node(i - 1).Kill(); err != nil {
		t.Fatal(err)
	}
	got, n := c.ask(ctx, 1, 3)
	t.Logf("%s, which answered device 1, was killed: request %d was answered by %v", l.Node(i-1).Name, n, got.spa)
	if got.spa == owner || got.tpa != answers[1].tpa {
		t.Errorf("RP-010: told %v by %v after %v died, want %v by another", got.tpa, got.spa, owner, answers[1].tpa)
	}
	if n > 2 {
		t.Errorf("RP-010: request %d was answered, want the second at the latest", n)
	}
}

// A program that is not ours asks by RARP, nping (Debian package nmap), and another one that is not ours reads
// the answer, tshark. nping must be told the EtherType, or it sends ARP's, and does not see the answer by itself.
func TestRARP_Nping(t *testing.T) {
	ctx := t.Context()
	l, err := New(ctx, Options{Nodes: 1, Config: rarpConfig(), Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer closeLab(t, l)
	host, err := l.AddHost(ctx, "", LAN, "10.67.0.99/16")
	if err != nil {
		t.Fatal(err)
	}
	capture, err := l.CaptureLink(ctx, LAN)
	if err != nil {
		t.Fatal(err)
	}
	c := newRARPClient(t, host)
	if err := Poll(ctx, "an answer to nping", 30*time.Second, func(ctx context.Context) error {
		out, err := host.Exec(ctx, "nping", "--arp", "--arp-type", "RARP", "--ether-type", "RARP",
			"--arp-target-mac", rarpDevice(2).String(), "-c", "1", "-e", "eth0", "10.67.0.2")
		if err != nil {
			return err
		}
		if got := c.replies(time.Second, 1); len(got) == 0 {
			return fmt.Errorf("nping wrote %s", out)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := capture.Stop(); err != nil {
		t.Fatal(err)
	}
	const wrong = `_ws.malformed || _ws.expert.severity >= "Warning"`
	all, err := capture.Filter(ctx, "eth.type == 0x8035 && arp.opcode == 4 && !("+wrong+")", "eth.dst", "arp.src.proto_ipv4",
		"arp.dst.hw_mac", "arp.dst.proto_ipv4", "frame.len")
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%v\t10.67.0.2\t%v\t10.67.1.2\t60", c.mac, rarpDevice(2))
	if len(all) == 0 || all[0] != want {
		t.Errorf("tshark reads %q, want %q", all, want)
	}
}
