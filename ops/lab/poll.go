package lab

import (
	"context"
	"fmt"
	"time"
)

// pollEvery is how often Poll looks. Looking may start a process, so it is not arbitrarily short.
const pollEvery = 100 * time.Millisecond

// Poll calls look until it returns nil, and gives up when within has passed or ctx ends. The error it then
// returns says what was waited for and what look said last.
func Poll(ctx context.Context, what string, within time.Duration, look func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	last := look(ctx)
	for last != nil {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not within %v: %w", what, within, last)
		case <-tick.C:
		}
		if err := look(ctx); ctx.Err() == nil {
			last = err
		} else if err == nil {
			return nil
		}
	}
	return nil
}
