package admin_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"

	adminv1 "port67/proto/admin/v1"
	"port67/server/admin/admintest"
	"port67/storage"
	"port67/storage/lease"
)

func TestListLeases_Filters(t *testing.T) {
	client := adminv1.NewLeaseServiceClient(serve(t, sample(t)))
	for name, c := range map[string]struct {
		req  *adminv1.ListLeasesRequest
		want []string
	}{
		"all": {
			&adminv1.ListLeasesRequest{}, []string{"10.67.1.5", "10.67.1.6", "10.67.1.7", "10.68.0.11"},
		},
		"subnet":          {&adminv1.ListLeasesRequest{Subnet: "10.68.0.0/24"}, []string{"10.68.0.11"}},
		"part of subnet":  {&adminv1.ListLeasesRequest{Subnet: "10.67.1.6/31"}, []string{"10.67.1.6", "10.67.1.7"}},
		"unknown subnet":  {&adminv1.ListLeasesRequest{Subnet: "10.99.0.0/24"}, nil},
		"hostname":        {&adminv1.ListLeasesRequest{Search: "LAP"}, []string{"10.67.1.5"}},
		"hardware":        {&adminv1.ListLeasesRequest{Search: "00:00:06"}, []string{"10.67.1.6"}},
		"circuit":         {&adminv1.ListLeasesRequest{Search: "ge-0/0"}, []string{"10.68.0.11"}},
		"remote":          {&adminv1.ListLeasesRequest{Search: "hex:0a0b"}, []string{"10.68.0.11"}},
		"nothing":         {&adminv1.ListLeasesRequest{Search: "no such thing"}, nil},
		"declined":        {statuses(adminv1.LeaseStatus_LEASE_STATUS_DECLINED), []string{"10.67.1.7"}},
		"stale reads too": {&adminv1.ListLeasesRequest{Stale: true, Search: "phone"}, []string{"10.67.1.6"}},
		"two states": {
			statuses(adminv1.LeaseStatus_LEASE_STATUS_BOUND, adminv1.LeaseStatus_LEASE_STATUS_RELEASED),
			[]string{"10.67.1.5", "10.67.1.6", "10.68.0.11"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := client.ListLeases(deadline(t), c.req)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, addresses(resp.GetLeases())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// statuses asks for leases in these states.
func statuses(s ...adminv1.LeaseStatus) *adminv1.ListLeasesRequest {
	return &adminv1.ListLeasesRequest{Statuses: s}
}

// addresses returns the addresses of leases.
func addresses(leases []*adminv1.Lease) []string {
	var out []string
	for _, l := range leases {
		out = append(out, l.GetAddress())
	}
	return out
}

func TestListLeases_PagesJoinWithoutGapOrRepeat(t *testing.T) {
	client := adminv1.NewLeaseServiceClient(serve(t, sample(t)))
	var got []string
	req := &adminv1.ListLeasesRequest{PageSize: 3}
	for {
		resp, err := client.ListLeases(deadline(t), req)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, addresses(resp.GetLeases())...)
		if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{"10.67.1.5", "10.67.1.6", "10.67.1.7", "10.68.0.11"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestListLeases_BadRequests(t *testing.T) {
	client := adminv1.NewLeaseServiceClient(serve(t, sample(t)))
	for name, c := range map[string]struct {
		req   *adminv1.ListLeasesRequest
		field string
	}{
		"prefix":        {&adminv1.ListLeasesRequest{Subnet: "10.67.0.0"}, "subnet"},
		"host bits":     {&adminv1.ListLeasesRequest{Subnet: "10.67.1.1/16"}, "subnet"},
		"negative size": {&adminv1.ListLeasesRequest{PageSize: -1}, "page_size"},
		"token":         {&adminv1.ListLeasesRequest{PageToken: "!"}, "page_token"},
		"foreign token": {&adminv1.ListLeasesRequest{PageToken: "YWJj"}, "page_token"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client.ListLeases(deadline(t), c.req)
			bad := detail[*errdetails.BadRequest](wantCode(t, err, codes.InvalidArgument))
			if len(bad.GetFieldViolations()) != 1 || bad.GetFieldViolations()[0].GetField() != c.field {
				t.Errorf("got %v, want one violation of %s", bad, c.field)
			}
		})
	}
}

func TestGetLease(t *testing.T) {
	client := adminv1.NewLeaseServiceClient(serve(t, sample(t)))
	resp, err := client.GetLease(deadline(t), &adminv1.GetLeaseRequest{Address: "10.68.0.11"})
	if err != nil {
		t.Fatal(err)
	}
	l := resp.GetLease()
	got := []string{
		l.GetClient(), l.GetHardwareAddress(), l.GetHostname(), l.GetSubnet(), l.GetCircuitId(), l.GetRemoteId(),
		l.GetStatus().String(),
	}
	want := []string{
		"hw:1:02:67:00:00:00:08", "02:67:00:00:00:08", "camera", "10.68.0.0/24", "ge-0/0/1", "hex:0a0b",
		"LEASE_STATUS_BOUND",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if l.GetLeaseTime().AsDuration() != time.Hour {
		t.Errorf("lease time %v, want 1h", l.GetLeaseTime().AsDuration())
	}
	start, booked := l.GetStartTime().AsTime(), l.GetBookedTime().AsTime()
	reusable := l.GetReusableTime().AsTime()
	if booked.Sub(start) < time.Hour || !reusable.After(booked) {
		t.Errorf("start %v, booked %v, reusable %v: want 1h booked at least, and a grace", start, booked, reusable)
	}
	_, err = client.GetLease(deadline(t), &adminv1.GetLeaseRequest{Address: "10.67.1.50"})
	wantCode(t, err, codes.NotFound)
	_, err = client.GetLease(deadline(t), &adminv1.GetLeaseRequest{Address: "printer"})
	wantCode(t, err, codes.InvalidArgument)
	_, err = client.GetLease(deadline(t), &adminv1.GetLeaseRequest{})
	wantCode(t, err, codes.InvalidArgument)
}

func TestGetLease_ExpiresWithTime(t *testing.T) {
	c := sample(t)
	client := adminv1.NewLeaseServiceClient(serve(t, c))
	c.Advance(3 * time.Hour)
	resp, err := client.GetLease(deadline(t), &adminv1.GetLeaseRequest{Address: "10.67.1.5"})
	if err != nil || resp.GetLease().GetStatus() != adminv1.LeaseStatus_LEASE_STATUS_EXPIRED {
		t.Errorf("got %v, %v, want an expired lease", resp, err)
	}
}

func TestReleaseLease_P8_BookingStays(t *testing.T) {
	client := adminv1.NewLeaseServiceClient(serve(t, sample(t)))
	req := &adminv1.ReleaseLeaseRequest{Address: "10.67.1.5", ValidateOnly: true}
	before, err := client.ReleaseLease(deadline(t), req)
	if err != nil || before.GetLease().GetStatus() != adminv1.LeaseStatus_LEASE_STATUS_BOUND {
		t.Fatalf("validate only: got %v, %v, want the lease still bound", before, err)
	}
	req.ValidateOnly = false
	after, err := client.ReleaseLease(deadline(t), req)
	if err != nil || after.GetLease().GetStatus() != adminv1.LeaseStatus_LEASE_STATUS_RELEASED {
		t.Fatalf("got %v, %v, want the lease released", after, err)
	}
	if !after.GetLease().GetBookedTime().AsTime().Equal(before.GetLease().GetBookedTime().AsTime()) {
		t.Error("the release moved the booking")
	}
	_, err = client.ReleaseLease(deadline(t), req)
	wantCode(t, err, codes.FailedPrecondition)
	req.Address, req.ExpectedClient = "10.68.0.11", "hw:1:02:67:00:00:00:09"
	_, err = client.ReleaseLease(deadline(t), req)
	wantCode(t, err, codes.FailedPrecondition)
}

func TestDeleteLease_P3_OnlyForceDeletesABookedLease(t *testing.T) {
	c := sample(t)
	client := adminv1.NewLeaseServiceClient(serve(t, c))
	req := &adminv1.DeleteLeaseRequest{Address: "10.67.1.5"}
	_, err := client.DeleteLease(deadline(t), req)
	s := wantCode(t, err, codes.FailedPrecondition)
	if got := precondition(s); got != "STILL_BOOKED" {
		t.Errorf("precondition %q, want STILL_BOOKED", got)
	}
	req.Force, req.ValidateOnly = true, true
	if _, err := client.DeleteLease(deadline(t), req); err != nil {
		t.Fatal(err)
	}
	req.ValidateOnly = false
	resp, err := client.DeleteLease(deadline(t), req)
	if err != nil || resp.GetLease().GetHostname() != "laptop" {
		t.Fatalf("got %v, %v, want what was deleted", resp, err)
	}
	_, err = client.DeleteLease(deadline(t), req)
	wantCode(t, err, codes.NotFound)

	c.Advance(48 * time.Hour)
	_, err = client.DeleteLease(deadline(t), &adminv1.DeleteLeaseRequest{Address: "10.67.1.6"})
	if err != nil {
		t.Errorf("a lease whose booking is over: %v", err)
	}
}

// TestLeaseChanges_P3_AnotherClientCame: between the look and the change the address got another client.
func TestLeaseChanges_P3_AnotherClientCame(t *testing.T) {
	c := sample(t)
	client := adminv1.NewLeaseServiceClient(serve(t, c))
	address := netip.MustParseAddr("10.67.1.5")
	giveTo := func(n uint8) func() {
		return func() {
			c.Apply(storage.DeleteLease{Addr: address, Force: true},
				admintest.Bind(admintest.Client(n, ""), "10.67.0.0/16", "10.67.1.5"))
		}
	}
	c.Before(giveTo(20))
	_, err := client.DeleteLease(deadline(t), &adminv1.DeleteLeaseRequest{Address: "10.67.1.5", Force: true})
	if got := precondition(wantCode(t, err, codes.FailedPrecondition)); got != "HOLDER" {
		t.Errorf("delete: precondition %q, want HOLDER", got)
	}
	c.Before(giveTo(21))
	_, err = client.ReleaseLease(deadline(t), &adminv1.ReleaseLeaseRequest{Address: "10.67.1.5"})
	if got := precondition(wantCode(t, err, codes.FailedPrecondition)); got != "HOLDER" {
		t.Errorf("release: precondition %q, want HOLDER", got)
	}
	c.Read(func(v storage.View) {
		l, ok := v.Lease(address)
		if !ok || l.Status != lease.Bound || l.Client != admintest.Client(21, "").Key {
			t.Errorf("the other client's lease is %+v", l)
		}
	})
}

func TestClearDeclined(t *testing.T) {
	c := sample(t)
	client := adminv1.NewLeaseServiceClient(serve(t, c))
	_, err := client.ClearDeclined(deadline(t), &adminv1.ClearDeclinedRequest{Address: "10.67.1.5"})
	wantCode(t, err, codes.FailedPrecondition)
	for _, req := range []*adminv1.ClearDeclinedRequest{{ValidateOnly: true}, {Address: "10.67.1.7"}} {
		resp, err := client.ClearDeclined(deadline(t), req)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"10.67.1.7"}, resp.GetAddresses()); diff != "" {
			t.Error(diff)
		}
	}
	resp, err := client.ClearDeclined(deadline(t), &adminv1.ClearDeclinedRequest{})
	if err != nil || len(resp.GetAddresses()) != 0 {
		t.Errorf("got %v, %v, want nothing left to clear", resp, err)
	}
}

func TestReads_WithoutQuorum(t *testing.T) {
	c := sample(t)
	conn := serve(t, c)
	c.Lose(storage.ErrNoLeader)
	client := adminv1.NewLeaseServiceClient(conn)
	_, err := client.ListLeases(deadline(t), &adminv1.ListLeasesRequest{})
	s := wantCode(t, err, codes.Unavailable)
	if r := detail[*errdetails.ErrorInfo](s).GetReason(); r != "NO_QUORUM" {
		t.Errorf("reason %q, want NO_QUORUM", r)
	}
	resp, err := client.ListLeases(deadline(t), &adminv1.ListLeasesRequest{Stale: true})
	if err != nil || len(resp.GetLeases()) != 4 {
		t.Errorf("stale: got %v, %v, want all four leases", resp, err)
	}
	st, err := adminv1.NewClusterServiceClient(conn).GetStatus(deadline(t), &adminv1.GetStatusRequest{})
	if err != nil || st.GetHasQuorum() || st.GetLossesBearable() != -1 {
		t.Errorf("status: got %v, %v, want one without quorum", st, err)
	}
}
