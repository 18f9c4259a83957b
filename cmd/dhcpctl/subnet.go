package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	adminv1 "port67/proto/admin/v1"
)

// subnetPage is how many subnets are asked for at a time.
const subnetPage = 1000

// subnetNoun is everything about subnets.
func (t *tool) subnetNoun() *cobra.Command {
	return noun("subnet", "Show subnets and how full they are",
		"Show subnets and how full they are. They are changed by config apply.",
		t.subnetList(), t.subnetShow())
}

// subnetList lists subnets.
func (t *tool) subnetList() *cobra.Command {
	return t.reads(&cobra.Command{
		Use:   "list",
		Short: "List subnets with their use",
		Long: `List subnets with their use. SIZE counts the addresses of all pools; USED those that
no other client can get now, because they are bound, offered, resting after a
booking, or declined. RANDOM-MAC (-o wide) are those of BOUND that are held by
hardware addresses which their clients made up: devices that change them pile up
leases, and short lease times for the class random-mac help.

FORECAST goes on from the use that the answering node has seen since its start, a
week at most, which OBSERVED tells (-o wide): about when nothing is free, or steady
if that will not be within ten times as long. It is a straight line and knows
nothing of mornings and weekends. A - means that too little was seen yet: it takes
15 minutes at least, and begins anew when pools are changed.`,
		Example: `  dhcpctl subnet list
  dhcpctl subnet list -o json | jq '.subnets[] | select(.usage.free < 10)'`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			all := &adminv1.ListSubnetsResponse{}
			for {
				page, err := call(t, c, waitDefault, adminv1.NewSubnetServiceClient,
					adminv1.SubnetServiceClient.ListSubnets, &adminv1.ListSubnetsRequest{
						PageSize: subnetPage, PageToken: all.GetNextPageToken(), Stale: t.stale,
					})
				if err != nil {
					return err
				}
				all.Subnets = append(all.Subnets, page.GetSubnets()...)
				all.Revision, all.NextPageToken = page.GetRevision(), page.GetNextPageToken()
				if all.NextPageToken == "" {
					break
				}
			}
			return t.show(all, func(wide bool) error { return t.subnetTable(all.GetSubnets(), wide) })
		},
	})
}

// subnetTable prints subnets for people.
func (t *tool) subnetTable(subnets []*adminv1.Subnet, wide bool) error {
	if len(subnets) == 0 {
		fmt.Fprintln(t.err, "no subnets: they are in the configuration, see config apply")
		return nil
	}
	table := columns{names: []string{
		"SUBNET", "SIZE", "USED", "FREE", "DECLINED", "USE", "FORECAST", "+OBSERVED", "+BOUND",
		"+RANDOM-MAC", "+RESERVATIONS", "+POOLS", "+NETWORK",
	}}
	for _, s := range subnets {
		u := s.GetUsage()
		table.add(s.GetPrefix(), u.GetSize(), u.GetUsed(), u.GetFree(), u.GetDeclined(), percent(u),
			forecast(s.GetForecast()), observed(s.GetForecast()), u.GetBound(), u.GetRandomMac(),
			s.GetReservationCount(),
			len(s.GetPools()), orNone(s.GetSharedNetwork()))
	}
	return table.print(t.out, wide)
}

// forecast says in words how the use of a subnet goes on.
func forecast(f *adminv1.Forecast) string {
	switch f.GetTrend() {
	case adminv1.Trend_TREND_FULL:
		return "full"
	case adminv1.Trend_TREND_STEADY:
		return "steady"
	case adminv1.Trend_TREND_FILLING:
		return "full in about " + roughSpan(f.GetFullIn().AsDuration())
	}
	return none
}

// observed is how long the use was watched.
func observed(f *adminv1.Forecast) string {
	if f.GetObserved().AsDuration() == 0 {
		return none
	}
	return roughSpan(f.GetObserved().AsDuration())
}

// percent is the used part for people, rounded down: 100 % means full.
func percent(u *adminv1.Usage) string {
	if u.GetSize() == 0 {
		return none
	}
	return fmt.Sprintf("%d%%", u.GetUsed()*100/u.GetSize())
}

// subnetShow shows one subnet.
func (t *tool) subnetShow() *cobra.Command {
	return t.reads(&cobra.Command{
		Use:     "show PREFIX",
		Short:   "Show one subnet, its pools and its settings",
		Long:    "Show one subnet, its pools, and the settings in force there after inheritance.",
		Example: "  dhcpctl subnet show 10.67.0.0/16",
		Args:    exactly("PREFIX"),
		RunE: func(c *cobra.Command, args []string) error {
			resp, err := call(t, c, waitDefault, adminv1.NewSubnetServiceClient,
				adminv1.SubnetServiceClient.GetSubnet, &adminv1.GetSubnetRequest{Prefix: args[0], Stale: t.stale})
			if err != nil {
				return err
			}
			return t.show(resp.GetSubnet(), func(bool) error { return t.subnetPairs(resp.GetSubnet()) })
		},
	})
}

// subnetPairs prints a subnet for people.
func (t *tool) subnetPairs(s *adminv1.Subnet) error {
	u, set := s.GetUsage(), s.GetSettings()
	var p pairs
	p.add("subnet", s.GetPrefix())
	p.add("shared network", s.GetSharedNetwork())
	p.add("relays", joinWords(s.GetRelays()))
	p.add("service address", s.GetServiceAddress())
	p.add("use", fmt.Sprintf("%d of %d (%s), %d free, %d bound, %d declined", u.GetUsed(), u.GetSize(),
		percent(u), u.GetFree(), u.GetBound(), u.GetDeclined()))
	p.add("bound to random MACs", fmt.Sprint(u.GetRandomMac()))
	if f := s.GetForecast(); forecast(f) != none {
		p.add("forecast", forecast(f)+", going by the last "+observed(f))
	}
	p.add("open", period(s.GetFrom(), s.GetUntil()))
	p.add("reservations", fmt.Sprint(s.GetReservationCount()))
	p.add("allocation", s.GetAllocation())
	p.add("early reuse", yesNo(s.GetEarlyReuse()))
	p.add("lease time", fmt.Sprintf("%s, from %s to %s", spanOrInfinite(set.GetLeaseDefault()),
		spanOrInfinite(set.GetLeaseMin()), spanOrInfinite(set.GetLeaseMax())))
	if d := set.GetPressureMax(); d != nil {
		p.add("under pressure", fmt.Sprintf("at most %s, from %s of a pool on", spanOrInfinite(d),
			permille(set.GetPressureAbovePermille())))
	}
	p.add("T1, T2", permille(set.GetT1Permille())+", "+permille(set.GetT2Permille()))
	p.add("timer spread", permille(set.GetTimerSpreadPermille()))
	p.add("authoritative", yesNo(set.GetAuthoritative()))
	switches(&p, set)
	p.add("clients matched by", set.GetMatch())
	p.add("firmware handover", yesNo(set.GetFirmwareHandover()))
	p.add("one lease per client", yesNo(set.GetOneLeasePerClient()))
	p.add("next server", set.GetNextServer())
	p.add("server name", set.GetServerName())
	p.add("boot file", set.GetBootFile())
	p.add("reply size", fmt.Sprintf("%d to %d octets", set.GetMinReplySize(), set.GetMaxReplySize()))
	p.add("always sent", joinWords(set.GetAlwaysSend()))
	p.add("never sent", joinWords(set.GetNeverSend()))
	for _, o := range set.GetOptions() {
		p.add(nameOr(o.GetName(), fmt.Sprintf("option %d", o.GetCode())), o.GetValue())
	}
	if err := p.print(t.out); err != nil || len(s.GetPools()) == 0 {
		return err
	}
	fmt.Fprintln(t.out)
	table := columns{names: []string{"POOL", "SIZE", "USED", "FREE", "DECLINED", "USE", "CLASSES", "OPEN"}}
	for _, pool := range s.GetPools() {
		u := pool.GetUsage()
		table.add(pool.GetRange(), u.GetSize(), u.GetUsed(), u.GetFree(), u.GetDeclined(), percent(u),
			orNone(joinWords(pool.GetClasses())), orNone(period(pool.GetFrom(), pool.GetUntil())))
	}
	return table.print(t.out, true)
}

// period says when new clients are let in, empty if always.
func period(from, until string) string {
	switch {
	case from == "" && until == "":
		return ""
	case until == "":
		return "from " + from
	case from == "":
		return "until " + until
	}
	return "from " + from + " until " + until
}

// switches adds what is on or off, by the names of the configuration.
func switches(p *pairs, set *adminv1.EffectiveSettings) {
	p.add("keep-expiry", yesNo(set.GetKeepExpiry()))
	p.add("adopt-unknown", yesNo(set.GetAdoptUnknown()))
	p.add("nak-offlink-renew", yesNo(set.GetNakOfflinkRenew()))
	p.add("ipv6-only", yesNo(set.GetIpv6Only()))
	p.add("rapid-commit", yesNo(set.GetRapidCommit()))
	p.add("min-secs", spanOrInfinite(set.GetMinSecs()))
	p.add("echo-client-id", yesNo(set.GetEchoClientId()))
	p.add("always-broadcast", yesNo(set.GetAlwaysBroadcast()))
	p.add("option-overload", yesNo(set.GetOptionOverload()))
	p.add("nul-terminate", yesNo(set.GetNulTerminate()))
	p.add("add-default-to-121", yesNo(set.GetAddDefaultTo_121()))
	b := set.GetBootp()
	words := "reserved addresses only"
	if b.GetDynamic() {
		words = "addresses of pools, for " + spanOrInfinite(b.GetLease())
	}
	p.add("BOOTP", words)
	p.add("BOOTP files", joinWords(b.GetFiles()))
	p.add("BOOTP strict-files", yesNo(b.GetStrictFiles()))
	p.add("BOOTP always-options", yesNo(b.GetAlwaysOptions()))
	p.add("BOOTP short-requests", yesNo(b.GetShortRequests()))
}

// permille is a thousandth part as a percentage.
func permille(n uint32) string {
	return strings.TrimSuffix(fmt.Sprintf("%d.%d", n/10, n%10), ".0") + "%"
}
