package main

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// devLink is where a node of port67d dev serves: an interface and one of its prefixes.
type devLink struct {
	Interface string
	Own       netip.Addr
	Prefix    netip.Prefix
	Gateways  []netip.Addr // of this host's default routes; they may lie elsewhere
}

// routesFile is where Linux lists the IPv4 routes.
const routesFile = "/proc/net/route"

// defaultGateways returns the gateways of the default routes in routes, the text of routesFile: addresses are
// eight hex digits in the machine's order of octets.
func defaultGateways(routes string) []netip.Addr {
	var out []netip.Addr
	for line := range strings.Lines(routes) {
		f := strings.Fields(line) // interface, destination, gateway, …
		if len(f) < 3 || f[1] != "00000000" {
			continue
		}
		b, err := hex.DecodeString(f[2])
		if err != nil || len(b) != 4 {
			continue
		}
		var a [4]byte
		binary.NativeEndian.PutUint32(a[:], binary.BigEndian.Uint32(b))
		if a != [4]byte{} {
			out = append(out, netip.AddrFrom4(a))
		}
	}
	return out
}

// findDevLink returns the link on the named interface, or on the only one that is fit if name is empty: up, no
// loopback, with an IPv4 prefix of at least eight addresses.
func findDevLink(name string) (devLink, error) {
	list, err := net.Interfaces()
	if err != nil {
		return devLink{}, fmt.Errorf("interfaces of this host: %w", err)
	}
	var fit []devLink
	var names []string
	for _, i := range list {
		if i.Flags&net.FlagLoopback != 0 && name == "" {
			continue
		}
		names = append(names, i.Name)
		if name != "" && i.Name != name || i.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			return devLink{}, fmt.Errorf("interface %s: %w", i.Name, err)
		}
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err == nil && p.Addr().Is4() && p.Bits() <= 29 {
				fit = append(fit, devLink{Interface: i.Name, Own: p.Addr(), Prefix: p.Masked()})
				break
			}
		}
	}
	switch {
	case len(fit) == 1:
		// Without the file there is no gateway that could be known.
		routes, _ := os.ReadFile(routesFile)
		fit[0].Gateways = defaultGateways(string(routes))
		return fit[0], nil
	case name != "":
		return devLink{}, fmt.Errorf("interface %s: not up with an IPv4 prefix of /29 or larger; this host has %s",
			name, strings.Join(names, ", "))
	case len(fit) == 0:
		return devLink{}, errors.New("no interface that is up has an IPv4 prefix of /29 or larger; give one an " +
			"address (ip addr add 10.67.0.1/16 dev IF)")
	}
	names = nil
	for _, f := range fit {
		names = append(names, f.Interface)
	}
	return devLink{}, fmt.Errorf("several interfaces are fit: choose one with --interface: %s",
		strings.Join(names, ", "))
}

// sampleConfig is a configuration to play with on l: short leases, and the upper half of the prefix, at most
// 256 addresses, without our own address and the default gateway's. It is not authoritative: a client that
// belongs to another server of the link is never told no.
func (l devLink) sampleConfig() string {
	first, last := hostRange(l.Prefix)
	size := min(uint32(256), (last-first+1)/2)
	var exclude string
	var inUse []string
	for _, a := range append([]netip.Addr{l.Own}, l.Gateways...) {
		if n := number(a); n > last-size && n <= last && !slices.Contains(inUse, a.String()) {
			inUse = append(inUse, a.String())
		}
	}
	if len(inUse) > 0 {
		exclude = "\n    exclude: [" + strings.Join(inUse, ", ") + "]"
	}
	return fmt.Sprintf(`# A sample for trying things out. See dhcpctl config show.
lease: {default: 10m, min: 1m, max: 1h}
authoritative: false
options:
  domain-name: example.org
subnets:
  - prefix: %v
    pools:
      - range: %v-%v%s
`, l.Prefix, address(last-size+1), address(last), exclude)
}

// hostRange returns the first and last address of p without network and broadcast address.
func hostRange(p netip.Prefix) (first, last uint32) {
	n := number(p.Masked().Addr())
	return n + 1, n + uint32(1)<<(32-p.Bits()) - 2
}

func number(a netip.Addr) uint32 {
	b := a.As4()
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

func address(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}
