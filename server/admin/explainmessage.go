package admin

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"port67/server/dhcp4"
	"port67/storage/configfile"
	"port67/storage/option"
)

// Where fields of a message stand (RFC 2131 §2), and how long one is at least that is taken for a message.
const (
	flagsAt   = 10
	ciaddrAt  = 12
	giaddrAt  = 24
	chaddrAt  = 28
	cookieAt  = 236
	packetMin = 240
	bootpSize = 300
)

// The options of a description (RFC 2132, RFC 3004, RFC 4578, RFC 3046).
const (
	optionAsked        = 50
	optionType         = 53
	optionServer       = 54
	optionRequested    = 55
	optionVendorClass  = 60
	optionClientID     = 61
	optionUserClass    = 77
	optionRelayInfo    = 82
	optionArchitecture = 93

	subOptionRelayID = 12 // RFC 6925
)

// draft is a message in the making.
type draft struct {
	b   []byte
	err error // the first
}

// option appends an option, in pieces if it is long (RFC 3396 §5).
func (m *draft) option(code uint8, data []byte) {
	for first := true; first || len(data) > 0; first = false {
		n := min(len(data), 255)
		m.b = append(append(m.b, code, byte(n)), data[:n]...)
		data = data[n:]
	}
}

// fail notes an error, if it is the first.
func (m *draft) fail(err error) {
	if m.err == nil {
		m.err = err
	}
}

// message makes the message of the description.
func (d *described) message(ciaddr netip.Addr) ([]byte, error) {
	req := d.req
	m := &draft{b: make([]byte, packetMin, 2*bootpSize)}
	m.b[0] = 1
	copy(m.b[4:8], "exp\x00")
	copy(m.b[cookieAt:], []byte{99, 130, 83, 99})
	if req.GetBroadcast() {
		m.b[flagsAt] = 0x80
	}
	if ciaddr.IsValid() {
		copy(m.b[ciaddrAt:], ciaddr.AsSlice())
	}
	if d.giaddr.IsValid() {
		copy(m.b[giaddrAt:], d.giaddr.AsSlice())
		m.b[3] = 1
	}
	d.client(m)
	d.kind(m)
	for _, a := range []struct {
		field, text string
		code        uint8
	}{{"asked", req.GetAsked(), optionAsked}, {"server_id", req.GetServerId(), optionServer}} {
		addr, err := d.optionalAddr(a.field, a.text)
		if err != nil {
			m.fail(err)
		} else if addr.IsValid() {
			m.option(a.code, addr.AsSlice())
		}
	}
	if s := req.GetVendorClass(); s != "" {
		m.option(optionVendorClass, []byte(s))
	}
	if s := req.GetUserClass(); s != "" {
		m.option(optionUserClass, []byte(s))
	}
	if req.Architecture != nil {
		m.option(optionArchitecture, binary.BigEndian.AppendUint16(nil, uint16(req.GetArchitecture())))
	}
	d.others(m)
	d.relayInfo(m)
	m.b = append(m.b, 255)
	for len(m.b) < bootpSize {
		m.b = append(m.b, 0)
	}
	return m.b, m.err
}

// client writes who the client is.
func (d *described) client(m *draft) {
	if text := d.req.GetHardware(); text != "" {
		hw, ok := parseHardware(text)
		if !ok {
			m.fail(errField("hardware", "%q is no Ethernet address, as in 02:67:00:00:00:01", text))
			return
		}
		m.b[1], m.b[2] = 1, byte(len(hw))
		copy(m.b[chaddrAt:], hw)
	}
	if text := d.req.GetClientId(); text != "" {
		id, err := configfile.ParseClientID(text)
		if err != nil {
			m.fail(errField("client_id", "%v", err))
			return
		}
		m.option(optionClientID, id)
	}
	if d.req.GetHardware() == "" && d.req.GetClientId() == "" {
		m.fail(errField("hardware", "missing: nothing says who the client is: give its hardware address, its "+
			"client identifier, or both"))
	}
}

// kind writes the type of the message.
func (d *described) kind(m *draft) {
	switch word := strings.ToLower(d.req.GetMessage()); word {
	case "", "discover":
		m.option(optionType, []byte{byte(dhcp4.Discover)})
	case "request":
		m.option(optionType, []byte{byte(dhcp4.Request)})
	case "inform":
		m.option(optionType, []byte{byte(dhcp4.Inform)})
	case "bootp":
	default:
		m.fail(errField("message", "%s: one of discover, request, inform, bootp", word))
	}
}

// others writes the options that the client sends beside, and its list of those that it asks for.
func (d *described) others(m *draft) {
	definitions := d.config.Config.Definitions()
	for _, o := range d.req.GetOptions() {
		def, err := definitions.Find(o.GetName())
		if err != nil {
			m.fail(errField("options", "%v", err))
			continue
		}
		data, _, err := definitions.Encode(def, valueOf(def, o.GetValue()))
		if err != nil {
			m.fail(errField("options", "option %s: %v", o.GetName(), err))
			continue
		}
		m.option(def.Code, data)
	}
	var list []byte
	for _, name := range d.req.GetRequested() {
		def, err := definitions.Find(name)
		if err != nil {
			m.fail(errField("requested", "%v", err))
			continue
		}
		list = append(list, def.Code)
	}
	if len(list) > 0 {
		m.option(optionRequested, list)
	}
}

// valueOf returns what somebody wrote in one word as the registry takes it: a list has commas.
func valueOf(def option.Def, text string) any {
	if !def.Type.List || !strings.Contains(text, ",") {
		return text
	}
	var items []any
	for item := range strings.SplitSeq(text, ",") {
		items = append(items, strings.TrimSpace(item))
	}
	return items
}

// relayInfo writes what the relay agent says (RFC 3046).
func (d *described) relayInfo(m *draft) {
	var info []byte
	for _, s := range []struct {
		field, text string
		code        uint8
	}{
		{"circuit_id", d.req.GetCircuitId(), subOptionCircuitID},
		{"remote_id", d.req.GetRemoteId(), subOptionRemoteID},
		{"relay_id", d.req.GetRelayId(), subOptionRelayID},
	} {
		if s.text == "" {
			continue
		}
		octets, err := configfile.ParseRelayValue(s.text) // As in reservations.
		switch {
		case err != nil:
			m.fail(errField(s.field, "%v", err))
		case len(octets) > 255:
			m.fail(errField(s.field, "%d octets: at most 255", len(octets)))
		default:
			info = append(append(info, s.code, byte(len(octets))), octets...)
		}
	}
	if len(info) > 0 {
		m.option(optionRelayInfo, info)
	}
}
