package cluster

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"port67/cluster/logcodec"
	"port67/storage"
	"port67/storage/disk"
	"port67/storage/lease"
)

// brokenDisk is a disk that a test breaks.
type brokenDisk struct {
	err  atomic.Pointer[error]
	hung atomic.Pointer[chan struct{}]
}

func (b *brokenDisk) write() error {
	if gate := b.hung.Load(); gate != nil {
		<-*gate
	}
	if err := b.err.Load(); err != nil {
		return *err
	}
	return nil
}

func (b *brokenDisk) hang(t *testing.T) {
	gate := make(chan struct{})
	b.hung.Store(&gate)
	t.Cleanup(func() { close(gate) })
}

// threeOnDisks makes a cluster of three, each with a disk that can be broken.
func threeOnDisks(t *testing.T) ([]*member, map[*member]*brokenDisk) {
	t.Helper()
	timing := quick()
	timing.DiskHung = 4 * time.Second
	timing.DiskSlow = 500 * time.Millisecond
	disks := map[*member]*brokenDisk{}
	first := &brokenDisk{}
	m := foundWith(t, Options{Timing: timing, DiskFault: first.write})
	disks[m] = first
	members := []*member{m}
	for _, name := range []string{"n2", "n3"} {
		d := &brokenDisk{}
		m.options.DiskFault = d.write
		added := m.grow(name)
		disks[added] = d
		members = append(members, added)
	}
	return members, disks
}

func TestG3_ALeaderWhoseDiskHangsIsReplacedAndEnds(t *testing.T) {
	members, disks := threeOnDisks(t)
	leader, others := leaderOf(t, members)
	disks[leader].hang(t)
	var wg sync.WaitGroup
	wg.Add(1)
	go func() { // Something to write.
		defer wg.Done()
		_, _ = leader.Propose(patient(t), bind(1))
	}()
	next, _ := leaderOf(t, others)
	if r := next.mustPropose(bind(2)); r.Refusal != storage.Granted {
		t.Errorf("Bind at the new leader: refused (%d) %s", r.Refusal, r.Detail)
	}
	if err := <-leader.done; !errors.Is(err, errDiskHung) {
		t.Errorf("Run = %v, want a hung disk", err)
	}
	leader.stop = nil
	wg.Wait()
}

func TestG4_TheFirstStoreErrorEndsTheNode(t *testing.T) {
	members, disks := threeOnDisks(t)
	leader, others := leaderOf(t, members)
	broken := errors.New("no space left on device")
	disks[leader].err.Store(&broken)
	r, err := leader.Propose(patient(t), bind(1))
	if err == nil && r.Refusal == storage.Granted {
		// It may have been re-routed to the next leader; what must not be is a lease that nobody knows.
		if err := others[0].Barrier(patient(t)); err != nil {
			t.Fatal(err)
		}
		others[0].Read(func(v storage.View) {
			if _, ok := v.Lease(bind(1).Addr); !ok {
				t.Error("an acknowledged lease is nowhere")
			}
		})
	}
	if err := <-leader.done; err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("Run = %v, want the store's error", err)
	}
	leader.stop = nil
	next, _ := leaderOf(t, others)
	if r := next.mustPropose(bind(2)); r.Refusal != storage.Granted {
		t.Errorf("Bind at the next leader: refused (%d) %s", r.Refusal, r.Detail)
	}
}

func TestG4_AFullDiskStopsNewBindingsNotRenewals(t *testing.T) {
	var room atomic.Uint64
	room.Store(1 << 30)
	m := foundWith(t, Options{Space: func() (disk.Space, error) {
		return disk.Space{Free: room.Load(), Total: 2 << 30}, nil
	}})
	if r := m.mustPropose(bind(1)); r.Refusal != storage.Granted {
		t.Fatalf("Bind: refused (%d) %s", r.Refusal, r.Detail)
	}
	renewal := bind(1)
	renewal.Mode = storage.Renewing
	for _, c := range []struct {
		name     string
		free     uint64
		new, old bool
	}{
		{"a tenth and more", 300 << 20, true, true},
		{"less than a tenth", 100 << 20, false, true},
		{"next to nothing", 1 << 20, false, false},
		{"room again", 1 << 30, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			room.Store(c.free)
			m.space.look()
			_, err := m.Propose(patient(t), bind(2))
			if (err == nil) != c.new || (err != nil && !errors.Is(err, storage.ErrOverloaded)) {
				t.Errorf("new binding: %v", err)
			}
			_, err = m.Propose(patient(t), renewal)
			if (err == nil) != c.old || (err != nil && !errors.Is(err, storage.ErrOverloaded)) {
				t.Errorf("renewal: %v", err)
			}
		})
	}
}

func TestG4_AConfigurationThatDoesNotFitIsRefusedBeforeItEndsTheNode(t *testing.T) {
	big := storage.SetConfig{Config: sample().Config, Source: strings.Repeat("#", 2<<20)}
	small := storage.SetConfig{Config: sample().Config, Source: "subnets: []"}
	for _, c := range []struct {
		name    string
		command storage.SetConfig
		free    uint64
		short   bool
		refused bool
	}{
		{"there is room", big, 1 << 30, false, false},
		{"just enough room", big, 3<<20 + 64<<10, false, false},
		{"it would fill the disk", big, 3 << 20, false, true},
		{"it is larger than the disk", big, 1 << 19, false, true},
		{"most of the others are nearly full", big, 1 << 30, true, true},
		{"a small one, into the last room", small, 2 << 20, true, false},
		{"a small one, into nothing", small, 1 << 20, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &space{
				ask:    func() (disk.Space, error) { return disk.Space{Free: c.free, Total: 2 << 30}, nil },
				logger: slog.New(slog.DiscardHandler),
			}
			s.look()
			s.setShort(c.short)
			err := s.admit(c.command)
			if (err != nil) != c.refused {
				t.Errorf("admit = %v, refused is to be %t", err, c.refused)
			}
			if err != nil && (!errors.Is(err, storage.ErrOverloaded) || !strings.Contains(err.Error(), "KiB")) {
				t.Errorf("admit = %q: the figures are missing, or the kind", err)
			}
		})
	}
	t.Run("two within one look", func(t *testing.T) {
		s := &space{
			ask:    func() (disk.Space, error) { return disk.Space{Free: 4 << 20, Total: 2 << 30}, nil },
			logger: slog.New(slog.DiscardHandler),
		}
		s.look()
		if err := s.admit(big); err != nil {
			t.Errorf("the first: %v", err)
		}
		if err := s.admit(big); err == nil {
			t.Error("the second has the room that the first has taken")
		}
	})
}

func TestSpace_Marks(t *testing.T) {
	for _, c := range []struct {
		name        string
		free, total uint64
		refused     bool
	}{
		{"plenty on a huge disk that is nearly full", 20 << 30, 1 << 40, false},
		{"a tenth of a huge disk, and not plenty", 10 << 30, 1 << 40, true},
		{"a small file system", 9 << 20, 64 << 20, false},
		{"a small file system, nearly full", 6 << 20, 64 << 20, true},
		{"a tiny file system, half full", 7 << 20, 14 << 20, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &space{
				ask:    func() (disk.Space, error) { return disk.Space{Free: c.free, Total: c.total}, nil },
				logger: slog.New(slog.DiscardHandler),
			}
			s.look()
			for _, mode := range []storage.Mode{storage.Selecting, storage.InitReboot, storage.BOOTP} {
				if err := s.admit(storage.Bind{Mode: mode}); (err != nil) != c.refused {
					t.Errorf("mode %d: admit = %v", mode, err)
				}
			}
		})
	}
}

func TestG14_TheOneWhoDiffersStopsServing_P9(t *testing.T) {
	for _, c := range []struct {
		name string
		who  func(leader, follower *member) *member
	}{
		{"a follower", func(_, f *member) *member { return f }},
		{"the leader itself", func(l, _ *member) *member { return l }},
	} {
		t.Run(c.name, func(t *testing.T) {
			members := three(t)
			leader, others := leaderOf(t, members)
			wrong := c.who(leader, others[0])
			// Something that never stood in the log: what a broken memory or an own bug would do.
			wrong.replica.mu.Lock()
			index := storage.ViewOf(wrong.replica.state).Index()
			wrong.replica.state.Apply(index+1, storage.Entry{
				At: lease.Genesis + 1, Commands: []storage.Command{bind(999)},
			})
			wrong.replica.mu.Unlock()
			leader.mustPropose(bind(1))
			leader.mustPropose(bind(2))
			select {
			case <-wrong.Stopped():
			case <-patient(t).Done():
				t.Fatal("still serving")
			}
			if _, ok := wrong.Upper(); ok || wrong.Serving() || wrong.InTouch() {
				t.Error("a node whose state is wrong would answer clients")
			}
			for _, m := range members {
				if m != wrong && !m.Serving() {
					t.Errorf("%s stopped serving too: %s", m.info.Name, m.trouble())
				}
			}
			eventually(t, "said why", func() bool {
				for _, s := range members[0].Status().Members {
					if s.Node.ID == wrong.id && strings.Contains(s.Trouble, "differs") {
						return true
					}
				}
				return false
			})
			right := others[1]
			eventually(t, "the wrong one owns nothing", func() (none bool) {
				right.Read(func(v storage.View) {
					owners, _ := v.Buckets()
					none = true
					for _, o := range owners {
						none = none && o != wrong.id
					}
				})
				return none
			})
		})
	}
}

func TestReplica_HaltsAtWhatItCannotRead_P16(t *testing.T) {
	r := newReplica()
	var halted error
	r.onHalt, r.onChange = func(err error) { halted = err }, func() {}
	if err, ok := r.Apply(&raft.Log{Index: 2, Data: []byte("from the future")}).(error); !ok || err == nil {
		t.Error("an entry that is none was applied")
	}
	if halted == nil || !strings.Contains(halted.Error(), "log entry 2") {
		t.Errorf("halted with %v, want the entry's index", halted)
	}
	good, err := logcodec.Encode(storage.Entry{At: 1, Commands: []storage.Command{storage.Tick{}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Apply(&raft.Log{Index: 3, Data: good}).(error); !ok {
		t.Error("went on after an entry that was skipped")
	}
	if _, err := r.Snapshot(); err == nil {
		t.Error("a halted replica took a snapshot")
	}
}

func TestG1_HeartbeatsHaveNoFastPath(t *testing.T) {
	var g raft.Transport = &guarded{} // A nil transport inside: passing the handler on would panic.
	g.SetHeartbeatHandler(func(raft.RPC) { t.Error("called") })
	if _, ok := g.(raft.WithPreVote); !ok {
		t.Error("G9: the transport lacks pre-vote")
	}
}

func TestG5_OneSnapshotTooOftenIsAnAlarm(t *testing.T) {
	alarms := 0
	g := &guarded{
		stuck:      func() time.Duration { return time.Hour }, // Fails the calls themselves.
		slow:       time.Minute,
		fenced:     func() bool { return false },
		installs:   map[raft.ServerID]installs{},
		onInstalls: func(raft.ServerID, uint64) { alarms++ },
	}
	for _, index := range []uint64{10, 10, 20, 20, 20} {
		g.countInstall("n2", index)
	}
	if alarms != 1 {
		t.Errorf("%d alarms, want one, at the third install of index 20", alarms)
	}
	if err := g.RequestVote("n2", "", nil, nil); !errors.Is(err, errDiskStuck) {
		t.Errorf("RequestVote with a stuck disk: %v", err)
	}
}

func TestSnapshot_ANewNodeGetsTheStateByIt_P14(t *testing.T) {
	m := found(t)
	for i := range 50 {
		m.mustPropose(bind(i))
	}
	if err := m.raft.Snapshot().Error(); err != nil {
		t.Fatal(err)
	}
	before := m.Status()
	_ = m.kill()
	m.relisten()
	m.start()
	eventually(t, "leads", func() bool { return m.route.now().ready })
	for i := range 50 {
		m.Read(func(v storage.View) {
			if l, ok := v.Lease(bind(i).Addr); !ok || l.Client != bind(i).Client.Key {
				t.Errorf("lease of %s is gone", bind(i).Addr)
			}
		})
	}
	after := m.Status()
	if after.Clock < before.Clock {
		t.Errorf("cluster time went back from %d to %d", before.Clock, after.Clock)
	}
	if before.SnapshotAt.IsZero() || !after.SnapshotAt.Equal(before.SnapshotAt) {
		t.Errorf("snapshot at %v, after a restart at %v: want one time", before.SnapshotAt, after.SnapshotAt)
	}
}

func TestOpen_TheFolderIsInUse(t *testing.T) {
	m := found(t)
	_, err := Open(Options{Dir: m.dir, Node: m.info, AllowSlowDisk: true})
	if !errors.Is(err, disk.ErrInUse) {
		t.Errorf("Open = %v, want ErrInUse", err)
	}
}
