package option

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

// appendItem appends one field of an option's value to b. v is a scalar, or for some kinds a list or a
// mapping.
func appendItem(b []byte, k Kind, v any) ([]byte, error) {
	switch k {
	case AddressGroup:
		return appendGroup(b, v)
	case Resolver:
		return appendResolver(b, v)
	case AddressPair, Route:
		if s, ok := joinPair(v); ok {
			return appendField(b, k, s)
		}
	}
	s, ok := scalar(v)
	if !ok {
		return nil, fmt.Errorf("%s where one %s is wanted", formOf(v), k)
	}
	return appendField(b, k, s)
}

// cutItem reads one field from the front of b and returns it as appendItem takes it, and the rest of b.
func cutItem(k Kind, b []byte) (any, []byte, error) {
	switch k {
	case AddressGroup:
		return cutGroup(b)
	case Resolver:
		return cutResolver(b)
	}
	return asAny(cutField(k, b))
}

// asAny makes cutItem's result of cutField's.
func asAny(s string, rest []byte, err error) (any, []byte, error) { return s, rest, err }

// cutAll reads b as fields of kind k to its end.
func cutAll(k Kind, b []byte) (any, error) {
	var items []any
	for len(b) > 0 {
		item, rest, err := cutItem(k, b)
		if err != nil {
			return nil, err
		}
		items, b = append(items, item), rest
	}
	return items, nil
}

// appendField appends a field written as s to b.
func appendField(b []byte, k Kind, s string) ([]byte, error) {
	switch k {
	case Hex:
		data, err := parseOctets(s)
		return append(b, data...), err
	case Text:
		return append(b, s...), CheckText(s)
	case Address:
		a, err := parseAddr4(s)
		return append(b, a.AsSlice()...), err
	case Address6:
		a, err := netip.ParseAddr(s)
		if err != nil || !a.Is6() || a.Zone() != "" {
			return nil, fmt.Errorf("%q is no IPv6 address", s)
		}
		return append(b, a.AsSlice()...), nil
	case Bool:
		on, err := ParseBool(s)
		return append(b, octetOf(on)), err
	case Uint8, Uint16, Uint32, Uint64, Int8, Int16, Int32:
		return appendNumber(b, k, s)
	case Domain:
		return appendDomain(b, s)
	case AddressPair:
		return appendPair(b, s)
	case Route:
		return appendRoute(b, s)
	case URI:
		if len(s) > 0xffff {
			return nil, fmt.Errorf("a URI of %d octets: at most 65535", len(s))
		}
		return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...), CheckText(s)
	case CountedText:
		return appendCounted(b, s)
	case NameOrAddress:
		return appendHost(b, s)
	}
	return nil, fmt.Errorf("type %s: has no fields", k)
}

// cutField reads one field from the front of b and returns it as appendField takes it, and the rest of b.
func cutField(k Kind, b []byte) (string, []byte, error) {
	switch k {
	case Hex:
		return octetsWords(b), nil, nonEmpty(b)
	case Text:
		return string(b), nil, CheckText(string(b))
	case Address:
		return cutAddress(b, 4)
	case Address6:
		return cutAddress(b, 16)
	case Bool:
		if len(b) < 1 || b[0] > 1 {
			return "", nil, errors.New("neither 0 nor 1")
		}
		return strconv.FormatBool(b[0] == 1), b[1:], nil
	case Uint8, Uint16, Uint32, Uint64, Int8, Int16, Int32:
		return cutNumber(k, b)
	case Domain:
		return cutDomain(b)
	case AddressPair:
		if len(b) < 8 {
			return "", nil, errShort
		}
		return netip.AddrFrom4([4]byte(b)).String() + " " + netip.AddrFrom4([4]byte(b[4:])).String(), b[8:], nil
	case Route:
		return cutRoute(b)
	case URI:
		if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
			return "", nil, errShort
		}
		end := 2 + int(binary.BigEndian.Uint16(b))
		return string(b[2:end]), b[end:], CheckText(string(b[2:end]))
	case CountedText:
		if len(b) < 1 || len(b)-1 < int(b[0]) {
			return "", nil, errShort
		}
		return textOrRaw(b[1 : 1+int(b[0])]), b[1+int(b[0]):], nonEmpty(b[1 : 1+int(b[0])])
	case NameOrAddress:
		return cutHost(b)
	}
	return "", nil, fmt.Errorf("type %s: has no fields", k)
}

// cutAddress reads an address of size octets.
func cutAddress(b []byte, size int) (string, []byte, error) {
	if len(b) < size {
		return "", nil, errShort
	}
	a, _ := netip.AddrFromSlice(b[:size])
	return a.String(), b[size:], nil
}

// appendCounted encodes text, or octets written as hex:…, behind their length in one octet.
func appendCounted(b []byte, s string) ([]byte, error) {
	data := []byte(s)
	if raw, ok := strings.CutPrefix(s, rawPrefix); ok {
		var err error
		if data, err = parseHex(raw); err != nil {
			return nil, err
		}
	} else if err := CheckText(s); err != nil {
		return nil, err
	}
	if len(data) == 0 || len(data) > 255 {
		return nil, fmt.Errorf("%d octets: 1 to 255", len(data))
	}
	return append(append(b, byte(len(data))), data...), nil
}

// appendGroup encodes addresses behind their length in octets. One address may stand without a list.
func appendGroup(b []byte, v any) ([]byte, error) {
	items, _ := listOf(v)
	if len(items) == 0 || len(items) > 63 {
		return nil, fmt.Errorf("%d addresses: 1 to 63", len(items))
	}
	return appendAddresses(append(b, byte(4*len(items))), items)
}

// appendAddresses encodes IPv4 addresses one after the other.
func appendAddresses(b []byte, items []any) ([]byte, error) {
	for _, item := range items {
		s, _ := scalar(item)
		a, err := parseAddr4(s)
		if err != nil {
			return nil, err
		}
		b = append(b, a.AsSlice()...)
	}
	return b, nil
}

func cutGroup(b []byte) (any, []byte, error) {
	if len(b) == 0 || b[0] == 0 || len(b)-1 < int(b[0]) {
		return nil, nil, errShort
	}
	items, err := cutAll(Address, b[1:1+int(b[0])])
	return items, b[1+int(b[0]):], err
}

func octetOf(on bool) byte {
	if on {
		return 1
	}
	return 0
}

// CheckText refuses what would harm those who show or store it: control characters and broken UTF-8. The
// shortest text is one octet (RFC 2132 §3.14).
func CheckText(s string) error {
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
