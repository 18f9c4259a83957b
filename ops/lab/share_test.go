//go:build lab

package lab

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"port67/ops/load"
)

// Three nodes share the clients of a link: each answers between a fifth and a half of 3,000 distinct clients,
// and a DISCOVER gets at most 1.05 OFFERs on average (RFC 3074, HA-003).
func TestShare(t *testing.T) {
	ctx := t.Context()
	l, err := New(ctx, Options{Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer closeLab(t, l)
	host, err := l.AddHost(ctx, "load", LAN, "10.67.0.9/16")
	if err != nil {
		t.Fatal(err)
	}
	var clients *load.Load
	err = host.In(func() (err error) {
		clients, err = load.Open(load.Options{Interface: "eth0", NoUnicast: true})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer clients.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	ran := make(chan error, 1)
	go func() { ran <- clients.Run(ctx) }()
	const want = 3000
	crowd := clients.Add(load.Group{Clients: want, Rate: 300, Direct: true})
	if err := crowd.WaitBound(ctx, want); err != nil {
		t.Fatalf("%v\n%v", err, crowd.Report())
	}
	cancel()
	<-ran
	r := crowd.Report()
	t.Logf("\n%v", r)
	for _, n := range l.Nodes() {
		if got := r.BoundBy[netip.MustParseAddr(n.Addr)]; got < want/5 || got > want/2 {
			t.Errorf("%s bound %d of %d clients, want between a fifth and a half", n.Name, got, want)
		}
	}
	// No division, which would round in our favour.
	if 100*r.Offers > 105*r.Discovers {
		t.Errorf("%d OFFERs for %d DISCOVERs, want at most 1.05 for one", r.Offers, r.Discovers)
	}
	for _, v := range r.Violations {
		t.Error(v)
	}
}
