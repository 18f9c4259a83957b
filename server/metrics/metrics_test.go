package metrics

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"port67/server"
	"port67/server/dhcp4"
	"port67/storage"
)

// reader is a server.Reader on one state.
type reader struct{ s *storage.State }

func (r reader) Read(f func(storage.View)) { f(storage.ViewOf(r.s)) }

func full(t *testing.T) *Metrics {
	t.Helper()
	m := New(Options{
		Version: "1.2.3", Reader: reader{office(t)},
		Probes: func() server.ProbeStats { return server.ProbeStats{Silent: 5, InUse: 2, Conflicts: 1} },
		Foreign: func() []server.ForeignServer {
			now := time.Now()
			return []server.ForeignServer{
				{Interface: "eth0", Heard: 3, Last: now}, {Interface: "eth0", Heard: 1, Last: now},
				{Interface: "eth0", Named: 1, Last: now}, {Interface: "eth1", Heard: 1, Last: now, Known: true},
				{Interface: "eth1", Heard: 1, Last: now.Add(-2 * time.Hour)},
			}
		},
		Stats: func() Stats {
			return Stats{
				Term: 7, CommitIndex: 12, AppliedIndex: 11, LagEntries: 1, Leader: true, LeaderKnown: true,
				Voters: 3, VotersAlive: 2, SnapshotAge: 90 * time.Second,
			}
		},
	})
	for _, o := range server.Outcomes() {
		for kind := range dhcp4.MessageType(14) {
			m.Ended(kind, o, time.Millisecond)
		}
	}
	m.Dropped("interface_not_served")
	m.Overflowed(3)
	m.Committed(17, 2*time.Millisecond)
	m.Synced(time.Millisecond)
	m.LeaderChanged()
	return m
}

// TestConflicts_ForeignServers counts servers of others by interface and evidence: not the known ones, and not
// those of long ago.
func TestConflicts_ForeignServers(t *testing.T) {
	want := `
# HELP port67_foreign_servers DHCP servers of others that were noticed within an hour and are not known to the configuration, by whether one was heard or only named by clients.
# TYPE port67_foreign_servers gauge
port67_foreign_servers{evidence="heard",interface="eth0"} 2
port67_foreign_servers{evidence="named",interface="eth0"} 1
`
	if err := testutil.GatherAndCompare(full(t).registry, strings.NewReader(want), "port67_foreign_servers"); err != nil {
		t.Error(err)
	}
}

func TestMetrics_NamesAreLinted(t *testing.T) {
	problems, err := testutil.GatherAndLint(full(t).registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestMetrics_OursAreOfOurNamespace(t *testing.T) {
	families, err := full(t).registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		prefix, _, _ := strings.Cut(f.GetName(), "_")
		if prefix != "port67" && prefix != "go" && prefix != "process" {
			t.Errorf("metric %s has a foreign prefix", f.GetName())
		}
	}
}

func TestMetrics_Values(t *testing.T) {
	m := New(Options{
		Version: "1.2.3",
		Stats:   func() Stats { return Stats{Term: 7, Leader: true, LossesBearable: -1, SnapshotAge: -1} },
	})
	m.Ended(dhcp4.Discover, server.Offered, 3*time.Millisecond)
	m.Ended(dhcp4.Discover, server.Offered, 3*time.Millisecond)
	m.Ended(dhcp4.Discover, server.Exhausted, time.Millisecond)
	m.Ended(dhcp4.Release, server.NoQuorum, time.Millisecond)
	m.Ended(0, server.Malformed, 0)
	m.Ended(0, server.BOOTPUnserved, 0)
	m.Ended(0, server.AnsweredByBOOTP, 0)
	m.EndedRARP(server.AnsweredByRARP, time.Millisecond)
	m.Ended(dhcp4.Request, server.Overloaded, 0)
	m.Overflowed(3)
	m.Overflowed(4)
	m.Ignored(2)
	m.Omitted(5)
	m.Irregular(dhcp4.ServerInDiscover)
	m.Irregular(dhcp4.ClonedClient)
	m.Irregular(dhcp4.SourceNotCIAddr)
	m.Irregular(dhcp4.SourceNotCIAddr)
	got := scrape(t, m)
	for _, line := range []string{
		`port67_packets_total{outcome="offered",type="discover"} 2`,
		`port67_packets_total{outcome="malformed",type="other"} 1`,
		`port67_packets_total{outcome="bootp_unserved",type="bootp"} 1`,
		`port67_packets_total{outcome="answered_by_bootp",type="bootp"} 1`,
		`port67_packets_total{outcome="answered_by_rarp",type="rarp"} 1`,
		`port67_packets_total{outcome="overloaded",type="request"} 1`,
		`port67_exchange_seconds_bucket{type="discover",le="0.001"} 1`,
		`port67_exchange_seconds_count{type="discover"} 3`,
		`port67_allocation_failures_total{reason="exhausted"} 1`,
		`port67_allocation_failures_total{reason="overloaded"} 1`,
		`port67_socket_overflows_total 7`,
		`port67_options_ignored_total 2`,
		`port67_options_omitted_total 5`,
		`port67_irregular_packets_total{kind="server_in_discover"} 1`, // V4-114
		`port67_irregular_packets_total{kind="source_not_ciaddr"} 2`,  // V4-153
		`port67_irregular_packets_total{kind="cloned_client"} 1`,      // V4-085
		`port67_raft_term 7`,
		`port67_raft_leader 1`,
		`port67_raft_losses_bearable -1`,
	} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("scrape has no line %s", line)
		}
	}
	for _, part := range []string{
		`port67_exchange_seconds_count{type="request"}`, `{reason="no_quorum"}`,
		"port67_raft_snapshot_age_seconds", "port67_state_index",
	} {
		if strings.Contains(got, part) {
			t.Errorf("scrape has %s, which was never told", part)
		}
	}
}

func get(t *testing.T, m *Metrics, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	code, body := get(t, m, "/metrics")
	if code != http.StatusOK {
		t.Fatalf("/metrics: %d %s", code, body)
	}
	return body
}

func TestHandler_Health(t *testing.T) {
	var trouble error
	unconfigured := errors.New("no configuration yet")
	m := New(Options{Ready: func() error { return trouble }})
	for _, tt := range []struct {
		name, path string
		trouble    error
		code       int
		body       string
	}{
		{"ready", "/readyz", nil, http.StatusOK, "ok\n"},
		{"not ready", "/readyz", unconfigured, http.StatusServiceUnavailable, "no configuration yet\n"},
		{"alive although not ready", "/healthz", unconfigured, http.StatusOK, "ok\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			trouble = tt.trouble
			if code, body := get(t, m, tt.path); code != tt.code || body != tt.body {
				t.Errorf("%s = %d %q, want %d %q", tt.path, code, body, tt.code, tt.body)
			}
		})
	}
	dying := New(Options{Alive: func() error { return errors.New("disk hung for 12s") }})
	code, body := get(t, dying, "/healthz")
	if code != http.StatusServiceUnavailable || body != "disk hung for 12s\n" {
		t.Errorf("/healthz = %d %q, want 503 and the reason", code, body)
	}
}

func TestRun_ServesUntilTheEnd(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- New(Options{}).Run(ctx, l) }()
	response, err := http.Get("http://" + l.Addr().String() + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil || string(body) != "ok\n" {
		t.Errorf("body = %q, %v; want ok", body, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}
