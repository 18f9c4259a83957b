package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

const (
	journalDir = "journal"
	// journalPendingMax is how many octets wait in memory for a slow disk before frames are lost,
	// journalWake how many are worth waking the writer for.
	journalPendingMax = 8 << 20
	journalWake       = 64 << 10
	// journalSpareMax is how much memory is kept for the next frames after a flood.
	journalSpareMax = 1 << 20
	// A journal has so many segments; the oldest goes when there are too many octets.
	journalSegments   = 64
	journalSegmentMin = 64 << 10
)

// ErrDamaged means that a segment cannot be read beyond some place.
var ErrDamaged = errors.New("damaged")

// Room is how much a journal may write.
type Room int32

// How much room there is.
const (
	RoomEnough Room = iota // up to the journal's limit
	RoomTight              // no more than it has by now: what is new displaces what is old
	RoomNone               // nothing
)

// Journal is frames of octets by ascending index, in segments of which the oldest is given up when there are
// too many. It is no second log: it never fails its caller, and writes and syncs when its owner has time.
// What the disk does not take is counted, and a frame that says so stands in its place.
//
// Append takes a frame into memory; Flush writes. A frame whose index is not above the last one's is known
// already and left out, so that a log may be replayed.
type Journal struct {
	dir   string
	limit int64
	wake  chan struct{}

	mu      sync.Mutex
	last    Stamp // of the last frame taken, lost ones included
	pending []byte
	frames  uint64 // in pending, without marks and gaps
	gaps    uint64 // frames that gaps in pending count as lost
	lost    loss
	lostAll uint64 // since the journal was opened
	room    Room

	// What follows belongs to whoever holds writing, which may take as long as the disk does.
	writing  sync.Mutex
	spare    []byte
	file     *os.File
	size     int64 // of the newest segment
	written  Stamp // of the last frame in it
	segments []Segment
}

// loss is a row of frames that the disk did not take.
type loss struct {
	count uint64
	from  Stamp // of the last frame before them
	to    Stamp // of the last of them
}

// Segment is one file of a journal.
type Segment struct {
	First Stamp // of its first frame
	// Gap says that its first frame stands for missing ones, which may be much older.
	Gap  bool
	path string
	seq  uint64
	size int64
}

// Journal opens the folder's journal, or begins one. It keeps limit octets at most. A torn end, as a crash
// leaves it, is cut off: what stood there is in the log still, because a journal is flushed before the log is
// trimmed.
func (f *Folder) Journal(limit int64) (*Journal, error) {
	f.made(journalDir)
	j := &Journal{dir: f.Path(journalDir), limit: limit, wake: make(chan struct{}, 1)}
	if err := os.Mkdir(j.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("data folder %s: journal: %w", f.dir, err)
	}
	if err := j.open(); err != nil {
		return nil, fmt.Errorf("data folder %s: journal: %w", f.dir, err)
	}
	return j, nil
}

// open finds the segments and the end of the newest.
func (j *Journal) open() error {
	paths, err := filepath.Glob(filepath.Join(j.dir, "*.seg"))
	if err != nil {
		return err
	}
	slices.Sort(paths) // Their numbers have all the same length.
	for _, path := range paths {
		s, err := openSegment(path)
		if err != nil {
			return err
		}
		j.segments = append(j.segments, s)
	}
	for n := len(j.segments); n > 0; n-- {
		s := &j.segments[n-1]
		end, last, err := s.end()
		if err != nil {
			return err
		}
		if end > 0 {
			if err := os.Truncate(s.path, end); err != nil {
				return err
			}
			s.size = end
			j.last, j.written, j.size = last, last, end
			j.file, err = os.OpenFile(s.path, os.O_WRONLY, 0)
			return err
		}
		if err := os.Remove(s.path); err != nil {
			return err
		}
		j.segments = j.segments[:n-1]
	}
	return nil
}

// Last returns the stamp of the last frame taken: the journal has, or has counted as lost, all up to there.
func (j *Journal) Last() Stamp {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// Lost returns how many frames the disk has not taken since the journal was opened.
func (j *Journal) Lost() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lostAll
}

// Size returns how many octets the journal has on the disk.
func (j *Journal) Size() int64 {
	j.writing.Lock()
	defer j.writing.Unlock()
	return j.total()
}

// SetRoom says how much may be written from now on.
func (j *Journal) SetRoom(r Room) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.room = r
}

// Waiting has something when enough waits in memory to be worth a Flush.
func (j *Journal) Waiting() <-chan struct{} { return j.wake }

// Append takes a frame with a copy of body. It does not wait for the disk, and allocates only while the
// journal's memory grows to its usual size.
func (j *Journal) Append(s Stamp, body []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if s.Index <= j.last.Index {
		return
	}
	if !j.take(frameEvents, s, body) {
		j.lose(1, 0, j.last, s)
	} else {
		j.frames++
	}
	j.last = s
	if len(j.pending) >= journalWake {
		select {
		case j.wake <- struct{}{}:
		default:
		}
	}
}

// Mark says that nothing is missing up to s: what was not appended had nothing to tell.
func (j *Journal) Mark(s Stamp) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if s.Index <= j.last.Index && j.lost.count == 0 {
		return
	}
	if s.Index < j.last.Index {
		s = j.last
	}
	if j.take(frameMark, s, nil) {
		j.last = s
	}
}

// Skip says that what came after the last frame, up to s, is not known here and never will be. It does
// nothing if the journal has come that far by itself.
func (j *Journal) Skip(s Stamp) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if s.Index <= j.last.Index {
		return
	}
	if !j.take(frameSkip, s, appendGap(nil, j.last, 0)) {
		j.lose(0, 0, j.last, s)
	}
	j.last = s
}

// take puts a frame into memory, and before it the gap that is still to be told of. It says whether there was
// room.
func (j *Journal) take(kind frameKind, s Stamp, body []byte) bool {
	if j.lost.count > 0 {
		gap := appendGap(nil, j.lost.from, j.lost.count)
		if len(j.pending)+2*frameHead+len(gap)+len(body) > journalPendingMax {
			return false
		}
		j.pending = appendFrame(j.pending, frameLost, j.lost.to, gap)
		j.gaps += j.lost.count
		j.lost = loss{}
	}
	if len(j.pending)+frameHead+len(body) > journalPendingMax || len(body) > frameBodyMax {
		return false
	}
	j.pending = appendFrame(j.pending, kind, s, body)
	return true
}

// lose notes frames that are lost: fresh ones and such as were counted before, after from and up to to.
// Without any there is a gap still.
func (j *Journal) lose(fresh, counted uint64, from, to Stamp) {
	if j.lost.count == 0 {
		j.lost.from = from
	}
	j.lost.to = to
	j.lost.count = max(1, j.lost.count+fresh+counted)
	j.lostAll += fresh
}
