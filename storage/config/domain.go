package config

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

// The octets before the servers of option 120 (RFC 3361 §3).
const (
	sipNames     = 0
	sipAddresses = 1
)

// encodeSIPServers encodes a list of names or a list of addresses; they cannot be mixed (RFC 3361 §3.1 and
// §3.2).
func encodeSIPServers(items []string) ([]byte, error) {
	if len(items) == 0 {
		return nil, errors.New("no servers: write domain names or IPv4 addresses")
	}
	kind, out := KindDomain, []byte{sipNames}
	if _, err := parseAddr4(items[0]); err == nil {
		kind, out = KindAddress, []byte{sipAddresses}
	}
	for _, item := range items {
		var err error
		if _, addr := parseAddr4(item); (addr == nil) != (kind == KindAddress) {
			return nil, errors.New("names and addresses mixed: write one or the other")
		}
		if out, err = appendField(out, kind, item); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func decodeSIPServers(data []byte) (any, error) {
	if len(data) < 2 || data[0] > sipAddresses {
		return nil, errShort
	}
	kind := KindDomain
	if data[0] == sipAddresses {
		kind = KindAddress
	}
	return decodeValue(OptionType{Fields: []Kind{kind}, List: true}, data[1:])
}

// checkHostname refuses what is no host name (RFC 1123 §2.1): labels of letters, digits and hyphens.
func checkHostname(s string) error {
	if len(s) > 253 {
		return fmt.Errorf("%d octets: at most 253", len(s))
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return fmt.Errorf("%q is no host name: a label has 1 to 63 letters, digits or hyphens, no hyphen "+
				"at its ends", s)
		}
		for i := range len(label) {
			if !isAlphanumeric(label[i]) && label[i] != '-' {
				return fmt.Errorf("%q is no host name: %q is no letter, digit or hyphen", s, label[i])
			}
		}
	}
	return nil
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
