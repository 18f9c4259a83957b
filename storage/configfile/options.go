package configfile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"port67/storage/config"
	"port67/storage/option"
)

// optionDefinitions reads options that the registry does not know.
func (d *decoder) optionDefinitions(path string, n ast.Node) {
	d.definitionList(path, n, &d.config.OptionDefinitions)
	d.definitions = d.config.Definitions()
}

// optionSpaces reads sub-options that the registry does not know.
func (d *decoder) optionSpaces(path string, n ast.Node) {
	d.sequence(path, n, func(_ int, path string, n ast.Node) {
		var s config.OptionSpace
		d.mapping(path, n, []key{
			{name: "name", take: value(d, &s.Name, asIs)},
			{name: "enterprise", take: value(d, &s.Enterprise, enterprise)},
			{name: "end", take: value(d, &s.End, config.ParseBool)},
			{name: "options", take: func(path string, n ast.Node) { d.definitionList(path, n, &s.Options) }},
		})
		d.config.OptionSpaces = append(d.config.OptionSpaces, s)
	})
	d.definitions = d.config.Definitions()
}

func (d *decoder) definitionList(path string, n ast.Node, to *[]config.OptionDefinition) {
	d.sequence(path, n, func(_ int, path string, n ast.Node) {
		var o config.OptionDefinition
		d.mapping(path, n, []key{
			{name: "name", take: value(d, &o.Name, asIs)},
			{name: "code", take: value(d, &o.Code, code)},
			{name: "type", take: values(d, &o.Type, asIs)},
			{name: "fields", take: values(d, &o.Fields, asIs)},
			{name: "repeat", take: value(d, &o.Repeat, config.ParseBool)},
			{name: "space", take: value(d, &o.Space, asIs)},
		})
		*to = append(*to, o)
	})
}

// enterprise reads the number that IANA gave to an enterprise.
func enterprise(s string) (uint32, error) {
	v, err := strconv.ParseUint(s, 10, 32)
	if err != nil || v == 0 {
		return 0, fmt.Errorf("%q is no enterprise number: 1 to 4294967295", s)
	}
	return uint32(v), nil
}

// replySize reads the size of a datagram.
func replySize(s string) (uint16, error) {
	v, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is no size: 328 to 1500 octets", s)
	}
	return uint16(v), nil
}

// options reads options by name or code. Their order in the file means nothing.
func (d *decoder) options(path string, n ast.Node, s *config.Settings) {
	pairs, ok := d.pairs(path, n)
	if !ok {
		return
	}
	first := make(map[uint8]int)
	for _, p := range pairs {
		at := positionOf(p.Key.GetToken())
		def, err := d.definitions.Find(keyText(p))
		if err != nil {
			d.report(at, path, "%v", err)
			continue
		}
		here := path + "." + d.definitions.Name(def.Code)
		if line, taken := first[def.Code]; taken {
			d.report(at, here, "option %d stands twice: first in line %d", def.Code, line)
			continue
		}
		first[def.Code] = at.line
		if why := config.RefusedOption(def.Code); why != "" {
			d.report(at, here, "option %d %s", def.Code, why)
			continue
		}
		d.at[here] = startOf(p.Value)
		if alternatives, ok := byClass(p.Value); ok {
			d.optionByClass(here, def, alternatives, s)
			continue
		}
		if o, ok := d.option(here, def, p.Value); ok {
			s.Options = append(s.Options, o)
		}
	}
	config.SortOptions(s.Options)
	slices.SortStableFunc(s.Guarded, func(a, b config.GuardedOption) int { return cmp.Compare(a.Code, b.Code) })
}

// option reads the value of an option.
func (d *decoder) option(path string, def option.Def, n ast.Node) (config.Option, bool) {
	v, ok := d.optionValue(path, n)
	if !ok {
		return config.Option{}, false
	}
	data, space, err := d.definitions.Encode(def, v)
	if err != nil {
		d.report(startOf(n), path, "%v", err)
	}
	return config.Option{Code: def.Code, Data: data, Space: space}, err == nil
}

// byClass returns the values of an option that depend on the client's classes: one {value: …, classes: …}, or
// a list of them. It is false for a value that all clients get.
func byClass(n ast.Node) ([]ast.Node, bool) {
	nodes := []ast.Node{n}
	if list, ok := n.(*ast.SequenceNode); ok {
		nodes = list.Values
	}
	for _, n := range nodes {
		var pairs []*ast.MappingValueNode
		switch n := n.(type) {
		case *ast.MappingNode:
			pairs = n.Values
		case *ast.MappingValueNode:
			pairs = append(pairs, n)
		}
		if !slices.ContainsFunc(pairs, func(p *ast.MappingValueNode) bool { return keyText(p) == "value" }) {
			return nil, false
		}
	}
	return nodes, len(nodes) > 0
}

// optionByClass reads the values of one option for several classes. The first whose classes fit counts; the
// last may be without classes, for everybody else.
func (d *decoder) optionByClass(path string, def option.Def, alternatives []ast.Node,
	s *config.Settings,
) {
	for i, n := range alternatives {
		here := path + "[" + strconv.Itoa(i) + "]"
		d.at[here] = startOf(n)
		var o config.GuardedOption
		read, guarded := false, false
		d.mapping(here, n, []key{
			{name: "value", take: func(path string, n ast.Node) { o.Option, read = d.option(path, def, n) }},
			{name: "classes", take: func(path string, n ast.Node) {
				guarded = true
				values(d, &o.Classes, asIs)(path, n)
			}},
		})
		switch {
		case !read:
		case guarded:
			s.Guarded = append(s.Guarded, o)
		case i == len(alternatives)-1:
			s.Options = append(s.Options, o.Option)
		default:
			d.report(startOf(n), here, "no classes: all clients get this value and none those behind it; put it last")
		}
	}
}

// optionValue returns a value as Encode takes it: text, a list, or a mapping of these.
func (d *decoder) optionValue(path string, n ast.Node) (any, bool) {
	switch n := n.(type) {
	case *ast.SequenceNode:
		items := make([]any, 0, len(n.Values))
		for _, v := range n.Values {
			item, ok := d.optionValue(path, v)
			if !ok {
				return nil, false
			}
			items = append(items, item)
		}
		return items, true
	case *ast.MappingNode, *ast.MappingValueNode:
		pairs, _ := d.pairs(path, n)
		m := make(option.Mapping, 0, len(pairs))
		for _, p := range pairs {
			v, ok := d.optionValue(path, p.Value)
			if !ok {
				return nil, false
			}
			m = append(m, option.Pair{Name: keyText(p), Value: v})
		}
		return m, true
	}
	if _, ok := scalarText(n); !ok {
		d.wrong(path, n, "a value, a list or a mapping")
		return nil, false
	}
	return d.text(path, n)
}

// codes returns a function that reads a list of options by name or code. Their order means nothing.
func (d *decoder) codes(to *[]uint8) func(string, ast.Node) {
	return func(path string, n ast.Node) {
		values(d, to, func(s string) (uint8, error) {
			def, err := d.definitions.Find(strings.TrimSpace(s))
			if err != nil {
				return 0, err
			}
			if why := config.RefusedOption(def.Code); why != "" {
				return 0, fmt.Errorf("option %d %s", def.Code, why)
			}
			return def.Code, nil
		})(path, n)
		*to = slices.DeleteFunc(*to, func(code uint8) bool { return code == 0 }) // reported already
		slices.SortFunc(*to, func(a, b uint8) int { return cmp.Compare(a, b) })
	}
}

// definitionsOf writes options that the registry does not know.
func (w *writer) definitionsOf(name string, list []config.OptionDefinition) {
	w.list(name, len(list), func(i int) {
		o := &list[i]
		w.pair("name", quote(o.Name))
		w.pair("code", strconv.Itoa(int(o.Code)))
		if len(o.Type) > 0 {
			w.pair("type", flow(o.Type, quote))
		}
		if len(o.Fields) > 0 {
			w.pair("fields", flow(o.Fields, quote))
		}
		if o.Repeat {
			w.pair("repeat", "on")
		}
		if o.Space != "" {
			w.pair("space", quote(o.Space))
		}
	})
}

func (w *writer) spaces(list []config.OptionSpace) {
	w.list("option-spaces", len(list), func(i int) {
		s := &list[i]
		w.pair("name", quote(s.Name))
		if s.Enterprise != 0 {
			w.pair("enterprise", strconv.FormatUint(uint64(s.Enterprise), 10))
		}
		if s.End {
			w.pair("end", "on")
		}
		w.definitionsOf("options", s.Options)
	})
}

func (w *writer) layout(l *config.Layout) {
	w.onOff("option-overload", l.OptionOverload)
	w.onOff("nul-terminate", l.NULTerminate)
	w.onOff("add-default-to-121", l.AddDefaultTo121)
	if l.MinReplySize != nil {
		w.pair("min-reply-size", strconv.Itoa(int(*l.MinReplySize)))
	}
	if l.MaxReplySize != nil {
		w.pair("max-reply-size", strconv.Itoa(int(*l.MaxReplySize)))
	}
}

func (w *writer) options(s *config.Settings) {
	if len(s.Options) == 0 && len(s.Guarded) == 0 {
		return
	}
	w.key("options")
	w.b.WriteByte('\n')
	w.indent += 2
	plain, guarded := s.Options, s.Guarded
	for len(plain) > 0 || len(guarded) > 0 {
		if len(guarded) == 0 || len(plain) > 0 && plain[0].Code < guarded[0].Code {
			w.pair(w.optionName(plain[0].Code), w.optionValue(plain[0]))
			plain = plain[1:]
			continue
		}
		code := guarded[0].Code
		var list []string
		for len(guarded) > 0 && guarded[0].Code == code {
			list = append(list, "{value: "+w.optionValue(guarded[0].Option)+", classes: "+
				flow(guarded[0].Classes, quote)+"}")
			guarded = guarded[1:]
		}
		if len(plain) > 0 && plain[0].Code == code {
			list = append(list, "{value: "+w.optionValue(plain[0])+"}")
			plain = plain[1:]
		}
		w.pair(w.optionName(code), "["+strings.Join(list, ", ")+"]")
	}
	w.indent -= 2
}

// optionValue returns the value of an option as YAML.
func (w *writer) optionValue(o config.Option) string {
	return valueText(w.definitions.Value(w.definitions.ByCode(o.Code), o.Data, o.Space))
}

// valueText returns the value of an option in flow style.
func valueText(v any) string {
	switch v := v.(type) {
	case []any:
		return flow(v, valueText)
	case option.Mapping:
		pairs := make([]string, 0, len(v))
		for _, p := range v {
			pairs = append(pairs, quote(p.Name)+": "+valueText(p.Value))
		}
		return "{" + strings.Join(pairs, ", ") + "}"
	}
	return quote(fmt.Sprint(v))
}
