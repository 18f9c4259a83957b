package conformance

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"port67/ops/lab"
)

// How long a reply is waited for where one is expected, and where none is.
const (
	patience        = 3 * time.Second
	patienceSilence = time.Second
)

// Wire is the clients' end of a link: one packet socket that plays all clients and all relays. It answers
// for their addresses by ARP.
type Wire struct {
	raw       *os.File
	mac       [6]byte // of the interface; relays have it, too
	serverMAC [6]byte
	ours      bool

	mu      sync.Mutex
	waiting map[uint32]chan *Reply // by xid
	homes   map[netip.Addr][6]byte // who has an address, for ARP
}

// NewWire opens the clients' end on eth0 of end, towards the server on eth0 of at, and makes the server send
// there what goes beyond its link. ours says that the server is ours.
func NewWire(ctx context.Context, end, at *lab.Host, ours bool) (*Wire, error) {
	w := &Wire{ours: ours, waiting: make(map[uint32]chan *Reply), homes: make(map[netip.Addr][6]byte)}
	err := at.In(func() error {
		eth0, err := net.InterfaceByName("eth0")
		if err == nil {
			w.serverMAC = [6]byte(eth0.HardwareAddr)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := end.In(w.open); err != nil {
		return nil, err
	}
	if _, err := at.Exec(ctx, "ip", "neigh", "replace", router.String(), "lladdr",
		net.HardwareAddr(w.mac[:]).String(), "nud", "permanent", "dev", "eth0"); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	go w.listen()
	return w, nil
}

func (w *Wire) open() error {
	eth0, err := net.InterfaceByName("eth0")
	if err != nil {
		return err
	}
	w.mac = [6]byte(eth0.HardwareAddr)
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	w.raw = os.NewFile(uintptr(fd), "wire")
	promiscuous := unix.PacketMreq{Ifindex: int32(eth0.Index), Type: unix.PACKET_MR_PROMISC}
	var order [2]byte
	binary.BigEndian.PutUint16(order[:], unix.ETH_P_ALL)
	return errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20),
		unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &promiscuous),
		unix.Bind(fd, &unix.SockaddrLinklayer{
			Protocol: binary.NativeEndian.Uint16(order[:]), Ifindex: eth0.Index,
		}),
	)
}

// Close closes the socket.
func (w *Wire) Close() error { return w.raw.Close() }

// Hear implements Subject.
func (w *Wire) Hear(d *Draft, _ *Memory, silence bool) (*Reply, error) {
	src, dst := w.mac, w.serverMAC
	if hw := [6]byte(d.CHAddr[:]); hw != ([6]byte{}) && d.Src.Port() == clientPort {
		src = hw
		w.moveIn(d.CIAddr, hw)
		w.moveIn(d.Src.Addr(), hw)
	}
	if d.Dst.Addr() == everybody {
		dst = [6]byte(bytes.Repeat([]byte{255}, 6))
	}
	came := make(chan *Reply, 8)
	w.mu.Lock()
	w.waiting[d.XID] = came
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		delete(w.waiting, d.XID)
		w.mu.Unlock()
	}()
	if _, err := w.raw.Write(d.frame(src, dst)); err != nil {
		return nil, err
	}
	wait := patience
	if silence {
		wait = patienceSilence
	}
	select {
	case r := <-came:
		return r, nil
	case <-time.After(wait):
		return nil, nil
	}
}

// Pass implements Subject. Time on the wire passes by itself.
func (w *Wire) Pass(time.Duration) {}

// Ours implements Subject.
func (w *Wire) Ours() bool { return w.ours }

// moveIn says that a client has an address.
func (w *Wire) moveIn(a netip.Addr, hw [6]byte) {
	w.mu.Lock()
	w.homes[a] = hw
	w.mu.Unlock()
}

// listen gives what comes to those who wait for it, until the socket is closed.
func (w *Wire) listen() {
	b, oob := make([]byte, 4096), make([]byte, 256)
	conn, err := w.raw.SyscallConn()
	for err == nil {
		var n, oobn int
		var received error
		err = conn.Read(func(fd uintptr) bool {
			n, oobn, _, _, received = unix.Recvmsg(int(fd), b, oob, 0)
			return !errors.Is(received, unix.EAGAIN)
		})
		if err != nil || received != nil || n < etherLen || [6]byte(b[6:]) != w.serverMAC {
			continue
		}
		frame := bytes.Clone(b[:n])
		if binary.BigEndian.Uint16(frame[12:]) == etherARP {
			w.answerARP(frame)
		} else if r, ok := readFrame(frame, sumPending(oob[:oobn])); ok {
			w.deliver(r)
		}
	}
}

// sumPending says whether the kernel has left the checksum of a frame to the interface.
func sumPending(oob []byte) bool {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return false
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_PACKET && m.Header.Type == unix.PACKET_AUXDATA && len(m.Data) >= 4 {
			return binary.NativeEndian.Uint32(m.Data)&unix.TP_STATUS_CSUMNOTREADY != 0
		}
	}
	return false
}

func (w *Wire) deliver(r *Reply) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case w.waiting[r.XID] <- r:
	default: // Nobody waits for it.
	}
}

// answerARP answers a request of the server for the address of a client (RFC 826).
func (w *Wire) answerARP(b []byte) {
	if len(b) < etherLen+28 || binary.BigEndian.Uint16(b[20:]) != 1 {
		return
	}
	w.mu.Lock()
	hw, ok := w.homes[netip.AddrFrom4([4]byte(b[38:]))]
	w.mu.Unlock()
	if !ok {
		return
	}
	a := make([]byte, 60)
	copy(a, b[6:12])
	copy(a[6:], hw[:])
	copy(a[12:], b[12:20])
	a[21] = 2
	copy(a[22:], hw[:])
	copy(a[28:], b[38:42])
	copy(a[32:], b[22:32])
	// One that is lost is asked for again.
	_, _ = w.raw.Write(a)
}

// Verdict is what came of one vector.
type Verdict struct {
	Played bool
	Seen   []string // nil: as the row
	Err    error
}

// PlayAll plays the table to a server, many vectors at once, and returns what came of each. Those that
// decline addresses come last: there are servers that give addresses in another order from then on.
func (w *Wire) PlayAll(ctx context.Context, table []Vector) []Verdict {
	verdicts := make([]Verdict, len(table))
	for _, declines := range []bool{false, true} {
		w.playSome(ctx, table, declines, verdicts)
	}
	return verdicts
}

func (w *Wire) playSome(ctx context.Context, table []Vector, declines bool, verdicts []Verdict) {
	turns := make(chan struct{}, 24)
	var all sync.WaitGroup
	for i := range table {
		v := &table[i]
		if v.Only == InProcess || v.declines() != declines || ctx.Err() != nil {
			continue
		}
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			seen, err := v.Play(i, w)
			verdicts[i] = Verdict{Played: true, Seen: seen, Err: err}
			if err != nil {
				verdicts[i].Err = fmt.Errorf("%s: %s: %w", v.Rows, v.Asks, err)
			}
		})
	}
	all.Wait()
}
