package lab

import (
	"context"
	_ "embed" // For client.sh.
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

//go:embed client.sh
var clientScript string

// ClientKind is a DHCP client program of Debian.
type ClientKind string

// The client programs.
const (
	Udhcpc   ClientKind = "udhcpc"   // busybox, Debian package udhcpc
	Dhclient ClientKind = "dhclient" // ISC, Debian package isc-dhcp-client
	Dhcpcd   ClientKind = "dhcpcd"   // Debian package dhcpcd-base
)

// Client is a real DHCP client that runs on eth0 of a host.
type Client struct {
	*Host
	Kind   ClientKind
	dir    string
	proc   *Background
	passed int // events that were waited for
}

// Event is something a client program told its script.
type Event struct {
	Name    string // bound, renewed or gone
	Address string
	Lease   time.Duration
	Server  string // server identifier
}

// StartClient runs a client program on eth0 of h, in the foreground and with state of its own. leaseSeconds is
// the lease time it asks for; 0: it leaves that to the server. dhclient renews by its timer only, so a test
// that wants to see it renew asks for a short time.
func (l *Lab) StartClient(h *Host, kind ClientKind, leaseSeconds int) (*Client, error) {
	c := &Client{Host: h, Kind: kind, dir: filepath.Join(l.dir, h.Name)}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return nil, err
	}
	configure := "yes"
	if kind == Dhcpcd {
		configure = "no"
	}
	script := strings.NewReplacer("@EVENTS@", c.eventsFile(), "@CONFIGURE@", configure).Replace(clientScript)
	if err := os.WriteFile(c.file("script"), []byte(script), 0o755); err != nil {
		return nil, err
	}
	argv, err := c.command(leaseSeconds)
	if err != nil {
		return nil, err
	}
	c.proc, err = h.StartBackground(argv[0], argv[1:]...)
	return c, err
}

func (c *Client) file(name string) string { return filepath.Join(c.dir, name) }
func (c *Client) eventsFile() string      { return c.file("events") }

func (c *Client) command(leaseSeconds int) ([]string, error) {
	seconds := strconv.Itoa(leaseSeconds)
	switch c.Kind {
	case Udhcpc:
		argv := []string{"udhcpc", "-f", "-i", "eth0", "-s", c.file("script"), "-t", "20", "-T", "2"}
		if leaseSeconds > 0 {
			argv = append(argv, "-x", "lease:"+seconds)
		}
		return argv, nil
	case Dhclient:
		conf := "request subnet-mask, broadcast-address, routers, domain-name, domain-name-servers;\ntimeout 60;\n"
		if leaseSeconds > 0 {
			conf += "send dhcp-lease-time " + seconds + ";\n"
		}
		return []string{"dhclient", "-4", "-d", "-sf", c.file("script"), "-cf", c.file("conf"),
			"-lf", c.file("leases"), "-pf", c.file("pid"), "eth0"}, os.WriteFile(c.file("conf"), []byte(conf), 0o644)
	case Dhcpcd:
		conf := "ipv4only\nnoarp\nnoipv4ll\nclientid\nrequire dhcp_server_identifier\n" +
			"option subnet_mask, routers, domain_name_servers, domain_name\nscript " + c.file("script") + "\n"
		if leaseSeconds > 0 {
			conf += "leasetime " + seconds + "\n"
		}
		// It keeps state in fixed places: they are made empty for it, in a mount namespace of its own.
		run := "for d in /run /var/lib/dhcpcd; do mkdir -p $d; mount -t tmpfs none $d; done; " +
			"mkdir -p /run/dhcpcd; exec dhcpcd -B -f " + c.file("conf") + " eth0"
		return []string{"unshare", "-m", "sh", "-c", run}, os.WriteFile(c.file("conf"), []byte(conf), 0o644)
	}
	return nil, fmt.Errorf("client %q: use udhcpc, dhclient or dhcpcd", c.Kind)
}

// Events returns everything the client told its script so far.
func (c *Client) Events() []Event {
	b, _ := os.ReadFile(c.eventsFile()) // Before the first event there is no file.
	var list []Event
	for line := range strings.Lines(string(b)) {
		var e Event
		var seconds int
		if n, _ := fmt.Sscan(line, &e.Name, &e.Address, &seconds, &e.Server); n != 4 {
			continue
		}
		e.Lease = time.Duration(seconds) * time.Second
		switch e.Name {
		case "bound", "BOUND", "REBOOT":
			e.Name = "bound"
		case "renew", "RENEW", "REBIND":
			e.Name = "renewed"
		case "deconfig", "RELEASE", "EXPIRE", "STOP", "STOPPED", "NAK", "nak":
			e.Name = "gone"
		default:
			continue
		}
		list = append(list, e)
	}
	return list
}

// Await waits for the client's next event of that name after the one that was waited for last.
func (c *Client) Await(ctx context.Context, name string, within time.Duration) (Event, error) {
	var found Event
	what := fmt.Sprintf("%s on %s is %s", c.Kind, c.Name, name)
	err := Poll(ctx, what, within, func(context.Context) error {
		list := c.Events()
		for i := c.passed; i < len(list); i++ {
			if list[i].Name == name {
				found, c.passed = list[i], i+1
				return nil
			}
		}
		return fmt.Errorf("events %+v, output\n%s", list, c.proc.Output())
	})
	return found, err
}

// Renew makes the client renew now; dhclient does it by itself at T1.
func (c *Client) Renew() error {
	if c.Kind == Dhclient {
		return nil
	}
	return c.proc.Signal(syscall.SIGUSR1)
}

// Release makes the client give its lease back.
func (c *Client) Release(ctx context.Context) error {
	switch c.Kind {
	case Udhcpc:
		return c.proc.Signal(syscall.SIGUSR2)
	case Dhcpcd:
		return c.proc.Signal(syscall.SIGALRM)
	}
	_, err := c.Exec(ctx, "dhclient", "-4", "-r", "-sf", c.file("script"), "-cf", c.file("conf"),
		"-lf", c.file("leases"), "-pf", c.file("pid"), "eth0")
	return err
}

// Output returns what the client wrote.
func (c *Client) Output() string { return c.proc.Output() }

// End kills the client without giving its lease back.
func (c *Client) End() { c.proc.Kill() }
