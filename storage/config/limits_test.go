package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseRate(t *testing.T) {
	for _, tt := range []struct {
		in, out string
		want    Rate
		wrong   string
	}{
		{in: "10/s", out: "10/s", want: Rate{10, 10}},
		{in: "1/s burst 5", out: "1/s burst 5", want: Rate{1, 5}},
		{in: "5/s burst 5", out: "5/s", want: Rate{5, 5}},
		{in: "off", out: "off"},
		{in: "10", wrong: "write as in 10/s"},
		{in: "10/m", wrong: "write as in 10/s"},
		{in: "-1/s", wrong: "write as in 10/s"},
		{in: "1/s burst", wrong: "write as in 10/s"},
		{in: "1/s burst x", wrong: "write as in 10/s"},
		{in: "0/s", wrong: "or off for no limit"},
		{in: "1/s burst 0", wrong: "burst of 0"},
		{in: "1000001/s", wrong: "between 1 and 1000000"},
		{in: "on", wrong: "write as in 10/s"},
	} {
		got, err := ParseRate(tt.in)
		switch {
		case tt.wrong != "":
			if err == nil || !strings.Contains(err.Error(), tt.wrong) {
				t.Errorf("%s: error %v, want one that says %q", tt.in, err, tt.wrong)
			}
		case err != nil || got != tt.want || got.String() != tt.out:
			t.Errorf("%s = %v, %v; want %v", tt.in, got, err, tt.want)
		}
	}
}

func TestLimits_UnsetIsDefault(t *testing.T) {
	c, problems := Compile(&Config{Limits: Limits{PerClient: &Rate{}, Strangers: &Rate{7, 8}}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want := DefaultLimits()
	want.PerClient, want.Strangers = &Rate{}, &Rate{7, 8}
	if diff := cmp.Diff(want, c.Limits); diff != "" {
		t.Error(diff)
	}
	if c.Config.Limits.DiscoverPerRelay != nil {
		t.Error("the configuration itself was changed")
	}
}

func TestLimits_ImpossibleRateIsRefused(t *testing.T) {
	c := &Config{Limits: Limits{PerClient: &Rate{PerSecond: 1}}}
	problems := c.Validate()
	if len(problems) != 1 || problems[0].Path != "limits.per-client" {
		t.Errorf("%v, want one problem of limits.per-client", problems)
	}
}

func TestQuotas_OfClass(t *testing.T) {
	c, problems := Compile(&Config{Classes: []Class{
		{Name: "modem", Test: "true", Limit: 2}, {Name: "port", Template: "x", Limit: 3},
		{Name: "port:a", Limit: 5}, {Name: "other", Test: "true"}, {Name: "free", Template: "x"},
		{Name: "free:a", Limit: 7},
	}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for name, want := range map[string]uint32{
		"modem": 2, "port": 0, "port:a": 5, "port:b": 3, "other": 0, "free": 0, "free:a": 7, "free:b": 0, "none": 0,
	} {
		if got := c.Quotas.OfClass(name); got != want {
			t.Errorf("limit of %s is %d, want %d", name, got, want)
		}
	}
	if want := []string{"modem", "port", "port:a", "free:a"}; !slices.Equal(c.Named, want) {
		t.Errorf("named %v, want %v", c.Named, want)
	}
	if !c.Quotas.CountsValues("port") || c.Quotas.CountsValues("free") || c.Quotas.CountsValues("modem") {
		t.Error("not just the values of port are counted")
	}
	if c, _ := Compile(&Config{}); c.Quotas != nil || c.Quotas.CountsValues("port") {
		t.Error("quotas where there are none")
	}
	wantProblems(t, &Config{
		Limits:  Limits{BindingsPerCircuit: quotaMax + 1, BindingsPerRemoteID: quotaMax + 1},
		Classes: []Class{{Name: "c", Test: "true", Limit: quotaMax + 1}},
	}, "limits.bindings-per-circuit", "limits.bindings-per-remote-id", "classes[0].limit")
}
