package wire4

import (
	"encoding/binary"
	"errors"
)

const (
	// frameLen is the length in octets of what stands before each message on a connection: its own length
	// (RFC 6926 §6.1).
	frameLen = 2
	// FrameMax is the longest message that is taken from a connection: as long as the longest datagram that is
	// read.
	FrameMax = 4096
)

// ErrFrame means that a message on a connection is shorter than a header or longer than FrameMax. Where the
// next one begins cannot be known, so the connection is of no more use.
var ErrFrame = errors.New("length of a message on a connection: not between 236 and 4096 octets")

// AppendFrame appends message to buf as it goes over a connection. It has at most 65 535 octets.
func AppendFrame(buf, message []byte) []byte {
	return append(binary.BigEndian.AppendUint16(buf, uint16(len(message))), message...)
}

// CutFrame returns the first message in b, what came over a connection so far, and what follows it. message
// is nil as long as it is not whole. Both are parts of b. Its error is ErrFrame.
func CutFrame(b []byte) (message, rest []byte, err error) {
	if len(b) < frameLen {
		return nil, b, nil
	}
	n := int(binary.BigEndian.Uint16(b))
	switch {
	case n < headerLen || n > FrameMax:
		return nil, b, ErrFrame
	case len(b) < frameLen+n:
		return nil, b, nil
	}
	return b[frameLen : frameLen+n], b[frameLen+n:], nil
}
