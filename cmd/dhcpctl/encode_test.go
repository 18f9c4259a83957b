package main

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "port67/proto/admin/v1"
)

// sampleList is a message with every kind of field that the API uses.
func sampleList() *adminv1.ListLeasesResponse {
	return &adminv1.ListLeasesResponse{Leases: []*adminv1.Lease{
		{
			Address: "10.67.1.5", Status: adminv1.LeaseStatus_LEASE_STATUS_BOUND, Hostname: "a \"quoted\" <name>: #1",
			StartTime: timestamppb.New(time.Unix(1_800_000_000, 0)), LeaseTime: durationpb.New(90 * time.Second),
			RelayAgentInfo: []byte{1, 2, 3},
		},
		{Address: "10.67.1.6", Reserved: true},
	}}
}

func TestWriteJSON(t *testing.T) {
	var got bytes.Buffer
	if err := writeJSON(&got, fieldsOf(sampleList().ProtoReflect())); err != nil {
		t.Fatal(err)
	}
	const want = `{
  "leases": [
    {
      "address": "10.67.1.5",
      "status": "LEASE_STATUS_BOUND",
      "client": "",
      "hardware_address": "",
      "hostname": "a \"quoted\" <name>: #1",
      "subnet": "",
      "reserved": false,
      "start_time": "2027-01-15T08:00:00Z",
      "lease_time": "90s",
      "permanent": false,
      "circuit_id": "",
      "remote_id": "",
      "relay_agent_info": "AQID"
    },
    {
      "address": "10.67.1.6",
      "status": "LEASE_STATUS_UNSPECIFIED",
      "client": "",
      "hardware_address": "",
      "hostname": "",
      "subnet": "",
      "reserved": true,
      "permanent": false,
      "circuit_id": "",
      "remote_id": "",
      "relay_agent_info": ""
    }
  ],
  "next_page_token": ""
}
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
	if !json.Valid(got.Bytes()) {
		t.Error("not JSON")
	}
}

func TestWriteJSON_NumbersOf64BitsAreNumbers(t *testing.T) {
	var got bytes.Buffer
	m := &adminv1.Usage{Size: 1 << 40, Used: 7}
	if err := writeJSON(&got, fieldsOf(m.ProtoReflect())); err != nil {
		t.Fatal(err)
	}
	var back struct{ Size, Used uint64 }
	if err := json.Unmarshal(got.Bytes(), &back); err != nil || back.Size != 1<<40 || back.Used != 7 {
		t.Errorf("read back %+v, %v from %s", back, err, got.String())
	}
}

func TestWriteYAML(t *testing.T) {
	var got bytes.Buffer
	m := &adminv1.GetStatusResponse{Term: 3, HasQuorum: true, Nodes: []*adminv1.Node{
		{Name: "n1", Addresses: []string{"10.67.0.2", "10.67.0.3"}, LastSeen: durationpb.New(0)},
		{Name: "n2"},
	}}
	fields := fieldsOf(m.ProtoReflect())
	if err := writeYAML(&got, append(fields, field{"empty", []field{}})); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"term: 3\n", "has_quorum: true\n", "empty: {}\n",
		"nodes:\n  - id: \"\"\n    name: \"n1\"\n",
		"    addresses:\n      - \"10.67.0.2\"\n      - \"10.67.0.3\"\n",
		"    last_seen: \"0s\"\n", "  - id: \"\"\n    name: \"n2\"\n", "    addresses: []\n",
	} {
		if !bytes.Contains(got.Bytes(), []byte(want)) {
			t.Errorf("%q is not in:\n%s", want, got.String())
		}
	}
}
