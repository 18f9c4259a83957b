package dhcp4

import (
	"testing"

	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// quotaWorld has one client per circuit on the link behind the relay.
func quotaWorld(t *testing.T) *world {
	t.Helper()
	c := testConfig()
	c.Limits.BindingsPerCircuit = 1
	w := newWorld(t, c)
	w.bind(behind(query(Request, 1)), "10.68.0.0/24", "10.68.0.101")
	return w
}

// behind returns q as it comes by circuit "a" of the relay.
func behind(q *Query) *Query {
	q.GIAddr = relayG
	q.Options.Append(optRelayInfo, []byte{1, 1, 'a'})
	return q
}

// Who is over the limit is offered nothing, whether this node sees that or the log; a denial comes from the log
// alone, and none to who may still use its address (P13).
func TestOverLimit_P13_SilenceAndDenial(t *testing.T) {
	w := quotaWorld(t)
	in := relayed(relayG.String())
	a := w.exchange(behind(query(Discover, 2)), in)
	if a.why != OverLimit || a.d.Command != nil {
		t.Errorf("DISCOVER: %v, want silence without a command", a)
	}
	select1 := behind(query(Request, 2, with(optRequestedAddress, "10.68.0.102"), with(optServerID, addrN1)))
	if a = w.exchange(select1, in); a.verdict() != nak || a.result.Refusal != storage.OverLimit {
		t.Errorf("REQUEST: %v, want a committed NAK", a)
	}
	wantOption(t, &a.msg, optMessage, []byte("no more addresses on this line or for such devices"))
	offer := Decision{query: query(Discover, 2), Reply: OfferMsg}
	if _, why := Reply(&offer, storage.Result{Refusal: storage.OverLimit}); why != OverLimit {
		t.Errorf("an Offer that the log refused: %d, want silence", why)
	}
	if a = w.exchange(behind(query(Discover, 1)), in); a.msg.Type != OfferMsg || a.msg.YIAddr != ip("10.68.0.101") {
		t.Errorf("who has the address: %v, want an OFFER of it", a)
	}

	// The booking ends, another client of the circuit is bound, and the first comes back within its grace.
	w.advance(lease.Seconds(w.lease("10.68.0.101").Booked - w.now))
	w.bind(behind(query(Request, 2)), "10.68.0.0/24", "10.68.0.102")
	reboots := behind(query(Request, 1, with(optRequestedAddress, "10.68.0.101")))
	if a = w.exchange(reboots, in); a.why != HolderWaits {
		t.Errorf("P13 the last holder before R: %v, want silence", a)
	}
	w.advance(3600)
	if a = w.exchange(reboots, in); a.verdict() != nak {
		t.Errorf("the last holder after R: %v, want a NAK", a)
	}
}

// A BOOTP client is told nothing; there is no denial.
func TestOverLimit_BOOTP(t *testing.T) {
	w := quotaWorld(t)
	w.reconfigure(func(c *config.Config) { c.BOOTP.Dynamic, c.Limits.BindingsPerCircuit = ptr(true), 1 })
	if a := w.exchange(behind(bootrequest(3)), relayed(relayG.String())); a.why != OverLimit || a.d.Command != nil {
		t.Errorf("BOOTREQUEST: %v, want silence without a command", a)
	}
	d := Decision{mode: storage.BOOTP}
	if _, why := Reply(&d, storage.Result{Refusal: storage.OverLimit}); why != OverLimit {
		t.Errorf("refused by the log: %d, want silence", why)
	}
}
