package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"port67/server/admin/admintest"
)

// TestContext_TLS: a saved context is all that is needed, and each part of it can be replaced.
func TestContext_TLS(t *testing.T) {
	authority := admintest.NewAuthority(t)
	addr := serveTLS(t, authority, authority.Named(t, "port67://"+admintest.ClusterID+"/node/1"))
	cert, key, ca := authority.Files(t, authority.Named(t, "port67://"+admintest.ClusterID+"/admin/ann"))
	env := map[string]string{"XDG_CONFIG_HOME": t.TempDir()}
	dhcpctl := func(want int, text string, args ...string) {
		t.Helper()
		var out bytes.Buffer
		code := run(args, terminal{
			in: strings.NewReader(""), out: &out, err: &out, getenv: func(name string) string { return env[name] },
		})
		if code != want || !strings.Contains(out.String(), text) {
			t.Errorf("dhcpctl %s: exit %d, said %q; want %d and %q", strings.Join(args, " "), code, out.String(), want, text)
		}
	}
	dhcpctl(0, "saved", "context", "add", "lab", "--server", addr, "--cert", cert, "--key", key, "--ca", ca)
	dhcpctl(0, "n1 *", "--context", "lab", "node", "list")
	env["PORT67_CONTEXT"] = "lab"
	dhcpctl(0, "n1 *", "node", "list")
	dhcpctl(3, "127.0.0.1:1", "node", "list", "--server", "127.0.0.1:1")
	delete(env, "PORT67_CONTEXT")
	dhcpctl(0, "from now on", "context", "use", "lab")
	dhcpctl(0, "n1 *", "node", "list", "--server", addr)

	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	dhcpctl(1, "context lab: certificate "+cert, "node", "list")
	dhcpctl(1, "dhcpctl context add lab --replace", "node", "list")
}
