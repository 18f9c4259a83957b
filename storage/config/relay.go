package config

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// RelayTrust says whose relay agent information (option 82) is believed (RFC 3046 §5).
type RelayTrust struct {
	// Agents are the relay agents that are believed, by giaddr; none means all.
	Agents []netip.Prefix `json:"agents,omitempty"`
	// Others is what becomes of messages of other relay agents.
	Others RelayPolicy `json:"others,omitempty"`
	// Direct is what becomes of messages with option 82 that came through no relay agent: from switches that
	// look into what passes them, and from whoever likes to pass for one (W-045).
	Direct RelayPolicy `json:"direct,omitempty"`
}

// RelayPolicy is what becomes of relay agent information, or of a message that brings it.
type RelayPolicy string

// The policies. The zero RelayPolicy is RelayIgnore for other agents, RelayTake for none.
const (
	RelayTake   RelayPolicy = "take"
	RelayIgnore RelayPolicy = "ignore" // as if there were none
	RelayDrop   RelayPolicy = "drop"   // the message is not answered
)

// Relay is how relay agents are treated that need other treatment than RFC 2131 §4.1 and RFC 3046 have it.
// The first one that fits a message counts. An empty or nil field is as usual.
type Relay struct {
	// Address holds the giaddr of the agents, or the address that they send from.
	Address netip.Prefix `json:"address"`
	// ReplyTo is the address that is answered: RelaySource where giaddr cannot be reached (W-046).
	ReplyTo string `json:"reply_to,omitempty"`
	// ReplyPort is the port that is answered: RelaySource for agents that listen where they sent from, without
	// saying so (RFC 8357).
	ReplyPort string `json:"reply_port,omitempty"`
	// ReturnRelayInfo returns option 82 (RFC 3046 §2.2). Off for agents that pass it on to clients.
	ReturnRelayInfo *bool `json:"return_relay_info,omitempty"`
	// LinkSelection follows sub-option 5 (RFC 3527). Off for agents that send it without need.
	LinkSelection *bool `json:"link_selection,omitempty"`
}

// Where a relay agent is answered.
const (
	RelayGIAddr = "giaddr" // the default of ReplyTo
	RelayServer = "server" // the default of ReplyPort: port 67
	RelaySource = "source"
)

const relaysMax = 256

func (t RelayTrust) withDefaults() RelayTrust {
	if t.Others == "" {
		t.Others = RelayIgnore
	}
	if t.Direct == "" {
		t.Direct = RelayTake
	}
	return t
}

// RelayInfoFrom returns what becomes of the relay agent information of a message: giaddr is 0.0.0.0 if it
// came through no relay agent.
func (c *Compiled) RelayInfoFrom(giaddr netip.Addr) RelayPolicy {
	t := &c.RelayTrust
	if giaddr.IsUnspecified() {
		return t.Direct
	}
	believed := func(p netip.Prefix) bool { return p.Contains(giaddr) }
	if len(t.Agents) == 0 || slices.ContainsFunc(t.Agents, believed) {
		return RelayTake
	}
	return t.Others
}

// Relay returns how the relay agent of that giaddr, which sent from source, is treated; nil if as usual.
func (c *Compiled) Relay(giaddr, source netip.Addr) *Relay {
	for i := range c.Config.Relays {
		if r := &c.Config.Relays[i]; r.Address.Contains(giaddr) || r.Address.Contains(source) {
			return r
		}
	}
	return nil
}

// relays checks who is believed, and who is treated otherwise.
func (v *validator) relays() {
	t := v.config.RelayTrust
	if t.Others != "" && len(t.Agents) == 0 {
		v.problem("relay-trust.others", "%s, without agents: all are believed unless those are named",
			string(t.Others))
	}
	for _, p := range []struct {
		key string
		is  RelayPolicy
	}{{"others", t.Others}, {"direct", t.Direct}} {
		if p.is != "" && p.is != RelayTake && p.is != RelayIgnore && p.is != RelayDrop {
			v.problem("relay-trust."+p.key, "%q: either take, ignore or drop", string(p.is))
		}
	}
	if n := max(len(t.Agents), len(v.config.Relays)); n > relaysMax {
		v.problem("relays", "%d relay agents: at most %d; write prefixes", n, relaysMax)
	}
	for i, p := range t.Agents {
		v.relayPrefix("relay-trust.agents["+strconv.Itoa(i)+"]", p, slices.Contains(t.Agents[:i], p))
	}
	for i := range v.config.Relays {
		r, path := &v.config.Relays[i], "relays["+strconv.Itoa(i)+"]"
		v.relayPrefix(path+".address", r.Address, slices.ContainsFunc(v.config.Relays[:i], func(o Relay) bool {
			return o.Address == r.Address
		}))
		v.oneOf(path+".reply-to", r.ReplyTo, RelayGIAddr, RelaySource)
		v.oneOf(path+".reply-port", r.ReplyPort, RelayServer, RelaySource)
		if r.ReplyTo == "" && r.ReplyPort == "" && r.ReturnRelayInfo == nil && r.LinkSelection == nil {
			v.problem(path, "nothing is said of it: set reply-to, reply-port, return-relay-info or link-selection")
		}
	}
}

func (v *validator) relayPrefix(path string, p netip.Prefix, twice bool) {
	switch {
	case !p.IsValid() || !p.Addr().Is4():
		v.problem(path, "no IPv4 address and no prefix")
	case p != p.Masked():
		v.problem(path, "%s has bits behind its length: write %s", p, p.Masked())
	case twice:
		v.problem(path, "%s stands twice: keep one", FormatRequester(p))
	}
}

// oneOf checks a word that may be left out.
func (v *validator) oneOf(path, is string, words ...string) {
	if is != "" && !slices.Contains(words, is) {
		v.problem(path, "%q: either %s", is, strings.Join(words, " or "))
	}
}

// relays adds who is believed, and who is treated otherwise.
func (f *flattener) relays(c *Config) {
	t := c.RelayTrust
	f.leaf("", "trusted relay agents", len(t.Agents) > 0, joined(t.Agents, FormatRequester))
	f.leaf("", "messages of other relay agents", t.Others != "", string(t.Others))
	f.leaf("", "relay agent information without relay agent", t.Direct != "", string(t.Direct))
	for i := range c.Relays {
		r := &c.Relays[i]
		path := "relay agents " + FormatRequester(r.Address)
		f.leaf("", path, true, "")
		f.leaf(path, "answered at", r.ReplyTo != "", r.ReplyTo)
		f.leaf(path, "answered at port", r.ReplyPort != "", r.ReplyPort)
		for _, b := range []struct {
			name string
			is   *bool
		}{{"option 82 returned", r.ReturnRelayInfo}, {"link selection", r.LinkSelection}} {
			if b.is != nil {
				f.leaf(path, b.name, true, strconv.FormatBool(*b.is))
			}
		}
	}
}

// place is what a relay agent says of where a client is. An empty value is not said, or not asked for.
type place struct{ circuit, remote, relay string }

// placeKinds is a set of kinds that name a place.
type placeKinds uint8

const (
	withCircuit placeKinds = 1 << iota
	withRemote
	withRelay
)

// only returns the values of p that kinds names. It is false if one of them is missing.
func (p place) only(kinds placeKinds) (place, bool) {
	if kinds&withCircuit == 0 {
		p.circuit = ""
	}
	if kinds&withRemote == 0 {
		p.remote = ""
	}
	if kinds&withRelay == 0 {
		p.relay = ""
	}
	return p, p.kinds() == kinds
}

func (p place) kinds() placeKinds {
	var k placeKinds
	if p.circuit != "" {
		k |= withCircuit
	}
	if p.remote != "" {
		k |= withRemote
	}
	if p.relay != "" {
		k |= withRelay
	}
	return k
}

// words returns what p names, in words.
func (p place) words() string {
	var words []string
	for _, f := range []struct {
		kind  Identifier
		value string
	}{{ByCircuitID, p.circuit}, {ByRemoteID, p.remote}, {ByRelayID, p.relay}} {
		if f.value != "" {
			words = append(words, string(f.kind)+" "+hex.EncodeToString([]byte(f.value)))
		}
	}
	return strings.Join(words, " ")
}
