package storage

import (
	"port67/storage/lease"
)

// clockMax is where the clock stops: far beyond every real moment, and far enough below Never for sums.
const clockMax lease.Instant = 1 << 60

// letGoMax is how many addresses one command lets go of at most: a jump of the clock must not stall the
// log.
const letGoMax = 4096

// collectMax is how many leases one entry indexes at most when leasequery has just been allowed: some 20 ms.
const collectMax = 4096

// Apply carries out one committed entry and says what came of each of its commands. It is the only way in
// which a State changes, and the only place where an address is given away.
//
// All nodes call Apply with the same entries in the same order and end in the same State: the outcome
// depends on s, index and e alone (see Digest). The clock follows e.At and never goes back.
//
// A command that cannot be carried out is not an error: it yields a Result with a Refusal and leaves
// everything as it was. An entry whose index is not above the last one is a replay: it changes nothing, and
// its commands are refused as Internal.
func (s *State) Apply(index uint64, e Entry) []Result {
	results := make([]Result, len(e.Commands))
	if index <= s.index {
		for i := range results {
			results[i] = Result{Refusal: Internal, Detail: "entry was applied before", Revision: s.revision}
		}
		return results
	}
	s.index = index
	s.clock = min(max(s.clock, e.At), clockMax)
	s.prune()
	s.leases.Advance(s.clock, letGoMax)
	s.leases.Collect(collectMax)
	for i, c := range e.Commands {
		if i > 0 {
			s.leases.Advance(s.clock, letGoMax) // As often as if each command were an entry by itself.
		}
		results[i] = s.apply(c)
		s.countMore(c)
	}
	s.witness.note(index, s.Digest())
	return results
}

// countMore goes on with counting the leases that were there before somebody counted.
func (s *State) countMore(c Command) {
	limit := countMax
	if _, ok := c.(Tick); ok {
		limit = countTickMax
	}
	s.leases.CountMore(limit)
}

// apply carries out one command.
func (s *State) apply(c Command) Result {
	r := s.dispatch(c)
	if r.Refusal == Internal {
		s.anomalies++
	}
	r.Revision = s.revision
	return r
}

func (s *State) dispatch(c Command) Result {
	if found, ok := c.(Found); ok {
		return s.found(found)
	}
	if !s.founded() {
		return refuse(Unfounded, "the first command of a log founds the cluster")
	}
	switch c := c.(type) {
	case Offer:
		return s.offer(c)
	case Bind:
		return s.bind(c)
	case Extend:
		return s.extend(c)
	case Release:
		return s.release(c)
	case Decline:
		return s.decline(c)
	case Conflict:
		return s.conflict(c)
	case Tick:
		return Result{}
	case SetConfig:
		return s.setConfig(c)
	case DeleteLease:
		return s.deleteLease(c)
	case ReleaseLease:
		return s.releaseLease(c)
	case TakeLease:
		return s.takeLease(c)
	case ClearDeclined:
		return s.clearDeclined(c)
	case AdvanceTime:
		return s.advanceTime(c)
	}
	return s.dispatchCluster(c)
}

func (s *State) dispatchCluster(c Command) Result {
	switch c := c.(type) {
	case SetBuckets:
		return s.setBuckets(c)
	case PutNode:
		return s.putNode(c.Node)
	case RemoveNode:
		return s.removeNode(c.ID)
	case ReplaceNode:
		return s.replaceNode(c)
	case DrainNode:
		return s.drainNode(c)
	case AddToken:
		return s.addToken(c)
	case UseToken:
		return s.useToken(c)
	case SetLevel:
		return s.setLevel(c.Level)
	case Checkpoint:
		s.witness.compare(c.Index, c.Digest)
		return Result{}
	}
	return refuse(Internal, "command of an unknown kind")
}

func refuse(r Refusal, detail string) Result { return Result{Refusal: r, Detail: detail} }

// declineWindow is for how long a DHCPDECLINE counts against its client and its pool.
const declineWindow lease.Seconds = 3600

// prune forgets what only the clock ends: spent time of declines, tokens that expired, identifiers of long
// ago.
func (s *State) prune() {
	n := 0
	for n < len(s.declines) && s.declines[n].at.Add(declineWindow) <= s.clock {
		n++
	}
	s.declines = s.declines[n:]
	s.pruneTokens()
	s.pruneFormers()
}

// advanceTime moves the clock forward for an operator who knows that all devices were off for so long.
func (s *State) advanceTime(c AdvanceTime) Result {
	if c.By == lease.Infinite {
		return refuse(Internal, "cluster time cannot advance without end")
	}
	s.clock = min(s.clock.Add(c.By), clockMax)
	s.prune()
	s.leases.Advance(s.clock, letGoMax)
	return Result{}
}
