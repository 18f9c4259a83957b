// Package storagetest has a replicated state without a cluster, for tests of what reads it and proposes to
// it.
//
// This package is test machinery.
package storagetest

import (
	"fmt"
	"net/netip"
	"time"

	"port67/storage"
	"port67/storage/lease"
)

// Alone is a replicated state whose commands are applied at once, one an entry.
type Alone struct {
	State *storage.State
	Index uint64        // of the last entry
	At    lease.Instant // cluster time, which the next entry is stamped with
}

// New returns an empty state.
func New() *Alone { return &Alone{State: storage.New(), At: lease.Genesis} }

// Member returns a node with a name like its ID and one address.
func Member(id, addr string) storage.Node {
	return storage.Node{
		ID: storage.NodeID(id), Name: id, Addresses: []netip.Addr{netip.MustParseAddr(addr)}, Level: 1,
	}
}

// Apply applies a command.
func (a *Alone) Apply(c storage.Command) storage.Result {
	a.Index++
	return a.State.Apply(a.Index, storage.Entry{At: a.At, Commands: []storage.Command{c}})[0]
}

// Must applies commands, and returns an error at the first that is refused.
func (a *Alone) Must(all ...storage.Command) error {
	for _, c := range all {
		if r := a.Apply(c); r.Refusal != storage.Granted {
			return fmt.Errorf("%T is refused: %d %s", c, r.Refusal, r.Detail)
		}
	}
	return nil
}

// Found founds a cluster of these nodes.
func (a *Alone) Found(id string, first storage.Node, more ...storage.Node) error {
	err := a.Must(storage.Found{ClusterID: id, Node: first})
	for _, n := range more {
		if err == nil {
			err = a.Must(storage.PutNode{Node: n})
		}
	}
	return err
}

// Own gives every bucket to the node that owner names.
func (a *Alone) Own(owner func(bucket int) storage.NodeID) error {
	_, epoch := storage.ViewOf(a.State).BucketOwner(0)
	b := storage.SetBuckets{Epoch: epoch + 1}
	for i := range b.Owners {
		b.Owners[i] = owner(i)
	}
	return a.Must(b)
}

// Pass lets cluster time pass, of which nothing notices anything before the next entry.
func (a *Alone) Pass(d time.Duration) { a.At = a.At.Add(lease.Seconds(d / time.Second)) }

// Read calls f with a view of the state; it is a server's Reader.
func (a *Alone) Read(f func(storage.View)) { f(storage.ViewOf(a.State)) }
