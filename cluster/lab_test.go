package cluster

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// patience is how long a test waits for what must happen at last. It is no bound on anything.
const patience = 30 * time.Second

// quick is a timing with which tests do not take longer than they must.
func quick() Timing {
	return Timing{
		Heartbeat: 500 * time.Millisecond, // All nodes share a few busy processors.
		Pulse:     50 * time.Millisecond, Lost: 800 * time.Millisecond, Back: 50 * time.Millisecond,
		Promote: 100 * time.Millisecond, Checkpoint: 300 * time.Millisecond, Extend: 5 * time.Millisecond, Recall: 500 * time.Millisecond,
	}
}

// eventually waits until happened is true.
func eventually(t *testing.T, what string, happened func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !happened() {
		select {
		case <-ticker.C:
		case <-deadline.C:
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// member is one node of a test's cluster, running or not.
type member struct {
	t       *testing.T
	dir     string
	info    NodeInfo
	options Options
	listen  net.Listener

	*Node
	stop context.CancelFunc
	done chan error
	heard
}

// heard collects what other nodes said they handled.
type heard struct {
	mu   sync.Mutex
	list []Handled
}

func (h *heard) all() []Handled {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Handled(nil), h.list...)
}

// newMember makes room for a node: a folder and a port.
func newMember(t *testing.T, name string) *member {
	t.Helper()
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listen.Close() })
	return &member{
		t: t, dir: filepath.Join(t.TempDir(), name), listen: listen,
		info: NodeInfo{
			Name: name, PeerListen: listen.Addr().String(), Version: "test",
			Addresses: []netip.Addr{netip.MustParseAddr("10.67.0.2")},
		},
	}
}

// start opens and runs the node; it is stopped when the test ends, if not before.
func (m *member) start() {
	m.t.Helper()
	o := m.options
	o.Dir, o.Node, o.AllowSlowDisk, o.Listener = m.dir, m.info, true, m.listen
	if o.Timing == (Timing{}) {
		o.Timing = quick()
	}
	if testing.Verbose() {
		o.Logger = slog.New(slog.NewTextHandler(m.t.Output(), nil))
	}
	o.OnHandled = func(_ storage.NodeID, h Handled) {
		m.heard.mu.Lock()
		defer m.heard.mu.Unlock()
		m.heard.list = append(m.heard.list, h)
	}
	node, err := Open(o)
	if err != nil {
		m.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.Node, m.stop, m.done = node, cancel, make(chan error, 1)
	go func() { m.done <- node.Run(ctx) }()
	m.t.Cleanup(func() { m.kill() })
}

// kill ends the node without a word to the others, as far as that is possible in one process, and returns
// what Run said.
func (m *member) kill() error {
	if m.stop == nil {
		return nil
	}
	m.stop()
	err := <-m.done
	m.stop = nil
	return err
}

// relisten gets the port back after kill.
func (m *member) relisten() {
	m.t.Helper()
	eventually(m.t, "port free again", func() bool {
		listen, err := net.Listen("tcp", m.info.PeerListen)
		m.listen = listen
		return err == nil
	})
}

// sample is a configuration with one big pool.
func sample() *FirstConfig {
	return &FirstConfig{
		Source: "subnets: []", Author: "test",
		Config: &config.Config{Subnets: []config.Subnet{{
			Prefix: netip.MustParsePrefix("10.67.0.0/16"),
			Pools: []config.Pool{{Range: config.AddrRange{
				First: netip.MustParseAddr("10.67.0.10"), Last: netip.MustParseAddr("10.67.255.250"),
			}}},
		}}},
	}
}

// found makes a cluster of one and starts it.
func found(t *testing.T) *member { return foundWith(t, Options{}) }

func foundWith(t *testing.T, o Options) *member {
	t.Helper()
	m := newMember(t, "n1")
	m.options = o
	if _, err := Found(m.dir, m.info, sample()); err != nil {
		t.Fatal(err)
	}
	m.start()
	eventually(t, "leadership", func() bool { return m.route.now().ready })
	return m
}

// grow adds a node to the cluster of m and waits until it votes.
func (m *member) grow(name string) *member {
	m.t.Helper()
	added := newMember(m.t, name)
	token, err := m.CreateToken(patient(m.t), time.Hour)
	if err != nil {
		m.t.Fatal(err)
	}
	if err := Join(patient(m.t), added.dir, added.info, m.info.PeerListen, token); err != nil {
		m.t.Fatal(err)
	}
	added.options = m.options
	added.start()
	eventually(m.t, name+" votes", func() bool { return m.voters()[added.id] && added.voters()[added.id] })
	return added
}

// three makes a cluster of three.
func three(t *testing.T) []*member {
	t.Helper()
	first := found(t)
	return []*member{first, first.grow("n2"), first.grow("n3")}
}

func leaderOf(t *testing.T, members []*member) (leader *member, others []*member) {
	t.Helper()
	eventually(t, "a leader", func() bool {
		leader, others = nil, nil
		for _, m := range members {
			if m.stop != nil && m.route.now().ready {
				leader = m
			} else {
				others = append(others, m)
			}
		}
		return leader != nil
	})
	return leader, others
}

func bind(i int) storage.Bind {
	key := lease.HardwareKey(1, []byte{2, 0x67, 0, byte(i >> 16), byte(i >> 8), byte(i)})
	return storage.Bind{
		Client: storage.Client{Key: key, HType: 1, CHAddr: "\x02\x67\x00\x00\x00\x01"},
		Link:   "10.67.0.0/16",
		Addr:   netip.AddrFrom4([4]byte{10, 67, byte((i + 16) >> 8), byte(i + 16)}),
		Mode:   storage.Selecting,
	}
}

// mustPropose proposes until the outcome is known.
func (m *member) mustPropose(c storage.Command) storage.Result {
	m.t.Helper()
	ctx := patient(m.t)
	for {
		r, err := m.Propose(ctx, c)
		if err == nil {
			return r
		}
		if ctx.Err() != nil {
			m.t.Fatalf("%T: %v", c, err)
		}
	}
}
