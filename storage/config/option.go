package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Definitions is the registry together with the administrator's own definitions.
type Definitions struct {
	byCode [256]OptionDef // Code 0 where unknown
	byName map[string]uint8
	names  []string // of the registry and the definitions, for suggestions
}

// Definitions returns what the options of c may be called. A definition that is wrong in itself is left out;
// Validate tells of it.
func (c *Config) Definitions() *Definitions {
	d := &Definitions{byName: make(map[string]uint8)}
	for _, def := range standardOptions {
		d.add(def)
	}
	for _, o := range c.OptionDefinitions {
		t, err := ParseOptionType(o.Type)
		if err != nil || d.byCode[o.Code].Code != 0 || o.Code == 0 || o.Name == "" {
			continue
		}
		if _, taken := d.byName[o.Name]; !taken {
			d.add(OptionDef{Code: o.Code, Name: o.Name, Type: t})
		}
	}
	for _, a := range optionAliases {
		if _, taken := d.byName[a.name]; !taken {
			d.byName[a.name] = a.code
		}
	}
	return d
}

func (d *Definitions) add(def OptionDef) {
	d.byCode[def.Code] = def
	d.byName[def.Name] = def.Code
	d.names = append(d.names, def.Name)
}

// ByCode returns the definition of an option. One that nobody has defined has no name and is octets.
func (d *Definitions) ByCode(code uint8) OptionDef {
	if def := d.byCode[code]; def.Code != 0 {
		return def
	}
	return OptionDef{Code: code, Type: one(KindHex)}
}

// Name returns the name of an option, or its code in digits if it has none.
func (d *Definitions) Name(code uint8) string {
	if def := d.byCode[code]; def.Name != "" {
		return def.Name
	}
	return strconv.Itoa(int(code))
}

// Find returns the definition that s names: an option's name, another name it is known by, or its code.
func (d *Definitions) Find(s string) (OptionDef, error) {
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		if n == 0 || n > 254 {
			return OptionDef{}, fmt.Errorf("option %s: codes go from 1 to 254", s)
		}
		return d.ByCode(uint8(n)), nil
	}
	if code, ok := d.byName[s]; ok {
		return d.ByCode(code), nil
	}
	return OptionDef{}, fmt.Errorf("option %s unknown%s: name it as IANA does, or give its code", s,
		Suggest(s, d.names))
}

// ValueWords returns the value of an option as an administrator would write it, lists with commas.
func (d *Definitions) ValueWords(o Option) string {
	v, err := DecodeValue(d.ByCode(o.Code), o.Data)
	if err != nil {
		return RawValue(o.Data)
	}
	if list, ok := v.([]string); ok {
		return strings.Join(list, ", ")
	}
	return fmt.Sprint(v)
}

// SortOptions puts options into the one order in which they are compared and stored: by ascending code.
func SortOptions(options []Option) {
	slices.SortStableFunc(options, func(a, b Option) int { return cmp.Compare(a.Code, b.Code) })
}

// optionAliases are other names by which options are known: singular and plural, and the words of other
// servers.
var optionAliases = [...]struct {
	name string
	code uint8
}{
	{"router", 3}, {"time-server", 4}, {"name-server", 5}, {"ien116-name-servers", 5},
	{"domain-name-server", 6}, {"dns-servers", 6}, {"log-server", 7}, {"cookie-server", 8},
	{"lpr-server", 9}, {"impress-server", 10}, {"resource-location-server", 11}, {"hostname", 12},
	{"static-route", 33}, {"nis-server", 41}, {"ntp-server", 42}, {"vendor-specific-information", 43},
	{"netbios-name-server", 44}, {"netbios-dd-servers", 45}, {"font-server", 48},
	{"x-display-managers", 49}, {"nisplus-server", 65}, {"bootfile-name", 67},
	{"mobile-ip-home-agents", 68}, {"smtp-servers", 69}, {"pop-servers", 70}, {"nntp-servers", 71},
	{"www-servers", 72}, {"finger-servers", 73}, {"irc-servers", 74}, {"streettalk-servers", 75},
	{"slp-directory-agents", 78}, {"relay-agent-information", 82}, {"tz-posix", 100}, {"tz-name", 101},
	{"captive-portal", 114}, {"subnet-select", 118}, {"search-domains", 119}, {"domain-search-list", 119},
	{"classless-static-routes", 121}, {"rfc3442-classless-static-routes", 121}, {"vivco", 124},
	{"vivso", 125}, {"capwap-ac", 138}, {"tftp-server-addresses", 150}, {"config-file", 209},
	{"path-prefix", 210}, {"reboot-time", 211}, {"6rd", 212}, {"dnr", 162},
	{"ms-classless-static-routes", 249}, {"web-proxy-auto-discovery", 252},
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
		return "needs rapid commit, which this release does not have"
	case 81:
		return "needs DNS updates, which this release does not have"
	case 82, 118, 221:
		return "belongs to the relay agent and goes back as it came"
	case 90:
		return "needs authentication of messages, which this release does not have"
	case 91, 92, 151, 152, 153, 154, 155, 156, 157:
		return "belongs to leasequery and is set by the server"
	}
	return ""
}
