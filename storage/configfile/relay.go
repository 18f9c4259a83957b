package configfile

import (
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"port67/storage/config"
)

// relayTrust reads whose relay agent information is believed.
func (d *decoder) relayTrust(path string, n ast.Node) {
	t := &d.config.RelayTrust
	policy := word(config.RelayTake, config.RelayIgnore, config.RelayDrop)
	d.mapping(path, n, []key{
		{name: "agents", take: values(d, &t.Agents, config.ParseRequester)},
		{name: "others", take: value(d, &t.Others, policy)},
		{name: "direct", take: value(d, &t.Direct, policy)},
	})
}

// relays reads how some relay agents are treated.
func (d *decoder) relays(path string, n ast.Node) {
	d.sequence(path, n, func(_ int, path string, n ast.Node) {
		var r config.Relay
		d.mapping(path, n, []key{
			{name: "address", take: value(d, &r.Address, config.ParseRequester)},
			{name: "reply-to", take: value(d, &r.ReplyTo, word(config.RelayGIAddr, config.RelaySource))},
			{name: "reply-port", take: value(d, &r.ReplyPort, word(config.RelayServer, config.RelaySource))},
			{name: "return-relay-info", take: optional(d, &r.ReturnRelayInfo, config.ParseBool)},
			{name: "link-selection", take: optional(d, &r.LinkSelection, config.ParseBool)},
		})
		d.config.Relays = append(d.config.Relays, r)
	})
}

// relays writes what is said of relay agents.
func (w *writer) relays(c *config.Config) {
	var parts []string
	t := &c.RelayTrust
	if len(t.Agents) > 0 {
		parts = append(parts, "agents: "+flow(t.Agents, config.FormatRequester))
	}
	if t.Others != "" {
		parts = append(parts, "others: "+string(t.Others))
	}
	if t.Direct != "" {
		parts = append(parts, "direct: "+string(t.Direct))
	}
	if len(parts) > 0 {
		w.pair("relay-trust", "{"+strings.Join(parts, ", ")+"}")
	}
	w.list("relays", len(c.Relays), func(i int) {
		r := &c.Relays[i]
		w.pair("address", config.FormatRequester(r.Address))
		if r.ReplyTo != "" {
			w.pair("reply-to", r.ReplyTo)
		}
		if r.ReplyPort != "" {
			w.pair("reply-port", r.ReplyPort)
		}
		for _, b := range []struct {
			name string
			is   *bool
		}{{"return-relay-info", r.ReturnRelayInfo}, {"link-selection", r.LinkSelection}} {
			if b.is != nil {
				w.pair(b.name, strconv.FormatBool(*b.is))
			}
		}
	})
}
