package listen

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vishvananda/netlink"

	"port67/server"
	"port67/server/dhcp4"
)

// The source is kept but for its hardware address, which a UDP socket does not tell (docs/adr/0003).
func TestListener_V4_001_BroadcastAndIngress(t *testing.T) {
	w := newWorld(t)
	_, calls := w.listener(Options{})
	sent := w.discover(7)
	w.send(w.raw, sent)
	got := next(t, calls, "a DISCOVER")

	if !bytes.Equal(got.payload, sent[headersLen:]) {
		t.Errorf("payload = % x\nwant % x", got.payload, sent[headersLen:])
	}
	want := dhcp4.Ingress{
		IfIndex: w.srv0, Interface: "srv0",
		Src: netip.MustParseAddrPort("0.0.0.0:68"), Dst: netip.MustParseAddr("255.255.255.255"),
		MTU: 1500, Local: netip.MustParseAddr("10.67.0.2"),
		Prefixes: []netip.Prefix{
			netip.MustParsePrefix("10.67.0.2/24"), netip.MustParsePrefix("10.67.0.3/24"),
		},
	}
	byValue := cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}, netip.Prefix{})
	if diff := cmp.Diff(want, got.in.Ingress, byValue); diff != "" {
		t.Errorf("ingress (-want +got):\n%s", diff)
	}
	if got.in.Heard.IsZero() {
		t.Error("the time of receipt is missing")
	}
}

// The client's kernel leaves the checksum for the cable's other end to finish, and that is us.
func TestListener_V4_001_V4_019_UnicastWithUnfinishedChecksum(t *testing.T) {
	w := newWorld(t)
	_, calls := w.listener(Options{})
	to := netip.MustParseAddrPort("10.67.0.3:67")
	if _, err := w.conn.WriteToUDPAddrPort(w.discover(1)[headersLen:], to); err != nil {
		t.Fatal(err)
	}
	got := next(t, calls, "a unicast").in.Ingress
	from := netip.MustParseAddrPort("10.67.0.100:68")
	if got.Dst != to.Addr() || got.Src != from || got.Interface != "srv0" {
		t.Errorf("ingress = %+v, want from 10.67.0.100:68 to 10.67.0.3 by srv0", got)
	}
}

func TestListener_V4_001_SubnetBroadcastIsBroadcast(t *testing.T) {
	w := newWorld(t)
	_, calls := w.listener(Options{})
	to := netip.MustParseAddrPort("10.67.0.255:67")
	if _, err := w.conn.WriteToUDPAddrPort(w.discover(1)[headersLen:], to); err != nil {
		t.Fatal(err)
	}
	got := next(t, calls, "a broadcast in the subnet").in.Ingress
	if want := netip.MustParseAddr("255.255.255.255"); got.Dst != want {
		t.Errorf("destination = %v, want %v: all nodes heard it", got.Dst, want)
	}
}

// A service address may lie on any interface of the machine, as an anycast address does: the one that the datagram
// came in by is told all the same.
func TestListener_V4_001_ServiceAddressOnLoopback(t *testing.T) {
	w := newWorld(t)
	w.address("lo", "10.99.0.67/32")
	_, calls := w.listener(Options{})
	w.inClient(func() {
		w.must(netlink.RouteAdd(&netlink.Route{
			LinkIndex: w.cli0, Gw: net.IPv4(10, 67, 0, 2),
			Dst: &net.IPNet{IP: net.IPv4(10, 99, 0, 67).To4(), Mask: net.CIDRMask(32, 32)},
		}))
	})
	to := netip.MustParseAddrPort("10.99.0.67:67")
	if _, err := w.conn.WriteToUDPAddrPort(w.discover(1)[headersLen:], to); err != nil {
		t.Fatal(err)
	}
	got := next(t, calls, "a unicast to the service address").in.Ingress
	if got.Dst != to.Addr() || got.IfIndex != w.srv0 || got.Local != netip.MustParseAddr("10.67.0.2") {
		t.Errorf("ingress = %+v, want to 10.99.0.67 by srv0", got)
	}
}

func TestListener_V4_018_ChecksumZeroIsNone(t *testing.T) {
	w := newWorld(t)
	_, calls := w.listener(Options{})
	wrong, none := w.discover(1), w.discover(2)
	binary.BigEndian.PutUint16(wrong[40:], binary.BigEndian.Uint16(wrong[40:])+1)
	binary.BigEndian.PutUint16(none[40:], 0)
	w.send(w.raw, wrong) // V4-019: the kernel drops it.
	w.send(w.raw, none)
	if got := next(t, calls, "a DISCOVER without a checksum"); got.payload[7] != 2 {
		t.Errorf("xid = %d, want that of the datagram without a checksum, 2", got.payload[7])
	}
}

func TestListener_OtherInterfaceIsNotServed(t *testing.T) {
	w := newWorld(t)
	w.pair("srv1", "cli1")
	w.address("srv1", "10.68.0.2/24")
	count := newTally()
	l, calls := w.listener(Options{Interfaces: []string{"srv0"}, Observer: count})
	var other *os.File
	w.inClient(func() {
		index, _ := w.linkOf("cli1")
		other = w.openFrames(index)
	})
	defer other.Close()
	w.send(other, w.discover(1))
	if got := next(t, count.told, "a drop"); got != DropNotServed {
		t.Errorf("dropped for %q, want %q", got, DropNotServed)
	}
	w.send(w.raw, w.discover(2))
	if got := next(t, calls, "a DISCOVER"); got.payload[7] != 2 {
		t.Errorf("xid = %d, want 2 from the interface that is served", got.payload[7])
	}
	want := []netip.Addr{netip.MustParseAddr("10.67.0.2"), netip.MustParseAddr("10.67.0.3")}
	if got := l.Addresses(); !slices.Equal(got, want) {
		t.Errorf("Addresses = %v, want %v", got, want)
	}
}

func TestOpen_PortInUse(t *testing.T) {
	w := newWorld(t)
	w.listener(Options{})
	_, err := Open(Options{})
	if err == nil {
		t.Fatal("second Open succeeded")
	}
	for _, part := range []string{"UDP port 67 is in use by listen.test (pid ", "stop it", "ss -lunp"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}

func TestOpen_UnknownInterface(t *testing.T) {
	w := newWorld(t)
	w.pair("srv1", "cli1")
	_, err := Open(Options{Interfaces: []string{"srv0", "eth7"}})
	if err == nil || !strings.Contains(err.Error(), `interface "eth7": not there; there are srv0, srv1`) {
		t.Errorf("error = %v, want one that names eth7 and lists srv0 and srv1", err)
	}
}

func TestListener_InterfaceThatComesLater(t *testing.T) {
	w := newWorld(t)
	l, calls := w.listener(Options{})
	w.pair("srv1", "cli1")
	w.address("srv1", "10.68.0.2/24")
	added := netip.MustParseAddr("10.68.0.2")
	for !slices.Contains(l.Addresses(), added) {
		next(t, l.Changed(), "the news of "+added.String())
	}
	var other *os.File
	w.inClient(func() {
		index, _ := w.linkOf("cli1")
		other = w.openFrames(index)
	})
	defer other.Close()
	w.send(other, w.discover(1))
	if got := next(t, calls, "a DISCOVER on srv1").in.Ingress; got.Interface != "srv1" || got.Local != added {
		t.Errorf("ingress = %+v, want srv1 with 10.68.0.2", got)
	}

	srv1, err := netlink.LinkByName("srv1")
	w.must(err)
	w.must(netlink.LinkDel(srv1))
	for slices.Contains(l.Addresses(), added) {
		next(t, l.Changed(), "the news that srv1 is gone")
	}
}

func TestListener_PanicCostsOneDatagram(t *testing.T) {
	w := newWorld(t)
	count := newTally()
	served := make(chan byte, 1)
	var log lockedBuffer
	w.listener(Options{
		Observer: count,
		Log:      slog.New(slog.NewTextHandler(&log, nil)),
		Serve: func(_ context.Context, d server.Datagram) server.Outcome {
			if d.Payload[7] == 1 {
				panic("poison")
			}
			served <- d.Payload[7]
			return 0
		},
	})
	w.send(w.raw, w.discover(1))
	if got := next(t, count.told, "the panic"); got != "panicked" {
		t.Errorf("ended in %q, want panicked", got)
	}
	w.send(w.raw, w.discover(2))
	if got := next(t, served, "the next DISCOVER"); got != 2 {
		t.Errorf("xid = %d, want 2", got)
	}
	for _, part := range []string{"poison", "63825363350101ff", "interface=srv0"} {
		if text := log.String(); !strings.Contains(text, part) {
			t.Errorf("log does not say %s:\n%s", part, text)
		}
	}
}

func TestListener_RunWaitsForExchanges(t *testing.T) {
	w := newWorld(t)
	entered, release := make(chan struct{}), make(chan struct{})
	var l *Listener
	var sent atomic.Bool
	l, err := Open(Options{Serve: func(ctx context.Context, _ server.Datagram) server.Outcome {
		close(entered)
		<-release
		to := dhcp4.Dest{Kind: dhcp4.DestBroadcast, Port: 68, IfIndex: w.srv0}
		err := l.Send4(ctx, make([]byte, 300), to)
		sent.Store(err == nil)
		return 0
	}})
	w.must(err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	w.send(w.raw, w.discover(1))
	next(t, entered, "the exchange")
	cancel()
	select {
	case err := <-ended:
		t.Errorf("Run returned %v before the exchange had ended", err)
	default:
	}
	close(release)
	if err := next(t, ended, "the end of Run"); err != nil || !sent.Load() {
		t.Errorf("Run: %v, reply sent while stopping: %v; want none, true", err, sent.Load())
	}
}

func TestListener_AtMostExchangesMax(t *testing.T) {
	w := newWorld(t)
	release := make(chan struct{})
	var mu sync.Mutex
	running, most := 0, 0
	done := make(chan struct{}, 8)
	w.listener(Options{
		ExchangesMax: 2,
		Serve: func(context.Context, server.Datagram) server.Outcome {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			<-release
			mu.Lock()
			running--
			mu.Unlock()
			done <- struct{}{}
			return 0
		},
	})
	for i := range byte(5) {
		w.send(w.raw, w.discover(i))
	}
	close(release)
	for range 5 {
		next(t, done, "an exchange that had to wait")
	}
	if most > 2 {
		t.Errorf("exchanges at a time = %d, want at most 2", most)
	}
}

// What the hook refuses costs no exchange, nothing else is asked about it, and the others go on.
func TestListener_W_053_WhatIsNotAdmittedIsNotServed(t *testing.T) {
	w := newWorld(t)
	asked := make(chan server.Datagram, 8)
	_, calls := w.listener(Options{Admit: func(in server.Datagram) bool {
		in.Payload = bytes.Clone(in.Payload)
		asked <- in
		return in.Payload[7]%2 == 0 // the last octet of its xid
	}})
	for i := range byte(4) {
		w.send(w.raw, w.discover(i))
	}
	for i := range byte(4) {
		in := next(t, asked, "a datagram to admit")
		if in.Payload[7] != i || in.Ingress.Interface != "srv0" || in.Heard.IsZero() {
			t.Errorf("asked for xid %d by %q at %v, want xid %d by srv0", in.Payload[7], in.Ingress.Interface,
				in.Heard, i)
		}
	}
	var served []byte
	for range 2 {
		served = append(served, next(t, calls, "an admitted datagram").payload[7])
	}
	slices.Sort(served) // Each has a goroutine of its own.
	if !slices.Equal(served, []byte{0, 2}) {
		t.Errorf("served %v, want 0 and 2", served)
	}
}

func TestListener_OverflowIsTold(t *testing.T) {
	w := newWorld(t)
	count := newTally()
	count.lost = make(chan uint32, 1024)
	served := make(chan struct{}, 1024)
	l, err := Open(Options{Observer: count, Serve: func(context.Context, server.Datagram) server.Outcome {
		served <- struct{}{}
		return server.Offered
	}})
	w.must(err)
	w.must(l.conn.SetReadBuffer(1))
	for i := range byte(100) { // Nobody reads yet.
		w.send(w.raw, w.discover(i))
	}
	w.run(l)
	next(t, served, "what the kernel kept")
	w.send(w.raw, w.discover(200)) // Carries the news of what was lost before it.
	if lost := next(t, count.lost, "the count of lost datagrams"); lost == 0 || lost >= 100 {
		t.Errorf("lost = %d of 100, want some and not all", lost)
	}
}

// A listener that may not have the buffer it needs says so, and how to get it; one that has it says nothing.
func TestOpen_SmallReceiveBuffer(t *testing.T) {
	newWorld(t)
	var log lockedBuffer
	l, err := Open(Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if text := log.String(); strings.Contains(text, "receive buffer") {
		t.Errorf("with CAP_NET_ADMIN:\n%s", text)
	}
	if err := l.conn.SetReadBuffer(1 << 16); err != nil {
		t.Fatal(err)
	}
	l.checkBuffer()
	text := log.String()
	for _, part := range []string{"receive buffer is small", "CAP_NET_ADMIN", "net.core.rmem_max", "octets=65536"} {
		if !strings.Contains(text, part) {
			t.Errorf("log does not say %q:\n%s", part, text)
		}
	}
}

func TestListener_OverflowCounterWraps(t *testing.T) {
	count := newTally()
	l := &Listener{opt: Options{Observer: count}}
	for _, total := range []uint32{3, 3, 10, 0xffffffff, 4} {
		l.countOverflow(&l.overflows, total)
	}
	if got := count.overflowed; got != 4 { // 0xffffffff + 5, in 32 bits
		t.Errorf("overflowed = %d, want 4", got)
	}
}

// lockedBuffer is a bytes.Buffer for a logger and its reader.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
