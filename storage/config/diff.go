package config

import (
	"iter"

	"port67/storage/lease"
)

// Changes is what it would mean to put a new Config in the place of an old one.
type Changes struct {
	// Changes is what was added and changed, in the order of the new Config, then what was removed, in the
	// order of the old one.
	Changes []Change
	// Stranded are the leases that their clients may not keep, in the order in which they were given.
	Stranded []Stranded
}

// Change is one difference in words.
type Change struct {
	Kind ChangeKind
	Path string // subnet 10.67.0.0/16, pool 10.67.1.0-10.67.1.99, lease max
	Text string // changed from 24h to 2h; reads on after "PATH: "
}

// ChangeKind says what became of a thing.
type ChangeKind string

// The kinds of change.
const (
	Added   ChangeKind = "added"
	Changed ChangeKind = "changed"
	Removed ChangeKind = "removed"
)

// String returns path and text as one line.
func (c Change) String() string { return c.Path + ": " + c.Text }

// Stranded is a lease whose address its client may not keep under the new Config. Nothing is taken away: the
// booking stands until its end, but it is not raised any more.
type Stranded struct {
	Lease  lease.Lease
	Reason string // its subnet is gone; reads on after "ADDRESS: "
}

// Diff says what it would mean to put updated in the place of old. Both are valid; old may be nil. leases are
// those to judge: the caller leaves out the ones whose booking has passed. A lease is told only if it could
// be kept under old.
func Diff(old, updated *Config, leases iter.Seq[lease.Lease]) Changes {
	if old == nil {
		old = new(Config)
	}
	out := Changes{Changes: diffItems(flatten(old), flatten(updated))}
	before, problemsBefore := Compile(old)
	after, problemsAfter := Compile(updated)
	if leases == nil || len(problemsBefore) > 0 || len(problemsAfter) > 0 {
		return out
	}
	for l := range leases {
		if before.stranded(&l) != "" {
			continue
		}
		if why := after.stranded(&l); why != "" {
			out.Stranded = append(out.Stranded, Stranded{Lease: l, Reason: why})
		}
	}
	return out
}

// stranded says why the holder of l may not keep it under c; empty if it may.
func (c *Compiled) stranded(l *lease.Lease) string {
	s, ok := c.SubnetOf(l.Addr)
	if !ok {
		return "its subnet is gone"
	}
	holder := c.Holder(l)
	own, reserved := s.Link.ReservationFor(&holder)
	if at, ok := s.ReservationAt(l.Addr); ok {
		if reserved && own == at {
			return ""
		}
		return "it is reserved to another client"
	}
	if reserved && own.Address.IsValid() && own.Subnet.Link == s.Link {
		return "its client has " + own.Address.String() + " reserved"
	}
	p, ok := s.PoolOf(l.Addr)
	if !ok {
		return "it is in no pool"
	}
	class := Unknown
	if reserved {
		class = Known
	}
	switch {
	case s.Link.guard.shuts(class):
		return "its shared network " + s.Link.Name + " is not open to " + class + " clients"
	case s.guard.shuts(class):
		return "its subnet " + s.Prefix.String() + " is not open to " + class + " clients"
	case p.guard.shuts(class):
		return "its pool " + p.Range.String() + " is not open to " + class + " clients"
	}
	return ""
}

// item is one thing in a Config that can be added, changed or removed.
type item struct {
	parent string // the path of the thing it is part of; empty for the Config itself
	path   string
	value  string
}

// diffItems compares two lists. Of a thing that is added or removed as a whole, the parts are not listed.
func diffItems(old, updated []item) []Change {
	was, is := byPath(old), byPath(updated)
	var out []Change
	for _, i := range updated {
		o, known := was[i.path]
		switch {
		case known && o.value != i.value:
			out = append(out, Change{Changed, i.path, "changed from " + o.value + " to " + i.value})
		case !known && (i.parent == "" || has(was, i.parent)):
			out = append(out, Change{Added, i.path, reading(Added, i.value)})
		}
	}
	for _, o := range old {
		if !has(is, o.path) && (o.parent == "" || has(is, o.parent)) {
			out = append(out, Change{Removed, o.path, reading(Removed, o.value)})
		}
	}
	return out
}

func reading(kind ChangeKind, value string) string {
	if value == "" {
		return string(kind)
	}
	return string(kind) + ", " + value
}

func byPath(items []item) map[string]item {
	out := make(map[string]item, len(items))
	for _, i := range items {
		out[i.path] = i
	}
	return out
}

func has(items map[string]item, path string) bool { _, ok := items[path]; return ok }
