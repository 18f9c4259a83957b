package tidy

import (
	"go/ast"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"port67/storage/configfile"
)

// comments calls f for every line of every comment in files that no tool made.
func (r *repo) comments(f func(file *file, line int, text string)) {
	for _, file := range r.files {
		if file.generated() {
			continue
		}
		for _, g := range file.ast.Comments {
			for _, c := range g.List {
				first := r.fset.Position(c.Pos()).Line
				for i, text := range strings.Split(c.Text, "\n") {
					f(file, first+i, text)
				}
			}
		}
	}
}

func TestProse_Comments(t *testing.T) {
	// An RFC is cited as RFC 2131 §4.3.2, so that a clause can be searched for.
	citation := regexp.MustCompile(`RFC(\d|-\d|s? \d+,? ([Ss]ec|[Cc]h|[Pp]ara))|\b[Rr]fc ?\d+`)
	todo := regexp.MustCompile(`\b(TODO|FIXME|XXX)\b`)
	todoWithNumber := regexp.MustCompile(`TODO\(#\d+\)`)
	address := regexp.MustCompile(`https?://`)
	r := load(t)
	r.comments(func(f *file, line int, text string) {
		if f.dir() == "internal/tidy" || strings.HasPrefix(text, "//go:") {
			return
		}
		if c := citation.FindString(text); c != "" {
			t.Errorf("%s:%d: %q: cite as RFC 2131 §4.3.2", f.path, line, c)
		}
		if todo.MatchString(text) && !todoWithNumber.MatchString(text) {
			t.Errorf("%s:%d: a TODO without its number: do it, or write TODO(#123)", f.path, line)
		}
		if address.MatchString(strings.ReplaceAll(text, "http://boot.example.org", "")) {
			t.Errorf("%s:%d: a URL in a comment: name the document, docs/rfc.md has the addresses", f.path, line)
		}
	})
}

// What is exported has a comment that begins with its name, or with a word that leads to it.
func TestProse_ExportedNamesHaveComments(t *testing.T) {
	r := load(t)
	for _, f := range r.files {
		if f.generated() || f.test() || f.ast.Name.Name == "main" {
			continue
		}
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.IsExported() && fn.Doc == nil && (fn.Recv == nil || exported(fn.Recv)) {
				t.Errorf("%s: %s has no comment", r.fset.Position(fn.Pos()), fn.Name.Name)
			}
			gen, ok := d.(*ast.GenDecl)
			if !ok || gen.Doc != nil {
				continue
			}
			for _, s := range gen.Specs {
				if s, ok := s.(*ast.TypeSpec); ok && s.Name.IsExported() && s.Doc == nil && s.Comment == nil {
					t.Errorf("%s: %s has no comment", r.fset.Position(s.Pos()), s.Name.Name)
				}
			}
		}
	}
}

// exported says whether the type of a receiver is.
func exported(recv *ast.FieldList) bool {
	typ := recv.List[0].Type
	if p, ok := typ.(*ast.StarExpr); ok {
		typ = p.X
	}
	if x, ok := typ.(*ast.IndexExpr); ok {
		typ = x.X
	}
	id, ok := typ.(*ast.Ident)
	return ok && id.IsExported()
}

// A test that waits for a while is wrong twice: when the machine is slow, and when it is fast.
func TestProse_NoSleepInTests(t *testing.T) {
	r := load(t)
	for _, f := range r.files {
		if !f.test() {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Sleep" {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" {
					t.Errorf("%s: time.Sleep: wait for what you are waiting for", r.fset.Position(s.Pos()))
				}
			}
			return true
		})
	}
}

// Every configuration that the documents show is one.
func TestProse_ExamplesDecode(t *testing.T) {
	block := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```")
	replicated := regexp.MustCompile(`(?m)^(subnets|options|lease|shared-networks|booking|option-definitions):`)
	found := 0
	err := filepath.WalkDir("../..", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && name != "../.." && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".md") {
			return nil
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, m := range block.FindAllStringSubmatch(string(src), -1) {
			if !replicated.MatchString(m[1]) {
				continue
			}
			found++
			if _, problems := configfile.Decode(filepath.Base(name), []byte(m[1])); len(problems) > 0 {
				t.Errorf("%s: %v", name, problems)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found == 0 {
		t.Error("no example found: is the README without one?")
	}
}

// Documents show names and addresses that belong to nobody, and no place on the machine they were written on.
func TestProse_ExampleNames(t *testing.T) {
	names := regexp.MustCompile(`\b[a-z0-9-]+\.(example\.(com|net)|mycompany\.com|foo\.com)\b`)
	r := load(t)
	r.comments(func(f *file, line int, text string) {
		if n := names.FindString(text); n != "" {
			t.Errorf("%s:%d: %s: examples are in example.org", f.path, line, n)
		}
	})
}
