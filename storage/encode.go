package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"port67/storage/lease"
)

// section is a part of what changes seldom, as it stands in snapshots and under the digest.
type section struct {
	name  string
	write func(*State, []byte) []byte
	parse func(*State, *parser)
}

func settledSections() []section {
	return []section{
		{"cluster", writeIdentity, parseIdentity},
		{"nodes", writeNodes, parseNodes},
		{"buckets", writeBuckets, parseBuckets},
		{"tokens", writeTokens, parseTokens},
		{"identifiers", writeFormers, parseFormers},
		{"config", writeConfig, parseConfig},
		{"history", writeHistory, parseHistory},
	}
}

func writeIdentity(s *State, b []byte) []byte {
	b = appendText(b, s.identity.clusterID)
	b = appendText(b, s.identity.caCert)
	b = appendText(b, s.identity.caKey)
	return binary.AppendUvarint(b, uint64(s.level))
}

func parseIdentity(s *State, p *parser) {
	s.identity = identity{p.text(), p.octets(), p.octets()}
	s.level = p.uint32()
}

func writeNodes(s *State, b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(s.nodes)))
	for i := range s.nodes {
		n := &s.nodes[i]
		b = appendText(b, n.ID)
		b = appendText(b, n.Name)
		b = appendText(b, n.PeerAddr)
		b = appendText(b, n.AdminAddr)
		b = binary.AppendUvarint(b, uint64(len(n.Addresses)))
		for _, a := range n.Addresses {
			b = appendText(b, a.AsSlice())
		}
		b = binary.AppendUvarint(b, uint64(n.Level))
		b = appendText(b, n.Version)
		b = appendBool(b, n.Drained)
		b = appendBool(b, n.Removed)
		b = appendText(b, n.Was)
		b = binary.AppendVarint(b, int64(n.Replaced))
	}
	return b
}

func parseNodes(s *State, p *parser) {
	for range p.count() {
		n := Node{ID: NodeID(p.text()), Name: p.text(), PeerAddr: p.text(), AdminAddr: p.text()}
		for range p.count() {
			n.Addresses = append(n.Addresses, p.addr())
		}
		n.Level, n.Version = p.uint32(), p.text()
		n.Drained, n.Removed = p.bool(), p.bool()
		n.Was, n.Replaced = NodeID(p.text()), lease.Instant(p.varint())
		s.nodes = append(s.nodes, n)
	}
	s.noteNodes()
}

func writeBuckets(s *State, b []byte) []byte {
	b = binary.AppendUvarint(b, s.epoch)
	for _, owner := range s.buckets {
		b = appendText(b, owner)
	}
	return b
}

func parseBuckets(s *State, p *parser) {
	s.epoch = p.uvarint()
	for i := range s.buckets {
		s.buckets[i] = NodeID(p.text())
	}
}

func writeTokens(s *State, b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(s.tokens)))
	for i := range s.tokens {
		t := &s.tokens[i]
		b = append(b, t.Hash[:]...)
		b = binary.AppendVarint(b, int64(t.Expires))
		b = appendText(b, t.UsedBy)
	}
	return b
}

func parseTokens(s *State, p *parser) {
	for range p.count() {
		var t Token
		copy(t.Hash[:], p.take(uint64(len(t.Hash))))
		t.Expires, t.UsedBy = lease.Instant(p.varint()), NodeID(p.text())
		s.tokens = append(s.tokens, t)
	}
}

func writeFormers(s *State, b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(s.formers)))
	for _, f := range s.formers {
		b = appendText(b, f.addr.AsSlice())
		b = binary.AppendVarint(b, int64(f.until))
	}
	return b
}

func parseFormers(s *State, p *parser) {
	for range p.count() {
		s.formers = append(s.formers, former{p.addr(), lease.Instant(p.varint())})
	}
}

func writeConfig(s *State, b []byte) []byte {
	b = binary.AppendUvarint(b, s.revision)
	return appendText(b, s.text)
}

func parseConfig(s *State, p *parser) {
	s.revision = p.uvarint()
	s.text = p.octets()
	if p.err != nil || s.revision == 0 {
		return
	}
	if s.config, p.err = compileText(s.text); p.err != nil {
		p.err = fmt.Errorf("configuration of revision %d: %w", s.revision, p.err)
	}
}

func writeHistory(s *State, b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(s.history)))
	for i := range s.history {
		r := &s.history[i]
		b = binary.AppendUvarint(b, r.Revision)
		b = appendText(b, r.Source)
		b = appendText(b, r.Author)
		b = appendText(b, r.Comment)
		b = binary.AppendVarint(b, r.Wall)
		b = binary.AppendVarint(b, int64(r.At))
	}
	return b
}

func parseHistory(s *State, p *parser) {
	for range p.count() {
		s.history = append(s.history, Revision{
			Revision: p.uvarint(), Source: p.text(), Author: p.text(), Comment: p.text(),
			Wall: p.varint(), At: lease.Instant(p.varint()),
		})
	}
}

func parseMoving(s *State, p *parser) {
	s.clock = lease.Instant(p.varint())
	s.anomalies = p.uvarint()
	at := lease.Instant(p.varint())
	s.leases.SetMoved(at, p.addr())
	counted := p.addr()
	s.leases.SetCounted(counted, p.bool())
	for range p.count() {
		s.declines = append(s.declines, declined{lease.Instant(p.varint()), p.addr(), lease.Key(p.text())})
	}
}

func appendText[T ~string | ~[]byte](b []byte, s T) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

var (
	errCutOff = errors.New("cut off")
	errNumber = errors.New("number out of its range")
)

// parser reads fields off the front of rest until the first error, which it keeps; from then on all fields
// are zero.
type parser struct {
	rest []byte
	err  error
}

func (p *parser) fail(err error) {
	if p.err == nil {
		p.err = err
	}
	p.rest = nil
}

// take returns the next n octets, which stay part of what is parsed.
func (p *parser) take(n uint64) []byte {
	if n > uint64(len(p.rest)) {
		p.fail(errCutOff)
		return nil
	}
	out := p.rest[:n]
	p.rest = p.rest[n:]
	return out
}

func (p *parser) uvarint() uint64 {
	v, n := binary.Uvarint(p.rest)
	if n <= 0 {
		p.fail(errCutOff)
		return 0
	}
	p.rest = p.rest[n:]
	return v
}

func (p *parser) varint() int64 {
	v, n := binary.Varint(p.rest)
	if n <= 0 {
		p.fail(errCutOff)
		return 0
	}
	p.rest = p.rest[n:]
	return v
}

func (p *parser) uint32() uint32 {
	v := p.uvarint()
	if v > 0xffffffff {
		p.fail(errNumber)
		return 0
	}
	return uint32(v)
}

// count returns how many items follow; each takes at least one octet, so that a forged count costs nothing.
func (p *parser) count() int {
	v := p.uvarint()
	if v > uint64(len(p.rest)) {
		p.fail(errCutOff)
		return 0
	}
	return int(v)
}

func (p *parser) text() string { return string(p.take(p.uvarint())) }

// octets returns a text as octets of its own, nil if it is empty.
func (p *parser) octets() []byte {
	b := p.take(p.uvarint())
	if len(b) == 0 {
		return nil
	}
	return append([]byte(nil), b...)
}

func (p *parser) bool() bool {
	b := p.take(1)
	if b == nil {
		return false
	}
	if b[0] > 1 {
		p.fail(errNumber)
	}
	return b[0] == 1
}

// addr returns an address, the zero one if it has no octets.
func (p *parser) addr() netip.Addr {
	b := p.take(p.uvarint())
	a, ok := netip.AddrFromSlice(b)
	if !ok && len(b) > 0 {
		p.fail(errNumber)
	}
	return a
}
