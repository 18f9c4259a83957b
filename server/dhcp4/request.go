package dhcp4

import (
	"net/netip"

	"port67/storage"
	"port67/storage/config"
)

// request decides about a REQUEST by the state that the client must be in (RFC 2131 §4.3.2). What the client
// names is granted or denied by the log alone; the holder of a lease is answered at once as far as the log
// has promised already.
func (c *chooser) request() {
	mode, a := c.q.state(c.in)
	if mode == 0 {
		c.d.Why = NothingAsked // V4-124
		return
	}
	c.d.mode, c.d.addr, c.d.Reply = mode, a, ACK
	if (mode == storage.Renewing || mode == storage.Rebinding) && !c.q.Relayed() && c.in.Src.Addr() != a {
		c.d.Irregular = SourceNotCIAddr // V4-153
	}
	if !c.locateRequest() {
		if c.d.Why == UnknownLink && mode == storage.InitReboot && c.d.Config.Config.NAKUnknownLinks {
			c.linkless()
		}
		return
	}
	if mode == storage.Selecting && c.otherServer() {
		c.d.Why, c.d.Drop = OtherServer, true // V4-122
		return
	}
	denied := c.classify()
	if denied && (!c.d.Config.Config.NakDenied || mode != storage.InitReboot && mode != storage.Rebinding) {
		c.d.Why = Filtered
		return
	}
	if !a.IsValid() && c.q.asksFor(optV6OnlyPreferred) && c.ipv6Only(c.settingsFor(a)) {
		c.d.Why = NothingAsked // V4-105: it was offered nothing, and takes that.
		return
	}
	if !c.identify() || c.waits() {
		return
	}
	link := c.d.Path.Link
	if c.d.place.byAddr {
		link = "" // The log knows better than this node where the address belongs by now.
	}
	client := c.client()
	c.d.Command = storage.Bind{
		Client: client, Link: link, Addr: a, Mode: mode, AskedLease: c.q.asked(),
	}
	if mode == storage.Selecting {
		held, ok := c.self.Offers.Of(c.d.Holder, c.d.Path.Link)
		if ok && held.Addr == a && held.Config != nil {
			c.offeredUnder(held) // V4-067, HA-014
		}
		c.d.Drop = true
		c.d.Stranger = !(ok && held.Addr == a) && !c.holds(a)
		return
	}
	if !denied { // Else the log alone can deny.
		c.renewal(&client)
	}
	c.d.Stranger = c.d.Command != nil && !c.holds(a)
}

// elsewhere says whether the relay agent tells other things of the client that renews than are stored: then
// the log has to know, although the booking is long enough (V4-155).
func (c *chooser) elsewhere() bool {
	info := c.q.relayInfo()
	if info == "" {
		return false
	}
	l, ok := c.view.Lease(c.d.addr)
	return ok && l.RelayInfo != info
}

// holds says whether the last lease of a is the client's.
func (c *chooser) holds(a netip.Addr) bool {
	l, ok := c.view.Lease(a)
	return ok && c.owns(&l)
}

// offeredUnder has the reply made as the OFFER was, if the configuration is another one by now.
func (c *chooser) offeredUnder(held Held) {
	if held.Config != c.d.Config {
		c.d.Config, c.d.Classes = held.Config, held.Classes
	}
}

// linkless asks the log to deny what a client names on a link that has no subnet (V4-144). Nothing is granted
// there, whatever the log knows.
func (c *chooser) linkless() {
	c.d.Why, c.d.Path = Answer, c.path(storage.NoLink)
	if c.classify() && !c.d.Config.Config.NakDenied {
		c.d.Why = Filtered
		return
	}
	if !c.identify() || c.waits() {
		return
	}
	c.d.Command = storage.Bind{
		Client: c.client(), Link: storage.NoLink, Addr: c.d.addr, Mode: c.d.mode, AskedLease: c.q.asked(),
	}
	c.d.Stranger = true
}

// state returns the state that the client of a REQUEST is in and the address it names, which is invalid if it
// names none (V4-124). It returns 0 for a REQUEST that is none (RFC 2131 §4.3.2).
func (q *Query) state(in *Ingress) (storage.Mode, netip.Addr) {
	asked, asks := q.addr(optRequestedAddress)
	asks = asks && !asked.IsUnspecified()
	has := !q.CIAddr.IsUnspecified()
	_, selects := q.addr(optServerID)
	switch {
	case selects && asks:
		return storage.Selecting, asked
	case selects && has:
		return storage.Selecting, q.CIAddr // V4-125
	case selects:
		return storage.Selecting, netip.Addr{}
	case asks && (!has || asked != q.CIAddr):
		return storage.InitReboot, asked
	case has && q.Relayed() && q.heardByUnicast():
		return storage.Renewing, q.CIAddr
	case has && !q.Relayed() && addressed(in):
		return storage.Renewing, q.CIAddr
	case has:
		return storage.Rebinding, q.CIAddr
	}
	return 0, netip.Addr{}
}

// locateRequest finds the link of a REQUEST: a client that renews is where its address belongs (V4-154). So
// is one that rebinds over an interface of which no subnet is known.
func (c *chooser) locateRequest() bool {
	switch c.d.mode {
	case storage.Renewing:
		return c.locate(c.d.addr)
	case storage.Rebinding:
		if c.locate(netip.Addr{}) {
			return true
		}
		if c.d.Why != UnknownLink || c.q.Relayed() {
			return false
		}
		c.d.Why = Answer
		return c.locate(c.d.addr)
	}
	return c.locate(netip.Addr{})
}

// renewal looks whether the holder can be answered within what the log has promised. If so there is no
// command; if the promise is too short to be worth it, it is what the client is told should the log be out of
// reach (HA-012). Without an upper bound of cluster time, or when told so, everything goes through the log.
func (c *chooser) renewal(client *storage.Client) {
	if !c.self.Anchored || c.d.Config.Config.Renewals == config.RenewalsCommitted ||
		!c.d.place.has(c.d.addr) {
		return
	}
	told, extend, ok, remaining := c.view.Renewal(c.d.addr, client, c.q.asked(), c.self.Upper)
	c.d.Local.Lease.Addr = c.d.addr
	if !ok {
		c.d.Local.Told, c.d.Fallback = remaining, remaining >= promiseMin
		return
	}
	c.d.Local.Told, c.d.Command = told, nil
	if extend || c.elsewhere() {
		c.d.Later = &storage.Extend{
			Addr: c.d.addr, Key: c.d.Key, AskedLease: c.q.asked(), Classes: c.d.Classes,
			RelayInfo: c.q.relayInfo(), HType: client.HType, CHAddr: client.CHAddr,
		}
	}
}
