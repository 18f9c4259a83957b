package main

import (
	"port67/cluster/feed"
	"port67/server"
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

// changes is what the agreement knows of the changes of leases, as active leasequery sees it.
type changes struct {
	*feed.Feed
	agreement
}
