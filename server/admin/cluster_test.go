package admin_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	adminv1 "port67/proto/admin/v1"
	"port67/server/admin/admintest"
	"port67/storage"
	"port67/storage/lease"
)

func TestGetStatus(t *testing.T) {
	client := adminv1.NewClusterServiceClient(serve(t, sample(t)))
	st, err := client.GetStatus(deadline(t), &adminv1.GetStatusRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if st.GetNodeName() != "n1" || st.GetLeaderName() != "n1" || !st.GetHasQuorum() || st.GetRevision() != 1 ||
		st.GetQuorumMargin() != "can lose 1 more node" || len(st.GetNodes()) != 3 || len(st.GetDigest()) != 64 {
		t.Errorf("got %v", st)
	}
	var roles []string
	for _, n := range st.GetNodes() {
		roles = append(roles, n.GetName()+" "+n.GetRole().String())
	}
	want := []string{"n1 NODE_ROLE_LEADER", "n2 NODE_ROLE_FOLLOWER", "n3 NODE_ROLE_FOLLOWER"}
	if diff := cmp.Diff(want, roles); diff != "" {
		t.Error(diff)
	}
}

func TestNodes_NamedByNameAndID(t *testing.T) {
	client := adminv1.NewClusterServiceClient(serve(t, sample(t)))
	for name, c := range map[string]struct{ node, want string }{
		"name":               {"n2", "n2"},
		"id":                 {"31111111-0000-4000-8000-000000000003", "n3"},
		"beginning of an id": {"3111", "n3"},
		"nobody: oneself":    {"", "n1"},
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := client.GetNode(deadline(t), &adminv1.GetNodeRequest{Node: c.node})
			if err != nil || resp.GetNode().GetName() != c.want {
				t.Errorf("got %v, %v, want %s", resp, err, c.want)
			}
		})
	}
	_, err := client.GetNode(deadline(t), &adminv1.GetNodeRequest{Node: "n9"})
	wantCode(t, err, codes.NotFound)
	page, err := client.ListNodes(deadline(t), &adminv1.ListNodesRequest{PageSize: 2})
	if err != nil || len(page.GetNodes()) != 2 || page.GetNextPageToken() == "" {
		t.Errorf("got %v, %v, want a page of two", page, err)
	}
}

func TestDrainAndUndrain(t *testing.T) {
	client := adminv1.NewClusterServiceClient(serve(t, sample(t)))
	tried, err := client.DrainNode(deadline(t), &adminv1.DrainNodeRequest{Node: "n3", ValidateOnly: true})
	if err != nil || tried.GetNode().GetDrained() {
		t.Fatalf("validate only: got %v, %v, want the node as it is", tried, err)
	}
	drained, err := client.DrainNode(deadline(t), &adminv1.DrainNodeRequest{Node: "n3"})
	if err != nil || !drained.GetNode().GetDrained() {
		t.Fatalf("got %v, %v, want the node drained", drained, err)
	}
	back, err := client.UndrainNode(deadline(t), &adminv1.UndrainNodeRequest{Node: "n3"})
	if err != nil || back.GetNode().GetDrained() {
		t.Errorf("got %v, %v, want the node back", back, err)
	}
}

func TestRemoveNode(t *testing.T) {
	client := adminv1.NewClusterServiceClient(serve(t, sample(t)))
	for _, n := range []string{"n3", "n2"} {
		resp, err := client.RemoveNode(deadline(t), &adminv1.RemoveNodeRequest{Node: n})
		if err != nil || resp.GetNode().GetName() != n {
			t.Fatalf("got %v, %v, want %s removed", resp, err, n)
		}
	}
	_, err := client.RemoveNode(deadline(t), &adminv1.RemoveNodeRequest{Node: "n3"})
	wantCode(t, err, codes.NotFound)
	_, err = client.RemoveNode(deadline(t), &adminv1.RemoveNodeRequest{Node: "n1"})
	s := wantCode(t, err, codes.FailedPrecondition)
	if s.Message() == "" || detail[*errdetails.PreconditionFailure](s) == nil {
		t.Errorf("got %v, want the reason and the remedy", s)
	}
	_, err = client.RemoveNode(deadline(t), &adminv1.RemoveNodeRequest{})
	wantCode(t, err, codes.InvalidArgument)
}

func TestTransferLeadership(t *testing.T) {
	client := adminv1.NewClusterServiceClient(serve(t, sample(t)))
	for _, c := range []struct {
		req  *adminv1.TransferLeadershipRequest
		want string
	}{
		{&adminv1.TransferLeadershipRequest{Node: "n3", ValidateOnly: true}, "n1"},
		{&adminv1.TransferLeadershipRequest{Node: "n3"}, "n3"},
		{&adminv1.TransferLeadershipRequest{}, "n2"},
	} {
		resp, err := client.TransferLeadership(deadline(t), c.req)
		if err != nil || resp.GetLeader().GetName() != c.want {
			t.Errorf("%v: got %v, %v, want %s to lead", c.req, resp, err, c.want)
		}
	}
}

func TestCreateToken(t *testing.T) {
	client := adminv1.NewClusterServiceClient(serve(t, sample(t)))
	resp, err := client.CreateToken(deadline(t), &adminv1.CreateTokenRequest{})
	if err != nil || resp.GetToken() != "token-valid-for-1h0m0s" || len(resp.GetJoinAddresses()) != 3 {
		t.Errorf("got %v, %v, want a token for an hour and where to use it", resp, err)
	}
	for _, valid := range []time.Duration{0, -time.Hour, 8 * 24 * time.Hour} {
		req := &adminv1.CreateTokenRequest{ValidFor: durationpb.New(valid)}
		_, err := client.CreateToken(deadline(t), req)
		wantCode(t, err, codes.InvalidArgument)
	}
	resp, err = client.CreateToken(deadline(t), &adminv1.CreateTokenRequest{ValidateOnly: true})
	if err != nil || resp.GetToken() != "" {
		t.Errorf("got %v, %v, want no token", resp, err)
	}
}

func TestAdvanceTime(t *testing.T) {
	c := sample(t)
	client := adminv1.NewClusterServiceClient(serve(t, c))
	req := &adminv1.AdvanceTimeRequest{By: durationpb.New(12 * time.Hour), ValidateOnly: true}
	before := clock(c)
	resp, err := client.AdvanceTime(deadline(t), req)
	if err != nil || resp.GetExpiredLeases() != 2 || clock(c) != before {
		t.Fatalf("got %v, %v, want two leases that would expire, and time where it was", resp, err)
	}
	req.ValidateOnly = false
	if resp, err = client.AdvanceTime(deadline(t), req); err != nil || resp.GetExpiredLeases() != 2 {
		t.Fatalf("got %v, %v", resp, err)
	}
	if got := clock(c) - before; got != 12*3600 {
		t.Errorf("time moved by %d s, want 12 h", got)
	}
	for _, by := range []time.Duration{0, -time.Hour, 1500 * time.Millisecond, 400 * 24 * time.Hour} {
		_, err := client.AdvanceTime(deadline(t), &adminv1.AdvanceTimeRequest{By: durationpb.New(by)})
		wantCode(t, err, codes.InvalidArgument)
	}
}

// clock returns cluster time.
func clock(c *admintest.Cluster) (now lease.Instant) {
	c.Read(func(v storage.View) { now = v.Clock() })
	return now
}

func TestErrors_BecomeCodes(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		code   codes.Code
		reason string
		text   string
	}{
		"no leader":  {storage.ErrNoLeader, codes.Unavailable, "NO_QUORUM", storage.ErrNoLeader.Error()},
		"too slow":   {context.DeadlineExceeded, codes.Unavailable, "NO_QUORUM", ""},
		"overloaded": {wrapped("%w: disk full", storage.ErrOverloaded), codes.ResourceExhausted, "OVERLOADED", ""},
		"unknown":    {storage.ErrUnknown, codes.DeadlineExceeded, "OUTCOME_UNKNOWN", ""},
		"refused":    {wrapped("n2: %w", storage.ErrRefused), codes.FailedPrecondition, "", "n2: refused"},
		"anything else": {
			errors.New("secret detail"), codes.Internal, "", "internal error: the node's log has the details",
		},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := sample(t)
			client := adminv1.NewClusterServiceClient(serve(t, cluster))
			cluster.Fail(c.err)
			_, err := client.DrainNode(deadline(t), &adminv1.DrainNodeRequest{Node: "n2"})
			s := wantCode(t, err, c.code)
			if r := detail[*errdetails.ErrorInfo](s).GetReason(); r != c.reason {
				t.Errorf("reason %q, want %q", r, c.reason)
			}
			if c.text != "" && s.Message() != c.text {
				t.Errorf("text %q, want %q", s.Message(), c.text)
			}
		})
	}
}

// wrapped returns err with a text around it.
func wrapped(format string, err error) error { return fmt.Errorf(format, err) }

func TestPanic_IsInternalAndTheServerGoesOn(t *testing.T) {
	cluster := sample(t)
	client := adminv1.NewClusterServiceClient(serve(t, cluster))
	cluster.Before(func() { panic("defect") })
	_, err := client.DrainNode(deadline(t), &adminv1.DrainNodeRequest{Node: "n2"})
	wantCode(t, err, codes.Internal)
	if _, err := client.DrainNode(deadline(t), &adminv1.DrainNodeRequest{Node: "n2"}); err != nil {
		t.Error(err)
	}
}

func TestGetStatus_P16_WhatHoldsTheLevelBack(t *testing.T) {
	c := sample(t)
	client := adminv1.NewClusterServiceClient(serve(t, c))
	outlook := func() string {
		st, err := client.GetStatus(deadline(t), &adminv1.GetStatusRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return st.GetLevelOutlook()
	}
	for _, step := range []struct{ upgraded, want string }{
		{"", "nothing holds it back: no node reads more than level 1"},
		{"n2", "held back at level 1, of 2, by n1 (1.0.0), n3 (1.0.0): "},
		{"n1", "held back at level 1, of 2, by n3 (1.0.0): "},
		{"n3", "every node reads level 2; until `dhcpctl cluster upgrade finalize` raises it, "},
	} {
		c.Upgrade(step.upgraded)
		if got := outlook(); !strings.HasPrefix(got, step.want) {
			t.Errorf("after %q: %q, want %q…", step.upgraded, got, step.want)
		}
	}
}

// TestFinalizeUpgrade_P16: the level rises by hand, and only when every member has said that it reads it.
func TestFinalizeUpgrade_P16(t *testing.T) {
	cluster := sample(t)
	client := adminv1.NewClusterServiceClient(serve(t, cluster))
	level := func() uint32 {
		t.Helper()
		st, err := client.GetStatus(deadline(t), &adminv1.GetStatusRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return st.GetLevel()
	}
	refused := func(req *adminv1.FinalizeUpgradeRequest, why string) {
		t.Helper()
		_, err := client.FinalizeUpgrade(deadline(t), req)
		if s := wantCode(t, err, codes.FailedPrecondition); !strings.Contains(s.Message(), why) {
			t.Errorf("%v: got %q, want %q", req, s.Message(), why)
		}
	}
	refused(&adminv1.FinalizeUpgradeRequest{}, "nothing to finalize")
	for _, name := range []string{"n1", "n2"} {
		cluster.Upgrade(name)
		refused(&adminv1.FinalizeUpgradeRequest{}, "n3 (1.0.0)")
		refused(&adminv1.FinalizeUpgradeRequest{Level: 2}, "n3 (1.0.0)")
	}
	cluster.Upgrade("n3")
	if _, err := client.FinalizeUpgrade(deadline(t), &adminv1.FinalizeUpgradeRequest{ValidateOnly: true}); err != nil {
		t.Error(err)
	}
	if got := level(); got != 1 {
		t.Fatalf("level %d before anybody has raised it, want 1", got)
	}
	for _, want := range []uint32{1, 2} { // Twice is once.
		resp, err := client.FinalizeUpgrade(deadline(t), &adminv1.FinalizeUpgradeRequest{Level: 2})
		if err != nil || resp.GetPreviousLevel() != want || resp.GetLevel() != 2 || level() != 2 {
			t.Errorf("got %v, %v, level %d; want 2 in force", resp, err, level())
		}
	}
	refused(&adminv1.FinalizeUpgradeRequest{Level: 1}, "does not go down")
	cluster.Lose(storage.ErrNoLeader)
	_, err := client.FinalizeUpgrade(deadline(t), &adminv1.FinalizeUpgradeRequest{})
	wantCode(t, err, codes.Unavailable)
}
