package admin_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	adminv1 "port67/proto/admin/v1"
	"port67/server/admin/admintest"
	"port67/storage"
)

// smaller is the sample without the address of the camera.
func smaller() string {
	return strings.Replace(admintest.Source, "10.68.0.10-10.68.0.19", "10.68.0.12-10.68.0.19", 1)
}

func TestApplyConfig_NewRevisionWithAuthorAndComment(t *testing.T) {
	client := adminv1.NewConfigServiceClient(serve(t, sample(t)))
	resp, err := client.ApplyConfig(deadline(t), &adminv1.ApplyConfigRequest{
		Source: smaller(), Name: "dhcp.yaml", Comment: "smaller", ExpectedRevision: proto.Uint64(1),
	})
	if err != nil || resp.GetRevision() != 2 || resp.GetUnchanged() {
		t.Fatalf("got %v, %v, want revision 2", resp, err)
	}
	got, err := client.GetConfig(deadline(t), &adminv1.GetConfigRequest{})
	if err != nil {
		t.Fatal(err)
	}
	r := got.GetRevision()
	if r.GetSource() != smaller() || r.GetComment() != "smaller" || r.GetAuthor() != "root via socket" {
		t.Errorf("got %v, want the text as written, its comment and author", r)
	}
	list, err := client.ListRevisions(deadline(t), &adminv1.ListRevisionsRequest{})
	if err != nil || len(list.GetRevisions()) != 2 || list.GetRevisions()[0].GetRevision() != 2 {
		t.Errorf("got %v, %v, want two revisions, newest first", list, err)
	}
	old, err := client.GetConfig(deadline(t), &adminv1.GetConfigRequest{Revision: 1})
	if err != nil || old.GetRevision().GetSource() != admintest.Source {
		t.Errorf("got %v, %v, want the first text", old, err)
	}
	_, err = client.GetConfig(deadline(t), &adminv1.GetConfigRequest{Revision: 99})
	wantCode(t, err, codes.NotFound)
}

func TestApplyConfig_AllProblemsWithLineAndColumn(t *testing.T) {
	client := adminv1.NewConfigServiceClient(serve(t, sample(t)))
	bad := strings.NewReplacer("10.67.1.0-10.67.1.99", "10.99.1.0-10.99.1.99", "max: 24h", "max: 24").
		Replace(admintest.Source)
	_, err := client.ApplyConfig(deadline(t), &adminv1.ApplyConfigRequest{Source: bad, Name: "dhcp.yaml"})
	texts := violations(wantCode(t, err, codes.InvalidArgument))
	joined := strings.Join(texts, "\n")
	if len(texts) < 1 || !strings.Contains(joined, "dhcp.yaml:2:") {
		t.Errorf("got %q, want the problem of line 2", texts)
	}
	for _, text := range texts {
		if !strings.HasPrefix(text, "dhcp.yaml:") {
			t.Errorf("%q names no place", text)
		}
	}
	_, err = client.ApplyConfig(deadline(t), &adminv1.ApplyConfigRequest{})
	wantCode(t, err, codes.InvalidArgument)
}

func TestApplyConfig_WrongRevision(t *testing.T) {
	client := adminv1.NewConfigServiceClient(serve(t, sample(t)))
	_, err := client.ApplyConfig(deadline(t), &adminv1.ApplyConfigRequest{
		Source: smaller(), ExpectedRevision: proto.Uint64(7),
	})
	s := wantCode(t, err, codes.FailedPrecondition)
	if got := precondition(s); got != "REVISION" {
		t.Errorf("precondition %q, want REVISION", got)
	}
}

func TestApplyConfig_UnchangedIsNotANewRevision(t *testing.T) {
	client := adminv1.NewConfigServiceClient(serve(t, sample(t)))
	resp, err := client.ApplyConfig(deadline(t), &adminv1.ApplyConfigRequest{Source: admintest.Source})
	if err != nil || resp.GetRevision() != 1 || !resp.GetUnchanged() {
		t.Errorf("got %v, %v, want revision 1, unchanged", resp, err)
	}
}

func TestApplyConfig_ValidateOnly(t *testing.T) {
	c := sample(t)
	client := adminv1.NewConfigServiceClient(serve(t, c))
	_, err := client.ApplyConfig(deadline(t), &adminv1.ApplyConfigRequest{Source: smaller(), ValidateOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	c.Read(func(v storage.View) {
		if v.Revision() != 1 {
			t.Errorf("revision %d, want 1: nothing was to be changed", v.Revision())
		}
	})
}

func TestApplyConfig_Race(t *testing.T) {
	for name, c := range map[string]struct {
		expected *uint64
		code     codes.Code
	}{
		"lost with an expected revision":      {proto.Uint64(1), codes.FailedPrecondition},
		"made anew without expected revision": {nil, codes.OK},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := sample(t)
			client := adminv1.NewConfigServiceClient(serve(t, cluster))
			cluster.Before(func() {
				conf, err := admintest.Parse(admintest.Source + "  - prefix: 10.69.0.0/24\n")
				if err != nil {
					t.Error(err)
				}
				cluster.Configure(conf, "somebody else's")
			})
			_, err := client.ApplyConfig(deadline(t), &adminv1.ApplyConfigRequest{
				Source: smaller(), ExpectedRevision: c.expected,
			})
			wantCode(t, err, c.code)
		})
	}
}

func TestRollbackConfig(t *testing.T) {
	client := adminv1.NewConfigServiceClient(serve(t, sample(t)))
	if _, err := client.ApplyConfig(deadline(t), &adminv1.ApplyConfigRequest{Source: smaller()}); err != nil {
		t.Fatal(err)
	}
	resp, err := client.RollbackConfig(deadline(t), &adminv1.RollbackConfigRequest{Revision: 1})
	if err != nil || resp.GetRevision() != 3 {
		t.Fatalf("got %v, %v, want revision 3", resp, err)
	}
	got, err := client.GetConfig(deadline(t), &adminv1.GetConfigRequest{})
	if err != nil || got.GetRevision().GetSource() != admintest.Source ||
		got.GetRevision().GetComment() != "rollback to revision 1" {
		t.Errorf("got %v, %v, want the first text again", got, err)
	}
	_, err = client.RollbackConfig(deadline(t), &adminv1.RollbackConfigRequest{Revision: 42})
	wantCode(t, err, codes.NotFound)
}

func TestDiffConfig_NamesStrandedLeases(t *testing.T) {
	client := adminv1.NewConfigServiceClient(serve(t, sample(t)))
	d, err := client.DiffConfig(deadline(t), &adminv1.DiffConfigRequest{Source: smaller(), Name: "dhcp.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	if d.GetRevision() != 1 || len(d.GetChanges()) == 0 {
		t.Errorf("got %v, want changes against revision 1", d)
	}
	if len(d.GetStranded()) != 1 || d.GetStranded()[0].GetLease().GetHostname() != "camera" ||
		d.GetStranded()[0].GetReason() == "" || d.GetStrandedCount() != 1 {
		t.Errorf("stranded %v, want the camera with a reason", d.GetStranded())
	}
	d, err = client.DiffConfig(deadline(t), &adminv1.DiffConfigRequest{Source: admintest.Source})
	if err != nil || len(d.GetChanges())+len(d.GetStranded()) != 0 {
		t.Errorf("got %v, %v, want no difference to itself", d, err)
	}
}

func TestConfig_BeforeTheFirst(t *testing.T) {
	conn := serve(t, admintest.New())
	configs := adminv1.NewConfigServiceClient(conn)
	_, err := configs.GetConfig(deadline(t), &adminv1.GetConfigRequest{})
	wantCode(t, err, codes.NotFound)
	_, err = adminv1.NewReservationServiceClient(conn).CreateReservation(deadline(t), printer("10.67.0.101"))
	wantCode(t, err, codes.FailedPrecondition)
	subnets, err := adminv1.NewSubnetServiceClient(conn).ListSubnets(deadline(t), &adminv1.ListSubnetsRequest{})
	if err != nil || len(subnets.GetSubnets()) != 0 {
		t.Errorf("got %v, %v, want no subnets", subnets, err)
	}
	resp, err := configs.ApplyConfig(deadline(t), &adminv1.ApplyConfigRequest{
		Source: admintest.Source, ExpectedRevision: proto.Uint64(0),
	})
	if err != nil || resp.GetRevision() != 1 {
		t.Errorf("got %v, %v, want revision 1", resp, err)
	}
}
