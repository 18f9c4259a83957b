package admin_test

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"port67/server/admin"
	"port67/server/admin/admintest"
)

// sample returns the sample cluster.
func sample(t *testing.T) *admintest.Cluster {
	t.Helper()
	c, err := admintest.Sample()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// serve runs a server for c on a local socket and returns a connection to it.
func serve(t *testing.T, c admin.Cluster) *grpc.ClientConn {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "admin.sock")
	run(t, admin.Options{Cluster: c, Socket: socket})
	return dial(t, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(dialUnix(socket)))
}

// dialUnix returns how a connection to a local socket is made.
func dialUnix(socket string) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
}

// run runs a server until the test ends.
func run(t *testing.T, opt admin.Options) *admin.Server {
	t.Helper()
	s, err := admin.NewServer(opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return s
}

// dial returns a connection that ends with the test.
func dial(t *testing.T, opts ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///node", opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// deadline is the context of a call in a test.
func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// wantCode fails the test unless err has the code, and returns its status.
func wantCode(t *testing.T, err error, want codes.Code) *status.Status {
	t.Helper()
	s, _ := status.FromError(err)
	if s.Code() != want {
		t.Fatalf("got %v, want code %v", err, want)
	}
	return s
}

// detail returns the first detail of a type, the zero value if there is none.
func detail[T any](s *status.Status) (found T) {
	for _, d := range s.Details() {
		if d, ok := d.(T); ok {
			return d
		}
	}
	return found
}

// precondition returns the type of the one precondition that failed.
func precondition(s *status.Status) string {
	if v := detail[*errdetails.PreconditionFailure](s).GetViolations(); len(v) == 1 {
		return v[0].GetType()
	}
	return ""
}

// violations returns the descriptions of all field violations.
func violations(s *status.Status) []string {
	var texts []string
	for _, v := range detail[*errdetails.BadRequest](s).GetFieldViolations() {
		texts = append(texts, v.GetDescription())
	}
	return texts
}
