package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Node is one server of the lab: a host, its node file and data folder, and a port67d process that can be
// killed, paused and started again.
type Node struct {
	*Host
	Index int    // from 1
	Addr  string // 10.67.0.2 for n1
	Dir   string // node file, data folder, socket and log

	mu   sync.Mutex
	proc *process
}

// process is one run of port67d. gone is closed when it has ended and err is set.
type process struct {
	cmd  *exec.Cmd
	gone chan struct{}
	err  error
}

// ErrRunning means that a node is running already, ErrStopped that it is not running.
var (
	ErrRunning = errors.New("node is running")
	ErrStopped = errors.New("node is not running")
)

// NodeFile is the path of the node's node.yaml.
func (n *Node) NodeFile() string { return filepath.Join(n.Dir, "node.yaml") }

// Data is the path of the node's data folder.
func (n *Node) Data() string { return filepath.Join(n.Dir, "data") }

// Socket is the path of the node's admin socket.
func (n *Node) Socket() string { return filepath.Join(n.Dir, "admin.sock") }

// LogFile is the path of what the node wrote, over all of its runs.
func (n *Node) LogFile() string { return filepath.Join(n.Dir, "log") }

// MetricsURL is where the node's /metrics, /healthz and /readyz are, reachable inside of its namespace.
func (n *Node) MetricsURL() string { return "http://127.0.0.1:6703" }

// Log returns what the node wrote, over all of its runs.
func (n *Node) Log() string {
	b, err := os.ReadFile(n.LogFile())
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func (n *Node) writeNodeFile() error {
	text := fmt.Sprintf(`name: %s
data: %s
interfaces: [eth0]
peer:
  listen: %s:6701
admin:
  listen: %s:6702
  socket: %s
metrics:
  listen: 127.0.0.1:6703
allow-slow-disk: true
log: {level: %s, format: text}
`, n.Name, n.Data(), n.Addr, n.Addr, n.Socket(), n.lab.opts.LogLevel)
	return os.WriteFile(n.NodeFile(), []byte(text), 0o600)
}

// Init makes the node the first of a new cluster, with the lab's configuration.
func (n *Node) Init(ctx context.Context) error {
	file := filepath.Join(n.Dir, "dhcp.yaml")
	if err := os.WriteFile(file, []byte(n.lab.opts.Config), 0o600); err != nil {
		return err
	}
	_, err := n.Exec(ctx, n.lab.opts.Daemon, "init", "--node", n.NodeFile(), "--config", file)
	return err
}

// Join makes the node a member-to-be of the cluster that the node by is in. Start then makes it a member.
func (n *Node) Join(ctx context.Context, by *Node) error {
	token, err := n.lab.Ctl(ctx, by.Index, "cluster", "token")
	if err != nil {
		return err
	}
	fields := strings.Fields(token)
	if len(fields) == 0 {
		return fmt.Errorf("dhcpctl cluster token on %s: no token", by.Name)
	}
	_, err = n.Exec(ctx, n.lab.opts.Daemon, "join", "--node", n.NodeFile(), "--token", longest(fields),
		by.Addr+":6701")
	return err
}

// longest picks the token out of the words around it, if there are any.
func longest(words []string) string {
	best := words[0]
	for _, w := range words {
		if len(w) > len(best) {
			best = w
		}
	}
	return best
}

// Start runs port67d. It returns when the process runs, not when it serves; see Lab.WaitServing.
func (n *Node) Start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc != nil && !n.proc.ended() {
		return fmt.Errorf("start %s: %w", n.Name, ErrRunning)
	}
	log, err := os.OpenFile(n.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	// The process outlives every context: only Kill, Terminate and Close end it.
	cmd := n.Command(context.Background(), n.lab.opts.Daemon, "run", "--node", n.NodeFile())
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", n.Name, err)
	}
	p := &process{cmd: cmd, gone: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.gone)
	}()
	n.proc = p
	return nil
}

func (p *process) ended() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// Running says whether the node's process is there, be it paused.
func (n *Node) Running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.proc != nil && !n.proc.ended()
}

// Wait waits until the process has ended and returns how: nil for exit status 0.
func (n *Node) Wait(ctx context.Context) error {
	n.mu.Lock()
	p := n.proc
	n.mu.Unlock()
	if p == nil {
		return fmt.Errorf("wait for %s: %w", n.Name, ErrStopped)
	}
	select {
	case <-p.gone:
		return p.err
	case <-ctx.Done():
		return fmt.Errorf("wait for the end of %s: %w", n.Name, ctx.Err())
	}
}

func (n *Node) signal(s syscall.Signal) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc == nil || n.proc.ended() {
		return fmt.Errorf("signal %v to %s: %w", s, n.Name, ErrStopped)
	}
	return n.proc.cmd.Process.Signal(s)
}

// Kill ends the node with SIGKILL and waits until it is gone.
func (n *Node) Kill() error {
	if err := n.signal(syscall.SIGKILL); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var exit *exec.ExitError
	if err := n.Wait(ctx); err != nil && !errors.As(err, &exit) {
		return err
	}
	return nil
}

// Terminate asks the node to drain and end (SIGTERM) and waits until it is gone. The error is its exit status.
func (n *Node) Terminate(ctx context.Context) error {
	if err := n.signal(syscall.SIGTERM); err != nil {
		return err
	}
	return n.Wait(ctx)
}

// Stop makes the node stand still (SIGSTOP): its sockets stay open and fill up.
func (n *Node) Stop() error { return n.signal(syscall.SIGSTOP) }

// Cont lets a stopped node go on (SIGCONT).
func (n *Node) Cont() error { return n.signal(syscall.SIGCONT) }
