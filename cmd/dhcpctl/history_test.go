package main

import (
	"testing"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	adminv1 "port67/proto/admin/v1"
)

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 11, 24, 18, 30, 0, 0, time.Local)
	for text, want := range map[string]time.Time{
		"2026-11-24 14:02":          time.Date(2026, 11, 24, 14, 2, 0, 0, time.Local),
		"2026-11-24 14:02:03":       time.Date(2026, 11, 24, 14, 2, 3, 0, time.Local),
		"2026-11-24T14:02:03":       time.Date(2026, 11, 24, 14, 2, 3, 0, time.Local),
		"2026-11-20":                time.Date(2026, 11, 20, 0, 0, 0, 0, time.Local),
		"2026-11-24T14:02:03Z":      time.Date(2026, 11, 24, 14, 2, 3, 0, time.UTC),
		"2026-11-24T14:02:03+05:00": time.Date(2026, 11, 24, 9, 2, 3, 0, time.UTC),
		"14:02":                     time.Date(2026, 11, 24, 14, 2, 0, 0, time.Local),
		"90m":                       time.Date(2026, 11, 24, 17, 0, 0, 0, time.Local),
		"yesterday":                 {},
		"-2h":                       {},
		"":                          {},
	} {
		got, err := parseTime(&cobra.Command{}, "at", text, now)
		switch {
		case want.IsZero() && err == nil:
			t.Errorf("%q: %v, want an error", text, got.AsTime())
		case !want.IsZero() && (err != nil || !got.AsTime().Equal(want)):
			t.Errorf("%q: %v, %v; want %v", text, got.AsTime(), err, want)
		}
	}
}

func TestForecastText(t *testing.T) {
	for _, c := range []struct {
		f    *adminv1.Forecast
		want string
	}{
		{nil, "-"},
		{&adminv1.Forecast{Trend: adminv1.Trend_TREND_UNKNOWN}, "-"},
		{&adminv1.Forecast{Trend: adminv1.Trend_TREND_STEADY}, "steady"},
		{&adminv1.Forecast{Trend: adminv1.Trend_TREND_FULL}, "full"},
		{
			&adminv1.Forecast{Trend: adminv1.Trend_TREND_FILLING, FullIn: durationpb.New(76*time.Hour + time.Minute)},
			"full in about 3d4h",
		},
		{
			&adminv1.Forecast{Trend: adminv1.Trend_TREND_FILLING, FullIn: durationpb.New(5*time.Hour + 20*time.Minute)},
			"full in about 5h20m",
		},
		{&adminv1.Forecast{Trend: adminv1.Trend_TREND_FILLING, FullIn: durationpb.New(48 * time.Hour)}, "full in about 2d"},
	} {
		if got := forecast(c.f); got != c.want {
			t.Errorf("%v: %q, want %q", c.f, got, c.want)
		}
	}
}
