//go:build lab

package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

const leaseQueryConfig = "leasequery: {requesters: [10.67.0.201]}\n" + DefaultConfig

// leaseQuery is a question about an address, or a bulk query about all leases if it is not valid; the requester is
// 10.67.0.201.
func leaseQuery(xid byte, about netip.Addr) []byte {
	b := make([]byte, 240, 300)
	b[0], b[7] = 1, xid
	copy(b[236:], []byte{99, 130, 83, 99})
	if about.IsValid() {
		copy(b[12:], about.AsSlice())
		copy(b[24:], []byte{10, 67, 0, 201})
		return append(b, 53, 1, 10, 55, 6, 51, 58, 61, 91, 152, 156, 255)
	}
	return append(b, 53, 1, 14, 55, 4, 51, 152, 153, 156, 255)
}

// Every node answers the requester that may ask, by datagrams and over connections, and tshark finds nothing wrong
// with the datagrams (LQ-003, LQ-005, LQ-006, LQ-008). Another host's connection is closed (LQ-002).
func TestLeaseQuery(t *testing.T) {
	ctx := t.Context()
	l, err := New(ctx, Options{Config: leaseQueryConfig, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer closeLab(t, l)
	lan, err := l.CaptureLink(ctx, LAN)
	if err != nil {
		t.Fatal(err)
	}
	host, err := l.AddHost(ctx, "", LAN, "")
	if err != nil {
		t.Fatal(err)
	}
	client, err := l.StartClient(host, Udhcpc, 600)
	if err != nil {
		t.Fatal(err)
	}
	defer client.End()
	bound, err := client.Await(ctx, "bound", 40*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	about := netip.MustParseAddr(bound.Address)
	requester, err := l.AddHost(ctx, "requester", LAN, "10.67.0.201/16")
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := l.AddHost(ctx, "stranger", LAN, "10.67.0.202/16")
	if err != nil {
		t.Fatal(err)
	}
	askByDatagram(t, l, requester, about)
	for _, n := range l.Nodes() {
		types, err := askByConnection(requester, n.Addr)
		if err != nil || !slices.Equal(types, []byte{13, 15}) {
			t.Errorf("%s: messages of types %d, %v; want LEASEACTIVE and LEASEQUERYDONE", n.Name, types, err)
		}
		if types, err := askByConnection(stranger, n.Addr); err == nil || len(types) > 0 {
			t.Errorf("%s: answered to a stranger: types %d", n.Name, types)
		}
	}
	if err := lan.Stop(); err != nil {
		t.Fatal(err)
	}
	for filter, want := range map[string]int{
		"dhcp.option.dhcp == 13 && ip.dst == 10.67.0.201 && udp.dstport == 67 && dhcp.ip.client == " + bound.Address: 3,
		"dhcp.option.dhcp == 11 && ip.dst == 10.67.0.201":                                                            3,
		"(dhcp.option.dhcp >= 11) && (_ws.malformed || _ws.expert.severity >= \"Warning\")":                          0,
	} {
		found, err := lan.Filter(ctx, filter)
		if err != nil || len(found) < want || want == 0 && len(found) > 0 {
			t.Errorf("%s: %d datagrams, %v, want %d: %v", filter, len(found), err, want, found)
		}
	}
}

// askByDatagram asks every node about an address that is held and one that is free, and demands their answers.
func askByDatagram(t *testing.T, l *Lab, h *Host, about netip.Addr) {
	t.Helper()
	var conn net.PacketConn
	if err := h.In(func() (err error) {
		conn, err = net.ListenPacket("udp4", "10.67.0.201:67")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	b := make([]byte, 2048)
	for i, n := range l.Nodes() {
		for _, ask := range []struct {
			about netip.Addr
			want  byte
		}{{about, 13}, {netip.MustParseAddr("10.67.99.99"), 11}} {
			err := Poll(t.Context(), "the answer of "+n.Name, 20*time.Second, func(context.Context) error {
				to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(n.Addr), 67))
				if _, err := conn.WriteTo(leaseQuery(byte(i), ask.about), to); err != nil {
					return err
				}
				_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
				length, from, err := conn.ReadFrom(b)
				if err != nil {
					return err
				}
				if b[7] != byte(i) || b[242] != ask.want || from.String() != to.String() || length < 300 {
					return fmt.Errorf("from %v: xid %d, type %d, %d octets", from, b[7], b[242], length)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
	}
}

// askByConnection asks a node for all leases and returns the types of what it answers, to the last.
func askByConnection(h *Host, node string) (types []byte, err error) {
	var conn net.Conn
	if err := h.In(func() (err error) {
		conn, err = net.DialTimeout("tcp4", net.JoinHostPort(node, "67"), 10*time.Second)
		return err
	}); err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	q := leaseQuery(1, netip.Addr{})
	if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(q))), q...)); err != nil {
		return nil, err
	}
	for !slices.Contains(types, 15) {
		var length [2]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return types, err
		}
		b := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(conn, b); err != nil {
			return types, err
		}
		if len(b) < 243 {
			return types, errors.New("a message that is too short")
		}
		types = append(types, b[242])
	}
	return types, nil
}
