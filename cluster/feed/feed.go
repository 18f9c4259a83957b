// Package feed tells whoever follows which leases this node's copy of the state changed, as it changes them.
//
// It keeps addresses in a ring, not leases: a follower looks at the state when it can take more, so that the
// entry that is being applied waits for nobody, and nobody who takes little costs more than its place in the
// ring. Who falls behind by more than the ring holds is told so.
//
// This package is a shell.
package feed

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// Feed is a ring of changes, numbered from 1. Its methods may be called from any number of goroutines, and
// none of them waits.
type Feed struct {
	followers atomic.Int32

	mu    sync.Mutex
	most  int
	ring  []netip.Addr  // nil while nobody follows
	first uint64        // the oldest change that can be told
	next  uint64        // the number of the next change
	grown chan struct{} // nil unless somebody waits for a change
}

// New returns a Feed that holds so many changes while anybody follows it, and nothing else.
func New(most int) *Feed { return &Feed{most: most, first: 1, next: 1} }

// Followed says whether anybody follows: if not, nothing needs to be noted.
func (f *Feed) Followed() bool { return f.followers.Load() > 0 }

// Followers returns how many follow.
func (f *Feed) Followers() int { return int(f.followers.Load()) }

// Follow returns the number of the next change. What is in the state before it is asked for afterwards is no
// change.
func (f *Feed) Follow() (next uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.followers.Add(1) == 1 {
		f.ring = make([]netip.Addr, f.most)
		f.first = f.next
	}
	return f.next
}

// Unfollow ends what Follow began.
func (f *Feed) Unfollow() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.followers.Add(-1) == 0 {
		f.ring = nil
	}
}

// Note adds changes of these addresses.
func (f *Feed) Note(addrs []netip.Addr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ring == nil || len(addrs) == 0 {
		return
	}
	for _, a := range addrs {
		f.ring[f.next%uint64(f.most)] = a
		f.next++
	}
	if f.next-f.first > uint64(f.most) {
		f.first = f.next - uint64(f.most)
	}
	f.wake()
}

// Break notes that the state was replaced as a whole: nobody knows what changed.
func (f *Feed) Break() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	f.first = f.next
	f.wake()
}

// After appends the addresses of the changes from number next on to dst, at most so many, and returns the
// number that is next then. It is false if changes were missed.
func (f *Feed) After(dst []netip.Addr, next uint64, most int) ([]netip.Addr, uint64, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if next < f.first || f.ring == nil {
		return dst, next, false
	}
	for ; next < f.next && most > 0; most-- {
		dst = append(dst, f.ring[next%uint64(f.most)])
		next++
	}
	return dst, next, true
}

// Grown returns a channel that is closed when there is a change of number next.
func (f *Feed) Grown(next uint64) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if next < f.next {
		return closed
	}
	if f.grown == nil {
		f.grown = make(chan struct{})
	}
	return f.grown
}

// closed is what Grown returns for what is there already.
var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func (f *Feed) wake() {
	if f.grown != nil {
		close(f.grown)
		f.grown = nil
	}
}
