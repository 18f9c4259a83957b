package tidy

import (
	"slices"
	"strings"
	"testing"
)

// kind is what a package may do at all. It is the last sentence of its package comment.
type kind string

const (
	pure      kind = "This package is pure."              // a short list of imports; no clock, goroutine, chance, file
	codec     kind = "This package is a codec."           // pure, and one library for one format
	spine     kind = "This package is a spine."           // joins pure packages and ports; no goroutine, socket or file
	shell     kind = "This package is a shell."           // meets the world; decides nothing about addresses
	machinery kind = "This package is test machinery."    // anything; no product imports it
	generated kind = "generated from the files in proto/" // has no comment of ours
)

// row is a package with its kind and all that it may import.
type row struct {
	dir     string
	kind    kind
	ours    []string // folders; /... means all below
	foreign []string // modules and packages of others; /... means all below
	why     string   // why a library, or what deviates from the kind
}

// table is the whole house. A package that is not here does not belong to it.
var table = []row{
	{"proto/admin/v1", generated, nil, []string{"google.golang.org/..."}, "the admin API"},
	{"proto/peer/v1", generated, nil, []string{"google.golang.org/..."}, "node to node"},
	{"proto/raftlog/v1", generated, nil, []string{"google.golang.org/..."}, "what a log entry looks like"},

	{"storage/lease", pure, nil, []string{"github.com/tidwall/btree"}, "tables that can be copied in O(1)"},
	{"storage/option", pure, nil, nil, ""},
	{"storage/config", pure, []string{"storage/lease", "storage/option"}, nil, ""},
	{"storage", pure, []string{"storage/lease", "storage/config"}, nil, ""},
	{"storage/storagetest", machinery, []string{"storage", "storage/lease"}, nil, ""},
	{"storage/history", pure, []string{"storage", "storage/lease"}, nil, ""},
	{
		"storage/configfile", codec, []string{"storage/config", "storage/lease", "storage/option"},
		[]string{"github.com/goccy/go-yaml/..."}, "YAML with positions",
	},
	{
		"storage/disk", shell, nil,
		[]string{
			"github.com/hashicorp/raft/...", "github.com/hashicorp/raft-boltdb/v2", "github.com/hashicorp/go-hclog",
			"go.etcd.io/bbolt/...", "golang.org/x/sys/unix",
		}, "the library's log and snapshots on a disk that may fail",
	},

	{
		"cluster/logcodec", codec, []string{"storage", "storage/config", "storage/lease", "proto/raftlog/v1"},
		[]string{"google.golang.org/protobuf/..."}, "the log is protobuf",
	},
	{"cluster/ctime", spine, []string{"storage/lease"}, nil, ""},
	{"cluster/trust", shell, nil, []string{"golang.org/x/sys/unix"}, "certificates and tokens; knows no cluster"},
	{"cluster/feed", shell, nil, nil, "a ring under a mutex; it starts nothing and waits for nobody"},
	{"cluster/journal", shell, []string{"storage", "storage/disk", "storage/history", "storage/lease"}, nil, ""},
	{
		"cluster", shell,
		[]string{
			"cluster/ctime", "cluster/feed", "cluster/journal", "cluster/logcodec", "cluster/trust", "proto/peer/v1",
			"storage", "storage/config",
			"storage/disk", "storage/history", "storage/lease",
		},
		[]string{
			"github.com/google/uuid", "github.com/hashicorp/raft", "github.com/hashicorp/go-hclog",
			"golang.org/x/sync/errgroup", "golang.org/x/sys/unix", "google.golang.org/...",
		}, "consensus",
	},

	{"server/recent", pure, nil, nil, ""},
	{
		"server/dhcp4", pure, []string{"storage", "storage/config", "storage/lease"}, nil, "",
	},
	{
		"server/rarp", pure, []string{"server/dhcp4", "server/recent", "storage", "storage/config", "storage/lease"}, nil, "",
	},
	{
		"server/leasequery", pure, []string{"server/dhcp4", "storage", "storage/config", "storage/lease"}, nil, "",
	},
	{"server/wire4", codec, []string{"server/dhcp4", "storage/lease"}, nil, "our own parser and encoder"},
	{
		"server/classify", codec, []string{"storage/config", "storage/option"}, []string{"cel.dev/cel-go/..."},
		"expressions; reflect only names a type of theirs",
	},
	{
		"server", spine,
		[]string{
			"server/classify", "server/dhcp4", "server/leasequery", "server/rarp", "server/recent", "server/wire4",
			"storage", "storage/config", "storage/history", "storage/lease",
		}, nil,
		"keeps tables of exchanges and offers under a mutex; time is a port",
	},
	{"server/clock", shell, nil, nil, "the real clock behind the spine's ports"},
	{
		"server/listen", shell, []string{"server", "server/dhcp4", "server/rarp", "server/wire4"},
		[]string{"github.com/vishvananda/netlink", "golang.org/x/sys/unix", "github.com/mdlayher/packet", "golang.org/x/net/..."},
		"sockets and interfaces",
	},
	{
		"server/listen/bulk", shell, []string{"server", "server/dhcp4", "server/wire4"},
		[]string{"golang.org/x/sys/unix"}, "connections for bulk and active leasequery",
	},
	{
		"server/admin", shell,
		[]string{
			"proto/admin/v1", "server", "server/classify", "server/dhcp4", "storage", "storage/config",
			"storage/configfile", "storage/history", "storage/lease", "storage/option",
		},
		[]string{"golang.org/x/sync/errgroup", "golang.org/x/sys/unix", "google.golang.org/..."}, "gRPC",
	},
	{
		"server/admin/admintest", machinery,
		[]string{
			"server", "server/admin", "server/clock", "server/dhcp4", "storage", "storage/config", "storage/configfile",
			"storage/history", "storage/lease",
		}, nil, "",
	},
	{
		"server/metrics", shell, []string{"server", "server/dhcp4", "storage", "storage/config", "storage/lease"},
		[]string{"github.com/prometheus/client_golang/..."}, "metrics",
	},

	{
		"cmd/port67d", shell,
		[]string{"cluster/...", "ops/importer/...", "proto/...", "server/...", "storage/..."},
		[]string{
			"github.com/goccy/go-yaml/...", "github.com/spf13/cobra", "github.com/spf13/pflag",
			"golang.org/x/sync/errgroup", "golang.org/x/sys/unix", "google.golang.org/...", "github.com/prometheus/client_golang/...",
		}, "joins everything; the node file is YAML, too, but not replicated",
	},
	{
		"cmd/dhcpctl", shell,
		[]string{
			"ops/importer/...", "proto/admin/v1", "server/classify", "storage/config", "storage/configfile",
			"storage/lease",
		},
		[]string{
			"github.com/goccy/go-yaml", "github.com/jedib0t/go-pretty/v6/...", "github.com/spf13/cobra/...",
			"github.com/spf13/pflag", "golang.org/x/sys/unix", "google.golang.org/...",
		}, "speaks to the admin API; reads configuration files to point at their problems; contexts are YAML",
	},

	{"ops/importer", codec, nil, nil, "the report of every importer"},
	{
		"ops/importer/kea", codec, []string{"ops/importer", "storage/config", "storage/lease", "storage/option"}, nil,
		"Kea's JSON and CSV are read here: no library gives positions, comments and includes",
	},

	{
		"ops/load", shell, []string{"server/dhcp4", "server/wire4"},
		[]string{"github.com/mdlayher/packet", "golang.org/x/net/...", "golang.org/x/sys/unix", "github.com/insomniacslk/dhcp/..."},
		"clients by the thousand",
	},
	{
		"ops/lab", machinery, nil, []string{"github.com/vishvananda/netns", "github.com/vishvananda/netlink"},
		"processes and network namespaces; sees the product from outside only",
	},
	{
		"ops/conformance", machinery,
		[]string{
			"ops/lab", "server", "server/dhcp4", "storage", "storage/configfile", "storage/lease",
			"storage/storagetest",
		}, []string{"golang.org/x/sys/unix"}, "frames in and out; plays to the core and over the lab's wire",
	},
	{"ops/lab/demo", machinery, []string{"ops/lab"}, nil, "make run"},
	{
		"ops/bench", shell, []string{"ops/lab", "ops/load"}, []string{"github.com/jedib0t/go-pretty/v6/..."},
		"measures in the lab; no product",
	},
	{
		"internal/sim", machinery,
		[]string{
			"cluster/ctime", "cluster/logcodec", "server", "server/dhcp4", "storage", "storage/config", "storage/lease",
		}, []string{"github.com/insomniacslk/dhcp/..."}, "the product over virtual time; it brings its own log",
	},
	{"internal/tidy", machinery, nil, nil, ""},
}

// ban is an import that must not be, by whatever detour, and why.
type ban struct{ from, to, why string }

const seenFromOutside = "the tool sees the node as any client does, through the admin API"

var bans = []ban{
	{"server/classify", "server/dhcp4", "it is asked about a message; what a message means is not its matter"},
	{"server/dhcp4", "server/classify", "decisions do not depend on a library for expressions; classes are a port"},
	{"server/...", "cluster/...", "speaking DHCP and agreeing meet in cmd only; the spine has the port Proposer"},
	{"cluster/...", "server/...", "agreeing is not speaking DHCP"},
	{"storage/...", "server/...", "what the cluster remembers does not know how clients are spoken with"},
	{"storage/...", "cluster/...", "the state does not know how it is agreed on"},
	{"storage/lease", "storage/config", "a lease does not know why it was given"},
	{"storage/config", "storage", "the configuration is part of the state, not the other way round"},
	{"storage/configfile", "storage", "a file becomes a Config and nothing more"},
	{"storage", "storage/history", "what was is of no matter for what is given"},
	{"storage", "proto/...", "the form of the log can change without the state"},
	{"storage/disk", "storage", "it keeps octets, not meaning"},
	{"cluster/logcodec", "github.com/hashicorp/raft", "the codec is needed where Raft is not"},
	{"server/dhcp4", "server/wire4", "octets are not its matter"},
	{"server", "server/listen", "sockets are the port Sender4"},
	{"server/leasequery", "server/wire4", "octets are not its matter"},
	{"server", "server/metrics", "metrics are the port Observer"},
	{"server/admin", "server/listen", "the API does not touch sockets"},
	{"cmd/dhcpctl", "cluster/...", "the tool sees the cluster as any client does, through the admin API"},
	// server/classify alone is open to the tool: it checks expressions where no node is asked.
	{"cmd/dhcpctl", "server", seenFromOutside},
	{"cmd/dhcpctl", "server/admin/...", seenFromOutside},
	{"cmd/dhcpctl", "server/clock", seenFromOutside},
	{"cmd/dhcpctl", "server/dhcp4", seenFromOutside},
	{"cmd/dhcpctl", "server/listen", seenFromOutside},
	{"cmd/dhcpctl", "server/metrics", seenFromOutside},
	{"cmd/dhcpctl", "server/rarp", seenFromOutside},
	{"cmd/dhcpctl", "server/wire4", seenFromOutside},
	{"ops/load", "cluster/...", "the load sees the cluster as its clients do"},
}

func TestImports_EveryPackageHasItsRow(t *testing.T) {
	r := load(t)
	var rows []string
	for _, row := range table {
		if slices.Contains(rows, row.dir) {
			t.Errorf("%s stands twice in the table", row.dir)
		}
		rows = append(rows, row.dir)
		if len(r.in(row.dir)) == 0 {
			t.Errorf("%s stands in the table, but there is no such package: remove its row", row.dir)
		}
	}
	for _, dir := range r.packages() {
		if !slices.Contains(rows, dir) {
			t.Errorf("%s has no row in the table: say what kind it is and what it may import", dir)
		}
	}
}

func TestImports_OnlyWhatTheTableAllows(t *testing.T) {
	r := load(t)
	for _, row := range table {
		for _, f := range r.in(row.dir) {
			for _, p := range f.imports() {
				dir, own := strings.CutPrefix(p, module+"/")
				switch {
				case own && !covered(dir, row.ours):
					t.Errorf("%s imports %s: the table allows %v", f.path, dir, row.ours)
				case foreign(p) && !covered(p, row.foreign):
					t.Errorf("%s imports %s: the table allows %v", f.path, p, row.foreign)
				}
			}
		}
		if len(row.foreign) > 0 && row.why == "" {
			t.Errorf("%s may import %v, but the table does not say why", row.dir, row.foreign)
		}
	}
}

func TestImports_NoProductNeedsTestMachinery(t *testing.T) {
	kindOf := make(map[string]kind)
	for _, row := range table {
		kindOf[row.dir] = row.kind
	}
	for _, row := range table {
		for _, to := range row.ours {
			if kindOf[to] == machinery && row.kind != machinery && !strings.HasSuffix(row.why, "no product") {
				t.Errorf("%s imports %s, which is test machinery", row.dir, to)
			}
		}
	}
}

func TestImports_BansHold(t *testing.T) {
	r := load(t)
	direct := make(map[string][]string)
	libraries := make(map[string][]string)
	for _, dir := range r.packages() {
		files := r.in(dir)
		direct[dir] = ours(files)
		for _, f := range files {
			libraries[dir] = append(libraries[dir], f.imports()...)
		}
	}
	for _, b := range bans {
		if !strings.Contains(b.to, ".com/") && !slices.ContainsFunc(r.packages(), func(d string) bool {
			return covered(d, []string{b.to})
		}) {
			t.Errorf("ban on %s: there is no such package", b.to)
		}
		for _, from := range r.packages() {
			if !covered(from, []string{b.from}) {
				continue
			}
			if way := wayTo(from, b.to, direct, libraries); way != nil {
				t.Errorf("%s: %s", strings.Join(way, " → "), b.why)
			}
		}
	}
}

// wayTo returns the imports that lead from one package to another, or nil.
func wayTo(from, to string, direct, libraries map[string][]string) []string {
	seen := map[string]bool{from: true}
	queue := [][]string{{from}}
	for len(queue) > 0 {
		way := queue[0]
		queue = queue[1:]
		last := way[len(way)-1]
		if covered(to, libraries[last]) {
			return append(way, to)
		}
		for _, next := range direct[last] {
			if covered(next, []string{to}) && !covered(from, []string{to}) {
				return append(way, next)
			}
			if !seen[next] {
				seen[next] = true
				queue = append(queue, append(slices.Clone(way), next))
			}
		}
	}
	return nil
}

func TestImports_KindIsTheLastSentence(t *testing.T) {
	r := load(t)
	for _, row := range table {
		if row.kind == generated {
			continue
		}
		comment := ""
		for _, f := range r.in(row.dir) {
			if f.ast.Doc != nil {
				if comment != "" {
					t.Errorf("%s: a second package comment in %s", row.dir, f.path)
				}
				comment = strings.Join(strings.Fields(f.ast.Doc.Text()), " ")
			}
		}
		if !strings.HasSuffix(comment, string(row.kind)) {
			t.Errorf("%s: the package comment does not end with %q", row.dir, row.kind)
		}
	}
}
