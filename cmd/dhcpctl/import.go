package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	"port67/ops/importer"
	"port67/ops/importer/kea"
	adminv1 "port67/proto/admin/v1"
	"port67/server/classify"
	"port67/storage/config"
	"port67/storage/configfile"
)

const (
	// importPage is how many leases go into one call.
	importPage = 500
	// clockError is how far the clock of the host that wrote a lease file may be ahead of this one's.
	clockError = time.Minute
)

// importNoun takes over from other servers.
func (t *tool) importNoun() *cobra.Command {
	return noun("import", "Take over from another DHCP server",
		"Take over configuration, reservations and leases from another DHCP server.", t.importKea())
}

// takeover is one import: what to read, and what to do with it.
type takeover struct {
	edit
	config, leases, out string
	apply, strict, all  bool

	report importer.Report
	source string // our configuration
	takes  uint64 // leases that were taken in, or would be
}

// importKea takes over from Kea.
func (t *tool) importKea() *cobra.Command {
	var k takeover
	c := &cobra.Command{
		Use:   "kea [FILE]",
		Short: "Take over from Kea (DHCPv4)",
		Long: `Make our configuration out of Kea's: FILE is what kea-dhcp4 is started with. It is
printed, or written with --out, or put into force with --apply. Every element that
was changed or left behind is reported with its line, why, and what to do. What was
guarded by a class that cannot be kept is left out, not opened to everybody.

--leases takes in Kea's memfile (with .completed, .2 and .1 beside it): the leases
stay their clients' until they end. Stop Kea first. The configuration must be in
force; to take leases in twice is harmless.`,
		Example: `  dhcpctl import kea /etc/kea/kea-dhcp4.conf --out dhcp.yaml
  dhcpctl import kea /etc/kea/kea-dhcp4.conf --apply --comment 'from Kea'
  dhcpctl import kea --leases /var/lib/kea/kea-leases4.csv`,
		Args: between(0, "FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				k.config = args[0]
			}
			return t.runImport(c, &k)
		},
	}
	f := c.Flags()
	f.StringVar(&k.leases, "leases", "", "the memfile with Kea's leases, to take them in")
	f.StringVar(&k.out, "out", "", "write the configuration to this file, which must not be there yet")
	f.BoolVar(&k.apply, "apply", false, "put the configuration into force")
	f.BoolVar(&k.strict, "strict", false, "fail, and apply nothing, if anything is left behind")
	f.BoolVar(&k.all, "all", false, "report what was taken as it stands, too")
	k.flags(f)
	return t.asks(c)
}

// runImport does what was asked for, and reports.
func (t *tool) runImport(c *cobra.Command, k *takeover) error {
	if k.config == "" && k.leases == "" {
		return usagef(c, "%s: FILE or --leases is needed", c.CommandPath())
	}
	if k.config == "" && (k.apply || k.out != "") {
		return usagef(c, "%s: --apply and --out need FILE", c.CommandPath())
	}
	var leases kea.Leases
	if err := k.read(&leases); err != nil {
		return err
	}
	refused := k.strict && k.report.Count(importer.Left) > 0
	if !refused {
		if err := t.takeOver(c, k, &leases); err != nil {
			return err
		}
	}
	if err := t.reportImport(k); err != nil {
		return err
	}
	if refused {
		fmt.Fprintln(t.err, "nothing was written or applied (--strict)")
	}
	if k.strict && k.report.Count(importer.Left) > 0 {
		return &doneError{exitRefused}
	}
	return nil
}

// read reads the configuration and the leases.
func (k *takeover) read(leases *kea.Leases) error {
	if k.config != "" {
		b, err := os.ReadFile(k.config)
		if err != nil {
			return err
		}
		in, err := kea.Import(k.config, b, openBeside, classify.Check)
		if err != nil {
			return err
		}
		if k.source, err = sourceOf(in.Config, k.config); err != nil {
			return err
		}
		k.report = in.Report
	}
	if k.leases == "" {
		return nil
	}
	exists := func(name string) bool { _, err := os.Stat(name); return err == nil }
	for _, name := range kea.LeaseFiles(k.leases, exists) {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		err = leases.Read(name, f)
		_ = f.Close() // It was only read.
		if err != nil {
			return err
		}
	}
	k.report.Entries = append(k.report.Entries, leases.Report.Entries...)
	if ahead := time.Until(time.Unix(leases.LastHeard(), 0)); ahead > clockError {
		return fmt.Errorf("%s: a client was told %s from now: the clock of the host that wrote the file is ahead "+
			"of this one's, and the leases would end too early or too late; set this clock right", k.leases,
			shortSpan(ahead.Truncate(time.Second)))
	}
	return nil
}

// openBeside opens an included file; its name is relative to the file that includes it.
func openBeside(from, name string) (string, []byte, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(from), name)
	}
	b, err := os.ReadFile(name)
	return name, b, err
}

// sourceOf writes our configuration, and says where it came from.
func sourceOf(c *config.Config, from string) (string, error) {
	text, err := configfile.Encode(c)
	return "# Made by dhcpctl import kea from " + filepath.Base(from) + "; what was changed or left behind, " +
		"its report says.\n" + string(text), err
}

// takeOver writes and applies.
func (t *tool) takeOver(c *cobra.Command, k *takeover, leases *kea.Leases) error {
	if k.out != "" && !t.dryRun {
		if err := writeNew(k.out, k.source); err != nil {
			return err
		}
	}
	if k.apply {
		if err := t.applyImport(c, k); err != nil {
			return err
		}
	}
	if k.leases != "" {
		return t.takeLeases(c, k, leases)
	}
	return nil
}

// writeNew writes a file that is not there yet.
func writeNew(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s: is there already: remove it or name another file", name)
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	return errors.Join(err, f.Close())
}

// applyImport puts the configuration into force as config apply does.
func (t *tool) applyImport(c *cobra.Command, k *takeover) error {
	name := filepath.Base(k.config) + " of Kea"
	return t.replaceConfig(c, &k.edit, name, k.source, func(expected *uint64) (revised, error) {
		return call(t, c, waitDefault, adminv1.NewConfigServiceClient, adminv1.ConfigServiceClient.ApplyConfig,
			&adminv1.ApplyConfigRequest{
				Source: k.source, Name: name, Comment: k.comment, ExpectedRevision: expected, ValidateOnly: t.dryRun,
			})
	}, name+" is in force")
}

// takeLeases brings leases before the cluster, so many at a time. Those that it refuses are left behind.
func (t *tool) takeLeases(c *cobra.Command, k *takeover, leases *kea.Leases) error {
	client, err := t.leases(c)
	if err != nil {
		return err
	}
	all := leases.All()
	for first := 0; first < len(all); first += importPage {
		page := all[first:min(first+importPage, len(all))]
		req := &adminv1.ImportLeasesRequest{ValidateOnly: t.dryRun}
		now := time.Now().Unix()
		for i := range page {
			req.Leases = append(req.Leases, importedLease(&page[i], now))
		}
		ctx, cancel := t.deadline(c, waitLong)
		resp, err := client.ImportLeases(ctx, req)
		cancel()
		if err != nil {
			fmt.Fprintf(t.err, "%d of %d leases were taken in before; to run it again is harmless\n", k.takes,
				len(all))
			return err
		}
		for i, r := range resp.GetResults() {
			if r.GetTaken() {
				k.takes++
				continue
			}
			k.report.Entries = append(k.report.Entries, importer.Entry{
				File: page[i].File, Line: page[i].Line, Column: 1, Element: "lease " + r.GetAddress(),
				Verdict: importer.Left, Why: r.GetReason(), Todo: "see dhcpctl lease show " + r.GetAddress(),
			})
		}
		t.progress(first+len(page), len(all))
	}
	if n := leases.InDNS(); n > 0 {
		fmt.Fprintf(t.err, "%s had a name in the DNS; it stays there, and is not updated any more\n",
			count(uint64(n), "lease"))
	}
	return nil
}

// progress shows people how far a long piece of work has come.
func (t *tool) progress(done, all int) {
	if !t.interactive {
		return
	}
	const width = 30
	bar := make([]byte, width)
	for i := range bar {
		bar[i] = ' '
		if i < done*width/all {
			bar[i] = '#'
		}
	}
	fmt.Fprintf(t.err, "\r[%s] %d of %d leases", bar, done, all)
	if done == all {
		fmt.Fprintln(t.err)
	}
}

// importedLease returns a lease as the API takes it; now is in seconds since 1970.
func importedLease(l *kea.Lease, now int64) *adminv1.ImportedLease {
	out := &adminv1.ImportedLease{
		Address: l.Addr.String(), HardwareAddress: config.FormatHardware(l.CHAddr), Hostname: l.Hostname,
		Declined: l.Declined, RelayAgentInfo: l.RelayInfo,
		Age: durationpb.New(time.Duration(l.Age(now)) * time.Second),
	}
	if key := l.Key(); key != "" {
		out.Client = key.String()
	}
	if !l.Endless() {
		out.Remaining = durationpb.New(time.Duration(l.Left(now)) * time.Second)
		out.LeaseTime = durationpb.New(time.Duration(l.Lifetime) * time.Second)
	}
	return out
}

// reportImport prints what became of everything. The configuration goes to standard output, and the report
// beside it, unless it was written or applied.
func (t *tool) reportImport(k *takeover) error {
	printed := k.config != "" && k.out == "" && !k.apply
	var entries []any
	for i := range k.report.Entries {
		entries = append(entries, entryFields(&k.report.Entries[i]))
	}
	fields := []field{
		{"taken", scalar(k.report.Count(importer.Taken))}, {"changed", scalar(k.report.Count(importer.Changed))},
		{"left", scalar(k.report.Count(importer.Left))}, {"leases", scalar(k.takes)}, {"entries", entries},
	}
	if printed {
		fields = append(fields, field{"source", scalar(k.source)})
	}
	return t.showFields(fields, func(wide bool) error {
		w := t.out
		if printed {
			w = t.err
			if _, err := io.WriteString(t.out, k.source); err != nil {
				return err
			}
		}
		if table := reportTable(&k.report, k.all); len(table.rows) > 0 {
			if err := table.print(w, wide); err != nil {
				return err
			}
		}
		if k.config != "" || len(k.report.Entries) > 0 {
			fmt.Fprintln(w, k.report.Summary())
		}
		if k.leases != "" {
			verb := "taken in"
			if t.dryRun {
				verb = "would be taken in (dry run)"
			}
			fmt.Fprintf(w, "%s %s\n", count(k.takes, "lease"), verb)
		}
		return nil
	})
}

// reportTable is a report for people.
func reportTable(r *importer.Report, all bool) *columns {
	table := &columns{names: []string{"PLACE", "WHAT", "ELEMENT", "WHY AND WHAT TO DO"}}
	for _, e := range r.Entries {
		if e.Verdict == importer.Taken && !all {
			continue
		}
		why := e.Why
		if e.Todo != "" {
			why += ": " + e.Todo
		}
		table.add(e.Place(), e.Verdict.String(), e.Element, why)
	}
	return table
}

// entryFields is an entry of a report for programs.
func entryFields(e *importer.Entry) []field {
	return []field{
		{"file", scalar(e.File)}, {"line", scalar(e.Line)}, {"column", scalar(e.Column)},
		{"element", scalar(e.Element)}, {"verdict", scalar(e.Verdict.String())}, {"why", scalar(e.Why)},
		{"todo", scalar(e.Todo)},
	}
}
