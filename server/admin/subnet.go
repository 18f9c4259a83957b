package admin

import (
	"context"

	adminv1 "port67/proto/admin/v1"
	"port67/storage"
	"port67/storage/config"
)

// subnets is SubnetService.
type subnets struct {
	adminv1.UnimplementedSubnetServiceServer
	backend
	uses *useSeries
}

// ListSubnets returns a page of subnets with their usage.
func (s *subnets) ListSubnets(ctx context.Context, req *adminv1.ListSubnetsRequest,
) (*adminv1.ListSubnetsResponse, error) {
	resp := &adminv1.ListSubnetsResponse{}
	var pageErr error
	err := s.read(ctx, req.GetStale(), func(v storage.View) {
		resp.Revision = v.Revision()
		if v.Config() == nil {
			return
		}
		var page []*config.CompiledSubnet
		page, resp.NextPageToken, pageErr = pageOf(v.Config().Subnets(), req.GetPageToken(), req.GetPageSize(),
			func(sub *config.CompiledSubnet) string { return sub.Prefix.String() })
		for _, sub := range page {
			resp.Subnets = append(resp.Subnets, s.subnetOf(v, sub))
		}
	})
	if err == nil {
		err = pageErr
	}
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// GetSubnet returns one subnet with its settings.
func (s *subnets) GetSubnet(ctx context.Context, req *adminv1.GetSubnetRequest,
) (*adminv1.GetSubnetResponse, error) {
	prefix, err := parsePrefix("prefix", req.GetPrefix())
	if err != nil {
		return nil, err
	}
	resp := &adminv1.GetSubnetResponse{}
	err = s.read(ctx, req.GetStale(), func(v storage.View) {
		if v.Config() == nil {
			return
		}
		resp.Revision = v.Revision()
		if sub, ok := v.Config().Subnet(prefix); ok {
			resp.Subnet = s.subnetOf(v, sub)
			resp.Subnet.Settings = settingsOf(v.Config().Config, sub.Effective)
		}
	})
	if err != nil {
		return nil, err
	}
	if resp.GetSubnet() == nil {
		return nil, errNotFound("subnet", prefix.String(), "not configured")
	}
	return resp, nil
}

// subnetOf translates a subnet for the API.
func (s *subnets) subnetOf(v storage.View, sub *config.CompiledSubnet) *adminv1.Subnet {
	out := &adminv1.Subnet{
		Prefix:           sub.Prefix.String(),
		Usage:            usageOfAll(v, sub),
		ReservationCount: int32(len(sub.Reservations)),
		EarlyReuse:       sub.EarlyReuse,
		Allocation:       string(sub.Allocation),
	}
	if sub.Link.Name != sub.Prefix.String() {
		out.SharedNetwork = sub.Link.Name
	}
	if sub.ServiceAddress.IsValid() {
		out.ServiceAddress = sub.ServiceAddress.String()
	}
	out.From, out.Until = momentOf(sub.From), momentOf(sub.Until)
	for _, a := range sub.Relays {
		out.Relays = append(out.Relays, a.String())
	}
	for _, p := range sub.Pools {
		out.Pools = append(out.Pools, &adminv1.Pool{
			Range: p.Range.String(), Classes: p.Classes, Usage: usageOf(v, p),
			From: momentOf(p.From), Until: momentOf(p.Until),
		})
	}
	out.Forecast = s.uses.forecast(sub.Prefix, out.Usage)
	return out
}

// usageOfAll counts the addresses of all pools of a subnet.
func usageOfAll(v storage.View, sub *config.CompiledSubnet) *adminv1.Usage {
	out := &adminv1.Usage{}
	for _, p := range sub.Pools {
		u := usageOf(v, p)
		out.Size += u.GetSize()
		out.Used += u.GetUsed()
		out.Free += u.GetFree()
		out.Bound += u.GetBound()
		out.Declined += u.GetDeclined()
		out.RandomMac += u.GetRandomMac()
	}
	return out
}

// settingsOf translates effective settings for the API.
func settingsOf(c *config.Config, e *config.Effective) *adminv1.EffectiveSettings {
	out := &adminv1.EffectiveSettings{
		LeaseDefault: secondsOf(e.LeaseDefault), LeaseMin: secondsOf(e.LeaseMin), LeaseMax: secondsOf(e.LeaseMax),
		T1Permille: uint32(e.T1), T2Permille: uint32(e.T2),
		Match: string(e.Identity.Match), FirmwareHandover: e.Identity.FirmwareHandover,
		OneLeasePerClient: e.Identity.OneLease,
		Authoritative:     e.Authoritative, BootFile: e.BootFile, Options: optionsOf(c, e.Options),
		ServerName: e.ServerName, TimerSpreadPermille: uint32(e.TimerSpread), KeepExpiry: e.KeepExpiry,
		EchoClientId: e.EchoClientID, AlwaysBroadcast: e.AlwaysBroadcast, AdoptUnknown: e.AdoptUnknown,
		NakOfflinkRenew: e.NAKOffLinkRenew, Ipv6Only: e.IPv6Only, RapidCommit: e.RapidCommit,
		MinSecs: secondsOf(e.MinSecs), OptionOverload: e.Layout.OptionOverload,
		NulTerminate: e.Layout.NULTerminate, AddDefaultTo_121: e.Layout.AddDefaultTo121,
		MinReplySize: uint32(e.Layout.MinReplySize), MaxReplySize: uint32(e.Layout.MaxReplySize),
		Bootp:      bootpOf(&e.BOOTP),
		AlwaysSend: namesOf(c, &e.AlwaysSend), NeverSend: namesOf(c, &e.NeverSend),
	}
	if e.PressureMax > 0 {
		out.PressureAbovePermille, out.PressureMax = uint32(e.PressureAbove), secondsOf(e.PressureMax)
	}
	if e.NextServer.IsValid() {
		out.NextServer = e.NextServer.String()
	}
	return out
}

// momentOf translates the end of a period, empty if there is none.
func momentOf(m config.Moment) string {
	if m == 0 {
		return ""
	}
	return m.String()
}

// bootpOf translates what holds for clients that speak BOOTP.
func bootpOf(e *config.EffectiveBOOTP) *adminv1.BOOTPSettings {
	out := &adminv1.BOOTPSettings{
		Dynamic: e.Dynamic, Lease: secondsOf(e.Lease), StrictFiles: e.StrictFiles,
		AlwaysOptions: e.AlwaysOptions, ShortRequests: e.ShortRequests,
	}
	for _, f := range e.Files {
		out.Files = append(out.Files, f.Name+": "+f.Path)
	}
	return out
}

// namesOf returns the options of a set by their names.
func namesOf(c *config.Config, set *[256]bool) []string {
	var names []string
	definitions := c.Definitions()
	for code, in := range set {
		if in {
			names = append(names, definitions.Name(uint8(code)))
		}
	}
	return names
}

// usageOf counts the addresses of a pool.
func usageOf(v storage.View, p *config.CompiledPool) *adminv1.Usage {
	out := &adminv1.Usage{}
	for _, r := range p.Ranges {
		u := v.Usage(r)
		out.Size += u.Size
		out.Used += u.Held
		out.Bound += u.Bound
		out.Declined += u.Declined
		out.RandomMac += u.MadeUp
	}
	out.Free = out.Size - out.Used
	return out
}
