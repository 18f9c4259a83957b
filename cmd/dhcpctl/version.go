package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
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
