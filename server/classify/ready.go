package classify

import (
	"bytes"
	"encoding/binary"
	"slices"

	"port67/storage/config"
)

// The options that the ready-made classes look at.
const (
	optVendorClass  = 60
	optUserClass    = 77
	optRelayInfo    = 82
	optClientSystem = 93 // RFC 4578 §2.1
	optVendorInfo   = 125
	optEtherboot    = 175
)

// htypeEthernet is the hardware type of addresses that have a locally administered bit.
const htypeEthernet = 1

// readyMade says whether the sender of p is in the class of that name that needs no definition. known says
// whether it has a reservation on its link.
func readyMade(name string, p *Packet, known bool) bool {
	switch name {
	case config.Known:
		return known
	case config.Unknown:
		return !known
	case config.BOOTP:
		return p.Type == "BOOTP"
	case config.PXE:
		return p.vendor("PXEClient")
	case config.PXEBIOS:
		return p.boots("PXEClient", 0)
	case config.PXEUEFIIA32:
		return p.boots("PXEClient", 6)
	case config.PXEUEFIX64:
		// RFC 4578 calls 7 "EFI BC" and 9 "EFI x86-64"; firmware sends 7 (W-023).
		return p.boots("PXEClient", 7, 9)
	case config.PXEUEFIARM64:
		return p.boots("PXEClient", 11)
	case config.HTTPClient:
		return p.vendor("HTTPClient") || p.boots("", 15, 16, 17, 18, 19)
	case config.IPXE:
		_, etherboot := p.get(optEtherboot)
		return etherboot || slices.Contains(p.userClasses(), "iPXE")
	case config.RandomMAC:
		return p.HType == htypeEthernet && len(p.CHAddr) == 6 && p.CHAddr[0]&0x03 == 0x02
	}
	return false
}

// vendor says whether the vendor class begins with prefix.
func (p *Packet) vendor(prefix string) bool {
	b, _ := p.get(optVendorClass)
	return bytes.HasPrefix(b, []byte(prefix))
}

// boots says whether the vendor class begins with prefix and option 93 lists any of the architectures.
func (p *Packet) boots(prefix string, architectures ...uint16) bool {
	b, _ := p.get(optClientSystem)
	for ; len(b) >= 2; b = b[2:] {
		if slices.Contains(architectures, binary.BigEndian.Uint16(b)) {
			return p.vendor(prefix)
		}
	}
	return false
}

// userClasses returns what option 77 holds: the classes of RFC 3004 §4, or one class that is the whole value,
// as many clients send it.
func (p *Packet) userClasses() []string {
	b, _ := p.get(optUserClass)
	if len(b) == 0 {
		return nil
	}
	var list []string
	for rest := b; len(rest) > 0; {
		n := int(rest[0])
		if n == 0 || n >= len(rest) {
			return []string{textOf(trimNUL(b))}
		}
		list, rest = append(list, textOf(rest[1:1+n])), rest[1+n:]
	}
	return list
}
