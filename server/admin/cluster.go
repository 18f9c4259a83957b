package admin

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "port67/proto/admin/v1"
	"port67/storage"
	"port67/storage/lease"
)

const (
	// membershipTime bounds what takes several rounds: draining, removing, transferring.
	membershipTime = 30 * time.Second
	// tokenTime and tokenTimeMax are for how long a token admits a node, by default and at most.
	tokenTime    = time.Hour
	tokenTimeMax = 7 * 24 * time.Hour
	// advanceMax is the furthest that cluster time is moved at once; more is surely a slip of the hand.
	advanceMax = 366 * 24 * time.Hour
	// idLenMin is how much of a node's ID must be given at least.
	idLenMin = 4
)

// clusters is ClusterService.
type clusters struct {
	adminv1.UnimplementedClusterServiceServer
	backend
	foreign func() []ForeignServer
}

// GetStatus returns what this node knows of the cluster. It needs no quorum.
func (s *clusters) GetStatus(context.Context, *adminv1.GetStatusRequest) (*adminv1.GetStatusResponse, error) {
	st := s.cluster.Status()
	resp := &adminv1.GetStatusResponse{
		ClusterId:      st.ClusterID,
		NodeId:         string(st.Self),
		LeaderId:       string(st.Leader),
		Term:           st.Term,
		CommitIndex:    st.CommitIndex,
		AppliedIndex:   st.AppliedIndex,
		Digest:         hex.EncodeToString(st.Digest[:]),
		Level:          st.Level,
		BucketEpoch:    st.BucketEpoch,
		Revision:       st.Revision,
		HasQuorum:      st.LossesBearable >= 0 && st.Leader != "",
		LossesBearable: int32(st.LossesBearable),
		QuorumMargin:   quorumMargin(st),
		ClusterClock:   int64(st.Clock),
		LevelOutlook:   readersOf(st).outlook(st.Level),
		LevelCommon:    readersOf(st).common,
		Nodes:          nodesOf(st),
	}
	for _, n := range resp.Nodes {
		if n.GetId() == resp.GetNodeId() {
			resp.NodeName = n.GetName()
		}
		if n.GetId() == resp.GetLeaderId() {
			resp.LeaderName = n.GetName()
		}
	}
	return resp, nil
}

// quorumMargin says in words how many more voters can fail.
func quorumMargin(st ClusterStatus) string {
	switch n := st.LossesBearable; {
	case n < 0:
		return "quorum lost: nothing can be changed, renewals go on inside their bookings"
	case st.Leader == "":
		return "no leader: the nodes are electing one"
	case n == 0:
		return "can lose no more nodes"
	case n == 1:
		return "can lose 1 more node"
	default:
		return "can lose " + strconv.Itoa(n) + " more nodes"
	}
}

// nodesOf returns the members that were not removed, by name.
func nodesOf(st ClusterStatus) []*adminv1.Node {
	var nodes []*adminv1.Node
	for i := range st.Members {
		if !st.Members[i].Node.Removed {
			nodes = append(nodes, nodeOf(&st.Members[i], st.Self))
		}
	}
	slices.SortFunc(nodes, func(a, b *adminv1.Node) int {
		if c := strings.Compare(a.GetName(), b.GetName()); c != 0 {
			return c
		}
		return strings.Compare(a.GetId(), b.GetId())
	})
	return nodes
}

// nodeOf translates a member for the API.
func nodeOf(m *MemberStatus, self storage.NodeID) *adminv1.Node {
	n := &adminv1.Node{
		Id: string(m.Node.ID), Name: m.Node.Name, Role: roleOf(m),
		Alive: m.Alive, Drained: m.Node.Drained, LastSeen: durationpb.New(m.LastSeen),
		Lag: m.Lag, Buckets: int32(m.Buckets), Trouble: m.Trouble,
		Version: m.Node.Version, Level: m.Node.Level,
		PeerAddress: m.Node.PeerAddr, AdminAddress: m.Node.AdminAddr,
		Self: m.Node.ID == self,
	}
	for _, a := range m.Node.Addresses {
		n.Addresses = append(n.Addresses, a.String())
	}
	return n
}

// roleOf says what a member does in the agreement.
func roleOf(m *MemberStatus) adminv1.NodeRole {
	switch {
	case m.Leader:
		return adminv1.NodeRole_NODE_ROLE_LEADER
	case m.Voter:
		return adminv1.NodeRole_NODE_ROLE_FOLLOWER
	}
	return adminv1.NodeRole_NODE_ROLE_LEARNER
}

// ListNodes returns the members by name. It needs no quorum.
func (s *clusters) ListNodes(_ context.Context, req *adminv1.ListNodesRequest,
) (*adminv1.ListNodesResponse, error) {
	page, next, err := pageOf(nodesOf(s.cluster.Status()), req.GetPageToken(), req.GetPageSize(),
		(*adminv1.Node).GetId)
	if err != nil {
		return nil, err
	}
	return &adminv1.ListNodesResponse{Nodes: page, NextPageToken: next}, nil
}

// GetNode returns one member. It needs no quorum.
func (s *clusters) GetNode(_ context.Context, req *adminv1.GetNodeRequest) (*adminv1.GetNodeResponse, error) {
	name := req.GetNode()
	if name == "" {
		name = string(s.cluster.Self())
	}
	n, err := s.node(name)
	if err != nil {
		return nil, err
	}
	return &adminv1.GetNodeResponse{Node: n}, nil
}

// ListForeignServers returns the DHCP servers of others that this node has noticed.
func (s *clusters) ListForeignServers(context.Context, *adminv1.ListForeignServersRequest,
) (*adminv1.ListForeignServersResponse, error) {
	resp := &adminv1.ListForeignServersResponse{NodeName: string(s.cluster.Self())}
	if n, err := s.node(resp.NodeName); err == nil {
		resp.NodeName = n.GetName()
	}
	if s.foreign == nil {
		return resp, nil
	}
	list := s.foreign()
	for i := range list {
		f := &list[i]
		out := &adminv1.ForeignServer{
			Address: f.Addr.String(), Interface: f.Interface, LastReply: f.LastReply, Heard: f.Heard,
			Named: f.Named, FirstSeen: timestamppb.New(f.First), LastSeen: timestamppb.New(f.Last),
			Known: f.Known, HardwareAddress: net.HardwareAddr(f.Hardware).String(),
		}
		if f.Source.IsValid() {
			out.Source = f.Source.String()
		}
		if f.Offered.IsValid() && !f.Offered.IsUnspecified() {
			out.OfferedAddress = f.Offered.String()
		}
		resp.Servers = append(resp.Servers, out)
	}
	return resp, nil
}

// node finds a member by name, ID, or the beginning of its ID.
func (s *clusters) node(name string) (*adminv1.Node, error) {
	if name == "" {
		return nil, errField("node", "missing: the name or ID of a member is needed")
	}
	var exact, begun []*adminv1.Node
	names := make([]string, 0)
	for _, n := range nodesOf(s.cluster.Status()) {
		switch {
		case n.GetName() == name, n.GetId() == name:
			exact = append(exact, n)
		case len(name) >= idLenMin && strings.HasPrefix(n.GetId(), name):
			begun = append(begun, n)
		}
		names = append(names, n.GetName())
	}
	if len(exact) == 0 {
		exact = begun
	}
	switch len(exact) {
	case 0:
		return nil, errNotFound("node", name, "no such member; there are "+strings.Join(names, ", "))
	case 1:
		return exact[0], nil
	}
	return nil, errField("node", "%q is ambiguous: give the ID, one of %s", name, nodeIDs(exact))
}

// nodeIDs joins the IDs of nodes.
func nodeIDs(nodes []*adminv1.Node) string {
	ids := make([]string, len(nodes))
	for i, n := range nodes {
		ids[i] = n.GetId()
	}
	return strings.Join(ids, ", ")
}

// change finds a node and, unless only validating, does what f does to it. It returns the node as it was.
func (s *clusters) change(ctx context.Context, name, what string, validateOnly bool,
	f func(context.Context, storage.NodeID) error,
) (*adminv1.Node, error) {
	n, err := s.node(name)
	if err != nil || validateOnly {
		return n, err
	}
	ctx, cancel := context.WithTimeout(ctx, membershipTime)
	defer cancel()
	if err := f(ctx, storage.NodeID(n.GetId())); err != nil {
		return nil, err
	}
	s.noteChange(ctx, n.GetName(), what)
	return n, nil
}

// drain drains a node or gives it clients again, and returns it as it is then.
func (s *clusters) drain(ctx context.Context, name string, drained, validateOnly bool,
) (*adminv1.Node, error) {
	what := "undrain"
	if drained {
		what = "drain"
	}
	n, err := s.change(ctx, name, what, validateOnly, func(ctx context.Context, id storage.NodeID) error {
		return s.cluster.Drain(ctx, id, drained)
	})
	if err != nil || validateOnly {
		return n, err
	}
	return s.node(n.GetId())
}

// DrainNode moves a node's clients to the others.
func (s *clusters) DrainNode(ctx context.Context, req *adminv1.DrainNodeRequest,
) (*adminv1.DrainNodeResponse, error) {
	n, err := s.drain(ctx, req.GetNode(), true, req.GetValidateOnly())
	if err != nil {
		return nil, err
	}
	return &adminv1.DrainNodeResponse{Node: n}, nil
}

// UndrainNode gives a drained node clients again.
func (s *clusters) UndrainNode(ctx context.Context, req *adminv1.UndrainNodeRequest,
) (*adminv1.UndrainNodeResponse, error) {
	n, err := s.drain(ctx, req.GetNode(), false, req.GetValidateOnly())
	if err != nil {
		return nil, err
	}
	return &adminv1.UndrainNodeResponse{Node: n}, nil
}

// RemoveNode ends a membership.
func (s *clusters) RemoveNode(ctx context.Context, req *adminv1.RemoveNodeRequest,
) (*adminv1.RemoveNodeResponse, error) {
	n, err := s.change(ctx, req.GetNode(), "remove node", req.GetValidateOnly(), s.cluster.RemoveNode)
	if err != nil {
		return nil, err
	}
	return &adminv1.RemoveNodeResponse{Node: n}, nil
}

// TransferLeadership hands leadership over.
func (s *clusters) TransferLeadership(ctx context.Context, req *adminv1.TransferLeadershipRequest,
) (*adminv1.TransferLeadershipResponse, error) {
	if req.GetNode() != "" {
		_, err := s.change(ctx, req.GetNode(), "transfer leadership", req.GetValidateOnly(), s.cluster.Transfer)
		if err != nil {
			return nil, err
		}
	} else if !req.GetValidateOnly() {
		ctx, cancel := context.WithTimeout(ctx, membershipTime)
		defer cancel()
		if err := s.cluster.Transfer(ctx, ""); err != nil {
			return nil, err
		}
		s.noteChange(ctx, "leader", "transfer leadership")
	}
	resp := &adminv1.TransferLeadershipResponse{}
	for _, n := range nodesOf(s.cluster.Status()) {
		if n.GetRole() == adminv1.NodeRole_NODE_ROLE_LEADER {
			resp.Leader = n
		}
	}
	return resp, nil
}

// CreateToken returns a token with which one node can join.
func (s *clusters) CreateToken(ctx context.Context, req *adminv1.CreateTokenRequest,
) (*adminv1.CreateTokenResponse, error) {
	valid := tokenTime
	if req.GetValidFor() != nil {
		valid = req.GetValidFor().AsDuration()
	}
	if valid < time.Second || valid > tokenTimeMax {
		return nil, errField("valid_for", "%v is not between 1s and %v", valid, tokenTimeMax)
	}
	expires := time.Now().Add(valid).Truncate(time.Second)
	resp := &adminv1.CreateTokenResponse{ExpireTime: timestamppb.New(expires)}
	for _, n := range nodesOf(s.cluster.Status()) {
		if n.GetAlive() && n.GetPeerAddress() != "" {
			resp.JoinAddresses = append(resp.JoinAddresses, n.GetPeerAddress())
		}
	}
	if req.GetValidateOnly() {
		return resp, nil
	}
	ctx, cancel := context.WithTimeout(ctx, changeTime)
	defer cancel()
	token, err := s.cluster.CreateToken(ctx, valid)
	if err != nil {
		return nil, err
	}
	resp.Token = token
	s.noteChange(ctx, "token", "create token valid for "+valid.String())
	return resp, nil
}

// AdvanceTime moves cluster time forward.
func (s *clusters) AdvanceTime(ctx context.Context, req *adminv1.AdvanceTimeRequest,
) (*adminv1.AdvanceTimeResponse, error) {
	by := req.GetBy().AsDuration()
	if by < time.Second || by%time.Second != 0 || by > advanceMax {
		return nil, errField("by", "%v is not whole seconds between 1s and %v", by, advanceMax)
	}
	if err := s.barrier(ctx); err != nil {
		return nil, err
	}
	resp := &adminv1.AdvanceTimeResponse{}
	var now lease.Instant
	s.cluster.Read(func(v storage.View) { now = s.present(v.Clock()) })
	then := now.Add(lease.Seconds(by / time.Second))
	for l := range s.walk(ctx, netip.Prefix{}, netip.Addr{}) {
		if l.StatusAt(now) == lease.Bound && l.StatusAt(then) != lease.Bound {
			resp.ExpiredLeases++
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err := allHeard(s.cluster.Status(), "would go on renewing by the old time")
	if err != nil {
		return nil, err
	}
	if req.GetValidateOnly() {
		return resp, nil
	}
	_, err = s.propose(ctx, fmt.Sprintf("cluster time, by %v", by),
		storage.AdvanceTime{By: lease.Seconds(by / time.Second), Author: authorOf(ctx)})
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// allHeard refuses what every member must hear of while one is silent; otherwise says what that one would do.
func allHeard(status ClusterStatus, otherwise string) error {
	for i := range status.Members {
		m := &status.Members[i]
		if !m.Node.Removed && !m.Alive {
			return errState("STATE", m.Node.Name, "node "+m.Node.Name+": not heard from, and "+otherwise+
				"; bring it back or remove it first")
		}
	}
	return nil
}
