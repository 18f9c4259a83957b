package admin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// authorKey is where the context of a call holds its author.
type authorKey struct{}

// authorOf returns who makes this call, for the records.
func authorOf(ctx context.Context) string {
	author, _ := ctx.Value(authorKey{}).(string)
	return author
}

// authorize lets a call pass if its caller is an administrator, and notes who that is.
func (s *Server) authorize(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler,
) (any, error) {
	author, err := s.author(ctx)
	if err != nil {
		return nil, err
	}
	return next(context.WithValue(ctx, authorKey{}, author), req)
}

// authorizeStream does the same for streams: watches and reflection.
func (s *Server) authorizeStream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo,
	next grpc.StreamHandler,
) error {
	if _, err := s.author(stream.Context()); err != nil {
		return statusOf(err)
	}
	return next(srv, stream)
}

// author says who the caller is, or why it may not call. There is one role: who may call may do everything.
func (s *Server) author(ctx context.Context) (string, error) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return "", errDenied("caller unknown: use the local socket or a client certificate")
	}
	switch info := p.AuthInfo.(type) {
	case localCaller:
		return s.localAuthor(info)
	case credentials.TLSInfo:
		return s.certificateAuthor(info.State)
	}
	return "", errDenied("caller unknown: use the local socket or a client certificate")
}

// localCaller is the process at the other end of the local socket, as the kernel knows it.
type localCaller struct {
	credentials.CommonAuthInfo
	uid, gid uint32
}

// AuthType names the way of authentication.
func (localCaller) AuthType() string { return "peercred" }

// localAuthor admits root, the user this process runs as, and members of the socket's group.
func (s *Server) localAuthor(c localCaller) (string, error) {
	name := "uid " + strconv.FormatUint(uint64(c.uid), 10)
	u, err := user.LookupId(strconv.FormatUint(uint64(c.uid), 10))
	if err == nil {
		name = u.Username
	}
	switch {
	case c.uid == 0, int(c.uid) == os.Geteuid(), s.group >= 0 && int(c.gid) == s.group:
		return name + " via socket", nil
	case s.group >= 0 && err == nil:
		groups, _ := u.GroupIds() // No groups, no admission.
		if slices.Contains(groups, strconv.Itoa(s.group)) {
			return name + " via socket", nil
		}
	}
	remedy := "use root"
	if s.opt.SocketGroup != "" {
		remedy = "use root, or join group " + s.opt.SocketGroup
	}
	return "", errDenied("user %s: not an administrator of this node: %s", name, remedy)
}

// localCredentials asks the kernel who the other end of a Unix socket is.
type localCredentials struct{}

// ServerHandshake reads the credentials of the peer; nothing travels.
func (localCredentials) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, nil, fmt.Errorf("connection from %s: no Unix socket", conn.RemoteAddr())
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return nil, nil, err
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err := errors.Join(err, credErr); err != nil {
		return nil, nil, fmt.Errorf("peer credentials: %w", err)
	}
	return conn, localCaller{
		CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity},
		uid:            cred.Uid, gid: cred.Gid,
	}, nil
}

// ClientHandshake is not for servers.
func (localCredentials) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo,
	error,
) {
	return nil, nil, errors.New("local credentials: for servers only")
}

// Info describes the protocol to gRPC.
func (localCredentials) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "peercred"}
}

// Clone returns a copy, which is the same: there is no state.
func (c localCredentials) Clone() credentials.TransportCredentials { return c }

// OverrideServerName does nothing: a Unix socket has no name to verify.
func (localCredentials) OverrideServerName(string) error { return nil }

// lookupGroup returns the gid of a group given by name or number.
func lookupGroup(name string) (int, error) {
	if gid, err := strconv.Atoi(name); err == nil {
		return gid, nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, fmt.Errorf("group %s: unknown: create it (groupadd --system %s) or leave it out", name, name)
	}
	return strconv.Atoi(g.Gid)
}

// tlsConfig returns the configuration of the mutual-TLS port. Identity is asked anew at each handshake.
func (s *Server) tlsConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			cert, pool, err := s.opt.Identity()
			if err != nil {
				return nil, err
			}
			return &tls.Config{
				MinVersion:   tls.VersionTLS13,
				NextProtos:   []string{"h2"},
				Certificates: []tls.Certificate{cert},
				ClientCAs:    pool,
				ClientAuth:   tls.RequireAndVerifyClientCert,
			}, nil
		},
	}
}

// certificateAuthor admits the bearer of a certificate of this cluster's authority with the role of an
// administrator. The chain was verified by the handshake.
func (s *Server) certificateAuthor(state tls.ConnectionState) (string, error) {
	if len(state.VerifiedChains) == 0 {
		return "", errDenied("client certificate: none that was verified")
	}
	return adminName(state.PeerCertificates[0], s.opt.Cluster.Status().ClusterID)
}

// adminName returns the administrator's name in a certificate: its URI is port67://CLUSTER/admin/NAME.
func adminName(cert *x509.Certificate, clusterID string) (string, error) {
	for _, u := range cert.URIs {
		if u.Scheme != "port67" {
			continue
		}
		role, name, ok := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
		switch {
		case u.Host != clusterID:
			return "", errDenied("certificate %s: of another cluster; this one is %s", u, clusterID)
		case !ok || role != "admin" || name == "":
			return "", errDenied("certificate %s: not an administrator's", u)
		}
		return name, nil
	}
	return "", errDenied("certificate of %s: names no administrator", cert.Subject)
}
