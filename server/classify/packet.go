package classify

import (
	"errors"
	"net/netip"
	"reflect"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// The types of pkt and relay in expressions.
var (
	packetType = types.NewObjectType("port67.Packet")
	relayType  = types.NewObjectType("port67.Relay")
)

// ResolveName implements the library's activation: pkt and relay are the only variables.
func (e *evaluation) ResolveName(name string) (any, bool) {
	switch name {
	case "pkt":
		return packetValue{e}, true
	case "relay":
		return relayValue{e}, true
	}
	return nil, false
}

// packetValue is pkt, relayValue is relay.
type (
	packetValue struct{ *evaluation }
	relayValue  struct{ *evaluation }
)

var errNoNative = errors.New("pkt and relay are no values by themselves")

// ConvertToNative and the methods below implement the library's values.
func (packetValue) ConvertToNative(reflect.Type) (any, error) { return nil, errNoNative }
func (relayValue) ConvertToNative(reflect.Type) (any, error)  { return nil, errNoNative }
func (packetValue) ConvertToType(ref.Type) ref.Val            { return types.WrapErr(errNoNative) }
func (relayValue) ConvertToType(ref.Type) ref.Val             { return types.WrapErr(errNoNative) }
func (v packetValue) Equal(other ref.Val) ref.Val             { return types.Bool(ref.Val(v) == other) }
func (v relayValue) Equal(other ref.Val) ref.Val              { return types.Bool(ref.Val(v) == other) }
func (packetValue) Type() ref.Type                            { return packetType }
func (relayValue) Type() ref.Type                             { return relayType }
func (v packetValue) Value() any                              { return v.packet }
func (v relayValue) Value() any                               { return v.packet }

// fields is the library's types with those of pkt and relay.
type fields struct{ types.Provider }

// FindStructType returns the types of pkt and relay beside the library's.
func (f fields) FindStructType(name string) (*types.Type, bool) {
	switch name {
	case packetType.TypeName():
		return types.NewTypeTypeWithParam(packetType), true
	case relayType.TypeName():
		return types.NewTypeTypeWithParam(relayType), true
	}
	return f.Provider.FindStructType(name)
}

// FindStructFieldType returns a field of pkt or relay.
func (f fields) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	var found packetField
	switch name {
	case packetType.TypeName():
		found = packetFieldOf(field)
	case relayType.TypeName():
		found = relayFieldOf(field)
	default:
		return f.Provider.FindStructFieldType(name, field)
	}
	if found.of == nil {
		return nil, false
	}
	return &types.FieldType{
		Type:    found.kind,
		IsSet:   func(any) bool { return true },
		GetFrom: func(p any) (any, error) { return found.of(p.(*Packet)), nil },
	}, true
}

// packetField is a field with its type.
type packetField struct {
	kind *types.Type
	of   func(*Packet) ref.Val
}

// packetFieldOf returns a field of pkt, the zero packetField if there is none of that name.
func packetFieldOf(name string) packetField {
	text := func(of func(*Packet) string) packetField {
		return packetField{types.StringType, func(p *Packet) ref.Val { return types.String(of(p)) }}
	}
	number := func(of func(*Packet) uint32) packetField {
		return packetField{types.IntType, func(p *Packet) ref.Val { return types.Int(of(p)) }}
	}
	switch name {
	case "hardware":
		return text(func(p *Packet) string { return hexOf(p.CHAddr, ":") })
	case "chaddr":
		return packetField{types.BytesType, func(p *Packet) ref.Val { return types.Bytes(p.CHAddr) }}
	case "htype":
		return number(func(p *Packet) uint32 { return uint32(p.HType) })
	case "hlen":
		return number(func(p *Packet) uint32 { return uint32(p.HLen) })
	case "hops":
		return number(func(p *Packet) uint32 { return uint32(p.Hops) })
	case "secs":
		return number(func(p *Packet) uint32 { return uint32(p.Secs) })
	case "flags":
		return number(func(p *Packet) uint32 { return uint32(p.Flags) })
	case "xid":
		return number(func(p *Packet) uint32 { return p.XID })
	case "ciaddr":
		return text(func(p *Packet) string { return addressOf(p.CIAddr) })
	case "giaddr":
		return text(func(p *Packet) string { return addressOf(p.GIAddr) })
	case "src":
		return text(func(p *Packet) string { return addressOf(p.Source) })
	case "dst":
		return text(func(p *Packet) string { return addressOf(p.Target) })
	case "type":
		return text(func(p *Packet) string { return p.Type })
	case "interface":
		return text(func(p *Packet) string { return p.Interface })
	case "relayed":
		return packetField{types.BoolType, func(p *Packet) ref.Val { return types.Bool(p.Relayed) }}
	}
	return packetField{}
}

// relayFieldOf returns a field of relay: a sub-option of option 82 by the name that the registry has for it,
// with underscores (RFC 3046, RFC 3256, RFC 3527, RFC 3993, RFC 4014, RFC 4243, RFC 5010, RFC 5107, RFC 6607,
// RFC 6925, RFC 7839).
func relayFieldOf(name string) packetField {
	codes := map[string]uint8{
		"circuit_id": 1, "remote_id": 2, "docsis_device_class": 4, "link_selection": 5, "subscriber_id": 6,
		"radius": 7, "vendor_specific": 9, "flags": 10, "server_identifier_override": 11, "relay_id": 12,
		"access_technology": 13, "access_network_name": 14, "access_point_name": 15, "access_point_bssid": 16,
		"operator_id": 17, "operator_realm": 18, "virtual_subnet_selection": 151,
	}
	code, ok := codes[name]
	if !ok {
		return packetField{}
	}
	return packetField{types.BytesType, func(p *Packet) ref.Val {
		b, _ := p.sub(optRelayInfo, code)
		return types.Bytes(b)
	}}
}

// addressOf returns an address as expressions see it.
func addressOf(a netip.Addr) string {
	if !a.IsValid() {
		return "0.0.0.0"
	}
	return a.Unmap().String()
}

// Parent implements the library's activation: there is none.
func (e *evaluation) Parent() cel.Activation { return nil }
