package option

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The words before octets that are not to be interpreted: hex:0a0b0c, text:5A1D;B2.
const (
	rawPrefix  = "hex:"
	textPrefix = "text:"
)

// Mapping is a record by the names of its fields, or sub-options by theirs, in the order in which they were
// written.
type Mapping []Pair

// Pair is one key of a Mapping with its value.
type Pair struct {
	Name  string
	Value any
}

// Encode returns the octets of an option's value. v is what an administrator wrote: text, true or false, an
// integer, a list ([]any or []string) or a Mapping of these; numbers may also come as text. hex: before pairs
// of digits stands for any octets, whatever the type.
//
// space names the space whose sub-options the octets are, if v was a Mapping of sub-options; Merge puts such
// values together. It is empty for everything else.
func (d *Definitions) Encode(def Def, v any) (data []byte, space string, err error) {
	_, composed := v.(Mapping)
	switch {
	case def.Type.first() == VendorOptions:
		return d.encodeVendor(v)
	case composed && def.Type.first() == EnterpriseOptions:
		space = Enterprises
	case composed:
		space = def.Type.Space
	}
	data, err = d.encode(def.Type, v)
	return data, space, err
}

// Value returns the value of an option as Encode takes it. Octets that are not of the type, or of which
// Encode would make others, come as hex:….
func (d *Definitions) Value(def Def, data []byte, space string) any {
	if v, ok := d.exact(def, data, space); ok {
		return v
	}
	return Raw(data)
}

// Decode returns the value of an option as somebody else sent it, in whichever of its forms: text, a list or
// a Mapping.
func (d *Definitions) Decode(def Def, data []byte) (any, error) { return d.decode(def.Type, data) }

// Composed says whether data is what Encode makes of sub-options of space for this option. Only then may an
// option say so.
func (d *Definitions) Composed(def Def, data []byte, space string) bool {
	_, ok := d.exact(def, data, space)
	return ok
}

func (d *Definitions) exact(def Def, data []byte, space string) (any, bool) {
	var v any
	var err error
	switch own := def.Type.Space; {
	case def.Type.first() == VendorOptions && space != "":
		v, err = d.decodeVendor(space, data)
	case def.Type.first() == VendorOptions:
		v = octetsWords(data)
	case space == "" && (own != "" || def.Type.first() == EnterpriseOptions):
		err = errors.New("written as octets, and stays so")
	default:
		v, err = d.decode(def.Type, data)
	}
	if err != nil {
		return nil, false
	}
	again, as, err := d.Encode(def, v)
	return v, err == nil && as == space && bytes.Equal(again, data)
}

// encode returns the octets of a value of type t.
func (d *Definitions) encode(t Type, v any) ([]byte, error) {
	if s, ok := v.(string); ok {
		if raw, ok := strings.CutPrefix(s, rawPrefix); ok {
			return parseHex(raw)
		}
	}
	if t.Space != "" {
		return d.encodeSubOptions(t.Space, v)
	}
	switch t.first() {
	case Empty:
		if s, ok := scalar(v); ok && (s == "true" || s == "") {
			return []byte{}, nil
		}
		return nil, errors.New("this option has no value: write true")
	case SIPServers, SearchList, UserClasses:
		return encodeTexts(t, v)
	case EnterpriseOptions:
		return d.encodeEnterprises(v)
	}
	if !t.Repeat {
		return encodeRecord(nil, t, v)
	}
	records, _ := listOf(v)
	var out []byte
	var err error
	for _, r := range records {
		if out, err = encodeRecord(out, t, r); err != nil {
			return nil, err
		}
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("an empty list where %s is wanted", t)
	}
	return out, nil
}

// encodeTexts encodes the kinds that take a list of texts as a whole.
func encodeTexts(t Type, v any) ([]byte, error) {
	if s, ok := scalar(v); ok && t.first() == UserClasses {
		return []byte(s), CheckText(s)
	}
	items, _ := listOf(v)
	texts := make([]string, 0, len(items))
	for _, item := range items {
		s, ok := scalar(item)
		if !ok {
			return nil, fmt.Errorf("%s inside a list: only text may stand there", formOf(item))
		}
		texts = append(texts, s)
	}
	switch t.first() {
	case SIPServers:
		return encodeSIPServers(texts)
	case SearchList:
		return encodeSearchList(texts)
	}
	var out []byte
	var err error
	for _, s := range texts {
		if out, err = appendCounted(out, s); err != nil {
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no user class: write text or a list of texts")
	}
	return out, nil
}

// encodeRecord appends one record, or one value if t has a single field.
func encodeRecord(out []byte, t Type, v any) ([]byte, error) {
	items, err := itemsOf(t, v)
	if err != nil {
		return nil, err
	}
	for i, item := range items {
		f := t.Fields[min(i, len(t.Fields)-1)]
		if out, err = appendItem(out, f.Kind, item); err != nil {
			if f.Name != "" {
				return nil, fmt.Errorf("%s: %w", f.Name, err)
			}
			return nil, err
		}
	}
	return out, nil
}

// itemsOf returns the fields of a record in their order, the last as often as it repeats.
func itemsOf(t Type, v any) ([]any, error) {
	if m, ok := v.(Mapping); ok && t.first() != Resolver {
		if !t.named() {
			return nil, fmt.Errorf("a mapping where %s is wanted", t)
		}
		return t.arrange(m)
	}
	items, isList := listOf(v)
	if items == nil {
		return nil, fmt.Errorf("no value: %s is wanted", t)
	}
	if len(t.Fields) == 1 && !t.List && isList && t.first() == AddressGroup {
		return []any{v}, nil
	}
	switch few, many := len(items) < len(t.Fields), len(items) > len(t.Fields); {
	case !isList && len(t.Fields) > 1:
		return nil, fmt.Errorf("%s is one value: write a list or a mapping of %s", formOf(items[0]), t)
	case isList && len(t.Fields) == 1 && !t.List && len(items) != 1:
		return nil, fmt.Errorf("a list of %d where one %s is wanted", len(items), t)
	case few, many && !t.List:
		return nil, fmt.Errorf("%d values where %s is wanted", len(items), t)
	}
	return items, nil
}

// arrange puts the fields of a record, which may be written in any order, into theirs.
func (t Type) arrange(m Mapping) ([]any, error) {
	names := make([]string, 0, len(t.Fields))
	for _, f := range t.Fields {
		names = append(names, f.Name)
	}
	at := make([]any, len(names))
	for _, p := range m {
		i := slices.Index(names, p.Name)
		switch {
		case i < 0:
			return nil, fmt.Errorf("field %s unknown%s: one of %s", p.Name, Suggest(p.Name, names),
				strings.Join(names, ", "))
		case at[i] != nil:
			return nil, fmt.Errorf("field %s stands twice", p.Name)
		}
		at[i] = p.Value
	}
	for i, v := range at {
		if v == nil {
			return nil, fmt.Errorf("field %s missing: %s is wanted", names[i], t)
		}
	}
	if last := len(at) - 1; t.List {
		list, _ := listOf(at[last])
		if len(list) == 0 {
			return nil, fmt.Errorf("field %s: an empty list", names[last])
		}
		at = append(at[:last], list...)
	}
	return at, nil
}

// decode returns the value of octets of type t.
func (d *Definitions) decode(t Type, data []byte) (any, error) {
	if t.Space != "" {
		return d.decodeSubOptions(t.Space, data)
	}
	switch t.first() {
	case Empty:
		if len(data) != 0 {
			return nil, fmt.Errorf("%d octets where none are wanted", len(data))
		}
		return "true", nil
	case SIPServers:
		return decodeSIPServers(data)
	case SearchList:
		return decodeSearchList(data)
	case UserClasses:
		if list, err := cutAll(CountedText, data); err == nil && len(data) > 0 {
			return list, nil
		}
		return string(data), CheckText(string(data))
	case EnterpriseOptions:
		return d.decodeEnterprises(data)
	}
	if !t.Repeat {
		v, rest, err := cutRecord(t, data)
		if err == nil && len(rest) > 0 {
			err = fmt.Errorf("%d octets behind the value", len(rest))
		}
		return v, err
	}
	var records []any
	for rest := data; len(rest) > 0; {
		v, next, err := cutRecord(t, rest)
		if err != nil {
			return nil, err
		}
		records, rest = append(records, v), next
	}
	return records, nil
}

// cutRecord reads one record from the front of b, or one value if t has a single field.
func cutRecord(t Type, b []byte) (v any, rest []byte, err error) {
	var items []any
	for i := 0; i < len(t.Fields) || t.List && len(b) > 0; i++ {
		var item any
		if item, b, err = cutItem(t.Fields[min(i, len(t.Fields)-1)].Kind, b); err != nil {
			return nil, nil, err
		}
		items = append(items, item)
	}
	last := len(t.Fields) - 1
	switch {
	case t.named():
		m := make(Mapping, 0, len(t.Fields))
		for i, f := range t.Fields {
			if t.List && i == last {
				m = append(m, Pair{f.Name, items[i:]})
			} else {
				m = append(m, Pair{f.Name, items[i]})
			}
		}
		return m, b, nil
	case last == 0 && !t.List:
		return items[0], b, nil
	}
	return items, b, nil
}

// listOf returns v as a list, and whether it was one. It returns nil for no value at all.
func listOf(v any) (items []any, isList bool) {
	switch v := v.(type) {
	case nil:
		return nil, false
	case []any:
		return append([]any{}, v...), true
	case []string:
		items = make([]any, 0, len(v))
		for _, s := range v {
			items = append(items, s)
		}
		return items, true
	}
	return []any{v}, false
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

// joinPair returns a list of two as one text, for pairs written as [A, B].
func joinPair(v any) (string, bool) {
	pair, isList := listOf(v)
	if !isList || len(pair) != 2 {
		return "", false
	}
	first, ok := scalar(pair[0])
	second, alsoOK := scalar(pair[1])
	return first + " " + second, ok && alsoOK
}

// formOf says in words what v is.
func formOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case Mapping:
		return "a mapping"
	case []any:
		return fmt.Sprintf("a list of %d", len(v))
	case []string:
		return fmt.Sprintf("a list of %d", len(v))
	}
	return fmt.Sprintf("%q", fmt.Sprint(v))
}

// parseOctets reads octets as hex:…, as pairs of hex digits or as text:….
func parseOctets(s string) ([]byte, error) {
	if text, ok := strings.CutPrefix(s, textPrefix); ok {
		return []byte(text), CheckText(text)
	}
	return parseHex(strings.TrimPrefix(s, rawPrefix))
}

func parseHex(s string) ([]byte, error) {
	digits := strings.NewReplacer(":", "", " ", "", "-", "").Replace(strings.TrimPrefix(s, "0x"))
	b, err := hex.DecodeString(digits)
	if err != nil {
		return nil, fmt.Errorf("%q is no hex: write pairs of hex digits, as in hex:0a0b0c, or text:…", s)
	}
	return b, nil
}

// Raw returns octets in the form that Encode takes for every option.
func Raw(data []byte) string { return rawPrefix + hex.EncodeToString(data) }

// octetsWords returns octets as text:… if somebody seems to have written them, else as hex:….
func octetsWords(b []byte) string {
	const shortest = 4 // Shorter values are numbers more often than words.
	if len(b) < shortest || bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' || r > '~' }) {
		return Raw(b)
	}
	return textPrefix + string(b)
}

// textOrRaw returns octets as text if they are, else as hex:….
func textOrRaw(b []byte) string {
	if s := string(b); CheckText(s) == nil && !strings.HasPrefix(s, rawPrefix) {
		return s
	}
	return Raw(b)
}
