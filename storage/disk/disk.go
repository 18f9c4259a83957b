// Package disk is where a node keeps what it remembers: the data folder with its identity, the log and the
// snapshots. It keeps bytes, not meaning.
//
//	DIR/           0700
//	  format       which layout this is; written last, so that a folder that has it is complete
//	  lock         held as long as a process uses the folder
//	  …            small files: identity, certificates; written whole or not at all, 0600
//	  log.db       the log and the votes (bbolt)
//	  reserve      room set aside for when the disk is full
//	  snapshots/   the newest three
//
// This package is a shell.
package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	formatFile  = "format"
	lockFile    = "lock"
	logFile     = "log.db"
	reserveFile = "reserve"
	formatText  = "port67 data 1\n"
)

// The errors of opening a folder, by what the caller should do about them.
var (
	// ErrNone means that the folder belongs to no node yet.
	ErrNone = errors.New("no node lives here")
	// ErrTaken means that the folder belongs to a node already.
	ErrTaken = errors.New("a node lives here already")
	// ErrInUse means that another process has the folder open.
	ErrInUse = errors.New("in use by another process")
)

// Folder is an open data folder. It is locked against other processes until Close.
type Folder struct {
	dir  string
	lock *os.File
	// Of Create, for Discard: whether it made the folder itself, and what lay in it before.
	made   bool
	before map[string]bool
}

// Create begins a new data folder at dir and locks it. The folder is a node's only after Seal; until then
// Discard takes away what Create and WriteFile made. Errors may be ErrTaken and ErrInUse.
func Create(dir string) (*Folder, error) {
	f := &Folder{dir: dir}
	switch _, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("data folder %s: %w", dir, err)
		}
		f.made = true
	case err != nil:
		return nil, fmt.Errorf("data folder %s: %w", dir, err)
	}
	if _, err := os.Stat(f.Path(formatFile)); err == nil {
		return nil, fmt.Errorf("data folder %s: %w; choose another one, or remove it if that node is gone "+
			"for ever", dir, ErrTaken)
	}
	if _, err := os.Stat(f.Path(logFile)); err == nil {
		return nil, fmt.Errorf("data folder %s: holds a log but no finished node; empty the folder and "+
			"start again", dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("data folder %s: %w", dir, err)
	}
	f.before = make(map[string]bool, len(entries))
	for _, e := range entries {
		f.before[e.Name()] = true
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder %s: %w", dir, err)
	}
	if err := f.acquire(); err != nil {
		return nil, err
	}
	return f, nil
}

// Open opens the data folder of a node and locks it. Errors may be ErrNone and ErrInUse.
func Open(dir string) (*Folder, error) {
	f := &Folder{dir: dir}
	text, err := os.ReadFile(f.Path(formatFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("data folder %s: %w; make one with init or join", dir, ErrNone)
	case err != nil:
		return nil, fmt.Errorf("data folder %s: %w", dir, err)
	case string(text) != formatText:
		return nil, fmt.Errorf("data folder %s: format %q, this release reads %q; run the release that wrote it",
			dir, strings.TrimSpace(string(text)), strings.TrimSpace(formatText))
	}
	if err := f.acquire(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *Folder) acquire() error {
	file, err := os.OpenFile(f.Path(lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("data folder %s: %w", f.dir, err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return fmt.Errorf("data folder %s: %w; stop that process first", f.dir, ErrInUse)
		}
		return fmt.Errorf("data folder %s: lock: %w", f.dir, err)
	}
	f.lock = file
	return nil
}

// Seal makes the folder a node's: everything written so far is durable before it returns.
func (f *Folder) Seal() error { return f.WriteFile(formatFile, []byte(formatText)) }

// Discard removes what was made since Create, and closes the folder. It must not be called after Seal.
func (f *Folder) Discard() error {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return fmt.Errorf("data folder %s: %w", f.dir, err)
	}
	for _, e := range entries {
		if f.before[e.Name()] {
			continue
		}
		if err := os.RemoveAll(f.Path(e.Name())); err != nil {
			return fmt.Errorf("data folder %s: %w", f.dir, err)
		}
	}
	if f.made {
		if err := os.Remove(f.dir); err != nil {
			return fmt.Errorf("data folder %s: %w", f.dir, err)
		}
	}
	return f.Close()
}

// Close unlocks the folder. The log must be closed before.
func (f *Folder) Close() error { return f.lock.Close() }

// Dir returns where the folder is.
func (f *Folder) Dir() string { return f.dir }

// Path returns where file name of the folder is.
func (f *Folder) Path(name string) string { return filepath.Join(f.dir, name) }

// ReadFile reads one of the small files.
func (f *Folder) ReadFile(name string) ([]byte, error) {
	b, err := os.ReadFile(f.Path(name))
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	return b, nil
}

// WriteFile writes one of the small files, whole or not at all, readable by the owner only. The content is
// durable when WriteFile returns.
func (f *Folder) WriteFile(name string, content []byte) error {
	temp, err := os.CreateTemp(f.dir, name+".new-*")
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	err = writeSynced(temp, content)
	if err == nil {
		err = os.Rename(temp.Name(), f.Path(name))
	}
	if err == nil {
		err = f.sync()
	}
	if err != nil {
		_ = os.Remove(temp.Name())
		return fmt.Errorf("data folder: %s: %w", name, err)
	}
	return nil
}

// Remove removes one of the small files; it is no error if there is none.
func (f *Folder) Remove(name string) error {
	if err := os.Remove(f.Path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("data folder: %w", err)
	}
	return f.sync()
}

// Has says whether there is a file name in the folder.
func (f *Folder) Has(name string) bool {
	_, err := os.Stat(f.Path(name))
	return err == nil
}

func (f *Folder) sync() error {
	d, err := os.Open(f.dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func writeSynced(file *os.File, content []byte) error {
	_, err := file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return err
}
