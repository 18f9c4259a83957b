//go:build lab

package lab

import (
	"encoding/hex"
	"encoding/json"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// explained is an explanation as dhcpctl prints it.
type explained struct {
	Node, Outcome, Reply, Address string
	Steps                         []struct{ Topic, Text string }
}

// step returns what an explanation says of a topic.
func (e *explained) step(topic string) string {
	for _, s := range e.Steps {
		if s.Topic == topic {
			return s.Text
		}
	}
	return ""
}

// What a running node explains is what a real client then gets, on the servers' link and behind a relay agent:
// the node whose turn it is names the address before the client has sent anything, and the renewal is explained
// as what it is.
func TestExplain(t *testing.T) {
	ctx := t.Context()
	l, err := New(ctx, Options{Relay: true, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer closeLab(t, l)
	explain := func(i int, args ...string) explained {
		out, err := l.Ctl(ctx, i, append([]string{"explain", "-o", "json"}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		var e explained
		if err := json.Unmarshal([]byte(out), &e); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return e
	}
	file := func(name string) string { return filepath.Join(l.Node(1).Data(), name) }
	for i := range l.Nodes() {
		name := l.Node(i + 1).Name
		e := explain(1, "--hardware", "02:67:00:00:00:99", "--link", "10.67.0.0/16", "--node", name, "--server",
			l.Node(1).Addr+":6702", "--ca", file("ca.crt"), "--cert", file("admin.crt"), "--key", file("admin.key"))
		if e.Node != name {
			t.Errorf("--node %s: %s explains", name, e.Node)
		}
	}
	for link, where := range map[Link]string{LAN: "10.67.0.0/16", Far: "10.68.0.0/24"} {
		host, err := l.AddHost(ctx, "", link, "")
		if err != nil {
			t.Fatal(err)
		}
		var mac net.HardwareAddr
		if err := host.In(func() error {
			eth0, err := net.InterfaceByName("eth0")
			if err == nil {
				mac = eth0.HardwareAddr
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		who := []string{"--hardware", mac.String(), "--client-id", "01" + hex.EncodeToString(mac), "--link", where}
		var first explained
		for i := range l.Nodes() {
			e := explain(i+1, who...)
			if e.Outcome != "offered" {
				t.Fatalf("%s: %+v", where, e)
			}
			if strings.HasSuffix(e.step("turn"), "answers at once") {
				first = e
			}
		}
		client, err := l.StartClient(host, Udhcpc, 20)
		if err != nil {
			t.Fatal(err)
		}
		defer client.End()
		bound, err := client.Await(ctx, "bound", 40*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if first.Address != bound.Address {
			t.Errorf("%s: explained by %s as %s (%s), bound to %s:\n%+v\n%s", where, first.Node, first.Address,
				first.step("turn"), bound.Address, first, client.Output())
		}
		renewal := explain(2, append(who, "--message", "request", "--ciaddr", bound.Address)...)
		if renewal.Reply != "ACK" || renewal.Address != bound.Address ||
			!strings.HasPrefix(renewal.step("lease"), bound.Address+", bound") {
			t.Errorf("%s: the renewal of %s is explained as %+v", where, bound.Address, renewal)
		}
	}
}
