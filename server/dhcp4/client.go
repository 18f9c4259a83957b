package dhcp4

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"

	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// The options that this package reads or writes by itself (RFC 2132, and as named).
const (
	optSubnetMask       = 1
	optRouter           = 3
	optDNS              = 6
	optHostname         = 12
	optBootSize         = 13
	optDomainName       = 15
	optRootPath         = 17
	optExtensionsPath   = 18
	optBroadcast        = 28
	optVendorOptions    = 43
	optRequestedAddress = 50
	optLeaseTime        = 51
	optOverload         = 52
	optMessageType      = 53
	optServerID         = 54
	optParameterList    = 55
	optMessage          = 56
	optMaxSize          = 57
	optT1               = 58
	optT2               = 59
	optVendorClass      = 60
	optClientID         = 61
	optTFTPServer       = 66
	optBootFile         = 67
	optUserClass        = 77  // RFC 3004
	optRapidCommit      = 80  // RFC 4039
	optFQDN             = 81  // RFC 4702
	optRelayInfo        = 82  // RFC 3046
	optMachineID        = 97  // RFC 4578
	optV6OnlyPreferred  = 108 // RFC 8925
	optAutoConfigure    = 116 // RFC 2563
	optSubnetSelection  = 118
	optClasslessRoutes  = 121 // RFC 3442
	optMSRoutes         = 249
)

// The sizes beyond which a client's word is not taken into the log. No option by itself is longer than 255
// octets; pieces of options add up (RFC 3396).
const (
	clientIDLenMax  = 255
	hostnameLenMax  = 255
	relayInfoLenMax = 1024
)

var broadcastAddr = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// ClientKey returns who the client is for us: its client identifier, else its hardware type and address
// (V4-080, V4-081; RFC 2131 §4.2). An identifier of less than two octets is none (V4-084), nor is one that no
// single option could hold. It is false for a client that nothing identifies (V4-007).
func (q *Query) ClientKey() (lease.Key, bool) {
	if q.Type == 0 {
		return q.bootKey()
	}
	if id, _ := q.Options.Get(optClientID); len(id) >= 2 && len(id) <= clientIDLenMax {
		return lease.ClientIDKey(id), true
	}
	if hw := q.hardware(); q.HType != 0 && len(hw) > 0 {
		return lease.HardwareKey(q.HType, hw), true
	}
	return "", false
}

// holder returns whom a node keeps offers for on a link where clients are matched by m.
func (q *Query) holder(k lease.Key, m config.Match) lease.Key {
	hw := q.hardware()
	switch {
	case q.HType == 0 || len(hw) == 0:
	case m == config.MatchHardware:
		return lease.HardwareKey(q.HType, hw)
	case m == config.MatchBoth:
		return k.On(q.HType, hw)
	}
	return k
}

// owns says whether l was the client's when this node heard of it last. The log judges by more.
func (c *chooser) owns(l *lease.Lease) bool {
	match := config.MatchStrict
	if c.d.place.link != nil {
		match = c.d.place.link.Identity.Match
	}
	same := l.HType == c.q.HType && l.CHAddr == string(c.q.hardware())
	switch match {
	case config.MatchHardware:
		return same && l.CHAddr != "" || l.CHAddr == "" && l.Client == c.d.Key
	case config.MatchBoth:
		return same && l.Client == c.d.Key
	}
	return l.Client == c.d.Key
}

// firmware says whether the client is firmware that boots over the network, by what it says of itself: PXE,
// HTTP boot, or iPXE.
func (q *Query) firmware() bool {
	if q.Type == 0 {
		return false
	}
	class, _ := q.Options.Get(optUserClass)
	return q.boots() || string(class) == "iPXE" || string(class) == "\x04iPXE"
}

// Relayed says whether the message came through a relay agent. A giaddr to which nobody could answer is none
// (V4-010).
func (q *Query) Relayed() bool {
	g := q.GIAddr
	return !g.IsUnspecified() && unicast(g)
}

// hardware returns the part of CHAddr that is set.
func (q *Query) hardware() []byte { return q.CHAddr[:min(int(q.HLen), len(q.CHAddr))] }

// keys returns every Key that a reservation could know the client by.
func (q *Query) keys(k lease.Key) []lease.Key {
	hw := q.hardware()
	if q.HType == 0 || len(hw) == 0 {
		return []lease.Key{k}
	}
	h := lease.HardwareKey(q.HType, hw)
	if h == k {
		return []lease.Key{k}
	}
	return []lease.Key{k, h}
}

// addr returns the address in option code; one of a wrong length is ignored (V4-016).
func (q *Query) addr(code uint8) (netip.Addr, bool) {
	b, _ := q.Options.Get(code)
	return addrOf(b)
}

// asked returns the lease time that the client asks for, 0 if it does not (V4-073).
func (q *Query) asked() lease.Seconds {
	b, _ := q.Options.Get(optLeaseTime)
	if len(b) != 4 {
		return 0
	}
	return lease.Seconds(binary.BigEndian.Uint32(b))
}

// hostname returns the name in option 81, or without one option 12 (RFC 4702 §3.1), as far as it is letters,
// digits, hyphens, underscores and dots; nothing if any other octet occurs in it, for it ends up in lists and
// in the DNS.
func (q *Query) hostname() string {
	_, name, ok := q.fqdn()
	if !ok {
		b, _ := q.Options.Get(optHostname)
		name = string(b)
	}
	name = strings.TrimRight(name, "\x00") // V4-017
	if len(name) > hostnameLenMax {
		return ""
	}
	for _, c := range []byte(name) {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' && c != '.' && c != '_' {
			return ""
		}
	}
	return name
}

// secs returns the seconds since the client began, in the order of octets that it must have meant (HA-003).
func (q *Query) secs() uint16 {
	if q.Secs&0xff == 0 {
		return q.Secs >> 8
	}
	return q.Secs
}

// client returns what commands carry of the client.
func (q *Query) client(k lease.Key, classes []string) storage.Client {
	return storage.Client{
		Key: k, HType: q.HType, CHAddr: string(q.hardware()),
		Hostname: q.hostname(), Classes: classes, RelayInfo: q.relayInfo(), Firmware: q.firmware(),
	}
}

// relayInfo returns option 82 as commands carry it.
func (q *Query) relayInfo() string {
	b, _ := q.Options.Get(optRelayInfo)
	if len(b) > relayInfoLenMax {
		return ""
	}
	return string(b)
}

// reservation returns the client's reservation on link, which may be nil.
func (d *Decision) reservation(link *config.Link) (*config.CompiledReservation, bool) {
	if link == nil {
		return nil, false
	}
	id := d.identity()
	return link.ReservationFor(&id)
}

// identity returns what reservations may know the client by.
func (d *Decision) identity() config.Shown {
	relayInfo := ""
	if d.Config.ReservesPlaces() {
		relayInfo = string(d.relayInfo)
	}
	classes := d.Classes
	if d.class != "" {
		classes = append(slices.Clip(classes), d.class)
	}
	return d.Config.Shown(d.Key, d.keys[len(d.keys)-1], relayInfo, classes)
}

// addrOf reads an address of four octets.
func addrOf(b []byte) (netip.Addr, bool) {
	if len(b) != 4 {
		return netip.Addr{}, false
	}
	return netip.AddrFrom4([4]byte(b)), true
}

// unicast says whether a datagram can be addressed to a.
func unicast(a netip.Addr) bool {
	return a.Is4() && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback() && a.As4()[0] < 240
}
