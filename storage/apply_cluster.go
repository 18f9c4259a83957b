package storage

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"port67/storage/lease"
)

// Level is the highest feature level that this software can read. An entry kind is written only when every
// member can read it (safety: a version fence).
const Level uint32 = 1

// MinLevel returns the feature level that a member needs to read c; the highest number for a kind unknown
// here.
func MinLevel(c Command) uint32 {
	switch c.(type) {
	case Offer, Bind, Extend, Release, Decline, Conflict, Tick, SetConfig, DeleteLease, ReleaseLease,
		TakeLease, ClearDeclined, AdvanceTime, SetBuckets, Found, PutNode, RemoveNode, ReplaceNode, DrainNode,
		AddToken, UseToken, SetLevel, Checkpoint:
		return 1
	}
	return ^uint32(0)
}

// tokensMax bounds how many tokens can be out at a time.
const tokensMax = 1024

// found makes the cluster what it is: its first command.
func (s *State) found(c Found) Result {
	switch {
	case s.founded():
		return refuse(AlreadyFounded, "the cluster is "+s.identity.clusterID)
	case c.ClusterID == "" || c.Node.ID == "" || c.Node.Removed:
		return refuse(Internal, "founding wants a cluster and a living first node")
	}
	s.identity = identity{c.ClusterID, bytes.Clone(c.CACert), bytes.Clone(c.CAKey)}
	s.level = c.Node.Level
	return s.putNode(c.Node)
}

// putNode adds a member or changes what is known of it. Whether it is drained only DrainNode changes, and
// whom it has replaced nothing.
func (s *State) putNode(n Node) Result {
	i, known := s.findNode(n.ID)
	switch {
	case n.ID == "" || n.Removed:
		return refuse(Internal, "a member has an ID, and is removed by RemoveNode")
	case known && s.nodes[i].Removed:
		return refuse(NoSuchNode, "the node was removed; it joins again under a new ID, with an empty data folder")
	case n.Level < s.level:
		return refuse(WrongLevel, fmt.Sprintf("the node reads feature level %d, the cluster is at %d",
			n.Level, s.level))
	}
	n.Addresses = slices.Clone(n.Addresses)
	n.Was, n.Replaced = "", 0
	if known {
		n.Drained, n.Was, n.Replaced = s.nodes[i].Drained, s.nodes[i].Was, s.nodes[i].Replaced
		s.retireNode(&s.nodes[i], &n)
		s.nodes[i] = n
	} else {
		s.nodes = slices.Insert(s.nodes, i, n)
	}
	s.noteNodes()
	return Result{}
}

// removeNode ends a membership. The record stays: its certificate is refused and its identifiers are ours
// for ever.
func (s *State) removeNode(id NodeID) Result {
	i, known := s.findNode(id)
	if !known {
		return refuse(NoSuchNode, "no member has the ID "+string(id))
	}
	living := 0
	for _, n := range s.nodes {
		if !n.Removed {
			living++
		}
	}
	if !s.nodes[i].Removed && living == 1 {
		return refuse(Internal, "the last member cannot be removed")
	}
	s.nodes[i].Removed, s.nodes[i].Drained = true, false
	s.noteNodes()
	return Result{}
}

// ReplaceWait is how long the node of a name is not replaced again: what makes it lose its state twice is not
// mended by a third.
const ReplaceWait lease.Seconds = 3600

// replaceNode ends a membership and begins another for the same host. To replace it twice by the same is to
// replace it once.
func (s *State) replaceNode(c ReplaceNode) Result {
	old, known := s.findNode(c.Old)
	if !known {
		return refuse(NoSuchNode, "no member has the ID "+string(c.Old))
	}
	if i, ok := s.findNode(c.Node.ID); ok {
		if s.nodes[i].Was == c.Old && !s.nodes[i].Removed {
			return Result{}
		}
		return refuse(Internal, "the ID of a new membership is that of an old one")
	}
	if s.nodes[old].Removed {
		return refuse(NoSuchNode, "the node was removed; it joins again with a token")
	}
	for _, n := range s.nodes {
		if n.Name == c.Node.Name && n.Was != "" && s.clock < n.Replaced.Add(ReplaceWait) {
			return refuse(TooSoon, fmt.Sprintf("node %s was replaced %d s ago, and is not replaced again within "+
				"%d s", n.Name, s.clock-n.Replaced, ReplaceWait))
		}
	}
	if r := s.putNode(c.Node); r.Refusal != Granted {
		return r
	}
	i, _ := s.findNode(c.Node.ID)
	s.nodes[i].Drained, s.nodes[i].Was, s.nodes[i].Replaced = false, c.Old, s.clock
	old, _ = s.findNode(c.Old)
	s.nodes[old].Removed, s.nodes[old].Drained = true, false
	s.noteNodes()
	return Result{}
}

func (s *State) drainNode(c DrainNode) Result {
	i, known := s.findNode(c.ID)
	if !known || s.nodes[i].Removed {
		return refuse(NoSuchNode, "no member has the ID "+string(c.ID))
	}
	s.nodes[i].Drained = c.Drained
	s.settled.changed()
	return Result{}
}

// setBuckets says which node owns which clients and free addresses.
func (s *State) setBuckets(c SetBuckets) Result {
	if c.Epoch != s.epoch+1 {
		return refuse(WrongEpoch, fmt.Sprintf("the table is at epoch %d", s.epoch))
	}
	for _, owner := range c.Owners {
		if owner == "" {
			continue
		}
		if i, known := s.findNode(owner); !known || s.nodes[i].Removed {
			return refuse(NoSuchNode, "no member has the ID "+string(owner))
		}
	}
	s.buckets, s.epoch = c.Owners, c.Epoch
	s.settled.changed()
	return Result{}
}

func (s *State) findToken(hash [32]byte) (int, bool) {
	return slices.BinarySearchFunc(s.tokens, hash, func(t Token, h [32]byte) int {
		return bytes.Compare(t.Hash[:], h[:])
	})
}

// addToken admits one new node for a while. To add it twice is to add it once.
func (s *State) addToken(c AddToken) Result {
	i, known := s.findToken(c.Hash)
	switch {
	case known && s.tokens[i].Expires == c.Expires && s.tokens[i].UsedBy == "":
		return Result{}
	case known:
		return refuse(BadToken, "the token is known already")
	case c.Expires <= s.clock || c.Expires == lease.Never:
		return refuse(BadToken, "the token has expired, or never would")
	case len(s.tokens) >= tokensMax:
		return refuse(BadToken, "too many tokens are out; wait until some expire")
	}
	s.tokens = slices.Insert(s.tokens, i, Token{Hash: c.Hash, Expires: c.Expires})
	s.settled.changed()
	return Result{}
}

// useToken spends a token for a node. The same node may spend it again: it did not hear the answer.
func (s *State) useToken(c UseToken) Result {
	i, known := s.findToken(c.Hash)
	switch {
	case !known:
		return refuse(BadToken, "the token is unknown, or has expired")
	case s.tokens[i].UsedBy != "" && s.tokens[i].UsedBy != c.Node.ID:
		return refuse(BadToken, "the token is spent")
	}
	if r := s.putNode(c.Node); r.Refusal != Granted {
		return r
	}
	s.tokens[i].UsedBy = c.Node.ID
	s.settled.changed()
	return Result{}
}

func (s *State) pruneTokens() {
	n := len(s.tokens)
	s.tokens = slices.DeleteFunc(s.tokens, func(t Token) bool { return t.Expires <= s.clock })
	if len(s.tokens) != n {
		s.settled.changed()
	}
}

// setLevel raises the feature level, no further than every member can read. It never goes down: what the
// lower level cannot read may stand in the log already. To set it twice is to set it once.
func (s *State) setLevel(level uint32) Result {
	switch {
	case level == 0:
		return refuse(WrongLevel, "feature levels begin with 1")
	case level < s.level:
		return refuse(WrongLevel, fmt.Sprintf("the cluster is at feature level %d, which is for good", s.level))
	}
	for _, n := range s.nodes {
		if !n.Removed && n.Level < level {
			return refuse(WrongLevel, fmt.Sprintf("node %s reads no more than feature level %d",
				cmp.Or(n.Name, string(n.ID)), n.Level))
		}
	}
	s.level = level
	s.settled.changed()
	return Result{}
}
