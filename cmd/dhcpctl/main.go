// Dhcpctl is the operator's tool: it shows and changes a Port67 cluster through the admin API of any node.
//
// This package is a shell.
package main

import (
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
)

func main() {
	os.Exit(run(os.Args[1:], terminal{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv,
		interactive: isTerminal(os.Stdin) && isTerminal(os.Stderr),
	}))
}

// terminal is where a tool reads and writes.
type terminal struct {
	in          io.Reader
	out, err    io.Writer
	getenv      func(string) string
	interactive bool // somebody sits there who can answer a question
}

// tool is one invocation.
type tool struct {
	terminal
	link   link // how to reach a node
	conn   *grpc.ClientConn
	format string // -o
	wait   time.Duration
	yes    bool
	dryRun bool
	stale  bool
	// context is --context.
	context string
}

// run carries out one command line and returns the exit code.
func run(args []string, term terminal) int {
	t := &tool{terminal: term}
	root := t.root()
	root.SetArgs(args)
	err := root.Execute()
	if t.conn != nil {
		_ = t.conn.Close() // Everything was said and answered.
	}
	return t.explain(err)
}

// root is the table of commands: one noun, one file, the verbs inside.
func (t *tool) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "dhcpctl",
		Short: "Show and change a Port67 DHCP cluster",
		Long: `Show and change a Port67 DHCP cluster.

Without flags dhcpctl speaks with the node on this machine through its local
socket, or with that of the context in use. Any node answers for the whole
cluster; changes go to the leader.

Exit codes: 0 done; 1 refused or failed; 2 wrong usage; 3 no quorum, or no
node reachable.`,
		Example: `  dhcpctl cluster status
  dhcpctl lease list --subnet 10.67.0.0/16 --state bound
  dhcpctl config apply dhcp.yaml
  dhcpctl explain --hardware 02:67:00:00:00:01 --link 10.67.0.0/16
  dhcpctl --server n1.example.org:6702 --cert admin.crt --key admin.key --ca ca.crt node list
  dhcpctl --context lab subnet list`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              cobra.ArbitraryArgs,
		RunE:              nounOnly,
		PersistentPreRunE: func(*cobra.Command, []string) error { return t.checkFlags() },
	}
	root.SetIn(t.in)
	root.SetOut(t.out)
	root.SetErr(t.err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usagef(c, "%v", err) })
	root.SetHelpCommand(&cobra.Command{Use: "no-help", Hidden: true})
	t.link.flags(root.PersistentFlags(), t.getenv)
	root.PersistentFlags().StringVar(&t.context, "context", "",
		"saved way to a cluster, see dhcpctl context (PORT67_CONTEXT)")
	root.PersistentFlags().StringVarP(&t.format, "output", "o", "table", "output: table, wide, json or yaml")
	root.PersistentFlags().DurationVar(&t.wait, "timeout", 0,
		"how long to wait for an answer (default 15s, 40s where a command moves nodes)")
	root.AddCommand(t.clusterNoun(), t.nodeNoun(), t.leaseNoun(), t.subnetNoun(), t.reservationNoun(),
		t.configNoun(), t.explainCommand(), t.importNoun(), t.exportNoun(), t.contextNoun(), t.versionCommand(),
		t.completionCommand(), t.manCommand())
	t.complete(root)
	return root
}

// noun returns a command that only holds verbs.
func noun(use, short, long string, verbs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Long: long, Args: cobra.ArbitraryArgs, RunE: nounOnly}
	c.AddCommand(verbs...)
	return c
}

// nounOnly explains a noun without a verb, or with one that does not exist.
func nounOnly(c *cobra.Command, args []string) error {
	if len(args) == 0 && !c.HasParent() {
		return c.Help()
	}
	var verbs []string
	for _, v := range c.Commands() {
		if !v.Hidden {
			verbs = append(verbs, v.Name())
		}
	}
	if len(args) == 0 {
		return usagef(c, "%s: a verb is missing: one of %s", c.CommandPath(), joinWords(verbs))
	}
	c.SuggestionsMinimumDistance = 2 // letters wrong
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		return usagef(c, "%s: unknown command %q: did you mean %s", c.CommandPath(), args[0], joinWords(near))
	}
	return usagef(c, "%s: unknown command %q: one of %s", c.CommandPath(), args[0], joinWords(verbs))
}

// changes adds the flag that every change has.
func (t *tool) changes(c *cobra.Command) *cobra.Command {
	c.Flags().BoolVar(&t.dryRun, "dry-run", false, "check, say what would be done, change nothing")
	return c
}

// asks adds the flags of a change that asks before it is done.
func (t *tool) asks(c *cobra.Command) *cobra.Command {
	c.Flags().BoolVarP(&t.yes, "yes", "y", false, "do not ask")
	return t.changes(c)
}

// reads adds the flag that every read has which normally waits for the leader.
func (t *tool) reads(c *cobra.Command) *cobra.Command {
	c.Flags().BoolVar(&t.stale, "stale", false,
		"show what this node knows, without asking the leader (needs no quorum)")
	return c
}
