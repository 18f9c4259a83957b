package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	adminv1 "port67/proto/admin/v1"
)

// digestLenShown is how much of a digest people compare.
const digestLenShown = 16

// clusterNoun is everything about the cluster as a whole.
func (t *tool) clusterNoun() *cobra.Command {
	return noun("cluster", "Show the cluster, let nodes join and leave",
		"Show the cluster, let nodes join and leave, hand leadership over, move cluster time.",
		t.clusterStatus(), t.clusterToken(), t.clusterRemove(), t.clusterTransfer(), t.clusterAdvanceTime(),
		noun("upgrade", "Show how far an upgrade is, and finish it",
			"Show how far an upgrade of the nodes, one after the other, is, and finish it.",
			t.clusterUpgradeStatus(), t.clusterUpgradeFinalize()))
}

// clusterStatus shows members, leader and quorum as one node sees them.
func (t *tool) clusterStatus() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show members, leader, quorum margin and digest",
		Long: `Show members, leader, quorum margin and digest as the answering node knows them. It
works without a quorum. LAG is how many log entries a node is behind the leader;
BUCKETS how many of the 256 parts of all clients it answers; a * marks the node
that answers. Nodes with the same applied index have the same digest.`,
		Example: "  dhcpctl cluster status\n  dhcpctl cluster status -o json | jq .quorum_margin",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			st, err := t.status(c)
			if err != nil {
				return err
			}
			return t.show(st, func(wide bool) error { return t.statusForPeople(st, wide) })
		},
	}
}

// status fetches what one node knows of the cluster.
func (t *tool) status(c *cobra.Command) (*adminv1.GetStatusResponse, error) {
	return call(t, c, waitDefault, adminv1.NewClusterServiceClient, adminv1.ClusterServiceClient.GetStatus,
		&adminv1.GetStatusRequest{})
}

// statusForPeople prints a status as a page.
func (t *tool) statusForPeople(st *adminv1.GetStatusResponse, wide bool) error {
	leader := "none known"
	if st.GetLeaderId() != "" {
		leader = nameOr(st.GetLeaderName(), st.GetLeaderId())
	}
	config := "none yet: dhcpctl config apply FILE"
	if st.GetRevision() > 0 {
		config = fmt.Sprintf("revision %d", st.GetRevision())
	}
	var p pairs
	p.add("cluster", st.GetClusterId())
	p.add("seen by", nameOr(st.GetNodeName(), st.GetNodeId()))
	p.add("leader", fmt.Sprintf("%s, term %d", leader, st.GetTerm()))
	p.add("quorum", st.GetQuorumMargin())
	p.add("log", fmt.Sprintf("applied %d of %d", st.GetAppliedIndex(), st.GetCommitIndex()))
	digest := st.GetDigest()
	if !wide && len(digest) > digestLenShown {
		digest = digest[:digestLenShown]
	}
	p.add("digest", digest)
	p.add("config", config)
	if wide {
		p.add("feature level", fmt.Sprint(st.GetLevel()))
		p.add("bucket epoch", fmt.Sprint(st.GetBucketEpoch()))
		p.add("cluster clock", fmt.Sprint(st.GetClusterClock()))
	}
	if err := p.print(t.out); err != nil {
		return err
	}
	fmt.Fprintln(t.out)
	return t.nodeTable(st.GetNodes(), wide)
}

// nameOr returns a name, or the ID of what has none.
func nameOr(name, id string) string {
	if name == "" {
		return id
	}
	return name
}

// clusterToken makes a token with which a node can join.
func (t *tool) clusterToken() *cobra.Command {
	var valid time.Duration
	c := &cobra.Command{
		Use:   "token",
		Short: "Make a token with which one new node can join",
		Long: `Make a token with which one new node can join, once. It is a secret: who has it can
become a member of the cluster.`,
		Example: "  dhcpctl cluster token\n  dhcpctl cluster token --valid-for 10m -o json | jq -r .token",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			resp, err := call(t, c, waitDefault, adminv1.NewClusterServiceClient,
				adminv1.ClusterServiceClient.CreateToken, &adminv1.CreateTokenRequest{
					ValidFor: durationpb.New(valid), ValidateOnly: t.dryRun,
				})
			if err != nil {
				return err
			}
			if t.dryRun {
				return t.report(resp, "a token valid for %s", shortSpan(valid))
			}
			return t.show(resp, func(bool) error {
				address := "ADDRESS"
				if len(resp.GetJoinAddresses()) > 0 {
					address = resp.GetJoinAddresses()[0]
				}
				fmt.Fprintf(t.out, "%s\n\nOn the new node, before %s:\n  port67d join --node node.yaml --token %s %s\n",
					resp.GetToken(), clock(resp.GetExpireTime()), resp.GetToken(), address)
				return nil
			})
		},
	}
	c.Flags().DurationVar(&valid, "valid-for", time.Hour, "for how long the token admits a node, 168h at most")
	return t.changes(c)
}

// clusterRemove ends a membership.
func (t *tool) clusterRemove() *cobra.Command {
	return t.asks(&cobra.Command{
		Use:   "remove NODE",
		Short: "End a node's membership, for ever",
		Long: `End a node's membership, for ever. NODE is a name or an ID. Its clients go to the
others; the machine can come back only as a new node, with a wiped data folder
and a token. A dead node is removed like a living one. What would cost the
cluster its quorum is refused.`,
		Example: "  dhcpctl node drain n3\n  dhcpctl cluster remove n3",
		Args:    exactly("NODE"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := t.confirm(c, "Remove node %s from the cluster for ever?", args[0]); err != nil {
				return err
			}
			resp, err := call(t, c, waitLong, adminv1.NewClusterServiceClient,
				adminv1.ClusterServiceClient.RemoveNode,
				&adminv1.RemoveNodeRequest{Node: args[0], ValidateOnly: t.dryRun})
			if err != nil {
				return err
			}
			return t.report(resp, "node %s (%s) removed", resp.GetNode().GetName(), resp.GetNode().GetId())
		},
	})
}

// clusterTransfer hands leadership over.
func (t *tool) clusterTransfer() *cobra.Command {
	return t.changes(&cobra.Command{
		Use:   "transfer [NODE]",
		Short: "Hand leadership to a node",
		Long: `Hand leadership to a node, or without NODE to the most up-to-date follower. Clients
notice nothing.`,
		Example: "  dhcpctl cluster transfer\n  dhcpctl cluster transfer n2",
		Args:    between(0, "NODE"),
		RunE: func(c *cobra.Command, args []string) error {
			req := &adminv1.TransferLeadershipRequest{Node: strings.Join(args, ""), ValidateOnly: t.dryRun}
			resp, err := call(t, c, waitLong, adminv1.NewClusterServiceClient,
				adminv1.ClusterServiceClient.TransferLeadership, req)
			if err != nil {
				return err
			}
			if resp.GetLeader() == nil {
				return t.report(resp, "leadership handed over; the new leader is not known here yet")
			}
			return t.report(resp, "leader is %s", resp.GetLeader().GetName())
		},
	})
}

// clusterAdvanceTime moves cluster time.
func (t *tool) clusterAdvanceTime() *cobra.Command {
	return t.asks(&cobra.Command{
		Use:   "advance-time DURATION",
		Short: "Move cluster time forward after an outage",
		Long: `Move cluster time forward, for good. While the whole cluster is down its time stands
still, so every booking lasts longer by the outage. This gives that time back.

Only safe if no client kept its lease for so long, and none has renewed since: a
client that still uses an address whose booking ends now can lose it to another. So
do it right after the cluster has started. All nodes must be there.`,
		Example: "  dhcpctl cluster advance-time 6h --dry-run\n  dhcpctl cluster advance-time 6h",
		Args:    exactly("DURATION"),
		RunE: func(c *cobra.Command, args []string) error {
			by, err := time.ParseDuration(args[0])
			if err != nil {
				return usagef(c, "DURATION %s: a number with a unit is needed, as in 90m or 6h", args[0])
			}
			req := &adminv1.AdvanceTimeRequest{By: durationpb.New(by), ValidateOnly: true}
			resp, err := call(t, c, waitDefault, adminv1.NewClusterServiceClient,
				adminv1.ClusterServiceClient.AdvanceTime, req)
			if err != nil {
				return err
			}
			err = t.confirm(c, "Move cluster time forward by %s? %s will expire at once.", shortSpan(by),
				count(resp.GetExpiredLeases(), "bound lease"))
			if err != nil {
				return err
			}
			if !t.dryRun {
				req.ValidateOnly = false
				resp, err = call(t, c, waitDefault, adminv1.NewClusterServiceClient,
					adminv1.ClusterServiceClient.AdvanceTime, req)
				if err != nil {
					return err
				}
			}
			return t.report(resp, "cluster time moved by %s; %s expired", shortSpan(by),
				count(resp.GetExpiredLeases(), "bound lease"))
		},
	})
}

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
