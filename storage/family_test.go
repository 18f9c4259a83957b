package storage

import (
	"net/netip"
	"testing"

	"port67/storage/config"
	"port67/storage/lease"
)

// family is a small world of machines with one hardware address each. They boot by firmware that is gone when
// their system runs; under some policies their system hosts others with the same hardware address, or its
// identifier is that of another machine.
type family struct {
	*promise
	policy policy
	phase  [familySize]int // 0 PXE ROM, 1 iPXE, 2 system
	face   [familySize]int // of the system
	handed int             // how often an address went over to another identity before R

}

const familySize = 4

// policy is a way to match clients, and for what machines it promises P1.
type policy struct {
	name     string
	matches  []config.Match
	children bool // hosts with identifiers of their own share the hardware address of a system
	nameless bool // … also of one that shows no identifier
	fickle   bool // a system may change between its faces while it runs
	clones   bool // systems of two machines show one identifier
}

func (f *family) config() *config.Config {
	c := promiseConfig(f.r)
	for i := range c.Subnets[0].Reservations { // One by hardware address would be for all who share that.
		r := &c.Subnets[0].Reservations[i]
		if len(r.Hardware) > 0 {
			r.ClientID, r.Hardware = [][]byte{system(r.Hardware[0][5] % familySize).Key.Identifier()}, nil
		}
	}
	c.Identity.Match = f.policy.matches[f.r.Intn(len(f.policy.matches))]
	if f.r.Intn(4) == 0 {
		c.Identity.FirmwareHandover = ptrTo(false)
	}
	return c
}

// somebody returns one who speaks now, as the log sees it, and a number for who it is.
func (f *family) somebody() (user byte, c Client) {
	m := byte(f.r.Intn(familySize))
	if f.phase[m] == 2 && f.policy.children && f.r.Intn(2) == 0 {
		k := byte(1 + f.r.Intn(2))
		return m*4 + k, child(m, k)
	}
	switch f.phase[m] {
	case 0:
		return m * 4, rom(m)
	case 1:
		return m * 4, ipxe(m)
	}
	if f.policy.fickle {
		f.dress(m)
	}
	switch f.face[m] {
	case 0:
		return m * 4, client(m)
	case 1:
		c = ipxe(m)
		c.Firmware = false
		return m * 4, c
	}
	if f.policy.clones {
		return m * 4, showing(m, system(m&^1).Key.Identifier()...)
	}
	return m * 4, system(m)
}

// dress picks a face for a system.
func (f *family) dress(m byte) {
	f.face[m] = f.r.Intn(3)
	if f.policy.children && !f.policy.nameless {
		f.face[m] = 1 + f.r.Intn(2)
	}
}

// moveOn boots machine m, or the next thing in it: what ran there before uses no address any more.
func (f *family) moveOn(m byte) {
	f.phase[m] = (f.phase[m] + 1) % 3
	f.dress(m)
	for _, of := range f.until {
		for k := range byte(4) {
			delete(of, m*4+k)
		}
	}
}

func (f *family) step() {
	user, c := f.somebody()
	a, asked := f.anAddress(user), []lease.Seconds{0, 300, 900, 86400}[f.r.Intn(4)]
	if has := f.s.leases.ByHardware(lease.HardwareKey(c.HType, []byte(c.CHAddr))); len(has) > 0 && f.r.Intn(2) == 0 {
		a = has[f.r.Intn(len(has))].Addr
	}
	before, _ := f.s.leases.Get(a)
	switch k := f.r.Intn(24); {
	case k < 6:
		if k < 3 {
			a, _ = f.view().Suitable(c, link, netip.Addr{}, nil, nil)
			before, _ = f.s.leases.Get(a)
		}
		r := f.propose(Bind{Client: c, Link: link, Addr: a, Mode: Mode(1 + f.r.Intn(4)), AskedLease: asked})
		if r.Refusal == Granted {
			f.told(user, r.Lease.Addr, r.Told, "committed")
			if before.Client != "" && before.Client != c.Key && before.Reusable > f.s.clock {
				f.handed++
			}
		}
	case k < 12:
		f.renewLocally(user, c, a, asked)
	case k < 13:
		f.propose(Offer{Client: c, Link: link, Wish: a})
	case k < 14:
		f.propose(Release{Addr: a, Key: c.Key, HType: c.HType, CHAddr: c.CHAddr})
	case k < 15:
		f.propose(Decline{Addr: a, Key: c.Key, Held: f.r.Intn(2) == 0, HType: c.HType, CHAddr: c.CHAddr})
	case k < 16:
		f.propose(SetConfig{Expected: f.s.revision, Config: f.config()})
	case k < 17:
		f.propose([]Command{ClearDeclined{}, ReleaseLease{Addr: a}, DeleteLease{Addr: a}}[f.r.Intn(3)])
	case k < 18 && len(f.late) > 0:
		f.propose(f.late[0])
		f.late = f.late[1:]
	case k < 20:
		if f.stale = append(f.stale, f.restored().s); len(f.stale) > 4 {
			f.stale = f.stale[1:]
		}
	case k < 22:
		f.moveOn(byte(f.r.Intn(familySize)))
	default:
		f.propose(Tick{})
	}
}

// TestPromise_P1_P3_P5_P6_Identity: under every policy that promises it, no two hosts use one address, whatever
// they call themselves, and whatever they share.
func TestPromise_P1_P3_P5_P6_Identity(t *testing.T) {
	for _, policy := range []policy{
		{name: "strict", matches: []config.Match{config.MatchStrict}, children: true, nameless: true},
		{name: "V4-082 cid-then-mac, all who share show identifiers", matches: []config.Match{config.MatchHardwareToo}, children: true},
		{name: "V4-082 cid-then-mac, nobody shares", matches: []config.Match{config.MatchHardwareToo, config.MatchHardware}, fickle: true},
		{name: "V4-085 distinct-by-mac", matches: []config.Match{config.MatchBoth}, children: true, nameless: true, clones: true},
		{name: "V4-085 switched", matches: []config.Match{config.MatchBoth, config.MatchStrict}, children: true, nameless: true},
	} {
		t.Run(policy.name, func(t *testing.T) {
			handed := 0
			for seed := range int64(10) {
				f := &family{promise: newPromise(t, seed), policy: policy}
				f.machines = true
				f.propose(SetConfig{Expected: f.s.revision, Config: f.config()})
				for range 600 {
					f.now += int64(f.r.Intn(3)) * int64(f.r.Intn(600_000))
					f.step()
				}
				handed += f.handed
			}
			if handed < 20 {
				t.Errorf("%d addresses went over to another identity of their machine: the test is too tame", handed)
			}
		})
	}
}
