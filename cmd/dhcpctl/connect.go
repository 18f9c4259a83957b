package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

const (
	socketDefault = "/run/port67/admin.sock"
	// waitDefault is for calls that take one round, waitLong for those that move nodes.
	waitDefault = 15 * time.Second
	waitLong    = 40 * time.Second
	// dialTime is how long one address may take to answer before the next one is tried.
	dialTime = 3 * time.Second
	// messageLenMax bounds an answer; a page of leases is far smaller.
	messageLenMax = 64 << 20
)

// link is how a node is reached: by the local socket, or by mutual TLS at one of several addresses.
type link struct {
	socket  string
	servers []string
	cert    string
	key     string
	ca      string
	context string // the name of the context that some of it comes from; empty: none
	// dialErr is why the last attempt to connect did not come about, trustErr why one end did not trust the
	// other; gRPC would bury them.
	dialErr, trustErr atomic.Pointer[error]
}

// flags adds the flags that say where a node is. The environment is the default.
func (l *link) flags(f *pflag.FlagSet, getenv func(string) string) {
	socket := getenv("DHCPCTL_SOCKET")
	if socket == "" {
		socket = socketDefault
	}
	var servers []string
	if s := getenv("DHCPCTL_SERVER"); s != "" {
		servers = strings.Split(s, ",")
	}
	f.StringVar(&l.socket, "socket", socket, "local socket of a node (DHCPCTL_SOCKET)")
	f.StringSliceVar(&l.servers, "server", servers,
		"HOST:PORT of one or more nodes, tried in turn, instead of the socket (DHCPCTL_SERVER)")
	f.StringVar(&l.cert, "cert", getenv("DHCPCTL_CERT"),
		"administrator's certificate, for --server (DHCPCTL_CERT)")
	f.StringVar(&l.key, "key", getenv("DHCPCTL_KEY"), "key of the certificate (DHCPCTL_KEY)")
	f.StringVar(&l.ca, "ca", getenv("DHCPCTL_CA"), "certificate of the cluster's authority (DHCPCTL_CA)")
}

// dial returns the connection to a node; the first call makes it.
func (t *tool) dial(c *cobra.Command) (*grpc.ClientConn, error) {
	if t.conn != nil {
		return t.conn, nil
	}
	if err := t.takeContext(c); err != nil {
		return nil, err
	}
	if f := c.Flags(); f.Changed("socket") {
		if f.Changed("server") {
			return nil, usagef(c, "--socket and --server: two ways to one node: give one of them")
		}
		t.link.servers = nil // Those of the environment.
	}
	creds, dialer := insecure.NewCredentials(), t.link.dialSocket
	if len(t.link.servers) > 0 {
		if err := t.link.checkServers(c); err != nil {
			return nil, err
		}
		conf, err := t.link.tlsConfig()
		if err != nil && t.link.context != "" {
			return nil, fmt.Errorf("context %s: %w: put the file back, or dhcpctl context add %s --replace with "+
				"others", t.link.context, err, t.link.context)
		}
		if err != nil {
			return nil, err
		}
		creds, dialer = &witness{credentials.NewTLS(conf), &t.link}, t.link.dialServers
	}
	conn, err := grpc.NewClient("passthrough:///port67", grpc.WithTransportCredentials(creds),
		grpc.WithContextDialer(dialer), grpc.WithUserAgent("dhcpctl/"+version()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(messageLenMax)))
	t.conn = conn
	return conn, err
}

// call asks a node: it connects if that was not done yet, and waits for the answer as long as the user says,
// or else for def.
func call[C, Q, S any](t *tool, c *cobra.Command, def time.Duration,
	service func(grpc.ClientConnInterface) C,
	method func(C, context.Context, Q, ...grpc.CallOption) (S, error), req Q,
) (S, error) {
	conn, err := t.dial(c)
	if err != nil {
		var none S
		return none, err
	}
	ctx, cancel := t.deadline(c, def)
	defer cancel()
	return method(service(conn), ctx, req)
}

// deadline returns the context of one call.
func (t *tool) deadline(c *cobra.Command, def time.Duration) (context.Context, context.CancelFunc) {
	ctx := c.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	if t.wait > 0 {
		def = t.wait
	}
	return context.WithTimeout(ctx, def)
}

// checkServers refuses what is no address of a node.
func (l *link) checkServers(c *cobra.Command) error {
	for _, s := range l.servers {
		if _, _, err := net.SplitHostPort(s); err != nil {
			return usagef(c, "--server %s: HOST:PORT is needed, as in n1.example.org:6702", s)
		}
	}
	return nil
}

// dialSocket connects to the local socket.
func (l *link) dialSocket(ctx context.Context, _ string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", l.socket)
	if err != nil {
		l.dialErr.Store(&err)
	}
	return conn, err
}

// dialServers connects to the first address that answers.
func (l *link) dialServers(ctx context.Context, _ string) (net.Conn, error) {
	var errs []error
	for _, s := range l.servers {
		d := net.Dialer{Timeout: dialTime}
		conn, err := d.DialContext(ctx, "tcp", s)
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	err := errors.Join(errs...)
	l.dialErr.Store(&err)
	return nil, err
}

// witness is credentials that note in link when one end does not trust the other.
type witness struct {
	credentials.TransportCredentials
	link *link
}

// Clone returns a copy that notes in the same place.
func (w *witness) Clone() credentials.TransportCredentials {
	return &witness{w.TransportCredentials.Clone(), w.link}
}

// ClientHandshake notes why a handshake failed, if it was not for the network.
func (w *witness) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn,
	credentials.AuthInfo, error,
) {
	conn, info, err := w.TransportCredentials.ClientHandshake(ctx, authority, raw)
	var network net.Error
	switch {
	case err == nil:
		return &witnessedConn{conn, w.link}, info, nil
	case isAlert(err), !errors.As(err, &network) && !errors.Is(err, io.EOF) && ctx.Err() == nil:
		w.link.trustErr.Store(&err)
	}
	return nil, nil, err
}

// witnessedConn notes the other end's refusal of our certificate: in TLS 1.3 it comes after the handshake
// (RFC 8446 §4.4.4).
type witnessedConn struct {
	net.Conn
	link *link
}

// Read notes what the other end says against us.
func (c *witnessedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if isAlert(err) {
		c.link.trustErr.Store(&err)
	}
	return n, err
}

// Write looks, when the other end is gone, whether it said why: whoever waits for the write hears of that
// first.
func (c *witnessedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err != nil && c.SetReadDeadline(time.Now().Add(time.Second)) == nil {
		_, _ = c.Read(make([]byte, 1)) // Read notes it.
	}
	return n, err
}

// isAlert says whether err is a TLS alert of the other end.
func isAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}

// unreachable says why no node answered, and what to do about it.
func (l *link) unreachable(s *status.Status) string {
	var cause error
	if p := l.dialErr.Load(); p != nil {
		cause = *p
	}
	switch {
	case s.Code() == codes.DeadlineExceeded && cause == nil:
		return "no answer in time: the node is busy or stuck; try another one, or a longer --timeout"
	case len(l.servers) > 0 && cause != nil:
		return fmt.Sprintf("no node reachable: %s", strings.ReplaceAll(cause.Error(), "\n", "; "))
	case len(l.servers) > 0:
		return fmt.Sprintf("no node reachable at %s: %s", joinWords(l.servers), s.Message())
	case errors.Is(cause, fs.ErrPermission):
		return fmt.Sprintf("socket %s: not allowed: use root, or join the group that owns it", l.socket)
	case cause != nil:
		return fmt.Sprintf("no node reachable at %s: start port67d on this machine, or name a node with "+
			"--server HOST:6702 --cert FILE --key FILE --ca FILE", l.socket)
	}
	return fmt.Sprintf("no node reachable at %s: %s", l.socket, s.Message())
}

// tlsConfig returns what the mutual-TLS connection needs. A node is recognised by the cluster's authority and
// the role in its certificate, not by the name or address it was reached at.
func (l *link) tlsConfig() (*tls.Config, error) {
	for _, f := range []struct{ flag, value string }{{"--cert", l.cert}, {"--key", l.key}, {"--ca", l.ca}} {
		if f.value == "" {
			return nil, &usageError{
				text: "--server needs " + f.flag + " too: the administrator's certificate, its key and the " +
					"authority's certificate",
				command: "dhcpctl",
			}
		}
	}
	pair, err := tls.LoadX509KeyPair(l.cert, l.key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", l.cert, l.key, err)
	}
	pem, err := os.ReadFile(l.ca)
	if err != nil {
		return nil, fmt.Errorf("authority's certificate: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("authority's certificate %s: no certificate in it", l.ca)
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{pair},
		// Verification is VerifyConnection's: the names in a node's certificate are not host names.
		InsecureSkipVerify: true,
		VerifyConnection:   func(state tls.ConnectionState) error { return verifyNode(state, roots) },
	}, nil
}

// verifyNode checks that the other end is a node of the cluster whose authority is in roots.
func verifyNode(state tls.ConnectionState, roots *x509.CertPool) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the node shows no certificate")
	}
	opts := x509.VerifyOptions{
		Roots: roots, Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, c := range state.PeerCertificates[1:] {
		opts.Intermediates.AddCert(c)
	}
	leaf := state.PeerCertificates[0]
	if _, err := leaf.Verify(opts); err != nil {
		return fmt.Errorf("the node's certificate: %w", err)
	}
	if !slices.ContainsFunc(leaf.URIs, isNodeURI) {
		return errors.New("the other end's certificate is not a node's")
	}
	return nil
}

// isNodeURI says whether a name in a certificate is that of a node: port67://CLUSTER/node/UUID.
func isNodeURI(u *url.URL) bool { return u.Scheme == "port67" && strings.HasPrefix(u.Path, "/node/") }
