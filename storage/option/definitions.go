package option

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Def is what is known of an option: its name, the form of its value and where it is defined.
type Def struct {
	Code uint8
	Name string
	// Title is the name in IANA's registry, or what a maker calls it.
	Title string
	Type  Type
	RFC   string // as in RFC 2132 §3.5; empty for an option of the administrator's own
	// Example is a value as it stands in a configuration file.
	Example string
}

// Definitions is the registry together with an administrator's own definitions.
type Definitions struct {
	byCode [256]Def // Code 0 where unknown
	byName map[string]uint8
	names  []string // of the registry and the definitions, for suggestions
	spaces []Space  // the administrator's own first
}

// NewDefinitions returns the registry with own definitions and spaces in it. An own option may take the place
// of one that is not reserved (see Reserved), and an own space that of a standard one. Of two with the same
// name or code the first is kept.
func NewDefinitions(own []Def, spaces []Space) *Definitions {
	d := &Definitions{byName: make(map[string]uint8)}
	for _, def := range own {
		if d.byCode[def.Code].Code == 0 && !Reserved(def.Code) {
			d.byCode[def.Code] = def
		}
	}
	for _, def := range standardOptions {
		if d.byCode[def.Code].Code == 0 {
			d.byCode[def.Code] = def
			d.addName(def)
		}
	}
	for _, def := range own {
		if d.byCode[def.Code].Name == def.Name {
			d.addName(def)
		}
	}
	for _, a := range aliases {
		if _, taken := d.byName[a.name]; !taken {
			d.byName[a.name] = a.code
		}
	}
	for _, s := range slices.Concat(spaces, standardSpaces[:]) {
		taken := slices.ContainsFunc(d.spaces, func(o Space) bool {
			return o.Name == s.Name
		})
		if !taken {
			d.spaces = append(d.spaces, s)
		}
	}
	return d
}

func (d *Definitions) addName(def Def) {
	if _, taken := d.byName[def.Name]; !taken {
		d.byName[def.Name] = def.Code
		d.names = append(d.names, def.Name)
	}
}

// Reserved says whether a code has one meaning that nobody may change. The others are for private use (RFC
// 3942 §4), or makers of phones and boot ROMs took them without asking, each for something else.
func Reserved(code uint8) bool {
	switch {
	case code >= 224, code >= 128 && code <= 135, code == 150, code == 160, code >= 175 && code <= 177:
		return false
	}
	return slices.ContainsFunc(standardOptions[:], func(o Def) bool { return o.Code == code })
}

// Standard returns the registry by ascending code. The caller does not change it.
func Standard() []Def { return standardOptions[:] }

// StandardSpaces returns the spaces of sub-options that the registry knows. The caller does not change them.
func StandardSpaces() []Space { return standardSpaces[:] }

// Known returns the code of the standard option that name names, or is another word for.
func Known(name string) (code uint8, ok bool) {
	for _, o := range standardOptions {
		if o.Name == name {
			return o.Code, true
		}
	}
	for _, a := range aliases {
		if a.name == name {
			return a.code, true
		}
	}
	return 0, false
}

// ByCode returns the definition of an option. One that nobody has defined has no name and is octets.
func (d *Definitions) ByCode(code uint8) Def {
	if def := d.byCode[code]; def.Code != 0 {
		return def
	}
	return Def{Code: code, Type: one(Hex)}
}

// Name returns the name of an option, or its code in digits if it has none.
func (d *Definitions) Name(code uint8) string {
	if def := d.byCode[code]; def.Name != "" {
		return def.Name
	}
	return strconv.Itoa(int(code))
}

// Find returns the definition that s names: an option's name, another name it is known by, or its code.
func (d *Definitions) Find(s string) (Def, error) {
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		if n == 0 || n > 254 {
			return Def{}, fmt.Errorf("option %s: codes go from 1 to 254", s)
		}
		return d.ByCode(uint8(n)), nil
	}
	if code, ok := d.byName[s]; ok {
		return d.ByCode(code), nil
	}
	for _, r := range returned {
		if r.name == s {
			return Def{}, fmt.Errorf("option %s never came into use and its code was given back (RFC 3679 §2): "+
				"to send it all the same, write %d and octets as hex:…", s, r.code)
		}
	}
	return Def{}, fmt.Errorf("option %s unknown%s: name it as IANA does, or give its code", s,
		Suggest(s, d.names))
}

// Words returns a value that Value gave in one line, lists with commas.
func Words(v any) string {
	switch v := v.(type) {
	case Mapping:
		words := make([]string, 0, len(v))
		for _, p := range v {
			words = append(words, p.Name+": "+innerWords(p.Value))
		}
		return strings.Join(words, ", ")
	case []any:
		words := make([]string, 0, len(v))
		for _, e := range v {
			words = append(words, innerWords(e))
		}
		return strings.Join(words, ", ")
	}
	return fmt.Sprint(v)
}

// innerWords is Words with brackets around what has several parts.
func innerWords(v any) string {
	switch v := v.(type) {
	case Mapping:
		return "{" + Words(v) + "}"
	case []any:
		return "[" + Words(v) + "]"
	}
	return Words(v)
}
