package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	adminv1 "port67/proto/admin/v1"
	"port67/storage/lease"
)

// leaseReserve makes a reservation out of a lease.
func (t *tool) leaseReserve() *cobra.Command {
	var e edit
	var hostname string
	var place bool
	c := &cobra.Command{
		Use:   "reserve ADDRESS",
		Short: "Promise an address to the client that has it",
		Long: `Make a reservation out of a lease: for its client, known as the lease knows it (by
client identifier or else by hardware address), with its address and host name.
The client keeps the lease and notices nothing. With --place it is for the circuit and
the switch that the client is at, as its relay agent says. Like every edit this is a new
revision of the configuration; see dhcpctl reservation --help.`,
		Example: "  dhcpctl lease reserve 10.67.1.5 --dry-run\n" +
			"  dhcpctl lease reserve 10.67.1.5 --hostname printer",
		Args: exactly("ADDRESS"),
		RunE: func(c *cobra.Command, args []string) error {
			l, err := t.getLease(c, args[0])
			if status.Code(err) == codes.NotFound {
				return fmt.Errorf("lease %s: none to make a reservation of: name its client with dhcpctl reservation "+
					"add --address %s --hardware …", args[0], args[0])
			}
			if err != nil {
				return err
			}
			r, err := reservationOf(l)
			if err == nil && place {
				err = atPlace(r, l)
			}
			if err != nil {
				return err
			}
			if c.Flags().Changed("hostname") {
				r.Hostname = hostname
			}
			return t.addReservation(c, &e, r)
		},
	}
	c.Flags().StringVar(&hostname, "hostname", "", "another host name than the client's, or none if empty")
	c.Flags().BoolVar(&place, "place", false,
		"reserve it for the place of the client (circuit-id and remote-id), not for the client")
	e.flags(c.Flags())
	return t.changes(c)
}

// The sub-options of option 82 that name a place (RFC 3046 §3).
const (
	subCircuitID = 1
	subRemoteID  = 2
)

// atPlace makes r, which is for the client of l, a reservation for the place where the client is.
func atPlace(r *adminv1.Reservation, l *adminv1.Lease) error {
	r.Hardware, r.ClientId = nil, nil
	if id, _ := lease.RelayOption(l.GetRelayAgentInfo(), subCircuitID); len(id) > 0 {
		r.CircuitId = []string{hex.EncodeToString(id)}
	}
	if id, _ := lease.RelayOption(l.GetRelayAgentInfo(), subRemoteID); len(id) > 0 {
		r.RemoteId = []string{hex.EncodeToString(id)}
	}
	if len(r.CircuitId) == 0 {
		return fmt.Errorf("lease %s: no relay agent has said at which circuit its client is: leave out --place",
			l.GetAddress())
	}
	return nil
}

// reservationOf returns the reservation that promises a lease's address to its client, or why there can be
// none.
func reservationOf(l *adminv1.Lease) (*adminv1.Reservation, error) {
	a := l.GetAddress()
	switch {
	case l.GetReserved():
		return nil, fmt.Errorf("lease %s: the address has a reservation already: see dhcpctl reservation list "+
			"--search %s, change it with dhcpctl reservation update %s", a, a, a)
	case l.GetStatus() == adminv1.LeaseStatus_LEASE_STATUS_DECLINED:
		return nil, fmt.Errorf("lease %s: declined, since somebody else uses the address: find out who, then "+
			"dhcpctl lease clear-declined %s", a, a)
	case l.GetStatus() == adminv1.LeaseStatus_LEASE_STATUS_OFFERED:
		return nil, fmt.Errorf("lease %s: on offer only, the client has not taken it yet: wait until it is bound",
			a)
	case l.GetSubnet() == "":
		return nil, errors.New("lease " + a + ": its subnet is not configured any more: add it first")
	}
	r := &adminv1.Reservation{Subnet: l.GetSubnet(), Address: a, Hostname: l.GetHostname()}
	if id, ok := strings.CutPrefix(l.GetClient(), "id:"); ok {
		r.ClientId = []string{id}
		return r, nil
	}
	hardware, ok := strings.CutPrefix(l.GetClient(), "hw:1:")
	if !ok {
		return nil, fmt.Errorf("lease %s: client %s has no Ethernet address and no identifier: reservations know "+
			"clients by one of them", a, l.GetClient())
	}
	r.Hardware = []string{hardware}
	return r, nil
}
