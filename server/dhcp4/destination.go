package dhcp4

import "net/netip"

// The well-known ports (RFC 2131 §4.1).
const (
	ServerPort = 67
	ClientPort = 68
)

// hardwareEthernet is the htype of hardware that a raw frame can be addressed to.
const hardwareEthernet = 1

// Destination says where a reply goes (RFC 2131 §4.1, V4-020 … V4-030).
//
//	giaddr set      to the relay at giaddr, port 67, or the datagram's source port if option 82 asks so; to the
//	                datagram's source where the configuration says so
//	DHCPNAK         broadcast on the ingress link; to ciaddr, port 68, if ToCIAddr says so
//	ciaddr set      to ciaddr, port 68
//	broadcast bit   broadcast on the ingress link, port 68; likewise an OFFER of no address
//	otherwise       to yiaddr at the client's hardware address, port 68, without ARP
//
// giaddr and ciaddr are those of the reply: an answer to INFORM goes straight to the client although it came
// through a relay. Where a client sends a ciaddr that the reply does not repeat (DISCOVER, a REQUEST in the
// manner of RFC 1541), reach decides which one counts.
func Destination(q *Query, m *Message, in *Ingress) Dest {
	if q.Type == 0 {
		return bootDestination(q, m, in)
	}
	d := Dest{Source: source(m, in), Port: ClientPort}
	c := reach(q, m, in)
	switch {
	case !m.GIAddr.IsUnspecified() && q.Relayed():
		d.toRelay(q, m, in)
	case m.Type == NAK && m.ToCIAddr:
		d.Kind, d.Addr = DestRouted, q.CIAddr
	case m.Type == NAK:
		d.broadcast(in)
	case unicast(c):
		d.Kind, d.Addr = DestRouted, c
		if onLink(in, c) {
			d.IfIndex = in.IfIndex
		}
	case m.Flags&BroadcastFlag != 0 || m.AlwaysBroadcast || m.HType != hardwareEthernet || m.HLen != 6,
		m.YIAddr.IsUnspecified():
		d.broadcast(in)
	default:
		d.Kind, d.Addr, d.IfIndex = DestRaw, m.YIAddr, in.IfIndex
		d.HW = [6]byte(m.CHAddr[:6])
	}
	return d
}

// reach returns the address at which a client without a relay has to be reached, 0.0.0.0 if by its link.
func reach(q *Query, m *Message, in *Ingress) netip.Addr {
	none := netip.IPv4Unspecified()
	switch {
	case !m.CIAddr.IsUnspecified():
		return m.CIAddr
	case q.Type == Inform && q.CIAddr.IsUnspecified():
		return in.Src.Addr() // V4-192
	case q.Type == Discover && onLink(in, q.CIAddr):
		return q.CIAddr // V4-028
	case q.Type == Request && m.Type == ACK && !onLink(in, q.CIAddr):
		return q.CIAddr // V4-125
	}
	return none
}

// broadcast makes d the whole ingress link.
func (d *Dest) broadcast(in *Ingress) {
	d.Kind, d.Addr, d.IfIndex = DestBroadcast, broadcastAddr, in.IfIndex
}

// source returns the IP source of a reply: the server identifier where it is an address of this node, else
// this node's address on the link (V4-029).
func source(m *Message, in *Ingress) netip.Addr {
	if local(in, m.ServerID) {
		return m.ServerID
	}
	return in.Local
}

// local says whether a is an address of this node, as far as the ingress shows.
func local(in *Ingress, a netip.Addr) bool {
	if !unicast(a) {
		return false
	}
	if a == in.Local || a == in.Dst {
		return true
	}
	for _, p := range in.Prefixes {
		if p.Addr() == a {
			return true
		}
	}
	return false
}

// onLink says whether a lies on the link that the message came in by.
func onLink(in *Ingress, a netip.Addr) bool {
	for _, p := range in.Prefixes {
		if unicast(a) && p.Contains(a) {
			return true
		}
	}
	return false
}
