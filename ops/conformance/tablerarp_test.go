package conformance

import (
	"bytes"
	"fmt"
)

// rarps is RARP (RFC 903), which the other servers do not have (rows RP-001 to RP-009, RP-011, RP-014, W-042).
func rarps() []Vector {
	// Each vector has a device of its own: a device is answered four times a second at most (RP-011).
	odd := func(i byte, what string, e func(d *RARPDraft)) Vector {
		return Vector{
			Rows: "RP-004", Asks: what + ": silence", Only: Ours,
			Steps: then(rarp(device(i), e).silent(), rarp(device(i)).want(told(fmt.Sprintf("10.67.9.%d", 16+i)))),
		}
	}
	elsewhere := [6]byte{2, 0x67, 0xff, 1, 1, 1}
	same := func() Check {
		var once []byte
		return that(func(r *Reply, _ *Memory) string {
			if once == nil {
				once = r.RARP
			}
			if !bytes.Equal(once, r.RARP) {
				return "another reply"
			}
			return ""
		})
	}()
	third := device(3)
	return []Vector{
		{Rows: "RP-001", Asks: "request of a device with a reservation: reply to it alone", Only: Ours, Steps: then(
			rarp(device(1)).want(told("10.67.9.17")))},
		{Rows: "RP-002", Asks: "request of an unknown device: silence", Only: Ours, Steps: then(
			rarp([6]byte{2, 0x67, 0xff, 1, 9, 9}).silent())},
		{Rows: "RP-003", Asks: "request of one station for another: reply to who asked, about the other", Only: Ours,
			Steps: then(rarp(device(1), func(d *RARPDraft) { d.THA = third }).want(told("10.67.9.19")))},
		{Rows: "RP-003", Asks: "request of a known station for an unknown one: silence", Only: Ours, Steps: then(
			rarp(device(1), func(d *RARPDraft) { d.THA = [6]byte{2, 0x67, 0xff, 1, 9, 8} }).silent())},
		odd(11, "op 4, a reply", func(d *RARPDraft) { d.Op = opReply }),
		odd(12, "op 1, a request by ARP", func(d *RARPDraft) { d.Op = 1 }),
		odd(13, "hardware type 6", func(d *RARPDraft) { d.Hrd = 6 }),
		odd(14, "another protocol than IPv4", func(d *RARPDraft) { d.Pro = 0x86dd }),
		odd(15, "hardware addresses of 8 octets", func(d *RARPDraft) { d.Hln = 8 }),
		odd(16, "protocol addresses of 16 octets", func(d *RARPDraft) { d.Pln = 16 }),
		odd(17, "a frame cut off at 41 octets", func(d *RARPDraft) { d.Cut = 41 }),
		odd(18, "EtherType of ARP", func(d *RARPDraft) { d.Type = etherARP }),
		{Rows: "RP-005", Asks: "without padding: reply padded to 60 octets", Only: Ours, Steps: then(
			rarp(device(4), func(d *RARPDraft) { d.Least = 0 }).want(told("10.67.9.20")))},
		{Rows: "RP-005", Asks: "much padding: the same reply", Only: Ours, Steps: then(
			rarp(device(8), func(d *RARPDraft) { d.Least = 200 }).want(told("10.67.9.24")))},
		{Rows: "RP-006", Asks: "address of another link: silence", Only: Ours, Steps: then(rarp(elsewhere).silent())},
		{Rows: "RP-007", Asks: "reservation without rarp: silence", Only: Ours, Steps: then(
			rarp([6]byte{2, 0x67, 0xff, 0, 0, 1}).silent())},
		{Rows: "RP-007 RP-008 W-042", Asks: "virtual machine that has moved, with a lease: silence", Only: Ours, Steps: then(
			bound(), moved().silent(), renew(leased).want(ack(), yours(leased)))},
		{Rows: "RP-009", Asks: "device known by RARP, then by DHCP and BOOTP: the same address", Only: Ours, Steps: then(
			rarp(device(5)).want(told("10.67.9.21")),
			discover(hardware(2, 0x67, 0xff, 1, 0, 5)).want(offer(), yours(is("10.67.9.21"))),
			boot(hardware(2, 0x67, 0xff, 1, 0, 5)).want(bootreply(), yours(is("10.67.9.21"))))},
		{Rows: "RP-009", Asks: "another client asks for that address: another one", Only: Ours, Steps: then(
			discover(optAddr(optRequested, "10.67.9.21")).want(offer(), notYours(is("10.67.9.21"))))},
		{Rows: "RP-011", Asks: "five requests at once: four replies", Only: Ours, Steps: then(
			rarp(device(6)).want(told("10.67.9.22")), rarp(device(6)).want(told("10.67.9.22")),
			rarp(device(6)).want(told("10.67.9.22")), rarp(device(6)).want(told("10.67.9.22")), rarp(device(6)).silent())},
		{Rows: "RP-014", Asks: "the same request again: the same reply", Only: Ours, Steps: then(
			rarp(device(7)).want(told("10.67.9.23"), same), rarp(device(7)).want(told("10.67.9.23"), same))},
	}
}
