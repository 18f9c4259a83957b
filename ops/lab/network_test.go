//go:build lab

package lab

import (
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The lab's own network does what the other tests lean on: hosts reach each other, the links are joined by the
// relay only, and nothing is left when it is closed.
func TestNetwork(t *testing.T) {
	ctx := t.Context()
	l, err := New(ctx, Options{Members: -1, Relay: true, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := l.AddHost(ctx, "", Far, "10.68.0.9/24")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Exec(ctx, "ip", "route", "add", "default", "via", "10.68.0.1"); err != nil {
		t.Fatal(err)
	}
	capture, err := l.CaptureLink(ctx, LAN)
	if err != nil {
		t.Fatal(err)
	}
	// Port 67 answers with a port-unreachable: it arrived. Client traffic of n2 is cut.
	if err := l.Partition(ctx, 2, Clients); err != nil {
		t.Fatal(err)
	}
	for i, want := range map[int]bool{1: true, 2: false, 3: true} {
		if got := refused(t, client, l.Node(i).Addr+":67"); got != want {
			t.Errorf("n%d answers: %v, want %v", i, got, want)
		}
	}
	if err := capture.Stop(); err != nil {
		t.Fatal(err)
	}
	lines, err := capture.Filter(ctx, "udp.dstport == 67", "ip.dst")
	if err != nil || len(lines) < 3 {
		t.Errorf("captured on the link: %q %v, want one packet to each node", lines, err)
	}
	prefix := l.prefix
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	spaces, err := run(ctx, "ip", "netns", "list")
	if err != nil || strings.Contains(spaces, prefix) {
		t.Errorf("after Close there are still %s %v", spaces, err)
	}
}

// refused sends a datagram and says whether a port-unreachable came back for it.
func refused(t *testing.T, from *Host, to string) bool {
	t.Helper()
	var conn net.Conn
	err := from.In(func() (err error) {
		conn, err = net.Dial("udp4", to)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	_, err = conn.Read(make([]byte, 1))
	return errors.Is(err, syscall.ECONNREFUSED)
}
