package config

import (
	"net/netip"
	"strings"
	"testing"
)

// TestEffective_V4_085_Identity: what is said of identity is inherited one by one and holds for a whole link; nobody
// below a link has a say.
func TestEffective_V4_085_Identity(t *testing.T) {
	p, q := netip.MustParsePrefix("10.67.0.0/24"), netip.MustParsePrefix("10.68.0.0/24")
	c := &Config{
		Settings:       Settings{Identity: Identity{FirmwareHandover: ptr(false)}},
		SharedNetworks: []SharedNetwork{{Name: "n", Subnets: []netip.Prefix{p}, Settings: Settings{Identity: Identity{Match: MatchBoth}}}},
		Subnets:        []Subnet{{Prefix: p}, {Prefix: q, Settings: Settings{Identity: Identity{OneLease: ptr(true)}}}},
	}
	compiled, problems := Compile(c)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for name, want := range map[string]EffectiveIdentity{
		"n": {Match: MatchBoth}, q.String(): {Match: MatchStrict, OneLease: true},
	} {
		if l, _ := compiled.Link(name); l.Identity != want {
			t.Errorf("link %s: %+v, want %+v", name, l.Identity, want)
		}
	}
	if compiled.Global.Identity != (EffectiveIdentity{Match: MatchStrict}) {
		t.Errorf("globally: %+v", compiled.Global.Identity)
	}
	c.Subnets[0].Identity.Match = MatchStrict
	if _, problems = Compile(c); len(problems) != 1 || problems[0].Path != "subnets[0].identity" {
		t.Errorf("within a shared network: %v", problems)
	}
}

// A change of identity is told in the words of the file.
func TestDiff_V4_085_Identity(t *testing.T) {
	was, is := &Config{}, &Config{Settings: Settings{Identity: Identity{Match: MatchHardware, OneLease: ptr(true)}}}
	var text []string
	for _, c := range Diff(was, is, nil).Changes {
		text = append(text, c.String())
	}
	want := "one lease per client: added, true\nclients matched by: added, mac"
	if got := strings.Join(text, "\n"); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}
