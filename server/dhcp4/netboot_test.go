package dhcp4

import (
	"slices"
	"testing"

	"port67/storage/config"
)

// netbootWorld says where firmware finds its file by one setting each.
func netbootWorld(t *testing.T) *world {
	t.Helper()
	c := testConfig()
	c.NextServer, c.ServerName, c.BootFile = ip("10.67.0.9"), "boot.example.org", "pxe.0"
	return newWorld(t, c)
}

// W-020, V4-036, V4-047, V4-049: one setting fills the field and the option, and nothing is overloaded.
func TestNetboot_W_020_OneSetting(t *testing.T) {
	m, _ := dora(t, netbootWorld(t), query(Discover, 1, with(optVendorClass, "PXEClient:Arch:00000")), heard("", ""))
	if m.SIAddr != ip("10.67.0.9") || m.SName != "boot.example.org" || m.File != "pxe.0" || !m.NoOverload {
		t.Errorf("siaddr %v, sname %q, file %q, overload forbidden %t", m.SIAddr, m.SName, m.File, m.NoOverload)
	}
	wantOption(t, &m, optTFTPServer, []byte("boot.example.org"))
	wantOption(t, &m, optBootFile, []byte("pxe.0"))
	if codes := m.codes(); !slices.Equal(codes[:3], []byte{optMessageType, optServerID, optLeaseTime}) {
		t.Errorf("options %v, want 53, 54 and 51 first", codes)
	}
	if m.MaxSize != sizeMin {
		t.Errorf("at most %d octets to who says nothing of its size, want %d", m.MaxSize, sizeMin)
	}
}

// W-025: firmware without a machine identifier is served like any other, and its REQUEST is nobody's business
// if it goes to a server that is not ours.
func TestNetboot_W_025_NoMachineIdentifier(t *testing.T) {
	w := netbootWorld(t)
	rom := func(kind MessageType, o ...Option) *Query {
		return query(kind, 1, append(o, with(optVendorClass, "PXEClient:Arch:00000:UNDI:002001"))...)
	}
	offer := w.exchange(rom(Discover), heard("", ""))
	if offer.why != Answer || offer.msg.option(optMachineID) != nil {
		t.Fatalf("%v, option 97 %x; want an OFFER without it", offer, offer.msg.option(optMachineID))
	}
	stray := w.exchange(rom(Request, with(optServerID, "10.67.0.250"), with(optRequestedAddress, "10.67.0.77")),
		heard("", ""))
	if stray.why != OtherServer || stray.d.Command != nil {
		t.Errorf("%v, want silence: it takes the offer of another server, which it never had", stray)
	}
	ack := w.exchange(rom(Request, with(optServerID, addrN1), with(optRequestedAddress, offer.msg.YIAddr)),
		heard("", ""))
	if ack.msg.Type != ACK {
		t.Errorf("%v, want an ACK", ack)
	}
}

// W-027: the ROM of a Raspberry Pi 3 asks for no option and needs mask and router, next to where its file is. It
// looks for the words "Raspberry Pi Boot" in option 43, which is sent as it is configured.
func TestNetboot_W_027_RaspberryPi(t *testing.T) {
	w := netbootWorld(t)
	w.reconfigure(func(c *config.Config) {
		c.NextServer = ip("10.67.0.9")
		c.Options = append(c.Options, option(optVendorOptions, []byte("Raspberry Pi Boot")...))
		slices.SortFunc(c.Options, func(a, b config.Option) int { return int(a.Code) - int(b.Code) })
	})
	m, _ := dora(t, w, query(Discover, 1, with(optVendorClass, "PXEClient:Arch:00000:UNDI:002001"),
		with(optMachineID, []byte{0, 1, 2})), heard("", ""))
	if m.SIAddr != ip("10.67.0.9") {
		t.Errorf("siaddr %v, want next-server", m.SIAddr)
	}
	wantOption(t, &m, optSubnetMask, []byte{255, 255, 255, 0})
	wantOption(t, &m, optRouter, []byte{10, 67, 0, 1})
	wantOption(t, &m, optVendorOptions, []byte("Raspberry Pi Boot"))
}
