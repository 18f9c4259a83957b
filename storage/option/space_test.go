package option

import (
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
)

// acme is a space with a number, one that closes option 43, and one that lies in another.
func acme() *Definitions {
	return NewDefinitions([]Def{
		{Code: 224, Name: "acme-block", Type: subs("acme")},
		{Code: 225, Name: "acme-zones", Type: record(repeats, is("zone", Uint8), is("server", Address))},
		{Code: 132, Name: "vlan-id", Type: one(Uint16)},
	}, []Space{
		{Name: "acme", Enterprise: 32473, Options: []Def{
			in(1, "vlan", one(Uint16)), in(2, "servers", list(Address)), in(3, "inner", subs("acme-inner")),
			in(4, "peers", record(lastRepeats, is("count", Uint8), is("peers", Address))),
		}},
		{Name: "acme-inner", Options: []Def{in(1, "label", one(Text))}},
		{Name: "closed", End: true, Options: []Def{in(1, "on", one(Bool))}},
	})
}

func TestSpace_EncodeAndValue(t *testing.T) {
	d := acme()
	for _, tt := range []struct {
		name   string
		option string
		value  any
		wire   string
		space  string
		again  any // what Value returns, if not value
	}{
		{"V4-068 space by vendor", "43", Mapping{{"acme", Mapping{{"servers", "10.67.0.9"}, {"vlan", 67}}}},
			"01020043" + "02040a430009", "acme",
			Mapping{{"acme", Mapping{{"vlan", "67"}, {"servers", []any{"10.67.0.9"}}}}}},
		{"V4-068 raw", "43", "hex:0102", "0102", "", nil},
		{"V4-068 W-033 verbatim", "43", "text:5A1D;B2;K4;I10.67.0.9;J80",
			hex.EncodeToString([]byte("5A1D;B2;K4;I10.67.0.9;J80")), "", nil},
		{"RFC 2132 §8.4 closed by End", "43", Mapping{{"closed", Mapping{{"on", "true"}}}}, "010101" + "ff", "closed", nil},
		{"code that nobody defined", "43", Mapping{{"acme", Mapping{{"200", "hex:0a"}}}}, "c8010a", "acme", nil},
		{"two deep", "acme-block", Mapping{{"inner", Mapping{{"label", "a"}}}}, "0303" + "010161", "acme", nil},
		{"record inside", "224", Mapping{{"peers", Mapping{{"count", "1"}, {"peers", []any{"10.0.0.1"}}}}},
			"0405" + "010a000001", "acme", nil},
		{"octets inside that are not of the type", "224", Mapping{{"vlan", "hex:01"}}, "010101", "acme", nil},
		{"octets of an option with a space", "224", "hex:010101", "010101", "", nil},
		{"RFC 3925 §4 several enterprises", "125",
			Mapping{{"acme", Mapping{{"vlan", "67"}}}, {"9", Mapping{{"5", "hex:01"}}}, {"cablelabs", "hex:ff"}},
			"00000009" + "03" + "050101" + "0000118b" + "01" + "ff" + "00007ed9" + "04" + "01020043", Enterprises,
			Mapping{{"9", Mapping{{"5", "hex:01"}}}, {"cablelabs", "hex:ff"}, {"acme", Mapping{{"vlan", "67"}}}}},
		{"enterprise by number", "125", Mapping{{"32473", Mapping{{"vlan", "67"}}}},
			"00007ed9" + "04" + "01020043", Enterprises, Mapping{{"acme", Mapping{{"vlan", "67"}}}}},
		{"RFC 3495 §5.2 name", "122", Mapping{{"provisioning-server", "a.org"}}, "0308" + "00" + "0161036f726700", "ccc", nil},
		{"RFC 3495 §5.7 address and realm", "122", Mapping{{"provisioning-server", "10.0.0.1"}, {"kerberos-realm", "A.B"}},
			"0305" + "010a000001" + "0605" + "0141014200", "ccc", nil},
		{"RFC 3495 §5.4", "122", Mapping{{"as-backoff", Mapping{{"nominal", "1"}, {"maximum", "2"}, {"retries", "3"}}}},
			"040c" + "000000010000000200000003", "ccc", nil},
		{"W-026 iPXE", "175", Mapping{{"priority", "-1"}, {"no-pxedhcp", "1"}}, "0101ff" + "b00101", "ipxe", nil},
		{"W-032 code that makers took", "vlan-id", "67", "0043", "", nil},
		{"W-032 any octets", "133", "hex:00000006", "00000006", "", nil},
		{"W-032 text", "128", "text:vlan=67", hex.EncodeToString([]byte("vlan=67")), "", nil},
		{"records", "acme-zones", []any{Mapping{{"server", "10.0.0.1"}, {"zone", 1}}, []any{2, "10.0.0.2"}},
			"010a000001" + "020a000002", "", []any{
				Mapping{{"zone", "1"}, {"server", "10.0.0.1"}}, Mapping{{"zone", "2"}, {"server", "10.0.0.2"}},
			}},
		{"one record", "acme-zones", Mapping{{"zone", "1"}, {"server", "10.0.0.1"}}, "010a000001", "",
			[]any{Mapping{{"zone", "1"}, {"server", "10.0.0.1"}}}},
	} {
		def, err := d.Find(tt.option)
		if err != nil {
			t.Fatal(err)
		}
		data, space, err := d.Encode(def, tt.value)
		if err != nil || hex.EncodeToString(data) != tt.wire || space != tt.space {
			t.Errorf("%s: %v is %x of %q, %v; want %s of %q", tt.name, tt.value, data, space, err, tt.wire, tt.space)
			continue
		}
		want := tt.again
		if want == nil {
			want = tt.value
		}
		if got := d.Value(def, data, space); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %x is %#v, want %#v", tt.name, data, got, want)
		}
		if space != "" && !d.Composed(def, data, space) {
			t.Errorf("%s: %x is not composed", tt.name, data)
		}
	}
}

func TestSpace_Errors(t *testing.T) {
	d := acme()
	long := "hex:" + strings.Repeat("00", 256)
	for _, tt := range []struct {
		option string
		value  any
		want   string
	}{
		{"43", Mapping{{"acne", Mapping{{"vlan", 1}}}}, "space acne unknown (did you mean acme?)"},
		{"43", Mapping{{"acme", Mapping{{"vlan", 1}}}, {"closed", Mapping{{"on", true}}}}, "2 spaces"},
		{"43", Mapping{{"acme", "hex:01"}}, "where a mapping of sub-options of acme is wanted"},
		{"43", []any{"a"}, "a list of 1 where sub-options"},
		{"43", Mapping{{"acme", Mapping{}}}, "where a mapping"},
		{"43", Mapping{{"acme", Mapping{{"vlam", 1}}}}, "sub-option vlam of acme unknown (did you mean vlan?)"},
		{"43", Mapping{{"acme", Mapping{{"255", "hex:00"}}}}, "codes go from 1 to 254"},
		{"43", Mapping{{"acme", Mapping{{"vlan", 1}, {"1", "hex:01"}}}}, "sub-option 1 stands twice"},
		{"43", Mapping{{"acme", Mapping{{"vlan", 70000}}}}, `vlan: "70000" is no uint16: 0 to 65535`},
		{"43", Mapping{{"acme", Mapping{{"200", long}}}}, "200: 256 octets, a sub-option has at most 255"},
		{"224", "vlan", "where a mapping of sub-options of acme is wanted"},
		{"125", "text", "{ENTERPRISE: {NAME: VALUE}} is wanted"},
		{"125", Mapping{{"closed", Mapping{{"on", true}}}}, "space closed has no enterprise number"},
		{"125", Mapping{{"acme", Mapping{{"vlan", 1}}}, {"32473", "hex:00"}}, "enterprise 32473 stands twice"},
		{"125", Mapping{{"9", long}}, "9: 256 octets, an enterprise has at most 255"},
		{"225", []any{}, "an empty list where {zone uint8, server ipv4-address} list is wanted"},
		{"225", []any{Mapping{{"zone", 1}}}, "field server missing"},
		{"225", []any{Mapping{{"zone", 1}, {"zone", 2}}}, "field zone stands twice"},
		{"225", []any{Mapping{{"zon", 1}}}, "field zon unknown (did you mean zone?): one of zone, server"},
		{"225", []any{[]any{"x", "10.0.0.1"}}, `zone: "x" is no uint8: 0 to 255`},
		{"162", "dns.example.org", "where a mapping {priority, name, addresses, params} is wanted"},
		{"162", Mapping{{"priority", 1}, {"nam", "a"}}, "field nam unknown"},
		{"162", Mapping{{"priority", 1}, {"name", "a"}, {"params", Mapping{{"port", 1}}}}, "addresses if there are params"},
		{"162", Mapping{{"priority", 1}, {"name", "a"}, {"addresses", "10.0.0.1"}, {"params", Mapping{{"prt", 1}}}},
			"prt unknown: alpn, no-default-alpn, port, dohpath or keyNUMBER"},
		{"158", []any{[]any{}}, "0 addresses: 1 to 63"},
		{"158", []any{[]any{"x"}}, `"x" is no IPv4 address`},
		{"124", []any{Mapping{{"enterprise", 1}, {"class", strings.Repeat("x", 256)}}}, "256 octets: 1 to 255"},
	} {
		def, err := d.Find(tt.option)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := d.Encode(def, tt.value); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v is %x, %v; want an error with %q", tt.option, tt.value, got, err, tt.want)
		}
	}
}

func TestMerge_InnermostSubOptionWins(t *testing.T) {
	for _, tt := range []struct{ name, space, outer, inner, want string }{
		{"beside", "a", "010101", "020102", "010101020102"},
		{"in its place", "a", "010101020102", "02020203", "01010102020203"},
		{"End stays last", "a", "010101ff", "020102ff", "010101020102ff"},
		{"inner without End", "a", "010101ff", "020102", "010101020102"},
		{"outer is no sub-options", "a", "0105", "020102", "020102"},
		{"Pad in front is skipped", "a", "00010101", "020102", "010101020102"},
		{"enterprises", Enterprises, "0000000903010101", "0000000803020102", "00000008030201020000000903010101"},
		{"inside an enterprise", Enterprises, "0000000903010101", "0000000903020102", "0000000906010101020102"},
	} {
		outer, _ := hex.DecodeString(tt.outer)
		inner, _ := hex.DecodeString(tt.inner)
		if got, fits := Merge(tt.space, outer, inner); hex.EncodeToString(got) != tt.want || !fits {
			t.Errorf("%s: %x, %v; want %s", tt.name, got, fits, tt.want)
		}
		if hex.EncodeToString(outer) != tt.outer || hex.EncodeToString(inner) != tt.inner {
			t.Errorf("%s: what was merged has changed", tt.name)
		}
	}
	full := append([]byte{0, 0, 0, 9, 202, 1, 200}, make([]byte, 200)...)
	more := append([]byte{0, 0, 0, 9, 102, 2, 100}, make([]byte, 100)...)
	if got, fits := Merge(Enterprises, full, more); fits || string(got) != string(more) {
		t.Errorf("too much for one enterprise: %x, %v; want the inner alone", got, fits)
	}
}

func TestValue_StructuredOptions(t *testing.T) {
	d := NewDefinitions(nil, nil)
	for _, tt := range []struct {
		name   string
		option string
		value  any
		wire   string
	}{
		// RFC 3397 §2: a pointer is an offset into the whole value.
		{"RFC 3397 §2 shared ends", "119", []any{"eng.apple.example", "marketing.apple.example"},
			"03656e67" + "056170706c65" + "076578616d706c65" + "00" + "096d61726b6574696e67" + "c004"},
		{"RFC 3397 §2 the same name again", "119", []any{"a.b", "a.b"}, "01610162" + "00" + "c000"},
		{"RFC 3004 §4 list", "77", []any{"iPXE", "lab"}, "0469505845" + "036c6162"},
		{"bare text", "77", "iPXE", "69505845"},
		{"RFC 7291 §4 two servers", "158", []any{[]any{"10.0.0.1", "10.0.0.2"}, []any{"10.0.0.3"}},
			"08" + "0a000001" + "0a000002" + "04" + "0a000003"},
		{"RFC 9463 §5.1 name alone", "162", []any{Mapping{{"priority", "1"}, {"name", "a.b"}}},
			"0008" + "0001" + "05" + "0161016200"},
		{"RFC 9463 §5.1 in full", "162", []any{Mapping{
			{"priority", "1"}, {"name", "a.b"}, {"addresses", []any{"10.0.0.1"}},
			{"params", Mapping{{"alpn", []any{"dot", "h2"}}, {"port", "853"}, {"dohpath", "/q{?dns}"}, {"key9", "hex:01"}}},
		}}, "002f" + "0001" + "05" + "0161016200" + "04" + "0a000001" +
			"00010007" + "03646f74026832" + "00030002" + "0355" + "00070008" + "2f717b3f646e737d" + "00090001" + "01"},
		{"RFC 3118 §2", "90", Mapping{
			{"protocol", "1"}, {"algorithm", "1"}, {"rdm", "0"}, {"replay-detection", "18446744073709551615"},
			{"information", "hex:01"},
		}, "010100" + "ffffffffffffffff" + "01"},
		{"RFC 4174 §2", "83", Mapping{
			{"functions", "3"}, {"access", "7"}, {"flags", "1"}, {"security", "9"}, {"servers", []any{"10.0.0.1"}},
		}, "0003" + "0007" + "0001" + "00000009" + "0a000001"},
		{"RFC 3925 §3", "124", []any{Mapping{{"enterprise", "9"}, {"class", "ab"}}, Mapping{{"enterprise", "8"}, {"class", "hex:00"}}},
			"00000009" + "02" + "6162" + "00000008" + "01" + "00"},
		{"RFC 7618 §9", "159", Mapping{{"offset", "6"}, {"psid-length", "8"}, {"psid", "13312"}}, "06083400"},
		{"RFC 3046 §2", "82", Mapping{{"circuit-id", "text:port7"}, {"link-selection", "10.68.0.0"}},
			"0105706f727437" + "05040a440000"},
	} {
		def, err := d.Find(tt.option)
		if err != nil {
			t.Fatal(err)
		}
		data, space, err := d.Encode(def, tt.value)
		if err != nil || hex.EncodeToString(data) != tt.wire {
			t.Errorf("%s: %x, %v; want %s", tt.name, data, err, tt.wire)
		}
		if got := d.Value(def, data, space); !reflect.DeepEqual(got, tt.value) {
			t.Errorf("%s: %#v, want %#v", tt.name, got, tt.value)
		}
	}
}

// Lengths of 255 are lengths, too.
func TestValue_LongestCountedValues(t *testing.T) {
	d := NewDefinitions(nil, nil)
	for _, tt := range []struct {
		code uint8
		data []byte
		raw  bool
	}{
		{77, append([]byte{255}, strings.Repeat("x", 255)...), false},
		{158, append([]byte{255}, make([]byte, 255)...), true},
		{158, append([]byte{252}, make([]byte, 252)...), false},
		{162, append([]byte{1, 2, 0, 1, 255}, make([]byte, 255)...), true},
	} {
		v := d.Value(d.ByCode(tt.code), tt.data, "")
		if again, _, err := d.Encode(d.ByCode(tt.code), v); err != nil || string(again) != string(tt.data) {
			t.Errorf("option %d: %x is %v: %x, %v", tt.code, tt.data, v, again, err)
		}
		if (v == any(Raw(tt.data))) != tt.raw {
			t.Errorf("option %d: %v, want octets: %v", tt.code, v, tt.raw)
		}
	}
}

// What cannot be a name in option 119 is octets: pointers forward and in a circle, labels cut off.
func TestValue_RFC1035_4_1_4_BadPointers(t *testing.T) {
	d := NewDefinitions(nil, nil)
	for _, wire := range []string{"c000", "0161c004", "0161c00001", "c0", "0161", "00", "40" + strings.Repeat("61", 64) + "00"} {
		data, _ := hex.DecodeString(wire)
		if got := d.Value(d.ByCode(119), data, ""); got != "hex:"+wire {
			t.Errorf("%s is %v, want octets", wire, got)
		}
	}
}
