package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The exit codes.
const (
	exitDone        = 0
	exitRefused     = 1
	exitUsage       = 2
	exitUnreachable = 3
)

// usageError is a command line that means nothing.
type usageError struct {
	text    string
	command string
}

// Error returns the text for people.
func (e *usageError) Error() string { return e.text }

// usagef returns a usageError about c.
func usagef(c *cobra.Command, format string, args ...any) error {
	return &usageError{text: fmt.Sprintf(format, args...), command: c.CommandPath()}
}

// unreachableError says that no node was reached.
type unreachableError struct{ text string }

// Error returns the text for people.
func (e *unreachableError) Error() string { return e.text }

// doneError ends a command that has already said everything; code is its exit code.
type doneError struct{ code int }

// Error is never shown.
func (e *doneError) Error() string { return "" }

// explain prints an error as people need it, and returns the exit code.
func (t *tool) explain(err error) int {
	var usage *usageError
	var unreachable *unreachableError
	var done *doneError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &done):
		return done.code
	case errors.As(err, &usage):
		text := strings.TrimPrefix(strings.TrimPrefix(usage.text, "dhcpctl "), "dhcpctl: ")
		fmt.Fprintf(t.err, "dhcpctl: %s\nSee %s --help.\n", text, usage.command)
		return exitUsage
	case errors.As(err, &unreachable):
		fmt.Fprintf(t.err, "dhcpctl: %s\n", unreachable.text)
		return exitUnreachable
	}
	if s, ok := status.FromError(err); ok {
		return t.explainStatus(s)
	}
	fmt.Fprintf(t.err, "dhcpctl: %v\n", err)
	return exitRefused
}

// explainStatus prints what a node answered.
func (t *tool) explainStatus(s *status.Status) int {
	reason, lines := "", []string{}
	for _, d := range s.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			reason = d.GetReason()
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				if !strings.HasSuffix(s.Message(), v.GetDescription()) {
					lines = append(lines, v.GetDescription())
				}
			}
		}
	}
	switch {
	case reason == "NO_QUORUM":
		fmt.Fprintf(t.err, "dhcpctl: %s\n", s.Message())
		fmt.Fprintln(t.err, "What this node knows is shown by dhcpctl cluster status, and by lists with --stale.")
		return exitUnreachable
	case s.Code() == codes.Unavailable && reason == "" && t.link.trustErr.Load() != nil:
		fmt.Fprintf(t.err, "dhcpctl: no trust between this tool and %s: %v\n", joinWords(t.link.servers),
			*t.link.trustErr.Load())
		return exitRefused
	case s.Code() == codes.Unavailable && reason == "", s.Code() == codes.DeadlineExceeded && reason == "":
		fmt.Fprintf(t.err, "dhcpctl: %s\n", t.link.unreachable(s))
		return exitUnreachable
	}
	for _, l := range lines {
		fmt.Fprintln(t.err, l)
	}
	fmt.Fprintf(t.err, "dhcpctl: %s\n", s.Message())
	if s.Code() == codes.Unimplemented {
		fmt.Fprintln(t.err, "The node is older than this dhcpctl: use the one that came with it.")
	}
	return exitRefused
}

// joinWords joins words for a sentence.
func joinWords(words []string) string { return strings.Join(words, ", ") }

// exactly wants as many arguments as there are names, and says which are missing.
func exactly(names ...string) cobra.PositionalArgs { return between(len(names), names...) }

// between wants at least so many of the named arguments, and no more than all.
func between(least int, names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usagef(c, "%s: %s is missing", c.CommandPath(), names[len(args)])
		case len(args) > len(names):
			return usagef(c, "%s: %q is one argument too many", c.CommandPath(), args[len(names)])
		}
		return nil
	}
}
