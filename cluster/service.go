package cluster

import (
	"context"
	"errors"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"port67/cluster/ctime"
	"port67/cluster/trust"
	peerv1 "port67/proto/peer/v1"
	"port67/storage"
)

// messageMax bounds one message between nodes: a configuration must fit, a flood must not.
const messageMax = 32 << 20

// service is what this node does for the others.
type service struct {
	peerv1.UnimplementedPeerServer
	n *Node
}

// shown is a connection's peer, known from the handshake of the peer port.
type shown struct{ id trust.Identity }

// AuthType is part of credentials.AuthInfo.
func (shown) AuthType() string { return "port67" }

// handshaken takes connections whose handshake trust.Port has done.
type handshaken struct{}

// ServerHandshake is part of credentials.TransportCredentials.
func (handshaken) ServerHandshake(c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	known, ok := c.(*trust.Conn)
	if !ok {
		return nil, nil, errors.New("connection without an identity")
	}
	return c, shown{known.Peer}, nil
}

// ClientHandshake is part of credentials.TransportCredentials.
func (handshaken) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errors.New("for servers only")
}

// Info is part of credentials.TransportCredentials.
func (handshaken) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "port67"}
}

// Clone is part of credentials.TransportCredentials.
func (h handshaken) Clone() credentials.TransportCredentials { return h }

// OverrideServerName is part of credentials.TransportCredentials.
func (handshaken) OverrideServerName(string) error { return nil }

// callerOf returns the node that makes a call.
func callerOf(ctx context.Context) storage.NodeID {
	if p, ok := peer.FromContext(ctx); ok {
		if s, ok := p.AuthInfo.(shown); ok && s.id.Role == trust.RoleNode {
			return storage.NodeID(s.id.Name)
		}
	}
	return ""
}

// mayCall refuses nodes that were removed since their connection began, and tells them so.
func (n *Node) mayCall(ctx context.Context, method string) error {
	id := callerOf(ctx)
	if id == "" {
		return status.Error(codes.Unauthenticated, "only nodes may call this")
	}
	node, ok := n.members.get(id)
	if ok && node.Removed && method != peerv1.Peer_Replace_FullMethodName { // Its answer may have been lost.
		return status.Error(codes.PermissionDenied, ErrRemoved.Error())
	}
	return nil
}

// peerServer serves the calls between nodes.
func (n *Node) peerServer() *grpc.Server {
	s := grpc.NewServer(
		grpc.Creds(handshaken{}),
		grpc.MaxRecvMsgSize(messageMax),
		grpc.MaxConcurrentStreams(256),
		grpc.UnaryInterceptor(func(ctx context.Context, in any, call *grpc.UnaryServerInfo, next grpc.UnaryHandler,
		) (any, error) {
			if err := n.mayCall(ctx, call.FullMethod); err != nil {
				return nil, err
			}
			return next(ctx, in)
		}),
		grpc.StreamInterceptor(func(in any, stream grpc.ServerStream, call *grpc.StreamServerInfo,
			next grpc.StreamHandler,
		) error {
			if err := n.mayCall(stream.Context(), call.FullMethod); err != nil {
				return err
			}
			return next(in, stream)
		}),
	)
	peerv1.RegisterPeerServer(s, &service{n: n})
	return s
}

// joinServer serves strangers who have a token.
func (n *Node) joinServer() *grpc.Server {
	s := grpc.NewServer(
		grpc.Creds(handshaken{}),
		grpc.MaxRecvMsgSize(64<<10),
		grpc.MaxConcurrentStreams(4),
	)
	peerv1.RegisterJoiningServer(s, &joining{n: n})
	return s
}

// Tell is part of peerv1.PeerServer.
func (s *service) Tell(stream grpc.ClientStreamingServer[peerv1.TellRequest, peerv1.TellReply]) error {
	from := callerOf(stream.Context())
	for {
		in, err := stream.Recv()
		if err != nil {
			return nil //nolint:nilerr // The stream has ended, in whichever way; nothing is owed.
		}
		if node, ok := s.n.members.get(from); ok && node.Removed {
			return status.Error(codes.PermissionDenied, "node removed")
		}
		if in.GetUpperMillis() > 0 {
			s.n.time.Tell(ctime.Millis(in.GetUpperMillis()))
		}
		if s.n.onHandled == nil {
			continue
		}
		for _, x := range in.GetHandled() {
			s.n.onHandled(from, handledOf(x))
		}
	}
}

// DigestAt is part of peerv1.PeerServer.
func (s *service) DigestAt(_ context.Context, in *peerv1.DigestAtRequest) (*peerv1.DigestAtReply, error) {
	reply := &peerv1.DigestAtReply{}
	s.n.replica.read(func(v storage.View) {
		var digest [32]byte
		if digest, reply.Known = v.DigestAt(in.GetIndex()); reply.GetKnown() {
			reply.Digest = digest[:]
		}
	})
	return reply, nil
}
