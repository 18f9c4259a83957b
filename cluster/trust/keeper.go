package trust

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"time"
)

// The protocols behind the peer port, told apart by ALPN.
const (
	ProtoRaft = "port67-raft/1"
	ProtoPeer = "h2"
	ProtoJoin = "port67-join/1"
)

// Keeper holds a node's own certificate and the cluster's authority, and makes TLS configurations of them.
// The certificate is read again when its file changes, so that a renewal needs no restart.
type Keeper struct {
	cluster string
	file    string
	ca      *x509.Certificate
	pool    *x509.CertPool

	mu    sync.Mutex
	cert  *tls.Certificate
	stamp time.Time // modification time of the file when cert was read
}

// NewKeeper reads a node's certificate and key from one PEM file; ca is the authority's certificate (DER).
func NewKeeper(cluster, file string, ca []byte) (*Keeper, error) {
	c, err := x509.ParseCertificate(ca)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	k := &Keeper{cluster: cluster, file: file, ca: c, pool: x509.NewCertPool()}
	k.pool.AddCert(c)
	if _, err := k.Certificate(); err != nil {
		return nil, err
	}
	return k, nil
}

// Pool returns the cluster's authority as the roots to trust.
func (k *Keeper) Pool() *x509.CertPool { return k.pool }

// Certificate returns the node's certificate with the authority's behind it. If the file has become
// unreadable, the last good one is returned.
func (k *Keeper) Certificate() (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	info, err := os.Stat(k.file)
	if err != nil {
		return k.cert, k.unlessKept(err)
	}
	if k.cert != nil && info.ModTime().Equal(k.stamp) {
		return k.cert, nil
	}
	cert, err := tls.LoadX509KeyPair(k.file, k.file)
	if err != nil {
		return k.cert, k.unlessKept(err)
	}
	if len(cert.Certificate) == 1 {
		cert.Certificate = append(cert.Certificate, k.ca.Raw)
	}
	k.cert, k.stamp = &cert, info.ModTime()
	return k.cert, nil
}

func (k *Keeper) unlessKept(err error) error {
	if k.cert != nil {
		return nil
	}
	return fmt.Errorf("node certificate: %w", err)
}

// Left returns how much of the certificate's life is left at now, and how long it is in all.
func (k *Keeper) Left(now time.Time) (left, life time.Duration, err error) {
	cert, err := k.Certificate()
	if err != nil {
		return 0, 0, err
	}
	return cert.Leaf.NotAfter.Sub(now), cert.Leaf.NotAfter.Sub(cert.Leaf.NotBefore), nil
}

// Verify says whom a chain of certificates speaks for, if the cluster's authority vouches for it.
func (k *Keeper) Verify(chain []*x509.Certificate, use x509.ExtKeyUsage) (Identity, error) {
	if len(chain) == 0 {
		return Identity{}, errors.New("no certificate shown")
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots:       k.pool,
		KeyUsages:   []x509.ExtKeyUsage{use},
		CurrentTime: k.now(),
	})
	if err != nil {
		return Identity{}, err
	}
	id, err := IdentityOf(chain[0])
	if err != nil {
		return Identity{}, err
	}
	if id.Cluster != k.cluster {
		return Identity{}, fmt.Errorf("%s: of another cluster, not %s", id, k.cluster)
	}
	return id, nil
}

// now is wall time, but never before the node's own certificate became valid: a clock that starts in 1970
// must not keep a node out of its cluster.
func (k *Keeper) now() time.Time {
	now := time.Now()
	if cert, err := k.Certificate(); err == nil && now.Before(cert.Leaf.NotBefore) {
		return cert.Leaf.NotBefore
	}
	return now
}

// server returns the configuration of the listening side. Only a caller that speaks nothing but joining may
// come without a certificate. admit is asked once the certificate is known to be genuine.
func (k *Keeper) server(admit func(Identity, string) error) *tls.Config {
	base := func() *tls.Config {
		return &tls.Config{
			MinVersion:             tls.VersionTLS13,
			SessionTicketsDisabled: true,
			GetCertificate:         func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return k.Certificate() },
		}
	}
	members := base()
	members.NextProtos = []string{ProtoRaft, ProtoPeer}
	members.ClientAuth = tls.RequireAnyClientCert
	members.VerifyConnection = func(s tls.ConnectionState) error {
		id, err := k.Verify(s.PeerCertificates, x509.ExtKeyUsageClientAuth)
		if err != nil {
			return err
		}
		if id.Role != RoleNode {
			return fmt.Errorf("%s: role %q may not use the peer port", id, id.Role)
		}
		return admit(id, s.NegotiatedProtocol)
	}
	strangers := base()
	strangers.NextProtos = []string{ProtoJoin}
	first := base()
	first.NextProtos = []string{ProtoRaft, ProtoPeer, ProtoJoin}
	first.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		switch {
		case slices.Equal(hello.SupportedProtos, []string{ProtoJoin}):
			return strangers, nil
		case len(hello.SupportedProtos) == 0:
			return nil, errors.New("no application protocol named")
		}
		return members, nil
	}
	return first
}

// client returns the configuration for calling node want (a UUID; empty: any node) with proto.
func (k *Keeper) client(want, proto string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{proto},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return k.Certificate()
		},
		// The name to check is the node's identity, not the host it happens to run on; VerifyConnection
		// does what is skipped here.
		InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			id, err := k.Verify(s.PeerCertificates, x509.ExtKeyUsageServerAuth)
			switch {
			case err != nil:
				return err
			case id.Role != RoleNode:
				return fmt.Errorf("%s: role %q is not a node's", id, id.Role)
			case want != "" && id.Name != want:
				return fmt.Errorf("%s answers where node %s should be", id, want)
			case s.NegotiatedProtocol != proto:
				return fmt.Errorf("%s speaks no %s", id, proto)
			}
			return nil
		},
	}
}

// DialToJoin calls addr as a stranger with nothing but a token: the server must show a node's certificate of
// the token's cluster under the authority that the token pins.
func DialToJoin(ctx context.Context, addr string, t Token) (net.Conn, error) {
	config := &tls.Config{
		MinVersion:         tls.VersionTLS13,
		NextProtos:         []string{ProtoJoin},
		InsecureSkipVerify: true, // VerifyConnection checks against the pin.
		VerifyConnection:   func(s tls.ConnectionState) error { return t.verify(s.PeerCertificates) },
	}
	d := &tls.Dialer{NetDialer: &net.Dialer{Timeout: handshakeMax}, Config: config}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("join: %s: %w", addr, err)
	}
	return conn, nil
}

func (t Token) verify(chain []*x509.Certificate) error {
	for _, c := range chain {
		if sum := sha256.Sum256(c.Raw); !bytes.Equal(sum[:], t.Pin[:]) {
			continue
		}
		roots := x509.NewCertPool()
		roots.AddCert(c)
		_, err := chain[0].Verify(x509.VerifyOptions{
			Roots:     roots,
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		})
		if err != nil {
			return err
		}
		id, err := IdentityOf(chain[0])
		if err != nil {
			return err
		}
		if id.Role != RoleNode || id.Cluster != t.Cluster {
			return fmt.Errorf("%s: not a node of cluster %s", id, t.Cluster)
		}
		return nil
	}
	return errors.New("the server is not of the cluster that the token was made for")
}

// ParseCertPEM returns the first certificate of a PEM file, as DER.
func ParseCertPEM(b []byte) ([]byte, error) {
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("certificate: no PEM block of type CERTIFICATE")
	}
	return block.Bytes, nil
}
