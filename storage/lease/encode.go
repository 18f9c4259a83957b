package lease

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// Append appends the canonical encoding of l to b: the same octets for equal leases, other octets for
// others. It stands in snapshots and under digests. Numbers are varints; strings and the address carry
// their length.
func (l *Lease) Append(b []byte) []byte {
	b = appendText(b, l.Addr.AsSlice())
	b = appendText(b, l.Client)
	b = append(b, byte(l.Status))
	for _, i := range [...]Instant{l.Booked, l.Reusable, l.Withheld, l.Start, l.Last} {
		b = binary.AppendVarint(b, int64(i))
	}
	b = binary.AppendUvarint(b, uint64(l.Told))
	b = append(b, l.HType)
	b = appendText(b, l.CHAddr)
	b = appendText(b, l.Hostname)
	b = appendText(b, l.RelayInfo)
	b = appendText(b, l.Counted)
	b = appendText(b, l.Class)
	return append(b, l.flags())
}

// The flags of a lease. The numbers stand in snapshots and are never reused.
const (
	flagBOOTP    = 1
	flagFirmware = 2
	flagsAll     = flagBOOTP | flagFirmware
)

func (l *Lease) flags() (f uint8) {
	if l.BOOTP {
		f |= flagBOOTP
	}
	if l.Firmware {
		f |= flagFirmware
	}
	return f
}

func appendText[T ~string | ~[]byte](b []byte, s T) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// ParseLease reads what Append wrote. It keeps no reference to b.
func ParseLease(b []byte) (Lease, error) {
	p := parser{rest: b}
	var l Lease
	addr, ok := netip.AddrFromSlice([]byte(p.text()))
	if !ok && p.err == nil {
		p.err = errors.New("address: neither 4 nor 16 octets")
	}
	l.Addr = addr
	l.Client = Key(p.text())
	l.Status = Status(p.octet())
	for _, i := range [...]*Instant{&l.Booked, &l.Reusable, &l.Withheld, &l.Start, &l.Last} {
		*i = Instant(p.varint())
	}
	told := p.uvarint()
	if told > uint64(Infinite) && p.err == nil {
		p.err = fmt.Errorf("lease time %d: more than 32 bits", told)
	}
	l.Told = Seconds(told)
	l.HType = p.octet()
	l.CHAddr, l.Hostname, l.RelayInfo, l.Counted, l.Class = p.text(), p.text(), p.text(), p.text(), p.text()
	flags := p.octet()
	if flags > flagsAll && p.err == nil {
		p.err = fmt.Errorf("flags %#x: unknown", flags)
	}
	l.BOOTP, l.Firmware = flags&flagBOOTP != 0, flags&flagFirmware != 0
	if p.err == nil && len(p.rest) > 0 {
		p.err = fmt.Errorf("%d octets too many", len(p.rest))
	}
	if p.err == nil && (l.Status < Offered || l.Status > Declined) {
		p.err = fmt.Errorf("status %d: unknown", l.Status)
	}
	if p.err != nil {
		return Lease{}, fmt.Errorf("lease: %w", p.err)
	}
	return l, nil
}

var errCutOff = errors.New("cut off")

// parser reads fields off the front of rest until the first error, which it keeps.
type parser struct {
	rest []byte
	err  error
}

func (p *parser) take(n uint64) []byte {
	if p.err == nil && n > uint64(len(p.rest)) {
		p.err = errCutOff
	}
	if p.err != nil {
		return nil
	}
	out := p.rest[:n]
	p.rest = p.rest[n:]
	return out
}

func (p *parser) octet() uint8 {
	if b := p.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (p *parser) text() string { return string(p.take(p.uvarint())) }

func (p *parser) uvarint() uint64 {
	v, n := binary.Uvarint(p.rest)
	return uint64(advance(p, v, n))
}

func (p *parser) varint() int64 {
	v, n := binary.Varint(p.rest)
	return advance(p, v, n)
}

// advance passes over the n octets of a number v that encoding/binary read, or notes that it could not.
func advance[T int64 | uint64](p *parser, v T, n int) T {
	if n <= 0 && p.err == nil {
		p.err = errCutOff
	}
	if p.err != nil {
		return 0
	}
	p.rest = p.rest[n:]
	return v
}
