package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// leaveTime bounds how long a node tries to hand its work over before it stops without: a cluster that has no
// quorum cannot take it.
const leaveTime = 8 * time.Second

// errStopNow ends all parts at once, after a second signal.
var errStopNow = errors.New("second signal: stopped without draining")

// part is something that runs until its context ends, and returns when it is gone.
type part struct {
	name string
	run  func(context.Context) error
}

// lifecycle is a node seen from its beginning and its end.
type lifecycle struct {
	agreement part   // ends last, so that exchanges in progress can be committed
	front     []part // sockets of all kinds
	aside     []part // whatever only watches; ends with the front
	// leave hands buckets and leadership to the other nodes.
	leave func(context.Context) error
	tell  func(states string) error // to the service manager
	log   *slog.Logger
}

// run runs all parts until one of them fails, or a signal comes. After the first signal the node drains: it
// gives up its buckets, hands leadership over and flushes what is queued, then the listeners finish what they
// have begun and close, then the agreement ends. A second signal ends everything at once.
func (l lifecycle) run(ctx context.Context, signals <-chan os.Signal) error {
	group, ctx := errgroup.WithContext(ctx)
	back, stopBack := context.WithCancel(ctx)
	defer stopBack()
	front, stopFront := context.WithCancel(ctx)
	defer stopFront()
	var fronts sync.WaitGroup
	start := func(ctx context.Context, p part) {
		group.Go(func() error {
			if err := p.run(ctx); err != nil && !errors.Is(err, context.Canceled) {
				l.log.Error("part of the node ended", "part", p.name, "error", err)
				return err
			}
			return nil
		})
	}
	start(back, l.agreement)
	for _, p := range append(l.front, l.aside...) {
		fronts.Add(1)
		run := p.run
		p.run = func(ctx context.Context) error {
			defer fronts.Done()
			return run(ctx)
		}
		start(front, p)
	}
	group.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case s := <-signals:
			l.log.Info("draining; a second signal stops at once", "signal", s.String())
		}
		return l.drain(ctx, signals, func() {
			stopFront()
			fronts.Wait()
			stopBack()
		})
	})
	l.notify("READY=1")
	return group.Wait()
}

// drain leaves the cluster's work to the others and then calls stop. It returns errStopNow as soon as another
// signal comes, which ends all parts.
func (l lifecycle) drain(ctx context.Context, signals <-chan os.Signal, stop func()) error {
	l.notify("STOPPING=1\nSTATUS=draining")
	ctx, cancel := context.WithTimeout(ctx, leaveTime)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := l.leave(ctx); err != nil {
			l.log.Warn("stopping without having handed everything over", "error", err)
		}
		stop()
	}()
	select {
	case <-done:
		l.log.Info("drained")
		return nil
	case <-signals:
		return errStopNow
	}
}

func (l lifecycle) notify(states string) {
	if err := l.tell(states); err != nil {
		l.log.Warn("service manager not told", "states", states, "error", err)
	}
}
