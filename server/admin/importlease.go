package admin

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/durationpb"

	adminv1 "port67/proto/admin/v1"
	"port67/storage"
	"port67/storage/configfile"
	"port67/storage/lease"
)

const (
	// importMax is how many leases one call may bring.
	importMax = 1000
	// importAtOnce is how many of them are before the cluster at a time: those that wait become one entry of
	// the log, and clients still find room in the queue.
	importAtOnce = 64
)

// ImportLeases takes in leases that another server granted, each by a command of its own. If one cannot be
// brought before the cluster the call ends, and what was done before is harmless to do again.
func (s *leases) ImportLeases(ctx context.Context, req *adminv1.ImportLeasesRequest,
) (*adminv1.ImportLeasesResponse, error) {
	if n := len(req.GetLeases()); n > importMax {
		return nil, errField("leases", "%d leases: at most %d in a call", n, importMax)
	}
	commands := make([]storage.TakeLease, len(req.GetLeases()))
	for i, l := range req.GetLeases() {
		var err error
		if commands[i], err = takeLeaseOf(l); err != nil {
			return nil, errField(fmt.Sprintf("leases[%d]", i), "%v", err)
		}
		commands[i].Author = authorOf(ctx)
	}
	if req.GetValidateOnly() {
		return s.validateImport(ctx, commands)
	}
	resp := &adminv1.ImportLeasesResponse{Results: make([]*adminv1.ImportedResult, len(commands))}
	ctx, cancel := context.WithTimeout(ctx, changeTime)
	defer cancel()
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(importAtOnce)
	for i, c := range commands {
		g.Go(func() error {
			r, err := s.cluster.Propose(inner, c)
			resp.Results[i] = importedResult(c.Addr, r)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	s.noteChange(ctx, fmt.Sprintf("%d leases", len(commands)), "TakeLease")
	return resp, nil
}

// importedResult says what became of one lease.
func importedResult(a netip.Addr, r storage.Result) *adminv1.ImportedResult {
	out := &adminv1.ImportedResult{Address: a.String(), Taken: r.Refusal == storage.Granted, Known: r.Known}
	if !out.Taken {
		if out.Reason = r.Detail; out.Reason == "" {
			out.Reason = refusalText(r.Refusal)
		}
	}
	return out
}

// validateImport says which leases are in no subnet, without changing anything.
func (s *leases) validateImport(ctx context.Context, commands []storage.TakeLease,
) (*adminv1.ImportLeasesResponse, error) {
	resp := &adminv1.ImportLeasesResponse{}
	err := s.read(ctx, false, func(v storage.View) {
		conf := v.Config()
		for _, c := range commands {
			r := storage.Result{Refusal: storage.NoSuchLink, Detail: "no subnet is configured for the address"}
			if conf != nil {
				if _, ok := conf.SubnetOf(c.Addr); ok {
					r = storage.Result{}
				}
			}
			resp.Results = append(resp.Results, importedResult(c.Addr, r))
		}
	})
	return resp, err
}

// takeLeaseOf reads one lease of the API.
func takeLeaseOf(l *adminv1.ImportedLease) (storage.TakeLease, error) {
	c := storage.TakeLease{
		Declined: l.GetDeclined(), Left: spanOf(l.GetRemaining()), Told: spanOf(l.GetLeaseTime()),
	}
	var err error
	if c.Addr, err = netip.ParseAddr(l.GetAddress()); err != nil || !c.Addr.Is4() {
		return c, fmt.Errorf("address: %q is no IPv4 address", l.GetAddress())
	}
	if l.GetAge() != nil {
		c.Age = spanOf(l.GetAge())
	}
	if l.GetClient() != "" {
		if c.Client.Key, err = lease.ParseKey(l.GetClient()); err != nil {
			return c, err
		}
	} else if !c.Declined {
		return c, fmt.Errorf("client: missing; only declined addresses have none")
	}
	if hw := l.GetHardwareAddress(); hw != "" {
		octets, err := configfile.ParseHardware(hw)
		if err != nil {
			return c, err
		}
		c.Client.HType, c.Client.CHAddr = 1, string(octets)
	}
	if htype, octets, ok := c.Client.Key.Hardware(); ok {
		c.Client.HType, c.Client.CHAddr = htype, string(octets)
	}
	c.Client.Hostname, c.Client.RelayInfo = l.GetHostname(), string(l.GetRelayAgentInfo())
	return c, nil
}

// spanOf translates a span of the API: one that is unset has no end, one that DHCP cannot carry becomes the
// longest finite one, one below zero is over.
func spanOf(d *durationpb.Duration) lease.Seconds {
	if d == nil {
		return lease.Infinite
	}
	seconds := (d.AsDuration() + time.Second - 1) / time.Second
	return lease.Seconds(min(max(seconds, 0), time.Duration(lease.Infinite-1)))
}
