package metrics

import (
	"net/netip"
	"strings"
	"testing"

	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// office is the state of a cluster of two nodes with a pool of ten addresses, of which one is bound, one is
// declined, and one is reserved.
func office(t *testing.T) *storage.State {
	t.Helper()
	s := storage.New()
	index := uint64(0)
	must := func(c storage.Command) {
		t.Helper()
		index++
		e := storage.Entry{At: storage.ViewOf(s).Clock() + 1, Commands: []storage.Command{c}}
		if r := s.Apply(index, e)[0]; r.Refusal != storage.Granted {
			t.Fatalf("%#v: refused as %d: %s", c, r.Refusal, r.Detail)
		}
	}
	addr := netip.MustParseAddr
	owners := [lease.Buckets]storage.NodeID{}
	for b := range owners {
		owners[b] = "node-a"
	}
	owners[7] = "node-b"
	client := func(n byte) storage.Client {
		hw := []byte{2, 0x67, 0, 0, 0, n}
		return storage.Client{Key: lease.HardwareKey(1, hw), HType: 1, CHAddr: string(hw)}
	}
	must(storage.Found{
		ClusterID: "cluster", CACert: []byte{1}, CAKey: []byte{2},
		Node: storage.Node{ID: "node-a", Name: "a", Level: storage.Level},
	})
	must(storage.PutNode{Node: storage.Node{ID: "node-b", Name: "b", Level: storage.Level}})
	must(storage.SetBuckets{Epoch: 1, Owners: owners})
	must(storage.SetConfig{Config: &config.Config{Subnets: []config.Subnet{{
		Prefix: netip.MustParsePrefix("10.67.0.0/24"),
		Pools: []config.Pool{{
			Range: config.AddrRange{First: addr("10.67.0.10"), Last: addr("10.67.0.19")},
		}},
		Reservations: []config.Reservation{{
			Hardware: [][]byte{{2, 0x67, 0, 0, 0, 9}}, Address: addr("10.67.0.15"),
		}},
	}}}})
	for n, a := range []string{"10.67.0.11", "10.67.0.12"} {
		must(storage.Bind{
			Client: client(byte(n)), Link: "10.67.0.0/24", Addr: addr(a), Mode: storage.Selecting,
		})
	}
	must(storage.Decline{Addr: addr("10.67.0.12"), Key: client(1).Key})
	return s
}

func TestCollector_State(t *testing.T) {
	m := New(Options{Reader: reader{office(t)}})
	got := scrape(t, m)
	const pool = `{pool="10.67.0.10-10.67.0.19",subnet="10.67.0.0/24"}`
	for _, line := range []string{
		"port67_pool_addresses" + pool + " 9",
		"port67_pool_held_addresses" + pool + " 2",
		"port67_pool_bound_addresses" + pool + " 1",
		"port67_pool_declined_addresses" + pool + " 1",
		"port67_pool_booking_factor_ratio" + pool + " 2",
		"port67_leases 2",
		"port67_state_index 7",
		"port67_config_revision 1",
		"port67_anomalies_total 0",
		"port67_state_diverged 0",
		`port67_nodes{drained="false"} 2`,
		`port67_buckets{node="a"} 255`,
		`port67_buckets{node="b"} 1`,
	} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("scrape has no line %s", line)
		}
	}
	if t.Failed() {
		for _, line := range strings.Split(got, "\n") {
			if strings.HasPrefix(line, "port67_") {
				t.Log(line)
			}
		}
	}
}

func TestCollector_BeforeThereIsAConfiguration(t *testing.T) {
	got := scrape(t, New(Options{Reader: reader{storage.New()}}))
	if !strings.Contains(got, "port67_config_revision 0\n") || strings.Contains(got, "port67_pool_") {
		t.Errorf("scrape of an empty state:\n%s", got)
	}
}
