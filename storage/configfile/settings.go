package configfile

import (
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
		{name: "rapid-commit", take: optional(d, &s.RapidCommit, config.ParseBool)},
		{name: "min-secs", take: optional(d, &s.MinSecs, config.ParseSeconds)},
		{name: "probe", take: d.probe(&s.Probe)},
		{name: "next-server", take: value(d, &s.NextServer, address)},
		{name: "server-name", take: value(d, &s.ServerName, asIs)},
		{name: "boot-file-name", take: value(d, &s.BootFile, asIs)},
		{name: "option-overload", take: optional(d, &s.OptionOverload, config.ParseBool)},
		{name: "nul-terminate", take: optional(d, &s.NULTerminate, config.ParseBool)},
		{name: "add-default-to-121", take: optional(d, &s.AddDefaultTo121, config.ParseBool)},
		{name: "min-reply-size", take: optional(d, &s.MinReplySize, replySize)},
		{name: "max-reply-size", take: optional(d, &s.MaxReplySize, replySize)},
		{name: "bootp", take: func(path string, n ast.Node) { d.bootp(path, n, &s.BOOTP) }},
		{name: "identity", take: func(path string, n ast.Node) { d.identity(path, n, &s.Identity) }},
		{name: "options", take: func(path string, n ast.Node) { d.options(path, n, s) }},
		{name: "always-send", take: d.codes(&s.AlwaysSend)},
		{name: "never-send", take: d.codes(&s.NeverSend)},
	}
}

// lease reads {default, min, max, pressure}, or one span for a lease time that clients cannot change.
func (d *decoder) lease(path string, n ast.Node, l *config.LeaseTimes) {
	if _, ok := scalarText(n); ok {
		d.wrong(path, n, "{default: …, min: …, max: …}")
		return
	}
	d.mapping(path, n, []key{
		{name: "default", take: optional(d, &l.Default, config.ParseSeconds)},
		{name: "min", take: optional(d, &l.Min, config.ParseSeconds)},
		{name: "max", take: optional(d, &l.Max, config.ParseSeconds)},
		{name: "pressure", take: func(path string, n ast.Node) {
			d.mapping(path, n, []key{
				{name: "above", take: optional(d, &l.Pressure.Above, config.ParsePermille)},
				{name: "max", take: optional(d, &l.Pressure.Max, config.ParseSeconds)},
			})
		}},
	})
}

// identity reads who is one client on a link.
func (d *decoder) identity(path string, n ast.Node, i *config.Identity) {
	d.mapping(path, n, []key{
		{name: "match", take: value(d, &i.Match, match)},
		{name: "firmware-handover", take: optional(d, &i.FirmwareHandover, config.ParseBool)},
		{name: "one-lease-per-client", take: optional(d, &i.OneLease, config.ParseBool)},
	})
}

// match takes any word: Validate knows which there are.
func match(s string) (config.Match, error) { return config.Match(s), nil }

// identity writes who is one client on a link.
func (w *writer) identity(i *config.Identity) {
	var parts []string
	if i.Match != "" {
		parts = append(parts, "match: "+string(i.Match))
	}
	if i.FirmwareHandover != nil {
		parts = append(parts, "firmware-handover: "+strconv.FormatBool(*i.FirmwareHandover))
	}
	if i.OneLease != nil {
		parts = append(parts, "one-lease-per-client: "+strconv.FormatBool(*i.OneLease))
	}
	if len(parts) > 0 {
		w.pair("identity", "{"+strings.Join(parts, ", ")+"}")
	}
}
