package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	adminv1 "port67/proto/admin/v1"
)

// description is what the flags of explain say of a message.
type description struct {
	adminv1.ExplainRequest
	options []string
	file    string
	arch    uint16
	node    string
}

// explainCommand says what a client would get.
func (t *tool) explainCommand() *cobra.Command {
	var d description
	c := &cobra.Command{
		Use:   "explain",
		Short: "Say what a client would get, and why",
		Long: `Say what a client would get, and why: on which link it is, which classes it is in,
what is reserved for it, where an address was looked for, what the cluster would
say, and of every option of the reply the level of the configuration that it comes
from. Silence is explained like an answer.

The message is made of the flags, or is that of a file (--packet). It goes the way
that it would go if the node heard it now, through the same code. Nothing is sent,
nothing is changed, no address is held.

Where the client is, say --relay (giaddr), --interface (of the node that answers
you) or --link. For a link on which the node has no interface a relay agent is
assumed. A request with --asked alone is that of a client that restarted
(INIT-REBOOT), with --server-id as well that of one that was offered the address,
with --ciaddr a renewal.`,
		Example: `  dhcpctl explain --hardware 02:67:00:00:00:01 --link 10.67.0.0/16
  dhcpctl explain --hardware 02:67:00:00:00:01 --relay 10.68.0.1 --circuit-id text:ge-0/0/1 \
      --vendor-class PXEClient:Arch:00007 --arch 7 --request 1,3,6,66,67
  dhcpctl explain --message request --hardware 02:67:00:00:00:05 --ciaddr 10.67.1.5
  dhcpctl explain --packet heard.hex --interface eth0 -o json | jq .outcome`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := d.complete(c, t.in); err != nil {
				return err
			}
			if err := t.askNode(c, d.node); err != nil {
				return err
			}
			resp, err := call(t, c, waitDefault, adminv1.NewExplainServiceClient,
				adminv1.ExplainServiceClient.Explain, &d.ExplainRequest)
			if err != nil {
				return err
			}
			return t.show(resp, func(wide bool) error { return t.explanation(resp, wide) })
		},
	}
	d.flags(c)
	return c
}

// flags adds what describes a message and its way.
func (d *description) flags(c *cobra.Command) {
	f, r := c.Flags(), &d.ExplainRequest
	f.StringVar(&r.Message, "message", "", "discover (the default), request, inform or bootp")
	f.StringVar(&r.Hardware, "hardware", "", "Ethernet address of the client")
	f.StringVar(&r.ClientId, "client-id", "",
		"client identifier (option 61): hex digits, type octet included, or text:NAME")
	f.StringVar(&r.Asked, "asked", "", "address that the client asks for (option 50)")
	f.StringVar(&r.Ciaddr, "ciaddr", "", "address that the client has")
	f.StringVar(&r.ServerId, "server-id", "", "server that the client chose (option 54)")
	f.StringVar(&r.VendorClass, "vendor-class", "", "vendor class identifier (option 60)")
	f.StringVar(&r.UserClass, "user-class", "", "user class (option 77)")
	f.Uint16Var(&d.arch, "arch", 0, "architecture of firmware that boots (option 93)")
	f.StringArrayVar(&d.options, "option", nil,
		"NAME=VALUE: another option that the client sends, as in the configuration file; may be repeated")
	f.StringSliceVar(&r.Requested, "request", nil,
		"options that the client asks for, by name or code (option 55)")
	f.BoolVar(&r.Broadcast, "broadcast", false, "the client hears broadcasts only (its broadcast flag is set)")
	f.StringVar(&r.Relay, "relay", "", "relay agent that the message comes through (giaddr)")
	f.StringVar(&r.CircuitId, "circuit-id", "", "circuit ID that the relay agent adds: hex digits or text:NAME")
	f.StringVar(&r.RemoteId, "remote-id", "", "remote ID that it adds, the same")
	f.StringVar(&r.RelayId, "relay-id", "", "relay ID that it adds, the same")
	f.StringVar(&r.Interface, "interface", "", "interface of the node on which the message comes")
	f.StringVar(&r.Link, "link", "", "shared network, or prefix of a subnet, on which the client is")
	f.StringVar(&d.file, "packet", "",
		"file with the octets of the message in hex digits (UDP payload), instead of a description; - is stdin")
	f.StringVar(&d.node, "node", "", "node that is to explain it (default: the one that answers this tool)")
}

// complete takes what no flag writes into the request by itself.
func (d *description) complete(c *cobra.Command, in io.Reader) error {
	if c.Flags().Changed("interface") && c.Flags().Changed("link") {
		return usagef(c, "--interface and --link: two ways to say where the client is: give one of them")
	}
	for _, flag := range []string{
		"message", "hardware", "client-id", "asked", "ciaddr", "server-id", "vendor-class", "user-class", "arch",
		"option", "request", "broadcast", "circuit-id", "remote-id", "relay-id",
	} {
		if c.Flags().Changed("packet") && c.Flags().Changed(flag) {
			return usagef(c, "--packet and --%s: the message is in the file as it is: leave --%s out", flag, flag)
		}
	}
	if c.Flags().Changed("arch") {
		arch := uint32(d.arch)
		d.Architecture = &arch
	}
	for _, o := range d.options {
		name, value, ok := strings.Cut(o, "=")
		if !ok {
			return usagef(c, "--option %s: NAME=VALUE is needed", o)
		}
		d.Options = append(d.Options, &adminv1.ExplainOption{Name: name, Value: value})
	}
	if d.file == "" {
		return nil
	}
	var text []byte
	var err error
	if d.file == "-" {
		text, err = io.ReadAll(in)
	} else {
		text, err = os.ReadFile(d.file)
	}
	if err != nil {
		return err
	}
	digits := strings.NewReplacer(":", "", " ", "", "\t", "", "\n", "", "\r", "").Replace(string(text))
	d.Packet, err = hex.DecodeString(digits)
	if err != nil || len(d.Packet) == 0 {
		return fmt.Errorf("packet %s: pairs of hex digits are needed, the payload of a UDP datagram from op on",
			d.file)
	}
	return nil
}

// askNode goes to the node of that name, if it is not the one that answers already.
func (t *tool) askNode(c *cobra.Command, name string) error {
	if name == "" {
		return nil
	}
	resp, err := call(t, c, waitDefault, adminv1.NewClusterServiceClient, adminv1.ClusterServiceClient.ListNodes,
		&adminv1.ListNodesRequest{})
	if err != nil {
		return err
	}
	var names []string
	for _, n := range resp.GetNodes() {
		names = append(names, n.GetName())
		switch {
		case n.GetName() != name && n.GetId() != name:
			continue
		case n.GetSelf():
			return nil
		case len(t.link.servers) == 0:
			return fmt.Errorf("node %s: the local socket leads to the node of this machine only: use --server or "+
				"--context", name)
		case n.GetAdminAddress() == "":
			return fmt.Errorf("node %s: it has no port for administrators: set admin-listen there", name)
		}
		_ = t.conn.Close() // What it was asked was answered.
		t.conn, t.link.servers = nil, []string{n.GetAdminAddress()}
		return nil
	}
	return fmt.Errorf("node %s: not a member: there are %s", name, joinWords(names))
}

// explanation prints an explanation for people.
func (t *tool) explanation(x *adminv1.ExplainResponse, wide bool) error {
	var p pairs
	p.add("message", x.GetMessage()+", as "+x.GetNode()+" would take it")
	p.add("assumed", x.GetAssumed())
	for _, s := range x.GetSteps() {
		p.add(s.GetTopic(), s.GetText())
	}
	p.add("answer", answerWords(x))
	p.add("outcome", x.GetOutcome()+": "+x.GetOutcomeMeaning())
	if x.GetOutcomeRemedy() != "Nothing." {
		p.add("what to do", x.GetOutcomeRemedy())
	}
	if err := p.print(t.out); err != nil {
		return err
	}
	for _, table := range explanationTables(x) {
		if len(table.rows) == 0 {
			continue
		}
		fmt.Fprintln(t.out)
		if err := table.print(t.out, wide); err != nil {
			return err
		}
	}
	if wide && x.GetReplyPacket() != "" {
		fmt.Fprintf(t.out, "\nmessage %s\nreply   %s\n", x.GetPacket(), x.GetReplyPacket())
	}
	return nil
}

// answerWords says what the client would hear.
func answerWords(x *adminv1.ExplainResponse) string {
	if x.GetReply() == "" {
		return "none: the client hears nothing"
	}
	text := x.GetReply()
	if x.GetAddress() != "" {
		text += " of " + x.GetAddress()
	}
	if x.GetLeaseTime() != nil {
		text += " for " + span(x.GetLeaseTime())
	}
	text += fmt.Sprintf(", %d octets", x.GetSize())
	if x.GetSizeMax() > 0 {
		text += fmt.Sprintf(" of at most %d", x.GetSizeMax())
	}
	return text + ", to " + x.GetDestination()
}

// explanationTables returns the lists of an explanation.
func explanationTables(x *adminv1.ExplainResponse) []columns {
	classes := columns{names: []string{"CLASS", "MEMBER", "WHY"}}
	for _, c := range x.GetClasses() {
		classes.add(c.GetName(), c.GetVerdict(), orNone(c.GetWhy()))
	}
	rungs := columns{names: []string{"ADDRESS LOOKED FOR", "WHERE", "RESULT", "WHY"}}
	for _, r := range x.GetRungs() {
		rungs.add(r.GetRung(), orNone(r.GetWhere()), r.GetVerdict(), orNone(r.GetWhy()))
	}
	pools := columns{names: []string{"POOL", "OPEN", "USED", "SIZE", "DECLINED", "CLASSES"}}
	for _, p := range x.GetPools() {
		u := p.GetUsage()
		pools.add(p.GetRange(), yesNo(p.GetOpen()), u.GetUsed(), u.GetSize(), u.GetDeclined(),
			orNone(joinWords(p.GetClasses())))
	}
	sent := columns{names: []string{"OPTION", "NAME", "VALUE", "FROM"}}
	left := columns{names: []string{"LEFT OUT", "NAME", "VALUE", "WHY"}}
	for _, o := range x.GetOptions() {
		if o.GetSent() {
			sent.add(fmt.Sprint(o.GetCode()), o.GetName(), orNone(o.GetValue()), orNone(o.GetOrigin()))
		} else {
			left.add(fmt.Sprint(o.GetCode()), o.GetName(), orNone(o.GetValue()), o.GetWhy())
		}
	}
	return []columns{classes, rungs, pools, sent, left}
}
