package main

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// goodNodeFile says every key.
const goodNodeFile = `# This node.
name: n1                          # unique in the cluster
data: /var/lib/port67
interfaces: [eth0, eth1]
peer:
  listen: 10.67.0.2:6701
  advertise: n1.example.org:6701
admin:
  listen: 10.67.0.2:6702
  socket: /run/port67/admin.sock
  group: root
metrics:
  listen: 127.0.0.1:6703
history: {size: 2GiB}
allow-slow-disk: on
log: {level: debug, format: json}
`

func TestSettings_File(t *testing.T) {
	got, err := settingsSource{file: writeFile(t, "node.yaml", goodNodeFile), must: true}.load()
	if err != nil {
		t.Fatal(err)
	}
	want := nodeSettings{
		Name: "n1", Data: "/var/lib/port67", Interfaces: []string{"eth0", "eth1"},
		PeerListen: netip.MustParseAddrPort("10.67.0.2:6701"), PeerAdvertise: "n1.example.org:6701",
		AdminListen: "10.67.0.2:6702", AdminSocket: "/run/port67/admin.sock", AdminGroup: "root", MetricsListen: "127.0.0.1:6703",
		HistorySize: 2 << 30, AllowSlowDisk: true, LogLevel: slog.LevelDebug, LogJSON: true,
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

// Every key of the table can be said in the file, by a flag and in the environment; flags win over the
// environment, the environment over the file.
func TestSettings_Precedence(t *testing.T) {
	src := settingsSource{
		file:    writeFile(t, "node.yaml", "name: file\ndata: /file\npeer: {listen: 10.67.0.2:1}\n"),
		environ: []string{"PORT67_DATA=/environ", "PORT67_PEER_LISTEN=10.67.0.2:2", "PORT67_INTERFACES=a,b"},
		flags:   map[string]string{"peer.listen": "10.67.0.2:3"},
	}
	got, err := src.load()
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != "file" || got.Data != "/environ" || got.PeerListen.Port() != 3 ||
		!cmp.Equal(got.Interfaces, []string{"a", "b"}) {
		t.Errorf("settings %+v", got)
	}
}

func TestSettings_FileMissing(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "node.yaml")
	flags := map[string]string{"peer.listen": "10.67.0.2:6701", "name": "n1"}
	if _, err := (settingsSource{file: absent, flags: flags}).load(); err != nil {
		t.Errorf("flags alone: %v", err)
	}
	_, err := settingsSource{file: absent, must: true, flags: flags}.load()
	if err == nil || !strings.Contains(err.Error(), "no such file: write one, or name another with --node") {
		t.Errorf("a named file that is not there: %v", err)
	}
}

// A bad node file is refused with line, column and remedy, all problems at once.
func TestSettings_Bad(t *testing.T) {
	const peer = "peer: {listen: 10.67.0.2:6701}\n"
	tests := []struct {
		name, text string
		want       []string
	}{
		{"not YAML", "name: [n1\n", []string{"node.yaml:1:7: "}},
		{"unknown key", peer + "nmae: n1\n", []string{"node.yaml:2:1: nmae: unknown key; did you mean name?"}},
		{"unknown key in a group", "peer:\n  listen: 10.67.0.2:6701\n  lisen: x\n",
			[]string{"node.yaml:3:3: peer.lisen: unknown key; did you mean peer.listen?"}},
		{"key said twice", "name: a\nname: b\n", []string{"node.yaml:2:1: "}},
		{"a second document", peer + "---\nname: n2\n", []string{"node.yaml:3:5: a second document"}},
		{"nested too deep", "name: " + strings.Repeat("[", 100_000), []string{"node.yaml:1:71: nested more than 64"}},
		{"nested too deep in one line", strings.Repeat("- ", 100_000), []string{": nested more than 64 levels"}},
		{"too large", "#" + strings.Repeat("x", 1<<20), []string{"node.yaml: 1048577 octets: a node file has at most"}},
		{"keys where a value belongs", peer + "name: {a: b}\n",
			[]string{"node.yaml:2:1: name: expected a value, found keys"}},
		{"value where keys belong", "peer: 10.67.0.2:6701\n",
			[]string{"node.yaml:1:7: peer: expected keys with values"}},
		{"value where a list belongs", peer + "interfaces: eth0\n",
			[]string{"node.yaml:2:13: interfaces: expected a list, as in [eth0]"}},
		{"list where a value belongs", peer + "data: [/a]\n",
			[]string{"node.yaml:2:7: data: expected one value, found a list"}},
		{"no value", peer + "data:\n", []string{"node.yaml:2:1: data: no value"}},
		{"no peer.listen", "name: n1\n", []string{"peer.listen: required"}},
		{"no port", "peer:\n  listen: 10.67.0.2\n",
			[]string{`node.yaml:2:11: peer.listen: "10.67.0.2": not an address with a port`}},
		{"unspecified address", "peer:\n  listen: 0.0.0.0:6701\n",
			[]string{"node.yaml:2:11: peer.listen: 0.0.0.0:6701: other nodes cannot reach an unspecified " +
				"address; name one of this host's, or set peer.advertise"}},
		{"one port for two", peer + "admin: {listen: \"10.67.0.2:6701\"}\n",
			[]string{"node.yaml:2:17: admin.listen: 10.67.0.2:6701: peer.listen has it already"}},
		{"all at once", "name: a b\ndata: here\ninterfaces: [eth0, eth0]\nlog: {level: loud, format: xml}\n" +
			"admin: {listen: x, socket: s, group: no-such-group}\nallow-slow-disk: perhaps\n",
			[]string{
				`node.yaml:1:7: name: "a b"`, `node.yaml:2:7: data: "here": not an absolute path`,
				`node.yaml:3:13: interfaces: "eth0": named twice`,
				`node.yaml:4:14: log.level: "loud": write debug, info, warn or error`,
				`node.yaml:4:28: log.format: "xml": write text or json`,
				`node.yaml:5:17: admin.listen: "x"`, `node.yaml:5:28: admin.socket: "s"`, `node.yaml:5:38: admin.group: "no-such-group"`,
				`node.yaml:6:18: allow-slow-disk: "perhaps": write on or off`,
			}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := settingsSource{file: writeFile(t, "node.yaml", tt.text), must: true}.load()
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error\n%v\nlacks %q", err, want)
				}
			}
		})
	}
}

func TestSettings_BadFlagAndVariable(t *testing.T) {
	_, err := settingsSource{
		file: filepath.Join(t.TempDir(), "node.yaml"), environ: []string{"PORT67_LOG_LEVEL=loud"},
		flags: map[string]string{"peer.listen": "here"},
	}.load()
	for _, want := range []string{"--peer-listen: peer.listen: \"here\"", "PORT67_LOG_LEVEL: log.level: \"loud\""} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
}

// A variable that begins like one of ours sets something or is refused: a slip must not pass unseen.
func TestSettings_UnknownVariable(t *testing.T) {
	src := settingsSource{
		file:    filepath.Join(t.TempDir(), "node.yaml"),
		environ: []string{"PORT67_PEER_LISTN=10.67.0.2:6701", "PORT67_COLOUR=red", "PORT670=x", "HOME=/root"},
		flags:   map[string]string{"peer.listen": "10.67.0.2:6701", "name": "n1"},
	}
	_, err := src.load()
	for _, want := range []string{
		"PORT67_PEER_LISTN: unknown variable; did you mean PORT67_PEER_LISTEN?",
		"PORT67_COLOUR: unknown variable; known are PORT67_NAME, ",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
	if lines := strings.Count(err.Error(), "\n") + 1; lines != 2 {
		t.Errorf("%d problems, want 2:\n%v", lines, err)
	}
}

// Nothing in a node file ends the program: what makes the YAML library panic is a problem of the file.
func FuzzReadNodeFile(f *testing.F) {
	for _, text := range []string{goodNodeFile, "? [a\n", "&a [*a]", "name: !!x", "\x00", "a: |\n b\n---\n", "- : -"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, p := range readNodeFile("node.yaml", []byte(text), map[string]said{}) {
			if !strings.HasPrefix(p.Origin, "node.yaml") || p.Text == "" {
				t.Errorf("problem %q", p)
			}
		}
	})
}

// TestSettings_ToolsVariable: who uses dhcpctl and port67d in one shell must not be told off for the tool's.
func TestSettings_ToolsVariable(t *testing.T) {
	if got := unknownVariables([]string{"PORT67_CONTEXT=lab", "PORT67_CONTEXTS=lab"}); len(got) != 1 {
		t.Errorf("problems %v, want one, of PORT67_CONTEXTS", got)
	}
}
