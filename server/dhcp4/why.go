package dhcp4

import "fmt"

// Why is why a message gets no answer. The zero Why is Answer: it gets one.
type Why uint8

// The reasons for silence. Package server has one Outcome for each.
const (
	Answer          Why = iota
	BOOTP               // a BOOTP client to which no address is promised
	NotForServers       // a message type that no client sends to a server
	NoIdentity          // neither client identifier nor hardware address
	TooManyHops         // more relays than any network has
	NoConfig            // no configuration in force
	UnknownLink         // no subnet for the link
	UnknownRelay        // giaddr is not among the subnet's relays
	UntrustedRelay      // the relay agent is not among those that are believed
	RelayInfoAlone      // relay agent information without a relay agent
	NoIdentifier        // this node has no address to name as server identifier
	OutOfTouch          // no word from the leader: no offers
	Exhausted           // nothing to offer
	OtherServer         // the client chose, or means, another server
	NothingAsked        // a REQUEST, DECLINE, RELEASE or INFORM that names no address
	NotHolder           // DECLINE or RELEASE from one who evidently does not hold the address
	WrongSource         // a RELEASE from an address that is not the one given back
	OffLink             // an INFORM whose ciaddr is not an address of the relay's link
	HolderWaits         // refused, and the client is the last holder before the address may be reused
	UnknownClient       // refused, and this link is not ours to deny on
	DeniedOffLink       // refused, but no denial of ours would reach the client
	Filtered            // the client is in a class that is not served
	RefusedUnheard      // refused for a reason that is no business of the client's
	ShortRequest        // a BOOTP message of less than 300 octets, which is not taken here
	NoBootFile          // a BOOTP client names a boot file that is not known
	OverLimit           // as many addresses as are allowed are held on its circuit, or in its class
	TooEarly            // a DISCOVER of a client that has not tried for long enough
	NoSubnetAnyMore     // committed, but the configuration no longer knows the address
)

// Irregularity is what is wrong with a message that is treated as if nothing were. The zero Irregularity is
// none.
type Irregularity uint8

// The irregularities.
const (
	// ServerInDiscover is a server identifier in a DISCOVER, which knows no server yet; it is ignored (V4-114).
	ServerInDiscover Irregularity = iota + 1
	// SourceNotCIAddr is a renewal or rebinding that did not come from the address it is for: ciaddr is what
	// counts, for address translation and hosts with several addresses do that (V4-153).
	SourceNotCIAddr
	// BrokenRelayInfo is relay agent information that is cut off, or names a link or a server by what is no
	// address; that part is ignored (V4-016), and returned like the rest (V4-055).
	BrokenRelayInfo
	// DistrustedRelayInfo is relay agent information of one who is not believed; it is ignored (RFC 3046 §5).
	DistrustedRelayInfo
	// ClonedClient is a client identifier that comes from one hardware address, then another, and back (V4-085).
	ClonedClient
)

// irregularities are the words for them. It never changes.
var irregularities = [...]string{
	ServerInDiscover:    "server_in_discover",
	SourceNotCIAddr:     "source_not_ciaddr",
	BrokenRelayInfo:     "broken_relay_info",
	DistrustedRelayInfo: "distrusted_relay_info",
	ClonedClient:        "cloned_client",
}

// String returns the word of i, in snake case.
func (i Irregularity) String() string {
	if i == 0 || int(i) >= len(irregularities) {
		return fmt.Sprintf("irregularity_%d", uint8(i))
	}
	return irregularities[i]
}

// Irregularities returns all of them in their order.
func Irregularities() []Irregularity {
	all := make([]Irregularity, 0, len(irregularities)-1)
	for i := range len(irregularities) - 1 {
		all = append(all, Irregularity(i+1))
	}
	return all
}
