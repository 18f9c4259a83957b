package storage

import (
	"fmt"
	"math/rand"
	"net/netip"
	"testing"

	"port67/storage/config"
	"port67/storage/lease"
)

// bootp opens the pools to BOOTP clients, with a lease of that many seconds.
func bootp(d lease.Seconds) func(*config.Config) {
	return func(c *config.Config) {
		on := true
		c.BOOTP = config.BOOTPSettings{Dynamic: &on, Lease: &d}
	}
}

// booted is a Bind for a BOOTREQUEST of client n.
func booted(n byte) Bind { return Bind{Client: client(n), Link: link, Mode: BOOTP} }

// showing returns client n with an identifier, as it is in DHCP.
func showing(n byte, id ...byte) Client {
	c := client(n)
	c.Key = lease.ClientIDKey(id)
	return c
}

// usual is the identifier that most clients make of their hardware address (RFC 2132 §9.14).
func usual(n byte) []byte { return append([]byte{1}, client(n).CHAddr...) }

func TestBindBOOTP_BP_001_Reserved(t *testing.T) {
	w := newWorld(t, office(printer("10.67.0.100")))
	r := w.must(booted(1))
	if r.Lease.Addr != addr("10.67.0.100") || r.Told != lease.Infinite || r.Lease.Booked != lease.Never {
		t.Errorf("%v for %d s, booked until %d; want the reserved address for ever", r.Lease.Addr, r.Told, r.Lease.Booked)
	}
	w.want(Reserved, selecting(2, "10.67.0.100")) // P5
}

// Without a policy a client that has nothing reserved gets nothing, and what it gets with one is for ever or
// as long as the administrator says.
func TestBindBOOTP_BP_002_Pools(t *testing.T) {
	w := newWorld(t, office())
	w.want(Exhausted, booted(1))
	if w.s.leases.Len() > 0 {
		t.Error("a refused BOOTP client left a lease behind")
	}
	w.must(SetConfig{Expected: 1, Config: office(bootp(lease.Infinite))})
	r := w.must(booted(1))
	if !r.Lease.BOOTP || r.Told != lease.Infinite || r.Lease.Reusable != lease.Never {
		t.Errorf("%+v, told %d; want a lease without end", r.Lease, r.Told)
	}
	w.must(SetConfig{Expected: 2, Config: office(bootp(86400))})
	if r = w.must(booted(2)); r.Told != 86400 || r.Lease.Booked < w.s.clock+86400 || r.Lease.Booked == lease.Never {
		t.Errorf("told %d, booked until %d at %d; want a day", r.Told, r.Lease.Booked, w.s.clock)
	}
	if r := w.must(booted(1)); r.Lease.Booked != lease.Never {
		t.Error("P3: a promise without end was lowered")
	}
}

// BP-021: only the pools that are open to BOOTP count, by policy and by class.
func TestBindBOOTP_BP_021_PoolOfItsOwn(t *testing.T) {
	on := true
	w := newWorld(t, office(func(c *config.Config) {
		c.Subnets[0].Pools = append(c.Subnets[0].Pools, config.Pool{
			Range: span("10.67.0.30", "10.67.0.30"), Settings: config.Settings{BOOTP: config.BOOTPSettings{Dynamic: &on}},
		}, config.Pool{
			Range: span("10.67.0.40", "10.67.0.49"), Classes: []string{config.Known},
			Settings: config.Settings{BOOTP: config.BOOTPSettings{Dynamic: &on}},
		})
	}))
	wish := booted(1)
	wish.Addr = addr("10.67.0.12")
	if r := w.must(wish); r.Lease.Addr != addr("10.67.0.30") {
		t.Errorf("%v, want the address of the pool for BOOTP", r.Lease.Addr)
	}
	w.want(Exhausted, booted(2))
}

// P12: the same BOOTREQUEST, from whatever node and with whatever wish, makes one binding.
func TestBindBOOTP_P12_AsOftenAsItComes(t *testing.T) {
	w := newWorld(t, office(bootp(lease.Infinite)))
	first := w.must(booted(1)).Lease
	again := booted(1)
	again.Addr = addr("10.67.0.19")
	if r := w.must(again); r.Lease.Addr != first.Addr || w.s.leases.Len() != 1 {
		t.Errorf("%v after %v, %d leases", r.Lease.Addr, first.Addr, w.s.leases.Len())
	}
}

// The wish of the answering node is taken if it is free, and another address if it is not.
func TestBindBOOTP_Wish(t *testing.T) {
	w := newWorld(t, office(bootp(lease.Infinite)))
	for n := byte(1); n <= 2; n++ {
		b := booted(n)
		b.Addr = addr("10.67.0.15")
		if r := w.must(b); (r.Lease.Addr == b.Addr) != (n == 1) {
			t.Errorf("client %d has %v", n, r.Lease.Addr)
		}
	}
}

// BP-004: one host has one address, whichever protocol it speaks and whatever identifier it shows in DHCP.
func TestBindBOOTP_BP_004_OneHost(t *testing.T) {
	for name, dhcp := range map[string]Client{
		"no identifier":     client(1),
		"usual identifier":  showing(1, usual(1)...),
		"another":           showing(1, 255, 1, 2, 3, 4),
		"identifier of 00…": showing(1, 0, 9, 9, 9),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, office(bootp(lease.Infinite)))
			first := w.must(booted(1)).Lease.Addr
			a, refusal := w.view().Suitable(dhcp, link, netip.Addr{}, nil, nil)
			if a != first || refusal != Granted {
				t.Errorf("offered %v in DHCP, has %v by BOOTP", a, first)
			}
			for _, mode := range []Mode{InitReboot, Selecting, Renewing} {
				r := w.must(Bind{Client: dhcp, Link: link, Addr: first, Mode: mode})
				if r.Told != 3600 || r.Lease.Client != dhcp.Key {
					t.Errorf("mode %d: told %d as %v, want the lease time of DHCP", mode, r.Told, r.Lease.Client)
				}
				if r.Lease.Booked != lease.Never {
					t.Error("P3: what was promised by BOOTP was lowered")
				}
			}
			if r := w.must(booted(1)); r.Lease.Addr != first || r.Told != lease.Infinite || w.s.leases.Len() != 1 {
				t.Errorf("back in BOOTP: %v for %d s, %d leases; want %v", r.Lease.Addr, r.Told, w.s.leases.Len(), first)
			}
		})
	}
}

// BP-004 the other way: a host that began with DHCP, with its usual identifier or none, keeps its address.
func TestBindBOOTP_BP_004_DHCPFirst(t *testing.T) {
	for name, c := range map[string]Client{"no identifier": client(1), "usual identifier": showing(1, usual(1)...)} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, office(bootp(lease.Infinite)))
			first := w.must(Bind{Client: c, Link: link, Mode: Selecting}).Lease.Addr
			if r := w.must(booted(1)); r.Lease.Addr != first || r.Lease.Booked != lease.Never {
				t.Errorf("%v booked until %d, want %v for ever", r.Lease.Addr, r.Lease.Booked, first)
			}
		})
	}
}

// Another client that shows the identifier of a host without its hardware address has no part in what the host
// got by BOOTP, and a lease by DHCP alone is not shared by hardware address.
func TestBindBOOTP_OthersHaveNoPart(t *testing.T) {
	w := newWorld(t, office(bootp(lease.Infinite)))
	first := w.must(booted(1)).Lease.Addr
	w.want(InUse, Bind{Client: showing(2, usual(1)...), Link: link, Addr: first, Mode: Selecting})
	second := w.must(Bind{Client: client(3), Link: link, Mode: Selecting}).Lease.Addr
	w.want(InUse, Bind{Client: showing(3, 255, 1), Link: link, Addr: second, Mode: Selecting})
	w.want(Internal, Bind{Client: showing(4, usual(4)...), Link: link, Mode: BOOTP})
}

// BP-003, BP-022: the lease is under the hardware address, replicated like any other, shown as one without end,
// and gone only on an operator's word.
func TestBindBOOTP_BP_022_FreedByAnOperator(t *testing.T) {
	w := newWorld(t, office(bootp(lease.Infinite)))
	a := w.must(booted(1)).Lease.Addr
	w.after(3600*24*3650, Tick{})
	if l := w.lease(a.String()); l.StatusAt(w.s.clock) != lease.Bound || l.Client != client(1).Key {
		t.Errorf("%+v after ten years, want bound", l)
	}
	w.want(StillBooked, DeleteLease{Addr: a})
	w.must(DeleteLease{Addr: a, Force: true})
	w.must(selecting(2, a.String()))
}

// A node answers again what the log has promised for ever, and nothing else.
func TestSuitableBOOTP_Booked(t *testing.T) {
	for name, tt := range map[string]struct {
		before []Command
		want   bool
	}{
		"nothing yet":      {nil, false},
		"booked for ever":  {[]Command{booted(1)}, true},
		"DHCP alone":       {[]Command{Bind{Client: client(1), Link: link, Mode: Selecting}}, false},
		"DHCP since":       {[]Command{booted(1), Bind{Client: showing(1, 255, 9), Link: link, Mode: Selecting}}, false},
		"back from DHCP":   {[]Command{Bind{Client: showing(1, usual(1)...), Link: link, Mode: Selecting}, booted(1)}, true},
		"no longer wanted": {[]Command{booted(1), SetConfig{Expected: 1, Config: office(bootp(86400))}}, false},
		"for a day": {[]Command{SetConfig{Expected: 1, Config: office(bootp(86400))}, booted(1),
			SetConfig{Expected: 2, Config: office(bootp(lease.Infinite))}}, false},
		"reserved elsewhere by now": {[]Command{booted(1), SetConfig{Expected: 1,
			Config: office(printer("10.67.0.100"), bootp(lease.Infinite))}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, office(bootp(lease.Infinite)))
			for _, c := range tt.before {
				w.must(c)
			}
			a, booked, refusal := w.view().SuitableBOOTP(client(1), link, netip.Addr{}, nil, nil)
			if booked != tt.want || refusal != Granted {
				t.Errorf("%v, booked %t, refusal %d; want %t", a, booked, refusal, tt.want)
			}
		})
	}
	w := newWorld(t, office())
	if _, _, refusal := w.view().SuitableBOOTP(client(1), link, netip.Addr{}, nil, nil); refusal != Exhausted {
		t.Errorf("refusal %d without a policy, want Exhausted", refusal)
	}
	if _, _, refusal := w.view().SuitableBOOTP(client(1), "elsewhere", netip.Addr{}, nil, nil); refusal != NoSuchLink {
		t.Errorf("refusal %d, want NoSuchLink", refusal)
	}
}

// TestPromise_P1_BOOTP is the world of promises with clients that boot now and then, and then use an address
// as long as they were promised: for ever, or for a day.
func TestPromise_P1_BOOTP(t *testing.T) {
	for seed := range int64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			p := newPromise(t, seed)
			spans := []lease.Seconds{86400, lease.Infinite}
			for range 600 {
				p.now += int64(p.r.Intn(3)) * int64(p.r.Intn(1_500_000))
				switch p.r.Intn(12) {
				case 0, 1:
					p.boot(byte(p.r.Intn(promiseClients)))
				case 2:
					c := promiseConfig(rand.New(rand.NewSource(p.r.Int63())))
					bootp(spans[seed%2])(c)
					p.propose(SetConfig{Expected: p.s.revision, Config: c})
				default:
					p.step()
				}
			}
			if p.s.leases.BOOTP() == 0 {
				t.Error("nobody got an address by BOOTP: the test is too tame")
			}
		})
	}
}

// boot asks a node, which may be far behind, for an address by BOOTP.
func (p *promise) boot(n byte) {
	node := p.s
	if len(p.stale) > 0 && p.r.Intn(2) > 0 {
		node = p.stale[p.r.Intn(len(p.stale))]
	}
	a, booked, _ := ViewOf(node).SuitableBOOTP(client(n), link, p.anAddress(n), nil, nil)
	if booked {
		p.told(n, a, lease.Infinite, "from the booking")
		return
	}
	b := booted(n)
	b.Addr = a
	if r := p.propose(b); r.Refusal == Granted {
		p.told(n, r.Lease.Addr, r.Told, "committed by BOOTP")
	}
}
