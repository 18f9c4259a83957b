package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	adminv1 "port67/proto/admin/v1"
)

// offersMax is how many addresses are offered to the shell at most: nobody reads more.
const offersMax = 50

// completer is what cobra asks for the words that can stand next.
type completer = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)

// completionCommand prints the completion script of a shell.
func (t *tool) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print the completion script of a shell",
		Long: `Print the completion script of a shell. Nouns, verbs, flags and contexts are completed,
and if a node can be reached the names of nodes, and subnets, addresses,
reservations and revisions as that node knows them.`,
		Example: `  dhcpctl completion bash > /etc/bash_completion.d/dhcpctl
  dhcpctl completion zsh > "${fpath[1]}/_dhcpctl"
  dhcpctl completion fish > ~/.config/fish/completions/dhcpctl.fish`,
		ValidArgs: []string{"bash", "zsh", "fish"},
		Args:      exactly("bash, zsh or fish"),
		RunE: func(c *cobra.Command, args []string) error {
			switch args[0] {
			case "bash":
				return c.Root().GenBashCompletionV2(t.out, true)
			case "zsh":
				return c.Root().GenZshCompletion(t.out)
			case "fish":
				return c.Root().GenFishCompletion(t.out, true)
			}
			return usagef(c, "completion %s: one of bash, zsh, fish", args[0])
		},
	}
}

// complete adds completions to a command and all below it: an argument by its name in the usage, a flag by
// its own. A command that has some already keeps them.
func (t *tool) complete(c *cobra.Command) {
	if !c.HasParent() {
		formats := cobra.FixedCompletions(outputFormats(), cobra.ShellCompDirectiveNoFileComp)
		_ = c.RegisterFlagCompletionFunc("output", formats) // It fails only for flags that do not exist.
		_ = c.RegisterFlagCompletionFunc("context", func(c *cobra.Command, _ []string, begin string,
		) ([]string, cobra.ShellCompDirective) {
			return t.offer(t.contextNames)(c, nil, begin)
		})
	}
	for _, sub := range c.Commands() {
		t.complete(sub)
	}
	words := map[string]completer{
		"NODE": t.offer(t.nodeNames), "PREFIX": t.offer(t.subnetPrefixes), "ADDRESS": t.offer(t.leaseAddresses),
		"ADDRESS|CLIENT": t.offer(t.leaseAddresses), "KEY": t.offer(t.reservationKeys),
		"REVISION": t.offer(t.revisionNumbers), "FILE": yamlFiles,
	}
	_, argument, _ := strings.Cut(c.Use, " ")
	if f := words[strings.Trim(argument, "[]")]; f != nil && c.ValidArgsFunction == nil {
		c.ValidArgsFunction = f
	} else if len(c.ValidArgs) == 0 && c.ValidArgsFunction == nil && !c.HasSubCommands() {
		c.ValidArgsFunction = cobra.NoFileCompletions
	}
	for flag, f := range map[string]completer{
		"subnet": t.offer(t.subnetPrefixes), "link": t.offer(t.subnetPrefixes), "node": t.offer(t.nodeNames),
		"state": cobra.FixedCompletions(leaseStates(), cobra.ShellCompDirectiveNoFileComp),
	} {
		if c.LocalNonPersistentFlags().Lookup(flag) != nil {
			_ = c.RegisterFlagCompletionFunc(flag, f) // It fails only for flags that do not exist.
		}
	}
}

// yamlFiles lets the shell offer YAML files.
func yamlFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}

// offer makes a completer out of what lists words that begin with a text. A node that cannot be reached
// offers nothing: the shell is no place for errors.
func (t *tool) offer(list func(c *cobra.Command, begin string) ([]string, error)) completer {
	return func(c *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		words, err := list(c, begin)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return slices.DeleteFunc(words, func(w string) bool { return !strings.HasPrefix(w, begin) }),
			cobra.ShellCompDirectiveNoFileComp
	}
}

// nodeNames lists the members.
func (t *tool) nodeNames(c *cobra.Command, _ string) (names []string, err error) {
	resp, err := call(t, c, dialTime, adminv1.NewClusterServiceClient, adminv1.ClusterServiceClient.ListNodes,
		&adminv1.ListNodesRequest{})
	for _, n := range resp.GetNodes() {
		names = append(names, n.GetName())
	}
	return names, err
}

// subnetPrefixes lists the subnets.
func (t *tool) subnetPrefixes(c *cobra.Command, _ string) (prefixes []string, err error) {
	resp, err := call(t, c, dialTime, adminv1.NewSubnetServiceClient, adminv1.SubnetServiceClient.ListSubnets,
		&adminv1.ListSubnetsRequest{Stale: true})
	for _, s := range resp.GetSubnets() {
		prefixes = append(prefixes, s.GetPrefix())
	}
	return prefixes, err
}

// leaseAddresses lists addresses that have leases.
func (t *tool) leaseAddresses(c *cobra.Command, begin string) (addresses []string, err error) {
	resp, err := call(t, c, dialTime, adminv1.NewLeaseServiceClient, adminv1.LeaseServiceClient.ListLeases,
		&adminv1.ListLeasesRequest{Search: begin, PageSize: offersMax, Stale: true})
	for _, l := range resp.GetLeases() {
		addresses = append(addresses, l.GetAddress())
	}
	return addresses, err
}

// reservationKeys lists what reservations can be named by.
func (t *tool) reservationKeys(c *cobra.Command, begin string) (keys []string, err error) {
	resp, err := call(t, c, dialTime, adminv1.NewReservationServiceClient,
		adminv1.ReservationServiceClient.ListReservations,
		&adminv1.ListReservationsRequest{Search: begin, PageSize: offersMax, Stale: true})
	for _, r := range resp.GetReservations() {
		for _, key := range append([]string{r.GetAddress()}, r.GetHardware()...) {
			if key != "" {
				keys = append(keys, key)
			}
		}
	}
	return keys, err
}

// revisionNumbers lists the revisions with their comments, newest first.
func (t *tool) revisionNumbers(c *cobra.Command, _ string) (numbers []string, err error) {
	resp, err := call(t, c, dialTime, adminv1.NewConfigServiceClient, adminv1.ConfigServiceClient.ListRevisions,
		&adminv1.ListRevisionsRequest{Stale: true})
	for _, r := range resp.GetRevisions() {
		numbers = append(numbers, fmt.Sprintf("%d\t%s", r.GetRevision(), r.GetComment()))
	}
	return numbers, err
}
