package tidy

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// pureStd is what a pure package may import of the standard library: nothing in it depends on time, chance,
// scheduling or the machine.
var pureStd = []string{
	"bytes", "cmp", "container/heap", "crypto/sha256", "encoding/binary", "encoding/hex", "errors", "fmt", "hash/crc32",
	"hash/fnv", "io", "iter", "maps", "math", "math/bits", "net/netip", "slices", "sort", "strconv", "strings",
	"unicode", "unicode/utf8",
}

// pureMore is what single pure packages may import beyond that.
var pureMore = []struct{ dir, path, why string }{
	{"storage/config", "encoding/json", "the form of a Config in log and snapshots; depends on its input alone (adr/0002)"},
}

func TestPurity_Imports(t *testing.T) {
	r := load(t)
	for _, row := range table {
		if row.kind != pure {
			continue
		}
		for _, f := range r.in(row.dir) {
			for _, p := range f.imports() {
				if foreign(p) || strings.HasPrefix(p, module+"/") || slices.Contains(pureStd, p) {
					continue
				}
				allowed := false
				for _, m := range pureMore {
					allowed = allowed || m.dir == row.dir && m.path == p
				}
				if !allowed {
					t.Errorf("%s imports %s: a pure package may not", f.path, p)
				}
			}
		}
	}
	var pures []string
	for _, row := range table {
		if row.kind == pure {
			pures = append(pures, row.dir)
		}
	}
	for _, row := range table {
		for _, to := range row.ours {
			if row.kind == pure && !slices.Contains(pures, to) {
				t.Errorf("%s may import %s, which is not pure", row.dir, to)
			}
		}
	}
}

func TestPurity_NoWordsOfConcurrency(t *testing.T) {
	r := load(t)
	for _, row := range table {
		if row.kind != pure {
			continue
		}
		for _, f := range r.in(row.dir) {
			ast.Inspect(f.ast, func(n ast.Node) bool {
				word := ""
				switch n := n.(type) {
				case *ast.GoStmt:
					word = "go"
				case *ast.ChanType:
					word = "chan"
				case *ast.SelectStmt:
					word = "select"
				case *ast.SendStmt:
					word = "<-"
				case *ast.UnaryExpr:
					if n.Op == token.ARROW {
						word = "<-"
					}
				}
				if word != "" {
					t.Errorf("%s: %s in a pure package", r.fset.Position(n.Pos()), word)
				}
				return true
			})
		}
	}
}

// The spine starts no goroutine and opens nothing, and holds its locks in one package.
func TestPurity_SpineStartsNothing(t *testing.T) {
	r := load(t)
	banned := []string{"net", "net/http", "os", "math/rand", "math/rand/v2", "crypto/rand", "syscall", "runtime", "unsafe"}
	for _, row := range table {
		if row.kind != spine && row.kind != codec {
			continue
		}
		for _, f := range r.in(row.dir) {
			for _, p := range f.imports() {
				if slices.Contains(banned, p) {
					t.Errorf("%s imports %s: neither a spine nor a codec may", f.path, p)
				}
			}
			ast.Inspect(f.ast, func(n ast.Node) bool {
				if _, ok := n.(*ast.GoStmt); ok {
					t.Errorf("%s: go in a %s", r.fset.Position(n.Pos()), row.dir)
				}
				return true
			})
		}
	}
}

// TestPurity_Types finds what needs the types: floats, the order of a map, package variables that change.
func TestPurity_Types(t *testing.T) {
	r := load(t)
	imports := exportData(t)
	for _, row := range table {
		if row.kind != pure {
			continue
		}
		files := r.in(row.dir)
		info := &types.Info{
			Types: make(map[ast.Expr]types.TypeAndValue),
			Uses:  make(map[*ast.Ident]types.Object),
			Defs:  make(map[*ast.Ident]types.Object),
		}
		conf := types.Config{Importer: imports(r.fset)}
		var parsed []*ast.File
		for _, f := range files {
			parsed = append(parsed, f.ast)
		}
		pkg, err := conf.Check(module+"/"+row.dir, r.fset, parsed, info)
		if err != nil {
			t.Fatalf("%s: %v", row.dir, err)
		}
		c := &checker{t: t, repo: r, info: info, pkg: pkg}
		for _, f := range files {
			c.marks = marksOf(r.fset, f.ast)
			ast.Inspect(f.ast, c.node)
		}
	}
}

// exportData returns a maker of importers that read what the compiler wrote about the packages.
func exportData(t *testing.T) func(*token.FileSet) types.Importer {
	t.Helper()
	args := []string{"list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}"}
	for _, row := range table {
		if row.kind == pure {
			args = append(args, "./"+row.dir)
		}
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = "../.."
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	at := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		path, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		at[path] = name
	}
	return func(fset *token.FileSet) types.Importer {
		return importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
			if at[path] == "" {
				return nil, fmt.Errorf("no export data for %s", path)
			}
			return os.Open(at[path])
		})
	}
}

// mark is the comment that excuses a range over a map: //tidy:sorted and the reason why the order does not
// matter, on the line before or at the end of the line.
const mark = "//tidy:sorted "

func marksOf(fset *token.FileSet, f *ast.File) map[int]bool {
	out := make(map[int]bool)
	for _, g := range f.Comments {
		for _, c := range g.List {
			if strings.HasPrefix(c.Text, mark) {
				line := fset.Position(c.Pos()).Line
				out[line], out[line+1] = true, true
			}
		}
	}
	return out
}

// checker looks at one package with its types.
type checker struct {
	t     *testing.T
	repo  *repo
	info  *types.Info
	pkg   *types.Package
	marks map[int]bool
	// sorted are the calls whose result goes straight into a sort.
	sorted []ast.Node
}

func (c *checker) errorf(n ast.Node, format string, args ...any) {
	c.t.Errorf("%s: %s", c.repo.fset.Position(n.Pos()), fmt.Sprintf(format, args...))
}

func (c *checker) node(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.RangeStmt:
		if _, isMap := c.info.TypeOf(n.X).Underlying().(*types.Map); isMap && n.Key != nil {
			if !c.marks[c.repo.fset.Position(n.Pos()).Line] {
				c.errorf(n, "range over a map: sort its keys first, or say %sREASON", mark)
			}
		}
	case *ast.CallExpr:
		c.call(n)
	case *ast.AssignStmt:
		for _, l := range n.Lhs {
			c.assigned(l)
		}
	case *ast.IncDecStmt:
		c.assigned(n.X)
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			c.assigned(n.X)
		}
	}
	if e, ok := n.(ast.Expr); ok {
		c.float(e)
	}
	return true
}

// call finds iterators over maps that do not go straight into a sort.
func (c *checker) call(n *ast.CallExpr) {
	switch name := c.callee(n); name {
	case "slices.Sorted", "slices.SortedFunc", "slices.SortedStableFunc":
		if len(n.Args) > 0 {
			c.sorted = append(c.sorted, n.Args[0])
		}
	case "maps.Keys", "maps.Values", "maps.All":
		if !slices.Contains(c.sorted, ast.Node(n)) && !c.marks[c.repo.fset.Position(n.Pos()).Line] {
			c.errorf(n, "%s outside slices.Sorted: the order of a map decides nothing", name)
		}
	}
}

func (c *checker) callee(n *ast.CallExpr) string {
	s, ok := n.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	f, ok := c.info.Uses[s.Sel].(*types.Func)
	if !ok || f.Pkg() == nil {
		return ""
	}
	return f.Pkg().Path() + "." + f.Name()
}

// assigned finds changes of package-level variables: tables are made once and never touched.
func (c *checker) assigned(e ast.Expr) {
	for {
		switch x := e.(type) {
		case *ast.IndexExpr:
			e = x.X
			continue
		case *ast.SelectorExpr:
			e = x.X
			continue
		case *ast.StarExpr:
			e = x.X
			continue
		case *ast.ParenExpr:
			e = x.X
			continue
		case *ast.Ident:
			if v, ok := c.info.Uses[x].(*types.Var); ok && v.Parent() == c.pkg.Scope() {
				c.errorf(e, "package variable %s is changed, or its address is given away", v.Name())
			}
		}
		return
	}
}

func (c *checker) float(e ast.Expr) {
	tv, ok := c.info.Types[e]
	if !ok || tv.Type == nil {
		return
	}
	if b, ok := tv.Type.Underlying().(*types.Basic); ok && b.Info()&(types.IsFloat|types.IsComplex) != 0 {
		c.errorf(e, "a float: its rounding may differ between machines")
	}
}
