package dhcp4

import (
	"bytes"
	"net/netip"

	"port67/storage/config"
)

// Instead is what a client is told that is offered no address (V4-105). The zero Instead is nothing: it is
// offered one, or hears nothing.
type Instead uint8

// What an OFFER without an address says. Such an OFFER binds nobody and holds nothing.
const (
	// IPv6Only is that the client, which says that it can, should do without IPv4 (RFC 8925 §3.3).
	IPv6Only Instead = 1
	// AutoConfigure is whether the client may take a link-local address, there being none for it
	// (RFC 2563 §2.3).
	AutoConfigure Instead = 2
)

// without says whether the client is to be told that it is offered no address, and notes what it is told. a
// is what it could be offered, invalid if there is nothing.
//
// Where auto-config is not set, a client that asks hears nothing: so a server answers that lets its clients
// configure themselves (RFC 2563 §2.3).
func (c *chooser) without(a netip.Addr) bool {
	_, asks := c.q.Options.Get(optAutoConfigure)
	asks = asks && !a.IsValid()
	if !asks && !c.q.asksFor(optV6OnlyPreferred) {
		return false
	}
	e := c.settingsFor(a)
	_, told := e.Option(optAutoConfigure)
	switch {
	case c.ipv6Only(e):
		c.d.Instead = IPv6Only
	case asks && told:
		c.d.Instead = AutoConfigure
	default:
		return false
	}
	c.d.bare = e
	return true
}

// ipv6Only says whether e wants the client to do without IPv4, and the client says that it can.
func (c *chooser) ipv6Only(e *config.Effective) bool {
	_, told := e.Option(optV6OnlyPreferred)
	return e.IPv6Only && told && c.q.asksFor(optV6OnlyPreferred)
}

// asksFor says whether an option is in the client's parameter request list.
func (q *Query) asksFor(code uint8) bool {
	list, _ := q.Options.Get(optParameterList)
	return bytes.IndexByte(list, code) >= 0
}

// noAddress returns the OFFER of nothing: who says so, and what the client should do instead.
func (d *Decision) noAddress() Message {
	m := d.header(OfferMsg)
	m.Options = []ReplyOption{
		{Code: optMessageType, Data: []byte{byte(OfferMsg)}},
		{Code: optServerID, Data: d.serverID.AsSlice()},
	}
	if wait, ok := d.bare.Option(optV6OnlyPreferred); ok && d.Instead == IPv6Only {
		m.Options = append(m.Options, ReplyOption{Code: optV6OnlyPreferred, Data: wait})
	}
	_, asks := d.query.Options.Get(optAutoConfigure)
	if may, ok := d.bare.Option(optAutoConfigure); ok && asks {
		m.Options = append(m.Options, ReplyOption{Code: optAutoConfigure, Data: may})
	}
	d.layOut(&m, d.bare.Layout)
	m.Options = d.echo(m.Options, &m, d.bare.EchoClientID)
	return m
}
