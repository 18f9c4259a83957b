package option

import (
	"errors"
	"fmt"
	"strings"
)

// appendDomain encodes a domain name as labels up to the root (RFC 1035 §3.1). A trailing dot is allowed and
// means nothing: every name is absolute on the wire.
func appendDomain(b []byte, s string) ([]byte, error) {
	name := strings.TrimSuffix(s, ".")
	if len(name) == 0 || len(name) > 253 {
		return nil, fmt.Errorf("%q is no domain name: 1 to 253 octets", s)
	}
	for label := range strings.SplitSeq(name, ".") {
		if len(label) == 0 || len(label) > 63 {
			return nil, fmt.Errorf("%q is no domain name: a label has 1 to 63 octets", s)
		}
		for i := range len(label) {
			if label[i] <= ' ' || label[i] >= 0x7f {
				return nil, fmt.Errorf("%q is no domain name: write other alphabets in their xn-- form", s)
			}
		}
		b = append(append(b, byte(len(label))), label...)
	}
	return append(b, 0), nil
}

// cutDomain reads a domain name without compression.
func cutDomain(b []byte) (string, []byte, error) {
	var labels []string
	for {
		if len(b) == 0 {
			return "", nil, errShort
		}
		n := int(b[0])
		switch {
		case n == 0:
			if len(labels) == 0 {
				return "", nil, errors.New("the root is no domain name here")
			}
			return strings.Join(labels, "."), b[1:], nil
		case n > 63 || len(b) < 1+n:
			return "", nil, errors.New("a domain name that is compressed or cut off")
		}
		labels = append(labels, string(b[1:1+n]))
		b = b[1+n:]
	}
}

// The octets that say what follows (RFC 3361 §3, RFC 3495 §5.2).
const (
	hostNames     = 0
	hostAddresses = 1
)

// appendHost encodes a domain name or an address behind the octet that says which.
func appendHost(b []byte, s string) ([]byte, error) {
	if a, err := parseAddr4(s); err == nil {
		return append(append(b, hostAddresses), a.AsSlice()...), nil
	}
	b, err := appendDomain(append(b, hostNames), s)
	if err != nil {
		return nil, fmt.Errorf("%q is neither an IPv4 address nor a domain name", s)
	}
	return b, nil
}

func cutHost(b []byte) (string, []byte, error) {
	switch {
	case len(b) == 0:
		return "", nil, errShort
	case b[0] == hostNames:
		return cutDomain(b[1:])
	case b[0] == hostAddresses:
		return cutAddress(b[1:], 4)
	}
	return "", nil, fmt.Errorf("%d where 0 stands for names and 1 for addresses", b[0])
}

// encodeSIPServers encodes a list of names or a list of addresses; they cannot be mixed (RFC 3361 §3.1 and
// §3.2).
func encodeSIPServers(items []string) ([]byte, error) {
	if len(items) == 0 {
		return nil, errors.New("no servers: write domain names or IPv4 addresses")
	}
	kind, out := Domain, []byte{hostNames}
	if _, err := parseAddr4(items[0]); err == nil {
		kind, out = Address, []byte{hostAddresses}
	}
	for _, item := range items {
		var err error
		if _, addr := parseAddr4(item); (addr == nil) != (kind == Address) {
			return nil, errors.New("names and addresses mixed: write one or the other")
		}
		if out, err = appendField(out, kind, item); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func decodeSIPServers(data []byte) (any, error) {
	if len(data) < 2 || data[0] > hostAddresses {
		return nil, errShort
	}
	if data[0] == hostAddresses {
		return cutAll(Address, data[1:])
	}
	return cutAll(Domain, data[1:])
}

// pointerMax is the last offset that a pointer can name (RFC 1035 §4.1.4).
const pointerMax = 0x3fff

// encodeSearchList encodes names that may share their ends with those before them. Of all options that carry
// names, this one alone may be compressed (RFC 3397 §2). A pointer leads to an end that is written out, never
// to another pointer: not every client follows two.
func encodeSearchList(names []string) ([]byte, error) {
	if len(names) == 0 {
		return nil, errors.New("no names: write a list of domain names")
	}
	var out []byte
	at := make(map[string]int) // where the end of a name, in lower case, begins
	for _, name := range names {
		whole, err := appendDomain(nil, name)
		if err != nil {
			return nil, err
		}
		start, rest, shared := len(out), whole, false
		for rest[0] != 0 {
			var i int
			if i, shared = at[strings.ToLower(string(rest))]; shared {
				out = append(out, 0xc0|byte(i>>8), byte(i))
				break
			}
			out = append(out, rest[:1+int(rest[0])]...)
			rest = rest[1+int(rest[0]):]
		}
		if shared {
			continue
		}
		out = append(out, 0)
		for i := 0; whole[i] != 0 && start+i <= pointerMax; i += 1 + int(whole[i]) {
			end := strings.ToLower(string(whole[i:]))
			if _, seen := at[end]; !seen {
				at[end] = start + i
			}
		}
	}
	return out, nil
}

// decodeSearchList reads names whose ends may stand further in front (RFC 1035 §4.1.4).
func decodeSearchList(data []byte) (any, error) {
	var names []any
	for at := 0; at < len(data); {
		var labels []string
		next, limit, size := 0, at, 0 // next is where the following name begins; a pointer leads before limit
		for i := at; ; {
			if i >= len(data) {
				return nil, errShort
			}
			n := int(data[i])
			switch {
			case n == 0:
				if next == 0 {
					next = i + 1
				}
			case n >= 0xc0 && i+1 < len(data):
				if next == 0 {
					next = i + 2
				}
				if i = (n&0x3f)<<8 | int(data[i+1]); i >= limit {
					return nil, errors.New("a domain name that points forward")
				}
				limit = i
				continue
			case n > 63 || i+1+n > len(data):
				return nil, errors.New("a domain name that is cut off")
			default:
				labels = append(labels, string(data[i+1:i+1+n]))
				if size += n + 1; size > 254 {
					return nil, errors.New("a domain name of more than 253 octets")
				}
				i += 1 + n
				continue
			}
			break
		}
		if len(labels) == 0 {
			return nil, errors.New("the root is no domain name here")
		}
		names = append(names, strings.Join(labels, "."))
		at = next
	}
	return names, nil
}
