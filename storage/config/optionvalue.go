package config

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// rawPrefix stands before the octets of a value that is not to be interpreted: hex:0a0b0c.
const rawPrefix = "hex:"

// EncodeValue returns the octets of an option's value. v is what an administrator wrote: text, true or
// false, an integer, or a list ([]any or []string) of these; numbers may also come as text. hex: before pairs
// of digits stands for any octets, whatever the type.
func EncodeValue(def OptionDef, v any) ([]byte, error) {
	if s, ok := v.(string); ok {
		if raw, ok := strings.CutPrefix(s, rawPrefix); ok {
			return parseHex(raw)
		}
	}
	items, isList, err := itemsOf(v)
	if err != nil {
		return nil, err
	}
	t := def.Type
	switch {
	case t.Fields[0] == KindEmpty:
		return encodeEmpty(items)
	case t.Fields[0] == KindSIPServers:
		return encodeSIPServers(items)
	case !isList && len(t.Fields) > 1:
		return nil, fmt.Errorf("%q is one value: write a list of %s", items[0], t)
	case isList && len(t.Fields) == 1 && !t.List && len(items) != 1:
		return nil, fmt.Errorf("a list of %d where one %s is wanted", len(items), t)
	case len(items) < len(t.Fields):
		return nil, fmt.Errorf("%d values where %s is wanted", len(items), t)
	case len(items) > len(t.Fields) && !t.List:
		return nil, fmt.Errorf("%d values where %s is wanted", len(items), t)
	}
	var out []byte
	for i, item := range items {
		k := t.Fields[min(i, len(t.Fields)-1)]
		if out, err = appendField(out, k, item); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// itemsOf returns v as a flat list of scalars in text, and whether it was a list.
func itemsOf(v any) (items []string, isList bool, err error) {
	switch v := v.(type) {
	case []string:
		return v, true, nil
	case []any:
		for _, e := range v {
			s, ok := scalar(e)
			if pair, isPair := e.([]any); isPair {
				s, ok = joinPair(pair)
			}
			if !ok {
				return nil, true, fmt.Errorf("%v inside a list: only text, numbers, true and false may stand there", e)
			}
			items = append(items, s)
		}
		return items, true, nil
	}
	s, ok := scalar(v)
	if !ok {
		return nil, false, errors.New("no value: write text, a number, true, false or a list of these")
	}
	return []string{s}, false, nil
}

func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int:
		return strconv.Itoa(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case uint64:
		return strconv.FormatUint(v, 10), true
	}
	return "", false
}

// joinPair returns a list inside a list as one text, for pairs written as [A, B].
func joinPair(pair []any) (string, bool) {
	words := make([]string, 0, len(pair))
	for _, e := range pair {
		s, ok := scalar(e)
		if !ok {
			return "", false
		}
		words = append(words, s)
	}
	return strings.Join(words, " "), len(words) == 2
}

func parseHex(s string) ([]byte, error) {
	digits := strings.NewReplacer(":", "", " ", "", "-", "").Replace(strings.TrimPrefix(s, "0x"))
	b, err := hex.DecodeString(digits)
	if err != nil {
		return nil, fmt.Errorf("%q is no hex: write pairs of hex digits, as in hex:0a0b0c", s)
	}
	return b, nil
}

func encodeEmpty(items []string) ([]byte, error) {
	if len(items) == 1 && (items[0] == "true" || items[0] == "") {
		return []byte{}, nil
	}
	return nil, errors.New("this option has no value: write true")
}

// DecodeValue returns the value of an option as EncodeValue takes it: a string, or a []string for a list or a
// record. It fails if data is not of the type, or if EncodeValue would make other octets of the value; raw
// octets can always be written with RawValue.
func DecodeValue(def OptionDef, data []byte) (any, error) {
	v, err := decodeValue(def.Type, data)
	if err != nil {
		return nil, err
	}
	if again, err := EncodeValue(def, v); err != nil || string(again) != string(data) {
		return nil, fmt.Errorf("%s: not in the one form that is written back", RawValue(data))
	}
	return v, nil
}

// RawValue returns octets in the form that EncodeValue takes for every option.
func RawValue(data []byte) string { return rawPrefix + hex.EncodeToString(data) }

func decodeValue(t OptionType, data []byte) (any, error) {
	switch t.Fields[0] {
	case KindEmpty:
		if len(data) != 0 {
			return nil, fmt.Errorf("%d octets where none are wanted", len(data))
		}
		return "true", nil
	case KindSIPServers:
		return decodeSIPServers(data)
	}
	var items []string
	for i, rest := 0, data; i < len(t.Fields) || t.List && len(rest) > 0; i++ {
		item, next, err := cutField(t.Fields[min(i, len(t.Fields)-1)], rest)
		if err != nil {
			return nil, err
		}
		items, rest = append(items, item), next
		if i+1 >= len(t.Fields) && !t.List && len(rest) > 0 {
			return nil, fmt.Errorf("%d octets behind the value", len(rest))
		}
	}
	if len(t.Fields) == 1 && !t.List {
		return items[0], nil
	}
	return items, nil
}
