package disk

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A frame of a journal, all numbers big-endian:
//
//	4 length of what follows the checksum   4 CRC-32C of that
//	1 kind   1 flags   8 index   8 clock   8 wall   … body
//
// A frame is one entry of the log, so that a crash leaves all of an entry or nothing.
const (
	frameHead    = 8 + frameFixed
	frameFixed   = 1 + 1 + 8 + 8 + 8
	frameBodyMax = 4 << 20
	gapLen       = 8 + 8 + 8

	flagReckoned = 1
)

type frameKind uint8

// The kinds of frames. The numbers stand in files and are never reused.
const (
	frameEvents frameKind = 1 // body is the caller's
	frameMark   frameKind = 2 // nothing up to here is missing; no body
	frameSkip   frameKind = 3 // a gap: the log began here
	frameLost   frameKind = 4 // a gap: the disk did not take it
)

// Stamp is where a frame stands: the index of its entry, and that entry's cluster time and wall time in
// seconds.
type Stamp struct {
	Index    uint64
	Clock    int64
	Wall     int64
	Reckoned bool // the wall time was reckoned later
}

// Frame is one frame as it is read. Body borrows the memory of the segment it was read from.
type Frame struct {
	Stamp
	Body []byte
	Gap  *Gap // nil: none
}

// Gap is what a frame that stands for missing ones says: they came after the entry From, up to the frame's
// own index.
type Gap struct {
	From  uint64
	Begin int64  // wall time of From in seconds; 0: there was none
	Lost  uint64 // frames that are known to be missing
	Disk  bool   // the disk did not take them; else this node never had them
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendFrame(b []byte, kind frameKind, s Stamp, body []byte) []byte {
	flags := byte(0)
	if s.Reckoned {
		flags = flagReckoned
	}
	from := len(b)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0, byte(kind), flags)
	b = binary.BigEndian.AppendUint64(b, s.Index)
	b = binary.BigEndian.AppendUint64(b, uint64(s.Clock))
	b = binary.BigEndian.AppendUint64(b, uint64(s.Wall))
	b = append(b, body...)
	binary.BigEndian.PutUint32(b[from:], uint32(frameFixed+len(body)))
	binary.BigEndian.PutUint32(b[from+4:], crc32.Checksum(b[from+8:], castagnoli))
	return b
}

func appendGap(b []byte, from Stamp, lost uint64) []byte {
	b = binary.BigEndian.AppendUint64(b, from.Index)
	b = binary.BigEndian.AppendUint64(b, uint64(from.Wall))
	return binary.BigEndian.AppendUint64(b, lost)
}

func isGap(k frameKind) bool { return k == frameSkip || k == frameLost }

// nextFrame returns the first frame of b, and its length. ok is false at the end and at what is no frame.
func nextFrame(b []byte) (f Frame, kind frameKind, size int, ok bool) {
	if len(b) < frameHead {
		return Frame{}, 0, 0, false
	}
	n := int64(binary.BigEndian.Uint32(b))
	if n < frameFixed || n > frameFixed+frameBodyMax || int64(len(b)) < 8+n {
		return Frame{}, 0, 0, false
	}
	content := b[8 : 8+n]
	if crc32.Checksum(content, castagnoli) != binary.BigEndian.Uint32(b[4:]) {
		return Frame{}, 0, 0, false
	}
	f.Stamp = Stamp{
		Index: binary.BigEndian.Uint64(content[2:]), Clock: int64(binary.BigEndian.Uint64(content[10:])),
		Wall: int64(binary.BigEndian.Uint64(content[18:])), Reckoned: content[1]&flagReckoned != 0,
	}
	f.Body = content[frameFixed:]
	kind = frameKind(content[0])
	if isGap(kind) {
		if len(f.Body) != gapLen {
			return Frame{}, 0, 0, false
		}
		f.Gap = &Gap{
			From: binary.BigEndian.Uint64(f.Body), Begin: int64(binary.BigEndian.Uint64(f.Body[8:])),
			Lost: binary.BigEndian.Uint64(f.Body[16:]), Disk: kind == frameLost,
		}
		f.Body = nil
	}
	return f, kind, int(8 + n), true
}

func openSegment(path string) (Segment, error) {
	s := Segment{path: path}
	var err error
	s.seq, err = strconv.ParseUint(strings.TrimSuffix(filepath.Base(path), ".seg"), 16, 64)
	if err != nil {
		return s, fmt.Errorf("%s: not the name of a segment; move it away", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return s, err
	}
	s.size = info.Size()
	head := make([]byte, frameHead)
	if _, err := io.ReadFull(file, head); err == nil {
		s.Gap = isGap(frameKind(head[8]))
		s.First = Stamp{
			Index: binary.BigEndian.Uint64(head[10:]), Clock: int64(binary.BigEndian.Uint64(head[18:])),
			Wall: int64(binary.BigEndian.Uint64(head[26:])), Reckoned: head[9]&flagReckoned != 0,
		}
	}
	return s, nil
}

// end returns where the last good frame ends, and its stamp.
func (s *Segment) end() (end int64, last Stamp, err error) {
	b, err := os.ReadFile(s.path)
	if err != nil {
		return 0, Stamp{}, err
	}
	for {
		f, _, size, ok := nextFrame(b[end:])
		if !ok || f.Index < last.Index {
			return end, last, nil
		}
		end, last = end+int64(size), f.Stamp
	}
}

// Frames calls yield for every frame of the segment, oldest first, until it returns false. The error wraps
// ErrDamaged if there is more that cannot be read, and fs.ErrNotExist if the segment was given up meanwhile.
func (s *Segment) Frames(yield func(Frame) bool) error {
	b, err := os.ReadFile(s.path)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	b = b[:min(int64(len(b)), s.size)]
	for len(b) > 0 {
		f, kind, size, ok := nextFrame(b)
		if !ok {
			return fmt.Errorf("journal: %s: %w: %d octets from its end", s.path, ErrDamaged, len(b))
		}
		if kind != frameMark && !yield(f) {
			return nil
		}
		b = b[size:]
	}
	return nil
}
