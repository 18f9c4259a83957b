package kea

import (
	"strings"
	"testing"
)

// tongue is a translator of expressions over a file with the classes "phones" and "boot.x", the template
// class "by-mac", and nothing else.
func tongue(t *testing.T) *translator {
	t.Helper()
	tr := &translator{draft: &draft{}, pair: true}
	tr.definitions = tr.draft.config().Definitions()
	tr.classes = classNames{
		ours: map[string]string{"phones": "phones", "boot x": "boot-x"}, taken: map[string]bool{},
		lost:      map[string]string{"odd": "…"},
		templates: map[string]phrase{"by-mac": {sort: octets, text: "pkt.chaddr"}},
	}
	return tr
}

// TestExpression holds the translation of Kea's expressions, in the order of its manual, to our words.
func TestExpression(t *testing.T) {
	for src, want := range map[string]string{
		// Literals and options.
		`option[60].hex == 'docsis3.0'`:                 `pkt.raw("vendor-class-identifier") == b"docsis3.0"`,
		`option[60].text == 'x'`:                        `pkt.raw("vendor-class-identifier") == b"x"`,
		`'x' == option[60].text`:                        `pkt.raw("vendor-class-identifier") == b"x"`,
		`option[vendor-class-identifier].hex == 0x0A0b`: `pkt.raw("vendor-class-identifier") == b"\x0a\x0b"`,
		`option[host-name].exists`:                      `pkt.has("host-name")`,
		`not option[61].exists`:                         `!pkt.has("dhcp-client-identifier")`,
		`option[240].hex == 0xabc`:                      `pkt.raw(240) == b"\x0a\xbc"`,
		`option[50].hex == 10.0.0.1`:                    `pkt.raw("dhcp-requested-address") == b"\x0a\x00\x00\x01"`,
		`option[93].hex == 0x0007`:                      `pkt.raw("client-system") == b"\x00\x07"`,
		`option[12].hex == '"\'`:                        `pkt.raw("host-name") == b"\"\\"`,
		`option[43].option[1].hex == 'a'`:               `pkt.sub("vendor-encapsulated-options", 1) == b"a"`,
		`option[43].option[1].exists`:                   `size(pkt.sub("vendor-encapsulated-options", 1)) > 0`,
		`option[82].option[2].hex == 0x01`:              `relay.remote_id == b"\x01"`,
		`option[97].hex == option[61].hex`:              `pkt.raw("uuid-guid") == pkt.raw("dhcp-client-identifier")`,
		// The relay agent.
		`relay4[1].hex == 'switch1'`:            `relay.circuit_id == b"switch1"`,
		`relay4[2].exists and relay4[5].exists`: `relay.has(2) && relay.has(5)`,
		`relay4[151].hex == ''`:                 `relay.sub(151) == b""`,
		`option[82].option[1].exists`:           `relay.has(1)`,
		// The packet.
		`pkt.iface == 'eth0'`:                    `pkt.interface == "eth0"`,
		`pkt.src == 10.1.2.3`:                    `pkt.src == "10.1.2.3"`,
		`pkt4.giaddr == 0x0a010203`:              `pkt.giaddr == "10.1.2.3"`,
		`pkt4.giaddr == pkt4.ciaddr`:             `pkt.giaddr == pkt.ciaddr`,
		`pkt4.mac == 0x020304050607`:             `pkt.chaddr == b"\x02\x03\x04\x05\x06\x07"`,
		`pkt4.hlen == 6`:                         `pkt.hlen == 6`,
		`pkt4.htype == 0x00000001`:               `pkt.htype == 1`,
		`pkt4.htype == 0x01`:                     `false`,
		`pkt4.transid == 305419896`:              `pkt.xid == 305419896`,
		`pkt4.msgtype == 1 or pkt4.msgtype == 3`: `(pkt.type == "DISCOVER") || (pkt.type == "REQUEST")`,
		`pkt4.msgtype == 2`:                      `false`,
		// Classes.
		`member('phones')`:                              `member("phones")`,
		`not member('boot x')`:                          `!member("boot-x")`,
		`member('KNOWN') and member('ALL')`:             `member("known")`,
		`member('UNKNOWN')`:                             `member("unknown")`,
		`member('HA_server1')`:                          `true`,
		`option[1].exists and not member('HA_server1')`: `false`,
		`option[1].exists and member('HA_server1')`:     `pkt.has("subnet-mask")`,
		`member('BOOTP')`:                               `member("bootp")`,
		`not member('VENDOR_CLASS_MSFT 5.0')`:           `!(pkt.raw("vendor-class-identifier") == b"MSFT 5.0")`,
		`member('SPAWN_by-mac_abc')`:                    `pkt.chaddr == b"abc"`,
		// Operators.
		`not (option[1].exists or option[2].exists)`:                `!(pkt.has("subnet-mask") || pkt.has("time-offset"))`,
		`option[1].exists or option[2].exists and option[3].exists`: `pkt.has("subnet-mask") || (pkt.has("time-offset") && pkt.has("routers"))`,
		`'a' == 'a'`: `true`,
		// Functions.
		`substring(option[60].hex, 0, 9) == 'PXEClient'`:              `substring(pkt.raw("vendor-class-identifier"), 0, 9) == b"PXEClient"`,
		`substring(pkt4.mac, -3, all) == 0x010203`:                    `substring(pkt.chaddr, -3, -1) == b"\x01\x02\x03"`,
		`concat(option[60].hex, 'x') == 'yx'`:                         `(pkt.raw("vendor-class-identifier") + b"x") == b"yx"`,
		`option[60].hex + 'x' + 'y' == 'zxy'`:                         `((pkt.raw("vendor-class-identifier") + b"x") + b"y") == b"zxy"`,
		`ifelse(option[60].exists, option[60].hex, 'none') == 'none'`: `(pkt.has("vendor-class-identifier") ? pkt.raw("vendor-class-identifier") : b"none") == b"none"`,
		`hexstring(pkt4.mac, ':') == '02:03'`:                         `hex(pkt.chaddr, ":") == "02:03"`,
		`hexstring(pkt4.mac, '') == '0203'`:                           `hex(pkt.chaddr) == "0203"`,
		`lcase(option[12].hex) == 'printer'`:                          `lower(text(pkt.raw("host-name"))) == "printer"`,
		`substring(ucase(option[12].hex), 0, 2) == 'PC'`:              `upper(text(substring(pkt.raw("host-name"), 0, 2))) == "PC"`,
		`split(option[12].hex, '.', 2) == 'example'`:                  `split(text(pkt.raw("host-name")), ".", 2) == "example"`,
		`addrtotext(pkt4.giaddr) == '10.0.0.1'`:                       `pkt.giaddr == "10.0.0.1"`,
		`addrtotext(option[50].hex) == '10.0.0.1'`:                    `address(pkt.raw("dhcp-requested-address")) == "10.0.0.1"`,
		`uint16totext(option[93].hex) == '7'`:                         `size(pkt.raw("client-system")) == 2 && number(pkt.raw("client-system")) == 7`,
		`int8totext(option[224].hex) == '-1'`:                         `size(pkt.raw(224)) == 1 && number(pkt.raw(224)) == 255`,
		`uint8totext(option[224].hex) == '07'`:                        `false`,
		`match('^ab.*', option[12].hex)`:                              `text(pkt.raw("host-name")).matches("^(?:^ab.*)$")`,
		`match('[0-9]+\.x', option[12].hex)`:                          `text(pkt.raw("host-name")).matches("^(?:[0-9]+\\.x)$")`,
		`concat(hexstring(pkt4.mac, '-'), '.local') == 'x'`:           `(hex(pkt.chaddr, "-") + ".local") == "x"`,
		// Vendors.
		`vendor.enterprise == 4491`:         `substring(pkt.raw("vivso-suboptions"), 0, 4) == b"\x00\x00\x11\x8b"`,
		`vendor[4491].exists`:               `substring(pkt.raw("vivso-suboptions"), 0, 4) == b"\x00\x00\x11\x8b"`,
		`vendor[*].exists`:                  `pkt.has("vivso-suboptions")`,
		`vendor[4491].option[1].hex == 'x'`: `pkt.vendor(4491, 1) == b"x"`,
		`vendor[4491].option[1].exists`:     `size(pkt.vendor(4491, 1)) > 0`,
		`vendor-class[4491].exists`:         `substring(pkt.raw("vivco-suboptions"), 0, 4) == b"\x00\x00\x11\x8b"`,
	} {
		got, err := tongue(t).speaker().test(src)
		if err != nil || got != want {
			t.Errorf("%s\n got %s (%v)\nwant %s", src, got, err, want)
		}
	}
}

// TestExpression_Refused: what cannot be said is told with its place, never guessed at.
func TestExpression_Refused(t *testing.T) {
	for src, want := range map[string]string{
		``:                                               `column 1: the end where an expression is wanted`,
		`option[60].hex`:                                 `column 1: octets where true or false is wanted`,
		`option[60].hex == `:                             `column 19: the end where an expression is wanted`,
		`option[60].hex = 'x'`:                           `column 16: '=': no such sign`,
		`option[60.hex == 'x'`:                           `where a closing bracket is wanted`,
		`option[no-such].hex == 'x'`:                     `column 1: option no-such unknown`,
		`'x == option[60].hex`:                           `column 1: a text without its end`,
		`(option[60].exists`:                             `where a closing parenthesis is wanted`,
		`option[60].exists x`:                            `column 19: "x" behind the end`,
		`option[60].frob`:                                `column 1: an option has .hex`,
		`option[60].exists and pkt.len == 300`:           `column 23: pkt.len: there is no such field`,
		`pkt4.yiaddr == 10.0.0.1`:                        `column 1: pkt4.yiaddr: there is no such field`,
		`substring(pkt4.giaddr, 0, 3) == 0x0a00`:         `column 11: octets are wanted`,
		`substring(option[60].hex, 4, -2) == 'x'`:        `column 30: a length below 0`,
		`split(option[12].hex, '.-', 1) == 'x'`:          `column 23: one sign in quotes`,
		`member('nobody')`:                               `column 1: class nobody is not defined before this`,
		`member('VENDOR')`:                               `class VENDOR is not defined before this`,
		`member('odd')`:                                  `class odd was left behind`,
		`member('SPAWN_none_x')`:                         `is made by no template class`,
		`match('(?=x)', option[12].hex)`:                 `column 7: the regular expression has what RE2 does not know`,
		`lcase(option[12].hex) == option[60].hex`:        `compare that with a text in quotes`,
		`lcase(option[12].hex) == 0xff`:                  `beyond ASCII`,
		`pkt4.hlen == pkt4.giaddr`:                       `two things of different kinds`,
		`frobnicate(option[60].hex) == 'x'`:              `no function that is known here`,
		`relay6[0].option[37].exists`:                    `no word of Kea's language for DHCPv4`,
		`vendor[*].option[1].hex == 'x'`:                 `of vendor there are here`,
		`substring(option[60].hex, 0) == 'x'`:            `substring wants 3 arguments, and has 2`,
		`option[60].exists == option[61].exists`:         `true or false cannot be compared`,
		`option[routers].text == '10.0.0.1'`:             `column 1: option[routers].text: Kea compares`,
		strings.Repeat(`(`, 100):                         `nested more than 64 levels deep`,
		strings.Repeat(`not `, 100) + `member('phones')`: `nested more than 64 levels deep`,
		strings.Repeat(` `, 10000):                       `longer than`,
	} {
		got, err := tongue(t).speaker().test(src)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s\n got %s (%v)\nwant %s", src, got, err, want)
		}
	}
}

func FuzzExpression(f *testing.F) {
	f.Add(`substring(option[60].hex, 0, 9) == 'PXEClient' and not member('phones')`)
	f.Add(`ifelse(vendor[4491].exists, lcase(option[12].hex), concat('a', 'b')) == 'x' or pkt4.msgtype == 1`)
	f.Add(`match('^a', hexstring(pkt4.mac, ':')) or int8totext(relay4[1].hex) == '-1'`)
	f.Fuzz(func(t *testing.T, src string) {
		got, err := tongue(t).speaker().test(src)
		if err == nil && got == "" {
			t.Errorf("%q became nothing", src)
		}
	})
}
