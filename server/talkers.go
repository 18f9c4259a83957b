package server

import (
	"encoding/hex"
	"sync"
	"time"

	"port67/server/wire4"
)

const (
	// talkersKept is how many of those who run into one limit are told apart.
	talkersKept = 8
	// firstReport is how long after the first drop, and nextReport how long after the last report, the log is
	// told who talks most.
	firstReport = time.Second
	nextReport  = time.Minute
)

// talkers finds who runs into limits most (W-035), in a table of fixed size. A newcomer takes the place of
// the one with the fewest drops, and its number: so a number is never too small, and whoever has more than
// its share of the drops is there.
type talkers struct {
	mu     sync.Mutex
	due    time.Time // of the next report
	drops  [limitsEnd]uint64
	tables [limitsEnd][talkersKept]talker
}

type talker struct {
	name  uint64
	drops uint64
	who   string
}

// report is who ran into a limit most since the report before.
type report struct {
	limit   Limit
	who     string
	dropped uint64 // of who, at most
	all     uint64
}

// note takes it that a message ran into l, and returns what the log should be told now: mostly nothing.
func (t *talkers) note(l Limit, name uint64, in *Datagram, g *wire4.Glance) []report {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drops[l]++
	at := &t.tables[l][0]
	for i := range t.tables[l] {
		e := &t.tables[l][i]
		if e.who != "" && e.name == name {
			at = e
			break
		}
		if e.drops < at.drops {
			at = e
		}
	}
	if at.name != name || at.who == "" {
		at.name, at.who = name, whoRan(l, in, g)
	}
	at.drops++
	return t.reports(in.Heard)
}

// reports returns what is due at now. A moment that is long past, or too far ahead because the clock was set
// back, is none.
func (t *talkers) reports(now time.Time) []report {
	wait := t.due.Sub(now)
	switch {
	case wait < -nextReport || wait > nextReport:
		t.due = now.Add(firstReport)
		return nil
	case wait > 0:
		return nil
	}
	var out []report
	for _, l := range Limits() {
		if t.drops[l] == 0 {
			continue
		}
		most := t.tables[l][0]
		for _, e := range t.tables[l] {
			if e.drops > most.drops {
				most = e
			}
		}
		out = append(out, report{limit: l, who: most.who, dropped: most.drops, all: t.drops[l]})
	}
	t.due, t.drops = now.Add(nextReport), [limitsEnd]uint64{}
	t.tables = [limitsEnd][talkersKept]talker{}
	return out
}

// whoRan says in words who ran into l. What clients say of themselves is shown as hex digits.
func whoRan(l Limit, in *Datagram, g *wire4.Glance) string {
	path := "interface " + in.Ingress.Interface
	if !g.GIAddr.IsUnspecified() {
		path = "relay agent " + g.GIAddr.String()
	}
	switch l {
	case LimitClient:
		return "client " + hex.EncodeToString(g.Client) + " at " + path
	case LimitCircuit:
		return "circuit " + hex.EncodeToString(g.Circuit) + " at " + path
	}
	return path
}
