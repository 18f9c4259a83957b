package admin

import (
	"context"
	"hash/maphash"
	"net/netip"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	adminv1 "port67/proto/admin/v1"
	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

const (
	// watchesMax is how many WatchLeases may go on at a time: each remembers every lease it looks at.
	watchesMax = 8
	// watchPause is between two looks at the log, watchTime how long leases that only the clock changes may
	// stay unnoticed.
	watchPause = 200 * time.Millisecond
	watchTime  = 5 * time.Second
	// watchShare bounds what a watch costs: it rests so many times as long as it worked.
	watchShare = 20
)

// watch is what one WatchLeases remembers: for each lease that it told of, what it was.
type watch struct {
	*leases
	filter leaseFilter
	seed   maphash.Seed
	seen   map[netip.Addr]sighting
	round  uint64
}

// sighting is a digest of a lease, and the round in which it was last met.
type sighting struct {
	digest uint64
	round  uint64
}

// WatchLeases sends changes of leases until the caller goes away. It asks nobody: it sees what this node
// applies.
func (s *leases) WatchLeases(req *adminv1.WatchLeasesRequest,
	stream grpc.ServerStreamingServer[adminv1.WatchLeasesResponse],
) error {
	w := &watch{leases: s, seed: maphash.MakeSeed(), seen: make(map[netip.Addr]sighting)}
	w.filter.search = strings.ToLower(req.GetSearch())
	if req.GetSubnet() != "" {
		var err error
		if w.filter.prefix, err = parsePrefix("subnet", req.GetSubnet()); err != nil {
			return statusOf(err)
		}
	}
	select {
	case s.watches <- struct{}{}:
		defer func() { <-s.watches }()
	default:
		return statusOf(errReason(codes.ResourceExhausted, reasonOverloaded,
			"leases are watched by as many callers as one node bears: end one, or ask another node"))
	}
	return statusOf(w.run(stream))
}

// run looks at all leases, then again whenever something may have changed, and sends what did.
func (w *watch) run(stream grpc.ServerStreamingServer[adminv1.WatchLeasesResponse]) error {
	ctx := stream.Context()
	index, looked := w.index(), time.Now()
	if err := w.look(ctx, func(*adminv1.WatchLeasesResponse) error { return nil }); err != nil {
		return err
	}
	if err := stream.SendHeader(metadata.MD{}); err != nil {
		return err
	}
	pause := max(watchPause, watchShare*time.Since(looked))
	for {
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-w.stopping:
			timer.Stop()
			return errReason(codes.Unavailable, reasonStopping, "the node is stopping: watch at another one")
		}
		next := w.index()
		if next == index && time.Since(looked) < watchTime {
			continue
		}
		index, looked = next, time.Now()
		if err := w.look(ctx, stream.Send); err != nil {
			return err
		}
		pause = max(watchPause, watchShare*time.Since(looked))
	}
}

// index returns the index of the last entry applied here.
func (w *watch) index() (index uint64) {
	w.cluster.Read(func(v storage.View) { index = v.Index() })
	return index
}

// look goes through all leases and calls send for what is not as it was.
func (w *watch) look(ctx context.Context, send func(*adminv1.WatchLeasesResponse) error) error {
	var conf *config.Compiled
	var now lease.Instant
	w.cluster.Read(func(v storage.View) { conf, now = v.Config(), v.Clock() })
	now = w.present(now)
	w.round++
	var octets []byte
	for l := range w.walk(ctx, w.filter.prefix, netip.Addr{}) {
		octets = append(l.Append(octets[:0]), byte(l.StatusAt(now)))
		was, known := w.seen[l.Addr]
		is := sighting{maphash.Bytes(w.seed, octets), w.round}
		if known && was.digest == is.digest {
			w.seen[l.Addr] = is
			continue
		}
		out := w.leaseOf(&l, conf, now)
		if !w.filter.match(out) {
			continue
		}
		w.seen[l.Addr] = is
		change := adminv1.LeaseChange_LEASE_CHANGE_ADDED
		if known {
			change = adminv1.LeaseChange_LEASE_CHANGE_CHANGED
		}
		if err := send(&adminv1.WatchLeasesResponse{Change: change, Lease: out}); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for a, was := range w.seen {
		if was.round == w.round {
			continue
		}
		delete(w.seen, a)
		gone := &adminv1.WatchLeasesResponse{
			Change: adminv1.LeaseChange_LEASE_CHANGE_REMOVED, Lease: &adminv1.Lease{Address: a.String()},
		}
		if err := send(gone); err != nil {
			return err
		}
	}
	return nil
}
