package bulk

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"port67/server"
	"port67/server/dhcp4"
	"port67/server/wire4"
)

// connection is one requester's. A reader takes its queries; a writer answers them in turn, a page of each,
// and makes a page only when the last one was taken. One of the queries may be an active one, which ends when
// the requester closes its side.
type connection struct {
	l         *Listener
	raw       *net.TCPConn
	conn      net.Conn // raw, or TLS over it; the reader changes it before it passes on the first query
	secure    bool
	requester netip.Addr
	local     netip.Addr
	queries   chan server.LeaseQuery4 // closed by the reader
	busy      atomic.Int32            // queries that have not ended
}

// run serves the connection to its end, and closes it.
func (c *connection) run(ctx context.Context) {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	interrupt := context.AfterFunc(reading, func() {
		_ = c.raw.SetReadDeadline(time.Unix(1, 0)) // Wakes the reader.
		_ = c.raw.SetWriteDeadline(time.Now().Add(partingTime))
	})
	defer interrupt()
	c.bound()
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(c.queries)
		c.guard(func() { c.read(reading) })
	})
	c.guard(func() { c.write(ctx) })
	stop()
	for q := range c.queries {
		q.Close()
	}
	reader.Wait()
	_ = c.conn.Close()
}

// bound has the kernel give up a requester that confirms nothing for as long as one may take nothing: little
// is sent to an active query, and a host that is gone would keep its connection for a quarter of an hour.
func (c *connection) bound() {
	raw, err := c.raw.SyscallConn()
	if err != nil {
		return // It is gone already, which reading shows.
	}
	most := int(c.l.opt.Stall / time.Millisecond)
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, most) // Else it takes longer.
	})
}

// guard calls f. A panic costs the connection and nothing else (docs/safety.md §8).
func (c *connection) guard(f func()) {
	defer func() {
		if cause := recover(); cause != nil {
			c.l.opt.Log.Error("panic while serving a bulk leasequery, whose connection is closed: report it",
				"panic", fmt.Sprint(cause), "from", c.requester, "stack", string(debug.Stack()))
			c.l.opt.Observer.Ended(dhcp4.BulkLeaseQuery, server.Panicked, 0)
			_ = c.raw.SetDeadline(time.Unix(1, 0)) // Ends the other half.
		}
	}()
	f()
}

// read takes queries until the requester ends, sends what is none, or is idle for too long: nothing under way
// and nothing said. It stops reading while as many queries are under way as may be.
func (c *connection) read(ctx context.Context) {
	buf := make([]byte, 0, 2*wire4.FrameMax)
	for first := true; ; {
		message, rest, err := wire4.CutFrame(buf)
		if err != nil {
			c.l.opt.Observer.Ended(dhcp4.BulkLeaseQuery, server.Malformed, 0)
			return
		}
		if message != nil && first {
			first = false
			if frame, ok := c.l.opt.Server.StartTLS4(c.requester, c.local, message); ok && c.l.opt.Identity != nil {
				if !c.startTLS(ctx, frame, len(rest)) {
					return
				}
				buf = buf[:0]
				continue
			}
		}
		if message != nil {
			q, err := c.l.opt.Server.OpenLeaseQuery4(c.requester, c.local, c.secure, message)
			if err != nil {
				return
			}
			c.busy.Add(1)
			select {
			case c.queries <- q:
			case <-ctx.Done():
				q.Close()
				return
			}
			buf = append(buf[:0], rest...)
			continue
		}
		n, err := c.receive(ctx, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err != nil {
			return
		}
	}
}

// startTLS sends the answer to a DHCPTLS and goes on by TLS (RFC 7724). What came behind the question, from
// whomever, came without TLS: such a connection is closed.
func (c *connection) startTLS(ctx context.Context, frame []byte, behind int) bool {
	cert, authority, err := c.l.opt.Identity()
	if err != nil {
		c.l.opt.Log.Warn("no TLS for leasequery", "error", err)
	}
	if err != nil || behind > 0 {
		c.l.opt.Observer.Ended(dhcp4.TLS, server.Malformed, 0)
		return false
	}
	ctx, stop := context.WithTimeout(ctx, handshakeUsual)
	defer stop()
	_ = c.raw.SetDeadline(time.Now().Add(handshakeUsual))
	secure := tls.Server(c.raw, &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}, ClientCAs: authority,
		ClientAuth: tls.VerifyClientCertIfGiven, SessionTicketsDisabled: true,
	})
	if _, err = c.raw.Write(frame); err == nil {
		err = secure.HandshakeContext(ctx)
	}
	if err != nil {
		c.l.opt.Log.Info("a leasequery connection does not change to TLS", "from", c.requester, "error", err)
		return false
	}
	_ = c.raw.SetDeadline(time.Time{})
	c.conn, c.secure = secure, true
	return true
}

// receive reads what has come. A connection with queries under way is not idle, however little is asked.
func (c *connection) receive(ctx context.Context, into []byte) (int, error) {
	for {
		_ = c.raw.SetReadDeadline(time.Now().Add(c.l.opt.Idle))
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		n, err := c.conn.Read(into)
		if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil && c.busy.Load() > 0 {
			continue
		}
		return n, err
	}
}

// writer is what the writer of a connection has under way.
type writer struct {
	running []server.LeaseQuery4
	active  *server.Active4 // one of running, if any is
	over    bool            // no more queries will come
}

// write answers queries until there are no more, or nothing can be sent.
func (c *connection) write(ctx context.Context) {
	var w writer
	defer func() {
		for _, q := range w.running {
			q.Close()
		}
	}()
	var buf []byte
	for c.take(ctx, &w) {
		for i := 0; i < len(w.running); {
			q := w.running[i]
			if ctx.Err() != nil {
				q.Abort()
			}
			frames, more := q.Next(buf[:0])
			buf = frames
			if err := c.send(ctx, frames); err != nil {
				return
			}
			if more {
				i++
				continue
			}
			c.busy.Add(-1)
			w.running = append(w.running[:i], w.running[i+1:]...)
			if w.active != nil && q == w.active {
				return // Its requester begins anew, here or at another node.
			}
		}
	}
}

// take adds the queries that have come to those that are running, as many as may run at once, and waits for
// one only if there is nothing to tell. It is false if there is nothing more to do.
func (c *connection) take(ctx context.Context, w *writer) bool {
	idle, wake, most := len(w.running) == 0, (<-chan struct{})(nil), time.Duration(0)
	if w.active != nil && len(w.running) == 1 {
		wake, most = w.active.Wait()
		idle = wake != nil
	}
	for len(w.running) < c.l.opt.QueriesMax && !w.over {
		q, ok, timely := c.next(ctx, idle, wake, most)
		if !timely {
			break
		}
		if !ok {
			w.over = true
			break
		}
		idle = false
		w.add(q)
	}
	if w.over && w.active != nil && ctx.Err() == nil { // Its requester has closed its side.
		w.active.Finish()
		w.running = slices.DeleteFunc(w.running, func(q server.LeaseQuery4) bool { return q == w.active })
		w.active = nil
		c.busy.Add(-1)
	}
	return len(w.running) > 0
}

// next returns a query that has come, and ok is false if none will come any more. If idle is set it waits for
// it, until something is to be told. It is not timely if there is no query now.
func (c *connection) next(ctx context.Context, idle bool, wake <-chan struct{}, most time.Duration,
) (q server.LeaseQuery4, ok, timely bool) {
	if !idle {
		select {
		case q, ok = <-c.queries:
			return q, ok, true
		default:
			return nil, true, false
		}
	}
	var late <-chan time.Time
	if most > 0 {
		timer := time.NewTimer(most)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case q, ok = <-c.queries:
		return q, ok, true
	case <-ctx.Done():
	case <-wake:
	case <-late:
	}
	return nil, true, false
}

// add takes a query that has come. A connection has room for one active query.
func (w *writer) add(q server.LeaseQuery4) {
	w.running = append(w.running, q)
	if a, ok := q.(*server.Active4); ok {
		if w.active != nil {
			a.Second()
			return
		}
		w.active = a
	}
}

// send writes b. Who takes nothing for too long is cut off.
func (c *connection) send(ctx context.Context, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	_ = c.raw.SetWriteDeadline(time.Now().Add(c.l.opt.Stall))
	if ctx.Err() != nil {
		_ = c.raw.SetWriteDeadline(time.Now().Add(partingTime))
	}
	_, err := c.conn.Write(b)
	return err
}
