package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"

	adminv1 "port67/proto/admin/v1"
	"port67/server/admin"
	"port67/server/admin/admintest"
)

// TestLeaseWatch_LinesAsThingsHappen: what happens after the watch has begun is a line, and so many are
// enough.
func TestLeaseWatch_LinesAsThingsHappen(t *testing.T) {
	cluster, err := admintest.Sample()
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "admin.sock")
	server, err := admin.NewServer(admin.Options{Cluster: cluster, Socket: socket})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- server.Run(ctx) }()
	out, in := io.Pipe()
	var errs bytes.Buffer
	exit := make(chan int)
	go func() {
		code := run([]string{"lease", "watch", "--changes", "1", "--socket", socket}, terminal{
			in: strings.NewReader(""), out: in, err: &errs, getenv: func(string) string { return "" },
		})
		_ = in.Close()
		exit <- code
	}()
	lines := bufio.NewScanner(out)
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), "TIME ") {
		t.Errorf("begins with %q, want the names of the columns", lines.Text())
	}
	cluster.Apply(admintest.Bind(admintest.Client(30, "tablet"), "10.67.0.0/16", "10.67.1.30"))
	if !lines.Scan() || !strings.Contains(lines.Text(), "added    10.67.1.30       bound     02:67:00:00:00:1e") {
		t.Errorf("got %q, want the new lease", lines.Text())
	}
	if code := <-exit; code != exitDone {
		t.Errorf("exit %d: %s", code, errs.String())
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// TestShowChange_JSON: an object a line, for programs that read line by line.
func TestShowChange_JSON(t *testing.T) {
	var out bytes.Buffer
	tool := &tool{terminal: terminal{out: &out}, format: "json"}
	for range 2 {
		err := tool.showChange(&adminv1.WatchLeasesResponse{
			Change: adminv1.LeaseChange_LEASE_CHANGE_REMOVED, Lease: &adminv1.Lease{Address: "10.67.1.30"},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], `{"change":"LEASE_CHANGE_REMOVED","lease":{"address":"10.67.1.30"`) {
		t.Errorf("got\n%s", out.String())
	}
}
