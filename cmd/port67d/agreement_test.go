package main

import (
	"testing"
	"time"

	"port67/cluster"
)

// The age of the snapshot is told as soon as there is one, and never as one of the future.
func TestStatsOf_SnapshotAge(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for name, tt := range map[string]struct {
		at   time.Time
		want time.Duration
	}{
		"none yet":          {time.Time{}, -1},
		"a minute ago":      {now.Add(-time.Minute), time.Minute},
		"clock set back":    {now.Add(time.Hour), 0},
		"at this very time": {now, 0},
	} {
		if got := statsOf(cluster.Status{SnapshotAt: tt.at}, now).SnapshotAge; got != tt.want {
			t.Errorf("%s: age %v, want %v", name, got, tt.want)
		}
	}
}
