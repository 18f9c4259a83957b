package tidy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the path that begins the import paths of our own packages.
const module = "port67"

// repo is every Go file of the repository.
type repo struct {
	root  string
	fset  *token.FileSet
	files []*file
}

// file is one Go file. Its path is relative to the root of the repository, with slashes.
type file struct {
	path string
	src  string
	ast  *ast.File
}

func (f *file) dir() string     { return filepath.ToSlash(filepath.Dir(f.path)) }
func (f *file) test() bool      { return strings.HasSuffix(f.path, "_test.go") }
func (f *file) generated() bool { return ast.IsGenerated(f.ast) }

// imports returns the import paths of f.
func (f *file) imports() []string {
	var out []string
	for _, s := range f.ast.Imports {
		if p, err := strconv.Unquote(s.Path.Value); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// load parses every Go file of the repository, whatever its build tags.
func load(t *testing.T) *repo {
	t.Helper()
	r := &repo{root: filepath.Join("..", ".."), fset: token.NewFileSet()}
	err := filepath.WalkDir(r.root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if name != r.root && (strings.HasPrefix(base, ".") || base == "testdata" || base == "bin" || base == "build") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") {
			return nil
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(r.root, name)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(r.fset, filepath.ToSlash(rel), src, parser.ParseComments)
		if err != nil {
			return err
		}
		r.files = append(r.files, &file{path: filepath.ToSlash(rel), src: string(src), ast: parsed})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.files) == 0 {
		t.Fatal("no Go files found")
	}
	return r
}

// packages returns the folders that hold product or test machinery, not only tests, in order.
func (r *repo) packages() []string {
	var out []string
	for _, f := range r.files {
		if !f.test() && !slices.Contains(out, f.dir()) {
			out = append(out, f.dir())
		}
	}
	slices.Sort(out)
	return out
}

// in returns the files of one folder that are not tests.
func (r *repo) in(dir string) []*file {
	var out []*file
	for _, f := range r.files {
		if f.dir() == dir && !f.test() {
			out = append(out, f)
		}
	}
	return out
}

// ours returns what of ours the files import, as folders, in order and each once.
func ours(files []*file) []string {
	var out []string
	for _, f := range files {
		for _, p := range f.imports() {
			if dir, ok := strings.CutPrefix(p, module+"/"); ok && !slices.Contains(out, dir) {
				out = append(out, dir)
			}
		}
	}
	slices.Sort(out)
	return out
}

// foreign says whether an import path is neither ours nor the standard library's.
func foreign(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return strings.Contains(first, ".")
}

// covered says whether path is one of patterns, or below one that ends in /...
func covered(path string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if tree, ok := strings.CutSuffix(p, "/..."); ok {
			return path == tree || strings.HasPrefix(path, tree+"/")
		}
		return path == p
	})
}
