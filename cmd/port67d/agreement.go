package main

import (
	"net/netip"
	"time"

	"port67/cluster"
	"port67/server"
	"port67/server/admin"
	"port67/server/dhcp4"
	"port67/server/metrics"
)

// agreement makes a cluster.Node into the ports of packages server and admin, which do not know it.
type agreement struct{ *cluster.Node }

// Handled tells the other nodes that this one has answered an exchange (server.Neighbours).
func (a agreement) Handled(x server.Exchange) { a.Tell(handled(x)) }

func handled(x server.Exchange) cluster.Handled {
	h := cluster.Handled{Client: x.Client, XID: x.XID, Type: uint8(x.Type)}
	if x.GIAddr.Is4() {
		h.GIAddr = x.GIAddr.As4()
	}
	return h
}

func exchange(h cluster.Handled) server.Exchange {
	return server.Exchange{
		Client: h.Client, XID: h.XID, Type: dhcp4.MessageType(h.Type), GIAddr: netip.AddrFrom4(h.GIAddr),
	}
}

// Status is the cluster as this node sees it (admin.Cluster).
func (a agreement) Status() admin.ClusterStatus {
	s := a.Node.Status()
	out := admin.ClusterStatus{
		ClusterID: s.ClusterID, Self: s.Self, Leader: s.Leader, Term: s.Term, CommitIndex: s.CommitIndex,
		AppliedIndex: s.AppliedIndex, Digest: s.Digest, Clock: s.Clock, Level: s.Level,
		BucketEpoch: s.BucketEpoch, Revision: s.Revision, LossesBearable: s.LossesBearable,
	}
	for _, m := range s.Members {
		out.Members = append(out.Members, admin.MemberStatus{
			Node: m.Node, Voter: m.Voter, Leader: m.Leader, Alive: m.Alive, LastSeen: m.LastSeen, Lag: m.Lag,
			Buckets: m.Buckets, Trouble: m.Trouble,
		})
	}
	return out
}

// foreignServers are the servers of others as the admin API has them.
func foreignServers(list []server.ForeignServer) []admin.ForeignServer {
	var out []admin.ForeignServer
	for i := range list {
		f := &list[i]
		out = append(out, admin.ForeignServer{
			Addr: f.Addr, Source: f.Source, Offered: f.Offered, Hardware: f.Hardware, Interface: f.Interface,
			LastReply: f.Word(), Heard: f.Heard, Named: f.Named, First: f.First, Last: f.Last, Known: f.Known,
		})
	}
	return out
}

// stats is this node's part in the agreement, for the metrics. It waits for nothing.
func (a agreement) stats() metrics.Stats {
	s := statsOf(a.Node.Status(), time.Now())
	s.HistoryLost, s.LeaseQueries = a.HistoryLost(), a.Changes().Followers()
	return s
}

func statsOf(s cluster.Status, now time.Time) metrics.Stats {
	out := metrics.Stats{
		Term: s.Term, CommitIndex: s.CommitIndex, AppliedIndex: s.AppliedIndex, Leader: s.Leader == s.Self,
		LeaderKnown: s.Leader != "", LossesBearable: s.LossesBearable, SnapshotAge: -1,
	}
	if !s.SnapshotAt.IsZero() {
		// A clock that was set back since makes it fresh, not absent.
		out.SnapshotAge = max(0, now.Sub(s.SnapshotAt))
	}
	if s.CommitIndex > s.AppliedIndex {
		out.LagEntries = s.CommitIndex - s.AppliedIndex
	}
	for _, m := range s.Members {
		if !m.Voter {
			continue
		}
		out.Voters++
		if m.Alive {
			out.VotersAlive++
		}
		if out.Leader {
			out.LagEntries = max(out.LagEntries, m.Lag)
		}
	}
	return out
}
