package storage

import (
	"net/netip"

	"port67/storage/config"
	"port67/storage/lease"
)

// Entry is one entry of the log: commands that were proposed together and the leader's clock when it
// proposed them. A batch means the same as its commands one by one.
type Entry struct {
	At       lease.Instant
	Commands []Command
}

// Command is one thing that can change State. The list is closed: logcodec knows every kind, and a kind is
// written only when the feature level says that every member can read it.
type Command interface{ command() }

// NodeID is the UUID of a node, made when its data folder was made.
type NodeID string

// Client is what a command knows of the client it is for.
type Client struct {
	Key       lease.Key
	HType     uint8
	CHAddr    string // raw octets
	Hostname  string
	Classes   []string // the classes whose test it passed, in the order of the file
	RelayInfo string   // option 82 as received, raw octets; empty if not relayed
	Firmware  bool     // it says that it is firmware that boots over the network
}

// NoLink in a Bind is a link that the configuration does not know. No link can have that name.
const NoLink = "?"

// Mode is the state a client's REQUEST was sent in (RFC 2131 §4.3.2).
type Mode uint8

// The modes. The numbers stand in the log and are never reused.
const (
	Selecting  Mode = 1
	InitReboot Mode = 2
	Renewing   Mode = 3
	Rebinding  Mode = 4
	BOOTP      Mode = 5 // no REQUEST but a BOOTREQUEST (RFC 951); Addr is no more than a wish
	Rapid      Mode = 6 // no REQUEST but a DISCOVER (RFC 4039); Addr is no more than a wish
)

type (
	// Offer holds an address for a client for OfferHold, because the answering node had none of its own
	// left. If Wish is gone, Apply takes the next rung of RFC 2131 §4.3.1 by itself.
	Offer struct {
		Client Client
		Link   string     // config.Link.Name
		Wish   netip.Addr // what the answering node would take; zero: whatever Apply finds
		Asked  netip.Addr // option 50, zero if absent
	}

	// Bind books Addr for a client. A compare-and-set on the address: it succeeds if the address is free
	// for the client, or already the client's. Proposing it again is harmless.
	Bind struct {
		Client Client
		Link   string     // the client's, as the answering node sees it, or NoLink; empty: where Addr is
		Addr   netip.Addr // zero: the client names none and gets the one it has, or a free one (V4-124)
		Mode   Mode
		// AskedLease is option 51; 0 if absent.
		AskedLease lease.Seconds
	}

	// Extend raises the booking of a renewal that was already answered within it. Nobody waits for it.
	Extend struct {
		Addr       netip.Addr
		Key        lease.Key
		AskedLease lease.Seconds
		Classes    []string
		RelayInfo  string
		HType      uint8 // this and the next: as in Client
		CHAddr     string
	}

	// Release marks a lease as given back by its holder (RFC 2131 §4.3.4). It lowers no booking.
	Release struct {
		Addr   netip.Addr
		Key    lease.Key
		HType  uint8 // this and the next: as in Client
		CHAddr string
	}

	// Decline takes an address out of service because its holder found it in use (RFC 2131 §4.3.3).
	Decline struct {
		Addr netip.Addr
		Key  lease.Key
		// Held says that the answering node has Addr on offer to Key; otherwise Key must hold the lease.
		Held   bool
		HType  uint8 // this and the next: as in Client
		CHAddr string
	}

	// Conflict takes an address out of service that nobody holds and that is on offer to nobody through the
	// log, because a node that was about to offer it has heard somebody use it (RFC 2131 §2.2). It is what
	// Decline is, on the word of a probe.
	Conflict struct {
		Addr   netip.Addr
		CHAddr string // hardware address of who answered, raw octets; empty if not known
	}

	// Tick moves the clock and nothing else.
	Tick struct{}

	// SetConfig replaces the configuration if its revision is Expected. Source is the text as the
	// administrator wrote it; Wall is wall time for people, seconds since 1970.
	SetConfig struct {
		Expected uint64
		Config   *config.Config
		Source   string
		Author   string
		Comment  string
		Wall     int64
	}

	// DeleteLease forgets a lease on an operator's word: without Force only when its address is reusable
	// anyway; with Force at once ("the device is off"), the one way in which a booking is lowered.
	DeleteLease struct {
		Addr   netip.Addr
		Force  bool
		Author string
		// Client is whose lease the operator saw; empty: whoever has it. Another's is left alone.
		Client lease.Key
	}

	// ReleaseLease is Release on an operator's word.
	ReleaseLease struct {
		Addr   netip.Addr
		Author string
		// Client is as in DeleteLease.
		Client lease.Key
	}

	// TakeLease takes in a lease that another server granted, on an operator's word: Addr stays its holder's
	// for what Left says, and rests after that as long as any. Proposing it again is harmless.
	TakeLease struct {
		Client Client // the key may be empty for a declined address
		Addr   netip.Addr
		// Left is what is left of the lease, 0 of one that has ended and is only remembered. Told is the lease
		// time that its client was told, Age how long ago that was.
		Left, Told, Age lease.Seconds
		Declined        bool // found in use by somebody: out of service for Left
		Author          string
	}

	// ClearDeclined ends the quarantine of one address, or of all if Addr is zero. No booking is lowered.
	ClearDeclined struct {
		Addr   netip.Addr
		Author string
	}

	// AdvanceTime moves cluster time forward on an operator's word: all devices were off for so long.
	AdvanceTime struct {
		By     lease.Seconds
		Author string
	}

	// SetBuckets says which node owns which clients and free addresses, if Epoch is one above the present.
	SetBuckets struct {
		Epoch  uint64
		Owners [lease.Buckets]NodeID
	}

	// Found is the first command of a cluster: who it is, and the authority that vouches for its nodes.
	Found struct {
		ClusterID string
		CACert    []byte // DER
		CAKey     []byte // PKCS #8 DER; kept as secret as the data folder
		Node      Node
	}

	// PutNode adds a member or changes what is known of it.
	PutNode struct{ Node Node }

	// RemoveNode ends a membership. The ID never comes back.
	RemoveNode struct{ ID NodeID }

	// ReplaceNode ends the membership Old and begins another for the same host, whose record is Node: the host
	// has lost what made it Old. It is refused if that happened to the node's name less than ReplaceWait ago.
	ReplaceNode struct {
		Old  NodeID
		Node Node
	}

	// DrainNode says whether a node is to be left without clients.
	DrainNode struct {
		ID      NodeID
		Drained bool
	}

	// AddToken admits one new node that shows the secret whose SHA-256 is Hash, until Expires.
	AddToken struct {
		Hash    [32]byte
		Expires lease.Instant
	}

	// UseToken spends a token for a node. It is refused if the token is unknown, spent or too old.
	UseToken struct {
		Hash [32]byte
		Node Node
	}

	// SetLevel raises the feature level.
	SetLevel struct{ Level uint32 }

	// Checkpoint carries the leader's Digest after Index, for all to compare with their own.
	Checkpoint struct {
		Index  uint64
		Digest [32]byte
	}
)

func (Offer) command()         {}
func (Bind) command()          {}
func (Extend) command()        {}
func (Release) command()       {}
func (Decline) command()       {}
func (Conflict) command()      {}
func (Tick) command()          {}
func (SetConfig) command()     {}
func (DeleteLease) command()   {}
func (ReleaseLease) command()  {}
func (TakeLease) command()     {}
func (ClearDeclined) command() {}
func (AdvanceTime) command()   {}
func (SetBuckets) command()    {}
func (Found) command()         {}
func (PutNode) command()       {}
func (RemoveNode) command()    {}
func (ReplaceNode) command()   {}
func (DrainNode) command()     {}
func (AddToken) command()      {}
func (UseToken) command()      {}
func (SetLevel) command()      {}
func (Checkpoint) command()    {}

// Node is a member of the cluster as all members know it.
type Node struct {
	ID   NodeID
	Name string
	// PeerAddr is where its peer port is reached, AdminAddr its admin port; host:port. AdminAddr may be empty.
	PeerAddr  string
	AdminAddr string
	// Addresses are its own IPv4 addresses on served links: server identifiers that count as ours.
	Addresses []netip.Addr
	// Level is the highest feature level it can read.
	Level uint32
	// Version is the software it runs, for people.
	Version string
	Drained bool
	Removed bool // kept for ever, so that its certificate stays refused and its identifiers stay ours
	// Was is the membership that this one has replaced, and Replaced when; empty and 0 for all others. Only
	// ReplaceNode sets them.
	Was      NodeID
	Replaced lease.Instant
}
