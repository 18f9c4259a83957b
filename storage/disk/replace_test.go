package disk

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// errPlug is the plug being pulled.
var errPlug = errors.New("no power")

// pullAt returns a function that pulls the plug before change n, and for good.
func pullAt(n int) func() error {
	return func() error {
		if n--; n < 0 {
			return errPlug
		}
		return nil
	}
}

// inhabited makes a node's folder with a log and snapshots, and something set aside long ago.
func inhabited(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	f, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"node-id": "old", "node.pem": "old", "ca.crt": "ca", "drained": ""} {
		if err := f.WriteFile(name, []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{snapshotsDir, asidePrefix + "older"} {
		if err := os.MkdirAll(f.Path(d+"/1"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.WriteFile(logFile, []byte("old")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Seal(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// contents returns the files and folders of dir, with what the files hold.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		if name == "." || name == lockFile || name == formatFile {
			return nil
		}
		if d.IsDir() {
			out[name] = "folder"
			return nil
		}
		b, err := os.ReadFile(path)
		out[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var (
	asOld = map[string]string{
		"node-id": "old", "node.pem": "old", "ca.crt": "ca", "drained": "", "log.db": "old", "snapshots": "folder",
		"snapshots/1": "folder", "set-aside-older": "folder", "set-aside-older/1": "folder",
	}
	asNew = map[string]string{
		"node-id": "new", "node.pem": "new", "ca.crt": "ca", "set-aside-old": "folder", "set-aside-old/log.db": "old",
		"set-aside-old/drained": "", "set-aside-old/snapshots": "folder", "set-aside-old/snapshots/1": "folder",
	}
)

// TestReplace_ACrashAtAnyPointLeavesOneOfTheTwo pulls the plug before every change on the disk, of Replace and
// of the Open behind it, and once more while the next Open mends it.
func TestReplace_ACrashAtAnyPointLeavesOneOfTheTwo(t *testing.T) {
	files := map[string][]byte{"node-id": []byte("new"), "node.pem": []byte("new")}
	begun := false
	for first, done := 0, false; !done; first++ {
		dir := inhabited(t)
		f, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		err = f.replace("old", files, []string{"drained"}, pullAt(first))
		done = err == nil
		_ = f.Close()
		begun = begun || err == nil || f.Has(nextDir)
		want := asOld
		if f.Has(nextDir) {
			want = asNew
		}
		for second, finished := 0, false; !finished; second++ {
			crashed := filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(crashed, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			g := &Folder{dir: crashed}
			finished = g.finishReplace(pullAt(second)) == nil
			if opened, err := Open(crashed); err != nil {
				t.Fatalf("crashes before changes %d and %d: %v", first, second, err)
			} else {
				_ = opened.Close()
			}
			if diff := cmp.Diff(want, contents(t, crashed)); diff != "" {
				t.Errorf("crashes before changes %d and %d: want (-), got (+):\n%s", first, second, diff)
			}
		}
	}
	if !begun {
		t.Error("the folder never became the new node's")
	}
}

func TestReplace_WhatIsSetAsideCannotBeThere(t *testing.T) {
	f, err := Open(inhabited(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Replace("old", map[string][]byte{"drained": nil}, "drained"); err == nil {
		t.Error("no error")
	}
	if diff := cmp.Diff(asOld, contents(t, f.Dir())); diff != "" {
		t.Errorf("changed:\n%s", diff)
	}
}
