package admin

import (
	"net/netip"
	"testing"
	"time"

	adminv1 "port67/proto/admin/v1"
)

// TestForecast: what is said of a subnet of 1000 addresses whose use was noted every minute.
func TestForecast(t *testing.T) {
	prefix := netip.MustParsePrefix("10.67.0.0/16")
	const size = 1000
	for _, c := range []struct {
		name    string
		minutes int
		used    func(minute int) uint64
		trend   adminv1.Trend
		fullIn  time.Duration // about
	}{
		{"just started", 5, func(m int) uint64 { return uint64(100 * m) }, adminv1.Trend_TREND_UNKNOWN, 0},
		{"nothing seen", 0, nil, adminv1.Trend_TREND_UNKNOWN, 0},
		{"one more every minute", 120, func(m int) uint64 { return uint64(m) }, adminv1.Trend_TREND_FILLING,
			880 * time.Minute},
		{"a week of one more every ten minutes", 5000, func(m int) uint64 { return uint64(m / 10) },
			adminv1.Trend_TREND_FILLING, 5000 * time.Minute},
		{"the same all the time", 120, func(int) uint64 { return 500 }, adminv1.Trend_TREND_STEADY, 0},
		{"going down", 120, func(m int) uint64 { return uint64(900 - m) }, adminv1.Trend_TREND_STEADY, 0},
		{"up and down", 120, func(m int) uint64 { return 500 + uint64(m%2)*200 }, adminv1.Trend_TREND_STEADY, 0},
		{"too slow to say", 60, func(m int) uint64 { return uint64(m / 20) }, adminv1.Trend_TREND_STEADY, 0},
		{"full", 5, func(int) uint64 { return size }, adminv1.Trend_TREND_FULL, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := time.Unix(4_000_000_000, 0)
			u := newUseSeries(func() time.Time { return now })
			used := uint64(0)
			for m := range c.minutes {
				now = now.Add(time.Minute)
				used = c.used(m)
				u.note(prefix, size, used)
			}
			got := u.forecast(prefix, &adminv1.Usage{Size: size, Used: used, Free: size - used})
			if got.GetTrend() != c.trend {
				t.Errorf("trend %v, want %v", got.GetTrend(), c.trend)
			}
			if d := got.GetFullIn().AsDuration(); (d - c.fullIn).Abs() > c.fullIn/20 {
				t.Errorf("full in %v, want about %v", d, c.fullIn)
			}
			if want := time.Duration(max(0, c.minutes-1)) * time.Minute; got.GetObserved().AsDuration() != want {
				t.Errorf("observed %v, want %v", got.GetObserved().AsDuration(), want)
			}
			if n := len(u.of); n > 0 && len(u.of[prefix].notes) > samplesMax {
				t.Errorf("%d notes kept, at most %d", len(u.of[prefix].notes), samplesMax)
			}
		})
	}
}

// TestForecast_OtherPoolsAreAnotherMatter: what was seen of pools of another size says nothing.
func TestForecast_OtherPoolsAreAnotherMatter(t *testing.T) {
	prefix := netip.MustParsePrefix("10.67.0.0/16")
	now := time.Unix(4_000_000_000, 0)
	u := newUseSeries(func() time.Time { return now })
	for m := range 100 {
		now = now.Add(time.Minute)
		u.note(prefix, 1000, uint64(m))
	}
	if got := u.forecast(prefix, &adminv1.Usage{Size: 2000, Free: 1900}); got.GetTrend() != adminv1.Trend_TREND_UNKNOWN {
		t.Errorf("trend %v for pools that have grown, want TREND_UNKNOWN", got.GetTrend())
	}
	u.note(prefix, 2000, 100)
	if n := len(u.of[prefix].notes); n != 1 {
		t.Errorf("%d notes of the new pools, want 1", n)
	}
}

// TestForecast_NothingIsKeptForEver: notes older than a week, and of subnets that are gone.
func TestForecast_NothingIsKeptForEver(t *testing.T) {
	prefix := netip.MustParsePrefix("10.67.0.0/16")
	now := time.Unix(4_000_000_000, 0)
	u := newUseSeries(func() time.Time { return now })
	for range 20_000 {
		now = now.Add(time.Minute)
		u.note(prefix, 1000, 7)
	}
	if span := u.of[prefix].span(); span > sampleAge || span < sampleAge/2 {
		t.Errorf("notes of %v kept, want most of %v and no more", span, sampleAge)
	}
}
