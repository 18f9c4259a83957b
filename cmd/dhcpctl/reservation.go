package main

import (
	"fmt"
	"slices"
	"strings"

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
	subnet, address, hostname               string
	hardware, clientID, circuitID, remoteID []string
	relayID, class                          []string
	rarp, oneDevice                         bool
}

// flags adds the flags of a reservation.
func (r *reservationFields) flags(f *pflag.FlagSet) {
	f.StringVar(&r.subnet, "subnet", "",
		"its subnet, or the word global; needed without an address, or if several know the client")
	f.StringVar(&r.address, "address", "", "the address promised")
	f.StringArrayVar(&r.hardware, "hardware", nil,
		"the client's hardware address, as in 02:67:00:00:00:01 or 0267.0000.0001; may be repeated")
	f.StringArrayVar(&r.clientID, "client-id", nil,
		"the client's identifier (option 61): hex digits, type octet included, or text:NAME; may be repeated")
	f.StringArrayVar(&r.circuitID, "circuit-id", nil,
		"the place, as the relay agent says it: hex digits or text:NAME; may be repeated")
	f.StringArrayVar(&r.remoteID, "remote-id", nil,
		"the same of the remote ID; both have to fit if both are given")
	f.StringArrayVar(&r.relayID, "relay-id", nil, "the same of the relay ID")
	f.StringArrayVar(&r.class, "class", nil, "the class of the client, or TEMPLATE:VALUE; may be repeated")
	f.BoolVar(&r.oneDevice, "one-device", false,
		"only one device is ever at the place: another that shows up gets the address at once")
	f.StringVar(&r.hostname, "hostname", "", "the host name told to the client")
	f.BoolVar(&r.rarp, "rarp", false, "tell the address by RARP, too; --rarp=false ends it")
}

// reservationFlags are the flags of what can be changed of a reservation, named as the fields of the API. It
// never changes.
var reservationFlags = [...]string{
	"address", "hardware", "client-id", "circuit-id", "remote-id", "relay-id", "class", "hostname", "rarp",
	"one-device",
}

// message returns the reservation that the flags describe.
func (r *reservationFields) message() *adminv1.Reservation {
	given := func(values []string) []string {
		return slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })
	}
	return &adminv1.Reservation{
		Subnet: r.subnet, Address: r.address, Hostname: r.hostname, Rarp: r.rarp, OneDevice: r.oneDevice,
		Hardware: given(r.hardware), ClientId: given(r.clientID), CircuitId: given(r.circuitID),
		RemoteId: given(r.remoteID), RelayId: given(r.relayID), Class: given(r.class),
	}
}

// changed returns the proto names of the fields whose flags were given.
func (*reservationFields) changed(c *cobra.Command) []string {
	var paths []string
	for _, flag := range reservationFlags {
		if c.Flags().Changed(flag) {
			paths = append(paths, strings.ReplaceAll(flag, "-", "_"))
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
	c.Flags().StringVar(&subnet, "subnet", "", "only those of this subnet, or the word global")
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
		"ADDRESS", "CLIENT", "HOSTNAME", "SUBNET", "+OPTIONS",
	}}
	for _, r := range rs {
		var options []string
		for _, o := range r.GetOptions() {
			options = append(options, nameOr(o.GetName(), fmt.Sprint(o.GetCode()))+"="+o.GetValue())
		}
		table.add(orNone(r.GetAddress()), strings.Join(identifiersOf(r), ", "), orNone(r.GetHostname()),
			r.GetSubnet(), orNone(joinWords(options)))
	}
	return table.print(t.out, wide)
}

// reservationName says which reservation is meant, for people.
func reservationName(r *adminv1.Reservation) string {
	client := strings.Join(identifiersOf(r), ", ")
	if r.GetAddress() == "" {
		return client + " in " + r.GetSubnet()
	}
	return r.GetAddress() + " for " + client
}

// identifiersOf returns by what a reservation knows its client, as KEY has it.
func identifiersOf(r *adminv1.Reservation) []string {
	words := slices.Clone(r.GetHardware())
	for _, kind := range []struct {
		name   string
		values []string
	}{
		{"id:", r.GetClientId()},
		{"circuit-id:", r.GetCircuitId()},
		{"remote-id:", r.GetRemoteId()},
		{"relay-id:", r.GetRelayId()},
		{"class:", r.GetClass()},
	} {
		for _, v := range kind.values {
			words = append(words, kind.name+v)
		}
	}
	return words
}

// reservationAdd adds a reservation.
func (t *tool) reservationAdd() *cobra.Command {
	var r reservationFields
	var e edit
	c := &cobra.Command{
		Use:   "add",
		Short: "Add a reservation",
		Long: `Add a reservation. It is for a device (--hardware, --client-id: a client that shows any
of them is the client), for a place (--circuit-id, --remote-id, --relay-id: all that
are given have to fit), or for a class (--class). Who holds the address now keeps it
until its booking ends; so does a device at a place when another one shows up there,
unless --one-device says that it is gone then.`,
		Example: "  dhcpctl reservation add --address 10.67.0.100 --hardware 02:67:00:00:00:01\n" +
			"  dhcpctl reservation add --address 10.67.0.105 --circuit-id 0004000a --remote-id text:switch-7",
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			if len(identifiersOf(r.message())) == 0 {
				return usagef(c, "%s: --hardware, --client-id, --circuit-id, --remote-id, --relay-id or --class is "+
					"needed", c.CommandPath())
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
const keyHelp = `KEY is its address, a hardware address, id: and a client identifier in hex, or
circuit-id:, remote-id:, relay-id: or class: and a value.`

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
				return usagef(c, "%s: nothing to change: give at least one of --%s", c.CommandPath(),
					strings.Join(reservationFlags[:], ", --"))
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
