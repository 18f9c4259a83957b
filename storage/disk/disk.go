// Package disk is where a node keeps what it remembers: the data folder with its identity, the log, the
// snapshots and the journal. It keeps bytes, not meaning.
//
//	DIR/           0700
//	  format       which layout this is; written last, so that a folder that has it is complete
//	  lock         held as long as a process uses the folder
//	  …            small files: identity, certificates; written whole or not at all, 0600
//	  log.db       the log and the votes (bbolt)
//	  reserve      room set aside for when the disk is full
//	  set-aside-…/ log and snapshots of the node that this one has replaced; for people to look at
//	  journal/     what happened to leases, in segments; may be lost without harm to the service
//	  snapshots/   the newest three; 0700, for the library that writes them leaves them open to read
//
// This package is a shell.
package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
	dir     string
	lock    *os.File
	warning string
	fresh   *fresh // from Create to Seal
}

// fresh is what Create and its followers have made and changed, so that Discard can take exactly that back.
type fresh struct {
	folders []string // outermost first, the data folder last if it was not there
	files   map[string]bool
	mode    fs.FileMode // the folder's own, if remode
	remode  bool
}

// Create begins a new data folder at dir and locks it. A folder that is there already must be empty. It is a
// node's only after Seal; until then Discard takes away what was made. Errors may be ErrTaken and ErrInUse;
// after any error the disk is as it was.
func Create(dir string) (*Folder, error) {
	f := &Folder{dir: dir, fresh: &fresh{files: map[string]bool{}}}
	err := f.makeFolders()
	if err == nil {
		err = f.occupy()
	}
	if err == nil {
		return f, nil
	}
	if undone := f.Discard(); undone != nil {
		err = fmt.Errorf("%w; and %v", err, undone)
	}
	return nil, err
}

// makeFolders makes the data folder, and those above it that are missing.
func (f *Folder) makeFolders() error {
	var missing []string
	for dir := filepath.Clean(f.dir); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil {
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("data folder %s: %w", f.dir, err)
		}
		missing = append(missing, dir)
	}
	for _, dir := range slices.Backward(missing) {
		err := os.Mkdir(dir, 0o700)
		if errors.Is(err, fs.ErrExist) {
			continue // Somebody else was faster, so it is not for us to remove.
		}
		if err != nil {
			return fmt.Errorf("data folder %s: %w", f.dir, err)
		}
		f.fresh.folders = append(f.fresh.folders, dir)
	}
	return nil
}

// occupy locks the folder, if it is fit for a new node, and closes it to others. It looks before it locks, so
// that nothing is written to a folder of somebody else, and again behind the lock, because another process
// may have finished meanwhile.
func (f *Folder) occupy() error {
	switch _, err := os.Lstat(f.Path(lockFile)); {
	case errors.Is(err, fs.ErrNotExist):
		if err := f.checkEmpty(); err != nil {
			return err
		}
	case f.Has(formatFile):
		return f.checkEmpty()
	}
	if err := f.acquire(); err != nil {
		return err
	}
	if err := f.checkEmpty(); err != nil {
		return err
	}
	info, err := os.Stat(f.dir)
	if err != nil {
		return fmt.Errorf("data folder %s: %w", f.dir, err)
	}
	if info.Mode().Perm() == 0o700 {
		return nil
	}
	if err := os.Chmod(f.dir, 0o700); err != nil {
		return fmt.Errorf("data folder %s: %w", f.dir, err)
	}
	f.fresh.mode, f.fresh.remode = info.Mode(), true
	return nil
}

// checkEmpty says why the folder is not fit for a new node, nil if it is.
func (f *Folder) checkEmpty() error {
	if f.Has(formatFile) {
		return fmt.Errorf("data folder %s: %w; choose another one, or remove it if that node is gone for ever",
			f.dir, ErrTaken)
	}
	if f.Has(logFile) {
		return fmt.Errorf("data folder %s: holds a log but no finished node; empty the folder and start again",
			f.dir)
	}
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return fmt.Errorf("data folder %s: %w", f.dir, err)
	}
	for _, e := range entries {
		if e.Name() != lockFile && e.Name() != "lost+found" {
			return fmt.Errorf("data folder %s: is not empty, it holds %s: choose an empty folder", f.dir, e.Name())
		}
	}
	return nil
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
	err = f.shut()
	if err == nil {
		err = f.finishReplace(func() error { return nil })
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// shut closes the folder to everybody but its owner: the cluster's keys are in it.
func (f *Folder) shut() error {
	info, err := os.Stat(f.dir)
	if err != nil {
		return fmt.Errorf("data folder %s: %w", f.dir, err)
	}
	mode := info.Mode().Perm()
	if mode == 0o700 {
		return nil
	}
	if err := os.Chmod(f.dir, 0o700); err != nil {
		return fmt.Errorf("data folder %s: mode %#o, must be 0700, as the cluster's keys are in it: %w",
			f.dir, mode, err)
	}
	f.warning = fmt.Sprintf("data folder %s: mode was %#o, set to 0700", f.dir, mode)
	if mode&0o077 != 0 {
		f.warning += "; others on this host may have read the cluster's keys"
	}
	return nil
}

// Warning returns what Open had to put right and operators should know of, empty if there was nothing.
func (f *Folder) Warning() string { return f.warning }

func (f *Folder) acquire() error {
	file, err := os.OpenFile(f.Path(lockFile), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	made := err == nil
	if errors.Is(err, fs.ErrExist) {
		file, err = os.OpenFile(f.Path(lockFile), os.O_RDWR|unix.O_NOFOLLOW, 0)
	}
	if err != nil {
		return fmt.Errorf("data folder %s: %w", f.dir, err)
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil && !f.isLock(file) {
		err = unix.EWOULDBLOCK // Whoever had it has just removed it; what is locked is no lock any more.
	}
	if err != nil {
		_ = file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return fmt.Errorf("data folder %s: %w; stop that process first", f.dir, ErrInUse)
		}
		return fmt.Errorf("data folder %s: lock: %w", f.dir, err)
	}
	f.lock = file
	if made {
		f.made(lockFile)
	}
	return nil
}

// isLock says whether file is still the folder's lock file.
func (f *Folder) isLock(file *os.File) bool {
	opened, err := file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(f.Path(lockFile))
	return err == nil && os.SameFile(opened, named)
}

// made notes that entry name of the folder is ours, for Discard.
func (f *Folder) made(name string) {
	if f.fresh != nil {
		f.fresh.files[name] = true
	}
}

// Seal makes the folder a node's: everything written so far is durable before it returns.
func (f *Folder) Seal() error {
	for _, dir := range f.fresh.folders {
		if err := syncDir(filepath.Dir(dir)); err != nil {
			return fmt.Errorf("data folder %s: %w", f.dir, err)
		}
	}
	if err := f.WriteFile(formatFile, []byte(formatText)); err != nil {
		return err
	}
	f.fresh = nil
	return nil
}

// Discard takes back what was made and changed since Create, and nothing else, and closes the folder. It must
// not be called after Seal has returned nil. The lock goes last, so that nobody else begins in between.
func (f *Folder) Discard() error {
	var errs []error
	for name := range f.fresh.files {
		if name != lockFile {
			errs = append(errs, os.RemoveAll(f.Path(name)))
		}
	}
	if f.fresh.remode {
		errs = append(errs, os.Chmod(f.dir, f.fresh.mode))
	}
	if f.fresh.files[lockFile] {
		errs = append(errs, os.Remove(f.Path(lockFile)))
	}
	for _, dir := range slices.Backward(f.fresh.folders) {
		err := os.Remove(dir)
		if errors.Is(err, unix.ENOTEMPTY) {
			break // Somebody else uses it by now.
		}
		errs = append(errs, err)
	}
	if f.lock != nil {
		errs = append(errs, f.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("data folder %s: not all of it taken back: %w", f.dir, err)
	}
	return nil
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
	f.made(name)
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

func (f *Folder) sync() error { return syncDir(f.dir) }

func syncDir(dir string) error {
	d, err := os.Open(dir)
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
