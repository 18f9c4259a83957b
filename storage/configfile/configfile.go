// Package configfile reads and writes the configuration as people keep it: YAML. Every problem it finds has
// its line and column, and all problems come at once.
//
// This package is a codec.
package configfile

import (
	"cmp"
	_ "embed" // for the reference
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"port67/storage/config"
	"port67/storage/option"
)

// Problem is one thing that is wrong with a file. Line and Column count from 1; 0 means the file as a whole.
type Problem struct {
	File   string
	Line   int
	Column int
	Path   string // as in subnets[0].pools[1].range; empty where no key is concerned
	Text   string // what was found, what is allowed
}

// String returns the problem as one line: dhcp.yaml:14:11: subnets[0].pools[1].range: 10.67.9.0-….
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Text)
	return b.String()
}

// What a file may be at most: no reader runs away with the memory of a node, or with its stack.
const (
	octetsMax = 64 << 20
	// DepthMax is how many levels deep a YAML text may be nested, see TooDeep.
	DepthMax = 64
)

//go:embed reference.yaml
var reference string

// Reference returns an example with every key, its default, unit and source.
func Reference() string { return reference }

// Decode reads a configuration. name is the file's name for the problems. It returns nil and what is wrong,
// or a Config that neither Validate nor any of checks has anything to say about.
func Decode(name string, src []byte, checks ...Check) (*config.Config, []Problem) {
	d := &decoder{
		name: name, at: make(map[string]position), inside: make(map[string]position), config: new(config.Config),
	}
	root, ok := d.parse(src)
	if !ok {
		return nil, d.problems
	}
	d.root(root)
	d.validate(checks)
	if len(d.problems) > 0 {
		slices.SortStableFunc(d.problems, func(a, b Problem) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return nil, d.problems
	}
	return d.config, nil
}

// decoder reads one file.
type decoder struct {
	name        string
	config      *config.Config
	definitions *option.Definitions
	problems    []Problem
	at          map[string]position // where every path stands in the file
	inside      map[string]position // where the text of an expression begins
}

type position struct{ line, column int }

// parse returns the one mapping that the file is, nil if the file is empty. A panic of the YAML library is a
// problem of the file, because nothing in a file may end a node.
func (d *decoder) parse(src []byte) (root ast.Node, ok bool) {
	defer func() {
		if r := recover(); r != nil {
			d.report(position{}, "", "no YAML: %v", r)
			root, ok = nil, false
		}
	}()
	if len(src) > octetsMax {
		d.report(position{}, "", "%d octets: at most %d", len(src), octetsMax)
		return nil, false
	}
	tokens := lexer.Tokenize(string(src))
	if t := TooDeep(tokens); t != nil {
		d.report(positionOf(t), "", "nested more than %d levels deep", DepthMax)
		return nil, false
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var at position
		text := err.Error()
		var positioned yaml.Error
		if errors.As(err, &positioned) {
			at, text = positionOf(positioned.GetToken()), positioned.GetMessage()
		}
		d.report(at, "", "no YAML: %s: look at the indentation, colons and quotes here", text)
		return nil, false
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		return nil, true
	case 1:
		return bodies[0], true
	}
	d.report(positionOf(bodies[1].GetToken()), "", "a second document: a configuration is one")
	return nil, false
}

// TooDeep returns the token with which a YAML text is nested deeper than DepthMax, or nil: the parser
// recurses, and nothing in a file may end a process with its stack. Lists and keys open a level each by their
// brackets, or by their marks within one line and its indentation.
func TooDeep(tokens token.Tokens) *token.Token {
	brackets, marks, line := 0, 0, 0
	for _, t := range tokens {
		indent := 0
		if t.Position != nil {
			indent = t.Position.IndentLevel
			if t.Position.Line != line {
				line, marks = t.Position.Line, 0
			}
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets--
		case token.SequenceEntryType, token.MappingKeyType, token.MappingValueType, token.TagType,
			token.AnchorType:
			marks++
		}
		if brackets > DepthMax || brackets == 0 && marks+indent > DepthMax {
			return t
		}
	}
	return nil
}

func positionOf(t *token.Token) position {
	if t == nil || t.Position == nil {
		return position{}
	}
	return position{t.Position.Line, t.Position.Column}
}

func (d *decoder) report(at position, path, format string, args ...any) {
	d.problems = append(d.problems, Problem{
		File: d.name, Line: at.line, Column: at.column, Path: path, Text: fmt.Sprintf(format, args...),
	})
}

// validate adds what Validate and the checks find, with its place in the file. What follows from a problem
// that is known already is left out: a range that cannot be read is not missing, too.
func (d *decoder) validate(checks []Check) {
	read := d.problems
	found := d.config.Validate()
	for _, check := range checks {
		found = append(found, check(d.config)...)
	}
	for _, p := range found {
		follows := slices.ContainsFunc(read, func(r Problem) bool {
			return r.Path != "" && (within(p.Path, r.Path) || within(r.Path, p.Path))
		})
		if !follows {
			at := d.positionAt(p.Path)
			if text, ok := d.inside[p.Path]; ok {
				at = position{text.line, text.column + p.Offset}
			}
			d.report(at, p.Path, "%s", p.Text)
		}
	}
}

// within says whether path is outer or lies in it.
func within(path, outer string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// positionAt returns where path stands in the file, or the innermost part of it that does.
func (d *decoder) positionAt(path string) position {
	for path != "" {
		if at, ok := d.at[path]; ok {
			return at
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return position{1, 1}
}
