package classify

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"port67/storage/config"
)

// all is a configuration that names every ready-made class.
func all() *config.Config { return &config.Config{Deny: config.ReadyMade()} }

// arch is option 93 with those architectures.
func arch(list ...byte) []byte {
	var b []byte
	for _, a := range list {
		b = append(b, 0, a)
	}
	return b
}

func TestReadyMade(t *testing.T) {
	pxe, http := []byte("PXEClient:Arch:00007:UNDI:003016"), []byte("HTTPClient:Arch:00016:UNDI:003001")
	for _, c := range []struct {
		name    string
		options options
		change  func(*Packet)
		want    []string
	}{
		{"nothing special", nil, nil, nil},
		{"without option 53", nil, func(p *Packet) { p.Type = "BOOTP" }, []string{"bootp"}},
		{"PXE without an architecture", options{60: pxe}, nil, []string{"pxe"}},
		{"W-023 BIOS", options{60: pxe, 93: arch(0)}, nil, []string{"pxe", "pxe-bios"}},
		{"W-023 IA32", options{60: pxe, 93: arch(6)}, nil, []string{"pxe", "pxe-uefi-ia32"}},
		{"W-023 x64 as the RFC has it wrong", options{60: pxe, 93: arch(7)}, nil, []string{"pxe", "pxe-uefi-x64"}},
		{"W-023 x64", options{60: pxe, 93: arch(9)}, nil, []string{"pxe", "pxe-uefi-x64"}},
		{"W-023 ARM64", options{60: pxe, 93: arch(11)}, nil, []string{"pxe", "pxe-uefi-arm64"}},
		{"W-023 any element of a list", options{60: pxe, 93: arch(11, 7, 0)}, nil,
			[]string{"pxe", "pxe-bios", "pxe-uefi-x64", "pxe-uefi-arm64"}},
		{"W-023 an architecture of two octets", options{60: pxe, 93: {1, 0, 7}}, nil, []string{"pxe"}},
		{"an architecture without PXE", options{93: arch(0, 7)}, nil, nil},
		{"W-022 HTTP boot", options{60: http}, nil, []string{"http-client"}},
		{"W-022 W-023 HTTP boot by architecture", options{93: arch(15)}, nil, []string{"http-client"}},
		{"W-022 W-023 HTTP boot, 64 bits", options{60: http, 93: arch(16)}, nil, []string{"http-client"}},
		{"iPXE, bare", options{77: []byte("iPXE")}, nil, []string{"ipxe"}},
		{"iPXE, as RFC 3004", options{77: []byte("\x03foo\x04iPXE")}, nil, []string{"ipxe"}},
		{"iPXE by its own option", options{175: {1, 1, 1}}, nil, []string{"ipxe"}},
		{"another user class", options{77: []byte("iPXEx")}, nil, nil},
		{"W-010 made up", nil, func(p *Packet) { p.CHAddr = []byte{0xda, 1, 2, 3, 4, 5} }, []string{"random-mac"}},
		{"W-010 a group address", nil, func(p *Packet) { p.CHAddr = []byte{0x03, 1, 2, 3, 4, 5} }, nil},
		{"W-010 no Ethernet", nil, func(p *Packet) { p.HType, p.CHAddr = 32, []byte{2, 1, 2, 3, 4, 5} }, nil},
		{"W-010 no address", nil, func(p *Packet) { p.CHAddr = nil }, nil},
	} {
		p := &Packet{Type: "DISCOVER", HType: 1, HLen: 6, CHAddr: []byte{0, 1, 2, 3, 4, 5}, Options: c.options}
		if c.change != nil {
			c.change(p)
		}
		names, errs := compile(t, all()).Of(p, false)
		if d := cmp.Diff(c.want, names); d != "" || len(errs) > 0 {
			t.Errorf("%s: errors %v, -want +got\n%s", c.name, errs, d)
		}
	}
}

// FuzzOf: no message makes an evaluation panic, and what comes of it is of the classes that are used.
func FuzzOf(f *testing.F) {
	c := all()
	c.Classes = []config.Class{{Name: "t", Template: `text(pkt.raw(77))`}}
	for i, test := range []string{
		`pkt.option(pkt.hops) == pkt.option(43)`, `pkt.raw(pkt.secs) == pkt.sub(pkt.hops, pkt.hlen)`,
		`pkt.vendor(pkt.xid, pkt.hops) == relay.sub(pkt.hlen)`, `pkt.sub(43, pkt.hlen) == pkt.sub(82, pkt.hlen)`,
		`relay.circuit_id + relay.remote_id == relay.relay_id + relay.subscriber_id`,
		`pkt.option("user-class") == "x" || "x" in pkt.option(77)`, `pkt.hardware == split(text(pkt.raw(77)), ":", pkt.hops)`,
		`substring(pkt.raw(77), pkt.secs - 100, pkt.flags - 100) == b"x"`, `number(pkt.raw(77)) == pkt.xid`,
		`pkt.option(93)[pkt.hops] == 7`, `text(pkt.raw(60)).matches("^(a|b)*c$")`, `lower(upper(text(pkt.raw(12)))) == address(pkt.raw(50))`,
		`hex(pkt.option(pkt.hops)) == lower(pkt.option(pkt.secs))`, `pkt.sub(pkt.option(57), pkt.option(23)) == pkt.raw(pkt.option(77))`,
		`substring(pkt.option(77), pkt.option(57), 1) == b"x"`, `member("t:iPXE") || split(pkt.option(77), "", pkt.option(57)) == "x"`,
		`string(pkt.raw(60)) == "x"`, `size(pkt.option(77)) / pkt.hops > 1 && pkt.type == pkt.src`,
	} {
		c.Classes = append(c.Classes, config.Class{Name: fmt.Sprintf("c%d", i), Test: test})
	}
	for i := range c.Classes {
		c.Deny = append(c.Deny, c.Classes[i].Name)
	}
	c.Deny = append(c.Deny, "t:iPXE")
	s := compile(f, c)
	f.Add([]byte("\x4d\x04iPXE\x52\x04\x01\x02ab\x5d\x02\x00\x07\x3c\x09PXEClient"), uint32(67), uint16(3), uint8(7))
	f.Add([]byte("\x2b\x05\x01\x01a\xff\x00\x7d\x0a\x00\x00\x11\x8b\x05\x01\x01x\x02\x00"), uint32(4491), uint16(43), uint8(1))
	f.Fuzz(func(t *testing.T, src []byte, xid uint32, secs uint16, small uint8) {
		p := &Packet{
			Type: "DISCOVER", HType: 1, HLen: small, Hops: small, XID: xid, Secs: secs, Flags: secs,
			CHAddr: src[:min(len(src), int(small), 16)],
		}
		o := make(options)
		for len(src) >= 2 && len(src) >= 2+int(src[1]) {
			o[src[0]] = append(o[src[0]], src[2:2+int(src[1])]...)
			src = src[2+int(src[1]):]
		}
		p.RelayInfo, p.Options = o[82], o
		names, errs := s.Of(p, secs%2 == 0)
		for _, err := range errs {
			if strings.Contains(err.Error(), "internal error") { // The library catches panics.
				t.Error(err)
			}
		}
		for _, n := range names {
			if n[0] == '?' {
				t.Errorf("class %s is undecided, but it was compiled", n)
			}
		}
	})
}

// TestOf_Dated: the ends of periods are judged by the moment of the message.
func TestOf_Dated(t *testing.T) {
	c := &config.Config{Subnets: []config.Subnet{{
		Prefix: netip.MustParsePrefix("10.67.0.0/24"), Period: config.Period{From: 100, Until: 200},
	}}}
	s := compile(t, c)
	for now, want := range map[config.Moment][]string{
		99: {"before@100"}, 100: nil, 199: nil, 200: {"after@200"},
	} {
		names, errs := s.Of(&Packet{Options: options{}, Now: now}, false)
		if d := cmp.Diff(want, names); d != "" || len(errs) > 0 {
			t.Errorf("at %d: errors %v, -want +got\n%s", now, errs, d)
		}
	}
}

// TestOf_ValuesWithLimits: where every value of a template has a limit, the value of the client is named, once.
func TestOf_ValuesWithLimits(t *testing.T) {
	s := compile(t, &config.Config{Classes: []config.Class{
		{Name: "port", Template: "hex(relay.circuit_id)", Limit: 2}, {Name: "port:0a", Limit: 3},
	}})
	for circuit, want := range map[string][]string{
		"\x0a": {"port", "port:0a"}, "\x0b": {"port", "port:0b"}, "": nil,
	} {
		p := &Packet{Options: options{}}
		if circuit != "" {
			p.RelayInfo = append([]byte{1, byte(len(circuit))}, circuit...)
		}
		names, errs := s.Of(p, false)
		if d := cmp.Diff(want, names); d != "" || len(errs) > 0 {
			t.Errorf("circuit %x: errors %v, -want +got\n%s", circuit, errs, d)
		}
	}
}
