package lease

import "net/netip"

// Table is leases by address, by client and by expiry.
type Table struct{ byAddr map[netip.Addr]Lease }

// Get returns what is known of address a.
func (t *Table) Get(a netip.Addr) (Lease, bool) { l, ok := t.byAddr[a]; return l, ok }

// ByClient returns the leases of a client by ascending address.
func (t *Table) ByClient(k Key) []Lease { return nil }
