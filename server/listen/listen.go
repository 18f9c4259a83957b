package listen

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"port67/server"
	"port67/server/dhcp4"
)

const (
	// serverPort is where clients and relays send to (RFC 2131 §4.1).
	serverPort = 67
	// exchangesUsual is how many exchanges go on at once if nobody says otherwise. One that waits for the log
	// costs a goroutine and a buffer, some 8 KiB.
	exchangesUsual = 4096
	// activePerCPU is how many exchanges compute at once on a processor: enough that one which waits for a lock
	// or for the socket leaves no gap.
	activePerCPU = 8
	// drainFor is how long Run waits for the exchanges in progress when it is told to stop: a little more
	// than the time that the cluster may take for a proposal (safety.md §3).
	drainFor = 3 * time.Second
)

// Options say where to listen and what to do with what is heard. Serve is the only one without a default.
type Options struct {
	// Interfaces are the names of those on which clients are served. None means all that are up and have an
	// IPv4 address, but for the loopback; those that come later are served too.
	Interfaces []string
	// Port is where requests come in; 0 means 67.
	Port uint16
	// Serve carries one datagram from the wire to its reply. It is called from many goroutines and may block;
	// where it waits for others it says so by Rest and Resume.
	// The datagram's payload is overwritten when it has returned.
	Serve func(context.Context, server.Datagram) server.Outcome
	// Admit says whether a datagram may become an exchange; nil lets all. It is called from one goroutine,
	// before anything is spent on the datagram, and must not block. What it refuses it has counted.
	Admit func(server.Datagram) bool
	// ExchangesMax is how many calls of Serve go on at once, those that rest included; 0 means 4096.
	ExchangesMax int
	// RARP is what is done about devices that ask by RARP; the zero RARPOptions is nothing.
	RARP RARPOptions
	// Overhear is told of the replies of DHCP servers that are heard on the links of served interfaces, and not
	// sent by this machine; nil: nobody listens. It is called from one goroutine, and the payload is overwritten
	// when it has returned.
	Overhear func(server.OverheardReply)
	Log      *slog.Logger
	Observer Observer
}

// Observer is told what did not become an exchange: datagrams that were shed (server.Overloaded) or made the
// server panic (server.Panicked) by Ended, those that nobody looked at by the others. It must not block.
type Observer interface {
	server.Observer
	server.ObserverRARP
	// Dropped counts a datagram that was not looked at; reason is one of the Drop constants.
	Dropped(reason string)
	// Overflowed counts datagrams that the kernel threw away because nobody read them in time.
	Overflowed(datagrams uint32)
}

// Why a datagram was dropped by the listener. The words are metric labels.
const (
	DropNotServed = "interface_not_served"
	DropTooLong   = "too_long"
	DropReadError = "read_error"
	DropNotForUs  = "not_for_us"
)

// Listener hears DHCPv4 and BOOTP clients and sends them replies. It implements server.Sender4.
type Listener struct {
	opt     Options
	conn    *net.UDPConn
	connOut *outlet  // replies by conn
	raw     *os.File // AF_PACKET socket; nil without the right to have one
	replies *os.File // of other servers; nil: nobody listens
	rawOut  *outlet  // frames by raw
	events  *os.File // netlink socket that tells of changes
	links   *links
	gate    gate
	serve   context.Context // of all exchanges; set by Run
	workers sync.WaitGroup
	buffers sync.Pool // of *packet
	frames  sync.Pool // of *[]byte
	changed chan struct{}
	closed  sync.Once

	overflows    uint32       // as the kernel last told; only the reader uses it
	panicsLogged atomic.Int64 // Unix second of the last panic that was logged
}

// Open opens the sockets and reads the interfaces, so that whatever is wrong with them is known before the
// node takes part in anything. From then on Send4 works; datagrams are read when Run is called.
func Open(opt Options) (*Listener, error) {
	if opt.Port == 0 {
		opt.Port = serverPort
	}
	if opt.ExchangesMax <= 0 {
		opt.ExchangesMax = exchangesUsual
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Observer == nil {
		opt.Observer = nobody{}
	}
	l := &Listener{opt: opt, changed: make(chan struct{}, 1)}
	l.gate = gate{runningMax: opt.ExchangesMax, activeMax: activePerCPU * runtime.GOMAXPROCS(0)}
	l.buffers.New = func() any { return new(packet) }
	l.frames.New = func() any { b := make([]byte, 0, frameUsual); return &b }
	if err := l.open(); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func (l *Listener) open() (err error) {
	if l.events, err = openEvents(); err != nil { // Before the first look, so that no change is missed.
		return err
	}
	if l.links, err = openLinks(l.opt.Interfaces); err != nil {
		return err
	}
	if err = l.links.check(); err != nil {
		return err
	}
	if l.conn, err = openUDP4(l.opt.Port); err != nil {
		return err
	}
	if l.connOut, err = newOutlet(l.conn); err != nil {
		return trouble("UDP socket", err)
	}
	l.checkBuffer()
	if l.raw, l.rawOut, err = openRaw(); err != nil {
		l.opt.Log.Warn("raw frames are not possible: replies to clients without an address are broadcast; "+
			"give port67d CAP_NET_RAW", "error", err)
	}
	if l.opt.Overhear == nil {
		return nil
	}
	if l.replies, err = openReplies(); err != nil {
		l.opt.Log.Warn("other DHCP servers are not noticed: give port67d CAP_NET_RAW", "error", err)
	}
	return nil
}

// Run reads datagrams and serves them until ctx ends. Then it reads no more, lets the exchanges in progress
// come to their end, and closes the sockets last. It owns all goroutines of this package.
func (l *Listener) Run(ctx context.Context) error {
	defer l.Close()
	serve, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	l.serve = serve
	var helpers sync.WaitGroup
	defer helpers.Wait()
	watch, stopWatch := context.WithCancel(ctx)
	defer stopWatch()
	helpers.Go(func() { l.watchLinks(watch) })
	if l.replies != nil {
		helpers.Go(func() { l.overhear(watch) })
	}
	if l.opt.RARP.Serve != nil {
		helpers.Go(func() { l.runRARP(watch) })
	}
	helpers.Go(func() {
		<-watch.Done()
		_ = l.conn.SetReadDeadline(time.Unix(1, 0)) // Wakes the reader.
		_ = l.events.Close()
	})
	l.opt.Log.Info("listening", "port", l.opt.Port, "interfaces", l.links.now().servedNames())
	err := l.read(ctx)
	l.drain(stop)
	return err
}

// drain waits for the exchanges in progress, and after drainFor ends their contexts.
func (l *Listener) drain(stop context.CancelFunc) {
	hurry := time.AfterFunc(drainFor, stop)
	defer hurry.Stop()
	l.workers.Wait()
}

// Close closes the sockets. Run does so itself; Close is for a Listener that was never run, and harmless
// afterwards.
func (l *Listener) Close() { l.closed.Do(l.close) }

func (l *Listener) close() {
	if l.conn != nil {
		_ = l.conn.Close()
	}
	for _, f := range []*os.File{l.raw, l.events, l.replies} {
		if f != nil {
			_ = f.Close()
		}
	}
	if l.links != nil {
		l.links.close()
	}
}

// Addresses returns the IPv4 addresses of the interfaces that are served, ascending: the server identifiers
// that this node answers with.
func (l *Listener) Addresses() []netip.Addr { return l.links.now().servedAddresses() }

// Changed is told, at least once, after what Addresses returns has changed.
func (l *Listener) Changed() <-chan struct{} { return l.changed }

// watchLinks keeps the table of interfaces true until ctx ends.
func (l *Listener) watchLinks(ctx context.Context) {
	octets := make([]byte, 1<<16)
	for ctx.Err() == nil {
		if !awaitEvent(l.events, octets) {
			return
		}
		changed, err := l.links.refresh()
		if err != nil {
			l.opt.Log.Warn("interfaces not read: the last known are used", "error", err)
			continue
		}
		if changed {
			t := l.links.now()
			l.opt.Log.Info("interfaces changed",
				"interfaces", t.servedNames(), "addresses", t.servedAddresses())
			select {
			case l.changed <- struct{}{}:
			default:
			}
		}
	}
}

// nobody is an Observer that forgets.
type nobody struct{}

func (nobody) Ended(dhcp4.MessageType, server.Outcome, time.Duration) {}
func (nobody) EndedRARP(server.Outcome, time.Duration)                {}
func (nobody) Ignored(int)                                            {}
func (nobody) Irregular(dhcp4.Irregularity)                           {}
func (nobody) Limited(server.Limit)                                   {}
func (nobody) ClassErrors(int)                                        {}
func (nobody) Omitted(int)                                            {}
func (nobody) Dropped(string)                                         {}
func (nobody) Overflowed(uint32)                                      {}

var (
	_ server.Sender4 = (*Listener)(nil)
	_ server.Turns   = (*Listener)(nil)
)

// trouble wraps an error of the operating system in the words of the place where it happened.
func trouble(place string, err error) error { return fmt.Errorf("%s: %w", place, err) }
