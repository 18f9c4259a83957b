package leasequery

import (
	"encoding/binary"
	"net/netip"

	"port67/server/dhcp4"
	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// Status is how a query ended, or how it goes on, as option 151 says it (RFC 6926 §6.2.2, RFC 7724).
type Status uint8

// The statuses. Success is not said.
const (
	Success         Status = 0
	QueryTerminated Status = 2
	MalformedQuery  Status = 3
	NotAllowed      Status = 4

	DataMissing          Status = 5 // this and the rest: RFC 7724
	ConnectionActive     Status = 6
	CatchUpComplete      Status = 7
	TLSConnectionRefused Status = 8
)

const (
	// pageLeases is how many leases one call of Next looks at: some tenths of a millisecond, for which the state
	// cannot change.
	pageLeases = 256
	// bulkSize is what fits into a message on a connection.
	bulkSize = 4096
)

// usualBulk is what a requester without a list is told.
var usualBulk = []byte{
	optLeaseTime, optT1, optT2, optLastTransaction, optStateStart, optState, optRelayInfo,
}

// Bulk is one DHCPBULKLEASEQUERY on its way through the leases. It belongs to one goroutine.
type Bulk struct {
	xid       uint32
	requester netip.Addr
	sid       netip.Addr
	selector  selector
	list      []byte
	from      netip.Addr
	began     bool              // a message was made
	last      dhcp4.MessageType // the type of the last one
	status    Status
	why       string

	// The window: only what changed in these seconds since 1970 is told.
	start, end       uint32
	hasStart, hasEnd bool
}

// NewBulk returns the query q of the requester at an address, which came to the address local of this node.
// What is wrong with q comes out of Next.
func NewBulk(q *dhcp4.Query, requester, local netip.Addr) *Bulk {
	b := &Bulk{xid: q.XID, requester: requester, sid: local, list: usualBulk, last: dhcp4.LeaseQueryDone}
	if list, _ := q.Options.Get(optParameterList); len(list) > 0 {
		b.list = list
	}
	found := append(byClient(q), byRelay(q)...)
	switch {
	case q.Type == dhcp4.TLS: // The connection goes on without (RFC 7724).
		b.last = dhcp4.TLS
		b.finish(TLSConnectionRefused, "TLS is off, or came too late, or twice")
	case q.Type != dhcp4.BulkLeaseQuery:
		b.finish(MalformedQuery, "only leasequeries for connections are answered here")
	case !q.CIAddr.IsUnspecified() || !q.YIAddr.IsUnspecified() || !q.SIAddr.IsUnspecified():
		b.finish(MalformedQuery, "ciaddr, yiaddr and siaddr must be zero")
	case len(found) > 1:
		b.finish(MalformedQuery, "more than one key")
	case len(found) == 1:
		b.selector = found[0]
	}
	b.start, b.hasStart = b.second(q, optQueryStart)
	b.end, b.hasEnd = b.second(q, optQueryEnd)
	if b.hasStart && b.hasEnd && b.start > b.end {
		b.finish(MalformedQuery, "query-start-time after query-end-time")
	}
	return b
}

// second reads a moment of the window.
func (b *Bulk) second(q *dhcp4.Query, code uint8) (uint32, bool) {
	data, ok := q.Options.Get(code)
	if ok && len(data) != 4 {
		b.finish(MalformedQuery, "query-start-time and query-end-time have four octets")
		return 0, false
	}
	if !ok {
		return 0, false
	}
	return binary.BigEndian.Uint32(data), true
}

// finish makes the query end, unless it has an end already.
func (b *Bulk) finish(s Status, why string) {
	if b.status == Success {
		b.status, b.why = s, why
	}
}

// Plain makes the query end, because the configuration wants TLS and the connection has none.
func (b *Bulk) Plain() {
	if b.last != dhcp4.TLS {
		b.finish(NotAllowed, "leasequery.tls is require: send DHCPTLS first")
	}
}

// TLS decides about the first message of a connection: whether the connection shall go on by TLS, and then
// the answer after which it does. A DHCPTLS that is refused is answered as any other query.
func TLS(view storage.View, q *dhcp4.Query, requester, local netip.Addr) (m dhcp4.Message, ok bool) {
	c := view.Config()
	if q.Type != dhcp4.TLS || c == nil || !c.MayQueryLeases(requester) || !wantsTLS(c.Config.LeaseQuery.TLS) {
		return m, false
	}
	b := Bulk{xid: q.XID, sid: local}
	return b.message(dhcp4.TLS), true
}

// RequiresTLS says whether the configuration wants all queries over connections to come by TLS.
func RequiresTLS(view storage.View) bool {
	c := view.Config()
	return c != nil && c.Config.LeaseQuery.TLS == config.LeaseQueryTLSRequire
}

func wantsTLS(mode config.LeaseQueryTLS) bool {
	return mode == config.LeaseQueryTLSAllow || mode == config.LeaseQueryTLSRequire
}

// Abort makes the query end with its next message, because this node cannot go on.
func (b *Bulk) Abort() { b.finish(QueryTerminated, "this node cannot go on: ask another") }

// Next returns the next messages, and false with the last of them, which is DHCPLEASEQUERYDONE; then why is
// how the query ended. Every address with a lease, living or past, that was asked for comes once, by
// ascending address: DHCPLEASEACTIVE if a client may hold it now, else DHCPLEASEUNASSIGNED (RFC 6926 §8.2).
// What changes behind the cursor while the query is under way is not told again. Addresses that nobody ever
// had are not told.
func (b *Bulk) Next(view storage.View, at Moment) (messages []dhcp4.Message, more bool, why Why) {
	c := view.Config()
	switch {
	case c == nil || !c.MayQueryLeases(b.requester):
		b.finish(NotAllowed, "leasequery.requesters does not name this requester")
		why = Stranger
	case b.status == NotAllowed:
		why = Stranger
	case b.status == MalformedQuery || b.status == TLSConnectionRefused:
		why = Unclear
	case !at.Fresh || b.status != Success:
		b.Abort()
		why = OutOfTouch
	}
	if b.status != Success {
		return []dhcp4.Message{b.done()}, false, why
	}
	page, ok := b.selector.leases(view, b.from, pageLeases)
	if !ok {
		b.finish(QueryTerminated, "the leases are still being indexed: ask again")
		return []dhcp4.Message{b.done()}, false, NotIndexed
	}
	for i := range page {
		f := fact{Lease: page[i], at: at, known: true, config: c}
		if b.within(f.changed(), at) {
			messages = append(messages, b.tell(&f))
		}
	}
	if len(page) == pageLeases {
		if b.from = page[len(page)-1].Addr.Next(); b.from.IsValid() {
			return messages, true, Answered
		}
	}
	return append(messages, b.done()), false, Answered
}

// within says whether a change at that moment of cluster time lies in the window, which is in seconds of wall
// time. Cluster time may run slow by half a percent; what may lie in the window is told.
func (b *Bulk) within(changed lease.Instant, at Moment) bool {
	ago := func(second uint32) lease.Instant { return lease.Instant(at.Unix - int64(second)) }
	if b.hasStart && changed < at.Cluster-ago(b.start)-1 {
		return false
	}
	past := ago(b.end)
	return !b.hasEnd || changed <= at.Cluster-past+max(0, past)/200+1
}

// tell returns the message about one address.
func (b *Bulk) tell(f *fact) dhcp4.Message {
	m := b.message(dhcp4.LeaseUnassigned)
	if f.active() {
		m.Type = dhcp4.LeaseActive
	}
	m.CIAddr = f.Addr
	o := builder{fact: f, list: m.Options}
	o.list[0].Data = []byte{byte(m.Type)}
	o.put(optBaseTime, dhcp4.RankKeep, o.value(optBaseTime))
	o.client(&m)
	o.wanted(b.list)
	m.Options = o.list
	return m
}

// done returns the last message.
func (b *Bulk) done() dhcp4.Message {
	m := b.message(b.last)
	if b.status != Success {
		m.Options = append(m.Options, dhcp4.ReplyOption{
			Code: optStatus, Data: append([]byte{byte(b.status)}, b.why...),
		})
	}
	return m
}

// message returns a message with its type, and with the server identifier if it is the first.
func (b *Bulk) message(kind dhcp4.MessageType) dhcp4.Message {
	none := netip.IPv4Unspecified()
	m := dhcp4.Message{
		Type: kind, XID: b.xid, CIAddr: none, YIAddr: none, SIAddr: none, GIAddr: none, ServerID: b.sid,
		MaxSize: bulkSize, NoOverload: true,
	}
	m.Options = append(m.Options, dhcp4.ReplyOption{Code: optMessageType, Data: []byte{byte(kind)}})
	if !b.began {
		b.began = true
		m.Options = append(m.Options, dhcp4.ReplyOption{Code: optServerID, Data: b.sid.AsSlice()})
	}
	return m
}
