package config

import (
	"cmp"
	"errors"
	"slices"

	"port67/storage/option"
)

// Definitions returns what the options of c may be called. A definition that is wrong in itself is left out;
// Validate tells of it.
func (c *Config) Definitions() *option.Definitions {
	own := make([]option.Def, 0, len(c.OptionDefinitions))
	for i := range c.OptionDefinitions {
		if def, err := c.OptionDefinitions[i].compiled(); err == nil {
			own = append(own, def)
		}
	}
	spaces := make([]option.Space, 0, len(c.OptionSpaces))
	for i := range c.OptionSpaces {
		s := &c.OptionSpaces[i]
		out := option.Space{Name: s.Name, Enterprise: s.Enterprise, End: s.End}
		for j := range s.Options {
			if def, err := s.Options[j].compiled(); err == nil {
				out.Options = append(out.Options, def)
			}
		}
		spaces = append(spaces, out)
	}
	return option.NewDefinitions(own, spaces)
}

// compiled returns o as the registry has its options.
func (o *OptionDefinition) compiled() (option.Def, error) {
	def := option.Def{Code: o.Code, Name: o.Name, Type: option.Type{Space: o.Space}}
	switch {
	case o.Name == "" || o.Code == 0 || o.Code == 255:
		return def, errors.New("name or code missing")
	case o.Space != "" && (len(o.Type) > 0 || len(o.Fields) > 0 || o.Repeat):
		return def, errors.New("both type and space: a value is made of fields or of sub-options")
	case o.Space != "":
		return def, nil
	}
	var err error
	def.Type, err = option.ParseType(o.Type, o.Fields, o.Repeat)
	return def, err
}

// SortOptions puts options into the one order in which they are compared and stored: by ascending code.
func SortOptions(options []Option) {
	slices.SortStableFunc(options, func(a, b Option) int { return cmp.Compare(a.Code, b.Code) })
}

// RefusedOption says why an option cannot be configured, and what to do instead; empty if it can be.
func RefusedOption(code uint8) string {
	switch code {
	case 0, 255:
		return "is a filler and no option"
	case 51:
		return "is the lease time: set lease.default, lease.min and lease.max"
	case 52:
		return "is used by the server when a reply does not fit otherwise"
	case 53, 56:
		return "is part of the protocol and set by the server"
	case 54:
		return "is the server's address: set service-address of the subnet"
	case 58:
		return "is the renewal time: set t1"
	case 59:
		return "is the rebinding time: set t2"
	case 61:
		return "goes back as the client sent it: set echo-client-id"
	case 50, 55, 57, 77, 93, 94, 97, 145, 161:
		return "is sent by clients only"
	case 80:
		return "goes to clients that are bound at once: set rapid-commit"
	case 81:
		return "goes to clients that sent it, and is set by the server"
	case 82, 118, 221:
		return "belongs to the relay agent and goes back as it came"
	case 90:
		return "needs authentication of messages, which this release does not have"
	case 91, 92, 151, 152, 153, 154, 155, 156, 157:
		return "belongs to leasequery and is set by the server"
	}
	return ""
}
