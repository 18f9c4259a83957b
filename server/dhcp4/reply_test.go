package dhcp4

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"

	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// dora is the OFFER and the ACK that q, a DISCOVER, leads to.
func dora(t *testing.T, w *world, q *Query, in *Ingress) (offer, ack Message) {
	t.Helper()
	o := w.exchange(q, in)
	if o.msg.Type != OfferMsg {
		t.Fatalf("got %v, want an OFFER", o)
	}
	r := *q
	r.Type, r.Options = Request, Options{}
	for _, opt := range q.Options.All() {
		if opt.Code != optRequestedAddress {
			r.Options.Append(opt.Code, opt.Data)
		}
	}
	r.Options.Append(optRequestedAddress, o.msg.YIAddr.AsSlice())
	r.Options.Append(optServerID, o.msg.option(optServerID))
	a := w.exchange(&r, in)
	if a.msg.Type != ACK {
		t.Fatalf("got %v, want an ACK", a)
	}
	return o.msg, a.msg
}

// denied is the NAK that client 1 gets for an address of nowhere.
func denied(t *testing.T, w *world, in *Ingress, change func(*Query), o ...Option) Message {
	t.Helper()
	q := query(Request, 1, append([]Option{with(optServerID, addrN1), with(optRequestedAddress, "10.99.0.9")},
		o...)...)
	if change != nil {
		change(q)
	}
	a := w.exchange(q, in)
	if a.msg.Type != NAK {
		t.Fatalf("got %v, want a NAK", a)
	}
	return a.msg
}

func TestReply_Table3_FixedFields(t *testing.T) {
	w := newWorld(t, testConfig())
	w.reconfigure(func(c *config.Config) { c.NextServer = ip("10.67.0.9") })
	q := query(Discover, 1)
	q.Flags, q.Secs, q.XID = 0x1234, 2, 0xdeadbeef
	offer, ackMsg := dora(t, w, q, heard("", ""))
	nakMsg := denied(t, w, relayed("10.68.0.1"), func(q *Query) {
		q.from("10.68.0.1", "")
		q.Flags, q.Secs, q.XID, q.Hops = 0x1234, 2, 0xdeadbeef, 1
	})
	inform := w.exchange(func() *Query {
		q := query(Inform, 1).from("", "10.67.0.9")
		q.Flags, q.XID = 0x1234, 0xdeadbeef
		return q
	}(), heard("10.67.0.9", "")).msg
	for name, m := range map[string]Message{"OFFER": offer, "ACK": ackMsg, "NAK": nakMsg,
		"INFORM-ACK": inform} {
		if m.HType != 1 || m.HLen != 6 || !bytes.Equal(m.CHAddr[:6], mac(1)) || m.XID != 0xdeadbeef {
			t.Errorf("V4-041 %s: htype %d hlen %d chaddr %x xid %x not those of the client", name, m.HType,
				m.HLen, m.CHAddr, m.XID)
		}
		if m.Hops != 0 || m.Secs != 0 {
			t.Errorf("V4-042 V4-043 %s: hops %d secs %d, want 0", name, m.Hops, m.Secs)
		}
		if want := map[bool]uint16{false: 0x1234, true: 0x9234}[name == "NAK"]; m.Flags != want {
			t.Errorf("V4-044 V4-027 %s: flags %04x, want %04x", name, m.Flags, want)
		}
		if want := map[bool]netip.Addr{false: ip("10.67.0.9"), true: zero}[name == "NAK"]; m.SIAddr != want {
			t.Errorf("V4-047 %s: siaddr %v, want %v", name, m.SIAddr, want)
		}
	}
	if offer.CIAddr != zero || ackMsg.CIAddr != zero || nakMsg.CIAddr != zero ||
		inform.CIAddr != ip("10.67.0.9") {
		t.Errorf("V4-045 ciaddr %v %v %v %v", offer.CIAddr, ackMsg.CIAddr, nakMsg.CIAddr, inform.CIAddr)
	}
	if !offer.YIAddr.IsPrivate() || ackMsg.YIAddr != offer.YIAddr || nakMsg.YIAddr != zero ||
		inform.YIAddr != zero {
		t.Errorf("V4-046 yiaddr %v %v %v %v", offer.YIAddr, ackMsg.YIAddr, nakMsg.YIAddr, inform.YIAddr)
	}
	if offer.GIAddr != zero || nakMsg.GIAddr != relayG {
		t.Errorf("V4-048 giaddr %v %v, want as received", offer.GIAddr, nakMsg.GIAddr)
	}
	for name, m := range map[string]Message{"OFFER": offer, "ACK": ackMsg, "NAK": nakMsg,
		"INFORM-ACK": inform} {
		if got := m.option(optServerID); !bytes.Equal(got, addrN1.AsSlice()) {
			t.Errorf("V4-050 %s: server identifier %v, want %v", name, got, addrN1)
		}
	}
}

func TestReply_V4_045_RenewalRepeatsCIAddr(t *testing.T) {
	w, q, in := renewalScene(t)
	if m := w.exchange(q, in).msg; m.CIAddr != q.CIAddr || m.YIAddr != q.CIAddr {
		t.Errorf("ciaddr %v yiaddr %v, want %v", m.CIAddr, m.YIAddr, q.CIAddr)
	}
}

func TestReply_V4_049_NamesOfServerAndFile(t *testing.T) {
	long := string(bytes.Repeat([]byte("f"), 128))
	w := newWorld(t, testConfig())
	w.reconfigure(func(c *config.Config) {
		c.ServerName, c.BootFile, c.NextServer = "boot.example.org", long, ip("10.67.0.9")
	})
	m, _ := dora(t, w, query(Discover, 1, with(optParameterList, []byte{66})), heard("", ""))
	if m.SName != "boot.example.org" || m.File != long[:127] {
		t.Errorf("sname %q file %q, want the names, cut to their fields", m.SName, m.File)
	}
	wantOption(t, &m, optTFTPServer, []byte("boot.example.org"))
	wantOption(t, &m, optBootFile, []byte(long))
	n := denied(t, w, heard("", ""), nil)
	if n.SName != "" || n.File != "" {
		t.Errorf("NAK: sname %q file %q, want none", n.SName, n.File)
	}
}

func TestReply_W_020_BootROMs(t *testing.T) {
	cfg := testConfig()
	cfg.Options = append(cfg.Options, option(optBootFile, []byte("pxe.0")...))
	w := newWorld(t, cfg)
	pxe := query(Discover, 1, with(optVendorClass, "PXEClient:Arch:00000"),
		with(optMachineID, []byte{0, 1, 2}))
	m, _ := dora(t, w, pxe, heard("", ""))
	if m.File != "pxe.0" || !m.NoOverload {
		t.Errorf("V4-036 file %q, overload forbidden %v", m.File, m.NoOverload)
	}
	wantOption(t, &m, optMachineID, []byte{0, 1, 2})
	wantOption(t, &m, optVendorClass, nil) // W-021
	http, _ := dora(t, w, query(Discover, 2, with(optVendorClass, "HTTPClient:Arch:00016")), heard("", ""))
	wantOption(t, &http, optVendorClass, []byte("HTTPClient")) // W-022
	other, _ := dora(t, w, query(Discover, 3, with(optVendorClass, "android-dhcp-14")), heard("", ""))
	if other.NoOverload || other.option(optVendorClass) != nil {
		t.Errorf("client that does not boot: overload forbidden %v, options %v", other.NoOverload,
			other.codes())
	}
}

func TestReply_OptionOrder(t *testing.T) {
	cid := with(optClientID, []byte{1, 2, 3})
	rai := with(optRelayInfo, []byte{1, 2, 0xaa, 0xbb})
	prl := func(codes ...byte) Option { return with(optParameterList, codes) }
	head := []byte{53, 54, 51, 58, 59}
	for _, c := range []struct {
		name string
		o    []Option
		want []byte
	}{
		{"V4-040 order of the list", []Option{prl(15, 6, 1, 3)}, append(head, 15, 6, 1, 3)},
		{"V4-039 mask before routers", []Option{prl(15, 3, 1, 6)}, append(head, 15, 1, 3, 6)},
		{"V4-062 mask always", []Option{prl(6)}, append(head, 1, 6)},
		{"V4-061 no list", nil, append(head, 1, 3, 6, 15)},
		{"V4-060 twice asked, unknown asked", []Option{prl(6, 6, 200, 1)}, append(head, 6, 1)},
		{"V4-052 never 50, 52, 55, 57, 80", []Option{prl(50, 52, 55, 57, 80, 1)}, append(head, 1)},
		{
			"V4-038 identifier, then agent information last",
			[]Option{prl(1, 61, 82), cid, rai}, append(head, 1, 61, 82),
		},
		{"broadcast address follows from the subnet", []Option{prl(28, 1)}, append(head, 28, 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, testConfig())
			offer, ackMsg := dora(t, w, query(Discover, 1, c.o...), heard("", ""))
			for _, m := range []Message{offer, ackMsg} {
				if got := m.codes(); !bytes.Equal(got, c.want) {
					t.Errorf("%s: options %v, want %v", kinds[m.Type], got, c.want)
				}
			}
		})
	}
}

func TestReply_OptionValues(t *testing.T) {
	w := newWorld(t, testConfig())
	m, _ := dora(t, w, query(Discover, 0x51, with(optParameterList, []byte{1, 3, 12, 28})), heard("", ""))
	wantOption(t, &m, optSubnetMask, []byte{255, 255, 255, 0})
	wantOption(t, &m, optRouter, routerB.AsSlice())
	wantOption(t, &m, optBroadcast, []byte{10, 67, 0, 255})
	wantOption(t, &m, optHostname, []byte("printer"))
}

func TestReply_V4_063_AlwaysAndNever(t *testing.T) {
	w := newWorld(t, testConfig())
	w.reconfigure(func(c *config.Config) { c.AlwaysSend, c.NeverSend = []uint8{15}, []uint8{6} })
	m, _ := dora(t, w, query(Discover, 1, with(optParameterList, []byte{1, 6})), heard("", ""))
	if want := []byte{53, 54, 51, 58, 59, 1, 15}; !bytes.Equal(m.codes(), want) {
		t.Errorf("options %v, want %v", m.codes(), want)
	}
}

func TestReply_V4_066_ClasslessRoutesForOldWindows(t *testing.T) {
	routes := []byte{8, 10, 10, 67, 0, 1}
	w := newWorld(t, testConfig())
	w.reconfigure(func(c *config.Config) {
		c.Options = append(c.Options,
			option(optClasslessRoutes, routes...))
	})
	m, _ := dora(t, w, query(Discover, 1, with(optParameterList, []byte{3, 121, 249})), heard("", ""))
	wantOption(t, &m, optClasslessRoutes, routes)
	wantOption(t, &m, optMSRoutes, routes)
	wantOption(t, &m, optRouter, routerB.AsSlice())
}

func TestReply_V4_037_Ranks(t *testing.T) {
	w := newWorld(t, testConfig())
	w.reconfigure(func(c *config.Config) { c.AlwaysSend = []uint8{15} })
	cid := with(optClientID, []byte{1, 2, 3})
	m, _ := dora(t, w, query(Discover, 1, with(optParameterList, []byte{3, 6}), cid), heard("", ""))
	rank := map[uint8]uint16{}
	for _, o := range m.Options {
		rank[o.Code] = o.Rank
	}
	for _, code := range []uint8{53, 54, 51, 58, 59, 1, 61} {
		if rank[code] != RankKeep {
			t.Errorf("option %d has rank %d, want never dropped", code, rank[code])
		}
	}
	if !(RankKeep < rank[3] && rank[3] < rank[6] && rank[6] < rank[15]) {
		t.Errorf("ranks %v, want 15 dropped first, then 6, then 3", rank)
	}
}

func TestReply_MaxSize(t *testing.T) {
	for _, c := range []struct {
		name string
		o    []Option
		want int
	}{
		{"V4-032 no option 57", nil, 576},
		{"V4-033 as asked", []Option{with(optMaxSize, []byte{4, 0})}, 1024},
		{"V4-033 at least 576", []Option{with(optMaxSize, []byte{1, 0})}, 576},
		{"V4-033 at most 1500", []Option{with(optMaxSize, []byte{255, 255})}, 1500},
		{"V4-016 of one octet", []Option{with(optMaxSize, []byte{4})}, 576},
	} {
		if got := query(Discover, 1, c.o...).maxSize(heard("", "")); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestReply_V4_053_NAKSaysLittle(t *testing.T) {
	w := newWorld(t, testConfig())
	w.reconfigure(func(c *config.Config) { c.AlwaysSend = []uint8{15} })
	m := denied(t, w, relayed("10.68.0.1"), func(q *Query) { q.from("10.68.0.1", "") },
		with(optParameterList, []byte{1, 3, 6, 51}), with(optClientID, []byte{1, 2, 3}),
		with(optRelayInfo, []byte{1, 1, 7}))
	if want := []byte{53, 54, 56, 61, 82}; !bytes.Equal(m.codes(), want) { // V4-051 too: no 51, 58, 59.
		t.Errorf("options %v, want %v", m.codes(), want)
	}
}

func TestReply_V4_054_ClientIdentifier(t *testing.T) {
	cid := []byte{0, 1, 2, 3}
	w := newWorld(t, testConfig())
	offer, ackMsg := dora(t, w, query(Discover, 1, with(optClientID, cid)), heard("", ""))
	nakMsg := denied(t, w, heard("", ""), nil, with(optClientID, cid))
	for _, m := range []Message{offer, ackMsg, nakMsg} {
		wantOption(t, &m, optClientID, cid)
	}
	offer, _ = dora(t, w, query(Discover, 2), heard("", ""))
	wantOption(t, &offer, optClientID, nil)
	w.reconfigure(func(c *config.Config) { c.EchoClientID = ptr(false) })
	offer, ackMsg = dora(t, w, query(Discover, 3, with(optClientID, cid)), heard("", ""))
	nakMsg = denied(t, w, heard("", ""), nil, with(optClientID, cid))
	for _, m := range []Message{offer, ackMsg, nakMsg} {
		wantOption(t, &m, optClientID, nil)
	}
}

func TestReply_RelayAgentInformation(t *testing.T) {
	rai := []byte{1, 3, 'a', 'b', 'c', 200, 1, 9} // 200 is no sub-option that anybody knows.
	for _, c := range []struct {
		name   string
		giaddr string
		rai    []byte
		want   []byte
	}{
		{"V4-055 relayed", "10.68.0.1", rai, rai},
		{"V4-055 from a switch, without giaddr", "", rai, rai},
		{"V4-056 empty", "10.68.0.1", []byte{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := heard("", "")
			if c.giaddr != "" {
				in = relayed(c.giaddr)
			}
			m, _ := dora(t, newWorld(t, testConfig()), query(Discover, 1,
				with(optRelayInfo, c.rai)).from(c.giaddr, ""), in)
			wantOption(t, &m, optRelayInfo, c.want)
			if last := m.codes()[len(m.Options)-1]; c.want != nil && last != optRelayInfo {
				t.Errorf("last option is %d, want 82", last)
			}
		})
	}
}

func TestReply_V4_057_StoredAgentInformationIsNotSent(t *testing.T) {
	w := newWorld(t, testConfig())
	m, _ := dora(t, w, query(Discover, 1, with(optRelayInfo, []byte{1, 1, 7})).from("10.68.0.1", ""),
		relayed("10.68.0.1"))
	a := w.exchange(query(Request, 1).from("", m.YIAddr.String()), heard(m.YIAddr.String(), "10.67.0.2"))
	if a.verdict() != ack {
		t.Fatalf("got %v, want an ACK", a)
	}
	wantOption(t, &a.msg, optRelayInfo, nil)
}

func TestReply_V4_058_SubnetSelectionIsRepeated(t *testing.T) {
	sel := with(optSubnetSelection, "10.71.0.0")
	m, _ := dora(t, newWorld(t, testConfig()), query(Discover, 1, sel), heard("", ""))
	wantOption(t, &m, optSubnetSelection, sel.Data)
	link := with(optRelayInfo, []byte{raiLinkSelection, 4, 10, 68, 0, 0})
	m, _ = dora(t, newWorld(t, testConfig()), query(Discover, 1, sel, link).from("10.68.0.1", ""),
		relayed("10.68.0.1"))
	wantOption(t, &m, optSubnetSelection, nil) // The relay's word was followed instead.
}

func TestReply_V4_059_ServerIdentifierOfTheRelay(t *testing.T) {
	rai := with(optRelayInfo, []byte{raiServerID, 4, 10, 68, 0, 1})
	offer, ackMsg := dora(t, newWorld(t, testConfig()), query(Discover, 1, rai).from("10.68.0.1", ""),
		relayed("10.68.0.1"))
	for _, m := range []Message{offer, ackMsg} {
		wantOption(t, &m, optServerID, relayG.AsSlice())
	}
}

func TestReply_HA_001_ServerIdentifier(t *testing.T) {
	service := func(c *config.Config) { c.Subnets[0].ServiceAddress = ip("10.67.0.67") }
	take := with(optRequestedAddress, "10.67.0.120")
	for _, c := range []struct {
		name   string
		change func(*config.Config)
		q      *Query
		in     *Ingress
		want   string
	}{
		{"OFFER names this node", nil, query(Discover, 1), heard("", ""), "10.67.0.2"},
		{"OFFER names the service address", service, query(Discover, 1), heard("", ""), "10.67.0.67"},
		{
			"OFFER to a relay names what it sent to",
			nil, query(Discover, 1).from("10.68.0.1", ""), relayed("10.68.0.1"), "10.67.0.2",
		},
		{
			"ACK repeats the member that the client chose",
			nil, query(Request, 1, with(optServerID, addrN2), take), heard("", ""), "10.67.0.3",
		},
		{
			"ACK repeats the service address",
			service, query(Request, 1, with(optServerID, "10.67.0.67"), take), heard("", ""), "10.67.0.67",
		},
		{
			"NAK repeats it too",
			nil, query(Request, 1, with(optServerID, addrN2), with(optRequestedAddress, "10.99.0.9")),
			heard("", ""), "10.67.0.3",
		},
		{
			"renewal names what the client sent to",
			service, query(Inform, 1).from("", "10.67.0.9"), heard("10.67.0.9", "10.67.0.2"), "10.67.0.2",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, testConfig())
			if c.change != nil {
				w.reconfigure(c.change)
			}
			a := w.exchange(c.q, c.in)
			if got := a.msg.option(optServerID); !slices.Equal(got, ip(c.want).AsSlice()) ||
				a.msg.ServerID != ip(c.want) {
				t.Errorf("%v: server identifier %v, want %s", a, got, c.want)
			}
		})
	}
}

func TestReply_LeaseTimes(t *testing.T) {
	bounds := func(c *config.Config) {
		c.Lease = config.LeaseTimes{Default: ptr(lease.Seconds(7200)), Min: ptr(lease.Seconds(600)),
			Max: ptr(lease.Seconds(86400))}
	}
	endless := func(c *config.Config) { bounds(c); c.Lease.Max = ptr(lease.Infinite) }
	ask := func(n int) []Option { return []Option{with(optLeaseTime, n)} }
	for _, c := range []struct {
		name   string
		change func(*config.Config)
		o      []Option
		want   lease.Seconds
	}{
		{"V4-070 default", bounds, nil, 7200},
		{"V4-072 as asked", bounds, ask(1000), 1000},
		{"V4-072 not below the least", bounds, ask(10), 600},
		{"V4-072 W-012 not above the most", bounds, ask(7776000), 86400},
		{"V4-073 zero is absent", bounds, ask(0), 7200},
		{"V4-074 infinity where there is none", bounds, ask(0xffffffff), 86400},
		{"V4-074 V4-075 infinity", endless, ask(0xffffffff), lease.Infinite},
		{"V4-016 lease time of two octets", bounds, []Option{with(optLeaseTime, []byte{1, 0})}, 7200},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, testConfig())
			w.reconfigure(c.change)
			offer, ackMsg := dora(t, w, query(Discover, 1, c.o...), heard("", ""))
			for _, m := range []Message{offer, ackMsg} {
				wantOption(t, &m, optLeaseTime, seconds(c.want))
				if endless := c.want == lease.Infinite; endless != (m.option(optT1) == nil) {
					t.Errorf("%s: T1 %x with a lease time of %d", kinds[m.Type], m.option(optT1), c.want)
				}
			}
			l, _ := w.view().Lease(ackMsg.YIAddr)
			if end := w.now.Add(c.want); l.Booked < end { // V4-077
				t.Errorf("told %d, booked until %d, which is before %d", c.want, l.Booked, end)
			}
		})
	}
}

func TestReply_V4_071_OfferOfABindingHasTheFullTime(t *testing.T) {
	w := newWorld(t, testConfig())
	bound(1, "10.67.0.120")(w)
	w.advance(3000)
	a := w.exchange(query(Discover, 1), heard("", ""))
	wantOption(t, &a.msg, optLeaseTime, seconds(3600))
}

func TestReply_ConfigChangedMeanwhile(t *testing.T) {
	w := newWorld(t, testConfig())
	d := w.decide(query(Request, 1, with(optServerID, addrN1), with(optRequestedAddress, "10.67.0.120")),
		heard("", ""))
	if m, why := Reply(&d, storage.Result{Lease: lease.Lease{Addr: ip("10.99.0.1")},
		Told: 3600}); why != NoSubnetAnyMore {
		t.Errorf("address of no subnet: %s %d, want silence", kinds[m.Type], why)
	}
}

func TestInform_V4_193_RelayOffEverySubnet(t *testing.T) {
	for _, o := range []Option{
		with(optSubnetSelection, "10.71.0.0"),
		with(optRelayInfo, []byte{raiLinkSelection, 4, 10, 71, 0, 0}),
	} {
		w := newWorld(t, testConfig())
		q := query(Inform, 1, o, with(optParameterList, []byte{optSubnetMask, optDNS})).from("10.99.0.1", "")
		a := w.exchange(q, relayed("10.99.0.1"))
		if a.why != Answer || a.msg.Type != ACK || a.msg.YIAddr != zero || a.msg.GIAddr != q.GIAddr {
			t.Errorf("option %d: got %v, want an ACK by way of the relay", o.Code, a)
		}
		wantOption(t, &a.msg, optSubnetMask, []byte{255, 255, 255, 0})
		wantOption(t, &a.msg, optDNS, []byte{10, 67, 0, 53})
	}
}
