package classify

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"port67/storage/option"
)

// option returns the value of an option as d types it; null if it is absent. A value that is not of its type
// is octets, and so is one of sub-options or named fields.
func (p *Packet) option(d *option.Definitions, def option.Def) ref.Val {
	data, ok := p.get(def.Code)
	if !ok {
		return types.NullValue
	}
	if def.Code == optUserClass {
		// RFC 3004 has a list, most clients send a bare text; an expression should not have to care.
		list := p.userClasses()
		if len(list) == 1 {
			return types.String(list[0])
		}
		return types.NewStringList(types.DefaultTypeAdapter, list)
	}
	fields := def.Type.Fields
	if len(fields) == 1 && !def.Type.List {
		switch fields[0].Kind {
		case option.Text:
			return types.String(textOf(trimNUL(data)))
		case option.Hex, option.VendorOptions, option.EnterpriseOptions:
			return types.Bytes(data)
		case option.Empty:
			return types.True
		}
	}
	v, err := d.Decode(def, data)
	if err != nil {
		return types.Bytes(data)
	}
	switch v := v.(type) {
	case string:
		return scalarOf(fields[0].Kind, v)
	case []string:
		return types.NewStringList(types.DefaultTypeAdapter, v)
	case []any:
		items := make([]ref.Val, 0, len(v))
		for i, item := range v {
			text, ok := item.(string)
			if !ok {
				return types.Bytes(data)
			}
			items = append(items, scalarOf(fields[min(i, len(fields)-1)].Kind, text))
		}
		return types.NewRefValList(types.DefaultTypeAdapter, items)
	}
	return types.Bytes(data)
}

// scalarOf returns one field of a value, from its text.
func scalarOf(k option.Kind, text string) ref.Val {
	switch k {
	case option.Uint8, option.Uint16, option.Uint32, option.Uint64, option.Int8, option.Int16, option.Int32:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return types.Int(n)
		}
	case option.Bool:
		return types.Bool(text == "true")
	}
	return types.String(text)
}

// sub returns the first sub-option of that code in an option that holds options of one octet of code and one
// of length. In option 43 0 is a filler and 255 ends the list (RFC 2132 §8.4), elsewhere they are codes (RFC
// 3046 §2.0).
func (p *Packet) sub(option, code uint8) ([]byte, bool) {
	const vendorOptions = 43
	data, _ := p.get(option)
	for len(data) > 0 {
		if option == vendorOptions && data[0] == 0 {
			data = data[1:]
			continue
		}
		if option == vendorOptions && data[0] == 255 || len(data) < 2 || len(data) < 2+int(data[1]) {
			return nil, false
		}
		if data[0] == code {
			return data[2 : 2+int(data[1])], true
		}
		data = data[2+int(data[1]):]
	}
	return nil, false
}

// vendorInfo returns the first sub-option of that code that option 125 holds for an enterprise (RFC 3925 §4).
func (p *Packet) vendorInfo(enterprise uint32, code uint8) []byte {
	data, _ := p.get(optVendorInfo)
	for len(data) >= 5 && len(data) >= 5+int(data[4]) {
		block := data[5 : 5+int(data[4])]
		for binary.BigEndian.Uint32(data) == enterprise && len(block) >= 2 && len(block) >= 2+int(block[1]) {
			if block[0] == code {
				return block[2 : 2+int(block[1])]
			}
			block = block[2+int(block[1]):]
		}
		data = data[5+int(data[4]):]
	}
	return nil
}

// trimNUL returns b without the NULs that some clients put behind a text (V4-017).
func trimNUL(b []byte) []byte { return bytes.TrimRight(b, "\x00") }

// textOf returns octets as text; where they are not UTF-8, each octet as the character of its number.
func textOf(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var s strings.Builder
	for _, o := range b {
		s.WriteRune(rune(o))
	}
	return s.String()
}

// hexOf returns octets as pairs of hex digits with separator between them.
func hexOf(b []byte, separator string) string {
	if separator == "" || len(b) == 0 {
		return hex.EncodeToString(b)
	}
	s := make([]byte, 0, len(b)*(2+len(separator)))
	for i := range b {
		if i > 0 {
			s = append(s, separator...)
		}
		s = hex.AppendEncode(s, b[i:i+1])
	}
	return string(s)
}

// substring returns length octets of b from start on, as many of them as there are. A negative start counts
// from the end; a negative length means all up to the end.
func substring(b []byte, start, length int64) []byte {
	size := int64(len(b))
	if start < 0 {
		start += size
	}
	end := size
	if length >= 0 && start <= size-length {
		end = start + length
	}
	start, end = max(start, 0), max(end, 0)
	if start >= size || start >= end {
		return nil
	}
	return b[start:end]
}

// field returns the n-th of the fields of s, from 1; none is empty.
func field(s, separator string, n int64) string {
	if separator == "" {
		if n == 1 {
			return s
		}
		return ""
	}
	for ; n > 1; n-- {
		_, rest, more := strings.Cut(s, separator)
		if !more {
			return ""
		}
		s = rest
	}
	if n < 1 {
		return ""
	}
	s, _, _ = strings.Cut(s, separator)
	return s
}

// ascii returns s with the letters from first to last in the other case.
func ascii(s string, first, last byte) string {
	b := []byte(s)
	for i, c := range b {
		if c >= first && c <= last {
			b[i] = c ^ 0x20
		}
	}
	return string(b)
}
