package admin

import (
	"context"
	"math"
	"net/netip"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	adminv1 "port67/proto/admin/v1"
	"port67/storage"
	"port67/storage/config"
)

const (
	// sampleEvery is how often the use of all subnets is noted.
	sampleEvery = time.Minute
	// samplesMax is how many notes are kept of a subnet at most. When there are more, those stay that are a
	// part of their age apart, sampleDense of which make a whole: 216 for a week.
	samplesMax  = 512
	sampleDense = 32
	// sampleAge is how old a note may become.
	sampleAge = 7 * 24 * time.Hour
	// A forecast needs so many notes over so long, and reaches so many times as far as they do.
	forecastNotes = 10
	forecastSpan  = 15 * time.Minute
	forecastReach = 10
	// sampledAtOnce is how many subnets are counted while the state is lent.
	sampledAtOnce = 128
)

// useSeries is how the use of every subnet has changed since this node started. It is in memory only: after a
// start nothing is known.
type useSeries struct {
	begin time.Time

	mu  sync.Mutex
	of  map[netip.Prefix]*series
	now func() time.Time
}

// series is the notes of one subnet, oldest first.
type series struct {
	size  uint64 // of its pools; another size begins a new series
	notes []note
}

// note is how many addresses were in use.
type note struct {
	at   time.Duration // since the beginning
	used uint64
}

func newUseSeries(now func() time.Time) *useSeries {
	return &useSeries{begin: now(), of: map[netip.Prefix]*series{}, now: now}
}

// run takes notes until ctx ends.
func (u *useSeries) run(ctx context.Context, cluster Cluster) error {
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	for {
		u.sample(cluster)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// sample notes the use of every subnet.
func (u *useSeries) sample(cluster Cluster) {
	var subnets []*config.CompiledSubnet
	cluster.Read(func(v storage.View) {
		if v.Config() != nil {
			subnets = v.Config().Subnets()
		}
	})
	present := map[netip.Prefix]bool{}
	for chunk := range slices.Chunk(subnets, sampledAtOnce) {
		var counts []*adminv1.Usage
		cluster.Read(func(v storage.View) {
			for _, sub := range chunk {
				counts = append(counts, usageOfAll(v, sub))
			}
		})
		for i, sub := range chunk {
			present[sub.Prefix] = true
			u.note(sub.Prefix, counts[i].GetSize(), counts[i].GetUsed())
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for prefix := range u.of {
		if !present[prefix] {
			delete(u.of, prefix)
		}
	}
}

// note adds a note.
func (u *useSeries) note(prefix netip.Prefix, size, used uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := u.of[prefix]
	if s == nil || s.size != size {
		s = &series{size: size}
		u.of[prefix] = s
	}
	s.add(note{at: u.now().Sub(u.begin), used: used})
}

// add adds a note, and forgets others when there are too many: what is twice as old is known half as well.
func (s *series) add(n note) {
	s.notes = append(s.notes, n)
	if len(s.notes) > samplesMax {
		kept := []note{n}
		for i, old := range slices.Backward(s.notes) {
			if last := kept[len(kept)-1].at; i == 0 || last-old.at > (n.at-last)/sampleDense {
				kept = append(kept, old)
			}
		}
		slices.Reverse(kept)
		s.notes = kept
	}
	for len(s.notes) > 0 && n.at-s.notes[0].at > sampleAge {
		s.notes = s.notes[1:]
	}
}

// forecast says how the use of a subnet goes on.
func (u *useSeries) forecast(prefix netip.Prefix, now *adminv1.Usage) *adminv1.Forecast {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := u.of[prefix]
	if s == nil || s.size != now.GetSize() {
		s = &series{}
	}
	out := &adminv1.Forecast{Trend: adminv1.Trend_TREND_UNKNOWN, Observed: durationpb.New(s.span())}
	switch in, known := s.fullIn(now.GetFree()); {
	case now.GetSize() == 0: // No pools, nothing to fill.
	case now.GetFree() == 0:
		out.Trend = adminv1.Trend_TREND_FULL
	case !known:
	case in == 0:
		out.Trend = adminv1.Trend_TREND_STEADY
	default:
		out.Trend, out.FullIn = adminv1.Trend_TREND_FILLING, durationpb.New(in)
	}
	return out
}

func (s *series) span() time.Duration {
	if len(s.notes) == 0 {
		return 0
	}
	return (s.notes[len(s.notes)-1].at - s.notes[0].at).Truncate(time.Second)
}

// fullIn returns in about how long so many free addresses are taken: 0 if the use does not grow, or not so
// that it would show within forecastReach. It lays the line of least squares through the notes. known is
// false if they are too few.
func (s *series) fullIn(free uint64) (in time.Duration, known bool) {
	n, span := float64(len(s.notes)), s.span()
	if len(s.notes) < forecastNotes || span < forecastSpan {
		return 0, false
	}
	var meanAt, meanUsed float64
	for _, x := range s.notes {
		meanAt += x.at.Seconds() / n
		meanUsed += float64(x.used) / n
	}
	var square, product float64
	for _, x := range s.notes {
		at := x.at.Seconds() - meanAt
		square += at * at
		product += at * (float64(x.used) - meanUsed)
	}
	slope := product / square // addresses a second
	var rest float64
	for _, x := range s.notes {
		off := float64(x.used) - meanUsed - slope*(x.at.Seconds()-meanAt)
		rest += off * off / n
	}
	// A rise that is lost in the ups and downs around the line is none.
	if rise := slope * span.Seconds(); rise < 1 || rise < 2*math.Sqrt(rest) {
		return 0, true
	}
	seconds := float64(free) / slope
	if seconds > forecastReach*span.Seconds() {
		return 0, true
	}
	return time.Duration(seconds) * time.Second, true
}
