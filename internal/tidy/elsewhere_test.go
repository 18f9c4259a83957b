package tidy

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// elsewhereTitle is where the part of docs/conformance.md begins that is written here; make conformance keeps it.
const elsewhereTitle = "\n## Rows that the table does not show\n"

// rowsField finds the rows of a vector.
var rowsField = regexp.MustCompile(`Rows: +"([^"]+)"`)

// rowsOfVectors returns the rows that a vector of ops/conformance shows.
func rowsOfVectors(t *testing.T) map[string]bool {
	t.Helper()
	shown := make(map[string]bool)
	for _, f := range load(t).files {
		if f.dir() != "ops/conformance" || !f.test() {
			continue
		}
		for _, m := range rowsField.FindAllStringSubmatch(f.src, -1) {
			for _, id := range rowsIn(m[1]) {
				shown[id] = true
			}
		}
	}
	return shown
}

// elsewhere says of every row of DHCPv4, BOOTP, RARP and clients that no vector shows where it is shown, or that it is
// open.
func elsewhere(all, open []string, vectors map[string]bool, rows cited) string {
	var b strings.Builder
	b.WriteString(elsewhereTitle + `
What a packet and its reply do not show: what happens on other nodes, on a second interface, with a changed
configuration, or without a reply. These tests show it. Open is what this release does not serve, or no test
shows. Written by make docs.

| row | tests |
| --- | --- |
`)
	for _, id := range all {
		kind, _, _ := strings.Cut(id, "-")
		if !slices.Contains([]string{"V4", "BP", "RP", "W"}, kind) || vectors[id] {
			continue
		}
		tests := "–"
		switch c := rows[id]; {
		case slices.Contains(open, id):
			tests = "open"
		case c != nil:
			tests = places(c.tests)
		}
		fmt.Fprintf(&b, "| %s | %s |\n", id, tests)
	}
	return b.String()
}

// docs/conformance.md says where the rows are shown that the table of vectors does not show.
func TestRows_ShownElsewhere(t *testing.T) {
	_, rows := citations(t)
	want := elsewhere(rowsOf(t, "protocol-rows.txt"), rowsOf(t, "protocol-rows-open.txt"), rowsOfVectors(t), rows)
	path := filepath.Join("..", "..", "docs", "conformance.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	matrix, got, _ := strings.Cut(string(page), elsewhereTitle)
	if *update {
		if err := os.WriteFile(path, []byte(matrix+want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if elsewhereTitle+got != want {
		t.Error("docs/conformance.md: not where the rows are shown that no vector shows: run make docs")
	}
}

func TestRows_ElsewhereKnowsItsKinds(t *testing.T) {
	rows := cited{"V4-002": {tests: []string{"a_test.go TestA"}}}
	got := elsewhere([]string{"V4-001", "V4-002", "V6-001", "W-001"}, []string{"W-001"},
		map[string]bool{"V4-001": true}, rows)
	const want = "| --- | --- |\n| V4-002 | `a_test.go` TestA |\n| W-001 | open |\n"
	if !strings.HasSuffix(got, want) {
		t.Errorf("%s\nwant it to end with\n%s", got, want)
	}
}
