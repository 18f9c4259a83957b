package main

import (
	"bytes"
	"context"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"port67/server/admin"
	"port67/server/admin/admintest"
	"port67/storage"
)

func TestMain(m *testing.M) {
	flag.Bool("update", false, "rewrite the golden files and the outputs in the scripts")
	testscript.Main(m, map[string]func(){"dhcpctl": main})
}

// clusterKey is where a script's environment holds its cluster.
type clusterKey struct{}

// TestScripts plays what a user could type. Every script has a cluster of three nodes with the sample
// configuration behind DHCPCTL_SOCKET. Besides the usual commands there are
//
//	lose          the quorum is lost
//	heal          it is back
//	fail ERROR    the next change ends with unknown, overloaded or noleader
//	upgrade NODE  the node says that it reads one feature level more
//	gap SPAN      so long passes, then the node's journal begins anew
//	own           all clients are n1's
//	forget        the node keeps no journal
//	exits N CMD…  dhcpctl ends with this exit code
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		UpdateScripts:       updating(),
		Setup:               setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"lose":    func(ts *testscript.TestScript, _ bool, _ []string) { clusterOf(ts).Lose(storage.ErrNoLeader) },
			"heal":    func(ts *testscript.TestScript, _ bool, _ []string) { clusterOf(ts).Lose(nil) },
			"fail":    fail,
			"upgrade": upgrade,
			"exits":   exits,
			"own":     own,
			"forget":  func(ts *testscript.TestScript, _ bool, _ []string) { clusterOf(ts).Forget() },
			"gap": func(ts *testscript.TestScript, _ bool, args []string) {
				d, err := time.ParseDuration(strings.Join(args, ""))
				ts.Check(err)
				clusterOf(ts).Gap(d)
			},
		},
	})
}

// setup starts a server for one script.
func setup(env *testscript.Env) error {
	cluster, err := admintest.Sample()
	if err != nil {
		return err
	}
	socket := filepath.Join(env.WorkDir, "admin.sock")
	server, err := admin.NewServer(admin.Options{
		Cluster: cluster, Socket: socket, Explainer: cluster.Explainer(), Foreign: foreignServers,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		_ = server.Run(ctx) // A server that fails makes its script fail.
		close(done)
	}()
	env.Defer(func() {
		cancel()
		<-done
	})
	env.Values[clusterKey{}] = cluster
	env.Setenv("DHCPCTL_SOCKET", socket)
	env.Setenv("TZ", "UTC")
	return nil
}

// clusterOf returns the cluster of a script.
func clusterOf(ts *testscript.TestScript) *admintest.Cluster {
	return ts.Value(clusterKey{}).(*admintest.Cluster)
}

// fail makes the next change end badly.
func fail(ts *testscript.TestScript, _ bool, args []string) {
	errs := map[string]error{
		"unknown": storage.ErrUnknown, "overloaded": storage.ErrOverloaded, "noleader": storage.ErrNoLeader,
	}
	if len(args) != 1 || errs[args[0]] == nil {
		ts.Fatalf("usage: fail unknown|overloaded|noleader")
	}
	clusterOf(ts).Fail(errs[args[0]])
}

// foreignServers is what the node of the scripts has noticed.
func foreignServers() []admin.ForeignServer {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return []admin.ForeignServer{
		{
			Addr: netip.MustParseAddr("10.67.0.9"), Source: netip.MustParseAddr("10.67.0.9"), Interface: "eth0",
			Hardware: "\x02\x67\x00\x00\x00\x99", LastReply: "OFFER", Offered: netip.MustParseAddr("192.168.1.100"),
			Heard: 3, Named: 1, First: at, Last: at,
		},
		{Addr: netip.MustParseAddr("10.67.0.5"), Interface: "eth0", Heard: 7, First: at, Last: at, Known: true},
		{Addr: netip.MustParseAddr("10.67.0.77"), Interface: "eth1", Named: 1, First: at, Last: at},
	}
}

// upgrade gives a node the next release.
func upgrade(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 || !clusterOf(ts).Upgrade(args[0]) {
		ts.Fatalf("usage: upgrade NODE")
	}
}

// own gives all buckets to n1.
func own(ts *testscript.TestScript, _ bool, _ []string) {
	all := storage.SetBuckets{Epoch: 1}
	for i := range all.Owners {
		all.Owners[i] = admintest.Self
	}
	if r := clusterOf(ts).Apply(all)[0]; r.Refusal != storage.Granted {
		ts.Fatalf("buckets refused: %s", r.Detail)
	}
}

// exits runs dhcpctl in this process and checks its exit code and, for the next stdout and stderr commands,
// keeps what it said in the files out and err.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	var out, errs bytes.Buffer
	var in string
	if len(args) > 2 && strings.HasPrefix(args[1], "answer=") {
		in = strings.TrimPrefix(args[1], "answer=") + "\n"
		args = append(args[:1:1], args[2:]...)
	}
	if len(args) < 1 {
		ts.Fatalf("usage: exits N [answer=TEXT] ARGUMENT…")
	}
	code := run(resolve(ts, args[1:]), terminal{
		in: strings.NewReader(in), out: &out, err: &errs, getenv: ts.Getenv, interactive: in != "",
	})
	ts.Check(os.WriteFile(ts.MkAbs("out"), out.Bytes(), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("err"), errs.Bytes(), 0o600))
	ts.Logf("exit %d\n[stdout]\n%s[stderr]\n%s", code, out.String(), errs.String())
	if args[0] != string(rune('0'+code)) {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// resolve makes the names of the script's files absolute: this process does not stand in its folder.
func resolve(ts *testscript.TestScript, args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = a
		switch filepath.Ext(a) {
		case ".yaml", ".crt", ".key", ".conf", ".csv", ".hex":
			out[i] = ts.MkAbs(a)
		}
	}
	return out
}

// updating says whether golden files are to be rewritten.
func updating() bool { return flag.Lookup("update").Value.String() == "true" }

// TestHelp compares the help of every command with testdata/help.golden: what a user reads is reviewed.
func TestHelp(t *testing.T) {
	var got bytes.Buffer
	tool := &tool{terminal: terminal{
		in: strings.NewReader(""), out: &got, err: &got, getenv: func(string) string { return "" },
	}}
	everyCommand(tool.root(), func(c *cobra.Command) {
		got.WriteString("$ " + c.CommandPath() + " --help\n")
		if err := c.Help(); err != nil {
			t.Fatal(err)
		}
		got.WriteByte('\n')
	})
	golden := filepath.Join("testdata", "help.golden")
	if updating() {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("help differs (go test ./cmd/dhcpctl -update rewrites it):\n%s", diff)
	}
}

// TestHelp_Complete holds every command to a long text and an example, and every flag to a text.
func TestHelp_Complete(t *testing.T) {
	tool := &tool{terminal: terminal{getenv: func(string) string { return "" }}}
	everyCommand(tool.root(), func(c *cobra.Command) {
		if c.Short == "" || c.Long == "" {
			t.Errorf("%s: no help text", c.CommandPath())
		}
		if !c.HasSubCommands() && c.Example == "" {
			t.Errorf("%s: no example", c.CommandPath())
		}
		for line := range strings.Lines(c.Long + "\n" + c.Example) {
			if len(line) > 100 {
				t.Errorf("%s: a line of %d octets does not fit a terminal: %s", c.CommandPath(), len(line), line)
			}
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s: no text", c.CommandPath(), f.Name)
			}
		})
	})
}

// everyCommand calls f for c and all below it that users see.
func everyCommand(c *cobra.Command, f func(*cobra.Command)) {
	f(c)
	for _, sub := range c.Commands() {
		if !sub.Hidden {
			everyCommand(sub, f)
		}
	}
}

func TestShortSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Hour: "1h", 90 * time.Minute: "1h30m", time.Minute: "1m", 61 * time.Second: "1m1s",
		5 * time.Second: "5s",
		0:               "0s", 10 * time.Hour: "10h", 20 * time.Minute: "20m", time.Hour + time.Second: "1h0m1s",
	} {
		if got := shortSpan(d); got != want {
			t.Errorf("shortSpan(%v) = %q, want %q", d, got, want)
		}
	}
}

// TestFlags_OfWhatChanges: every verb but those that only show has --dry-run, and what asks has --yes as well.
func TestFlags_OfWhatChanges(t *testing.T) {
	shows := []string{"list", "show", "history", "watch", "status", "validate", "diff", "version", "completion",
		"explain", "leases", "foreign-servers"} // export kea leases
	asks := []string{
		"dhcpctl cluster remove", "dhcpctl cluster advance-time", "dhcpctl cluster upgrade finalize",
		"dhcpctl lease delete", "dhcpctl lease clear-declined",
		"dhcpctl reservation delete", "dhcpctl config apply", "dhcpctl config rollback",
		"dhcpctl import kea",
	}
	tool := &tool{terminal: terminal{getenv: func(string) string { return "" }}}
	everyCommand(tool.root(), func(c *cobra.Command) {
		if c.HasSubCommands() {
			return
		}
		dry, yes := c.Flags().Lookup("dry-run") != nil, c.Flags().Lookup("yes") != nil
		if want := !slices.Contains(shows, c.Name()); dry != want {
			t.Errorf("%s: has --dry-run: %t, want %t", c.CommandPath(), dry, want)
		}
		if want := slices.Contains(asks, c.CommandPath()); yes != want {
			t.Errorf("%s: has --yes: %t, want %t", c.CommandPath(), yes, want)
		}
		if c.InheritedFlags().Lookup("output") == nil {
			t.Errorf("%s: has no --output", c.CommandPath())
		}
	})
}
