package config

import (
	"fmt"
	"strings"
)

// Kind is the form of one field of an option's value.
type Kind uint8

// The kinds. Those that find their own end may stand anywhere in a record; text, hex and the lists of RFC
// 3361 and RFC 3442 run to the end of the option and stand last.
const (
	KindHex         Kind = iota + 1 // octets as they are
	KindEmpty                       // no value at all: the option's presence is its meaning
	KindAddress                     // an IPv4 address
	KindAddress6                    // an IPv6 address
	KindBool                        // one octet, 0 or 1
	KindUint8                       // unsigned, one octet
	KindUint16                      // unsigned, two octets
	KindUint32                      // unsigned, four octets
	KindInt32                       // signed, four octets
	KindText                        // UTF-8 without control characters
	KindDomain                      // a domain name in labels (RFC 1035 §3.1)
	KindAddressPair                 // two IPv4 addresses (RFC 2132 §4.3, §5.8)
	KindRoute                       // a prefix and its router (RFC 3442)
	KindURI                         // a URI behind its length in two octets (RFC 8572 §8.1)
	KindSIPServers                  // domain names or addresses behind an octet that says which (RFC 3361 §3)
)

// kindNames are the words that stand for the kinds in option-definitions, in the order of the kinds.
var kindNames = [...]string{
	"", "hex", "empty", "ipv4-address", "ipv6-address", "bool", "uint8", "uint16", "uint32", "int32", "text",
	"domain-name", "ipv4-address-pair", "classless-route", "uri", "sip-servers",
}

// String returns the word for k in option-definitions.
func (k Kind) String() string { return kindNames[k] }

// endless says whether a value of kind k runs to the end of the option.
func (k Kind) endless() bool {
	return k == KindHex || k == KindText || k == KindSIPServers
}

// OptionType is the form of an option's value: one field, or a record of several; the last field may repeat.
type OptionType struct {
	Fields []Kind
	List   bool
}

// String returns t as it stands in documents: uint8, ipv4-address list, [uint16, text].
func (t OptionType) String() string {
	words := t.Words()
	if len(words) == 1 {
		return words[0]
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// Words returns t as OptionDefinition.Type has it.
func (t OptionType) Words() []string {
	words := make([]string, 0, len(t.Fields))
	for i, k := range t.Fields {
		w := k.String()
		if t.List && i == len(t.Fields)-1 {
			w += " list"
		}
		words = append(words, w)
	}
	return words
}

// ParseOptionType reads the type of an option definition: one word for each field, the last of them with
// " list" behind it if it repeats.
func ParseOptionType(words []string) (OptionType, error) {
	var t OptionType
	if len(words) == 0 {
		return t, fmt.Errorf("type missing: one of %s", kindList())
	}
	for i, word := range words {
		name, list := strings.CutSuffix(strings.TrimSpace(word), " list")
		k, ok := kindOf(strings.TrimSpace(name))
		last := i == len(words)-1
		switch {
		case !ok:
			return OptionType{}, fmt.Errorf("type %q unknown%s: one of %s", name,
				Suggest(name, kindNames[1:]), kindList())
		case list && !last:
			return OptionType{}, fmt.Errorf("type %q: only the last field of a record may be a list", word)
		case list && (k.endless() || k == KindEmpty):
			return OptionType{}, fmt.Errorf("type %q: %s runs to the end of the option and cannot repeat", word, k)
		case !last && k.endless():
			return OptionType{}, fmt.Errorf("type %q: runs to the end of the option and must be the last field", word)
		case k == KindEmpty && len(words) > 1:
			return OptionType{}, fmt.Errorf("type %q: an option without a value has no other fields", word)
		}
		t.Fields, t.List = append(t.Fields, k), list
	}
	return t, nil
}

func kindOf(word string) (Kind, bool) {
	for i, name := range kindNames {
		if i > 0 && name == word {
			return Kind(i), true
		}
	}
	return 0, false
}

func kindList() string { return strings.Join(kindNames[1:], ", ") }
