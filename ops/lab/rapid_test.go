//go:build lab

package lab

import (
	"testing"
	"time"
)

// A dhcpcd that asks for it is bound by DISCOVER and ACK, on the servers' link and behind a relay agent (V4-111):
// three nodes hear the one, and all of them commit one lease.
func TestRapidCommit(t *testing.T) {
	ctx := t.Context()
	l, err := New(ctx, Options{Relay: true, Config: "rapid-commit: on\n" + DefaultConfig, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer closeLab(t, l)
	for _, link := range []Link{LAN, Far} {
		capture, err := l.CaptureLink(ctx, link)
		if err != nil {
			t.Fatal(err)
		}
		host, err := l.AddHost(ctx, "", link, "")
		if err != nil {
			t.Fatal(err)
		}
		client, err := l.StartRapid(host)
		if err != nil {
			t.Fatal(err)
		}
		defer client.End()
		bound, err := client.Await(ctx, "bound", 40*time.Second)
		if err != nil {
			t.Fatalf("%s: %v\n%s", link, err, client.Output())
		}
		wantStatus(ctx, t, l, bound.Address, "LEASE_STATUS_BOUND")
		if err := capture.Stop(); err != nil {
			t.Fatal(err)
		}
		for what, filter := range map[string]string{
			"OFFER or REQUEST":      "dhcp.option.dhcp == 2 || dhcp.option.dhcp == 3",
			"ACK without option 80": "dhcp.option.dhcp == 5 && !(dhcp.option.type == 80)",
		} {
			found, err := capture.Filter(ctx, filter, "frame.number")
			if err != nil {
				t.Fatal(err)
			}
			if len(found) > 0 {
				t.Errorf("%s: %s in frames %v, want DISCOVER and ACK alone", link, what, found)
			}
		}
		acks, err := capture.Filter(ctx, "dhcp.option.dhcp == 5", "dhcp.ip.your")
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range acks {
			if a != bound.Address {
				t.Errorf("%s: an ACK of %s beside that of %s", link, a, bound.Address)
			}
		}
	}
}
