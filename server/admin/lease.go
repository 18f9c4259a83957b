package admin

import (
	"context"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	adminv1 "port67/proto/admin/v1"
	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// scanLen is how many leases are looked at while the state is lent, so that a search through millions holds
// up nobody.
const scanLen = 4096

// leases is LeaseService.
type leases struct {
	adminv1.UnimplementedLeaseServiceServer
	backend
	stopping <-chan struct{}
	watches  chan struct{}
}

// leaseFilter is what ListLeases looks for.
type leaseFilter struct {
	prefix   netip.Prefix // zero: all
	statuses []adminv1.LeaseStatus
	search   string // lower case
}

// ListLeases returns a page of leases by ascending address.
func (s *leases) ListLeases(ctx context.Context, req *adminv1.ListLeasesRequest,
) (*adminv1.ListLeasesResponse, error) {
	size, err := pageSize(req.GetPageSize())
	if err != nil {
		return nil, err
	}
	after, err := decodePage(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	filter := leaseFilter{statuses: req.GetStatuses(), search: strings.ToLower(req.GetSearch())}
	if req.GetSubnet() != "" {
		if filter.prefix, err = parsePrefix("subnet", req.GetSubnet()); err != nil {
			return nil, err
		}
	}
	var from netip.Addr
	if after != "" {
		last, err := netip.ParseAddr(after)
		if err != nil {
			return nil, errField("page_token", "not one of this server's: leave it out to begin anew")
		}
		if from = last.Next(); !from.IsValid() {
			return &adminv1.ListLeasesResponse{}, nil
		}
	}
	if !req.GetStale() {
		if err := s.barrier(ctx); err != nil {
			return nil, err
		}
	}
	return s.page(ctx, filter, from, size)
}

// page collects up to size leases from an address on.
func (s *leases) page(ctx context.Context, filter leaseFilter, from netip.Addr, size int,
) (*adminv1.ListLeasesResponse, error) {
	var conf *config.Compiled
	var now lease.Instant
	s.cluster.Read(func(v storage.View) { conf, now = v.Config(), v.Clock() })
	now = s.present(now)
	resp := &adminv1.ListLeasesResponse{}
	for l := range s.walk(ctx, filter.prefix, from) {
		out := s.leaseOf(&l, conf, now)
		if !filter.match(out) {
			continue
		}
		if len(resp.Leases) == size {
			resp.NextPageToken = encodePage(resp.Leases[size-1].GetAddress())
			break
		}
		resp.Leases = append(resp.Leases, out)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return resp, nil
}

// walk returns the leases of prefix, or all if that is zero, from an address on, ascending. It borrows the
// state for a piece at a time, and so may meet leases that came later than its call. It ends early with ctx.
func (b backend) walk(ctx context.Context, prefix netip.Prefix, from netip.Addr) iter.Seq[lease.Lease] {
	if prefix.IsValid() && from.Less(prefix.Addr()) {
		from = prefix.Addr()
	}
	return func(yield func(lease.Lease) bool) {
		for ctx.Err() == nil {
			piece := b.piece(prefix, from)
			for _, l := range piece {
				if !yield(l) {
					return
				}
			}
			if len(piece) < scanLen {
				return
			}
			if from = piece[len(piece)-1].Addr.Next(); !from.IsValid() {
				return
			}
		}
	}
}

// piece copies up to scanLen leases of prefix from an address on.
func (b backend) piece(prefix netip.Prefix, from netip.Addr) (piece []lease.Lease) {
	b.cluster.Read(func(v storage.View) {
		for l := range v.Leases(from) {
			if prefix.IsValid() && !prefix.Contains(l.Addr) || len(piece) == scanLen {
				break
			}
			piece = append(piece, l)
		}
	})
	return piece
}

// match says whether a lease is one of those looked for.
func (f *leaseFilter) match(l *adminv1.Lease) bool {
	if len(f.statuses) > 0 && !slices.Contains(f.statuses, l.GetStatus()) {
		return false
	}
	return f.search == "" || containsAny(f.search, l.GetAddress(), l.GetClient(), l.GetHardwareAddress(),
		l.GetHostname(), l.GetCircuitId(), l.GetRemoteId())
}

// containsAny says whether search, in lower case, occurs in one of the texts.
func containsAny(search string, texts ...string) bool {
	return slices.ContainsFunc(texts, func(t string) bool {
		return strings.Contains(strings.ToLower(t), search)
	})
}

// present returns what cluster time is about now. The clock of the state stands at its last entry, which may
// be a while ago on an idle cluster.
func (b backend) present(clock lease.Instant) lease.Instant {
	if d := time.Since(b.cluster.Wall(clock)); d > 0 {
		return clock + lease.Instant(d/time.Second)
	}
	return clock
}

// GetLease returns the lease of one address.
func (s *leases) GetLease(ctx context.Context, req *adminv1.GetLeaseRequest,
) (*adminv1.GetLeaseResponse, error) {
	a, err := parseAddr("address", req.GetAddress())
	if err != nil {
		return nil, err
	}
	l, err := s.get(ctx, a, req.GetStale())
	if err != nil {
		return nil, err
	}
	return &adminv1.GetLeaseResponse{Lease: l}, nil
}

// known is a lease, and when that was.
type known struct {
	lease lease.Lease
	conf  *config.Compiled
	now   lease.Instant
}

// find returns the lease of a, or that there is none.
func (s *leases) find(ctx context.Context, a netip.Addr, stale bool) (known, error) {
	var k known
	var found bool
	err := s.read(ctx, stale, func(v storage.View) {
		k.lease, found = v.Lease(a)
		k.conf, k.now = v.Config(), v.Clock()
	})
	if err != nil {
		return k, err
	}
	if !found {
		return k, errNotFound("lease", a.String(), "nobody ever held this address, or it was forgotten")
	}
	k.now = s.present(k.now)
	return k, nil
}

// get returns the lease of a as the API has it.
func (s *leases) get(ctx context.Context, a netip.Addr, stale bool) (*adminv1.Lease, error) {
	k, err := s.find(ctx, a, stale)
	if err != nil {
		return nil, err
	}
	return s.leaseOf(&k.lease, k.conf, k.now), nil
}

// holder returns the lease of an address before a change, if the client is the one the caller expects.
func (s *leases) holder(ctx context.Context, address, client string) (known, error) {
	a, err := parseAddr("address", address)
	if err != nil {
		return known{}, err
	}
	k, err := s.find(ctx, a, false)
	if err != nil {
		return k, err
	}
	if held := k.lease.Client.String(); client != "" && client != held {
		return k, errState("HOLDER", a.String(), "lease "+a.String()+": held by "+held+", not by "+client)
	}
	return k, nil
}

// ReleaseLease releases a lease on an operator's word.
func (s *leases) ReleaseLease(ctx context.Context, req *adminv1.ReleaseLeaseRequest,
) (*adminv1.ReleaseLeaseResponse, error) {
	k, err := s.holder(ctx, req.GetAddress(), req.GetExpectedClient())
	if err != nil {
		return nil, err
	}
	a := k.lease.Addr
	if st := k.lease.StatusAt(k.now); st != lease.Bound && st != lease.Expired {
		return nil, errState("STATE", a.String(), "lease "+a.String()+": is "+st.String()+", not bound")
	}
	if req.GetValidateOnly() {
		return &adminv1.ReleaseLeaseResponse{Lease: s.leaseOf(&k.lease, k.conf, k.now)}, nil
	}
	cmd := storage.ReleaseLease{Addr: a, Author: authorOf(ctx), Client: k.lease.Client}
	if _, err = s.propose(ctx, "lease "+a.String(), cmd); err != nil {
		return nil, err
	}
	l, err := s.get(ctx, a, false)
	if err != nil {
		return nil, err
	}
	return &adminv1.ReleaseLeaseResponse{Lease: l}, nil
}

// DeleteLease forgets a lease.
func (s *leases) DeleteLease(ctx context.Context, req *adminv1.DeleteLeaseRequest,
) (*adminv1.DeleteLeaseResponse, error) {
	k, err := s.holder(ctx, req.GetAddress(), req.GetExpectedClient())
	if err != nil {
		return nil, err
	}
	a := k.lease.Addr
	if k.now < k.lease.FreeFrom() && !req.GetForce() {
		return nil, errRefusal("lease "+a.String(), storage.Result{Refusal: storage.StillBooked})
	}
	resp := &adminv1.DeleteLeaseResponse{Lease: s.leaseOf(&k.lease, k.conf, k.now)}
	if req.GetValidateOnly() {
		return resp, nil
	}
	cmd := storage.DeleteLease{
		Addr: a, Force: req.GetForce(), Author: authorOf(ctx), Client: k.lease.Client,
	}
	if _, err := s.propose(ctx, "lease "+a.String(), cmd); err != nil {
		return nil, err
	}
	return resp, nil
}

// ClearDeclined ends quarantines.
func (s *leases) ClearDeclined(ctx context.Context, req *adminv1.ClearDeclinedRequest,
) (*adminv1.ClearDeclinedResponse, error) {
	var only netip.Addr
	subject := "declined addresses"
	if req.GetAddress() != "" {
		a, err := parseAddr("address", req.GetAddress())
		if err != nil {
			return nil, err
		}
		only, subject = a, "lease "+a.String()
	}
	if err := s.barrier(ctx); err != nil {
		return nil, err
	}
	declined, err := s.declined(ctx, only)
	if err != nil {
		return nil, err
	}
	resp := &adminv1.ClearDeclinedResponse{Addresses: declined}
	if only.IsValid() && len(declined) == 0 {
		return nil, errState("STATE", only.String(), subject+": not declined")
	}
	if req.GetValidateOnly() || len(declined) == 0 {
		return resp, nil
	}
	_, err = s.propose(ctx, subject, storage.ClearDeclined{Addr: only, Author: authorOf(ctx)})
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// declined returns the declined addresses, or only if that is one of them.
func (s *leases) declined(ctx context.Context, only netip.Addr) ([]string, error) {
	var within netip.Prefix
	if only.IsValid() {
		within = netip.PrefixFrom(only, only.BitLen())
	}
	var found []string
	for l := range s.walk(ctx, within, only) {
		if l.Status == lease.Declined {
			found = append(found, l.Addr.String())
		}
	}
	return found, ctx.Err()
}

// leaseOf translates a lease for the API. conf may be nil.
func (b backend) leaseOf(l *lease.Lease, conf *config.Compiled, now lease.Instant) *adminv1.Lease {
	circuit, remote := relayIDs(l.RelayInfo)
	out := &adminv1.Lease{
		Address:         l.Addr.String(),
		Status:          adminv1.LeaseStatus(l.StatusAt(now)),
		Client:          l.Client.String(),
		HardwareAddress: config.FormatHardware([]byte(l.CHAddr)),
		Hostname:        l.Hostname,
		StartTime:       b.wall(l.Start),
		LastTime:        b.wall(l.Last),
		BookedTime:      b.wall(l.Booked),
		ReusableTime:    b.wall(l.FreeFrom()),
		Permanent:       l.Booked == lease.Never,
		CircuitId:       circuit,
		RemoteId:        remote,
		RelayAgentInfo:  []byte(l.RelayInfo),
	}
	if l.Told != lease.Infinite {
		out.LeaseTime = secondsOf(l.Told)
	}
	if conf == nil {
		return out
	}
	if sub, ok := conf.SubnetOf(l.Addr); ok {
		out.Subnet = sub.Prefix.String()
		_, out.Reserved = sub.ReservationAt(l.Addr)
	}
	return out
}

// secondsOf translates a span; nil for one without end.
func secondsOf(s lease.Seconds) *durationpb.Duration {
	if s == lease.Infinite {
		return nil
	}
	return durationpb.New(time.Duration(s) * time.Second)
}
