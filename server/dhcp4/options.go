package dhcp4

import (
	"bytes"
	"encoding/binary"
	"slices"

	"port67/storage/lease"
)

// The ranks at which options are dropped from a reply that is too small for them (V4-037): what the client
// did not ask for first, then its list from the tail.
const (
	rankRequested   uint16 = 1
	rankUnrequested uint16 = 1000
)

// builder puts the options of one reply in order.
type builder struct {
	d    *Decision
	g    *grant
	list []ReplyOption
	have [256]bool
}

// options returns the options of an OFFER or ACK in the order in which they are sent: message type, server
// identifier, lease time and timers (V4-038, V4-051); then the client's list in its own order (V4-040), the
// subnet mask before the routers (V4-039) and always there (V4-062); what is always sent (V4-063); what the
// client sent and wants back.
func (d *Decision) options(m *Message, g *grant) []ReplyOption {
	b := builder{d: d, g: g, list: make([]ReplyOption, 0, 16)}
	b.put(optMessageType, RankKeep, []byte{byte(m.Type)})
	b.put(optServerID, RankKeep, d.serverID.AsSlice())
	if d.query.Type != Inform {
		b.times()
	}
	if d.Rapid {
		b.put(optRapidCommit, RankKeep, nil)
	}
	wanted, listed := d.query.wanted()
	if !slices.Contains(wanted, optSubnetMask) {
		b.mask()
	}
	for i, code := range wanted {
		if code == optRouter {
			b.mask()
		}
		rank := rankRequested + uint16(i)
		if !listed {
			rank = rankUnrequested
		}
		b.value(code, rank)
	}
	for code := range len(g.AlwaysSend) {
		if g.AlwaysSend[code] {
			b.value(uint8(code), rankUnrequested)
		}
	}
	b.boot(m)
	if name := d.query.answerFQDN(); name != nil && d.query.Type != Inform {
		b.put(optFQDN, rankRequested, name)
	}
	return d.echo(b.list, m, g.EchoClientID)
}

// wanted returns the client's parameter request list, and false with the default list if it sent none: boot
// ROMs that do not ask want these (V4-061).
func (q *Query) wanted() ([]byte, bool) {
	if list, _ := q.Options.Get(optParameterList); len(list) > 0 {
		return list, true
	}
	return []byte{optSubnetMask, optRouter, optDNS, optDomainName}, false
}

// put appends an option unless it is there already (V4-060).
func (b *builder) put(code uint8, rank uint16, data []byte) {
	if b.have[code] {
		return
	}
	b.have[code] = true
	b.list = append(b.list, ReplyOption{Code: code, Rank: rank, Data: data})
}

// times appends lease time, T1 and T2.
func (b *builder) times() {
	b.put(optLeaseTime, RankKeep, seconds(b.g.told))
	t1, t2 := Timers(b.g.told, b.g.T1, b.g.T2, ShareOf(b.d.Key, b.g.TimerSpread))
	if t1 != 0 && !b.g.NeverSend[optT1] {
		b.put(optT1, RankKeep, seconds(t1))
	}
	if t2 != 0 && !b.g.NeverSend[optT2] {
		b.put(optT2, RankKeep, seconds(t2))
	}
}

// mask appends the subnet mask.
func (b *builder) mask() { b.value(optSubnetMask, RankKeep) }

// value appends an option from the configuration, or one that follows from it. Options that a server does not
// send, or sends by rules of its own, are passed over (V4-051, V4-052, V4-055).
func (b *builder) value(code uint8, rank uint16) {
	switch code {
	case 0, optRequestedAddress, optLeaseTime, optOverload, optMessageType, optServerID, optParameterList,
		optMaxSize, optT1, optT2, optClientID, optRapidCommit, optFQDN, optRelayInfo, optSubnetSelection,
		255:
		return
	case optSubnetMask:
		rank = RankKeep
	}
	if b.g.NeverSend[code] {
		return
	}
	if code == optVendorClass {
		if data := b.vendorClass(); data != nil {
			b.put(code, rank, data)
		}
		return
	}
	if data, ok := b.g.Effective.Option(code); ok {
		b.put(code, rank, b.formed(code, data))
	} else if data := b.derived(code); data != nil {
		b.put(code, rank, b.formed(code, data))
	}
}

// derived returns the value of an option that nobody configured but that is known all the same, or nil.
func (b *builder) derived(code uint8) []byte {
	switch code {
	case optSubnetMask:
		return binary.BigEndian.AppendUint32(nil, ^uint32(0)<<(32-b.g.subnet.Prefix.Bits()))
	case optBroadcast:
		if b.g.subnet.Prefix.Bits() < 31 {
			return lastOf(b.g.subnet.Prefix).AsSlice()
		}
	case optHostname:
		if b.g.reservation != nil && b.g.reservation.Hostname != "" {
			return []byte(b.g.reservation.Hostname)
		}
	case optTFTPServer:
		switch {
		case b.g.ServerName != "":
			return []byte(b.g.ServerName)
		case b.g.NextServer.Is4():
			return []byte(b.g.NextServer.String())
		}
	case optBootFile:
		if b.g.BootFile != "" {
			return []byte(b.g.BootFile)
		}
	case optMSRoutes: // V4-066
		data, _ := b.g.Effective.Option(optClasslessRoutes)
		return data
	}
	return nil
}

// boot appends what firmware wants without asking (W-020, W-022): what boot servers there are, the name of
// the server and of the file, and the machine identifier it sent (RFC 4578 §2.3). Others get the file name
// unasked if its field is too short for it.
func (b *builder) boot(m *Message) {
	if m.File != b.g.BootFile {
		b.value(optBootFile, rankUnrequested)
	}
	if !b.d.query.boots() {
		return
	}
	for _, code := range [...]uint8{optVendorClass, optVendorOptions, optTFTPServer, optBootFile} {
		b.value(code, rankUnrequested)
	}
	if id, ok := b.d.query.Options.Get(optMachineID); ok && !b.g.NeverSend[optMachineID] {
		b.put(optMachineID, rankUnrequested, id)
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
	routers, _ := b.g.Effective.Option(optRouter)
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
	data, _ := b.g.Effective.Option(optVendorClass)
	_, vendor := b.g.Effective.Option(optVendorOptions)
	switch {
	case b.d.query.vendor(string(httpClient)) && !bytes.HasPrefix(data, httpClient):
		return httpClient
	case bytes.HasPrefix(data, pxeClient) && (!vendor || b.g.NeverSend[optVendorOptions]):
		return nil
	}
	return data
}

// echo appends what goes back as it came: client identifier (V4-054), subnet selection if it was followed
// (V4-058), and last the relay agent information unless empty (V4-055, V4-056) or the reply does not go
// through the relay (V4-191). A subnet selection does not belong into a NAK (V4-053).
func (d *Decision) echo(list []ReplyOption, m *Message, clientID bool) []ReplyOption {
	q := d.query
	if id, _ := q.Options.Get(optClientID); len(id) > 0 && clientID {
		list = append(list, ReplyOption{Code: optClientID, Data: id})
	}
	if s, _ := q.Options.Get(optSubnetSelection); d.place.by118 && m.Type != NAK {
		list = append(list, ReplyOption{Code: optSubnetSelection, Data: s})
	}
	straight := q.Relayed() && m.GIAddr.IsUnspecified()
	if rai, _ := q.Options.Get(optRelayInfo); len(rai) > 0 && !straight && d.returnsRelayInfo() {
		list = append(list, ReplyOption{Code: optRelayInfo, Data: rai})
	}
	return list
}

// seconds returns a span as it stands on the wire.
func seconds(s lease.Seconds) []byte { return binary.BigEndian.AppendUint32(nil, uint32(s)) }
