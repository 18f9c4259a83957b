package kea

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// sort is what a term is in our expressions. Kea knows octets only; we keep the types apart and never
// compare two of them, because that would be false for ever.
type sort uint8

const (
	octets  sort = iota + 1 // bytes
	words                   // string
	whole                   // int; in Kea four octets
	dotted                  // string of an IPv4 address; in Kea four octets
	digits                  // int; in Kea its digits as text
	truth                   // bool
	literal                 // octets that are known
	kind                    // pkt.type; in Kea four octets
)

// phrase is a term in our words.
type phrase struct {
	sort  sort
	text  string // of literal: the octets
	inner string // of words that are lower(…) or upper(…) of octets: these octets
	apply string // lower or upper
	width int    // of digits: how many octets the number has
	sign  bool   // of digits: may be negative
	ors   bool   // must be put in parentheses beside operators
}

// speaker translates the tests of one file.
type speaker struct {
	option func(word string) (code int, name string, err error) // name as pkt.raw takes it, quoted or a number
	// textual says whether the value of an option is text, or octets that may be text.
	textual func(code int) bool
	member  func(class string) (string, error) // what stands for member('class')
	scoped  bool                               // a scope of a pair of servers was named, and passed over
	notes   []string                           // what is a little different
	err     *ExpressionError
}

// note says what is different, each once.
func (s *speaker) note(text string) {
	for _, n := range s.notes {
		if n == text {
			return
		}
	}
	s.notes = append(s.notes, text)
}

func (s *speaker) fail(t *term, format string, args ...any) phrase {
	if s.err == nil {
		s.err = &ExpressionError{t.at + 1, fmt.Sprintf(format, args...)}
	}
	return phrase{sort: octets, text: `b""`}
}

// test returns a class's test in our words.
func (s *speaker) test(src string) (string, *ExpressionError) {
	t, err := parseExpression(src)
	if err != nil {
		return "", err
	}
	out := s.truth(t)
	return out.text, s.err
}

// template returns the text or the octets that a template-test stands for.
func (s *speaker) template(src string) (phrase, *ExpressionError) {
	t, err := parseExpression(src)
	if err != nil {
		return phrase{}, err
	}
	out := s.say(t)
	if out.sort != words {
		out.text, out.sort = s.bytes(t, out), octets
	}
	return out, s.err
}

// truth says a term that must be true or false.
func (s *speaker) truth(t *term) phrase {
	p := s.say(t)
	if p.sort != truth && s.err == nil {
		return s.fail(t, "octets where true or false is wanted")
	}
	return p
}

// close returns p fit to stand beside an operator.
func (p phrase) close() string {
	if p.ors {
		return "(" + p.text + ")"
	}
	return p.text
}

// say says a term.
func (s *speaker) say(t *term) phrase {
	switch t.op {
	case "text":
		return phrase{sort: literal, text: t.text}
	case "number":
		v, err := strconv.ParseUint(t.text, 10, 32)
		if err != nil {
			return s.fail(t, "%s: no number of 32 bits", t.text)
		}
		return phrase{sort: literal, text: string(binary.BigEndian.AppendUint32(nil, uint32(v)))}
	case "address":
		a, err := netip.ParseAddr(t.text)
		if err != nil {
			return s.fail(t, "%q is no address", t.text)
		}
		return phrase{sort: literal, text: string(a.AsSlice())}
	case "and", "or":
		sign := map[string]string{"and": " && ", "or": " || "}[t.op]
		left, right := s.truth(t.args[0]), s.truth(t.args[1])
		if folded, ok := fold(t.op == "and", left, right); ok {
			return folded
		}
		return phrase{sort: truth, text: left.close() + sign + right.close(), ors: true}
	case "not":
		part := s.truth(t.args[0])
		if part.text == "true" || part.text == "false" {
			return phrase{sort: truth, text: strconv.FormatBool(part.text == "false")}
		}
		return phrase{sort: truth, text: "!" + part.close()}
	case "==":
		return s.equal(t, t.args[0], t.args[1])
	case "option":
		return s.optionOf(t)
	case "relay4":
		return s.relay(t)
	case "vendor", "vendor-class":
		return s.vendor(t)
	case "pkt", "pkt4":
		return s.header(t)
	}
	return s.function(t)
}

// fold joins two truths one of which is known.
func fold(and bool, a, b phrase) (phrase, bool) {
	for _, p := range [][2]phrase{{a, b}, {b, a}} {
		known, other := p[0], p[1]
		switch known.text {
		case strconv.FormatBool(and): // true and x, false or x
			return other, true
		case strconv.FormatBool(!and): // false and x, true or x
			return known, true
		}
	}
	return phrase{}, false
}

// equal compares two terms by their octets.
func (s *speaker) equal(t, a, b *term) phrase {
	p, q := s.say(a), s.say(b)
	if p.sort == literal && q.sort != literal {
		p, q = q, p
	}
	var text string
	switch {
	case s.err != nil:
	case p.sort == truth || q.sort == truth:
		return s.fail(t, "true or false cannot be compared")
	case p.sort == literal:
		text = strconv.FormatBool(p.text == q.text)
	case q.sort == literal:
		text = s.equalLiteral(t, p, q.text)
	case p.sort == q.sort && p.sort != words && p.sort != digits:
		text = p.close() + " == " + q.close()
	case p.sort == octets || q.sort == octets, p.sort == words && q.sort == words:
		return s.fail(t, "octets and what a function made of octets: compare that with a text in quotes")
	default:
		return s.fail(t, "two things of different kinds: compare each with a text in quotes, or 0x…")
	}
	return phrase{sort: truth, text: text, ors: text != "true" && text != "false"}
}

// equalLiteral compares a phrase with known octets.
func (s *speaker) equalLiteral(t *term, p phrase, want string) string {
	switch p.sort {
	case octets:
		return p.close() + " == " + bytesLiteral(want)
	case words:
		if !ascii(want) {
			s.fail(t, "text with octets beyond ASCII can only be compared as it came")
		}
		return p.close() + " == " + textLiteral(want)
	case whole:
		if len(want) != 4 {
			return "false" // A number has four octets in Kea.
		}
		return p.text + " == " + strconv.FormatUint(uint64(binary.BigEndian.Uint32([]byte(want))), 10)
	case dotted:
		if len(want) != 4 {
			return "false"
		}
		return p.text + " == " + textLiteral(netip.AddrFrom4([4]byte([]byte(want))).String())
	case digits:
		v, err := strconv.ParseInt(want, 10, 64)
		if err != nil || strconv.FormatInt(v, 10) != want {
			return "false"
		}
		if v < 0 && p.sign {
			v += 1 << (8 * p.width)
		}
		return fmt.Sprintf("size(%s) == %d && number(%s) == %d", p.text, p.width, p.text, v)
	case kind:
		types := map[string]string{
			"\x00\x00\x00\x01": "DISCOVER", "\x00\x00\x00\x03": "REQUEST", "\x00\x00\x00\x04": "DECLINE",
			"\x00\x00\x00\x07": "RELEASE", "\x00\x00\x00\x08": "INFORM",
		}
		if types[want] == "" {
			return "false"
		}
		return p.text + " == " + textLiteral(types[want])
	}
	return "false"
}

// bytes returns a phrase as octets, where that is possible.
func (s *speaker) bytes(t *term, p phrase) string {
	switch p.sort {
	case octets:
		return p.text
	case literal:
		return bytesLiteral(p.text)
	}
	s.fail(t, "octets are wanted, and this is none here")
	return `b""`
}

// asWords returns a phrase as text, where that is possible. Octets beyond ASCII do not matter: in the end it
// is compared with ASCII.
func (s *speaker) asWords(t *term, p phrase) string {
	switch p.sort {
	case octets:
		return "text(" + p.text + ")"
	case words, dotted:
		if p.sort == dotted {
			return s.fail(t, "an address is no text: use addrtotext").text
		}
		return p.close()
	case literal:
		if ascii(p.text) {
			return textLiteral(p.text)
		}
	}
	return s.fail(t, "text is wanted, and this is none here").text
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// bytesLiteral writes octets: as text where that can be read, else each as \x….
func bytesLiteral(s string) string {
	var b strings.Builder
	b.WriteString(`b"`)
	for i := range len(s) {
		writeOctet(&b, s[i])
	}
	return b.String() + `"`
}

// textLiteral writes a text of ASCII.
func textLiteral(s string) string {
	return strings.TrimPrefix(bytesLiteral(s), "b")
}

func writeOctet(b *strings.Builder, c byte) {
	switch {
	case c == '"' || c == '\\':
		b.WriteByte('\\')
		b.WriteByte(c)
	case c < ' ' || c > '~':
		fmt.Fprintf(b, "\\x%02x", c)
	default:
		b.WriteByte(c)
	}
}

// match says a regular expression over a whole value.
func (s *speaker) match(t *term) phrase {
	if len(t.args) != 2 || t.args[0].op != "text" {
		return s.fail(t, "match wants a regular expression in quotes and a value")
	}
	pattern := "^(?:" + t.args[0].text + ")$"
	if _, err := regexp.Compile(pattern); err != nil || !ascii(pattern) {
		return s.fail(t.args[0], "the regular expression has what RE2 does not know")
	}
	s.note("in the regular expression, a character is one of UTF-8, and in Kea an octet")
	value := s.asWords(t.args[1], s.say(t.args[1]))
	return phrase{sort: truth, text: value + ".matches(" + textLiteral(pattern) + ")"}
}
