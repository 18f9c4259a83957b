//go:build lab

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const conflictConfig = `probe: {icmp: on}
decline: {quarantine: 1h}
subnets:
  - prefix: 10.67.0.0/16
    pools: [10.67.1.10-10.67.1.13]
  - prefix: 10.68.0.0/24
    pools: [10.68.0.100-10.68.0.109]
`

// V4-108: devices that took addresses of the pool by themselves are found before anybody is offered these: the
// client gets another one, and the addresses are out of service. An operator puts one back when its device is
// gone.
func TestConflict_V4_108_Squatters(t *testing.T) {
	ctx := t.Context()
	l, err := New(ctx, Options{
		Config: strings.ReplaceAll(conflictConfig, ": on", ": off"), Relay: true, LogLevel: "debug",
		Log: t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer closeLab(t, l)
	for i, a := range []string{"10.67.1.10", "10.67.1.12"} {
		if _, err := l.AddHost(ctx, fmt.Sprint("squat", i), LAN, a+"/16"); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(l.Dir(), "probe.yaml")
	if err := os.WriteFile(file, []byte(conflictConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := l.Ctl(ctx, 1, "config", "apply", "--yes", file); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	host, err := l.AddHost(ctx, "", LAN, "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.StartClient(host, Udhcpc, 600)
	if err != nil {
		t.Fatal(err)
	}
	defer c.End()
	bound, err := c.Await(ctx, "bound", 30*time.Second)
	if err != nil {
		t.Fatalf("%v\n%s", err, l.Node(1).Log())
	}
	if a, _, _ := strings.Cut(bound.Address, "/"); a != "10.67.1.11" && a != "10.67.1.13" {
		t.Errorf("the client got %s, which another device uses", a)
	}
	var listed string
	if err := Poll(ctx, "both addresses out of service", 20*time.Second, func(ctx context.Context) error {
		if listed, err = l.Ctl(ctx, 1, "lease", "list", "--state", "declined"); err != nil {
			return err
		}
		if !strings.Contains(listed, "10.67.1.10 ") || !strings.Contains(listed, "10.67.1.12 ") {
			return errors.New(listed)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	t.Logf("out of service:\n%s", listed)
	if n := strings.Count(listed, "\n"); n != 3 {
		t.Errorf("%d lines, want a head and two addresses", n)
	}
	if out, err := l.Ctl(ctx, 1, "lease", "clear-declined", "10.67.1.10"); err != nil {
		t.Errorf("clear-declined: %q, %v", out, err)
	}
	warned := false
	for _, n := range l.Nodes() {
		warned = warned || strings.Contains(n.Log(), "address in use: out of service")
	}
	if !warned {
		t.Error("no node's log tells of it")
	}
	// What the nodes and the relay agent send to clients is nobody else's.
	far, err := l.AddHost(ctx, "", Far, "")
	if err != nil {
		t.Fatal(err)
	}
	behind, err := l.StartClient(far, Dhclient, 600)
	if err != nil {
		t.Fatal(err)
	}
	defer behind.End()
	if _, err := behind.Await(ctx, "bound", 30*time.Second); err != nil {
		t.Fatal(err)
	}
	for i := range l.Nodes() {
		out, err := l.Ctl(ctx, i+1, "node", "foreign-servers")
		if err != nil || strings.Count(out, "\n") > 1 {
			t.Errorf("n%d takes one of the cluster for another server (%v):\n%s", i+1, err, out)
		}
	}
}

// A second DHCP server on the link is noticed by what it sends to clients, listed, and counted.
func TestConflict_ForeignServer(t *testing.T) {
	ctx := t.Context()
	l, err := New(ctx, Options{Config: conflictConfig, LogLevel: "debug", Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer closeLab(t, l)
	other, err := l.AddHost(ctx, "other", LAN, "10.67.0.250/16")
	if err != nil {
		t.Fatal(err)
	}
	dnsmasq, err := other.StartBackground("dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0",
		"--user=root", "--leasefile-ro", "--pid-file=", "--dhcp-broadcast",
		"--dhcp-range=10.67.200.10,10.67.200.20,1h")
	if err != nil {
		t.Fatal(err)
	}
	defer dnsmasq.Kill()
	host, err := l.AddHost(ctx, "", LAN, "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.StartClient(host, Udhcpc, 600)
	if err != nil {
		t.Fatal(err)
	}
	defer c.End()
	var listed string
	if err := Poll(ctx, "the other server listed", 30*time.Second, func(ctx context.Context) error {
		if listed, err = l.Ctl(ctx, 1, "node", "foreign-servers", "-o", "wide"); err != nil {
			return err
		}
		if !strings.Contains(listed, "10.67.0.250") || !strings.Contains(listed, "heard") {
			return errors.New(listed)
		}
		return nil
	}); err != nil {
		t.Fatalf("%v\n%s", err, dnsmasq.Output())
	}
	t.Logf("noticed:\n%s", listed)
	if strings.Count(listed, "\n") != 2 {
		t.Errorf("more than the other server is listed")
	}
	if log := l.Node(1).Log(); !strings.Contains(log, "DHCP server that is not ours") {
		t.Error("the log does not tell of it")
	}
	text, err := l.Node(1).Metrics(ctx)
	if err != nil || !strings.Contains(text, `port67_foreign_servers{evidence="heard"`) {
		t.Errorf("the metrics do not count it (%v)", err)
	}
}
