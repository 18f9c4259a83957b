package server

import (
	"context"
	"net/netip"
	"time"

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

// Bulk4 is one bulk leasequery being answered over a connection (RFC 6926). Next makes what is to be sent
// when it can be sent, so that a requester who reads slowly costs nothing but its connection, and no lock is
// held while anything is sent. It belongs to one goroutine.
type Bulk4 struct {
	s     *Server
	bulk  *leasequery.Bulk
	began time.Time
	done  bool
}

// OpenBulk4 begins with one message of a connection from requester to this node's address local. The error
// means that the octets are no message, and that the connection should be closed.
func (s *Server) OpenBulk4(requester, local netip.Addr, message []byte) (*Bulk4, error) {
	began := s.clock.Now()
	query, err := wire4.Parse(message)
	if err != nil {
		s.observer.Ended(dhcp4.BulkLeaseQuery, Malformed, s.clock.Now().Sub(began))
		return nil, err
	}
	return &Bulk4{s: s, bulk: leasequery.NewBulk(&query, requester, local), began: began}, nil
}

// Next appends the next messages to buf as they go over the connection (RFC 6926 §6.1), and says whether
// there are more to come.
func (b *Bulk4) Next(buf []byte) (frames []byte, more bool) {
	var messages []dhcp4.Message
	var why leasequery.Why
	at := b.s.moment()
	b.s.reader.Read(func(v storage.View) { messages, more, why = b.bulk.Next(v, at) })
	for _, m := range messages {
		payload, dropped := wire4.Encode(m, nil)
		if len(dropped) > 0 {
			b.s.observer.Omitted(len(dropped))
		}
		buf = wire4.AppendFrame(buf, payload)
	}
	if !more {
		b.end(outcomeOfLeaseQuery(why))
	}
	return buf, more
}

// Abort makes Next say that this node cannot go on.
func (b *Bulk4) Abort() { b.bulk.Abort() }

// Close ends a query whose messages cannot be sent any more. It is harmless after the last Next.
func (b *Bulk4) Close() { b.end(LeaseQueryAborted) }

func (b *Bulk4) end(o Outcome) {
	if !b.done {
		b.done = true
		b.s.observer.Ended(dhcp4.BulkLeaseQuery, o, b.s.clock.Now().Sub(b.began))
	}
}
