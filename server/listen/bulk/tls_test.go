package bulk

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/netip"
	"testing"
	"time"

	"port67/server"
	"port67/server/dhcp4"
	"port67/storage"
	"port67/storage/config"
)

// identity returns a certificate that vouches for itself, as a node would show it, and who believes it.
func identity(t *testing.T) (func() (tls.Certificate, *x509.CertPool, error), *x509.CertPool) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"node"}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(nil, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return func() (tls.Certificate, *x509.CertPool, error) {
		return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, pool, nil
	}, pool
}

// mode sets what is said of TLS.
func (r *rig) mode(mode config.LeaseQueryTLS) {
	r.t.Helper()
	var c config.Config
	var revision uint64
	r.Read(func(v storage.View) { c, revision = *v.Config().Config, v.Revision() })
	c.LeaseQuery.TLS = mode
	if got := r.apply(storage.SetConfig{Expected: revision, Config: &c}); got.Refusal != storage.Granted {
		r.t.Fatalf("configuration refused: %s", got.Detail)
	}
}

// tlsQuery is a DHCPTLS as it goes over a connection.
func tlsQuery(xid uint32) []byte {
	b := query(xid)
	b[2+242] = byte(dhcp4.TLS)
	return b
}

// RFC 7724: a connection changes to TLS by its first message, and goes on as any other.
func TestListener_TLS(t *testing.T) {
	id, pool := identity(t)
	r := newRig(t, 3, Options{Identity: id}, "127.0.0.0/8")
	r.mode("require")
	conn := r.dial()
	write(t, conn, tlsQuery(1))
	wantSaid(t, conn, 1, said{dhcp4.TLS, 0, ""})
	secure := tls.Client(conn, &tls.Config{RootCAs: pool, ServerName: "node"})
	if err := secure.Handshake(); err != nil {
		t.Fatal(err)
	}
	write(t, secure, query(2))
	if got, err := read(t, secure, 1); got[2].leases != 3 {
		t.Errorf("a bulk query by TLS: %+v, %v", got, err)
	}
	r.outcomes(server.LeaseQueryAnswered)
	write(t, secure, activeQuery(3))
	wantSaid(t, secure, 3, said{status, 6, ""})
	wantSaid(t, secure, 3, said{dhcp4.LeaseActive, 0, r.bind(1)})
	write(t, secure, tlsQuery(4))
	wantSaid(t, secure, 4, said{dhcp4.TLS, 8, ""}) // Once is enough.
}

func TestListener_TLSByMode(t *testing.T) {
	id, _ := identity(t)
	for mode, want := range map[config.LeaseQueryTLS]struct{ tls, plain byte }{
		"off": {8, 0}, "allow": {0, 0}, "require": {0, 4},
	} {
		r := newRig(t, 1, Options{Identity: id}, "127.0.0.0/8")
		r.mode(mode)
		conn := r.dial()
		write(t, conn, tlsQuery(1))
		if got, err := hear(t, conn, 1); got.kind != dhcp4.TLS || got.status != want.tls || err != nil {
			t.Errorf("%s: DHCPTLS: %v, %v, want status %d", mode, got, err, want.tls)
		}
		plain := r.dial()
		write(t, plain, query(2))
		if got, err := read(t, plain, 1); got[2].status != want.plain || err != nil {
			t.Errorf("%s: a query without TLS: %+v, %v, want status %d", mode, got, err, want.plain)
		}
		if mode == "off" { // The connection goes on as it was.
			write(t, conn, query(3))
			if got, err := read(t, conn, 1); got[3].leases != 1 || err != nil {
				t.Errorf("after a refusal: %+v, %v", got, err)
			}
		}
	}
}

// Nobody can put a query before the handshake that counts as the requester's behind it.
func TestListener_TLSNothingBehindDHCPTLS(t *testing.T) {
	id, _ := identity(t)
	r := newRig(t, 1, Options{Identity: id, Addresses: func() []netip.Addr {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	}}, "127.0.0.0/8")
	r.mode("allow")
	conn := r.dial()
	write(t, conn, append(tlsQuery(1), query(2)...))
	if got, err := hear(t, conn, 1); err == nil {
		t.Errorf("%v, want the end", got)
	}
	garbage := r.dial()
	write(t, garbage, tlsQuery(1))
	wantSaid(t, garbage, 1, said{dhcp4.TLS, 0, ""})
	write(t, garbage, query(2))
	const alert = 7 // octets of a TLS record that says what is wrong
	if n := readAll(garbage); n > alert {
		t.Errorf("%d octets in answer to a query instead of a handshake", n)
	}
}

// readAll reads to the end of a connection, and says how much came.
func readAll(conn net.Conn) (n int) {
	b := make([]byte, 4096)
	for {
		m, err := conn.Read(b)
		if n += m; err != nil {
			return n
		}
	}
}
