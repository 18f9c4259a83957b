package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"strings"
	"testing"

	"port67/server/admin"
	"port67/server/admin/admintest"
)

// serveTLS runs a server that shows a certificate, and returns its address.
func serveTLS(t *testing.T, authority *admintest.Authority, shown tls.Certificate) string {
	t.Helper()
	cluster, err := admintest.Sample()
	if err != nil {
		t.Fatal(err)
	}
	s, err := admin.NewServer(admin.Options{
		Cluster: cluster, Listen: "127.0.0.1:0",
		Identity: func() (tls.Certificate, *x509.CertPool, error) { return shown, authority.Pool(), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s.Addr().String()
}

// servePlain returns the address of somebody who speaks, but no TLS.
func servePlain(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("220 mail.example.org\r\n"))
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

func TestServer_MutualTLS(t *testing.T) {
	ours, theirs := admintest.NewAuthority(t), admintest.NewAuthority(t)
	ada := ours.Named(t, "port67://"+admintest.ClusterID+"/admin/ada")
	node := ours.Named(t, "port67://"+admintest.ClusterID+"/node/"+string(admintest.Self))
	good := serveTLS(t, ours, node)
	impostor := serveTLS(t, ours, ada)
	cert, key, ca := ours.Files(t, ada)
	nodeCert, nodeKey, _ := ours.Files(t, node)
	otherCert, otherKey, otherCA := theirs.Files(t, theirs.Named(t, "port67://"+admintest.ClusterID+"/admin/ada"))
	plain := servePlain(t)
	for name, c := range map[string]struct {
		server, cert, key, ca string
		exit                  int
		text                  string
	}{
		"administrator":                {good, cert, key, ca, exitDone, "quorum"},
		"first node dead":              {"127.0.0.1:1," + good, cert, key, ca, exitDone, "quorum"},
		"all nodes dead":               {"127.0.0.1:1,127.0.0.1:2", cert, key, ca, exitUnreachable, "127.0.0.1:2"},
		"node of another cluster":      {good, cert, key, otherCA, exitRefused, "certificate"},
		"of another cluster":           {good, otherCert, otherKey, ca, exitRefused, "no trust between"},
		"no TLS at the other end":      {plain, cert, key, ca, exitRefused, "no trust between"},
		"somebody who is no node":      {impostor, cert, key, ca, exitRefused, "not a node's"},
		"a node is no administrator":   {good, nodeCert, nodeKey, ca, exitRefused, "not an administrator's"},
		"key of another certificate":   {good, cert, nodeKey, ca, exitRefused, "certificate"},
		"authority without a file":     {good, cert, key, ca + "x", exitRefused, "authority's certificate"},
		"authority that is no such":    {good, cert, key, key, exitRefused, "no certificate in it"},
		"certificate without a file":   {good, cert + "x", key, ca, exitRefused, "no such file"},
		"authority that is left out":   {good, cert, key, "", exitUsage, "--ca"},
		"certificate that is left out": {good, "", key, ca, exitUsage, "--cert"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			args := []string{
				"cluster", "status", "--server", c.server, "--cert", c.cert, "--key", c.key, "--ca", c.ca,
			}
			exit := run(args, terminal{
				in: strings.NewReader(""), out: &out, err: &out, getenv: func(string) string { return "" },
			})
			if exit != c.exit || !strings.Contains(out.String(), c.text) {
				t.Errorf("exit %d, want %d with %q in:\n%s", exit, c.exit, c.text, out.String())
			}
		})
	}
}
