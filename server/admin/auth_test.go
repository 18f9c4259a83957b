package admin_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	adminv1 "port67/proto/admin/v1"
	"port67/server/admin"
	"port67/server/admin/admintest"
)

func TestMutualTLS(t *testing.T) {
	ours, theirs := admintest.NewAuthority(t), admintest.NewAuthority(t)
	node := ours.Named(t, "port67://"+admintest.ClusterID+"/node/"+string(admintest.Self))
	cluster := sample(t)
	s := run(t, admin.Options{
		Cluster: cluster, Listen: "127.0.0.1:0",
		Identity: func() (tls.Certificate, *x509.CertPool, error) { return node, ours.Pool(), nil },
	})
	ada := "port67://" + admintest.ClusterID + "/admin/ada"
	for name, c := range map[string]struct {
		certs []tls.Certificate
		code  codes.Code
		text  string
	}{
		"administrator": {[]tls.Certificate{ours.Named(t, ada)}, codes.OK, ""},
		"node":          {[]tls.Certificate{node}, codes.PermissionDenied, "not an administrator's"},
		"other cluster": {
			[]tls.Certificate{ours.Named(t, "port67://other/admin/ada")}, codes.PermissionDenied, "another cluster",
		},
		"no name":         {[]tls.Certificate{ours.Named(t, "")}, codes.PermissionDenied, "names no administrator"},
		"nobody":          {[]tls.Certificate{ours.Named(t, ada[:len(ada)-3])}, codes.PermissionDenied, ""},
		"other authority": {[]tls.Certificate{theirs.Named(t, ada)}, codes.Unavailable, ""},
		"none":            {nil, codes.Unavailable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
				Certificates: c.certs, InsecureSkipVerify: true,
			})), grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
				var d net.Dialer
				return d.DialContext(ctx, "tcp", s.Addr().String())
			}))
			client := adminv1.NewReservationServiceClient(conn)
			_, err := client.DeleteReservation(deadline(t), &adminv1.DeleteReservationRequest{Key: "10.67.0.100"})
			if s := wantCode(t, err, c.code); !strings.Contains(s.Message(), c.text) {
				t.Errorf("%q does not say %q", s.Message(), c.text)
			}
			if c.code != codes.OK {
				return
			}
			r, err := adminv1.NewConfigServiceClient(conn).GetConfig(deadline(t), &adminv1.GetConfigRequest{})
			if err != nil || r.GetRevision().GetAuthor() != "ada" {
				t.Errorf("got %v, %v, want ada as the author", r, err)
			}
		})
	}
}

func TestHealth(t *testing.T) {
	conn := serve(t, sample(t))
	resp, err := healthv1.NewHealthClient(conn).Check(deadline(t), &healthv1.HealthCheckRequest{})
	if err != nil || resp.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		t.Errorf("got %v, %v, want SERVING", resp, err)
	}
}

func TestSocket_ModeAndStaleFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "admin.sock")
	cluster := sample(t)
	first, err := admin.NewServer(admin.Options{Cluster: cluster, Socket: path})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
	if _, err := admin.NewServer(admin.Options{Cluster: cluster, Socket: path}); err == nil ||
		!strings.Contains(err.Error(), "another process answers on it") {
		t.Errorf("a second server on one socket: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	leaveBehind(t, path)
	again, err := admin.NewServer(admin.Options{Cluster: cluster, Socket: path, SocketGroup: "0"})
	if err != nil {
		t.Fatalf("a socket left behind: %v", err)
	}
	defer func() { _ = again.Close() }()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("mode %v, %v, want 0660 with a group", info.Mode(), err)
	}
}

// leaveBehind leaves a socket on which nobody listens, as a killed process does.
func leaveBehind(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestNewServer_Refused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		opt  admin.Options
		text string
	}{
		"a file in the way":      {admin.Options{Socket: file}, "no socket is in the way"},
		"an unknown group":       {admin.Options{Socket: file + "2", SocketGroup: "no-such-group"}, "groupadd"},
		"TLS without identity":   {admin.Options{Listen: "127.0.0.1:0"}, "no certificate"},
		"an address not of here": {admin.Options{Listen: "192.0.2.1:1", Identity: noIdentity}, "192.0.2.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := admin.NewServer(c.opt)
			if err == nil || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, want %q", err, c.text)
			}
		})
	}
}

// A process that may not give files away (root of a service with few capabilities, or any other user) is told
// what it lacks.
func TestNewServer_GroupNotPermitted(t *testing.T) {
	runtime.LockOSThread() // For good: the thread, which has fewer rights from here on, ends with the test.
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	if err := unix.Capget(&head, &caps[0]); err != nil {
		t.Fatal(err)
	}
	caps[0].Effective &^= 1 << unix.CAP_CHOWN
	if err := unix.Capset(&head, &caps[0]); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "admin.sock")
	_, err := admin.NewServer(admin.Options{Socket: path, SocketGroup: "64321"})
	for _, want := range []string{path, "group 64321", "CAP_CHOWN", "leave the group out"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// noIdentity is an Identity that is never asked.
func noIdentity() (cert tls.Certificate, pool *x509.CertPool, err error) { return cert, pool, nil }

func TestSocket_AuthorIsTheUser(t *testing.T) {
	conn := serve(t, sample(t))
	resp, err := adminv1.NewReservationServiceClient(conn).CreateReservation(deadline(t), printer("10.67.0.101"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := adminv1.NewConfigServiceClient(conn).GetConfig(deadline(t),
		&adminv1.GetConfigRequest{Revision: resp.GetRevision()})
	if err != nil || !strings.HasSuffix(r.GetRevision().GetAuthor(), " via socket") {
		t.Errorf("got %v, %v, want an author via socket", r, err)
	}
}
