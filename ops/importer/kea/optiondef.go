package kea

import (
	"fmt"
	"slices"
	"strings"

	"port67/storage/config"
	"port67/storage/option"
)

// optionDefs translates the definitions of options and of sub-options.
func (t *translator) optionDefs(obj *node) {
	for _, n := range t.objects(obj, "option-def") {
		t.optionDef(n, false)
	}
	t.definitions = t.draft.config().Definitions()
}

// optionDef reads one definition. One that is a class's own is known to the class only.
func (t *translator) optionDef(n *node, own bool) {
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
	switch {
	case own:
		t.local = append(t.local, defined{space{in, *code}, f})
		t.changed(n, "values were encoded by it; the definition itself has no place in a class", "")
		return
	case in == agentSpace:
		t.changed(n, "sub-options of option 82 are named by their number", "")
	case *code == 0 || *code > 254:
		t.left(n, fmt.Sprintf("code %d: codes go from 1 to 254", *code), "")
	case in == dhcp4Space && option.Reserved(uint8(*code)):
		def := new(config.Config).Definitions().ByCode(uint8(*code))
		t.left(n, fmt.Sprintf("option %d is a standard one here: %s; values were encoded as Kea's file has it",
			*code, def.Name), "")
	default:
		t.define(n, in, uint8(*code), f)
	}
	t.forms = append(t.forms, defined{space{in, *code}, f})
}

// define puts a definition into the draft.
func (t *translator) define(n *node, in string, code uint8, f optionForm) {
	def := &definition{n, config.OptionDefinition{Name: f.name, Code: code}}
	if name := cleanName(f.name); name != f.name {
		def.Name = name
		t.changed(n, "became "+name, "")
	}
	switch {
	case f.encapsulates != "" && len(f.fields) == 1 && f.fields[0] == "empty":
		def.Space = t.spaceOf(n, f.encapsulates).name
	case f.encapsulates != "":
		def.Type = []string{"hex"}
		t.changed(n, "the options inside become part of the value", "")
	default:
		for i, k := range f.fields {
			w := ourTypes[k]
			if w == "" {
				t.left(n, "type "+k+" cannot be defined here; the option's values were taken as octets", "")
				return
			}
			if f.array && i == len(f.fields)-1 {
				w += " list"
			}
			def.Type = append(def.Type, w)
		}
	}
	if !n.told {
		t.taken(n)
	}
	if in == dhcp4Space {
		t.draft.definitions = append(t.draft.definitions, def)
		return
	}
	s := t.spaceOf(n, in)
	s.options = append(s.options, def)
}

// spaceOf returns a space of sub-options, which it makes if there is none of Kea's name. A name that means
// another space here becomes another.
func (t *translator) spaceOf(n *node, kea string) *optionSpace {
	for _, s := range t.draft.spaces {
		if s.kea == kea {
			return s
		}
	}
	s := &optionSpace{at: n, kea: kea, name: cleanName(kea)}
	if number, ok := strings.CutPrefix(kea, enterprisePrefix); ok {
		v, _ := parseUint(number, 32)
		s.enterprise = uint32(v)
	}
	taken := func(name string) bool {
		return name == option.Enterprises ||
			slices.ContainsFunc(option.StandardSpaces(), func(o option.Space) bool { return o.Name == name }) ||
			slices.ContainsFunc(t.draft.spaces, func(o *optionSpace) bool { return o.name == name })
	}
	for base, i := s.name[:min(len(s.name), 56)], 2; taken(s.name); i++ {
		s.name = fmt.Sprintf("%s-%d", base, i)
	}
	if s.name != kea {
		t.remarkOn(n, n.element, "the space "+kea+" became "+s.name)
	}
	t.draft.spaces = append(t.draft.spaces, s)
	return s
}

// ourSpace returns our name of a space, none if the file defines nothing in it.
func (t *translator) ourSpace(kea string) string {
	for _, s := range t.draft.spaces {
		if s.kea == kea {
			return s.name
		}
	}
	return ""
}

// standAlone makes octets of sub-options that we would put together with those of other levels: Kea does that
// for enterprises only (option 125).
func (t *translator) standAlone() {
	sets := make(map[string]map[string]bool) // of codes, by option and space
	t.eachComposed(func(o *config.Option, _ *node) {
		key := fmt.Sprintf("%d %s", o.Code, o.Space)
		if sets[key] == nil {
			sets[key] = make(map[string]bool)
		}
		sets[key][codesIn(o.Data)] = true
	})
	t.eachComposed(func(o *config.Option, at *node) {
		if len(sets[fmt.Sprintf("%d %s", o.Code, o.Space)]) < 2 {
			return
		}
		o.Space = ""
		t.instead(at, "became octets, so that it gets none of the sub-options that other levels have")
	})
}

// eachComposed calls f with every option that is made of sub-options but those of enterprises.
func (t *translator) eachComposed(f func(o *config.Option, at *node)) {
	for _, s := range t.draft.levels() {
		for i := range s.Options {
			if o := &s.Options[i]; o.Space != "" && o.Space != option.Enterprises {
				f(o, s.at[optionKey(o.Code)])
			}
		}
		for i := range s.guarded {
			if g := &s.guarded[i]; g.Space != "" && g.Space != option.Enterprises {
				f(&g.Option, g.at)
			}
		}
	}
}

// codesIn returns the codes of sub-options, as Encode puts them together.
func codesIn(data []byte) string {
	var codes []byte
	for len(data) >= 2 {
		codes = append(codes, data[0])
		data = data[min(len(data), 2+int(data[1])):]
	}
	return string(codes)
}
