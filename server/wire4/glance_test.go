package wire4

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestLook(t *testing.T) {
	header := make([]byte, headerLen)
	header[opAt], header[hTypeAt], header[hLenAt] = bootRequest, 1, 6
	copy(header[giAddrAt:], []byte{10, 67, 0, 1})
	copy(header[chAddrAt:], []byte{2, 0x67, 0, 0, 0, 1})
	with := func(options ...byte) []byte {
		return append(append(append([]byte(nil), header...), magicCookie...), options...)
	}
	relay, hardware := netip.MustParseAddr("10.67.0.1"), []byte{2, 0x67, 0, 0, 0, 1}
	long := with()
	long[hLenAt] = 255
	for name, tt := range map[string]struct {
		in   []byte
		want Glance
	}{
		"nothing": {nil, Glance{GIAddr: netip.IPv4Unspecified()}},
		"bootp":   {header, Glance{GIAddr: relay, Client: hardware}},
		"discover": {
			with(53, 1, 1, 0, 0, 82, 7, 2, 1, 'x', 1, 2, 'p', '7', 255, 61, 1, 9),
			Glance{Type: 1, GIAddr: relay, Client: hardware, Circuit: []byte("p7")},
		},
		"client identifier":  {with(61, 2, 0, 'a', 53, 1, 3, 255), Glance{Type: 3, GIAddr: relay, Client: []byte("\x00a")}},
		"hardware too long":  {long, Glance{GIAddr: relay, Client: long[chAddrAt : chAddrAt+16]}},
		"option cut off":     {with(53, 1, 1, 61, 9, 1), Glance{Type: 1, GIAddr: relay, Client: hardware}},
		"sub-option cut off": {with(82, 3, 1, 9, 'p', 53, 1, 1), Glance{Type: 1, GIAddr: relay, Client: hardware}},
		"empty values":       {with(53, 0, 61, 0, 82, 0), Glance{GIAddr: relay, Client: hardware}},
	} {
		got := Look(tt.in)
		if d := cmp.Diff(tt.want, got, cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s: -want +got\n%s", name, d)
		}
	}
}

func FuzzLook(f *testing.F) {
	f.Add(make([]byte, 300))
	f.Fuzz(func(_ *testing.T, b []byte) { Look(b) })
}
