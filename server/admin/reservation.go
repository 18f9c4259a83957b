package admin

import (
	"bytes"
	"context"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"

	adminv1 "port67/proto/admin/v1"
	"port67/storage/config"
	"port67/storage/configfile"
)

// reservations is ReservationService.
type reservations struct {
	adminv1.UnimplementedReservationServiceServer
	backend
}

// ListReservations returns a page of reservations.
func (s *reservations) ListReservations(ctx context.Context, req *adminv1.ListReservationsRequest,
) (*adminv1.ListReservationsResponse, error) {
	var only netip.Prefix
	if req.GetSubnet() != "" {
		var err error
		if only, err = parsePrefix("subnet", req.GetSubnet()); err != nil {
			return nil, err
		}
	}
	now, err := s.revisionNow(ctx, req.GetStale())
	if err != nil {
		return nil, err
	}
	if now.config == nil {
		return &adminv1.ListReservationsResponse{}, nil
	}
	if only.IsValid() && !slices.ContainsFunc(now.config.Subnets, func(s config.Subnet) bool {
		return s.Prefix == only
	}) {
		return nil, errNotFound("subnet", only.String(), "not configured")
	}
	search := strings.ToLower(req.GetSearch())
	var all []*adminv1.Reservation
	for _, sub := range subnetsByPrefix(now.config) {
		if only.IsValid() && sub.Prefix != only {
			continue
		}
		for _, r := range reservationsByAddress(sub) {
			out := reservationOf(now.config, sub, r)
			if search == "" || containsAny(search, out.GetAddress(), out.GetHardware(), out.GetClientId(),
				out.GetHostname()) {
				all = append(all, out)
			}
		}
	}
	page, next, err := pageOf(all, req.GetPageToken(), req.GetPageSize(), reservationKey)
	if err != nil {
		return nil, err
	}
	return &adminv1.ListReservationsResponse{
		Reservations: page, NextPageToken: next, Revision: now.revision,
	}, nil
}

// subnetsByPrefix returns the subnets in the order of their prefixes.
func subnetsByPrefix(c *config.Config) []*config.Subnet {
	subs := make([]*config.Subnet, len(c.Subnets))
	for i := range c.Subnets {
		subs[i] = &c.Subnets[i]
	}
	slices.SortFunc(subs, func(a, b *config.Subnet) int { return a.Prefix.Compare(b.Prefix) })
	return subs
}

// reservationsByAddress returns the reservations of a subnet in the order of their addresses, those without
// one first.
func reservationsByAddress(sub *config.Subnet) []*config.Reservation {
	rs := make([]*config.Reservation, len(sub.Reservations))
	for i := range sub.Reservations {
		rs[i] = &sub.Reservations[i]
	}
	slices.SortStableFunc(rs, func(a, b *config.Reservation) int { return a.Address.Compare(b.Address) })
	return rs
}

// reservationKey names a reservation among all others.
func reservationKey(r *adminv1.Reservation) string {
	return strings.Join([]string{r.GetSubnet(), r.GetAddress(), r.GetHardware(), r.GetClientId()}, " ")
}

// reservationOf translates a reservation for the API.
func reservationOf(c *config.Config, sub *config.Subnet, r *config.Reservation) *adminv1.Reservation {
	out := &adminv1.Reservation{
		Subnet:   sub.Prefix.String(),
		Hardware: config.FormatHardware(r.Hardware), ClientId: hex.EncodeToString(r.ClientID),
		Hostname: r.Hostname, Rarp: r.RARP, Options: optionsOf(c, r.Options),
	}
	if r.Address.IsValid() {
		out.Address = r.Address.String()
	}
	return out
}

// CreateReservation adds a reservation to the configuration.
func (s *reservations) CreateReservation(ctx context.Context, req *adminv1.CreateReservationRequest,
) (*adminv1.CreateReservationResponse, error) {
	want := req.GetReservation()
	if want == nil {
		return nil, errField("reservation", "missing")
	}
	if len(want.GetOptions()) > 0 {
		return nil, errField("reservation.options", "set in the configuration file, not here")
	}
	var made config.Reservation
	for _, field := range []string{"address", "hardware", "client_id", "hostname", "rarp"} {
		if err := takeField(&made, want, field); err != nil {
			return nil, err
		}
	}
	if made.Hardware == nil && made.ClientID == nil {
		return nil, errField("reservation", "no identifier: give hardware, client_id or both")
	}
	resp := &adminv1.CreateReservationResponse{}
	revision, _, err := s.edit(ctx, req.ExpectedRevision, req.GetComment(), req.GetValidateOnly(),
		func(c *config.Config) error {
			sub, err := subnetFor(c, want.GetSubnet(), made.Address)
			if err != nil {
				return err
			}
			sub.Reservations = append(sub.Reservations, made)
			resp.Reservation = reservationOf(c, sub, &made)
			return nil
		})
	if err != nil {
		return nil, err
	}
	resp.Revision = revision
	return resp, nil
}

// UpdateReservation changes named fields of a reservation.
func (s *reservations) UpdateReservation(ctx context.Context, req *adminv1.UpdateReservationRequest,
) (*adminv1.UpdateReservationResponse, error) {
	paths := req.GetUpdateMask().GetPaths()
	if len(paths) == 0 {
		return nil, errField("update_mask", "empty: name the fields to change")
	}
	resp := &adminv1.UpdateReservationResponse{}
	revision, _, err := s.edit(ctx, req.ExpectedRevision, req.GetComment(), req.GetValidateOnly(),
		func(c *config.Config) error {
			sub, i, err := findReservation(c, req.GetKey(), req.GetSubnet())
			if err != nil {
				return err
			}
			r := &sub.Reservations[i]
			for _, field := range paths {
				if err := takeField(r, req.GetReservation(), field); err != nil {
					return err
				}
			}
			resp.Reservation = reservationOf(c, sub, r)
			return nil
		})
	if err != nil {
		return nil, err
	}
	resp.Revision = revision
	return resp, nil
}

// DeleteReservation takes a reservation out of the configuration.
func (s *reservations) DeleteReservation(ctx context.Context, req *adminv1.DeleteReservationRequest,
) (*adminv1.DeleteReservationResponse, error) {
	resp := &adminv1.DeleteReservationResponse{}
	revision, _, err := s.edit(ctx, req.ExpectedRevision, req.GetComment(), req.GetValidateOnly(),
		func(c *config.Config) error {
			sub, i, err := findReservation(c, req.GetKey(), req.GetSubnet())
			if err != nil {
				return err
			}
			resp.Reservation = reservationOf(c, sub, &sub.Reservations[i])
			sub.Reservations = slices.Delete(sub.Reservations, i, i+1)
			return nil
		})
	if err != nil {
		return nil, err
	}
	resp.Revision = revision
	return resp, nil
}

// edit changes a copy of the present configuration by f and puts it into force. The text kept with the new
// revision is written from the configuration.
func (b backend) edit(ctx context.Context, expected *uint64, comment string, validateOnly bool,
	f func(*config.Config) error,
) (uint64, bool, error) {
	return b.setConfig(ctx, expected, comment, validateOnly, func(old *config.Config) (newConfig, error) {
		if old == nil {
			return newConfig{}, errState("STATE", "config", "no configuration yet: apply one")
		}
		octets, err := old.Marshal()
		if err != nil {
			return newConfig{}, err
		}
		c, err := config.Unmarshal(octets)
		if err != nil {
			return newConfig{}, err
		}
		if err := f(c); err != nil {
			return newConfig{}, err
		}
		if problems := c.Validate(); len(problems) > 0 {
			return newConfig{}, errInvalid(problems)
		}
		source, err := configfile.Encode(c)
		if err != nil {
			return newConfig{}, err
		}
		return newConfig{config: c, source: string(source)}, nil
	})
}

// takeField copies one field of the API's reservation, empty meaning unset.
func takeField(to *config.Reservation, from *adminv1.Reservation, field string) error {
	switch field {
	case "address":
		to.Address = netip.Addr{}
		if from.GetAddress() == "" {
			return nil
		}
		a, err := parseAddr("reservation.address", from.GetAddress())
		to.Address = a
		return err
	case "hardware":
		to.Hardware = nil
		if from.GetHardware() == "" {
			return nil
		}
		b, ok := parseHardware(from.GetHardware())
		if !ok {
			return errField("reservation.hardware", "%q is no hardware address, as in 02:67:00:00:00:01",
				from.GetHardware())
		}
		to.Hardware = b
	case "client_id":
		to.ClientID = nil
		if from.GetClientId() == "" {
			return nil
		}
		b, err := configfile.ParseClientID(from.GetClientId())
		if err != nil {
			return errField("reservation.client_id", "%v", err)
		}
		to.ClientID = b
	case "hostname":
		to.Hostname = from.GetHostname()
	case "rarp":
		to.RARP = from.GetRarp()
	default:
		return errField("update_mask", "%q cannot be changed here: address, hardware, client_id, hostname and "+
			"rarp can", field)
	}
	return nil
}

// subnetFor finds the subnet that a new reservation belongs to, by its prefix or else by its address.
func subnetFor(c *config.Config, prefix string, a netip.Addr) (*config.Subnet, error) {
	if prefix == "" && !a.IsValid() {
		return nil, errField("reservation.subnet", "missing: a reservation without an address must name its subnet")
	}
	var want netip.Prefix
	if prefix != "" {
		var err error
		if want, err = parsePrefix("reservation.subnet", prefix); err != nil {
			return nil, err
		}
	}
	for i := range c.Subnets {
		sub := &c.Subnets[i]
		if want.IsValid() && sub.Prefix == want || !want.IsValid() && sub.Prefix.Contains(a) {
			return sub, nil
		}
	}
	if want.IsValid() {
		return nil, errNotFound("subnet", want.String(), "not configured: add it to the configuration first")
	}
	return nil, errField("reservation.address", "%s lies in no configured subnet", a)
}

// findReservation finds the one reservation that key names, in all subnets or in one.
func findReservation(c *config.Config, key, prefix string) (*config.Subnet, int, error) {
	match, err := matchReservation(key)
	if err != nil {
		return nil, 0, err
	}
	var only netip.Prefix
	if prefix != "" {
		if only, err = parsePrefix("subnet", prefix); err != nil {
			return nil, 0, err
		}
	}
	var found *config.Subnet
	index := 0
	for i := range c.Subnets {
		sub := &c.Subnets[i]
		if only.IsValid() && sub.Prefix != only {
			continue
		}
		for j := range sub.Reservations {
			if !match(&sub.Reservations[j]) {
				continue
			}
			if found != nil {
				return nil, 0, errField("subnet", "missing: %s is reserved in both %s and %s", key, found.Prefix,
					sub.Prefix)
			}
			found, index = sub, j
		}
	}
	if found == nil {
		return nil, 0, errNotFound("reservation", key, "no such reservation")
	}
	return found, index, nil
}

// matchReservation says which reservations key means: an address, a hardware address, or id: and a client
// identifier as the configuration file has it.
func matchReservation(key string) (func(*config.Reservation) bool, error) {
	if a, err := netip.ParseAddr(key); err == nil {
		return func(r *config.Reservation) bool { return r.Address == a }, nil
	}
	if text, isID := strings.CutPrefix(key, "id:"); isID {
		if id, err := configfile.ParseClientID(text); err == nil {
			return func(r *config.Reservation) bool { return bytes.Equal(r.ClientID, id) }, nil
		}
	} else if hw, ok := parseHardware(key); ok {
		return func(r *config.Reservation) bool { return bytes.Equal(r.Hardware, hw) }, nil
	}
	return nil, errField("key", "%q is no address (10.67.0.100), hardware address (02:67:00:00:00:01) or "+
		"client ID (id:01026700000001)", key)
}
