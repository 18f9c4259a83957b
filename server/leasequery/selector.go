package leasequery

import (
	"net/netip"

	"port67/server/dhcp4"
	"port67/storage"
	"port67/storage/lease"
)

// selector is which leases a question is about. Exactly one of its fields is set; none: all leases.
type selector struct {
	addr  netip.Addr  // ciaddr
	key   lease.Key   // client identifier
	facet lease.Facet // with value
	value string
}

// byClient returns the selectors for address, hardware address and client identifier that q names. A hardware
// address of zeros is none: some requesters fill in type and length whatever they ask for.
func byClient(q *dhcp4.Query) []selector {
	var found []selector
	if !q.CIAddr.IsUnspecified() {
		found = append(found, selector{addr: q.CIAddr})
	}
	hw := string(q.CHAddr[:min(int(q.HLen), len(q.CHAddr))])
	if hw != string(make([]byte, len(hw))) {
		value := string([]byte{q.HType}) + hw
		found = append(found, selector{facet: lease.ByHardware, value: value})
	}
	if id, _ := q.Options.Get(optClientID); len(id) > 0 {
		found = append(found, selector{key: lease.ClientIDKey(id)})
	}
	return found
}

// byRelay returns the selectors for remote-id and relay-id that q names.
func byRelay(q *dhcp4.Query) []selector {
	info, _ := q.Options.Get(optRelayInfo)
	asked := lease.Lease{RelayInfo: string(info)}
	var found []selector
	for _, f := range [...]lease.Facet{lease.ByRemoteID, lease.ByRelayID} {
		if value, ok := asked.Facet(f); ok {
			found = append(found, selector{facet: f, value: value})
		}
	}
	return found
}

// selectorOf returns what one datagram asks for. Option 82 is a key only where there is no other: a question
// that passes a relay agent may have got one on the way (RFC 6148 §4). Of its sub-options a datagram may ask
// by remote-id alone; by relay-id whole networks are asked for, which takes a connection (RFC 6926 §7.2).
func selectorOf(q *dhcp4.Query) (selector, bool) {
	found := byClient(q)
	if len(found) == 0 {
		for _, s := range byRelay(q) {
			if s.facet == lease.ByRemoteID {
				found = append(found, s)
			}
		}
	}
	if len(found) != 1 {
		return selector{}, false // LQ-007
	}
	return found[0], true
}

// leases returns the leases that s selects, living and past, from address from on by ascending address, at
// most limit of them. It is false if this node cannot find them yet.
func (s *selector) leases(view storage.View, from netip.Addr, limit int) ([]lease.Lease, bool) {
	var out []lease.Lease
	switch {
	case s.facet != 0:
		return view.LeasesHaving(s.facet, s.value, from, limit)
	case s.key != "":
		for _, l := range view.Held(s.key) {
			if len(out) < limit && l.Addr.Is4() && !l.Addr.Less(from) {
				out = append(out, l)
			}
		}
	case s.addr.IsValid():
		if l, ok := view.Lease(s.addr); ok {
			out = append(out, l)
		}
	default:
		for l := range view.Leases(from) {
			if len(out) == limit || !l.Addr.Is4() { // IPv6 addresses come last.
				break
			}
			out = append(out, l)
		}
	}
	return out, true
}
