package classify

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"port67/storage/config"
)

// options are the options of a message by code.
type options map[uint8][]byte

func (o options) Get(code uint8) ([]byte, bool) { b, ok := o[code]; return b, ok }

// packet is a relayed DISCOVER with something in every field.
func packet() *Packet {
	return &Packet{
		Type: "DISCOVER", HType: 1, HLen: 6, Hops: 1, XID: 0xfedcba98, Secs: 3, Flags: 0x8000,
		CIAddr: netip.Addr{}, GIAddr: netip.MustParseAddr("10.67.0.1"),
		Source: netip.MustParseAddr("10.67.0.1"), Target: netip.MustParseAddr("10.67.0.2"),
		CHAddr: []byte{0x02, 0x67, 0, 0, 0, 0xaf}, Interface: "eth0", Relayed: true,
		RelayInfo: []byte{1, 4, 'g', 'e', '-', '0', 2, 2, 0xca, 0xfe, 0, 1, 7, 6, 1, 's', 12, 2, 'r', 'i'},
		Options: options{
			12: []byte("Host-7.example.org\x00"), 43: {0, 1, 2, 'o', 'k', 255, 9, 0}, 50: {10, 67, 0, 99},
			55: {1, 3, 6}, 57: {0x05, 0xdc}, 60: []byte("docsis3.0:abc"), 61: {1, 2, 0x67, 0, 0, 0, 0xaf},
			77: []byte("iPXE"),
			93: {0, 7, 0, 9}, 116: {1}, 125: {0, 0, 0, 9, 2, 1, 0, 0, 0, 0x11, 0x8b, 5, 1, 1, 'x', 2, 0}, 14: {0xff, 'a'},
			51: {0xff, 0xff, 0xff, 0xff}, 119: {1, 'a', 3, 'o', 'r', 'g', 0}, 80: {}, 242: {}, 33: {10, 0, 0, 1, 10, 0, 0, 2},
		},
	}
}

// one is a configuration with class "it", which a guard names.
func one(class config.Class) *config.Config {
	c := &config.Config{Classes: []config.Class{class}, Deny: []string{class.Name}}
	c.OptionDefinitions = []config.OptionDefinition{{Name: "acme", Code: 242, Type: []string{"empty"}}}
	return c
}

func compile(t testing.TB, c *config.Config) *Set {
	t.Helper()
	compiled, problems := config.Compile(c)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	s, problems := New(compiled)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return s
}

// Every word of the vocabulary: the expression is true for packet().
func TestWords(t *testing.T) {
	for _, test := range []string{
		// Options by name and by number, typed by the registry.
		`pkt.option("host-name") == "Host-7.example.org"`, // without the NUL (V4-017)
		`pkt.option(12) == "Host-7.example.org"`,
		`pkt.option("user-class") == "iPXE"`,
		`pkt.option("dhcp-requested-address") == "10.67.0.99"`,
		`pkt.option("dhcp-max-message-size") == 1500`,
		`pkt.option("dhcp-max-message-size") > 576 && pkt.option(51) == 4294967295`,
		`pkt.option("dhcp-parameter-request-list") == b"\001\003\006" || 3 in pkt.option("dhcp-parameter-request-list")`,
		`pkt.option("client-system") == [7, 9] && 9 in pkt.option(93)`,
		`pkt.option("dhcp-client-identifier") == b"\001\002g\000\000\000\257"`,
		`pkt.option("domain-search") == ["a.org"] || pkt.option("domain-search") == b"\001a\003org\000"`,
		`pkt.option("static-routes") == ["10.0.0.1 10.0.0.2"]`,
		`pkt.option("merit-dump") == "\u00ffa"`, // no UTF-8
		`pkt.option("acme") == true`,
		`pkt.option("time-offset") == null && pkt.option(200) == null`,
		`pkt.option("time-offset") != 7`,
		// Raw octets and presence.
		`pkt.raw("dhcp-requested-address") == b"\012\103\000\143" && pkt.raw(50).size() == 4`,
		`pkt.raw(82).size() == 20 && pkt.has(82) && pkt.raw("time-offset") == b"" && pkt.raw(200).size() == 0`,
		`pkt.has("host-name") && pkt.has(12) && pkt.has("acme") && !pkt.has("time-offset")`,
		// What is inside of options.
		`pkt.sub("vendor-encapsulated-options", 1) == b"ok" && pkt.sub(43, 9) == b"" && pkt.sub(43, 0) == b""`,
		`pkt.sub(82, 0) == b"\007" && pkt.sub("relay-agent-information", 2) == b"\312\376" && pkt.sub(82, 300) == b""`,
		`pkt.vendor(4491, 1) == b"x" && pkt.vendor(4491, 2) == b"" && pkt.vendor(9, 1) == b"" && pkt.vendor(-1, 1) == b""`,
		// The fixed header and the way of the message.
		`pkt.hardware == "02:67:00:00:00:af" && pkt.chaddr == b"\002g\000\000\000\257"`,
		`pkt.htype == 1 && pkt.hlen == 6 && pkt.secs == 3 && pkt.flags == 32768 && pkt.xid == 4275878552 && pkt.hops == 1`,
		`pkt.ciaddr == "0.0.0.0" && pkt.giaddr == "10.67.0.1" && pkt.src == pkt.giaddr && pkt.dst == "10.67.0.2"`,
		`pkt.type == "DISCOVER" && pkt.interface == "eth0" && pkt.relayed`,
		// The relay agent.
		`relay.circuit_id == b"ge-0" && relay.remote_id == b"\312\376" && relay.relay_id == b"ri" && relay.subscriber_id == b"s"`,
		`relay.sub(1) == relay.circuit_id && relay.sub(151) == b"" && relay.has(12) && !relay.has(151) && !relay.has(300)`,
		`relay.link_selection == b"" && relay.flags == b"" && relay.operator_realm == relay.sub(18) && relay.radius == b""`,
		// Classes.
		`member("unknown") && !member("known") && member("random-mac") && member("ipxe") && !member("pxe")`,
		// Octets and text.
		`substring(b"abcdef", 1, 2) == b"bc" && substring(b"abcdef", -2, 2) == b"ef" && substring(b"abcdef", 4, -1) == b"ef"`,
		`substring(b"abc", 1, 9) == b"bc" && substring(b"abc", 3, 1) == b"" && substring(b"abc", -4, 2) == b"a"`,
		`substring(b"abc", -9, 2) == b"" && substring(b"abc", 1, 0) == b"" && substring(b"abc", -1, -1) == b"c"`,
		`substring(b"abc", 9223372036854775807, 9223372036854775807) == b"" && substring(b"abc", 1, 9223372036854775807) == b"bc"`,
		`hex(relay.remote_id) == "cafe" && hex(pkt.chaddr, ":") == pkt.hardware && hex(b"") == "" && hex(b"a", "-") == "61"`,
		`text(b"\303\251") == "é" && text(b"\351") == "é" && text(b"") == ""`,
		`lower("AbÉ") == "abÉ" && upper("abé-z{") == "ABé-Z{"`,
		`address(pkt.raw(50)) == "10.67.0.99" && address(b"abc") == ""`,
		`number(b"") == 0 && number(b"\377") == 255 && number(b"\001\000") == 256 && number(b"\377\377\377\377") == 4294967295`,
		`split("a:b::c", ":", 1) == "a" && split("a:b::c", ":", 2) == "b" && split("a:b::c", ":", 3) == ""`,
		`split("a:b::c", ":", 4) == "c" && split("a", ":", 2) == "" && split("a", ":", 0) == "" && split("a", "", 1) == "a"`,
		`split("a", "", 2) == "" && split("a--b", "--", 2) == "b"`,
		// CEL's own.
		`pkt.option("vendor-class-identifier").startsWith("docsis") && pkt.option(60).matches("^docsis[0-9.]+:")`,
		`pkt.option(12).endsWith(".org") && pkt.option(12).contains("7") && pkt.option(12) in ["x", "Host-7.example.org"]`,
		`(pkt.has(60) ? "a" + "b" : "") == "ab" && b"a" + b"b" == b"ab" && size(pkt.option(93)) == 2`,
		"// A comment\n  pkt.hlen == 6\n  && pkt.relayed",
	} {
		s := compile(t, one(config.Class{Name: "it", Test: test}))
		if names, errs := s.Of(packet(), false); len(names) != 1 || len(errs) > 0 {
			t.Errorf("%s: false, errors %v", test, errs)
		}
	}
}

// A test that cannot be evaluated is false, and says so.
func TestOf_ErrorsAreFalse(t *testing.T) {
	for test, why := range map[string]string{
		`pkt.option("time-offset") > 7`:                         "", // absent, which is no failure
		`pkt.option(17).startsWith("/")`:                        "",
		`pkt.option(17).matches("/")`:                           "",
		`7 in pkt.option("time-servers")`:                       "",
		`pkt.option("host-name") > 7`:                           "no such overload",
		`pkt.option(60)`:                                        "string: true or false is wanted",
		`number(pkt.chaddr) == 7`:                               "number of 6 octets",
		`number(pkt.raw(50)) / number(b"") == 1`:                "division by zero",
		`pkt.option(pkt.option(12)) == 1`:                       "option Host-7.example.org unknown",
		`pkt.option(93)[7] == 1`:                                "index out of bounds",
		strings.Repeat(`text(pkt.raw(12)) + `, 40) + `"" == ""`: "", // false without an error
	} {
		s := compile(t, one(config.Class{Name: "it", Test: test}))
		names, errs := s.Of(packet(), false)
		switch {
		case len(names) > 0:
			t.Errorf("%s: true", test)
		case why == "" && len(errs) > 0:
			t.Errorf("%s: %v", test, errs)
		case why != "" && (len(errs) != 1 || !strings.Contains(errs[0].Error(), why) || !strings.Contains(errs[0].Error(), "class it: ")):
			t.Errorf("%s: errors %v, want %s", test, errs, why)
		}
	}
}

// An expression that costs too much is stopped and false.
func TestOf_CostIsBounded(t *testing.T) {
	long := make([]byte, 60_000)
	p := packet()
	p.Options = options{43: long}
	s := compile(t, one(config.Class{
		Name: "it", Test: strings.Repeat(`text(pkt.raw(43)).matches("a.*b.*c$") || `, 80) + "true",
	}))
	names, errs := s.Of(p, false)
	if len(names) > 0 || len(errs) != 1 || !strings.Contains(errs[0].Error(), "cost limit exceeded") {
		t.Errorf("classes %v, errors %v; want none, and to hear of the cost", names, errs)
	}
}

func TestOf_Template(t *testing.T) {
	c := &config.Config{
		Classes: []config.Class{
			{Name: "port", Template: `hex(relay.circuit_id)`},
			{Name: "port:67652d30"},
			{Name: "on-port", Test: `member("port:67652d30") && !member("port:00") && member("port")`},
			{Name: "empty", Template: `""`},
			{Name: "absent", Template: `pkt.option("root-path")`},
			{Name: "long", Template: `pkt.option("host-name") + "` + strings.Repeat("x", 64) + `"`},
			{Name: "odd", Template: `"a\n"`},
			{Name: "number", Template: `pkt.option(57)`},
		},
		Deny: []string{"port", "port:67652d30", "port:77", "on-port", "empty", "absent", "long", "odd", "number"},
	}
	names, errs := compile(t, c).Of(packet(), false)
	if d := cmp.Diff([]string{"port", "port:67652d30", "on-port"}, names); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if got := fmt.Sprint(errs); len(errs) != 3 || !strings.Contains(got, "class long: ") ||
		!strings.Contains(got, "class odd: ") || !strings.Contains(got, "class number: int: a text is wanted") {
		t.Errorf("errors %v, want those of long, odd and number", errs)
	}
}

// A template of which reservations name values is evaluated once, however many these are, and told only if the
// client's value is one of them. A class with a test is told like any other that decides.
func TestOf_ReservedClasses(t *testing.T) {
	c := &config.Config{
		Classes: []config.Class{
			{Name: "port", Template: `hex(relay.circuit_id)`},
			{Name: "other", Template: `hex(relay.remote_id)`},
			{Name: "it", Test: `pkt.relayed`},
		},
		Reservations: []config.Reservation{
			{Class: []string{"port:67652d30", "port:00"}}, {Class: []string{"other:01"}}, {Class: []string{"it"}},
		},
	}
	names, errs := compile(t, c).Of(packet(), false)
	if d := cmp.Diff([]string{"it", "port:67652d30"}, names); d != "" || len(errs) > 0 {
		t.Errorf("errors %v, -want +got\n%s", errs, d)
	}
}

// What nothing depends on is not evaluated: it would fail here.
func TestOf_OnlyWhatIsUsed(t *testing.T) {
	c := &config.Config{
		Classes: []config.Class{
			{Name: "unused", Test: `number(pkt.chaddr) == 1`},
			{Name: "asked-for", Test: `pkt.relayed`},
			{Name: "used", Test: `member("asked-for")`},
		},
		Deny: []string{"used", "pxe-bios", "random-mac"},
	}
	names, errs := compile(t, c).Of(packet(), false)
	if d := cmp.Diff([]string{"random-mac", "used"}, names); d != "" || len(errs) > 0 {
		t.Errorf("errors %v, -want +got\n%s", errs, d)
	}
	if names, errs := compile(t, &config.Config{}).Of(packet(), true); names != nil || errs != nil {
		t.Errorf("%v %v without classes", names, errs)
	}
}

// A class whose expression this node cannot compile is neither in nor out.
func TestNew_Undecided(t *testing.T) {
	compiled, problems := config.Compile(&config.Config{
		Classes: []config.Class{
			{Name: "future", Test: `pkt.quantum`}, {Name: "port", Template: `quantum()`}, {Name: "port:1"},
			{Name: "good", Test: "true"},
		},
		Deny: []string{"good", "future", "port:1", "port"},
	})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	s, problems := New(compiled)
	if len(problems) != 2 || problems[0].Path != "classes[0].test" || problems[1].Path != "classes[1].template" {
		t.Errorf("problems %v, want one each of future and port", problems)
	}
	names, _ := s.Of(packet(), false)
	want := []string{config.Undecided("future"), config.Undecided("port"), config.Undecided("port:1"), "good"}
	if d := cmp.Diff(want, names); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func TestCheck_Problems(t *testing.T) {
	long := "true" + strings.Repeat(" && true", 100)
	c := &config.Config{Classes: []config.Class{
		{Name: "a", Test: `pkt.option("user-clas") == "iPXE"`},
		{Name: "b", Test: `pkt.colour == 7`},
		{Name: "c", Test: `pkt.hlen == "6"`},
		{Name: "d", Test: `pkt.hlen ==`},
		{Name: "e", Test: `pkt.hlen`},
		{Name: "f", Template: `pkt.hlen == 6`},
		{Name: "g", Test: `member("h") || member("pxe-boss") || member("f:x") || member(pkt.type)`},
		{Name: "h", Test: `member("h")`},
		{Name: "i", Test: `pkt.type.matches("(")`},
		{Name: "j", Test: `pkt.type.matches(pkt.interface)`},
		{Name: "k", Test: "pkt.relayed &&\n  pkt.colour"},
		{Name: "l", Test: `[1, 2].exists(x, x == 1)`},
		{Name: "m", Test: `pkt.raw(0) == b"" || pkt.sub("pxe", 1) == b"" || relay.sub(1) == b""`},
		{Name: "n", Test: `pkt.type.matches("((a{100}){100})")`},
		{Name: "good", Test: long},
		{Name: "o", Template: `f(pkt)`},
		{Name: "p", Test: `member("q") || member("pxe-boss") || member("f:x")`},
		{Name: "q", Test: `true`},
	}}
	var got []string
	for _, p := range Check(c) {
		got = append(got, fmt.Sprintf("%s+%d: %s", p.Path, p.Offset, p.Text))
	}
	want := []string{
		`classes[0].test+10: option user-clas unknown (did you mean user-class?)`,
		`classes[1].test+3: undefined field 'colour'`,
		`classes[2].test+9: found no matching overload for '_==_'`,
		`classes[3].test+11: Syntax error: mismatched input '<EOF>'`,
		`classes[4].test+0: the expression is of type int: bool is wanted`,
		`classes[5].template+0: the expression is of type bool: string is wanted`,
		`classes[6].test+64: member takes the name of a class in quotes`,
		`classes[7].test+6: class h stands here or below`,
		`classes[8].test+17: the pattern of matches is no regular expression`,
		`classes[9].test+16: the pattern of matches must be written out`,
		`classes[10].test+0: line 2, column 6 of it: undefined field 'colour'`,
		`classes[11].test+13: undeclared reference to 'exists'`,
		`classes[12].test+7: option 0: codes go from 1 to 254`,
		`classes[12].test+28: option pxe unknown`,
		`classes[13].test+17: the pattern of matches is no regular expression`,
		`classes[15].template+1: undeclared reference to 'f'`,
		`classes[16].test+6: class q stands here or below`,
		`classes[16].test+21: class pxe-boss unknown (did you mean pxe-bios?)`,
	}
	for _, w := range want {
		if !slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, w) }) {
			t.Errorf("not found: %s", w)
		}
	}
	if len(got) != len(want)+2 { // Of exists, its variable is unknown twice, too.
		t.Errorf("%d problems, want %d", len(got), len(want)+2)
	}
	if t.Failed() || slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, "classes[14]") }) {
		t.Errorf("found:\n%s", strings.Join(got, "\n"))
	}
}
