package conformance

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// What real clients send, as far as it matters to a server: the edits of one kind of client each.

// The request lists that clients are known to send.
var (
	listVista   = []byte{1, 15, 3, 6, 44, 46, 47, 31, 33, 121, 249, 43}
	listInform  = []byte{1, 15, 3, 6, 44, 46, 47, 31, 33, 121, 249, 252, 43}
	listAndroid = []byte{1, 121, 33, 3, 6, 28, 51, 58, 59}
	listApple   = []byte{1, 121, 3, 6, 15, 108, 114, 119, 252}
	listLwIP    = []byte{1, 3, 28, 6}
	listUdhcpc  = []byte{1, 3, 6, 12, 15, 28, 42}
	listUBoot   = []byte{1, 3, 6, 12, 17}
	listDhcpcd  = []byte{1, 121, 33, 3, 6, 12, 15, 26, 28, 42, 51, 54, 58, 59, 119}
)

// client makes one edit of those that make a message that of a kind of client.
func client(e ...Edit) Edit {
	return func(d *Draft, m *Memory) {
		for _, edit := range e {
			edit(d, m)
		}
	}
}

// windows is Windows with that request list; others of its options follow.
func windows(codes []byte, e ...Edit) Edit {
	return client(slices.Concat([]Edit{clientID(1), text(optHostname, "DESKTOP"), text(optVendor, "MSFT 5.0"),
		list(codes...)}, e)...)
}

// android is Android up to 4, which has dhcpcd 5.
func android() Edit {
	return client(clientID(1), maxSize(1500), text(optVendor, "dhcpcd-5.5.6"), list(listAndroid...))
}

// raspberry is the boot ROM of the Raspberry Pi 3.
func raspberry() Edit {
	return client(opt(93, 0, 0), opt(94, 1, 2, 1), opt(97, make([]byte, 17)...),
		text(optVendor, "PXEClient:Arch:00000:UNDI:002001"))
}

// apple is iOS or macOS.
func apple() Edit {
	return client(list(listApple...), maxSize(1500), clientID(1), leaseOf(7776000), text(optHostname, "phone"))
}

// dhcpcd is dhcpcd 9, which says by option 145 that it takes an authenticated FORCERENEW (RFC 6704). more is
// what it asks for beside the usual.
func dhcpcd(more ...byte) Edit {
	return client(duid(), maxSize(1472), text(optVendor, "dhcpcd-9.4.1:Linux-6.1.0:x86_64:GenuineIntel"),
		opt(145, 1), list(slices.Concat(listDhcpcd, more)...))
}

// duid adds a client identifier that holds an IAID and a DUID (RFC 4361 §6.1).
func duid() Edit {
	return func(d *Draft, m *Memory) {
		d.add(optClientID, slices.Concat([]byte{255}, m.Hardware[2:], []byte{0, 3, 0, 1}, m.Hardware[:])...)
	}
}

// infiniBand is an InfiniBand interface (RFC 4390): its address has 20 octets, and finds no room.
func infiniBand(e ...Edit) Edit {
	return client(slices.Concat([]Edit{hardwareType(32), hardwareLen(0), hardware(), duid()}, e)...)
}

// snooped is what a switch adds that is no relay: option 82, and no giaddr.
func snooped() Edit {
	return relayInfo(slices.Concat([]byte{1, 6, 0, 4, 0, 67, 1, 9, 2, 8, 0, 6}, []byte{2, 0x67, 1, 1, 1, 1})...)
}

// complete expects a UDP checksum that is made. One that was left to an interface is wrong to a client that
// reads frames and has no such interface between (virtio, veth).
func complete() Check {
	return see(func(r *Reply, _ *Memory) string {
		if r.Frame.Pending {
			return "a checksum left to the interface"
		}
		if f := r.Frame; f.OnWire && !(f.IPSum && f.UDPSum) {
			return "a wrong checksum"
		}
		return ""
	})
}

// unfinished returns a frame of an IPv4 packet without options as a virtual machine hands it on whose driver
// leaves the UDP checksum to the interface: with the sum over the pseudo header in its place, behind a header
// that says so (struct virtio_net_hdr, VIRTIO_NET_HDR_F_NEEDS_CSUM).
func unfinished(frame []byte) []byte {
	const needsSum, at = 1, etherLen + ipLen
	head := make([]byte, 10)
	head[0] = needsSum
	binary.NativeEndian.PutUint16(head[6:], at)
	binary.NativeEndian.PutUint16(head[8:], 6)
	b := bytes.Clone(frame)
	pseudo := uint32(added(0, b[etherLen+12:at])) + protoUDP + uint32(len(b)-at)
	binary.BigEndian.PutUint16(b[at+6:], added(pseudo, nil))
	return append(head, b...)
}
