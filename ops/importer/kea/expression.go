package kea

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
)

// ExpressionError is what of a class's test cannot be translated. Column counts from 1 within the test.
type ExpressionError struct {
	Column int
	Text   string
}

// Error returns place and text.
func (e *ExpressionError) Error() string { return fmt.Sprintf("column %d: %s", e.Column, e.Text) }

// The limits of an expression.
const (
	expressionMax      = 8192 // octets
	expressionDepthMax = 64
)

// token is a word of the expression. kind is one of: i for a word, s for text in quotes, x for hex, n for a
// number, a for an address, or the sign itself.
type token struct {
	kind byte
	text string // octets of s and x, else as it stands
	at   int
}

// term is a node of an expression. op is a word of Kea's language: option, relay4, pkt, pkt4, vendor,
// vendor-class, member, text, number, address, and, or, not, ==, and the functions by their names.
type term struct {
	op    string
	words []string // what stands in brackets and behind dots, in order
	text  string   // octets of a literal
	args  []*term
	at    int
}

// parseExpression reads a test.
func parseExpression(s string) (*term, *ExpressionError) {
	p := &expression{src: s}
	if len(s) > expressionMax {
		return nil, &ExpressionError{1, fmt.Sprintf("longer than %d octets", expressionMax)}
	}
	p.next()
	out := p.either(0)
	if p.err == nil && p.token.kind != 0 {
		p.fail("%q behind the end of the expression", p.token.text)
	}
	return out, p.err
}

// expression is the reader of one test.
type expression struct {
	src   string
	at    int
	token token
	err   *ExpressionError
}

func (p *expression) fail(format string, args ...any) {
	if p.err == nil {
		p.err = &ExpressionError{p.token.at + 1, fmt.Sprintf(format, args...)}
	}
	p.token.kind = 0
}

// next reads the next token; its kind is 0 at the end.
func (p *expression) next() {
	for p.at < len(p.src) && strings.IndexByte(" \t\r\n", p.src[p.at]) >= 0 {
		p.at++
	}
	p.token = token{at: p.at}
	if p.at == len(p.src) || p.err != nil {
		return
	}
	rest := p.src[p.at:]
	switch c := rest[0]; {
	case c == '\'':
		end := strings.IndexByte(rest[1:], '\'')
		if end < 0 {
			p.fail("a text without its end: close the single quotes")
			return
		}
		p.take('s', end+2)
		p.token.text = rest[1 : end+1]
	case strings.HasPrefix(rest, "=="):
		p.take('=', 2)
	case strings.IndexByte("()[].,+*", c) >= 0:
		p.take(c, 1)
	default:
		p.word(rest)
	}
}

func (p *expression) take(kind byte, n int) {
	p.token.kind, p.token.text = kind, p.src[p.at:p.at+n]
	p.at += n
}

// word reads a keyword, a name, a number, hex or an address.
func (p *expression) word(rest string) {
	n := 0
	for n < len(rest) && (letter(rest[n]) || rest[n] == '-' || rest[n] == '_') {
		n++
	}
	if n == 0 {
		p.fail("%q: no such sign in an expression", rest[0])
		return
	}
	if dotted := addressPrefix(rest); dotted > 0 {
		p.take('a', dotted)
		return
	}
	switch word := rest[:n]; {
	case strings.HasPrefix(word, "0x") || strings.HasPrefix(word, "0X"):
		digits := word[2:]
		if len(digits)%2 == 1 {
			digits = "0" + digits
		}
		octets, err := hex.DecodeString(digits)
		p.take('x', n)
		if err != nil {
			p.fail("%q is no hex", word)
			return
		}
		p.token.text = string(octets)
	case strings.Trim(strings.TrimPrefix(word, "-"), "0123456789") == "" && word != "-":
		p.take('n', n)
	default:
		p.take('i', n)
	}
}

func letter(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// addressPrefix returns the length of an IPv4 address at the front of s, 0 if there is none.
func addressPrefix(s string) int {
	n := 0
	for n < len(s) && (s[n] >= '0' && s[n] <= '9' || s[n] == '.') {
		n++
	}
	if _, err := netip.ParseAddr(s[:n]); err != nil {
		return 0
	}
	return n
}

// expect passes a token of that kind.
func (p *expression) expect(kind byte, what string) string {
	text := p.token.text
	if p.token.kind != kind {
		p.fail("%s where %s is wanted", p.found(), what)
		return ""
	}
	p.next()
	return text
}

func (p *expression) found() string {
	if p.token.kind == 0 {
		return "the end"
	}
	return fmt.Sprintf("%q", p.token.text)
}

func (p *expression) isWord(word string) bool { return p.token.kind == 'i' && p.token.text == word }

// either reads a chain of or, both of and: and binds closer.
func (p *expression) either(depth int) *term {
	both := func() *term { return p.chain("and", depth, func() *term { return p.negated(depth) }) }
	return p.chain("or", depth, both)
}

func (p *expression) chain(word string, depth int, part func() *term) *term {
	if depth > expressionDepthMax {
		p.fail("nested more than %d levels deep", expressionDepthMax)
	}
	out := part()
	for p.err == nil && p.isWord(word) {
		at := p.token.at
		p.next()
		out = &term{op: word, args: []*term{out, part()}, at: at}
	}
	return out
}

func (p *expression) negated(depth int) *term {
	if p.isWord("not") {
		at := p.token.at
		p.next()
		if depth++; depth > expressionDepthMax {
			p.fail("nested more than %d levels deep", expressionDepthMax)
			return &term{}
		}
		return &term{op: "not", args: []*term{p.negated(depth)}, at: at}
	}
	return p.compared(depth)
}

// compared reads a comparison, or what stands alone.
func (p *expression) compared(depth int) *term {
	left := p.sum(depth)
	if p.token.kind != '=' {
		return left
	}
	at := p.token.at
	p.next()
	return &term{op: "==", args: []*term{left, p.sum(depth)}, at: at}
}

// sum reads texts with + between them, which stands for concat.
func (p *expression) sum(depth int) *term {
	out := p.single(depth)
	for p.err == nil && p.token.kind == '+' {
		at := p.token.at
		p.next()
		out = &term{op: "concat", args: []*term{out, p.single(depth)}, at: at}
	}
	return out
}

// single reads a literal, what is in parentheses, a function or something of the packet.
func (p *expression) single(depth int) *term {
	t := &term{at: p.token.at, text: p.token.text}
	switch p.token.kind {
	case 's', 'x':
		t.op = "text"
		p.next()
	case 'n':
		t.op = "number"
		p.next()
	case 'a':
		t.op = "address"
		p.next()
	case '(':
		p.next()
		t = p.either(depth + 1)
		p.expect(')', "a closing parenthesis")
	case 'i':
		t.op = p.token.text
		p.next()
		p.behind(t, depth)
	default:
		p.fail("%s where an expression is wanted", p.found())
	}
	return t
}

// behind reads what follows a word: arguments, or brackets and fields.
func (p *expression) behind(t *term, depth int) {
	if p.token.kind == '(' {
		p.next()
		for p.err == nil && p.token.kind != ')' {
			t.args = append(t.args, p.either(depth+1))
			if p.token.kind != ',' {
				break
			}
			p.next()
		}
		p.expect(')', "a closing parenthesis")
		return
	}
	for p.err == nil {
		switch p.token.kind {
		case '[':
			p.next()
			word := p.token.text
			if k := p.token.kind; k != 'i' && k != 'n' && k != '*' && k != 'x' {
				p.fail("%s where a name or a number is wanted", p.found())
				return
			}
			p.next()
			p.expect(']', "a closing bracket")
			t.words = append(t.words, word)
		case '.':
			p.next()
			t.words = append(t.words, "."+p.expect('i', "a field"))
		default:
			return
		}
	}
}
