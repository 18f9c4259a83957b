package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	adminv1 "port67/proto/admin/v1"
)

// reservationPage is how many reservations are asked for at a time.
const reservationPage = 5000

// reservationNoun is everything about reservations.
func (t *tool) reservationNoun() *cobra.Command {
	return noun("reservation", "Show and edit reservations",
		`Show and edit reservations: addresses promised to clients. An edit is a new revision
of the whole configuration, whose text is written anew: comments in it are lost.
Who keeps dhcp.yaml under version control edits it there and uses config apply.`,
		t.reservationList(), t.reservationAdd(), t.reservationUpdate(), t.reservationDelete())
}

// edit is what all edits of the configuration can be told.
type edit struct {
	comment  string
	expected uint64
}

// flags adds the flags of an edit.
func (e *edit) flags(f *pflag.FlagSet) {
	f.StringVar(&e.comment, "comment", "", "why, for config history")
	f.Uint64Var(&e.expected, "expect-revision", 0, "refuse if the configuration is not at this revision")
}

// revision returns the expected revision, nil if the user gave none.
func (e *edit) revision(c *cobra.Command) *uint64 {
	if !c.Flags().Changed("expect-revision") {
		return nil
	}
	return &e.expected
}

// reservationFields are the flags that say what a reservation is.
type reservationFields struct {
	subnet, address, hardware, clientID, hostname string
	rarp                                          bool
}

// flags adds the flags of a reservation.
func (r *reservationFields) flags(f *pflag.FlagSet) {
	f.StringVar(&r.subnet, "subnet", "", "its subnet; needed without an address, or if several know the client")
	f.StringVar(&r.address, "address", "", "the address promised")
	f.StringVar(&r.hardware, "hardware", "",
		"the client's hardware address, as in 02:67:00:00:00:01 or 0267.0000.0001")
	f.StringVar(&r.clientID, "client-id", "",
		"the client's identifier (option 61): hex digits, type octet included, or text:NAME")
	f.StringVar(&r.hostname, "hostname", "", "the host name told to the client")
	f.BoolVar(&r.rarp, "rarp", false, "tell the address by RARP, too; --rarp=false ends it")
}

// message returns the reservation that the flags describe.
func (r *reservationFields) message() *adminv1.Reservation {
	return &adminv1.Reservation{
		Subnet: r.subnet, Address: r.address, Hardware: r.hardware, ClientId: r.clientID, Hostname: r.hostname,
		Rarp: r.rarp,
	}
}

// changed returns the proto names of the fields whose flags were given.
func (*reservationFields) changed(c *cobra.Command) []string {
	var paths []string
	for _, f := range []struct{ flag, field string }{
		{"address", "address"},
		{"hardware", "hardware"},
		{"client-id", "client_id"},
		{"hostname", "hostname"},
		{"rarp", "rarp"},
	} {
		if c.Flags().Changed(f.flag) {
			paths = append(paths, f.field)
		}
	}
	return paths
}

// reservationList lists reservations.
func (t *tool) reservationList() *cobra.Command {
	var subnet, search string
	c := &cobra.Command{
		Use:     "list",
		Short:   "List reservations",
		Long:    "List reservations by subnet and address.",
		Example: "  dhcpctl reservation list --subnet 10.67.0.0/16\n  dhcpctl reservation list --search printer",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			all := &adminv1.ListReservationsResponse{}
			for {
				page, err := call(t, c, waitDefault, adminv1.NewReservationServiceClient,
					adminv1.ReservationServiceClient.ListReservations, &adminv1.ListReservationsRequest{
						PageSize: reservationPage, PageToken: all.GetNextPageToken(), Subnet: subnet, Search: search,
						Stale: t.stale,
					})
				if err != nil {
					return err
				}
				all.Reservations = append(all.Reservations, page.GetReservations()...)
				all.Revision, all.NextPageToken = page.GetRevision(), page.GetNextPageToken()
				if all.NextPageToken == "" {
					break
				}
			}
			return t.show(all, func(wide bool) error { return t.reservationTable(all.GetReservations(), wide) })
		},
	}
	c.Flags().StringVar(&subnet, "subnet", "", "only those of this subnet")
	c.Flags().StringVar(&search, "search", "", "only those with this text in address, identifiers or host name")
	return t.reads(c)
}

// reservationTable prints reservations for people.
func (t *tool) reservationTable(rs []*adminv1.Reservation, wide bool) error {
	if len(rs) == 0 {
		fmt.Fprintln(t.err, "no reservations")
		return nil
	}
	table := columns{names: []string{
		"ADDRESS", "HARDWARE", "CLIENT-ID", "HOSTNAME", "SUBNET", "+OPTIONS",
	}}
	for _, r := range rs {
		var options []string
		for _, o := range r.GetOptions() {
			options = append(options, nameOr(o.GetName(), fmt.Sprint(o.GetCode()))+"="+o.GetValue())
		}
		table.add(orNone(r.GetAddress()), orNone(r.GetHardware()), orNone(r.GetClientId()), orNone(r.GetHostname()),
			r.GetSubnet(), orNone(joinWords(options)))
	}
	return table.print(t.out, wide)
}

// reservationName says which reservation is meant, for people.
func reservationName(r *adminv1.Reservation) string {
	client := r.GetHardware()
	if client == "" {
		client = "id:" + r.GetClientId()
	}
	if r.GetAddress() == "" {
		return client + " in " + r.GetSubnet()
	}
	return r.GetAddress() + " for " + client
}

// reservationAdd adds a reservation.
func (t *tool) reservationAdd() *cobra.Command {
	var r reservationFields
	var e edit
	c := &cobra.Command{
		Use:   "add",
		Short: "Add a reservation",
		Long: `Add a reservation. At least one identifier, --hardware or --client-id, is needed; a
client that shows any of them is the client. Who holds the address now keeps it
until its booking ends.`,
		Example: "  dhcpctl reservation add --address 10.67.0.100 --hardware 02:67:00:00:00:01 --hostname printer",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			if r.hardware == "" && r.clientID == "" {
				return usagef(c, "%s: --hardware or --client-id is needed", c.CommandPath())
			}
			return t.addReservation(c, &e, r.message())
		},
	}
	r.flags(c.Flags())
	e.flags(c.Flags())
	return t.changes(c)
}

// addReservation adds a reservation and says so.
func (t *tool) addReservation(c *cobra.Command, e *edit, r *adminv1.Reservation) error {
	resp, err := call(t, c, waitDefault, adminv1.NewReservationServiceClient,
		adminv1.ReservationServiceClient.CreateReservation, &adminv1.CreateReservationRequest{
			Reservation: r, Comment: e.comment, ExpectedRevision: e.revision(c), ValidateOnly: t.dryRun,
		})
	if err != nil {
		return err
	}
	return t.report(resp, "reservation %s added, revision %d", reservationName(resp.GetReservation()),
		resp.GetRevision())
}

// keyHelp explains how a reservation is named.
const keyHelp = `KEY is its address, its hardware address, or id: and its client identifier in hex.`

// reservationUpdate changes a reservation.
func (t *tool) reservationUpdate() *cobra.Command {
	var r reservationFields
	var e edit
	c := &cobra.Command{
		Use:   "update KEY",
		Short: "Change a reservation",
		Long: "Change what the flags name and keep the rest; an empty value takes a field away.\n" +
			keyHelp,
		Example: "  dhcpctl reservation update 10.67.0.100 --hardware 02:67:00:00:00:02",
		Args:    exactly("KEY"),
		RunE: func(c *cobra.Command, args []string) error {
			paths := r.changed(c)
			if len(paths) == 0 {
				return usagef(c, "%s: nothing to change: give at least one of --address, --hardware, --client-id, "+
					"--hostname, --rarp", c.CommandPath())
			}
			resp, err := call(t, c, waitDefault, adminv1.NewReservationServiceClient,
				adminv1.ReservationServiceClient.UpdateReservation, &adminv1.UpdateReservationRequest{
					Key: args[0], Subnet: r.subnet, Reservation: r.message(),
					UpdateMask: &fieldmaskpb.FieldMask{Paths: paths},
					Comment:    e.comment, ExpectedRevision: e.revision(c), ValidateOnly: t.dryRun,
				})
			if err != nil {
				return err
			}
			return t.report(resp, "reservation %s updated, revision %d", reservationName(resp.GetReservation()),
				resp.GetRevision())
		},
	}
	r.flags(c.Flags())
	e.flags(c.Flags())
	return t.changes(c)
}

// reservationDelete takes a reservation away.
func (t *tool) reservationDelete() *cobra.Command {
	var subnet string
	var e edit
	c := &cobra.Command{
		Use:     "delete KEY",
		Short:   "Take a reservation away",
		Long:    "Take a reservation away. Its client keeps its lease until that ends.\n" + keyHelp,
		Example: "  dhcpctl reservation delete 10.67.0.100\n  dhcpctl reservation delete 02:67:00:00:00:01 --yes",
		Args:    exactly("KEY"),
		RunE: func(c *cobra.Command, args []string) error {
			req := &adminv1.DeleteReservationRequest{
				Key: args[0], Subnet: subnet, Comment: e.comment, ExpectedRevision: e.revision(c), ValidateOnly: true,
			}
			resp, err := call(t, c, waitDefault, adminv1.NewReservationServiceClient,
				adminv1.ReservationServiceClient.DeleteReservation, req)
			if err != nil {
				return err
			}
			if err := t.confirm(c, "Delete the reservation %s?", reservationName(resp.GetReservation())); err != nil {
				return err
			}
			if !t.dryRun {
				req.ValidateOnly = false
				resp, err = call(t, c, waitDefault, adminv1.NewReservationServiceClient,
					adminv1.ReservationServiceClient.DeleteReservation, req)
				if err != nil {
					return err
				}
			}
			return t.report(resp, "reservation %s deleted, revision %d", reservationName(resp.GetReservation()),
				resp.GetRevision())
		},
	}
	c.Flags().StringVar(&subnet, "subnet", "", "its subnet, needed if several subnets know KEY")
	e.flags(c.Flags())
	return t.asks(c)
}
