package rarp

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var (
	broadcast = MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	diskless  = MAC{2, 0x67, 0, 0, 0, 1}
	asker     = MAC{2, 0x67, 0, 0, 0, 0x77}
	own       = MAC{2, 0x67, 0, 0, 1, 2}

	byValue = cmpopts.EquateComparable(netip.Addr{})
)

// request is what a device that boots sends, octet by octet as RFC 903 has it.
func request() []byte {
	return []byte{
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0x67, 0, 0, 0, 0x77, 0x80, 0x35,
		0, 1, 8, 0, 6, 4, 0, 3,
		2, 0x67, 0, 0, 0, 0x77, 0, 0, 0, 0,
		2, 0x67, 0, 0, 0, 1, 0, 0, 0, 0,
	}
}

func TestParse_RP_005_WithAndWithoutPadding(t *testing.T) {
	want := Frame{
		Dst: broadcast, Src: asker, Op: RequestReverse, SHA: asker, THA: diskless,
		SPA: netip.IPv4Unspecified(), TPA: netip.IPv4Unspecified(),
	}
	for _, padding := range []int{0, 1, 18, 1000} {
		got, ok := Parse(append(request(), bytes.Repeat([]byte{0xa5}, padding)...))
		if !ok {
			t.Errorf("%d octets of padding: not taken for RARP", padding)
		}
		if diff := cmp.Diff(want, got, byValue); diff != "" {
			t.Errorf("%d octets of padding (-want +got):\n%s", padding, diff)
		}
	}
}

func TestParse_RP_004_WhatIsNoRARP(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func([]byte) []byte
	}{
		{"nothing", func([]byte) []byte { return nil }},
		{"one octet short", func(b []byte) []byte { return b[:len(b)-1] }},
		{"ARP", func(b []byte) []byte { b[13] = 0x06; return b }},
		{"a VLAN tag", func(b []byte) []byte { b[12], b[13] = 0x81, 0x00; return b }},
		{"hardware type 6", func(b []byte) []byte { b[15] = 6; return b }},
		{"protocol 0x0806", func(b []byte) []byte { b[17] = 6; return b }},
		{"hln 8", func(b []byte) []byte { b[18] = 8; return b }},
		{"pln 16", func(b []byte) []byte { b[19] = 16; return b }},
		{"from a group", func(b []byte) []byte { b[6] = 3; return b }},
		{"from everybody", func(b []byte) []byte { copy(b[6:], broadcast[:]); return b }},
		{"from nobody", func(b []byte) []byte { clear(b[6:12]); return b }},
	} {
		if f, ok := Parse(tt.change(request())); ok {
			t.Errorf("%s: taken for RARP: %+v", tt.name, f)
		}
	}
}

func TestEncode_RP_005_SixtyOctets(t *testing.T) {
	f := Frame{
		Dst: asker, Src: own, Op: ReplyReverse, SHA: own, THA: diskless,
		SPA: netip.MustParseAddr("10.67.0.2"), TPA: netip.MustParseAddr("10.67.0.9"),
	}
	want := append([]byte{
		2, 0x67, 0, 0, 0, 0x77, 2, 0x67, 0, 0, 1, 2, 0x80, 0x35,
		0, 1, 8, 0, 6, 4, 0, 4,
		2, 0x67, 0, 0, 1, 2, 10, 67, 0, 2,
		2, 0x67, 0, 0, 0, 1, 10, 67, 0, 9,
	}, make([]byte, 18)...)
	got := f.Encode()
	if !bytes.Equal(got, want) || len(got) != 60 {
		t.Errorf("%d octets\n% x, want 60\n% x", len(got), got, want)
	}
	if back, ok := Parse(got); !ok || back != f {
		t.Errorf("read back: %+v %v, want %+v", back, ok, f)
	}
}

// FuzzParse throws any octets at Parse: what it takes is RARP by its octets, and is read back when encoded.
func FuzzParse(f *testing.F) {
	f.Add(request())
	f.Add(append(request(), make([]byte, 18)...))
	f.Add(request()[:41])
	f.Fuzz(func(t *testing.T, b []byte) {
		parsed, ok := Parse(b)
		if !ok {
			return
		}
		if len(b) < 42 || binary.BigEndian.Uint16(b[12:]) != 0x8035 || b[6]&1 != 0 {
			t.Errorf("taken for RARP: % x", b)
		}
		encoded := parsed.Encode()
		if !bytes.Equal(encoded[:42], b[:42]) {
			t.Errorf("encoded as\n% x, read from\n% x", encoded[:42], b[:42])
		}
		if again, ok := Parse(encoded); !ok || again != parsed {
			t.Errorf("read back: %+v %v, want %+v", again, ok, parsed)
		}
	})
}
