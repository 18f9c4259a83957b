package dhcp4

// Why is why a message gets no answer. The zero Why is Answer: it gets one.
type Why uint8

// The reasons for silence. Package server has one Outcome for each.
const (
	Answer          Why = iota
	BOOTP               // no option 53
	NotForServers       // a message type that no client sends to a server
	NoIdentity          // neither client identifier nor hardware address
	TooManyHops         // more relays than any network has
	NoConfig            // no configuration in force
	UnknownLink         // no subnet for the link
	UnknownRelay        // giaddr is not among the subnet's relays
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
	RefusedUnheard      // refused for a reason that is no business of the client's
	NoSubnetAnyMore     // committed, but the configuration no longer knows the address
)
