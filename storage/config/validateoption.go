package config

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"port67/storage/option"
)

// options checks the options of one level that stands under outer.
func (v *validator) options(path string, s *Settings, outer *Effective) {
	total := 0
	for i, o := range s.Options {
		at := path + ".options." + v.definitions.Name(o.Code)
		if i > 0 && s.Options[i-1].Code >= o.Code {
			v.problem(at, "option %d stands twice or out of order: each once, by ascending code", o.Code)
		}
		total += v.option(at, o, outer)
	}
	nth := 0 // of the values of one option
	for i, o := range s.Guarded {
		if i > 0 && s.Guarded[i-1].Code == o.Code {
			nth++
		} else {
			nth = 0
		}
		at := path + ".options." + v.definitions.Name(o.Code) + "[" + strconv.Itoa(nth) + "]"
		if i > 0 && s.Guarded[i-1].Code > o.Code {
			v.problem(at, "option %d is out of order: by ascending code", o.Code)
		}
		if len(o.Classes) == 0 {
			v.problem(at, "no classes: list those that get the value, or write the value alone")
		}
		v.guard(at+".classes", o.Classes)
		total += v.option(at, o.Option, outer)
	}
	if total > levelOctetsMax {
		v.problem(path+".options", "%d octets in all: at most %d at one level", total, levelOctetsMax)
	}
}

// option checks one option of a level under outer and returns the octets of its value.
func (v *validator) option(at string, o Option, outer *Effective) int {
	if why := RefusedOption(o.Code); why != "" {
		v.problem(at, "option %d %s", o.Code, why)
	}
	def := v.definitions.ByCode(o.Code)
	if len(o.Data) == 0 && !def.Type.Empty() {
		v.problem(at, "no octets: the shortest value has one; leave the option out to not send it")
	}
	if len(o.Data) > optionOctetsMax {
		v.problem(at, "%d octets: at most %d", len(o.Data), optionOctetsMax)
	}
	pxe := o.Code == optionVendorClass && bytes.HasPrefix(o.Data, []byte("PXEClient"))
	if pxe && !v.config.sets(optionVendor) { // W-021
		v.problem(at, "PXEClient without vendor-encapsulated-options anywhere: firmware would take it for the "+
			"word of a boot server and look for that at port 4011; set that option, or leave this one out")
	}
	if o.Space != "" {
		v.composed(at, o, def, outer)
	}
	return len(o.Data)
}

// composed checks an option that says it is made of sub-options, alone and with those that it inherits.
func (v *validator) composed(at string, o Option, def option.Def, outer *Effective) {
	if !v.definitions.Composed(def, o.Data, o.Space) {
		v.problem(at, "no sub-options of %s as they are defined here, by ascending code: write them anew", o.Space)
		return
	}
	above, _ := outer.composed(o.Code)
	if above.Space != o.Space {
		return
	}
	merged, fits := option.Merge(o.Space, above.Data, o.Data)
	if !fits {
		v.problem(at, "with the sub-options of the level above, one enterprise has more than 255 octets")
	}
	if len(merged) > optionOctetsMax {
		v.problem(at, "%d octets with the sub-options of the level above: at most %d", len(merged),
			optionOctetsMax)
	}
}

// composed returns an option that is made of sub-options.
func (e *Effective) composed(code uint8) (Option, bool) {
	i, ok := slices.BinarySearchFunc(e.Options, code, byCode)
	if !ok || e.Options[i].Space == "" {
		return Option{}, false
	}
	return e.Options[i], true
}

func (v *validator) codes(path string, codes []uint8) {
	for i, code := range codes {
		at := path + "[" + strconv.Itoa(i) + "]"
		if why := RefusedOption(code); why != "" {
			v.problem(at, "option %d %s", code, why)
		}
		if slices.Contains(codes[:i], code) {
			v.problem(at, "option %s stands twice: keep one", v.definitions.Name(code))
		}
	}
}

// defined is the names and codes that were used already, with the place of the first.
type defined struct {
	names map[string]string
	codes map[uint8]string
}

func newDefined() *defined {
	return &defined{names: make(map[string]string), codes: make(map[uint8]string)}
}

// optionDefinitions checks the options that the registry does not know.
func (v *validator) optionDefinitions() {
	seen := newDefined()
	for i := range v.config.OptionDefinitions {
		o := &v.config.OptionDefinitions[i]
		path := "option-definitions[" + strconv.Itoa(i) + "]"
		if code, ok := option.Known(o.Name); ok && (code != o.Code || option.Reserved(code)) {
			v.problem(path+".name", "%s is a standard option: give yours another name", o.Name)
		}
		if option.Reserved(o.Code) {
			v.problem(path+".code", "%d is the standard option %s: codes from 224 to 254 are free for private use "+
				"(RFC 3942 §4)", o.Code, v.definitions.Name(o.Code))
		}
		v.definition(path, o, seen)
		v.encapsulates(path, o.Space, 1)
	}
}

// definition checks one option or sub-option by itself and against those before it.
func (v *validator) definition(path string, o *OptionDefinition, seen *defined) {
	if why := checkName(o.Name); why != "" {
		v.problem(path+".name", "%s", why)
	} else if first, taken := seen.names[o.Name]; taken {
		v.problem(path+".name", "%s is defined by %s: names are used once", o.Name, first)
	} else {
		seen.names[o.Name] = path
	}
	if o.Code == 0 || o.Code == 255 {
		v.problem(path+".code", "%d: codes go from 1 to 254", o.Code)
	} else if first, taken := seen.codes[o.Code]; taken {
		v.problem(path+".code", "%d is defined by %s: codes are used once", o.Code, first)
	} else {
		seen.codes[o.Code] = path
	}
	for i, name := range o.Fields {
		at := path + ".fields[" + strconv.Itoa(i) + "]"
		if why := checkName(name); why != "" {
			v.problem(at, "%s", why)
		} else if slices.Contains(o.Fields[:i], name) {
			v.problem(at, "%s stands twice: names are used once", name)
		}
	}
	if o.Space != "" {
		if len(o.Type) > 0 || len(o.Fields) > 0 || o.Repeat {
			v.problem(path+".space", "beside type, fields or repeat: a value is made of fields or of sub-options")
		}
		return
	}
	if _, err := option.ParseType(o.Type, o.Fields, o.Repeat); err != nil {
		v.problem(path+".type", "%v", err)
	}
}

// spaceDepthMax is how deep sub-options may lie: in an option, and in a sub-option of it.
const spaceDepthMax = 2

// encapsulates checks that space is known, and that the sub-options of an option that has it at this depth do
// not lie too deep. A space that contains itself does.
func (v *validator) encapsulates(path, space string, depth int) {
	if space == "" {
		return
	}
	s, err := v.definitions.Space(space)
	if err != nil {
		v.problem(path+".space", "%v", err)
		return
	}
	for _, o := range s.Options {
		if inner := o.Type.Space; inner != "" && depth == spaceDepthMax {
			v.problem(path+".space", "%s has sub-options of %s inside: they lie at most %d deep", space, inner,
				spaceDepthMax)
			return
		}
	}
}

// optionSpaces checks the administrator's own spaces. Sub-options lie one deep in the option that has them.
func (v *validator) optionSpaces() {
	for i := range v.config.OptionSpaces {
		s := &v.config.OptionSpaces[i]
		path := "option-spaces[" + strconv.Itoa(i) + "]"
		if why := checkName(s.Name); why != "" {
			v.problem(path+".name", "%s", why)
		} else if s.Name == option.Enterprises {
			v.problem(path+".name", "%s is what option 125 has: give the space another name", s.Name)
		}
		for j, first := range v.config.OptionSpaces[:i] {
			if first.Name == s.Name && s.Name != "" {
				v.problem(path+".name", "%s is defined by option-spaces[%d]: names are used once", s.Name, j)
			}
			if first.Enterprise == s.Enterprise && s.Enterprise != 0 {
				v.problem(path+".enterprise", "%d has its sub-options in option-spaces[%d]: one space for each",
					s.Enterprise, j)
			}
		}
		seen := newDefined()
		for j := range s.Options {
			o := &s.Options[j]
			at := path + ".options[" + strconv.Itoa(j) + "]"
			v.definition(at, o, seen)
			v.encapsulates(at, o.Space, 2)
		}
	}
}

// words returns the form of the value of o in words.
func (o *OptionDefinition) words() string {
	def, err := o.compiled()
	if err != nil {
		return strconv.Itoa(int(o.Code))
	}
	return fmt.Sprintf("%d, %s", o.Code, def.Type)
}

// ValueWords returns the value of an option as an administrator would write it, in one line.
func ValueWords(d *option.Definitions, o Option) string {
	return option.Words(d.Value(d.ByCode(o.Code), o.Data, o.Space))
}

// The options by which firmware knows a boot server: that it is one, and where it is (RFC 2132 §9.13, §8.4).
const (
	optionVendorClass = 60
	optionVendor      = 43
)

// sets says whether any level of c has a value for the option code, be it for some classes only.
func (c *Config) sets(code uint8) bool {
	return c.anywhere(func(s *Settings) bool {
		return slices.ContainsFunc(s.Options, func(o Option) bool { return o.Code == code }) ||
			slices.ContainsFunc(s.Guarded, func(o GuardedOption) bool { return o.Code == code })
	})
}

// anywhere says whether the settings of any level of c have something.
func (c *Config) anywhere(has func(*Settings) bool) bool {
	return has(&c.Settings) ||
		slices.ContainsFunc(c.Classes, func(k Class) bool { return has(&k.Settings) }) ||
		slices.ContainsFunc(c.SharedNetworks, func(n SharedNetwork) bool { return has(&n.Settings) }) ||
		slices.ContainsFunc(c.Subnets, func(n Subnet) bool {
			return has(&n.Settings) ||
				slices.ContainsFunc(n.Pools, func(p Pool) bool { return has(&p.Settings) }) ||
				slices.ContainsFunc(n.Reservations, func(r Reservation) bool { return has(&r.Settings) })
		})
}

// checkHostname refuses what is no host name (RFC 1123 §2.1): labels of letters, digits and hyphens.
func checkHostname(s string) error {
	if len(s) > 253 {
		return fmt.Errorf("%d octets: at most 253", len(s))
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return fmt.Errorf("%q is no host name: a label has 1 to 63 letters, digits or hyphens, no hyphen "+
				"at its ends", s)
		}
		for i := range len(label) {
			if !isAlphanumeric(label[i]) && label[i] != '-' {
				return fmt.Errorf("%q is no host name: %q is no letter, digit or hyphen", s, label[i])
			}
		}
	}
	return nil
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
