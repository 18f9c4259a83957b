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
	offload   *os.File // sends frames whose checksum is yet to be made
	mac       [6]byte  // of the interface; relays have it, too
	serverMAC [6]byte
	ours      bool

	mu      sync.Mutex
	waiting map[uint32]chan *Reply  // by xid
	devices map[[6]byte]chan *Reply // by target, for RARP
	homes   map[netip.Addr][6]byte  // who has an address, for ARP
}

// NewWire opens the clients' end on eth0 of end, towards the server on eth0 of at, and makes the server send
// there what goes beyond its link. ours says that the server is ours.
func NewWire(ctx context.Context, end, at *lab.Host, ours bool) (*Wire, error) {
	w := &Wire{ours: ours, waiting: make(map[uint32]chan *Reply), homes: make(map[netip.Addr][6]byte),
		devices: make(map[[6]byte]chan *Reply)}
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
		w.openOffload(eth0.Index),
	)
}

// openOffload opens a second socket, which only sends, and whose frames begin with a struct virtio_net_hdr.
func (w *Wire) openOffload(eth0 int) error {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	w.offload = os.NewFile(uintptr(fd), "offload")
	return errors.Join(unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1),
		unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: eth0}))
}

// Close closes the sockets.
func (w *Wire) Close() error { return errors.Join(w.raw.Close(), w.offload.Close()) }

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
	if err := w.send(d, d.frame(src, dst)); err != nil {
		return nil, err
	}
	return await(came, silence), nil
}

// HearRARP implements Subject.
func (w *Wire) HearRARP(d *RARPDraft, silence bool) (*Reply, error) {
	came := make(chan *Reply, 8)
	w.mu.Lock()
	w.devices[d.THA] = came
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		delete(w.devices, d.THA)
		w.mu.Unlock()
	}()
	if _, err := w.raw.Write(d.frame()); err != nil {
		return nil, err
	}
	return await(came, silence), nil
}

// await returns the reply that comes, nil if none does. silence says that none is expected.
func await(came <-chan *Reply, silence bool) *Reply {
	wait := patience
	if silence {
		wait = patienceSilence
	}
	select {
	case r := <-came:
		return r
	case <-time.After(wait):
		return nil
	}
}

// send puts the frame of d on the wire.
func (w *Wire) send(d *Draft, frame []byte) error {
	var err error
	if d.Sum == SumUnfinished {
		_, err = w.offload.Write(unfinished(frame))
	} else {
		_, err = w.raw.Write(frame)
	}
	return err
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
			deliver(w, w.waiting, r.XID, r)
		} else if r, ok := readRARP(frame); ok {
			deliver(w, w.devices, [6]byte(frame[32:]), r)
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

// deliver gives r to who waits for it under that name.
func deliver[Name comparable](w *Wire, waiting map[Name]chan *Reply, name Name, r *Reply) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case waiting[name] <- r:
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
		if v.Only == InProcess || v.Only == Ours && !w.ours || v.declines() != declines || ctx.Err() != nil {
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
