package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"port67/storage/lease"
)

// The settings of BOOTP are inherited one by one, and the list of its files as a whole.
func TestEffective_BOOTP(t *testing.T) {
	week := lease.Seconds(7 * 86400)
	outer := defaultSettings().under(&Settings{BOOTP: BOOTPSettings{
		Dynamic: ptr(true), ShortRequests: ptr(false), Files: []BootFile{{"a", "/a"}, {"unix", "/vmunix"}},
	}})
	inner := outer.under(&Settings{BOOTP: BOOTPSettings{Lease: &week, StrictFiles: ptr(true)}})
	want := EffectiveBOOTP{Dynamic: true, StrictFiles: true, Lease: week, Files: outer.BOOTP.Files}
	if d := cmp.Diff(want, inner.BOOTP); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if path, ok := inner.BOOTP.Path("unix"); !ok || path != "/vmunix" {
		t.Errorf("unix is %q, %t", path, ok)
	}
	if _, ok := inner.BOOTP.Path("uni"); ok {
		t.Error("a file that nobody named was found")
	}
	innermost := inner.under(&Settings{BOOTP: BOOTPSettings{Files: []BootFile{{"b", "/b"}}}})
	if _, ok := innermost.BOOTP.Path("unix"); ok {
		t.Error("the list of an outer level counts beside that of an inner one")
	}
}
