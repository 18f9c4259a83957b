package storage

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"port67/storage/lease"
)

// A snapshot is a header, then sections, then a last section with the digest that the restored state must
// have. A section is its name, its length, its octets and their CRC32C. "clock" comes first, the leases
// come in as many sections as they fill, and no other section comes twice.
const (
	snapshotHeader = "port67 state 1\n"
	clockSection   = "clock"
	leasesSection  = "leases"
	endSection     = "end"

	leasesPerSection = 4096
	sectionNameMax   = 32
)

// Frozen is a State as it was at one moment, to be written while the State goes on.
type Frozen struct {
	settled State // only what changes seldom
	clock   []byte
	leases  lease.Frozen
	digest  [32]byte
}

// Freeze returns s as it is now. It copies no leases; the caller has s alone, as for Apply.
func (s *State) Freeze() Frozen {
	return Frozen{
		settled: State{
			identity: s.identity, level: s.level, revision: s.revision, text: s.text,
			history: s.history, // never changed in place
			buckets: s.buckets, epoch: s.epoch, nodes: s.nodeList(), tokens: slices.Clone(s.tokens),
			formers: slices.Clone(s.formers),
		},
		clock:  s.appendMoving(binary.AppendUvarint(nil, s.index)),
		leases: s.leases.Freeze(),
		digest: s.Digest(),
	}
}

// WriteTo writes f in the form that Restore reads, and returns how many octets that took. The same state
// gives the same octets.
func (f Frozen) WriteTo(to io.Writer) (int64, error) {
	w := sectionWriter{to: to}
	w.write([]byte(snapshotHeader))
	w.section(clockSection, f.clock)
	for _, part := range settledSections() {
		w.section(part.name, part.write(&f.settled, nil))
	}
	var batch, one []byte
	n := 0
	for l := range f.leases.All() {
		one = l.Append(one[:0])
		batch = appendText(batch, one)
		if n++; n%leasesPerSection == 0 {
			w.section(leasesSection, batch)
			batch = batch[:0]
		}
		if w.err != nil {
			return w.n, w.err
		}
	}
	if len(batch) > 0 {
		w.section(leasesSection, batch)
	}
	w.section(endSection, f.digest[:])
	return w.n, w.err
}

// sectionWriter writes until the first error, which it keeps.
type sectionWriter struct {
	to  io.Writer
	n   int64
	err error
}

func (w *sectionWriter) write(b []byte) {
	if w.err != nil {
		return
	}
	n, err := w.to.Write(b)
	w.n += int64(n)
	w.err = err
}

func (w *sectionWriter) section(name string, payload []byte) {
	head := appendText(nil, name)
	head = binary.BigEndian.AppendUint64(head, uint64(len(payload)))
	w.write(head)
	w.write(payload)
	w.write(binary.BigEndian.AppendUint32(nil, checksum(head, payload)))
}

func checksum(head, payload []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum(head, table), table, payload)
}

// Restore returns the state that was written, with the same digest. An error says what is wrong with the
// octets: they are cut off, damaged, or of a release that writes what this one cannot read.
func Restore(from io.Reader) (*State, error) {
	header := make([]byte, len(snapshotHeader))
	if _, err := io.ReadFull(from, header); err != nil || string(header) != snapshotHeader {
		return nil, fmt.Errorf("snapshot begins with %q, not with %q: not written by this software, or by a "+
			"release that this one cannot read", header, snapshotHeader)
	}
	r := restorer{from: from, state: New()}
	for !r.ended {
		name, payload, err := r.next()
		if err == nil {
			err = r.take(name, payload)
		}
		if err != nil {
			return nil, fmt.Errorf("snapshot: section %d (%q): %w", r.sections+1, name, err)
		}
		r.sections++
	}
	s := r.state
	digest := s.Digest()
	if digest != r.digest {
		return nil, fmt.Errorf("snapshot: digest is %x, the state that was written had %x", digest, r.digest)
	}
	s.witness.note(s.index, digest)
	if s.config != nil {
		s.leases.RecountBy(counter(s.config))
		s.leases.IndexFacets(s.config.AnswersLeaseQueries())
		s.leases.Collect(s.leases.Len())
	}
	return s, nil
}

type restorer struct {
	from     io.Reader
	state    *State
	sections int
	settled  int // how many of settledSections have come
	ended    bool
	digest   [32]byte
}

// next reads one section and checks its sum.
func (r *restorer) next() (name string, payload []byte, err error) {
	var length [1]byte
	if _, err := io.ReadFull(r.from, length[:]); err != nil {
		return "", nil, errors.New("cut off: the last section is missing")
	}
	if length[0] > sectionNameMax {
		return "", nil, fmt.Errorf("name of %d octets: damaged", length[0])
	}
	head := make([]byte, 1+int(length[0])+8)
	head[0] = length[0]
	if _, err := io.ReadFull(r.from, head[1:]); err != nil {
		return "", nil, errCutOff
	}
	name = string(head[1 : 1+length[0]])
	size := binary.BigEndian.Uint64(head[1+length[0]:])
	var body bytes.Buffer // Grows as octets come, whatever size claims.
	if size > 1<<40 {
		return name, nil, fmt.Errorf("length %d: damaged", size)
	}
	n, err := io.CopyN(&body, r.from, int64(size)+4)
	if err != nil {
		return name, nil, fmt.Errorf("cut off: %d of %d octets: %w", n, size+4, err)
	}
	payload = body.Bytes()[:size]
	if sum := binary.BigEndian.Uint32(body.Bytes()[size:]); sum != checksum(head, payload) {
		return name, nil, errors.New("damaged: its checksum is wrong")
	}
	return name, payload, nil
}

// take puts one section into the state.
func (r *restorer) take(name string, payload []byte) error {
	p := parser{rest: payload}
	settled := settledSections()
	switch {
	case (name == clockSection) != (r.sections == 0):
		return errors.New("in the wrong place")
	case name == clockSection:
		r.state.index = p.uvarint()
		parseMoving(r.state, &p)
	case r.settled < len(settled) && name == settled[r.settled].name:
		settled[r.settled].parse(r.state, &p)
		r.settled++
	case name == leasesSection && r.settled == len(settled):
		r.takeLeases(&p)
	case name == endSection && r.settled == len(settled):
		copy(r.digest[:], p.take(sha256.Size))
		r.ended = true
	case name == leasesSection || name == endSection || known(name):
		return errors.New("in the wrong place")
	default:
		return errors.New("unknown: written by a later release")
	}
	if p.err == nil && len(p.rest) > 0 {
		p.err = fmt.Errorf("%d octets too many", len(p.rest))
	}
	return p.err
}

func known(name string) bool {
	return slices.ContainsFunc(settledSections(), func(s section) bool { return s.name == name })
}

func (r *restorer) takeLeases(p *parser) {
	for len(p.rest) > 0 && p.err == nil {
		l, err := lease.ParseLease(p.take(p.uvarint()))
		if err != nil {
			p.fail(err)
			return
		}
		r.state.leases.Put(l)
	}
}
