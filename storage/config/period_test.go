package config

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// The calendar agrees with the library's, which a pure package may not use, on the first and last second of
// every day of four centuries and of some far ones.
func TestMoment_AgreesWithTheLibrary(t *testing.T) {
	check := func(secs int64) {
		want := time.Unix(secs, 0).UTC().Format(time.RFC3339)
		if got := Moment(secs).String(); got != want {
			t.Fatalf("%d is %s, want %s", secs, got, want)
		}
		if m, err := ParseMoment(want); err != nil || int64(m) != secs {
			t.Fatalf("%s is %d, %v; want %d", want, m, err, secs)
		}
	}
	for day := int64(1); day < 400*366; day++ {
		check(day * daySecs)
		check(day*daySecs - 1)
	}
	for day := int64(MomentMax)/daySecs - 500; day <= int64(MomentMax)/daySecs; day++ {
		check(day * daySecs)
	}
	check(int64(MomentMax))
}

func TestParseMoment(t *testing.T) {
	for in, want := range map[string]string{
		"2026-12-01T09:00:00+01:00": "2026-12-01T08:00:00Z",
		"2024-02-29T23:59:59-05:30": "2024-03-01T05:29:59Z",
		"2026-12-01":                "write as in",
		"2026-12-01T09:00:00":       "write as in",
		"2026-12-01 09:00:00Z":      "write as in",
		"2026-12-01T09:00:00z":      "write as in",
		"2026-12-01T09:00:00.5Z":    "write as in",
		"2026-12-01T09:00:00+0100":  "write as in",
		"2026-12-01T09:00:00+1:00":  "write as in",
		"2026-12-01T09:00:00+24:00": "write as in",
		"2026-13-01T09:00:00Z":      "write as in",
		"2026-00-01T09:00:00Z":      "write as in",
		"2026-12-00T09:00:00Z":      "write as in",
		"2026-12-01T24:00:00Z":      "write as in",
		"2026-12-01T09:60:00Z":      "write as in",
		"2026-02-29T09:00:00Z":      "no such day",
		"2026-04-31T09:00:00Z":      "no such day",
		"1970-01-01T00:00:00Z":      "between the years",
		"0000-01-01T00:00:00Z":      "between the years",
		"":                          "write as in",
	} {
		m, err := ParseMoment(in)
		switch {
		case strings.HasPrefix(want, "2"):
			if err != nil || m.String() != want {
				t.Errorf("%q = %v, %v; want %s", in, m, err, want)
			}
		case err == nil || !strings.Contains(err.Error(), want):
			t.Errorf("%q: %v, want an error that says %q", in, err, want)
		}
	}
}

// What is open in a period names the two classes that say whether it is; nobody can name them in a guard.
func TestPeriod_IsAGuard(t *testing.T) {
	c, problems := Compile(&Config{Subnets: []Subnet{{
		Prefix: prefix("10.67.0.0/24"), Period: Period{From: 100},
		Pools: []Pool{{Range: span(t, "10.67.0.10-10.67.0.19"), Period: Period{From: 200, Until: 300}}},
	}}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if want := []string{"before@100", "before@200", "after@300"}; !slices.Equal(c.Named, want) {
		t.Errorf("named %v, want %v", c.Named, want)
	}
	sub := c.Subnets()[0]
	for _, tt := range []struct {
		classes   []string
		sub, pool bool
	}{
		{[]string{"before@100", "before@200"}, false, false},
		{[]string{"before@200"}, true, false},
		{nil, true, true},
		{[]string{"after@300"}, true, false},
	} {
		if s, p := sub.Open(tt.classes), sub.Pools[0].Open(tt.classes); s != tt.sub || p != tt.pool {
			t.Errorf("%v: subnet open %t, pool %t; want %t, %t", tt.classes, s, p, tt.sub, tt.pool)
		}
	}
	for name, want := range map[string]bool{
		"before@100": true, "after@100": true, "before@x": false, "after@": false, "port:after@100": false,
	} {
		if _, _, ok := DatedClass(name); ok != want {
			t.Errorf("%s is dated: %t, want %t", name, ok, want)
		}
	}
}

func TestPeriod_Problems(t *testing.T) {
	c := &Config{Subnets: []Subnet{{
		Prefix: prefix("10.67.0.0/24"), Classes: []string{"before@100"}, Period: Period{From: 100, Until: 100},
	}}}
	wantProblems(t, c, "subnets[0].classes[0]", "subnets[0].until")
	c.Subnets[0].Classes, c.Subnets[0].Period = nil, Period{From: -1, Until: MomentMax + 1}
	wantProblems(t, c, "subnets[0].from", "subnets[0].until")
}

func wantProblems(t *testing.T, c *Config, paths ...string) {
	t.Helper()
	var got []string
	for _, p := range c.Validate() {
		got = append(got, p.Path)
	}
	if !slices.Equal(got, paths) {
		t.Errorf("problems of %v, want %v", c.Validate(), paths)
	}
}
