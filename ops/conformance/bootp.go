package conformance

import (
	"bytes"
	"fmt"
)

// What BOOTP (RFC 951) needs beside the rest.

// onlyDHCP are the options that mean something in DHCP alone (RFC 1534 §2, RFC 2132 §9).
var onlyDHCP = []byte{
	optRequested, optLease, optOverload, optType, optServer, optList, optMessage, optMaxSize, optT1, optT2,
}

// vendLen is the length of the vendor area (RFC 951 §3).
const vendLen = 64

// boot is a BOOTREQUEST with the magic cookie (RFC 1497): a message without a type.
func boot(e ...Edit) Step { return Step{Edits: e} }

// vend makes the vendor area what is given, and zeros behind it: no cookie, no options, no End.
func vend(b ...byte) Edit {
	return set(func(d *Draft) { d.Cookie, d.Options, d.Behind, d.NoEnd = nil, nil, b, true })
}

// bootreply expects a reply that is no DHCP message.
func bootreply() Check { return kindOf(0) }

// vendIs expects the vendor area to begin with these octets, and to be zero behind them.
func vendIs(want ...byte) Check {
	want = append(want, make([]byte, vendLen-len(want))...)
	return see(func(r *Reply, _ *Memory) string {
		switch got := r.Payload[headerLen : headerLen+vendLen]; {
		case bytes.Equal(got, want):
			return ""
		case len(r.Options) > 0:
			return "cookie and options"
		case bytes.Equal(got[:4], want[:4]):
			return "something behind its first four octets"
		}
		return "another vendor area"
	})
}

// fileIs and snameIs expect a text in these fields, and zeros behind it.

func fileIs(s string) Check  { return textIs("file", 108, 128, s) }
func snameIs(s string) Check { return textIs("sname", 44, 64, s) }

func textIs(name string, at, size int, want string) Check {
	return see(func(r *Reply, _ *Memory) string {
		got := string(bytes.TrimRight(r.Payload[at:at+size], "\x00"))
		switch {
		case got == want:
			return ""
		case got == "":
			return name + " of zeros"
		case len(got) > 1 && got[0] < ' ':
			return "options in " + name
		}
		return fmt.Sprintf("%s %q", name, got)
	})
}

// booted are the steps by which a client gets an address by BOOTP.
func booted(e ...Edit) []Step { return []Step{boot(e...).want(bootreply()).before()} }

// inVendorArea expects all options to stand in the 64 octets of the vendor area.
func inVendorArea() Check {
	return that(func(r *Reply, _ *Memory) string {
		used := 4 + 1 // Cookie and End.
		for _, o := range r.Options {
			used += 2 + len(o.Data)
		}
		if used > vendLen {
			return fmt.Sprintf("%d octets of options", used)
		}
		return ""
	})
}
