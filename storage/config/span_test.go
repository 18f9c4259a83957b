package config

import (
	"strings"
	"testing"

	"port67/storage/lease"
)

func TestParseSeconds(t *testing.T) {
	for _, tt := range []struct {
		s    string
		want lease.Seconds
		err  string
		back string // what FormatSeconds writes, if not s
	}{
		{"15s", 15, "", ""}, {"90s", 90, "", ""}, {"15m", 900, "", ""}, {"1h30m", 5400, "", "90m"}, {"24h", 86400, "", ""},
		{"7d", 604800, "", "168h"}, {"2w", 1209600, "", "336h"}, {"1w1d1h1m1s", 694861, "", "694861s"}, {"0s", 0, "", ""},
		{"infinite", lease.Infinite, "", ""}, {"4294967294s", 4294967294, "", ""},
		{"4294967295s", 0, "longer than DHCP can carry", ""}, {"8000w", 0, "longer than", ""},
		{"15", 0, "15 has no unit: write 15s, 15m, 15h or infinite", ""},
		{"", 0, "no span", ""}, {"h", 0, "no span", ""}, {"1m1h", 0, "no span", ""}, {"1h1h", 0, "no span", ""},
		{"1.5h", 0, "no span", ""}, {"-1h", 0, "no span", ""}, {"1h ", 0, "no span", ""}, {"1y", 0, "no span", ""},
		{"99999999999h", 0, "no span", ""}, {"1h5", 0, "no span", ""},
	} {
		got, err := ParseSeconds(tt.s)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%q: %d, %v; want an error with %q", tt.s, got, err, tt.err)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("%q: %d, %v; want %d", tt.s, got, err, tt.want)
		}
		back := tt.back
		if back == "" {
			back = tt.s
		}
		if s := FormatSeconds(got); s != back {
			t.Errorf("%d is written %s, want %s", got, s, back)
		}
	}
}

func TestParsePermilleAndFactor(t *testing.T) {
	for s, want := range map[string]Permille{"50%": 500, "87.5%": 875, "1%": 10, "0.1%": 1, "100%": 1000, "0%": 0} {
		if got, err := ParsePermille(s); err != nil || got != want || got.String() != s {
			t.Errorf("%s: %d, %v, written %s; want %d", s, got, err, got, want)
		}
	}
	for _, s := range []string{"50", "%", ".5%", "5.%", "87.55%", "-1%", "1e2%", "+5%", "99999999%"} {
		if got, err := ParsePermille(s); err == nil {
			t.Errorf("%s: %s, want an error", s, got)
		}
	}
	for s, want := range map[string]uint32{"1": 100, "2": 200, "1.5": 150, "1.25": 125, "1.05": 105, "10": 1000} {
		if got, err := ParseFactor(s); err != nil || got != want || FormatFactor(got) != s {
			t.Errorf("%s: %d, %v, written %s; want %d", s, got, err, FormatFactor(got), want)
		}
	}
	for _, s := range []string{"", "two", "1.005", "-1", "1.", ".5"} {
		if got, err := ParseFactor(s); err == nil {
			t.Errorf("%q: %d, want an error", s, got)
		}
	}
}

func TestParseAddrRange(t *testing.T) {
	for s, want := range map[string]string{
		"10.0.0.1-10.0.0.9": "10.0.0.1-10.0.0.9", "10.0.0.1 - 10.0.0.9": "10.0.0.1-10.0.0.9", "10.0.0.1": "10.0.0.1",
		"10.0.0.0/30": "10.0.0.0-10.0.0.3", "0.0.0.0/0": "0.0.0.0-255.255.255.255",
	} {
		if got, err := ParseAddrRange(s); err != nil || got.String() != want {
			t.Errorf("%s: %s, %v; want %s", s, got, err, want)
		}
	}
	for _, s := range []string{"", "-", "10.0.0.1-", "10.0.0.1/24", "2001:db8::1", "2001:db8::/32", "a-b", "10.0.0.1-10.0.0.2-10.0.0.3"} {
		if got, err := ParseAddrRange(s); err == nil {
			t.Errorf("%q: %s, want an error", s, got)
		}
	}
}

func TestSuggest(t *testing.T) {
	names := []string{"routers", "subnet-mask", "lease"}
	for word, want := range map[string]string{
		"router": " (did you mean routers?)", "subnet-maks": " (did you mean subnet-mask?)", "leases": " (did you mean lease?)",
		"x": "", "": "", "completely-different": "",
	} {
		if got := Suggest(word, names); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}
