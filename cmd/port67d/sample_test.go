package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// The sample's pool is the upper half of the prefix, at most 256 addresses, without our own address, the
// gateway's and that of the broadcast.
func TestSampleConfig(t *testing.T) {
	tests := []struct{ own, gateway, want string }{
		{"10.67.0.2/16", "10.67.0.1", "range: 10.67.254.255-10.67.255.254\n"},
		{"10.67.0.1/24", "10.99.0.200", "range: 10.67.0.128-10.67.0.254\n"},
		{"10.67.0.200/24", "10.67.0.200", "range: 10.67.0.128-10.67.0.254\n    exclude: [10.67.0.200]\n"},
		{"10.67.0.2/24", "10.67.0.254", "range: 10.67.0.128-10.67.0.254\n    exclude: [10.67.0.254]\n"},
		{"10.67.0.200/24", "10.67.0.254", "\n    exclude: [10.67.0.200, 10.67.0.254]\n"},
		{"10.67.0.1/29", "10.67.0.1", "range: 10.67.0.4-10.67.0.6\n"},
	}
	for _, tt := range tests {
		p := netip.MustParsePrefix(tt.own)
		link := devLink{Own: p.Addr(), Prefix: p.Masked(), Gateways: []netip.Addr{netip.MustParseAddr(tt.gateway)}}
		got := link.sampleConfig()
		if !strings.Contains(got, tt.want) || strings.Contains(got, "exclude") != strings.Contains(tt.want, "exclude") {
			t.Errorf("sample for %s:\n%slacks %q", tt.own, got, tt.want)
		}
	}
}

func TestDefaultGateways(t *testing.T) {
	gateway := func(a string) string {
		b := netip.MustParseAddr(a).As4()
		return fmt.Sprintf("%08X", binary.NativeEndian.Uint32(b[:]))
	}
	routes := "Iface\tDestination\tGateway\tFlags\n" +
		"eth0\t00000000\t" + gateway("10.67.0.254") + "\t0003\n" +
		"eth0\t" + gateway("10.67.0.0") + "\t" + gateway("10.67.0.9") + "\t0001\n" +
		"tun0\t00000000\t00000000\t0001\nshort\n"
	got := defaultGateways(routes)
	if len(got) != 1 || got[0] != netip.MustParseAddr("10.67.0.254") {
		t.Errorf("got %v, want 10.67.0.254", got)
	}
}

func TestFindDevLink_Unknown(t *testing.T) {
	_, err := findDevLink("nowhere0")
	if err == nil || !strings.Contains(err.Error(), "interface nowhere0: not up with an IPv4 prefix") {
		t.Errorf("got %v", err)
	}
}
