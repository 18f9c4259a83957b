package disk

import (
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Space is how much room a file system has for a process that is not root.
type Space struct {
	Free, Total uint64 // octets
}

// Space asks the file system that the folder is on.
func (f *Folder) Space() (Space, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(f.dir, &s); err != nil {
		return Space{}, fmt.Errorf("data folder %s: free space: %w", f.dir, err)
	}
	size := uint64(s.Bsize)
	return Space{Free: s.Bavail * size, Total: s.Blocks * size}, nil
}

// Reserve sets size octets of the file system aside, so that they can be given back, with size 0, when the
// log needs them most. It does nothing if as much is set aside already.
func (f *Folder) Reserve(size int64) error {
	if size == 0 {
		return f.Remove(reserveFile)
	}
	if info, err := os.Stat(f.Path(reserveFile)); err == nil && info.Size() == size {
		return nil
	}
	f.made(reserveFile)
	file, err := os.OpenFile(f.Path(reserveFile), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("data folder %s: reserve: %w", f.dir, err)
	}
	defer file.Close()
	if err := unix.Fallocate(int(file.Fd()), 0, 0, size); err != nil {
		_ = os.Remove(file.Name())
		return fmt.Errorf("data folder %s: reserve: %w", f.dir, err)
	}
	return nil
}

// SyncTime is how long the disk takes to make a small write durable.
type SyncTime struct {
	Median, P99 time.Duration
}

// MeasureSync writes and syncs 4 KiB up to count times, for at most limit.
func (f *Folder) MeasureSync(count int, limit time.Duration) (SyncTime, error) {
	file, err := os.CreateTemp(f.dir, "fsync-*")
	if err != nil {
		return SyncTime{}, fmt.Errorf("data folder %s: sync time: %w", f.dir, err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	block := make([]byte, 4096)
	var took []time.Duration
	for begun := time.Now(); len(took) < count && (len(took) == 0 || time.Since(begun) < limit); {
		start := time.Now()
		if _, err := file.WriteAt(block, 0); err != nil {
			return SyncTime{}, fmt.Errorf("data folder %s: sync time: %w", f.dir, err)
		}
		if err := unix.Fdatasync(int(file.Fd())); err != nil {
			return SyncTime{}, fmt.Errorf("data folder %s: sync time: %w", f.dir, err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return SyncTime{Median: took[len(took)/2], P99: took[(len(took)*99-1)/100]}, nil
}
