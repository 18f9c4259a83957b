package server

import (
	"context"
	"errors"
	"time"

	"port67/server/dhcp4"
	"port67/server/wire4"
	"port67/storage"
	"port67/storage/config"
)

const (
	// ageMax is the age beyond which a packet is neither proposed nor answered (safety.md P11).
	ageMax = 10 * time.Second
	// budget is how long a node keeps trying: below the client's first retransmission (RFC 2131 §4.1).
	budget = 2500 * time.Millisecond
	// offerTries is how often an address is looked for when others snatch it meanwhile.
	offerTries = 3
)

// Serve4 carries one DHCPv4 or BOOTP datagram from the wire to its reply, and says how that ended. The
// observer and the debug log are told as well.
//
// It runs in the caller's goroutine and starts none, holds no lock while it waits, and asks no clock but the
// server's: the listener calls it for a packet from a socket, the simulator for a packet from a seed. It
// keeps no reference to in.Payload.
func (s *Server) Serve4(ctx context.Context, in Datagram) Outcome {
	began := s.clock.Now()
	query, err := wire4.Parse(in.Payload)
	if err != nil {
		return s.ended(&query, in, began, Malformed, err)
	}
	if query.Broken > 0 {
		s.observer.Ignored(query.Broken)
	}
	o, err := s.exchange4(ctx, &query, in)
	return s.ended(&query, in, began, o, err)
}

// exchange4 is the straight line from a parsed message to its reply. The error is for people.
func (s *Server) exchange4(ctx context.Context, query *dhcp4.Query, in Datagram) (Outcome, error) {
	if query.Type == dhcp4.LeaseQuery {
		return s.leaseQuery4(ctx, query, in)
	}
	key, _ := query.ClientKey()
	x := exchangeOf(s.cluster, query, key)
	if o := s.inflight.enter(x); o != 0 {
		return o, nil
	}
	defer s.inflight.leave(x)
	ctx, cancel := s.clock.WithTimeout(ctx, budget)
	defer cancel()

	if s.tooOld(in) {
		return TooOld, nil
	}
	decision := s.decide4(query, &in.Ingress, false)
	s.watch(&decision, query, &in)
	if decision.Irregular != 0 {
		s.observer.Irregular(decision.Irregular)
	}
	if decision.Why != dhcp4.Answer {
		if decision.Why == dhcp4.OtherServer {
			s.overhearNamed(query, &in.Ingress)
		}
		return outcomeOf(decision.Why), nil
	}
	s.neighbours.note(x, in.Heard, decision.Path, decision.Ahead)
	if len(decision.Ahead) > 0 {
		if s.awaitAhead(ctx, x, in.Heard, decision.Ahead) {
			return HandledElsewhere, nil
		}
		if decision = s.decide4(query, &in.Ingress, true); decision.Why != dhcp4.Answer {
			return outcomeOf(decision.Why), nil
		}
		if s.tooOld(in) {
			return TooOld, nil
		}
	}
	if decision.Stranger && !s.admitStranger(query, &in) {
		if !decision.Rapid {
			return RateLimited, nil
		}
		if decision.Slowly(); decision.Command != nil { // Not even the OFFER is free.
			return RateLimited, nil
		}
	}
	if decision.Probe.Addr.IsValid() {
		var o Outcome
		if decision, o = s.probe4(ctx, query, &in.Ingress, decision); o != 0 {
			return o, nil
		}
	}
	result, o, err := s.commit4(ctx, &decision)
	if err != nil {
		return o, err
	}
	if s.tooOld(in) {
		return TooOld, nil
	}
	return s.reply4(ctx, x, &decision, result, query, in, o)
}

// decide4 decides under the state's read lock, and holds what is to be offered. waited says that the nodes
// ahead have had their time.
func (s *Server) decide4(query *dhcp4.Query, in *dhcp4.Ingress, waited bool) dhcp4.Decision {
	self := dhcp4.Self{
		Node: s.self, InTouch: s.time.InTouch(), Waited: waited, Ears: s.neighbours, Trace: s.trace,
	}
	self.Upper, self.Anchored = s.time.Upper()
	if s.probes.port != nil {
		self.Probes = s.probes
	}
	var d dhcp4.Decision
	for range offerTries {
		now := s.clock.Now()
		self.Offers = s.offers.at(now)
		d = s.look4(query, in, &self)
		client := offerClient{d.Holder, d.Path.Link}
		switch {
		case d.Why == dhcp4.OtherServer && d.Drop:
			s.offers.drop(client)
		case d.Why == dhcp4.Answer && d.Hold:
			held := dhcp4.Held{Addr: d.Local.Lease.Addr, Config: d.Config, Classes: d.Classes}
			if !s.offers.hold(client, held, d.Firm, now) {
				d = dhcp4.Decision{Why: dhcp4.Exhausted}
				continue // Another exchange of this node was faster: look for another address.
			}
		}
		break
	}
	return d
}

// look4 decides on the state as it is now. The expressions of a configuration that is new to this node are
// compiled first.
func (s *Server) look4(query *dhcp4.Query, in *dhcp4.Ingress, self *dhcp4.Self) dhcp4.Decision {
	var seen struct {
		decision dhcp4.Decision
		missing  *config.Compiled
	}
	look := func(v storage.View) {
		seen.missing = nil
		classes, ok := s.classes.of(v.Config())
		if !ok {
			seen.missing = v.Config()
			return
		}
		s.rates.follow(v.Config())
		self.Classes = classes
		seen.decision = dhcp4.Decide(v, query, in, self)
	}
	for s.reader.Read(look); seen.missing != nil; s.reader.Read(look) {
		s.classes.compile(seen.missing)
	}
	if errs := seen.decision.ClassErrors; len(errs) > 0 {
		s.observer.ClassErrors(len(errs))
		s.log.Debug("class tests failed", "client", seen.decision.Key.String(), "errors", errors.Join(errs...))
	}
	return seen.decision
}

// commit4 asks the cluster where the decision wants it. It returns the outcome that a reply from the result
// will have, or that of an exchange that ends here with an error.
func (s *Server) commit4(ctx context.Context, d *dhcp4.Decision) (storage.Result, Outcome, error) {
	if d.Command == nil {
		if d.Later != nil {
			s.proposer.Extend(*d.Later)
		}
		return d.Local, Renewed, nil
	}
	result, err := s.propose(ctx, d.Command)
	switch {
	case err == nil:
		if d.Drop && result.Refusal == storage.Granted {
			s.offers.drop(offerClient{d.Holder, d.Path.Link})
		}
		return result, Acknowledged, nil
	case d.Fallback:
		return d.Local, RenewedWithoutQuorum, nil
	}
	return storage.Result{}, outcomeOfError(err), err // No commit, no answer. The client retransmits.
}

// propose brings c before the cluster; others have their turn meanwhile.
func (s *Server) propose(ctx context.Context, c storage.Command) (storage.Result, error) {
	s.turns.Rest()
	defer s.turns.Resume(true)
	return s.proposer.Propose(ctx, c)
}

// awaitAhead gives the nodes ahead their time, and others their turn.
func (s *Server) awaitAhead(ctx context.Context, x Exchange, heard time.Time, ahead []storage.NodeID) bool {
	s.turns.Rest()
	defer s.turns.Resume(false)
	return s.neighbours.await(ctx, x, heard, ahead)
}

// reply4 builds the reply and sends it, then tells the neighbours. o is what the exchange ends in if it ends
// in an ACK.
func (s *Server) reply4(ctx context.Context, x Exchange, d *dhcp4.Decision, result storage.Result,
	query *dhcp4.Query, in Datagram, o Outcome,
) (Outcome, error) {
	m, why := dhcp4.Reply(d, result)
	if why != dhcp4.Answer {
		s.answered(x, d)
		return outcomeOf(why), nil
	}
	switch {
	case query.Type == dhcp4.Release && result.Refusal == storage.Granted:
		s.answered(x, d)
		return Released, nil
	case query.Type == dhcp4.Decline && result.Refusal == storage.Granted:
		s.answered(x, d)
		return Declined, nil
	case query.Type == 0:
		o = AnsweredByBOOTP
	case d.Reply == 0:
		s.answered(x, d)
		return refused(result.Refusal), nil
	case m.Type == dhcp4.NAK:
		o = Denied
	case d.Instead == dhcp4.IPv6Only:
		o = AddressNotNeeded
	case d.Instead == dhcp4.AutoConfigure:
		o = ExhaustedTold
	case m.Type == dhcp4.OfferMsg:
		o = Offered
	case query.Type == dhcp4.Inform:
		o = Informed
	}
	payload, dropped := wire4.Encode(m, nil)
	if len(dropped) > 0 {
		s.observer.Omitted(len(dropped))
		s.log.Debug("reply too small for all options", "client", d.Key.String(), "dropped", dropped, "max",
			m.MaxSize)
	}
	if err := s.sender.Send4(ctx, payload, dhcp4.Destination(query, &m, &in.Ingress)); err != nil {
		return SendFailed, err
	}
	s.answered(x, d)
	return o, nil
}

// answered remembers that this node is done with x, and tells those who may have heard it too.
func (s *Server) answered(x Exchange, d *dhcp4.Decision) {
	s.neighbours.answered(x)
	if !d.Private {
		s.peers.Handled(x)
	}
}

// tooOld says whether a packet has lain too long, or comes from the future because the clock was set back.
func (s *Server) tooOld(in Datagram) bool {
	age := s.clock.Now().Sub(in.Heard)
	return age < 0 || age > ageMax
}

// refused returns the outcome of a RELEASE or DECLINE that the cluster refused.
func refused(r storage.Refusal) Outcome {
	switch r {
	case storage.NotHolder, storage.NoSuchLease:
		return NotHolder
	case storage.RateLimited:
		return TooManyDeclines // V4-175
	}
	return RefusedUnheard
}
