//go:build lab

package lab

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A node that is stopped by SIGTERM drains: its buckets and its leadership go to the others before its sockets
// close, it ends with status 0, and it takes part again by itself when it is back (safety.md §4).
func TestStop_Drains(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	l, err := New(ctx, Options{Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { closeLab(t, l) }()
	leader, err := l.Leader(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Node(leader).Terminate(ctx); err != nil {
		t.Fatalf("n%d, the leader, ended with %v, want status 0", leader, err)
	}
	if log := l.Node(leader).Log(); !strings.Contains(log, "msg=drained") ||
		strings.Contains(log, "without having handed everything over") {
		t.Errorf("the log of n%d says not that it has drained", leader)
	}
	successor, err := l.Leader(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.WaitDead(ctx, successor, leader); err != nil {
		t.Error(err)
	}
	host, err := l.AddHost(ctx, "", LAN, "")
	if err != nil {
		t.Fatal(err)
	}
	client, err := l.StartClient(host, Udhcpc, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer client.End()
	if _, err := client.Await(ctx, "bound", 20*time.Second); err != nil {
		t.Error(err)
	}
	if err := l.Node(leader).Start(); err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= 3; i++ {
		if err := l.WaitVoters(ctx, i, 3); err != nil {
			t.Error(err)
		}
	}
}

// port67d dev serves a link out of nothing, and leaves nothing behind.
func TestDev(t *testing.T) {
	ctx := t.Context()
	l, err := New(ctx, Options{Nodes: 1, Members: -1, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { closeLab(t, l) }()
	if err := l.build(ctx); err != nil {
		t.Fatal(err)
	}
	dev, err := l.Node(1).StartBackground("env", "TMPDIR="+l.Node(1).Dir, l.opts.Daemon, "dev")
	if err != nil {
		t.Fatal(err)
	}
	host, err := l.AddHost(ctx, "", LAN, "")
	if err != nil {
		t.Fatal(err)
	}
	client, err := l.StartClient(host, Udhcpc, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer client.End()
	bound, err := client.Await(ctx, "bound", 30*time.Second)
	if err != nil {
		t.Fatalf("%v\nport67d dev wrote\n%s", err, dev.Output())
	}
	if !strings.HasPrefix(bound.Address, "10.67.25") || bound.Server != l.Node(1).Addr {
		t.Errorf("bound to %s by %s, want an address of the sample by %s", bound.Address, bound.Server,
			l.Node(1).Addr)
	}
	if err := dev.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := dev.Wait(ctx); err != nil {
		t.Errorf("it ended with %v, want status 0; it wrote\n%s", err, dev.Output())
	}
	left, err := run(ctx, "sh", "-c", fmt.Sprintf("ls -d %s/port67-dev-* 2>/dev/null || true", l.Node(1).Dir))
	if err != nil || left != "" {
		t.Errorf("left behind: %s %v", left, err)
	}
}
