package listen

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"port67/server"
)

// overhear reads what other DHCP servers say on the links of the served interfaces, until ctx ends.
func (l *Listener) overhear(ctx context.Context) {
	if err := l.readReplies(ctx); err != nil {
		l.opt.Log.Warn("other DHCP servers are not noticed any more", "error", err)
	}
}

func (l *Listener) readReplies(ctx context.Context) error {
	conn, err := l.replies.SyscallConn()
	if err != nil {
		return trouble("socket for replies", err)
	}
	defer context.AfterFunc(ctx, func() { _ = l.replies.SetReadDeadline(time.Unix(1, 0)) })()
	octets := make([]byte, payloadMax)
	for errorsInRow := 0; ctx.Err() == nil; {
		var n int
		var from unix.Sockaddr
		var failed error
		err := conn.Read(func(fd uintptr) bool {
			n, from, failed = unix.Recvfrom(int(fd), octets, 0)
			return !errors.Is(failed, unix.EAGAIN)
		})
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil:
			return trouble("reading replies", err)
		case failed != nil:
			if errorsInRow++; errorsInRow > readErrorsMax {
				return trouble("reading replies", errors.Join(errDeaf, failed))
			}
			continue
		}
		errorsInRow = 0
		if r, ok := l.reply(octets[:n], from); ok {
			l.overheard(r)
		}
	}
	return nil
}

// overheard passes a reply on. A panic costs that reply and nothing else, as with datagrams.
func (l *Listener) overheard(r server.OverheardReply) {
	defer func() {
		if cause := recover(); cause != nil && l.mayLogPanic(time.Now()) {
			l.opt.Log.Error("panic over the reply of another server, which was dropped: report it with these octets",
				"panic", fmt.Sprint(cause), "payload", hex.EncodeToString(r.Payload), "stack", string(debug.Stack()))
		}
	}()
	l.opt.Overhear(r)
}

// openReplies opens a socket that hears the replies of DHCP and BOOTP servers on all interfaces, but not our
// own, which leave this machine: the kernel passes nothing else on. It begins to hear when the filter is
// there.
func openReplies() (*os.File, error) {
	const kind = unix.SOCK_DGRAM | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK
	fd, err := unix.Socket(unix.AF_PACKET, kind, 0)
	if err != nil {
		return nil, trouble("socket for replies", err)
	}
	f := os.NewFile(uintptr(fd), "replies")
	filter := repliesOnly()
	err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(etherTypeIPv4)})
	}
	if err != nil {
		_ = f.Close()
		return nil, trouble("socket for replies", err)
	}
	return f, nil
}

// repliesOnly returns the filter for whole UDP datagrams over IPv4 that come from port 67 and begin with the
// octet of a BOOTREPLY. Offsets are from the IP header on.
func repliesOnly() []unix.SockFilter {
	const (
		loadByte   = unix.BPF_LD | unix.BPF_B | unix.BPF_ABS
		loadHalf   = unix.BPF_LD | unix.BPF_H | unix.BPF_ABS
		loadHeader = unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH // X is the length of the IP header
		byteBehind = unix.BPF_LD | unix.BPF_B | unix.BPF_IND
		halfBehind = unix.BPF_LD | unix.BPF_H | unix.BPF_IND
		equal      = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		anyBit     = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
		end        = unix.BPF_RET | unix.BPF_K
		bootReply  = 2
	)
	return []unix.SockFilter{
		{Code: loadByte, K: 9},
		{Code: equal, K: protocolUDP, Jf: 8},
		{Code: loadHalf, K: 6},
		{Code: anyBit, K: 0x1fff, Jt: 6}, // a later fragment
		{Code: loadHeader, K: 0},
		{Code: halfBehind, K: 0},
		{Code: equal, K: serverPort, Jf: 3},
		{Code: byteBehind, K: udpLen},
		{Code: equal, K: bootReply, Jf: 1},
		{Code: end, K: payloadMax},
		{Code: end, K: 0},
	}
}

// reply reads the IP packet b. It is false if the reply is of no interest: by an interface that is not
// served, or from this machine.
func (l *Listener) reply(b []byte, from unix.Sockaddr) (server.OverheardReply, bool) {
	at, ok := from.(*unix.SockaddrLinklayer)
	if !ok || len(b) < ipLen || at.Pkttype == unix.PACKET_OUTGOING {
		return server.OverheardReply{}, false
	}
	t := l.links.now()
	ingress, ok := t.byIndex[at.Ifindex]
	header := int(b[0]&0xf) * 4
	source := netip.AddrFrom4([4]byte(b[12:]))
	if !ok || !ingress.served || len(b) < header+udpLen || t.local[source] {
		return server.OverheardReply{}, false
	}
	size := int(binary.BigEndian.Uint16(b[header+4:]))
	payload := b[header+udpLen:]
	if n := size - udpLen; n >= 0 && n < len(payload) { // Behind it is the frame's padding.
		payload = payload[:n]
	}
	return server.OverheardReply{
		Payload: payload, Source: source, Hardware: string(at.Addr[:min(int(at.Halen), len(at.Addr))]),
		Interface: ingress.name,
	}, true
}
