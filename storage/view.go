package storage

import (
	"bytes"
	"iter"
	"net/netip"
	"slices"

	"port67/storage/config"
	"port67/storage/lease"
)

// View is a read-only window on a State for those who decide and those who show. It is lent to a function
// and must not outlive it; what it returns may be kept.
type View struct{ s *State }

// ViewOf returns the window on s.
func ViewOf(s *State) View { return View{s} }

// Clock returns the cluster time of the last entry applied here.
func (v View) Clock() lease.Instant { return v.s.clock }

// Index returns the index of the last entry applied here.
func (v View) Index() uint64 { return v.s.index }

// Config returns the configuration in force, nil before the first one.
func (v View) Config() *config.Compiled { return v.s.config }

// Revision returns the revision of the configuration in force, 0 before the first one.
func (v View) Revision() uint64 { return v.s.revision }

// Lease returns what is known of address a.
func (v View) Lease(a netip.Addr) (lease.Lease, bool) { return v.s.leases.Get(a) }

// Held returns the leases of a client, on all links, by ascending address.
func (v View) Held(k lease.Key) []lease.Lease { return v.s.leases.ByClient(k) }

// Suitable returns the address that client c on link should be offered at the view's clock, by the rungs of
// RFC 2131 §4.3.1: reserved, held, held before, asked for, free. Free addresses come only from the buckets
// that owned names; the other rungs do not look at buckets. An address in taken is passed over unless it is
// reserved for the client or still booked for it: then it is the client's whoever else was promised it.
//
// Its refusals are NoSuchLink, Exhausted and OverLimit. It is a wish: only the log gives an address away.
func (v View) Suitable(c Client, link string, asked netip.Addr, owned *lease.BucketSet,
	taken *lease.Space,
) (netip.Addr, Refusal) {
	return v.s.suitable(c, link, asked, owned, taken)
}

// FreeIn returns an address of pool p that is free at the view's clock, in a bucket that owned names and not
// in taken: the one that a client would be offered whose search begins at from. It is false if there is
// none.
func (v View) FreeIn(p *config.CompiledPool, from netip.Addr, owned *lease.BucketSet, taken *lease.Space,
) (netip.Addr, bool) {
	return v.s.leases.Free(lease.Wanted{
		Ranges: p.Ranges, Start: from, Buckets: *owned, Early: p.Subnet.EarlyReuse, Beside: taken,
		Taken: v.s.isOwn, Now: v.s.clock,
	})
}

// SuitableBOOTP is Suitable for a client that speaks BOOTP. booked says that the address is the client's for
// ever, by the log: it may be told so again without asking.
func (v View) SuitableBOOTP(c Client, link string, wish netip.Addr, owned *lease.BucketSet,
	taken *lease.Space,
) (a netip.Addr, booked bool, r Refusal) {
	return v.s.suitableBOOTP(c, link, wish, owned, taken)
}

// Renewal says what a node may tell c, the holder of address a, without asking the log, when upper is an
// upper bound of cluster time: min(L, B − upper), where L is the lease time the client would get for asking
// for asked. extend says that the booking should be raised soon. ok is false when the log must be asked: the
// client does not hold a, firmware had it last, the address is no longer the client's to have, or less than
// half of L is left. remaining is min(L, B − upper) even then, for nodes without a quorum; 0 if nothing may
// be told.
func (v View) Renewal(a netip.Addr, c *Client, asked lease.Seconds, upper lease.Instant,
) (told lease.Seconds, extend, ok bool, remaining lease.Seconds) {
	return v.s.renewal(renewalQuery{a, c, asked, upper})
}

// BucketOwner returns the node that owns bucket b, and the epoch of the table.
func (v View) BucketOwner(b uint8) (NodeID, uint64) { return v.s.buckets[b], v.s.epoch }

// BucketsOf returns the buckets that id owns.
func (v View) BucketsOf(id NodeID) lease.BucketSet { return v.s.bucketsOf(id) }

// Nodes returns the members, removed ones included, by ID.
func (v View) Nodes() []Node { return v.s.nodeList() }

// Node returns one member.
func (v View) Node(id NodeID) (Node, bool) { return v.s.node(id) }

// OwnerOfAddress returns the member that has, or had, a as its own address.
func (v View) OwnerOfAddress(a netip.Addr) (NodeID, bool) { return v.s.ownerOfAddress(a) }

// FormerIdentifier says whether a was not long ago what a member or a subnet had as its server identifier.
func (v View) FormerIdentifier(a netip.Addr) bool { return v.s.isFormer(a) }

// Leases returns the leases from address a on, ascending; all of them if a is the zero Addr.
func (v View) Leases(from netip.Addr) iter.Seq[lease.Lease] { return v.s.leases.All(from) }

// LeasesHaving returns the leases with that value of f, from address from on by ascending address, at most
// limit of them. It is false unless the configuration allows somebody to ask, and for a while after it does.
func (v View) LeasesHaving(f lease.Facet, value string, from netip.Addr, limit int) ([]lease.Lease, bool) {
	return v.s.leases.Having(f, value, from, limit)
}

// LeaseCount returns how many leases there are, living and past.
func (v View) LeaseCount() int { return v.s.leases.Len() }

// Usage counts the addresses of r by their use, in O(log n).
func (v View) Usage(r lease.Range) lease.Usage { return v.s.leases.Usage(r) }

// BookingFactor returns the factor k that a Bind in pool p would get now, in percent.
func (v View) BookingFactor(p *config.CompiledPool) uint64 { return v.s.factor(p) }

// Use returns how much of pool p cannot be given to another client, in thousandths.
func (v View) Use(p *config.CompiledPool) config.Permille { return v.s.use(p) }

// ClusterID returns the name of the cluster, empty before it is founded.
func (v View) ClusterID() string { return v.s.identity.clusterID }

// CA returns the certificate (DER) and the key (PKCS #8 DER) of the authority that vouches for the nodes.
func (v View) CA() (cert, key []byte) {
	return bytes.Clone(v.s.identity.caCert), bytes.Clone(v.s.identity.caKey)
}

// Level returns the feature level.
func (v View) Level() uint32 { return v.s.level }

// Tokens returns the tokens that have not expired, spent ones included.
func (v View) Tokens() []Token { return slices.Clone(v.s.tokens) }

// History returns the latest configurations, oldest first, the one in force last.
func (v View) History() []Revision { return slices.Clone(v.s.history) }

// Buckets returns which node owns which bucket, and the epoch of the table.
func (v View) Buckets() (owners [lease.Buckets]NodeID, epoch uint64) { return v.s.buckets, v.s.epoch }

// Anomalies returns how many commands were refused as Internal.
func (v View) Anomalies() uint64 { return v.s.anomalies }

// NextDue returns the next moment at which the clock changes something: an address becomes reusable, a
// token expires. It is worth a Tick, and so is an index that is not whole. False means that nothing is due,
// ever.
func (v View) NextDue() (lease.Instant, bool) {
	if v.s.leases.Collecting() || v.s.leases.Uncounted() {
		return v.s.clock, true
	}
	at, ok := v.s.leases.NextDue()
	for i := range v.s.tokens {
		if t := v.s.tokens[i].Expires; !ok || t < at {
			at, ok = t, true
		}
	}
	return at, ok
}

// Digest returns the digest of the state.
func (v View) Digest() [32]byte { return v.s.digest() }

// DigestAt returns the digest after an entry, if this node applied it and remembers.
func (v View) DigestAt(index uint64) ([32]byte, bool) { return v.s.witness.at(index) }

// Divergence returns the latest entry after which the leader's digest was not ours, if there was one.
func (v View) Divergence() (index uint64, theirs, ours [32]byte, parted bool) {
	w := &v.s.witness
	return w.index, w.theirs, w.ours, w.parted
}

// Outlook returns the Result that c would have if it were the next entry at the view's clock. It is found by
// the code of Apply on a copy that forgets what is written into it, so that nothing is changed. Only commands
// that come of a client's message have an outlook. Whatever these change in place beside leases has to be
// taken apart here.
func (v View) Outlook(c Command) Result {
	switch c.(type) {
	case Offer, Bind, Extend, Release, Decline:
	default:
		return refuse(Internal, "no command that comes of a client's message")
	}
	s := *v.s
	s.leases, s.declines = s.leases.Apart(), slices.Clip(s.declines)
	return s.apply(c)
}

// Traced returns the same view, of which every search for an address is noted in t.
func (v View) Traced(t *Trace) View {
	s := *v.s
	s.trace = t
	return View{&s}
}

// Trace is how an address was looked for, by the last Suitable or SuitableBOOTP of a traced View, for people.
type Trace struct {
	// Searches is how many searches there were; the first is among what the node itself may give.
	Searches int
	// Everywhere says that the last search was among the free addresses of all nodes.
	Everywhere bool
	// Steps are those of the last search, in its order.
	Steps []Step
}

// Step is one place where an address was looked for.
type Step struct {
	Rung Rung
	// Addr is what was looked at, or was found; invalid where there was none.
	Addr netip.Addr
	// Pool is where nothing was free.
	Pool *config.CompiledPool
	// Taken says that the search ended here.
	Taken bool
	// Why is why it did not, for people.
	Why string
}

// Rung is a rung of RFC 2131 §4.3.1, with the administrator's promise in front.
type Rung uint8

// The rungs, in their order.
const (
	RungReserved Rung = iota + 1 // reserved for the client
	RungOwn                      // the client's, now or before
	RungAsked                    // what it asks for, or has on offer
	RungFree                     // any free one of a pool
)

// begins notes that a search begins, among the free addresses of the buckets owned, or of all.
func (t *Trace) begins(owned *lease.BucketSet) {
	if t != nil {
		t.Searches, t.Everywhere, t.Steps = t.Searches+1, owned == nil, nil
	}
}

// took notes that the search ended with a, and returns it.
func (c *claim) took(r Rung, a netip.Addr) netip.Addr {
	if t := c.s.trace; t != nil {
		t.Steps = append(t.Steps, Step{Rung: r, Addr: a, Taken: true})
	}
	return a
}

// passed notes that a, of sub or of no subnet of the link, was passed over.
func (c *claim) passed(r Rung, sub *config.CompiledSubnet, a netip.Addr) {
	if t := c.s.trace; t != nil && a.IsValid() {
		t.Steps = append(t.Steps, Step{Rung: r, Addr: a, Why: c.obstacle(sub, a)})
	}
}

// obstacle says why the client cannot have a.
func (c *claim) obstacle(sub *config.CompiledSubnet, a netip.Addr) string {
	if sub == nil {
		return "not an address of link " + c.link.Name
	}
	switch _, ok, others := c.entitled(sub, a); {
	case others:
		return "reserved to another client"
	case !ok && !sub.Open(c.classes):
		return "subnet " + sub.Prefix.String() + " is not open to the client's classes"
	case !ok:
		return c.s.noTitle(a)
	case c.free(sub, a):
		return "on offer to another client by this node"
	}
	if l, _ := c.s.leases.Get(a); l.Status != lease.Declined {
		return "booked for, or offered to, " + l.Client.String()
	}
	return "declined, in quarantine"
}

// passedReserved notes why the client's reservations were passed over.
func (c *claim) passedReserved() {
	if c.s.trace == nil || !c.reserved {
		return
	}
	for _, sub := range c.link.Subnets {
		r, ok := c.reservation(sub)
		switch {
		case !ok:
		case r.Address.IsValid():
			c.passed(RungReserved, sub, r.Address)
		default:
			c.s.trace.Steps = append(c.s.trace.Steps, Step{Rung: RungReserved, Why: "it promises no address"})
		}
	}
}

// passedPool notes that nothing was found in pool, because it is shut to the client or has nothing free.
func (c *claim) passedPool(pool *config.CompiledPool, shut bool) {
	t := c.s.trace
	if t == nil {
		return
	}
	why := "no free address in this node's part of it"
	switch {
	case shut && !pool.Subnet.Open(c.classes):
		why = "its subnet is not open to the client's classes"
	case shut && !pool.Open(c.classes):
		why = "not open to the client's classes"
	case shut:
		why = "not for BOOTP"
	case t.Everywhere:
		why = "no free address"
	}
	t.Steps = append(t.Steps, Step{Rung: RungFree, Pool: pool, Why: why})
}
