package admintest

import (
	"log/slog"
	"net/netip"

	"port67/server"
	"port67/server/clock"
	"port67/server/dhcp4"
	"port67/storage/lease"
)

// Explainer is the part of n1 that would answer clients, on an interface eth0 with 10.67.0.2/16. It answers
// none: it only explains.
type Explainer struct {
	*server.Server
	// Why is what keeps n1 from answering.
	Why string
}

// Explainer returns what explains messages by the state of c.
func (c *Cluster) Explainer() *Explainer {
	return &Explainer{Server: server.New(server.Options{
		Self: Self, Cluster: ClusterID, Reader: c, Timekeeper: timekeeper{c}, Clock: clock.System{},
		Logger: slog.New(slog.DiscardHandler),
	})}
}

// Served implements admin.Explainer.
func (*Explainer) Served() []dhcp4.Ingress {
	return []dhcp4.Ingress{{
		IfIndex: 3, Interface: "eth0", Local: netip.MustParseAddr("10.67.0.2"), MTU: 1500,
		Prefixes: []netip.Prefix{netip.MustParsePrefix("10.67.0.2/16")},
	}}
}

// Trouble implements admin.Explainer.
func (e *Explainer) Trouble() string { return e.Why }

// timekeeper is the time of a Cluster as its server sees it.
type timekeeper struct{ c *Cluster }

// Upper implements server.Timekeeper.
func (t timekeeper) Upper() (lease.Instant, bool) {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	return t.c.now, true
}

// InTouch implements server.Timekeeper.
func (t timekeeper) InTouch() bool {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	return t.c.lost == nil
}
