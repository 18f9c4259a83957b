// Package clock is time as the spine of package server asks for it: the system's clock and its timers.
//
// This package is a shell.
package clock

import (
	"context"
	"time"
)

// System is the machine's own clock. It implements server.Clock.
type System struct{}

// Now returns wall time, to be compared with the kernel's time of receipt.
func (System) Now() time.Time { return time.Now() }

// WithTimeout returns ctx with an end after d.
func (System) WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, d)
}

// Wait returns after d, or earlier when done is closed or ctx ends.
func (System) Wait(ctx context.Context, d time.Duration, done <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-done:
	case <-ctx.Done():
	}
}
