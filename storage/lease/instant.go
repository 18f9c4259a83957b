package lease

import "math"

// Instant is a moment of cluster time in whole seconds. It has no zone and no fraction, so that all nodes
// compare it alike and a snapshot holds it exactly. It is not wall time: the log carries it, it never goes
// back, and it may run slow but never fast. The core never asks for the time; it is told.
//
// The zero Instant means "not set"; cluster time starts at Genesis.
type Instant int64

const (
	// Genesis is where the clock of a new cluster starts.
	Genesis Instant = 1_000_000
	// Never is the end of a lease without end.
	Never Instant = math.MaxInt64
)

// Seconds is a span of time as DHCP carries it: 32 bits, of which 0xffffffff means without end
// (RFC 2131 §3.3).
type Seconds uint32

// Infinite is the span without end (RFC 2131 §3.3).
const Infinite Seconds = math.MaxUint32

// Add returns the moment d after i. It saturates: anything plus Infinite, and Never plus anything, is Never.
func (i Instant) Add(d Seconds) Instant {
	if d == Infinite || i > Never-Instant(d) {
		return Never
	}
	return i + Instant(d)
}

// Until returns the span from i to end, 0 if end is not after i, Infinite only if end is Never. A finite
// span that DHCP cannot carry becomes the longest finite one.
func (i Instant) Until(end Instant) Seconds {
	switch {
	case end == Never:
		return Infinite
	case end <= i:
		return 0
	case end-i >= Instant(Infinite):
		return Infinite - 1
	}
	return Seconds(end - i)
}
