package history

import (
	"encoding/binary"
	"net/netip"

	"port67/storage/lease"
)

// An encoded event, all numbers big-endian:
//
//	2 length of what follows
//	1 what   1 hardware type   4 told   8 start   8 booked
//	1 length and address       2 length and client        1 length and hardware address
//	1 length and host name     2 length and relay agent information    1 length and author
//
// Apply bounds every field but the author.
const (
	fixedLen     = 1 + 1 + 4 + 8 + 8
	authorLenMax = 255
)

// appendEvent appends the event that l has come to.
func appendEvent(b []byte, what What, l *lease.Lease, told lease.Seconds, author string) []byte {
	author = author[:min(len(author), authorLenMax)]
	from := len(b)
	b = append(b, 0, 0, byte(what), l.HType)
	b = binary.BigEndian.AppendUint32(b, uint32(told))
	b = binary.BigEndian.AppendUint64(b, uint64(l.Start))
	b = binary.BigEndian.AppendUint64(b, uint64(l.Booked))
	if l.Addr.Is4() {
		a := l.Addr.As4()
		b = append(append(b, 4), a[:]...)
	} else {
		a := l.Addr.As16()
		b = append(append(b, 16), a[:]...)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(l.Client)))
	b = append(b, l.Client...)
	b = append(append(b, byte(len(l.CHAddr))), l.CHAddr...)
	b = append(append(b, byte(len(l.Hostname))), l.Hostname...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(l.RelayInfo)))
	b = append(b, l.RelayInfo...)
	b = append(append(b, byte(len(author))), author...)
	binary.BigEndian.PutUint16(b[from:], uint16(len(b)-from-2))
	return b
}

// Raw is an encoded event. It borrows the octets it was read from.
type Raw struct {
	fixed                                         []byte
	addr, client, chaddr, host, relayInfo, author []byte
}

// Next returns the first event of a body, and what follows it. ok is false at the end, and where the octets
// make no sense.
func Next(body []byte) (r Raw, rest []byte, ok bool) {
	event, rest, ok := take(body, 2)
	if !ok || len(event) < fixedLen {
		return Raw{}, nil, false
	}
	r.fixed = event[:fixedLen]
	event = event[fixedLen:]
	for _, f := range []struct {
		to   *[]byte
		size int
	}{{&r.addr, 1}, {&r.client, 2}, {&r.chaddr, 1}, {&r.host, 1}, {&r.relayInfo, 2}, {&r.author, 1}} {
		if *f.to, event, ok = take(event, f.size); !ok {
			return Raw{}, nil, false
		}
	}
	return r, rest, true
}

// take cuts a field off that has its length before it, in size octets.
func take(b []byte, size int) (field, rest []byte, ok bool) {
	if len(b) < size {
		return nil, nil, false
	}
	n := int(b[0])
	if size == 2 {
		n = int(binary.BigEndian.Uint16(b))
	}
	if b = b[size:]; len(b) < n {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

// Event returns the event, which borrows nothing.
func (r *Raw) Event() Event {
	addr, _ := netip.AddrFromSlice(r.addr)
	return Event{
		What: What(r.fixed[0]), HType: r.fixed[1],
		Told:   lease.Seconds(binary.BigEndian.Uint32(r.fixed[2:])),
		Start:  lease.Instant(binary.BigEndian.Uint64(r.fixed[6:])),
		Booked: lease.Instant(binary.BigEndian.Uint64(r.fixed[14:])),
		Addr:   addr, Client: lease.Key(r.client), CHAddr: string(r.chaddr), Hostname: string(r.host),
		RelayInfo: string(r.relayInfo), Author: string(r.author),
	}
}
