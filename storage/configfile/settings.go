package configfile

import (
	"cmp"
	"fmt"
	"slices"
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
		v, ok := d.optionValue(here, p.Value)
		if !ok {
			continue
		}
		data, err := config.EncodeValue(def, v)
		if err != nil {
			d.report(positionOf(p.Value.GetToken()), here, "%v", err)
			continue
		}
		s.Options = append(s.Options, config.Option{Code: def.Code, Data: data})
	}
	config.SortOptions(s.Options)
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
