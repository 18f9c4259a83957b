package config

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"
)

var errShort = errors.New("too few octets for its type")

// appendField appends one field of an option's value, written as s, to b.
func appendField(b []byte, k Kind, s string) ([]byte, error) {
	switch k {
	case KindHex:
		data, err := parseHex(strings.TrimPrefix(s, rawPrefix))
		return append(b, data...), err
	case KindText:
		return append(b, s...), checkText(s)
	case KindAddress:
		a, err := parseAddr4(s)
		return append(b, a.AsSlice()...), err
	case KindAddress6:
		a, err := netip.ParseAddr(s)
		if err != nil || !a.Is6() || a.Zone() != "" {
			return nil, fmt.Errorf("%q is no IPv6 address", s)
		}
		return append(b, a.AsSlice()...), nil
	case KindBool:
		on, err := ParseBool(s)
		return append(b, octetOf(on)), err
	case KindUint8, KindUint16, KindUint32, KindInt32:
		return appendNumber(b, k, s)
	case KindDomain:
		return appendDomain(b, s)
	case KindAddressPair:
		return appendPair(b, s)
	case KindRoute:
		return appendRoute(b, s)
	case KindURI:
		if len(s) > 0xffff {
			return nil, fmt.Errorf("a URI of %d octets: at most 65535", len(s))
		}
		return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...), checkText(s)
	}
	return nil, fmt.Errorf("type %s: has no fields", k)
}

// cutField reads one field from the front of b and returns it as appendField takes it, and the rest of b.
func cutField(k Kind, b []byte) (string, []byte, error) {
	switch k {
	case KindHex:
		return RawValue(b), nil, nonEmpty(b)
	case KindText:
		return string(b), nil, checkText(string(b))
	case KindAddress, KindAddress6:
		size := 4
		if k == KindAddress6 {
			size = 16
		}
		if len(b) < size {
			return "", nil, errShort
		}
		a, _ := netip.AddrFromSlice(b[:size])
		return a.String(), b[size:], nil
	case KindBool:
		if len(b) < 1 || b[0] > 1 {
			return "", nil, errors.New("neither 0 nor 1")
		}
		return strconv.FormatBool(b[0] == 1), b[1:], nil
	case KindUint8, KindUint16, KindUint32, KindInt32:
		return cutNumber(k, b)
	case KindDomain:
		return cutDomain(b)
	case KindAddressPair:
		if len(b) < 8 {
			return "", nil, errShort
		}
		return netip.AddrFrom4([4]byte(b)).String() + " " + netip.AddrFrom4([4]byte(b[4:])).String(), b[8:], nil
	case KindRoute:
		return cutRoute(b)
	case KindURI:
		if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
			return "", nil, errShort
		}
		end := 2 + int(binary.BigEndian.Uint16(b))
		return string(b[2:end]), b[end:], checkText(string(b[2:end]))
	}
	return "", nil, fmt.Errorf("type %s: has no fields", k)
}

// ParseBool reads the words people use for yes and no.
func ParseBool(s string) (bool, error) {
	switch s {
	case "true", "on", "yes", "1":
		return true, nil
	case "false", "off", "no", "0":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither on nor off", s)
}

func octetOf(on bool) byte {
	if on {
		return 1
	}
	return 0
}

// checkText refuses what would harm those who show or store it: control characters and broken UTF-8. The
// shortest text is one octet (RFC 2132 §3.14).
func checkText(s string) error {
	if s == "" {
		return errors.New("empty text")
	}
	if !utf8.ValidString(s) {
		return errors.New("text is not UTF-8: write the octets as hex:…")
	}
	for _, r := range s {
		if r < ' ' || r == 0x7f {
			return fmt.Errorf("text has the control character %U: write the octets as hex:…", r)
		}
	}
	return nil
}

func nonEmpty(b []byte) error {
	if len(b) == 0 {
		return errShort
	}
	return nil
}

func parseAddr4(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		return netip.Addr{}, fmt.Errorf("%q is no IPv4 address", s)
	}
	return a, nil
}

// widthOf returns the number of bits of a numeric kind.
func widthOf(k Kind) int {
	switch k {
	case KindUint8:
		return 8
	case KindUint16:
		return 16
	}
	return 32
}

func appendNumber(b []byte, k Kind, s string) ([]byte, error) {
	bits := widthOf(k)
	var v uint64
	var err error
	if k == KindInt32 {
		var signed int64
		signed, err = strconv.ParseInt(s, 0, bits)
		v = uint64(signed)
	} else {
		v, err = strconv.ParseUint(s, 0, bits)
	}
	if err != nil {
		return nil, fmt.Errorf("%q is no %s", s, k)
	}
	for shift := bits - 8; shift >= 0; shift -= 8 {
		b = append(b, byte(v>>shift))
	}
	return b, nil
}

func cutNumber(k Kind, b []byte) (string, []byte, error) {
	size := widthOf(k) / 8
	if len(b) < size {
		return "", nil, errShort
	}
	var v uint64
	for _, o := range b[:size] {
		v = v<<8 | uint64(o)
	}
	if k == KindInt32 {
		return strconv.FormatInt(int64(int32(v)), 10), b[size:], nil
	}
	return strconv.FormatUint(v, 10), b[size:], nil
}

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
