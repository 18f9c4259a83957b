package listen

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"port67/server"
	"port67/server/dhcp4"
	"port67/server/rarp"
)

// RARPOptions say when devices are to be heard that ask by RARP (RFC 903), and what to do with what is heard.
// The zero RARPOptions is never.
type RARPOptions struct {
	// Wanted says whether anybody could be answered. It is asked every second, or as often as Every says, and
	// there is no socket while it says no.
	Wanted func() bool
	Every  time.Duration
	// Serve carries one frame from the wire to its reply. It is called from one goroutine; the frame's octets
	// are overwritten when it has returned.
	Serve func(context.Context, server.RARPFrame) server.Outcome
}

const (
	// wantedEvery is how soon a change of the configuration is followed.
	wantedEvery = time.Second
	// rarpOctetsMax is how much of a frame is read; the rest is padding.
	rarpOctetsMax = 128
)

var (
	// errNoRaw means that this process may not send frames.
	errNoRaw = errors.New("raw frames are not possible: give port67d CAP_NET_RAW")
	// errDeaf means that a socket yields nothing but errors.
	errDeaf = errors.New("too many errors in a row")
)

// runRARP hears RARP while it is wanted, until ctx ends. A socket that cannot be opened or read is tried
// again, and warned of once.
func (l *Listener) runRARP(ctx context.Context) {
	o := l.opt.RARP
	if o.Every <= 0 {
		o.Every = wantedEvery
	}
	tick := time.NewTicker(o.Every)
	defer tick.Stop()
	warned := false
	for {
		if o.Wanted() {
			err := l.hearRARP(ctx, &o)
			if err != nil && !warned {
				l.opt.Log.Warn("devices that ask by RARP are not answered: give port67d CAP_NET_RAW, or remove "+
					"rarp: on from the configuration", "error", err)
			}
			warned = err != nil
		} else {
			warned = false
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// hearRARP opens a socket and serves what it hears until nobody is wanted any more or ctx ends.
func (l *Listener) hearRARP(ctx context.Context, o *RARPOptions) error {
	if l.raw == nil {
		return errNoRaw
	}
	s, err := openRARP()
	if err != nil {
		return err
	}
	defer s.file.Close()
	l.opt.Log.Info("listening for RARP", "interfaces", l.links.now().servedNames())
	// Wakes the reader, which looks at ctx after it has set a deadline of its own.
	defer context.AfterFunc(ctx, func() { _ = s.file.SetReadDeadline(time.Unix(1, 0)) })()
	for ctx.Err() == nil && o.Wanted() {
		if err := s.file.SetReadDeadline(time.Now().Add(o.Every)); err != nil {
			return trouble("RARP socket", err)
		}
		if err := l.readRARP(ctx, s, o); err != nil {
			return err
		}
	}
	l.opt.Log.Info("not listening for RARP any more")
	return nil
}

// rarpSocket hears the RARP frames of all interfaces. One socket does: the kernel says by which interface
// each frame came, a VLAN being an interface of its own, and those that come and go need no care.
type rarpSocket struct {
	file      *os.File
	conn      syscall.RawConn
	octets    [rarpOctetsMax]byte
	control   [256]byte
	overflows uint32 // as the kernel last told
}

// openRARP opens the socket. It is told what to hear last, so that each frame comes with its time.
func openRARP() (*rarpSocket, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, trouble("RARP socket", err)
	}
	s := &rarpSocket{file: os.NewFile(uintptr(fd), "rarp")}
	for _, option := range []int{unix.SO_TIMESTAMPNS, unix.SO_RXQ_OVFL} {
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, 1)
		}
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(rarp.EtherType)})
	}
	if err == nil {
		s.conn, err = s.file.SyscallConn()
	}
	if err != nil {
		_ = s.file.Close()
		return nil, trouble("RARP socket", err)
	}
	return s, nil
}

// readRARP serves frames until the deadline of s.
func (l *Listener) readRARP(ctx context.Context, s *rarpSocket, o *RARPOptions) error {
	for errorsInRow := 0; ctx.Err() == nil; {
		var n, nControl int
		var from unix.Sockaddr
		var failed error
		err := s.conn.Read(func(fd uintptr) bool {
			n, nControl, _, from, failed = unix.Recvmsg(int(fd), s.octets[:], s.control[:], 0)
			return !errors.Is(failed, unix.EAGAIN)
		})
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil:
			return trouble("reading RARP", err)
		case failed != nil:
			l.opt.Observer.Dropped(DropReadError)
			if errorsInRow++; errorsInRow > readErrorsMax {
				return trouble("reading RARP", errors.Join(errDeaf, failed))
			}
			continue
		}
		errorsInRow = 0
		heard := l.readControl(s.control[:nControl], &s.overflows).at
		in, drop := l.describeRARP(from)
		if drop != "" {
			l.opt.Observer.Dropped(drop)
			continue
		}
		in.Octets, in.Heard = s.octets[:n], heard
		l.serveRARP(ctx, o, &in)
	}
	return nil
}

// describeRARP says by which interface a frame came, or why it must be dropped. A frame with a VLAN's tag
// comes by the interface of that VLAN; without one the kernel calls it somebody else's (RP-013).
func (l *Listener) describeRARP(from unix.Sockaddr) (in server.RARPFrame, drop string) {
	at, ok := from.(*unix.SockaddrLinklayer)
	if !ok {
		return in, DropNotServed
	}
	switch at.Pkttype {
	case unix.PACKET_HOST, unix.PACKET_BROADCAST, unix.PACKET_MULTICAST:
	default:
		return in, DropNotForUs
	}
	ingress, ok := l.links.now().byIndex[at.Ifindex]
	if !ok || !ingress.served || !ingress.ethernet {
		return in, DropNotServed
	}
	return server.RARPFrame{
		Own: ingress.mac,
		Ingress: dhcp4.Ingress{
			IfIndex: ingress.index, Interface: ingress.name, Local: ingress.local, Prefixes: ingress.prefixes,
		},
	}, ""
}

// serveRARP serves one frame. A panic costs that frame and nothing else, as with datagrams.
func (l *Listener) serveRARP(ctx context.Context, o *RARPOptions, in *server.RARPFrame) {
	began := time.Now()
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if l.mayLogPanic(time.Now()) {
			l.opt.Log.Error("panic while serving a RARP frame, which was dropped: report it with these octets",
				"panic", fmt.Sprint(cause), "interface", in.Ingress.Interface,
				"frame", hex.EncodeToString(in.Octets), "stack", string(debug.Stack()))
		}
		l.opt.Observer.EndedRARP(server.Panicked, time.Since(began))
	}()
	o.Serve(ctx, *in)
}

// SendRARP puts a frame on the wire by the interface with that index (server.SenderRARP). It waits at most
// for room in the socket's buffer, and not for long.
func (l *Listener) SendRARP(ctx context.Context, ifIndex int, frame []byte) error {
	out, ok := l.links.now().byIndex[ifIndex]
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case l.raw == nil:
		return errNoRaw
	case !ok:
		return trouble(fmt.Sprintf("RARP reply by interface %d", ifIndex), errNoLink)
	}
	at := unix.SockaddrLinklayer{Protocol: networkOrder(rarp.EtherType), Ifindex: ifIndex, Halen: 6}
	copy(at.Addr[:], frame) // A frame begins with its destination.
	if err := l.rawOut.send(ctx, func(fd int) error { return unix.Sendto(fd, frame, 0, &at) }); err != nil {
		return trouble("RARP reply by "+out.name, err)
	}
	return nil
}

var _ server.SenderRARP = (*Listener)(nil)
