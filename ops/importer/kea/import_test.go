package kea_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"port67/ops/importer"
	"port67/ops/importer/kea"
	"port67/storage/config"
	"port67/storage/configfile"
)

var update = flag.Bool("update", false, "rewrite the expectations in the archives")

// TestImport plays the archives of testdata: a Kea configuration with the files that it includes, what it
// becomes (dhcp.yaml), and what the report says (report).
func TestImport(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files := map[string][]byte{}
			for _, f := range a.Files {
				files[f.Name] = f.Data
			}
			got := map[string]string{}
			out, err := kea.Import("kea.conf", files["kea.conf"], from(files))
			if err != nil {
				got["error"] = err.Error() + "\n"
			} else {
				text, err := configfile.Encode(out.Config)
				if err != nil {
					t.Errorf("the configuration cannot be written: %v", err)
				}
				got["dhcp.yaml"] = string(text)
				got["report"] = out.Report.Text(importer.Taken, importer.Changed, importer.Left)
			}
			checkArchive(t, name, a, got)
		})
	}
}

// checkArchive compares what came out with the files of an archive, or rewrites them.
func checkArchive(t *testing.T, name string, a *txtar.Archive, got map[string]string) {
	t.Helper()
	changed := false
	for i := range a.Files {
		f := &a.Files[i]
		want := string(f.Data)
		if f.Name != "dhcp.yaml" && f.Name != "report" && f.Name != "error" {
			continue
		}
		if diff := cmp.Diff(want, got[f.Name]); diff != "" && !*update {
			t.Errorf("%s: want (-), got (+):\n%s", f.Name, diff)
		} else if diff != "" {
			f.Data, changed = []byte(got[f.Name]), true
		}
		delete(got, f.Name)
	}
	if got["error"] != "" {
		t.Errorf("unexpected error: %s", got["error"])
	}
	if changed {
		if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// from opens the files of an archive.
func from(files map[string][]byte) kea.Open {
	return func(_, name string) (string, []byte, error) {
		if b, ok := files[name]; ok {
			return name, b, nil
		}
		return "", nil, errors.New("no such file")
	}
}

// load imports a text that is a configuration.
func load(t *testing.T, src string) *kea.Imported {
	t.Helper()
	out, err := kea.Import("kea.conf", []byte(src), from(nil))
	if err != nil {
		t.Fatalf("%v in:\n%s", err, src)
	}
	if problems := out.Config.Validate(); len(problems) > 0 {
		t.Errorf("invalid: %v", problems)
	}
	return out
}

// find returns the entries about an element.
func find(r *importer.Report, element string) []importer.Entry {
	var out []importer.Entry
	for _, e := range r.Entries {
		if e.Element == element {
			out = append(out, e)
		}
	}
	return out
}

// TestImport_NoConfiguration: input that is no Kea configuration is refused, with place and remedy.
func TestImport_NoConfiguration(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 70)
	for src, want := range map[string]string{
		``:                           `kea.conf:1:1: nothing where a value is wanted`,
		`[1]`:                        `kea.conf:1:1: begins with a list`,
		`{"Dhcp6": {}}`:              `kea-dhcp6`,
		`{"Control-agent": {}}`:      `another of Kea's daemons`,
		`{"a": 1}`:                   `no Dhcp4 in it`,
		"{\n  \"Dhcp4\" {}}":         `kea.conf:2:11: '{' where a colon is wanted`,
		`{"Dhcp4": {}`:               `the file ends before '}' of line 1 is closed`,
		`{"Dhcp4": {} "x": 1}`:       `is the comma missing in the line before?`,
		`{"Dhcp4": {}} {}`:           `behind the end`,
		`{"Dhcp4": {"a": yes}}`:      `"yes": neither text`,
		`{"Dhcp4": {"a": "\q"}}`:     `an escape that JSON does not have`,
		"{\"Dhcp4\": {\"a\": \"b\n}": `close the quotes in the same line`,
		`{/* "Dhcp4": {}}`:           `close it with */`,
		`{"Dhcp4": <?include "x"?>}`: `include "x": no such file: copy the file`,
		`{"Dhcp4": <?embed "x"?>}`:   `no include`,
		deep:                         `nested more than 64 levels deep`,
		"\xff\xfe":                   `not UTF-8`,
	} {
		_, err := kea.Import("kea.conf", []byte(src), from(nil))
		var syntax *kea.SyntaxError
		if !errors.As(err, &syntax) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", src, err, want)
		}
	}
}

// TestImport_Checks: what a check beyond Validate objects to is left behind like anything else.
func TestImport_Checks(t *testing.T) {
	noSecond := func(c *config.Config) []config.Problem {
		if len(c.Subnets) < 2 {
			return nil
		}
		return []config.Problem{{Path: "subnets[1].pools[0]", Text: "one too many"}, {Path: "subnets[1]", Text: "so is this"}}
	}
	out, err := kea.Import("kea.conf", []byte(`{"Dhcp4": {"subnet4": [ {"subnet": "192.0.2.0/24"},
		{"subnet": "192.0.3.0/24", "pools": [ {"pool": "192.0.3.9"} ]} ]}}`), from(nil), noSecond)
	if err != nil || len(out.Config.Subnets) != 1 {
		t.Fatalf("%v, %v", out, err)
	}
	if e := find(&out.Report, "Dhcp4.subnet4[1]"); len(e) != 1 || e[0].Verdict != importer.Left {
		t.Errorf("report: %v", out.Report.Entries)
	}
}

// TestImport_IncludesThatIncludeThemselves: cycles end, and so do chains.
func TestImport_IncludesThatIncludeThemselves(t *testing.T) {
	chain := map[string][]byte{"a": []byte(`<?include "b"?>`), "b": []byte(`<?include "a"?>`)}
	for i := range 20 {
		chain[fmt.Sprint(i)] = []byte(fmt.Sprintf(`<?include "%d"?>`, i+1))
	}
	for first, want := range map[string]string{"a": "includes itself", "0": "more than 10 files deep"} {
		_, err := kea.Import("kea.conf", []byte(`{"Dhcp4": <?include "`+first+`"?>}`), from(chain))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", first, err, want)
		}
	}
}

func FuzzImport(f *testing.F) {
	names, _ := filepath.Glob("testdata/*.txtar")
	for _, name := range names {
		a, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			if file.Name == "kea.conf" {
				f.Add(file.Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		out, err := kea.Import("kea.conf", src, from(map[string][]byte{"x": src}))
		if err != nil {
			return
		}
		if problems := out.Config.Validate(); len(problems) > 0 {
			t.Errorf("invalid: %v", problems)
		}
		if _, err := configfile.Encode(out.Config); err != nil {
			t.Error(err)
		}
	})
}

// TestImport_PingCheck: the hook becomes probing by ICMP, globally and for subnets that say otherwise.
func TestImport_PingCheck(t *testing.T) {
	out := load(t, `{"Dhcp4": {"hooks-libraries": [{"library": "/x/libdhcp_ping_check.so", "parameters": {
		"min-ping-requests": 2, "reply-timeout": 900, "ping-cltt-secs": 60, "ping-channel-threads": 0}}],
		"subnet4": [
			{"subnet": "192.0.2.0/25", "pools": [{"pool": "192.0.2.10-192.0.2.20"}]},
			{"subnet": "192.0.2.128/25", "pools": [{"pool": "192.0.2.150-192.0.2.160"}],
				"user-context": {"enable-ping-check": false, "reply-timeout": 250}}]}}`)
	c := out.Config
	if p := c.Settings.Probe; p.ICMP == nil || !*p.ICMP || p.ARP != nil || p.TimeoutMillis != 500 {
		t.Errorf("global probing %+v", p)
	}
	if p := c.Subnets[0].Probe; p.ICMP != nil {
		t.Errorf("the first subnet: %+v, want nothing of its own", p)
	}
	if p := c.Subnets[1].Probe; p.ICMP == nil || *p.ICMP || p.TimeoutMillis != 250 {
		t.Errorf("the second subnet: %+v", p)
	}
	text := out.Report.Text(importer.Taken, importer.Changed, importer.Left)
	for _, want := range []string{"became probe", "one request is sent", "became 500 ms"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q:\n%s", want, text)
		}
	}
}
