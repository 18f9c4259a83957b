package storage

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"port67/storage/config"
	"port67/storage/lease"
)

// restored returns the world after a restart from a snapshot.
func (w *world) restored() *world {
	w.t.Helper()
	s, err := Restore(bytes.NewReader(w.snapshot()))
	if err != nil {
		w.t.Fatal(err)
	}
	return &world{w.t, s, w.n}
}

func (w *world) snapshot() []byte {
	w.t.Helper()
	var b bytes.Buffer
	n, err := w.s.Freeze().WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		w.t.Fatalf("wrote %d octets of %d: %v", n, b.Len(), err)
	}
	return b.Bytes()
}

// everything is a state with one of everything, every field set.
func everything(t testing.TB) *State {
	s := New()
	fill(t, reflect.ValueOf(&s.identity).Elem())
	s.clock, s.index, s.anomalies, s.level, s.epoch, s.revision = 2_000_000, 77, 3, 1, 5, 9
	for i := range s.buckets {
		s.buckets[i] = NodeID(fmt.Sprint("node ", i%3))
	}
	s.nodes = make([]Node, 1)
	fill(t, reflect.ValueOf(&s.nodes[0]).Elem())
	s.tokens = make([]Token, 1)
	fill(t, reflect.ValueOf(&s.tokens[0]).Elem())
	s.formers = make([]former, 1)
	fill(t, reflect.ValueOf(&s.formers[0]).Elem())
	s.history = make([]Revision, 1)
	fill(t, reflect.ValueOf(&s.history[0]).Elem())
	s.declines = make([]declined, 1)
	fill(t, reflect.ValueOf(&s.declines[0]).Elem())
	s.leases.SetMoved(1_999_999, addr("10.67.0.2"))
	var why string
	if s.config, s.text, why = compile(office(printer("10.67.0.100"))); why != "" {
		t.Fatal(why)
	}
	l := lease.Lease{
		Addr: addr("10.67.0.12"), Client: "c", Status: lease.Bound, Booked: 2_000_001, Reusable: 2_000_002,
		Withheld: 2_000_003, Start: 1, Last: 2, Told: 3, HType: 4, CHAddr: "x", Hostname: "y", RelayInfo: "z",
		BOOTP: true, Counted: "modem",
	}
	s.leases.SetCounted(addr("10.67.0.3"), true)
	s.leases.Put(l)
	return s
}

// fill sets every field of a struct to something that is not zero, unexported ones included.
func fill(t testing.TB, v reflect.Value) {
	for i := range v.NumField() {
		f := v.Field(i)
		f = reflect.NewAt(f.Type(), f.Addr().UnsafePointer()).Elem()
		switch f.Interface().(type) {
		case netip.Addr:
			f.Set(reflect.ValueOf(addr("10.67.0.1")))
			continue
		case []netip.Addr:
			f.Set(reflect.ValueOf([]netip.Addr{addr("10.67.0.1"), addr("10.67.0.2")}))
			continue
		}
		switch f.Kind() {
		case reflect.String:
			f.SetString(fmt.Sprint("text ", i))
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Int64:
			f.SetInt(int64(100 + i))
		case reflect.Uint32, reflect.Uint64:
			f.SetUint(uint64(100 + i))
		case reflect.Slice:
			f.SetBytes([]byte{1, byte(i)})
		case reflect.Array:
			for k := range f.Len() {
				f.Index(k).SetUint(uint64(k + 1))
			}
		default:
			t.Fatalf("%s.%s: teach this test to fill a %s", v.Type(), v.Type().Field(i).Name, f.Type())
		}
	}
}

// local are the fields of State that no snapshot holds, with the reason.
func local() map[string]string {
	return map[string]string{
		"settled": "a cache of the digest",
		"witness": "what this node observed",
		"own":     "follows from nodes",
		"trace":   "only a copy for readers has one",
		"config":  "compared as text",
		"leases":  "compared by their sum and by Check",
	}
}

// TestEverything_P14 fails when a field of State, Node, Token, Revision or Lease is forgotten in snapshots.
func TestEverything_P14(t *testing.T) {
	s := everything(t)
	w := world{t: t, s: s}
	got := w.restored().s
	want, have := reflect.ValueOf(s).Elem(), reflect.ValueOf(got).Elem()
	for i := range want.NumField() {
		name := want.Type().Field(i).Name
		if _, ok := local()[name]; ok {
			continue
		}
		a := reflect.NewAt(want.Field(i).Type(), want.Field(i).Addr().UnsafePointer()).Elem()
		b := reflect.NewAt(have.Field(i).Type(), have.Field(i).Addr().UnsafePointer()).Elem()
		if a.IsZero() {
			t.Errorf("field %s: everything leaves it empty", name)
		}
		opts := cmp.Options{
			cmp.AllowUnexported(identity{}, declined{}, former{}), cmpopts.EquateComparable(netip.Addr{}),
		}
		if diff := cmp.Diff(a.Interface(), b.Interface(), opts); diff != "" {
			t.Errorf("field %s: written (-), restored (+):\n%s", name, diff)
		}
	}
	if s.Digest() != got.Digest() {
		t.Error("the digests differ")
	}
	for _, err := range got.leases.Check() {
		t.Error(err)
	}
	if d, ok := ViewOf(got).DigestAt(77); !ok || d != s.Digest() {
		t.Error("a restored state does not know its digest")
	}
}

// TestDigest_SeesEveryField_P9: a digest that overlooks a field overlooks divergence.
func TestDigest_SeesEveryField_P9(t *testing.T) {
	base := everything(t).Digest()
	changes := map[string]func(*State){
		"clock":     func(s *State) { s.clock++ },
		"anomalies": func(s *State) { s.anomalies++ },
		"declines":  func(s *State) { s.declines[0].at++ },
		"identity":  func(s *State) { s.identity.caKey[0]++ },
		"level":     func(s *State) { s.level++ },
		"revision":  func(s *State) { s.revision++ },
		"text":      func(s *State) { s.text[0]++ },
		"formers":   func(s *State) { s.formers[0].until++ },
		"history":   func(s *State) { s.history[0].Wall++ },
		"buckets":   func(s *State) { s.buckets[200] = "x" },
		"epoch":     func(s *State) { s.epoch++ },
		"nodes":     func(s *State) { s.nodes[0].Drained = false },
		"tokens":    func(s *State) { s.tokens[0].UsedBy = "x" },
		"leases":    func(s *State) { s.leases.Delete(addr("10.67.0.12")) },
		"moved":     func(s *State) { s.leases.Advance(s.clock, 1) },
		"counted":   func(s *State) { s.leases.SetCounted(addr("10.67.0.4"), true) },
		"whole":     func(s *State) { s.leases.SetCounted(addr("10.67.0.3"), false) },
	}
	typ := reflect.TypeFor[State]()
	for i := range typ.NumField() {
		name := typ.Field(i).Name
		_, isLocal := local()[name]
		if _, ok := changes[name]; !ok && !isLocal && name != "index" {
			t.Errorf("field %s: say here how it shows in the digest", name)
		}
	}
	for name, change := range changes {
		s := everything(t)
		change(s)
		if s.Digest() == base {
			t.Errorf("a change of %s does not show in the digest", name)
		}
	}
}

// TestRestore_RefusesDamage: every octet counts, and so does every missing one.
func TestRestore_RefusesDamage(t *testing.T) {
	w := world{t: t, s: everything(t)}
	good := w.snapshot()
	for i := range good {
		if i%7 == 0 {
			if _, err := Restore(bytes.NewReader(good[:i])); err == nil {
				t.Fatalf("the first %d of %d octets were taken for a snapshot", i, len(good))
			}
		}
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		if _, err := Restore(bytes.NewReader(bad)); err == nil {
			t.Fatalf("a flipped bit in octet %d of %d was not noticed", i, len(good))
		}
	}
}

func TestRestore_SaysWhatIsWrong(t *testing.T) {
	w := world{t: t, s: everything(t)}
	good := w.snapshot()
	end := bytes.LastIndex(good, []byte("\x03end"))
	with := func(name string, payload []byte) []byte {
		var b bytes.Buffer
		b.Write(good[:end])
		sw := sectionWriter{to: &b}
		sw.section(name, payload)
		b.Write(good[end:])
		return b.Bytes()
	}
	other := bytes.Clone(good[:end])
	for _, c := range []struct {
		name string
		b    []byte
		want string
	}{
		{"empty", nil, "begins with"},
		{"another format", []byte("port67 state 2\nwhatever follows"), "cannot read"},
		{"a section of a later release", with("futures", []byte{1}), `"futures"): unknown: written by a later release`},
		{"a section twice", with("nodes", []byte{0}), `"nodes"): in the wrong place`},
		{"no end", other, "the last section is missing"},
		{"other leases than under the digest", with("leases", appendText(nil, (&lease.Lease{
			Addr: addr("10.67.0.13"), Client: "c", Status: lease.Bound,
		}).Append(nil))), "digest"},
		{"a lease that is none", with("leases", []byte{1, 9}), "lease: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Restore(bytes.NewReader(c.b))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want it to say %q", err, c.want)
			}
		})
	}
}

// FuzzRestore: whatever it takes is a sound state that is written and restored alike.
func FuzzRestore(f *testing.F) {
	var b bytes.Buffer
	_, _ = everything(f).Freeze().WriteTo(&b)
	f.Add(b.Bytes())
	b.Reset()
	_, _ = New().Freeze().WriteTo(&b)
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := Restore(bytes.NewReader(in))
		if err != nil {
			return
		}
		w := world{t: t, s: s}
		if w.restored().s.Digest() != s.Digest() {
			t.Error("restored to another state")
		}
	})
}

// TestFreeze_KeepsWhatWas_P14: what happens after Freeze is not in the snapshot.
func TestFreeze_KeepsWhatWas_P14(t *testing.T) {
	w := newWorld(t, office())
	w.must(selecting(1, "10.67.0.12"))
	before, frozen := w.snapshot(), w.s.Freeze()
	w.must(selecting(2, "10.67.0.13"))
	w.must(PutNode{node(nodeB)})
	w.must(DrainNode{nodeA, true})
	w.must(AddToken{[32]byte{1}, w.s.clock + 100})
	w.must(UseToken{[32]byte{1}, node(nodeB)})
	w.must(Decline{Addr: addr("10.67.0.13"), Key: client(2).Key})
	then(otherPool)(w)
	var after bytes.Buffer
	if _, err := frozen.WriteTo(&after); err != nil || !bytes.Equal(before, after.Bytes()) {
		t.Errorf("the snapshot follows the state: %v", err)
	}
}

// randomCommand returns one of what clients, operators and nodes ask for, possible or not.
func randomCommand(r *rand.Rand, w *world) Command {
	a := netip.AddrFrom4([4]byte{10, 67, 0, byte(8 + r.Intn(14))})
	n := byte(r.Intn(14))
	c := client(n)
	if r.Intn(4) == 0 {
		c.Key = lease.ClientIDKey([]byte{0, 'p', n & 3})
	}
	c.Hostname, c.Firmware = []string{"", "laptop"}[r.Intn(2)], r.Intn(3) == 0
	asked := []lease.Seconds{0, 300, 86400}[r.Intn(3)]
	switch k := r.Intn(40); {
	case k < 16:
		b := Bind{Client: c, Link: link, Addr: a, Mode: Mode(1 + r.Intn(5)), AskedLease: asked}
		if r.Intn(5) == 0 {
			b.Addr = netip.Addr{}
		}
		return b
	case k < 22:
		return Offer{Client: c, Link: link, Wish: a, Asked: a.Next()}
	case k < 25:
		return Extend{Addr: a, Key: c.Key, AskedLease: asked, HType: c.HType, CHAddr: c.CHAddr}
	case k < 28:
		return Release{Addr: a, Key: c.Key, HType: c.HType, CHAddr: c.CHAddr}
	case k < 31:
		return Decline{Addr: a, Key: c.Key, Held: r.Intn(2) == 0, HType: c.HType, CHAddr: c.CHAddr}
	case k < 32:
		if r.Intn(2) == 0 {
			return Conflict{Addr: a, CHAddr: c.CHAddr}
		}
		return ClearDeclined{}
	case k < 33:
		return ReleaseLease{Addr: a}
	case k < 34:
		return DeleteLease{Addr: a}
	case k < 36:
		return AddToken{[32]byte{byte(r.Intn(4))}, w.s.clock + lease.Instant(r.Intn(1000))}
	case k < 37:
		return UseToken{[32]byte{byte(r.Intn(4))}, node(nodeB)}
	case k < 38:
		return SetConfig{Expected: w.s.revision, Config: randomConfig(r), Source: "text"}
	}
	return Tick{}
}

func randomConfig(r *rand.Rand) *config.Config {
	var changes []func(*config.Config)
	for _, f := range []func(*config.Config){
		earlyReuse, printer("10.67.0.15"), printer("10.67.0.100"), otherPool, bootp(86400),
		matched(config.MatchHardwareToo), matched(config.MatchHardware), matched(config.MatchBoth),
	} {
		if r.Intn(4) == 0 && len(changes) == 0 {
			changes = append(changes, f)
		}
	}
	return office(changes...)
}

// TestApply_SnapshotAtEveryStep_P14_D8: apply; and apply with a restart from a snapshot now and then; and
// several at a time: all end in the same state, with the same results.
func TestApply_SnapshotAtEveryStep_P9_P14_D8(t *testing.T) {
	for seed := range int64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewSource(seed))
			straight, broken, batched := newWorld(t, office()), newWorld(t, office()), newWorld(t, office())
			for step := range 150 {
				at := straight.s.clock + lease.Instant(r.Intn(2000))
				var batch []Command
				for range 1 + r.Intn(5) {
					batch = append(batch, randomCommand(r, straight))
				}
				var one []Result
				for _, c := range batch {
					straight.n, broken.n = straight.n+1, broken.n+1
					e := Entry{At: at, Commands: []Command{c}}
					one = append(one, straight.s.Apply(straight.n, e)[0])
					broken.s.Apply(broken.n, e)
					broken = broken.restored()
				}
				batched.n++
				all := batched.s.Apply(batched.n, Entry{At: at, Commands: batch})
				if diff := cmp.Diff(one, all, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
					t.Fatalf("step %d: one by one (-), at once (+):\n%s", step, diff)
				}
				if d := straight.s.Digest(); d != broken.s.Digest() || d != batched.s.Digest() {
					t.Fatalf("step %d, after %#v: three digests", step, batch)
				}
				for _, err := range Check(straight.s) {
					t.Fatalf("step %d, after %#v: %v", step, batch, err)
				}
			}
		})
	}
}

// TestSnapshot_SameOctets: equal states write equal snapshots.
func TestSnapshot_SameOctets(t *testing.T) {
	w := newWorld(t, office())
	for n := byte(1); n < 9; n++ {
		w.must(Bind{Client: client(n), Link: link, Mode: Selecting})
	}
	if !bytes.Equal(w.snapshot(), w.restored().snapshot()) {
		t.Error("a restored state writes other octets")
	}
	if !bytes.HasPrefix(w.snapshot(), binary.AppendUvarint([]byte("port67 state 1\n"), 5)) {
		t.Error("the header changed")
	}
}

// TestApply_JumpOfTheClock_P9: when more is due than one command lets go of, a batch, its commands one by
// one and a restored state still agree, and what is free is found.
func TestApply_JumpOfTheClock_P9_P14(t *testing.T) {
	jumped := func() *world {
		w := newWorld(t, office(func(c *config.Config) {
			c.Subnets[0].Prefix = netip.MustParsePrefix("10.67.0.0/16")
			c.Subnets[0].Pools[0].Range = span("10.67.0.10", "10.67.79.255")
		}))
		for a := addr("10.67.0.10"); a != addr("10.67.80.0"); a = a.Next() {
			w.s.leases.Put(lease.Lease{
				Addr: a, Client: lease.Key(a.String()), Status: lease.Bound, Booked: w.s.clock + 10, Reusable: w.s.clock + 20,
			})
		}
		return w
	}
	const wide = "10.67.0.0/16"
	var batch []Command
	for n := range byte(3) {
		batch = append(batch, Bind{Client: client(n), Link: wide, Mode: Selecting})
	}
	one, broken, all := jumped(), jumped(), jumped()
	at := one.s.clock + 1000
	for _, c := range batch {
		one.n, broken.n = one.n+1, broken.n+1
		one.s.Apply(one.n, Entry{At: at, Commands: []Command{c}})
		broken.s.Apply(broken.n, Entry{At: at, Commands: []Command{c}})
		broken = broken.restored()
	}
	all.n++
	results := all.s.Apply(all.n, Entry{At: at, Commands: batch})
	for i, r := range results {
		if r.Refusal != Granted {
			t.Errorf("command %d: refusal %d: %s", i, r.Refusal, r.Detail)
		}
	}
	if due, ok := all.view().NextDue(); !ok || due > at {
		t.Fatalf("next due at %d, %t: nothing was left behind, the test is too tame", due, ok)
	}
	if one.s.Digest() != all.s.Digest() || one.s.Digest() != broken.s.Digest() {
		t.Error("three digests")
	}
}
