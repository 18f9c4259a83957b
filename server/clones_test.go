package server

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"port67/server/dhcp4"
	"port67/storage/lease"
)

// TestClones_V4_085_W_040: three changes within a minute are several machines; fewer or slower ones are a machine
// that has a new network card, or two.
func TestClones_V4_085_W_040(t *testing.T) {
	const second = time.Second
	for _, tt := range []struct {
		name  string
		heard string        // hardware addresses, one after the other
		every time.Duration // between them
		want  int           // how often the alarm is raised
	}{
		{"one machine", "aaaaaaaa", second, 0},
		{"a new card", "aaaabbbb", second, 0},
		{"there and back", "aba", second, 0},
		{"two machines", "abab", second, 1},
		{"two machines for long", "abababababab", second, 3},
		{"three machines", "abcabc", second, 1},
		{"too slow", "abababab", 31 * second, 0},
		{"just in time", "abab", 30 * second, 1},
		{"clock set back", "abab", -second, 0},
	} {
		c, at, alarms := newClones(), time.Unix(1_000_000, 0), 0
		for _, hw := range tt.heard {
			if c.note(lease.ClientIDKey([]byte("vm")), 1, []byte{byte(hw)}, at) {
				alarms++
			}
			c.note(lease.ClientIDKey([]byte("another")), 1, []byte{1}, at)
			at = at.Add(tt.every)
		}
		if alarms != tt.want {
			t.Errorf("%s: %d alarms, want %d", tt.name, alarms, tt.want)
		}
	}
}

// The table does not grow, and a flood of names makes those room that were heard the longest time ago.
func TestClones_V4_085_Bounded(t *testing.T) {
	c, at := newClones(), time.Unix(1_000_000, 0)
	for i := range 100_000 {
		if c.note(lease.ClientIDKey(fmt.Append(nil, i)), 1, []byte{1}, at.Add(time.Duration(i))) {
			t.Fatalf("client %d was heard once and is taken for several machines", i)
		}
	}
}

// TestServe4_V4_085_W_040_Alarm: clones are counted and named in the log, once a minute at most; clients that show
// no identifier are nobody's clones.
func TestServe4_V4_085_W_040_Alarm(t *testing.T) {
	s, server := newSite(t)
	var log bytes.Buffer
	server.log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	hear := func(n int, cid string) {
		payload, in := parseScript(t, strings.Fields(fmt.Sprintf("DISCOVER xid=%d client=%d %s", n, n%2, cid)))
		server.Serve4(t.Context(), Datagram{Payload: payload, Ingress: in, Heard: s.Now()})
	}
	for n := range 7 {
		hear(n, "cid=0badc10e")
		hear(100+n, "")
	}
	if got := s.cloned.Load(); got != 2 {
		t.Errorf("counted %d times, want 2", got)
	}
	if n := strings.Count(log.String(), "id:0badc10e"); n != 1 || strings.Count(log.String(), "several machines") != 1 {
		t.Errorf("the log names the client %d times, want once:\n%s", n, log.String())
	}
	if got := dhcp4.ClonedClient.String(); got != "cloned_client" {
		t.Errorf("counted as %q", got)
	}
}
