package kea_test

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"port67/ops/importer"
	"port67/ops/importer/kea"
	"port67/storage/lease"
)

const leaseHeader = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state," +
	"user_context,pool_id\n"

var sameAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// readAll reads files in their order.
func readAll(t *testing.T, files ...string) *kea.Leases {
	t.Helper()
	out := new(kea.Leases)
	for i, text := range files {
		if err := out.Read(string(rune('a'+i)), strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestLeases_Columns(t *testing.T) {
	var short strings.Builder
	for _, columns := range []int{9, 10, 11, 12} {
		words := strings.Split(strings.TrimSpace(leaseHeader), ",")[:columns]
		row := strings.Split("192.0.2.3,02:67:00:00:00:03,01:02:03,3600,1700003600,7,0,0,three&#x2cexample.org.,0,,0", ",")
		short.Reset()
		short.WriteString(strings.Join(words, ",") + "\r\n" + strings.Join(row[:columns], ",") + "\r\n\n")
		got := readAll(t, short.String()).All()
		want := []kea.Lease{{
			Addr: netip.MustParseAddr("192.0.2.3"), CHAddr: []byte{2, 0x67, 0, 0, 0, 3}, ClientID: []byte{1, 2, 3},
			Lifetime: 3600, Expire: 1700003600, SubnetID: 7, Hostname: "three,example.org", File: "a", Line: 2,
		}}
		if diff := cmp.Diff(want, got, sameAddr); diff != "" {
			t.Errorf("%d columns:\n%s", columns, diff)
		}
	}
}

// TestLeases_LastRowCounts: later rows overrule, and a lifetime of zero deletes.
func TestLeases_LastRowCounts(t *testing.T) {
	row := func(address, lifetime, name string) string {
		return address + ",02:67:00:00:00:03,," + lifetime + ",1700003600,1,0,0," + name + ",0,,0\n"
	}
	got := readAll(t, leaseHeader+row("192.0.2.9", "3600", "old")+row("192.0.2.8", "3600", "x"),
		leaseHeader+row("192.0.2.9", "3600", "new")+row("192.0.2.8", "0", "x")+row("192.0.2.7", "3600", "y"))
	var names []string
	for _, l := range got.All() {
		names = append(names, l.Addr.String()+" "+l.Hostname)
	}
	if diff := cmp.Diff([]string{"192.0.2.7 y", "192.0.2.9 new"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestLeaseFiles_Order(t *testing.T) {
	for _, c := range []struct{ there, want []string }{
		{[]string{"x"}, []string{"x"}},
		{[]string{"x", "x.1"}, []string{"x.1", "x"}},
		{[]string{"x", "x.1", "x.2"}, []string{"x.2", "x.1", "x"}},
		{[]string{"x", "x.2", "x.1", "x.completed", "x.output"}, []string{"x.completed", "x"}},
		{[]string{"x.2"}, []string{"x.2"}},
		{nil, []string{"x"}},
	} {
		got := kea.LeaseFiles("x", func(n string) bool { return slices.Contains(c.there, n) })
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%v:\n%s", c.there, diff)
		}
	}
}

func TestLeases_TimeAndState(t *testing.T) {
	const now = 1_700_000_000
	for row, want := range map[string]struct {
		left, age lease.Seconds
		declined  bool
		key       lease.Key
	}{
		"192.0.2.1,02:67:00:00:00:01,,3600,1700001800,1,0,0,,0,,0": {
			1800, 1800, false, lease.HardwareKey(1, []byte{2, 0x67, 0, 0, 0, 1}),
		},
		"192.0.2.1,02:67:00:00:00:01,01:02,4294967295,5994967195,1,0,0,,0,,0": {
			lease.Infinite, 100, false, lease.ClientIDKey([]byte{1, 2}),
		},
		"192.0.2.1,02:67:00:00:00:01,,3600,1699990000,1,0,0,,2,,0": {
			0, 13600, false, lease.HardwareKey(1, []byte{2, 0x67, 0, 0, 0, 1}),
		},
		"192.0.2.1,02:67:00:00:00:01,,3600,1700000100,1,0,0,,3,,0": {
			100, 3500, false, lease.HardwareKey(1, []byte{2, 0x67, 0, 0, 0, 1}),
		},
		"192.0.2.1,,,86400,1700000600,1,0,0,,1,,0": {600, 85800, true, ""},
	} {
		all := readAll(t, leaseHeader+row+"\n").All()
		if len(all) != 1 {
			t.Errorf("%s: %d leases", row, len(all))
			continue
		}
		l := all[0]
		if l.Left(now) != want.left || l.Age(now) != want.age || l.Declined != want.declined || l.Key() != want.key {
			t.Errorf("%s: left %d, age %d, declined %t, key %v", row, l.Left(now), l.Age(now), l.Declined, l.Key())
		}
	}
}

func TestLeases_RelayAgent(t *testing.T) {
	for context, want := range map[string]string{
		`{ "ISC": { "relay-agent-info": "0x0104AABBCCDD" } }`:                                           "\x01\x04\xaa\xbb\xcc\xdd",
		`{ "ISC": { "relay-agent-info": { "sub-options": "0x0104AABBCCDD"&#x2c "remote-id": "01" } } }`: "\x01\x04\xaa\xbb\xcc\xdd",
		`{ "a": 1 }`: "",
		`{ broken`:   "",
		`{ "ISC": { "relay-agent-info": "nonsense" } }`: "",
	} {
		got := readAll(t, leaseHeader+"192.0.2.1,02:67:00:00:00:01,,3600,1700003600,1,0,0,,0,"+context+",0\n")
		if all := got.All(); len(all) != 1 || string(all[0].RelayInfo) != want {
			t.Errorf("%s: %+v", context, all)
		}
		if n := got.Report.Count(importer.Changed); (n == 1) != (want == "") {
			t.Errorf("%s: %d remarks", context, n)
		}
	}
}

// TestLeases_BadRows: a row that cannot be read is told with its line, and the others count.
func TestLeases_BadRows(t *testing.T) {
	const good = "192.0.2.99,02:67:00:00:00:01,,3600,1700003600,1,0,0,,0,,0\n"
	for row, want := range map[string]string{
		"192.0.2.1,02:67": "2 columns, at least 9: cut off?",
		"2001:db8::1,02:67:00:00:00:01,,3600,1700003600,1,0,0,,0,,0":                               "is no IPv4 address",
		"192.0.2.1,02:6x:00:00:00:01,,3600,1700003600,1,0,0,,0,,0":                                 "no octets as in",
		"192.0.2.1,02:67:00:00:00:01,,99999999999,1700003600,1,0,0,,0,,0":                          "no numbers that could be",
		"192.0.2.1,02:67:00:00:00:01,,3600,-5,1,0,0,,0,,0":                                         "no numbers that could be",
		"192.0.2.1,02:67:00:00:00:01,,3600,1700003600,1,0,0,,9,,0":                                 "state \"9\"",
		"192.0.2.1,,,3600,1700003600,1,0,0,,0,,0":                                                  "nobody's lease",
		"192.0.2.1," + strings.Repeat("02:", 20) + "02,,3600,1700003600,1,0,0,,0,,0":               "at most 16",
		"192.0.2.1,02:67:00:00:00:01,,3600,1700003600,1,0,0," + strings.Repeat("x", 300) + ",0,,0": "without its host name",
	} {
		got := readAll(t, leaseHeader+row+"\n"+good)
		if e := got.Report.Entries; len(e) != 1 || e[0].Line != 2 || !strings.Contains(e[0].Why, want) {
			t.Errorf("%.60s: %v, want %q", row, e, want)
		}
		if all := got.All(); all[len(all)-1].Addr.String() != "192.0.2.99" {
			t.Errorf("%.60s: the row behind it is lost", row)
		}
	}
}

func TestLeases_NoLeaseFile(t *testing.T) {
	for text, want := range map[string]string{
		"address,duid,valid_lifetime\n": "leases of DHCPv6",
		"lease 10.0.0.1 {\n":            `column 1 is "lease 10.0.0.1 {"`,
		"address,hwaddr\n":              "2 columns, at least 9",
		strings.Repeat("x", 2<<20):      "is this a lease file?",
	} {
		err := new(kea.Leases).Read("f", strings.NewReader(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.30q: %v, want %q", text, err, want)
		}
	}
	var syntax *kea.SyntaxError
	if err := new(kea.Leases).Read("f", strings.NewReader("x\n")); !errors.As(err, &syntax) || syntax.Line != 1 {
		t.Errorf("no place: %v", err)
	}
}

// TestLeaseWriter_IsReadBack: what is written is read as it was.
func TestLeaseWriter_IsReadBack(t *testing.T) {
	want := []kea.Lease{
		{
			Addr: netip.MustParseAddr("192.0.2.1"), CHAddr: []byte{2, 0x67, 0, 0, 0, 1}, Lifetime: 3600,
			Expire: 1700003600, SubnetID: 7, Hostname: "a,b&c", RelayInfo: []byte{1, 2, 'g', 'e'}, File: "a", Line: 2,
		},
		{
			Addr: netip.MustParseAddr("192.0.2.2"), ClientID: []byte{1, 2}, Lifetime: 4294967295, Expire: 5994967295,
			File: "a", Line: 3,
		},
		{Addr: netip.MustParseAddr("192.0.2.3"), Lifetime: 86400, Expire: 1700086400, Declined: true, File: "a", Line: 4},
	}
	var b bytes.Buffer
	w := kea.NewLeaseWriter(&b)
	for i := range want {
		w.Write(&want[i])
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, readAll(t, b.String()).All(), sameAddr); diff != "" {
		t.Errorf("%s\n%s", diff, b.String())
	}
	if err := kea.NewLeaseWriter(full{}).Flush(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a full disk: %v", err)
	}
}

// full is a disk that takes nothing.
type full struct{}

// Write takes nothing.
func (full) Write([]byte) (int, error) { return 0, os.ErrClosed }

func FuzzLeases(f *testing.F) {
	f.Add("192.0.2.1,02:67:00:00:00:01,01:02,3600,1700001800,1,0,0,a&#x2cb,0,{ \"ISC\": { \"relay-agent-info\": \"0x01\" } },0")
	f.Add("192.0.2.1,,,86400,1700000600,1,0,0,,1,,0")
	f.Fuzz(func(t *testing.T, row string) {
		in := new(kea.Leases)
		if err := in.Read("f", strings.NewReader(leaseHeader+row)); err != nil {
			return
		}
		for _, l := range in.All() {
			if l.Key() == "" && !l.Declined || l.Lifetime == 0 || len(l.Hostname) > 255 {
				t.Errorf("taken: %+v", l)
			}
			var b bytes.Buffer
			w := kea.NewLeaseWriter(&b)
			w.Write(&l)
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			again := new(kea.Leases)
			if err := again.Read("f", &b); err != nil || len(again.All()) != 1 {
				t.Errorf("%+v was written, and not read: %v", l, err)
			}
		}
	})
}
