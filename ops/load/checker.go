package load

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Checker remembers what every client was told and says whether an address was ever held by two. It believes
// the clients: a client holds an address from the moment it hears the ACK until its own send of the REQUEST
// plus the lease time, or until it gives the address up. Several loads may share one Checker; its methods may
// be called from several goroutines.
type Checker struct {
	// Start is the moment that all times count from.
	Start time.Time

	mu         sync.Mutex
	claims     map[netip.Addr][]Claim
	violations []Violation
	acks       int
}

// Claim is one client's belief to hold one address. Times are spans since Checker.Start.
type Claim struct {
	Addr   netip.Addr
	Client string // hardware address
	From   time.Duration
	Until  time.Duration
	Server netip.Addr // option 54 of the ACK
}

// Violation is two clients that held one address at one moment.
type Violation struct {
	At          time.Duration
	First, Then Claim
}

// String says who held what when.
func (v Violation) String() string {
	return fmt.Sprintf("%s: at %v %s was told by %s that it holds it until %v, %s was told so by %s until %v",
		v.Then.Addr, v.At, v.Then.Client, v.Then.Server, v.Then.Until,
		v.First.Client, v.First.Server, v.First.Until)
}

// NewChecker returns a Checker whose time starts now.
func NewChecker(now time.Time) *Checker {
	return &Checker{Start: now, claims: map[netip.Addr][]Claim{}}
}

// Hold records an ACK.
func (k *Checker) Hold(c Claim) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.acks++
	now := c.From
	list := k.claims[c.Addr]
	kept := list[:0]
	for _, other := range list {
		switch {
		case other.Client == c.Client:
			// A newer word to the same client never takes away what an older one gave.
			if other.Until >= now {
				c.From, c.Until = min(c.From, other.From), max(c.Until, other.Until)
			}
		case other.Until > now:
			k.violations = append(k.violations, Violation{At: now, First: other, Then: c})
			kept = append(kept, other)
		}
	}
	k.claims[c.Addr] = append(kept, c)
}

// Give records that a client holds an address no longer: it released it, was refused it or forgot it.
func (k *Checker) Give(addr netip.Addr, client string, at time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := k.claims[addr]
	for i := range list {
		if list[i].Client == client {
			list[i].Until = min(list[i].Until, at)
		}
	}
}

// Violations returns every overlap so far, in the order in which they were seen.
func (k *Checker) Violations() []Violation {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.violations)
}

// ACKs returns how many ACKs were recorded.
func (k *Checker) ACKs() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.acks
}

// Held returns who holds what at a moment, by address.
func (k *Checker) Held(at time.Duration) []Claim {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []Claim
	for _, list := range k.claims {
		for _, c := range list {
			if c.From <= at && at < c.Until {
				out = append(out, c)
			}
		}
	}
	slices.SortFunc(out, func(a, b Claim) int {
		return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.Client, b.Client))
	})
	return out
}
