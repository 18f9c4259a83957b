package dhcp4

import "port67/storage"

// denies says whether the client is to be told of a refusal (RFC 2131 §4.3.2). It returns Answer if so, else
// why it hears nothing. A denial is as grave as a grant: it takes a client off the net. So it comes only from
// a committed Result, only where it is true for the client, and only if it reaches the client.
func (d *Decision) denies(r storage.Result) Why {
	switch r.Refusal {
	case storage.InUse, storage.Reserved, storage.NotInPool, storage.OutOfService,
		storage.NotYours, storage.Moved, storage.TooMany, storage.NotOnLink, storage.UnknownClient,
		storage.Filtered, storage.OverLimit:
	case storage.Exhausted:
		return Exhausted
	case storage.NoSuchLink:
		if d.place.link != nil || !r.Authoritative {
			return UnknownLink // V4-144
		}
	case storage.HolderWaits:
		return HolderWaits
	default:
		return RefusedUnheard
	}
	if r.Refusal == storage.OverLimit && d.query.Type != Request {
		return OverLimit
	}
	if d.query.Type != Request {
		return RefusedUnheard // V4-104: nothing denies a DISCOVER.
	}
	if r.Revision != d.revision {
		// The log has judged the client on a link that this node found in another configuration: subnets may
		// have moved since. The client asks again, and then is told what is so (V4-149, HA-015).
		return RefusedUnheard
	}
	switch d.mode {
	case storage.Selecting:
		return Answer // V4-123: the client chose us.
	case storage.Renewing:
		// V4-151, V4-156, V4-158: behind a router our broadcast would not be heard. The client rebinds, unless it
		// is to be told by unicast.
		if d.behindRouter() && !(unicast(d.query.CIAddr) && d.settings().NAKOffLinkRenew) {
			return DeniedOffLink
		}
		return Answer
	}
	// INIT-REBOOT and REBINDING reach every server of the link. A client that we know is told the truth
	// (V4-141, V4-146, V4-158); to others, and about other links, only who is in charge of the link may speak
	// (V4-142, V4-143, V4-147, V4-162, V4-163).
	known := r.Known && r.Refusal != storage.NotOnLink && r.Refusal != storage.UnknownClient
	if !known && !r.Authoritative {
		return UnknownClient
	}
	return Answer
}

// behindRouter says whether the client renews through a router that is no relay.
func (d *Decision) behindRouter() bool {
	return d.mode == storage.Renewing && !d.query.Relayed() && !onLink(d.ingress, d.query.CIAddr)
}

// denial returns what option 56 says of a refusal (RFC 2132 §9.9).
func denial(r storage.Refusal) string {
	switch r {
	case storage.InUse:
		return "address in use by another client"
	case storage.Reserved:
		return "address reserved for another client"
	case storage.NotInPool:
		return "address not available to this client"
	case storage.OutOfService:
		return "address out of service"
	case storage.NotYours:
		return "this client has another address"
	case storage.Moved:
		return "this client has a new reservation"
	case storage.TooMany:
		return "this client has too many addresses"
	case storage.NotOnLink, storage.NoSuchLink:
		return "address not on this link"
	case storage.UnknownClient:
		return "no lease is known for this client"
	case storage.OverLimit:
		return "no more addresses on this line or for such devices"
	case storage.Filtered:
		return "this client is not served here"
	}
	return "address not available"
}
