package load

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

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
	r := request{kind: dhcp4.Discover, hw: [6]byte{0x06}}
	message := r.encode(f.Relay.GIAddr, "")
	began, tick := time.Now(), time.NewTicker(floodTick)
	defer tick.Stop()
	for {
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
		for ; sent < due; sent++ {
			n := f.Seed + uint32(sent)
			binary.BigEndian.PutUint32(message[4:], n)    // xid
			binary.BigEndian.PutUint32(message[28+2:], n) // chaddr
			for _, s := range f.Relay.Servers {
				_, _ = conn.WriteToUDPAddrPort(message, netip.AddrPortFrom(s, serverPort))
			}
		}
	}
}
