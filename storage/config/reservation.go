package config

import (
	"cmp"
	"encoding/hex"
	"math/bits"
	"net/netip"
	"slices"

	"port67/storage/lease"
)

// Reservation is an address or settings promised to a client. It is for one of three (adr/0019):
//
//	a device   Hardware and ClientID: a client that shows any of them is the client, and all of them are one
//	           client
//	a place    CircuitID, RemoteID and RelayID: what the relay agent says of it has to fit each of these that
//	           is given, and one of several values of the same
//	a class    Class: the clients of any of these classes, or of these values of templates
//
// A device that shows up at a place, or in a class, is a client by itself: it gets the address when nobody
// before it can use it any more.
type Reservation struct {
	Hardware  [][]byte   `json:"hardware,omitempty"`   // htype 1
	ClientID  [][]byte   `json:"client_id,omitempty"`  // option 61, type octet included
	CircuitID [][]byte   `json:"circuit_id,omitempty"` // RFC 3046 §3.1
	RemoteID  [][]byte   `json:"remote_id,omitempty"`  // RFC 3046 §3.2
	RelayID   [][]byte   `json:"relay_id,omitempty"`   // RFC 6925 §4
	Class     []string   `json:"class,omitempty"`
	Address   netip.Addr `json:"address,omitzero"`
	Hostname  string     `json:"hostname,omitempty"`
	// RARP says that whoever asks for the address of Hardware by RARP is told it (RFC 903).
	RARP bool `json:"rarp,omitempty"`
	// OneDevice says that there is never more than one device at the place, so that one which shows up there
	// has the address of the one before it at once.
	OneDevice bool `json:"one_device,omitempty"`
	Settings
}

// ReservationScope says which reservations count for the clients of a link. A nil field inherits; both count
// where nothing is said.
type ReservationScope struct {
	// ReservationsGlobal are those of the Config itself.
	ReservationsGlobal *bool `json:"reservations_global,omitempty"`
	// ReservationsInSubnet are those of a subnet. The addresses of those that do not count are given to nobody.
	ReservationsInSubnet *bool `json:"reservations_in_subnet,omitempty"`
}

// counting says which reservations count.
type counting struct{ global, inSubnet bool }

var bothCount = counting{true, true}

// under returns which reservations count one level below c, where s is set.
func (c counting) under(s *ReservationScope) counting {
	override(&c.global, s.ReservationsGlobal)
	override(&c.inSubnet, s.ReservationsInSubnet)
	return c
}

// Identifier is a kind of identifier that reservations know clients by.
type Identifier string

// The kinds, in the order in which they count where nothing is configured (V4-087).
const (
	ByClass     Identifier = "class"
	ByCircuitID Identifier = "circuit-id"
	ByRemoteID  Identifier = "remote-id"
	ByRelayID   Identifier = "relay-id"
	ByClientID  Identifier = "client-id"
	ByHardware  Identifier = "hardware"
)

// String returns the key that the file has for the kind.
func (i Identifier) String() string { return string(i) }

// Identifiers returns all kinds of identifiers in the order in which they count by default.
func Identifiers() []Identifier {
	return []Identifier{ByClass, ByCircuitID, ByRemoteID, ByRelayID, ByClientID, ByHardware}
}

// The sub-options of option 82 that name a place.
const (
	subCircuitID = 1
	subRemoteID  = 2
	subRelayID   = 12
)

// step is one way in which a client is looked up: by a kind of identifier, or by the values that name a place
// together.
type step struct {
	by    Identifier
	place placeKinds
}

// Shown is what reservations may know a client by, as far as the configuration uses it.
type Shown struct {
	steps         []step
	key, hardware lease.Key
	place         place
	classes       []string
}

// Shown returns what reservations may know a client by: its Key, the Key of its hardware address (empty if
// it has none), option 82 as its relay agent put it, and the names of its classes. It keeps classes.
func (c *Compiled) Shown(key, hardware lease.Key, relayInfo string, classes []string) Shown {
	id := Shown{steps: c.steps, key: key, hardware: hardware, classes: classes}
	if c.byPlace && relayInfo != "" {
		id.place.circuit, _ = lease.RelayOption(relayInfo, subCircuitID)
		id.place.remote, _ = lease.RelayOption(relayInfo, subRemoteID)
		id.place.relay, _ = lease.RelayOption(relayInfo, subRelayID)
	}
	return id
}

// Holder returns what reservations may know the holder of l by: as Shown, from what the lease remembers.
func (c *Compiled) Holder(l *lease.Lease) Shown {
	var classes []string
	if l.Class != "" {
		classes = []string{l.Class}
	}
	return c.Shown(l.Client, l.Hardware(), l.RelayInfo, classes)
}

// ReservesPlaces says whether any reservation names a place, so that option 82 matters to Shown.
func (c *Compiled) ReservesPlaces() bool { return c.byPlace }

// ReservesClasses says whether any reservation is for a class.
func (c *Compiled) ReservesClasses() bool { return len(c.reserved) > 0 }

// ReservesClass says whether any reservation is for the class of that name.
func (c *Compiled) ReservesClass(name string) bool { return c.reserved[name] }

// reservationIndex finds reservations by identifiers.
type reservationIndex struct {
	byKey   map[lease.Key]*CompiledReservation
	byPlace map[place]*CompiledReservation
	byClass map[string]*CompiledReservation
}

// add takes r in. A valid configuration has no other with one of its identifiers.
func (x *reservationIndex) add(r *CompiledReservation) {
	if x.byKey == nil {
		x.byKey = make(map[lease.Key]*CompiledReservation)
		x.byPlace = make(map[place]*CompiledReservation)
		x.byClass = make(map[string]*CompiledReservation)
	}
	for _, k := range r.Keys {
		x.byKey[k] = r
	}
	for _, p := range r.places {
		x.byPlace[p] = r
	}
	for _, c := range r.Class {
		x.byClass[c] = r
	}
}

// find returns the reservation that step s leads to, nil if there is none.
func (x *reservationIndex) find(s step, id *Shown) *CompiledReservation {
	switch s.by {
	case ByClass:
		for _, c := range id.classes {
			if r := x.byClass[c]; r != nil {
				return r
			}
		}
	case ByClientID:
		if !id.key.IsHardware() {
			return x.byKey[id.key]
		}
	case ByHardware:
		if id.key.IsHardware() {
			if r := x.byKey[id.key]; r != nil {
				return r
			}
		}
		return x.byKey[id.hardware]
	default:
		if p, ok := id.place.only(s.place); ok {
			return x.byPlace[p]
		}
	}
	return nil
}

// ReservationFor returns the reservation of a client on l: the one that its foremost identifier leads to, in
// a subnet of l or else, where these count, among the global ones (V4-087). The address of a global one may
// be on another link: then the client has only its settings.
func (l *Link) ReservationFor(id *Shown) (*CompiledReservation, bool) {
	for _, s := range id.steps {
		for _, sub := range l.Subnets {
			if r := sub.index.find(s, id); r != nil {
				return r, true
			}
		}
	}
	if l.global == nil {
		return nil, false
	}
	for _, s := range id.steps {
		if r := l.global.find(s, id); r != nil {
			return r, true
		}
	}
	return nil, false
}

// DeviceFor returns the reservation in s, or else the global one, that knows a client as a device: by its Key
// or its hardware address, wherever it is. Clients that have the same one are one client.
func (s *CompiledSubnet) DeviceFor(id *Shown) (*CompiledReservation, bool) {
	for _, x := range []*reservationIndex{&s.index, s.Link.global} {
		if x == nil {
			continue
		}
		for _, step := range id.steps {
			if step.by != ByClientID && step.by != ByHardware {
				continue
			}
			if r := x.find(step, id); r != nil {
				return r, true
			}
		}
	}
	return nil, false
}

// Shows says whether id shows the place or one of the classes that r is for; false if r is for a device.
func (r *CompiledReservation) Shows(id *Shown) bool {
	return r.ClassOf(id) != "" || slices.ContainsFunc(r.places, func(p place) bool {
		shown, ok := id.place.only(p.kinds())
		return ok && shown == p
	})
}

// ClassOf returns the first class of id that r is for; empty if there is none.
func (r *CompiledReservation) ClassOf(id *Shown) string {
	if len(r.Class) == 0 {
		return ""
	}
	for _, c := range id.classes {
		if slices.Contains(r.Class, c) {
			return c
		}
	}
	return ""
}

// compileReservations takes in the global reservations, and finds out in which steps clients are looked up.
// The subnets are compiled before.
func (c *Compiled) compileReservations() {
	global := new(reservationIndex)
	for i := range c.Config.Reservations {
		r := &c.Config.Reservations[i]
		sub, outer := (*CompiledSubnet)(nil), c.Global
		if s, ok := c.SubnetOf(r.Address); ok {
			sub, outer = s, s.Effective
		}
		global.add(c.compileReservation(r, sub, outer))
	}
	if len(c.Config.Reservations) > 0 {
		for _, l := range c.Links {
			if l.countsGlobal {
				l.global = global
			}
		}
	}
	order := c.Config.ReservationIdentifiers
	if len(order) == 0 {
		order = Identifiers()
	}
	c.steps = stepsOf(order, c.used)
}

// compileReservation compiles a reservation whose address is in s, nil if nowhere, under outer. It notes its
// address in s, but does not index it.
func (c *Compiled) compileReservation(r *Reservation, s *CompiledSubnet, outer *Effective,
) *CompiledReservation {
	out := &CompiledReservation{
		Reservation: r, Subnet: s, Keys: r.Keys(), Effective: outer.under(&r.Settings), places: r.places(),
	}
	for _, one := range r.steps() {
		if !slices.Contains(c.used, one) {
			c.used = append(c.used, one)
		}
		c.byPlace = c.byPlace || one.place != 0
	}
	if r.Address.IsValid() && s != nil {
		s.byAddr[r.Address] = out
	}
	if r.RARP {
		c.addRARP(out)
	}
	return out
}

// steps returns how r is looked up.
func (r *Reservation) steps() []step {
	var out []step
	if len(r.Class) > 0 {
		out = append(out, step{by: ByClass})
	}
	if k := r.placeKinds(); k != 0 {
		out = append(out, step{place: k})
	}
	if len(r.ClientID) > 0 {
		out = append(out, step{by: ByClientID})
	}
	if len(r.Hardware) > 0 {
		out = append(out, step{by: ByHardware})
	}
	return out
}

func (r *Reservation) placeKinds() placeKinds {
	var k placeKinds
	if len(r.CircuitID) > 0 {
		k |= withCircuit
	}
	if len(r.RemoteID) > 0 {
		k |= withRemote
	}
	if len(r.RelayID) > 0 {
		k |= withRelay
	}
	return k
}

// place returns the kind as one of those that name a place; 0 if it is none.
func (i Identifier) place() placeKinds {
	switch i {
	case ByCircuitID:
		return withCircuit
	case ByRemoteID:
		return withRemote
	case ByRelayID:
		return withRelay
	}
	return 0
}

// stepsOf puts the steps that are used into order. What names a place by several kinds stands where the
// foremost of them does, before what names it by fewer.
func stepsOf(order []Identifier, used []step) []step {
	rank := func(s step) int {
		for i, by := range order {
			if s.by == by && s.place == 0 || s.place&by.place() != 0 {
				return i
			}
		}
		return len(order)
	}
	out := slices.Clone(used)
	slices.SortFunc(out, func(a, b step) int {
		return cmp.Or(
			cmp.Compare(rank(a), rank(b)),
			-cmp.Compare(bits.OnesCount8(uint8(a.place)), bits.OnesCount8(uint8(b.place))),
			cmp.Compare(a.place, b.place),
		)
	})
	return out
}

// Keys returns the Keys of the device that r is for, hardware addresses first. All of them are one client.
func (r *Reservation) Keys() []lease.Key {
	var keys []lease.Key
	for _, hw := range r.Hardware {
		keys = append(keys, lease.HardwareKey(htypeEthernet, hw))
	}
	for _, id := range r.ClientID {
		keys = append(keys, lease.ClientIDKey(id))
	}
	return keys
}

// places returns the places that r is for: every combination of the values of its kinds.
func (r *Reservation) places() []place {
	if r.placeKinds() == 0 {
		return nil
	}
	out := []place{{}}
	for _, f := range []struct {
		values [][]byte
		set    func(*place, string)
	}{
		{r.CircuitID, func(p *place, v string) { p.circuit = v }},
		{r.RemoteID, func(p *place, v string) { p.remote = v }},
		{r.RelayID, func(p *place, v string) { p.relay = v }},
	} {
		if len(f.values) == 0 {
			continue
		}
		var next []place
		for _, p := range out {
			for _, v := range f.values {
				f.set(&p, string(v))
				next = append(next, p)
			}
		}
		out = next
	}
	return out
}

// Names returns the identifiers of r in words, each of which the client may be known by alone: of a place,
// all that name it together.
func (r *Reservation) Names() []string {
	var out []string
	for _, k := range r.Keys() {
		out = append(out, keyWords(k))
	}
	for _, p := range r.places() {
		out = append(out, p.words())
	}
	for _, name := range r.Class {
		out = append(out, "class "+name)
	}
	return out
}

// KnownBy returns in words what of id the reservation knows its client by; empty if nothing.
func (r *CompiledReservation) KnownBy(id *Shown) string {
	if c := r.ClassOf(id); c != "" {
		return "class " + c
	}
	for _, p := range r.places {
		if shown, ok := id.place.only(p.kinds()); ok && shown == p {
			return p.words()
		}
	}
	for _, k := range []lease.Key{id.key, id.hardware} {
		if slices.Contains(r.Keys, k) {
			return keyWords(k)
		}
	}
	return ""
}

// keyWords returns k as an administrator wrote it.
func keyWords(k lease.Key) string {
	if _, addr, ok := k.Hardware(); ok {
		return "hardware " + FormatHardware(addr)
	}
	return "client-id " + hex.EncodeToString(k.Identifier())
}

// addRARP makes r known to those who ask for it by RARP: by its hardware addresses, of which it has one.
func (c *Compiled) addRARP(r *CompiledReservation) {
	if c.byRARP == nil {
		c.byRARP = make(map[lease.Key][]*CompiledReservation)
	}
	for _, hw := range r.Hardware {
		key := lease.HardwareKey(htypeEthernet, hw)
		c.byRARP[key] = append(c.byRARP[key], r)
	}
}

// htypeEthernet is the hardware type of the addresses in reservations (RFC 1700, ARP parameters).
const htypeEthernet = 1
