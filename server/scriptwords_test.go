package server

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"port67/server/dhcp4"
	"port67/storage"
)

var typeWords = map[string]dhcp4.MessageType{
	"DISCOVER": dhcp4.Discover, "REQUEST": dhcp4.Request, "DECLINE": dhcp4.Decline, "RELEASE": dhcp4.Release,
	"INFORM": dhcp4.Inform, "OFFER": dhcp4.OfferMsg, "ACK": dhcp4.ACK, "NAK": dhcp4.NAK, "BOOTP": 0,
	"LEASEQUERY": dhcp4.LeaseQuery, "LEASEUNASSIGNED": dhcp4.LeaseUnassigned,
	"LEASEUNKNOWN": dhcp4.LeaseUnknown, "LEASEACTIVE": dhcp4.LeaseActive,
}

// parseScript turns a line like "DISCOVER xid=1 client=1 giaddr=10.68.0.1" into a datagram that n1 hears on
// eth0, by broadcast unless dst says otherwise. client=N is the hardware address 02:67:00:00:00:N.
func parseScript(t *testing.T, words []string) ([]byte, dhcp4.Ingress) {
	t.Helper()
	b := make([]byte, 240)
	b[0], b[1], b[2] = 1, 1, 6
	copy(b[28:], []byte{2, 0x67, 0, 0, 0, 1})
	copy(b[236:], []byte{99, 130, 83, 99})
	in := dhcp4.Ingress{
		IfIndex: 3, Interface: "eth0", Src: netip.MustParseAddrPort("0.0.0.0:68"),
		Dst: netip.MustParseAddr("255.255.255.255"), Local: netip.MustParseAddr("10.67.0.2"),
		Prefixes: []netip.Prefix{netip.MustParsePrefix("10.67.0.2/24")},
	}
	if words[0] != "BOOTP" {
		b = append(b, 53, 1, byte(typeWords[words[0]]))
	}
	for _, w := range words[1:] {
		name, value, _ := strings.Cut(w, "=")
		b = append(b, field(t, b, &in, name, value)...)
	}
	return append(b, 255), in
}

// field sets a field of the fixed header or of the ingress, or returns an option.
func field(t *testing.T, b []byte, in *dhcp4.Ingress, name, value string) []byte {
	t.Helper()
	number := func(bits int) uint64 {
		n, err := strconv.ParseUint(value, 0, bits)
		if err != nil {
			t.Fatalf("%s=%s: %v", name, value, err)
		}
		return n
	}
	octets := func() []byte {
		if a, err := netip.ParseAddr(value); err == nil {
			return a.AsSlice()
		}
		o, err := hex.DecodeString(value)
		if err != nil {
			t.Fatalf("%s=%s: %v", name, value, err)
		}
		return o
	}
	opt := func(code byte, data []byte) []byte { return append([]byte{code, byte(len(data))}, data...) }
	switch name {
	case "xid":
		binary.BigEndian.PutUint32(b[4:], uint32(number(32)))
	case "secs":
		binary.BigEndian.PutUint16(b[8:], uint16(number(16)))
	case "broadcast":
		b[10] |= 0x80
	case "ciaddr":
		copy(b[12:], octets())
	case "giaddr":
		copy(b[24:], octets())
		in.Src, in.Dst = netip.AddrPortFrom(netip.MustParseAddr(value), 67), in.Local
	case "client":
		b[33] = byte(number(8))
	case "anonymous": // no hardware address
		copy(b[1:3], []byte{0, 0})
		copy(b[28:34], make([]byte, 6))
	case "src":
		in.Src = netip.AddrPortFrom(netip.MustParseAddr(value), 68)
	case "dst":
		in.Dst = netip.MustParseAddr(value)
	case "ip":
		return opt(50, octets())
	case "lease":
		return opt(51, binary.BigEndian.AppendUint32(nil, uint32(number(32))))
	case "sid":
		return opt(54, octets())
	case "ask":
		var list []byte
		for code := range strings.SplitSeq(value, ",") {
			n, _ := strconv.Atoi(code)
			list = append(list, byte(n))
		}
		return opt(55, list)
	case "auto":
		return opt(116, []byte{byte(number(8))})
	case "cid":
		return opt(61, octets())
	case "rapid":
		return opt(80, nil)
	case "fqdn":
		return opt(81, octets())
	case "rai":
		return opt(82, octets())
	case "mac":
		copy(b[28:34], octets())
	case "vendor", "user":
		return opt(map[string]byte{"vendor": 60, "user": 77}[name], []byte(value))
	case "arch":
		return opt(93, octets())
	default:
		t.Fatalf("%s: no field of a message", name)
	}
	return nil
}

// describe tells a command in a line.
func describe(c storage.Command) string {
	switch c := c.(type) {
	case storage.Offer:
		return fmt.Sprintf("Offer %v on %s wish %v", c.Client.Key, c.Link, c.Wish)
	case storage.Bind:
		mode := []string{"", "selecting", "init-reboot", "renewing", "rebinding", "bootp", "rapid"}[c.Mode]
		return fmt.Sprintf("Bind %v on %s %v %s", c.Client.Key, cmp.Or(c.Link, "its link"), c.Addr, mode)
	case storage.Release:
		return fmt.Sprintf("Release %v %v", c.Key, c.Addr)
	case storage.Decline:
		return fmt.Sprintf("Decline %v %v held=%v", c.Key, c.Addr, c.Held)
	case storage.Conflict:
		return fmt.Sprintf("Conflict %v by %x", c.Addr, c.CHAddr)
	}
	return fmt.Sprintf("%T", c)
}

// describeReply tells a reply in a line, from its octets: what is zero is left out, options as they stand.
func describeReply(b []byte) string {
	var s strings.Builder
	options := b[240:]
	kind := "BOOTREPLY"
	if options[0] == 53 {
		for word, t := range typeWords {
			if t == dhcp4.MessageType(options[2]) {
				kind = word
			}
		}
		options = options[3:]
	}
	fmt.Fprintf(&s, "%s op=%d xid=%x", kind, b[0], binary.BigEndian.Uint32(b[4:]))
	if b[10]&0x80 != 0 {
		s.WriteString(" broadcast")
	}
	for _, f := range []struct {
		name string
		at   int
	}{{"ciaddr", 12}, {"yiaddr", 16}, {"siaddr", 20}, {"giaddr", 24}} {
		if a := netip.AddrFrom4([4]byte(b[f.at:])); !a.IsUnspecified() {
			fmt.Fprintf(&s, " %s=%v", f.name, a)
		}
	}
	fmt.Fprintf(&s, " chaddr=%v", net.HardwareAddr(b[28:34]))
	for options[0] != 255 {
		code, data := options[0], options[2:2+int(options[1])]
		switch code {
		case 1, 3, 6, 54:
			fmt.Fprintf(&s, " %d=%v", code, netip.AddrFrom4([4]byte(data)))
		case 15, 56:
			fmt.Fprintf(&s, " %d=%q", code, data)
		case 51, 58, 59:
			fmt.Fprintf(&s, " %d=%ds", code, binary.BigEndian.Uint32(data))
		default:
			fmt.Fprintf(&s, " %d=%x", code, data)
		}
		options = options[2+len(data):]
	}
	return s.String()
}
