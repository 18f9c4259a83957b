//go:build lab

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"port67/ops/load"
)

// TestChaos_P15_ADiskGoesBackInTime puts an old copy of a node's data folder back, as a virtual machine is set
// back to a snapshot, while clients come: the node goes on as a new member, in the same process, and nobody
// notices.
func TestChaos_P15_ADiskGoesBackInTime(t *testing.T) {
	r := newRig(t, Options{}, load.Options{Relays: []load.Relay{via("10.70.0.1", 1, 2, 3)}})
	crowd := r.load.Add(load.Group{Clients: 2000, Rate: 200})
	r.bound(crowd, 200)
	victim := r.follower()
	node := r.Node(victim)
	r.must(node.Kill())
	early := filepath.Join(node.Dir, "early")
	r.must(os.CopyFS(early, os.DirFS(node.Data())))
	r.must(node.Start())
	r.must(r.WaitServing(t.Context(), victim))
	r.bound(crowd, 1000)
	r.must(node.Kill())
	r.must(errors.Join(os.RemoveAll(node.Data()), os.Rename(early, node.Data())))
	r.must(node.Start())
	r.must(Poll(t.Context(), "a new member", time.Minute, func(context.Context) error {
		if !strings.Contains(node.Log(), "replaced by a new member") {
			return fmt.Errorf("n%d has not become one", victim)
		}
		return nil
	}))
	r.must(r.WaitVoters(t.Context(), victim, 3))
	r.must(r.WaitServing(t.Context(), victim))
	if !node.Running() {
		t.Error("the process has ended")
	}
	r.holding(crowd, 2000)
	r.allThere(victim, r.load.Checker().Held(r.load.Now()))
	r.sameDigest()
}
