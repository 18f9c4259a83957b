package option

import (
	"fmt"
	"strings"
)

// Kind is the form of one field of an option's value.
type Kind uint8

// The kinds. Those that find their own end may stand anywhere in a record; text, hex and the lists of RFC
// 3361 and RFC 3397 run to the end of the option and stand last.
const (
	Hex           Kind = iota + 1 // octets as they are, also as text:…
	Empty                         // no value at all: the option's presence is its meaning
	Address                       // an IPv4 address
	Address6                      // an IPv6 address
	Bool                          // one octet, 0 or 1
	Uint8                         // unsigned, one octet
	Uint16                        // unsigned, two octets
	Uint32                        // unsigned, four octets
	Uint64                        // unsigned, eight octets
	Int8                          // signed, one octet
	Int16                         // signed, two octets
	Int32                         // signed, four octets
	Text                          // UTF-8 without control characters
	Domain                        // a domain name in labels (RFC 1035 §3.1)
	AddressPair                   // two IPv4 addresses (RFC 2132 §4.3, §5.8)
	Route                         // a prefix and its router (RFC 3442)
	URI                           // a URI behind its length in two octets (RFC 8572 §8.1)
	CountedText                   // text or octets behind their length in one octet (RFC 3925 §3)
	AddressGroup                  // IPv4 addresses behind their length in one octet (RFC 7291 §4)
	NameOrAddress                 // a domain name or an address behind an octet that says which (RFC 3495 §5.2)
	SIPServers                    // a list of these, all alike, behind one such octet (RFC 3361 §3)

	// What follows is the form of one option each and cannot be used in definitions.
	SearchList        // domain names that share their ends (RFC 3397 §2)
	UserClasses       // texts behind their lengths, or one text without (RFC 3004 §4)
	Resolver          // an encrypted resolver (RFC 9463 §5.1)
	VendorOptions     // the sub-options of a space that the value names, or octets (RFC 2132 §8.4)
	EnterpriseOptions // sub-options of enterprises by number (RFC 3925 §4)
)

// kindNames are the words that stand for the kinds, in their order.
var kindNames = [...]string{
	"", "hex", "empty", "ipv4-address", "ipv6-address", "bool", "uint8", "uint16", "uint32", "uint64", "int8",
	"int16", "int32", "text", "domain-name", "ipv4-address-pair", "classless-route", "uri", "counted-text",
	"ipv4-address-group", "name-or-address", "sip-servers",
	"search-list", "user-classes", "resolver", "vendor-options", "enterprise-options",
}

// kindsPublic is how many of them may be used in definitions.
const kindsPublic = int(SIPServers) + 1

// String returns the word for k in option-definitions.
func (k Kind) String() string { return kindNames[k] }

// endless says whether a value of kind k runs to the end of the option.
func (k Kind) endless() bool {
	switch k {
	case Hex, Text, SIPServers, SearchList, UserClasses, VendorOptions, EnterpriseOptions:
		return true
	}
	return false
}

// Field is one field of a value. Only the fields of a record have names.
type Field struct {
	Name string
	Kind Kind
}

// Type is the form of an option's value: one field, a record of several, or the sub-options of a space.
type Type struct {
	Fields []Field
	// List says that the last field repeats.
	List bool
	// Repeat says that the record as a whole repeats.
	Repeat bool
	// Space is the space whose sub-options are the value; then there are no fields.
	Space string
}

// String returns t as it stands in documents and errors: uint8, ipv4-address list, {flags uint8, name text}.
func (t Type) String() string {
	if t.Space != "" {
		return "sub-options of " + t.Space
	}
	words := t.Words()
	for i, f := range t.Fields {
		if f.Name != "" {
			words[i] = f.Name + " " + words[i]
		}
	}
	out := words[0]
	if len(words) > 1 {
		out = "{" + strings.Join(words, ", ") + "}"
	}
	if t.Repeat {
		out += " list"
	}
	return out
}

// Words returns the kinds of the fields as ParseType takes them.
func (t Type) Words() []string {
	words := make([]string, 0, len(t.Fields))
	for i, f := range t.Fields {
		w := f.Kind.String()
		if t.List && i == len(t.Fields)-1 {
			w += " list"
		}
		words = append(words, w)
	}
	return words
}

// Empty says whether the option has no value: its presence is its meaning.
func (t Type) Empty() bool { return t.first() == Empty }

// named says whether the fields of t have names.
func (t Type) named() bool { return len(t.Fields) > 1 && t.Fields[0].Name != "" }

// first returns the kind of the first field, 0 for sub-options.
func (t Type) first() Kind {
	if len(t.Fields) == 0 {
		return 0
	}
	return t.Fields[0].Kind
}

// ParseType reads the type of an option definition: one word for each field, the last of them with " list"
// behind it if it repeats; names for the fields, or none; and whether the record as a whole repeats.
func ParseType(words, names []string, repeat bool) (Type, error) {
	t := Type{Repeat: repeat}
	switch {
	case len(words) == 0:
		return t, fmt.Errorf("type missing: one of %s", kindList())
	case len(names) > 0 && len(names) != len(words):
		return t, fmt.Errorf("%d names for %d fields: give every field one, or none", len(names), len(words))
	case len(names) == 1:
		return t, fmt.Errorf("name %q for a single value: only the fields of a record have names", names[0])
	}
	for i, word := range words {
		name, list := strings.CutSuffix(strings.TrimSpace(word), " list")
		k, ok := kindOf(strings.TrimSpace(name))
		if !ok {
			return t, fmt.Errorf("type %q unknown%s: one of %s", name,
				Suggest(name, kindNames[1:kindsPublic]), kindList())
		}
		if why := misplaced(k, list, i == len(words)-1, len(words) > 1, repeat); why != "" {
			return t, fmt.Errorf("type %q: %s", word, why)
		}
		f := Field{Kind: k}
		if len(names) > 0 {
			f.Name = names[i]
		}
		t.Fields, t.List = append(t.Fields, f), list
	}
	return t, nil
}

// misplaced says why a field of kind k cannot stand where it does; empty if it can.
func misplaced(k Kind, list, last, record, repeat bool) string {
	switch {
	case list && !last:
		return "only the last field of a record may be a list"
	case list && repeat:
		return "a record that repeats has no field that repeats"
	case list && (k.endless() || k == Empty):
		return k.String() + " runs to the end of the option and cannot repeat"
	case !last && k.endless():
		return "runs to the end of the option and must be the last field"
	case k == Empty && record:
		return "an option without a value has no other fields"
	case repeat && k.endless():
		return k.String() + " runs to the end of the option, so that no second record could follow"
	case repeat && !record:
		return "a single field repeats as \"" + k.String() + " list\""
	}
	return ""
}

func kindOf(word string) (Kind, bool) {
	for i, name := range kindNames[:kindsPublic] {
		if i > 0 && name == word {
			return Kind(i), true
		}
	}
	return 0, false
}

func kindList() string { return strings.Join(kindNames[1:kindsPublic], ", ") }
