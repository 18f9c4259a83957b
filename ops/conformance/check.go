package conformance

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// The checks of which the table's expectations are made. All but silence fail when there is no reply.

// silence expects no reply.
func silence() Check {
	return Check{Silence: true, See: func(r *Reply, _ *Memory) string {
		if r == nil {
			return ""
		}
		return r.name()
	}}
}

// see makes a check of a function that is not asked when there is no reply.
func see(f func(r *Reply, m *Memory) string) Check {
	return Check{See: func(r *Reply, m *Memory) string {
		if r == nil {
			return "silent"
		}
		return f(r, m)
	}}
}

func kindOf(k byte) Check {
	return see(func(r *Reply, _ *Memory) string {
		if r.Kind() == k {
			return ""
		}
		return r.name()
	})
}

func offer() Check { return kindOf(typeOffer) }
func ack() Check   { return kindOf(typeACK) }
func nak() Check   { return kindOf(typeNAK) }

// noDHCP expects silence or a reply that is no DHCP message.
func noDHCP() Check {
	return Check{Silence: true, See: func(r *Reply, _ *Memory) string {
		if r == nil || r.Kind() == 0 {
			return ""
		}
		return r.name()
	}}
}

// yours expects yiaddr to be an address, inside to lie in a prefix, and notYours not to be one.

func yours(of func(m *Memory) netip.Addr) Check {
	return see(func(r *Reply, m *Memory) string {
		if r.YIAddr == of(m) {
			return ""
		}
		return "yiaddr is another address"
	})
}

func notYours(of func(m *Memory) netip.Addr) Check {
	return see(func(r *Reply, m *Memory) string {
		if r.YIAddr != of(m) {
			return ""
		}
		return "that same address"
	})
}

func inside(prefix string) Check {
	return see(func(r *Reply, _ *Memory) string {
		if netip.MustParsePrefix(prefix).Contains(r.YIAddr) {
			return ""
		}
		return fmt.Sprintf("yiaddr %v", r.YIAddr)
	})
}

// addrs expects the three other address fields.
func addrs(name string, field func(r *Reply) netip.Addr, want func(m *Memory) netip.Addr) Check {
	return see(func(r *Reply, m *Memory) string {
		if field(r) == want(m) {
			return ""
		}
		return fmt.Sprintf("%s %v", name, field(r))
	})
}

func yiaddr(of func(*Memory) netip.Addr) Check {
	return addrs("yiaddr", func(r *Reply) netip.Addr { return r.YIAddr }, of)
}

func ciaddr(of func(*Memory) netip.Addr) Check {
	return addrs("ciaddr", func(r *Reply) netip.Addr { return r.CIAddr }, of)
}

func siaddr(of func(*Memory) netip.Addr) Check {
	return addrs("siaddr", func(r *Reply) netip.Addr { return r.SIAddr }, of)
}

func giaddr(of func(*Memory) netip.Addr) Check {
	return addrs("giaddr", func(r *Reply) netip.Addr { return r.GIAddr }, of)
}

// at expects the IP destination and port.
func at(of func(m *Memory) netip.Addr, port uint16) Check {
	return see(func(r *Reply, m *Memory) string {
		if want := netip.AddrPortFrom(of(m), port); r.Frame.Dst == want {
			return ""
		}
		return "to " + r.whither(m)
	})
}

// toYours expects a frame to the client's hardware address that carries a datagram to yiaddr.
func toYours() Check {
	return see(func(r *Reply, m *Memory) string {
		if r.Frame.Dst != netip.AddrPortFrom(r.YIAddr, clientPort) {
			return "to " + r.whither(m)
		}
		return framed().See(r, m)
	})
}

// whither tells in words where a reply went.
func (r *Reply) whither(m *Memory) string {
	a, port := r.Frame.Dst.Addr(), r.Frame.Dst.Port()
	name := a.String()
	switch {
	case a == everybody:
		name = "broadcast"
	case a == r.YIAddr && !a.IsUnspecified():
		name = "yiaddr"
	case a == m.Sent.CIAddr:
		name = "ciaddr"
	case a == m.Sent.GIAddr:
		name = "giaddr"
	case a == m.Sent.Src.Addr():
		name = "the source"
	}
	return fmt.Sprintf("%s:%d", name, port)
}

// broadcast expects a reply to all on the link.
func broadcast() Check {
	return see(func(r *Reply, m *Memory) string {
		switch {
		case r.Frame.Dst != netip.AddrPortFrom(everybody, clientPort):
			return "to " + r.whither(m)
		case r.Frame.EthDst != nil && !bytes.Equal(r.Frame.EthDst, bytes.Repeat([]byte{255}, 6)):
			return "broadcast, in a frame to one host"
		}
		return ""
	})
}

// framed expects a frame to the client's hardware address.
func framed() Check {
	return see(func(r *Reply, m *Memory) string {
		if r.Frame.EthDst == nil || bytes.Equal(r.Frame.EthDst, m.Sent.CHAddr[:6]) {
			return ""
		}
		return "a frame to another host"
	})
}

// only expects no options but these, none expects none of these, every expects all of these.

func only(codes ...byte) Check {
	return see(func(r *Reply, _ *Memory) string {
		var more []byte
		for _, c := range r.codes() {
			if !slices.Contains(codes, c) {
				more = append(more, c)
			}
		}
		return said("also options ", more)
	})
}

func none(codes ...byte) Check {
	return see(func(r *Reply, _ *Memory) string {
		var more []byte
		for _, c := range codes {
			if slices.Contains(r.codes(), c) {
				more = append(more, c)
			}
		}
		return said("with option ", more)
	})
}

func every(codes ...byte) Check {
	return see(func(r *Reply, _ *Memory) string {
		var less []byte
		for _, c := range codes {
			if !slices.Contains(r.codes(), c) {
				less = append(less, c)
			}
		}
		return said("without option ", less)
	})
}

// once expects each option to be there once at most.
func once() Check {
	return see(func(r *Reply, _ *Memory) string {
		var twice []byte
		for i, c := range r.codes() {
			if slices.Contains(r.codes()[:i], c) {
				twice = append(twice, c)
			}
		}
		return said("twice option ", twice)
	})
}

// order expects these options in this order, whatever stands between them.
func order(codes ...byte) Check {
	return see(func(r *Reply, _ *Memory) string {
		var got []byte
		for _, c := range r.codes() {
			if slices.Contains(codes, c) && !slices.Contains(got, c) {
				got = append(got, c)
			}
		}
		if bytes.Equal(got, codes) {
			return ""
		}
		return said("in the order ", got)
	})
}

// begins expects these options first, ends this one last.

func begins(codes ...byte) Check {
	return see(func(r *Reply, _ *Memory) string {
		got := r.codes()
		if bytes.HasPrefix(got, codes) {
			return ""
		}
		return said("begins with ", got[:min(len(got), len(codes))])
	})
}

func ends(code byte) Check {
	return see(func(r *Reply, _ *Memory) string {
		field := &Reply{} // Only the options field counts.
		field.field("options", r.Payload[headerLen+4:])
		if got := field.codes(); len(got) == 0 || got[len(got)-1] != code {
			return said("ends with ", got[max(0, len(got)-1):])
		}
		return ""
	})
}

func said(what string, codes []byte) string {
	if len(codes) == 0 {
		return ""
	}
	var words []string
	for _, c := range codes {
		words = append(words, fmt.Sprint(c))
	}
	return what + strings.Join(words, " ")
}

// value expects the value of an option.
func value(code byte, want ...byte) Check {
	return see(func(r *Reply, _ *Memory) string { return r.differs(code, want) })
}

// valueText expects the value of an option that is text, valueAddr that of one that is an address.
func valueText(code byte, want string) Check { return value(code, []byte(want)...) }

func valueAddr(code byte, want string) Check { return value(code, ip(want).AsSlice()...) }

// valueOf expects a number of seconds.
func valueOf(code byte, seconds uint32) Check {
	return value(code, binary.BigEndian.AppendUint32(nil, seconds)...)
}

func (r *Reply) differs(code byte, want []byte) string {
	got := r.Get(code)
	switch {
	case got == nil:
		return fmt.Sprintf("without option %d", code)
	case bytes.Equal(got, want):
		return ""
	case len(got) == 4 && bytes.Equal(want, []byte{255, 255, 255, 255}):
		return fmt.Sprintf("option %d is not infinite", code)
	case len(got) == 4 && (code == optLease || code == optT1 || code == optT2):
		return fmt.Sprintf("option %d is %d", code, binary.BigEndian.Uint32(got))
	case len(got) == 4:
		return fmt.Sprintf("option %d is %v", code, netip.AddrFrom4([4]byte(got)))
	case code == optDomain || code == optHostname:
		return fmt.Sprintf("option %d is %q", code, got)
	}
	return fmt.Sprintf("another option %d", code)
}

// echoed expects an option to come back as it was sent.
func echoed(code byte) Check {
	return see(func(r *Reply, m *Memory) string {
		sent := &Reply{}
		sent.field("options", append(bytes.Clone(m.Sent.Options), optEnd))
		return r.differs(code, sent.Get(code))
	})
}

// size expects a payload of so many octets.
func size(least, most int) Check {
	return see(func(r *Reply, _ *Memory) string {
		if n := len(r.Payload); n < least || n > most {
			return fmt.Sprintf("%d octets", n)
		}
		return ""
	})
}

// octets expects octets of the fixed header.
func octets(name string, at int, want ...byte) Check {
	return see(func(r *Reply, _ *Memory) string {
		if got := r.Payload[at : at+len(want)]; !bytes.Equal(got, want) {
			if got = bytes.TrimRight(got, "\x00"); len(got) == 0 {
				return name + " of zeros"
			}
			return fmt.Sprintf("%s %x", name, got)
		}
		return ""
	})
}

// flagsOf expects the flags field.
func flagsOf(want uint16) Check {
	return see(func(r *Reply, _ *Memory) string {
		if r.Flags != want {
			return fmt.Sprintf("flags %04x", r.Flags)
		}
		return ""
	})
}

// laidOut expects options that can be read to their ends.
func laidOut() Check {
	return see(func(r *Reply, _ *Memory) string {
		if r.Trouble != nil {
			return r.Trouble.Error()
		}
		return ""
	})
}

// that expects what a function of the reply says.
func that(f func(r *Reply, m *Memory) string) Check { return see(f) }

// sumsRight expects what every router and client looks at: both checksums, the TTL, the source.
func sumsRight() Check {
	return see(func(r *Reply, _ *Memory) string {
		f := r.Frame
		switch {
		case !f.IPSum:
			return "a wrong IP checksum"
		case !f.UDPSum:
			return "a wrong UDP checksum, or none"
		case f.Src != netip.AddrPortFrom(serverAddr, serverPort):
			return fmt.Sprintf("from %v", f.Src)
		case f.TTL != 64:
			return fmt.Sprintf("TTL %d", f.TTL)
		}
		return ""
	})
}

// unsound says what is wrong with a reply of ours, whatever it answers (V4-029, V4-031, V4-038, V4-041 …
// V4-043, V4-050, V4-052, BP-005, BP-015, BP-018).
func unsound(r *Reply, m *Memory) []string {
	checks := []Check{
		laidOut(), once(), size(payloadMin, 1472),
		none(optRequested, optList, optMaxSize),
	}
	if m.Sent.Kind != typeLeaseQuery { // Its answer is about another one.
		checks = append(checks, octets("op and hardware", 0, 2, m.Sent.HType, m.Sent.HLen),
			octets("chaddr", 28, m.Sent.CHAddr[:]...))
	}
	if r.XID != m.Sent.XID {
		return []string{fmt.Sprintf("xid %x", r.XID)}
	}
	if r.Kind() != 0 {
		checks = append(checks, every(optServer), begins(optType, optServer), octets("hops", 3, 0),
			octets("secs", 8, 0, 0))
	} else {
		checks = append(checks, none(onlyDHCP...))
	}
	if r.Frame.OnWire {
		checks = append(checks, sumsRight())
	}
	var seen []string
	for _, c := range checks {
		if got := c.See(r, m); got != "" {
			seen = append(seen, "unsound: "+got)
		}
	}
	return seen
}
