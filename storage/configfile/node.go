package configfile

import (
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"port67/storage/config"
)

// key is one key of a mapping and what becomes of its value.
type key struct {
	name string
	take func(path string, n ast.Node)
	// refused is why the key cannot be used; then take is nil.
	refused string
}

// mapping reads a mapping whose keys are known. It reports every key that is unknown or stands twice. The
// keys are taken in the order of keys, not of the file.
func (d *decoder) mapping(path string, n ast.Node, keys []key) {
	pairs, ok := d.pairs(path, n)
	if !ok {
		return
	}
	names := make([]string, 0, len(keys))
	for _, k := range keys {
		names = append(names, k.name)
	}
	found := make(map[string]*ast.MappingValueNode, len(pairs))
	for _, p := range pairs {
		name, at := keyText(p), positionOf(p.Key.GetToken())
		here := join(path, name)
		i := slices.Index(names, name)
		switch {
		case found[name] != nil:
			d.report(at, here, "stands twice: first in line %d", positionOf(found[name].Key.GetToken()).line)
			continue
		case i < 0:
			d.report(at, path, "key %s unknown%s: %s", name, config.Suggest(name, names), oneOf(keys))
		case keys[i].refused != "":
			d.report(at, here, "%s", keys[i].refused)
		}
		d.at[here] = startOf(p.Value)
		found[name] = p
	}
	for _, k := range keys {
		if p := found[k.name]; p != nil && k.take != nil {
			k.take(join(path, k.name), p.Value)
		}
	}
}

// oneOf lists the keys that may be used.
func oneOf(keys []key) string {
	var usable []string
	for _, k := range keys {
		if k.refused == "" {
			usable = append(usable, k.name)
		}
	}
	return "one of " + strings.Join(usable, ", ")
}

// pairs returns the pairs of a mapping in the order of the file.
func (d *decoder) pairs(path string, n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	d.wrong(path, n, "a mapping of keys and values")
	return nil, false
}

// sequence calls take for every element of a list.
func (d *decoder) sequence(path string, n ast.Node, take func(i int, path string, n ast.Node)) {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		d.wrong(path, n, "a list")
		return
	}
	for i, v := range list.Values {
		here := path + "[" + strconv.Itoa(i) + "]"
		d.at[here] = startOf(v)
		take(i, here, v)
	}
}

// startOf returns where n begins. The token of a mapping in block style is its first colon.
func startOf(n ast.Node) position {
	switch m := n.(type) {
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			return positionOf(m.Values[0].Key.GetToken())
		}
	case *ast.MappingValueNode:
		return positionOf(m.Key.GetToken())
	}
	return positionOf(n.GetToken())
}

// text reads a scalar as it was written, without quotes.
func (d *decoder) text(path string, n ast.Node) (string, bool) {
	s, ok := scalarText(n)
	if !ok {
		d.wrong(path, n, "one value")
	} else if s == "" {
		d.report(positionOf(n.GetToken()), path, "no value: give one, or leave the key out")
		ok = false
	}
	return s, ok
}

// scalarText returns the text of a scalar: numbers and words as they stand in the file, not as YAML reads
// them.
func scalarText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		if n.Value == nil {
			return "", true
		}
		return n.Value.Value, true
	case *ast.NullNode:
		return "", true
	case *ast.IntegerNode:
		return n.Token.Value, true
	case *ast.FloatNode:
		return n.Token.Value, true
	case *ast.BoolNode:
		return n.Token.Value, true
	case *ast.InfinityNode:
		return n.Token.Value, true
	case *ast.NanNode:
		return n.Token.Value, true
	}
	return "", false
}

// keyText returns a key as it was written, without quotes.
func keyText(p *ast.MappingValueNode) string {
	if s, ok := scalarText(p.Key); ok {
		return s
	}
	return p.Key.String()
}

// wrong reports a node of a form that cannot stand where it does.
func (d *decoder) wrong(path string, n ast.Node, want string) {
	found := "something else"
	switch n := n.(type) {
	case nil:
		found = "nothing"
	case *ast.MappingNode, *ast.MappingValueNode:
		found = "a mapping"
	case *ast.SequenceNode:
		found = "a list"
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		d.report(positionOf(n.GetToken()), path, "anchors and aliases are not taken: write the value out")
		return
	case *ast.TagNode:
		d.report(positionOf(n.GetToken()), path, "tags are not taken: write the value without it")
		return
	case *ast.NullNode:
		found = "nothing"
	default:
		if _, ok := scalarText(n); ok {
			found = "a single value"
		}
	}
	at := position{1, 1}
	if n != nil {
		at = startOf(n)
	}
	d.report(at, path, "%s where %s is wanted", found, want)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// value returns a function that reads a scalar with parse and puts it into to.
func value[T any](d *decoder, to *T, parse func(string) (T, error)) func(string, ast.Node) {
	return func(path string, n ast.Node) {
		s, ok := d.text(path, n)
		if !ok {
			return
		}
		v, err := parse(s)
		if err != nil {
			d.report(positionOf(n.GetToken()), path, "%v", err)
			return
		}
		*to = v
	}
}

// optional is value for a field that is a pointer, because it may be unset.
func optional[T any](d *decoder, to **T, parse func(string) (T, error)) func(string, ast.Node) {
	return func(path string, n ast.Node) {
		v := new(T)
		before := len(d.problems)
		value(d, v, parse)(path, n)
		if len(d.problems) == before {
			*to = v
		}
	}
}

// values returns a function that reads a list of scalars, or a single one, and puts it into to.
func values[T any](d *decoder, to *[]T, parse func(string) (T, error)) func(string, ast.Node) {
	return func(path string, n ast.Node) {
		if _, ok := scalarText(n); ok {
			var v T
			before := len(d.problems)
			value(d, &v, parse)(path, n)
			if len(d.problems) == before {
				*to = append(*to, v)
			}
			return
		}
		d.sequence(path, n, func(_ int, path string, n ast.Node) {
			var v T
			value(d, &v, parse)(path, n)
			*to = append(*to, v)
		})
	}
}
