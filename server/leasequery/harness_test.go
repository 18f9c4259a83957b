package leasequery

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"port67/server/dhcp4"
	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

// world is a state with two subnets, in which the agent at 10.67.0.1 and those in 10.68.0.0/30 may ask.
type world struct {
	t     *testing.T
	state *storage.State
	index uint64
	now   lease.Instant
	fresh bool
}

const wall = 1_800_000_000 // of lease.Genesis

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, state: storage.New(), now: lease.Genesis, fresh: true}
	c := &config.Config{
		Settings: config.Settings{Options: []config.Option{{Code: 6, Data: []byte{10, 67, 0, 53}}}},
		Subnets: []config.Subnet{
			{
				Prefix: netip.MustParsePrefix("10.67.0.0/24"),
				Pools:  []config.Pool{{Range: config.AddrRange{First: ip("10.67.0.100"), Last: ip("10.67.0.199")}}},
				Settings: config.Settings{Options: []config.Option{{Code: 3, Data: []byte{10, 67, 0, 1}}},
					NeverSend: []uint8{42}, AlwaysSend: []uint8{26}},
			},
			{
				Prefix: netip.MustParsePrefix("10.68.0.0/22"),
				Pools:  []config.Pool{{Range: config.AddrRange{First: ip("10.68.0.10"), Last: ip("10.68.3.250")}}},
			},
		},
		LeaseQuery: config.LeaseQuery{Requesters: []netip.Prefix{
			netip.MustParsePrefix("10.67.0.1/32"), netip.MustParsePrefix("10.68.0.0/30"),
		}},
	}
	w.must(storage.Found{ClusterID: "test", Node: storage.Node{ID: "n1", Name: "n1", Level: 1}})
	w.must(storage.SetConfig{Config: c})
	w.must(storage.Tick{})
	return w
}

func (w *world) apply(c storage.Command) storage.Result {
	w.index++
	return w.state.Apply(w.index, storage.Entry{At: w.now, Commands: []storage.Command{c}})[0]
}

func (w *world) must(c storage.Command) {
	w.t.Helper()
	if r := w.apply(c); r.Refusal != storage.Granted {
		w.t.Fatalf("scene: %T refused: %d %s", c, r.Refusal, r.Detail)
	}
}

func (w *world) pass(d lease.Seconds) { w.now = w.now.Add(d); w.must(storage.Tick{}) }

func (w *world) moment() Moment {
	return Moment{Cluster: w.now, Fresh: w.fresh, Unix: wall + int64(w.now-lease.Genesis)}
}

func (w *world) view() storage.View { return storage.ViewOf(w.state) }

// client is a client with a hardware address, and with an identifier if id is not empty.
func client(n byte, id, relayInfo string) storage.Client {
	hw := []byte{2, 0x67, 0, 0, 0, n}
	c := storage.Client{Key: lease.HardwareKey(1, hw), HType: 1, CHAddr: string(hw), RelayInfo: relayInfo}
	if id != "" {
		c.Key = lease.ClientIDKey([]byte(id))
	}
	return c
}

func (w *world) bind(c storage.Client, a string) {
	w.t.Helper()
	w.must(storage.Bind{Client: c, Addr: ip(a), Mode: storage.Selecting})
}

func sub(code byte, value string) string { return string([]byte{code, byte(len(value))}) + value }

// ask is a question; what it names is added to it.
func ask(kind dhcp4.MessageType, change ...func(*dhcp4.Query)) *dhcp4.Query {
	zero := netip.IPv4Unspecified()
	q := &dhcp4.Query{XID: 0x67, CIAddr: zero, YIAddr: zero, SIAddr: zero, GIAddr: zero, Cookie: true, Type: kind}
	if kind == dhcp4.LeaseQuery {
		q.GIAddr = ip("10.67.0.1")
	}
	for _, f := range change {
		f(q)
	}
	return q
}

func byAddr(a string) func(*dhcp4.Query) { return func(q *dhcp4.Query) { q.CIAddr = ip(a) } }

func from(giaddr string) func(*dhcp4.Query) { return func(q *dhcp4.Query) { q.GIAddr = ip(giaddr) } }

func byMAC(n byte) func(*dhcp4.Query) {
	return func(q *dhcp4.Query) {
		q.HType, q.HLen = 1, 6
		copy(q.CHAddr[:], []byte{2, 0x67, 0, 0, 0, n})
	}
}

func with(code uint8, data string) func(*dhcp4.Query) {
	return func(q *dhcp4.Query) { q.Options.Append(code, []byte(data)) }
}

func listing(codes ...byte) func(*dhcp4.Query) { return with(optParameterList, string(codes)) }

// ingress is how the question came to this node at 10.67.0.2.
func ingress() *dhcp4.Ingress {
	return &dhcp4.Ingress{IfIndex: 3, Src: netip.MustParseAddrPort("10.67.0.1:67"), Dst: ip("10.67.0.2"),
		Local: ip("10.67.0.2")}
}

var words = map[dhcp4.MessageType]string{
	dhcp4.LeaseActive: "ACTIVE", dhcp4.LeaseUnassigned: "UNASSIGNED", dhcp4.LeaseUnknown: "UNKNOWN",
	dhcp4.LeaseQueryDone: "DONE", dhcp4.LeaseQueryStatus: "STATUS", dhcp4.TLS: "TLS",
}

// describe tells a message in a line: type, ciaddr, last octet of the hardware address, options.
func describe(m *dhcp4.Message) string {
	var b strings.Builder
	b.WriteString(words[m.Type])
	if !m.CIAddr.IsUnspecified() {
		fmt.Fprintf(&b, " %v", m.CIAddr)
	}
	if m.HLen > 0 {
		fmt.Fprintf(&b, " hw=%d:%d", m.HType, m.CHAddr[m.HLen-1])
	}
	for _, o := range m.Options {
		switch o.Code {
		case optMessageType:
			if len(o.Data) != 1 || o.Data[0] != byte(m.Type) {
				fmt.Fprintf(&b, " 53=%x", o.Data)
			}
		case optLeaseTime, optT1, optT2, optLastTransaction, optStateStart:
			fmt.Fprintf(&b, " %d=%ds", o.Code, uint32(o.Data[0])<<24|uint32(o.Data[1])<<16|uint32(o.Data[2])<<8|
				uint32(o.Data[3]))
		case optClientID, optRelayInfo, optStatus:
			fmt.Fprintf(&b, " %d=%q", o.Code, o.Data)
		default:
			fmt.Fprintf(&b, " %d=%x", o.Code, o.Data)
		}
	}
	return b.String()
}

// nobody is a copy of c in which nobody may ask.
func nobody(c config.Config) *config.Config {
	c.LeaseQuery = config.LeaseQuery{}
	return &c
}
