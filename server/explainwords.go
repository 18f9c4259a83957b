package server

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"port67/server/dhcp4"
	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// Line is one sentence of an explanation, and what it is about.
type Line struct{ Topic, Text string }

// Meaning says what o is.
func (o Outcome) Meaning() string { return outcomes[o].is }

// Remedy says what an operator should do about o.
func (o Outcome) Remedy() string { return outcomes[o].do }

// Message says what the message is: its type and, of a REQUEST, the state that the client is in.
func (x *Explanation) Message() string {
	word := typeWord(x.Query.Type)
	switch {
	case x.Outcome == Malformed:
		return "no DHCP message"
	case x.Query.Type == dhcp4.LeaseQuery:
		return "LEASEQUERY"
	case x.Query.Type != dhcp4.Request || x.Trace.Mode == 0:
		return word
	}
	return word + " (" + modeWord(x.Trace.Mode) + ")"
}

// modeWord returns a client's state as RFC 2131 §4.3.2 has it.
func modeWord(m storage.Mode) string {
	switch m {
	case storage.Selecting:
		return "selecting"
	case storage.InitReboot:
		return "init-reboot"
	case storage.Renewing:
		return "renewing"
	case storage.Rebinding:
		return "rebinding"
	case storage.BOOTP:
		return "BOOTP"
	}
	return "no state"
}

// Lines says what led to the outcome, step by step.
func (x *Explanation) Lines() []Line {
	var out []Line
	add := func(topic, text string) {
		if text != "" {
			out = append(out, Line{topic, text})
		}
	}
	add("way", x.way())
	if x.Err != nil {
		add("trouble", x.Err.Error())
	}
	if x.Outcome == Malformed || x.Config == nil || x.Query.Type == dhcp4.LeaseQuery {
		return out
	}
	add("link", x.whereAndWhy())
	add("client", x.who())
	if x.Trace.Denied {
		add("denied", "the client is in a class that is not served: "+strings.Join(x.deniedBy(), ", "))
	}
	add("reservation", x.promise())
	for i := range x.Leases {
		add("lease", x.leaseWords(&x.Leases[i]))
	}
	add("turn", x.turn())
	add("cluster", x.cluster())
	for _, l := range x.times() {
		add(l.Topic, l.Text)
	}
	for _, l := range x.bootFields() {
		add(l.Topic, l.Text)
	}
	if x.Payload != nil {
		add("server", x.Trace.ServerID.String())
	}
	return out
}

// way says how the message came.
func (x *Explanation) way() string {
	in := &x.Ingress
	at := ""
	if in.Interface != "" {
		at = " on " + in.Interface
	}
	if x.Outcome != Malformed && x.Query.Relayed() {
		return fmt.Sprintf("relayed by %v%s", x.Query.GIAddr, at)
	}
	return fmt.Sprintf("directly%s, from %v to %v", at, in.Src.Addr(), in.Dst)
}

// whereAndWhy says on which link the client is, and what says so.
func (x *Explanation) whereAndWhy() string {
	t := &x.Trace
	var by string
	switch t.By {
	case dhcp4.ByLinkSelection:
		by = fmt.Sprintf("link selection %v of the relay agent", t.Where)
	case dhcp4.BySubnetSelection:
		by = fmt.Sprintf("subnet selection %v of the client (option 118)", t.Where)
	case dhcp4.ByGIAddr:
		by = fmt.Sprintf("giaddr %v", t.Where)
	case dhcp4.ByAddress:
		by = fmt.Sprintf("the client's address %v", t.Where)
	case dhcp4.ByInterface:
		by = "the addresses of the interface: " + prefixWords(x.Ingress.Prefixes)
	default:
		return ""
	}
	switch {
	case t.Decision.Why == dhcp4.UnknownRelay:
		return "the relay is not one of those that the subnet lists; it was found by " + by
	case t.Subnet == nil:
		return "none has a subnet for " + by
	case t.Subnet.Link.Name != t.Subnet.Prefix.String():
		return fmt.Sprintf("%s, by %s in its subnet %v", t.Subnet.Link.Name, by, t.Subnet.Prefix)
	}
	return fmt.Sprintf("%v, by %s", t.Subnet.Prefix, by)
}

func prefixWords(prefixes []netip.Prefix) string {
	words := make([]string, 0, len(prefixes))
	for _, p := range prefixes {
		words = append(words, p.String())
	}
	if len(words) == 0 {
		return "it has none"
	}
	return strings.Join(words, ", ")
}

// who says what the client is known by.
func (x *Explanation) who() string {
	key, ok := x.Query.ClientKey()
	hw := lease.HardwareKey(x.Query.HType, x.Query.CHAddr[:min(int(x.Query.HLen), len(x.Query.CHAddr))]).String()
	if !ok {
		return "nothing says who it is"
	}
	if _, _, is := key.Hardware(); is {
		return key.String() + ", by its hardware address"
	}
	return key.String() + ", by its client identifier; hardware address " + hw
}

// deniedBy returns the classes of the client that are not served.
func (x *Explanation) deniedBy() []string {
	var out []string
	for _, name := range x.Trace.Decision.Classes {
		if x.Trace.Decision.Config.Denies([]string{name}) {
			out = append(out, name)
		}
	}
	return out
}

// promise says what is reserved for the client.
func (x *Explanation) promise() string {
	r := x.Trace.Reservation
	switch {
	case x.Trace.Subnet == nil:
		return ""
	case r == nil:
		return "none on this link"
	}
	what := "no address, but settings"
	if r.Address.IsValid() {
		what = r.Address.String()
	}
	if r.Hostname != "" {
		what += ", host name " + r.Hostname
	}
	if r.Subnet == nil {
		return fmt.Sprintf("%s, global, known by %s", what, x.Trace.ReservedBy)
	}
	return fmt.Sprintf("%s in subnet %v, known by %s", what, r.Subnet.Prefix, x.Trace.ReservedBy)
}

// leaseWords says what is known of a lease of the client.
func (x *Explanation) leaseWords(l *lease.Lease) string {
	status := l.StatusAt(x.Clock)
	text := fmt.Sprintf("%v, %s", l.Addr, status)
	switch {
	case l.Booked == lease.Never:
		text += ", booked without end"
	case l.Booked > x.Clock:
		text += fmt.Sprintf(", booked for another %s", config.FormatSeconds(x.Clock.Until(l.Booked)))
	case l.Withheld > x.Clock:
		text += fmt.Sprintf(", withheld for another %s", config.FormatSeconds(x.Clock.Until(l.Withheld)))
	case l.FreeFrom() > x.Clock:
		text += fmt.Sprintf(", in grace for another %s", config.FormatSeconds(x.Clock.Until(l.FreeFrom())))
	default:
		text += ", free for others since its grace"
	}
	if key, _ := x.Query.ClientKey(); l.Client != key {
		text += ", under " + l.Client.String()
	}
	return text
}

// turn says which node answers, and after what wait.
func (x *Explanation) turn() string {
	t := &x.Trace
	key, ok := x.Query.ClientKey()
	if !ok || t.First == "" && !t.Decision.Private {
		return ""
	}
	whose := fmt.Sprintf("bucket %d of the clients is that of %s", key.Bucket(), x.node(t.First))
	if t.Chosen {
		whose = "the client names the server identifier of " + x.node(t.First)
	}
	switch {
	case t.Decision.Private:
		return "the message was sent to this node alone, which answers at once"
	case len(t.Ahead) > 0:
		names := make([]string, 0, len(t.Ahead))
		for _, id := range t.Ahead {
			names = append(names, x.node(id))
		}
		return fmt.Sprintf("%s: %s would answer before %s, which waits %v for that and then does what follows",
			whose, strings.Join(names, ", then "), x.node(x.Self), x.Wait)
	case t.First == x.Self:
		return whose + ", which answers at once"
	}
	return fmt.Sprintf("%s, but %s answers at once: nobody before it has answered the client, or hears it",
		whose, x.node(x.Self))
}

// cluster says what the cluster would be asked, and what it would say.
func (x *Explanation) cluster() string {
	ask := ""
	switch c := x.Command.(type) {
	case storage.Bind:
		ask = "to bind an address"
		if c.Addr.IsValid() {
			ask = "to bind " + c.Addr.String()
		}
	case storage.Offer:
		ask = fmt.Sprintf("for any free address, as none is left in this node's part; wished for is %v", c.Wish)
	case storage.Release:
		ask = "to take back " + c.Addr.String()
	case storage.Decline:
		ask = "to take " + c.Addr.String() + " out of service"
	default:
		return x.unasked()
	}
	r := &x.Result
	if r.Refusal != storage.Granted {
		return fmt.Sprintf("it would be asked %s, and refuse: %s", ask, r.Detail)
	}
	text := fmt.Sprintf("it would be asked %s, and agree", ask)
	if r.Lease.Booked == lease.Never {
		return text + "; booked without end"
	}
	if r.Lease.Booked > x.Clock {
		text += "; booked for " + config.FormatSeconds(x.Clock.Until(r.Lease.Booked))
	}
	return text
}

// unasked says why the cluster need not be asked.
func (x *Explanation) unasked() string {
	switch {
	case x.Payload == nil:
		return ""
	case x.Outcome == Offered:
		return "it is not asked: an offer is held by this node until the client takes it"
	case x.Outcome == Renewed && x.Extends:
		return "it is not asked first: the booking is long enough, and would be raised afterwards"
	case x.Outcome == Renewed:
		return "it is not asked: the booking is long enough"
	}
	return "it is not asked: nothing is granted"
}

// levels returns the levels of the configuration that the reply is made from.
func (x *Explanation) levels() []config.Level {
	t := &x.Trace
	if t.Effective == nil {
		return nil
	}
	g := &t.Granted
	return t.Decision.Config.Levels(g.Subnet, g.Pool, g.Reservation, t.Decision.Classes)
}

// LeaseTime returns the lease time that the client would be told; false if it is told none.
func (x *Explanation) LeaseTime() (lease.Seconds, bool) {
	m := &x.Trace.Message
	if x.Payload == nil || m.Type != dhcp4.ACK && m.Type != dhcp4.OfferMsg || x.Query.Type == dhcp4.Inform ||
		x.Trace.Effective == nil {
		return 0, false
	}
	return x.Trace.Granted.Told, true
}

// times says where the lease time and the timers come from.
func (x *Explanation) times() []Line {
	told, ok := x.LeaseTime()
	if !ok {
		return nil
	}
	e, levels := x.Trace.Effective, x.levels()
	from := func(d lease.Seconds, set func(*config.Settings) bool) string {
		return config.FormatSeconds(d) + " (" + config.Origin(levels, set) + ")"
	}
	asked := "the client asks for none"
	if b, _ := x.Query.Options.Get(51); len(b) == 4 {
		asked = "the client asks for " + config.FormatSeconds(secondsOf(b))
	}
	text := fmt.Sprintf("%s: %s; default %s, from %s to %s", config.FormatSeconds(told), asked,
		from(e.LeaseDefault, func(s *config.Settings) bool { return s.Lease.Default != nil }),
		from(e.LeaseMin, func(s *config.Settings) bool { return s.Lease.Min != nil }),
		from(e.LeaseMax, func(s *config.Settings) bool { return s.Lease.Max != nil }))
	if b, _ := x.Query.Options.Get(51); len(b) != 4 && told != e.LeaseDefault {
		text += "; it is what is left of the lease, or of its booking"
	}
	timers := fmt.Sprintf("T1 at %v (%s), T2 at %v (%s)",
		e.T1, config.Origin(levels, func(s *config.Settings) bool { return s.T1 != nil }),
		e.T2, config.Origin(levels, func(s *config.Settings) bool { return s.T2 != nil }))
	return []Line{{"lease time", text}, {"timers", timers}}
}

func secondsOf(b []byte) lease.Seconds {
	return lease.Seconds(b[0])<<24 | lease.Seconds(b[1])<<16 | lease.Seconds(b[2])<<8 | lease.Seconds(b[3])
}

// bootFields says what stands in the fields for clients that boot, and where it comes from.
func (x *Explanation) bootFields() []Line {
	m := &x.Trace.Message
	if x.Payload == nil || x.Trace.Effective == nil {
		return nil
	}
	levels := x.levels()
	var out []Line
	add := func(topic, value string, set func(*config.Settings) bool) {
		from := config.Origin(levels, set)
		if from == "default" {
			from = "what a server says that has nothing set"
		}
		if value != "" {
			out = append(out, Line{topic, value + " (" + from + ")"})
		}
	}
	if m.SIAddr.IsValid() && !m.SIAddr.IsUnspecified() {
		add("siaddr", m.SIAddr.String(), func(s *config.Settings) bool { return s.NextServer.IsValid() })
	}
	add("sname", m.SName, func(s *config.Settings) bool { return s.ServerName != "" })
	add("file", m.File, func(s *config.Settings) bool { return s.BootFile != "" })
	return out
}

// Destination says where the reply goes; empty if there is none.
func (x *Explanation) Destination() string {
	to := &x.To
	switch {
	case x.Payload == nil:
		return ""
	case to.Kind == dhcp4.DestBroadcast:
		return fmt.Sprintf("broadcast on %s, port %d", orWord(x.Ingress.Interface, "the link"), to.Port)
	case to.Kind == dhcp4.DestRaw:
		return fmt.Sprintf("%v port %d, to the hardware address %s on %s without ARP", to.Addr, to.Port,
			config.FormatHardware(to.HW[:]), orWord(x.Ingress.Interface, "the link"))
	case x.Query.Relayed() && to.Addr == x.Query.GIAddr:
		return fmt.Sprintf("the relay at %v port %d", to.Addr, to.Port)
	}
	return fmt.Sprintf("%v port %d, by the routing table", to.Addr, to.Port)
}

func orWord(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// ReplyWord returns what the reply is; empty if there is none.
func (x *Explanation) ReplyWord() string {
	switch {
	case x.Payload == nil:
		return ""
	case x.Trace.Message.Type == dhcp4.OfferMsg && x.Trace.Decision.Instead != 0:
		return "OFFER of no address"
	case x.Trace.Message.Type == dhcp4.OfferMsg:
		return "OFFER"
	case x.Trace.Message.Type == dhcp4.ACK:
		return "ACK"
	case x.Trace.Message.Type == dhcp4.NAK:
		return "NAK"
	case x.Query.Type == 0:
		return "BOOTREPLY"
	}
	return "answer to a leasequery"
}

// Size returns the octets of the datagram that the reply is, headers included, and how many it may have.
func (x *Explanation) Size() (octets, most int) {
	if x.Payload == nil {
		return 0, 0
	}
	return len(x.Payload) + 28, x.Trace.Message.MaxSize
}

// ClassLine is a class, and whether the client is in it.
type ClassLine struct {
	Name string
	// Verdict is true, false, error (which counts as false), undecided, or unused if the configuration uses the
	// class for nothing, so that nobody looks.
	Verdict string
	Why     string // of an error
}

// Classes says of every class of the configuration whether the client is in it; nothing if the message ended
// before that was asked.
func (x *Explanation) Classes() []ClassLine {
	d := &x.Trace.Decision
	if d.Config == nil || len(d.Classes) == 0 {
		return nil
	}
	verdict := func(name string) ClassLine {
		switch why, failed := testError(d.ClassErrors, name); {
		case slices.Contains(d.Classes, config.Undecided(name)):
			return ClassLine{name, "undecided", why}
		case failed:
			return ClassLine{name, "error", why}
		case slices.Contains(d.Classes, name):
			return ClassLine{name, "true", ""}
		}
		return ClassLine{name, "false", ""}
	}
	out := []ClassLine{{d.Classes[0], "true", ""}}
	for _, name := range d.Config.Named {
		out = append(out, verdict(name))
	}
	for i := range d.Config.Config.Classes {
		name := d.Config.Config.Classes[i].Name
		if slices.Contains(d.Config.Named, name) {
			continue
		}
		line := ClassLine{name, "unused", ""}
		if why, failed := testError(d.ClassErrors, name); failed {
			line = ClassLine{name, "error", why}
		}
		out = append(out, line)
	}
	return out
}

// testError returns the error of the test of a class (package classify), if it failed.
func testError(errs []error, class string) (string, bool) {
	for _, err := range errs {
		if why, ok := strings.CutPrefix(err.Error(), "class "+class+": "); ok {
			return why, true
		}
	}
	return "", false
}
