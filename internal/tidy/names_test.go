package tidy

import (
	"go/ast"
	"strings"
	"testing"
	"unicode/utf8"
)

// What a reader can hold in the head. Files that tools generate are exempt; tests are, from the length of a
// function (a table is one) and from the number of files.
const (
	functionLinesMax = 70
	fileLinesMax     = 500
	columnsMax       = 110
	packageFilesMax  = 20
)

// exceptions are the places that exceed a limit, each with its reason. The list is there to shrink: one that is
// not needed any more fails the test, too; but nobody is punished for wrapping lines.
var exceptions = map[string]string{

	"cmd/port67d columns":    wrapped,
	"ops/bench columns":      wrapped,
	"ops/lab columns":        wrapped,
	"ops/lab/demo columns":   wrapped,
	"ops/load columns":       wrapped,
	"proto/admin/v1 columns": wrapped,
}

const wrapped = "lines of up to 117 columns from before the limit was watched"

// excused says whether a place is in the list, and notes that it was needed.
func excused(used map[string]bool, place string) bool {
	used[place] = true
	return exceptions[place] != ""
}

func TestNames_Lengths(t *testing.T) {
	r := load(t)
	used := make(map[string]bool)
	count := make(map[string]int)
	for _, f := range r.files {
		if f.generated() {
			continue
		}
		if !f.test() {
			count[f.dir()]++
			for _, d := range f.ast.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				lines := r.fset.Position(fn.End()).Line - r.fset.Position(fn.Pos()).Line + 1
				if lines > functionLinesMax && !excused(used, f.path+" "+fn.Name.Name) {
					t.Errorf("%s: %s has %d lines, at most %d", r.fset.Position(fn.Pos()), fn.Name.Name, lines, functionLinesMax)
				}
			}
		}
		lines := strings.Split(strings.TrimSuffix(f.src, "\n"), "\n")
		if len(lines) > fileLinesMax && !excused(used, f.path) {
			t.Errorf("%s: %d lines, at most %d", f.path, len(lines), fileLinesMax)
		}
		for i, l := range lines {
			if n := utf8.RuneCountInString(l); n > columnsMax && !f.test() && !excused(used, f.dir()+" columns") {
				t.Errorf("%s:%d: %d columns, at most %d", f.path, i+1, n, columnsMax)
			}
		}
	}
	for _, dir := range r.packages() {
		if count[dir] > packageFilesMax && !excused(used, dir) {
			t.Errorf("%s: %d files beside tests, at most %d", dir, count[dir], packageFilesMax)
		}
	}
	for place, why := range exceptions {
		if !used[place] && why == wrapped {
			t.Logf("%s keeps the limit now: remove the exception", place)
		} else if !used[place] {
			t.Errorf("%s is excepted, but keeps the limits: remove the exception", place)
		}
	}
}

// Nothing happens because a package was imported.
func TestNames_NoInit(t *testing.T) {
	r := load(t)
	for _, f := range r.files {
		if f.generated() {
			continue
		}
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: init: build things by hand, where they are used", r.fset.Position(fn.Pos()))
			}
		}
	}
}

// Folders for what had no better place attract more of it.
func TestNames_NoPlacesForAnything(t *testing.T) {
	r := load(t)
	for _, dir := range r.packages() {
		for part := range strings.SplitSeq(dir, "/") {
			switch part {
			case "util", "utils", "common", "helpers", "helper", "misc", "types", "models", "pkg", "shared":
				t.Errorf("%s: name the package after what it does", dir)
			}
		}
	}
}

// A file has an underscore only before test or the name of a system.
func TestNames_Files(t *testing.T) {
	r := load(t)
	for _, f := range r.files {
		base := strings.TrimSuffix(f.path[strings.LastIndex(f.path, "/")+1:], ".go")
		if f.generated() {
			continue
		}
		base = strings.TrimSuffix(strings.TrimSuffix(base, "_test"), "_linux")
		if strings.Count(base, "_") > 1 || strings.ToLower(base) != base {
			t.Errorf("%s: file names are lower case, with one underscore at most", f.path)
		}
	}
}

// Words that mean another thing in this field, or nothing (docs/STYLE.md): in the names that packages show.
func TestNames_Vocabulary(t *testing.T) {
	banned := map[string]string{
		"Superscope": "SharedNetwork", "TransactionID": "XID", "GatewayIP": "GIAddr", "Helper": "the thing itself",
		"Manager": "the thing itself", "MacAddr": "CHAddr or Hardware", "FixedAddress": "Reservation",
	}
	r := load(t)
	for _, f := range r.files {
		if f.generated() || f.test() || strings.HasPrefix(f.path, "ops/importer") {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if d, ok := n.(*ast.Ident); ok && d.Obj != nil {
				if better := banned[d.Name]; better != "" {
					t.Errorf("%s: %s: say %s", r.fset.Position(d.Pos()), d.Name, better)
				}
			}
			return true
		})
	}
}
