package storage

import (
	"errors"

	"port67/storage/lease"
)

// Result is what came of one command. The zero Refusal means that it was carried out.
type Result struct {
	Refusal Refusal
	// Lease is the lease as it stands after Offer, Bind and the operators' lease commands.
	Lease lease.Lease
	// Cleared are the leases whose quarantine a ClearDeclined of all addresses has ended. They are known where
	// it was applied, and do not travel to other nodes.
	Cleared []lease.Lease
	// Left are the leases that a Bind has marked as released because their client is bound elsewhere now. They
	// are known where it was applied, like Cleared.
	Left []lease.Lease
	// Told is the lease time to put into the ACK; never more than Lease.Booked allows at the entry's clock.
	Told lease.Seconds
	// Known says that the client had a lease on the link before, living or past (RFC 2131 §4.3.2).
	Known bool
	// Authoritative says of a refusal whether the link it was judged on is ours to deny on (V4-142 …).
	Authoritative bool
	// Revision is the revision of the configuration after the command.
	Revision uint64
	// Detail is for people: why a command was refused. It never decides anything.
	Detail string
}

// Refusal is why a command was not carried out. It is a value, not an error: the log has spoken.
type Refusal uint8

// The refusals. The numbers travel between nodes and are never reused.
const (
	Granted        Refusal = 0
	InUse          Refusal = 1  // the address is booked for, or offered to, another client
	Reserved       Refusal = 2  // it is promised to another client
	NotOnLink      Refusal = 3  // it is not an address of the client's link
	NoSuchLink     Refusal = 4  // no subnet is configured for the client's link
	NotInPool      Refusal = 5  // on the link, but in no pool that is open to the client
	UnknownClient  Refusal = 6  // INIT-REBOOT or REBINDING of a client that has no lease here
	NotYours       Refusal = 7  // the client's address on this link is another one
	Exhausted      Refusal = 8  // no address of the link is free for the client
	OutOfService   Refusal = 9  // declined, in quarantine
	NotHolder      Refusal = 10 // release, decline or extend from one who does not hold the address
	TooMany        Refusal = 11 // the client holds as many addresses of the link as one client may
	RateLimited    Refusal = 12 // more declines of a client or pool, or conflicts, than are believed
	HolderWaits    Refusal = 13 // the last holder, before R, is refused for now: silence, never NAK (P13)
	Moved          Refusal = 14 // the client's reservation on this link is another address, and that one is free
	WrongRevision  Refusal = 15 // the configuration changed meanwhile
	InvalidConfig  Refusal = 16
	NoSuchLease    Refusal = 17
	StillBooked    Refusal = 18 // deletion without force of a lease that is still booked
	NoSuchNode     Refusal = 19
	BadToken       Refusal = 20
	WrongEpoch     Refusal = 21
	WrongLevel     Refusal = 22
	AlreadyFounded Refusal = 23
	Internal       Refusal = 24 // a command that cannot be: counted, alarmed, and without effect
	Unfounded      Refusal = 25 // the first command of a log must be Found
	TooSoon        Refusal = 26 // the node was replaced a short while ago
	Filtered       Refusal = 27 // the client is in a class that is not served
	OverLimit      Refusal = 28 // as many addresses as are allowed to the client's circuit or class are held
)

// The errors of proposing a command, by what the caller may believe. A DHCP caller stays silent in the
// first three: the client retransmits, and Apply knows the command again.
var (
	// ErrNoLeader means that the command was not proposed; nothing happened.
	ErrNoLeader = errors.New("no leader: the cluster has no quorum, or is electing")
	// ErrOverloaded means that the command was not proposed; a queue is full.
	ErrOverloaded = errors.New("overloaded: the queue of proposals is full")
	// ErrUnknown means that the command may be committed, now, later or never.
	ErrUnknown = errors.New("outcome unknown: the command may or may not have been committed")
	// ErrRefused is wrapped by a clear no to something that is more than one command, as is ending a
	// membership; the text around it names the reason and the remedy. Nothing happened.
	ErrRefused = errors.New("refused")
)
