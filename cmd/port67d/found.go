package main

import (
	"fmt"
	"os/user"
	"path/filepath"

	"github.com/spf13/cobra"

	"port67/cluster"
	"port67/storage/config"
)

// found makes a new cluster of one for the node that s describes. conf may be nil.
func found(s nodeSettings, source string, conf *config.Config) (cluster.Founded, error) {
	var first *cluster.FirstConfig
	if conf != nil {
		first = &cluster.FirstConfig{Config: conf, Source: source, Author: authorOfInit()}
	}
	return cluster.Found(s.Data, info(s, nil), first)
}

// authorOfInit is who the history of the configuration names for the first revision.
func authorOfInit() string {
	if u, err := user.Current(); err == nil {
		return u.Username + " via init"
	}
	return "init"
}

// printFounded says what was made and what comes next.
func printFounded(cmd *cobra.Command, s nodeSettings, f cluster.Founded, configured bool) error {
	ctl := "dhcpctl" + socketFlag(s)
	second := ctl + " subnet list"
	if !configured {
		second = ctl + " config apply dhcp.yaml"
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), `%s is a new cluster of one, %s.
The first administrator's certificate and key are %s and %s,
for dhcpctl from other hosts; on this one root needs none.
Next:
  %s
  %s
  %s cluster token    # for each node that shall join
`, s.Name, f.ClusterID, filepath.Join(s.Data, cluster.AdminCertFile), filepath.Join(s.Data, cluster.AdminKeyFile),
		commandLine(cmd, "run"), second, ctl)
	return err
}
