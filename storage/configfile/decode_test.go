package configfile

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"port67/storage/config"
)

var update = flag.Bool("update", false, "rewrite the problems expected in testdata; review the diff")

func decode(t testing.TB, src string) *config.Config {
	t.Helper()
	c, problems := Decode("dhcp.yaml", []byte(src))
	for _, p := range problems {
		t.Error(p)
	}
	if c == nil {
		t.FailNow()
	}
	return c
}

func TestDecode_Empty(t *testing.T) {
	for _, src := range []string{"", "\n", "# nothing\n", "---\n", "{}", "null"} {
		if d := cmp.Diff(new(config.Config), decode(t, src), comparer); d != "" {
			t.Errorf("%q: -want +got\n%s", src, d)
		}
	}
}

// A problem names the place where the reader must look: line and column count from 1.
func TestDecode_Problems(t *testing.T) {
	files, err := filepath.Glob("testdata/problems/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files with problems: %v", err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			text, expected, found := strings.Cut(string(src), "\n# problems:\n")
			if !found {
				t.Fatal("no line \"# problems:\" behind which they are listed")
			}
			c, problems := Decode("dhcp.yaml", []byte(text))
			if (c == nil) != (len(problems) > 0) {
				t.Errorf("configuration %v beside %d problems", c, len(problems))
			}
			var got strings.Builder
			for _, p := range problems {
				got.WriteString("# " + p.String() + "\n")
			}
			if *update {
				if err := os.WriteFile(name, []byte(text+"\n# problems:\n"+got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if d := cmp.Diff(expected, got.String()); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
		})
	}
}

func TestDecode_Limits(t *testing.T) {
	for name, src := range map[string]string{
		"flow":     "options: " + strings.Repeat("[", 100_000),
		"flow map": strings.Repeat("{a: ", 100_000),
		"block":    strings.Repeat("- ", 100_000) + "a",
		"keys":     strings.Repeat("? ", 100_000),
	} {
		c, problems := Decode("dhcp.yaml", []byte(src))
		if c != nil || len(problems) != 1 || !strings.Contains(problems[0].Text, "nested more than") {
			t.Errorf("%s: %v, want to hear that it is nested too deep", name, problems)
		}
	}
}

// Words that YAML 1.1 and 1.2 read differently are read as an administrator means them.
func TestDecode_Scalars(t *testing.T) {
	c := decode(t, `
lease: {default: "2h", max: 'infinite'}
authoritative: no
always-broadcast: "on"
server-name: 007
boot-file-name: >-
  a long
  name
options: {log-servers: 10.0.0.1, boot-file-name: true, domain-name: "5", 242: "hex:00", 243: 0x0a0b}
subnets:
  - {prefix: 10.0.0.0/8, early-reuse: yes, pools: [10.0.0.1, 10.1.0.0/24], reservations: [{hardware: 0267.0000.0001}]}
`)
	if *c.Authoritative || !*c.AlwaysBroadcast || c.ServerName != "007" || c.BootFile != "a long name" {
		t.Errorf("authoritative %v, always-broadcast %v, server-name %q, boot-file-name %q",
			*c.Authoritative, *c.AlwaysBroadcast, c.ServerName, c.BootFile)
	}
	if s := c.Subnets[0]; !s.EarlyReuse || s.Pools[0].Range.String() != "10.0.0.1" ||
		s.Pools[1].Range.String() != "10.1.0.0-10.1.0.255" || config.FormatHardware(s.Reservations[0].Hardware[0]) != "02:67:00:00:00:01" {
		t.Errorf("subnet %+v", s)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(Reference()))
	files, _ := filepath.Glob("testdata/problems/*.yaml")
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		c, problems := Decode("dhcp.yaml", src)
		if (c == nil) != (len(problems) > 0) {
			t.Fatalf("configuration %v beside %d problems", c, len(problems))
		}
		if c == nil {
			return
		}
		text, err := Encode(c)
		if err != nil {
			t.Fatalf("encode: %v", err)
		}
		again := decode(t, string(text))
		if d := cmp.Diff(c, again, comparer); d != "" {
			t.Errorf("-first +second\n%s\n%s", d, text)
		}
	})
}
