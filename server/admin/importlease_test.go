package admin_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	adminv1 "port67/proto/admin/v1"
	"port67/server/admin/admintest"
	"port67/storage"
)

// imported is a lease of another server with half an hour left.
func imported(address, client string) *adminv1.ImportedLease {
	return &adminv1.ImportedLease{
		Address: address, Client: client, Hostname: "tablet", Remaining: durationpb.New(30 * time.Minute),
		LeaseTime: durationpb.New(time.Hour), Age: durationpb.New(30 * time.Minute),
	}
}

func TestImportLeases(t *testing.T) {
	client := adminv1.NewLeaseServiceClient(serve(t, sample(t)))
	req := &adminv1.ImportLeasesRequest{Leases: []*adminv1.ImportedLease{
		imported("10.67.1.50", "hw:1:02:67:00:00:01:01"),
		imported("10.67.1.5", "hw:1:02:67:00:00:01:02"), // the laptop's
		imported("10.99.1.5", "hw:1:02:67:00:00:01:03"),
		{Address: "10.67.1.51", Declined: true, Remaining: durationpb.New(time.Hour)},
		{Address: "10.67.1.52", Client: "id:01aa", HardwareAddress: "02:67:00:00:01:04"},
	}}
	req.ValidateOnly = true
	resp, err := client.ImportLeases(deadline(t), req)
	if err != nil || !resp.GetResults()[0].GetTaken() || resp.GetResults()[2].GetTaken() {
		t.Errorf("validate only: %v, %v", resp, err)
	}
	for range 2 { // Twice is once.
		req.ValidateOnly = false
		if resp, err = client.ImportLeases(deadline(t), req); err != nil {
			t.Fatal(err)
		}
		for _, r := range resp.GetResults() {
			r.Known = false
		}
		want := []*adminv1.ImportedResult{
			{Address: "10.67.1.50", Taken: true},
			{Address: "10.67.1.5", Reason: "booked for, or offered to, hw:1:02:67:00:00:00:05"},
			{Address: "10.99.1.5", Reason: "no subnet is configured for the address"},
			{Address: "10.67.1.51", Taken: true},
			{Address: "10.67.1.52", Taken: true},
		}
		if diff := cmp.Diff(want, resp.GetResults(), protocmp.Transform()); diff != "" {
			t.Error(diff)
		}
	}
	got, err := client.GetLease(deadline(t), &adminv1.GetLeaseRequest{Address: "10.67.1.50"})
	if l := got.GetLease(); err != nil || l.GetStatus() != adminv1.LeaseStatus_LEASE_STATUS_BOUND ||
		l.GetHardwareAddress() != "02:67:00:00:01:01" || l.GetHostname() != "tablet" {
		t.Errorf("%v, %v", got, err)
	}
	got, err = client.GetLease(deadline(t), &adminv1.GetLeaseRequest{Address: "10.67.1.52"})
	if l := got.GetLease(); err != nil || !l.GetPermanent() || l.GetClient() != "id:01aa" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestImportLeases_Refused(t *testing.T) {
	cluster := sample(t)
	client := adminv1.NewLeaseServiceClient(serve(t, cluster))
	for _, l := range map[string]*adminv1.ImportedLease{
		"no address":  imported("10.67.1", "id:01aa"),
		"no client":   imported("10.67.1.50", ""),
		"bad client":  imported("10.67.1.50", "printer"),
		"no hardware": {Address: "10.67.1.50", Client: "id:01aa", HardwareAddress: "x"},
	} {
		_, err := client.ImportLeases(deadline(t), &adminv1.ImportLeasesRequest{Leases: []*adminv1.ImportedLease{l}})
		wantCode(t, err, codes.InvalidArgument)
	}
	many := make([]*adminv1.ImportedLease, 1001)
	for i := range many {
		many[i] = imported("10.67.1.50", "id:01aa")
	}
	_, err := client.ImportLeases(deadline(t), &adminv1.ImportLeasesRequest{Leases: many})
	wantCode(t, err, codes.InvalidArgument)
	cluster.Fail(storage.ErrUnknown)
	_, err = client.ImportLeases(deadline(t), &adminv1.ImportLeasesRequest{Leases: many[:1]})
	wantCode(t, err, codes.DeadlineExceeded)
	bare := adminv1.NewLeaseServiceClient(serve(t, admintest.New()))
	resp, err := bare.ImportLeases(deadline(t), &adminv1.ImportLeasesRequest{Leases: many[:1], ValidateOnly: true})
	if err != nil || resp.GetResults()[0].GetTaken() {
		t.Errorf("without a configuration: %v, %v", resp, err)
	}
}
