package classify

import (
	"encoding/binary"
	"net/netip"
	"strconv"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/parser"

	"port67/storage/option"
)

// memberCall is what member("NAME") becomes: a question to pkt. Nobody can write it.
const memberCall = "@member"

// words returns the vocabulary of expressions: what is declared, typed and bound.
func words(d *option.Definitions) []cel.EnvOption {
	out := []cel.EnvOption{
		cel.Variable("pkt", packetType), cel.Variable("relay", relayType),
		cel.Macros(cel.GlobalMacro("member", 1, expandMember)),
		cel.Function(memberCall, cel.MemberOverload("pkt_member", []*cel.Type{packetType, cel.StringType},
			cel.BoolType, cel.BinaryBinding(func(p, name ref.Val) ref.Val {
				return types.Bool(p.(packetValue).member(string(name.(types.String))))
			}))),
	}
	out = append(out, packetWords(d)...)
	out = append(out, relayWords()...)
	return append(out, octetWords()...)
}

// expandMember turns member("NAME") into a call that the packet answers.
func expandMember(h parser.ExprHelper, _ ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
	if _, ok := literal(args[0]).(types.String); !ok {
		return nil, h.NewError(args[0].ID(), "member takes the name of a class in quotes")
	}
	return h.NewMemberCall(memberCall, h.NewIdent("pkt"), args[0]), nil
}

// literal returns the value of a literal, nil for any other expression.
func literal(e ast.Expr) ref.Val {
	if e.Kind() == ast.LiteralKind {
		return e.AsLiteral()
	}
	return nil
}

// packetWords are the functions of pkt.
func packetWords(d *option.Definitions) []cel.EnvOption {
	// ofOption declares a function of an option, by name or code.
	ofOption := func(name string, result *cel.Type, f func(packetValue, option.Def) ref.Val,
	) cel.EnvOption {
		bind := cel.BinaryBinding(func(p, code ref.Val) ref.Val {
			def, err := optionOf(d, code)
			if err != nil {
				return types.WrapErr(err)
			}
			return f(p.(packetValue), def)
		})
		return cel.Function(name,
			cel.MemberOverload("pkt_"+name+"_string", []*cel.Type{packetType, cel.StringType}, result, bind),
			cel.MemberOverload("pkt_"+name+"_int", []*cel.Type{packetType, cel.IntType}, result, bind))
	}
	sub := cel.FunctionBinding(func(args ...ref.Val) ref.Val {
		def, err := optionOf(d, args[1])
		if err != nil {
			return types.WrapErr(err)
		}
		code, ok := octet(args[2])
		if !ok {
			return types.Bytes(nil)
		}
		b, _ := args[0].(packetValue).packet.sub(def.Code, code)
		return types.Bytes(b)
	})
	vendor := cel.FunctionBinding(func(args ...ref.Val) ref.Val {
		enterprise, isInt := args[1].(types.Int)
		code, ok := octet(args[2])
		if !ok || !isInt || enterprise < 0 || enterprise > 1<<32-1 {
			return types.Bytes(nil)
		}
		return types.Bytes(args[0].(packetValue).packet.vendorInfo(uint32(enterprise), code))
	})
	byName := []*cel.Type{packetType, cel.StringType, cel.IntType}
	byCode := []*cel.Type{packetType, cel.IntType, cel.IntType}
	return []cel.EnvOption{
		ofOption("option", cel.DynType, func(v packetValue, def option.Def) ref.Val {
			value := v.packet.option(d, def)
			v.absent = v.absent || value == types.NullValue
			return value
		}),
		ofOption("raw", cel.BytesType, func(v packetValue, def option.Def) ref.Val {
			b, _ := v.packet.get(def.Code)
			return types.Bytes(b)
		}),
		ofOption("has", cel.BoolType, func(v packetValue, def option.Def) ref.Val {
			_, ok := v.packet.get(def.Code)
			return types.Bool(ok)
		}),
		cel.Function("sub",
			cel.MemberOverload("pkt_sub_string", byName, cel.BytesType, sub),
			cel.MemberOverload("pkt_sub_int", byCode, cel.BytesType, sub)),
		cel.Function("vendor", cel.MemberOverload("pkt_vendor", byCode, cel.BytesType, vendor)),
	}
}

// optionOf returns the definition of the option that an expression names.
func optionOf(d *option.Definitions, v ref.Val) (option.Def, error) {
	switch v := v.(type) {
	case types.String:
		return d.Find(string(v))
	case types.Int:
		return d.Find(strconv.FormatInt(int64(v), 10))
	}
	return d.Find("")
}

// octet returns a number of the code of a sub-option.
func octet(v ref.Val) (uint8, bool) {
	n, ok := v.(types.Int)
	return uint8(n), ok && n >= 0 && n <= 255
}

// relayWords are the functions of relay.
func relayWords() []cel.EnvOption {
	args := []*cel.Type{relayType, cel.IntType}
	get := func(r, code ref.Val) ([]byte, bool) {
		n, ok := octet(code)
		if !ok {
			return nil, false
		}
		return r.(relayValue).packet.sub(optRelayInfo, n)
	}
	return []cel.EnvOption{
		cel.Function("sub", cel.MemberOverload("relay_sub", args, cel.BytesType,
			cel.BinaryBinding(func(r, code ref.Val) ref.Val {
				b, _ := get(r, code)
				return types.Bytes(b)
			}))),
		cel.Function("has", cel.MemberOverload("relay_has", args, cel.BoolType,
			cel.BinaryBinding(func(r, code ref.Val) ref.Val {
				_, ok := get(r, code)
				return types.Bool(ok)
			}))),
	}
}

// octetWords are the functions of octets and text.
func octetWords() []cel.EnvOption {
	ofBytes := func(name string, result *cel.Type, f func([]byte) ref.Val) cel.EnvOption {
		return cel.Function(name, cel.Overload(name+"_bytes", []*cel.Type{cel.BytesType}, result,
			cel.UnaryBinding(func(v ref.Val) ref.Val { return f(v.(types.Bytes)) })))
	}
	ofString := func(name string, f func(string) string) cel.EnvOption {
		return cel.Function(name, cel.Overload(name+"_string", []*cel.Type{cel.StringType}, cel.StringType,
			cel.UnaryBinding(func(v ref.Val) ref.Val { return types.String(f(string(v.(types.String)))) })))
	}
	return []cel.EnvOption{
		cel.Function("substring", cel.Overload("substring_bytes",
			[]*cel.Type{cel.BytesType, cel.IntType, cel.IntType}, cel.BytesType,
			cel.FunctionBinding(func(args ...ref.Val) ref.Val {
				start, length := int64(args[1].(types.Int)), int64(args[2].(types.Int))
				return types.Bytes(substring(args[0].(types.Bytes), start, length))
			}))),
		ofBytes("hex", cel.StringType, func(b []byte) ref.Val { return types.String(hexOf(b, "")) }),
		cel.Function("hex", cel.Overload("hex_bytes_string",
			[]*cel.Type{cel.BytesType, cel.StringType}, cel.StringType,
			cel.BinaryBinding(func(b, separator ref.Val) ref.Val {
				return types.String(hexOf(b.(types.Bytes), string(separator.(types.String))))
			}))),
		ofBytes("text", cel.StringType, func(b []byte) ref.Val { return types.String(textOf(b)) }),
		ofBytes("address", cel.StringType, func(b []byte) ref.Val {
			if len(b) != 4 {
				return types.String("")
			}
			return types.String(netip.AddrFrom4([4]byte(b)).String())
		}),
		ofBytes("number", cel.IntType, number),
		ofString("lower", func(s string) string { return ascii(s, 'A', 'Z') }),
		ofString("upper", func(s string) string { return ascii(s, 'a', 'z') }),
		cel.Function("split", cel.Overload("split_string",
			[]*cel.Type{cel.StringType, cel.StringType, cel.IntType}, cel.StringType,
			cel.FunctionBinding(func(args ...ref.Val) ref.Val {
				return types.String(field(string(args[0].(types.String)), string(args[1].(types.String)),
					int64(args[2].(types.Int))))
			}))),
	}
}

// number reads octets as an unsigned number.
func number(b []byte) ref.Val {
	switch len(b) {
	case 0:
		return types.Int(0)
	case 1:
		return types.Int(b[0])
	case 2:
		return types.Int(binary.BigEndian.Uint16(b))
	case 4:
		return types.Int(binary.BigEndian.Uint32(b))
	}
	return types.NewErr("number of %d octets: 1, 2 or 4 make one", len(b))
}
