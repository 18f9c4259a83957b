package admin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	adminv1 "port67/proto/admin/v1"
)

const (
	// barrierTime bounds how long a linearizable read waits for the leader.
	barrierTime = 2 * time.Second
	// changeTime bounds a change whose caller set no deadline.
	changeTime = 10 * time.Second
	// stopTime is how long calls in flight may go on when the server stops.
	stopTime = 2 * time.Second
	// messageLenMax bounds a request; the largest is a configuration file.
	messageLenMax = 32 << 20
	// socketModeOwner and socketModeGroup are the modes of the local socket without and with a group.
	socketModeOwner = 0o600
	socketModeGroup = 0o660
)

// Options is what a Server is made of.
type Options struct {
	Cluster Cluster
	// Socket is the path of the local socket, empty for none. A socket that a dead process left is replaced.
	Socket string
	// SocketGroup is the group whose members may use the socket besides root and this process's own user;
	// empty for none.
	SocketGroup string
	// Listen is host:port of the mutual-TLS port, empty for none.
	Listen string
	// Identity returns this node's certificate and the authority that vouches for administrators. It is asked
	// at each handshake, so a renewed certificate needs no restart. Needed with Listen only.
	Identity func() (tls.Certificate, *x509.CertPool, error)
	// Explainer is the part of this node that answers clients; nil if nothing does.
	Explainer Explainer
	// Foreign returns the DHCP servers of others that this node has noticed; nil: none.
	Foreign func() []ForeignServer
	Log     *slog.Logger // nil: discard
}

// Server answers the admin API on a local socket and, if wanted, on a mutual-TLS port.
type Server struct {
	opt    Options
	socket net.Listener
	tcp    net.Listener
	group  int // the gid of SocketGroup, -1 without one
	health *health.Server
	// watches holds one token for each WatchLeases that goes on.
	watches chan struct{}
	uses    *useSeries
}

// NewServer opens the listeners; Run serves them. An error names the listener and the remedy, and leaves
// nothing open.
func NewServer(opt Options) (*Server, error) {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Listen != "" && opt.Identity == nil {
		return nil, fmt.Errorf("admin listen %s: no certificate: initialise or join this node first", opt.Listen)
	}
	s := &Server{
		opt: opt, group: -1, health: health.NewServer(), watches: make(chan struct{}, watchesMax),
		uses: newUseSeries(time.Now),
	}
	if opt.Socket != "" {
		if err := s.openSocket(); err != nil {
			return nil, err
		}
	}
	if opt.Listen != "" {
		l, err := net.Listen("tcp", opt.Listen)
		if err != nil {
			_ = s.Close() // The first error is the one to tell.
			return nil, fmt.Errorf("admin listen %s: %w: choose another address or stop who uses it (ss -ltnp)",
				opt.Listen, err)
		}
		s.tcp = l
	}
	return s, nil
}

// openSocket opens the local socket with the mode that fits its group.
func (s *Server) openSocket() error {
	path := s.opt.Socket
	mode := os.FileMode(socketModeOwner)
	if s.opt.SocketGroup != "" {
		gid, err := lookupGroup(s.opt.SocketGroup)
		if err != nil {
			return fmt.Errorf("admin socket %s: %w", path, err)
		}
		s.group, mode = gid, socketModeGroup
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("admin socket %s: %w: create the folder", path, err)
	}
	if err := removeStale(path); err != nil {
		return fmt.Errorf("admin socket %s: %w", path, err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("admin socket %s: %w", path, err)
	}
	// Who may speak is decided by the caller's credentials at each call; the mode keeps others from knocking.
	if err = os.Chmod(path, mode); err != nil {
		err = fmt.Errorf("admin socket %s: %w", path, err)
	} else if s.group >= 0 {
		if err = os.Chown(path, -1, s.group); err != nil {
			err = fmt.Errorf("admin socket %s: group %s: %w: run with CAP_CHOWN, or as a member of the group, "+
				"or leave the group out", path, s.opt.SocketGroup, err)
		}
	}
	if err != nil {
		return errors.Join(err, l.Close())
	}
	s.socket = l
	return nil
}

// removeStale removes a socket that nobody listens on any more.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&os.ModeSocket == 0:
		return errors.New("a file that is no socket is in the way: remove it or choose another path")
	}
	if c, err := net.Dial("unix", path); err == nil {
		return errors.Join(errors.New("another process answers on it: stop that node or choose another path"),
			c.Close())
	}
	return os.Remove(path)
}

// Addr returns the address of the mutual-TLS port, nil without one.
func (s *Server) Addr() net.Addr {
	if s.tcp == nil {
		return nil
	}
	return s.tcp.Addr()
}

// Close closes the listeners of a Server that is not run.
func (s *Server) Close() error {
	var errs []error
	for _, l := range []net.Listener{s.socket, s.tcp} {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	return errors.Join(errs...)
}

// Run serves until ctx ends, lets calls in flight finish for a short while, and returns when they are gone.
func (s *Server) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	if s.socket != nil {
		s.serve(ctx, group, s.socket, localCredentials{})
	}
	if s.tcp != nil {
		s.serve(ctx, group, s.tcp, credentials.NewTLS(s.tlsConfig()))
	}
	group.Go(func() error { return s.uses.run(ctx, s.opt.Cluster) })
	group.Go(func() error {
		<-ctx.Done()
		s.health.Shutdown()
		return nil
	})
	return group.Wait()
}

// serve serves one listener in group until ctx ends.
func (s *Server) serve(ctx context.Context, group *errgroup.Group, l net.Listener,
	creds credentials.TransportCredentials,
) {
	g := s.newGRPC(ctx, creds)
	group.Go(func() error {
		if err := g.Serve(l); err != nil && ctx.Err() == nil {
			return fmt.Errorf("admin listener %s: %w", l.Addr(), err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		stopped := make(chan struct{})
		go func() {
			g.GracefulStop()
			close(stopped)
		}()
		select {
		case <-stopped:
		case <-time.After(stopTime):
			g.Stop()
			<-stopped
		}
		return nil
	})
}

// newGRPC returns a gRPC server with all services. Calls that would go on for ever end with ctx.
func (s *Server) newGRPC(ctx context.Context, creds credentials.TransportCredentials) *grpc.Server {
	g := grpc.NewServer(
		grpc.Creds(creds),
		grpc.MaxRecvMsgSize(messageLenMax),
		grpc.ChainUnaryInterceptor(s.report, s.recoverCall, s.authorize),
		grpc.ChainStreamInterceptor(s.recoverStream, s.authorizeStream),
	)
	b := backend{cluster: s.opt.Cluster, log: s.opt.Log}
	adminv1.RegisterLeaseServiceServer(g, &leases{backend: b, stopping: ctx.Done(), watches: s.watches})
	adminv1.RegisterSubnetServiceServer(g, &subnets{backend: b, uses: s.uses})
	adminv1.RegisterReservationServiceServer(g, &reservations{backend: b})
	adminv1.RegisterExplainServiceServer(g, &explanations{backend: b, explainer: s.opt.Explainer})
	adminv1.RegisterConfigServiceServer(g, &configs{backend: b})
	adminv1.RegisterClusterServiceServer(g, &clusters{backend: b, foreign: s.opt.Foreign})
	healthv1.RegisterHealthServer(g, s.health)
	reflection.Register(g)
	return g
}
