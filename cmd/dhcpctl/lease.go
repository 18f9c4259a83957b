package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	adminv1 "port67/proto/admin/v1"
)

// leasePage is how many leases are asked for at a time.
const leasePage = 5000

// leaseNoun is everything about leases.
func (t *tool) leaseNoun() *cobra.Command {
	return noun("lease", "Show leases and give them back",
		"Show leases, and give them back on your word. Times are in the local time zone.",
		t.leaseList(), t.leaseShow(), t.leaseHistory(), t.leaseReserve(), t.leaseRelease(), t.leaseDelete(),
		t.leaseClearDeclined(), t.leaseWatch())
}

// leases returns the client of LeaseService.
func (t *tool) leases(c *cobra.Command) (adminv1.LeaseServiceClient, error) {
	conn, err := t.dial(c)
	return adminv1.NewLeaseServiceClient(conn), err
}

// leaseList lists leases.
func (t *tool) leaseList() *cobra.Command {
	var subnet, search string
	var states []string
	var limit int
	c := &cobra.Command{
		Use:   "list",
		Short: "List leases",
		Long: `List leases by address. UNTIL is until when the log has promised the address to the
client, which is later than what the client was told.

--search finds text in address, client, hardware address, host name, circuit and
remote ID. --state is offered, bound, released, expired or declined, and can be
given more than once.`,
		Example: `  dhcpctl lease list --subnet 10.67.0.0/16 --state bound
  dhcpctl lease list --search printer -o wide`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			statuses, err := parseStates(c, states)
			if err != nil {
				return err
			}
			if limit < 0 {
				return usagef(c, "--limit %d: not below 0", limit)
			}
			req := &adminv1.ListLeasesRequest{Subnet: subnet, Statuses: statuses, Search: search, Stale: t.stale}
			all, err := t.allLeases(c, req, limit)
			if err != nil {
				return err
			}
			return t.show(all, func(wide bool) error { return t.leaseTable(all, wide) })
		},
	}
	c.Flags().StringVar(&subnet, "subnet", "", "only addresses in this prefix")
	c.Flags().StringSliceVar(&states, "state", nil, "only leases in this state")
	c.Flags().StringVar(&search, "search", "", "only leases with this text in them")
	c.Flags().IntVar(&limit, "limit", 0, "at most so many leases (default all)")
	return t.reads(c)
}

// leaseStates returns the values of --state.
func leaseStates() []string {
	return []string{"offered", "bound", "released", "expired", "declined"}
}

// parseStates reads the values of --state.
func parseStates(c *cobra.Command, words []string) ([]adminv1.LeaseStatus, error) {
	var statuses []adminv1.LeaseStatus
	for _, w := range words {
		n, ok := adminv1.LeaseStatus_value["LEASE_STATUS_"+strings.ToUpper(w)]
		if !ok || n == 0 {
			return nil, usagef(c, "--state %s: one of %s", w, joinWords(leaseStates()))
		}
		statuses = append(statuses, adminv1.LeaseStatus(n))
	}
	return statuses, nil
}

// allLeases follows the pages of a list; limit 0 means to the end.
func (t *tool) allLeases(c *cobra.Command, req *adminv1.ListLeasesRequest, limit int,
) (*adminv1.ListLeasesResponse, error) {
	all := &adminv1.ListLeasesResponse{}
	for {
		req.PageSize = leasePage
		if limit > 0 {
			req.PageSize = int32(min(leasePage, limit-len(all.Leases)))
		}
		page, err := call(t, c, waitDefault, adminv1.NewLeaseServiceClient, adminv1.LeaseServiceClient.ListLeases,
			req)
		if err != nil {
			return nil, err
		}
		all.Leases = append(all.Leases, page.GetLeases()...)
		all.NextPageToken = page.GetNextPageToken()
		if all.NextPageToken == "" || limit > 0 && len(all.Leases) >= limit {
			return all, nil
		}
		req.PageToken = all.NextPageToken
		req.Stale = true // The first page was up to date; later ones need not wait for the leader again.
	}
}

// leaseTable prints leases for people.
func (t *tool) leaseTable(all *adminv1.ListLeasesResponse, wide bool) error {
	if len(all.GetLeases()) == 0 {
		fmt.Fprintln(t.err, "no leases")
		return nil
	}
	table := columns{names: []string{
		"ADDRESS", "STATE", "HARDWARE", "HOSTNAME", "UNTIL", "+CLIENT", "+SINCE", "+LAST", "+LEASE", "+REUSABLE",
		"+CIRCUIT", "+REMOTE", "+RESERVED",
	}}
	for _, l := range all.GetLeases() {
		table.add(l.GetAddress(), enumWord(l.GetStatus(), "LEASE_STATUS_"), orNone(l.GetHardwareAddress()),
			orNone(l.GetHostname()), leaseUntil(l), l.GetClient(), orNone(clock(l.GetStartTime())),
			orNone(clock(l.GetLastTime())), spanOrInfinite(l.GetLeaseTime()), orNone(clock(l.GetReusableTime())),
			orNone(l.GetCircuitId()), orNone(l.GetRemoteId()), yesNo(l.GetReserved()))
	}
	if err := table.print(t.out, wide); err != nil {
		return err
	}
	if all.GetNextPageToken() != "" {
		fmt.Fprintln(t.err, "there are more: raise --limit")
	}
	return nil
}

// leaseUntil is the end of a booking for people.
func leaseUntil(l *adminv1.Lease) string {
	if l.GetPermanent() {
		return "for ever"
	}
	return orNone(clock(l.GetBookedTime()))
}

// yesNo is a truth for people.
func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// leaseShow shows one lease.
func (t *tool) leaseShow() *cobra.Command {
	return t.reads(&cobra.Command{
		Use:     "show ADDRESS",
		Short:   "Show the lease of an address",
		Long:    "Show the lease of an address: who holds it, or held it last.",
		Example: "  dhcpctl lease show 10.67.1.5",
		Args:    exactly("ADDRESS"),
		RunE: func(c *cobra.Command, args []string) error {
			l, err := t.getLease(c, args[0])
			if err != nil {
				return err
			}
			return t.show(l, func(bool) error { return t.leasePairs(l) })
		},
	})
}

// getLease fetches one lease.
func (t *tool) getLease(c *cobra.Command, address string) (*adminv1.Lease, error) {
	resp, err := call(t, c, waitDefault, adminv1.NewLeaseServiceClient, adminv1.LeaseServiceClient.GetLease,
		&adminv1.GetLeaseRequest{Address: address, Stale: t.stale})
	return resp.GetLease(), err
}

// leasePairs prints a lease for people.
func (t *tool) leasePairs(l *adminv1.Lease) error {
	var p pairs
	p.add("address", l.GetAddress())
	p.add("state", enumWord(l.GetStatus(), "LEASE_STATUS_"))
	p.add("client", l.GetClient())
	p.add("hardware", l.GetHardwareAddress())
	p.add("hostname", l.GetHostname())
	p.add("subnet", orNone(l.GetSubnet()))
	p.add("reserved", yesNo(l.GetReserved()))
	p.add("since", clock(l.GetStartTime()))
	p.add("last word", clock(l.GetLastTime()))
	p.add("lease time", spanOrInfinite(l.GetLeaseTime()))
	p.add("booked until", leaseUntil(l))
	p.add("reusable from", clock(l.GetReusableTime()))
	p.add("circuit id", l.GetCircuitId())
	p.add("remote id", l.GetRemoteId())
	return p.print(t.out)
}

// leaseRelease releases a lease.
func (t *tool) leaseRelease() *cobra.Command {
	return t.changes(&cobra.Command{
		Use:   "release ADDRESS",
		Short: "Give a lease back as its client would",
		Long: `Give a lease back as its client's DHCPRELEASE would. The address stays promised to
that client until its booking ends; to free it at once, see lease delete --force.`,
		Example: "  dhcpctl lease release 10.67.1.5",
		Args:    exactly("ADDRESS"),
		RunE: func(c *cobra.Command, args []string) error {
			req := &adminv1.ReleaseLeaseRequest{Address: args[0], ValidateOnly: t.dryRun}
			resp, err := call(t, c, waitDefault, adminv1.NewLeaseServiceClient,
				adminv1.LeaseServiceClient.ReleaseLease, req)
			if err != nil {
				return err
			}
			return t.report(resp, "lease %s of %s released; others can get the address from %s", args[0],
				leaseOwner(resp.GetLease()), orNone(clock(resp.GetLease().GetReusableTime())))
		},
	})
}

// leaseOwner names a lease's client for people.
func leaseOwner(l *adminv1.Lease) string {
	if l.GetHostname() != "" {
		return l.GetHostname() + " (" + l.GetClient() + ")"
	}
	return l.GetClient()
}

// leaseDelete forgets a lease.
func (t *tool) leaseDelete() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:   "delete ADDRESS",
		Short: "Forget a lease",
		Long: `Forget a lease whose booking is over. With --force also one that is still booked:
another client can get the address at once. Only do that if the device is off:
otherwise two devices may use one address.`,
		Example: "  dhcpctl lease delete 10.67.1.5\n  dhcpctl lease delete 10.67.1.5 --force",
		Args:    exactly("ADDRESS"),
		RunE: func(c *cobra.Command, args []string) error {
			l, err := t.getLease(c, args[0])
			if err != nil {
				return err
			}
			question := "Forget the lease of " + args[0] + ", last held by " + leaseOwner(l) + "?"
			if force {
				question = "Forget the lease of " + args[0] + "? Is " + leaseOwner(l) + " off, so that nobody uses it?"
			}
			if err := t.confirm(c, "%s", question); err != nil {
				return err
			}
			resp, err := call(t, c, waitDefault, adminv1.NewLeaseServiceClient,
				adminv1.LeaseServiceClient.DeleteLease, &adminv1.DeleteLeaseRequest{
					Address: args[0], Force: force, ValidateOnly: t.dryRun, ExpectedClient: l.GetClient(),
				})
			if err != nil {
				return err
			}
			return t.report(resp, "lease %s of %s deleted", args[0], leaseOwner(resp.GetLease()))
		},
	}
	c.Flags().BoolVar(&force, "force", false, "even if it is booked: the device is off")
	return t.asks(c)
}

// leaseClearDeclined ends quarantines.
func (t *tool) leaseClearDeclined() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:   "clear-declined [ADDRESS]",
		Short: "Put declined addresses back into service",
		Long: `Put an address back into service that a client declined because it found it in use,
or with --all every one. First find who uses it. No booking ends by this.`,
		Example: "  dhcpctl lease list --state declined\n  dhcpctl lease clear-declined 10.67.1.5",
		Args:    between(0, "ADDRESS"),
		RunE: func(c *cobra.Command, args []string) error {
			if all == (len(args) == 1) {
				return usagef(c, "%s: either ADDRESS or --all is needed", c.CommandPath())
			}
			if all {
				if err := t.confirm(c, "Put all declined addresses back into service?"); err != nil {
					return err
				}
			}
			resp, err := call(t, c, waitDefault, adminv1.NewLeaseServiceClient,
				adminv1.LeaseServiceClient.ClearDeclined, &adminv1.ClearDeclinedRequest{
					Address: strings.Join(args, ""), ValidateOnly: t.dryRun,
				})
			if err != nil {
				return err
			}
			if len(resp.GetAddresses()) == 0 {
				return t.report(resp, "no address is declined")
			}
			return t.report(resp, "back in service: %s", joinWords(resp.GetAddresses()))
		},
	}
	c.Flags().BoolVar(&all, "all", false, "every declined address")
	return t.asks(c)
}
