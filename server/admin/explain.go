package admin

import (
	"context"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"

	adminv1 "port67/proto/admin/v1"
	"port67/server"
	"port67/server/dhcp4"
	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// Explainer says what would come of a client's message. It is the part of this node that answers clients.
type Explainer interface {
	Explain4(ctx context.Context, in server.Datagram) *server.Explanation
	// Served returns for every interface on which clients are served how a message would come in by it.
	Served() []dhcp4.Ingress
	// Trouble says why this node answers nobody at present; empty if it does.
	Trouble() string
}

// explanations is ExplainService.
type explanations struct {
	adminv1.UnimplementedExplainServiceServer
	backend
	explainer Explainer
}

// Explain says what a client would get and why. It asks for what this node knows, as a client would: there is
// no reading as of now.
func (s *explanations) Explain(ctx context.Context, req *adminv1.ExplainRequest,
) (*adminv1.ExplainResponse, error) {
	if s.explainer == nil {
		return nil, &callError{code: codes.Unimplemented, text: "this node serves no clients"}
	}
	var conf *config.Compiled
	var own []netip.Addr
	s.cluster.Read(func(v storage.View) {
		conf = v.Config()
		n, _ := v.Node(s.cluster.Self())
		own = n.Addresses
	})
	if conf == nil {
		return nil, errState("CONFIG", "config", "no configuration is in force: apply one with dhcpctl config "+
			"apply")
	}
	d := described{req: req, config: conf, own: own, served: s.explainer.Served()}
	in, err := d.datagram()
	if err != nil {
		return nil, err
	}
	x := s.explainer.Explain4(ctx, in)
	resp := explanationOf(x)
	resp.Assumed, resp.Packet = d.assumed, hex.EncodeToString(in.Payload)
	if why := s.explainer.Trouble(); why != "" {
		resp.Steps = slices.Insert(resp.Steps, 0, &adminv1.ExplainStep{
			Topic: "node",
			Text:  "it answers nobody at present: " + why + "; what follows is what it would do if it did",
		})
	}
	return resp, nil
}

// explanationOf translates an explanation for the API.
func explanationOf(x *server.Explanation) *adminv1.ExplainResponse {
	octets, most := x.Size()
	out := &adminv1.ExplainResponse{
		Node: x.Names[x.Self], Message: x.Message(), Outcome: x.Outcome.String(),
		OutcomeMeaning: x.Outcome.Meaning(), OutcomeRemedy: x.Outcome.Remedy(), Reply: x.ReplyWord(),
		Destination: x.Destination(), Size: uint32(octets), SizeMax: uint32(most),
		ReplyPacket: hex.EncodeToString(x.Payload), Revision: x.Revision,
	}
	if a := x.Address(); a.IsValid() {
		out.Address = a.String()
	}
	if told, ok := x.LeaseTime(); ok && told != lease.Infinite {
		out.LeaseTime = secondsOf(told)
	}
	for _, l := range x.Lines() {
		out.Steps = append(out.Steps, &adminv1.ExplainStep{Topic: l.Topic, Text: l.Text})
	}
	for _, c := range x.Classes() {
		out.Classes = append(out.Classes, &adminv1.ExplainClass{Name: c.Name, Verdict: c.Verdict, Why: c.Why})
	}
	for _, r := range x.Rungs() {
		out.Rungs = append(out.Rungs, &adminv1.ExplainRung{
			Rung: r.Rung, Where: r.Where, Verdict: r.Verdict, Why: r.Why,
		})
	}
	for _, p := range x.Pools {
		u := p.Use
		out.Pools = append(out.Pools, &adminv1.ExplainPool{
			Range: p.Pool.Range.String(), Open: p.Open, Classes: guardsOf(p.Pool), Usage: &adminv1.Usage{
				Size: u.Size, Used: u.Held, Free: u.Size - u.Held, Bound: u.Bound, Declined: u.Declined,
			},
		})
	}
	for _, o := range x.Options() {
		out.Options = append(out.Options, &adminv1.ExplainReplyOption{
			Code: uint32(o.Code), Name: o.Name, Value: o.Value, Sent: o.Sent, Origin: o.From, Why: o.Why,
		})
	}
	return out
}

// guardsOf returns the classes that a pool and its subnet are for.
func guardsOf(p *config.CompiledPool) []string { return slices.Concat(p.Subnet.Classes, p.Classes) }

// described is the description of a message, to be made into one.
type described struct {
	req    *adminv1.ExplainRequest
	config *config.Compiled
	own    []netip.Addr // of this node
	served []dhcp4.Ingress

	assumed string
	giaddr  netip.Addr
}

// datagram returns the message and how it comes.
func (d *described) datagram() (server.Datagram, error) {
	var in server.Datagram
	var err error
	if d.giaddr, err = d.optionalAddr("relay", d.req.GetRelay()); err != nil {
		return in, err
	}
	ciaddr, err := d.optionalAddr("ciaddr", d.req.GetCiaddr())
	if err != nil {
		return in, err
	}
	if packet := d.req.GetPacket(); len(packet) >= packetMin {
		if g := netip.AddrFrom4([4]byte(packet[giaddrAt:])); !d.giaddr.IsValid() && !g.IsUnspecified() {
			d.giaddr = g
		}
		if c := netip.AddrFrom4([4]byte(packet[ciaddrAt:])); !c.IsUnspecified() {
			ciaddr = c
		}
	}
	if in.Ingress, err = d.ingress(); err != nil {
		return in, err
	}
	in.Ingress.Dst, in.Ingress.Src = netip.AddrFrom4([4]byte{255, 255, 255, 255}), netip.AddrPortFrom(zero, 68)
	switch {
	case d.giaddr.IsValid():
		in.Ingress.Src, in.Ingress.Dst = netip.AddrPortFrom(d.giaddr, 67), in.Ingress.Local
	case ciaddr.IsValid():
		in.Ingress.Src, in.Ingress.Dst = netip.AddrPortFrom(ciaddr, 68), in.Ingress.Local
	}
	in.Payload = slices.Clone(d.req.GetPacket())
	if len(in.Payload) == 0 {
		in.Payload, err = d.message(ciaddr)
	}
	return in, err
}

var zero = netip.IPv4Unspecified()

// optionalAddr reads an IPv4 address out of a field that may be empty.
func (d *described) optionalAddr(field, text string) (netip.Addr, error) {
	if text == "" {
		return netip.Addr{}, nil
	}
	a, err := parseAddr(field, text)
	if err == nil && !a.Is4() {
		err = errField(field, "%v: an IPv4 address is needed", a)
	}
	return a, err
}

// ingress returns how the message comes in: by the interface that is named, by one on the link that is named,
// by any if it is relayed, by the only one that there is.
func (d *described) ingress() (dhcp4.Ingress, error) {
	switch {
	case d.req.GetInterface() != "":
		i := slices.IndexFunc(d.served, func(in dhcp4.Ingress) bool { return in.Interface == d.req.GetInterface() })
		if i < 0 {
			return dhcp4.Ingress{}, errField("interface", "%s: clients are served on %s", d.req.GetInterface(),
				d.interfaces())
		}
		return d.served[i], nil
	case d.req.GetLink() != "":
		return d.onLink(d.req.GetLink())
	case d.giaddr.IsValid():
		return d.anyInterface(), nil
	case len(d.served) == 1:
		return d.served[0], nil
	}
	return dhcp4.Ingress{}, errField("link", "on which link is the client? Name one of the interfaces %s, the "+
		"relay agent, or a subnet", d.interfaces())
}

// interfaces lists the interfaces for people.
func (d *described) interfaces() string {
	var names []string
	for _, in := range d.served {
		names = append(names, in.Interface)
	}
	if len(names) == 0 {
		return "(none)"
	}
	return strings.Join(names, ", ")
}

// anyInterface returns an interface by which a relayed message could come: one that has an address of this
// node.
func (d *described) anyInterface() dhcp4.Ingress {
	for _, in := range d.served {
		if in.Local.IsValid() {
			return in
		}
	}
	in := dhcp4.Ingress{Local: zero}
	if len(d.own) > 0 {
		in.Local = d.own[0]
	}
	return in
}

// onLink returns the interface that this node has on a link. If it has none, a relay agent is assumed there.
func (d *described) onLink(name string) (dhcp4.Ingress, error) {
	i := slices.IndexFunc(d.config.Links, func(l *config.Link) bool {
		return l.Name == name || slices.ContainsFunc(l.Subnets, func(s *config.CompiledSubnet) bool {
			return s.Prefix.String() == name
		})
	})
	if i < 0 {
		return dhcp4.Ingress{}, errField("link", "%s: no shared network and no subnet has that name: see dhcpctl "+
			"subnet list", name)
	}
	link := d.config.Links[i]
	if d.giaddr.IsValid() {
		return d.anyInterface(), nil
	}
	for _, in := range d.served {
		if in.Local.IsValid() && link.Contains(in.Local) {
			return in, nil
		}
	}
	sub := link.Subnets[0]
	for _, s := range link.Subnets {
		if s.Prefix.String() == name {
			sub = s
		}
	}
	d.giaddr = sub.Prefix.Addr().Next()
	if len(sub.Relays) > 0 {
		d.giaddr = sub.Relays[0]
	}
	d.assumed = "relay agent " + d.giaddr.String() + ", as this node has no interface on link " + link.Name
	return d.anyInterface(), nil
}
