package server

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"port67/server/dhcp4"
	"port67/storage/lease"
)

var update = flag.Bool("update", false, "rewrite what the tests compare with")

func TestOutcomes_EachHasAWordAndAnEntry(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range Outcomes() {
		e := outcomes[o]
		if e.word == "" || e.is == "" || e.do == "" {
			t.Errorf("outcome %d: entry %+v is not complete", o, e)
		}
		if seen[e.word] {
			t.Errorf("outcome %s stands there twice", e.word)
		}
		seen[e.word] = true
		if strings.Trim(e.word, "abcdefghijklmnopqrstuvwxyz_") != "" {
			t.Errorf("outcome %q is not in snake case", e.word)
		}
	}
	if Outcome(0).String() != "outcome_0" || Outcome(255).String() != "outcome_255" {
		t.Error("an outcome that is none has a word")
	}
}

func TestOutcomes_OneForEachWhy(t *testing.T) {
	seen := map[Outcome]dhcp4.Why{}
	for w := dhcp4.Answer + 1; w <= dhcp4.NoSubnetAnyMore; w++ {
		o := outcomeOf(w)
		if other, ok := seen[o]; ok {
			t.Errorf("%v is the outcome of both %d and %d", o, other, w)
		}
		seen[o] = w
	}
}

func TestOutcomes_Document(t *testing.T) {
	const path = "../docs/outcomes.md"
	if *update {
		if err := os.WriteFile(path, []byte(Document()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil || string(b) != Document() {
		t.Errorf("%s: not what outcome.go says (%v): run go test ./server -run Document -update", path, err)
	}
}

func TestInflight(t *testing.T) {
	f := newInflight(2)
	x := Exchange{Client: 1, XID: 1, Type: dhcp4.Request}
	other := x
	other.Type = dhcp4.Discover
	third := x
	third.GIAddr = netip.MustParseAddr("10.68.0.1")
	for _, c := range []struct {
		name string
		x    Exchange
		want Outcome
	}{
		{
			"first",
			x, 0}, {"the same", x, Duplicate}, {"another type", other, 0},
		{"W-048 another relay, and no room", third, Overloaded},
	} {
		if got := f.enter(c.x); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	f.leave(x)
	if got := f.enter(third); got != 0 {
		t.Errorf("after one left: %v, want room", got)
	}
}

func client(i int) offerClient {
	return offerClient{lease.ClientIDKey(fmt.Appendf(nil, "client %d", i)), "10.67.0.0/24"}
}

func address(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 67, byte(i >> 8), byte(i)}) }

func TestOffers_V4_106_HeldForOneClientForAWhile(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	o := newOffers(10)
	if !o.hold(client(1), dhcp4.Held{Addr: address(1)}, false, now) {
		t.Fatal("a free address cannot be held")
	}
	if o.hold(client(2), dhcp4.Held{Addr: address(1)}, false, now.Add(holdFor-1)) {
		t.Error("one address is on offer to two clients")
	}
	if h, ok := o.at(now.Add(holdFor-1)).Of(client(1).key, client(1).link); !ok || h.Addr != address(1) {
		t.Errorf("V4-107 on offer to client 1: %v %v, want %v", h.Addr, ok, address(1))
	}
	if k, ok := o.at(now.Add(holdFor - 1)).To(address(1)); !ok || k != client(1).key {
		t.Errorf("on offer to %v %v, want client 1", k, ok)
	}
	later := now.Add(holdFor)
	if _, ok := o.at(later).Of(client(1).key, client(1).link); ok {
		t.Error("the hold does not end")
	}
	if _, ok := o.at(later).To(address(1)); ok {
		t.Error("the address is held without end")
	}
	if !o.hold(client(2), dhcp4.Held{Addr: address(1)}, false, later) {
		t.Error("the address cannot be held after the first hold ended")
	}
	o.drop(client(2))
	if _, ok := o.at(later).To(address(1)); ok {
		t.Error("V4-122 a dropped hold stays")
	}
}

func TestOffers_AnotherAddressReplacesTheFirst(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	o := newOffers(10)
	o.hold(client(1), dhcp4.Held{Addr: address(1)}, false, now)
	o.hold(client(1), dhcp4.Held{Addr: address(2)}, false, now)
	if _, ok := o.at(now).To(address(1)); ok {
		t.Error("a client holds two addresses of a link")
	}
	if !o.hold(client(2), dhcp4.Held{Addr: address(1)}, false, now) {
		t.Error("what the client left is not free")
	}
}

func TestOffers_BoundedUnderAFlood(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	o := newOffers(100)
	for i := range 10_000 {
		if !o.hold(client(i), dhcp4.Held{Addr: address(i)}, false, now) {
			t.Fatalf("client %d gets no offer", i)
		}
		o.hold(client(9_999_999), dhcp4.Held{Addr: address(60_000)}, false, now) // renewed all the time, so that it stays
	}
	for i := range 10_000 {
		_, ok := o.byAddr[address(i)]
		if held := o.at(now).Held().Has(address(i)); held != ok {
			t.Fatalf("%v: passed over %t, on offer %t", address(i), held, ok)
		}
	}
	if len(o.byClient) > 100 || len(o.byAddr) != len(o.byClient) || len(o.queue) > 200 {
		t.Errorf("%d clients, %d addresses, %d in the queue; want no more than 100", len(o.byClient),
			len(o.byAddr), len(o.queue))
	}
	if _, ok := o.at(now).Of(client(9_999).key, client(9_999).link); !ok {
		t.Error("the newest offer was forgotten")
	}
	if _, ok := o.at(now).To(address(60_000)); !ok {
		t.Error("an offer that was renewed a moment ago was taken for an old one")
	}
}

func TestOffers_V4_101_WhatIsTheClientsCountsForMore(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	o := newOffers(10)
	o.hold(client(1), dhcp4.Held{Addr: address(1)}, false, now)
	if !o.hold(client(2), dhcp4.Held{Addr: address(1)}, true, now) {
		t.Fatal("a client waits for the hold of another on its own address")
	}
	if k, _ := o.at(now).To(address(1)); k != client(2).key {
		t.Errorf("on offer to %v, want client 2", k)
	}
	if _, ok := o.at(now).Of(client(1).key, client(1).link); ok {
		t.Error("one address is on offer to two clients")
	}
}

func TestOffers_Held_EndsWithTheHold(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	o := newOffers(10)
	for i := range 3 {
		o.hold(client(i), dhcp4.Held{Addr: address(i)}, false, now.Add(time.Duration(i)*time.Second))
	}
	lent := o.at(now.Add(holdFor))
	if held := lent.Held(); held.Has(address(0)) || !held.Has(address(1)) || !held.Has(address(2)) {
		t.Error("after the first hold ended: not the other two are passed over")
	}
	o.drop(client(1))
	if !lent.Held().Has(address(1)) {
		t.Error("what was lent changes")
	}
	if o.at(now).Held().Has(address(1)) {
		t.Error("a hold that was dropped is passed over")
	}
	if o.at(now.Add(-time.Hour)).Held().Has(address(2)) {
		t.Error("after the clock was set back an hour, holds last an hour longer")
	}
}

func TestWarnings_OncePerMinuteAndOutcome(t *testing.T) {
	var w warnings
	now := time.Unix(1_000_000, 0)
	for _, c := range []struct {
		name  string
		o     Outcome
		after time.Duration
		want  bool
	}{
		{"the first", UnknownLink, 0, true},
		{"the second", UnknownLink, time.Second, false},
		{"another outcome", Exhausted, time.Second, true},
		{"a minute later", UnknownLink, warnEvery, true},
		{"the clock stepped back", UnknownLink, -time.Hour, true},
	} {
		if got := w.due(c.o, now.Add(c.after)); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestExchange_NamedAlikeInOneClusterOnly(t *testing.T) {
	q := &dhcp4.Query{XID: 1, Type: dhcp4.Discover, GIAddr: netip.IPv4Unspecified()}
	one, two := client(1).key, client(2).key
	x := exchangeOf("a", q, one)
	if x != exchangeOf("a", q, one) {
		t.Error("two nodes of a cluster name one message differently")
	}
	if x.Client == exchangeOf("b", q, one).Client {
		t.Error("the name can be told without the cluster's ID")
	}
	if x.Client == exchangeOf("a", q, two).Client {
		t.Error("two clients have one name")
	}
}
