package kea

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// What a configuration may be at most: nobody's typing mistake eats the memory of a host, or its stack.
const (
	octetsMax   = 64 << 20 // of all files
	depthMax    = 64       // of nested values
	includesMax = 10       // of files that include each other, as in Kea
)

// form is what a value is.
type form uint8

const (
	isObject form = iota + 1
	isList
	isText
	isNumber
	isBool
	isNull
)

// String returns the form in words.
func (f form) String() string {
	return [...]string{"nothing", "an object", "a list", "text", "a number", "true or false", "null"}[f]
}

// node is one value of the file. text is the octets of a text, or the digits of a number as they stand.
type node struct {
	form    form
	text    string
	yes     bool
	members []member
	items   []*node

	file         string
	line, column int
	parent       *node
	element      string // as in subnet4[0].pools[1].pool
	told         bool   // the report says what became of it, and of all in it
}

// member is a key of an object with its value. at is where the key stands.
type member struct {
	key   string
	value *node
}

// get returns the value of a key, nil if there is none.
func (n *node) get(key string) *node {
	if n == nil || n.form != isObject {
		return nil
	}
	for i := range n.members {
		if n.members[i].key == key {
			return n.members[i].value
		}
	}
	return nil
}

// place is where the reader stands in a file. Columns count octets from 1.
type place struct {
	file         string
	line, column int
}

// SyntaxError is why input is no Kea configuration at all.
type SyntaxError struct {
	File         string
	Line, Column int
	Text         string // what was found, what to do
}

// Error returns place and text.
func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Text
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Text)
}

// source is one file that is being read.
type source struct {
	text string
	at   int
	place
}

// Open returns the octets of an included file; from is the file that includes it.
type Open func(from, name string) (fullName string, octets []byte, err error)

// parser reads one configuration with all that it includes.
type parser struct {
	open   Open
	stack  []source // the innermost file last
	octets int
	twice  []*node // members that stand twice in their object: all but the first
	err    *SyntaxError
}

// parse returns the one value that a file is, with the members that stood twice.
func parse(name string, src []byte, open Open) (*node, []*node, error) {
	p := &parser{open: open}
	p.push(name, src)
	root := p.value(nil, "", 0)
	if p.err == nil {
		p.space()
		if c, ok := p.peek(); ok && p.err == nil {
			p.fail("%q behind the end of the configuration: it is one object in braces", c)
		}
	}
	if p.err != nil {
		return nil, nil, p.err
	}
	return root, p.twice, nil
}

func (p *parser) push(name string, src []byte) {
	p.octets += len(src)
	text := strings.TrimPrefix(string(src), "\ufeff")
	p.stack = append(p.stack, source{text: text, place: place{name, 1, 1}})
	switch {
	case p.octets > octetsMax:
		p.fail("more than %d octets in all: this is no configuration that Kea would load", octetsMax)
	case !utf8.ValidString(text):
		p.fail("not UTF-8: is this the configuration, and not a lease file or a database?")
	}
}

func (p *parser) here() place { return p.stack[len(p.stack)-1].place }

func (p *parser) fail(format string, args ...any) { p.failAt(p.here(), format, args...) }

func (p *parser) failAt(at place, format string, args ...any) {
	if p.err == nil {
		p.err = &SyntaxError{at.file, at.line, at.column, fmt.Sprintf(format, args...)}
	}
}

// peek returns the next octet of the innermost file. A file that is at its end gives way to the one that
// included it.
func (p *parser) peek() (byte, bool) {
	for {
		s := &p.stack[len(p.stack)-1]
		if p.err == nil && s.at < len(s.text) {
			return s.text[s.at], true
		}
		if p.err != nil || len(p.stack) == 1 {
			return 0, false
		}
		p.stack = p.stack[:len(p.stack)-1]
	}
}

// skip passes n octets of the innermost file.
func (p *parser) skip(n int) {
	s := &p.stack[len(p.stack)-1]
	for i := range n {
		if s.text[s.at+i] == '\n' {
			s.line, s.column = s.line+1, 1
		} else {
			s.column++
		}
	}
	s.at += n
}

// rest returns what is left of the innermost file.
func (p *parser) rest() string {
	s := &p.stack[len(p.stack)-1]
	return s.text[s.at:]
}

// space passes what stands between values: blanks, comments, includes.
func (p *parser) space() {
	for {
		c, ok := p.peek()
		if !ok {
			return
		}
		rest := p.rest()
		switch {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			p.skip(1)
		case c == '#' || strings.HasPrefix(rest, "//"):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			p.skip(end)
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				p.fail("a comment without its end: close it with */")
				return
			}
			p.skip(end + 4)
		case strings.HasPrefix(rest, "<?"):
			p.include()
		default:
			return
		}
	}
}

// include goes on in the file that <?include "NAME"?> names.
func (p *parser) include() {
	at := p.here()
	inside, _, found := strings.Cut(p.rest(), "?>")
	name, isInclude := strings.CutPrefix(strings.TrimSpace(strings.TrimPrefix(inside, "<?")), "include")
	name = strings.TrimSpace(name)
	if !found || !isInclude || len(name) < 3 || name[0] != '"' || name[len(name)-1] != '"' {
		p.fail(`no include: write as in <?include "subnets.json"?>`)
		return
	}
	name = name[1 : len(name)-1]
	p.skip(len(inside) + 2)
	full, octets, err := p.open(at.file, name)
	if err != nil {
		p.failAt(at, "include %q: %v: copy the file beside the configuration, or correct its name", name, err)
		return
	}
	for i := range p.stack {
		if p.stack[i].file == full {
			p.failAt(at, "include %q: the file includes itself: remove one of the includes", name)
			return
		}
	}
	if len(p.stack) > includesMax {
		p.failAt(at, "include %q: more than %d files deep", name, includesMax)
		return
	}
	p.push(full, octets)
}

// value reads one value.
func (p *parser) value(parent *node, element string, depth int) *node {
	p.space()
	c, ok := p.peek()
	at := p.here()
	n := &node{parent: parent, element: element, file: at.file, line: at.line, column: at.column}
	switch {
	case p.err != nil:
	case !ok:
		p.fail("nothing where a value is wanted: is the file cut off?")
	case depth > depthMax:
		p.fail("nested more than %d levels deep", depthMax)
	case c == '{':
		n.form = isObject
		p.object(n, depth)
	case c == '[':
		n.form = isList
		p.list(n, depth)
	case c == '"':
		n.form, n.text = isText, p.string()
	default:
		p.word(n)
	}
	return n
}

// sequence reads what stands between brackets. Kea allows a comma before the closing one, and so do we.
func (p *parser) sequence(closing byte, item func()) {
	opened := p.here()
	p.skip(1)
	for p.err == nil {
		p.space()
		c, ok := p.peek()
		switch {
		case p.err != nil:
			return
		case !ok:
			p.fail("the file ends before %q of line %d is closed", closing, opened.line)
			return
		case c == closing:
			p.skip(1)
			return
		case c == ',': // One too many.
			p.skip(1)
			continue
		}
		item()
		p.space()
		c, ok = p.peek()
		if p.err == nil && ok && c != ',' && c != closing {
			p.fail("%s where a comma or %q is wanted: is the comma missing in the line before?", p.found(), closing)
		}
	}
}

// found names what stands here.
func (p *parser) found() string {
	if c, ok := p.peek(); ok {
		return fmt.Sprintf("%q", c)
	}
	return "the end"
}

func (p *parser) object(n *node, depth int) {
	p.sequence('}', func() {
		if c, _ := p.peek(); c != '"' {
			p.fail("%s where a key in double quotes is wanted", p.found())
			return
		}
		key := p.string()
		p.space()
		if c, _ := p.peek(); c != ':' {
			p.fail("%s where a colon is wanted, behind the key %q", p.found(), key)
			return
		}
		p.skip(1)
		element := key
		if n.element != "" {
			element = n.element + "." + key
		}
		v := p.value(n, element, depth+1)
		if n.get(key) != nil {
			p.twice = append(p.twice, v)
			return
		}
		n.members = append(n.members, member{key, v})
	})
}

func (p *parser) list(n *node, depth int) {
	p.sequence(']', func() {
		n.items = append(n.items, p.value(n, fmt.Sprintf("%s[%d]", n.element, len(n.items)), depth+1))
	})
}

// word reads a number, true, false or null.
func (p *parser) word(n *node) {
	rest := p.rest()
	end := strings.IndexFunc(rest, func(r rune) bool {
		return !strings.ContainsRune("+-.0123456789", r) && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	if end < 0 {
		end = len(rest)
	}
	n.text = rest[:end]
	switch {
	case n.text == "true" || n.text == "false":
		n.form, n.yes = isBool, n.text == "true"
	case n.text == "null":
		n.form = isNull
	case n.text != "" && strings.Trim(n.text, "+-.0123456789eE") == "":
		n.form = isNumber
	case n.text != "":
		p.fail("%q: neither text in double quotes, nor a number, nor true or false", n.text)
	default:
		p.fail("%s where a value is wanted: this is no JSON as Kea reads it; kea-dhcp4 -t FILE may say more",
			p.found())
	}
	p.skip(end)
}

// string reads a text in double quotes.
func (p *parser) string() string {
	rest := p.rest()
	var b strings.Builder
	for i := 1; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '"':
			p.skip(i + 1)
			return b.String()
		case c == '\n':
			p.fail("a text without its end: close the quotes in the same line")
			return ""
		case c != '\\':
			b.WriteByte(c)
		default:
			n := p.escape(&b, rest[i:])
			if n == 0 {
				p.fail("text with an escape that JSON does not have: one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u0000")
				return ""
			}
			i += n - 1
		}
	}
	p.fail("a text without its end: close the quotes")
	return ""
}

// escape reads the escape at the front of s and returns its length, 0 if it is none.
func (p *parser) escape(b *strings.Builder, s string) int {
	if len(s) < 2 {
		return 0
	}
	if i := strings.IndexByte(`"\/bfnrt`, s[1]); i >= 0 {
		b.WriteByte("\"\\/\b\f\n\r\t"[i])
		return 2
	}
	var r rune
	if s[1] != 'u' || len(s) < 6 {
		return 0
	}
	for _, c := range s[2:6] {
		digit := strings.IndexRune("0123456789abcdef", c|0x20)
		if digit < 0 {
			return 0
		}
		r = r<<4 | rune(digit)
	}
	if r < 0x100 { // Kea reads \u00XX as one octet, and knows no others.
		b.WriteByte(byte(r))
	} else {
		b.WriteRune(r)
	}
	return 6
}
