package leasequery

import (
	"net/netip"

	"port67/server/dhcp4"
	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

const (
	// quietUsual is after how many seconds without a message a requester is told that the connection lives
	// (RFC 7724).
	quietUsual = 60
	// slack is by how many seconds a catch-up begins before it is asked for: what the node that was heard last
	// did not know yet then (adr/0015), and a clock or two that differ a little.
	slack = 5
	// LapsePage is how many leases one call of Lapsed looks at.
	LapsePage = 1024
)

// usualActive is what a requester without a list is told.
var usualActive = []byte{
	optLeaseTime, optT1, optT2, optLastTransaction, optStateStart, optState, optDataSource, optRelayInfo,
}

// Active is one DHCPACTIVELEASEQUERY (RFC 7724): first, if it is asked for, what changed since a moment, then
// what changes, until somebody ends it. It belongs to one goroutine.
//
// An update tells what is known of the address when it is made. Of changes that follow each other faster than
// they are taken the last one is told.
type Active struct {
	Bulk      // header, list, status, and the way through the leases while it catches up
	live      bool
	missing   bool         // the requester must be told that changes are missing
	forgotten []netip.Addr // of which the state may know nothing any more
	told      int64        // when the last message was made, in seconds since 1970
}

// NewActive returns the query q of the requester at an address, which came to the address local of this node.
// What is wrong with q comes out of Next.
func NewActive(q *dhcp4.Query, requester, local netip.Addr) *Active {
	a := &Active{Bulk: Bulk{
		xid: q.XID, requester: requester, sid: local, list: usualActive, last: dhcp4.LeaseQueryDone,
	}}
	if list, _ := q.Options.Get(optParameterList); len(list) > 0 {
		a.list = list
	}
	switch {
	case !q.CIAddr.IsUnspecified() || !q.YIAddr.IsUnspecified() || !q.SIAddr.IsUnspecified():
		a.finish(MalformedQuery, "ciaddr, yiaddr and siaddr must be zero")
	case len(byClient(q))+len(byRelay(q)) > 0:
		a.finish(MalformedQuery, "an active query is about all leases: leave the key out")
	}
	if _, ends := a.second(q, optQueryEnd); ends {
		a.finish(MalformedQuery, "an active query has no end: leave query-end-time out")
	}
	a.start, a.hasStart = a.second(q, optQueryStart)
	a.start -= min(a.start, slack)
	return a
}

// Since returns the second since 1970 from which on changes must be known, and false if nobody asks for past
// ones. Whoever looks them up passes them to Recall before the first Next.
func (a *Active) Since() (unix int64, ok bool) {
	return int64(a.start), a.hasStart && a.status == Success
}

// Recall says which addresses the state may know nothing of any more, of those that changed since, and
// whether that is all of them (LQ-012).
func (a *Active) Recall(forgotten []netip.Addr, all bool) { a.forgotten, a.missing = forgotten, !all }

// Second makes the query one too many on its connection.
func (a *Active) Second() {
	a.finish(NotAllowed, "one active query a connection: this one has its own already")
}

// Behind makes the query end, because its requester missed changes that nobody remembers.
func (a *Active) Behind() {
	a.finish(QueryTerminated, "updates were missed: ask again, with query-start-time")
}

// Live says that all messages of the past were made: what comes next are changes.
func (a *Active) Live() bool { return a.live || a.status != Success }

// Next returns the next messages, and false with the last of them, which is DHCPLEASEQUERYDONE; then why is
// how the query ended. changed are the addresses that changed since the last call; they are looked at once
// the query is live.
func (a *Active) Next(view storage.View, at Moment, changed []netip.Addr,
) (messages []dhcp4.Message, more bool, why Why) {
	if why = a.judge(view, at); a.status != Success {
		return []dhcp4.Message{a.done()}, false, why
	}
	switch c := view.Config(); {
	case a.live:
		for i, addr := range changed {
			if f := factOf(view, addr, at, c); !f.onOffer() && !contains(changed[i+1:], addr) {
				messages = append(messages, a.tell(&f))
			}
		}
	case a.missing:
		a.missing = false
		messages = append(messages, a.state(DataMissing, at,
			"not all changes since query-start-time are known: a bulk leasequery tells all leases"))
	case a.hasStart:
		messages = a.catchUp(view, at, c)
	default:
		a.live = true
		messages = append(messages, a.state(ConnectionActive, at, ""))
	}
	if a.live && len(messages) == 0 && at.Unix-a.told >= quietUsual {
		messages = append(messages, a.state(ConnectionActive, at, ""))
	}
	if len(messages) > 0 || at.Unix < a.told {
		a.told = at.Unix
	}
	return messages, true, Answered
}

// judge ends the query if it must not go on.
func (a *Active) judge(view storage.View, at Moment) Why {
	switch c := view.Config(); {
	case c == nil || !c.MayQueryLeases(a.requester):
		a.finish(NotAllowed, "leasequery.requesters does not name this requester")
		return Stranger
	case a.status == NotAllowed:
		return Stranger
	case a.status == MalformedQuery:
		return Unclear
	case !at.Fresh || a.status != Success:
		a.Abort()
		return OutOfTouch
	}
	return Answered
}

// catchUp returns the next page of what changed since the query's moment, as the leases stand now.
func (a *Active) catchUp(view storage.View, at Moment, c *config.Compiled) (messages []dhcp4.Message) {
	page, _ := a.selector.leases(view, a.from, pageLeases)
	for i := range page {
		f := fact{Lease: page[i], at: at, known: true, config: c}
		if !f.onOffer() && a.within(f.changed(), at) {
			messages = append(messages, a.tell(&f))
		}
	}
	if len(page) == pageLeases {
		if a.from = page[len(page)-1].Addr.Next(); a.from.IsValid() {
			return messages
		}
	}
	for i, addr := range a.forgotten {
		f := factOf(view, addr, at, c)
		if !f.known && addr.Is4() && !contains(a.forgotten[:i], addr) {
			messages = append(messages, a.tell(&f))
		}
	}
	a.forgotten, a.live = nil, true
	return append(messages, a.state(CatchUpComplete, at, ""))
}

// state returns a DHCPLEASEQUERYSTATUS.
func (a *Active) state(s Status, at Moment, text string) dhcp4.Message {
	m := a.message(dhcp4.LeaseQueryStatus)
	m.Options = append(m.Options,
		dhcp4.ReplyOption{Code: optStatus, Data: append([]byte{byte(s)}, text...)},
		dhcp4.ReplyOption{Code: optBaseTime, Data: number(uint64(at.Unix))})
	return m
}

func contains(list []netip.Addr, a netip.Addr) bool {
	for i := range list {
		if list[i] == a {
			return true
		}
	}
	return false
}

// factOf returns what is known of one address.
func factOf(view storage.View, addr netip.Addr, at Moment, c *config.Compiled) fact {
	f := fact{at: at, config: c}
	if f.Lease, f.known = view.Lease(addr); !f.known {
		f.Lease = lease.Lease{Addr: addr}
	}
	return f
}

// onOffer says that nothing is known of the address but a hold: for requesters it is as free as before.
func (f *fact) onOffer() bool { return f.known && f.Status == lease.Offered || !f.Addr.Is4() }

// Lapsed returns the addresses of leases from one address on that the clock alone changed in what requesters
// are told, after one moment and up to another, and the address to go on from; the zero Addr is the end.
func Lapsed(view storage.View, from netip.Addr, after, upTo lease.Instant,
) (addrs []netip.Addr, next netip.Addr) {
	n := 0
	for l := range view.Leases(from) {
		if n == LapsePage || !l.Addr.Is4() {
			next = l.Addr
			break
		}
		n++
		ends := l.Status != lease.Declined && after < l.Booked && l.Booked <= upTo
		free := after < l.FreeFrom() && l.FreeFrom() <= upTo
		if l.Status != lease.Offered && (ends || free) {
			addrs = append(addrs, l.Addr)
		}
	}
	if !next.Is4() {
		next = netip.Addr{}
	}
	return addrs, next
}
