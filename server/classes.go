package server

import (
	"log/slog"
	"sync"
	"sync/atomic"

	"port67/server/classify"
	"port67/server/dhcp4"
	"port67/storage/config"
)

// classes keeps the compiled expressions of the configuration in force, so that they are compiled once. It
// stands beside the replicated state, not in it: the log knows classes by their names only.
type classes struct {
	log *slog.Logger
	mu  sync.Mutex // held while compiling
	now atomic.Pointer[classSet]
	// clock is wall time: the ends of periods are that.
	clock Clock
}

// classSet is the classes of one configuration. It implements dhcp4.Classes.
type classSet struct {
	config *config.Compiled
	set    *classify.Set
	clock  Clock
}

// of returns the classes of c; nil if no class of it decides about anything. It is false if they have to be
// compiled first, which takes too long to be done while the state is lent.
func (c *classes) of(conf *config.Compiled) (dhcp4.Classes, bool) {
	if conf == nil || len(conf.Named)+len(conf.ReservingTemplates) == 0 {
		return nil, true
	}
	set := c.now.Load()
	return set, set != nil && set.config == conf
}

// compile makes the classes of conf ready. A class that this node cannot compile, which no configuration that
// was checked has, is told of: its clients get less than they should.
func (c *classes) compile(conf *config.Compiled) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.of(conf); ok {
		return
	}
	set, problems := classify.New(conf)
	for _, p := range problems {
		c.log.Error("class not compiled: nobody is in it, and guards that exclude it are shut", "path", p.Path,
			"problem", p.Text)
	}
	c.now.Store(&classSet{config: conf, set: set, clock: c.clock})
}

// Of implements dhcp4.Classes.
func (s *classSet) Of(q *dhcp4.Query, in *dhcp4.Ingress, relayInfo []byte, known bool,
) ([]string, []error) {
	return s.set.Of(&classify.Packet{
		Type: typeWord(q.Type), HType: q.HType, HLen: q.HLen, Hops: q.Hops, XID: q.XID, Secs: q.Secs,
		Flags: q.Flags, CIAddr: q.CIAddr, GIAddr: q.GIAddr, Source: in.Src.Addr(), Target: in.Dst,
		CHAddr: q.CHAddr[:min(int(q.HLen), len(q.CHAddr))], Interface: in.Interface, Relayed: q.Relayed(),
		RelayInfo: relayInfo, Options: &q.Options, Now: config.Moment(s.clock.Now().Unix()),
	}, known)
}

// typeWord returns a message type as expressions have it.
func typeWord(t dhcp4.MessageType) string {
	switch t {
	case dhcp4.Discover:
		return "DISCOVER"
	case dhcp4.Request:
		return "REQUEST"
	case dhcp4.Decline:
		return "DECLINE"
	case dhcp4.Release:
		return "RELEASE"
	case dhcp4.Inform:
		return "INFORM"
	}
	return "BOOTP"
}
