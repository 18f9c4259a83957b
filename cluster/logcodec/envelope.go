package logcodec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"port67/storage"
)

// The envelope of everything this package writes, most significant octet first:
//
//	octets  0– 2  "p67"
//	octet   3     what is inside
//	octet   4     version of the envelope
//	octet   5     flags, none defined
//	octets  6– 7  feature level that a reader needs
//	octets  8–11  length of the payload
//	octets 12–15  CRC-32C of octets 0–11 and the payload
//	octets 16–    payload, protobuf
const (
	headerLen = 16
	version   = 1
)

// ErrCorrupt means that octets are not what was once written: cut off, changed, or something else altogether.
// Whoever reads a log stops there; a peer's message is dropped.
var ErrCorrupt = errors.New("log entry is corrupt")

// UnknownKindError means that the octets are whole, but were written by a newer release, in words that this
// one does not know. A node that meets it in the log stops: it could not do what the others do.
type UnknownKindError struct {
	What  string // what is not known, as a noun phrase
	Level uint32 // the feature level that a reader needs; 0 if the writer did not say
}

// Error names the remedy: the release to install.
func (e *UnknownKindError) Error() string {
	need := "a newer release"
	if e.Level > storage.Level {
		need = fmt.Sprintf("a release of feature level %d or higher", e.Level)
	}
	return fmt.Sprintf("%s: needs %s, this one reads up to level %d; install the release of the other nodes",
		e.What, need, storage.Level)
}

// content says what is in an envelope.
type content byte

const (
	entryContent   content = 'e'
	commandContent content = 'c'
	resultContent  content = 'r'
)

func magic() []byte { return []byte("p67") }

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// seal fills in the header of b, whose first headerLen octets were left free for it.
func seal(b []byte, c content, level uint32) {
	copy(b, magic())
	b[3] = byte(c)
	b[4] = version
	b[5] = 0
	binary.BigEndian.PutUint16(b[6:], uint16(level))
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-headerLen))
	binary.BigEndian.PutUint32(b[12:], sum(b))
}

func sum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:12], castagnoli()), castagnoli(), b[headerLen:])
}

// open checks the envelope and returns the payload, a part of b, and the level that its writer asked for.
//
// Damage is told from novelty by the checksum, whose place is the same in every version: what is whole but
// not understood is an *UnknownKindError.
func open(b []byte, c content) (payload []byte, level uint32, err error) {
	switch {
	case len(b) < headerLen:
		return nil, 0, fmt.Errorf("%w: %d octets, the header alone has %d", ErrCorrupt, len(b), headerLen)
	case !bytes.Equal(b[:3], magic()):
		return nil, 0, fmt.Errorf("%w: begins with %x, not %x", ErrCorrupt, b[:3], magic())
	case uint64(binary.BigEndian.Uint32(b[8:])) != uint64(len(b)-headerLen):
		return nil, 0, fmt.Errorf("%w: payload of %d octets, the header says %d",
			ErrCorrupt, len(b)-headerLen, binary.BigEndian.Uint32(b[8:]))
	case sum(b) != binary.BigEndian.Uint32(b[12:]):
		return nil, 0, fmt.Errorf("%w: checksum %08x, the header says %08x",
			ErrCorrupt, sum(b), binary.BigEndian.Uint32(b[12:]))
	}
	level = uint32(binary.BigEndian.Uint16(b[6:]))
	switch {
	case b[4] != version:
		return nil, level, &UnknownKindError{fmt.Sprintf("envelope of version %d", b[4]), level}
	case b[5] != 0:
		return nil, level, &UnknownKindError{fmt.Sprintf("envelope with flags %#02x", b[5]), level}
	case level > storage.Level:
		return nil, level, &UnknownKindError{fmt.Sprintf("entry of feature level %d", level), level}
	case content(b[3]) != c:
		return nil, level, fmt.Errorf("%w: holds %q where %q is wanted", ErrCorrupt, b[3], byte(c))
	}
	return b[headerLen:], level, nil
}
