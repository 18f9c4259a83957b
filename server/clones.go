package server

import (
	"encoding/hex"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"port67/server/dhcp4"
	"port67/storage/lease"
)

// A client identifier that is seen with another hardware address clonedChanges times within clonedWithin is
// that of several machines which are alive: a machine that changes its network card does so once (V4-085).
const (
	clonedChanges = 3
	clonedWithin  = time.Minute
)

// clones watches for machines that show one client identifier, as copies of one image do (W-040). It is this
// node's memory only, in a table of fixed size: where there is no room, who was heard the longest time ago
// makes room.
type clones struct {
	mu   sync.Mutex
	seed maphash.Seed // nobody can look for identifiers that share a place
	sets [1 << 12][4]cloned
	told time.Time // when the log was warned last
}

// cloned is an identifier and the hardware address it was seen with last.
type cloned struct {
	client, hardware uint64
	heard            int64                // Unix time in nanoseconds, as in changes
	changes          [clonedChanges]int64 // the latest changes of the hardware address, oldest first
}

func newClones() *clones { return &clones{seed: maphash.MakeSeed()} }

// note takes it that the client was heard at that moment from a hardware address, and says whether this is
// the last of so many changes within so short a time. After that it counts anew.
func (c *clones) note(k lease.Key, htype uint8, chaddr []byte, at time.Time) bool {
	client := maphash.String(c.seed, string(k))
	var h maphash.Hash
	h.SetSeed(c.seed)
	_ = h.WriteByte(htype) // never an error
	h.Write(chaddr)
	hardware, now := h.Sum64(), at.UnixNano()
	c.mu.Lock()
	defer c.mu.Unlock()
	set := &c.sets[client%uint64(len(c.sets))]
	e := &set[0]
	for i := range set {
		if set[i].client == client {
			e = &set[i]
			break
		}
		if set[i].heard < e.heard {
			e = &set[i]
		}
	}
	if e.client != client || now < e.heard { // Or the clock was set back.
		*e = cloned{client: client, hardware: hardware, heard: now}
		return false
	}
	e.heard = now
	if e.hardware == hardware {
		return false
	}
	e.hardware = hardware
	copy(e.changes[:], e.changes[1:])
	e.changes[clonedChanges-1] = now
	if e.changes[0] == 0 || now-e.changes[0] > int64(clonedWithin) {
		return false
	}
	e.changes = [clonedChanges]int64{}
	return true
}

// due says whether it is time to warn of clones again, and takes it that this is done.
func (c *clones) due(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if since := now.Sub(c.told); since >= 0 && since < warnEvery {
		return false
	}
	c.told = now
	return true
}

// watch raises the alarm when the client of a decision is several machines. Where the hardware address is
// part of who a client is, or all of it, they are told apart already.
func (s *Server) watch(d *dhcp4.Decision, q *dhcp4.Query, in *Datagram) {
	if d.Key == "" || d.Key.IsHardware() || d.Holder != d.Key ||
		q.Type != dhcp4.Discover && q.Type != dhcp4.Request {
		return
	}
	hw := q.CHAddr[:min(int(q.HLen), len(q.CHAddr))]
	if !s.clones.note(d.Key, q.HType, hw, in.Heard) {
		return
	}
	s.observer.Irregular(dhcp4.ClonedClient)
	log := s.log.Debug
	if s.clones.due(in.Heard) {
		log = s.log.Warn
	}
	log("several machines show one client identifier: give each its own, or set identity.match to "+
		"distinct-by-mac",
		slog.String("client", d.Key.String()), slog.String("hardware", hex.EncodeToString(hw)),
		slog.String("link", d.Path.Link), slog.String("interface", in.Ingress.Interface),
		slog.String("giaddr", q.GIAddr.String()))
}
