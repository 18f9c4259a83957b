package sim

import (
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"port67/server/dhcp4"
)

// site is where devices are: the nodes' own link, or a link behind a relay agent.
type site struct {
	giaddr  netip.Addr // invalid on the LAN
	helpers []int      // nodes that the relay agent sends to
	prefix  netip.Prefix
}

// phase is the state of a device (RFC 2131 figure 5).
type phase int

const (
	off phase = iota
	selecting
	requesting
	rebooting
	bound
	renewing
	rebinding
)

// device is one DHCP client. Devices with the same identity are one client for DHCP.
type device struct {
	c     *cluster
	id    int
	hw    net.HardwareAddr
	cid   []byte
	site  *site
	ppm   int64 // how much its clock runs fast
	hasty bool  // counts its lease from the ACK, not from its REQUEST

	phase  phase
	turn   int // counts changes: what was planned before does not happen
	xid    [4]byte
	tries  int
	began  time.Duration
	sent   time.Duration
	addr   netip.Addr
	server netip.Addr
	t1, t2 time.Duration
	until  time.Duration
}

// hardware is the hardware address of device i.
func hardware(i int) net.HardwareAddr { return net.HardwareAddr{2, 0x67, 0, 0, byte(i >> 8), byte(i)} }

// circuit is the circuit-id of the port that device i is at: two share one.
func circuit(i int) []byte { return []byte{'p', byte(i / 2)} }

// identity is who the device is for DHCP.
func (d *device) identity() string {
	if d.cid != nil {
		return "c" + string(d.cid)
	}
	return "h" + string(d.hw)
}

// later plans do unless the device changes its mind before; d is in its own time.
func (d *device) later(span time.Duration, do func()) {
	turn := d.turn
	d.c.w.after(scaled(span, -d.ppm), func() {
		if d.turn == turn {
			do()
		}
	})
}

func (d *device) become(p phase) {
	d.phase = p
	d.turn++
}

// restart begins an exchange.
func (d *device) restart(p phase) {
	d.become(p)
	d.tries, d.began = 0, d.c.w.now
	v := d.c.w.chance.Uint32()
	d.xid = [4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}
	d.transmit()
}

// transmit sends the message of the present phase and plans to do so again.
func (d *device) transmit() {
	m := d.message(dhcpv4.MessageTypeRequest)
	switch d.phase {
	case selecting:
		m.UpdateOption(dhcpv4.OptMessageType(dhcpv4.MessageTypeDiscover))
		if d.id%3 == 0 {
			m.UpdateOption(dhcpv4.OptGeneric(dhcpv4.GenericOptionCode(80), nil))
		}
		if d.addr.IsValid() && d.c.w.in(2) {
			m.UpdateOption(dhcpv4.OptRequestedIPAddress(d.addr.AsSlice()))
		}
	case requesting:
		m.UpdateOption(dhcpv4.OptRequestedIPAddress(d.addr.AsSlice()))
		m.UpdateOption(dhcpv4.OptServerIdentifier(d.server.AsSlice()))
	case rebooting:
		m.UpdateOption(dhcpv4.OptRequestedIPAddress(d.addr.AsSlice()))
	case renewing, rebinding:
		m.ClientIPAddr = d.addr.AsSlice()
	default:
		return
	}
	d.tries++
	d.sent = d.c.w.now
	d.emit(m, d.phase == renewing)
	d.later(d.patience(), d.timeout)
}

// patience is how long to wait for an answer (RFC 2131 §4.1), or until the next state.
func (d *device) patience() time.Duration {
	wait := min(4*time.Second<<min(d.tries-1, 4), 64*time.Second) + d.c.w.between(-time.Second, time.Second)
	switch d.phase {
	case renewing:
		return max(time.Second, min(wait, d.t2-d.c.w.now))
	case rebinding:
		return max(time.Second, min(wait, d.until-d.c.w.now))
	}
	return wait
}

// timeout is what happens when nobody answers.
func (d *device) timeout() {
	now := d.c.w.now
	switch {
	case d.phase == requesting && d.tries >= 4:
		d.restart(selecting)
	case d.phase == rebooting && d.tries >= 2:
		d.restart(selecting)
	case d.phase == renewing && now >= d.t2:
		d.restart(rebinding)
	case (d.phase == renewing || d.phase == rebinding) && now >= d.until:
		d.restart(selecting)
	default:
		d.transmit()
	}
}

// message returns a message of the device.
func (d *device) message(t dhcpv4.MessageType) *dhcpv4.DHCPv4 {
	m, err := dhcpv4.New(
		dhcpv4.WithTransactionID(d.xid), dhcpv4.WithHwAddr(d.hw), dhcpv4.WithMessageType(t),
		dhcpv4.WithRequestedOptions(dhcpv4.OptionSubnetMask, dhcpv4.OptionRouter),
	)
	if err != nil {
		panic(err) // No input of ours can cause it.
	}
	m.NumSeconds = uint16(min((d.c.w.now-d.began)/time.Second, 0xffff))
	if d.cid != nil {
		m.UpdateOption(dhcpv4.OptClientIdentifier(d.cid))
	}
	return m
}

// emit puts m on the wire: to its server alone, or to all that hear the link.
func (d *device) emit(m *dhcpv4.DHCPv4, unicast bool) {
	src := netip.AddrPortFrom(netip.IPv4Unspecified(), 68)
	if d.addr.IsValid() && !m.ClientIPAddr.IsUnspecified() {
		src = netip.AddrPortFrom(d.addr, 68)
	}
	d.c.w.note("d%-3d sends %s xid %x addr %v", d.id, m.MessageType(), d.xid, d.addr)
	if unicast {
		for _, n := range d.c.nodes {
			if n.addr == d.server {
				d.c.carry(n, m.ToBytes(), src, n.addr)
			}
		}
		return
	}
	if !d.site.giaddr.IsValid() {
		payload := m.ToBytes()
		for _, n := range d.c.nodes {
			d.c.carry(n, payload, src, netip.AddrFrom4([4]byte{255, 255, 255, 255}))
		}
		return
	}
	m.GatewayIPAddr, m.HopCount = d.site.giaddr.AsSlice(), 1
	m.UpdateOption(dhcpv4.OptRelayAgentInfo(dhcpv4.OptGeneric(dhcpv4.GenericOptionCode(1), circuit(d.id))))
	payload := m.ToBytes()
	for _, i := range d.site.helpers {
		n := d.c.nodes[i]
		d.c.carry(n, payload, netip.AddrPortFrom(d.site.giaddr, 67), n.addr)
	}
}

// carry brings a datagram to a node.
func (c *cluster) carry(n *node, payload []byte, src netip.AddrPort, dst netip.Addr) {
	c.net.pass(outside, n.index, func() {
		n.hear(payload, dhcp4.Ingress{
			IfIndex: 3, Interface: "eth0", Src: src, Dst: dst, Local: n.addr, MTU: 1500,
			Prefixes: []netip.Prefix{netip.PrefixFrom(n.addr, 16)},
		})
	})
}

// deliver brings a reply to the device with its hardware address.
func (c *cluster) deliver(n *node, payload []byte, _ dhcp4.Dest) {
	m, err := dhcpv4.FromBytes(payload)
	if err != nil {
		c.judge.broken("a reply of %s that cannot be read: %v", n.id, err)
		return
	}
	d, ok := c.byHW[string(m.ClientHWAddr)]
	if !ok {
		c.judge.broken("a reply of %s to nobody: %s", n.id, m.ClientHWAddr)
		return
	}
	c.net.pass(n.index, outside, func() { d.hear(m) })
}

// hear takes a reply.
func (d *device) hear(m *dhcpv4.DHCPv4) {
	if m.TransactionID != d.xid || d.phase == off || d.phase == bound {
		return
	}
	addr, _ := netip.AddrFromSlice(m.YourIPAddr.To4())
	server, _ := netip.AddrFromSlice(m.ServerIdentifier().To4())
	switch t := m.MessageType(); {
	case t == dhcpv4.MessageTypeOffer && d.phase == selecting:
		d.c.judge.offered(d, addr)
		d.addr, d.server, d.tries = addr, server, 0
		d.become(requesting)
		d.transmit()
	case t == dhcpv4.MessageTypeAck && (d.phase != selecting || m.Options.Has(dhcpv4.GenericOptionCode(80))):
		d.take(addr, server, m)
	case t == dhcpv4.MessageTypeNak && d.phase != selecting:
		d.c.w.note("d%-3d is denied %v", d.id, d.addr)
		d.c.judge.denied(d)
		d.addr = netip.Addr{}
		d.become(selecting)
		d.later(d.c.w.between(time.Second, 10*time.Second), func() { d.restart(selecting) })
	}
}

// take believes an ACK.
func (d *device) take(addr, server netip.Addr, m *dhcpv4.DHCPv4) {
	from := d.sent
	if d.hasty {
		from = d.c.w.now
	}
	// Truly longer than it counts, if its clock runs slow.
	span := func(told time.Duration) time.Duration { return scaled(told, -d.ppm) }
	told := m.IPAddressLeaseTime(0)
	d.addr, d.server = addr, server
	d.until = from + span(told)
	d.t1, d.t2 = from+span(m.IPAddressRenewalTime(told/2)), from+span(m.IPAddressRebindingTime(told/8*7))
	d.c.w.note("d%-3d has %v for %v from %v", d.id, addr, told, server)
	d.c.judge.held(d)
	d.become(bound)
	d.live()
}

// live is what a bound device does next.
func (d *device) live() {
	now := d.c.w.now
	switch n := d.c.w.chance.IntN(100); {
	case n < d.c.mood.renews:
		d.later(max(0, d.t1-now), func() { d.restart(renewing) })
	case n < d.c.mood.hurries:
		d.later(d.c.w.between(0, max(time.Second, d.t1-now)), func() { d.restart(renewing) })
	case n < d.c.mood.sleeps: // Switched off, and on again with its address in mind, in time or long after.
		d.become(off)
		d.later(d.c.w.between(0, 2*(d.until-now)+time.Second), func() { d.restart(rebooting) })
	case n < d.c.mood.forgets:
		d.become(off)
		d.later(d.c.w.between(0, d.until-now+time.Second), func() { d.restart(selecting) })
	case n < d.c.mood.leaves:
		d.later(d.c.w.between(0, max(time.Second, d.until-now)), d.release)
	case n < d.c.mood.declines:
		d.decline()
	case n < d.c.mood.moves:
		d.later(d.c.w.between(0, max(time.Second, d.until-now)), func() {
			d.site = d.c.sites[d.c.w.chance.IntN(len(d.c.sites))]
			d.restart([]phase{rebooting, selecting, rebinding}[d.c.w.chance.IntN(3)])
		})
	default: // Goes silent until its lease has ended, and is gone for long.
		d.become(off)
		d.later(d.c.w.between(time.Minute, 20*time.Minute), func() { d.restart(selecting) })
	}
}

// release gives the address back: it is not used any more from now on, however late the message.
func (d *device) release() {
	m := d.message(dhcpv4.MessageTypeRelease)
	m.ClientIPAddr = d.addr.AsSlice()
	m.UpdateOption(dhcpv4.OptServerIdentifier(d.server.AsSlice()))
	d.emit(m, true)
	d.c.judge.gaveUp(d)
	d.become(off)
	d.later(d.c.w.between(0, time.Minute), func() { d.restart(selecting) })
}

func (d *device) decline() {
	m := d.message(dhcpv4.MessageTypeDecline)
	m.UpdateOption(dhcpv4.OptRequestedIPAddress(d.addr.AsSlice()))
	m.UpdateOption(dhcpv4.OptServerIdentifier(d.server.AsSlice()))
	d.emit(m, false)
	d.c.judge.gaveUp(d)
	d.addr = netip.Addr{}
	d.become(off)
	d.later(d.c.w.between(10*time.Second, time.Minute), func() { d.restart(selecting) })
}

// forge sends a RELEASE or a DECLINE in the name of a device, which knows nothing of it.
func (d *device) forge() {
	if !d.addr.IsValid() || !d.server.IsValid() {
		return
	}
	t := dhcpv4.MessageTypeRelease
	if d.c.w.in(4) {
		t = dhcpv4.MessageTypeDecline
	}
	m := d.message(t)
	m.UpdateOption(dhcpv4.OptServerIdentifier(d.server.AsSlice()))
	if t == dhcpv4.MessageTypeDecline {
		m.UpdateOption(dhcpv4.OptRequestedIPAddress(d.addr.AsSlice()))
		d.emit(m, false)
		return
	}
	m.ClientIPAddr = d.addr.AsSlice()
	d.emit(m, true)
}
