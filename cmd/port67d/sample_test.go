package main

import (
	"net/netip"
	"strings"
	"testing"
)

// The sample's pool is the upper half of the prefix, at most 256 addresses, without our own address and that
// of the broadcast.
func TestSampleConfig(t *testing.T) {
	tests := []struct{ own, want string }{
		{"10.67.0.2/16", "range: 10.67.254.255-10.67.255.254\n"},
		{"10.67.0.1/24", "range: 10.67.0.128-10.67.0.254\n"},
		{"10.67.0.200/24", "range: 10.67.0.128-10.67.0.254\n    exclude: [10.67.0.200]\n"},
		{"10.67.0.1/29", "range: 10.67.0.4-10.67.0.6\n"},
	}
	for _, tt := range tests {
		p := netip.MustParsePrefix(tt.own)
		got := devLink{Own: p.Addr(), Prefix: p.Masked()}.sampleConfig()
		if !strings.Contains(got, tt.want) || strings.Contains(got, "exclude") != strings.Contains(tt.want, "exclude") {
			t.Errorf("sample for %s:\n%slacks %q", tt.own, got, tt.want)
		}
	}
}

func TestFindDevLink_Unknown(t *testing.T) {
	_, err := findDevLink("nowhere0")
	if err == nil || !strings.Contains(err.Error(), "interface nowhere0: not up with an IPv4 prefix") {
		t.Errorf("got %v", err)
	}
}
