//go:build lab

package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// identityConfig is applied to see what comes of it with real clients.
const identityConfig = `subnets:
  - prefix: 10.67.0.0/16
    pools: [10.67.1.0-10.67.1.99]
    identity: {match: %s}
`

// One machine that boots under three names has one address; a container that shares its hardware address has one of
// its own; copies of a machine are noticed, and told apart where that is wanted. The clients are udhcpc.
func TestIdentity_V4_082_V4_085_W_024_W_040(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	l, err := New(ctx, Options{Config: fmt.Sprintf(identityConfig, "strict"), Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer closeLab(t, l)
	var machines [2]*Host
	for i := range machines {
		if machines[i], err = l.AddHost(ctx, "", LAN, ""); err != nil {
			t.Fatal(err)
		}
	}
	script := filepath.Join(l.Dir(), "tell")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n[ \"$1\" != bound ] || echo \"got $ip\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	// obtain returns the address that machine i gets under an identifier and a vendor class, which it then keeps.
	obtain := func(i int, id, vendor string) string {
		t.Helper()
		out, err := machines[i].Exec(ctx, "udhcpc", "-f", "-q", "-n", "-i", "eth0", "-s", script, "-t", "8", "-T", "1",
			"-C", "-x", "0x3d:"+id, "-V", vendor)
		_, after, found := strings.Cut(out, "got ")
		if err != nil || !found {
			t.Fatalf("udhcpc -x 0x3d:%s: %v\n%s", id, err, out)
		}
		a, _, _ := strings.Cut(after, "\n")
		return a
	}
	rom := obtain(0, "00112233", "PXEClient:Arch:00007:UNDI:003016")
	ipxe := obtain(0, "01aabbccddee00", "PXEClient:Arch:00007:UNDI:003010")
	system := obtain(0, "ff00000001aabbcc", "Linux")
	if rom != ipxe || ipxe != system {
		t.Errorf("W-024: PXE has %s, iPXE %s, the system %s; want one address", rom, ipxe, system)
	}
	if container := obtain(0, "ffcccccccc", "Linux"); container == system {
		t.Errorf("P1: a container has the address of its host, %s", container)
	}
	if again := obtain(0, "ff00000001aabbcc", "Linux"); again != system {
		t.Errorf("the system has %s, had %s", again, system)
	}
	const copied = "ff0000000200ab11"
	for range 3 {
		if a, b := obtain(0, copied, "Linux"), obtain(1, copied, "Linux"); a != b {
			t.Errorf("V4-080: one identifier has %s and %s", a, b)
		}
	}
	noticed := false
	for _, n := range l.Nodes() {
		noticed = noticed || strings.Contains(n.Log(), "several machines show one client identifier") &&
			strings.Contains(n.Log(), "id:"+copied)
	}
	if !noticed {
		t.Error("V4-085: no node has noticed the copies")
	}
	file := filepath.Join(l.Dir(), "apart.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, identityConfig, "distinct-by-mac"), 0o600); err != nil {
		t.Fatal(err)
	}
	held := obtain(1, copied, "Linux")
	if _, err := l.Ctl(ctx, 1, "config", "apply", "--yes", file); err != nil {
		t.Fatal(err)
	}
	if a, b := obtain(0, copied, "Linux"), obtain(1, copied, "Linux"); a == b || b != held {
		t.Errorf("W-040: copies have %s and %s; want two addresses, and that of the one heard last still %s", a, b, held)
	}
	out, err := l.Ctl(ctx, 1, "subnet", "show", "10.67.0.0/16")
	if err != nil || !strings.Contains(out, "distinct-by-mac") {
		t.Errorf("subnet show: %v\n%s", err, out)
	}
}
