package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"port67/cluster"
	"port67/server/classify"
	"port67/storage/config"
	"port67/storage/configfile"
)

func initCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "init [--node FILE] [--config FILE]", Short: "Make a new cluster with this node as its only member",
		Long: "Make a new cluster with this node as its only member: data folder, certificate authority, this\n" +
			"node's certificate and the first administrator's. Bad input changes nothing.",
		Args: noArguments,
	}
	settings := nodeFlags(cmd)
	file := cmd.Flags().String("config", "", "the configuration that the cluster starts with")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := settings()
		if err != nil {
			return err
		}
		var source string
		var conf *config.Config
		if *file != "" {
			if source, conf, err = readConfig(*file); err != nil {
				return err
			}
		}
		founded, err := found(s, source, conf)
		if err != nil {
			return err
		}
		return printFounded(cmd, s, founded, conf != nil)
	}
	return cmd
}

// readConfig reads and checks a configuration file. The error has everything that is wrong with it.
func readConfig(file string) (source string, conf *config.Config, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", nil, fmt.Errorf("configuration: %w", err)
	}
	conf, problems := configfile.Decode(file, b, classify.Check)
	if len(problems) > 0 {
		lines := make([]string, len(problems))
		for i, p := range problems {
			lines[i] = p.String()
		}
		return "", nil, errors.New(strings.Join(lines, "\n"))
	}
	return string(b), conf, nil
}

func joinCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "join [--node FILE] --token TOKEN ADDRESS",
		Short: "Make this node a member-to-be of a cluster",
		Long: "Make this node a member-to-be of the cluster that ADDRESS, the peer address of any member, belongs\n" +
			"to. The token comes from dhcpctl cluster token, on any member. Bad input changes nothing.",
		Example: "  port67d join --token TOKEN 10.67.0.2:6701",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage(errors.New("one ADDRESS is needed: the peer address of a member, as in 10.67.0.2:6701"))
			}
			return nil
		},
	}
	settings := nodeFlags(cmd)
	token := cmd.Flags().String("token", "", "the token; - reads it from standard input")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s, err := settings()
		if err != nil {
			return err
		}
		secret, err := readToken(*token, cmd.InOrStdin())
		if err != nil {
			return err
		}
		if host, port, err := net.SplitHostPort(args[0]); err != nil || host == "" || !isPort(port) {
			return usage(fmt.Errorf("address %q: not a host with a port, as in 10.67.0.2:6701", args[0]))
		}
		if err := join(cmd.Context(), s, args[0], secret); err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is a member-to-be. Next:\n  %s\n  dhcpctl%s cluster status\n",
			s.Name, commandLine(cmd, "run"), socketFlag(s))
		return err
	}
	return cmd
}

// joinMax bounds a join: a member that does not answer holds up nobody's script.
const joinMax = 30 * time.Second

// join makes s a member-to-be. A signal, or the end of joinMax, leaves the data folder as it was.
func join(ctx context.Context, s nodeSettings, addr, token string) error {
	caught, stop := signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
	defer stop()
	limited, cancel := context.WithTimeout(caught, joinMax)
	defer cancel()
	err := cluster.Join(limited, s.Data, info(s, nil), addr, token)
	const perhaps = "nothing was changed here, but the token may be spent; if it is refused now, make a new one"
	switch {
	case err == nil:
		return nil
	case caught.Err() != nil:
		return fmt.Errorf("%w; interrupted: %s", err, perhaps)
	case limited.Err() != nil:
		return fmt.Errorf("%w; gave up after %v: %s", err, joinMax, perhaps)
	}
	return err
}

func readToken(flag string, in io.Reader) (string, error) {
	if flag == "-" {
		b, err := io.ReadAll(io.LimitReader(in, 4096))
		if err != nil {
			return "", fmt.Errorf("token from standard input: %w", err)
		}
		flag = string(b)
	}
	if flag = strings.TrimSpace(flag); flag == "" {
		return "", usage(errors.New("--token is needed; dhcpctl cluster token makes one, on any member"))
	}
	return flag, nil
}

func runCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "run [--node FILE]", Short: "Serve until SIGTERM, which drains first", Args: noArguments,
		Long: "Serve until SIGTERM or SIGINT. The first signal drains: clients and leadership go to the other nodes,\n" +
			"what has begun is finished, the sockets close last. A second one stops at once.",
	}
	settings := nodeFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := settings()
		if err != nil {
			return err
		}
		return serve(cmd.Context(), s, newLogger(s, cmd.ErrOrStderr()))
	}
	return cmd
}

// serve builds the node that s describes and runs it to its end. A node that has become another member starts
// over in place, as if the process had been started again.
func serve(ctx context.Context, s nodeSettings, log *slog.Logger) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	defer signal.Stop(signals)
	for {
		n, err := build(s, log)
		if err != nil {
			return err
		}
		log.Info("node starts", "name", s.Name, "id", n.agreement.Self(), "version", version())
		err = n.lifecycle(notifier{os.Getenv("NOTIFY_SOCKET")}).run(ctx, signals)
		if !errors.Is(err, cluster.ErrReplaced) {
			return err
		}
	}
}

func newLogger(s nodeSettings, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: s.LogLevel}
	if s.LogJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

func checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "check [--node FILE] [--config FILE] [--kea FILE]", Args: noArguments,
		Short: "Say what is wrong with a node file and a configuration, and touch nothing",
	}
	settings := nodeFlags(cmd)
	file := cmd.Flags().String("config", "", "the configuration")
	foreign := cmd.Flags().String("kea", "", "the configuration of a Kea server, as dhcpctl import kea reads it")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var wrong []error
		out := cmd.OutOrStdout()
		// With --config or --kea alone the node file is looked at only if there is one.
		node := cmd.Flags().Lookup("node")
		_, statErr := os.Stat(node.Value.String())
		if *file+*foreign == "" || node.Changed || statErr == nil {
			s, err := settings()
			if err == nil {
				err = checkHost(s)
			}
			if wrong = append(wrong, err); err == nil {
				fmt.Fprintf(out, "%s: good\n", node.Value)
			}
		}
		if *file != "" {
			_, _, err := readConfig(*file)
			if wrong = append(wrong, err); err == nil {
				fmt.Fprintf(out, "%s: good\n", *file)
			}
		}
		if *foreign != "" {
			wrong = append(wrong, checkKea(out, *foreign))
		}
		return errors.Join(wrong...)
	}
	return cmd
}

// checkHost says what of s does not fit this host.
func checkHost(s nodeSettings) error {
	var wrong []error
	for _, name := range s.Interfaces {
		if _, err := net.InterfaceByName(name); err != nil {
			wrong = append(wrong, fmt.Errorf("interfaces: %s: this host has no such interface; see: ip link", name))
		}
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return fmt.Errorf("addresses of this host: %w", err)
	}
	own := s.PeerListen.Addr().IsUnspecified()
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		own = own || err == nil && p.Addr().Unmap() == s.PeerListen.Addr().Unmap()
	}
	if !own {
		wrong = append(wrong, fmt.Errorf("peer.listen: %v: no address of this host; see: ip address", s.PeerListen))
	}
	return errors.Join(wrong...)
}

func devCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "dev [--interface IF]", Short: "Serve as a throw-away cluster of one with a sample configuration",
		Long: "Serve as a throw-away cluster of one, with a sample configuration for the addresses of the interface,\n" +
			"from a temporary folder that is removed at the end. It answers every client on that link.",
		Args: noArguments,
	}
	name := cmd.Flags().String("interface", "", "the interface to serve (default: the only one that is fit)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		link, err := findDevLink(*name)
		if err != nil {
			return err
		}
		dir, err := os.MkdirTemp("", "port67-dev-")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		return serveSample(cmd, link, dir)
	}
	return cmd
}

func serveSample(cmd *cobra.Command, link devLink, dir string) error {
	peer, err := freePort()
	if err != nil {
		return err
	}
	s := nodeSettings{
		Name: "dev", Data: filepath.Join(dir, "data"), Interfaces: []string{link.Interface}, PeerListen: peer,
		PeerAdvertise: peer.String(), AdminSocket: filepath.Join(dir, "admin.sock"), HistorySize: historySizeMin,
		AllowSlowDisk: true,
	}
	file := filepath.Join(dir, "dhcp.yaml")
	if err := os.WriteFile(file, []byte(link.sampleConfig()), 0o600); err != nil {
		return err
	}
	source, conf, err := readConfig(file)
	if err != nil {
		return err
	}
	if _, err := found(s, source, conf); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Serving %v on %s from %s. In another terminal:\n  dhcpctl%s lease list\n"+
		"Ctrl-C ends it and removes the folder.\n", link.Prefix, link.Interface, dir, socketFlag(s))
	return serve(cmd.Context(), s, newLogger(s, cmd.ErrOrStderr()))
}

// freePort returns a port of the loopback address that nobody listened on a moment ago.
func freePort() (netip.AddrPort, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("port for the node itself: %w", err)
	}
	defer l.Close()
	return netip.ParseAddrPort(l.Addr().String())
}

// commandLine is another command for the same node, to be pasted.
func commandLine(cmd *cobra.Command, verb string) string {
	line := "port67d " + verb
	if f := cmd.Flags().Lookup("node"); f.Changed {
		line += " --node " + f.Value.String()
	}
	return line
}

// socketFlag is the flag that dhcpctl needs to find the node's socket, empty if it looks there anyway.
func socketFlag(s nodeSettings) string {
	if s.AdminSocket == defaultSocket {
		return ""
	}
	return " --socket " + s.AdminSocket
}
