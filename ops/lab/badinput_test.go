//go:build lab

package lab

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"port67/cluster/trust"
)

// Bad tokens, certificates, configurations, folders, ports and packets change nothing and say what is wrong.
func TestBadInput(t *testing.T) {
	ctx := t.Context()
	l, err := New(ctx, Options{Nodes: 2, Members: 1, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { closeLab(t, l) }()
	before := l.shown(ctx, t)
	t.Run("tokens", func(t *testing.T) { testBadTokens(t, l) })
	t.Run("configuration", func(t *testing.T) {
		file := filepath.Join(l.Dir(), "bad.yaml")
		text := "subnets:\n  - prefix: 10.67.0.0/16\n    pools:\n      - range: 10.68.1.0-10.68.1.9\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := l.Ctl(ctx, 1, "config", "apply", "--yes", file)
		wantCtlError(t, err, 1, "bad.yaml:4:")
	})
	t.Run("certificates", func(t *testing.T) { testBadCertificates(t, l) })
	t.Run("data folder in use", func(t *testing.T) {
		_, err := l.Node(2).Exec(ctx, l.opts.Daemon, "run", "--node", l.Node(2).NodeFile(), "--data",
			l.Node(1).Data())
		wantText(t, err, "in use by another process")
	})
	t.Run("port in use", func(t *testing.T) {
		_, err := l.Node(1).Exec(ctx, l.opts.Daemon, "run", "--node", l.Node(2).NodeFile())
		wantText(t, err, "67")
		wantText(t, err, "in use")
	})
	t.Run("no data", func(t *testing.T) {
		_, err := l.Node(2).Exec(ctx, l.opts.Daemon, "run", "--node", l.Node(2).NodeFile())
		wantText(t, err, "make one with init or join")
	})
	t.Run("packets", func(t *testing.T) { testBadPackets(t, l) })
	if after := l.shown(ctx, t); after != before {
		t.Errorf("after all this the cluster is\n%s\nand was\n%s", after, before)
	}
}

// shown is the part of the status that bad input must not change.
func (l *Lab) shown(ctx context.Context, t *testing.T) string {
	t.Helper()
	out, err := l.Ctl(ctx, 1, "cluster", "status", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Cluster  string `json:"cluster_id"`
		Leader   string `json:"leader_id"`
		Term     any    `json:"term"`
		Revision any    `json:"revision"`
		Nodes    []struct {
			ID      string `json:"id"`
			Buckets int    `json:"buckets"`
			Trouble string `json:"trouble"`
		} `json:"nodes"`
	}
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%+v", s)
}

func testBadTokens(t *testing.T, l *Lab) {
	ctx := t.Context()
	fresh := func() trust.Token {
		t.Helper()
		out, err := l.Ctl(ctx, 1, "cluster", "token")
		if err != nil {
			t.Fatal(err)
		}
		token, err := trust.ParseToken(longest(strings.Fields(out)))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	otherSecret, otherPin, otherCluster := fresh(), fresh(), fresh()
	otherSecret.Secret[0] ^= 1
	otherPin.Pin[0] ^= 1
	otherCluster.Cluster = "0" + otherCluster.Cluster[1:]
	for _, tt := range []struct{ name, token, addr, want string }{
		{"nonsense", "nonsense", "10.67.0.2:6701", "dhcpctl cluster token"},
		{"mistyped", fresh().String() + "x", "10.67.0.2:6701", "mistyped"},
		{"never given out", otherSecret.String(), "10.67.0.2:6701", "token"},
		{"other authority", otherPin.String(), "10.67.0.2:6701", "token"},
		{"other cluster", otherCluster.String(), "10.67.0.2:6701", "token"},
		{"nobody there", fresh().String(), "10.67.0.2:6700", "check the address"},
		{"admin port", fresh().String(), "10.67.0.2:6702", "check the address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := l.Node(2)
			_, err := n.Exec(ctx, l.opts.Daemon, "join", "--node", n.NodeFile(), "--token", tt.token, tt.addr)
			wantText(t, err, tt.want)
			if entries, err := os.ReadDir(n.Data()); err != nil || len(entries) > 0 {
				t.Errorf("the data folder holds %v, %v", entries, err)
			}
		})
	}
}

// An administrator's certificate does not open the peer port, a node's not the admin port.
func testBadCertificates(t *testing.T, l *Lab) {
	ctx := t.Context()
	data := l.Node(1).Data()
	file := func(name string) string { return filepath.Join(data, name) }
	server := []string{"--server", l.Node(1).Addr + ":6702", "--ca", file("ca.crt"), "cluster", "status"}
	if _, err := l.Ctl(ctx, 1, append([]string{"--cert", file("admin.crt"), "--key", file("admin.key")},
		server...)...); err != nil {
		t.Errorf("the administrator's certificate on the admin port: %v", err)
	}
	if _, err := l.Ctl(ctx, 1, append([]string{"--cert", file("node.pem"), "--key", file("node.pem")},
		server...)...); err == nil {
		t.Error("a node's certificate opens the admin port")
	}
	admin, err := tls.LoadX509KeyPair(file("admin.crt"), file("admin.key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, protocol := range []string{"port67-raft/1", "h2"} {
		if err := knock(l.Node(1), protocol, admin); err == nil {
			t.Errorf("the administrator's certificate opens the peer port for %s", protocol)
		}
	}
}

// knock shakes hands with a node's peer port and waits until the node hangs up. It returns nil if the node
// does not: then the certificate was believed.
func knock(n *Node, protocol string, cert tls.Certificate) error {
	var conn net.Conn
	err := n.In(func() (err error) {
		conn, err = net.Dial("tcp", n.Addr+":6701")
		return err
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(3 * time.Second)); err != nil {
		return err
	}
	// Whom we talk to does not matter here: the question is whom the node lets in.
	c := tls.Client(conn, &tls.Config{
		MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, NextProtos: []string{protocol},
		Certificates: []tls.Certificate{cert},
	})
	if err := c.Handshake(); err != nil {
		return err
	}
	_, err = c.Read(make([]byte, 1))
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return nil
	}
	return err
}

// Malformed packets are counted and answered with silence, and the node goes on.
func testBadPackets(t *testing.T, l *Lab) {
	ctx := t.Context()
	host, err := l.AddHost(ctx, "", LAN, "10.67.0.8/16")
	if err != nil {
		t.Fatal(err)
	}
	var conn net.Conn
	err = host.In(func() (err error) {
		conn, err = net.Dial("udp4", l.Node(1).Addr+":67")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	request := make([]byte, 300)
	copy(request, []byte{1, 1, 17}) // A hardware address of 17 octets (V4-006).
	for _, packet := range [][]byte{nil, []byte("hello"), make([]byte, 235), make([]byte, 1400), request} {
		if _, err := conn.Write(packet); err != nil {
			t.Fatal(err)
		}
	}
	err = Poll(ctx, "bad packets are counted", 10*time.Second, func(ctx context.Context) error {
		text, err := l.Node(1).Metrics(ctx)
		if err == nil && !strings.Contains(text, `outcome="malformed"`) {
			err = errors.New("no malformed packet is counted")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	client, err := l.StartClient(host, Udhcpc, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer client.End()
	if _, err := client.Await(ctx, "bound", 20*time.Second); err != nil {
		t.Error(err)
	}
}

func wantText(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one that says %q", err, want)
	}
}

func wantCtlError(t *testing.T, err error, code int, want string) {
	t.Helper()
	var exit *CtlError
	if !errors.As(err, &exit) || exit.Code != code {
		t.Errorf("%v, want exit status %d", err, code)
	}
	wantText(t, err, want)
}
