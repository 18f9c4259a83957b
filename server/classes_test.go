package server

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"port67/server/dhcp4"
	"port67/storage"
	"port67/storage/config"
)

// compiled is a configuration with a class that decides about something.
func compiled(t *testing.T, test string) *config.Compiled {
	t.Helper()
	c, problems := config.Compile(&config.Config{
		Classes: []config.Class{{Name: "it", Test: test}}, Deny: []string{"it"},
	})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return c
}

func TestClasses_CompiledOnceForEachConfiguration(t *testing.T) {
	var log strings.Builder
	c := classes{log: slog.New(slog.NewTextHandler(&log, nil))}
	plain, problems := config.Compile(&config.Config{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, none := range []*config.Compiled{nil, plain} {
		if of, ok := c.of(none); of != nil || !ok {
			t.Errorf("%v %v without classes, want nothing to be compiled", of, ok)
		}
	}
	first, second := compiled(t, "pkt.relayed"), compiled(t, "pkt.quantum")
	if _, ok := c.of(first); ok {
		t.Error("a configuration is ready before it was compiled")
	}
	c.compile(first)
	one, ok := c.of(first)
	c.compile(first)
	if again, _ := c.of(first); !ok || again != one {
		t.Error("a configuration was compiled twice")
	}
	if _, ok := c.of(second); ok || log.Len() > 0 {
		t.Errorf("another configuration is ready: %v; log %q", ok, log.String())
	}
	c.compile(second) // Its test does not compile: an operator has to hear of that.
	if _, ok := c.of(second); !ok || !strings.Contains(log.String(), "classes[0].test") {
		t.Errorf("ready %v, log %q; want it ready, and the class to be told of", ok, log.String())
	}
}

// While the configuration changes, every client is judged by the classes of the one that it is served by.
func TestServe4_ClassesWhileTheConfigurationChanges(t *testing.T) {
	s, server := newSite(t)
	set := func(revision uint64) {
		n := revision % 2
		guard := [2]string{"mine", "not-mine"}
		c := &config.Config{
			Classes: []config.Class{{Name: "mine", Test: fmt.Sprintf("%d == %d", n, 1)}},
			Subnets: []config.Subnet{{Prefix: netip.MustParsePrefix("10.67.0.0/16"), Pools: []config.Pool{
				{Range: config.AddrRange{First: netip.MustParseAddr("10.67.1.0"),
					Last: netip.MustParseAddr("10.67.4.255")}, Classes: []string{guard[1-n]}},
			}}},
		}
		r, _ := s.Propose(t.Context(), storage.SetConfig{Expected: revision, Config: c, Author: "test"})
		if r.Refusal != storage.Granted {
			t.Errorf("configuration refused: %s", r.Detail)
		}
	}
	set(1)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 30 {
			set(uint64(2 + i))
		}
	})
	for i := range 200 {
		wg.Go(func() {
			payload, in := parseScript(t, strings.Fields(fmt.Sprintf("DISCOVER xid=%d cid=%08x", i+1, i+1)))
			o := server.Serve4(t.Context(), Datagram{Payload: payload, Ingress: in, Heard: s.Now()})
			if kind, _ := s.reply(uint32(i + 1)); kind != dhcp4.OfferMsg {
				t.Errorf("client %d: %v, want an OFFER under every configuration", i, o)
			}
		})
	}
	wg.Wait()
}

// A test that fails is counted by the observer and told to the debug log.
func TestServe4_ClassErrorsAreTold(t *testing.T) {
	s, server := newSite(t)
	var log strings.Builder
	server.log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c := *storage.ViewOf(s.alone.State).Config().Config
	c.Classes = []config.Class{{Name: "it", Test: "number(pkt.chaddr) == 1"}}
	c.Deny = []string{"it"}
	r, _ := s.Propose(t.Context(), storage.SetConfig{Expected: 1, Config: &c, Author: "test"})
	if r.Refusal != storage.Granted {
		t.Fatal(r.Detail)
	}
	hear := func(line string) {
		payload, in := parseScript(t, strings.Fields(line))
		server.Serve4(t.Context(), Datagram{Payload: payload, Ingress: in, Heard: s.Now()})
	}
	hear("DISCOVER xid=1 giaddr=10.99.0.1")
	if n := s.classErrors.Load(); n != 0 {
		t.Errorf("%d tests failed of a client that is on no link: none should be evaluated", n)
	}
	hear("DISCOVER xid=2")
	if kind, _ := s.reply(2); kind != dhcp4.OfferMsg {
		t.Error("no OFFER: a test that fails is false")
	}
	if n := s.classErrors.Load(); n != 1 || !strings.Contains(log.String(), "class it: number of 6 octets") {
		t.Errorf("%d tests failed, want 1; log\n%s", n, log.String())
	}
}
