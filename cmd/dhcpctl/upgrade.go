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
level of the cluster, what holds that back, and whether finalize would raise it. The
cluster writes nothing that one of its nodes could not read. It works without a
quorum.`,
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

// clusterUpgradeFinalize raises the feature level.
func (t *tool) clusterUpgradeFinalize() *cobra.Command {
	var level uint32
	c := &cobra.Command{
		Use:   "finalize",
		Short: "Raise the feature level, for good",
		Long: `Raise the feature level of the cluster as far as every node can read, for good. Until
then the nodes can go back to the release before; afterwards what an older release
cannot read may be written, and a node with that release stops. It is refused while a
node reads less or is silent, and if there is nothing to raise.

With --level it is no error if that level is in force already, so that a script can
ask again after an answer that was lost.`,
		Example: "  dhcpctl cluster upgrade finalize --dry-run\n  dhcpctl cluster upgrade finalize --yes",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			finalize := func(level uint32, validateOnly bool) (*adminv1.FinalizeUpgradeResponse, error) {
				return call(t, c, waitDefault, adminv1.NewClusterServiceClient,
					adminv1.ClusterServiceClient.FinalizeUpgrade,
					&adminv1.FinalizeUpgradeRequest{Level: level, ValidateOnly: validateOnly})
			}
			resp, err := finalize(level, true)
			if err != nil {
				return err
			}
			if resp.GetLevel() == resp.GetPreviousLevel() {
				return t.report(resp, "feature level is %d already", resp.GetLevel())
			}
			err = t.confirm(c, "Raise the feature level from %d to %d? There is no way back.",
				resp.GetPreviousLevel(), resp.GetLevel())
			if err != nil {
				return err
			}
			if !t.dryRun {
				resp, err = finalize(resp.GetLevel(), false) // What was confirmed, and nothing else.
				if err != nil {
					return err
				}
			}
			return t.report(resp, "feature level raised from %d to %d", resp.GetPreviousLevel(), resp.GetLevel())
		},
	}
	c.Flags().Uint32Var(&level, "level", 0, "raise it to this level; 0: as far as every node can read")
	return t.asks(c)
}

// upgradeForPeople prints versions and levels as a page.
func (t *tool) upgradeForPeople(st *adminv1.GetStatusResponse, wide bool) error {
	var p pairs
	p.add("feature level", fmt.Sprint(st.GetLevel()))
	if common := st.GetLevelCommon(); common > st.GetLevel() {
		p.add("finalize", fmt.Sprintf("raises it to %d", common))
	} else {
		p.add("finalize", "has nothing to do")
	}
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
