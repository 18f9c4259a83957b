package configfile

import (
	"fmt"
	"strconv"

	"github.com/goccy/go-yaml/ast"

	"port67/storage/config"
)

// limits reads the rates above which messages are dropped.
func (d *decoder) limits(path string, n ast.Node) {
	l := &d.config.Limits
	d.mapping(path, n, []key{
		{name: "discover-per-circuit", take: optional(d, &l.DiscoverPerCircuit, config.ParseRate)},
		{name: "discover-per-relay", take: optional(d, &l.DiscoverPerRelay, config.ParseRate)},
		{name: "discover-per-interface", take: optional(d, &l.DiscoverPerInterface, config.ParseRate)},
		{name: "per-client", take: optional(d, &l.PerClient, config.ParseRate)},
		{name: "strangers", take: optional(d, &l.Strangers, config.ParseRate)},
		{name: "bindings-per-circuit", take: value(d, &l.BindingsPerCircuit, count)},
		{name: "bindings-per-remote-id", take: value(d, &l.BindingsPerRemoteID, count)},
	})
}

// limits writes the rates that are set.
func (w *writer) limits(l *config.Limits) {
	if *l == (config.Limits{}) {
		return
	}
	w.key("limits")
	w.b.WriteByte('\n')
	w.indent += 2
	for _, r := range []struct {
		name string
		rate *config.Rate
	}{
		{"discover-per-circuit", l.DiscoverPerCircuit},
		{"discover-per-relay", l.DiscoverPerRelay},
		{"discover-per-interface", l.DiscoverPerInterface},
		{"per-client", l.PerClient},
		{"strangers", l.Strangers},
	} {
		if r.rate != nil {
			w.pair(r.name, r.rate.String())
		}
	}
	w.count("bindings-per-circuit", l.BindingsPerCircuit)
	w.count("bindings-per-remote-id", l.BindingsPerRemoteID)
	w.indent -= 2
}

// count reads how many of something there may be, or off for no limit.
func count(s string) (uint32, error) {
	if on, err := config.ParseBool(s); err == nil && !on {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is no limit: a number from 1 on, or off for none", s)
	}
	return uint32(n), nil
}

// count writes a limit that is set.
func (w *writer) count(name string, n uint32) {
	if n > 0 {
		w.pair(name, strconv.FormatUint(uint64(n), 10))
	}
}

// period returns the keys of when something is open to new clients.
func (d *decoder) period(p *config.Period) []key {
	return []key{
		{name: "from", take: value(d, &p.From, config.ParseMoment)},
		{name: "until", take: value(d, &p.Until, config.ParseMoment)},
	}
}

// period writes when something is open to new clients.
func (w *writer) period(p config.Period) {
	if p.From != 0 {
		w.pair("from", p.From.String())
	}
	if p.Until != 0 {
		w.pair("until", p.Until.String())
	}
}
