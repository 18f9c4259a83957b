package main

import (
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	adminv1 "port67/proto/admin/v1"
	"port67/server/classify"
	"port67/storage/configfile"
)

// strandedShown is how many stranded leases are named to people.
const strandedShown = 10

// configNoun is everything about the replicated configuration.
func (t *tool) configNoun() *cobra.Command {
	return noun("config", "Show, check and replace the configuration",
		`Show, check and replace the configuration that all nodes share. FILE is YAML, - for
standard input.`,
		t.configShow(), t.configValidate(), t.configDiff(), t.configApply(), t.configHistory(), t.configRollback())
}

// readSource reads a configuration file, or standard input for -.
func (t *tool) readSource(name string) (string, error) {
	if name == "-" {
		b, err := io.ReadAll(t.in)
		return string(b), err
	}
	b, err := os.ReadFile(name)
	return string(b), err
}

// sourceName is what a file is called in problems.
func sourceName(name string) string {
	if name == "-" {
		return "stdin"
	}
	return name
}

// configShow prints the configuration.
func (t *tool) configShow() *cobra.Command {
	var revision uint64
	c := &cobra.Command{
		Use:     "show",
		Short:   "Print the configuration in force",
		Long:    "Print the configuration in force as it was written, or an earlier revision of it.",
		Example: "  dhcpctl config show > dhcp.yaml\n  dhcpctl config show --revision 3",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := t.getRevision(c, revision)
			if err != nil {
				return err
			}
			return t.show(r, func(bool) error {
				_, err := io.WriteString(t.out, r.GetSource())
				return err
			})
		},
	}
	c.Flags().Uint64Var(&revision, "revision", 0, "an earlier revision (default: the one in force)")
	return t.reads(c)
}

// getRevision fetches a revision with its text; 0 is the one in force.
func (t *tool) getRevision(c *cobra.Command, revision uint64) (*adminv1.Revision, error) {
	resp, err := call(t, c, waitDefault, adminv1.NewConfigServiceClient,
		adminv1.ConfigServiceClient.GetConfig, &adminv1.GetConfigRequest{Revision: revision, Stale: t.stale})
	return resp.GetRevision(), err
}

// configValidate checks a file without asking a node.
func (t *tool) configValidate() *cobra.Command {
	return &cobra.Command{
		Use:   "validate FILE",
		Short: "Check a file, without a node",
		Long: `Check a file and print every problem in it with line and column. No node is asked;
what the change would do to leases, config diff says.`,
		Example: "  dhcpctl config validate dhcp.yaml",
		Args:    exactly("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			source, err := t.readSource(args[0])
			if err != nil {
				return err
			}
			_, problems := configfile.Decode(sourceName(args[0]), []byte(source), classify.Check)
			items := []any{}
			for _, p := range problems {
				items = append(items, []field{
					{"file", scalar(p.File)}, {"line", scalar(p.Line)}, {"column", scalar(p.Column)},
					{"path", scalar(p.Path)}, {"text", scalar(p.Text)},
				})
			}
			err = t.showFields([]field{{"problems", items}}, func(bool) error {
				for _, p := range problems {
					fmt.Fprintln(t.err, p)
				}
				if len(problems) == 0 {
					fmt.Fprintf(t.out, "%s: valid\n", sourceName(args[0]))
				}
				return nil
			})
			if err == nil && len(problems) > 0 {
				return &doneError{exitRefused}
			}
			return err
		},
	}
}

// diff asks what a text would change.
func (t *tool) diff(c *cobra.Command, name, source string) (*adminv1.DiffConfigResponse, error) {
	return call(t, c, waitDefault, adminv1.NewConfigServiceClient, adminv1.ConfigServiceClient.DiffConfig,
		&adminv1.DiffConfigRequest{Source: source, Name: name, Stale: t.stale})
}

// configDiff says what a file would change.
func (t *tool) configDiff() *cobra.Command {
	return t.reads(&cobra.Command{
		Use:   "diff FILE",
		Short: "Say what a file would change",
		Long: `Say what applying a file would change, and which leases it would strand: their
clients could not keep their address.`,
		Example: "  dhcpctl config diff dhcp.yaml",
		Args:    exactly("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			source, err := t.readSource(args[0])
			if err != nil {
				return err
			}
			d, err := t.diff(c, sourceName(args[0]), source)
			if err != nil {
				return err
			}
			return t.show(d, func(bool) error { return t.diffForPeople(t.out, d) })
		},
	})
}

// diffForPeople prints a diff.
func (t *tool) diffForPeople(w io.Writer, d *adminv1.DiffConfigResponse) error {
	if len(d.GetChanges()) == 0 {
		fmt.Fprintf(w, "no changes against revision %d\n", d.GetRevision())
	}
	for _, ch := range d.GetChanges() {
		fmt.Fprintf(w, "%s: %s\n", ch.GetPath(), ch.GetText())
	}
	if d.GetStrandedCount() == 0 {
		return nil
	}
	fmt.Fprintf(w, "\n%s would be stranded:\n", count(d.GetStrandedCount(), "lease"))
	for i, s := range d.GetStranded() {
		if i == strandedShown {
			fmt.Fprintf(w, "  and %d more; all with -o json\n", d.GetStrandedCount()-strandedShown)
			break
		}
		fmt.Fprintf(w, "  %s of %s, until %s: %s\n", s.GetLease().GetAddress(), leaseOwner(s.GetLease()),
			leaseUntil(s.GetLease()), s.GetReason())
	}
	return nil
}

// confirmStranding shows a diff and asks if it strands leases.
func (t *tool) confirmStranding(c *cobra.Command, d *adminv1.DiffConfigResponse) error {
	if t.format == "table" || t.format == "wide" {
		if err := t.diffForPeople(t.err, d); err != nil {
			return err
		}
	}
	if d.GetStrandedCount() == 0 {
		return nil
	}
	return t.confirm(c, "Go on, though %s would be stranded?", count(d.GetStrandedCount(), "lease"))
}

// configApply puts a file into force.
func (t *tool) configApply() *cobra.Command {
	var e edit
	c := &cobra.Command{
		Use:   "apply FILE",
		Short: "Put a file into force on all nodes",
		Long: `Put a file into force on all nodes at once. What it changes is shown first; if leases
would be stranded, dhcpctl asks. A change by somebody else in between is noticed
and refused.`,
		Example: `  dhcpctl config apply dhcp.yaml --comment 'pool for floor 3'
  dhcpctl config apply dhcp.yaml --dry-run`,
		Args: exactly("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			source, err := t.readSource(args[0])
			if err != nil {
				return err
			}
			name := sourceName(args[0])
			return t.replaceConfig(c, &e, name, source, func(expected *uint64) (revised, error) {
				return call(t, c, waitDefault, adminv1.NewConfigServiceClient, adminv1.ConfigServiceClient.ApplyConfig,
					&adminv1.ApplyConfigRequest{
						Source: source, Name: name, Comment: e.comment, ExpectedRevision: expected, ValidateOnly: t.dryRun,
					})
			}, name+" is in force")
		},
	}
	e.flags(c.Flags())
	return t.asks(c)
}

// configHistory lists revisions.
func (t *tool) configHistory() *cobra.Command {
	return t.reads(&cobra.Command{
		Use:     "history",
		Short:   "List the revisions, newest first",
		Long:    "List the revisions that the cluster remembers, newest first: who changed the configuration when.",
		Example: "  dhcpctl config history",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			resp, err := call(t, c, waitDefault, adminv1.NewConfigServiceClient,
				adminv1.ConfigServiceClient.ListRevisions, &adminv1.ListRevisionsRequest{Stale: t.stale})
			if err != nil {
				return err
			}
			return t.show(resp, func(wide bool) error {
				if len(resp.GetRevisions()) == 0 {
					fmt.Fprintln(t.err, "no configuration yet")
					return nil
				}
				table := columns{names: []string{"REVISION", "WHEN", "AUTHOR", "COMMENT"}}
				for _, r := range resp.GetRevisions() {
					table.add(r.GetRevision(), clock(r.GetCreateTime()), orNone(r.GetAuthor()), orNone(r.GetComment()))
				}
				return table.print(t.out, wide)
			})
		},
	})
}

// configRollback applies an earlier revision again.
func (t *tool) configRollback() *cobra.Command {
	var e edit
	c := &cobra.Command{
		Use:   "rollback REVISION",
		Short: "Put an earlier revision into force again",
		Long: `Put an earlier revision into force again, as a new one. What it changes is shown
first; if leases would be stranded, dhcpctl asks.`,
		Example: "  dhcpctl config history\n  dhcpctl config rollback 3",
		Args:    exactly("REVISION"),
		RunE: func(c *cobra.Command, args []string) error {
			revision, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil || revision == 0 {
				return usagef(c, "REVISION %s: a number of config history is needed", args[0])
			}
			old, err := t.getRevision(c, revision)
			if err != nil {
				return err
			}
			name := "revision " + args[0]
			return t.replaceConfig(c, &e, name, old.GetSource(), func(expected *uint64) (revised, error) {
				return call(t, c, waitDefault, adminv1.NewConfigServiceClient,
					adminv1.ConfigServiceClient.RollbackConfig, &adminv1.RollbackConfigRequest{
						Revision: revision, Comment: e.comment, ExpectedRevision: expected, ValidateOnly: t.dryRun,
					})
			}, name+" is in force again")
		},
	}
	e.flags(c.Flags())
	return t.asks(c)
}

// revised is the answer to a change of the configuration.
type revised interface {
	proto.Message
	GetRevision() uint64
	GetUnchanged() bool
}

// replaceConfig shows what a text would change, asks if it would strand leases, and puts it into force by
// change, which is told what revision the user has seen. what says that it was done.
func (t *tool) replaceConfig(c *cobra.Command, e *edit, name, source string,
	change func(expected *uint64) (revised, error), what string,
) error {
	d, err := t.diff(c, name, source)
	if err != nil {
		return err
	}
	if err := t.confirmStranding(c, d); err != nil {
		return err
	}
	expected := e.revision(c)
	if expected == nil {
		expected = &d.Revision
	}
	resp, err := change(expected)
	switch {
	case err != nil:
		return err
	case resp.GetUnchanged():
		return t.report(resp, "unchanged, revision %d", resp.GetRevision())
	case t.dryRun:
		return t.report(resp, "valid, would replace revision %d", resp.GetRevision())
	}
	return t.report(resp, "%s, revision %d", what, resp.GetRevision())
}
