package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/raft"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"port67/cluster/trust"
	peerv1 "port67/proto/peer/v1"
	"port67/storage"
	"port67/storage/lease"
)

// ErrReplaced means that this node has ended as the member that it was and is another one from the next Open
// on, with the same name and address.
var ErrReplaced = errors.New("this node goes on as a new member; what it was is set aside in its data folder")

// errWentBack marks the loss that no node may go on with, not even silently.
var errWentBack = errors.New("the disk has gone back in time")

const (
	// replaceEvery is how often a node asks to be replaced while nobody leads, replaceAgain while the leader
	// refuses.
	replaceEvery = 500 * time.Millisecond
	replaceAgain = time.Minute
	replaceMax   = 10 * time.Second // for one attempt
)

// abandon has this node give up the membership that it has, for a reason that it cannot mend (safety.md G5,
// P15), and become another member. It serves no more from now on. It does not block.
func (n *Node) abandon(why error) {
	n.halt(why)
	select {
	case n.lost <- why:
	default:
	}
}

// removed ends this node, unless it is the one who has asked for the end of its membership.
func (n *Node) removed() {
	if !n.leaving.Load() {
		n.fail(ErrRemoved)
	}
}

// replace is the goroutine that makes this node another member once it is abandoned, or if it was when it was
// stopped. The new ID is written down before anybody hears it: should the answer be lost, or this process
// end, it is asked for again, and the leader knows that it has given it.
func (n *Node) replace(ctx context.Context) error {
	if n.leaving.Load() {
		n.abandon(errors.New("this node was giving up its membership when it was stopped, and asks for the next; " +
			"if it gets none, remove it, empty its data folder and join again"))
	}
	var why error
	select {
	case <-ctx.Done():
		return ctx.Err()
	case why = <-n.lost:
	}
	id, err := n.successor()
	if err != nil {
		return err
	}
	n.leaving.Store(true)
	for {
		err := n.replaceBy(ctx, id)
		wait := replaceEvery
		switch {
		case err == nil:
			n.logger.Warn("replaced by a new member on this host", "was", n.id, "is", id, "why", why)
			return ErrReplaced
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrRemoved):
			return err
		case errors.Is(err, storage.ErrRefused) && errors.Is(why, errWentBack):
			return fmt.Errorf("%w; not taken back as a new member by itself: %w; remove this node, empty the folder "+
				"and join again", why, err)
		case errors.Is(err, storage.ErrRefused):
			n.logger.Error("not taken back as a new member; asking again", "why", why, "error", err)
			wait = replaceAgain
		}
		if !n.idle(ctx, wait) {
			return ctx.Err()
		}
	}
}

// successor returns the ID that this node is to have next, the same one at every start.
func (n *Node) successor() (storage.NodeID, error) {
	if n.folder.Has(fileSuccessor) {
		id, err := n.folder.ReadFile(fileSuccessor)
		return storage.NodeID(id), err
	}
	id := uuid.NewString()
	return storage.NodeID(id), n.folder.WriteFile(fileSuccessor, []byte(id))
}

// replaceBy asks for the membership id and prepares the data folder for it.
func (n *Node) replaceBy(ctx context.Context, id storage.NodeID) error {
	csr, key, err := trust.NewRequest()
	if err != nil {
		return err
	}
	next := n.describe()
	next.ID = id
	reply, err := n.askToReplace(ctx, &peerv1.ReplaceRequest{Csr: csr, Node: memberOf(next)})
	if err != nil {
		return err
	}
	members, err := protojson.Marshal(&peerv1.JoinReply{Members: reply.GetMembers()})
	if err != nil {
		return err
	}
	return n.folder.Replace(string(n.id), map[string][]byte{
		fileNodeID:  []byte(id),
		filePair:    append(trust.CertPEM(reply.GetCertificate()), trust.KeyPEM(key)...),
		fileMembers: members,
	}, fileDrained, fileSuccessor)
}

// askToReplace asks all others, one after the other, since a node that hears from no leader does not know who
// leads. Only the leader says yes or no.
func (n *Node) askToReplace(ctx context.Context, in *peerv1.ReplaceRequest) (*peerv1.ReplaceReply, error) {
	for _, m := range n.members.others() {
		ctx, cancel := context.WithTimeout(ctx, replaceMax)
		client, err := n.peers.client(m.ID)
		var reply *peerv1.ReplaceReply
		if err == nil {
			reply, err = client.Replace(ctx, in)
			if status.Code(err) == codes.PermissionDenied {
				err = ErrRemoved
			} else {
				err = fromStatus(err)
			}
		}
		cancel()
		if err == nil || errors.Is(err, storage.ErrRefused) || errors.Is(err, ErrRemoved) {
			return reply, err
		}
	}
	return nil, errElsewhere
}

// Replace is part of peerv1.PeerServer. Only the leader answers it.
func (s *service) Replace(ctx context.Context, in *peerv1.ReplaceRequest) (*peerv1.ReplaceReply, error) {
	if !s.n.route.now().ready {
		return nil, toStatus(errElsewhere)
	}
	reply, err := s.n.replaceHere(ctx, callerOf(ctx), in)
	if errors.Is(err, ErrRemoved) {
		return nil, status.Error(codes.PermissionDenied, err.Error())
	}
	return reply, toStatus(err)
}

// replaceHere gives the member old another membership: first its vote goes, then one entry ends its record
// and begins the next, then the next gets the log, without a vote (G10). One at a time, and never at the cost
// of the quorum. What was done already is not done again.
func (n *Node) replaceHere(ctx context.Context, old storage.NodeID, in *peerv1.ReplaceRequest,
) (*peerv1.ReplaceReply, error) {
	n.replacing.Lock()
	defer n.replacing.Unlock()
	record, ok := n.members.get(old)
	if !ok {
		return nil, fmt.Errorf("%w: node %s: not a member", storage.ErrRefused, old)
	}
	next := nodeOf(in.GetNode())
	next.Name, next.PeerAddr, next.Drained, next.Removed = record.Name, record.PeerAddr, false, false
	cert, err := n.signFor(in.GetCsr(), next)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", storage.ErrRefused, err)
	}
	if record.Removed {
		if known, ok := n.members.get(next.ID); !ok || known.Was != old || known.Removed {
			return nil, ErrRemoved
		}
	} else if err := n.exchange(ctx, record, next); err != nil {
		return nil, err
	}
	if !n.isServer(next.ID) {
		at := raftAddr(string(next.ID), next.PeerAddr)
		err = settled(ctx, n.raft.AddNonvoter(raft.ServerID(next.ID), at, 0, enqueueMax))
		if leadershipMoved(err) {
			return nil, errElsewhere
		}
		if err != nil {
			return nil, fmt.Errorf("node %s: %w", next.Name, err)
		}
	}
	reply := &peerv1.ReplaceReply{Certificate: cert}
	n.Read(func(v storage.View) { reply.Members = membersOf(v.Nodes()) })
	return reply, nil
}

// exchange ends the membership old and begins next.
func (n *Node) exchange(ctx context.Context, old, next storage.Node) error {
	if err := n.movePast(ctx); err != nil {
		return err
	}
	if err := n.mayReplace(old, next); err != nil {
		return err
	}
	if err := settled(ctx, n.raft.RemoveServer(raft.ServerID(old.ID), 0, enqueueMax)); err != nil {
		if leadershipMoved(err) {
			return errElsewhere
		}
		return fmt.Errorf("node %s: %w", old.Name, err)
	}
	r, err := n.Propose(ctx, storage.ReplaceNode{Old: old.ID, Node: next})
	if err == nil && r.Refusal != storage.Granted {
		err = fmt.Errorf("%w: node %s: %s", storage.ErrRefused, old.Name, r.Detail)
	}
	if err == nil {
		n.logger.Warn("a node goes on as a new member", "name", old.Name, "was", old.ID, "is", next.ID)
	}
	return err
}

// mayReplace says why old must not be replaced by next now, before anything is done about it: what Apply
// would refuse, too.
func (n *Node) mayReplace(old, next storage.Node) error {
	if _, err := uuid.Parse(string(next.ID)); err != nil {
		return fmt.Errorf("%w: node ID %q: wants a UUID", storage.ErrRefused, next.ID)
	}
	if _, known := n.members.get(next.ID); known {
		return fmt.Errorf("%w: node ID %s: that of a member", storage.ErrRefused, next.ID)
	}
	if err := n.canLose(old.ID); err != nil {
		return err
	}
	for _, s := range n.servers() {
		if id := storage.NodeID(s.ID); s.Suffrage != raft.Voter && id != old.ID {
			return fmt.Errorf("%w: node %s has no vote yet; one node after the other", storage.ErrRefused,
				n.nameOf(id))
		}
	}
	voters := n.voters()
	var nodes []storage.Node
	var clock lease.Instant
	var level uint32
	n.Read(func(v storage.View) { nodes, clock, level = v.Nodes(), v.Clock(), v.Level() })
	if next.Level < level {
		return fmt.Errorf("%w: node %s reads feature level %d, the cluster is at %d", storage.ErrRefused, next.Name,
			next.Level, level)
	}
	for _, m := range nodes {
		if m.ID != old.ID && !m.Removed && !voters[m.ID] {
			return fmt.Errorf("%w: node %s has no vote yet; one node after the other", storage.ErrRefused, m.Name)
		}
		if m.Name == old.Name && m.Was != "" && clock < m.Replaced.Add(storage.ReplaceWait) {
			return fmt.Errorf("%w: node %s was replaced within the last hour; find out why its state does not last",
				storage.ErrRefused, old.Name)
		}
	}
	return nil
}

func (n *Node) isServer(id storage.NodeID) bool {
	for _, s := range n.servers() {
		if storage.NodeID(s.ID) == id {
			return true
		}
	}
	return false
}
