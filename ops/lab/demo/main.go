// Command demo shows a cluster at work: three servers and a client in network namespaces, a lease, the death
// of the leader, a renewal. It needs root, and bin/port67d and bin/dhcpctl (make build). It waits for Ctrl-C at
// the end, unless RUN_ONCE is 1, and leaves nothing behind.
//
// This package is test machinery.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"port67/ops/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := show(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// show builds the lab, plays the scenes, and takes the lab down again, whatever happens.
func show(ctx context.Context) (err error) {
	daemon, err := filepath.Abs("bin/port67d")
	if err != nil {
		return err
	}
	fmt.Println("Three DHCP servers and a client on one link, in network namespaces of this machine.")
	l, err := lab.New(ctx, lab.Options{
		Daemon: daemon, Ctl: filepath.Join(filepath.Dir(daemon), "dhcpctl"), OwnSignals: true,
	})
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := l.Close(); err == nil {
			err = closeErr
		}
		fmt.Println("Everything is removed again.")
	}()
	client, dead, err := play(ctx, l)
	if err != nil {
		return err
	}
	alive, err := l.Leader(ctx)
	if err != nil {
		return err
	}
	if err := l.WaitDead(ctx, alive, dead); err != nil {
		return err
	}
	for _, args := range [][]string{{"cluster", "status"}, {"lease", "list"}} {
		out, err := l.Ctl(ctx, alive, args...)
		if err != nil {
			return err
		}
		fmt.Printf("\n$ dhcpctl %s\n%s", strings.Join(args, " "), out)
	}
	if os.Getenv("RUN_ONCE") == "1" {
		return nil
	}
	next(l, client, alive, dead)
	<-ctx.Done()
	return nil
}

// play gets a lease, kills the leader and renews. It returns the client and the number of the dead node.
func play(ctx context.Context, l *lab.Lab) (*lab.Client, int, error) {
	leader, err := l.Leader(ctx)
	if err != nil {
		return nil, 0, err
	}
	scene("three nodes, one cluster", "n%d leads", leader)
	host, err := l.AddHost(ctx, "", lab.LAN, "")
	if err != nil {
		return nil, 0, err
	}
	client, err := l.StartClient(host, lab.Udhcpc, 0)
	if err != nil {
		return nil, 0, err
	}
	bound, err := client.Await(ctx, "bound", 30*time.Second)
	if err != nil {
		return nil, 0, err
	}
	scene("udhcpc asks for an address", "%s for %v from %s", bound.Address, bound.Lease, server(l, bound))
	if err := l.Node(leader).Kill(); err != nil {
		return nil, 0, err
	}
	killed := time.Now()
	successor, err := l.Leader(ctx)
	if err != nil {
		return nil, 0, err
	}
	scene(fmt.Sprintf("kill -9 of n%d, the leader", leader), "n%d leads after %.1f s", successor,
		time.Since(killed).Seconds())
	if err := client.Renew(); err != nil {
		return nil, 0, err
	}
	renewed, err := client.Await(ctx, "renewed", 30*time.Second)
	if err != nil {
		return nil, 0, err
	}
	scene("udhcpc renews", "%s for %v from %s", renewed.Address, renewed.Lease, server(l, renewed))
	return client, leader, nil
}

func scene(what, format string, args ...any) {
	fmt.Printf("  %-30s %s\n", what, fmt.Sprintf(format, args...))
}

// server names the node that an event's server identifier belongs to.
func server(l *lab.Lab, e lab.Event) string {
	for _, n := range l.Nodes() {
		if n.Addr == e.Server {
			return fmt.Sprintf("%s (%s)", n.Name, e.Server)
		}
	}
	return e.Server
}

// next says what to try, in commands that can be pasted into another terminal.
func next(l *lab.Lab, client *lab.Client, alive, dead int) {
	ctl := fmt.Sprintf("bin/dhcpctl --socket %s", l.Node(alive).Socket())
	fmt.Printf(`
Try next, as root in another terminal in this folder:
  %[1]s cluster status
  %[1]s lease list -o yaml
  ip netns exec %[2]s ip address show eth0
  ip netns exec %[3]s bin/port67d run --node %[4]s    # n%[5]d comes back
  tail -f %[6]s
Ctrl-C here ends it all and leaves nothing behind.
`, ctl, client.Space, l.Node(dead).Space, l.Node(dead).NodeFile(), dead, l.Node(alive).LogFile())
}
