package server

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"port67/server/dhcp4"
	"port67/storage"
	"port67/storage/lease"
)

// stubClock is a clock that a test moves. Wait passes the time, unless meanwhile does something first.
type stubClock struct {
	now       time.Time
	meanwhile func(d time.Duration)
}

func (c *stubClock) Now() time.Time { return c.now }

func (c *stubClock) WithTimeout(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
	return context.WithCancel(ctx)
}

func (c *stubClock) Wait(_ context.Context, d time.Duration, done <-chan struct{}) {
	if c.meanwhile != nil {
		c.meanwhile(d)
	}
	select {
	case <-done:
	default:
		c.now = c.now.Add(d)
	}
}

var (
	relayPath  = dhcp4.Path{Link: "10.68.0.0/24", GIAddr: netip.MustParseAddr("10.68.0.1")}
	directPath = dhcp4.Path{Link: "10.67.0.0/24", GIAddr: netip.IPv4Unspecified()}
)

// said is a DISCOVER of a client and the name of the exchange.
func said(k string, xid uint32) (lease.Key, *dhcp4.Query, Exchange) {
	q := &dhcp4.Query{XID: xid, Type: dhcp4.Discover, GIAddr: netip.IPv4Unspecified()}
	key := lease.ClientIDKey([]byte(k))
	return key, q, exchangeOf("test", q, key)
}

func newTestNeighbours() (*neighbours, *stubClock) {
	c := &stubClock{now: time.Unix(1_000_000, 0)}
	return newNeighbours(100, "test", c), c
}

func TestNeighbours_Await(t *testing.T) {
	const wait = 2 * takeoverStep
	ahead := []storage.NodeID{"n2", "n3"}
	for _, c := range []struct {
		name  string
		event func(n *neighbours, c *stubClock, x Exchange)
		want  bool
		took  time.Duration
	}{
		{"nobody answers", func(*neighbours, *stubClock, Exchange) {}, false, wait},
		{"the first answers", func(n *neighbours, c *stubClock, x Exchange) {
			c.now = c.now.Add(time.Millisecond)
			n.handled("n2", x)
		}, true, time.Millisecond},
		{"another exchange is answered", func(n *neighbours, _ *stubClock, x Exchange) {
			x.XID++
			n.handled("n2", x)
		}, false, wait},
		{"another client is answered", func(n *neighbours, _ *stubClock, x Exchange) {
			x.Client++
			n.handled("n2", x)
		}, false, wait},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, clock := newTestNeighbours()
			_, _, x := said("c", 1)
			began := clock.now
			n.note(x, began, directPath, ahead)
			clock.meanwhile = func(time.Duration) { c.event(n, clock, x) }
			if got := n.await(t.Context(), x, began, ahead); got != c.want {
				t.Errorf("handled %v, want %v", got, c.want)
			}
			if took := clock.now.Sub(began); took != c.took {
				t.Errorf("waited %v, want %v", took, c.took)
			}
		})
	}
}

func TestNeighbours_WordThatComesBeforeTheMessage(t *testing.T) {
	n, clock := newTestNeighbours()
	_, _, x := said("c", 1)
	n.handled("n2", x)
	heard := clock.now.Add(10 * time.Millisecond)
	clock.now = heard
	n.note(x, heard, directPath, []storage.NodeID{"n2"})
	clock.meanwhile = func(time.Duration) { t.Error("waited for an answer that was given already") }
	if !n.await(t.Context(), x, heard, []storage.NodeID{"n2"}) {
		t.Error("answered twice")
	}
}

func TestNeighbours_WordAboutTheMessageBeforeDoesNotCount(t *testing.T) {
	n, clock := newTestNeighbours()
	_, _, x := said("c", 1)
	n.note(x, clock.now, directPath, []storage.NodeID{"n2"})
	n.handled("n2", x)
	clock.now = clock.now.Add(4 * time.Second) // The client has not heard n2, which is dead by now.
	n.note(x, clock.now, directPath, []storage.NodeID{"n2"})
	if n.await(t.Context(), x, clock.now, []storage.NodeID{"n2"}) {
		t.Error("a retransmission is taken for answered")
	}
}

func TestNeighbours_Retransmissions(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(n *neighbours, clock *stubClock, x Exchange)
		want   bool
	}{
		{"nothing before", func(*neighbours, *stubClock, Exchange) {}, false},
		{"heard before, nobody answered", func(n *neighbours, c *stubClock, x Exchange) {
			n.note(x, c.now, directPath, nil)
			c.now = c.now.Add(4 * time.Second)
		}, true},
		{"heard before with another transaction, nobody answered",
			func(n *neighbours, c *stubClock, x Exchange) {
				x.XID--
				n.note(x, c.now, directPath, nil)
				c.now = c.now.Add(4 * time.Second)
			}, true},
		{"this node answered", func(n *neighbours, c *stubClock, x Exchange) {
			n.note(x, c.now, directPath, nil)
			n.answered(x)
		}, false},
		{"another node answered", func(n *neighbours, c *stubClock, x Exchange) {
			n.note(x, c.now, directPath, nil)
			n.handled("n2", x)
		}, false},
		{"answered twice, and the answers do not arrive", func(n *neighbours, c *stubClock, x Exchange) {
			for range 2 {
				n.note(x, c.now, directPath, nil)
				n.handled("n2", x)
				c.now = c.now.Add(4 * time.Second)
			}
		}, true},
		{"long ago", func(n *neighbours, c *stubClock, x Exchange) {
			n.note(x, c.now, directPath, nil)
			c.now = c.now.Add(retryWindow + 1)
		}, false},
		{"another message type", func(n *neighbours, c *stubClock, x Exchange) {
			x.Type = dhcp4.Request
			n.note(x, c.now, directPath, nil)
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, clock := newTestNeighbours()
			k, q, x := said("c", 7)
			c.before(n, clock, x)
			if got := n.Unanswered(k, q); got != c.want {
				t.Errorf("unanswered %v, want %v", got, c.want)
			}
		})
	}
}

// misses lets client i of a path wait for n2 in vain.
func waitInVain(t *testing.T, n *neighbours, clock *stubClock, p dhcp4.Path, i string) {
	t.Helper()
	_, _, x := said(i, 1)
	n.note(x, clock.now, p, []storage.NodeID{"n2"})
	if n.await(t.Context(), x, clock.now, []storage.NodeID{"n2"}) {
		t.Fatal("handled by nobody")
	}
}

func TestNeighbours_WhoHearsWhichRelay(t *testing.T) {
	n, clock := newTestNeighbours()
	waitInVain(t, n, clock, relayPath, "a")
	if n.Deaf(relayPath, "n2") {
		t.Error("deaf after one miss")
	}
	waitInVain(t, n, clock, relayPath, "b")
	if !n.Deaf(relayPath, "n2") {
		t.Error("not deaf after two misses: a relay with one address costs every client the wait")
	}
	if n.Deaf(directPath, "n2") || n.Deaf(relayPath, "n3") {
		t.Error("deaf elsewhere, or another node is")
	}
	_, _, elsewhere := said("z", 1)
	n.handled("n2", elsewhere)
	if !n.Deaf(relayPath, "n2") {
		t.Error("ECMP: the word about a message that did not come here is no sign that n2 hears ours")
	}
	_, _, both := said("c", 1)
	n.note(both, clock.now, relayPath, nil)
	n.handled("n2", both)
	if n.Deaf(relayPath, "n2") {
		t.Error("deaf although it has answered what this node heard too")
	}
}

func TestNeighbours_ThirdLearnsWhomTheSecondReplaced(t *testing.T) {
	n, clock := newTestNeighbours()
	ahead := []storage.NodeID{"n2", "n3"}
	for _, k := range []string{"a", "b"} {
		_, _, x := said(k, 1)
		heard := clock.now
		n.note(x, heard, relayPath, ahead)
		clock.meanwhile = func(time.Duration) {
			clock.now = clock.now.Add(takeoverStep + time.Millisecond)
			n.handled("n3", x)
		}
		if !n.await(t.Context(), x, heard, ahead) {
			t.Fatal("n3's answer went unnoticed")
		}
	}
	if !n.Deaf(relayPath, "n2") || n.Deaf(relayPath, "n3") {
		t.Errorf("n2 deaf %v, n3 deaf %v; want n2 alone", n.Deaf(relayPath, "n2"), n.Deaf(relayPath, "n3"))
	}
}

func TestNeighbours_BoundedUnderAFlood(t *testing.T) {
	n, clock := newTestNeighbours()
	for i := range uint32(2 * pathsMax) {
		x := Exchange{Client: uint64(i), XID: i, Type: dhcp4.Discover}
		p := dhcp4.Path{Link: "10.68.0.0/24", GIAddr: netip.AddrFrom4([4]byte{10, 68, byte(i >> 8), byte(i)})}
		n.note(x, clock.now, p, []storage.NodeID{"n2"})
		n.await(t.Context(), x, clock.now, []storage.NodeID{"n2"})
		n.handled("n2", Exchange{Client: uint64(i) << 32, XID: i})
	}
	if n.talks.Len() > 100 || n.paths.Len() > pathsMax {
		t.Errorf("%d talks, %d paths", n.talks.Len(), n.paths.Len())
	}
}
