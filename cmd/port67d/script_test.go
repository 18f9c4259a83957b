package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"port67d": func() { os.Exit(execute(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// The commands do what their help says, and bad input changes nothing.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			for _, name := range []string{"data", "other"} {
				text := fmt.Sprintf("name: n1\ndata: %s\npeer: {listen: \"127.0.0.1:6701\"}\nallow-slow-disk: on\n",
					filepath.Join(env.WorkDir, name))
				file := map[string]string{"data": "node.yaml", "other": "other.yaml"}[name]
				if err := os.WriteFile(filepath.Join(env.WorkDir, file), []byte(text), 0o600); err != nil {
					return err
				}
			}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"secret": secret},
	})
}

// secret DIR fails if anybody but the owner can enter DIR or a folder in it, or could read a file below if
// that were not so.
func secret(ts *testscript.TestScript, _ bool, args []string) {
	err := filepath.WalkDir(ts.MkAbs(args[0]), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			err = fmt.Errorf("%s: mode %v", path, info.Mode().Perm())
		}
		return err
	})
	ts.Check(err)
}
