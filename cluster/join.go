package cluster

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/raft"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"port67/cluster/trust"
	peerv1 "port67/proto/peer/v1"
	"port67/storage"
	"port67/storage/disk"
	"port67/storage/lease"
)

// Join makes the data folder dir that of a member-to-be: it shows the token to the node at addr, gets a
// certificate, and stores it. The node then only has to Run: it becomes a voter by itself once it has
// caught up. If anything is wrong, dir is left as it was; but a token that was spent is spent.
func Join(ctx context.Context, dir string, info NodeInfo, addr, token string) error {
	if err := info.check(); err != nil {
		return err
	}
	t, err := trust.ParseToken(token)
	if err != nil {
		return err
	}
	csr, key, err := trust.NewRequest()
	if err != nil {
		return err
	}
	id := storage.NodeID(uuid.NewString())
	// The folder is claimed before the token is spent: a folder that cannot be used must not cost a token.
	f, err := disk.Create(dir)
	if err != nil {
		return err
	}
	fail := func(err error) error {
		if undone := f.Discard(); undone != nil {
			return fmt.Errorf("%w; and %v", err, undone)
		}
		return err
	}
	reply, err := callJoin(ctx, addr, t, &peerv1.JoinRequest{
		Secret: t.Secret,
		Csr:    csr,
		Node: memberOf(storage.Node{
			ID: id, Name: info.Name, PeerAddr: info.advertise(), AdminAddr: info.AdminAddr,
			Addresses: info.Addresses, Level: info.level(), Version: info.Version,
		}),
	})
	if err != nil {
		return fail(err)
	}
	members, err := protojson.Marshal(&peerv1.JoinReply{Members: reply.GetMembers()})
	if err != nil {
		return fail(err)
	}
	for name, content := range map[string][]byte{
		fileNodeID:    []byte(id),
		fileClusterID: []byte(reply.GetClusterId()),
		filePair:      append(trust.CertPEM(reply.GetCertificate()), trust.KeyPEM(key)...),
		fileCA:        trust.CertPEM(reply.GetCa()),
		fileMembers:   members,
	} {
		if err := f.WriteFile(name, content); err != nil {
			return fail(err)
		}
	}
	if err := f.Seal(); err != nil {
		return fail(err)
	}
	return f.Close()
}

// callJoin shows the token to addr and checks that what comes back is what the token vouches for.
func callJoin(ctx context.Context, addr string, t trust.Token, in *peerv1.JoinRequest,
) (*peerv1.JoinReply, error) {
	first, err := trust.DialToJoin(ctx, addr, t) // By itself, because gRPC hides why a connection failed.
	if err != nil {
		return nil, fmt.Errorf("%w; check the address (a member's peer port) and that the token is of this cluster",
			err)
	}
	conns := make(chan net.Conn, 1)
	conns <- first
	conn, err := grpc.NewClient("passthrough:///"+addr,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			select {
			case c := <-conns:
				return c, nil
			default:
				return trust.DialToJoin(ctx, addr, t)
			}
		}),
		grpc.WithNoProxy())
	if err != nil {
		return nil, fmt.Errorf("join: %s: %w", addr, err)
	}
	defer conn.Close()
	reply, err := peerv1.NewJoiningClient(conn).Join(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("join: %s: %s", addr, status.Convert(err).Message())
	}
	if sha256.Sum256(reply.GetCa()) != t.Pin || reply.GetClusterId() != t.Cluster {
		return nil, fmt.Errorf("join: %s: answered for another cluster than the token's", addr)
	}
	return reply, nil
}

// joining is what this node does for strangers.
type joining struct {
	peerv1.UnimplementedJoiningServer
	n *Node
}

// Join is part of peerv1.JoiningServer: any member takes it, the leader decides.
func (j *joining) Join(ctx context.Context, in *peerv1.JoinRequest) (*peerv1.JoinReply, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var reply *peerv1.JoinReply
	err := j.n.atLeader(ctx,
		func() (err error) {
			reply, err = j.n.admit(ctx, in)
			return err
		},
		func(c peerv1.PeerClient) (err error) {
			reply, err = c.Admit(ctx, in)
			return err
		})
	if err != nil {
		return nil, status.Error(codes.PermissionDenied, err.Error())
	}
	return reply, nil
}

// Admit is part of peerv1.PeerServer.
func (s *service) Admit(ctx context.Context, in *peerv1.JoinRequest) (*peerv1.JoinReply, error) {
	if !s.n.route.now().ready {
		return nil, toStatus(errElsewhere)
	}
	reply, err := s.n.admit(ctx, in)
	return reply, toStatus(err)
}

// errToken is all that is said to those who have no good token.
var errToken = fmt.Errorf("%w: token: unknown, spent or too old; make a new one with `dhcpctl cluster token`",
	storage.ErrRefused)

// admit spends a token for a new node: the record first, so that all members will let it in, then its place
// among those who get the log, without a vote (G10). Who shows no good token learns nothing else, writes
// nothing and has nothing signed; what is wrong with the rest of the request does not cost the token.
func (n *Node) admit(ctx context.Context, in *peerv1.JoinRequest) (*peerv1.JoinReply, error) {
	node := nodeOf(in.GetNode())
	node.Drained, node.Removed = false, false
	secret := sha256.Sum256(in.GetSecret())
	if err := n.checkToken(secret, node.ID); err != nil {
		return nil, err
	}
	if err := n.checkJoiner(node); err != nil {
		return nil, fmt.Errorf("%w: %w", storage.ErrRefused, err)
	}
	cert, err := n.signFor(in.GetCsr(), node)
	if err != nil {
		return nil, err
	}
	if err := n.movePast(ctx); err != nil {
		return nil, err
	}
	r, err := n.Propose(ctx, storage.UseToken{Hash: secret, Node: node})
	switch {
	case err != nil:
		return nil, err
	case r.Refusal != storage.Granted:
		return nil, errToken
	}
	at := raftAddr(string(node.ID), node.PeerAddr)
	err = n.raft.AddNonvoter(raft.ServerID(node.ID), at, 0, enqueueMax).Error()
	if leadershipMoved(err) {
		return nil, errElsewhere
	}
	if err != nil {
		return nil, fmt.Errorf("node %s: its token is spent, but the list of members is not changed: %w",
			node.Name, err)
	}
	n.logger.Info("new member", "node", node.ID, "name", node.Name, "peer", node.PeerAddr)
	reply := &peerv1.JoinReply{Certificate: cert, ClusterId: n.cluster}
	n.Read(func(v storage.View) {
		reply.Ca, _ = v.CA()
		reply.Members = membersOf(v.Nodes())
	})
	return reply, nil
}

// checkToken says whether UseToken has a chance, as far as this leader's state and clock can tell.
func (n *Node) checkToken(hash [sha256.Size]byte, id storage.NodeID) error {
	var tokens []storage.Token
	var clock lease.Instant
	n.Read(func(v storage.View) { tokens, clock = v.Tokens(), v.Clock() })
	at, _, ok := n.time.Lead(clock)
	if !ok {
		return errElsewhere
	}
	for _, t := range tokens {
		if t.Hash == hash && t.Expires > at.Floor() && (t.UsedBy == "" || t.UsedBy == id) {
			return nil
		}
	}
	return errToken
}

// checkJoiner says what keeps node out of the cluster, whatever its token.
func (n *Node) checkJoiner(node storage.Node) error {
	if _, err := uuid.Parse(string(node.ID)); err != nil {
		return fmt.Errorf("node ID %q: wants a UUID", node.ID)
	}
	if err := checkMember(node.Name, node.PeerAddr); err != nil {
		return err
	}
	for _, m := range n.members.all() {
		switch {
		case m.ID == node.ID && n.voters()[m.ID]:
			return fmt.Errorf("node %s: a member already", node.ID)
		case m.ID == node.ID: // An attempt that a change of leader cut short; the token knows whose it is.
		case m.Name == node.Name:
			return fmt.Errorf("node name %s: taken by a member; give the new node another one, or remove the old "+
				"one", node.Name)
		case m.PeerAddr == node.PeerAddr:
			return fmt.Errorf("peer address %s: that of member %s; give the new node another one, or remove the "+
				"old one", node.PeerAddr, m.Name)
		}
	}
	var present uint32
	n.Read(func(v storage.View) { present = v.Level() })
	if node.Level < present {
		return fmt.Errorf("node %s reads feature level %d, the cluster is at %d; install a newer release on it",
			node.Name, node.Level, present)
	}
	return nil
}

// movePast brings the clock of an idle cluster up to date, so that a token that is too old is refused: its
// end is judged by the clock of the log.
func (n *Node) movePast(ctx context.Context) error {
	var due lease.Instant
	n.Read(func(v storage.View) { due = v.Clock() })
	at, _, ok := n.time.Lead(due)
	if !ok {
		return errElsewhere
	}
	if at.Floor() <= due {
		return nil
	}
	_, err := n.Propose(ctx, storage.Tick{})
	return err
}
