package main

import (
	"fmt"

	"github.com/spf13/cobra"

	adminv1 "port67/proto/admin/v1"
)

// clusterUpgradeStatus shows which node runs what, and what follows for the cluster.
func (t *tool) clusterUpgradeStatus() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show versions and feature levels",
		Long: `Show the version of each node and the feature level that it can read, the feature
level of the cluster, and whether anything holds that back. The cluster writes
nothing that one of its nodes could not read; so a new level begins when the last
node has the new release. It works without a quorum.`,
		Example: "  dhcpctl cluster upgrade status\n  dhcpctl cluster upgrade status -o json | jq .level_outlook",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			st, err := t.status(c)
			if err != nil {
				return err
			}
			return t.show(st, func(wide bool) error { return t.upgradeForPeople(st, wide) })
		},
	}
}

// upgradeForPeople prints versions and levels as a page.
func (t *tool) upgradeForPeople(st *adminv1.GetStatusResponse, wide bool) error {
	var p pairs
	p.add("feature level", fmt.Sprint(st.GetLevel()))
	p.add("outlook", st.GetLevelOutlook())
	if err := p.print(t.out); err != nil {
		return err
	}
	fmt.Fprintln(t.out)
	table := columns{names: []string{"NODE", "VERSION", "READS-LEVEL", "ALIVE", "+ID"}}
	for _, n := range st.GetNodes() {
		table.add(n.GetName(), orNone(n.GetVersion()), n.GetLevel(), yesNo(n.GetAlive()), n.GetId())
	}
	return table.print(t.out, wide)
}
