package dhcp4

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// The sizes of a reply (RFC 2131 §2, RFC 2132 §9.10): what every client takes, and what Ethernet carries.
const (
	sizeMin = 576
	sizeMax = 1500
)

// The fields of the fixed header, with their final NUL.
const (
	snameLen = 64
	fileLen  = 128
)

// Reply turns a decision and the cluster's word on it into the message for the client. It returns the reason
// where there is none to be sent.
//
// r is the committed Result of d.Command, or d.Local where the log was not asked; the address and the lease
// time of an ACK come from it alone. Options follow the client's parameter request list (RFC 2132 §9.8); the
// client identifier goes back as it came (RFC 6842 §3), the relay agent information unchanged and last
// (RFC 3046 §2.1, §2.2).
func Reply(d *Decision, r storage.Result) (Message, Why) {
	m, why := d.reply(r)
	d.trace.replied(r, &m, why)
	return m, why
}

func (d *Decision) reply(r storage.Result) (Message, Why) {
	switch {
	case d.mode == storage.BOOTP:
		return d.bootReply(r)
	case d.Reply == 0:
		return Message{}, Answer
	case d.Instead != 0:
		return d.noAddress(), Answer
	}
	if r.Refusal != storage.Granted {
		if why := d.denies(r); why != Answer {
			return Message{}, why
		}
		return d.nak(r), Answer
	}
	a := r.Lease.Addr
	if d.query.Type == Inform && !a.IsValid() {
		a = d.place.subnet.Prefix.Addr() // V4-193: giaddr itself may be in no subnet.
	}
	g, ok := d.grant(a, r.Told)
	if !ok {
		return Message{}, NoSubnetAnyMore
	}
	m := d.header(d.Reply)
	switch {
	case d.query.Type == Inform:
		m.CIAddr = d.query.CIAddr
		if d.addr.IsValid() {
			m.GIAddr = netip.IPv4Unspecified() // V4-191
		} else {
			m.Flags |= BroadcastFlag
		}
	case d.mode == storage.Renewing || d.mode == storage.Rebinding:
		m.YIAddr, m.CIAddr = a, d.query.CIAddr
	default:
		m.YIAddr = a
	}
	d.boot(&m, g.Effective)
	m.broadcast(g.AlwaysBroadcast)
	d.layOut(&m, g.Layout)
	m.Options = d.options(&m, &g)
	return m, Answer
}

// grant is an address with the settings that hold for its client there.
type grant struct {
	*config.Effective
	subnet *config.CompiledSubnet
	// reservation is the client's on its link; nil if it has none.
	reservation *config.CompiledReservation
	// told is the lease time; 0 in the answer to INFORM.
	told lease.Seconds
}

// grant looks up the settings for the client at a. It is false if no subnet has a any more.
func (d *Decision) grant(a netip.Addr, told lease.Seconds) (grant, bool) {
	s, ok := d.Config.SubnetOf(a)
	if !ok {
		return grant{}, false
	}
	g := grant{subnet: s, told: told}
	g.reservation, _ = d.reservation(s.Link)
	pool, _ := s.PoolOf(a)
	g.Effective = effective(d.Config, s, pool, g.reservation, d.Classes)
	if d.Reply == OfferMsg {
		g.told = g.offered(d.query.asked(), d.Local.Told, d.use)
	}
	d.trace.granted(&g, pool)
	return g, true
}

// offered returns the lease time to offer to a client that asks for asked and has left of a lease (V4-070 …
// V4-074) while use of the pool is in use. An existing lease changes nothing, unless its end is to be kept
// (V4-071).
func (g *grant) offered(asked, left lease.Seconds, use config.Permille) lease.Seconds {
	if left = min(left, g.LeaseTimeAt(lease.Infinite, use)); g.KeepExpiry && asked == 0 && left >= promiseMin {
		return left
	}
	return g.LeaseTimeAt(asked, use)
}

// header returns a message with the fields that every reply copies from the client's (V4-041 … V4-048).
func (d *Decision) header(kind MessageType) Message {
	q, none := d.query, netip.IPv4Unspecified()
	m := Message{
		Type: kind, HType: q.HType, HLen: q.HLen, XID: q.XID, Flags: q.Flags, CHAddr: q.CHAddr,
		CIAddr: none, YIAddr: none, SIAddr: none, GIAddr: q.GIAddr, ServerID: d.serverID,
		MaxSize: q.maxSize(d.ingress), NoOverload: q.boots(),
	}
	if d.relay != nil {
		m.ToRelaySource = d.relay.ReplyTo == config.RelaySource
		m.ToRelayPort = d.relay.ReplyPort == config.RelaySource
	}
	return m
}

// broadcast notes that the client does not hear a unicast (W-003). A relay agent goes by the broadcast bit.
func (m *Message) broadcast(always bool) {
	if m.AlwaysBroadcast = always; always && !m.GIAddr.IsUnspecified() {
		m.Flags |= BroadcastFlag
	}
}

// nak returns the denial of what the client named (RFC 2131 §4.3.2, V4-053): no more than who denies, why,
// and to whom. Through a relay it asks for broadcast, for the client has no address that it may use (V4-027).
func (d *Decision) nak(r storage.Result) Message {
	m := d.header(NAK)
	m.ToCIAddr = d.behindRouter()
	if d.query.Relayed() {
		m.Flags |= BroadcastFlag
	}
	m.Options = []ReplyOption{
		{Code: optMessageType, Data: []byte{byte(NAK)}},
		{Code: optServerID, Data: d.serverID.AsSlice()},
		{Code: optMessage, Rank: 1, Data: []byte(denial(r.Refusal))},
	}
	e := d.settings()
	d.layOut(&m, e.Layout)
	m.Options = d.echo(m.Options, &m, e.EchoClientID) // V4-054
	return m
}

// boot fills in the fixed fields for clients that boot over the network (V4-047, V4-049). Values longer than
// their field are cut; clients that can read options get the whole of it there.
func (d *Decision) boot(m *Message, e *config.Effective) {
	if e.NextServer.Is4() {
		m.SIAddr = e.NextServer
	}
	m.SName, m.File = e.ServerName, e.BootFile
	if file, ok := e.Option(optBootFile); ok && m.File == "" && d.query.boots() && len(file) < fileLen {
		m.File = string(file) // W-020: old boot ROMs do not read option 67.
	}
	m.SName = m.SName[:min(len(m.SName), snameLen-1)]
	m.File = m.File[:min(len(m.File), fileLen-1)]
}

// maxSize returns the largest datagram that the client takes, and that reaches it in one piece (V4-032,
// V4-033).
func (q *Query) maxSize(in *Ingress) int {
	b, _ := q.Options.Get(optMaxSize)
	if len(b) != 2 {
		return sizeMin
	}
	most := sizeMax
	if in.MTU > 0 {
		most = min(in.MTU, sizeMax)
	}
	return max(min(int(binary.BigEndian.Uint16(b)), most), sizeMin)
}

// layOut applies what the settings say of the datagram itself: options in sname and file, and how large it is
// at least and at most. The least is not beyond what the client says that it takes, nor beyond what the
// interface takes in one piece (W-036, W-037).
func (d *Decision) layOut(m *Message, l config.EffectiveLayout) {
	m.NoOverload = m.NoOverload || !l.OptionOverload
	m.MaxSize = min(m.MaxSize, int(l.MaxReplySize))
	m.MinSize = int(l.MinReplySize)
	if b, _ := d.query.Options.Get(optMaxSize); len(b) == 2 {
		m.MinSize = min(m.MinSize, m.MaxSize)
	}
	if mtu := d.ingress.MTU; mtu > 0 {
		m.MinSize = min(m.MinSize, max(mtu, sizeMin))
	}
}

// boots says whether the client is firmware that boots over the network: it reads sname and file, and little
// else (V4-036).
func (q *Query) boots() bool { return q.vendor("PXEClient") || q.vendor("HTTPClient") }

// vendor says whether the client's vendor class begins with prefix.
func (q *Query) vendor(prefix string) bool {
	b, _ := q.Options.Get(optVendorClass)
	return bytes.HasPrefix(b, []byte(prefix))
}
