package logcodec

import (
	"fmt"
	"math"
	"net/netip"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	raftlogv1 "port67/proto/raftlog/v1"
	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// decoder remembers the first error, so that fields can be read in one expression. What it returns after an
// error is without meaning.
type decoder struct {
	level uint32 // that the writer asked for
	err   error
}

func (d *decoder) corrupt(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
	}
}

func (d *decoder) unknown(what string) {
	if d.err == nil {
		d.err = &UnknownKindError{What: what, Level: d.level}
	}
}

// check refuses a message with fields that this release does not know: to pass over them would be to do
// something else than the nodes that know them.
func (d *decoder) check(what string, m proto.Message) {
	b := m.ProtoReflect().GetUnknown()
	if len(b) == 0 {
		return
	}
	if number, _, n := protowire.ConsumeTag(b); n > 0 {
		d.unknown(fmt.Sprintf("%s with field %d", what, number))
		return
	}
	d.corrupt("%s with a field that cannot be read", what)
}

// command has one case for each kind of the contract.
func (d *decoder) command(m *raftlogv1.Command) storage.Command {
	if unknown := m.ProtoReflect().GetUnknown(); len(unknown) > 0 {
		number, _, _ := protowire.ConsumeTag(unknown)
		d.unknown(fmt.Sprintf("command of kind %d", number))
		return nil
	}
	switch k := m.Kind.(type) {
	case *raftlogv1.Command_Offer, *raftlogv1.Command_Bind, *raftlogv1.Command_Extend,
		*raftlogv1.Command_Release, *raftlogv1.Command_Decline, *raftlogv1.Command_Conflict:
		return d.clientCommand(m)
	case *raftlogv1.Command_SetConfig, *raftlogv1.Command_DeleteLease, *raftlogv1.Command_ReleaseLease,
		*raftlogv1.Command_TakeLease, *raftlogv1.Command_ClearDeclined, *raftlogv1.Command_AdvanceTime:
		return d.operatorCommand(m)
	case *raftlogv1.Command_SetBuckets:
		d.check("SetBuckets", k.SetBuckets)
		return d.buckets(k.SetBuckets)
	case nil:
		d.corrupt("command without a kind")
		return nil
	}
	return d.clusterCommand(m)
}

func (d *decoder) clientCommand(m *raftlogv1.Command) storage.Command {
	switch k := m.Kind.(type) {
	case *raftlogv1.Command_Offer:
		c := k.Offer
		d.check("Offer", c)
		return storage.Offer{
			Client: d.client(c.Client), Link: string(c.Link), Wish: d.addr(c.Wish), Asked: d.addr(c.Asked),
		}
	case *raftlogv1.Command_Bind:
		c := k.Bind
		d.check("Bind", c)
		return storage.Bind{
			Client: d.client(c.Client), Link: string(c.Link), Addr: d.addr(c.Addr),
			Mode: storage.Mode(d.octet("mode", c.Mode)), AskedLease: lease.Seconds(c.AskedLease),
		}
	case *raftlogv1.Command_Extend:
		c := k.Extend
		d.check("Extend", c)
		return storage.Extend{
			Addr: d.addr(c.Addr), Key: lease.Key(c.Key), AskedLease: lease.Seconds(c.AskedLease),
			Classes: words(c.Classes), RelayInfo: string(c.RelayInfo),
			HType: d.octet("htype", c.Htype), CHAddr: string(c.Chaddr),
		}
	case *raftlogv1.Command_Release:
		c := k.Release
		d.check("Release", c)
		return storage.Release{
			Addr: d.addr(c.Addr), Key: lease.Key(c.Key),
			HType: d.octet("htype", c.Htype), CHAddr: string(c.Chaddr),
		}
	case *raftlogv1.Command_Decline:
		c := k.Decline
		d.check("Decline", c)
		return storage.Decline{
			Addr: d.addr(c.Addr), Key: lease.Key(c.Key), Held: c.Held,
			HType: d.octet("htype", c.Htype), CHAddr: string(c.Chaddr),
		}
	case *raftlogv1.Command_Conflict:
		c := k.Conflict
		d.check("Conflict", c)
		return storage.Conflict{Addr: d.addr(c.Addr), CHAddr: string(c.Chaddr)}
	}
	return nil
}

func (d *decoder) operatorCommand(m *raftlogv1.Command) storage.Command {
	switch k := m.Kind.(type) {
	case *raftlogv1.Command_SetConfig:
		c := k.SetConfig
		d.check("SetConfig", c)
		return storage.SetConfig{
			Expected: c.Expected, Config: d.config(c.Config), Source: string(c.Source),
			Author: string(c.Author), Comment: string(c.Comment), Wall: c.Wall,
		}
	case *raftlogv1.Command_DeleteLease:
		c := k.DeleteLease
		d.check("DeleteLease", c)
		return storage.DeleteLease{
			Addr: d.addr(c.Addr), Force: c.Force, Author: string(c.Author), Client: lease.Key(c.Client),
		}
	case *raftlogv1.Command_ReleaseLease:
		c := k.ReleaseLease
		d.check("ReleaseLease", c)
		return storage.ReleaseLease{Addr: d.addr(c.Addr), Author: string(c.Author), Client: lease.Key(c.Client)}
	case *raftlogv1.Command_TakeLease:
		c := k.TakeLease
		d.check("TakeLease", c)
		return storage.TakeLease{
			Client: d.client(c.Client), Addr: d.addr(c.Addr), Left: lease.Seconds(c.Left),
			Told: lease.Seconds(c.Told), Age: lease.Seconds(c.Age), Declined: c.Declined, Author: string(c.Author),
		}
	case *raftlogv1.Command_ClearDeclined:
		c := k.ClearDeclined
		d.check("ClearDeclined", c)
		return storage.ClearDeclined{Addr: d.addr(c.Addr), Author: string(c.Author)}
	case *raftlogv1.Command_AdvanceTime:
		c := k.AdvanceTime
		d.check("AdvanceTime", c)
		return storage.AdvanceTime{By: lease.Seconds(c.By), Author: string(c.Author)}
	}
	return nil
}

func (d *decoder) clusterCommand(m *raftlogv1.Command) storage.Command {
	switch k := m.Kind.(type) {
	case *raftlogv1.Command_Tick:
		d.check("Tick", k.Tick)
		return storage.Tick{}
	case *raftlogv1.Command_Found:
		c := k.Found
		d.check("Found", c)
		return storage.Found{
			ClusterID: string(c.ClusterId), CACert: c.CaCert, CAKey: c.CaKey, Node: d.node(c.Node),
		}
	case *raftlogv1.Command_PutNode:
		d.check("PutNode", k.PutNode)
		return storage.PutNode{Node: d.node(k.PutNode.Node)}
	case *raftlogv1.Command_RemoveNode:
		d.check("RemoveNode", k.RemoveNode)
		return storage.RemoveNode{ID: storage.NodeID(k.RemoveNode.Id)}
	case *raftlogv1.Command_ReplaceNode:
		d.check("ReplaceNode", k.ReplaceNode)
		return storage.ReplaceNode{Old: storage.NodeID(k.ReplaceNode.Old), Node: d.node(k.ReplaceNode.Node)}
	case *raftlogv1.Command_DrainNode:
		d.check("DrainNode", k.DrainNode)
		return storage.DrainNode{ID: storage.NodeID(k.DrainNode.Id), Drained: k.DrainNode.Drained}
	case *raftlogv1.Command_AddToken:
		d.check("AddToken", k.AddToken)
		return storage.AddToken{
			Hash: d.hash(k.AddToken.Hash), Expires: lease.Instant(k.AddToken.Expires),
		}
	case *raftlogv1.Command_UseToken:
		d.check("UseToken", k.UseToken)
		return storage.UseToken{Hash: d.hash(k.UseToken.Hash), Node: d.node(k.UseToken.Node)}
	case *raftlogv1.Command_SetLevel:
		d.check("SetLevel", k.SetLevel)
		return storage.SetLevel{Level: k.SetLevel.Level}
	case *raftlogv1.Command_Checkpoint:
		d.check("Checkpoint", k.Checkpoint)
		return storage.Checkpoint{Index: k.Checkpoint.Index, Digest: d.hash(k.Checkpoint.Digest)}
	}
	d.unknown(fmt.Sprintf("command %T", m.Kind))
	return nil
}

func (d *decoder) client(m *raftlogv1.Client) storage.Client {
	if m == nil {
		d.corrupt("command without a client")
		return storage.Client{}
	}
	d.check("Client", m)
	return storage.Client{
		Key: lease.Key(m.Key), HType: d.octet("htype", m.Htype), CHAddr: string(m.Chaddr),
		Hostname: string(m.Hostname), Classes: words(m.Classes), RelayInfo: string(m.RelayInfo),
		Firmware: m.Firmware,
	}
}

// config reads a configuration. One that is whole but cannot be read was written by a release that knows
// more settings: a node that does not honour them must not serve.
func (d *decoder) config(b []byte) *config.Config {
	if b == nil {
		return nil
	}
	c, err := config.Unmarshal(b)
	if err != nil {
		d.unknown(fmt.Sprintf("configuration (%v)", err))
	}
	return c
}

func (d *decoder) node(m *raftlogv1.Node) storage.Node {
	if m == nil {
		d.corrupt("command without a node")
		return storage.Node{}
	}
	d.check("Node", m)
	n := storage.Node{
		ID: storage.NodeID(m.Id), Name: string(m.Name), PeerAddr: string(m.PeerAddr),
		AdminAddr: string(m.AdminAddr), Level: m.Level, Version: string(m.Version),
		Drained: m.Drained, Removed: m.Removed, Was: storage.NodeID(m.Was), Replaced: lease.Instant(m.Replaced),
	}
	for _, a := range m.Addresses {
		n.Addresses = append(n.Addresses, d.addr(a))
	}
	return n
}

func (d *decoder) buckets(m *raftlogv1.SetBuckets) storage.Command {
	c := storage.SetBuckets{Epoch: m.Epoch}
	if len(m.Owners) != len(c.Owners) {
		d.corrupt("%d bucket owners, not %d", len(m.Owners), len(c.Owners))
		return c
	}
	for b, place := range m.Owners {
		switch {
		case place == 0:
		case uint64(place) <= uint64(len(m.Nodes)):
			c.Owners[b] = storage.NodeID(m.Nodes[place-1])
		default:
			d.corrupt("bucket %d belongs to node %d of %d", b, place, len(m.Nodes))
		}
	}
	return c
}

func (d *decoder) result(m *raftlogv1.Result) storage.Result {
	d.check("Result", m)
	r := storage.Result{
		Refusal: storage.Refusal(d.octet("refusal", m.Refusal)), Told: lease.Seconds(m.Told), Known: m.Known,
		Authoritative: m.Authoritative, Revision: m.Revision, Detail: string(m.Detail),
	}
	l := m.Lease
	if l == nil {
		d.corrupt("result without a lease")
		return r
	}
	d.check("Lease", l)
	r.Lease = lease.Lease{
		Addr: d.addr(l.Addr), Client: lease.Key(l.Client), Status: lease.Status(d.octet("status", l.Status)),
		Booked: lease.Instant(l.Booked), Reusable: lease.Instant(l.Reusable), Withheld: lease.Instant(l.Withheld),
		Start: lease.Instant(l.Start),
		Last:  lease.Instant(l.Last), Told: lease.Seconds(l.Told), HType: d.octet("htype", l.Htype),
		CHAddr: string(l.Chaddr), Hostname: string(l.Hostname), RelayInfo: string(l.RelayInfo),
		BOOTP: l.Bootp, Counted: string(l.Counted), Class: string(l.Class), Firmware: l.Firmware,
	}
	return r
}

func (d *decoder) addr(b []byte) netip.Addr {
	a, ok := netip.AddrFromSlice(b)
	if !ok && len(b) != 0 {
		d.corrupt("address of %d octets", len(b))
	}
	return a
}

func (d *decoder) octet(name string, v uint32) uint8 {
	if v > math.MaxUint8 {
		d.corrupt("%s %d is more than an octet", name, v)
	}
	return uint8(v)
}

func (d *decoder) hash(b []byte) (h [32]byte) {
	if len(b) != len(h) {
		d.corrupt("hash of %d octets", len(b))
		return h
	}
	return [32]byte(b)
}

func words(list [][]byte) []string {
	var out []string
	for _, w := range list {
		out = append(out, string(w))
	}
	return out
}
