//go:build lab

package lab

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

const placeConfig = `lease: {default: 1h, min: 10s, max: 24h}
subnets:
  - prefix: 10.67.0.0/16
    options: {routers: [10.67.0.1]}
  - prefix: 10.68.0.0/24
    options: {routers: [10.68.0.1]}
    pools: [10.68.0.10-10.68.0.250]
    reservations:
      - {circuit-id: text:eth1, address: 10.68.0.77}
`

// What is reserved for a circuit of a real relay agent is given to the client that shows up there, is kept at
// renewals, which do not pass the agent, and is not given to a second device while the first may use it; unless
// there is only one at a time (V4-087, V4-155).
func TestReservedCircuit(t *testing.T) {
	ctx := t.Context()
	l, err := New(ctx, Options{Nodes: 2, Config: placeConfig, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer closeLab(t, l)
	args := []string{"-4", "-d", "--no-pid", "-a", "-id", "eth1", "-iu", "eth0"}
	for _, n := range l.Nodes() {
		args = append(args, n.Addr)
	}
	agent, err := l.Relay().StartBackground("dhcrelay", args...)
	if err != nil {
		t.Fatal(err)
	}
	defer agent.Kill()
	if err := Poll(ctx, "dhcrelay", 10*time.Second, func(context.Context) error {
		if !strings.Contains(agent.Output(), "Listening on") {
			return fmt.Errorf("it said %q", agent.Output())
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	first := bindFar(t, l, "10.68.0.77", true)
	if err := first.Renew(); err != nil {
		t.Fatal(err)
	}
	if renewed, err := first.Await(ctx, "renewed", 40*time.Second); err != nil || renewed.Address != "10.68.0.77" {
		t.Fatalf("renewed %s, %v; want 10.68.0.77", renewed.Address, err)
	}
	first.End()
	bindFar(t, l, "10.68.0.77", false).End()
	if out, err := l.Ctl(ctx, 1, "reservation", "update", "circuit-id:65746831", "--one-device"); err != nil {
		t.Fatal(err, out)
	}
	bindFar(t, l, "10.68.0.77", true).End()
}

// bindFar has a new client behind the relay agent bind an address, which is to be a or another one.
func bindFar(t *testing.T, l *Lab, a string, same bool) *Client {
	t.Helper()
	host, err := l.AddHost(t.Context(), "", Far, "")
	if err != nil {
		t.Fatal(err)
	}
	client, err := l.StartClient(host, Udhcpc, 60)
	if err != nil {
		t.Fatal(err)
	}
	bound, err := client.Await(t.Context(), "bound", 40*time.Second)
	if err != nil {
		t.Fatalf("%v\n%s", err, client.Output())
	}
	if got := bound.Address == a; got != same {
		t.Fatalf("bound to %s; want %s: %t", bound.Address, a, same)
	}
	return client
}
