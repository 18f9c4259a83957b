package conformance

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
)

// RARP (RFC 903) has frames instead of datagrams. They go the way of all steps; their replies are Replies
// with nothing but RARP set.

const (
	etherRARP  = 0x8035
	rarpLen    = 28 // of the packet behind the Ethernet header
	etherLeast = 60 // an Ethernet frame without its checksum; what is shorter is padded
	opRequest  = 3  // reverse
	opReply    = 4
)

// RARPDraft is a frame that is going to be sent: nothing keeps it from being malformed.
type RARPDraft struct {
	Dst, Src [6]byte
	Type     uint16
	Hrd, Pro uint16
	Hln, Pln byte
	Op       uint16
	SHA, THA [6]byte
	SPA, TPA netip.Addr
	// Least is the length that the frame is padded to with zeros, Cut the one it is cut off at, if not 0.
	Least, Cut int
}

// newRARP returns what a device broadcasts that asks for its own address.
func newRARP(hardware [6]byte) *RARPDraft {
	return &RARPDraft{
		Dst: [6]byte{255, 255, 255, 255, 255, 255}, Src: hardware, Type: etherRARP,
		Hrd: 1, Pro: etherIPv4, Hln: 6, Pln: 4, Op: opRequest,
		SHA: hardware, THA: hardware, SPA: nowhere, TPA: nowhere, Least: etherLeast,
	}
}

// frame returns the octets of d.
func (d *RARPDraft) frame() []byte {
	b := append(append(make([]byte, 0, etherLeast), d.Dst[:]...), d.Src[:]...)
	b = binary.BigEndian.AppendUint16(b, d.Type)
	b = binary.BigEndian.AppendUint16(b, d.Hrd)
	b = binary.BigEndian.AppendUint16(b, d.Pro)
	b = append(b, d.Hln, d.Pln)
	b = binary.BigEndian.AppendUint16(b, d.Op)
	b = append(append(b, d.SHA[:]...), d.SPA.AsSlice()...)
	b = append(append(b, d.THA[:]...), d.TPA.AsSlice()...)
	if n := d.Least - len(b); n > 0 {
		b = append(b, make([]byte, n)...)
	}
	if d.Cut > 0 {
		b = b[:d.Cut]
	}
	return b
}

// readRARP reads a frame as a reply by RARP, and is false for what is none.
func readRARP(b []byte) (*Reply, bool) {
	if len(b) < etherLen+rarpLen || binary.BigEndian.Uint16(b[12:]) != etherRARP ||
		binary.BigEndian.Uint16(b[20:]) != opReply {
		return nil, false
	}
	return &Reply{RARP: b}, true
}

// device is the hardware with that number, which has a reservation that says rarp: on, for the address so
// many behind 10.67.9.16.
func device(i byte) [6]byte { return [6]byte{2, 0x67, 0xff, 1, 0, i} }

// rarp is the request of a device for its own address, and what the edits make of it.
func rarp(hardware [6]byte, e ...func(d *RARPDraft)) Step {
	return Step{RARP: func(*Memory) *RARPDraft {
		d := newRARP(hardware)
		for _, edit := range e {
			edit(d)
		}
		return d
	}}
}

// moved is what a hypervisor broadcasts for a virtual machine that it has taken over.
func moved() Step { return Step{RARP: func(m *Memory) *RARPDraft { return newRARP(m.Hardware) }} }

// told expects the answer of RFC 903, to the station that asked and about the target, from the server.
func told(addr string) Check {
	return see(func(r *Reply, m *Memory) string {
		b := r.RARP
		want := *m.SentRARP
		want.Dst, want.Src, want.Least = want.Src, [6]byte(b[6:]), etherLeast
		want.Op, want.SHA, want.SPA, want.TPA = opReply, want.Src, serverAddr, ip(addr)
		switch {
		case len(b) != etherLeast:
			return fmt.Sprintf("a frame of %d octets", len(b))
		case !bytes.Equal(b[38:42], want.TPA.AsSlice()):
			return fmt.Sprintf("the address %v", netip.AddrFrom4([4]byte(b[38:])))
		case !bytes.Equal(b, want.frame()):
			return fmt.Sprintf("% x", b)
		}
		return ""
	})
}
