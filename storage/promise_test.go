package storage

import (
	"bytes"
	"fmt"
	"math/rand"
	"net/netip"
	"testing"

	"port67/storage/config"
	"port67/storage/lease"
)

// promise is a small world in which clients believe what they are told, and count with bad clocks: cluster
// time runs 0.5 % fast, every client's clock 0.5 % slow, and some clients count from the ACK instead of
// from their REQUEST. Nodes answer renewals from copies of the state that may be arbitrarily old, RELEASE
// and DECLINE may be forged, proposals may come late. Real time is in milliseconds.
type promise struct {
	*world
	r     *rand.Rand
	now   int64
	start lease.Instant
	// until is when a client stops to use an address, in real time.
	until map[netip.Addr]map[byte]int64
	stale []*State
	late  []Command
	// machines lets an address go over to another client of the same hardware address.
	machines bool
}

const promiseClients = 9

func newPromise(t *testing.T, seed int64) *promise {
	w := newWorld(t, promiseConfig(rand.New(rand.NewSource(seed))))
	return &promise{
		world: w, r: rand.New(rand.NewSource(seed)), start: w.s.clock, until: map[netip.Addr]map[byte]int64{},
	}
}

// promiseConfig moves a reservation about and takes the pool away now and then. Early reuse stays off: it
// trusts that every RELEASE is true, and here none is.
func promiseConfig(r *rand.Rand) *config.Config {
	return office(func(c *config.Config) {
		c.Subnets[0].Pools[0].Range = span("10.67.0.10", "10.67.0.16")
		switch r.Intn(6) {
		case 0, 1:
			c.Subnets[0].Reservations = []config.Reservation{{
				Hardware: [][]byte{{2, 0x67, 0, 0, 0, byte(r.Intn(promiseClients))}},
				Address:  netip.AddrFrom4([4]byte{10, 67, 0, byte(10 + r.Intn(8))}),
			}}
		case 2:
			c.Subnets[0].Pools[0].Range = span("10.67.0.12", "10.67.0.17")
		}
	})
}

// clusterTime is what a leader stamps now; the least that a node may take for an upper bound is one second
// more.
func (p *promise) clusterTime() lease.Instant {
	return p.start + lease.Instant(p.now*1005/1000/1000)
}

// told makes a client believe that it has the address, and checks P1: nobody else does.
func (p *promise) told(n byte, a netip.Addr, d lease.Seconds, how string) {
	p.t.Helper()
	for other, until := range p.until[a] {
		if other != n && until > p.now {
			p.t.Fatalf("P1: at %d ms client %d is told %d s of %v (%s), which client %d uses until %d ms",
				p.now, n, d, a, how, other, until)
		}
	}
	if p.until[a] == nil {
		p.until[a] = map[byte]int64{}
	}
	counted := int64(p.r.Intn(2)) * int64(p.r.Intn(100_000)) // from the ACK, and that came late
	p.until[a][n] = max(p.until[a][n], p.now+counted+int64(d)*1005)
}

// propose applies a command and checks P3, P5 and P6.
func (p *promise) propose(c Command) Result {
	p.t.Helper()
	before := map[netip.Addr]lease.Lease{}
	for l := range p.s.leases.All(netip.Addr{}) {
		before[l.Addr] = l
	}
	p.n++
	r := p.s.Apply(p.n, Entry{At: p.clusterTime(), Commands: []Command{c}})[0]
	for _, err := range Check(p.s) {
		p.t.Fatalf("after %#v: %v", c, err)
	}
	sub, _ := p.s.config.SubnetOf(addr("10.67.0.0"))
	for l := range p.s.leases.All(netip.Addr{}) {
		old := before[l.Addr]
		if l.Booked < old.Booked || l.Reusable < old.Reusable {
			p.t.Fatalf("P3: %#v took %+v to %+v", c, old, l)
		}
		if old.FreeFrom() > p.s.clock && l.Client != old.Client && !(p.machines && l.CHAddr == old.CHAddr) {
			p.t.Fatalf("P6: %#v took %+v to %+v at %d", c, old, l, p.s.clock)
		}
		res, reserved := sub.ReservationAt(l.Addr)
		if reserved && l.Booked > old.Booked && l.Client != res.Keys[0] {
			p.t.Fatalf("P5: %#v booked what is reserved to %v: %+v", c, res.Keys[0], l)
		}
	}
	return r
}

// anAddress is one that the client uses, or any.
func (p *promise) anAddress(n byte) netip.Addr {
	for i := range 8 {
		a := netip.AddrFrom4([4]byte{10, 67, 0, byte(10 + i)})
		if p.until[a][n] > p.now && p.r.Intn(3) > 0 {
			return a
		}
	}
	return netip.AddrFrom4([4]byte{10, 67, 0, byte(10 + p.r.Intn(8))})
}

func (p *promise) step() {
	n := byte(p.r.Intn(promiseClients))
	a := p.anAddress(n)
	asked := []lease.Seconds{0, 300, 900, 86400}[p.r.Intn(4)]
	c := client(n)
	switch k := p.r.Intn(20); {
	case k < 7:
		r := p.propose(Bind{Client: c, Link: link, Addr: a, Mode: Mode(1 + p.r.Intn(4)), AskedLease: asked})
		if r.Refusal == Granted {
			p.told(n, r.Lease.Addr, r.Told, "committed")
		}
	case k < 11:
		p.renewLocally(n, client(n), a, asked)
	case k < 13:
		p.propose(Offer{Client: c, Link: link, Wish: a})
	case k < 14:
		p.propose(Release{Addr: a, Key: c.Key})
	case k < 15:
		p.propose(Decline{Addr: a, Key: c.Key, Held: p.r.Intn(2) == 0})
	case k < 16:
		p.propose(SetConfig{Expected: p.s.revision, Config: promiseConfig(p.r)})
	case k < 17:
		p.propose([]Command{
			ClearDeclined{}, ReleaseLease{Addr: a}, DeleteLease{Addr: a}, Conflict{Addr: a, CHAddr: c.CHAddr},
			Conflict{Addr: a},
		}[p.r.Intn(5)])
	case k < 18 && len(p.late) > 0:
		p.propose(p.late[0])
		p.late = p.late[1:]
	case k < 19:
		copied := p.restored().s
		if p.stale = append(p.stale, copied); len(p.stale) > 4 {
			p.stale = p.stale[1:]
		}
	default:
		p.propose(Tick{})
	}
}

// renewLocally asks a node that may be far behind. Without a quorum it tells what remains.
func (p *promise) renewLocally(n byte, c Client, a netip.Addr, asked lease.Seconds) {
	node := p.s
	if len(p.stale) > 0 && p.r.Intn(3) > 0 {
		node = p.stale[p.r.Intn(len(p.stale))]
	}
	told, extend, ok, remaining := ViewOf(node).Renewal(a, &c, asked, p.clusterTime()+1)
	switch {
	case ok:
		p.told(n, a, told, "renewed locally")
	case remaining >= promiseMin:
		p.told(n, a, remaining, "renewed without a quorum")
	}
	if extend {
		p.late = append(p.late, Extend{Addr: a, Key: c.Key, AskedLease: asked, HType: c.HType, CHAddr: c.CHAddr})
	}
}

// TestPromise_P1_P3_P5_P6: nobody uses what somebody else was given, whatever happens.
func TestPromise_P1_P3_P5_P6(t *testing.T) {
	for seed := range int64(30) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			p := newPromise(t, seed)
			for range 600 {
				p.now += int64(p.r.Intn(3)) * int64(p.r.Intn(1_500_000))
				p.step()
			}
			users, reused := 0, 0
			for _, of := range p.until {
				users += len(of)
				if len(of) > 1 {
					reused++
				}
			}
			if reused == 0 {
				t.Errorf("no address had two clients in its time (%d uses): the test is too tame", users)
			}
		})
	}
}

// TestViews_BesideEachOther: readers share a state, also while a frozen one is written. For the race
// detector.
func TestViews_BesideEachOther_P14(t *testing.T) {
	w := newWorld(t, office())
	for n := byte(1); n < 9; n++ {
		w.must(Bind{Client: client(n), Link: link, Mode: Selecting})
	}
	frozen := w.s.Freeze()
	done := make(chan []byte)
	for range 3 {
		go func() {
			var b bytes.Buffer
			_, _ = frozen.WriteTo(&b)
			w.view().Suitable(client(20), link, netip.Addr{}, nil, nil)
			w.view().Renewal(addr("10.67.0.12"), ptrTo(client(1)), 0, w.s.clock)
			w.view().Usage(lease.Range(span("10.67.0.10", "10.67.0.19")))
			w.view().Digest()
			w.view().NextDue()
			w.view().Outlook(selecting(20, "10.67.0.12"))
			w.view().Traced(new(Trace)).Suitable(client(20), link, netip.Addr{}, nil, nil)
			done <- b.Bytes()
		}()
	}
	first := <-done
	for range 2 {
		if !bytes.Equal(first, <-done) {
			t.Error("one frozen state was written in two ways")
		}
	}
}
