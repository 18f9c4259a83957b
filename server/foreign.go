package server

import (
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"port67/server/dhcp4"
	"port67/server/wire4"
	"port67/storage"
	"port67/storage/config"
)

const (
	// foreignMax is how many servers of others are remembered; whoever was noticed the longest time ago makes
	// room.
	foreignMax = 256
	// foreignMemory is for how long.
	foreignMemory = 24 * time.Hour
	// foreignPresent is how long one that was noticed counts as there, and how often the log tells of it.
	foreignPresent = time.Hour
)

// OverheardReply is a BOOTREPLY that came by an interface from somebody else. Payload is only valid during
// the call it is passed to.
type OverheardReply struct {
	Payload   []byte
	Source    netip.Addr
	Hardware  string // raw octets of who sent the frame
	Interface string
}

// ForeignServer is a DHCP server of others that this node has noticed.
type ForeignServer struct {
	// Addr is how it names itself (option 54), or where it sends from if it does not.
	Addr      netip.Addr
	Interface string
	// Source and Hardware are where its last reply came from; not set if only clients have named it.
	Source   netip.Addr
	Hardware string // raw octets
	// Said is the type of its last reply and Offered the address in it; Said is 0 for BOOTP.
	Said    dhcp4.MessageType
	Offered netip.Addr
	// Heard counts its replies, Named the messages of clients to it.
	Heard, Named uint64
	First, Last  time.Time
	// Known says that the configuration names it: it is meant to be there.
	Known bool
}

// Present says whether it was noticed lately.
func (f *ForeignServer) Present(now time.Time) bool { return now.Sub(f.Last) < foreignPresent }

// foreign is the servers of others. The table is bounded.
type foreign struct {
	mu    sync.Mutex
	found map[foreignKey]*foreignEntry
}

type foreignKey struct {
	iface string
	addr  netip.Addr
}

type foreignEntry struct {
	ForeignServer
	told time.Time // by the log; zero: never
}

// notice changes what is remembered of a server and says whether the log should tell of it.
func (f *foreign) notice(k foreignKey, now time.Time, change func(*ForeignServer)) (ForeignServer, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.found == nil {
		f.found = make(map[foreignKey]*foreignEntry)
	}
	e := f.found[k]
	if e == nil {
		if len(f.found) >= foreignMax {
			f.makeRoom()
		}
		e = &foreignEntry{ForeignServer: ForeignServer{Addr: k.addr, Interface: k.iface, First: now}}
		f.found[k] = e
	}
	heard := e.Heard
	change(&e.ForeignServer)
	e.Last = now
	since := now.Sub(e.told)
	// That a reply of it is heard for the first time is news, whatever clients have said before.
	due := since < 0 || since >= foreignPresent || heard == 0 && e.Heard > 0
	if due {
		e.told = now
	}
	return e.ForeignServer, due
}

// makeRoom forgets the server that was noticed the longest time ago; one that was heard stays before one that
// was only named, for anybody can name many.
func (f *foreign) makeRoom() {
	var oldest *foreignEntry
	for _, e := range f.found { //tidy:sorted the result depends on the entries alone
		if oldest == nil || less(e, oldest) {
			oldest = e
		}
	}
	delete(f.found, foreignKey{oldest.Interface, oldest.Addr})
}

func less(a, b *foreignEntry) bool {
	if heardA, heardB := a.Heard > 0, b.Heard > 0; heardA != heardB {
		return heardB
	}
	if !a.Last.Equal(b.Last) {
		return a.Last.Before(b.Last)
	}
	return a.Interface < b.Interface || a.Interface == b.Interface && a.Addr.Less(b.Addr)
}

// ForeignServers returns the DHCP servers of others that this node has noticed within a day, by interface and
// address.
func (s *Server) ForeignServers() []ForeignServer {
	now := s.clock.Now()
	var out []ForeignServer
	s.foreign.mu.Lock()
	for k, e := range s.foreign.found {
		if now.Sub(e.Last) >= foreignMemory {
			delete(s.foreign.found, k)
			continue
		}
		out = append(out, e.ForeignServer)
	}
	s.foreign.mu.Unlock()
	slices.SortFunc(out, func(a, b ForeignServer) int {
		if c := strings.Compare(a.Interface, b.Interface); c != 0 {
			return c
		}
		return a.Addr.Compare(b.Addr)
	})
	s.reader.Read(func(v storage.View) {
		for i := range out {
			out[i].Known = isKnown(v, out[i].Addr) || isKnown(v, out[i].Source)
		}
	})
	return out
}

// isKnown says whether the configuration names server a.
func isKnown(v storage.View, a netip.Addr) bool {
	return v.Config() != nil && slices.Contains(v.Config().Config.KnownServers, a)
}

// Overhear looks at a reply that this node did not send. One of the cluster's own, which another node sent
// or a relay agent passed on, is nothing to tell of.
func (s *Server) Overhear(r OverheardReply) {
	q, err := wire4.ParseReply(r.Payload)
	if err != nil || q.Type != 0 && q.Type != dhcp4.OfferMsg && q.Type != dhcp4.ACK && q.Type != dhcp4.NAK {
		return
	}
	var addr netip.Addr
	known := false
	s.reader.Read(func(v storage.View) {
		if addr = dhcp4.ForeignServer(v, &q, r.Source); addr.IsValid() {
			known = isKnown(v, addr) || isKnown(v, r.Source)
		}
	})
	if !addr.IsValid() {
		return
	}
	f, due := s.foreign.notice(foreignKey{r.Interface, addr}, s.clock.Now(), func(f *ForeignServer) {
		f.Heard++
		f.Source, f.Hardware, f.Said, f.Offered = r.Source, r.Hardware, q.Type, q.YIAddr
	})
	if due {
		s.tellForeign(&f, known)
	}
}

// overhearNamed notes that a client speaks with a server of others.
func (s *Server) overhearNamed(q *dhcp4.Query, in *dhcp4.Ingress) {
	addr, ok := q.ServerID()
	if !ok || !addr.IsGlobalUnicast() {
		return
	}
	known := false
	s.reader.Read(func(v storage.View) { known = isKnown(v, addr) })
	k := foreignKey{in.Interface, addr}
	f, due := s.foreign.notice(k, s.clock.Now(), func(f *ForeignServer) { f.Named++ })
	if due {
		s.tellForeign(&f, known)
	}
}

// tellForeign writes to the log that there is a server of others. That clients name one is no proof: some
// make it up (W-013).
func (s *Server) tellForeign(f *ForeignServer, known bool) {
	attrs := []any{slog.String("server", f.Addr.String()), slog.String("interface", f.Interface)}
	switch {
	case known:
		s.log.Debug("known DHCP server noticed", attrs...)
	case f.Heard == 0:
		s.log.Info("a client speaks with a DHCP server that is not ours", attrs...)
	default:
		s.log.Warn("DHCP server that is not ours", append(attrs,
			slog.String("source", f.Source.String()),
			slog.String("hardware", config.FormatHardware([]byte(f.Hardware))),
			slog.String("said", typeName(f.Said)), slog.String("offered", f.Offered.String()))...)
	}
}

// typeName returns the type of a reply in words.
func typeName(t dhcp4.MessageType) string {
	switch t {
	case dhcp4.OfferMsg:
		return "OFFER"
	case dhcp4.ACK:
		return "ACK"
	case dhcp4.NAK:
		return "NAK"
	}
	return "BOOTREPLY"
}

// Word returns the type of the server's last reply; empty if none was heard.
func (f *ForeignServer) Word() string {
	if f.Heard == 0 {
		return ""
	}
	return typeName(f.Said)
}
