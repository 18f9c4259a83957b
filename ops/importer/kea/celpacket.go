package kea

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// subOptionNames are the parts of option 82 that have names of their own.
var subOptionNames = map[uint64]string{
	1: "relay.circuit_id", 2: "relay.remote_id", 6: "relay.subscriber_id", 12: "relay.relay_id",
}

// path returns the words of a term joined, numbers and names as *: option[60].hex is "* .hex".
func (t *term) path() string {
	out := make([]string, len(t.words))
	for i, w := range t.words {
		out[i] = "*"
		if strings.HasPrefix(w, ".") {
			out[i] = w
		}
	}
	return strings.Join(out, " ")
}

// optionOf says option[…], with or without an option inside.
func (s *speaker) optionOf(t *term) phrase {
	if len(t.words) == 0 {
		return s.fail(t, "option wants a name or a number in brackets")
	}
	code, name, err := s.option(t.words[0])
	if err != nil {
		return s.fail(t, "%v", err)
	}
	switch t.path() {
	case "* .exists":
		return phrase{sort: truth, text: "pkt.has(" + name + ")"}
	case "* .hex":
		return phrase{sort: octets, text: "pkt.raw(" + name + ")"}
	case "* .text":
		if !s.textual(code) {
			return s.fail(t, "option[%s].text: Kea compares how it prints the option, which is not octets: use .hex",
				t.words[0])
		}
		s.note("text of an option is compared by its octets")
		return phrase{sort: octets, text: "pkt.raw(" + name + ")"}
	case "* .option * .hex", "* .option * .text", "* .option * .exists":
		return s.inside(t, code, name)
	}
	return s.fail(t, "an option has .hex, .text, .exists and .option[…]")
}

// inside says an option in an option.
func (s *speaker) inside(t *term, code int, name string) phrase {
	n, err := strconv.ParseUint(t.words[2], 10, 8)
	if err != nil {
		return s.fail(t, "option[%s] inside of another: give its number", t.words[2])
	}
	exists := t.words[3] == ".exists"
	if code == 82 {
		return relaySub(n, exists)
	}
	sub := fmt.Sprintf("pkt.sub(%s, %d)", name, n)
	if exists {
		s.note("an option inside of another that is empty counts as not there")
		return phrase{sort: truth, text: "size(" + sub + ") > 0", ors: true}
	}
	return phrase{sort: octets, text: sub}
}

func relaySub(n uint64, exists bool) phrase {
	switch name := subOptionNames[n]; {
	case exists:
		return phrase{sort: truth, text: fmt.Sprintf("relay.has(%d)", n)}
	case name != "":
		return phrase{sort: octets, text: name}
	}
	return phrase{sort: octets, text: fmt.Sprintf("relay.sub(%d)", n)}
}

// relay says relay4[N].
func (s *speaker) relay(t *term) phrase {
	path := t.path()
	if path != "* .hex" && path != "* .text" && path != "* .exists" {
		return s.fail(t, "relay4[N] has .hex, .text and .exists")
	}
	n, err := strconv.ParseUint(t.words[0], 10, 8)
	if err != nil {
		return s.fail(t, "relay4[%s]: give the number of the sub-option", t.words[0])
	}
	return relaySub(n, path == "* .exists")
}

// The vendor options (RFC 3925 §3, §4) as pkt.raw takes them.
const (
	vendorClassOption = `"vivco-suboptions"`
	vendorOption      = `"vivso-suboptions"`
)

// vendor says vendor[…] and vendor-class[…]. Kea looks at the first enterprise of the option.
func (s *speaker) vendor(t *term) phrase {
	raw := vendorOption
	if t.op == "vendor-class" {
		raw = vendorClassOption
	}
	enterprise := "substring(pkt.raw(" + raw + "), 0, 4)"
	if t.path() == ".enterprise" {
		return phrase{sort: octets, text: enterprise}
	}
	if len(t.words) == 0 {
		return s.fail(t, "%s wants an enterprise in brackets", t.op)
	}
	number, err := strconv.ParseUint(t.words[0], 10, 32)
	any := t.words[0] == "*"
	if err != nil && !any {
		return s.fail(t, "%s[%s]: give the number of the enterprise", t.op, t.words[0])
	}
	switch path := t.path(); {
	case path == "* .exists" && any:
		return phrase{sort: truth, text: "pkt.has(" + raw + ")"}
	case path == "* .exists":
		want := string(binary.BigEndian.AppendUint32(nil, uint32(number)))
		return phrase{sort: truth, text: enterprise + " == " + bytesLiteral(want), ors: true}
	case t.op == "vendor" && !any && (path == "* .option * .hex" || path == "* .option * .exists"):
		n, err := strconv.ParseUint(t.words[2], 10, 8)
		if err != nil {
			return s.fail(t, "vendor option %s: give its number", t.words[2])
		}
		sub := fmt.Sprintf("pkt.vendor(%d, %d)", number, n)
		if t.words[3] == ".exists" {
			s.note("an option inside of another that is empty counts as not there")
			return phrase{sort: truth, text: "size(" + sub + ") > 0", ors: true}
		}
		return phrase{sort: octets, text: sub}
	}
	return s.fail(t, "of %s there are here .enterprise, .exists and, of one enterprise, .option[…]", t.op)
}

// headerFields are what pkt and pkt4 have.
var headerFields = map[string]phrase{
	"pkt .iface":    {sort: words, text: "pkt.interface"},
	"pkt .src":      {sort: dotted, text: "pkt.src"},
	"pkt .dst":      {sort: dotted, text: "pkt.dst"},
	"pkt4 .mac":     {sort: octets, text: "pkt.chaddr"},
	"pkt4 .hlen":    {sort: whole, text: "pkt.hlen"},
	"pkt4 .htype":   {sort: whole, text: "pkt.htype"},
	"pkt4 .transid": {sort: whole, text: "pkt.xid"},
	"pkt4 .ciaddr":  {sort: dotted, text: "pkt.ciaddr"},
	"pkt4 .giaddr":  {sort: dotted, text: "pkt.giaddr"},
	"pkt4 .msgtype": {sort: kind, text: "pkt.type"},
}

func (s *speaker) header(t *term) phrase {
	p, ok := headerFields[t.op+" "+t.path()]
	if !ok {
		return s.fail(t, "%s%s: there is no such field here", t.op, strings.Join(t.words, ""))
	}
	return p
}

// classMember says member('NAME').
func (s *speaker) classMember(t *term) phrase {
	if len(t.args) != 1 || t.args[0].op != "text" {
		return s.fail(t, "member wants the name of a class in quotes")
	}
	text, err := s.member(t.args[0].text)
	s.scoped = s.scoped || text == "true" && t.args[0].text != "ALL"
	if err != nil {
		return s.fail(t, "%v", err)
	}
	return phrase{sort: truth, text: text, ors: strings.Contains(text, " ")}
}
