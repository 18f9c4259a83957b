package listen

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"port67/server/dhcp4"
)

// link is one interface of this machine as it was when the table was read.
type link struct {
	index    int
	name     string
	mac      [6]byte
	ethernet bool // raw frames with mac can be sent
	loopback bool
	up       bool
	mtu      int
	local    netip.Addr     // the first address that is not secondary; may be invalid
	prefixes []netip.Prefix // all IPv4 addresses with their lengths
	served   bool
}

// table is all interfaces at one moment. It is never changed.
type table struct {
	byIndex map[int]*link
	sorted  []*link // by index
	local   map[netip.Addr]bool
}

func (t *table) servedNames() []string {
	var names []string
	for _, l := range t.sorted {
		if l.served {
			names = append(names, l.name)
		}
	}
	return names
}

func (t *table) servedAddresses() []netip.Addr {
	var addrs []netip.Addr
	for _, l := range t.sorted {
		for _, p := range l.prefixes {
			if l.served {
				addrs = append(addrs, p.Addr())
			}
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs)
}

// Served returns for every interface on which clients are served how a message would come in by it, as far as
// that does not depend on the message.
func (l *Listener) Served() []dhcp4.Ingress {
	var out []dhcp4.Ingress
	for _, i := range l.links.now().sorted {
		if i.served {
			out = append(out, i.ingress())
		}
	}
	return out
}

// ingress returns how a message comes in by l, as far as that does not depend on the message.
func (l *link) ingress() dhcp4.Ingress {
	return dhcp4.Ingress{
		IfIndex: l.index, Interface: l.name, Local: l.local, MTU: l.mtu, Prefixes: l.prefixes,
	}
}

// same says whether what others may know of the table is the same in both.
func (t *table) same(o *table) bool {
	return slices.EqualFunc(t.sorted, o.sorted, func(a, b *link) bool {
		return a.index == b.index && a.name == b.name && a.mac == b.mac && a.up == b.up && a.mtu == b.mtu &&
			a.served == b.served && slices.Equal(a.prefixes, b.prefixes)
	})
}

// links is the table of interfaces and the means to read it anew.
type links struct {
	wanted  []string // names; none means all
	handle  *netlink.Handle
	mu      sync.Mutex // one refresh at a time
	current atomic.Pointer[table]
}

// openLinks reads the interfaces for the first time.
func openLinks(wanted []string) (*links, error) {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, trouble("netlink socket", err)
	}
	ls := &links{wanted: wanted, handle: handle}
	ls.current.Store(&table{})
	if _, err := ls.refresh(); err != nil {
		ls.close()
		return nil, trouble("list of interfaces", err)
	}
	return ls, nil
}

func (ls *links) close() { ls.handle.Close() }

// now returns the table as it was read last.
func (ls *links) now() *table { return ls.current.Load() }

// check returns an error if an interface is wanted that does not exist, or if none can be served.
func (ls *links) check() error {
	t := ls.now()
	var names []string
	for _, l := range t.sorted {
		if !l.loopback {
			names = append(names, l.name)
		}
	}
	for _, name := range ls.wanted {
		if !slices.ContainsFunc(t.sorted, func(l *link) bool { return l.name == name }) {
			return fmt.Errorf("interface %q: not there; there are %s", name, strings.Join(names, ", "))
		}
	}
	if len(t.servedNames()) == 0 {
		return fmt.Errorf("interfaces: none is up with an IPv4 address; give one of %s an address, "+
			"or name those to be served", strings.Join(names, ", "))
	}
	return nil
}

// refresh reads the interfaces anew and says whether anything is different.
func (ls *links) refresh() (changed bool, err error) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	all, err := ls.handle.LinkList()
	if err != nil {
		return false, err
	}
	addrs, err := ls.handle.AddrList(nil, unix.AF_INET)
	if err != nil {
		return false, err
	}
	t := &table{byIndex: map[int]*link{}, local: map[netip.Addr]bool{}}
	for _, a := range all {
		l := linkOf(a.Attrs())
		t.byIndex[l.index] = l
		t.sorted = append(t.sorted, l)
	}
	slices.SortFunc(t.sorted, func(a, b *link) int { return a.index - b.index })
	for _, a := range addrs {
		t.add(a)
	}
	for _, l := range t.sorted {
		l.served = slices.Contains(ls.wanted, l.name) ||
			len(ls.wanted) == 0 && l.up && !l.loopback && l.local.IsValid()
	}
	return !ls.current.Swap(t).same(t), nil
}

// linkOf returns what we need of an interface; addresses come later.
func linkOf(a *netlink.LinkAttrs) *link {
	l := &link{
		index: a.Index, name: a.Name, mtu: a.MTU,
		up:       a.RawFlags&unix.IFF_UP != 0,
		loopback: a.RawFlags&unix.IFF_LOOPBACK != 0,
		ethernet: a.EncapType == "ether" && len(a.HardwareAddr) == 6,
	}
	copy(l.mac[:], a.HardwareAddr)
	return l
}

// add notes an address. The kernel lists the addresses of an interface in the order in which they were given
// to it, secondary ones marked.
func (t *table) add(a netlink.Addr) {
	l, ok := t.byIndex[a.LinkIndex]
	if !ok || a.IPNet == nil {
		return
	}
	addr, ok := netip.AddrFromSlice(a.IP)
	if !ok {
		return
	}
	addr = addr.Unmap()
	bits, _ := a.Mask.Size()
	l.prefixes = append(l.prefixes, netip.PrefixFrom(addr, bits))
	t.local[addr] = true
	if a.Flags&unix.IFA_F_SECONDARY == 0 && !l.local.IsValid() {
		l.local = addr
	}
}

// refreshEvery is how often the interfaces are read even if the kernel tells of no change.
const refreshEvery = 30 * time.Second

// openEvents opens a socket on which the kernel tells of changes of interfaces and their IPv4 addresses.
func openEvents() (*os.File, error) {
	const kind = unix.SOCK_RAW | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK
	fd, err := unix.Socket(unix.AF_NETLINK, kind, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, trouble("netlink socket", err)
	}
	groups := uint32(unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		_ = unix.Close(fd)
		return nil, trouble("netlink socket", err)
	}
	return os.NewFile(uintptr(fd), "netlink"), nil
}

const (
	// settleFor is how long no event must come before the interfaces are read, because events come in bursts.
	settleFor = 20 * time.Millisecond
	// settleEvents is how many events are awaited so at most.
	settleEvents = 100
)

// awaitEvent waits until something has changed, or for refreshEvery, and returns false when the socket is
// closed. What has changed is not looked at: the tables are read whole. A reader that was too slow and missed
// events (ENOBUFS) is therefore none the worse.
func awaitEvent(events *os.File, octets []byte) bool {
	_ = events.SetReadDeadline(time.Now().Add(refreshEvery))
	_, err := events.Read(octets)
	for n := 0; n < settleEvents && err == nil; n++ {
		_ = events.SetReadDeadline(time.Now().Add(settleFor))
		_, err = events.Read(octets)
	}
	return err == nil || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, unix.ENOBUFS)
}
