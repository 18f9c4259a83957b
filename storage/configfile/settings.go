package configfile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"port67/storage/config"
)

// settings returns the keys that may stand at every level.
func (d *decoder) settings(s *config.Settings) []key {
	return []key{
		{name: "lease", take: func(path string, n ast.Node) { d.lease(path, n, &s.Lease) }},
		{name: "t1", take: optional(d, &s.T1, config.ParsePermille)},
		{name: "t2", take: optional(d, &s.T2, config.ParsePermille)},
		{name: "timer-spread", take: optional(d, &s.TimerSpread, config.ParsePermille)},
		{name: "keep-expiry", take: optional(d, &s.KeepExpiry, config.ParseBool)},
		{name: "authoritative", take: optional(d, &s.Authoritative, config.ParseBool)},
		{name: "echo-client-id", take: optional(d, &s.EchoClientID, config.ParseBool)},
		{name: "always-broadcast", take: optional(d, &s.AlwaysBroadcast, config.ParseBool)},
		{name: "adopt-unknown", take: optional(d, &s.AdoptUnknown, config.ParseBool)},
		{name: "nak-offlink-renew", take: optional(d, &s.NAKOffLinkRenew, config.ParseBool)},
		{name: "ipv6-only", take: optional(d, &s.IPv6Only, config.ParseBool)},
		{name: "next-server", take: value(d, &s.NextServer, address)},
		{name: "server-name", take: value(d, &s.ServerName, asIs)},
		{name: "boot-file-name", take: value(d, &s.BootFile, asIs)},
		{name: "options", take: func(path string, n ast.Node) { d.options(path, n, s) }},
		{name: "always-send", take: d.codes(&s.AlwaysSend)},
		{name: "never-send", take: d.codes(&s.NeverSend)},
	}
}

// lease reads {default, min, max}, or one span for a lease time that clients cannot change.
func (d *decoder) lease(path string, n ast.Node, l *config.LeaseTimes) {
	if _, ok := scalarText(n); ok {
		d.wrong(path, n, "{default: …, min: …, max: …}")
		return
	}
	d.mapping(path, n, []key{
		{name: "default", take: optional(d, &l.Default, config.ParseSeconds)},
		{name: "min", take: optional(d, &l.Min, config.ParseSeconds)},
		{name: "max", take: optional(d, &l.Max, config.ParseSeconds)},
	})
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
		if data, ok := d.optionData(here, def, p.Value); ok {
			s.Options = append(s.Options, config.Option{Code: def.Code, Data: data})
		}
	}
	config.SortOptions(s.Options)
	slices.SortStableFunc(s.Guarded, func(a, b config.GuardedOption) int { return cmp.Compare(a.Code, b.Code) })
}

// optionData reads the value of an option.
func (d *decoder) optionData(path string, def config.OptionDef, n ast.Node) ([]byte, bool) {
	v, ok := d.optionValue(path, n)
	if !ok {
		return nil, false
	}
	data, err := config.EncodeValue(def, v)
	if err != nil {
		d.report(positionOf(n.GetToken()), path, "%v", err)
	}
	return data, err == nil
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
func (d *decoder) optionByClass(path string, def config.OptionDef, alternatives []ast.Node,
	s *config.Settings,
) {
	for i, n := range alternatives {
		here := path + "[" + strconv.Itoa(i) + "]"
		d.at[here] = startOf(n)
		o := config.GuardedOption{Option: config.Option{Code: def.Code}}
		read, guarded := false, false
		d.mapping(here, n, []key{
			{name: "value", take: func(path string, n ast.Node) { o.Data, read = d.optionData(path, def, n) }},
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

// optionValue returns a value as EncodeValue takes it: text, or a list of text and of lists of text.
func (d *decoder) optionValue(path string, n ast.Node) (any, bool) {
	if list, ok := n.(*ast.SequenceNode); ok {
		items := make([]any, 0, len(list.Values))
		for _, v := range list.Values {
			item, ok := d.optionValue(path, v)
			if !ok {
				return nil, false
			}
			items = append(items, item)
		}
		return items, true
	}
	if _, ok := scalarText(n); !ok {
		d.wrong(path, n, "a value or a list")
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
