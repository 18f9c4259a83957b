package server

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"port67/server/dhcp4"
	"port67/server/rarp"
	"port67/server/recent"
	"port67/storage"
)

// exchangeRARP stands for the message type where nodes tell each other that they have answered by RARP. No
// DHCP message that is answered has it.
const exchangeRARP dhcp4.MessageType = 255

const (
	// devicesMax is how many devices are remembered; they come from reservations, so that more is no harm.
	devicesMax = 4096
	// misplacedMax is how many misplaced devices are remembered as told of.
	misplacedMax = 1024
)

// RARPFrame is one frame as a listener heard it. Octets begins with the Ethernet header, and is only valid
// during the call it is passed to.
type RARPFrame struct {
	Octets  []byte
	Ingress dhcp4.Ingress // without Src and Dst
	Own     rarp.MAC      // of the interface
	Heard   time.Time     // as in Datagram
}

// SenderRARP puts a frame on the wire by the interface with that index.
type SenderRARP interface {
	SendRARP(ctx context.Context, ifIndex int, frame []byte) error
}

// ObserverRARP is told how every RARP exchange ended. It must not block.
type ObserverRARP interface {
	EndedRARP(o Outcome, took time.Duration)
}

// RARPOptions is what a RARP needs. All are required.
type RARPOptions struct {
	Self       storage.NodeID
	Cluster    string // ID of the cluster; the nodes name devices by it
	Reader     Reader
	Timekeeper Timekeeper
	Neighbours Neighbours
	Sender     SenderRARP
	Observer   ObserverRARP
	Clock      Clock
	Logger     *slog.Logger
}

// RARP answers devices that ask for their address by RARP (RFC 903). It commits nothing and asks nobody: what
// it tells stands in the configuration (adr/0013). Its methods may be called from any number of goroutines.
type RARP struct {
	o        RARPOptions
	warnings warnings

	mu        sync.Mutex
	memory    *rarp.Memory
	misplaced *recent.Map[misplaced, struct{}] // those that the log was told of
}

// misplaced is a device that asked on another link than the one of its address.
type misplaced struct {
	device rarp.MAC
	addr   netip.Addr
}

// NewRARP returns a RARP on the ports of o.
func NewRARP(o RARPOptions) *RARP {
	return &RARP{
		o: o, memory: rarp.NewMemory(devicesMax), misplaced: recent.NewMap[misplaced, struct{}](misplacedMax),
	}
}

// Serve carries one frame from the wire to its reply, and says how that ended. The observer and the debug log
// are told as well. It keeps no reference to in.Octets.
func (r *RARP) Serve(ctx context.Context, in RARPFrame) Outcome {
	x := exchangeByRARP{in: &in, began: r.o.Clock.Now()}
	x.outcome = r.exchange(ctx, &x)
	r.ended(&x)
	return x.outcome
}

// exchangeByRARP is what is known of a frame on its way to its reply.
type exchangeByRARP struct {
	in       *RARPFrame
	began    time.Time
	frame    rarp.Frame
	decision rarp.Decision
	heard    rarp.Heard
	outcome  Outcome
	err      error // why it could not be sent
}

func (r *RARP) exchange(ctx context.Context, x *exchangeByRARP) Outcome {
	var ok bool
	if x.frame, ok = rarp.Parse(x.in.Octets); !ok {
		return Malformed
	}
	if age := x.began.Sub(x.in.Heard); age < 0 || age > ageMax {
		return TooOld
	}
	self := rarp.Self{Node: r.o.Self, InTouch: r.o.Timekeeper.InTouch()}
	r.o.Reader.Read(func(v storage.View) {
		x.decision = rarp.Decide(v, &x.frame, &x.in.Ingress, self)
	})
	if x.decision.Why != rarp.Answer {
		return outcomeOfRARP(x.decision.Why)
	}
	device := r.name(x)
	r.mu.Lock()
	x.heard = r.memory.Hear(device.Client, x.decision.Ahead, millis(x.began))
	r.mu.Unlock()
	if x.heard.Why != rarp.Answer {
		return outcomeOfRARP(x.heard.Why)
	}
	reply := x.decision.Reply(&x.frame, x.in.Own)
	if x.err = r.o.Sender.SendRARP(ctx, x.in.Ingress.IfIndex, reply.Encode()); x.err != nil {
		return SendFailed
	}
	r.o.Neighbours.Handled(device)
	return AnsweredByRARP
}

// name is what the nodes call the device by.
func (r *RARP) name(x *exchangeByRARP) Exchange {
	return exchangeOf(r.o.Cluster, &dhcp4.Query{Type: exchangeRARP, GIAddr: netip.IPv4Unspecified()},
		x.decision.Key)
}

// HandledBy takes the word of another node that it has answered x, and says whether x was one by RARP.
func (r *RARP) HandledBy(x Exchange) bool {
	if x.Type != exchangeRARP {
		return false
	}
	now := millis(r.o.Clock.Now())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.memory.AnsweredElsewhere(x.Client, now)
	return true
}

// Wanted says whether the configuration has anybody to answer by RARP.
func (r *RARP) Wanted() (wanted bool) {
	r.o.Reader.Read(func(v storage.View) { wanted = v.Config() != nil && v.Config().HasRARP() })
	return wanted
}

// ended tells observer and log how an exchange ended: a line each at debug, where the time since the device
// was last heard stands too; a warning now and then of what an operator should look at, and once for each
// device that is on another link than its address.
func (r *RARP) ended(x *exchangeByRARP) {
	now := r.o.Clock.Now()
	r.o.Observer.EndedRARP(x.outcome, now.Sub(x.began))
	level := slog.LevelDebug
	switch {
	case x.outcome == ReservedElsewhere && r.isNews(misplaced{x.frame.THA, x.decision.Reserved}):
		level = slog.LevelWarn
	case x.outcome.troubling() && r.warnings.due(x.outcome, now):
		level = slog.LevelWarn
	}
	ctx := context.Background()
	if !r.o.Logger.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("outcome", x.outcome.String()), slog.String("type", "rarp"),
		slog.String("client", x.decision.Key.String()), slog.String("interface", x.in.Ingress.Interface),
		slog.Duration("took", now.Sub(x.began)),
	}
	if x.decision.Addr.IsValid() {
		attrs = append(attrs, slog.String("address", x.decision.Addr.String()))
	}
	if x.decision.Reserved.IsValid() {
		attrs = append(attrs, slog.String("reserved", x.decision.Reserved.String()))
	}
	if x.heard.Known {
		attrs = append(attrs, slog.Duration("heard_before", time.Duration(x.heard.Before)*time.Millisecond))
	}
	if x.err != nil {
		attrs = append(attrs, slog.String("error", x.err.Error()))
	}
	r.o.Logger.LogAttrs(ctx, level, "exchange", attrs...)
}

// isNews says whether m was not told of yet, and takes it that it is now.
func (r *RARP) isNews(m misplaced) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, known := r.misplaced.Get(m)
	if !known {
		r.misplaced.Put(m, struct{}{})
	}
	return !known
}

// outcomeOfRARP returns the outcome of a frame that was not answered.
func outcomeOfRARP(w rarp.Why) Outcome {
	switch w {
	case rarp.NotRequest:
		return NotForServers
	case rarp.NoConfig:
		return NoConfig
	case rarp.Unknown:
		return NotReserved
	case rarp.OtherLink:
		return ReservedElsewhere
	case rarp.OutOfTouch:
		return OutOfTouch
	case rarp.Withheld:
		return ReservedButHeld
	case rarp.TooMany:
		return TooMany
	}
	return LeftToOthers
}

func millis(t time.Time) rarp.Millis { return rarp.Millis(t.UnixMilli()) }
