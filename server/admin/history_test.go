package admin_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "port67/proto/admin/v1"
	"port67/server/admin/admintest"
	"port67/storage"
)

// kinds lists events as KIND:ADDRESS, newest first.
func kinds(events []*adminv1.LeaseEvent) string {
	var out []string
	for _, e := range events {
		out = append(out, strings.ToLower(strings.TrimPrefix(e.GetKind().String(), "LEASE_EVENT_KIND_"))+":"+e.GetAddress())
	}
	return strings.Join(out, " ")
}

// TestListLeaseHistory_Events: by address, by client and by hardware address, in pages, without a quorum.
func TestListLeaseHistory_Events(t *testing.T) {
	c := sample(t)
	c.Apply(admintest.Bind(admintest.Client(5, "laptop"), "10.68.0.0/24", "10.68.0.12"))
	c.Lose(storage.ErrNoLeader)
	client := adminv1.NewLeaseServiceClient(serve(t, c))
	for _, q := range []struct {
		req  *adminv1.ListLeaseHistoryRequest
		want string
	}{
		{&adminv1.ListLeaseHistoryRequest{Address: "10.67.1.6"}, "released:10.67.1.6 bound:10.67.1.6"},
		{&adminv1.ListLeaseHistoryRequest{Client: "02:67:00:00:00:05"}, "bound:10.68.0.12 bound:10.67.1.5"},
		{&adminv1.ListLeaseHistoryRequest{Client: "hw:1:02:67:00:00:00:05"}, "bound:10.68.0.12 bound:10.67.1.5"},
		{&adminv1.ListLeaseHistoryRequest{Client: "id:ffff"}, ""},
		{&adminv1.ListLeaseHistoryRequest{Address: "10.67.1.50"}, ""},
	} {
		resp, err := client.ListLeaseHistory(deadline(t), q.req)
		if err != nil {
			t.Fatalf("%v: %v", q.req, err)
		}
		if got := kinds(resp.GetEvents()); got != q.want {
			t.Errorf("%v: %q, want %q", q.req, got, q.want)
		}
		if resp.GetNodeName() != "n1" || resp.GetBeginTime() == nil {
			t.Errorf("%v: journal of %q from %v", q.req, resp.GetNodeName(), resp.GetBeginTime())
		}
	}
	req := &adminv1.ListLeaseHistoryRequest{Address: "10.67.1.6", PageSize: 1}
	first, err := client.ListLeaseHistory(deadline(t), req)
	if err != nil || kinds(first.GetEvents()) != "released:10.67.1.6" || first.GetNextPageToken() == "" {
		t.Fatalf("first page: %v, %v", first, err)
	}
	req.PageToken = first.GetNextPageToken()
	second, err := client.ListLeaseHistory(deadline(t), req)
	if err != nil || kinds(second.GetEvents()) != "bound:10.67.1.6" || second.GetNextPageToken() != "" {
		t.Errorf("second page: %v, %v", second, err)
	}
}

// TestListLeaseHistory_At: who had an address, before, while and after somebody had it.
func TestListLeaseHistory_At(t *testing.T) {
	c := sample(t) // All at one instant: bound for two hours.
	client := adminv1.NewLeaseServiceClient(serve(t, c))
	resp, err := client.ListLeaseHistory(deadline(t), &adminv1.ListLeaseHistoryRequest{Address: "10.67.1.5"})
	if err != nil {
		t.Fatal(err)
	}
	begin := resp.GetEvents()[0].GetTime().AsTime()
	c.Gap(3 * time.Hour)
	c.Apply(admintest.Bind(admintest.Client(9, "newcomer"), "10.67.0.0/16", "10.67.1.5"))
	for _, q := range []struct {
		name, address  string
		after          time.Duration
		held, doubtful bool
		client         string // empty: nothing known
	}{
		{"before", "10.67.1.5", -time.Second, false, false, ""},
		{"while", "10.67.1.5", 0, true, false, "hw:1:02:67:00:00:00:05"},
		{"in the gap", "10.67.1.5", time.Hour, true, true, "hw:1:02:67:00:00:00:05"},
		{"after the booking", "10.67.1.5", 2*time.Hour + time.Minute, false, true, "hw:1:02:67:00:00:00:05"},
		{"the next one", "10.67.1.5", 3 * time.Hour, true, false, "hw:1:02:67:00:00:00:09"},
		{"given back", "10.67.1.6", 0, false, false, "hw:1:02:67:00:00:00:06"},
		{"declined", "10.67.1.7", 0, false, false, "hw:1:02:67:00:00:00:07"},
	} {
		resp, err := client.ListLeaseHistory(deadline(t), &adminv1.ListLeaseHistoryRequest{
			Address: q.address, At: timestamppb.New(begin.Add(q.after)),
		})
		if err != nil {
			t.Fatalf("%s: %v", q.name, err)
		}
		if q.client == "" {
			if len(resp.GetHoldings()) != 0 {
				t.Errorf("%s: %v, want nothing", q.name, resp.GetHoldings())
			}
			continue
		}
		if len(resp.GetHoldings()) != 1 {
			t.Fatalf("%s: %v, want one holding", q.name, resp)
		}
		h := resp.GetHoldings()[0]
		if h.GetHeld() != q.held || h.GetUncertain() != q.doubtful || h.GetEvent().GetClient() != q.client {
			t.Errorf("%s: %v, want held %t, uncertain %t, client %s", q.name, h, q.held, q.doubtful, q.client)
		}
	}
}

func TestListLeaseHistory_Refusals(t *testing.T) {
	c := sample(t)
	client := adminv1.NewLeaseServiceClient(serve(t, c))
	now := timestamppb.Now()
	for name, req := range map[string]*adminv1.ListLeaseHistoryRequest{
		"neither":         {},
		"both":            {Address: "10.67.1.5", Client: "id:01"},
		"no address":      {Address: "printer"},
		"no client":       {Client: "printer"},
		"no key":          {Client: "id:xyz"},
		"at and since":    {Address: "10.67.1.5", At: now, Since: now},
		"somebody's page": {Address: "10.67.1.5", PageToken: "Zm9v"},
		"negative page":   {Address: "10.67.1.5", PageSize: -1},
	} {
		if _, err := client.ListLeaseHistory(deadline(t), req); err == nil {
			t.Errorf("%s: no error", name)
		} else {
			wantCode(t, err, codes.InvalidArgument)
		}
	}
	c.Forget()
	_, err := client.ListLeaseHistory(deadline(t), &adminv1.ListLeaseHistoryRequest{Address: "10.67.1.5"})
	wantCode(t, err, codes.FailedPrecondition)
}
