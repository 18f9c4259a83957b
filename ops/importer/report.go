// Package importer is what the importers of foreign configurations have in common: the report, which says of
// every element of the foreign file what became of it. An importer is never silently wrong: what it does not
// understand, or what our configuration cannot hold, stands in the report with its line.
//
// This package is a codec.
package importer

import (
	"fmt"
	"strings"
)

// Verdict is what became of an element of a foreign configuration.
type Verdict uint8

// The verdicts.
const (
	Taken   Verdict = iota + 1 // it means the same with us, or needs nothing
	Changed                    // taken, but not as it stood
	Left                       // left behind
)

// String returns the word for people.
func (v Verdict) String() string {
	switch v {
	case Taken:
		return "taken"
	case Changed:
		return "changed"
	case Left:
		return "left"
	}
	return "none"
}

// Entry is one element of a foreign file and what became of it. Line and Column count from 1.
type Entry struct {
	File    string
	Line    int
	Column  int
	Element string // as in subnet4[0].pools[1].pool
	Verdict Verdict
	Why     string // what is different, or why it was left behind; may be empty for Taken
	Todo    string // what the operator does about it; empty if nothing
}

// Place returns where the element stands, as in kea-dhcp4.conf:14:7.
func (e Entry) Place() string { return fmt.Sprintf("%s:%d:%d", e.File, e.Line, e.Column) }

// String returns the entry as one line.
func (e Entry) String() string {
	s := e.Place() + ": " + e.Element + ": " + e.Verdict.String()
	if e.Why != "" {
		s += ": " + e.Why
	}
	if e.Todo != "" {
		s += ": " + e.Todo
	}
	return s
}

// Report is what became of every element, in the order of the file.
type Report struct{ Entries []Entry }

// Count returns how many elements have that verdict.
func (r *Report) Count(v Verdict) int {
	n := 0
	for i := range r.Entries {
		if r.Entries[i].Verdict == v {
			n++
		}
	}
	return n
}

// Summary returns the counts in words: 12 taken, 3 changed, 1 left behind.
func (r *Report) Summary() string {
	return fmt.Sprintf("%d taken, %d changed, %d left behind", r.Count(Taken), r.Count(Changed), r.Count(Left))
}

// Text returns the entries of those verdicts, one on a line, and the summary.
func (r *Report) Text(verdicts ...Verdict) string {
	var b strings.Builder
	for i := range r.Entries {
		for _, v := range verdicts {
			if r.Entries[i].Verdict == v {
				b.WriteString(r.Entries[i].String() + "\n")
			}
		}
	}
	b.WriteString(r.Summary() + "\n")
	return b.String()
}
