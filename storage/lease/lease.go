package lease

import "net/netip"

// Status is where a lease is in its life.
//
//	Offered ──▶ Bound ──▶ Released
//	              │  ╲
//	              │   ╲─▶ Declined
//	              ▼
//	           Expired     (not stored: Bound or Released whose booking has passed)
type Status uint8

// The statuses. The numbers stand in snapshots and are never reused.
const (
	Offered  Status = 1
	Bound    Status = 2
	Released Status = 3
	Expired  Status = 4
	Declined Status = 5
)

// String returns the word that people, metrics and the API use.
func (s Status) String() string {
	switch s {
	case Offered:
		return "offered"
	case Bound:
		return "bound"
	case Released:
		return "released"
	case Expired:
		return "expired"
	case Declined:
		return "declined"
	}
	return "none"
}

// Lease is one address and who holds it, or who held it last: a lease whose time has passed stays, so that
// its client gets the address back (RFC 2131 §4.3.1), until another client gets it.
type Lease struct {
	Addr   netip.Addr
	Client Key
	Status Status

	// Booked is B: the log has promised the address to Client and to nobody else until then.
	Booked Instant
	// Reusable is R: another client can get the address from then on. R = B + grace, and for a declined
	// address not before the end of its quarantine. Neither Booked nor Reusable ever decreases for an
	// address, whoever holds it; only an operator's forced deletion lowers them.
	Reusable Instant

	Start Instant // when Client got the address
	Last  Instant // last word from Client that went through the log
	Told  Seconds // lease time in the last ACK that went through the log

	HType     uint8
	CHAddr    string // hardware address, raw octets
	Hostname  string // option 12 as told, sanitised
	RelayInfo string // option 82 of the last relayed message, raw octets
}

// StatusAt returns the status at now: a lease whose booking has passed is Expired.
func (l *Lease) StatusAt(now Instant) Status {
	if (l.Status == Bound || l.Status == Released || l.Status == Offered) && now >= l.Booked {
		return Expired
	}
	return l.Status
}
