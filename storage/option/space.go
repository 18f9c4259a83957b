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

// Space is sub-options with codes of their own: those of a vendor in option 43 (RFC 2132 §8.4), of an
// enterprise in option 125 (RFC 3925 §4), or those inside an option that has some.
type Space struct {
	Name string
	// Enterprise is the number of the enterprise whose sub-options in option 125 these are; 0 if of none.
	Enterprise uint32
	// End says that an End sub-option closes the space in option 43. Some boot ROMs look for it.
	End bool
	// Options are the sub-options by ascending code.
	Options []Def
	RFC     string // as in RFC 3495 §5; empty for a space of the administrator's own
}

// Enterprises is the space of option 125 as a whole: its codes are the numbers of enterprises. No space of
// sub-options has this name.
const Enterprises = "enterprises"

// subOptionMax is the most that a sub-option holds: its length has one octet.
const subOptionMax = 255

// The codes without a length in option 43 (RFC 2132 §8.4).
const (
	subPad = 0
	subEnd = 255
)

// byCode returns the definition of a sub-option. One that nobody has defined has no name and is octets.
func (s *Space) byCode(code uint8) Def {
	i := slices.IndexFunc(s.Options, func(o Def) bool { return o.Code == code })
	if i < 0 {
		return Def{Code: code, Type: one(Hex)}
	}
	return s.Options[i]
}

// find returns the definition of the sub-option that name names: its name or its code.
func (s *Space) find(name string) (Def, error) {
	if n, err := strconv.ParseUint(name, 10, 64); err == nil {
		if n == subPad || n >= subEnd {
			return Def{}, fmt.Errorf("sub-option %s of %s: codes go from 1 to 254", name, s.Name)
		}
		return s.byCode(uint8(n)), nil
	}
	names := make([]string, 0, len(s.Options))
	for _, o := range s.Options {
		if o.Name == name {
			return o, nil
		}
		names = append(names, o.Name)
	}
	return Def{}, fmt.Errorf("sub-option %s of %s unknown%s: define it, or give its code", name, s.Name,
		Suggest(name, names))
}

// sub is one sub-option.
type sub struct {
	code uint8
	data []byte
}

// cutSubOptions reads sub-options up to the end or to an End sub-option, and says whether there was one.
func cutSubOptions(b []byte) (list []sub, end bool, err error) {
	for len(b) > 0 {
		switch {
		case b[0] == subPad:
			b = b[1:]
			continue
		case b[0] == subEnd:
			return list, true, nil
		case len(b) < 2 || len(b)-2 < int(b[1]):
			return nil, false, errors.New("a sub-option that is cut off")
		}
		n := 2 + int(b[1])
		list = append(list, sub{b[0], b[2:n]})
		b = b[n:]
	}
	return list, false, nil
}

func joinSubOptions(list []sub, end bool) []byte {
	slices.SortStableFunc(list, func(a, b sub) int { return cmp.Compare(a.code, b.code) })
	var out []byte
	for _, o := range list {
		out = append(append(out, o.code, byte(len(o.data))), o.data...)
	}
	if end {
		out = append(out, subEnd)
	}
	return out
}

// encodeSubOptions encodes a mapping of sub-options, by ascending code.
func (d *Definitions) encodeSubOptions(space string, v any) ([]byte, error) {
	s, err := d.Space(space)
	if err != nil {
		return nil, err
	}
	return d.encodeSpace(s, v, false)
}

func (d *Definitions) encodeSpace(s *Space, v any, end bool) ([]byte, error) {
	m, ok := v.(Mapping)
	if !ok || len(m) == 0 {
		return nil, fmt.Errorf("%s where a mapping of sub-options of %s is wanted; write octets as hex:…",
			formOf(v), s.Name)
	}
	var list []sub
	for _, p := range m {
		def, err := s.find(p.Name)
		if err != nil {
			return nil, err
		}
		data, err := d.encode(def.Type, p.Value)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		case len(data) > subOptionMax:
			return nil, fmt.Errorf("%s: %d octets, a sub-option has at most %d", p.Name, len(data), subOptionMax)
		case slices.ContainsFunc(list, func(o sub) bool { return o.code == def.Code }):
			return nil, fmt.Errorf("%s: sub-option %d stands twice", p.Name, def.Code)
		}
		list = append(list, sub{def.Code, data})
	}
	return joinSubOptions(list, end), nil
}

func (d *Definitions) decodeSubOptions(space string, data []byte) (any, error) {
	s, err := d.Space(space)
	if err != nil {
		return nil, err
	}
	return d.decodeSpace(s, data)
}

func (d *Definitions) decodeSpace(s *Space, data []byte) (Mapping, error) {
	list, _, err := cutSubOptions(data)
	if err != nil {
		return nil, err
	}
	m := make(Mapping, 0, len(list))
	for _, o := range list {
		def := s.byCode(o.code)
		name := def.Name
		if name == "" {
			name = strconv.Itoa(int(o.code))
		}
		m = append(m, Pair{name, d.subValue(def.Type, o.data)})
	}
	return m, nil
}

// subValue returns the value of a sub-option as encode takes it.
func (d *Definitions) subValue(t Type, data []byte) any {
	v, err := d.decode(t, data)
	if err != nil {
		return Raw(data)
	}
	if again, err := d.encode(t, v); err != nil || string(again) != string(data) {
		return Raw(data)
	}
	return v
}

// encodeVendor encodes option 43: the sub-options of one space, which the value names, or octets.
func (d *Definitions) encodeVendor(v any) ([]byte, string, error) {
	m, ok := v.(Mapping)
	if !ok {
		s, ok := scalar(v)
		if !ok {
			return nil, "", fmt.Errorf("%s where sub-options as {SPACE: {NAME: VALUE}} or octets as hex:… or "+
				"text:… are wanted", formOf(v))
		}
		data, err := parseOctets(s)
		return data, "", err
	}
	if len(m) != 1 {
		return nil, "", fmt.Errorf("%d spaces: the option holds the sub-options of one", len(m))
	}
	s, err := d.Space(m[0].Name)
	if err != nil {
		return nil, "", err
	}
	data, err := d.encodeSpace(s, m[0].Value, s.End)
	return data, s.Name, err
}

func (d *Definitions) decodeVendor(space string, data []byte) (any, error) {
	s, err := d.Space(space)
	if err != nil {
		return nil, err
	}
	m, err := d.decodeSpace(s, data)
	return Mapping{{space, m}}, err
}

// block is what one enterprise has in option 125.
type block struct {
	enterprise uint32
	data       []byte
}

// blockHeaderLen is the size of an enterprise's number and the length of its data.
const blockHeaderLen = 5

func cutBlocks(b []byte) (list []block, err error) {
	for len(b) > 0 {
		if len(b) < blockHeaderLen || len(b)-blockHeaderLen < int(b[4]) {
			return nil, errors.New("an enterprise's data that is cut off")
		}
		n := blockHeaderLen + int(b[4])
		list = append(list, block{binary.BigEndian.Uint32(b), b[blockHeaderLen:n]})
		b = b[n:]
	}
	return list, nil
}

func joinBlocks(list []block) []byte {
	slices.SortStableFunc(list, func(a, b block) int { return cmp.Compare(a.enterprise, b.enterprise) })
	var out []byte
	for _, e := range list {
		out = append(binary.BigEndian.AppendUint32(out, e.enterprise), byte(len(e.data)))
		out = append(out, e.data...)
	}
	return out
}

// encodeEnterprises encodes option 125: sub-options, or octets, by the number or the space of an enterprise.
// The number of an enterprise stands once (RFC 3925 §4).
func (d *Definitions) encodeEnterprises(v any) ([]byte, error) {
	m, ok := v.(Mapping)
	if !ok || len(m) == 0 {
		return nil, fmt.Errorf("%s where {ENTERPRISE: {NAME: VALUE}} is wanted; write octets as hex:…", formOf(v))
	}
	var list []block
	for _, p := range m {
		s, err := d.enterprise(p.Name)
		if err != nil {
			return nil, err
		}
		var data []byte
		if text, ok := scalar(p.Value); ok {
			data, err = parseOctets(text)
		} else {
			data, err = d.encodeSpace(s, p.Value, false)
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		case len(data) > subOptionMax:
			return nil, fmt.Errorf("%s: %d octets, an enterprise has at most %d", p.Name, len(data), subOptionMax)
		case slices.ContainsFunc(list, func(e block) bool { return e.enterprise == s.Enterprise }):
			return nil, fmt.Errorf("%s: enterprise %d stands twice", p.Name, s.Enterprise)
		}
		list = append(list, block{s.Enterprise, data})
	}
	return joinBlocks(list), nil
}

func (d *Definitions) decodeEnterprises(data []byte) (any, error) {
	list, err := cutBlocks(data)
	if err != nil {
		return nil, err
	}
	m := make(Mapping, 0, len(list))
	for _, e := range list {
		s, name := d.byEnterprise(e.enterprise)
		var v any = octetsWords(e.data)
		if subs, err := d.decodeSpace(s, e.data); err == nil && len(subs) > 0 {
			if again, err := d.encodeSpace(s, subs, false); err == nil && string(again) == string(e.data) {
				v = subs
			}
		}
		m = append(m, Pair{name, v})
	}
	return m, nil
}

// enterprise returns the space that name names: a space with the number of an enterprise, or such a number.
func (d *Definitions) enterprise(name string) (*Space, error) {
	if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		s, _ := d.byEnterprise(uint32(n))
		return s, nil
	}
	s, err := d.Space(name)
	if err != nil {
		return nil, err
	}
	if s.Enterprise == 0 {
		return nil, fmt.Errorf("space %s has no enterprise number: give it one, or write the number here", name)
	}
	return s, nil
}

// byEnterprise returns the space of an enterprise and what to call it. One that nobody has defined knows no
// sub-options by name.
func (d *Definitions) byEnterprise(n uint32) (*Space, string) {
	for i := range d.spaces {
		if s := &d.spaces[i]; s.Enterprise == n && n != 0 {
			return s, s.Name
		}
	}
	digits := strconv.FormatUint(uint64(n), 10)
	return &Space{Name: "enterprise " + digits, Enterprise: n}, digits
}

// Space returns the space of that name.
func (d *Definitions) Space(name string) (*Space, error) {
	names := make([]string, 0, len(d.spaces))
	for i := range d.spaces {
		if d.spaces[i].Name == name {
			return &d.spaces[i], nil
		}
		names = append(names, d.spaces[i].Name)
	}
	return nil, fmt.Errorf("space %s unknown%s: one of %s, or define it in option-spaces", name,
		Suggest(name, names), strings.Join(names, ", "))
}

// Merge returns the sub-options of outer with those of inner in their place or beside them. Both were made by
// Encode for the same space. A sub-option is taken whole: what it holds inside is not merged. If the result
// does not fit, because one enterprise would have too much, inner stands alone and fits is false.
func Merge(space string, outer, inner []byte) (merged []byte, fits bool) {
	if space != Enterprises {
		return mergeSubOptions(outer, inner), true
	}
	above, errAbove := cutBlocks(outer)
	below, errBelow := cutBlocks(inner)
	if errAbove != nil || errBelow != nil {
		return inner, false
	}
	for _, e := range above {
		i := slices.IndexFunc(below, func(b block) bool { return b.enterprise == e.enterprise })
		if i < 0 {
			below = append(below, e)
		} else if below[i].data = mergeSubOptions(e.data, below[i].data); len(below[i].data) > subOptionMax {
			return inner, false
		}
	}
	return joinBlocks(below), true
}

// mergeSubOptions is Merge for one space. Octets that are no sub-options are not merged: inner stands.
func mergeSubOptions(outer, inner []byte) []byte {
	above, _, errAbove := cutSubOptions(outer)
	below, end, errBelow := cutSubOptions(inner)
	if errAbove != nil || errBelow != nil {
		return inner
	}
	for _, o := range above {
		if !slices.ContainsFunc(below, func(b sub) bool { return b.code == o.code }) {
			below = append(below, o)
		}
	}
	return joinSubOptions(below, end)
}
