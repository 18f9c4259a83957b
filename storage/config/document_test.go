package config

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"port67/storage/option"
)

var update = flag.Bool("update", false, "write docs/options.md anew")

// TestDocument_IsTheTruth holds docs/options.md to the registry.
func TestDocument_IsTheTruth(t *testing.T) {
	const path = "../../docs/options.md"
	want := document()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s is not up to date (%v): run go test ./storage/config -update", path, err)
	}
}

func document() string {
	var b strings.Builder
	b.WriteString("# Options\n\n" +
		"Every DHCPv4 option that has a name here, how its value is written in a configuration file, and an\n" +
		"example. This page is generated from `storage/option/registry.go`.\n\n" +
		"- A name of a record's field stands before the kind of the field. A record is written as a mapping of its\n" +
		"  fields or as a list in their order.\n" +
		"- Every option takes octets as well: `hex:` and pairs of hex digits. Where the value is hex anyway,\n" +
		"  `text:` before a text stands for its octets.\n" +
		"- `search-list` is domain names, `resolver` a mapping of `priority`, `name`, `addresses` and `params`\n" +
		"  (`alpn`, `no-default-alpn`, `port`, `dohpath` or `keyNUMBER`), `ipv4-address-group` a list of\n" +
		"  addresses, `counted-text` and `user-classes` texts behind their lengths, or octets.\n" +
		"- `sub-options of SPACE` is a mapping of their names or codes. `vendor-options` is such a mapping under the\n" +
		"  name of its space, or octets; `enterprise-options` is one under the number or the space of each enterprise.\n" +
		"- Options that are set otherwise cannot be configured; the table says what to do instead.\n" +
		"- The codes 128 to 135, 150, 160, 175 to 177 and those from 224 on are used by makers in different ways:\n" +
		"  `option-definitions` may give them another form.\n\n" +
		"| code | name | IANA's name | value | example | source |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, o := range option.Standard() {
		example := "`" + o.Example + "`"
		if why := RefusedOption(o.Code); why != "" {
			example = "*" + why + "*"
		}
		fmt.Fprintf(&b, "| %d | `%s` | %s | %s | %s | %s |\n", o.Code, o.Name, o.Title, o.Type, example, o.RFC)
	}
	b.WriteString("\n## Codes without a name\n\n" +
		"They are configured by number, as octets, or given a name with `option-definitions`. Names of options\n" +
		"that never came into use (RFC 3679 §2) are refused, so that nobody takes them for what they were meant\n" +
		"to be.\n\n" + nameless() + "\n## Spaces of sub-options\n\n" +
		"Those that are known; `option-spaces` defines others. Where a space has the number of an enterprise, its\n" +
		"sub-options go into option 125 by that number. Where it ends with End, option 43 is closed so.\n")
	for _, s := range option.StandardSpaces() {
		fmt.Fprintf(&b, "\n### %s\n\n%s", s.Name, s.RFC)
		if s.Enterprise != 0 {
			fmt.Fprintf(&b, "; enterprise %d", s.Enterprise)
		}
		if s.End {
			b.WriteString("; ends with End")
		}
		b.WriteString("\n\n| code | name | value |\n| --- | --- | --- |\n")
		for _, o := range s.Options {
			fmt.Fprintf(&b, "| %d | `%s` | %s |\n", o.Code, o.Name, o.Type)
		}
	}
	return b.String()
}

// nameless lists the codes that no name leads to.
func nameless() string {
	known := new(Config).Definitions()
	var ranges []string
	for code := 1; code <= 254; code++ {
		first := code
		for code <= 254 && known.ByCode(uint8(code)).Name == "" {
			code++
		}
		switch {
		case code == first:
		case code == first+1:
			ranges = append(ranges, fmt.Sprint(first))
		default:
			ranges = append(ranges, fmt.Sprintf("%d to %d", first, code-1))
		}
	}
	return strings.Join(ranges, ", ") + ".\n"
}
