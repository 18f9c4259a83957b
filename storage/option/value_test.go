package option

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
)

func TestStandardOptions_AllOfRFC2132(t *testing.T) {
	d := NewDefinitions(nil, nil)
	for code := uint8(1); code <= 76; code++ {
		if def := d.ByCode(code); def.Name == "" || !strings.HasPrefix(def.RFC, "RFC 2132 §") && code != 62 && code != 63 {
			t.Errorf("option %d is %q by %s, want a name of RFC 2132", code, def.Name, def.RFC)
		}
	}
}

func TestStandardOptions_AreConsistent(t *testing.T) {
	seen := make(map[string]uint8)
	for i, def := range standardOptions {
		if i > 0 && standardOptions[i-1].Code >= def.Code {
			t.Errorf("option %d does not stand in ascending order", def.Code)
		}
		checkType(t, def)
		if seen[def.Name] != 0 || def.Title == "" || !strings.HasPrefix(def.RFC, "RFC ") || def.Example == "" {
			t.Errorf("option %d: name %q stands twice, or title, RFC or example is missing", def.Code, def.Name)
		}
		seen[def.Name] = def.Code
	}
	d := NewDefinitions(nil, nil)
	for _, a := range aliases {
		if seen[a.name] != 0 {
			t.Errorf("alias %s is the name of option %d", a.name, seen[a.name])
		}
		if def, err := d.Find(a.name); err != nil || def.Code != a.code || def.Name == "" {
			t.Errorf("alias %s finds %v, %v; want option %d", a.name, def, err, a.code)
		}
	}
	for _, r := range returned {
		if def := d.ByCode(r.code); def.Name != "" || seen[r.name] != 0 {
			t.Errorf("%s was given back, but %d is %q", r.name, r.code, def.Name)
		}
		if _, err := d.Find(r.name); err == nil || !strings.Contains(err.Error(), "RFC 3679") {
			t.Errorf("%s: %v, want that it was given back", r.name, err)
		}
	}
}

// checkType fails if a definition could not stand in a file, apart from the kinds that only the registry has.
func checkType(t *testing.T, def Def) {
	t.Helper()
	if def.Type.Space != "" {
		if _, err := NewDefinitions(nil, nil).Space(def.Type.Space); err != nil || len(def.Type.Fields) > 0 {
			t.Errorf("%s: fields %v, %v", def.Name, def.Type.Fields, err)
		}
		return
	}
	var names []string
	for _, f := range def.Type.Fields {
		if int(f.Kind) >= kindsPublic {
			return
		}
		if f.Name != "" {
			names = append(names, f.Name)
		}
	}
	again, err := ParseType(def.Type.Words(), names, def.Type.Repeat)
	if err != nil || !reflect.DeepEqual(again, def.Type) {
		t.Errorf("%s: %v is read as %v, %v", def.Name, def.Type, again, err)
	}
}

func TestStandardSpaces_AreConsistent(t *testing.T) {
	names := make(map[string]bool)
	for _, s := range standardSpaces {
		if names[s.Name] || s.RFC == "" || s.Name == Enterprises {
			t.Errorf("space %s stands twice or has no RFC", s.Name)
		}
		names[s.Name] = true
		inside := make(map[string]bool)
		for i, o := range s.Options {
			if inside[o.Name] || o.Code == 0 || o.Code == 255 || i > 0 && s.Options[i-1].Code >= o.Code {
				t.Errorf("%s: sub-option %d, %s stands twice or out of order", s.Name, o.Code, o.Name)
			}
			inside[o.Name] = true
			checkType(t, o)
			if o.Type.Space != "" {
				t.Errorf("%s: sub-option %s has sub-options of its own", s.Name, o.Name)
			}
		}
	}
}

func TestDefinitions_Find(t *testing.T) {
	d := NewDefinitions([]Def{{Code: 224, Name: "acme", Type: one(Uint8)}}, nil)
	for _, tt := range []struct {
		s    string
		code uint8
		err  string
	}{
		{"routers", 3, ""}, {"router", 3, ""}, {"3", 3, ""}, {"acme", 224, ""}, {"254", 254, ""},
		{"0", 0, "codes go from 1 to 254"}, {"255", 0, "codes go from 1 to 254"}, {"300", 0, "codes go from 1 to 254"},
		{"domain-name-severs", 0, "(did you mean domain-name-servers?)"}, {"xyzzy", 0, "option xyzzy unknown: name it"},
	} {
		def, err := d.Find(tt.s)
		if tt.err == "" && (err != nil || def.Code != tt.code) {
			t.Errorf("%s finds option %d, %v; want %d", tt.s, def.Code, err, tt.code)
		}
		if tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s finds %v, %v; want an error with %q", tt.s, def, err, tt.err)
		}
	}
}

func TestValue_EncodeAndDecode(t *testing.T) {
	d := NewDefinitions(nil, nil)
	for _, tt := range []struct {
		option string
		value  any
		wire   string
		again  any // what DecodeValue returns, if not value
	}{
		{"subnet-mask", "255.255.0.0", "ffff0000", nil},
		{"routers", []any{"10.67.0.1", "10.67.0.2"}, "0a4300010a430002", nil},
		{"routers", "10.67.0.1", "0a430001", []any{"10.67.0.1"}},
		{"time-offset", "-3600", "fffff1f0", nil},
		{"time-offset", -3600, "fffff1f0", "-3600"},
		{"interface-mtu", uint64(1500), "05dc", "1500"},
		{"default-ip-ttl", "0x40", "40", "64"},
		{"arp-cache-timeout", "4294967295", "ffffffff", nil},
		{"path-mtu-plateau-table", []any{68, "296"}, "00440128", []any{"68", "296"}},
		{"ip-forwarding", true, "01", "true"},
		{"ip-forwarding", "off", "00", "false"},
		{"domain-name", "example.org", "6578616d706c652e6f7267", nil},
		{"domain-name", "Gänse", "47c3a46e7365", nil},
		{"vendor-encapsulated-options", "hex:01020a", "01020a", nil},
		{"43", "01:02:0a", "01020a", "hex:01020a"},
		{"domain-search", []any{"example.org", "a.example.org"}, "076578616d706c65036f726700" + "0161c000", nil},
		{"domain-search", "example.org.", "076578616d706c65036f726700", []any{"example.org"}},
		{"v4-lost", "example.org", "076578616d706c65036f726700", nil},
		{"static-routes", []any{"10.9.0.1 10.67.0.1"}, "0a0900010a430001", nil},
		{"policy-filter", []any{[]any{"10.9.0.0", "255.255.0.0"}}, "0a090000ffff0000", []any{"10.9.0.0 255.255.0.0"}},
		// RFC 3442 shows the forms of the destination: 0 to 4 octets as the mask wants.
		{"classless-static-route", []any{"0.0.0.0/0 via 10.67.0.1"}, "000a430001", nil},
		{"classless-static-route", []any{"10.0.0.0/8 via 10.67.0.1"}, "080a0a430001", nil},
		{"classless-static-route", []any{"10.27.129.0/24 via 10.67.0.1"}, "180a1b810a430001", nil},
		{"classless-static-route", []any{"10.17.0.0/16 via 10.67.0.1", "10.198.122.47/32 via 10.67.0.2"}, "100a110a430001200ac67a2f0a430002", nil},
		{"classless-static-route", []any{"10.229.0.128/25 10.67.0.1"}, "190ae500800a430001", []any{"10.229.0.128/25 via 10.67.0.1"}},
		{"slp-directory-agent", []any{"true", "10.67.0.1"}, "010a430001", Mapping{{"mandatory", "true"}, {"agents", []any{"10.67.0.1"}}}},
		{"rdnss-selection", []any{"1", "10.0.0.1", "10.0.0.2", "example.org"}, "010a0000010a000002076578616d706c65036f726700", Mapping{
			{"preference", "1"}, {"primary", "10.0.0.1"}, {"secondary", "10.0.0.2"}, {"domains", []any{"example.org"}},
		}},
		{"v4-sztp-redirect", []any{"https://a.example.org"}, "001568747470733a2f2f612e6578616d706c652e6f7267", nil},
		{"sip-servers", []any{"10.67.0.1"}, "010a430001", nil},
		{"sip-servers", []any{"example.org"}, "00076578616d706c65036f726700", nil},
		{"option-6rd", Mapping{
			{"relays", []any{"10.0.0.1"}}, {"mask-length", 8}, {"prefix-length", "32"}, {"prefix", "2001:db8::"},
		}, "082020010db80000000000000000000000000a000001", Mapping{
			{"mask-length", "8"}, {"prefix-length", "32"}, {"prefix", "2001:db8::"}, {"relays", []any{"10.0.0.1"}},
		}},
		{"242", "hex:", "", "hex:"},
		{"routers", "hex:0a", "0a", nil},
	} {
		def, err := d.Find(tt.option)
		if err != nil {
			t.Fatal(err)
		}
		got, space, err := d.Encode(def, tt.value)
		if err != nil || hex.EncodeToString(got) != tt.wire {
			t.Errorf("%s: %v is %x, %v; want %s", tt.option, tt.value, got, err, tt.wire)
			continue
		}
		want := tt.again
		if want == nil {
			want = tt.value
		}
		if back := d.Value(def, got, space); !reflect.DeepEqual(back, want) {
			t.Errorf("%s: %x is %#v; want %#v", tt.option, got, back, want)
		}
	}
}

func TestEncodeValue_Errors(t *testing.T) {
	d := NewDefinitions(nil, nil)
	for _, tt := range []struct {
		option string
		value  any
		want   string
	}{
		{"routers", "10.67.0", `"10.67.0" is no IPv4 address`},
		{"routers", "2001:db8::1", "is no IPv4 address"},
		{"routers", []any{}, "0 values where ipv4-address list is wanted"},
		{"routers", nil, "no value"},
		{"routers", Mapping{}, "a mapping where ipv4-address list is wanted"},
		{"routers", []any{Mapping{}}, "a mapping where one ipv4-address is wanted"},
		{"subnet-mask", []string{"255.0.0.0", "255.0.0.0"}, "a list of 2 where one ipv4-address is wanted"},
		{"default-ip-ttl", "256", `"256" is no uint8`},
		{"default-ip-ttl", "-1", `"-1" is no uint8`},
		{"ip-forwarding", "maybe", `"maybe" is neither on nor off`},
		{"domain-name", "", "empty text"},
		{"domain-name", "a\nb", "control character U+000A"},
		{"domain-name", "a\xff", "not UTF-8"},
		{"domain-search", "a..b", "a label has 1 to 63 octets"},
		{"domain-search", strings.Repeat("a", 64), "a label has 1 to 63 octets"},
		{"domain-search", strings.Repeat("a.", 127) + "a", "1 to 253 octets"},
		{"domain-search", "gänse.example.org", "xn--"},
		{"classless-static-route", "10.0.0.1/8 via 10.67.0.1", "write 10.0.0.0/8"},
		{"classless-static-route", "10.0.0.0/8", "write as in"},
		{"static-routes", "10.0.0.1", "write as in"},
		{"slp-directory-agent", "true", "write a list or a mapping of {mandatory bool, agents ipv4-address list}"},
		{"v4-portparams", []string{"1", "2"}, "2 values where {offset uint8, psid-length uint8, psid uint16}"},
		{"v4-portparams", []string{"1", "2", "3", "4"}, "4 values where"},
		{"sip-servers", []string{"10.67.0.1", "example.org"}, "mixed"},
		{"43", "xyz", "is no hex"},
		{"rapid-commit", "false", "write true"},
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

// What decode accepts and encode makes again is the same, for all types and any octets; and no octets bring
// the readers down.
func FuzzValue(f *testing.F) {
	f.Add(uint8(3), "", []byte{10, 67, 0, 1})
	f.Add(uint8(119), "", []byte("\x07example\x03org\x00\x01a\xc0\x00"))
	f.Add(uint8(121), "", []byte{24, 10, 27, 129, 10, 67, 0, 1})
	f.Add(uint8(120), "", []byte{1, 10, 67, 0, 1})
	f.Add(uint8(146), "", []byte("\x01\x0a\x00\x00\x01\x0a\x00\x00\x02\x01a\x00"))
	f.Add(uint8(143), "", []byte{0, 1, 'a'})
	f.Add(uint8(43), "pxe", []byte{6, 1, 8, 255})
	f.Add(uint8(122), "ccc", []byte{3, 5, 1, 10, 67, 0, 9})
	f.Add(uint8(125), Enterprises, []byte{0, 0, 0x11, 0x8b, 6, 2, 4, 10, 67, 0, 9})
	f.Add(uint8(158), "", []byte{4, 10, 67, 0, 9})
	f.Add(uint8(162), "", []byte("\x00\x13\x00\x01\x03\x01a\x00\x04\x0a\x43\x00\x35\x00\x03\x00\x02\x03\x55"))
	d := NewDefinitions(nil, nil)
	f.Fuzz(func(t *testing.T, code uint8, space string, data []byte) {
		def := d.ByCode(code)
		v := d.Value(def, data, space)
		again, as, err := d.Encode(def, v)
		if d.Composed(def, data, space) && as != space {
			t.Errorf("option %d: %x is %v of %q, want of %q", code, data, v, as, space)
		}
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("option %d: %x is %v, and that is %x, %v", code, data, v, again, err)
		}
		merged, _ := Merge(space, data, data)
		if d.Composed(def, data, space) && space != "" && !bytes.Equal(merged, data) {
			t.Errorf("option %d: %x merged with itself is %x", code, data, merged)
		}
		_, _ = d.decode(def.Type, data)
	})
}
