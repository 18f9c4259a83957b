package classify

import (
	"os"
	"strings"
	"testing"

	"port67/storage/config"
	"port67/storage/configfile"
)

// Every example for administrators is a configuration that compiles, and every word is on the page.
func TestDocument_ExamplesCompile(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations/classes.md")
	if err != nil {
		t.Fatal(err)
	}
	sharing, err := os.ReadFile("../../docs/operations/sharing.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := strings.Split(string(page)+string(sharing), "```yaml\n")[1:]
	if len(examples) < 5 {
		t.Fatalf("%d examples, want more", len(examples))
	}
	for _, e := range examples {
		text, _, _ := strings.Cut(e, "```")
		_, problems := configfile.Decode("example", []byte(text), Check)
		for _, p := range problems {
			t.Errorf("%v\n%s", p, text)
		}
	}
	if _, problems := configfile.Decode("reference.yaml", []byte(configfile.Reference()), Check); len(problems) > 0 {
		t.Errorf("reference.yaml: %v", problems)
	}
	for _, word := range append(config.ReadyMade(),
		"pkt.option(", "pkt.raw(", "pkt.has(", "pkt.sub(", "pkt.vendor(", "pkt.hardware`", "pkt.chaddr`",
		"pkt.htype`", "pkt.hlen`", "pkt.hops`", "pkt.secs`", "pkt.flags`", "pkt.xid`", "pkt.ciaddr`",
		"pkt.giaddr`", "pkt.src`", "pkt.dst`", "pkt.type`", "pkt.interface`", "pkt.relayed`",
		"relay.circuit_id`", "relay.remote_id`", "relay.subscriber_id`", "relay.relay_id`", "relay.sub(",
		"relay.has(", "member(", "substring(", "hex(", "text(", "lower(", "upper(", "address(", "number(", "split(",
	) {
		if !strings.Contains(string(page), "`"+word) {
			t.Errorf("%s is not on the page", word)
		}
	}
}

// A problem in an expression is shown where it stands in the file.
func TestCheck_PlaceInTheFile(t *testing.T) {
	for src, want := range map[string]string{
		"classes:\n  - name: a\n    test: pkt.option(\"vendor-clas\") == \"x\"\n":           "dhcp.yaml:3:21: classes[0].test: option vendor-clas unknown",
		"classes:\n  - name: a\n    test: 'pkt.option(\"vendor-clas\") == \"x\"'\n":         "dhcp.yaml:3:22: classes[0].test: option vendor-clas",
		"classes:\n  - {name: a, template: hex(pkt.colour)}\n":                              "dhcp.yaml:2:32: classes[0].template: undefined field 'colour'",
		"classes:\n  - name: a\n    test: |\n      pkt.relayed &&\n      pkt.colour == 7\n": "dhcp.yaml:3:11: classes[0].test: line 2, column 4 of it: undefined",
		"classes:\n  - name: a\n    test: |\n      pkt.colour == 7\n":                       "dhcp.yaml:4:10: classes[0].test: undefined field",
		"classes:\n  - name: a\n    test: \"pkt.option(\\\"vendor-clas\\\") == 1\"\n":       "dhcp.yaml:3:11: classes[0].test: option vendor-clas",
	} {
		_, problems := configfile.Decode("dhcp.yaml", []byte(src), Check)
		if len(problems) != 1 || !strings.HasPrefix(problems[0].String(), want) {
			t.Errorf("%s%v\nwant %s", src, problems, want)
		}
	}
	// What is wrong beside the expressions comes with them, all at once.
	_, problems := configfile.Decode("dhcp.yaml", []byte("classes:\n  - {name: a, test: x}\n  - {name: a, test: y}\nt1: 0%\n"), Check)
	if len(problems) != 4 {
		t.Errorf("%v\nwant four problems", problems)
	}
}
