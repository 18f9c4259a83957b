package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// none stands in a table where there is nothing to say.
const none = "-"

// checkFlags refuses what means nothing for any command, before anything is done.
func (t *tool) checkFlags() error {
	if t.wait < 0 {
		return &usageError{text: fmt.Sprintf("--timeout %v: not below 0", t.wait), command: "dhcpctl"}
	}
	if slices.Contains(outputFormats(), t.format) {
		return nil
	}
	return &usageError{
		text: fmt.Sprintf("-o %s: one of %s", t.format, joinWords(outputFormats())), command: "dhcpctl",
	}
}

// outputFormats returns the values of -o.
func outputFormats() []string { return []string{"table", "wide", "json", "yaml"} }

// show prints a message as the user wants it: people is called for a table.
func (t *tool) show(m proto.Message, people func(wide bool) error) error {
	return t.showFields(fieldsOf(m.ProtoReflect()), people)
}

// showFields does the same for what is no message of the API.
func (t *tool) showFields(fields []field, people func(wide bool) error) error {
	switch t.format {
	case "json":
		return writeJSON(t.out, fields)
	case "yaml":
		return writeYAML(t.out, fields)
	}
	return people(t.format == "wide")
}

// report prints a message, or for people one line; a dry run says so.
func (t *tool) report(m proto.Message, format string, args ...any) error {
	return t.show(m, func(bool) error {
		line := fmt.Sprintf(format, args...)
		if t.dryRun {
			line = "dry run, nothing changed: " + line
		}
		_, err := fmt.Fprintln(t.out, line)
		return err
	})
}

// columns is a table for people. Columns whose name begins with + are shown by -o wide only.
type columns struct {
	names []string
	rows  [][]any
}

// add appends a row.
func (c *columns) add(cells ...any) { c.rows = append(c.rows, cells) }

// print writes the table without lines, as columns that grep and awk can read.
func (c *columns) print(w io.Writer, wide bool) error {
	tw := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatDefault
	tw.SetStyle(style)
	var aligned []table.ColumnConfig
	keep := func(cells []any) table.Row {
		row := table.Row{}
		for i, cell := range cells {
			if wide || !strings.HasPrefix(c.names[i], "+") {
				row = append(row, cell)
			}
		}
		return row
	}
	header := make([]any, len(c.names))
	for i, n := range c.names {
		header[i] = strings.TrimPrefix(n, "+")
	}
	tw.AppendHeader(keep(header))
	if len(c.rows) > 0 {
		for i, cell := range keep(c.rows[0]) {
			if _, isText := cell.(string); !isText {
				aligned = append(aligned, table.ColumnConfig{
					Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight,
				})
			}
		}
	}
	tw.SetColumnConfigs(aligned)
	for _, r := range c.rows {
		tw.AppendRow(keep(r))
	}
	for line := range strings.Lines(tw.Render() + "\n") {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// pairs is a column of names and values for people.
type pairs [][2]string

// add appends a pair unless the value is empty.
func (p *pairs) add(name, value string) {
	if value != "" {
		*p = append(*p, [2]string{name, value})
	}
}

// print writes the pairs, values aligned.
func (p *pairs) print(w io.Writer) error {
	width := 0
	for _, kv := range *p {
		width = max(width, len(kv[0]))
	}
	for _, kv := range *p {
		if _, err := fmt.Fprintf(w, "%-*s  %s\n", width, kv[0], kv[1]); err != nil {
			return err
		}
	}
	return nil
}

// count returns a number of things: 1 lease, 2 leases.
func count(n uint64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// orNone returns s, or the sign for nothing.
func orNone(s string) string {
	if s == "" {
		return none
	}
	return s
}

// clock returns a moment in the local time zone; empty if unset.
func clock(ts *timestamppb.Timestamp) string {
	if ts == nil {
		return ""
	}
	return ts.AsTime().Local().Format("2006-01-02 15:04:05")
}

// span returns a duration as the configuration writes it; empty if unset.
func span(d *durationpb.Duration) string {
	if d == nil {
		return ""
	}
	return shortSpan(d.AsDuration())
}

// shortSpan drops the zero parts that time.Duration prints: 1h, not 1h0m0s.
func shortSpan(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// roughSpan returns a span in two units at most: 3d4h, 5h20m, 12m.
func roughSpan(d time.Duration) string {
	const day = 24 * time.Hour
	if d < day {
		return shortSpan(d.Truncate(time.Minute))
	}
	text := fmt.Sprintf("%dd", d/day)
	if hours := d % day / time.Hour; hours > 0 {
		text += fmt.Sprintf("%dh", hours)
	}
	return text
}

// confirm asks before something that cannot be undone. It passes with --yes and in a dry run; without anybody
// to ask it refuses.
func (t *tool) confirm(c *cobra.Command, format string, args ...any) error {
	if t.yes || t.dryRun {
		return nil
	}
	question := fmt.Sprintf(format, args...)
	if !t.interactive {
		return usagef(c, "%s: asks before it acts, and there is no terminal to ask on: add --yes (%s)",
			c.CommandPath(), question)
	}
	fmt.Fprintf(t.err, "%s [y/N] ", question)
	line, err := bufio.NewReader(t.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	}
	return errors.New("not done: the answer was not yes")
}

// isTerminal says whether f is a terminal.
func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// spanOrInfinite returns a span for people; unset is one without end.
func spanOrInfinite(d *durationpb.Duration) string {
	if d == nil {
		return "infinite"
	}
	return span(d)
}
