//go:build lab

package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// A real client obtains, renews and releases a lease, on the servers' link and behind a real relay agent; and
// tshark finds nothing wrong with any packet that a server sent.
func TestClients(t *testing.T) {
	ctx := t.Context()
	l, err := New(ctx, Options{Relay: true, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer closeLab(t, l)
	lan, err := l.CaptureLink(ctx, LAN)
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.CaptureLink(ctx, Far)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("clients", func(t *testing.T) {
		for _, kind := range []ClientKind{Udhcpc, Dhclient, Dhcpcd} {
			for link, prefix := range map[Link]string{LAN: "10.67.0.0/16", Far: "10.68.0.0/24"} {
				t.Run(fmt.Sprintf("%s on %s", kind, link), func(t *testing.T) {
					t.Parallel()
					testClient(t, l, kind, link, netip.MustParsePrefix(prefix))
				})
			}
		}
		for link, prefix := range map[Link]string{LAN: "10.67.0.0/16", Far: "10.68.0.0/24"} {
			t.Run("roaming dhclient on "+string(link), func(t *testing.T) {
				t.Parallel()
				testRoamer(t, l, link, netip.MustParsePrefix(prefix))
			})
		}
		for link, static := range map[Link]string{LAN: "10.67.0.200/16", Far: "10.68.0.5/24"} {
			t.Run("informed dhcpcd on "+string(link), func(t *testing.T) {
				t.Parallel()
				testInformer(t, l, link, netip.MustParsePrefix(static))
			})
		}
	})
	for _, c := range []*Capture{lan, far} {
		if err := c.Stop(); err != nil {
			t.Fatal(err)
		}
		checkReplies(t, c)
	}
}

func testClient(t *testing.T, l *Lab, kind ClientKind, link Link, prefix netip.Prefix) {
	ctx := t.Context()
	host, err := l.AddHost(ctx, "", link, "")
	if err != nil {
		t.Fatal(err)
	}
	client, err := l.StartClient(host, kind, 20)
	if err != nil {
		t.Fatal(err)
	}
	defer client.End()
	defer func() {
		if t.Failed() {
			t.Logf("%s wrote\n%s", kind, client.Output())
		}
	}()
	bound, err := client.Await(ctx, "bound", 40*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if addr, err := netip.ParseAddr(bound.Address); err != nil || !prefix.Contains(addr) {
		t.Fatalf("bound to %s, want an address of %v", bound.Address, prefix)
	}
	if bound.Lease != 20*time.Second {
		t.Errorf("lease time %v, want the 20 s that were asked for", bound.Lease)
	}
	if !slices.ContainsFunc(l.Nodes(), func(n *Node) bool { return n.Addr == bound.Server }) {
		t.Errorf("server identifier %s, want the address of a node", bound.Server)
	}
	wantStatus(ctx, t, l, bound.Address, "LEASE_STATUS_BOUND")
	if err := client.Renew(); err != nil {
		t.Fatal(err)
	}
	renewed, err := client.Await(ctx, "renewed", 40*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if renewed.Address != bound.Address {
		t.Errorf("renewed %s, want the %s it was bound to", renewed.Address, bound.Address)
	}
	if err := client.Release(ctx); err != nil {
		t.Fatal(err)
	}
	wantStatus(ctx, t, l, bound.Address, "LEASE_STATUS_RELEASED")
}

// A client that comes from another network is told so (V4-142, behind a relay V4-027), and gets an address of
// this one.
func testRoamer(t *testing.T, l *Lab, link Link, prefix netip.Prefix) {
	host, err := l.AddHost(t.Context(), "", link, "")
	if err != nil {
		t.Fatal(err)
	}
	client, err := l.StartRoamer(host, netip.MustParseAddr("192.0.2.7"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.End()
	bound, err := client.Await(t.Context(), "bound", 40*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if addr, err := netip.ParseAddr(bound.Address); err != nil || !prefix.Contains(addr) {
		t.Errorf("bound to %s, want an address of %v", bound.Address, prefix)
	}
	if text := client.Output(); !strings.Contains(text, "DHCPNAK from ") {
		t.Errorf("dhclient heard no NAK:\n%s", text)
	}
}

// A client with an address of its own is told the options, and gets no lease (V4-190, behind a relay V4-191).
func testInformer(t *testing.T, l *Lab, link Link, static netip.Prefix) {
	host, err := l.AddHost(t.Context(), "", link, static.String())
	if err != nil {
		t.Fatal(err)
	}
	client, err := l.StartInformer(host)
	if err != nil {
		t.Fatal(err)
	}
	defer client.End()
	if _, err := client.Await(t.Context(), "informed", 40*time.Second); err != nil {
		t.Fatal(err)
	}
	if out, err := l.Ctl(t.Context(), 1, "lease", "show", static.Addr().String()); err == nil {
		t.Errorf("a lease came of it:\n%s", out)
	}
}

// wantStatus waits until the cluster says that the lease of an address has a status.
func wantStatus(ctx context.Context, t *testing.T, l *Lab, addr, want string) {
	t.Helper()
	err := Poll(ctx, addr+" is "+want, 15*time.Second, func(ctx context.Context) error {
		out, err := l.Ctl(ctx, 1, "lease", "show", addr, "-o", "json")
		if err != nil {
			return err
		}
		var got struct {
			Status string `json:"status"`
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			return err
		}
		if got.Status != want {
			return fmt.Errorf("its status is %s", got.Status)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// checkReplies lets tshark look at every packet of the servers.
func checkReplies(t *testing.T, c *Capture) {
	t.Helper()
	ctx := t.Context()
	const replies = "udp.srcport == 67 && dhcp.type == 2"
	all, err := c.Filter(ctx, replies, "frame.number")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 6 {
		t.Errorf("%s: %d replies captured, want an OFFER and an ACK for each client at least", c.File, len(all))
	}
	for what, filter := range map[string]string{
		"NAK":           "dhcp.option.dhcp == 6",
		"ACK of INFORM": "dhcp.option.dhcp == 5 && dhcp.ip.your == 0.0.0.0",
	} {
		found, err := c.Filter(ctx, replies+" && "+filter, "frame.number")
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 0 {
			t.Errorf("%s: no %s captured", c.File, what)
		}
	}
	checkForm(t, c)
}

// checkForm lets tshark look for what is wrong with any reply of the servers.
func checkForm(t *testing.T, c *Capture) {
	t.Helper()
	const replies = "udp.srcport == 67 && dhcp.type == 2"
	bad, err := c.Filter(t.Context(), "("+replies+") && (_ws.malformed || _ws.expert.severity >= \"Warning\")", "frame.number",
		"_ws.expert.message", "_ws.col.Info")
	if err != nil {
		t.Fatal(err)
	}
	if len(bad) > 0 {
		t.Errorf("%s: tshark warns of %d replies:\n%s", c.File, len(bad), strings.Join(bad, "\n"))
	}
}

// closeLab closes the lab, and shows the nodes' logs if the test failed.
func closeLab(t *testing.T, l *Lab) {
	if t.Failed() {
		for _, n := range l.Nodes() {
			t.Logf("-- log of %s --\n%s", n.Name, n.Log())
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
