package config

import (
	"net/netip"

	"port67/storage/lease"
)

// Compiled is a valid Config with everything inherited and indexed. It is immutable and shared by all
// readers. Compile makes it; its look-ups cost O(log n) or less.
type Compiled struct {
	Config *Config
	Links  []*Link // by name

	bySubnet      []*CompiledSubnet // by prefix; prefixes do not overlap
	byLink        map[string]*Link
	byServiceAddr map[netip.Addr]*CompiledSubnet
}

// Link is one broadcast domain: a shared network, or a subnet by itself. Its name is that of the shared
// network, or the prefix of the subnet.
type Link struct {
	Name    string
	Subnets []*CompiledSubnet
}

// CompiledSubnet is a subnet with its effective settings.
type CompiledSubnet struct {
	*Subnet
	Link      *Link
	Effective Effective
	Pools     []*CompiledPool // in the order of the file, exclusions and reserved addresses cut out
	byKey     map[lease.Key]*CompiledReservation
	byAddr    map[netip.Addr]*CompiledReservation
}

// CompiledPool is a pool with its effective settings.
type CompiledPool struct {
	*Pool
	Subnet    *CompiledSubnet
	Effective Effective
	// Ranges is the pool without exclusions and reserved addresses, ascending.
	Ranges []lease.Range
}

// CompiledReservation is a reservation with the Keys of its identifiers, hardware address first.
type CompiledReservation struct {
	*Reservation
	Subnet    *CompiledSubnet
	Keys      []lease.Key
	Effective Effective
}

// Effective is Settings with nothing unset: what holds at one level after inheritance.
type Effective struct {
	LeaseDefault, LeaseMin, LeaseMax lease.Seconds
	T1, T2                           Permille
	Authoritative                    bool
	EchoClientID                     bool
	AlwaysBroadcast                  bool
	NextServer                       netip.Addr
	ServerName                       string
	BootFile                         string
	// Options has every configured option once, by ascending code; the innermost level won.
	Options    []Option
	AlwaysSend [256]bool
	NeverSend  [256]bool
}
