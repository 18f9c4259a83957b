//go:build lab

package lab

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// update is one message of an active leasequery: its type, status (151), what it is about, the state of that (156),
// and base-time (152).
type update struct {
	kind, status byte
	about        netip.Addr
	state        byte
	base         uint32
	octets       []byte
}

// follower is a connection with an active leasequery, and all that came over it.
type follower struct {
	node   *Node
	conn   net.Conn
	came   chan update
	ended  chan error
	base   uint32   // the last base-time
	octets [][]byte // the messages that were waited for
	first  []update // what was read before anybody waited for it
}

// follow begins an active leasequery at a node, with query-start-time unless it is 0.
func follow(h *Host, n *Node, since uint32) (*follower, error) {
	f := &follower{node: n, came: make(chan update, 1000), ended: make(chan error, 1)}
	if err := f.dial(h); err != nil {
		return nil, err
	}
	return f, f.ask(since)
}

func (f *follower) dial(h *Host) error {
	return h.In(func() (err error) {
		f.conn, err = net.DialTimeout("tcp4", net.JoinHostPort(f.node.Addr, "67"), 10*time.Second)
		return err
	})
}

// followByTLS does the same without past ones, by TLS, and demands that the node shows its certificate.
func followByTLS(h *Host, n *Node) (*follower, error) {
	f := &follower{node: n, came: make(chan update, 1000), ended: make(chan error, 1)}
	if err := f.dial(h); err != nil {
		return nil, err
	}
	q := leaseQuery(8, netip.Addr{})
	q[242] = 18
	if _, err := f.conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(q))), q...)); err != nil {
		return nil, err
	}
	answer := make([]byte, 2+300)
	if _, err := io.ReadAtLeast(f.conn, answer, 2+243); err != nil || answer[2+242] != 18 {
		return nil, fmt.Errorf("answer to DHCPTLS: type %d, %w", answer[2+242], err)
	}
	secure := tls.Client(f.conn, &tls.Config{InsecureSkipVerify: true}) // By its URI, below.
	if err := secure.Handshake(); err != nil {
		return nil, err
	}
	f.conn = secure
	if names := secure.ConnectionState().PeerCertificates[0].URIs; len(names) != 1 || names[0].Scheme != "port67" {
		return nil, fmt.Errorf("the node shows %v", names)
	}
	return f, f.ask(0)
}

// ask asks, and begins to read.
func (f *follower) ask(since uint32) error {
	q := leaseQuery(9, netip.Addr{})
	q[242] = 16
	q = append(q[:243], 55, 7, 51, 61, 91, 152, 153, 156, 157)
	if since > 0 {
		q = binary.BigEndian.AppendUint32(append(q, 154, 4), since)
	}
	q = append(q, 255)
	_, err := f.conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(q))), q...))
	go f.read()
	return err
}

// read passes on what comes until the connection ends.
func (f *follower) read() {
	for {
		var length [2]byte
		if _, err := io.ReadFull(f.conn, length[:]); err != nil {
			f.ended <- err
			return
		}
		b := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(f.conn, b); err != nil {
			f.ended <- err
			return
		}
		u := update{kind: b[242], about: netip.AddrFrom4([4]byte(b[12:])), octets: b}
		for o := b[243:]; len(o) > 2 && o[0] != 255; o = o[2+int(o[1]):] {
			switch o[0] {
			case 151:
				u.status = o[2]
			case 152:
				u.base = binary.BigEndian.Uint32(o[2:])
			case 156:
				u.state = o[2]
			}
		}
		f.came <- u
	}
}

// await waits for an update that is wanted, and passes over those that are not.
func (f *follower) await(t *testing.T, what string, wanted func(update) bool) {
	t.Helper()
	var seen []update
	late := time.After(60 * time.Second)
	for {
		came := f.came
		if len(f.first) > 0 { // It came before all that is in the channel.
			came = make(chan update, 1)
			came <- f.first[0]
			f.first = f.first[1:]
		}
		select {
		case u := <-came:
			f.base, f.octets = max(f.base, u.base), append(f.octets, u.octets)
			if seen = append(seen, u); wanted(u) {
				return
			}
		case err := <-f.ended:
			f.ended <- err
			t.Fatalf("%s: %s: the connection ends: %v; seen %+v", f.node.Name, what, err, seen)
		case <-late:
			t.Fatalf("%s: %s: does not come; seen %+v", f.node.Name, what, seen)
		}
	}
}

func isStatus(s byte) func(update) bool {
	return func(u update) bool { return u.kind == 17 && u.status == s }
}

// isAbout is an update about an address: active (13), or unassigned (11) and in a state.
func isAbout(a string, kind, state byte) func(update) bool {
	return func(u update) bool { return u.about.String() == a && u.kind == kind && u.state == state }
}

// Whoever follows any node hears of every lease that is got, renewed, given back or runs out through whatever node;
// after a restart of the node it follows, what it missed comes first (LQ-012).
func TestActiveLeaseQuery(t *testing.T) {
	ctx := t.Context()
	l, err := New(ctx, Options{Config: "renewals: committed\nleasequery: {requesters: [10.67.0.201], tls: allow}\n" + DefaultConfig, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer closeLab(t, l)
	requester, err := l.AddHost(ctx, "requester", LAN, "10.67.0.201/16")
	if err != nil {
		t.Fatal(err)
	}
	var all []*follower
	for _, n := range l.Nodes() {
		f, err := follow(requester, n, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.conn.Close()
		all = append(all, f)
		f.await(t, "ConnectionActive", isStatus(6))
	}
	everywhere := func(what string, wanted func(update) bool) {
		t.Helper()
		for _, f := range all {
			f.await(t, what, wanted)
		}
	}
	client, bound := l.bindUdhcpc(t, 600)
	defer client.End()
	everywhere("bound", isAbout(bound.Address, 13, 2))
	if err := client.Renew(); err != nil {
		t.Fatal(err)
	}
	everywhere("renewed", isAbout(bound.Address, 13, 2))
	if err := client.Release(ctx); err != nil {
		t.Fatal(err)
	}
	everywhere("given back", isAbout(bound.Address, 11, 4))
	short, until := l.bindUdhcpc(t, 10)
	everywhere("bound for a short time", isAbout(until.Address, 13, 2))
	short.End()
	everywhere("run out", isAbout(until.Address, 11, 3))

	i := slices.IndexFunc(l.Nodes(), func(n *Node) bool { return n.Addr != bound.Server && n.Addr != until.Server })
	f := all[i]
	if err := f.node.Kill(); err != nil {
		t.Fatal(err)
	}
	missed, meanwhile := l.bindUdhcpc(t, 600)
	defer missed.End()
	for _, other := range slices.Delete(slices.Clone(all), i, i+1) {
		other.await(t, "bound while another node is down", isAbout(meanwhile.Address, 13, 2))
	}
	if err := f.node.Start(); err != nil {
		t.Fatal(err)
	}
	if err := l.WaitServing(ctx, i+1); err != nil {
		t.Fatal(err)
	}
	again := l.followAgain(t, requester, f)
	defer again.conn.Close()
	again.await(t, "what was missed", func(u update) bool {
		if isStatus(5)(u) {
			t.Error("DataMissing, though the journal reaches back to the last base-time")
		}
		return isAbout(meanwhile.Address, 13, 2)(u)
	})
	again.await(t, "CatchUpComplete", isStatus(7))
	if err := missed.Release(ctx); err != nil {
		t.Fatal(err)
	}
	again.await(t, "given back, after the catch-up", isAbout(meanwhile.Address, 11, 4))
	ancient, err := follow(requester, f.node, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer ancient.conn.Close()
	ancient.await(t, "DataMissing", isStatus(5))
	ancient.await(t, "CatchUpComplete all the same", isStatus(7))
	secure, err := followByTLS(requester, f.node)
	if err != nil {
		t.Fatal(err)
	}
	defer secure.conn.Close()
	secure.await(t, "ConnectionActive by TLS", isStatus(6))
	wellFormed(t, l, slices.Concat(again.octets, ancient.octets, all[(i+1)%3].octets))
}

// bindUdhcpc starts a client on a new host and waits until it has an address.
func (l *Lab) bindUdhcpc(t *testing.T, seconds int) (*Client, Event) {
	t.Helper()
	host, err := l.AddHost(t.Context(), "", LAN, "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.StartClient(host, Udhcpc, seconds)
	if err != nil {
		t.Fatal(err)
	}
	bound, err := c.Await(t.Context(), "bound", 40*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return c, bound
}

// followAgain follows a node that was restarted from the last base-time on, once it is in touch again.
func (l *Lab) followAgain(t *testing.T, h *Host, f *follower) (again *follower) {
	t.Helper()
	err := Poll(t.Context(), f.node.Name+" is followed again", 30*time.Second, func(context.Context) error {
		next, err := follow(h, f.node, f.base)
		if err != nil {
			return err
		}
		select {
		case u := <-next.came:
			if u.kind == 15 {
				_ = next.conn.Close()
				return fmt.Errorf("ends with status %d", u.status)
			}
			next.first = append(next.first, u)
			again = next
			return nil
		case err := <-next.ended:
			return err
		case <-time.After(10 * time.Second):
			_ = next.conn.Close()
			return fmt.Errorf("silent")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// wellFormed has tshark read the messages. It knows no DHCPv4 over TCP, so that it is shown them as datagrams.
func wellFormed(t *testing.T, l *Lab, messages [][]byte) {
	t.Helper()
	var dump strings.Builder
	for _, m := range messages {
		fmt.Fprintf(&dump, "000000 % x\n\n", m)
	}
	text, file := filepath.Join(l.Dir(), "active.txt"), filepath.Join(l.Dir(), "active.pcap")
	if err := os.WriteFile(text, []byte(dump.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "text2pcap", "-u", "67,67", text, file).CombinedOutput()
	if err != nil {
		t.Fatalf("text2pcap: %v: %s", err, out)
	}
	c := &Capture{File: file}
	for filter, want := range map[string]int{
		"dhcp.option.dhcp == 11 || dhcp.option.dhcp == 13 || dhcp.option.dhcp == 17": len(messages),
		"_ws.malformed || _ws.expert.severity >= \"Warning\"":                        0,
	} {
		found, err := c.Filter(t.Context(), filter)
		if err != nil || len(found) != want {
			t.Errorf("%s: %d messages, %v, want %d: %v", filter, len(found), err, want, found)
		}
	}
}
