package history

import (
	"net/netip"

	"port67/storage/lease"
)

// Position is where an event stands: in which entry of the log, and which of its events it is. The zero
// Position stands before all others.
type Position struct {
	Index   uint64
	Ordinal uint32
}

// Before says whether p stands before q.
func (p Position) Before(q Position) bool {
	return p.Index < q.Index || p.Index == q.Index && p.Ordinal < q.Ordinal
}

// Query is what is looked for: the events of an address, or of a client. Of a client Client, CHAddr or both
// are given; an event of either is the client's.
type Query struct {
	Addr   netip.Addr
	Client lease.Key
	CHAddr string // raw octets
	// Gone asks, instead of an address or a client, for the events after which the state may know nothing of an
	// address any more: Cleared and Deleted.
	Gone bool
	// Since and Until bound the wall time of the events, seconds since 1970; 0: no bound.
	Since, Until int64
	// Before, unless it is zero, is where the page before ended: only older events are wanted.
	Before Position
	// Limit is how many events are wanted at most; it must be above 0.
	Limit int
	// Last wants only the newest event of each address.
	Last bool
}

// Match says whether an event is one of those looked for, its time aside.
func (q *Query) Match(r *Raw) bool {
	if q.Gone {
		return What(r.fixed[0]) == Cleared || What(r.fixed[0]) == Deleted
	}
	if q.Addr.IsValid() {
		addr, ok := netip.AddrFromSlice(r.addr)
		return ok && addr == q.Addr
	}
	return q.Client != "" && string(r.client) == string(q.Client) ||
		q.CHAddr != "" && string(r.chaddr) == q.CHAddr
}

// Entry is an event with its place in the log and its times.
type Entry struct {
	Position
	Event
	Clock lease.Instant // cluster time of the entry
	Wall  int64         // wall time of the entry, seconds since 1970
	// Reckoned says that the wall time was reckoned from cluster time, because the node learned of the entry
	// later. It may then be too early by as long as the whole cluster was down meanwhile.
	Reckoned bool
}

// Reason is why there is a gap.
type Reason uint8

// The reasons. The numbers stand in journals and are never reused.
const (
	Snapshot Reason = 1 // the node was brought up by a snapshot, or began to keep a journal then
	Disk     Reason = 2 // the disk was full, broken or too slow
	Damage   Reason = 3 // what was written cannot be read
)

// Gap is a part of the log of which nothing is known here.
type Gap struct {
	From, To     uint64 // the entries after From, up to To
	Begin, End   int64  // wall time, seconds since 1970; Begin is 0 if nothing is known before
	Reason       Reason
	LostWritings uint64 // how many entries with events are known to be missing
}

// Page is an answer to a Query, newest first.
type Page struct {
	Events []Entry
	// Gaps are those met on the way: between the page before, or Until, and the last of Events.
	Gaps []Gap
	// Begin is the wall time at which the journal begins; 0 if there is nothing in it.
	Begin int64
	// More says that there may be older events that match.
	More bool
}
