package admin_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	adminv1 "port67/proto/admin/v1"
	"port67/server/admin/admintest"
)

// scanner is a reservation of a client that has none yet.
func scanner(subnet, address string) *adminv1.Reservation {
	return &adminv1.Reservation{Subnet: subnet, Address: address, Hardware: []string{"02:67:00:00:00:02"}}
}

// printer asks for a reservation of an address.
func printer(address string) *adminv1.CreateReservationRequest {
	return &adminv1.CreateReservationRequest{Reservation: &adminv1.Reservation{
		Address: address, Hardware: []string{"02-67-00-00-00-02"}, Hostname: "scanner",
	}}
}

func TestCreateReservation(t *testing.T) {
	conn := serve(t, sample(t))
	client := adminv1.NewReservationServiceClient(conn)
	req := printer("10.67.0.101")
	req.Comment = "for floor 3"
	resp, err := client.CreateReservation(deadline(t), req)
	if err != nil || resp.GetRevision() != 2 {
		t.Fatalf("got %v, %v, want revision 2", resp, err)
	}
	want := &adminv1.Reservation{
		Subnet: "10.67.0.0/16", Address: "10.67.0.101", Hardware: []string{"02:67:00:00:00:02"}, Hostname: "scanner",
	}
	if !proto.Equal(want, resp.GetReservation()) {
		t.Errorf("got %v, want %v", resp.GetReservation(), want)
	}
	list, err := client.ListReservations(deadline(t), &adminv1.ListReservationsRequest{})
	if err != nil || len(list.GetReservations()) != 2 || list.GetRevision() != 2 {
		t.Fatalf("got %v, %v, want both reservations", list, err)
	}
	if o := list.GetReservations()[0].GetOptions(); len(o) != 1 || o[0].GetName() != "log-servers" ||
		o[0].GetValue() != "10.67.0.9" {
		t.Errorf("options %v, want those of the file kept", o)
	}
	got, err := adminv1.NewConfigServiceClient(conn).GetConfig(deadline(t), &adminv1.GetConfigRequest{})
	if err != nil || got.GetRevision().GetComment() != "for floor 3" {
		t.Fatalf("got %v, %v, want the comment kept", got, err)
	}
	if _, err := admintest.Parse(got.GetRevision().GetSource()); err != nil {
		t.Errorf("the text written anew: %v\n%s", err, got.GetRevision().GetSource())
	}
}

func TestCreateReservation_Refused(t *testing.T) {
	client := adminv1.NewReservationServiceClient(serve(t, sample(t)))
	for name, c := range map[string]struct {
		r    *adminv1.Reservation
		code codes.Code
		text string
	}{
		"none":           {nil, codes.InvalidArgument, "reservation"},
		"no identifier":  {&adminv1.Reservation{Address: "10.67.0.101"}, codes.InvalidArgument, "no identifier"},
		"bad address":    {scanner("", "x"), codes.InvalidArgument, "address"},
		"bad hardware":   {&adminv1.Reservation{Hardware: []string{"02:67"}}, codes.InvalidArgument, "hardware"},
		"bad client id":  {&adminv1.Reservation{ClientId: []string{"xyz"}}, codes.InvalidArgument, "client identifier"},
		"no subnet":      {&adminv1.Reservation{Hardware: []string{"02:67:00:00:00:02"}}, codes.InvalidArgument, "subnet"},
		"unknown subnet": {scanner("10.9.0.0/16", ""), codes.NotFound, "10.9.0.0/16"},
		"outside":        {scanner("", "10.9.0.1"), codes.InvalidArgument, "10.9.0.1"},
		"address taken":  {scanner("", "10.67.0.100"), codes.InvalidArgument, "10.67.0.100"},
		"identifier taken": {
			&adminv1.Reservation{Address: "10.67.0.101", Hardware: []string{"02:67:00:00:00:01"}},
			codes.InvalidArgument, "02:67:00:00:00:01",
		},
		"options": {
			&adminv1.Reservation{Hardware: []string{"02:67:00:00:00:02"}, Options: []*adminv1.Option{{Code: 7}}},
			codes.InvalidArgument, "options",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client.CreateReservation(deadline(t), &adminv1.CreateReservationRequest{Reservation: c.r})
			s := wantCode(t, err, c.code)
			if text := s.Message() + strings.Join(violations(s), " "); !strings.Contains(text, c.text) {
				t.Errorf("%q does not name %q", text, c.text)
			}
		})
	}
}

func TestUpdateReservation(t *testing.T) {
	for name, c := range map[string]struct {
		key   string
		to    *adminv1.Reservation
		paths []string
		want  *adminv1.Reservation
	}{
		"hostname by address": {
			"10.67.0.100", &adminv1.Reservation{Hostname: "plotter", Address: "10.67.0.7"}, []string{"hostname"},
			&adminv1.Reservation{Address: "10.67.0.100", Hardware: []string{"02:67:00:00:00:01"}, Hostname: "plotter"},
		},
		"address by hardware": {
			"02:67:00:00:00:01", &adminv1.Reservation{Address: "10.67.0.102"}, []string{"address"},
			&adminv1.Reservation{Address: "10.67.0.102", Hardware: []string{"02:67:00:00:00:01"}, Hostname: "printer"},
		},
		"identifier exchanged": {
			"10.67.0.100", &adminv1.Reservation{ClientId: []string{"ff0102"}}, []string{"hardware", "client_id"},
			&adminv1.Reservation{Address: "10.67.0.100", ClientId: []string{"ff0102"}, Hostname: "printer"},
		},
		"hostname taken away": {
			"10.67.0.100", &adminv1.Reservation{}, []string{"hostname", "rarp"},
			&adminv1.Reservation{Address: "10.67.0.100", Hardware: []string{"02:67:00:00:00:01"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			client := adminv1.NewReservationServiceClient(serve(t, sample(t)))
			resp, err := client.UpdateReservation(deadline(t), &adminv1.UpdateReservationRequest{
				Key: c.key, Reservation: c.to, UpdateMask: &fieldmaskpb.FieldMask{Paths: c.paths},
			})
			if err != nil {
				t.Fatal(err)
			}
			got := proto.CloneOf(resp.GetReservation())
			if len(got.GetOptions()) != 1 {
				t.Errorf("options %v, want the one of the file kept", got.GetOptions())
			}
			got.Options, c.want.Subnet = nil, "10.67.0.0/16"
			if !proto.Equal(c.want, got) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestUpdateReservation_Refused(t *testing.T) {
	client := adminv1.NewReservationServiceClient(serve(t, sample(t)))
	for name, c := range map[string]struct {
		key  string
		path string
		code codes.Code
	}{
		"unknown":        {"10.67.0.99", "hostname", codes.NotFound},
		"unknown client": {"id:0102", "hostname", codes.NotFound},
		"not a key":      {"printer", "hostname", codes.InvalidArgument},
		"not a field":    {"10.67.0.100", "subnet", codes.InvalidArgument},
		"invalid then":   {"10.67.0.100", "hardware", codes.InvalidArgument},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client.UpdateReservation(deadline(t), &adminv1.UpdateReservationRequest{
				Key: c.key, Reservation: &adminv1.Reservation{},
				UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{c.path}},
			})
			wantCode(t, err, c.code)
		})
	}
	_, err := client.UpdateReservation(deadline(t), &adminv1.UpdateReservationRequest{Key: "10.67.0.100"})
	wantCode(t, err, codes.InvalidArgument)
}

func TestDeleteReservation(t *testing.T) {
	client := adminv1.NewReservationServiceClient(serve(t, sample(t)))
	req := &adminv1.DeleteReservationRequest{Key: "10.67.0.100", ValidateOnly: true}
	resp, err := client.DeleteReservation(deadline(t), req)
	if err != nil || resp.GetReservation().GetHostname() != "printer" || resp.GetRevision() != 1 {
		t.Fatalf("got %v, %v, want what would be deleted, at revision 1", resp, err)
	}
	req.ValidateOnly, req.ExpectedRevision = false, proto.Uint64(9)
	_, err = client.DeleteReservation(deadline(t), req)
	wantCode(t, err, codes.FailedPrecondition)
	req.ExpectedRevision = proto.Uint64(1)
	if resp, err = client.DeleteReservation(deadline(t), req); err != nil || resp.GetRevision() != 2 {
		t.Fatalf("got %v, %v, want revision 2", resp, err)
	}
	list, err := client.ListReservations(deadline(t), &adminv1.ListReservationsRequest{})
	if err != nil || len(list.GetReservations()) != 0 {
		t.Errorf("got %v, %v, want none left", list, err)
	}
}

func TestReservation_KeyInSeveralSubnets(t *testing.T) {
	client := adminv1.NewReservationServiceClient(serve(t, sample(t)))
	_, err := client.CreateReservation(deadline(t), &adminv1.CreateReservationRequest{
		Reservation: &adminv1.Reservation{Subnet: "10.68.0.0/24", Hardware: []string{"02:67:00:00:00:01"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.DeleteReservation(deadline(t), &adminv1.DeleteReservationRequest{Key: "02:67:00:00:00:01"})
	wantCode(t, err, codes.InvalidArgument)
	_, err = client.DeleteReservation(deadline(t), &adminv1.DeleteReservationRequest{
		Key: "02:67:00:00:00:01", Subnet: "10.68.0.0/24",
	})
	if err != nil {
		t.Error(err)
	}
}

// A reservation for a place goes through all verbs, and so does one that is in no subnet.
func TestReservation_PlacesAndGlobal_V4_087(t *testing.T) {
	client := adminv1.NewReservationServiceClient(serve(t, sample(t)))
	for _, r := range []*adminv1.Reservation{
		{Address: "10.67.0.101", CircuitId: []string{"text:ge-1"}, RemoteId: []string{"0a:0b", "0c"}, OneDevice: true},
		{Subnet: "global", Hardware: []string{"02:67:00:00:00:02", "0267.0000.0003"}, Hostname: "twin"},
	} {
		if _, err := client.CreateReservation(deadline(t), &adminv1.CreateReservationRequest{Reservation: r}); err != nil {
			t.Fatal(err)
		}
	}
	resp, err := client.UpdateReservation(deadline(t), &adminv1.UpdateReservationRequest{
		Key: "circuit-id:67652d31", Reservation: &adminv1.Reservation{RelayId: []string{"ff"}},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"relay_id", "remote_id"}},
	})
	want := &adminv1.Reservation{
		Subnet: "10.67.0.0/16", Address: "10.67.0.101", CircuitId: []string{"67652d31"}, RelayId: []string{"ff"},
		OneDevice: true,
	}
	if err != nil || !proto.Equal(want, resp.GetReservation()) {
		t.Errorf("got %v, %v, want %v", resp.GetReservation(), err, want)
	}
	list, err := client.ListReservations(deadline(t), &adminv1.ListReservationsRequest{Subnet: "global"})
	want = &adminv1.Reservation{
		Subnet: "global", Hardware: []string{"02:67:00:00:00:02", "02:67:00:00:00:03"}, Hostname: "twin",
	}
	if err != nil || len(list.GetReservations()) != 1 || !proto.Equal(want, list.GetReservations()[0]) {
		t.Errorf("got %v, %v, want %v", list.GetReservations(), err, want)
	}
	list, err = client.ListReservations(deadline(t), &adminv1.ListReservationsRequest{Search: "67652D31"})
	if err != nil || len(list.GetReservations()) != 1 {
		t.Errorf("by circuit: %v, %v, want one", list.GetReservations(), err)
	}
	for _, key := range []string{"relay-id:ff", "02:67:00:00:00:03"} {
		if _, err := client.DeleteReservation(deadline(t), &adminv1.DeleteReservationRequest{Key: key}); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	_, err = client.CreateReservation(deadline(t), &adminv1.CreateReservationRequest{Reservation: &adminv1.Reservation{
		Address: "10.67.0.101", CircuitId: []string{"01"}, Hardware: []string{"02:67:00:00:00:02"},
	}})
	wantCode(t, err, codes.InvalidArgument)
}

func TestListReservations_Filters(t *testing.T) {
	client := adminv1.NewReservationServiceClient(serve(t, sample(t)))
	for name, c := range map[string]struct {
		req  *adminv1.ListReservationsRequest
		want []string
	}{
		"subnet":      {&adminv1.ListReservationsRequest{Subnet: "10.67.0.0/16"}, []string{"10.67.0.100"}},
		"other":       {&adminv1.ListReservationsRequest{Subnet: "10.68.0.0/24"}, nil},
		"by hostname": {&adminv1.ListReservationsRequest{Search: "PRINT"}, []string{"10.67.0.100"}},
		"by nothing":  {&adminv1.ListReservationsRequest{Search: "none such"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := client.ListReservations(deadline(t), c.req)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range resp.GetReservations() {
				got = append(got, r.GetAddress())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	_, err := client.ListReservations(deadline(t), &adminv1.ListReservationsRequest{Subnet: "10.99.0.0/16"})
	wantCode(t, err, codes.NotFound)
}

func TestSubnets_Usage(t *testing.T) {
	client := adminv1.NewSubnetServiceClient(serve(t, sample(t)))
	resp, err := client.ListSubnets(deadline(t), &adminv1.ListSubnetsRequest{})
	if err != nil || len(resp.GetSubnets()) != 2 {
		t.Fatalf("got %v, %v, want two subnets", resp, err)
	}
	want := &adminv1.Usage{Size: 100, Used: 3, Free: 97, Bound: 1, Declined: 1, RandomMac: 1}
	if got := resp.GetSubnets()[0].GetUsage(); !proto.Equal(want, got) {
		t.Errorf("10.67.0.0/16: got %v, want %v", got, want)
	}
	want = &adminv1.Usage{Size: 10, Used: 1, Free: 9, Bound: 1, RandomMac: 1}
	if got := resp.GetSubnets()[1].GetUsage(); !proto.Equal(want, got) {
		t.Errorf("10.68.0.0/24: got %v, want %v", got, want)
	}
	page, err := client.ListSubnets(deadline(t), &adminv1.ListSubnetsRequest{PageSize: 1})
	if err != nil || len(page.GetSubnets()) != 1 || page.GetNextPageToken() == "" {
		t.Fatalf("got %v, %v, want a page of one", page, err)
	}
	page, err = client.ListSubnets(deadline(t), &adminv1.ListSubnetsRequest{PageToken: page.GetNextPageToken()})
	if err != nil || len(page.GetSubnets()) != 1 || page.GetSubnets()[0].GetPrefix() != "10.68.0.0/24" {
		t.Errorf("got %v, %v, want the second subnet", page, err)
	}
}

func TestGetSubnet_EffectiveSettings(t *testing.T) {
	client := adminv1.NewSubnetServiceClient(serve(t, sample(t)))
	resp, err := client.GetSubnet(deadline(t), &adminv1.GetSubnetRequest{Prefix: "10.67.0.0/16"})
	if err != nil {
		t.Fatal(err)
	}
	set := resp.GetSubnet().GetSettings()
	if set.GetLeaseDefault().GetSeconds() != 3600 || set.GetT1Permille() != 500 || set.GetT2Permille() != 875 {
		t.Errorf("settings %v, want 1h, 500 and 875 ‰", set)
	}
	if set.GetMatch() != "strict" || !set.GetFirmwareHandover() || set.GetOneLeasePerClient() {
		t.Errorf("settings %v, want clients matched strictly, a handover by firmware and any number of leases", set)
	}
	got := map[string]string{}
	for _, o := range set.GetOptions() {
		got[o.GetName()] = o.GetValue()
	}
	want := map[string]string{"routers": "10.67.0.1", "domain-name": "example.org"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if set.GetRapidCommit() || set.GetMinSecs().GetSeconds() != 0 || !set.GetEchoClientId() || !set.GetOptionOverload() ||
		set.GetMaxReplySize() != 1500 || set.GetBootp().GetLease() != nil || !set.GetBootp().GetShortRequests() {
		t.Errorf("settings %v, want the defaults", set)
	}
	_, err = client.GetSubnet(deadline(t), &adminv1.GetSubnetRequest{Prefix: "10.99.0.0/16"})
	wantCode(t, err, codes.NotFound)
	_, err = client.GetSubnet(deadline(t), &adminv1.GetSubnetRequest{Prefix: "nonsense"})
	wantCode(t, err, codes.InvalidArgument)
}
