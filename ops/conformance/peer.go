package conformance

import (
	"context"
	"embed"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"port67/ops/lab"
)

//go:embed network/kea.json network/dhcpd.conf network/dnsmasq.conf
var theirConfigs embed.FS

// Peer is a server of others, as Debian has it.
type Peer struct {
	Name    string
	Package string
	config  string
	// command starts it in the foreground with the configuration and a folder for what it keeps.
	command func(config, dir string) []string
}

// Peers are the servers that ours is compared with.
func Peers() []Peer {
	return []Peer{
		{
			Name: "Kea", Package: "kea-dhcp4-server", config: "kea.json",
			command: func(config, dir string) []string {
				return []string{
					"env", "KEA_PIDFILE_DIR=" + dir, "KEA_LOCKFILE_DIR=" + dir, "kea-dhcp4", "-c", config,
				}
			}},
		{
			Name: "ISC dhcpd", Package: "isc-dhcp-server", config: "dhcpd.conf",
			command: func(config, dir string) []string {
				return []string{
					"dhcpd", "-4", "-f", "-d", "--no-pid", "-cf", config, "-lf", filepath.Join(dir, "leases"), "eth0",
				}
			}},
		{
			Name: "dnsmasq", Package: "dnsmasq-base", config: "dnsmasq.conf",
			command: func(config, dir string) []string {
				return []string{
					"dnsmasq", "--keep-in-foreground", "--conf-file=" + config, "--user=root", "--log-facility=-",
					"--dhcp-leasefile=" + filepath.Join(dir, "leases"), "--pid-file=" + filepath.Join(dir, "pid"),
				}
			}},
	}
}

// Version returns the version of the package that is installed.
func (p *Peer) Version(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "dpkg-query", "-W", "-f", "${Version}", p.Package).Output()
	return strings.TrimSpace(string(out)), err
}

// Start runs the peer on a host, with a new folder below dir for its files.
func (p *Peer) Start(at *lab.Host, dir string) (*lab.Background, error) {
	dir, err := os.MkdirTemp(dir, p.Package)
	if err != nil {
		return nil, err
	}
	text, err := theirConfigs.ReadFile("network/" + p.config)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, p.config)
	if err := errors.Join(os.WriteFile(config, text, 0o600), // dhcpd wants its file of leases to be there.
		os.WriteFile(filepath.Join(dir, "leases"), nil, 0o600)); err != nil {
		return nil, err
	}
	args := p.command(config, dir)
	return at.StartBackground(args[0], args[1:]...)
}

// WaitAnswers waits until the server at the other end answers a client that is in no vector.
func (w *Wire) WaitAnswers(ctx context.Context) error {
	hardware := [6]byte{2, 0x67, 0xfd, 0, 0, 1}
	return lab.Poll(ctx, "an OFFER", 20*time.Second, func(context.Context) error {
		d := newDraft(typeDiscover, hardware)
		d.XID = 0x66000000
		if r, err := w.Hear(d, nil, true); err != nil || r == nil {
			return errors.Join(errors.New("silence"), err)
		}
		return nil
	})
}
