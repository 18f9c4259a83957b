package config

import (
	"net/netip"
	"strings"
	"testing"
)

func TestLeaseQuery_LQ_002_WhoMayAsk(t *testing.T) {
	c := office(t)
	nobody, _ := Compile(c)
	if nobody.AnswersLeaseQueries() || nobody.MayQueryLeases(addr("10.67.0.1")) {
		t.Error("without requesters somebody may ask")
	}
	c = office(t)
	c.LeaseQuery.Requesters = []netip.Prefix{prefix("10.67.0.1/32"), prefix("10.68.0.0/30")}
	some, problems := Compile(c)
	if len(problems) > 0 || !some.AnswersLeaseQueries() {
		t.Fatalf("problems %v, answers nobody", problems)
	}
	for a, want := range map[string]bool{
		"10.67.0.1": true, "10.67.0.2": false, "10.68.0.3": true, "10.68.0.4": false, "0.0.0.0": false,
	} {
		if got := some.MayQueryLeases(addr(a)); got != want {
			t.Errorf("%s may ask: %t, want %t", a, got, want)
		}
	}
}

func TestLeaseQuery_ValidateTLS(t *testing.T) {
	for mode, good := range map[LeaseQueryTLS]bool{"": true, "off": true, "allow": true, "require": true, "on": false} {
		c := &Config{LeaseQuery: LeaseQuery{TLS: mode}}
		if problems := c.Validate(); (len(problems) == 0) != good {
			t.Errorf("%q: %v, want good: %t", mode, problems, good)
		}
	}
}

func TestLeaseQuery_Validate(t *testing.T) {
	for _, tt := range []struct{ requester, want string }{
		{"10.67.0.1/32", ""},
		{"10.0.0.0/8", ""},
		{"10.67.0.1/24", "write 10.67.0.0/24"},
		{"0.0.0.0/0", "at most a /8"},
		{"2001:db8::1/128", "no IPv4 address"},
		{"10.9.0.0/16", "stands twice"},
	} {
		c := &Config{LeaseQuery: LeaseQuery{Requesters: []netip.Prefix{prefix("10.9.0.0/16"), prefix(tt.requester)}}}
		problems := c.Validate()
		switch {
		case tt.want == "" && len(problems) > 0:
			t.Errorf("%s: %v, want nothing", tt.requester, problems)
		case tt.want != "" && (len(problems) != 1 || problems[0].Path != "leasequery.requesters[1]" ||
			!strings.Contains(problems[0].Text, tt.want)):
			t.Errorf("%s: %v, want %q", tt.requester, problems, tt.want)
		}
	}
}

func TestParseRequester(t *testing.T) {
	for in, want := range map[string]string{
		"10.67.0.1": "10.67.0.1", "10.67.0.1/32": "10.67.0.1", "10.68.0.0/30": "10.68.0.0/30", "fe80::1": "",
		"relay": "", "10.67.0.0/33": "",
	} {
		got, err := ParseRequester(in)
		if (err == nil) != (want != "") || err == nil && FormatRequester(got) != want {
			t.Errorf("%q: %v, %v; want %q", in, got, err, want)
		}
	}
}
