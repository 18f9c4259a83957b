package dhcp4

import "strings"

// The flags of option 81 (RFC 4702 §2.1). Those above are to be zero.
const (
	fqdnServer     = 0x01 // S: the server updates the forward name
	fqdnOverridden = 0x02 // O: S is not as the client wanted it
	fqdnEncoded    = 0x04 // E: the name stands in the encoding of the DNS
	fqdnNoUpdates  = 0x08 // N: the server updates nothing
)

// The parts of option 81: flags, two codes, and the name (RFC 4702 §2).
const (
	fqdnHeaderLen = 3
	fqdnNameMax   = 255
	labelMax      = 63
)

// noRCODE is what both codes of a server's option 81 are (RFC 4702 §2.2).
const noRCODE = 255

// fqdn returns option 81 as the client sent it, and the name in it as text. It is false if there is none, or
// one that is too short or holds no name of the DNS: that is treated as if it were not there (V4-016).
func (q *Query) fqdn() (data []byte, name string, ok bool) {
	data, ok = q.Options.Get(optFQDN)
	if !ok || len(data) < fqdnHeaderLen || len(data) > fqdnHeaderLen+fqdnNameMax {
		return nil, "", false
	}
	if data[0]&fqdnEncoded == 0 {
		return data, strings.TrimSuffix(string(data[fqdnHeaderLen:]), "."), true // RFC 4702 §2.3.1
	}
	name, ok = labels(data[fqdnHeaderLen:])
	return data, name, ok
}

// labels returns a name in the encoding of the DNS as text. One without the last, empty label is not
// complete, and no less a name (RFC 4702 §2.3).
func labels(b []byte) (string, bool) {
	var parts []string
	for len(b) > 0 && b[0] != 0 {
		n := int(b[0])
		if n > labelMax || len(b) < 1+n {
			return "", false
		}
		parts = append(parts, string(b[1:1+n]))
		b = b[1+n:]
	}
	if len(b) > 1 {
		return "", false
	}
	return strings.Join(parts, "."), true
}

// answerFQDN returns option 81 for a client that sent one, nil for others (V4-069, RFC 4702 §4): that nothing
// is updated in the DNS, which overrides a client that wants its name updated; no codes; and the name as it
// came, in the encoding in which it came.
func (q *Query) answerFQDN() []byte {
	sent, _, ok := q.fqdn()
	if !ok {
		return nil
	}
	flags := fqdnNoUpdates | sent[0]&fqdnEncoded
	if sent[0]&fqdnServer != 0 {
		flags |= fqdnOverridden
	}
	return append([]byte{flags, noRCODE, noRCODE}, sent[fqdnHeaderLen:]...)
}
