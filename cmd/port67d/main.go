package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// The exit statuses.
const (
	exitDone    = 0
	exitRefused = 1
	exitUsage   = 2
)

func main() {
	os.Exit(execute(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// errUsage marks errors that are the command line's fault.
var errUsage = errors.New("wrong usage")

// execute runs one command line and returns the exit status.
func execute(ctx context.Context, args []string, out, errOut io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(errOut, "port67d: %s\n", strings.TrimSuffix(line, "\n"))
	}
	if errors.Is(err, errUsage) {
		fmt.Fprintf(errOut, "See: %s --help\n", cmd.CommandPath())
		return exitUsage
	}
	return exitRefused
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "port67d",
		Short: "One node of a clustered DHCP server",
		Long: "port67d is one node of a clustered DHCP server. Make a cluster of one with init, let other nodes\n" +
			"join it, and run them all; dhcpctl then shows and changes everything else.",
		SilenceErrors: true, SilenceUsage: true,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	root.AddCommand(initCommand(), joinCommand(), runCommand(), devCommand(), checkCommand(), versionCommand())
	return root
}

// usage makes err one of wrong usage.
func usage(err error) error { return usageError{err} }

type usageError struct{ error }

// Is makes a usageError errUsage to errors.Is.
func (usageError) Is(target error) bool { return target == errUsage }

func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(fmt.Errorf("argument %q: none is expected", args[0]))
	}
	return nil
}

// nodeFlags adds --node and a flag for every key of the node file, and returns what reads the settings.
func nodeFlags(cmd *cobra.Command) func() (nodeSettings, error) {
	file := cmd.Flags().String("node", defaultNodeFile, "the node file")
	for _, k := range settingKeys() {
		cmd.Flags().String(strings.TrimPrefix(k.flag(), "--"), "", k.help)
	}
	return func() (nodeSettings, error) {
		src := settingsSource{
			file: *file, must: cmd.Flags().Changed("node"), environ: os.Environ(), flags: map[string]string{},
		}
		for _, k := range settingKeys() {
			if f := cmd.Flags().Lookup(strings.TrimPrefix(k.flag(), "--")); f.Changed {
				src.flags[k.path] = f.Value.String()
			}
		}
		return src.load()
	}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "port67d %s %s %s/%s\n", version(), runtime.Version(),
				runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// version returns the release, or the commit that the program was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	built := map[string]string{}
	for _, s := range info.Settings {
		built[s.Key] = s.Value
	}
	commit := built["vcs.revision"]
	switch {
	case commit == "":
		return "devel"
	case built["vcs.modified"] == "true":
		return "devel-" + commit[:min(12, len(commit))] + "-modified"
	}
	return "devel-" + commit[:min(12, len(commit))]
}
