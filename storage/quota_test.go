package storage

import (
	"fmt"
	"math/rand"
	"net/netip"
	"strings"
	"testing"

	"port67/storage/config"
	"port67/storage/lease"
)

// onPort returns b as it comes through a relay agent that says circuit and remote.
func onPort(b Bind, circuit, remote string) Bind {
	b.Client.RelayInfo = portInfo(circuit, remote)
	return b
}

func portInfo(circuit, remote string) string {
	var info string
	for i, v := range []string{circuit, remote} {
		if v != "" {
			info += string([]byte{byte(i + 1), byte(len(v))}) + v
		}
	}
	return info
}

func perCircuit(n uint32) func(*config.Config) {
	return func(c *config.Config) { c.Limits.BindingsPerCircuit = n }
}

func perRemote(n uint32) func(*config.Config) {
	return func(c *config.Config) { c.Limits.BindingsPerRemoteID = n }
}

func limited(class config.Class) func(*config.Config) {
	return func(c *config.Config) { c.Classes = append(c.Classes, class) }
}

// W-030: so many addresses behind one cable modem, whose hardware address is the remote-id, and no more.
func TestBind_W_030_LimitByRemoteID(t *testing.T) {
	w := newWorld(t, office(perRemote(2)))
	w.must(onPort(selecting(1, "10.67.0.10"), "cable 1", "modem"))
	w.must(onPort(selecting(2, "10.67.0.11"), "cable 1", "modem"))
	r := w.want(OverLimit, onPort(selecting(3, "10.67.0.12"), "cable 2", "modem"))
	if !strings.Contains(r.Detail, "2 addresses are held") || !r.Authoritative {
		t.Errorf("refused with %+v", r)
	}
	w.must(onPort(selecting(3, "10.67.0.12"), "cable 1", "another modem"))
	w.must(selecting(4, "10.67.0.13"))
	w.want(OverLimit, Offer{Client: onPort(selecting(5, "10.67.0.14"), "", "modem").Client, Link: link})
}

// Nobody loses what it has: whoever holds an address keeps it, by whatever way it asks and wherever it is.
func TestBind_LimitSparesWhatIsHeld(t *testing.T) {
	w := newWorld(t, office(perCircuit(1)))
	w.must(onPort(selecting(1, "10.67.0.10"), "port 1", ""))
	w.must(onPort(selecting(2, "10.67.0.11"), "port 2", ""))
	for _, mode := range []Mode{Selecting, InitReboot, Renewing, Rebinding} {
		w.must(onPort(bindIn(mode, 1, "10.67.0.10"), "port 2", ""))
		w.want(OverLimit, onPort(selecting(3, "10.67.0.12"), "port 2", ""))
	}
	w.must(Extend{Addr: addr("10.67.0.10"), Key: client(1).Key, RelayInfo: portInfo("port 1", "")})
	w.want(OverLimit, onPort(selecting(3, "10.67.0.12"), "port 1", ""))
	w.must(Release{Addr: addr("10.67.0.10"), Key: client(1).Key})
	w.must(onPort(selecting(1, "10.67.0.10"), "port 1", ""))
}

// A lease counts until its booking ends, given back or not; then its own client has to stand in line, too. It
// hears nothing before others may have its address (P13).
func TestBind_LimitCountsUntilTheBookingEnds_P13(t *testing.T) {
	w := newWorld(t, office(perCircuit(1)))
	first := onPort(selecting(1, "10.67.0.10"), "port", "")
	second := onPort(selecting(2, "10.67.0.11"), "port", "")
	b := w.must(first).Lease.Booked
	w.must(Release{Addr: addr("10.67.0.10"), Key: client(1).Key})
	w.want(OverLimit, second)
	w.after(w.s.clock.Until(b)-2, Tick{})
	w.want(OverLimit, second)
	w.want(Granted, second) // At the second of its end.
	w.want(HolderWaits, first)
	w.after(3600, Tick{})
	w.want(OverLimit, first)
}

// Where the administrator says that a release is true, it makes room at once.
func TestBind_LimitAndEarlyReuse(t *testing.T) {
	w := newWorld(t, office(perCircuit(1), func(c *config.Config) { c.Subnets[0].EarlyReuse = true }))
	w.must(onPort(selecting(1, "10.67.0.10"), "port", ""))
	w.want(OverLimit, onPort(selecting(2, "10.67.0.11"), "port", ""))
	w.must(Release{Addr: addr("10.67.0.10"), Key: client(1).Key})
	w.must(onPort(selecting(2, "10.67.0.11"), "port", ""))
	w.want(HolderWaits, onPort(selecting(1, "10.67.0.10"), "port", ""))
}

// What is reserved is promised: it counts, but is refused to nobody.
func TestBind_P5_LimitSparesReservations(t *testing.T) {
	w := newWorld(t, office(perCircuit(1), func(c *config.Config) {
		c.Subnets[0].Reservations = []config.Reservation{
			{Hardware: [][]byte{{2, 0x67, 0, 0, 0, 1}}, Address: addr("10.67.0.100")},
			{Hardware: [][]byte{{2, 0x67, 0, 0, 0, 2}}, Address: addr("10.67.0.101")},
		}
	}))
	w.must(onPort(selecting(1, "10.67.0.100"), "port", ""))
	w.must(onPort(selecting(2, "10.67.0.101"), "port", ""))
	w.want(OverLimit, onPort(selecting(3, "10.67.0.11"), "port", ""))
}

// W-008: a server for remote access asks for ten leases, each under an identifier of its own; the limit of
// the class is how many it gets.
func TestBind_W_008_LimitOfClass(t *testing.T) {
	w := newWorld(t, office(limited(config.Class{Name: "ras", Test: "true", Limit: 3})))
	for n := range byte(10) {
		b := Bind{Client: client(9), Link: link, Addr: addr("10.67.0.10"), Mode: Selecting}
		b.Client.Key = lease.ClientIDKey([]byte("RAS \x02\x67\x00\x00\x00\x09" + string(n)))
		b.Client.Classes = []string{"ras"}
		for range n {
			b.Addr = b.Addr.Next()
		}
		want := Granted
		if n >= 3 {
			want = OverLimit
		}
		w.want(want, b)
	}
	w.must(selecting(1, "10.67.0.19"))
}

// A BOOTP client counts like any other, for ever; and it is told again what it has.
func TestBindBOOTP_Limit(t *testing.T) {
	w := newWorld(t, office(bootp(lease.Infinite), perCircuit(1)))
	first, second := onPort(booted(1), "port", ""), onPort(booted(2), "port", "")
	w.must(first)
	w.must(first)
	w.want(OverLimit, second)
	w.after(1<<30, Tick{})
	w.want(OverLimit, second)
	if _, _, r := w.view().SuitableBOOTP(second.Client, link, netip.Addr{}, nil, nil); r != OverLimit {
		t.Errorf("a node finds %d, want %d", r, OverLimit)
	}
	a, booked, r := w.view().SuitableBOOTP(first.Client, link, netip.Addr{}, nil, nil)
	if r != Granted || !booked || a != w.s.leases.ByClient(first.Client.Key)[0].Addr {
		t.Errorf("the holder: %v, %t, %d; want its address", a, booked, r)
	}
}

// Each value of a template has the limit of the template, or its own.
func TestBind_LimitOfValues(t *testing.T) {
	w := newWorld(t, office(limited(config.Class{Name: "port", Template: "x", Limit: 1}),
		limited(config.Class{Name: "port:b", Limit: 2})))
	in := func(n byte, a, class string) Bind {
		b := selecting(n, a)
		b.Client.Classes = []string{"port", class}
		return b
	}
	w.must(in(1, "10.67.0.10", "port:a"))
	w.want(OverLimit, in(2, "10.67.0.11", "port:a"))
	w.must(in(2, "10.67.0.11", "port:b"))
	w.must(in(3, "10.67.0.12", "port:b"))
	w.want(OverLimit, in(4, "10.67.0.13", "port:b"))
	w.must(in(4, "10.67.0.13", "port:c"))
}

// The answering node knows by its own copy, without asking the log.
func TestSuitable_OverLimit(t *testing.T) {
	w := newWorld(t, office(perCircuit(1)))
	w.must(onPort(selecting(1, "10.67.0.10"), "port", ""))
	ask := func(b Bind) Refusal {
		_, r := w.view().Suitable(b.Client, link, netip.Addr{}, nil, nil)
		return r
	}
	if got := ask(onPort(selecting(2, "10.67.0.11"), "port", "")); got != OverLimit {
		t.Errorf("another client of the circuit: %d, want %d", got, OverLimit)
	}
	if got := ask(onPort(selecting(1, "10.67.0.11"), "port", "")); got != Granted {
		t.Errorf("the client that has an address: %d, want %d", got, Granted)
	}
}

// Leases that were there before the limit count as soon as they have been looked at: circuits at once in a
// small table, classes when the client is heard of.
func TestSetConfig_CountsWhatIsThere(t *testing.T) {
	w := newWorld(t, office())
	w.must(onPort(selecting(1, "10.67.0.10"), "port", ""))
	w.must(SetConfig{Expected: 1, Config: office(perCircuit(1))})
	w.want(OverLimit, onPort(selecting(2, "10.67.0.11"), "port", ""))
	w.must(SetConfig{Expected: 2, Config: office(limited(config.Class{Name: "c", Test: "true", Limit: 1}))})
	member := func(b Bind) Bind { b.Client.Classes = []string{"c"}; return b }
	w.must(Extend{Addr: addr("10.67.0.10"), Key: client(1).Key, Classes: []string{"c"}})
	w.want(OverLimit, member(selecting(2, "10.67.0.11")))
}

// TestQuota_AgreesWithLookingAtAll does random things and looks at every lease before each new binding. Two
// states, one of them restored from a snapshot again and again, and one fed with batches, end alike (P9, P14).
func TestQuota_AgreesWithLookingAtAll_P9_P14(t *testing.T) {
	for seed := range int64(4) {
		r := rand.New(rand.NewSource(seed))
		w := newWorld(t, quotaConfig(0))
		other := w.restored()
		batched := w.restored()
		var batch []Command
		revision, refused, granted := uint64(1), 0, 0
		for step := range 600 {
			c := randomQuotaCommand(r, &revision)
			at := w.s.clock
			if len(batch) == 0 {
				at = at.Add(lease.Seconds(r.Intn(300)))
			}
			want := naiveLimit(w.s, c, at)
			w.n++
			got := w.s.Apply(w.n, Entry{At: at, Commands: []Command{c}})[0]
			for _, err := range Check(w.s) {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
			if b, ok := c.(Bind); ok {
				over := got.Refusal == OverLimit
				if over && !want || got.Refusal == Granted && want {
					t.Fatalf("seed %d, step %d: %+v: refusal %d (%s), by looking at all: over the limit: %t",
						seed, step, b, got.Refusal, got.Detail, want)
				}
				refused, granted = refused+count(over), granted+count(got.Refusal == Granted)
			}
			other.n++
			again := other.s.Apply(other.n, Entry{At: at, Commands: []Command{c}})[0]
			if again.Refusal != got.Refusal || other.s.Digest() != w.s.Digest() {
				t.Fatalf("seed %d, step %d: restored after every entry it ends otherwise", seed, step)
			}
			other = other.restored()
			if batch = append(batch, c); r.Intn(3) == 0 {
				batched.n++
				batched.s.Apply(batched.n, Entry{At: at, Commands: batch})
				batch = nil
				if batched.s.Digest() != w.s.Digest() {
					t.Fatalf("seed %d, step %d: in batches it ends otherwise", seed, step)
				}
			}
		}
		if refused < 20 || granted < 60 {
			t.Errorf("seed %d: %d over the limit, %d granted: too tame", seed, refused, granted)
		}
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

func quotaConfig(kind int) *config.Config {
	all := []func(*config.Config){
		perCircuit(4), perRemote(7), limited(config.Class{Name: "c", Test: "true", Limit: 6}),
		limited(config.Class{Name: "t", Template: "x", Limit: 3}),
		func(c *config.Config) {
			c.Subnets[0].Pools[0].Range = span("10.67.0.10", "10.67.0.89")
			c.Subnets[0].EarlyReuse = kind%2 == 1
		},
	}
	if kind == 2 {
		all = all[1:] // No limit by circuit.
	}
	return office(all...)
}

func randomQuotaCommand(r *rand.Rand, revision *uint64) Command {
	n := byte(r.Intn(40))
	a := fmt.Sprintf("10.67.0.%d", 10+r.Intn(60))
	key := client(n).Key
	switch r.Intn(12) {
	case 0:
		return Release{Addr: addr(a), Key: key}
	case 1:
		return Extend{Addr: addr(a), Key: key, Classes: []string{"c"}}
	case 2:
		return DeleteLease{Addr: addr(a), Force: true}
	case 3:
		if r.Intn(8) > 0 {
			return Tick{}
		}
		*revision++
		return SetConfig{Expected: *revision - 1, Config: quotaConfig(r.Intn(3))}
	case 4:
		return Decline{Addr: addr(a), Key: key}
	}
	b := onPort(selecting(n, a), fmt.Sprint("port ", r.Intn(5)), []string{"", "left", "right"}[r.Intn(3)])
	b.Mode = []Mode{Selecting, Selecting, Selecting, InitReboot, Rebinding}[r.Intn(5)]
	switch r.Intn(3) {
	case 0:
		b.Client.Classes = []string{"c"}
	case 1:
		b.Client.Classes = []string{"t", "t:" + fmt.Sprint(r.Intn(4))}
	}
	return b
}

// naiveLimit says whether c is a new binding that runs into a limit, by a look at every lease.
func naiveLimit(s *State, c Command, at lease.Instant) bool {
	b, ok := c.(Bind)
	if !ok {
		return false
	}
	early := s.config.Config.Subnets[0].EarlyReuse
	counts := func(l *lease.Lease) bool {
		return l.Booked > at && (l.Status == lease.Bound || l.Status == lease.Released && !(early && l.Withheld == 0))
	}
	l, has := s.leases.Get(b.Addr)
	if has && l.Client == b.Client.Key && counts(&l) {
		return false
	}
	if from, whole := s.leases.Counted(); !whole || from.IsValid() {
		return false // Never here: the table is small.
	}
	var circuit, remote, inClass, inValue uint32
	own := func(code byte, info string) string { v, _ := lease.RelayOption(info, code); return v }
	value := ""
	for _, name := range b.Client.Classes {
		if strings.HasPrefix(name, "t:") {
			value = name
		}
	}
	for l := range s.leases.All(netip.Addr{}) {
		if !counts(&l) {
			continue
		}
		sameRemote := own(2, l.RelayInfo) == own(2, b.Client.RelayInfo)
		circuit += uint32(count(sameRemote && own(1, l.RelayInfo) == own(1, b.Client.RelayInfo)))
		remote += uint32(count(sameRemote && own(2, l.RelayInfo) != ""))
		inClass += uint32(count(l.Counted == "c" && len(b.Client.Classes) == 1))
		inValue += uint32(count(value != "" && l.Counted == value))
	}
	perCircuit := s.config.Config.Limits.BindingsPerCircuit
	return perCircuit > 0 && circuit >= perCircuit || remote >= 7 || inClass >= 6 || inValue >= 3
}

// TestSetConfig_CountsBitByBit_P9_P14: many leases are there when the limit comes. They are looked at with each
// command, more with a Tick, and a state restored on the way goes on where the other is.
func TestSetConfig_CountsBitByBit_P9_P14(t *testing.T) {
	wide := func(c *config.Config) {
		c.Subnets[0].Prefix = netip.MustParsePrefix("10.67.0.0/16")
		c.Subnets[0].Pools[0].Range = span("10.67.1.0", "10.67.200.255")
	}
	w := newWorld(t, office(wide))
	const there = 5 * countMax
	for n := range there {
		w.s.leases.Put(lease.Lease{
			Addr: netip.AddrFrom4([4]byte{10, 67, byte(1 + n/256), byte(n)}), Client: "c", Status: lease.Bound,
			Booked: w.s.clock + 86400, Reusable: w.s.clock + 90000, RelayInfo: portInfo("port", ""),
		})
	}
	w.must(SetConfig{Expected: 1, Config: office(wide, perCircuit(there))})
	key, _ := circuitKey("10.67.0.0/16", portInfo("port", ""))
	other, batched := w.restored(), w.restored()
	var batch []Command
	for step := range 4 {
		if got, want := w.s.leases.Count(key, w.s.clock), uint64((step+1)*countMax); got != want {
			t.Errorf("step %d: %d counted, want %d", step, got, want)
		}
		if due, ok := w.view().NextDue(); !ok || due > w.s.clock {
			t.Errorf("step %d: next due %d, %t; want a Tick at once", step, due, ok)
		}
		b := Bind{Client: client(byte(step)), Link: "10.67.0.0/16", Mode: Selecting, Addr: addr("10.67.100.1")}
		b.Client.RelayInfo = portInfo("another port", "")
		for range step {
			b.Addr = b.Addr.Next()
		}
		at := w.s.clock
		batch = append(batch, b)
		for _, each := range []*world{w, other} {
			each.n++
			if r := each.s.Apply(each.n, Entry{At: at, Commands: []Command{b}})[0]; r.Refusal != Granted {
				t.Fatalf("step %d: refusal %d, %s", step, r.Refusal, r.Detail)
			}
		}
		if other = other.restored(); other.s.Digest() != w.s.Digest() {
			t.Fatalf("step %d: restored on the way it ends otherwise", step)
		}
	}
	batched.n++
	batched.s.Apply(batched.n, Entry{At: w.s.clock, Commands: batch})
	if batched.s.Digest() != w.s.Digest() {
		t.Error("in a batch it ends otherwise")
	}
	w.must(Tick{})
	other.must(Tick{})
	late := Bind{Client: client(99), Link: "10.67.0.0/16", Mode: Selecting, Addr: addr("10.67.150.1")}
	late.Client.RelayInfo = portInfo("port", "")
	w.want(OverLimit, late)
	other.want(OverLimit, late)
	if w.s.leases.Uncounted() || w.s.Digest() != other.s.Digest() {
		t.Errorf("not counted to the end (%t), or the states differ", w.s.leases.Uncounted())
	}
}
