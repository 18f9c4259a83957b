package server

import "sync"

// inflight is the exchanges that are being answered at this moment: one for each client, transaction and
// message type, so that a retransmission does not start the work again.
type inflight struct {
	mu   sync.Mutex
	open map[Exchange]struct{}
	max  int
}

func newInflight(limit int) *inflight {
	return &inflight{open: make(map[Exchange]struct{}), max: limit}
}

// enter opens an exchange. It returns Duplicate if it is open already, Overloaded if too many are, else 0.
func (f *inflight) enter(x Exchange) Outcome {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.open[x]; ok {
		return Duplicate
	}
	if len(f.open) >= f.max {
		return Overloaded
	}
	f.open[x] = struct{}{}
	return 0
}

// leave closes an exchange.
func (f *inflight) leave(x Exchange) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.open, x)
}
