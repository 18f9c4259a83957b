package lab

import (
	"context"
	_ "embed" // For client.sh.
	"fmt"
	"net/netip"
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
	Name    string // bound, renewed, informed or gone
	Address string
	Lease   time.Duration
	Server  string // server identifier
}

// StartClient runs a client program on eth0 of h, in the foreground and with state of its own. leaseSeconds is
// the lease time it asks for; 0: it leaves that to the server. dhclient renews by its timer only, so a test
// that wants to see it renew asks for a short time.
func (l *Lab) StartClient(h *Host, kind ClientKind, leaseSeconds int) (*Client, error) {
	c, err := l.newClient(h, kind)
	if err != nil {
		return nil, err
	}
	argv, err := c.command(leaseSeconds)
	if err != nil {
		return nil, err
	}
	c.proc, err = h.StartBackground(argv[0], argv[1:]...)
	return c, err
}

// StartRoamer runs a dhclient on eth0 of h that remembers a lease of another network, as a notebook does that
// was carried over: it asks for that address first (INIT-REBOOT, RFC 2131 §3.2).
func (l *Lab) StartRoamer(h *Host, remembered netip.Addr) (*Client, error) {
	c, err := l.newClient(h, Dhclient)
	if err != nil {
		return nil, err
	}
	const farAhead = "epoch 2082758400" // 2036-01-01; dhclient reckons in 32 bits
	memory := fmt.Sprintf("lease {\n  interface \"eth0\";\n  fixed-address %s;\n"+
		"  option subnet-mask 255.255.255.0;\n  option dhcp-lease-time 3600;\n  option dhcp-message-type 5;\n"+
		"  option dhcp-server-identifier %s;\n  renew %s;\n  rebind %s;\n  expire %s;\n}\n",
		remembered, remembered.Next(), farAhead, farAhead, farAhead)
	if err := os.WriteFile(c.file("leases"), []byte(memory), 0o644); err != nil {
		return nil, err
	}
	argv, err := c.command(0)
	if err != nil {
		return nil, err
	}
	c.proc, err = h.StartBackground(argv[0], argv[1:]...)
	return c, err
}

// StartInformer runs a dhcpcd on eth0 of h, which has been given an address by hand, and has it ask for the rest
// (DHCPINFORM, RFC 2131 §3.4).
func (l *Lab) StartInformer(h *Host) (*Client, error) { return l.startDhcpcd(h, "inform") }

// StartRapid runs a dhcpcd that asks for rapid commit (RFC 4039).
func (l *Lab) StartRapid(h *Host) (*Client, error) { return l.startDhcpcd(h, "option rapid_commit") }

// startDhcpcd runs a dhcpcd on eth0 of h with more of its own words.
func (l *Lab) startDhcpcd(h *Host, words ...string) (*Client, error) {
	c, err := l.newClient(h, Dhcpcd)
	if err != nil {
		return nil, err
	}
	argv, err := c.command(0, words...)
	if err != nil {
		return nil, err
	}
	c.proc, err = h.StartBackground(argv[0], argv[1:]...)
	return c, err
}

// newClient makes the folder of a client with its script.
func (l *Lab) newClient(h *Host, kind ClientKind) (*Client, error) {
	c := &Client{Host: h, Kind: kind, dir: filepath.Join(l.dir, h.Name)}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return nil, err
	}
	configure := "yes"
	if kind == Dhcpcd {
		configure = "no"
	}
	script := strings.NewReplacer("@EVENTS@", c.eventsFile(), "@CONFIGURE@", configure).Replace(clientScript)
	return c, os.WriteFile(c.file("script"), []byte(script), 0o755)
}

func (c *Client) file(name string) string { return filepath.Join(c.dir, name) }
func (c *Client) eventsFile() string      { return c.file("events") }

// command writes the client's configuration, with more of its own words if need be, and returns its command line.
func (c *Client) command(leaseSeconds int, words ...string) ([]string, error) {
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
		for _, w := range words {
			conf += w + "\n"
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
		case "INFORM":
			e.Name = "informed"
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
