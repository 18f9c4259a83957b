package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Options says what kind of lab New makes. The zero Options is three nodes that serve DefaultConfig.
type Options struct {
	// Nodes is how many server namespaces there are; 3 if 0, at most 7.
	Nodes int
	// Members is how many of them are in the cluster when New returns; all if 0. The others are there, not
	// joined and not running; see Grow. -1: none, not even the first one is founded.
	Members int
	// Config is the dhcp.yaml the cluster is founded with; DefaultConfig if empty.
	Config string
	// Daemon and Ctl are the programs; built from this module if empty.
	Daemon, Ctl string
	// Relay starts dhcrelay (Debian package isc-dhcp-relay) between the links. It sends to all nodes.
	Relay bool
	// DataSize puts every data folder on a file system of its own of that size, as in "64m"; empty: not.
	DataSize string
	// LogLevel is that of the nodes; info if empty.
	LogLevel string
	// Log is told what the lab does; nothing if nil.
	Log io.Writer
	// OwnSignals says that the caller closes the lab when the process is interrupted; otherwise the lab closes
	// itself and ends the process.
	OwnSignals bool
	// Keep leaves the folder with node files, data and logs behind when the lab is closed.
	Keep bool
}

// DefaultConfig serves both links from plenty of addresses.
const DefaultConfig = `lease: {default: 1h, min: 10s, max: 24h}
options:
  domain-name-servers: [10.67.0.53]
  domain-name: example.org
subnets:
  - prefix: 10.67.0.0/16
    pools:
      - range: 10.67.1.0-10.67.255.250
    options: {routers: [10.67.0.1]}
  - prefix: 10.68.0.0/24
    pools:
      - range: 10.68.0.10-10.68.0.250
    options: {routers: [10.68.0.1]}
`

// Lab is a running lab. Its methods may be called from several goroutines.
type Lab struct {
	opts   Options
	prefix string // of the names of all its namespaces
	dir    string
	nodes  []*Node
	relay  *Host

	mu     sync.Mutex
	spaces []string
	ports  int
	hosts  int
	closed bool

	interrupted chan os.Signal
	over        chan struct{}
}

// New makes the namespaces and links, founds a cluster on n1, joins the other members and waits until all of
// them vote and serve. What it made is removed again if it cannot finish, and when the process is interrupted.
func New(ctx context.Context, opts Options) (*Lab, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("lab: needs root, to make network namespaces")
	}
	opts.setDefaults()
	if err := sweep(ctx); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", spacePrefix+strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return nil, err
	}
	l := &Lab{
		opts: opts, dir: dir, interrupted: make(chan os.Signal, 1), over: make(chan struct{}),
		prefix: filepath.Base(dir) + "-",
	}
	if !opts.OwnSignals {
		go l.watchInterrupt()
	}
	if err := l.fill(ctx); err != nil {
		return nil, errors.Join(err, l.logTails(), l.Close())
	}
	return l, nil
}

func (l *Lab) fill(ctx context.Context) error {
	if err := l.makeNetwork(ctx); err != nil {
		return err
	}
	if l.opts.Members < 0 {
		return nil
	}
	if err := l.build(ctx); err != nil {
		return err
	}
	return l.makeCluster(ctx)
}

func (o *Options) setDefaults() {
	if o.Nodes == 0 {
		o.Nodes = 3
	}
	if o.Members == 0 {
		o.Members = o.Nodes
	}
	if o.Config == "" {
		o.Config = DefaultConfig
	}
	if o.LogLevel == "" {
		o.LogLevel = "info"
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
}

// watchInterrupt closes the lab when the process is told to end, and then ends the process.
func (l *Lab) watchInterrupt() {
	signal.Notify(l.interrupted, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(l.interrupted)
	select {
	case <-l.over:
	case s := <-l.interrupted:
		fmt.Fprintf(os.Stderr, "lab: %v, tidying up\n", s)
		if err := l.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "lab:", err)
		}
		os.Exit(130)
	}
}

// build makes the programs that Options does not name.
func (l *Lab) build(ctx context.Context) error {
	for _, p := range []struct {
		path *string
		name string
	}{{&l.opts.Daemon, "port67d"}, {&l.opts.Ctl, "dhcpctl"}} {
		if *p.path != "" {
			continue
		}
		*p.path = filepath.Join(l.dir, p.name)
		l.logf("build %s", p.name)
		if _, err := run(ctx, "go", "build", "-o", *p.path, "port67/cmd/"+p.name); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lab) makeNetwork(ctx context.Context) error {
	l.logf("network %s*", l.prefix)
	if err := l.addSwitch(ctx); err != nil {
		return err
	}
	if err := l.addRelay(ctx); err != nil {
		return err
	}
	for i := 1; i <= l.opts.Nodes; i++ {
		if err := l.addNode(ctx, i); err != nil {
			return err
		}
	}
	if l.opts.Relay {
		_, err := l.StartRelay(ctx, l.addrs()...)
		return err
	}
	return nil
}

func (l *Lab) addNode(ctx context.Context, i int) error {
	name := "n" + strconv.Itoa(i)
	n := &Node{Index: i, Addr: "10.67.0." + strconv.Itoa(i+1), Dir: filepath.Join(l.dir, name)}
	h, err := l.addHost(ctx, name, LAN, n.Addr+"/16")
	if err != nil {
		return err
	}
	n.Host = h
	l.nodes = append(l.nodes, n)
	if _, err := run(ctx, "ip", "-n", h.Space, "route", "add", "default", "via", "10.67.0.1"); err != nil {
		return err
	}
	if err := os.MkdirAll(n.Data(), 0o700); err != nil {
		return err
	}
	if l.opts.DataSize != "" {
		if _, err := run(ctx, "mount", "-t", "tmpfs", "-o", "mode=0700,size="+l.opts.DataSize, "port67",
			n.Data()); err != nil {
			return err
		}
	}
	return n.writeNodeFile()
}

func (l *Lab) makeCluster(ctx context.Context) error {
	first := l.Node(1)
	l.logf("found the cluster on n1")
	if err := first.Init(ctx); err != nil {
		return err
	}
	if err := first.Start(); err != nil {
		return err
	}
	if err := l.WaitServing(ctx, 1); err != nil {
		return err
	}
	for i := 2; i <= l.opts.Members; i++ {
		if err := l.Grow(ctx, i); err != nil {
			return err
		}
	}
	for i := 1; i <= l.opts.Members; i++ {
		if err := l.WaitVoters(ctx, i, l.opts.Members); err != nil {
			return err
		}
	}
	return nil
}

// Grow makes node i a member of the cluster that n1 is in, starts it and waits until it serves. That it votes
// comes later; see WaitVoters.
func (l *Lab) Grow(ctx context.Context, i int) error {
	n := l.Node(i)
	l.logf("join %s", n.Name)
	by := l.Node(1)
	for _, other := range l.nodes {
		if other != n && other.Running() {
			by = other
			break
		}
	}
	if err := n.Join(ctx, by); err != nil {
		return err
	}
	if err := n.Start(); err != nil {
		return err
	}
	return l.WaitServing(ctx, i)
}

// Node returns node i, counted from 1.
func (l *Lab) Node(i int) *Node { return l.nodes[i-1] }

// Nodes returns all nodes, members or not.
func (l *Lab) Nodes() []*Node { return slices.Clone(l.nodes) }

// Relay returns the router between the links, 10.67.0.1 and 10.68.0.1.
func (l *Lab) Relay() *Host { return l.relay }

// Dir is the folder of node files, logs and captures; it goes away with the lab.
func (l *Lab) Dir() string { return l.dir }

func (l *Lab) addrs() []string {
	var list []string
	for _, n := range l.nodes {
		list = append(list, n.Addr)
	}
	return list
}

// AddHost makes another host on a link: a client without an address if addr is empty, or, for instance, a load
// generator with "10.67.0.9/16". Hosts get names c1, c2 … in this order if name is empty.
func (l *Lab) AddHost(ctx context.Context, name string, link Link, addr string) (*Host, error) {
	l.mu.Lock()
	l.hosts++
	if name == "" {
		name = "c" + strconv.Itoa(l.hosts)
	}
	l.mu.Unlock()
	return l.addHost(ctx, name, link, addr)
}

// Close ends every process and removes every namespace, mount and file of the lab. It may be called twice.
func (l *Lab) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	spaces := slices.Clone(l.spaces)
	l.mu.Unlock()
	close(l.over)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var errs []error
	for _, space := range slices.Backward(spaces) {
		errs = append(errs, removeSpace(ctx, space))
	}
	unmountBelow(l.dir)
	if !l.opts.Keep {
		errs = append(errs, os.RemoveAll(l.dir))
	}
	return errors.Join(errs...)
}

// unmountBelow removes the file systems of data folders; one that is not there is no error.
func unmountBelow(dir string) {
	folders, _ := filepath.Glob(filepath.Join(dir, "*", "data"))
	for _, folder := range folders {
		_ = syscall.Unmount(folder, syscall.MNT_DETACH)
	}
}

// logTails is an error that shows the end of every node's log.
func (l *Lab) logTails() error {
	var b strings.Builder
	for _, n := range l.nodes {
		lines := strings.Split(strings.TrimSpace(n.Log()), "\n")
		fmt.Fprintf(&b, "\n-- log of %s, last lines --\n%s", n.Name,
			strings.Join(lines[max(0, len(lines)-15):], "\n"))
	}
	return errors.New(b.String())
}

func (l *Lab) logf(format string, args ...any) {
	fmt.Fprintf(l.opts.Log, "lab: "+format+"\n", args...)
}

// syncBuffer collects what a process writes, for readers beside it.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// Background is a command that was started beside the test, with what it wrote so far.
type Background struct {
	cmd  *exec.Cmd
	out  syncBuffer
	gone chan struct{}
	err  error
}

// StartBackground starts a command in the host's namespace and returns at once.
func (h *Host) StartBackground(name string, args ...string) (*Background, error) {
	b := &Background{cmd: h.Command(context.Background(), name, args...), gone: make(chan struct{})}
	b.cmd.Stdout, b.cmd.Stderr = &b.out, &b.out
	b.cmd.WaitDelay = time.Second // What it left running may hold on to its output.
	if err := b.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s on %s: %w", name, h.Name, err)
	}
	go func() {
		b.err = b.cmd.Wait()
		close(b.gone)
	}()
	return b, nil
}

// Output returns what the command wrote so far.
func (b *Background) Output() string { return b.out.String() }

// Signal sends a signal to the command.
func (b *Background) Signal(s syscall.Signal) error { return b.cmd.Process.Signal(s) }

// Wait waits until the command has ended and returns its exit status.
func (b *Background) Wait(ctx context.Context) error {
	select {
	case <-b.gone:
		return b.err
	case <-ctx.Done():
		return fmt.Errorf("wait for the end of %s: %w", strings.Join(b.cmd.Args, " "), ctx.Err())
	}
}

// Kill ends the command with SIGKILL and waits for it.
func (b *Background) Kill() {
	_ = b.cmd.Process.Kill()
	<-b.gone
}

// StartRelay runs dhcrelay between the links, which sends what it hears on Far to the given servers.
func (l *Lab) StartRelay(ctx context.Context, servers ...string) (*Background, error) {
	args := append([]string{"-4", "-d", "--no-pid", "-id", "eth1", "-iu", "eth0"}, servers...)
	b, err := l.relay.StartBackground("dhcrelay", args...)
	if err != nil {
		return nil, err
	}
	return b, Poll(ctx, "dhcrelay", 10*time.Second, func(context.Context) error {
		if !strings.Contains(b.Output(), "Listening on") {
			return fmt.Errorf("it said %q", b.Output())
		}
		return nil
	})
}
