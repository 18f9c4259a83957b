package logcodec_test

import (
	"bufio"
	"encoding/hex"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"port67/cluster/logcodec"
	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

var update = flag.Bool("update", false, "write the golden log of this feature level anew")

// goldenLog is the log of feature level 1: one entry a line, its kinds and its octets in hex. goldenState is
// what came of each entry, by refusal, and the digest of the state in the end.
const (
	goldenLog   = "../testdata/logs/level1.log"
	goldenState = "../testdata/logs/level1.state"
)

// story is the log of a small cluster with every kind of command in it. It may grow at its end; what stands
// here was written by released software and is never changed.
func story() []storage.Entry {
	addr := netip.MustParseAddr
	clients := make([]storage.Client, 3)
	for i := range clients {
		hw := []byte{2, 0x67, 0, 0, 0, byte(i + 1)}
		clients[i] = storage.Client{Key: lease.HardwareKey(1, hw), HType: 1, CHAddr: string(hw)}
	}
	clients[1].Key = lease.ClientIDKey([]byte("\xff\x00\x01id"))
	clients[1].Hostname = "printer"
	clients[1].Classes = []string{"known", "blue"}
	clients[1].RelayInfo = "\x01\x04ge-0"
	firmware, booted := clients[0], clients[0]
	firmware.Key, firmware.Firmware = lease.ClientIDKey([]byte("\x00uuid")), true
	booted.Key = lease.ClientIDKey([]byte("\xffduid"))
	n1 := storage.Node{
		ID: "0e67c1de-0000-4000-8000-000000000001", Name: "n1", PeerAddr: "10.67.0.2:6701",
		AdminAddr: "10.67.0.2:6702", Addresses: []netip.Addr{addr("10.67.0.2")}, Level: 1, Version: "0.1.0",
	}
	n2 := storage.Node{
		ID: "0e67c1de-0000-4000-8000-000000000002", Name: "n2", PeerAddr: "10.67.0.3:6701", Level: 1,
	}
	n3 := n2
	n3.ID = "0e67c1de-0000-4000-8000-000000000003"
	link := "10.67.0.0/16"
	buckets := storage.SetBuckets{Epoch: 1}
	for b := range buckets.Owners {
		buckets.Owners[b] = []storage.NodeID{n1.ID, n2.ID}[b%2]
	}
	hash := [32]byte{0: 0x67, 31: 1}
	one := func(at lease.Instant, c ...storage.Command) storage.Entry {
		return storage.Entry{At: at, Commands: c}
	}
	t := lease.Genesis
	return []storage.Entry{
		one(t, storage.Found{ClusterID: "c1", CACert: []byte{0x30, 0x82}, CAKey: []byte{0x30, 0x81}, Node: n1}),
		one(t+1, storage.SetConfig{
			Config: goldenConfig(), Source: "subnets: …\n", Author: "root via socket", Comment: "the first",
			Wall: 1_800_000_000,
		}),
		one(t+2, storage.AddToken{Hash: hash, Expires: t + 3602}),
		one(t+3, storage.UseToken{Hash: hash, Node: n2}),
		one(t+4, storage.PutNode{Node: n2}, storage.SetLevel{Level: 1}, buckets),
		one(t+5, storage.Offer{Client: clients[0], Link: link, Wish: addr("10.67.1.10"), Asked: addr("10.67.1.9")}),
		one(t+6,
			storage.Bind{
				Client: clients[0], Link: link, Addr: addr("10.67.1.10"), Mode: storage.Selecting, AskedLease: 600,
			},
			storage.Bind{Client: clients[1], Link: link, Addr: addr("10.67.1.11"), Mode: storage.Selecting},
			storage.Bind{Client: clients[2], Link: link, Addr: addr("10.67.1.11"), Mode: storage.Selecting}),
		one(t+7, storage.Bind{Client: clients[2], Link: link, Mode: storage.InitReboot}),
		one(t+300, storage.Extend{
			Addr: addr("10.67.1.11"), Key: clients[1].Key, AskedLease: 3600, Classes: clients[1].Classes,
			RelayInfo: clients[1].RelayInfo,
		}),
		one(t+301, storage.Bind{Client: clients[2], Link: link, Addr: addr("10.67.1.12"), Mode: storage.Selecting}),
		one(t+302, storage.Release{Addr: addr("10.67.1.10"), Key: clients[0].Key}),
		one(t+303, storage.Decline{Addr: addr("10.67.1.12"), Key: clients[2].Key, Held: true}),
		one(t+304, storage.ReleaseLease{Addr: addr("10.67.1.11"), Author: "anna"}),
		one(t+305, storage.Tick{}),
		one(t+306, storage.ClearDeclined{Addr: addr("10.67.1.12"), Author: "anna"}),
		one(t+307, storage.DeleteLease{Addr: addr("10.67.1.10"), Force: true, Author: "anna"}),
		one(t+308, storage.AdvanceTime{By: 60, Author: "anna"}),
		one(t+399, storage.ReplaceNode{Old: n2.ID, Node: n3}, storage.ReplaceNode{Old: n3.ID, Node: n2}),
		one(t+400, storage.DrainNode{ID: n3.ID, Drained: true}, storage.RemoveNode{ID: n3.ID}),
		one(t+401, storage.Checkpoint{Index: 3, Digest: hash}),
		one(t+402,
			storage.ReleaseLease{Addr: addr("10.67.1.11"), Author: "anna", Client: clients[2].Key},
			storage.ReleaseLease{Addr: addr("10.67.1.11"), Author: "anna", Client: clients[1].Key}),
		one(t+403,
			storage.DeleteLease{Addr: addr("10.67.1.11"), Force: true, Author: "anna", Client: clients[2].Key},
			storage.DeleteLease{Addr: addr("10.67.1.11"), Force: true, Author: "anna", Client: clients[1].Key}),
		one(t+404,
			storage.TakeLease{
				Client: clients[1], Addr: addr("10.67.1.20"), Left: 1800, Told: 3600, Age: 1800, Author: "anna",
			},
			storage.TakeLease{Addr: addr("10.67.1.21"), Left: 600, Declined: true, Author: "anna"}),
		one(t+405, storage.Bind{Client: firmware, Link: link, Addr: addr("10.67.1.30"), Mode: storage.Selecting}),
		one(t+406,
			storage.Bind{Client: booted, Link: link, Addr: addr("10.67.1.30"), Mode: storage.Selecting},
			storage.Extend{Addr: addr("10.67.1.30"), Key: booted.Key, HType: booted.HType, CHAddr: booted.CHAddr},
			storage.Decline{Addr: addr("10.67.1.31"), Key: booted.Key, HType: booted.HType, CHAddr: booted.CHAddr},
			storage.Release{Addr: addr("10.67.1.30"), Key: booted.Key, HType: booted.HType, CHAddr: booted.CHAddr}),
		one(t+407, storage.Conflict{Addr: addr("10.67.1.33"), CHAddr: "\x02\x67\x00\x00\x00\x30"}),
	}
}

func goldenConfig() *config.Config {
	hour := lease.Seconds(3600)
	return &config.Config{
		Settings: config.Settings{Lease: config.LeaseTimes{Default: &hour}},
		Booking:  config.Booking{FactorPercent: 200, Grace: 120, GracePermille: 10, Pause: 60},
		Decline:  config.Decline{Quarantine: 86400},
		Subnets: []config.Subnet{{
			Prefix: netip.MustParsePrefix("10.67.0.0/16"),
			Pools: []config.Pool{{Range: config.AddrRange{
				First: netip.MustParseAddr("10.67.1.10"), Last: netip.MustParseAddr("10.67.1.200"),
			}}},
			Reservations: []config.Reservation{{
				Hardware: [][]byte{{2, 0x67, 0, 0, 0, 9}}, Address: netip.MustParseAddr("10.67.0.100"),
			}},
		}},
	}
}

// TestGolden_OldLogsAreReadForEver holds the writer to the octets it wrote before, and the reader to their
// meaning. A line that changes is a broken upgrade.
func TestGolden_OldLogsAreReadForEver(t *testing.T) {
	if *update {
		writeGolden(t)
	}
	octets := readGolden(t)
	entries := story()
	if len(octets) != len(entries) {
		t.Fatalf("%s has %d entries, the story has %d", goldenLog, len(octets), len(entries))
	}
	seen := map[string]bool{}
	for i, want := range entries {
		got, err := logcodec.Decode(octets[i])
		if err != nil {
			t.Errorf("entry %d: %v", i+1, err)
			continue
		}
		if diff := cmp.Diff(want, got, sameAddr, samePrefix); diff != "" {
			t.Errorf("entry %d: story (-), golden (+):\n%s", i+1, diff)
		}
		b, err := logcodec.Encode(want)
		if err != nil || hex.EncodeToString(b) != hex.EncodeToString(octets[i]) {
			t.Errorf("entry %d is now written as\n%x (%v), it was\n%x", i+1, b, err, octets[i])
		}
		for _, c := range got.Commands {
			seen[reflect.TypeOf(c).Name()] = true
		}
	}
	for _, k := range kinds() {
		if name := reflect.TypeOf(k).Name(); !seen[name] {
			t.Errorf("no golden entry has a %s", name)
		}
	}
}

// TestGolden_P9_ReplayEndsInTheSameState replays the golden log: an old log means for ever what it meant.
func TestGolden_P9_ReplayEndsInTheSameState(t *testing.T) {
	var b strings.Builder
	s := storage.New()
	for i, octets := range readGolden(t) {
		e, err := logcodec.Decode(octets)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(strconv.Itoa(i + 1))
		for _, r := range s.Apply(uint64(i+1), e) {
			fmt.Fprintf(&b, " %d", r.Refusal)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "digest %x\n", s.Digest())
	if *update {
		if err := os.WriteFile(goldenState, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenState)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s (-), today (+):\n%s", goldenState, diff)
	}
}

func writeGolden(t *testing.T) {
	t.Helper()
	var b strings.Builder
	b.WriteString("# The log of a small cluster at feature level 1. Lines are added, never changed.\n")
	for _, e := range story() {
		octets, err := logcodec.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range e.Commands {
			names = append(names, reflect.TypeOf(c).Name())
		}
		fmt.Fprintf(&b, "%s %x\n", strings.Join(names, "+"), octets)
	}
	if err := os.WriteFile(goldenLog, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readGolden(t *testing.T) [][]byte {
	t.Helper()
	f, err := os.Open(goldenLog)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out [][]byte
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		_, digits, _ := strings.Cut(lines.Text(), " ")
		b, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatalf("%s: %v", goldenLog, err)
		}
		out = append(out, b)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
