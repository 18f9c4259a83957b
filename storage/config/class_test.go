package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGuard_AnyOfAndNot(t *testing.T) {
	for _, c := range []struct {
		guard   []string
		classes []string
		open    bool
	}{
		{nil, nil, true},
		{[]string{"a", "b"}, []string{"b"}, true},
		{[]string{"a", "b"}, []string{"c"}, false},
		{[]string{"not-a"}, []string{"b"}, true},
		{[]string{"not-a"}, []string{"a"}, false},
		{[]string{"a", "not-b"}, []string{"a", "b"}, false},
		// A class whose test could not be compiled keeps shut what names it, in whatever way.
		{[]string{"a"}, []string{Undecided("a")}, false},
		{[]string{"not-a"}, []string{Undecided("a")}, false},
		{[]string{"not-a"}, []string{Undecided("b")}, true},
	} {
		g := compileGuard(c.guard)
		if got := g.open(c.classes); got != c.open {
			t.Errorf("guard %v, client %v: open %v, want %v", c.guard, c.classes, got, c.open)
		}
	}
}

// classy is a configuration in which classes decide about something everywhere.
func classy(t *testing.T) *Config {
	c := office(t)
	c.Classes = []Class{
		{Name: "phones", Test: "true", Settings: Settings{BootFile: "phone.bin"}},
		{Name: "idle", Test: "true"},
		{Name: "stray", Test: "true", Ignore: true},
		{Name: "port", Template: "''"},
		{Name: "port:1", Settings: Settings{BootFile: "one.bin"}},
	}
	c.Deny = []string{"unknown"}
	c.SharedNetworks[0].Classes = []string{"not-pxe-bios"}
	c.Subnets[0].Classes = []string{"known", "port:2"}
	c.Options = []Option{{Code: 6, Data: []byte{1, 1, 1, 1}}, {Code: 15, Data: []byte("global")}}
	c.Guarded = []GuardedOption{
		{Option{Code: 15, Data: []byte("phones")}, []string{"phones"}}, {Option{Code: 15, Data: []byte("not ipxe")}, []string{"not-ipxe"}},
	}
	return c
}

// What the classes of a client decide about is found once; what decides about nothing is not evaluated.
func TestCompile_Named(t *testing.T) {
	c := compile(classy(t))
	want := []string{PXEBIOS, IPXE, "phones", "stray", "port:1", "port:2"}
	if d := cmp.Diff(want, c.Named); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if got := compile(office(t)).Named; len(got) > 0 {
		t.Errorf("%v named without classes", got)
	}
	for classes, denied := range map[string]bool{"unknown": true, "stray": true, "known": false, "phones": false} {
		if c.Denies([]string{classes}) != denied {
			t.Errorf("%s: denied %v, want %v", classes, !denied, denied)
		}
	}
}

func TestOpen_V4_113_NetworkAndSubnet(t *testing.T) {
	c := compile(classy(t))
	first, _ := c.SubnetOf(addr("10.67.0.1"))
	second, _ := c.SubnetOf(addr("10.68.0.1"))
	for _, tt := range []struct {
		name          string
		classes       []string
		first, second bool
	}{
		{"known", []string{"known"}, true, true},
		{"a value", []string{"unknown", "port:2"}, true, true},
		{"in nothing that the first names", []string{"unknown"}, false, true},
		{"excluded from the network", []string{"known", PXEBIOS}, false, false},
	} {
		if a, b := first.Open(tt.classes), second.Open(tt.classes); a != tt.first || b != tt.second {
			t.Errorf("%s: open %v %v, want %v %v", tt.name, a, b, tt.first, tt.second)
		}
	}
}

// The first value whose classes fit counts; an inner level that speaks to everybody is heard by all.
func TestEffectiveFor_OptionsByClass(t *testing.T) {
	conf := classy(t)
	conf.Subnets[0].Options = nil
	conf.Subnets[1].Options = []Option{{Code: 15, Data: []byte("subnet")}}
	conf.Classes[1].Guarded = []GuardedOption{{Option{Code: 15, Data: []byte("idle and known")}, []string{"known"}}}
	c := compile(conf)
	sub, _ := c.SubnetOf(addr("10.67.0.1"))
	other, _ := c.SubnetOf(addr("10.68.0.1"))
	for _, tt := range []struct {
		name    string
		sub     *CompiledSubnet
		classes []string
		want    string
	}{
		{"no class fits", sub, []string{"ipxe"}, "global"},
		{"the second", sub, []string{"known"}, "not ipxe"},
		{"the first", sub, []string{"phones"}, "phones"},
		{"V4-064 an inner level for all", other, []string{"phones"}, "subnet"},
		{"V4-064 a class over the subnet", other, []string{"idle", "known"}, "idle and known"},
		{"a class whose value is not for this client", other, []string{"idle"}, "subnet"},
	} {
		got, _ := c.EffectiveFor(tt.sub, nil, nil, tt.classes).Option(15)
		if string(got) != tt.want {
			t.Errorf("%s: domain name %q, want %q", tt.name, got, tt.want)
		}
	}
	if e := c.EffectiveFor(sub, nil, nil, []string{"phones"}); len(e.Options) != 2 {
		t.Errorf("options %v, want two", e.Options)
	}
}

// What is always sent is a matter of the innermost level that speaks of it, classes included.
func TestEffectiveFor_V4_064_AlwaysSendOfAClass(t *testing.T) {
	conf := classy(t)
	conf.NeverSend = []uint8{15}
	conf.Classes[0].AlwaysSend = []uint8{15}
	c := compile(conf)
	sub, _ := c.SubnetOf(addr("10.67.0.1"))
	if e := c.EffectiveFor(sub, nil, nil, []string{"phones"}); !e.AlwaysSend[15] || e.NeverSend[15] {
		t.Error("what a class always sends is not sent")
	}
	if e := c.EffectiveFor(sub, nil, nil, []string{"known"}); e.AlwaysSend[15] || !e.NeverSend[15] {
		t.Error("what a class always sends is sent to others")
	}
}

// A guard that names more than known and unknown strands nobody: which classes a lease's client is in is not
// remembered.
func TestDiff_GuardsThatNobodyCanJudge(t *testing.T) {
	for _, c := range []struct {
		guard []string
		shut  bool
	}{
		{nil, false},
		{[]string{"known"}, true},
		{[]string{"not-unknown"}, true},
		{[]string{"phones"}, false},
		{[]string{"known", "phones"}, false},
		{[]string{"not-phones"}, false},
	} {
		g := compileGuard(c.guard)
		if got := g.shuts(Unknown); got != c.shut {
			t.Errorf("guard %v: shut to unknown clients %v, want %v", c.guard, got, c.shut)
		}
	}
}
