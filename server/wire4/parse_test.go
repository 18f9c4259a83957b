package wire4

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"port67/server/dhcp4"
)

// octets builds the octets of a request for the tests: a valid header, then what is asked for.
type octets struct {
	b []byte
}

func request(options ...byte) octets {
	b := make([]byte, headerLen)
	b[opAt], b[hTypeAt], b[hLenAt] = bootRequest, 1, 6
	copy(b[xidAt:], []byte{0x67, 0, 0, 1})
	copy(b[chAddrAt:], []byte{2, 0, 0, 0, 0, 1})
	b = append(b, magicCookie...)
	return octets{append(b, options...)}
}

func (o octets) set(at int, b ...byte) octets {
	c := bytes.Clone(o.b)
	copy(c[at:], b)
	return octets{c}
}

func (o octets) cut(n int) octets { return octets{o.b[:n]} }

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func optionsOf(q dhcp4.Query) map[uint8]string {
	m := map[uint8]string{}
	for _, o := range q.Options.All() {
		m[o.Code] = string(o.Data)
	}
	return m
}

func TestParse_Refused(t *testing.T) {
	whole := request(53, 1, 1, 255)
	tests := []struct {
		name string
		in   octets
		want error
	}{
		{"V4-002 op 2 is a reply", whole.set(opAt, 2), ErrNotRequest},
		{"V4-002 op 0", whole.set(opAt, 0), ErrNotRequest},
		{"V4-003 empty", octets{}, ErrShort},
		{"V4-003 one octet short of the header", whole.cut(235), ErrShort},
		{"V4-006 hlen 17", whole.set(hLenAt, 17), ErrHLen},
		{"V4-016 option 53 without a value", request(53, 0, 255), ErrOption},
		{"V4-016 option 53 of two octets", request(53, 2, 1, 0, 255), ErrOption},
		{"V4-016 option 53 of value 0", request(53, 1, 0, 255), ErrOption},
		{"V4-013 V4-016 option 53 twice is one of two octets", request(53, 1, 1, 53, 1, 1, 255), ErrOption},
		{"V4-015 option 53 cut off in its value", request(12, 1, 'a', 53, 1), ErrOption},
		{"V4-015 option 53 cut off before its length", request(12, 1, 'a', 53), ErrOption},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if q, err := Parse(tt.in.b); !errors.Is(err, tt.want) {
				t.Errorf("Parse = %+v, %v; want error %v", q, err, tt.want)
			}
		})
	}
}

func TestParse_Options(t *testing.T) {
	long := bytes.Repeat([]byte{'x'}, 200)
	tests := []struct {
		name   string
		in     octets
		kind   dhcp4.MessageType
		want   map[uint8]string
		broken int
	}{
		{"V4-004 payload below 300", request(53, 1, 1, 255), 1, map[uint8]string{53: "\x01"}, 0},
		{
			"V4-005 cookie without option 53 is BOOTP", request(12, 1, 'a', 255), 0,
			map[uint8]string{12: "a"}, 0,
		},
		{"V4-011 unknown message type is told", request(53, 1, 77, 255), 77, map[uint8]string{53: "M"}, 0},
		{
			"V4-013 pieces are joined in order",
			request(43, 2, 'a', 'b', 53, 1, 3, 43, 1, 'c', 12, 1, 'h', 43, 1, 'd', 255), 3,
			map[uint8]string{43: "abcd", 53: "\x03", 12: "h"}, 0,
		},
		{
			"V4-013 two long pieces",
			request(cat([]byte{53, 1, 1, 43, 200}, long, []byte{43, 200}, long, []byte{255})...), 1,
			map[uint8]string{53: "\x01", 43: strings.Repeat("x", 400)}, 0,
		},
		{"V4-014 no End option", request(53, 1, 1, 12, 1, 'a'), 1, map[uint8]string{53: "\x01", 12: "a"}, 0},
		{
			"V4-014 runs of Pad", request(0, 0, 53, 1, 1, 0, 0, 12, 1, 'a', 0), 1,
			map[uint8]string{53: "\x01", 12: "a"}, 0,
		},
		{
			"V4-014 octets after End", request(53, 1, 1, 255, 12, 1, 'a', 7), 1,
			map[uint8]string{53: "\x01"}, 0,
		},
		{
			"V4-015 last option cut off", request(53, 1, 1, 12, 5, 'a', 'b'), 1,
			map[uint8]string{53: "\x01"}, 1,
		},
		{"V4-015 last option without length", request(53, 1, 1, 12), 1, map[uint8]string{53: "\x01"}, 1},
		{
			"V4-015 second piece cut off", request(53, 1, 1, 12, 1, 'a', 12, 9, 'b'), 1,
			map[uint8]string{53: "\x01", 12: "a"}, 1,
		},
		{
			"V4-016 option 50 of three octets", request(50, 3, 10, 67, 0, 53, 1, 1, 12, 1, 'a', 255), 1,
			map[uint8]string{53: "\x01", 12: "a"}, 1,
		},
		{
			"V4-016 options 54, 57, 118 and 80 misshapen",
			request(53, 1, 3, 54, 5, 1, 2, 3, 4, 5, 57, 1, 9, 118, 0, 80, 1, 1, 61, 1, 9, 255), 3,
			map[uint8]string{53: "\x03", 61: "\x09"}, 4,
		},
		{
			"V4-016 unknown option", request(53, 1, 1, 231, 2, 1, 2, 255), 1,
			map[uint8]string{53: "\x01", 231: "\x01\x02"}, 0,
		},
		{"length zero is there", request(53, 1, 1, 80, 0, 255), 1, map[uint8]string{53: "\x01", 80: ""}, 0},
		{"V4-016 option 52 of value 9", request(53, 1, 1, 52, 1, 9, 255), 1, map[uint8]string{53: "\x01"}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q, err := Parse(tt.in.b)
			if err != nil {
				t.Fatalf("Parse: %v", err)
			}
			if q.Type != tt.kind || q.Broken != tt.broken {
				t.Errorf("Type, Broken = %d, %d; want %d, %d", q.Type, q.Broken, tt.kind, tt.broken)
			}
			if diff := cmp.Diff(tt.want, optionsOf(q)); diff != "" {
				t.Errorf("options (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParse_V4_012_Overload(t *testing.T) {
	tests := []struct {
		name        string
		in          octets
		want        map[uint8]string
		sname, file string
		broken      int
	}{
		{
			"file only", request(53, 1, 1, 52, 1, 1, 255).set(fileAt, 12, 1, 'a', 255, 'z').set(snameAt, 's'),
			map[uint8]string{53: "\x01", 12: "a"}, "s", "", 0,
		},
		{
			"sname only", request(53, 1, 1, 52, 1, 2, 255).set(fileAt, 'f').set(snameAt, 12, 1, 'a', 255),
			map[uint8]string{53: "\x01", 12: "a"}, "", "f", 0,
		},
		{
			"V4-013 pieces: options, then file, then sname",
			request(43, 1, '1', 52, 1, 3, 53, 1, 1, 255).
				set(fileAt, 43, 1, '2', 255).set(snameAt, 43, 1, '3', 255),
			map[uint8]string{53: "\x01", 43: "123"}, "", "", 0,
		},
		{
			"type in file", request(52, 1, 1, 255).set(fileAt, 53, 1, 3, 255),
			map[uint8]string{53: "\x03"}, "", "", 0,
		},
		{
			"overload of the overload is ignored",
			request(53, 1, 1, 52, 1, 1, 255).set(fileAt, 52, 1, 2, 255).set(snameAt, 12, 1, 'a', 255),
			map[uint8]string{53: "\x01"}, "\x0c\x01a\xff", "", 1,
		},
		{
			"file without End and cut off", request(53, 1, 1, 52, 1, 1, 255).
				set(fileAt, cat([]byte{43, 120}, bytes.Repeat([]byte{1}, 120), []byte{12, 9, 1, 1, 1, 1})...),
			map[uint8]string{53: "\x01", 43: strings.Repeat("\x01", 120)}, "", "", 1,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q, err := Parse(tt.in.b)
			if err != nil {
				t.Fatalf("Parse: %v", err)
			}
			if diff := cmp.Diff(tt.want, optionsOf(q)); diff != "" {
				t.Errorf("options (-want +got):\n%s", diff)
			}
			if string(q.SName) != tt.sname || string(q.File) != tt.file || q.Broken != tt.broken {
				t.Errorf("SName, File, Broken = %q, %q, %d; want %q, %q, %d",
					q.SName, q.File, q.Broken, tt.sname, tt.file, tt.broken)
			}
		})
	}
}

func TestParse_V4_005_NoCookieIsBOOTP(t *testing.T) {
	for name, in := range map[string]octets{
		"vend zero":          request().set(vendAt, 0, 0, 0, 0),
		"header alone":       request().cut(headerLen),
		"half a cookie":      request().cut(headerLen + 2),
		"BP-008 CMU cookie":  request(53, 1, 1).set(vendAt, 'C', 'M', 'U', 0),
		"options after zero": request(53, 1, 1).set(vendAt, 0, 0, 0, 0),
	} {
		t.Run(name, func(t *testing.T) {
			q, err := Parse(in.set(fileAt, []byte("boot.img\x00rest")...).set(snameAt, []byte("srv")...).b)
			if err != nil {
				t.Fatalf("Parse: %v", err)
			}
			if q.Cookie || q.Type != 0 || len(q.Options.All()) != 0 {
				t.Errorf("Cookie, Type, options = %v, %d, %v; want BOOTP without options",
					q.Cookie, q.Type, q.Options.All())
			}
			if string(q.File) != "boot.img" || string(q.SName) != "srv" {
				t.Errorf("File, SName = %q, %q; want boot.img, srv", q.File, q.SName)
			}
		})
	}
}

func TestParse_Header(t *testing.T) {
	in := request(53, 1, 1, 255).
		set(hTypeAt, 32, 0, 16). // V4-008 no hardware address, V4-009 hops
		set(secsAt, 1, 2, 0x80, 1).
		set(ciAddrAt, 10, 67, 0, 1, 10, 67, 0, 2, 10, 67, 0, 3, 255, 255, 255, 255)
	q, err := Parse(in.b)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	if q.HType != 32 || q.HLen != 0 || q.Hops != 16 ||
		q.XID != 0x67000001 || q.Secs != 0x0102 || q.Flags != 0x8001 {
		t.Errorf("header = %+v", q)
	}
	for _, a := range []struct{ got, want netip.Addr }{
		{q.CIAddr, netip.AddrFrom4([4]byte{10, 67, 0, 1})},
		{q.YIAddr, netip.AddrFrom4([4]byte{10, 67, 0, 2})},
		{q.SIAddr, netip.AddrFrom4([4]byte{10, 67, 0, 3})},
		{q.GIAddr, netip.AddrFrom4([4]byte{255, 255, 255, 255})}, // V4-010 is told as it came
	} {
		if a.got != a.want {
			t.Errorf("address = %v, want %v", a.got, a.want)
		}
	}
	if q.CHAddr != [16]byte{2, 0, 0, 0, 0, 1} {
		t.Errorf("CHAddr = %x", q.CHAddr)
	}
}

func TestParse_KeepsNoReference(t *testing.T) {
	in := request(53, 1, 1, 12, 3, 'a', 'b', 'c', 43, 1, '1', 43, 1, '2', 255).
		set(fileAt, 'f').set(snameAt, 's')
	b := bytes.Clone(in.b)
	got, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		b[i] = 0xee
	}
	want, err := Parse(in.b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(flat(want), flat(got)); diff != "" {
		t.Errorf("query changed with its datagram (-before +after):\n%s", diff)
	}
}

// TestParse_FewAllocations holds the hot path to one copy of the names and values, one list of options, and
// one more that the race detector costs.
func TestParse_FewAllocations(t *testing.T) {
	in := request(53, 1, 1, 12, 3, 'a', 'b', 'c', 55, 4, 1, 3, 6, 15, 61, 7, 1, 2, 0, 0, 0, 0, 1,
		50, 4, 10, 67, 0, 9, 255)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := Parse(in.b); err != nil {
			t.Fatal(err)
		}
	}); n > 3 {
		t.Errorf("allocations of Parse = %v, want at most 3", n)
	}
}

func TestPeek(t *testing.T) {
	tests := []struct {
		name  string
		in    octets
		kind  dhcp4.MessageType
		bound bool
	}{
		{"first option", request(53, 1, 3, 255), dhcp4.Request, false},
		{"renewal", request(0, 12, 1, 'a', 53, 1, 3, 255).set(ciAddrAt, 10, 67, 0, 1), dhcp4.Request, true},
		{"after End", request(255, 53, 1, 3), 0, false},
		{"none", request(12, 1, 'a', 255), 0, false},
		{"cut off", request(12, 200, 'a'), 0, false},
		{"BOOTP", request(53, 1, 3).set(vendAt, 0, 0, 0, 0).set(ciAddrAt, 10), 0, false},
		{"short", request().cut(100), 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if kind, bound := Peek(tt.in.b); kind != tt.kind || bound != tt.bound {
				t.Errorf("Peek = %d, %v; want %d, %v", kind, bound, tt.kind, tt.bound)
			}
		})
	}
}
