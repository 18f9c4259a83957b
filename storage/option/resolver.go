package option

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The keys of service parameters that have a form of their own (RFC 9460 §14.3.2, RFC 9461 §5). Others are
// written as keyNUMBER with octets.
const (
	svcALPN          = 1
	svcNoDefaultALPN = 2
	svcPort          = 3
	svcDoHPath       = 7
)

// svcNames are the words for them.
var svcNames = [...]struct {
	name string
	key  uint16
}{{"alpn", svcALPN}, {"no-default-alpn", svcNoDefaultALPN}, {"port", svcPort}, {"dohpath", svcDoHPath}}

// resolverFields are the keys of an encrypted resolver. Without addresses it has no params either, and the
// client finds out by the name (RFC 9463 §3.1.6).
const resolverFields = "{priority, name, addresses, params}"

// appendResolver encodes one encrypted resolver (RFC 9463 §5.1).
func appendResolver(b []byte, v any) ([]byte, error) {
	m, ok := v.(Mapping)
	if !ok {
		return nil, fmt.Errorf("%s where a mapping %s is wanted", formOf(v), resolverFields)
	}
	var priority, name, addresses, params any
	for _, p := range m {
		switch p.Name {
		case "priority":
			priority = p.Value
		case "name":
			name = p.Value
		case "addresses":
			addresses = p.Value
		case "params":
			params = p.Value
		default:
			return nil, fmt.Errorf("field %s unknown: one of %s", p.Name, resolverFields)
		}
	}
	if priority == nil || name == nil || params != nil && addresses == nil {
		return nil, fmt.Errorf("priority and name are wanted, and addresses if there are params: %s",
			resolverFields)
	}
	body, err := appendItem(nil, Uint16, priority)
	if err != nil {
		return nil, fmt.Errorf("priority: %w", err)
	}
	adn, err := appendItem(nil, Domain, name)
	if err != nil {
		return nil, fmt.Errorf("name: %w", err)
	}
	body = append(append(body, byte(len(adn))), adn...)
	if addresses != nil {
		if body, err = appendGroup(body, addresses); err != nil {
			return nil, fmt.Errorf("addresses: %w", err)
		}
		if body, err = appendParams(body, params); err != nil {
			return nil, fmt.Errorf("params: %w", err)
		}
	}
	if len(body) > 0xffff {
		return nil, fmt.Errorf("%d octets: at most 65535", len(body))
	}
	return append(binary.BigEndian.AppendUint16(b, uint16(len(body))), body...), nil
}

func cutResolver(b []byte) (any, []byte, error) {
	if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
		return nil, nil, errShort
	}
	end := 2 + int(binary.BigEndian.Uint16(b))
	body, rest := b[2:end], b[end:]
	priority, body, err := cutNumber(Uint16, body)
	if err != nil || len(body) < 1 || len(body)-1 < int(body[0]) {
		return nil, nil, errShort
	}
	name, behind, err := cutDomain(body[1 : 1+int(body[0])])
	if err != nil || len(behind) > 0 {
		return nil, nil, errors.New("no name of its stated length")
	}
	m := Mapping{{"priority", priority}, {"name", name}}
	if body = body[1+int(body[0]):]; len(body) == 0 {
		return m, rest, nil
	}
	addresses, body, err := cutGroup(body)
	if err != nil {
		return nil, nil, err
	}
	m = append(m, Pair{"addresses", addresses})
	params, err := cutParams(body)
	if len(params) > 0 {
		m = append(m, Pair{"params", params})
	}
	return m, rest, err
}

// appendParams encodes service parameters by ascending key (RFC 9460 §2.2).
func appendParams(b []byte, v any) ([]byte, error) {
	if v == nil {
		return b, nil
	}
	m, ok := v.(Mapping)
	if !ok || len(m) == 0 {
		return nil, fmt.Errorf("%s where a mapping as {alpn: [dot], port: 853} is wanted", formOf(v))
	}
	type param struct {
		key  uint16
		data []byte
	}
	var list []param
	for _, p := range m {
		key, err := svcKey(p.Name)
		if err != nil {
			return nil, err
		}
		data, err := encodeParam(key, p.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		if slices.ContainsFunc(list, func(o param) bool { return o.key == key }) {
			return nil, fmt.Errorf("%s stands twice", p.Name)
		}
		list = append(list, param{key, data})
	}
	slices.SortFunc(list, func(a, b param) int { return cmp.Compare(a.key, b.key) })
	for _, p := range list {
		b = binary.BigEndian.AppendUint16(b, p.key)
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(p.data))), p.data...)
	}
	return b, nil
}

func encodeParam(key uint16, v any) ([]byte, error) {
	switch key {
	case svcALPN:
		return encodeTexts(list(UserClasses), asList(v))
	case svcNoDefaultALPN:
		if s, _ := scalar(v); s != "true" {
			return nil, errors.New("it has no value: write true")
		}
		return nil, nil
	case svcPort:
		return appendItem(nil, Uint16, v)
	case svcDoHPath:
		return appendItem(nil, Text, v)
	}
	return appendItem(nil, Hex, v)
}

func cutParams(b []byte) (Mapping, error) {
	var m Mapping
	for len(b) > 0 {
		if len(b) < 4 || len(b)-4 < int(binary.BigEndian.Uint16(b[2:])) {
			return nil, errShort
		}
		key, end := binary.BigEndian.Uint16(b), 4+int(binary.BigEndian.Uint16(b[2:]))
		data := b[4:end]
		b = b[end:]
		var v any
		var err error
		switch key {
		case svcALPN:
			v, err = cutAll(CountedText, data)
		case svcNoDefaultALPN:
			v = "true"
		case svcPort:
			v, _, err = cutNumber(Uint16, data)
		case svcDoHPath:
			v, err = string(data), CheckText(string(data))
		default:
			v = Raw(data)
		}
		if err != nil {
			return nil, err
		}
		m = append(m, Pair{svcName(key), v})
	}
	return m, nil
}

func svcKey(name string) (uint16, error) {
	for _, s := range svcNames {
		if s.name == name {
			return s.key, nil
		}
	}
	digits, ok := strings.CutPrefix(name, "key")
	n, err := strconv.ParseUint(digits, 10, 16)
	if !ok || err != nil {
		return 0, fmt.Errorf("%s unknown: alpn, no-default-alpn, port, dohpath or keyNUMBER", name)
	}
	return uint16(n), nil
}

func svcName(key uint16) string {
	for _, s := range svcNames {
		if s.key == key {
			return s.name
		}
	}
	return "key" + strconv.Itoa(int(key))
}

// asList returns a single value as a list of one.
func asList(v any) any {
	items, _ := listOf(v)
	return items
}
