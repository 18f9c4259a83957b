// Package history is what happened to leases: events made of the entries of the log and of what came of them,
// so that an operator can ask who had an address at some time in the past.
//
// An event is what the log says. Renewals that a node answers inside a booking are not in the log until the
// booking is raised, and nothing is when a booking ends; so the moment until which a client held an address
// is known from above only: it is not after the end of the booking.
//
// This package is pure.
package history

import (
	"net/netip"

	"port67/storage"
	"port67/storage/lease"
)

// What is what happened.
type What uint8

// What can happen to a lease. The numbers stand in journals and are never reused.
const (
	Offered  What = 1 // held for a client for a short while
	Bound    What = 2 // the client got the address
	Renewed  What = 3 // the client that has it was heard again, or its booking was raised
	Released What = 4 // given back, by the client or by an operator
	Declined What = 5 // the client, or a probe, found it in use: out of service
	Cleared  What = 6 // an operator put it back into service
	Deleted  What = 7 // an operator had the lease forgotten
)

// Event is one thing that happened to one lease.
type Event struct {
	What   What
	Addr   netip.Addr
	Client lease.Key
	HType  uint8
	// CHAddr and RelayInfo are raw octets.
	CHAddr    string
	Hostname  string
	RelayInfo string
	Told      lease.Seconds // lease time in the ACK
	Start     lease.Instant // when the client got the address
	Booked    lease.Instant // until when the log had promised it to the client after the event
	Author    string        // the operator whose word it was, else empty
}

// Append appends the events of an entry to body, encoded, and returns the longer body: the same one if
// nothing happened to any lease. results are those of e's commands, clock is cluster time after e. It
// allocates only if body has no room.
func Append(body []byte, clock lease.Instant, e storage.Entry, results []storage.Result) []byte {
	for i := range results {
		r := &results[i]
		if r.Refusal != storage.Granted {
			continue
		}
		l := &r.Lease
		switch c := e.Commands[i].(type) {
		case storage.Offer:
			if l.Status == lease.Offered && l.Last == clock {
				body = appendEvent(body, Offered, l, r.Told, "")
			}
		case storage.Bind:
			body = appendEvent(body, boundOrRenewed(l, clock), l, r.Told, "")
			for j := range r.Left {
				body = appendEvent(body, Released, &r.Left[j], 0, "")
			}
		case storage.Extend:
			body = appendEvent(body, Renewed, l, r.Told, "")
		case storage.Release:
			if l.Last == clock { // Else it was given back before.
				body = appendEvent(body, Released, l, 0, "")
			}
		case storage.ReleaseLease:
			if l.Last == clock {
				body = appendEvent(body, Released, l, 0, c.Author)
			}
		case storage.Decline:
			if l.Last == clock {
				body = appendEvent(body, Declined, l, 0, "")
			}
		case storage.Conflict:
			if !r.Known { // Else it was out of service before.
				body = appendEvent(body, Declined, l, 0, "")
			}
		case storage.DeleteLease:
			body = appendEvent(body, Deleted, l, 0, c.Author)
		case storage.ClearDeclined:
			if c.Addr.IsValid() {
				body = appendEvent(body, Cleared, l, 0, c.Author)
			}
			for j := range r.Cleared {
				body = appendEvent(body, Cleared, &r.Cleared[j], 0, c.Author)
			}
		}
	}
	return body
}

func boundOrRenewed(l *lease.Lease, clock lease.Instant) What {
	if l.Start == clock {
		return Bound
	}
	return Renewed
}

// Touched appends the addresses whose binding an entry may have changed to dst, and returns the longer list.
// Holds are none: an address that is on offer is as free as before.
func Touched(dst []netip.Addr, e storage.Entry, results []storage.Result) []netip.Addr {
	for i := range results {
		r := &results[i]
		if _, hold := e.Commands[i].(storage.Offer); hold || r.Refusal != storage.Granted {
			continue
		}
		if r.Lease.Addr.IsValid() {
			dst = append(dst, r.Lease.Addr)
		}
		for j := range r.Cleared {
			dst = append(dst, r.Cleared[j].Addr)
		}
	}
	return dst
}
