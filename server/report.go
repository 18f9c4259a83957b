package server

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"port67/server/dhcp4"
)

// warnEvery is how often the log warns of one outcome: whoever sends packets must not fill it.
const warnEvery = time.Minute

// warnings is when the log last warned of each outcome.
type warnings struct {
	mu   sync.Mutex
	last [len(outcomes)]time.Time
}

// due says whether it is time to warn of o again, and takes it that this is done.
func (w *warnings) due(o Outcome, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if since := now.Sub(w.last[o]); since >= 0 && since < warnEvery {
		return false
	}
	w.last[o] = now
	return true
}

// troubling says whether an operator should look at once when an exchange ends in o, whatever the client
// sends.
func (o Outcome) troubling() bool {
	switch o {
	case Exhausted, ExhaustedTold, AddressesInUse, UnknownLink, UnknownRelay, NoConfig, NoIdentifier, OutOfTouch,
		NoQuorum, RenewedWithoutQuorum, TooManyDeclines, ReservedButHeld, SendFailed:
		return true
	}
	return false
}

// ended tells observer and log how an exchange ended: a line each at debug, and now and then a warning of
// what an operator should look at.
func (s *Server) ended(q *dhcp4.Query, in Datagram, began time.Time, o Outcome, err error) Outcome {
	now := s.clock.Now()
	took := now.Sub(began)
	s.observer.Ended(q.Type, o, took)
	level := slog.LevelDebug
	if o.troubling() && s.warnings.due(o, now) {
		level = slog.LevelWarn
	}
	ctx := context.Background()
	if !s.log.Enabled(ctx, level) {
		return o
	}
	key, _ := q.ClientKey()
	attrs := []slog.Attr{
		slog.String("outcome", o.String()), slog.Int("type", int(q.Type)),
		slog.String("client", key.String()),
		slog.Uint64("xid", uint64(q.XID)), slog.Duration("took", took),
		slog.String("interface", in.Ingress.Interface), slog.String("src", in.Ingress.Src.String()),
		slog.String("giaddr", q.GIAddr.String()),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	s.log.LogAttrs(ctx, level, "exchange", attrs...)
	return o
}
