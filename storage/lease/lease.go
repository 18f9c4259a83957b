package lease

import "net/netip"

// Status is where a lease is in its life.
//
//	Offered ──▶ Bound ──▶ Released
//	              │  ╲
//	              │   ╲─▶ Declined
//	              ▼
//	           Expired     (not stored: any of them whose time has passed)
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
	// Reusable is R: another client can get the address from then on, if nothing else withholds it. R = B +
	// grace. Neither Booked nor Reusable ever decreases for an address, whoever holds it; only an
	// operator's forced deletion lowers them.
	Reusable Instant
	// Withheld is until when nobody else gets the address although no booking asks for it: the hold of an
	// Offered lease, the quarantine of a Declined one. 0 if nothing withholds it.
	Withheld Instant

	Start Instant // when Client got the address
	Last  Instant // last word from Client that went through the log
	Told  Seconds // lease time in the last ACK that went through the log

	HType uint8
	// BOOTP says that the client has had the address by BOOTP, which knows it by its hardware address alone: the
	// lease is that of whoever has this hardware address, also if it shows a client identifier (BP-004).
	BOOTP bool
	// Firmware says that Client was the firmware of a machine when it got the address: it is gone as soon as
	// anything else speaks from the same hardware address.
	Firmware  bool
	CHAddr    string // hardware address, raw octets
	Hostname  string // option 12 as told, sanitised
	RelayInfo string // option 82 of the last relayed message, raw octets
	// Counted is the classes under which the lease counts against a limit, with a NUL between each two.
	Counted string
	// Class is the one by which the client had its reservation when it last showed where it is; empty if by
	// something else, or if it had none.
	Class string
}

// Hardware returns the Key of the hardware address, or the zero Key if there is none.
func (l *Lease) Hardware() Key {
	if l.CHAddr == "" {
		return ""
	}
	return HardwareKey(l.HType, []byte(l.CHAddr))
}

// MadeUp says whether the hardware address is an Ethernet address that its client made up: locally
// administered, and of one device (W-011).
func (l *Lease) MadeUp() bool {
	return l.HType == 1 && len(l.CHAddr) == 6 && l.CHAddr[0]&0x03 == 0x02
}

// Has says whether l is that of a client with this hardware address, as far as it is known.
func (l *Lease) Has(htype uint8, chaddr string) bool {
	return chaddr != "" && l.CHAddr == chaddr && l.HType == htype
}

// second returns the Key by which a lease is found beside that of its client.
func (l *Lease) second() (Key, bool) {
	if !l.BOOTP {
		return "", false
	}
	k := l.Hardware()
	return k, k != "" && k != l.Client
}

// FreeFrom returns the moment from which another client can get the address: the end of the booking's grace
// or of what else withholds it, whichever is later.
func (l *Lease) FreeFrom() Instant { return max(l.Reusable, l.Withheld) }

// Remaining returns what is left of the lease time that the client was told last, as far as the log knows: it
// may have been told more since, within the booking.
func (l *Lease) Remaining(now Instant) Seconds { return now.Until(l.Last.Add(l.Told)) }

// StatusAt returns the status at now: a lease whose booking, hold or quarantine has passed is Expired.
func (l *Lease) StatusAt(now Instant) Status {
	switch l.Status {
	case Bound, Released:
		if now >= l.Booked {
			return Expired
		}
	case Offered:
		if now >= l.Withheld {
			return Expired
		}
	case Declined:
		if now >= l.FreeFrom() {
			return Expired
		}
	}
	return l.Status
}

// GivenBack says whether the client released the address and nothing but its booking keeps it from others.
func (l *Lease) GivenBack() bool { return l.Status == Released && l.Withheld == 0 }
