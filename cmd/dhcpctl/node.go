package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	adminv1 "port67/proto/admin/v1"
)

// nodeNoun is everything about single nodes.
func (t *tool) nodeNoun() *cobra.Command {
	return noun("node", "Show nodes, take them out of service and back",
		"Show nodes, take them out of service and back. They join and leave by the commands of cluster.",
		t.nodeList(), t.nodeShow(), t.nodeDrain(), t.nodeUndrain(), t.nodeForeignServers())
}

// nodeList lists the members.
func (t *tool) nodeList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the members",
		Long:    "List the members as the answering node knows them, which needs no quorum.",
		Example: "  dhcpctl node list -o wide",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			resp, err := call(t, c, waitDefault, adminv1.NewClusterServiceClient,
				adminv1.ClusterServiceClient.ListNodes, &adminv1.ListNodesRequest{})
			if err != nil {
				return err
			}
			return t.show(resp, func(wide bool) error { return t.nodeTable(resp.GetNodes(), wide) })
		},
	}
}

// nodeTable prints nodes for people.
func (t *tool) nodeTable(nodes []*adminv1.Node, wide bool) error {
	table := columns{names: []string{
		"NODE", "ROLE", "STATE", "LAG", "BUCKETS", "SEEN", "+VERSION", "+PEER", "+ADMIN", "+ADDRESSES", "+ID",
	}}
	for _, n := range nodes {
		table.add(nodeName(n), enumWord(n.GetRole(), "NODE_ROLE_"), nodeState(n), n.GetLag(), n.GetBuckets(),
			nodeSeen(n), orNone(n.GetVersion()), orNone(n.GetPeerAddress()), orNone(n.GetAdminAddress()),
			orNone(joinWords(n.GetAddresses())), n.GetId())
	}
	return table.print(t.out, wide)
}

// nodeName is a node's name, marked if it is the one that answers.
func nodeName(n *adminv1.Node) string {
	if n.GetSelf() {
		return nameOr(n.GetName(), n.GetId()) + " *"
	}
	return nameOr(n.GetName(), n.GetId())
}

// nodeState says in words whether a node serves.
func nodeState(n *adminv1.Node) string {
	var words []string
	if n.GetDrained() {
		words = append(words, "drained")
	}
	switch {
	case !n.GetAlive():
		words = append(words, "silent")
	case n.GetTrouble() == "" && !n.GetDrained():
		words = append(words, "serving")
	}
	if n.GetTrouble() != "" {
		words = append(words, "trouble: "+n.GetTrouble())
	}
	return strings.Join(words, ", ")
}

// nodeSeen says when a node was last heard.
func nodeSeen(n *adminv1.Node) string {
	seen := n.GetLastSeen().AsDuration()
	switch {
	case n.GetSelf() || n.GetAlive() && seen < time.Second:
		return "now"
	case seen <= 0:
		return "never"
	}
	return shortSpan(seen.Truncate(time.Second)) + " ago"
}

// enumWord turns NODE_ROLE_LEADER into leader.
func enumWord(e fmt.Stringer, prefix string) string {
	return strings.ToLower(strings.TrimPrefix(e.String(), prefix))
}

// nodeShow shows one member.
func (t *tool) nodeShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show [NODE]",
		Short:   "Show one member",
		Long:    "Show one member by name or ID, or without NODE the node that answers.",
		Example: "  dhcpctl node show n2",
		Args:    between(0, "NODE"),
		RunE: func(c *cobra.Command, args []string) error {
			resp, err := call(t, c, waitDefault, adminv1.NewClusterServiceClient,
				adminv1.ClusterServiceClient.GetNode, &adminv1.GetNodeRequest{Node: strings.Join(args, "")})
			if err != nil {
				return err
			}
			n := resp.GetNode()
			return t.show(n, func(bool) error {
				var p pairs
				p.add("node", n.GetName())
				p.add("id", n.GetId())
				p.add("role", enumWord(n.GetRole(), "NODE_ROLE_"))
				p.add("state", nodeState(n))
				p.add("seen", nodeSeen(n))
				p.add("lag", fmt.Sprint(n.GetLag()))
				p.add("buckets", fmt.Sprint(n.GetBuckets()))
				p.add("version", n.GetVersion())
				p.add("feature level", fmt.Sprint(n.GetLevel()))
				p.add("peer address", n.GetPeerAddress())
				p.add("admin address", n.GetAdminAddress())
				p.add("addresses", joinWords(n.GetAddresses()))
				return p.print(t.out)
			})
		},
	}
}

// nodeForeignServers lists the DHCP servers of others.
func (t *tool) nodeForeignServers() *cobra.Command {
	return &cobra.Command{
		Use:   "foreign-servers",
		Short: "List DHCP servers of others that a node has noticed",
		Long: `List the DHCP servers of others that the answering node has noticed within a day on
the links that it serves: those whose replies it has heard, and those that clients
have named to it. Each node knows its own; ask another one with --server. known are
those that known-servers of the configuration names.`,
		Example: "  dhcpctl node foreign-servers",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			resp, err := call(t, c, waitDefault, adminv1.NewClusterServiceClient,
				adminv1.ClusterServiceClient.ListForeignServers, &adminv1.ListForeignServersRequest{})
			if err != nil {
				return err
			}
			return t.show(resp, func(wide bool) error {
				table := columns{names: []string{
					"SERVER", "INTERFACE", "HARDWARE", "STATE", "HEARD", "NAMED", "LAST", "+SOURCE", "+SAID", "+OFFERED",
				}}
				for _, f := range resp.GetServers() {
					table.add(f.GetAddress(), f.GetInterface(), orNone(f.GetHardwareAddress()), foreignState(f),
						f.GetHeard(), f.GetNamed(), f.GetLastSeen().AsTime().UTC().Format(time.RFC3339),
						orNone(f.GetSource()), orNone(f.GetLastReply()), orNone(f.GetOfferedAddress()))
				}
				return table.print(t.out, wide)
			})
		},
	}
}

// foreignState says in a word what is known of a server.
func foreignState(f *adminv1.ForeignServer) string {
	switch {
	case f.GetKnown():
		return "known"
	case f.GetHeard() > 0:
		return "heard"
	}
	return "named"
}

// nodeDrain takes a node out of service.
func (t *tool) nodeDrain() *cobra.Command {
	return t.changes(&cobra.Command{
		Use:   "drain NODE",
		Short: "Move a node's clients to the others",
		Long: `Move a node's clients, and leadership if it has it, to the other nodes, as before
maintenance. The node stays a member and keeps its vote. port67d drains by itself
when it is stopped in order.`,
		Example: "  dhcpctl node drain n3",
		Args:    exactly("NODE"),
		RunE: func(c *cobra.Command, args []string) error {
			resp, err := call(t, c, waitLong, adminv1.NewClusterServiceClient,
				adminv1.ClusterServiceClient.DrainNode, &adminv1.DrainNodeRequest{Node: args[0], ValidateOnly: t.dryRun})
			if err != nil {
				return err
			}
			return t.report(resp, "node %s drained", resp.GetNode().GetName())
		},
	})
}

// nodeUndrain takes a node back into service.
func (t *tool) nodeUndrain() *cobra.Command {
	return t.changes(&cobra.Command{
		Use:     "undrain NODE",
		Short:   "Give a drained node clients again",
		Long:    "Give a drained node its share of the clients again.",
		Example: "  dhcpctl node undrain n3",
		Args:    exactly("NODE"),
		RunE: func(c *cobra.Command, args []string) error {
			resp, err := call(t, c, waitLong, adminv1.NewClusterServiceClient,
				adminv1.ClusterServiceClient.UndrainNode,
				&adminv1.UndrainNodeRequest{Node: args[0], ValidateOnly: t.dryRun})
			if err != nil {
				return err
			}
			return t.report(resp, "node %s serves again", resp.GetNode().GetName())
		},
	})
}
