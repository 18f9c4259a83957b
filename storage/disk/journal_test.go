package disk

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

func openJournal(t *testing.T, f *Folder, limit int64) *Journal {
	t.Helper()
	j, err := f.Journal(limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func stamp(index uint64) Stamp {
	return Stamp{Index: index, Clock: int64(1000 + index), Wall: int64(5000 + index)}
}

// told lists what a journal tells, oldest first: INDEX:BODY, or a gap as AFTER..INDEX with why.
func told(t *testing.T, j *Journal) []string {
	t.Helper()
	if err := j.Flush(false); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range slices.Backward(j.Segments()) {
		err := s.Frames(func(f Frame) bool {
			switch {
			case f.Gap == nil:
				out = append(out, fmt.Sprintf("%d:%s", f.Index, f.Body))
			case f.Gap.Disk:
				out = append(out, fmt.Sprintf("%d..%d lost %d", f.Gap.From, f.Index, f.Gap.Lost))
			default:
				out = append(out, fmt.Sprintf("%d..%d skipped", f.Gap.From, f.Index))
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func wantTold(t *testing.T, j *Journal, want ...string) {
	t.Helper()
	if got := told(t, j); !slices.Equal(got, want) {
		t.Errorf("journal tells %q, want %q", got, want)
	}
}

// TestJournal_ReplayIsLeftOut: after a start the log is applied again from the last snapshot on.
func TestJournal_ReplayIsLeftOut(t *testing.T) {
	f := create(t, t.TempDir())
	j := openJournal(t, f, 1<<20)
	j.Append(stamp(3), []byte("three"))
	j.Append(stamp(5), []byte("five"))
	j.Append(stamp(5), []byte("again"))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = openJournal(t, f, 1<<20)
	if got := j.Last(); got != stamp(5) {
		t.Errorf("Last = %+v, want that of 5", got)
	}
	j.Append(stamp(3), []byte("three"))
	j.Append(stamp(5), []byte("five"))
	j.Append(stamp(6), []byte("six"))
	wantTold(t, j, "3:three", "5:five", "6:six")
	info, err := os.Stat(j.Segments()[0].path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of a segment: %v (%v), want 0600", info.Mode(), err)
	}
}

// TestJournal_TornEndIsCutOff: whatever part of the end a crash has left, what stands whole before it is kept,
// and what is replayed follows it.
func TestJournal_TornEndIsCutOff(t *testing.T) {
	f := create(t, t.TempDir())
	j := openJournal(t, f, 1<<20)
	j.Append(stamp(1), []byte("one"))
	j.Append(stamp(2), []byte("two"))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	path := j.Segments()[0].path
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	frame := len(whole) / 2
	for cut := range frame {
		torn := whole[:frame+cut]
		if cut%2 == 1 { // A file that grew before its octets came.
			torn = append(slices.Clone(torn), make([]byte, 3)...)
		}
		if err := os.WriteFile(path, torn, 0o600); err != nil {
			t.Fatal(err)
		}
		j := openJournal(t, f, 1<<20)
		if got := j.Last().Index; got != 1 {
			t.Fatalf("cut %d: Last = %d, want 1", cut, got)
		}
		j.Append(stamp(2), []byte("anew"))
		wantTold(t, j, "1:one", "2:anew")
		_ = j.Close()
	}
}

func TestJournal_AllTornIsBegunAnew(t *testing.T) {
	f := create(t, t.TempDir())
	j := openJournal(t, f, 1<<20)
	j.Append(stamp(1), []byte("one"))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(j.Segments()[0].path, 5); err != nil {
		t.Fatal(err)
	}
	j = openJournal(t, f, 1<<20)
	j.Append(stamp(1), []byte("anew"))
	wantTold(t, j, "1:anew")
}

// TestJournal_Bounded: the oldest segments go, and what is left is without holes.
func TestJournal_Bounded(t *testing.T) {
	const limit = 8 * journalSegmentMin
	j := openJournal(t, create(t, t.TempDir()), limit)
	body := []byte(strings.Repeat("x", 1000))
	index := uint64(0)
	for range 2000 {
		index++
		j.Append(stamp(index), body)
		if err := j.Flush(false); err != nil {
			t.Fatal(err)
		}
		if got := j.Size(); got > limit {
			t.Fatalf("after %d frames: %d octets, at most %d", index, got, limit)
		}
	}
	got := told(t, j)
	var first uint64
	if _, err := fmt.Sscanf(got[0], "%d:", &first); err != nil {
		t.Fatal(err)
	}
	if first == 1 || index-first+1 != uint64(len(got)) {
		t.Errorf("%d frames from %d to %d", len(got), first, index)
	}
	if oldest := j.Segments()[len(j.Segments())-1]; oldest.First != stamp(first) {
		t.Errorf("oldest segment begins with %+v, its first frame is %d", oldest.First, first)
	}
	before := j.Size()
	j.SetRoom(RoomTight)
	for range 500 {
		index++
		j.Append(stamp(index), body)
		if err := j.Flush(false); err != nil {
			t.Fatal(err)
		}
	}
	if j.Size() > before {
		t.Errorf("with RoomTight it grew from %d to %d octets", before, j.Size())
	}
}

// TestJournal_AFullDiskLeavesAGap: what the disk does not take is counted and told of, and the next frames are
// taken as soon as there is room.
func TestJournal_AFullDiskLeavesAGap(t *testing.T) {
	f := create(t, t.TempDir())
	j := openJournal(t, f, 1<<20)
	j.Append(stamp(1), []byte("one"))
	if err := j.Flush(false); err != nil {
		t.Fatal(err)
	}
	j.SetRoom(RoomNone)
	for i := uint64(2); i <= 4; i++ {
		j.Append(stamp(i), []byte("lost"))
		if err := j.Flush(false); !errors.Is(err, errNoRoom) {
			t.Fatalf("Flush = %v, want errNoRoom", err)
		}
	}
	j.SetRoom(RoomEnough)
	j.Append(stamp(5), []byte("five"))
	wantTold(t, j, "1:one", "1..4 lost 3", "5:five")

	_ = j.file.Close() // A disk that is broken.
	j.Append(stamp(6), []byte("lost"))
	if err := j.Flush(false); err == nil {
		t.Fatal("a write to a closed file is no error")
	}
	j.file = nil
	j.Mark(stamp(7))
	wantTold(t, j, "1:one", "1..4 lost 3", "5:five", "5..6 lost 1")
	if got := j.Lost(); got != 4 {
		t.Errorf("Lost = %d, want 4", got)
	}
}

// TestJournal_AGapThatIsLostIsPartOfTheNext: a gap must not become smaller because the disk did not take it.
func TestJournal_AGapThatIsLostIsPartOfTheNext(t *testing.T) {
	j := openJournal(t, create(t, t.TempDir()), 1<<20)
	j.Append(stamp(1), []byte("one"))
	if err := j.Flush(false); err != nil {
		t.Fatal(err)
	}
	j.SetRoom(RoomNone)
	for i := uint64(2); i <= 9; i++ {
		j.Append(stamp(i), []byte("lost"))
		_ = j.Flush(false)
	}
	j.SetRoom(RoomEnough)
	j.Append(stamp(10), []byte("ten"))
	got := told(t, j)
	if len(got) != 3 || !strings.HasPrefix(got[1], "1..9 lost") {
		t.Errorf("journal tells %q, want one gap from 1 to 9", got)
	}
}

// TestJournal_AFloodLeavesAGap: memory is bounded while the disk is slow.
func TestJournal_AFloodLeavesAGap(t *testing.T) {
	j := openJournal(t, create(t, t.TempDir()), 1<<30)
	body := make([]byte, 1<<20)
	for i := uint64(1); i <= 20; i++ {
		j.Append(stamp(i), body)
	}
	if len(j.pending) > journalPendingMax {
		t.Errorf("%d octets wait, at most %d", len(j.pending), journalPendingMax)
	}
	lost := j.Lost()
	if err := j.Flush(false); err != nil || lost == 0 {
		t.Fatalf("Flush: %v; %d lost", err, lost)
	}
	j.Append(stamp(21), []byte("after"))
	got := told(t, j)
	if want := fmt.Sprintf("%d..20 lost %d", 20-lost, lost); got[len(got)-2] != want || got[len(got)-1] != "21:after" {
		t.Errorf("the journal ends with %.60q, want %q and 21:after", got[len(got)-2:], want)
	}
}

// TestJournal_SkipAndMark: a node that is brought up by a snapshot has a gap; one that only had nothing to
// tell before its own snapshot has none.
func TestJournal_SkipAndMark(t *testing.T) {
	f := create(t, t.TempDir())
	j := openJournal(t, f, 1<<20)
	j.Append(stamp(3), []byte("three"))
	j.Mark(stamp(9))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = openJournal(t, f, 1<<20)
	j.Skip(stamp(9)) // The snapshot before which it was marked.
	wantTold(t, j, "3:three")
	j.Skip(stamp(20))
	j.Append(stamp(21), []byte("next"))
	wantTold(t, j, "3:three", "9..20 skipped", "21:next")
}

func TestSegment_DamageIsAnError(t *testing.T) {
	j := openJournal(t, create(t, t.TempDir()), 1<<20)
	j.Append(stamp(1), []byte("one"))
	j.Append(stamp(2), []byte("two"))
	if err := j.Flush(true); err != nil {
		t.Fatal(err)
	}
	s := j.Segments()[0]
	b, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if err := os.WriteFile(s.path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	var got []uint64
	err = s.Frames(func(f Frame) bool { got = append(got, f.Index); return true })
	if !errors.Is(err, ErrDamaged) || !slices.Equal(got, []uint64{1}) {
		t.Errorf("frames %v, %v; want 1 and ErrDamaged", got, err)
	}
}
