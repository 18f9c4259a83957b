package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"port67/storage"
	"port67/storage/disk"
	"port67/storage/history"
	"port67/storage/lease"
)

// world is a journal with its clocks in the test's hands.
type world struct {
	*Journal
	t       testing.TB
	folder  *disk.Folder
	now     int64         // wall time
	present lease.Instant // cluster time, 0: not known
	room    disk.Room
	old     uint64
	max     int64
}

func newWorld(t testing.TB) *world {
	t.Helper()
	folder, err := disk.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, folder: folder, now: 50_000, present: 1000, max: 1 << 24}
	w.start()
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// start opens the journal as a node does that starts.
func (w *world) start() {
	w.t.Helper()
	j, err := Open(Options{
		Folder: w.folder, Max: w.max, Old: w.old, Logger: slog.New(slog.DiscardHandler),
		Room:    func() disk.Room { return w.room },
		Present: func() (lease.Instant, bool) { return w.present, w.present != 0 },
		Now:     func() time.Time { return time.Unix(w.now, 0) },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.Journal = j
	j.compare()
}

func addr(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 67, 1, byte(n)}) }

// bound is what came of a Bind of address n by client c at clock.
func bound(n, c int, clock lease.Instant) storage.Result {
	hw := []byte{2, 0x67, 0, 0, 0, byte(c)}
	return storage.Result{Lease: lease.Lease{
		Addr: addr(n), Client: lease.HardwareKey(1, hw), HType: 1, CHAddr: string(hw), Status: lease.Bound,
		Start: clock, Last: clock, Booked: clock + 7200,
	}}
}

// bind applies an entry with Binds of clients whose numbers are those of their addresses.
func (w *world) bind(index uint64, clock lease.Instant, numbers ...int) {
	e := storage.Entry{At: clock}
	var results []storage.Result
	for _, n := range numbers {
		e.Commands = append(e.Commands, storage.Bind{})
		results = append(results, bound(n, n, clock))
	}
	w.Applied(index, e, results, clock)
}

// find asks and returns events as INDEX.ORDINAL@WALL (with ~ if reckoned), and gaps as (FROM,TO].
func (w *world) find(q history.Query) (events, gaps string, page history.Page) {
	w.t.Helper()
	if q.Limit == 0 {
		q.Limit = 100
	}
	page, err := w.Find(context.Background(), q)
	if err != nil {
		w.t.Fatal(err)
	}
	var e, g []string
	for _, x := range page.Events {
		about := ""
		if x.Reckoned {
			about = "~"
		}
		e = append(e, fmt.Sprintf("%d.%d@%s%d", x.Index, x.Ordinal, about, x.Wall))
	}
	for _, x := range page.Gaps {
		g = append(g, fmt.Sprintf("(%d,%d]%d", x.From, x.To, x.Reason))
	}
	return strings.Join(e, " "), strings.Join(g, " "), page
}

func (w *world) want(q history.Query, events, gaps string) {
	w.t.Helper()
	if e, g, _ := w.find(q); e != events || g != gaps {
		w.t.Errorf("found %q with gaps %q, want %q with gaps %q", e, g, events, gaps)
	}
}

func TestFind_ByAddressAndClient(t *testing.T) {
	w := newWorld(t)
	w.bind(10, 1000, 5, 6)
	w.now, w.present = w.now+60, w.present+60
	w.compare()
	w.bind(11, 1060, 6, 5, 5)
	w.Applied(12, storage.Entry{Commands: []storage.Command{storage.Tick{}}}, make([]storage.Result, 1), 1060)
	w.Applied(13, storage.Entry{Commands: []storage.Command{storage.Bind{}}},
		[]storage.Result{bound(7, 5, 1060)}, 1060)
	five := bound(5, 5, 0).Lease
	w.want(history.Query{Addr: addr(5)}, "11.2@50060 11.1@50060 10.0@50000", "")
	w.want(history.Query{Client: five.Client}, "13.0@50060 11.2@50060 11.1@50060 10.0@50000", "")
	w.want(history.Query{CHAddr: five.CHAddr, Last: true}, "13.0@50060 11.2@50060", "")
	w.want(history.Query{Addr: addr(5), Last: true}, "11.2@50060", "")
	w.want(history.Query{Addr: addr(5), Since: 50_001}, "11.2@50060 11.1@50060", "")
	w.want(history.Query{Addr: addr(5), Until: 50_059}, "10.0@50000", "")
	w.want(history.Query{Addr: addr(9)}, "", "")
}

// TestFind_Gone: after which events nothing may be known of an address, whose ever it was.
func TestFind_Gone(t *testing.T) {
	w := newWorld(t)
	w.bind(10, 1000, 5, 6)
	w.Applied(11, storage.Entry{Commands: []storage.Command{
		storage.Bind{}, storage.DeleteLease{}, storage.Release{}, storage.ClearDeclined{},
	}}, []storage.Result{bound(7, 5, 1060), bound(5, 5, 1000), bound(6, 6, 1060), {Cleared: []lease.Lease{bound(6, 6, 1060).Lease}}},
		1060)
	w.want(history.Query{Gone: true, Since: 50_000}, "11.3@50000 11.1@50000", "")
	w.want(history.Query{Gone: true, Since: 50_001}, "", "")
}

// TestFind_Pages: pages end within an entry, and together they are all there is.
func TestFind_Pages(t *testing.T) {
	w := newWorld(t)
	w.max = 1 << 16
	w.bind(10, 1000, 5, 5, 5)
	w.bind(11, 1000, 5)
	var got []string
	q := history.Query{Addr: addr(5), Limit: 2}
	for range 9 {
		events, _, page := w.find(q)
		got = append(got, events)
		if !page.More {
			break
		}
		q.Before = page.Events[len(page.Events)-1].Position
	}
	if want := []string{"11.0@50000 10.2@50000", "10.1@50000 10.0@50000"}; !slices.Equal(got, want) {
		t.Errorf("pages %q, want %q", got, want)
	}
}

// TestFind_ManySegments: what is asked for is found however far back it is, and a page stops where it is full.
func TestFind_ManySegments(t *testing.T) {
	w := newWorld(t)
	for i := range 6000 {
		w.now, w.present = 50_000+int64(i), lease.Instant(1000+i)
		w.compare()
		w.bind(uint64(i+1), w.present, i%200)
		if i%100 == 0 {
			w.flush()
		}
	}
	events, _, page := w.find(history.Query{Addr: addr(3), Limit: 40})
	if len(page.Events) != 30 || page.More || page.Begin != 50_000 || !strings.HasSuffix(events, " 4.0@50003") {
		t.Errorf("%d events, more %t, begin %d: %s", len(page.Events), page.More, page.Begin, events)
	}
	w.want(history.Query{Addr: addr(3), Until: 50_403, Limit: 2}, "404.0@50403 204.0@50203", "")
	w.want(history.Query{Addr: addr(3), Since: 55_700}, "5804.0@55803", "")
}

// TestRestart_NothingTwiceAndNothingMissing: the log is applied again from the last snapshot; what the crash
// has torn off comes back, with the wall time it had.
func TestRestart_NothingTwiceAndNothingMissing(t *testing.T) {
	w := newWorld(t)
	w.bind(10, 1000, 5)
	w.Persisting(20, 1010)
	w.bind(21, 1020, 5)
	w.flush()
	w.bind(22, 1030, 5) // Still in memory when the node dies.

	w.old, w.now, w.present = 22, 90_000, 0
	w.start()
	w.Restored(20, 1010)
	w.bind(21, 1020, 5)
	w.bind(22, 1030, 5)
	w.present = 1100
	w.compare()
	w.bind(23, 1100, 5)
	w.want(history.Query{Addr: addr(5)}, "23.0@90000 22.0@~50010 21.0@50000 10.0@50000", "")
}

// TestRestored_LeavesAGap: a node that is brought up by a snapshot does not know what came before.
func TestRestored_LeavesAGap(t *testing.T) {
	w := newWorld(t)
	w.bind(10, 1000, 5)
	w.present = 3000
	w.now = 52_000
	w.compare()
	w.Restored(500, 2995)
	w.bind(501, 3000, 5)
	w.want(history.Query{Addr: addr(5)}, "501.0@52000 10.0@50000", "(10,500]1")
	w.want(history.Query{Addr: addr(5), Until: 51_000}, "10.0@50000", "(10,500]1")
	w.want(history.Query{Addr: addr(5), Since: 51_999}, "501.0@52000", "")
}

// TestFind_AGapThatBeginsASegment: it may be older than all else in its segment, and must not be passed over.
func TestFind_AGapThatBeginsASegment(t *testing.T) {
	w := newWorld(t)
	w.bind(10, 1000, 5)
	w.flush()
	_ = w.Close() // The next frame begins a segment.
	w.present, w.now = 3000, 52_000
	w.compare()
	w.Restored(500, 3000)
	w.bind(501, 3000, 5)
	w.flush()
	if n := len(w.store.Segments()); n != 2 {
		t.Fatalf("%d segments, want 2", n)
	}
	w.want(history.Query{Addr: addr(5), Until: 51_000}, "10.0@50000", "(10,500]1")
	w.start()
	w.want(history.Query{Addr: addr(5), Until: 51_000}, "10.0@50000", "(10,500]1")
}

// TestWall: live, behind, and in the dark.
func TestWall(t *testing.T) {
	w := newWorld(t)
	w.bind(10, 1000, 5) // At once.
	w.bind(11, 400, 5)  // While it catches up.
	w.present = 0
	w.compare()
	w.bind(12, 430, 5) // Nothing heard from the leader yet: as far from the last one as the clocks say.
	w.want(history.Query{Addr: addr(5)}, "12.0@~49430 11.0@~49400 10.0@50000", "")
}

func TestFullDisk_LeavesAGapAndHoldsUpNobody(t *testing.T) {
	w := newWorld(t)
	w.bind(10, 1000, 5)
	w.flush()
	w.room = disk.RoomNone
	w.flush()
	w.bind(11, 1000, 5)
	w.flush()
	w.Persisting(12, 1000)
	w.room = disk.RoomEnough
	w.flush()
	w.bind(13, 1000, 5)
	w.want(history.Query{Addr: addr(5)}, "13.0@50000 10.0@50000", "(10,12]2")
	if got := w.Lost(); got != 1 {
		t.Errorf("Lost = %d, want 1", got)
	}
}

func TestDamage_IsAGap(t *testing.T) {
	w := newWorld(t)
	w.bind(10, 1000, 5)
	w.bind(11, 1000, 5)
	w.flush()
	paths, err := filepath.Glob(filepath.Join(w.folder.Path("journal"), "*.seg"))
	if err != nil || len(paths) != 1 {
		t.Fatal(paths, err)
	}
	b, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if err := os.WriteFile(paths[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	w.want(history.Query{Addr: addr(5)}, "10.0@50000", "(10,0]3")
}

func TestNil_KeepsNothing(t *testing.T) {
	var j *Journal
	j.Applied(1, storage.Entry{}, nil, 1)
	j.Restored(1, 1)
	j.Persisting(1, 1)
	if _, err := j.Find(context.Background(), history.Query{}); !errors.Is(err, ErrOff) {
		t.Errorf("Find = %v, want ErrOff", err)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

func TestRun_Flushes(t *testing.T) {
	w := newWorld(t)
	w.Journal.opt.Now = time.Now
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	for i := range uint64(5000) { // More than is worth waking the writer for.
		w.bind(i+1, 1000, 5)
	}
	for w.store.Size() == 0 {
		if len(done) > 0 {
			t.Fatal("Run has ended")
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v", err)
	}
}

// BenchmarkApplied is what the journal adds to an entry of one command.
func BenchmarkApplied(b *testing.B) {
	w := newWorld(b)
	w.max = 1 << 28
	w.Journal.opt.Now = time.Now
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { _ = w.Run(ctx) }()
	e := storage.Entry{Commands: []storage.Command{storage.Bind{}}}
	results := []storage.Result{bound(5, 5, 1000)}
	b.ReportAllocs()
	for i := uint64(1); b.Loop(); i++ {
		w.Applied(i, e, results, 1000)
	}
	b.ReportMetric(float64(w.Lost())/float64(b.N), "lost/op")
}
