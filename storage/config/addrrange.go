package config

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"port67/storage/lease"
)

// ParseAddrRange reads 10.67.0.10-10.67.0.90, a single address, or a prefix, which means all of its
// addresses.
func ParseAddrRange(s string) (AddrRange, error) {
	if p, err := netip.ParsePrefix(s); err == nil && p.Addr().Is4() {
		if p != p.Masked() {
			return AddrRange{}, fmt.Errorf("%s has bits set outside its mask: write %s", s, p.Masked())
		}
		return AddrRange{p.Addr(), lastAddr(p)}, nil
	}
	first, last, found := strings.Cut(s, "-")
	if !found {
		last = first
	}
	a, errA := netip.ParseAddr(strings.TrimSpace(first))
	b, errB := netip.ParseAddr(strings.TrimSpace(last))
	if errA != nil || errB != nil || !a.Is4() || !b.Is4() {
		return AddrRange{}, fmt.Errorf("%q is no range of IPv4 addresses: write FIRST-LAST, an address or a "+
			"prefix", s)
	}
	return AddrRange{a, b}, nil
}

// String returns r as ParseAddrRange reads it.
func (r AddrRange) String() string {
	if r.First == r.Last {
		return r.First.String()
	}
	return r.First.String() + "-" + r.Last.String()
}

// Contains says whether a lies in r.
func (r AddrRange) Contains(a netip.Addr) bool { return lease.Range(r).Contains(a) }

// valid says whether r is an ascending range of IPv4 addresses.
func (r AddrRange) valid() bool {
	return r.First.Is4() && r.Last.Is4() && r.First.Compare(r.Last) <= 0
}

func (r AddrRange) overlaps(o AddrRange) bool {
	return r.First.Compare(o.Last) <= 0 && o.First.Compare(r.Last) <= 0
}

// size returns the number of addresses in r, which is valid.
func (r AddrRange) size() uint64 {
	return uint64(number(r.Last)) - uint64(number(r.First)) + 1
}

// cut returns the addresses of r that are in none of holes, ascending. It sorts holes.
func (r AddrRange) cut(holes []AddrRange) []lease.Range {
	slices.SortFunc(holes, func(a, b AddrRange) int { return a.First.Compare(b.First) })
	var out []lease.Range
	next, last := uint64(number(r.First)), uint64(number(r.Last))
	for _, h := range holes {
		if !h.valid() || uint64(number(h.Last)) < next || uint64(number(h.First)) > last {
			continue
		}
		if first := uint64(number(h.First)); first > next {
			out = append(out, lease.Range{First: address(next), Last: address(first - 1)})
		}
		next = uint64(number(h.Last)) + 1
	}
	if next <= last {
		out = append(out, lease.Range{First: address(next), Last: address(last)})
	}
	return out
}

// number returns an IPv4 address as a number, address the number as an address.
func number(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

func address(n uint64) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(n))
	return netip.AddrFrom4(b)
}

// lastAddr returns the last address of an IPv4 prefix: the broadcast address, where the prefix has one.
func lastAddr(p netip.Prefix) netip.Addr {
	return address(uint64(number(p.Masked().Addr())) + 1<<(32-p.Bits()) - 1)
}

// unusable says whether a is the network or the broadcast address of p and therefore nobody's (RFC 1122
// §3.2.1.3). A prefix of 31 or 32 bits has neither (RFC 3021 §2.1).
func unusable(p netip.Prefix, a netip.Addr) bool {
	return p.Bits() <= 30 && (a == p.Addr() || a == lastAddr(p))
}

// ParseRequester reads the address of an agent, or a prefix that holds several.
func ParseRequester(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Is4() {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || !p.Addr().Is4() {
		return netip.Prefix{}, fmt.Errorf("%q is neither an IPv4 address nor a prefix: write as in 10.67.0.1 or "+
			"10.67.0.0/24", s)
	}
	return p, nil
}

// FormatRequester writes what ParseRequester reads.
func FormatRequester(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
