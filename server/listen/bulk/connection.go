package bulk

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"port67/server"
	"port67/server/dhcp4"
	"port67/server/wire4"
)

// connection is one requester's. A reader takes its queries; a writer answers them in turn, a page of each,
// and makes a page only when the last one was taken.
type connection struct {
	l         *Listener
	conn      *net.TCPConn
	requester netip.Addr
	local     netip.Addr
	queries   chan *server.Bulk4 // closed by the reader
	busy      atomic.Int32       // queries that have not ended
}

// run serves the connection to its end, and closes it.
func (c *connection) run(ctx context.Context) {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	interrupt := context.AfterFunc(reading, func() {
		_ = c.conn.SetReadDeadline(time.Unix(1, 0)) // Wakes the reader.
		_ = c.conn.SetWriteDeadline(time.Now().Add(partingTime))
	})
	defer interrupt()
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

// guard calls f. A panic costs the connection and nothing else (docs/safety.md §8).
func (c *connection) guard(f func()) {
	defer func() {
		if cause := recover(); cause != nil {
			c.l.opt.Log.Error("panic while serving a bulk leasequery, whose connection is closed: report it",
				"panic", fmt.Sprint(cause), "from", c.requester, "stack", string(debug.Stack()))
			c.l.opt.Observer.Ended(dhcp4.BulkLeaseQuery, server.Panicked, 0)
			_ = c.conn.SetDeadline(time.Unix(1, 0)) // Ends the other half.
		}
	}()
	f()
}

// read takes queries until the requester ends, sends what is none, or is idle for too long: nothing under way
// and nothing said. It stops reading while as many queries are under way as may be.
func (c *connection) read(ctx context.Context) {
	buf := make([]byte, 0, 2*wire4.FrameMax)
	for {
		message, rest, err := wire4.CutFrame(buf)
		if err != nil {
			c.l.opt.Observer.Ended(dhcp4.BulkLeaseQuery, server.Malformed, 0)
			return
		}
		if message != nil {
			q, err := c.l.opt.Server.OpenBulk4(c.requester, c.local, message)
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

// receive reads what has come. A connection with queries under way is not idle, however little is asked.
func (c *connection) receive(ctx context.Context, into []byte) (int, error) {
	for {
		_ = c.conn.SetReadDeadline(time.Now().Add(c.l.opt.Idle))
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

// write answers queries until there are no more, or nothing can be sent.
func (c *connection) write(ctx context.Context) {
	var running []*server.Bulk4
	defer func() {
		for _, q := range running {
			q.Close()
		}
	}()
	var buf []byte
	for {
		var ok bool
		if running, ok = c.take(ctx, running); !ok && len(running) == 0 {
			return
		}
		for i := 0; i < len(running); {
			if ctx.Err() != nil {
				running[i].Abort()
			}
			frames, more := running[i].Next(buf[:0])
			buf = frames
			if err := c.send(ctx, frames); err != nil {
				return
			}
			if more {
				i++
				continue
			}
			c.busy.Add(-1)
			running = append(running[:i], running[i+1:]...)
		}
	}
}

// take adds the queries that have come to those that are running, as many as may run at once, and waits for
// one only if none is. It is false if none will come any more.
func (c *connection) take(ctx context.Context, running []*server.Bulk4) ([]*server.Bulk4, bool) {
	if len(running) == 0 {
		select {
		case q, ok := <-c.queries:
			if !ok {
				return running, false
			}
			running = append(running, q)
		case <-ctx.Done():
			return running, false
		}
	}
	for len(running) < c.l.opt.QueriesMax {
		select {
		case q, ok := <-c.queries:
			if !ok {
				return running, false
			}
			running = append(running, q)
		default:
			return running, true
		}
	}
	return running, true
}

// send writes b. Who takes nothing for too long is cut off.
func (c *connection) send(ctx context.Context, b []byte) error {
	_ = c.conn.SetWriteDeadline(time.Now().Add(c.l.opt.Stall))
	if ctx.Err() != nil {
		_ = c.conn.SetWriteDeadline(time.Now().Add(partingTime))
	}
	_, err := c.conn.Write(b)
	return err
}
