package server

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"port67/server/dhcp4"
)

const foreignConfig = `known-servers: [10.67.0.8]
subnets:
  - prefix: 10.67.0.0/24
    service-address: 10.67.0.253
    pools: [10.67.0.100-10.67.0.119]
`

// overheard is an OFFER of 10.67.0.50 with these fields set.
func overheard(t *testing.T, words ...string) OverheardReply {
	t.Helper()
	b, _ := parseScript(t, append([]string{"OFFER"}, words...))
	b[0] = 2
	copy(b[16:], []byte{10, 67, 0, 50})
	return OverheardReply{
		Payload: b, Source: netip.MustParseAddr("10.67.0.9"), Hardware: "\x02\x67\x00\x00\x00\x99", Interface: "eth0",
	}
}

// TestOverhear: a reply of another server is remembered and told of once an hour; those of the cluster, of relay
// agents that pass its replies on, and of relay agents that name themselves as server (RFC 5107) are not.
func TestOverhear(t *testing.T) {
	s := newScene(t, "foreign", []byte(foreignConfig))
	var log bytes.Buffer
	s.server.log = slog.New(slog.NewTextHandler(&log, nil))
	for _, ours := range []string{"sid=10.67.0.2", "sid=10.67.0.3", "sid=10.67.0.253"} {
		s.server.Overhear(overheard(t, ours))
	}
	s.server.Overhear(overheard(t, "sid=10.67.0.1", "giaddr=10.67.0.1"))
	s.server.Overhear(OverheardReply{Payload: []byte{2}})
	if got := s.server.ForeignServers(); len(got) != 0 {
		t.Fatalf("ours are taken for foreign: %+v", got)
	}
	for range 3 {
		s.server.Overhear(overheard(t, "sid=10.67.0.9"))
	}
	s.server.Overhear(overheard(t, "sid=10.67.0.8"))
	s.server.Overhear(overheard(t))
	got := s.server.ForeignServers()
	if len(got) != 2 || !got[0].Known || got[1].Known || got[1].Heard != 4 || got[1].Said != dhcp4.OfferMsg ||
		got[1].Offered != netip.MustParseAddr("10.67.0.50") || got[1].Addr != netip.MustParseAddr("10.67.0.9") {
		t.Errorf("noticed %+v", got)
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), "02:67:00:00:00:99") {
		t.Errorf("%d warnings, want 1:\n%s", n, &log)
	}
	s.pass(time.Hour)
	s.server.Overhear(overheard(t, "sid=10.67.0.9"))
	if n := strings.Count(log.String(), "level=WARN"); n != 2 {
		t.Errorf("%d warnings an hour later, want 2", n)
	}
	s.pass(25 * time.Hour)
	if got := s.server.ForeignServers(); len(got) != 0 {
		t.Errorf("remembered after a day: %+v", got)
	}
}

// TestOverhear_Named_W_013: a client that chose another server tells of it; that is news, and no alarm, for some
// make it up. The table is bounded, and what was heard stays.
func TestOverhear_Named_W_013(t *testing.T) {
	s := newScene(t, "foreign", []byte(foreignConfig))
	var log bytes.Buffer
	s.server.log = slog.New(slog.NewTextHandler(&log, nil))
	s.hear(strings.Fields("REQUEST client=1 ip=10.67.0.50 sid=10.67.0.2")) // ours
	s.server.Overhear(overheard(t, "sid=10.67.0.9"))
	for i := range 2 * foreignMax {
		s.hear([]string{"REQUEST", fmt.Sprintf("xid=%d", i+1), "client=1", "ip=10.67.0.50",
			fmt.Sprintf("sid=10.99.%d.%d", i/250, i%250+1)})
	}
	got := s.server.ForeignServers()
	heard := 0
	for i := range got {
		if got[i].Heard > 0 {
			heard++
		} else if got[i].Named != 1 {
			t.Errorf("%v was named %d times", got[i].Addr, got[i].Named)
		}
	}
	if len(got) != foreignMax || heard != 1 {
		t.Errorf("%d servers are remembered, %d of them heard; want %d and 1", len(got), heard, foreignMax)
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 {
		t.Errorf("%d warnings, want 1, of the one that was heard", n)
	}
}
