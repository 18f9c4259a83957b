package tidy

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rowID finds the rows of the conformance table in a text. An underscore is a letter to \b, but parts the words in
// the name of a test.
var rowID = regexp.MustCompile(`(?:\b|_)(V4|BP|RP|V6|LQ|DD|HA|W)[-_]([0-9]{3})(?:\b|_)`)

// rowsIn returns the rows that a text names, in its order. Neighbours share an underscore, so that the search begins
// anew behind each number.
func rowsIn(text string) []string {
	var ids []string
	for {
		m := rowID.FindStringSubmatchIndex(text)
		if m == nil {
			return ids
		}
		ids = append(ids, text[m[2]:m[3]]+"-"+text[m[4]:m[5]])
		text = text[m[5]:]
	}
}

// rowsOf returns the rows that a file of docs lists, one a line.
func rowsOf(t *testing.T, name string) []string {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for line := range strings.Lines(string(src)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			ids = append(ids, line)
		}
	}
	return ids
}

// rowsShown returns the rows that a test of the repository names, in Go or in a script.
func rowsShown(t *testing.T) map[string]bool {
	t.Helper()
	shown := make(map[string]bool)
	note := func(text string) {
		for _, id := range rowsIn(text) {
			shown[id] = true
		}
	}
	r := load(t)
	for _, f := range r.files {
		if f.test() && f.dir() != "internal/tidy" {
			note(f.src)
		}
	}
	scripts(t, func(_, text string) { note(text) })
	return shown
}

// scripts calls f for every script of the repository with its path and its text.
func scripts(t *testing.T, f func(name, text string)) {
	t.Helper()
	root := filepath.Join("..", "..")
	found := 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != ".txtar" {
			return err
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		f(filepath.ToSlash(rel), string(src))
		found++
		return err
	})
	if err != nil || found == 0 {
		t.Fatalf("%d scripts, %v", found, err)
	}
}

// Every row of the conformance table is named by a test that shows it, or stands in the list of those that are not
// served yet. What stands there for no reason must go, so that the list only shrinks.
func TestRows_ShownOrOpen(t *testing.T) {
	all, open, shown := rowsOf(t, "protocol-rows.txt"), rowsOf(t, "protocol-rows-open.txt"), rowsShown(t)
	for i, id := range open {
		switch {
		case !slices.Contains(all, id):
			t.Errorf("docs/protocol-rows-open.txt: there is no row %s", id)
		case slices.Contains(open[:i], id):
			t.Errorf("docs/protocol-rows-open.txt: %s stands twice", id)
		case shown[id]:
			t.Errorf("docs/protocol-rows-open.txt: %s is shown by a test: take it out", id)
		}
	}
	if !slices.IsSorted(open) {
		t.Error("docs/protocol-rows-open.txt: not in order")
	}
	for _, id := range all {
		if !shown[id] && !slices.Contains(open, id) {
			t.Errorf("%s: no test names it", id)
		}
	}
	t.Logf("%d of %d rows are open", len(open), len(all))
}

// The row of the conformance table that a test or a script names must exist: a wrong number shows nothing.
func TestRows_Exist(t *testing.T) {
	all := rowsOf(t, "protocol-rows.txt")
	r := load(t)
	for _, f := range r.files {
		if f.dir() == "internal/tidy" {
			continue
		}
		for i, line := range strings.Split(f.src, "\n") {
			for _, id := range rowsIn(line) {
				if !slices.Contains(all, id) {
					t.Errorf("%s:%d: there is no row %s", f.path, i+1, id)
				}
			}
		}
	}
	for id := range rowsShown(t) {
		if !slices.Contains(all, id) {
			t.Errorf("a test names %s: there is no such row", id)
		}
	}
}

func TestRows_AreFoundInNamesAndText(t *testing.T) {
	const text = "TestX_V4_001_V4_002_Y HA_010_HA-011, V4-003 … V4-005; W_020W V6_1234 XV4_006 v4-007"
	want := []string{"V4-001", "V4-002", "HA-010", "HA-011", "V4-003", "V4-005"}
	if got := rowsIn(text); !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
}
