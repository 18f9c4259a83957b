package server

import (
	"errors"
	"fmt"
	"strings"

	"port67/server/dhcp4"
	"port67/storage"
)

// Outcome is how an exchange ended: log key, metric label and heading in docs/outcomes.md in one word. The
// list is closed; the zero Outcome is no way to end.
type Outcome uint8

// The outcomes, in the order of docs/outcomes.md, which says what each means and what to do about it.
const (
	Offered Outcome = iota + 1
	Acknowledged
	Renewed
	RenewedWithoutQuorum
	Denied
	Informed
	Released
	Declined
	AddressNotNeeded
	LeaseQueryAnswered
	AnsweredByBOOTP

	HandledElsewhere
	OtherServer
	Filtered
	Duplicate
	BOOTPUnserved
	ShortRequest
	NoBootFile
	RateLimited
	TooEarly

	Exhausted
	ExhaustedTold
	AddressesInUse
	UnknownLink
	UnknownRelay
	UntrustedRelay
	RelayInfoAlone
	NoConfig
	NoIdentifier
	OutOfTouch
	NoQuorum
	Uncertain
	Overloaded
	TooOld

	OverLimit
	HolderWaits
	UnknownClient
	DeniedOffLink
	RefusedUnheard
	TooManyDeclines
	Reconfigured

	NoIdentity
	NothingAsked
	NotHolder
	WrongSource
	OffLink
	NotForServers
	TooManyHops
	Malformed

	AnsweredByRARP
	LeftToOthers
	NotReserved
	ReservedElsewhere
	ReservedButHeld
	TooMany

	LeaseQueryNotRelayed
	LeaseQueryNotAllowed
	LeaseQueryUnclear
	LeaseQueryNotReady
	LeaseQueryAborted
	LeaseQueryBehind

	SendFailed
	Panicked
)

// entry is what is known of an outcome: its word, what it is, and what an operator should do.
type entry struct{ word, is, do string }

// outcomes has one entry for each Outcome. It never changes.
var outcomes = [...]entry{
	Offered: {
		"offered", "A DISCOVER was answered with an OFFER.", "Nothing.",
	},
	Acknowledged: {
		"acknowledged", "A REQUEST was committed by the cluster and answered with an ACK.", "Nothing.",
	},
	Renewed: {
		"renewed",
		"The holder of a lease was answered with an ACK within what the cluster had promised.",
		"Nothing.",
	},
	RenewedWithoutQuorum: {
		"renewed_without_quorum",
		"The cluster could not be asked; the holder of a lease was told what is left of it.",
		"Bring the quorum back: leases run out one by one. See dhcpctl cluster status.",
	},
	Denied: {
		"denied",
		"The cluster refused the address that a client named, and the client was told so with a NAK.",
		"Nothing, unless it is frequent: then look for clients that roam, or for two devices with one " +
			"identifier.",
	},
	Informed: {
		"informed", "A DHCPINFORM was answered with options and no lease.", "Nothing.",
	},
	Released: {
		"released", "A client gave its address back. There is no reply.", "Nothing.",
	},
	Declined: {
		"declined",
		"A client found its address in use by another device. There is no reply; the address is out of " +
			"service for the quarantine.",
		"Find the device that uses the address without having asked for it.",
	},
	AddressNotNeeded: {
		"address_not_needed",
		"A client that can do without IPv4 was offered no address on a link where that is wanted, and was told " +
			"so (RFC 8925).",
		"Nothing.",
	},
	LeaseQueryAnswered: {
		"leasequery_answered",
		"A relay agent asked what is known of a lease, or of many, and was told.", "Nothing.",
	},
	AnsweredByBOOTP: {
		"answered_by_bootp",
		"A BOOTP client was told its address: one that the cluster has committed, or the one it has already.",
		"Nothing.",
	},
	HandledElsewhere: {
		"handled_elsewhere", "Another node answered before it was this node's turn.",
		"Nothing: so it should be.",
	},
	OtherServer: {
		"other_server", "The client named a server identifier that is not ours.",
		"If there should be no other DHCP server, find it.",
	},
	Filtered: {
		"filtered",
		"The client is in a class that is denied or ignored by the configuration.",
		"Nothing, unless it should be served: then look at the classes in deny and those with ignore: on.",
	},
	Duplicate: {
		"duplicate", "The same message of the same client is being answered at this moment.",
		"Nothing, unless it is frequent: then a relay sends every message twice.",
	},
	BOOTPUnserved: {
		"bootp_unserved",
		"A BOOTP client without a reserved address, on a link without pools for BOOTP.",
		"Nothing, unless the device should be served: then reserve an address for it, or set " +
			"bootp: {dynamic: on} for a pool.",
	},
	ShortRequest: {
		"short_request", "A BOOTP message of less than 300 octets where short-requests is off.",
		"Nothing, unless the device should be served: then set short-requests: on.",
	},
	NoBootFile: {
		"no_boot_file", "A BOOTP client names a boot file that is not known, where strict-files is on.",
		"Add the name to the files of bootp if there is such a file.",
	},
	RateLimited: {
		"rate_limited",
		"The client, or all that comes by its circuit, relay agent or interface, sends more than the limits of " +
			"the configuration allow. The metric port67_rate_limited_total says which of them.",
		"Find out who sends so much; if all of it is right, raise the limit.",
	},
	TooEarly: {
		"too_early", "A DISCOVER of a client that has not been trying for as long as min-secs says.",
		"Nothing, unless it is never answered: then look whether the client counts its seconds.",
	},
	Exhausted: {
		"exhausted", "No address of the link is free for the client.",
		"Enlarge the pool, shorten the lease time, or find out who takes so many addresses.",
	},
	ExhaustedTold: {
		"exhausted_told",
		"No address of the link is free for the client, which asked whether it may take a link-local one and " +
			"was told (RFC 2563).",
		"As for exhausted.",
	},
	AddressesInUse: {
		"addresses_in_use",
		"Somebody answered for every address that could be offered and was probed in time; the client will ask " +
			"again.",
		"Find the devices that use the addresses without having asked for them: dhcpctl lease list --state " +
			"declined. See docs/operations/conflicts.md.",
	},
	UnknownLink: {
		"unknown_link",
		"No subnet is configured for the relay, or for the interface, that the message came by.",
		"Add the subnet if these clients are to be served.",
	},
	UnknownRelay: {
		"unknown_relay", "The relay is not in the subnet's list of relays.",
		"Add it to the list, or find out who sends in its name.",
	},
	UntrustedRelay: {
		"untrusted_relay", "The relay agent is not among the agents of relay-trust, where others are dropped.",
		"Add it to the agents, or find out who sends in its name.",
	},
	RelayInfoAlone: {
		"relay_info_alone",
		"Relay agent information in a message that came through no relay agent, where relay-trust drops these.",
		"If it is a switch that adds it, set direct: take; else find out who sends it.",
	},
	NoConfig: {
		"no_config", "The cluster has no configuration yet.", "Apply one: dhcpctl config apply FILE.",
	},
	NoIdentifier: {
		"no_identifier", "This node has no address on the interface that could be its server identifier.",
		"Give the interface an address in its subnet.",
	},
	OutOfTouch: {
		"out_of_touch",
		"This node has not heard from the leader for some seconds: it makes no offers and answers no " +
			"leasequery.",
		"Look at the network between the nodes: dhcpctl cluster status.",
	},
	NoQuorum: {
		"no_quorum",
		"The cluster has no leader, or too many proposals: nothing was committed, nothing was said.",
		"If it lasts, bring back enough nodes for a majority.",
	},
	Uncertain: {
		"uncertain", "A proposal may or may not have been committed in time; the client will ask again.",
		"Nothing, unless it is frequent: then look at the disks and the network between the nodes.",
	},
	Overloaded: {
		"overloaded", "This node has as many exchanges under way as it may have.",
		"Look for a flood of requests; add nodes if it is none.",
	},
	TooOld: {
		"too_old",
		"The message was older than ten seconds, or came from the future: this machine was paused, or " +
			"its clock was set.",
		"Nothing if it stays at one burst. Else look at the machine's clock and load.",
	},
	OverLimit: {
		"over_limit",
		"As many addresses as bindings-per-circuit, bindings-per-remote-id or the limit of a class allows are " +
			"held; the client was offered no further one.",
		"Nothing, unless the devices should be served: then raise the limit. dhcpctl lease list shows who " +
			"holds the addresses.",
	},
	HolderWaits: {
		"holder_waits",
		"The last holder may not have its address now, and nobody else may yet: it is neither granted " +
			"nor denied.",
		"Nothing: it ends by itself after the grace.",
	},
	UnknownClient: {
		"unknown_client",
		"A client asked for an address that the cluster knows nothing of, on a link that is not ours to " +
			"deny on.",
		"Set authoritative if no other DHCP server serves this link.",
	},
	DeniedOffLink: {
		"denied_off_link",
		"A renewal was refused, but the client is behind a router where a NAK would not be heard. It " +
			"will rebind.",
		"Nothing.",
	},
	RefusedUnheard: {
		"refused_unheard",
		"The cluster refused a command for a reason that the client is not told.",
		"Look at the log of the leader if it is frequent.",
	},
	TooManyDeclines: {
		"too_many_declines",
		"A DHCPDECLINE that was not believed, after three of its client or one of a hundred addresses of its " +
			"pool within an hour.",
		"Find the device that answers for addresses that are not its own, or the client that says so.",
	},
	Reconfigured: {
		"reconfigured",
		"The configuration changed while the exchange was under way; the client will ask again.",
		"Nothing.",
	},
	NoIdentity: {
		"no_identity", "The message has neither a client identifier nor a hardware address.",
		"Find the device; it cannot be served.",
	},
	NothingAsked: {
		"nothing_asked", "The message names no address, although its type has to.",
		"Find the device; its DHCP client is broken.",
	},
	NotHolder: {
		"not_holder", "A RELEASE or DECLINE from one who does not hold the address.",
		"If it is frequent, find out who sends it.",
	},
	WrongSource: {
		"wrong_source", "A RELEASE that did not come from the address it gives back.",
		"If it is frequent, find out who sends it.",
	},
	OffLink: {
		"off_link", "A DHCPINFORM with an address that does not belong to its relay's link.",
		"Look at the device's static address.",
	},
	NotForServers: {
		"not_for_servers", "A message type that clients do not send to servers.",
		"If it is frequent, find out who sends it.",
	},
	TooManyHops: {
		"too_many_hops", "The message passed more than sixteen relays.",
		"Look for relays that send in a circle.",
	},
	Malformed: {
		"malformed", "The datagram is no DHCP message, or the frame no RARP packet.",
		"If it is frequent, find out who sends it.",
	},
	AnsweredByRARP: {
		"answered_by_rarp", "A RARP request was answered with the address that is reserved for the device.",
		"Nothing.",
	},
	LeftToOthers: {
		"left_to_others",
		"A RARP request is another node's to answer. This node answers if the device asks again within " +
			"three seconds and nobody is known to have answered.",
		"Nothing: so it should be.",
	},
	NotReserved: {
		"not_reserved",
		"A RARP request about a device without a reservation that says rarp: on. Hypervisors send one for " +
			"every virtual machine that has moved.",
		"Nothing, unless the device should be answered: then add rarp: on to its reservation.",
	},
	ReservedElsewhere: {
		"reserved_elsewhere",
		"A RARP request about a device whose reservation with rarp: on is on another link, where its " +
			"address would not work. The log warns once of each device.",
		"Move the device or its reservation.",
	},
	ReservedButHeld: {
		"reserved_but_held",
		"A RARP request about a device whose reserved address it cannot have now: another client holds it, " +
			"it is in quarantine after a decline, or it is a node's own.",
		"See who holds it, dhcpctl lease show ADDRESS, and wait for the end of its booking or reserve another.",
	},
	TooMany: {
		"too_many", "A device that asks by RARP was answered four times within this second already.",
		"Look at the device, or for a loop in the network, if it is frequent.",
	},
	LeaseQueryNotRelayed: {
		"leasequery_not_relayed", "A DHCPLEASEQUERY without giaddr: there is nobody to answer to.",
		"If it is frequent, find out who sends it; a requester has to fill in its own address.",
	},
	LeaseQueryNotAllowed: {
		"leasequery_not_allowed",
		"A leasequery in the name of one whom the configuration does not allow to ask, or not without TLS, or a " +
			"connection from there, which was closed.",
		"Add it to leasequery.requesters if it should know who has which address; else find out who asks.",
	},
	LeaseQueryUnclear: {
		"leasequery_unclear", "A leasequery that asks for nothing, or for several things at once.",
		"Find the requester; its leasequery is broken.",
	},
	LeaseQueryNotReady: {
		"leasequery_not_ready",
		"Leasequery was allowed a moment ago, and the leases are still being indexed.",
		"Nothing: it ends by itself, after some seconds for every 100,000 leases.",
	},
	LeaseQueryAborted: {
		"leasequery_aborted",
		"A bulk or active leasequery ended before all was told: the connection was closed, or the requester took " +
			"nothing for a minute, or this node stopped.",
		"Look at the requester if it is frequent.",
	},
	LeaseQueryBehind: {
		"leasequery_behind",
		"An active leasequery was ended because its requester took updates more slowly than leases changed, or " +
			"because this node was brought up to date by a snapshot meanwhile.",
		"Nothing, unless it is frequent: then look at the requester and the way to it. It asks again by itself.",
	},
	SendFailed: {
		"send_failed", "The reply could not be put on the wire.",
		"Look at the interface and at the firewall of this node; the log has the reason.",
	},
	Panicked: {
		"panicked", "A message met a defect of this program and was dropped; the log has its octets.",
		"Report it, with the log.",
	},
}

// String returns the word of o, in snake case.
func (o Outcome) String() string {
	if o == 0 || int(o) >= len(outcomes) {
		return fmt.Sprintf("outcome_%d", uint8(o))
	}
	return outcomes[o].word
}

// Outcomes returns all outcomes in their order.
func Outcomes() []Outcome {
	all := make([]Outcome, 0, len(outcomes)-1)
	for o := range len(outcomes) - 1 {
		all = append(all, Outcome(o+1))
	}
	return all
}

// outcomeOf returns the outcome of a message that was not answered.
func outcomeOf(w dhcp4.Why) Outcome {
	switch w {
	case dhcp4.BOOTP:
		return BOOTPUnserved
	case dhcp4.ShortRequest:
		return ShortRequest
	case dhcp4.NoBootFile:
		return NoBootFile
	case dhcp4.TooEarly:
		return TooEarly
	case dhcp4.NotForServers:
		return NotForServers
	case dhcp4.NoIdentity:
		return NoIdentity
	case dhcp4.TooManyHops:
		return TooManyHops
	case dhcp4.NoConfig:
		return NoConfig
	case dhcp4.UnknownLink:
		return UnknownLink
	case dhcp4.UnknownRelay:
		return UnknownRelay
	case dhcp4.UntrustedRelay:
		return UntrustedRelay
	case dhcp4.RelayInfoAlone:
		return RelayInfoAlone
	case dhcp4.NoIdentifier:
		return NoIdentifier
	case dhcp4.OutOfTouch:
		return OutOfTouch
	case dhcp4.Exhausted:
		return Exhausted
	case dhcp4.OtherServer:
		return OtherServer
	case dhcp4.Filtered:
		return Filtered
	case dhcp4.NothingAsked:
		return NothingAsked
	case dhcp4.NotHolder:
		return NotHolder
	case dhcp4.WrongSource:
		return WrongSource
	case dhcp4.OffLink:
		return OffLink
	case dhcp4.OverLimit:
		return OverLimit
	case dhcp4.HolderWaits:
		return HolderWaits
	case dhcp4.UnknownClient:
		return UnknownClient
	case dhcp4.DeniedOffLink:
		return DeniedOffLink
	case dhcp4.NoSubnetAnyMore:
		return Reconfigured
	}
	return RefusedUnheard
}

// outcomeOfError returns the outcome of a proposal that came back without a result.
func outcomeOfError(err error) Outcome {
	if errors.Is(err, storage.ErrNoLeader) || errors.Is(err, storage.ErrOverloaded) {
		return NoQuorum
	}
	return Uncertain
}

// Document returns docs/outcomes.md.
func Document() string {
	var b strings.Builder
	b.WriteString("# Outcomes\n\n" +
		"Every message that a node hears ends in one of these ways. The word is the `outcome` of the\n" +
		"debug log and the label of the metric `port67_packets_total`. This page is generated from\n" +
		"`server/outcome.go`.\n")
	for _, o := range Outcomes() {
		e := outcomes[o]
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n*What to do:* %s\n", e.word, e.is, e.do)
	}
	return b.String()
}
