package metrics

import (
	"errors"
	"net/netip"

	"port67/server"
	"port67/storage"
)

// Why a node serves no clients.
var (
	errUnfounded    = errors.New("no state yet: this node has not heard from the cluster since it started")
	errUnconfigured = errors.New("no configuration yet: apply one with dhcpctl config apply FILE")
	errDeaf         = errors.New("no interface is served: none is up with an IPv4 address")
	errOutOfTouch   = errors.New("out of touch with the leader for so long that not even a lease can be renewed: " +
		"see dhcpctl cluster status")
)

// Readiness is what decides whether a node can do anything for a client.
type Readiness struct {
	Reader     server.Reader
	Timekeeper server.Timekeeper
	// Addresses returns the addresses at which clients are served.
	Addresses func() []netip.Addr
	// Serving returns a reason not to serve that only the cluster knows, or nil; it may be left out.
	Serving func() error
}

// Check returns why the node can do nothing for a client, or nil. A node without a quorum can as long as it
// knows a bound of cluster time: then it renews.
func (r Readiness) Check() error {
	var err error
	r.Reader.Read(func(v storage.View) {
		switch {
		case v.Index() == 0:
			err = errUnfounded
		case v.Config() == nil:
			err = errUnconfigured
		}
	})
	if err == nil && r.Serving != nil {
		err = r.Serving()
	}
	if err != nil {
		return err
	}
	if len(r.Addresses()) == 0 {
		return errDeaf
	}
	if _, anchored := r.Timekeeper.Upper(); !anchored && !r.Timekeeper.InTouch() {
		return errOutOfTouch
	}
	return nil
}
