package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// How a folder becomes another node's. The new node's small files gather in nextNew, which becomes nextDir
// in one step: before it the folder is the old node's, after it the new one's, whatever happens. All that is
// left to do then can be done again from the beginning, and Open does it before anything else.
const (
	nextNew     = "next.new"
	nextDir     = "next"
	asideList   = "aside"      // in nextDir: the name of the folder for what is set aside, then what that is
	asidePrefix = "set-aside-" // and the old node's name; one is kept, as evidence
)

// Replace makes the folder that of another node, with these small files beside those it has, at the next
// Open. The log, the snapshots and what else aside names are set aside in a folder that has old in its name;
// the one of an earlier Replace is removed. After an error the folder may be either the old node's or the new
// one's; the next Open tells.
func (f *Folder) Replace(old string, files map[string][]byte, aside ...string) error {
	return f.replace(old, files, aside, func() error { return nil })
}

// replace is Replace; before is called before each change on the disk, so that tests can pull the plug.
func (f *Folder) replace(old string, files map[string][]byte, aside []string, before func() error) error {
	lines := append([]string{asidePrefix + old, logFile, snapshotsDir}, aside...)
	for name := range files {
		if slices.Contains(lines, name) || name == asideList {
			return fmt.Errorf("data folder %s: %s: cannot be set aside and be there", f.dir, name)
		}
	}
	next := Folder{dir: f.Path(nextNew)}
	steps := []func() error{
		func() error { return os.RemoveAll(next.dir) },
		func() error { return os.Mkdir(next.dir, 0o700) },
		func() error { return next.WriteFile(asideList, []byte(strings.Join(lines, "\n"))) },
	}
	for name, content := range files {
		steps = append(steps, func() error { return next.WriteFile(name, content) })
	}
	steps = append(steps,
		func() error { return os.Rename(next.dir, f.Path(nextDir)) },
		f.sync)
	return f.inSteps(steps, before)
}

// finishReplace does what a Replace has left to do. before is that of replace.
func (f *Folder) finishReplace(before func() error) error {
	if !f.Has(nextDir) {
		return os.RemoveAll(f.Path(nextNew))
	}
	list, err := os.ReadFile(f.Path(nextDir + "/" + asideList))
	if errors.Is(err, fs.ErrNotExist) { // All of it is in place already.
		return f.inSteps([]func() error{func() error { return os.RemoveAll(f.Path(nextDir)) }, f.sync}, before)
	}
	if err != nil {
		return fmt.Errorf("data folder %s: %w", f.dir, err)
	}
	names := strings.Split(string(list), "\n")
	steps, err := f.clearAside(names[0])
	if err != nil {
		return err
	}
	for _, name := range names[1:] {
		steps = append(steps, func() error { return f.move(name, names[0]+"/"+name) })
	}
	steps = append(steps, func() error { return syncDir(f.Path(names[0])) }, f.sync)
	entries, err := os.ReadDir(f.Path(nextDir))
	if err != nil {
		return fmt.Errorf("data folder %s: %w", f.dir, err)
	}
	for _, e := range entries {
		if name := e.Name(); name != asideList {
			steps = append(steps, func() error { return f.move(nextDir+"/"+name, name) })
		}
	}
	steps = append(steps, f.sync,
		func() error { return os.Remove(f.Path(nextDir + "/" + asideList)) },
		func() error { return os.RemoveAll(f.Path(nextDir)) },
		f.sync)
	return f.inSteps(steps, before)
}

// clearAside returns the steps that remove what was set aside earlier and make room under name.
func (f *Folder) clearAside(name string) ([]func() error, error) {
	earlier, err := filepath.Glob(f.Path(asidePrefix + "*"))
	if err != nil {
		return nil, fmt.Errorf("data folder %s: %w", f.dir, err)
	}
	var steps []func() error
	for _, dir := range earlier {
		if filepath.Base(dir) != name {
			steps = append(steps, func() error { return os.RemoveAll(dir) })
		}
	}
	return append(steps, func() error {
		err := os.Mkdir(f.Path(name), 0o700)
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}), nil
}

// move renames an entry of the folder, if it is still where it was.
func (f *Folder) move(from, to string) error {
	err := os.Rename(f.Path(from), f.Path(to))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (f *Folder) inSteps(steps []func() error, before func() error) error {
	for _, step := range steps {
		err := before()
		if err == nil {
			err = step()
		}
		if err != nil {
			return fmt.Errorf("data folder %s: another node in its place: %w", f.dir, err)
		}
	}
	return nil
}
