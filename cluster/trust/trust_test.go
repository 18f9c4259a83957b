package trust

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const cluster = "0c6f6e0e-8f0e-4b8e-9d8a-4f5f2f0f6767"

func newAuthority(t *testing.T, name string) *Authority {
	t.Helper()
	a, err := NewAuthority(name, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// newKeeper gives id a certificate of a and makes a keeper that trusts trusted.
func newKeeper(t *testing.T, a *Authority, id Identity, trusted *Authority) *Keeper {
	t.Helper()
	csr, key, err := NewRequest()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := a.Sign(csr, id, []string{"127.0.0.1", "n1"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "node.pem")
	if err := os.WriteFile(file, append(CertPEM(cert), KeyPEM(key)...), 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := NewKeeper(cluster, file, trusted.CertDER())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func node(name string) Identity { return Identity{Cluster: cluster, Role: RoleNode, Name: name} }

// serve runs a port and echoes what arrives on its lanes, with the lane's name in front.
func serve(t *testing.T, k *Keeper, admit func(Identity, string) error) *Port {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := NewPort(k, listener, admit)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	for name, lane := range map[string]net.Listener{"raft": p.Raft(), "peer": p.Peer(), "join": p.Join()} {
		go func() {
			for {
				c, err := lane.Accept()
				if err != nil {
					return
				}
				_, _ = c.Write([]byte(name + " " + c.(*Conn).Peer.Name))
			}
		}()
	}
	return p
}

// read returns what the port says first.
func read(c net.Conn) (string, error) {
	b := make([]byte, 64)
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	n, err := c.Read(b)
	return string(b[:n]), err
}

func TestPort_RoleAndMembershipNotOnlyTheCA(t *testing.T) {
	ours, theirs := newAuthority(t, cluster), newAuthority(t, "other")
	server := newKeeper(t, ours, node("n1"), ours)
	p := serve(t, server, func(id Identity, _ string) error {
		if id.Name == "removed" {
			return errors.New("removed")
		}
		return nil
	})
	for _, c := range []struct {
		name  string
		keep  *Keeper
		proto string
		want  string // empty: refused
	}{
		{"a member speaks Raft", newKeeper(t, ours, node("n2"), ours), ProtoRaft, "raft n2"},
		{"a member calls", newKeeper(t, ours, node("n2"), ours), ProtoPeer, "peer n2"},
		{"an administrator", newKeeper(t, ours, Identity{cluster, RoleAdmin, "first"}, ours), ProtoRaft, ""},
		{"an administrator calls", newKeeper(t, ours, Identity{cluster, RoleAdmin, "first"}, ours), ProtoPeer, ""},
		{"a removed node", newKeeper(t, ours, node("removed"), ours), ProtoRaft, ""},
		{"a node of another cluster under our CA",
			newKeeper(t, ours, Identity{"other", RoleNode, "n2"}, ours), ProtoRaft, ""},
		{"a node under another CA", newKeeper(t, theirs, node("n2"), ours), ProtoRaft, ""},
		{"an unknown protocol", newKeeper(t, ours, node("n2"), ours), "http/1.1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := c.keep.Dial(t.Context(), p.listener.Addr().String(), "n1", c.proto)
			got := ""
			if err == nil {
				defer conn.Close()
				got, err = read(conn)
			}
			if got != c.want {
				t.Errorf("got %q (%v), want %q", got, err, c.want)
			}
			if c.want == "" && err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestPort_NoCertificateOpensOnlyJoining(t *testing.T) {
	ours := newAuthority(t, cluster)
	p := serve(t, newKeeper(t, ours, node("n1"), ours), func(Identity, string) error { return nil })
	for _, c := range []struct {
		name   string
		protos []string
		want   string
	}{
		{"joining", []string{ProtoJoin}, "join "},
		{"Raft", []string{ProtoRaft}, ""},
		{"calls", []string{ProtoPeer}, ""},
		{"joining and calls", []string{ProtoJoin, ProtoPeer}, ""},
		{"nothing named", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := tls.Dial("tcp", p.listener.Addr().String(), &tls.Config{
				InsecureSkipVerify: true, NextProtos: c.protos,
			})
			got := ""
			if err == nil {
				defer conn.Close()
				got, err = read(conn)
			}
			if got != c.want {
				t.Errorf("got %q (%v), want %q", got, err, c.want)
			}
		})
	}
	t.Run("TLS 1.2", func(t *testing.T) {
		_, err := tls.Dial("tcp", p.listener.Addr().String(), &tls.Config{
			InsecureSkipVerify: true, NextProtos: []string{ProtoJoin}, MaxVersion: tls.VersionTLS12,
		})
		if err == nil {
			t.Error("accepted")
		}
	})
}

func TestDial_RefusesTheWrongServer(t *testing.T) {
	ours := newAuthority(t, cluster)
	p := serve(t, newKeeper(t, ours, node("n1"), ours), func(Identity, string) error { return nil })
	client := newKeeper(t, ours, node("n2"), ours)
	if _, err := client.Dial(t.Context(), p.listener.Addr().String(), "n3", ProtoRaft); err == nil {
		t.Error("n1 passed for n3")
	}
	admin := serve(t, newKeeper(t, ours, Identity{cluster, RoleAdmin, "n1"}, ours),
		func(Identity, string) error { return nil })
	if _, err := client.Dial(t.Context(), admin.listener.Addr().String(), "n1", ProtoRaft); err == nil {
		t.Error("an administrator passed for a node")
	}
}

func TestPort_RecheckClosesTheRemoved(t *testing.T) {
	ours := newAuthority(t, cluster)
	removed := make(chan struct{})
	p := serve(t, newKeeper(t, ours, node("n1"), ours), func(Identity, string) error {
		select {
		case <-removed:
			return errors.New("removed")
		default:
			return nil
		}
	})
	client := newKeeper(t, ours, node("n2"), ours)
	conn, err := client.Dial(t.Context(), p.listener.Addr().String(), "n1", ProtoRaft)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := read(conn); err != nil {
		t.Fatal(err)
	}
	close(removed)
	p.Recheck()
	if s, err := read(conn); err == nil {
		t.Errorf("still open, says %q", s)
	}
}

func TestKeeper_ReadsARenewedCertificateWithoutRestart(t *testing.T) {
	ours := newAuthority(t, cluster)
	k := newKeeper(t, ours, node("n1"), ours)
	before, err := k.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	csr, key, err := NewRequest()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := ours.Sign(csr, node("n1"), nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(k.file, append(CertPEM(cert), KeyPEM(key)...), 0o600); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Minute)
	if err := os.Chtimes(k.file, later, later); err != nil {
		t.Fatal(err)
	}
	after, err := k.Certificate()
	if err != nil || after.Leaf.Equal(before.Leaf) {
		t.Errorf("the old certificate is still in use (%v)", err)
	}
	if err := os.WriteFile(k.file, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if kept, err := k.Certificate(); err != nil || !kept.Leaf.Equal(after.Leaf) {
		t.Errorf("an unreadable file took the certificate away (%v)", err)
	}
}

func TestToken_RoundTripAndTypos(t *testing.T) {
	a := newAuthority(t, cluster)
	token, err := NewToken(cluster, a.CertDER())
	if err != nil {
		t.Fatal(err)
	}
	text := token.String()
	back, err := ParseToken(" " + text + "\n")
	if err != nil || back.Cluster != cluster || back.Pin != token.Pin || back.Hash() != token.Hash() {
		t.Errorf("ParseToken(%q) = %+v, %v", text, back, err)
	}
	flip := byte('A')
	if text[20] == 'A' {
		flip = 'B'
	}
	for _, bad := range []string{"", "p67-", "token", text[:len(text)-3], text[4:],
		text[:20] + string(flip) + text[21:]} {
		if _, err := ParseToken(bad); err == nil || !strings.HasPrefix(err.Error(), "token: ") {
			t.Errorf("ParseToken(%q): %v", bad, err)
		}
	}
}

func TestDialToJoin_Pin(t *testing.T) {
	ours, theirs := newAuthority(t, cluster), newAuthority(t, cluster)
	p := serve(t, newKeeper(t, ours, node("n1"), ours), func(Identity, string) error { return nil })
	token := func(name string, a *Authority) Token {
		tk, err := NewToken(name, a.CertDER())
		if err != nil {
			t.Fatal(err)
		}
		return tk
	}
	conn, err := DialToJoin(t.Context(), p.listener.Addr().String(), token(cluster, ours))
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if _, err := DialToJoin(t.Context(), p.listener.Addr().String(), token(cluster, theirs)); err == nil {
		t.Error("another authority passed the pin")
	}
	if _, err := DialToJoin(t.Context(), p.listener.Addr().String(), token("other", ours)); err == nil {
		t.Error("another cluster passed")
	}
}

func TestSign_TakesNothingButTheKeyFromTheRequest(t *testing.T) {
	a := newAuthority(t, cluster)
	csr, _, err := NewRequest()
	if err != nil {
		t.Fatal(err)
	}
	csr[len(csr)-1] ^= 1
	if _, err := a.Sign(csr, node("n1"), nil, time.Now()); err == nil {
		t.Error("a request with a wrong signature was signed")
	}
	key, err := a.KeyDER()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := LoadAuthority(newAuthority(t, cluster).CertDER(), key); err == nil {
		t.Error("a key passed for another certificate's")
	}
}

func TestIdentityOf(t *testing.T) {
	for _, id := range []Identity{node("n1"), {cluster, RoleAdmin, "first"}} {
		c := &x509.Certificate{}
		c.URIs = append(c.URIs, id.URI())
		if got, err := IdentityOf(c); err != nil || got != id {
			t.Errorf("IdentityOf(%s) = %v, %v", id, got, err)
		}
	}
	bad := &x509.Certificate{}
	bad.URIs = append(bad.URIs, Identity{cluster, "root", "x"}.URI())
	for _, c := range []*x509.Certificate{{}, bad} {
		if id, err := IdentityOf(c); err == nil {
			t.Errorf("IdentityOf = %v", id)
		}
	}
}
