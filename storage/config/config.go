// Package config is what the administrator wants: lifetimes, options, links, pools, reservations, classes. A
// Config is a value: it is validated whole, replicated whole and never changed in place. Compile turns it
// into the form that packets are answered from.
//
// Read config.go, compiled.go and inherit.go in this order; validate.go says what is refused. Marshal uses
// encoding/json, the one exception to the list of imports of a pure package: it depends on its input alone.
//
// This package is pure.
package config

import (
	"net/netip"

	"port67/storage/lease"
)

// Config is the replicated configuration as the administrator wrote it, parsed but with nothing inherited.
// It goes into log and snapshots as JSON (Marshal, Unmarshal); field names there are never reused.
type Config struct {
	Settings
	Booking  Booking     `json:"booking,omitzero"`
	Renewals RenewalMode `json:"renewals,omitempty"`
	// NAKUnknownLinks denies what clients of links without a subnet say they had (V4-144).
	NAKUnknownLinks bool    `json:"nak_unknown_links,omitempty"`
	Decline         Decline `json:"decline,omitzero"`
	// KnownServers are DHCP servers of others that are meant to be there: no alarm is made of them.
	KnownServers      []netip.Addr       `json:"known_servers,omitempty"`
	LeaseQuery        LeaseQuery         `json:"leasequery,omitzero"`
	Limits            Limits             `json:"limits,omitzero"`
	RelayTrust        RelayTrust         `json:"relay_trust,omitzero"`
	Relays            []Relay            `json:"relays,omitempty"`
	OptionDefinitions []OptionDefinition `json:"option_definitions,omitempty"`
	OptionSpaces      []OptionSpace      `json:"option_spaces,omitempty"`
	Classes           []Class            `json:"classes,omitempty"`
	// Deny are classes whose clients are not answered, as if each were set to be ignored (V4-088).
	Deny []string `json:"deny,omitempty"`
	// NakDenied has clients that are not answered told so when they reboot or rebind.
	NakDenied      bool            `json:"nak_denied,omitempty"`
	SharedNetworks []SharedNetwork `json:"shared_networks,omitempty"`
	Subnets        []Subnet        `json:"subnets,omitempty"`
	// Reservations are for clients on any link; their addresses are in any of Subnets.
	Reservations []Reservation `json:"reservations,omitempty"`
	// ReservationIdentifiers is what clients are known by, the foremost first (V4-087); none is Identifiers.
	ReservationIdentifiers []Identifier `json:"reservation_identifiers,omitempty"`
	ReservationScope
}

// Settings are what can be said at every level: global, shared network, subnet, pool, class, reservation. A
// nil or zero field is unset and inherits from the level above.
type Settings struct {
	Lease LeaseTimes `json:"lease,omitzero"`
	T1    *Permille  `json:"t1,omitempty"`
	T2    *Permille  `json:"t2,omitempty"`
	// TimerSpread is by how much T1 and T2 are moved at most, each client's by its own share (V4-078).
	TimerSpread *Permille `json:"timer_spread,omitempty"`
	// KeepExpiry tells a client that asks for no lease time, and has a lease, what is left of that (V4-071).
	KeepExpiry    *bool      `json:"keep_expiry,omitempty"`
	Authoritative *bool      `json:"authoritative,omitempty"`
	EchoClientID  *bool      `json:"echo_client_id,omitempty"`
	NextServer    netip.Addr `json:"next_server,omitzero"`
	ServerName    string     `json:"server_name,omitempty"`
	BootFile      string     `json:"boot_file,omitempty"`
	Options       []Option   `json:"options,omitempty"`
	// Guarded are options for some classes only, by ascending code; of those that a client may have the first
	// counts, and before one of Options.
	Guarded    []GuardedOption `json:"guarded_options,omitempty"`
	AlwaysSend []uint8         `json:"always_send,omitempty"`
	NeverSend  []uint8         `json:"never_send,omitempty"`
	// BOOTP is about clients that speak no DHCP.
	BOOTP BOOTPSettings `json:"bootp,omitzero"`
	// AlwaysBroadcast sends OFFER and ACK by broadcast to clients that cannot hear a unicast (W-003).
	AlwaysBroadcast *bool `json:"always_broadcast,omitempty"`
	// AdoptUnknown lets the log bind the free address of a client that rebinds it unknown (V4-163).
	AdoptUnknown *bool `json:"adopt_unknown,omitempty"`
	// NAKOffLinkRenew sends the denial of a renewal from behind a router to the client's address (V4-151).
	NAKOffLinkRenew *bool `json:"nak_offlink_renew,omitempty"`
	// IPv6Only gives no address to clients that say they can do without one (RFC 8925 §3.3).
	IPv6Only *bool `json:"ipv6_only,omitempty"`
	// RapidCommit binds the address of a client that asks for it in its DISCOVER, without an OFFER (RFC 4039).
	RapidCommit *bool `json:"rapid_commit,omitempty"`
	// MinSecs is for how long a client must have been trying before its DISCOVER is answered (V4-115).
	MinSecs *lease.Seconds `json:"min_secs,omitempty"`
	Probe   Probe          `json:"probe,omitzero"`
	// Identity is who is one client. It is a matter of the link: no pool, class or reservation has a say, nor
	// has a subnet of a shared network.
	Identity Identity `json:"identity,omitzero"`
	Layout
}

// LeaseTimes bounds the lease time told to a client (RFC 2131 §4.3.1). A nil field inherits.
type LeaseTimes struct {
	Default *lease.Seconds `json:"default,omitempty"`
	Min     *lease.Seconds `json:"min,omitempty"`
	Max     *lease.Seconds `json:"max,omitempty"`
	// Pressure is what holds while few addresses of the client's pool are left.
	Pressure Pressure `json:"pressure,omitzero"`
}

// Pressure shortens the lease times of a pool that fills up: no more than Max is told, though not less than
// the least lease time, from that use of the pool on. A nil field inherits; without Max nothing is shortened.
type Pressure struct {
	Above *Permille      `json:"above,omitempty"`
	Max   *lease.Seconds `json:"max,omitempty"`
}

// Permille is a thousandth part: 875 is 87.5 %.
type Permille uint32

// Booking says how far beyond the lease time told to a client the log promises its address (k), and how long
// the address rests after that (grace). FactorPercent is 100 k. A zero field is unset: Compiled.Booking has
// the default in its place.
type Booking struct {
	FactorPercent uint32        `json:"factor_percent,omitempty"`
	Grace         lease.Seconds `json:"grace,omitempty"`
	GracePermille Permille      `json:"grace_permille,omitempty"` // of the span booked
	// Pause is the allowance for machines whose clocks stand still.
	Pause lease.Seconds `json:"pause,omitempty"`
}

// RenewalMode says whether a renewal inside its booking waits for the log.
type RenewalMode string

// The renewal modes. The zero RenewalMode is RenewalsLocal.
const (
	RenewalsLocal     RenewalMode = "local"
	RenewalsCommitted RenewalMode = "committed"
)

// Decline says for how long a declined address is out of service (RFC 2131 §4.3.3). Zero is unset.
type Decline struct {
	Quarantine lease.Seconds `json:"quarantine,omitempty"`
}

// Probe says whether an address that is new to its client is probed before it is offered (RFC 2131 §2.2). A
// nil field, or a zero timeout, inherits.
type Probe struct {
	ICMP          *bool  `json:"icmp,omitempty"`
	ARP           *bool  `json:"arp,omitempty"`
	TimeoutMillis uint32 `json:"timeout_millis,omitempty"`
}

// LeaseQuery says who may ask what is known of leases (RFC 4388, RFC 6926).
type LeaseQuery struct {
	// Requesters are the agents that are answered, by address; none means that nobody is.
	Requesters []netip.Prefix `json:"requesters,omitempty"`
	// TLS says what becomes of connections that ask for it.
	TLS LeaseQueryTLS `json:"tls,omitempty"`
}

// LeaseQueryTLS says whether connections of requesters may, or must, change to TLS (RFC 7724).
type LeaseQueryTLS string

// The modes. The zero LeaseQueryTLS is LeaseQueryTLSOff.
const (
	LeaseQueryTLSOff     LeaseQueryTLS = "off"
	LeaseQueryTLSAllow   LeaseQueryTLS = "allow"
	LeaseQueryTLSRequire LeaseQueryTLS = "require"
)

// Option is one DHCP option with its value as it stands on the wire.
type Option struct {
	Code uint8  `json:"code"`
	Data []byte `json:"data"`
	// Space says that Data is sub-options of this space, or by enterprise. They are inherited one by one;
	// Data without a Space is inherited as a whole (adr/0012).
	Space string `json:"space,omitempty"`
}

// GuardedOption is an option for clients of some classes; Classes are as in Pool.
type GuardedOption struct {
	Option
	Classes []string `json:"classes"`
}

// OptionDefinition names an option that the registry does not know, or a sub-option. Its value is of a Type
// in the words of the registry, or the sub-options of a Space.
type OptionDefinition struct {
	Name string   `json:"name"`
	Code uint8    `json:"code"`
	Type []string `json:"type,omitempty"`
	// Fields are the names of the fields of a record; none if the fields have no names.
	Fields []string `json:"fields,omitempty"`
	// Repeat says that the record as a whole repeats.
	Repeat bool   `json:"repeat,omitempty"`
	Space  string `json:"space,omitempty"`
}

// OptionSpace is sub-options that the registry does not know (RFC 2132 §8.4, RFC 3925 §4).
type OptionSpace struct {
	Name       string             `json:"name"`
	Enterprise uint32             `json:"enterprise,omitempty"` // of option 125; 0 if of none
	End        bool               `json:"end,omitempty"`        // an End sub-option closes option 43
	Options    []OptionDefinition `json:"options,omitempty"`
}

// SharedNetwork is several subnets on one link.
type SharedNetwork struct {
	Name string `json:"name"`
	// Classes are the classes whose clients may be given an address of the network, as in Pool.
	Classes []string `json:"classes,omitempty"`
	Period
	Settings
	ReservationScope
	Subnets []netip.Prefix `json:"subnets"`
}

// Subnet is a prefix on a link.
type Subnet struct {
	Prefix netip.Prefix `json:"prefix"`
	// Classes are the classes whose clients may be given an address of the subnet, a reserved one included, as
	// in Pool.
	Classes []string `json:"classes,omitempty"`
	Period
	Settings
	ReservationScope
	// Relays are the only relay agents (giaddr) whose packets are taken for this subnet; none means all.
	Relays         []netip.Addr  `json:"relays,omitempty"`
	ServiceAddress netip.Addr    `json:"service_address,omitzero"`
	Pools          []Pool        `json:"pools,omitempty"`
	Exclude        []AddrRange   `json:"exclude,omitempty"`
	Reservations   []Reservation `json:"reservations,omitempty"`
	EarlyReuse     bool          `json:"early_reuse,omitempty"`
	Allocation     Allocation    `json:"allocation,omitempty"`
}

// Allocation is the order in which free addresses are taken.
type Allocation string

// The orders. The zero Allocation is AllocationSpread.
const (
	AllocationSpread Allocation = "spread"
	AllocationLowest Allocation = "lowest"
)

// Pool is a range of addresses in a subnet that may be given.
type Pool struct {
	Range AddrRange `json:"range"`
	// Classes are the classes that may use the pool, any of them; "not-NAME" excludes NAME.
	Classes []string `json:"classes,omitempty"`
	Period
	Settings
}

// AddrRange is all addresses from First to Last, both included.
type AddrRange struct {
	First netip.Addr `json:"first"`
	Last  netip.Addr `json:"last"`
}
