package option

import (
	"fmt"
	"net/netip"
	"strings"
)

// appendPair reads two IPv4 addresses with a space or "via" between them.
func appendPair(b []byte, s string) ([]byte, error) {
	first, second, ok := splitPair(s)
	a, errA := parseAddr4(first)
	c, errC := parseAddr4(second)
	if !ok || errA != nil || errC != nil {
		return nil, fmt.Errorf("%q is no pair of IPv4 addresses: write as in 10.9.0.1 10.67.0.1", s)
	}
	return append(append(b, a.AsSlice()...), c.AsSlice()...), nil
}

// appendRoute encodes a prefix and its router: the length of the prefix, as many octets of it as are
// significant, and the router (RFC 3442).
func appendRoute(b []byte, s string) ([]byte, error) {
	first, second, ok := splitPair(s)
	p, errP := netip.ParsePrefix(first)
	router, errR := parseAddr4(second)
	if !ok || errP != nil || errR != nil || !p.Addr().Is4() {
		return nil, fmt.Errorf("%q is no route: write as in 10.9.0.0/16 via 10.67.0.1", s)
	}
	if p != p.Masked() {
		return nil, fmt.Errorf("%s has bits set outside its mask: write %s", p, p.Masked())
	}
	b = append(b, byte(p.Bits()))
	b = append(b, p.Addr().AsSlice()[:(p.Bits()+7)/8]...)
	return append(b, router.AsSlice()...), nil
}

func cutRoute(b []byte) (string, []byte, error) {
	if len(b) < 5 {
		return "", nil, errShort
	}
	bits := int(b[0])
	end := 1 + (bits+7)/8
	if bits > 32 || len(b) < end+4 {
		return "", nil, errShort
	}
	var dest [4]byte
	copy(dest[:], b[1:end])
	p := netip.PrefixFrom(netip.AddrFrom4(dest), bits)
	return p.String() + " via " + netip.AddrFrom4([4]byte(b[end:])).String(), b[end+4:], nil
}

func splitPair(s string) (first, second string, ok bool) {
	f := strings.Fields(s)
	switch {
	case len(f) == 2:
		return f[0], f[1], true
	case len(f) == 3 && f[1] == "via":
		return f[0], f[2], true
	}
	return "", "", false
}
