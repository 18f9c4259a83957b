package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// errNoRoom is why frames are lost while there is RoomNone.
var errNoRoom = errors.New("the disk is nearly full")

// Flush writes what waits in memory, and with durable makes everything written so far survive a crash. What
// cannot be written is lost and counted; the error says why.
func (j *Journal) Flush(durable bool) error {
	j.writing.Lock()
	defer j.writing.Unlock()
	j.mu.Lock()
	batch, frames, gaps, room := j.pending, j.frames, j.gaps, j.room
	j.pending, j.frames, j.gaps = j.spare[:0], 0, 0
	newest := j.last
	j.mu.Unlock()
	if j.spare = batch; cap(batch) > journalSpareMax {
		j.spare = nil
	}
	if len(batch) == 0 {
		return j.sync(durable)
	}
	var err error
	if room == RoomNone {
		err = errNoRoom
	} else {
		err = j.write(batch, room)
	}
	if err == nil {
		j.written = newest
		return j.sync(durable)
	}
	j.forget(frames, gaps)
	return fmt.Errorf("journal: %w", err)
}

func (j *Journal) sync(durable bool) error {
	if !durable || j.file == nil {
		return nil
	}
	if err := unix.Fdatasync(int(j.file.Fd())); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// forget counts a batch as lost, and with it what came in meanwhile: a gap is told of before what follows it.
// gaps is what the batch told of as lost before.
func (j *Journal) forget(frames, gaps uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lose(frames+j.frames, gaps+j.gaps, j.written, j.last)
	if j.written.Index < j.lost.from.Index {
		j.lost.from = j.written // A gap that was told of in the batch is part of this one.
	}
	j.pending, j.frames, j.gaps = j.pending[:0], 0, 0
}

// write writes a batch to the newest segment, or to a new one if that is full.
func (j *Journal) write(batch []byte, room Room) error {
	before := j.total()
	if j.file == nil || j.size > 0 && j.size+int64(len(batch)) > j.segmentMax() {
		if err := j.begin(); err != nil {
			return err
		}
	}
	n, err := j.file.WriteAt(batch, j.size)
	if err != nil {
		// What was written in part would stand behind the next frames.
		return errors.Join(err, j.file.Truncate(j.size))
	}
	segment := &j.segments[len(j.segments)-1]
	if j.size == 0 {
		first, kind, _, _ := nextFrame(batch)
		segment.First, segment.Gap = first.Stamp, isGap(kind)
	}
	j.size += int64(n)
	segment.size = j.size
	limit := j.limit
	if room == RoomTight {
		limit = min(limit, max(before, j.segmentMax()))
	}
	for len(j.segments) > 1 && j.total() > limit {
		if err := os.Remove(j.segments[0].path); err != nil {
			return err
		}
		j.segments = j.segments[1:]
	}
	return nil
}

// segmentMax is about how many octets a segment has. A larger batch is not cut.
func (j *Journal) segmentMax() int64 { return max(j.limit/journalSegments, journalSegmentMin) }

func (j *Journal) total() (sum int64) {
	for i := range j.segments {
		sum += j.segments[i].size
	}
	return sum
}

// begin begins a segment. The one before is finished and durable, so
// that only the newest can have a torn end.
func (j *Journal) begin() error {
	seq := uint64(1)
	if n := len(j.segments); n > 0 {
		seq = j.segments[n-1].seq + 1
	}
	if j.file != nil {
		err := errors.Join(j.sync(true), j.file.Close())
		j.file = nil
		if err != nil {
			return err
		}
	}
	path := filepath.Join(j.dir, fmt.Sprintf("%016x.seg", seq))
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	j.file, j.size = file, 0
	j.segments = append(j.segments, Segment{path: path, seq: seq})
	return syncDir(j.dir)
}

// Segments returns what is on the disk, newest first. What waits in memory is not there before Flush.
func (j *Journal) Segments() []Segment {
	j.writing.Lock()
	defer j.writing.Unlock()
	out := slices.Clone(j.segments)
	slices.Reverse(out)
	return out
}

// Close makes the journal durable and closes it.
func (j *Journal) Close() error {
	err := j.Flush(true)
	j.writing.Lock()
	defer j.writing.Unlock()
	if j.file != nil {
		err = errors.Join(err, j.file.Close())
		j.file = nil
	}
	return err
}
