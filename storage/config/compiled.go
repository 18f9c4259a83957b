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

// Link returns the link of that name.
func (c *Compiled) Link(name string) (*Link, bool) { l, ok := c.byLink[name]; return l, ok }

// SubnetOf returns the subnet in whose prefix a lies.
func (c *Compiled) SubnetOf(a netip.Addr) (*CompiledSubnet, bool) { return nil, false }

// ServiceAddress returns the subnet that has a as its service address.
func (c *Compiled) ServiceAddress(a netip.Addr) (*CompiledSubnet, bool) {
	s, ok := c.byServiceAddr[a]
	return s, ok
}

// ReservationFor returns the reservation of the client with Key k, or with hardware address hw, in s. A client
// with both a client identifier and a hardware address is looked up by both: the caller passes every Key it has.
func (s *CompiledSubnet) ReservationFor(keys ...lease.Key) (*CompiledReservation, bool) {
	for _, k := range keys {
		if r, ok := s.byKey[k]; ok {
			return r, true
		}
	}
	return nil, false
}

// ReservationAt returns the reservation of address a in s.
func (s *CompiledSubnet) ReservationAt(a netip.Addr) (*CompiledReservation, bool) {
	r, ok := s.byAddr[a]
	return r, ok
}

// PoolOf returns the pool of s in which a lies, exclusions and reserved addresses cut out.
func (s *CompiledSubnet) PoolOf(a netip.Addr) (*CompiledPool, bool) { return nil, false }

// Open says whether a client of these classes may use the pool.
func (p *CompiledPool) Open(classes []string) bool { return true }

// Problem is one thing that is wrong with a Config, with its path as in subnets[0].pools[1].range.
type Problem struct {
	Path string
	Text string // what was found, what is allowed; reads on after "PATH: "
}

// Validate returns everything that is wrong with c, in the order of the file, or nothing. It looks at c alone.
func (c *Config) Validate() []Problem { return nil }

// Compile returns c with everything inherited and indexed, or what is wrong with it.
func Compile(c *Config) (*Compiled, []Problem) { return &Compiled{Config: c}, nil }

// Marshal returns c as it stands in log and snapshots: JSON, the same octets for the same Config.
func (c *Config) Marshal() ([]byte, error) { return nil, nil }

// Unmarshal reads what Marshal wrote. It refuses fields that it does not know.
func Unmarshal(b []byte) (*Config, error) { return nil, nil }
