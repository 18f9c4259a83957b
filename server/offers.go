package server

import (
	"net/netip"
	"sync"
	"time"

	"port67/server/dhcp4"
	"port67/storage/lease"
)

// offers is the addresses that this node has on offer: each held for one client for a while, so that it is
// offered to no other (V4-106). It is memory only. A hold that is lost costs a client another DISCOVER at
// worst, for the log alone gives an address away. The table is bounded; the oldest hold makes room for a new
// one.
type offers struct {
	mu       sync.Mutex
	byClient map[offerClient]offer
	byAddr   map[netip.Addr]offerClient
	held     *lease.Space // the addresses in byAddr
	queue    []turn       // in the order of the holds
	serial   uint64
	max      int
}

// offerClient is a client on a link.
type offerClient struct {
	key  lease.Key
	link string
}

type offer struct {
	dhcp4.Held
	until  time.Time
	serial uint64
}

// turn is a place in the queue. It is void if the client's hold has another serial by now.
type turn struct {
	client offerClient
	serial uint64
}

const holdFor = time.Duration(dhcp4.HoldSeconds) * time.Second

func newOffers(limit int) *offers {
	return &offers{byClient: make(map[offerClient]offer), byAddr: make(map[netip.Addr]offerClient),
		max: limit}
}

// hold keeps h.Addr for the client until holdFor after now. It is false if that is on offer to another
// client, unless firm says that this one counts for more.
func (t *offers) hold(c offerClient, h dhcp4.Held, firm bool, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := h.Addr
	if other, ok := t.byAddr[a]; ok && other != c && !firm && t.byClient[other].until.After(now) {
		return false
	}
	if other, ok := t.byAddr[a]; ok {
		t.forget(other)
	}
	t.forget(c)
	for len(t.queue) > 0 && (len(t.byClient) >= t.max || len(t.queue) >= 2*t.max || t.idle(t.queue[0], now)) {
		t.shift()
	}
	t.serial++
	t.byClient[c] = offer{Held: h, until: now.Add(holdFor), serial: t.serial}
	t.byAddr[a] = c
	t.held = t.held.With(a)
	t.queue = append(t.queue, turn{c, t.serial})
	return true
}

// idle says whether what the place in the queue stands for is gone or over. A hold that ends later than any
// could that begins now is over, too: the clock was set back.
func (t *offers) idle(q turn, now time.Time) bool {
	o := t.byClient[q.client]
	return o.serial != q.serial || !o.until.After(now) || o.until.After(now.Add(2*holdFor))
}

// shift takes the first place off the queue, with its hold.
func (t *offers) shift() {
	q := t.queue[0]
	t.queue = t.queue[1:]
	if t.byClient[q.client].serial == q.serial {
		t.forget(q.client)
	}
}

// drop forgets what is on offer to the client.
func (t *offers) drop(c offerClient) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forget(c)
}

// forget ends the hold of c.
func (t *offers) forget(c offerClient) {
	o, ok := t.byClient[c]
	if !ok {
		return
	}
	delete(t.byClient, c)
	delete(t.byAddr, o.Addr)
	t.held = t.held.Without(o.Addr)
}

// at lends the table as it is at now.
func (t *offers) at(now time.Time) dhcp4.Offers {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.queue) > 0 && t.idle(t.queue[0], now) {
		t.shift()
	}
	return offersAt{t, now, t.held}
}

// offersAt is the table at one moment.
type offersAt struct {
	t    *offers
	now  time.Time
	held *lease.Space
}

// Held implements dhcp4.Offers.
func (v offersAt) Held() *lease.Space { return v.held }

// Of implements dhcp4.Offers.
func (v offersAt) Of(k lease.Key, link string) (dhcp4.Held, bool) {
	v.t.mu.Lock()
	defer v.t.mu.Unlock()
	o, ok := v.t.byClient[offerClient{k, link}]
	if !ok || !o.until.After(v.now) {
		return dhcp4.Held{}, false
	}
	return o.Held, true
}

// To implements dhcp4.Offers.
func (v offersAt) To(a netip.Addr) (lease.Key, bool) {
	v.t.mu.Lock()
	defer v.t.mu.Unlock()
	c, ok := v.t.byAddr[a]
	if !ok || !v.t.byClient[c].until.After(v.now) {
		return "", false
	}
	return c.key, true
}
