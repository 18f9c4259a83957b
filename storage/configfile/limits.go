package configfile

import (
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
	w.indent -= 2
}
