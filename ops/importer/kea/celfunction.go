package kea

import (
	"fmt"
	"strconv"
	"strings"
)

// function says a call.
func (s *speaker) function(t *term) phrase {
	switch t.op {
	case "member":
		return s.classMember(t)
	case "match":
		return s.match(t)
	case "substring":
		return s.substring(t)
	case "concat":
		return s.concat(t)
	case "ifelse":
		return s.ifelse(t)
	case "hexstring":
		return s.hexString(t)
	case "lcase", "ucase":
		return s.letterCase(t)
	case "split":
		return s.split(t)
	case "addrtotext":
		return s.addressText(t)
	case "int8totext", "int16totext", "int32totext", "uint8totext", "uint16totext", "uint32totext":
		return s.numberText(t)
	}
	if len(t.args) == 0 {
		return s.fail(t, "%s: no word of Kea's language for DHCPv4", t.op)
	}
	return s.fail(t, "%s: no function that is known here", t.op)
}

// arguments says whether t has n of them.
func (s *speaker) arguments(t *term, n int) bool {
	if len(t.args) != n {
		s.fail(t, "%s wants %d arguments, and has %d", t.op, n, len(t.args))
		return false
	}
	return true
}

// number returns a whole number that is written out.
func (s *speaker) number(t *term) int {
	v, err := strconv.ParseInt(t.text, 10, 32)
	if t.op != "number" || err != nil {
		s.fail(t, "a whole number is wanted")
		return 0
	}
	return int(v)
}

func (s *speaker) substring(t *term) phrase {
	if !s.arguments(t, 3) {
		return phrase{}
	}
	start, length := s.number(t.args[1]), -1
	if t.args[2].op != "all" {
		if length = s.number(t.args[2]); length < 0 {
			return s.fail(t.args[2], "a length below 0, which counts towards the front, is not to be had here")
		}
	}
	p := s.say(t.args[0])
	of := func(inner string) string { return fmt.Sprintf("substring(%s, %d, %d)", inner, start, length) }
	if p.apply != "" { // The letters change one by one, before or after.
		inner := of(p.inner)
		return phrase{sort: words, text: p.apply + "(text(" + inner + "))", inner: inner, apply: p.apply}
	}
	return phrase{sort: octets, text: of(s.bytes(t.args[0], p))}
}

func (s *speaker) concat(t *term) phrase {
	if !s.arguments(t, 2) {
		return phrase{}
	}
	p, q := s.say(t.args[0]), s.say(t.args[1])
	switch {
	case p.sort == literal && q.sort == literal:
		return phrase{sort: literal, text: p.text + q.text}
	case p.sort == words || q.sort == words:
		return phrase{
			sort: words, text: s.asWords(t.args[0], p) + " + " + s.asWords(t.args[1], q), ors: true,
		}
	}
	return phrase{sort: octets, text: s.beside(t.args[0], p) + " + " + s.beside(t.args[1], q), ors: true}
}

// beside returns a phrase as octets that can stand beside an operator.
func (s *speaker) beside(t *term, p phrase) string {
	text := s.bytes(t, p)
	if p.ors {
		return "(" + text + ")"
	}
	return text
}

func (s *speaker) ifelse(t *term) phrase {
	if !s.arguments(t, 3) {
		return phrase{}
	}
	cond, p, q := s.truth(t.args[0]), s.say(t.args[1]), s.say(t.args[2])
	out := phrase{sort: octets, ors: true}
	var then, otherwise string
	switch {
	case p.sort == words || q.sort == words:
		out.sort = words
		then, otherwise = s.asWords(t.args[1], p), s.asWords(t.args[2], q)
	case p.sort == q.sort && (p.sort == whole || p.sort == dotted):
		out.sort = p.sort
		then, otherwise = p.text, q.text
	default:
		then, otherwise = s.beside(t.args[1], p), s.beside(t.args[2], q)
	}
	out.text = cond.close() + " ? " + then + " : " + otherwise
	if out.sort == whole || out.sort == dotted {
		out.text, out.ors = "("+out.text+")", false
	}
	return out
}

func (s *speaker) hexString(t *term) phrase {
	if !s.arguments(t, 2) {
		return phrase{}
	}
	inner, by := s.bytes(t.args[0], s.say(t.args[0])), t.args[1]
	if by.op != "text" || !ascii(by.text) {
		return s.fail(by, "the separator must be a text in quotes")
	}
	if by.text == "" {
		return phrase{sort: words, text: "hex(" + inner + ")"}
	}
	return phrase{sort: words, text: "hex(" + inner + ", " + textLiteral(by.text) + ")"}
}

func (s *speaker) letterCase(t *term) phrase {
	if !s.arguments(t, 1) {
		return phrase{}
	}
	word := map[string]string{"lcase": "lower", "ucase": "upper"}[t.op]
	p := s.say(t.args[0])
	if p.sort == octets {
		return phrase{sort: words, text: word + "(text(" + p.text + "))", inner: p.text, apply: word}
	}
	return phrase{sort: words, text: word + "(" + s.asWords(t.args[0], p) + ")"}
}

func (s *speaker) split(t *term) phrase {
	if !s.arguments(t, 3) {
		return phrase{}
	}
	by := t.args[1]
	if by.op != "text" || len(by.text) != 1 || !ascii(by.text) {
		return s.fail(by, "one sign in quotes is wanted; several are not to be had here")
	}
	field := s.number(t.args[2])
	if field < 1 {
		return s.fail(t.args[2], "fields count from 1")
	}
	value := s.asWords(t.args[0], s.say(t.args[0]))
	return phrase{sort: words, text: fmt.Sprintf("split(%s, %s, %d)", value, textLiteral(by.text), field)}
}

func (s *speaker) addressText(t *term) phrase {
	if !s.arguments(t, 1) {
		return phrase{}
	}
	p := s.say(t.args[0])
	if p.sort == dotted {
		return phrase{sort: words, text: p.text}
	}
	return phrase{sort: words, text: "address(" + s.bytes(t.args[0], p) + ")"}
}

// numberText says a number that Kea writes out: it can be compared with digits.
func (s *speaker) numberText(t *term) phrase {
	if !s.arguments(t, 1) {
		return phrase{}
	}
	bits, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimLeft(t.op, "uint"), "totext"))
	return phrase{
		sort: digits, text: s.bytes(t.args[0], s.say(t.args[0])), width: bits / 8, sign: t.op[0] == 'i',
	}
}
