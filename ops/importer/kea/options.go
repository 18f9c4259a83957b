package kea

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"port67/storage/config"
	"port67/storage/option"
)

// datum is one entry of option-data that has a value.
type datum struct {
	at      *node
	in      string
	code    uint32
	form    optionForm
	octets  []byte
	classes []string // for which alone it is
	inside  bool     // it became part of another
}

// options translates the options of one level.
func (t *translator) options(obj *node, s *settings) {
	var data []datum
	for _, n := range t.objects(obj, "option-data") {
		if d, ok := t.optionData(n, s); ok {
			data = append(data, d)
		}
	}
	for i := range data {
		if d := &data[i]; d.in == dhcp4Space {
			t.setOption(s, d, data)
		}
	}
	for i := range data {
		if d := &data[i]; d.in != dhcp4Space && !d.inside && !d.at.told {
			t.suboptionAlone(s, d, data)
		}
	}
}

// setOption puts an option of DHCP into s, with the options that stand inside of it.
func (t *translator) setOption(s *settings, d *datum, data []datum) {
	code := uint8(d.code)
	if why := config.RefusedOption(code); why != "" {
		t.left(d.at, "option "+strconv.Itoa(int(code))+" "+why, "")
		return
	}
	same := func(o config.Option) bool { return o.Code == code }
	if slices.ContainsFunc(s.Options, same) {
		t.left(d.at, "the option stands before this for all clients; that was taken", "remove one of them")
		return
	}
	o := t.composed(d, data)
	if len(d.classes) > 0 {
		s.guarded = append(s.guarded, guarded{
			at: d.at, GuardedOption: config.GuardedOption{Option: o, Classes: d.classes},
		})
	} else {
		s.Options = append(s.Options, o)
	}
	if !d.at.told {
		t.taken(d.at)
	}
}

// composed returns an option with all that stands inside of it: as sub-options of a space where that can be
// said, else as octets.
func (t *translator) composed(d *datum, data []datum) config.Option {
	code := uint8(d.code)
	def := t.definitions.ByCode(code)
	var v option.Mapping
	value := slices.Clone(d.octets)
	inner := t.suboptions(d.form.encapsulates, data, 0)
	switch {
	case code == 125 && len(value) == 4:
		number := strconv.FormatUint(uint64(binary.BigEndian.Uint32(value)), 10)
		inner = t.suboptions(enterprisePrefix+number, data, 0)
		v = option.Mapping{{Name: number, Value: inner.mapping()}}
		value = append(value, byte(len(inner.octets())))
	case len(value) > 0 || len(inner) == 0:
	case code == 43 && t.ourSpace(d.form.encapsulates) != "":
		v = option.Mapping{{Name: t.ourSpace(d.form.encapsulates), Value: inner.mapping()}}
	case def.Type.Space != "":
		v = inner.mapping()
	}
	if len(inner) > 0 && v != nil {
		if octets, in, err := t.definitions.Encode(def, v); err == nil {
			return config.Option{Code: code, Data: octets, Space: in}
		}
	}
	if octets, ok := t.canonical(def, value); ok {
		value = octets
	}
	return config.Option{Code: code, Data: append(value, inner.octets()...)}
}

// canonical returns the octets that we make of a list of domain names: Kea does not let them share their ends
// (RFC 3397 §2), and a client reads the same.
func (t *translator) canonical(def option.Def, octets []byte) ([]byte, bool) {
	if len(def.Type.Fields) != 1 || def.Type.Fields[0].Kind != option.SearchList {
		return nil, false
	}
	v, err := t.definitions.Decode(def, octets)
	if err != nil {
		return nil, false
	}
	octets, _, err = t.definitions.Encode(def, v)
	return octets, err == nil
}

// suboption is an option of a space with its value.
type suboption struct {
	code   uint8
	octets []byte
}

// suboptions is the options of one space, by ascending code.
type suboptions []suboption

// octets returns them as they stand inside of an option: code, length, value each.
func (list suboptions) octets() []byte {
	var out []byte
	for _, o := range list {
		out = append(append(out, o.code, byte(len(o.octets))), o.octets...)
	}
	return out
}

// mapping returns them as an administrator would write them, without their names.
func (list suboptions) mapping() option.Mapping {
	var out option.Mapping
	for _, o := range list {
		out = append(out, option.Pair{Name: strconv.Itoa(int(o.code)), Value: option.Raw(o.octets)})
	}
	return out
}

// suboptionDepthMax is how deep options may lie in others.
const suboptionDepthMax = 3

// suboptions returns the options of a space at this level, with those that stand inside of them.
func (t *translator) suboptions(in string, data []datum, depth int) suboptions {
	var out suboptions
	if in == "" || depth == suboptionDepthMax {
		return nil
	}
	for i := range data {
		d := &data[i]
		if d.in != in {
			continue
		}
		octets := append(slices.Clone(d.octets), t.suboptions(d.form.encapsulates, data, depth+1).octets()...)
		switch {
		case d.inside || !d.at.told:
		default:
			continue // Left behind.
		}
		if d.code > 255 || len(octets) > 255 {
			t.left(d.at, "a sub-option has one octet for its code and one for its length", "")
			continue
		}
		if out = append(out, suboption{uint8(d.code), octets}); !d.inside {
			d.inside = true
			t.changed(d.at, "became part of the option that holds it", "")
		}
	}
	slices.SortStableFunc(out, func(a, b suboption) int { return cmp.Compare(a.code, b.code) })
	return out
}

// suboptionAlone puts options of vendor spaces into option 43 or 125 where the level does not name these:
// Kea sends them all the same.
func (t *translator) suboptionAlone(s *settings, d *datum, data []datum) {
	enterprise, vendor := strings.CutPrefix(d.in, enterprisePrefix)
	number, isNumber := parseUint(enterprise, 32)
	holder := datum{at: d.at, in: dhcp4Space}
	switch {
	case d.in == vendorSpace:
		holder.code, holder.form.encapsulates = 43, vendorSpace
	case vendor && isNumber:
		holder.code, holder.octets = 125, binary.BigEndian.AppendUint32(nil, uint32(number))
	case d.in == agentSpace:
		t.left(d.at, "option 82 belongs to the relay agent and goes back as it came", "")
		return
	default:
		t.left(d.at, "no option at this level holds the space "+d.in, "say the option that holds it")
		return
	}
	code := uint8(holder.code)
	o := t.composed(&holder, data)
	i := slices.IndexFunc(s.Options, func(o config.Option) bool { return o.Code == code })
	switch {
	case i < 0:
		s.Options = append(s.Options, o)
		s.note(optionKey(code), d.at)
	case code == 125 && o.Space == option.Enterprises && s.Options[i].Space == o.Space:
		s.Options[i].Data, _ = option.Merge(o.Space, s.Options[i].Data, o.Data)
	default:
		t.left(d.at, fmt.Sprintf("option %d has another value at this level", code), "say it by hand, with hex:…")
	}
}

// optionData reads one entry. It notes what is always and what is never sent.
func (t *translator) optionData(n *node, s *settings) (datum, bool) {
	d, ok := t.whichOption(n)
	if !ok {
		return d, false
	}
	if d.in == dhcp4Space && (d.code == 0 || d.code > 254) {
		t.left(n, fmt.Sprintf("code %d: codes go from 1 to 254", d.code), "")
		return d, false
	}
	if !t.optionGuard(n, &d) {
		return d, false
	}
	always, _ := t.bool(n, "always-send")
	never, _ := t.bool(n, "never-send")
	if len(d.classes) > 0 && never != nil && *never {
		t.left(n, "never sent to some classes, which is not to be had here",
			"say never-send in the class")
		return d, false
	}
	if d.in == dhcp4Space && (always != nil && *always || never != nil && *never) {
		if why := config.RefusedOption(uint8(d.code)); why != "" {
			t.left(n, fmt.Sprintf("option %d %s", d.code, why), "")
			return d, false
		}
		s.note(optionKey(uint8(d.code)), n)
		if never != nil && *never {
			s.NeverSend = appendCode(s.NeverSend, uint8(d.code))
			t.taken(n)
			return d, false
		}
		s.AlwaysSend = appendCode(s.AlwaysSend, uint8(d.code))
	}
	return t.optionValue(n, d, s)
}

func appendCode(codes []uint8, code uint8) []uint8 {
	if slices.Contains(codes, code) {
		return codes
	}
	return append(codes, code)
}

// optionValue reads the value of an entry.
func (t *translator) optionValue(n *node, d datum, s *settings) (datum, bool) {
	text, at := t.text(n, "data")
	csv, _ := t.bool(n, "csv-format")
	var ignored int
	var err error
	switch {
	case at == nil && n.get("data") != nil:
		t.left(n, "its data is no text", "correct it")
		return d, false
	case csv != nil && !*csv, d.form.fields == nil:
		d.octets, err = parseOctets(text)
	default:
		d.octets, ignored, err = d.form.encode(t.definitions, text)
	}
	if err != nil {
		t.left(n, "data: "+err.Error(), "say the option by hand, with hex:… if need be")
		return d, false
	}
	holds := d.form.encapsulates != "" || d.code == 125
	if len(d.octets) == 0 && d.in == dhcp4Space && !holds && !slices.Equal(d.form.fields, []string{"empty"}) {
		t.left(n, "no data, and no option that holds others", "remove it, or say its value")
		return d, false
	}
	if ignored > 0 {
		t.changed(n, fmt.Sprintf("the option has room for less: %d behind it left out, as by Kea; a comma in a "+
			"text is written \\\\,", ignored), "")
	}
	d.at = n
	if d.in == dhcp4Space && len(d.classes) == 0 {
		s.note(optionKey(uint8(d.code)), n)
	}
	return d, true
}

// optionGuard notes for which classes alone an entry is. It says whether the entry can be kept.
func (t *translator) optionGuard(n *node, d *datum) bool {
	var kept bool
	switch d.classes, kept = t.guard(n, nil); {
	case !kept:
		t.shut(n)
	case len(d.classes) > 0 && d.in != dhcp4Space:
		t.left(n, "only for some classes, and here that is said of an option as a whole",
			"say the option that holds it for these classes")
		return false
	}
	return kept
}

// whichOption finds the option that an entry is about.
func (t *translator) whichOption(n *node) (datum, bool) {
	d := datum{at: n, in: dhcp4Space}
	if in, at := t.text(n, "space"); at != nil {
		d.in = in
	}
	name, nameAt := t.text(n, "name")
	code, codeAt := t.uint(n, "code")
	if codeAt != nil {
		d.code = *code
	}
	for _, f := range slices.Concat(t.local, t.forms) {
		same := codeAt == nil && f.optionForm.name == name
		if f.space.name == d.in && (same || codeAt != nil && f.code == *code) {
			d.code, d.form = f.code, f.optionForm
			return d, true
		}
	}
	if standard, ok := t.standardSub(d.in, name, code); ok {
		d.code, d.form = uint32(standard.Code), standardForm(standard)
		return d, true
	}
	switch {
	case d.in != dhcp4Space && codeAt == nil:
		t.left(n, "option "+name+" of the space "+d.in+" is not defined", "define it, or give its code")
		return d, false
	case d.in != dhcp4Space, codeAt != nil && *code > 254:
		return d, true
	case codeAt == nil && nameAt == nil:
		t.left(n, "neither name nor code", "complete it; Kea would refuse it, too")
		return d, false
	}
	word := name
	if codeAt != nil {
		word = strconv.Itoa(int(*code))
	}
	def, err := t.definitions.Find(word)
	if err != nil {
		t.left(n, err.Error(), "")
		return d, false
	}
	d.code = uint32(def.Code)
	if def.Name != "" {
		d.form = standardForm(def)
	}
	return d, true
}

// standardSub returns a sub-option of an enterprise that the registry knows, by name or code.
func (t *translator) standardSub(in, name string, code *uint32) (option.Def, bool) {
	enterprise, _ := strings.CutPrefix(in, enterprisePrefix)
	number, ok := parseUint(enterprise, 32)
	for _, s := range option.StandardSpaces() {
		if !ok || number == 0 || uint64(s.Enterprise) != number {
			continue
		}
		for _, o := range s.Options {
			if code == nil && o.Name == name || code != nil && uint32(o.Code) == *code {
				return o, true
			}
		}
	}
	return option.Def{}, false
}
