package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

func create(t *testing.T, dir string) *Folder {
	t.Helper()
	f, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestFolder_LifeCycle(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if _, err := Open(dir); !errors.Is(err, ErrNone) {
		t.Errorf("Open of nothing: %v, want ErrNone", err)
	}
	f := create(t, dir)
	if _, err := Create(dir); !errors.Is(err, ErrInUse) {
		t.Errorf("Create beside Create: %v, want ErrInUse", err)
	}
	if err := f.WriteFile("node-id", []byte("one")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); !errors.Is(err, ErrNone) {
		t.Errorf("Open before Seal: %v, want ErrNone", err)
	}
	if err := f.Seal(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir); !errors.Is(err, ErrTaken) {
		t.Errorf("Create after Seal: %v, want ErrTaken", err)
	}
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := Open(dir); !errors.Is(err, ErrInUse) {
		t.Errorf("Open twice: %v, want ErrInUse", err)
	}
	if b, err := f.ReadFile("node-id"); err != nil || string(b) != "one" {
		t.Errorf("ReadFile = %q, %v", b, err)
	}
}

func TestFolder_NobodyElseReadsIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	f := create(t, dir)
	if err := f.WriteFile("node.pem", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{
		dir: 0o700, f.Path("node.pem"): 0o600, f.Path("lock"): 0o600,
	} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s: mode %o, want %o", name, got, want)
		}
	}
}

func TestOpen_ShutsAFolderThatIsOpenToOthers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	f := create(t, dir)
	if err := errors.Join(f.Seal(), f.Close()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		mode os.FileMode
		want string
	}{
		{0o700, ""},
		{0o755, "mode was 0755, set to 0700; others on this host may have read the cluster's keys"},
		{0o500, "mode was 0500, set to 0700"},
	} {
		if err := os.Chmod(dir, c.mode); err != nil {
			t.Fatal(err)
		}
		f, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("mode %o: is %v after Open (%v)", c.mode, info.Mode(), err)
		}
		if got := f.Warning(); (got == "") != (c.want == "") || !strings.HasSuffix(got, c.want) {
			t.Errorf("mode %o: warning %q, want %q", c.mode, got, c.want)
		}
		_ = f.Close()
	}
}

func TestSnapshots_NobodyElseReadsThem(t *testing.T) {
	f := create(t, t.TempDir())
	if err := os.Mkdir(f.Path("snapshots"), 0o755); err != nil { // As an earlier release left it.
		t.Fatal(err)
	}
	if _, err := f.Snapshots(hclog.NewNullLogger()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(f.Path("snapshots"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode of snapshots: %v (%v), want 0700", info.Mode(), err)
	}
}

func TestFolder_AnotherFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "format"), []byte("port67 data 9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), `"port67 data 9"`) {
		t.Errorf("Open = %v, want the format named", err)
	}
}

// tree lists what is below dir, with modes and contents.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		content := ""
		if info.Mode().IsRegular() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = string(b)
		}
		fmt.Fprintf(&out, "%s %v %q\n", strings.TrimPrefix(path, dir), info.Mode(), content)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestCreate_ARefusalChangesNothing(t *testing.T) {
	for _, c := range []struct {
		name  string
		files []string
		want  string
	}{
		{"somebody's files", []string{"theirs"}, "is not empty, it holds theirs: choose an empty folder"},
		{"somebody's files and a lock", []string{"lock", "theirs"}, "is not empty"},
		{"a node", []string{"format", "lock"}, "a node lives here already"},
		{"half a node", []string{"log.db"}, "a log but no finished node"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			for _, name := range c.files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			before := tree(t, dir)
			if _, err := Create(dir); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Create = %v, want %q", err, c.want)
			}
			if after := tree(t, dir); after != before {
				t.Errorf("the folder was\n%sand is\n%s", before, after)
			}
		})
	}
}

func TestDiscard_TakesBackWhatWasMadeAndNothingElse(t *testing.T) {
	top := t.TempDir()
	for _, c := range []struct {
		name, dir string
		prepare   func(dir string) error
	}{
		{"no folder, no parents", "a/b/data", func(string) error { return nil }},
		{"an empty folder that is open to others", "open", func(dir string) error { return os.Mkdir(dir, 0o755) }},
		{"a file system's root", "root", func(dir string) error { return os.MkdirAll(dir+"/lost+found", 0o700) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(top, c.dir)
			if err := c.prepare(dir); err != nil {
				t.Fatal(err)
			}
			before := tree(t, top)
			f := create(t, dir)
			if err := f.WriteFile("node-id", []byte("one")); err != nil {
				t.Fatal(err)
			}
			log, err := f.Log(nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Snapshots(hclog.NewNullLogger()); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(f.Reserve(4096), log.Close(), f.Discard()); err != nil {
				t.Fatal(err)
			}
			if after := tree(t, top); after != before {
				t.Errorf("the disk was\n%sand is\n%s", before, after)
			}
		})
	}
}

func TestDiscard_LeavesWhatOthersPutThere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	f := create(t, dir)
	theirs := filepath.Join(dir, "theirs")
	if err := os.WriteFile(theirs, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.WriteFile("node-id", []byte("one")), f.Discard()); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "theirs" {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestWriteFile_ReplacesWholeAndLeavesNoDebris(t *testing.T) {
	f := create(t, t.TempDir())
	for _, content := range []string{"a long first version", "short"} {
		if err := f.WriteFile("node-id", []byte(content)); err != nil {
			t.Fatal(err)
		}
		if b, err := f.ReadFile("node-id"); err != nil || string(b) != content {
			t.Errorf("ReadFile = %q, %v, want %q", b, err, content)
		}
	}
	if left, _ := filepath.Glob(f.Path("*.new-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := f.Remove("node-id"); err != nil || f.Has("node-id") {
		t.Errorf("Remove: %v", err)
	}
	if err := f.Remove("node-id"); err != nil {
		t.Errorf("Remove of nothing: %v", err)
	}
}

func entry(index uint64) *raft.Log {
	return &raft.Log{Index: index, Term: 1, Type: raft.LogCommand, Data: []byte("x")}
}

func TestLog_KeepsEntriesAndVotes(t *testing.T) {
	f := create(t, t.TempDir())
	log, err := f.Log(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := log.StoreLogs([]*raft.Log{entry(1), entry(2)}); err != nil {
		t.Fatal(err)
	}
	if err := log.SetUint64([]byte("CurrentTerm"), 7); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	log, err = f.Log(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	last, err := log.LastIndex()
	if err != nil || last != 2 {
		t.Errorf("LastIndex = %d, %v, want 2", last, err)
	}
	if term, err := log.GetUint64([]byte("CurrentTerm")); err != nil || term != 7 {
		t.Errorf("term = %d, %v, want 7", term, err)
	}
}

func TestLog_HeldByAnotherIsAnErrorNotAWait(t *testing.T) {
	f := create(t, t.TempDir())
	log, err := f.Log(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if _, err := f.Log(nil); !errors.Is(err, ErrInUse) {
		t.Errorf("Log = %v, want ErrInUse", err)
	}
}

func TestLog_WatchesItsWrites_G3_G4(t *testing.T) {
	f := create(t, t.TempDir())
	begun, gate := make(chan struct{}), make(chan error)
	log, err := f.Log(func() error { close(begun); return <-gate })
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if stuck := log.Stuck(); stuck != 0 {
		t.Errorf("Stuck = %v before any write", stuck)
	}
	written := make(chan error)
	go func() { written <- log.StoreLog(entry(1)) }()
	<-begun
	first := log.Stuck()
	if second := log.Stuck(); first <= 0 || second < first {
		t.Errorf("Stuck = %v, then %v, with a write in flight", first, second)
	}
	select {
	case <-log.Failed():
		t.Error("failed before the write ended")
	default:
	}
	broken := errors.New("input/output error")
	gate <- broken
	if err := <-written; !errors.Is(err, broken) {
		t.Errorf("StoreLog = %v", err)
	}
	<-log.Failed()
	if err := log.Err(); !errors.Is(err, broken) {
		t.Errorf("Err = %v", err)
	}
	if stuck := log.Stuck(); stuck != 0 {
		t.Errorf("Stuck = %v after the write", stuck)
	}
}

func snapshot(t *testing.T, store raft.SnapshotStore, index uint64, content string) (string, error) {
	t.Helper()
	sink, err := store.Create(1, index, 1, raft.Configuration{}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(sink, content); err != nil {
		t.Fatal(err)
	}
	return sink.ID(), sink.Close()
}

func TestSnapshots_KeepThree_G6(t *testing.T) {
	f := create(t, t.TempDir())
	store, err := f.Snapshots(hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if _, err := snapshot(t, store, uint64(i+1), "content"); err != nil {
			t.Fatal(err)
		}
	}
	list, err := store.List()
	if err != nil || len(list) != 3 || list[0].Index != 5 {
		t.Errorf("List = %+v, %v, want the newest three", list, err)
	}
	_, content, err := store.Open(list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	if b, err := io.ReadAll(content); err != nil || string(b) != "content" {
		t.Errorf("content = %q, %v", b, err)
	}
}

// The time of the newest snapshot is known as soon as it is written, and again when the folder is opened.
func TestSnapshots_Newest(t *testing.T) {
	f := create(t, t.TempDir())
	store, err := f.Snapshots(hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	if at := store.Newest(); !at.IsZero() {
		t.Errorf("Newest = %v without a snapshot", at)
	}
	before := time.Now().Truncate(time.Millisecond)
	if _, err := snapshot(t, store, 7, "content"); err != nil {
		t.Fatal(err)
	}
	at := store.Newest()
	if at.Before(before) || at.After(time.Now()) {
		t.Errorf("Newest = %v, want one since %v", at, before)
	}
	again, err := f.Snapshots(hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Newest(); !got.Equal(at) {
		t.Errorf("opened again: Newest = %v, want %v", got, at)
	}
}

// rot is a store whose newest snapshot is damaged before it can be read back.
type rot struct {
	raft.SnapshotStore
	folder *Folder
}

func (r *rot) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	file := r.folder.Path("snapshots/" + id + "/state.bin")
	b, err := os.ReadFile(file)
	if err == nil {
		b = bytes.ToUpper(b)
		err = os.WriteFile(file, b, 0o600)
	}
	if err != nil {
		return nil, nil, err
	}
	return r.SnapshotStore.Open(id)
}

func TestSnapshots_UnreadableRightAfterWritingIsAnError_G6(t *testing.T) {
	f := create(t, t.TempDir())
	store, err := f.Snapshots(hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	good, err := snapshot(t, store, 1, "content")
	if err != nil {
		t.Fatal(err)
	}
	store.SnapshotStore = &rot{store.SnapshotStore, f}
	if _, err := snapshot(t, store, 2, "content"); err == nil {
		t.Error("a snapshot that cannot be read counts")
	}
	list, err := store.List()
	if err != nil || len(list) != 1 || list[0].ID != good {
		t.Errorf("List = %+v, %v, want only the good one", list, err)
	}
}

func TestSpace_ReserveAndSyncTime(t *testing.T) {
	f := create(t, t.TempDir())
	s, err := f.Space()
	if err != nil || s.Total == 0 || s.Free > s.Total {
		t.Errorf("Space = %+v, %v", s, err)
	}
	if err := f.Reserve(1 << 20); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(f.Path("reserve")); err != nil || info.Size() != 1<<20 {
		t.Errorf("reserve: %v, %v", info, err)
	}
	if err := f.Reserve(0); err != nil || f.Has("reserve") {
		t.Errorf("Reserve(0): %v", err)
	}
	took, err := f.MeasureSync(20, time.Second)
	if err != nil || took.Median <= 0 || took.P99 < took.Median {
		t.Errorf("MeasureSync = %+v, %v", took, err)
	}
	if left, _ := filepath.Glob(f.Path("fsync-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
