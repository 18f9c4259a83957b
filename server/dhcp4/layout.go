package dhcp4

import (
	"bytes"
	"slices"

	"port67/storage/config"
)

// layOut applies what the settings say of the datagram itself: options in sname and file, and how large it is
// at least and at most. The least is not beyond what the client says that it takes (W-036, W-037).
func (q *Query) layOut(m *Message, l config.EffectiveLayout) {
	m.NoOverload = m.NoOverload || !l.OptionOverload
	m.MaxSize = min(m.MaxSize, int(l.MaxReplySize))
	m.MinSize = int(l.MinReplySize)
	if b, _ := q.Options.Get(optMaxSize); len(b) == 2 {
		m.MinSize = min(m.MinSize, m.MaxSize)
	}
}

// formed returns the value of an option as the settings want it sent to this client.
func (b *builder) formed(code uint8, data []byte) []byte {
	switch code {
	case optHostname, optDomainName, optTFTPServer, optBootFile: // W-007
		if b.g.Layout.NULTerminate && len(data) > 0 && data[len(data)-1] != 0 {
			return append(slices.Clip(data), 0)
		}
	case optClasslessRoutes, optMSRoutes: // V4-066
		if b.g.Layout.AddDefaultTo121 {
			return b.withDefault(data)
		}
	}
	return data
}

// withDefault returns routes with a default route by the first router of option 3, unless they have one.
func (b *builder) withDefault(routes []byte) []byte {
	routers, _ := configured(b.g.Effective, optRouter)
	if len(routers) < 4 || hasDefault(routes) {
		return routes
	}
	return append(append(slices.Clip(routes), 0), routers[:4]...)
}

// hasDefault says whether classless routes have one to everywhere (RFC 3442). Octets that are no routes are
// left alone: it is true of them, too.
func hasDefault(routes []byte) bool {
	for len(routes) > 0 {
		n := 1 + (int(routes[0])+7)/8 + 4
		if routes[0] == 0 || n > len(routes) {
			return true
		}
		routes = routes[n:]
	}
	return false
}

// The vendor classes of firmware that boots over the network.
var (
	pxeClient  = []byte("PXEClient")
	httpClient = []byte("HTTPClient")
)

// vendorClass returns option 60 for this client, or nil. HTTP boot knows by it that it is meant (W-022). PXE
// firmware takes it for the word of a boot server and asks that server alone, which is right only if option
// 43 says where it is (W-021).
func (b *builder) vendorClass() []byte {
	data, _ := configured(b.g.Effective, optVendorClass)
	_, vendor := configured(b.g.Effective, optVendorOptions)
	switch {
	case b.d.query.vendor(string(httpClient)) && !bytes.HasPrefix(data, httpClient):
		return httpClient
	case bytes.HasPrefix(data, pxeClient) && (!vendor || b.g.NeverSend[optVendorOptions]):
		return nil
	}
	return data
}
