package logcodec

import (
	"fmt"
	"net/netip"

	raftlogv1 "port67/proto/raftlog/v1"
	"port67/storage"
)

// encodeCommand has one case for each kind; a kind without one cannot be proposed.
func encodeCommand(c storage.Command) (*raftlogv1.Command, error) {
	e := &encoder{}
	m := &raftlogv1.Command{}
	switch c := c.(type) {
	case storage.Offer, storage.Bind, storage.Extend, storage.Release, storage.Decline,
		storage.Conflict:
		e.clientCommand(m, c)
	case storage.DeleteLease, storage.ReleaseLease, storage.TakeLease, storage.ClearDeclined,
		storage.AdvanceTime, storage.SetConfig:
		e.operatorCommand(m, c)
	default:
		e.clusterCommand(m, c)
	}
	if e.err != nil {
		return nil, e.err
	}
	return m, nil
}

// encoder remembers the first error, so that fields can be written in one expression.
type encoder struct{ err error }

func (e *encoder) fail(err error) {
	if e.err == nil {
		e.err = err
	}
}

func (e *encoder) clientCommand(m *raftlogv1.Command, c storage.Command) {
	switch c := c.(type) {
	case storage.Offer:
		m.Kind = &raftlogv1.Command_Offer{Offer: &raftlogv1.Offer{
			Client: client(c.Client), Link: []byte(c.Link), Wish: e.addr(c.Wish), Asked: e.addr(c.Asked),
		}}
	case storage.Bind:
		m.Kind = &raftlogv1.Command_Bind{Bind: &raftlogv1.Bind{
			Client: client(c.Client), Link: []byte(c.Link), Addr: e.addr(c.Addr),
			Mode: uint32(c.Mode), AskedLease: uint32(c.AskedLease),
		}}
	case storage.Extend:
		m.Kind = &raftlogv1.Command_Extend{Extend: &raftlogv1.Extend{
			Addr: e.addr(c.Addr), Key: []byte(c.Key), AskedLease: uint32(c.AskedLease),
			Classes: list(c.Classes), RelayInfo: []byte(c.RelayInfo),
			Htype: uint32(c.HType), Chaddr: []byte(c.CHAddr),
		}}
	case storage.Release:
		m.Kind = &raftlogv1.Command_Release{Release: &raftlogv1.Release{
			Addr: e.addr(c.Addr), Key: []byte(c.Key), Htype: uint32(c.HType), Chaddr: []byte(c.CHAddr),
		}}
	case storage.Decline:
		m.Kind = &raftlogv1.Command_Decline{Decline: &raftlogv1.Decline{
			Addr: e.addr(c.Addr), Key: []byte(c.Key), Held: c.Held,
			Htype: uint32(c.HType), Chaddr: []byte(c.CHAddr),
		}}
	case storage.Conflict:
		m.Kind = &raftlogv1.Command_Conflict{Conflict: &raftlogv1.Conflict{
			Addr: e.addr(c.Addr), Chaddr: []byte(c.CHAddr),
		}}
	}
}

func (e *encoder) operatorCommand(m *raftlogv1.Command, c storage.Command) {
	switch c := c.(type) {
	case storage.SetConfig:
		m.Kind = &raftlogv1.Command_SetConfig{SetConfig: &raftlogv1.SetConfig{
			Expected: c.Expected, Config: e.config(c), Source: []byte(c.Source),
			Author: []byte(c.Author), Comment: []byte(c.Comment), Wall: c.Wall,
		}}
	case storage.DeleteLease:
		m.Kind = &raftlogv1.Command_DeleteLease{DeleteLease: &raftlogv1.DeleteLease{
			Addr: e.addr(c.Addr), Force: c.Force, Author: []byte(c.Author), Client: []byte(c.Client),
		}}
	case storage.ReleaseLease:
		m.Kind = &raftlogv1.Command_ReleaseLease{ReleaseLease: &raftlogv1.ReleaseLease{
			Addr: e.addr(c.Addr), Author: []byte(c.Author), Client: []byte(c.Client),
		}}
	case storage.TakeLease:
		m.Kind = &raftlogv1.Command_TakeLease{TakeLease: &raftlogv1.TakeLease{
			Client: client(c.Client), Addr: e.addr(c.Addr), Left: uint32(c.Left), Told: uint32(c.Told),
			Age: uint32(c.Age), Declined: c.Declined, Author: []byte(c.Author),
		}}
	case storage.ClearDeclined:
		m.Kind = &raftlogv1.Command_ClearDeclined{ClearDeclined: &raftlogv1.ClearDeclined{
			Addr: e.addr(c.Addr), Author: []byte(c.Author),
		}}
	case storage.AdvanceTime:
		m.Kind = &raftlogv1.Command_AdvanceTime{AdvanceTime: &raftlogv1.AdvanceTime{
			By: uint32(c.By), Author: []byte(c.Author),
		}}
	}
}

func (e *encoder) clusterCommand(m *raftlogv1.Command, c storage.Command) {
	switch c := c.(type) {
	case storage.Tick:
		m.Kind = &raftlogv1.Command_Tick{Tick: &raftlogv1.Tick{}}
	case storage.SetBuckets:
		m.Kind = &raftlogv1.Command_SetBuckets{SetBuckets: buckets(c)}
	case storage.Found:
		m.Kind = &raftlogv1.Command_Found{Found: &raftlogv1.Found{
			ClusterId: []byte(c.ClusterID), CaCert: c.CACert, CaKey: c.CAKey, Node: e.node(c.Node),
		}}
	case storage.PutNode:
		m.Kind = &raftlogv1.Command_PutNode{PutNode: &raftlogv1.PutNode{Node: e.node(c.Node)}}
	case storage.RemoveNode:
		m.Kind = &raftlogv1.Command_RemoveNode{RemoveNode: &raftlogv1.RemoveNode{Id: []byte(c.ID)}}
	case storage.ReplaceNode:
		m.Kind = &raftlogv1.Command_ReplaceNode{ReplaceNode: &raftlogv1.ReplaceNode{
			Old: []byte(c.Old), Node: e.node(c.Node),
		}}
	case storage.DrainNode:
		m.Kind = &raftlogv1.Command_DrainNode{DrainNode: &raftlogv1.DrainNode{
			Id: []byte(c.ID), Drained: c.Drained,
		}}
	case storage.AddToken:
		m.Kind = &raftlogv1.Command_AddToken{AddToken: &raftlogv1.AddToken{
			Hash: c.Hash[:], Expires: int64(c.Expires),
		}}
	case storage.UseToken:
		m.Kind = &raftlogv1.Command_UseToken{UseToken: &raftlogv1.UseToken{
			Hash: c.Hash[:], Node: e.node(c.Node),
		}}
	case storage.SetLevel:
		m.Kind = &raftlogv1.Command_SetLevel{SetLevel: &raftlogv1.SetLevel{Level: c.Level}}
	case storage.Checkpoint:
		m.Kind = &raftlogv1.Command_Checkpoint{Checkpoint: &raftlogv1.Checkpoint{
			Index: c.Index, Digest: c.Digest[:],
		}}
	default:
		e.fail(fmt.Errorf("command %T: has no place in the log", c))
	}
}

func (e *encoder) config(c storage.SetConfig) []byte {
	if c.Config == nil {
		return nil
	}
	b, err := c.Config.Marshal()
	if err != nil {
		e.fail(fmt.Errorf("configuration: %w", err))
	}
	if b == nil {
		b = []byte{}
	}
	return b
}

func (e *encoder) node(n storage.Node) *raftlogv1.Node {
	m := &raftlogv1.Node{
		Id: []byte(n.ID), Name: []byte(n.Name), PeerAddr: []byte(n.PeerAddr), AdminAddr: []byte(n.AdminAddr),
		Level: n.Level, Version: []byte(n.Version), Drained: n.Drained, Removed: n.Removed,
		Was: []byte(n.Was), Replaced: int64(n.Replaced),
	}
	for _, a := range n.Addresses {
		m.Addresses = append(m.Addresses, e.addr(a))
	}
	return m
}

// addr returns the octets of a, none for the zero Addr. A zone means something on one node only.
func (e *encoder) addr(a netip.Addr) []byte {
	if a.Zone() != "" {
		e.fail(fmt.Errorf("address %s: has a zone", a))
	}
	return a.AsSlice()
}

func encodeResult(r storage.Result) (*raftlogv1.Result, error) {
	e := &encoder{}
	m := &raftlogv1.Result{
		Refusal: uint32(r.Refusal), Told: uint32(r.Told), Known: r.Known, Authoritative: r.Authoritative,
		Revision: r.Revision, Detail: []byte(r.Detail),
		Lease: &raftlogv1.Lease{
			Addr: e.addr(r.Lease.Addr), Client: []byte(r.Lease.Client), Status: uint32(r.Lease.Status),
			Booked: int64(r.Lease.Booked), Reusable: int64(r.Lease.Reusable),
			Withheld: int64(r.Lease.Withheld), Start: int64(r.Lease.Start),
			Last: int64(r.Lease.Last), Told: uint32(r.Lease.Told), Htype: uint32(r.Lease.HType),
			Chaddr: []byte(r.Lease.CHAddr), Hostname: []byte(r.Lease.Hostname),
			RelayInfo: []byte(r.Lease.RelayInfo), Bootp: r.Lease.BOOTP,
			Counted: []byte(r.Lease.Counted), Class: []byte(r.Lease.Class), Firmware: r.Lease.Firmware,
		},
	}
	return m, e.err
}

func client(c storage.Client) *raftlogv1.Client {
	return &raftlogv1.Client{
		Key: []byte(c.Key), Htype: uint32(c.HType), Chaddr: []byte(c.CHAddr), Hostname: []byte(c.Hostname),
		Classes: list(c.Classes), RelayInfo: []byte(c.RelayInfo), Firmware: c.Firmware,
	}
}

func list(words []string) [][]byte {
	var out [][]byte
	for _, w := range words {
		out = append(out, []byte(w))
	}
	return out
}

func buckets(c storage.SetBuckets) *raftlogv1.SetBuckets {
	m := &raftlogv1.SetBuckets{Epoch: c.Epoch, Owners: make([]uint32, len(c.Owners))}
	place := map[storage.NodeID]uint32{"": 0}
	for b, id := range c.Owners {
		if _, ok := place[id]; !ok {
			m.Nodes = append(m.Nodes, []byte(id))
			place[id] = uint32(len(m.Nodes))
		}
		m.Owners[b] = place[id]
	}
	return m
}
