//go:build lab

package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// bootConfig serves BOOTP clients from pools of their own, and firmware with a file by what it is.
const bootConfig = `next-server: 10.67.0.9
server-name: boot.example.org
subnets:
  - prefix: 10.67.0.0/16
    options:
      routers: [10.67.0.1]
      boot-file-name:
        - {value: menu.ipxe, classes: [ipxe]}
        - {value: bios.0, classes: [pxe-bios]}
    pools:
      - {range: 10.67.1.0-10.67.1.99, classes: [not-bootp]}
      - {range: 10.67.2.0-10.67.2.9, classes: [bootp], bootp: {dynamic: on, files: {unix: /boot/vmunix}}}
    reservations:
      - {hardware: "02:67:00:00:00:51", address: 10.67.3.1, boot-file-name: /boot/terminal}
  - prefix: 10.68.0.0/24
    options: {routers: [10.68.0.1]}
    pools:
      - {range: 10.68.0.10-10.68.0.19, bootp: {dynamic: on}}
`

// Devices that start from the network: a real BOOTP client, directly and through a real relay agent, and the
// firmware of a PC in a machine that is all software, up to the file that it is to run.
func TestBoot(t *testing.T) {
	ctx := t.Context()
	l, err := New(ctx, Options{Nodes: 2, Relay: true, Config: bootConfig, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer closeLab(t, l)
	lan, err := l.CaptureLink(ctx, LAN)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("clients", func(t *testing.T) {
		t.Run("BP-002 on LAN", func(t *testing.T) {
			t.Parallel()
			testBootpc(t, l, LAN, "02:67:00:00:00:52", "10.67.2.0/24", "/boot/vmunix")
		})
		t.Run("BP-013 on Far", func(t *testing.T) {
			t.Parallel()
			testBootpc(t, l, Far, "02:67:00:00:00:53", "10.68.0.0/24", "unix")
		})
		t.Run("BP-001 reserved", func(t *testing.T) {
			t.Parallel()
			testBootpc(t, l, LAN, "02:67:00:00:00:51", "10.67.3.1/32", "/boot/terminal")
		})
		t.Run("W-020 PXE", func(t *testing.T) {
			t.Parallel()
			testPXE(t, l)
		})
	})
	if err := lan.Stop(); err != nil {
		t.Fatal(err)
	}
	checkForm(t, lan)
	const bootreply = "udp.srcport == 67 && dhcp.type == 2 && !dhcp.option.dhcp"
	all, err := lan.Filter(ctx, bootreply, "frame.number")
	if err != nil || len(all) < 4 {
		t.Errorf("%d BOOTREPLYs captured, %v; want one for each time that a client booted", len(all), err)
	}
	// BP-005, BP-015: nothing of DHCP in them, and 300 octets beside the UDP header.
	odd, err := lan.Filter(ctx, bootreply+" && (udp.length < 308 || dhcp.option.type in {51,54,58,59})",
		"frame.number", "_ws.col.Info")
	if err != nil || len(odd) > 0 {
		t.Errorf("odd BOOTREPLYs: %v\n%s", err, strings.Join(odd, "\n"))
	}
}

// testBootpc boots twice by bootpc (Debian package bootpc) with hardware address hw, and wants the same address
// within prefix, booked without end, and the boot file wantFile for the file unix.
func testBootpc(t *testing.T, l *Lab, link Link, hw, prefix, wantFile string) {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	h, err := l.AddHost(ctx, "bootpc"+strings.ReplaceAll(hw[len(hw)-2:], ":", ""), link, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Exec(ctx, "sh", "-c", "ip link set eth0 address "+hw+" && ip route add default dev eth0"); err != nil {
		t.Fatal(err)
	}
	var first string
	for range 2 {
		out, err := h.Exec(ctx, "bootpc", "--dev", "eth0", "--bootfile", "unix", "--serverbcast", "--returniffail")
		if err != nil {
			t.Fatalf("bootpc: %v\n%s", err, out)
		}
		said := make(map[string]string)
		for line := range strings.Lines(out) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			said[name] = strings.Trim(value, "'")
		}
		a, err := netip.ParseAddr(said["IPADDR"])
		if err != nil || !netip.MustParsePrefix(prefix).Contains(a) || first != "" && first != a.String() {
			t.Errorf("address %s, want one in %s, and %s again\n%s", said["IPADDR"], prefix, first, out)
		}
		if said["BOOTFILE"] != wantFile {
			t.Errorf("boot file %q, want %q\n%s", said["BOOTFILE"], wantFile, out)
		}
		first = said["IPADDR"]
	}
	out, err := l.Ctl(ctx, 1, "lease", "show", first, "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var shown struct{ Permanent bool }
	if err := json.Unmarshal([]byte(out), &shown); err != nil || !shown.Permanent {
		t.Errorf("BP-022: permanent %t, %v\n%s", shown.Permanent, err, out)
	}
}

// testPXE starts a PC whose network card has iPXE as its firmware (Debian packages qemu-system-x86, ipxe-qemu)
// beside a TFTP server (dnsmasq-base), and waits until it has fetched the file that its class is told of, and
// the one that this names.
func testPXE(t *testing.T, l *Lab) {
	ctx, cancel := context.WithTimeout(t.Context(), 120*time.Second)
	defer cancel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"menu.ipxe": "#!ipxe\nimgfetch tftp://${next-server}/second-${net0/ip}\n", "bios.0": "not for iPXE\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	server, err := l.AddHost(ctx, "tftp", LAN, "10.67.0.9/16")
	if err != nil {
		t.Fatal(err)
	}
	tftp, err := server.StartBackground("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0",
		"--enable-tftp", "--tftp-root="+dir, "--log-facility=-", "--pid-file=", "--user=root")
	if err != nil {
		t.Fatal(err)
	}
	defer tftp.Kill()
	pc, err := l.AddHost(ctx, "pc", LAN, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pc.Exec(ctx, "sh", "-c", "ip tuntap add tap0 mode tap && ip link add br0 type bridge && "+
		"ip link set eth0 master br0 && ip link set tap0 master br0 && ip link set tap0 up && ip link set br0 up"); err != nil {
		t.Fatal(err)
	}
	machine, err := pc.StartBackground("qemu-system-x86_64", "-accel", "tcg", "-m", "64", "-nodefaults", "-display",
		"none", "-no-reboot", "-boot", "n", "-netdev", "tap,id=n0,ifname=tap0,script=no,downscript=no", "-device",
		"virtio-net-pci,netdev=n0,mac=02:67:00:00:00:77")
	if err != nil {
		t.Fatal(err)
	}
	defer machine.Kill()
	err = Poll(ctx, "firmware", 90*time.Second, func(context.Context) error {
		if out := tftp.Output(); !strings.Contains(out, "menu.ipxe to 10.67.1.") || !strings.Contains(out, "/second-10.67.1.") {
			return fmt.Errorf("the TFTP server said:\n%s\nand the machine:\n%s", out, machine.Output())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(tftp.Output(), "bios.0") {
		t.Errorf("W-026: the firmware fetched what is for others:\n%s", tftp.Output())
	}
}
