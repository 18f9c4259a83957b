package trust

import (
	"net"
	"net/netip"
	"sync"
)

const (
	// handshakesMax bounds the connections that have not yet shown who they are. strangersMax is the part of
	// it that is open to sources where no member is, so that they cannot keep the members out.
	handshakesMax = 128
	strangersMax  = handshakesMax / 2
	// perSourceMax bounds those of one source; a member's may come from as many as it can have, because
	// it calls with all of its protocols at once when it is back.
	perSourceMax = 8
	perMemberMax = perPeerMax
	// metMax bounds how many sources are remembered because a member called from there.
	metMax = 256
)

// doorway counts the connections that have not yet shown who they are, by where they come from.
type doorway struct {
	mu       sync.Mutex
	inside   map[netip.Addr]int
	all      int
	strange  int // of all, those that came in as strangers
	expected map[netip.Addr]bool
	known    map[netip.Addr]bool // a member called from there
	guests   map[netip.Addr]int  // of inside, those that came in as strangers
}

func newDoorway() *doorway {
	return &doorway{
		inside: map[netip.Addr]int{}, guests: map[netip.Addr]int{},
		expected: map[netip.Addr]bool{}, known: map[netip.Addr]bool{},
	}
}

// sourceOf returns what connections of one origin have in common.
func sourceOf(c net.Conn) netip.Addr {
	a, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return source(a.Addr())
}

// source returns an IPv4 address as it is, and of an IPv6 address the first 64 bits: whoever has one address
// of such a network can have them all.
func source(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is4() || a.IsLinkLocalUnicast() {
		return a
	}
	p, err := a.Prefix(64)
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr()
}

// enter says whether one more connection may come in from there. If so, leave must be called when it has
// shown who it is, or has not.
func (d *doorway) enter(from netip.Addr) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	member := d.expected[from] || d.known[from]
	limit := perSourceMax
	if member {
		limit = perMemberMax
	}
	if d.inside[from] >= limit || d.all >= handshakesMax || (!member && d.strange >= strangersMax) {
		return false
	}
	d.inside[from]++
	d.all++
	if !member {
		d.guests[from]++
		d.strange++
	}
	return true
}

// leave takes back one enter. Of a source that has become a member's in between, strangers go first.
func (d *doorway) leave(from netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all--
	if d.inside[from]--; d.inside[from] == 0 {
		delete(d.inside, from)
	}
	if d.guests[from] > 0 {
		d.strange--
		if d.guests[from]--; d.guests[from] == 0 {
			delete(d.guests, from)
		}
	}
}

// expect says where the members are.
func (d *doorway) expect(sources []netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.expected)
	for _, s := range sources {
		d.expected[s] = true
	}
}

// met notes that a member called from there.
func (d *doorway) met(from netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.known) >= metMax && !d.known[from] {
		clear(d.known) // Members that move so often are known again as soon as they call.
	}
	d.known[from] = true
}
