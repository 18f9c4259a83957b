package dhcp4

import (
	"bytes"
	"slices"
	"testing"

	"port67/storage/config"
)

// offered is the OFFER to client i under a configuration that change has made.
func offered(t *testing.T, change func(*config.Config), i byte, o ...Option) Message {
	t.Helper()
	w := newWorld(t, testConfig())
	w.reconfigure(change)
	offer, ack := dora(t, w, query(Discover, i, o...), heard("", ""))
	if !bytes.Equal(offer.codes(), ack.codes()) || offer.MinSize != ack.MinSize || offer.MaxSize != ack.MaxSize {
		t.Errorf("V4-067: OFFER with options %v, ACK with %v", offer.codes(), ack.codes())
	}
	return offer
}

func TestLayout_W_007_NULBehindTexts(t *testing.T) {
	for _, on := range []bool{false, true} {
		end := map[bool]string{true: "\x00"}[on]
		m := offered(t, func(c *config.Config) {
			c.NULTerminate = ptr(on)
			c.ServerName = "boot.example.org"
			c.Options = append(c.Options, option(17, []byte("/root")...), option(optBootFile, []byte("menu\x00")...))
		}, 0x51, with(optParameterList, []byte{12, 15, 17, 66, 67}))
		wantOption(t, &m, optHostname, []byte("printer"+end))
		wantOption(t, &m, optDomainName, []byte("example.org"+end))
		wantOption(t, &m, optTFTPServer, []byte("boot.example.org"+end))
		wantOption(t, &m, optBootFile, []byte("menu\x00")) // It has one already.
		wantOption(t, &m, 17, []byte("/root"))
	}
	// The innermost level decides, and the shared value of the configuration stays as it is.
	w := newWorld(t, testConfig())
	w.reconfigure(func(c *config.Config) {
		c.NULTerminate = ptr(true)
		c.Subnets[0].Reservations[0].NULTerminate = ptr(false)
	})
	for i, want := range map[byte]string{1: "example.org\x00", 0x51: "example.org"} {
		m, _ := dora(t, w, query(Discover, i, with(optParameterList, []byte{15})), heard("", ""))
		wantOption(t, &m, optDomainName, []byte(want))
	}
}

func TestLayout_V4_017_NULsOfClientsAreStripped(t *testing.T) {
	if got := query(Discover, 1, with(optHostname, "old\x00\x00")).hostname(); got != "old" {
		t.Errorf("host name %q, want old", got)
	}
	if !query(Discover, 1, with(optVendorClass, "PXEClient\x00")).boots() {
		t.Error("PXEClient with a NUL is not known")
	}
}

func TestLayout_V4_066_DefaultRouteIn121(t *testing.T) {
	route := []byte{8, 10, 10, 67, 0, 1}
	router := routerB.AsSlice()
	added := slices.Concat(route, []byte{0}, router)
	own := slices.Concat([]byte{0, 10, 67, 0, 9}, route)
	for _, c := range []struct {
		name      string
		on        bool
		routes    []byte
		want, old []byte // options 121 and 249
	}{
		{"off", false, route, route, route},
		{"on", true, route, added, added},
		{"has one of its own", true, own, own, own},
		{"no routes at all", true, nil, nil, nil},
		{"no routes but octets", true, []byte{8, 10}, []byte{8, 10}, []byte{8, 10}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := offered(t, func(cfg *config.Config) {
				cfg.AddDefaultTo121 = ptr(c.on)
				if c.routes != nil {
					cfg.Options = append(cfg.Options, option(optClasslessRoutes, c.routes...))
				}
			}, 1, with(optParameterList, []byte{3, 121, 249}))
			wantOption(t, &m, optClasslessRoutes, c.want)
			wantOption(t, &m, optMSRoutes, c.old)
			wantOption(t, &m, optRouter, router)
		})
	}
}

func TestLayout_W_036_W_037_SizeOfReplies(t *testing.T) {
	size := func(n uint16) Option { return with(optMaxSize, []byte{byte(n >> 8), byte(n)}) }
	for _, c := range []struct {
		name       string
		least      uint16
		most       uint16
		o          []Option
		min, max   int
		noOverload bool
	}{
		{name: "V4-031 V4-032 nothing said", min: 328, max: 576},
		{name: "W-036 frames of a full size", least: 1500, min: 1500, max: 576},
		{name: "W-036 V4-033 not beyond option 57", least: 1500, o: []Option{size(1000)}, min: 1000, max: 1000},
		{name: "W-037 312 octets of options", most: 576, o: []Option{size(1500)}, min: 328, max: 576},
		{name: "W-037 less than all must take", most: 400, min: 328, max: 400},
		{name: "W-037 no overload", noOverload: true, min: 328, max: 576},
	} {
		t.Run(c.name, func(t *testing.T) {
			change := func(cfg *config.Config) {
				if c.least != 0 {
					cfg.MinReplySize = &c.least
				}
				if c.most != 0 {
					cfg.MaxReplySize = &c.most
				}
				if c.noOverload {
					cfg.OptionOverload = ptr(false)
				}
			}
			w := newWorld(t, testConfig())
			w.reconfigure(change)
			for _, m := range []Message{offered(t, change, 1, c.o...), denied(t, w, heard("", ""), nil, c.o...)} {
				if m.MinSize != c.min || m.MaxSize != c.max || m.NoOverload != c.noOverload {
					t.Errorf("%s: %d to %d octets, overload forbidden %v; want %d to %d, %v", kinds[m.Type],
						m.MinSize, m.MaxSize, m.NoOverload, c.min, c.max, c.noOverload)
				}
			}
		})
	}
}

func TestLayout_W_037_NeverSend(t *testing.T) {
	m := offered(t, func(c *config.Config) {
		c.NeverSend, c.EchoClientID = []uint8{121, 249}, ptr(false)
		c.Options = append(c.Options, option(optClasslessRoutes, 8, 10, 10, 67, 0, 1))
	}, 1, with(optParameterList, []byte{1, 121, 249}), with(optClientID, []byte{1, 2, 3}))
	if want := []byte{53, 54, 51, 58, 59, 1}; !bytes.Equal(m.codes(), want) {
		t.Errorf("options %v, want %v", m.codes(), want)
	}
}

// Firmware asks for little and reads less: what there is for it goes out unasked.
func TestLayout_W_020_W_021_W_022_Firmware(t *testing.T) {
	menu := option(optVendorOptions, 6, 1, 8, 255)
	class := option(optVendorClass, []byte("PXEClient")...)
	for _, c := range []struct {
		name    string
		vendor  string
		options []config.Option
		never   []uint8
		class   string
		has43   bool
	}{
		{"W-020 boot server", "PXEClient:Arch:00000", []config.Option{menu, class}, nil, "PXEClient", true},
		{"W-021 no boot server", "PXEClient:Arch:00007", []config.Option{class}, nil, "", false},
		{"W-021 none that is sent", "PXEClient:Arch:00007", []config.Option{menu, class}, []uint8{43}, "", false},
		{"W-021 no class of its own", "PXEClient:Arch:00007", []config.Option{menu}, nil, "", true},
		{"W-022 HTTP boot", "HTTPClient:Arch:00016", nil, nil, "HTTPClient", false},
		{"W-022 HTTP boot where PXE is", "HTTPClient:Arch:00016", []config.Option{menu, class}, nil, "HTTPClient", true},
		{"W-022 suppressed", "HTTPClient:Arch:00016", nil, []uint8{60}, "", false},
		{"not firmware", "android-dhcp-14", []config.Option{menu, class}, nil, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := offered(t, func(cfg *config.Config) {
				cfg.Options = append(cfg.Options, c.options...)
				config.SortOptions(cfg.Options)
				cfg.NeverSend = c.never
				cfg.Subnets[4].Options = []config.Option{menu} // A file without any is refused.
				cfg.NextServer, cfg.BootFile = ip("10.67.0.9"), "http://boot.example.org/a.efi"
			}, 1, with(optVendorClass, c.vendor), with(optParameterList, []byte{1, 3}))
			boots := c.vendor[0] != 'a'
			wantOption(t, &m, optVendorClass, []byte(c.class))
			if got := m.option(optVendorOptions) != nil; got != c.has43 {
				t.Errorf("option 43 is sent: %v, want %v", got, c.has43)
			}
			if m.SIAddr != ip("10.67.0.9") || m.File == "" || m.NoOverload != boots {
				t.Errorf("siaddr %v file %q overload forbidden %v", m.SIAddr, m.File, m.NoOverload)
			}
			if got := m.option(optTFTPServer) != nil && m.option(optBootFile) != nil; got != boots {
				t.Errorf("options 66 and 67 are sent unasked: %v, want %v", got, boots)
			}
		})
	}
}

// A vendor's sub-options reach the client as the levels make them together, asked for or by always-send.
func TestLayout_V4_063_V4_068_VendorSpaces(t *testing.T) {
	m := offered(t, func(c *config.Config) {
		c.Options = append(c.Options, config.Option{Code: 43, Data: []byte{1, 1, 10, 2, 1, 20}, Space: "acme"},
			config.Option{Code: 125, Data: []byte{0, 0, 0, 9, 3, 7, 1, 70}, Space: "enterprises"})
		c.OptionSpaces = []config.OptionSpace{{Name: "acme"}}
		c.AlwaysSend = []uint8{43}
		s := &c.Subnets[0]
		s.Options = []config.Option{{Code: 43, Data: []byte{2, 1, 21, 3, 1, 30}, Space: "acme"}}
		s.Reservations[0].Options = []config.Option{
			{Code: 125, Data: []byte{0, 0, 0, 8, 3, 1, 1, 1, 0, 0, 0, 9, 3, 8, 1, 80}, Space: "enterprises"},
		}
		s.Reservations[0].AlwaysSend = []uint8{125}
	}, 0x51, with(optParameterList, []byte{1}))
	wantOption(t, &m, 43, []byte{1, 1, 10, 2, 1, 21, 3, 1, 30})
	wantOption(t, &m, 125, []byte{0, 0, 0, 8, 3, 1, 1, 1, 0, 0, 0, 9, 6, 7, 1, 70, 8, 1, 80})
}

func TestLayout_W_036_OfferOfNoAddress(t *testing.T) {
	w := newWorld(t, testConfig())
	full(mayConfigure(1), func(c *config.Config) { c.MinReplySize = ptr(uint16(1500)) })(w)
	in := heard("", "")
	a := w.exchange(query(Discover, 1, with(optAutoConfigure, []byte{1})), in)
	if a.msg.Type != OfferMsg || a.msg.YIAddr != zero || a.msg.MinSize != 1500 {
		t.Errorf("%v with %d octets at least, want an OFFER of nothing with 1500", a, a.msg.MinSize)
	}
	in.MTU = 1400 // V4-033: in one piece.
	if a := w.exchange(query(Discover, 2, with(optAutoConfigure, []byte{1})), in); a.msg.MinSize != 1400 {
		t.Errorf("%v with %d octets at least by way of an interface of 1400", a, a.msg.MinSize)
	}
}
