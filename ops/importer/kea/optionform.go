package kea

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"port67/storage/config"
	"port67/storage/option"
)

// space is an option of an option space.
type space struct {
	name string
	code uint32
}

// The spaces that Kea has by itself.
const (
	dhcp4Space  = "dhcp4"
	vendorSpace = "vendor-encapsulated-options-space"
	agentSpace  = "dhcp-agent-options-space"
	// enterprisePrefix stands before the number of an enterprise whose sub-options in option 125 a space is.
	enterprisePrefix = "vendor-"
)

// optionForm is what Kea knows of an option: the types of its fields in its own words, whether the last
// repeats, and the space of the options that stand inside.
type optionForm struct {
	name         string
	fields       []string
	array        bool
	encapsulates string
}

// defined is an option that the file defines.
type defined struct {
	space
	optionForm
}

// keaTypes are the words for our kinds, where they differ. Kea has no words for the forms of single options.
var keaTypes = map[option.Kind]string{
	option.Hex: "binary", option.Bool: "boolean", option.Text: "string", option.Domain: "fqdn",
	option.AddressPair: "ipv4-address", option.Route: "route", option.CountedText: "tuple",
	option.SIPServers: "binary", option.SearchList: "fqdn", option.UserClasses: "binary",
	option.Resolver: "internal", option.NameOrAddress: "binary", option.AddressGroup: "binary",
	option.VendorOptions: "empty", option.EnterpriseOptions: "uint32",
}

// ourTypes are the words of option-definitions for Kea's. What is missing we cannot define.
var ourTypes = map[string]string{
	"binary": "hex", "empty": "empty", "ipv4-address": "ipv4-address", "ipv6-address": "ipv6-address",
	"boolean": "bool", "uint8": "uint8", "uint16": "uint16", "uint32": "uint32", "int8": "int8",
	"int16": "int16", "int32": "int32", "string": "text", "fqdn": "domain-name", "tuple": "counted-text",
}

// standardForm returns what Kea knows of an option of the registry.
func standardForm(def option.Def) optionForm {
	f := optionForm{name: def.Name, array: def.Type.List}
	for _, field := range def.Type.Fields {
		word, ok := keaTypes[field.Kind]
		if !ok {
			word = field.Kind.String()
		}
		f.fields = append(f.fields, word)
		if field.Kind == option.AddressPair || field.Kind == option.SearchList {
			f.array = true
		}
	}
	switch def.Code {
	case 43:
		f.encapsulates = vendorSpace
	case 124:
		f.fields = []string{"uint32", "binary"}
	case 159:
		f.fields = []string{"uint8", "psid"}
	}
	return f
}

// csvFields cuts a value at its commas. A comma behind a backslash is part of the value.
func csvFields(data string) []string {
	var out []string
	var b strings.Builder
	for i := 0; i < len(data); i++ {
		switch {
		case data[i] == '\\' && i+1 < len(data) && data[i+1] == ',':
			b.WriteByte(',')
			i++
		case data[i] == ',':
			out = append(out, strings.TrimSpace(b.String()))
			b.Reset()
		default:
			b.WriteByte(data[i])
		}
	}
	return append(out, strings.TrimSpace(b.String()))
}

// encode returns the octets of a value that is written with commas between its fields, and how many of the
// fields Kea would pass over.
func (f optionForm) encode(d *option.Definitions, data string) (octets []byte, ignored int, err error) {
	items := csvFields(data)
	if strings.TrimSpace(data) == "" {
		items = nil
	}
	if len(f.fields) == 1 && f.fields[0] == "empty" {
		return nil, len(items), nil
	}
	for i, item := range items {
		kind := f.fields[min(i, len(f.fields)-1)]
		if i >= len(f.fields) && !f.array {
			return octets, len(items) - i, nil
		}
		if octets, err = appendKea(d, octets, kind, item); err != nil {
			return nil, 0, err
		}
	}
	if len(items) < len(f.fields) && len(items) > 0 {
		return nil, 0, fmt.Errorf("%d values where %d are wanted", len(items), len(f.fields))
	}
	return octets, 0, nil
}

// appendKea appends one field.
func appendKea(d *option.Definitions, b []byte, kind, s string) ([]byte, error) {
	switch kind {
	case "binary":
		data, err := parseOctets(s)
		return append(b, data...), err
	case "string":
		if s == "" {
			return nil, errors.New("empty text")
		}
		return append(b, s...), nil
	case "boolean":
		on, err := option.ParseBool(s)
		if on {
			return append(b, 1), err
		}
		return append(b, 0), err
	case "uint8", "uint16", "uint32", "int8", "int16", "int32":
		return appendKeaNumber(b, kind, s)
	case "psid":
		return appendPSID(b, s)
	case "uri":
		return appendKeaName(d, b, kind, s)
	case "tuple":
		if len(s) > 255 {
			return nil, errors.New("text of more than 255 octets")
		}
		return append(append(b, byte(len(s))), s...), nil
	}
	return appendKeaName(d, b, kind, s)
}

// appendKeaName appends an address, a route or a domain name.
func appendKeaName(d *option.Definitions, b []byte, kind, s string) ([]byte, error) {
	words := map[string]option.Kind{
		"ipv4-address": option.Address, "ipv6-address": option.Address6, "fqdn": option.Domain,
		"route": option.Route, "uri": option.URI,
	}
	k, ok := words[kind]
	if !ok {
		return nil, fmt.Errorf("type %s: not known here", kind)
	}
	if kind == "route" { // 10.229.0.128/25 - 10.229.0.1
		prefix, router, _ := strings.Cut(s, " - ")
		s = strings.TrimSpace(prefix) + " via " + strings.TrimSpace(router)
	}
	octets, _, err := d.Encode(option.Def{Type: option.Type{Fields: []option.Field{{Kind: k}}}}, s)
	return append(b, octets...), err
}

func appendKeaNumber(b []byte, kind, s string) ([]byte, error) {
	bits, _ := strconv.Atoi(strings.TrimLeft(kind, "uint"))
	var v uint64
	var err error
	if kind[0] == 'i' {
		var signed int64
		signed, err = strconv.ParseInt(s, 0, bits)
		v = uint64(signed)
	} else {
		v, err = strconv.ParseUint(s, 0, bits)
	}
	if err != nil {
		return nil, fmt.Errorf("%q is no %s", s, kind)
	}
	var octets [8]byte
	binary.BigEndian.PutUint64(octets[:], v)
	return append(b, octets[8-bits/8:]...), nil
}

// appendPSID appends a port set, written as in 3/4: the length, and the bits at the front of two octets
// (RFC 7618 §9).
func appendPSID(b []byte, s string) ([]byte, error) {
	text, lengthText, _ := strings.Cut(s, "/")
	psid, ok := parseUint(strings.TrimSpace(text), 16)
	length, isLength := parseUint(strings.TrimSpace(lengthText), 8)
	if !ok || !isLength || length > 16 || psid>>length != 0 {
		return nil, fmt.Errorf("%q is no port set: write as in 3/4", s)
	}
	return binary.BigEndian.AppendUint16(append(b, byte(length)), uint16(psid<<(16-length))), nil
}

// parseOctets reads octets as Kea lets them be written: 0x0a0b, 0a0b, 0a:0b, 0a 0b, or 'text' in single
// quotes. A group of one digit is an octet, too.
func parseOctets(s string) ([]byte, error) {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && s[0] == '\'' && s[len(s)-1] == '\'' {
		return []byte(s[1 : len(s)-1]), nil
	}
	digits := strings.TrimPrefix(s, "0x")
	if groups := strings.FieldsFunc(digits, func(r rune) bool { return r == ':' || r == ' ' }); len(groups) > 1 {
		for i, g := range groups {
			if len(g) == 1 {
				groups[i] = "0" + g
			}
		}
		digits = strings.Join(groups, "")
	}
	if len(digits)%2 == 1 {
		digits = "0" + digits
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		return nil, fmt.Errorf("%q is no hex: write as in 0x0a0b, 0a:0b, or 'text'", s)
	}
	return b, nil
}

// parseRange reads a pool: FIRST - LAST or a prefix.
func parseRange(s string) (config.AddrRange, error) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(strings.ReplaceAll(s, " ", ""))
		if err != nil {
			return config.AddrRange{}, fmt.Errorf("%q is no prefix", s)
		}
		return config.ParseAddrRange(p.Masked().String())
	}
	return config.ParseAddrRange(s)
}
