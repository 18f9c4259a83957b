package kea

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"port67/storage/config"
)

// optionDefs translates the definitions of options.
func (t *translator) optionDefs(obj *node) {
	standard := new(config.Config).Definitions()
	for _, n := range t.objects(obj, "option-def") {
		t.optionDef(n, standard)
	}
	c := t.draft.config()
	t.definitions = c.Definitions()
}

// optionDef reads one definition. Without standard ones to compare with it is a class's own.
func (t *translator) optionDef(n *node, standard *config.Definitions) {
	name, nameAt := t.text(n, "name")
	code, codeAt := t.uint(n, "code")
	kind, kindAt := t.text(n, "type")
	if nameAt == nil || codeAt == nil || kindAt == nil {
		t.left(n, "no name, code or type", "complete it; Kea would refuse it, too")
		return
	}
	in, _ := t.text(n, "space")
	inner, _ := t.text(n, "encapsulate")
	array, _ := t.bool(n, "array")
	records, _ := t.text(n, "record-types")
	f := optionForm{name: name, fields: []string{kind}, encapsulates: inner, array: array != nil && *array}
	if kind == "record" {
		f.fields = csvFields(records)
	}
	if in == "" {
		in = dhcp4Space
	}
	if standard == nil {
		t.local = append(t.local, defined{space{in, *code}, f})
		t.changed(n, "values were encoded by it; the definition itself has no place in a class", "")
		return
	}
	t.forms = append(t.forms, defined{space{in, *code}, f})
	if in != dhcp4Space {
		t.changed(n, "options of the space "+in+" become octets inside of the option that holds them", "")
		return
	}
	var words []string
	for i, k := range f.fields {
		w := ourTypes[k]
		if w == "" {
			t.left(n, "type "+k+" cannot be defined here; the option's values were taken as octets", "")
			return
		}
		if f.array && i == len(f.fields)-1 {
			w += " list"
		}
		words = append(words, w)
	}
	if def := standard.ByCode(uint8(*code)); *code < 256 && def.Name != "" {
		t.left(n, fmt.Sprintf("option %d is a standard one here: %s; values were encoded as Kea's file has it",
			*code, def.Name), "")
		return
	}
	if *code == 0 || *code > 254 {
		t.left(n, fmt.Sprintf("code %d: codes go from 1 to 254", *code), "")
		return
	}
	if inner != "" {
		words = []string{"hex"}
		t.changed(n, "the options inside become part of the value", "")
	} else {
		t.taken(n)
	}
	t.draft.definitions = append(t.draft.definitions, &definition{n, config.OptionDefinition{
		Name: name, Code: uint8(*code), Type: words,
	}})
}

// datum is one entry of option-data that has a value.
type datum struct {
	at     *node
	in     string
	code   uint32
	form   optionForm
	octets []byte
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
		if d := &data[i]; !d.at.told {
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
	value := slices.Clone(d.octets)
	inner := d.form.encapsulates
	if code == 125 && len(value) == 4 {
		inner = fmt.Sprintf("vendor-%d", binary.BigEndian.Uint32(value))
	}
	if inside := t.suboptions(inner, data); len(inside) > 0 {
		if code == 125 {
			value = append(value, byte(len(inside)))
		}
		value = append(value, inside...)
	}
	if slices.ContainsFunc(s.Options, func(o config.Option) bool { return o.Code == code }) {
		t.left(d.at, "the option stands twice at this level; the first was taken", "remove one of them")
		return
	}
	s.Options = append(s.Options, config.Option{Code: code, Data: value})
	if !d.at.told {
		t.taken(d.at)
	}
}

// suboptions returns the options of a space as they stand inside of another: code, length, value each.
func (t *translator) suboptions(in string, data []datum) []byte {
	var out []byte
	if in == "" {
		return nil
	}
	for i := range data {
		d := &data[i]
		switch {
		case d.in != in || d.at.told:
		case d.code > 255 || len(d.octets) > 255:
			t.left(d.at, "a sub-option has one octet for its code and one for its length", "")
		default:
			out = append(append(out, byte(d.code), byte(len(d.octets))), d.octets...)
			t.changed(d.at, "became octets inside of the option that holds it", "")
		}
	}
	return out
}

// suboptionAlone puts options of vendor spaces into option 43 or 125 where the level does not name these:
// Kea sends them all the same.
func (t *translator) suboptionAlone(s *settings, d *datum, data []datum) {
	enterprise, vendor := strings.CutPrefix(d.in, "vendor-")
	number, isNumber := parseUint(enterprise, 32)
	var code uint8
	var value []byte
	switch {
	case d.in == vendorSpace:
		code, value = 43, t.suboptions(vendorSpace, data)
	case vendor && isNumber:
		inside := t.suboptions(d.in, data)
		value = binary.BigEndian.AppendUint32(nil, uint32(number))
		code, value = 125, append(append(value, byte(len(inside))), inside...)
	default:
		t.left(d.at, "no option at this level holds the space "+d.in, "say the option that holds it, with hex:…")
		return
	}
	taken := func(o config.Option) bool { return o.Code == code }
	if slices.ContainsFunc(s.Options, taken) || len(value) > 255+5 {
		t.left(d.at, fmt.Sprintf("option %d has another value at this level", code), "say it by hand, with hex:…")
		return
	}
	s.Options = append(s.Options, config.Option{Code: code, Data: value})
	s.note(optionKey(code), d.at)
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
	if guard := guardOf(n); guard != nil {
		t.left(n, "only for some classes, and without that it would be sent to everybody",
			"give it to the class, in classes[].options")
		return d, false
	}
	always, _ := t.bool(n, "always-send")
	never, _ := t.bool(n, "never-send")
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
		d.octets, ignored, err = d.form.encode(text)
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
	if d.in == dhcp4Space {
		s.note(optionKey(uint8(d.code)), n)
	}
	return d, true
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
