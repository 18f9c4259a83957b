package admin_test

import (
	"encoding/hex"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"

	adminv1 "port67/proto/admin/v1"
	"port67/server/admin"
	"port67/server/admin/admintest"
)

// explaining returns the service of n1 of c, which is served on eth0.
func explaining(t *testing.T, c *admintest.Cluster, e admin.Explainer) adminv1.ExplainServiceClient {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "admin.sock")
	run(t, admin.Options{Cluster: c, Socket: socket, Explainer: e})
	return adminv1.NewExplainServiceClient(dial(t, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(dialUnix(socket))))
}

// TestExplain_Description: every part of a description stands in the message that is explained.
func TestExplain_Description(t *testing.T) {
	c := sample(t)
	service := explaining(t, c, c.Explainer())
	arch := uint32(7)
	resp, err := service.Explain(deadline(t), &adminv1.ExplainRequest{
		Message: "request", Hardware: "02:67:00:00:00:05", ClientId: "0102", Asked: "10.68.0.11", ServerId: "10.67.0.2",
		CircuitId: "text:ge-0", RemoteId: "0a:0b", RelayId: "text:r", VendorClass: "PXEClient", UserClass: "iPXE",
		Architecture: &arch, Requested: []string{"1", "routers", "66"}, Broadcast: true, Relay: "10.68.0.1",
		Options: []*adminv1.ExplainOption{
			{Name: "host-name", Value: "desk"}, {Name: "domain-name-servers", Value: "10.0.0.1, 10.0.0.2"},
			{Name: "224", Value: "hex:ff"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]string{
		"header": "01010601", "broadcast flag": "65787000" + "0000" + "8000", "giaddr": "0a440001" + "026700000005",
		"cookie and identifier": "63825363" + "3d020102", "type": "350103", "asked": "32040a44000b",
		"server": "36040a430002", "vendor class": "3c09" + hex.EncodeToString([]byte("PXEClient")),
		"user class": "4d0469505845", "architecture": "5d020007", "host name": "0c046465736b",
		"list of addresses": "06080a0000010a000002", "by code": "e001ff", "requested": "3703010342",
		"relay agent": "520d" + "010467652d30" + "02020a0b" + "0c0172",
	} {
		if !strings.Contains(resp.GetPacket(), want) {
			t.Errorf("%s: no %s in %s", what, want, resp.GetPacket())
		}
	}
	if resp.GetMessage() != "REQUEST (selecting)" || resp.GetReply() != "NAK" {
		t.Errorf("%s is answered by %q, want a NAK to the selecting of another's address", resp.GetMessage(), resp.GetReply())
	}
}

// TestExplain_SaysWhatIsSo: a node that answers nobody says so; one without a configuration, or without clients,
// explains nothing.
func TestExplain_SaysWhatIsSo(t *testing.T) {
	c := sample(t)
	e := c.Explainer()
	e.Why = "its disk is full"
	req := &adminv1.ExplainRequest{Hardware: "02:67:00:00:00:01"}
	resp, err := explaining(t, c, e).Explain(deadline(t), req)
	if err != nil || len(resp.GetSteps()) == 0 || !strings.Contains(resp.GetSteps()[0].GetText(), "its disk is full") {
		t.Errorf("%v, %v: want to hear first that the disk is full", resp.GetSteps(), err)
	}
	_, err = explaining(t, c, nil).Explain(deadline(t), req)
	wantCode(t, err, codes.Unimplemented)
	bare := admintest.New()
	_, err = explaining(t, bare, bare.Explainer()).Explain(deadline(t), req)
	wantCode(t, err, codes.FailedPrecondition)
}

// TestExplain_OddPackets: octets that nobody would send are explained, too, and end in an outcome.
func TestExplain_OddPackets(t *testing.T) {
	c := sample(t)
	service := explaining(t, c, c.Explainer())
	for _, packet := range [][]byte{{0}, make([]byte, 239), make([]byte, 240), make([]byte, 2000)} {
		resp, err := service.Explain(deadline(t), &adminv1.ExplainRequest{Packet: packet})
		if err != nil || resp.GetOutcome() == "" || resp.GetReply() != "" {
			t.Errorf("%d octets: %v, %v; want silence with an outcome", len(packet), resp, err)
		}
	}
}
