package storage

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"port67/storage/lease"
)

// Digest returns a digest of s: equal on all nodes that applied the same prefix of the log. It covers all
// that can have a say in what Apply does later; the index, which has none, is left out, so that commands in
// one entry and in several leave the same digest. It costs the same however many leases there are.
func (s *State) Digest() [32]byte {
	if !s.settled.valid {
		s.settled = cache{valid: true, digest: sha256.Sum256(s.appendSettled(nil))}
	}
	var scratch [512]byte
	b := append(scratch[:0], s.settled.digest[:]...)
	sum := s.leases.Sum()
	b = append(b, sum[:]...)
	return sha256.Sum256(s.appendMoving(b))
}

// digest is Digest for readers, who may not fill the cache.
func (s *State) digest() [32]byte {
	if d, ok := s.witness.at(s.index); ok {
		return d
	}
	reader := State{
		clock: s.clock, anomalies: s.anomalies, leases: s.leases, declines: s.declines,
		settled: cache{valid: true, digest: sha256.Sum256(s.appendSettled(nil))},
	}
	return reader.Digest()
}

// cache is the digest of what changes seldom.
type cache struct {
	valid  bool
	digest [32]byte
}

func (c *cache) changed() { c.valid = false }

// witnessed is for how many entries a node remembers its digests.
const witnessed = 8192

// witness is a node's memory of its own digests, and of where another's differed. It is an observation, no
// part of the state: neither in snapshots nor in the digest.
type witness struct {
	ring   []observation
	parted bool
	index  uint64
	theirs [32]byte
	ours   [32]byte
}

type observation struct {
	index  uint64
	digest [32]byte
}

// note remembers the digest after an entry.
func (w *witness) note(index uint64, digest [32]byte) {
	if w.ring == nil {
		w.ring = make([]observation, witnessed)
	}
	w.ring[index%witnessed] = observation{index, digest}
}

// at returns the digest after an entry, if it is remembered.
func (w *witness) at(index uint64) ([32]byte, bool) {
	if w.ring == nil {
		return [32]byte{}, false
	}
	o := w.ring[index%witnessed]
	return o.digest, o.index == index
}

// compare notes whether the leader's digest after an entry is ours. An entry that is not remembered says
// nothing.
func (w *witness) compare(index uint64, theirs [32]byte) {
	ours, ok := w.at(index)
	if ok && ours != theirs {
		w.parted, w.index, w.theirs, w.ours = true, index, theirs, ours
	}
}

// appendMoving appends what nearly every entry changes, but for the leases and the index.
func (s *State) appendMoving(b []byte) []byte {
	b = binary.AppendVarint(b, int64(s.clock))
	b = binary.AppendUvarint(b, s.anomalies)
	at, addr := s.leases.Moved()
	b = binary.AppendVarint(b, int64(at))
	b = appendText(b, addr.AsSlice())
	counted, whole := s.leases.Counted()
	b = appendBool(appendText(b, counted.AsSlice()), whole)
	b = binary.AppendUvarint(b, uint64(len(s.declines)))
	for i := range s.declines {
		b = s.declines[i].append(b)
	}
	return b
}

func (d *declined) append(b []byte) []byte {
	b = binary.AppendVarint(b, int64(d.at))
	b = appendText(b, d.addr.AsSlice())
	return appendText(b, d.key)
}

// appendSettled appends what changes seldom, in the form of snapshots.
func (s *State) appendSettled(b []byte) []byte {
	for _, section := range settledSections() {
		b = appendText(b, section.name)
		b = appendText(b, section.write(s, nil))
	}
	return b
}

// Check returns what must hold of every State and does not hold of s. It looks at every lease: it is for
// tests and the simulator.
func Check(s *State) []error {
	errs := s.leases.Check()
	report := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for l := range s.leases.All(lease.Lease{}.Addr) {
		switch {
		case l.Client == "":
			report("lease of %v: nobody's", l.Addr)
		case l.Status < lease.Offered || l.Status > lease.Declined || l.Status == lease.Expired:
			report("lease of %v: status %d cannot be stored", l.Addr, l.Status)
		case l.Booked > l.Reusable:
			report("lease of %v: booked until %d, reusable from %d", l.Addr, l.Booked, l.Reusable)
		case l.Status == lease.Bound && l.Booked == 0:
			report("lease of %v: bound without a booking", l.Addr)
		case l.Start > s.clock || l.Last > s.clock:
			report("lease of %v: from the future", l.Addr)
		}
	}
	for i := 1; i < len(s.nodes); i++ {
		if s.nodes[i-1].ID >= s.nodes[i].ID {
			report("nodes %q and %q: out of order", s.nodes[i-1].ID, s.nodes[i].ID)
		}
	}
	for i := range s.nodes {
		for _, a := range s.nodes[i].Addresses {
			if !s.nodes[i].Removed && !s.isOwn(a) {
				report("node %q: its address %v was not noted", s.nodes[i].ID, a)
			}
		}
	}
	for i := 1; i < len(s.declines); i++ {
		if s.declines[i-1].at > s.declines[i].at {
			report("decline %d: out of order", i)
		}
	}
	if (s.config == nil) != (s.revision == 0) {
		report("revision %d: a configuration is in force: %t", s.revision, s.config != nil)
	}
	if s.settled.valid {
		fresh := *s
		fresh.settled.changed()
		if fresh.Digest() != s.Digest() {
			report("digest: a change of nodes, configuration or buckets was not noted")
		}
	}
	return errs
}
