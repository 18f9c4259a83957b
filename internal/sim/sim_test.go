package sim

import (
	"flag"
	"fmt"
	"testing"
	"time"
)

var (
	seeds   = flag.Int("seeds", 20, "how many worlds to play")
	first   = flag.Uint64("seed", 0, "play this world alone, and say all that happens")
	verbose = flag.Bool("trace", false, "with -seed: print every line")
)

// TestSeeds plays worlds, wants nothing that must not be to happen in any of them, and shows what did happen:
// a generator that is too tame proves nothing.
func TestSeeds(t *testing.T) {
	if *first != 0 {
		o := Options{Seed: *first}
		if *verbose {
			o.Verbose = func(line string) { fmt.Println(line) }
		}
		report(t, Run(o))
		return
	}
	outcomes, faults := map[string]int{}, map[string]int{}
	acks, reuses, entries, simmed := 0, 0, 0, time.Duration(0)
	for i := range *seeds {
		v := Run(Options{Seed: uint64(i) + 1})
		report(t, v)
		for o, n := range v.Outcomes {
			outcomes[o] += n
		}
		for f, n := range v.Faults {
			faults[f] += n
		}
		acks, reuses, entries, simmed = acks+v.ACKs, reuses+v.Reuses, entries+v.Entries, simmed+v.Simmed
	}
	t.Logf("%d worlds, %v: %d ACKs, %d addresses used again by others, %d entries\n%v\n%v", *seeds, simmed, acks, reuses,
		entries, outcomes, faults)
	if acks == 0 || reuses == 0 {
		t.Error("nobody was served, or no address was ever used again: the worlds prove nothing")
	}
}

func report(t *testing.T, v Verdict) {
	t.Helper()
	if len(v.Failures) > 0 {
		t.Errorf("%s\nreplay: go test ./internal/sim -run TestSeeds -seed %d\n%s", v.Failures[0], v.Seed, v.Tail)
	}
}

// TestRun_OneSeedIsOneWorld holds two runs of a seed against each other.
func TestRun_OneSeedIsOneWorld(t *testing.T) {
	for seed := uint64(1); seed <= 3; seed++ {
		a, b := Run(Options{Seed: seed}), Run(Options{Seed: seed})
		if a.Trace != b.Trace {
			t.Errorf("seed %d: traces %x and %x", seed, a.Trace, b.Trace)
		}
	}
}
