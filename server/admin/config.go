package admin

import (
	"bytes"
	"context"
	"net/netip"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "port67/proto/admin/v1"
	"port67/server/classify"
	"port67/storage"
	"port67/storage/config"
	"port67/storage/configfile"
	"port67/storage/lease"
)

const (
	// editTries is how often an edit is made anew when another one came first.
	editTries = 5
	// strandedMax is how many stranded leases a diff names.
	strandedMax = 1000
	// commentLenMax bounds the comment kept with a revision.
	commentLenMax = 1000
)

// configs is ConfigService.
type configs struct {
	adminv1.UnimplementedConfigServiceServer
	backend
}

// newConfig is a configuration about to be proposed.
type newConfig struct {
	config *config.Config
	source string
}

// setConfig replaces the configuration by what f makes of the present one, and returns the new revision. f is
// called with nil before the first configuration; what it is given it must not change.
//
// expected, if not nil, must be the present revision. Without it an edit that lost the race is made anew on
// what won. validateOnly stops before proposing and returns the present revision. A configuration that equals
// the present one, text and all, is not proposed: unchanged is then true.
func (b backend) setConfig(ctx context.Context, expected *uint64, comment string, validateOnly bool,
	f func(*config.Config) (newConfig, error),
) (revision uint64, unchanged bool, err error) {
	if len(comment) > commentLenMax {
		return 0, false, errField("comment", "%d octets are more than %d", len(comment), commentLenMax)
	}
	for try := 1; ; try++ {
		now, err := b.revisionNow(ctx, false)
		if err != nil {
			return 0, false, err
		}
		if expected != nil && *expected != now.revision {
			return 0, false, errRevision(*expected, now.revision)
		}
		next, err := f(now.config)
		if err != nil {
			return 0, false, err
		}
		same, err := equalConfig(now.config, next.config)
		if err != nil {
			return 0, false, err
		}
		if same && next.source == now.source || validateOnly {
			return now.revision, same, nil
		}
		r, err := b.propose(ctx, "config", storage.SetConfig{
			Expected: now.revision, Config: next.config, Source: next.source,
			Author: authorOf(ctx), Comment: comment, Wall: time.Now().Unix(),
		})
		if err == nil {
			return r.Revision, false, nil
		}
		if r.Refusal != storage.WrongRevision || expected != nil || try == editTries {
			return 0, false, err
		}
	}
}

// present is the configuration in force.
type present struct {
	config   *config.Config // nil before the first
	compiled *config.Compiled
	revision uint64
	source   string
	now      lease.Instant
}

// revisionNow returns the configuration in force.
func (b backend) revisionNow(ctx context.Context, stale bool) (present, error) {
	var p present
	err := b.read(ctx, stale, func(v storage.View) {
		p.revision, p.compiled, p.now = v.Revision(), v.Config(), v.Clock()
		if p.compiled != nil {
			p.config = p.compiled.Config
		}
		if h, ok := historyOf(v, p.revision); ok {
			p.source = h.Source
		}
	})
	p.now = b.present(p.now)
	return p, err
}

// historyOf returns what is remembered of a revision.
func historyOf(v storage.View, revision uint64) (storage.Revision, bool) {
	for _, h := range v.History() {
		if h.Revision == revision {
			return h, true
		}
	}
	return storage.Revision{}, false
}

// equalConfig says whether two configurations mean the same; nil is none.
func equalConfig(a, b *config.Config) (bool, error) {
	if a == nil || b == nil {
		return a == b, nil
	}
	x, err := a.Marshal()
	if err != nil {
		return false, err
	}
	y, err := b.Marshal()
	return bytes.Equal(x, y), err
}

// decodeSource reads a configuration text; all its problems are one error.
func decodeSource(name, source string) (newConfig, error) {
	if source == "" {
		return newConfig{}, errField("source", "empty: the text of a configuration file is needed")
	}
	if name == "" {
		name = "config"
	}
	c, problems := configfile.Decode(name, []byte(source), classify.Check)
	if len(problems) > 0 {
		return newConfig{}, errProblems(problems)
	}
	return newConfig{config: c, source: source}, nil
}

// GetConfig returns one revision of the configuration.
func (s *configs) GetConfig(ctx context.Context, req *adminv1.GetConfigRequest,
) (*adminv1.GetConfigResponse, error) {
	var found storage.Revision
	var ok bool
	revision := req.GetRevision()
	err := s.read(ctx, req.GetStale(), func(v storage.View) {
		if revision == 0 {
			revision = v.Revision()
		}
		found, ok = historyOf(v, revision)
	})
	switch {
	case err != nil:
		return nil, err
	case revision == 0:
		return nil, errNotFound("config", "0", "no configuration yet: apply one")
	case !ok:
		return nil, errNoRevision(revision)
	}
	return &adminv1.GetConfigResponse{Revision: revisionOf(&found)}, nil
}

// errNoRevision says that a revision is not remembered.
func errNoRevision(revision uint64) error {
	return errNotFound("revision", strconv.FormatUint(revision, 10),
		"not remembered: list the revisions to see which are")
}

// revisionOf translates a revision for the API.
func revisionOf(h *storage.Revision) *adminv1.Revision {
	return &adminv1.Revision{
		Revision: h.Revision, Author: h.Author, Comment: h.Comment, Source: h.Source,
		CreateTime: timestamppb.New(time.Unix(h.Wall, 0)),
	}
}

// ListRevisions returns the remembered revisions, newest first, without their text.
func (s *configs) ListRevisions(ctx context.Context, req *adminv1.ListRevisionsRequest,
) (*adminv1.ListRevisionsResponse, error) {
	var all []*adminv1.Revision
	err := s.read(ctx, req.GetStale(), func(v storage.View) {
		history := v.History()
		for i := len(history) - 1; i >= 0; i-- {
			r := revisionOf(&history[i])
			r.Source = ""
			all = append(all, r)
		}
	})
	if err != nil {
		return nil, err
	}
	page, next, err := pageOf(all, req.GetPageToken(), req.GetPageSize(), func(r *adminv1.Revision) string {
		return strconv.FormatUint(r.GetRevision(), 10)
	})
	if err != nil {
		return nil, err
	}
	return &adminv1.ListRevisionsResponse{Revisions: page, NextPageToken: next}, nil
}

// ApplyConfig puts a configuration text into force.
func (s *configs) ApplyConfig(ctx context.Context, req *adminv1.ApplyConfigRequest,
) (*adminv1.ApplyConfigResponse, error) {
	next, err := decodeSource(req.GetName(), req.GetSource())
	if err != nil {
		return nil, err
	}
	revision, unchanged, err := s.setConfig(ctx, req.ExpectedRevision, req.GetComment(), req.GetValidateOnly(),
		func(*config.Config) (newConfig, error) { return next, nil })
	if err != nil {
		return nil, err
	}
	return &adminv1.ApplyConfigResponse{Revision: revision, Unchanged: unchanged}, nil
}

// RollbackConfig applies an earlier revision again. Its text is read anew: a text that this release does not
// accept any more is refused with what is wrong.
func (s *configs) RollbackConfig(ctx context.Context, req *adminv1.RollbackConfigRequest,
) (*adminv1.RollbackConfigResponse, error) {
	var old storage.Revision
	var ok bool
	err := s.read(ctx, false, func(v storage.View) { old, ok = historyOf(v, req.GetRevision()) })
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errNoRevision(req.GetRevision())
	}
	name := "revision " + strconv.FormatUint(old.Revision, 10)
	next, err := decodeSource(name, old.Source)
	if err != nil {
		return nil, err
	}
	comment := req.GetComment()
	if comment == "" {
		comment = "rollback to " + name
	}
	revision, unchanged, err := s.setConfig(ctx, req.ExpectedRevision, comment, req.GetValidateOnly(),
		func(*config.Config) (newConfig, error) { return next, nil })
	if err != nil {
		return nil, err
	}
	return &adminv1.RollbackConfigResponse{Revision: revision, Unchanged: unchanged}, nil
}

// DiffConfig says what a configuration text would change.
func (s *configs) DiffConfig(ctx context.Context, req *adminv1.DiffConfigRequest,
) (*adminv1.DiffConfigResponse, error) {
	next, err := decodeSource(req.GetName(), req.GetSource())
	if err != nil {
		return nil, err
	}
	now, err := s.revisionNow(ctx, req.GetStale())
	if err != nil {
		return nil, err
	}
	changes := config.Diff(now.config, next.config, func(yield func(lease.Lease) bool) {
		for l := range s.walk(ctx, netip.Prefix{}, netip.Addr{}) {
			if l.Booked > now.now && !yield(l) {
				return
			}
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return diffOf(s.backend, now, changes), nil
}

// diffOf translates a diff for the API.
func diffOf(b backend, now present, c config.Changes) *adminv1.DiffConfigResponse {
	resp := &adminv1.DiffConfigResponse{Revision: now.revision, StrandedCount: uint64(len(c.Stranded))}
	for _, ch := range c.Changes {
		resp.Changes = append(resp.Changes, &adminv1.Change{
			Kind: string(ch.Kind), Path: ch.Path, Text: ch.Text,
		})
	}
	for i := range c.Stranded {
		if i == strandedMax {
			break
		}
		s := &c.Stranded[i]
		resp.Stranded = append(resp.Stranded, &adminv1.StrandedLease{
			Lease: b.leaseOf(&s.Lease, now.compiled, now.now), Reason: s.Reason,
		})
	}
	return resp
}
