package configfile

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"port67/storage/config"
)

// Check finds what is wrong with a Config beyond what Validate sees: what takes more than this package has.
type Check func(*config.Config) []config.Problem

func (d *decoder) classes(path string, n ast.Node) {
	d.sequence(path, n, func(_ int, path string, n ast.Node) {
		var c config.Class
		d.mapping(path, n, append([]key{
			{name: "name", take: value(d, &c.Name, asIs)},
			{name: "test", take: d.expression(&c.Test)},
			{name: "template", take: d.expression(&c.Template)},
			{name: "ignore", take: value(d, &c.Ignore, config.ParseBool)},
			{name: "limit", take: value(d, &c.Limit, count)},
		}, d.settings(&c.Settings)...))
		d.config.Classes = append(d.config.Classes, c)
	})
}

// expression returns a function that reads an expression, and notes where its parts stand in the file.
func (d *decoder) expression(to *string) func(string, ast.Node) {
	return func(path string, n ast.Node) {
		value(d, to, asIs)(path, n)
		*to = strings.TrimRight(*to, " \n")
		if at, ok := insideOf(n, *to); ok {
			d.inside[path] = at
		}
	}
}

// insideOf returns where the text of a scalar begins, and false if it does not stand in the file as it is, on
// one line: then no column within it means anything.
func insideOf(n ast.Node, text string) (position, bool) {
	if strings.Contains(text, "\n") {
		return position{}, false
	}
	if l, ok := n.(*ast.LiteralNode); ok && l.Value != nil && l.Start != nil {
		origin := strings.Trim(l.Value.Token.Origin, "\n")
		indent := strings.Index(origin, text)
		return position{positionOf(l.Start).line + 1, indent + 1}, indent >= 0
	}
	s, ok := n.(*ast.StringNode)
	if !ok {
		return position{}, false
	}
	at := positionOf(s.GetToken())
	switch s.Token.Type {
	case token.StringType:
	case token.SingleQuoteType, token.DoubleQuoteType:
		at.column++
	default:
		return position{}, false
	}
	return at, strings.Contains(s.Token.Origin, text)
}
