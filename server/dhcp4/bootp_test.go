package dhcp4

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// bootrequest is a BOOTREQUEST of client i as large as RFC 951 has it, with the magic cookie.
func bootrequest(i byte, options ...Option) *Query {
	q := query(0, i, options...)
	q.Size = bootpSizeMin
	return q
}

// bootWorld is a world whose pools are for BOOTP, too, changed by change.
func bootWorld(t *testing.T, change func(*config.Config)) *world {
	t.Helper()
	c := testConfig()
	c.BOOTP.Dynamic = ptr(true)
	if change != nil {
		change(c)
	}
	return newWorld(t, c)
}

// boots sends q and wants a BOOTREPLY.
func (w *world) boots(q *Query, in *Ingress) answer {
	w.t.Helper()
	a := w.exchange(q, in)
	if a.why != Answer {
		w.t.Fatalf("silent(%d), refusal %d %s; want a BOOTREPLY", a.why, a.result.Refusal, a.result.Detail)
	}
	a.dest = Destination(q, &a.msg, in)
	return a
}

func TestBOOTP_BP_001_Reserved(t *testing.T) {
	w := newWorld(t, func() *config.Config {
		c := testConfig()
		c.ServerName, c.BootFile = "boot.example.org", "/boot/vmunix"
		return c
	}())
	a := w.boots(bootrequest(0x51), heard("", ""))
	m := a.msg
	if m.YIAddr != ip("10.67.0.50") || m.SIAddr != addrN1 || m.SName != "boot.example.org" || m.File != "/boot/vmunix" {
		t.Errorf("yiaddr %v, siaddr %v, sname %q, file %q; want the reserved address, our own, both names",
			m.YIAddr, m.SIAddr, m.SName, m.File)
	}
	if _, ok := a.d.Command.(storage.Bind); !ok {
		t.Errorf("%T, want a commit before the answer", a.d.Command)
	}
	wantOption(t, &m, optHostname, []byte("printer"))
	w.reconfigure(func(c *config.Config) { c.NextServer = ip("10.67.0.9") })
	if m = w.boots(bootrequest(0x51), heard("", "")).msg; m.SIAddr != ip("10.67.0.9") {
		t.Errorf("siaddr %v, want next-server", m.SIAddr) // V4-047
	}
}

// No commit, no answer: what is not in the log is asked for, what is there for ever is told again.
func TestBOOTP_P2_CommittedFirst(t *testing.T) {
	w := bootWorld(t, nil)
	first := w.boots(bootrequest(1), heard("", ""))
	if first.d.Command == nil || first.result.Lease.Booked != lease.Never {
		t.Fatalf("%v booked until %d, want a commit without end", first, first.result.Lease.Booked)
	}
	again := w.boots(bootrequest(1), heard("", ""))
	if again.d.Command != nil || again.msg.YIAddr != first.msg.YIAddr {
		t.Errorf("%T for %v, want the committed %v without a commit", again.d.Command, again.msg.YIAddr, first.msg.YIAddr)
	}
	for name, tt := range map[string]func(){
		"no anchor":           func() { w.self.Anchored = false },
		"renewals: committed": func() { w.reconfigure(func(c *config.Config) { c.BOOTP.Dynamic, c.Renewals = ptr(true), "committed" }) },
		"a lease of a week": func() {
			w.reconfigure(func(c *config.Config) { c.BOOTP.Dynamic, c.BOOTP.Lease = ptr(true), ptr(lease.Seconds(604800)) })
		},
	} {
		w.self.Anchored = true
		tt()
		if d := w.decide(bootrequest(1), heard("", "")); d.Command == nil || d.Fallback {
			t.Errorf("%s: command %T, fallback %t; want the log asked", name, d.Command, d.Fallback)
		}
	}
}

func TestBOOTP_BP_002_Silence(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*config.Config)
		q      *Query
		in     *Ingress
		want   Why
	}{
		{"BP-002 unknown", func(c *config.Config) { c.BOOTP.Dynamic = nil }, bootrequest(1), heard("", ""), BOOTP},
		{"BP-002 nothing free", func(c *config.Config) {
			c.Subnets[0].Pools = []config.Pool{pool("10.67.0.2", "10.67.0.4")} // the nodes' own
		}, bootrequest(1), heard("", ""), Exhausted},
		{"BP-019 unknown link", nil, bootrequest(1).from("10.99.0.1", ""), relayed("10.99.0.1"), UnknownLink},
		{"BP-003 no hardware", nil, func() *Query {
			q := bootrequest(1, with(optClientID, "a client identifier"))
			q.CHAddr = [16]byte{}
			return q
		}(), heard("", ""), NoIdentity},
		{"BP-010 another server", nil, sname(bootrequest(1), "other.example.org"), heard("", ""), OtherServer},
		{"BP-014 short", func(c *config.Config) { c.BOOTP.ShortRequests = ptr(false) }, short(bootrequest(1)),
			heard("", ""), ShortRequest},
		{"BP-012 strict", func(c *config.Config) { c.BOOTP.StrictFiles = ptr(true) }, file(bootrequest(1), "hpux"),
			heard("", ""), NoBootFile},
		{"BP-020 known to itself, served by nobody", func(c *config.Config) { c.BOOTP.Dynamic = nil },
			bootrequest(1).from("", "10.67.0.9"), heard("", ""), BOOTP},
		{"BP-020 of another link", nil, bootrequest(1).from("", "10.99.0.9"), heard("", ""), OffLink},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := bootWorld(t, tt.change)
			if a := w.exchange(tt.q, tt.in); a.why != tt.want {
				t.Errorf("why %d, want %d", a.why, tt.want)
			}
			if w.view().LeaseCount() > 0 {
				t.Error("silence left a lease behind")
			}
		})
	}
}

func sname(q *Query, s string) *Query { q.SName = []byte(s); return q }
func file(q *Query, s string) *Query  { q.File = []byte(s); return q }
func short(q *Query) *Query           { q.Size = bootpSizeMin - 1; return q }

// BP-010: names under which this server answers.
func TestBOOTP_BP_010_OurNames(t *testing.T) {
	for _, name := range []string{"boot.example.org", "BOOT.example.org", "n1", "n3", "10.67.0.3", "10.67.0.9"} {
		w := bootWorld(t, func(c *config.Config) { c.ServerName, c.NextServer = "boot.example.org", ip("10.67.0.9") })
		if a := w.exchange(sname(bootrequest(1), name), heard("", "")); a.why != Answer {
			t.Errorf("%s: why %d, want an answer", name, a.why)
		}
	}
}

func TestBOOTP_BP_011_BP_012_Files(t *testing.T) {
	for _, tt := range []struct{ name, configured, asked, want string }{
		{"BP-011 known", "/boot/default", "unix", "/boot/vmunix"},
		{"BP-012 unknown", "/boot/default", "hpux", "/boot/default"},
		{"BP-012 unknown, none configured", "", "hpux", "hpux"},
		{"none named", "/boot/default", "", "/boot/default"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := bootWorld(t, func(c *config.Config) {
				c.BootFile, c.BOOTP.Files = tt.configured, []config.BootFile{{Name: "unix", Path: "/boot/vmunix"}}
			})
			if m := w.boots(file(bootrequest(1), tt.asked), heard("", "")).msg; m.File != tt.want {
				t.Errorf("file %q, want %q", m.File, tt.want)
			}
		})
	}
}

// BP-014: a short request is served unless it is not wanted.
func TestBOOTP_BP_014_Short(t *testing.T) {
	bootWorld(t, nil).boots(short(bootrequest(1)), heard("", ""))
}

// BP-003, BP-004: the hardware alone is the client, whatever identifier stands in the vendor area; and the same
// host speaking DHCP is offered the same address, as it was given one by DHCP and keeps it in BOOTP.
func TestBOOTP_BP_004_OneHost(t *testing.T) {
	w := bootWorld(t, nil)
	first := w.boots(bootrequest(1, with(optClientID, "one")), heard("", "")).msg.YIAddr
	if a := w.boots(bootrequest(1, with(optClientID, "another")), heard("", "")).msg.YIAddr; a != first {
		t.Errorf("%v with another identifier, want %v", a, first)
	}
	offer := w.exchange(query(Discover, 1, with(optClientID, "a third")), heard("", ""))
	if offer.msg.YIAddr != first || !offer.d.Firm {
		t.Errorf("%v offered in DHCP, firm %t; want %v", offer.msg.YIAddr, offer.d.Firm, first)
	}
	ack := w.exchange(query(Request, 1, with(optClientID, "a third"), with(optRequestedAddress, first),
		with(optServerID, addrN1)), heard("", ""))
	wantOption(t, &ack.msg, optLeaseTime, seconds(3600))
	back := w.boots(bootrequest(1), heard("", ""))
	if back.msg.YIAddr != first || back.d.Command == nil {
		t.Errorf("%v back in BOOTP by %T, want %v by a commit", back.msg.YIAddr, back.d.Command, first)
	}
}

// BP-005, BP-006: what a BOOTREPLY carries, in its order, and how large it may be.
func TestBOOTP_BP_005_BP_006_Options(t *testing.T) {
	change := func(c *config.Config) {
		c.Options = []config.Option{
			option(optDNS, 10, 67, 0, 53), option(optBootSize, 0, 9), option(optDomainName, []byte("example.org")...),
			option(optRootPath, []byte("/nfs")...), option(optExtensionsPath, []byte("/ext")...),
			option(42, 10, 67, 0, 1), option(optV6OnlyPreferred, 0, 0, 7, 8),
		}
	}
	q := bootrequest(0x51, with(optLeaseTime, 60), with(optMessage, "?"), with(optClientID, "an identifier"),
		with(optParameterList, []byte{51, 54, 58, 59, 53}))
	m := bootWorld(t, change).boots(q, heard("", "")).msg
	if d := cmp.Diff([]byte{1, 3, 6, 15, 12, 17, 13, 18, 42}, m.codes()); d != "" {
		t.Errorf("options: -want +got\n%s", d)
	}
	if m.Type != 0 {
		t.Errorf("type %d: a BOOTREPLY has none", m.Type)
	}
	for name, tt := range map[string]struct {
		q    *Query
		want int
	}{
		"64 octets of options":    {bootrequest(1), 328},
		"a long request":          {func() *Query { q := bootrequest(1); q.Size = 548; return q }(), 576},
		"option 57":               {bootrequest(1, with(optMaxSize, []byte{4, 0})), 1024},
		"a short request":         {short(bootrequest(1)), 328},
		"longer than a datagram?": {func() *Query { q := bootrequest(1); q.Size = 4000; return q }(), 1500},
	} {
		if m := bootWorld(t, nil).boots(tt.q, heard("", "")).msg; m.MaxSize != tt.want {
			t.Errorf("BP-006 %s: at most %d octets, want %d", name, m.MaxSize, tt.want)
		}
	}
	agent := bootrequest(1, with(optRelayInfo, []byte{1, 1, 'a'})).from("10.68.0.1", "")
	m = bootWorld(t, nil).boots(agent, relayed("10.68.0.1")).msg
	wantOption(t, &m, optRelayInfo, []byte{1, 1, 'a'}) // BP-005: received, so returned.
}

// BP-007, BP-008: who sends no cookie of ours gets back what it sent, unless options are wanted always.
func TestBOOTP_BP_007_BP_008_NoCookie(t *testing.T) {
	q := bootrequest(1)
	q.Cookie, q.Vend = false, []byte("CMU\x00\x01")
	m := bootWorld(t, nil).boots(q, heard("", "")).msg
	if len(m.Options) > 0 || !bytes.Equal(m.Vend, q.Vend) {
		t.Errorf("options %v, vend %q; want what was sent", m.codes(), m.Vend)
	}
	w := bootWorld(t, func(c *config.Config) { c.BOOTP.AlwaysOptions = ptr(true) })
	if m = w.boots(q, heard("", "")).msg; len(m.Options) == 0 || m.Vend != nil {
		t.Errorf("options %v, vend %q; want options", m.codes(), m.Vend)
	}
	known := bootrequest(2, with(optClientID, "an identifier"))
	m = w.boots(known, heard("", "")).msg
	wantOption(t, &m, optClientID, []byte("an identifier")) // BP-003
}

func TestBOOTP_BP_013_Destination(t *testing.T) {
	raw := Dest{Kind: DestRaw, Port: ClientPort, HW: [6]byte(mac(1)), Source: addrN1, IfIndex: 3}
	for _, tt := range []struct {
		name string
		q    *Query
		in   *Ingress
		want Dest
	}{
		{"BP-013 ciaddr", bootrequest(1).from("", "10.67.0.9"), heard("10.67.0.9", ""),
			Dest{Kind: DestRouted, Addr: ip("10.67.0.9"), Port: ClientPort, Source: addrN1, IfIndex: 3}},
		{"BP-013 ciaddr before giaddr", bootrequest(1).from("10.68.0.1", "10.68.0.9"), relayed("10.68.0.1"),
			Dest{Kind: DestRouted, Addr: ip("10.68.0.9"), Port: ClientPort, Source: addrN1}},
		{"BP-013 giaddr", bootrequest(1).from("10.68.0.1", ""), relayed("10.68.0.1"),
			Dest{Kind: DestRouted, Addr: relayG, Port: ServerPort, Source: addrN1}},
		{"BP-013 broadcast", flagged(bootrequest(1), BroadcastFlag), heard("", ""),
			Dest{Kind: DestBroadcast, Addr: broadcastAddr, Port: ClientPort, Source: addrN1, IfIndex: 3}},
		{"BP-013 raw", bootrequest(1), heard("", ""), raw},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := bootWorld(t, nil).boots(tt.q, tt.in)
			if tt.want.Kind == DestRaw {
				tt.want.Addr = a.msg.YIAddr
			}
			if d := cmp.Diff(tt.want, a.dest, cmp.Comparer(func(x, y netip.Addr) bool { return x == y })); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
		})
	}
}

func flagged(q *Query, f uint16) *Query { q.Flags = f; return q }

// BP-009, BP-016, BP-017, BP-018: what is copied, and that nothing is overloaded.
func TestBOOTP_BP_018_Copied(t *testing.T) {
	q := flagged(bootrequest(1), 0x7fff)
	q.Hops, q.Secs = 3, 0x0102
	m := bootWorld(t, nil).boots(q, heard("", "")).msg
	if m.Flags != q.Flags || m.Hops != 3 || m.Secs != 0x0102 { // BP-016, BP-017
		t.Errorf("flags %x, hops %d, secs %x", m.Flags, m.Hops, m.Secs)
	}
	if m.XID != q.XID || m.CHAddr != q.CHAddr || m.HType != 1 || m.HLen != 6 { // BP-018
		t.Errorf("xid %x, chaddr %x, htype %d, hlen %d", m.XID, m.CHAddr, m.HType, m.HLen)
	}
}

// BP-020: a client that has an address gets its file; nothing is committed unless that address is to be given.
func TestBOOTP_BP_020_KnowsItsAddress(t *testing.T) {
	for _, tt := range []struct {
		name, ciaddr, want string
		client             byte
		commits            bool
	}{
		{"of its own", "10.67.0.9", "10.67.0.9", 1, false},
		{"of another's", "10.67.0.150", "10.67.0.150", 1, false}, // no check: it is told, not given
		{"free in a pool", "10.67.0.160", "10.67.0.160", 1, true},
		{"reserved is another", "10.67.0.160", "10.67.0.50", 0x51, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := bootWorld(t, nil)
			w.bind(query(Request, 9), "10.67.0.0/24", "10.67.0.150")
			before := w.lease("10.67.0.150")
			a := w.boots(bootrequest(tt.client).from("", tt.ciaddr), heard(tt.ciaddr, ""))
			if a.msg.YIAddr != ip(tt.want) || (a.d.Command != nil) != tt.commits || a.msg.CIAddr != ip(tt.ciaddr) {
				t.Errorf("yiaddr %v, ciaddr %v, command %T", a.msg.YIAddr, a.msg.CIAddr, a.d.Command)
			}
			if after := w.lease("10.67.0.150"); after != before {
				t.Errorf("%+v became %+v", before, after)
			}
		})
	}
}

// BP-021: pools can be kept for the class bootp, and from it.
func TestBOOTP_BP_021_Class(t *testing.T) {
	w := bootWorld(t, func(c *config.Config) {
		own := pool("10.67.0.201", "10.67.0.209")
		own.Classes = []string{config.BOOTP}
		c.Subnets[0].Pools[0].Classes = []string{"not-" + config.BOOTP}
		c.Subnets[0].Pools = append(c.Subnets[0].Pools, own)
	})
	w.self.Classes = bootClass{}
	if a := w.boots(bootrequest(1), heard("", "")).msg.YIAddr; a.Compare(ip("10.67.0.201")) < 0 {
		t.Errorf("%v, want an address of the pool for BOOTP", a)
	}
	if a := w.exchange(query(Discover, 2), heard("", "")).msg.YIAddr; a.Compare(ip("10.67.0.201")) >= 0 {
		t.Errorf("%v offered in DHCP, want one of the other pool", a)
	}
}

// bootClass puts who speaks BOOTP into the class of that name.
type bootClass struct{}

func (bootClass) Of(q *Query, _ *Ingress, _ []byte, _ bool) ([]string, []error) {
	if q.Type == 0 {
		return []string{config.BOOTP}, nil
	}
	return nil, nil
}

// Who answers is decided as for a DISCOVER: the owner of the bucket first, the others when it stays silent.
func TestBOOTP_HA_002_WhoAnswers(t *testing.T) {
	w := bootWorld(t, nil)
	w.own(func(int) storage.NodeID { return n2 })
	if d := w.decide(bootrequest(1), heard("", "")); len(d.Ahead) == 0 || d.Ahead[0] != n2 {
		t.Errorf("ahead %v, want %s first", d.Ahead, n2)
	}
	w.unanswered = true
	if d := w.decide(bootrequest(1), heard("", "")); len(d.Ahead) > 0 {
		t.Errorf("ahead %v although the client was left without an answer", d.Ahead)
	}
}
