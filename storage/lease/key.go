package lease

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Key is who a client is for us: its client identifier (option 61, opaque, RFC 2132 §9.14) or, without one,
// its hardware type and address (RFC 2131 §4.2). It does not name a link: the address a Key holds says on
// which link it holds it, so that an edit of the configuration never turns a device into another client.
//
// A Key is a comparable string of octets: one octet of kind, then the identifier. The zero Key is nobody.
type Key string

const (
	kindHardware = 'h'
	kindClientID = 'c'
	kindBoth     = 'd'
)

// ClientIDKey returns the Key of a client that sent id in option 61, type octet included.
func ClientIDKey(id []byte) Key { return Key(kindClientID) + Key(id) }

// HardwareKey returns the Key of a client without option 61.
func HardwareKey(htype uint8, addr []byte) Key {
	b := make([]byte, 0, 2+len(addr))
	b = append(b, kindHardware, htype)
	return Key(append(b, addr...))
}

// On returns a Key for the client k on the machine with that hardware address: what tells apart machines that
// show one identifier. It is for a node's own memory; no lease is under such a Key.
func (k Key) On(htype uint8, addr []byte) Key {
	b := make([]byte, 0, 3+len(addr)+len(k))
	b = append(b, kindBoth, htype, byte(len(addr)))
	return Key(append(append(b, addr...), k...))
}

// IsHardware says whether k is a hardware address, so that its client has shown no identifier.
func (k Key) IsHardware() bool { return len(k) > 1 && k[0] == kindHardware }

// Identifier returns the octets behind the kind: option 61, or htype and hardware address.
func (k Key) Identifier() []byte {
	if k == "" {
		return nil
	}
	return []byte(k[1:])
}

// Hardware returns the hardware type and address of a Key made of them.
func (k Key) Hardware() (htype uint8, addr []byte, ok bool) {
	if len(k) < 2 || k[0] != kindHardware {
		return 0, nil, false
	}
	return k[1], []byte(k[2:]), true
}

// String returns the form that people read and ParseKey reads back: hw:1:02:00:00:00:00:01 or id:01aabbcc.
func (k Key) String() string {
	if k == "" {
		return "-"
	}
	if htype, addr, ok := k.Hardware(); ok {
		var b strings.Builder
		b.WriteString("hw:" + strconv.Itoa(int(htype)))
		for _, o := range addr {
			fmt.Fprintf(&b, ":%02x", o)
		}
		return b.String()
	}
	return "id:" + hex.EncodeToString([]byte(k[1:]))
}

// ParseKey reads what String writes.
func ParseKey(s string) (Key, error) {
	switch {
	case strings.HasPrefix(s, "id:"):
		b, err := hex.DecodeString(strings.TrimPrefix(s, "id:"))
		if err != nil || len(b) == 0 {
			return "", fmt.Errorf("client key %q: id: wants pairs of hex digits", s)
		}
		return ClientIDKey(b), nil
	case strings.HasPrefix(s, "hw:"):
		fields := strings.Split(s[3:], ":")
		htype, err := strconv.ParseUint(fields[0], 10, 8)
		if err != nil || len(fields) < 2 {
			return "", fmt.Errorf("client key %q: hw: wants TYPE:XX:XX:…", s)
		}
		addr := make([]byte, 0, len(fields)-1)
		for _, f := range fields[1:] {
			o, err := strconv.ParseUint(f, 16, 8)
			if err != nil {
				return "", fmt.Errorf("client key %q: %q is no hex octet", s, f)
			}
			addr = append(addr, uint8(o))
		}
		return HardwareKey(uint8(htype), addr), nil
	}
	return "", fmt.Errorf("client key %q: wants hw:TYPE:XX:… or id:HEX", s)
}
