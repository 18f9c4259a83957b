package admin_test

import (
	"net/netip"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	adminv1 "port67/proto/admin/v1"
	"port67/server/admin/admintest"
	"port67/storage"
)

func TestWatchLeases(t *testing.T) {
	c := sample(t)
	client := adminv1.NewLeaseServiceClient(serve(t, c))
	stream, err := client.WatchLeases(deadline(t), &adminv1.WatchLeasesRequest{Subnet: "10.67.0.0/16"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Header(); err != nil {
		t.Fatal(err)
	}
	address := netip.MustParseAddr("10.67.1.5")
	for _, step := range []struct {
		name    string
		command storage.Command
		change  adminv1.LeaseChange
		address string
		status  adminv1.LeaseStatus
	}{
		{"a new one, after one of another subnet", admintest.Bind(admintest.Client(30, "tablet"), "10.67.0.0/16", "10.67.1.30"),
			adminv1.LeaseChange_LEASE_CHANGE_ADDED, "10.67.1.30", adminv1.LeaseStatus_LEASE_STATUS_BOUND},
		{"released", storage.ReleaseLease{Addr: address}, adminv1.LeaseChange_LEASE_CHANGE_CHANGED, "10.67.1.5",
			adminv1.LeaseStatus_LEASE_STATUS_RELEASED},
		{"deleted", storage.DeleteLease{Addr: address, Force: true}, adminv1.LeaseChange_LEASE_CHANGE_REMOVED, "10.67.1.5",
			adminv1.LeaseStatus_LEASE_STATUS_UNSPECIFIED},
	} {
		c.Apply(storage.ReleaseLease{Addr: netip.MustParseAddr("10.68.0.11")}, step.command)
		got, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		l := got.GetLease()
		if got.GetChange() != step.change || l.GetAddress() != step.address || l.GetStatus() != step.status {
			t.Errorf("%s: got %v", step.name, got)
		}
	}
	c.Advance(3 * time.Hour) // what only the clock changes
	got, err := stream.Recv()
	if err != nil || got.GetLease().GetStatus() != adminv1.LeaseStatus_LEASE_STATUS_EXPIRED {
		t.Errorf("got %v, %v, want an expired lease", got, err)
	}
}

func TestWatchLeases_Refused(t *testing.T) {
	client := adminv1.NewLeaseServiceClient(serve(t, sample(t)))
	bad, err := client.WatchLeases(deadline(t), &adminv1.WatchLeasesRequest{Subnet: "10.67.0.0"})
	if err == nil {
		_, err = bad.Recv()
	}
	wantCode(t, err, codes.InvalidArgument)
	for range 8 {
		stream, err := client.WatchLeases(deadline(t), &adminv1.WatchLeasesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Header(); err != nil {
			t.Fatal(err)
		}
	}
	more, err := client.WatchLeases(deadline(t), &adminv1.WatchLeasesRequest{})
	if err == nil {
		_, err = more.Recv()
	}
	wantCode(t, err, codes.ResourceExhausted)
}
