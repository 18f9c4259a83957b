package dhcp4

import (
	"slices"
	"testing"

	"port67/storage"
	"port67/storage/config"
)

func TestResponder_HA_002_WhoAnswers(t *testing.T) {
	third := func(b int) storage.NodeID { return []storage.NodeID{n1, n2, n3}[b%3] }
	owned := func(by storage.NodeID) byte { // a client of that node's
		for i := byte(0); ; i++ {
			if k, _ := query(Discover, i).ClientKey(); third(int(k.Bucket())) == by {
				return i
			}
		}
	}
	of1, of2, of3 := owned(n1), owned(n2), owned(n3)
	secs := func(q *Query, s uint16) *Query { q.Secs = s; return q }
	take := with(optRequestedAddress, "10.67.0.120")
	bc := heard("", "")
	for _, c := range []struct {
		name  string
		scene func(*world)
		q     *Query
		in    *Ingress
		want  []storage.NodeID
	}{
		{"own client", nil, query(Discover, of1), bc, nil},
		{"client of the node before", nil, query(Discover, of3), bc, []storage.NodeID{n3}},
		{"client of the node after", nil, query(Discover, of2), bc, []storage.NodeID{n2, n3}},
		{"chose this node", nil, query(Request, of2, with(optServerID, addrN1), take), bc, nil},
		{"chose another node", nil, query(Request, of1, with(optServerID, addrN2), take), bc,
			[]storage.NodeID{n2, n3}},
		{"chose the service address", func(w *world) {
			w.reconfigure(func(c *config.Config) { c.Subnets[0].ServiceAddress = ip("10.67.0.67") })
		}, query(Request, of3, with(optServerID, "10.67.0.67"), take), bc, []storage.NodeID{n3}},
		{"chose a node that is drained",
			func(w *world) { w.own(func(b int) storage.NodeID { return []storage.NodeID{n1, n3}[b%2] }) },
			query(Request, of1, with(optServerID, addrN2), take), bc, orderAfter(of1)},
		{"by unicast", nil, query(Discover, of2), heard("10.67.0.9", "10.67.0.2"), nil},
		{"by a relay to this node", nil, query(Discover, of3).from("10.68.0.1", ""), relayed("10.68.0.1"),
			[]storage.NodeID{n3}},
		{"by a relay that the owner does not hear", func(w *world) { w.deaf[n3] = true },
			query(Discover, of3).from("10.68.0.1", ""), relayed("10.68.0.1"), nil},
		{"by a relay that one of two does not hear", func(w *world) { w.deaf[n2] = true },
			query(Discover, of2).from("10.68.0.1", ""), relayed("10.68.0.1"), []storage.NodeID{n3}},
		{"retransmitted", func(w *world) { w.unanswered = true }, query(Discover, of2), bc, nil},
		{"trying for two seconds", nil, secs(query(Discover, of3), 2), bc, []storage.NodeID{n3}},
		{"trying for three seconds", nil, secs(query(Discover, of3), 3), bc, nil},
		{"HA-003 W-005 octets swapped, three seconds", nil, secs(query(Discover, of3), 0x0300), bc, nil},
		{"HA-003 octets swapped, two seconds", nil, secs(query(Discover, of3), 0x0200), bc,
			[]storage.NodeID{n3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, testConfig())
			w.own(third)
			if c.scene != nil {
				c.scene(w)
			}
			d := w.decide(c.q, c.in)
			if d.Why != Answer || !slices.Equal(d.Ahead, c.want) {
				t.Errorf("waits for %v (why %d), want %v", d.Ahead, d.Why, c.want)
			}
		})
	}
}

// orderAfter is who comes before n1 for client i when n1 and n3 share the buckets evenly.
func orderAfter(i byte) []storage.NodeID {
	if k, _ := query(Discover, i).ClientKey(); k.Bucket()%2 == 0 {
		return nil
	}
	return []storage.NodeID{n3}
}

func TestResponder_OrderIsTheSameOnAllNodes(t *testing.T) {
	w := newWorld(t, testConfig())
	w.own(func(b int) storage.NodeID { return []storage.NodeID{n1, n3}[b%2] })
	for _, c := range []struct {
		name   string
		first  storage.NodeID
		bucket uint8
		want   []storage.NodeID
	}{
		{"round and round, those without buckets last", n3, 1, []storage.NodeID{n3, n1, n2}},
		{"a first that does not serve", n2, 1, []storage.NodeID{n3, n1, n2}},
		{"nobody known to be first", "", 2, []storage.NodeID{n1, n3, n2}},
	} {
		if got := Order(w.view(), c.first, c.bucket); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
