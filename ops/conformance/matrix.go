package conformance

import (
	"fmt"
	"strings"
)

// Column is a server in the matrix, with what came of every vector.
type Column struct {
	Name, Version string
	Verdicts      []Verdict
}

// Unexplained returns the vectors at which a server differs and of which no note says who is right.
func Unexplained(table []Vector, columns []Column) []string {
	var list []string
	for i, v := range table {
		for _, c := range columns {
			if cell := c.Verdicts[i].cell(); cell != asTheRow && c.Verdicts[i].Played && v.Note == "" {
				list = append(list, fmt.Sprintf("%s %s: %s: %s", v.Rows, v.Asks, c.Name, cell))
			}
		}
	}
	return list
}

// Elsewhere begins the part of docs/conformance.md that internal/tidy writes, and Matrix does not return.
const Elsewhere = "\n## Rows that the table does not show\n"

// asTheRow is the cell of a vector of which nothing else was seen.
const asTheRow = "as the row"

// cell says in a few words what came of a vector.
func (v Verdict) cell() string {
	switch {
	case !v.Played:
		return "–"
	case v.Err != nil:
		return "not played"
	case len(v.Seen) == 0:
		return asTheRow
	}
	return "**" + strings.ReplaceAll(strings.Join(v.Seen, "; "), "|", `\|`) + "**"
}

// Matrix returns docs/conformance.md: what came of every vector at every server, and what is to be said of
// it.
func Matrix(table []Vector, columns []Column) string {
	var b strings.Builder
	b.WriteString(preface)
	for _, c := range columns {
		played, right := 0, 0
		for _, v := range c.Verdicts {
			if v.Played {
				played++
			}
			if v.cell() == asTheRow {
				right++
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %d |\n", c.Name, c.Version, played, right)
	}
	b.WriteString("\n## The vectors\n\n| rows | asked |")
	rule := "| --- | --- |"
	for _, c := range columns {
		fmt.Fprintf(&b, " %s |", c.Name)
		rule += " --- |"
	}
	b.WriteString("\n" + rule + "\n")
	var notes []string
	numbers := map[string]int{}
	for i, v := range table {
		fmt.Fprintf(&b, "| %s | %s", v.Rows, v.Asks)
		if v.Note != "" {
			if numbers[v.Note] == 0 {
				notes = append(notes, v.Note)
				numbers[v.Note] = len(notes)
			}
			fmt.Fprintf(&b, " (%d)", numbers[v.Note])
		}
		b.WriteString(" |")
		for _, c := range columns {
			fmt.Fprintf(&b, " %s |", c.Verdicts[i].cell())
		}
		b.WriteString("\n")
	}
	b.WriteString("\n## Notes\n\n")
	for i, note := range notes {
		fmt.Fprintf(&b, "%d. %s\n", i+1, note)
	}
	return b.String()
}

const preface = `<!-- Written by make conformance. -->
# Conformance

The rows of protocol behaviour ([protocol-rows.txt](protocol-rows.txt)) as a table of packets in and
expectations out, played to four servers over a wire in network namespaces. The servers have one network and
say the same of it: their configurations stand in [ops/conformance/network](../ops/conformance/network), the
table in the files beside it whose names begin with table. Each vector has clients of its own. Where nothing
else is said, a client is on the server's link, asks for nothing in particular and leaves the broadcast bit
clear.

A cell says that the server does as the row asks, or what was seen instead. That is no judgement: rows that
are not an RFC's MUST are our choice where RFCs leave one, and a server can do well without them. The notes
say who is right where servers differ. A dash means that a vector is not played: what needs time to pass is
played to the protocol's core alone, and RARP, which the others do not serve, to ours alone.

Repeat it as root, on Debian 12, by make conformance, which writes this page anew. make test plays the same
table to the core in process, make lab to port67d on the wire, and both fail where a vector does.

## The servers

| server | version | vectors | as the row |
| --- | --- | --- | --- |
`
