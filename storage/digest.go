package storage

import (
	"crypto/sha256"
	"encoding/binary"
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
