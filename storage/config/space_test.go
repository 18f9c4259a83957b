package config

import (
	"strings"
	"testing"
)

// Levels inherit sub-options one by one, as long as they are of one space; classes stand in the middle.
func TestEffectiveFor_V4_068_SubOptionsBySpace(t *testing.T) {
	c := office(t)
	c.OptionSpaces = []OptionSpace{{Name: "acme"}, {Name: "other"}}
	of := func(space string, data ...byte) []Option { return []Option{{Code: 43, Data: data, Space: space}} }
	c.Options = of("acme", 1, 1, 10, 2, 1, 10)
	c.Subnets[0].Options = of("acme", 2, 1, 20)
	c.Classes = []Class{
		{Name: "more", Settings: Settings{Options: of("acme", 3, 1, 30)}},
		{Name: "other", Settings: Settings{Options: of("other", 2, 1, 40)}},
		{Name: "verbatim", Settings: Settings{Options: of("", []byte("5A1D;B2")...)}}, // W-033
	}
	c.Subnets[0].Reservations[0].Options = of("acme", 1, 1, 50)
	out := compile(c)
	sub, _ := out.SubnetOf(addr("10.67.0.1"))
	for _, tt := range []struct {
		name    string
		res     *CompiledReservation
		classes []string
		want    string
	}{
		{"subnet over global", nil, nil, "\x01\x01\x0a\x02\x01\x14"},
		{"class over subnet", nil, []string{"more"}, "\x01\x01\x0a\x02\x01\x14\x03\x01\x1e"},
		{"class of another space", nil, []string{"other"}, "\x02\x01\x28"},
		{"class with octets", nil, []string{"verbatim"}, "5A1D;B2"},
		{"reservation over class", sub.Reserved[0], []string{"more"}, "\x01\x01\x32\x02\x01\x14\x03\x01\x1e"},
		{"reservation over octets", sub.Reserved[0], []string{"verbatim"}, "\x01\x01\x32"},
	} {
		if got, _ := out.EffectiveFor(sub, nil, tt.res, tt.classes).Option(43); string(got) != tt.want {
			t.Errorf("%s: option 43 is %x, want %x", tt.name, got, tt.want)
		}
	}
}

func TestEffectiveFor_V4_063_SpacesAtEveryLevel(t *testing.T) {
	c := office(t)
	c.Options = []Option{{Code: 125, Data: []byte{0, 0, 0, 9, 3, 1, 1, 1}, Space: "enterprises"}}
	c.AlwaysSend = []uint8{125}
	c.SharedNetworks[0].NeverSend = []uint8{125}
	c.Subnets[0].AlwaysSend = []uint8{125}
	c.Subnets[0].Reservations[0].NeverSend = []uint8{125}
	out := compiled(t, c)
	sub, _ := out.SubnetOf(addr("10.67.0.1"))
	other, _ := out.SubnetOf(addr("10.68.0.1"))
	for _, tt := range []struct {
		name   string
		e      *Effective
		always bool
	}{
		{"global", out.Global, true}, {"shared network", other.Effective, false}, {"subnet", sub.Effective, true},
		{"reservation", sub.Reserved[0].Effective, false},
	} {
		if tt.e.AlwaysSend[125] != tt.always || tt.e.NeverSend[125] == tt.always {
			t.Errorf("%s: option 125 is always sent: %v, never: %v; want %v, %v", tt.name, tt.e.AlwaysSend[125],
				tt.e.NeverSend[125], tt.always, !tt.always)
		}
	}
}

func TestValidate_OptionSpaces(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   []string
	}{
		{"all well", func(c *Config) {
			c.OptionSpaces = []OptionSpace{
				{Name: "a", Enterprise: 9, Options: []OptionDefinition{{Name: "in", Code: 1, Space: "b"}}},
				{Name: "b", Options: []OptionDefinition{{Name: "x", Code: 1, Type: []string{"uint8"}}}},
			}
			c.OptionDefinitions = []OptionDefinition{{Name: "block", Code: 224, Space: "a"}}
			c.Options = []Option{{Code: 224, Data: []byte{1, 3, 1, 1, 7}, Space: "a"}}
		}, nil},
		{"the code of a maker's option", func(c *Config) {
			c.OptionDefinitions = []OptionDefinition{
				{Name: "vlan", Code: 132, Type: []string{"text"}}, {Name: "wpad", Code: 252, Type: []string{"uri"}},
			}
		}, nil},
		{"definitions", func(c *Config) {
			c.OptionDefinitions = []OptionDefinition{
				{Name: "a", Code: 224, Space: "nowhere"},
				{Name: "b", Code: 225, Type: []string{"uint8"}, Space: "pxe"},
				{Name: "c", Code: 226, Type: []string{"uint8", "text"}, Fields: []string{"x"}},
				{Name: "d", Code: 227, Type: []string{"uint8", "uint8"}, Fields: []string{"x", "x"}},
				{Name: "e", Code: 228, Type: []string{"uint8", "text"}, Repeat: true},
				{Name: "f", Code: 229, Type: []string{"search-list"}},
				{Name: "wpad", Code: 230, Type: []string{"text"}},
			}
		}, []string{
			"option-definitions[0].space: space nowhere unknown", "option-definitions[1].space: beside type",
			"option-definitions[2].type: 1 names for 2 fields", "option-definitions[3].fields[1]: x stands twice",
			`option-definitions[4].type: type "text": text runs to the end`,
			`option-definitions[5].type: type "search-list" unknown`,
			"option-definitions[6].name: wpad is a standard option",
		}},
		{"spaces", func(c *Config) {
			c.OptionSpaces = []OptionSpace{
				{Name: "a", Enterprise: 9, Options: []OptionDefinition{
					{Name: "x", Code: 1, Type: []string{"uint8"}}, {Name: "x", Code: 1, Type: []string{"uin8"}},
				}},
				{Name: "a", Enterprise: 9}, {Name: ""}, {Name: "enterprises"},
				{Name: "deep", Options: []OptionDefinition{{Name: "x", Code: 1, Space: "deep"}}},
			}
		}, []string{
			"option-spaces[0].options[1].name: x is defined by option-spaces[0].options[0]",
			"option-spaces[0].options[1].code: 1 is defined by", `option-spaces[0].options[1].type: type "uin8" unknown`,
			"option-spaces[1].name: a is defined by option-spaces[0]", "option-spaces[1].enterprise: 9 has",
			"option-spaces[2].name: name missing", "option-spaces[3].name: enterprises is what",
			"option-spaces[4].options[0].space: deep has sub-options of deep inside: they lie at most 2 deep",
		}},
		{"values", func(c *Config) {
			c.Options = []Option{
				{Code: 3, Data: []byte{10, 0, 0, 1}, Space: "pxe"},
				{Code: 43, Data: []byte{6, 1, 8}, Space: "pxe"}, // without the End that the space wants
				{Code: 122, Data: []byte{1}, Space: "ccc"},
				{Code: 125, Data: append([]byte{0, 0, 0, 9, 202, 1, 200}, make([]byte, 200)...), Space: "enterprises"},
			}
			c.Subnets[0].Options = []Option{
				{Code: 125, Data: append([]byte{0, 0, 0, 9, 102, 2, 100}, make([]byte, 100)...), Space: "enterprises"},
			}
		}, []string{
			"options.routers: no sub-options of pxe", "options.vendor-encapsulated-options: no sub-options of pxe",
			"options.cablelabs-client-configuration: no sub-options of ccc",
			"subnets[0].options.vivso-suboptions: with the sub-options of the level above, one enterprise has more",
		}},
		{"W-036 W-037 sizes", func(c *Config) {
			c.MinReplySize, c.MaxReplySize = ptr(uint16(327)), ptr(uint16(1501))
			c.Subnets[0].MinReplySize, c.Subnets[0].MaxReplySize = ptr(uint16(600)), ptr(uint16(599))
			c.Subnets[1].MaxReplySize = ptr(uint16(328))
		}, []string{
			"min-reply-size: 327: between 328 and 1500", "max-reply-size: 1501: between",
			"subnets[0].min-reply-size: no datagram has at least 600 and at most 599",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := office(t)
			tt.change(c)
			problems := c.Validate()
			for i, p := range problems {
				if i >= len(tt.want) || !strings.HasPrefix(p.String(), tt.want[i]) {
					t.Errorf("problem %d: %s", i, p)
				}
			}
			if len(problems) != len(tt.want) {
				t.Errorf("%d problems, want %d: %v", len(problems), len(tt.want), tt.want)
			}
		})
	}
}

func TestDiff_SubOptionsInWords(t *testing.T) {
	old, updated := office(t), office(t)
	updated.OptionSpaces = []OptionSpace{{
		Name: "acme", Options: []OptionDefinition{{Name: "vlan", Code: 1, Type: []string{"uint16"}}},
	}}
	updated.Subnets[0].Options = []Option{{Code: 43, Data: []byte{1, 2, 0, 67}, Space: "acme"}}
	updated.NULTerminate = ptr(true)
	var got []string
	for _, c := range Diff(old, updated, nil).Changes {
		got = append(got, c.String())
	}
	want := []string{
		"NUL behind texts: added, true", "option space acme: added",
		"subnet 10.67.0.0/16, option vendor-encapsulated-options: added, acme: {vlan: 67}",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
