package dhcp4

import (
	"bytes"
	"strings"
	"testing"

	"port67/storage/config"
)

// fqdnOf is option 81 with flags, codes of the client's and a name.
func fqdnOf(flags byte, name string) Option {
	return Option{optFQDN, append([]byte{flags, 1, 2}, name...)}
}

// TestReply_V4_069_FQDN: option 81 goes to clients that sent it, and says that nothing is updated in the DNS: N is
// set and S is not, O where that is not what S of the client says; E and the name as they came, both codes 255
// (RFC 4702 §2, §4).
func TestReply_V4_069_FQDN(t *testing.T) {
	const wired = "\x07printer\x07example\x03org\x00"
	const partial = "\x07printer"
	for _, c := range []struct {
		name     string
		sent     []Option
		want     []byte // without the codes and the name; nil: no option 81
		hostname string
	}{
		{"not sent", []Option{with(optHostname, "twelve")}, nil, "twelve"},
		{"not sent but asked for", []Option{with(optParameterList, []byte{optFQDN, 12})}, nil, ""},
		{"S, ASCII", []Option{fqdnOf(0x01, "printer.example.org")}, []byte{0x0a}, "printer.example.org"},
		{"S, encoded", []Option{fqdnOf(0x05, wired)}, []byte{0x0e}, "printer.example.org"},
		{"neither S nor N", []Option{fqdnOf(0x04, wired)}, []byte{0x0c}, "printer.example.org"},
		{"neither, ASCII", []Option{fqdnOf(0x00, "printer.")}, []byte{0x08}, "printer"},
		{"N", []Option{fqdnOf(0x0c, wired)}, []byte{0x0c}, "printer.example.org"},
		{"S and N, which contradict", []Option{fqdnOf(0x0d, wired)}, []byte{0x0e}, "printer.example.org"},
		{"O from a client, and bits without a name", []Option{fqdnOf(0xf6, wired)}, []byte{0x0c}, "printer.example.org"},
		{"not complete", []Option{fqdnOf(0x05, partial)}, []byte{0x0e}, "printer"},
		{"empty", []Option{fqdnOf(0x05, "")}, []byte{0x0e}, ""},
		{"option 12 beside it", []Option{fqdnOf(0x05, wired), with(optHostname, "twelve")}, []byte{0x0e}, "printer.example.org"},
		{"in the list, too", []Option{fqdnOf(0x05, wired), with(optParameterList, []byte{optFQDN, 81})}, []byte{0x0e}, "printer.example.org"},
		{"odd octets in the name", []Option{fqdnOf(0x04, "\x03a b\x00")}, []byte{0x0c}, ""},
		{"V4-016 too short", []Option{{optFQDN, []byte{5, 0}}, with(optHostname, "twelve")}, nil, "twelve"},
		{"V4-016 a label that is cut off", []Option{fqdnOf(0x04, "\x09printer"), with(optHostname, "twelve")}, nil, "twelve"},
		{"V4-016 a pointer", []Option{fqdnOf(0x04, "\xc0\x0c"), with(optHostname, "twelve")}, nil, "twelve"},
		{"V4-016 octets behind the end", []Option{fqdnOf(0x04, "\x01a\x00b"), with(optHostname, "twelve")}, nil, "twelve"},
		{"V4-016 longer than a name", []Option{fqdnOf(0x00, strings.Repeat("a", 256)), with(optHostname, "twelve")}, nil, "twelve"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, testConfig())
			offer, ackMsg := dora(t, w, query(Discover, 1, c.sent...), heard("", ""))
			var want []byte
			if c.want != nil {
				want = append(append(bytes.Clone(c.want), 255, 255), c.sent[0].Data[3:]...)
			}
			for _, m := range []Message{offer, ackMsg} {
				if got := m.option(optFQDN); !bytes.Equal(got, want) || bytes.Count(m.codes(), []byte{optFQDN}) > 1 {
					t.Errorf("%v: option 81 is %x, want %x once; options %v", m.Type, got, want, m.codes())
				}
			}
			if l := w.lease(ackMsg.YIAddr.String()); l.Hostname != c.hostname {
				t.Errorf("the lease has the name %q, want %q", l.Hostname, c.hostname)
			}
		})
	}
}

// TestReply_V4_069_V4_190: an INFORM has no lease that a name could belong to, and a NAK says nothing of it (V4-053).
func TestReply_V4_069_V4_190_FQDNWithoutALease(t *testing.T) {
	w := newWorld(t, testConfig())
	w.reconfigure(func(*config.Config) {})
	inform := w.exchange(query(Inform, 1, fqdnOf(0x04, "\x01a\x00")).from("", "10.67.0.20"), heard("10.67.0.20", ""))
	denied := w.exchange(query(Request, 1, fqdnOf(0x04, "\x01a\x00"), with(optRequestedAddress, "10.68.0.9")), heard("", ""))
	for _, a := range []answer{inform, denied} {
		if a.why != Answer || a.msg.option(optFQDN) != nil {
			t.Errorf("got %v with options %v, want an answer without 81", a, a.msg.codes())
		}
	}
}
