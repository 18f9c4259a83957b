package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// version returns the version this program was built as.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "devel"
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				v = "devel-" + s.Value[:12]
			}
		}
	}
	return v
}

// versionCommand shows the version of this program.
func (t *tool) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Show the version of dhcpctl",
		Long:    "Show the version of dhcpctl. The versions of the nodes are in node list -o wide.",
		Example: "  dhcpctl version -o json",
		Args:    exactly(),
		RunE: func(*cobra.Command, []string) error {
			fields := []field{
				{"version", scalar(version())},
				{"go", scalar(runtime.Version())},
				{"platform", scalar(runtime.GOOS + "/" + runtime.GOARCH)},
			}
			return t.showFields(fields, func(bool) error {
				_, err := fmt.Fprintf(t.out, "dhcpctl %s, %s, %s/%s\n", version(), runtime.Version(), runtime.GOOS,
					runtime.GOARCH)
				return err
			})
		},
	}
}

// manCommand writes the manual pages. It is for those who build packages, so the help does not list it.
func (t *tool) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "man FOLDER",
		Short:   "Write the manual pages into a folder",
		Long:    "Write a manual page for every command into a folder, which is made if there is none.",
		Example: "  dhcpctl man build/man",
		Hidden:  true,
		Args:    exactly("FOLDER"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			c.Root().DisableAutoGenTag = true // Below the pages it would name the day on which they were made.
			return doc.GenManTree(c.Root(), &doc.GenManHeader{
				Section: "1", Manual: "Port67", Source: "Port67 " + version(), Date: committed(),
			}, args[0])
		},
	}
}

// committed returns when what this program was built of was committed, so that the same source makes the same
// pages; nil if that is not known: then it is now, or SOURCE_DATE_EPOCH.
func committed() *time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	for _, s := range info.Settings {
		if at, err := time.Parse(time.RFC3339, s.Value); s.Key == "vcs.time" && err == nil {
			return &at
		}
	}
	return nil
}
