package config

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"port67/storage/lease"
)

// TestLevels_AgreeWithEffectiveFor_V4_064: where a value is said to come from is where it does come from,
// whichever levels set it, with and without a guard.
func TestLevels_AgreeWithEffectiveFor_V4_064(t *testing.T) {
	for seed := range int64(400) {
		r := rand.New(rand.NewSource(seed))
		conf := layered(t)
		set := func(name string, s *Settings) {
			s.Options, s.Guarded, s.Lease = nil, nil, LeaseTimes{}
			if r.Intn(3) == 0 {
				s.Options = []Option{{Code: 15, Data: []byte(name)}}
			}
			for _, class := range []string{"red", "not-known"} {
				if r.Intn(4) == 0 {
					s.Guarded = append(s.Guarded, GuardedOption{Option{Code: 15, Data: []byte(name)}, []string{class}})
				}
			}
			if r.Intn(3) == 0 {
				span := lease.Seconds(600 + len(name)*60)
				s.Lease.Default = &span
			}
		}
		sub := &conf.Subnets[0]
		set("global", &conf.Settings)
		set("shared network "+conf.SharedNetworks[0].Name, &conf.SharedNetworks[0].Settings)
		set("subnet "+sub.Prefix.String(), &sub.Settings)
		set("pool "+sub.Pools[1].Range.String(), &sub.Pools[1].Settings)
		set("class phones", &conf.Classes[0].Settings)
		set("class red", &conf.Classes[1].Settings)
		set("reservation of "+keyWords(sub.Reservations[0].Keys()[0]), &sub.Reservations[0].Settings)
		c := compile(conf)
		s, _ := c.SubnetOf(addr("10.67.0.1"))
		var pool *CompiledPool
		if r.Intn(3) > 0 {
			pool = s.Pools[1]
		}
		res := []*CompiledReservation{nil, s.Reserved[0]}[r.Intn(2)]
		var classes []string
		for _, name := range []string{"known", "phones", "red"} {
			if r.Intn(2) == 0 {
				classes = append(classes, name)
			}
		}
		e := c.EffectiveFor(s, pool, res, classes)
		levels := c.Levels(s, pool, res, classes)
		value, _ := e.Option(15)
		want := []string{string(value)}
		if len(value) == 0 {
			want = nil
		}
		if got := OptionOrigins(levels, 15, classes); !slices.Equal(got, want) {
			t.Errorf("seed %d, classes %v: option 15 from %v, EffectiveFor has that of %v", seed, classes, got, want)
		}
		from := Origin(levels, func(s *Settings) bool { return s.Lease.Default != nil })
		span := lease.Seconds(600 + len(from)*60)
		if from == "default" {
			span = defaultSettings().LeaseDefault
		}
		if e.LeaseDefault != span {
			t.Errorf("seed %d: lease time %d from %s, EffectiveFor has another level's", seed, e.LeaseDefault, from)
		}
	}
}

// TestOptionOrigins_SubOptions: a value that is put together of sub-options comes from all levels that have
// part in it, down to the first that is no list of the same ones.
func TestOptionOrigins_SubOptions(t *testing.T) {
	named := func(name, space string) Level {
		return Level{name, &Settings{Options: []Option{{Code: 43, Data: []byte{1, 1, 1}, Space: space}}}}
	}
	for _, tt := range []struct{ spaces, want []string }{
		{[]string{"a", "a", "a"}, []string{"2", "1", "0"}},
		{[]string{"a", "b", "b"}, []string{"2", "1"}},
		{[]string{"a", "", "a"}, []string{"2"}},
		{[]string{"a", "a", ""}, []string{"2"}},
	} {
		var levels []Level
		for i, s := range tt.spaces {
			levels = append(levels, named(fmt.Sprint(i), s))
		}
		if got := OptionOrigins(levels, 43, nil); !slices.Equal(got, tt.want) {
			t.Errorf("spaces %q: from %v, want %v", tt.spaces, got, tt.want)
		}
	}
}
