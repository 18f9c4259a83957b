package configfile

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"port67/storage/config"
)

// The reference is a configuration, and its values are the defaults where it says so.
func TestReference_ShowsTheDefaults(t *testing.T) {
	got, problems := config.Compile(decode(t, Reference()))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want, problems := config.Compile(decode(t, ""))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if got.Booking != want.Booking || got.Renewals != want.Renewals || got.Decline != want.Decline || got.Global.Probe != want.Global.Probe {
		t.Errorf("booking %v, renewals %v, decline %v, probe %v\nwant %v, %v, %v, %v",
			got.Booking, got.Renewals, got.Decline, got.Global.Probe, want.Booking, want.Renewals, want.Decline, want.Global.Probe)
	}
	if diff := cmp.Diff(want.Limits, got.Limits); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
	g, w := got.Global, want.Global
	if g.LeaseDefault != w.LeaseDefault || g.LeaseMin != w.LeaseMin || g.LeaseMax != w.LeaseMax || g.T1 != w.T1 || g.T2 != w.T2 ||
		g.Authoritative != w.Authoritative || g.EchoClientID != w.EchoClientID || g.AlwaysBroadcast != w.AlwaysBroadcast || g.Layout != w.Layout ||
		g.Identity != w.Identity {
		t.Errorf("global settings %+v\nwant %+v", g, w)
	}
	b := g.BOOTP
	if path, ok := b.Path("unix"); !ok || path != "/boot/vmunix" {
		t.Errorf("boot file unix is %q, %t", path, ok)
	}
	if b.Files = nil; !reflect.DeepEqual(b, w.BOOTP) {
		t.Errorf("bootp %+v, want %+v", b, w.BOOTP)
	}
	sub, _ := got.SubnetOf(got.Config.Subnets[0].Prefix.Addr())
	if sub.Allocation != config.AllocationSpread || sub.EarlyReuse {
		t.Errorf("allocation %s, early reuse %v; want spread, false", sub.Allocation, sub.EarlyReuse)
	}
}

// Every field of the model has a key in the reference: what is not written down is not known to anybody.
func TestReference_HasEveryKey(t *testing.T) {
	renamed := map[string]string{
		"factor-percent": "factor", "grace-permille": "grace", "timeout-millis": "timeout", "boot-file": "boot-file-name",
	}
	elsewhere := map[string]string{
		"first": "part of a range", "last": "part of a range", "data": "the value of an option",
		"guarded-options": "options with classes",
		"path":            "where a boot file is",
		"per-second":      "part of a rate", "burst": "part of a rate",
	}
	for _, name := range fieldsOf(reflect.TypeFor[config.Config](), make(map[reflect.Type]bool)) {
		name = strings.ReplaceAll(name, "_", "-")
		if r := renamed[name]; r != "" {
			name = r
		}
		if elsewhere[name] != "" {
			continue
		}
		if !strings.Contains(Reference(), name+":") && !strings.Contains(Reference(), "\n# "+name+", ") {
			t.Errorf("key %s does not occur", name)
		}
	}
}

// fieldsOf returns the JSON names of the fields of typ and of all that it holds.
func fieldsOf(typ reflect.Type, seen map[reflect.Type]bool) []string {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || seen[typ] || !strings.HasSuffix(typ.PkgPath(), "storage/config") {
		return nil
	}
	seen[typ] = true
	var names []string
	for i := range typ.NumField() {
		f := typ.Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			names = append(names, name)
		}
		names = append(names, fieldsOf(f.Type, seen)...)
	}
	return names
}

// Every key that Decode takes occurs, too.
func TestReference_HasEveryKeyThatIsTaken(t *testing.T) {
	for _, src := range []string{
		"xyzzy: 1", "booking: {xyzzy: 1}", "lease: {xyzzy: 1}", "bootp: {xyzzy: 1}", "identity: {xyzzy: 1}", "probe: {xyzzy: 1}", "decline: {xyzzy: 1}",
		"option-definitions: [{xyzzy: 1}]", "option-spaces: [{xyzzy: 1}]", "option-spaces: [{options: [{xyzzy: 1}]}]",
		"classes: [{xyzzy: 1}]", "shared-networks: [{xyzzy: 1}]", "subnets: [{xyzzy: 1}]",
		"limits: {xyzzy: 1}", "subnets: [{pools: [{xyzzy: 1}]}]", "options: {routers: {value: 10.0.0.1, xyzzy: 1}}", "subnets: [{reservations: [{xyzzy: 1}]}]",
	} {
		_, problems := Decode("dhcp.yaml", []byte(src))
		found := false
		for _, p := range problems {
			_, keys, ok := strings.Cut(p.Text, "key xyzzy unknown: one of ")
			found = found || ok
			for name := range strings.SplitSeq(keys, ", ") {
				if ok && !strings.Contains(Reference(), name+":") {
					t.Errorf("%s: key %s does not occur", src, name)
				}
			}
		}
		if !found {
			t.Errorf("%s: %v, want the keys that are known", src, problems)
		}
	}
}
