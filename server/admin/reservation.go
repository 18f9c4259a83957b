package admin

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
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
	only, err := parseScope("subnet", req.GetSubnet())
	if err != nil {
		return nil, err
	}
	now, err := s.revisionNow(ctx, req.GetStale())
	if err != nil {
		return nil, err
	}
	if now.config == nil {
		return &adminv1.ListReservationsResponse{}, nil
	}
	if only.prefix.IsValid() && !slices.ContainsFunc(now.config.Subnets, func(s config.Subnet) bool {
		return s.Prefix == only.prefix
	}) {
		return nil, errNotFound("subnet", req.GetSubnet(), "not configured")
	}
	search := strings.ToLower(req.GetSearch())
	var all []*adminv1.Reservation
	for _, l := range only.lists(now.config) {
		for _, r := range reservationsByAddress(*l.list) {
			out := reservationOf(now.config, l.scope, r)
			if search == "" || containsAny(search, wordsOf(out)...) {
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

// global is the word that stands for a subnet where reservations are in none.
const global = "global"

// scope is where reservations stand: in the subnet of a prefix, or in none. The zero scope is everywhere.
type scope struct {
	prefix netip.Prefix
	global bool
}

// String returns the scope as the API has it.
func (s scope) String() string {
	if s.global {
		return global
	}
	return s.prefix.String()
}

func parseScope(field, text string) (scope, error) {
	switch text {
	case "":
		return scope{}, nil
	case global:
		return scope{global: true}, nil
	}
	p, err := parsePrefix(field, text)
	return scope{prefix: p}, err
}

// list is the reservations of one scope, to be changed in place.
type list struct {
	scope scope
	list  *[]config.Reservation
}

// lists returns the lists of c that s means, by prefix, the global one last.
func (s scope) lists(c *config.Config) []list {
	var out []list
	for _, sub := range subnetsByPrefix(c) {
		if s == (scope{}) || s.prefix == sub.Prefix {
			out = append(out, list{scope{prefix: sub.Prefix}, &sub.Reservations})
		}
	}
	if s == (scope{}) || s.global {
		out = append(out, list{scope{global: true}, &c.Reservations})
	}
	return out
}

// reservationsByAddress returns reservations in the order of their addresses, those without one first.
func reservationsByAddress(all []config.Reservation) []*config.Reservation {
	rs := make([]*config.Reservation, len(all))
	for i := range all {
		rs[i] = &all[i]
	}
	slices.SortStableFunc(rs, func(a, b *config.Reservation) int { return a.Address.Compare(b.Address) })
	return rs
}

// wordsOf returns what a reservation can be found by.
func wordsOf(r *adminv1.Reservation) []string {
	return slices.Concat([]string{r.GetAddress(), r.GetHostname()}, r.GetHardware(), r.GetClientId(),
		r.GetCircuitId(), r.GetRemoteId(), r.GetRelayId(), r.GetClass())
}

// reservationKey names a reservation among all others.
func reservationKey(r *adminv1.Reservation) string {
	return strings.Join(slices.Concat([]string{r.GetSubnet(), r.GetAddress()}, r.GetHardware(), r.GetClientId(),
		r.GetCircuitId(), r.GetRemoteId(), r.GetRelayId(), r.GetClass()), " ")
}

// reservationOf translates a reservation for the API.
func reservationOf(c *config.Config, in scope, r *config.Reservation) *adminv1.Reservation {
	out := &adminv1.Reservation{
		Subnet: in.String(), Hostname: r.Hostname, Rarp: r.RARP, Options: optionsOf(c, r.Options),
		Hardware: each(r.Hardware, config.FormatHardware), ClientId: each(r.ClientID, hex.EncodeToString),
		CircuitId: each(r.CircuitID, hex.EncodeToString), RemoteId: each(r.RemoteID, hex.EncodeToString),
		RelayId: each(r.RelayID, hex.EncodeToString), Class: slices.Clone(r.Class), OneDevice: r.OneDevice,
	}
	if r.Address.IsValid() {
		out.Address = r.Address.String()
	}
	return out
}

func each(values [][]byte, format func([]byte) string) []string {
	var out []string
	for _, v := range values {
		out = append(out, format(v))
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
	for _, field := range changeable {
		if err := takeField(&made, want, field); err != nil {
			return nil, err
		}
	}
	if len(made.Names()) == 0 {
		return nil, errField("reservation", "no identifier: give hardware or client_id, or circuit_id, remote_id "+
			"and relay_id, or class")
	}
	resp := &adminv1.CreateReservationResponse{}
	revision, _, err := s.edit(ctx, req.ExpectedRevision, req.GetComment(), req.GetValidateOnly(),
		func(c *config.Config) error {
			in, err := listFor(c, want.GetSubnet(), made.Address)
			if err != nil {
				return err
			}
			*in.list = append(*in.list, made)
			resp.Reservation = reservationOf(c, in.scope, &made)
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
			in, i, err := findReservation(c, req.GetKey(), req.GetSubnet())
			if err != nil {
				return err
			}
			r := &(*in.list)[i]
			for _, field := range paths {
				if err := takeField(r, req.GetReservation(), field); err != nil {
					return err
				}
			}
			resp.Reservation = reservationOf(c, in.scope, r)
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
			in, i, err := findReservation(c, req.GetKey(), req.GetSubnet())
			if err != nil {
				return err
			}
			resp.Reservation = reservationOf(c, in.scope, &(*in.list)[i])
			*in.list = slices.Delete(*in.list, i, i+1)
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

// changeable are the fields of a reservation that can be changed here. It never changes.
var changeable = [...]string{
	"address", "hardware", "client_id", "circuit_id", "remote_id", "relay_id", "class", "hostname", "rarp",
	"one_device",
}

// takeField copies one field of the API's reservation, empty meaning unset.
func takeField(to *config.Reservation, from *adminv1.Reservation, field string) (err error) {
	switch field {
	case "address":
		to.Address = netip.Addr{}
		if from.GetAddress() != "" {
			to.Address, err = parseAddr("reservation.address", from.GetAddress())
		}
	case "hardware":
		to.Hardware, err = parseEach(field, from.GetHardware(), func(text string) ([]byte, error) {
			b, ok := parseHardware(text)
			if !ok {
				return nil, fmt.Errorf("%q is no hardware address, as in 02:67:00:00:00:01", text)
			}
			return b, nil
		})
	case "client_id":
		to.ClientID, err = parseEach(field, from.GetClientId(), configfile.ParseClientID)
	case "circuit_id":
		to.CircuitID, err = parseEach(field, from.GetCircuitId(), configfile.ParseRelayValue)
	case "remote_id":
		to.RemoteID, err = parseEach(field, from.GetRemoteId(), configfile.ParseRelayValue)
	case "relay_id":
		to.RelayID, err = parseEach(field, from.GetRelayId(), configfile.ParseRelayValue)
	case "class":
		to.Class = slices.Clone(from.GetClass())
	case "hostname":
		to.Hostname = from.GetHostname()
	case "rarp":
		to.RARP = from.GetRarp()
	case "one_device":
		to.OneDevice = from.GetOneDevice()
	default:
		return errField("update_mask", "%q cannot be changed here: one of %s", field,
			strings.Join(changeable[:], ", "))
	}
	return err
}

// parseEach reads the values of one kind of identifier.
func parseEach(field string, texts []string, parse func(string) ([]byte, error)) ([][]byte, error) {
	var out [][]byte
	for _, text := range texts {
		b, err := parse(text)
		if err != nil {
			return nil, errField("reservation."+field, "%v", err)
		}
		out = append(out, b)
	}
	return out, nil
}

// listFor finds where a new reservation belongs, by what it says or else by its address.
func listFor(c *config.Config, in string, a netip.Addr) (list, error) {
	if in == "" && !a.IsValid() {
		return list{}, errField("reservation.subnet", "missing: a reservation without an address must name its "+
			"subnet, or global")
	}
	want, err := parseScope("reservation.subnet", in)
	if err != nil {
		return list{}, err
	}
	if in == "" {
		i := slices.IndexFunc(c.Subnets, func(s config.Subnet) bool { return s.Prefix.Contains(a) })
		if i < 0 {
			return list{}, errField("reservation.address", "%s lies in no configured subnet", a)
		}
		want.prefix = c.Subnets[i].Prefix
	}
	found := want.lists(c)
	if len(found) == 0 {
		return list{}, errNotFound("subnet", in, "not configured: add it to the configuration first")
	}
	return found[0], nil
}

// findReservation finds the one reservation that key names, everywhere or in one scope.
func findReservation(c *config.Config, key, in string) (list, int, error) {
	match, err := matchReservation(key)
	if err != nil {
		return list{}, 0, err
	}
	only, err := parseScope("subnet", in)
	if err != nil {
		return list{}, 0, err
	}
	var found list
	index := 0
	for _, l := range only.lists(c) {
		for j := range *l.list {
			if !match(&(*l.list)[j]) {
				continue
			}
			if found.list == l.list {
				return list{}, 0, errField("key", "%s is in several reservations of %s: name one by its address", key,
					l.scope)
			}
			if found.list != nil {
				return list{}, 0, errField("subnet", "missing: %s is reserved in both %s and %s", key, found.scope,
					l.scope)
			}
			found, index = l, j
		}
	}
	if found.list == nil {
		return list{}, 0, errNotFound("reservation", key, "no such reservation")
	}
	return found, index, nil
}

// matchReservation says which reservations key means: an address, a hardware address, id: and a client
// identifier as the configuration file has it, or another kind of identifier, a colon and its value.
func matchReservation(key string) (func(*config.Reservation) bool, error) {
	if a, err := netip.ParseAddr(key); err == nil {
		return func(r *config.Reservation) bool { return r.Address == a }, nil
	}
	if hw, ok := parseHardware(key); ok {
		return func(r *config.Reservation) bool { return hasValue(r.Hardware, hw) }, nil
	}
	kind, text, _ := strings.Cut(key, ":")
	parse, of := configfile.ParseRelayValue, (func(*config.Reservation) [][]byte)(nil)
	switch kind {
	case "id", string(config.ByClientID):
		parse, of = configfile.ParseClientID, func(r *config.Reservation) [][]byte { return r.ClientID }
	case string(config.ByCircuitID):
		of = func(r *config.Reservation) [][]byte { return r.CircuitID }
	case string(config.ByRemoteID):
		of = func(r *config.Reservation) [][]byte { return r.RemoteID }
	case string(config.ByRelayID):
		of = func(r *config.Reservation) [][]byte { return r.RelayID }
	case string(config.ByClass):
		return func(r *config.Reservation) bool { return slices.Contains(r.Class, text) }, nil
	}
	if of != nil {
		if value, err := parse(text); err == nil {
			return func(r *config.Reservation) bool { return hasValue(of(r), value) }, nil
		}
	}
	return nil, errField("key", "%q is no address (10.67.0.100), hardware address (02:67:00:00:00:01), client "+
		"ID (id:01026700000001), circuit-id:, remote-id:, relay-id: or class: and a value", key)
}

func hasValue(list [][]byte, value []byte) bool {
	return slices.ContainsFunc(list, func(b []byte) bool { return bytes.Equal(b, value) })
}
