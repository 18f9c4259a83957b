package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/raft"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"port67/cluster/trust"
	peerv1 "port67/proto/peer/v1"
	"port67/storage"
	"port67/storage/lease"
)

// errElsewhere means that another node leads now and must be asked.
var errElsewhere = errors.New("another node leads")

// CreateToken returns a single-use token with which one new node can join for that long. The cluster keeps
// only its hash.
func (n *Node) CreateToken(ctx context.Context, validFor time.Duration) (string, error) {
	if validFor <= 0 || validFor > 30*24*time.Hour {
		return "", fmt.Errorf("%w: a token is valid for more than nothing and at most 720h, not %v",
			storage.ErrRefused, validFor)
	}
	var ca []byte
	var now lease.Instant
	n.Read(func(v storage.View) {
		ca, _ = v.CA()
		now = v.Clock()
	})
	if upper, ok := n.Upper(); ok {
		now = upper
	}
	token, err := trust.NewToken(n.cluster, ca)
	if err != nil {
		return "", err
	}
	r, err := n.Propose(ctx, storage.AddToken{
		Hash:    token.Hash(),
		Expires: now.Add(lease.Seconds(validFor / time.Second)),
	})
	if err != nil {
		return "", err
	}
	if r.Refusal != storage.Granted {
		return "", fmt.Errorf("%w: token: %s", storage.ErrRefused, r.Detail)
	}
	return token.String(), nil
}

// RemoveNode ends a membership: the node's buckets go to the others, then its vote, then its record. It is
// refused if those who are left could not decide anything.
func (n *Node) RemoveNode(ctx context.Context, id storage.NodeID) error {
	return n.atLeader(ctx,
		func() error { return n.removeHere(ctx, id) },
		func(c peerv1.PeerClient) error {
			_, err := c.Remove(ctx, &peerv1.RemoveRequest{Id: string(id)})
			return err
		})
}

// Transfer hands leadership to id, or to the most up-to-date follower if id is empty.
func (n *Node) Transfer(ctx context.Context, id storage.NodeID) error {
	return n.atLeader(ctx,
		func() error { return n.transferHere(id) },
		func(c peerv1.PeerClient) error {
			_, err := c.Transfer(ctx, &peerv1.TransferRequest{Id: string(id)})
			return err
		})
}

// Drain moves a node's buckets, and leadership if it has it, to the others; or lets it have some again. It
// returns when the table says so.
func (n *Node) Drain(ctx context.Context, id storage.NodeID, drained bool) error {
	r, err := n.Propose(ctx, storage.DrainNode{ID: id, Drained: drained})
	if err != nil {
		return err
	}
	if r.Refusal != storage.Granted {
		return fmt.Errorf("%w: node %s: %s", storage.ErrRefused, id, r.Detail)
	}
	if !drained {
		return nil
	}
	if len(n.voters()) > 1 {
		if err := n.unseat(ctx, id); err != nil {
			return err
		}
	}
	return n.emptied(ctx, id)
}

// unseat has id hand leadership over if it leads. Only id is asked: by the time whoever leads is found, that
// may be another.
func (n *Node) unseat(ctx context.Context, id storage.NodeID) error {
	way := n.route.now()
	if way.leader != id {
		return nil
	}
	err := errElsewhere
	if id == n.id && way.ready {
		err = n.transferHere("")
	} else if id != n.id {
		client, unreachable := n.peers.ready(ctx, id)
		if unreachable == nil {
			_, err = client.Transfer(ctx, &peerv1.TransferRequest{})
			err = fromStatus(err)
		}
	}
	if errors.Is(err, errElsewhere) {
		return nil
	}
	return err
}

// emptied waits until id owns no bucket, or nobody else could.
func (n *Node) emptied(ctx context.Context, id storage.NodeID) error {
	for {
		owns, alone := false, true
		n.Read(func(v storage.View) {
			owners, _ := v.Buckets()
			for _, o := range owners {
				owns = owns || o == id
			}
			for _, m := range v.Nodes() {
				if m.ID != id && !m.Removed && !m.Drained {
					alone = false
				}
			}
		})
		if !owns || alone {
			return nil
		}
		if !n.idle(ctx, 20*time.Millisecond) {
			return fmt.Errorf("node %s: drained, but it still owns buckets: no other node was ready to take them", id)
		}
	}
}

// atLeader does something at the leader, here or there, and follows leadership while it moves.
func (n *Node) atLeader(ctx context.Context, here func() error, there func(peerv1.PeerClient) error) error {
	for {
		way := n.route.now()
		err := errElsewhere
		if way.ready {
			err = here()
		} else if way.leader != "" && way.leader != n.id {
			client, unreachable := n.peers.ready(ctx, way.leader)
			if unreachable == nil {
				err = fromStatus(there(client))
			}
		}
		if !errors.Is(err, errElsewhere) {
			return err
		}
		n.pause(ctx, way)
		if ctx.Err() != nil {
			return storage.ErrNoLeader
		}
	}
}

// toStatus and fromStatus carry the errors of atLeader between nodes.
func toStatus(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errElsewhere), errors.Is(err, storage.ErrNoLeader):
		return status.Error(codes.FailedPrecondition, err.Error())
	case errors.Is(err, storage.ErrRefused):
		return status.Error(codes.Aborted, err.Error())
	}
	return status.Error(codes.Unknown, err.Error())
}

func fromStatus(err error) error {
	switch status.Code(err) {
	case codes.OK:
		return nil
	case codes.FailedPrecondition, codes.Unavailable:
		return errElsewhere
	case codes.Aborted:
		return &refused{storage.ErrRefused, status.Convert(err).Message()}
	case codes.DeadlineExceeded, codes.Canceled:
		return storage.ErrUnknown
	}
	return errors.New(status.Convert(err).Message())
}

// Remove is part of peerv1.PeerServer.
func (s *service) Remove(ctx context.Context, in *peerv1.RemoveRequest) (*peerv1.RemoveReply, error) {
	if !s.n.route.now().ready {
		return nil, toStatus(errElsewhere)
	}
	return &peerv1.RemoveReply{}, toStatus(s.n.removeHere(ctx, storage.NodeID(in.GetId())))
}

// Transfer is part of peerv1.PeerServer.
func (s *service) Transfer(_ context.Context, in *peerv1.TransferRequest) (*peerv1.TransferReply, error) {
	if !s.n.route.now().ready {
		return nil, toStatus(errElsewhere)
	}
	return &peerv1.TransferReply{}, toStatus(s.n.transferHere(storage.NodeID(in.GetId())))
}

// removeHere is RemoveNode on the leader. A leader that is to go hands over first and lets the next one do
// it.
func (n *Node) removeHere(ctx context.Context, id storage.NodeID) error {
	node, ok := n.members.get(id)
	if !ok {
		return fmt.Errorf("%w: node %s: no such member", storage.ErrRefused, id)
	}
	if node.Removed {
		return nil
	}
	if err := n.canLose(id); err != nil {
		return err
	}
	if id == n.id {
		if err := n.transfer(""); err != nil {
			return fmt.Errorf("%w: node %s leads and cannot hand over: %w", storage.ErrRefused, id, err)
		}
		return errElsewhere
	}
	if time.Since(n.ward.get(id).seen) < n.timing.Lost {
		if _, err := n.Propose(ctx, storage.DrainNode{ID: id, Drained: true}); err != nil {
			return err
		}
		drain, cancel := context.WithTimeout(ctx, 2*n.timing.Lost)
		_ = n.emptied(drain, id) // If nobody takes them now, somebody will when it is gone.
		cancel()
	}
	if err := settled(ctx, n.raft.RemoveServer(raft.ServerID(id), 0, enqueueMax)); err != nil {
		if leadershipMoved(err) {
			return errElsewhere
		}
		if !errors.Is(err, errUnsettled) { // It stays, so it shall have clients.
			_, _ = n.Propose(ctx, storage.DrainNode{ID: id, Drained: false})
		}
		return fmt.Errorf("node %s: %w", id, err)
	}
	r, err := n.Propose(ctx, storage.RemoveNode{ID: id})
	if err == nil && r.Refusal != storage.Granted {
		err = fmt.Errorf("%w: node %s: %s", storage.ErrRefused, id, r.Detail)
	}
	return err
}

// leadershipMoved says whether a change of members must be tried again, at whoever leads then. All of them
// mean the same when they are done twice.
func leadershipMoved(err error) bool {
	return errors.Is(err, raft.ErrNotLeader) || errors.Is(err, raft.ErrLeadershipLost) ||
		errors.Is(err, raft.ErrLeadershipTransferInProgress) || errors.Is(err, raft.ErrEnqueueTimeout)
}

// canLose says whether the voters that are left without id, as many as are alive, still are a majority.
func (n *Node) canLose(id storage.NodeID) error {
	voters := n.voters()
	if !voters[id] {
		return nil
	}
	left, alive := 0, 0
	var dead []string
	for v := range voters {
		if v == id {
			continue
		}
		left++
		if v == n.id || time.Since(n.ward.get(v).seen) < n.timing.Lost {
			alive++
		} else {
			dead = append(dead, n.nameOf(v))
		}
	}
	if left == 0 {
		return fmt.Errorf("%w: %s is the last voter of the cluster; to end the cluster, stop its node",
			storage.ErrRefused, n.nameOf(id))
	}
	if alive < left/2+1 {
		return fmt.Errorf("%w: without %s, %d of %d voters would be alive, which is no majority; start or remove "+
			"%s first", storage.ErrRefused, n.nameOf(id), alive, left, strings.Join(dead, ", "))
	}
	return nil
}

func (n *Node) nameOf(id storage.NodeID) string {
	if node, ok := n.members.get(id); ok && node.Name != "" {
		return node.Name
	}
	return string(id)
}

func (n *Node) transferHere(id storage.NodeID) error {
	if id == n.id {
		return nil
	}
	voters := n.voters()
	switch {
	case id != "" && !voters[id]:
		return fmt.Errorf("%w: node %s does not vote, so it cannot lead", storage.ErrRefused, id)
	case len(voters) < 2:
		return fmt.Errorf("%w: no other node votes", storage.ErrRefused)
	}
	if err := n.transfer(id); err != nil {
		return fmt.Errorf("%w: leadership not handed over: %w", storage.ErrRefused, err)
	}
	return nil
}

// transfer hands leadership to id, or to the heir. While it lasts nothing is proposed, so it must not be
// tried with a node that does not answer.
func (n *Node) transfer(id storage.NodeID) error {
	if id == "" {
		if id = n.heir(); id == "" {
			return errors.New("no other voter is heard from and well; start one first")
		}
	}
	addr, err := n.members.ServerAddr(raft.ServerID(id))
	if err != nil {
		return err
	}
	return n.raft.LeadershipTransferToServer(raft.ServerID(id), addr).Error()
}

// heir returns the voter that should lead after this node: one that is heard from and well, rather one that
// is not drained, and of those the one that has applied most. It returns none if there is none.
func (n *Node) heir() storage.NodeID {
	var best storage.NodeID
	var bestRank [2]uint64
	for _, m := range n.members.others() {
		h := n.ward.get(m.ID)
		if !n.voters()[m.ID] || time.Since(h.seen) > n.timing.Lost || h.trouble != "" || h.diskLow {
			continue
		}
		rank := [2]uint64{0, h.applied}
		if !m.Drained {
			rank[0] = 1
		}
		if best == "" || slices.Compare(rank[:], bestRank[:]) > 0 {
			best, bestRank = m.ID, rank
		}
	}
	return best
}

// Leave prepares a planned stop: this node's buckets and leadership go to the others, bookings that wait to
// be raised are proposed. Call it while Run runs, and end Run after it. A node that was drained in this way
// takes part again by itself when it is back. It is best effort, bounded by ctx.
func (n *Node) Leave(ctx context.Context) error {
	n.flush(ctx)
	others := 0
	for id := range n.voters() {
		if id != n.id && time.Since(n.ward.get(id).seen) < aliveMax {
			others++
		}
	}
	if others == 0 {
		return nil
	}
	if node, ok := n.members.get(n.id); ok && !node.Drained {
		if err := n.folder.WriteFile(fileDrained, nil); err != nil {
			return err
		}
	}
	return n.Drain(ctx, n.id, true)
}

// undrain lets a node that drained itself when it was stopped take part again.
func (n *Node) undrain(ctx context.Context) error {
	if !n.folder.Has(fileDrained) {
		return nil
	}
	for {
		attempt, cancel := context.WithTimeout(ctx, commitMax)
		r, err := n.Propose(attempt, storage.DrainNode{ID: n.id, Drained: false})
		cancel()
		if err == nil && r.Refusal == storage.Granted {
			return n.folder.Remove(fileDrained)
		}
		if !n.idle(ctx, time.Second) {
			return nil
		}
	}
}

// keepCertificate is the goroutine that renews this node's certificate through the leader when less than a
// third of its life is left.
func (n *Node) keepCertificate(ctx context.Context) error {
	for {
		left, life, err := n.keeper.Left(time.Now())
		wait := time.Hour
		if err == nil && left < life/3 {
			if err = n.renew(ctx); err != nil {
				wait = time.Minute
			}
		}
		if err != nil && ctx.Err() == nil {
			n.logger.Warn("node certificate not renewed", "left", left.Round(time.Hour), "error", err)
		}
		if !n.idle(ctx, wait) {
			return ctx.Err()
		}
	}
}

// renew gets a new certificate for a new key.
func (n *Node) renew(ctx context.Context) error {
	csr, key, err := trust.NewRequest()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var cert []byte
	err = n.atLeader(ctx,
		func() (err error) {
			cert, err = n.sign(csr, n.id)
			return err
		},
		func(c peerv1.PeerClient) error {
			reply, err := c.Renew(ctx, &peerv1.RenewRequest{Csr: csr})
			cert = reply.GetCertificate()
			return err
		})
	if err != nil {
		return err
	}
	return n.folder.WriteFile(filePair, append(trust.CertPEM(cert), trust.KeyPEM(key)...))
}

// Renew is part of peerv1.PeerServer.
func (s *service) Renew(ctx context.Context, in *peerv1.RenewRequest) (*peerv1.RenewReply, error) {
	if !s.n.route.now().ready {
		return nil, toStatus(errElsewhere)
	}
	cert, err := s.n.sign(in.GetCsr(), callerOf(ctx))
	if err != nil {
		return nil, toStatus(err)
	}
	return &peerv1.RenewReply{Certificate: cert}, nil
}

// sign signs a certificate for a member.
func (n *Node) sign(csr []byte, id storage.NodeID) ([]byte, error) {
	node, ok := n.members.get(id)
	if !ok || node.Removed {
		return nil, fmt.Errorf("%w: node %s: not a member", storage.ErrRefused, id)
	}
	return n.signFor(csr, node)
}

// signFor signs a certificate for node, whether it is a member or not.
func (n *Node) signFor(csr []byte, node storage.Node) ([]byte, error) {
	var cert, key []byte
	n.Read(func(v storage.View) { cert, key = v.CA() })
	authority, err := trust.LoadAuthority(cert, key)
	if err != nil {
		return nil, err
	}
	return authority.Sign(csr, trust.Identity{Cluster: n.cluster, Role: trust.RoleNode, Name: string(node.ID)},
		hostsOf(node), time.Now())
}
