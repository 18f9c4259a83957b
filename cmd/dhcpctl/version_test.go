package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestMan writes all pages: every command that users see has one with its text, usage and example, and no page
// is of a command that they do not see.
func TestMan(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man")
	var out bytes.Buffer
	term := terminal{
		in: strings.NewReader(""), out: &out, err: &out, getenv: func(string) string { return "" },
	}
	if code := run([]string{"man", dir}, term); code != exitDone {
		t.Fatalf("exit %d: %s", code, out.String())
	}
	pages := map[string]bool{}
	everyCommand((&tool{terminal: term}).root(), func(c *cobra.Command) {
		name := strings.ReplaceAll(c.CommandPath(), " ", "-") + ".1"
		pages[name] = true
		page, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			return
		}
		want := []string{".SH NAME", c.Short, ".SH SYNOPSIS"}
		if c.Example != "" {
			first, _, _ := strings.Cut(strings.TrimSpace(c.Example), "\n")
			want = append(want, ".SH EXAMPLE", strings.TrimSuffix(first, `\`))
		}
		for _, text := range want {
			if !strings.Contains(plain(string(page)), text) {
				t.Errorf("%s: %q is not in it", name, text)
			}
		}
	})
	written, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range written {
		if !pages[f.Name()] {
			t.Errorf("%s: a page of no command that users see", f.Name())
		}
	}
}

// plain takes the escapes of troff out of a page.
func plain(page string) string {
	return strings.NewReplacer(`\-`, "-", `\\`, `\`, `\e`, `\`, `\&`, "").Replace(page)
}

// TestArguments_AreExplained: a command that takes arguments names them in its usage and shows one.
func TestArguments_AreExplained(t *testing.T) {
	term := terminal{getenv: func(string) string { return "" }}
	everyCommand((&tool{terminal: term}).root(), func(c *cobra.Command) {
		if c.HasSubCommands() {
			return
		}
		_, named, _ := strings.Cut(c.Use, " ")
		if takes := c.Args(c, nil) != nil; takes && named == "" {
			t.Errorf("%s: takes an argument, but its usage names none", c.CommandPath())
		}
		if named != "" && (c.Long == "" || !strings.Contains(c.Example, "dhcpctl "+strings.TrimPrefix(c.CommandPath(), "dhcpctl "))) {
			t.Errorf("%s: takes %s, but has no text or no example", c.CommandPath(), named)
		}
	})
}
