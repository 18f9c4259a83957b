package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/vishvananda/netns"
)

// Link is a broadcast domain of the lab.
type Link string

// The links.
const (
	LAN Link = "lan" // 10.67.0.0/16, where the servers are
	Far Link = "far" // 10.68.0.0/24, behind the relay
)

// spacePrefix marks our namespaces; the process number of the lab that made them follows.
const spacePrefix = "p67-"

// Host is one machine of the lab: a network namespace with an interface eth0.
type Host struct {
	Name  string // n1, relay, c1, …
	Space string // name of the namespace, as ip netns knows it
	lab   *Lab
}

// Command prepares a command that runs in the host's namespace. It dies with this process.
func (h *Host) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	argv := append([]string{"netns", "exec", h.Space, name}, args...)
	cmd := exec.CommandContext(ctx, "ip", argv...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// Exec runs a command in the host's namespace to its end and returns what it wrote to standard output and
// standard error.
func (h *Host) Exec(ctx context.Context, name string, args ...string) (string, error) {
	return output(h.Command(ctx, name, args...))
}

// In calls f on an operating-system thread that is inside the host's namespace. Sockets that f opens stay in
// the namespace and may be used from anywhere afterwards; goroutines that f starts are not inside.
func (h *Host) In(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := netns.Get()
		if err != nil {
			done <- fmt.Errorf("namespace of this process: %w", err)
			return
		}
		defer home.Close()
		there, err := netns.GetFromName(h.Space)
		if err != nil {
			done <- fmt.Errorf("namespace %s: %w", h.Space, err)
			return
		}
		defer there.Close()
		if err := netns.Set(there); err != nil {
			done <- fmt.Errorf("namespace %s: %w", h.Space, err)
			return
		}
		err = f()
		if back := netns.Set(home); back != nil {
			// The thread is lost to the namespace: it stays locked, and ends with this goroutine.
			done <- errors.Join(err, back)
			return
		}
		runtime.UnlockOSThread()
		done <- err
	}()
	return <-done
}

// addHost makes a namespace and plugs its eth0 into link. addr is its address with the length of the prefix;
// empty for a client that has none yet.
func (l *Lab) addHost(ctx context.Context, name string, link Link, addr string) (*Host, error) {
	h := &Host{Name: name, Space: l.prefix + name, lab: l}
	if err := l.addSpace(ctx, h.Space); err != nil {
		return nil, err
	}
	if err := l.plug(ctx, h, "eth0", link, addr); err != nil {
		return nil, err
	}
	return h, nil
}

// addSpace makes a namespace with a loopback interface and without IPv6, whose neighbour discovery would only
// stand in the captures.
func (l *Lab) addSpace(ctx context.Context, space string) error {
	if _, err := run(ctx, "ip", "netns", "add", space); err != nil {
		return err
	}
	l.mu.Lock()
	l.spaces = append(l.spaces, space)
	l.mu.Unlock()
	_, err := run(ctx, "ip", "netns", "exec", space, "sh", "-c",
		"ip link set lo up && echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6")
	return err
}

// plug connects an interface of h with the bridge of link.
func (l *Lab) plug(ctx context.Context, h *Host, ifname string, link Link, addr string) error {
	l.mu.Lock()
	l.ports++
	port := "p" + strconv.Itoa(l.ports)
	l.mu.Unlock()
	script := fmt.Sprintf("ip link add %s netns %s type veth peer name %s netns %s && "+
		"ip -n %s link set %s master %s up && ip -n %s link set %s up",
		ifname, h.Space, port, l.switchSpace(), l.switchSpace(), port, link, h.Space, ifname)
	if addr != "" {
		script += fmt.Sprintf(" && ip -n %s addr add %s dev %s", h.Space, addr, ifname)
	}
	_, err := run(ctx, "sh", "-c", script)
	return err
}

func (l *Lab) switchSpace() string { return l.prefix + "sw" }

// addSwitch makes the namespace of the bridges. They have no spanning tree and forward at once.
func (l *Lab) addSwitch(ctx context.Context) error {
	if err := l.addSpace(ctx, l.switchSpace()); err != nil {
		return err
	}
	for _, link := range []Link{LAN, Far} {
		_, err := run(ctx, "sh", "-c", fmt.Sprintf(
			"ip -n %[1]s link add %[2]s type bridge stp_state 0 forward_delay 0 mcast_snooping 0 && "+
				"ip -n %[1]s link set %[2]s up", l.switchSpace(), link))
		if err != nil {
			return err
		}
	}
	return nil
}

// addRelay makes the router between the links. The relay agent itself is started by Options.Relay.
func (l *Lab) addRelay(ctx context.Context) error {
	h, err := l.addHost(ctx, "relay", LAN, "10.67.0.1/16")
	if err != nil {
		return err
	}
	l.relay = h
	if err := l.plug(ctx, h, "eth1", Far, "10.68.0.1/24"); err != nil {
		return err
	}
	_, err = h.Exec(ctx, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
	return err
}

// removeSpace ends all processes in a namespace and deletes it.
func removeSpace(ctx context.Context, space string) error {
	pids, err := run(ctx, "ip", "netns", "pids", space)
	if err != nil {
		return err
	}
	for _, word := range strings.Fields(pids) {
		if pid, err := strconv.Atoi(word); err == nil && pid != os.Getpid() {
			// One that has ended meanwhile is no error.
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	_, err = run(ctx, "ip", "netns", "del", space)
	return err
}

// sweep removes what labs left behind whose process is gone, because it was killed or ran into the time limit
// of go test. The number of the process stands in the names.
func sweep(ctx context.Context) error {
	list, err := run(ctx, "ip", "netns", "list")
	if err != nil {
		return err
	}
	for line := range strings.Lines(list) {
		space, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if pid, ours := labOf(space); ours && !alive(pid) {
			if err := removeSpace(ctx, space); err != nil {
				return err
			}
		}
	}
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), spacePrefix+"*"))
	for _, dir := range dirs {
		if pid, ours := labOf(filepath.Base(dir)); ours && !alive(pid) {
			unmountBelow(dir)
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

func labOf(name string) (pid int, ours bool) {
	rest, ours := strings.CutPrefix(name, spacePrefix)
	if !ours {
		return 0, false
	}
	number, _, _ := strings.Cut(rest, "-")
	pid, err := strconv.Atoi(number)
	return pid, err == nil
}

func alive(pid int) bool { return syscall.Kill(pid, 0) != syscall.ESRCH }

func run(ctx context.Context, name string, args ...string) (string, error) {
	return output(exec.CommandContext(ctx, name, args...))
}

func output(cmd *exec.Cmd) (string, error) {
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err,
			strings.TrimSpace(string(out)))
	}
	return string(out), nil
}
