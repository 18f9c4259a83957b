package server

import (
	"context"
	"net/netip"

	"port67/server/dhcp4"
	"port67/server/leasequery"
	"port67/server/wire4"
	"port67/storage"
)

// leaseQuery4 answers a DHCPLEASEQUERY from this node's copy of the state (RFC 4388). The log is not asked,
// the neighbours are not told: whoever asks several nodes hears all of them.
func (s *Server) leaseQuery4(ctx context.Context, query *dhcp4.Query, in Datagram) (Outcome, error) {
	if s.tooOld(in) {
		return TooOld, nil
	}
	var m dhcp4.Message
	var to dhcp4.Dest
	var why leasequery.Why
	at := s.moment()
	s.reader.Read(func(v storage.View) { m, to, why = leasequery.Answer(v, query, &in.Ingress, at) })
	if why != leasequery.Answered {
		return outcomeOfLeaseQuery(why), nil
	}
	payload, dropped := wire4.Encode(m, nil)
	if len(dropped) > 0 {
		s.observer.Omitted(len(dropped))
	}
	if err := s.sender.Send4(ctx, payload, to); err != nil {
		return SendFailed, err
	}
	return LeaseQueryAnswered, nil
}

// moment returns the present, as far as this node knows it.
func (s *Server) moment() leasequery.Moment {
	upper, anchored := s.time.Upper()
	return leasequery.Moment{
		Cluster: upper, Fresh: anchored && s.time.InTouch(), Unix: s.clock.Now().Unix(),
	}
}

// outcomeOfLeaseQuery returns the outcome of a leasequery.
func outcomeOfLeaseQuery(w leasequery.Why) Outcome {
	switch w {
	case leasequery.NotRelayed:
		return LeaseQueryNotRelayed
	case leasequery.Stranger:
		return LeaseQueryNotAllowed
	case leasequery.Unclear:
		return LeaseQueryUnclear
	case leasequery.OutOfTouch:
		return OutOfTouch
	case leasequery.NotIndexed:
		return LeaseQueryNotReady
	case leasequery.NoIdentifier:
		return NoIdentifier
	}
	return LeaseQueryAnswered
}

// AnswersLeaseQueries says whether the configuration allows anybody to ask.
func (s *Server) AnswersLeaseQueries() (yes bool) {
	s.reader.Read(func(v storage.View) { yes = v.Config() != nil && v.Config().AnswersLeaseQueries() })
	return yes
}

// MayQueryLeases says whether the configuration allows the requester at a to ask.
func (s *Server) MayQueryLeases(a netip.Addr) (yes bool) {
	s.reader.Read(func(v storage.View) { yes = v.Config() != nil && v.Config().MayQueryLeases(a) })
	return yes
}
