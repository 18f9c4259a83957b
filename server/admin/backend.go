package admin

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"port67/storage"
	"port67/storage/lease"
)

const (
	pageSizeDefault = 500
	pageSizeMax     = 5000
)

// backend is what all services share.
type backend struct {
	cluster Cluster
	log     *slog.Logger
}

// read lends the state to f: as of now, or, if stale, as this node happens to know it.
func (b backend) read(ctx context.Context, stale bool, f func(storage.View)) error {
	if !stale {
		if err := b.barrier(ctx); err != nil {
			return err
		}
	}
	b.cluster.Read(f)
	return nil
}

// barrier waits until this node has applied everything that was committed before the call.
func (b backend) barrier(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, barrierTime)
	defer cancel()
	return b.cluster.Barrier(ctx)
}

// propose brings a command before the cluster; a refusal is an error about subject.
func (b backend) propose(ctx context.Context, subject string, c storage.Command) (storage.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, changeTime)
	defer cancel()
	r, err := b.cluster.Propose(ctx, c)
	if err != nil {
		return r, err
	}
	if r.Refusal != storage.Granted {
		return r, errRefusal(subject, r)
	}
	b.noteChange(ctx, subject, strings.TrimPrefix(fmt.Sprintf("%T", c), "storage."))
	return r, nil
}

// noteChange writes the line that every change leaves in the log.
func (b backend) noteChange(ctx context.Context, subject, what string) {
	b.log.InfoContext(ctx, "administrator's change", "author", authorOf(ctx), "what", what, "subject", subject)
}

// wall translates an instant for people; nil if it is not set or never comes.
func (b backend) wall(i lease.Instant) *timestamppb.Timestamp {
	if i == 0 || i == lease.Never {
		return nil
	}
	return timestamppb.New(b.cluster.Wall(i).Truncate(time.Second))
}

// report turns errors into gRPC statuses and logs those whose text stays inside.
func (s *Server) report(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler,
) (any, error) {
	resp, err := next(ctx, req)
	if err == nil {
		return resp, nil
	}
	mapped := statusOf(err)
	level := slog.LevelDebug
	if status.Code(mapped) == codes.Internal {
		level = slog.LevelError
	}
	s.opt.Log.Log(ctx, level, "admin call refused", "method", info.FullMethod, "error", err)
	return nil, mapped
}

// recoverCall keeps one bad call from ending the node: it is logged with its stack and answered Internal.
func (s *Server) recoverCall(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler,
) (resp any, err error) {
	defer func() {
		if p := recover(); p != nil {
			resp, err = nil, fmt.Errorf("panic in %s: %v\n%s", info.FullMethod, p, debug.Stack())
		}
	}()
	return next(ctx, req)
}

// recoverStream is recoverCall for streams.
func (s *Server) recoverStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo,
	next grpc.StreamHandler,
) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.opt.Log.Error("admin stream", "method", info.FullMethod, "panic", p, "stack", string(debug.Stack()))
			err = status.Error(codes.Internal, "internal error: the node's log has the details")
		}
	}()
	return next(srv, stream)
}

// pageSize returns how many items a page holds when n were asked for.
func pageSize(n int32) (int, error) {
	switch {
	case n < 0:
		return 0, errField("page_size", "%d is negative", n)
	case n == 0:
		return pageSizeDefault, nil
	case n > pageSizeMax:
		return pageSizeMax, nil
	}
	return int(n), nil
}

// encodePage makes a page token of the key of the last item on the page.
func encodePage(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

// decodePage returns the key that encodePage was given; empty for the first page.
func decodePage(token string) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return "", errField("page_token", "not one of this server's: leave it out to begin anew")
	}
	return string(b), nil
}

// pageOf cuts the page of items that follows token out of items, which are in the order of key.
func pageOf[T any](items []T, token string, size int32, key func(T) string) ([]T, string, error) {
	n, err := pageSize(size)
	if err != nil {
		return nil, "", err
	}
	after, err := decodePage(token)
	if err != nil {
		return nil, "", err
	}
	first := 0
	if after != "" {
		first = len(items)
		for i, item := range items {
			if key(item) == after {
				first = i + 1
				break
			}
		}
	}
	page := items[first:]
	if len(page) <= n {
		return page, "", nil
	}
	return page[:n], encodePage(key(page[n-1])), nil
}

// parseAddr reads an address out of a field.
func parseAddr(field, text string) (netip.Addr, error) {
	if text == "" {
		return netip.Addr{}, errField(field, "missing: an address is needed, as in 10.67.0.100")
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, errField(field, "%q is no address, as in 10.67.0.100", text)
	}
	return a.Unmap(), nil
}

// parsePrefix reads a prefix out of a field.
func parsePrefix(field, text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, errField(field, "%q is no prefix, as in 10.67.0.0/16", text)
	}
	if p != p.Masked() {
		return netip.Prefix{}, errField(field, "%s has host bits set: did you mean %s", p, p.Masked())
	}
	return p, nil
}
