package load

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/mdlayher/packet"
	"golang.org/x/net/ipv4"
)

const (
	serverPort = 67
	clientPort = 68
	bufferSize = 8 << 20
	etherIPv4  = 0x0800
	protoUDP   = 17
)

// datagram is a UDP payload from a server.
type datagram struct {
	from    netip.Addr
	payload []byte
}

// sockets are all the ways by which clients speak and hear.
type sockets struct {
	relays []*net.UDPConn
	turn   []int // index of the next server of each relay that sends in turn
	opts   Options
	uni    *ipv4.PacketConn
	uniUDP *net.UDPConn
	raw    *packet.Conn
	ifi    *net.Interface

	closing sync.Once
}

func openSockets(o Options) (s *sockets, err error) {
	s = &sockets{opts: o, turn: make([]int, len(o.Relays))}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	for _, r := range o.Relays {
		conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(r.GIAddr, serverPort)))
		if err != nil {
			return s, fmt.Errorf("relay agent %v: %w", r.GIAddr, err)
		}
		s.relays = append(s.relays, conn)
		if err := conn.SetReadBuffer(bufferSize); err != nil {
			return s, fmt.Errorf("relay agent %v: %w", r.GIAddr, err)
		}
	}
	if !o.NoUnicast {
		if err := s.openUnicast(); err != nil {
			return s, err
		}
	}
	if o.Interface != "" {
		return s, s.openRaw(o.Interface)
	}
	return s, nil
}

func (s *sockets) openUnicast() error {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{Port: clientPort})
	if err != nil {
		return err
	}
	s.uniUDP, s.uni = conn, ipv4.NewPacketConn(conn)
	if err := s.uni.SetControlMessage(ipv4.FlagDst, true); err != nil {
		return fmt.Errorf("clients' port: %w", err)
	}
	return conn.SetReadBuffer(bufferSize)
}

func (s *sockets) openRaw(name string) error {
	ifi, err := net.InterfaceByName(name)
	if err != nil {
		return fmt.Errorf("interface %s: %w", name, err)
	}
	s.ifi = ifi
	if s.raw, err = packet.Listen(ifi, packet.Raw, etherIPv4, nil); err != nil {
		return fmt.Errorf("interface %s: %w", name, err)
	}
	return nil
}

// close may be called twice.
func (s *sockets) close() error {
	var errs []error
	s.closing.Do(func() {
		for _, c := range s.relays {
			errs = append(errs, c.Close())
		}
		if s.uniUDP != nil {
			errs = append(errs, s.uniUDP.Close())
		}
		if s.raw != nil {
			errs = append(errs, s.raw.Close())
		}
	})
	return errors.Join(errs...)
}

// run reads all sockets into heard until ctx ends or a socket fails, and closes them.
func (s *sockets) run(ctx context.Context, heard chan<- datagram) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var readers []func(chan<- datagram, <-chan struct{}) error
	for _, c := range s.relays {
		readers = append(readers, func(h chan<- datagram, done <-chan struct{}) error {
			return readRelay(c, h, done)
		})
	}
	if s.uni != nil {
		readers = append(readers, s.readUnicast)
	}
	if s.raw != nil {
		readers = append(readers, s.readRaw)
	}
	var group sync.WaitGroup
	errs := make([]error, len(readers))
	for i, read := range readers {
		group.Go(func() {
			defer cancel()
			if err := read(heard, ctx.Done()); ctx.Err() == nil {
				errs[i] = err
			} // else closing was how it was told to end
		})
	}
	<-ctx.Done()
	closed := s.close()
	group.Wait()
	return errors.Join(append(errs, closed)...)
}

func pass(h chan<- datagram, done <-chan struct{}, from netip.Addr, payload []byte) {
	select {
	case h <- datagram{from: from.Unmap(), payload: append([]byte(nil), payload...)}:
	case <-done:
	}
}

func readRelay(c *net.UDPConn, h chan<- datagram, done <-chan struct{}) error {
	b := make([]byte, 1<<16)
	for {
		n, from, err := c.ReadFromUDPAddrPort(b)
		if err != nil {
			return err
		}
		pass(h, done, from.Addr(), b[:n])
	}
}

// readUnicast hears what is sent to a client's own address. Broadcasts are for readRaw.
func (s *sockets) readUnicast(h chan<- datagram, done <-chan struct{}) error {
	b := make([]byte, 1<<16)
	for {
		n, control, from, err := s.uni.ReadFrom(b)
		if err != nil {
			return err
		}
		if udp, ok := from.(*net.UDPAddr); ok && (control == nil || !control.Dst.Equal(net.IPv4bcast)) {
			pass(h, done, udp.AddrPort().Addr(), b[:n])
		}
	}
}

// readRaw hears broadcasts and frames to the clients' hardware addresses, and leaves alone what the kernel
// delivers to readUnicast: frames to the interface's own address.
func (s *sockets) readRaw(h chan<- datagram, done <-chan struct{}) error {
	b := make([]byte, 1<<16)
	for {
		n, _, err := s.raw.ReadFrom(b)
		if err != nil {
			return err
		}
		if from, payload, ok := s.parseFrame(b[:n]); ok {
			pass(h, done, from, payload)
		}
	}
}

func (s *sockets) parseFrame(b []byte) (from netip.Addr, payload []byte, ok bool) {
	if len(b) < 14+20+8 || string(b[:6]) == string(s.ifi.HardwareAddr) ||
		binary.BigEndian.Uint16(b[12:]) != etherIPv4 {
		return from, nil, false
	}
	ip := b[14:]
	header := int(ip[0]&15) * 4
	if ip[9] != protoUDP || header < 20 || len(ip) < header+8 {
		return from, nil, false
	}
	udp := ip[header:]
	size := int(binary.BigEndian.Uint16(udp[4:]))
	if binary.BigEndian.Uint16(udp[2:]) != clientPort || size < 8 || size > len(udp) {
		return from, nil, false
	}
	return netip.AddrFrom4([4]byte(ip[12:16])), udp[8:size], true
}

// send puts a parcel on the wire. What the kernel refuses is lost, and the error says why.
func (s *sockets) send(p parcel) error {
	switch {
	case p.to.IsValid():
		_, err := s.uni.WriteTo(p.payload, &ipv4.ControlMessage{Src: p.from.AsSlice()},
			&net.UDPAddr{IP: p.to.AsSlice(), Port: serverPort})
		return err
	case p.relay >= 0:
		return s.relay(p)
	case s.raw != nil:
		frame := broadcastFrame(p.hw, p.payload)
		_, err := s.raw.WriteTo(frame, &packet.Addr{HardwareAddr: broadcastHW()})
		return err
	}
	return errors.New("a direct client without an interface")
}

func (s *sockets) relay(p parcel) error {
	r := s.opts.Relays[p.relay]
	servers := r.Servers
	if r.InTurn {
		i := s.turn[p.relay] % len(servers)
		s.turn[p.relay]++
		servers = servers[i : i+1]
	}
	var failed error
	for _, a := range servers {
		to := netip.AddrPortFrom(a, serverPort)
		if _, err := s.relays[p.relay].WriteToUDPAddrPort(p.payload, to); err != nil {
			failed = err
		}
	}
	return failed
}

func broadcastHW() net.HardwareAddr { return net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff} }

// broadcastFrame is payload from a client without an address to everybody: Ethernet, IPv4 and UDP headers
// with their checksums.
func broadcastFrame(hw [6]byte, payload []byte) []byte {
	b := make([]byte, 0, 14+20+8+len(payload))
	b = append(b, broadcastHW()...)
	b = append(b, hw[:]...)
	b = binary.BigEndian.AppendUint16(b, etherIPv4)
	udpLen := 8 + len(payload)
	ip := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, protoUDP, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255}
	binary.BigEndian.PutUint16(ip[2:], uint16(20+udpLen))
	binary.BigEndian.PutUint16(ip[10:], ^checksum(ip, 0))
	b = append(b, ip...)
	udp := make([]byte, 8, udpLen)
	binary.BigEndian.PutUint16(udp, clientPort)
	binary.BigEndian.PutUint16(udp[2:], serverPort)
	binary.BigEndian.PutUint16(udp[4:], uint16(udpLen))
	udp = append(udp, payload...)
	pseudo := uint32(checksum(ip[12:20], 0)) + protoUDP + uint32(udpLen)
	if sum := ^checksum(udp, pseudo); sum != 0 {
		binary.BigEndian.PutUint16(udp[6:], sum)
	} else {
		binary.BigEndian.PutUint16(udp[6:], 0xffff)
	}
	return append(b, udp...)
}

// checksum is the sum of RFC 1071, not complemented, on top of sum.
func checksum(b []byte, sum uint32) uint16 {
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}
