package main

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"port67/cluster/trust"
)

// A member that takes the call and says nothing must not hold up who joins, and a signal must not leave half
// a node behind.
func TestJoin_ASignalEndsItAndLeavesNothing(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	called := make(chan error, 1)
	go func() {
		conn, err := silent.Accept()
		if err == nil {
			defer conn.Close()
			err = syscall.Kill(os.Getpid(), syscall.SIGTERM)
			_, _ = conn.Read(make([]byte, 1<<16))
			_, _ = conn.Read(make([]byte, 1)) // Until the caller has gone.
		}
		called <- err
	}()
	authority, err := trust.NewAuthority("0c6f6e0e-8f0e-4b8e-9d8a-4f5f2f0f6767", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	token, err := trust.NewToken("0c6f6e0e-8f0e-4b8e-9d8a-4f5f2f0f6767", authority.CertDER())
	if err != nil {
		t.Fatal(err)
	}
	top := t.TempDir()
	var out, errOut bytes.Buffer
	status := execute(t.Context(), []string{
		"join", "--name", "n2", "--data", filepath.Join(top, "lib", "data"), "--peer-listen", "127.0.0.1:6701",
		"--token", token.String(), silent.Addr().String(),
	}, &out, &errOut)
	if status != exitRefused || !strings.Contains(errOut.String(), "interrupted: nothing was changed here") {
		t.Errorf("status %d, says %q", status, errOut.String())
	}
	if err := <-called; err != nil && !errors.Is(err, net.ErrClosed) {
		t.Errorf("the silent member: %v", err)
	}
	if left, err := os.ReadDir(top); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}
