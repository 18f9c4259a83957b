package load

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/ipv4"

	"port67/server/dhcp4"
)

// Flood is a hostile host behind a relay agent: it sends DISCOVERs, each with a hardware address of its own, as
// fast as it is told, and listens to nobody.
type Flood struct {
	Relay Relay
	Rate  int // messages a second to each of the relay agent's servers
	Seed  uint32
}

// floodTick is how often a flood looks at the clock; what is due goes out at once.
const floodTick = time.Millisecond

// Run sends until ctx ends, and returns how many messages went out to each server. One that the kernel refuses
// is lost; a machine that is too slow for the rate sends fewer.
func (f Flood) Run(ctx context.Context) (sent int, err error) {
	if f.Rate <= 0 || len(f.Relay.Servers) == 0 {
		return 0, fmt.Errorf("load: a flood of %d a second to %d servers", f.Rate, len(f.Relay.Servers))
	}
	at := net.UDPAddrFromAddrPort(netip.AddrPortFrom(f.Relay.GIAddr, serverPort))
	conn, err := net.ListenUDP("udp4", at)
	if err != nil {
		return 0, fmt.Errorf("load: relay agent %v: %w", f.Relay.GIAddr, err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	began, tick, batch := time.Now(), time.NewTicker(floodTick), f.batch()
	defer tick.Stop()
	for out := ipv4.NewPacketConn(conn); ; {
		select {
		case <-ctx.Done():
			return sent, nil
		case <-tick.C:
		}
		due := int(time.Since(began).Seconds() * float64(f.Rate))
		// What could not be sent in time is not made up for: that would be another rate.
		if behind := f.Rate / 10; due-sent > behind {
			began = began.Add(time.Duration(due-sent-behind) * time.Second / time.Duration(f.Rate))
			due = sent + behind
		}
		for sent < due {
			n := min(due-sent, floodBatch)
			f.fill(batch, n, sent)
			for left := batch[:n*len(f.Relay.Servers)]; len(left) > 0; {
				done, err := out.WriteBatch(left, 0)
				left = left[max(done, 1):] // What cannot be sent is passed over.
				if errors.Is(err, net.ErrClosed) {
					return sent, err
				}
			}
			sent += n
		}
	}
}

// floodBatch is how many messages go out by one call.
const floodBatch = 32

// batch returns room for floodBatch messages to each server.
func (f Flood) batch() []ipv4.Message {
	r := request{kind: dhcp4.Discover, hw: [6]byte{0x06}}
	var out []ipv4.Message
	for range floodBatch {
		message := r.encode(f.Relay.GIAddr, "")
		for _, s := range f.Relay.Servers {
			to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(s, serverPort))
			out = append(out, ipv4.Message{Buffers: [][]byte{message}, Addr: to})
		}
	}
	return out
}

// fill makes the first n messages of a batch those of the next clients.
func (f Flood) fill(batch []ipv4.Message, n, sent int) {
	for i := range n {
		message, client := batch[i*len(f.Relay.Servers)].Buffers[0], f.Seed+uint32(sent+i)
		binary.BigEndian.PutUint32(message[4:], client)    // xid
		binary.BigEndian.PutUint32(message[28+2:], client) // chaddr
	}
}
