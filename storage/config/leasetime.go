package config

import "port67/storage/lease"

// LeaseTime returns the lease time for a client that asks for asked (option 51; 0 if it does not): what it
// asks for within LeaseMin and LeaseMax, else LeaseDefault. A lease without end is given only where LeaseMax
// has none; infinity is otherwise the longest wish there is (V4-070 … V4-074, RFC 2131 §4.3.1).
func (e *Effective) LeaseTime(asked lease.Seconds) lease.Seconds {
	if asked == 0 {
		return e.LeaseDefault
	}
	if e.LeaseMax != 0 && asked > e.LeaseMax {
		return e.LeaseMax
	}
	return max(asked, e.LeaseMin)
}
