package server

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"port67/server/classify"
	"port67/server/dhcp4"
	"port67/storage"
	"port67/storage/configfile"
	"port67/storage/lease"
	"port67/storage/storagetest"
)

// TestScripts plays testdata/*.txtar: a configuration, what happens (NAME.do), what node n1 hears (NAME.hear,
// one message), and what comes of it (NAME.expect). With -update it writes what came of it.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("testdata/*.txtar: %d scripts, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { play(t, file) })
	}
}

func play(t *testing.T, file string) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text, rest, _ := strings.Cut("\n"+string(b), "\n-- ")
	text = strings.TrimPrefix(text, "\n") + "\n"
	var s *scene
	var came string
	for section := range strings.SplitSeq(rest, "\n-- ") {
		name, body, _ := strings.Cut(section+"\n", " --\n")
		body = strings.TrimRight(body, "\n") + "\n"
		switch filepath.Ext(name) {
		case ".yaml":
			s = newScene(t, file, []byte(body))
		case ".do":
			for line := range strings.Lines(body) {
				s.do(strings.Fields(line))
			}
		case ".hear":
			came = s.hear(strings.Fields(body))
		case ".expect":
			if diff := cmp.Diff(body, came); diff != "" && !*update {
				t.Errorf("%s: %s: (-want +got)\n%s", file, name, diff)
			}
			body = came
		default:
			t.Fatalf("%s: %s: a section is .yaml, .do, .hear or .expect", file, name)
		}
		text += "-- " + name + " --\n" + body
	}
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// scene is node n1 of three, with a replicated state but without a cluster. It is all ports of its Server.
type scene struct {
	*storagetest.Alone
	t      *testing.T
	server *Server
	clock  *stubClock
	trace  []string

	quorum   error // what Propose says; nil if there is one
	touch    bool
	anchor   bool
	age      time.Duration  // of the next packet
	answers  storage.NodeID // who answers while n1 waits
	onCommit time.Duration  // how long a commit takes
	ended    Outcome
	sent     []byte // the last reply, and where it went
	sentTo   dhcp4.Dest

	squatters map[netip.Addr]string // who answers for an address: hardware address in hex, or router
	mute      bool                  // nobody can be asked
	answered  bool                  // one of these, while the last message was served
}

func newScene(t *testing.T, file string, yaml []byte) *scene {
	c, problems := configfile.Decode(file, yaml, classify.Check)
	if len(problems) > 0 {
		t.Fatalf("%s: %v", file, problems)
	}
	s := &scene{
		t: t, Alone: storagetest.New(), clock: &stubClock{now: time.Unix(1_000_000, 0)},
		touch: true, anchor: true, squatters: map[netip.Addr]string{},
	}
	s.clock.meanwhile = s.wait
	s.server = New(Options{
		Self: "n1", Cluster: "test", Reader: s, Proposer: s, Timekeeper: s, Neighbours: s, Sender: s, Observer: s,
		Clock: s.clock, Prober: s,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err := found(s.Alone); err != nil {
		t.Fatal(err)
	}
	s.buckets([]string{"n1"})
	if err := s.Must(storage.SetConfig{Config: c, Author: "test"}); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return s
}

// found founds the cluster of three that these tests have.
func found(a *storagetest.Alone) error {
	return a.Found("test", storagetest.Member("n1", "10.67.0.2"), storagetest.Member("n2", "10.67.0.3"),
		storagetest.Member("n3", "10.67.0.4"))
}

func (s *scene) buckets(ids []string) {
	if err := s.Own(func(i int) storage.NodeID { return storage.NodeID(ids[i%len(ids)]) }); err != nil {
		s.t.Fatal(err)
	}
}

// pass lets time go by on all clocks.
func (s *scene) pass(d time.Duration) {
	s.Pass(d)
	s.clock.now = s.clock.now.Add(d)
}

// do lets something happen: one line of a .do section.
func (s *scene) do(words []string) {
	arg := strings.Join(words[1:], " ")
	switch words[0] {
	case "pass": // a duration
		d, err := time.ParseDuration(arg)
		if err != nil {
			s.t.Fatal(err)
		}
		s.pass(d)
		s.Apply(storage.Tick{})
	case "quorum": // there, lost, unknown
		s.quorum = map[string]error{"there": nil, "lost": storage.ErrNoLeader,
			"unknown": storage.ErrUnknown}[arg]
	case "touch": // there, lost
		s.touch = arg == "there"
	case "anchor": // there, lost
		s.anchor = arg == "there"
	case "buckets": // the nodes that own them
		s.buckets(words[1:])
	case "answers": // the node that answers while n1 waits, or nobody
		s.answers = storage.NodeID(strings.TrimPrefix(arg, "nobody"))
	case "squats": // who answers for an address from now on: ADDRESS HARDWARE, "router" if one stands between
		s.squatters[netip.MustParseAddr(words[1])] = words[2]
	case "leaves": // nobody answers for an address any more
		delete(s.squatters, netip.MustParseAddr(arg))
	case "mute": // on, off: whether nobody can be asked
		s.mute = arg == "on"
	case "ahead": // n1 probes ahead of need
		s.server.ProbeAhead(context.Background())
	case "age", "commit": // of the next packet; how long the next commit takes
		d, err := time.ParseDuration(arg)
		if err != nil {
			s.t.Fatal(err)
		}
		if words[0] == "age" {
			s.age = d
		} else {
			s.onCommit = d
		}
	default:
		s.t.Fatalf("%s: happens nowhere", words[0])
	}
}

// hear lets n1 hear a message, and returns what came of it.
func (s *scene) hear(words []string) string {
	s.trace = nil
	payload, in := parseScript(s.t, words)
	began := s.clock.now
	d := Datagram{Payload: payload, Ingress: in, Heard: s.clock.now.Add(-s.age)}
	foretold := s.explain(d)
	o := s.server.Serve4(context.Background(), d)
	foretold(o)
	s.age = 0
	if o != s.ended {
		s.t.Errorf("outcome %v, and the observer was told %v", o, s.ended)
	}
	if waited := s.clock.now.Sub(began); waited > 0 {
		s.Pass(waited)
	}
	return strings.Join(append(s.trace, "outcome  "+o.String()), "\n") + "\n"
}

// explain has d explained, and returns what holds the explanation to what Serve4 then does. Where the cluster
// cannot be asked, another node answers meanwhile, an address turns out to be used, or the packet is old,
// nobody can foretell it.
func (s *scene) explain(d Datagram) func(Outcome) {
	before := storage.ViewOf(s.State).Digest()
	x := s.server.Explain4(context.Background(), d)
	if storage.ViewOf(s.State).Digest() != before || len(s.trace) > 0 {
		s.t.Errorf("to explain a message changed the state, or did this: %v", s.trace)
	}
	unforeseen := s.quorum != nil || s.answers != "" || s.age != 0 || s.onCommit != 0
	s.sent, s.sentTo, s.answered = nil, dhcp4.Dest{}, false
	return func(o Outcome) {
		if unforeseen || o == RateLimited || s.answered {
			return
		}
		if x.Outcome != o || !bytes.Equal(x.Payload, s.sent) || x.To != s.sentTo {
			s.t.Errorf("explained as %v, %s to %+v; came as %v, %s to %+v", x.Outcome, replyWords(x.Payload), x.To, o,
				replyWords(s.sent), s.sentTo)
		}
		for _, wrong := range foretoldOptions(x, s.sent) {
			s.t.Errorf("explained: %s: %s", wrong, replyWords(s.sent))
		}
	}
}

func replyWords(payload []byte) string {
	if payload == nil {
		return "silence"
	}
	return describeReply(payload)
}

func (s *scene) say(format string, a ...any) { s.trace = append(s.trace, fmt.Sprintf(format, a...)) }

// wait is what happens while n1 waits for the nodes ahead.
func (s *scene) wait(d time.Duration) {
	s.say("wait     %v", d)
	if s.answers != "" {
		for x := range s.server.inflight.open {
			s.server.HandledBy(s.answers, x)
		}
	}
}

// Propose implements Proposer.
func (s *scene) Propose(_ context.Context, c storage.Command) (storage.Result, error) {
	s.say("propose  %s", describe(c))
	s.clock.now = s.clock.now.Add(s.onCommit)
	s.onCommit = 0
	if s.quorum != nil {
		return storage.Result{}, s.quorum
	}
	r := s.Apply(c)
	if r.Refusal != storage.Granted {
		s.say("refused  %d known=%v authoritative=%v", r.Refusal, r.Known, r.Authoritative)
	}
	return r, nil
}

// Extend implements Proposer.
func (s *scene) Extend(e storage.Extend) { s.say("extend   %v %v", e.Key, e.Addr) }

// Probe implements Prober.
func (s *scene) Probe(_ context.Context, targets []dhcp4.Probe) ([]ProbeAnswer, error) {
	if s.mute {
		return nil, errors.New("no raw sockets")
	}
	var answers []ProbeAnswer
	for _, p := range targets {
		how := ""
		if p.ARP {
			how += " arp"
		}
		if p.ICMP {
			how += " icmp"
		}
		s.say("probe    %v%s %dms", p.Addr, how, p.Millis)
		who, inUse := s.squatters[p.Addr]
		s.answered = s.answered || inUse
		hardware, _ := hex.DecodeString(who)
		answers = append(answers, ProbeAnswer{Asked: true, InUse: inUse, Hardware: string(hardware), By: "arp"})
	}
	return answers, nil
}

// Upper implements Timekeeper.
func (s *scene) Upper() (lease.Instant, bool) { return s.At, s.anchor }

// InTouch implements Timekeeper.
func (s *scene) InTouch() bool { return s.touch }

// Handled implements Neighbours.
func (s *scene) Handled(x Exchange) { s.say("tell     handled xid=%x", x.XID) }

// Send4 implements Sender4.
func (s *scene) Send4(_ context.Context, payload []byte, to dhcp4.Dest) error {
	if len(payload) < 300 {
		return errors.New("payload shorter than 300 octets") // V4-031
	}
	s.sent, s.sentTo = slices.Clone(payload), to
	s.say("reply    %s", describeReply(payload))
	how := map[dhcp4.DestKind]string{dhcp4.DestRouted: "routed", dhcp4.DestRaw: "raw",
		dhcp4.DestBroadcast: "broadcast"}
	s.say("send     %s %v:%s from %v", how[to.Kind], to.Addr, strconv.Itoa(int(to.Port)), to.Source)
	return nil
}

// Ignored, Irregular, Omitted and Ended implement Observer.
func (s *scene) Ignored(int) {}

func (s *scene) Irregular(i dhcp4.Irregularity) { s.say("counted  %v", i) }

func (s *scene) Omitted(int) {}

func (s *scene) Limited(l Limit) { s.say("limited  by %v", l) }

func (s *scene) ClassErrors(n int) { s.say("classes  %d tests failed", n) }

func (s *scene) Ended(_ dhcp4.MessageType, o Outcome, _ time.Duration) { s.ended = o }
