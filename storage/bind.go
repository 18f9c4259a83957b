package storage

import (
	"net/netip"

	"port67/storage/config"
	"port67/storage/lease"
)

// addressesPerClient is how many addresses of one link one client may hold at a time: it changed its mind,
// or it is two devices with one identifier. None of them is freed early (safety before thrift).
const addressesPerClient = 3

// promiseMin is the shortest lease time that is worth telling to a client whose booking is not raised.
const promiseMin lease.Seconds = 60

// bid is a client's REQUEST for an address.
type bid struct {
	claim
	mode  Mode
	asked lease.Seconds
	sub   *config.CompiledSubnet
	addr  netip.Addr
	rec   lease.Lease   // what is known of addr
	has   bool          // something is
	held  []lease.Lease // the client's on the link
	title title
	good  bool // the client is entitled to addr
	there bool // the answering node knows that the client is on the link
	other bool // addr is reserved to another client
}

// bind books an address for a client (RFC 2131 §4.3.2). A compare-and-set on the address: whoever asks, and
// how often, an address that somebody else may still use is not given away.
func (s *State) bind(c Bind) Result {
	if r, ok := checkClient(&c.Client); !ok {
		return r
	}
	if c.Mode < Selecting || c.Mode > Rapid || c.Addr.IsValid() && !c.Addr.Is4() {
		return refuse(Internal, "bind: neither a mode nor an IPv4 address that could be")
	}
	if c.Mode == BOOTP {
		return s.bindBOOTP(&c)
	}
	link, ok := s.linkOf(c.Link, c.Addr)
	if !ok {
		return s.linkless(&c)
	}
	b := bid{mode: c.Mode, asked: c.AskedLease, addr: c.Addr, there: c.Link != ""}
	if c.Mode == Renewing || c.Mode == Rebinding {
		b.claim = s.claimOf(&c.Client, link, c.Addr)
	} else {
		b.claim = s.claim(&c.Client, link)
	}
	b.held = b.claim.held()
	if b.denied() {
		return s.filtered(&b)
	}
	if !b.addr.IsValid() || b.mode == Rapid {
		// However many nodes heard the DISCOVER, the first of them gives the client what it has from then on (P12).
		b.mode = Selecting
		if b.addr, ok = b.choose([]netip.Addr{c.Addr}, nil, nil); !ok {
			return s.judged(&b, Exhausted, "no address of the link is free for the client")
		}
	}
	if b.sub, ok = b.subnet(b.addr); !ok {
		return s.offLink(&b)
	}
	b.rec, b.has = s.leases.Get(b.addr)
	b.title, b.good, b.other = b.entitled(b.sub, b.addr)
	verdict, why := b.judge()
	if verdict == grant {
		verdict, why = b.limited()
	}
	if verdict != grant && verdict != drain {
		return s.judged(&b, verdict.refusal(), why)
	}
	r := s.judged(&b, Granted, "")
	r.Lease, r.Told = s.book(&b, &c.Client, verdict == drain)
	s.dropOffers(&b)
	r.Left = s.leave(&b, &c.Client)
	return r
}

// linkOf returns the link of that name or, if it has none, the one of the subnet in which a lies.
func (s *State) linkOf(name string, a netip.Addr) (*config.Link, bool) {
	if name != "" || s.config == nil {
		return s.link(name)
	}
	sub, ok := s.config.SubnetOf(a)
	if !ok {
		return nil, false
	}
	return sub.Link, true
}

// linkless answers a client whose link has no subnet (V4-144). If its address is on no link any more, it is
// not told so before others may have it (P13).
func (s *State) linkless(c *Bind) Result {
	onLink := false
	if s.config != nil {
		_, onLink = s.config.SubnetOf(c.Addr)
	}
	l, has := s.leases.Get(c.Addr)
	if has && !onLink && l.Client == c.Client.Key && l.FreeFrom() > s.clock {
		return s.judged(nil, HolderWaits, "the subnet of the address was removed")
	}
	return s.judged(nil, NoSuchLink, "no subnet is configured for the link")
}

// offLink answers a client that asks for an address of another link. If the address is on no link any more,
// its holder is not told so before others may have it (P13).
func (s *State) offLink(b *bid) Result {
	if _, ok := s.config.SubnetOf(b.addr); !ok {
		l, has := s.leases.Get(b.addr)
		if has && b.holds(nil, &l) && l.FreeFrom() > s.clock {
			return s.judged(b, HolderWaits, "the subnet of the address was removed")
		}
	}
	return s.judged(b, NotOnLink, "not an address of link "+b.link.Name)
}

// filtered answers a client that is not to be served. While the address may still be its own it is not told
// so (P13).
func (s *State) filtered(b *bid) Result {
	sub, ok := b.subnet(b.addr)
	if ok {
		b.title, _, _ = b.entitled(sub, b.addr)
	}
	if l, has := s.leases.Get(b.addr); has && b.holds(sub, &l) && l.FreeFrom() > s.clock {
		return s.judged(b, HolderWaits, "the client is in a class that is not served")
	}
	return s.judged(b, Filtered, "the client is in a class that is not served")
}

// judged returns the Result of a bid with what the answering node needs to know beside the verdict.
func (s *State) judged(b *bid, r Refusal, detail string) Result {
	out := Result{Refusal: r, Detail: detail}
	switch {
	case s.config == nil:
	case b == nil:
		out.Authoritative = s.config.Config.NAKUnknownLinks
	default:
		out.Known = len(b.held) > 0
		if r != Granted {
			t := b.title
			if t.sub == nil && len(b.link.Subnets) > 0 {
				t.sub = b.link.Subnets[0]
			}
			out.Authoritative = b.effective(t).Authoritative
		}
	}
	return out
}

// verdict is what comes of a bid: a Refusal, or one of two ways to grant it.
type verdict int

const (
	grant verdict = -1 // the booking is raised
	drain verdict = -2 // the client is told what is left of the booking, which is raised no more
)

func (v verdict) refusal() Refusal {
	if v < 0 {
		return Granted
	}
	return Refusal(v)
}

// judge decides about a bid, and says why it refuses.
func (b *bid) judge() (verdict, string) {
	held := b.has && b.rec.FreeFrom() > b.s.clock
	mine := b.has && b.holds(b.sub, &b.rec)
	heir := !mine && held && b.inherits(&b.rec)
	switch {
	case held && b.rec.Status == lease.Declined:
		return verdict(OutOfService), "declined, in quarantine"
	case mine:
		return b.judgeHolder(held)
	case b.mode == InitReboot && !heir && b.present() == nil:
		return verdict(UnknownClient), "the client has no lease on the link" // V4-143
	case b.other:
		return verdict(Reserved), "reserved to another client"
	case heir:
		return b.judgeNewcomer()
	case held && !givenBack(b.sub, &b.rec):
		return verdict(InUse), "booked for, or offered to, another client"
	case b.mode == InitReboot:
		return verdict(NotYours), "the client's address on the link is " + b.present().Addr.String() // V4-141
	case b.mode != Selecting && !b.adopted():
		return verdict(UnknownClient), "the client has no lease of the address" // V4-151, V4-163
	}
	return b.judgeNewcomer()
}

// adopted says whether a client that rebinds an address unknown is taken at its word, if it can have it
// (V4-163): only where it certainly is, and on a link all of whose addresses are ours to give.
func (b *bid) adopted() bool {
	if b.mode != Rebinding || !b.there {
		return false
	}
	e := b.effective(b.title)
	return e.AdoptUnknown && e.Authoritative
}

// judgeHolder decides about the bid of the client that has, or last had, the address.
func (b *bid) judgeHolder(held bool) (verdict, string) {
	if !b.good {
		left := b.s.clock.Until(b.rec.Booked)
		switch {
		case b.rec.Status == lease.Offered: // Nothing was promised yet.
		case left >= promiseMin:
			return drain, "" // P5, V4-079
		case held:
			return verdict(HolderWaits), "no longer the client's to have" // P13
		}
		if b.other {
			return verdict(Reserved), "reserved to another client"
		}
		return verdict(NotInPool), b.s.noTitle(b.addr)
	}
	if a, ok := b.promised(b.addr); ok && b.title.pool != nil {
		return verdict(Moved), "the client's address is now " + a.String() // V4-158
	}
	if !held && b.crowded() {
		return verdict(TooMany), tooMany
	}
	return grant, ""
}

// judgeNewcomer decides about the bid for an address that is free for the client.
func (b *bid) judgeNewcomer() (verdict, string) {
	if !b.good {
		return verdict(NotInPool), b.s.noTitle(b.addr)
	}
	if a, ok := b.promised(b.addr); ok && b.title.pool != nil {
		return verdict(Moved), "the client's address is now " + a.String()
	}
	if b.crowded() {
		return verdict(TooMany), tooMany
	}
	return grant, ""
}

const tooMany = "the client holds as many addresses of the link as one may"

// crowded says whether the client holds as many addresses of the link as one client may.
func (b *bid) crowded() bool {
	n := 0
	for i := range b.held {
		l := &b.held[i]
		if l.FreeFrom() > b.s.clock && (l.Status == lease.Bound || l.Status == lease.Released) {
			n++
		}
	}
	return n >= addressesPerClient
}

// present returns the lease of the link that the client has or had, nil if it never had one.
func (b *bid) present() *lease.Lease {
	var found *lease.Lease
	for i := range b.held {
		l := &b.held[i]
		if l.Status == lease.Bound || l.Status == lease.Released {
			if found == nil || l.Last > found.Last {
				found = l
			}
		}
	}
	return found
}

// book writes the lease of a bid that was granted and returns it with the lease time to tell.
func (s *State) book(b *bid, c *Client, drained bool) (lease.Lease, lease.Seconds) {
	now := s.clock
	l := b.rec
	mine := b.has && b.holds(b.sub, &b.rec)
	if !mine || l.Status != lease.Bound || b.succeeds(b.sub, &b.rec) && l.Client != c.Key {
		l.Start = now
	}
	sameHost := mine && l.HType == c.HType && l.CHAddr == c.CHAddr
	l.Firmware = b.firmware(c)
	l.BOOTP = b.bootp || l.BOOTP && sameHost
	renews := b.mode == Renewing || b.mode == Rebinding
	if !b.has || l.Client != c.Key || c.RelayInfo != "" || !renews {
		// Kept for renewals, which do not pass the relay (V4-155), until the client comes another way.
		l.RelayInfo = c.RelayInfo
	}
	l.Addr, l.Client, l.Status, l.Withheld, l.Last = b.addr, c.Key, lease.Bound, 0, now
	l.HType, l.CHAddr, l.Hostname, l.Class = c.HType, c.CHAddr, c.Hostname, b.class()
	if !mine || l.Counted == "" || b.mode == Selecting || b.mode == InitReboot {
		l.Counted = b.counted() // Not at renewals, which look otherwise than what came by the relay.
	}
	e := b.effective(b.title)
	span := s.leaseTime(e, b.title, b.asked)
	if b.bootp {
		span = e.BOOTP.Lease
	}
	if left, keeps := b.kept(e); keeps {
		span = left
	}
	if !drained {
		s.raise(&l, span, b.title.pool)
	}
	l.Told = min(span, now.Until(l.Booked))
	s.leases.Put(l)
	return l, l.Told
}

// kept returns what is left of the lease of a client that begins anew without asking for a time, if it is
// told no more than that (V4-071).
func (b *bid) kept(e *config.Effective) (lease.Seconds, bool) {
	if !e.KeepExpiry || b.mode != Selecting || b.asked != 0 || !b.has || b.rec.Status != lease.Bound ||
		!b.holds(b.sub, &b.rec) {
		return 0, false
	}
	most := b.s.leaseTime(e, b.title, lease.Infinite)
	left := min(b.rec.Remaining(b.s.clock), most, b.s.clock.Until(b.rec.Booked))
	return left, left >= promiseMin
}

// dropOffers ends the holds of the client's other offers on the link (V4-131).
func (s *State) dropOffers(b *bid) {
	for _, l := range b.held {
		if l.Addr == b.addr || l.Status != lease.Offered {
			continue
		}
		s.forgetHold(l)
	}
}

// forgetHold ends a hold or a quarantine. What the address was booked for before stays; an address that was
// never booked has nothing to be remembered for.
func (s *State) forgetHold(l lease.Lease) {
	if l.Booked == 0 && l.Reusable == 0 {
		s.leases.Delete(l.Addr)
		return
	}
	l.Status, l.Withheld = lease.Released, 0
	s.leases.Put(l)
}
