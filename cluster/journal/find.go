package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"

	"port67/storage"
	"port67/storage/disk"
	"port67/storage/history"
	"port67/storage/lease"
)

// ErrOff means that a node keeps no journal.
var ErrOff = fmt.Errorf("this node keeps no history: set history.size in its node file, or ask another: %w",
	storage.ErrRefused)

// Find answers a query from this node's journal, newest event first. It waits for the disk, and for nobody
// else. The error wraps ErrOff if there is no journal.
func (j *Journal) Find(ctx context.Context, q history.Query) (history.Page, error) {
	if j == nil {
		return history.Page{}, ErrOff
	}
	if err := j.store.Flush(false); err != nil {
		j.opt.Logger.Warn("history not written", "error", err)
	}
	s := search{Query: q, seen: map[netip.Addr]bool{}}
	segments := j.store.Segments()
	if n := len(segments); n > 0 {
		s.page.Begin = segments[n-1].First.Wall
	}
	for i := range segments {
		if err := ctx.Err(); err != nil {
			return history.Page{}, err
		}
		done, err := s.segment(&segments[i])
		switch {
		case errors.Is(err, fs.ErrNotExist):
			done = true // It was the oldest, and was given up meanwhile.
		case err != nil:
			return history.Page{}, err
		}
		if done {
			break
		}
	}
	return s.page, nil
}

// search is one query being answered.
type search struct {
	history.Query
	page history.Page
	seen map[netip.Addr]bool
	next disk.Stamp // of the oldest frame looked at
}

// found is something in a segment that belongs into the page.
type found struct {
	entry history.Entry
	gap   *history.Gap
}

// segment looks through one segment and says whether no older one is of interest.
func (s *search) segment(segment *disk.Segment) (done bool, err error) {
	first := segment.First
	if s.Before.Index != 0 && first.Index > s.Before.Index {
		return false, nil
	}
	if s.Until != 0 && first.Wall > s.Until && !segment.Gap {
		s.next = first
		return false, nil
	}
	var all []found
	var last disk.Stamp
	err = segment.Frames(func(f disk.Frame) bool {
		last = f.Stamp
		all = s.frame(all, f)
		return true
	})
	if errors.Is(err, disk.ErrDamaged) {
		gap := &history.Gap{
			From: last.Index, To: s.next.Index, Begin: last.Wall, End: s.next.Wall, Reason: history.Damage,
		}
		all, err = append(all, found{gap: gap}), nil
	}
	if err != nil {
		return false, err
	}
	s.next = first
	for i := len(all) - 1; i >= 0; i-- {
		if s.take(all[i]) {
			return true, nil
		}
	}
	return s.Since != 0 && first.Wall < s.Since, nil
}

// take puts what was found into the page and says whether that is enough.
func (s *search) take(f found) (enough bool) {
	if f.gap != nil {
		s.page.Gaps = append(s.page.Gaps, *f.gap)
		return false
	}
	if s.Last {
		if s.seen[f.entry.Addr] {
			return false
		}
		s.seen[f.entry.Addr] = true
	}
	if len(s.page.Events) == s.Limit {
		s.page.More = true
		return true
	}
	s.page.Events = append(s.page.Events, f.entry)
	return s.Last && s.Addr.IsValid()
}

// frame adds what of a frame is looked for.
func (s *search) frame(all []found, f disk.Frame) []found {
	if s.Until != 0 && f.Wall > s.Until && f.Gap == nil || s.Since != 0 && f.Wall < s.Since {
		return all
	}
	at := history.Position{Index: f.Index}
	if s.Before.Index != 0 && !at.Before(s.Before) {
		return all
	}
	if f.Gap != nil {
		if s.Until != 0 && f.Gap.Begin > s.Until {
			return all
		}
		return append(all, found{gap: gapOf(f)})
	}
	for body := f.Body; ; at.Ordinal++ {
		raw, rest, ok := history.Next(body)
		if !ok || s.Before.Index != 0 && !at.Before(s.Before) {
			return all
		}
		body = rest
		if s.Match(&raw) {
			all = append(all, found{entry: history.Entry{
				Position: at, Event: raw.Event(), Clock: lease.Instant(f.Clock), Wall: f.Wall, Reckoned: f.Reckoned,
			}})
		}
	}
}

func gapOf(f disk.Frame) *history.Gap {
	reason := history.Snapshot
	if f.Gap.Disk {
		reason = history.Disk
	}
	return &history.Gap{
		From: f.Gap.From, To: f.Index, Begin: f.Gap.Begin, End: f.Wall, Reason: reason, LostWritings: f.Gap.Lost,
	}
}
