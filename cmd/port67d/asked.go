package main

import (
	"port67/cluster/feed"
	"port67/server"
	"port67/server/dhcp4"
	"port67/server/listen"
)

// asked is the server as bulk leasequery sees it: a node that must not serve clients must not tell of them
// either.
type asked struct {
	*server.Server
	agreement agreement
}

// AnswersLeaseQueries says whether this node may be asked, and by anybody.
func (a asked) AnswersLeaseQueries() bool {
	return a.agreement.Serving() && a.Server.AnswersLeaseQueries()
}

// explainer is the server and its interfaces as the admin API sees them.
type explainer struct {
	*server.Server
	listener  *listen.Listener
	agreement agreement
}

// Served returns how messages come in by the interfaces.
func (e explainer) Served() []dhcp4.Ingress { return e.listener.Served() }

// Trouble says why this node answers nobody; empty if it does.
func (e explainer) Trouble() string {
	if e.agreement.Serving() {
		return ""
	}
	if why := e.agreement.trouble(); why != "" {
		return why
	}
	return "it is not in touch with the cluster"
}

// changes is what the agreement knows of the changes of leases, as active leasequery sees it.
type changes struct {
	*feed.Feed
	agreement
}
